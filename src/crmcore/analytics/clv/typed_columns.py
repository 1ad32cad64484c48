"""Columns of numbers and dates read at once by numpy, where a table already holds such.

What can't be read here without a doubt is left to the reading cell by cell, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.calculus.engines import Engine, EngineName, engine_for

if TYPE_CHECKING:
    from crmcore.analytics.columns import Source, Wanted

__all__ = ["EXACT", "HALF", "Amounts", "typed_columns"]

EXACT = 2**53
"""Sums below this are exact as floats."""

USUAL_DIGITS = 2
MOST_DIGITS = 6  # decimals looked for in a column of floats
HALF = 2**31  # what 32 bits hold
DOUBLE = 8  # bytes of one of Python's floats
SPARSE = 4  # a table of customers by number may have so many times as many places as there are rows
KINDS = {"customer": "iu", "at": "M", "amount": "iuf"}


@attrs.frozen(eq=False)
class Amounts:
    """A column of amounts.

    Attributes:
        cells: In whole parts of a major unit; None without amounts.
        digits: How many decimals those parts are: 2 for cents.
        currency: Their ISO 4217 code; None for bare numbers.
    """

    cells: Any
    digits: int = USUAL_DIGITS
    currency: str | None = None


def typed_columns(
    source: Source, wanted: Sequence[Wanted], digits: int | None, asked: EngineName | None
) -> tuple[dict[str, Any], Engine | None]:
    """What numpy can read of a table at once, by role, and the engine to go on with.

    Args:
        source: The table.
        wanted: The columns.
        digits: How many decimals amounts have; None for as many as they need.
        asked: The engine asked for.
    """
    arrays = {} if asked == "python" else _arrays(source, wanted)
    if not arrays or len(set(map(len, arrays.values()))) > 1:
        return {}, None
    engine = engine_for(len(next(iter(arrays.values()))), asked)
    if engine.name == "python":
        return {}, None
    np = engine.m
    readers: dict[str, Callable[..., Any]] = {"customer": _codes, "at": _days, "amount": partial(_amounts, digits)}
    told = {role: readers[role](np, array) for role, array in arrays.items()}
    return {role: found for role, found in told.items() if found is not None}, engine


def _arrays(source: Any, wanted: Sequence[Wanted]) -> dict[str, Any]:
    """The columns that are arrays of the kind their role asks for."""
    if not isinstance(source, Mapping) and not hasattr(source, "columns"):
        return {}
    known = list(source) if isinstance(source, Mapping) else list(source.columns)
    found = {column.role: source[column.name] for column in wanted if known.count(column.name) == 1}
    arrays = {role: column.to_numpy() if hasattr(column, "to_numpy") else column for role, column in found.items()}
    return {role: array for role, array in arrays.items() if _is_typed(array, KINDS[role])}


def _is_typed(array: Any, kinds: str) -> bool:
    """Whether it is an array of a kind; one of floats, of those with as many digits as Python's own."""
    kind = getattr(getattr(array, "dtype", None), "kind", " ")
    return kind in kinds and array.ndim == 1 and (kind != "f" or array.dtype.itemsize == DOUBLE)


def _codes(np: Any, cells: Any) -> tuple[list[int], Any]:
    """Every customer once, in the order in which they first stand, and the place of each cell among them."""
    low, high = (int(cells.min()), int(cells.max())) if len(cells) else (0, 0)
    if high - low < SPARSE * len(cells) < HALF:
        places = (cells - cells.dtype.type(low)).astype(np.int32)
        first = np.full(high - low + 1, len(cells), np.int32)
        first[places[::-1]] = np.arange(len(cells), dtype=np.int32)[::-1]  # of one place, the last to be written stays
        rows = np.sort(first[first < len(cells)])
        code = np.empty(high - low + 1, np.int32)
        code[places[rows]] = np.arange(len(rows), dtype=np.int32)
        return cells[rows].tolist(), code[places]
    told = cells.tolist()
    numbered = dict(zip(dict.fromkeys(told), count()))
    return list(numbered), np.fromiter(map(numbered.__getitem__, told), np.int64, len(told))


def _days(np: Any, cells: Any) -> Any:
    """Days since 1970; None where a date is missing, or one that clocks can't show."""
    days = cells.astype("datetime64[D]")
    first, last = np.datetime64("0001-01-03"), np.datetime64("9999-12-29")
    sound = not len(days) or (days.min() >= first and days.max() <= last)  # a missing one fails every comparison
    return days.astype(np.int32) if sound else None


def _amounts(digits: int | None, np: Any, cells: Any) -> Amounts | None:
    """Whole parts of a major unit; None where one is missing, or has too many decimals."""
    tried = range(USUAL_DIGITS, MOST_DIGITS + 1) if digits is None else [digits]
    for decimals in tried:
        scale = 10.0**decimals
        parts = np.rint(cells * scale)
        # Fewer than 16 digits: then no other number of so many decimals has the same float.
        if not (np.abs(parts) < 1e15).all():
            return None
        if (parts / scale == cells).all():
            return Amounts(parts.astype(np.int64), decimals)
    return None
