"""Row-level security: PostgreSQL itself shows a session the rows of one tenant only.

Every statement names its tenant anyhow. The policies hold for those that do not: slips of ours, queries by hand,
and other programs on the same tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from crmcore.kernel.errors import StoreError
from crmcore.stores.database import Database
from crmcore.stores.schema import TABLES, quoted

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["EVERY", "TELL", "Told", "check_bound", "protect", "protected", "telling", "unprotected"]

Told: TypeAlias = tuple[str, str]
"""What a transaction is told: whose rows it is about, and ``off``; or, for those of every tenant, ``on``."""

EVERY: Told = "", "on"
"""Of a transaction that is about the rows of every tenant: a kind is derived anew, or the tables are upgraded."""

TELL = "SELECT set_config('crm.tenant', %s, true), set_config('crm.every_tenant', %s, true)"
"""Tells the transaction it is in, and no later one."""

_ROWS = """tenant = current_setting('crm.tenant', true)
        AND (tenant <> '' OR current_setting('crm.every_tenant', true) = 'off')
    OR current_setting('crm.every_tenant', true) = 'on'"""
"""A tenant may be named by an empty text, which is also what is left of a setting once its transaction has ended."""

_PROTECT = (
    "ALTER TABLE {} ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE {} FORCE ROW LEVEL SECURITY",  # on its owner too, who is most often the one that asks
    "DROP POLICY IF EXISTS crm_tenant ON {}",
    f"CREATE POLICY crm_tenant ON {{}} USING ({_ROWS})",
)

_PROTECTED = """SELECT EXISTS (SELECT FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polname = 'crm_tenant' AND c.relnamespace =
        (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('crm_change')))"""

_HELD = """SELECT c.oid::regclass::text, c.relrowsecurity AND c.relforcerowsecurity AND p.polpermissive
        AND p.polcmd = '*' AND p.polroles = '{0}' AND p.polwithcheck IS NULL, pg_get_expr(p.polqual, p.polrelid)
    FROM unnest(?::text[]) AS name JOIN pg_class c ON c.oid = to_regclass(name)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant'
    LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'crm_tenant' ORDER BY 1"""


def telling(told: Told, connection: Connection[Any]) -> str:
    """The statement that tells it, with its values within: what begins a transaction takes none beside.

    Args:
        told: What is told.
        connection: The connection it is for.
    """
    from psycopg.sql import Literal

    return TELL.replace("%s", "{}").format(*(Literal(value).as_string(connection) for value in told))


def protected(database: Database) -> bool:
    """Whether there are policies.

    Args:
        database: The database.
    """
    ((found,),) = database.rows(_PROTECTED)
    return bool(found)


def unprotected(database: Database) -> list[str]:
    """The tables with rows of tenants that lack their policy, as SQL names them.

    Args:
        database: The database.
    """
    names = [*re.findall(r"TABLE IF NOT EXISTS (\w+)", " ".join(TABLES)), *_tables_of_kinds(database)]
    held = database.rows(_HELD, (names,))
    return [table for table, whole, rows in held if not whole or _plain(rows) != _plain(_ROWS)]


def _tables_of_kinds(database: Database) -> Iterator[str]:
    """The tables of every kind that was ever prepared, by whomever."""
    for (name,) in database.rows("SELECT name FROM crm_meta WHERE name LIKE 'tables of %'"):
        yield quoted(f"crm_{name.removeprefix('tables of ')}")


def _plain(condition: str) -> str:
    """A condition without what versions of PostgreSQL write differently."""
    return re.sub(r"::text|[()\s]", "", condition).lower()


def protect(database: Database, tables: Iterable[str]) -> None:
    """Show each tenant only its own rows of some tables, within a transaction.

    Args:
        database: The database.
        tables: The tables, as SQL names them.

    Raises:
        StoreError: Policies do not bind the role that asks.
    """
    check_bound(database)
    for table in tables:
        for sql in _PROTECT:
            database.rows(sql.format(table))


def check_bound(database: Database) -> None:
    """Refuse a role that policies do not bind: what it makes, they would not keep apart.

    Args:
        database: The database.

    Raises:
        StoreError: It is a superuser, or may pass by policies.
    """
    ((free,),) = database.rows("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    if free:
        message = f"{database.path}: row-level security does not bind superusers and roles with BYPASSRLS"
        raise StoreError(f"{message}; let another role make the tables, and connect as that one")
