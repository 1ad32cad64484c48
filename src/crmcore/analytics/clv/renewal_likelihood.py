"""The log-likelihood of who renewed and who left, for any model of the chance to renew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, expm1, log, log1p
from typing import TypeAlias

from crmcore.analytics.calculus.gamma_ratios import digamma_rise, log_rising, trigamma_fall
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.calculus.special import digamma, trigamma

__all__ = ["LARGE", "Jet", "likelihood", "log_kept", "log_retention_bdw", "log_retention_sbg"]

Jet: TypeAlias = tuple[float, list[float], list[list[float]]]
"""A figure with its first and second derivatives by the parameters."""

LARGE = 600.0
"""The logarithm of a number beyond which its gamma function is a power."""

LEAST = -1e-300
"""Stands for the logarithm of a chance of 1 that is not quite one."""


def likelihood(
    renewed: Sequence[tuple[int, float, float]], log_retention: Callable[[Sequence[float], int], Jet]
) -> Evaluate:
    """The log-likelihood with its derivatives: each renewal is a throw, whose chance falls on none but its own.

    Args:
        renewed: Each renewal, how many customers renewed, and how many left.
        log_retention: The logarithm of the chance to renew, by parameters and renewal.
    """

    def evaluate(point: Sequence[float]) -> Evaluation:
        size = range(len(point))
        value, gradient, hessian = 0.0, [0.0 for _ in size], [[0.0 for _ in size] for _ in size]
        for t, stayed, left in renewed:
            chance, slope, bend = log_retention(point, t)
            leaving = -expm1(chance)
            value += stayed * chance + (left * log(leaving) if left else 0.0)
            odds = left * exp(chance) / leaving if left else 0.0
            once, twice = stayed - odds, -odds / leaving
            for i in size:
                gradient[i] += once * slope[i]
                for j in size:
                    hessian[i][j] += once * bend[i][j] + twice * slope[i] * slope[j]
        return Evaluation(value, gradient, hessian)

    return evaluate


def log_retention_sbg(point: Sequence[float], t: int) -> Jet:
    """ln((beta + t − 1) / (alpha + beta + t − 1)) with its derivatives.

    Args:
        point: alpha and beta.
        t: The renewal.
    """
    alpha, beta = point
    stayed, whole = beta + (t - 1), alpha + beta + (t - 1)
    share = 1 / (whole * whole)
    slope = [-1 / whole, alpha / (stayed * whole)]
    return -log1p(alpha / stayed), slope, [[share, share], [share, share - 1 / (stayed * stayed)]]


def log_retention_bdw(point: Sequence[float], t: int) -> Jet:
    """ln S(t) − ln S(t − 1) with its derivatives.

    Args:
        point: alpha, beta and c.
        t: The renewal.
    """
    alpha, beta, c = point
    if c * log(t) <= LARGE:
        return _leap(alpha, beta, _grown(c, t - 1), _grown(c, t))
    early = c * log(t - 1) <= LARGE
    before = _leap(alpha, beta, _grown(c, 0), _grown(c, t - 1)) if early else _power(alpha, beta, c, t - 1)
    after, size = _power(alpha, beta, c, t), range(3)
    slope = [after[1][i] - before[1][i] for i in size]
    return after[0] - before[0], slope, [[after[2][i][j] - before[2][i][j] for j in size] for i in size]


def log_kept(alpha: float, beta: float, u: float) -> float:
    """ln B(alpha, beta + u) − ln B(alpha, beta): the share that is kept of those who stay with chances from there.

    Args:
        alpha: The parameter of leaving.
        beta: The parameter of staying.
        u: How much that rises.
    """
    small, large = sorted((alpha, u))
    return log_rising(beta, small) - log_rising(beta + large, small)


def _grown(c: float, t: int) -> tuple[float, float, float]:
    """tᶜ with its derivatives by c."""
    if not t:
        return 0.0, 0.0, 0.0
    u, logarithm = exp(c * log(t)), log(t)
    return u, u * logarithm, u * logarithm * logarithm


def _leap(alpha: float, beta: float, before: tuple[float, float, float], after: tuple[float, float, float]) -> Jet:
    """The logarithm of what is kept from one tᶜ to another with its derivatives by alpha, beta and c."""
    b, p, p2 = beta + before[0], before[1], before[2]
    u, q, q2 = (later - early for early, later in zip(before, after, strict=True))
    fall, whole, end = trigamma_fall(b, u), trigamma_fall(alpha + b, u), trigamma_fall(b + u, alpha)
    rise, whole_rise = digamma_rise(b, u), digamma_rise(alpha + b, u)
    by_b, by_u = rise - whole_rise, -digamma_rise(b + u, alpha)
    alpha_c = whole * p - trigamma(alpha + b + u) * q
    beta_c = (whole - fall) * p + end * q
    c_c = (whole - fall) * p * p + end * (2 * p + q) * q + by_b * p2 + by_u * q2
    bend = [[whole, whole, alpha_c], [whole, whole - fall, beta_c], [alpha_c, beta_c, c_c]]
    return min(log_kept(alpha, b, u), LEAST), [-whole_rise, by_b, by_b * p + by_u * q], bend


def _power(alpha: float, beta: float, c: float, t: int) -> Jet:
    """The logarithm of what is kept up to a tᶜ so large that it falls like a power of it."""
    logarithm, whole = log(t), trigamma(alpha + beta)
    slope = [digamma(alpha + beta) - c * logarithm, digamma_rise(beta, alpha), -alpha * logarithm]
    bend = [[whole, whole, -logarithm], [whole, -trigamma_fall(beta, alpha), 0.0], [-logarithm, 0.0, 0.0]]
    return log_rising(beta, alpha) - alpha * c * logarithm, slope, bend
