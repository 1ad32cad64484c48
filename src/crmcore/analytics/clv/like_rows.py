"""Customers with the same history, taken together: predictions need each history once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmcore.analytics.clv.rows import distinct

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import Engine
    from crmcore.analytics.clv.summary import CustomerSummary

__all__ = ["like_rows"]

ROOM = 63  # bits


def like_rows(summary: CustomerSummary, engine: Engine) -> tuple[tuple[Any, Any, Any], Any]:
    """The distinct histories x, t_x and T, and which of them each customer has.

    Args:
        summary: The customers.
        engine: What holds the columns.
    """
    columns = (summary.x, summary.t_x, summary.T)
    told = None if engine.name == "python" else _on_a_grid(summary, engine.m)
    if told is None:
        (x, t_x, T), places = distinct(columns, engine)
        return (x, t_x, T), places
    return told


def _on_a_grid(summary: CustomerSummary, np: Any) -> tuple[tuple[Any, Any, Any], Any] | None:
    """The same where every age is a whole number of days: one number then stands for a history. None elsewhere."""
    if summary.unit is None or not len(summary):
        return None
    x, t_x, age = (np.fromiter(column, float, len(summary)) for column in (summary.x, summary.t_x, summary.T))
    days = [np.rint(column * summary.unit.days) for column in (t_x, age)]
    if any((counted / summary.unit.days != column).any() for counted, column in zip(days, (t_x, age), strict=True)):
        return None
    bits = [int(column.max()).bit_length() for column in (x, *days)] + [len(x).bit_length()]
    if sum(bits) >= ROOM:
        return None
    key = np.arange(len(x))
    shift = bits[3]
    for column, width in zip((x, *days), bits, strict=False):
        key |= column.astype(np.int64) << shift
        shift += width
    key.sort()
    rows = key & ((1 << bits[3]) - 1)
    key >>= bits[3]
    starts = np.append(True, key[1:] != key[:-1])
    places = np.empty(len(x), np.int64)
    places[rows] = np.cumsum(starts) - 1
    first = rows[starts]
    return (x[first], t_x[first], age[first]), places
