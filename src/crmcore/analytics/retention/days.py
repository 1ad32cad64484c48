"""Days: the grid on which customers are counted, and the periods laid over it.

A day is its number in the calendar, as ``date.toordinal`` has it.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import attrs

from crmcore.analytics.cells import DAY, EPOCH, instant_at, micros
from crmcore.kernel import calendar
from crmcore.kernel.calendar import Period, Unit
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

__all__ = ["NEVER", "Span", "day_at", "days_in", "end_of", "local_days", "span_of", "spans_of"]

NEVER = date.max.toordinal() + 1
DAYS_A_YEAR = 365.25
LONGEST = 1_000_000  # days: beyond any customer's life
_LENGTH = re.compile(r"(\d{1,9}) *(d|days?|w|weeks?)", re.ASCII)
_ONE_DAY = timedelta(days=1)
_EPOCH_DAY = EPOCH.toordinal()


@attrs.frozen
class Span:
    """A period in days: customers are looked at on its first, and on the first after it.

    Attributes:
        period: The period.
        first: Its first day.
        after: The first day after it, or the last that is known of.
    """

    period: Period
    first: int
    after: int

    @property
    def days(self) -> int:
        """How many days lie between the two."""
        return self.after - self.first

    @property
    def per_year(self) -> float | None:
        """How many such periods a year has: exact for whole months, else by a year of 365.25 days."""
        if not self.days:
            return None
        first, after = date.fromordinal(self.first), date.fromordinal(self.after)
        months = (after.year - first.year) * 12 + after.month - first.month
        whole = months > 0 and calendar.add_months(first, months) == after
        return 12 / months if whole else DAYS_A_YEAR / self.days


def days_in(length: timedelta | str | int, path: str, *, least: int = 0) -> int:
    """A length of time in whole days.

    Args:
        length: A timedelta, text such as ``"30d"`` or ``"6 weeks"``, or a number of days.
        path: What the caller calls it.
        least: The fewest days there may be.

    Raises:
        Invalid: It is no number of whole days, or too small a one.
    """
    days = _days_in(length)
    if days is None or not least <= days <= LONGEST:
        expected = f"a length of time in whole days, at least {least}"
        raise Invalid([Problem(path, length, expected, f'say {path}="30d", {path}=30 or {path}=timedelta(days=30)')])
    return days


def _days_in(length: object) -> int | None:
    if isinstance(length, timedelta):
        days, rest = divmod(length, _ONE_DAY)
        return None if rest else days
    if isinstance(length, str):
        found = _LENGTH.fullmatch(length.strip())
        return found and int(found[1]) * (7 if found[2].startswith("w") else 1)
    return length if type(length) is int else None


def local_days(instants: Sequence[int | None], zone: ZoneInfo) -> list[int | None]:
    """The days of a zone that instants fall on.

    Args:
        instants: In microseconds since 1970.
        zone: The time zone.
    """
    known: dict[int | None, int | None] = dict.fromkeys(instants)
    for micro in known:
        known[micro] = None if micro is None else _local_day(micro, zone)
    return list(map(known.__getitem__, instants))


def _local_day(micro: int, zone: ZoneInfo) -> int:
    if zone.key == "UTC":
        return micro // DAY + _EPOCH_DAY
    return instant_at(micro).astimezone(zone).toordinal()


def day_at(value: datetime | date | str, zone: ZoneInfo, path: str) -> int:
    """The day an as-of falls on.

    Args:
        value: An instant, or a day.
        zone: The time zone.
        path: What the caller calls it.

    Raises:
        Invalid: It is no instant and no day.
    """
    try:
        return _local_day(micros(calendar.moment(value, zone=zone)), zone)
    except Invalid as error:
        raise Invalid([attrs.evolve(problem, path=path) for problem in error.problems]) from error


def end_of(day: int, zone: ZoneInfo) -> datetime:
    """The last instant of a day."""
    return calendar.moment(date.fromordinal(min(day, NEVER - 2)), zone=zone)


def span_of(period: Period | str, zone: ZoneInfo) -> Span:
    """The days of a period: those that start in it.

    Raises:
        Invalid: There is no such period, or no day starts in it.
    """
    found = _span(period if isinstance(period, Period) else calendar.period(period, zone=zone))
    if not found.days:
        raise Invalid([Problem("period", found.period.name, "a period of a day or more", "give a longer one")])
    return found


def _span(period: Period) -> Span:
    return Span(period, _first_day_from(period.start, period.zone), _first_day_from(period.end, period.zone))


def _first_day_from(instant: datetime, zone: str) -> int:
    local = calendar.today(instant, zone)
    return min(local.toordinal() + (calendar.instant(local, zone=zone) < instant), NEVER - 1)


def spans_of(span: Span, each: Unit | None, known: int) -> tuple[Span, ...]:
    """A period cut into shorter ones, as far as they have begun.

    Args:
        span: The period.
        each: The unit of the shorter ones; None for none.
        known: The last day that is known of.

    Raises:
        Invalid: There is no such unit, or the period is not made of whole ones.
    """
    if each is None:
        return ()
    if each not in get_args(Unit):
        raise Invalid([Problem("each", each, f"one of {', '.join(get_args(Unit))}", 'say each="month"')])
    whole = span.period
    part = calendar.period_of(whole.start, each, zone=whole.zone, fiscal=whole.fiscal)
    parts = [part]
    while part.end < whole.end:
        part = part.next()
        parts.append(part)
    if parts[0].start != whole.start or part.end != whole.end:
        mend = f"give a period that is made of whole {each}s, or another unit"
        raise Invalid([Problem("each", each, f"a unit that {whole.name} divides into", mend)])
    spans = [one for one in map(_span, parts) if one.days]  # Samoa had no 30 December 2011
    return tuple(attrs.evolve(one, after=min(one.after, known)) for one in spans if one.first <= known)
