"""The store in a SQLite file keeps the contract; and what it makes of the file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crmcore.kernel.errors import Corrupt, Invalid
from crmcore.kernel.fields import field
from crmcore.kernel.money import Money
from crmcore.kernel.page import query
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.where import F, checked
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import StoreContract
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, changed, hour
from crmcore.verification import verify


class TestSqliteStore(StoreContract):
    """In a file, which is there again when it is opened again."""

    durable = True

    def open(self, folder: Path) -> SqliteStore:
        """A file; the contract is about what is written, not about power cuts."""
        return SqliteStore(str(folder / "crm.db"), durability="relaxed")


class TestSqliteInMemory(StoreContract):
    """Without a file."""

    examples = 10

    def open(self, folder: Path) -> SqliteStore:
        """A new one each time."""
        return SqliteStore(":memory:")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "crm.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store in it."""
    with contextlib.closing(SqliteStore(str(path))) as store:
        store.prepare(KINDS.values())
        yield store


def asked(path: Path, sql: str) -> list[tuple[object, ...]]:
    """What somebody else reads in the file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# --- the file -------------------------------------------------------------------------------------------------------


def test_a_commit_survives_what_it_was_told_to(path: Path) -> None:
    """A power cut, unless somebody chose otherwise; the file is in WAL mode either way."""
    with contextlib.closing(SqliteStore(str(path))) as full:
        assert full._file.rows("PRAGMA synchronous") == [(2,)]
        with contextlib.closing(SqliteStore(str(path), durability="relaxed")) as relaxed:
            assert relaxed._file.rows("PRAGMA synchronous") == [(1,)]
    assert asked(path, "PRAGMA journal_mode") == [("wal",)]


def test_others_read_live_records_as_plain_columns(path: Path, store: SqliteStore) -> None:
    """In a view with the kind's plural: money in its unit, instants as text."""
    sent, due = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC), date(2026, 2, 1)
    price = Money("12.50", "EUR")
    gone = Pen(store).add("a", sent_at=sent, price=price, due_on=due, weight=Decimal("1.5"), fragile=True)
    Pen(store).add("b", price=Money(7, "JPY"))
    Pen(store).add("c", price=Money("1.234", "KWD"))
    columns = "tenant, id, version, label, price, price_currency, due_on, weight, fragile, sent_at, pieces"

    assert asked(path, f"SELECT {columns} FROM parcels ORDER BY id") == [
        ("default", "a", 1, "a", 12.5, "EUR", "2026-02-01", "1.5", 1, "2026-01-02T03:04:05.678Z", None),
        ("default", "b", 1, "b", 7.0, "JPY", None, None, None, None, None),
        ("default", "c", 1, "c", 1.234, "KWD", None, None, None, None, None),
    ]
    Pen(store).change(gone, 1, deleted_at=hour(1))
    assert asked(path, "SELECT count(*) FROM parcels") == [(2,)]


def test_no_table_holds_an_erased_value(path: Path, store: SqliteStore) -> None:
    """Neither columns nor claims nor keys, be the erasure late or not."""
    pen = Pen(store)
    for id, at in (("a", 50), ("b", 5)):
        shop: dict[str, Any] = {"external.shop": f"Ada {id}"}
        subject = pen.add(id, label=f"Ada {id}", code=f"Ada {id}", note="Ada", **shop)
        subject = pen.change(subject, 20, label=f"Ada B {id}", code=f"Ada B {id}")
        pen.erase(subject, at, label="[erased]", code=None, note=None, **{"external.shop": None})
    for (table,) in asked(path, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        assert "Ada" not in repr(asked(path, f"SELECT * FROM {table}")), table


# --- kinds change ---------------------------------------------------------------------------------------------------


@record("shoot")
class OldShoot(Record):
    """A kind as it was first declared."""

    title: str = field()
    fee: Money | None = field(default=None)
    on: date | None = field(default=None)


@record("shoot", plural="photo_shoots")
class Shoot(Record):
    """The same kind, which has gained keys, a field and another plural."""

    title: str = field(key=True)
    fee: Money | None = field(default=None, key=True)
    on: date | None = field(default=None, key=True)
    place: str = field(default="studio", key=True)


@pytest.fixture
def old(path: Path) -> Path:
    """A file with three shoots of the old kind, one of another tenant."""
    with contextlib.closing(SqliteStore(str(path))) as store:
        store.prepare([kind_of(OldShoot)])
        fees = {"a": Money(5, "EUR"), "b": None, "c": Money(3, "EUR")}
        for id, fee in fees.items():
            Pen(store).commit(added(OldShoot, id, title=id, fee=fee, on=date(2026, 1, 1)))
        Pen(store).commit(changed(OldShoot(id="c", title="c"), 1, deleted_at=hour(1)))
        Pen(store.for_tenant("other")).commit(added(OldShoot, "d", title="d"))
    return path


def test_a_kind_that_gains_keys_keeps_its_records(old: Path) -> None:
    """The new columns are filled for every record, live, deleted and of every tenant; the view follows."""
    kind = kind_of(Shoot)
    with contextlib.closing(SqliteStore(str(old))) as one, contextlib.closing(SqliteStore(str(old))) as two:
        one.prepare([kind])
        two.prepare([kind])
        for store, ids in ((one, ["a", "b"]), (two, ["a", "b"]), (one.for_tenant("other"), ["d"])):
            assert [shoot.id for shoot in store.find(kind, query(kind, None, order_by="-fee"))] == ids
        where = checked(F.place == "studio", kind.types, currency="EUR", at=hour(0), zone="UTC")
        assert one.count(kind, query(kind, where)) == 2
        assert one.count(kind, query(kind, where, deleted=True)) == 1
        assert one.get(kind, ["a"])["a"] == Shoot(id="a", title="a", fee=Money(5, "EUR"), on=date(2026, 1, 1))
    assert asked(old, "SELECT id, place FROM photo_shoots ORDER BY id") == [("a", None), ("b", None), ("d", None)]


def test_a_kind_that_loses_fields_reads_what_is_left(old: Path) -> None:
    """What an older program wrote is not in the way; verifying says that the log tells more."""

    @record("shoot")
    class Bare(Record):
        title: str = field(key=True)

    with contextlib.closing(SqliteStore(str(old))) as store:
        store.prepare([kind_of(Bare)])
        assert store.get(kind_of(Bare), ["a"]) == {"a": Bare(id="a", title="a")}
        assert "shoot a differs" in str(verify(store, {"shoot": kind_of(Bare)}))


def test_a_field_of_another_type_is_corrupt(path: Path, store: SqliteStore) -> None:
    """In the record and in its changes."""
    Pen(store).add("a", note="x")
    store.close()

    @record("parcel")
    class Other(Record):
        label: str = field()
        note: date | None = field(default=None)

    with contextlib.closing(SqliteStore(str(path))) as opened:
        with pytest.raises(Corrupt, match="parcel a"):
            opened.prepare([kind_of(Other)])
        opened._kinds["parcel"] = kind_of(Other)
        with pytest.raises(Corrupt, match="parcel a"):
            opened.get(kind_of(Other), ["a"])
        with pytest.raises(Corrupt, match="a change of parcel"):
            opened.changes()
        assert "can't be read" in str(verify(opened, {"parcel": kind_of(Other)}))


def test_a_kind_may_not_be_named_like_a_table_of_the_store() -> None:
    """They would be one."""

    @record("change", plural="exchanges")
    class Coin(Record):
        pass

    with contextlib.closing(SqliteStore(":memory:")) as store, pytest.raises(Invalid, match="rename the kind"):
        store.prepare([kind_of(Coin)])


def test_a_log_may_hold_kinds_nobody_knows_here(old: Path) -> None:
    """Reading it all then says which class is missing; reading what is known works."""
    with contextlib.closing(SqliteStore(str(old))) as store:
        store.prepare(KINDS.values())
        Pen(store).add("a")
        assert [change.id for change in store.changes(kind="parcel")] == ["a"]
        with pytest.raises(Invalid, match="shoot"):
            store.changes()
        assert store.get(PARCEL, ["a"]) == {"a": Parcel(id="a", label="a")}
