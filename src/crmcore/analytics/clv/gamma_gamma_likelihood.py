"""The log-likelihood of Gamma-Gamma: one logarithm a customer, gamma functions once for each number of purchases."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import lgamma, log, tau
from typing import Any

from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.gamma_ratios import LOG_GAMMA, digamma_rise, log_rising, trigamma_fall
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.calculus.special import trigamma
from crmcore.analytics.clv.rows import Rows, distinct

__all__ = ["likelihood"]

TINY = 1e-300
"""Stands for 0 where there is a logarithm to take."""

MANY = 100.0
"""The shapes of two gamma distributions from which on nearly all of their logarithms cancels."""


def likelihood(rows: Rows, scale: float) -> Evaluate:
    """The log-likelihood of p, q and v with its derivatives, on spend divided by a scale, but for ln mean.

    Args:
        rows: Customers by x, above 0, and mean spend.
        scale: What spend is divided by.
    """
    engine, (x, mean) = rows.engine, rows.columns
    weights = engine.column(rows.weights)
    spent = engine.one(lambda _, x, mean: x * (mean / scale) + TINY, x, mean)
    bought = engine.one(lambda _, weight, x: weight * x, weights, x)
    logs = engine.one(lambda m, spent: m.log(spent), spent)
    once, often, total = engine.dot(weights, logs), engine.dot(bought, logs), float(sum(bought))
    counts = _counts(engine, x, weights)

    def evaluate(point: Sequence[float]) -> Evaluation:
        p, q, v = point
        few = p * total < q * rows.customers
        above, below, share, bend, rest, rest_2 = engine.sums(partial(_terms, v, few), weights, bought, spent)
        if few:  # the smaller of two logarithms is the one that is exact
            below += total * log(v) - often
        else:
            above += once - rows.customers * log(v)
        value, (by_p, by_q), (pp, pq, qq) = _gammas(p, q, counts)
        value -= q * above + p * below
        if min(p * total / rows.customers, q) > MANY:
            value = _beside(p, q, counts) + sum(engine.sums(partial(_apart, p, q, v), weights, x, spent))
        by_v = q * share / v - p * rest
        vv = p * rest_2 - q * bend / (v * v)
        return Evaluation(
            value,
            [by_p - below, by_q - above, by_v],
            [[pp, pq, -rest], [pq, qq, share / v], [-rest, share / v, vv]],
        )

    return evaluate


def _counts(engine: Engine, x: Any, weights: Any) -> list[tuple[float, float]]:
    """Each number of purchases, with how many customers made so many."""
    (counts,), places = distinct([x], engine)
    return list(zip(engine.plain(counts), engine.plain(engine.added(places, weights)), strict=True))


def _terms(v: float, few: bool, m: Any, weight: Any, bought: Any, spent: Any) -> tuple[Any, ...]:  # noqa: FBT001
    """ln(1 + spent / v) or ln(1 + v / spent), once and for each purchase; what is left of shares of v + spent."""
    whole = 1 / (v + spent)
    share = weight * spent * whole
    rest = bought * whole
    logarithm = m.log1p(spent / v if few else v / spent)
    return weight * logarithm, bought * logarithm, share, share * (1 + v * whole), rest, rest * whole


def _gammas(
    p: float, q: float, counts: list[tuple[float, float]]
) -> tuple[float, tuple[float, float], tuple[float, float, float]]:
    """Σ ln Γ(px + q) − ln Γ(px) − ln Γ(q) with its derivatives by p and q."""
    value = by_p = by_q = pp = pq = qq = 0.0
    for x, customers in counts:
        bought = customers * x
        small, large = sorted((p * x, q))
        value += customers * (log_rising(large, small) - lgamma(small))
        by_p += bought * digamma_rise(p * x, q)
        by_q += customers * digamma_rise(q, p * x)
        pp -= bought * x * trigamma_fall(p * x, q)
        pq += bought * trigamma(p * x + q)
        qq -= customers * trigamma_fall(q, p * x)
    return value, (by_p, by_q), (pp, pq, qq)


def _beside(p: float, q: float, counts: list[tuple[float, float]]) -> float:
    """What of that is left when the shapes have cancelled with the shares of ``_apart``: Stirling's series."""
    found = 0.0
    for x, customers in counts:
        a, whole = p * x, p * x + q
        series = sum(factor * (whole**-k - a**-k - q**-k) for k, factor in LOG_GAMMA)
        found += customers * (log(a / tau / whole * q) / 2 + series)
    return found


def _apart(p: float, q: float, v: float, m: Any, weight: Any, x: Any, spent: Any) -> tuple[Any]:
    """px ln(share / expected share), of what was spent and of the rest."""
    a = p * x
    d = (q * spent - a * v) / (v + spent)
    return (weight * (a * m.log1p(d / a) + q * m.log1p(-d / q)),)
