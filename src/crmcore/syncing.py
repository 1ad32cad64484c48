"""Catching up: what a client that was away takes in, and what it throws away."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import attrs

from crmcore.erasure import ERASED
from crmcore.following import check_cursor, run_after
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.page import Query, check_limit
from crmcore.kernel.plain import Plain, plain
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record, kind_of

__all__ = ["Sync", "Tombstone", "caught_up"]

WALKING = "walking."
"""What the cursor of a client begins with that has not seen every record yet."""


@attrs.frozen
class Tombstone(Plain):
    """A record that a client throws away, with all it knows of it.

    Attributes:
        kind: The kind of the record.
        id: Its id.
        why: ``"deleted"`` or ``"merged"``; or ``"erased"``, when personal values of it were: older copies and what
            waits to be sent go too, and what is left of the record, if it lives, is among the records.
        into: The id of the record it was merged into; None when it was not.
    """

    kind: str
    id: str
    why: str
    into: str | None = None


@attrs.frozen
class Sync:
    """What a client takes in to be where the CRM is: it throws away the tombstones first, then puts the records.

    Each record is as it stands now, however often it was changed. It is false when there is nothing new.

    Attributes:
        records: Live records that are new or were changed, each once.
        tombstones: Records that were deleted, merged or erased, each once.
        cursor: Where to go on from, for ``after=``.
    """

    records: tuple[Record, ...]
    tombstones: tuple[Tombstone, ...]
    cursor: str

    def __bool__(self) -> bool:
        """Whether there is anything to take in."""
        return bool(self.records or self.tombstones)

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it, each record with its kind, personal values included."""
        records = [{"kind": kind_of(type(record)).name, **plain(record)} for record in self.records]
        return {"records": records, "tombstones": plain(self.tombstones), "cursor": self.cursor}


class _Walk(NamedTuple):
    """How far a client has come that sees every record for the first time.

    Attributes:
        kind: The name of the kind it is at.
        last: The id of the last record it has seen of that kind; empty for none.
        tip: Where the log stood when it began, from where it will go on.
    """

    kind: str
    last: str
    tip: str

    @classmethod
    def read(cls, cursor: str) -> Self:
        """What a cursor says."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(cursor.removeprefix(WALKING).encode()))
        except (ValueError, RecursionError):
            parts = None
        if isinstance(parts, list) and [type(one) for one in parts] == [str, str, str]:
            return cls(*parts)
        mend = "pass the `cursor` of the page before, or None for the beginning"
        raise Invalid([Problem("after", "•••", "a cursor of sync", mend)])

    @property
    def cursor(self) -> str:
        """The cursor that says so."""
        return WALKING + base64.urlsafe_b64encode(json.dumps([*self]).encode()).decode()


def caught_up(
    store: Store, every: Mapping[str, Kind[Any]], names: frozenset[str], after: str | None, limit: int
) -> Sync:
    """What a client takes in next.

    One that begins sees every live record once, and then what has changed since it began; so it costs what there
    is, and not what ever was.

    Args:
        store: The store, bound to a tenant.
        every: The kinds of the CRM, by name.
        names: The names of the kinds it wants.
        after: Its cursor; None when it begins.
        limit: The most changes to read, or records to see for the first time.

    Raises:
        Invalid: The limit is out of range, or the cursor is none of this log.
    """
    check_limit(limit)
    check_cursor(after, "after")
    if after is None:
        walk = _Walk("", "", store.tip())
    elif after.startswith(WALKING):
        walk = _Walk.read(after)
    else:
        return _since(store, every, names, after, limit)
    return _seen(store, every, names, walk, limit) or _since(store, every, names, walk.tip, limit)


def _seen(store: Store, every: Mapping[str, Kind[Any]], names: frozenset[str], walk: _Walk, limit: int) -> Sync | None:
    """The next live records that a client sees for the first time; None when it has seen all."""
    left = sorted(name for name in names if name >= walk.kind)
    last = walk.last if walk.kind in names else ""
    while left:
        page = store.find(every[left[0]], Query(limit=limit, after=(None, last) if last else None))
        last = "" if page.next is None else page[-1].id
        left = left[page.next is None :]
        records = tuple(record for record in page if record.merged_into is None)
        if records:
            return Sync(records, (), _Walk(left[0], last, walk.tip).cursor if left else walk.tip)
    return None


def _since(store: Store, every: Mapping[str, Kind[Any]], names: frozenset[str], after: str, limit: int) -> Sync:
    """What the changes after a cursor have come to."""
    changes, cursor = run_after(store, names, after, limit)
    records = [*_records(store, every, changes)]
    erased = {(change.kind, change.id) for change in changes if change.what == ERASED}
    gone = tuple(stone for record in records if (stone := _tombstone(record, erased)) is not None)
    return Sync(tuple(filter(_lives, records)), gone, cursor)


def _records(store: Store, every: Mapping[str, Kind[Any]], changes: Sequence[Change[Any]]) -> Iterator[Record]:
    """The records that changes are about, as they stand now."""
    ids: dict[str, dict[str, None]] = {}
    for change in changes:
        ids.setdefault(change.kind, {})[change.id] = None
    for name, wanted in ids.items():
        yield from store.get(every[name], wanted).values()


def _lives(record: Record) -> bool:
    return record.deleted_at is None and record.merged_into is None


def _tombstone(record: Record, erased: set[tuple[str, str]]) -> Tombstone | None:
    """The tombstone of a record; None when there is nothing of it to throw away."""
    kind = kind_of(type(record)).name
    if (kind, record.id) in erased:
        return Tombstone(kind, record.id, "erased", record.merged_into)
    if record.merged_into is not None:
        return Tombstone(kind, record.id, "merged", record.merged_into)
    return None if record.deleted_at is None else Tombstone(kind, record.id, "deleted")
