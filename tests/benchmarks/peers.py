"""The same contacts kept by others: SQL statements, SQLAlchemy, Django and eventsourcing.

A contact has a name, an e-mail address, a phone number, a job title and a source, and is found by all but the job
title through an index. Each of these keeps one row of it, or one of an event, and leaves to the caller what crmcore
does beside: the values are not checked and nothing speaks against one; tables of rows keep neither history nor author,
and nobody can follow what was written; no reading of the past, no search by words, no undo. Django overwrites what
others wrote meanwhile; statements and SQLAlchemy here ask for the version. eventsourcing keeps every change and can be
followed, but finds nothing by its fields.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import attrs
import django
import psycopg
import sqlalchemy as sa
from django.conf import settings
from django.db import connections, models, transaction
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteFactory
from sqlalchemy import orm

from crmcore import CRM

__all__ = ["Core", "Django", "Events", "Orm", "Ours", "Peer", "Person", "Rows", "RowsInPostgres", "people"]

FIELDS = ("name", "email", "phone", "job_title", "source")
FOUND_BY = ("name", "email", "phone", "source")
BATCH = 1_000
"""How many aggregates eventsourcing saves at a time."""

Person = dict[str, str]


def people(count: int, since: int = 0) -> list[Person]:
    """Contacts to be, all different.

    Args:
        count: How many.
        since: How many there are already.
    """
    return [
        {
            "name": f"Ada {n} Lovelace",
            "email": f"ada{n}@engines.example",
            "phone": f"+44 20 {n:08d}",
            "job_title": "Head of IT",
            "source": "webinar",
        }
        for n in range(since, since + count)
    ]


class Peer(Protocol):
    """Somebody who keeps contacts."""

    def create(self, people: Sequence[Person]) -> None:
        """Keep each, safe before the next."""

    def change(self) -> None:
        """Get each of those by its id, change the job title, and keep it."""

    def read(self) -> None:
        """Get each of those by its id."""

    def bulk(self, people: Sequence[Person]) -> None:
        """Keep all of them at once."""


@attrs.define(eq=False)
class Ours:
    """Contacts in crmcore."""

    crm: CRM
    ids: list[str] = attrs.field(factory=list)

    def create(self, people: Sequence[Person]) -> None:
        """Add each."""
        add = self.crm.contacts.add
        self.ids = [add(**one).id for one in people]

    def change(self) -> None:
        """Update each by its id."""
        for id in self.ids:
            title = self.crm.contacts.get(id).job_title
            self.crm.contacts.update(id, job_title=f"{title}, retired")

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            self.crm.contacts.get(id)

    def bulk(self, people: Sequence[Person]) -> None:
        """Load them, known by their e-mail addresses."""
        self.crm.contacts.load([{"key": one["email"], **one} for one in people], key="key")


# --- SQL statements ---------------------------------------------------------------------------------------------------


def _made(text: str) -> list[str]:
    """The statements that make a table of contacts and its indexes."""
    columns = ", ".join(f"{name} {text}" for name in FIELDS)
    made = f"CREATE TABLE contact (id {text} PRIMARY KEY, version INTEGER NOT NULL, {columns})"
    return [made, *(f"CREATE INDEX contact_{name} ON contact ({name})" for name in FOUND_BY)]


@attrs.define(eq=False)
class Rows:
    """Rows, by statements alone, of a connection that commits by itself."""

    connection: Any
    mark: str = "?"
    ids: list[str] = attrs.field(factory=list)

    @classmethod
    def in_sqlite(cls, path: Path, synchronous: str) -> Rows:
        """Rows in a new file of SQLite."""
        connection = sqlite3.connect(path, isolation_level=None)
        for sql in (f"PRAGMA synchronous = {synchronous}", "PRAGMA journal_mode = WAL", *_made("TEXT")):
            connection.execute(sql)
        return cls(connection)

    @property
    def insert(self) -> str:
        """The statement that keeps a contact."""
        return f"INSERT INTO contact VALUES ({', '.join([self.mark] * 7)})"

    def create(self, people: Sequence[Person]) -> None:
        """One statement for each."""
        self.ids, insert, run = [], self.insert, self.connection.execute
        for one in people:
            id = uuid.uuid4().hex
            run(insert, (id, 1, *one.values()))
            self.ids.append(id)

    def change(self) -> None:
        """One statement to get it, one to keep it."""
        get = f"SELECT * FROM contact WHERE id = {self.mark}"
        keep = f"UPDATE contact SET version = version + 1, job_title = {self.mark} WHERE id = {self.mark}"
        run, keep = self.connection.execute, f"{keep} AND version = {self.mark}"
        for id in self.ids:
            _, version, *fields = run(get, (id,)).fetchone()
            assert run(keep, (f"{fields[3]}, retired", id, version)).rowcount == 1

    def read(self) -> None:
        """One statement for each."""
        get, run = f"SELECT * FROM contact WHERE id = {self.mark}", self.connection.execute
        for id in self.ids:
            assert run(get, (id,)).fetchone()

    def bulk(self, people: Sequence[Person]) -> None:
        """One statement for all."""
        self.connection.execute("BEGIN")
        self.connection.executemany(self.insert, [(uuid.uuid4().hex, 1, *one.values()) for one in people])
        self.connection.execute("COMMIT")


class RowsInPostgres(Rows):
    """Rows in PostgreSQL, by statements alone."""

    @classmethod
    def at(cls, url: str) -> RowsInPostgres:
        """Rows in a new table of a server."""
        connection = psycopg.connect(url, autocommit=True)
        for sql in _made("TEXT"):
            connection.execute(sql)  # type: ignore[call-overload]
        return cls(connection, mark="%s")

    def bulk(self, people: Sequence[Person]) -> None:
        """A copy of all."""
        with (
            self.connection.transaction(),
            self.connection.cursor() as cursor,
            cursor.copy("COPY contact FROM STDIN") as copy,
        ):
            for one in people:
                copy.write_row((uuid.uuid4().hex, 1, *one.values()))


# --- SQLAlchemy -------------------------------------------------------------------------------------------------------


class Base(orm.DeclarativeBase):
    """The classes that SQLAlchemy maps."""


class Contact(Base):
    """A contact in SQLAlchemy."""

    __tablename__ = "contact"
    id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    version: orm.Mapped[int] = orm.mapped_column()
    name: orm.Mapped[str] = orm.mapped_column(index=True)
    email: orm.Mapped[str] = orm.mapped_column(index=True)
    phone: orm.Mapped[str] = orm.mapped_column(index=True)
    job_title: orm.Mapped[str]
    source: orm.Mapped[str] = orm.mapped_column(index=True)
    __mapper_args__: ClassVar[Any] = {"version_id_col": version}


def engine(url: str, pragmas: Iterable[str] = ()) -> sa.Engine:
    """An engine with the tables made.

    Args:
        url: Where the database is.
        pragmas: What each connection is told first.
    """
    made = sa.create_engine(url)

    def settle(connection: Any, record: object) -> None:  # noqa: ANN401 - the driver's
        for pragma in pragmas:
            connection.execute(pragma)

    sa.event.listen(made, "connect", settle)
    Base.metadata.create_all(made)
    return made


@attrs.define(eq=False)
class Core:
    """Rows in SQLAlchemy Core."""

    engine: sa.Engine
    ids: list[str] = attrs.field(factory=list)
    table: Any = Contact.__table__

    def create(self, people: Sequence[Person]) -> None:
        """A transaction for each."""
        self.ids = []
        for one in people:
            id = uuid.uuid4().hex
            with self.engine.begin() as connection:
                connection.execute(sa.insert(self.table), {"id": id, "version": 1, **one})
            self.ids.append(id)

    def change(self) -> None:
        """A transaction for each."""
        table = self.table
        for id in self.ids:
            with self.engine.begin() as connection:
                found = connection.execute(sa.select(table).where(table.c.id == id)).one()
                same = (table.c.id == id) & (table.c.version == found.version)
                sets = {"version": found.version + 1, "job_title": f"{found.job_title}, retired"}
                assert connection.execute(sa.update(table).where(same).values(sets)).rowcount == 1

    def read(self) -> None:
        """A connection of the pool for each."""
        for id in self.ids:
            with self.engine.connect() as connection:
                connection.execute(sa.select(self.table).where(self.table.c.id == id)).one()

    def bulk(self, people: Sequence[Person]) -> None:
        """One statement for all."""
        with self.engine.begin() as connection:
            rows = [{"id": uuid.uuid4().hex, "version": 1, **one} for one in people]
            connection.execute(sa.insert(self.table), rows)


@attrs.define(eq=False)
class Orm:
    """Objects in SQLAlchemy's ORM, a session for each as for each request."""

    engine: sa.Engine
    ids: list[str] = attrs.field(factory=list)

    def create(self, people: Sequence[Person]) -> None:
        """Add and commit each."""
        self.ids = []
        for one in people:
            id = uuid.uuid4().hex
            with orm.Session(self.engine) as session:
                session.add(Contact(id=id, **one))
                session.commit()
            self.ids.append(id)

    def change(self) -> None:
        """Get, change and commit each."""
        for id in self.ids:
            with orm.Session(self.engine) as session:
                found = session.get_one(Contact, id)
                found.job_title = f"{found.job_title}, retired"
                session.commit()

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            with orm.Session(self.engine) as session:
                session.get_one(Contact, id)

    def bulk(self, people: Sequence[Person]) -> None:
        """Add all and commit."""
        with orm.Session(self.engine) as session:
            session.add_all(Contact(id=uuid.uuid4().hex, **one) for one in people)
            session.commit()


# --- Django -----------------------------------------------------------------------------------------------------------

if not settings.configured:
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
    django.setup()


class DjangoContact(models.Model):
    """A contact in Django."""

    id = models.CharField(primary_key=True, max_length=32)
    name = models.CharField(max_length=200, db_index=True)
    email = models.CharField(max_length=200, db_index=True)
    phone = models.CharField(max_length=200, db_index=True)
    job_title = models.CharField(max_length=200)
    source = models.CharField(max_length=200, db_index=True)

    class Meta:
        """Where it belongs."""

        app_label = "benchmarks"

    def __str__(self) -> str:
        """Its name."""
        return str(self.name)


@attrs.define(eq=False)
class Django:
    """Objects in Django's ORM."""

    alias: str
    ids: list[str] = attrs.field(factory=list)

    @classmethod
    def in_sqlite(cls, path: Path, synchronous: str) -> Django:
        """Objects in a new file of SQLite."""
        told = f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}"
        database = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(path),
            "OPTIONS": {"init_command": told, "transaction_mode": "IMMEDIATE"},
        }
        alias = path.as_posix()
        connections.settings[alias] = connections.configure_settings({"default": database})["default"]
        with connections[alias].schema_editor() as editor:
            editor.create_model(DjangoContact)
        return cls(alias)

    @property
    def objects(self) -> Any:  # noqa: ANN401 - Django has no types
        """What is there."""
        return DjangoContact.objects.using(self.alias)

    def create(self, people: Sequence[Person]) -> None:
        """Create each."""
        self.ids = [self.objects.create(id=uuid.uuid4().hex, **one).id for one in people]

    def change(self) -> None:
        """Get, change and save each."""
        for id in self.ids:
            with transaction.atomic(using=self.alias):
                found = self.objects.get(id=id)
                found.job_title = f"{found.job_title}, retired"
                found.save()

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            self.objects.get(id=id)

    def bulk(self, people: Sequence[Person]) -> None:
        """Create all at once."""
        self.objects.bulk_create([DjangoContact(id=uuid.uuid4().hex, **one) for one in people])


# --- eventsourcing ----------------------------------------------------------------------------------------------------


class EventContact(Aggregate):
    """A contact in eventsourcing."""

    @event("Added")
    def __init__(self, name: str, email: str, phone: str, job_title: str, source: str) -> None:
        self.name, self.email, self.phone, self.job_title, self.source = name, email, phone, job_title, source

    @event("Updated")
    def update(self, job_title: str) -> None:
        """Give another job title."""
        self.job_title = job_title


@attrs.define(eq=False)
class Events:
    """Aggregates in eventsourcing."""

    app: Application[uuid.UUID]
    ids: list[uuid.UUID] = attrs.field(factory=list)

    @classmethod
    def in_sqlite(cls, path: Path, synchronous: str) -> Events:
        """Aggregates in a new file of SQLite."""

        class Pool(SQLiteConnectionPool):
            def _create_connection(self) -> SQLiteConnection:
                made = super()._create_connection()
                made.cursor().execute(f"PRAGMA synchronous = {synchronous}")
                return made

        setting = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(path)}
        app: Application[uuid.UUID] = Application(env=setting)
        assert isinstance(app.factory, SQLiteFactory)
        app.factory.datastore.pool.close()
        app.factory.datastore.pool = Pool(db_name=str(path))
        return cls(app)

    def create(self, people: Sequence[Person]) -> None:
        """Save each."""
        self.ids = []
        for one in people:
            made = EventContact(**one)
            self.app.save(made)
            self.ids.append(made.id)

    def change(self) -> None:
        """Get, change and save each."""
        for id in self.ids:
            found: EventContact = self.app.repository.get(id)
            found.update(job_title=f"{found.job_title}, retired")
            self.app.save(found)

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            self.app.repository.get(id)

    def bulk(self, people: Sequence[Person]) -> None:
        """Save many at a time."""
        for start in range(0, len(people), BATCH):
            self.app.save(*[EventContact(**one) for one in people[start : start + BATCH]])


Ready = Callable[[Path, str], Peer]
"""Makes somebody who keeps contacts in a new file of SQLite, with pragma ``synchronous`` as it is said."""


def in_sqlite(folder: Path, *, durable: bool) -> dict[str, Peer]:
    """Everybody, each with a new file of SQLite, crmcore first.

    Args:
        folder: Where the files go.
        durable: Whether each commit survives the loss of power.
    """
    from crmcore.stores.sqlite import SqliteStore

    synchronous = "FULL" if durable else "NORMAL"
    pragmas = ("PRAGMA journal_mode = WAL", f"PRAGMA synchronous = {synchronous}")
    store = SqliteStore(str(folder / "ours.db"), durability="full" if durable else "relaxed")
    return {
        "crmcore": Ours(CRM(store)),
        "SQL statements": Rows.in_sqlite(folder / "rows.db", synchronous),
        "SQLAlchemy Core": Core(engine(f"sqlite:///{folder / 'core.db'}", pragmas)),
        "SQLAlchemy ORM": Orm(engine(f"sqlite:///{folder / 'orm.db'}", pragmas)),
        "Django ORM": Django.in_sqlite(folder / "django.db", synchronous),
        "eventsourcing": Events.in_sqlite(folder / "events.db", synchronous),
    }
