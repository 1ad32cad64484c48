"""The Nelson-Aalen estimate of the cumulative hazard: the events each subject would have met by a time."""

from __future__ import annotations

from itertools import accumulate
from math import log1p, sqrt
from operator import truediv
from typing import TYPE_CHECKING, Literal, overload

import attrs

from crmcore.analytics.results import Section, Tabular
from crmcore.analytics.survival.confidence_limits import critical_value, log_limits
from crmcore.analytics.survival.intake import read_subjects, risk_sets
from crmcore.analytics.survival.risk_sets import RiskSets
from crmcore.analytics.survival.steps import Steps, value_at
from crmcore.analytics.survival.tables import event_table
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column

__all__ = ["CumulativeHazard", "nelson_aalen"]

TIES = ("breslow", "fleming-harrington")

COLUMNS = ("time", "at_risk", "events", "censored", "cumulative_hazard", "se", "lower", "upper")


@attrs.frozen(kw_only=True, repr=False, str=False)
class CumulativeHazard(Tabular):
    """A Nelson-Aalen estimate: H(t), the hazard summed up to t.

    Each column has one figure for each distinct duration.

    Attributes:
        times: The distinct durations, ascending, whether something ended at them or was censored.
        cumulative_hazard: H at each of them and up to the next.
        variance: The variance of H (Aalen).
        se: Its square root, the standard error.
        lower: The lower confidence limit of H (logarithmic), never below 0.
        upper: The upper one.
        at_risk: How many were under observation just before, by weight.
        events: How many ended.
        censored: How many were last seen still running.
        ties: How events at one time were taken: ``"breslow"`` all at once, ``"fleming-harrington"`` one by one.
        level: The confidence level, a fraction.
        unit: What durations are counted in, as it was said.
        engine: What did the counting: plain Python or numpy.
    """

    times: Steps
    cumulative_hazard: Steps
    variance: Steps
    se: Steps
    lower: Steps
    upper: Steps
    at_risk: Steps
    events: Steps
    censored: Steps
    ties: Literal["breslow", "fleming-harrington"]
    level: float
    unit: str | None
    engine: EngineName

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS[self.ties]

    @overload
    def hazard_at(self, t: float) -> float: ...
    @overload
    def hazard_at(self, t: Iterable[float]) -> list[float]: ...
    def hazard_at(self, t: float | Iterable[float]) -> float | list[float]:
        """H at a time, or at each of several: 0 before the first event; after the last duration, what it was there.

        Args:
            t: The time or times, in the unit of the durations.

        Raises:
            Invalid: A time is no number.

        Example:
            >>> from crmcore.analytics.survival import nelson_aalen
            >>> nelson_aalen([1, 2, 3, 4], [1, 0, 1, 0]).hazard_at([0.5, 1, 3])
            [0.0, 0.25, 0.75]
        """
        return value_at(self.times, self.cumulative_hazard, 0.0, t)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row for each distinct duration.

        Example:
            >>> from crmcore.analytics.survival import nelson_aalen
            >>> nelson_aalen([2, 3], [1, 0]).to_dicts()[0]["cumulative_hazard"]
            0.5
        """
        columns = (self.times, *(getattr(self, name) for name in COLUMNS[1:]))
        return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]

    def sections(self) -> list[Section]:
        """The table of the events, and how it was made."""
        made = f"Nelson-Aalen, ties {self.ties}, Aalen's variance, logarithmic limits at {self.level:g}"
        table = event_table("Cumulative hazard", COLUMNS, self.to_dicts())
        return [table, Section("How it was made", (), ((made,),))]

    def __repr__(self) -> str:
        last = f", {self.cumulative_hazard[-1]:.4g} by {self.times[-1]:g}" if self.times else ""
        return f"<CumulativeHazard: {sum(self.events):g} events{last}>"


DEFINITIONS = {
    "breslow": FrozenMap(
        {
            "cumulative_hazard": "H(t) = Σ over event times up to t of events / at risk",
            "variance": "Σ events / at risk²",
            "lower, upper": "H(t) exp(± z se / H(t)); where H is 0, the same",
        }
    ),
    "fleming-harrington": FrozenMap(
        {
            "cumulative_hazard": "H(t) = Σ over event times up to t of 1/n + 1/(n - 1) + …, a term an event, n at risk",
            "variance": "Σ over event times up to t of 1/n² + 1/(n - 1)² + …",
            "lower, upper": "H(t) exp(± z se / H(t)); where H is 0, the same",
        }
    ),
}


def nelson_aalen(
    durations: Iterable[float],
    observed: Iterable[object],
    entry: Iterable[float] | None = None,
    *,
    weights: Iterable[float] | None = None,
    ties: Literal["breslow", "fleming-harrington"] = "breslow",
    level: float = 0.95,
    unit: str | None = None,
    engine: EngineName | None = None,
) -> CumulativeHazard:
    """The Nelson-Aalen estimate of the cumulative hazard, from durations of which some are still running.

    Args:
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether each has ended: True or 1; False or 0 means still running when last seen (right-censored).
        entry: How long each had lasted when it came under observation, in the same unit (left truncation); 0 for
            those watched from the start, and the default for all.
        weights: How many each row stands for: 0, or from 1e-100 to 1e100.
        ties: What d events at one time among n at risk add: ``"breslow"`` d / n, as if by chance at the same time;
            ``"fleming-harrington"`` 1/n + 1/(n - 1) + …, as if one after the other (weights must be whole).
        level: The confidence level of the limits, a fraction.
        unit: What the durations are counted in, to be shown with them: ``"weeks"``.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible, or columns differ in length; names the rows.

    Source: O. O. Aalen, Nonparametric Inference for a Family of Counting Processes, 1978; T. R. Fleming and
    D. P. Harrington, Nonparametric Estimation of the Survival Distribution in Censored Data, 1984.

    Example:
        >>> from crmcore.analytics.survival import nelson_aalen
        >>> nelson_aalen([1, 1, 2, 3], [1, 1, 1, 0]).hazard_at(2)
        1.0
    """
    z = critical_value(level)
    if ties not in TIES:
        raise Invalid([Problem("ties", ties, " or ".join(TIES), 'say ties="breslow"')])
    sets = risk_sets(read_subjects(durations, observed, entry, weights, engine))
    hazard, variance = _one_by_one(sets) if ties == "fleming-harrington" else _at_once(sets)
    lower, upper = log_limits(sets.engine, hazard, variance, z)
    return CumulativeHazard(
        times=Steps(sets.times),
        cumulative_hazard=Steps(hazard),
        variance=Steps(variance),
        se=Steps(variance**0.5 if sets.engine == "numpy" else list(map(sqrt, variance))),
        lower=Steps(lower),
        upper=Steps(upper),
        at_risk=Steps(sets.at_risk),
        events=Steps(sets.events),
        censored=Steps(sets.censored),
        ties=ties,
        level=level,
        unit=unit,
        engine=sets.engine,
    )


def _at_once(sets: RiskSets) -> tuple[Column, Column]:
    """H and its variance, with d / n for each time."""
    if sets.engine == "numpy":
        shares = sets.events / sets.at_risk
        return shares.cumsum(), (shares / sets.at_risk).cumsum()
    terms = [events / at_risk for events, at_risk in zip(sets.events, sets.at_risk, strict=True)]
    return list(accumulate(terms)), list(accumulate(map(truediv, terms, sets.at_risk)))


def _one_by_one(sets: RiskSets) -> tuple[Column, Column]:
    """H and its variance, with a term for each event."""
    if not sets.whole:
        raise Invalid([Problem("weights", "fractions", "whole numbers", 'say ties="breslow", or give whole weights')])
    pairs = zip(map(int, sets.survivors), map(int, sets.at_risk), strict=True)
    terms = [_harmonic(survivors, at_risk) for survivors, at_risk in pairs]
    sums, squares = (list(accumulate(column)) for column in zip(*terms, strict=True)) if terms else ([], [])
    if sets.engine == "numpy":
        import numpy as np

        return np.array(sums), np.array(squares)
    return sums, squares


LONG = 64
"""Terms that are added up one by one; of more, the small ones are done by Euler's and Maclaurin's sum."""


def _harmonic(low: int, high: int) -> tuple[float, float]:
    """The sums of 1/k and of 1/k² for k from low + 1 to high."""
    near = min(high, max(low, LONG)) if high - low > LONG else high
    first = sum(1 / k for k in range(near, low, -1))
    second = sum(1 / (k * k) for k in range(near, low, -1))
    if near < high:
        gap = (high - near) / near / high
        first += log1p((high - near) / near) - gap / 2 + _rest(near) - _rest(high)
        second += gap - gap * (1 / near + 1 / high) / 2 + _rest_of_squares(near) - _rest_of_squares(high)
    return first, second


def _rest(k: float) -> float:
    return 1 / (12 * k**2) - 1 / (120 * k**4) + 1 / (252 * k**6)


def _rest_of_squares(k: float) -> float:
    return 1 / (6 * k**3) - 1 / (30 * k**5) + 1 / (42 * k**7)
