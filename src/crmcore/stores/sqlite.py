"""A store in one SQLite file: durable, transactional, shared by processes of one machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Literal, Self, cast

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Busy, Closed, Conflict, Duplicate, Invalid, Problem, StoreError
from crmcore.kernel.keys import microseconds
from crmcore.kernel.ports import Commit, Key
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.words import words_changed
from crmcore.stores.codec import encode
from crmcore.stores.rows import (
    SCHEMA,
    WRITE_CHANGE,
    change_row,
    checksum,
    instant_of,
    record_of,
    seal,
    standing_row,
    write_standing,
)
from crmcore.stores.schema import quoted, table_of
from crmcore.stores.sqlite_check import differences
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.stores.sqlite_reading import CHUNK, SqliteReading
from crmcore.stores.sqlite_tables import check_format, make_tables
from crmcore.stores.sqlite_words import move_words
from crmcore.stores.standing import Later, Standing, admit, check_unmoved, scrubbed, states, step

__all__ = ["SqliteStore"]


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


class SqliteStore(SqliteReading):
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

    # --- writing ----------------------------------------------------------------------------------------------------

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
        with self._file.writing():
            first = None if key is None else self.kept(key)
            if first is not None:
                return first
            admit(changes, self._kinds, recorded_at)
            if unmoved or end is not None:
                check_unmoved(unmoved or {}, self._version, end, self.last()[0])
            staged = self._staged(changes, id, recorded_at, playbook)
            self._claim(staged)
            self._write(staged)
            done = Commit(id, tuple(staged.changes), tuple(staged.records))
            if key is not None:
                row = (self.tenant, key.text, key.fingerprint, id, done.changes[0].seq, done.changes[-1].seq)
                self._file.rows("INSERT INTO crm_key VALUES (?, ?, ?, ?, ?, ?)", row)
            return done

    def _version(self, kind: str, id: str) -> int:
        """The version of a record; 0 when it is not there."""
        sql = f"SELECT version FROM {table_of(self._kinds[kind])} WHERE tenant = ? AND id = ?"
        rows = self._file.rows(sql, (self.tenant, id))
        return int(rows[0][0]) if rows else 0

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
                columns = 'id, version, body, checksum, "first", horizon, late_from, late_until'
                sql = f"""SELECT {columns} FROM {table_of(kind)}
                    WHERE tenant = ? AND id IN ({", ".join("?" * len(chunk))})"""
                for *row, first, horizon, since, until in self._file.rows(sql, (self.tenant, *chunk)):
                    record = record_of(kind, self._file.path, row)
                    staged.before[name, record.id] = record
                    window = None if since is None else (instant_of(since), instant_of(until))
                    staged.now[name, record.id] = Standing(record, instant_of(first), instant_of(horizon), window)

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
                (self.tenant, name, *claim, id, int(live))
                for claim, live in after.items()
                if before.get(claim) is not live
            ]
        if gone:
            where = "tenant = ? AND kind = ? AND field = ? AND value = ? AND id = ?"
            self._file.many(f"DELETE FROM crm_claim WHERE {where}", gone)
        self._check_free(taken)
        if taken:
            self._file.many("INSERT INTO crm_claim VALUES (?, ?, ?, ?, ?, ?)", taken)

    def _check_free(self, taken: Iterable[tuple[str, str, str, str, str, int]]) -> None:
        """Refuse to take a value that another live record has, or takes too."""
        wanted: dict[tuple[str, str], dict[str, str]] = {}
        for _, name, field, value, id, live in taken:
            if live and wanted.setdefault((name, field), {}).setdefault(value, id) != id:
                raise Duplicate(name, id, field=field, holder=wanted[name, field][value])
        for (name, field), ids in wanted.items():
            for value, holder in self.holders(self._kinds[name], field, ids).items():
                raise Duplicate(name, ids[value], field=field, holder=holder)

    def _write(self, staged: _Staged) -> None:
        recorded = microseconds(staged.stamp)
        bodies: dict[tuple[str, str], str] = {}
        rows = []
        for change, body, horizon in zip(staged.changes, staged.bodies, staged.horizons, strict=True):
            bodies[change.kind, change.id] = body
            told = change_row(self._kinds[change.kind], change, staged.stamp)
            sum = checksum(change.id, change.version, body)
            rows.append((*told, seal(self.tenant, told), self.tenant, microseconds(horizon), SCHEMA, body, sum))
        self._file.many(WRITE_CHANGE, rows)
        for name, mine in groupby(staged.now.items(), key=lambda item: item[0][0]):
            kind = self._kinds[name]
            self._stand(kind, [(now, bodies[whole], recorded) for whole, now in mine])
        self._alias(staged)
        self._word(staged)

    def _stand(self, kind: Kind[Any], rows: Iterable[tuple[Standing[Any], str, int]]) -> None:
        """Put records down as they stand now."""
        self._file.many(
            write_standing(kind), [(self.tenant, *standing_row(kind, now, body, when)) for now, body, when in rows]
        )

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

    def _word(self, staged: _Staged) -> None:
        """Keep what the records are found by."""
        moved = [
            (name, id, *words_changed(self._kinds[name], staged.before.get((name, id)), now.record))
            for (name, id), now in staged.now.items()
        ]
        move_words(self._file, self.tenant, [one for one in moved if one[2] != one[3]])

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
            body, told = encode(kind, state), change_row(kind, change, cast("datetime", change.recorded_at))
            sums = seal(self.tenant, told), checksum(state.id, state.version, body)
            rows.append((told[-1], change.reason, body, *sums, change.seq))
        self._file.many(
            "UPDATE crm_change SET sets = ?, reason = ?, body = ?, seal = ?, checksum = ? WHERE seq = ?", rows
        )
        commits = {(self.tenant, change.commit) for change in clean}
        self._file.many("DELETE FROM crm_key WHERE tenant = ? AND commit_id = ?", commits)

    def check(self) -> list[str]:
        """What is wrong inside the file: damaged pages, broken checksums, and whatever differs from the log."""
        try:
            found = [row[0] for row in self._file.rows("PRAGMA integrity_check") if row[0] != "ok"]
            found += self._broken()
            return found or list(differences(self._file, self.tenant, self._kinds, self.changes()))
        except (Busy, Closed):
            raise
        except (StoreError, Invalid) as error:
            return [str(error)]

    def _broken(self) -> Iterator[str]:
        """Bodies that do not match their checksum."""
        sources = {"crm_change": "kind", **{f"crm_{name}": f"'{name}'" for name in self._kinds}}
        for table, kind in sources.items():
            sql = f"SELECT {kind}, id, version, body, checksum FROM {quoted(table)} WHERE tenant = ?"
            for name, id, version, body, sum in self._file.rows(sql, (self.tenant,)):
                if checksum(id, version, body) != sum:
                    yield f"{table}: {name} {id} version {version} does not match its checksum"

    def close(self) -> None:
        """Let go of the file; further use raises ``Closed``."""
        self._file.close()
