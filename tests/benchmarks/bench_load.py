"""What a bulk load costs, beside reading the rows and putting the very same rows into the same tables.

``python tests/benchmarks/bench_load.py`` loads a CSV file of 100,000 contacts into a CRM, in memory and in SQLite,
and then once more, when nothing changes. Beside it stand the csv module and ``executemany`` of ready rows: every row
of every table that crmcore wrote, with the same indexes under the same pragmas, in one transaction; no types, no
checks, no ids made, no JSON written.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from side_by_side import Line, cost, in_memory, seconds, show

from crmcore import CRM

CONTACTS = 100_000
ROUNDS = 2
HEAD = ("id", "name", "email", "phone", "job_title", "source")


def write(path: Path) -> None:
    """A file of contacts, all different."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEAD)
        for n in range(CONTACTS):
            email, phone = f"ada{n}@engines.example", f"+44 20 {n:08d}"
            out.writerow((f"C{n}", f"Ada {n} Lovelace", email, phone, "Head of IT", "webinar"))


@attrs.frozen
class Raw:
    """The rows crmcore wrote, table by table."""

    schema: list[str]
    tables: dict[str, list[tuple[Any, ...]]]

    @classmethod
    def of(cls, path: Path) -> Raw:
        """All that is in a file."""
        source = sqlite3.connect(path)
        asked = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'view' ORDER BY type DESC"
        made = [(name, sql) for name, sql in source.execute(asked) if not name.startswith("sqlite_")]
        names = [name for name, sql in made if sql.startswith("CREATE TABLE")]
        tables = {name: source.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
        source.close()
        return cls([sql for _, sql in made], {name: rows for name, rows in tables.items() if rows})

    def write(self, rows: Path, path: Path) -> None:
        """Read the file, and write the rows."""
        with rows.open(encoding="utf-8", newline="") as file:
            assert len(list(csv.reader(file))) == CONTACTS + 1
        store = sqlite3.connect(path, isolation_level=None)
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("PRAGMA synchronous = FULL")
        for sql in self.schema:
            store.execute(sql)
        store.execute("BEGIN IMMEDIATE")
        for name, ready in self.tables.items():
            store.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(ready[0]))})', ready)
        store.execute("COMMIT")
        store.close()


def load(rows: Path, store: Path | None) -> list[float]:
    """The seconds of a plan, of a load, and of the same again."""
    with CRM(store) as crm:
        contacts = crm.contacts
        return [
            seconds(lambda: contacts.load(rows, key="id", dry_run=True)),
            seconds(lambda: contacts.load(rows, key="id")),
            seconds(lambda: contacts.load(rows, key="id")),
        ]


def lines() -> Iterator[Line]:
    """One line for each thing to do."""
    with in_memory() as folder:
        rows = folder / "contacts.csv"
        write(rows)
        times: list[list[float]] = []
        for place in range(ROUNDS):
            ours, theirs = folder / f"ours{place}.db", folder / f"raw{place}.db"
            found = [*load(rows, None), *load(rows, ours)]
            raw = Raw.of(ours)
            times.append([*found, seconds(lambda raw=raw, theirs=theirs: raw.write(rows, theirs))])
            for path in folder.glob("*.db*"):
                path.unlink()
        *least, raw_least = (min(each) for each in zip(*times, strict=True))
        beside = "csv and executemany of the same rows, ready made"
        for where, (plan, whole, again) in (("in memory", least[:3]), ("in SQLite", least[3:])):
            yield cost(f"load {CONTACTS:,} contacts, {where}", beside, whole, raw_least)
            yield cost(f"of that: reading, checking, planning, {where}", beside, plan, raw_least)
            yield cost(f"the same again, nothing to write, {where}", beside, again, raw_least)


if __name__ == "__main__":
    show(lines())
