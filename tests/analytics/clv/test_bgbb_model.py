"""BG/BB: the donations of the paper, every figure beside a direct sum, and what happens at the boundaries."""

from __future__ import annotations

import csv
import math
import random
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings, strategies as st

from crmcore import Invalid
from crmcore.analytics.clv import BGBB, Fit

Exact = Any  # a number of mpmath

EXACT = {
    "alpha": (1.203522351601914, 0.06939136213770),
    "beta": (0.7497163581729389, 0.02944771662005),
    "gamma": (0.6567182084418324, 0.05100985830738),
    "delta": (2.783442232577381, 0.3208189991318),
}
"""The maximum by Newton's method in 34 digits, its standard errors from the second derivatives there."""

PUBLISHED = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
"""P. S. Fader, B. G. S. Hardie and J. Shang 2010, Table 3."""


@pytest.fixture(scope="module")
def donations() -> dict[str, list[int]]:
    """11,104 supporters who first gave in 1995, by what they did in the six years since."""
    found = find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / "datasets" / "donations.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = {"x": "frequency", "t_x": "recency", "n": "periods", "weights": "weights"}
    return {name: [int(row[column]) for row in rows] for name, column in names.items()}


@pytest.fixture(scope="module")
def fit(donations: dict[str, list[int]]) -> Fit[BGBB]:
    """BG/BB of the donations."""
    return BGBB.fit(donations, weights="weights", unit="year")


def test_the_fit_is_exact(fit: Fit[BGBB]) -> None:
    """Parameters to 1e-8 of the maximum, its log-likelihood to 1e-10, standard errors to 1e-6."""
    assert fit.status == "converged"
    assert fit.customers == 11_104
    assert fit.loglik == pytest.approx(-33225.58127434701, rel=1e-10)
    for name, (value, error) in EXACT.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-8)
        assert fit.se[name] == pytest.approx(error, rel=1e-6)


def test_published_figures_are_found(fit: Fit[BGBB], donations: dict[str, list[int]]) -> None:
    """Fader, Hardie and Shang 2010: Table 3, Table 6, and their sheet of 20 January 2011."""
    assert [round(value, 3) for value in fit.params.values()] == [1.204, 0.750, 0.657, 2.783]
    assert round(fit.loglik, 1) == -33225.6
    model = fit.model
    alive = model.p_alive([0, 2, 6], [0, 4, 6], 6, ahead=1)
    assert [round(share, 2) for share in alive] == [0.11, 0.59, 0.93]
    ahead = model.conditional_expected_purchases(5, donations["x"], donations["t_x"], donations["n"])
    assert sum(map(math.prod, zip(donations["weights"], ahead, strict=True))) == pytest.approx(12884.2, abs=0.05)
    assert [round(11_104 * share, 1) for share in model.pmf([0, 6], 6)] == [3454.9, 1253.1]


def test_standard_errors_come_from_the_curvature(fit: Fit[BGBB], donations: dict[str, list[int]]) -> None:
    """The second derivatives of the likelihood as the paper writes it, taken by mpmath."""
    at = tuple(fit.params.values())

    def loglik(*point: Exact) -> Exact:
        a, b, c, d = map(mpmath.mpf, point)
        base = mpmath.beta(a, b) * mpmath.beta(c, d)
        return sum(
            weight
            * mpmath.log(
                mpmath.beta(a + x, b + n - x) * mpmath.beta(c, d + n)
                + sum(mpmath.beta(a + x, b + t - x) * mpmath.beta(c + 1, d + t) for t in range(t_x, n))
            )
            for x, t_x, n, weight in zip(*donations.values(), strict=True)
        ) - 11_104 * mpmath.log(base)

    def second(i: int, j: int) -> Exact:
        order = [0] * 4
        order[i] += 1
        order[j] += 1
        return mpmath.diff(loglik, at, tuple(order))

    with mpmath.workdps(40):
        assert fit.loglik == pytest.approx(float(loglik(*at)), rel=1e-13)
        information = mpmath.matrix([[-second(i, j) for j in range(4)] for i in range(4)])
        cov = information**-1
        for i in range(4):
            for j in range(4):
                assert fit.cov[i][j] == pytest.approx(float(cov[i, j]), rel=1e-6)


def test_engines_agree(donations: dict[str, list[int]], fit: Fit[BGBB]) -> None:
    """Parameters and predictions to 1e-9, from lists, arrays and DataFrames."""
    by_numpy = BGBB.fit(pd.DataFrame(donations), weights="weights", engine="numpy")
    assert by_numpy.engine == "numpy"
    assert by_numpy.params == pytest.approx(fit.params, rel=1e-9)
    columns = {name: np.array(donations[name]) for name in ("x", "t_x", "n")}
    found = fit.model.conditional_expected_purchases(5, **columns)
    told = fit.model.conditional_expected_purchases(5, *(donations[name] for name in ("x", "t_x", "n")))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == pytest.approx(told, rel=1e-12)


def test_order_and_grouping_change_nothing(donations: dict[str, list[int]], fit: Fit[BGBB]) -> None:
    """Weighted rows, their copies one by one, and any order."""
    rows = list(zip(*donations.values(), strict=True))
    some = [(x, t_x, n, 1 + i % 3) for i, (x, t_x, n, _) in enumerate(rows)]
    singles = [(x, t_x, n) for x, t_x, n, weight in some for _ in range(weight)]
    random.Random(1).shuffle(singles)
    x, t_x, n = zip(*singles, strict=True)
    weighted = BGBB.fit(dict(zip(donations, zip(*some, strict=True), strict=True)), weights="weights")
    assert BGBB.fit(frequency=x, recency=t_x, n_periods=n).params == pytest.approx(weighted.params, rel=1e-9)
    turned = {name: column[::-1] for name, column in donations.items()}
    assert BGBB.fit(turned, weights="weights").params == pytest.approx(fit.params, rel=1e-9)


def test_a_table_gives_a_table(fit: Fit[BGBB]) -> None:
    """By customer, and by lifetimes' names of columns, too."""
    rows = [{"customer": "ada", "frequency": 2, "recency": 4, "n_periods": 6}]
    found = fit.model.p_alive(rows, ahead=1)
    assert found.to_dicts() == [{"customer": "ada", "p_alive": fit.model.p_alive(2, 4, 6, ahead=1)}]
    assert fit.model.p_alive(frequency=2, recency=4, n_periods=6) == fit.model.p_alive(x=2, t_x=4, n=6)


# --- figures ----------------------------------------------------------------------------------------------------------

parameters = st.floats(1e-3, 1e3) | st.sampled_from([0.1, 0.5, 1.0, 1.0000001, 2.0])
models = st.builds(BGBB, alpha=parameters, beta=parameters, gamma=parameters, delta=parameters)


@st.composite
def histories(draw: st.DrawFn, most: int = 40) -> tuple[int, int, int]:
    """x, t_x and n of a customer."""
    n = draw(st.integers(0, most))
    t_x = draw(st.integers(0, n))
    return (draw(st.integers(1, t_x)) if t_x else 0), t_x, n


def beta(a: Exact, b: Exact) -> Exact:
    """The beta function, from the gamma function at the precision that is set."""
    return mpmath.exp(mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b))


def likelihood(model: BGBB, x: int, t_x: int, n: int) -> Exact:
    """As the paper writes it, equation 4, without the constant."""
    a, b, c, d = map(mpmath.mpf, (model.alpha, model.beta, model.gamma, model.delta))
    left = sum(beta(a + x, b + t - x) * beta(c + 1, d + t) for t in range(t_x, n))
    return beta(a + x, b + n - x) * beta(c, d + n) + left


@given(model=models, history=histories(), ahead=st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_p_alive_is_that_of_the_paper(model: BGBB, history: tuple[int, int, int], ahead: int) -> None:
    """Equation 9 at period n + ahead, with 60 digits."""
    x, _, n = history
    with mpmath.workdps(60):
        a, b, c, d = map(mpmath.mpf, (model.alpha, model.beta, model.gamma, model.delta))
        exact = beta(a + x, b + n - x) * beta(c, d + n + ahead) / likelihood(model, *history)
    assert model.p_alive(*history, ahead=ahead) == pytest.approx(float(exact), rel=1e-10, abs=1e-300)
    if history[1] == n:
        assert model.p_alive(*history) == 1.0


@given(model=models, history=histories(), t=st.integers(0, 60), rate=st.sampled_from([0.0, 1e-6, 0.1, 2.0]))
@settings(max_examples=50, deadline=None)
def test_expectations_are_sums_over_periods(model: BGBB, history: tuple[int, int, int], t: int, rate: float) -> None:
    """The chance to be there and to buy, period by period, discounted or not."""
    x, _, n = history
    buying = (model.alpha + x) / (model.alpha + model.beta + n)
    parts = [model.p_alive(*history, ahead=i) * buying for i in range(1, t + 1)]
    whole = math.fsum(parts)
    assert model.conditional_expected_purchases(t, *history) == pytest.approx(whole, rel=1e-10, abs=1e-300)
    present = math.fsum(part * math.exp(-rate * i) for i, part in enumerate(parts, 1))
    assert model.discounted_expected_purchases(rate, t, *history) == pytest.approx(present, rel=1e-10, abs=1e-300)


@given(model=models, t=st.integers(0, 25))
@settings(max_examples=50, deadline=None)
def test_counts_sum_to_1_and_to_their_mean(model: BGBB, t: int) -> None:
    """The chances of 0, 1, … purchases, and their mean, which is what a new customer is expected to buy."""
    shares = model.pmf(list(range(t + 1)), t)
    assert math.fsum(shares) == pytest.approx(1, rel=1e-11)
    mean = math.fsum(n * share for n, share in enumerate(shares))
    assert model.expected_purchases(t) == pytest.approx(mean, rel=1e-10, abs=1e-300)
    assert model.pmf(t + 1, t) == 0.0


@given(model=models, history=histories(6))
@settings(max_examples=30, deadline=None)
def test_a_count_sums_the_histories_it_is_made_of(model: BGBB, history: tuple[int, int, int]) -> None:
    """Equation 7 of the paper, by the likelihood of every order of purchases."""
    x, _, n = history
    with mpmath.workdps(40):
        base = beta(mpmath.mpf(model.alpha), mpmath.mpf(model.beta)) * beta(
            mpmath.mpf(model.gamma), mpmath.mpf(model.delta)
        )
        ways = [(math.comb(t - 1, x - 1), t) for t in range(x, n + 1)] if x else [(1, 0)]
        exact = float(sum(count * likelihood(model, x, t, n) for count, t in ways) / base)
    assert model.pmf(x, n) == pytest.approx(exact, rel=1e-10)


@given(model=models, history=histories(), rate=st.sampled_from([0.05, 0.5, 5.0]))
@settings(max_examples=50, deadline=None)
def test_dert_is_the_sum_for_ever(model: BGBB, history: tuple[int, int, int], rate: float) -> None:
    """Of all discounted purchases to come."""
    whole = model.discounted_expected_purchases(rate, 2_000, *history)
    assert model.dert(rate, *history) == pytest.approx(whole, rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("gamma", [0.008, 0.657, 1.0, 1.0000001, 3.0])
@pytest.mark.parametrize("rate", [1e-9, 1e-4, 0.1])
def test_dert_is_the_published_2f1(gamma: float, rate: float) -> None:
    """Equation 16 of the paper, with d = e^rate − 1 a period, also where the series takes a billion terms."""
    model = BGBB(alpha=1.204, beta=0.75, gamma=gamma, delta=2.783)
    with mpmath.workdps(40):
        a, b, c, d = map(mpmath.mpf, (1.204, 0.75, gamma, 2.783))
        v = mpmath.exp(-mpmath.mpf(rate))
        exact = (
            beta(a + 3, b + 4) * beta(c, d + 7) * v / likelihood(model, 2, 4, 6) * mpmath.hyp2f1(1, d + 7, c + d + 7, v)
        )
    assert model.dert(rate, 2, 4, 6) == pytest.approx(float(exact), rel=1e-10)


def test_residual_lifetime() -> None:
    """The mean of the periods to come, which gamma must be above 1 for."""
    model = BGBB(alpha=1.2, beta=0.75, gamma=1.5, delta=2.8)
    assert model.expected_residual_lifetime(6, 6, 6) == pytest.approx(8.8 / 0.5, rel=1e-14)
    there = sum(model.p_alive([2] * 4000, [4] * 4000, [6] * 4000, ahead=list(range(1, 4001))))
    assert there < model.expected_residual_lifetime(2, 4, 6)
    assert PUBLISHED.expected_residual_lifetime(2, 4, 6) is None
    assert PUBLISHED.expected_residual_lifetime([2, 6], [4, 6], [6, 6]) == [None, None]
    # without discounting, what is bought for ever follows from it
    assert model.dert(0, 2, 4, 6) == pytest.approx(model.expected_residual_lifetime(2, 4, 6) * 3.2 / 7.95, rel=1e-13)
    assert PUBLISHED.dert(0, 2, 4, 6) is None


def test_spans_are_counted_in_periods() -> None:
    """Where the model knows how long a period is."""
    yearly = attrs.evolve(PUBLISHED, unit="year")
    assert yearly.conditional_expected_purchases("5 years", 2, 4, 6) == PUBLISHED.conditional_expected_purchases(
        5, 2, 4, 6
    )
    assert yearly.expected_purchases("24 months") == PUBLISHED.expected_purchases(2)
    assert yearly.pmf(1, "2 years") == PUBLISHED.pmf(1, 2)
    assert yearly.p_alive(2, 4, 6, ahead="1 year") == PUBLISHED.p_alive(2, 4, 6, ahead=1)
    assert BGBB(alpha=1, beta=1, gamma=1, delta=1, unit=timedelta(days=7)).expected_purchases("2 weeks") > 0
    with pytest.raises(Invalid, match="unit"):
        PUBLISHED.expected_purchases("5 years")
    with pytest.raises(Invalid, match="whole number of periods"):
        yearly.expected_purchases("5 months")


@pytest.mark.parametrize("t", [0.5, -1, 1e9, "soon"])
def test_times_are_whole_numbers_of_periods(t: object) -> None:
    """Anything else is refused."""
    for figure in (
        lambda: PUBLISHED.expected_purchases(t),
        lambda: PUBLISHED.conditional_expected_purchases(t, 2, 4, 6),
        lambda: PUBLISHED.p_alive(2, 4, 6, ahead=t),
        lambda: PUBLISHED.pmf(1, t),
        lambda: PUBLISHED.discounted_expected_purchases(0.1, t, 2, 4, 6),
    ):
        with pytest.raises(Invalid):
            figure()


wide = st.floats(-30, 30).map(lambda power: 10.0**power)


@given(
    model=st.builds(BGBB, alpha=wide, beta=wide, gamma=wide, delta=wide),
    history=histories(1000),
    rate=st.sampled_from([0.0, 1e-12, 0.1, 1e6]),
)
@settings(max_examples=60, deadline=None)
def test_no_figure_is_nan_or_infinite(model: BGBB, history: tuple[int, int, int], rate: float) -> None:
    """For parameters of any size: shares from 0 to 1, expectations from 0 on or None."""
    assume(history[2] <= 1000)
    assert 0 <= model.p_alive(*history) <= 1
    assert 0 <= model.p_alive(*history, ahead=7) <= 1
    assert 0 <= model.pmf(history[0], history[2]) <= 1 + 1e-9
    assert 0 <= model.conditional_expected_purchases(50, *history) <= 50
    for figure in (model.dert(rate, *history), model.expected_residual_lifetime(*history)):
        assert figure is None or 0 <= figure < float("inf")


def test_simulated_customers_are_those_of_the_model(fit: Fit[BGBB]) -> None:
    """A fit of twenty thousand comes back within four standard errors; the same seed gives the same."""
    columns = fit.model.simulate(20_000, random.Random(3), periods=6)
    again = BGBB.fit(columns)
    for name, value in fit.params.items():
        error = again.se[name]
        assert error is not None
        assert abs(again.params[name] - value) < 4 * error
    assert fit.model.simulate(5, random.Random(3)) == fit.model.simulate(5, random.Random(3))
    with pytest.raises(Invalid):
        fit.model.simulate(5, random.Random(3), periods=-1)


# --- fits at the boundary ---------------------------------------------------------------------------------------------


def test_case_2_customers_who_do_not_differ_are_a_boundary_with_finite_limits() -> None:
    """Those who all stay buy at one rate, which is told."""
    fit = BGBB.fit(x=[2] * 50 + [3] * 50, t_x=[5] * 50 + [6] * 50, n=[6] * 100)
    assert fit.status == "boundary"
    assert fit.limits["alpha/(alpha+beta)"] == pytest.approx(2.5 / 6, rel=1e-6)
    assert fit.limits["gamma/(gamma+delta)"] == pytest.approx(0, abs=1e-6)
    assert fit.se["beta"] is None


@pytest.mark.parametrize(
    "history", [([0], [0], [6]), ([0] * 9, [0] * 9, [6] * 9), ([6], [6], [6]), ([1], [1], [1]), ([3], [5], [9])]
)
def test_case_12_nobody_bought_again_or_there_is_one_customer(history: tuple[list[int], list[int], list[int]]) -> None:
    """No exception: a label, and finite predictions."""
    x, t_x, n = history
    fit = BGBB.fit(x=x, t_x=t_x, n=n)
    assert fit.status in {"boundary", "unidentified"}
    assert fit.warnings
    assert all(0 <= share <= 1 for share in fit.model.p_alive(x, t_x, n, ahead=1))


def test_case_12_no_period_was_seen() -> None:
    """Nothing is told."""
    fit = BGBB.fit(x=[0, 0], t_x=[0, 0], n=[0, 0])
    assert fit.status == "unidentified"
    assert fit.loglik == 0


@given(rows=st.lists(histories(12), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_no_legal_history_fails(rows: list[tuple[int, int, int]]) -> None:
    """Any histories are fitted or labelled; what is found is finite."""
    x, t_x, n = zip(*rows, strict=True)
    fit = BGBB.fit(x=x, t_x=t_x, n=n)
    assert fit.status in {"converged", "boundary", "unidentified"}
    assert all(0 < value < float("inf") for value in fit.params.values())
    assert -float("inf") < fit.loglik <= 1e-6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1.5, 2, 6), "whole numbers"),
        ((1, 2, 10**7), "whole numbers"),
        ((3, 2, 6), "x ≤ t_x ≤ n"),
        ((1, 7, 6), "x ≤ t_x ≤ n"),
        ((0, 2, 6), "t_x = 0 where x = 0"),
        ((None, 2, 6), "number"),
    ],
)
def test_histories_that_cannot_be_are_refused(row: tuple[Any, Any, Any], message: str) -> None:
    """With what is expected, and where."""
    with pytest.raises(Invalid, match=message):
        BGBB.fit(x=[2, row[0]], t_x=[4, row[1]], n=[6, row[2]])
    with pytest.raises(Invalid):
        PUBLISHED.p_alive(*row)
