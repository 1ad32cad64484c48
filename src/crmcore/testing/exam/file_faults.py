"""What can befall a SQLite file, each with the errors that may come of it."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import sys
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from random import Random
from typing import Literal

import attrs

from crmcore.kernel.errors import Busy, Closed, Corrupt, CrmError, Full, Invalid, ReadOnly, SchemaTooNew, StoreError
from crmcore.testing.exam.canary import CANARY, Outcome, outcome
from crmcore.testing.exam.child import Child, start
from crmcore.testing.exam.scene import FileStore, Scene, is_administrator

__all__ = ["FAULTS", "Fault", "heard"]

PAGE = 4096
NOBODY = 65534
PATIENCE = 30.0
"""Seconds to wait for a process that may hang."""


def _here(call: Callable[[], object], _: Scene) -> Outcome:
    return outcome(call)


@attrs.frozen(kw_only=True)
class Fault:
    """Something that befalls a file while a store is on it.

    Attributes:
        name: What it is.
        trouble: Opens the store on a scene, in trouble; the trouble is over when the context ends.
        errors: What may come out of a call then.
        left: What it leaves behind: a file that is ``"whole"``, one ``"damaged"`` for good, one that was refused and is
            ``"untouched"``, or a store that is ``"closed"``.
        harmless: Whether every call must be answered.
        by: How a call is made.
        hour: What time it is, in hours since the start of the specimens.
        alone: Whether it befalls a whole process, which must be one of its own.
        small: Whether it needs a disk with little room.
        possible: Whether it can be brought about here.
    """

    name: str
    trouble: Callable[[Scene], AbstractContextManager[FileStore]]
    errors: tuple[type[CrmError], ...]
    left: Literal["whole", "damaged", "untouched", "closed"] = "whole"
    harmless: bool = False
    by: Callable[[Callable[[], object], Scene], Outcome] = _here
    hour: int = 200
    alone: bool = False
    small: bool = False
    possible: Callable[[], bool] = lambda: True


# --- no room --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _page_limit(scene: Scene) -> Iterator[FileStore]:
    store = scene.open()
    store.limit(scene.chance.randrange(8))
    yield store
    with contextlib.suppress(Closed):
        store.limit(None)


@contextlib.contextmanager
def _small_disk(scene: Scene) -> Iterator[FileStore]:
    store, filler = scene.open(), scene.path.with_name("filler")
    room = os.statvfs(filler.parent)
    filler.write_bytes(bytes(max(0, room.f_bavail - scene.chance.randrange(8)) * room.f_frsize))
    try:
        yield store
    finally:
        filler.unlink()


@contextlib.contextmanager
def _file_limit(scene: Scene) -> Iterator[FileStore]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = scene.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (scene.chance.randrange(60_000), before[1]))
    try:
        yield store
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# --- no right, no turn ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _read_only(scene: Scene) -> Iterator[FileStore]:
    """A file that may not be written, or a folder, or both; as somebody who is no administrator."""
    file, folder = scene.chance.choice([(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)])
    administrator = is_administrator()
    scene.path.chmod(file)
    scene.path.parent.chmod(folder)
    if administrator:
        os.seteuid(NOBODY)
    try:
        yield scene.open()
    finally:
        if administrator:
            os.seteuid(0)
        scene.path.parent.chmod(0o777)
        scene.path.chmod(0o666)


@contextlib.contextmanager
def _locked(scene: Scene) -> Iterator[FileStore]:
    store = scene.open()
    scene.stage.told(str(scene.path))
    try:
        yield store
    finally:
        scene.stage.told("")


# --- damage ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _truncated(scene: Scene) -> Iterator[FileStore]:
    data = scene.path.read_bytes()
    scene.path.write_bytes(data[: scene.chance.randrange(1, len(data))])
    yield scene.open()


@contextlib.contextmanager
def _garbage(scene: Scene) -> Iterator[FileStore]:
    """A page of noise: any but the first, where what is no header is no database."""
    data = scene.path.read_bytes()
    start = PAGE * scene.chance.randrange(1, len(data) // PAGE)
    scene.path.write_bytes(data[:start] + scene.chance.randbytes(PAGE) + data[start + PAGE :])
    yield scene.open()


@attrs.frozen
class Body:
    """A row's body under its checksum."""

    row: int
    id: str
    version: int
    text: str
    sum: int


def _altered(
    alter: Callable[[Body, Random], tuple[object, int]],
) -> Callable[[Scene], AbstractContextManager[FileStore]]:
    """Bodies that somebody altered, with their checksums; in the end they are put back, where they still stand."""

    @contextlib.contextmanager
    def trouble(scene: Scene) -> Iterator[FileStore]:
        table = scene.chance.choice(["crm_parcel", "crm_change"])
        read = f"SELECT rowid, id, version, body, checksum FROM {table}"  # noqa: S608 - a name of ours
        write = f"UPDATE {table} SET body = CAST(? AS TEXT), checksum = ? WHERE rowid = ?"  # noqa: S608
        with scene.raw() as connection:
            bodies = [Body(*row) for row in connection.execute(read)]
            struck = scene.chance.sample(bodies, scene.chance.randrange(1, len(bodies) + 1))
            bad = [alter(one, scene.chance) for one in struck]
            connection.executemany(write, [(*new, one.row) for new, one in zip(bad, struck, strict=True)])
        yield scene.open()
        back = [(one.text, one.sum, one.row, text) for (text, _), one in zip(bad, struck, strict=True)]
        with scene.raw() as connection:
            connection.executemany(f"{write} AND body = CAST(? AS TEXT)", back)

    return trouble


def _right(one: Body, text: str) -> tuple[str, int]:
    """Another body, under the checksum that makes it look right."""
    return text, zlib.crc32(f"{one.id} {one.version} {text}".encode())


def _cut(one: Body, chance: Random) -> tuple[str, int]:
    """A body that ends too early."""
    return _right(one, one.text[: -chance.randrange(1, 20)])


def _misread(one: Body, _: Random) -> tuple[str, int]:
    """A body with a personal text where a date should be."""
    return _right(one, one.text.replace("1990-01-01", CANARY))


def _no_text(one: Body, _: Random) -> tuple[bytes, int]:
    """A body of bytes that are no text."""
    return one.text.encode() + b"\xff", one.sum


def _wrong_sum(one: Body, chance: Random) -> tuple[str, int]:
    """A body under another checksum."""
    return one.text, one.sum ^ 1 << chance.randrange(32)


@contextlib.contextmanager
def _newer(scene: Scene) -> Iterator[FileStore]:
    found = scene.chance.choice(["2", "10", "", "two", "9" * 5_000])
    with scene.raw() as connection:
        connection.execute("UPDATE crm_meta SET value = ? WHERE name = 'format'", [found])
    yield scene.open()


# --- out of step ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _sound(scene: Scene) -> Iterator[FileStore]:
    yield scene.open()


@contextlib.contextmanager
def _closed(scene: Scene) -> Iterator[FileStore]:
    store = scene.open()
    store.close()
    yield store


def _in_a_thread(call: Callable[[], object], _: Scene) -> Outcome:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(outcome, call).result()


def _in_a_fork(call: Callable[[], object], _: Scene) -> Outcome:
    """In a process that was forked off with the store open."""
    return heard(start(lambda told: told(pickle.dumps(outcome(call)))))


def _in_an_orphan(call: Callable[[], object], scene: Scene) -> Outcome:
    """In a process that was forked off with the store open, when its parent has closed it."""
    reader, writer = os.pipe()
    child = start(lambda told: (os.read(reader, 1), told(pickle.dumps(outcome(call)))))
    scene.opened[-1].close()
    os.write(writer, b".")
    os.close(reader)
    os.close(writer)
    return heard(child)


def heard(child: Child) -> Outcome:
    """What a process says of a call.

    Args:
        child: The process.
    """
    answered, _, _ = select.select([child.pipe], [], [], PATIENCE)
    if not answered:
        child.kill()
        return Outcome(None, TimeoutError(), "no answer")
    found: Outcome = pickle.loads(child.rest())  # noqa: S301 - written by ourselves
    return found


def _forks() -> bool:
    return hasattr(os, "fork")


FAULTS: tuple[Fault, ...] = (
    Fault(name="no page left", trouble=_page_limit, errors=(Full,)),
    Fault(name="full disk", trouble=_small_disk, errors=(StoreError,), small=True, possible=is_administrator),
    Fault(
        name="file limit",
        trouble=_file_limit,
        errors=(StoreError,),
        alone=True,
        possible=lambda: sys.platform != "win32",
    ),
    Fault(name="read-only", trouble=_read_only, errors=(ReadOnly,), possible=lambda: hasattr(os, "geteuid")),
    Fault(name="locked", trouble=_locked, errors=(Busy,)),
    Fault(name="truncated", trouble=_truncated, errors=(Corrupt,), left="untouched"),
    Fault(name="garbage page", trouble=_garbage, errors=(StoreError, Invalid), left="damaged"),
    Fault(name="bad JSON", trouble=_altered(_cut), errors=(Corrupt, Invalid)),
    Fault(name="bad value", trouble=_altered(_misread), errors=(Corrupt, Invalid)),
    Fault(name="no text", trouble=_altered(_no_text), errors=(Corrupt,)),
    Fault(name="wrong checksum", trouble=_altered(_wrong_sum), errors=(Corrupt,)),
    Fault(name="newer format", trouble=_newer, errors=(SchemaTooNew, Corrupt), left="untouched"),
    Fault(name="clock backwards", trouble=_sound, errors=(), harmless=True, hour=50),
    Fault(name="closed", trouble=_closed, errors=(Closed,), left="closed"),
    Fault(name="another thread", trouble=_sound, errors=(), harmless=True, by=_in_a_thread),
    Fault(name="after fork", trouble=_sound, errors=(), harmless=True, by=_in_a_fork, alone=True, possible=_forks),
    Fault(
        name="orphaned",
        trouble=_sound,
        errors=(),
        left="closed",
        harmless=True,
        by=_in_an_orphan,
        alone=True,
        possible=_forks,
    ),
)
"""Every fault."""
