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

from crmcore.kernel.errors import Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.where import (
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
    assert (F.seats <= 3) == (3 >= F.seats)  # noqa: SIM300 - the builder stands on either side
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
        pytest.param(object(), id="an object"),
    ],
    ids=repr,
)
def test_what_no_filter_can_hold_is_refused(value: object) -> None:
    """With the reason and the mend, and without showing the value: the field may be personal."""
    for build in (
        lambda: F.a == value,
        lambda: F.a.is_in([value]),
        lambda: from_data({"field": "a", "op": "==", "value": value}),
    ):
        with pytest.raises(Invalid) as error:
            build()
        assert all(isinstance(problem.value, str) and problem.mend for problem in error.value.problems)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a.",
        "custom.",
        "a b",
        "_secret",
        "__class__",
        "class",
        "None",
        "a\x00",
        "\ud800",
        "é" * 201,
        7,
    ],
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
        lambda: not (F.a == 1),  # noqa: SIM201 - the slip itself
        lambda: 1 < F.a < 5,
        lambda: bool(F.a),
        lambda: F.a in [1],  # noqa: FURB171 - the slip itself
    ):
        with pytest.raises(Invalid, match=r"& \| ~"):
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


# --- evaluating -----------------------------------------------------------------------------------------------------


def test_a_missing_value_matches_nothing_but_its_complement() -> None:
    """``!=`` asks for a value that differs; ``~ ==`` takes everything else."""
    for asked in (
        F.seats == 1,
        F.seats != 1,
        F.seats < 1,
        F.seats.is_in([1]),
        F.name.contains(""),
        F.amount != 1,
        F.seats.is_set,
    ):
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
        found = [
            compare(term, bound)
            for bound in (low, high)
            for compare in (operator.lt, operator.le, operator.gt, operator.ge)
        ]
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
    for text in ('"); import os; ("', "__class__", "x' or 'a' == 'a", "{0}", "CONDITION", "record", "constant0"):
        fields: dict[str, FieldType] = {f"custom.{text}": "text"}
        where = checked(F.custom[text] == text, fields, currency="EUR", at=None, zone="UTC")
        assert predicate(where)(record(custom={text: text}))
        assert not predicate(where)(record())
        assert explain(where, record(custom={text: text})).matches


# --- saying and explaining ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ((F.amount >= 10_000) & (F.stage != "lost"), "amount is at least 10,000.00 EUR and stage is not lost"),
        (
            (F.seats < 5) & ((F.rate > 0.5) | (F.rate <= 0)),
            "seats is below 5 and (rate is above 0.5 or rate is at most 0)",
        ),
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
        (
            F.close_on > "2026-11-13",
            {"close_on": date(2026, 11, 13)},
            "close_on is 2026-11-13: at or before 2026-11-13",
        ),
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


def test_a_leaf_has_no_parts() -> None:
    """Only what joins or turns round has."""
    assert (F.a == 1).parts == ()
    assert (~(F.a == 1)).parts == (F.a == 1,)
