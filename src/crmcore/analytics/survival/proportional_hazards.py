"""Cox regression: what makes some last longer than others, without saying how long anybody lasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from math import erfc, isfinite, log, sqrt
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

from crmcore.analytics.calculus.special import chi_square_survival
from crmcore.analytics.survival.ascent import NOWHERE, Optimum, climb
from crmcore.analytics.survival.concordance import Pairs
from crmcore.analytics.survival.confidence_limits import critical_value
from crmcore.analytics.survival.covariates import read_design
from crmcore.analytics.survival.cox_fit import BaselineHazard, CoxFit, LikelihoodRatio, exp_of
from crmcore.analytics.survival.design import Design, Roles, Stratum
from crmcore.analytics.survival.partial_likelihood import PartialLikelihood, Ties
from crmcore.analytics.survival.partial_likelihood_plain import PlainLikelihood
from crmcore.analytics.survival.steps import Steps
from crmcore.kernel.errors import Invalid, NotConverged, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.columns import Source

__all__ = ["cox"]

T = TypeVar("T")

WORTH_IT = 300
"""Rows of a stratum from which on arrays pay."""


def cox(
    rows: Source,
    *,
    duration: str,
    observed: str,
    covariates: Sequence[str] | str,
    entry: str | None = None,
    strata: str | None = None,
    weights: str | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
    engine: EngineName | None = None,
) -> CoxFit:
    """Cox's proportional hazards regression, by maximum partial likelihood.

    Whole weights stand for so many equal rows: exactly so with Breslow's ties; with Efron's, the equal rows would be
    ties of their own, and the weight is not taken for one.

    Args:
        rows: Any table, one row a subject: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        duration: The column of how long each was followed, 0 or more, in any one unit.
        observed: The column of whether each has ended: True or 1; False or 0 means right-censored.
        covariates: The columns of numbers that may matter, or the only one; write a yes or no as 1 or 0.
        entry: The column of how long each had lasted when it came under observation, in the same unit.
        strata: The column of strata, each of which has a baseline of its own.
        weights: The column of how much each row counts: 0, or from 1e-100 to 1e100, and none 1e9 times another.
        ties: How events at one time are taken: ``"efron"`` or ``"breslow"``.
        level: The confidence level of the limits, a fraction.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible (names the rows), a covariate is constant or made up of others (names
            them), or no event was seen.
        NotConverged: No maximum was found.

    Source: D. R. Cox, Regression Models and Life-Tables, 1972; B. Efron, The Efficiency of Cox's Likelihood Function
    for Censored Data, 1977; N. Breslow, Covariance Analysis of Censored Survival Data, 1974.

    Example:
        >>> from crmcore.analytics.survival import cox
        >>> rows = {"days": [1, 2, 3, 4, 5], "ended": [1, 1, 1, 1, 0], "calls": [3, 0, 2, 1, 1]}
        >>> fit = cox(rows, duration="days", observed="ended", covariates=["calls"])
        >>> fit
        <CoxFit: 5 subjects, 4 events, converged; hazard ratios calls 2.062>
        >>> round(fit.coef["calls"], 4), round(fit.se["calls"], 4), round(fit.loglik, 4)
        (0.7236, 0.7907, -4.3365)
    """
    z = critical_value(level)
    roles = Roles(duration, observed, _names(covariates), entry, strata, weights)
    _check(roles, ties)
    design = read_design(rows, roles, engine)
    parts = [_likelihood(stratum, ties, design.engine) for stratum in design.strata if any(stratum.observed)]
    weight = sum(part.weight for part in parts)
    found = climb(lambda beta: reduce(add, (part.at(beta) for part in parts)), design.names, weight, design.lightest)
    return _fit(design, parts, found, ties=ties, level=level, z=z)


def _names(covariates: object) -> tuple[Any, ...]:
    """A text is the name of one column, not a name a letter."""
    return tuple(covariates) if isinstance(covariates, Iterable) and not isinstance(covariates, str) else (covariates,)


def _check(roles: Roles, ties: object) -> None:
    named = {"duration": roles.duration, "observed": roles.observed}
    given = {"entry": roles.entry, "strata": roles.strata, "weights": roles.weights}
    named |= {name: column for name, column in given.items() if column is not None}
    problems = [
        Problem(name, column, "the name of a column", "give text")
        for name, column in [*named.items(), *(("covariates", covariate) for covariate in roles.covariates)]
        if not isinstance(column, str)
    ]
    if ties not in ("efron", "breslow"):
        problems.append(Problem("ties", ties, "efron or breslow", 'say ties="efron"'))
    if not roles.covariates:
        problems.append(Problem("covariates", [], "the names of one column or more", 'say covariates=["plan"]'))
    if not problems:
        used = [*named.values(), *roles.covariates]
        twice = dict.fromkeys(column for column in used if used.count(column) > 1)
        problems = [Problem("covariates", column, "each column once", "name it once") for column in twice]
    if problems:
        raise Invalid(problems)


def _likelihood(stratum: Stratum, ties: Ties, engine: EngineName) -> PartialLikelihood:
    """The partial likelihood of a stratum, held as pays for its size."""
    if engine == "numpy" and len(stratum) >= WORTH_IT:
        from crmcore.analytics.survival.partial_likelihood_arrays import FastLikelihood

        return FastLikelihood(stratum, ties)
    return PlainLikelihood(stratum.in_lists(), ties)


def _fit(
    design: Design, parts: Sequence[PartialLikelihood], found: Optimum, *, ties: Ties, level: float, z: float
) -> CoxFit:
    weight = sum(part.weight for part in parts)
    names, spreads = design.names, [scale.spread for scale in design.scales]
    size = range(len(names))
    coef = [None if i in found.unbounded else found.beta[i] / spreads[i] for i in size]
    cov = tuple(
        tuple(
            None if (cell := found.cov[i][j]) is None else cell / spreads[i] / spreads[j] / design.weight for j in size
        )
        for i in size
    )
    if not all(isfinite(cell) for row in cov for cell in row if cell is not None):
        raise NotConverged(NOWHERE, iterations=found.iterations, last=None)
    se = [None if (cell := cov[i][i]) is None else sqrt(cell) for i in size]
    scores = [None if one is None or error is None else one / error for one, error in zip(coef, se, strict=True)]
    ratios = [None if one is None else exp_of(one) for one in coef]
    limits = [
        (None, None) if one is None or error is None else (exp_of(one - z * error), exp_of(one + z * error))
        for one, error in zip(coef, se, strict=True)
    ]
    # A common factor of all weights goes through the logarithm of each risk set.
    loglik, null = (design.weight * (value - weight * log(design.weight)) for value in (found.loglik, found.null))
    gain = max(0.0, 2 * design.weight * (found.loglik - found.null))
    return CoxFit(
        coef=_named(names, coef),
        se=_named(names, se),
        z=_named(names, scores),
        p=_named(names, [None if score is None else erfc(abs(score) / sqrt(2)) for score in scores]),
        hazard_ratio=_named(names, ratios),
        hazard_ratio_ci=_named(names, limits),
        cov=cov,
        loglik=loglik,
        loglik_null=null,
        likelihood_ratio=LikelihoodRatio(gain, len(names), chi_square_survival(gain, len(names))),
        concordance=_concordance(parts, found.beta),
        means=_named(names, [scale.mean for scale in design.scales]),
        baseline=() if found.unbounded else tuple(_baseline(part, found.beta) for part in parts),
        n=design.subjects,
        events=design.events,
        iterations=found.iterations,
        status="boundary" if found.unbounded else "converged",
        warnings=tuple(_warnings(names, found)),
        ties=ties,
        level=level,
        engine=design.engine,
    )


def _named(names: Sequence[str], values: Sequence[T]) -> FrozenMap[str, T]:
    return FrozenMap(dict(zip(names, values, strict=True)))


def _baseline(part: PartialLikelihood, beta: Sequence[float]) -> BaselineHazard:
    found = part.hazard(beta)
    if found is None or not isfinite(found[1][-1]):
        raise NotConverged(NOWHERE, iterations=0, last=None)
    times, hazard = found
    return BaselineHazard(part.stratum.name, Steps(times), Steps(hazard))


def _concordance(parts: Sequence[PartialLikelihood], beta: Sequence[float]) -> float | None:
    return reduce(add, (part.pairs(beta) for part in parts), Pairs(0, 0, 0)).index


def _warnings(names: Sequence[str], found: Optimum) -> Iterator[str]:
    for i in found.unbounded:
        direction = "plus" if found.beta[i] > 0 else "minus"
        yield (
            f'the coefficient of "{names[i]}" tends to {direction} infinity: it separates those with the event from '
            "those still at risk, alone or with others; leave it out, or judge it by the likelihood ratio"
        )
