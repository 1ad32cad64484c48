"""The store in a PostgreSQL database keeps the contract; and what it makes of the database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from crmcore import CRM, Duplicate, F, Invalid
from crmcore.kernel.errors import Corrupt
from crmcore.kernel.fields import field
from crmcore.kernel.money import Money
from crmcore.kernel.page import query
from crmcore.kernel.records import Record, kind_of, record
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.postgres_dialect import statement
from crmcore.stores.rows import checksum
from crmcore.testing import StoreContract, TickingClock
from crmcore.testing.specimens import KINDS, PARCEL, Box, Parcel, Pen, added, asked, changed, hour
from crmcore.verification import verify

if TYPE_CHECKING:
    import psycopg


class TestPostgresStore(StoreContract):
    """In a schema, which is there again when it is opened again."""

    durable = True
    examples = 12  # a history is many round trips
    schemas: Callable[[str], str]

    @pytest.fixture(autouse=True)
    def _server(self, schemas: Callable[[str], str]) -> None:
        self.schemas = schemas

    def open(self, folder: Path) -> PostgresStore:
        """A schema for each folder; the contract is about what is written, not about power cuts."""
        return PostgresStore(self.schemas(str(folder)), durability="relaxed")


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store in an empty schema."""
    with contextlib.closing(PostgresStore(url)) as store:
        store.prepare(KINDS.values())
        yield store


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection to the schema."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


# --- the database ---------------------------------------------------------------------------------------------------


def test_statements_are_said_in_its_words() -> None:
    """Names are left alone, whatever they are."""
    sql = 'SELECT "integer", (instr(words, ?) > 0) FROM "text" NOT INDEXED CROSS JOIN x WHERE a LIKE \'%\' AND b = ?'
    assert statement(sql) == (
        'SELECT "integer", (strpos(words, %s) > 0)::int FROM "text" JOIN x WHERE a LIKE \'%%\' AND b = %s'
    )
    assert statement("CREATE TABLE t (a INTEGER, b TEXT) WITHOUT ROWID") == (
        'CREATE TABLE t (a BIGINT, b TEXT COLLATE "C")'
    )


def test_a_commit_survives_what_it_was_told_to(url: str) -> None:
    """A power cut, unless somebody chose otherwise; a server that promises more is left to it."""
    for durability, server, found in (
        ("full", "off", "on"),
        ("full", "remote_apply", "remote_apply"),
        ("relaxed", "on", "off"),
    ):
        told = f"{url}%20-csynchronous_commit%3D{server}"
        with contextlib.closing(PostgresStore(told, durability=durability)) as store:  # type: ignore[arg-type]
            assert store._file.rows("SHOW synchronous_commit") == [(found,)]


def test_others_read_live_records_as_plain_columns(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """In a view with the kind's plural: money in its unit, instants and dates as such."""
    sent, due = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC), date(2026, 2, 1)
    price = Money("12.50", "EUR")
    rest: dict[str, Any] = {"due_on": due, "weight": Decimal("1.5"), "fragile": True, "marks": ("x", "y"), "pieces": 7}
    gone = Pen(store).add("a", sent_at=sent, price=price, **rest)
    Pen(store).add("b", price=Money(7, "JPY"))
    Pen(store).add("c", price=Money("1.234", "KWD"))
    columns = "tenant, id, version, label, price, price_currency, due_on, weight, fragile, sent_at, pieces, marks"

    asked = other.execute(f"SELECT {columns} FROM parcels ORDER BY id").fetchall()
    assert asked == [
        *(("default", "a", 1, "a", Decimal("12.50"), "EUR", due, Decimal("1.5"), True, sent, 7, '["x","y"]'),),
        *(("default", "b", 1, "b", Decimal(7), "JPY", None, None, None, None, None, "[]"),),
        *(("default", "c", 1, "c", Decimal("1.234"), "KWD", None, None, None, None, None, "[]"),),
    ]
    Pen(store).change(gone, 1, deleted_at=hour(1))
    assert other.execute("SELECT count(*) FROM parcels").fetchall() == [(2,)]


def test_no_table_holds_an_erased_value(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Neither columns nor claims nor keys nor the planner's samples, be the erasure late or not."""
    pen = Pen(store)
    other.execute("SET client_min_messages = error")
    for id, at in (("a", 50), ("b", 5)):
        shop: dict[str, Any] = {"external.shop": f"Ada {id}"}
        subject = pen.add(id, label=f"Ada {id}", code=f"Ada {id}", note="Ada", **shop)
        subject = pen.change(subject, 20, label=f"Ada B {id}", code=f"Ada B {id}")
        other.execute("ANALYZE crm_change, crm_claim, crm_word, crm_words")
        pen.erase(subject, at, label="[erased]", code=None, note=None, **{"external.shop": None})
    mine = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    for (table,) in other.execute(mine).fetchall():
        assert "Ada" not in repr(other.execute(f"SELECT * FROM {table}").fetchall()), table
    samples = other.execute("SELECT * FROM pg_stats WHERE schemaname = current_schema()").fetchall()
    assert samples
    assert "Ada" not in repr(samples)


# --- several at once ------------------------------------------------------------------------------------------------


def test_many_open_an_empty_database_at_once(url: str) -> None:
    """One makes the tables, the others find them."""

    def opened(number: int) -> int:
        with contextlib.closing(PostgresStore(url)) as store:
            store.prepare(KINDS.values())
            return Pen(store.for_tenant(str(number))).add("a").version

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(opened, range(8))) == [1] * 8


@pytest.mark.parametrize("shared", [True, False])
def test_racing_writers_lose_no_update(url: str, *, shared: bool) -> None:
    """Each reads, adds 1 and tries again after a conflict: the sums are right."""
    from crmcore.kernel.errors import Conflict

    writers, rounds, names = 8, 15, ("a", "b", "c")
    stores = [PostgresStore(url, durability="relaxed", busy_seconds=60) for _ in range(1 if shared else writers)]
    for store in stores:
        store.prepare(KINDS.values())
    with contextlib.ExitStack() as closing:
        for store in stores:
            closing.callback(store.close)
        for name in names:
            Pen(stores[0]).add(name, pieces=0)

        def race(number: int) -> int:
            store, again, done = stores[number % len(stores)], 0, 0
            while done < rounds:
                record = store.get(PARCEL, names)[names[(done + number) % 3]]
                try:
                    Pen(store).change(record, record.version, pieces=(record.pieces or 0) + 1)
                    done += 1
                except Conflict:
                    again += 1
            return again

        with ThreadPoolExecutor(writers) as threads:
            again = sum(threads.map(race, range(writers)))
        records = stores[0].get(PARCEL, names)
        assert sum(record.pieces or 0 for record in records.values()) == writers * rounds
        assert verify(stores[0], KINDS)
        assert again > 0, "nobody met anybody"


def test_many_changes_at_once(store: PostgresStore) -> None:
    """Are copied rather than inserted, and are the same."""
    pen, ids = Pen(store), [f"p{number:03}" for number in range(250)]
    pen.commit(*(added(Parcel, id, label=f"Ada {id}", code=id, pieces=1) for id in ids))
    box = added(Box, "b", label="box")
    again = [changed(one, 1, label=f"Eva {one.id}", note="x") for one in store.get(PARCEL, ids).values()]
    done = pen.commit(*again, box, *(changed(Parcel(id=one.id, version=2, label=""), 2, pieces=2) for one in again))
    assert store.changes(commit=done.id) == list(done.changes)
    assert (store.count(PARCEL, asked(Parcel, F.pieces == 2)), len(store.changes())) == (250, 751)
    assert store.search([PARCEL], ["ada"], limit=300) == []
    assert len(store.search([PARCEL], ["eva"], limit=300)) == 250
    assert verify(store, KINDS)

    taken = [added(Parcel, f"q{id}", label=id, code=id) for id in ids]
    with pytest.raises(Duplicate):
        pen.commit(*taken)
    with pytest.raises(Invalid):
        pen.commit(*(attrs.evolve(added(Parcel, f"q{id}", label=id), reason="\x00") for id in ids))
    assert len(store.changes()) == 751


# --- the front door -------------------------------------------------------------------------------------------------


def test_a_crm_opens_it(url: str) -> None:
    """By its address; it is there again when it is opened again."""
    with CRM(url, clock=TickingClock("2026-11-02T09:00Z")) as crm:
        deal = crm.opportunities.add(name="Roof", amount=Money("12000", "USD"))
        deal = crm.opportunities.advance(deal, to="proposal")
        with crm.suppose() as what_if:
            assert what_if.opportunities.lose(deal, reason="price").stage == "lost"
        with crm.batch() as batch:
            batch.accounts.add(name="Acme")
            batch.accounts.add(name="Apex")
        assert crm.accounts.count() == 2
    with CRM(url) as crm:
        assert crm.opportunities.get(deal.id) == deal
        assert crm.opportunities.count(F.amount >= 10_000) == 1
        assert crm.search("roof") == (deal,)
        assert crm.verify()


# --- kinds change ---------------------------------------------------------------------------------------------------


@record("shoot")
class OldShoot(Record):
    """A kind as it was first declared."""

    title: str = field()
    fee: Money | None = field(default=None)


@record("shoot", plural="photo_shoots")
class Shoot(Record):
    """The same kind, which has gained keys, words and another plural."""

    title: str = field(key=True, searchable=True, personal=True)
    fee: Money | None = field(default=None, key=True)


def test_a_kind_that_gains_keys_keeps_its_records(url: str, other: psycopg.Connection[Any]) -> None:
    """The new columns and words are filled for every record, live, deleted and of every tenant; the view follows."""
    with CRM(url, kinds=[OldShoot]) as crm:
        crm.shoots.add(title="Rome", fee=Money(5, "EUR"), external={"erp": "7"})
        crm.shoots.delete(crm.shoots.add(title="Bari"))
        crm.given(tenant="other").shoots.add(title="Romeo")
    with CRM(url, kinds=[Shoot]) as crm:
        desk: Any = crm.desk(Shoot)
        assert (desk.count(F.title == "Rome"), desk.count(F.title == "Bari")) == (1, 0)
        (rome,) = crm.search("rome")
        (romeo,) = crm.given(tenant="other").search("rome")
        assert (rome.title, romeo.title) == ("Rome", "Romeo")  # type: ignore[attr-defined]
        assert desk.external("erp", "7") == rome
        assert crm.verify()
    assert other.execute("SELECT title, fee FROM photo_shoots ORDER BY tenant").fetchall() == [
        ("Rome", Decimal(5)),
        ("Romeo", None),
    ]


def test_names_may_be_long(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Longer together than PostgreSQL keeps them: each key has its index all the same."""

    @record("a_kind_whose_name_is_about_as_long_as_an", plural="longs")
    class Long(Record):
        a_name_that_is_just_as_long_as_it_may_be: str | None = field(default=None, key=True)
        a_name_that_is_just_as_long_as_it_can_be: str | None = field(default=None, key=True)

    store.prepare([kind_of(Long)])
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname LIKE 'ix_crm_a_kind%'"
    assert other.execute(indexes).fetchall() == [(2,)]


def test_a_kind_may_get_another_plural(url: str, other: psycopg.Connection[Any]) -> None:
    """And with it another view."""

    @record("shoot", plural="days")
    class Day(Record):
        title: str = field()
        fee: Money | None = field(default=None)

    for cls in (OldShoot, Day):
        with CRM(url, kinds=[cls]) as crm:
            crm.desk(cls).add(title="Rome")
    assert other.execute("SELECT title FROM days").fetchall() == [("Rome",), ("Rome",)]


def test_what_is_shared_can_not_become_unique(url: str) -> None:
    """Both records are named, and nothing has changed."""

    @record("shoot")
    class Unique(Record):
        title: str = field(unique=True)

    with CRM(url, kinds=[OldShoot]) as crm:
        first = crm.shoots.add(title="Rome")
        crm.shoots.add(title="Rome")
    with pytest.raises(Invalid, match="a value of its own"):
        CRM(url, kinds=[Unique])
    with CRM(url, kinds=[OldShoot]) as crm:
        assert crm.shoots.count() == 2
        crm.shoots.update(first, title="Oslo")
    with CRM(url, kinds=[Unique]) as crm:
        with pytest.raises(Duplicate):
            crm.shoots.add(title="Oslo")
        assert crm.verify()


def test_a_field_of_another_type_is_corrupt(url: str, store: PostgresStore) -> None:
    """In the record and in its changes; nothing of the mend is left."""
    Pen(store).add("a", note="x")

    @record("parcel")
    class Other(Record):
        label: str = field()
        note: date | None = field(default=None)

    with contextlib.closing(PostgresStore(url)) as opened:
        with pytest.raises(Corrupt, match="parcel a"):
            opened.prepare([kind_of(Other)])
        opened._kinds["parcel"] = kind_of(Other)
        with pytest.raises(Corrupt, match="a change of parcel"):
            opened.changes()
        assert "can't be read" in str(verify(opened, {"parcel": kind_of(Other)}))
    assert store.find(PARCEL, query(PARCEL, None, order_by="label")).items[0].note == "x"


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE crm_parcel SET pieces = 1", "column pieces of parcel"),
        ("UPDATE crm_parcel SET body = '{}'", "crm_parcel: parcel a version 2 does not match its checksum"),
        ("UPDATE crm_change SET body = '{}' WHERE seq = 1", "crm_change: parcel a version 1 does not match"),
        ("UPDATE crm_change SET what = 'x' WHERE seq = 1", "the change at place 1"),
        ("UPDATE crm_change SET horizon = 0", "horizon of version"),
        ("DELETE FROM crm_claim", "unique values of records are not in their table"),
        ("DELETE FROM crm_change WHERE seq = 1", "parcel a has versions [2]"),
        ("DROP TABLE crm_claim", '"crm_claim" does not exist'),
        ("DELETE FROM crm_word", "words of records are not in their table"),
        ("INSERT INTO crm_alias VALUES ('default', 'a', 'b')", "merged ids are in their table"),
    ],
)
def test_what_gives_wrong_answers_is_found(
    store: PostgresStore, other: psycopg.Connection[Any], damage: str, said: str
) -> None:
    """Each by the name of the column, the record or the table."""
    Pen(store).change(Pen(store).add("a", code="x", pieces=2), 1, note="y")
    assert verify(store, KINDS)
    other.execute(damage)  # type: ignore[call-overload]
    found = verify(store, KINDS)
    assert not found
    assert said in str(found)


def test_a_forged_body_differs_from_its_changes(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Though its checksum was made anew."""
    Pen(store).add("a")
    forged = '{"label":"b"}'
    other.execute("UPDATE crm_change SET body = %s, checksum = %s", (forged, checksum("a", 1, forged)))
    assert "version 1 of parcel a differs" in str(verify(store, KINDS))
