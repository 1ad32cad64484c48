"""Erasure: what is personal about somebody goes from everywhere, for good. That it was done stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.personal import blanked, in_part, is_person
from crmcore.kernel.plain import Plain
from crmcore.kernel.ports import Store
from crmcore.kernel.records import kind_of
from crmcore.people.suppression import Mark, Suppression, digest, mark_of, suppress
from crmcore.subject import Holding, Subject, left_by

__all__ = ["Erasure", "Plan", "planned", "suppressions"]

ERASED = "erased"
"""What happened."""

SAID_ONCE = 100
"""Up to so many changes, a commit is taken for one act, whose reason stands at all of them."""


@attrs.frozen(kw_only=True, repr=False)
class Erasure(Plain):
    """What an erasure did. Nothing of it is personal.

    Attributes:
        subject: The id of the record that stands for the person.
        records: The names of the fields that were erased, by the id of each record.
        reasons: How many reasons of changes were erased beside those.
        suppressed: How many addresses, numbers and ids may not come back from now on.
        at: When it was done.
        by: Who did it.
        commit: The id of the commit; None when there was nothing to erase, and nothing was written.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM(by="ana")
        >>> ada = crm.contacts.add(name="Ada Lovelace", email="ada@engines.example")
        >>> erasure = crm.given(reason="asked to").erase(ada)
        >>> erasure.records[ada.id], erasure.suppressed
        (('email', 'name'), 1)
        >>> bool(crm.erase(ada))
        False
    """

    subject: str
    records: Mapping[str, tuple[str, ...]] = EMPTY
    reasons: int = 0
    suppressed: int = 0
    at: datetime
    by: str | None = None
    commit: str | None = None

    def __bool__(self) -> bool:
        """Whether anything was erased."""
        return self.commit is not None

    def __repr__(self) -> str:
        """The counts in one line."""
        return f"Erasure({self.subject}: {self._counted()})"

    def _counted(self) -> str:
        fields = sum(map(len, self.records.values()))
        return f"{fields:,} fields of {len(self.records):,} records" if self else "nothing to erase"

    def __str__(self) -> str:
        """What was erased where, when and by whom; never what it was."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if not self:
            yield f"{self.subject}: nothing to erase, nothing was written"
            return
        actor = "" if self.by is None else f" by {self.by}"
        yield f"{self.subject} was erased at {self.at:%Y-%m-%d %H:%M} UTC{actor}: {self._counted()}, in {self.commit}"
        yield from (f"  {id}: {', '.join(names) or 'its reasons'}" for id, names in self.records.items())
        if self.reasons:
            yield f"  {self.reasons:,} reasons of other changes"
        if self.suppressed:
            yield f"  {self.suppressed:,} addresses, numbers or ids may not come back; unsuppress() allows one again"


@attrs.frozen
class Plan:
    """What an erasure writes.

    Attributes:
        erasures: The erasures, one for each record.
        unsaid: Other changes whose reasons go.
        marks: What the person was known by.
    """

    erasures: tuple[Change[Any], ...]
    unsaid: tuple[Change[Any], ...]
    marks: frozenset[Mark]

    @property
    def records(self) -> dict[str, tuple[str, ...]]:
        """The names of the fields that go, by record: members without what they are called."""
        return {one.id: tuple(sorted({*map(_shown, one.sets)})) for one in self.erasures}


def _shown(name: str) -> str:
    """The name of a field as it may be shown: members are called as people like, custom fields as the business does."""
    whole = name.partition(".")[0]
    return name if whole == "custom" else whole


def planned(subject: Subject, store: Store, context: Context[Any]) -> Plan | None:
    """What erasing a person writes; None when there is nothing to erase.

    Args:
        subject: The person.
        store: The store.
        context: The circumstances.
    """
    erased = [one for one in subject.holdings if one.fields]
    wholes = {one.whole for one in erased}
    unsaid = tuple(change for change in _reasons(subject, store) if (change.kind, change.id) not in wholes)
    if not erased and not unsaid:
        return None
    first = subject.holdings[0]
    told = erased if first in erased else [first, *erased]  # its history tells in any case
    marks = {mark for one in subject.holdings if one.role == "own" for mark in _marks(one)}
    rest = tuple(change for change in unsaid if (change.kind, change.id) != first.whole)
    return Plan(tuple(_erasure(one, context) for one in told), rest, frozenset(marks))


def _erasure(one: Holding, context: Context[Any]) -> Change[Any]:
    """The change that erases what is personal in a record."""
    sets = {name: _left(one, name) for name in one.fields}
    return context.changed(one.record, ERASED, **sets)


def _left(one: Holding, name: str) -> Any:  # noqa: ANN401 - any field's value
    """What is left of a field."""
    whole, dot, member = name.partition(".")
    told = one.kind.declared(name)
    if told is None or (dot and not in_part(told)):
        return None
    if not in_part(told):
        return left_by(one.kind, told, one.record.id)
    value = getattr(one.record, whole)
    value = value.get(member) if dot else value
    return None if value is None else blanked(value)


def _marks(one: Holding) -> Iterator[Mark]:
    """What a person is or was known by in a record."""
    for change in one.changes if is_person(one.kind) else ():
        for name, value in change.sets.items():
            mark = mark_of(one.kind, name, value)
            if mark is not None:
                yield mark


def _reasons(subject: Subject, store: Store) -> Iterator[Change[Any]]:
    """The changes whose reasons may tell of a person.

    Those of the person and of what was said about them; those that name the person elsewhere; and those of what was
    done in the same act, for a reason is given once and stands at every change of it.
    """
    said: dict[int, Change[Any]] = {}
    commits: dict[str, None] = {}
    for one in subject.holdings:
        close = one.role in ("own", "about")
        told = [change for change in one.changes if change.reason is not None and change.what != ERASED]
        said |= {change.seq: change for change in told if close or subject.names(change.reason)}
        commits |= dict.fromkeys(change.commit for change in told if close)
    for commit in commits:
        beside = store.changes(commit=commit, limit=SAID_ONCE + 1)
        said |= {change.seq: change for change in beside if len(beside) <= SAID_ONCE}
    yield from (said[seq] for seq in sorted(said) if said[seq].reason is not None and said[seq].what != ERASED)


def suppressions(
    marks: Sequence[Mark], secret: bytes, store: Store, context: Context[Any]
) -> list[Change[Suppression]]:
    """The changes that suppress what a person was known by, where it is not suppressed already.

    Args:
        marks: What they were known by.
        secret: The tenant's secret.
        store: The store.
        context: The circumstances.
    """
    hashes = {digest(secret, mark): mark.way for mark in sorted(marks)}
    held = store.holders(kind_of(Suppression), "hash", hashes)
    return [suppress(context, way=way, hash=hash) for hash, way in hashes.items() if hash not in held]
