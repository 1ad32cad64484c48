"""The scene of a fault: a SQLite file with something in it, the store on it, and who else is about."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import ClassVar

import attrs

from crmcore.kernel.errors import CrmError
from crmcore.kernel.ports import Store
from crmcore.stores.sqlite import SqliteStore
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.testing.clock import CountingIds, TickingClock
from crmcore.testing.exam.calls import fill
from crmcore.testing.specimens import KINDS, Pen, hour

__all__ = ["FileStore", "Scene", "Stage", "pen_for"]

IMPATIENT = 0.01
"""How long to wait for another writer, in seconds."""

BESIDE = ("", "-wal", "-shm", "-journal")
"""The files of a database."""

LOCK = """
import sqlite3, sys
for path in sys.stdin:
    connection = sqlite3.connect(path.strip("\\n"), isolation_level=None, timeout=10)
    connection.execute("BEGIN EXCLUSIVE")
    print("locked", flush=True)
    sys.stdin.readline()
    connection.execute("ROLLBACK")
    connection.close()
    print("free", flush=True)
"""
"""Another process: given a path it locks the file, given another line it lets go."""


class FileStore(SqliteStore):
    """A SQLite store whose limits can be set, and whose file may be a flawed one.

    Attributes:
        file: What the file is opened with.
    """

    file: ClassVar[type[SqliteFile]] = SqliteFile

    def __init__(self, path: str) -> None:
        super().__init__(path, durability="relaxed", busy_seconds=IMPATIENT)
        if self.file is not SqliteFile:
            self._file.close()
            self._file = self.file(path, durability="relaxed", busy_seconds=IMPATIENT)

    def limit(self, pages: int | None = None) -> None:
        """Let the file grow by so many pages and no more.

        Args:
            pages: How many; None for any number.
        """
        ((size,),) = self._file.rows("PRAGMA page_count")
        self._file.rows(f"PRAGMA max_page_count={2**30 if pages is None else size + pages}")


def pen_for(store: Store, at: int) -> Pen:
    """Writes into a filled store, under ids it does not have.

    Args:
        store: The store.
        at: What time it is, in hours since the start of the specimens.
    """
    ids = CountingIds()
    while ids("commit") < "commit_0009":
        pass
    return Pen(store, TickingClock(hour(at)), ids)


@attrs.define
class Stage:
    """What scenes share: a folder, a filled file to copy, and helpers that are called for once.

    Attributes:
        folder: Where files are; it may be looked into by everybody.
        filled: The bytes of a filled file.
        store: What opens a file.
    """

    folder: Path
    filled: bytes
    store: type[FileStore]
    _stack: contextlib.ExitStack
    _locker: subprocess.Popen[str] | None = None
    _small: Path | None = None

    @classmethod
    @contextlib.contextmanager
    def set(cls, store: type[FileStore] = FileStore) -> Iterator[Stage]:
        """A stage, gone at the end with all that is on it.

        Args:
            store: What opens a file.
        """
        with contextlib.ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="crmcore-exam-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.chmod(0o777)  # faults of the rights of others happen to others
            path = folder / "filled.db"
            with contextlib.closing(FileStore(str(path))) as filled:
                filled.prepare(KINDS.values())
                fill(filled)
            yield cls(folder, path.read_bytes(), store, stack)

    @property
    def locker(self) -> subprocess.Popen[str]:
        """Another process that locks files."""
        if self._locker is None:
            run, pipe = [sys.executable, "-c", LOCK], subprocess.PIPE
            self._locker = self._stack.enter_context(subprocess.Popen(run, stdin=pipe, stdout=pipe, text=True))  # noqa: S603
            self._stack.callback(self._locker.terminate)
        return self._locker

    def told(self, line: str) -> None:
        """Tell the other process something, and wait until it has done it.

        Args:
            line: A path to lock; an empty line to let go.
        """
        assert self.locker.stdin is not None
        assert self.locker.stdout is not None
        self.locker.stdin.write(f"{line}\n")
        self.locker.stdin.flush()
        self.locker.stdout.readline()

    @property
    def small(self) -> Path:
        """A disk of its own with little room."""
        if self._small is None:
            small = self.folder / "small"
            small.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)]
            subprocess.run(mount, check=True, capture_output=True)  # noqa: S603 - a command of ours
            self._stack.callback(subprocess.run, ["umount", "-l", str(small)], check=False, capture_output=True)
            self._small = small
        return self._small


@attrs.define
class Scene:
    """One file in trouble.

    Attributes:
        stage: What it shares with others.
        chance: How the dice fall.
        path: The file.
        opened: The stores that were opened on it.
        found: What was in the file when it was last opened.
    """

    stage: Stage
    chance: Random
    path: Path
    opened: list[FileStore] = attrs.field(factory=list)
    found: bytes = b""

    @classmethod
    @contextlib.contextmanager
    def of(cls, stage: Stage, seed: str, *, small: bool = False) -> Iterator[Scene]:
        """A filled file of its own; everything is closed and gone at the end.

        Args:
            stage: What it shares with others.
            seed: Where chance begins.
            small: Whether it is on the disk with little room.
        """
        scene = cls(stage, Random(seed), (stage.small if small else stage.folder) / "crm.db")  # noqa: S311
        scene.path.write_bytes(stage.filled)
        scene.path.chmod(0o666)
        try:
            yield scene
        finally:
            for store in scene.opened:
                with contextlib.suppress(CrmError, sqlite3.Error):
                    store.close()
            for ending in BESIDE:
                Path(f"{scene.path}{ending}").unlink(missing_ok=True)

    def open(self) -> FileStore:
        """The store on the file."""
        self.found = self.path.read_bytes()
        store = self.stage.store(str(self.path))
        self.opened.append(store)
        store.prepare(KINDS.values())
        return store

    @contextlib.contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        """A connection of somebody who knows nothing of us; what they do is done at once, in the end."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA synchronous=OFF")
            yield connection
            connection.commit()


def is_administrator() -> bool:
    """Whether this process may do anything."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
