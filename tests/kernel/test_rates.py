"""Exchange rates: the right one of the day, exact until the one rounding, never invented."""

from __future__ import annotations

import pickle
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.currency import minor_units
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money
from crmcore.kernel.rates import Rate, Rates, total

NEW_YEAR = date(2026, 1, 1)
CODES = ["EUR", "USD", "JPY", "KWD"]
VALUES = st.decimals("0.0001", 10_000, places=6)
DAYS = st.integers(0, 10).map(lambda days: NEW_YEAR + timedelta(days=days))
RATES = st.lists(
    st.builds(
        lambda pair, on, value: Rate(pair[0], pair[1], on, value),
        st.lists(st.sampled_from(CODES), min_size=2, max_size=2, unique=True),
        DAYS,
        VALUES,
    ),
    unique_by=lambda rate: (rate.base, rate.quote, rate.on),
).map(Rates)


def rate(pair: str, on: int, value: str) -> Rate:
    """A rate set on a day of January 2026."""
    base, quote = pair.split("/")
    return Rate(base, quote, date(2026, 1, on), Decimal(value))


def euros(value: str) -> Money:
    """An amount of euros."""
    return Money(value, "EUR")


def test_the_latest_rate_on_or_before_the_day_counts() -> None:
    """Whatever order they were given in."""
    rates = Rates([rate("EUR/USD", 9, "1.20"), rate("EUR/USD", 2, "1.08")])

    assert [rates.between("EUR", "USD", on=date(2026, 1, day)) for day in (2, 8, 9, 31)] == [
        Decimal("1.08"),
        Decimal("1.08"),
        Decimal("1.20"),
        Decimal("1.20"),
    ]


@pytest.mark.parametrize(("base", "quote", "on"), [("EUR", "USD", 1), ("EUR", "GBP", 5), ("USD", "CHF", 5)])
def test_a_missing_rate_is_named_with_its_day(base: str, quote: str, on: int) -> None:
    """Too early, or of no pair."""
    rates = Rates([rate("EUR/USD", 2, "1.08"), rate("GBP/CHF", 2, "1.1")])

    with pytest.raises(Invalid, match=f"{base} to {quote} on 2026-01-0{on}"):
        rates.convert(Money(1, base), quote, on=date(2026, 1, on), rounding=ROUND_HALF_EVEN)


def test_the_inverse_of_a_pair_counts_where_it_is_later() -> None:
    """On the same day the direct one does."""
    rates = Rates([rate("EUR/USD", 2, "1.25"), rate("USD/EUR", 2, "0.5"), rate("USD/EUR", 3, "0.4")])

    assert rates.between("EUR", "USD", on=date(2026, 1, 2)) == Decimal("1.25")
    assert rates.between("EUR", "USD", on=date(2026, 1, 3)) == Decimal("2.5")
    assert rates.between("USD", "EUR", on=date(2026, 1, 3)) == Decimal("0.4")


def test_a_pair_without_a_rate_goes_through_the_common_currency() -> None:
    """In whichever direction its legs are quoted."""
    rates = Rates([rate("EUR/USD", 2, "1.25"), rate("EUR/JPY", 2, "200")])

    assert rates.between("USD", "JPY", on=NEW_YEAR + timedelta(days=9)) == Decimal(160)
    assert rates.convert(Money(8, "JPY"), "USD", on=date(2026, 1, 2), rounding=ROUND_HALF_EVEN) == Money("0.05", "USD")


def test_of_several_common_currencies_the_most_up_to_date_counts() -> None:
    """That is, the one whose older leg is the latest; by code on a tie."""
    through_euro = [rate("EUR/USD", 2, "1"), rate("EUR/JPY", 9, "100")]
    through_pound = [rate("GBP/USD", 5, "1"), rate("GBP/JPY", 5, "200")]
    through_franc = [rate("CHF/USD", 5, "1"), rate("CHF/JPY", 5, "300")]
    on = date(2026, 1, 10)

    assert Rates(through_euro + through_pound).between("USD", "JPY", on=on) == 200
    assert Rates(through_euro + through_pound + through_franc).between("USD", "JPY", on=on) == 300
    assert Rates([*through_euro, rate("GBP/USD", 5, "1"), rate("GBP/JPY", 20, "9")]).between("USD", "JPY", on=on) == 100


@given(st.integers(-(10**8), 10**8), st.permutations(CODES), VALUES, VALUES)
def test_a_conversion_is_exact_until_its_one_rounding(
    minor: int,
    codes: list[str],
    first: Decimal,
    second: Decimal,
) -> None:
    """Direct, inverse and crossed."""
    a, b, c, _ = codes
    rates = Rates([Rate(a, b, NEW_YEAR, first), Rate(c, b, NEW_YEAR, second)])
    factors = {(a, b): Fraction(first), (b, a): 1 / Fraction(first), (a, c): Fraction(first) / Fraction(second)}

    for (base, quote), factor in factors.items():
        exact = minor * factor * Fraction(10) ** (minor_units(quote) - minor_units(base))
        money = rates.convert(Money.of_minor(minor, base), quote, on=NEW_YEAR, rounding=ROUND_HALF_EVEN)
        assert money == Money.of_minor(round(exact), quote)


def test_money_in_its_own_currency_needs_no_rate() -> None:
    """It is worth itself."""
    assert Rates([]).convert(euros("1"), "EUR", on=NEW_YEAR, rounding=ROUND_HALF_EVEN) == euros("1")
    assert Rates([]).between("EUR", "EUR", on=NEW_YEAR) == 1


def test_a_conversion_names_what_is_wrong_with_it() -> None:
    """An unknown currency, a missing day, a rounding that does not exist, a result too large."""
    rates = Rates([rate("EUR/JPY", 1, "1e9")])

    with pytest.raises(Invalid, match="ISO 4217"):
        rates.convert(euros("1"), "YEN", on=NEW_YEAR, rounding=ROUND_HALF_EVEN)
    with pytest.raises(Invalid, match="day"):
        rates.convert(euros("1"), "JPY", on=datetime(2026, 1, 1), rounding=ROUND_HALF_EVEN)
    with pytest.raises(Invalid, match="rounding"):
        rates.convert(euros("1"), "JPY", on=NEW_YEAR, rounding="up")
    with pytest.raises(Invalid, match=r"2\*\*63"):
        rates.convert(euros("1e12"), "JPY", on=NEW_YEAR, rounding=ROUND_HALF_EVEN)


@given(RATES)
def test_rates_are_plain_data_and_back(rates: Rates) -> None:
    """As dictionaries and as a pickle; equal rates hash alike."""
    again = Rates.from_dicts(rates.to_dicts())

    assert again == rates == pickle.loads(pickle.dumps(rates)) == Rates(reversed(rates.rates))
    assert hash(again) == hash(rates)


def test_every_bad_row_is_named() -> None:
    """By its place and its column."""
    rows = [
        {"base": "EUR", "quote": "USD", "on": "2026-01-02", "value": "1.08"},
        {"base": "eur", "quote": "USD", "on": "2.1.2026", "value": "1,08"},
        {"base": "EUR", "quote": "EUR", "on": "2026-01-02"},
        7,
    ]

    with pytest.raises(Invalid) as error:
        Rates.from_dicts(rows)  # type: ignore[arg-type]
    assert [problem.path for problem in error.value.problems] == [
        "rates[1].base",
        "rates[1].on",
        "rates[1].value",
        "rates[2].quote",
        "rates[2].value",
        "rates[3].row",
    ]


@pytest.mark.parametrize("value", [0, "-1", "NaN", "1e99", "0." + "1" * 50, None], ids=str)
def test_a_rate_is_a_number_above_zero(value: Decimal) -> None:
    """Of a length people use."""
    with pytest.raises(Invalid, match="above 0"):
        Rate("EUR", "USD", NEW_YEAR, value)


def test_a_pair_has_one_rate_a_day() -> None:
    """The same one twice is the same."""
    assert len(Rates([rate("EUR/USD", 2, "1.08"), rate("EUR/USD", 2, "1.080")]).rates) == 1
    with pytest.raises(Invalid, match="EUR to USD on 2026-01-02"):
        Rates([rate("EUR/USD", 2, "1.08"), rate("EUR/USD", 2, "1.09")])
    with pytest.raises(Invalid, match=r"rates\[0\]"):
        Rates([("EUR", "USD", NEW_YEAR, 1)])  # type: ignore[list-item]


def test_a_total_of_one_currency_needs_nothing_else() -> None:
    """Of none it is zero or undefined."""
    assert total([euros("1"), euros("2.50")]) == euros("3.50")
    assert total(iter([euros("1")]), currency="EUR") == euros("1")
    assert total([], currency="EUR") == euros("0")
    assert total([]) is None


def test_a_total_of_several_currencies_needs_rates() -> None:
    """And says so."""
    with pytest.raises(MixedCurrency, match="EUR and USD"):
        total([euros("1"), Money(1, "USD")])
    with pytest.raises(MixedCurrency, match="EUR and USD"):
        total([Money(1, "USD")], currency="EUR")


def test_a_converted_total_readds() -> None:
    """It is the sum of the converted amounts, each rounded by itself."""
    rates = Rates([rate("USD/EUR", 1, "0.5")])
    moneys = [Money("0.01", "USD"), Money("0.01", "USD"), euros("1")]

    found = total(moneys, currency="EUR", rates=rates, on=NEW_YEAR, rounding=ROUND_HALF_UP)

    assert found == euros("1.02")
    assert found == sum(rates.convert(money, "EUR", on=NEW_YEAR, rounding=ROUND_HALF_UP) for money in moneys)


def test_a_total_with_rates_asks_for_its_terms() -> None:
    """All that are missing."""
    with pytest.raises(Invalid) as error:
        total([], rates=Rates([]))
    assert [problem.path for problem in error.value.problems] == ["currency", "on", "rounding"]


def test_a_total_is_of_money() -> None:
    """A missing amount is named by its place; an unknown currency is refused."""
    with pytest.raises(Invalid, match=r"moneys\[1\]"):
        total([euros("1"), None])  # type: ignore[list-item]
    with pytest.raises(Invalid, match="ISO 4217"):
        total([], currency="euro")


@pytest.mark.parametrize("rows", ["EUR", b"bytes", {"base": "EUR"}, 5, None])
def test_what_is_no_table_is_refused_at_once(rows: Any) -> None:  # noqa: ANN401
    """Not letter by letter."""
    with pytest.raises(Invalid, match="a list of mappings") as caught:
        Rates.from_dicts(rows)
    assert len(caught.value.problems) == 1
