"""Cox's partial likelihood of a stratum, in plain Python.

One sweep from the longest duration down adds up the risk sets; the sums of xxᵀ over risk sets are not carried along,
but taken once, each subject by the hazard it has been exposed to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, compress, groupby
from math import exp, inf, log
from operator import add, mul, sub
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.survival.concordance import Pairs, plain_pairs
from crmcore.analytics.survival.partial_likelihood import LOST, TINY, Point, Ties

if TYPE_CHECKING:
    from crmcore.analytics.survival.design import Stratum

__all__ = ["PlainLikelihood"]


@attrs.frozen
class _Tie:
    """The subjects of one duration: rows from ``start`` to ``stop``, and those among them with the event."""

    time: float
    start: int
    stop: int
    ended: tuple[int, ...]


class PlainLikelihood:
    """A partial likelihood in plain Python.

    Args:
        stratum: The subjects, in lists.
        ties: How events at one time are taken.
    """

    def __init__(self, stratum: Stratum, ties: Ties) -> None:
        self.stratum = stratum
        self.weight = sum(compress(stratum.weights, stratum.observed))
        self.efron = ties == "efron"
        self.weights: list[float] = stratum.weights
        self.rows = list(zip(*stratum.covariates, strict=True))
        self.ties = list(_tied(stratum))
        self.entry: list[float] = stratum.entry or []
        late = [row for row, start in enumerate(self.entry) if start > 0]
        self.entering = sorted(late, key=self.entry.__getitem__, reverse=True)
        self.events = [tie for tie in self.ties if tie.ended]

    def pairs(self, beta: Sequence[float]) -> Pairs:
        """The pairs of subjects of whom it is known who had the event first."""
        return plain_pairs(self.stratum, self._logs(beta))

    def _logs(self, beta: Sequence[float]) -> list[float]:
        """The logarithm of each subject's partial hazard."""
        return [sum(map(mul, beta, row)) for row in self.rows]

    def at(self, beta: Sequence[float]) -> Point:
        """Its value and derivatives at coefficients of the scaled covariates."""
        logs = self._logs(beta)
        top = max(logs)
        hazards = [weight * exp(value - top) for weight, value in zip(self.weights, logs, strict=True)]
        point = Point(0.0, [0.0] * len(beta), [[0.0] * len(beta) for _ in beta])
        loglik, exposure, shared = 0.0, [], {}
        for tie, total, moments in self._risk_sets(hazards):
            own = sum(hazards[row] for row in tie.ended)
            own_moments = self._moments(hazards, tie.ended)
            weight = sum(self.weights[row] for row in tie.ended)
            loglik += sum(self.weights[row] * (logs[row] - top) for row in tie.ended)
            steps = len(tie.ended) if self.efron else 1
            hazard = relief = 0.0
            for step in range(steps):
                part = step / steps
                left = total - part * own
                if not left > TINY:  # beside the greatest hazard, those of all at risk are nothing
                    return attrs.evolve(point, loglik=-inf)
                loglik -= weight / steps * log(left)
                mean = [(some - part * less) / left for some, less in zip(moments, own_moments, strict=True)]
                _subtract(point.information, mean, weight / steps)
                hazard += weight / steps / left
                relief += weight / steps / left * part
            exposure.append(hazard)
            shared.update(dict.fromkeys(tie.ended, relief))
        self._exposed(point, hazards, exposure, shared)
        return attrs.evolve(point, loglik=loglik)

    def hazard(self, beta: Sequence[float]) -> tuple[list[float], list[float]] | None:
        """The event times, ascending, and Breslow's cumulative hazard where all covariates are at their means."""
        logs = self._logs(beta)
        top = max(logs)
        hazards = [weight * exp(value - top) for weight, value in zip(self.weights, logs, strict=True)]
        sets = [
            (tie.time, sum(self.weights[row] for row in tie.ended), total) for tie, total, _ in self._risk_sets(hazards)
        ][::-1]
        if not all(total > TINY for _, _, total in sets):
            return None
        steps = [events / total * exp(min(-top, 600.0)) for _, events, total in sets]
        return [time for time, _, _ in sets], list(accumulate(steps))

    def _risk_sets(self, hazards: Sequence[float]) -> Iterator[tuple[_Tie, float, list[float]]]:
        """At each time with events, the last one first: the sums of hazard, and of hazard times x, of those at risk."""
        total, most, moments = 0.0, 0.0, [0.0] * len(self.rows[0])
        gone = 0
        for tie in self.ties:
            members = range(tie.start, tie.stop)
            total += sum(hazards[row] for row in members)
            moments = list(map(add, moments, self._moments(hazards, members)))
            most = max(most, total)
            entered = gone
            while gone < len(self.entering) and self.entry[self.entering[gone]] >= tie.time:
                gone += 1
            if gone > entered:
                leaving = self.entering[entered:gone]
                total -= sum(hazards[row] for row in leaving)
                moments = list(map(sub, moments, self._moments(hazards, leaving)))
                if total < LOST * most:
                    there = [row for row in range(tie.stop) if self.entry[row] < tie.time or not self.entry[row]]
                    total, moments = sum(hazards[row] for row in there), self._moments(hazards, there)
                    most = total
            if tie.ended:
                yield tie, total, moments

    def _moments(self, hazards: Sequence[float], members: Iterable[int]) -> list[float]:
        found = [0.0] * len(self.rows[0])
        for row in members:
            hazard = hazards[row]
            found = [one + hazard * x for one, x in zip(found, self.rows[row], strict=True)]
        return found

    def _exposed(
        self, point: Point, hazards: Sequence[float], exposure: Sequence[float], shared: Mapping[int, float]
    ) -> None:
        """Add what each subject's own exposure to the hazard says, and the covariates of those with the event."""
        times = [tie.time for tie in reversed(self.events)]
        rising = exposure[::-1]
        cumulative = [0.0, *accumulate(rising)]
        for tie in self.ties:
            until = bisect_right(times, tie.time)
            for row in range(tie.start, tie.stop):
                since = bisect_right(times, self.entry[row]) if self.entry and self.entry[row] else 0
                met = cumulative[until] - cumulative[since]
                if met < LOST * cumulative[until]:
                    met = sum(rising[since:until])
                exposed = hazards[row] * (met - shared.get(row, 0.0))
                x = self.rows[row]
                _subtract(point.information, x, -exposed)
                for i, value in enumerate(x):
                    point.score[i] -= exposed * value
            for row in tie.ended:
                for i, value in enumerate(self.rows[row]):
                    point.score[i] += self.weights[row] * value


def _tied(stratum: Stratum) -> Iterator[_Tie]:
    start = 0
    for time, members in groupby(stratum.durations):
        stop = start + len(list(members))
        yield _Tie(time, start, stop, tuple(row for row in range(start, stop) if stratum.observed[row]))
        start = stop


def _subtract(matrix: list[list[float]], vector: Sequence[float], weight: float) -> None:
    """Take weight × vector vectorᵀ from a matrix."""
    for i, value in enumerate(vector):
        scaled, row = weight * value, matrix[i]
        for j in range(i + 1):
            row[j] -= scaled * vector[j]
            if i != j:
                matrix[j][i] = row[j]
