"""The writing half of a store in SQL: one commit, or one erasure, in one transaction."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import Any, ClassVar, cast

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Duplicate
from crmcore.kernel.keys import microseconds
from crmcore.kernel.ports import Commit, Key
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.words import words_changed
from crmcore.stores.codec import encode
from crmcore.stores.places import outrun
from crmcore.stores.rows import (
    SCHEMA,
    WRITE_CHANGE,
    change_row,
    checksum,
    instant_of,
    keep_standing,
    kept_row,
    keyed_alike,
    seal,
    standing_row,
    write_standing,
)
from crmcore.stores.schema import quoted, table_of
from crmcore.stores.sql_reading import CHUNK, SqlReading
from crmcore.stores.sql_words import move_words
from crmcore.stores.standing import (
    Histories,
    Later,
    Standing,
    admit,
    admit_erasures,
    check_unmoved,
    cleansed,
    moved_on,
    states,
    step,
)

__all__ = ["SqlStore"]


@attrs.define(eq=False)
class _Staged:
    """Records and log rows on their way into a commit."""

    now: dict[tuple[str, str], Standing[Any]] = attrs.field(factory=dict)
    before: dict[tuple[str, str], Record | None] = attrs.field(factory=dict)
    changes: list[Change[Any]] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)
    stamp: datetime | None = None
    bodies: list[str] = attrs.field(factory=list)
    horizons: list[datetime] = attrs.field(factory=list)

    def leave(self, place: int, record: Record, body: str) -> None:
        """Let a change leave another record."""
        whole = self.changes[place].kind, record.id
        self.now[whole] = attrs.evolve(self.now[whole], record=record)
        self.records[place], self.bodies[place] = record, body


@functools.cache
def _standing_by_id(kind: Kind[Any], count: int) -> str:
    """The statement that reads how records stand, by so many ids."""
    columns, ids = 'id, version, body, checksum, "first", horizon, late_from, late_until', ", ".join("?" * count)
    return f"SELECT {columns} FROM {table_of(kind)} WHERE tenant = ? AND id IN ({ids})"


@functools.cache
def _versions_by_id(kind: Kind[Any], count: int) -> str:
    """The statement that reads the versions of records, by so many ids."""
    return f"SELECT id, version FROM {table_of(kind)} WHERE tenant = ? AND id IN ({', '.join('?' * count)})"


class SqlStore(SqlReading):
    """What every store in SQL does the same way; each engine says how its log is numbered and cut.

    Attributes:
        by_record: Whether rows are written in the order of their records, so that two writers can't wait for each
            other.
    """

    by_record: ClassVar[bool] = False

    @abstractmethod
    def _numbered(self, count: int, recorded_at: datetime) -> tuple[Sequence[int], datetime]:
        """Places in the log for some changes, and when they are recorded: never before what is there."""

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
        end: str | None = None,
    ) -> Commit:
        """Write changes, all or nothing."""

        def written() -> Commit:
            first = None if key is None else self.kept(key)
            if first is not None:
                return first
            admit(changes, self._kinds, recorded_at)
            check_unmoved(unmoved or {}, self._versions)
            if end is not None and self.changes(after=end, limit=1):
                raise moved_on(end)
            staged = self._staged(changes, id, recorded_at, playbook)
            self._claim(staged)
            self._write(staged)
            if key is not None:
                row = (self.tenant, key.text, key.fingerprint, id)
                self._file.rows("INSERT INTO crm_key VALUES (?, ?, ?, ?)", row)
            return Commit(id, tuple(staged.changes), tuple(staged.records), self._around(staged.changes))

        return self._file.transact(written, alone=end is not None)

    def _around(self, changes: Sequence[Change[Any]]) -> tuple[str, str] | None:  # noqa: ARG002 - for others
        """The cuts just before and after some changes, when nobody can have written between."""
        return None

    def _versions(self, kind: str, ids: Sequence[str]) -> dict[str, int]:
        """The versions of records of a kind, by id; those that are not there are left out."""
        found: dict[str, int] = {}
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            found.update(self._file.rows(_versions_by_id(self._kinds[kind], len(chunk)), (self.tenant, *chunk)))
        return found

    def _staged(self, changes: Sequence[Change[Any]], id: str, recorded_at: datetime, playbook: str) -> _Staged:
        """What a commit would leave, not yet written."""
        staged = _Staged()
        self._load(staged, changes)
        places, stamp = self._numbered(len(changes), recorded_at)
        staged.stamp = stamp
        for place, change in zip(places, changes, strict=True):
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
                rows = self._file.rows(_standing_by_id(kind, len(chunk)), (self.tenant, *chunk))
                for *row, first, horizon, since, until in rows:
                    record = self._record(kind, tuple(row))
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
        stamp = cast("datetime", staged.stamp)
        recorded = microseconds(stamp)
        bodies: dict[tuple[str, str], str] = {}
        rows = []
        for change, body, horizon in zip(staged.changes, staged.bodies, staged.horizons, strict=True):
            bodies[change.kind, change.id] = body
            told = change_row(self._kinds[change.kind], change, stamp)
            sum = checksum(change.id, change.version, body)
            rows.append((*told, seal(self.tenant, told), self.tenant, microseconds(horizon), SCHEMA, body, sum))
        standings = list(staged.now.items())
        if self.by_record:
            rows.sort(key=lambda row: row[2:5])
            standings.sort(key=lambda item: item[0])
        self._file.many(WRITE_CHANGE, rows)
        for name, mine in groupby(standings, key=lambda item: item[0][0]):
            kind = self._kinds[name]
            self._stand(kind, [(now, staged.before.get(whole), bodies[whole]) for whole, now in mine], recorded)
        self._alias(staged)
        self._word(staged)

    def _stand(
        self, kind: Kind[Any], standings: Iterable[tuple[Standing[Any], Record | None, str]], recorded: int
    ) -> None:
        """Put records down as they stand now, where they may have stood otherwise before."""
        whole, kept = [], []
        for now, before, body in standings:
            if before is not None and keyed_alike(kind, before, now.record):
                kept.append(kept_row(self.tenant, now, body, recorded))
            else:
                whole.append((self.tenant, *standing_row(kind, now, body, recorded)))
        if whole:
            self._file.many(write_standing(kind), whole)
        if kept:
            self._file.many(keep_standing(kind), kept)

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

    def move_cursor(self, consumer: str, *, was: str, now: str) -> None:
        """Keep where somebody who follows the log has come to."""
        whole = (self.tenant, consumer)
        where = "WHERE tenant = ? AND consumer = ?"
        with self._file.writing():
            self._file.rows("INSERT INTO crm_cursor VALUES (?, ?, '') ON CONFLICT DO NOTHING", whole)
            self._file.rows(f"UPDATE crm_cursor SET place = place {where}", whole)  # from here on nobody else moves it
            ((found,),) = self._file.rows(f"SELECT place FROM crm_cursor {where}", whole)
            if found != was:
                raise outrun(consumer, was, found)
            self._file.rows(f"UPDATE crm_cursor SET place = ? {where}", (now, *whole))

    # --- erasure, checks, end ---------------------------------------------------------------------------------------

    def erase(
        self,
        erasures: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        beside: Sequence[Change[Any]] = (),
        unsaid: Sequence[Change[Any]] = (),
        playbook: str = "",
        end: str | None = None,
    ) -> Commit:
        """Scrub values of records everywhere, all or nothing."""

        def erased() -> Commit:
            admit_erasures(erasures, beside, self._kinds, recorded_at)
            if end is not None and self.changes(after=end, limit=1):
                raise moved_on(end)
            found = cleansed(erasures, unsaid, self._kinds, lambda whole: self.changes(kind=whole[0], id=whole[1]))
            if not found:
                return Commit(id, (), ())
            staged = self._staged([*erasures, *beside], id, recorded_at, playbook)
            self._scrub(staged, found, len(erasures))
            return Commit(id, tuple(staged.changes), tuple(staged.records), self._around(staged.changes))

        return self._file.transact(erased, alone=end is not None)

    def _scrub(self, staged: _Staged, found: Histories, erasures: int) -> None:
        """Write an erasure, of whose changes the first so many are erasures, and the histories it leaves."""
        past: dict[tuple[str, str], list[Record]] = {}
        for place, one in enumerate(staged.changes[:erasures]):
            whole, kind = (one.kind, one.id), self._kinds[one.kind]
            *past[whole], now = states(kind, [*found[whole][1], one])
            staged.leave(place, now, encode(kind, now))
        self._claim(staged)
        self._write(staged)
        for whole, (old, new) in found.items():
            if whole in past:
                self._rewrite(self._kinds[whole[0]], new, past[whole])
            else:
                self._silence([one for was, one in zip(old, new, strict=True) if was != one])

    def _rewrite(self, kind: Kind[R], clean: Sequence[Change[R]], past: Iterable[R]) -> None:
        """Put a scrubbed history in the place of the old one; its times stay."""
        rows = []
        for change, state in zip(clean, past, strict=True):
            body, told = encode(kind, state), self._told(change)
            sums = seal(self.tenant, told), checksum(state.id, state.version, body)
            rows.append((told[-1], change.reason, body, *sums, change.seq))
        self._file.many(
            "UPDATE crm_change SET sets = ?, reason = ?, body = ?, seal = ?, checksum = ? WHERE seq = ?", rows
        )
        self._forget(clean)

    def _silence(self, changes: Sequence[Change[Any]]) -> None:
        """Take the reasons of some changes away."""
        rows = [(seal(self.tenant, self._told(change)), change.seq) for change in changes]
        self._file.many("UPDATE crm_change SET reason = NULL, seal = ? WHERE seq = ?", rows)
        self._forget(changes)

    def _told(self, change: Change[Any]) -> tuple[Any, ...]:
        """A change of the log as its row."""
        return change_row(self._kinds[change.kind], change, cast("datetime", change.recorded_at))

    def _forget(self, changes: Iterable[Change[Any]]) -> None:
        """Forget the keys that the commits of some changes were made under."""
        commits = {(self.tenant, change.commit) for change in changes}
        self._file.many("DELETE FROM crm_key WHERE tenant = ? AND commit_id = ?", commits)

    def secret(self, fresh: bytes | None = None) -> bytes | None:
        """The secret of the tenant."""
        if fresh is not None:
            row, keep = (self.tenant, fresh.hex()), "INSERT INTO crm_secret VALUES (?, ?) ON CONFLICT DO NOTHING"
            self._file.transact(lambda: self._file.rows(keep, row))
        rows = self._file.rows("SELECT secret FROM crm_secret WHERE tenant = ?", (self.tenant,))
        return bytes.fromhex(rows[0][0]) if rows else None

    def _broken(self) -> Iterator[str]:
        """Bodies that do not match their checksum."""
        sources = {"crm_change": "kind", **{f"crm_{name}": f"'{name}'" for name in self._kinds}}
        for table, kind in sources.items():
            sql = f"SELECT {kind}, id, version, body, checksum FROM {quoted(table)} WHERE tenant = ?"
            for name, id, version, body, sum in self._file.rows(sql, (self.tenant,)):
                if checksum(id, version, body) != sum:
                    yield f"{table}: {name} {id} version {version} does not match its checksum"
