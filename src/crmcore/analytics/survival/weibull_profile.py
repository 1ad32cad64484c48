"""The profile likelihood of a Weibull shape: for each shape the scale is known, and one number is left to find.

Durations enter by their logarithms, less that of the longest, so that no power of them overflows and the unit does not
matter.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.calculus.engines import Engine, engine_for
from crmcore.analytics.calculus.matrices import Matrix, inverse
from crmcore.analytics.survival.subjects import span, those
from crmcore.kernel.errors import NotConverged

if TYPE_CHECKING:
    from crmcore.analytics.survival.subjects import Column, Subjects

__all__ = ["BestShape", "Profile", "best_shape", "profile_of"]

MOST = 100
"""Steps; five or six suffice."""

NEAR = 1e-13
"""The step, as a share of the shape, below which it is found."""

FLATTEST = 1e-6
"""A shape, times the range of the logarithms, below which it is as good as 0."""

STEEPEST = 60.0
"""A shape, times the mean logarithm of the events, beyond which the likelihood only falls."""


SHARPEST = 1e100
"""A shape beyond which the events are as good as all at the longest duration."""

ENDLESS = "every event lies at the longest duration: the likelihood of a shape rises without bound"


@attrs.frozen(eq=False)
class Profile:
    """What the profile likelihood needs of subjects; logarithms are less that of the longest duration.

    Attributes:
        engine: What holds the columns.
        events: How many events, by weight.
        mean: The mean logarithm of the durations that ended with an event.
        span: How far below 0 logarithms go.
        top: The logarithm of the longest duration.
        ends: The logarithms of the durations of those watched from the start, and their weights.
        late: Those of the others, the logarithms of their entry, and their weights; None where entry was not given.
    """

    engine: Engine
    events: float
    mean: float
    span: float
    top: float
    ends: tuple[Column, Column]
    late: tuple[Column, Column, Column] | None

    def sums(self, shape: float) -> tuple[float, float, float]:
        """The sums of t^shape, and of it times ln t and (ln t)², over the time each was under observation."""
        m, (end, weights) = self.engine, self.ends
        powers = m.columns(lambda m, u: _powers(m, u, shape), end)
        found = [m.dot(weights, column) for column in powers[:3]]
        if self.late is not None:
            end, start, weights = self.late
            powers = m.columns(lambda m, u, v: _powers_between(m, u, v, shape), end, start)
            found = [one + m.dot(weights, column) for one, column in zip(found, powers[:3], strict=True)]
        whole, first, second = found
        return whole, first, second

    def at(self, shape: float) -> tuple[float, float, float]:
        """The likelihood of a shape, for each event and but for a constant; its slope; and the slope of that."""
        whole, first, second = self.sums(shape)
        mean = first / whole
        value = log(shape) + shape * self.mean - log(whole)
        return value, 1 / shape + self.mean - mean, -1 / shape**2 - second / whole + mean * mean


def _powers(m: Any, u: Any, shape: float) -> tuple[Any, Any, Any]:
    power = m.exp(shape * u)
    return power, u * power, u * u * power


def _powers_between(m: Any, u: Any, v: Any, shape: float) -> tuple[Any, Any, Any]:
    """From the entry at v to the end at u, without taking nearly equal powers from each other."""
    end, start = m.exp(shape * u), m.exp(shape * v)
    return -end * m.expm1(shape * (v - u)), u * end - v * start, u * u * end - v * v * start


def profile_of(subjects: Subjects) -> Profile:
    """The profile likelihood of subjects.

    Args:
        subjects: Those who were followed; no event among them at 0.
    """
    m = engine_for(len(subjects), subjects.engine)
    kept = m.one(lambda _, end: end > 0, subjects.durations)
    ends = m.one(lambda m, end: m.log(end), those(subjects.durations, kept))
    least, top = span(ends)
    ends = m.one(lambda _, end: end - top, ends)
    ones = m.column([1.0] * len(subjects))
    counts = those(ones if subjects.weights is None else subjects.weights, kept)
    observed = those(subjects.observed, kept)
    events = m.dot(counts, observed)
    mean = m.dot(those(counts, observed), those(ends, observed)) / events
    if subjects.entry is None:
        return Profile(m, events, mean, top - least, top, (ends, counts), None)
    entry = those(subjects.entry, kept)
    late, throughout = m.one(lambda _, start: start > 0, entry), m.one(lambda _, start: start == 0, entry)
    starts = m.one(lambda m, start: m.log(start) - top, those(entry, late))
    return Profile(
        m,
        events,
        mean,
        top - least,
        top,
        (those(ends, throughout), those(counts, throughout)),
        (those(ends, late), starts, those(counts, late)),
    )


@attrs.frozen
class BestShape:
    """The shape at which the profile likelihood is highest, and what belongs to it.

    Attributes:
        shape: The shape.
        log_scale: The logarithm of the scale, in the unit of the durations.
        cov: The covariance of the logarithm of the scale and of the shape.
        loglik: The log-likelihood.
        events: How many events, by weight.
        iterations: How many steps it took.
    """

    shape: float
    log_scale: float
    cov: Matrix
    loglik: float
    events: float
    iterations: int


def best_shape(profile: Profile) -> BestShape:
    """Find the shape at which the profile likelihood is highest.

    Args:
        profile: The profile likelihood.

    Raises:
        NotConverged: It rises for ever, towards a shape of 0 or without bound, or is flat.
    """
    if profile.mean == 0:
        raise NotConverged(ENDLESS, iterations=0, last={"shape": None})
    low, high = _between(profile)
    shape, steps = _root(profile, low, high)
    whole, first, second = profile.sums(shape)
    beside = log(whole / profile.events) / shape  # the logarithm of the scale, less that of the longest duration
    mean = first / whole
    off = mean - beside
    spread = second / whole - 2 * beside * mean + beside * beside
    cov = inverse([[shape * shape, -shape * off], [-shape * off, 1 / (shape * shape) + spread]])
    if cov is None:
        message = "the durations don't tell the scale from the shape"
        raise NotConverged(message, iterations=steps, last={"shape": shape})
    log_scale = profile.top + beside
    events = profile.events
    # ln t, less ln scale, of the mean event: neither is large beside the other in any unit.
    loglik = events * (log(shape) - log_scale + (shape - 1) * (profile.mean - beside) - 1)
    return BestShape(shape, log_scale, [[cell / events for cell in row] for row in cov], loglik, events, steps)


def _between(profile: Profile) -> tuple[float, float]:
    """Two shapes between which the likelihood is highest."""
    shape = 1 / profile.span if profile.late is None else FLATTEST / profile.span
    value, slope, _ = profile.at(shape)
    best: tuple[float, float, float] | None = None
    while True:
        after, (then, falling, _) = 2 * shape, profile.at(2 * shape)
        if slope >= 0 > falling and (best is None or max(value, then) > best[0]):
            best = (max(value, then), shape, after)
        if after > SHARPEST:
            raise NotConverged(ENDLESS, iterations=0, last={"shape": None})
        shape, value, slope = after, then, falling
        if slope < 0 and (profile.late is None or -shape * profile.mean > STEEPEST):
            break
    if best is None:
        message = "the likelihood rises as the shape tends to 0: those who came under observation late say no more"
        raise NotConverged(message, iterations=0, last={"shape": 0.0})
    return best[1], best[2]


def _root(profile: Profile, low: float, high: float) -> tuple[float, int]:
    """Where the slope is 0: Newton's step on the logarithm of the shape, or halfway where it leads out."""
    shape = sqrt(low * high)
    for steps in range(1, MOST):
        _, slope, curvature = profile.at(shape)
        low, high = (shape, high) if slope > 0 else (low, shape)
        move = -slope / (shape * curvature) if curvature < 0 else inf
        after = shape * exp(move) if abs(move) < 1 else 0.0
        if not low <= after <= high:
            after = sqrt(low * high)
        if abs(after - shape) <= NEAR * shape:
            return after, steps
        shape = after
    raise NotConverged("the shape did not settle", iterations=MOST, last={"shape": shape})
