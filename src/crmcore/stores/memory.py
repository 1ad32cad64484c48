"""A store in memory: a real adapter, and the model the others are measured against."""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from datetime import datetime
from itertools import accumulate, islice
from typing import Any, Self, cast

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Closed, Conflict, Duplicate
from crmcore.kernel.page import Page, Query, page_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Purge, Stretch
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.where import select
from crmcore.kernel.words import words_changed
from crmcore.stores.places import START, cursor_of, follow_from, outrun, place_in, tip_of
from crmcore.stores.shelves import Claims, Rooms, Shelf, Staged
from crmcore.stores.standing import (
    Later,
    Standing,
    admit,
    admit_erasures,
    check_unmoved,
    cleansed,
    moved_on,
    standing_of,
    states,
    step,
)
from crmcore.stores.word_index import WordIndex

__all__ = ["MemoryStore", "selected"]


def _later(change: Change[Any], known: list[Change[Any]], written: list[Change[Any]]) -> Later:
    """Gives what the changes after a late one set, in the store or in the same commit."""

    def later() -> list[Iterable[str]]:
        mine = [one for one in written if (one.kind, one.id) == (change.kind, change.id)]
        return [one.sets for one in [*known, *mine] if one.order > change.order]

    return later


def selected(records: Iterable[R], asked: Query) -> list[R]:
    """The records a question is about, in no order.

    Args:
        records: Records.
        asked: The question.
    """
    found = [record for record in records if (record.deleted_at is not None) is asked.deleted]
    return found if asked.where is None else select(asked.where, found)


class MemoryStore:
    """Keeps records and changes in this process; nothing survives it. Threads may share it.

    Args:
        tenant: The tenant whose data it reads and writes.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.stores.memory import MemoryStore
        >>> CRM(MemoryStore()).accounts.add(name="Acme").name
        'Acme'
    """

    def __init__(self, tenant: str = "default", *, _rooms: Rooms | None = None) -> None:
        self.tenant = tenant
        self._rooms = _rooms or Rooms()

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant."""
        return type(self)(tenant, _rooms=self._rooms)

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make room for kinds of record."""
        with self._open() as rooms:
            rooms.kinds.update({kind.name: kind for kind in kinds})

    @contextlib.contextmanager
    def _open(self) -> Iterator[Rooms]:
        """The rooms, for one reader or writer at a time."""
        with self._rooms.lock:
            if self._rooms.closed:
                message = "this store was closed; open a new one"
                raise Closed(message)
            yield self._rooms

    def alone(self) -> contextlib.AbstractContextManager[object]:
        """Nobody else writes meanwhile, nor reads."""
        return self._open()

    def _shelves(self, kind: Kind[R]) -> dict[str, Shelf[R]]:
        return self._rooms.shelves.setdefault((self.tenant, kind.name), {})

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id; unknown ids are left out."""
        with self._open():
            shelves = self._shelves(kind)
            found = {id: self._at(shelves[id], moment) for id in ids if id in shelves}
        return {id: record for id, record in found.items() if record is not None}

    def _at(self, shelf: Shelf[R], moment: Moment) -> R | None:
        """A record at a moment."""
        return shelf.at(moment.at, None if moment.cut is None else self._known(shelf, moment.cut))

    def _known(self, shelf: Shelf[Any], cut: str) -> int:
        """How many changes of a record lie within a cut."""
        return bisect.bisect_right(shelf.changes, place_in(cut), key=lambda change: change.seq)

    def _reach(self, cut: str) -> int:
        """How much of the log lies within a cut."""
        return place_in(cut)

    def _matching(self, kind: Kind[R], asked: Query, moment: Moment) -> list[R]:
        with self._open():
            states = [self._at(shelf, moment) for shelf in self._shelves(kind).values()]
        return selected((one for one in states if one is not None), asked)

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
        unmoved: Mapping[tuple[str, str], int] | None = None,
        end: str | None = None,
    ) -> Commit:
        """Write changes, all or nothing."""
        with self._open() as rooms:
            first = None if key is None else self.kept(key)
            if first is not None:
                return first
            admit(changes, rooms.kinds, recorded_at)
            check_unmoved(unmoved or {}, self._versions)
            if end is not None and self.changes(after=end, limit=1):
                raise moved_on(end)
            staged = self._staged(changes, id, recorded_at, playbook)
            self._claim(staged.now)
            before = self.last()[0]
            self._place(staged)
            done = Commit(id, tuple(staged.changes), tuple(staged.records), (before, self.last()[0]))
            if key is not None:
                rooms.keys[self.tenant, key.text] = (key.fingerprint, done)
            return done

    def _versions(self, kind: str, ids: Sequence[str]) -> dict[str, int]:
        """The versions of records of a kind, by id; those that are not there are left out."""
        return {id: record.version for id, record in self.get(self._rooms.kinds[kind], ids).items()}

    def _staged(self, changes: Sequence[Change[Any]], id: str, recorded_at: datetime, playbook: str) -> Staged:
        """What a commit would leave, on the side."""
        last = self.last()[1]
        stamp = recorded_at if last is None else max(recorded_at, last)
        staged = Staged()
        for place, change in enumerate(changes, start=self._end() + 1):
            kind, whole = self._rooms.kinds[change.kind], (change.kind, change.id)
            shelf = self._shelves(kind).get(change.id)
            standing = staged.now.get(whole) or (None if shelf is None else shelf.standing)
            known = [] if shelf is None else shelf.changes
            now, late = step(kind, standing, change, _later(change, known, staged.changes))
            staged.now[whole] = now
            staged.changes.append(
                evolved(change, seq=place, commit=id, recorded_at=stamp, late=late, playbook=playbook)
            )
            staged.records.append(now.record)
        return staged

    def _claim(self, now: Mapping[tuple[str, str], Standing[Any]]) -> None:
        """Release the claims of the records, then take their new ones; or leave all as it was."""
        kinds, taken = self._rooms.kinds, Claims(self.tenant, self._rooms.claims)
        for kind, id in now:
            shelf = self._shelves(kinds[kind]).get(id)
            for claim in claims_of(kinds[kind], None if shelf is None else shelf.standing.record):
                del taken.holders(kind, claim)[id]
        for (kind, id), standing in now.items():
            for claim, live in claims_of(kinds[kind], standing.record).items():
                holders = taken.holders(kind, claim)
                if live and True in holders.values():
                    raise Duplicate(kind, id, field=claim[0], holder=next(one for one in holders if holders[one]))
                holders[id] = live
        self._rooms.claims.update(taken.changed)

    def _place(self, staged: Staged) -> None:
        """Put everything in place at once."""
        for change, record in zip(staged.changes, staged.records, strict=True):
            standing = staged.now[change.kind, change.id]
            kind = self._rooms.kinds[change.kind]
            shelf = self._shelves(kind).setdefault(change.id, Shelf(standing))
            before = shelf.states[-1] if shelf.states else None
            self._alias(before, record)
            self._word(kind, before, record)
            shelf.standing = standing
            shelf.changes.append(change)
            shelf.states.append(record)
            shelf.horizons.append(max(change.at, shelf.horizons[-1]) if shelf.horizons else change.at)
            self._rooms.log.append((self.tenant, change))

    def _shelve(self, kind: Kind[R], changes: list[Change[R]]) -> None:
        """Put a record with its whole history into the store, without a place in its log."""
        past = states(kind, changes)
        now, horizons = past[-1], list(accumulate((change.at for change in changes), max))
        self._shelves(kind)[now.id] = Shelf(standing_of(now, changes), changes, past, horizons)
        for claim, live in claims_of(kind, now).items():
            self._rooms.claims.setdefault((self.tenant, kind.name, *claim), {})[now.id] = live
        self._alias(None, now)
        self._word(kind, None, now)

    def _alias(self, before: Record | None, record: Record) -> None:
        """Keep who was merged into whom."""
        merged = self._rooms.merged
        if before is not None and before.merged_into is not None:
            merged[self.tenant, before.merged_into].discard(record.id)
        if record.merged_into is not None:
            merged.setdefault((self.tenant, record.merged_into), set()).add(record.id)

    def _word(self, kind: Kind[R], before: R | None, record: R) -> None:
        """Keep what a record is found by."""
        old, new = words_changed(kind, before, record)
        if old != new:
            self._rooms.words.setdefault((self.tenant, kind.name), WordIndex()).move(record.id, old, new)

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one."""
        with self._open() as rooms:
            found = rooms.keys.get((self.tenant, key.text))
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
        with self._open() as rooms:
            shelf = None if kind is None or id is None else rooms.shelves.get((self.tenant, kind), {}).get(id)
            if shelf is not None:
                low, high = (None if cut is None else self._known(shelf, cut) for cut in (after, upto))
                known = shelf.changes[low:high]
            else:
                low, high = (None if cut is None else self._reach(cut) for cut in (after, upto))
                known = [change for tenant, change in rooms.log[low:high] if tenant == self.tenant]
        found = (
            change
            for change in (reversed(known) if newest else known)
            if (kind in (None, change.kind) and id in (None, change.id) and commit in (None, change.commit))
            and (before is None or change.seq < before)
        )
        return list(islice(found, limit))

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed since."""
        place = follow_from(after, self._commit_at)
        with self._open() as rooms:
            mine = (change for tenant, change in rooms.log[place:] if tenant == self.tenant)
            found = tuple(islice(mine, limit))
        return Stretch(found, cursor_of(found[-1]) if found else after or START)

    def _commit_at(self, place: int) -> str | None:
        """The commit that wrote a place of the log; None when there is no such place."""
        with self._open() as rooms:
            return rooms.log[place - 1][1].commit if place <= len(rooms.log) else None

    def tip(self) -> str:
        """The cursor of somebody who has read all there is now."""
        return tip_of(self.changes(newest=True, limit=1))

    def cursors(self) -> dict[str, str]:
        """Where those who follow the log under a name have come to."""
        with self._open() as rooms:
            return {name: place for (tenant, name), place in rooms.cursors.items() if tenant == self.tenant and place}

    def move_cursor(self, consumer: str, *, was: str, now: str) -> None:
        """Keep where somebody who follows the log has come to."""
        with self._open() as rooms:
            found = rooms.cursors.get((self.tenant, consumer), "")
            if found != was:
                raise outrun(consumer, was, found)
            rooms.cursors[self.tenant, consumer] = now

    def holders(self, kind: Kind[Any], field: str, values: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
        """The ids of the records that have unique values, by value."""
        found = {}
        with self._open() as rooms:
            for value in values:
                holding = rooms.claims.get((self.tenant, kind.name, field, value), {})
                ids = [id for id, live in holding.items() if live is not deleted]
                if ids:
                    found[value] = min(ids)
        return found

    def search(self, kinds: Sequence[Kind[Any]], words: Sequence[str], *, limit: int) -> list[tuple[str, str]]:
        """Live records with words that begin with each of some others, as kind and id."""
        with self._open() as rooms:
            found = [
                (-whole, place, id)
                for place, kind in enumerate(kinds)
                for whole, id in rooms.words.get((self.tenant, kind.name), WordIndex()).find(words, limit=limit)
            ]
        return [(kinds[place].name, id) for _, place, id in sorted(found)[:limit]]

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, and its own."""
        found, fresh = {id}, {id}
        with self._open():
            while fresh:
                fresh = {one for survivor in fresh for one in self._merged(survivor)} - found
                found |= fresh
        return frozenset(found)

    def _merged(self, survivor: str) -> AbstractSet[str]:
        """The ids merged into a record, not by way of another."""
        return self._rooms.merged.get((self.tenant, survivor), frozenset())

    def last(self) -> tuple[str, datetime | None]:
        """The cut that holds all there is now, and when the newest change was recorded."""
        with self._open() as rooms:
            return str(self._end()), rooms.log[-1][1].recorded_at if rooms.log else None

    def _end(self) -> int:
        """The last place of the log."""
        return len(self._rooms.log)

    def cut(self, known: datetime, *, within: str | None = None) -> str:
        """The cut that holds what was recorded at or before a time."""
        with self._open() as rooms:
            end = len(rooms.log) if within is None else min(self._reach(within), len(rooms.log))
            return str(self._recorded(known, end))

    def _recorded(self, known: datetime, end: int) -> int:
        """How much of the log, up to a place, was recorded at or before a time."""
        log = self._rooms.log
        return bisect.bisect_right(log, known, hi=end, key=lambda entry: cast("datetime", entry[1].recorded_at))

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
        with self._open() as rooms:
            admit_erasures(erasures, beside, rooms.kinds, recorded_at)
            if end is not None and self.changes(after=end, limit=1):
                raise moved_on(end)
            found = cleansed(erasures, unsaid, rooms.kinds, lambda whole: self.changes(kind=whole[0], id=whole[1]))
            if not found:
                return Commit(id, (), ())
            staged = self._staged([*erasures, *beside], id, recorded_at, playbook)
            past: dict[tuple[str, str], list[Record]] = {}
            for place, one in enumerate(staged.changes[: len(erasures)]):
                whole = one.kind, one.id
                past[whole] = states(rooms.kinds[one.kind], [*found[whole][1], one])
                staged.leave(place, past[whole][-1])
            self._claim(staged.now)
            before = self.last()[0]
            self._place(staged)
            for whole, (old, new) in found.items():
                self._rewrite(whole, old, new, past.get(whole))
            return Commit(id, tuple(staged.changes), tuple(staged.records), (before, self.last()[0]))

    def _rewrite(
        self, whole: tuple[str, str], old: list[Change[Any]], new: list[Change[Any]], past: list[Record] | None
    ) -> None:
        """Put a scrubbed history in the place of the old one; its times stay."""
        shelf = self._rooms.shelves[self.tenant, whole[0]][whole[1]]
        shelf.changes[: len(new)] = new
        shelf.states = past or shelf.states
        moved = new if past else [one for was, one in zip(old, new, strict=True) if was != one]
        for change in moved:
            self._relog(change)
        gone, keys = {(self.tenant, change.commit) for change in moved}, self._rooms.keys.items()
        self._rooms.keys = {key: kept for key, kept in keys if (key[0], kept[1].id) not in gone}

    def _relog(self, change: Change[Any]) -> None:
        """Put a scrubbed change in its old place in the log."""
        self._rooms.log[change.seq - 1] = (self.tenant, change)

    def purge(self) -> Purge:
        """Nothing to do: there are no files."""
        with self._open():
            return Purge()

    def secret(self, fresh: bytes | None = None) -> bytes | None:
        """The secret of the tenant."""
        with self._open() as rooms:
            return rooms.secrets.get(self.tenant) if fresh is None else rooms.secrets.setdefault(self.tenant, fresh)

    def check(self) -> list[str]:
        """What is wrong inside the store: nothing can be."""
        with self._open():
            return []

    def close(self) -> None:
        """Further use raises ``Closed``, for every tenant."""
        with self._rooms.lock:
            self._rooms.closed = True
