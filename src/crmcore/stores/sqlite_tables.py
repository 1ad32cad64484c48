"""The tables of a SQLite file: made when they are missing, mended when a kind has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crmcore.kernel.errors import SchemaTooNew
from crmcore.kernel.keys import columns_of
from crmcore.kernel.records import Kind
from crmcore.stores.codec import decode
from crmcore.stores.rows import key_values
from crmcore.stores.schema import FORMAT, TABLES, added_columns, kind_tables, quoted, table_of, view_of
from crmcore.stores.sqlite_file import SqliteFile

__all__ = ["check_format", "make_tables"]


def check_format(file: SqliteFile) -> None:
    """Refuse a newer format; make the tables every file has when they are not there.

    Args:
        file: The file.

    Raises:
        SchemaTooNew: The file was written by a newer crmcore.
    """
    known = file.rows("SELECT 1 FROM sqlite_master WHERE name = 'crm_meta'")
    if not known:
        with file.writing():
            for statement in TABLES:
                file.rows(statement)
            file.rows("INSERT OR IGNORE INTO crm_meta VALUES ('format', ?)", (str(FORMAT),))
    found = file.rows("SELECT value FROM crm_meta WHERE name = 'format'")
    if found != [(str(FORMAT),)]:
        shown = found[0][0] if found else "unknown"
        message = f"{file.path} has format {shown}, this crmcore reads format {FORMAT}; upgrade crmcore"
        raise SchemaTooNew(message)


def make_tables(file: SqliteFile, kinds: Sequence[Kind[Any]]) -> None:
    """Bring the tables, indexes and views of kinds up to what they declare.

    Args:
        file: The file.
        kinds: The kinds.
    """
    if _missing(file, kinds):
        with file.writing():
            for kind, statements in _missing(file, kinds):  # asked again: another process may have been faster
                _upgrade(file, kind, statements)


def _missing(file: SqliteFile, kinds: Iterable[Kind[Any]]) -> list[tuple[Kind[Any], list[str]]]:
    """The kinds whose tables are not as they declare, with the statements that mend it."""
    present = dict(file.rows("SELECT name, sql FROM sqlite_master"))
    mends = [(kind, _mend(file, kind, present)) for kind in kinds]
    return [(kind, statements) for kind, statements in mends if statements]


def _mend(file: SqliteFile, kind: Kind[Any], present: dict[str, str | None]) -> list[str]:
    """The statements that bring a kind's table, columns, indexes and view up to its declaration."""
    statements = []
    if f"crm_{kind.name}" in present:
        columns = {row[1] for row in file.rows(f"PRAGMA table_info({table_of(kind)})")}
        statements += added_columns(kind, columns)
    indexes = {f"crm_{kind.name}_{field.name}" for field in kind.keys}
    if not {f"crm_{kind.name}", *indexes} <= present.keys():
        statements += kind_tables(kind)
    view = view_of(kind)
    if present.get(kind.plural) != view:
        statements += [f"DROP VIEW IF EXISTS {quoted(kind.plural)}", view]
    return statements


def _upgrade(file: SqliteFile, kind: Kind[Any], statements: Sequence[str]) -> None:
    for statement in statements:
        file.rows(statement)
    if any(statement.startswith("ALTER") for statement in statements):
        _fill(file, kind)


def _fill(file: SqliteFile, kind: Kind[Any]) -> None:
    """Give the key columns of older rows their values."""
    names = [name for field in kind.keys for name in columns_of(field)]
    table = table_of(kind)
    rows = file.rows(f"SELECT rowid, id, version, body FROM {table}")
    values = [(*key_values(kind, decode(kind, id, version, body)), row) for row, id, version, body in rows]
    sets = ", ".join(f"{quoted(name)} = ?" for name in names)
    file.many(f"UPDATE {table} SET {sets} WHERE rowid = ?", values)
