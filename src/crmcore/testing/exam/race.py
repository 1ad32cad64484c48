"""Writers that race for the same records, each in a process of its own: no update is lost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from crmcore.crm import CRM
from crmcore.kernel.errors import Busy, Conflict
from crmcore.testing.exam.child import Told, start
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.server import Schema, address

__all__ = ["blind", "blind_postgres", "subject", "subject_postgres", "write"]

WRITERS = 16
COUNTERS = 5
DONE, AGAIN = b".", b"!"


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """On SQLite: each reads, adds 1, and begins anew when somebody else was quicker."""
    return _raced(str(folder / "race.db"), count, seed, step)


def subject_postgres(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same on PostgreSQL."""
    return _raced(_schema(folder), count, seed, step)


def blind(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """On SQLite: each writes what it has worked out, whatever the record has come to be."""
    return _raced(str(folder / "race.db"), count, seed, step, blind=True)


def blind_postgres(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same on PostgreSQL."""
    return _raced(_schema(folder), count, seed, step, blind=True)


def _schema(folder: Path) -> str:
    return Schema.new(address(folder.parents[1]), folder).address


def _raced(where: str, count: int, seed: int, step: Step, *, blind: bool = False) -> Findings:
    with CRM(where) as crm:
        ids = [crm.accounts.add(name=f"Counter {number}", source="0").id for number in range(COUNTERS)]
    shares = [len(range(number, count, WRITERS)) for number in range(WRITERS)]
    racing = [
        start(partial(write, where, ids, seed + number, share, blind=blind)) for number, share in enumerate(shares)
    ]
    again = 0
    for child, share in zip(racing, shares, strict=True):
        again += child.rest().count(AGAIN)
        step(share)
    return Findings(count, tuple(_faults(where, ids, count)), f"{again:,} conflicts")


def write(where: str, ids: Sequence[str], first: int, updates: int, told: Told, *, blind: bool = False) -> None:
    """Add 1 to one counter after another.

    Args:
        where: The file, or the address.
        ids: The counters.
        first: Which one to begin with.
        updates: How often.
        told: Told of each update, and of each conflict.
        blind: Whether to write without looking at what others have written.
    """
    with CRM(where) as crm:
        for number in range(first, first + updates):
            while not _added(crm, ids[number % len(ids)], blind=blind):
                told(AGAIN)
            told(DONE)


def _added(crm: CRM, id: str, *, blind: bool) -> bool:
    """Whether 1 was added to a counter."""
    record = crm.accounts.get(id)
    try:
        crm.accounts.update(id if blind else record, source=str(int(record.source or 0) + 1))
    except (Busy, Conflict):
        return False
    return True


def _faults(where: str, ids: Sequence[str], count: int) -> list[str]:
    """What is wrong with the counters: each update that is lost, a version that is missing, a store that is unsound."""
    with CRM(where) as crm:
        total = sum(int(crm.accounts.get(id).source or 0) for id in ids)
        versions = {id: [change.version for change in crm.history(id)] for id in ids}
        sound = crm.verify()
    gaps = [f"{id} has versions {mine}" for id, mine in versions.items() if mine != list(range(1, len(mine) + 1))]
    return ["an update was lost"] * (count - total) + gaps + ([] if sound else [str(sound)])
