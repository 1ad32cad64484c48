"""A filter as JSON-able data, and back.

Text, whole numbers and booleans stand for themselves; every other constant is an object that says
its type::

    {"all": [{"field": "amount", "op": ">=", "value": {"money": "10000.00", "currency": "EUR"}},
             {"not": {"field": "stage", "op": "in", "values": ["won", "lost"]}}]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias, TypeVar, cast

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_tree import (
    DEEPEST,
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    Leaf,
    Membership,
    Not,
    Presence,
    TextMatch,
    a_filter,
)
from crmcore.kernel.filter_values import Ago, Value, ago, misfit, plain
from crmcore.kernel.money import Money

__all__ = ["from_data", "to_data"]

T = TypeVar("T")

Shape: TypeAlias = Mapping[str, Any]
"""Data that has the keys of a filter; its values may be anything."""


def to_data(filter: Filter) -> dict[str, object]:
    """The filter as data that JSON can hold.

    Args:
        filter: The filter.

    Returns:
        Nested dicts and lists of text, whole numbers and booleans, for ``from_data``.

    Example:
        >>> from crmcore.kernel.where import F, to_data
        >>> to_data(~(F.probability > 0.5))
        {'not': {'field': 'probability', 'op': '>', 'value': {'decimal': '0.5'}}}
    """
    match a_filter(filter):
        case AllOf(parts):
            return {"all": [to_data(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [to_data(part) for part in parts]}
        case Not(part):
            return {"not": to_data(part)}
        case leaf:
            return _leaf_data(cast("Leaf", leaf))


def _leaf_data(leaf: Leaf) -> dict[str, object]:
    match leaf:
        case Comparison(field, operator, value):
            return {"field": field, "op": operator, "value": _value_data(value)}
        case Membership(field, values):
            return {"field": field, "op": "in", "values": [_value_data(value) for value in values]}
        case TextMatch(field, text_operator, text):
            return {"field": field, "op": text_operator, "value": text}
        case _:
            return {"field": leaf.field, "op": "filled" if leaf == Presence(leaf.field, filled=True) else "set"}


def _value_data(value: Value) -> object:
    match value:
        case Decimal():
            return {"decimal": str(value)}
        case Money():
            return {"money": str(value.amount), "currency": value.currency}
        case datetime():
            return {"instant": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Ago():
            count, unit = value.span
            return {"ago": count, "unit": unit}
        case _:
            return value


def from_data(data: object) -> Filter:
    """The filter that data describes.

    Args:
        data: What ``to_data`` returned, or the same read from JSON.

    Raises:
        Invalid: It describes no filter; every problem says where.

    Example:
        >>> from crmcore.kernel.where import F, from_data
        >>> from_data({"field": "stage", "op": "in", "values": ["won", "lost"]}) == F.stage.is_in(["won", "lost"])
        True
    """
    return _filter(data, "filter", 1)


def _filter(data: object, path: str, level: int) -> Filter:
    if level > DEEPEST:
        raise Invalid([Problem(path, f"level {level}", f"at most {DEEPEST} levels", "join parts of one kind flat")])
    shape: Shape | None = data if isinstance(data, Mapping) else None
    read = None if shape is None else _SHAPES.get(frozenset(shape))
    if read is None or shape is None:
        found = type(data).__name__ if shape is None else sorted(map(str, shape))
        shapes = "; ".join(", ".join(sorted(map(str, shape))) for shape in _SHAPES)
        raise Invalid(
            [Problem(path, found, "an object that is a filter", f"give it these keys and no others: {shapes}")]
        )
    return read(shape, path, level)


def _joined(kind: type[AllOf | AnyOf], name: str) -> Callable[[Shape, str, int], Filter]:
    def read(data: Shape, path: str, level: int) -> Filter:
        return kind(_each(data[name], f"{path}.{name}", lambda part, place: _filter(part, place, level + 1)))

    return read


def _not(data: Shape, path: str, level: int) -> Filter:
    return Not(_filter(data["not"], f"{path}.not", level + 1))


def _comparison(data: Shape, path: str, _: int) -> Filter:
    value = _value(data["value"], f"{path}.value")
    kind = TextMatch if data["op"] in ("contains", "starts with", "has") else Comparison
    return _placed(path, lambda: kind(data["field"], data["op"], value))


def _membership(data: Shape, path: str, _: int) -> Filter:
    _one_of(data["op"], ("in",), path)
    values = _each(data["values"], f"{path}.values", _value)
    return _placed(path, lambda: Membership(data["field"], values))


def _presence(data: Shape, path: str, _: int) -> Filter:
    _one_of(data["op"], ("set", "filled"), path)
    return _placed(path, lambda: Presence(data["field"], filled=data["op"] == "filled"))


_SHAPES: dict[frozenset[object], Callable[[Shape, str, int], Filter]] = {
    frozenset({"all"}): _joined(AllOf, "all"),
    frozenset({"any"}): _joined(AnyOf, "any"),
    frozenset({"not"}): _not,
    frozenset({"field", "op", "value"}): _comparison,
    frozenset({"field", "op", "values"}): _membership,
    frozenset({"field", "op"}): _presence,
}


def _one_of(operator: object, known: tuple[str, ...], path: str) -> None:
    if operator not in known:
        raise misfit(operator, " or ".join(known), "choose one of them", path=f"{path}.op")


def _placed(path: str, make: Callable[[], T]) -> T:
    """What is made, or its problems, said of a place in the data."""
    try:
        return make()
    except Invalid as error:
        raise Invalid(attrs.evolve(problem, path=path) for problem in error.problems) from None


def _each(items: object, path: str, read: Callable[[object, str], T]) -> list[T]:
    """Every item read, or the problems of all of them."""
    if not isinstance(items, list | tuple):
        raise misfit(items, "a list", "put it in brackets", path=path)
    found: list[T] = []
    problems: list[Problem] = []
    for index, item in enumerate(items):
        try:
            found.append(read(item, f"{path}[{index}]"))
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(problems)
    return found


def _value(data: object, path: str) -> Value:
    return _placed(path, lambda: plain(_typed(data) if isinstance(data, Mapping) else data))


def _typed(data: Mapping[str, object]) -> object:
    """A constant from an object that says its type."""
    match dict(data):
        case {"decimal": str(text), **rest} if not rest:
            return _parsed(Decimal, text)
        case {"money": str(text), "currency": str(currency), **rest} if not rest:
            return Money(text, currency)
        case {"instant": str(text), **rest} if not rest:
            return _parsed(datetime.fromisoformat, text)
        case {"date": str(text), **rest} if not rest:
            return _parsed(date.fromisoformat, text)
        case {"ago": int(count), "unit": "days" | "hours" | "minutes" as unit, **rest} if not rest:
            return ago(**{unit: count})
        case _:
            raise misfit(data, "a typed constant", "use decimal, money with currency, date, instant, or ago with unit")


def _parsed(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except (ValueError, InvalidOperation):
        raise misfit(text, "text of the type it says", "write it as to_data does") from None
