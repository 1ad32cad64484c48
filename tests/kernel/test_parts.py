"""Parts and members: values with fields of their own, and values by name, inside a record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, F, Invalid, Money
from crmcore.kernel import Record, field, record
from crmcore.kernel.fields import ANY, part, part_of
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.records import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable


@part
class Take:
    """One take of a shoot."""

    scene: str = field(longest=10)
    seconds: Decimal = field(default=Decimal(0), minimum=0)
    cost: Money | None = field(default=None)
    on: date | None = field(default=None)
    at: datetime | None = field(default=None)
    secret: str | None = field(default=None, personal=True)
    age: int = field(default=0, personal=True)


@record("film")
class Film(Record):
    """A film with its takes."""

    title: str = field(key=True)
    best: Take | None = field(default=None)
    takes: tuple[Take, ...] = field(default=())
    crew: Mapping[str, str] = field(default=EMPTY, personal=True)
    scenes: Mapping[str, Take] = field(default=EMPTY)
    seats: Mapping[str, int] = field(default=EMPTY)
    about: str | None = field(default=None, references=ANY)


FULL = {"scene": "1", "seconds": "2.50", "cost": 3, "on": "2026-11-01", "at": "2026-11-01T10:00Z", "secret": "x"}


@pytest.fixture
def films(open_crm: Callable[..., CRM]) -> Any:  # noqa: ANN401 - a desk found by its name
    """The desk of the films."""
    return open_crm(kinds=[Film]).films


def test_parts_are_read_and_kept(films: Any) -> None:  # noqa: ANN401
    """From parts or from mappings, in both stores, with every type of value."""
    made = films.add(title="A", best=Take(scene="1"), takes=[FULL, Take(scene="2")], scenes={"x": FULL})

    assert made.best == Take(scene="1", seconds=Decimal(0))
    assert made.takes[0].cost == Money(3, "USD")
    assert made.takes[0].seconds == Decimal("2.50")
    assert made.scenes["x"] == made.takes[0]
    assert films.get(made.id) == made
    assert films.front.verify()
    assert "x'" not in repr(made.takes[0])


def test_members_are_set_one_by_one(films: Any) -> None:  # noqa: ANN401
    """What is not named stays; None takes one away; history names each."""
    made = films.add(title="A", crew={"camera": "Ana", "sound": "Ben"}, seats={"hall": 7})
    made = films.update(made, crew={"camera": None, "light": "Eve"})

    assert made.crew == {"sound": "Ben", "light": "Eve"}
    assert films.get(made.id).seats == {"hall": 7}
    assert dict(films.history(made)[-1].sets) == {"crew.camera": None, "crew.light": "Eve"}
    assert films.update(made, crew={"light": "Eve"}) == made


def test_two_people_set_two_members(films: Any) -> None:  # noqa: ANN401
    """Without a loss, also when one is learnt late."""
    made = films.add(title="A")
    films.front._house.clock.now = "2026-11-05T09:00Z"
    films.update(made.id, crew={"camera": "Ana"})
    films.front.given(at="2026-11-03").films.update(made.id, crew={"sound": "Ben", "camera": "Eve"})

    assert films.get(made.id).crew == {"camera": "Ana", "sound": "Ben"}
    assert films.front.as_of("2026-11-03").films.get(made.id).crew == {"camera": "Eve", "sound": "Ben"}


def test_members_can_be_asked_about(films: Any) -> None:  # noqa: ANN401
    """By name, as custom fields are."""
    made = films.add(title="A", crew={"camera": "Ana"}, seats={"hall": 7})
    films.add(title="B")

    assert films.find(F["crew.camera"] == "Ana").items == (made,)
    assert films.find(F["seats.hall"] >= 5).items == (made,)
    assert films.count(~F["crew.camera"].is_set) == 1
    for asked in (F.crew == "Ana", F["scenes.x"].is_set, F["strangers.x"].is_set, F.best.is_set):
        with pytest.raises(Invalid, match="a field"):
            films.count(asked)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"best": "x"}, "best: got 'text', expected a value of Take; write Take"),
        ({"best": {}}, "best.scene: got None, expected text; give scene"),
        ({"best": {"scene": "1", "secns": 1}}, "best.secns: got .*; did you mean secon"),
        ({"best": {"scene": "1", 7: 1}}, "best.7: got"),
        ({"best": {"scene": "1", "seconds": None}}, "best.seconds: got None, expected a number"),
        ({"best": {"scene": "1", "seconds": -1}}, "best.seconds: got -1, expected a value of at least 0"),
        ({"best": {"scene": "x" * 11}}, r"best.scene: got 'xxxxxxxxxxx', expected at most 10"),
        ({"best": {"scene": "1", "secret": 7}}, "best.secret: got '•••', expected text"),
        ({"best": {"scene": "1", "age": "x"}}, "best.age: got '•••', expected a whole number"),
        ({"best": {"scene": "1", "age": None}}, "best.age: got None, expected a whole number"),
        ({"takes": "x"}, "takes: got 'text', expected several of a value of Take"),
        ({"takes": {"scene": "1"}}, "takes: got .*expected several"),
        ({"takes": [{"scene": "1"}, {"scene": "1", "on": "soon"}]}, r"takes\[1\].on: got 'soon', expected"),
        ({"takes": [{"scene": "1"}, 7]}, r"takes\[1\]: got .*expected a value of Take"),
        ({"scenes": {"x": {}}}, "scenes.x.scene: got None, expected text"),
        ({"scenes": {"": {"scene": "1"}}}, "scenes.: got"),
        ({"scenes": 7}, "scenes: got 'number', expected names with their values"),
        ({"crew": {"camera": 7}}, "crew.camera: got '•••', expected text"),
        ({"crew": {"camera": " "}}, "crew.camera: got '•••', expected text that is not empty"),
        ({"crew": {7: "Ana"}}, "crew.: got"),
        ({"crew": {"x" * 101: "Ana"}}, "crew.x.*: got"),
        ({"crew": {"a\x00": "Ana"}}, "crew.a"),
        ({"seats": {"hall": "7"}}, "seats.hall: got '7', expected a whole number"),
        ({"about": "nothing_1"}, "about: got 'nothing_1', expected the id of a live record"),
        ({"about": "film_99"}, "about: got 'film_99', expected the id of a live film"),
    ],
)
def test_what_does_not_fit_is_named(films: Any, fields: dict[str, Any], expected: str) -> None:  # noqa: ANN401
    """With the path to it; personal values are masked."""
    with pytest.raises(Invalid, match=expected):
        films.add(title="A", **fields)
    assert films.count() == 0


def test_a_reference_may_lead_anywhere(films: Any) -> None:  # noqa: ANN401
    """To any kind there is, its own too."""
    acme = films.front.accounts.add(name="Acme")
    one = films.add(title="A", about=acme.id)

    assert films.add(title="B", about=one.id).about == one.id
    films.front.accounts.delete(acme)
    with pytest.raises(Invalid, match="the id of a live account"):
        films.add(title="C", about=acme.id)
    assert films.update(one, title="D", about=acme.id).title == "D"


def test_a_part_is_flat() -> None:
    """Parts hold plain values."""

    @part
    class Reel:
        takes: tuple[Take, ...] = field(default=())
        names: Mapping[str, str] = field(default=EMPTY)

    with pytest.raises(Invalid, match="keep parts flat") as error:
        part_of(Reel)
    assert len(error.value.problems) == 2


def test_declarations_that_make_no_sense_are_refused() -> None:
    """As soon as the class is used."""

    @record("one")
    class Set(Record):
        names: Mapping[str, str] = field(default=None)

    @record("two")
    class Keyed(Record):
        names: Mapping[str, str] = field(default=EMPTY, key=True)

    @record("three")
    class Deep(Record):
        names: Mapping[str, tuple[Take, ...]] = field(default=EMPTY)

    @record("four")
    class Numbered(Record):
        names: Mapping[int, str] = field(default=EMPTY)

    @record("five")
    class Many(Record):
        names: tuple[int, ...] = field(default=())

    expected = ("EMPTY as the default", "a single value in a key", "str, int", "str, int", "str, int")
    for cls, message in zip((Set, Keyed, Deep, Numbered, Many), expected, strict=True):
        with pytest.raises(Invalid, match=message):
            kind_of(cls)
