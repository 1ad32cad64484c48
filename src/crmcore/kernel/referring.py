"""Who refers to some records: asked of a store, kind by kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeAlias

from crmcore.kernel.fields import ANY
from crmcore.kernel.page import Query
from crmcore.kernel.pointing import Pointing, pointers_of, pointing
from crmcore.kernel.ports import Store
from crmcore.kernel.reading import WHOLE
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.where import AnyOf, F, Filter, Presence, checked

__all__ = ["Whole", "referring"]

Whole: TypeAlias = tuple[str, str]
"""A record, by kind and id."""


def referring(
    kind: Kind[Any],
    wholes: Collection[Whole],
    store: Store,
    *,
    fields: Collection[str] | None = None,
    gone: bool = False,
    most: int = WHOLE,
) -> dict[str, Record]:
    """Records of a kind that refer to some others, by id: live ones, and those that were merged into them.

    Args:
        kind: The kind.
        wholes: The others.
        store: The store.
        fields: The fields to look at; None for all.
        gone: Whether deleted records are meant as well.
        most: How many each field is asked for.
    """
    found: dict[str, Record] = {}
    told = {name: one for name, one in pointing(kind).items() if fields is None or name in fields}
    for name, one in told.items():
        where = _asked(name, one, wholes)
        for deleted in () if where is None else (False, True) if gone else (name == "merged_into",):
            found |= {record.id: record for record in _matching(kind, where, store, most=most, deleted=deleted)}
    named = {name for one in told.values() for some in one.inner.values() for name in some}
    ids = {id for name, id in wholes if not named.isdisjoint({ANY, name})}
    for deleted in ((False, True) if gone else (False,)) if ids else ():  # no filter asks for what parts hold
        for record in store.find(kind, Query(limit=WHOLE, deleted=deleted)):
            if any(id in ids for _, id, _ in pointers_of(kind, record)):
                found[record.id] = record
    return found


def _asked(name: str, told: Pointing, wholes: Iterable[Whole]) -> Filter | None:
    """What a field must hold to refer to one of some records; None when it refers to others."""
    ids = [id for kind, id in wholes if not {ANY, kind}.isdisjoint(told.own)]
    if not ids:
        return None
    return AnyOf(tuple(Presence(f"{name}.{id}") for id in ids)) if told.members else F[name].is_in(ids)


def _matching(kind: Kind[Any], where: Filter | None, store: Store, *, most: int, deleted: bool) -> Iterable[Record]:
    """Records of a kind that match."""
    assert where is not None
    asked = checked(where, kind.types_for(where, {}), currency="USD", at=None, zone="UTC")
    return store.find(kind, Query(where=asked, limit=most, deleted=deleted))
