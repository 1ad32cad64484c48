"""The tables a SQL store keeps: one per kind, one log, and some small ones beside it.

Names come from declared kinds and fields only, both plain lower-case words, so nothing a user types
ever becomes part of a statement.
"""

from __future__ import annotations

from typing import Any

from crmcore.kernel.currency import MINOR_UNITS
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import Field
from crmcore.kernel.keys import columns_of
from crmcore.kernel.records import Kind

__all__ = ["FORMAT", "TABLES", "added_columns", "kind_tables", "quoted", "table_of", "view_of"]

FORMAT = 2
"""The version of the file format."""

TABLES = (
    "CREATE TABLE IF NOT EXISTS crm_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS crm_change (
        seq INTEGER PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
        commit_id TEXT NOT NULL, what TEXT NOT NULL, "at" INTEGER NOT NULL, recorded_at INTEGER NOT NULL,
        "by" TEXT, reason TEXT, horizon INTEGER NOT NULL, late INTEGER NOT NULL, "schema" INTEGER NOT NULL,
        playbook TEXT NOT NULL, sets TEXT NOT NULL, seal INTEGER NOT NULL,
        body TEXT NOT NULL, checksum INTEGER NOT NULL, UNIQUE (tenant, kind, id, version))""",
    "CREATE INDEX IF NOT EXISTS ix_crm_change_horizon ON crm_change (tenant, kind, id, horizon, version)",
    "CREATE INDEX IF NOT EXISTS ix_crm_change_commit ON crm_change (tenant, commit_id)",
    """CREATE TABLE IF NOT EXISTS crm_claim (
        tenant TEXT NOT NULL, kind TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
        live INTEGER NOT NULL, PRIMARY KEY (tenant, kind, field, value, id))""",
    "CREATE UNIQUE INDEX IF NOT EXISTS ix_crm_claim_live ON crm_claim (tenant, kind, field, value) WHERE live = 1",
    """CREATE TABLE IF NOT EXISTS crm_key (
        tenant TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, commit_id TEXT NOT NULL,
        PRIMARY KEY (tenant, key))""",
    """CREATE TABLE IF NOT EXISTS crm_alias (
        tenant TEXT NOT NULL, id TEXT NOT NULL, survivor TEXT NOT NULL, PRIMARY KEY (tenant, id))""",
    "CREATE INDEX IF NOT EXISTS ix_crm_alias_survivor ON crm_alias (tenant, survivor)",
    """CREATE TABLE IF NOT EXISTS crm_word (
        tenant TEXT NOT NULL, kind TEXT NOT NULL, word TEXT NOT NULL, id TEXT NOT NULL,
        PRIMARY KEY (tenant, kind, word, id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS crm_words (
        tenant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, words TEXT NOT NULL,
        PRIMARY KEY (tenant, kind, id)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS crm_cursor (
        tenant TEXT NOT NULL, consumer TEXT NOT NULL, place TEXT NOT NULL, PRIMARY KEY (tenant, consumer))""",
    "CREATE TABLE IF NOT EXISTS crm_secret (tenant TEXT PRIMARY KEY, secret TEXT NOT NULL)",
)

OWN = frozenset({"secret", "meta", "change", "claim", "key", "alias", "trait", "word", "words", "cursor"})
"""Kinds may not be named so: their tables would be ours."""

_COLUMN = {"text": "TEXT", "date": "TEXT"}


def quoted(name: str) -> str:
    """A declared name as an SQL identifier."""
    return f'"{name}"'


def table_of(kind: Kind[Any]) -> str:
    """The table that holds a kind's records as they stand.

    Args:
        kind: The kind.

    Raises:
        Invalid: The kind's name is one of the store's own tables.
    """
    if kind.name in OWN:
        raise Invalid([Problem("kind", kind.name, f"a name other than {', '.join(sorted(OWN))}", "rename the kind")])
    return quoted(f"crm_{kind.name}")


def key_columns(field: Field) -> list[tuple[str, str]]:
    """A field's key columns with their SQL types."""
    types = ["TEXT", "INTEGER"] if field.type == "money" else [_COLUMN.get(field.type, "INTEGER")]
    return list(zip(columns_of(field), types, strict=True))


def kind_tables(kind: Kind[Any]) -> list[str]:
    """The statements that make a kind's table and its indexes, unless they are there.

    Args:
        kind: The kind.
    """
    keys = "".join(f"{quoted(name)} {type}, " for field in kind.keys for name, type in key_columns(field))
    table = table_of(kind)
    made = (
        f"CREATE TABLE IF NOT EXISTS {table} (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
        '"schema" INTEGER NOT NULL, "first" INTEGER NOT NULL, horizon INTEGER NOT NULL, '
        "late_from INTEGER, late_until INTEGER, "
        f"recorded_at INTEGER NOT NULL, deleted_at INTEGER, {keys}body TEXT NOT NULL, checksum INTEGER NOT NULL, "
        "UNIQUE (tenant, id))"
    )
    return [made, *(_index(kind, field) for field in kind.keys)]


def _index(kind: Kind[Any], field: Field) -> str:
    columns = ", ".join(map(quoted, columns_of(field)))
    name = quoted(f"ix_crm_{kind.name}_{field.name}")
    return f"CREATE INDEX IF NOT EXISTS {name} ON {table_of(kind)} (tenant, {columns}, id) WHERE deleted_at IS NULL"


def added_columns(kind: Kind[Any], present: set[str]) -> list[str]:
    """The statements that give an older table the key columns its kind has gained.

    Args:
        kind: The kind.
        present: The columns the table has.
    """
    return [
        f"ALTER TABLE {table_of(kind)} ADD COLUMN {quoted(name)} {type}"
        for field in kind.keys
        for name, type in key_columns(field)
        if name not in present
    ]


def view_of(kind: Kind[Any]) -> str:
    """The statement that makes a kind's view: live records as plain columns, for notebooks and BI tools.

    Args:
        kind: The kind.
    """
    columns = ", ".join(
        ["tenant", "id", "version", *(column for field in kind.fields.values() for column in _shown(field))]
    )
    return f"CREATE VIEW {quoted(kind.plural)} AS SELECT {columns} FROM {table_of(kind)} WHERE deleted_at IS NULL"


def _shown(field: Field) -> list[str]:
    """A field as columns of its kind's view."""
    if field.name == "deleted_at":
        return []
    raw = f"json_extract(body, '$.{field.name}')"
    name = quoted(field.name)
    if field.type == "money":
        minor, currency = (f"json_extract(body, '$.{field.name}[{place}]')" for place in (0, 1))
        cases = " ".join(f"WHEN {currency} IN ({_coded(digits)}) THEN {minor} / {10.0**digits}" for digits in (0, 3, 4))
        return [f"CASE {cases} ELSE {minor} / 100.0 END AS {name}", f"{currency} AS {quoted(f'{field.name}_currency')}"]
    if field.type == "instant":
        return [f"strftime('%Y-%m-%dT%H:%M:%fZ', {raw} / 1000000.0, 'unixepoch') AS {name}"]
    return [f"{raw} AS {name}"]


def _coded(digits: int) -> str:
    """The currencies with so many minor digits, as SQL text."""
    return ", ".join(f"'{code}'" for code, units in MINOR_UNITS.items() if units == digits)
