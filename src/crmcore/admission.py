"""What every change must pass before it is written: it has happened, refers to what is there, and leaves no flaw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeAlias

from crmcore.kernel.change import Change, applied, replay
from crmcore.kernel.context import Clock
from crmcore.kernel.errors import Invalid, Problem, as_id
from crmcore.kernel.fields import ANY
from crmcore.kernel.outcome import Objection, flawed, outcome
from crmcore.kernel.pointing import pointed, pointed_before, pointers_of, pointing
from crmcore.kernel.ports import NOW, Moment, Store
from crmcore.kernel.records import Kind, R, Record, kind_named, kind_of
from crmcore.kernel.requirement import Requirement, lacking
from crmcore.people.hierarchy import circular
from crmcore.people.suppression import suppressed
from crmcore.people.tenure import misplaced
from crmcore.playbook import Playbook, PlaybookVersion

__all__ = ["Ground", "check_changes", "objections"]

Step: TypeAlias = tuple[datetime, Record | None, Record]


class Ground:
    """A store as rules ask it, which keeps in mind the records it told them of: what they find rests on these.

    Args:
        store: The store.

    Attributes:
        versions: The versions of those records, by kind and id; 0 of those that were not there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.versions: dict[tuple[str, str], int] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a store does
        """What the store does."""
        return getattr(self._store, name)

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id, as the store gives them.

        Args:
            kind: The kind of record.
            ids: The ids.
            moment: When to read.
        """
        wanted = [*ids]
        found = self._store.get(kind, wanted, moment)
        for id in wanted:
            self.versions.setdefault((kind.name, id), found[id].version if id in found else 0)
        return found


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
    if not isinstance(changes, Sequence):
        raise Invalid([Problem("changes", type(changes).__name__, "a list of changes", "take them from propose()")])
    playbook, reached = kind_of(PlaybookVersion).name, clock()
    for change in changes:
        if not isinstance(change, Change) or change.kind not in kinds or change.kind == playbook:
            what = getattr(change, "kind", type(change).__name__)
            raise Invalid([Problem("changes", what, "changes of the CRM's kinds", "take them from propose()")])
        if change.at > reached and change.at > now():
            raise Invalid([Problem("at", change.at.isoformat(), "an instant that has been", "correct the time")])


def objections(
    changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store, playbook: Playbook
) -> list[Objection]:
    """What speaks against writing changes, each with the records whose changes bring it about.

    References to records that are not there come first, since the rest builds on them; then what was erased and may
    not come back; then accounts that would be part of themselves, and contacts who would be at one account twice, or
    first of all at one they do not belong to; then records that would come to lack a custom field they need, or into a
    flaw.

    Args:
        changes: What is to be written, their values read.
        kinds: The kinds of the CRM.
        store: The store.
        playbook: The playbook it is written under.
    """
    stages: tuple[Callable[[], Iterable[Objection]], ...] = (
        lambda: _astray(changes, kinds, store),
        lambda: suppressed(changes, kinds, store),
        lambda: circular(changes, kinds, store),
        lambda: misplaced(changes, kinds, store),
        lambda: _unfit(changes, kinds, store, playbook),
    )
    return next((found for stage in stages if (found := [*stage()])), [])


def _astray(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> Iterator[Objection]:
    """References to records that are not there, or were deleted.

    What a record referred to before may be said again, though it is gone since; but not what one refers to
    that was deleted itself and comes back.
    """
    made = {(one.kind, one.id) for one in changes if one.version == 1 or one.sets.get("deleted_at", one) is None}
    yield from _orphaned(changes, kinds, store, made)
    wanted: dict[str, dict[str, list[tuple[str, Change[Any]]]]] = {}
    for change in changes:
        for name, id, named in _referred(change, kinds):
            kind = _kind_of(id, named, kinds)
            if kind is None:
                yield Objection(_stranger(name, id, named), (change.id,))
            elif (kind.name, id) not in made:
                wanted.setdefault(kind.name, {}).setdefault(id, []).append((name, change))
    for name, ids in wanted.items():
        found = store.get(kinds[name], ids)
        missing = [id for id in ids if id not in found or found[id].deleted_at is not None]
        yield from (
            Objection(_stranger(field, id, [name]), (change.id,))
            for id in missing
            for field, change in ids[id]
            if _anew(kinds[change.kind], store, field, id, change)
        )


def _referred(change: Change[Any], kinds: Mapping[str, Kind[Any]]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The fields of a change that refer to a record, with its id and the kinds it may be of."""
    kind = kinds[change.kind]
    told = pointing(kind)
    for name, value in change.sets.items():
        if name.partition(".")[0] in told:
            yield from pointed(kind, name, value)


def _kind_of(id: str, named: Sequence[str], kinds: Mapping[str, Kind[Any]]) -> Kind[Any] | None:
    """The kind of the record with an id, if it is one of those it may be of."""
    return kind_named(id, kinds if ANY in named else {one: kinds[one] for one in named})


def _stranger(name: str, id: str, kinds: Sequence[str]) -> Problem:
    which = " or ".join(kinds) if len(kinds) < 4 and ANY not in kinds else "record"
    return Problem(name, as_id(id), f"the id of a live {which}", f"add the {which} first")


def _anew(kind: Kind[Any], store: Store, path: str, id: str, change: Change[Any]) -> bool:
    """Whether a change points somewhere its record did not point before, in that field."""
    before = store.get(kind, [change.id]).get(change.id)
    return before is None or not pointed_before(kind, before, path, id)


def _orphaned(
    changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store, made: AbstractSet[tuple[str, str]]
) -> Iterator[Objection]:
    """What records that come back refer to and that was deleted meanwhile."""
    back = {(one.kind, one.id) for one in changes if one.version > 1 and one.sets.get("deleted_at", one) is None}
    for name in sorted({kind for kind, _ in back}):
        mine = [change for change in changes if (change.kind, change.id) in back and change.kind == name]
        for record in outcome(kinds[name], mine, store).values():
            for path, id, named in pointers_of(kinds[name], record) if record.deleted_at is None else ():
                kind = _kind_of(id, named, kinds)
                by_name = path.partition(".")[2] == id  # a tag that is gone is not shown, and harms nobody
                if not (by_name or kind is None or (kind.name, id) in made or _stands(kind, id, store)):
                    problem = Problem(path, id, f"the id of a live {kind.name}", f"restore {id} first")
                    yield Objection(problem, (record.id,))


def _stands(kind: Kind[Any], id: str, store: Store) -> bool:
    """Whether there is a live record with an id, or one that it was merged into."""
    found = store.get(kind, [id]).get(id)
    while found is not None and found.merged_into is not None:
        found = store.get(kind, [found.merged_into]).get(found.merged_into)
    return found is not None and found.deleted_at is None


def _unfit(
    changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store, playbook: Playbook
) -> Iterator[Objection]:
    """What brings a record into lacking a custom field it needs, or into a flaw: a new one, or one without it.

    A late change must not do so at any time from when it happened to now.
    """
    courses: dict[str, dict[str, list[Change[Any]]]] = {}
    for change in changes:
        if change.kind in playbook.requiring or kinds[change.kind].flaws is not None:
            courses.setdefault(change.kind, {}).setdefault(change.id, []).append(change)
    latest = store.last()[1] if courses and any(change.version > 1 for change in changes) else None
    for name, course_of in courses.items():
        kind = kinds[name]
        required = cache(partial(playbook.requirements, kind)) if name in playbook.requiring else _nothing
        known = store.get(kind, [id for id, course in course_of.items() if course[0].version > 1])
        for id, course in course_of.items():
            steps = _steps(kind, known.get(id), course, store, latest)
            yield from (Objection(problem, (id,)) for problem in _brought(kind, steps, required))


def _nothing(_: datetime) -> tuple[Requirement, ...]:
    return ()


def _brought(
    kind: Kind[Any], steps: Iterable[Step], required: Callable[[datetime], Iterable[Requirement]]
) -> list[Problem]:
    """What the first change of a record to do so brings it into."""
    found = ([*lacking(before, after, required(at)), *flawed(kind, before, after)] for at, before, after in steps)
    return next(filter(None, found), [])


def _steps(
    kind: Kind[Any], record: Record | None, course: Sequence[Change[Any]], store: Store, latest: datetime | None
) -> Iterator[Step]:
    """When each change of a record happened, and the record without it and with it, then and ever since."""
    version, done = 0 if record is None else record.version, list[Change[Any]]()
    for change in course:
        if change.version != version + 1:
            return  # the store knows better what has become of the record
        later: list[Change[Any]] = []
        before = record
        if record is not None and latest is not None and change.at < latest:
            past = [*store.changes(kind=kind.name, id=change.id), *done]
            before = replay(kind, [one for one in past if one.order < change.order])
            if before is None:
                return  # so does it here: the record was not there yet
            later = sorted((one for one in past if one.order > change.order), key=lambda one: one.order)
        after = applied(kind, before, change)
        yield change.at, before, after
        for one in later:
            before, after = None if before is None else applied(kind, before, one), applied(kind, after, one)
            yield change.at, before, after
        record, version = after, change.version
        latest = change.at if latest is None else max(latest, change.at)
        done.append(change)
