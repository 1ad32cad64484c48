"""The data subject: everything that is kept about one person, wherever it is kept, to be told or erased.

Where it is follows from what is declared. The person is a contact, with those merged into it and the leads that became
it. Beside them stand the records that refer to them: notes and touchpoints, which are about them, and deals, orders and
others, which are dealt with them. What is personal in those goes with the person, and so does free text in which the
person is named, also in notes on those deals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

from crmcore.activity.about import standing
from crmcore.kernel.change import Change
from crmcore.kernel.fields import ANY, Field
from crmcore.kernel.front import Front
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.personal import ERASED, blanked, in_part, is_person, left_of
from crmcore.kernel.plain import Plain, plain
from crmcore.kernel.pointing import Pointing, pointing
from crmcore.kernel.records import Kind, Record, kind_named, kind_of
from crmcore.kernel.referring import Whole, referring
from crmcore.playbook import Playbook, PlaybookVersion
from crmcore.sales import Lead
from crmcore.staff import Staff

__all__ = ["Holding", "Names", "Role", "Subject", "left_by", "subject_of"]

LEAST = 3
"""Shorter names and numbers are not looked for in texts: they stand in many."""

Role: TypeAlias = Literal["own", "about", "dealing", "near"]
"""What a record is to a person: they themselves; said about them; dealt with them; said about such a deal."""

Names: TypeAlias = Callable[[object], bool]
"""Whether a text names the person."""


@attrs.frozen(repr=False)
class Holding(Plain):
    """A record that has to do with a person, and what in it is personal.

    Attributes:
        kind: The kind of the record.
        record: The record as it stands.
        changes: All its changes.
        role: What it is to the person.
        fields: The names of the fields with something personal, now or before.
    """

    kind: Kind[Any]
    record: Record
    changes: tuple[Change[Any], ...]
    role: Role
    fields: tuple[str, ...]

    @property
    def whole(self) -> Whole:
        """The record, by kind and id."""
        return self.kind.name, self.record.id

    def __repr__(self) -> str:
        """Which record, and the names of its fields."""
        return f"<{self.role} {self.record.id}: {', '.join(self.fields)}>"

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it: the record and its history, personal values included."""
        told = {"kind": self.kind.name, "id": self.record.id, "role": self.role, "personal": [*self.fields]}
        return told | {"record": plain(self.record), "history": plain(self.changes)}


@attrs.frozen
class Subject(Plain):
    """A person, and everything that is kept about them.

    Attributes:
        id: The id of the record that stands for them.
        holdings: The records, that one first.
        names: Whether a text names them.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM()
        >>> ada = crm.contacts.add(name="Ada Lovelace", email="ada@engines.example")
        >>> note = crm.notes.add(ada, "Prefers letters.")
        >>> for told in crm.subject(ada).to_data()["records"]:
        ...     print(told["role"], told["kind"], told["personal"])
        own contact ['name', 'email']
        about note ['text']
    """

    id: str
    holdings: tuple[Holding, ...]
    names: Names = attrs.field(repr=False, eq=False)

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it: every record with its history, personal values included."""
        return {"subject": self.id, "records": [one.to_data() for one in self.holdings]}


def subject_of(front: Front, record: Record | str) -> Subject:
    """Everything that is kept about a person.

    Args:
        front: The front door.
        record: The record that stands for them, one merged into it, a lead that became it; or its id.

    Raises:
        Invalid: It is neither a record nor an id.
        NotFound: There was none with that id.
    """
    found = _standing(front, record)
    custom = _personal_custom(front)
    own = [*_read(front, _own(front, found), "own")]
    names = _naming(own)
    dealings = [*_read(front, _around(front, found, own), "dealing")]
    said = [*_read(front, _about(front, [one.whole for one in own]), "about")]
    near = [*_read(front, _about(front, [one.whole for one in dealings]), "near")]
    known: dict[Whole, Holding] = {}
    for one in (*own, *said, *dealings, *near):
        fields = tuple(_personal(one, custom.get(one.kind.name, frozenset()), names))
        known.setdefault(one.whole, attrs.evolve(one, fields=fields))
    wanted = (one for one in known.values() if one.role != "near" or one.fields or _reasoned(one, names))
    return Subject(found.id, tuple(wanted), names)


def _standing(front: Front, record: Record | str) -> Record:
    """The record that stands for a person: the survivor of merges, the contact that a lead became."""
    found = standing(front, record)
    return standing(front, found.contact) if isinstance(found, Lead) and found.contact is not None else found


def _own(front: Front, found: Record) -> dict[Whole, None]:
    """The records that are a person themselves, the one that stands for them first."""
    ids = front.linked(found.id) if is_person(kind_of(type(found))) else front.store.aliases(found.id)
    first = sorted(ids, key=lambda one: (one != found.id, one))
    return {(cast("Kind[Any]", kind_named(id, front.kinds)).name, id): None for id in first}


def _around(front: Front, found: Record, own: Iterable[Holding]) -> dict[Whole, None]:
    """The records that are dealt with a person: those that refer to them, and are not people themselves.

    Of staff nothing is asked: they look after what refers to them.
    """
    if not is_person(kind_of(type(found))) or isinstance(found, Staff):
        return {}
    wholes = [one.whole for one in own]
    mine = {name for name, _ in wholes}
    return _referring(front, wholes, lambda told: not mine.isdisjoint({*told.own, *_inner(told)}))


def _about(front: Front, wholes: Collection[Whole]) -> dict[Whole, None]:
    """The records that are about some others, whatever these are."""
    return _referring(front, wholes, lambda told: ANY in {*told.own, *_inner(told)})


def _inner(told: Pointing) -> set[str]:
    """The kinds that fields of parts refer to."""
    return {name for some in told.inner.values() for name in some}


def _referring(front: Front, wholes: Collection[Whole], meant: Callable[[Pointing], bool]) -> dict[Whole, None]:
    """The records that refer to some others by certain fields, and are no people."""
    found: dict[Whole, None] = {}
    for kind in front.kinds.values() if wholes else ():
        fields = [name for name, told in pointing(kind).items() if meant(told)]
        if fields and not is_person(kind):
            ids = referring(kind, wholes, front.store, fields=fields, gone=True)
            found |= {(kind.name, id): None for id in sorted(ids)}
    return found


def _read(front: Front, wholes: Iterable[Whole], role: Role) -> Iterator[Holding]:
    """Records with all their changes."""
    for name, id in wholes:
        kind = front.kinds[name]
        (record,) = front.store.get(kind, [id]).values()
        yield Holding(kind, record, tuple(front.store.changes(kind=name, id=id)), role, ())


def _personal_custom(front: Front) -> Mapping[str, frozenset[str]]:
    """The custom fields that any playbook ever declared personal, by kind."""
    kind = kind_of(PlaybookVersion)
    texts = [change.sets["text"] for change in front.store.changes(kind=kind.name) if "text" in change.sets]
    found: dict[str, set[str]] = {}
    for told in [Playbook.from_data(json.loads(text)).custom for text in texts]:
        for name, fields in told.items():
            found.setdefault(name, set()).update(one for one, declared in fields.items() if declared.personal)
    return {name: frozenset(fields) for name, fields in found.items()}


# --- what is personal -----------------------------------------------------------------------------------------------


def _naming(own: Iterable[Holding]) -> Names:
    """Tells whether a text names a person: by what they are looked for by."""
    told = {value.strip() for one in own for value in _identifying(one)}
    known = sorted(
        (re.escape(one) for one in told if len(one) >= LEAST and not one.startswith(ERASED)), key=len, reverse=True
    )
    if not known:
        return lambda _: False
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(known)})(?!\w)", re.IGNORECASE)
    return lambda text: isinstance(text, str) and pattern.search(text) is not None


def _identifying(one: Holding) -> Iterator[str]:
    """The texts that a person is or was looked for by."""
    for change in one.changes:
        for name, value in change.sets.items():
            told = one.kind.declared(name)
            if told is not None and told.personal and told.searchable and isinstance(value, str):
                yield value


def _personal(one: Holding, custom: Collection[str], names: Names) -> dict[str, None]:
    """The names of the fields of a record that hold something personal, now or before."""
    found: dict[str, None] = {}
    for change in one.changes:
        for name, value in change.sets.items():
            field = None if value is None or value == EMPTY else _held(one, name, value, custom, names)
            if field is not None:
                found[field] = None
    return found


def _held(one: Holding, name: str, value: object, custom: Collection[str], names: Names) -> str | None:
    """The name of the field to erase for the sake of a value; None when it is not personal."""
    whole, _, member = name.partition(".")
    told, named = one.kind.declared(name), _named(value, names)
    if whole == "external":
        return whole if one.role == "own" else name if named else None
    if told is None:
        return name if named or (member in custom and one.role != "near") else None
    if value == left_by(one.kind, told, one.record.id):
        return None
    if told.personal:
        return whole if named or one.role != "near" else None
    if in_part(told):
        return name if blanked(value) != value and one.role != "near" else None
    return name if named and _is_free_text(told) else None


def _is_free_text(told: Field) -> bool:
    """Whether people write what they like into a field, rather than choose one of some words."""
    return not told.references and (told.searchable or (told.optional and not told.key))


def _named(value: object, names: Names) -> bool:
    """Whether a text, or one of several, names the person."""
    return any(map(names, value)) if isinstance(value, tuple) else names(value)


def _reasoned(one: Holding, names: Names) -> bool:
    """Whether the reason of a change names the person."""
    return any(names(change.reason) for change in one.changes)


def left_by(kind: Kind[Any], told: Field, id: str) -> Any:  # noqa: ANN401 - any field's value
    """What an erasure leaves of a field of a record.

    Args:
        kind: The kind of the record.
        told: The field.
        id: The record's id.
    """
    left = left_of(kind.cls, told)
    return f"{ERASED} {id}" if told.unique and left == ERASED else left
