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
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
from side_by_side import Line, Work, cost, in_memory, seconds, show, speed

from crmcore import CRM, Money
from crmcore.sales import Lead

LEADS = 100
ROUNDS = 12
TENANT = "default"
KINDS = ("lead", "account", "contact", "affiliation", "opportunity")
TABLES = ("crm_change", "crm_claim", "crm_word", "crm_words", *(f"crm_{kind}" for kind in KINDS))
ACTS = ("convert", "convert again", "revert a conversion")

Row = tuple[Any, ...]


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
            whence: dict[str, Any] = {"source": lead.source, "owner": lead.owner}
            firm = crm.accounts.add(name=f"{lead.company}", website=lead.website, **whence)
            known: dict[str, Any] = {"name": lead.name, "email": lead.email, "phone": lead.phone}
            person = crm.contacts.add(account=firm.id, job_title=lead.job_title, **known, **whence)
            told: dict[str, Any] = {"account": firm.id, "contact": person.id, "owner": lead.owner}
            crm.opportunities.add(name=f"{lead.company}", amount="12000", **told)


# --- the same rows, by statements alone -------------------------------------------------------------------------------


@attrs.define(eq=False)
class Commit:
    """What one commit wrote.

    Attributes:
        statements: The statements that write it, each with its rows.
        texts: What the JSON in it says.
        made: How many records it made.
        known: The records it changed, by table and id.
    """

    statements: dict[str, list[Row]] = attrs.field(factory=dict)
    texts: list[Any] = attrs.field(factory=list)
    made: int = 0
    known: list[tuple[str, str]] = attrs.field(factory=list)


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
            for sql, rows in commit.statements.items():
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
            for sql, rows in commit.statements.items():
                many(sql, rows)
            run("COMMIT")

    def read(self, ids: Sequence[tuple[str, str]]) -> None:
        """Fetch records, check the body of each, and make it a dictionary."""
        for table, id in ids:
            _, version, body, checksum = self.fetch(table, id)
            assert zlib.crc32(f"{id} {version} {body}".encode()) == checksum
            json.loads(body)


def differences(source: sqlite3.Connection, other: Path) -> Iterator[tuple[str, list[str], list[Row], list[Row]]]:
    """For each table its columns, the rows that only another file has, and those that it has not."""
    source.execute("ATTACH ? AS other", (str(other),))
    for table in TABLES:
        ours, theirs = f"SELECT * FROM main.{table}", f"SELECT * FROM other.{table}"
        come = source.execute(f"{ours} EXCEPT {theirs}")
        names = [f'"{column[0]}"' for column in come.description]
        yield table, names, source.execute(f"{theirs} EXCEPT {ours}").fetchall(), come.fetchall()
    source.execute("DETACH other")


def commits(source: sqlite3.Connection, before: Path) -> list[Commit]:
    """What crmcore wrote since a copy of its file was made."""
    done: dict[str, Commit] = {}
    whose: dict[str, Commit] = {}
    for table, names, gone, come in differences(source, before):
        for row in come if table == "crm_change" else ():
            told = dict(zip(names, row, strict=True))
            commit = whose[told['"id"']] = done.setdefault(told['"commit_id"'], Commit())
            commit.texts += [json.loads(told['"sets"']), json.loads(told['"body"'])]
            commit.made += told['"version"'] == 1
        for id, sql, row in written(table, names, gone, come):
            whose[id].statements.setdefault(sql, []).append(row)
            whose[id].known += [(table, id)] if sql.startswith("UPDATE") else []
    return [*done.values()]


def written(table: str, names: list[str], gone: list[Row], come: list[Row]) -> Iterator[tuple[str, str, Row]]:
    """The statements that take rows out of a table and put others in, each with the id of its record."""
    place, stands = names.index('"id"'), table.removeprefix("crm_") in KINDS
    known = {row[place] for row in gone} if stands else set()
    take = f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in names)}"
    put = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    change = f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names[2:])} WHERE tenant = ? AND id = ?"
    for row in () if stands else gone:
        yield row[place], take, row
    for row in come:
        yield (row[place], change, (*row[2:], *row[:2])) if row[place] in known else (row[place], put, row)


def same(source: sqlite3.Connection, other: Path) -> bool:
    """Whether the tables of two files hold the same rows."""
    return not any(gone or come for _, _, gone, come in [*differences(source, other)])


# --- in memory --------------------------------------------------------------------------------------------------------


def dictionaries(leads: Sequence[Lead]) -> list[Row]:
    """The records and what has changed, as dictionaries that are made and kept."""
    records: dict[str, dict[str, Any]] = {}
    log: list[Row] = []
    for lead in leads:
        now, firm, person, deal, joined = datetime.now(UTC), *(uuid.uuid4().hex for _ in range(4))
        whence = {"source": lead.source, "owner": lead.owner}
        known = {"name": lead.name, "email": lead.email, "phone": lead.phone, "job_title": lead.job_title}
        amount = Money("12000", "USD")
        made: dict[str, dict[str, Any]] = {
            firm: {"name": lead.company, "website": lead.website, **whence},
            person: {"account": firm, **known, **whence, "consents": {**lead.consents}},
            joined: {"account": firm, "contact": person},
            deal: {"account": firm, "contact": person, "name": lead.company, "amount": amount, "owner": lead.owner},
            lead.id: {"status": "converted", "account": firm, "contact": person, "opportunity": deal},
        }
        for id, sets in made.items():
            records[id] = {**records.get(id, {}), **sets}
            log.append((now, id, sets))
    return log


def within_memory() -> list[float]:
    """The seconds of converting leads, of making dictionaries, and of adding as many records one by one."""
    ours = Ours.over(None)
    ours.qualify()
    return [seconds(ours.convert), seconds(lambda: dictionaries(ours.leads)), seconds(ours.add)]


# --- times ------------------------------------------------------------------------------------------------------------


def within_a_file(folder: Path) -> list[list[float]]:
    """The seconds of crmcore, of ready rows and by hand, for each act."""
    ours = Ours.over(folder / "ours.db")
    ours.qualify()
    source = sqlite3.connect(folder / "ours.db")
    ready, hand = Raw(source, folder / "ready.db"), ByHand(source, folder / "hand.db")

    def wrote(act: Work) -> list[float]:
        took, done = seconds(act), commits(source, ready.path)
        times = [took, seconds(lambda: ready.write(done)), seconds(lambda: hand.write(done))]
        assert same(source, ready.path)
        return times

    converted = wrote(ours.convert)
    became = [(lead.id, *(one.id for one in ours.crm.leads.convert(lead.id) if one)) for lead in ours.leads]
    ids = [(f"crm_{id.partition('_')[0]}", id) for some in became for id in some]
    again = [seconds(ours.convert), seconds(lambda: ready.read(ids)), seconds(lambda: hand.read(ids))]
    reverted = wrote(ours.revert)
    for file in (source, ready.file, hand.file, ours.crm):
        file.close()
    return [converted, again, reverted]


def least(works: Iterable[Iterable[float]]) -> list[float]:
    """The least seconds of each, over several rounds."""
    return [min(each) for each in zip(*works, strict=True)]


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    rounds = []
    for _ in range(ROUNDS):
        with in_memory() as folder:
            rounds.append(within_a_file(folder))
    for name, times in zip(ACTS, zip(*rounds, strict=True), strict=True):
        ours, ready, hand = least(times)
        yield speed(f"{name}, file in memory", "SQL statements, ready rows", ours, ready)
        yield speed(f"{name}, file in memory", "SQL statements, by hand", ours, hand)
    ours, plain, added = least(within_memory() for _ in range(ROUNDS))
    yield cost("convert, in memory", "dictionaries of the same values, without checks", ours, plain)
    yield speed("convert, in memory", "account, contact and deal added one by one", ours, added)


if __name__ == "__main__":
    show(lines())
