"""Cox's partial likelihood of a large stratum, in arrays of numpy: the sums of the plain one, whole columns at once.

No array is larger than the table of the covariates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crmcore.analytics.survival.arrays import starts_of
from crmcore.analytics.survival.concordance_arrays import fast_pairs
from crmcore.analytics.survival.partial_likelihood import LOST, TINY, Point

if TYPE_CHECKING:
    from crmcore.analytics.survival.arrays import Array
    from crmcore.analytics.survival.concordance import Pairs
    from crmcore.analytics.survival.design import Stratum
    from crmcore.analytics.survival.partial_likelihood import Ties

__all__ = ["FastLikelihood"]


class FastLikelihood:
    """A partial likelihood in arrays.

    Args:
        stratum: The subjects, in arrays, longest duration first.
        ties: How events at one time are taken.
    """

    def __init__(self, stratum: Stratum, ties: Ties) -> None:
        self.stratum = stratum
        self.x, self.weights = stratum.covariates, stratum.weights
        starts = starts_of(stratum.durations)
        ties_of = np.add.reduceat(stratum.observed.astype(np.int64), starts)
        with_events = ties_of > 0
        self.deaths = np.flatnonzero(stratum.observed)
        self.counts = ties_of[with_events]
        """How many events there are at each event time, the last one first."""
        self.ends = np.append(starts[1:], len(stratum))[with_events]
        """How many subjects have a duration of an event time or more."""
        self.times = stratum.durations[starts[with_events]]
        self.of = np.repeat(np.arange(len(self.counts)), self.counts)
        """The place of each event's time among the event times."""
        self.mean_weights = (np.bincount(self.of, self.weights[self.deaths]) / self.counts)[self.of]
        self.weight = float(self.mean_weights.sum())
        places = np.arange(len(self.deaths)) - (self.counts.cumsum() - self.counts)[self.of]
        self.tied = ties == "efron" and len(self.counts) < len(self.deaths)
        self.parts = places / self.counts[self.of] if self.tied else np.zeros(len(self.deaths))
        self.entry = None
        if stratum.entry is not None and stratum.entry.any():
            late = np.flatnonzero(stratum.entry > 0)
            self.entry = stratum.entry
            self.entering = late[np.argsort(-stratum.entry[late])]
            starts_late = stratum.entry[self.entering]
            self.gone = np.searchsorted(-starts_late, -self.times, side="right")
            """How many come under observation only at an event time, or after it."""

    def pairs(self, beta: Sequence[float]) -> Pairs:
        """The pairs of subjects of whom it is known who had the event first."""
        return fast_pairs(self.stratum, self._logs(beta))

    def _logs(self, beta: Sequence[float]) -> Array:
        """The logarithm of each subject's partial hazard."""
        found = np.zeros(len(self.weights))
        for slope, column in zip(beta, self.x, strict=True):
            found += slope * column
        return found

    def at(self, beta: Sequence[float]) -> Point:
        """Its value and derivatives at coefficients of the scaled covariates."""
        logs = self._logs(beta)
        logs -= logs.max()
        hazards = self.weights * np.exp(logs)
        totals, poor = self._totals(hazards)
        own = np.bincount(self.of, hazards[self.deaths])
        totals = np.maximum(totals, own)
        left = totals[self.of] - self.parts * own[self.of]
        if not (left > TINY).all():
            return Point(-np.inf, [0.0] * len(beta), [[0.0] * len(beta) for _ in beta])
        loglik = self.weights[self.deaths] @ logs[self.deaths] - self.mean_weights @ np.log(left)
        terms = self.mean_weights / left
        exposed = hazards * self._exposure(np.bincount(self.of, terms))
        exposed[self.deaths] -= hazards[self.deaths] * np.bincount(self.of, terms * self.parts)[self.of]
        score = [float(self.weights[self.deaths] @ column[self.deaths] - exposed @ column) for column in self.x]
        squares = terms / left
        means = [self._sums(hazards, column, poor) for column in self.x]
        information = self._products(exposed) - self._between(means, squares, hazards)
        return Point(float(loglik), score, information.tolist())

    def hazard(self, beta: Sequence[float]) -> tuple[list[float], list[float]] | None:
        """The event times, ascending, and Breslow's cumulative hazard where all covariates are at their means."""
        logs = self._logs(beta)
        top = logs.max()
        hazards = self.weights * np.exp(logs - top)
        totals = np.maximum(self._totals(hazards)[0], np.bincount(self.of, hazards[self.deaths]))
        if not (totals > TINY).all():
            return None
        steps = np.bincount(self.of, self.weights[self.deaths]) / totals * np.exp(min(-top, 600.0))
        return self.times[::-1].tolist(), steps[::-1].cumsum().tolist()

    def _totals(self, hazards: Array) -> tuple[Array, Array]:
        """The hazard of all at risk at each event time, and the times at which it was added up anew."""
        followed = hazards.cumsum()[self.ends - 1]
        if self.entry is None:
            return followed, np.empty(0, int)
        totals = followed - np.append(0.0, hazards[self.entering].cumsum())[self.gone]
        poor = np.flatnonzero(totals < LOST * followed)
        for place in poor.tolist():
            totals[place] = hazards[self._at_risk(place)].sum()
        return totals, poor

    def _at_risk(self, place: int) -> Array:
        assert self.entry is not None
        since = self.entry[: self.ends[place]]
        return np.flatnonzero((since < self.times[place]) | (since == 0))

    def _sums(self, hazards: Array, column: Array, poor: Array) -> Array:
        """The sum of hazard times a covariate, of all at risk at each event time."""
        weighed = hazards * column
        found: Array = weighed.cumsum()[self.ends - 1]
        if self.entry is not None:
            found -= np.append(0.0, weighed[self.entering].cumsum())[self.gone]
            for place in poor.tolist():
                found[place] = weighed[self._at_risk(place)].sum()
        return found

    def _exposure(self, hazard: Array) -> Array:
        """What each subject was exposed to, of a hazard at each event time."""
        cumulative = np.append(hazard[::-1].cumsum()[::-1], 0.0)
        lengths = np.diff(self.ends, prepend=0, append=len(self.weights))
        found = np.repeat(cumulative, lengths)
        if self.entry is not None:
            late, whole = self.entering, found[self.entering]
            since = np.searchsorted(-self.times, -self.entry[late])
            found[late] = whole - cumulative[since]
            until = np.repeat(np.arange(len(cumulative)), lengths)[late]
            for place in np.flatnonzero(found[late] < LOST * whole):
                found[late[place]] = hazard[until[place] : since[place]].sum()
        return found

    def _products(self, exposed: Array) -> Array:
        """The sum over subjects of exposure times xxᵀ."""
        found = np.empty((len(self.x), len(self.x)))
        for i, column in enumerate(self.x):
            weighed = exposed * column
            for j in range(i + 1):
                found[i, j] = found[j, i] = weighed @ self.x[j]
        return found

    def _between(self, sums: Sequence[Array], squares: Array, hazards: Array) -> Array:
        """The sum over events of the square of the mean covariates of those at risk."""
        found = np.empty((len(sums), len(sums)))
        plain, crossed, apart = (np.bincount(self.of, squares * self.parts**k) for k in range(3))
        own = [np.bincount(self.of, (hazards * column)[self.deaths]) for column in self.x] if self.tied else []
        for i, one in enumerate(sums):
            for j, other in enumerate(sums[: i + 1]):
                total = (plain * one) @ other
                if self.tied:
                    total += (apart * own[i]) @ own[j] - crossed @ (one * own[j] + own[i] * other)
                found[i, j] = found[j, i] = total
        return found
