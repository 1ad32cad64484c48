"""A CRM on a connection or session of SQLAlchemy's lives in its transactions, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Closed, Conflict, Invalid, StoreError
from crmcore.hosting import make_tables

if TYPE_CHECKING:
    from sqlalchemy import Engine


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database with our tables and one of the host's."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    if request.param == "sqlite":
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'host.db'}")
    else:
        import psycopg

        url = request.getfixturevalue("url")
        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.begin() as connection:
        make_tables(connection)
        connection.exec_driver_sql("CREATE TABLE invoice (number INTEGER PRIMARY KEY)")
    yield engine
    engine.dispose()


def invoice(host: Any, number: int) -> None:  # noqa: ANN401 - a connection or a session
    """A row of the host's, by SQLAlchemy's own means."""
    from sqlalchemy import text

    host.execute(text("INSERT INTO invoice VALUES (:number)"), {"number": number})


def state(engine: Engine) -> tuple[list[str], list[int]]:
    """What somebody else finds: accounts, and the host's own rows."""
    with engine.connect() as connection:
        accounts = sorted(one.name for one in CRM(connection=connection).accounts.find())
        return accounts, list(connection.exec_driver_sql("SELECT number FROM invoice ORDER BY number").scalars())


def test_an_act_is_part_of_a_connections_transaction(engine: Engine) -> None:
    """Kept with it or gone with it, whoever writes first."""
    with engine.connect() as connection:
        crm = CRM(connection=connection)
        crm.accounts.add(name="Acme")
        invoice(connection, 1)
        connection.rollback()
        crm.accounts.add(name="Beta")
        connection.commit()
        assert state(engine) == (["Beta"], [])
        invoice(connection, 1)
        crm.accounts.add(name="Gamma")
        connection.commit()
        crm.accounts.add(name="Delta")
    assert state(engine) == (["Beta", "Gamma"], [1])
    with contextlib.suppress(ZeroDivisionError), engine.begin() as connection:
        crm.on(connection).accounts.add(name="Zeta")
        raise ZeroDivisionError

    assert state(engine) == (["Beta", "Gamma"], [1])


def test_a_savepoint_of_the_hosts_takes_acts_with_it(engine: Engine) -> None:
    """And leaves what was before."""
    with engine.begin() as connection:
        crm = CRM(connection=connection)
        acme = crm.accounts.add(name="Acme")
        with contextlib.suppress(ZeroDivisionError), connection.begin_nested():
            crm.accounts.update(acme, name="Acme Ltd")
            raise ZeroDivisionError
        invoice(connection, 1)
        with pytest.raises(Conflict):
            crm.accounts.update(acme.id, version=7, name="Acme Inc")

    assert state(engine) == (["Acme"], [1])


def test_a_session_takes_acts_with_it(engine: Engine) -> None:
    """Whether it commits or rolls back; a session for each thread is one too."""
    from sqlalchemy.orm import Session, scoped_session, sessionmaker

    with Session(engine) as session:
        crm = CRM(connection=session)
        crm.accounts.add(name="Acme")
        invoice(session, 1)
        session.rollback()
        assert crm.accounts.count() == 0
        crm.accounts.add(name="Acme")
        session.commit()
        crm.accounts.add(name="Beta")
    sessions = scoped_session(sessionmaker(engine))
    with sessions.begin():
        CRM(connection=sessions).accounts.add(name="Zeta")
    sessions.remove()

    assert state(engine) == (["Acme", "Zeta"], [])


def test_in_autocommit_an_act_commits_itself(engine: Engine) -> None:
    """As every statement does."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        crm = CRM(connection=connection)
        crm.accounts.add(name="Acme")
        connection.rollback()

    assert state(engine) == (["Acme"], [])


def test_a_failed_flush_is_the_hosts_to_roll_back(engine: Engine) -> None:
    """The error says so, and all is well afterwards."""
    from sqlalchemy import Integer
    from sqlalchemy.exc import IntegrityError
    from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

    class Base(DeclarativeBase):
        """The host's tables."""

    class Invoice(Base):
        """A row of the host's."""

        __tablename__ = "invoice"
        number = mapped_column(Integer, primary_key=True)

    with Session(engine) as session:
        session.add(Invoice(number=1))
        session.commit()
        crm = CRM(connection=session)
        session.add(Invoice(number=1))
        with pytest.raises(IntegrityError):
            session.flush()
        with pytest.raises(StoreError, match="roll it back"):
            crm.accounts.add(name="Acme")
        session.rollback()
        crm.accounts.add(name="Beta")
        session.commit()

    assert state(engine) == (["Beta"], [1])


def test_a_connection_lost_is_the_hosts_to_roll_back(engine: Engine) -> None:
    """SQLAlchemy opens another one then."""
    with engine.connect() as connection:
        crm = CRM(connection=connection)
        crm.accounts.add(name="Acme")
        connection.invalidate()
        with pytest.raises(StoreError, match="roll it back"):
            crm.accounts.add(name="Acme")
        connection.rollback()
        crm.accounts.add(name="Beta")
        connection.commit()

    assert state(engine) == (["Beta"], [])


def test_what_is_closed_says_so(engine: Engine) -> None:
    """The host's connection, with every CRM on it."""
    with engine.connect() as connection:
        crm = CRM(connection=connection)
        connection.rollback()
    for use in (crm.accounts.count, lambda: crm.accounts.add(name="Acme"), lambda: CRM(connection=connection)):
        with pytest.raises(Closed):
            use()


def test_another_driver_is_refused() -> None:
    """Also where SQLAlchemy speaks to it, which can't be told before it is asked."""
    other = SimpleNamespace(exec_driver_sql=None, connection=SimpleNamespace(driver_connection=SimpleNamespace()))
    with pytest.raises(Invalid, match="SimpleNamespace"):
        CRM(connection=other)
