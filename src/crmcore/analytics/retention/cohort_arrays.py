"""Cohorts counted by numpy: the figures of ``cohort_counts``, all rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crmcore.analytics.retention.cohort_counts import CohortCounts, excluded
from crmcore.analytics.retention.days import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.analytics.retention.cohort_grid import Grid
    from crmcore.analytics.retention.purchases import Purchases

__all__ = ["counted_at_once", "fits"]

ROOM = 2**62  # sums below it are exact in 64 bits


def fits(told: Purchases) -> bool:
    """Whether every sum of the amounts fits into 64 bits."""
    return sum(abs(minor) for minor in told.minor or () if minor) < ROOM


def counted_at_once(np: Any, told: Purchases, grid: Grid) -> CohortCounts:
    """Count purchases by cohort and age.

    Args:
        np: numpy.
        told: The purchases.
        grid: What they are laid on.
    """
    codes, days = np.array(told.codes, np.int64), np.array(told.days, np.int64)
    minor = np.array([minor or 0 for minor in told.minor or [0] * len(codes)], np.int64)
    bought = minor >= 0
    firsts, lasts = np.full(len(told.customers), NEVER), np.zeros(len(told.customers), np.int64)
    np.minimum.at(firsts, codes[bought], days[bought])
    np.maximum.at(lasts, codes[bought], days[bought])
    kept = days >= firsts[codes]  # not what was returned before the first purchase
    buyers = np.flatnonzero(firsts != NEVER)
    cohort_of, first_of = np.zeros((2, len(firsts)), np.int64)
    cohort_of[buyers] = _placed(np, grid.number, firsts[buyers])
    first_of[buyers] = _placed(np, grid.first, firsts[buyers])
    ages = (_placed(np, grid.later, days[kept]) - first_of[codes[kept]]) // grid.length
    oldest = (_placed(np, grid.later, lasts[buyers]) - first_of[buyers]) // grid.length
    wide = int(ages.max(initial=0)) + 1
    reached, _ = _runs(np, codes[kept & bought] * wide + ages[bought[kept]])
    starts, _ = _runs(np, firsts[buyers])
    spent = {} if told.minor is None else _summed(np, cohort_of[codes[kept]] * wide + ages, minor[kept])
    return CohortCounts(
        sizes=_tallied(np, cohort_of[buyers]),
        latest=dict(zip(_placed(np, grid.number, starts).tolist(), starts.tolist(), strict=True)),
        active=_by_cell(_tallied(np, cohort_of[reached // wide] * wide + reached % wide), wide),
        last=_by_cell(_tallied(np, cohort_of[buyers] * wide + oldest), wide),
        spent=_by_cell(spent, wide),
        exclusions=excluded(told, int((~bought).sum()), int((~kept).sum())),
    )


def _placed(np: Any, place: Callable[[int], int], days: Any) -> Any:
    """Where on the grid days are: each different one is asked for once."""
    origin = days.min(initial=NEVER)
    known = np.flatnonzero(np.bincount(days - origin))
    table = np.zeros(known.max(initial=0) + 1, np.int64)
    table[known] = [place(day) for day in (known + origin).tolist()]
    return table[days - origin]


def _runs(np: Any, cells: Any) -> tuple[Any, Any]:
    """Every different number, in order, and how often it is there."""
    ordered = np.sort(cells)
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _tallied(np: Any, cells: Any) -> dict[int, int]:
    known, counts = _runs(np, cells)
    return dict(zip(known.tolist(), counts.tolist(), strict=True))


def _summed(np: Any, cells: Any, amounts: Any) -> dict[int, int]:
    """What the amounts of each number come to."""
    known, _ = _runs(np, cells)
    sums = np.zeros(len(known), np.int64)
    np.add.at(sums, np.searchsorted(known, cells), amounts)
    return dict(zip(known.tolist(), sums.tolist(), strict=True))


def _by_cell(found: dict[int, int], wide: int) -> dict[tuple[int, int], int]:
    return {divmod(cell, wide): count for cell, count in found.items()}
