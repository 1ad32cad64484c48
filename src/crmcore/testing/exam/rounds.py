"""Rounds of work after which everybody can see what is lost and what is torn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext

import attrs

from crmcore.crm import CRM
from crmcore.verification import Verification

__all__ = ["Seen", "look", "work"]


def work(
    crm: CRM, writer: str, rounds: Iterable[int], done: Callable[[], object], *, early: bool = False, torn: bool = False
) -> None:
    """Do rounds of work, each a batch of several acts, and say of each that it is done.

    Args:
        crm: Where.
        writer: Who works; the first round is 0.
        rounds: The numbers of the rounds.
        done: Called after each round.
        early: Whether to call it before instead. It is a lie then.
        torn: Whether each act is a commit of its own instead.
    """
    for number in rounds:
        if early:
            done()
        under = crm.given(by=f"{writer}/{number}")
        with nullcontext(under) if torn else under.batch() as acting:
            counter = acting.accounts.upsert(("exam", "counter"), name=f"{writer}/{number}", source=str(number))
            for one in range(number % 4):
                acting.contacts.add(name=f"Contact {one}", email=f"c{one}.{number}@engines.example")
            acting.notes.add(counter, "." * (1 + number % 9 * 300))
        if not early:
            done()


def _size(number: int) -> int:
    """How many changes a round makes."""
    return 2 + number % 4


@attrs.frozen
class Seen:
    """What is there of rounds of work.

    Attributes:
        rounds: How many rounds of each writer are there.
        faults: What should not be so, one sentence each.
    """

    rounds: Mapping[str, int]
    faults: tuple[str, ...]


def look(crm: CRM, told: Mapping[str, int]) -> Seen:
    """Look at what is there: every round that was said to be done, perhaps the one after it, each as a whole.

    Args:
        crm: Where.
        told: How many rounds each writer said are done.
    """
    rounds: dict[str, Counter[int]] = {writer: Counter() for writer in told}
    for change in crm.store.changes():
        writer, _, number = (change.by or "").rpartition("/")
        if change.kind != "playbook" and writer in told:
            rounds[writer][int(number)] += 1
    faults = [fault for writer, mine in rounds.items() for fault in _faults(writer, mine, told[writer])]
    sound = crm.verify()
    return Seen({writer: len(mine) for writer, mine in rounds.items()}, (*faults, *_unsound(sound)))


def _unsound(sound: Verification) -> Iterable[str]:
    return () if sound else [f"unsound: {sound}"]


def _faults(writer: str, rounds: Mapping[int, int], told: int) -> Iterable[str]:
    """What is wrong with the rounds of one writer, given how many changes of each are there."""
    missing = set(range(told)) - rounds.keys()
    if missing:
        yield f"lost: {len(missing)} of the {told} rounds of {writer}"
    elif rounds.keys() - set(range(told + 1)):
        yield f"unheard of: {len(rounds)} rounds of {writer}, who was told of {told}"
    for number, changes in rounds.items():
        if changes != _size(number):
            yield f"torn: {changes} of the {_size(number)} changes of {writer}/{number}"
