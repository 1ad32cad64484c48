"""A matrix of histories as a picture."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import axes_for, part_of_matplotlib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

__all__ = ["draw_matrix"]


def draw_matrix(
    values: Sequence[Sequence[float | None]],
    t_x: Sequence[float],
    ax: Axes | None,
    *,
    title: str,
    label: str,
    unit: str,
    share: bool,
) -> Axes:
    """Draw a matrix: x from 1 on to the right, t_x upwards, empty where no customer can have such a history.

    Args:
        values: The figures, row by row.
        t_x: The age at the last purchase of each row, evenly spaced.
        ax: The Axes to draw on; None for new ones.
        title: What stands above.
        label: What the figure is called.
        unit: What ages are counted in; empty where nobody said.
        share: Whether the figures are fractions, to be coloured from 0 to 1.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    half = (t_x[1] - t_x[0]) / 2 if len(t_x) > 1 else 0.5
    image = axes.imshow(
        [[nan if value is None else value for value in row] for row in values],
        origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=1 if share else None, interpolation="nearest",
        extent=(0.5, len(values[0]) + 0.5, t_x[0] - half, t_x[-1] + half),
    )  # fmt: skip
    axes.set_title(title)
    axes.set_xlabel("repeat purchases (x)")
    axes.set_ylabel("age at the last purchase (t_x)" + (f", {unit}" if unit else ""))
    axes.xaxis.set_major_locator(part_of_matplotlib("ticker").MaxNLocator(integer=True))
    axes.figure.colorbar(image, ax=axes, format="{x:.0%}" if share else None).set_label(label)
    return axes
