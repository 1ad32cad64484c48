"""Many rows at once: by COPY where that is quicker than statements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["copied", "is_bulk"]

BULK = 200
"""From so many rows on."""

_INSERT = re.compile(r"INSERT INTO (\S+)\s*(\(.*?\))?\s*VALUES \([%s, ]+\)\s*(ON CONFLICT .*)?", re.DOTALL)


def is_bulk(sql: str, rows: Sequence[Sequence[Any]]) -> bool:
    """Whether rows are better copied than inserted.

    Args:
        sql: The statement they are for.
        rows: Its values, each time.
    """
    return len(rows) >= BULK and _INSERT.fullmatch(sql) is not None


def copied(connection: Connection[Any], sql: str, rows: Sequence[Sequence[Any]]) -> None:
    """Copy rows to where a statement would have inserted them, within a transaction.

    Where some may be there already, they are copied to a table of their own first and told apart by the server.

    Args:
        connection: The connection.
        sql: The statement.
        rows: Its values, each time.
    """
    found = _INSERT.fullmatch(sql)
    assert found is not None
    table, columns, conflict = found[1], found[2] or "", found[3]
    target = "crm_copied" if conflict else table
    with connection.cursor() as cursor:
        if conflict:
            cursor.execute(f"CREATE TEMP TABLE crm_copied (LIKE {table}) ON COMMIT DROP".encode())
        with cursor.copy(f"COPY {target} {columns} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)
        if conflict:
            names = columns.strip("()") or "*"
            cursor.execute(f"INSERT INTO {table} {columns} SELECT {names} FROM crm_copied {conflict}".encode())
            cursor.execute("DROP TABLE crm_copied")
