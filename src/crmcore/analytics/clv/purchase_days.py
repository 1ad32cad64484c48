"""The days on which customers bought: what one buys on a day is one purchase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate, chain, compress, count
from operator import and_, gt, ne, not_, sub
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.clv.typed_columns import HALF

if TYPE_CHECKING:
    from crmcore.analytics.clv.transactions import Transactions

__all__ = ["NEVER", "Histories", "PurchaseDays", "histories", "purchase_days"]

NEVER = -1
ROOM = 2**63  # what 64 bits hold


@attrs.frozen(eq=False)
class PurchaseDays:
    """Each customer's days with transactions, ordered by customer and day, in lists or, for numpy, in arrays.

    Attributes:
        customers: How many customers there are.
        codes: Whose day it is, as a place among the customers.
        days: Which, counted from ``start``.
        nets: What it comes to, in whole parts of a major unit; 0 without amounts.
        paid: Whether it is a purchase day: one without a return, or that comes to more than 0.
        start: The first day of all, counted from 1970.
        after: How many transactions lie after the end, and were not looked at.
        engine: What carries out what follows.
    """

    customers: int
    codes: Any
    days: Any
    nets: Any
    paid: Any
    start: int
    after: int
    engine: Engine


@attrs.frozen(eq=False)
class Histories:
    """What each customer did; a cell each, days counted from the start, in lists or arrays.

    Attributes:
        first: The day of the first purchase up to the calibration end; -1 without one.
        last: The day of the last.
        x: How many purchase days came after the first.
        repeat: What those come to.
        spent: What all days come to.
        x_holdout: How many purchase days came after the calibration end.
        spent_holdout: What all days after it come to.
        seen: How many customers have any day.
        started: How many have a first purchase.
        late: How many have purchase days after the calibration end only.
        unpaid: How many days are no purchase days.
    """

    first: Any
    last: Any
    x: Any
    repeat: Any
    spent: Any
    x_holdout: Any
    spent_holdout: Any
    seen: int
    started: int
    late: int
    unpaid: int


def purchase_days(transactions: Transactions, end: int) -> PurchaseDays:
    """Transactions taken together by customer and day.

    Args:
        transactions: The transactions.
        end: The last day to look at, counted from 1970.
    """
    told = _up_to(transactions, end)
    after = len(transactions) - len(told)
    if told.engine.name == "numpy":
        start, *columns = _by_day_at_once(told)
    else:
        start, *columns = _by_day(told)
    codes, days, nets, paid = columns
    return PurchaseDays(
        customers=len(told.customers),
        codes=codes,
        days=days,
        nets=nets,
        paid=paid,
        start=start,
        after=after,
        engine=told.engine,
    )


def histories(bought: PurchaseDays, cut: int) -> Histories:
    """What each customer did up to a day, and after it.

    Args:
        bought: The purchase days.
        cut: The last day of the calibration, counted as theirs.
    """
    return _histories_at_once(bought, cut) if bought.engine.name == "numpy" else _histories(bought, cut)


def _up_to(told: Transactions, end: int) -> Transactions:
    if told.engine.name == "numpy":
        return told if (told.days <= end).all() else told.only(told.days <= end)
    return told if max(told.days, default=end) <= end else told.only([day <= end for day in told.days])


# --- plain Python -----------------------------------------------------------------------------------------------------


def _by_day(told: Transactions) -> tuple[int, list[int], list[int], list[int], list[bool]]:
    """One whole number stands for a transaction: sorting it is fast, and it is no work for the garbage collector."""
    start, last = min(told.days, default=0), max(told.days, default=0)
    cells = told.amounts.cells or [0] * len(told)
    least, most = min(cells, default=0), max(cells, default=0)
    bits, wide = (last - start).bit_length(), (most - least).bit_length()
    one, one_day, zero = 1 << bits + wide, 1 << wide, (start << wide) + least
    rows = zip(told.codes, told.days, cells, strict=True)
    ordered = sorted([code * one + day * one_day + cell - zero for code, day, cell in rows])
    keys, part = [number >> wide for number in ordered], (1 << wide) - 1
    starts = list(compress(count(), chain(keys[:1] and [True], map(ne, keys[1:], keys))))
    so_far = list(accumulate([(number & part) + least for number in ordered], initial=0))
    nets = [so_far[end] - so_far[start] for start, end in zip(starts, [*starts[1:], len(keys)], strict=False)]
    days = list(map(keys.__getitem__, starts))
    paid = [True] * len(days)
    if least < 0:
        # Ordered by amount within a day: a return comes first.
        paid = [net > 0 or (ordered[start] & part) + least >= 0 for net, start in zip(nets, starts, strict=True)]
    mask = (1 << bits) - 1
    return start, [key >> bits for key in days], [key & mask for key in days], nets, paid


def _histories(bought: PurchaseDays, cut: int) -> Histories:
    many = bought.customers
    early = [day <= cut for day in bought.days] if max(bought.days, default=cut) > cut else [True] * len(bought.days)
    first, last, x, opening, total = ([empty] * many for empty in (NEVER, NEVER, NEVER, 0, 0))
    for code, day, net in _marked(bought, map(and_, early, bought.paid)):
        x[code] += 1
        total[code] += net
        last[code] = day
        if not x[code]:
            first[code], opening[code] = day, net
    spent, x_holdout, spent_holdout = total, [0] * many, [0] * many
    if not all(bought.paid):
        spent = _added(total, _marked(bought, map(gt, early, bought.paid)))
    if not all(early):
        late = list(map(not_, early))
        spent_holdout = _added(spent_holdout, _marked(bought, late))
        x_holdout = list(map(Counter(compress(bought.codes, map(and_, late, bought.paid))).__getitem__, range(many)))
    return Histories(
        first=first,
        last=last,
        x=[max(count, 0) for count in x],
        repeat=list(map(sub, total, opening)),
        spent=spent,
        x_holdout=x_holdout,
        spent_holdout=spent_holdout,
        seen=len(set(bought.codes)),
        started=many - last.count(NEVER),
        late=sum(day == NEVER and count > 0 for day, count in zip(last, x_holdout, strict=True)),
        unpaid=bought.paid.count(False),
    )


def _marked(bought: PurchaseDays, marks: Iterable[bool]) -> Iterable[tuple[int, int, int]]:
    """The code, the day and the net of the marked days."""
    kept, rows = list(marks), zip(bought.codes, bought.days, bought.nets, strict=True)
    return rows if all(kept) else compress(rows, kept)


def _added(totals: list[int], marked: Iterable[tuple[int, int, int]]) -> list[int]:
    """Totals by customer, with the nets of more days."""
    totals = list(totals)
    for code, _, net in marked:
        totals[code] += net
    return totals


# --- numpy ------------------------------------------------------------------------------------------------------------


def _by_day_at_once(told: Transactions) -> tuple[int, Any, Any, Any, Any]:
    np, cells = told.engine.m, told.amounts.cells
    start, last = (int(told.days.min()), int(told.days.max())) if len(told) else (0, 0)
    bits = (last - start).bit_length()
    kind = np.int32 if len(told.customers) << bits < HALF else np.int64  # the shorter sort faster
    keys = (told.codes.astype(kind) << bits) + (told.days.astype(kind) - start)
    if cells is None:
        keys = np.sort(keys)
        ordered = keys[_changes(np, keys)]
        nets, paid = np.zeros(len(ordered), np.int64), np.ones(len(ordered), bool)
    else:
        keys, cells = _sorted(np, keys, cells)
        changes = _changes(np, keys)
        ordered, nets, paid = keys[changes], _sums(np.add, cells, changes), np.ones(len(changes), bool)
        if cells.min(initial=0) < 0:
            paid = (nets > 0) | (_sums(np.minimum, cells, changes) >= 0)
    return start, ordered >> bits, ordered & ((1 << bits) - 1), nets, paid


def _sorted(np: Any, keys: Any, cells: Any) -> tuple[Any, Any]:
    """By their keys; numbers that hold both key and row sort in half the time that it takes to find an order."""
    rows = len(keys)
    bits = rows.bit_length()
    if int(keys.max(initial=0)) << bits >= ROOM:
        order = np.argsort(keys)
        return keys[order], cells[order]
    packed = np.sort((keys.astype(np.int64) << bits) | np.arange(rows))
    return packed >> bits, cells[packed & ((1 << bits) - 1)]


def _changes(np: Any, keys: Any) -> Any:
    """Where sorted keys change, the first place among them."""
    return np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])


def _sums(way: Any, cells: Any, starts: Any) -> Any:
    """The sum, or the least, of the cells from each start to the next."""
    return way.reduceat(cells, starts) if len(cells) else cells


def _histories_at_once(bought: PurchaseDays, cut: int) -> Histories:
    np, many = bought.engine.m, bought.customers
    early, paid = bought.days <= cut, bought.paid

    def marked(column: Any, marks: Any) -> Any:
        return column if marks.all() else column[marks]

    def count(marks: Any) -> Any:
        return np.bincount(marked(bought.codes, marks), minlength=many)

    def total(marks: Any) -> Any:
        return np.bincount(marked(bought.codes, marks), marked(bought.nets, marks), many)  # below 2**53: exact

    purchase, spent = early & paid, total(early)
    codes, days, nets = (marked(column, purchase) for column in (bought.codes, bought.days, bought.nets))
    first, last, opening = np.full(many, NEVER), np.full(many, NEVER), np.zeros(many)
    last[codes] = days  # of cells with one place, the last to be written stays
    first[codes[::-1]], opening[codes[::-1]] = days[::-1], nets[::-1]
    x_holdout = count(~early & paid)
    return Histories(
        first=first,
        last=last,
        x=np.maximum(count(purchase) - 1, 0),
        repeat=(spent if paid.all() else total(purchase)) - opening,
        spent=spent,
        x_holdout=x_holdout,
        spent_holdout=total(~early),
        seen=int(np.count_nonzero(np.bincount(bought.codes, minlength=many))),
        started=int(np.count_nonzero(first != NEVER)),
        late=int(np.count_nonzero((first == NEVER) & (x_holdout > 0))),
        unpaid=int(np.count_nonzero(~paid)),
    )
