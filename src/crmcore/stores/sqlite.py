"""A store in one SQLite file: durable, transactional, shared by processes of one machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol, Self

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Busy, Closed, Invalid, Problem, StoreError
from crmcore.kernel.ports import Purge, Stretch
from crmcore.kernel.records import Kind
from crmcore.stores.database import Database
from crmcore.stores.places import START, cursor_of, follow_from, place_in, tip_of
from crmcore.stores.rows import instant_of
from crmcore.stores.sql_check import differences
from crmcore.stores.sql_reading import Condition
from crmcore.stores.sql_store import SqlStore
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.stores.sqlite_tables import check_format, make_tables

__all__ = ["SqliteStore"]


class _File(Database, Protocol):
    """A SQLite database, whoever opened it."""

    def vacuum(self) -> str | None:
        """Write it anew without what was deleted; gives what is in the way, and what to do then."""
        ...


class SqliteStore(SqlStore):
    """Keeps records and changes in a SQLite file.

    Every commit is on the disk when it returns: write-ahead log, ``synchronous=FULL``,
    ``BEGIN IMMEDIATE``. Several processes may use the same file; a writer waits for another one
    up to ``busy_seconds``.

    Args:
        path: The file, made when it is not there; ``":memory:"`` keeps it in this process.
        tenant: The tenant whose data it reads and writes.
        durability: ``"full"`` survives power loss; ``"relaxed"`` may lose the last commits then.
        busy_seconds: How long to wait for another writer.

    Raises:
        Corrupt: The file is no SQLite database, or damaged.
        SchemaTooNew: The file was written by a newer crmcore.
        StoreError: The file can't be opened.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.stores.sqlite import SqliteStore
        >>> with CRM(SqliteStore(":memory:")) as crm:
        ...     crm.accounts.add(name="Acme").version
        1
    """

    _file: _File

    def __init__(
        self,
        path: str,
        *,
        tenant: str = "default",
        durability: Literal["full", "relaxed"] = "full",
        busy_seconds: float = 10.0,
    ) -> None:
        if durability not in ("full", "relaxed"):
            raise Invalid([Problem("durability", durability, '"full" or "relaxed"', "choose one of them")])
        self.tenant = tenant
        self._kinds: dict[str, Kind[Any]] = {}
        self._file = SqliteFile(path, durability=durability, busy_seconds=busy_seconds)
        try:
            check_format(self._file)
        except BaseException:
            self._file.close()
            raise

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant."""
        other = object.__new__(type(self))
        other.tenant, other._kinds, other._file = tenant, self._kinds, self._file
        return other

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make the tables, indexes and views of kinds, unless they are there."""
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        make_tables(self._file, fresh)
        self._kinds.update({kind.name: kind for kind in fresh})

    # --- the log: one writer at a time, so places follow the order of commits ----------------------------------------

    def _within(self, cut: str) -> Condition:
        """The condition that a row of the log lies within a cut."""
        return "x.seq <= ?", [place_in(cut)]

    def _beyond(self, cut: str) -> Condition:
        """The condition that a row of the log came after a cut."""
        return "x.seq > ?", [place_in(cut)]

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed since."""
        place = follow_from(after, self._commit_at)
        found = tuple(self._log([("x.seq > ?", [place]), *self._committed()], limit, hint="NOT INDEXED"))
        return Stretch(found, cursor_of(found[-1]) if found else after or START)

    def _committed(self) -> list[Condition]:
        """The condition that a row of the log has been committed, where some are not."""
        return []

    def tip(self) -> str:
        """The cursor of somebody who has read all there is now."""
        return tip_of(self._log(self._committed(), 1, order="x.seq DESC", hint="NOT INDEXED"))

    def _commit_at(self, place: int) -> str | None:
        """The commit that wrote a place of the log; None when there is no such place."""
        rows = self._file.rows("SELECT commit_id FROM crm_change WHERE seq = ?", (place,))
        return str(rows[0][0]) if rows else None

    def last(self) -> tuple[str, datetime | None]:
        """The cut that holds all there is now, and when the newest change was recorded."""
        seq, recorded = self._end()
        return str(seq), recorded

    def _end(self) -> tuple[int, datetime | None]:
        """The last place of the log, and when it was recorded."""
        rows = self._file.rows("SELECT seq, recorded_at FROM crm_change ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], instant_of(rows[0][1])) if rows else (0, None)

    def cut(self, known: datetime, *, within: str | None = None) -> str:
        """The cut that holds what was recorded at or before a time: a search by halves, for times never fall."""
        low, high = 0, self._end()[0] if within is None else place_in(within)
        while low < high:
            middle = (low + high + 1) // 2
            sql = "SELECT recorded_at FROM crm_change WHERE seq >= ? ORDER BY seq LIMIT 1"
            ((recorded,),) = self._file.rows(sql, (middle,))
            low, high = (middle, high) if instant_of(recorded) <= known else (low, middle - 1)
        return str(low)

    def _around(self, changes: Sequence[Change[Any]]) -> tuple[str, str]:
        """The cuts just before and after some changes."""
        return str(changes[0].seq - 1), str(changes[-1].seq)

    def _numbered(self, count: int, recorded_at: datetime) -> tuple[Sequence[int], datetime]:
        """The next places of the log, and when they are recorded."""
        seq, last = self._end()
        return range(seq + 1, seq + 1 + count), recorded_at if last is None else max(recorded_at, last)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else writes meanwhile: what is read and written is one transaction, unless it is the host's."""
        return self._file.writing() if isinstance(self._file, SqliteFile) else contextlib.nullcontext()

    def purge(self) -> Purge:
        """Write the file anew without what was deleted, and empty the log beside it."""
        return Purge(self._file.vacuum())

    # --- checks, end ------------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """What is wrong inside the file: damaged pages, broken checksums, and whatever differs from the log."""
        found: list[str] = []
        try:
            found += [row[0] for row in self._file.rows("PRAGMA integrity_check") if row[0] != "ok"]
            found += self._broken()
            if not found:
                found += self._gaps()
                found += differences(self._file, self.tenant, self._kinds, self.changes())
        except (Busy, Closed):
            raise
        except (StoreError, Invalid) as error:
            found.append(str(error))
        return found

    def _gaps(self) -> Iterator[str]:
        """Places of the log that nobody's change stands at, and where it runs backwards."""
        ((count, last),) = self._file.rows("SELECT count(*), coalesce(max(seq), 0) FROM crm_change")
        if count != last:
            yield f"{last - count} of {last} changes are missing from the log"
        sql = """SELECT seq FROM (SELECT seq, recorded_at, lag(recorded_at) OVER (ORDER BY seq) AS before
            FROM crm_change) WHERE recorded_at < before ORDER BY seq"""
        for (place,) in self._file.rows(sql):
            yield f"the log runs backwards at place {place}"

    def close(self) -> None:
        """Let go of the file; further use raises ``Closed``."""
        self._file.close()
