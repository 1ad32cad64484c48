"""What every adapter does the same way: one change on top of how a record stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Generic

import attrs

from crmcore.kernel.change import Change, applied, effective, evolved, replay
from crmcore.kernel.errors import Conflict, Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.personal import blanked, in_part
from crmcore.kernel.records import Kind, R

__all__ = [
    "Histories",
    "Later",
    "Standing",
    "admit",
    "admit_erasures",
    "check_unmoved",
    "cleansed",
    "moved_on",
    "scrubbed",
    "standing_of",
    "states",
    "step",
]

Later = Callable[[], Iterable[Iterable[str]]]
"""Gives, for each change after a late one, the names it sets."""

Histories = dict[tuple[str, str], tuple[list[Change[Any]], list[Change[Any]]]]
"""By record, its changes as they are, and without what goes."""


@attrs.frozen
class Standing(Generic[R]):
    """How a record stands in a store.

    Attributes:
        record: The record.
        first: When it came to be.
        horizon: The greatest ``at`` of its changes.
        window: When its late changes may matter to a reading: from the smallest ``at`` of them, inclusive,
            to the greatest horizon one had to pass beneath, exclusive; None without late changes.
    """

    record: R
    first: datetime
    horizon: datetime
    window: tuple[datetime, datetime] | None = None

    def folded(self, at: datetime | None) -> bool:
        """Whether a reading must fold the changes, since a stored state could miss a late one.

        Args:
            at: When to read; None for everything.
        """
        return self.window is not None and at is not None and self.window[0] <= at < self.window[1]


def standing_of(record: R, changes: Sequence[Change[R]]) -> Standing[R]:
    """How a record stands after all its changes.

    Args:
        record: The record.
        changes: All its changes, by version.
    """
    horizon, window = changes[0].at, None
    for change in changes:
        if change.late:
            window = (min(change.at, window[0] if window else horizon), horizon)
        horizon = max(horizon, change.at)
    return Standing(record, changes[0].at, horizon, window)


def admit(
    changes: Sequence[Change[Any]],
    kinds: Mapping[str, Kind[Any]],
    recorded_at: datetime,
    *,
    erasures: Collection[Change[Any]] = (),
) -> None:
    """Refuse a commit that no store can write, whatever it holds.

    Args:
        changes: The changes to commit.
        kinds: The kinds the store was prepared for.
        recorded_at: The clock's time.
        erasures: Those among the changes that may leave nothing of a mapping.

    Raises:
        Invalid: There are no changes, a kind is unknown, an instant is naive, or a mapping is set as a whole.
    """
    problems = [] if changes else [Problem("changes", "none", "at least one change", "commit what has changed")]
    if recorded_at.tzinfo is None:
        problems.append(Problem("recorded_at", recorded_at, "an instant with a time zone", "let the clock give UTC"))
    for change in changes:
        kind = kinds.get(change.kind)
        if kind is None:
            problems.append(Problem("kind", change.kind, f"one of {', '.join(kinds)}", "prepare the store for it"))
        if change.at.tzinfo is None:
            problems.append(Problem("at", change.at, "an instant with a time zone", "give it in UTC"))
        told = () if kind is None else kind.mappings.intersection(change.sets)
        whole = [name for name in told if change.sets[name] != EMPTY] if change in erasures else told
        problems += [Problem(name, "a whole mapping", f"{name}.<name> for each item", "open it") for name in whole]
    if problems:
        raise Invalid(problems)


def admit_erasures(
    erasures: Sequence[Change[Any]],
    beside: Sequence[Change[Any]],
    kinds: Mapping[str, Kind[Any]],
    recorded_at: datetime,
) -> None:
    """Refuse an erasure that no store can do, whatever it holds.

    Args:
        erasures: What to erase.
        beside: What else is written.
        kinds: The kinds the store was prepared for.
        recorded_at: The clock's time.

    Raises:
        Invalid: As ``admit``; or there is nothing to erase, or a record that is erased is told of twice.
    """
    admit([*erasures, *beside] if erasures else (), kinds, recorded_at, erasures=erasures)
    told = [(change.kind, change.id) for change in (*erasures, *beside)]
    twice = dict.fromkeys(change.id for change in erasures if told.count((change.kind, change.id)) > 1)
    if twice:
        mend = "erase all of it by one change"
        raise Invalid([Problem("changes", id, "one change of a record that is erased", mend) for id in twice])


def step(kind: Kind[R], standing: Standing[R] | None, change: Change[R], later: Later) -> tuple[Standing[R], bool]:
    """How a record stands after one more change, and whether the change was late.

    Args:
        kind: The kind of the record.
        standing: How it stands; None when the change makes it.
        change: The change.
        later: Asked only when the change is late.

    Raises:
        Conflict: The record is not at the version before the change.
        Invalid: The change lies before the record was created.
    """
    found = 0 if standing is None else standing.record.version
    if change.version != found + 1:
        raise Conflict(change.kind, change.id, expected=change.version - 1, found=found)
    if standing is None:
        return Standing(applied(kind, None, change), change.at, change.at), False
    if change.at < standing.first:
        mend = "give a later time, or correct when it was created"
        raise Invalid([Problem("at", change.at.isoformat(), f"at or after {standing.first.isoformat()}", mend)])
    if change.at >= standing.horizon:
        return Standing(applied(kind, standing.record, change), standing.first, change.at, standing.window), False
    record = applied(kind, standing.record, attrs.evolve(change, sets=effective(change, later())))
    since, _ = standing.window or (change.at, standing.horizon)
    return Standing(record, standing.first, standing.horizon, (min(since, change.at), standing.horizon)), True


def check_unmoved(
    unmoved: Mapping[tuple[str, str], int], versions: Callable[[str, Sequence[str]], Mapping[str, int]]
) -> None:
    """Refuse a commit whose ground has moved.

    Args:
        unmoved: The records it rests on, and the versions they must still have.
        versions: Gives the versions of records of a kind, by id; those that are not there are left out.

    Raises:
        Conflict: One has moved on.
    """
    for kind, wholes in groupby(sorted(unmoved), key=lambda whole: whole[0]):
        ids = [id for _, id in wholes]
        found = versions(kind, ids)
        for id in ids:
            if found.get(id, 0) != unmoved[kind, id]:
                raise Conflict(kind, id, expected=unmoved[kind, id], found=found.get(id, 0))


def moved_on(end: str) -> Conflict:
    """What to say when something was written since the log was read.

    Args:
        end: The cut it was read at.
    """
    message = "something was written since the log was read; read again and repeat the act"
    return Conflict("log", "end", expected=end, found="more", message=message)


def scrubbed(kind: Kind[R], change: Change[R], erasure: Change[R]) -> Change[R]:
    """A change of the log without the values an erasure takes away.

    Its reason goes too, for it is free text, unless it is an earlier erasure. Where nothing is left of members, what
    they were called goes with them. A field that is personal only in its parts keeps the rest of these.

    Args:
        kind: The kind of the record.
        change: A change as the log has it.
        erasure: The change that sets what is left of each field.
    """
    left, sets = erasure.sets, dict[str, Any]()
    for name, value in change.sets.items():
        whole, dot, _ = name.partition(".")
        if dot and whole in left:
            continue
        sets[name] = _left(kind, name, value, left[name]) if name in left and value is not None else value
    reason = change.reason if change.what == erasure.what else None
    return evolved(change, sets=sets, reason=reason)


def _left(kind: Kind[Any], name: str, value: Any, left: Any) -> Any:  # noqa: ANN401 - any field's value
    """What is left of a value."""
    told = kind.declared(name)
    return left if told is None or not in_part(told) else blanked(value)


def cleansed(
    erasures: Iterable[Change[Any]],
    unsaid: Iterable[Change[Any]],
    kinds: Mapping[str, Kind[Any]],
    known: Callable[[tuple[str, str]], list[Change[Any]]],
) -> Histories:
    """What an erasure makes of the histories it concerns: none when it takes nothing away from any of them.

    Args:
        erasures: What to erase.
        unsaid: Other changes whose reasons go.
        kinds: The kinds the store was prepared for.
        known: Gives the changes of a record, by kind and id.

    Raises:
        Conflict: A record to erase is not there.
    """
    found: Histories = {}
    for one in erasures:
        old = known((one.kind, one.id))
        if not old:
            raise Conflict(one.kind, one.id, expected=one.version - 1, found=0)
        found[one.kind, one.id] = old, [scrubbed(kinds[one.kind], change, one) for change in old]
    silent: dict[tuple[str, str], set[int]] = {}
    for one in unsaid:
        if (one.kind, one.id) not in found:
            silent.setdefault((one.kind, one.id), set()).add(one.version)
    for whole, versions in silent.items():
        old = known(whole)
        found[whole] = old, [evolved(one, reason=None) if one.version in versions else one for one in old]
    return found if any(old != new for old, new in found.values()) else {}


def states(kind: Kind[R], changes: Sequence[Change[R]]) -> list[R]:
    """The record after each of its changes, in the order they were recorded.

    Args:
        kind: The kind of the record.
        changes: All its changes, by version.
    """
    if not any(change.late for change in changes):
        return _kept_up(kind, changes)
    return [state for end in range(1, len(changes) + 1) if (state := replay(kind, changes[:end])) is not None]


def _kept_up(kind: Kind[R], changes: Sequence[Change[R]]) -> list[R]:
    found: list[R] = []
    for change in changes:
        found.append(applied(kind, found[-1] if found else None, change))
    return found
