"""A host's own connection: a CRM on it, and the tables it needs there, made in the host's migrations."""

from __future__ import annotations

from typing import Any, Literal, Protocol, cast

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, kind_of
from crmcore.kinds import Kinds, desks_of
from crmcore.stores.host_connection import Reach, dialect_of, reach_of

__all__ = ["ddl", "hosted", "make_tables", "moved"]


def ddl(dialect: Literal["sqlite", "postgresql"], *, kinds: Kinds = ()) -> tuple[str, ...]:
    """The statements that make the tables of a CRM in a database that has none of them, for a host's migrations.

    Args:
        dialect: What the database speaks.
        kinds: Record classes of your own, as the CRM is given them.

    Returns:
        Statements to be run in this order, without parameters.

    Raises:
        Invalid: The dialect is neither, or a kind is none.

    Example:
        >>> from crmcore.hosting import ddl
        >>> statements = ddl("postgresql")
        >>> print(statements[0])
        CREATE TABLE IF NOT EXISTS crm_meta (name TEXT COLLATE "C" PRIMARY KEY, value TEXT COLLATE "C" NOT NULL)
    """
    told = _told(kinds)
    if dialect == "postgresql":
        from crmcore.stores.postgres_tables import statements_of

        return statements_of(told)
    if dialect == "sqlite":
        from crmcore.stores import sqlite_tables

        return sqlite_tables.statements_of(told)
    raise Invalid([Problem("dialect", dialect, '"sqlite" or "postgresql"', "name what the database speaks")])


def make_tables(connection: Any, *, kinds: Kinds = ()) -> None:  # noqa: ANN401 - whatever a host has
    """Make the tables of a CRM in a host's database, or bring them up to this version and these kinds.

    Within a transaction of the host's it is part of that; what is there already is left as it is.

    Args:
        connection: The host's connection, as ``CRM(connection=…)`` takes it.
        kinds: Record classes of your own, as the CRM is given them.

    Raises:
        Invalid: The connection or a kind is none.
        SchemaTooNew: The tables were made by a newer crmcore.
        StoreError: The database refused.

    Example:
        >>> import sqlite3
        >>> from crmcore import CRM
        >>> from crmcore.hosting import make_tables
        >>> connection = sqlite3.connect(":memory:")
        >>> make_tables(connection)
        >>> connection.commit()
        >>> CRM(connection=connection).accounts.add(name="Acme").name
        'Acme'
    """
    told, reach = _told(kinds), reach_of(connection)
    if dialect_of(reach()) == "sqlite":
        from crmcore.stores.host_sqlite import made
    else:
        from crmcore.stores.host_postgres import made
    made(reach, told)


def hosted(connection: Any) -> Store:  # noqa: ANN401 - whatever a host has
    """A store on a host's connection.

    Args:
        connection: The host's connection.

    Raises:
        Invalid: It is none.
        StoreError: It can't be used, or the database lacks the tables.
    """
    reach = reach_of(connection)
    if dialect_of(reach()) == "sqlite":
        from crmcore.stores.host_sqlite import HostSqliteStore

        return HostSqliteStore(reach)
    from crmcore.stores.host_postgres import HostPostgresStore

    return HostPostgresStore(reach)


def moved(store: Store, connection: Any) -> Store:  # noqa: ANN401 - whatever a host has
    """A store on another connection to the same database.

    Args:
        store: The store, on a host's connection.
        connection: The other connection.

    Raises:
        Invalid: The store is on no host's connection, or the other one is of another engine or none.
        StoreError: It can't be used.
    """
    reach = reach_of(connection)
    if getattr(store, "dialect", None) != dialect_of(reach()):
        expected = "a connection to the database the CRM was opened on, as CRM(connection=…)"
        raise Invalid([Problem("connection", type(connection).__name__, expected, "open a CRM on it")])
    return cast("_Movable", store).on(reach)


class _Movable(Store, Protocol):
    """A store on a host's connection."""

    def on(self, reach: Reach) -> Store:
        """The same store on another one."""
        ...


def _told(kinds: Kinds) -> list[Kind[Any]]:
    """Every kind of a CRM."""
    return [kind_of(cls) for cls in desks_of(kinds, taken=())]
