"""Older files: read as they were written once they are brought up; damaged, read-only and newer ones are left alone.

``format_1.sql`` and ``format_1_postgres.sql`` are dumps of what a crmcore of format 1 wrote, and ``format_1.json`` is
what it read there. They are never made anew: the next format brings files of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import pytest

from crmcore import CRM, Money
from crmcore.hosting import make_tables
from crmcore.kernel import Record, field, record
from crmcore.kernel.errors import Conflict, Corrupt, CrmError, ReadOnly, SchemaTooNew, StoreError
from crmcore.kernel.ports import Key, Moment
from crmcore.kernel.records import Kind, kind_of
from crmcore.stores import migrations
from crmcore.stores.codec import encode, encode_sets
from crmcore.stores.migrations import STEPS, Dialect
from crmcore.stores.schema import FORMAT, TABLES, kind_tables
from crmcore.stores.sqlite_file import SqliteFile

HERE = Path(__file__).parent
WAS: Mapping[str, Any] = json.loads((HERE / "format_1.json").read_text("utf-8"))
DUMPS = {"sqlite": HERE / "format_1.sql", "postgresql": HERE / "format_1_postgres.sql"}

PINNED = {2: "3ec2f5442d938c51"}
"""The statements a new file is made by, hashed, by format: what is written here is never edited, only added to."""


@record("shoot")
class Shoot(Record):
    """A kind of a host's own, with a field of every type, as the old files have it."""

    title: str = field(key=True, searchable=True)
    code: str | None = field(default=None, key=True, unique=True)
    sitter: str | None = field(default=None, key=True, personal=True, searchable=True)
    pictures: int | None = field(default=None, key=True)
    rating: Decimal | None = field(default=None, key=True, scale=2)
    fee: Money | None = field(default=None, key=True)
    paid: bool | None = field(default=None, key=True)
    on: date | None = field(default=None, key=True)
    begins_at: datetime | None = field(default=None, key=True)
    marks: tuple[str, ...] = field(default=(), searchable=True)


Run: TypeAlias = Callable[[str], list[tuple[Any, ...]]]


def sqlite_file(path: Path) -> Path:
    """A file of format 1."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(DUMPS["sqlite"].read_text("utf-8"))
    return path


class Old:
    """A file or database of format 1.

    Args:
        address: Where it is.
        run: Runs a statement of somebody else's, and gives its rows.
    """

    def __init__(self, address: str, run: Run) -> None:
        self.address, self.run = address, run

    def open(self, **rest: Any) -> CRM:  # noqa: ANN401 - as CRM takes it
        """A CRM on it."""
        return CRM(self.address, kinds=[Shoot], by="ana", **rest)

    def held(self) -> list[object]:
        """All that stands in the tables every store has."""
        names = ("meta", "change", "claim", "key", "alias", "word", "words")
        return [sorted(self.run(f"SELECT * FROM crm_{name}"), key=repr) for name in names]

    @property
    def format(self) -> str:
        """The format it says it has."""
        ((found,),) = self.run("SELECT value FROM crm_meta WHERE name = 'format'")
        return str(found)


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """What the old one speaks."""
    found: Dialect = request.param
    return found


@pytest.fixture
def old(dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Old]:
    """An old file, or an old database."""
    if dialect == "sqlite":
        path = sqlite_file(tmp_path / "crm.db")
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield Old(str(path), lambda sql: connection.execute(sql).fetchall())
        return
    url = request.getfixturevalue("url")
    import psycopg

    with psycopg.connect(url, autocommit=True) as other:
        other.execute(DUMPS["postgresql"].read_text("utf-8"))

        def run(sql: str) -> list[tuple[Any, ...]]:
            cursor = other.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

        yield Old(url, run)


# --- what was written -----------------------------------------------------------------------------------------------


def told(crm: CRM) -> dict[str, Any]:
    """All that can be read of a tenant, as text."""
    store, kinds = crm.store, crm._house.kinds
    log = store.changes()
    ids: dict[str, list[str]] = {}
    for change in log:
        ids.setdefault(change.kind, []).append(change.id)

    def states(at: datetime | None = None, cut: str | None = None) -> dict[str, dict[str, dict[str, Any]]]:
        found = {kind: store.get(kinds[kind], mine, Moment(at, cut)) for kind, mine in ids.items()}
        return {kind: {id: stored(kinds[kind], one) for id, one in mine.items()} for kind, mine in found.items()}

    def versions(at: datetime) -> dict[str, int]:
        return {f"{kind} {id}": one["version"] for kind, mine in states(at).items() for id, one in mine.items()}

    was, at = WAS[crm.store.tenant], datetime.fromisoformat
    merged = {id: sorted(store.aliases(id)) for mine in ids.values() for id in mine if len(store.aliases(id)) > 1}
    return {
        "verified": str(crm.verify()),
        "now": states(),
        "then": {when: states(at(when)) for when in was["then"]},
        "believed": {when: states(at(when), store.cut(at(when))) for when in was["believed"]},
        "versions": {when: versions(at(when)) for when in was["versions"]},
        "log": [
            [
                *(one.seq, one.commit, one.kind, one.id, one.version, one.what, one.at.isoformat()),
                *(one.recorded_at and one.recorded_at.isoformat(), one.by, one.reason, one.late, one.playbook),
                json.loads(encode_sets(kinds[one.kind], one.sets)),
            ]
            for one in log
        ],
        "found": {
            word: [list(one) for one in store.search(list(kinds.values()), [word], limit=50)] for word in was["found"]
        },
        "aliases": merged,
    }


def stored(kind: Kind[Any], one: Record) -> dict[str, Any]:
    """A record as plain data."""
    return {"version": one.version, **json.loads(encode(kind, one))}


def test_an_old_file_reads_as_it_was_written(old: Old) -> None:
    """Records, the past, the log, words and merged ids of every tenant; and again when it is opened again."""
    for _ in range(2):
        with old.open() as crm:
            for tenant, was in WAS.items():
                found = told(crm.given(tenant=tenant))
                assert {name: found[name] for name in was if name != "keys"} == {
                    name: value for name, value in was.items() if name != "keys"
                }
    assert old.format == str(FORMAT)


def test_keys_of_an_old_file_are_kept(old: Old) -> None:
    """The same call gives the first result again; another one is a conflict; those an erasure took are gone."""
    office = {"office": {"city": "Köln", "country": "DE"}}
    acme: dict[str, Any] = {"name": "Acme Börse ✓", "custom": {"region": "north", "seats": 12}, "addresses": office}
    with old.open() as crm:
        log = crm.store.changes()
        once = crm.given(key="acme", reason="asked at the fair")
        assert once.accounts.add(owner="staff_0001", **acme).id == "account_0001"
        with pytest.raises(Conflict):
            once.accounts.add(name="Another")
        for tenant, was in WAS.items():
            for key, (fingerprint, commit) in was["keys"].items():
                kept = crm.given(tenant=tenant).store.kept(Key(key, fingerprint))
                assert kept is not None
                assert kept.id == commit
                assert list(kept.changes) == crm.given(tenant=tenant).store.changes(commit=commit)
        assert crm.store.changes() == log
        assert crm.store.kept(Key("late", "f")) is None


def test_an_old_file_is_written_on(old: Old) -> None:
    """Where its log ended; who follows it gets all of it, and cuts divide it."""
    with old.open() as crm:
        log, end = crm.store.changes(), crm.store.last()[0]
        done = crm.accounts.update("account_0001", name="Acme AG")
        stretch = crm.store.stretch(limit=1_000)
        assert crm.store.changes(upto=end) == log
        (new,) = crm.store.changes(after=end)
        assert list(stretch.changes) == [*log, new]
        assert new.seq > log[-1].seq
        assert crm.accounts.get("account_0001") == done
        assert crm.as_of(None, known=log[-1].recorded_at).accounts.get("account_0001").name == "Acme Börse ✓"
        assert crm.verify()


# --- the format -----------------------------------------------------------------------------------------------------


def test_a_step_leads_to_the_tables_of_a_new_file(
    old: Old, dialect: Dialect, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Columns, types, defaults, keys and indexes."""
    with old.open():
        pass
    if dialect == "sqlite":
        CRM(tmp_path / "new.db").close()
        with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as connection:
            new = shape(dialect, lambda sql: connection.execute(sql).fetchall())
        assert shape(dialect, old.run) == new
        return
    import psycopg

    url = request.getfixturevalue("schemas")("new")
    CRM(url).close()
    with psycopg.connect(url) as other:
        assert shape(dialect, old.run) == shape(dialect, lambda sql: other.execute(sql).fetchall())


OURS = sorted({sql.split()[5] for sql in TABLES if sql.startswith("CREATE TABLE")})


def shape(dialect: Dialect, run: Run) -> list[tuple[Any, ...]]:
    """How the tables that every store has are made."""
    names = ", ".join(f"'{name}'" for name in OURS)
    if dialect == "sqlite":
        rows = run(f"SELECT tbl_name, name, sql FROM sqlite_master WHERE tbl_name IN ({names})")
        return sorted((table, name, " ".join((sql or "").split())) for table, name, sql in rows)
    columns = run(
        f"""SELECT r.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            coalesce(pg_get_expr(d.adbin, d.adrelid), ''), coalesce(c.collname, ''), coalesce(a.attstattarget, -1)
            FROM pg_attribute a JOIN pg_class r ON r.oid = a.attrelid LEFT JOIN pg_collation c ON c.oid = a.attcollation
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE r.relnamespace = current_schema()::regnamespace AND r.relname IN ({names})
            AND a.attnum > 0 AND NOT a.attisdropped"""
    )
    indexes = run(
        f"""SELECT tablename, replace(indexdef, current_schema() || '.', '') FROM pg_indexes
            WHERE schemaname = current_schema() AND tablename IN ({names})"""
    )
    sequence = run("SELECT cache_size, increment_by FROM pg_sequences WHERE schemaname = current_schema()")
    return sorted([*columns, *indexes, *sequence], key=repr)


def test_no_samples_are_left_of_what_the_planner_may_not_keep(url: str) -> None:
    """Of keys, since format 2."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as other:
        other.execute(DUMPS["postgresql"].read_text("utf-8"))
        samples = """SELECT count(*) FROM pg_stats WHERE schemaname = current_schema() AND tablename = 'crm_key'
            AND attname = 'key'"""
        other.execute("ANALYZE crm_key")
        assert other.execute(samples).fetchall() == [(1,)]
        CRM(url).close()
        other.execute("ANALYZE crm_key")
        assert other.execute(samples).fetchall() == [(0,)]


def test_a_format_is_never_edited() -> None:
    """Whoever changes a table gives the format the next number, and adds a step to it and a hash here."""
    from crmcore.stores.postgres_tables import _PERSONAL, LOG

    unsampled = [f"{table}: {', '.join(columns)}" for table, columns in sorted(_PERSONAL.items())]
    made = [" ".join(sql.split()) for sql in (*TABLES, *kind_tables(kind_of(Shoot)), *LOG, *unsampled)]
    found = hashlib.sha256("\n".join(made).encode()).hexdigest()[:16]

    assert (FORMAT, found) == (max(PINNED), PINNED[FORMAT])
    assert list(STEPS) == list(range(2, FORMAT + 1))
    assert list(PINNED) == list(STEPS)


@pytest.mark.parametrize("found", [str(FORMAT + 1), "10", "9" * 5_000])
def test_a_newer_format_is_refused(old: Old, found: str) -> None:
    """Whatever it is."""
    old.run(f"UPDATE crm_meta SET value = '{found}' WHERE name = 'format'")
    before = old.held()
    with pytest.raises(SchemaTooNew, match="upgrade crmcore") as caught:
        old.open()
    assert len(str(caught.value)) < 500
    assert old.held() == before


@pytest.mark.parametrize("found", ["", "0", "01", "-1", "1.0", "two", "²", " 1"])
def test_what_is_no_format_is_corrupt(old: Old, found: str) -> None:
    """Nobody knows what it would be brought up from."""
    old.run(f"UPDATE crm_meta SET value = '{found}' WHERE name = 'format'")
    before = old.held()
    with pytest.raises(Corrupt, match="which format"):
        old.open()
    assert old.held() == before


@pytest.mark.parametrize("damage", ["DELETE FROM crm_meta WHERE name = 'format'", "DROP TABLE crm_meta"])
def test_a_file_that_says_no_format_is_corrupt(tmp_path: Path, damage: str) -> None:
    """It is not taken for a new one."""
    path = sqlite_file(tmp_path / "crm.db")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="which format"):
        CRM(path)
    assert path.read_bytes() == before


# --- the check ------------------------------------------------------------------------------------------------------

DAMAGES = {
    "a change": "UPDATE crm_change SET what = 'lost' WHERE seq = 12",
    "what a change set": "UPDATE crm_change SET sets = replace(sets, 'Bolt', 'Volt')",
    "a past state": "UPDATE crm_change SET body = replace(body, 'Bolt', 'Volt')",
    "a record": "UPDATE crm_account SET body = replace(body, 'Core', 'Bore')",
    "whose it is": "UPDATE crm_change SET tenant = 'other' WHERE seq = 12",
    "the name of a kind": "INSERT INTO crm_meta VALUES ('keys of x\" y', '')",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_one_is_left_as_it_is(old: Old, damage: str) -> None:
    """The error says what is wrong, and shows nothing of it."""
    old.run(damage)
    before = old.held()
    with pytest.raises(Corrupt, match="left as it is") as caught:
        old.open()
    assert old.held() == before
    assert "Volt" not in str(caught.value)


@pytest.mark.parametrize("damage", [*DAMAGES.values(), "DELETE FROM crm_change WHERE seq = 7", None])
def test_not_a_byte_of_a_damaged_file_is_touched(tmp_path: Path, damage: str | None) -> None:
    """Nor is anything left beside it."""
    path = sqlite_file(tmp_path / "crm.db")
    if damage is None:
        page = 4_096
        with contextlib.closing(sqlite3.connect(path)) as connection:
            ((root,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_crm_change_commit'")
        data = bytearray(path.read_bytes())
        data[(root - 1) * page + 200 : root * page] = b"\x5a" * (page - 200)
        path.write_bytes(data)
    else:
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(damage)
    before = path.read_bytes()
    with pytest.raises(Corrupt):
        CRM(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["crm.db"]


def test_long_tables_are_checked_to_their_end(old: Old, monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part."""
    monkeypatch.setattr(migrations, "CHUNK", 2)
    old.run("UPDATE crm_account SET body = '{}' WHERE tenant = 'other'")
    with pytest.raises(Corrupt, match="account account_0005 does not match its checksum"):
        old.open()
    assert old.format == "1"


def test_what_may_not_be_written_is_not_brought_up(old: Old, dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do; nothing was changed."""
    before = old.held()
    if dialect == "sqlite":
        connect = sqlite3.connect
        monkeypatch.setattr(
            sqlite3, "connect", lambda path, **rest: connect(f"file:{path}?mode=ro", **{**rest, "uri": True})
        )
    else:
        old.address += quote(" -cdefault_transaction_read_only=on")
    with pytest.raises(ReadOnly, match="open it once where it may be written"):
        old.open()
    assert old.held() == before


# --- crashes and company --------------------------------------------------------------------------------------------


def test_a_step_that_fails_leaves_nothing(old: Old, dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it fails; mended, it goes through."""
    before, statements = old.held(), STEPS[2][dialect]
    for number in range(len(statements) + 1):
        failing = (*statements[:number], "SELECT nothing FROM nowhere")
        monkeypatch.setattr(migrations, "STEPS", {2: {dialect: failing}})
        with pytest.raises(StoreError):
            old.open()
        assert old.held() == before
    monkeypatch.undo()
    with old.open() as crm:
        assert crm.verify()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_a_process_killed_in_the_middle_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """Whatever statement it was killed at; who opens it next goes on."""
    run = [sys.executable, str(HERE / "killed_migrations.py"), str(sqlite_file(tmp_path / "crm.db"))]
    found = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)

    assert set(found["formats"]) == {"1", str(FORMAT)}
    assert found["wrong"] == []
    assert len(found["formats"]) > 3 * len(STEPS[2]["sqlite"])


def test_a_server_that_ends_the_connection_in_the_middle(
    schemas: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was changed; who opens it next goes on."""
    import psycopg

    with psycopg.connect(schemas("old"), autocommit=True) as other:
        other.execute(DUMPS["postgresql"].read_text("utf-8"))
    steps = STEPS[2]["postgresql"]
    for number in range(len(steps) + 1):
        ending = (*steps[:number], "SELECT pg_terminate_backend(pg_backend_pid())", *steps[number:])
        monkeypatch.setattr(migrations, "STEPS", {2: {"postgresql": ending}})
        with pytest.raises(CrmError):
            CRM(schemas("old"))
    monkeypatch.undo()
    with CRM(schemas("old"), kinds=[Shoot]) as crm:
        assert str(crm.verify()) == WAS["default"]["verified"]


def test_who_comes_later_waits_and_goes_on(old: Old) -> None:
    """Several open it at once: one brings it up, and all find it done."""
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda _: verified(old), range(6)))
    assert found == [WAS["default"]["verified"]] * 6
    assert old.format == str(FORMAT)


def verified(old: Old) -> str:
    """What is said of it once it is open."""
    with old.open() as crm:
        return str(crm.verify())


def test_who_makes_a_new_file_later_finds_it_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the lock."""
    path = tmp_path / "crm.db"
    writing = SqliteFile.writing

    def slower(self: SqliteFile, **rest: Any) -> Any:  # noqa: ANN401 - a context manager
        monkeypatch.undo()
        with CRM(path, kinds=[Shoot]) as faster:
            faster.desk(Shoot).add(title="first")
        return writing(self, **rest)

    monkeypatch.setattr(SqliteFile, "writing", slower)
    with CRM(path, kinds=[Shoot]) as crm:
        assert [one.title for one in crm.desk(Shoot).find()] == ["first"]


def test_a_file_in_use_is_busy(tmp_path: Path) -> None:
    """When somebody writes for longer than we wait; it is brought up later."""
    path = sqlite_file(tmp_path / "crm.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        file = SqliteFile(str(path), durability="full", busy_seconds=0.01)
        with contextlib.closing(file), pytest.raises(StoreError, match="try again"):
            migrations.bring_up(file, "sqlite")
        assert other.execute("SELECT value FROM crm_meta WHERE name = 'format'").fetchall() == [("1",)]
    with CRM(path, kinds=[Shoot]) as crm:
        assert crm.verify()


def test_a_hosts_database_is_the_hosts_to_bring_up(tmp_path: Path) -> None:
    """Opening it says how; done in a transaction of the host's, it is part of that."""
    path = sqlite_file(tmp_path / "crm.db")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        old = Old("", lambda sql: connection.execute(sql).fetchall())
        before = old.held()
        with pytest.raises(StoreError, match="make_tables"):
            CRM(connection=connection, kinds=[Shoot])
        connection.execute("BEGIN")
        make_tables(connection, kinds=[Shoot])
        assert old.format == str(FORMAT)
        connection.execute("ROLLBACK")
        assert old.held() == before
        make_tables(connection, kinds=[Shoot])
        with CRM(connection=connection, kinds=[Shoot]) as crm:
            assert str(crm.verify()) == WAS["default"]["verified"]
