"""What BG/NBD costs beside lifetimes: fits of three sizes, by plain Python and by numpy, and predictions.

``python tests/benchmarks/bench_clv.py`` needs lifetimes 0.11.3, from whose wheel the sample of CDNOW comes; the larger
customer bases are made up with its parameters, on a grid of days as shops have it. Both get arrays, plain Python gets
lists. What lifetimes takes for its import is not counted, nor are its warnings shown. Predictions are made anew each
time: nothing is kept from one to the next.
"""

from __future__ import annotations

import csv
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import Line, quickest, show, speed

from crmcore.analytics.calculus.quadrature import beta_grid
from crmcore.analytics.clv import BGNBD

warnings.simplefilter("ignore")  # lifetimes is no longer kept up with numpy and pandas

from lifetimes import BetaGeoFitter  # noqa: E402

SIZES = {100_000: (40.0, 5.0, 3), 1_000_000: (40.0, 5.0, 2)}
"""Customers: the targets of numpy and of plain Python, and how many rounds."""

DAYS = 273
Columns = tuple[Any, Any, Any]


def cdnow() -> Columns:
    """The sample of CDNOW: x, t_x and T, in weeks."""
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0], "datasets", "cdnow_customers_summary.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [tuple(map(float, row[1:])) for row in list(csv.reader(file))[1:]]
    x, t_x, age = map(np.array, zip(*rows, strict=True))
    return x, t_x, age


def made_up(count: int) -> Columns:
    """Customers with the parameters of CDNOW, who buy on whole days: x, t_x and T, in weeks.

    Args:
        count: How many.
    """
    rng = np.random.default_rng(1)
    age = rng.integers(1, DAYS + 1, count).astype(float)
    rate, leaving = rng.gamma(0.243, 1 / (4.414 * 7), count), rng.beta(0.793, 2.426, count)
    x, last = np.zeros(count), np.zeros(count)
    there = np.arange(count)
    while len(there):
        after = np.floor(last[there] + rng.exponential(1 / np.maximum(rate[there], 1e-300))) + 1
        there, after = there[after <= age[there]], after[after <= age[there]]
        x[there] += 1
        last[there] = after
        there = there[rng.random(len(there)) >= leaving[there]]
    return x, last / 7, age / 7


def fits(name: str, columns: Columns, fast: float, plain: float, rounds: int) -> Iterator[Line]:
    """Fits of one customer base.

    Args:
        name: What it is.
        columns: Its x, t_x and T.
        fast: The target of numpy.
        plain: The target of plain Python.
        rounds: How many times each is fitted.
    """
    x, t_x, age = (column.tolist() for column in columns)
    arrays = dict(zip(("x", "t_x", "T"), columns, strict=True))
    works = [
        lambda: BetaGeoFitter().fit(*columns),
        lambda: BGNBD.fit(**arrays, engine="numpy"),
        lambda: BGNBD.fit(x=x, t_x=t_x, T=age, engine="python"),
    ]
    theirs, ours, ours_plain = quickest(works, rounds)
    yield speed(f"BG/NBD fit, {name}, numpy", "lifetimes", ours, theirs, fast)
    yield speed(f"BG/NBD fit, {name}, plain Python", "lifetimes", ours_plain, theirs, plain)


def predictions(name: str, columns: Columns, rounds: int) -> Iterator[Line]:
    """Predictions for one customer base.

    Args:
        name: What it is.
        columns: Its x, t_x and T.
        rounds: How many times each is made.
    """
    model, other = BGNBD(r=0.2426, alpha=4.4135, a=0.7929, b=2.4258), BetaGeoFitter()
    other.params_ = {"r": model.r, "alpha": model.alpha, "a": model.a, "b": model.b}

    def expected() -> object:
        beta_grid.cache_clear()
        return model.conditional_expected_purchases(39, *columns)

    theirs, ours = quickest(
        [lambda: other.conditional_probability_alive(*columns), lambda: model.p_alive(*columns)], rounds
    )
    yield speed(f"P(alive), {name}", "lifetimes", ours, theirs, 1)
    theirs, ours = quickest(
        [lambda: other.conditional_expected_number_of_purchases_up_to_time(39, *columns), expected], rounds
    )
    yield speed(f"E[Y(39)], {name}", "lifetimes", ours, theirs, 1)


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    sample = cdnow()
    yield from fits("CDNOW (2,357 customers)", sample, 100, 10, 15)
    yield from predictions("CDNOW, arrays", sample, 30)
    yield from predictions("CDNOW, columns of a DataFrame", as_series(sample), 30)
    for count, (fast, plain, rounds) in SIZES.items():
        columns = made_up(count)
        yield from fits(f"{count:,} customers", columns, fast, plain, rounds)
        yield from predictions(f"{count:,} customers", columns, rounds)


def as_series(columns: Columns) -> Columns:
    """As most users have them.

    Args:
        columns: Arrays.
    """
    import pandas as pd

    x, t_x, age = map(pd.Series, columns)
    return x, t_x, age


if __name__ == "__main__":
    show(lines())
