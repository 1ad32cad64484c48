"""Subjects and their risk sets in arrays of numpy: the same counts as in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from crmcore.analytics.survival.cells import HEAVIEST, LIGHTEST
from crmcore.analytics.survival.risk_sets import RiskSets
from crmcore.analytics.survival.subjects import EXACT, Subjects

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["flags_of", "numbers_at", "numbers_of", "risk_sets_of", "starts_of", "subjects_of"]


def numbers_of(column: object, least: float = -np.inf) -> Array | None:
    """A column as finite doubles from a least one on; None when something else is in it."""
    found = np.asarray(column)
    if found.ndim != 1 or found.dtype.kind not in "biuf" or not len(found):
        return None
    numbers = found.astype(float, copy=False)
    low = numbers.min()  # is NaN where one is
    return numbers if low >= least and low > -np.inf and numbers.max() < np.inf else None


def flags_of(column: object) -> Array | None:
    """A column of truths; None when something other than True, False, 1 and 0 is in it."""
    found = np.asarray(column)
    if found.ndim != 1 or found.dtype.kind not in "biuf":
        return None
    flags = found.astype(bool, copy=False)
    return flags if found.dtype.kind == "b" or (flags == found).all() else None


def subjects_of(table: Mapping[str, object]) -> Subjects | None:
    """Subjects from columns that are all right; None when somebody has to say what is not.

    Args:
        table: ``durations`` and ``observed``, with ``entry`` and ``weights`` where there are any.
    """
    columns = {
        name: flags_of(column) if name == "observed" else numbers_of(column, 0) for name, column in table.items()
    }
    found = {name: column for name, column in columns.items() if column is not None}
    if len(found) < len(table) or len({len(column) for column in found.values()}) > 1:
        return None
    durations, observed, entry, weights = (found.get(name) for name in ("durations", "observed", "entry", "weights"))
    assert durations is not None
    assert observed is not None
    if entry is not None and ((entry >= durations) & (entry > 0)).any():
        return None
    if weights is not None and (((weights > 0) & (weights < LIGHTEST)).any() or weights.max() > HEAVIEST):
        return None
    return Subjects("numpy", durations, observed, entry, weights)


def risk_sets_of(subjects: Subjects) -> RiskSets | None:
    """The risk sets of subjects; None when there are none, or weights would not add up exactly in doubles.

    Args:
        subjects: Those who were followed, in arrays.
    """
    weights, entry = subjects.weights, subjects.entry
    whole = weights is None or bool(weights.sum() < EXACT and not (weights % 1).any())
    if not len(subjects) or (entry is not None and not whole):
        return None
    times, events, censored = _tally(subjects.durations, subjects.observed, weights)
    if whole:
        events, censored = events.astype(np.int64), censored.astype(np.int64)
    at_risk = (events + censored)[::-1].cumsum()[::-1]
    survivors = np.append(at_risk[1:], 0) + censored
    if entry is not None:
        ahead = _at_least(*_those(entry > 0, entry, weights), times).astype(np.int64)
        at_risk, survivors = at_risk - ahead, survivors - ahead
    return RiskSets("numpy", whole, times, events, censored, at_risk, survivors)


def _tally(durations: Array, observed: Array, weights: Array | None) -> tuple[Array, Array, Array]:
    """The distinct durations, with how many events and how many others end at each."""
    top = durations.max()
    slots = _slots(durations) if top <= 4 * len(durations) + 1_024 else None
    if slots is not None:
        slots += slots
        slots += observed
        counts = np.bincount(slots, weights, 2 * int(top) + 2).reshape(-1, 2)
        present = np.flatnonzero(counts.any(axis=1))
        return present.astype(float), counts[present, 1], counts[present, 0]
    if weights is None:
        # Doubles from 0 on are in the order of their bits: with the event as the last bit, one sort does for both.
        keys = (durations + 0.0).view(np.uint64) << np.uint64(1)  # a zero with a sign would be the largest
        keys |= observed
        keys.sort()
        instants, ended = (keys >> np.uint64(1)).view(float), (keys & np.uint64(1)).astype(np.int64)
        starts = starts_of(instants)
        events = np.add.reduceat(ended, starts)
        return instants[starts], events, np.diff(starts, append=len(keys)) - events
    order = durations.argsort()
    starts = starts_of(durations[order])
    events, censored = (np.add.reduceat((weights * flags)[order], starts) for flags in (observed, ~observed))
    return durations[order[starts]] + 0.0, events, censored


def _slots(durations: Array) -> Array | None:
    """Durations as whole numbers to count in; None when they are not such."""
    slots = durations.astype(np.int64)
    return slots if (slots == durations).all() else None


def starts_of(ordered: Array) -> Array:
    """Where each run of equal values begins."""
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def numbers_at(subjects: Subjects, times: Array) -> tuple[Array, Array]:
    """How many are at risk at each of some times, and how many have the event then.

    Args:
        subjects: Those who were followed, in arrays, with whole weights.
        times: Ascending times, those of all their events among them.
    """
    weights, entry = subjects.weights, subjects.entry
    at_risk = _at_least(subjects.durations, weights, times)
    if entry is not None:
        at_risk -= _at_least(*_those(entry > 0, entry, weights), times)
    left = _at_least(*_those(subjects.observed, subjects.durations, weights), times)
    return at_risk, -np.diff(left, append=0)


def _those(flags: Array, values: Array, weights: Array | None) -> tuple[Array, Array | None]:
    """The flagged values, with their weights."""
    return values[flags], None if weights is None else weights[flags]


def _at_least(values: Array, weights: Array | None, times: Array) -> Array:
    """How many of some values are as great as each of some ascending times, or greater."""
    found: Array
    if weights is None:
        found = len(values) - np.sort(values).searchsorted(times)
        return found
    order = values.argsort()
    sums = np.append(0, weights[order].cumsum())
    found = sums[-1] - sums[values[order].searchsorted(times)]
    return found
