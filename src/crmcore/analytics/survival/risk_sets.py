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

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column, Subjects

__all__ = ["RiskSets", "counted", "numbers_at"]


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
    subjects = subjects.in_lists()
    weights, unit = _whole(subjects.weights)
    tallied = _tally(subjects.durations, weights)
    ended = _tally(*_those(subjects.observed, subjects.durations, weights))
    times = sorted(tallied)
    leaving = list(map(tallied.__getitem__, times))
    events = [ended.get(time, 0) for time in times]
    at_risk = list(accumulate(reversed(leaving)))[::-1]
    if subjects.entry is not None:
        at_risk = list(map(sub, at_risk, _at_least(*_late(subjects.entry, weights), times)))
    counts = [events, list(map(sub, leaving, events)), at_risk, list(map(sub, at_risk, events))]
    if unit > 1:
        counts = [[count / unit for count in column] for column in counts]
    events, censored, at_risk, survivors = counts
    return RiskSets("python", unit == 1, times, events, censored, at_risk, survivors)


def _whole(weights: Column | None) -> tuple[list[int] | None, int]:
    """Weights as whole numbers, and how many of them make 1."""
    if weights is None:
        return None, 1
    ratios = [weight.as_integer_ratio() for weight in weights]
    unit = max((below for _, below in ratios), default=1)
    return [above * (unit // below) for above, below in ratios], unit


def numbers_at(subjects: Subjects, times: Sequence[float]) -> tuple[list[int], list[int]]:
    """How many are at risk at each of some times, and how many have the event then, counted by plain Python.

    Args:
        subjects: Those who were followed, in lists, with whole weights.
        times: Ascending times, those of all their events among them.
    """
    weights, _ = _whole(subjects.weights)
    at_risk = _at_least(subjects.durations, weights, times)
    if subjects.entry is not None:
        at_risk = list(map(sub, at_risk, _at_least(*_late(subjects.entry, weights), times)))
    left = _at_least(*_those(subjects.observed, subjects.durations, weights), times)
    return at_risk, list(map(sub, left, [*left[1:], 0]))


def _at_least(values: Iterable[float], weights: Iterable[int] | None, times: Sequence[float]) -> list[int]:
    """How many of some values are as great as each of some ascending times, or greater."""
    tallied = _tally(values, weights)
    rising = sorted(tallied)
    above, found = 0, []
    for time in reversed(times):
        while rising and rising[-1] >= time:
            above += tallied[rising.pop()]
        found.append(above)
    return found[::-1]


def _late(entry: Sequence[float], weights: Sequence[int] | None) -> tuple[Iterable[float], Iterable[int] | None]:
    """When those came under observation who were not watched from the start."""
    return _those([start > 0 for start in entry], entry, weights)


def _those(
    flags: Sequence[bool], values: Sequence[float], weights: Sequence[int] | None
) -> tuple[Iterable[float], Iterable[int] | None]:
    """The flagged values, with their weights."""
    return compress(values, flags), None if weights is None else compress(weights, flags)


def _tally(values: Iterable[float], weights: Iterable[int] | None) -> dict[float, int]:
    """How many there are of each value."""
    from collections import Counter

    if weights is None:
        return Counter(values)
    found: dict[float, int] = {}
    for value, weight in zip(values, weights, strict=True):
        found[value] = found.get(value, 0) + weight
    return found
