"""What a purge leaves in the files of a PostgreSQL server: nothing that was erased, once nobody looks at it."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Invalid
from crmcore.stores.postgres import PostgresStore
from crmcore.testing.specimens import KINDS, Parcel, Pen

if TYPE_CHECKING:
    import psycopg

CANARY = f"canary-{uuid.uuid4().hex}"
LEFT: dict[str, Any] = {"label": "[erased]", "code": None, "note": None, "marks": (), "external.shop": None}


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The address of a database of its own, for whoever reads in the same one is waited for."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    name = f"crm_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            connection.execute(f"CREATE DATABASE {name}")
        except psycopg.errors.InsufficientPrivilege:
            pytest.skip("may not create databases here")
        yield make_conninfo(server, dbname=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store in an empty schema."""
    with contextlib.closing(PostgresStore(url, durability="relaxed", busy_seconds=0.5)) as store:
        store.prepare(KINDS.values())
        yield store


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection to the schema."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def pen(store: PostgresStore) -> Pen:
    """Writes into the store."""
    return Pen(store)


def subject(pen: Pen) -> Parcel:
    """A parcel with a canary everywhere, also where long values are kept."""
    record = pen.add("a", label=CANARY, code=CANARY, note=CANARY * 2_000, marks=(CANARY,), **{"external.shop": CANARY})
    return pen.change(record, 1, label=f"{CANARY} 2", note=f"{CANARY} 3")


def found(connection: psycopg.Connection[Any]) -> int:
    """How often the canary stands in the files of the database, the write-ahead log left out."""
    connection.execute("CHECKPOINT")
    told = connection.execute(
        "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert told is not None
    folders = [Path(told[0]) / name for name in (f"base/{told[1]}", "global")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip("the server's files lie elsewhere")
    files = [path for folder in folders for path in folder.iterdir()]
    return sum(path.read_bytes().count(CANARY.encode()) for path in files)


def purged(store: PostgresStore | CRM) -> bool:
    """Whether it could be purged within some seconds: workers of the server come and go."""
    return any(store.purge() or time.sleep(0.1) for _ in range(100))


def test_the_bytes_are_gone(store: PostgresStore, pen: Pen, other: psycopg.Connection[Any]) -> None:
    """From heaps, indexes, long values and the planner's samples; before the purge they are there."""
    record = subject(pen)
    assert found(other) > 0
    other.execute("SET client_min_messages = error")
    other.execute("ANALYZE")
    pen.erase(record, **LEFT)
    assert found(other) > 0
    assert purged(store)
    assert found(other) == 0
    assert store.check() == []


@pytest.mark.slow
def test_a_person_is_erased_from_a_server(url: str, other: psycopg.Connection[Any]) -> None:
    """By the front door, with notes, a deal, reasons and keys; they stay away, and their bytes are gone."""
    with CRM(PostgresStore(url), by="ana") as crm:
        lead = crm.leads.qualify(crm.leads.capture(name=CANARY, email=f"{CANARY}@x.example", external={"hub": CANARY}))
        done = crm.given(reason=CANARY, key=CANARY).leads.convert(lead, amount=10)
        crm.notes.add(done.contact, CANARY)
        crm.touchpoints.log(lead, channel="phone", topic=CANARY)
        assert found(other) > 0
        erasure = crm.given(reason="asked").erase(lead)

        assert len(erasure.records) == 5
        assert CANARY not in repr([change.to_data() for change in crm.store.changes()])
        assert not crm.erase(done.contact)
        with pytest.raises(Invalid):
            crm.contacts.add(email=f"{CANARY}@x.example")
        crm.given(reason="back").unsuppress(external=("lead", "hub", CANARY))
        assert crm.verify()
        assert purged(crm)
        assert found(other) == 0


@pytest.mark.parametrize("work", ["SELECT 1 FROM crm_change", "SELECT pg_current_xact_id()"])
def test_who_began_before_is_waited_for(
    store: PostgresStore, pen: Pen, other: psycopg.Connection[Any], work: str
) -> None:
    """Who reads, or writes: the server keeps the old rows for them, and the purge is pending."""
    record = subject(pen)
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    other.execute(work)  # type: ignore[arg-type]
    pen.erase(record, **LEFT)
    refused = store.purge()
    assert not refused
    assert "somebody still reads what was there before" in str(refused)
    other.execute("COMMIT")
    assert purged(store)
    assert found(other) == 0


def test_who_is_at_work_on_the_tables_is_left_alone(
    store: PostgresStore, pen: Pen, other: psycopg.Connection[Any]
) -> None:
    """The tables are needed for itself alone."""
    pen.erase(subject(pen), **LEFT)
    other.execute("BEGIN")
    other.execute("LOCK TABLE crm_change IN ACCESS SHARE MODE")
    assert store.purge().pending == "somebody is at work on the tables; purge again later"
    other.execute("COMMIT")
    assert purged(store)


def test_no_purge_within_a_transaction(store: PostgresStore) -> None:
    """PostgreSQL can't either."""
    with store._file.writing():
        assert store.purge().pending == "a transaction is open; purge again once it has ended"


def test_a_role_that_sees_too_little_says_so(url: str, other: psycopg.Connection[Any]) -> None:
    """Whether others still read what was there before, and whether the tables are its own."""
    from psycopg.conninfo import make_conninfo

    name = f"crm_{uuid.uuid4().hex[:12]}"
    other.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")  # type: ignore[arg-type]
    other.execute(f"GRANT ALL ON SCHEMA public TO {name}")  # type: ignore[arg-type]
    try:
        with contextlib.closing(PostgresStore(make_conninfo(url, user=name, password=name))) as mine:
            mine.prepare(KINDS.values())
            assert "GRANT pg_read_all_stats" in str(mine.purge())
            other.execute(f"GRANT pg_read_all_stats TO {name}")  # type: ignore[arg-type]
            assert mine.purge()
            other.execute("ALTER TABLE crm_claim OWNER TO CURRENT_USER")
            assert "another role's" in str(mine.purge())
    finally:
        other.execute(f"DROP OWNED BY {name}")  # type: ignore[arg-type]
        other.execute(f"DROP ROLE {name}")  # type: ignore[arg-type]


def test_who_began_to_write_in_another_database_is_waited_for(
    store: PostgresStore, server: str, pen: Pen, other: psycopg.Connection[Any]
) -> None:
    """Every snapshot on the server goes back to the oldest transaction on it: the old rows would be copied."""
    import psycopg

    record = subject(pen)
    with psycopg.connect(server) as far:
        far.execute("SELECT pg_current_xact_id()")
        pen.erase(record, **LEFT)
        assert "somebody on the server began to write before" in str(store.purge())
        assert found(other) > 0
        far.rollback()
        assert purged(store)
        assert found(other) == 0
