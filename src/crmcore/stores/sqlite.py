"""A store in one SQLite file: durable, transactional, shared by processes of one machine."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Literal, Self, cast

import attrs

from crmcore.kernel.change import Change, evolved, replay
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Conflict, Corrupt, Duplicate, Invalid, Problem, SchemaTooNew
from crmcore.kernel.keys import columns_of, from_microseconds, microseconds, values_of
from crmcore.kernel.page import Page, Place, Query, cut, page_of, place_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.where import predicate, select
from crmcore.stores.codec import decode, decode_sets, encode, encode_sets
from crmcore.stores.filter_sql import Column, SqlFilter, sql_of
from crmcore.stores.schema import FORMAT, TABLES, added_columns, kind_tables, quoted, table_of, view_of
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.stores.standing import Later, Standing, admit, scrubbed, states, step

__all__ = ["SqliteStore"]

CHUNK = 500
"""How many ids one statement asks for."""

LONGEST_RUN = 10_000
"""The most records one statement reads while a filter is decided in Python."""

SCHEMA = 1
"""The version of the bodies written."""

_LOG = 'seq, commit_id, kind, id, version, what, "at", recorded_at, "by", reason, late, playbook, sets'
"""The columns a change is read from, as ``_told`` gives them; ``seal`` is their checksum."""

_SEALED = "\n".join(["%s"] * 14)

_WRITE_LOG = f"""INSERT INTO crm_change ({_LOG}, seal, tenant, horizon, "schema", body, checksum)
    VALUES ({", ".join("?" * 19)})"""


@attrs.define(eq=False)
class _Staged:
    """Records and log rows on their way into a commit."""

    stamp: datetime
    now: dict[tuple[str, str], Standing[Any]] = attrs.field(factory=dict)
    before: dict[tuple[str, str], Record | None] = attrs.field(factory=dict)
    changes: list[Change[Any]] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)
    bodies: list[str] = attrs.field(factory=list)
    horizons: list[datetime] = attrs.field(factory=list)

    def leave(self, record: Record, body: str) -> None:
        """Let the last change leave another record."""
        whole = self.changes[-1].kind, record.id
        self.now[whole] = attrs.evolve(self.now[whole], record=record)
        self.records[-1], self.bodies[-1] = record, body


def _sum(id: str, version: int, body: str) -> int:
    """The checksum of a record."""
    return zlib.crc32(f"{id} {version} {body}".encode())


def _seal(tenant: str, told: tuple[Any, ...]) -> int:
    """The checksum of a change."""
    return zlib.crc32((_SEALED % (tenant, *told)).encode("utf-8", "backslashreplace"))


def _told(kind: Kind[Any], change: Change[Any], stamp: datetime) -> tuple[Any, ...]:
    """A change as the log's columns hold it."""
    times = microseconds(change.at), microseconds(stamp)
    sets = encode_sets(kind, change.sets)
    return (
        *(change.seq, change.commit, change.kind, change.id, change.version, change.what, *times),
        *(change.by, change.reason, int(change.late), change.playbook, sets),
    )


class SqliteStore:
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
        >>> crm = CRM(SqliteStore(":memory:"))
        >>> crm.accounts.add(name="Acme").version
        1
    """

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
            self._check_format()
        except BaseException:
            self._file.close()
            raise

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant."""
        other = object.__new__(type(self))
        other.tenant, other._kinds, other._file = tenant, self._kinds, self._file
        return other

    # --- the file and its tables ------------------------------------------------------------------------------------

    def _check_format(self) -> None:
        """Refuse a newer format; make our tables when they are not there."""
        known = self._file.rows("SELECT 1 FROM sqlite_master WHERE name = 'crm_meta'")
        if not known:
            with self._file.writing():
                for statement in TABLES:
                    self._file.rows(statement)
                self._file.rows("INSERT OR IGNORE INTO crm_meta VALUES ('format', ?)", (str(FORMAT),))
        found = self._file.rows("SELECT value FROM crm_meta WHERE name = 'format'")
        if found != [(str(FORMAT),)]:
            shown = found[0][0] if found else "unknown"
            message = f"{self._file.path} has format {shown}, this crmcore reads format {FORMAT}; upgrade crmcore"
            raise SchemaTooNew(message)

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make the tables, indexes and views of kinds, unless they are there."""
        fresh = [kind for kind in kinds if self._kinds.get(kind.name) is not kind]
        if self._missing(fresh):
            with self._file.writing():
                for kind, statements in self._missing(fresh):  # asked again: another process may have been faster
                    self._upgrade(kind, statements)
        self._kinds.update({kind.name: kind for kind in fresh})

    def _missing(self, kinds: Iterable[Kind[Any]]) -> list[tuple[Kind[Any], list[str]]]:
        """The kinds whose tables are not as they declare, with the statements that mend it."""
        present = dict(self._file.rows("SELECT name, sql FROM sqlite_master"))
        mends = [(kind, self._mend(kind, present)) for kind in kinds]
        return [(kind, statements) for kind, statements in mends if statements]

    def _mend(self, kind: Kind[Any], present: dict[str, str | None]) -> list[str]:
        """The statements that bring a kind's table, columns, indexes and view up to its declaration."""
        statements = []
        if f"crm_{kind.name}" in present:
            columns = {row[1] for row in self._file.rows(f"PRAGMA table_info({table_of(kind)})")}
            statements += added_columns(kind, columns)
        indexes = {f"crm_{kind.name}_{field.name}" for field in kind.keys}
        if not {f"crm_{kind.name}", *indexes} <= present.keys():
            statements += kind_tables(kind)
        view = view_of(kind)
        if present.get(kind.plural) != view:
            statements += [f"DROP VIEW IF EXISTS {quoted(kind.plural)}", view]
        return statements

    def _upgrade(self, kind: Kind[Any], statements: Sequence[str]) -> None:
        for statement in statements:
            self._file.rows(statement)
        if any(statement.startswith("ALTER") for statement in statements):
            self._fill(kind)

    def _fill(self, kind: Kind[Any]) -> None:
        """Give the key columns of older rows their values."""
        names = [name for field in kind.keys for name in columns_of(field)]
        table = table_of(kind)
        rows = self._file.rows(f"SELECT rowid, id, version, body FROM {table}")  # noqa: S608 - declared names only
        values = [(*_keys(kind, decode(kind, id, version, body)), row) for row, id, version, body in rows]
        sets = ", ".join(f"{quoted(name)} = ?" for name in names)
        self._file.many(f"UPDATE {table} SET {sets} WHERE rowid = ?", values)  # noqa: S608 - declared names only

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id; unknown ids are left out."""
        wanted = list(dict.fromkeys(ids))
        if len(wanted) <= CHUNK:
            return self._chunk(kind, wanted, moment)
        with self._file.reading():
            chunks = [self._chunk(kind, wanted[n : n + CHUNK], moment) for n in range(0, len(wanted), CHUNK)]
        return {id: record for chunk in chunks for id, record in chunk.items()}

    def _chunk(self, kind: Kind[R], ids: Sequence[str], moment: Moment) -> dict[str, R]:
        clause = f"k.id IN ({', '.join('?' * len(ids))})"
        return {record.id: record for record in self._read(kind, clause, ids, moment)}

    def _read(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> list[R]:
        """Records under a condition on ids, at a moment."""
        if moment == NOW:
            sql = f"SELECT k.id, k.version, k.body, k.checksum FROM {table_of(kind)} k WHERE k.tenant = ? AND {clause}"  # noqa: S608
            return [self._record(kind, *row) for row in self._file.rows(sql, (self.tenant, *values))]
        with self._file.reading():
            return [*self._probed(kind, clause, values, moment), *self._folded(kind, clause, values, moment)]

    def _record(self, kind: Kind[R], id: str, version: int, body: str, checksum: int) -> R:
        if _sum(id, version, body) != checksum:
            message = f"the body of {kind.name} {id} in {self._file.path} does not match its checksum; restore a backup"
            raise Corrupt(message)
        return decode(kind, id, version, body)

    def _probed(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> Iterator[R]:
        """Past states that were stored whole: one index probe a record."""
        limit, bounds = _upto("x.horizon", moment)
        outside, instant = _window("NOT", moment)
        sql = f"""SELECT c.id, c.version, c.body, c.checksum FROM {table_of(kind)} k JOIN crm_change c ON c.seq = (
            SELECT x.seq FROM crm_change x WHERE x.tenant = k.tenant AND x.kind = ? AND x.id = k.id {limit}
            ORDER BY x.horizon DESC, x.version DESC LIMIT 1) WHERE k.tenant = ? AND {clause} {outside}"""  # noqa: S608
        for row in self._file.rows(sql, (kind.name, *bounds, self.tenant, *values, *instant)):
            yield self._record(kind, *row)

    def _folded(self, kind: Kind[R], clause: str, values: Sequence[Any], moment: Moment) -> Iterator[R]:
        """Past states a late change may matter to: the fold of what had happened and was known."""
        if moment.at is None:
            return
        limit, bounds = _upto('x."at"', moment)
        inside, instant = _window("", moment)
        columns = ", ".join(f"x.{name.strip()}" for name in f"{_LOG}, seal".split(","))
        # CROSS keeps SQLite from starting at the log: records with late changes are few, log rows many.
        sql = f"""SELECT {columns} FROM {table_of(kind)} k CROSS JOIN crm_change x
            ON x.tenant = k.tenant AND x.kind = ? AND x.id = k.id {limit}
            WHERE k.tenant = ? AND {clause} {inside} ORDER BY k.id"""  # noqa: S608
        rows = self._file.rows(sql, (kind.name, *bounds, self.tenant, *values, *instant))
        for _, mine in groupby(rows, key=lambda row: row[3]):
            yield self._replayed(kind, [self._change(row) for row in mine])

    def _replayed(self, kind: Kind[R], changes: Sequence[Change[R]]) -> R:
        try:
            return cast("R", replay(kind, changes))
        except Invalid as error:
            message = f"changes of {kind.name} {changes[0].id} are missing in {self._file.path}; restore a backup"
            raise Corrupt(message) from error

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match."""
        if moment != NOW:
            return page_of(self._past(kind, asked, moment), asked)
        with self._file.reading():
            return cut(list(islice(self._matches(kind, asked, _condition(kind, asked)), asked.limit + 1)), asked)

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
        place, order, values = _segment(asked, missing=missing)
        sql = f"""SELECT k.id, k.version, k.body, k.checksum FROM {table_of(kind)} k WHERE k.tenant = ?
            AND {_lives(asked)} AND {condition.text} AND {place} ORDER BY {order} LIMIT ?"""  # noqa: S608
        rows = self._file.rows(sql, (self.tenant, *condition.params, *values, asked.limit))
        return [self._record(kind, *row) for row in rows]

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """How many records match."""
        if moment != NOW:
            return len(self._past(kind, asked, moment))
        condition = _condition(kind, asked)
        if not condition.exact:
            with self._file.reading():
                return sum(1 for _ in self._matches(kind, attrs.evolve(asked, after=None, limit=999), condition))
        sql = f"SELECT count(*) FROM {table_of(kind)} k WHERE k.tenant = ? AND {_lives(asked)} AND {condition.text}"  # noqa: S608
        ((found,),) = self._file.rows(sql, (self.tenant, *condition.params))
        return int(found)

    # --- writing ----------------------------------------------------------------------------------------------------

    def commit(
        self,
        changes: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        key: Key | None = None,
        playbook: str = "",
    ) -> Commit:
        """Write changes, all or nothing."""
        with self._file.writing():
            first = None if key is None else self.kept(key)
            if first is not None:
                return first
            admit(changes, self._kinds, recorded_at)
            staged = self._staged(changes, id, recorded_at, playbook)
            self._claim(staged)
            self._write(staged)
            done = Commit(id, tuple(staged.changes), tuple(staged.records))
            if key is not None:
                row = (self.tenant, key.text, key.fingerprint, id, done.changes[0].seq, done.changes[-1].seq)
                self._file.rows("INSERT INTO crm_key VALUES (?, ?, ?, ?, ?, ?)", row)
            return done

    def _staged(self, changes: Sequence[Change[Any]], id: str, recorded_at: datetime, playbook: str) -> _Staged:
        """What a commit would leave, not yet written."""
        seq, last = self.last()
        stamp = recorded_at if last is None else max(recorded_at, last)
        staged = _Staged(stamp)
        self._load(staged, changes)
        for place, change in enumerate(changes, start=seq + 1):
            kind = self._kinds[change.kind]
            whole = (change.kind, change.id)
            now, late = step(kind, staged.now.get(whole), change, self._later(change, staged))
            staged.now[whole] = now
            staged.changes.append(
                evolved(change, seq=place, commit=id, recorded_at=stamp, late=late, playbook=playbook)
            )
            staged.records.append(now.record)
            staged.bodies.append(encode(kind, now.record))
            staged.horizons.append(now.horizon)
        return staged

    def _load(self, staged: _Staged, changes: Sequence[Change[Any]]) -> None:
        """How the records of a commit stand before it."""
        ids: dict[str, dict[str, None]] = {}
        for change in changes:
            ids.setdefault(change.kind, {})[change.id] = None
        for name, wanted in ids.items():
            kind, rest = self._kinds[name], iter(wanted)
            while chunk := list(islice(rest, CHUNK)):
                sql = f"""SELECT id, version, body, checksum, "first", horizon, late_from, late_until FROM {table_of(kind)}
                    WHERE tenant = ? AND id IN ({", ".join("?" * len(chunk))})"""  # noqa: S608
                for *row, first, horizon, since, until in self._file.rows(sql, (self.tenant, *chunk)):
                    record = self._record(kind, *row)
                    staged.before[name, record.id] = record
                    window = None if since is None else (_instant(since), _instant(until))
                    staged.now[name, record.id] = Standing(record, _instant(first), _instant(horizon), window)

    def _later(self, change: Change[Any], staged: _Staged) -> Later:
        """Gives what the changes after a late one set, in the store or in the same commit."""

        def later() -> list[Iterable[str]]:
            mine = [one for one in staged.changes if (one.kind, one.id) == (change.kind, change.id)]
            known = self.changes(kind=change.kind, id=change.id)
            return [one.sets for one in [*known, *mine] if one.order > change.order]

        return later

    def _claim(self, staged: _Staged) -> None:
        """Release the claims of the records, then take their new ones."""
        gone, taken = [], []
        for (name, id), now in staged.now.items():
            before = claims_of(self._kinds[name], staged.before.get((name, id)))
            after = claims_of(self._kinds[name], now.record)
            gone += [(self.tenant, name, *claim, id) for claim, live in before.items() if after.get(claim) is not live]
            taken += [
                (self.tenant, name, *claim, id, live) for claim, live in after.items() if before.get(claim) is not live
            ]
        if gone:
            where = "tenant = ? AND kind = ? AND field = ? AND value = ? AND id = ?"
            self._file.many(f"DELETE FROM crm_claim WHERE {where}", gone)  # noqa: S608 - a constant
        for _, name, field, value, id, live in taken:
            holder = self.holder(self._kinds[name], field, value) if live else None
            if holder is not None:
                raise Duplicate(name, id, field=field, holder=holder)
            row = (self.tenant, name, field, value, id, int(live))
            self._file.rows("INSERT INTO crm_claim VALUES (?, ?, ?, ?, ?, ?)", row)

    def _write(self, staged: _Staged) -> None:
        recorded = microseconds(staged.stamp)
        bodies: dict[tuple[str, str], str] = {}
        rows = []
        for change, body, horizon in zip(staged.changes, staged.bodies, staged.horizons, strict=True):
            bodies[change.kind, change.id] = body
            told = _told(self._kinds[change.kind], change, staged.stamp)
            sum = _sum(change.id, change.version, body)
            rows.append((*told, _seal(self.tenant, told), self.tenant, microseconds(horizon), SCHEMA, body, sum))
        self._file.many(_WRITE_LOG, rows)
        for name, mine in groupby(staged.now.items(), key=lambda item: item[0][0]):
            kind = self._kinds[name]
            self._stand(kind, [(now, bodies[whole], recorded) for whole, now in mine])
        self._alias(staged)

    def _stand(self, kind: Kind[Any], rows: Iterable[tuple[Standing[Any], str, int]]) -> None:
        """Put records down as they stand now."""
        self._file.many(_standing(kind), [(self.tenant, *_row(kind, now, body, when)) for now, body, when in rows])

    def _alias(self, staged: _Staged) -> None:
        """Keep who was merged into whom."""
        for whole, now in staged.now.items():
            before = staged.before.get(whole)
            survivor = now.record.merged_into
            if survivor == (None if before is None else before.merged_into):
                continue
            self._file.rows("DELETE FROM crm_alias WHERE tenant = ? AND id = ?", (self.tenant, now.record.id))
            if survivor is not None:
                self._file.rows("INSERT INTO crm_alias VALUES (?, ?, ?)", (self.tenant, now.record.id, survivor))

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one."""
        sql = "SELECT fingerprint, commit_id, first_seq, last_seq FROM crm_key WHERE tenant = ? AND key = ?"
        rows = self._file.rows(sql, (self.tenant, key.text))
        if not rows:
            return None
        ((fingerprint, id, first, last),) = rows
        if fingerprint != key.fingerprint:
            message = f"the key {key.text!r} was used for another request; use a new key"
            raise Conflict("key", key.text, expected=key.fingerprint, found=fingerprint, message=message)
        changes = self.changes(after=first - 1, upto=last)
        sql = "SELECT kind, id, version, body, checksum FROM crm_change WHERE tenant = ? AND seq BETWEEN ? AND ? ORDER BY seq"
        records = [
            self._record(self._kinds[name], *row) for name, *row in self._file.rows(sql, (self.tenant, first, last))
        ]
        return Commit(id, tuple(changes), tuple(records))

    # --- the log ----------------------------------------------------------------------------------------------------

    def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        kind: str | None = None,
        id: str | None = None,
        limit: int | None = None,
    ) -> list[Change[Any]]:
        """The log in the order it was written."""
        asked = {"seq > ?": after, "seq <= ?": upto, "kind = ?": kind, "id = ?": id}
        given = {clause: value for clause, value in asked.items() if value is not None}
        sql = f"SELECT {_LOG}, seal FROM crm_change WHERE tenant = ? AND {' AND '.join(given)} ORDER BY seq LIMIT ?"  # noqa: S608
        values = (self.tenant, *given.values(), -1 if limit is None else max(limit, 0))
        return [self._change(row) for row in self._file.rows(sql, values)]

    def _change(self, row: Sequence[Any]) -> Change[Any]:
        *told, seal = row
        seq, commit, kind, id, version, what, at, recorded, by, reason, late, playbook, sets = told
        if _seal(self.tenant, tuple(told)) != seal:
            message = f"the change at place {seq} in {self._file.path} does not match its checksum; restore a backup"
            raise Corrupt(message)
        known = self._kinds.get(kind)
        if known is None:
            mend = f"open the CRM with the class of {kind} among its kinds"
            raise Invalid([Problem("kind", kind, f"one of {', '.join(self._kinds)}", mend)])
        return Change(
            kind=kind,
            id=id,
            version=version,
            what=what,
            sets=decode_sets(known, sets),
            at=from_microseconds(at),
            by=by,
            reason=reason,
            seq=seq,
            commit=commit,
            recorded_at=from_microseconds(recorded),
            late=bool(late),
            playbook=playbook,
        )

    def holder(self, kind: Kind[Any], field: str, value: str, *, deleted: bool = False) -> str | None:
        """The id of the record that has a unique value."""
        sql = "SELECT min(id) FROM crm_claim WHERE tenant = ? AND kind = ? AND field = ? AND value = ? AND live = ?"
        ((found,),) = self._file.rows(sql, (self.tenant, kind.name, field, value, int(not deleted)))
        return None if found is None else str(found)

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, and its own."""
        sql = """WITH RECURSIVE merged (id) AS (SELECT ? UNION SELECT a.id FROM crm_alias a JOIN merged m
            ON a.tenant = ? AND a.survivor = m.id) SELECT id FROM merged"""
        return frozenset(row[0] for row in self._file.rows(sql, (id, self.tenant)))

    def last(self) -> tuple[int, datetime | None]:
        """The place and the recording time of the newest change."""
        rows = self._file.rows("SELECT seq, recorded_at FROM crm_change ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], _instant(rows[0][1])) if rows else (0, None)

    def cut(self, known: datetime) -> int:
        """The last place in the log that was recorded at or before a time: a search by halves, for times never fall."""
        low, high = 0, self.last()[0]
        while low < high:
            middle = (low + high + 1) // 2
            sql = "SELECT recorded_at FROM crm_change WHERE seq >= ? ORDER BY seq LIMIT 1"
            ((recorded,),) = self._file.rows(sql, (middle,))
            low, high = (middle, high) if _instant(recorded) <= known else (low, middle - 1)
        return low

    # --- erasure, checks, end ---------------------------------------------------------------------------------------

    def erase(self, erasure: Change[Any], *, id: str, recorded_at: datetime, playbook: str = "") -> Commit:
        """Scrub values of one record everywhere, as a change of its own."""
        with self._file.writing():
            admit([erasure], self._kinds, recorded_at)
            kind = self._kinds[erasure.kind]
            known = self.changes(kind=erasure.kind, id=erasure.id)
            if not known:
                raise Conflict(erasure.kind, erasure.id, expected=erasure.version - 1, found=0)
            clean = [scrubbed(change, erasure) for change in known]
            if clean == known:
                return Commit(id, (), ())
            staged = self._staged([erasure], id, recorded_at, playbook)
            *past, now = states(kind, [*clean, *staged.changes])
            staged.leave(now, encode(kind, now))
            self._claim(staged)
            self._write(staged)
            self._rewrite(kind, clean, past)
            return Commit(id, tuple(staged.changes), tuple(staged.records))

    def _rewrite(self, kind: Kind[R], clean: Sequence[Change[R]], past: Iterable[R]) -> None:
        """Put a scrubbed history in the place of the old one; its times stay."""
        rows = []
        for change, state in zip(clean, past, strict=True):
            body, told = encode(kind, state), _told(kind, change, cast("datetime", change.recorded_at))
            sums = _seal(self.tenant, told), _sum(state.id, state.version, body)
            rows.append((told[-1], change.reason, body, *sums, change.seq))
        self._file.many("UPDATE crm_change SET sets = ?, reason = ?, body = ?, seal = ?, checksum = ? WHERE seq = ?", rows)
        commits = {(self.tenant, change.commit) for change in clean}
        self._file.many("DELETE FROM crm_key WHERE tenant = ? AND commit_id = ?", commits)

    def check(self) -> list[str]:
        """What is wrong inside the file: damaged pages, and bodies that do not match their checksum."""
        try:
            found = [row[0] for row in self._file.rows("PRAGMA integrity_check") if row[0] != "ok"]
            sources = {"crm_change": "kind", **{f"crm_{name}": f"'{name}'" for name in self._kinds}}
            for table, kind in sources.items():
                sql = f"SELECT {kind}, id, version, body, checksum FROM {quoted(table)} WHERE tenant = ?"  # noqa: S608
                for name, id, version, body, checksum in self._file.rows(sql, (self.tenant,)):
                    if _sum(id, version, body) != checksum:
                        found.append(f"{table}: {name} {id} version {version} does not match its checksum")
        except Corrupt as error:
            return [str(error)]
        return found

    def close(self) -> None:
        """Let go of the file; further use raises ``Closed``."""
        self._file.close()


@functools.cache
def _standing(kind: Kind[Any]) -> str:
    """The statement that puts a record of a kind down as it stands now."""
    names = [name for field in kind.keys for name in columns_of(field)]
    columns = ["tenant", "id", "version", "schema", "first", "horizon", "late_from", "late_until"]
    columns += ["recorded_at", "deleted_at", *names, "body", "checksum"]
    new = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in columns[2:])
    return f"""INSERT INTO {table_of(kind)} ({", ".join(map(quoted, columns))})
        VALUES ({", ".join("?" * len(columns))}) ON CONFLICT (tenant, id) DO UPDATE SET {new}"""


def _instant(count: int) -> datetime:
    """An instant out of a row."""
    try:
        return from_microseconds(count)
    except (OverflowError, TypeError) as error:
        message = "a time in the file is none; restore it from a backup"
        raise Corrupt(message) from error


def _keys(kind: Kind[Any], record: Record) -> list[int | str | None]:
    """What a record's key columns hold."""
    found: list[int | str | None] = []
    for field in kind.keys:
        value = getattr(record, field.name)
        found += [None] * len(columns_of(field)) if value is None else values_of(field, value)
    return found


def _row(kind: Kind[Any], now: Standing[Any], body: str, recorded: int) -> tuple[Any, ...]:
    record = now.record
    window = (None, None) if now.window is None else tuple(map(microseconds, now.window))
    times = microseconds(now.first), microseconds(now.horizon), *window, recorded
    deleted = None if record.deleted_at is None else microseconds(record.deleted_at)
    sum = _sum(record.id, record.version, body)
    return (record.id, record.version, SCHEMA, *times, deleted, *_keys(kind, record), body, sum)


def _upto(clock: str, moment: Moment) -> tuple[str, list[int]]:
    """The condition on log rows that stand within a moment."""
    text, bounds = "", []
    if moment.at is not None:
        text, bounds = f"AND {clock} <= ?", [microseconds(moment.at)]
    if moment.seq is not None:
        text, bounds = f"{text} AND x.seq <= ?", [*bounds, moment.seq]
    return text, bounds


def _window(negation: str, moment: Moment) -> tuple[str, list[int]]:
    """The condition that a moment lies within a record's late window, or not."""
    if moment.at is None:
        return "", []
    at = microseconds(moment.at)
    return f"AND {negation} (k.late_from IS NOT NULL AND k.late_from <= ? AND ? < k.late_until)", [at, at]


def _condition(kind: Kind[Any], asked: Query) -> SqlFilter:
    if asked.where is None:
        return SqlFilter("1 = 1", (), exact=True)
    return sql_of(asked.where, {field.name: Column(field.name, field.type, field.scale) for field in kind.keys})


def _lives(asked: Query) -> str:
    return "k.deleted_at IS NOT NULL" if asked.deleted else "k.deleted_at IS NULL"


def _segment(asked: Query, *, missing: bool) -> tuple[str, str, list[int | str]]:
    """One plain range of an index: the condition, the order, and the place it starts after."""
    if asked.sort is None:
        return _after(["k.id"], asked.after, descending=False)
    columns = [f"k.{quoted(name)}" for name in columns_of(asked.sort.field)]
    if missing:
        place, order, values = _after(["k.id"], asked.after, descending=False)
        return f"{columns[0]} IS NULL AND {place}", order, values
    place, order, values = _after([*columns, "k.id"], asked.after, descending=asked.sort.descending)
    return f"{columns[0]} IS NOT NULL AND {place}", order, values


def _after(columns: Sequence[str], after: Place | None, *, descending: bool) -> tuple[str, str, list[int | str]]:
    order = ", ".join(f"{column} DESC" if descending else column for column in columns)
    if after is None:
        return "1 = 1", order, []
    sign = "<" if descending else ">"
    return f"({', '.join(columns)}) {sign} ({', '.join('?' * len(columns))})", order, [*(after[0] or ()), after[1]]
