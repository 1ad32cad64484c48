"""One PostgreSQL database: its connections, its transactions, and its errors in our words."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self, TypeVar

from crmcore.kernel.errors import CrmError, Invalid, Problem, StoreError
from crmcore.stores.postgres_bulk import copied, is_bulk, pipelined
from crmcore.stores.postgres_dialect import statement
from crmcore.stores.postgres_errors import Again, Lost, driver, quiet, told, translated
from crmcore.stores.postgres_pool import Pool
from crmcore.stores.postgres_tenants import EVERY, TELL, Told, telling

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

__all__ = ["PostgresDatabase"]

T = TypeVar("T")

WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE crm_change IN ROW EXCLUSIVE MODE"
"""Several write at once; each waits for those who write alone, and these for them, before it looks at anything."""

ALONE = "BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE crm_change IN SHARE ROW EXCLUSIVE MODE"
"""Nobody else writes; readers go on."""

READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Seconds to wait before trying again."""

_SETTINGS = """SELECT set_config('lock_timeout', %s, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', CASE WHEN %s THEN 'off' WHEN current_setting('synchronous_commit') = 'off'
        THEN 'on' ELSE current_setting('synchronous_commit') END, false)"""


class PostgresDatabase:
    """A database that several stores and threads share, each thread on a connection of its own.

    Args:
        url: Where it is, as libpq reads it: ``postgresql://user@host/name``.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer, or for a connection.
        connections: The most connections at a time.

    Attributes:
        path: The database, as errors name it: without user and password.
        protected: Whether every transaction tells PostgreSQL whose rows it is about: a tenant's, or everybody's.
    """

    protected = False

    def __init__(self, url: str, *, durability: str, busy_seconds: float, connections: int) -> None:
        self._driver = driver()
        self._failures = (self._driver.Error, UnicodeError)
        self._said = _read(self._driver, url)
        self._relaxed, self._busy_seconds = durability == "relaxed", busy_seconds
        self.path = f"PostgreSQL database {self._said.get('dbname', '')} on {self._said.get('host', 'this machine')}"
        self._pool = Pool(self._connect, size=connections, busy_seconds=busy_seconds, where=self.path)
        self._mine = threading.local()
        self._whose: Told = EVERY

    def for_tenant(self, tenant: str) -> Self:
        """The same database, asked for the rows of one tenant.

        Args:
            tenant: The tenant.
        """
        return self._about((tenant, "off"))

    def for_every_tenant(self) -> Self:
        """The same database, asked for the rows of every tenant, as it is when it is opened."""
        return self._about(EVERY)

    def _about(self, whose: Told) -> Self:
        other = copy.copy(self)
        vars(other)["_whose"] = whose
        return other

    def _connect(self) -> Connection[Any]:
        """A new connection, which commits by itself."""
        try:
            connection: Connection[Any] = self._driver.connect(
                **{"fallback_application_name": "crmcore", "connect_timeout": 10, **self._said},
                autocommit=True,
                client_encoding="utf8",
            )
        except self._failures as error:
            message = f"{self.path}: {told(error)}; check the address, the rights, and that the server runs"
            raise StoreError(message) from error
        from psycopg.types.numeric import Int8Dumper

        connection.adapters.register_dumper(int, Int8Dumper)  # one prepared statement, whatever the size of a number
        self._run(connection, _SETTINGS, (f"{int(self._busy_seconds * 1000)}ms", self._relaxed))
        return connection

    # --- statements -------------------------------------------------------------------------------------------------

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement, in SQLite's words.
            values: What its question marks stand for.

        Raises:
            StoreError: The database refused.
        """
        with self._session() as connection:
            if self.protected and self._within() is None:
                return self._told(connection, statement(sql), values)
            self._turn(connection)
            self._flush(connection)
            return self._run(connection, statement(sql), values)

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many sets of values, before the next one that is asked for rows.

        Args:
            sql: One statement, in SQLite's words.
            values: What its question marks stand for, each time.

        Raises:
            StoreError: The database refused.
        """
        self._turn(self._mine.connection)
        self._mine.waiting.append((statement(sql), list(values)))

    def apart(self, sql: str) -> None:
        """Run a statement that may stand in no transaction, and is about no tenant's rows.

        Args:
            sql: One statement.

        Raises:
            StoreError: The database refused.
        """
        with self._pool.borrowed() as connection:
            self._run(connection, sql)

    def own(self) -> bool:
        """Whether transactions are ours to begin: none is open in this thread."""
        return self._within() is None

    def _turn(self, connection: Connection[Any]) -> None:
        """Within a transaction that was told of others' rows, tell whose this is about."""
        if self.protected and self._mine.whose != self._whose:
            self._flush(connection)
            self._run(connection, TELL, self._whose)
            self._mine.whose = self._whose

    def _flush(self, connection: Connection[Any]) -> None:
        """Send all that waits in one go: the server is waited for once, and for each bulk."""
        waiting: list[tuple[str, list[Sequence[Any]]]] = getattr(self._mine, "waiting", [])

        def sent(cursor: Any) -> None:  # noqa: ANN401 - the driver's
            for bulk, group in groupby(waiting, key=lambda one: is_bulk(*one)):
                if bulk:
                    for sql, rows in group:
                        copied(cursor, sql, rows, directly=not self.protected)
                    continue
                with pipelined(connection):
                    for sql, rows in group:
                        cursor.executemany(sql, rows)
            waiting.clear()

        if waiting:
            self._tell(connection, sent)

    def _told(self, connection: Connection[Any], sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Every row a statement gives in a transaction of its own, which is told whose rows it is about, in one go."""

        def asked(cursor: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - the driver's
            with pipelined(connection), self._cursor(connection) as first:
                first.execute(TELL, self._whose)
                cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        return self._tell(connection, asked)

    def _run(self, connection: Connection[Any], sql: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Every row a statement gives, on one connection."""

        def asked(cursor: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - the driver's
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

        return self._tell(connection, asked)

    def _tell(self, connection: Connection[Any], work: Callable[[Any], T]) -> T:
        """Do something with a cursor; what goes wrong is told in our words, and keeps no values in its cause."""
        trouble: CrmError
        try:
            with self._cursor(connection) as cursor:
                return work(cursor)
        except self._failures as error:
            trouble = self._trouble(error, connection)
            trouble.__cause__ = None if isinstance(trouble, (Again, Invalid)) else quiet(error)
        raise trouble

    def _cursor(self, connection: Connection[Any]) -> Cursor[Any]:
        """Where statements are sent to."""
        return connection.cursor()

    def _trouble(self, error: Exception, connection: Connection[Any]) -> CrmError:
        """What the driver says, in our words."""
        return translated(error, self.path, lost=connection.closed)

    @contextlib.contextmanager
    def _session(self) -> Iterator[Connection[Any]]:
        """The connection of this thread's transaction; without one, any."""
        mine = self._within()
        if mine is not None:
            yield mine
        else:
            with self._pool.borrowed() as connection:
                yield connection

    def _within(self) -> Connection[Any] | None:
        mine: Connection[Any] | None = getattr(self._mine, "connection", None)
        return mine

    # --- transactions -----------------------------------------------------------------------------------------------

    def writing(self, *, alone: bool = False) -> contextlib.AbstractContextManager[None]:
        """A write transaction: everything inside, or nothing.

        Args:
            alone: Whether nobody else may write meanwhile.

        Raises:
            Busy: Another writer is at work for longer than we wait; or the connection was lost before the end.
            StoreError: The transaction could not be kept; or the connection was lost at its end, and nobody knows.
        """
        return self.transaction(ALONE if alone else WRITING)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction: every statement inside sees the same state."""
        if self._within() is not None:
            yield
            return
        with self._held() as connection:
            self._begin(connection, READING)
            yield

    @contextlib.contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        """A transaction of this thread.

        Args:
            begin: How it begins.
        """
        with self._held() as connection:
            self._begin(connection, begin)
            yield
            self._keep(connection)

    def _begin(self, connection: Connection[Any], begin: str) -> None:
        """Begin a transaction, and tell it whose rows it is about."""

        def begun(cursor: Any) -> None:  # noqa: ANN401 - the driver's
            cursor.execute(f"{begin}; {telling(self._whose, connection)}" if self.protected else begin)

        self._tell(connection, begun)
        self._mine.whose = self._whose

    @contextlib.contextmanager
    def _held(self) -> Iterator[Connection[Any]]:
        """A connection that is this thread's until the end; what has not been committed by then is undone."""
        with self._pool.borrowed() as connection:
            self._mine.connection, self._mine.waiting = connection, []
            try:
                yield connection
            finally:
                self._mine.connection, self._mine.waiting = None, []
                if connection.info.transaction_status:  # anything but idle
                    self._undo(connection)

    def _keep(self, connection: Connection[Any]) -> None:
        """Commit; if the connection is lost before the answer, only the log can tell what came of it."""
        try:
            self._mine.waiting.append(("COMMIT", [()]))
            self._flush(connection)
        except Lost as error:
            mend = "read whether the commit is there, or repeat the act under the key it had"
            message = f"{self.path}: the connection was lost while committing; {mend}"
            raise StoreError(message) from error.__cause__

    def _undo(self, connection: Connection[Any]) -> None:
        """Roll back; a connection that can't is of no more use."""
        try:
            connection.execute("ROLLBACK")
        except BaseException as error:
            connection.close()
            if not isinstance(error, self._failures):
                raise

    def transact(self, act: Callable[[], T], *, alone: bool = False) -> T:
        """What an act gives that reads and writes, in a write transaction, tried again when others were in the way.

        Args:
            act: The act.
            alone: Whether nobody else may write meanwhile.
        """

        def done() -> T:
            with self.writing(alone=alone):
                return act()

        return act() if self._within() is not None else self.tried(done)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """A write transaction for several acts of this thread, while nobody else writes; none in one that is open."""
        return self.writing(alone=True) if self.own() else contextlib.nullcontext()

    def tried(self, act: Callable[[], T]) -> T:
        """What an act gives that may have to be tried again because of other writers.

        Args:
            act: The act, in transactions of its own.
        """
        for pause in PAUSES:
            try:
                return act()
            except Again:
                time.sleep(pause)
        return act()

    def close(self) -> None:
        """Let go of the connections; further use raises ``Closed``."""
        self._pool.close()


def _read(driver: Any, url: str) -> dict[str, Any]:  # noqa: ANN401 - a module
    """The parts of an address."""
    try:
        return dict(driver.conninfo.conninfo_to_dict(url))
    except (driver.Error, UnicodeError):
        expected = "postgresql://user@host/database"
        problem = Problem("store", "•••", expected, "percent-encode what is special in a user name or a password")
    raise Invalid([problem])
