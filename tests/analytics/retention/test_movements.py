"""Movements of recurring revenue, on small tables worked by hand and on published figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from crmcore import Invalid, MixedCurrency, Money
from crmcore.analytics.retention import Movements, churn, grr, movements, nrr, quick_ratio
from crmcore.kernel.rates import Rate, Rates


def row(customer: str, start: str, end: str | None, amount: object, **more: object) -> dict[str, Any]:
    """A subscription."""
    return {"customer": customer, "start": start, "end": end, "amount": amount, **more}


EVERY = [
    row("new", "2026-03-05", None, 10),
    row("back", "2025-01-01", "2025-06-01", 5),
    row("back", "2026-03-07", None, 20),
    row("more", "2026-01-01", "2026-03-10", 30),
    row("more", "2026-03-10", None, 35),
    row("less", "2026-01-01", "2026-03-10", 40),
    row("less", "2026-03-10", None, 28),
    row("gone", "2026-01-01", "2026-03-10", 50),
    row("same", "2026-01-01", None, 60),
]


def euros(amount: str) -> Money:
    """An amount in euros."""
    return Money(amount, "EUR")


def test_every_movement_is_told_by_itself() -> None:
    """And start and all of them come to the end."""
    found = movements(EVERY, period="2026-03", currency="EUR")

    assert (found.start, found.end) == (euros("180"), euros("153"))
    assert (found.new, found.reactivation) == (euros("10"), euros("20"))
    assert (found.expansion, found.contraction, found.churned) == (euros("5"), euros("12"), euros("50"))
    assert found.customers == {
        "start": 4, "new": 1, "reactivation": 1, "expansion": 1, "contraction": 1, "churned": 1, "end": 5,
    }  # fmt: skip
    assert found.grr == 118 / 180
    assert found.nrr == 123 / 180
    assert found.gross_churn == 1 - 118 / 180
    assert found.net_churn == 1 - 123 / 180
    assert found.quick_ratio == 35 / 62
    assert found.quick_ratio_without_reactivation == 15 / 62
    assert found.reasons == {}
    assert {"start", "nrr", "quick_ratio"} <= found.definitions.keys()
    assert repr(found) == "<Movements 2026-03: 180.00 EUR to 153.00 EUR, nrr 68.33%>"
    assert found.to_dicts()[0]["churned"] == Decimal("50.00")
    assert found.to_dicts()[0]["churned_customers"] == 1
    assert "EUR" in str(found)


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2026-03-01", None, None),
        ("2026-04-01", None, "new"),
        ("2026-01-01", "2026-03-01", None),
        ("2026-01-01", "2026-04-01", "churned"),
    ],
)
def test_revenue_is_that_of_the_first_day_and_of_the_first_after_the_period(
    start: str, end: str | None, name: str | None
) -> None:
    """What is in force on the first day is in the start; what changes on the first day after moves in the period."""
    found = movements([row("ada", start, end, 10)], period="2026-03", currency="EUR")

    assert {one for one in ("new", "reactivation", "churned") if found.minor[one]} == ({name} if name else set())
    old, new = row("ada", "2026-01-01", start, 10), row("ada", start, None, 15)
    assert movements([old, new], period="2026-03", currency="EUR").expansion == euros("5" if name == "new" else "0")


def test_the_rates_take_a_table_or_its_movements() -> None:
    """With the same figures."""
    found = movements(EVERY, period="2026-03", currency="EUR")

    assert grr(found) == grr(EVERY, period="2026-03", currency="EUR") == found.grr
    assert nrr(found) == nrr(EVERY, period="2026-03", currency="EUR") == found.nrr
    assert quick_ratio(found) == found.quick_ratio
    assert quick_ratio(found, reactivation=False) == found.quick_ratio_without_reactivation


def test_the_rates_need_a_period_and_movements_have_theirs() -> None:
    """Anything else is refused."""
    with pytest.raises(Invalid, match="period"):
        grr(EVERY, currency="EUR")
    with pytest.raises(Invalid, match="no arguments beside Movements"):
        nrr(movements(EVERY, period="2026-03", currency="EUR"), period="2026-03")


def test_nothing_at_the_start_and_nothing_lost_are_no_rates() -> None:
    """Each with its reason."""
    found = movements([row("new", "2026-03-05", None, 10)], period="2026-03", currency="EUR")

    assert (found.grr, found.nrr, found.quick_ratio) == (None, None, None)
    assert found.reasons["quick_ratio"] == "no recurring revenue was lost"
    assert found.reasons["net_churn"] == "there was no recurring revenue at the start"
    assert "Undefined, and why" in str(found)


def test_a_table_of_nothing_has_no_currency() -> None:
    """Unless one is told."""
    found = movements([], period="2026-03")

    assert (found.start, found.currency) == (None, None)
    assert found.reasons["start"] == "the subscriptions have no amounts, and no currency= was given"
    assert found.to_dicts()[0]["start"] is None
    assert movements({"customer": [], "start": [], "end": [], "amount": []}, period="2026-03", currency="EUR").end == (
        euros("0")
    )
    assert "–" in str(movements([], period="2026-Q1", each="month"))


@pytest.mark.parametrize(
    ("gains", "losses", "printed"),
    [
        ((25_000, 10_000), (8_000, 4_000), 2.92),  # The Prime Calculator, SaaS Quick Ratio, worked example
        ((20_000, 8_000), (5_000, 3_000), 3.5),  # PitchKit, Glossary: Quick ratio
        ((5_000, 1_000), (1_500, 500), 3.0),  # AbraCalc, SaaS Quick Ratio, worked example
        ((95_000, 28_000), (18_000, 7_000), 4.92),  # Super-Calc, SaaS Quick Ratio, example 1
    ],
)
def test_published_quick_ratios(gains: tuple[int, int], losses: tuple[int, int], printed: float) -> None:
    """New and expansion over churned and contraction."""
    table = [
        row("new", "2026-03-02", None, gains[0]),
        row("more", "2026-01-01", "2026-03-10", 100_000),
        row("more", "2026-03-10", None, 100_000 + gains[1]),
        row("gone", "2026-01-01", "2026-03-10", losses[0]),
        row("less", "2026-01-01", "2026-03-10", 100_000),
        row("less", "2026-03-10", None, 100_000 - losses[1]),
    ]
    found = quick_ratio(table, period="2026-03", currency="USD")

    assert found is not None
    assert round(found, 2) == printed


def test_the_published_mrr_of_plans_by_month_and_year() -> None:
    """Stripe, Billing metric definitions: 100 on 100 a month and 50 on 600 a year are 12,500.

    The formula beside it prints 800 for the 600 that it says and adds up.
    """
    monthly = [row(f"a{i}", "2026-01-01", None, 100, interval="month") for i in range(100)]
    yearly = [row(f"b{i}", "2026-01-01", None, 600, interval="Yearly") for i in range(50)]

    assert movements(monthly + yearly, period="2026-03", currency="USD").end == Money(12_500, "USD")


def test_the_published_net_retention_of_111_percent() -> None:
    """ChurnZero, Churnopedia: from 27,000 to 35,000 with the same customers, less 5,000 lost."""
    table = [
        row("stays", "2025-06-01", "2026-01-10", 22_000),
        row("stays", "2026-01-10", None, 30_000),
        row("gone", "2025-06-01", "2026-01-31", 5_000),
    ]
    found = nrr(table, period="2026-01", currency="USD")

    assert found is not None
    assert round(found, 2) == 1.11


def test_amounts_are_brought_to_a_month() -> None:
    """A year's / 12, a quarter's / 3, a week's × 52.1775 / 12, each rounded half-even."""
    table = [
        row("year", "2026-01-01", None, "100", interval="annual"),
        row("quarter", "2026-01-01", None, "100", interval="quarterly"),
        row("week", "2026-01-01", None, "100", interval="week"),
        row("half", "2026-01-01", None, "0.30", interval="yearly"),  # 2.5 cents: to the even 2
    ]
    ends = [movements([one], period="2026-03", currency="EUR").end for one in table]

    assert ends == [euros("8.33"), euros("33.33"), euros("434.81"), euros("0.02")]


def test_an_interval_that_is_none_is_refused() -> None:
    """Also where it is missing: a year's amount would pass for a month's."""
    table = [row(str(i), "2026-01-01", None, 9, interval=what) for i, what in enumerate(["month", None, "decade", 7])]
    with pytest.raises(Invalid) as refused:
        movements(table, period="2026-03", currency="EUR")

    assert sorted(problem.path for problem in refused.value.problems) == [
        f'subscriptions row {number}, column "interval"' for number in (2, 3, 4)
    ]


def test_an_interval_of_nothing_is_not_asked_for() -> None:
    """Where a row has no amount, or revenue is left out."""
    free = [row("a", "2026-01-01", None, None, interval=None), row("b", "2026-01-01", None, 12, interval="year")]

    assert movements(free, period="2026-03", currency="EUR").end == euros("1")
    assert churn([row("a", "2026-01-01", None, 9, interval="decade")], period="2026-03", amount=None).start == 1


def test_amounts_below_nothing_are_refused() -> None:
    """And what is no amount."""
    with pytest.raises(Invalid, match="0 or more"):
        movements([row("a", "2026-01-01", None, -1)], period="2026-03", currency="EUR")
    with pytest.raises(Invalid, match=r'Money, or say currency="EUR"'):
        movements([row("a", "2026-01-01", None, 1)], period="2026-03")
    with pytest.raises(Invalid, match="amount: got None, expected the name of a column"):
        movements([row("a", "2026-01-01", None, 1)], period="2026-03", amount=None)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match='a column "amount" of amounts'):
        movements([{"customer": 1, "start": "2026-01-01", "end": None}], period="2026-03")


def test_what_has_no_amount_is_in_no_revenue() -> None:
    """It is told how many there are."""
    found = movements(
        [row("a", "2026-01-01", None, None), row("b", "2026-01-01", None, 5)], period="2026-03", currency="EUR"
    )

    assert found.end == euros("5")
    assert found.made.exclusions == {"subscriptions without an amount, in no revenue": 1}


def test_several_currencies_need_rates() -> None:
    """Those of the first day of the period hold throughout, so that a change of rates moves nothing."""
    table = [
        row("ada", "2026-01-01", None, Money(100, "USD")),
        row("bob", "2026-01-01", "2026-04-10", Money(50, "EUR")),
    ]
    rates = Rates([Rate("EUR", "USD", date(2026, 1, 1), Decimal(2)), Rate("EUR", "USD", date(2026, 4, 15), Decimal(4))])
    with pytest.raises(MixedCurrency):
        movements(table, period="2026-04")

    found = movements(table, period="2026-Q2", each="month", currency="EUR", rates=rates)

    assert (found.start, found.end, found.churned) == (euros("100"), euros("50"), euros("50"))
    assert [part.end for part in found.parts] == [euros("50")] * 3


def test_one_customer_may_pay_in_several_currencies() -> None:
    """Each amount is converted by the rates of the first day of the period, then brought to a month."""
    rates = Rates(
        [Rate("EUR", "USD", date(2026, 1, 1), Decimal(2)), Rate("EUR", "JPY", date(2026, 1, 1), Decimal(160))]
    )
    table = [
        row("ada", "2025-01-01", None, Money(240, "USD"), interval="year"),
        row("ada", "2025-06-01", "2026-03-05", Money(1600, "JPY"), interval="month"),
        row("ada", "2026-03-05", None, Money(30, "EUR"), interval="quarter"),
        row("bob", "2026-03-09", None, Money("0.01", "USD"), interval="year"),  # less than a cent a month
    ]
    found = movements(table, period="2026-03", currency="EUR", rates=rates)

    assert (found.start, found.end, found.contraction, found.expansion) == (*map(euros, ("20", "20", "0", "0")),)
    assert found.customers["end"] == 1


def test_in_a_short_gap_the_revenue_goes_on() -> None:
    """It is neither churned nor won back, whichever side of a border the gap lies on."""
    table = [
        row("ada", "2026-01-01", "2026-02-20", 30),
        row("ada", "2026-01-15", "2026-02-25", 10),
        row("ada", "2026-02-20", "2026-02-25", 5),
        row("ada", "2026-03-05", None, 40),
    ]
    strict = movements(table, period="2026-Q1", each="month", currency="EUR")
    lenient = movements(table, period="2026-Q1", each="month", currency="EUR", grace="2w")

    assert [part.churned for part in strict.parts] == [euros("0"), euros("40"), euros("0")]
    assert strict.parts[2].reactivation == euros("40")
    assert [part.end for part in lenient.parts] == [euros("40"), euros("15"), euros("40")]
    assert lenient.parts[1].contraction == lenient.parts[2].expansion == euros("25")


def test_what_is_pending_still_pays() -> None:
    """Until its gap has lasted as long as the grace."""
    found = movements([row("ada", "2026-01-01", "2026-03-25", 30)], period="2026-03", currency="EUR", grace=14)

    assert (found.churned, found.end) == (euros("0"), euros("30"))


def test_what_cost_nothing_before_is_new() -> None:
    """A free plan is no recurring revenue."""
    table = [row("ada", "2026-01-01", "2026-03-05", 0), row("ada", "2026-03-05", None, 9)]

    assert movements(table, period="2026-03", currency="EUR").new == euros("9")


def test_groups_and_parts_are_rows() -> None:
    """By group, and by period within it."""
    table = [row("a", "2026-01-01", None, 5, plan="s"), row("b", "2026-02-01", None, 7, plan=None)]
    found = movements(table, period="2026-Q1", each="month", by="plan", currency="EUR")

    assert [(one["plan"], one["period"], one["end"]) for one in found.to_dicts()][-2:] == [
        (None, "2026-02", Decimal("7.00")),
        (None, "2026-03", Decimal("7.00")),
    ]
    assert isinstance(found.groups["s"], Movements)
    assert "By plan" in str(found)
    assert "(none)" in str(found)
