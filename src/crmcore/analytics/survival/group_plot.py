"""Survival curves of several groups in one picture."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crmcore.analytics.drawing import axes_for, color_of
from crmcore.analytics.survival.survival_curve import SurvivalCurve
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_survival"]

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
    held = list(curves.values()) if isinstance(curves, Mapping) else [curves]
    strange = [type(curve).__name__ for curve in held if not isinstance(curve, SurvivalCurve)]
    if strange or not held:
        mend = "give what kaplan_meier() made of each group, by its name"
        raise Invalid([Problem("curves", ", ".join(strange) or "none", "survival curves by group", mend)])
    axes = axes_for(ax)
    for name, curve in curves.items():
        curve.plot(axes, label=str(name))
    if at_risk:
        _table(axes, curves)
    return axes


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
