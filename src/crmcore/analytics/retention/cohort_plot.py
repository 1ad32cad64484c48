"""A cohort table as a picture."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import SHADES, axes_for
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["heat_map"]

MOST_WRITTEN = 400  # cells; beyond that figures would only be dust
MOST_LABELS = 40
DARK = 0.6  # of the scale: above it, white reads better than black
LARGEST = (16.0, 12.0)  # inches


def heat_map(
    cells: Sequence[Sequence[object]], names: Sequence[str], ax: Axes | None, *, title: str, unit: str, share: bool
) -> Axes:
    """Draw a triangle: cohorts downwards, ages to the right, empty where nothing can be said yet.

    Args:
        cells: A row for each cohort: numbers, Money, or None.
        names: What the cohorts are called.
        ax: The Axes to draw on; None for new ones.
        title: What stands above.
        unit: What an age is counted in.
        share: Whether the cells are fractions.

    Raises:
        Invalid: matplotlib is not installed, or there is no cell to draw.
    """
    rows = [[_number(cell) for cell in row] for row in cells]
    drawn = [value for row in rows for value in row if value is not None]
    if not drawn:
        mend = "look at a later end, a shorter period, or say partial=True"
        raise Invalid([Problem("cohorts", "no cell", "a cohort with an age that is over", mend)])
    low, high = min(0.0, *drawn), max(_later(rows) or drawn)
    axes = axes_for(ax, _size(rows))
    image = axes.imshow(
        [[nan if value is None else value for value in row] for row in rows],
        aspect="auto", cmap=SHADES, vmin=low, vmax=high if high > low else low + 1, interpolation="nearest",
    )  # fmt: skip
    axes.set_title(title)
    axes.set_xlabel(f"{unit}s since the first purchase")
    axes.set_ylabel(f"{unit} of the first purchase (customers)")
    _tick(axes, names, len(rows[0]))
    if len(drawn) <= MOST_WRITTEN:
        _write(axes, rows, low + DARK * (high - low), share=share)
    above = "max" if max(drawn) > high else "neither"
    axes.figure.colorbar(image, ax=axes, format="{x:.0%}" if share else "{x:,.0f}", extend=above)
    return axes


def _later(rows: list[list[float | None]]) -> list[float]:
    """What is told after the first age, at which everybody buys: shades are for the differences between these."""
    return [value for row in rows for value in row[1:] if value is not None]


def _size(rows: list[list[float | None]]) -> tuple[float, float]:
    """Room for a figure in each cell, within reason."""
    width, height = 2.5 + 0.6 * len(rows[0]), 1.5 + 0.35 * len(rows)
    return min(width, LARGEST[0]), min(height, LARGEST[1])


def _tick(axes: Axes, names: Sequence[str], ages: int) -> None:
    """Label as many cohorts and ages as can be read."""
    every = -(-len(names) // MOST_LABELS)
    axes.set_yticks(range(0, len(names), every), names[::every])
    told = range(0, ages, -(-ages // MOST_LABELS))
    axes.set_xticks(told, [str(age) for age in told])


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
