"""The tables of a PostgreSQL store: made when they are missing, mended when a kind has changed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from crmcore.kernel.currency import MINOR_UNITS
from crmcore.kernel.errors import SchemaTooNew, StoreError
from crmcore.kernel.keys import columns_of
from crmcore.kernel.records import Field, Kind
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.stores.schema import FORMAT, TABLES, added_columns, kind_tables, quoted, table_of
from crmcore.stores.sqlite_tables import declared, derive

__all__ = ["check_format", "make_tables", "view_of"]

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Of the first writer, who finds no row to wait for."""

FIRST_OPENING = 4_276_001
"""What those who open an empty database at once wait for."""

LONGEST_NAME = 63
"""Letters of a name; PostgreSQL cuts off the rest."""

_KEEP = "INSERT INTO crm_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_PERSONAL = {"crm_change": ("sets", "body", "reason"), "crm_claim": ("value",), "crm_word": ("word",)}
_PERSONAL |= {"crm_words": ("words",)}


def check_format(database: PostgresDatabase) -> None:
    """Refuse a newer format; make the tables every store has when they are not there.

    Args:
        database: The database.

    Raises:
        SchemaTooNew: The tables were written by a newer crmcore.
        StoreError: The database does not keep its text as UTF-8.
    """
    ((encoding, present),) = database.rows(
        "SELECT current_setting('server_encoding'), to_regclass('crm_words') IS NOT NULL"
    )
    if encoding != "UTF8":
        message = f"{database.path} keeps text as {encoding}; create one with ENCODING 'UTF8'"
        raise StoreError(message)
    if not present:
        database.tried(lambda: _make(database))
    found = database.rows("SELECT value FROM crm_meta WHERE name = 'format'")
    if found != [(str(FORMAT),)]:
        shown = found[0][0] if found else "unknown"
        message = f"{database.path} has format {shown}, this crmcore reads format {FORMAT}; upgrade crmcore"
        raise SchemaTooNew(message)


def _make(database: PostgresDatabase) -> None:
    with database.transaction(BEGIN):
        database.rows("SELECT pg_advisory_xact_lock(?)", (FIRST_OPENING,))  # there is no row yet to wait for
        for sql in TABLES:
            database.rows(sql)
        for table, columns in _PERSONAL.items():
            database.rows(_unsampled(quoted(table), columns))
        database.rows("INSERT INTO crm_meta VALUES ('format', ?) ON CONFLICT DO NOTHING", (str(FORMAT),))


def _unsampled(table: str, columns: Iterable[str]) -> str:
    """The statement that keeps the planner from storing samples of personal values, which no erasure would reach."""
    return f"ALTER TABLE {table} " + ", ".join(f"ALTER {quoted(name)} SET STATISTICS 0" for name in columns)


def make_tables(database: PostgresDatabase, kinds: Sequence[Kind[Any]]) -> None:
    """Bring the tables, indexes and views of kinds up to what they declare.

    Args:
        database: The database.
        kinds: The kinds.
    """
    if _missing(database, kinds):
        database.tried(lambda: _mend(database, kinds))


def _mend(database: PostgresDatabase, kinds: Sequence[Kind[Any]]) -> None:
    with database.writing():
        for kind, names in _missing(database, kinds):  # asked again: another process may have been faster
            for sql in _statements(kind):
                database.rows(sql)
            if f"keys of {kind.name}" in names:
                derive(database, kind)
            database.many(_KEEP, names.items())


def _missing(database: PostgresDatabase, kinds: Iterable[Kind[Any]]) -> list[tuple[Kind[Any], dict[str, str]]]:
    """The kinds whose tables are not as they declare, with what is to be noted once they are."""
    known = dict(database.rows("SELECT name, value FROM crm_meta"))
    found = []
    for kind in kinds:
        wanted = {f"keys of {kind.name}": declared(kind), f"tables of {kind.name}": ";\n".join(_statements(kind))}
        names = {name: value for name, value in wanted.items() if known.get(name) != value}
        if names:
            found.append((kind, names))
    return found


def _statements(kind: Kind[Any]) -> Iterator[str]:
    """The statements that bring a kind's table, columns, indexes and view up to its declaration."""
    table, *indexes = kind_tables(kind)
    yield table
    for sql in added_columns(kind, set()):
        yield sql.replace("ADD COLUMN", "ADD COLUMN IF NOT EXISTS")
    yield from map(_shortened, indexes)
    personal = [name for field in kind.keys if field.personal for name in columns_of(field)]
    yield _unsampled(table_of(kind), ["body", *personal])
    yield f"DROP VIEW IF EXISTS {quoted(kind.plural)}"
    yield view_of(kind)


def _shortened(sql: str) -> str:
    """A statement whose names are no longer than PostgreSQL keeps them."""
    return re.sub(r"\w{64,}", lambda name: f"{name[0][:54]}_{zlib.crc32(name[0].encode()):08x}", sql)


def view_of(kind: Kind[Any]) -> str:
    """The statement that makes a kind's view: live records as plain columns, for notebooks and BI tools.

    Args:
        kind: The kind.
    """
    columns = ", ".join(
        ["tenant", "id", "version", *(column for field in kind.fields.values() for column in _shown(field))]
    )
    return f"CREATE VIEW {quoted(kind.plural)} AS SELECT {columns} FROM {table_of(kind)} WHERE deleted_at IS NULL"


_SHOWN = {"integer": "numeric", "decimal": "numeric", "boolean": "boolean", "date": "date"}


def _shown(field: Field) -> list[str]:
    """A field as columns of its kind's view."""
    if field.name == "deleted_at":
        return []
    name, raw = quoted(field.name), f"(body::json ->> '{field.name}')"
    if field.type == "money":
        minor, currency = (f"(body::json -> '{field.name}' ->> {place})" for place in (0, 1))
        cases = " ".join(f"WHEN {currency} IN ({_coded(digits)}) THEN {_major(minor, digits)}" for digits in (0, 3, 4))
        shown = f"CASE {cases} ELSE {_major(minor, 2)} END"
        return [f"{shown} AS {name}", f"{currency} AS {quoted(f'{field.name}_currency')}"]
    if field.type == "instant":
        return [f"timestamptz 'epoch' + {raw}::bigint * interval '1 microsecond' AS {name}"]
    cast = _SHOWN.get(field.type)
    return [f"{raw}::{cast} AS {name}" if cast else f"{raw} AS {name}"]


def _major(minor: str, digits: int) -> str:
    """Minor units in the unit of their currency, exactly."""
    return f"{minor}::numeric * 1e-{digits}"


def _coded(digits: int) -> str:
    """The currencies with so many minor digits, as SQL text."""
    return ", ".join(f"'{code}'" for code, units in MINOR_UNITS.items() if units == digits)
