"""Pareto/NBD: customers buy at their own rate until they leave, unseen, at any time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from math import exp, expm1, inf, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.decaying import integral, reach
from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.interpolation import along
from crmcore.analytics.calculus.special import exponential_integral
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.nbd import bought_until, log_count
from crmcore.analytics.clv.pareto_nbd_likelihood import likelihood, log_odds
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.transactions_model import TransactionsModel, parameter
from crmcore.analytics.clv.unit import Unit

if TYPE_CHECKING:
    from random import Random

__all__ = ["ParetoNBD"]

Column = Any  # numbers or arrays

NOTHING = 45.0
"""How many natural logarithms below its peak an integrand no longer counts."""

TINY = 1e-200

STARTS = ((0.5, 0.3, 0.6, 0.3), (1.0, 1.0, 1.0, 1.0), (3.0, 3.0, 3.0, 10.0))


@attrs.frozen
class ParetoNBD(TransactionsModel):
    """The Pareto/NBD model: buying is Poisson until an unseen lifetime ends, which is exponential.

    Both rates differ between customers, by gamma distributions.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate, in the model's unit of time.
        s: The shape of the gamma distribution of the rates of leaving.
        beta: Its rate, in the model's unit of time.
        unit: What time is counted in; None where nobody said.

    Source: D. C. Schmittlein, D. G. Morrison and R. Colombo, Counting Your Customers: Who Are They and What Will They Do
        Next?, 1987, and P. S. Fader and B. G. S. Hardie, A Note on Deriving the Pareto/NBD Model and Related Expressions,
        2005; the likelihood as an integral over the time of leaving, which has no singular parameters.

    Example:
        >>> from crmcore.analytics.clv import ParetoNBD
        >>> model = ParetoNBD(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562, unit="week")
        >>> round(model.conditional_expected_purchases("1 year", x=26, t_x=30.86, T=31), 1)
        25.5
        >>> round(model.p_alive(x=26, t_x=30.86, T=31), 4)
        0.9979
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    r: float = parameter()
    alpha: float = parameter()
    s: float = parameter()
    beta: float = parameter()

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        x, _, T = rows.columns
        weights = rows.engine.column(rows.weights)
        scale = rows.engine.dot(weights, T) / rows.customers or 1.0
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(rows, scale),
            starts=STARTS,
            scales=(1.0, scale, 1.0, scale),
            model=partial(cls, unit=unit),
            shift=-log(scale) * rows.engine.dot(weights, x),
            limits=lambda model: {"r/alpha": model.r / model.alpha, "s/beta": model.s / model.beta},
        )
        return fitted(sought, rows, penalty=penalty)

    def _alive(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        return engine.one(_share, log_odds(engine, (self.r, self.alpha, self.s, self.beta), x, t_x, T))

    def _alive_later(self, engine: Engine, ahead: Column, x: Column, t_x: Column, T: Column) -> Column:
        alive = self._alive(engine, x, t_x, T)
        return engine.one(lambda m, alive, t, T: alive * m.exp(-self.s * m.log1p(t / (self.beta + T))), alive, ahead, T)

    def _expected(self, engine: Engine, t: Column, x: Column, t_x: Column, T: Column) -> Column:
        lasting = engine.one(lambda m, t, T: _lasting(m, self.s, self.beta + T, t), t, T)
        return self._bought(engine, lasting, x, t_x, T)

    def _bought(self, engine: Engine, time: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Purchases expected in the time a customer who is there still is expected to stay."""
        alive = self._alive(engine, x, t_x, T)
        return engine.one(lambda _, p, time, x, T: p * (self.r + x) / (self.alpha + T) * time, alive, time, x, T)

    def _new(self, engine: Engine, t: Column) -> Column:
        return engine.one(lambda m, t: self.r / self.alpha * _lasting(m, self.s, self.beta, t), t)

    def _chance(self, engine: Engine, t: Column, n: Column) -> Column:
        return [self._chance_of(*pair) for pair in zip(engine.plain(n), engine.plain(t), strict=True)]

    def _chance_of(self, n: float, t: float) -> float:
        """The chance of exactly n repeat purchases: by who is there still, and by who left in the meantime."""
        stayed = exp(log_count(self.r, self.alpha, n, t) - self.s * log1p(t / self.beta))
        nearest = min(self.alpha, self.beta)
        end = log1p(t / nearest)

        def place(y: float) -> float:
            """The time of leaving, from its place on the logarithm of 1 + time / nearest."""
            return nearest * expm1(y)

        def falls(y: float) -> bool:
            u = place(y)
            gained = n * self.alpha / (u * (self.alpha + u)) + 1 / (nearest + u) if u else inf
            return gained < self.r / (self.alpha + u) + (self.s + 1) / (self.beta + u)

        def density(y: float) -> float:
            """The logarithm of what is integrated: it has one peak, and bends but one way."""
            u = place(y)
            left = log(self.s) - self.s * log1p(u / self.beta) + log((nearest + u) / (self.beta + u))
            return log_count(self.r, self.alpha, n, u) + left

        peak = _first(falls, 0.0, end)
        top = density(peak)
        low = _first(lambda y: density(y) > top - NOTHING, 0.0, peak)
        high = _first(lambda y: density(y) < top - NOTHING, peak, end)
        return stayed + integral(lambda y: exp(density(y)), low, high, 2 * NOTHING)

    def _discounted(self, engine: Engine, rate: Column, horizon: Column, x: Column, t_x: Column, T: Column) -> Column:
        return self._bought(engine, self._present(engine, rate, horizon, T), x, t_x, T)

    def _discounted_forever(self, engine: Engine, rate: Column, x: Column, t_x: Column, T: Column) -> Column:
        return self._discounted(engine, rate, [inf] * len(rate), x, t_x, T)

    def _present(self, engine: Engine, rate: Column, horizon: Column, T: Column) -> Column:
        """The present value of the time a customer who is there still is expected to stay, up to a horizon."""
        places: dict[tuple[float, float], list[int]] = {}
        for i, terms in enumerate(zip(engine.plain(rate), engine.plain(horizon), strict=True)):
            places.setdefault(terms, []).append(i)
        ages = [log(self.beta + age) for age in engine.plain(T)]
        found = [0.0] * len(ages)
        for terms, rows in places.items():
            values = self._present_along(engine, *terms, [ages[i] for i in rows])
            for i, value in zip(rows, values, strict=True):
                found[i] = value
        return engine.column(found)

    def _present_along(self, engine: Engine, rate: float, horizon: float, ages: Sequence[float]) -> Sequence[float]:
        """The same for one rate and one horizon: its logarithm is smooth in ln(beta + T)."""
        if not horizon or (horizon == inf and self.s <= 1 and not rate * self.beta):
            return [horizon] * len(ages)

        def logarithm(ages: Column) -> Column:
            return engine.column([log(_present(self.s, exp(age), rate, horizon)) for age in engine.plain(ages)])

        return [exp(value) for value in engine.plain(along(engine, logarithm, engine.column(ages)))]

    def _residual(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        if self.s <= 1:
            return [None] * len(x)
        return engine.one(lambda _, p, T: p * (self.beta + T) / (self.s - 1), self._alive(engine, x, t_x, T), T)

    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        rate, leaving = rng.gammavariate(self.r, 1 / self.alpha), rng.gammavariate(self.s, 1 / self.beta)
        return bought_until(rng, rate, min(T, rng.expovariate(leaving)) if leaving else T)


def _share(m: Any, log_odds: Column) -> Column:  # noqa: ANN401 - a module
    """1 / (1 + odds)."""
    return m.exp(-(log_odds + abs(log_odds)) / 2) / (1 + m.exp(-abs(log_odds)))


def _lasting(m: Any, s: float, late: Column, t: Column) -> Column:  # noqa: ANN401 - a module
    """∫ (late / (late + u))ˢ du up to t: how long a customer is expected to stay in it."""
    length = m.log1p(t / late)
    z = (1 - s) * length
    z = z + (z == 0) * TINY  # for the limit there
    return late * length * m.expm1(z) / z


def _present(s: float, late: float, rate: float, horizon: float) -> float:
    """∫ e^(−rate u) (late / (late + u))ˢ du up to the horizon, which may be infinite."""
    z = rate * late
    if horizon == inf:
        return late * exponential_integral(s, z) if z else late / (s - 1)
    if not z:
        return _lasting(math, s, late, horizon)
    length = reach(min(log1p(horizon / late), log1p(NOTHING / z)), s - 1 + z)
    fall = (s - 1) * length + z * expm1(length)
    return late * integral(lambda y: exp((1 - s) * y - z * expm1(y)), 0.0, length, fall)


def _first(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition begins to hold between two places: the first when it does there, the last when nowhere."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
