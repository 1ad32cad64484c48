"""What a step function is at each of its times, held as a list or as an array of numpy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from typing import TypeAlias

    Cells: TypeAlias = Any  # a list of floats, or an array

__all__ = ["Steps", "several", "time_of", "value_at"]


class Steps(Sequence[float]):
    """Figures in the order of time, which can't change.

    They come out as Python's own numbers; ``numpy.asarray`` takes them without a copy where numpy made them.

    Args:
        cells: A list, or an array of numpy.

    Example:
        >>> from crmcore.analytics.survival.steps import Steps
        >>> steps = Steps([1.0, 0.75, 0.5])
        >>> steps[-1], list(steps[:2]), steps == [1, 0.75, 0.5]
        (0.5, [1.0, 0.75], True)
    """

    __slots__ = ("_cells",)

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Steps: ...
    def __getitem__(self, index: int | slice) -> float | Steps:
        """One figure, or a part of them."""
        found = self._cells[index]
        if isinstance(index, slice):
            return Steps(found)
        number: float = found if isinstance(self._cells, list) else found.item()
        return number

    def __len__(self) -> int:
        """How many."""
        return len(self._cells)

    def __iter__(self) -> Iterator[float]:
        """One after the other."""
        return iter(self.to_list())

    def to_list(self) -> list[float]:
        """All as a list of Python's own numbers."""
        return list(self._cells) if isinstance(self._cells, list) else self._cells.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: FBT001 - as numpy asks
        """As an array of numpy."""
        import numpy as np

        return (np.array if copy else np.asarray)(self._cells, dtype)

    def __eq__(self, other: object) -> bool:
        """Equal figures in the same order."""
        return self.to_list() == list(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        """By the figures."""
        return hash(tuple(self.to_list()))

    def __repr__(self) -> str:
        shown = ", ".join(f"{value:.6g}" for value in self[:3])
        return f"<{len(self):,} steps: {shown}{', …' if len(self) > 3 else ''}>"


@overload
def value_at(times: Sequence[float], values: Sequence[float], before: float, t: float) -> float: ...
@overload
def value_at(times: Sequence[float], values: Sequence[float], before: float, t: Iterable[float]) -> list[float]: ...
def value_at(
    times: Sequence[float], values: Sequence[float], before: float, t: float | Iterable[float]
) -> float | list[float]:
    """What a step function is at a time, or at each of several.

    Args:
        times: Where it steps, ascending, in any one unit.
        values: What it is from each of them on.
        before: What it is before the first.
        t: The time or times, in the unit of ``times``.

    Raises:
        Invalid: A time is no number.
    """
    moments = several(t)
    if moments is None:
        return _value(times, values, before, t)
    places, figures = list(times), list(values)
    return [_value(places, figures, before, moment) for moment in moments]


def _value(times: Sequence[float], values: Sequence[float], before: float, t: object) -> float:
    place = bisect_right(times, time_of(t, "t"))
    return values[place - 1] if place else before


def several(t: object) -> list[Any] | None:
    """Several times as a list; None for a single one, be it as text."""
    return list(t) if isinstance(t, Iterable) and not isinstance(t, str | bytes) else None


def time_of(t: object, name: str) -> float:
    """A time as a float.

    Args:
        t: The time, in any unit.
        name: What to call it in a message.

    Raises:
        Invalid: It is no number.
    """
    number: Any = t
    try:
        moment = float(number)
    except (TypeError, ValueError, OverflowError):
        moment = float("nan")
    if moment != moment:  # noqa: PLR0124 - NaN alone is not itself
        raise Invalid([Problem(name, t, "a time as a number", "give it in the unit of the durations")])
    return moment
