"""What is expected of customers who are still there, as a mean over how likely they are to leave after a purchase.

Given the chance p to leave, with k = r + x and since = alpha + T, a customer who is there buys within a time t
(1 − (1 + p·t / since)^−k) / p times, and is still there after it with probability (1 + p·t / since)^−k. The mean over
p, which is beta distributed, is what the hypergeometric function gives elsewhere; here no parameters are singular.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, log, log1p
from typing import Any, TypeAlias

import attrs

from crmcore.analytics.calculus.engines import BLOCK, Column, Engine
from crmcore.analytics.calculus.interpolation import along
from crmcore.analytics.calculus.quadrature import BetaGrid, beta_grid, legendre_nodes
from crmcore.analytics.clv.rows import distinct

__all__ = ["NOTHING", "Parameters", "averaged", "buying", "buying_at_present_value", "staying"]

Formula: TypeAlias = "Callable[..., Any]"
"""Gives a figure for ``math`` or ``numpy``, a chance to leave, k, since, and what else it depends on."""

FEW = 36
"""Rows for which plain Python works out a smooth function at each of them."""

SOME = 800
"""Rows for which numpy does."""

NOTHING = 44.0
"""How many natural logarithms of discounting leave nothing."""

NODES, NODES_A_UNIT = 2.5, 0.375
"""How many nodes an integral over time takes, in eights: so many, and more for a longer one."""


def staying(m: Any, p: Any, k: Any, since: Any, t: Any) -> Any:
    """The probability to be there still after a time.

    Args:
        m: ``math`` or ``numpy``.
        p: The chance to leave after a purchase.
        k: r + x.
        since: alpha + T.
        t: The time.
    """
    return m.exp(-k * m.log1p(p * (t / since)))


def buying(m: Any, p: Any, k: Any, since: Any, t: Any) -> Any:
    """The purchases expected within a time.

    Args:
        m: ``math`` or ``numpy``.
        p: The chance to leave after a purchase.
        k: r + x.
        since: alpha + T.
        t: The time.
    """
    return (-1 / p) * m.expm1(-k * m.log1p(p * (t / since)))


def buying_at_present_value(reach: float) -> Formula:
    """The formula of the purchases expected within a time, each at its present value, by k, since, rate and time.

    It is integrated over y = ln(1 + (k + 1)·time / since), in which what is left to buy bends everywhere alike.

    Args:
        reach: The largest (k + 1)·time / since, beyond NOTHING / rate no more.
    """
    nodes = list(zip(*legendre_nodes(8 * ceil(NODES + NODES_A_UNIT * log1p(reach))), strict=True))

    def formula(m: Any, p: Any, k: Any, since: Any, rate: Any, horizon: Any) -> Any:
        early = horizon * rate < NOTHING
        until = early * horizon + (1 - early) * (NOTHING / rate)
        reach = m.log1p((k + 1) * until / since)
        found = 0.0
        for node, weight in nodes:
            y = reach * node
            time = m.expm1(y) / (k + 1)  # as a share of since
            found = found + weight * m.exp(y - rate * since * time - (k + 1) * m.log1p(p * time))
        return found * reach * k / (k + 1)

    return formula


# --- means ------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Parameters:
    """The parameters of customers who can leave after each of their purchases.

    Attributes:
        r: The shape of the gamma distribution of purchase rates.
        alpha: Its rate.
        a: The parameter of leaving, of the beta distribution of the chance to leave.
        b: The parameter of staying, of those who have bought but once.
    """

    r: float
    alpha: float
    a: float
    b: float


def averaged(
    engine: Engine, formula: Formula, known: Parameters, bend: float, x: Column, T: Column, *given: Column
) -> Column:
    """The mean of a formula over the chance to leave, of each row; like rows are taken together.

    Args:
        engine: What holds the columns.
        formula: Gives the figure for a chance to leave.
        known: The parameters.
        bend: How much faster than the chance to leave the figure changes, at most.
        x: How often each customer bought, and stayed.
        T: The ages.
        given: What else the figure depends on, alike for many rows.
    """
    (x, T, *others), places = distinct((x, T, *given), engine)
    least, most = engine.span(x)
    grid = beta_grid(known.a, known.b + least, known.b + most, 8.0 ** ceil(log(bend + 1, 8)))
    since = engine.one(lambda _, age: known.alpha + age, T)
    mean = _Mean(engine, formula, known, grid)
    take = mean.one_by_one if engine.name == "python" else mean.at_once
    return engine.taken(take(x, since, *others), places)


@attrs.frozen
class _Mean:
    """The mean of a formula over the chance to leave."""

    engine: Engine
    formula: Formula
    known: Parameters
    grid: BetaGrid

    def one_by_one(self, x: Column, since: Column, *given: Column) -> Column:
        """Group by group."""
        found = [0.0] * len(x)
        groups: dict[tuple[float, ...], list[int]] = {}
        for i, key in enumerate(zip(x, *given, strict=True)):
            groups.setdefault(key, []).append(i)
        for (count, *terms), rows in groups.items():
            values = self.of_a_group(count, terms, self.engine.taken(since, rows), FEW)
            for i, value in zip(rows, values, strict=True):
                found[i] = value
        return found

    def at_once(self, x: Column, since: Column, *given: Column) -> Column:
        """Large groups one by one, all that is left at once."""
        if len(x) < SOME:
            return self.together(x, since, *given)
        m = self.engine.m
        (counts, *terms), places = distinct((x, *given), self.engine)
        found, left = m.empty(len(x)), m.ones(len(x), bool)
        for group in m.flatnonzero(m.bincount(places) >= SOME).tolist():
            rows = places == group
            count, *others = (float(column[group]) for column in (counts, *terms))
            found[rows] = self.of_a_group(count, others, since[rows], SOME)
            left &= ~rows
        if left.any():
            found[left] = self.together(*(column[left] for column in (x, since, *given)))
        return found

    def of_a_group(self, x: float, given: Sequence[float], since: Column, few: int) -> Column:
        """Of customers who differ by their age alone; where they are many, by interpolation."""
        engine = self.engine
        nodes = self.grid.shares, self.grid.weights(self.known.b + x)

        def mean(since: Column) -> Column:
            k, *others = (engine.column([term] * len(since)) for term in (self.known.r + x, *given))
            return engine.mean(self.formula, nodes, k, since, *others)

        def logarithm(places: Column) -> Column:
            return engine.one(lambda m, value: m.log(value), mean(engine.one(lambda m, place: m.exp(place), places)))

        if len(since) < few or min(engine.plain(mean(engine.column(engine.span(since))))) <= 0:
            return mean(since)
        places = engine.one(lambda m, since: m.log(since), since)
        return engine.one(lambda m, value: m.exp(value), along(engine, logarithm, places))

    def together(self, x: Column, since: Column, *given: Column) -> Column:
        """Of customers each of whom may be of another group."""
        m = self.engine.m
        (counts,), places = distinct([x], self.engine)
        weights = self.grid.weights_of(m, self.known.b + counts)
        shares = m.array(self.grid.shares)[:, None]
        size = max(1, BLOCK // len(shares))
        found = m.empty(len(x))
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            values = self.formula(m, shares, self.known.r + x[rows], since[rows], *(cells[rows] for cells in given))
            found[rows] = m.einsum("ij,ij->j", weights[:, places[rows]], values)
        return found
