"""Plain data: what hosts send on as JSON, the schema that says what it looks like, and what pydantic makes of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from crmcore import CRM, Contact, Invalid, Money, Opportunity, Order
from crmcore.kernel import EMPTY, Change, Lifecycle, Record, field, part, record
from crmcore.kernel.page import Page
from crmcore.kernel.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable


@part
class Take:
    """One take of a shoot."""

    scene: str = field(longest=10)
    cost: Money | None = field(default=None)

    @property
    def long(self) -> bool:
        """Not told, so that what is told can be given back."""
        return False


@attrs.frozen(kw_only=True)
class Place:
    """A place, as a plain attrs class says it."""

    city: str
    rent: Money | None = None


@record("film", lifecycle=("state", Lifecycle(initial=("cut",), moves={("cut", "show"): "shown"}, final=("shown",))))
class Film(Record):
    """A film.

    It has takes.

    Attributes:
        title: What it is
            called: ``"Rope"``.
    """

    title: str = field()
    state: str = field(default="cut")
    seconds: Decimal = field(default=Decimal(0))
    seats: int = field(default=1, minimum=0, maximum=9)
    shown_at: datetime | None = field(default=None, by_act=True)
    genres: tuple[str, ...] = field(default=(), longest=7)
    takes: tuple[Take, ...] = field(default=())
    place: Place | None = field(default=None)
    crew: Mapping[str, str] = field(default=EMPTY)
    costs: Mapping[str, Money] = field(default=EMPTY)

    @property
    def minutes(self) -> Decimal | None:
        """How long it is.

        In minutes.
        """
        return self.seconds / 60 if self.seconds else None

    @property
    def untyped(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Not told."""


FILM = Film(
    id="film_1",
    title="Rope",
    seconds=Decimal("4.8E+3"),
    shown_at=datetime(1948, 8, 28, 22, tzinfo=timezone(timedelta(hours=2))),
    genres=("crime",),
    takes=(Take(scene="1", cost=Money("0.5", "EUR")),),
    place=Place(city="Rome"),
    crew={"light": "Ana"},
    costs={"film": Money(7, "JPY")},
)
PROPERTIES = Film.json_schema()["properties"]


def test_a_record_is_told_in_the_words_of_its_field() -> None:
    """Nothing is left out, no digit is lost, and instants are in UTC."""
    assert FILM.to_data() == {
        "id": "film_1",
        "version": 1,
        "custom": {},
        "external": {},
        "tags": {},
        "deleted_at": None,
        "merged_into": None,
        "title": "Rope",
        "state": "cut",
        "seconds": "4800",
        "seats": 1,
        "shown_at": "1948-08-28T20:00:00Z",
        "genres": ["crime"],
        "takes": [{"scene": "1", "cost": {"amount": "0.50", "currency": "EUR"}}],
        "place": {"city": "Rome", "rent": None},
        "crew": {"light": "Ana"},
        "costs": {"film": {"amount": "7", "currency": "JPY"}},
        "minutes": "80",
    }
    assert json.loads(json.dumps(FILM.to_data())) == FILM.to_data()


def test_what_is_told_can_be_given_back(open_crm: Callable[..., CRM]) -> None:
    """Every value is read at the border as it was written."""
    films: Any = open_crm(kinds=[Film]).desk(Film)
    settable = ("title", "seconds", "genres", "takes", "crew", "costs")

    made = films.add(**{name: FILM.to_data()[name] for name in settable})

    assert [getattr(made, name) for name in settable] == [getattr(FILM, name) for name in settable]


def test_a_change_is_told_with_what_it_sets(crm: CRM) -> None:
    """Under the names it sets them by."""
    deal = crm.given(by="ana", at="2026-11-01T10:00Z").opportunities.add(name="Roof", amount=5, external={"erp": "7"})
    told = crm.history(deal)[0].to_data()

    assert told["sets"]["amount"] == {"amount": "5.00", "currency": "USD"}
    assert told["sets"]["external.erp"] == "7"
    assert (told["what"], told["by"], told["at"], told["late"]) == ("opened", "ana", "2026-11-01T10:00:00Z", False)
    assert told["recorded_at"] == "2026-11-02T09:00:00Z"
    assert told.keys() == set(Change.json_schema()["required"])


def test_a_page_is_told_with_where_the_next_one_starts(crm: CRM) -> None:
    """None of it is lost on the way."""
    first, _ = crm.accounts.add(name="A"), crm.accounts.add(name="B")
    page = crm.accounts.find(limit=1)

    assert page.next is not None
    assert page.to_data() == {"items": [first.to_data()], "next": page.next}


@pytest.mark.parametrize("value", [1.5, {1, 2}, object(), b"x"])
def test_what_no_record_holds_is_refused(value: object) -> None:
    """By name, not by value."""
    with pytest.raises(Invalid, match=f"value: got '{type(value).__name__}', expected a record"):
        plain({"x": [value]})


def test_a_field_may_be_called_as_a_method_is() -> None:
    """Then the record is told all the same."""

    @record("odd")
    class Odd(Record):
        to_data: str = field()  # type: ignore[assignment]

    assert plain(Odd(id="odd_1", to_data="x"))["to_data"] == "x"


@given(st.integers(-(2**62), 2**62), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_comes_back_as_it_was_told(minor: int, currency: str) -> None:
    """To the last digit."""
    money = Money.of_minor(minor, currency)

    assert Money.from_data(money.to_data()) == money == Money.from_data(money)


@pytest.mark.parametrize("data", [None, 5, "5 EUR", {}, {"amount": 5}, {"amount": 5, "currency": "EUR", "vat": 1}])
def test_what_tells_no_money_is_refused(data: object, crm: CRM) -> None:
    """Also at the border, where a number alone is an amount."""
    with pytest.raises(Invalid, match="expected an amount and its currency, no more"):
        Money.from_data(data)
    if isinstance(data, dict):
        with pytest.raises(Invalid, match=r"amount: got .*expected an amount and its currency"):
            crm.opportunities.add(name="Roof", amount=data)


# --- what it looks like -----------------------------------------------------------------------------------------------


def test_the_schema_has_every_value_that_is_told() -> None:
    """In the same order, and none is ever missing."""
    schema = Film.json_schema()

    assert (schema["title"], schema["description"], schema["type"]) == ("Film", "A film.", "object")
    assert list(schema["properties"]) == schema["required"] == list(FILM.to_data())


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("title", {"type": "string", "maxLength": 100_000, "description": 'What it is called: `"Rope"`.'}),
        ("state", {"enum": ["cut", "shown"], "readOnly": True}),
        ("seconds", {"type": "string", "format": "decimal"}),
        ("seats", {"type": "integer", "minimum": 0, "maximum": 9}),
        ("shown_at", {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "readOnly": True}),
        ("genres", {"type": "array", "items": {"type": "string", "maxLength": 7}}),
        ("crew", {"type": "object", "additionalProperties": {"type": "string", "maxLength": 100_000}}),
        ("costs", {"type": "object", "additionalProperties": Money.json_schema()}),
        (
            "minutes",
            {
                "anyOf": [{"type": "string", "format": "decimal"}, {"type": "null"}],
                "description": "How long it is.",
                "readOnly": True,
            },
        ),
    ],
)
def test_a_field_looks_as_it_was_declared(name: str, form: Mapping[str, object]) -> None:
    """With its limits, its states, what is said of it, and whether it can be set by name."""
    assert PROPERTIES[name] == form


def test_parts_stand_in_their_place() -> None:
    """A schema of its own needs no other document."""
    take = PROPERTIES["takes"]["items"]

    assert (take["title"], take["required"]) == ("Take", ["scene", "cost"])
    assert take["properties"]["scene"] == {"type": "string", "maxLength": 10}
    assert PROPERTIES["place"]["anyOf"][0]["properties"]["rent"]["anyOf"][0] == Money.json_schema()
    assert Change.json_schema()["properties"]["sets"]["additionalProperties"] == {}


def test_a_class_without_words_has_none() -> None:
    """As when docstrings are left out of a build."""

    @record("mute")
    class Mute(Record):
        sound: str = field()

    assert "description" not in Mute.json_schema()
    assert "description" not in Mute.json_schema()["properties"]["sound"]


# --- pydantic ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [Film, Opportunity, Contact, Order, Money, Take])
def test_pydantic_names_a_class_as_we_do(cls: Any) -> None:  # noqa: ANN401
    """Money and parts have names of their own, so that a generated client has them once."""
    schema = TypeAdapter(list[cls]).json_schema(mode="serialization")

    assert schema["items"] == {"$ref": f"#/$defs/{cls.__name__}"}
    if cls is Film:
        assert schema["$defs"].keys() == {"Film", "Money", "Take"}
        film = schema["$defs"]["Film"]["properties"]
        assert film["takes"]["items"] == {"$ref": "#/$defs/Take"}
        assert film["place"]["anyOf"][0]["properties"]["rent"]["anyOf"][0] == {"$ref": "#/$defs/Money"}
        assert schema["$defs"]["Film"]["required"] == Film.json_schema()["required"]


def test_pydantic_tells_what_we_tell(crm: CRM) -> None:
    """As JSON and as Python, alone, in pages, and within models of a host."""
    deal = crm.opportunities.add(name="Roof", amount=5, close_on="2026-12-01")
    page = crm.opportunities.find()

    class Board(BaseModel):
        page: Page[Opportunity]
        changes: tuple[Change[Opportunity], ...]

    board = Board(page=page, changes=crm.opportunities.history(deal))

    changes = [plain(crm.history(deal)[0])]

    assert json.loads(board.model_dump_json()) == {"page": page.to_data(), "changes": changes}
    assert board.model_dump() == {"page": page.to_data(), "changes": (*changes,)}
    assert json.loads(TypeAdapter(Page).dump_json(page)) == page.to_data()
    assert TypeAdapter(Take).dump_python(Take(scene="1")) == {"scene": "1", "cost": None}


def test_pydantic_knows_pages_by_their_items() -> None:
    """Each kind of page has a name of its own; pages of anything, or of what has no name, have none."""
    both = TypeAdapter(tuple[Page[Opportunity], Page[Order]]).json_schema()

    assert {"Page_Opportunity_", "Page_Order_"} < both["$defs"].keys()
    assert both["$defs"]["Page_Order_"]["properties"]["items"]["items"] == {"$ref": "#/$defs/Order"}
    assert TypeAdapter(Page).json_schema()["properties"]["items"]["items"] == {}
    assert TypeAdapter(Page[int]).json_schema()["required"] == ["items", "next"]


def test_pydantic_reads_money_and_lets_records_be() -> None:
    """Records are made by acts."""

    class Body(BaseModel):
        fee: Money

    assert Body.model_validate_json('{"fee": {"amount": "5", "currency": "EUR"}}').fee == Money(5, "EUR")
    with pytest.raises(ValidationError, match="expected an amount and its currency"):
        Body(fee=5)  # type: ignore[arg-type]
    assert TypeAdapter(Film).validate_python(FILM) is FILM
    with pytest.raises(ValidationError, match="should be an instance of Film"):
        TypeAdapter(Film).validate_python(FILM.to_data())


def test_an_instant_needs_an_offset() -> None:
    """Nobody could say when it was."""
    assert plain(datetime(2026, 11, 1, 10, tzinfo=UTC)) == "2026-11-01T10:00:00Z"
    assert plain(date(2026, 11, 1)) == "2026-11-01"
    with pytest.raises(Invalid, match="instant"):
        plain(datetime(2026, 11, 1, 10))
