"""BG/NBD and MBG/NBD: customers buy at their own rate until, after a purchase, they leave unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import asinh, exp, expm1, lgamma, log, log1p
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

import attrs

from crmcore.analytics.calculus.engines import PLAIN, Engine
from crmcore.analytics.calculus.interpolation import along
from crmcore.analytics.calculus.quadrature import Nodes, beta_nodes, legendre_nodes
from crmcore.analytics.calculus.special import exponential_integral, incomplete_beta, log_beta
from crmcore.analytics.clv.fit import Fit, Sought, fitted
from crmcore.analytics.clv.rows import Rows
from crmcore.analytics.clv.bgnbd_likelihood import likelihood, starts
from crmcore.analytics.clv.tails import tails
from crmcore.analytics.clv.transactions_model import TransactionsModel, parameter
from crmcore.analytics.clv.unit import Unit

if TYPE_CHECKING:
    from random import Random

__all__ = ["BGNBD", "MBGNBD"]

FAR = 1e12


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
    FIRST: ClassVar[int] = 0
    """Whether a customer may leave after the first purchase of all, too."""

    r: float = parameter()
    alpha: float = parameter()
    a: float = parameter()
    b: float = parameter()

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

    def _alive(self, engine: Engine, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401 - columns
        return engine.one(partial(_alive, self.r, self.alpha, self.a, self.b, self.FIRST), x, t_x, T)

    def _alive_later(self, engine: Engine, ahead: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401 - columns
        return self._times_alive(engine, _staying, (ahead,), x, t_x, T)

    def _expected(self, engine: Engine, t: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401 - columns
        return self._times_alive(engine, _buying, (t,), x, t_x, T)

    def _discounted(self, engine: Engine, rate: Any, horizon: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        return self._times_alive(engine, _buying_at_present_value, (rate, horizon), x, t_x, T)

    def _discounted_forever(self, engine: Engine, rate: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
        rates = engine.plain(rate)
        columns = map(engine.plain, (x, t_x, T))
        found = self._times_alive(PLAIN, _buying_for_ever, (rates,), *columns)
        return [value if each or self.a > 1 else None for each, value in zip(rates, found, strict=True)]

    def _times_alive(
        self, engine: Engine, figure: Callable[..., Formula], given: Sequence[Any], x: Any, t_x: Any, T: Any  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - a column
        """P(alive) times what is expected of a customer who is, on average over the chance to leave.

        Like rows are taken together; beside each other in age, the average is smooth in ln(alpha + T).
        """
        chances = engine.plain(self._alive(engine, x, t_x, T))
        places: dict[tuple[float, ...], list[int]] = {}
        for i, key in enumerate(zip(engine.plain(x), *map(engine.plain, given), strict=True)):
            places.setdefault(key, []).append(i)
        ages = [log(self.alpha + age) for age in engine.plain(T)]
        found = [0.0] * len(chances)
        for (count, *terms), rows in places.items():
            nodes = beta_nodes(self.a, self.b + count + self.FIRST)
            formula = figure(self.r + count, self.alpha, *terms)
            values = along(engine, partial(engine.mean, formula, nodes), engine.column([ages[i] for i in rows]))
            for i, value in zip(rows, engine.plain(values), strict=True):
                found[i] = chances[i] * value
        return found

    def _new(self, engine: Engine, t: Any) -> Any:  # noqa: ANN401 - a column
        nodes = beta_nodes(self.a, self.b + self.FIRST)
        known = self.b / (self.a + self.b) if self.FIRST else 1.0
        return engine.one(
            lambda _, mean: known * mean,
            engine.mean(lambda m, p, t: _purchases(m, p, self.r, t / self.alpha), nodes, t),
        )

    def _chance(self, engine: Engine, t: Any, n: Any) -> Any:  # noqa: ANN401 - columns
        return [self._chance_of(round(count), time) for time, count in zip(t, n, strict=True)]

    def _chance_of(self, n: int, t: float) -> float:
        """The chance of exactly n repeat purchases: all n and still there, or left after the last."""
        share = t / (self.alpha + t)
        r, a, b, first = self.r, self.a, self.b, self.FIRST
        all_n = float(n == 0) if not t else exp(
            lgamma(r + n) - lgamma(r) - lgamma(n + 1) - r * log1p(t / self.alpha) + n * log(share)
        )
        base = log_beta(a, b)
        found = exp(log_beta(a, b + n + first) - base) * all_n
        if n + first:
            left = exp(log_beta(a + 1, b + n - 1 + first) - base)
            found += left * (incomplete_beta(n, r, share) if n else 1.0)
        return found

    def _residual(self, engine: Engine, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401 - columns
        alive = engine.plain(self._alive(engine, x, t_x, T))
        return [
            None if lasting is None else chance * lasting
            for chance, lasting in zip(alive, map(self._lasting, engine.plain(x), engine.plain(T)), strict=True)
        ]

    def _lasting(self, x: float, T: float) -> float | None:
        """The mean of 1 / (λ p), which exists only when both posteriors have one."""
        k, b = self.r + x, self.b + x + self.FIRST
        if k <= 1 or self.a <= 1:
            return None
        return (self.alpha + T) / (k - 1) * (self.a + b - 1) / (self.a - 1)

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

    Source: E. P. Batislam, M. Denizel and A. Filiztekin, Empirical validation and comparison of models for customer base
        analysis, 2007.

    Example:
        >>> from crmcore.analytics.clv import MBGNBD
        >>> model = MBGNBD(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week")
        >>> round(model.p_alive(x=0, t_x=0, T=39), 4)
        0.2751
    """

    FIRST: ClassVar[int] = 1


Formula: TypeAlias = "Callable[[Any, Any, Any], Any]"
"""Gives a figure for ``math`` or ``numpy``, a chance to leave, and ln(alpha + T)."""


def _alive(r: float, alpha: float, a: float, b: float, first: int, m: Any, x: Any, t_x: Any, T: Any) -> Any:  # noqa: ANN401
    """1 / (1 + the odds of having left after the last purchase)."""
    able = (x + first > 0) * 1.0
    z = m.log(a) - m.log(b + x - 1 + first + (1 - able)) + (r + x) * m.log1p((T - t_x) / (alpha + t_x))
    return 1 - able + able * m.exp(-(z + abs(z)) / 2) / (1 + m.exp(-abs(z)))


def _purchases(m: Any, p: Any, k: float, share: Any) -> Any:  # noqa: ANN401 - numbers or arrays
    """What is expected of a customer with a chance p to leave, within a time that is a share of alpha + T."""
    return -m.expm1(-k * m.log1p(p * share)) / p


def _staying(k: float, alpha: float, ahead: float) -> Formula:
    return lambda m, p, age: m.exp(-k * m.log1p(p * ahead * m.exp(-age)))


def _buying(k: float, alpha: float, t: float) -> Formula:
    return lambda m, p, age: _purchases(m, p, k, t * m.exp(-age))


def _buying_at_present_value(k: float, alpha: float, rate: float, horizon: float) -> Formula:
    """Integrated by parts: what is bought by the end, and what is bought before counts for more."""
    shares, weights = _graded(log1p(k * horizon / alpha))
    times = [(horizon * u, rate * horizon * w * exp(-rate * horizon * u)) for u, w in zip(shares, weights, strict=True)]
    times.append((horizon, exp(-rate * horizon)))

    def formula(m: Any, p: Any, age: Any) -> Any:  # noqa: ANN401 - numbers or arrays
        return sum(weight * _purchases(m, p, k, t * m.exp(-age)) for t, weight in times)

    return formula


def _graded(reach: float) -> Nodes:
    """Nodes in (0, 1) that lie closer at 0, where purchases come fast: even on the logarithm of 1 + time."""
    nodes, weights = legendre_nodes(min(96, 10 + int(20 / asinh(2.5 / max(reach, 0.1)))))
    whole = expm1(reach)
    graded = [expm1(reach * node) / whole for node in nodes]
    return tuple(graded), tuple(w * reach * exp(reach * u) / whole for u, w in zip(nodes, weights, strict=True))


def _buying_for_ever(k: float, alpha: float, rate: float) -> Formula:
    def formula(_: Any, p: float, age: float) -> float:  # noqa: ANN401 - a module
        z = rate * exp(age) / p
        return (k / p * exponential_integral(k + 1, z)) if z else 1 / p

    return formula


def _limits(model: BGNBD) -> Mapping[str, float]:
    return {"a/(a+b)": model.a / (model.a + model.b), "r/alpha": model.r / model.alpha}
