"""The days on which customers bought: what one buys on a day is one purchase."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, compress, count
from operator import and_, not_, sub
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
    """One whole number stands for a customer and a day: pairs would keep the garbage collector busy."""
    start, last = min(told.days, default=0), max(told.days, default=0)
    bits = (last - start).bit_length()
    cells = told.amounts.cells or [0] * len(told)
    keys = [(code << bits) + day - start for code, day in zip(told.codes, told.days, strict=True)]
    totals: dict[int, int] = {}
    so_far = totals.get
    for key, amount in zip(keys, cells, strict=True):
        totals[key] = so_far(key, 0) + amount
    ordered = sorted(totals)
    nets = list(map(totals.__getitem__, ordered))
    paid = [True] * len(ordered)
    if min(cells, default=0) < 0:
        returned = {key for key, amount in zip(keys, cells, strict=True) if amount < 0}
        paid = [net > 0 or key not in returned for key, net in zip(ordered, nets, strict=True)]
    mask = (1 << bits) - 1
    return start, [key >> bits for key in ordered], [key & mask for key in ordered], nets, paid


def _histories(bought: PurchaseDays, cut: int) -> Histories:
    many, paid = bought.customers, bought.paid
    every, none = [True] * len(paid), [False] * len(paid)
    early = [day <= cut for day in bought.days] if max(bought.days, default=cut) > cut else every
    late = none if early is every else list(map(not_, early))
    until, after = _runs(bought, early), _runs(bought, late)
    unpaid = paid.count(False)
    bought_until = _runs(bought, map(and_, early, paid)) if unpaid else until
    bought_after = _runs(bought, map(and_, late, paid)) if unpaid else after
    return Histories(
        first=_spread(many, bought_until.who, bought_until.first(bought_until.days), NEVER),
        last=_spread(many, bought_until.who, bought_until.last(bought_until.days), NEVER),
        x=_spread(many, bought_until.who, [length - 1 for length in bought_until.lengths()]),
        repeat=_spread(many, bought_until.who, map(sub, bought_until.totals(), bought_until.first(bought_until.nets))),
        spent=_spread(many, until.who, until.totals()),
        x_holdout=_spread(many, bought_after.who, bought_after.lengths()),
        spent_holdout=_spread(many, after.who, after.totals()),
        seen=len({*until.who, *after.who}),
        started=len(bought_until.who),
        late=len({*bought_after.who}.difference(bought_until.who)),
        unpaid=unpaid,
    )


@attrs.frozen(eq=False)
class _Runs:
    """Days of which those of each customer stand together: where they start and end."""

    days: list[int]
    nets: list[int]
    who: list[int]
    starts: list[int]
    ends: list[int]

    def lengths(self) -> Iterable[int]:
        return map(sub, self.ends, self.starts)

    def first(self, column: list[int]) -> Iterable[int]:
        return map(column.__getitem__, self.starts)

    def last(self, column: list[int]) -> Iterable[int]:
        return [column[end - 1] for end in self.ends]

    def totals(self) -> Iterable[int]:
        so_far = [0, *accumulate(self.nets)]
        return [so_far[end] - so_far[start] for start, end in zip(self.starts, self.ends, strict=True)]


def _runs(bought: PurchaseDays, marks: Iterable[bool]) -> _Runs:
    """The marked days."""
    kept = list(marks)
    columns = (bought.codes, bought.days, bought.nets)
    codes, days, nets = columns if all(kept) else (list(compress(column, kept)) for column in columns)
    places = dict(zip(codes, count(1)))
    ends = list(places.values())
    return _Runs(days, nets, list(places), [0, *ends[:-1]] if ends else ends, ends)


def _spread(many: int, who: list[int], cells: Iterable[int], missing: int = 0) -> list[int]:
    """A cell for every customer."""
    if len(who) == many:
        return list(cells)
    column = [missing] * many
    for code, cell in zip(who, cells, strict=True):
        column[code] = cell
    return column


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
