"""Units of time, lengths of time in them, and the discount they carry."""

from __future__ import annotations

from datetime import timedelta
from math import expm1, inf, log, nan

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.clv.discount import Discount
from crmcore.analytics.clv.unit import Unit, units_in
from crmcore.kernel.errors import Invalid

np = pytest.importorskip("numpy")

UNITS = ["day", "week", "month", "year", timedelta(days=14), timedelta(hours=6)]


def test_units_are_known_by_name_or_length() -> None:
    """Two of one length are one unit, whatever they are called."""
    assert [(str(Unit.of(unit)), Unit.of(unit).days) for unit in UNITS] == [
        ("day", 1), ("week", 7), ("month", 30.4375), ("year", 365.25), ("14 days", 14), ("0.25 days", 0.25)
    ]  # fmt: skip
    assert Unit.of(timedelta(days=7)) == Unit.of("week")
    assert str(Unit.of(timedelta(days=7))) == "week"
    assert Unit.of(Unit.of("week")) == Unit.of("week")
    assert Unit.of(None) is None


@pytest.mark.parametrize("unit", ["fortnight", "weeks", "", 7, timedelta(0), timedelta(days=-1), True])
def test_what_is_no_unit_is_refused(unit: object) -> None:
    """With those there are."""
    with pytest.raises(Invalid, match="a unit of time"):
        Unit.of(unit)


@pytest.mark.parametrize("days", [0, -1, inf, nan])
def test_a_unit_has_a_length(days: float) -> None:
    """Above 0."""
    with pytest.raises(Invalid, match="a length in days, above 0, of a unit fortnight"):
        Unit("fortnight", days)


@pytest.mark.parametrize(
    ("unit", "span", "expected"),
    [
        ("week", "12 months", 365.25 / 7),
        ("month", "12 months", 12),
        ("month", "1 year", 12),
        ("day", " 1.5 weeks ", 10.5),
        ("day", "90days", 90),
        ("week", timedelta(days=14), 2),
        ("week", 39, 39),
        ("week", 0.5, 0.5),
        ("week", np.int64(39), 39),
        ("week", np.float64(1.5), 1.5),
    ],
)
def test_a_length_of_time_is_told_in_units(unit: str, span: object, expected: float) -> None:
    """A number is one of units already."""
    assert Unit.of(unit).units_in(span) == expected


@pytest.mark.parametrize(
    "span", ["soon", "-1 week", "0 weeks", "1e3 days", f"{10**9 + 1} days", "9" * 400 + " years", "", 0, -1, inf, nan,
             10**400, True, None, timedelta(0), [1], "١ week"],
)  # fmt: skip
def test_what_is_no_length_of_time_is_refused(span: object) -> None:
    """Nor one of nothing, or beyond any life."""
    with pytest.raises(Invalid, match="a length of time above 0"):
        Unit.of("week").units_in(span)


def test_without_a_unit_only_numbers_can_be_told() -> None:
    """Nothing is converted by guessing."""
    assert units_in(None, 12) == 12
    with pytest.raises(Invalid, match="unit: got None") as refused:
        units_in(None, "12 months", "t")

    assert "t as a number" in refused.value.problems[0].mend


@given(st.sampled_from(UNITS), st.floats(0, 10))
def test_a_discount_is_the_same_in_every_unit(unit: object, annual: float) -> None:
    """A year of the continuous rate gives the effective one."""
    kept = Unit.of(unit)

    assert expm1(Discount(annual=annual).rate(kept) * kept.units_in("1 year")) == pytest.approx(annual, abs=1e-12)


def test_a_discount_by_the_month() -> None:
    """Twelve months are a year."""
    assert Discount(annual="0.10") == Discount(annual=0.1)
    assert Discount(annual=0.10).after_months(12) == pytest.approx(1 / 1.10, rel=1e-15)
    assert Discount(annual=0.10).rate(Unit.of("month")) == pytest.approx(log(1.10) / 12, rel=1e-15)


@pytest.mark.parametrize("annual", [-0.01, inf, nan, "10 %", None, True, 10**7])
def test_what_is_no_discount_is_refused(annual: object) -> None:
    """A fraction a year, 0 or more."""
    with pytest.raises(Invalid, match="a fraction a year"):
        Discount(annual=annual)
