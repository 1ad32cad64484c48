"""Filters checked against a kind: constants read as its fields want them, every slip reported."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.where import (
    Ago,
    AnyOf,
    Comparison,
    F,
    FieldType,
    Filter,
    Membership,
    Not,
    Presence,
    TextMatch,
    ago,
    checked,
    predicate,
    select,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIELDS: dict[str, FieldType] = {
    "stage": "text",
    "name": "text",
    "seats": "integer",
    "rate": "decimal",
    "amount": "money",
    "active": "boolean",
    "close_on": "date",
    "won_at": "instant",
    "tags": "texts",
    "custom.region": "text",
    "external.hubspot": "text",
}


def check(asked: Filter, *, at: datetime | None = NOON, zone: str = "Europe/Berlin") -> Filter:
    """The filter, checked against the fields above."""
    return checked(asked, FIELDS, currency="EUR", at=at, zone=zone)


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[str]:
    """Where each problem lies."""
    return [problem.path for problem in error.value.problems]


# --- relative times -------------------------------------------------------------------------------------------------


def test_ago_adds_its_parts_up() -> None:
    """24 hours are a day, and the largest unit that divides it says it best."""
    assert ago(days=1) == ago(hours=24) == ago(hours=23, minutes=60) == Ago(1440)
    assert ago(weeks=2) == ago(days=14)
    assert list(map(str, (ago(days=1), ago(hours=36), ago(minutes=-5), ago()))) == [
        "1 day ago",
        "36 hours ago",
        "in 5 minutes",
        "now",
    ]


@pytest.mark.parametrize("parts", [{"days": 1.5}, {"days": True}, {"hours": "2"}, {"weeks": 10**9}, {"days": 10**400}])
def test_ago_takes_whole_numbers_within_reason(parts: dict[str, int]) -> None:
    """Anything else would count from nowhere."""
    with pytest.raises(Invalid):
        ago(**parts)


def test_ago_counts_from_the_instant_given() -> None:
    """Against an instant a day is 24 hours; against a date it is a calendar day, clock changes or not."""
    after_the_clocks_went_back = datetime(2026, 10, 25, 22, 30, tzinfo=UTC)

    assert check(F.won_at > ago(days=2)) == (F.won_at > NOON - timedelta(days=2))
    assert check(F.close_on >= ago(days=30)) == (F.close_on >= date(2026, 10, 22))
    assert check(F.close_on >= ago(days=1), at=after_the_clocks_went_back) == (F.close_on >= date(2026, 10, 24))
    assert check(F.close_on < ago(hours=13)) == (F.close_on < date(2026, 11, 21))
    assert check(F.close_on < ago(hours=14)) == (F.close_on < date(2026, 11, 20))
    assert check(F.won_at.is_in([ago(days=1)])) == F.won_at.is_in([NOON - timedelta(days=1)])


def test_ago_needs_an_instant_it_can_count_from() -> None:
    """None given, a naive one, a calendar too short, or a filter that was never checked."""
    for slip in (
        lambda: check(F.won_at > ago(days=1), at=None),
        lambda: check(F.won_at > ago(days=1), at=datetime(2026, 1, 1)),
        lambda: check(F.won_at > ago(days=365 * 9_000)),
        lambda: check(F.close_on > ago(days=-365 * 9_000)),
        lambda: predicate(F.won_at > ago(days=1)),
        lambda: select(F.won_at.is_in([ago(days=1)]), []),
    ):
        with pytest.raises(Invalid):
            slip()


# --- checking -------------------------------------------------------------------------------------------------------


def test_checking_reads_constants_as_the_field_wants_them() -> None:
    """What a person writes becomes what the field holds."""
    instant = datetime(2026, 11, 13, 9, tzinfo=UTC)
    written = {
        F.amount >= 10_000: F.amount >= Money("10000", "EUR"),
        F.amount < 0.5: F.amount < Money("0.50", "EUR"),
        F.amount.is_in([1, Money("2", "USD")]): F.amount.is_in([Money("1", "EUR"), Money("2", "USD")]),
        F.rate > 1: F.rate > Decimal(1),
        F.seats == Decimal("3.0"): F.seats == 3,
        F.seats > 2.5: F.seats > Decimal("2.5"),
        F.close_on == "2026-11-13": F.close_on == date(2026, 11, 13),
        F.won_at < "2026-11-13T10:00+01:00": F.won_at < instant,
        F.won_at != instant: F.won_at != instant,
        F.tags.contains("vip"): TextMatch("tags", "has", "vip"),
        F.tags.is_set: Presence("tags", filled=True),
        Presence("stage", filled=True): F.stage.is_set,
        F.active == True: F.active == True,  # noqa: E712 - the builder compares
        F.external.hubspot == "7": F.external.hubspot == "7",
    }

    assert [check(asked) for asked in written] == list(written.values())


def test_a_day_against_an_instant_means_all_of_it() -> None:
    """In the business's zone: from its start, to the start of the next."""
    start, end = datetime(2026, 11, 12, 23, tzinfo=UTC), datetime(2026, 11, 13, 23, tzinfo=UTC)
    day = date(2026, 11, 13)
    within = (F.won_at >= start) & (F.won_at < end)

    assert check(F.won_at >= day) == (F.won_at >= start)
    assert check(F.won_at < day) == (F.won_at < start)
    assert check(F.won_at > day) == (F.won_at >= end)
    assert check(F.won_at <= "2026-11-13") == (F.won_at < end)
    assert check(F.won_at == day) == within
    assert check(F.won_at != day) == (F.won_at < start) | (F.won_at >= end)
    assert check(F.won_at.is_in([day, NOON])) == AnyOf((within, F.won_at == NOON))


def test_a_day_is_as_long_as_its_zone_makes_it() -> None:
    """Where clocks change it has 23 or 25 hours; where midnight is skipped it starts at the skip."""
    day = check(F.won_at == "2026-10-25")
    skipped = check(F.won_at >= "2018-11-04", zone="America/Sao_Paulo")

    assert day == (F.won_at >= datetime(2026, 10, 24, 22, tzinfo=UTC)) & (
        F.won_at < datetime(2026, 10, 25, 23, tzinfo=UTC)
    )
    assert skipped == (F.won_at >= datetime(2018, 11, 4, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "asked",
    [
        F.stage == 1,
        F.stage == date(2026, 1, 1),
        F.seats == "1",
        F.seats == True,  # noqa: E712 - the builder compares
        F.rate > "0.5",
        F.rate == Money("1", "EUR"),
        F.amount > "10",
        F.amount == True,  # noqa: E712
        F.amount > 0.001,
        F.amount > 10**30,
        F.active == 1,
        F.active == "yes",
        F.close_on > 2026,
        F.close_on > "tomorrow",
        F.close_on > "2026-13-01",
        F.close_on > "2026-11-13T10:00+01:00",
        F.close_on > NOON,
        F.won_at > 2026,
        F.won_at > "2026-11-13T10:00",
        F.won_at > "last Friday evening",
        F.won_at <= date.max,
        F.won_at > date.min,
        F.stage.is_in(["won", 1]),
    ],
    ids=str,
)
def test_constants_of_another_type_are_refused(asked: Comparison | Membership) -> None:
    """Text is no number and no date, a number no text; the message names the field and shows no value."""
    with pytest.raises(Invalid) as error:
        check(asked)

    assert problems(error) == [asked.field]
    assert {problem.value for problem in error.value.problems} <= {
        "date",
        "instant",
        "money",
        "number",
        "relative time",
        "text",
        "True or False",
    }


@pytest.mark.parametrize(
    "asked",
    [
        F.amount.contains("1"),
        F.active < True,
        F.tags == "vip",
        F.tags.is_in(["vip"]),
        F.tags.starts_with("v"),
        F.won_at.starts_with("2026"),
        TextMatch("name", "has", "x"),
    ],
    ids=str,
)
def test_operators_a_field_does_not_have_are_refused(asked: Comparison) -> None:
    """With those it has."""
    with pytest.raises(Invalid, match="choose one of"):
        check(asked)


def test_every_problem_is_reported_at_once() -> None:
    """And a name nearly right gets its correction."""
    with pytest.raises(Invalid) as error:
        check((F.amonut > 1) & ~((F.stage == 1) | F.amount.contains("x")) & (F.nothing_like_it == 1))

    assert problems(error) == ["amonut", "stage", "amount", "nothing_like_it"]
    assert "did you mean amount?" in str(error.value)
    assert "known: stage, name" in str(error.value)


def test_a_zone_or_currency_that_is_none_is_named() -> None:
    """It is the caller's setting that is wrong, not the field."""
    with pytest.raises(Invalid) as error:
        check(F.won_at > "2026-11-13", zone="Mars/Olympus")
    assert problems(error) == ["zone"]

    with pytest.raises(Invalid) as error:
        checked(F.amount > 1, FIELDS, currency="XXX", at=None, zone="UTC")
    assert problems(error) == ["currency"]

    with pytest.raises(Invalid, match="known: none"):
        checked(F.amount > 1, {}, currency="EUR", at=None, zone="UTC")


asked_by_people = st.one_of(
    st.builds(
        Comparison, st.just("amount"), st.sampled_from([">=", "=="]), st.integers(-5, 5) | st.just(Decimal("0.25"))
    ),
    st.builds(Comparison, st.just("seats"), st.sampled_from(["<", "!="]), st.decimals(-5, 5, places=1)),
    st.builds(Comparison, st.just("rate"), st.sampled_from([">", "<="]), st.integers(-5, 5)),
    st.builds(
        Comparison,
        st.sampled_from(["won_at", "close_on"]),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.dates(date(1990, 1, 1), date(2030, 1, 1)).flatmap(lambda day: st.sampled_from([day, day.isoformat()]))
        | st.builds(Ago, st.integers(-(10**5), 10**5)),
    ),
    st.builds(Membership, st.just("won_at"), st.lists(st.dates(date(1990, 1, 1), date(2030, 1, 1)), max_size=3)),
    st.sampled_from([F.tags.contains("x"), F.tags.is_set, F.active == True, F.name.contains("x")]),  # noqa: E712
)


@given(st.lists(asked_by_people, min_size=1, max_size=4), st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia"]))
def test_checking_twice_changes_nothing(parts: list[Filter], zone: str) -> None:
    """A stored filter may be checked again."""
    once = check(Not(AnyOf(parts)), zone=zone)

    assert check(once, zone=zone) == once
    assert check(once, at=None, zone="UTC") == once


anything = st.one_of(
    st.sampled_from(["won", "2026-11-13", "2026-11-13T10:00+01:00", "0001-01-01", "9999-12-31", "7"]),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
    st.builds(Ago, st.integers(-(10**9), 10**9)),
    st.just(Money("1", "USD")),
)
leaves = st.one_of(
    st.builds(
        Comparison, st.sampled_from(sorted(FIELDS)), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), anything
    ),
    st.builds(Membership, st.sampled_from(sorted(FIELDS)), st.lists(anything, max_size=2)),
    st.builds(TextMatch, st.sampled_from(sorted(FIELDS)), st.sampled_from(["contains", "has"]), st.just("x")),
)


@given(leaves, st.sampled_from(["UTC", "Pacific/Apia"]))
def test_whatever_is_asked_is_checked_or_refused(asked: Filter, zone: str) -> None:
    """Never by another error; what passes can be evaluated."""
    try:
        where = check(asked, zone=zone)
    except Invalid:
        return
    assert check(where, at=None, zone="UTC") == where
    assert callable(predicate(where))
