"""A survival curve as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmcore.analytics.drawing import axes_for, color_of, light_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["draw_curve"]

MOST_TICKS = 300  # marks of censored durations; beyond that they would cover the curve


def draw_curve(
    times: Sequence[float],
    survival: Sequence[float],
    limits: tuple[Sequence[float], Sequence[float]],
    censored: Sequence[float],
    ax: Axes | None,
    *,
    title: str,
    unit: str,
    label: str | None,
    color: str | None,
) -> Axes:
    """Draw a curve, beside those that are there already.

    Args:
        times: The distinct durations, ascending.
        survival: The share that lasts longer than each.
        limits: The lower and the upper confidence limit of it.
        censored: How many were last seen still running at each.
        ax: The Axes to draw on; None for new ones.
        title: What stands above.
        unit: What durations are counted in; empty where nobody said.
        label: What to call it in the legend; None for no legend.
        color: Its colour, as matplotlib takes it; None for the next one.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    chosen = color or color_of(sum(line.get_drawstyle() == "steps-post" for line in axes.lines))
    places = [0.0, *times]
    lower, upper = ([1.0, *limit] for limit in limits)
    axes.fill_between(places, lower, upper, step="post", color=chosen, alpha=0.18, linewidth=0)
    axes.step(places, [1.0, *survival], where="post", color=chosen, label=label)
    ticks = [(time, share) for time, share, many in zip(times, survival, censored, strict=True) if many]
    if 0 < len(ticks) <= MOST_TICKS:
        axes.plot(*zip(*ticks, strict=True), linestyle="", marker="|", markersize=7, color=chosen)
    axes.set_title(title)
    axes.set_xlabel(f"duration, {unit}" if unit else "duration")
    _share(axes)
    if label is not None:
        axes.legend(loc="best", frameon=False)
    return axes


def _share(axes: Axes) -> None:
    """From nothing to all upwards, from 0 on to the right."""
    axes.set_ylabel("share lasting longer")
    axes.set_ylim(0, 1.03)
    axes.set_xlim(0, axes.dataLim.x1 * 1.02 if axes.dataLim.x1 > 0 else 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    light_grid(axes)
