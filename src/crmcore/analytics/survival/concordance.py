"""Concordance: how often, of two subjects, the one at greater risk has the event first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from crmcore.analytics.survival.design import Stratum

__all__ = ["Pairs", "plain_pairs"]


@attrs.frozen
class Pairs:
    """Pairs of subjects of whom it is known which had the event first, by weight.

    Attributes:
        concordant: Those in which it was the one at greater risk.
        tied: Those in which both were at equal risk.
        all: All of them.
    """

    concordant: float
    tied: float
    all: float

    def __add__(self, other: Pairs) -> Pairs:
        """The pairs of two strata."""
        return Pairs(self.concordant + other.concordant, self.tied + other.tied, self.all + other.all)

    @property
    def index(self) -> float | None:
        """Harrell's C: the concordant share, ties counting half; None without a pair."""
        return (self.concordant + self.tied / 2) / self.all if self.all else None


class _Ranked:
    """Weights by rank: the sum of those below a rank, after any additions (P. M. Fenwick, 1994)."""

    def __init__(self, size: int) -> None:
        self.sums = [0.0] * (size + 1)

    def add(self, rank: int, weight: float) -> None:
        place = rank + 1
        while place < len(self.sums):
            self.sums[place] += weight
            place += place & -place

    def below(self, rank: int) -> float:
        total = 0.0
        while rank:
            total += self.sums[rank]
            rank &= rank - 1
        return total


def plain_pairs(stratum: Stratum, risks: Sequence[float]) -> Pairs:
    """The pairs of a stratum.

    Args:
        stratum: The subjects in lists, longest duration first.
        risks: How great the risk of each is.
    """
    place = {risk: rank for rank, risk in enumerate(sorted(set(risks)))}
    ranks = [place[risk] for risk in risks]
    lasting = _Ranked(len(place))
    weights = stratum.weights
    since = stratum.entry or [0.0] * len(ranks)
    entering = sorted((row for row, start in enumerate(since) if start > 0), key=since.__getitem__)
    concordant = tied = total = 0.0
    for time, members in groupby(range(len(stratum)), key=stratum.durations.__getitem__):
        rows = list(members)
        ended = [row for row in rows if stratum.observed[row]]
        while entering and since[entering[-1]] >= time:
            row = entering.pop()
            lasting.add(ranks[row], -weights[row])
        for row in rows:
            if not stratum.observed[row]:
                lasting.add(ranks[row], weights[row])  # only censored at the time of an event: it lasted longer
        for row in ended:
            below, up_to = lasting.below(ranks[row]), lasting.below(ranks[row] + 1)
            concordant += weights[row] * below
            tied += weights[row] * (up_to - below)
            total += weights[row] * lasting.below(len(place))
        for row in ended:
            lasting.add(ranks[row], weights[row])
    return Pairs(concordant, tied, total)
