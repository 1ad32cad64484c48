"""The Kaplan-Meier curve: the share that has not ended yet, from data of which some are still running."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from math import sqrt
from operator import mul, neg, truediv
from typing import TYPE_CHECKING

from crmcore.analytics.survival.confidence_limits import critical_value, log_log_limits
from crmcore.analytics.survival.intake import read_subjects, risk_sets
from crmcore.analytics.survival.medians import median_of
from crmcore.analytics.survival.risk_sets import RiskSets
from crmcore.analytics.survival.steps import Steps
from crmcore.analytics.survival.survival_curve import SurvivalCurve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column

__all__ = ["kaplan_meier", "median_survival"]


def kaplan_meier(
    durations: Iterable[float],
    observed: Iterable[object],
    entry: Iterable[float] | None = None,
    *,
    weights: Iterable[float] | None = None,
    level: float = 0.95,
    unit: str | None = None,
    engine: EngineName | None = None,
) -> SurvivalCurve:
    """The Kaplan-Meier estimate of survival, from durations of which some are still running.

    At equal times, what ended counts before what was censored. A duration of 0 counts, with an event or without.

    Args:
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether each has ended: True or 1; False or 0 means still running when last seen (right-censored).
        entry: How long each had lasted when it came under observation, in the same unit (left truncation); 0 for
            those watched from the start, and the default for all.
        weights: How many each row stands for: 0, or from 1e-100 to 1e100.
        level: The confidence level of the limits, a fraction.
        unit: What the durations are counted in, to be shown with them: ``"weeks"``.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible, or columns differ in length; names the rows.

    Source: E. L. Kaplan and P. Meier, Nonparametric Estimation from Incomplete Observations, 1958; M. Greenwood,
    The Natural Duration of Cancer, 1926; R. Brookmeyer and J. Crowley, A Confidence Interval for the Median Survival
    Time, 1982.

    Example:
        >>> from crmcore.analytics.survival import kaplan_meier
        >>> curve = kaplan_meier([6, 6, 6, 6, 7, 9, 10], [1, 1, 1, 0, 1, 0, 1], unit="weeks")
        >>> curve
        <SurvivalCurve: 7 subjects, 5 events, median 7.00>
        >>> [round(share, 4) for share in curve.survival_at([6, 7, 10])]
        [0.5714, 0.381, 0.0]
    """
    z = critical_value(level)
    sets = risk_sets(read_subjects(durations, observed, entry, weights, engine))
    survival, variance = _product_limit(sets)
    lower, upper = log_log_limits(sets.engine, survival, variance, z)
    ended = bisect_left(survival, 0.0, key=neg)  # S only falls, and stays at 0
    return SurvivalCurve(
        times=Steps(sets.times),
        survival=Steps(survival),
        se=Steps(_se(sets, survival, variance)),
        lower=Steps(lower),
        upper=Steps(upper),
        at_risk=Steps(sets.at_risk),
        events=Steps(sets.events),
        censored=Steps(sets.censored),
        median=median_of(sets, survival),
        median_ci=_median_ci(sets, lower, upper, ended),
        level=level,
        unit=unit,
        engine=sets.engine,
        warnings=tuple(_warnings(sets, ended)),
    )


def median_survival(durations: Iterable[float], observed: Iterable[object]) -> float | None:
    """The Kaplan-Meier median of durations of which some are still running, without the rest of the curve.

    Args:
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether each has ended: True or 1; False or 0 means still running when last seen (right-censored).

    Returns:
        The first duration t with S(t) ≤ 0.5, in the unit given; None when the curve never falls that low.

    Raises:
        Invalid: A cell is missing or impossible, or columns differ in length; names the rows.

    Source: E. L. Kaplan and P. Meier, Nonparametric Estimation from Incomplete Observations, 1958.

    Example:
        >>> from crmcore.analytics import median_survival
        >>> median_survival([6, 6, 6, 6, 7, 9, 10, 10, 11, 13], [True] * 3 + [False] + [True] + [False] * 5)
        >>> median_survival([1, 2, 3, 4], [True, True, False, False])
        2.0
    """
    sets = risk_sets(read_subjects(durations, observed))
    return median_of(sets, _product_limit(sets)[0])


def _product_limit(sets: RiskSets) -> tuple[Column, Column]:
    """S at each time, and Greenwood's sum: the variance of its logarithm."""
    if sets.engine == "numpy":
        import numpy as np

        alive = np.where(sets.survivors > 0, sets.survivors, np.inf)
        return np.cumprod(sets.survivors / sets.at_risk), np.cumsum(sets.events / sets.at_risk / alive)
    rows = zip(sets.events, sets.at_risk, sets.survivors, strict=True)
    terms = (events / at_risk / survivors if survivors else 0.0 for events, at_risk, survivors in rows)
    return list(accumulate(map(truediv, sets.survivors, sets.at_risk), mul)), list(accumulate(terms))


def _se(sets: RiskSets, survival: Column, variance: Column) -> Column:
    if sets.engine == "numpy":
        return survival * variance**0.5
    return [share * sqrt(spread) for share, spread in zip(survival, variance, strict=True)]


def _median_ci(sets: RiskSets, lower: Column, upper: Column, ended: int) -> tuple[float | None, float | None]:
    """Brookmeyer and Crowley's interval: where each limit first falls to one half, the upper one before S is 0."""
    return _fallen(sets, lower), _fallen(sets, upper[:ended])


def _fallen(sets: RiskSets, limit: Column) -> float | None:
    if sets.engine == "numpy":
        low = limit <= 0.5
        place = int(low.argmax()) if low.any() else None
    else:
        place = next((k for k, value in enumerate(limit) if value <= 0.5), None)
    return None if place is None else float(sets.times[place])


def _warnings(sets: RiskSets, ended: int) -> Iterator[str]:
    """Under left truncation a small first risk set may end the curve for all who come later."""
    if ended + 1 < len(sets.times):
        yield (
            f"all who were at risk at {sets.times[ended]:g} ended there, so S is 0 from then on, though others came "
            "under observation later; begin the curve where the risk set is larger"
        )
