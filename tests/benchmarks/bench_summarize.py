"""What a summary of transactions, and the value of those customers, cost beside lifetimes.

``python tests/benchmarks/bench_summarize.py`` summarizes the same transactions both ways: CDNOW's 69,659 as they lie in
its file, and a million made up ones, as text and in a DataFrame with typed columns; then it values a million customers
over twelve months. Text is what plain Python reads from a file; typed columns are there only where numpy is. lifetimes
comes with its data as a package of that name.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from side_by_side import Line, quickest, show, speed

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import BGNBD, CustomerSummary, GammaGamma, lifetime_value, summarize

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifetimes import BetaGeoFitter, GammaGammaFitter
    from lifetimes.utils import summary_data_from_transaction_data

MILLION = 1_000_000
LAST = "1998-06-30"
PARAMETERS = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


def cdnow() -> dict[str, list[str]]:
    """All purchases of CDNOW's customers of early 1997, as text."""
    found = importlib.util.find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(next(iter(found.submodule_search_locations))) / "datasets" / "CDNOW_master.txt"
    rows = [line.split() for line in path.read_text("ascii").splitlines()[1:]]
    return {"customer": [row[0] for row in rows], "at": [row[1] for row in rows], "amount": [row[3] for row in rows]}


def made_up(chance: np.random.Generator) -> pd.DataFrame:
    """Three purchases a customer, on average, in two years."""
    days = pd.to_timedelta(chance.integers(0, 730, MILLION), unit="D")
    return pd.DataFrame(
        {
            "customer": chance.integers(0, MILLION // 3, MILLION),
            "at": pd.Timestamp("1996-07-01") + days,
            "amount": np.round(chance.gamma(2, 20, MILLION) + 0.01, 2),
        }
    )


def theirs(frame: pd.DataFrame, date_format: str | None = None) -> pd.DataFrame:
    """The table of lifetimes, in weeks."""
    found: pd.DataFrame = summary_data_from_transaction_data(
        frame, "customer", "at", "amount",
        datetime_format=date_format, observation_period_end=LAST.replace("-", "") if date_format else LAST,
        freq="D", freq_multiplier=7,
    )  # fmt: skip
    return found


def check(ours: CustomerSummary, table: pd.DataFrame) -> None:
    """Both say the same of every customer who paid for something."""
    assert ours.mean is not None
    mine = pd.DataFrame({"x": ours.x, "t_x": ours.t_x, "T": ours.T, "mean": ours.mean}, index=list(ours.customer))
    beside = table.loc[mine.index]
    assert (mine.x == beside.frequency).all()
    assert np.allclose(mine.t_x, beside.recency)
    assert np.allclose(mine["T"], beside["T"])
    assert np.allclose(mine["mean"].fillna(0).astype(float), beside.monetary_value)


def summaries() -> Iterator[Line]:
    """A line for each table and engine."""
    told = cdnow()
    text = pd.DataFrame(told).assign(amount=[float(amount) for amount in told["amount"]])
    frame = made_up(np.random.default_rng(1))
    lines = {name: list(map(str, column)) for name, column in frame.assign(at=frame["at"].dt.date).items()}
    written = frame.assign(customer=lines["customer"], at=frame["at"].dt.strftime("%Y%m%d"))
    check(summarize(told, end=LAST, date_format="%Y%m%d"), theirs(text, "%Y%m%d"))
    check(summarize(frame, end=LAST), theirs(frame))
    tasks: list[
        tuple[str, Callable[[EngineName], object], Callable[[], object], int, dict[EngineName, float | None]]
    ] = [
        (
            "69,659 transactions as text",
            lambda engine: summarize(told, end=LAST, date_format="%Y%m%d", engine=engine),
            lambda: theirs(text, "%Y%m%d"),
            7,
            {"python": 1.0, "numpy": None},
        ),
        (
            "1,000,000 transactions as text",
            lambda engine: summarize(lines, end=LAST, engine=engine),
            lambda: theirs(written, "%Y%m%d"),
            3,
            {"python": 1.0, "numpy": None},
        ),
        (
            "1,000,000 transactions in a DataFrame",
            lambda engine: summarize(frame, end=LAST, engine=engine),
            lambda: theirs(frame),
            3,
            {"numpy": 5.0, "python": None},
        ),
    ]
    for what, ours, other, rounds, least in tasks:
        for engine, target in least.items():
            mine, beside = quickest([lambda engine=engine, ours=ours: ours(engine), other], rounds)  # type: ignore[misc]
            yield speed(f"a summary of {what}, {engine}", "lifetimes", mine, beside, target)


def values() -> Iterator[Line]:
    """The value of a million customers over twelve months."""
    chance = np.random.default_rng(1)
    age = chance.integers(190, 273, MILLION)
    x = chance.geometric(0.5, MILLION) - 1
    last = np.where(x > 0, (chance.random(MILLION) * age).astype(int).clip(1), 0)
    mean = chance.gamma(6, 6, MILLION)
    table = pd.DataFrame({"x": x, "t_x": last / 7, "T": age / 7, "mean": np.where(x > 0, mean, 0.0)})
    customers = CustomerSummary.of(table, unit="week")
    model = BGNBD(**PARAMETERS, unit="week")
    purchases, spend = BetaGeoFitter(), GammaGammaFitter()
    purchases.params_, spend.params_ = pd.Series(PARAMETERS), pd.Series(SPEND)
    purchases.predict = purchases.conditional_expected_number_of_purchases_up_to_time

    def beside() -> Any:  # noqa: ANN401 - a Series
        return spend.customer_lifetime_value(
            purchases, table.x, table.t_x, table["T"], table["mean"],
            time=12, discount_rate=1.10 ** (1 / 12) - 1, freq="W",
        )  # fmt: skip

    for engine, least in (("numpy", 25.0), ("python", None)):
        mine, other = quickest(
            [
                lambda engine=engine: lifetime_value(  # type: ignore[misc]
                    model,
                    GammaGamma(**SPEND),
                    customers,
                    horizon="12 months",
                    engine=engine,
                ),
                beside,
            ],
            2,
        )
        yield speed(f"the value of 1,000,000 customers over 12 months, {engine}", "lifetimes", mine, other, least)


def lines() -> Iterator[Line]:
    """Every line."""
    yield from summaries()
    yield from values()


if __name__ == "__main__":
    show(lines())
