"""NBD: buying at different rates, and nobody ever leaves."""

from __future__ import annotations

import mpmath as mp
import pytest

from crmcore.analytics.clv import NBD, ParetoNBD
from crmcore.analytics.clv.summary import CustomerSummary

MODEL = NBD(r=0.385, alpha=12.072, unit="week")
HISTORY = (2, 30.43, 38.86)
RATE = (0.385 + 2) / (12.072 + 38.86)


def test_everybody_is_a_customer_for_ever() -> None:
    """P(alive) is 1 whenever, and the residual lifetime infinite."""
    assert MODEL.p_alive(*HISTORY) == MODEL.p_alive(*HISTORY, ahead="10 years") == 1
    assert MODEL.p_alive([2, 0], [30.43, 0], 38.86) == [1, 1]
    assert MODEL.expected_residual_lifetime(*HISTORY) is None


def test_purchases_come_at_the_expected_rate() -> None:
    """(r + x) / (alpha + T) for a customer, r / alpha for a new one."""
    assert MODEL.conditional_expected_purchases("39 weeks", *HISTORY) == pytest.approx(39 * RATE, rel=1e-14)
    assert MODEL.expected_purchases([0, 39]) == [0, pytest.approx(39 * 0.385 / 12.072, rel=1e-14)]


def test_present_values() -> None:
    """Of a constant stream: up to a horizon, for ever, and without a discount."""
    assert MODEL.dert(0.002, *HISTORY) == pytest.approx(RATE / 0.002, rel=1e-14)
    assert MODEL.dert(0, *HISTORY) is None
    assert MODEL.discounted_expected_purchases(0, 52, *HISTORY) == pytest.approx(52 * RATE, rel=1e-14)
    assert MODEL.discounted_expected_purchases(0.01, 0, *HISTORY) == 0
    assert MODEL.discounted_expected_purchases(0.002, "52 weeks", *HISTORY) == pytest.approx(
        RATE * (1 - float(mp.exp(-0.104))) / 0.002, rel=1e-12
    )


@pytest.mark.parametrize("n", [0, 1, 7, 15, 16, 100, 10_000])
@pytest.mark.parametrize(("r", "alpha"), [(0.385, 12.072), (15.9, 3.0), (40.0, 0.5), (1e8, 1e8)])
def test_the_chance_of_n_purchases(n: int, r: float, alpha: float) -> None:
    """The negative binomial distribution in 40 digits, up to the Poisson limit."""
    mp.mp.dps = 40
    a, t, k = mp.mpf(alpha), mp.mpf(39), mp.mpf(r)
    exact = mp.exp(
        mp.loggamma(k + n) - mp.loggamma(k) - mp.loggamma(n + 1) + k * mp.log(a / (a + t)) + n * mp.log(t / (a + t))
    )
    assert NBD(r=r, alpha=alpha).pmf(n, 39) == pytest.approx(float(exact), rel=1e-11, abs=1e-300)


def test_without_time_nothing_is_bought() -> None:
    """And that is certain."""
    assert MODEL.pmf([0, 1, 5], 0) == [1, 0, 0]


def test_pareto_nbd_without_leaving_is_nbd() -> None:
    """As s goes to 0."""
    staying = ParetoNBD(r=MODEL.r, alpha=MODEL.alpha, s=1e-12, beta=10)
    assert staying.conditional_expected_purchases(39, *HISTORY) == pytest.approx(39 * RATE, rel=1e-9)
    assert staying.pmf(3, 39) == pytest.approx(MODEL.pmf(3, 39), rel=1e-9)


def test_a_summary_gives_a_table() -> None:
    """One figure a customer."""
    rows = [{"customer": "ada", "x": 2, "t_x": 30.43, "T": 38.86}, {"customer": "bob", "x": 0, "t_x": 0, "T": 38.86}]
    summary = CustomerSummary.of(rows, unit="week")
    assert MODEL.dert(0, summary).to_dicts() == [{"customer": "ada", "dert": None}, {"customer": "bob", "dert": None}]
    assert list(MODEL.conditional_expected_purchases("39 weeks", summary).values) == [
        pytest.approx(39 * RATE),
        pytest.approx(39 * 0.385 / (12.072 + 38.86)),
    ]
