"""Undo: a commit is taken back as a whole, or not at all, by a commit of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import attrs

from crmcore.kernel.change import Change, diff, replay
from crmcore.kernel.context import Context
from crmcore.kernel.errors import NotAllowed, NotFound, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record, kind_of
from crmcore.kernel.referring import Whole, referring
from crmcore.playbook import PlaybookVersion

__all__ = ["undoing"]

MOST_NAMED = 20
"""How many reasons against it a refusal lists."""

_MENDS = ("undo that first, or correct the record", "correct the record; what was erased is gone")
"""What to do about a record that was changed since, and about one that was erased."""


@attrs.frozen
class _Step:
    """One record of a commit: what it was before, and what it is."""

    kind: Kind[Any]
    before: Record | None
    now: Record


def undoing(commit: str, store: Store, kinds: Mapping[str, Kind[Any]], context: Context[Any]) -> list[Change[Any]]:
    """The changes that take a commit back: every field of every record in it becomes what it was.

    A record the commit made is deleted; one it deleted comes back.

    Args:
        commit: The id of the commit.
        store: The store, bound to a tenant.
        kinds: The kinds there are.
        context: The circumstances.

    Raises:
        NotFound: There is no such commit.
        NotAllowed: A record in it was changed or erased since, or one it made is referred to: all of them.
    """
    changes = store.changes(commit=commit)
    if not changes:
        raise NotFound("commit", commit, "take its id from a change: crm.history(record)[-1].commit")
    _check_kinds(commit, changes)
    problems, steps = [*_moved(changes, store, kinds)], []
    if not problems:
        steps = [*_steps(changes, store, kinds)]
        problems = [*_referring(steps, store, kinds)]
    if problems:
        listed, more = problems[:MOST_NAMED], len(problems) - MOST_NAMED
        message = f"commit {commit} can't be taken back" + (f"; {more:,} reasons more" if more > 0 else "")
        raise NotAllowed(message, act="undo", problems=listed)
    return [_back(step, context) for step in steps]


def _check_kinds(commit: str, changes: Iterable[Change[Any]]) -> None:
    """Refuse what undo does not take back."""
    for change in changes:
        if change.kind == kind_of(PlaybookVersion).name:
            message = f"commit {commit} adopted a playbook; adopt() the one before instead"
            raise NotAllowed(message, act="undo", possible=("adopt",))
        if change.what == "erased":
            raise NotAllowed(f"commit {commit} erased values, which are gone", act="undo")


def _whole(change: Change[Any]) -> Whole:
    return change.kind, change.id


def _moved(changes: Sequence[Change[Any]], store: Store, kinds: Mapping[str, Kind[Any]]) -> Iterator[Problem]:
    """Records of a commit that were changed since."""
    ended = {_whole(change): change.version for change in changes}
    for name, mine in groupby(sorted(ended), key=lambda whole: whole[0]):
        now = store.get(kinds[name], [id for _, id in mine])
        for id, record in now.items():
            if record.version != ended[name, id]:
                since = store.changes(kind=name, id=id)[ended[name, id]]
                who = "" if since.by is None else f" by {since.by}"
                found = f"{since.what}{who} at {since.at.isoformat()}"
                yield Problem(f"{name} {id}", found, "no change since", _MENDS[since.what == "erased"])


def _steps(changes: Sequence[Change[Any]], store: Store, kinds: Mapping[str, Kind[Any]]) -> Iterator[_Step]:
    """What the records of a commit were before, and are now."""
    first: dict[tuple[str, str], int] = {}
    for change in changes:
        first.setdefault(_whole(change), change.version)
    for (name, id), version in first.items():
        kind = kinds[name]
        known = store.changes(kind=name, id=id) if version > 1 else []
        yield _Step(kind, replay(kind, [one for one in known if one.version < version]), store.get(kind, [id])[id])


def _back(step: _Step, context: Context[Any]) -> Change[Any]:
    """The change that makes a record what it was; one that was not there is deleted."""
    sets = {"deleted_at": context.at} if step.before is None else diff(step.now, step.before)
    return context.changed(step.now, "undone", **sets)


def _referring(steps: Sequence[_Step], store: Store, kinds: Mapping[str, Kind[Any]]) -> Iterator[Problem]:
    """Records outside of a commit that refer to one it made: live ones, and those that were merged into it."""
    inside = {(step.kind.name, step.now.id) for step in steps}
    made = {(step.kind.name, step.now.id) for step in steps if step.before is None}
    for kind in kinds.values() if made else ():
        for id, record in referring(kind, made, store, most=MOST_NAMED + len(inside)).items():
            if (kind.name, id) not in inside:
                how = "refers to it" if record.merged_into is None else "was merged into it"
                yield Problem(f"{kind.name} {id}", how, "nothing of the kind", "take that back first")
