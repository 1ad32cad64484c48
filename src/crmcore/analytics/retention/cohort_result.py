"""A cohort table: of the customers who began together, how many are still there at each age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs

from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.axes import Axes

__all__ = ["MEASURES", "Cohort", "CohortTable", "Measure"]

Measure = Literal["retention", "rolling", "active", "revenue"]
"""What the cells of a table show."""

MEASURES = {
    "retention": "Retention",
    "rolling": "Rolling retention",
    "active": "Active customers",
    "revenue": "Revenue",
}

DEFINITIONS: Mapping[str, str] = FrozenMap(
    {
        "cohort": "The customers whose first purchase falls in the same period.",
        "size": "How many customers a cohort has.",
        "age": "Whole periods since the first purchase: by the calendar from the cohort's own period to another, or "
        "by anniversary from each customer's own first day, months being counted from it and ending where they are "
        "too short.",
        "active": "Customers of a cohort who buy at an age.",
        "retention": "Classic retention: active at an age / size.",
        "rolling": "Rolling (unbounded) retention: customers who buy at an age or later, up to the end / size. It may "
        "still rise.",
        "revenue": "What a cohort spends at an age, returns taken off.",
        "censored": "A cell is empty where its age is not over by the end for every customer of the cohort.",
    }
)


@attrs.frozen
class Cohort:
    """Customers who began in the same period, followed from age to age.

    Attributes:
        name: The period of their first purchase: ``"2026-01"``.
        size: How many there are.
        active: How many buy at each age; None where the age is not over.
        later: How many buy at each age or later; None likewise.
        revenue: What they spend at each age; None where amounts were not asked for.
    """

    name: str
    size: int
    active: tuple[int | None, ...]
    later: tuple[int | None, ...]
    revenue: tuple[Money | None, ...] | None

    @property
    def retention(self) -> tuple[float | None, ...]:
        """Classic retention at each age, a fraction."""
        return tuple(None if count is None else count / self.size for count in self.active)

    @property
    def rolling(self) -> tuple[float | None, ...]:
        """Rolling retention at each age, a fraction."""
        return tuple(None if count is None else count / self.size for count in self.later)


@attrs.frozen(kw_only=True, repr=False, str=False)
class CohortTable(Tabular):
    """Cohorts by age.

    Attributes:
        unit: How long a period is: ``day``, ``week``, ``month``, ``quarter`` or ``year``.
        anchor: Whether ages are counted by the ``calendar`` or from each customer's own ``anniversary``.
        partial: Whether ages that are not over are shown too.
        cohorts: The cohorts, the oldest first.
        made: How the table was made.
    """

    unit: str
    anchor: Literal["calendar", "anniversary"]
    partial: bool
    cohorts: tuple[Cohort, ...]
    made: Provenance

    @property
    def size(self) -> int:
        """How many customers there are in all."""
        return sum(cohort.size for cohort in self.cohorts)

    @property
    def ages(self) -> range:
        """The ages there are cells for."""
        return range(len(self.cohorts[0].active) if self.cohorts else 0)

    @property
    def retention(self) -> tuple[float | None, ...]:
        """Classic retention at each age of all cohorts that have reached it, weighted by their size."""
        return self._pooled([cohort.active for cohort in self.cohorts])

    @property
    def rolling(self) -> tuple[float | None, ...]:
        """Rolling retention at each age of all cohorts that have reached it, weighted by their size."""
        return self._pooled([cohort.later for cohort in self.cohorts])

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a cell: a cohort at an age; amounts in major units.

        Example:
            >>> from crmcore.analytics.retention import cohorts
            >>> rows = [{"customer": 1, "at": "2026-01-05"}, {"customer": 1, "at": "2026-02-05"}]
            >>> [(row["cohort"], row["age"], row["retention"]) for row in cohorts(rows, end="2026-02-28").to_dicts()]
            [('2026-01', 0, 1.0), ('2026-01', 1, 1.0)]
        """
        return [row for cohort in self.cohorts for row in self._rows(cohort)]

    def sections(self) -> list[Section]:
        """The triangle of retention, that of revenue where there are amounts, and how they were made."""
        found = [self.triangle("retention")]
        if self._has_revenue:
            found.append(self.triangle("revenue"))
        return [*found, Section("How it was made", (), ((str(self.made),),))]

    def triangle(self, measure: Measure) -> Section:
        """One row a cohort, one column an age.

        Args:
            measure: ``retention``, ``rolling``, ``active`` or ``revenue``.

        Raises:
            Invalid: There is no such measure, or no revenue.

        Example:
            >>> from crmcore.analytics.retention import cohorts
            >>> rows = [{"customer": 1, "at": "2026-01-05"}, {"customer": 2, "at": "2026-02-05"}]
            >>> for row in cohorts(rows, end="2026-02-28").triangle("retention").rows:
            ...     print(*row)
            2026-01 1 100.00% 0.00%
            2026-02 1 100.00% –
            all 2 100.00% 0.00%
        """
        self._check(measure)
        show = percent if measure in ("retention", "rolling") else _bare
        rows = [
            (cohort.name, written(cohort.size), *map(show, cells))
            for cohort, cells in zip(self.cohorts, self.cells(measure), strict=True)
        ]
        if measure in ("retention", "rolling"):
            rows.append(("all", written(self.size), *map(percent, getattr(self, measure))))
        title = f"{MEASURES[measure]} by {self.unit} of the first purchase and {self.unit}s since"
        currency = f", in {self.made.currency}" if measure == "revenue" else ""
        return Section(title + currency, ("cohort", "customers", *map(str, self.ages)), tuple(rows))

    def cells(self, measure: Measure) -> list[tuple[Any, ...]]:
        """What the cells of each cohort show.

        Args:
            measure: ``retention``, ``rolling``, ``active`` or ``revenue``.

        Raises:
            Invalid: There is no such measure, or no revenue.
        """
        self._check(measure)
        return [getattr(cohort, measure) for cohort in self.cohorts]

    def plot(self, ax: Axes | None = None, *, measure: Measure = "retention") -> Axes:
        """The triangle as a heat map.

        Args:
            ax: The Axes of matplotlib to draw on; by default new ones.
            measure: ``retention``, ``rolling``, ``active`` or ``revenue``.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed, there is no such measure or no revenue, or no cell to draw.
        """
        from crmcore.analytics.retention.cohort_plot import heat_map

        self._check(measure)
        names = [f"{cohort.name}  ({cohort.size:,})" for cohort in self.cohorts]
        title = MEASURES[measure] + (f", {self.made.currency}" if measure == "revenue" else "")
        share = measure in ("retention", "rolling")
        return heat_map(self.cells(measure), names, ax, title=title, unit=self.unit, share=share)

    @property
    def _has_revenue(self) -> bool:
        return any(cohort.revenue is not None for cohort in self.cohorts)

    def _check(self, measure: object) -> None:
        if measure not in MEASURES:
            raise Invalid([Problem("measure", measure, f"one of {', '.join(MEASURES)}", 'say measure="retention"')])
        if measure == "revenue" and not self._has_revenue:
            raise Invalid([Problem("measure", measure, "a table with revenue", 'make it with amount="amount"')])

    def _pooled(self, rows: Sequence[Sequence[int | None]]) -> tuple[float | None, ...]:
        def share(age: int) -> float | None:
            seen = [(row[age], cohort.size) for row, cohort in zip(rows, self.cohorts, strict=True)]
            known = [(count, size) for count, size in seen if count is not None]
            return sum(count for count, _ in known) / sum(size for _, size in known) if known else None

        return tuple(map(share, self.ages))

    def _rows(self, cohort: Cohort) -> Iterator[dict[str, object]]:
        cells = zip(cohort.active, cohort.retention, cohort.rolling, strict=True)
        for age, (active, retention, rolling) in enumerate(cells):
            row: dict[str, object] = {"cohort": cohort.name, "size": cohort.size, "age": age, "active": active}
            row |= {"retention": retention, "rolling": rolling}
            if cohort.revenue is not None:
                spent = cohort.revenue[age]
                row |= {"revenue": None if spent is None else spent.amount, "currency": self.made.currency}
            yield row

    def __repr__(self) -> str:
        return f"<CohortTable by {self.unit}: {len(self.cohorts):,} cohorts, {self.size:,} customers>"


def _bare(value: object) -> str:
    """A figure without its unit."""
    return f"{value.amount:,f}" if isinstance(value, Money) else written(value)
