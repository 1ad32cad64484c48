"""A change: what happened, in the field's words, and the fields it sets. The only write there is.

A record is the fold of its changes in the order they happened, ``(at, version)``. A *late*
change, one whose ``at`` lies before the record's latest, sets only what no change after it
in that order has set; so folding all changes and keeping up one by one give the same record.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY, FrozenMap
from crmcore.kernel.plain import Plain
from crmcore.kernel.records import Kind, R, Record, kind_of

__all__ = ["Change", "Sets", "applied", "diff", "effective", "evolved", "inverse", "replay", "state_of"]


class Sets(FrozenMap[str, Any]):
    """The fields a change sets, and their new values, which its text does not show: they may be personal."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The names of the fields."""
        return f"<{', '.join(self)}>"


def _frozen(sets: Mapping[str, Any]) -> Sets:
    return sets if type(sets) is Sets else Sets(sets)


def _unsaid(reason: str | None) -> str:
    """A reason in somebody's own words, which may name people."""
    return "None" if reason is None else "'•••'"


@attrs.frozen(kw_only=True, slots=False)  # every move makes one: without slots that takes a third less time
class Change(Plain, Generic[R]):
    """One change of one record.

    Attributes:
        kind: The kind of the record.
        id: The record's id.
        version: The version this change makes: 1 for a new record, then one more each time.
        what: What happened, as a past participle: ``"advanced"``.
        sets: The fields it sets and their new values; ``"custom.region"`` names one custom field.
            Written out it shows their names only, for values may be personal.
        at: When it happened.
        by: Who did it.
        reason: Why, in the actor's words.
        seq: Its place in the store's log; 0 until it is committed.
        commit: The id of the commit that wrote it.
        recorded_at: When the store learnt it.
        late: Whether it happened before something the record already knew.
        playbook: The hash of the playbook it was made under.
    """

    kind: str
    id: str
    version: int
    what: str
    sets: Mapping[str, Any] = attrs.field(converter=_frozen)
    at: datetime
    by: str | None = None
    reason: str | None = attrs.field(default=None, repr=_unsaid)
    seq: int = 0
    commit: str = ""
    recorded_at: datetime | None = None
    late: bool = False
    playbook: str = ""

    def __str__(self) -> str:
        """A line of a history or a feed: when, which record, what, by whom; no values, for they may be personal."""
        actor = "" if self.by is None else f" by {self.by}"
        return f"{self.at:%Y-%m-%d %H:%M} UTC {self.id} was {self.what}{actor}"

    @property
    def order(self) -> tuple[datetime, int]:
        """Where it stands among the changes of its record: by time, then by version."""
        return (self.at, self.version)


def evolved(change: Change[R], **fields: Any) -> Change[R]:  # noqa: ANN401 - any field's value
    """A change with some fields anew: what ``attrs.evolve`` gives, in half the time.

    Args:
        change: The change.
        fields: The fields and their new values.
    """
    return Change(**(vars(change) | fields))


def state_of(record: Record) -> dict[str, Any]:
    """Every field of a record by name, its version included."""
    names, values = _fields(type(record))  # type: ignore[arg-type]
    return dict(zip(names, values(record), strict=True))


@functools.cache
def _fields(cls: type[Record]) -> tuple[tuple[str, ...], Callable[[Record], tuple[Any, ...]]]:
    """The names of the fields of a record class, and what gives their values."""
    names = tuple(attrs.fields_dict(cls))
    return names, operator.attrgetter(*names)


def applied(kind: Kind[R], record: R | None, change: Change[R]) -> R:
    """The record after a change.

    Args:
        kind: The kind of the record.
        record: The record before; None when the change makes it.
        change: The change, whose values have been read and checked.

    Returns:
        A new record; the old one is untouched.

    Raises:
        Invalid: The change sets a field the kind does not have, or misses one a new record needs.
    """
    state = {} if record is None else state_of(record)
    return _built(kind, _set(state, change.sets), change)


def _set(state: dict[str, Any], sets: Mapping[str, Any]) -> dict[str, Any]:
    """A state with some fields set; dotted names reach into fields that hold members."""
    for name, value in sets.items():
        whole, dot, part = name.partition(".")
        if not dot:
            state[name] = value
            continue
        items = dict(state.get(whole, EMPTY))
        items[part] = value
        state[whole] = FrozenMap({key: item for key, item in items.items() if item is not None})
    return state


def _built(kind: Kind[R], state: dict[str, Any], change: Change[R]) -> R:
    state["id"], state["version"] = change.id, change.version
    try:
        return kind.cls(**state)
    except TypeError as error:
        raise Invalid(
            _misfits(kind, state) or [Problem(kind.name, str(error), "fields of the kind", "check the act")]
        ) from error


def _misfits(kind: Kind[R], state: Mapping[str, Any]) -> list[Problem]:
    unknown = [
        Problem(name, "a value", f"a field of {kind.name}", "take it out") for name in state if name not in kind.names
    ]
    missing = [
        Problem(name, None, "a value", f"give {name}")
        for name, declared in kind.fields.items()
        if declared.required and name not in state
    ]
    return unknown + missing


def replay(kind: Kind[R], changes: Iterable[Change[R]]) -> R | None:
    """The record that a set of its changes adds up to: their fold by ``(at, version)``.

    Args:
        kind: The kind of the record.
        changes: Changes of one record, in any order; a subset is a past state.

    Returns:
        The record with the highest version among them; None when there are none.
    """
    ordered = sorted(changes, key=lambda change: change.order)
    if not ordered:
        return None
    state: dict[str, Any] = {}
    for change in ordered:
        _set(state, change.sets)
    return _built(kind, state, max(ordered, key=lambda change: change.version))


def effective(change: Change[R], later: Iterable[Iterable[str]]) -> dict[str, Any]:
    """What a late change still sets today: the fields no later one has set.

    Args:
        change: The late change.
        later: For each change after it in ``(at, version)`` order, the names it sets.
    """
    taken = {name for names in later for name in names}
    return {name: value for name, value in change.sets.items() if taken.isdisjoint((name, name.partition(".")[0]))}


def diff(before: Record | None, after: Record) -> dict[str, Any]:
    """The fields that differ between two states of a record, with their new values.

    Args:
        before: The earlier state; None for a new record.
        after: The later state.

    Example:
        >>> from crmcore.kernel.change import diff
        >>> from crmcore.people import Account
        >>> diff(Account(id="account_1", name="Acme"), Account(id="account_1", name="Acme Ltd"))
        {'name': 'Acme Ltd'}
    """
    old, new = _flat(before), _flat(after)
    names = [*new, *sorted(old.keys() - new.keys())]
    return {name: new.get(name) for name in names if name not in old or old[name] != new.get(name)}


def _flat(record: Record | None) -> dict[str, Any]:
    """A record's fields, those that hold members opened into dotted names."""
    flat: dict[str, Any] = {}
    if record is None:
        return flat
    mappings = kind_of(type(record)).mappings
    for name, value in state_of(record).items():
        if name in mappings:
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        elif name not in {"id", "version"}:
            flat[name] = value
    return flat


def inverse(before: Record, change: Change[R], *, at: datetime) -> Change[R]:
    """The change that takes a change back.

    Args:
        before: The record as it was before the change.
        change: The change to take back; it must be the record's latest.
        at: When it is taken back.

    Returns:
        A change that sets every field the first one set to what it was before.
    """
    old = _flat(before)
    return Change(
        kind=change.kind,
        id=change.id,
        version=change.version + 1,
        what="undone",
        sets={name: old.get(name) for name in change.sets},
        at=at,
    )
