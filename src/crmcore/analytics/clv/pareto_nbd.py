"""Pareto/NBD: customers buy at their own rate until they leave, unseen, at any time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from math import exp, expm1, inf, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import attrs

from crmcore.analytics.calculus.decaying import integral, reach
from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.interpolation import along
from crmcore.analytics.calculus.special import exponential_integral
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.nbd import bought_until
from crmcore.analytics.clv.pareto_nbd_likelihood import likelihood, log_odds
from crmcore.analytics.clv.pareto_nbd_pmf import chance_of
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.transactions_model import TransactionsModel, parameter
from crmcore.analytics.clv.unit import Unit

if TYPE_CHECKING:
    from random import Random

__all__ = ["ParetoNBD"]

Column: TypeAlias = Any  # a number, a list of floats, or an array

STARTS = ((0.5, 0.3, 0.6, 0.3), (1.0, 1.0, 1.0, 1.0), (3.0, 3.0, 3.0, 10.0))

NOTHING = 45.0
"""How many natural logarithms below its start a discount no longer counts."""

TINY = 1e-200
"""Stands for 0 where a formula is asked for its limit there."""


@attrs.frozen
class ParetoNBD(TransactionsModel):
    """The Pareto/NBD model: buying is Poisson until an unseen lifetime ends, which is exponential.

    Rates of buying and of leaving differ between customers, each by a gamma distribution.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate, in the model's unit of time.
        s: The shape of the gamma distribution of the rates of leaving.
        beta: Its rate, in the model's unit of time.
        unit: What time is counted in; None where nobody said.

    Source: D. C. Schmittlein, D. G. Morrison and R. Colombo, Counting Your Customers: Who Are They and What Will They
        Do Next?, 1987; P. S. Fader and B. G. S. Hardie, A Note on Deriving the Pareto/NBD Model and Related
        Expressions, 2005; P. S. Fader, B. G. S. Hardie and K. L. Lee, RFM and CLV: Using Iso-Value Curves for Customer
        Base Analysis, 2005. What they give as hypergeometric functions is an average over the time of leaving here,
        which has no singular parameters.

    Example:
        >>> from crmcore.analytics.clv import ParetoNBD
        >>> model = ParetoNBD(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562, unit="week")
        >>> round(model.p_alive(x=26, t_x=30.86, T=31), 4)
        0.9979
        >>> round(model.conditional_expected_purchases("52 weeks", x=26, t_x=30.86, T=31), 4)
        25.4549
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")

    r: float = parameter()
    alpha: float = parameter()
    s: float = parameter()
    beta: float = parameter()

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        x, _, T = rows.columns
        scale = rows.engine.dot(rows.weights, T) / rows.customers or 1.0
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(rows, scale),
            starts=STARTS,
            scales=(1.0, scale, 1.0, scale),
            model=partial(cls, unit=unit),
            shift=-log(scale) * rows.engine.dot(rows.weights, x),
            limits=lambda model: {"r/alpha": model.r / model.alpha, "s/beta": model.s / model.beta},
        )
        return fitted(sought, rows, penalty=penalty)

    def _alive(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        return engine.one(_share, log_odds(engine, (self.r, self.alpha, self.s, self.beta), x, t_x, T))

    def _alive_later(self, engine: Engine, ahead: Column, x: Column, t_x: Column, T: Column) -> Column:
        alive = self._alive(engine, x, t_x, T)
        return engine.one(lambda m, p, t, T: p * m.exp(-self.s * m.log1p(t / (self.beta + T))), alive, ahead, T)

    def _expected(self, engine: Engine, t: Column, x: Column, t_x: Column, T: Column) -> Column:
        staying = engine.one(lambda m, t, T: _staying(m, self.s, self.beta + T, t), t, T)
        return self._bought(engine, staying, x, t_x, T)

    def _bought(self, engine: Engine, staying: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Purchases, from how long those who are there still are expected to stay."""
        alive = self._alive(engine, x, t_x, T)
        return engine.one(lambda _, p, time, x, T: p * time * (self.r + x) / (self.alpha + T), alive, staying, x, T)

    def _new(self, engine: Engine, t: Column) -> Column:
        return engine.one(lambda m, t: self.r / self.alpha * _staying(m, self.s, self.beta, t), t)

    def _chance(self, engine: Engine, t: Column, n: Column) -> Column:
        pairs = zip(engine.plain(n), engine.plain(t), strict=True)
        return [chance_of(*pair, self.r, self.alpha, self.s, self.beta) for pair in pairs]

    def _discounted_forever(self, engine: Engine, rate: Column, x: Column, t_x: Column, T: Column) -> Column:
        found = engine.plain(self._discounted(engine, rate, [inf] * len(rate), x, t_x, T))
        return [None if self._endless(each, inf) else v for each, v in zip(engine.plain(rate), found, strict=True)]

    def _endless(self, rate: float, horizon: float) -> bool:
        """Whether the discounted time customers stay is infinite."""
        return horizon == inf and self.s <= 1 and not rate * self.beta

    def _discounted(self, engine: Engine, rate: Column, horizon: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Like rates and horizons are taken together: how long customers stay is then smooth in ln(beta + T)."""
        places: dict[tuple[float, float], list[int]] = {}
        for i, terms in enumerate(zip(engine.plain(rate), engine.plain(horizon), strict=True)):
            places.setdefault(terms, []).append(i)
        ages = [log(self.beta + age) for age in engine.plain(T)]
        staying = [0.0] * len(ages)
        for terms, rows in places.items():
            values = self._present_value(engine, *terms, [ages[i] for i in rows])
            for i, value in zip(rows, values, strict=True):
                staying[i] = value
        return self._bought(engine, engine.column(staying), x, t_x, T)

    def _present_value(self, engine: Engine, rate: float, horizon: float, ages: Sequence[float]) -> Sequence[float]:
        """The discounted time customers stay, by ln(beta + T); 0 where it is infinite."""
        if not horizon or self._endless(rate, horizon):
            return [0.0] * len(ages)

        def logarithms(ages: Column) -> Column:
            found = [log(_discounted_staying(self.s, exp(age), rate, horizon)) for age in engine.plain(ages)]
            return engine.column(found)

        return [exp(value) for value in engine.plain(along(engine, logarithms, engine.column(ages)))]

    def _residual(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        if self.s <= 1:
            return [None] * len(x)
        return engine.one(lambda _, p, T: p * (self.beta + T) / (self.s - 1), self._alive(engine, x, t_x, T), T)

    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        buying, leaving = rng.gammavariate(self.r, 1 / self.alpha), rng.gammavariate(self.s, 1 / self.beta)
        return bought_until(rng, buying, min(T, rng.expovariate(leaving)) if leaving else T)


def _share(m: Any, log_odds: Column) -> Column:
    """1 / (1 + odds)."""
    return m.exp(-(log_odds + abs(log_odds)) / 2) / (1 + m.exp(-abs(log_odds)))


def _staying(m: Any, s: float, late: Column, t: Column) -> Column:
    """∫ (late / (late + u))ˢ du up to t: how long a customer who is there still is expected to stay in that time."""
    length = m.log1p(t / late)
    z = (1 - s) * length
    z = z + (z == 0) * TINY
    return late * length * m.expm1(z) / z


def _discounted_staying(s: float, late: float, rate: float, horizon: float) -> float:
    """∫ e^(−rate u) (late / (late + u))ˢ du up to the horizon, which may be infinite."""
    z = rate * late
    if horizon == inf:
        return late * (exponential_integral(s, z) if z else 1 / (s - 1))
    if not z:
        return float(_staying(math, s, late, horizon))
    length = reach(min(log1p(horizon / late), log1p(NOTHING / z)), s - 1 + z)
    fall = (s - 1) * length + z * expm1(length)
    return late * integral(lambda y: exp((1 - s) * y - z * expm1(y)), 0.0, length, fall)
