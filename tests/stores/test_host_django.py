"""A CRM on Django's connection lives in Django's transactions, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Closed, Conflict, Invalid, StoreError
from crmcore.hosting import ddl, make_tables

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

ALIAS = "host"


@pytest.fixture(params=["sqlite3", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """How Django reaches the database."""
    if request.param == "sqlite3":
        return {"NAME": tmp_path / "host.db", "OPTIONS": {"timeout": 0}}
    from psycopg.conninfo import conninfo_to_dict

    said = conninfo_to_dict(request.getfixturevalue("url"))
    named = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {name: said.get(part) or "" for name, part in named.items()} | {"OPTIONS": {"options": said["options"]}}


@pytest.fixture
def host(request: pytest.FixtureRequest, database: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """Django's connection to it, with our tables and one of the host's."""
    django = pytest.importorskip("django")
    from django.conf import settings
    from django.db import connections, transaction

    if not settings.configured:
        settings.configure()
    django.setup()
    engine = f"django.db.backends.{request.node.callspec.params['database']}"
    all_of_them = {"default": {}, ALIAS: {"ENGINE": engine, **database}}
    connections.databases[ALIAS] = connections.configure_settings(all_of_them)[ALIAS]
    wrapper = connections[ALIAS]
    with transaction.atomic(using=ALIAS), wrapper.cursor() as cursor:
        for sql in ddl("sqlite" if wrapper.vendor == "sqlite" else "postgresql"):
            cursor.execute(sql)
        cursor.execute("CREATE TABLE invoice (number INTEGER PRIMARY KEY)")
    yield wrapper
    wrapper.close()
    del connections[ALIAS], connections.databases[ALIAS]


def invoice(host: BaseDatabaseWrapper, number: int) -> None:
    """A row of the host's, by Django's own means."""
    with host.cursor() as cursor:
        cursor.execute("INSERT INTO invoice VALUES (%s)", [number])


def invoices(host: BaseDatabaseWrapper) -> list[int]:
    """The host's own rows."""
    with host.cursor() as cursor:
        cursor.execute("SELECT number FROM invoice ORDER BY number")
        return [number for (number,) in cursor.fetchall()]


def test_an_act_is_part_of_a_block(host: BaseDatabaseWrapper) -> None:
    """Kept with it, or gone with it, or with a block within; outside it commits itself."""
    from django.db import transaction

    crm = CRM(connection=host)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic(using=ALIAS):
        invoice(host, 1)
        crm.accounts.add(name="Acme")
        raise ZeroDivisionError
    assert (crm.accounts.count(), invoices(host)) == (0, [])
    with transaction.atomic(using=ALIAS):
        acme = crm.accounts.add(name="Acme")
        with contextlib.suppress(ZeroDivisionError), transaction.atomic(using=ALIAS):
            crm.accounts.update(acme, name="Acme Ltd")
            raise ZeroDivisionError
        invoice(host, 1)
        with pytest.raises(Conflict):
            crm.accounts.update(crm.accounts.update(acme, name="Acme Inc").id, version=1, name="")
    crm.accounts.add(name="Zeta")
    host.close()

    assert (sorted(one.name for one in crm.accounts.find()), invoices(host)) == (["Acme Inc", "Zeta"], [1])
    assert crm.verify()


def test_a_block_that_failed_is_left_alone(host: BaseDatabaseWrapper) -> None:
    """As Django does."""
    from django.db import IntegrityError, transaction

    crm = CRM(connection=host)
    with transaction.atomic(using=ALIAS):
        invoice(host, 1)
        with pytest.raises(IntegrityError), transaction.atomic(using=ALIAS, savepoint=False):
            invoice(host, 1)
        with pytest.raises(StoreError, match="roll it back"):
            crm.accounts.add(name="Acme")

    assert (crm.accounts.count(), invoices(host)) == (0, [])


def test_without_autocommit_django_commits(host: BaseDatabaseWrapper) -> None:
    """What the CRM writes waits for it too."""
    from django.db import transaction

    crm = CRM(connection=host)
    transaction.set_autocommit(False, using=ALIAS)
    crm.accounts.add(name="Acme")
    transaction.rollback(using=ALIAS)
    assert crm.accounts.count() == 0
    crm.accounts.add(name="Acme")
    transaction.commit(using=ALIAS)
    transaction.set_autocommit(True, using=ALIAS)

    assert crm.accounts.count() == 1


def test_one_crm_serves_all_threads(host: BaseDatabaseWrapper) -> None:
    """Django's ``connection`` is another one in each; a connection of another thread is refused."""
    from django.db import connections
    from django.utils.connection import ConnectionProxy

    crm, mine = CRM(connection=ConnectionProxy(connections, ALIAS)), CRM(connection=host)

    def add(name: str) -> None:
        crm.accounts.add(name=name)
        with pytest.raises(StoreError, match="DatabaseError"):
            mine.accounts.count()
        connections[ALIAS].close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(add, "Acme").result()
    crm.accounts.add(name="Zeta")

    assert mine.accounts.count() == 2
    assert mine.verify()


def test_tables_are_made_in_a_migration(host: BaseDatabaseWrapper) -> None:
    """All of them, or none."""
    from django.db import transaction

    with host.cursor() as cursor:
        cursor.execute("DELETE FROM crm_meta WHERE name = 'keys of account'")
    with pytest.raises(StoreError, match="make_tables"):
        CRM(connection=host)
    with contextlib.suppress(ZeroDivisionError), transaction.atomic(using=ALIAS):
        make_tables(host)
        raise ZeroDivisionError
    with pytest.raises(StoreError, match="make_tables"):
        CRM(connection=host)
    with transaction.atomic(using=ALIAS):
        make_tables(host)

    assert CRM(connection=host).accounts.count() == 0


def test_another_connection_is_not_another_opening(host: BaseDatabaseWrapper) -> None:
    """The same CRM goes on, on it."""
    crm = CRM(connection=host, by="ana", tenant="north")
    other = crm.on(host.connection)
    acme = other.accounts.add(name="Acme")

    assert crm.accounts.get(acme.id) == acme
    assert crm.history(acme)[0].by == "ana"
    with pytest.raises(Invalid):
        CRM().on(host)
    with pytest.raises(Invalid):
        crm.on(7)
    host.connection.close()
    with pytest.raises(Closed):
        other.accounts.count()
    host.connection = None
