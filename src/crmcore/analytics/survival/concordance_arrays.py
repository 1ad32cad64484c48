"""Concordance in arrays of numpy: weights counted by rank, bit by bit, for all events at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crmcore.analytics.survival.concordance import Pairs

if TYPE_CHECKING:
    from crmcore.analytics.survival.arrays import Array
    from crmcore.analytics.survival.design import Stratum

__all__ = ["fast_pairs"]


def fast_pairs(stratum: Stratum, risks: Array) -> Pairs:
    """The pairs of a stratum.

    Args:
        stratum: The subjects in arrays, longest duration first.
        risks: How great the risk of each is.
    """
    ranks = np.unique(risks, return_inverse=True)[1]
    order = np.lexsort((stratum.observed, -stratum.durations))  # whoever was only censored at an event lasted longer
    weights, asking = stratum.weights, order[stratum.observed[order]]
    times, since = stratum.durations[asking], stratum.durations[order]
    censored_then = np.searchsorted(-since[~stratum.observed[order]], -times, side="right")
    ended_before = np.searchsorted(-times, -times)
    counted = _below(ranks[order], weights[order], censored_then + ended_before, ranks[asking])
    if stratum.entry is not None:
        entering = np.argsort(-stratum.entry)[: np.count_nonzero(stratum.entry > 0)]
        gone = np.searchsorted(-stratum.entry[entering], -times, side="right")
        counted -= _below(ranks[entering], weights[entering], gone, ranks[asking])
    below, equal, there = counted @ weights[asking]
    return Pairs(float(below), float(equal), float(there))


def _below(ranks: Array, weights: Array, upto: Array, asked: Array) -> Array:
    """Of the first so many, the weight of those below a rank, of those at it, and of all: shape ``(3, queries)``.

    Source: F. Claude, G. Navarro and A. Ordóñez, The Wavelet Matrix, 2015.
    """
    below = np.zeros(len(asked))
    there = np.append(0.0, weights.cumsum())[upto]
    low, high = np.zeros_like(upto), upto
    top = int(max(ranks.max(initial=0), asked.max(initial=0)))
    for bit in reversed(range(top.bit_length())):
        small = (ranks >> bit) & 1 == 0
        counts = np.append(0, small.cumsum())
        sums = np.append(0.0, np.where(small, weights, 0.0).cumsum())
        large = (asked >> bit) & 1 == 1
        below += np.where(large, sums[high] - sums[low], 0.0)
        low, high = (np.where(large, counts[-1] + place - counts[place], counts[place]) for place in (low, high))
        ranks, weights = (np.append(cells[small], cells[~small]) for cells in (ranks, weights))
    sums = np.append(0.0, weights.cumsum())
    return np.array([below, sums[high] - sums[low], there])
