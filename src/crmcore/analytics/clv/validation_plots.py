"""What customers did beside what a model expects, as pictures."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import PALETTE, axes_for, color_of, light_grid, part_of_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from matplotlib.axes import Axes

__all__ = ["draw_calibration", "draw_frequency", "draw_survivors", "draw_tracking"]

ACTUAL, EXPECTED = PALETTE[:2]
WIDTH = 0.4
MOST_LABELS = 20


def draw_frequency(x: Sequence[int], actual: Sequence[float], expected: Sequence[float], ax: Axes | None) -> Axes:
    """Draw how many customers made how many repeat purchases: two bars for each number.

    Args:
        x: How many repeat purchases; the last stands for that many and more.
        actual: How many customers made so many.
        expected: How many were expected to.
        ax: The Axes to draw on; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    axes.bar([count - WIDTH / 2 for count in x], actual, WIDTH, color=ACTUAL, label="actual")
    axes.bar([count + WIDTH / 2 for count in x], expected, WIDTH, color=EXPECTED, label="expected")
    axes.set_title("Customers by number of repeat purchases")
    axes.set_ylabel("customers")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    _counts(axes, x, "repeat purchases (x)")
    return axes


def draw_calibration(
    x: Sequence[int], actual: Sequence[float | None], expected: Sequence[float | None], ax: Axes | None
) -> Axes:
    """Draw purchases in the holdout, by repeat purchases before it: a line for each of actual and expected.

    Args:
        x: How many repeat purchases in the calibration; the last stands for that many and more.
        actual: The mean number in the holdout; None where there is nobody.
        expected: The mean number expected; None likewise.
        ax: The Axes to draw on; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    axes.plot(x, _gaps(actual), color=ACTUAL, marker="o", label="actual")
    axes.plot(x, _gaps(expected), color=EXPECTED, marker="s", linestyle="--", label="expected")
    axes.set_title("Purchases in the holdout, by purchases before it")
    axes.set_ylabel("mean purchases in the holdout")
    axes.set_ylim(bottom=0)
    _counts(axes, x, "repeat purchases in the calibration (x)")
    return axes


def draw_tracking(
    days: Sequence[date],
    actual: Sequence[float],
    expected: Sequence[float],
    ax: Axes | None,
    *,
    title: str,
    unit: str,
    calibration_end: date | None,
) -> Axes:
    """Draw repeat purchases over time: a line for each of actual and expected.

    Args:
        days: The last day of each period.
        actual: How many were made.
        expected: How many were expected.
        ax: The Axes to draw on; None for new ones.
        title: What stands above.
        unit: How long a period is.
        calibration_end: The last day of the calibration; None where there was none.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    dates = part_of_matplotlib("dates")
    places = dates.date2num(days)
    axes.plot(places, actual, color=ACTUAL, label="actual")
    axes.plot(places, expected, color=EXPECTED, linestyle="--", label="expected")
    if calibration_end is not None:
        end = dates.date2num(calibration_end)
        axes.axvline(end, color="0.4", linewidth=1, linestyle=":", label="end of the calibration")
    axes.set_title(title)
    axes.set_xlabel(f"last day of the {unit}")
    axes.set_ylabel("repeat purchases")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    light_grid(axes)
    axes.legend(frameon=False)
    return axes


def draw_survivors(
    t: Sequence[int], actual: Sequence[float | None], expected: Sequence[float], ax: Axes | None, *, model: str
) -> Axes:
    """Draw the share left after each renewal: a mark for what was seen, a line for what is expected.

    Args:
        t: After which renewal.
        actual: The share that is left; None where that was not seen.
        expected: The share expected to be left.
        ax: The Axes to draw on, beside the lines of other models; None for new ones.
        model: What the model is called.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    if not axes.collections:
        seen = [(renewal, share) for renewal, share in zip(t, actual, strict=True) if share is not None]
        axes.scatter(*zip(*seen, strict=True), color=ACTUAL, zorder=3, label="actual")
    axes.plot(t, expected, color=color_of(1 + len(axes.lines)), label=f"expected by {model}")
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
    step = -(-len(x) // MOST_LABELS)
    ticks = x[::-1][::step][::-1]
    axes.set_xticks(ticks, [f"{count}{'+' * (count == x[-1])}" for count in ticks])
    axes.set_xlabel(label)
    light_grid(axes)
    axes.legend(frameon=False)


def _gaps(values: Sequence[float | None]) -> list[float]:
    """A line with a gap where there is nobody."""
    return [nan if value is None else value for value in values]
