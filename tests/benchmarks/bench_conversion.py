"""What converting a lead costs beside the raw statements that write the same rows.

``python tests/benchmarks/bench_conversion.py`` converts qualified leads, each into an account, a contact, an
affiliation and a deal, asks once more what they became, and takes the conversions back. The statements run on a copy
of the file from just before and leave every table as crmcore left it: the log, the records as they stand, the words
they are found by; a transaction for each lead. *Ready rows* are made before the clock starts: nothing but statements
is timed. *By hand* adds what a careful program does itself: it makes ids, looks up the last time and the records that
are there, and writes JSON and its checksums. In memory, dictionaries are made and kept, without any checks; and the
same account, contact and deal are added to the CRM one by one.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from side_by_side import Line, Work, cost, in_memory, quickest, seconds, show, speed

from crmcore import CRM, Lead

LEADS = 100
ROUNDS = 12
TENANT = "default"
KINDS = ("lead", "account", "contact", "affiliation", "opportunity")
TABLES = ("crm_change", "crm_claim", "crm_word", "crm_words", *(f"crm_{kind}" for kind in KINDS))
ACTS = ("convert", "convert again", "revert a conversion")

Row = tuple[Any, ...]
Statement = tuple[str, list[Row]]


@attrs.define(eq=False)
class Ours:
    """Leads in crmcore."""

    crm: CRM
    owner: str
    leads: list[Lead] = attrs.field(factory=list)

    @classmethod
    def over(cls, store: Path | None) -> Ours:
        """A CRM with somebody who owns leads."""
        crm = CRM(store, by="ana")
        return cls(crm, crm.staff.add(name="Ana Sousa").id)

    def qualify(self) -> None:
        """Capture leads, with what a form on a web site asks, and qualify them."""
        desk = self.crm.leads
        for number in range(LEADS):
            lead = desk.capture(
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
            self.leads.append(desk.qualify(lead))

    def convert(self) -> None:
        """Convert each; those that are converted give what they became."""
        for lead in self.leads:
            self.crm.leads.convert(lead.id, amount="12000")

    def revert(self) -> None:
        """Take the conversion of each back."""
        for lead in self.leads:
            self.crm.leads.revert_conversion(lead.id)

    def add(self) -> None:
        """Add what each would become, one by one."""
        crm = self.crm
        for lead in self.leads:
            whence = {"source": lead.source, "owner": lead.owner}
            firm = crm.accounts.add(name=lead.company, website=lead.website, **whence)
            known = {"name": lead.name, "email": lead.email, "phone": lead.phone, "job_title": lead.job_title}
            person = crm.contacts.add(account=firm.id, **known, **whence)
            told = {"account": firm.id, "contact": person.id, "owner": lead.owner}
            crm.opportunities.add(name=lead.company, amount="12000", **told)


# --- the same rows, by statements alone -------------------------------------------------------------------------------


@attrs.define(eq=False)
class Commit:
    """What one commit wrote.

    Attributes:
        statements: The statements that write it, with their rows.
        known: The records of it that were there before, by table and id.
        made: How many were not.
        texts: What the JSON in it says.
    """

    statements: list[Statement] = attrs.field(factory=list)
    known: list[tuple[str, str]] = attrs.field(factory=list)
    made: int = 0
    texts: list[Any] = attrs.field(factory=list)


class Raw:
    """A copy of crmcore's file, and statements."""

    def __init__(self, source: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self.file = sqlite3.connect(path, isolation_level=None)
        source.backup(self.file)
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")

    def write(self, commits: Sequence[Commit]) -> None:
        """A transaction for each, of rows ready made."""
        run, many = self.file.execute, self.file.executemany
        for commit in commits:
            run("BEGIN IMMEDIATE")
            for sql, rows in commit.statements:
                many(sql, rows)
            run("COMMIT")

    def read(self, ids: Sequence[tuple[str, str]]) -> None:
        """Fetch records, by table and id."""
        for table, id in ids:
            self.fetch(table, id)

    def fetch(self, table: str, id: str) -> Row:
        """One record."""
        sql = f"SELECT id, version, body, checksum FROM {table} WHERE tenant = ? AND id = ?"
        found: Row = self.file.execute(sql, (TENANT, id)).fetchone()
        return found


class ByHand(Raw):
    """The same with the care a program takes."""

    def write(self, commits: Sequence[Commit]) -> None:
        """For each: make ids, look up, encode, write."""
        run, many = self.file.execute, self.file.executemany
        for commit in commits:
            assert len({uuid.uuid4() for _ in range(commit.made + 1)}) == commit.made + 1
            run("BEGIN IMMEDIATE")
            run("SELECT seq, recorded_at FROM crm_change ORDER BY seq DESC LIMIT 1").fetchone()
            self.read(commit.known)
            for text in commit.texts:
                zlib.crc32(json.dumps(text).encode())
            for sql, rows in commit.statements:
                many(sql, rows)
            run("COMMIT")

    def read(self, ids: Sequence[tuple[str, str]]) -> None:
        """Fetch records, check the body of each, and make it a dictionary."""
        for table, id in ids:
            _, version, body, checksum = self.fetch(table, id)
            assert zlib.crc32(f"{id} {version} {body}".encode()) == checksum
            json.loads(body)


def differences(source: sqlite3.Connection, other: Path) -> Iterator[tuple[str, list[str], list[Row], list[Row]]]:
    """For each table its columns, the rows that are only in the other file, and those that are only in the first."""
    source.execute("ATTACH ? AS other", (str(other),))
    for table in TABLES:
        ours, theirs = f"SELECT * FROM main.{table}", f"SELECT * FROM other.{table}"
        come = source.execute(f"{ours} EXCEPT {theirs}")
        names = [column[0] for column in come.description]
        yield table, names, source.execute(f"{theirs} EXCEPT {ours}").fetchall(), come.fetchall()
    source.execute("DETACH other")


def commits(source: sqlite3.Connection, before: Path) -> list[Commit]:
    """What crmcore wrote since a copy of its file was made."""
    done: dict[str, Commit] = {}
    of: dict[str, Commit] = {}
    for table, names, gone, come in differences(source, before):
        id = names.index("id")
        if table == "crm_change":
            texts = [names.index(name) for name in ("sets", "body")]
            for row in come:
                of[row[id]] = done.setdefault(row[names.index("commit_id")], Commit())
                of[row[id]].texts += [json.loads(row[place]) for place in texts]
        stands = table.removeprefix("crm_") in KINDS
        was = {row[id] for row in gone} if stands else set()
        for row in come:
            of[row[id]].made += stands and row[id] not in was
            of[row[id]].known += [(table, row[id])] if row[id] in was else []
        olds = [row for row in gone if not stands]
        news = [row for row in come if row[id] not in was]
        for sql, rows in (
            (_delete(table, names), olds),
            (_insert(table, names), news),
            (_update(table, names), [row for row in come if row[id] in was]),
        ):
            for row in rows:
                mine = of[row[id]].statements
                if not mine or mine[-1][0] != sql:
                    mine.append((sql, []))
                mine[-1][1].append((*row[2:], *row[:2]) if sql.startswith("UPDATE") else row)
    return [*done.values()]
