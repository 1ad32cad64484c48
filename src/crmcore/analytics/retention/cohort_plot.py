"""A cohort table as a picture."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import SHADES, axes_for
from crmcore.analytics.retention.cohort_result import MEASURES
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmcore.analytics.retention.cohort_result import CohortTable, Measure

__all__ = ["heat_map"]

MOST_WRITTEN = 400  # cells; beyond that figures would only be dust
MOST_LABELS = 40
DARK = 0.6  # of the scale: above it, white reads better than black
LARGEST = (16.0, 12.0)  # inches


def heat_map(table: CohortTable, ax: Axes | None, measure: Measure) -> Axes:
    """Draw a table: cohorts downwards, ages to the right, empty where nothing can be said yet.

    Args:
        table: The table.
        ax: The Axes to draw on; None for new ones.
        measure: What the cells show.

    Raises:
        Invalid: matplotlib is not installed, there is no such measure, or no cell to draw.
    """
    rows = [[_number(cell) for cell in cells] for cells in table.cells(measure)]
    drawn = [value for row in rows for value in row if value is not None]
    if not drawn:
        mend = "look at a later end, a shorter period, or say partial=True"
        raise Invalid([Problem("cohorts", "no cell", "a cohort with an age that is over", mend)])
    share = measure in ("retention", "rolling")
    low, high = min(0.0, *drawn), 1.0 if share else max(drawn)
    axes = axes_for(ax, _size(rows))
    image = axes.imshow(
        [[nan if value is None else value for value in row] for row in rows],
        aspect="auto", cmap=SHADES, vmin=low, vmax=high if high > low else low + 1, interpolation="nearest",
    )  # fmt: skip
    _label(axes, table, measure)
    if len(drawn) <= MOST_WRITTEN:
        _write(axes, rows, low + DARK * (high - low), share=share)
    axes.figure.colorbar(image, ax=axes, format="{x:.0%}" if share else "{x:,.0f}")
    return axes


def _size(rows: list[list[float | None]]) -> tuple[float, float]:
    """Room for a figure in each cell, within reason."""
    width, height = 2.5 + 0.6 * len(rows[0]), 1.5 + 0.35 * len(rows)
    return min(width, LARGEST[0]), min(height, LARGEST[1])


def _label(axes: Axes, table: CohortTable, measure: Measure) -> None:
    axes.set_title(MEASURES[measure] + (f", {table.made.currency}" if measure == "revenue" else ""))
    axes.set_xlabel(f"{table.unit}s since the first purchase")
    axes.set_ylabel(f"{table.unit} of the first purchase (customers)")
    names = [f"{cohort.name}  ({cohort.size:,})" for cohort in table.cohorts]
    every = -(-len(names) // MOST_LABELS)
    axes.set_yticks(range(0, len(names), every), names[::every])
    ages = table.ages[:: -(-len(table.ages) // MOST_LABELS)]
    axes.set_xticks(ages, [str(age) for age in ages])


def _write(axes: Axes, rows: list[list[float | None]], dark: float, *, share: bool) -> None:
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if value is not None:
                text = f"{value:.0%}" if share else f"{value:,.0f}"
                axes.text(x, y, text, ha="center", va="center", fontsize=7, color="white" if value > dark else "black")


def _number(cell: object) -> float | None:
    """A cell as a number to colour."""
    if isinstance(cell, Money):
        return float(cell.amount)
    return float(cell) if isinstance(cell, int | float) else None
