"""``verify``: does everything a store holds add up?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Corrupt, Invalid
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
    except Corrupt as error:
        return Verification(0, 0, (*found, str(error)))
    mine: dict[tuple[str, str], list[Change[Any]]] = {}
    for change in log:
        mine.setdefault((change.kind, change.id), []).append(change)
    found += _order(log)
    for (name, id), changes in mine.items():
        found += _record(store, kinds[name], id, changes)
    found += _strangers(store, kinds, Counter(name for name, _ in mine))
    return Verification(len(mine), len(log), tuple(found))


def _order(log: Iterable[Change[Any]]) -> Iterable[str]:
    """Where the log runs backwards."""
    last: Change[Any] | None = None
    for change in log:
        if last is not None and last.recorded_at is not None and change.recorded_at is not None:
            if change.recorded_at < last.recorded_at:
                yield f"the log runs backwards at place {change.seq}"
        last = change


def _strangers(store: Store, kinds: Mapping[str, Kind[Any]], known: Mapping[str, int]) -> Iterable[str]:
    """Records that nothing in the log made."""
    for name, kind in kinds.items():
        kept = sum(store.count(kind, Query(deleted=deleted)) for deleted in (False, True))
        if kept > known.get(name, 0):
            yield f"{kept - known.get(name, 0)} of the {kept} records of {name} have no changes"


def _record(store: Store, kind: Kind[Any], id: str, changes: list[Change[Any]]) -> Iterable[str]:
    """What does not add up about one record."""
    versions = [change.version for change in changes]
    if versions != list(range(1, len(changes) + 1)):
        yield f"{kind.name} {id} has versions {versions}"
    try:
        now, fold = store.get(kind, [id]).get(id), replay(kind, changes)
    except (Corrupt, Invalid) as error:
        yield str(error)
        return
    if now is None:
        yield f"{kind.name} {id} has changes but no record"
    elif now != fold:
        yield f"{kind.name} {id} differs from the fold of its changes"
    else:
        yield from _claims(store, kind, now)


def _claims(store: Store, kind: Kind[Any], record: Record) -> Iterable[str]:
    """Unique values of a live record that the store says another one has."""
    for (field, value), live in claims_of(kind, record).items():
        holder = store.holder(kind, field, value)
        if live and holder != record.id:
            yield f"{field} of {kind.name} {record.id} is held by {holder}"
