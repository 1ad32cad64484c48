"""Questions as SQL: which records, in what order, after which place, as they were at what moment.

In every piece ``k`` is the kind's table and ``x`` the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crmcore.kernel.keys import columns_of, microseconds
from crmcore.kernel.page import Place, Query
from crmcore.kernel.ports import Moment
from crmcore.kernel.records import Kind
from crmcore.stores.filter_sql import Column, SqlFilter, sql_of
from crmcore.stores.schema import quoted

__all__ = ["condition_of", "lives", "segment", "window"]


def window(negation: str, moment: Moment) -> tuple[str, list[int]]:
    """The condition that a moment lies within a record's late window, or not."""
    if moment.at is None:
        return "", []
    at = microseconds(moment.at)
    return f"AND {negation} (k.late_from IS NOT NULL AND k.late_from <= ? AND ? < k.late_until)", [at, at]


def condition_of(kind: Kind[Any], asked: Query) -> SqlFilter:
    """The condition on key columns that a question's filter is."""
    if asked.where is None:
        return SqlFilter("1 = 1", (), exact=True)
    columns = {field.name: Column(field.name, kind.types[field.name], field.scale) for field in kind.keys}
    return sql_of(asked.where, columns)


def lives(asked: Query) -> str:
    """The condition that a record is of those asked for: live or deleted."""
    return "k.deleted_at IS NOT NULL" if asked.deleted else "k.deleted_at IS NULL"


def segment(asked: Query, *, missing: bool) -> tuple[str, str, list[int | str]]:
    """One plain range of an index: the condition, the order, and the place it starts after."""
    if asked.sort is None:
        return _after(["k.id"], asked.after, descending=False)
    columns = [f"k.{quoted(name)}" for name in columns_of(asked.sort.field)]
    if missing:
        place, order, values = _after(["k.id"], asked.after, descending=False)
        return f"{columns[0]} IS NULL AND {place}", order, values
    place, order, values = _after([*columns, "k.id"], asked.after, descending=asked.sort.descending)
    return f"{columns[0]} IS NOT NULL AND {place}", order, values


def _after(columns: Sequence[str], after: Place | None, *, descending: bool) -> tuple[str, str, list[int | str]]:
    order = ", ".join(f"{column} DESC" if descending else column for column in columns)
    if after is None:
        return "1 = 1", order, []
    sign = "<" if descending else ">"
    return f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})", order, [*(after[0] or ()), after[1]]
