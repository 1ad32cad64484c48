"""A survival curve: what it says, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from math import fsum, isfinite, sqrt
from typing import TYPE_CHECKING, overload

import attrs

from crmcore.analytics.results import Provenance, Section, Tabular, written
from crmcore.analytics.survival.steps import Steps, time_of, value_at
from crmcore.analytics.survival.tables import event_table
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmcore.analytics.calculus.engines import EngineName

__all__ = ["RestrictedMean", "SurvivalCurve"]

COLUMNS = ("time", "at_risk", "events", "censored", "survival", "se", "lower", "upper")


@attrs.frozen
class RestrictedMean:
    """The mean duration up to a horizon: the area under the survival curve.

    Attributes:
        mean: The mean of durations that are cut off at ``until``, in the unit of the durations.
        se: Its standard error; None where no float can hold it.
        until: The horizon, in the same unit.
    """

    mean: float
    se: float | None
    until: float


@attrs.frozen(kw_only=True, repr=False, str=False)
class SurvivalCurve(Tabular):
    """A Kaplan-Meier curve: S(t), the share that lasts longer than t.

    Each column has one figure for each distinct duration. ``definitions`` says what each means.

    Attributes:
        times: The distinct durations, ascending, whether something ended at them or was censored.
        survival: S at each of them and up to the next.
        se: The standard error of S (Greenwood).
        lower: The lower confidence limit of S (log-log), never below 0.
        upper: The upper one, never above 1.
        at_risk: How many were under observation just before, by weight.
        events: How many ended.
        censored: How many were last seen still running.
        median: The first time with S ≤ 0.5, exactly; None when S stays above it.
        median_ci: Between which times the median lies; None for a side on which there is no such time.
        level: The confidence level, a fraction.
        unit: What durations are counted in, as it was said.
        engine: What did the counting: plain Python or numpy.
        warnings: What a reader of the curve should know.
        made: How the durations were made, where that is known: as of when, and what was left out.
    """

    times: Steps
    survival: Steps
    se: Steps
    lower: Steps
    upper: Steps
    at_risk: Steps
    events: Steps
    censored: Steps
    median: float | None
    median_ci: tuple[float | None, float | None]
    level: float
    unit: str | None
    engine: EngineName
    warnings: tuple[str, ...] = ()
    made: Provenance | None = None

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        lower, upper = self.median_ci
        whys = {
            "median": (self.median, "the curve stays above one half"),
            "median_ci.lower": (lower, "the lower confidence limit stays above one half"),
            "median_ci.upper": (
                upper,
                "the upper confidence limit stays above one half as long as there are survivors",
            ),
        }
        return FrozenMap({name: why for name, (value, why) in whys.items() if value is None})

    @overload
    def survival_at(self, t: float) -> float: ...
    @overload
    def survival_at(self, t: Iterable[float]) -> list[float]: ...
    def survival_at(self, t: float | Iterable[float]) -> float | list[float]:
        """S at a time, or at each of several: 1 before the first event; after the last duration, what it was there.

        Args:
            t: The time or times, in the unit of the durations.

        Raises:
            Invalid: A time is no number.

        Example:
            >>> from crmcore.analytics.survival import kaplan_meier
            >>> kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0]).survival_at([0, 1, 2.5])
            [1.0, 0.75, 0.5]
        """
        return value_at(self.times, self.survival, 1.0, t)

    def restricted_mean(self, until: float | None = None) -> RestrictedMean:
        """The mean duration up to a horizon: the area under the curve, with its standard error.

        Args:
            until: The horizon, in the unit of the durations; by default the last of them.

        Raises:
            Invalid: The curve does not reach the horizon, and is not 0 before it.

        Source: J. P. Klein and M. L. Moeschberger, Survival Analysis, 2nd edition, 2003, section 4.5.

        Example:
            >>> from crmcore.analytics.survival import kaplan_meier
            >>> kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]).restricted_mean()
            RestrictedMean(mean=2.5, se=0.5590169943749475, until=4.0)
        """
        end = self._horizon(until)
        rows = [row for row in zip(self.times, self.survival, self.events, self.at_risk, strict=True) if row[0] < end]
        heights = [1.0, *(survival for _, survival, _, _ in rows)]
        ends = [*(time for time, _, _, _ in rows), end]
        areas = [height * (after - before) for height, before, after in zip(heights, [0.0, *ends], ends, strict=False)]
        # As shares of the horizon: the squares of very long durations would overflow.
        ahead = [area / end for area in accumulate(reversed(areas))][-2::-1] if rows else []
        terms = (
            area * area * events / at_risk / (at_risk * (after / before))
            for area, before, after, (_, _, events, at_risk) in zip(ahead, heights, heights[1:], rows, strict=False)
            if events and after
        )
        se = end * sqrt(fsum(terms))
        return RestrictedMean(fsum(areas), se if isfinite(se) else None, end)

    def _horizon(self, until: float | None) -> float:
        last = self.times[-1] if self.times else 0.0
        end = last if until is None else time_of(until, "until")
        if end < 0 or (end > last and not (self.survival and self.survival[-1] == 0)) or not isfinite(end):
            expected = f"a time from 0 to {last:g}, the last duration"
            raise Invalid([Problem("until", until, expected, "choose a horizon that was watched")])
        return end

    def plot(self, ax: Axes | None = None, *, label: str | None = None, color: str | None = None) -> Axes:
        """The curve with its limits; a stroke marks where somebody was last seen still running.

        Args:
            ax: The Axes to draw on, beside curves that are there already; by default new ones.
            label: What to call it in the legend.
            color: Its colour, as matplotlib takes it; by default the next one.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.survival.survival_plot import draw_curve

        title = f"Survival (Kaplan-Meier, {self.level * 100:g} % limits)"
        columns = (self.times, self.survival, (self.lower, self.upper), self.censored)
        return draw_curve(*columns, ax, title=title, unit=self.unit or "", label=label, color=color)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each distinct duration.

        Example:
            >>> from crmcore.analytics.survival import kaplan_meier
            >>> kaplan_meier([2, 3], [1, 0]).to_dicts()[0]["survival"]
            0.5
        """
        columns = (self.times, *(getattr(self, name) for name in COLUMNS[1:]))
        return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]

    def sections(self) -> list[Section]:
        """The median, the table of the events, and how it was made."""
        n, events = sum(self.events) + sum(self.censored), sum(self.events)
        unit = f" {self.unit}" if self.unit else ""
        low, high = (written(limit) for limit in self.median_ci)
        facts = (
            ("subjects", written(n)),
            ("events", written(events)),
            ("median", written(self.median) + (unit if self.median is not None else "")),
            (f"{self.level:.3g} limits of the median", f"{low} to {high}"),
        )
        made = [f"Kaplan-Meier, Greenwood standard errors, log-log limits at {self.level:g}", *self.warnings]
        made += [str(self.made)] if self.made else []
        whys = [f"{name}: {why}" for name, why in self.reasons.items()]
        return [
            Section("Kaplan-Meier", (), facts),
            event_table("Survival", COLUMNS, self.to_dicts()),
            Section("How it was made", (), tuple((line,) for line in [*made, *whys])),
        ]

    def __repr__(self) -> str:
        n, events = sum(self.events) + sum(self.censored), sum(self.events)
        return f"<SurvivalCurve: {n:g} subjects, {events:g} events, median {written(self.median)}>"


DEFINITIONS = FrozenMap(
    {
        "survival": "S(t) = Π over event times up to t of (1 - events / at risk), the share lasting longer than t",
        "se": "S(t) √Σ events / (at risk × survivors): Greenwood",
        "lower, upper": "S(t) to the power exp(± z √Σ events / (at risk × survivors) / ln S(t)): log-log; where S is 0 "
        "or 1, the same",
        "at_risk": "those under observation just before t: entered before it, and neither ended nor censored before it",
        "median": "the first t with S(t) ≤ 0.5",
        "median_ci": "the first t with lower ≤ 0.5, the first with upper ≤ 0.5 while S > 0: Brookmeyer and Crowley",
    }
)
