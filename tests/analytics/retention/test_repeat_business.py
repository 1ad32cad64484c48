"""Repeat rate, purchase interval, lapsed customers and reactivation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import Invalid
from crmcore.analytics.retention import lapsed, purchase_interval, reactivation, repeat_rate


def orders(*bought: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Purchases: customer and day."""
    return [{"customer": customer, "at": at} for customer, at in bought]


THREE = orders(
    ("ada", "2026-01-05"), ("ada", "2026-01-15"), ("ada", "2026-02-24"),
    ("bob", "2026-01-09"), ("bob", "2026-01-09"),
    ("cyd", "2026-02-01"), ("cyd", "2026-03-03"),
)  # fmt: skip


def test_two_purchases_of_one_day_are_one() -> None:
    """Bob has not come again."""
    assert repeat_rate(THREE) == 2 / 3
    assert repeat_rate(THREE, end="2026-02-28") == 1 / 3


def test_the_interval_is_over_all_consecutive_purchase_days() -> None:
    """10, 40 and 30 days."""
    found = purchase_interval(THREE)

    assert found is not None
    assert (found.mean, found.median, found.n, found.customers) == (80 / 3, 30, 3, 2)
    assert str(found) == "26.67 days mean, 30.0 median, n 3"


def test_nothing_bought_is_no_figure() -> None:
    """Neither a rate, nor an interval, nor a share."""
    assert repeat_rate([]) is None
    assert purchase_interval([]) is None
    assert purchase_interval(orders(("ada", "2026-01-05"))) is None
    nobody = lapsed([], as_of="2026-01-05")
    assert (nobody.share, nobody.count, nobody.customers, nobody.to_dicts()) == (None, 0, (), [])
    assert "The longest silent" not in str(nobody)


def test_a_day_is_one_of_the_zone() -> None:
    """Two evenings may be one day further east."""
    late = orders(("ada", datetime(2026, 1, 5, 23, 30, tzinfo=UTC)), ("ada", datetime(2026, 1, 6, 12, tzinfo=UTC)))

    assert (repeat_rate(late), repeat_rate(late, zone="Europe/Berlin")) == (1, 0)


def test_lapsed_is_longer_silent_than_allowed() -> None:
    """Exactly as long is not."""
    found = lapsed(THREE, as_of="2026-04-10", after="45d")

    assert found.customers == ("bob",)
    assert [silence.days for silence in found.silences] == [91, 45, 38]
    assert found.silences[0].last == date(2026, 1, 9)
    assert (found.count, found.share) == (1, 1 / 3)
    assert repr(found) == "<Lapsed: 1 of 3, 33.33%>"
    assert "more than 45 days without a purchase" in str(found)
    assert found.made.at_given
    assert found.to_dicts()[0]["lapsed"]


def test_a_customer_may_be_allowed_its_own_pace() -> None:
    """Ada's median interval is 25 days, twice that is 50; whoever bought once has none."""
    found = lapsed(THREE, as_of="2026-04-12", after=10, times=2)

    assert {one.customer: (one.allowed, one.interval) for one in found.silences} == {
        "ada": (50, 25),
        "bob": (10, None),
        "cyd": (60, 30),
    }
    assert found.customers == ("bob",)
    assert "more than 10 days and 2 own median intervals without a purchase" in str(found)


def test_equally_silent_customers_stand_by_name() -> None:
    """Whatever their order."""
    table = orders(("b", "2026-01-01"), ("a", "2026-01-01"), (3, "2026-01-01"))

    assert lapsed(table, as_of="2026-03-01", after=1).customers == (3, "a", "b")


@pytest.mark.parametrize(
    ("options", "path"),
    [({"after": -1}, "after"), ({"after": "long"}, "after"), ({"times": 0}, "times"), ({"times": "x"}, "times"),
     ({"times": True}, "times"), ({"as_of": 3}, "as_of"), ({"as_of": None}, "as_of"),
     ({"customer": "who"}, "purchases columns")],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(options: dict[str, Any], path: str) -> None:
    """Where it is wrong."""
    with pytest.raises(Invalid) as refused:
        lapsed(THREE, **{"as_of": "2026-04-10", **options})

    assert [problem.path for problem in refused.value.problems] == [path]


def test_reactivation_is_of_those_who_had_lapsed() -> None:
    """Who was silent at the start, and bought in the period."""
    table = orders(
        ("back", "2025-01-01"), ("back", "2026-03-31"), ("gone", "2025-01-01"), ("true", "2026-02-27"),
        ("true", "2026-03-01"), ("new", "2026-03-02"), ("late", "2025-01-01"), ("late", "2026-04-01"),
    )  # fmt: skip
    found = reactivation(table, period="2026-03", after="90d")

    assert (found.lapsed, found.reactivated, found.rate) == (3, 1, 1 / 3)
    assert found.to_dicts() == [{"period": "2026-03", "lapsed": 3, "reactivated": 1, "rate": 1 / 3}]
    assert repr(found) == "<Reactivation: 1 of 3 lapsed, 33.33%>"
    assert "period 2026-03" in str(found)


def test_whoever_has_not_been_silent_long_enough_at_the_start_has_not_lapsed() -> None:
    """Silence is counted to the day before the period."""
    table = orders(("ada", "2026-01-30"), ("ada", "2026-03-20"))

    assert reactivation(table, period="2026-03", after=28).lapsed == 1
    assert reactivation(table, period="2026-03", after=29).lapsed == 0
    assert reactivation(orders(("ada", "2025-12-31"), *((r["customer"], r["at"]) for r in table)),
                        period="2026-03", after=1, times=2).lapsed == 0  # fmt: skip


def test_nobody_lapsed_is_no_rate() -> None:
    """0 of 0 is neither 0 nor 1."""
    assert reactivation([], period="2026-03").rate is None
    assert reactivation([{"customer": 1, "start": "2026-01-01", "end": None}], period="2026-03").rate is None


def test_reactivation_of_subscriptions() -> None:
    """A gap shorter than the grace is none."""
    table = [
        {"customer": "ada", "started_on": "2025-01-01", "ended_on": "2026-02-20"},
        {"customer": "ada", "started_on": "2026-03-05", "ended_on": "2026-03-09"},
        {"customer": "bob", "started_on": "2025-01-01", "ended_on": "2025-06-01"},
        {"customer": "cyd", "started_on": "2026-03-01", "ended_on": None},
    ]
    strict = reactivation(table, period="2026-03")
    lenient = reactivation(table, period="2026-03", grace="2w")

    assert (strict.lapsed, strict.reactivated) == (2, 1)
    assert (lenient.lapsed, lenient.reactivated) == (1, 0)


def test_a_table_of_neither_is_refused() -> None:
    """With what it lacks."""
    with pytest.raises(Invalid, match='a column "at", or "start"'):
        reactivation([{"customer": 1, "when": "2026-01-01"}], period="2026-03")
    with pytest.raises(Invalid, match="start"):
        reactivation([{"customer": 1, "at": "2026-01-01"}], period="2026-03", start=None)  # type: ignore[arg-type]


BOUGHT = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 120)), max_size=12)


@given(BOUGHT, st.randoms(use_true_random=False), st.integers(0, 40), st.none() | st.floats(0.5, 4))
def test_it_is_what_asking_customer_by_customer_gives(
    bought: list[tuple[str, int]], random: Random, after: int, times: float | None
) -> None:
    """In any order of the rows."""
    days = {who: sorted({day for other, day in bought if other == who}) for who, _ in bought}
    gaps = [b - a for own in days.values() for a, b in pairwise(own)]
    table = orders(*((who, date(2026, 1, 1) + timedelta(day)) for who, day in random.sample(bought, len(bought))))
    silent = set()
    for who, own in days.items():
        mine = sorted(b - a for a, b in pairwise(own))
        middle = (mine[(len(mine) - 1) // 2] + mine[len(mine) // 2]) / 2 if mine else 0
        if 130 - own[-1] > max(after, (times or 0) * middle):
            silent.add(who)

    found = purchase_interval(table)

    assert repeat_rate(table) == (sum(len(own) > 1 for own in days.values()) / len(days) if days else None)
    assert (found.n, found.mean) == (len(gaps), sum(gaps) / len(gaps)) if found else gaps == []
    end = date(2026, 1, 1) + timedelta(130)
    assert {*lapsed(table, as_of=end, after=after, times=times).customers} == silent
