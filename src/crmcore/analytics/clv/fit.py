"""A fitted model: its parameters, how sure they are, and how well it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, inf, log, sqrt
from statistics import NormalDist
from typing import Any, Generic, TypeVar

import attrs

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.calculus.maximum import FAR, LITTLE, Evaluate, Evaluation, Maximum, Status, maximum
from crmcore.analytics.clv.rows import Rows, number
from crmcore.analytics.results import Section, Tabular, written
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

__all__ = ["Fit", "Sought", "fitted"]

M = TypeVar("M")

NOTES: Mapping[Status, str] = {
    "boundary": "at the boundary: a parameter runs to 0 or infinity; limits has what stays finite, errors given it",
    "unidentified": "the data do not tell some of the parameters: only the likelihood and what follows from it holds",
}


@attrs.frozen
class Fit(Tabular, Generic[M]):
    """A model fitted by maximum likelihood.

    Attributes:
        model: The model, with the parameters of the maximum.
        loglik: The log-likelihood, in the model's own unit of time.
        se: The standard error of each parameter, from the observed information; None where a parameter is at a
            boundary or unidentified.
        cov: The covariance of the parameters in their order, shape ``(k, k)``; None where there is no standard error.
        iterations: How many steps of Newton's method it took.
        status: ``"converged"``; ``"boundary"`` when a parameter ran to 0 or to infinity; ``"unidentified"`` when the
            data do not tell some of them.
        warnings: What to know before using it, in words.
        limits: At a boundary, what stays finite there: ``{"a/(a+b)": 0.14}``.
        customers: How many customers it was fitted to, weights included.
        engine: What it was calculated with: ``"python"`` or ``"numpy"``.
        rows: The distinct rows it was fitted to, with their weights.
    """

    model: M
    loglik: float
    se: Mapping[str, float | None]
    cov: Sequence[Sequence[float | None]]
    iterations: int
    status: Status
    warnings: tuple[str, ...]
    limits: Mapping[str, float]
    customers: float
    engine: EngineName
    rows: Rows = attrs.field(repr=False, eq=False)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {name: getattr(self.model, name) for name in self.se}

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2k − 2 ln L."""
        return 2 * len(self.se) - 2 * self.loglik

    @property
    def bic(self) -> float:
        """The Bayesian information criterion: k ln n − 2 ln L, for n customers."""
        return len(self.se) * log(self.customers) - 2 * self.loglik

    def ci(self, level: float = 0.95) -> dict[str, tuple[float, float] | None]:
        """Confidence intervals of the parameters: symmetric on the logarithm, so always above 0.

        Args:
            level: The share of intervals that hold the truth, above 0 and below 1.

        Raises:
            Invalid: It is no such share.
        """
        if not 0 < number(level) < 1:
            raise Invalid([Problem("level", level, "a share above 0 and below 1", "write 95 % as 0.95")])
        reach = NormalDist().inv_cdf((1 + level) / 2)
        found: dict[str, tuple[float, float] | None] = {}
        for name, value in self.params.items():
            error = self.se[name]
            spread = None if error is None else _factor(reach * error / value)
            found[name] = None if spread is None else (value / spread, value * spread)
        return found

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value:.6g}" for name, value in self.params.items())
        return f"<Fit of {type(self.model).__name__}({told}): {self.status}, loglik {self.loglik:,.4f}>"

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a parameter."""
        return [{"parameter": name, "value": value, "se": self.se[name]} for name, value in self.params.items()]

    def sections(self) -> Sequence[Section]:
        """The parameters, and how well they fit."""
        rows = tuple((name, f"{value:.6g}", _error(self.se[name])) for name, value in self.params.items())
        facts = (
            ("log-likelihood", f"{self.loglik:,.4f}"),
            ("AIC", f"{self.aic:,.2f}"),
            ("BIC", f"{self.bic:,.2f}"),
            ("customers", written(self.customers)),
            ("status", self.status),
            *((name, f"{value:.6g}") for name, value in self.limits.items()),
            *(("note", note) for note in self.warnings),
        )
        title = f"{type(self.model).__name__} by maximum likelihood"
        return Section(title, ("parameter", "value", "se"), rows), Section("fit", (), facts)


def _factor(spread: float) -> float | None:
    """How much larger, or smaller, a parameter may be."""
    return exp(spread) if spread < 700 else None


def _error(se: float | None) -> str:
    return "–" if se is None else f"{se:.6g}"


@attrs.frozen
class Sought(Generic[M]):
    """What is fitted: a log-likelihood in its own units, and how its parameters become a model.

    Attributes:
        names: The parameters.
        evaluate: The log-likelihood with its derivatives.
        starts: Where to begin.
        scales: What each parameter is multiplied with to be in the caller's unit.
        model: Makes the model from the parameters.
        shift: What is added to the log-likelihood in the caller's unit.
        limits: What stays finite at a boundary.
        far: A parameter this large, or as small as one over it, is at a boundary.
    """

    names: tuple[str, ...]
    evaluate: Evaluate
    starts: Sequence[Sequence[float]]
    scales: Sequence[float]
    model: Callable[..., M]
    shift: float = 0.0
    limits: Callable[[M], Mapping[str, float]] = attrs.field(default=lambda _: {})
    far: float = FAR


def fitted(sought: Sought[M], rows: Rows, *, penalty: float = 0.0, warnings: Sequence[str] = ()) -> Fit[M]:
    """Maximise a log-likelihood, and say what came of it.

    Args:
        sought: What is fitted.
        rows: What it is fitted to.
        penalty: Adds penalty × Σ log(parameter)² to the mean negative log-likelihood; 0 or more.
        warnings: What is to be known anyway.

    Raises:
        Invalid: The penalty is below 0.
    """
    if not 0 <= number(penalty) < inf:
        raise Invalid([Problem("penalty", penalty, "a number, 0 or more", "leave it out for the plain maximum")])
    little = LITTLE * min(1.0, rows.customers)
    found = maximum(_penalised(sought, penalty * rows.customers), sought.starts, far=sought.far, little=little)
    values = [value * scale for value, scale in zip(found.point, sought.scales, strict=True)]
    model = sought.model(*values)
    cov = _covariance(found, values)
    errors = [None if row[i] is None else sqrt(row[i] or 0.0) for i, row in enumerate(cov)]
    told = [NOTES[found.status]] if found.status in NOTES else []
    return Fit(
        model=model,
        loglik=found.at.value + penalty * rows.customers * sum(log(value) ** 2 for value in values) + sought.shift,
        se=FrozenMap(dict(zip(sought.names, errors, strict=True))),
        cov=tuple(map(tuple, cov)),
        iterations=found.iterations,
        status=found.status,
        warnings=(*told, *warnings),
        limits=FrozenMap(sought.limits(model) if found.status == "boundary" else {}),
        customers=rows.customers,
        engine=rows.engine.name,
        rows=rows,
    )


def _penalised(sought: Sought[Any], penalty: float) -> Evaluate:
    """The log-likelihood less the penalty, which is on the parameters in the caller's unit."""
    if not penalty:
        return sought.evaluate

    def evaluate(point: Sequence[float]) -> Evaluation:
        found = sought.evaluate(point)
        logs = [log(value * scale) for value, scale in zip(point, sought.scales, strict=True)]
        size = range(len(point))
        gradient = [found.gradient[i] - 2 * penalty * logs[i] / point[i] for i in size]
        bend = [-2 * penalty * (1 - logs[i]) / (point[i] * point[i]) for i in size]
        hessian = [[found.hessian[i][j] + (bend[i] if i == j else 0.0) for j in size] for i in size]
        return Evaluation(found.value - penalty * sum(part * part for part in logs), gradient, hessian)

    return evaluate


def _covariance(found: Maximum, values: Sequence[float]) -> list[list[float | None]]:
    """The covariance of the parameters that neither were held nor ran away with those."""
    size = len(found.point)
    cov: list[list[float | None]] = [[None] * size for _ in range(size)]
    free = [i for i in range(size) if not found.held[i]]
    for i, row in zip(free, found.spread or (), strict=False):
        for j, cell in zip(free, row, strict=True):
            if not (found.ran[i] or found.ran[j]):
                cov[i][j] = cell * values[i] * values[j]
    return cov
