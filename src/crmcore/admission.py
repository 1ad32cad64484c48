"""What every change must pass before it is written: it is one of ours, has happened, and refers to what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Clock
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, kind_of
from crmcore.playbook import PlaybookVersion

__all__ = ["check_changes", "check_references"]


def check_changes(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], clock: Clock, now: Clock) -> None:
    """Refuse what is no change, is of no kind there is, is a playbook, or is yet to happen.

    Args:
        changes: What is to be written.
        kinds: The kinds of the CRM.
        clock: Tells the time.
        now: Tells the time, but never before anything the store knows: asked when the clock seems to be behind.

    Raises:
        Invalid: The first that does not pass.
    """
    playbook, reached = kind_of(PlaybookVersion).name, clock()
    for change in changes:
        if not isinstance(change, Change) or change.kind not in kinds or change.kind == playbook:
            what = getattr(change, "kind", type(change).__name__)
            raise Invalid([Problem("changes", what, "changes of the CRM's kinds", "take them from propose()")])
        if change.at > reached and change.at > now():
            raise Invalid([Problem("at", change.at.isoformat(), "an instant that has been", "correct the time")])


def check_references(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> None:
    """Refuse references to records that are not there, or were deleted.

    What a record referred to before may be said again, though it is gone since.

    Args:
        changes: What is to be written.
        kinds: The kinds of the CRM.
        store: The store.

    Raises:
        Invalid: Every such reference.
    """
    made = {(change.kind, change.id) for change in changes}
    wanted: dict[str, dict[str, list[tuple[str, Change[Any]]]]] = {}
    for change in changes:
        for name, kind in kinds[change.kind].references.items():
            id = change.sets.get(name)
            if id is not None and (kind, id) not in made:
                wanted.setdefault(kind, {}).setdefault(id, []).append((name, change))
    problems = []
    for kind, ids in wanted.items():
        found = store.get(kinds[kind], ids)
        missing = [id for id in ids if id not in found or found[id].deleted_at is not None]
        fresh = [
            (name, id) for id in missing for name, change in ids[id] if _anew(kinds[change.kind], store, name, change)
        ]
        problems += [Problem(name, id, f"the id of a live {kind}", f"add the {kind} first") for name, id in fresh]
    if problems:
        raise Invalid(problems)


def _anew(kind: Kind[Any], store: Store, name: str, change: Change[Any]) -> bool:
    """Whether a change points somewhere its record did not point before."""
    before = store.get(kind, [change.id]).get(change.id)
    return before is None or getattr(before, name) != change.sets[name]
