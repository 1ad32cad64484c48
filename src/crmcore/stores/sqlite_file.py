"""One SQLite file: its connection, its transactions, and its errors in our words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from crmcore.kernel.errors import Busy, Closed, Corrupt, Full, Invalid, Problem, ReadOnly, StoreError
from crmcore.stores.database import Database
from crmcore.stores.group_commit import GroupCommit
from crmcore.stores.sqlite_fork import forget, watch

__all__ = ["SqliteFile"]

T = TypeVar("T")

_NOT_OURS: list[sqlite3.Connection] = []
"""Connections in the middle of a transaction of the parent process: closing them here would spoil it."""

MAGIC = b"SQLite format 3\x00"
HEADER = 100

_KINDS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (Busy, "another process is writing; try again, or raise busy_seconds"),
    sqlite3.SQLITE_LOCKED: (Busy, "another connection is writing; try again"),
    sqlite3.SQLITE_FULL: (Full, "make room on the disk; nothing of the act was written"),
    sqlite3.SQLITE_READONLY: (ReadOnly, "open a copy you may write, or give yourself the right to write this one"),
    sqlite3.SQLITE_CORRUPT: (Corrupt, "restore the file from a backup"),
    sqlite3.SQLITE_NOTADB: (Corrupt, "this is no SQLite file; check the path"),
    sqlite3.SQLITE_CANTOPEN: (StoreError, "check that its folder exists and may be written"),
    sqlite3.SQLITE_PERM: (ReadOnly, "check the rights on the file and its folder"),
    sqlite3.SQLITE_IOERR: (StoreError, "check the disk and its limits; nothing of the act was written"),
}


def translated(error: Exception, where: str) -> Exception:
    """A driver's error as one of ours, saying where and what to do."""
    if isinstance(error, (UnicodeEncodeError, OverflowError)):
        return Invalid([Problem("value", "•••", "text and numbers that SQLite can hold", "clean it at its source")])
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return Closed(f"{where} was closed; open it again")
    if _quotes(error):
        return Corrupt(f"{where}: bytes that are no text, where text was written; restore the file from a backup")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, mend = _KINDS.get(code, (StoreError, "see the cause below"))
    return kind(f"{where}: {error}; {mend}")


def _quotes(error: Exception) -> bool:
    """Whether an error says what is stored: bytes that are no text, whole, where text was written."""
    return isinstance(error, UnicodeDecodeError) or "decode" in str(error)


def cause_of(error: Exception) -> Exception | None:
    """What may be told of an error beside our own: all but what is stored."""
    return None if _quotes(error) else error


def check_header(path: str) -> None:
    """Refuse a file that is no database, or shorter than its own header says.

    SQLite itself does not notice that part of the last page is missing. While there is a write-ahead
    log the file may be short: what is missing stands there.

    Args:
        path: The file.

    Raises:
        Corrupt: The file can't be a whole SQLite database.
        StoreError: The file can't be read.
    """
    if size_of(f"{path}-journal"):  # the power failed while the file was made: SQLite itself takes that back
        return
    log = f"{path}-wal"
    if _short(path) and not size_of(log) and _short(path):  # asked again: another process may just have closed
        message = f"{path} is shorter than its header says, part of it is missing; restore it from a backup"
        raise Corrupt(message)


def size_of(path: str) -> int:
    """How many bytes a file has; 0 when it is not there."""
    try:
        return os.path.getsize(path)  # noqa: PTH202 - pathlib costs import time
    except (OSError, ValueError):
        return 0


def _short(path: str) -> bool:
    """Whether a database file is shorter than its header says."""
    if not size_of(path):
        return False
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            header = file.read(HEADER)
    except OSError as error:
        message = f"{path}: {error.strerror}; check the path and your right to read it"
        raise StoreError(message) from error
    if len(header) < HEADER or not header.startswith(MAGIC):
        message = f"{path} is no SQLite database; check the path"
        raise Corrupt(message)
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    counted = header[24:28] == header[92:96]
    return counted and size_of(path) < pages * (65536 if page == 1 else page)


class SqliteFile:
    """A connection that several stores share, one statement at a time.

    Args:
        path: The file, or ``":memory:"``.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer.
    """

    _connection: sqlite3.Connection

    def __init__(self, path: str, *, durability: str, busy_seconds: float) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._group = GroupCommit(self)
        self._within = False
        self._inherited = False
        self._durability, self._busy_seconds = durability, busy_seconds
        if not path:  # SQLite would make one that is gone when it is closed
            raise Invalid([Problem("path", path, "the path of a file", 'name one, or ":memory:"')])
        if path != ":memory:":
            check_header(path)
        self._open()
        watch(self)

    def _open(self) -> None:
        self._connect(self.path, self._busy_seconds)
        try:
            self._settle(self._durability)
        except BaseException:
            self._connection.close()
            raise

    def _reopen(self) -> None:
        """Open a connection of this process."""
        self._inherited = False
        try:
            self._open()
        except BaseException:
            self._inherited = True
            raise

    def inherit(self) -> None:
        """In a process that was forked off: let go of the parent's connection; the next statement opens another one.

        Within a transaction that is the parent's nothing can be let go of, and the store is closed here.
        """
        self.lock, self._group = threading.RLock(), GroupCommit(self)
        if self.path == ":memory:":
            return
        if self._within:
            _NOT_OURS.append(self._connection)
            self._connection, self._within = sqlite3.connect(":memory:"), False
        else:
            self._inherited = True
        self._connection.close()

    def _connect(self, database: str, busy_seconds: float, *, uri: bool = False) -> None:
        try:
            self._connection = sqlite3.connect(
                database, timeout=busy_seconds, isolation_level=None, check_same_thread=False, uri=uri
            )
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        except ValueError as error:
            raise Invalid(
                [Problem("path", self.path, "the path of a file", "take out what no path can hold")]
            ) from error

    def _settle(self, durability: str) -> None:
        """Set the pragmas."""
        try:
            mode = self.rows("PRAGMA journal_mode")
        except ReadOnly:
            mode = self._as_it_lies()
        if mode != [("wal",)]:
            with contextlib.suppress(ReadOnly):
                self.rows("PRAGMA journal_mode=WAL")
        self.rows(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")

    def _as_it_lies(self) -> list[tuple[Any, ...]]:
        """Open the file without the two files SQLite keeps beside it, since their folder takes none."""
        if size_of(f"{self.path}-wal"):
            message = f"{self.path} has changes in a log beside it, which must be written into it first; open a copy"
            raise ReadOnly(message)
        from pathlib import Path

        self._connection.close()
        self._connect(f"{Path(self.path).absolute().as_uri()}?immutable=1", 0, uri=True)
        return self.rows("PRAGMA journal_mode")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement.
            values: What its question marks stand for.

        Raises:
            StoreError: The database refused.
        """
        with self.lock:
            if self._inherited:
                self._reopen()
            try:
                return self._connection.execute(sql, values).fetchall()
            except (sqlite3.Error, UnicodeError, OverflowError) as error:
                raise translated(error, self.path) from cause_of(error)

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many sets of values.

        Args:
            sql: One statement.
            values: What its question marks stand for, each time.

        Raises:
            StoreError: The database refused.
        """
        try:
            self._connection.executemany(sql, values)
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise translated(error, self.path) from error

    @contextlib.contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[None]:  # noqa: ARG002 - there is one writer at a time anyway
        """A write transaction: everything inside, or nothing.

        Args:
            alone: Whether nobody else may write meanwhile.

        Raises:
            Busy: Another writer holds the file for longer than we wait.
            StoreError: The transaction could not be kept; nothing was written.
        """
        with self.lock:
            yield from self._transaction("BEGIN IMMEDIATE")

    def transact(self, act: Callable[[], T], *, alone: bool = False) -> T:  # noqa: ARG002 - there is one writer at a time
        """What an act gives that reads and writes, in a write transaction it shares with those of other threads.

        Args:
            act: The act.
            alone: Whether nobody else may write meanwhile.
        """
        if self.lock.acquire(blocking=False):
            try:
                if self._within:  # in a transaction of this thread's, which is kept or undone as a whole
                    return act()
            finally:
                self.lock.release()
        return self._group.done(act)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: every statement inside sees the same state."""
        with self.lock:
            if self._within:
                yield
            else:
                yield from self._transaction("BEGIN")

    def _begun(self) -> bool:
        """Whether a transaction is open; none is where the connection was closed."""
        try:
            return self._connection.in_transaction
        except sqlite3.ProgrammingError:
            return False

    def _transaction(self, begin: str) -> Iterator[None]:
        self.rows(begin)
        self._within = True
        try:
            yield
            self.rows("COMMIT")
        except BaseException:
            if self._begun():  # a full disk ends it on its own
                self.rows("ROLLBACK")
            raise
        finally:
            self._within = False

    def vacuum(self) -> str | None:
        """Write the file anew without what was deleted, and empty the log beside it.

        Returns:
            What is in the way, and what to do then; None when it is done.

        Raises:
            StoreError: There is no room for a second file of the size, or it may not be written.
        """
        with self.lock:
            self.rows("SELECT 1")  # to be told that it is closed, and in a process that was forked off to open it
            if self._within or self._begun():
                return "a transaction is open; purge again once it has ended"
            return vacuumed(self)

    def close(self) -> None:
        """Let go of the file; further use raises ``Closed``."""
        forget(self)
        with self.lock:
            self._inherited = False
            self._connection.close()


def vacuumed(database: Database) -> str | None:
    """Write a database anew without what was deleted, and empty the log beside it.

    Args:
        database: The database, outside of a transaction.

    Returns:
        What is in the way, and what to do then; None when it is done.
    """
    samples = database.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4'")
    try:
        for sql in [*["ANALYZE"] * len(samples), "VACUUM"]:  # samples of values are taken anew as well
            database.rows(sql)
        ((busy, *_),) = database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    except Busy:
        return "another process is writing; purge again later"
    return "somebody still reads what was there before; purge again once they have ended" if busy else None
