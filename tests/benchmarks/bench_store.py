"""What writing and reading a deal costs beside raw SQLite statements.

``python tests/benchmarks/bench_store.py`` opens deals, moves them a stage and reads them by id, in a file in
memory and in one on the disk. The statements write the very rows crmcore wrote, into the same tables with the
same indexes under the same pragmas, and a transaction for each deal. *Ready rows* are made before the clock
starts: nothing but statements is timed. *By hand* adds what a careful program does itself: it makes ids, looks
up the last time and the record's version, and writes JSON and its checksum.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import attrs
from side_by_side import Line, Work, in_memory, seconds, show, speed

from crmcore import CRM, Money, Opportunity

ROUNDS = 15
TENANT = "default"
WORDS = ("crm_word", "crm_words")
WRITE = "INSERT INTO {} VALUES (?, ?, ?, ?)"

Row = tuple[Any, ...]


@attrs.define(eq=False)
class Ours:
    """Deals in crmcore."""

    crm: CRM
    deals: list[Opportunity] = attrs.field(factory=list)

    def create(self, count: int) -> None:
        """Open deals."""
        add = self.crm.opportunities.add
        self.deals = [add(name=f"Roof {n}", amount=Money("12000", "USD"), close_on="2026-12-15") for n in range(count)]

    def change(self) -> None:
        """Move each a stage."""
        advance = self.crm.opportunities.advance
        self.deals = [advance(deal, to="needs analysis") for deal in self.deals]

    def read(self) -> None:
        """Read each by its id."""
        get = self.crm.opportunities.get
        for deal in self.deals:
            get(deal.id)


@attrs.define(eq=False)
class Raw:
    """The same rows, by statements alone."""

    file: sqlite3.Connection
    source: sqlite3.Connection
    log: str
    new: str
    now: str
    sets: int
    rows: list[tuple[Row, Row, Any, Any]] = attrs.field(factory=list)
    words: dict[str, list[tuple[str, list[Row]]]] = attrs.field(factory=dict)

    @classmethod
    def beside(cls, source: sqlite3.Connection, path: Path) -> Raw:
        """A new file with the tables and indexes of another."""
        file = sqlite3.connect(path, isolation_level=None)
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")
        for (sql,) in source.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'view'"):
            file.execute(sql)
        log, deal = (
            [f'"{row[1]}"' for row in source.execute(f"PRAGMA table_info({table})")]
            for table in ("crm_change", "crm_opportunity")
        )
        new = ", ".join(f"{name} = ?" for name in deal[2:])
        return cls(
            file,
            source,
            log=f"INSERT INTO crm_change ({', '.join(log)}) VALUES ({', '.join('?' * len(log))})",
            new=f"INSERT INTO crm_opportunity ({', '.join(deal)}) VALUES ({', '.join('?' * len(deal))})",
            now=f"UPDATE crm_opportunity SET {new} WHERE tenant = ? AND id = ?",
            sets=log.index('"sets"'),
        )

    def take(self, deals: Sequence[Opportunity]) -> None:
        """Fetch the rows crmcore wrote last, and what their JSON says."""
        log = "SELECT * FROM crm_change WHERE tenant = ? AND kind = 'opportunity' AND id = ? AND version = ?"
        now = "SELECT * FROM crm_opportunity WHERE tenant = ? AND id = ?"
        self.rows = []
        for deal in deals:
            logged: Row = self.source.execute(log, (TENANT, deal.id, deal.version)).fetchone()
            kept: Row = self.source.execute(now, (TENANT, deal.id)).fetchone()
            self.rows.append((logged, kept, json.loads(logged[self.sets]), json.loads(kept[-2])))
            self.words[deal.id] = [(WRITE.format(table), self._of(table, deal)) for table in WORDS]

    def _of(self, table: str, deal: Opportunity) -> list[Row]:
        """The words a deal is found by."""
        sql = f"SELECT * FROM {table} WHERE tenant = ? AND kind = 'opportunity' AND id = ?"
        return self.source.execute(sql, (TENANT, deal.id)).fetchall()

    def create(self) -> None:
        """Write rows, ready made."""
        run = self.file.execute
        for logged, kept, _, _ in self.rows:
            run("BEGIN IMMEDIATE")
            run(self.log, logged)
            run(self.new, kept)
            self.find_by(kept[1])
            run("COMMIT")

    def find_by(self, id: str) -> None:
        """Write the words a deal is found by."""
        for sql, rows in self.words[id]:
            self.file.executemany(sql, rows)

    def change(self) -> None:
        """Write a log row and bring the deal's up to date, both ready made."""
        run = self.file.execute
        for logged, kept, _, _ in self.rows:
            run("BEGIN IMMEDIATE")
            run(self.log, logged)
            run(self.now, (*kept[2:], *kept[:2]))
            run("COMMIT")

    def read(self) -> None:
        """Fetch rows by id."""
        for _, kept, _, _ in self.rows:
            self.fetch(kept[1])

    def fetch(self, id: str) -> Row:
        """One row."""
        sql = "SELECT id, version, body, checksum FROM crm_opportunity WHERE tenant = ? AND id = ?"
        found: Row = self.file.execute(sql, (TENANT, id)).fetchone()
        return found


@attrs.define(eq=False)
class ByHand(Raw):
    """The same rows, with the care a program takes."""

    def create(self) -> None:
        """Make ids, look up, encode, write."""
        for logged, kept, sets, body in self.rows:
            assert uuid.uuid4() != uuid.uuid4()
            self.write(self.new, logged, kept, sets, body, last=False)

    def change(self) -> None:
        """Look up, encode, write."""
        for logged, kept, sets, body in self.rows:
            assert uuid.uuid4()
            self.write(self.now, logged, kept, sets, body, last=True)

    def write(self, put: str, logged: Row, kept: Row, sets: Any, body: Any, *, last: bool) -> None:  # noqa: ANN401
        """One careful transaction."""
        run = self.file.execute
        run("BEGIN IMMEDIATE")
        run("SELECT seq, recorded_at FROM crm_change ORDER BY seq DESC LIMIT 1").fetchone()
        found = run("SELECT version, body FROM crm_opportunity WHERE tenant = ? AND id = ?", kept[:2]).fetchone()
        if found is not None:
            json.loads(found[1])
        text = json.dumps(body)
        end = (text, zlib.crc32(text.encode()))
        run(self.log, (*logged[: self.sets], json.dumps(sets), *logged[self.sets + 1 : -2], *end))
        run(put, (*kept[2:-2], *end, *kept[:2]) if last else (*kept[:-2], *end))
        if not last:
            self.find_by(kept[1])
        run("COMMIT")

    def read(self) -> None:
        """Fetch rows by id, check each body, and make it a dict."""
        for _, kept, _, _ in self.rows:
            *_, body, checksum = self.fetch(kept[1])
            assert zlib.crc32(body.encode()) == checksum
            json.loads(body)


def timed(folder: Path, deals: int, typical: Callable[[Iterable[float]], float]) -> dict[str, list[float]]:
    """The seconds of crmcore, of ready rows and by hand, for each thing to do."""
    with CRM(folder / "ours.db") as crm:
        source = sqlite3.connect(folder / "ours.db")
        ours, ready, hand = Ours(crm), Raw.beside(source, folder / "raw.db"), ByHand.beside(source, folder / "hand.db")
        times: dict[str, list[list[float]]] = {"create": [], "change": [], "read": []}
        for _ in range(ROUNDS):
            for name, found in times.items():
                mine: Work = (lambda: ours.create(deals)) if name == "create" else getattr(ours, name)
                first = seconds(mine)
                ready.take(ours.deals)
                hand.rows, hand.words = ready.rows, ready.words
                found.append([first, seconds(getattr(ready, name)), seconds(getattr(hand, name))])
        for file in (source, ready.file, hand.file):
            file.close()
    return {name: [typical(each) for each in zip(*found, strict=True)] for name, found in times.items()}


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with in_memory() as folder:
        for name, (ours, ready, hand) in timed(folder, 200, min).items():
            yield speed(f"{name}, file in memory", "SQL statements, ready rows", ours, ready, 0.6)
            yield speed(f"{name}, file in memory", "SQL statements, by hand", ours, hand)
    with tempfile.TemporaryDirectory() as folder:
        ours, ready, _ = timed(Path(folder), 25, median)["create"]
        yield speed("create, on the disk, each safe before the next", "SQL statements, ready rows", ours, ready, 0.95)


if __name__ == "__main__":
    show(lines())
