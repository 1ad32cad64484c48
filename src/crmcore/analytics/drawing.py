"""What all pictures share: matplotlib when it is asked for, Axes to draw on, colours everybody can tell apart."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["PALETTE", "SHADES", "axes_for", "color_of", "light_grid", "part_of_matplotlib"]

# Colours that hold for every kind of colour vision: M. Okabe and K. Ito, Color Universal Design, 2008.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHADES = "Blues"
SIZE = (6.0, 4.0)


def part_of_matplotlib(name: str) -> Any:
    """A module of matplotlib.

    Args:
        name: ``"pyplot"``, ``"ticker"``, …

    Raises:
        Invalid: matplotlib is not installed; says how to install it.
    """
    try:
        return importlib.import_module(f"matplotlib.{name}")
    except ImportError as error:
        mend = 'pip install "crmcore[plot]", or take to_dicts()'
        raise Invalid([Problem("plot()", "no matplotlib here", "matplotlib installed", mend)]) from error


def axes_for(ax: Axes | None, size: tuple[float, float] = SIZE) -> Axes:
    """The Axes to draw on.

    Args:
        ax: Those of the caller; None for a new figure, which pyplot then knows and shows.
        size: Width and height of a new figure, in inches.

    Raises:
        Invalid: matplotlib is not installed, or they are no Axes.
    """
    if ax is None:
        axes: Axes = part_of_matplotlib("pyplot").subplots(figsize=size, layout="constrained")[1]
        return axes
    if not hasattr(ax, "get_xaxis"):
        mend = "give one of the Axes that subplots() makes, or leave it out"
        raise Invalid([Problem("ax", type(ax).__name__, "Axes of matplotlib", mend)])
    return ax


def light_grid(ax: Axes) -> None:
    """Lines to read heights by, behind everything, and no frame above and at the right."""
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def color_of(place: int, colors: Sequence[str] = PALETTE) -> str:
    """The colour of the first, second, … thing in a picture; after the last, from the beginning."""
    return colors[place % len(colors)]
