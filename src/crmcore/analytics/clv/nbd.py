"""NBD: customers buy at their own rate and never leave; the model others are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import exp, expm1, inf, lgamma, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import attrs

from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.tails import tails
from crmcore.analytics.clv.transactions_model import TransactionsModel, parameter
from crmcore.analytics.clv.unit import Unit

if TYPE_CHECKING:
    from random import Random

__all__ = ["NBD", "bought_until", "log_count", "rising", "tail_counts"]

Column: TypeAlias = Any  # a number, a list of floats, or an array

STARTS = ((1.0, 1.0), (0.1, 0.1))
STIRLING = 16.0
"""From here on three terms of Stirling's series give all digits."""


@attrs.frozen
class NBD(TransactionsModel):
    """The NBD model: buying is Poisson, at rates that differ by a gamma distribution, and nobody ever leaves.

    Its log-likelihood is that of the counts x, with the ln x!, not that of the times of purchases: it compares with
    other models of counts, not with that of Pareto/NBD or BG/NBD.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate, in the model's unit of time.
        unit: What time is counted in; None where nobody said.

    Source: A. S. C. Ehrenberg, The Pattern of Consumer Purchases, 1959.

    Example:
        >>> from crmcore.analytics.clv import NBD
        >>> model = NBD(r=0.385, alpha=12.072, unit="week")
        >>> round(model.conditional_expected_purchases("39 weeks", x=2, t_x=30.43, T=38.86), 4)
        1.8263
    """

    NAMES: ClassVar[tuple[str, ...]] = ("r", "alpha")

    r: float = parameter()
    alpha: float = parameter()

    @classmethod
    def _fitted(cls, rows: Rows, penalty: float, unit: Unit | None) -> Fit[Self]:
        engine, weights = rows.engine, rows.engine.column(rows.weights)
        x, _, T = rows.columns
        scale = engine.dot(weights, T) / rows.customers or 1.0
        bought = [
            weight * (count * log(time / scale) - lgamma(count + 1))
            for weight, count, time in zip(*map(engine.plain, (weights, x, T)), strict=True)
            if count
        ]
        sought = Sought(
            names=cls.NAMES,
            evaluate=_likelihood(rows, scale),
            starts=STARTS,
            scales=(1.0, scale),
            model=partial(cls, unit=unit),
            shift=sum(bought),
            limits=lambda model: {"r/alpha": model.r / model.alpha},
        )
        return fitted(sought, rows, penalty=penalty)

    def _alive(self, engine: Engine, x: Column, *_: Column) -> Column:
        return engine.one(lambda _, count: 1.0 + 0.0 * count, x)

    def _alive_later(self, engine: Engine, _: Column, x: Column, *__: Column) -> Column:
        return self._alive(engine, x)

    def _expected(self, engine: Engine, t: Column, x: Column, _: Column, T: Column) -> Column:
        return engine.one(lambda _, t, x, T: (self.r + x) / (self.alpha + T) * t, t, x, T)

    def _new(self, engine: Engine, t: Column) -> Column:
        return engine.one(lambda _, t: self.r / self.alpha * t, t)

    def _chance(self, engine: Engine, t: Column, n: Column) -> Column:
        pairs = zip(engine.plain(n), engine.plain(t), strict=True)
        return [exp(log_count(self.r, self.alpha, count, time)) for count, time in pairs]

    def _discounted(self, engine: Engine, rate: Column, horizon: Column, x: Column, t_x: Column, T: Column) -> Column:
        times = map(_present_value, engine.plain(rate), engine.plain(horizon))
        return self._expected(engine, engine.column(list(times)), x, t_x, T)

    def _discounted_forever(self, engine: Engine, rate: Column, x: Column, t_x: Column, T: Column) -> Column:
        return self._discounted(engine, rate, [inf] * len(rate), x, t_x, T)

    def _residual(self, _: Engine, x: Column, *__: Column) -> Column:
        return [None] * len(x)

    def _life(self, rng: Random, T: float) -> tuple[int, float]:
        return bought_until(rng, rng.gammavariate(self.r, 1 / self.alpha), T)


def log_count(r: float, alpha: float, n: float, t: float) -> float:
    """The logarithm of the chance that a customer who stays makes exactly n purchases within a time.

    Args:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate.
        n: How many purchases, a whole number.
        t: Within which time.

    Example:
        >>> from math import exp
        >>> from crmcore.analytics.clv.nbd import log_count
        >>> round(exp(log_count(2.0, 3.0, 1, 3.0)), 12)  # 2 · (1/2)² · (1/2)
        0.25
    """
    if not n:
        return -r * log1p(t / alpha)
    if not t:
        return -inf
    small, large = sorted((r, n + 1.0))
    ways = _log_gamma_ratio(large, small - 1) - lgamma(small)
    return ways - r * log1p(t / alpha) - n * log1p(alpha / t)


def _log_gamma_ratio(a: float, d: float) -> float:
    """ln Γ(a + d) / Γ(a), without taking something large from something large."""
    if a < STIRLING:
        return lgamma(a + d) - lgamma(a)
    return (a + d - 0.5) * log1p(d / a) + d * log(a) - d + _stirling(a + d) - _stirling(a)


def _stirling(a: float) -> float:
    return (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * a * a)) / (a * a)) / (a * a)) / a


def bought_until(rng: Random, rate: float, end: float) -> tuple[int, float]:
    """How often a customer made up buys until a time, and when last.

    Args:
        rng: Where chance comes from.
        rate: Purchases in a unit of time.
        end: The time.
    """
    x, last = 0, 0.0
    while rate > 0:
        after = last + rng.expovariate(rate)
        if not last < after <= end:
            break
        x, last = x + 1, after
    return x, last


def _present_value(rate: float, horizon: float) -> float:
    """∫ e^(−rate t) dt up to the horizon, which may be infinite."""
    return -expm1(-rate * horizon) / rate if rate and rate * horizon else horizon


def tail_counts(rows: Rows) -> tuple[Column, Column]:
    """Each j, and how many customers bought again more than j times.

    Args:
        rows: Customers, x first.
    """
    bought = tails(rows.engine, rows.columns[0], rows.weights)
    return rows.engine.column(range(len(bought))), rows.engine.column(bought)


def rising(engine: Engine, r: float, counts: Sequence[Column]) -> list[float]:
    """Σ ln Γ(r + x) − ln Γ(r) over all customers, with its first and second derivative by r.

    Args:
        engine: What carries it out.
        r: The shape of the gamma distribution of purchase rates.
        counts: What ``tail_counts`` gave.
    """
    return engine.sums(partial(_rising, r), *counts) or [0.0] * 3


def _rising(r: float, m: Any, j: Column, n: Column) -> tuple[Column, ...]:
    return n * m.log(r + j), n / (r + j), -n / ((r + j) * (r + j))


def _likelihood(rows: Rows, scale: float) -> Evaluate:
    """The log-likelihood without ln x! and x ln T, which no parameter changes, on times divided by a scale."""
    engine = rows.engine
    weights, bought = engine.column(rows.weights), tail_counts(rows)
    x, _, T = rows.columns
    ages = engine.one(lambda _, time: time / scale, T)

    def evaluate(point: Sequence[float]) -> Evaluation:
        counted, r_1, r_2 = rising(engine, point[0], bought)
        value, r, alpha, both, alpha_2 = engine.sums(partial(_terms, *point), weights, x, ages)
        return Evaluation(counted + value, [r_1 + r, alpha], [[r_2, both], [both, alpha_2]])

    return evaluate


def _terms(r: float, alpha: float, m: Any, weight: Column, x: Column, T: Column) -> tuple[Column, ...]:
    """−r ln(1 + T / alpha) − x ln(alpha + T) with its derivatives by r, alpha, both, and alpha twice."""
    late, since = m.log1p(T / alpha), alpha + T
    share = T / (alpha * since)
    return (
        weight * (-r * late - x * m.log(since)),
        -weight * late,
        weight * (r * share - x / since),
        weight * share,
        weight * (x / (since * since) - r * share * (alpha + since) / (alpha * since)),
    )
