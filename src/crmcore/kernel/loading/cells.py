"""Cells: text as tables hold it, read as what a field holds.

An empty cell says nothing. What a type's text may look like is told here; whether the value then fits
the field is for the border (``values``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.instants import instant, local_day
from crmcore.kernel.money import Money, number

__all__ = ["Cells", "check_date_format"]

AMOUNT = re.compile(r"(?:([A-Za-z]{3}) ?)?([^A-Za-z]+?)(?: ?([A-Za-z]{3}))?")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
"""How a number is written in a table: Python's own 1_000 and 1e3 are not meant as such there."""

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
BOOLEANS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
A_DAY = datetime(2026, 11, 21, tzinfo=UTC)
"""Shows how dates are written."""

LONGEST_NUMBER = 30
"""How many digits a whole number may be written with."""


def check_date_format(date_format: object) -> None:
    """Refuse a way to write dates that can't be read.

    Args:
        date_format: Codes of ``strptime``; None for ISO 8601.

    Raises:
        Invalid: It is no format of ``strptime``, or leaves the year out.
    """
    if date_format is None:
        return
    expected, mend = "codes of strptime, that of a year among them", 'such as "%m/%d/%Y"'
    try:
        sample, later = (day.strftime(date_format) for day in (A_DAY, A_DAY.replace(year=2054)))  # type: ignore[arg-type]
        readable = sample != later and datetime.strptime(sample, date_format)  # type: ignore[arg-type] # noqa: DTZ007
    except (TypeError, ValueError, re.error) as error:
        raise Invalid([Problem("date_format", date_format, expected, mend)]) from error
    if not readable:
        raise Invalid([Problem("date_format", date_format, expected, mend)])


@functools.cache
def _timed(date_format: str) -> bool:
    """Whether dates written so say the time of day."""
    other = A_DAY.replace(hour=13, minute=14, second=15, microsecond=16)
    return A_DAY.strftime(date_format) != other.strftime(date_format)


@attrs.frozen
class Cells:
    """How the text of cells is read.

    Attributes:
        currency: What a bare number means where money is asked for.
        zone: The time zone in which a bare day starts.
        date_format: How dates are written, as in ``strptime``; None for ISO 8601.
    """

    currency: str
    zone: str
    date_format: str | None = None

    def reader(self, type: str) -> Callable[[str], object] | None:
        """What reads the text of a type; None when the text is the value.

        Args:
            type: As ``Field.type`` has it.
        """
        known: dict[str, Callable[[str], object]] = {
            "integer": self.integer,
            "decimal": self.decimal,
            "money": self.money,
            "boolean": self.boolean,
            "date": self.day,
            "instant": self.instant,
            "texts": self.texts,
        }
        return known.get(type)

    def integer(self, text: str) -> int:
        """A whole number.

        Args:
            text: Such as ``"42"``.

        Raises:
            Invalid: It is none.
        """
        found = _number(text)
        if found is None or abs(found.adjusted()) > LONGEST_NUMBER or found != found.to_integral_value():
            raise _misfit(text, "a whole number", "write it without separators, such as 1250")
        return int(found)

    def decimal(self, text: str) -> Decimal:
        """A number.

        Args:
            text: Such as ``"0.25"``.

        Raises:
            Invalid: It is none.
        """
        found = _number(text)
        if found is None:
            raise _misfit(text, "a number such as 1250.50", "write it without separators, a point before the decimals")
        return found

    def money(self, text: str) -> Money:
        """An amount, before or after which its currency may stand.

        Args:
            text: Such as ``"1250.50"`` or ``"EUR 1250.50"``.

        Raises:
            Invalid: It is none.
        """
        parts = AMOUNT.fullmatch(text)
        before, digits, after = parts.groups() if parts else (None, text, None)
        amount = _number(digits.strip())
        if amount is None or (before and after):
            expected = "an amount such as 1250.50, or 1250.50 EUR"
            raise _misfit(text, expected, "write it without separators, a point before the decimals")
        return Money(amount, (before or after or self.currency).upper())

    def boolean(self, text: str) -> bool:
        """Yes or no.

        Args:
            text: ``"yes"``, ``"true"``, ``"1"``, ``"no"``, ``"false"`` or ``"0"``; capitals make no difference.

        Raises:
            Invalid: It is none of them.
        """
        found = BOOLEANS.get(text.casefold())
        if found is None:
            raise _misfit(text, "yes or no, true or false, 1 or 0", "write one of them")
        return found

    def day(self, text: str) -> date:
        """A day; of an instant, the day it is then in the zone.

        Args:
            text: As the format has it.

        Raises:
            Invalid: It is none.
        """
        found = self._when(text)
        if not isinstance(found, datetime):
            return found
        return local_day(self.instant(text), self.zone)

    def instant(self, text: str) -> datetime:
        """An instant; of a bare day, its start in the zone.

        Args:
            text: As the format has it; a time must say its offset from UTC.

        Raises:
            Invalid: It is none.
        """
        found = self._when(text)
        if isinstance(found, datetime) and found.utcoffset() is None:
            mend = "leave the time out, or add the offset (%z in the format)"
            raise _misfit(text, "a day, or a time with its offset from UTC", mend)
        return instant(found, zone=self.zone)

    def texts(self, text: str) -> tuple[str, ...]:
        """Several texts, separated by semicolons.

        Args:
            text: Such as ``"red; green"``.
        """
        return tuple(part for one in text.split(";") if (part := one.strip()))

    def _when(self, text: str) -> datetime | date:
        """An instant or a bare day, as it is written."""
        try:
            if self.date_format is None:
                return date.fromisoformat(text) if ISO_DAY.fullmatch(text) else datetime.fromisoformat(text)
            found = datetime.strptime(text, self.date_format)  # noqa: DTZ007 - what has no offset is refused above
        except ValueError:
            example = A_DAY.strftime(self.date_format or "%Y-%m-%d")
            raise _misfit(text, f"a date such as {example}", "correct it, or say how it is written") from None
        return found if found.tzinfo is not None or _timed(self.date_format) else found.date()


def _number(text: str) -> Decimal | None:
    """A number as people write it; None when it is none."""
    return number(text) if NUMBER.fullmatch(text) else None


def _misfit(text: str, expected: str, mend: str) -> Invalid:
    return Invalid([Problem("cell", text, expected, mend)])
