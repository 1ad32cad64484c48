"""One SQLite file: its connection, its transactions, and its errors in our words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from crmcore.kernel.errors import Busy, Closed, Corrupt, Full, Invalid, Problem, ReadOnly, StoreError

__all__ = ["SqliteFile"]

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
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    kind, mend = _KINDS.get(code, (StoreError, "see the cause below"))
    return kind(f"{where}: {error}; {mend}")


def check_header(path: str) -> None:
    """Refuse a file that is no database, or shorter than its own header says.

    SQLite itself answers from a truncated file as if the missing pages were empty.

    Args:
        path: The file.

    Raises:
        Corrupt: The file can't be a whole SQLite database.
    """
    if not os.path.exists(path) or os.path.getsize(path) == 0:  # noqa: PTH110, PTH202 - pathlib costs import time
        return
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            header = file.read(HEADER)
    except OSError as error:
        message = f"{path}: {error.strerror}; check the path and your right to read it"
        raise StoreError(message) from error
    if len(header) < HEADER or not header.startswith(MAGIC):
        message = f"{path} is no SQLite database; check the path"
        raise Corrupt(message)
    size = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    counted = header[24:28] == header[92:96]
    if counted and os.path.getsize(path) < pages * (65536 if size == 1 else size):  # noqa: PTH202
        message = f"{path} is shorter than its header says, part of it is missing; restore it from a backup"
        raise Corrupt(message)


class SqliteFile:
    """A connection that several stores share, one statement at a time.

    Args:
        path: The file, or ``":memory:"``.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer.
    """

    def __init__(self, path: str, *, durability: str, busy_seconds: float) -> None:
        self.path = path
        self.lock = threading.RLock()
        if path != ":memory:":
            check_header(path)
        try:
            self._connection = sqlite3.connect(
                path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise translated(error, path) from error
        self._settle(durability)

    def _settle(self, durability: str) -> None:
        """Set the pragmas, or let go of the file when even that fails."""
        try:
            if self.rows("PRAGMA journal_mode") != [("wal",)]:
                with contextlib.suppress(ReadOnly):
                    self.rows("PRAGMA journal_mode=WAL")
            self.rows(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
        except StoreError:
            self._connection.close()
            raise

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement.
            values: What its question marks stand for.

        Raises:
            StoreError: The database refused.
        """
        with self.lock:
            try:
                return self._connection.execute(sql, values).fetchall()
            except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
                raise translated(error, self.path) from error

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
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
            raise translated(error, self.path) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A write transaction: everything inside, or nothing.

        Raises:
            Busy: Another writer holds the file for longer than we wait.
            StoreError: The transaction could not be kept; nothing was written.
        """
        with self.lock:
            self.rows("BEGIN IMMEDIATE")
            try:
                yield
                self.rows("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self.rows("ROLLBACK")
                raise

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: every statement inside sees the same state."""
        with self.lock:
            if self._connection.in_transaction:
                yield
                return
            self.rows("BEGIN")
            try:
                yield
            finally:
                self.rows("COMMIT")

    def close(self) -> None:
        """Let go of the file; further use raises ``Closed``."""
        with self.lock:
            self._connection.close()
