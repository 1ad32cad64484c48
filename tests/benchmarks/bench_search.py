"""What a search among 100,000 contacts costs beside ``LIKE`` over the same rows and beside SQLite's FTS5.

``python tests/benchmarks/bench_search.py`` asks for a name few have, for letters thousands begin with, for two words
together, for a phone number and for what nobody has. ``LIKE`` looks for the text within the stored bodies, FTS5 for
words by their beginning in the same searchable fields; each gives the first 20 by id. That whole words come first,
and that a number is found however it is grouped, is crmcore's alone. Then contacts are
added, each in a transaction of its own: with their words, without, and beside a row of the FTS5 table.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from side_by_side import Line, cost, in_memory, quickest, show, speed

from crmcore import CRM
from crmcore.kernel.change import Change
from crmcore.kernel.words import words_in
from crmcore.stores.sqlite import SqliteStore

CONTACTS = 100_000
BATCH = 2_000
ROUNDS = 7
ADDED = 100
LIMIT = 20
AT = datetime(2026, 1, 5, tzinfo=UTC)
SYLLABLES = (
    "an",
    "ber",
    "co",
    "da",
    "el",
    "fi",
    "go",
    "ha",
    "in",
    "jo",
    "ka",
    "la",
    "ma",
    "no",
    "or",
    "pa",
    "ra",
    "sa",
)
QUESTIONS = {
    "a name few have": "lamanokaber",
    "the beginning of a name": "lamano",
    "one letter": "a",
    "a given and a family name": "fida lamanokaber",
    "the beginnings of both": "fi la",
    "two letters": "a b",
    "a phone number": "+44 20 7946 0018",
    "what nobody has": "zebra",
}


def word(chance: random.Random, syllables: int) -> str:
    """A made-up name."""
    return "".join(chance.choice(SYLLABLES) for _ in range(syllables)).capitalize()


def person(chance: random.Random, number: int) -> dict[str, str]:
    """A contact with a name, an address and a phone number."""
    given, family, company = word(chance, 2), word(chance, 4), word(chance, 3).lower()
    digits = f"{chance.randrange(10**8):08}" if number != CONTACTS // 2 else "79460018"
    email = f"{given}.{family}@{company}.example".lower()
    return {"name": f"{given} {family}", "email": email, "phone": f"+44 20 {digits[:4]} {digits[4:]}"}


def filled(store: SqliteStore) -> CRM:
    """A CRM with the contacts."""
    chance, crm = random.Random(20261121), CRM(store)
    people = [person(chance, number) for number in range(CONTACTS)]
    people[CONTACTS // 3]["name"] = "Fida Lamanokaber"
    made = [
        Change(kind="contact", id=f"contact_{n:06}", version=1, what="added", sets=sets, at=AT)
        for n, sets in enumerate(people)
    ]
    for start in range(0, CONTACTS, BATCH):
        crm.commit(made[start : start + BATCH])
    return crm


def searched(crm: CRM, text: str) -> list[tuple[str, str]]:
    """The best contacts."""
    return crm.store.search([crm.contacts.kind], words_in(text), limit=LIMIT)


def like(file: sqlite3.Connection, text: str) -> list[str]:
    """The first contacts whose body has every word of a text somewhere."""
    words = text.split() if text[0].isalpha() else [text]
    every = " AND ".join(["body LIKE ?"] * len(words))
    live = "tenant = 'default' AND deleted_at IS NULL"
    sql = f"SELECT id FROM crm_contact WHERE {live} AND {every} ORDER BY id LIMIT {LIMIT}"
    return [id for (id,) in file.execute(sql, [f"%{one}%" for one in words])]


def full_text(file: sqlite3.Connection) -> bool:
    """Lay the searchable fields of every contact into an FTS5 table; whether this SQLite has any."""
    try:
        file.execute("CREATE VIRTUAL TABLE found USING fts5 (id UNINDEXED, name, email, phone)")
    except sqlite3.OperationalError:
        return False
    said = ", ".join(f"json_extract(body, '$.{name}')" for name in ("name", "email", "phone"))
    file.execute(f"INSERT INTO found SELECT id, {said} FROM crm_contact ORDER BY id")
    return True


def match(file: sqlite3.Connection, text: str) -> list[str]:
    """The first contacts that FTS5 finds by the beginnings of words."""
    asked = " ".join(f'"{one}"*' for one in words_in(text)) if text[0].isalpha() else f'"{text}"'
    return [
        id for (id,) in file.execute(f"SELECT id FROM found WHERE found MATCH ? ORDER BY rowid LIMIT {LIMIT}", (asked,))
    ]


def compared(crm: CRM, file: sqlite3.Connection) -> Iterator[Line]:
    """One line for each question and each other way."""
    others: dict[str, Callable[[sqlite3.Connection, str], list[str]]] = {"`LIKE '%…%'` over the bodies": like}
    if full_text(file):
        others["FTS5"] = match
    for label, text in QUESTIONS.items():
        found = searched(crm, text)
        assert bool(found) is (text != "zebra")
        ours, *theirs = quickest(
            [
                lambda text=text: searched(crm, text),
                *(lambda text=text, other=other: other(file, text) for other in others.values()),
            ],
            ROUNDS,
        )
        for (name, other), seconds in zip(others.items(), theirs, strict=True):
            assert bool(other(file, text)) is bool(found), (name, text)
            yield speed(f"search of {CONTACTS:,} contacts: {label}", name, ours, seconds)


def adding(crm: CRM, file: sqlite3.Connection, where: str) -> Iterator[Line]:
    """What keeping words costs when contacts are added to all the others, each safe before the next."""
    chance = random.Random(7)
    people = [person(chance, number) for number in range(ADDED)]
    said = [(one["name"], one["email"], one["phone"]) for one in people]
    keep = crm.store._word

    def bare() -> None:
        crm.store._word = lambda staged: None
        whole()
        crm.store._word = keep

    def whole() -> None:
        for one in people:
            crm.contacts.add(**one)

    def rows() -> None:
        for one in said:
            file.execute("INSERT INTO found VALUES ('contact', ?, ?, ?)", one)

    both, without = quickest([whole, bare], ROUNDS)
    yield cost(f"create a contact and keep its words, {where}", "the same without words", both, without)
    if file.execute("SELECT 1 FROM sqlite_master WHERE name = 'found'").fetchall():
        (row,) = quickest([rows], ROUNDS)
        yield cost(f"the words of a new contact, {where}", "a row of FTS5", both - without, row)


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with in_memory() as folder:
        crm = filled(SqliteStore(str(folder / "crm.db")))
        file = sqlite3.connect(folder / "crm.db", isolation_level=None)
        yield from compared(crm, file)
        yield from adding(crm, file, "file in memory")
        file.close()
        crm.close()
    with tempfile.TemporaryDirectory() as folder:
        crm = CRM(str(Path(folder) / "crm.db"))
        file = sqlite3.connect(":memory:")
        yield from adding(crm, file, "on the disk")
        file.close()
        crm.close()


if __name__ == "__main__":
    show(lines())
