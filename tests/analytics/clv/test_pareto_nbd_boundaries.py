"""Where the likelihood of Pareto/NBD or NBD has no maximum inside: the fit says so, and gives what stays finite."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import exp, isfinite
from typing import Any

import pytest

from crmcore.analytics.clv import NBD, Fit, ParetoNBD

Draw = Callable[[random.Random], float]


def lives(customers: int, buying: Draw, staying: Draw, age: float = 40.0) -> dict[str, list[float]]:
    """Customers made up, each with a rate of buying and a time of staying."""
    chance = random.Random(1)
    rows = []
    for _ in range(customers):
        rate, end = buying(chance), min(age, staying(chance))
        bought, at = [], chance.expovariate(rate)
        while at <= end:
            bought.append(at)
            at += chance.expovariate(rate)
        rows.append((len(bought), bought[-1] if bought else 0.0, age))
    x, t_x, ends = zip(*rows, strict=True)
    return {"x": list(map(float, x)), "t_x": list(t_x), "T": list(ends)}


def check(fit: Fit[Any]) -> None:
    """All that is told is finite, and nobody is led to believe in a parameter that ran away."""
    assert isfinite(fit.loglik)
    assert all(map(isfinite, fit.params.values()))
    assert all(error is None or isfinite(error) for error in fit.se.values())
    assert all(map(isfinite, fit.limits.values()))
    assert fit.status != "converged"
    assert fit.warnings
    for t_x in (0.0, 10.0, 40.0):
        x = 5 if t_x else 0
        assert 0 <= fit.model.p_alive(x, t_x, 40) <= 1
        assert isfinite(fit.model.conditional_expected_purchases(39, x, t_x, 40))
        assert isfinite(fit.model.dert(0.002, x, t_x, 40))


def test_everybody_leaves_at_one_rate() -> None:
    """Case 2: s and beta grow without end, their ratio is the rate."""
    fit = ParetoNBD.fit(lives(250, lambda chance: chance.gammavariate(2, 1 / 4), lambda chance: chance.uniform(0, 60)))

    check(fit)
    assert fit.status == "boundary"
    assert fit.limits["s/beta"] == pytest.approx(0.025, rel=0.2)  # 2/3 leave in 26.7 on average
    assert fit.se["s"] is None
    assert fit.se["r"] is not None
    alive, later = fit.model.p_alive(5, 30, 40), fit.model.p_alive(5, 30, 40, ahead=10)
    assert later / alive == pytest.approx(exp(-10 * fit.limits["s/beta"]), rel=1e-6)


def test_everybody_buys_at_one_rate() -> None:
    """Case 11b: r and alpha grow without end, their ratio is the rate."""
    chance = random.Random(4)
    ends = [min(40.0, chance.expovariate(chance.gammavariate(1.5, 1 / 30))) for _ in range(250)]
    x = [float(end // 2) for end in ends]
    fit = ParetoNBD.fit(x=x, t_x=[2 * n for n in x], T=[40] * 250)

    check(fit)
    assert fit.status == "boundary"
    assert fit.limits["r/alpha"] == pytest.approx(0.5, rel=0.1)
    assert fit.se["r"] is None
    assert fit.model.conditional_expected_purchases(1e-3, 7, 40, 40) == pytest.approx(
        1e-3 * fit.limits["r/alpha"] * fit.model.p_alive(7, 40, 40), rel=1e-3
    )


def test_nobody_leaves() -> None:
    """Purchases at even times, up to the end: who bought is there still, and the rate of leaving goes to 0."""
    chance = random.Random(2)
    x = [float(chance.randint(3, 20)) for _ in range(100)]
    fit = ParetoNBD.fit(x=x, t_x=[40.0] * 100, T=[40.0] * 100)

    check(fit)
    assert fit.model.p_alive(10, 40, 40) == pytest.approx(1, abs=1e-6)
    assert fit.model.p_alive(10, 40, 40, ahead=52) == pytest.approx(1, abs=1e-4)
    assert fit.model.conditional_expected_purchases(1, 10, 40, 40) == pytest.approx(0.28, abs=0.05)


def test_some_leave_at_once_and_nobody_later() -> None:
    """Both s and beta go towards 0."""
    halves = {"x": [0.0] * 50 + [20.0] * 50, "t_x": [0.0] * 50 + [39.5] * 50, "T": [40.0] * 100}
    fit = ParetoNBD.fit(halves)

    check(fit)
    assert fit.model.p_alive(0, 0, 40) < 1e-3
    assert fit.model.p_alive(20, 39.5, 40) > 0.999
    assert fit.model.pmf(0, 40) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("model", [ParetoNBD, NBD])
@pytest.mark.parametrize(
    ("x", "t_x", "ages"),
    [
        pytest.param([0] * 40, [0] * 40, [40] * 40, id="case 12: nobody came back"),
        pytest.param([3], [30], [40], id="case 12: one customer"),
        pytest.param([0, 0], [0, 0], [0, 0], id="case 11: T = 0 only"),
        pytest.param([5] * 40, [30] * 40, [40] * 40, id="all alike"),
        pytest.param([4, 5, 5, 6, 5] * 10, [38, 39, 37, 39, 36] * 10, [40] * 50, id="case 11b: underdispersed"),
        pytest.param([3, 5, 1], [30, 20, 10], [30, 20, 10], id="t_x = T"),
    ],
)
def test_too_little_to_tell(model: type[Any], x: list[float], t_x: list[float], ages: list[float]) -> None:
    """Whatever there is to fit, it is finite and labelled."""
    check(model.fit(x=x, t_x=t_x, T=ages))


def test_underdispersed_counts() -> None:
    """Case 11b: NBD becomes Poisson, whose rate is the finite limit."""
    fit = NBD.fit(x=[4, 5, 5, 6, 5] * 10, t_x=[38, 39, 37, 39, 36] * 10, T=[40] * 50)

    assert fit.status == "boundary"
    assert fit.limits["r/alpha"] == pytest.approx(5 / 40, rel=1e-6)


@pytest.mark.parametrize("model", [ParetoNBD, NBD])
def test_customers_of_the_last_day_say_nothing(model: type[Any]) -> None:
    """Case 11: rows with T = 0 leave the fit as it is."""
    table = lives(
        200,
        lambda chance: chance.gammavariate(0.6, 1 / 5),
        lambda chance: chance.expovariate(chance.gammavariate(0.7, 1 / 10)),
    )
    without = model.fit(table, engine="python")
    among = {name: column + [0.0] * 50 for name, column in table.items()}
    fit = model.fit(among, engine="python")

    assert fit.params == pytest.approx(without.params, rel=1e-7)
    assert fit.loglik == pytest.approx(without.loglik, rel=1e-12)


def test_heavy_buyers_among_others() -> None:
    """Case 3: a customer with 221 purchases, at 103.43 of 103.57 weeks."""
    x, t_x, ages = [221, 0, 3, 1, 5, 0, 40], [103.43, 0, 50, 2, 90, 0, 100], [103.57, 100, 100, 100, 104, 100, 101]
    fit = ParetoNBD.fit(x=x, t_x=t_x, T=ages)

    assert fit.status == "converged"
    assert all(error is not None for error in fit.se.values())
    assert fit.model.p_alive(221, 103.43, 103.57) == pytest.approx(1, abs=0.05)
