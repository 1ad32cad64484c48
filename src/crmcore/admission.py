"""What every change must pass before it is written: it has happened, refers to what is there, and lacks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeAlias

from crmcore.kernel.change import Change, applied, replay
from crmcore.kernel.context import Clock
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import ANY, Field, Kind, Record, kind_named, kind_of, part_of
from crmcore.kernel.requirement import Requirement, lacking
from crmcore.people.hierarchy import check_parents
from crmcore.people.tenure import check_tenures
from crmcore.playbook import Playbook, PlaybookVersion

__all__ = ["check_changes", "check_references", "check_required"]

Pointing: TypeAlias = tuple[Sequence[str], Mapping[str, Sequence[str]]]
"""The kinds a field refers to, and those that fields of its parts refer to."""
Step: TypeAlias = tuple[datetime, Record | None, Record]


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


def check_references(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> None:
    """Refuse references to records that are not there, or were deleted, and those that would lead in a circle.

    What a record referred to before may be said again, though it is gone since.

    Args:
        changes: What is to be written.
        kinds: The kinds of the CRM.
        store: The store.

    Raises:
        Invalid: Every such reference; or every account that would be part of itself; or every contact who would be
            at one account twice, or first of all at one they do not belong to.
    """
    made = {(one.kind, one.id) for one in changes if one.version == 1 or one.sets.get("deleted_at", one) is None}
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
            if _anew(kinds[change.kind], store, field, id, change)
        ]
    if problems:
        raise Invalid(problems)
    check_parents(changes, kinds, store)
    check_tenures(changes, kinds, store)


def _referred(change: Change[Any], kinds: Mapping[str, Kind[Any]]) -> Iterator[tuple[str, str, Sequence[str]]]:
    """The fields of a change that refer to a record, with its id and the kinds it may be of."""
    pointing = _pointing(kinds[change.kind])
    for name, value in change.sets.items():
        told = pointing.get(name.partition(".")[0])
        for path, id, named in () if told is None else _pointed(told, name, value):
            yield path, id, tuple(kinds) if named == (ANY,) else named


@cache
def _pointing(kind: Kind[Any]) -> dict[str, Pointing]:
    """The fields that refer to other records, by themselves or in their parts: to which kinds, and in which fields."""
    found: dict[str, Pointing] = {}
    for told in (*kind.fields.values(), *kind.members.values()):
        parts: dict[str, Field] = {} if told.part is None else {**part_of(told.part)}  # type: ignore[arg-type]
        inner = {one.name: one.references for one in parts.values() if one.references}
        if told.references or inner:
            found[told.name] = (told.references, inner)
    return found


def _pointed(told: Pointing, name: str, value: Any) -> Iterator[tuple[str, str, Sequence[str]]]:  # noqa: ANN401 - any value
    """The ids in a field's value, each with its place and the kinds it may be of."""
    named, inner = told
    _, dot, member = name.partition(".")
    if value is None:
        return
    if named:
        yield name, member if dot else value, named
    for path, one in _parts(name, value) if inner else ():
        for field, references in inner.items():
            if getattr(one, field) is not None:
                yield f"{path}.{field}", getattr(one, field), references


def _parts(name: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any part
    """The parts in a field's value, each with its place."""
    if isinstance(value, tuple):
        yield from ((f"{name}[{place}]", one) for place, one in enumerate(value))
    else:
        yield name, value


def _stranger(name: str, id: str, kinds: Sequence[str]) -> Problem:
    which = " or ".join(kinds) if len(kinds) < 4 else "record"
    return Problem(name, id, f"the id of a live {which}", f"add the {which} first")


def _anew(kind: Kind[Any], store: Store, name: str, id: str, change: Change[Any]) -> bool:
    """Whether a change points somewhere its record did not point before, in that field."""
    before = store.get(kind, [change.id]).get(change.id)
    if before is None:
        return True
    whole = name.partition(".")[0].partition("[")[0]
    told, value = _pointing(kind)[whole], getattr(before, whole)
    each = {f"{whole}.{member}": one for member, one in value.items()} if whole in kind.members else {whole: value}
    return all(id != one for field, some in each.items() for _, one, _ in _pointed(told, field, some))


def check_required(
    changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store, playbook: Playbook
) -> None:
    """Refuse what brings a record into lacking a custom field it needs: a new one, or one that had it.

    A late change must not do so at any time from when it happened to now.

    Args:
        changes: What is to be written.
        kinds: The kinds of the CRM.
        store: The store.
        playbook: The playbook it is written under.

    Raises:
        Invalid: Every such field.
    """
    courses: dict[str, dict[str, list[Change[Any]]]] = {}
    for change in changes:
        if change.kind in playbook.requiring:
            courses.setdefault(change.kind, {}).setdefault(change.id, []).append(change)
    problems: list[Problem] = []
    for name, course_of in courses.items():
        kind = kinds[name]
        required = cache(partial(playbook.requirements, kind))
        known = store.get(kind, course_of)
        for id, course in course_of.items():
            problems += _lacked(_steps(kind, known.get(id), course, store), required)
    if problems:
        raise Invalid(problems)


def _lacked(steps: Iterable[Step], required: Callable[[datetime], Iterable[Requirement]]) -> list[Problem]:
    """The custom fields that the first change of a record to do so brings it into lacking."""
    found = (lacking(before, after, required(at)) for at, before, after in steps)
    return next(filter(None, found), [])


def _steps(kind: Kind[Any], record: Record | None, course: Sequence[Change[Any]], store: Store) -> Iterator[Step]:
    """When each change of a record happened, and the record without it and with it, then and ever since."""
    version, latest, done = 0 if record is None else record.version, store.last()[1], list[Change[Any]]()
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
