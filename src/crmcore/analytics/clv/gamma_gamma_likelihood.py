"""The log-likelihood of Gamma-Gamma: one logarithm a customer, gamma functions once for each number of purchases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import lgamma, log, tau
from operator import add
from typing import Any

import attrs

from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.gamma_ratios import LOG_GAMMA, digamma_rise, log_rising, trigamma_fall
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.calculus.special import trigamma
from crmcore.analytics.clv.rows import Rows

__all__ = ["likelihood"]

TINY = 1e-300
"""Stands for 0 where there is a logarithm to take."""

SHORT = 2**16
"""From here on whole numbers take longer to sort."""

MANY = 100.0
"""The shapes of two gamma distributions from which on nearly all of their logarithms cancels."""


@attrs.frozen
class _Group:
    """Customers who bought again as often as each other.

    Attributes:
        x: How often.
        customers: How many they are.
        logs: The sum of the logarithms of what they spent.
        weights: How many each row stands for.
        spent: What each spent on all those purchases, divided by a scale.
    """

    x: float
    customers: float
    logs: float
    weights: Any
    spent: Any


def likelihood(rows: Rows, scale: float) -> Evaluate:
    """The log-likelihood of p, q and v, that one divided by a scale, with its derivatives.

    Args:
        rows: Customers by x, above 0, and mean spend.
        scale: What spend is divided by.
    """
    engine = rows.engine
    groups = list(_groups(engine, scale, *map(engine.column, (*rows.columns, rows.weights))))
    means = sum(group.logs + group.customers * log(scale / group.x) for group in groups)

    def evaluate(point: Sequence[float]) -> Evaluation:
        p, q, v = point
        sums = [0.0] * 10
        for group in groups:
            sums = list(map(add, sums, _part(engine, p, q, v, group)))
        value, by_p, by_q, by_v, pp, pq, pv, qq, qv, vv = sums
        return Evaluation(value - means, [by_p, by_q, by_v], [[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])

    return evaluate


def _groups(engine: Engine, scale: float, x: Any, mean: Any, weights: Any) -> Iterator[_Group]:
    for count, means, held in _by_count(engine, x, mean, weights):
        spent = engine.one(lambda _, mean, count=count: count * (mean / scale) + TINY, means)
        customers, logs = engine.sums(lambda m, weight, spent: (weight, weight * m.log(spent)), held, spent)
        yield _Group(count, customers, logs, held, spent)


def _by_count(engine: Engine, x: Any, mean: Any, weights: Any) -> Iterator[tuple[float, Any, Any]]:
    """Each number of purchases, with the means and weights of those who made so many."""
    if engine.name == "numpy":
        m = engine.m
        order = m.argsort(x.astype(m.uint16 if x.max() < SHORT else m.int64), kind="stable")
        counts, starts = m.unique(x[order], return_index=True)
        ends = (*starts[1:].tolist(), len(x))
        for count, start, end in zip(counts.tolist(), starts.tolist(), ends, strict=True):
            yield count, mean[order[start:end]], weights[order[start:end]]
        return
    held: dict[float, tuple[list[float], list[float]]] = {}
    for count, each, weight in zip(x, mean, weights, strict=True):
        means, shares = held.setdefault(count, ([], []))
        means.append(each)
        shares.append(weight)
    for count, (means, shares) in held.items():
        yield count, means, shares


def _part(engine: Engine, p: float, q: float, v: float, group: _Group) -> list[float]:
    """What a group adds to the log-likelihood, and to its derivatives by p, q, v, pp, pq, pv, qq, qv and vv."""
    x, customers = group.x, group.customers
    a = p * x
    terms = partial(_few if a < q else _many, v)
    logarithm, share, whole, whole_2 = engine.sums(terms, group.weights, group.spent)
    beside = group.logs - customers * log(v)
    above, below = (logarithm, logarithm - beside) if a < q else (logarithm + beside, logarithm)
    small, large = sorted((a, q))
    if small > MANY:
        apart = engine.sums(partial(_apart, a, q, v), group.weights, group.spent)[0]
        value = customers * _left_over(a, q) + apart
    else:
        value = customers * (log_rising(large, small) - lgamma(small)) - q * above - a * below
    return [
        value,
        x * (customers * digamma_rise(a, q) - below),
        customers * digamma_rise(q, a) - above,
        q * share / v - a * whole,
        -customers * x * x * trigamma_fall(a, q),
        customers * x * trigamma(a + q),
        -x * whole,
        -customers * trigamma_fall(q, a),
        share / v,
        a * whole_2 - q * (share + v * (whole - v * whole_2)) / (v * v),
    ]


def _few(v: float, m: Any, weight: Any, spent: Any) -> tuple[Any, ...]:
    """ln(1 + spent / v); the share of spent in v + spent; 1 / (v + spent) and its square."""
    whole = 1 / (v + spent)
    once = weight * whole
    return weight * m.log1p(spent / v), once * spent, once, once * whole


def _many(v: float, m: Any, weight: Any, spent: Any) -> tuple[Any, ...]:
    """The same with ln(1 + v / spent), which is the one of the two that counts for more."""
    whole = 1 / (v + spent)
    once = weight * whole
    return weight * m.log1p(v / spent), once * spent, once, once * whole


def _apart(a: float, q: float, v: float, m: Any, weight: Any, spent: Any) -> tuple[Any]:
    """a ln(share / expected share), of what was spent and of the rest."""
    d = (q * spent - a * v) / (v + spent)
    return (weight * (a * m.log1p(d / a) + q * m.log1p(-d / q)),)


def _left_over(a: float, q: float) -> float:
    """What is left of ln Γ(a + q) − ln Γ(a) − ln Γ(q) when the shapes have cancelled with ``_apart``."""
    whole = a + q
    series = sum(factor * (whole**-k - a**-k - q**-k) for k, factor in zip(range(1, 15, 2), LOG_GAMMA, strict=True))
    return log(a / tau / whole * q) / 2 + series
