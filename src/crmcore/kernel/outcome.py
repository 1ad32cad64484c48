"""What records will be once changes are written: asked before they are, by checks that look at several records."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import attrs

from crmcore.kernel.change import Change, applied, replay
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, R

__all__ = ["Objection", "check_free", "flawed", "is_late", "outcome"]


@attrs.frozen
class Objection:
    """What speaks against writing changes.

    Attributes:
        problem: What is wrong.
        ids: The records whose changes bring it about, all of them together.
    """

    problem: Problem
    ids: tuple[str, ...]


def check_free(objections: Iterable[Objection]) -> None:
    """Refuse changes that something speaks against.

    Args:
        objections: What does.

    Raises:
        Invalid: Every problem, if there is one.
    """
    problems = [one.problem for one in objections]
    if problems:
        raise Invalid(problems)


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


def flawed(kind: Kind[R], before: R | None, after: R) -> list[Problem]:
    """What is wrong with a record as a whole that was not before.

    Nothing is asked of one that is deleted or merged into another.

    Args:
        kind: The kind of the record.
        before: The record without a change; None when the change makes it.
        after: The record with it.
    """
    if kind.flaws is None or after.deleted_at is not None or after.merged_into is not None:
        return []
    found = [*kind.flaws(after)]
    known = {one.path for one in kind.flaws(before)} if found and before is not None else set()
    return [one for one in found if one.path not in known]
