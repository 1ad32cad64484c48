"""Risk sets: at each distinct duration, how many had the event, were censored, and were at risk.

Counted from the last duration backwards, so that nothing is lost to rounding at the end of a curve. Weights of any
size are first made whole numbers of one tiny unit: what enters and leaves a risk set then adds up exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, compress
from operator import sub
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.survival.subjects import listed

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column, Subjects

__all__ = ["RiskSets", "counted"]


@attrs.frozen(eq=False)
class RiskSets:
    """What happened at each distinct duration, in ascending order.

    Attributes:
        engine: What made the columns: lists by plain Python, arrays by numpy.
        whole: Whether all counts are whole numbers.
        times: The distinct durations, ended or not.
        events: How many events were seen at each.
        censored: How many were last seen at it.
        at_risk: How many had come under observation before it and were followed up to it.
        survivors: ``at_risk`` less ``events``, not subtracted but counted.
    """

    engine: EngineName
    whole: bool
    times: Column
    events: Column
    censored: Column
    at_risk: Column
    survivors: Column


def counted(subjects: Subjects) -> RiskSets:
    """The risk sets of subjects, counted by plain Python.

    Args:
        subjects: Those who were followed.
    """
    weights, unit = _whole(subjects.weights)
    entry = None if subjects.entry is None else listed(subjects.entry)
    return _counted(listed(subjects.durations), listed(subjects.observed), entry, weights, unit)


def _whole(weights: Column | None) -> tuple[list[int] | None, int]:
    """Weights as whole numbers, and how many of them make 1."""
    if weights is None:
        return None, 1
    ratios = [weight.as_integer_ratio() for weight in listed(weights)]
    unit = max((below for _, below in ratios), default=1)
    return [above * (unit // below) for above, below in ratios], unit


def _counted(
    durations: Sequence[float],
    observed: Iterable[object],
    entry: Sequence[float] | None,
    weights: Sequence[int] | None,
    unit: int,
) -> RiskSets:
    tallied = _tally(durations, weights)
    observed = list(observed)
    ended = _tally(compress(durations, observed), None if weights is None else compress(weights, observed))
    times = sorted(tallied)
    leaving = list(map(tallied.__getitem__, times))
    events = [ended.get(time, 0) for time in times]
    at_risk = list(accumulate(reversed(leaving)))[::-1]
    if entry is not None:
        at_risk = list(map(sub, at_risk, _entering(entry, weights, times)))
    counts = [events, list(map(sub, leaving, events)), at_risk, list(map(sub, at_risk, events))]
    if unit > 1:
        counts = [[count / unit for count in column] for column in counts]
    events, censored, at_risk, survivors = counts
    return RiskSets("python", unit == 1, times, events, censored, at_risk, survivors)


def _entering(entry: Sequence[float], weights: Sequence[int] | None, times: Sequence[float]) -> list[int]:
    """How many come under observation only at each time, or after it."""
    late = [start > 0 for start in entry]
    tallied = _tally(compress(entry, late), None if weights is None else compress(weights, late))
    starts = sorted(tallied)
    ahead, found = 0, []
    for time in reversed(times):
        while starts and starts[-1] >= time:
            ahead += tallied[starts.pop()]
        found.append(ahead)
    return found[::-1]


def _tally(values: Iterable[float], weights: Iterable[int] | None) -> dict[float, int]:
    """How many there are of each value."""
    from collections import Counter

    if weights is None:
        return Counter(values)
    found: dict[float, int] = {}
    for value, weight in zip(values, weights, strict=True):
        found[value] = found.get(value, 0) + weight
    return found
