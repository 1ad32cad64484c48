"""Records: frozen values whose class says of each field what everybody else needs to know."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid
from crmcore.kernel.fields import Field, field
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.keys import columns_of, from_microseconds, microseconds, scaled, values_of
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.where import F

INSTANTS = st.datetimes(timezones=st.just(UTC))
CANARY = "ada.lovelace@engines.example"
DAY = Lifecycle(initial=("planned",), moves={("planned", "wrap"): "wrapped"}, final={"wrapped"})


@record("shoot")
class Shoot(Record):
    """A day of filming, with a field of every type."""

    place: str = field(key=True, searchable=True)
    takes: int = field(default=0, key=True, minimum=0)
    rating: Decimal | None = field(default=None, key=True, scale=2)
    fee: Money | None = field(default=None, key=True, minimum=0)
    insured: bool = field(default=False)
    on: date | None = field(default=None)
    begins_at: datetime | None = field(default=None)
    crew: tuple[str, ...] = field(default=())
    director: str | None = field(default=None, personal=True, unique=True)
    account: str | None = field(default=None, references="account")

    @property
    def long(self) -> bool:
        """Whether it takes long; filters may ask."""
        return self.takes > 100

    @property
    def ratio(self) -> float:
        """What no filter understands."""
        return 0.5


ROME = Shoot(id="shoot_1", place="Rome")


def refused(declare: Callable[[], Any]) -> str:
    """The message that refuses a declaration."""
    with pytest.raises(Invalid) as error:
        declare()
    return str(error.value)


def test_a_record_is_frozen_and_keyword_only() -> None:
    """It never changes, and its fields are given by name."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ROME.place = "Paris"
    with pytest.raises(TypeError):
        Shoot("shoot_1")


def test_records_are_equal_by_content_and_hash_by_identity() -> None:
    """Custom fields need not be hashable for that."""
    custom = attrs.evolve(ROME, custom=FrozenMap({"tags": ["a"]}))

    assert Shoot(id="shoot_1", place="Rome") == ROME != custom
    assert hash(ROME) == hash(custom)
    assert {ROME, attrs.evolve(ROME, version=2)} == {ROME, attrs.evolve(ROME, version=2)}


def test_records_pickle_and_copy() -> None:
    """With everything they hold."""
    full = attrs.evolve(ROME, custom=FrozenMap({"region": "south"}), fee=Money("10", "EUR"), crew=("Ana",))

    assert pickle.loads(pickle.dumps(full)) == copy.deepcopy(full) == copy.copy(full) == full


def test_a_personal_value_is_masked_in_the_repr() -> None:
    """So it does not end up in a log."""
    assert CANARY not in repr(attrs.evolve(ROME, director=CANARY))
    assert "director='•••'" in repr(attrs.evolve(ROME, director=CANARY))
    assert "director=None" in repr(ROME)


def test_a_kind_knows_what_was_declared() -> None:
    """Name, plural, keys, unique fields, types, what may be missing."""
    kind = kind_of(Shoot)

    assert kind is kind_of(Shoot)
    assert (kind.name, kind.plural, kind.cls, kind.lifecycle) == ("shoot", "shoots", Shoot, None)
    assert [one.name for one in kind.keys] == ["place", "takes", "rating", "fee"]
    assert [one.name for one in kind.unique] == ["director"]
    assert kind.fields["account"].references == ("account",)
    assert (kind.fields["place"].required, kind.fields["place"].optional) == (True, False)
    assert (kind.fields["on"].required, kind.fields["on"].optional) == (False, True)
    assert (kind.fields["takes"].required, kind.fields["takes"].optional) == (False, False)
    assert set(kind.names) == {*kind.fields, *kind.members, "id", "version", "custom"}


def test_a_kind_says_what_filters_may_ask() -> None:
    """Fields, typed properties, custom fields and the external ids a filter names."""
    kind = kind_of(Shoot)

    assert kind.types["id"] == "text"
    assert kind.types["version"] == "integer"
    assert kind.types["crew"] == "texts"
    assert kind.types["long"] == "boolean"
    assert "ratio" not in kind.types
    asked = kind.types_for(F.external.hubspot.is_set & (F.place == "Rome"), {"region": CustomField("text")})
    assert (asked["custom.region"], asked["external.hubspot"]) == ("text", "text")


@pytest.mark.parametrize(
    "name", ["Shoot", "two words", "", "9lives", "x" * 41, "größe", "crm_change", "sqlite_master", 5, None, 'a"b']
)
def test_a_kind_is_named_by_one_plain_word(name: str) -> None:
    """Both names end up in ids and tables."""
    assert "a plain lower-case name" in refused(lambda: record(name)(type("Any", (Record,), {})))
    assert "a plain lower-case name" in refused(lambda: record("fine", plural=name or "A")(type("Any", (Record,), {})))


def test_a_class_without_the_decorator_is_no_kind() -> None:
    """Nor is a subclass of one that has it, or something that is no class."""

    class Longer(Shoot):
        """Not decorated."""

    for stranger in (Longer, int, "shoot", None):
        assert '@record("…")' in refused(lambda cls=stranger: kind_of(cls))


def declared(annotation: Any, made: Any, name: str = "thing") -> Callable[[], Any]:  # noqa: ANN401 - what a host might write
    """A record class with one field, on its way to being a kind."""

    def declare() -> object:
        return kind_of(record("any")(type("Any", (Record,), {"__annotations__": {name: annotation}, name: made})))

    return declare


@pytest.mark.parametrize("annotation", [float, list, str | int, str | int | None, dict[str, str], tuple[int, ...]])
def test_a_field_is_of_a_type_that_can_be_kept(annotation: object) -> None:
    """The message lists the types."""
    assert "tuple[str, ...]" in refused(declared(annotation, field(default=None)))


@pytest.mark.parametrize(
    ("annotation", "made"),
    [
        (str | None, field(default="a")),
        (str | None, field()),
        (str, field(default=None)),
    ],
)
def test_none_is_the_default_of_what_may_be_missing_and_of_nothing_else(annotation: object, made: object) -> None:
    """Otherwise a store could not tell a missing value from the default."""
    assert "None as the default" in refused(declared(annotation, made))


@pytest.mark.parametrize("name", ["Thing", "_thing", "größe", "crm_thing"])
def test_a_field_is_named_by_one_plain_word(name: str) -> None:
    """It ends up as a column."""
    assert "a plain lower-case name" in refused(declared(str, field(), name))


@pytest.mark.parametrize("name", ["tenant", "body", "first", "schema"])
def test_a_key_field_does_not_take_a_name_of_the_stores(name: str) -> None:
    """Another field may."""
    assert "named otherwise" in refused(declared(str, field(key=True), name))
    assert declared(str, field(), name)().fields[name].type == "text"


@pytest.mark.parametrize("made", [{"key": True}, {"unique": True}])
def test_several_texts_are_no_key(made: dict[str, Any]) -> None:
    """They have no order and no single value."""
    assert "a single value" in refused(declared(tuple[str, ...], field(default=(), **made)))


def test_the_state_of_a_lifecycle_is_written_by_acts_only() -> None:
    """Whatever its declaration says."""
    made = record("any", lifecycle=("status", DAY))(
        type("Any", (Record,), {"__annotations__": {"status": str}, "status": field(default="planned")})
    )

    assert kind_of(made).fields["status"].by_act
    assert kind_of(made).lifecycle == ("status", DAY)


@pytest.mark.parametrize(
    ("annotation", "made", "state"),
    [(str, field(default="planned"), "stage"), (int, field(), "status"), (str | None, field(default=None), "status")],
)
def test_a_lifecycle_names_the_field_of_its_state(annotation: object, made: object, state: str) -> None:
    """It must be there, hold text, and never be missing."""
    cls = type("Any", (Record,), {"__annotations__": {"status": annotation}, "status": made})

    assert "a str field of the class" in refused(lambda: kind_of(record("any", lifecycle=(state, DAY))(cls)))


def test_a_new_record_starts_in_an_initial_state() -> None:
    """A default elsewhere is refused when the class is made."""
    annotations = {"__annotations__": {"status": str}}
    late = type("Any", (Record,), {**annotations, "status": field(default="wrapped")})
    given_by_acts = type("Any", (Record,), {**annotations, "status": field()})

    assert "as its default one of planned" in refused(lambda: kind_of(record("any", lifecycle=("status", DAY))(late)))
    assert kind_of(record("any", lifecycle=("status", DAY))(given_by_acts)).fields["status"].required


def test_a_frozen_map_is_a_mapping_that_cannot_change() -> None:
    """Equal to a dict of the same items, hashable, picklable."""
    region = FrozenMap({"region": "north", "tier": 1})

    assert region == {"tier": 1, "region": "north"}
    assert (region["region"], list(region), len(region)) == ("north", ["region", "tier"], 2)
    assert hash(region) == hash(FrozenMap({"tier": 1, "region": "north"}))
    assert pickle.loads(pickle.dumps(region)) == copy.deepcopy(region) == region
    assert repr(region) == "FrozenMap({'region': 'north', 'tier': 1})"
    assert len(FrozenMap()) == 0
    with pytest.raises(TypeError):
        region["region"] = "south"


@given(INSTANTS, INSTANTS)
def test_microseconds_keep_an_instant_and_its_order(one: datetime, other: datetime) -> None:
    """To the microsecond, from year 1 to 9999."""
    assert from_microseconds(microseconds(one)) == one
    assert (microseconds(one) < microseconds(other)) is (one < other)


@given(st.decimals(-(10**12), 10**12, places=3), st.decimals(-(10**12), 10**12, places=3), st.integers(1, 5))
def test_a_scaled_number_is_exact_in_every_decimal_context(one: Decimal, other: Decimal, precision: int) -> None:
    """A caller's own context must not round a key."""
    from decimal import localcontext

    with localcontext() as context:
        context.prec = precision
        assert (int(scaled(one, 3)) < int(scaled(other, 3))) is (one < other)


@pytest.mark.parametrize(
    ("type", "value", "key"),
    [
        ("text", "Rome", ("Rome",)),
        ("integer", 7, (7,)),
        ("decimal", Decimal("1.5"), (1_500_000,)),
        ("money", Money("10.50", "EUR"), ("EUR", 1050)),
        ("boolean", True, (1,)),
        ("date", date(2026, 11, 2), ("2026-11-02",)),
        ("instant", datetime.fromisoformat("1970-01-01T00:00:01Z"), (1_000_000,)),
    ],
)
def test_keys_are_laid_down_so_that_every_store_orders_alike(type: Any, value: object, key: tuple[object]) -> None:  # noqa: ANN401
    """Money by currency and minor units, decimals scaled, instants in microseconds."""
    declared = Field(name="thing", type=type, optional=True, required=False)

    assert values_of(declared, value) == key
    assert len(columns_of(declared)) == len(key)
