"""Sums of money are exact: what customers spent, what they cost, what is left."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.clv.acquisition import acquisition_cost, clv_to_cac, customer_profit, payback
from crmcore.analytics.clv.past_spend import historical
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money


def euros(amount: str | int) -> Money:
    """An amount in the currency of the tests."""
    return Money(amount, "EUR")


# --- historical -------------------------------------------------------------------------------------------------------


def test_purchases_add_up() -> None:
    """The textbook's: 15, 50 and 150 make 215."""
    assert historical([15, 50, 150]) == Decimal(215)
    assert historical([euros(15), euros(50), euros(150)]) == euros(215)
    assert historical(amount for amount in (15, 50, 150)) == 215


def test_numbers_add_up_exactly_whatever_they_are() -> None:
    """A float counts as its shortest text; nothing is rounded."""
    assert historical([0.1, 0.2, "0.30", Decimal("0.4"), -1]) == Decimal("0.00")
    assert str(historical(["1e40", "1e-40"])) == "1" + "0" * 40 + "." + "0" * 39 + "1"


def test_nothing_bought_is_nothing_spent() -> None:
    """A sum of nothing is 0; nobody can say in which currency."""
    assert historical([]) == Decimal(0)


@pytest.mark.parametrize("amounts", ["15", 150, None, euros(15)])
def test_amounts_come_in_a_list(amounts: object) -> None:
    """One alone is refused, and text is not read digit by digit."""
    with pytest.raises(Invalid, match="a list of amounts"):
        historical(amounts)


def test_what_are_no_amounts_are_listed() -> None:
    """Each with its place."""
    with pytest.raises(Invalid) as refused:
        historical([1, None, "x", float("nan"), True, "1e101", "1e-999999999"])  # type: ignore[list-item]

    assert [problem.path for problem in refused.value.problems] == [f"amounts[{place}]" for place in range(1, 7)]


def test_money_and_numbers_do_not_mix() -> None:
    """Nor do currencies."""
    with pytest.raises(Invalid, match="Money, as the others are of EUR"):
        historical([euros(1), 1])
    with pytest.raises(MixedCurrency):
        historical([euros(1), Money(1, "USD")])


def test_sums_beyond_all_bounds_are_refused() -> None:
    """Rather than rounded."""
    with pytest.raises(Invalid, match="add up within 200 digits"):
        historical(["1e99", "1." + "3" * 150])


@given(st.lists(st.decimals(-(10**9), 10**9, places=4)), st.randoms(use_true_random=False))
def test_the_order_of_purchases_does_not_matter(amounts: list[Decimal], chance: random.Random) -> None:
    """As sums of floats would let it."""
    assert historical(amounts) == historical(chance.sample(amounts, len(amounts)))


# --- acquisition ------------------------------------------------------------------------------------------------------


def test_acquisition_cost_is_by_customer() -> None:
    """Rounded half-even to cents; of no customers it is undefined."""
    assert acquisition_cost(euros(1000), 3) == euros("333.33")
    assert acquisition_cost(1000, 8) == Decimal(125)
    assert acquisition_cost(euros(1000), 0) is None


@pytest.mark.parametrize("customers", [-1, 2.0, True, None])
def test_customers_are_counted(customers: object) -> None:
    """In whole numbers."""
    with pytest.raises(Invalid, match="a whole number"):
        acquisition_cost(1, customers)


def test_clv_to_cac() -> None:
    """A quotient; of nothing, or of what is undefined itself, it is undefined."""
    assert clv_to_cac(euros(900), euros(250)) == Decimal("3.6")
    assert clv_to_cac(Decimal(1), 3) == Decimal("0.3333333333333333333333333333")
    assert clv_to_cac(1, 0) is clv_to_cac(None, 1) is clv_to_cac(1, None) is None
    with pytest.raises(MixedCurrency):
        clv_to_cac(euros(1), Money(1, "USD"))


@pytest.mark.parametrize(
    ("cac", "margins", "months"),
    [
        (euros(250), euros(30), 9),
        (euros(240), euros(30), 8),
        (250, [100, 0, 100, 100], 4),
        (250, [100, 100], None),
        (250, [100, -50, 100, 100], 4),
        (250, [], None),
        (250, 0, None),
        (250, -1, None),
        (0, 0, 0),
        (0, [], 0),
        ("1", "0.1", 10),
        ("0.3", [0.1, 0.2], 2),
        (None, 30, None),
        ("1e-60", "1e60", 1),
    ],
)
def test_payback_is_the_month_that_covers_the_cost(cac: object, margins: object, months: int | None) -> None:
    """At its end the sum of the margins is at least the cost, exactly."""
    assert payback(cac, margins) == months


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_a_steady_margin_is_one_month_by_month(cac: int, margin: int) -> None:
    """Both ways give the same month."""
    months = payback(cac, margin)

    assert months is not None
    if months <= 1_000:
        assert payback(cac, [margin] * months) == months
        assert payback(cac, [margin] * (months - 1)) is None


def test_customer_profit() -> None:
    """Revenue less what was sold and what serving cost; it may be a loss."""
    assert customer_profit(euros(1000), euros(600), euros(450)) == euros(-50)
    assert customer_profit("0.3", 0.1, Decimal("0.2")) == 0
    with pytest.raises(Invalid, match="cost_to_serve"):
        customer_profit(1, 2, "x")
