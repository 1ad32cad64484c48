"""The grid cohorts are laid on: which period a day is in, and how old a customer is on it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from operator import sub
from typing import Literal

import attrs

__all__ = ["Anchor", "Grid", "Unit"]

Unit = Literal["day", "week", "month", "quarter", "year"]
Anchor = Literal["calendar", "anniversary"]

DAYS: dict[str, int] = {"day": 1, "week": 7}
MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}

Place = tuple[int, int, bool]
"""The number of a month, the day in it, and whether that is its last."""


@attrs.frozen
class Grid:
    """Periods of one unit, and the ages counted in them.

    Attributes:
        unit: How long a period is.
        anchor: Whether ages run from period to period of the ``calendar``, or from a first day (``anniversary``).
    """

    unit: Unit
    anchor: Anchor

    def number(self, day: int) -> int:
        """The number of the period a day is in; weeks begin on Monday."""
        if self.unit in DAYS:
            return (day - 1) // DAYS[self.unit]
        return (_place(day)[0] - 1) // MONTHS[self.unit]

    def name(self, day: int) -> str:
        """What the period a day is in is called."""
        found = date.fromordinal(day)
        if self.unit == "day":
            return found.isoformat()
        if self.unit == "week":
            return "{:04}-W{:02}".format(*found.isocalendar())
        part = {"month": f"-{found.month:02}", "quarter": f"-Q{(found.month + 2) // 3}", "year": ""}
        return f"{found.year:04}{part[self.unit]}"

    def ages(self, firsts: Iterable[int], days: Iterable[int]) -> list[int]:
        """How old customers with these first days are on these days."""
        firsts, days = list(firsts), list(days)
        known = set(firsts).union(days)
        if self.anchor == "calendar":
            number_of = {day: self.number(day) for day in known}.__getitem__
            return list(map(sub, map(number_of, days), map(number_of, firsts)))
        if self.unit in DAYS:
            length = DAYS[self.unit]
            return [(day - first) // length for first, day in zip(firsts, days, strict=True)]
        place_of, months = {day: _place(day) for day in known}.__getitem__, MONTHS[self.unit]
        return [age // months for age in map(_months, map(place_of, firsts), map(place_of, days))]

    def shown(self, first: int, known: int, *, partial: bool) -> int:
        """How many ages a customer of a first day has completed by a last known day; or begun."""
        (age,) = self.ages([first], [known if partial else known + 1])
        return age + partial


def _place(day: int) -> Place:
    found = date.fromordinal(day)
    return found.year * 12 + found.month, found.day, found.day == monthrange(found.year, found.month)[1]


def _months(first: Place, later: Place) -> int:
    """Whole months from one day to another; where a month is too short, its last day completes it."""
    month, day, _ = first
    other, then, is_last = later
    return other - month - (then < day and not is_last)
