"""Spells: the unbroken stretches in which a customer is served, and who is in one when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import attrs

from crmcore.analytics.retention.days import NEVER

if TYPE_CHECKING:
    from crmcore.analytics.retention.days import Span
    from crmcore.analytics.retention.subscriptions import Subscriptions

__all__ = ["Customers", "Moves", "moves_of", "worth_on"]

Served: TypeAlias = tuple[int, int, int]
"""The first day served, the first not served, and what it is worth a month in minor units."""

Spell: TypeAlias = tuple[int, int]
"""The first day of a spell, and the first day after it; ``NEVER`` while it lasts."""


@attrs.frozen(eq=False)
class Customers:
    """Every customer's subscriptions, in one order.

    Attributes:
        served: The subscriptions of each, by their first day.
        spells: The spells of each.
        undecided: Where a gap began that has not lasted as long as the grace yet; 0 where none did.
    """

    served: list[list[Served]]
    spells: list[list[Spell]]
    undecided: list[int]

    @classmethod
    def of(cls, told: Subscriptions, rows: Iterable[int], *, grace: int, known: int) -> Customers:
        """Those of some subscriptions.

        Args:
            told: The subscriptions.
            rows: Which of them.
            grace: How many days a gap lasts at least; a shorter one is none.
            known: The last day that is known of; what ends later still runs.
        """
        by_customer: dict[object, list[Served]] = {}
        customers, starts, ends, monthly = told.customers, told.starts, told.ends, told.monthly
        for row in rows:
            end, worth = ends[row], (monthly[row] or 0) if monthly else 0
            served = (starts[row], end if end <= known else NEVER, worth)
            by_customer.setdefault(customers[row], []).append(served)
        found = cls(list(by_customer.values()), [], [])
        for one in found.served:
            one.sort()
            spells = _spells(one, max(grace, 1))
            start, end = spells[-1]
            open_gap = end != NEVER and known + 1 - end < grace
            if open_gap:
                spells[-1] = (start, NEVER)
            found.spells.append(spells)
            found.undecided.append(end if open_gap else 0)
        return found


def _spells(served: list[Served], least_gap: int) -> list[Spell]:
    start, end, _ = served[0]
    spells = []
    for begins, ends, _ in served[1:]:
        if begins - end < least_gap:
            end = max(end, ends)
        else:
            spells.append((start, end))
            start, end = begins, ends
    return [*spells, (start, end)]


@attrs.define
class Moves:
    """How many customers came and went in a period.

    Attributes:
        start: Customers on the first day of the period.
        end: Customers on the first day after it.
        joined: Customers at the end whose first day ever comes after the first of the period.
        reactivated: Customers at the end who were customers before, though not at the start.
        lost: Customers at the start who are none at the end.
        joinings: How often somebody became a customer for the first time.
        returns: How often somebody became a customer again.
        leavings: How often somebody stopped being a customer.
        only_inside: Customers in the period who are none at its start and none at its end.
        left_and_returned: Customers at both ends who were none in between.
        pending: Customers at the end only because their gap has not lasted as long as the grace yet.
    """

    start: int = 0
    end: int = 0
    joined: int = 0
    reactivated: int = 0
    lost: int = 0
    joinings: int = 0
    returns: int = 0
    leavings: int = 0
    only_inside: int = 0
    left_and_returned: int = 0
    pending: int = 0


def moves_of(customers: Customers, span: Span) -> Moves:
    """Count who came and went."""
    first, after = span.first, span.after
    moves = Moves()
    for spells, undecided in zip(customers.spells, customers.undecided, strict=True):
        at_start = at_end = False
        began = left = 0
        for start, end in spells:
            if end <= first:
                continue
            if start > after:
                break
            at_start |= start <= first
            at_end |= end > after
            began += start > first
            left += end <= after
        if at_start or began:
            is_new = spells[0][0] > first
            _count(moves, at_start=at_start, at_end=at_end, began=began, left=left, is_new=is_new)
            moves.pending += 0 < undecided <= after
    return moves


def _count(moves: Moves, *, at_start: bool, at_end: bool, began: int, left: int, is_new: bool) -> None:
    """Add one customer, by the sets it is in and by how often it came and went."""
    moves.start += at_start
    moves.end += at_end
    moves.lost += at_start and not at_end
    moves.joined += at_end and is_new
    moves.reactivated += at_end and not at_start and not is_new
    moves.joinings += is_new
    moves.returns += began - is_new
    moves.leavings += left
    moves.only_inside += not at_start and not at_end
    moves.left_and_returned += at_start and at_end and began > 0


def worth_on(served: list[Served], spells: list[Spell], day: int) -> int:
    """What a customer is worth a month on a day; in a gap too short to count, what it was worth before."""
    if len(served) == 1:
        ((start, end),) = spells
        return served[0][2] if start <= day < end else 0
    worth = held = latest = 0
    running = False
    for start, end, monthly in served:
        if start > day:
            break
        if end > day:
            worth += monthly
            running = True
        elif end >= latest:
            held = monthly + (held if end == latest else 0)
            latest = end
    return worth if running or not any(start <= day < end for start, end in spells) else held
