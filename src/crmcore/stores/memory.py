"""A store in memory: a real adapter, and the model the others are measured against."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, Self, cast

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Closed, Conflict, Duplicate
from crmcore.kernel.page import Page, Query, page_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment
from crmcore.kernel.records import Kind, R, Record, kind_of
from crmcore.kernel.where import select
from crmcore.stores.standing import Later, Standing, scrubbed, states, step

__all__ = ["MemoryStore"]


@attrs.define(eq=False)
class _Shelf(Generic[R]):
    """One record with its whole history."""

    standing: Standing[R]
    changes: list[Change[R]] = attrs.field(factory=list)
    states: list[R] = attrs.field(factory=list)
    horizons: list[datetime] = attrs.field(factory=list)

    def at(self, moment: Moment) -> R | None:
        """The record at a moment; None when it was not there yet."""
        if moment == NOW:
            return self.standing.record
        if self.standing.folded(moment.at):
            known = [change for change in self.changes if _within(change, moment)]
            return replay(kind_of(type(self.standing.record)), known)
        end = len(self.changes)
        if moment.at is not None:
            end = bisect.bisect_right(self.horizons, moment.at)
        if moment.seq is not None:
            end = min(end, bisect.bisect_right(self.changes, moment.seq, key=lambda change: change.seq))
        return self.states[end - 1] if end else None


def _later(change: Change[Any], known: list[Change[Any]], written: list[Change[Any]]) -> Later:
    """Gives what the changes after a late one set, in the store or in the same commit."""

    def later() -> list[Iterable[str]]:
        mine = [one for one in written if (one.kind, one.id) == (change.kind, change.id)]
        return [one.sets for one in [*known, *mine] if one.order > change.order]

    return later


def _within(change: Change[Any], moment: Moment) -> bool:
    """Whether a change had happened, and was known, at a moment."""
    return (moment.at is None or change.at <= moment.at) and (moment.seq is None or change.seq <= moment.seq)


@attrs.define(eq=False)
class _Rooms:
    """What the stores of all tenants share."""

    lock: threading.RLock = attrs.field(factory=threading.RLock)
    kinds: dict[str, Kind[Any]] = attrs.field(factory=dict)
    log: list[tuple[str, Change[Any]]] = attrs.field(factory=list)
    shelves: dict[tuple[str, str], dict[str, _Shelf[Any]]] = attrs.field(factory=dict)
    claims: dict[tuple[str, str, str, str], dict[str, bool]] = attrs.field(factory=dict)
    keys: dict[tuple[str, str], tuple[str, Commit]] = attrs.field(factory=dict)
    merged: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    closed: bool = False


class MemoryStore:
    """Keeps records and changes in this process; nothing survives it.

    Args:
        tenant: The tenant whose data it reads and writes.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.stores.memory import MemoryStore
        >>> CRM(MemoryStore()).accounts.add(name="Acme").name
        'Acme'
    """

    def __init__(self, tenant: str = "default", *, _rooms: _Rooms | None = None) -> None:
        self.tenant = tenant
        self._rooms = _rooms or _Rooms()

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant."""
        return type(self)(tenant, _rooms=self._rooms)

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make room for kinds of record."""
        self._open().kinds.update({kind.name: kind for kind in kinds})

    def _open(self) -> _Rooms:
        if self._rooms.closed:
            message = "this store was closed; open a new one"
            raise Closed(message)
        return self._rooms

    def _shelves(self, kind: Kind[R]) -> dict[str, _Shelf[R]]:
        return self._open().shelves.setdefault((self.tenant, kind.name), {})

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id; unknown ids are left out."""
        shelves = self._shelves(kind)
        found = {id: shelves[id].at(moment) for id in ids if id in shelves}
        return {id: record for id, record in found.items() if record is not None}

    def _matching(self, kind: Kind[R], asked: Query, moment: Moment) -> list[R]:
        with self._open().lock:
            states = [shelf.at(moment) for shelf in self._shelves(kind).values()]
        records = [one for one in states if one is not None and (one.deleted_at is not None) is asked.deleted]
        return records if asked.where is None else select(asked.where, records)

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match."""
        return page_of(self._matching(kind, asked, moment), asked)

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """How many records match."""
        return len(self._matching(kind, asked, moment))

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
        rooms = self._open()
        with rooms.lock:
            first = None if key is None else self.kept(key)
            if first is not None:
                return first
            done = self._staged(changes, id, recorded_at, playbook)
            if key is not None:
                rooms.keys[self.tenant, key.text] = (key.fingerprint, done)
            return done

    def _staged(self, changes: Sequence[Change[Any]], id: str, recorded_at: datetime, playbook: str) -> Commit:
        """Check everything on the side, then put it in place at once."""
        rooms = self._rooms
        seq, last = self.last()
        stamp = recorded_at if last is None else max(recorded_at, last)
        staged: dict[tuple[str, str], Standing[Any]] = {}
        written: list[Change[Any]] = []
        records: list[Record] = []
        for place, change in enumerate(changes, start=seq + 1):
            kind = rooms.kinds[change.kind]
            shelf = self._shelves(kind).get(change.id)
            standing = staged.get((change.kind, change.id)) or (None if shelf is None else shelf.standing)
            known = [] if shelf is None else shelf.changes
            now, late = step(kind, standing, change, _later(change, known, written))
            staged[change.kind, change.id] = now
            written.append(
                attrs.evolve(change, seq=place, commit=id, recorded_at=stamp, late=late, playbook=playbook),
            )
            records.append(now.record)
        self._claim(staged)
        self._place(written, records, staged)
        return Commit(id, tuple(written), tuple(records))

    def _claim(self, staged: dict[tuple[str, str], Standing[Any]]) -> None:
        """Release the claims of the records, then take their new ones, or leave all as it was."""
        claims = {key: dict(holders) for key, holders in self._touched(staged).items()}
        for (kind, id), held in ((whole, held) for whole, held in self._held(staged)):
            for field, value in held:
                claims[self.tenant, kind, field, value].pop(id, None)
        for (kind, id), standing in staged.items():
            for (field, value), live in claims_of(self._rooms.kinds[kind], standing.record).items():
                holders = claims[self.tenant, kind, field, value]
                other = next((one for one, lives in holders.items() if lives and live), None)
                if other is not None:
                    raise Duplicate(kind, id, field=field, holder=other)
                holders[id] = live
        self._rooms.claims.update(claims)

    def _held(self, staged: dict[tuple[str, str], Standing[Any]]) -> list[tuple[tuple[str, str], dict[Any, bool]]]:
        """The claims the records hold before the commit."""
        held = []
        for kind, id in staged:
            shelf = self._shelves(self._rooms.kinds[kind]).get(id)
            before = None if shelf is None else shelf.standing.record
            held.append(((kind, id), claims_of(self._rooms.kinds[kind], before)))
        return held

    def _touched(self, staged: dict[tuple[str, str], Standing[Any]]) -> dict[Any, dict[str, bool]]:
        """The holders of every claim the commit releases or takes."""
        after = [(whole, claims_of(self._rooms.kinds[whole[0]], now.record)) for whole, now in staged.items()]
        keys = [
            (self.tenant, kind, field, value)
            for (kind, _), held in [*self._held(staged), *after]
            for field, value in held
        ]
        return {key: self._rooms.claims.get(key, {}) for key in keys}

    def _place(
        self,
        written: Sequence[Change[Any]],
        records: Sequence[Record],
        staged: dict[tuple[str, str], Standing[Any]],
    ) -> None:
        for change, record in zip(written, records, strict=True):
            shelves = self._shelves(self._rooms.kinds[change.kind])
            shelf = shelves.get(change.id)
            if shelf is None:
                shelf = shelves[change.id] = _Shelf(staged[change.kind, change.id])
            self._alias(shelf.states[-1] if shelf.states else None, record)
            shelf.standing = staged[change.kind, change.id]
            shelf.changes.append(change)
            shelf.states.append(record)
            shelf.horizons.append(max(change.at, shelf.horizons[-1]) if shelf.horizons else change.at)
            self._rooms.log.append((self.tenant, change))

    def _alias(self, before: Record | None, record: Record) -> None:
        """Keep who was merged into whom."""
        merged = self._rooms.merged
        if before is not None and before.merged_into is not None:
            merged[self.tenant, before.merged_into].discard(record.id)
        if record.merged_into is not None:
            merged.setdefault((self.tenant, record.merged_into), set()).add(record.id)

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one."""
        found = self._open().keys.get((self.tenant, key.text))
        if found is None:
            return None
        fingerprint, commit = found
        if fingerprint != key.fingerprint:
            message = f"the key {key.text!r} was used for another request; use a new key"
            raise Conflict("key", key.text, expected=key.fingerprint, found=fingerprint, message=message)
        return commit

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
        log = self._open().log
        found = [
            change
            for tenant, change in log[after:upto]
            if tenant == self.tenant and kind in (None, change.kind) and id in (None, change.id)
        ]
        return found[:limit]

    def holder(self, kind: Kind[Any], field: str, value: str, *, deleted: bool = False) -> str | None:
        """The id of the record that has a unique value."""
        holders = self._open().claims.get((self.tenant, kind.name, field, value), {})
        return next((id for id, live in holders.items() if live is not deleted), None)

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, and its own."""
        found, grown = {id}, True
        while grown:
            further = {one for survivor in found for one in self._open().merged.get((self.tenant, survivor), ())}
            grown = not further <= found
            found |= further
        return frozenset(found)

    def last(self) -> tuple[int, datetime | None]:
        """The place and the recording time of the newest change."""
        log = self._open().log
        return (log[-1][1].seq, log[-1][1].recorded_at) if log else (0, None)

    def cut(self, known: datetime) -> int:
        """The last place in the log that was recorded at or before a time."""
        return bisect.bisect_right(self._open().log, known, key=lambda entry: cast("datetime", entry[1].recorded_at))

    def erase(self, erasure: Change[Any], *, id: str, recorded_at: datetime, playbook: str = "") -> Commit:
        """Scrub values of one record everywhere, as a change of its own."""
        rooms = self._open()
        with rooms.lock:
            kind = rooms.kinds[erasure.kind]
            shelf = self._shelves(kind).get(erasure.id)
            old = [] if shelf is None else [scrubbed(change, erasure.sets) for change in shelf.changes]
            if shelf is not None and old == shelf.changes:
                return Commit(id, (), ())
            done = self._staged([erasure], id, recorded_at, playbook)
            self._rewrite(kind, erasure.id, [*old, *done.changes])
            return attrs.evolve(done, records=(self._shelves(kind)[erasure.id].standing.record,))

    def _rewrite(self, kind: Kind[R], id: str, changes: list[Change[R]]) -> None:
        """Put a scrubbed history in the place of the old one."""
        shelf = self._shelves(kind)[id]
        shelf.changes, shelf.states = changes, states(kind, changes)  # the horizons stay: an erasure moves no time
        shelf.standing = attrs.evolve(shelf.standing, record=shelf.states[-1])
        commits = {change.commit for change in changes}
        for change in changes:
            self._rooms.log[change.seq - 1] = (self.tenant, change)
        self._rooms.keys = {key: kept for key, kept in self._rooms.keys.items() if kept[1].id not in commits}

    def check(self) -> list[str]:
        """What is wrong inside the store: nothing can be."""
        self._open()
        return []

    def close(self) -> None:
        """Forget everything; further use raises ``Closed``."""
        self._rooms.closed = True
