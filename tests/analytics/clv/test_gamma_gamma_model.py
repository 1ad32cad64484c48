"""Gamma-Gamma: the CDNOW buyers, every figure beside another method, and what happens at the boundaries."""

from __future__ import annotations

import csv
import random
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from crmcore import Invalid
from crmcore.analytics.clv import CustomerSummary, Fit, GammaGamma, Prediction, summarize

EXACT = {
    "p": (6.248802489709097, 1.189687037658035),
    "q": (3.744588453287469, 0.2901656151351763),
    "v": (15.44774800946372, 4.159993878325251),
}
"""The maximum by Newton's method in 34 digits, its standard errors from the second derivatives there in 50."""

PUBLISHED = GammaGamma(p=6.25, q=3.74, v=15.44)
"""P. S. Fader and B. G. S. Hardie, The Gamma-Gamma Model of Monetary Value, 2013."""

Exact = Any  # a number of mpmath


@pytest.fixture(scope="module")
def cdnow() -> dict[str, list[float]]:
    """A tenth of the CDNOW customers over 39 weeks, 946 of whom bought again."""
    found = find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / "datasets" / "cdnow_customers_summary_with_transactions.csv"
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {"x": [float(row["x"]) for row in rows], "mean": [float(row["zbar"]) for row in rows]}


@pytest.fixture(scope="module")
def fit(cdnow: dict[str, list[float]]) -> Fit[GammaGamma]:
    """Gamma-Gamma of the CDNOW buyers."""
    return GammaGamma.fit(cdnow)


def test_the_fit_is_exact(fit: Fit[GammaGamma]) -> None:
    """Parameters to 1e-8 of the maximum, its log-likelihood to 1e-10, standard errors to 1e-6."""
    assert fit.status == "converged"
    assert fit.customers == 946
    assert fit.loglik == pytest.approx(-4055.923243502864, rel=1e-10)
    for name, (value, error) in EXACT.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-8)
        assert fit.se[name] == pytest.approx(error, rel=1e-6)


def test_published_figures_are_found(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """Parameters as printed, and the spend expected of the first ten customers in Hardie's sheet."""
    assert [round(fit.params[name], 2) for name in ("p", "q")] == [6.25, 3.74]
    assert fit.params["v"] == pytest.approx(15.44, abs=0.01)
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    found = fit.model.expected_spend(cdnow["x"][:10], cdnow["mean"][:10])
    assert found == pytest.approx(published, abs=0.011)  # the sheet has means that are not rounded to cents
    assert fit.model.population_mean == pytest.approx(35.17, abs=0.005)


def test_the_likelihood_is_that_of_the_paper(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """Its value with 40 digits, and no slope at the maximum."""

    def density(p: Exact, q: Exact, v: Exact) -> Exact:
        return sum(
            mpmath.loggamma(p * x + q)
            - mpmath.loggamma(p * x)
            - mpmath.loggamma(q)
            + q * mpmath.log(v)
            + (p * x - 1) * mpmath.log(m)
            + p * x * mpmath.log(x)
            - (p * x + q) * mpmath.log(v + x * m)
            for x, m in zip(cdnow["x"], cdnow["mean"], strict=True)
            if x
        )

    at = tuple(fit.params.values())
    with mpmath.workdps(30):
        assert fit.loglik == pytest.approx(float(density(*map(mpmath.mpf, at))), rel=1e-13)
        for i in range(3):
            slope = mpmath.diff(density, at, tuple(int(i == j) for j in range(3)))
            assert abs(float(slope)) < 1e-8


# --- spend ------------------------------------------------------------------------------------------------------------

parameters = st.floats(1e-3, 1e3) | st.sampled_from([0.5, 1.0, 1.0000001, 2.0])


@given(p=parameters, q=parameters, v=parameters, x=st.integers(0, 1000), mean=st.floats(0.01, 1e5))
def test_expected_spend_lies_between_a_customer_and_all(p: float, q: float, v: float, x: int, mean: float) -> None:
    """Their own mean and that of the population, weighted; None where it is infinite."""
    model = GammaGamma(p=p, q=q, v=v)
    found = model.expected_spend(x, mean)
    if p * x + q <= 1:
        assert found is None
    elif q > 1:
        share = Fraction(p) * x / (Fraction(p) * x + Fraction(q) - 1)
        exact = share * Fraction(mean) + (1 - share) * Fraction(p) * Fraction(v) / (Fraction(q) - 1)
        assert found == pytest.approx(float(exact), rel=1e-9)
    else:
        assert 0 < found < float("inf")


@pytest.mark.parametrize(("p", "q", "v", "x", "mean"), [(6.25, 3.74, 15.44, 2, 22.35), (0.4, 0.9, 10.0, 1, 5.0)])
def test_expected_spend_is_a_posterior_mean(p: float, q: float, v: float, x: int, mean: float) -> None:
    """Of p / ν, over the gamma distribution ν has after x purchases."""
    with mpmath.workdps(30):
        shape, rate = mpmath.mpf(p) * x + q, mpmath.mpf(v) + x * mean
        exact = mpmath.quad(
            lambda u: p / u * rate**shape * u ** (shape - 1) * mpmath.exp(-rate * u) / mpmath.gamma(shape),
            [0, shape / rate / 10, shape / rate, 10 * shape / rate, mpmath.inf],
        )
    assert GammaGamma(p=p, q=q, v=v).expected_spend(x, mean) == pytest.approx(float(exact), rel=1e-9)


def test_case_8_without_repeat_purchases_spend_is_that_of_the_population() -> None:
    """Whatever the mean says, or when it is missing."""
    whole = PUBLISHED.population_mean
    assert whole == pytest.approx(6.25 * 15.44 / 2.74, rel=1e-14)
    for mean in (None, 0, 0.0, 99, float("nan")):
        assert PUBLISHED.expected_spend(0, mean) == whole
    assert PUBLISHED.expected_spend([0, 2], [None, 22.35]) == [whole, PUBLISHED.expected_spend(2, 22.35)]


def test_case_8_an_infinite_mean_is_none() -> None:
    """Where others tell −200: p = 2, q = 0.9, v = 10."""
    model = GammaGamma(p=2, q=0.9, v=10)
    assert model.population_mean is None
    assert model.expected_spend(0, 0) is None
    assert model.expected_spend([0, 1], [0, 5]) == [None, pytest.approx(2 * (10 + 5) / 1.9)]
    found = model.expected_spend(np.array([0, 1]), np.array([0.0, 5.0]))
    assert found[0] is None
    assert found[1] == pytest.approx(2 * (10 + 5) / 1.9)
    assert GammaGamma(p=0.05, q=0.9, v=10).expected_spend(1, 5) is None
    assert GammaGamma(p=2, q=1, v=10).population_mean is None


def test_case_8_the_fit_says_that_the_mean_is_infinite() -> None:
    """A warning beside the parameters."""
    counts = [1 + i % 4 for i in range(400)]
    fit = GammaGamma.fit(x=counts, mean=GammaGamma(p=2, q=0.7, v=10).simulate(counts, random.Random(1)))
    assert fit.model.q <= 1
    assert any("infinite" in warning for warning in fit.warnings)


def test_case_8_customers_without_repeat_purchases_are_left_out_and_counted(
    fit: Fit[GammaGamma], cdnow: dict[str, list[float]]
) -> None:
    """1,411 of them; without them the fit is the same."""
    assert "customers without a repeat purchase, who were left out: 1,411" in fit.warnings
    buyers = [(x, mean) for x, mean in zip(cdnow["x"], cdnow["mean"], strict=True) if x]
    alone = GammaGamma.fit(x=[x for x, _ in buyers], mean=[mean for _, mean in buyers])
    assert alone.params == pytest.approx(fit.params, rel=1e-12)
    assert not any("left out" in warning for warning in alone.warnings)


def test_case_8_a_correlation_of_frequency_and_spend_is_told(fit: Fit[GammaGamma]) -> None:
    """0.11 in CDNOW; none where there is none."""
    assert any("correlation of 0.11" in warning for warning in fit.warnings)
    apart = GammaGamma.fit(x=[1, 1, 2, 2] * 20, mean=[10, 20, 10, 20] * 20)
    assert not any("correlation" in warning for warning in apart.warnings)


@pytest.mark.parametrize("mean", [0, -5, None, float("nan"), "much"])
def test_case_8_means_of_0_or_below_are_refused_by_row(mean: object) -> None:
    """With the rows they are in; one that bought again has spent something."""
    with pytest.raises(Invalid, match=r"rows? 2"):
        GammaGamma.fit(x=[2, 1, 3], mean=[22.35, mean, 5.0])
    with pytest.raises(Invalid):
        PUBLISHED.expected_spend([2, 1], [22.35, mean])


@pytest.mark.parametrize("x", [-1, 1.5, None, float("inf")])
def test_counts_are_whole(x: object) -> None:
    """Anything else is refused."""
    with pytest.raises(Invalid):
        GammaGamma.fit(x=[2, x], mean=[1.0, 1.0])
    with pytest.raises(Invalid):
        PUBLISHED.expected_spend(x, 5.0)


# --- input ------------------------------------------------------------------------------------------------------------


def test_engines_agree(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """Parameters, errors and spend to 1e-9, from lists, arrays and DataFrames, holes included."""
    frame = pd.DataFrame(cdnow)
    frame.loc[frame["x"] == 0, "mean"] = np.nan
    by_numpy = GammaGamma.fit(frame, engine="numpy")
    assert (fit.engine, by_numpy.engine) == ("python", "numpy")
    assert by_numpy.params == pytest.approx(fit.params, rel=1e-9)
    assert by_numpy.se == pytest.approx(fit.se, rel=1e-9)
    assert by_numpy.warnings == fit.warnings
    told = fit.model.expected_spend(cdnow["x"], cdnow["mean"])
    series = fit.model.expected_spend(frame["x"], frame["mean"])
    assert isinstance(series, pd.Series)
    assert series.tolist() == pytest.approx(told, rel=1e-12)
    whole = fit.model.expected_spend(np.array([1, 2]), np.array([5, 6]))
    assert whole.tolist() == pytest.approx(fit.model.expected_spend([1, 2], [5, 6]), rel=1e-12)


def test_order_grouping_and_names_change_nothing(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """Rows in any order, weights in place of copies, lifetimes' words."""
    rows = sorted(zip(cdnow["x"], cdnow["mean"], strict=True), reverse=True)
    turned = GammaGamma.fit(frequency=[x for x, _ in rows], monetary_value=[mean for _, mean in rows])
    assert turned.params == pytest.approx(fit.params, rel=1e-9)
    weighted = GammaGamma.fit(x=cdnow["x"], mean=cdnow["mean"], weights=[2] * len(rows))
    assert weighted.params == pytest.approx(fit.params, rel=1e-9)
    assert weighted.loglik == pytest.approx(2 * fit.loglik, rel=1e-12)
    copies = GammaGamma.fit(x=cdnow["x"] * 2, mean=cdnow["mean"] * 2)
    assert copies.params == pytest.approx(weighted.params, rel=1e-9)


@pytest.mark.parametrize("truth", [PUBLISHED, GammaGamma(p=5, q=1e6, v=6e6)])
def test_many_customers_are_fitted_as_exactly(truth: GammaGamma) -> None:
    """Some of them tell where to begin, all of them where to end; weights say the same."""
    rng = random.Random(1)
    x = [1 + i % 5 for i in range(1_000)]
    mean = truth.simulate(x, rng)
    few = GammaGamma.fit(x=x, mean=mean, weights=[25] * 1_000)
    apart = [each * (1 + 1e-13 * i) for i in range(25) for each in mean if each]
    many = GammaGamma.fit(x=x * 25, mean=apart, engine="numpy")
    assert many.status == few.status
    assert many.loglik == pytest.approx(few.loglik, rel=1e-9)
    assert many.params["p"] == pytest.approx(few.params["p"], rel=1e-6)


def test_another_currency_changes_the_scale_alone(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """In cents, v is a hundred times as large; p and q stay."""
    cents = GammaGamma.fit(x=cdnow["x"], mean=[100 * mean for mean in cdnow["mean"]])
    assert cents.model.p == pytest.approx(fit.model.p, rel=1e-9)
    assert cents.model.q == pytest.approx(fit.model.q, rel=1e-9)
    assert cents.model.v == pytest.approx(100 * fit.model.v, rel=1e-9)


def test_a_summary_gives_a_table() -> None:
    """Of transactions with amounts, by customer."""
    orders = [
        {"customer": "ada", "at": f"2026-0{month}-01", "amount": amount}
        for month, amount in ((1, 10), (2, 20), (3, 30))
    ]
    orders.append({"customer": "bob", "at": "2026-01-07", "amount": 15})
    summary = summarize(orders, end="2026-06-30")
    found = PUBLISHED.expected_spend(summary)
    assert isinstance(found, Prediction)
    assert found.to_dicts() == [
        {"customer": "ada", "expected_spend": PUBLISHED.expected_spend(2, 25.0)},
        {"customer": "bob", "expected_spend": PUBLISHED.population_mean},
    ]
    fit = GammaGamma.fit(summary)
    assert fit.customers == 1
    without = CustomerSummary.of({"x": [2], "t_x": [3], "T": [5]}, unit="week")
    with pytest.raises(Invalid, match="mean"):
        GammaGamma.fit(without)
    unnamed = PUBLISHED.expected_spend([{"x": 0, "mean": ""}, {"x": 1, "mean": "5"}])
    assert unnamed.customer == range(1, 3)
    assert list(unnamed.to_dicts()[1].values())[1] == PUBLISHED.expected_spend(1, 5)


def test_simulated_customers_are_those_of_the_model() -> None:
    """A fit of five thousand comes back within four standard errors; the same seed gives the same."""
    counts = [1 + i % 9 for i in range(5_000)]
    fit = GammaGamma.fit(x=counts, mean=PUBLISHED.simulate(counts, random.Random(1)))
    for name in ("p", "q", "v"):
        error = fit.se[name]
        assert error is not None
        assert abs(fit.params[name] - getattr(PUBLISHED, name)) < 4 * error
    assert PUBLISHED.simulate([0, 2], random.Random(1)) == PUBLISHED.simulate([0, 2], random.Random(1))
    assert PUBLISHED.simulate([0], random.Random(1)) == [None]
    with pytest.raises(Invalid):
        PUBLISHED.simulate([-1], random.Random(1))


# --- fits at the boundary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "mean"), [([3, 2, 1, 7], 10.0), ([1] * 20, 7.0), ([5], 0.01)])
def test_case_2_equal_means_are_a_boundary_with_a_finite_limit(x: list[int], mean: float) -> None:
    """All parameters run away; what is spent does not."""
    fit = GammaGamma.fit(x=x, mean=[mean] * len(x))
    assert fit.status == "boundary"
    assert fit.limits["p*v/(q-1)"] == pytest.approx(mean, rel=1e-6)
    assert fit.se["p"] is None


def test_case_2_customers_who_do_not_differ_are_a_boundary() -> None:
    """Q and v run to infinity, v / q is what the rates of all are one over."""
    rng = random.Random(1)
    counts = [1 + i % 7 for i in range(1000)]
    fit = GammaGamma.fit(x=counts, mean=GammaGamma(p=5, q=1e4, v=6e4).simulate(counts, rng))
    assert fit.status == "boundary"
    assert fit.model.p == pytest.approx(5, rel=0.1)
    assert fit.limits["v/q"] == pytest.approx(6, rel=0.1)


def test_case_2_purchases_of_a_customer_that_do_not_differ_are_a_boundary() -> None:
    """P runs to infinity and v to 0, with a finite product."""
    rng = random.Random(1)
    counts = [1 + i % 7 for i in range(1000)]
    fit = GammaGamma.fit(x=counts, mean=GammaGamma(p=1e6, q=5, v=1e-4).simulate(counts, rng))
    assert fit.status == "boundary"
    assert fit.limits["p*v"] == pytest.approx(100, rel=0.2)


def test_large_shapes_are_fitted_exactly() -> None:
    """Prices that hardly differ: nearly all of the likelihood cancels, what is left is exact."""
    truth = GammaGamma(p=1e5, q=1e6, v=300)
    counts = [1 + i % 7 for i in range(1000)]
    means = truth.simulate(counts, random.Random(1))
    fit = GammaGamma.fit(x=counts, mean=means)
    assert fit.status == "converged"
    with mpmath.workdps(40):
        p, q, v = map(mpmath.mpf, fit.params.values())
        slope = sum(
            x
            * (
                mpmath.digamma(p * x + q)
                - mpmath.digamma(p * x)
                + mpmath.log(x * mpmath.mpf(m) / (v + x * mpmath.mpf(m)))
            )
            for x, m in zip(counts, means, strict=True)
        )
        assert abs(float(slope * p)) < 1e-2
    assert GammaGamma.fit(x=counts, mean=means, engine="numpy").params == pytest.approx(fit.params, rel=1e-6)


def test_case_12_nobody_bought_again() -> None:
    """Then spend cannot be told, and the message says so."""
    with pytest.raises(Invalid, match="only who bought again"):
        GammaGamma.fit(x=[0, 0], mean=[None, 0])


@given(
    rows=st.lists(st.tuples(st.integers(1, 50), st.floats(1e-6, 1e9)), min_size=1, max_size=10),
)
@settings(max_examples=40, deadline=None)
def test_no_legal_rows_fail(rows: list[tuple[int, float]]) -> None:
    """Any spend is fitted or labelled; what is found is finite."""
    x, mean = zip(*rows, strict=True)
    fit = GammaGamma.fit(x=x, mean=mean)
    assert fit.status in {"converged", "boundary", "unidentified"}
    assert all(0 < value < float("inf") for value in fit.params.values())
    assert abs(fit.loglik) < float("inf")
    assert all(spend is None or 0 < spend < float("inf") for spend in fit.model.expected_spend(x, mean))


def test_spend_of_any_size_is_fitted() -> None:
    """From the least to the largest of numbers."""
    fit = GammaGamma.fit(x=[1, 2, 3], mean=[1e-300, 1e300, 1.0])
    assert all(0 < value < float("inf") for value in fit.params.values())


def test_a_penalty_draws_parameters_towards_1(fit: Fit[GammaGamma], cdnow: dict[str, list[float]]) -> None:
    """And is told apart from the log-likelihood."""
    drawn = GammaGamma.fit(cdnow, penalty=0.01)
    assert drawn.model.v < fit.model.v
    assert drawn.loglik < fit.loglik
