"""Key columns: how a field's value is laid down so that every store orders and compares it alike.

Money is two columns, currency and whole minor units, for amounts of several currencies have no
other common order; a decimal is a scaled integer; an instant is
microseconds since 1970 in UTC; a date is ISO text; text compares by code point.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from crmcore.kernel.fields import Field
from crmcore.kernel.money import WIDE

__all__ = ["columns_of", "from_microseconds", "microseconds", "scaled", "values_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Microseconds from 1970 in UTC to an instant.

    Args:
        at: An aware datetime.
    """
    return (at - EPOCH) // _MICROSECOND


def from_microseconds(count: int) -> datetime:
    """The instant a number of microseconds after 1970 in UTC.

    Args:
        count: Microseconds.
    """
    return EPOCH + timedelta(microseconds=count)


def scaled(number: Decimal, scale: int) -> Decimal:
    """A number with its point moved to the right, whatever the caller's decimal context.

    Args:
        number: The number.
        scale: By how many digits.
    """
    return number.scaleb(scale, WIDE)


def columns_of(field: Field) -> tuple[str, ...]:
    """The names of a field's key columns."""
    return (f"{field.name}_currency", field.name) if field.type == "money" else (field.name,)


def values_of(field: Field, value: Any) -> tuple[int | str, ...]:  # noqa: ANN401 - any field's value
    """A field's value as its key columns hold it.

    Args:
        field: The field.
        value: Its value, which must not be missing.
    """
    match field.type:
        case "money":
            return (value.currency, value.minor)
        case "decimal":
            return (int(scaled(value, field.scale)),)
        case "instant":
            return (microseconds(value),)
        case "date":
            return (value.isoformat(),)
        case "boolean":
            return (int(value),)
        case _:
            return (value,)
