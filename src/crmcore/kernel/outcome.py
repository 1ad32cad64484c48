"""What records will be once changes are written: asked before they are, by checks that look at several records."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from crmcore.kernel.change import Change, applied, replay
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, R

__all__ = ["is_late", "outcome"]


def is_late(changes: Collection[Change[Any]], store: Store) -> bool:
    """Whether one of some changes may have happened before something the store knows already.

    Args:
        changes: What is to be written.
        store: The store.
    """
    last = store.last()[1] if changes else None
    return last is not None and any(change.at < last for change in changes)


def outcome(kind: Kind[R], changes: Sequence[Change[Any]], store: Store) -> dict[str, R]:
    """The records of a kind as changes will leave them, by id; those that nothing changes are left out.

    Args:
        kind: The kind.
        changes: What is to be written, of any kind, their values read.
        store: The store.
    """
    mine: dict[str, list[Change[R]]] = {}
    for change in changes:
        if change.kind == kind.name:
            mine.setdefault(change.id, []).append(change)
    if not mine:
        return {}
    if is_late([change for some in mine.values() for change in some if change.version > 1], store):
        whole = ((id, [*store.changes(kind=kind.name, id=id), *some]) for id, some in mine.items())
        return {id: record for id, known in whole if (record := replay(kind, known)) is not None}
    before = store.get(kind, [id for id, some in mine.items() if some[0].version > 1])
    return {id: _after(kind, before.get(id), some) for id, some in mine.items()}


def _after(kind: Kind[R], record: R | None, changes: Sequence[Change[R]]) -> R:
    """A record after at least one change."""
    first, *rest = changes
    after = applied(kind, record, first)
    for change in rest:
        after = applied(kind, after, change)
    return after
