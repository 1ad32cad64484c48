"""``verify``: does everything a store holds add up?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.claims import claims_of
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
    """Check a store against its own log.

    Args:
        store: The store, bound to a tenant.
        kinds: The kinds of record it holds.

    Returns:
        What was checked and what does not add up: damaged bodies, gaps between versions, a log that runs
        backwards, records that differ from the fold of their changes, unique values held by the wrong record.
    """
    log = store.changes()
    mine: dict[tuple[str, str], list[Change[Any]]] = {}
    for change in log:
        mine.setdefault((change.kind, change.id), []).append(change)
    found = [*store.check(), *_order(log)]
    for (name, id), changes in mine.items():
        found += _record(store, kinds[name], id, changes)
    return Verification(len(mine), len(log), tuple(found))


def _order(log: Iterable[Change[Any]]) -> Iterable[str]:
    """Where the log runs backwards."""
    last: Change[Any] | None = None
    for change in log:
        if last is not None and last.recorded_at is not None and change.recorded_at is not None:
            if change.recorded_at < last.recorded_at:
                yield f"the log runs backwards at place {change.seq}"
        last = change


def _record(store: Store, kind: Kind[Any], id: str, changes: list[Change[Any]]) -> Iterable[str]:
    """What does not add up about one record."""
    versions = [change.version for change in changes]
    if versions != list(range(1, len(changes) + 1)):
        yield f"{kind.name} {id} has versions {versions}"
    now = store.get(kind, [id]).get(id)
    if now is None:
        yield f"{kind.name} {id} has changes but no record"
    elif now != replay(kind, changes):
        yield f"{kind.name} {id} differs from the fold of its changes"
    else:
        yield from _claims(store, kind, now)


def _claims(store: Store, kind: Kind[Any], record: Record) -> Iterable[str]:
    """Unique values of a live record that the store says another one has."""
    for (field, value), live in claims_of(kind, record).items():
        holder = store.holder(kind, field, value)
        if live and holder != record.id:
            yield f"{field} of {kind.name} {record.id} is held by {holder}"
