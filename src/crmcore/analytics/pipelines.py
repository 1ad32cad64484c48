"""The sales pipeline: what is open, what was won, how fast, and where deals are lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import attrs

from crmcore.analytics.board import GONE, Board, set_up
from crmcore.analytics.cells import DAY, checked_format, instant_at, micros
from crmcore.analytics.deals import LOST, OPEN, WON, Deals, read_deals
from crmcore.analytics.pipeline_report import CycleDays, PipelineReport
from crmcore.analytics.quantiles import quantile
from crmcore.analytics.reach import NOWHERE
from crmcore.analytics.results import Provenance
from crmcore.analytics.scope import Scope
from crmcore.analytics.stages import Stage, StageConversion, StageOrder, TimeInStage
from crmcore.analytics.visits import Visits, read_visits
from crmcore.kernel import calendar
from crmcore.kernel.calendar import Period
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money
from crmcore.kernel.rates import Rates

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["pipeline"]


def pipeline(
    deals: Source,
    *,
    visits: Source | None = None,
    stages: StageOrder | Iterable[str] | Iterable[Stage] | None = None,
    at: datetime | date | str | None = None,
    period: Period | str | None = None,
    by: str | None = None,
    currency: str | None = None,
    rates: Rates | None = None,
    zone: str | ZoneInfo = "UTC",
    id: str = "id",
    status: str = "status",
    stage: str = "stage",
    opened_at: str = "opened_at",
    closed_at: str = "closed_at",
    amount: str = "amount",
    probability: str = "probability",
    owner: str = "owner",
    account: str = "account",
    product: str = "product",
    date_format: str | None = None,
    undated: Literal["keep", "drop"] = "keep",
    n_min: int = 10,
) -> PipelineReport:
    """Report on a sales pipeline: value, win rate, cycle, velocity, stages.

    Deals are open, won or lost by their ``status``; without that column, by their ``stage`` and ``stages``.
    What happened after ``at`` is not looked at: a deal closed later counts as open, without a probability.

    Args:
        deals: One row a deal: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        visits: The stage history, one row a visit: ``deal``, ``stage``, ``entered_at``, ``left_at`` (missing while
            the deal is still there; without the column, until its next visit).
        stages: The open stages in order; needed for anything about stages.
        at: The as-of instant, a bare date meaning its end; by default the latest instant in the data.
        period: Restricts closed deals to those closed in it and the cohort to those opened in it: ``"2026-Q3"``.
        by: Also report for each ``owner``, ``account``, ``product``, or value of any other column.
        currency: The ISO 4217 code to report in, and of amounts that are bare numbers.
        rates: Dated exchange rates. Closed deals are converted at their closing day, open ones at the as-of.
        zone: The time zone in which bare dates and naive instants are read.
        id: The column of the deal's id; each may stand once.
        status: The column that says open, won or lost.
        stage: The column of the stage the deal is in.
        opened_at: The column of the date or instant of opening.
        closed_at: The column of the last closing; on an open deal it is only expected, and not looked at.
        amount: The column of amounts: Money, or numbers in ``currency``, in major units.
        probability: The column of the chance of winning, a fraction from 0 to 1; of open deals only.
        owner: The column of the owner.
        account: The column of the account.
        product: The column of the product.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.
        undated: Whether deals without an opening date are kept (they count in no cycle) or dropped.
        n_min: How many deals must have reached a stage for it to be the bottleneck.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with a table or an argument: rows, columns and mends.

    Example:
        >>> from crmcore.analytics import pipeline
        >>> report = pipeline(
        ...     [
        ...         {"id": 1, "status": "won", "opened_at": "2026-01-05", "closed_at": "2026-01-25", "amount": 900},
        ...         {"id": 2, "status": "lost", "opened_at": "2026-01-08", "closed_at": "2026-02-01", "amount": 500},
        ...         {"id": 3, "status": "open", "opened_at": "2026-02-01", "amount": 400, "probability": 0.5},
        ...     ],
        ...     currency="EUR",
        ... )
        >>> report
        <PipelineReport at 2026-02-01: 3 deals, 1 open, 1 won, 1 lost, win rate 50.00%>
        >>> print(report.weighted_value, report.velocity, report.won_cycle_days, sep="; ")
        1,100.00 EUR; 45.00 EUR; 20.00 mean, 20.0 median, n 1
    """
    place = calendar.zone(zone)
    order = None if stages is None else StageOrder.of(stages)
    names = {
        "id": id,
        "status": status,
        "stage": stage,
        "opened_at": opened_at,
        "closed_at": closed_at,
        "amount": amount,
        "probability": probability,
        "owner": owner,
        "account": account,
        "product": product,
    }
    _check(names, by=by, rates=rates, undated=undated, n_min=n_min, history=visits is None or order is not None)
    told = read_deals(
        deals, names, by=by, order=order, zone=place, date_format=checked_format(date_format), currency=currency
    )
    history = read_visits(visits, told, order, place, date_format) if visits is not None and order else None
    until = _latest(told, history) if at is None else instant_at(micros(calendar.moment(at, zone=place)))
    span = period if period is None or isinstance(period, Period) else calendar.period(period, zone=place)
    board = set_up(
        told, history, order, Scope.of(until, span),
        zone=place, currency=currency, rates=rates, keep_undated=undated == "keep",
    )  # fmt: skip
    made = Provenance(
        at=until,
        at_given=at is not None,
        period=span,
        zone=place.key,
        currency=board.currency,
        exclusions=FrozenMap(board.exclusions),
    )
    figures = _Figures(board, order, n_min, made, by)
    return figures.of(range(len(board.state)), groups=figures.groups())


def _check(
    names: Mapping[str, object], *, by: object, rates: object, undated: object, n_min: object, history: bool
) -> None:
    """Everything wrong with the arguments that no table is needed to see."""
    wrong = [
        (not isinstance(by, str | None), "by", by, "the name of a column", 'say by="owner"'),
        (not isinstance(rates, Rates | None), "rates", rates, "exchange rates", "give Rates([Rate(…), …])"),
        (undated not in ("keep", "drop"), "undated", undated, "keep or drop", 'say undated="keep"'),
        (type(n_min) is not int, "n_min", n_min, "a whole number of deals", "say n_min=10"),
        (not history, "stages", None, "the open stages in order, for visits", 'say stages=["demo", "proposal"]'),
        *((not isinstance(name, str), role, name, "the name of a column", "give text") for role, name in names.items()),
    ]
    problems = [Problem(path, value, expected, mend) for is_wrong, path, value, expected, mend in wrong if is_wrong]
    if problems:
        raise Invalid(problems)


def _latest(deals: Deals, visits: Visits | None) -> datetime | None:
    found = [deals.opened.latest(), deals.closed.latest(), visits.latest if visits else None]
    known = [instant for instant in found if instant is not None]
    return instant_at(max(known)) if known else None


@attrs.frozen(eq=False)
class _Figures:
    """Makes the report of any part of a board."""

    board: Board
    order: StageOrder | None
    n_min: int
    made: Provenance
    by: str | None

    def of(
        self, rows: Sequence[int], *, groups: dict[object, PipelineReport] | None = None, group: object = None
    ) -> PipelineReport:
        board, deals = self.board, self.board.deals
        state, minor, opened = board.state, board.minor, deals.opened.micros
        open_rows = [row for row in rows if state[row] == OPEN]
        won = [row for row in rows if state[row] == WON]
        lost = [row for row in rows if state[row] == LOST]
        counted = [*open_rows, *won, *lost]
        no_account = deals.no_account
        return PipelineReport(
            group=group,
            by=self.by if groups else None,
            open=len(open_rows),
            won=len(won),
            lost=len(lost),
            undated=[opened[row] for row in counted].count(None),
            no_account=None if no_account is None else [no_account[row] for row in counted].count(True),
            unvalued=[minor[row] for row in open_rows].count(None),
            unweighted=len(board.unweighted.intersection(open_rows)),
            valued_won=len(won) - [minor[row] for row in won].count(None),
            open_value=self._sum(minor, open_rows),
            weighted_open_value=self._sum(board.weighted, open_rows),
            won_value=self._sum(minor, won),
            lost_value=self._sum(minor, lost),
            won_cycle_days=self._cycle(won),
            lost_cycle_days=self._cycle(lost),
            cohort=self._conversion("cohort", board.cohort, rows),
            snapshot=self._conversion("snapshot", board.snapshot, rows),
            time_in_stage=self._times(rows),
            n_min=self.n_min,
            groups=FrozenMap(groups or {}),
            made=self.made,
        )

    def groups(self) -> dict[object, PipelineReport]:
        """The report of each group, in the order of their names, the nameless one last."""
        rows_of: dict[object, list[int]] = {}
        for row, key in enumerate(self.board.deals.group):
            if self.board.state[row] != GONE:
                rows_of.setdefault(key, []).append(row)
        ordered = sorted(rows_of, key=lambda key: (key is None, str(key), type(key).__name__))
        return {key: self.of(rows_of[key], group=key) for key in ordered}

    def _sum(self, amounts: Sequence[int | None], rows: Sequence[int]) -> Money | None:
        """The sum of what is known; None where there are deals and nothing is known of any."""
        known = [minor for row in rows if (minor := amounts[row]) is not None]
        if self.board.currency is None or (rows and not known):
            return None
        return Money.of_minor(sum(known), self.board.currency)

    def _cycle(self, rows: Iterable[int]) -> CycleDays | None:
        cycles = [cycle for row in rows if (cycle := self.board.deals.cycle[row]) is not None]
        if not cycles:
            return None
        mean = Fraction(sum(cycles), len(cycles) * DAY)
        median = quantile(cycles, 0.5)
        assert median is not None
        return CycleDays(float(mean), median / DAY, len(cycles), mean)

    def _conversion(
        self, basis: Literal["cohort", "snapshot"], depths: Sequence[int], rows: Iterable[int]
    ) -> StageConversion | None:
        if self.order is None:
            return None
        counted = [row for row in rows if depths[row] != NOWHERE]
        recorded = self.board.recorded
        lost = [row not in recorded for row in counted if self.board.state[row] == LOST]
        made = StageConversion.of(
            basis, self.order, [depths[row] for row in counted], len(counted) - len(recorded.intersection(counted))
        )
        return attrs.evolve(made, blind=2 * sum(lost) > len(lost))

    def _times(self, rows: Iterable[int]) -> tuple[TimeInStage, ...]:
        if self.order is None or not self.board.stays:
            return ()
        lengths: list[list[tuple[int, bool]]] = [[] for _ in self.order.open]
        for row in rows:
            if self.board.cohort[row] != NOWHERE:
                for place, stay in self.board.stays.get(row, {}).items():
                    lengths[place].append(stay)
        return tuple(map(TimeInStage.of, self.order.open, lengths))
