"""The grid cohorts are laid on: which period a day is in, and how old a customer is on it."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from typing import Literal

import attrs

__all__ = ["Anchor", "Grid", "Unit"]

Unit = Literal["day", "week", "month", "quarter", "year"]
Anchor = Literal["calendar", "anniversary"]

DAYS: dict[str, int] = {"day": 1, "week": 7}
MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
ROOM = 32  # for the days of a month


@attrs.frozen
class Grid:
    """Periods of one unit, and the ages counted in them: (where a day is - where the first is) // length.

    Attributes:
        unit: How long a period is.
        anchor: Whether ages run from period to period of the ``calendar``, or from a first day (``anniversary``).
    """

    unit: Unit
    anchor: Anchor

    @property
    def length(self) -> int:
        """How long a period is on the grid."""
        if self.anchor == "calendar":
            return 1
        return DAYS.get(self.unit) or MONTHS[self.unit] * ROOM

    def first(self, day: int) -> int:
        """Where on the grid a first day is."""
        if self.anchor == "calendar":
            return self.number(day)
        return day if self.unit in DAYS else _month(day) * ROOM + date.fromordinal(day).day

    def later(self, day: int) -> int:
        """Where on the grid any other day is; the last of a month too short completes it, as its 31st would."""
        if self.anchor == "calendar" or self.unit in DAYS:
            return self.first(day)
        found = date.fromordinal(day)
        is_last = found.day == monthrange(found.year, found.month)[1]
        return _month(day) * ROOM + (ROOM - 1 if is_last else found.day)

    def number(self, day: int) -> int:
        """The number of the period a day is in; weeks begin on Monday."""
        return (day - 1) // DAYS[self.unit] if self.unit in DAYS else _month(day) // MONTHS[self.unit]

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
        firsts, days, length = list(firsts), list(days), self.length
        first_of = {day: self.first(day) for day in set(firsts)}
        later_of = {day: self.later(day) for day in set(days)}
        return [(later_of[day] - first_of[first]) // length for first, day in zip(firsts, days, strict=True)]

    def shown(self, first: int, known: int, *, partial: bool) -> int:
        """How many ages a customer of a first day has completed by a last known day; or begun."""
        (age,) = self.ages([first], [known if partial else known + 1])
        return age + partial


def _month(day: int) -> int:
    found = date.fromordinal(day)
    return found.year * 12 + found.month - 1
