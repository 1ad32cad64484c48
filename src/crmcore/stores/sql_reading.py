"""The reading half of a store in SQL: records, now and at a moment, and the log."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeAlias, cast

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.errors import Conflict, Corrupt, Invalid
from crmcore.kernel.keys import microseconds
from crmcore.kernel.page import Page, Query, cut, page_of, place_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment
from crmcore.kernel.records import Kind, R
from crmcore.kernel.where import predicate, select
from crmcore.stores.database import Database
from crmcore.stores.filter_sql import SqlFilter
from crmcore.stores.query_sql import condition_of, lives, segment, window
from crmcore.stores.rows import LOG, change_of, record_of
from crmcore.stores.schema import table_of
from crmcore.stores.sql_words import find_words

__all__ = ["SqlReading"]

CHUNK = 500
"""How many ids one statement asks for."""

LONGEST_RUN = 10_000
"""The most records one statement reads while a filter is decided in Python."""

Condition: TypeAlias = tuple[str, list[Any]]
"""A piece of SQL, and what its question marks stand for."""

LONGEST_LOG = 2**63 - 1
"""More changes than a log can have."""


@functools.cache
def _by_id(kind: Kind[Any], count: int) -> str:
    """The statement that reads records by so many ids."""
    ids = ", ".join("?" * count)
    return f"SELECT id, version, body, checksum FROM {table_of(kind)} WHERE tenant = ? AND id IN ({ids})"


class SqlReading(ABC):
    """What a store in SQL can be asked. In every piece of SQL ``k`` is a kind's table and ``x`` the log.

    Attributes:
        tenant: The tenant whose data it reads.
    """

    tenant: str
    _kinds: dict[str, Kind[Any]]
    _file: Database
    _latest: tuple[Kind[Any], tuple[Any, ...], Any] | None = None

    # --- what each engine says in its own way -----------------------------------------------------------------------

    @abstractmethod
    def _within(self, cut: str) -> Condition:
        """The condition that a row of the log lies within a cut."""

    @abstractmethod
    def _beyond(self, cut: str) -> Condition:
        """The condition that a row of the log came after a cut."""

    # --- records ----------------------------------------------------------------------------------------------------

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id; unknown ids are left out."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            return {}
        if len(wanted) <= CHUNK:
            return self._chunk(kind, wanted, moment)
        with self._file.reading():
            chunks = [self._chunk(kind, wanted[n : n + CHUNK], moment) for n in range(0, len(wanted), CHUNK)]
        return {id: record for chunk in chunks for id, record in chunk.items()}

    def _chunk(self, kind: Kind[R], ids: Sequence[str], moment: Moment) -> dict[str, R]:
        if not moment.past:
            rows = self._file.rows(_by_id(kind, len(ids)), (self.tenant, *ids))
            return {row[0]: self._record(kind, row) for row in rows}
        clause = f"k.id IN ({', '.join('?' * len(ids))})"
        return {record.id: record for record in self._read(kind, clause, ids, moment)}

    def _record(self, kind: Kind[R], row: tuple[Any, ...]) -> R:
        """The record a row holds: that of before when the same row was read right before, as acts do."""
        known = self._latest
        if known is not None and known[0] is kind and known[1] == row:
            return cast("R", known[2])
        record = record_of(kind, self._file.path, row)
        self._latest = kind, row, record
        return record

    def _read(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> list[R]:
        """Records under a condition on ids, at a moment."""
        if moment == NOW:
            sql = f"SELECT k.id, k.version, k.body, k.checksum FROM {table_of(kind)} k WHERE k.tenant = ? AND {clause}"
            return [record_of(kind, self._file.path, row) for row in self._file.rows(sql, (self.tenant, *values))]
        with self._file.reading():
            return [*self._probed(kind, clause, values, moment), *self._folded(kind, clause, values, moment)]

    def _upto(self, clock: str, moment: Moment) -> Condition:
        """The condition on rows of the log that stand within a moment, after others."""
        text, values = ("", []) if moment.cut is None else self._within(moment.cut)
        text = f"AND {text}" if text else ""
        if moment.at is None:
            return text, values
        return f"AND {clock} <= ? {text}", [microseconds(moment.at), *values]

    def _probed(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> Iterator[R]:
        """Past states that were stored whole: one index probe a record."""
        limit, bounds = self._upto("x.horizon", moment)
        outside, instant = window("NOT", moment)
        sql = f"""SELECT c.id, c.version, c.body, c.checksum FROM {table_of(kind)} k JOIN crm_change c ON c.seq = (
            SELECT x.seq FROM crm_change x WHERE x.tenant = k.tenant AND x.kind = ? AND x.id = k.id {limit}
            ORDER BY x.horizon DESC, x.version DESC LIMIT 1) WHERE k.tenant = ? AND {clause} {outside}"""
        for row in self._file.rows(sql, (kind.name, *bounds, self.tenant, *values, *instant)):
            yield record_of(kind, self._file.path, row)

    def _folded(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> Iterator[R]:
        """Past states a late change may matter to: the fold of what had happened and was known."""
        if moment.at is None:
            return
        limit, bounds = self._upto('x."at"', moment)
        inside, instant = window("", moment)
        columns = ", ".join(f"x.{name.strip()}" for name in f"{LOG}, seal".split(","))
        # CROSS keeps SQLite from starting at the log: records with late changes are few, log rows many.
        sql = f"""SELECT {columns} FROM {table_of(kind)} k CROSS JOIN crm_change x
            ON x.tenant = k.tenant AND x.kind = ? AND x.id = k.id {limit}
            WHERE k.tenant = ? AND {clause} {inside} ORDER BY k.id"""
        rows = self._file.rows(sql, (kind.name, *bounds, self.tenant, *values, *instant))
        for _, mine in groupby(rows, key=lambda row: row[3]):
            yield self._replayed(kind, [change_of(self._kinds, self._file.path, self.tenant, row) for row in mine])

    def _replayed(self, kind: Kind[R], changes: Sequence[Change[R]]) -> R:
        try:
            return cast("R", replay(kind, changes))
        except Invalid as error:
            message = f"the changes of {kind.name} {changes[0].id} in {self._file.path} do not add up; restore a backup"
            raise Corrupt(message) from error

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match."""
        if moment != NOW:
            return page_of(self._past(kind, asked, moment), asked)
        with self._file.reading():
            return cut(list(islice(self._matches(kind, asked, condition_of(kind, asked)), asked.limit + 1)), asked)

    def _past(self, kind: Kind[R], asked: Query, moment: Moment) -> list[R]:
        records = self._read(kind, "1 = 1", (), moment)
        records = [record for record in records if (record.deleted_at is not None) is asked.deleted]
        return records if asked.where is None else select(asked.where, records)

    def _matches(self, kind: Kind[R], asked: Query, condition: SqlFilter) -> Iterator[R]:
        """Matching records in order: first those that have a value to sort by, then those that have none."""
        wanted = None if asked.where is None or condition.exact else predicate(asked.where)
        for missing in (False, True) if asked.sort is not None else (True,):
            for records in self._runs(kind, asked, condition, missing=missing):
                yield from records if wanted is None else filter(wanted, records)

    def _runs(self, kind: Kind[R], asked: Query, condition: SqlFilter, *, missing: bool) -> Iterator[list[R]]:
        """Records that SQL thinks match, in ever longer runs."""
        after, size = asked.after, asked.limit + 1
        if after is not None and (after[0] is None) is not missing:
            if missing is False:
                return
            after = None
        while True:
            run = self._run(kind, attrs.evolve(asked, after=after, limit=size), condition, missing=missing)
            yield run
            if len(run) < size:
                return
            after, size = place_of(run[-1], asked.sort), min(size * 2, LONGEST_RUN)

    def _run(self, kind: Kind[R], asked: Query, condition: SqlFilter, *, missing: bool) -> list[R]:
        place, order, values = segment(asked, missing=missing)
        sql = f"""SELECT k.id, k.version, k.body, k.checksum FROM {table_of(kind)} k WHERE k.tenant = ?
            AND {lives(asked)} AND {condition.text} AND {place} ORDER BY {order} LIMIT ?"""
        rows = self._file.rows(sql, (self.tenant, *condition.params, *values, asked.limit))
        return [record_of(kind, self._file.path, row) for row in rows]

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """How many records match."""
        if moment != NOW:
            return len(self._past(kind, asked, moment))
        condition = condition_of(kind, asked)
        if not condition.exact:
            with self._file.reading():
                return sum(1 for _ in self._matches(kind, attrs.evolve(asked, after=None, limit=999), condition))
        sql = f"SELECT count(*) FROM {table_of(kind)} k WHERE k.tenant = ? AND {lives(asked)} AND {condition.text}"
        ((found,),) = self._file.rows(sql, (self.tenant, *condition.params))
        return int(found)

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one."""
        sql = "SELECT fingerprint, commit_id FROM crm_key WHERE tenant = ? AND key = ?"
        rows = self._file.rows(sql, (self.tenant, key.text))
        if not rows:
            return None
        ((fingerprint, id),) = rows
        if fingerprint != key.fingerprint:
            message = f"the key {key.text!r} was used for another request; use a new key"
            raise Conflict("key", key.text, expected=key.fingerprint, found=fingerprint, message=message)
        sql = """SELECT kind, id, version, body, checksum FROM crm_change
            WHERE tenant = ? AND commit_id = ? ORDER BY seq"""
        records = [
            record_of(self._kinds[name], self._file.path, row) for name, *row in self._file.rows(sql, (self.tenant, id))
        ]
        return Commit(id, tuple(self.changes(commit=id)), tuple(records))

    # --- the log ----------------------------------------------------------------------------------------------------

    def changes(
        self,
        *,
        after: str | None = None,
        upto: str | None = None,
        before: int | None = None,
        kind: str | None = None,
        id: str | None = None,
        commit: str | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Change[Any]]:
        """The log in the order it was written, or part of it."""
        plain = {"x.seq < ?": before, "x.kind = ?": kind, "x.id = ?": id, "x.commit_id = ?": commit}
        asked = [(text, [value]) for text, value in plain.items() if value is not None]
        asked += [] if after is None else [self._beyond(after)]
        asked += [] if upto is None else [self._within(upto)]
        whole = kind is None and commit is None and after is None  # the log itself is in its order
        order = "x.seq DESC" if newest else "x.seq"
        return self._log(asked, limit, order=order, hint="NOT INDEXED" if whole else "")

    def _log(
        self, asked: Iterable[Condition], limit: int | None, *, order: str = "x.seq", hint: str = ""
    ) -> list[Change[Any]]:
        """Changes under some conditions, in order."""
        texts, values = ["x.tenant = ?"], [self.tenant]
        for text, bound in asked:
            texts.append(text)
            values += bound
        sql = f"SELECT {LOG}, seal FROM crm_change x {hint} WHERE {' AND '.join(texts)} ORDER BY {order} LIMIT ?"
        rows = self._file.rows(sql, (*values, LONGEST_LOG if limit is None else max(limit, 0)))
        return [change_of(self._kinds, self._file.path, self.tenant, row) for row in rows]

    def cursors(self) -> dict[str, str]:
        """Where those who follow the log under a name have come to."""
        sql = "SELECT consumer, place FROM crm_cursor WHERE tenant = ? AND place <> ''"
        return dict(self._file.rows(sql, (self.tenant,)))

    def holders(self, kind: Kind[Any], field: str, values: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
        """The ids of the records that have unique values, by value."""
        found: dict[str, str] = {}
        rest = iter(values)
        while chunk := list(islice(rest, CHUNK)):
            sql = f"""SELECT value, min(id) FROM crm_claim WHERE tenant = ? AND kind = ? AND field = ? AND live = ?
                AND value IN ({", ".join("?" * len(chunk))}) GROUP BY value"""
            found.update(self._file.rows(sql, (self.tenant, kind.name, field, int(not deleted), *chunk)))
        return found

    def search(self, kinds: Sequence[Kind[Any]], words: Sequence[str], *, limit: int) -> list[tuple[str, str]]:
        """Live records with words that begin with each of some others, as kind and id."""
        return find_words(self._file, self.tenant, kinds, words, limit)

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, and its own."""
        sql = """WITH RECURSIVE merged (id) AS (SELECT ? UNION SELECT a.id FROM crm_alias a JOIN merged m
            ON a.tenant = ? AND a.survivor = m.id) SELECT id FROM merged"""
        return frozenset(row[0] for row in self._file.rows(sql, (id, self.tenant)))
