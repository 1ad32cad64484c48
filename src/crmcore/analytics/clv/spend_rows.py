"""Customers by how often they bought again and what a purchase came to: what Gamma-Gamma is fitted to."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, sqrt
from typing import Any

import attrs

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.clv.rows import Rows, Rule, gathered, vector, whole
from crmcore.analytics.columns import Columns
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.missing import is_missing

__all__ = ["SPEND", "buyers", "everybody", "filled", "remarks"]

MOST = 2.0**52
"""Purchases; from here on there are no fractions to tell from whole numbers."""

NOTABLE = 0.1
"""The correlation from which on it is told; J. Cohen, Statistical Power Analysis, 1988, calls 0.1 small."""


def _legal(x: Any, mean: Any) -> Any:
    return (x >= 0) & (x < MOST) & whole(x) & ((x == 0) | ((mean > 0) & (mean < inf)))


def _why(x: float, _: float) -> str:
    if not (0 <= x < MOST and whole(x)):
        return "a whole number of repeat purchases as x, 0 or more"
    return "a mean spend above 0 where there are repeat purchases"


SPEND = Rule(("x", "mean"), _legal, _why)


def everybody(columns: Columns, engine: EngineName | None) -> Rows:
    """All customers, one by one: hardly two have spent the same.

    Args:
        columns: x and mean.
        engine: What to calculate with.

    Raises:
        Invalid: Rows are wrong; lists them.
    """
    cells = {**columns.cells, "mean": filled(columns.cells["mean"])}
    return gathered(attrs.evolve(columns, cells=cells), SPEND, engine, together=False)


def filled(mean: Any) -> Any:
    """Means with 0, which no purchase comes to, where one is missing.

    Args:
        mean: A mean, or a column of them.
    """
    array = vector(mean)
    if array is not None:
        missing = array != array  # noqa: PLR0124 - a NaN is not itself
        return engine_for(len(array), "numpy").m.where(missing, 0.0, array) if missing.any() else mean
    if isinstance(mean, Iterable) and not isinstance(mean, str):
        return [0.0 if is_missing(cell) else cell for cell in mean]
    return 0.0 if is_missing(mean) else mean


def buyers(rows: Rows) -> Rows:
    """Those who bought again.

    Args:
        rows: All customers.

    Raises:
        Invalid: There are none.
    """
    engine = rows.engine
    everyone = list(map(engine.column, (*rows.columns, rows.weights)))
    again = engine.one(lambda _, x: x > 0, everyone[0])
    customers = engine.dot(everyone[2], again)
    if not customers > 0:
        mend = "only who bought again tells what purchases come to"
        raise Invalid([Problem("customers", "none with a repeat purchase", "at least one", mend)])
    x, mean, weights = engine.kept(again, *everyone) if customers < rows.customers else everyone
    return Rows((x, mean), weights, customers, engine)


def remarks(rows: Rows, bought: Rows) -> list[str]:
    """What to know before using a model of spend: who was left out, and whether x and mean go together.

    Args:
        rows: All customers.
        bought: Those who bought again.
    """
    found = []
    others = rows.customers - bought.customers
    if others:
        found.append(f"customers without a repeat purchase, who were left out: {others:,.6g}")
    correlation = _correlation(bought)
    if abs(correlation) >= NOTABLE:
        found.append(f"x and mean have a correlation of {correlation:.2f}; the model takes them to be independent")
    return found


def _correlation(rows: Rows) -> float:
    """Pearson's; 0 where one of the columns does not differ."""
    engine, (x, mean) = rows.engine, rows.columns
    apart = [_from_middle(rows, column) for column in (x, mean)]
    xx, xm, mm = engine.sums(_products, rows.weights, *apart)
    return xm / sqrt(xx * mm) if xx * mm > 0 else 0.0


def _from_middle(rows: Rows, column: Any) -> Any:
    middle = rows.engine.dot(rows.weights, column) / rows.customers
    return rows.engine.one(lambda _, cell: cell - middle, column)


def _products(_: Any, weight: Any, x: Any, mean: Any) -> tuple[Any, ...]:
    return weight * x * x, weight * x * mean, weight * mean * mean
