"""``verify``: does everything a store holds add up?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Corrupt, Invalid, StoreError
from crmcore.kernel.page import Query
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record

__all__ = ["Verification", "verify"]


@attrs.frozen
class Verification:
    """The result of checking a store.

    Attributes:
        records: How many records were checked.
        changes: How many changes were checked.
        violations: What does not add up, one sentence each; empty when all is well.
    """

    records: int
    changes: int
    violations: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether all is well."""
        return not self.violations

    def __str__(self) -> str:
        """One line when all is well, otherwise a line for each violation."""
        head = f"{self.records} records and {self.changes} changes checked: "
        return head + ("all is well" if self else "\n  ".join([f"{len(self.violations)} violations", *self.violations]))


def verify(store: Store, kinds: Mapping[str, Kind[Any]]) -> Verification:
    """Check a store against its own log, while nobody writes.

    Args:
        store: The store, bound to a tenant.
        kinds: The kinds of record it holds.

    Returns:
        What was checked and what does not add up: damaged bodies, gaps between versions, a log that runs
        backwards, records that differ from the fold of their changes, unique values held by the wrong record.
    """
    found = store.check()
    try:
        log = store.changes()
    except (Corrupt, Invalid) as error:
        return Verification(0, 0, (*found, str(error)))
    mine: dict[str, dict[str, list[Change[Any]]]] = {}
    for change in log:
        mine.setdefault(change.kind, {}).setdefault(change.id, []).append(change)
    try:
        for name, kind in kinds.items():
            found += _kind(store, kind, mine.get(name, {}))
    except StoreError as error:
        found.append(str(error))
    return Verification(sum(map(len, mine.values())), len(log), tuple(found))


def _kind(store: Store, kind: Kind[Any], changes: Mapping[str, list[Change[Any]]]) -> Iterable[str]:
    """What does not add up among the records of one kind."""
    now = _records(store, kind, list(changes))
    for id, mine in changes.items():
        yield from _record(store, kind, now.get(id), mine)
        yield from _order(kind, mine)
    kept = sum(store.count(kind, Query(deleted=deleted)) for deleted in (False, True))
    if kept > len(now):
        yield f"{kept - len(now)} of the {kept} records of {kind.name} have no changes"


def _order(kind: Kind[Any], changes: Sequence[Change[Any]]) -> Iterable[str]:
    """Where the log of one record runs backwards; several writers may record others in any order."""
    times = [(change.recorded_at, change.version) for change in changes if change.recorded_at is not None]
    for (last, _), (at, version) in pairwise(times):
        if at < last:
            yield f"the log runs backwards at version {version} of {kind.name} {changes[0].id}"


def _records(store: Store, kind: Kind[Any], ids: Sequence[str]) -> dict[str, Record | Corrupt]:
    """Records by id, or why one can't be read."""
    try:
        return dict(store.get(kind, ids))
    except Corrupt as error:
        if len(ids) == 1:
            return {ids[0]: error}
    half = len(ids) // 2
    return _records(store, kind, ids[:half]) | _records(store, kind, ids[half:])


def _record(store: Store, kind: Kind[Any], now: Record | Corrupt | None, changes: list[Change[Any]]) -> Iterable[str]:
    """What does not add up about one record."""
    id, versions = changes[0].id, [change.version for change in changes]
    if isinstance(now, Corrupt):
        yield str(now)
    elif now is None:
        yield f"{kind.name} {id} has changes but no record"
    elif versions != list(range(1, len(changes) + 1)):
        yield f"{kind.name} {id} has versions {versions}"
    elif now != _fold(kind, changes):
        yield f"{kind.name} {id} differs from the fold of its changes"
    else:
        yield from _claims(store, kind, now)


def _fold(kind: Kind[Any], changes: list[Change[Any]]) -> Record | None:
    try:
        return replay(kind, changes)
    except Invalid:
        return None


def _claims(store: Store, kind: Kind[Any], record: Record) -> Iterable[str]:
    """Unique values of a live record that the store says another one has."""
    for (field, value), live in claims_of(kind, record).items():
        holder = store.holders(kind, field, [value]).get(value)
        if live and holder != record.id:
            yield f"{field} of {kind.name} {record.id} is held by {holder}"
