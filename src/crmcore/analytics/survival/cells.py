"""Cells of subjects, read as what they mean: numbers, events, weights, and the names of groups and strata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from types import NoneType
from typing import Any

from crmcore.analytics.cells import Misfit, flag, is_missing, read, read_keys, unwrapped
from crmcore.analytics.columns import Columns
from crmcore.kernel.errors import Problem

__all__ = [
    "HEAVIEST",
    "LIGHTEST",
    "check_entry",
    "ordered",
    "read_events",
    "read_names",
    "read_numbers",
    "read_weights",
]

LIGHTEST, HEAVIEST = 1e-100, 1e100
"""Weights beyond can't be told from none, or hide all others."""

YES = frozenset({"1", "1.0", "true", "yes"})
NO = frozenset({"0", "0.0", "false", "no"})


def read_numbers(columns: Columns, role: str, problems: list[Problem], *, lowest: float | None = None) -> list[float]:
    """A column of finite numbers.

    Args:
        columns: The table.
        role: Which column.
        problems: Where cells that are none are added.
        lowest: The least a number may be.
    """
    cells = columns.cells.get(role, [])
    if set(map(type, cells)) <= {int, float, bool}:
        numbers = _floats(cells)
        if numbers is not None and (lowest is None or not numbers or min(numbers) >= lowest):
            return numbers

    def number(cell: Any) -> float | Misfit:
        if is_missing(cell):
            return Misfit("a number", "fill it in, or leave the row out")
        found = _floats([unwrapped(cell)])
        if found is None:
            return Misfit("a finite number", "give it as a number, in a unit in which it is one")
        if lowest is not None and found[0] < lowest:
            return Misfit(f"a number from {lowest:g} on", "look for ends before beginnings")
        return found[0]

    return [0.0 if value is None else value for value in read(columns, role, number, problems)]


def _floats(cells: Sequence[Any]) -> list[float] | None:
    """Numbers as floats; None when one is no finite number. A zero has no sign."""
    try:
        numbers = [float(cell) + 0.0 for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(map(isfinite, numbers)) else None


def read_weights(columns: Columns, role: str, problems: list[Problem]) -> list[float]:
    """A column of weights: 0, or from 1e-100 to 1e100."""
    weights = read_numbers(columns, role, problems, lowest=0)
    if weights and max(weights) <= HEAVIEST and min(weights) >= LIGHTEST:
        return weights
    odd = [row for row, weight in enumerate(weights) if weight and not LIGHTEST <= weight <= HEAVIEST]
    flag(columns, role, odd, Misfit(f"0, or from {LIGHTEST:g} to {HEAVIEST:g}", "scale all weights alike"), problems)
    return weights


def read_events(columns: Columns, role: str, problems: list[Problem]) -> list[bool]:
    """A column that says whether the event was seen."""
    cells = columns.cells.get(role, [])
    if set(map(type, cells)) <= {bool}:
        return list(cells)

    def event(cell: Any) -> bool | Misfit:
        text = str(unwrapped(cell)).strip().casefold()
        if text in YES or text in NO:
            return text in YES
        return Misfit("1 where the event was seen, 0 where it was not", "write True and False, or 1 and 0")

    return [bool(value) for value in read(columns, role, event, problems)]


def read_names(columns: Columns, role: str, problems: list[Problem]) -> list[Any]:
    """A column of the names of groups or strata, none of them missing."""
    before = len(problems)
    names = read_keys(columns, role, problems)
    without = [row for row, name in enumerate(names) if name is None] if NoneType in set(map(type, names)) else []
    if len(problems) == before:
        flag(columns, role, without, Misfit("the name of one", "fill it in, or leave the row out"), problems)
    return names


def ordered(names: Iterable[object]) -> list[Any]:
    """Names by value where they can be compared, else by their text, so that the order of rows does not matter."""
    listed: list[Any] = list(names)
    try:
        return sorted(listed)
    except TypeError:
        return sorted(listed, key=lambda name: (type(name).__name__, str(name)))


def check_entry(
    columns: Columns, role: str, durations: Sequence[float], entry: Sequence[float], problems: list[Problem]
) -> None:
    """Whoever was followed from later than the start was followed for some time."""
    late = [row for row, (end, start) in enumerate(zip(durations, entry, strict=True)) if start >= end and start > 0]
    flag(columns, role, late, Misfit("less than the duration", "count both from the same start"), problems)
