"""The figures of a sales pipeline, each with its definition, and with the reason where it is undefined."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.amounts import scale_of
from crmcore.analytics.pipeline_terms import DEFINITIONS
from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.analytics.stages import TimeInStage
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from crmcore.analytics.stages import StageConversion
    from crmcore.kernel.calendar import Period

__all__ = ["CycleDays", "PipelineReport"]

LARGEST = 2**63  # minor units: what Money can't hold


@attrs.frozen
class CycleDays:
    """How many days deals took from opened to closed.

    Attributes:
        mean: The mean, in days of 24 hours.
        median: The median (type 7), in days of 24 hours.
        n: How many deals these are of: those with both dates.
        exact_mean: The mean without rounding.
    """

    mean: float
    median: float
    n: int
    exact_mean: Fraction = attrs.field(repr=False)

    def __str__(self) -> str:
        """Mean, median and number."""
        return f"{self.mean:,.2f} mean, {self.median:,.1f} median, n {self.n:,}"


@attrs.frozen(kw_only=True, repr=False, str=False)
class PipelineReport(Tabular):
    """A sales pipeline in figures, as of one instant.

    Shares are fractions, times are days of 24 hours, amounts are Money in one currency. A figure that is
    undefined is None, and ``reasons`` says why. ``definitions`` says what each means.

    Attributes:
        group: What this part of the pipeline is grouped under; None for the whole, and for deals without one.
        by: What ``groups`` divides the deals by; None when nothing was asked for.
        open: Open deals.
        won: Won deals.
        lost: Lost deals.
        undated: Deals without an opening date: they count, but in no cycle.
        no_account: Deals without an account; None when the data have no such column.
        unvalued: Open deals without an amount.
        unweighted: Open deals without a probability.
        valued_won: Won deals with an amount.
        open_value: What the open deals are worth.
        weighted_open_value: What the open deals are worth, each times its probability.
        won_value: What the won deals were worth.
        lost_value: What the lost deals were worth.
        won_cycle_days: From opened to won.
        lost_cycle_days: From opened to lost.
        cohort: Stage conversion of the deals opened in the period.
        snapshot: Stage conversion of the deals that moved in the period.
        time_in_stage: How long the cohort's deals stay in each stage.
        n_min: How many deals must have reached a stage for it to be the bottleneck.
        groups: The same figures for each owner, account or product; a missing one is under None.
        made: How the report was made.
    """

    group: object = None
    by: str | None = None
    open: int
    won: int
    lost: int
    undated: int
    no_account: int | None
    unvalued: int
    unweighted: int
    valued_won: int
    open_value: Money | None
    weighted_open_value: Money | None
    won_value: Money | None
    lost_value: Money | None
    won_cycle_days: CycleDays | None
    lost_cycle_days: CycleDays | None
    cohort: StageConversion | None
    snapshot: StageConversion | None
    time_in_stage: tuple[TimeInStage, ...]
    n_min: int
    groups: Mapping[object, PipelineReport] = attrs.field(factory=FrozenMap)
    made: Provenance

    @property
    def deals(self) -> int:
        """Open, won and lost deals together."""
        return self.open + self.won + self.lost

    @property
    def weighted_value(self) -> Money | None:
        """Amount times probability, summed: won deals count in full, lost ones not at all."""
        if self.weighted_open_value is None or self.won_value is None:
            return None
        return self.weighted_open_value + self.won_value

    @property
    def win_rate(self) -> float | None:
        """Won deals / closed deals, by count, as a fraction."""
        closed = self.won + self.lost
        return self.won / closed if closed else None

    @property
    def win_rate_by_value(self) -> float | None:
        """Value of the won deals / value of the closed deals, as a fraction."""
        if self.won_value is None or self.lost_value is None:
            return None
        won, lost = self.won_value.minor, self.lost_value.minor
        return won / (won + lost) if won >= 0 and lost >= 0 and won + lost else None

    @property
    def average_won(self) -> Money | None:
        """The mean amount of the won deals that have one, rounded half-even to minor units."""
        if self.won_value is None or not self.valued_won:
            return None
        return _rounded(Fraction(self.won_value.minor, self.valued_won), self.won_value.currency)

    @property
    def velocity(self) -> Money | None:
        """Sales velocity: value won per day of cycle, rounded half-even to minor units."""
        return self._money(self.velocity_exact)

    @property
    def velocity_exact(self) -> Fraction | None:
        """Sales velocity without rounding, in major units per day."""
        days = self._mean_cycle()
        return None if self.won_value is None or days is None else Fraction(self.won_value.amount) / days

    @property
    def open_velocity(self) -> Money | None:
        """Velocity with the open deals as the number, rounded half-even to minor units."""
        return self._money(self.open_velocity_exact)

    @property
    def open_velocity_exact(self) -> Fraction | None:
        """Velocity with the open deals as the number, without rounding, in major units per day."""
        days = self._mean_cycle()
        if self.won_value is None or days is None or not self.valued_won:
            return None
        average = Fraction(self.won_value.amount) / self.valued_won
        return self.open * Fraction(self.won, self.won + self.lost) * average / days

    @property
    def reached(self) -> Mapping[str, int]:
        """How many deals of the cohort reached each stage; empty without stages."""
        return FrozenMap({step.stage: step.reached for step in self.cohort.steps} if self.cohort else {})

    @property
    def bottleneck(self) -> str | None:
        """The open stage that the smallest share of the cohort got past."""
        if self.cohort is None or self.cohort.blind:
            return None
        return self.cohort.bottleneck(self.n_min)

    @property
    def at(self) -> datetime | None:
        """The as-of instant."""
        return self.made.at

    @property
    def period(self) -> Period | None:
        """The period the closed deals and the cohort are restricted to."""
        return self.made.period

    @property
    def currency(self) -> str | None:
        """The ISO 4217 code of every amount."""
        return self.made.currency

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        return _reasons(self)

    def _mean_cycle(self) -> Fraction | None:
        """The exact mean won cycle, where something can be divided by it."""
        cycle = self.won_cycle_days
        return cycle.exact_mean if cycle and cycle.exact_mean else None

    def _money(self, major: Fraction | None) -> Money | None:
        if major is None or self.won_value is None:
            return None
        return _rounded(major * scale_of(self.won_value.currency), self.won_value.currency)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a group, or one for the whole where nothing was grouped; amounts in major units.

        Example:
            >>> from crmcore.analytics import pipeline
            >>> (row,) = pipeline([{"status": "won"}, {"status": "lost"}]).to_dicts()
            >>> row["win_rate"]
            0.5
        """
        return [{str(self.by): key, **_row(group)} for key, group in self.groups.items()] or [_row(self)]

    def sections(self) -> list[Section]:
        """The figures, the groups, the stages, and how all of it was made."""
        figures = [(name.replace("_", " "), _figure(name, getattr(self, name))) for name in FIGURES]
        parts = [Section("Pipeline", (), tuple(figures))]
        if self.groups:
            parts.append(self._comparison())
        if self.cohort is not None:
            parts += self.cohort.sections()
        if self.snapshot is not None and (self.cohort is None or self.snapshot.steps != self.cohort.steps):
            parts += self.snapshot.sections()
        if self.time_in_stage:
            parts.append(TimeInStage.section(self.time_in_stage))
        whys = [(f"{name.replace('_', ' ')}: {why}",) for name, why in self.reasons.items() if name in FIGURES]
        if whys:
            parts.append(Section("Undefined, and why", (), tuple(whys)))
        return [*parts, Section("How it was made", (), ((str(self.made),),))]

    def _comparison(self) -> Section:
        """The groups side by side; what holds for a whole column is said above it."""
        rows = [
            ("(none)" if key is None else str(key), *(_bare(name, getattr(group, name)) for name in COMPARED))
            for key, group in self.groups.items()
        ]
        names = [f"{name}{PER_DAY}" if name == "velocity" else name.replace("_", " ") for name in COMPARED]
        title = f"By {self.by}, in {self.currency}" if self.currency else f"By {self.by}"
        return Section(title, (str(self.by), *names), tuple(rows))

    def __repr__(self) -> str:
        at = f" at {self.made.local:%Y-%m-%d}" if self.made.local else ""
        counts = f"{self.open:,} open, {self.won:,} won, {self.lost:,} lost"
        return f"<PipelineReport{at}: {self.deals:,} deals, {counts}, win rate {percent(self.win_rate)}>"


FIGURES = (
    "deals",
    "open",
    "won",
    "lost",
    "win_rate",
    "win_rate_by_value",
    "open_value",
    "weighted_open_value",
    "weighted_value",
    "won_value",
    "lost_value",
    "average_won",
    "won_cycle_days",
    "lost_cycle_days",
    "velocity",
    "open_velocity",
    "unvalued",
    "unweighted",
    "undated",
    "no_account",
    "bottleneck",
)
PER_DAY = " per day"
COMPARED = ("deals", "open", "won", "lost", "win_rate", "open_value", "won_value", "velocity")


def _row(report: PipelineReport) -> dict[str, object]:
    row: dict[str, object] = {}
    for name in FIGURES:
        value = getattr(report, name)
        if name.endswith("_cycle_days"):
            row |= {f"{name}_{part}": getattr(value, part, None) for part in ("mean", "median", "n")}
        else:
            row[name] = value.amount if isinstance(value, Money) else value
    return row | {"currency": report.currency}


def _figure(name: str, value: object) -> str:
    if name.startswith("win_rate") and isinstance(value, float):
        return percent(value)
    return f"{value}{PER_DAY}" if name.endswith("velocity") and value is not None else written(value)


def _bare(name: str, value: object) -> str:
    """A figure without its unit."""
    return f"{value.amount:,f}" if isinstance(value, Money) else _figure(name, value)


def _rounded(minor: Fraction, currency: str) -> Money | None:
    whole = round(minor)  # half-even
    return Money.of_minor(whole, currency) if abs(whole) < LARGEST else None


def _reasons(report: PipelineReport) -> Mapping[str, str]:
    found = {name: why for name, why in _whys(report).items() if getattr(report, name) is None}
    if report.cohort is None:
        found["reached"] = found["cohort"]
    if not report.time_in_stage:
        found["time_in_stage"] = "no stage history was given (visits=, with stages=)"
    return FrozenMap(found | dict(_stage_whys(report)))


def _whys(report: PipelineReport) -> dict[str, str]:
    value = "the deals have no amounts, and no currency= was given" if report.currency is None else ""
    cycle = "no won deal has both an opening and a closing date" if report.won_cycle_days is None else ""
    average = "" if report.valued_won else "no won deal has an amount"
    won = value or average
    rate = value or "the values of won and lost deals are 0, or one of them is negative"
    if None in (report.won_value, report.lost_value):
        rate = value or "no won deal has an amount, or no lost one"
    weighted = value or "no open deal has both an amount and a probability"
    pace = (
        value or average or cycle or "the mean won cycle is 0 days, or so short that money can't hold the value per day"
    )
    stages = "the order of the stages was not given (stages=)"
    return {
        "at": "the data hold no instant, and no at= was given",
        "no_account": "the data have no column of accounts (account=)",
        "open_value": value or "no open deal has an amount",
        "weighted_open_value": weighted,
        "weighted_value": weighted if report.weighted_open_value is None else won,
        "won_value": won,
        "lost_value": value or "no lost deal has an amount",
        "win_rate": "no deal was won or lost",
        "win_rate_by_value": rate,
        "average_won": won,
        "won_cycle_days": cycle,
        "lost_cycle_days": "no lost deal has both an opening and a closing date",
        "velocity": pace,
        "velocity_exact": pace,
        "open_velocity": average or pace,
        "open_velocity_exact": average or pace,
        "cohort": stages,
        "snapshot": stages,
        "bottleneck": _no_bottleneck(report) if report.cohort else stages,
    }


def _no_bottleneck(report: PipelineReport) -> str:
    if report.cohort is not None and report.cohort.blind:
        return "most lost deals have no stage history to say where they were lost"
    return f"no open stage was reached by {report.n_min:,} deals"


def _stage_whys(report: PipelineReport) -> Iterator[tuple[str, str]]:
    for conversion in filter(None, (report.cohort, report.snapshot)):
        for step in conversion.steps[:-1]:
            if step.conversion is None:
                yield f"{conversion.basis}.{step.stage}.conversion", "no deal reached the stage"
    for time in report.time_in_stage:
        if time.median_days is None:
            yield f"time_in_stage.{time.stage}.median_days", "fewer than half of the deals are seen to leave the stage"
        if time.mean_days is None:
            yield f"time_in_stage.{time.stage}.mean_days", "no deal has left the stage"
