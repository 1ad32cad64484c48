"""What users of other packages ran into with these models, each as a named case."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import BGNBD, MBGNBD, Fit

Columns = dict[str, list[float]]


def columns(rows: list[tuple[float, float, float]]) -> Columns:
    """Rows as columns."""
    return dict(zip(("x", "t_x", "T"), map(list, zip(*rows, strict=True)), strict=True))


def bought(rng: Random, rate: float, leaving: float, end: float) -> tuple[float, float, float]:
    """A customer with a rate and a chance to leave after each repeat purchase."""
    x, last = 0, 0.0
    while (after := last + rng.expovariate(rate)) <= end:
        x, last = x + 1, after
        if rng.random() < leaving:
            break
    return x, last, end


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize("seed", range(5))
def test_case_01_a_good_optimum_is_never_called_a_failure(kind: type[BGNBD], seed: int) -> None:
    """Four hundred customers made up: other packages raise, for lack of a digit, at a perfectly good optimum."""
    made = kind(0.8, 6.0, 0.9, 2.5, unit="week").simulate(400, Random(seed), T=39)
    fit: Fit[Any] = kind.fit(made)
    assert fit.status == "converged"
    assert all(error is not None and 0 < error < math.inf for error in fit.se.values())
    assert fit.iterations < 30


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_case_02_everybody_leaves_at_the_same_chance(engine: EngineName) -> None:
    """The boundary is labelled, its finite limit told; the likelihood is that of the model at the limit."""
    rng = Random(2)
    rows = [bought(rng, rng.gammavariate(2.0, 1 / 20), 0.3, 52.0) for _ in range(1500)]
    fit = BGNBD.fit(columns(rows), engine=engine)
    assert fit.status == "boundary"
    assert fit.limits["a/(a+b)"] == pytest.approx(0.3, abs=0.05)
    assert (fit.se["a"], fit.se["b"]) == (None, None)
    assert fit.se["r"] is not None
    assert fit.se["alpha"] is not None
    assert "boundary" in fit.warnings[0]
    at_limit = constant_leaving(rows, fit.model.r, fit.model.alpha, fit.limits["a/(a+b)"])
    assert fit.loglik == pytest.approx(at_limit, abs=1e-6)
    for beside in (0.999, 1.001):  # and the limit is at its best
        assert constant_leaving(rows, fit.model.r, fit.model.alpha, fit.limits["a/(a+b)"] * beside) < at_limit


def constant_leaving(rows: list[tuple[float, float, float]], r: float, alpha: float, p: float) -> float:
    """The log-likelihood where everybody leaves at the same chance p after a repeat purchase."""
    total = 0.0
    for x, t_x, end in rows:
        whole = math.lgamma(r + x) - math.lgamma(r) + r * math.log(alpha)
        there = x * math.log1p(-p) - (r + x) * math.log(alpha + end)
        if x:
            left = math.log(p) + (x - 1) * math.log1p(-p) - (r + x) * math.log(alpha + t_x)
            there = max(there, left) + math.log1p(math.exp(-abs(there - left)))
        total += whole + there
    return total


def test_case_02_everybody_buys_at_the_same_rate() -> None:
    """Then r and alpha run to infinity, and r/alpha is the rate."""
    rng = Random(1)
    rows = [bought(rng, 0.2, rng.betavariate(0.8, 4.0), 52.0) for _ in range(1500)]
    fit = BGNBD.fit(columns(rows))
    assert fit.status == "boundary"
    assert fit.limits["r/alpha"] == pytest.approx(0.2, rel=0.05)
    assert (fit.se["r"], fit.se["alpha"]) == (None, None)
    assert fit.se["a"] is not None
    rate, (a, b) = fit.limits["r/alpha"], (fit.model.a, fit.model.b)
    at_limit = 0.0
    for x, t_x, end in rows:
        there = log_beta(a, b + x) - log_beta(a, b) - rate * end
        if x:
            left = log_beta(a + 1, b + x - 1) - log_beta(a, b) - rate * t_x
            there = max(there, left) + math.log1p(math.exp(-abs(there - left)))
        at_limit += x * math.log(rate) + there
    assert fit.loglik == pytest.approx(at_limit, abs=1e-6)
    expected = fit.model.conditional_expected_purchases(26, 2, 30, 52)
    alive = fit.model.p_alive(2, 30, 52)
    assert alive == pytest.approx(1 / (1 + a / (b + 1) * math.exp(rate * 22)), rel=1e-6)
    assert 0 < expected < alive * rate * 26


def log_beta(a: float, b: float) -> float:
    """The logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def test_case_02_an_extreme_optimum_is_no_boundary() -> None:
    """Where the data tell parameters apart, if barely, they are told, with errors as large as they are."""
    rng = Random(3)
    rows = [bought(rng, rng.gammavariate(40.0, 1 / 200), rng.betavariate(2.0, 8.0), 52.0) for _ in range(1500)]
    fit = BGNBD.fit(columns(rows))
    assert fit.status == "converged"
    assert fit.model.r > 5
    error = fit.se["r"]
    assert error is not None
    assert error > 0.05 * fit.model.r


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize("row", [(133, 200, 200), (221, 103.43, 103.57), (501, 200, 210), (1000, 300, 300.5)])
def test_case_03_frequent_buyers(kind: type[BGNBD], row: tuple[int, float, float]) -> None:
    """Powers of x overflow elsewhere; here figures are finite, and in the order they must have."""
    model = kind(0.243, 4.414, 0.793, 2.426)
    soon, late = model.conditional_expected_purchases([39, 390], *row)
    assert 0 < soon < late < row[0] * 10
    assert 0 <= model.p_alive(*row, ahead=39) <= model.p_alive(*row) <= 1
    again = kind.fit(columns([row, (0, 0, 200), (3, 20, 200), (40, 100, 210), (7, 90, 90)]))
    assert math.isfinite(again.loglik)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.4), (1.0, 2.4), (1.0 - 1e-9, 2.4), (1.0 + 1e-9, 2.4)])
def test_case_04_parameters_where_the_published_forms_are_singular(a: float, b: float) -> None:
    """A + b < 1 with x = 0, or a = 1: figures go on smoothly."""
    found = BGNBD(0.243, 4.414, a, b).conditional_expected_purchases(39, [0, 2], [0, 30], 39)
    beside = BGNBD(0.243, 4.414, a * (1 + 1e-6), b).conditional_expected_purchases(39, [0, 2], [0, 30], 39)
    assert found == pytest.approx(beside, rel=1e-5)


def test_case_05_one_time_buyers_never_churn_in_bgnbd() -> None:
    """P(alive) is 1 by construction; the class says so and what to take instead, in which it is not."""
    assert BGNBD(0.243, 4.414, 0.793, 2.426).p_alive(0, 0, 1000) == 1
    assert MBGNBD(0.525, 6.183, 0.891, 1.614).p_alive(0, 0, 1000) < 0.2
    assert BGNBD.__doc__ is not None
    assert "take MBG/NBD" in " ".join(BGNBD.__doc__.split())


def test_case_09_those_who_never_came_back_are_fitted(made: Columns) -> None:
    """Leaving them out would make customers look livelier."""
    everybody = BGNBD.fit(made)
    again = [row for row in zip(*made.values(), strict=True) if row[0]]
    repeaters = BGNBD.fit(columns(again))
    assert everybody.customers == len(made["x"]) > repeaters.customers
    assert everybody.model.expected_purchases(39) == pytest.approx(sum(made["x"]) / len(made["x"]), rel=0.1)
    assert repeaters.model.expected_purchases(39) > 1.2 * everybody.model.expected_purchases(39)


def test_case_10_recency_is_the_age_at_the_last_purchase() -> None:
    """RFM's is the time since; where it can't be the age, the refusal says what it should be."""
    with pytest.raises(ValueError, match="t_x is the age at the last purchase, T the age at the end"):
        BGNBD.fit(frequency=[2, 3], recency=[45.0, 2.0], T=[39.0, 39.0])
    model = BGNBD(0.243, 4.414, 0.793, 2.426)
    assert model.p_alive(frequency=2, recency=38, T=39) > model.p_alive(frequency=2, recency=1, T=39)


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
def test_case_11_customers_of_the_last_day(kind: type[BGNBD], made: Columns) -> None:
    """T = 0 tells nothing, harms nothing, and has predictions."""
    fit = kind.fit(made)
    with_new = kind.fit({name: [*column, *[0.0] * 50] for name, column in made.items()})
    assert with_new.params == pytest.approx(fit.params, rel=1e-7)
    assert with_new.loglik == pytest.approx(fit.loglik, rel=1e-12)
    assert fit.model.conditional_expected_purchases(39, 0, 0, 0) == pytest.approx(fit.model.expected_purchases(39))


def test_case_11b_purchases_more_regular_than_chance() -> None:
    """Quickly at the boundary, with the finite limit: r/alpha is the rate; others return r = 2.5e6 without a word."""
    rng = Random(1)
    rows = [(float(rng.choice([4, 5, 5, 6])), 38.0, 40.0) for _ in range(50)]
    fit = BGNBD.fit(columns(rows))
    assert fit.status in {"boundary", "unidentified"}
    assert fit.limits["r/alpha"] == pytest.approx(sum(x for x, _, _ in rows) / (50 * 40), rel=0.05)
    assert fit.se["r"] is None
    assert fit.iterations < 60
    assert fit.model.conditional_expected_purchases(40, 5, 38, 40) == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([(0, 0, 39.0)] * 20, id="nobody came back"),
        pytest.param([(0, 0, 0.0)] * 3, id="all of the last day"),
        pytest.param([(3, 20.0, 39.0)], id="one customer"),
        pytest.param([(0, 0, 39.0)], id="one who never came back"),
        pytest.param([(1, 39.0, 39.0)], id="one who just bought"),
        pytest.param([(2, 5.0, 39.0)] * 10, id="all alike"),
        pytest.param([(0, 0, 39.0), (1, 39.0, 39.0)], id="two"),
    ],
)
def test_case_12_data_that_tell_little(kind: type[BGNBD], rows: list[tuple[float, float, float]]) -> None:
    """The status says so; nothing is raised, and predictions stay finite."""
    fit: Fit[Any] = kind.fit(columns(rows))
    assert fit.status in {"boundary", "unidentified"}
    assert fit.warnings
    assert None in fit.se.values()
    assert math.isfinite(fit.loglik)
    for row in rows[:2]:
        assert 0 <= fit.model.p_alive(*row) <= 1
        assert 0 <= fit.model.conditional_expected_purchases(39, *row) < math.inf
    assert all(math.isfinite(limit) for limit in fit.limits.values())


def test_case_21_alive_at_a_later_time_and_no_purchase() -> None:
    """P(alive) some time ahead, in the model's unit or by the calendar; and the chance of no purchase."""
    model = MBGNBD(0.525, 6.183, 0.891, 1.614, unit="week")
    now = model.p_alive(2, 30.43, 38.86)
    later = [model.p_alive(2, 30.43, 38.86, ahead=ahead) for ahead in (0, 13, 26, 520, 1e9)]
    assert later[0] == now
    assert later == sorted(later, reverse=True)
    assert later[-1] < 1e-6
    assert model.p_alive(2, 30.43, 38.86, ahead="91 days") == pytest.approx(later[1])
    assert 0 < model.pmf(0, 39) < 1


@pytest.fixture(scope="module")
def made() -> Columns:
    """Six hundred customers, made up."""
    made = BGNBD(0.8, 6.0, 0.9, 2.5, unit="week").simulate(600, Random(21), T=39)
    return {"x": list(map(float, made.x)), "t_x": list(made.t_x), "T": list(made.T)}
