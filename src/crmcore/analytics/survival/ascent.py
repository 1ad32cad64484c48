"""The maximum of a partial likelihood: Newton's method, and what it says when there is none.

Other than the parameters of ``calculus.maximum``, coefficients may have either sign, and the likelihood is concave, so
that steps only have to be halved until it rises. Where a covariate separates those with the event from those still at
risk, it rises for ever: each step then gains a like share of what is left, and the information along the steps vanishes
beside what it was at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf, isfinite, log1p, sqrt
from operator import add, mul
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.calculus.matrices import Matrix, inverse
from crmcore.kernel.errors import Invalid, NotConverged, Problem

if TYPE_CHECKING:
    from crmcore.analytics.survival.partial_likelihood import Point

__all__ = ["NOWHERE", "Optimum", "climb"]

MOST = 200
"""Steps; five or six reach a maximum, some thirty tell that there is none."""

REACHED = 1e-16
"""The gain in log-likelihood below which one more step leads to the maximum."""

FLAT = 1e-10
"""The gain below which a likelihood that still rises is as good as at its limit."""

VANISHED = 1e-6
"""The share of the information at the start, along a step, below which coefficients are without bound."""

WANING = 0.02
"""The share below which they are so if the likelihood can't be followed any farther, for want of digits."""

SHORT, SHORTEST = 0.1, 1e-13
"""The longest step that leads to a maximum, in standard deviations of a covariate; and one that is none."""

RESTING = 1e-3
"""The part of the longest step below which a coefficient rests."""

HALVINGS, ENOUGH = 12, 1e-4
"""How often a step is halved until it brings this share of what it should."""

NOTHING = 1e-20
"""The share of the information at the start below which what is left is rounding."""

DEPENDENT = 1e-10
"""The share of a covariate's information that must be left, beside the others, for it to be told from rounding."""

ROUNDING = 1e-9
"""The share of a log-likelihood that may be rounding, where subjects come late and are taken from sums again."""

NOWHERE = "the partial likelihood found no maximum; look for a covariate, or a weight, far from all others"


@attrs.frozen
class Optimum:
    """Where a likelihood is highest.

    Attributes:
        beta: The coefficients of the scaled covariates.
        cov: Their covariance; None for those without bound.
        unbounded: Which coefficients grow without bound.
        loglik: The log-likelihood.
        null: The log-likelihood without covariates.
        iterations: How many steps it took.
    """

    beta: list[float]
    cov: list[list[float | None]]
    unbounded: tuple[int, ...]
    loglik: float
    null: float
    iterations: int


def climb(
    evaluate: Callable[[Sequence[float]], Point], names: Sequence[str], weight: float, lightest: float = 1.0
) -> Optimum:
    """Climb from no effect at all to the maximum.

    Args:
        evaluate: The likelihood at coefficients of the scaled covariates.
        names: The covariates.
        weight: The weight of all events.
        lightest: The least weight of a row; what it says must be reached too.

    Raises:
        Invalid: A covariate does not vary among those at risk, or is made up of others; names them.
        NotConverged: No maximum was found.
    """
    beta = [0.0] * len(names)
    null = here = evaluate(beta)
    problems = list(_dependent(here.information, names, weight))
    if problems:
        raise Invalid(problems)
    limit: tuple[list[float], list[float], Point] | None = None
    top = 0.0 if lightest == 1 else inf  # without weights it is the logarithm of a chance
    before, step, iteration = 0.0, beta, 0
    for iteration in range(1, MOST + 1):
        cov = inverse(here.information)
        gone = any(here.information[i][i] < NOTHING * null.information[i][i] for i in range(len(beta)))
        if cov is None or gone:
            return _at_limit(*(limit or (beta, step, here)), null, iteration)
        step = [sum(map(mul, row, here.score)) for row in cov]
        gain = sum(map(mul, step, here.score))
        longest = max(map(abs, step))
        if longest < SHORTEST or (longest < SHORT and gain <= REACHED * min(1.0, weight, lightest)):
            beta = list(map(add, beta, step))
            return Optimum(beta, [list(row) for row in cov], (), here.loglik + gain / 2, null.loglik, iteration)
        left = gain / sum(part * sum(map(mul, row, step)) for part, row in zip(step, null.information, strict=True))
        if left < WANING:
            # A term -ln(1 + u), whose u tends to 0, has u for its gain.
            limit = (beta, step, attrs.evolve(here, loglik=min(top, here.loglik + log1p(gain))))
        flat = left < VANISHED and gain < FLAT * min(1.0, weight) and gain > before / 20
        risen = None if flat else _risen(evaluate, beta, step, here, gain)
        if risen is None:
            break
        before, (beta, here) = gain, risen
    if limit is not None:
        return _at_limit(*limit, null, iteration)
    raise NotConverged(NOWHERE, iterations=iteration, last=dict(zip(names, beta, strict=True)))


def _risen(
    evaluate: Callable[[Sequence[float]], Point], beta: list[float], step: list[float], here: Point, gain: float
) -> tuple[list[float], Point] | None:
    """The place after a step, halved until the likelihood rises as it should; None when it never does."""
    noise = ROUNDING * (1 + abs(here.loglik))
    for part in (0.5**halvings for halvings in range(HALVINGS)):
        after = [place + part * move for place, move in zip(beta, step, strict=True)]
        there = evaluate(after)
        if isfinite(there.loglik) and there.loglik >= here.loglik + ENOUGH * part * gain - noise:
            return after, there
    return None


def _at_limit(beta: list[float], step: list[float], here: Point, null: Point, iteration: int) -> Optimum:
    """The limit, with the coefficients that are bounded: those that rest while the others move."""
    size = range(len(beta))
    longest = max(map(abs, step))
    unbounded = {
        i
        for i in size
        if abs(step[i]) > RESTING * longest or here.information[i][i] < VANISHED * null.information[i][i]
    }
    while True:
        bounded = [i for i in size if i not in unbounded]
        part = inverse([[here.information[i][j] for j in bounded] for i in bounded]) if bounded else []
        if part is not None:
            break
        unbounded.add(max(bounded, key=lambda i: abs(step[i])))
    cov: list[list[float | None]] = [[None] * len(beta) for _ in size]
    for row, i in zip(part, bounded, strict=True):
        for cell, j in zip(row, bounded, strict=True):
            cov[i][j] = cell
    return Optimum(beta, cov, tuple(sorted(unbounded)), here.loglik, null.loglik, iteration)


def _dependent(information: Matrix, names: Sequence[str], weight: float) -> Iterator[Problem]:
    """The covariates that say nothing the ones before them have not said."""
    left = [list(row) for row in information]
    used: list[int] = []
    for i, name in enumerate(names):
        if information[i][i] <= DEPENDENT * weight:
            expected = "values that differ among those at risk at the same time"
            yield Problem(f'column "{name}"', "none that differ", expected, "leave the covariate out")
        elif left[i][i] <= DEPENDENT * information[i][i]:
            others = ", ".join(f'"{names[j]}"' for j in used if _shares(information, i, j, used))
            expected = "a covariate that is no sum of multiples of others"
            yield Problem(f'column "{name}"', f"one made up of {others}", expected, "leave one of them out")
        else:
            used.append(i)
            for j in range(i + 1, len(names)):
                factor = left[j][i] / left[i][i]
                left[j] = [cell - factor * above for cell, above in zip(left[j], left[i], strict=True)]


def _shares(information: Matrix, i: int, j: int, used: Sequence[int]) -> bool:
    """Whether a dependent covariate has a part of another."""
    cov = inverse([[information[a][b] for b in used] for a in used])
    assert cov is not None
    row = cov[used.index(j)]
    part = sum(cell * information[k][i] for cell, k in zip(row, used, strict=True))
    return abs(part) * sqrt(information[j][j] / information[i][i]) > 1e-6
