"""The log-likelihood of Pareto/NBD: an average over when a customer may have left, with no singular parameters.

With k = r + x, a customer stayed until T with a likelihood that goes like (alpha + T)⁻ᵏ (beta + T)⁻ˢ, or left at some
time u since t_x with one that goes like s (alpha + u)⁻ᵏ (beta + u)⁻ˢ⁻¹. Both are told relative to the same at t_x, so
that nothing gets too large or too small to be held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from crmcore.analytics.calculus.decaying import by_need, needed, reach
from crmcore.analytics.calculus.engines import Engine
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv.nbd import rising, tail_counts
from crmcore.analytics.clv.rows import Rows

__all__ = ["likelihood", "log_odds"]

TINY = 1e-300
"""Stands for 0 where there is a logarithm to take, or a divisor needed."""

Column: TypeAlias = Any  # a number, a list of floats, or an array
Nodes: TypeAlias = Sequence[tuple[float, float]]


def likelihood(rows: Rows, scale: float) -> Evaluate:
    """The log-likelihood of r, alpha, s and beta with its derivatives, on times divided by a scale.

    Args:
        rows: Customers by x, t_x and T.
        scale: What times are divided by.
    """
    engine = rows.engine
    weights, bought = engine.column(rows.weights), tail_counts(rows)
    x = rows.columns[0]
    t_x, T = (engine.one(lambda _, time: time / scale, column) for column in rows.columns[1:])

    def evaluate(point: Sequence[float]) -> Evaluation:
        means = _integrals(engine, _means, point, x, t_x, T)
        counted, r_1, r_2 = rising(engine, point[0], bought)
        found = engine.sums(partial(_weighted, *point), weights, x, t_x, T, *means)
        value, r, alpha, s, beta, rr, ra, rs, rb, aa, a_s, ab, ss, sb, bb = found
        return Evaluation(
            counted + value,
            [r_1 + r, alpha, s, beta],
            [[r_2 + rr, ra, rs, rb], [ra, aa, a_s, ab], [rs, a_s, ss, sb], [rb, ab, sb, bb]],
        )

    return evaluate


def log_odds(engine: Engine, point: Sequence[float], x: Column, t_x: Column, T: Column) -> Column:
    """The logarithm of the odds that a customer has left.

    Args:
        engine: What carries it out.
        point: r, alpha, s and beta.
        x: Repeat purchases.
        t_x: The age at the last purchase.
        T: The age at the end of the observation.
    """
    (left,) = _integrals(engine, _left, point, x, t_x, T)
    return engine.one(partial(_log_odds, *point), x, t_x, T, left)


# --- integrals over the time of leaving -------------------------------------------------------------------------------


def _integrals(
    engine: Engine, formula: Callable[..., Any], point: Sequence[float], x: Column, t_x: Column, T: Column
) -> Sequence[Column]:
    """From t_x to T on y = ln((c + u) / (c + t_x)), where c is the smaller of alpha and beta: the nearer pole."""
    counts, *geometry = engine.columns(partial(_geometry, *point), x, t_x, T)
    return by_need(engine, partial(formula, alpha_nearer=point[1] <= point[3]), counts, *geometry)


def _geometry(
    r: float, alpha: float, s: float, beta: float, m: Any, x: Column, t_x: Column, T: Column
) -> tuple[Column, ...]:
    """The count of nodes, the powers of the nearer and the farther, how much nearer it is, and the length."""
    if alpha <= beta:
        near, far, share = r + x - 1, s + 1 + 0 * x, (alpha + t_x) / (beta + t_x)
    else:
        near, far, share = s + 0 * x, r + x, (beta + t_x) / (alpha + t_x)
    length = reach(m.log1p((T - t_x) / (min(alpha, beta) + t_x)), near + far * share)
    fall = near * length + far * m.log1p(share * m.expm1(length))
    return needed(m, length, fall), near, far, share, length


def _left(
    m: Any, nodes: Nodes, near: Column, far: Column, share: Column, length: Column, *, alpha_nearer: bool
) -> tuple[Column]:
    """∫ ((alpha + t_x) / (alpha + u))ᵏ ((beta + t_x) / (beta + u))ˢ / (beta + u) du."""
    total = 0.0
    for node, weight in nodes:
        y = node * length
        total += weight * m.exp(-near * y - far * m.log1p(share * m.expm1(y)))
    return (total * length * (share if alpha_nearer else 1.0),)


def _means(
    m: Any, nodes: Nodes, near: Column, far: Column, share: Column, length: Column, *, alpha_nearer: bool
) -> tuple[Column, ...]:
    """The integral of ``_left``; on average over it four figures a, h, b, j, and their products.

    a = ln((alpha + u) / (alpha + t_x)) and h = (u − t_x) / (alpha + u); b and j are the same with beta.
    """
    w = wa = wh = wb = wj = aa = ah = ab = aj = hh = hb = hj = bb = bj = jj = 0.0
    for node, weight in nodes:
        a = node * length
        grown = m.expm1(a)
        h = grown / (1 + grown)
        grown = grown * share
        b = m.log1p(grown)
        j = grown / (1 + grown)
        e = weight * m.exp(-near * a - far * b)
        w += e
        ea, eh, eb, ej = e * a, e * h, e * b, e * j
        wa += ea
        wh += eh
        wb += eb
        wj += ej
        aa += ea * a
        ah += ea * h
        ab += ea * b
        aj += ea * j
        hh += eh * h
        hb += eh * b
        hj += eh * j
        bb += eb * b
        bj += eb * j
        jj += ej * j
    if alpha_nearer:
        sums = (wa, wh, wb, wj, aa, ah, ab, aj, hh, hb, hj, bb, bj, jj)
    else:
        sums = (wb, wj, wa, wh, bb, bj, ab, hb, jj, aj, hj, aa, ah, hh)
    return (w * length * (share if alpha_nearer else 1.0), *(part / w for part in sums))


# --- what follows for each row ----------------------------------------------------------------------------------------


def _log_odds(
    r: float, alpha: float, s: float, beta: float, m: Any, x: Column, t_x: Column, T: Column, left: Column
) -> Column:
    since = T - t_x
    stayed = (r + x) * m.log1p(since / (alpha + t_x)) + s * m.log1p(since / (beta + t_x))
    return m.log(s) + m.log(left + TINY) + stayed


def _weighted(
    r: float, alpha: float, s: float, beta: float, m: Any, weight: Column, *columns: Column
) -> tuple[Column, ...]:
    return tuple(weight * term for term in _terms(r, alpha, s, beta, m, *columns))


def _terms(
    r: float,
    alpha: float,
    s: float,
    beta: float,
    m: Any,
    x: Column,
    t_x: Column,
    T: Column,
    left: Column,
    *means: Column,
) -> tuple[Column, ...]:
    """The log-likelihood without Γ(r + x) / Γ(r), its gradient, and the upper triangle of its Hessian.

    Derivatives are means over those who stayed and those who left; the Hessian has their covariance besides.
    """
    a, h, b, j, aa, ah, ab, aj, hh, hb, hj, bb, bj, jj = means
    k, p, q, since = r + x, 1 / (alpha + t_x), 1 / (beta + t_x), T - t_x
    a_T, h_T, b_T, j_T = m.log1p(since * p), since / (alpha + T), m.log1p(since * q), since / (beta + T)
    z = m.log(s) + m.log(left + TINY) + k * a_T + s * b_T
    small = m.exp(-abs(z))
    gone, stay = m.exp((z - abs(z)) / 2) / (1 + small), m.exp(-(z + abs(z)) / 2) / (1 + small)
    kp, sq = k * p, (s + 1) * q
    # How the derivatives differ between who left and who stayed.
    d_r, d_alpha, d_s, d_beta = a_T - a, kp * (h - h_T), b_T - b + 1 / s, sq * j - q - s * q * j_T
    mean_h, mean_j = gone * h + stay * h_T, gone * j + stay * j_T
    mean_hh, mean_jj = gone * hh + stay * h_T * h_T, gone * jj + stay * j_T * j_T
    # From the first purchase to the last.
    r_0, s_0, alpha_0, beta_0 = m.log1p(t_x / alpha), m.log1p(t_x / beta), t_x * p / alpha, t_x * q / beta
    value = (z + abs(z)) / 2 + m.log1p(small) - k * a_T - s * b_T - r * r_0 - s * s_0 - x * m.log(alpha + t_x)
    return (
        value,
        -r_0 - gone * a - stay * a_T,
        r * alpha_0 - x * p + kp * mean_h,
        -s_0 - gone * b - stay * b_T + gone / s,
        s * beta_0 + q * (s * mean_j - gone * (1 - j)),
        gone * (aa - a * a + stay * d_r * d_r),
        alpha_0 + p * mean_h + gone * (kp * (a * h - ah) + stay * d_r * d_alpha),
        gone * (ab - a * b + stay * d_r * d_s),
        gone * (sq * (a * j - aj) + stay * d_r * d_beta),
        p * (x * p + kp * (mean_hh - 2 * mean_h))
        - r * alpha_0 * (1 / alpha + p)
        + gone * (kp * kp * (hh - h * h) + stay * d_alpha * d_alpha),
        gone * (kp * (h * b - hb) + stay * d_alpha * d_s),
        gone * (kp * sq * (hj - h * j) + stay * d_alpha * d_beta),
        gone * (bb - b * b + stay * d_s * d_s - 1 / (s * s)),
        beta_0 + q * mean_j + gone * (sq * (b * j - bj) + stay * d_s * d_beta),
        q * q * (s * (mean_jj - 2 * mean_j) + gone * (1 - 2 * j + jj))
        - s * beta_0 * (1 / beta + q)
        + gone * (sq * sq * (jj - j * j) + stay * d_beta * d_beta),
    )
