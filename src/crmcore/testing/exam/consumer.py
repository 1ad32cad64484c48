"""A consumer that is killed between the changes it is given and their end: it gets every change, and in order."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import count as counted, takewhile
from pathlib import Path
from random import Random
from typing import Any

from crmcore.crm import CRM
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Busy, Conflict
from crmcore.testing.exam.child import Told, start
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.server import Schema, address

__all__ = ["early", "early_postgres", "follow", "subject", "subject_postgres", "write"]

WRITERS = 4
AT_ONCE = 7
"""How many changes the consumer reads at a time."""

PAUSE = 0.001
"""Seconds a consumer that has read everything waits for more, and a writer between two acts."""

DEALING = 0.0005
"""Seconds it takes to deal with a change."""

SECONDS = 0.008
"""The longest a consumer lives after its first word."""


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """On SQLite: it deals with changes before its batch ends, and with it the cursor is moved."""
    return _followed(str(folder / "log.db"), count, folder, seed, step)


def subject_postgres(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same on PostgreSQL."""
    return _followed(Schema.new(address(folder.parents[1]), folder).address, count, folder, seed, step)


def early(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """On SQLite: it deals with them afterwards."""
    return _followed(str(folder / "log.db"), count, folder, seed, step, early=True)


def early_postgres(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same on PostgreSQL."""
    return _followed(Schema.new(address(folder.parents[1]), folder).address, count, folder, seed, step, early=True)


def _followed(where: str, count: int, folder: Path, seed: int, step: Step, *, early: bool = False) -> Findings:
    """Kill consumers while others write, let the last one read on to the end, and look at what they got."""
    chance = Random(seed)  # noqa: S311 - when to kill, no secret
    stop = folder / "stop"
    with CRM(where) as crm:
        id = crm.accounts.add(name="Everybody's").id
    writing = [start(partial(write, where, f"writer {number}", id, stop)) for number in range(WRITERS)]
    got = b""
    try:
        for _ in range(count):
            child = start(partial(follow, where, early=early))
            got += child.word()
            time.sleep(chance.uniform(0, SECONDS))
            got += child.kill()
            step(1)
    finally:
        stop.touch()
        for one in writing:
            one.rest()
    got += start(partial(follow, where, end=True)).rest()
    with CRM(where) as crm:
        log = crm.store.changes(kind="account")
        sound = crm.verify()
    seen = got.decode().splitlines()
    faults = [*_faults(log, seen), *([] if sound else [str(sound)])]
    return Findings(count, tuple(faults), f"{len(log):,} changes, {len(seen) - len(set(seen)):,} of them twice")


def write(where: str, writer: str, id: str, stop: Path, _told: Told) -> None:
    """Write until it is enough: to a record that all write to, and new ones.

    Args:
        where: The file, or the address.
        writer: Who writes.
        id: The record all write to.
        stop: Once this file is there, it is enough.
    """
    with CRM(where) as crm:
        for number in takewhile(lambda _: not stop.exists(), counted()):
            with suppress(Busy, Conflict), crm.batch() as batch:
                batch.accounts.update(id, source=f"{writer}/{number}")
                batch.accounts.add(name=f"{writer}/{number}")
            time.sleep(PAUSE)


def follow(where: str, told: Told, *, early: bool = False, end: bool = False) -> None:
    """Deal with what is written, batch after batch.

    Args:
        where: The file, or the address.
        told: Told a line for each change that is dealt with.
        early: Whether to deal with the changes when their batch has ended.
        end: Whether to end when everything is dealt with.
    """
    with CRM(where) as crm:
        while True:
            with suppress(Conflict), crm.follow("exam", limit=AT_ONCE) as batch:
                changes = tuple(batch)
                if not early:
                    _deal(changes, told)
            if early:
                _deal(changes, told)
            if not changes and end:
                break
            time.sleep(PAUSE)


def _deal(changes: Iterable[Change[Any]], told: Told) -> None:
    for change in changes:
        time.sleep(DEALING)
        told(f"{_line(change)}\n".encode())


def _line(change: Change[Any]) -> str:
    return f"{change.kind} {change.id} {change.version}"


def _faults(log: Sequence[Change[Any]], seen: Sequence[str]) -> Iterable[str]:
    """What was never dealt with, and what was dealt with before what comes before it."""
    first = list(dict.fromkeys(seen))
    there = set(map(_line, log))
    yield from (f"never given: {line}" for line in sorted(there.difference(first)))
    yield from (f"not in the log: {line}" for line in first if line not in there)
    last: dict[str, int] = {}
    for line in first:
        record, _, version = line.rpartition(" ")
        if int(version) < last.get(record, 0):
            yield f"too late: {line}"
        last[record] = max(int(version), last.get(record, 0))
