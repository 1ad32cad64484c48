"""What customers did beside what a model expects, as pictures."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import PALETTE, axes_for, color_of, light_grid, part_of_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from crmcore.analytics.clv.contract_validation import SurvivorTable
    from crmcore.analytics.clv.tracked import Tracking
    from crmcore.analytics.clv.validation import CalibrationTable, FrequencyTable

__all__ = ["draw_calibration", "draw_frequency", "draw_survivors", "draw_tracking"]

ACTUAL, EXPECTED = PALETTE[:2]
WIDTH = 0.4


def draw_frequency(table: FrequencyTable, ax: Axes | None) -> Axes:
    """Draw how many customers made how many repeat purchases: two bars for each number.

    Args:
        table: The table.
        ax: The Axes to draw on; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    axes.bar([x - WIDTH / 2 for x in table.x], table.actual, WIDTH, color=ACTUAL, label="actual")
    axes.bar([x + WIDTH / 2 for x in table.x], table.expected, WIDTH, color=EXPECTED, label="expected")
    axes.set_title("Customers by number of repeat purchases")
    axes.set_ylabel("customers")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    _counts(axes, table.x, "repeat purchases (x)")
    return axes


def draw_calibration(table: CalibrationTable, ax: Axes | None) -> Axes:
    """Draw purchases in the holdout, by repeat purchases before it: a line for each of actual and expected.

    Args:
        table: The table.
        ax: The Axes to draw on; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    axes.plot(table.x, _gaps(table.actual), color=ACTUAL, marker="o", label="actual")
    axes.plot(table.x, _gaps(table.expected), color=EXPECTED, marker="s", linestyle="--", label="expected")
    axes.set_title("Purchases in the holdout, by purchases before it")
    axes.set_ylabel("mean purchases in the holdout")
    axes.set_ylim(bottom=0)
    _counts(axes, table.x, "repeat purchases in the calibration (x)")
    return axes


def draw_tracking(table: Tracking, ax: Axes | None, *, cumulative: bool = False) -> Axes:
    """Draw repeat purchases over time: a line for each of actual and expected.

    Args:
        table: The table.
        ax: The Axes to draw on; None for new ones.
        cumulative: Whether to draw those made until each day, and not those of each period.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    made = table.cumulative_actual if cumulative else table.actual
    expected = table.cumulative_expected if cumulative else table.expected
    dates = part_of_matplotlib("dates")
    days = dates.date2num(table.end)
    axes.plot(days, made, color=ACTUAL, label="actual")
    axes.plot(days, expected, color=EXPECTED, linestyle="--", label="expected")
    if table.calibration_end is not None:
        end = dates.date2num(table.calibration_end)
        axes.axvline(end, color="0.4", linewidth=1, linestyle=":", label="end of the calibration")
    axes.set_title("Repeat purchases until each day" if cumulative else f"Repeat purchases of each {table.unit}")
    axes.set_xlabel(f"last day of the {table.unit}")
    axes.set_ylabel("repeat purchases")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    light_grid(axes)
    axes.legend(frameon=False)
    return axes


def draw_survivors(table: SurvivorTable, ax: Axes | None) -> Axes:
    """Draw the share left after each renewal: a mark for what was seen, a line for what is expected.

    Args:
        table: The table.
        ax: The Axes to draw on, beside the lines of other models; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    if not axes.collections:
        seen = [(t, share) for t, share in zip(table.t, table.actual, strict=True) if share is not None]
        axes.scatter(*zip(*seen, strict=True), color=ACTUAL, zorder=3, label="actual")
    axes.plot(table.t, table.expected, color=color_of(1 + len(axes.lines)), label=f"expected by {table.model}")
    axes.set_title("Customers left after each renewal")
    axes.set_xlabel("renewals")
    axes.set_ylabel("share of customers left")
    axes.set_ylim(0, 1.03)
    axes.xaxis.set_major_locator(part_of_matplotlib("ticker").MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter("{x:.0%}")
    light_grid(axes)
    axes.legend(frameon=False)
    return axes


def _counts(axes: Axes, x: Sequence[int], label: str) -> None:
    """An axis of counts, the last of which stands for that many and more."""
    step = -(-len(x) // 20)
    ticks = x[::-1][::step][::-1]
    axes.set_xticks(ticks, [f"{count}{'+' * (count == x[-1])}" for count in ticks])
    axes.set_xlabel(label)
    light_grid(axes)
    axes.legend(frameon=False)


def _gaps(values: Sequence[float | None]) -> list[float]:
    """A line with a gap where there is nobody."""
    return [nan if value is None else value for value in values]
