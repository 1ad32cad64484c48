"""What converting a lead costs beside the raw statements that write the same rows.

``python tests/benchmarks/bench_conversion.py`` converts qualified leads, each into an account, a contact, an
affiliation and a deal, asks again what they became, and takes the conversions back. The statements work on a copy
of the file from just before, and leave the very rows crmcore left: the log, the records as they stand, what they
claim and the words they are found by, in a transaction for each lead. *Ready rows* are made before the clock starts:
nothing but statements is timed. *By hand* adds what a careful program does itself: it makes ids, looks up the last
time and the lead, and writes JSON and checksums. In memory the same values are put into dictionaries, under no checks.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from side_by_side import Line, Work, cost, in_memory, seconds, show, speed

from crmcore import CRM, Lead

LEADS = 100
ROUNDS = 12
TENANT = "default"
BODY = ("body", "checksum")
KINDS = ("account", "contact", "affiliation", "opportunity", "lead")
TABLES = ("crm_change", "crm_claim", "crm_word", "crm_words", *(f"crm_{kind}" for kind in KINDS))
FOUND_BY = ("crm_claim", "crm_word", "crm_words")

Row = dict[str, Any]
Write = tuple[str, str, list[Row]]
"""A table, ``insert``, ``update`` or ``delete``, and the rows: those deleted as they were, the others as they are."""


@attrs.define(eq=False)
class Ours:
    """Leads in crmcore."""

    crm: CRM
    owner: str
    leads: list[Lead] = attrs.field(factory=list)

    def qualify(self) -> None:
        """Capture leads and qualify them."""
        self.leads = [self.crm.leads.qualify(self.captured(number)) for number in range(LEADS)]

    def captured(self, number: int) -> Lead:
        """A lead with what a web form asks."""
        return self.crm.leads.capture(
            name=f"Ada Lovelace {number}",
            job_title="Analyst",
            company=f"Analytical Engines {number}",
            website=f"https://engines{number}.example",
            email=f"ada{number}@engines.example",
            phone=f"+44 20 7946 {number:04}",
            source="webinar",
            owner=self.owner,
            consents={"email": "granted"},
        )

    def convert(self) -> None:
        """Convert each."""
        for lead in self.leads:
            self.crm.leads.convert(lead, amount="12000")

    def again(self) -> None:
        """Convert each again, as somebody does who has not heard of it."""
        for lead in self.leads:
            self.crm.leads.convert(lead, amount="12000")

    def revert(self) -> None:
        """Take the conversion of each back."""
        for lead in self.leads:
            self.crm.leads.revert_conversion(lead.id)


# --- the same rows, by statements alone -------------------------------------------------------------------------------


class Raw:
    """Statements on a copy of crmcore's file."""

    def __init__(self, source: sqlite3.Connection, path: Path) -> None:
        self.file = sqlite3.connect(path, isolation_level=None)
        source.backup(self.file)
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")

    def run(self, write: Write) -> None:
        """One statement, for all its rows."""
        table, how, rows = write
        names = [f'"{name}"' for name in rows[0]]
        told: list[Any] = [tuple(row.values()) for row in rows]
        if how == "insert":
            sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
        elif how == "delete":
            sql = f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in names)}"
        else:
            sql = f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names[2:])} WHERE tenant = ? AND id = ?"
            told = [(*row[2:], *row[:2]) for row in told]
        self.file.executemany(sql, told)

    def write(self, commits: Sequence[Sequence[Write]]) -> None:
        """A transaction for each commit, of rows ready made."""
        for writes in commits:
            self.file.execute("BEGIN IMMEDIATE")
            for write in writes:
                self.run(write)
            self.file.execute("COMMIT")

    def read(self, wanted: Sequence[Mapping[str, str]]) -> None:
        """Records by kind and id."""
        for ids in wanted:
            for kind, id in ids.items():
                self.fetch(kind, id)

    def fetch(self, kind: str, id: str) -> Any:  # noqa: ANN401 - a row
        """One record."""
        sql = f"SELECT version, body, checksum FROM crm_{kind} WHERE tenant = ? AND id = ?"
        return self.file.execute(sql, (TENANT, id)).fetchone()


class ByHand(Raw):
    """Statements, with the care a program takes."""

    def write(self, commits: Sequence[Sequence[Write]]) -> None:
        """A transaction for each commit: make ids, look up, encode, write."""
        for writes in commits:
            assert len({uuid.uuid4() for _ in KINDS}) == len(KINDS)
            self.file.execute("BEGIN IMMEDIATE")
            self.file.execute("SELECT seq, recorded_at FROM crm_change ORDER BY seq DESC LIMIT 1").fetchone()
            for table, how, rows in writes:
                if how == "update":
                    for row in rows:
                        self.look(table.removeprefix("crm_"), row["id"])
                self.run((table, how, [encoded(row) for row in rows] if BODY[0] in rows[0] else rows))
            self.file.execute("COMMIT")

    def read(self, wanted: Sequence[Mapping[str, str]]) -> None:
        """Records by kind and id, each body checked and made a dictionary."""
        for ids in wanted:
            for kind, id in ids.items():
                self.look(kind, id)

    def look(self, kind: str, id: str) -> None:
        """One record, checked."""
        version, body, checksum = self.fetch(kind, id)
        assert zlib.crc32(f"{id} {version} {body}".encode()) == checksum
        json.loads(body)


def encoded(row: Row) -> Row:
    """A row whose JSON is written now, and its checksum."""
    text = {name: json.dumps(row[f"{name} read"]) for name in ("sets", "body") if name in row}
    told = {name: value for name, value in row.items() if not name.endswith(" read")}
    sum = zlib.crc32(f"{row['id']} {row['version']} {text['body']}".encode())
    return told | text | {"checksum": sum}
