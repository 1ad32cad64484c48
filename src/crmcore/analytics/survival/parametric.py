"""Lifetimes fitted by maximum likelihood: exponential in closed form, Weibull by Newton's method on its shape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, isfinite, log, sqrt
from typing import TYPE_CHECKING, Generic, TypeVar, overload

import attrs

from crmcore.analytics.calculus.engines import Engine, engine_for
from crmcore.analytics.results import Section, Tabular, written
from crmcore.analytics.survival.intake import read_subjects
from crmcore.analytics.survival.lifetimes import LARGEST, Exponential, Weibull
from crmcore.analytics.survival.subjects import Subjects, span, those
from crmcore.analytics.survival.weibull_profile import best_shape, profile_of
from crmcore.kernel.errors import Invalid, NotConverged, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.survival.subjects import Column

__all__ = ["LifetimeFit", "exponential", "weibull"]

M = TypeVar("M", Weibull, Exponential)

SHORTEST, LONGEST = 1e-100, 1e100
"""The variance of a scale is the square of a duration, and must be a double."""

BROADEST = 1e140
"""A scale, or a rate, whose square is a double; one over it is another."""


@attrs.frozen(kw_only=True, repr=False, str=False)
class LifetimeFit(Tabular, Generic[M]):
    """A distribution of lifetimes, as it fits the durations best.

    Attributes:
        model: The distribution, with its estimated parameters.
        se: The standard error of each parameter.
        cov: The covariance of the parameters, in the order of ``se``.
        loglik: The log-likelihood.
        n: How many subjects, by weight.
        events: How many events, by weight.
        iterations: How many steps Newton's method took; 0 for a closed form.
        unit: What durations are counted in, as it was said.
        engine: What did the counting: plain Python or numpy.
    """

    model: M
    se: Mapping[str, float]
    cov: tuple[tuple[float, ...], ...]
    loglik: float
    n: float
    events: float
    iterations: int
    unit: str | None
    engine: EngineName

    @property
    def status(self) -> str:
        """``"converged"``: where there is no maximum, NotConverged is raised."""
        return "converged"

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimated parameters by name."""
        return FrozenMap(attrs.asdict(self.model))

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2 × parameters - 2 × log-likelihood."""
        return 2 * len(self.se) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """Schwarz's information criterion: parameters × ln(subjects) - 2 × log-likelihood."""
        return len(self.se) * log(self.n) - 2 * self.loglik

    @property
    def median(self) -> float:
        """The time by which half have ended, in the unit of the durations."""
        return self.model.median

    @property
    def mean(self) -> float | None:
        """The mean lifetime, in the unit of the durations; None where no float can hold it."""
        return self.model.mean

    @overload
    def survival(self, t: float) -> float: ...
    @overload
    def survival(self, t: Iterable[float]) -> list[float]: ...
    def survival(self, t: float | Iterable[float]) -> float | list[float]:
        """The share that lasts longer than a time, or than each of several.

        Args:
            t: The time or times, in the unit of the durations.

        Raises:
            Invalid: A time is no number from 0 on.
        """
        return self.model.survival(t)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a parameter."""
        return [{"parameter": name, "estimate": value, "se": self.se[name]} for name, value in self.parameters.items()]

    def sections(self) -> list[Section]:
        """The parameters, and the fit as a whole."""
        rows = tuple((name, f"{value:.6g}", f"{self.se[name]:.4g}") for name, value in self.parameters.items())
        unit = f" {self.unit}" if self.unit else ""
        facts = (
            ("subjects", f"{self.n:,.6g}"),
            ("events", f"{self.events:,.6g}"),
            ("log-likelihood", f"{self.loglik:.4f}"),
            ("median", f"{written(self.median)}{unit}"),
            ("mean", f"{written(self.mean)}{unit}"),
        )
        kind = type(self.model).__name__
        return [Section(f"{kind} lifetimes", ("parameter", "estimate", "se"), rows), Section("The fit", (), facts)]

    def __repr__(self) -> str:
        return f"<LifetimeFit: {self.model!r}, log-likelihood {self.loglik:.6g}>"


DEFINITIONS = FrozenMap(
    {
        "loglik": "Σ over subjects of ln hazard at the end, if the event was seen, less the hazard summed since entry",
        "se": "√ of the diagonal of the inverse information, where loglik is highest",
        "rate": "events / time under observation",
        "median, mean": "of the fitted distribution",
        "aic": "2 × parameters - 2 × loglik",
        "bic": "parameters × ln(subjects) - 2 × loglik",
    }
)


def exponential(
    durations: Iterable[float],
    observed: Iterable[object],
    entry: Iterable[float] | None = None,
    *,
    weights: Iterable[float] | None = None,
    unit: str | None = None,
    engine: EngineName | None = None,
) -> LifetimeFit[Exponential]:
    """Exponential lifetimes by maximum likelihood: events per time under observation.

    Args:
        durations: How long each was followed, from 1e-100 to 1e100 in any one unit, or 0.
        observed: Whether each has ended: True or 1; False or 0 means right-censored.
        entry: How long each had lasted when it came under observation, in the same unit.
        weights: How many each row stands for: 0, or from 1e-100 to 1e100.
        unit: What the durations are counted in, to be shown with them: ``"weeks"``.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible (names the rows), no event or no time was seen, or weights make the
            rate larger than 1e140, or smaller than one over it.

    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data, 2nd edition, 2002,
    section 3.4.

    Example:
        >>> from crmcore.analytics.survival import exponential
        >>> fit = exponential([2, 3, 5, 10], [1, 1, 0, 0], unit="months")
        >>> fit.model, fit.mean
        (Exponential(rate=0.1), 10.0)
    """
    subjects = _in_range(read_subjects(durations, observed, entry, weights, engine))
    m, counts, n = _weighed(subjects)
    events = m.dot(counts, subjects.observed)
    time = m.dot(counts, subjects.durations)
    if subjects.entry is not None:
        time = m.dot(counts, m.one(lambda _, end, start: end - start, subjects.durations, subjects.entry))
    if not time:
        raise Invalid([Problem("durations", "all of them 0", "some time under observation", "follow for longer")])
    rate = events / time
    if not 1 / BROADEST <= rate <= BROADEST:
        expected = f"from {1 / BROADEST:g} to {BROADEST:g} events per unit"
        raise Invalid([Problem("weights", rate, expected, "look for weights far from all others")])
    return LifetimeFit(
        model=Exponential(rate=rate),
        se=FrozenMap({"rate": rate / sqrt(events)}),
        cov=((rate / events * rate,),),
        loglik=events * log(rate) - events,
        n=n,
        events=events,
        iterations=0,
        unit=unit,
        engine=subjects.engine,
    )


def weibull(
    durations: Iterable[float],
    observed: Iterable[object],
    entry: Iterable[float] | None = None,
    *,
    weights: Iterable[float] | None = None,
    unit: str | None = None,
    engine: EngineName | None = None,
) -> LifetimeFit[Weibull]:
    """Weibull lifetimes by maximum likelihood.

    Args:
        durations: How long each was followed, from 1e-100 to 1e100 in any one unit; 0 only where nothing ended.
        observed: Whether each has ended: True or 1; False or 0 means right-censored.
        entry: How long each had lasted when it came under observation, in the same unit.
        weights: How many each row stands for: 0, or from 1e-100 to 1e100.
        unit: What the durations are counted in, to be shown with them: ``"weeks"``.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible (names the rows), or no event was seen, or one at duration 0.
        NotConverged: There is no best shape: every event lies at the longest duration, or, of those who came under
            observation late, the shape tends to 0; or so little ended that the scale is beyond 1e140.

    Source: J. D. Kalbfleisch and R. L. Prentice, The Statistical Analysis of Failure Time Data, 2nd edition, 2002,
    section 3.4.

    Example:
        >>> from crmcore.analytics.survival import weibull
        >>> fit = weibull([2, 3, 5, 8, 10], [1, 1, 1, 1, 0], unit="months")
        >>> {name: round(value, 4) for name, value in fit.parameters.items()}
        {'scale': 6.9806, 'shape': 1.5926}
        >>> round(fit.survival(12), 4)
        0.0935
    """
    subjects = _in_range(read_subjects(durations, observed, entry, weights, engine))
    if not all(those(_positive(subjects), subjects.observed)):
        mend = "give the time it lasted, however short; or take the exponential"
        raise Invalid([Problem("durations", "an event at 0", "events after the start", mend)])
    best = best_shape(profile_of(subjects))
    (a, b), (_, c) = best.cov
    scale = exp(min(best.log_scale, LARGEST))
    if not 1 / BROADEST <= scale <= BROADEST or not isfinite(a * scale * scale):
        message = "the scale, or its standard error, is beyond what a double can hold: next to nothing ended"
        raise NotConverged(message, iterations=best.iterations, last={"shape": best.shape})
    cov = ((a * scale * scale, b * scale), (b * scale, c))
    return LifetimeFit(
        model=Weibull(scale=scale, shape=best.shape),
        se=FrozenMap({"scale": sqrt(a) * scale, "shape": sqrt(c)}),
        cov=cov,
        loglik=best.loglik,
        n=_weighed(subjects)[2],
        events=best.events,
        iterations=best.iterations,
        unit=unit,
        engine=subjects.engine,
    )


def _in_range(subjects: Subjects) -> Subjects:
    """Subjects with an event among them, and durations whose powers are doubles."""
    if not any(subjects.observed):
        raise Invalid([Problem("observed", "no event", "at least one", "follow for longer")])
    lasting = those(subjects.durations, _positive(subjects))
    for length in span(lasting) if len(lasting) else ():
        if not SHORTEST <= length <= LONGEST:
            expected = f"durations of 0, or from {SHORTEST:g} to {LONGEST:g}"
            raise Invalid([Problem("durations", length, expected, "give them in another unit")])
    return subjects


def _positive(subjects: Subjects) -> Column:
    return engine_for(len(subjects), subjects.engine).one(lambda _, length: length > 0, subjects.durations)


def _weighed(subjects: Subjects) -> tuple[Engine, Column, float]:
    """The engine, what each row counts, and what all do together."""
    m = engine_for(len(subjects), subjects.engine)
    ones = m.column([1.0] * len(subjects))
    counts = ones if subjects.weights is None else subjects.weights
    return m, counts, m.dot(counts, ones)
