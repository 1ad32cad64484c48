"""Many rows at once: by COPY where that is quicker than statements."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

__all__ = ["copied", "is_bulk", "pipelined"]

BULK = 200
"""From so many rows on."""

_INSERT = re.compile(r"INSERT INTO (\S+)\s*(\(.*?\))?\s*VALUES \([%s, ]+\)\s*(ON CONFLICT .*)?", re.DOTALL)


@contextlib.contextmanager
def pipelined(connection: Connection[Any]) -> Iterator[None]:
    """Statements that are sent without waiting for each. What goes wrong is raised and not logged, values and all.

    Args:
        connection: The connection.
    """
    first: Exception | None = None
    try:
        with connection.pipeline():
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised below; the driver would log what comes of it
                first = error
    except Exception:
        if first is None:
            raise
    if first is not None:
        raise first


def is_bulk(sql: str, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether rows are better copied than inserted.

    Args:
        sql: The statement they are for.
        rows: Its values, each time.
    """
    return len(rows) >= BULK and _INSERT.fullmatch(sql) is not None


def copied(cursor: Cursor[Any], sql: str, rows: Sequence[Sequence[Any]], *, directly: bool = True) -> None:
    """Copy rows to where a statement would have inserted them, within a transaction.

    Where some may be there already, or tables have policies, they are copied to a table of their own first, and go on
    from there by a statement.

    Args:
        cursor: Where statements are sent to.
        sql: The statement.
        rows: Its values, each time.
        directly: Whether the table may be copied to: PostgreSQL refuses it for one with policies.
    """
    found = _INSERT.fullmatch(sql)
    assert found is not None
    table, columns, conflict = found[1], found[2] or "", found[3] or ""
    names, direct = columns.strip("()") or "*", directly and not conflict
    if not direct:
        empty = f"SELECT {names} FROM {table} WITH NO DATA"
        cursor.execute(f"CREATE TEMP TABLE crm_copied ON COMMIT DROP AS {empty}".encode())
    with cursor.copy(f"COPY {table if direct else 'crm_copied'} {columns} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
    if not direct:
        cursor.execute(f"INSERT INTO {table} {columns} SELECT {names} FROM crm_copied {conflict}".encode())
        cursor.execute("DROP TABLE crm_copied")
