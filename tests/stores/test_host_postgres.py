"""A CRM on a PostgreSQL connection of the host's keeps the contract, and the host's work is its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Busy, Closed, Conflict, Duplicate, Invalid, NotFound, Playbook, StoreError
from crmcore.hosting import ddl, make_tables
from crmcore.kernel.ports import Store, Stretch
from crmcore.stores.host_connection import Reach, reach_of
from crmcore.stores.host_postgres import HostPostgresStore, made
from crmcore.testing import StoreContract
from crmcore.testing.specimens import KINDS, Box, Parcel

if TYPE_CHECKING:
    import psycopg
Connect = Callable[..., "psycopg.Connection[Any]"]


class Lent(HostPostgresStore):
    """Its host closes the connection with it."""

    def close(self) -> None:
        """Both."""
        super().close()
        self._file._pool._reach.held.close()


class Followed(Lent):
    """Its host commits before the log is followed: what is not committed can't be."""

    @contextlib.contextmanager
    def committed(self) -> Iterator[None]:
        """Between two transactions."""
        with self._file._pool.borrowed() as connection:
            connection.commit()
            yield

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed."""
        with self.committed():
            return super().stretch(after, limit=limit)

    def tip(self) -> str:
        """The end of what was committed."""
        with self.committed():
            return super().tip()


class Hosted(StoreContract):
    """On a connection to a schema, which is there again when it is opened again."""

    __test__ = False
    examples = 2
    schemas: Callable[[str], str]

    @pytest.fixture(autouse=True)
    def _server(self, schemas: Callable[[str], str]) -> None:
        self.schemas = schemas

    def connect(self, folder: Path, **how: Any) -> Reach:  # noqa: ANN401 - as psycopg takes it
        """A connection to the folder's schema, with tables for the specimens."""
        import psycopg

        connection = psycopg.connect(self.schemas(str(folder)), **how)
        connection.execute("SET synchronous_commit = off")
        made(reach_of(connection), list(KINDS.values()))
        connection.commit()
        return reach_of(connection)


class TestAlone(Hosted):
    """In autocommit, with no transaction open: each commit is kept when it returns."""

    __test__ = True
    durable = True

    def open(self, folder: Path) -> Store:
        """The same schema again."""
        return Lent(self.connect(folder, autocommit=True))


class TestWithin(Hosted):
    """In transactions of the host's, which psycopg begins."""

    __test__ = True
    test_a_purge_leaves_everything_readable = None  # it waits for the transaction to end

    def open(self, folder: Path) -> Store:
        """A new connection each time."""
        return Followed(self.connect(folder))


# --- one transaction, the host's ------------------------------------------------------------------------------------

MODES = {"autocommit": True, "begun by psycopg": False}


@pytest.fixture
def path(url: str) -> str:
    """A schema with our tables and one of the host's."""
    import psycopg

    with psycopg.connect(url) as connection:
        make_tables(connection)
        connection.execute("CREATE TABLE invoice (number INTEGER)")
    return url


@pytest.fixture
def connect(path: str) -> Iterator[Connect]:
    """Opens connections to it."""
    import psycopg

    with contextlib.ExitStack() as stack:
        yield lambda **how: stack.enter_context(contextlib.closing(psycopg.connect(path, **how)))


@pytest.fixture(params=MODES)
def host(connect: Connect, request: pytest.FixtureRequest) -> psycopg.Connection[Any]:
    """The host's connection, with a transaction begun in some way in which the host has written."""
    connection = connect(autocommit=MODES[request.param])
    if connection.autocommit:
        connection.execute("BEGIN")
    connection.execute("INSERT INTO invoice VALUES (1)")
    return connection


def invoices(connection: psycopg.Connection[Any]) -> list[int]:
    """The host's own rows."""
    return [number for (number,) in connection.execute("SELECT number FROM invoice ORDER BY number").fetchall()]


def test_an_act_is_kept_with_the_hosts_transaction(host: psycopg.Connection[Any], connect: Connect) -> None:
    """Nobody sees either before the host commits."""
    with CRM(connection=host) as crm:
        acme = crm.accounts.add(name="Acme")
    assert host.info.transaction_status == 2
    other = CRM(connection=connect(autocommit=True))
    assert (other.accounts.count(), invoices(connect())) == (0, [])
    host.execute("COMMIT")

    assert other.accounts.get(acme.id) == acme
    assert invoices(connect()) == [1]
    assert other.verify()


def test_an_act_goes_with_the_hosts_transaction(host: psycopg.Connection[Any]) -> None:
    """And with a savepoint of the host's; it may be done again."""
    crm = CRM(connection=host)
    host.execute("SAVEPOINT host")
    acme = crm.accounts.add(name="Acme")
    host.execute("ROLLBACK TO host")
    with pytest.raises(NotFound):
        crm.accounts.update(acme.id, name="Acme Ltd")
    assert crm.accounts.add(name="Acme").name == "Acme"
    host.execute("ROLLBACK")

    assert (crm.accounts.count(), invoices(host)) == (0, [])
    assert crm.accounts.add(name="Acme").name == "Acme"
    assert crm.verify()


def test_a_failed_act_leaves_the_hosts_work(host: psycopg.Connection[Any]) -> None:
    """Whatever it fails by, and however late."""
    crm = CRM(connection=host)
    acme = crm.accounts.add(name="Acme", number="7")
    crm.accounts.update(acme, website="https://acme.example")
    written = crm.store.changes()
    host.execute("ALTER TABLE crm_words ADD CONSTRAINT late CHECK (kind <> 'lead')")

    for error, act in (
        (Conflict, lambda: crm.accounts.update(acme, name="Acme Ltd")),
        (Duplicate, lambda: crm.accounts.add(name="Acme", number="7")),
        (Invalid, lambda: crm.accounts.add(name="")),
        (Invalid, lambda: crm.accounts.add(name="\x00")),
        (NotFound, lambda: crm.accounts.update("account_0", name="Acme Ltd")),
        (StoreError, lambda: crm.leads.capture(name="Ada")),
    ):
        with pytest.raises(error):
            act()
        assert host.info.transaction_status == 2
        assert crm.store.changes() == written
    crm.accounts.update(acme.id, name="Acme Inc")
    host.execute("COMMIT")

    assert (invoices(host), [one.name for one in crm.accounts.find()]) == ([1], ["Acme Inc"])
    assert crm.verify()


def test_a_race_lost_leaves_the_hosts_work(host: psycopg.Connection[Any], connect: Connect) -> None:
    """Somebody else takes a unique value, and changes a record, while we are at it."""
    crm, other = CRM(connection=host), connect()
    theirs = CRM(connection=other)
    theirs.accounts.add(name="Acme", number="7")
    acme = theirs.accounts.add(name="Zeta")
    other.commit()
    theirs.accounts.add(name="Beta", number="8")
    theirs.accounts.update(acme, name="Eta")
    with ThreadPoolExecutor(1) as threads:
        for act in (lambda: crm.accounts.add(name="Gamma", number="8"), lambda: crm.accounts.update(acme, name="Iota")):
            doing = threads.submit(act)
            wait([doing], 0.3)
            if other.info.transaction_status:
                assert not doing.done()
                other.commit()
            with pytest.raises((Busy, Conflict)):
                doing.result()
            assert host.info.transaction_status == 2
    crm.accounts.add(name="Gamma", number="9")
    host.execute("COMMIT")

    assert invoices(host) == [1]
    assert crm.verify()


def test_what_a_transaction_can_not_be_spared_is_said(connect: Connect) -> None:
    """One that must see the same throughout is to be done anew; nothing is tried again in it."""
    host = connect()
    theirs = CRM(connection=connect(autocommit=True))
    acme = theirs.accounts.add(name="Acme")
    host.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    crm = CRM(connection=host)
    host.execute("INSERT INTO invoice VALUES (1)")
    theirs.accounts.update(acme, name="Acme Ltd")
    with pytest.raises(Busy, match="do it anew"):
        crm.accounts.update(acme, name="Acme Inc")
    assert host.info.transaction_status == 2
    host.commit()

    assert invoices(host) == [1]
    assert crm.accounts.update(acme.id, name="Acme Inc").version == 3


def test_a_failed_transaction_is_the_hosts_to_roll_back(host: psycopg.Connection[Any]) -> None:
    """The error says so, and all is well afterwards."""
    crm = CRM(connection=host)
    host.execute("SAVEPOINT host")
    with pytest.raises(Exception, match="division"):
        host.execute("SELECT 1 / 0")
    for use in (crm.accounts.count, lambda: crm.accounts.add(name="Acme"), lambda: CRM(connection=host)):
        with pytest.raises(StoreError, match="roll it back"):
            use()
    host.execute("ROLLBACK TO host")

    assert crm.accounts.add(name="Acme").version == 1
    assert invoices(host) == [1]


def test_a_wait_is_as_long_as_the_host_has_it(connect: Connect) -> None:
    """Its ``lock_timeout``, which no setting of ours replaces."""
    host, other = connect(), connect()
    crm = CRM(connection=host)
    crm.accounts.add(name="Acme")
    host.commit()
    other.execute("LOCK TABLE crm_change IN SHARE ROW EXCLUSIVE MODE")
    host.execute("SET LOCAL lock_timeout = '50ms'")
    host.execute("INSERT INTO invoice VALUES (1)")
    with pytest.raises(Busy, match="longer lock_timeout"):
        crm.accounts.add(name="Zeta")
    host.commit()

    assert invoices(host) == [1]


# --- without a transaction ------------------------------------------------------------------------------------------


def test_in_autocommit_an_act_commits_itself(connect: Connect) -> None:
    """And a failed one leaves nothing behind; a block of psycopg's is a transaction of the host's."""
    connection = connect(autocommit=True)
    crm = CRM(connection=connection)
    acme = crm.accounts.add(name="Acme", number="7")
    with pytest.raises(Duplicate):
        crm.accounts.add(name="Acme", number="7")
    assert connection.info.transaction_status == 0
    with contextlib.suppress(ZeroDivisionError), connection.transaction():
        crm.accounts.update(acme, name="Acme Ltd")
        raise ZeroDivisionError

    assert CRM(connection=connect()).accounts.get(acme.id) == acme


def test_a_connection_that_begins_by_itself_waits_for_the_host(connect: Connect) -> None:
    """As it does when the host writes, or reads."""
    connection = connect()
    crm = CRM(connection=connection)
    crm.accounts.add(name="Acme")
    assert connection.info.transaction_status == 2
    connection.rollback()
    assert crm.accounts.count() == 0
    crm.accounts.add(name="Acme")
    connection.commit()

    assert CRM(connection=connect()).accounts.count() == 1


# --- what a CRM remembers -------------------------------------------------------------------------------------------


def test_a_playbook_rolled_back_is_forgotten(host: psycopg.Connection[Any], connect: Connect) -> None:
    """Also when somebody adopts another one in its place, which is the second version as well."""
    crm = CRM(connection=host)
    crm.accounts.add(name="Acme")
    host.execute("COMMIT")
    host.execute("BEGIN")
    crm.adopt(Playbook(currency="EUR"))
    assert crm.playbook.currency == "EUR"
    host.execute("ROLLBACK")
    assert crm.playbook.currency == "USD"
    CRM(connection=connect(autocommit=True)).adopt(Playbook(currency="CHF"))

    assert str(crm.opportunities.add(name="Roof", amount=7).amount) == "7.00 CHF"
    assert crm.verify()


def test_what_has_been_committed_is_remembered(connect: Connect) -> None:
    """Within a transaction it need not be asked for again; what the transaction has adopted is asked for each time."""
    connection = connect()
    store = CRM(connection=connection).store
    whole = "playbook", "playbook"
    assert store.settled(*whole)
    CRM(connection=connection).accounts.add(name="Acme")
    assert not store.settled(*whole)
    connection.commit()
    assert store.settled(*whole)


# --- the host's connection is left as it is -------------------------------------------------------------------------


def test_how_the_host_reads_is_left_alone(connect: Connect) -> None:
    """And is nothing to us: rows, cursors, and what it has taught its connection."""
    import psycopg
    from psycopg.rows import dict_row
    from psycopg.types.string import StrDumper, TextLoader

    class Loud(StrDumper):
        """Sends text in capitals."""

        def dump(self, obj: str) -> bytes:
            """In capitals."""
            return obj.upper().encode()

    class Backwards(TextLoader):
        """Reads text backwards."""

        def load(self, data: Any) -> str:  # noqa: ANN401 - a buffer
            """Backwards."""
            return bytes(data).decode()[::-1]

    how: dict[str, Any] = {"row_factory": dict_row, "cursor_factory": psycopg.ClientCursor}
    connection = connect(autocommit=True, **how)
    connection.adapters.register_dumper(str, Loud)
    connection.adapters.register_loader("text", Backwards)
    settings = "SELECT count(*) AS found FROM pg_settings WHERE source = 'session'"
    before = connection.execute(settings).fetchone()
    crm = CRM(connection=connection)
    acme = crm.accounts.add(name="Zoë")
    crm.batch()
    with crm.batch() as batch:
        for number in range(300):  # so many are copied
            batch.accounts.add(name=f"Acme {number}")

    assert crm.accounts.get(acme.id) == acme
    assert crm.accounts.count() == 301
    assert {name: getattr(connection, name) for name in how} == how
    assert connection.execute(settings).fetchone() == before
    assert connection.execute("SELECT %s::text AS name", ["zoë"]).fetchone() == {"name": "ËOZ"}


def test_what_is_closed_says_so(host: psycopg.Connection[Any]) -> None:
    """The CRM alone, and the host's connection with every CRM on it."""
    first, second = CRM(connection=host), CRM(connection=host)
    first.close()
    with pytest.raises(Closed, match="open another one"):
        first.accounts.count()
    assert second.accounts.count() == 0
    host.close()
    for use in (second.accounts.count, lambda: second.accounts.add(name="Acme"), lambda: CRM(connection=host)):
        with pytest.raises(Closed):
            use()


def test_a_connection_lost_says_so(host: psycopg.Connection[Any], connect: Connect) -> None:
    """With what was not committed."""
    crm = CRM(connection=host)
    connect(autocommit=True).execute("SELECT pg_terminate_backend(%s)", [host.info.backend_pid])
    with pytest.raises(Closed, match="lost"):
        crm.accounts.add(name="Acme")
    with pytest.raises(Closed):
        crm.accounts.count()


def test_a_connection_must_speak_utf8(connect: Connect) -> None:
    """Whatever else it can't say."""
    connection = connect()
    connection.execute("SET client_encoding = latin1")
    with pytest.raises(StoreError, match="UTF8"):
        CRM(connection=connection)


def test_a_purge_waits_for_the_host(host: psycopg.Connection[Any]) -> None:
    """It writes the tables anew, which is done between transactions."""
    assert "transaction is open" in str(CRM(connection=host).store.purge())


def test_who_follows_the_log_gets_what_was_committed(host: psycopg.Connection[Any], connect: Connect) -> None:
    """Of others everything, of the host's own transaction nothing before it ends."""
    crm, theirs = CRM(connection=host), CRM(connection=connect(autocommit=True))
    theirs.accounts.add(name="Acme")
    first = crm.store.stretch(limit=9)
    assert [change.kind for change in first.changes] == ["playbook", "account"]
    crm.accounts.add(name="Zeta")
    assert crm.store.stretch(first.cursor, limit=9).changes == ()
    host.execute("COMMIT")

    assert [change.sets["name"] for change in crm.store.stretch(first.cursor, limit=9).changes] == ["Zeta"]


# --- tables -----------------------------------------------------------------------------------------------------------


def test_statements_make_what_a_store_makes(schemas: Callable[[str], str]) -> None:
    """In an empty schema, and a CRM finds nothing to mend."""
    import psycopg

    told = """SELECT table_name, column_name, data_type, collation_name, column_default, is_nullable
        FROM information_schema.columns WHERE table_schema = current_schema UNION ALL SELECT tablename, indexname,
        regexp_replace(indexdef, ' ON \\S+', ''), NULL, NULL, NULL FROM pg_indexes WHERE schemaname = current_schema
        UNION ALL SELECT attrelid::regclass::text, attname, attstattarget::text, NULL, NULL, NULL FROM pg_attribute
        JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = current_schema::regnamespace
        UNION ALL SELECT name, value, NULL, NULL, NULL, NULL FROM crm_meta"""
    CRM(schemas("store"), kinds=[Parcel, Box]).close()
    with psycopg.connect(schemas("ddl")) as connection, psycopg.connect(schemas("store")) as other:
        for sql in ddl("postgresql", kinds=[Parcel, Box]):
            connection.execute(sql)
        made = set(connection.execute(told).fetchall())
        connection.execute("SET TRANSACTION READ ONLY")
        CRM(connection=connection, kinds=[Parcel, Box])
        make_tables(connection, kinds=[Parcel, Box])

        assert made == set(other.execute(told).fetchall())


def test_opening_makes_no_tables(url: str) -> None:
    """It says how they are made; those made in a transaction go with it."""
    import psycopg

    with psycopg.connect(url) as connection:
        for how in ({}, {"kinds": [Parcel]}):
            with pytest.raises(StoreError, match=r"make_tables\(connection\).*ddl\(\"postgresql\"\)"):
                CRM(connection=connection, **how)
            make_tables(connection)
        make_tables(connection, kinds=[Parcel])
        assert CRM(connection=connection, kinds=[Parcel]).parcels.count() == 0
        connection.rollback()
        with pytest.raises(StoreError, match="make_tables"):
            CRM(connection=connection)


def test_a_connection_for_asyncio_is_refused() -> None:
    """It can't be waited for."""
    import psycopg

    with pytest.raises(Invalid, match="AsyncCRM"):
        CRM(connection=object.__new__(psycopg.AsyncConnection))
