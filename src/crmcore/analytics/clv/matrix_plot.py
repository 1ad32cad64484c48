"""A matrix of histories as a picture."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from crmcore.analytics.drawing import axes_for, part_of_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from crmcore.analytics.clv.history_matrix import HistoryMatrix

__all__ = ["draw_matrix"]


def draw_matrix(matrix: HistoryMatrix, ax: Axes | None) -> Axes:
    """Draw a matrix: x to the right, t_x upwards, empty where no customer can have such a history.

    Args:
        matrix: The matrix.
        ax: The Axes to draw on; None for new ones.

    Raises:
        Invalid: matplotlib is not installed.
    """
    axes = axes_for(ax)
    alive = matrix.name == "p_alive"
    half = (matrix.t_x[1] - matrix.t_x[0]) / 2 if len(matrix.t_x) > 1 else 0.5
    image = axes.imshow(
        [[nan if value is None else value for value in row] for row in matrix.values],
        origin="lower", aspect="auto", cmap="viridis", vmin=0, vmax=1 if alive else None, interpolation="nearest",
        extent=(0.5, matrix.x[-1] + 0.5, matrix.t_x[0] - half, matrix.t_x[-1] + half),
    )  # fmt: skip
    unit = f", {matrix.unit}s" if matrix.unit else ""
    axes.set_title(_title(matrix))
    axes.set_xlabel("repeat purchases (x)")
    axes.set_ylabel(f"age at the last purchase (t_x){unit}")
    axes.xaxis.set_major_locator(part_of_matplotlib("ticker").MaxNLocator(integer=True))
    bar = axes.figure.colorbar(image, ax=axes, format="{x:.0%}" if alive else None)
    bar.set_label("P(alive)" if alive else "purchases expected")
    return axes


def _title(matrix: HistoryMatrix) -> str:
    one_time = f"{matrix.one_time:.0%}" if matrix.t is None else f"{matrix.one_time:.2g}"
    what = "P(alive)" if matrix.t is None else f"Purchases expected in {_time(matrix, matrix.t)}"
    return f"{what} at an age of {_time(matrix, matrix.T)}\n(one-time buyers, x = 0: {one_time})"


def _time(matrix: HistoryMatrix, time: float) -> str:
    return f"{time:.4g} {matrix.unit}s" if matrix.unit else f"{time:.4g}"
