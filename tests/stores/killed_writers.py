"""Kills writers in the middle of their work and looks at what they leave; run by test_sqlite_processes.py.

Prints one line of JSON: how many were killed, what they had been told was written, what was found.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NoReturn

from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, asked, changed
from crmcore.verification import verify

Durability = Literal["full", "relaxed"]
ROUNDS_PER_FILE = 10


def opened(path: Path, durability: Durability) -> SqliteStore:
    """The store in a file."""
    store = SqliteStore(str(path), durability=durability)
    store.prepare(KINDS.values())
    return store


def work(path: Path, durability: Durability, told: int) -> NoReturn:
    """Count a parcel up and add a box with each count, in one commit; say so when it is done."""
    store = opened(path, durability)
    pen = Pen(store)
    if not store.get(PARCEL, ["a"]):
        pen.add("a", pieces=0)
    while True:
        record = store.get(PARCEL, ["a"])["a"]
        count = (record.pieces or 0) + 1
        pen.commit(
            changed(record, count, pieces=count),
            added(Box, f"b{count:05}", count, label="x" * (count % 9 * 300), code=str(count)),
        )
        os.write(told, b".")


def killed(write: Callable[[int], NoReturn], wait: bool, seconds: float) -> bytes:
    """Start a writer, kill it after a while, perhaps not before its first word; gives back all it said."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        write(writer)
    os.close(writer)
    said = os.read(reader, 1) if wait else b""
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reader, 65_536):
        said += part
    os.close(reader)
    return said


def main(folder: Path, kills: int, durability: Durability) -> None:
    """Kill so many writers, and check each time."""
    chance = random.Random(kills)
    acknowledged = written = 0
    wrong: list[str] = []
    for number in range(kills):
        path = folder / f"{durability}{number // ROUNDS_PER_FILE}.db"
        before = 0 if number % ROUNDS_PER_FILE == 0 else written
        told = len(killed(partial(work, path, durability), number % 3 > 0, chance.uniform(0, 0.012)))
        acknowledged += told
        store = opened(path, durability)
        written = store.count(BOX, asked(Box))
        parcel = store.get(PARCEL, ["a"]).get("a", Parcel(id="a", label="", pieces=0))
        sound = verify(store, KINDS)
        store.close()
        if not sound:
            wrong.append(f"kill {number}: {sound}")
        if not before + told <= written <= before + told + 1:
            wrong.append(f"kill {number}: {before} and {told} more were acknowledged, {written} are there")
        if (parcel.pieces, parcel.version) != (written, written + 1):
            wrong.append(f"kill {number}: half a commit, {parcel} beside {written} boxes")
    sys.stdout.write(json.dumps({"kills": kills, "acknowledged": acknowledged, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), "full" if sys.argv[3] == "full" else "relaxed")
