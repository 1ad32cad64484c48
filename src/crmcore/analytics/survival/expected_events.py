"""The events of groups, and those each would have had, were there no difference between them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.survival.risk_sets import numbers_at

if TYPE_CHECKING:
    from crmcore.analytics.calculus.matrices import Matrix
    from crmcore.analytics.survival.subjects import Subjects

__all__ = ["Events", "group_events"]


@attrs.frozen
class Events:
    """The events of some groups in a stratum, or in several.

    Attributes:
        observed: How many each group had.
        expected: How many it would have had, had each event fallen on one of all at risk by chance.
        covariance: The covariance of the numbers by group, were that so (hypergeometric).
    """

    observed: list[int]
    expected: list[float]
    covariance: Matrix

    def __add__(self, other: Events) -> Events:
        """Of two strata together."""
        return Events(
            list(map(add, self.observed, other.observed)),
            list(map(add, self.expected, other.expected)),
            [list(map(add, *rows)) for rows in zip(self.covariance, other.covariance, strict=True)],
        )


def group_events(samples: Sequence[Subjects]) -> Events:
    """The events of each group in a stratum.

    Args:
        samples: The subjects of each group, with whole weights.
    """
    return (_at_once if samples[0].engine == "numpy" else _one_by_one)(samples)


def _one_by_one(samples: Sequence[Subjects]) -> Events:
    size = range(len(samples))
    expected = [0.0] * len(samples)
    covariance = [[0.0] * len(samples) for _ in size]
    times = sorted({time for one in samples for time in one.those(one.observed).durations})
    at_risk, ended = zip(*(numbers_at(one, times) for one in samples), strict=True)
    for there, then in zip(zip(*at_risk, strict=True), zip(*ended, strict=True), strict=True):
        n, events = sum(there), sum(then)
        shares = [some / n for some in there]
        spread = events * ((n - events) / max(n - 1, 1))
        for i in size:
            expected[i] += events * shares[i]
            for j in size:
                covariance[i][j] += spread * shares[i] * ((i == j) - shares[j])
    return Events(list(map(sum, ended)), expected, covariance)


def _at_once(samples: Sequence[Subjects]) -> Events:
    import numpy as np

    from crmcore.analytics.survival import arrays

    times = np.unique(np.concatenate([one.durations[one.observed] for one in samples]))
    counts = [arrays.numbers_at(one, times) for one in samples]
    at_risk, ended = map(np.array, zip(*counts, strict=True))
    n, events = at_risk.sum(axis=0), ended.sum(axis=0)
    shares = at_risk / n
    spread = events * ((n - events) / np.maximum(n - 1, 1))
    covariance = np.diag(shares @ spread) - (shares * spread) @ shares.T
    observed = ended.sum(axis=1).astype(int).tolist()
    return Events(observed, (shares @ events).tolist(), covariance.tolist())
