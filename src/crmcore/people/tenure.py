"""Tenure: when contacts belong to accounts, checked of whatever is written, by whichever way.

No contact belongs to one account twice at a time, and a contact's own ``account`` is one it belongs to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Problem
from crmcore.kernel.outcome import Objection, outcome
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind
from crmcore.people.affiliation import Affiliation, affiliations_of

__all__ = ["misplaced"]

MOVES = frozenset({"account", "deleted_at"})


def misplaced(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> Iterator[Objection]:
    """What would have a contact at one account twice, or first of all at an account it does not belong to.

    Of affiliations that meet each other the first to be written may stay.

    Args:
        changes: What is to be written, of any kind, their values read.
        kinds: The kinds of the CRM.
        store: The store.
    """
    written: dict[str, Affiliation] = outcome(kinds["affiliation"], changes, store)
    moved = {change.id for change in changes if change.kind == "contact" and not MOVES.isdisjoint(change.sets)}
    concerned = moved | {one.contact for one in written.values()}
    if not concerned:
        return
    kind = kinds["contact"]
    contacts = outcome(kind, [change for change in changes if change.id in concerned], store)
    contacts |= store.get(kind, concerned - contacts.keys())
    made = {change.id for change in changes if change.kind == "contact" and change.version == 1}
    known = {one.id: one for one in affiliations_of(concerned - made, kinds["affiliation"], store)}
    live = [one for one in known.values() if one.id not in written and one.deleted_at is None]
    fresh = [one for one in written.values() if one.deleted_at is None]
    yield from _crossed(live, fresh)
    running = {(one.contact, one.account) for one in (*live, *fresh) if one.until is None}
    for id, contact in contacts.items():
        if contact.deleted_at is None and contact.account is not None and (id, contact.account) not in running:
            yield Objection(_astray(id, contact.account), (id,))


def _crossed(known: Sequence[Affiliation], written: Sequence[Affiliation]) -> Iterator[Objection]:
    """The written affiliations that end before they begin, or meet another of the same contact and account."""
    taken: dict[tuple[str, str], list[Affiliation]] = {}
    for one in sorted(known, key=_first):
        taken.setdefault((one.contact, one.account), []).append(one)
    for one in written:
        if one.since is not None and one.until is not None and one.since >= one.until:
            expected = f"a day after {one.since.isoformat()}, when it began"
            mend = "correct the day, or delete it if it never was"
            yield Objection(Problem("until", one.until.isoformat(), expected, mend), (one.id,))
            continue
        others = taken.setdefault((one.contact, one.account), [])
        place = bisect_left(others, _first(one), key=_first)
        met = next((other for other in others[max(place - 1, 0) : place + 1] if _meet(one, other)), None)
        if met is None:
            others.insert(place, one)
        else:
            expected = f"an account that {one.contact} does not belong to then, unlike here by {_said(met)}"
            mend = "end that one first, or correct the days"
            yield Objection(Problem("account", one.account, expected, mend), (one.id,))


def _meet(one: Affiliation, other: Affiliation) -> bool:
    """Whether two affiliations certainly share a day: an unknown first day may be any before the last."""
    return _first(one) < _until(other) and _first(other) < _until(one)


def _first(one: Affiliation) -> date:
    if one.since is not None:
        return one.since
    return max(_until(one), date.min + timedelta(days=1)) - timedelta(days=1)


def _until(one: Affiliation) -> date:
    return date.max if one.until is None else one.until


def _said(one: Affiliation) -> str:
    """An affiliation and its days."""
    since = "?" if one.since is None else one.since.isoformat()
    return f"{one.id} ({since} to {'now' if one.until is None else one.until.isoformat()})"


def _astray(contact: str, account: object) -> Problem:
    expected = f"an account {contact} belongs to, or none"
    mend = "affiliate() and leave() keep it; end an affiliation without given(at=…) and say the day with until="
    return Problem("account", account, expected, mend)
