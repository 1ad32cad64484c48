"""Where records point: the ids of other records that fields, their parts and the names of members hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

import attrs

from crmcore.kernel.fields import Field, part_of
from crmcore.kernel.records import Kind, Record

__all__ = ["Pointing", "pointed", "pointed_before", "pointers_of", "pointing", "repointed"]

Pointer: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The place of an id, the id, and the kinds its record may be of."""


@attrs.frozen
class Pointing:
    """What a field refers to.

    Attributes:
        own: The kinds that the field itself refers to; of members by name, with their names.
        inner: The kinds that fields of its parts refer to, by their names.
        members: Whether it holds members by name.
    """

    own: tuple[str, ...]
    inner: Mapping[str, tuple[str, ...]]
    members: bool


@cache
def pointing(kind: Kind[Any]) -> Mapping[str, Pointing]:
    """The fields of a kind that refer to other records, each with what it refers to.

    Args:
        kind: The kind.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.kernel.pointing import pointing
        >>> from crmcore.sales import Order
        >>> {name: told.own or dict(told.inner) for name, told in pointing(kind_of(Order)).items()}["lines"]
        {'product': ('product',)}
    """
    found: dict[str, Pointing] = {}
    for told in (*kind.fields.values(), *kind.members.values()):
        parts: Mapping[str, Field] = {} if told.part is None else part_of(told.part)  # type: ignore[arg-type]
        inner = {one.name: one.references for one in parts.values() if one.references}
        own = (kind.name,) if told.name == "merged_into" else told.references
        if own or inner:
            found[told.name] = Pointing(own, inner, told.members)
    return found


def pointed(kind: Kind[Any], name: str, value: Any) -> Iterator[Pointer]:  # noqa: ANN401 - any field's value
    """What the value under a field's name, or a dotted one, points to.

    Args:
        kind: The kind of the record.
        name: The name, as in the sets of a change.
        value: The value, already read.
    """
    whole, dot, member = name.partition(".")
    told = pointing(kind).get(whole)
    if told is None or value is None:
        return
    if told.own:
        yield name, member if dot else value, told.own
    for path, one in _parts(name, value) if told.inner else ():
        for field, references in told.inner.items():
            if getattr(one, field) is not None:
                yield f"{path}.{field}", getattr(one, field), references


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any part
    """The parts in a field's value, each with its place."""
    if isinstance(value, tuple):
        yield from ((f"{name}[{place}]", one) for place, one in enumerate(value))
    else:
        yield name, value


def pointers_of(kind: Kind[Any], record: Record) -> Iterator[Pointer]:
    """Everything a record points to.

    Args:
        kind: Its kind.
        record: The record.
    """
    for whole in pointing(kind):
        yield from _held(kind, record, whole)


def pointed_before(kind: Kind[Any], record: Record, path: str, id: str) -> bool:
    """Whether a record points to another already, anywhere in the field that a path leads into.

    Args:
        kind: Its kind.
        record: The record.
        path: The place of an id in that field, as ``pointed`` gives it.
        id: The id of the other record.
    """
    whole = path.partition(".")[0].partition("[")[0]
    return any(id == one for _, one, _ in _held(kind, record, whole))


def _held(kind: Kind[Any], record: Record, whole: str) -> Iterator[Pointer]:
    """What a field of a record points to."""
    value = getattr(record, whole)
    if not pointing(kind)[whole].members:
        yield from pointed(kind, whole, value)
        return
    for member, one in value.items():
        yield from pointed(kind, f"{whole}.{member}", one)


def repointed(kind: Kind[Any], name: str, value: Any, ids: Mapping[str, str]) -> tuple[str, Any]:  # noqa: ANN401 - any value
    """A field's name and value with other ids in their places.

    Args:
        kind: The kind of the record.
        name: The name, as in the sets of a change.
        value: The value, already read.
        ids: The new id for each place that ``pointed`` gives.
    """
    told = pointing(kind).get(name.partition(".")[0])
    if told is None or value is None:
        return name, value
    if told.inner:
        parts = [_refilled(one, path, told.inner, ids) for path, one in _parts(name, value)]
        value = tuple(parts) if isinstance(value, tuple) else parts[0]
    if not told.own:
        return name, value
    whole, dot, _ = name.partition(".")
    return (f"{whole}.{ids[name]}", value) if dot else (name, ids[name])


def _refilled(part: Any, path: str, fields: Iterable[str], ids: Mapping[str, str]) -> Any:  # noqa: ANN401 - any part
    """A part with other ids in it."""
    return attrs.evolve(part, **{name: ids[f"{path}.{name}"] for name in fields if f"{path}.{name}" in ids})
