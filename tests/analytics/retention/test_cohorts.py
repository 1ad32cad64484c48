"""Cohort tables: small ones worked by hand, and a second method that asks window by window."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import Invalid, MixedCurrency, Money
from crmcore.analytics.retention import cohorts
from crmcore.kernel.calendar import add_months, period_of
from crmcore.kernel.rates import Rate, Rates

MONTHS = {"month": 1, "quarter": 3, "year": 12}


def orders(*bought: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Purchases: customer, day, and perhaps an amount."""
    return [dict(zip(("customer", "at", "amount"), one, strict=False)) for one in bought]


FOUR = orders(
    ("ada", "2026-01-05"), ("ada", "2026-03-09"), ("ada", "2026-03-10"),
    ("bob", "2026-01-20"), ("bob", "2026-02-20"),
    ("cyd", "2026-02-02"), ("cyd", "2026-04-02"),
)  # fmt: skip


def test_a_triangle_by_calendar_months() -> None:
    """A cell of an age that is not over is None, never 0."""
    table = cohorts(FOUR, end="2026-04-15")
    january, february = table.cohorts

    assert (january.name, january.size, january.active, january.later) == ("2026-01", 2, (2, 1, 1), (2, 2, 1))
    assert (february.name, february.active, february.later) == ("2026-02", (1, 0, None), (1, 1, None))
    assert (february.retention, february.rolling) == ((1, 0, None), (1, 1, None))
    assert table.retention == (1, 1 / 3, 0.5)
    assert table.rolling == (1, 1, 0.5)
    assert (table.size, list(table.ages)) == (3, [0, 1, 2])
    assert repr(table) == "<CohortTable by month: 2 cohorts, 3 customers>"
    assert "rolling" in table.definitions


def test_an_age_that_has_begun_can_be_shown() -> None:
    """Though it still rises."""
    table = cohorts(FOUR, end="2026-04-15", partial=True)

    assert [cohort.active for cohort in table.cohorts] == [(2, 1, 1, 0), (1, 0, 1, None)]


def test_a_month_by_anniversary_ends_where_the_month_is_too_short() -> None:
    """From 31 January: to 28 February, to 31 March, to 30 April."""
    days = ["2026-01-31", "2026-02-27", "2026-02-28", "2026-03-30", "2026-03-31", "2026-04-30"]
    (cohort,) = cohorts(orders(*(("ada", day) for day in days)), end="2026-05-30", anchor="anniversary").cohorts

    assert cohort.active == (1, 1, 1, 1)
    for last, known in [("2026-02-27", 1), ("2026-02-26", 0), ("2026-03-30", 2), ("2026-03-29", 1)]:
        table = cohorts(orders(("ada", days[0])), end=last, anchor="anniversary")
        assert len(table.ages) == known, last


def test_a_cell_by_anniversary_waits_for_the_last_customer_of_the_cohort() -> None:
    """Else some had less time than others."""
    table = cohorts(orders(("ada", "2026-01-01"), ("bob", "2026-01-31")), end="2026-02-15", anchor="anniversary")

    assert table.cohorts[0].active == ()
    assert cohorts(orders(("ada", "2026-01-01")), end="2026-02-15", anchor="anniversary").cohorts[0].active == (1,)


@pytest.mark.parametrize(
    ("unit", "names"),
    [
        ("day", ["2026-01-05", "2026-01-20", "2026-02-02"]),
        ("week", ["2026-W02", "2026-W04", "2026-W06"]),
        ("month", ["2026-01", "2026-02"]),
        ("quarter", ["2026-Q1"]),
        ("year", ["2026"]),
    ],
)
def test_cohorts_are_named_by_their_period(unit: object, names: list[str]) -> None:
    """As periods are everywhere."""
    assert [cohort.name for cohort in cohorts(FOUR, end="2027-01-31", period=unit).cohorts] == names


def test_revenue_is_exact_and_returns_are_no_purchases() -> None:
    """A return is taken off the revenue of its own day."""
    table = cohorts(
        orders(
            ("ada", "2026-01-05", "10.10"), ("ada", "2026-01-07", "0.20"), ("ada", "2026-02-05", "-3"),
            ("bob", "2026-01-02", "-7"), ("bob", "2026-02-01", "5"), ("cyd", "2026-01-01", "-1"),
            ("dan", "2026-01-01", None),
        ),
        end="2026-02-28", amount="amount", currency="EUR",
    )  # fmt: skip
    january, february = table.cohorts

    assert (january.size, january.active) == (2, (2, 0))
    assert january.revenue == (Money("10.30", "EUR"), Money("-3.00", "EUR"))
    assert february.revenue == (Money("5.00", "EUR"), None)
    assert table.made.exclusions == {
        "returns, taken off the revenue": 1,
        "returns before the customer's first purchase, left out": 2,
        "purchases without an amount, in no revenue": 1,
    }
    assert table.to_dicts()[1]["revenue"] == Decimal("-3.00")
    assert table.to_dicts()[3]["revenue"] is None
    assert [section.title for section in table.sections()][1].startswith("Revenue")
    assert table.triangle("revenue").rows[0] == ("2026-01", "2", "10.30", "-3.00")
    assert table.triangle("active").rows[1] == ("2026-02", "1", "1", "–")


def test_several_currencies_need_rates() -> None:
    """Those of the day of the purchase hold."""
    table = orders(("ada", "2026-01-05", Money(10, "EUR")), ("ada", "2026-01-20", Money(10, "USD")))
    rates = Rates([Rate("EUR", "USD", date(2026, 1, 1), Decimal(1)), Rate("EUR", "USD", date(2026, 1, 10), Decimal(2))])
    with pytest.raises(MixedCurrency):
        cohorts(table, end="2026-01-31", amount="amount")

    (found,) = cohorts(table, end="2026-01-31", amount="amount", currency="EUR", rates=rates).cohorts

    assert found.revenue == (Money(15, "EUR"),)


def test_amounts_nobody_knows_make_no_revenue() -> None:
    """There is no currency to tell it in."""
    table = cohorts(orders(("ada", "2026-01-05", None)), end="2026-01-31", amount="amount")

    assert table.cohorts[0].revenue is None
    assert "revenue" not in table.to_dicts()[0]


def test_what_comes_after_the_end_is_left_out() -> None:
    """And told; a customer who first bought then is in no cohort."""
    table = cohorts(FOUR, end="2026-01-31")

    assert [(cohort.name, cohort.active) for cohort in table.cohorts] == [("2026-01", (2,))]
    assert table.made.exclusions == {"purchases after the end": 5}
    assert table.made.at_given


def test_no_purchases_make_no_cohorts() -> None:
    """An empty table is a table."""
    table = cohorts([], end="2026-01-31", amount="amount", currency="EUR")

    assert (table.cohorts, table.size, table.to_dicts(), table.retention) == ((), 0, [], ())
    assert str(table).startswith("Retention by month")


def test_days_are_those_of_the_zone() -> None:
    """The last hour of a month in one zone is the first of the next further east."""
    late = orders(("ada", datetime(2026, 1, 31, 23, 30, tzinfo=UTC)))

    assert cohorts(late, end="2026-02-28").cohorts[0].name == "2026-01"
    assert cohorts(late, end="2026-02-28", zone="Europe/Berlin").cohorts[0].name == "2026-02"


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"period": "fortnight"}, "period"),
        ({"anchor": "zodiac"}, "anchor"),
        ({"partial": 1}, "partial"),
        ({"end": "someday"}, "end"),
        ({"end": None}, "end"),
        ({"engine": "abacus"}, "engine"),
        ({"at": "when"}, "purchases columns"),
        ({"at": None}, "at"),
        ({"rates": "ECB"}, "rates"),
        ({"amount": "spent"}, "purchases columns"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(options: dict[str, Any], path: str) -> None:
    """Where it is wrong, and what would be right."""
    with pytest.raises(Invalid) as refused:
        cohorts(FOUR, **{"end": "2026-04-15", **options})

    assert [problem.path for problem in refused.value.problems] == [path]


def test_missing_customers_and_days_are_refused_by_row() -> None:
    """A purchase of nobody would still move the figures."""
    with pytest.raises(Invalid) as refused:
        cohorts(orders(("ada", "2026-01-01"), (None, "2026-01-01"), ("bob", None), ("bob", "soon")), end="2026-04-15")

    assert [problem.path for problem in refused.value.problems] == [
        'purchases row 4, column "at"',
        'purchases row 2, column "customer"',
        'purchases row 3, column "at"',
    ]


def test_a_table_of_millions_of_cells_is_refused() -> None:
    """A slipped century would fill the memory."""
    table = orders(*((i, date(1900, 1, 1) + timedelta(i)) for i in range(200)))

    with pytest.raises(Invalid, match="check the earliest dates"):
        cohorts(table, end="2026-01-01", period="day")


def test_the_end_of_the_calendar_is_no_end_of_sense() -> None:
    """What is known there is known."""
    assert cohorts(orders(("ada", "9999-12-31")), end=datetime(9999, 12, 31, tzinfo=UTC)).size == 1
    assert cohorts(orders(("ada", "0001-01-01")), end="0001-02-28").cohorts[0].active == (1, 0)


def test_a_measure_there_is_not_is_refused() -> None:
    """Nor revenue where amounts were not asked for."""
    table = cohorts(FOUR, end="2026-04-15")

    for measure in ("profit", "revenue"):
        with pytest.raises(Invalid, match="measure"):
            table.triangle(measure)  # type: ignore[arg-type]


# --- the second method ----------------------------------------------------------------------------------------------


@st.composite
def bought(draw: st.DrawFn) -> list[tuple[str, date, int]]:
    """Purchases of a few customers, many of them at the ends of months."""
    ends = st.sampled_from([date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 30), date(2024, 12, 31)])
    days = st.dates(date(2023, 11, 1), date(2025, 3, 31)) | ends
    return draw(st.lists(st.tuples(st.sampled_from("abcdef"), days, st.integers(-50, 200)), max_size=14))


def window(unit: str, anchor: str, first: date, age: int) -> tuple[date, date]:
    """The days of an age, by the definitions, its end excluded."""
    if anchor == "calendar":
        found = period_of(first, unit, zone="UTC")  # type: ignore[arg-type]
        for _ in range(age):
            found = found.next()
        return found.start.date(), found.end.date()
    if unit in MONTHS:
        return add_months(first, age * MONTHS[unit]), add_months(first, (age + 1) * MONTHS[unit])
    step = timedelta(7 if unit == "week" else 1)
    return first + age * step, first + (age + 1) * step


@given(
    bought(),
    st.sampled_from(["week", "month", "quarter", "year"]),
    st.sampled_from(["calendar", "anniversary"]),
    st.dates(date(2023, 12, 1), date(2025, 6, 30)),
)
def test_it_is_what_asking_window_by_window_gives(
    bought: list[tuple[str, date, int]], unit: object, anchor: object, end: date
) -> None:
    """For every cell: who is active in it, who in it or later, what is spent, and whether its age is over."""
    table = cohorts(
        orders(*bought), end=end, period=unit, anchor=anchor, amount="amount", currency="JPY"
    )  # fmt: skip
    known = [(who, day, yen) for who, day, yen in bought if day <= end]
    days: dict[str, list[date]] = defaultdict(list)
    for who, day, yen in known:
        if yen >= 0:
            days[who].append(day)
    members: dict[str, list[str]] = defaultdict(list)
    for who, own in days.items():
        members[period_of(min(own), unit, zone="UTC").name].append(who)

    assert sorted(members) == sorted(cohort.name for cohort in table.cohorts)
    for cohort in table.cohorts:
        own_ = members[cohort.name]
        for age in range(len(table.ages) + 1):
            windows = {who: window(unit, anchor, min(days[who]), age) for who in own_}
            over = all(last <= end + timedelta(1) for _, last in windows.values())
            assert over or age == len(table.ages) or cohort.active[age] is None
            if not over:
                continue
            active = [who for who in own_ if any(windows[who][0] <= day < windows[who][1] for day in days[who])]
            later = [who for who in own_ if any(windows[who][0] <= day for day in days[who])]
            spent = sum(
                yen for who, day, yen in known
                if who in own_ and min(days[who]) <= day and windows[who][0] <= day < windows[who][1]
            )  # fmt: skip
            assert cohort.active[age] == len(active)
            assert cohort.later[age] == len(later)
            assert cohort.revenue is not None
            assert cohort.revenue[age] == Money(spent, "JPY")


@given(
    bought(),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.sampled_from(["calendar", "anniversary"]),
    st.dates(date(2023, 12, 1), date(2025, 6, 30)),
)
def test_numpy_gives_the_same(bought: list[tuple[str, date, int]], unit: object, anchor: object, end: date) -> None:
    """The whole table, with revenue and without."""
    pytest.importorskip("numpy")
    table = orders(*bought, ("a", date(2024, 5, 5), None))
    how: Any = {"end": end, "period": unit, "anchor": anchor, "currency": "JPY"}

    assert cohorts(table, engine="numpy", **how) == cohorts(table, engine="python", **how)
    how["amount"] = "amount"
    assert cohorts(table, engine="numpy", **how) == cohorts(table, engine="python", **how)


def test_numpy_leaves_to_plain_python_what_64_bits_may_not_hold() -> None:
    """And finds nothing in nothing."""
    pytest.importorskip("numpy")
    large = orders(("ada", "2026-01-05", 3 * 10**18), ("ada", "2026-01-20", 3 * 10**18))
    (found,) = cohorts(large, end="2026-01-31", amount="amount", currency="JPY", engine="numpy").cohorts

    assert found.revenue == (Money(6 * 10**18, "JPY"),)
    assert cohorts([], end="2026-01-31", engine="numpy").cohorts == ()


@given(bought(), st.randoms(use_true_random=False), st.sampled_from(["calendar", "anniversary"]))
def test_the_laws_of_cohorts(bought: list[tuple[str, date, int]], random: Random, anchor: object) -> None:
    """Everybody is active at first, rolling never rises and is never below classic, the order of rows is nothing."""
    table = cohorts(orders(*bought), end="2025-04-30", anchor=anchor)
    mixed = cohorts(orders(*random.sample(bought, len(bought))), end="2025-04-30", anchor=anchor)

    assert mixed.cohorts == table.cohorts
    for cohort in table.cohorts:
        classic = [share for share in cohort.retention if share is not None]
        rolling = [share for share in cohort.rolling if share is not None]
        assert classic[:1] == rolling[:1] == ([1] if classic else [])
        assert rolling == sorted(rolling, reverse=True)
        assert all(0 <= one <= other <= 1 for one, other in zip(classic, rolling, strict=True))
        assert list(cohort.active).index(None) == len(classic) if None in cohort.active else True
