"""A store in a PostgreSQL database: shared by processes of many machines."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Self

import attrs

from crmcore.kernel.errors import Busy, Closed, Invalid, Problem, StoreError
from crmcore.kernel.keys import microseconds
from crmcore.kernel.page import Page, Query, cut
from crmcore.kernel.ports import NOW, Moment, Purge, Stretch
from crmcore.kernel.records import Kind, R
from crmcore.stores.postgres_cut import Cursor, Cut
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.stores.postgres_purge import purged
from crmcore.stores.postgres_tables import check_format, make_tables
from crmcore.stores.postgres_tenants import unprotected
from crmcore.stores.query_sql import condition_of
from crmcore.stores.rows import instant_of
from crmcore.stores.schema import table_of
from crmcore.stores.sql_check import differences
from crmcore.stores.sql_reading import Condition
from crmcore.stores.sql_store import SqlStore

__all__ = ["PostgresStore"]


class PostgresStore(SqlStore):
    """Keeps records and changes in a PostgreSQL database.

    It keeps the tables a SQLite file has and sends the statements it sends, in PostgreSQL's words. Several may write at
    once, and wait for each other only where they change, or rest on, the same records. Readers wait for nobody. Threads
    may share the store; each has a connection of its own while it works.

    Give it a schema of its own where the database is shared with other programs:
    ``postgresql://user@host/name?options=-csearch_path%3Dcrm``.

    Args:
        url: Where it is, as libpq reads it: ``postgresql://user@host/name``.
        tenant: The tenant whose data it reads and writes.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer, or for a connection.
        connections: The most connections at a time, from 1 on. They are opened when they are needed.
        row_security: Whether PostgreSQL itself keeps tenants apart: policies show a session the rows of no tenant but
            the one it names. Once they are there, every later opening works with them.

    Raises:
        Invalid: The address is none.
        SchemaTooNew: The tables were written by a newer crmcore.
        StoreError: psycopg is not installed, the database can't be reached, or policies do not bind the role that asks
            for them.

    Attributes:
        tenant: The tenant whose data it reads and writes.
        connections: The most connections at a time.
    """

    _file: PostgresDatabase
    by_record = True
    connections: int = 1

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "default",
        durability: Literal["full", "relaxed"] = "full",
        busy_seconds: float = 10.0,
        connections: int = 8,
        row_security: bool = False,
    ) -> None:
        problems = []
        if durability not in ("full", "relaxed"):
            problems.append(Problem("durability", durability, '"full" or "relaxed"', "choose one of them"))
        if connections < 1:
            problems.append(Problem("connections", connections, "a number from 1 on", "allow one at least"))
        if problems:
            raise Invalid(problems)
        self.tenant = tenant
        self._kinds: dict[str, Kind[Any]] = {}
        self.connections = connections
        file = PostgresDatabase(url, durability=durability, busy_seconds=busy_seconds, connections=connections)
        try:
            check_format(file, row_security=row_security)
        except BaseException:
            file.close()
            raise
        self._file = file.for_tenant(tenant)

    @property
    def row_security(self) -> bool:
        """Whether PostgreSQL itself keeps tenants apart."""
        return self._file.protected

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), tenant=tenant, _file=self._file.for_tenant(tenant))
        return other

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make the tables, indexes and views of kinds, unless they are there."""
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        make_tables(self._file.for_every_tenant(), fresh)
        self._kinds.update({kind.name: kind for kind in fresh})

    # --- writing: several at once -----------------------------------------------------------------------------------

    def _versions(self, kind: str, ids: Sequence[str]) -> dict[str, int]:
        """The versions of records of a kind, by id, which nobody moves until this is written."""
        sql = f"SELECT id, version FROM {table_of(self._kinds[kind])} WHERE tenant = ? AND id = ANY(?) ORDER BY id"
        found = dict(self._file.rows(f"{sql} FOR SHARE", (self.tenant, ids)))
        if len(found) == len(ids):
            return found
        self._file.rows("LOCK TABLE crm_change IN SHARE ROW EXCLUSIVE MODE")  # what is not there can't be held
        return dict(self._file.rows(sql, (self.tenant, ids)))

    def _numbered(self, count: int, recorded_at: datetime) -> tuple[Sequence[int], datetime]:
        """The next places of the log, and when they are recorded: never before what this tenant has."""
        sql = """SELECT nextval('crm_change_seq_seq'), (SELECT max(recorded_at) FROM crm_change WHERE tenant = ?)
            FROM generate_series(1, ?)"""
        rows = self._file.rows(sql, (self.tenant, count))
        last = rows[0][1] if rows else None
        return [place for place, _ in rows], recorded_at if last is None else max(recorded_at, instant_of(last))

    # --- the log: a cut is a snapshot -------------------------------------------------------------------------------

    def _within(self, cut: str) -> Condition:
        """The condition that a row of the log lies within a cut."""
        return Cut.read(cut).within()

    def _beyond(self, cut: str) -> Condition:
        """The condition that a row of the log came after a cut."""
        return Cut.read(cut).beyond()

    def _taken(self) -> tuple[Cut, datetime | None]:
        """The cut of now, and when the newest change was recorded."""
        sql = """SELECT t.generation, now::text, own::text,
            CASE WHEN own IS NOT NULL THEN pg_sequence_last_value('crm_change_seq_seq') END,
            (SELECT max(recorded_at) FROM crm_change WHERE tenant = ?)
            FROM (SELECT (SELECT value::smallint FROM crm_meta WHERE name = 'generation') AS generation,
                pg_current_snapshot() AS now, pg_current_xact_id_if_assigned() AS own) AS t"""
        ((generation, now, own, upto, recorded),) = self._file.rows(sql, (self.tenant,))
        cut = Cut.taken(generation, now, None if own is None else int(own), upto)
        return cut, None if recorded is None else instant_of(recorded)

    def last(self) -> tuple[str, datetime | None]:
        """The cut that holds all there is now, and when the newest change was recorded."""
        cut, recorded = self._taken()
        return str(cut), recorded

    def cut(self, known: datetime, *, within: str | None = None) -> str:
        """The cut that holds what was recorded at or before a time."""
        cut = self._taken()[0] if within is None else Cut.read(within)
        when = microseconds(known)
        return str(attrs.evolve(cut, known=when if cut.known is None else min(when, cut.known)))

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed since."""
        cursor = Cursor.read(after)
        now = attrs.evolve(self._taken()[0], own=None)
        for one in (cursor.old, cursor.new):
            if one is not None and (one.generation, one.high) > (now.generation, now.high):
                mend = "this is another log, or was restored from a backup since: start from the beginning"
                raise Invalid([Problem("after", str(one), "a cursor of this log", mend)])
        new = cursor.new or now
        between = [new.within(), ("x.seq > ?", [cursor.place])]
        found = self._log(between if cursor.old is None else [cursor.old.beyond(), *between], limit)
        if len(found) == limit:
            return Stretch(tuple(found), str(Cursor(cursor.old, new, found[-1].seq)))
        if found or cursor.new is None:
            return Stretch(tuple(found), str(Cursor(new)) if found else str(cursor))
        return self.stretch(str(Cursor(new)), limit=limit)  # the last page was full, and is behind us

    def tip(self) -> str:
        """The cursor of somebody who has read all there is now."""
        return str(Cursor(attrs.evolve(self._taken()[0], own=None)))

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else writes meanwhile: what is read and written is one transaction, unless it is the host's."""
        return self._file.alone()

    def move_cursor(self, consumer: str, *, was: str, now: str) -> None:
        """Keep where somebody who follows the log has come to."""
        move = super().move_cursor
        self._file.tried(lambda: move(consumer, was=was, now=now))

    # --- reading: what PostgreSQL asks otherwise ----------------------------------------------------------------------

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id, in one statement however many; unknown ids are left out."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        return {record.id: record for record in self._read(kind, "k.id = ANY(?)", (wanted,), moment)}

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match; where one statement finds it, no transaction is needed."""
        condition = condition_of(kind, asked)
        if moment != NOW or asked.sort is not None or not condition.exact:
            return super().find(kind, asked, moment)
        more = attrs.evolve(asked, limit=asked.limit + 1)
        return cut(self._run(kind, more, condition, missing=True), asked)

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, and its own."""
        sql = """WITH RECURSIVE merged (id) AS (SELECT ?::TEXT UNION SELECT a.id FROM crm_alias a JOIN merged m
            ON a.tenant = ? AND a.survivor = m.id) SELECT id FROM merged"""
        return frozenset(row[0] for row in self._file.rows(sql, (id, self.tenant)))

    def purge(self) -> Purge:
        """Write every table anew without what was deleted."""
        return Purge(purged(self._file.for_every_tenant()))

    def check(self) -> list[str]:
        """What is wrong inside the database: broken checksums, and whatever differs from the log."""
        try:
            with self._file.reading():
                found = [*self._open_tables(), *self._broken()]
                return found or list(differences(self._file, self.tenant, self._kinds, self.changes()))
        except (Busy, Closed):
            raise
        except (StoreError, Invalid) as error:
            return [str(error)]

    def _open_tables(self) -> Iterator[str]:
        """Tables whose rows others than their tenant see."""
        for table in unprotected(self._file) if self.row_security else ():
            yield f"table {table} lacks its policy by tenant; open the store again to put it back"

    def close(self) -> None:
        """Let go of the connections; further use raises ``Closed``."""
        self._file.close()
