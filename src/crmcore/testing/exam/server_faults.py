"""Faults on PostgreSQL: connections that are lost, time limits, missing rights and schemas, forks.

As with files: what comes out of every method of the port is the right answer or an error of ours, which shows no
personal value; nothing is half-written; and afterwards the store goes on, or is closed.
"""

from __future__ import annotations

import contextlib
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Busy, Closed, CrmError, ReadOnly, StoreError
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.testing.exam.calls import Called, every_call, fill, without_call
from crmcore.testing.exam.canary import Outcome, misconduct, outcome
from crmcore.testing.exam.child import start
from crmcore.testing.exam.file_faults import heard
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.scene import pen_for
from crmcore.testing.exam.server import Schema, address, asking
from crmcore.testing.specimens import KINDS
from crmcore.verification import verify

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["subject", "untranslated"]

T = TypeVar("T")

WRITES = frozenset({"commit", "erase"})
ALTERING = WRITES | {"prepare", "move_cursor", "purge", "secret", "close"}
IMPATIENT = 0.03
"""How long to wait for another writer, in seconds."""
EXAM = "crmcore exam"
"""The name that connections go by."""

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()"


class Doomed(PostgresDatabase):
    """A database whose connections can be lost at any statement.

    Attributes:
        dooms: Called before every statement, for whichever tenant.
    """

    def __init__(self, url: str, **rest: Any) -> None:  # noqa: ANN401 - as PostgresDatabase takes them
        super().__init__(url, **rest)
        self.dooms: list[Callable[[], object]] = []

    def _tell(self, connection: Connection[Any], work: Callable[[Any], T]) -> T:
        for doom in self.dooms:
            doom()
        return super()._tell(connection, work)


class RawDatabase(Doomed):
    """A database whose errors are the driver's."""

    def _tell(self, connection: Connection[Any], work: Callable[[Any], T]) -> T:
        with connection.cursor() as cursor:
            return work(cursor)


class ServerStore(PostgresStore):
    """A store whose connections can be lost.

    Attributes:
        database: What the database is reached with.
    """

    database: ClassVar[type[Doomed]] = Doomed
    _file: Doomed

    def __init__(self, url: str, busy_seconds: float) -> None:
        super().__init__(url, durability="relaxed", busy_seconds=busy_seconds)
        self._file.close()
        self._file = self.database(url, durability="relaxed", busy_seconds=busy_seconds, connections=4)

    def at_each_statement(self, doom: Callable[[], object]) -> None:
        """Do something before every statement.

        Args:
            doom: What to do.
        """
        self._file.dooms[:] = [doom]


class RawStore(ServerStore):
    """Its errors are the driver's."""

    database = RawDatabase


@attrs.frozen
class Place:
    """Where it happens: a schema, somebody else's connection to it, and the dice."""

    schema: Schema
    other: Connection[Any]
    chance: Random


@attrs.frozen(kw_only=True)
class Fault:
    """Something that befalls a store on a server.

    Attributes:
        name: What it is.
        trouble: Begins the trouble, and ends it with the context.
        errors: What may come out of a call then.
        options: How the store is opened: what its sessions are told.
        patient: Whether the store waits long for others.
        by: How a call is made.
        closed: Whether the store is closed by it.
        harmless: Whether every call must be answered.
    """

    name: str
    trouble: Callable[[Place, ServerStore], AbstractContextManager[None]]
    errors: tuple[type[CrmError], ...]
    options: str = ""
    patient: bool = False
    by: Callable[[Callable[[], object]], Outcome] = outcome
    closed: bool = False
    harmless: bool = False


@contextlib.contextmanager
def _nothing(_: Place, __: ServerStore) -> Iterator[None]:
    yield


@contextlib.contextmanager
def _ended(place: Place, store: ServerStore) -> Iterator[None]:
    """The connections of the store ended while they were idle."""
    store.last()
    _end(place.other)
    yield


def _end(other: Connection[Any]) -> None:
    """End every connection of the stores, and wait until they are gone."""
    other.execute(END, [EXAM])
    left = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
    deque(iter(lambda: other.execute(left, [EXAM]).fetchall(), []), maxlen=0)


@contextlib.contextmanager
def _lost(place: Place, store: ServerStore) -> Iterator[None]:
    """The connections of the store end in the middle of a call."""
    left = [place.chance.choice([1, 1, 2, 3, 5])]

    def doom() -> None:
        left[0] -= 1
        if not left[0]:
            _end(place.other)

    store.at_each_statement(doom)
    yield
    store.at_each_statement(lambda: None)


@contextlib.contextmanager
def _locked(place: Place, _: ServerStore) -> Iterator[None]:
    """Somebody has every table to themselves."""
    names = place.other.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    with place.other.transaction():
        place.other.execute(f"LOCK TABLE {', '.join(name for (name,) in names)} IN ACCESS EXCLUSIVE MODE")
        yield


@contextlib.contextmanager
def _renamed(place: Place, _: ServerStore) -> Iterator[None]:
    """The schema is not where it was."""
    name = place.schema.name
    place.other.execute(f"ALTER SCHEMA {name} RENAME TO {name}_gone")
    yield
    place.other.execute(f"ALTER SCHEMA {name}_gone RENAME TO {name}")


@contextlib.contextmanager
def _closed(_: Place, store: ServerStore) -> Iterator[None]:
    store.close()
    yield


def _in_a_thread(call: Callable[[], object]) -> Outcome:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(outcome, call).result()


def _in_a_fork(call: Callable[[], object]) -> Outcome:
    return heard(start(lambda told: told(pickle.dumps(outcome(call)))))


FAULTS = (
    Fault(name="ended while idle", trouble=_ended, errors=(), harmless=True),
    Fault(name="connection lost", trouble=_lost, errors=(StoreError,)),
    Fault(name="lock timeout", trouble=_locked, errors=(Busy,)),
    Fault(name="statement timeout", trouble=_locked, errors=(Busy,), options=" -cstatement_timeout=30", patient=True),
    Fault(name="read-only", trouble=_nothing, errors=(ReadOnly,), options=" -cdefault_transaction_read_only=on"),
    Fault(name="no schema", trouble=_renamed, errors=(StoreError,)),
    Fault(name="closed", trouble=_closed, errors=(Closed,), closed=True),
    Fault(name="another thread", trouble=_nothing, errors=(), by=_in_a_thread, harmless=True),
    Fault(name="after fork", trouble=_nothing, errors=(), by=_in_a_fork, harmless=True),
)


@attrs.define
class Sitting:
    """Cases on one schema, each for a tenant whose data nobody has changed.

    Attributes:
        place: Where it happens.
        witness: A store that nothing befalls.
        store: What opens the stores that something befalls.
        opened: Those, by fault.
        tenants: How many tenants were filled.
    """

    place: Place
    witness: PostgresStore
    store: type[ServerStore]
    opened: dict[str, ServerStore] = attrs.field(factory=dict)
    tenants: int = 0

    @classmethod
    @contextlib.contextmanager
    def at(cls, server: str, folder: Path, seed: int, store: type[ServerStore]) -> Iterator[Sitting]:
        """A sitting in a schema of its own; all is closed in the end.

        Args:
            server: The address of the server.
            folder: The folder of the sitting.
            seed: Where chance begins.
            store: What opens the stores that something befalls.
        """
        schema = Schema.new(server, folder)
        with contextlib.closing(PostgresStore(schema.address, durability="relaxed")) as witness:
            witness.prepare(KINDS.values())
            with asking(schema.address) as other:
                sitting = cls(Place(schema, other, Random(seed)), witness, store)  # noqa: S311
                try:
                    yield sitting
                finally:
                    for opened in sitting.opened.values():
                        opened.close()
                    schema.drop()
                    (folder / f"{schema.name}.schema").unlink()

    @property
    def tenant(self) -> str:
        """For whom it happens."""
        return f"tenant {self.tenants}"

    def fill(self) -> None:
        """Go on with a tenant of whom nothing has changed."""
        self.tenants += 1
        fill(self.witness.for_tenant(self.tenant))

    def opened_for(self, fault: Fault) -> ServerStore:
        """The store that a fault befalls.

        Args:
            fault: The fault.
        """
        if fault.name not in self.opened:
            options = f"{quote(fault.options)}&application_name={quote(EXAM)}"
            store = self.store(f"{self.place.schema.address}{options}", 10.0 if fault.patient else IMPATIENT)
            self.opened[fault.name] = store
            store.prepare(KINDS.values())
        return self.opened[fault.name]

    def tried(self, fault: Fault, called: Called) -> tuple[list[str], bool]:
        """What goes wrong when a fault meets a call, and whether an error was raised.

        Args:
            fault: The fault.
            called: The call.
        """
        store, log = self.opened_for(fault), self.witness.for_tenant(self.tenant).changes()
        mine = store.for_tenant(self.tenant)
        right = None if called.method in ALTERING else called.call(pen_for(mine, 200))
        with fault.trouble(self.place, store):
            found = fault.by(lambda: called.call(pen_for(mine, 200)))
        wrong = [*misconduct(found, fault.errors), *_answered(fault, called, found, right)]
        wrong += self._goes_on(fault, called, store)
        wrong += self._whole(found, called, log)
        return [f"{called.method} under {fault.name}: {one}" for one in wrong], found.error is not None

    def _goes_on(self, fault: Fault, called: Called, store: ServerStore) -> Iterator[str]:
        """What is wrong with a store when the trouble is over."""
        went_on = outcome(store.last)
        if isinstance(went_on.error, Closed) and (fault.closed or called.method == "close"):
            del self.opened[fault.name]
        else:
            yield from (f"afterwards last {one}" for one in misconduct(went_on, ()))

    def _whole(self, found: Outcome, called: Called, before: Sequence[Change[Any]]) -> Iterator[str]:
        """What is wrong with what is left: all of the call was written, or nothing."""
        mine = self.witness.for_tenant(self.tenant)
        yield from (f"left a database that is not whole: {one}" for one in verify(mine, KINDS).violations)
        log = mine.changes()
        unknown = type(found.error) is StoreError and "while committing" in found.told
        if not unknown and (log != before) is not (found.error is None and called.method in WRITES):
            yield "was not written although it said so, or the other way round"
        if log != before:
            self.fill()


def _answered(fault: Fault, called: Called, found: Outcome, right: object) -> Iterator[str]:
    """What is wrong with an answer; of trouble ``check`` may tell in its answer."""
    if found.error is not None or called.method in ALTERING - {"close"} or found.answer == right:
        return
    if called.method == "check" and not fault.harmless:
        yield from misconduct(attrs.evolve(found, told=str(found.answer)))
    else:
        yield "gave a wrong answer"


def _sat(count: int, folder: Path, seed: int, step: Step, store: type[ServerStore]) -> Findings:
    wrong: list[str] = []
    raised, met, calls = Counter[str](), Counter[str](), every_call()
    with Sitting.at(address(folder.parents[1]), folder, seed, store) as sitting:
        sitting.fill()
        for number in range(count):
            turn, place = divmod(number, len(FAULTS))
            found, error = sitting.tried(FAULTS[place], calls[(turn + place) % len(calls)])
            wrong += found
            met[FAULTS[place].name] += 1
            raised[FAULTS[place].name] += error
            step(1)
    wrong += [
        f"{fault.name} made {raised[fault.name]} of {met[fault.name]} calls fail"
        for fault in FAULTS
        if met[fault.name] >= len(calls) and bool(raised[fault.name]) is fault.harmless
    ]
    return Findings(count, (*without_call(), *wrong), f"{raised.total():,} errors of ours")


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Every fault meets every method.

    Args:
        count: How many cases.
        folder: The folder of the sitting, within that of the part, within that of the run.
        seed: Where chance begins.
        step: Told of progress.
    """
    return _sat(count, folder, seed, step, ServerStore)


def untranslated(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The same with a store whose errors are the driver's.

    Args:
        count: How many cases.
        folder: The folder of the sitting.
        seed: Where chance begins.
        step: Told of progress.
    """
    return _sat(count, folder, seed, step, RawStore)
