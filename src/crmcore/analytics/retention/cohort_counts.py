"""Cohorts counted: how many customers each has, how many are active at each age, and what they spend."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.retention.days import NEVER

if TYPE_CHECKING:
    from crmcore.analytics.retention.cohort_grid import Grid
    from crmcore.analytics.retention.purchases import Purchases

__all__ = ["CohortCounts", "counted"]

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
    firsts, lasts = _ends(bought)
    early = {row for row in back if told.days[row] < firsts[told.codes[row]]}
    kept = told.only([row for row in range(len(told.days)) if row not in early]) if early else told
    numbers = {first: grid.number(first) for first in {*firsts} - {NEVER}}
    cohort_of = [numbers.get(first, 0) for first in firsts]
    latest: dict[int, int] = {}
    for first, number in numbers.items():
        latest[number] = max(first, latest.get(number, 0))
    buyers = [code for code, first in enumerate(firsts) if first != NEVER]
    oldest = grid.ages([firsts[code] for code in buyers], [lasts[code] for code in buyers])
    return CohortCounts(
        Counter([cohort_of[code] for code in buyers]),
        latest,
        _active(bought, firsts, cohort_of, grid),
        Counter(zip([cohort_of[code] for code in buyers], oldest, strict=True)),
        _spent(kept, firsts, cohort_of, grid),
        _excluded(told, len(back), len(early)),
    )


def _ends(bought: Purchases) -> tuple[list[int], list[int]]:
    """The first and the last day of each customer; ``NEVER`` and 0 of those who bought nothing."""
    firsts, lasts = [NEVER] * len(bought.customers), [0] * len(bought.customers)
    for code, day in zip(bought.codes, bought.days, strict=True):
        if day < firsts[code]:  # noqa: PLR1730 - min() would cost a call a row
            firsts[code] = day
        if day > lasts[code]:  # noqa: PLR1730 - so would max()
            lasts[code] = day
    return firsts, lasts


def _active(bought: Purchases, firsts: list[int], cohort_of: list[int], grid: Grid) -> dict[Cell, int]:
    """How many customers buy at each age, each once."""
    ages = grid.ages(map(firsts.__getitem__, bought.codes), bought.days)
    wide = max(ages, default=0) + 1
    seen = {code * wide + age for code, age in zip(bought.codes, ages, strict=True)}
    counts = Counter([cohort_of[one // wide] * wide + one % wide for one in seen])
    return {divmod(cell, wide): count for cell, count in counts.items()}


def _spent(kept: Purchases, firsts: list[int], cohort_of: list[int], grid: Grid) -> dict[Cell, int]:
    """What each cohort spends at each age, returns taken off."""
    spent: dict[Cell, int] = defaultdict(int)
    if kept.minor is not None:
        ages = grid.ages(map(firsts.__getitem__, kept.codes), kept.days)
        for code, age, minor in zip(kept.codes, ages, kept.minor, strict=True):
            spent[cohort_of[code], age] += minor or 0
    return spent


def _excluded(told: Purchases, returns: int, early: int) -> dict[str, int]:
    counts = {
        "returns, taken off the revenue": returns - early,
        "returns before the customer's first purchase, left out": early,
        "purchases without an amount, in no revenue": (told.minor or []).count(None),
    }
    return {what: count for what, count in counts.items() if count}
