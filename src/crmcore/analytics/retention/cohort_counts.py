"""Cohorts counted: how many customers each has, how many are active at each age, and what they spend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain, compress
from operator import ne
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.retention.days import NEVER
from crmcore.analytics.retention.purchase_days import PurchaseDays

if TYPE_CHECKING:
    from crmcore.analytics.retention.cohort_grid import Grid
    from crmcore.analytics.retention.purchases import Purchases

__all__ = ["CohortCounts", "counted", "excluded"]

Cell = tuple[int, int]
"""The number of a cohort, and an age."""


@attrs.frozen(eq=False)
class CohortCounts:
    """What there is to say of each cohort, and of each of its ages.

    Attributes:
        sizes: How many customers a cohort has.
        latest: The latest first day in it.
        active: How many buy at an age.
        last: How many buy at an age for the last time.
        spent: What is spent at an age, in minor units.
        exclusions: What was left out, in words, with counts.
    """

    sizes: Mapping[int, int]
    latest: Mapping[int, int]
    active: Mapping[Cell, int]
    last: Mapping[Cell, int]
    spent: Mapping[Cell, int]
    exclusions: Mapping[str, int]


def counted(told: Purchases, grid: Grid) -> CohortCounts:
    """Count purchases by cohort and age."""
    back = {row for row, minor in enumerate(told.minor or ()) if minor is not None and minor < 0}
    bought = told.only([row for row in range(len(told.days)) if row not in back]) if back else told
    days = PurchaseDays.of(bought.codes, bought.days)
    firsts = days.firsts
    first_of = dict(zip(days.who, firsts, strict=True))
    early = {row for row in back if told.days[row] < first_of.get(told.codes[row], NEVER)}
    kept = told.only([row for row in range(len(told.days)) if row not in early]) if early else told
    numbers = {first: grid.number(first) for first in set(firsts)}
    cohorts = list(map(numbers.__getitem__, firsts))
    latest: dict[int, int] = {}
    for first, number in numbers.items():
        latest[number] = max(first, latest.get(number, 0))
    oldest = grid.ages(firsts, days.lasts)
    return CohortCounts(
        Counter(cohorts),
        latest,
        _active(days, firsts, cohorts, grid),
        Counter(zip(cohorts, oldest, strict=True)),
        _spent(kept, first_of, numbers, grid),
        excluded(told, len(back), len(early)),
    )


def _active(days: PurchaseDays, firsts: list[int], cohorts: list[int], grid: Grid) -> dict[Cell, int]:
    """How many customers buy at each age, each once."""
    ages = grid.ages(days.spread(firsts), days.days)
    wide = max(ages, default=0) + 1
    reached = [place * wide + age for place, age in zip(days.spread(range(len(firsts))), ages, strict=True)]
    anew = map(ne, reached, chain([-1], reached))  # those of one customer stand together, in order
    cells = [cohort * wide + age for cohort, age in zip(days.spread(cohorts), ages, strict=True)]
    return {divmod(cell, wide): count for cell, count in Counter(compress(cells, anew)).items()}


def _spent(kept: Purchases, first_of: Mapping[int, int], numbers: Mapping[int, int], grid: Grid) -> dict[Cell, int]:
    """What each cohort spends at each age, returns taken off."""
    if kept.minor is None:
        return {}
    firsts = list(map(first_of.__getitem__, kept.codes))
    ages = grid.ages(firsts, kept.days)
    wide = max(ages, default=0) + 1
    spent: dict[int, int] = {}
    so_far = spent.get
    for first, age, minor in zip(firsts, ages, kept.minor, strict=True):
        cell = numbers[first] * wide + age
        spent[cell] = so_far(cell, 0) + (minor or 0)
    return {divmod(cell, wide): minor for cell, minor in spent.items()}


def excluded(told: Purchases, returns: int, early: int) -> dict[str, int]:
    """What was left out.

    Args:
        told: The purchases.
        returns: How many of them are returns.
        early: How many of those come before the customer's first purchase.
    """
    counts = {
        "returns, taken off the revenue": returns - early,
        "returns before the customer's first purchase, left out": early,
        "purchases without an amount, in no revenue": (told.minor or []).count(None),
    }
    return {what: count for what, count in counts.items() if count}
