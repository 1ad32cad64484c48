"""Reactivation: how many of those who had lapsed come back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.columns import Wanted, columns_of
from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.analytics.retention.days import Span, end_of, span_of
from crmcore.analytics.retention.inactivity import Rule, rule_of
from crmcore.analytics.retention.observation import Question, observe
from crmcore.analytics.retention.purchases import purchases_in
from crmcore.analytics.retention.subscriptions import ALSO, check_names
from crmcore.kernel import calendar
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Columns, Source
    from crmcore.kernel.calendar import Period

__all__ = ["Reactivation", "reactivation"]


@attrs.frozen(kw_only=True, repr=False, str=False)
class Reactivation(Tabular):
    """How many of those who had lapsed came back in a period.

    Attributes:
        lapsed: Former customers at the start of the period.
        reactivated: Those of them who came back in it.
        made: How it was made.
    """

    lapsed: int
    reactivated: int
    made: Provenance

    @property
    def rate(self) -> float | None:
        """Reactivated / lapsed, a fraction; None when nobody had lapsed."""
        return self.reactivated / self.lapsed if self.lapsed else None

    def to_dicts(self) -> list[dict[str, object]]:
        """One row."""
        period = self.made.period.name if self.made.period else None
        return [{"period": period, "lapsed": self.lapsed, "reactivated": self.reactivated, "rate": self.rate}]

    def sections(self) -> list[Section]:
        """The figures, and how they were made."""
        counts = ("lapsed", written(self.lapsed)), ("reactivated", written(self.reactivated))
        figures = Section("Reactivation", (), (*counts, ("rate", percent(self.rate))))
        return [figures, Section("How it was made", (), ((str(self.made),),))]

    def __repr__(self) -> str:
        return f"<Reactivation: {self.reactivated:,} of {self.lapsed:,} lapsed, {percent(self.rate)}>"


def reactivation(
    rows: Source,
    *,
    period: Period | str,
    after: timedelta | str | int = "365d",
    times: float | None = None,
    grace: timedelta | str | int = 0,
    customer: str = "customer",
    at: str = "at",
    start: str = "start",
    end: str = "end",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> Reactivation:
    """How many of the customers lapsed at the start of a period came back in it.

    Whoever lapses in the period itself is not among them. Purchases count on the days of the period. Subscriptions are
    looked at as in ``churn``: on the first day of the period, and up to the first day after it.

    Args:
        rows: Purchases or subscriptions, one a row: records, mappings, a mapping of columns, a CSV path or a
            DataFrame. A table with a first day served is one of subscriptions.
        period: What to look at: ``"2026-03"``, ``"2026-Q1"``, or a Period. What is later is not looked at.
        after: Of purchases: the fewest days of silence that are allowed, as in ``lapsed``.
        times: Of purchases: how many of its own median intervals a customer is allowed, as in ``lapsed``.
        grace: Of subscriptions: a gap shorter than this is none, as in ``churn``.
        customer: The column of the customer.
        at: Of purchases: the column of the date or instant.
        start: Of subscriptions: the column of the first day served; ``started_on`` is found too.
        end: Of subscriptions: the column of the first day not served; ``ended_on`` is found too.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Example:
        >>> from crmcore.analytics.retention import reactivation
        >>> rows = [("ada", "2025-01-10"), ("ada", "2026-03-05"), ("bob", "2025-02-01"), ("cyd", "2026-02-20")]
        >>> reactivation([{"customer": who, "at": day} for who, day in rows], period="2026-03", after="90d")
        <Reactivation: 1 of 2 lapsed, 50.00%>
    """
    place = calendar.zone(zone)
    span, rule = span_of(period, place), rule_of(after, times)
    columns = _drawn(rows, {"customer": customer, "at": at, "start": start, "end": end})
    if not {"start", ALSO["start"]} & {*columns.cells}:
        return _of_purchases(columns, span, rule, place, date_format)
    asked = Question(
        period=span.period, each=None, by=None, as_of=None, grace=grace, names={},
        currency=None, rates=None, zone=place, date_format=date_format,
    )  # fmt: skip
    seen = observe(columns, asked)
    states = [(spells, _returns(spells, span)) for spells in seen.customers().spells]
    gone = [back for spells, back in states if _lapsed(spells, span)]
    return Reactivation(lapsed=len(gone), reactivated=sum(gone), made=seen.made)


def _drawn(rows: Source, names: dict[str, str]) -> Columns:
    check_names(names)
    wanted = [Wanted(role, name, required=role == "customer") for role, name in names.items()]
    wanted += [Wanted(alias, alias) for role, alias in ALSO.items() if names[role] == role]
    columns = columns_of(rows, wanted, "rows")
    if columns.length and not {"at", "start", ALSO["start"]} & {*columns.cells}:
        mend = 'say at="…" for purchases, start="…" for subscriptions, with the name it has'
        raise Invalid([Problem("rows columns", None, 'a column "at", or "start"', mend)])
    return columns


def _lapsed(spells: list[tuple[int, int]], span: Span) -> bool:
    """Whether somebody was a customer once, and is none at the start of the period."""
    before = [end for start, end in spells if start <= span.first]
    return bool(before) and before[-1] <= span.first


def _returns(spells: list[tuple[int, int]], span: Span) -> bool:
    return any(span.first < start <= span.after for start, _ in spells)


def _of_purchases(columns: Columns, span: Span, rule: Rule, zone: ZoneInfo, date_format: str | None) -> Reactivation:
    end = end_of(span.after - 1, zone)
    told = purchases_in(columns, end=end, zone=zone, date_format=date_format)
    gone = [days[-1] >= span.first for days in told.by_customer().values() if _silent(days, span, rule)]
    return Reactivation(lapsed=len(gone), reactivated=sum(gone), made=attrs.evolve(told.made, period=span.period))


def _silent(days: list[int], span: Span, rule: Rule) -> bool:
    """Whether the last purchase before the period lies further back than is allowed."""
    before = [day for day in days if day < span.first]
    return bool(before) and span.first - 1 - before[-1] > rule.allowed(before)[0]
