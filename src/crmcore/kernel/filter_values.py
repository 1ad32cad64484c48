"""The constants a filter may hold: each in its plain type, and how a person reads it.

Plain types make filters compare, hash and serialise rightly: a float becomes the Decimal its
shortest text says, an instant is in UTC, an enum's text is text. What no database or file could
hold (NUL, lone surrogates, NaN, a million digits) is refused here, before any filter exists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.instants import local_day, utc
from crmcore.kernel.money import Money

__all__ = ["Ago", "FieldType", "Value", "ago", "kind_of_value", "misfit", "plain", "said"]

FieldType: TypeAlias = Literal["text", "integer", "decimal", "money", "boolean", "date", "instant", "texts"]
"""What a field holds, as filters and stores see it; ``texts`` is a tuple of text, such as tags."""

MOST_DIGITS = 1_000
LONGEST_SPAN = 10_000 * 366 * 24 * 60
_HOUR = 60
_DAY = 24 * _HOUR
_UNITS = {"days": _DAY, "hours": _HOUR, "minutes": 1}
_WORD = re.compile(r"[^\W\d_][\w.@+-]*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPOKEN_FOR = frozenset({"and", "everything", "missing", "no", "not", "nothing", "one", "or", "set", "yes"})


@attrs.frozen
class Ago:
    """A time before the instant a filter is asked at.

    Attributes:
        minutes: How long before, in minutes; negative lies after it.

    Raises:
        Invalid: It is no whole number, or longer than 10,000 years.
    """

    minutes: int = attrs.field()

    @minutes.validator
    def _bounded(self, _: attrs.Attribute[int], value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LONGEST_SPAN:
            raise misfit(value, "a whole number of minutes, hours or days below 10,000 years", "write ago(days=30)")

    @property
    def span(self) -> tuple[int, str]:
        """The length in the largest unit that divides it: ``(30, "days")``."""
        unit = next(unit for unit, length in _UNITS.items() if self.minutes % length == 0)
        return self.minutes // _UNITS[unit], unit

    def before(self, at: datetime) -> datetime:
        """The instant this long before another; a day is 24 hours.

        Args:
            at: An aware datetime.

        Raises:
            OverflowError: The calendar has no such instant.
        """
        return at - timedelta(minutes=self.minutes)

    def day_before(self, at: datetime, zone: str) -> date:
        """The day this long before an instant; whole days are counted in the calendar.

        Args:
            at: An aware datetime.
            zone: The time zone whose days are meant.

        Raises:
            OverflowError: The calendar has no such day.
        """
        days, rest = divmod(self.minutes, _DAY)
        return local_day(self.before(at), zone) if rest else local_day(at, zone) - timedelta(days=days)

    def __str__(self) -> str:
        """In words: ``30 days ago``, ``in 2 hours``, ``now``."""
        count, unit = self.span
        words = f"{abs(count):,} {unit if abs(count) != 1 else unit[:-1]}"
        return "now" if count == 0 else f"{words} ago" if count > 0 else f"in {words}"


Value: TypeAlias = str | int | bool | Decimal | Money | date | datetime | Ago


def ago(*, weeks: int = 0, days: int = 0, hours: int = 0, minutes: int = 0) -> Ago:
    """A time before the instant a filter is asked at; parts add up.

    Args:
        weeks: Whole weeks of 7 days.
        days: Whole days: of 24 hours against an instant, calendar days against a date.
        hours: Whole hours.
        minutes: Whole minutes.

    Returns:
        The relative time; negative parts lie after that instant.

    Raises:
        Invalid: A part is no whole number, or the sum is longer than 10,000 years.

    Example:
        >>> from crmcore.kernel.where import F, ago
        >>> str(F.last_touch_at > ago(days=30))
        'last_touch_at is after 30 days ago'
    """
    parts = ((weeks, 7 * _DAY), (days, _DAY), (hours, _HOUR), (minutes, 1))
    return Ago(sum(Ago(count).minutes * length for count, length in parts))


def misfit(value: object, expected: str, mend: str, *, path: str = "value") -> Invalid:
    """What to raise for a constant; it says its type only, since the field may be personal."""
    return Invalid([Problem(path, kind_of_value(value), expected, mend)])


def plain(value: object) -> Value:
    """A constant in its plain type.

    Args:
        value: What the caller wrote.

    Raises:
        Invalid: A filter can't compare with it.
    """
    if isinstance(value, bool | Money | Ago):
        return value
    for kind, read in _READERS:
        if isinstance(value, kind):
            return read(value)
    if value is None:
        raise misfit(value, "a value", "ask .is_set for presence and ~….is_set for absence")
    raise misfit(value, "text, a number, Money, a date, an instant or ago(…)", "compare with one of these")


def _text(value: str) -> str:
    text = str.__str__(value)
    if _UNSTORABLE.search(text):
        raise misfit(value, "text without NUL or lone surrogates", "clean it at its source")
    return text


def _integer(value: int) -> int:
    if abs(value) >= 10**MOST_DIGITS:
        raise misfit(value, f"a number of at most {MOST_DIGITS:,} digits", "check the number")
    return int(value)


def _decimal(value: float | Decimal) -> Decimal:
    number = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise misfit(value, "a finite number", "ask .is_set for presence and ~….is_set for absence")
    if abs(number.adjusted()) >= MOST_DIGITS or len(number.as_tuple().digits) > MOST_DIGITS:
        raise misfit(value, f"a number of at most {MOST_DIGITS:,} digits", "check the number")
    return number


def _instant(value: datetime) -> datetime:
    try:
        return utc(value, "value")
    except Invalid as error:
        raise Invalid(attrs.evolve(problem, value="instant") for problem in error.problems) from None


def _day(value: date) -> date:
    return date(value.year, value.month, value.day)


_READERS: tuple[tuple[type, Callable[[Any], Value]], ...] = (
    (str, _text),
    (int, _integer),
    (float, _decimal),
    (Decimal, _decimal),
    (datetime, _instant),
    (date, _day),
)

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "True or False"),
    (str, "text"),
    ((int, float, Decimal), "number"),
    (Money, "money"),
    (datetime, "instant"),
    (date, "date"),
    (Ago, "relative time"),
)


def kind_of_value(value: object) -> str:
    """What a value is, in a word, for messages that must not show it."""
    return next((word for kind, word in _KINDS if isinstance(value, kind)), type(value).__name__)


def said(value: object) -> str:
    """A value as a sentence shows it: ``12,000.00 EUR``, ``2026-11-13``, ``lost``, ``"closed won"``."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return format(value, "," if isinstance(value, int) else ",f")
        case datetime():
            return value.isoformat(" ", "auto").replace("+00:00", " UTC")
        case str():
            return _quoted(value)
        case tuple():
            return ", ".join(map(said, value))
        case _:
            return str(value)


def _quoted(text: str) -> str:
    """One plain word as it is; anything that could be misread, in quotes."""
    if _WORD.fullmatch(text) and text not in _SPOKEN_FOR:
        return text
    import json

    return json.dumps(text, ensure_ascii=False)
