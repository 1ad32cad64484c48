"""Values at the border: read into what a field holds, or refused, all problems at once."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid
from crmcore.kernel.fields import field
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.values import LONGEST_NAME, Border, read, read_text

CANARY = "ada.lovelace@engines.example"
DAY = Lifecycle(initial=("planned",), moves={("planned", "wrap"): "wrapped"}, final={"wrapped"})


@record("shoot", lifecycle=("status", DAY))
class Shoot(Record):
    """A day of filming, with a field of every type."""

    place: str = field(longest=20)
    takes: int | None = field(default=None, minimum=0, maximum=100)
    rating: Decimal | None = field(default=None, key=True, scale=2)
    share: Decimal | None = field(default=None, minimum=0, maximum=1)
    fee: Money | None = field(default=None, minimum=0)
    insured: bool = field(default=False)
    on: date | None = field(default=None)
    begins_at: datetime | None = field(default=None)
    crew: tuple[str, ...] = field(default=(), longest=20)
    director: str | None = field(default=None, personal=True, longest=10)
    born_on: date | None = field(default=None, personal=True)
    wage: Money | None = field(default=None, personal=True)
    nicknames: tuple[str, ...] = field(default=(), personal=True, longest=3)
    status: str = field(default="planned")
    low: int | None = field(default=None, minimum=5)
    high: int | None = field(default=None, maximum=5)


SHOOT = kind_of(Shoot)
TYPES = ("text", "integer", "decimal", "money", "boolean", "date", "instant", "texts")
BORDER = Border(currency="EUR", zone="Europe/Berlin", custom={f"a_{type}": CustomField(type) for type in TYPES})


class Place(enum.StrEnum):
    """Text as a host's enumeration has it."""

    ROME = "Rome"


class Number(enum.IntEnum):
    """A whole number as a host's enumeration has it."""

    SEVEN = 7


def put(**sets: Any) -> dict[str, Any]:  # noqa: ANN401 - what a caller gave
    """The values of an update as their fields hold them."""
    return read(SHOOT, sets, border=BORDER)


def refused(sets: dict[str, Any], *, new: bool = False) -> Invalid:
    """The refusal of some values."""
    with pytest.raises(Invalid) as error:
        read(SHOOT, sets, border=BORDER, new=new)
    return error.value


@pytest.mark.parametrize(
    ("name", "given", "held"),
    [
        ("place", "Rome", "Rome"),
        ("place", " x ", " x "),
        ("place", "Zürich 🎬", "Zürich 🎬"),
        pytest.param("place", Place.ROME, "Rome", id="an enumeration of text"),
        ("takes", 7, 7),
        pytest.param("takes", Number.SEVEN, 7, id="an enumeration of numbers"),
        ("takes", None, None),
        ("rating", "4.25", Decimal("4.25")),
        ("rating", 4, Decimal(4)),
        ("rating", 0.1, Decimal("0.1")),
        ("rating", Decimal("92233720368547758.07"), Decimal("92233720368547758.07")),
        ("share", "0.1234567890123", Decimal("0.1234567890123")),
        ("share", Decimal("1e-999"), Decimal("1e-999")),
        ("fee", 12_000, Money("12000", "EUR")),
        ("fee", "0.5", Money("0.50", "EUR")),
        ("fee", 0.1, Money("0.10", "EUR")),
        ("fee", Money("3", "USD"), Money("3", "USD")),
        ("insured", True, True),
        ("on", "2026-11-02", date(2026, 11, 2)),
        ("on", date(2026, 11, 2), date(2026, 11, 2)),
        ("begins_at", "2026-11-02", datetime(2026, 11, 1, 23, tzinfo=UTC)),
        ("begins_at", "2026-11-02T09:00+01:00", datetime(2026, 11, 2, 8, tzinfo=UTC)),
        (
            "begins_at",
            datetime(2026, 11, 2, 9, tzinfo=timezone(timedelta(hours=2))),
            datetime(2026, 11, 2, 7, tzinfo=UTC),
        ),
        ("crew", ["Ana", "Bo"], ("Ana", "Bo")),
        ("crew", (name for name in "ab"), ("a", "b")),
        ("crew", {"c", "a", "b"}, ("a", "b", "c")),
        ("crew", (), ()),
        ("custom", {"a_text": "x", "a_integer": 1}, {"custom.a_text": "x", "custom.a_integer": 1}),
        ("custom", {}, {}),
        ("custom.a_decimal", "1.5", Decimal("1.5")),
        ("custom.a_money", 5, Money("5", "EUR")),
        ("custom.a_boolean", False, False),
        ("custom.a_date", "2026-11-02", date(2026, 11, 2)),
        ("custom.a_instant", "2026-11-02T00:00Z", datetime(2026, 11, 2, tzinfo=UTC)),
        ("custom.a_texts", ["x"], ("x",)),
        ("custom.a_text", None, None),
        ("external", {"films": "f-1", "old.system": "7"}, {"external.films": "f-1", "external.old.system": "7"}),
        ("external.films", None, None),
        ("status", "wrapped", "wrapped"),
    ],
)
def test_a_value_becomes_what_its_field_holds(name: str, given: object, held: object) -> None:
    """In its plain type, so that every store keeps the same."""
    found = put(**{name: given})
    expected = held if isinstance(held, dict) else {name: held}

    assert found == expected
    assert [type(value) for value in found.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("place", None, "expected text; give place"),
        ("place", 5, "place: got 5, expected text"),
        ("place", b"Rome", "expected text"),
        ("place", "x" * 21, "expected at most 20 characters"),
        ("place", "a\x00b", "text without NUL or lone surrogates"),
        ("place", "a\ud800b", "text without NUL or lone surrogates"),
        ("takes", True, "a whole number"),
        ("takes", 7.0, "a whole number"),
        ("takes", "7", "a whole number"),
        ("takes", 2**63, "below 2**63"),
        ("takes", -1, "a value of 0 to 100"),
        ("takes", 101, "a value of 0 to 100"),
        ("low", 4, "a value of at least 5"),
        ("high", 6, "a value of at most 5"),
        ("rating", "abc", "a finite number"),
        ("rating", True, "a finite number"),
        ("rating", float("nan"), "a finite number"),
        ("rating", Decimal("Infinity"), "a finite number"),
        ("rating", [1], "a finite number"),
        ("rating", "1.234", "at most 2 digits after the point"),
        ("rating", "92233720368547758.08", "a number below 92,233,720,368,547,758"),
        ("rating", "1e999", "a number below"),
        ("share", "1e1000", "at most 1,000 digits"),
        ("share", "1e-1000", "at most 1,000 digits"),
        ("share", "0." + "1" * 1_001, "at most 1,000 digits"),
        ("share", "1.1", "a value of 0 to 1"),
        ("fee", "12,000", "a finite number"),
        ("fee", "0.001", "at most 2 decimals"),
        ("fee", -1, "a value of at least 0"),
        ("fee", True, "a finite number"),
        ("fee", date(2026, 1, 1), "a finite number"),
        ("insured", 1, "True or False"),
        ("insured", None, "True or False; give insured"),
        ("insured", "yes", "True or False"),
        ("on", "2.11.2026", "a date without a time"),
        ("on", datetime(2026, 11, 2, tzinfo=UTC), "a date without a time"),
        ("on", 20261102, "a date without a time"),
        ("begins_at", datetime(2026, 11, 2), "since it is naive"),
        ("begins_at", "2026-11-02T09:00", "since it is naive"),
        ("begins_at", "soon", "an aware datetime"),
        ("begins_at", 5, "an aware datetime"),
        ("crew", "Ana", "several texts"),
        ("crew", b"bytes", "several texts"),
        ("crew", {"Ana": 1}, "several texts"),
        ("crew", 5, "several texts"),
        ("crew", ["Ana", 5], "expected text"),
        ("crew", ["x" * 21], "at most 20 characters"),
        ("crew", None, "several texts"),
        ("status", "cancelled", "one of planned, wrapped"),
        ("plce", "Rome", "plce: got 'text', expected a field of shoot; did you mean place?"),
        ("nothing like it", 5, "take it out; known: "),
        ("id", "shoot_2", "a field of shoot"),
        ("version", 7, "a field of shoot"),
        ("place.", "Rome", "a field of shoot"),
        ("place.x", "Rome", "a field of shoot"),
        ("", "Rome", "a field of shoot"),
        ("custom", None, "names with their values"),
        ("custom", "region", "names with their values"),
        ("external", [("films", "f-1")], "names with their values"),
        ("custom.", "x", "declared in the playbook"),
        ("custom.region", "x", "take it out; known: a_text"),
        ("custom.a_txt", "x", "did you mean a_text?"),
        ("custom", {5: "x"}, "declared in the playbook"),
        ("custom.a_integer", "x", "custom.a_integer: got 'x', expected a whole number"),
        ("external.", "f-1", "text that is not empty"),
        ("external", {None: "f-1"}, "text that is not empty"),
        ("external", {"x" * (LONGEST_NAME + 1): "f-1"}, "at most 100 characters"),
        ("external.films", "", "text that is not empty"),
        ("external.films", 5, "expected text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, given: object, message: str) -> None:
    """With where it is, what was expected, and a mend."""
    error = refused({name: given})

    assert message in str(error)
    assert len(error.problems) == 1


def test_every_problem_is_listed_at_once() -> None:
    """Of a new record also what is missing."""
    error = refused({"takes": "x", "fee": "y", "custom": {"region": "z", "a_integer": "w"}, "colour": "red"}, new=True)

    assert [problem.path for problem in error.problems] == [
        *("takes", "fee", "custom.region", "custom.a_integer", "colour", "place")
    ]


def test_a_new_record_starts_in_an_initial_state() -> None:
    """An existing one may be in any."""
    assert "expected one of planned;" in str(refused({"place": "Rome", "status": "wrapped"}, new=True))
    assert read(SHOOT, {"place": "Rome", "status": "planned"}, border=BORDER, new=True)["status"] == "planned"


def test_what_is_missing_is_left_out_of_a_new_record() -> None:
    """An update sets it to nothing instead."""
    sets = {"place": "Rome", "takes": None}

    assert read(SHOOT, sets, border=BORDER, new=True) == {"place": "Rome"}
    assert read(SHOOT, sets, border=BORDER) == sets


def test_a_kind_without_fields_of_its_own_names_what_there_is() -> None:
    """And a playbook without custom fields says none."""

    @record("bare")
    class Bare(Record):
        """Nothing of its own."""

    with pytest.raises(Invalid, match="known: none"):
        read(kind_of(Bare), {"custom.x": 1}, border=Border(currency="EUR", zone="UTC", custom={}))


@pytest.mark.parametrize(
    "sets",
    [
        {"director": CANARY},
        {"director": CANARY + "\x00"},
        {"born_on": CANARY},
        {"wage": CANARY},
        {"nicknames": CANARY},
        {"nicknames": [CANARY]},
        {"directr": CANARY},
        {"director.name": CANARY},
        {"dircetor": [CANARY]},
    ],
)
def test_no_personal_value_appears_in_a_message(sets: dict[str, Any]) -> None:
    """Nor one under the misspelt name of a personal field."""
    error = refused(sets)

    assert CANARY not in str(error)
    assert CANARY not in repr(error.problems)


def test_a_missing_personal_value_may_be_said_to_be_missing() -> None:
    """There is nothing to hide."""

    @record("person")
    class Person(Record):
        """Somebody."""

        name: str = field(personal=True)

    with pytest.raises(Invalid, match="name: got None, expected text; give name"):
        read(kind_of(Person), {"name": None}, border=BORDER)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.lists(st.text() | st.integers()),
    st.dictionaries(st.text() | st.integers(), st.text()),
    st.builds(object),
)
NAMES = st.sampled_from([*SHOOT.fields, "custom", "external", *(f"custom.a_{type}" for type in TYPES)]) | st.text()


@given(st.dictionaries(NAMES, ANYTHING), st.booleans())
def test_anything_is_read_or_refused(sets: dict[str, Any], new: bool) -> None:
    """Never another error; and what was read reads as itself."""
    try:
        found = read(SHOOT, sets, border=BORDER, new=new)
    except Invalid:
        return
    assert read(SHOOT, found, border=BORDER, new=new) == found


@given(st.decimals(-100, 100, places=2), st.integers(1, 4))
def test_a_callers_decimal_context_changes_nothing(number: Decimal, precision: int) -> None:
    """A number is kept as it was given."""
    with localcontext() as context:
        context.prec = precision
        assert put(rating=str(number))["rating"] == number


def test_text_by_itself_is_read_the_same_way() -> None:
    """Ids, names and reasons come through here."""
    assert read_text("Rome") == "Rome"
    assert type(read_text(Place.ROME)) is str
    with pytest.raises(Invalid, match="tenant: got '', expected text that is not empty"):
        read_text("", path="tenant", empty=False)
    with pytest.raises(Invalid, match="id: got None, expected text"):
        read_text(None, path="id")
