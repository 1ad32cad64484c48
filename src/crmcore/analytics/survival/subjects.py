"""Who was followed: for how long, whether the event was seen, since when, and with what weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from typing import TypeAlias

    from crmcore.analytics.calculus.engines import EngineName

    Column: TypeAlias = Any  # a list of numbers, or an array

__all__ = ["EXACT", "Subjects", "listed", "span", "those"]

EXACT = 2.0**53
"""Sums of whole numbers below this are exact in doubles."""


@attrs.frozen(eq=False)
class Subjects:
    """Those who were followed.

    Attributes:
        engine: What the columns are made for: lists for plain Python, arrays for numpy.
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether the event was seen at the end; otherwise it is right-censored.
        entry: How long it had gone on when the watching began, in the same unit; None when all were watched throughout.
        weights: How many each stands for; None when each stands for one.
    """

    engine: EngineName
    durations: Column
    observed: Column
    entry: Column | None
    weights: Column | None

    def __len__(self) -> int:
        """How many rows."""
        return len(self.durations)

    def those(self, flags: Column) -> Subjects:
        """The ones that are flagged."""
        return self._each(lambda column: those(column, flags))

    def parted(self, codes: Sequence[int], size: int) -> list[Subjects]:
        """The ones of each code from 0 up to a size."""
        if self.engine == "numpy":
            import numpy as np

            order, ends = np.argsort(codes, kind="stable"), np.bincount(codes, minlength=size).cumsum()
            return [self._each(itemgetter(rows)) for rows in np.split(order, ends[:-1])]
        rows_of: list[list[int]] = [[] for _ in range(size)]
        for row, code in enumerate(codes):
            rows_of[code].append(row)
        return [self._each(partial(_picked, rows)) for rows in rows_of]

    def in_lists(self) -> Subjects:
        """All of them, in lists for plain Python."""
        return attrs.evolve(self._each(listed), engine="python")

    def _each(self, part: Callable[[Column], Column]) -> Subjects:
        entry, weights = (column if column is None else part(column) for column in (self.entry, self.weights))
        return Subjects(self.engine, part(self.durations), part(self.observed), entry, weights)


def _picked(rows: Sequence[int], column: Sequence[Any]) -> list[Any]:
    return list(map(column.__getitem__, rows))


def listed(column: Column) -> list[Any]:
    """A column as a list of Python's own values."""
    found: list[Any] = column if isinstance(column, list) else column.tolist()
    return found


def span(column: Column) -> tuple[float, float]:
    """The least and the greatest number of a column that has one."""
    return (min(column), max(column)) if isinstance(column, list) else (float(column.min()), float(column.max()))


def those(column: Column, flags: Column) -> Column:
    """The cells of a column that are flagged."""
    return list(compress(column, flags)) if isinstance(column, list) else column[flags]
