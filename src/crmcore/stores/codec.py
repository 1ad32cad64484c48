"""Records and changes as JSON, and back.

A body holds what a record has beyond id and version, without what is missing by default. Declared fields are
written plainly, since their kind says what they are: money as ``[minor units, currency]``, a decimal
as text, an instant as microseconds, a date as ISO text, a part as an object of its fields. Custom values carry
their type, because a playbook may declare them anew: ``{"date": "2026-11-21"}``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.kernel.change import Sets
from crmcore.kernel.errors import Corrupt, Invalid, Problem
from crmcore.kernel.fields import Field, part_of
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.keys import from_microseconds, microseconds
from crmcore.kernel.money import Money
from crmcore.kernel.records import Kind, R

__all__ = ["decode", "decode_sets", "encode", "encode_sets"]

Write = Callable[[Any], Any]
Read = Callable[[Any], Any]


def _money(raw: list[Any]) -> Money:
    return Money.of_minor(raw[0], raw[1])


_FORMS: dict[str, tuple[Write, Read]] = {
    "decimal": (Decimal.__str__, Decimal),
    "money": (lambda money: [money.minor, money.currency], _money),
    "date": (date.isoformat, date.fromisoformat),
    "instant": (microseconds, from_microseconds),
    "texts": (list, tuple),
}

_SCALARS = frozenset({str, int, bool})
"""What JSON holds as it is."""

_MISFITS = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading or writing a value of another type than its field's may raise."""

_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_raw = json.JSONDecoder().raw_decode


def _loads(text: str) -> Any:  # noqa: ANN401 - any JSON
    """What a text of JSON holds; a blank around it is none that was written here."""
    found, end = _raw(text)
    if end != len(text):
        raise ValueError("more than one value")
    return found


def _form(field: Field) -> tuple[Write, Read] | None:
    """How a field's value is written and read; None when JSON holds it as it is."""
    if field.part is None:
        return _FORMS.get(field.type)
    write, read = _part_form(field.part)  # type: ignore[arg-type]
    if field.type == "part":
        return write, read
    return (lambda parts: [write(one) for one in parts]), (lambda raw: tuple(read(one) for one in raw))


@functools.cache
def _part_form(cls: type) -> tuple[Write, Read]:
    """How a part is written and read: an object without what is missing."""
    fields = part_of(cls)
    forms = {name: form for name, told in fields.items() if (form := _form(told)) is not None}

    def write(value: Any) -> dict[str, Any]:  # noqa: ANN401 - an instance of the part's class
        known = {name: one for name in fields if (one := getattr(value, name)) is not None}
        return {name: forms[name][0](one) if name in forms else one for name, one in known.items()}

    def read(raw: dict[str, Any]) -> Any:  # noqa: ANN401 - the same
        told = {name: one for name, one in raw.items() if name in fields}
        return cls(**{name: forms[name][1](one) if name in forms else one for name, one in told.items()})

    return write, read


@functools.cache
def _writers(kind: Kind[Any]) -> dict[str, Write]:
    """How values are written, by field; members by the name of their field and a dot."""
    return {name: form[0] for name, form in _forms(kind)}


@functools.cache
def _readers(kind: Kind[Any]) -> dict[str, Read]:
    """How values are read, by field."""
    return {name: form[1] for name, form in _forms(kind)}


def _forms(kind: Kind[Any]) -> Iterator[tuple[str, tuple[Write, Read]]]:
    for told in kind.fields.values():
        if (form := _form(told)) is not None:
            yield told.name, form
    for told in kind.members.values():
        if (form := _form(told)) is not None:
            yield f"{told.name}.", form
    yield "custom.", (_tagged, _plain)


@functools.cache
def _mappings(kind: Kind[Any]) -> tuple[tuple[str, Write | None, Read | None], ...]:
    """The fields that hold members, and how those are written and read."""
    names = ("custom", *kind.members)
    return tuple((name, _writers(kind).get(f"{name}."), _readers(kind).get(f"{name}.")) for name in names)


@functools.cache
def _decoding(kind: Kind[Any]) -> tuple[frozenset[str], tuple[tuple[str, Read], ...]]:
    """The names of the fields of a kind, and how those without members are read that JSON does not hold as they are."""
    plain = {name: read for name, read in _readers(kind).items() if name in kind.fields}
    return frozenset(kind.names), tuple(plain.items())


@functools.cache
def _plan(kind: Kind[Any]) -> tuple[tuple[str, Write | None, bool], ...]:
    """Each field, how it is written, and whether a missing value must be, since its default is another."""
    declared = attrs.fields_dict(kind.cls)
    return tuple((name, _writers(kind).get(name), declared[name].default is not None) for name in kind.fields)


def encode(kind: Kind[R], record: R) -> str:
    """A record's body.

    Args:
        kind: Its kind.
        record: The record.

    Raises:
        Invalid: A value is not of its field's type, or is text that can't be kept.
    """
    try:
        return _text(_body(kind, record))
    except _MISFITS:
        trouble = _misfit(kind)
    raise trouble  # from here: the other's own words may quote a personal value, and so below


def _body(kind: Kind[R], record: R) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name, write, told in _plan(kind):
        value = getattr(record, name)
        if value is not None:
            body[name] = value if write is None else write(value)
        elif told:
            body[name] = None
    for name, write, _ in _mappings(kind):
        if items := getattr(record, name):
            body[name] = dict(items) if write is None else {key: write(value) for key, value in items.items()}
    return body


def _text(raw: dict[str, Any]) -> str:
    text = _dumps(raw)
    if not text.isascii():
        text.encode()  # half a surrogate pair can't be kept
    return text


def _misfit(kind: Kind[Any]) -> Invalid:
    return Invalid([Problem(kind.name, "•••", "values of the declared types, clean text", "read them at the border")])


def decode(kind: Kind[R], id: str, version: int, body: str) -> R:
    """The record a body holds.

    Args:
        kind: Its kind.
        id: The record's id.
        version: The record's version.
        body: What ``encode`` wrote.

    Raises:
        Corrupt: The body is not what a record of this kind looks like.
        Invalid: The record was written before a field was required.
    """
    try:
        raw = _loads(body)
        if isinstance(raw, dict) and not raw.keys() >= _required(kind):
            raise Invalid(_lacking(kind, id, raw))
        return _decoded(kind, id, version, raw)
    except _MISFITS as error:
        if isinstance(error, Invalid):
            raise
        trouble = Corrupt(f"the body of {kind.name} {id} can't be read ({type(error).__name__}); restore a backup")
    raise trouble


@functools.cache
def _required(kind: Kind[Any]) -> frozenset[str]:
    return frozenset(name for name, field in kind.fields.items() if field.required)


def _lacking(kind: Kind[Any], id: str, raw: Mapping[str, Any]) -> list[Problem]:
    """The fields a record lacks because it is older than they are."""
    mend = "give the field a default: records that were written before it have no value"
    names = sorted(_required(kind) - raw.keys())
    return [
        Problem(f"{name} of {kind.name} {id}", None, "a value, since the field is required", mend) for name in names
    ]


def _decoded(kind: Kind[R], id: str, version: int, raw: dict[str, Any]) -> R:
    known, readers = _decoding(kind)
    for name, read in readers:
        value = raw.get(name)
        if value is not None:
            raw[name] = read(value)
    for name, _, member in _mappings(kind):
        if name in raw:
            items = raw[name].items()
            raw[name] = FrozenMap(dict(items) if member is None else {key: member(value) for key, value in items})
    if not raw.keys() <= known:
        raw = {name: value for name, value in raw.items() if name in known}
    return kind.cls(id=id, version=version, **raw)


def encode_sets(kind: Kind[Any], sets: Mapping[str, Any]) -> str:
    """What a change sets, as JSON.

    Args:
        kind: The kind of its record.
        sets: Values by field; dotted names for custom fields and external ids.

    Raises:
        Invalid: A value is not of its field's type, or is text that can't be kept.
    """
    writers = _writers(kind)
    told = dict(sets)
    try:
        for name, value in sets.items():
            if value is not None and (name in writers or "." in name or type(value) not in _SCALARS):
                told[name] = _written(name, value, writers)
        return _text(told)
    except _MISFITS:
        trouble = _misfit(kind)
    raise trouble


def _written(name: str, value: object, writers: Mapping[str, Write]) -> object:
    whole, dot, _ = name.partition(".")
    write = writers.get(f"{whole}{dot}")
    if write is not None:
        return write(value)
    return dict(value) if isinstance(value, FrozenMap) else value


def decode_sets(kind: Kind[Any], text: str) -> Sets:
    """What a change sets.

    Args:
        kind: The kind of its record.
        text: What ``encode_sets`` wrote.

    Raises:
        Corrupt: The text is not what a change of this kind sets.
    """
    readers = _readers(kind)
    try:
        told = _loads(text)
        for name, value in told.items():
            if value is not None and (name in readers or "." in name or type(value) is dict):
                told[name] = _read(name, value, readers)
        return Sets(told)
    except _MISFITS as error:
        trouble = Corrupt(f"a change of {kind.name} can't be read ({type(error).__name__}); restore a backup")
    raise trouble


def _read(name: str, value: object, readers: Mapping[str, Read]) -> object:
    whole, dot, _ = name.partition(".")
    read = readers.get(f"{whole}{dot}")
    if read is not None:
        return read(value)
    return FrozenMap(value) if isinstance(value, dict) else value


def _tagged(value: object) -> object:
    """A custom value with its type, unless JSON shows it already."""
    match value:
        case Money():
            return {"money": [value.minor, value.currency]}
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"instant": microseconds(value)}
        case date():
            return {"date": value.isoformat()}
        case tuple():
            return list(value)
        case _:
            return value


def _plain(value: object) -> object:
    """A custom value from how ``_tagged`` wrote it."""
    if isinstance(value, dict):
        ((form, raw),) = value.items()
        return _FORMS[form][1](raw)
    return tuple(value) if isinstance(value, list) else value
