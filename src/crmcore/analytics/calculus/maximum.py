"""The maximum of a log-likelihood in positive parameters: Newton's method on their logarithms.

Steps are bounded, and halved until the value rises. Where the value levels off while a step stays long, there is
nothing to reach: the parameters run to 0 or to infinity. They are taken there, one of them is held, and the others are
brought to their best beside it: that is a boundary, not a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import copysign, exp, isfinite, log
from operator import add, mul, or_
from typing import Literal, TypeAlias

import attrs

from crmcore.analytics.calculus.matrices import Matrix, cholesky, inverse, solve
from crmcore.kernel.errors import NotConverged

__all__ = ["FAR", "Evaluate", "Evaluation", "Maximum", "Status", "maximum"]

Status: TypeAlias = Literal["converged", "boundary", "unidentified"]

FAR = 1e8
"""A parameter this large, or as small as one over it, is at a bound."""

LONGEST = 2.0
"""The longest step of a logarithm."""

NEAR = 1e-7
"""The step that leads to the maximum: the digits that are right double with each, so that nothing is left of it."""

NOTHING = 1e-17
"""The share of a log-likelihood that can't be gained: what is left of the step is rounding."""

LITTLE = 1e-6
"""A gain that is none: of a log-likelihood, whatever the data."""

RUNNING = 0.1
"""The step that leads somewhere else, however little is gained."""

LONG = 0.5
"""A step as long as those that lead to a bound: there, each gains a like share of what is left."""

STRETCH = 3.0
"""How much longer a step is tried when one long step follows the other."""

SHORTEST = 1e-12
"""The part of a step below which no other is tried."""

VAGUE = 1e4
"""The variance of a parameter's logarithm from which on the data do not tell it."""

ROUNDING = 1e-12
"""The share of a log-likelihood that may be rounding."""

MOST = 100
"""Steps; ten or twenty reach any bound."""


@attrs.frozen
class Evaluation:
    """A log-likelihood at a point, with its derivatives by the parameters themselves.

    Attributes:
        value: The log-likelihood.
        gradient: Its first derivatives, shape ``(n,)``.
        hessian: Its second derivatives, shape ``(n, n)``.
    """

    value: float
    gradient: Sequence[float]
    hessian: Sequence[Sequence[float]]


Evaluate: TypeAlias = Callable[[Sequence[float]], Evaluation]


@attrs.frozen
class Maximum:
    """Where a log-likelihood is highest.

    Attributes:
        point: The parameters, shape ``(n,)``.
        at: The log-likelihood there, with its derivatives.
        held: Which parameters were held at a bound while the others were brought to their best.
        ran: Which parameters ran to 0 or to infinity: those that are held, and those that went with them.
        spread: The covariance of the logarithms of those that were not held, in their order; None where the data say
            nothing on some combination of them.
        iterations: How many steps it took.
        status: ``"converged"``; ``"boundary"`` when a parameter ran to 0 or to infinity; ``"unidentified"`` when none
            did, but the data say nothing on some combination of parameters.
    """

    point: tuple[float, ...]
    at: Evaluation
    held: tuple[bool, ...]
    ran: tuple[bool, ...]
    spread: Matrix | None
    iterations: int
    status: Status


def maximum(
    evaluate: Evaluate, starts: Iterable[Sequence[float]], *, far: float = FAR, little: float = LITTLE
) -> Maximum:
    """Climb from each start until one leads to a proper maximum, or two to the same; else the highest that was found.

    Args:
        evaluate: The log-likelihood with its derivatives. No step leads where it can't be worked out.
        starts: Where to begin, each of shape ``(n,)``; all above 0.
        far: A parameter this large, or as small as one over it, is at a bound.
        little: A gain that is none.

    Raises:
        NotConverged: The log-likelihood can't be worked out at any start.

    Example:
        >>> from crmcore.analytics.calculus.maximum import Evaluation, maximum
        >>> def evaluate(point):
        ...     (p,) = point
        ...     return Evaluation(-((p - 3) ** 2), [-2 * (p - 3)], [[-2.0]])
        >>> found = maximum(evaluate, [[1.0]])
        >>> found.status, round(found.point[0], 12)
        ('converged', 3.0)
    """
    best: Maximum | None = None
    for start in starts:
        found = _Climb(evaluate, log(far), little).maximum(list(map(log, start)))
        if found is None:
            continue
        again = best is not None and abs(found.at.value - best.at.value) <= little
        if best is None or (best.status == "unidentified" if again else found.at.value > best.at.value):
            best = found
        if again or best.status == "converged":
            break
    if best is None:
        message = "the log-likelihood can't be worked out at any start; look for values beyond all others"
        raise NotConverged(message, iterations=0, last=None)
    return best


@attrs.frozen
class _Place:
    """A point in logarithms, with the log-likelihood and its derivatives by them."""

    point: list[float]
    at: Evaluation
    gradient: list[float]
    hessian: Matrix

    def gain(self, step: Sequence[float]) -> float:
        """What a step seems to gain, from here."""
        return sum(part * slope for part, slope in zip(step, self.gradient, strict=True))

    def within(self, free: Sequence[int]) -> Matrix:
        """The information on some of the parameters."""
        return [[-self.hessian[i][j] for j in free] for i in free]


class _Climb:
    """One way up.

    Args:
        evaluate: The log-likelihood with its derivatives.
        bound: How far a logarithm may go.
        little: A gain that is none.
    """

    def __init__(self, evaluate: Evaluate, bound: float, little: float) -> None:
        self.evaluate = evaluate
        self.bound = bound
        self.little = little

    def maximum(self, point: list[float]) -> Maximum | None:
        """Step after step, until one is so short that nothing changes along it; None where there is no first one."""
        here = self.place(point)
        fixed, ran = [False] * len(point), [False] * len(point)
        steps, before = 0, [0.0] * len(point)
        while here is not None and steps < MOST:
            steps += 1
            step = _step(here, self.held(here, fixed))
            length = max(map(abs, step))
            if length <= NEAR or (length <= RUNNING and here.gain(step) <= NOTHING * (1 + abs(here.at.value))):
                here = attrs.evolve(here, point=list(map(add, here.point, step)))
                break
            if length > RUNNING and here.gain(step) < self.little:
                way = [part / length if abs(part) > RUNNING * length else 0.0 for part in step]
                there = self.at_the_bound(here, way)
                if there is not None:
                    here = there
                    ran = [gone or part != 0 for gone, part in zip(ran, way, strict=True)]
                    fixed = list(map(or_, fixed, self.reached(there, way)))
                    continue
            on = length > LONG and any(part * last > LONG * LONG for part, last in zip(step, before, strict=True))
            higher = self.risen(here, step, STRETCH if on else 1.0)
            if higher is None:
                break
            here, before = higher, step
        return None if here is None else _found(here, self.held(here, fixed), ran, steps)

    def place(self, point: list[float]) -> _Place | None:
        """A point with its log-likelihood; None where that, or a derivative, can't be worked out."""
        values = list(map(exp, point))
        try:
            at = self.evaluate(values)
        except (ArithmeticError, ValueError):
            return None
        gradient = list(map(mul, values, at.gradient))
        hessian = [
            [value * part for part in map(mul, values, row)] for value, row in zip(values, at.hessian, strict=True)
        ]
        for i, slope in enumerate(gradient):
            hessian[i][i] += slope
        told = isfinite(at.value + sum(gradient) + sum(map(sum, hessian)))
        return _Place(point, at, gradient, hessian) if told else None

    def beside(self, here: _Place, step: Sequence[float], part: float) -> _Place | None:
        """Where a part of a step leads, within the bounds."""
        bound = self.bound
        return self.place(
            [max(-bound, min(bound, old + part * move)) for old, move in zip(here.point, step, strict=True)]
        )

    def held(self, here: _Place, fixed: Sequence[bool]) -> list[bool]:
        """Which parameters stay where they are: those fixed, and those that would go on beyond their bound."""
        return [
            kept or (abs(place) >= self.bound and slope * place >= 0)
            for kept, place, slope in zip(fixed, here.point, here.gradient, strict=True)
        ]

    def risen(self, here: _Place, step: Sequence[float], part: float) -> _Place | None:
        """Where a step leads, or as small a part of it as makes the value rise; None where nothing does."""
        least = here.at.value - ROUNDING * (1 + abs(here.at.value))
        while part > SHORTEST:
            there = self.beside(here, step, part)
            if there is not None and there.at.value >= least:
                return there
            part = min(1.0, part / 2)
        return None

    def at_the_bound(self, here: _Place, way: Sequence[float]) -> _Place | None:
        """Where a way first reaches a bound; None where the value falls along it."""
        parts = zip(here.point, way, strict=True)
        far = min((self.bound - copysign(place, place * part)) / abs(part) for place, part in parts if part)
        there = self.beside(here, way, far)
        return there if there is not None and there.at.value >= here.at.value - self.little else None

    def reached(self, here: _Place, way: Sequence[float]) -> list[bool]:
        """Which parameters a way took to their bound."""
        return [part != 0 and abs(place) > self.bound - NEAR for place, part in zip(here.point, way, strict=True)]


def _found(here: _Place, held: Sequence[bool], ran: Sequence[bool], steps: int) -> Maximum:
    spread = inverse(here.within([i for i, kept in enumerate(held) if not kept]))
    known = spread is not None and all(row[i] < VAGUE for i, row in enumerate(spread))
    return Maximum(
        point=tuple(map(exp, here.point)),
        at=here.at,
        held=tuple(held),
        ran=tuple(map(or_, ran, held)),
        spread=spread if known else None,
        iterations=steps,
        status="boundary" if any(held) else "converged" if known else "unidentified",
    )


def _step(here: _Place, held: Sequence[bool]) -> list[float]:
    """Newton's step of the parameters that are not held, no longer than is safe."""
    free = [i for i, kept in enumerate(held) if not kept]
    found = solve(_definite(here.within(free)), [here.gradient[i] for i in free])
    shrink = min(1.0, LONGEST / (max(map(abs, found), default=0.0) or 1.0))
    step = [0.0] * len(held)
    for i, part in zip(free, found, strict=True):
        step[i] = part * shrink
    return step


def _definite(matrix: Matrix) -> Matrix:
    """The factor of a matrix; of one with as much added to its diagonal as makes it positive definite."""
    lower = cholesky(matrix)
    added = 1e-8 * (max((abs(row[i]) for i, row in enumerate(matrix)), default=0.0) or 1.0)
    while lower is None:
        lower = cholesky([[cell + added * (i == j) for j, cell in enumerate(row)] for i, row in enumerate(matrix)])
        added *= 10
    return lower
