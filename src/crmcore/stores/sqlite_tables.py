"""The tables of a SQLite file: made when they are missing, mended when a kind has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Corrupt, Invalid, Problem
from crmcore.kernel.keys import columns_of
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.words import RULES, searchable, words_of
from crmcore.stores.codec import decode
from crmcore.stores.database import Database
from crmcore.stores.migrations import bring_up
from crmcore.stores.rows import key_values
from crmcore.stores.schema import FORMAT, TABLES, added_columns, kind_tables, quoted, table_of, view_of
from crmcore.stores.sql_words import Moved, move_words

__all__ = ["check_format", "declared", "derive", "make_tables", "statements_of"]


def check_format(file: Database) -> None:
    """Make the tables every file has when none are there; bring up an older format, and refuse a newer one.

    Args:
        file: The file.

    Raises:
        SchemaTooNew: The file was written by a newer crmcore.
        Corrupt: It is of an older format and damaged, or of none that can be told.
        ReadOnly: It is of an older format and may not be written.
    """
    if not _present(file):
        with file.writing():
            if not _present(file):  # asked again: another process may have been faster
                for statement in TABLES:
                    file.rows(statement)
                file.rows("INSERT INTO crm_meta VALUES ('format', ?)", (str(FORMAT),))
    bring_up(file, "sqlite")


def _present(file: Database) -> bool:
    """Whether a file has our tables.

    Raises:
        Corrupt: It has the log, but nothing says of which format.
    """
    found = {row[0] for row in file.rows("SELECT name FROM sqlite_master WHERE name IN ('crm_meta', 'crm_change')")}
    if found == {"crm_change"}:
        message = f"{file.path} does not say which format it has; restore it from a backup"
        raise Corrupt(message)
    return bool(found)


def statements_of(kinds: Sequence[Kind[Any]]) -> tuple[str, ...]:
    """The statements that make every table, index and view in an empty file.

    Args:
        kinds: The kinds.
    """
    each = [sql for kind in kinds for sql in (*kind_tables(kind), view_of(kind), _declare(kind))]
    return (*TABLES, f"INSERT INTO crm_meta VALUES ('format', '{FORMAT}')", *each)


def make_tables(file: Database, kinds: Sequence[Kind[Any]]) -> None:
    """Bring the tables, indexes and views of kinds up to what they declare.

    Args:
        file: The file.
        kinds: The kinds.
    """
    if _missing(file, kinds):
        with file.writing():
            for kind, statements in _missing(file, kinds):  # asked again: another process may have been faster
                _upgrade(file, kind, statements)


def _missing(file: Database, kinds: Iterable[Kind[Any]]) -> list[tuple[Kind[Any], list[str]]]:
    """The kinds whose tables are not as they declare, with the statements that mend it."""
    present = dict(file.rows("SELECT name, sql FROM sqlite_master"))
    mends = [(kind, _mend(file, kind, present)) for kind in kinds]
    return [(kind, statements) for kind, statements in mends if statements]


def _mend(file: Database, kind: Kind[Any], present: dict[str, str | None]) -> list[str]:
    """The statements that bring a kind's table, columns, indexes and view up to its declaration."""
    statements = [] if _kept(file, kind) == declared(kind) else [_declare(kind)]
    if f"crm_{kind.name}" in present:
        columns = {row[1] for row in file.rows(f"PRAGMA table_info({table_of(kind)})")}
        statements += added_columns(kind, columns)
    indexes = {f"ix_crm_{kind.name}_{field.name}" for field in kind.keys}
    if not {f"crm_{kind.name}", *indexes} <= present.keys():
        statements += kind_tables(kind)
    view = view_of(kind)
    if present.get(kind.plural) != view:
        statements += [f"DROP VIEW IF EXISTS {quoted(kind.plural)}", view]
    return statements


def _upgrade(file: Database, kind: Kind[Any], statements: Sequence[str]) -> None:
    for statement in statements:
        file.rows(statement)
    if _declare(kind) in statements:
        derive(file, kind)


def declared(kind: Kind[Any]) -> str:
    """What a kind's derived columns, claims and words depend on."""
    keys = [f"{field.name} {field.type} {field.scale}" for field in kind.keys]
    unique = [f"unique {field.name} {field.type} {field.scale}" for field in kind.unique]
    return ", ".join([*keys, *unique, *(f"words {RULES} {name}" for name in searchable(kind))])


def _declare(kind: Kind[Any]) -> str:
    return f"INSERT OR REPLACE INTO crm_meta VALUES ('keys of {kind.name}', '{declared(kind)}')"


def _kept(file: Database, kind: Kind[Any]) -> str | None:
    """What the columns, claims and words were derived by."""
    rows = file.rows("SELECT value FROM crm_meta WHERE name = ?", (f"keys of {kind.name}",))
    return str(rows[0][0]) if rows else None


def derive(file: Database, kind: Kind[Any]) -> None:
    """Derive key columns, claims and words of every record anew: the declaration is not the one they were made by."""
    rows = file.rows(f"SELECT tenant, id, version, body FROM {table_of(kind)}")
    records = [(tenant, decode(kind, id, version, body)) for tenant, id, version, body in rows]
    names = [name for field in kind.keys for name in columns_of(field)]
    if names and records:
        sets = ", ".join(f"{quoted(name)} = ?" for name in names)
        values = [(*key_values(kind, record), tenant, record.id) for tenant, record in records]
        file.many(f"UPDATE {table_of(kind)} SET {sets} WHERE tenant = ? AND id = ?", values)
    claims = [
        (tenant, kind.name, *claim, record.id, int(live))
        for tenant, record in records
        for claim, live in claims_of(kind, record).items()
    ]
    _check_unique(kind, claims)
    file.rows("DELETE FROM crm_claim WHERE kind = ?", (kind.name,))
    file.many("INSERT INTO crm_claim VALUES (?, ?, ?, ?, ?, ?)", claims)
    _derive_words(file, kind, records)


def _derive_words(file: Database, kind: Kind[Any], records: Iterable[tuple[str, Record]]) -> None:
    """Find every record by its own words alone."""
    for table in ("crm_word", "crm_words"):
        file.rows(f"DELETE FROM {table} WHERE kind = ?", (kind.name,))
    moved: dict[str, list[Moved]] = {}
    for tenant, record in records:
        moved.setdefault(tenant, []).append((kind.name, record.id, frozenset(), words_of(kind, record)))
    for tenant, mine in moved.items():
        move_words(file, tenant, mine)


def _check_unique(kind: Kind[Any], claims: Iterable[tuple[Any, ...]]) -> None:
    """Refuse to open a file whose records share what has been declared unique since."""
    held: dict[tuple[str, ...], str] = {}
    problems = []
    for tenant, _, field, value, id, live in claims:
        other = held.setdefault((tenant, field, value), id) if live else id
        if other != id:
            mend = "open it without unique=True once, and give one of them another value"
            problems.append(Problem(f"{field} of {kind.name} {id}", f"that of {other}", "a value of its own", mend))
    if problems:
        raise Invalid(problems)
