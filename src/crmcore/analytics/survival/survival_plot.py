"""Survival curves as a picture."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmcore.analytics.drawing import axes_for, color_of, light_grid
from crmcore.analytics.survival.survival_curve import SurvivalCurve
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_curve", "plot_survival"]

MOST_TICKS = 300  # marks of censored durations; beyond that they would cover the curve
TABLE_LINE = 12.0  # points from one line of the table to the next
TABLE_LEFT = -18.0  # points from the axis to the names of its lines
TABLE_TOP = 42.0  # points from the axis to its first line: below the axis' own label


def plot_survival(curves: Mapping[Any, SurvivalCurve], ax: Axes | None = None, *, at_risk: bool = False) -> Axes:
    """Draw several survival curves into one picture.

    Args:
        curves: The curve of each group, by its name.
        ax: The Axes to draw on; by default new ones.
        at_risk: Whether to write below, for each group, how many are under observation as time goes on.

    Returns:
        The Axes.

    Raises:
        Invalid: matplotlib is not installed, there is no curve, or one is none.
    """
    strange = next((curve for curve in curves.values() if not isinstance(curve, SurvivalCurve)), None)
    if strange is not None or not curves:
        mend = "give what kaplan_meier() made of each group, by its name"
        raise Invalid([Problem("curves", type(strange).__name__, "survival curves by group", mend)])
    axes = axes_for(ax)
    for name, curve in curves.items():
        draw_curve(curve, axes, label=str(name))
    if at_risk:
        _table(axes, curves)
    return axes


def draw_curve(curve: SurvivalCurve, ax: Axes | None, *, label: str | None = None, color: str | None = None) -> Axes:
    """Draw one curve, beside those that are there already.

    Args:
        curve: The curve.
        ax: The Axes to draw on; None for new ones.
        label: What to call it in the legend.
        color: Its colour, as matplotlib takes it; by default the next one.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    chosen = color or color_of(sum(line.get_drawstyle() == "steps-post" for line in axes.lines))
    times = [0.0, *curve.times]
    axes.fill_between(
        times, [1.0, *curve.lower], [1.0, *curve.upper], step="post", color=chosen, alpha=0.18, linewidth=0
    )
    axes.step(times, [1.0, *curve.survival], where="post", color=chosen, label=label)
    _tick(axes, curve, chosen)
    _label(axes, curve)
    if label is not None:
        axes.legend(loc="best", frameon=False)
    return axes


def _tick(axes: Axes, curve: SurvivalCurve, color: str) -> None:
    """A short stroke on the curve where somebody was last seen still running."""
    rows = zip(curve.times, curve.survival, curve.censored, strict=True)
    ticks = [(time, survival) for time, survival, censored in rows if censored]
    if 0 < len(ticks) <= MOST_TICKS:
        axes.plot(*zip(*ticks, strict=True), linestyle="", marker="|", markersize=7, color=color)


def _label(axes: Axes, curve: SurvivalCurve) -> None:
    axes.set_title(f"Survival (Kaplan-Meier, {curve.level * 100:g} % limits)")
    axes.set_xlabel(f"duration, {curve.unit}" if curve.unit else "duration")
    axes.set_ylabel("share lasting longer")
    axes.set_ylim(0, 1.03)
    axes.set_xlim(0, axes.dataLim.x1 * 1.02 if axes.dataLim.x1 > 0 else 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    light_grid(axes)


def _table(axes: Axes, curves: Mapping[Any, SurvivalCurve]) -> None:
    """How many are at risk, below the ticks they belong to."""
    last = max((curve.times[-1] for curve in curves.values() if curve.times), default=0.0)
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= last]
    for row, (name, curve) in enumerate(curves.items()):
        down = -TABLE_TOP - TABLE_LINE * row
        color = color_of(row)
        _write(axes, str(name), (TABLE_LEFT, down), xy=(0, 0), coords="axes fraction", ha="right", color=color)
        for tick in ticks:
            _write(axes, f"{_at_risk(curve, tick):,.6g}", (0, down), xy=(tick, 0), coords=("data", "axes fraction"))
    head = (TABLE_LEFT, TABLE_LINE - TABLE_TOP)
    _write(axes, "at risk", head, xy=(0, 0), coords="axes fraction", ha="right", color="0.3")


def _write(axes: Axes, text: str, shift: tuple[float, float], **more: Any) -> None:
    place = {"xycoords": more.pop("coords"), "textcoords": "offset points", "annotation_clip": False}
    axes.annotate(text, xytext=shift, va="center", fontsize=8, **{"ha": "center", **place, **more})


def _at_risk(curve: SurvivalCurve, time: float) -> float:
    """How many are under observation just before a time."""
    place = bisect_left(curve.times, time)
    return curve.at_risk[place] if place < len(curve.times) else 0.0
