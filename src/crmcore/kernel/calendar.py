"""The periods of a business: days, weeks, months, quarters, years, and fiscal ones.

A period is half-open: its start belongs to it, its end to the next one. Those
of one unit tile time without gap or overlap, in every time zone.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fiscal import FiscalYear
from crmcore.kernel.instants import (
    IN_REACH,
    add_months,
    day,
    instant,
    local_day,
    midnight,
    moment,
    monthly,
    next_day,
    today,
    utc,
    zone,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = [
    "FiscalYear",
    "Period",
    "Unit",
    "add_months",
    "day",
    "instant",
    "moment",
    "monthly",
    "period",
    "period_of",
    "periods",
    "today",
    "zone",
]

Unit: TypeAlias = Literal[
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "fiscal period",
    "fiscal quarter",
    "fiscal year",
]

_NAME = re.compile(r"(?P<fiscal>FY)?(?P<year>\d{4})(-(?P<mark>[QWP]?)(?P<part>\d{1,2}))?", re.ASCII)
_CALENDAR_YEAR = FiscalYear()

# Units that divide a year evenly: how many parts it has, and how a part is named.
_PARTS: dict[str, tuple[int, str]] = {
    "month": (12, "{:04}-{:02}"),
    "quarter": (4, "{:04}-Q{}"),
    "year": (1, "{:04}"),
    "fiscal period": (12, "FY{:04}-P{:02}"),
    "fiscal quarter": (4, "FY{:04}-Q{}"),
    "fiscal year": (1, "FY{:04}"),
}
_UNITS: dict[tuple[str | None, str | None], Unit] = {
    (None, ""): "month",
    (None, "Q"): "quarter",
    (None, None): "year",
    (None, "W"): "week",
    ("FY", "P"): "fiscal period",
    ("FY", "Q"): "fiscal quarter",
    ("FY", None): "fiscal year",
}


@attrs.frozen
class Period:
    """A stretch of time: its start belongs to it, its end does not.

    An instant or a day can be asked for with ``in``; a day is in the period its
    start is in. Periods by name come from ``period()``, and know their neighbours.

    Attributes:
        start: The first instant, in UTC.
        end: The first instant after it, in UTC.
        zone: The IANA name of the time zone its days are counted in.
        name: What it is called: ``"2026-Q3"``, ``"launch week"``.
        fiscal: The fiscal year its name refers to, if it does.

    Raises:
        Invalid: Everything that is wrong with it.

    Example:
        >>> from datetime import date
        >>> from crmcore.kernel.calendar import period
        >>> quarter = period("2026-Q3", zone="Europe/Berlin")
        >>> date(2026, 9, 30) in quarter, date(2026, 10, 1) in quarter
        (True, False)
    """

    start: datetime
    end: datetime
    zone: str
    name: str
    fiscal: FiscalYear | None = None

    def __attrs_post_init__(self) -> None:
        problems: list[Problem] = []
        for field in ("start", "end"):
            try:
                object.__setattr__(self, field, utc(getattr(self, field), field))
            except Invalid as error:
                problems += error.problems
        try:
            object.__setattr__(self, "zone", zone(self.zone).key)
        except Invalid as error:
            problems += error.problems
        if not problems and self.end < self.start:
            problems.append(Problem("end", self.end, "an instant not before the start", "swap start and end"))
        if problems:
            raise Invalid(problems)

    def __contains__(self, value: datetime | date) -> bool:
        return self.start <= instant(value, zone=self.zone) < self.end

    def __str__(self) -> str:
        return f"{self.name} ({self.zone})"

    @property
    def days(self) -> float:
        """Its length in days of 24 hours.

        Example:
            >>> from crmcore.kernel.calendar import period
            >>> period("2026-03-29", zone="Europe/Berlin").days * 24
            23.0
        """
        return (self.end - self.start) / timedelta(days=1)

    @property
    def calendar_days(self) -> int:
        """How many days of the calendar start in it.

        Example:
            >>> from crmcore.kernel.calendar import period
            >>> period("2026-03", zone="Europe/Berlin").calendar_days
            31
        """
        return (self._first_day_from(self.end) - self._first_day_from(self.start)).days

    def next(self) -> Period:
        """The period after it, of the same unit.

        Raises:
            Invalid: It is no period of the calendar, or the next reaches past the year 9999.

        Example:
            >>> from crmcore.kernel.calendar import period
            >>> period("2026-Q4", zone="UTC").next().name
            '2027-Q1'
        """
        return self._moved(1)

    def previous(self) -> Period:
        """The period before it, of the same unit.

        Raises:
            Invalid: It is no period of the calendar, or the one before reaches before the year 1.

        Example:
            >>> from crmcore.kernel.calendar import period
            >>> period("2026-W01", zone="UTC").previous().name
            '2025-W52'
        """
        return self._moved(-1)

    def _moved(self, steps: int) -> Period:
        unit, number = _numbered(self.name)
        if _built(unit, number, self.zone, self.fiscal) != self:
            mend = "make it with period(name, zone=zone), or give another stretch of time another name"
            raise Invalid([Problem("period", self.name, "a period with the bounds its name says", mend)])
        return _built(unit, number + steps, self.zone, self.fiscal)

    def _first_day_from(self, instant: datetime) -> date:
        """The first day that starts at or after an instant."""
        local = local_day(instant, self.zone)
        return local if midnight(local, self.zone) >= instant else next_day(local)


def period(name: str, *, zone: str | ZoneInfo, fiscal: FiscalYear | None = None) -> Period:
    """The period of a name.

    Args:
        name: A day ``2026-11-21``, ISO week ``2026-W47``, month ``2026-11``, quarter ``2026-Q3``, year ``2026``,
            or of the fiscal year: ``FY2026-P03``, ``FY2026-Q2``, ``FY2026``.
        zone: The time zone its days are counted in.
        fiscal: The fiscal year; needed for the fiscal names only.

    Raises:
        Invalid: No such period, no such time zone, or a fiscal name without a fiscal year.

    Example:
        >>> from crmcore.kernel.calendar import FiscalYear, period
        >>> period("2026-Q3", zone="UTC").start.isoformat()
        '2026-07-01T00:00:00+00:00'
        >>> period("FY2026-Q1", zone="UTC", fiscal=FiscalYear(starts=4)).start.isoformat()
        '2025-04-01T00:00:00+00:00'
    """
    return _built(*_numbered(name), zone, fiscal)


def period_of(
    value: datetime | date | str,
    unit: Unit,
    *,
    zone: str | ZoneInfo,
    fiscal: FiscalYear | None = None,
) -> Period:
    """The period an instant or a day falls in.

    Args:
        value: An aware datetime, a date, or ISO text of one.
        unit: ``day``, ``week`` (Monday to Sunday), ``month``, ``quarter``, ``year``, ``fiscal period``,
            ``fiscal quarter`` or ``fiscal year``.
        zone: The time zone its days are counted in.
        fiscal: The fiscal year; needed for the fiscal units only.

    Raises:
        Invalid: No instant, unit or time zone, or a fiscal unit without a fiscal year.

    Example:
        >>> from crmcore.kernel.calendar import period_of
        >>> period_of("2026-09-30T23:30Z", "quarter", zone="Europe/Berlin").name
        '2026-Q4'
    """
    if unit not in get_args(Unit):
        raise Invalid([Problem("unit", unit, f"one of {', '.join(get_args(Unit))}", "pick one of them")])
    at = instant(value, zone=zone)
    found = _built(unit, _number(unit, local_day(at, zone), fiscal), zone, fiscal)
    return found if at < found.end else found.next()  # where clocks went back over midnight, a day shows twice


def periods(first: Period, last: Period) -> tuple[Period, ...]:
    """All periods of one unit from the first to the last.

    Args:
        first: The first period.
        last: The last, which is included.

    Raises:
        Invalid: They differ in unit, zone or fiscal year, or the last lies before the first.

    Example:
        >>> from crmcore.kernel.calendar import period, periods
        >>> months = periods(period("2026-11", zone="UTC"), period("2027-01", zone="UTC"))
        >>> [month.name for month in months]
        ['2026-11', '2026-12', '2027-01']
    """
    unit, low = _numbered(first.name)
    last_unit, high = _numbered(last.name)
    if (unit, first.zone, first.fiscal) != (last_unit, last.zone, last.fiscal):
        raise Invalid([Problem("last", str(last), f"a {unit} like {first}", "use one unit, zone and fiscal year")])
    if high < low:
        raise Invalid([Problem("last", last.name, f"{first.name} or later", "swap the two")])
    return tuple(_built(unit, number, first.zone, first.fiscal) for number in range(low, high + 1))


def _built(unit: Unit, number: int, zone_name: str | ZoneInfo, fiscal: FiscalYear | None) -> Period:
    """The period of a unit by its place in the row of all of them."""
    start, end = (midnight(_first_day(unit, at, fiscal), zone_name) for at in (number, number + 1))
    own = fiscal if unit.startswith("fiscal") else None
    return Period(start, end, zone(zone_name).key, _name(unit, number), own)


def _first_day(unit: Unit, number: int, fiscal: FiscalYear | None) -> date:
    if unit in _PARTS:
        year, part = divmod(number, _PARTS[unit][0])
        return _year(unit, fiscal).first_day(year, part * 12 // _PARTS[unit][0] + 1)
    try:
        return date.fromordinal(number if unit == "day" else 7 * number + 1)
    except (OverflowError, ValueError) as error:
        raise Invalid([Problem(unit, number, IN_REACH, "stay within them")]) from error


def _number(unit: Unit, within: date, fiscal: FiscalYear | None) -> int:
    if unit in _PARTS:
        year, month = _year(unit, fiscal).period_of(within)
        parts = _PARTS[unit][0]
        return year * parts + (month - 1) * parts // 12
    return within.toordinal() if unit == "day" else (within.toordinal() - 1) // 7


def _name(unit: Unit, number: int) -> str:
    if unit in _PARTS:
        parts, form = _PARTS[unit]
        year, part = divmod(number, parts)
        return form.format(year, part + 1)
    first = _first_day(unit, number, None)
    return first.isoformat() if unit == "day" else "{:04}-W{:02}".format(*first.isocalendar())


def _year(unit: Unit, fiscal: FiscalYear | None) -> FiscalYear:
    """The year a unit divides."""
    if not unit.startswith("fiscal"):
        return _CALENDAR_YEAR
    if fiscal is None:
        mend = "pass fiscal=FiscalYear(starts=4), or as the playbook has it"
        raise Invalid([Problem("fiscal", None, f"a FiscalYear, since a {unit} is asked for", mend)])
    return fiscal


def _numbered(name: str) -> tuple[Unit, int]:
    """The unit a name is of, and its place in the row of all of them."""
    found = _parsed(name) if isinstance(name, str) else None
    if found is None or _name(*found) != name:
        forms = "2026, 2026-Q3, 2026-11, 2026-W47, 2026-11-21, FY2026, FY2026-Q2 or FY2026-P03"
        raise Invalid([Problem("period", name, "the name of a period", f"write it like {forms}")])
    return found


def _parsed(name: str) -> tuple[Unit, int] | None:
    """The same, without a check that the name is written in full and in range."""
    try:
        if match := _NAME.fullmatch(name):
            unit = _UNITS[match["fiscal"], match["mark"]]
            year, part = int(match["year"]), int(match["part"] or 1)
            if unit == "week":
                return unit, _number(unit, date.fromisocalendar(year, part, 1), None)
            return unit, year * _PARTS[unit][0] + part - 1
        return "day", date.fromisoformat(name).toordinal()
    except (LookupError, ValueError):
        return None
