"""The store in a SQLite database of the host's, on the host's own connection."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import attrs

from crmcore.kernel.errors import Busy, Closed, StoreError
from crmcore.kernel.records import Kind
from crmcore.stores.host_connection import Reach, implicit
from crmcore.stores.host_tables import Looked
from crmcore.stores.sql_reading import Condition
from crmcore.stores.sqlite import SqliteStore
from crmcore.stores.sqlite_file import cause_of, translated, vacuumed
from crmcore.stores.sqlite_tables import check_format, make_tables

__all__ = ["HostSqliteDatabase", "HostSqliteStore", "made"]

T = TypeVar("T")

WHERE = "the host's SQLite database"

_TRANSACTION = "it holds a state that another writer has left behind; roll back, and begin with BEGIN IMMEDIATE"
_WAIT = "another connection is writing; try again, or connect with a longer timeout"
_THREAD = "SQLite connections belong to the thread that opened them; give each thread a connection and a CRM of its own"


@attrs.frozen
class _Frame:
    """How a piece of work begins, is kept, and is undone."""

    begin: str
    keep: tuple[str, ...]
    undo: tuple[str, ...]


_SAVEPOINT = _Frame("SAVEPOINT crmcore", ("RELEASE crmcore",), ("ROLLBACK TO crmcore", "RELEASE crmcore"))
"""Within the host's transaction."""

_BEGUN = _Frame("BEGIN IMMEDIATE", (), ("ROLLBACK",))
"""In place of the driver, which would begin a transaction for the host to commit."""

_OWN = _Frame("BEGIN IMMEDIATE", ("COMMIT",), ("ROLLBACK",))
"""Where every statement commits itself."""

_READ = _Frame("BEGIN", ("COMMIT",), ("ROLLBACK",))


class HostSqliteDatabase:
    """A database that is reached by the host's connection, and left as the host has it.

    Args:
        reach: Gives the connection.
    """

    path = WHERE

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._closed = False

    def connection(self) -> sqlite3.Connection:
        """The host's connection.

        Raises:
            Closed: It was closed, or this was.
            StoreError: It can't be used here.
        """
        if self._closed:
            raise Closed("this CRM was closed; open another one on the connection")
        connection: sqlite3.Connection = self._reach()
        return connection

    @property
    def begun(self) -> bool:
        """Whether a transaction is open.

        Raises:
            Closed: The connection was closed.
        """
        connection = self.connection()
        try:
            return connection.in_transaction
        except sqlite3.Error as error:
            raise _told(error) from error

    @property
    def place(self) -> int:
        """Which connection it is."""
        return id(self.connection())

    # --- statements -------------------------------------------------------------------------------------------------

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement.
            values: What its question marks stand for.

        Raises:
            StoreError: The database refused.
        """
        with self._reach.lock, self._cursor() as cursor:
            return cursor.execute(sql, values).fetchall()

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many sets of values.

        Args:
            sql: One statement.
            values: What its question marks stand for, each time.

        Raises:
            StoreError: The database refused.
        """
        with self._cursor() as cursor:
            cursor.executemany(sql, values)

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[sqlite3.Cursor]:
        """A cursor that gives plain rows and text, whatever the host has told its connection to give."""
        connection = self.connection()
        try:
            with contextlib.closing(sqlite3.Cursor(connection)) as cursor:
                factory, connection.text_factory = connection.text_factory, str
                try:
                    yield cursor
                finally:
                    connection.text_factory = factory
        except (sqlite3.Error, UnicodeError, OverflowError) as error:
            raise _told(error) from cause_of(error)

    # --- transactions -----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[None]:  # noqa: ARG002 - there is one writer at a time anyway
        """Everything inside, or nothing: a savepoint of the host's transaction, or one of our own where it has none.

        Args:
            alone: Whether nobody else may write meanwhile.

        Raises:
            Busy: Another connection is writing, or has written since the host's transaction began.
            StoreError: Nothing was written.
        """
        with self._reach.lock:
            within, connection = self.begun, self.connection()
            yield from self._framed(_SAVEPOINT if within else _BEGUN if implicit(connection) else _OWN)

    def transact(self, act: Callable[[], T], *, alone: bool = False) -> T:
        """What an act gives that reads and writes, all or nothing.

        Args:
            act: The act.
            alone: Whether nobody else may write meanwhile.
        """
        with self.writing(alone=alone):
            return act()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: every statement inside sees the same state."""
        with self._reach.lock:
            if self.begun:
                yield
            else:
                yield from self._framed(_READ)

    def _framed(self, frame: _Frame) -> Iterator[None]:
        """Work within a transaction or savepoint."""
        self.rows(frame.begin)
        try:
            yield
            for sql in frame.keep:
                self.rows(sql)
        except BaseException as error:
            if self.begun:
                for sql in frame.undo:
                    self.rows(sql)
            elif frame is _SAVEPOINT:
                error.add_note("SQLite has rolled back the whole transaction, the host's work in it too.")
            raise

    def vacuum(self) -> str | None:
        """Write the database anew without what was deleted, the host's tables too.

        Returns:
            What is in the way, and what to do then; None when it is done.

        Raises:
            StoreError: There is no room for a second file of the size, or it may not be written.
        """
        with self._reach.lock:
            return "a transaction is open; purge again once it has ended" if self.begun else vacuumed(self)

    def close(self) -> None:
        """Let go of the connection, which stays open; further use raises ``Closed``."""
        self._closed = True


def _told(error: Exception) -> Exception:
    """A driver's error as one of ours, with what a host can do."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
        return Busy(f"{WHERE}: {error}; {_TRANSACTION}")
    if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Busy(f"{WHERE}: {error}; {_WAIT}")
    if isinstance(error, sqlite3.ProgrammingError) and "thread" in str(error):
        return StoreError(_THREAD)
    return translated(error, WHERE)


def made(reach: Reach, kinds: Sequence[Kind[Any]]) -> None:
    """Make the tables of kinds, or mend them, in the host's transaction if there is one.

    Args:
        reach: Gives the host's connection.
        kinds: The kinds.
    """
    database = HostSqliteDatabase(reach)
    check_format(database)
    make_tables(database, kinds)


class HostSqliteStore(SqliteStore):
    """Keeps records and changes in a SQLite database of the host's, in the host's transactions.

    Args:
        reach: Gives the driver's connection.
        tenant: The tenant whose data it reads and writes.
    """

    dialect = "sqlite"
    _file: HostSqliteDatabase

    def __init__(self, reach: Reach, *, tenant: str = "default") -> None:
        self.tenant = tenant
        self._kinds: dict[str, Kind[Any]] = {}
        self._file = HostSqliteDatabase(reach)
        check_format(Looked(self._file, self.dialect))

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Look for the tables of kinds; they are the host's to make.

        Raises:
            StoreError: They are not there, or not as the kinds declare.
        """
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        make_tables(Looked(self._file, self.dialect), fresh)
        self._kinds.update({kind.name: kind for kind in fresh})

    def on(self, reach: Reach) -> Self:
        """The same store, on another connection to the same database.

        Args:
            reach: Gives the driver's connection.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), _file=HostSqliteDatabase(reach))
        return other

    @property
    def place(self) -> int:
        """Which connection it is on now."""
        return self._file.place

    def settled(self, kind: str, id: str) -> bool:  # noqa: ARG002 - SQLite can't tell them apart
        """Whether a record stays as it is, whatever the host does: it is read in no open transaction.

        Args:
            kind: The kind of record.
            id: Its id.
        """
        return not self._file.begun

    def _committed(self) -> list[Condition]:
        """The condition that a row of the log has been committed: what another connection sees."""
        if not self._file.begun:
            return []
        ((path,),) = self._file.rows("SELECT file FROM pragma_database_list WHERE name = 'main'")
        if not path:
            raise StoreError(f"{WHERE} is kept in memory; its log is followed between transactions: commit first")
        try:
            with contextlib.closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", timeout=0.2, uri=True)) as other:
                known = other.execute("SELECT 1 FROM sqlite_master WHERE name = 'crm_change'").fetchall()
                ((last,),) = other.execute("SELECT max(seq) FROM crm_change") if known else [(0,)]
        except sqlite3.Error as error:
            raise _told(error) from error
        return [("x.seq <= ?", [last or 0])]
