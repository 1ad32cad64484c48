"""Checking a filter against a kind of record: every constant as the field's type wants it.

What a person writes (a bare number, a day, ``ago(days=30)``) becomes what Python and SQL compare
alike: money in a currency, an instant in UTC. Checking a checked filter changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_tree import (
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    Leaf,
    Membership,
    Not,
    Operator,
    Presence,
    TextMatch,
    a_filter,
)
from crmcore.kernel.filter_values import Ago, FieldType, Value, kind_of_value, misfit
from crmcore.kernel.instants import day, instant, midnight, next_day, utc
from crmcore.kernel.money import Money

__all__ = ["checked"]

_EQUAL = ("==", "!=", "in", "set")
_ORDERED = ("==", "!=", "<", "<=", ">", ">=", "in", "set")
_APPLICABLE: dict[FieldType, tuple[str, ...]] = {
    "text": (*_ORDERED, "contains", "starts with"),
    "integer": _ORDERED,
    "decimal": _ORDERED,
    "money": _ORDERED,
    "boolean": _EQUAL,
    "date": _ORDERED,
    "instant": _ORDERED,
    "texts": ("contains", "has", "set"),
}

_CONSTANTS = frozenset({"amount", "day", "instant"})
"""What money and the calendar call a constant they refuse."""


@attrs.frozen
class _Reading:
    """How bare constants are meant."""

    fields: Mapping[str, FieldType]
    currency: str
    at: datetime | None
    zone: str


def checked(
    filter: Filter,
    fields: Mapping[str, FieldType],
    *,
    currency: str,
    at: datetime | None,
    zone: str,
) -> Filter:
    """The filter with every constant in the type its field holds.

    A bare number against money is an amount in the business's currency. Against an instant, a day
    means all of it: ``>=`` and ``<`` look at its start, ``>`` and ``<=`` at its end, ``==`` is within it.

    Args:
        filter: The filter as written.
        fields: What may be asked about, by name, ``custom.…`` and ``external.…`` included.
        currency: What a bare number means where the field holds money.
        at: The instant ``ago(…)`` counts from; None when the filter holds none.
        zone: The time zone whose days are meant.

    Returns:
        The filter to evaluate; checking it again returns an equal one.

    Raises:
        Invalid: Unknown fields, operators a field does not have, constants of another type: all of them.

    Example:
        >>> from crmcore.kernel.where import F, checked
        >>> fields = {"amount": "money", "won_at": "instant"}
        >>> asked = (F.amount >= 10_000) & (F.won_at > "2026-11-13")
        >>> str(checked(asked, fields, currency="EUR", at=None, zone="Europe/Berlin"))
        'amount is at least 10,000.00 EUR and won_at is at or after 2026-11-13 23:00:00 UTC'
    """
    problems: list[Problem] = []
    result = _checked(a_filter(filter), _Reading(fields, currency, at, zone), problems)
    if problems:
        raise Invalid(problems)
    return result


def _checked(filter: Filter, reading: _Reading, problems: list[Problem]) -> Filter:
    if isinstance(filter, Leaf):
        try:
            return _leaf(filter, reading)
        except Invalid as error:
            problems += [_of_field(problem, filter.field) for problem in error.problems]
            return filter
    parts = tuple(_checked(part, reading, problems) for part in filter.parts)
    if isinstance(filter, Not):
        return Not(*parts)
    return AllOf(parts) if isinstance(filter, AllOf) else AnyOf(parts)


def _of_field(problem: Problem, field: str) -> Problem:
    """A problem with a constant, said of the field it is compared with, without showing it."""
    if problem.path in _CONSTANTS:
        return attrs.evolve(problem, path=field, value=kind_of_value(problem.value))
    return attrs.evolve(problem, path=field) if problem.path == "value" else problem


def _leaf(leaf: Leaf, reading: _Reading) -> Filter:
    type = reading.fields.get(leaf.field)
    if type is None:
        raise Invalid([_unknown(leaf.field, reading.fields)])
    operator = _operator(leaf)
    if operator not in _APPLICABLE[type]:
        possible = ", ".join(_APPLICABLE[type])
        raise Invalid([Problem(leaf.field, operator, f"an operator {type} fields have", f"choose one of: {possible}")])
    if isinstance(leaf, Presence):
        return Presence(leaf.field, filled=type == "texts")
    if isinstance(leaf, TextMatch):
        return TextMatch(leaf.field, "has", leaf.text) if type == "texts" else leaf
    if isinstance(leaf, Membership):
        return _membership(leaf.field, [_READERS[type](value, reading) for value in leaf.values], type, reading)
    assert isinstance(leaf, Comparison)
    return _comparison(leaf.field, leaf.operator, _READERS[type](leaf.value, reading), type, reading)


def _operator(leaf: Leaf) -> str:
    """What a leaf asks, in the words of its JSON."""
    if isinstance(leaf, Comparison | TextMatch):
        return leaf.operator
    return "in" if isinstance(leaf, Membership) else "set"


def _unknown(name: str, fields: Mapping[str, FieldType]) -> Problem:
    import difflib

    near = difflib.get_close_matches(name, fields, n=1)
    mend = f"did you mean {near[0]}?" if near else f"known: {', '.join(fields) or 'none'}"
    return Problem(name, name, "a field filters may ask about", mend)


def _comparison(field: str, operator: Operator, value: Value, type: FieldType, reading: _Reading) -> Filter:
    if type == "instant" and not isinstance(value, datetime):
        assert isinstance(value, date)
        return _within(field, operator, value, reading.zone)
    return Comparison(field, operator, value)


def _membership(field: str, values: list[Value], type: FieldType, reading: _Reading) -> Filter:
    if type == "instant" and not all(isinstance(value, datetime) for value in values):
        return AnyOf(_comparison(field, "==", value, type, reading) for value in values)
    return Membership(field, values)


def _within(field: str, operator: Operator, day: date, zone: str) -> Filter:
    """An instant compared with a whole day."""
    start, end = midnight(day, zone), midnight(next_day(day), zone)
    since, before = Comparison(field, ">=", start), Comparison(field, "<", start)
    until, after = Comparison(field, "<", end), Comparison(field, ">=", end)
    meant: dict[Operator, Filter] = {
        "==": AllOf((since, until)),
        "!=": AnyOf((before, after)),
        "<": before,
        "<=": until,
        ">": after,
        ">=": since,
    }
    return meant[operator]


def _text(value: Value, _: _Reading) -> str:
    if not isinstance(value, str):
        raise misfit(value, "text", "put it in quotes")
    return value


def _number(value: Value) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise misfit(value, "a number", "give it as int or Decimal, without quotes")
    return value


def _integer(value: Value, _: _Reading) -> int | Decimal:
    """A whole number as int; 2.5 stays what it is, and nothing equals it."""
    number = _number(value)
    return int(number) if number == int(number) else number


def _decimal(value: Value, _: _Reading) -> Decimal:
    return Decimal(_number(value))


def _money(value: Value, reading: _Reading) -> Money:
    if isinstance(value, Money):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise misfit(value, "an amount of money", 'give a number or Money("12000", "EUR")')
    return Money(value, reading.currency)


def _boolean(value: Value, _: _Reading) -> bool:
    if not isinstance(value, bool):
        raise misfit(value, "True or False", "give a bool")
    return value


def _date(value: Value, reading: _Reading) -> date:
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Ago):
        return _counted(value, reading, lambda span, at: span.day_before(at, reading.zone))
    if isinstance(value, datetime) or not isinstance(value, date):
        raise misfit(value, "a date", "give a date, its ISO text, or ago(days=…)")
    return value


def _instant(value: Value, reading: _Reading) -> date:
    """An instant, or the day that stands for all its instants."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Ago):
        return _counted(value, reading, Ago.before)
    if not isinstance(value, date):
        raise misfit(value, "an instant or a date", "give an aware datetime, a date, ISO text, or ago(days=…)")
    return value


def _parsed(text: str) -> date:
    """A day or an instant from ISO text: only a day is as short as that."""
    return day(text) if len(text) <= len("2026-11-13") else instant(text, zone="UTC")


def _counted(span: Ago, reading: _Reading, count: Callable[[Ago, datetime], date]) -> date:
    """A relative time, counted from the instant the filter is asked at."""
    if reading.at is None:
        raise Invalid([Problem("at", None, "the instant ago(…) counts from", "pass at=")])
    try:
        return count(span, utc(reading.at, "at"))
    except OverflowError:
        raise misfit(span, "a time within the calendar", "ask for a shorter time") from None


_READERS: dict[FieldType, Callable[[Value, _Reading], Value]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "boolean": _boolean,
    "date": _date,
    "instant": _instant,
}
