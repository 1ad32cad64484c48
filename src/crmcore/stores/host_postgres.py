"""The store in a PostgreSQL database of the host's, on the host's own connection."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from crmcore.kernel.errors import Closed, CrmError, StoreError
from crmcore.kernel.records import Kind
from crmcore.stores.host_connection import FAILED, Reach
from crmcore.stores.host_tables import Looked
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.stores.postgres_errors import driver, told, translated
from crmcore.stores.postgres_tables import check_format, make_tables
from crmcore.stores.postgres_tenants import EVERY

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

__all__ = ["HostPostgresDatabase", "HostPostgresStore", "made"]

T = TypeVar("T")

WHERE = "the host's PostgreSQL database"

IDLE, INERROR = 0, 3
"""What psycopg says of a connection: no transaction is open, or one that has failed."""

_KEEP, _UNDO = "RELEASE SAVEPOINT crmcore", "ROLLBACK TO SAVEPOINT crmcore; RELEASE SAVEPOINT crmcore"
_WAIT = "another writer is at work; try again, or set a longer lock_timeout"
_ANEW = "another writer was faster: try again; above READ COMMITTED roll the transaction back first, and do it anew"


class _Lent:
    """The host's connection, as a pool gives connections.

    Args:
        reach: Gives it.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._closed = False

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Connection[Any]]:
        """The connection, which nobody else works on meanwhile.

        Raises:
            Closed: It was closed, or this was.
            StoreError: It can't be used here, or its transaction has failed.
        """
        if self._closed:
            raise Closed("this CRM was closed; open another one on the connection")
        with self._reach.lock:
            connection: Connection[Any] = self._reach()
            if connection.closed:
                raise Closed("the host's connection was closed or lost; give another one")
            if connection.info.transaction_status == INERROR:
                raise StoreError(FAILED)
            yield connection

    def close(self) -> None:
        """Let go of it; it stays open."""
        self._closed = True


class HostPostgresDatabase(PostgresDatabase):
    """A database that is reached by the host's connection, and left as the host has it.

    Args:
        reach: Gives the connection.
    """

    def __init__(self, reach: Reach) -> None:
        self._driver = driver()
        self._failures = (self._driver.Error, UnicodeError)
        self.path = WHERE
        self._pool = _Lent(reach)  # type: ignore[assignment]
        self._mine = threading.local()
        self._whose = EVERY
        with self._pool.borrowed() as connection:
            if connection.info.encoding != "utf-8":
                raise StoreError(f"{WHERE}: its client_encoding is {connection.info.encoding}; set it to UTF8")

    def _cursor(self, connection: Connection[Any]) -> Cursor[Any]:
        """A cursor that takes and gives plain values, whatever the host has told its connection to."""
        from psycopg.rows import tuple_row

        return _plain()(connection, row_factory=tuple_row)

    def _trouble(self, error: Exception, connection: Connection[Any]) -> CrmError:
        """What the driver says, with what a host can do."""
        code = getattr(error, "sqlstate", None)
        if connection.closed:
            return Closed(f"{WHERE}: {told(error)}; the connection was lost, and with it what was not committed")
        trouble = translated(error, WHERE)
        mend = {"55P03": _WAIT, "40001": _ANEW, "40P01": _ANEW, "23505": _ANEW}.get(code or "")
        return trouble if mend is None else type(trouble)(f"{WHERE}: {told(error)}; {mend}")

    # --- transactions -----------------------------------------------------------------------------------------------

    @property
    def place(self) -> int:
        """Which connection it is."""
        with self._pool.borrowed() as connection:
            return id(connection)

    def own(self) -> bool:
        """Whether transactions are ours to begin: the connection commits by itself, and none is open."""
        with self._pool.borrowed() as connection:
            return connection.autocommit and connection.info.transaction_status == IDLE

    @contextlib.contextmanager
    def transaction(self, begin: str) -> Iterator[None]:
        """A transaction of our own, or a savepoint of the host's.

        Args:
            begin: How it begins, and what it locks.
        """
        with self._pool.borrowed() as connection:
            if self.own():
                with super().transaction(begin):
                    yield
            else:
                yield from self._saved(connection, begin)

    def _saved(self, connection: Connection[Any], begin: str) -> Iterator[None]:
        """Work within a savepoint."""
        self._mine.connection, self._mine.waiting = connection, []
        try:
            self._begin(connection, "; ".join(["SAVEPOINT crmcore", *begin.split("; ")[1:]]))
            yield
            self._mine.waiting.append((_KEEP, [()]))
            self._flush(connection)
        except BaseException:
            with contextlib.suppress(*self._failures), self._cursor(connection) as cursor:
                cursor.execute(_UNDO)
            raise
        finally:
            self._mine.connection, self._mine.waiting = None, []

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """A read transaction of our own; in one of the host's, what is seen is as its isolation has it."""
        with self._pool.borrowed():
            if self.own():
                with super().reading():
                    yield
            else:
                yield

    def tried(self, act: Callable[[], T]) -> T:
        """What an act gives; tried again in transactions of our own, never in the host's.

        Args:
            act: The act.
        """
        return super().tried(act) if self.own() else act()


@functools.cache
def _plain() -> type[Cursor[Any]]:
    """A cursor that knows values as the driver does, and not as the host has taught its connection."""
    import psycopg
    from psycopg.adapt import AdaptersMap
    from psycopg.types.numeric import Int8Dumper

    known = AdaptersMap(psycopg.adapters)
    known.register_dumper(int, Int8Dumper)  # one prepared statement, whatever the size of a number

    class Plain(psycopg.Cursor[Any]):
        """A cursor with adapters of its own."""

        @property
        def adapters(self) -> AdaptersMap:
            """How values are sent and read."""
            return known

    return Plain


def made(reach: Reach, kinds: Sequence[Kind[Any]]) -> None:
    """Make the tables of kinds, or mend them, in the host's transaction if there is one.

    Args:
        reach: Gives the host's connection.
        kinds: The kinds.
    """
    database = HostPostgresDatabase(reach)
    check_format(database)
    make_tables(database, kinds)


class HostPostgresStore(PostgresStore):
    """Keeps records and changes in a PostgreSQL database of the host's, in the host's transactions.

    Args:
        reach: Gives the driver's connection.
        tenant: The tenant whose data it reads and writes.
    """

    dialect = "postgresql"
    _file: HostPostgresDatabase

    def __init__(self, reach: Reach, *, tenant: str = "default") -> None:
        self.tenant = tenant
        self._kinds: dict[str, Kind[Any]] = {}
        file = HostPostgresDatabase(reach)
        looked = Looked(file, self.dialect)
        check_format(cast("PostgresDatabase", looked))
        file.protected = looked.protected
        self._file = file.for_tenant(tenant)

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Look for the tables of kinds; they are the host's to make.

        Raises:
            StoreError: They are not there, or not as the kinds declare.
        """
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        make_tables(cast("PostgresDatabase", Looked(self._file, self.dialect)), fresh)
        self._kinds.update({kind.name: kind for kind in fresh})

    def on(self, reach: Reach) -> Self:
        """The same store, on another connection to the same database.

        Args:
            reach: Gives the driver's connection.
        """
        other, file = object.__new__(type(self)), HostPostgresDatabase(reach)
        file.protected = self._file.protected
        vars(other).update(vars(self), _file=file.for_tenant(self.tenant))
        return other

    @property
    def place(self) -> int:
        """Which connection it is on now."""
        return self._file.place

    def settled(self, kind: str, id: str) -> bool:
        """Whether a record stays as it is, whatever the host does: its open transaction has not changed it.

        Args:
            kind: The kind of record.
            id: Its id.
        """
        sql = """SELECT txid IS DISTINCT FROM pg_current_xact_id_if_assigned() FROM crm_change
            WHERE tenant = ? AND kind = ? AND id = ? ORDER BY version DESC LIMIT 1"""
        return self._file.own() or self._file.rows(sql, (self.tenant, kind, id)) in ([], [(True,)])
