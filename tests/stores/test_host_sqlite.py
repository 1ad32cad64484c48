"""A CRM on a SQLite connection of the host's keeps the contract, and the host's work is its own."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from crmcore import CRM, Busy, Closed, Conflict, Duplicate, Full, Invalid, NotFound, Playbook, StoreError
from crmcore.hosting import ddl, hosted, make_tables
from crmcore.kernel.ports import Store, Stretch
from crmcore.stores.host_connection import reach_of
from crmcore.stores.host_sqlite import HostSqliteStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import StoreContract
from crmcore.testing.specimens import KINDS, Box, Parcel


class Followed(HostSqliteStore):
    """Its host commits before the log is followed, and begins again: what is not committed can't be followed."""

    def host(self) -> sqlite3.Connection:
        """The host's connection."""
        return self._file.connection()

    @contextlib.contextmanager
    def committed(self) -> Iterator[None]:
        """Between two transactions."""
        with self._file._reach.lock:
            self.host().execute("COMMIT")
            try:
                yield
            finally:
                self.host().execute("BEGIN")

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed."""
        with self.committed():
            return super().stretch(after, limit=limit)

    def tip(self) -> str:
        """The end of what was committed."""
        with self.committed():
            return super().tip()


def lent(folder: Path, **how: Any) -> sqlite3.Connection:  # noqa: ANN401 - as sqlite3 takes it
    """A connection to a file with tables for the specimens, which threads may share."""
    connection = sqlite3.connect(folder / "host.db", check_same_thread=False, **how)
    connection.execute("PRAGMA synchronous = OFF")
    make_tables(connection, kinds=[kind.cls for kind in KINDS.values()])
    connection.commit()
    return connection


class TestAlone(StoreContract):
    """On a connection in autocommit, with no transaction open: each commit is kept when it returns."""

    durable = True
    examples = 4

    def open(self, folder: Path) -> Store:
        """The same file again."""
        return hosted(lent(folder, isolation_level=None))


class TestWithin(StoreContract):
    """In transactions of the host's."""

    examples = 4
    test_a_purge_leaves_everything_readable = None  # it waits for the transaction to end

    def open(self, folder: Path) -> Store:
        """A file in an open transaction."""
        connection = lent(folder, isolation_level=None)
        connection.execute("BEGIN")
        return Followed(reach_of(connection))


class TestImplicitly(StoreContract):
    """On a connection as sqlite3 opens it: what is written waits for the host's ``commit()``."""

    examples = 4
    test_a_purge_leaves_everything_readable = None  # it waits for the transaction to end

    def open(self, folder: Path) -> Store:
        """A file whose connection begins a transaction with what is written first."""
        connection = lent(folder)
        connection.execute("INSERT INTO crm_secret VALUES ('host', '')")
        return Followed(reach_of(connection))


Connect = Callable[..., sqlite3.Connection]

# --- one transaction, the host's ------------------------------------------------------------------------------------

MODES: dict[str, dict[str, Any]] = {
    "autocommit": {"isolation_level": None},
    "deferred": {},
    "immediate": {"isolation_level": "IMMEDIATE"},
    "exclusive": {"isolation_level": "EXCLUSIVE"},
}
if sys.version_info >= (3, 12):
    MODES |= {"off": {"autocommit": False}, "on": {"autocommit": True}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with our tables and one of the host's."""
    with contextlib.closing(sqlite3.connect(tmp_path / "host.db")) as connection:
        make_tables(connection)
        connection.execute("CREATE TABLE invoice (number INTEGER)")
        connection.commit()
    return tmp_path / "host.db"


@pytest.fixture
def connect(path: Path) -> Iterator[Connect]:
    """Opens connections to it."""
    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(contextlib.closing(sqlite3.connect(path, timeout=0, **how)))


@pytest.fixture(params=MODES)
def host(connect: Connect, request: pytest.FixtureRequest) -> sqlite3.Connection:
    """The host's connection, opened in some way, with a transaction begun in which the host has written."""
    connection = connect(**MODES[request.param])
    if not connection.in_transaction:
        connection.execute("BEGIN")
    connection.execute("INSERT INTO invoice VALUES (1)")
    return connection


def invoices(connection: sqlite3.Connection) -> list[int]:
    """The host's own rows."""
    return [number for (number,) in connection.execute("SELECT number FROM invoice ORDER BY number").fetchall()]


def test_an_act_is_kept_with_the_hosts_transaction(host: sqlite3.Connection, connect: Connect) -> None:
    """Nobody sees either before the host commits."""
    with CRM(connection=host) as crm:
        acme = crm.accounts.add(name="Acme")
    assert host.in_transaction
    other = CRM(connection=connect())
    assert (other.accounts.count(), invoices(connect())) == (0, [])
    host.execute("COMMIT")

    assert other.accounts.get(acme.id) == acme
    assert invoices(connect()) == [1]
    assert other.verify()


def test_an_act_goes_with_the_hosts_transaction(host: sqlite3.Connection) -> None:
    """And may be done again."""
    crm = CRM(connection=host)
    acme = crm.accounts.add(name="Acme")
    host.execute("ROLLBACK")

    assert (crm.accounts.count(), invoices(host)) == (0, [])
    with pytest.raises(NotFound):
        crm.accounts.update(acme.id, name="Acme Ltd")
    assert crm.accounts.add(name="Acme").name == "Acme"
    assert crm.verify()


def test_acts_go_with_a_savepoint_of_the_hosts(host: sqlite3.Connection) -> None:
    """What came before it stays."""
    crm = CRM(connection=host)
    acme = crm.accounts.add(name="Acme")
    host.execute("SAVEPOINT host")
    crm.accounts.update(acme, name="Acme Ltd")
    host.execute("ROLLBACK TO host")

    assert crm.accounts.get(acme.id) == acme
    assert crm.accounts.update(acme, name="Acme Inc").version == 2
    assert crm.verify()


def test_a_failed_act_leaves_the_hosts_work(host: sqlite3.Connection) -> None:
    """Whatever it fails by, and however late."""
    crm = CRM(connection=host)
    acme = crm.accounts.add(name="Acme", number="7")
    crm.accounts.update(acme, website="https://acme.example")
    written = crm.store.changes()
    host.execute(
        "CREATE TEMP TRIGGER late BEFORE INSERT ON crm_word WHEN NEW.kind = 'lead' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )

    def batched() -> None:
        with crm.batch() as batch:
            batch.accounts.add(name="Zeta")
            batch.accounts.update(acme.id, name="Acme Ltd")
            crm.accounts.update(acme.id, name="Acme Inc")

    for error, act in (
        (Conflict, lambda: crm.accounts.update(acme, name="Acme Ltd")),
        (Duplicate, lambda: crm.accounts.add(name="Acme", number="7")),
        (Invalid, lambda: crm.accounts.add(name="")),
        (Invalid, lambda: crm.accounts.add(name="\ud800")),
        (NotFound, lambda: crm.accounts.update("account_0", name="Acme Ltd")),
        (StoreError, lambda: crm.leads.capture(name="Ada")),
    ):
        with pytest.raises(error):
            act()
        assert host.in_transaction
        assert crm.store.changes() == written
    with pytest.raises(Conflict):
        batched()
    host.execute("COMMIT")

    assert (invoices(host), [one.name for one in crm.accounts.find()]) == ([1], ["Acme Inc"])
    assert crm.verify()


def test_a_batch_is_part_of_it(host: sqlite3.Connection) -> None:
    """And so are an undo, and what is erased."""
    crm = CRM(connection=host)
    with crm.batch() as batch:
        acme = batch.accounts.add(name="Acme")
        batch.opportunities.add(name="Roof", account=acme.id)
    crm.undo(crm.history(acme)[-1].commit)
    assert (crm.accounts.count(), crm.opportunities.count()) == (0, 0)
    host.execute("ROLLBACK")

    assert (crm.store.changes(), invoices(host)) == ([], [])


# --- without a transaction ------------------------------------------------------------------------------------------


def test_in_autocommit_an_act_commits_itself(connect: Connect) -> None:
    """And a failed one leaves nothing behind."""
    connection = connect(isolation_level=None)
    crm = CRM(connection=connection)
    acme = crm.accounts.add(name="Acme", number="7")
    assert not connection.in_transaction
    with pytest.raises(Duplicate):
        crm.accounts.add(name="Acme", number="7")

    assert not connection.in_transaction
    assert CRM(connection=connect()).accounts.get(acme.id) == acme


@pytest.mark.parametrize("how", [{}, {"isolation_level": "EXCLUSIVE"}])
def test_a_connection_that_begins_by_itself_waits_for_the_host(how: dict[str, Any], connect: Connect) -> None:
    """As it does when the host writes; what fails or reads begins nothing."""
    connection = connect(**how)
    connection.execute(
        "CREATE TEMP TRIGGER late BEFORE INSERT ON crm_word WHEN NEW.kind = 'lead' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    crm = CRM(connection=connection)
    crm.accounts.add(name="Acme")
    assert connection.in_transaction
    connection.commit()
    for error, act in ((Invalid, lambda: crm.accounts.add(name="")), (StoreError, lambda: crm.leads.capture(name="A"))):
        with pytest.raises(error):
            act()
    assert [one.name for one in crm.accounts.find()] == ["Acme"]
    assert not connection.in_transaction
    crm.accounts.add(name="Zeta")
    connection.execute("INSERT INTO invoice VALUES (1)")
    connection.rollback()

    assert (crm.accounts.count(), invoices(connection)) == (1, [])
    crm.accounts.add(name="Zeta")
    connection.commit()
    assert CRM(connection=connect()).accounts.count() == 2


# --- what a CRM remembers -------------------------------------------------------------------------------------------


def test_a_playbook_rolled_back_is_forgotten(host: sqlite3.Connection, connect: Connect) -> None:
    """Also when somebody adopts another one in its place, which is the second version as well."""
    crm = CRM(connection=host)
    crm.accounts.add(name="Acme")
    host.execute("COMMIT")
    host.execute("BEGIN")
    euros, francs = Playbook(currency="EUR"), Playbook(currency="CHF")
    crm.adopt(euros)
    assert crm.playbook == euros
    host.execute("ROLLBACK")
    assert crm.playbook.currency == "USD"
    CRM(connection=connect(isolation_level=None)).adopt(francs)

    assert str(crm.opportunities.add(name="Roof", amount=7).amount) == "7.00 CHF"
    assert crm.playbook == francs
    assert crm.verify()


def test_a_playbook_is_forgotten_with_a_savepoint(host: sqlite3.Connection) -> None:
    """The first one too, which is written with the first act."""
    crm = CRM(connection=host)
    for _ in range(2):
        host.execute("SAVEPOINT host")
        crm.accounts.add(name="Acme")
        crm.adopt(Playbook(currency="EUR"))
        host.execute("ROLLBACK TO host")
        assert crm.playbook.currency == "USD"
    crm.accounts.add(name="Acme")

    assert [change.kind for change in crm.store.changes()] == ["playbook", "account"]
    assert crm.verify()


def test_a_place_of_the_log_taken_anew_is_read_anew(host: sqlite3.Connection, connect: Connect) -> None:
    """What somebody adopted stands where an act of ours had stood."""
    crm = CRM(connection=host)
    crm.accounts.add(name="Acme")
    host.execute("COMMIT")
    host.execute("BEGIN")
    crm.accounts.add(name="Zeta")
    host.execute("ROLLBACK")
    CRM(connection=connect(isolation_level=None)).adopt(Playbook(currency="CHF"))

    assert str(crm.opportunities.add(name="Roof", amount=7).amount) == "7.00 CHF"


def test_what_has_been_committed_is_remembered(connect: Connect) -> None:
    """Within a transaction it need not be read again."""
    connection = connect(isolation_level=None)
    crm = CRM(connection=connection)
    crm.accounts.add(name="Acme")
    connection.execute("BEGIN")
    said: list[str] = []
    connection.set_trace_callback(said.append)
    crm.accounts.add(name="Zeta")

    read = [sql for sql in said if "crm_playbook" in sql]
    assert len(read) == 1, read  # whether it is still that one, which the act rests on


# --- the host's connection is left as it is -------------------------------------------------------------------------


def test_how_the_host_reads_is_left_alone(host: sqlite3.Connection) -> None:
    """And is nothing to us."""
    settings = {"row_factory": sqlite3.Row, "text_factory": bytes}
    for name, value in settings.items():
        setattr(host, name, value)
    before = host.isolation_level, host.execute("PRAGMA journal_mode").fetchone()[0]
    crm = CRM(connection=host)
    acme = crm.accounts.add(name="Zoë")
    with pytest.raises(Invalid):
        crm.accounts.add(name="")

    assert crm.accounts.get(acme.id) == acme
    assert {name: getattr(host, name) for name in settings} == settings
    assert (host.isolation_level, host.execute("PRAGMA journal_mode").fetchone()[0]) == before
    assert host.execute("SELECT 'Zoë' AS name").fetchone()["name"] == "Zoë".encode()


def test_what_is_closed_says_so(host: sqlite3.Connection) -> None:
    """The CRM alone, and the host's connection with every CRM on it."""
    first, second = CRM(connection=host), CRM(connection=host)
    first.close()
    with pytest.raises(Closed, match="open another one"):
        first.accounts.count()
    assert second.accounts.count() == 0
    host.close()
    for use in (second.accounts.count, lambda: second.accounts.add(name="Acme"), second.purge):
        with pytest.raises(Closed):
            use()
    with pytest.raises(Closed):
        CRM(connection=host)
    with pytest.raises(Closed):
        make_tables(host)


def test_a_connection_of_another_thread_is_refused(host: sqlite3.Connection) -> None:
    """As its driver does, in our words."""
    crm, told = CRM(connection=host), []

    def use() -> None:
        with pytest.raises(StoreError, match="thread") as caught:
            crm.accounts.add(name="Acme")
        told.append(type(caught.value))

    thread = Thread(target=use)
    thread.start()
    thread.join()

    assert told == [StoreError]
    assert crm.accounts.count() == 0


# --- others -----------------------------------------------------------------------------------------------------------


def test_somebody_else_is_writing(connect: Connect) -> None:
    """The act fails, and the host's transaction stands."""
    connection, other = connect(isolation_level=None), connect(isolation_level=None)
    crm = CRM(connection=connection)
    connection.execute("BEGIN")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match="longer timeout"):
        crm.accounts.add(name="Acme")
    assert connection.in_transaction
    other.execute("ROLLBACK")

    assert crm.accounts.add(name="Acme").version == 1


def test_somebody_else_has_written_since(connect: Connect) -> None:
    """What the host's transaction has seen is no more: trying again within it is of no use, and the error says so."""
    connection = connect(isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    crm = CRM(connection=connection)
    connection.execute("BEGIN")
    assert crm.accounts.count() == 0
    CRM(connection=connect(isolation_level=None)).accounts.add(name="Acme")
    with pytest.raises(Busy, match="BEGIN IMMEDIATE"):
        crm.accounts.add(name="Zeta")
    connection.execute("ROLLBACK")

    assert crm.accounts.add(name="Zeta").version == 1


def test_a_full_disk_ends_our_own_transaction(connect: Connect) -> None:
    """Nothing of the act is left, and there may be room later."""
    connection = connect(isolation_level=None)
    crm = CRM(connection=connection)
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Full):
        crm.notes.add(crm.accounts.add(name="Acme"), "x" * 9_000)
    assert not connection.in_transaction
    connection.execute("PRAGMA max_page_count = 100000")

    assert crm.accounts.add(name="Zeta").version == 1
    assert crm.verify()


def test_a_full_disk_ends_the_hosts_transaction(host: sqlite3.Connection) -> None:
    """SQLite ends it, and the error says so."""
    crm = CRM(connection=host)
    ((pages,),) = host.execute("PRAGMA page_count").fetchall()
    host.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Full) as caught:
        crm.notes.add(crm.accounts.add(name="Acme"), "x" * 9_000)

    if host.in_transaction:
        assert invoices(host) == [1]
    else:
        assert "whole transaction" in caught.value.__notes__[0]


@pytest.mark.parametrize("wal", [False, True])
def test_who_follows_the_log_gets_what_was_committed(wal: bool, connect: Connect) -> None:
    """Also in a transaction of the host's: of others everything, of its own nothing before it ends."""
    connection, other = connect(isolation_level=None), connect(isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
    crm, theirs = CRM(connection=connection), CRM(connection=other)
    theirs.accounts.add(name="Acme")
    connection.execute("BEGIN")
    first = crm.store.stretch(limit=9)
    assert [change.kind for change in first.changes] == ["playbook", "account"]
    crm.accounts.add(name="Zeta")
    assert crm.store.stretch(first.cursor, limit=9) == Stretch((), first.cursor)
    assert crm.store.tip() == first.cursor
    connection.execute("ROLLBACK")
    crm.accounts.add(name="Beta")

    assert [change.sets["name"] for change in crm.store.stretch(first.cursor, limit=9).changes] == ["Beta"]


def test_a_new_log_is_followed_once_it_is_committed(tmp_path: Path) -> None:
    """Tables that nobody else sees yet hold nothing to follow."""
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        connection.execute("BEGIN")
        make_tables(connection)
        crm = CRM(connection=connection)
        crm.accounts.add(name="Acme")
        assert crm.store.stretch(limit=9).changes == ()
        connection.execute("COMMIT")
        assert len(crm.store.stretch(limit=9).changes) == 2


def test_a_log_in_memory_is_followed_between_transactions() -> None:
    """Nobody else sees what was committed to it."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        make_tables(connection)
        crm = CRM(connection=connection)
        crm.accounts.add(name="Acme")
        with pytest.raises(StoreError, match="commit first"):
            crm.store.stretch(limit=9)
        connection.commit()
        assert len(crm.store.stretch(limit=9).changes) == 2


def test_a_log_that_others_lock_is_followed_later(connect: Connect) -> None:
    """The host's transaction stands."""
    connection = connect(isolation_level=None)
    crm = CRM(connection=connection)
    connection.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Busy):
        crm.store.stretch(limit=9)
    assert connection.in_transaction


def test_a_purge_waits_for_the_host(host: sqlite3.Connection) -> None:
    """It writes the database anew, which is done between transactions."""
    crm = CRM(connection=host)
    assert "transaction is open" in str(crm.store.purge())
    host.execute("ROLLBACK")
    if not host.in_transaction:  # which a driver may begin at once
        assert crm.store.purge().done


# --- tables -----------------------------------------------------------------------------------------------------------


def tables(connection: sqlite3.Connection) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """Everything that was made in a database, and what is noted of it."""
    made = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return set(made), set(connection.execute("SELECT * FROM crm_meta").fetchall())


def test_statements_make_what_a_store_makes(tmp_path: Path) -> None:
    """In an empty database, and a CRM finds nothing to mend."""
    with contextlib.closing(SqliteStore(str(tmp_path / "crm.db"))) as store:
        CRM(store, kinds=[Parcel, Box])
        wanted = tables(store._file._connection)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for sql in ddl("sqlite", kinds=[Parcel, Box]):
            connection.execute(sql)
        found = tables(connection)
        CRM(connection=connection, kinds=[Parcel, Box])
        assert connection.total_changes == len(found[1])
        make_tables(connection, kinds=[Parcel, Box])
        assert connection.total_changes == len(found[1])

    assert found == wanted


def test_opening_makes_no_tables(tmp_path: Path) -> None:
    """It says how they are made."""
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as connection:
        for how in ({}, {"kinds": [Parcel]}):
            with pytest.raises(StoreError, match=r"make_tables\(connection\).*ddl\(\"sqlite\"\)"):
                CRM(connection=connection, **how)
            assert connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%parcel%'").fetchall() == []
            make_tables(connection)
        make_tables(connection, kinds=[Parcel])
        assert CRM(connection=connection, kinds=[Parcel]).parcels.count() == 0


def test_tables_made_in_a_transaction_go_with_it(tmp_path: Path) -> None:
    """They are the host's to keep."""
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        make_tables(connection)
        CRM(connection=connection).accounts.add(name="Acme")
        connection.rollback()
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
        with pytest.raises(StoreError, match="make_tables"):
            CRM(connection=connection)


# --- what is no connection --------------------------------------------------------------------------------------------


def test_what_is_no_connection_is_refused(host: sqlite3.Connection) -> None:
    """So are a store beside a connection, and an unknown dialect."""

    class Connection:
        """Of another driver."""

    for connection, shown in ((7, "int"), ("crm.db", "str"), (Connection(), "Connection")):
        with pytest.raises(Invalid, match=f"connection: .*{shown}"):
            CRM(connection=connection)
        with pytest.raises(Invalid):
            make_tables(connection)
    with pytest.raises(Invalid, match="a store or a connection"):
        CRM("crm.db", connection=host)
    with pytest.raises(Invalid, match="dialect"):
        ddl("oracle")  # type: ignore[arg-type]
