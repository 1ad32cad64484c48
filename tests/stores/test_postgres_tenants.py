"""Row-level security: PostgreSQL itself shows a session one tenant's rows, whatever it asks for."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from crmcore import CRM, Duplicate, F
from crmcore.kernel.errors import Corrupt, CrmError, StoreError
from crmcore.kernel.fields import field
from crmcore.kernel.page import query
from crmcore.kernel.ports import Key, Moment
from crmcore.kernel.records import Record, kind_of, record
from crmcore.stores import migrations, postgres_tenants
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.schema import TABLES
from crmcore.testing import StoreContract
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, hour
from crmcore.verification import verify

if TYPE_CHECKING:
    import psycopg

Opened = Callable[..., PostgresStore]


class TestUnderRowSecurity(StoreContract):
    """Whoever keeps the contract keeps it under policies too."""

    durable = True
    examples: ClassVar[int] = 3
    lent: Callable[[str], str]

    @pytest.fixture(autouse=True)
    def _server(self, lent: Callable[[str], str]) -> None:
        self.lent = lent

    def open(self, folder: Path) -> PostgresStore:
        """A schema for each folder."""
        return PostgresStore(self.lent(str(folder)), durability="relaxed", row_security=True)


@pytest.fixture
def url(lent: Callable[[str], str]) -> str:
    """The address of an empty schema, as the role reaches it."""
    return lent("")


@pytest.fixture
def opened(url: str) -> Iterator[Opened]:
    """Opens stores in one schema, all closed when the test ends."""
    with contextlib.ExitStack() as closing:

        def opened(address: str = url, **rest: Any) -> PostgresStore:  # noqa: ANN401 - as PostgresStore takes them
            store = PostgresStore(address, **{"durability": "relaxed", **rest})
            closing.callback(store.close)
            store.prepare(KINDS.values())
            return store

        yield opened


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    """A store in which two tenants, ``default`` and ``there``, have written under the same names."""
    store = opened(row_security=True)
    for tenant in ("default", "there"):
        pen = Pen(store.for_tenant(tenant))
        pen.change(pen.add("a", code="A", note=tenant), 1, merged_into="b")
        pen.add("c")
        pen.store.move_cursor("erp", was="", now=tenant)
        pen.store.secret(tenant.encode())
        pen.store.commit([added(Parcel, "k", label="k")], id="k", recorded_at=hour(1), key=Key("k", "f"))
    return store


@pytest.fixture
def raw(url: str, store: PostgresStore) -> Iterator[psycopg.Connection[Any]]:
    """A program of somebody else's, as the same role."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


OURS = """SELECT table_name FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = current_schema() AND column_name = 'tenant' AND table_type = 'BASE TABLE'"""


def tenants(raw: psycopg.Connection[Any], table: str) -> set[str]:
    """Whose rows somebody sees in a table."""
    return {tenant for (tenant,) in raw.execute(f'SELECT tenant FROM "{table}"')}  # type: ignore[arg-type]


# --- what others see ------------------------------------------------------------------------------------------------


def test_who_names_no_tenant_sees_nothing_and_who_names_one_sees_theirs(raw: psycopg.Connection[Any]) -> None:
    """In every table that has a tenant, and in the views."""
    tables = [name for (name,) in raw.execute(OURS)]
    assert {"crm_change", "crm_claim", "crm_key", "crm_cursor", "crm_secret", "crm_parcel", "crm_box"} <= set(tables)
    for shown in (*tables, "parcels"):
        assert tenants(raw, shown) == set()
    for tenant in ("there", "default"):
        raw.execute("SELECT set_config('crm.tenant', %s, false)", (tenant,))
        for shown in (*tables, "parcels"):
            assert tenants(raw, shown) <= {tenant}
            assert shown == "crm_box" or tenants(raw, shown), shown
    raw.execute("SET crm.tenant = ''")
    assert tenants(raw, "crm_change") == set()
    raw.execute("SET crm.every_tenant = 'on'")
    assert tenants(raw, "crm_change") == {"default", "there"}


def test_who_names_a_tenant_writes_no_other_ones_rows(raw: psycopg.Connection[Any]) -> None:
    """Neither new ones nor those that are there."""
    import psycopg

    raw.execute("SET crm.tenant = 'there'")
    raw.execute("INSERT INTO crm_alias VALUES ('there', 'x', 'y')")
    for refused in ("INSERT INTO crm_alias VALUES ('default', 'x', 'y')", "UPDATE crm_alias SET tenant = 'default'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            raw.execute(refused)  # type: ignore[call-overload]
    for unseen in (
        "DELETE FROM crm_change WHERE tenant = 'default'",
        "UPDATE crm_claim SET id = 'x' WHERE tenant = 'default'",
    ):
        assert raw.execute(unseen).rowcount == 0  # type: ignore[call-overload]
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        raw.execute("COPY crm_alias FROM STDIN")


def test_a_role_with_rights_on_rows_alone_will_do(
    server: str, url: str, opened: Opened, store: PostgresStore, raw: psycopg.Connection[Any]
) -> None:
    """Another one has made the tables."""
    import psycopg

    other = f"crm_{uuid.uuid4().hex}"
    ((schema,),) = raw.execute("SELECT current_schema()")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {other} LOGIN PASSWORD '{other}'")  # type: ignore[arg-type]
        try:
            connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {other}")
            connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {other}")
            connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {other}")
            lesser = opened(url.partition("&user=")[0] + f"&user={other}&password={other}")
            ids = [f"p{number}" for number in range(250)]
            Pen(lesser).commit(*(added(Parcel, id, label=id) for id in ids))
            assert lesser.row_security
            assert store.get(PARCEL, ids) == lesser.get(PARCEL, ids)
            assert verify(lesser, KINDS)
            lesser.close()
        finally:
            connection.execute(f"DROP OWNED BY {other}")
            connection.execute(f"DROP ROLE {other}")


# --- whose rows it is about is told anew each time --------------------------------------------------------------------


@pytest.mark.parametrize("tenant", ["O'Brien", "\\'", "{0}%s%%", "Ärger & Söhne", "default' OR true --", "on"])
def test_a_tenant_may_have_any_name(store: PostgresStore, tenant: str) -> None:
    """And gets what is written under it."""
    pen = Pen(store.for_tenant(tenant))
    pen.add("a", note=tenant)
    assert [change.sets["note"] for change in pen.store.changes()] == [tenant]
    assert pen.store.get(PARCEL, ["a"], Moment(hour(9)))["a"].note == tenant
    assert verify(pen.store, KINDS)


def test_a_connection_carries_nobody_along(opened: Opened, store: PostgresStore) -> None:
    """Between two uses it shows nothing, whoever had it; also after one that failed."""
    narrow = opened(connections=1)
    (connection,) = narrow._file._pool._idle
    stores = [narrow.for_tenant(name) for name in ("default", "there", "nobody")]

    def failed() -> None:
        with pytest.raises(CrmError):
            stores[0]._file.rows("SELECT 1 / 0 FROM crm_change")

    uses: list[Callable[[PostgresStore], object]] = [
        lambda one: one.get(PARCEL, ["a"]),
        lambda one: one.get(PARCEL, ["a"], Moment(hour(9))),
        lambda one: one.find(PARCEL, query(PARCEL, None, order_by="label")),
        lambda one: Pen(one).one(added(Parcel, uuid.uuid4().hex, label="x")),
        lambda one: one.check(),
        lambda one: one.prepare([PARCEL]),
        lambda one: failed(),
    ]
    for use in uses:
        for one in stores:
            use(one)
            assert connection.execute("SELECT count(*) FROM crm_change").fetchall() == [(0,)]
            assert [change.sets.get("note") for change in one.changes(id="a", limit=1)] == [one.tenant] * (
                one.tenant != "nobody"
            )


def test_within_one_transaction_each_asks_for_its_own(store: PostgresStore) -> None:
    """A reading of one tenant, and one of another in it; and so with what is written."""
    there = store.for_tenant("there")
    with store._file.reading():
        for one in (there, store, there):
            assert one.get(PARCEL, ["a"])["a"].note == one.tenant
    with store._file.writing():
        for one in (store, there):
            one._file.many("INSERT INTO crm_alias VALUES (?, ?, ?)", [(one.tenant, "x", "y")])
    assert [one.aliases("y") for one in (store, there)] == [{"x", "y"}] * 2


def test_threads_of_many_tenants_share_a_few_connections(opened: Opened, store: PostgresStore) -> None:
    """Each sees its own alone."""
    few = opened(connections=2, busy_seconds=60)

    def work(number: int) -> bool:
        pen = Pen(few.for_tenant(f"tenant {number}"))
        for round in range(4):
            pen.add(f"p{round}", note=f"{number}")
            assert {one.note for one in pen.find()} == {f"{number}"}
            assert len(pen.store.changes()) == round + 1
        return bool(verify(pen.store, KINDS))

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(work, range(6)))


# --- how it is turned on, and stays so -------------------------------------------------------------------------------


def test_a_database_that_was_open_to_all_is_closed(url: str, opened: Opened) -> None:
    """Its tables, its data, and those of kinds that are unknown here."""
    import psycopg

    with CRM(url, kinds=[OldShoot]) as crm:
        crm.shoots.add(title="Rome")
        crm.given(tenant="there").shoots.add(title="Bari")
    assert not opened().row_security
    assert opened(row_security=True).row_security
    with CRM(url, kinds=[OldShoot]) as crm, psycopg.connect(url) as raw:
        assert [one.title for one in crm.shoots.each()] == ["Rome"]
        assert crm.verify()
        assert tenants(raw, "crm_shoot") == tenants(raw, "crm_change") == set()


@record("shoot")
class OldShoot(Record):
    """A kind as it was first declared."""

    title: str = field()


@record("shoot")
class Shoot(Record):
    """The same kind, which has gained a key and words."""

    title: str = field(key=True, unique=True, searchable=True)


def test_kinds_come_and_change_under_policies(url: str, store: PostgresStore) -> None:
    """New ones have a policy at once; what is derived anew is derived for every tenant."""
    with CRM(url, kinds=[OldShoot], tenant="one") as crm:
        crm.shoots.add(title="Rome")
        crm.given(tenant="two").shoots.add(title="Bari")
        assert crm.verify()
    with CRM(url, kinds=[Shoot], tenant="one") as crm:
        for one, title in ((crm, "Rome"), (crm.given(tenant="two"), "Bari")):
            assert [shoot.title for shoot in one.desk(Shoot).find(F.title == title)] == [title]
            assert len(one.search(title)) == 1
            assert one.verify()
        with pytest.raises(Duplicate):
            crm.given(tenant="two").desk(Shoot).add(title="Bari")


def test_a_log_restored_elsewhere_goes_on(opened: Opened, store: PostgresStore) -> None:
    """Whoever wrote it: rows of every tenant count."""
    Pen(store.for_tenant("newest")).add("a")
    with store._file.for_every_tenant().writing():
        store._file.for_every_tenant().rows("UPDATE crm_meta SET value = 'another' WHERE name = 'cluster'")
    for generation in (2, 3):
        here = opened()
        Pen(here.for_tenant("newest")).add(f"b{generation}")
        assert here.last()[0].startswith(f"{generation}:")
        with store._file.writing():
            store._file.rows("UPDATE crm_meta SET value = 'another' WHERE name = 'cluster'")


def test_an_older_format_is_brought_up_for_every_tenant(
    opened: Opened, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is checked whole before, and a table that is new has its policy at once."""
    every, later = store._file.for_every_tenant(), migrations.FORMAT + 1
    ((was, place),) = every.rows("SELECT what, seq FROM crm_change WHERE tenant = 'there' ORDER BY seq LIMIT 1")
    step = ("CREATE TABLE crm_news (tenant TEXT NOT NULL)", "UPDATE crm_alias SET survivor = 'z'")
    monkeypatch.setattr(migrations, "FORMAT", later)
    monkeypatch.setattr(migrations, "STEPS", {later: {"postgresql": step}})
    monkeypatch.setattr(postgres_tenants, "TABLES", (*TABLES, "CREATE TABLE IF NOT EXISTS crm_news (tenant TEXT)"))
    every.rows("UPDATE crm_change SET what = 'x' WHERE seq = ?", (place,))
    with pytest.raises(Corrupt, match="damaged"):
        opened()
    every.rows("UPDATE crm_change SET what = ? WHERE seq = ?", (was, place))
    here = opened()
    assert here.for_tenant("there").aliases("z") == {"a", "z"}
    assert postgres_tenants.unprotected(here._file) == []
    assert (
        len(every.rows("SELECT 1 FROM pg_policies WHERE tablename = 'crm_news' AND schemaname = current_schema()")) == 1
    )


# --- checks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "DROP POLICY crm_tenant ON crm_claim",
        "ALTER TABLE crm_claim NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE crm_claim DISABLE ROW LEVEL SECURITY",
        "ALTER POLICY crm_tenant ON crm_claim USING (true)",
        "ALTER POLICY crm_tenant ON crm_claim WITH CHECK (true)",
        "ALTER POLICY crm_tenant ON crm_claim TO CURRENT_USER",
    ],
)
def test_a_table_that_lacks_its_policy_is_found_and_gets_it_back(
    opened: Opened, store: PostgresStore, raw: psycopg.Connection[Any], damage: str
) -> None:
    """It is named by the check; the next opening mends it, and so do many at once."""
    assert verify(store, KINDS)
    raw.execute(damage)  # type: ignore[call-overload]
    found = verify(store, KINDS)
    assert not found
    assert "table crm_claim lacks its policy" in str(found)
    with ThreadPoolExecutor(3) as threads:
        assert all(one.row_security for one in threads.map(lambda _: opened(), range(3)))
    assert verify(store, KINDS)


def test_who_is_not_bound_is_told(
    server: str, schemas: Callable[[str], str], opened: Opened, store: PostgresStore
) -> None:
    """A superuser may look after what is there, but neither asks for policies nor makes tables under them."""
    with pytest.raises(StoreError, match="does not bind superusers"):
        PostgresStore(schemas("free"), row_security=True)
    free = opened(schemas(""))
    assert free.row_security
    assert free.get(PARCEL, ["a"])["a"].note == "default"
    with pytest.raises(StoreError, match="does not bind superusers"):
        free.prepare([kind_of(Shoot)])
    assert store._file.rows("SELECT to_regclass('crm_shoot')") == [(None,)]


# --- the front door -------------------------------------------------------------------------------------------------


def test_a_crm_says_how_many_connections_it_has(url: str) -> None:
    """Eight, unless it is given a store with others."""
    with CRM(url) as crm:
        assert isinstance(crm.store, PostgresStore)
        assert (crm.store.connections, crm.store.row_security) == (8, False)
    with CRM(PostgresStore(url, connections=3, row_security=True), tenant="acme") as crm:
        crm.accounts.add(name="Acme")
        assert isinstance(crm.store, PostgresStore)
        assert (crm.store.connections, crm.store.row_security, crm.store.tenant) == (3, True, "acme")
        assert crm.verify()


@pytest.mark.parametrize("autocommit", [True, False])
def test_on_a_hosts_connection_each_tenant_is_named(url: str, *, autocommit: bool) -> None:
    """In the host's transactions and outside of them; once they have ended, nobody is."""
    import psycopg

    with CRM(PostgresStore(url, row_security=True)) as crm:
        crm.accounts.add(name="Acme")
    with psycopg.connect(url, autocommit=autocommit) as host:
        for name in ("default", "there"):
            one = CRM(connection=host, tenant=name)
            with host.transaction():
                one.accounts.add(name=f"Within {name}")
                assert one.accounts.count() == (2 if name == "default" else 1)
            one.accounts.add(name=f"After {name}")
            host.commit()
            assert [account.name for account in one.accounts.each()][-2:] == [f"Within {name}", f"After {name}"]
            assert one.verify()
            host.commit()
            assert host.execute("SELECT count(*) FROM crm_account").fetchall() == [(0,)]
            host.commit()
