"""The unit a model counts time in, and the way from one unit to another."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, TypeAlias, overload

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.missing import unwrapped

__all__ = ["DAYS_A_MONTH", "DAYS_A_YEAR", "Span", "Unit", "UnitName"]

DAYS_A_MONTH = 30.4375
DAYS_A_YEAR = 365.25
LONGEST = 1e9  # units or days: beyond any customer's life

_DAYS = {"day": 1.0, "week": 7.0, "month": DAYS_A_MONTH, "year": DAYS_A_YEAR}
_SPAN = re.compile(r"(\d+(?:\.\d+)?) *(day|week|month|year)s?", re.ASCII)
_DAY = timedelta(days=1)

Span: TypeAlias = timedelta | str | float
"""A length of time: ``"12 months"``, a timedelta, or a number of a model's own units."""


@attrs.frozen
class Unit:
    """A unit of time.

    A week has 7 days, a year 365.25, and a month is a twelfth of a year: 30.4375 days.

    Attributes:
        name: What it is called: ``"week"``, ``"14 days"``.
        days: Its length, in days.

    Raises:
        Invalid: It has no length above 0.

    Example:
        >>> from crmcore.analytics.clv import Unit
        >>> Unit.of("week").units_in("12 months")
        52.17857142857143
    """

    name: str = attrs.field(eq=False)
    days: float = attrs.field()

    @days.validator
    def _has_a_length(self, _: object, days: float) -> None:
        if not 0 < days <= LONGEST:
            mend = 'say Unit.of("week")'
            raise Invalid([Problem("days", days, f"a length in days, above 0, of a unit {self.name}", mend)])

    @overload
    @staticmethod
    def of(unit: None) -> None: ...
    @overload
    @staticmethod
    def of(unit: UnitName) -> Unit: ...
    @overload
    @staticmethod
    def of(unit: UnitName | None) -> Unit | None: ...
    @staticmethod
    def of(unit: UnitName | None) -> Unit | None:
        """The unit of a name or a length.

        Args:
            unit: ``"day"``, ``"week"``, ``"month"``, ``"year"``, a timedelta, a unit, or None for none.

        Raises:
            Invalid: It is no unit of time.

        Example:
            >>> from datetime import timedelta
            >>> from crmcore.analytics.clv import Unit
            >>> Unit.of(timedelta(days=14)), Unit.of("week") == Unit.of(timedelta(days=7))
            (Unit(name='14 days', days=14.0), True)
        """
        if unit is None or isinstance(unit, Unit):
            return unit
        if isinstance(unit, str) and unit in _DAYS:
            return Unit(unit, _DAYS[unit])
        if isinstance(unit, timedelta) and unit > timedelta(0):
            return _named(unit / _DAY)
        mend = 'say "day", "week", "month" or "year", or give timedelta(days=14)'
        raise Invalid([Problem("unit", unit, "a unit of time", mend)])

    def units_in(self, span: Span, path: str = "horizon") -> float:
        """How many of this unit a length of time has.

        Args:
            span: Text such as ``"12 months"``, ``"52 weeks"``, ``"1 year"``; a timedelta; a number is one of this unit
                already.
            path: What the caller calls it.

        Raises:
            Invalid: It is no length of time, or not above 0.

        Example:
            >>> from crmcore.analytics.clv import Unit
            >>> Unit.of("month").units_in("1 year"), Unit.of("day").units_in(30)
            (12.0, 30.0)
        """
        return units_in(self, span, path)

    def __str__(self) -> str:
        return self.name


UnitName: TypeAlias = Unit | timedelta | str
"""A unit, its name, or its length."""


def units_in(unit: Unit | None, span: Span, path: str = "horizon") -> float:
    """A length of time in a model's units; only a number of them can be told without knowing the unit.

    Args:
        unit: The model's unit; None where it has none.
        span: As ``Unit.units_in`` takes it.
        path: What the caller calls it.

    Raises:
        Invalid: It is no length of time, or not above 0; or it is one of the calendar, and there is no unit.
    """
    number = _number(span)
    if number is not None:
        return number
    days = _days(span)
    if days is None:
        mend = 'say "12 months", "52 weeks" or "1 year", or give a number of the model\'s own units'
        raise Invalid([Problem(path, span, "a length of time above 0", mend)])
    if unit is None:
        mend = f'give the model its unit, as in unit="week", or {path} as a number of the model\'s own units'
        raise Invalid([Problem("unit", None, f"a unit, to count {path} in", mend)])
    return days / unit.days


def _number(span: Any) -> float | None:
    """A number of units above 0; None where it is none."""
    span = unwrapped(span)
    if isinstance(span, int | float) and not isinstance(span, bool) and 0 < span <= LONGEST:
        return float(span)
    return None


def _days(span: object) -> float | None:
    """A length of the calendar above 0, in days; None where it is none."""
    if isinstance(span, timedelta):
        return span / _DAY if span > timedelta(0) else None
    found = _SPAN.fullmatch(span.strip()) if isinstance(span, str) else None
    days = float(found[1]) * _DAYS[found[2]] if found else 0.0
    return days if 0 < days <= LONGEST else None


def _named(days: float) -> Unit:
    """A unit by its usual name, if it has one."""
    for name, length in _DAYS.items():
        if length == days:
            return Unit(name, days)
    return Unit(f"{days:g} days", days)
