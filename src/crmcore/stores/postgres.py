"""A store in a PostgreSQL database: shared by processes of many machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Busy, Closed, Invalid, Problem, StoreError
from crmcore.kernel.page import Page, Query, cut
from crmcore.kernel.ports import NOW, Commit, Key, Moment
from crmcore.kernel.records import Kind, R
from crmcore.stores.postgres_database import PostgresDatabase
from crmcore.stores.postgres_tables import check_format, make_tables
from crmcore.stores.query_sql import condition_of
from crmcore.stores.sqlite import SqliteStore
from crmcore.stores.sqlite_check import differences

__all__ = ["PostgresStore"]


class PostgresStore(SqliteStore):
    """Keeps records and changes in a PostgreSQL database.

    It keeps the tables a SQLite file has and sends the statements it sends, in PostgreSQL's words. Writers take turns:
    each holds one row of ``crm_meta`` until it has committed, so the log has no gaps and its order is that of the
    commits. Readers wait for nobody. Threads may share the store; each has a connection of its own while it works.

    Give it a schema of its own where the database is shared with other programs:
    ``postgresql://user@host/name?options=-csearch_path%3Dcrm``.

    Args:
        url: Where it is, as libpq reads it: ``postgresql://user@host/name``.
        tenant: The tenant whose data it reads and writes.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer, or for a connection.
        connections: The most connections at a time, from 1 on. They are opened when they are needed.

    Raises:
        Invalid: The address is none.
        SchemaTooNew: The tables were written by a newer crmcore.
        StoreError: psycopg is not installed, or the database can't be reached.
    """

    _file: PostgresDatabase

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "default",
        durability: Literal["full", "relaxed"] = "full",
        busy_seconds: float = 10.0,
        connections: int = 8,
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
        self._file = PostgresDatabase(url, durability=durability, busy_seconds=busy_seconds, connections=connections)
        try:
            check_format(self._file)
        except BaseException:
            self._file.close()
            raise

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make the tables, indexes and views of kinds, unless they are there."""
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        make_tables(self._file, fresh)
        self._kinds.update({kind.name: kind for kind in fresh})

    # --- writing: as ever, but tried again when others were in the way ------------------------------------------------

    def commit(
        self,
        changes: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        key: Key | None = None,
        playbook: str = "",
        unmoved: Mapping[tuple[str, str], int] | None = None,
        end: int | None = None,
    ) -> Commit:
        """Write changes, all or nothing."""
        write = super().commit
        rest: dict[str, Any] = {"key": key, "playbook": playbook, "unmoved": unmoved, "end": end}
        return self._file.tried(lambda: write(changes, id=id, recorded_at=recorded_at, **rest))

    def erase(self, erasure: Change[Any], *, id: str, recorded_at: datetime, playbook: str = "") -> Commit:
        """Scrub values of one record everywhere, as a change of its own."""
        write = super().erase
        return self._file.tried(lambda: write(erasure, id=id, recorded_at=recorded_at, playbook=playbook))

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

    def check(self) -> list[str]:
        """What is wrong inside the database: broken checksums, and whatever differs from the log."""
        try:
            with self._file.reading():
                found = list(self._broken())
                return found or list(differences(self._file, self.tenant, self._kinds, self.changes()))
        except (Busy, Closed):
            raise
        except (StoreError, Invalid) as error:
            return [str(error)]
