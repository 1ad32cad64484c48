"""What every change must pass before it is written: it is one of ours, has happened, and refers to what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Clock
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import ANY, Kind, kind_named, kind_of
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
    problems: list[Problem] = []
    wanted: dict[str, dict[str, list[tuple[str, Change[Any]]]]] = {}
    for change in changes:
        for name, id, named in _referred(change, kinds):
            kind = kind_named(id, {one: kinds[one] for one in named})
            if kind is None:
                problems.append(_stranger(name, id, named))
            elif (kind.name, id) not in made:
                wanted.setdefault(kind.name, {}).setdefault(id, []).append((name, change))
    for name, ids in wanted.items():
        found = store.get(kinds[name], ids)
        missing = [id for id in ids if id not in found or found[id].deleted_at is not None]
        problems += [
            _stranger(field, id, [name])
            for id in missing
            for field, change in ids[id]
            if _anew(kinds[change.kind], store, field, change)
        ]
    if problems:
        raise Invalid(problems)


def _referred(change: Change[Any], kinds: Mapping[str, Kind[Any]]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The fields of a change that refer to a record, with its id and the kinds it may be of."""
    references = kinds[change.kind].references
    for name, value in change.sets.items():
        whole, dot, member = name.partition(".")
        if value is not None and whole in references:
            named = references[whole]
            yield name, member if dot else value, tuple(kinds) if named == (ANY,) else named


def _stranger(name: str, id: str, kinds: Sequence[str]) -> Problem:
    which = " or ".join(kinds) if len(kinds) < 4 else "record"
    return Problem(name, id, f"the id of a live {which}", f"add the {which} first")


def _anew(kind: Kind[Any], store: Store, name: str, change: Change[Any]) -> bool:
    """Whether a change points somewhere its record did not point before."""
    before = store.get(kind, [change.id]).get(change.id)
    if before is None:
        return True
    whole, dot, member = name.partition(".")
    return member not in getattr(before, whole) if dot else getattr(before, name) != change.sets[name]
