"""What holds of Pareto/NBD and NBD whatever the parameters, the histories, their order and their unit."""

from __future__ import annotations

import random
from collections import Counter
from math import isfinite, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from crmcore import Invalid
from crmcore.analytics.clv import NBD, ParetoNBD

MODELS: list[type[Any]] = [ParetoNBD, NBD]
MODEL = ParetoNBD(r=0.55, alpha=10.58, s=0.61, beta=11.67, unit="week")


def powers(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers evenly spread on the logarithm."""
    return st.floats(low, high).map(lambda power: 10.0**power)


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, float, float]:
    """x, t_x and T of a customer who can be."""
    x = draw(st.sampled_from([0, 0, 1, 2, 30, 1000]))
    age = draw(powers(-3, 5)) if x else draw(st.one_of(st.just(0.0), powers(-3, 5)))
    return x, age * draw(st.sampled_from([1.0, 0.999, 0.5, 1e-6])) if x else 0.0, age


parameters = st.tuples(powers(-6, 6), powers(-6, 6), st.one_of(st.just(1.0), powers(-6, 6)), powers(-6, 6))
ahead = st.one_of(st.just(0.0), powers(-3, 5))


def figures(model: Any, history: Any, ahead: float, rate: float) -> dict[str, Any]:  # noqa: ANN401 - of two classes
    """Every prediction of a customer, or of columns of them."""
    return {
        "p_alive": model.p_alive(*history),
        "p_alive ahead": model.p_alive(*history, ahead=ahead),
        "purchases": model.conditional_expected_purchases(ahead, *history),
        "discounted": model.discounted_expected_purchases(rate, ahead, *history),
        "dert": model.dert(rate, *history),
        "residual": model.expected_residual_lifetime(*history),
    }


@given(parameters, histories(), ahead, st.one_of(st.just(0.0), powers(-6, 1)), st.integers(0, 1000))
def test_every_figure_is_finite(
    values: tuple[float, float, float, float], history: tuple[int, float, float], ahead: float, rate: float, n: int
) -> None:
    """No NaN, no infinity: None only where a sum is infinite; probabilities are from 0 to 1."""
    r, alpha, s, beta = values
    for model in (ParetoNBD(r=r, alpha=alpha, s=s, beta=beta), NBD(r=r, alpha=alpha)):
        endless = isinstance(model, NBD) or s <= 1
        found = figures(model, history, ahead, rate)
        found |= {"new": model.expected_purchases(ahead), "pmf": model.pmf(n, ahead)}
        for name, value in found.items():
            if value is None:
                assert endless, name
                assert name == "residual" or (name == "dert" and not rate), name
            else:
                assert isfinite(value), name
                assert value >= 0, name
        for name in ("p_alive", "p_alive ahead", "pmf"):
            assert found[name] <= 1 + 1e-12, name
        assert found["p_alive ahead"] <= found["p_alive"]
        assert found["discounted"] <= found["purchases"] * (1 + 1e-9)


@given(parameters, st.lists(histories(), min_size=1, max_size=8), ahead, powers(-4, 0))
def test_numpy_says_the_same(
    values: tuple[float, float, float, float], rows: list[tuple[int, float, float]], ahead: float, rate: float
) -> None:
    """To nine digits."""
    r, alpha, s, beta = values
    lists = [list(map(float, column)) for column in zip(*rows, strict=True)]
    arrays = list(map(np.array, lists))
    for model in (ParetoNBD(r=r, alpha=alpha, s=s, beta=beta), NBD(r=r, alpha=alpha)):
        by_numpy = figures(model, arrays, ahead, rate)
        for name, column in figures(model, lists, ahead, rate).items():
            assert [type(value) for value in column] == [type(value) for value in by_numpy[name].tolist()], name
            known = [value for value in column if value is not None]
            assert [value for value in by_numpy[name].tolist() if value is not None] == pytest.approx(
                known, rel=1e-9, abs=1e-300
            ), name


def test_many_rows_at_once() -> None:
    """More than numpy works on at once, some of each count of nodes, and none at all."""
    chance = random.Random(5)
    x = np.array([float(chance.choice([0, 1, 5, 60])) for _ in range(30_000)])
    ages = np.array([chance.uniform(1, 100) for _ in x])
    t_x = np.where(x > 0, ages * np.array([chance.random() for _ in x]), 0.0)
    alive = MODEL.p_alive(x, t_x, ages)
    discounted = MODEL.discounted_expected_purchases(0.002, 52, x, t_x, ages)
    for i in range(0, 30_000, 997):
        history = float(x[i]), float(t_x[i]), float(ages[i])
        assert alive[i] == pytest.approx(MODEL.p_alive(*history), rel=1e-12)
        assert discounted[i] == pytest.approx(MODEL.discounted_expected_purchases(0.002, 52, *history), rel=1e-11)
    empty = np.array([])
    assert MODEL.p_alive(empty, empty, empty).tolist() == []
    assert MODEL.p_alive([], [], []) == []


@pytest.fixture(scope="module")
def customers() -> dict[str, list[float]]:
    """Made up as the model has it, on a grid of days."""
    summary = MODEL.simulate(600, random.Random(3), T=52.0)
    days = [min(364, max(1, round(7 * t))) if x else 0 for x, t in zip(summary.x, summary.t_x, strict=True)]
    return {"x": list(map(float, summary.x)), "t_x": [day / 7 for day in days], "T": [52.0] * 600}


@pytest.mark.parametrize("model", MODELS)
def test_numpy_fits_the_same(model: type[Any], customers: dict[str, list[float]]) -> None:
    """Parameters, standard errors and likelihood."""
    plain, fast = (model.fit(customers, engine=engine) for engine in ("python", "numpy"))
    assert (plain.engine, fast.engine) == ("python", "numpy")
    assert fast.loglik == pytest.approx(plain.loglik, rel=1e-12)
    assert fast.params == pytest.approx(plain.params, rel=1e-9)
    assert dict(fast.se) == pytest.approx(dict(plain.se), rel=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_another_unit_of_time(model: type[Any], customers: dict[str, list[float]]) -> None:
    """Days for weeks: rates are divided by 7, and what is expected stays."""
    days = {"x": customers["x"], **{name: [7 * time for time in customers[name]] for name in ("t_x", "T")}}
    weekly, daily = model.fit(customers, unit="week"), model.fit(days, unit="day")
    factors = {"alpha": 7.0, "beta": 7.0}
    assert daily.params == pytest.approx(
        {name: value * factors.get(name, 1.0) for name, value in weekly.params.items()}, rel=1e-9
    )
    density = 0.0 if model is NBD else sum(customers["x"]) * log(7)  # a count has no unit
    assert daily.loglik == pytest.approx(weekly.loglik - density, rel=1e-12)
    assert daily.model.conditional_expected_purchases("3 months", 3, 210, 364) == pytest.approx(
        weekly.model.conditional_expected_purchases("3 months", 3, 30, 52), rel=1e-9
    )


@pytest.mark.parametrize("model", MODELS)
def test_order_and_grouping(model: type[Any], customers: dict[str, list[float]]) -> None:
    """Shuffled rows, or like rows with their number, are the same customers."""
    rows = list(zip(*customers.values(), strict=True))
    fit = model.fit(customers)
    random.Random(1).shuffle(rows)
    shuffled = model.fit(dict(zip(customers, zip(*rows, strict=True), strict=True)))
    counted = Counter(rows)
    grouped = model.fit(dict(zip(customers, zip(*counted, strict=True), strict=True)), weights=list(counted.values()))
    for other in (shuffled, grouped):
        assert other.params == pytest.approx(fit.params, rel=1e-9)
        assert other.loglik == pytest.approx(fit.loglik, rel=1e-12)
        assert other.customers == 600


@pytest.mark.parametrize("model", [MODEL, NBD(r=0.55, alpha=10.58)])
def test_what_is_made_up_is_found_again(model: Any) -> None:  # noqa: ANN401 - of two classes
    """A model simulates what it expects, and is told from it within three standard errors."""
    summary = model.simulate(4_000, random.Random(8), T=52.0)
    assert sum(summary.x) / 4_000 == pytest.approx(model.expected_purchases(52), rel=0.1)
    columns = {"x": list(map(float, summary.x)), "t_x": list(summary.t_x), "T": list(summary.T)}
    fit = type(model).fit(columns, engine="numpy")
    for name, value in fit.params.items():
        assert abs(value - getattr(model, name)) < 3 * fit.se[name], name


def test_rates_too_small_to_be_held() -> None:
    """Somebody who never buys, or never leaves, can be made up."""
    for model in (ParetoNBD(r=1e-4, alpha=1, s=1e-4, beta=1), NBD(r=1e-4, alpha=1)):
        summary = model.simulate(20, random.Random(1), T=52.0)
        assert list(summary.x) == [0] * 20
    summary = ParetoNBD(r=5, alpha=1, s=1e-4, beta=1).simulate(20, random.Random(1), T=52.0)
    assert min(summary.x) > 20


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf")])
def test_a_parameter_that_is_none(model: type[Any], wrong: float) -> None:
    """It is named."""
    names = model.NAMES
    with pytest.raises(Invalid, match=names[-1]):
        model(**dict.fromkeys(names[:-1], 1.0), **{names[-1]: wrong})
