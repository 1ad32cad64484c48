"""BG/NBD and MBG/NBD: customers buy at their own rate until, after a purchase, they leave unseen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import exp, expm1, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self

import attrs

from crmcore.analytics.calculus.engines import Column, Engine
from crmcore.analytics.calculus.gamma_ratios import log_rising
from crmcore.analytics.clv.bgnbd_expectation import (
    NOTHING,
    Formula,
    Parameters,
    averaged,
    buying,
    buying_at_present_value,
    staying,
)
from crmcore.analytics.clv.bgnbd_likelihood import likelihood, starts
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.nbd import log_count
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.tails import tails
from crmcore.analytics.clv.transactions_model import TransactionsModel, parameter
from crmcore.analytics.clv.unit import Unit

if TYPE_CHECKING:
    from random import Random

__all__ = ["BGNBD", "MBGNBD"]

FAR = 1e12
"""A parameter this large, or as small as one over it, is at a boundary: what is left is below 1e-6 of a likelihood."""

FAST, FAR_OUT = 0.05, 8.0
"""Where chances fall faster than this, from one count to the next or up to the count, those of more are summed."""

REACH = 1e25
"""Beyond it, a distribution is too narrow to be told from a point."""

SLOWEST = 1e-30
"""A continuous rate below which nothing is discounted."""


@attrs.frozen
class BGNBD(TransactionsModel):
    """The beta-geometric / NBD model: buying is Poisson, and after each repeat purchase a customer may leave.

    Nobody leaves before a repeat purchase, so P(alive) of a one-time buyer is 1: to tell churn, take MBG/NBD or
    Pareto/NBD.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate, in the model's unit of time.
        a: The parameter of leaving, of the beta distribution of the chance to leave.
        b: The parameter of staying.
        unit: What time is counted in; None where nobody said.

    Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way: An Alternative to the
        Pareto/NBD Model, 2005, equations 6 to 11; expectations as an average over the chance to leave, which has no
        singular parameters.

    Example:
        >>> from crmcore.analytics.clv import BGNBD
        >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> round(model.conditional_expected_purchases("39 weeks", x=2, t_x=30.43, T=38.86), 4)
        1.226
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    GROUPS: ClassVar[bool] = True
    FIRST: ClassVar[int] = 0
    """1 where a customer may leave after the first purchase of all, too."""

    r: float = parameter(REACH)
    alpha: float = parameter(REACH)
    a: float = parameter(REACH)
    b: float = parameter(REACH)

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        x, _, T = rows.columns
        bought = tails(rows.engine, x, rows.weights)
        scale = rows.engine.dot(rows.weights, T) / rows.customers or 1.0
        sought = Sought(
            names=cls.NAMES,
            evaluate=likelihood(rows, bought, scale, cls.FIRST),
            starts=starts(bought, rows.customers),
            scales=(1.0, scale, 1.0, 1.0),
            model=partial(cls, unit=unit),
            limits=_limits,
            far=FAR,
        )
        return fitted(sought, rows, penalty=penalty)

    def _alive(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        return engine.one(partial(_alive, self.r, self.alpha, self.a, self.b, self.FIRST), x, t_x, T)

    def _alive_later(self, engine: Engine, ahead: Column, x: Column, t_x: Column, T: Column) -> Column:
        found = self._if_alive(engine, staying, engine.span(ahead)[1], x, t_x, T, ahead)
        return engine.one(lambda _, chance: chance - (chance > 1) * (chance - 1), found)  # at most 1

    def _expected(self, engine: Engine, t: Column, x: Column, t_x: Column, T: Column) -> Column:
        return self._if_alive(engine, buying, engine.span(t)[1], x, t_x, T, t)

    def _discounted(self, engine: Engine, rate: Column, horizon: Column, x: Column, t_x: Column, T: Column) -> Column:
        rate = engine.one(lambda _, rate: rate + SLOWEST, rate)
        longest = min(engine.span(horizon)[1], NOTHING / engine.span(rate)[0])
        formula = buying_at_present_value(longest * self._pace(engine, x, T))
        return self._if_alive(engine, formula, longest, x, t_x, T, rate, horizon)

    def _discounted_forever(self, engine: Engine, rate: Column, x: Column, t_x: Column, T: Column) -> Column:
        """Without discounting, that is the mean of 1 / p, which exists only where a > 1."""
        a, b = self.a, self.b + self.FIRST
        discounting = engine.one(lambda _, rate: rate + (rate < SLOWEST) * 1.0, rate)
        horizon = engine.one(lambda _, rate: NOTHING / rate, discounting)
        found = self._discounted(engine, discounting, horizon, x, t_x, T)
        if engine.span(rate)[0] >= SLOWEST:
            return found
        columns = (engine.plain(column) for column in (rate, found, x, self._alive(engine, x, t_x, T)))
        return [
            value if rate >= SLOWEST else alive * (a + b + count - 1) / (a - 1) if a > 1 else None
            for rate, value, count, alive in zip(*columns, strict=True)
        ]

    def _pace(self, engine: Engine, x: Column, T: Column) -> float:
        """How fast those buy who buy fastest, and one purchase more."""
        return (self.r + engine.span(x)[1] + 1) / (self.alpha + engine.span(T)[0])

    def _if_alive(
        self, engine: Engine, formula: Formula, longest: float, x: Column, t_x: Column, T: Column, *given: Column
    ) -> Column:
        """P(alive) times what is expected of a customer who is, within the longest time at most."""
        known = Parameters(self.r, self.alpha, self.a, self.b + self.FIRST)
        mean = averaged(engine, formula, known, longest * self._pace(engine, x, T), x, T, *given)
        return engine.one(lambda _, alive, value: alive * value, self._alive(engine, x, t_x, T), mean)

    def _new(self, engine: Engine, t: Column) -> Column:
        nobody = engine.one(lambda _, time: 0 * time, t)
        return self._expected(engine, t, nobody, nobody, nobody)

    def _chance(self, engine: Engine, t: Column, n: Column) -> Column:
        return [self._chance_of(count, time) for time, count in zip(engine.plain(t), engine.plain(n), strict=True)]

    def _chance_of(self, n: float, t: float) -> float:
        """The chance of exactly n repeat purchases: all n and still there, or left after the last."""
        a, b, chances = self.a, self.b, n + self.FIRST  # to leave
        all_n = exp(log_count(self.r, self.alpha, n, t))
        found = exp(log_rising(b, chances) - log_rising(a + b, chances)) * all_n
        if chances:
            left = a / (a + b) * exp(log_rising(b, chances - 1) - log_rising(a + b + 1, chances - 1))
            found += left * _at_least(self.r, self.alpha, n, t)
        return min(1.0, found)

    def _residual(self, engine: Engine, x: Column, t_x: Column, T: Column) -> Column:
        """The mean of 1 / (λ p), which exists only where both posteriors have one."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b + self.FIRST
        if a <= 1:
            return [None] * len(x)
        alive = self._alive(engine, x, t_x, T)
        found = engine.one(  # where x is 0 and r ≤ 1, whatever comes is not told
            lambda _, p, x, T: p * (alpha + T) / (r + x - 1 + 2.0 * (x == 0) * (r <= 1)) * (a + b + x - 1) / (a - 1),
            alive,
            x,
            T,
        )
        if r > 1:
            return found
        return [value if count else None for value, count in zip(*map(engine.plain, (found, x)), strict=True)]

    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        rate = rng.gammavariate(self.r, 1 / self.alpha)
        leaving = rng.betavariate(self.a, self.b)
        x, last = 0, 0.0
        if self.FIRST and rng.random() < leaving:
            return 0, 0.0
        while rate > 0:
            after = last + rng.expovariate(rate)
            if not last < after <= T:
                break
            x, last = x + 1, after
            if rng.random() < leaving:
                break
        return x, last


@attrs.frozen
class MBGNBD(BGNBD):
    """The modified BG/NBD model: a customer may leave after the first purchase, too.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate, in the model's unit of time.
        a: The parameter of leaving, of the beta distribution of the chance to leave.
        b: The parameter of staying.
        unit: What time is counted in; None where nobody said.

    Source: E. P. Batislam, M. Denizel and A. Filiztekin, Empirical validation and comparison of models for customer
        base analysis, 2007.

    Example:
        >>> from crmcore.analytics.clv import MBGNBD
        >>> model = MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week")
        >>> round(model.p_alive(x=0, t_x=0, T=39), 4)
        0.3893
    """

    FIRST: ClassVar[int] = 1


def _alive(r: float, alpha: float, a: float, b: float, first: int, m: Any, x: Any, t_x: Any, T: Any) -> Any:
    """The odds of being there still over one more than the odds; 1 for those who had no occasion to leave."""
    unable = x < 1 - first
    odds = (b + (x + (first - 1.0) + unable)) / a * m.exp(-(r + x) * m.log1p((T - t_x) / (alpha + t_x)))
    return (odds + unable) / (1 + odds)


def _at_least(r: float, alpha: float, n: float, t: float) -> float:
    """The chance that a customer who stays makes n purchases or more within a time: summed where less cancels."""
    if not n:
        return 1.0
    if not t:
        return 0.0
    share = 1 / (1 + alpha / t)
    if 1 - share * max(1.0, (r + n) / (n + 1)) > min(FAST, FAR_OUT / n):
        term, found, count = exp(log_count(r, alpha, n, t)), 0.0, n
        while term > 1e-17 * found:
            found += term
            term *= (r + count) / (count + 1) * share
            count += 1
        return min(1.0, found)
    found = -expm1(-r * log1p(t / alpha))  # one or more
    term, count = exp(log_count(r, alpha, n - 1, t)), n - 1
    while count and term > 1e-17 * found:
        found -= term
        term *= count / ((count - 1 + r) * share)
        count -= 1
    return max(0.0, found)


def _limits(model: BGNBD) -> Mapping[str, float]:
    return {"a/(a+b)": model.a / (model.a + model.b), "r/alpha": model.r / model.alpha}
