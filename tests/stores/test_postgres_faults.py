"""A PostgreSQL database in trouble: one error of ours, nothing half-written, and the store goes on afterwards."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from crmcore.kernel.errors import (
    Busy,
    Closed,
    Conflict,
    Corrupt,
    CrmError,
    Full,
    Invalid,
    ReadOnly,
    SchemaTooNew,
    StoreError,
)
from crmcore.kernel.ports import Key, Moment
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.postgres_errors import translated
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, asked, hour
from crmcore.verification import verify

if TYPE_CHECKING:
    import psycopg

Opened = Callable[..., PostgresStore]
GROUND = {("parcel", "a"): 1}


@pytest.fixture
def opened(url: str) -> Iterator[Opened]:
    """Opens stores in one schema, all closed when the test ends."""
    with contextlib.ExitStack() as closing:

        def opened(more: str = "", **rest: Any) -> PostgresStore:  # noqa: ANN401 - as PostgresStore takes them
            store = PostgresStore(f"{url}{more}", **{"durability": "relaxed", "busy_seconds": 0.1, **rest})
            closing.callback(store.close)
            store.prepare(KINDS.values())
            return store

        yield opened


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    """A store with one parcel, ``a``."""
    store = opened()
    Pen(store).add("a")
    return store


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection to the schema."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def uses(store: PostgresStore) -> list[Callable[[], object]]:
    """Every way to use a store."""
    pen = Pen(store)
    return [
        lambda: store.get(PARCEL, ["a"]),
        lambda: store.get(PARCEL, ["a"], Moment(hour(7))),
        lambda: pen.find(order_by="label"),
        lambda: store.count(PARCEL, asked(Parcel)),
        store.changes,
        lambda: store.kept(Key("k", "f")),
        lambda: store.holders(PARCEL, "code", ["x"]),
        lambda: store.search([PARCEL], ["a"], limit=1),
        lambda: store.aliases("a"),
        store.last,
        lambda: store.cut(hour(101)),
        store.check,
        lambda: pen.add("b"),
        lambda: pen.erase(Parcel(id="a", version=1, label=""), note=None, label="x"),
    ]


# --- opening --------------------------------------------------------------------------------------------------------


def test_without_the_driver_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is imported when it is needed, and not before."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError) as caught:
        PostgresStore("postgresql://nowhere/crm")
    assert str(caught.value) == 'PostgreSQL needs psycopg: pip install "crmcore[postgres]"'


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "url",
    ["postgresql://ana:secret@[host/crm", "postgresql://a?secret=b", "postgresql://a%00", "postgres://\udc00"],
)
def test_what_is_no_address_is_invalid(url: str) -> None:
    """Without showing it: it may hold a password."""
    with pytest.raises(Invalid, match="store") as caught:
        PostgresStore(url)
    assert "secret" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.usefixtures("server")
def test_a_server_that_is_not_there() -> None:
    """The error says where it was looked for, but not who asked."""
    with pytest.raises(StoreError, match=r"crm on 127\.0\.0\.1: .* check the address") as caught:
        PostgresStore("postgresql://ana:secret@127.0.0.1:1/crm")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("durability", "connections"), [("none", 1), ("full", 0)])
def test_arguments_are_checked(durability: Any, connections: int) -> None:  # noqa: ANN401
    """Before anything is opened."""
    with pytest.raises(Invalid):
        PostgresStore("postgresql://nowhere/crm", durability=durability, connections=connections)


def test_tables_of_a_newer_crmcore(opened: Opened, store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """They are left alone, and so are those that say nothing."""
    for damage, error, said in (
        ("UPDATE crm_meta SET value = '99' WHERE name = 'format'", SchemaTooNew, "format 99"),
        ("DELETE FROM crm_meta", Corrupt, "which format"),
    ):
        other.execute(damage)  # type: ignore[call-overload]
        with pytest.raises(error, match=said):
            opened()


@pytest.mark.slow
def test_text_must_be_kept_as_utf8(server: str) -> None:
    """Or names would come back as something else."""
    import psycopg

    name = f"crm_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            connection.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")
        except psycopg.errors.InsufficientPrivilege:
            pytest.skip("may not create databases here")
        try:
            parts = psycopg.conninfo.conninfo_to_dict(server, dbname=name)
            with pytest.raises(StoreError, match="ENCODING 'UTF8'"):
                PostgresStore(psycopg.conninfo.make_conninfo(**parts))
        finally:
            connection.execute(f"DROP DATABASE {name}")


# --- busy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "held",
    [
        "LOCK TABLE crm_change IN SHARE ROW EXCLUSIVE MODE",
        "INSERT INTO crm_claim VALUES ('default', 'parcel', 'code', 'b', 'x', 1)",
        "UPDATE crm_parcel SET version = version WHERE id = 'a'",
    ],
)
def test_a_writer_waits_for_another_and_then_says_so(
    store: PostgresStore, other: psycopg.Connection[Any], held: str
) -> None:
    """Readers go on meanwhile, and so does the store afterwards."""
    with other.transaction(force_rollback=True):
        other.execute(held)  # type: ignore[call-overload]
        start = time.monotonic()
        with pytest.raises(Busy, match="another writer"):
            store.commit([added(Parcel, "b", label="b", code="b")], id="c", recorded_at=hour(1), unmoved=GROUND)
        assert time.monotonic() - start < 5
        assert [*store.get(PARCEL, ["a", "b"])] == ["a"]
    assert Pen(store).add("b").version == 1
    assert verify(store, KINDS)


def test_connections_are_few(opened: Opened, store: PostgresStore) -> None:
    """Who gets none in time is told, who waits long enough gets one."""
    narrow = opened(connections=1)
    with narrow._file.reading(), ThreadPoolExecutor(1) as thread, pytest.raises(Busy, match="all 1 connections"):
        thread.submit(narrow.last).result()
    patient = opened(connections=2, busy_seconds=30)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: patient.get(PARCEL, ["a"])["a"].version, range(40)))
    assert found == [1] * 40
    assert len(patient._file._pool._idle) <= 2


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_what_others_were_in_the_way_of_is_tried_again(
    store: PostgresStore, other: psycopg.Connection[Any], code: str
) -> None:
    """Twice here; when it never ends it is said."""
    other.execute("CREATE SEQUENCE crm_tries")
    other.execute(f"""CREATE FUNCTION crm_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('crm_tries') < 3 OR NEW.id = 'never' THEN RAISE 'not now' USING ERRCODE = '{code}'; END IF;
        RETURN NEW; END $$""")  # type: ignore[call-overload]
    other.execute("CREATE TRIGGER refuse BEFORE INSERT ON crm_change FOR EACH ROW EXECUTE FUNCTION crm_refuse()")
    assert Pen(store).add("b").version == 1
    assert other.execute("SELECT last_value FROM crm_tries").fetchall() == [(3,)]
    with pytest.raises(Busy, match="not now"):
        Pen(store).add("never")
    assert verify(store, KINDS)


def test_one_reading_sees_one_state(store: PostgresStore) -> None:
    """Also what is read within a reading, whatever is written meanwhile."""
    with store._file.reading():
        cut = store.last()[0]
        with ThreadPoolExecutor(1) as thread:
            thread.submit(Pen(store).add, "b").result()
        with store._file.reading():
            assert (store.last()[0], len(store.changes())) == (cut, 1)
        assert Pen(store).find(order_by="label").items == (store.get(PARCEL, ["a"])["a"],)
    assert len(store.changes()) == 2


def test_only_one_of_two_acts_on_the_same_version_wins(store: PostgresStore) -> None:
    """The other is told, never overwritten."""
    seen = store.get(PARCEL, ["a"])["a"]
    Pen(store).change(seen, 1, note="x")
    with pytest.raises(Conflict):
        Pen(store).change(seen, 1, note="y")


# --- lost connections -----------------------------------------------------------------------------------------------

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"


@pytest.fixture
def mortal(opened: Opened, store: PostgresStore) -> tuple[PostgresStore, str]:
    """A store, and the name its connections go by."""
    name = uuid.uuid4().hex
    return opened(f"&application_name={name}"), name


def test_connections_that_ended_while_idle_are_replaced(
    mortal: tuple[PostgresStore, str], other: psycopg.Connection[Any]
) -> None:
    """Nobody notices."""
    store, name = mortal
    with store._file.reading(), ThreadPoolExecutor(1) as thread:
        thread.submit(store.last).result()
    for use in (lambda: store.get(PARCEL, ["a"]), lambda: Pen(store).add("b")):
        assert other.execute(END, (name,)).fetchall()
        time.sleep(0.05)
        assert use()


def test_a_connection_lost_in_the_middle_writes_nothing(
    mortal: tuple[PostgresStore, str], other: psycopg.Connection[Any]
) -> None:
    """The act may be tried again."""
    store, name = mortal
    before = store.changes()

    def lose(within: contextlib.AbstractContextManager[None]) -> None:
        with within:
            store._file.rows("SELECT 1 FROM crm_change")
            other.execute(END, (name,))
            store.changes()

    for within in (store._file.writing(), store._file.reading()):
        with pytest.raises(Busy, match="nothing was written"):
            lose(within)
    assert store.changes() == before
    assert Pen(store).add("b").version == 1


def test_a_connection_lost_while_committing_leaves_the_answer_open(
    mortal: tuple[PostgresStore, str], other: psycopg.Connection[Any]
) -> None:
    """Under its key the act can be repeated without harm."""
    store, _ = mortal
    other.execute("""CREATE FUNCTION crm_die() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$""")
    other.execute("""CREATE CONSTRAINT TRIGGER die AFTER INSERT ON crm_key DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION crm_die()""")
    change, key = added(Parcel, "b", label="b"), Key("k", "f")
    pen = Pen(store)
    pen.ids("commit")  # the first one was used
    with pytest.raises(StoreError, match=r"while committing; .* repeat the act under the key") as caught:
        pen.commit(change, key=key)
    assert not isinstance(caught.value, Busy)
    assert [*store.get(PARCEL, ["a", "b"])] == ["a"]
    other.execute("DROP TRIGGER die ON crm_key")
    assert pen.commit(change, key=key) == pen.commit(change, key=key)


def test_another_process_opens_connections_of_its_own(store: PostgresStore) -> None:
    """Those of its parent are not touched."""
    pool = store._file._pool
    inherited, pool._process = pool._idle, -1
    assert store.get(PARCEL, ["a"])
    assert len(pool._idle) == 1
    assert pool._idle[0] not in inherited
    assert not inherited[0].closed
    inherited[0].close()


# --- what may not be done -------------------------------------------------------------------------------------------


def test_what_may_not_be_written_can_be_read(opened: Opened, store: PostgresStore) -> None:
    """On a replica, say."""
    reader = opened("%20-cdefault_transaction_read_only%3Don")
    *reads, add, erase = uses(reader)
    for read in reads:
        read()
    for write in (add, erase):
        with pytest.raises(ReadOnly, match="takes writes"):
            write()
    assert verify(reader, KINDS)


def test_who_lacks_the_right_is_told(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Which one, and by whom."""
    role = f"crm_{uuid.uuid4().hex}"
    other.execute(f"CREATE ROLE {role}")
    other.execute(f"GRANT USAGE ON SCHEMA {store._file.rows('SELECT current_schema()')[0][0]} TO {role}")
    try:
        with store._file.reading():
            store._file.rows(f"SET LOCAL ROLE {role}")
            with pytest.raises(ReadOnly, match="ask for the rights"):
                store.last()
    finally:
        other.execute(f"DROP OWNED BY {role}")
        other.execute(f"DROP ROLE {role}")
    assert len(store.changes()) == 1


def test_after_the_end_everything_is_closed(store: PostgresStore) -> None:
    """Whoever still works ends what was begun."""
    with store._file.reading():
        store.close()
        assert len(store.changes()) == 1
    for use in uses(store):
        with pytest.raises(Closed, match="open it again"):
            use()
    store.close()


def test_who_waits_for_a_connection_is_told_of_the_end(opened: Opened, store: PostgresStore) -> None:
    """At once, not when the time is up."""
    narrow, begun = opened(connections=1, busy_seconds=30), threading.Event()

    def wait() -> object:
        begun.set()
        return narrow.last()

    with ThreadPoolExecutor(1) as thread:
        with narrow._file.reading():
            waiting = thread.submit(wait)
            begun.wait()
            narrow.close()
        with pytest.raises(Closed):
            waiting.result()


# --- what can't be kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("note", ["\x00", "\ud800"])
def test_text_that_can_not_be_kept(store: PostgresStore, note: str) -> None:
    """Wherever it comes from: the store goes on."""
    with pytest.raises(Invalid):
        store.aliases(note)
    with pytest.raises(Invalid):
        store.commit([attrs.evolve(added(Parcel, "b", label="b"), reason=note)], id="c", recorded_at=hour(1))
    assert verify(store, KINDS)


def test_numbers_beyond_64_bits(store: PostgresStore) -> None:
    """Are no places of the log."""
    with pytest.raises(Invalid, match="value"):
        store.changes(before=2**63)
    assert len(store.changes(before=2**63 - 1)) == 1


def test_a_key_has_room_for_a_page_of_text(store: PostgresStore) -> None:
    """What no index takes is refused; beside keys there is room for more."""
    long = "".join(map(chr, range(0x4E00, 0x5E00)))
    with pytest.raises(Invalid, match="2,600 bytes") as caught:
        Pen(store).add("b", label=long)
    assert caught.value.__cause__ is None
    assert Pen(store).add("b", note=long).note == long
    assert verify(store, KINDS)


def test_no_error_carries_a_value(store: PostgresStore) -> None:
    """Also where the server's own does."""
    with pytest.raises(Busy, match="duplicate key value violates") as caught:
        store._file.rows(
            "INSERT INTO crm_claim VALUES (?, ?, ?, ?, ?, ?), (?, ?, ?, ?, ?, ?)",
            ("Ada",) * 5 + (1,) + ("Ada",) * 5 + (1,),
        )
    assert "Ada" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("code", "kind"), [("53100", Full), ("57P03", Busy), ("XX001", Corrupt), ("57014", Busy), ("0A000", StoreError)]
)
def test_each_trouble_has_its_name(code: str, kind: type[CrmError]) -> None:
    """As far as it has one."""

    class Told(Exception):
        sqlstate = code

    found = translated(Told("no room\nDETAIL: Ada"), "here")
    assert type(found) is kind
    assert str(found).startswith("here: no room; ")
    assert "Ada" not in str(found)


def test_a_row_that_is_no_time_is_corrupt(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """As in a file."""
    other.execute("UPDATE crm_change SET recorded_at = 9223372036854775807")
    with pytest.raises(Corrupt):
        store.last()
    assert cast("list[str]", store.check())
