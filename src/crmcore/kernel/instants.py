"""Days and instants, and the time zone that leads from one to the other.

An instant is an aware datetime in UTC, a day is a date. Instants without an
offset are refused: nobody could say when they were.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["add_months", "day", "instant", "moment", "monthly", "today", "zone"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
IN_REACH = "a day within the years 1 to 9999"


def zone(name: str | ZoneInfo) -> ZoneInfo:
    """The time zone of an IANA name.

    Args:
        name: Such as ``"Europe/Berlin"``; a ZoneInfo with a name is itself.

    Raises:
        Invalid: There is no such time zone.

    Example:
        >>> from crmcore.kernel.instants import zone
        >>> zone("Europe/Berlin").key
        'Europe/Berlin'
    """
    from zoneinfo import ZoneInfo

    if isinstance(name, ZoneInfo) and name.key:
        return name
    try:
        return ZoneInfo(name if isinstance(name, str) else "")
    except (LookupError, OSError, ValueError) as error:
        mend = "use a name like 'Europe/Berlin' or 'UTC'; where the system has no time zones, install tzdata"
        raise Invalid([Problem("zone", name, "the IANA name of a time zone", mend)]) from error


def instant(value: datetime | date | str, *, zone: str | ZoneInfo) -> datetime:
    """An instant, aware and in UTC; a bare day means its start.

    Args:
        value: An aware datetime, ISO text with an offset, a date or its ISO text.
        zone: The time zone in which a bare day starts.

    Raises:
        Invalid: No instant, or one without an offset.

    Example:
        >>> from crmcore.kernel.instants import instant
        >>> instant("2026-11-21", zone="Europe/Berlin").isoformat()
        '2026-11-20T23:00:00+00:00'
        >>> instant("2026-11-21T09:00+01:00", zone="UTC").isoformat()
        '2026-11-21T08:00:00+00:00'
    """
    found = _read(value, "instant")
    return found if isinstance(found, datetime) else midnight(found, zone)


def moment(value: datetime | date | str, *, zone: str | ZoneInfo) -> datetime:
    """An instant to look back from; a bare day means its last microsecond.

    Args:
        value: An aware datetime, ISO text with an offset, a date or its ISO text.
        zone: The time zone in which a bare day ends.

    Raises:
        Invalid: No instant, or one without an offset.

    Example:
        >>> from crmcore.kernel.instants import moment
        >>> moment("2026-11-21", zone="Europe/Berlin").isoformat()
        '2026-11-21T22:59:59.999999+00:00'
    """
    found = _read(value, "moment")
    if isinstance(found, datetime):
        return found
    return midnight(next_day(found), zone) - timedelta(microseconds=1)


def day(value: date | str) -> date:
    """A day, from a date or its ISO text.

    Args:
        value: A date, or text like ``"2026-11-21"``. An instant is refused: its day depends on the zone.

    Raises:
        Invalid: No day.

    Example:
        >>> from crmcore.kernel.instants import day
        >>> day("2026-11-21")
        datetime.date(2026, 11, 21)
    """
    found = _read_text(value) if isinstance(value, str) else value
    if isinstance(found, date) and not isinstance(found, datetime):
        return found
    mend = "write it like '2026-11-21'; the day of an instant is today(instant, zone)"
    raise Invalid([Problem("day", value, "a date without a time, or its ISO text", mend)])


def today(now: datetime, zone: str | ZoneInfo) -> date:
    """The day it is in a time zone at an instant.

    Args:
        now: An aware datetime.
        zone: The time zone.

    Raises:
        Invalid: The instant has no offset, or there is no such time zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from crmcore.kernel.instants import today
        >>> today(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "Europe/Berlin")
        datetime.date(2026, 11, 22)
    """
    return local_day(now, zone)


def add_months(start: date | str, months: int) -> date:
    """The day so many calendar months from another.

    Where the month is too short, its last day. Count from the anchor, not from
    the result before: 31 January plus 1 is 28 February, plus 2 is 31 March.

    Args:
        start: The anchor: a date or its ISO text.
        months: In calendar months, also negative.

    Raises:
        Invalid: No day, no whole number, or the result falls outside the years 1 to 9999.

    Example:
        >>> from datetime import date
        >>> from crmcore.kernel.instants import add_months
        >>> add_months(date(2026, 1, 31), 1), add_months(date(2026, 1, 31), 2)
        (datetime.date(2026, 2, 28), datetime.date(2026, 3, 31))
    """
    anchor = day(start)
    if type(months) is not int:
        raise Invalid([Problem("months", months, "a whole number of months", "use timedelta for days")])
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    try:
        return date(year, month + 1, min(anchor.day, _month_length(year, month + 1)))
    except (OverflowError, ValueError) as error:
        raise Invalid([Problem("months", months, IN_REACH, "check the number")]) from error


def monthly(anchor: date | str, *, every: int = 1) -> Iterator[date]:
    """The days of a series by months, each counted from the anchor.

    Args:
        anchor: The first day: a date or its ISO text.
        every: In calendar months, at least 1: 3 for quarterly, 12 for yearly.

    Raises:
        Invalid: No day, no such step, or the series runs past the year 9999.

    Example:
        >>> from itertools import islice
        >>> from crmcore.kernel.instants import monthly
        >>> [day.isoformat() for day in islice(monthly("2026-01-31"), 3)]
        ['2026-01-31', '2026-02-28', '2026-03-31']
    """
    first = day(anchor)
    if type(every) is not int or every < 1:
        raise Invalid([Problem("every", every, "a whole number of months, at least 1", "give 1 for every month")])
    return (add_months(first, months) for months in itertools.count(0, every))


def _month_length(year: int, month: int) -> int:
    return 31 if month == 12 else (date(year, month + 1, 1) - date(year, month, 1)).days


def midnight(start: date, zone_name: str | ZoneInfo) -> datetime:
    """The instant at which a day starts: its first midnight, or the end of the gap that swallows it."""
    return utc(datetime(start.year, start.month, start.day, tzinfo=zone(zone_name)), "day")


def local_day(value: datetime, zone_name: str | ZoneInfo) -> date:
    """The date a calendar on the wall shows at an instant."""
    return _shifted(utc(value, "instant"), zone(zone_name), "instant").date()


def next_day(before: date) -> date:
    """The day after."""
    try:
        return before + timedelta(days=1)
    except OverflowError as error:
        raise Invalid([Problem("day", before, IN_REACH, "give an earlier day")]) from error


def utc(value: object, path: str) -> datetime:
    """An aware datetime in UTC, as a plain datetime."""
    if type(value) is datetime and value.tzinfo is UTC:
        return value
    if not isinstance(value, datetime):
        raise Invalid([Problem(path, value, "an aware datetime", "read other forms with instant(value, zone=zone)")])
    if value.utcoffset() is None:
        mend = "say where its clock hung: add the offset ('+01:00', 'Z') or .replace(tzinfo=zone('Europe/Berlin'))"
        raise Invalid([Problem(path, value, "an instant with an offset, since it is naive", mend)])
    return _shifted(value, UTC, path)


def _shifted(value: datetime, tz: tzinfo, path: str) -> datetime:
    """An aware datetime in another time zone, as a plain datetime."""
    try:
        there = value.astimezone(tz)
    except OverflowError as error:
        raise Invalid([Problem(path, value, IN_REACH, "check the year")]) from error
    if type(there) is not datetime:  # pandas has a subclass with nanoseconds
        there = datetime.combine(there.date(), there.time(), tz)
    return there


def _read(value: object, path: str) -> datetime | date:
    """An instant in UTC, or a bare day."""
    found = _read_text(value) if isinstance(value, str) else value
    if isinstance(found, datetime):
        return utc(found, path)
    if isinstance(found, date):
        return found
    mend = "write it like '2026-11-21T09:00+01:00', or a bare day like '2026-11-21'"
    raise Invalid([Problem(path, value, "an aware datetime, a date, or ISO text of one", mend)])


def _read_text(text: str) -> datetime | date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError:
        return None
