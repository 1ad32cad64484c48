"""Tenure: when contacts belong to accounts, checked of whatever is written, by whichever way.

No contact belongs to one account twice at a time, and a contact's own ``account`` is one it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.outcome import outcome
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind
from crmcore.people.affiliation import Affiliation, affiliations_of

__all__ = ["check_tenures"]

MOVES = frozenset({"account", "deleted_at"})


def check_tenures(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> None:
    """Refuse what would have a contact at one account twice, or first of all at an account it does not belong to.

    Args:
        changes: What is to be written, of any kind, their values read.
        kinds: The kinds of the CRM.
        store: The store.

    Raises:
        Invalid: Every such affiliation and contact.
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
    live: dict[str, list[Affiliation]] = {}
    for one in (known | written).values():
        if one.deleted_at is None:
            live.setdefault(one.contact, []).append(one)
    problems = [problem for some in live.values() for problem in _crossed(some, written)]
    for id, contact in contacts.items():
        running = {one.account for one in live.get(id, ()) if one.until is None}
        if contact.deleted_at is None and contact.account not in {None, *running}:
            problems.append(_astray(id, contact.account))
    if problems:
        raise Invalid(problems)


def _crossed(affiliations: Sequence[Affiliation], written: Iterable[str]) -> Iterator[Problem]:
    """The written affiliations of a contact that end before they begin, or meet another with the same account."""
    for one in affiliations:
        if one.id in written:
            if one.since is not None and one.until is not None and one.since >= one.until:
                expected = f"a day after {one.since.isoformat()}, when it began"
                yield Problem("until", one.until.isoformat(), expected, "correct the day, or delete it if it never was")
            other = next((other for other in affiliations if other is not one and _meet(one, other)), None)
            if other is not None:
                expected = f"an account that {one.contact} does not belong to then, unlike here by {_said(other)}"
                yield Problem("account", one.account, expected, "end that one first, or correct the days")


def _meet(one: Affiliation, other: Affiliation) -> bool:
    """Whether two affiliations certainly share a day: an unknown first day may be any before the last."""
    return one.account == other.account and _first(one) < _until(other) and _first(other) < _until(one)


def _first(one: Affiliation) -> date:
    if one.since is not None:
        return one.since
    return date.max - timedelta(days=1) if one.until is None else one.until - timedelta(days=1)


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
