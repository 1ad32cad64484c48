"""Filters: built, compared, checked, evaluated, said, explained, sent as JSON and read back."""

from __future__ import annotations

import copy
import enum
import json
import operator
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.where import (
    Ago,
    AllOf,
    AnyOf,
    Comparison,
    Explanation,
    F,
    FieldType,
    Filter,
    Membership,
    Not,
    Presence,
    TextMatch,
    ago,
    checked,
    explain,
    from_data,
    predicate,
    select,
    to_data,
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


def record(**values: object) -> SimpleNamespace:
    """A record with these values; every other is missing."""
    plain = dict.fromkeys(name for name in FIELDS if "." not in name)
    return SimpleNamespace(**{**plain, "custom": {}, "external": {}, **values})


def matches(asked: Filter, **values: object) -> bool:
    """Whether a record with these values matches; the predicate and the comprehension agree."""
    made, where = record(**values), check(asked)
    found = predicate(where)(made)
    assert select(where, [made]) == ([made] if found else [])
    assert explain(where, made).matches is found
    return found


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[str]:
    """Where each problem lies."""
    return [problem.path for problem in error.value.problems]


# --- building -------------------------------------------------------------------------------------------------------


def test_the_builder_makes_plain_values() -> None:
    """Each form of question is a value of its own, which holds no builder."""
    assert (F.seats >= 3) == Comparison("seats", ">=", 3)
    assert (F.seats != 3) == Comparison("seats", "!=", 3)
    assert (F.seats < 3) == Comparison("seats", "<", 3)
    assert (F.seats > 3) == Comparison("seats", ">", 3)
    assert (F.seats <= 3) == (3 >= F.seats)
    assert F.seats.between(1, 3) == AllOf((Comparison("seats", ">=", 1), Comparison("seats", "<=", 3)))
    assert F.stage.is_in(name for name in ("won", "lost")) == Membership("stage", ("won", "lost"))
    assert F.stage.is_set == Presence("stage")
    assert F.name.contains("acme") == TextMatch("name", "contains", "acme")
    assert F.name.starts_with("Ac") == TextMatch("name", "starts with", "Ac")


def test_every_field_can_be_named() -> None:
    """Below custom and external too, and whatever the name means to Python."""
    assert (F.custom.name == "x").fields == {"custom.name"}
    assert (F.custom["sales region"] == "x").fields == {"custom.sales region"}
    assert F.external.hubspot.is_set.fields == {"external.hubspot"}
    assert F["custom.region"].is_set == F.custom.region.is_set
    assert (F.is_in == "x").fields == {"is_in"}


def test_joining_is_flat_and_turning_round_twice_is_nothing() -> None:
    """The shape of a tree does not depend on where parentheses stood."""
    a, b, c = F.a == 1, F.b == 1, F.c == 1

    assert a & b & c == a & (b & c) == AllOf((a, b, c))
    assert a | b | c == a | (b | c) == AnyOf((a, b, c))
    assert ~~a == a
    assert (a & b | c).fields == {"a", "b", "c"}


def test_filters_are_equal_by_content() -> None:
    """1 is not True, the order of members does not matter, and hashes follow."""
    assert (F.a == 1) == (F.a == 1)
    assert (F.a == 1) != (F.a == True)  # noqa: E712 - the builder compares
    assert F.a.is_in([1, 2]) == F.a.is_in([2, 1, 2])
    assert AllOf((F.a == 1,)) != AnyOf((F.a == 1,))
    assert len({F.a == 1, F.a == 1, F.a == True, F.a.is_in([1, 2]), F.a.is_in([2, 1])}) == 3  # noqa: E712


def test_filters_survive_pickle_and_copy() -> None:
    """And so does the builder."""
    asked = (F.amount >= Money("1", "EUR")) & ~F.name.contains("x") | F.won_at.is_in([NOON])

    assert pickle.loads(pickle.dumps(asked)) == asked
    assert hash(copy.deepcopy(asked)) == hash(asked)
    assert copy.copy(F).stage.is_set == F.stage.is_set


def test_constants_become_plain() -> None:
    """Enums, floats and zones leave nothing behind that compares in its own way."""

    class Stage(enum.StrEnum):
        WON = "won"

    class Seats(enum.IntEnum):
        FEW = 3

    class Day(date):
        pass

    class Moment(datetime):
        pass

    berlin = datetime(2026, 11, 21, 13, tzinfo=ZoneInfo("Europe/Berlin"))
    values = [(F.a == value).value for value in (Stage.WON, Seats.FEW, 0.1, Day(2026, 1, 2), berlin)]

    assert values == ["won", 3, Decimal("0.1"), date(2026, 1, 2), NOON]
    assert list(map(type, values)) == [str, int, Decimal, date, datetime]
    assert type((F.a == Moment(2026, 1, 2, tzinfo=UTC)).value) is datetime


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        float("inf"),
        Decimal("-Infinity"),
        Decimal("sNaN"),
        Decimal("1E+1000"),
        Decimal("1." + "1" * 1000),
        10**1000,
        datetime(2026, 1, 1),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))),
        "\ud800",
        "\x00",
        b"text",
        [1],
        F.other,
        object(),
    ],
    ids=repr,
)
def test_what_no_filter_can_hold_is_refused(value: object) -> None:
    """With the reason and the mend, and without showing the value: the field may be personal."""
    for build in (lambda: F.a == value, lambda: F.a.is_in([value]), lambda: from_data({"field": "a", "op": "==", "value": value})):
        with pytest.raises(Invalid) as error:
            build()
        assert all(isinstance(problem.value, str) and problem.mend for problem in error.value.problems)


@pytest.mark.parametrize(
    "name",
    ["", "a.b", "custom", "custom.", "external", "a b", "_secret", "__class__", "class", "None", "a\x00", "\ud800", "é" * 201, 7],
)
def test_names_that_can_be_no_field_are_refused(name: str) -> None:
    """Before any code or statement is made of them."""
    with pytest.raises(Invalid) as error:
        F[name].is_set

    assert problems(error) == ["field"]


def test_python_finds_no_protocol_in_the_builder() -> None:
    """Notebooks and copy ask for underscore names; a field never has one."""
    assert not hasattr(F, "_repr_html_")
    assert not hasattr(F.custom, "__html__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(F.stage)


def test_a_filter_has_no_truth_value() -> None:
    """``and``, ``or``, ``not`` and chained comparisons would drop half of the question."""
    for slip in (
        lambda: (F.a == 1) and (F.b == 2),
        lambda: not (F.a == 1),
        lambda: 1 < F.a < 5,
        lambda: bool(F.a),
        lambda: F.a in [F.b],
    ):
        with pytest.raises(Invalid, match="& | ~"):
            slip()


def test_forgotten_parentheses_are_explained() -> None:
    """``&`` binds more tightly than a comparison."""
    for slip in (lambda: F.a == 1 & F.b == 2, lambda: F.a & F.b, lambda: "x" | F.a, lambda: F.a | 1, lambda: ~F.a):
        with pytest.raises(Invalid, match="parentheses"):
            slip()


def test_only_filters_can_be_joined() -> None:
    """And only a filter can be checked, evaluated or sent."""
    for slip in (
        lambda: (F.a == 1) & 1,
        lambda: (F.a == 1) | None,
        lambda: AllOf([1]),
        lambda: Not("x"),
        lambda: predicate(None),
        lambda: select(True, []),
        lambda: to_data("x"),
        lambda: check(F.stage),
    ):
        with pytest.raises(Invalid, match="filter"):
            slip()


def test_lists_operators_and_texts_are_checked_at_once() -> None:
    """A text is no list of values, an unknown operator no operator, a number no text to look for."""
    for slip in (
        lambda: F.a.is_in("DE"),
        lambda: F.a.is_in({"DE": 1}),
        lambda: F.a.is_in(7),
        lambda: Comparison("a", "=", 1),
        lambda: Comparison("a", [], 1),
        lambda: TextMatch("a", "like", "x"),
        lambda: F.a.contains(7),
    ):
        with pytest.raises(Invalid):
            slip()


def test_a_tree_has_at_most_a_hundred_levels() -> None:
    """So that nothing that walks over it runs out of stack; the deepest still does everything."""
    deep: Filter = F.seats == 1
    for level in range(99):
        deep = Not(deep) if level % 2 else AllOf((deep,))
    assert deep.depth == 100
    assert from_data(json.loads(json.dumps(to_data(deep)))) == deep
    assert not matches(deep, seats=1)
    assert str(deep).count("not") == 49

    with pytest.raises(Invalid, match="100 levels"):
        AnyOf((deep,))


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

    assert day == (F.won_at >= datetime(2026, 10, 24, 22, tzinfo=UTC)) & (F.won_at < datetime(2026, 10, 25, 23, tzinfo=UTC))
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


# --- evaluating -----------------------------------------------------------------------------------------------------


def test_a_missing_value_matches_nothing_but_its_complement() -> None:
    """``!=`` asks for a value that differs; ``~ ==`` takes everything else."""
    for asked in (F.seats == 1, F.seats != 1, F.seats < 1, F.seats.is_in([1]), F.name.contains(""), F.amount != 1, F.seats.is_set):
        assert not matches(asked)
        assert matches(~asked)
    assert matches(F.seats != 1, seats=2)


def test_comparisons_of_every_type() -> None:
    """Numbers by size, text by code point, times by time."""
    for value, low, high in (
        ("seats", 1, 3),
        ("rate", Decimal("0.1"), 0.3),
        ("amount", 1, Money("3", "EUR")),
        ("stage", "A", "a"),
        ("close_on", "2026-01-01", "2026-12-31"),
        ("won_at", NOON - timedelta(seconds=1), NOON + timedelta(seconds=1)),
    ):
        held = {
            "seats": 2,
            "rate": Decimal("0.2"),
            "amount": Money("2", "EUR"),
            "stage": "Z",
            "close_on": date(2026, 6, 30),
            "won_at": NOON,
        }
        term = F[value]
        found = [compare(term, bound) for bound in (low, high) for compare in (operator.lt, operator.le, operator.gt, operator.ge)]
        assert [matches(asked, **held) for asked in found] == [False, False, True, True, True, True, False, False]
        assert matches(term.between(low, high) & (term != low), **held)
        assert not matches((term == low) | term.is_in([low, high]), **held)


def test_money_of_another_currency_matches_no_comparison() -> None:
    """Not even ``!=``: without a rate nobody can say."""
    for asked in (F.amount == 5, F.amount != 5, F.amount < 5, F.amount >= 5, F.amount.is_in([5])):
        assert not matches(asked, amount=Money("5", "USD"))
        assert matches(~asked, amount=Money("5", "USD"))
    assert matches((F.amount >= 5) & (F.amount < 6) & (F.amount != 7), amount=Money("5", "EUR"))
    assert not matches((F.amount >= 5) & (F.amount < Money("6", "USD")), amount=Money("5", "EUR"))


def test_text_is_found_whatever_its_case() -> None:
    """Both sides are case-folded, which knows more than lower case does."""
    assert matches(F.name.contains("STRASSE"), name="Hauptstraße 1")
    assert matches(F.name.starts_with("ac"), name="ACME")
    assert not matches(F.name.starts_with("me"), name="ACME")
    assert matches(F.tags.contains("VIP"), tags=("new", "vip"))
    assert not matches(F.tags.contains("vi"), tags=("new", "vip"))


def test_no_tags_at_all_are_missing_tags() -> None:
    """An empty tuple is as good as none."""
    assert not matches(F.tags.is_set, tags=())
    assert matches(F.tags.is_set, tags=("vip",))


def test_custom_and_external_fields_are_looked_up_by_key() -> None:
    """Whatever the key says, it is data."""
    assert matches(F.custom.region == "north", custom={"region": "north"})
    assert not matches(F.custom.region == "north")
    assert matches(F.external.hubspot.is_set & (F.external.hubspot > "6"), external={"hubspot": "7"})


def test_a_field_asked_twice_is_looked_up_once() -> None:
    """A typed property may cost something."""

    class Deal:
        looked = 0

        @property
        def seats(self) -> int:
            self.looked += 1
            return 4

    deal = Deal()
    assert predicate(F.seats.is_set & (F.seats > 3) & (F.seats != 7) & (F.seats == 4) & ~(F.seats < 2))(deal)
    assert deal.looked == 1


def test_empty_joins() -> None:
    """All of nothing is everything, any of nothing is nothing."""
    assert matches(AllOf(()))
    assert not matches(AnyOf(()))
    assert not matches(F.seats.is_in([]), seats=1)
    assert (str(AllOf(())), str(AnyOf(()))) == ("everything", "nothing")


@pytest.mark.parametrize(
    ("asked", "values"),
    [
        (F.seats > 1, {"seats": "2"}),
        (F.rate > 1, {"rate": Decimal("NaN")}),
        (F.amount > 1, {"amount": 2}),
        (F.custom.region == "x", {"custom": None}),
        (F.stage.is_in(["x"]), {"stage": []}),
    ],
)
def test_a_record_that_does_not_fit_is_refused(asked: Filter, values: dict[str, object]) -> None:
    """By a typed error that names the field, shows no value and keeps the cause."""
    where, made = check(asked), record(**values)
    for evaluate in (lambda: predicate(where)(made), lambda: select(where, [made]), lambda: explain(where, made)):
        with pytest.raises(Invalid) as error:
            evaluate()
        assert problems(error) == list(where.fields)
        assert error.value.__cause__ is not None


def test_hostile_names_and_values_are_only_data() -> None:
    """Nothing a user types becomes code."""
    for text in ('"); import os; ("', "__class__", "x' or 'a' == 'a", "{0}", "CONDITION", "\n", "record"):
        fields: dict[str, FieldType] = {f"custom.{text}": "text"}
        where = checked(F.custom[text] == text, fields, currency="EUR", at=None, zone="UTC")
        assert predicate(where)(record(custom={text: text}))
        assert not predicate(where)(record())
        assert explain(where, record(custom={text: text})).matches
        assert "\n" not in str(where)


# --- saying and explaining ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ((F.amount >= 10_000) & (F.stage != "lost"), "amount is at least 10,000.00 EUR and stage is not lost"),
        ((F.seats < 5) & ((F.rate > 0.5) | (F.rate <= 0)), "seats is below 5 and (rate is above 0.5 or rate is at most 0)"),
        ((F.seats == 1200) & F.stage.is_set | ~F.name.is_set, "(seats is 1,200 and stage is set) or name is missing"),
        (~(F.stage == "closed won"), 'not (stage is "closed won")'),
        (F.stage.is_in(["won", "and", "7"]), 'stage is one of (won, "and", "7")'),
        (F.name.contains('a"b') & F.name.starts_with("Ac"), 'name contains "a\\"b" and name starts with Ac'),
        (F.close_on <= "2026-11-13", "close_on is at or before 2026-11-13"),
        (F.won_at > "2026-11-13T09:30+01:00", "won_at is after 2026-11-13 08:30:00 UTC"),
        (F.active == False, "active is no"),  # noqa: E712 - the builder compares
        (F.tags.contains("vip"), "tags has vip"),
        (F.rate == Decimal("1E+3"), "rate is 1,000"),
    ],
)
def test_a_filter_reads_as_a_sentence(asked: Filter, sentence: str) -> None:
    """A person can check what a saved list asks."""
    assert str(check(asked)) == sentence


def test_relative_times_are_said_as_written() -> None:
    """Before checking, the question still holds tomorrow."""
    assert str(F.won_at > ago(days=30)) == "won_at is after 30 days ago"


def test_explain_gives_a_reason_for_each_thing_asked() -> None:
    """What was found, and how it stands to what was asked."""
    asked = check((F.amount >= 10_000) & (F.stage != "lost") & F.name.contains("acme") & ~F.tags.is_set)
    made = record(amount=Money("500", "USD"), stage="lost", name="Bolt", tags=("vip", "new one"))

    assert explain(asked, made) == Explanation(
        matches=False,
        reasons=(
            "amount is 500.00 USD: another currency than EUR",
            "stage is lost: equal to lost",
            "name is Bolt: without acme",
            'tags is vip, "new one": set',
        ),
    )
    assert str(explain(F.stage == "won", record())) == "does not match\n  stage is missing"


@pytest.mark.parametrize(
    ("asked", "values", "reason"),
    [
        (F.amount >= 10_000, {"amount": Money("500", "EUR")}, "amount is 500.00 EUR: below 10,000.00 EUR"),
        (F.stage == "won", {"stage": "won"}, "stage is won: equal to won"),
        (F.stage != "lost", {"stage": "won"}, "stage is won: other than lost"),
        (F.close_on > "2026-11-13", {"close_on": date(2026, 11, 13)}, "close_on is 2026-11-13: at or before 2026-11-13"),
        (F.stage.is_in(["won"]), {"stage": "won"}, "stage is won: one of (won)"),
        (F.stage.is_in(["won"]), {"stage": "lost"}, "stage is lost: none of (won)"),
        (F.name.starts_with("A"), {"name": "Acme"}, "name is Acme: beginning with A"),
        (F.tags.contains("vip"), {"tags": ("new",)}, "tags is new: not having vip"),
        (F.tags.contains("vip"), {"tags": ()}, "tags is missing"),
        (F.custom.region == "x", {"custom": {"region": "x"}}, "custom.region is x: equal to x"),
    ],
)
def test_reasons(asked: Filter, values: dict[str, object], reason: str) -> None:
    """In the words of the question, turned round where it fails."""
    assert explain(check(asked), record(**values)).reasons == (reason,)
    assert str(explain(check(asked), record(**values))).startswith(("matches\n", "does not match\n"))


# --- as data --------------------------------------------------------------------------------------------------------


def test_data_is_what_the_documents_say() -> None:
    """Saved lists outlive a version of the library."""
    asked = (F.amount >= Money("10000", "EUR")) & ~F.stage.is_in(["won"]) | F.won_at.between(ago(hours=36), NOON)
    data = {
        "any": [
            {
                "all": [
                    {"field": "amount", "op": ">=", "value": {"money": "10000.00", "currency": "EUR"}},
                    {"not": {"field": "stage", "op": "in", "values": ["won"]}},
                ]
            },
            {
                "all": [
                    {"field": "won_at", "op": ">=", "value": {"ago": 36, "unit": "hours"}},
                    {"field": "won_at", "op": "<=", "value": {"instant": "2026-11-21T12:00:00+00:00"}},
                ]
            },
        ]
    }

    assert to_data(asked) == data
    assert from_data(data) == asked


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (None, ["filter"]),
        ([], ["filter"]),
        ({}, ["filter"]),
        ({"field": "a", "op": "set", "extra": 1}, ["filter"]),
        ({1: 2}, ["filter"]),
        ({"all": {}}, ["filter.all"]),
        ({"any": [{}, {"not": 7}, {"field": "a", "op": "set"}]}, ["filter.any[0]", "filter.any[1].not"]),
        ({"field": 7, "op": "set"}, ["filter"]),
        ({"field": "a", "op": "unset"}, ["filter.op"]),
        ({"field": "a", "op": "==", "values": [1]}, ["filter.op"]),
        ({"field": "a", "op": "in", "values": "DE"}, ["filter.values"]),
        ({"field": "a", "op": "in", "values": [1, None, [], {}]}, [f"filter.values[{index}]" for index in (1, 2, 3)]),
        ({"field": "a", "op": ["=="], "value": 1}, ["filter"]),
        ({"field": "a", "op": "~", "value": 1}, ["filter"]),
        ({"field": "a", "op": "contains", "value": 1}, ["filter"]),
        ({"field": "a", "op": "==", "value": {"decimal": "ten"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"decimal": 10}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"money": "1", "currency": "EURO"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"date": "yesterday"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"date": "2026-01-01", "zone": "UTC"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"instant": "2026-01-01T00:00"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"ago": 1, "unit": "years"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"ago": True, "unit": "days"}}, ["filter.value"]),
    ],
)
def test_malformed_data_is_refused_with_its_place(data: object, paths: list[str]) -> None:
    """Every problem of it, and never by another error."""
    with pytest.raises(Invalid) as error:
        from_data(data)

    assert problems(error) == paths


def test_data_too_deep_is_refused() -> None:
    """Long before Python's own limit."""
    data: object = {"field": "a", "op": "set"}
    for _ in range(5_000):
        data = {"not": data}

    with pytest.raises(Invalid, match="100 levels"):
        from_data(data)


names = st.sampled_from(["stage", "seats", "won_at", "custom.région", "external.a b"])
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=5)
constants = st.one_of(
    texts,
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(Money.of_minor, st.integers(-(2**62), 2**62), st.sampled_from(["EUR", "JPY", "KWD"])),
    st.dates(),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()),
    st.builds(Ago, st.integers(-(10**6), 10**6)),
)
leaves = st.one_of(
    st.builds(Comparison, names, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), constants),
    st.builds(Membership, names, st.lists(constants, max_size=3)),
    st.builds(Presence, names, st.booleans()),
    st.builds(TextMatch, names, st.sampled_from(["contains", "starts with", "has"]), texts),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(operator.and_, inner, inner),
        st.builds(operator.or_, inner, inner),
        st.builds(Not, inner),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
    ),
    max_leaves=8,
)


@given(filters)
def test_data_holds_any_filter(asked: Filter) -> None:
    """There and back through JSON it is the same filter, and hashes alike."""
    back = from_data(json.loads(json.dumps(to_data(asked))))

    assert back == asked
    assert hash(back) == hash(asked)
    assert str(back) == str(asked)
    assert back.fields == asked.fields


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(["==", "in", "a", "set"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "not", "field", "op", "value", "values", "decimal", "money", "currency", "ago", "unit"]),
            inner,
            max_size=3,
        )
        | st.fixed_dictionaries({"field": st.just("a"), "op": inner, "value": inner})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_data_gives_a_filter_or_invalid(data: object) -> None:
    """Never another error."""
    try:
        asked = from_data(data)
    except Invalid as error:
        assert error.problems
    else:
        assert from_data(to_data(asked)) == asked


asked_by_people = st.one_of(
    st.builds(Comparison, st.just("amount"), st.sampled_from([">=", "=="]), st.integers(-5, 5) | st.just(Decimal("0.25"))),
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
