"""Connections that PostgreSQL ends, and a server that crashes: acts under a key are there once, not more, not less."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count as counted, takewhile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from crmcore.crm import CRM
from crmcore.kernel.errors import StoreError
from crmcore.testing.exam.child import Told, start
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.server import OwnServer, Schema, asking

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["keyless", "relaxed", "restarted", "subject", "write"]

WRITERS = 4
EVERY = 10
"""Every tenth termination comes after the commit and before the answer."""

PAUSE = 0.005
"""Seconds before somebody tries again."""

CALM = 0.02
"""The longest time between two terminations, in seconds."""

UPTIME = 0.4
"""How long a server runs before it crashes, in seconds at most."""

_OURS = "FROM pg_stat_activity WHERE application_name = 'crmcore'"


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """End connections of writers that give each act a key."""
    return _cut_off(folder, partial(_terminated, count, seed, step))


def keyless(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """End connections of writers that repeat acts without a key."""
    return _cut_off(folder, partial(_terminated, count, seed, step), keyed=False)


def restarted(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Let the server crash beneath writers that give each act a key."""
    return _cut_off(folder, partial(_crashed, count, seed, step))


def relaxed(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same with writers that do not wait until their commits are on the disk."""
    return _cut_off(folder, partial(_crashed, count, seed, step), durability="relaxed")


def _cut_off(
    folder: Path,
    disturb: Callable[[OwnServer], int],
    *,
    keyed: bool = True,
    durability: Literal["full", "relaxed"] = "full",
) -> Findings:
    """Let some write while they are disturbed, and look at what is there then."""
    server, stop = OwnServer(folder.parents[1]), folder / "stop"
    with asking(server.address) as connection:
        _wait_for(connection, "")  # a run that was ended may have left it otherwise
    where = Schema.new(server.address, folder).address
    with CRM(where) as crm:
        crm.accounts.add(name="first")  # and with it the playbook, which no writer is to be cut off at
    names = [f"writer {number}" for number in range(WRITERS)]
    writing = [start(partial(write, where, name, stop, keyed=keyed, durability=durability)) for name in names]
    told = [child.word() for child in writing]
    try:
        checked = disturb(server)
    finally:
        stop.touch()
        told = [first + child.rest() for first, child in zip(told, writing, strict=True)]
    with CRM(where) as crm:
        there = Counter(account.name for account in crm.accounts.each())
        sound = crm.verify()
    faults = [*_faults(dict(zip(names, map(len, told), strict=True)), there), *([] if sound else [str(sound)])]
    return Findings(checked, tuple(faults), f"{len(b''.join(told)):,} acknowledged")


def _faults(told: dict[str, int], there: Counter[str]) -> Iterable[str]:
    """What is lost, and what is there more than once."""
    names = [f"{writer}/{number}" for writer, done in told.items() for number in range(done)]
    yield from (f"lost: {name}" for name in names if name not in there)
    yield from (f"duplicated: {name}, {times} times" for name, times in there.items() if times > 1)


def write(
    where: str, writer: str, stop: Path, told: Told, *, keyed: bool = True, durability: Literal["full", "relaxed"]
) -> None:
    """Add accounts, each as often as it takes to be told that it is there.

    Args:
        where: The address.
        writer: Who writes.
        stop: Once this file is there, it is enough.
        told: Told a dot for each account.
        keyed: Whether each act has a key.
        durability: As the store takes it.
    """
    from crmcore.stores.postgres import PostgresStore

    crm = _patiently(lambda: CRM(PostgresStore(where, durability=durability)))
    for number in takewhile(lambda _: not stop.exists(), counted()):
        name = f"{writer}/{number}"
        under = crm.given(key=name if keyed else None)
        _patiently(partial(under.accounts.add, name=name))
        told(b".")
    crm.close()


def _patiently(do: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it gives
    """What something gives, tried until the database lets us."""
    while True:
        try:
            return do()
        except StoreError:
            time.sleep(PAUSE)


def _terminated(count: int, seed: int, step: Step, server: OwnServer) -> int:
    """End so many connections."""
    chance = Random(seed)  # noqa: S311 - when to end which, no secret
    with asking(server.address) as connection:
        for number in range(count):
            time.sleep(chance.uniform(0, CALM))
            if number % EVERY == 0:
                _unanswered(connection)
            else:
                _ended(connection, f"{_OURS} ORDER BY random() LIMIT 1")
            step(1)
    return count


def _ended(connection: Connection[Any], which: str) -> None:
    """End a connection, as soon as there is one of this kind."""
    while not connection.execute(f"SELECT pg_terminate_backend(pid) {which}").fetchall():
        time.sleep(PAUSE)


def _unanswered(connection: Connection[Any]) -> None:
    """End a connection that has committed and not told so: it is made to wait for a second server there is not."""
    _wait_for(connection, "nobody")
    _ended(connection, f"{_OURS} AND wait_event = 'SyncRep' LIMIT 1")
    _wait_for(connection, "")


def _wait_for(connection: Connection[Any], server: str) -> None:
    """Let every commit wait until another server has it too."""
    connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{server}'")
    connection.execute("SELECT pg_reload_conf()")


def _crashed(count: int, seed: int, step: Step, server: OwnServer) -> int:
    """Let the server crash so many times."""
    chance = Random(seed)  # noqa: S311 - when, no secret
    for _ in range(count):
        time.sleep(chance.uniform(UPTIME / 2, UPTIME))
        server.crash()
        step(1)
    return count
