"""A guard over a SQLite connection: it lets statements touch our own tables by a few functions, and nothing else."""

from __future__ import annotations

import contextlib
import sqlite3

import attrs

from crmcore.kernel.errors import CrmError
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.testing.exam.scene import FileStore

__all__ = ["Guard", "GuardedStore"]

PLAIN = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_RECURSIVE})
TABLES = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
FUNCTIONS = frozenset({"count", "min", "max", "coalesce", "instr"})


@attrs.define(eq=False)
class Guard:
    """What SQLite asks about every statement it prepares.

    Attributes:
        tables: The tables and views that may be touched.
        violations: What else was tried.
        asked: How many things were asked about.
    """

    tables: frozenset[str]
    violations: list[str] = attrs.field(factory=list)
    asked: int = 0

    def __call__(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        """Whether something may be done."""
        self.asked += 1
        if action in PLAIN or (action in TABLES and (not first or first in self.tables)):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in FUNCTIONS:
            return sqlite3.SQLITE_OK
        self.violations.append(f"a statement asked for action {action} on {first}, {second}")
        return sqlite3.SQLITE_DENY


class GuardedFile(SqliteFile):
    """A file with a guard."""

    def guarded(self) -> Guard:
        """Set a guard over it."""
        names = self.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        guard = Guard(frozenset(name for (name,) in names if not name.startswith("sqlite_")))
        self._connection.set_authorizer(guard)
        return guard


class GuardedStore(FileStore):
    """A store in such a file."""

    file = GuardedFile
    _file: GuardedFile

    def guarded(self) -> Guard:
        """Set a guard over its file, which has all its tables by now."""
        return self._file.guarded()

    def ask(self, statement: str) -> None:
        """Send a statement of somebody who is not careful, whatever comes of it.

        Args:
            statement: The statement.
        """
        with contextlib.suppress(CrmError):
            self._file.rows(statement)
