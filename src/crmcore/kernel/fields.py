"""What a class declares of its fields: what they hold, and what the rest of the library needs to know of it.

A record class declares beside each field whether it is searched by (``key``), unique, personal, a
reference, or written by acts only. Stores, filters, imports, merge and erasure work from these
declarations; none has a list of its own. A field may also hold members by name
(``Mapping[str, str]``: e-mails by label), each set by a dotted name of its own, or parts
(``tuple[Line, ...]``), which are values with fields of their own.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Mapping, Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.hints import property_hints, stripped
from crmcore.kernel.money import Money
from crmcore.kernel.plain import taught
from crmcore.kernel.where import FieldType

__all__ = ["ANY", "Field", "checked_name", "field", "fields_of", "part", "part_of", "properties_of"]

P = TypeVar("P")

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
        >>> from crmcore.kernel import Record, field, kind_of, record
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


@typing.dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field, attrs.field))
def part(cls: type[P]) -> type[P]:
    """Make a class a part: a frozen value with fields of its own, which records hold.

    Args:
        cls: A class whose fields are of plain types.

    Example:
        >>> from crmcore.kernel.fields import field, part
        >>> @part
        ... class Address:
        ...     city: str = field()
        ...     country: str | None = field(default=None)
        >>> Address(city="London").city
        'London'
    """
    return taught(attrs.frozen(kw_only=True)(cls))


@functools.cache
def part_of(cls: type) -> Mapping[str, Field]:
    """The declared fields of a part, by name.

    Args:
        cls: A class decorated with ``@part``.

    Raises:
        Invalid: A field is not of a plain type.
    """
    found = fields_of(cls)
    nested = [name for name, told in found.items() if told.members or told.part is not None]
    if nested:
        raise Invalid([Problem(name, cls.__name__, "a plain value", "keep parts flat") for name in nested])
    return found


def fields_of(cls: type, *, but: AbstractSet[str] = frozenset()) -> dict[str, Field]:
    """What a class declares of its fields, by name.

    Args:
        cls: A record class, or one decorated with ``@part``.
        but: The fields to leave out.

    Raises:
        Invalid: A field is of a type that can't be kept, or declared in a way that does not fit it.
    """
    hints = typing.get_type_hints(cls)
    every = attrs.fields_dict(cls)
    return {name: _field(name, attribute, hints[name]) for name, attribute in every.items() if name not in but}


def _field(name: str, attribute: attrs.Attribute[Any], hint: object) -> Field:
    annotation, optional = stripped(hint)
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
        name=checked_name(name, "field"),
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
    if isinstance(annotation, type) and attrs.has(annotation) and not hasattr(annotation, "__crm__"):
        return "part", annotation
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and arguments[1:] == (...,) and attrs.has(arguments[0]):
        return "parts", arguments[0]
    return None


def properties_of(cls: type) -> dict[str, FieldType]:
    """The typed properties of a record class, which filters may ask about too: what each gives, by name.

    Args:
        cls: The record class.
    """
    given = {name: stripped(hint)[0] for name, hint in property_hints(cls).items()}
    return {name: _TYPES[held] for name, held in given.items() if held in _TYPES}


def checked_name(name: object, path: str = "kind") -> str:
    """A name that can be used in ids, tables and columns.

    Args:
        name: The name.
        path: What it names, for the message.

    Raises:
        Invalid: It is not a plain lower-case word.
    """
    if isinstance(name, str) and NAME.fullmatch(name):
        return name
    mend = "name it with one lower-case word: letters, digits and underscores, at most 40"
    raise Invalid([Problem(path, name, "a plain lower-case name", mend)])
