"""A filter as an SQL condition on key columns, with bound parameters only.

What has no column (custom fields, text within text, very long lists) can't be asked in SQL. The
condition is then a wider one, ``exact`` is False, and the store asks the filter again in Python.
Nulls are wrapped beneath ``NOT`` only, so that every other condition can use an index. The text is
the same for SQLite (3.23 or newer) and PostgreSQL, with ``?`` where a parameter goes; text columns
must compare by code point: SQLite's BINARY collation, PostgreSQL's "C".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor
from typing import TypeAlias, cast

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
from crmcore.kernel.filter_values import FieldType, Value, misfit
from crmcore.kernel.keys import microseconds
from crmcore.kernel.money import Money

__all__ = ["Column", "SqlFilter", "sql_of"]

Parameter: TypeAlias = str | int

SMALLEST, LARGEST = -(2**63), 2**63 - 1
MOST_VALUES = 500
# SQLite takes 32,766 parameters, operators 1,000 deep and as few as 17 open parentheses; the store adds its own.
MOST_PARAMETERS = 10_000
MOST_COLUMNS = 250
MOST_OPEN = 10
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_TYPES: dict[FieldType, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int, Decimal),
    "decimal": (int, Decimal),
    "money": (Money,),
    "boolean": (bool,),
    "date": (date,),
    "instant": (datetime,),
}


@attrs.frozen
class Column:
    """A key column a filter can be asked of.

    Attributes:
        name: Its name; money has a second one, ``<name>_currency``, beside it.
        type: What the field holds: money as whole minor units, an instant as microseconds since 1970 in UTC,
            a date as ISO text, a boolean as 0 or 1.
        scale: Digits after the point: a decimal is held as the whole number ``value * 10**scale``.

    Raises:
        Invalid: The name is not lower-case letters, digits and underscores, or no column can hold the type.
    """

    name: str
    type: FieldType
    scale: int = 0

    def __attrs_post_init__(self) -> None:
        """Names and types come from declarations; a slip in one must not become part of a statement."""
        if not _NAME.fullmatch(self.name):
            raise Invalid([Problem("column", self.name, "lower-case letters, digits and underscores", "rename it")])
        if self.type not in _TYPES:
            raise Invalid([Problem("type", self.type, f"one of {', '.join(_TYPES)}", "keep it in the body only")])


@attrs.frozen
class SqlFilter:
    """A condition for ``WHERE``, safe beside ``AND``.

    Attributes:
        text: The condition, with ``?`` where a parameter goes.
        params: The parameters, in order.
        exact: Whether it selects just what the filter does; if not, it selects more, and the filter must be
            asked again.
    """

    text: str
    params: tuple[Parameter, ...] = ()
    exact: bool = True


_EVERYTHING = SqlFilter("1 = 1")
_NOTHING = SqlFilter("1 = 0")
_UNASKED = SqlFilter("1 = 1", exact=False)


def sql_of(filter: Filter, columns: Mapping[str, Column]) -> SqlFilter:
    """The condition that selects what a filter does, or as little more as its columns allow.

    Args:
        filter: A checked filter.
        columns: The key columns, by the field they hold.

    Raises:
        Invalid: A constant is not of its column's type: check the filter first.

    Example:
        >>> from crmcore.kernel.where import F
        >>> from crmcore.stores.filter_sql import Column, sql_of
        >>> columns = {"stage": Column("stage", "text")}
        >>> sql_of((F.stage == "open") & F.name.contains("ada"), columns)
        SqlFilter(text='"stage" = ?', params=('open',), exact=False)
        >>> sql_of(~(F.stage == "open"), columns)
        SqlFilter(text='("stage" = ?) IS NOT TRUE', params=('open',), exact=True)
    """
    asked = _sql(a_filter(filter), columns)
    return asked if _fits(asked) else _UNASKED


def _fits(asked: SqlFilter) -> bool:
    """Whether every engine takes a condition of this size."""
    levels = accumulate((letter == "(") - (letter == ")") for letter in asked.text)
    columns = asked.text.count('"') // 2
    return len(asked.params) <= MOST_PARAMETERS and columns <= MOST_COLUMNS and max(levels) <= MOST_OPEN


def _sql(filter: Filter, columns: Mapping[str, Column]) -> SqlFilter:
    match filter:
        case AllOf(parts):
            return _all_of([_sql(part, columns) for part in parts])
        case AnyOf(parts):
            return _any_of([_sql(part, columns) for part in parts])
        case Not(Presence(field)) if field in columns:
            return SqlFilter(f'"{columns[field].name}" IS NULL')
        case Not(part):
            return _not(_sql(part, columns))
        case leaf:
            return _leaf(cast("Leaf", leaf), columns)


def _all_of(parts: Sequence[SqlFilter]) -> SqlFilter:
    """The parts that can be asked: fewer of them select more."""
    asked = [part for part in parts if part.text != _EVERYTHING.text]
    exact = all(part.exact for part in parts)
    if _NOTHING in asked:
        return _NOTHING
    return _joined(asked, " AND ", exact=exact) if asked else attrs.evolve(_EVERYTHING, exact=exact)


def _any_of(parts: Sequence[SqlFilter]) -> SqlFilter:
    """All parts or none of them: a part that can't be asked may select anything."""
    everything = [part for part in parts if part.text == _EVERYTHING.text]
    if everything:
        return attrs.evolve(_EVERYTHING, exact=any(part.exact for part in everything))
    asked = [part for part in parts if part != _NOTHING]
    if len(asked) < 2:
        return asked[0] if asked else _NOTHING
    joined = _joined(asked, " OR ", exact=all(part.exact for part in asked))
    return attrs.evolve(joined, text=f"({joined.text})")


def _joined(parts: Sequence[SqlFilter], word: str, *, exact: bool) -> SqlFilter:
    return SqlFilter(
        word.join(part.text for part in parts), tuple(value for part in parts for value in part.params), exact
    )


def _not(part: SqlFilter) -> SqlFilter:
    if not part.exact:
        return _UNASKED
    if part in {_EVERYTHING, _NOTHING}:
        return _NOTHING if part == _EVERYTHING else _EVERYTHING
    return attrs.evolve(part, text=f"({part.text}) IS NOT TRUE")


def _leaf(leaf: Leaf, columns: Mapping[str, Column]) -> SqlFilter:
    column = columns.get(leaf.field)
    if column is None or isinstance(leaf, TextMatch):
        return _UNASKED
    if isinstance(leaf, Presence):
        return _present(column)
    values = leaf.values if isinstance(leaf, Membership) else (cast("Comparison", leaf).value,)
    for value in values:
        if type(value) not in _TYPES[column.type]:
            raise misfit(value, f"a constant {column.type} columns hold", "check the filter first", path=leaf.field)
    if isinstance(leaf, Membership):
        return _membership(column, values)
    return _comparison(column, cast("Comparison", leaf).operator, values[0])


def _present(column: Column) -> SqlFilter:
    return SqlFilter(f'"{column.name}" IS NOT NULL')


def _comparison(column: Column, operator: Operator, value: Value) -> SqlFilter:
    held = _held(column, value)
    asked = _asked(column, operator, held) if isinstance(held, str) else _number(column, operator, held)
    return _all_of([asked, _currency(column, value)]) if isinstance(value, Money) else asked


def _held(column: Column, value: Value) -> str | Fraction:
    """A constant as the column holds values; a number may lie between two of them."""
    match value:
        case Money():
            return Fraction(value.minor)
        case int() | Decimal():
            return Fraction(value) * (10**column.scale if column.type == "decimal" else 1)
        case datetime():
            return Fraction(microseconds(value))
        case date():
            return value.isoformat()
        case _:
            return cast("str", value)


def _number(column: Column, operator: Operator, number: Fraction) -> SqlFilter:
    if operator in {">", ">="}:
        return _at_least(column, ceil(number) if operator == ">=" else floor(number) + 1)
    if operator in {"<", "<="}:
        return _at_most(column, floor(number) if operator == "<=" else ceil(number) - 1)
    if not _storable(number):
        return _NOTHING if operator == "==" else _present(column)
    return _asked(column, operator, int(number))


def _at_least(column: Column, number: int) -> SqlFilter:
    if number > LARGEST:
        return _NOTHING
    return _asked(column, ">=", number) if number > SMALLEST else _present(column)


def _at_most(column: Column, number: int) -> SqlFilter:
    if number < SMALLEST:
        return _NOTHING
    return _asked(column, "<=", number) if number < LARGEST else _present(column)


def _storable(held: str | Fraction) -> bool:
    """Whether a column can hold just this."""
    return isinstance(held, str) or (held.denominator == 1 and SMALLEST <= held <= LARGEST)


def _asked(column: Column, operator: Operator, value: Parameter) -> SqlFilter:
    symbol = {"==": "=", "!=": "<>"}.get(operator, operator)
    return SqlFilter(f'"{column.name}" {symbol} ?', (value,))


def _currency(column: Column, money: Money) -> SqlFilter:
    return SqlFilter(f'"{column.name}_currency" = ?', (money.currency,))


def _membership(column: Column, values: Sequence[Value]) -> SqlFilter:
    if len(values) > MOST_VALUES:
        return _UNASKED
    if column.type != "money":
        return _one_of(column, values)
    groups: dict[str, list[Money]] = {}
    for money in cast("Sequence[Money]", values):
        groups.setdefault(money.currency, []).append(money)
    return _any_of([_all_of([_one_of(column, group), _currency(column, group[0])]) for group in groups.values()])


def _one_of(column: Column, values: Iterable[Value]) -> SqlFilter:
    """The column holds one of the constants it can hold."""
    held = (_held(column, value) for value in values)
    params = tuple(item if isinstance(item, str) else int(item) for item in held if _storable(item))
    return SqlFilter(f'"{column.name}" IN ({", ".join("?" * len(params))})', params) if params else _NOTHING
