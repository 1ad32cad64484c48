"""What fitting Pareto/NBD and predicting with it cost beside lifetimes.

``python tests/benchmarks/bench_pareto_nbd.py`` fits the 2,357 CDNOW customers; with numbers such as ``100000``, as many
made up, too, whom lifetimes takes over a minute to fit. lifetimes must be installed.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from side_by_side import Line, quickest, show, speed

from crmcore.analytics.clv import ParetoNBD

warnings.simplefilter("ignore")  # of lifetimes, with a numpy of today

from lifetimes import ParetoNBDFitter  # noqa: E402

ROUNDS = 5
MANY = 10_000
PREDICTED = 1_000_000
WEEKS = 39.0

Table = dict[str, Any]


def cdnow() -> Table:
    """Customers of 1997, a tenth of them."""
    found = find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / "datasets" / "cdnow_customers_summary.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = {"x": "frequency", "t_x": "recency", "T": "T"}
    return {name: np.array([float(row[column]) for row in rows]) for name, column in names.items()}


def made_up(customers: int) -> Table:
    """Customers as the model has it, observed for 27 to 39 weeks, on a grid of days."""
    chance = np.random.default_rng(1)
    buying = chance.gamma(0.553, 1 / 10.578, customers)
    leaving = chance.gamma(0.606, 1 / 11.669, customers)
    ages = chance.integers(189, 274, customers) / 7
    ends = np.minimum(ages, chance.exponential(1 / np.maximum(leaving, 1e-300)))
    x = chance.poisson(buying * ends).astype(float)
    last = ends * chance.random(customers) ** (1 / np.maximum(x, 1))
    return {"x": x, "t_x": np.where(x > 0, np.minimum(np.ceil(last * 7) / 7, ages), 0.0), "T": ages}


def other_fit(table: Table) -> Any:  # noqa: ANN401 - lifetimes has no types
    """The other's way."""
    return ParetoNBDFitter().fit(table["x"], table["t_x"], table["T"])


def check(table: Table) -> None:
    """Both say the same."""
    ours, theirs = ParetoNBD.fit(table).params, other_fit(table).params_
    for name, value in ours.items():
        assert abs(theirs[name] / value - 1) < 0.01, name


def fits(sizes: list[int]) -> Iterator[Line]:
    """One line for each engine and size."""
    for name, table in {"CDNOW, 2,357": cdnow(), **{f"{size:,}": made_up(size) for size in sizes}}.items():
        engines = ["python", "numpy"] if len(table["x"]) < MANY else ["numpy"]
        ours = [lambda engine=engine: ParetoNBD.fit(table, engine=engine) for engine in engines]  # noqa: B023 - timed at once
        *own, theirs = quickest([*ours, lambda: other_fit(table)], ROUNDS if len(table["x"]) < MANY else 1)  # noqa: B023
        for engine, least, taken in zip(engines, (5, 20) if len(engines) > 1 else (50,), own, strict=True):
            yield speed(f"fit Pareto/NBD to customers: {name} ({engine})", "lifetimes", taken, theirs, least)


def predictions(size: int) -> Iterator[Line]:
    """One line for each figure."""
    table = made_up(size)
    history = table["x"], table["t_x"], table["T"]
    model, other = ParetoNBD(0.553, 10.578, 0.606, 11.669), other_fit(cdnow())
    tasks = {
        "P(alive)": (lambda: model.p_alive(*history), lambda: other.conditional_probability_alive(*history)),
        "purchases expected in 39 weeks": (
            lambda: model.conditional_expected_purchases(WEEKS, *history),
            lambda: other.conditional_expected_number_of_purchases_up_to_time(WEEKS, *history),
        ),
    }
    for name, works in tasks.items():
        yield speed(f"Pareto/NBD of {size:,} customers: {name}", "lifetimes", *quickest(works, 3), 1)


def lines(sizes: list[int]) -> Iterator[Line]:
    """One line for each task."""
    check(cdnow())
    yield from fits(sizes)
    yield from predictions(PREDICTED)


if __name__ == "__main__":
    show(lines(list(map(int, sys.argv[1:]))))
