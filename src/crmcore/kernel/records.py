"""What a record is: a frozen value with an id, a version, and fields that say what they are.

A record class declares beside each field what the rest of the library needs to know: whether
it is searched by (``key``), unique, personal, a reference, or written by acts only. Stores,
filters, imports, merge and erasure work from these declarations; none has a list of its own.
A field may also hold members by name (``Mapping[str, str]``: e-mails by label), each set by a dotted
name of its own, or parts (``tuple[Line, ...]``), which are values with fields of their own.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeAlias, TypeVar, get_args, get_origin

import attrs

from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.money import Money
from crmcore.kernel.where import FieldType, Filter

__all__ = [
    "ANY",
    "EMPTY",
    "Field",
    "FrozenMap",
    "Kind",
    "R",
    "Record",
    "field",
    "kind_named",
    "kind_of",
    "part",
    "part_of",
    "record",
]

K = TypeVar("K")
V = TypeVar("V")

NAME = re.compile(r"(?!crm_|sqlite_)[a-z][a-z0-9_]{0,39}", re.ASCII)  # stores use the two prefixes
LONGEST_TEXT = 100_000
RESERVED = frozenset(
    {"tenant", "schema", "first", "horizon", "late_from", "late_until", "recorded_at", "body", "checksum"}
)
"""What stores call the columns beside a kind's keys."""

ANY: Final = "*"
"""What a field references that may hold the id of a record of any kind."""

Held: TypeAlias = FieldType | Literal["part", "parts"]
"""What a field holds: a value filters can ask about, a part, or several parts."""

Class: TypeAlias = type[Any]

_TYPES: dict[object, FieldType] = {
    str: "text",
    int: "integer",
    Decimal: "decimal",
    Money: "money",
    bool: "boolean",
    date: "date",
    datetime: "instant",
    tuple[str, ...]: "texts",
}


class FrozenMap(Mapping[K, V]):
    """A small mapping that can't change: hashable, picklable, equal to a dict of the same items.

    Example:
        >>> from crmcore.kernel.records import FrozenMap
        >>> FrozenMap({"region": "north"}) == {"region": "north"}
        True
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None) -> None:
        self._items: dict[K, V] = dict(items or {})

    def __getitem__(self, key: K) -> V:
        """The value under a key."""
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        """The keys, in the order they were given."""
        return iter(self._items)

    def __len__(self) -> int:
        """How many items."""
        return len(self._items)

    def items(self) -> ItemsView[K, V]:
        """The keys and their values."""
        return self._items.items()

    def keys(self) -> KeysView[K]:
        """The keys."""
        return self._items.keys()

    def values(self) -> ValuesView[V]:
        """The values."""
        return self._items.values()

    def __contains__(self, key: object) -> bool:
        """Whether there is such a key."""
        return key in self._items

    def __eq__(self, other: object) -> bool:
        """Maps of the same items are equal, whatever their class and order."""
        if isinstance(other, FrozenMap):
            return self._items == other._items
        return self._items == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        """Equal maps hash alike."""
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        """As it would be written."""
        return f"FrozenMap({self._items!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[K, V]]]:
        """Pickle and copy by content."""
        return (type(self), (self._items,))


EMPTY: FrozenMap[str, Any] = FrozenMap()
"""No members."""


@attrs.frozen(kw_only=True)
class Field:
    """What a record class declares of one of its fields.

    Attributes:
        name: The field's name.
        type: What it holds, as filters and stores see it; of members by name, what each of them holds.
        optional: Whether it may be missing.
        required: Whether a new record must be given it.
        key: Whether stores keep an indexed column for it.
        unique: Whether no two live records of a tenant may share its value.
        references: The kinds of record whose id it holds, or ``ANY``; of members by name, whose ids they are named by.
        personal: Whether it is about a person: masked in messages, exported and erased on demand.
        searchable: Whether it is one of the fields people look for a record by.
        scale: Digits after the point kept in a decimal key column.
        by_act: Whether only acts write it, never a general ``update``.
        longest: The longest text it takes, in characters.
        minimum: The least number it takes; of money, only 0 makes sense.
        maximum: The greatest number it takes.
        folded: Whether unique values that differ in capitals only are the same.
        members: Whether it holds members by name, each set by a dotted name of its own.
        part: The class of the part or parts it holds.
    """

    name: str
    type: Held
    optional: bool
    required: bool
    key: bool = False
    unique: bool = False
    references: tuple[str, ...] = ()
    personal: bool = False
    searchable: bool = False
    scale: int = 6
    by_act: bool = False
    longest: int = LONGEST_TEXT
    minimum: int | None = None
    maximum: int | None = None
    folded: bool = False
    members: bool = False
    part: Class | None = None


def field(  # noqa: D417 - the arguments are those of Field
    *,
    default: Any = attrs.NOTHING,  # noqa: ANN401 - a field holds anything
    key: bool = False,
    unique: bool = False,
    references: str | tuple[str, ...] = (),
    personal: bool = False,
    searchable: bool = False,
    scale: int = 6,
    by_act: bool = False,
    longest: int = LONGEST_TEXT,
    minimum: int | None = None,
    maximum: int | None = None,
    folded: bool = False,
) -> Any:  # noqa: ANN401 - stands where the field's own type is declared
    """Declare one field of a record class; its arguments are the attributes of ``Field``.

    Args:
        default: Its value when none is given; without one the field is required.

    Example:
        >>> from crmcore.kernel.records import Record, field, kind_of, record
        >>> @record("shoot")
        ... class Shoot(Record):
        ...     title: str = field(searchable=True)
        ...     place: str | None = field(default=None, key=True)
        >>> kind_of(Shoot).fields["place"].optional
        True
    """
    declared = {
        "key": key,
        "unique": unique,
        "references": (references,) if isinstance(references, str) else references,
        "personal": personal,
        "searchable": searchable,
        "scale": scale,
        "by_act": by_act,
        "longest": longest,
        "minimum": minimum,
        "maximum": maximum,
        "folded": folded,
    }
    return attrs.field(default=default, repr=_masked if personal else True, metadata={"crmcore": declared})


def _masked(value: object) -> str:
    return "None" if value is None else "'•••'"


def _unvalued(members: Mapping[str, Any]) -> str:
    """Custom fields by name alone: which of them are personal only the playbook knows."""
    return f"<{', '.join(members)}>"


P = TypeVar("P")


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field, attrs.field))
def part(cls: type[P]) -> type[P]:
    """Make a class a part: a frozen value with fields of its own, which records hold.

    Args:
        cls: A class whose fields are of plain types.

    Example:
        >>> from crmcore.kernel.records import field, part
        >>> @part
        ... class Address:
        ...     city: str = field()
        ...     country: str | None = field(default=None)
        >>> Address(city="London").city
        'London'
    """
    return attrs.frozen(kw_only=True)(cls)


@functools.cache
def part_of(cls: type) -> Mapping[str, Field]:
    """The declared fields of a part, by name.

    Args:
        cls: A class decorated with ``@part``.

    Raises:
        Invalid: A field is not of a plain type.
    """
    hints = typing.get_type_hints(cls)
    found = {name: _field(name, attribute, hints[name]) for name, attribute in attrs.fields_dict(cls).items()}
    nested = [name for name, told in found.items() if told.members or told.part is not None]
    if nested:
        raise Invalid([Problem(name, cls.__name__, "a plain value", "keep parts flat") for name in nested])
    return found


def _hash(self: Record) -> int:
    return hash((type(self).__name__, self.id, self.version))


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field, attrs.field))
def record(
    kind: str,
    *,
    plural: str | None = None,
    lifecycle: tuple[str, Lifecycle] | None = None,
) -> Callable[[type[K]], type[K]]:
    """Make a class the record class of a kind: frozen, keyword-only, slotted.

    Args:
        kind: The kind's name, as in ids and tables: ``"opportunity"``.
        plural: The name of its desk and of its SQL view; default: the kind and an s.
        lifecycle: The field that holds its state, and the table of moves between states.

    Raises:
        Invalid: The kind's name is not a plain lower-case word.
    """

    def decorate(cls: type[K]) -> type[K]:
        cls.__hash__ = _hash  # type: ignore[assignment, method-assign]
        made = attrs.frozen(kw_only=True)(cls)
        made.__crm__ = (_checked_name(kind), _checked_name(plural or f"{kind}s"), lifecycle)  # type: ignore[attr-defined]
        return made

    return decorate


def _checked_name(name: object, path: str = "kind") -> str:
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    mend = "name it with one lower-case word: letters, digits and underscores, at most 40"
    raise Invalid([Problem(path, name, "a plain lower-case name", mend)])


@record("record")
class Record:
    """What every record has.

    Attributes:
        id: Its name for life: text that begins with the kind.
        version: How many changes made it; 1 when new.
        custom: The fields this business added, declared in its playbook.
        external: Its ids in other systems, by the system's name; unique per system.
        tags: The ids of its tags.
        deleted_at: When it was deleted; None while it lives.
        merged_into: The id of the record that replaced it in a merge; None otherwise.
    """

    __crm__: ClassVar[tuple[str, str, tuple[str, Lifecycle] | None]]
    __attrs_attrs__: ClassVar[Any]

    id: str
    version: int = 1
    custom: Mapping[str, Any] = attrs.field(default=EMPTY, repr=_unvalued)
    external: Mapping[str, str] = EMPTY
    tags: Mapping[str, bool] = field(default=EMPTY, references="tag", by_act=True)
    deleted_at: datetime | None = field(default=None, by_act=True)
    merged_into: str | None = field(default=None, by_act=True)

    def flaws(self) -> Iterable[Problem]:
        """What is wrong with it as a whole: nothing, unless its class has rules that span several fields.

        A change that would bring a record into a flaw is refused, whoever makes it, and also when it is the past
        that changes. Override it in a class of your own.

        Example:
            >>> from crmcore import CRM
            >>> from crmcore.kernel import Record, field, record
            >>> from crmcore.kernel.errors import Problem
            >>> @record("hall")
            ... class Hall(Record):
            ...     seats: int = field()
            ...     sold: int = field(default=0)
            ...
            ...     def flaws(self):
            ...         if self.sold > self.seats:
            ...             yield Problem("sold", self.sold, f"at most {self.seats}", "sell fewer")
            >>> CRM(kinds=[Hall]).halls.add(seats=2, sold=3)
            Traceback (most recent call last):
            crmcore.kernel.errors.Invalid: sold: got 3, expected at most 2; sell fewer
        """
        return ()


R = TypeVar("R", bound=Record)

_OWN = frozenset({"id", "version", "custom"})


@attrs.frozen(eq=False)
class Kind(Generic[R]):
    """A kind of record: its class and everything declared about it.

    Attributes:
        name: As in ids and tables: ``"opportunity"``.
        plural: As its desk and SQL view: ``"opportunities"``.
        cls: The record class.
        fields: Its declared fields by name, without ``id``, ``version`` and those that hold members.
        members: The fields that hold members by name, ``custom`` left out, whose members the playbook declares.
        types: What filters may ask about: fields and typed properties, by name.
        lifecycle: The field that holds its state and the table of moves; None when it has none.
    """

    name: str
    plural: str
    cls: type[R]
    fields: Mapping[str, Field]
    members: Mapping[str, Field]
    types: Mapping[str, FieldType]
    lifecycle: tuple[str, Lifecycle] | None
    names: tuple[str, ...]

    @functools.cached_property
    def keys(self) -> tuple[Field, ...]:
        """The fields stores keep a column for."""
        return tuple(declared for declared in self.fields.values() if declared.key)

    @functools.cached_property
    def unique(self) -> tuple[Field, ...]:
        """The fields whose value no two live records share."""
        return tuple(declared for declared in self.fields.values() if declared.unique)

    @functools.cached_property
    def mappings(self) -> frozenset[str]:
        """The fields that are never set as a whole, but by a dotted name for each member."""
        return frozenset({"custom", *self.members})

    @functools.cached_property
    def flaws(self) -> Callable[[R], Iterable[Problem]] | None:
        """Says what is wrong with a record as a whole; None when its class has no such rules."""
        found = self.cls.flaws
        return found if isinstance(found, types.FunctionType) and found is not Record.flaws else None

    def declared(self, name: str) -> Field | None:
        """What is declared of a field, which a dotted name may lead into; None of custom and unknown ones.

        Args:
            name: The field's name.
        """
        whole, dot, _ = name.partition(".")
        return self.members.get(whole) if dot or whole in self.members else self.fields.get(whole)

    def types_for(self, where: Filter, custom: Mapping[str, CustomField]) -> dict[str, FieldType]:
        """What a filter may ask about: fields, typed properties, custom fields, and the members it names.

        Args:
            where: The filter.
            custom: The custom fields of the kind, by name.
        """
        named = {name: self.members.get(name.partition(".")[0]) for name in where.fields if "." in name}
        plain = {name: told.type for name, told in named.items() if told is not None and told.part is None}
        return {**self.types, **{f"custom.{name}": one.type for name, one in custom.items()}, **plain}  # type: ignore[dict-item]


def kind_of(cls: type[R]) -> Kind[R]:
    """The kind a record class was declared as.

    Args:
        cls: A class decorated with ``@record``.

    Raises:
        Invalid: The class was not, or a field's type can't be kept.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.sales import Opportunity
        >>> kind_of(Opportunity).plural
        'opportunities'
    """
    try:
        found: Kind[R] = vars(cls)["_crm_kind"]
    except (KeyError, TypeError):
        found = _made(cls)
        type.__setattr__(cls, "_crm_kind", found)
    return found


def _made(cls: type[R]) -> Kind[R]:
    if not isinstance(cls, type) or "__crm__" not in vars(cls):
        raise _no_record_class(cls)
    name, plural, lifecycle = cls.__crm__
    hints = typing.get_type_hints(cls)
    declared = attrs.fields_dict(cls)
    every = {key: _field(key, attribute, hints[key]) for key, attribute in declared.items() if key not in _OWN}
    fields = {key: told for key, told in every.items() if not told.members}
    members = {key: told for key, told in every.items() if told.members}
    if lifecycle is not None:
        state, table = lifecycle
        fields[state] = _state(fields.get(state), state, declared, table)
    filterable: dict[str, FieldType] = {"id": "text", "version": "integer"}
    filterable |= {key: told.type for key, told in fields.items() if told.type in get_args(FieldType)}  # type: ignore[misc]
    return Kind(name, plural, cls, fields, members, filterable | _properties(cls), lifecycle, tuple(declared))


def kind_named(id: str, kinds: Mapping[str, Kind[Any]]) -> Kind[Any] | None:
    """The kind of the record with an id: ids begin with their kind's name.

    Args:
        id: The id.
        kinds: The kinds there are, by name.
    """
    named = [kind for name, kind in kinds.items() if f"{id}_".startswith(f"{name}_")]
    return max(named, key=lambda kind: len(kind.name), default=None)


def _no_record_class(cls: object) -> Invalid:
    return Invalid([Problem("kind", cls, "a class decorated with @record", 'write @record("…") above the class')])


def _state(found: Field | None, name: str, declared: Mapping[str, attrs.Attribute[Any]], table: Lifecycle) -> Field:
    """The field of a lifecycle: only acts write it, and a new record starts in an initial state."""
    if found is None or found.type != "text" or found.optional:
        raise Invalid([Problem("lifecycle", name, "a str field of the class", "name the field that holds the state")])
    if not found.required and declared[name].default not in table.initial:
        expected = f"as its default one of {', '.join(table.initial)}"
        raise Invalid([Problem(name, declared[name].default, expected, "correct the default, or the lifecycle")])
    return attrs.evolve(found, by_act=True)


def _field(name: str, attribute: attrs.Attribute[Any], hint: object) -> Field:
    annotation, optional = _stripped(hint)
    held, members = _held(annotation)
    if held is None:
        expected = (
            "str, int, Decimal, Money, bool, date, datetime, tuple[str, ...], a part, tuple[part, ...], or one of them "
            "| None; or Mapping[str, …] of such"
        )
        raise Invalid([Problem(name, annotation, expected, "declare the field with one of these types")])
    if members and attribute.default != EMPTY:
        raise Invalid([Problem(name, attribute.default, "EMPTY as the default", "write field(default=EMPTY)")])
    if not members and optional is not (attribute.default is None):
        mend = "write default=None with | None, and neither without"
        expected = "None as the default of a field that may be missing, and of no other"
        raise Invalid([Problem(name, attribute.default, expected, mend)])
    found = Field(
        name=_checked_name(name, "field"),
        type=held[0],
        optional=optional or members,
        required=attribute.default is attrs.NOTHING,
        members=members,
        part=held[1],
        **attribute.metadata.get("crmcore", {}),
    )
    if found.key and name in RESERVED:
        raise Invalid([Problem("field", name, "a key field named otherwise, since stores use this", "rename it")])
    if (found.key or found.unique) and (members or found.type in {"texts", "part", "parts"}):
        raise Invalid([Problem(name, annotation, "a single value in a key or unique field", "make it a plain field")])
    return found


def _held(annotation: Any) -> tuple[tuple[Held, type | None] | None, bool]:  # noqa: ANN401 - any annotation
    """What a field holds, with the class of its parts, and whether it holds such members by name."""
    if get_origin(annotation) is Mapping and get_args(annotation)[:1] == (str,):
        held = _single(get_args(annotation)[1])
        return (held if held is not None and held[0] != "parts" else None), True
    return _single(annotation), False


def _single(annotation: Any) -> tuple[Held, type | None] | None:  # noqa: ANN401 - any annotation
    if annotation in _TYPES:
        return _TYPES[annotation], None
    if isinstance(annotation, type) and attrs.has(annotation) and not issubclass(annotation, Record):
        return "part", annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and arguments[1:] == (...,) and attrs.has(arguments[0]):
        return "parts", arguments[0]
    return None


def _stripped(hint: object) -> tuple[Any, bool]:
    """A type without ``| None``, and whether it had it."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(hint) if part is not types.NoneType]
        if len(parts) == 1:
            return parts[0], True
    return hint, False


def _properties(cls: type) -> dict[str, FieldType]:
    """The typed properties of a record class, which filters may ask about too."""
    found: dict[str, FieldType] = {}
    for name in dir(cls):
        member = getattr(cls, name, None)
        if isinstance(member, property) and member.fget is not None:
            returned = _stripped(typing.get_type_hints(member.fget).get("return"))[0]
            if returned in _TYPES:
                found[name] = _TYPES[returned]
    return found
