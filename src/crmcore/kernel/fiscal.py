"""Fiscal years: shifted by months, or made of whole weeks."""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, timedelta
from itertools import accumulate
from typing import Literal, TypeAlias, get_args

import attrs

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["FiscalYear", "Weekday"]

Pattern: TypeAlias = Literal["months", "4-4-5", "4-5-4", "5-4-4"]
Weekday: TypeAlias = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
Rule: TypeAlias = Literal["last", "nearest"]
NamedBy: TypeAlias = Literal["end", "start"]

# In which week of the year each of the twelve periods starts.
_STARTS = {
    pattern: list(accumulate([int(weeks) for weeks in pattern.split("-")] * 4, initial=0))[:12]
    for pattern in get_args(Pattern)[1:]
}


@attrs.frozen
class FiscalYear:
    """How a business divides its years: twelve periods, four quarters.

    With ``pattern="months"`` the periods are calendar months. With a week pattern
    they are whole weeks: each quarter has 13, divided as the pattern says, and a
    year has 52 or 53; the 53rd belongs to the last period and quarter.

    Attributes:
        starts: The month in which the year starts, 1 to 12. A year of weeks starts close to that month's first day.
        pattern: ``"months"``, ``"4-4-5"``, ``"4-5-4"`` or ``"5-4-4"``.
        ends_on: The weekday on which a year of weeks ends.
        rule: Which such weekday: the ``"last"`` of the closing month, or the one ``"nearest"`` to that month's last
            day (which may lie in the next month).
        named_by: The calendar year that names a fiscal year: that of its closing month (``"end"``) or that of its
            opening month (``"start"``).

    Raises:
        Invalid: Everything that is wrong with it.

    Source:
        The 4-4-5 calendar of accounting, and the 4-5-4 calendar of the US National Retail Federation.

    Example:
        >>> from crmcore.kernel.fiscal import FiscalYear
        >>> FiscalYear(starts=4).first_day(2026)
        datetime.date(2025, 4, 1)
        >>> FiscalYear(starts=2, pattern="4-5-4", rule="nearest", named_by="start").first_day(2023)
        datetime.date(2023, 1, 29)
    """

    starts: int = 1
    pattern: Pattern = "months"
    ends_on: Weekday = "Saturday"
    rule: Rule = "last"
    named_by: NamedBy = "end"

    def __attrs_post_init__(self) -> None:
        choices = {"pattern": Pattern, "ends_on": Weekday, "rule": Rule, "named_by": NamedBy}
        problems = [
            Problem(name, getattr(self, name), f"one of {', '.join(get_args(choice))}", "pick one of them")
            for name, choice in choices.items()
            if getattr(self, name) not in get_args(choice)
        ]
        if type(self.starts) is not int or not 1 <= self.starts <= 12:
            problems.append(Problem("starts", self.starts, "a month from 1 to 12", "give the month's number"))
        if problems:
            raise Invalid(problems)

    def first_day(self, year: int, period: int = 1) -> date:
        """The day on which a fiscal year, or one of its periods, starts.

        Args:
            year: The fiscal year, by the name this calendar gives it.
            period: The period, 1 to 12; the quarters start with 1, 4, 7 and 10.

        Raises:
            Invalid: There is no such period, or the day falls outside the years 1 to 9999.

        Example:
            >>> from crmcore.kernel.fiscal import FiscalYear
            >>> FiscalYear(starts=10, pattern="4-4-5").first_day(2024, 2)
            datetime.date(2023, 10, 29)
        """
        if type(year) is not int or type(period) is not int or not 1 <= period <= 12:
            expected = "a whole year and a period from 1 to 12"
            raise Invalid([Problem("period", (year, period), expected, "count periods from 1")])
        try:
            if self.pattern == "months":
                months = self.starts + period - 2
                return date(year - self._shift + months // 12, months % 12 + 1, 1)
            return self._first_week(year) + timedelta(weeks=_STARTS[self.pattern][period - 1])
        except (OverflowError, ValueError) as error:
            raise Invalid([Problem("year", year, "a day within the years 1 to 9999", "check the year")]) from error

    def period_of(self, day: date) -> tuple[int, int]:
        """The fiscal year and the period (1 to 12) a day belongs to.

        Args:
            day: The day.

        Raises:
            Invalid: The fiscal year reaches outside the years 1 to 9999.

        Example:
            >>> from datetime import date
            >>> from crmcore.kernel.fiscal import FiscalYear
            >>> FiscalYear(starts=4).period_of(date(2026, 3, 31))
            (2026, 12)
        """
        if self.pattern == "months":
            year, month = divmod(day.year * 12 + day.month - self.starts, 12)
            return year + self._shift, month + 1
        year = day.year + self._shift + 1
        while (first := self.first_day(year)) > day:
            year -= 1
        return year, bisect_right(_STARTS[self.pattern], (day - first).days // 7)

    @property
    def _shift(self) -> int:
        """How many years the name is ahead of the calendar year of the opening month."""
        return int(self.named_by == "end" and self.starts > 1)

    def _first_week(self, year: int) -> date:
        """The first day of a year of weeks: the one after the closing weekday of the year before."""
        closing = date(year - self._shift, self.starts, 1) - timedelta(days=1)
        past = (closing.weekday() - get_args(Weekday).index(self.ends_on)) % 7
        return closing + timedelta(days=1 + (7 - past if self.rule == "nearest" and past > 3 else -past))
