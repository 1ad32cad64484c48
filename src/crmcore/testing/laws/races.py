"""Races: several write at once, others follow the log meanwhile, and nobody is told anything wrong."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from threading import Event
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Busy, Conflict
from crmcore.kernel.ports import Moment, Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import PARCEL, Box, Parcel, Pen, added, changed

__all__ = ["RaceLaws"]

SHARED = ("x", "y", "z")
WRITERS, ROUNDS, FOLLOWERS = 4, 12, 2


@attrs.define(eq=False)
class _Follower:
    """Somebody who follows the log while it is written, and takes cuts of it."""

    store: Store
    limit: int
    got: list[Change[Any]] = attrs.field(factory=list)
    cuts: list[tuple[str, list[Change[Any]], dict[str, Parcel]]] = attrs.field(factory=list)

    def follow(self, done: Event) -> None:
        """Read until the writers have ended and nothing is left."""
        cursor = None
        while True:
            ended = done.is_set()
            stretch = self.store.stretch(cursor, limit=self.limit)
            cursor = stretch.cursor
            self.got += stretch.changes
            if len(self.cuts) < 20:
                self.take_cut()
            if ended and not stretch.changes:
                return

    def take_cut(self) -> None:
        """Remember a cut, and what it divides off now."""
        cut = self.store.last()[0]
        self.cuts.append((cut, self.store.changes(upto=cut), self.store.get(PARCEL, SHARED, Moment(cut=cut))))


class RaceLaws(Bench):
    """What ``commit``, ``stretch`` and cuts promise to several at once."""

    def test_followers_race_with_writers(self, store: Store, pen: Pen) -> None:
        """They get every change once, those of a record in their order, and every cut stays what it was."""
        pen.commit(*(added(Parcel, id, label=id, pieces=0) for id in SHARED))
        followers = [_Follower(store, limit) for limit in (3, 100)]
        self.race(store, followers)
        log = store.changes()

        pieces = [one.pieces or 0 for one in store.get(PARCEL, SHARED).values()]
        assert sum(pieces) == WRITERS * ROUNDS
        assert len(log) == len(SHARED) + 2 * WRITERS * ROUNDS
        for follower in followers:
            assert sorted(follower.got, key=lambda change: change.seq) == log
            in_records = sorted(follower.got, key=lambda change: (change.kind, change.id))  # stable: as they came
            for _, mine in groupby(in_records, key=lambda change: (change.kind, change.id)):
                versions = [change.version for change in mine]
                assert versions == list(range(1, len(versions) + 1))
            for cut, known, states in follower.cuts:
                assert store.changes(upto=cut) == known
                assert store.get(PARCEL, SHARED, Moment(cut=cut)) == states
                assert len(known) + len(store.changes(after=cut)) == len(log)
                assert {one.id: max(x.version for x in known if x.id == one.id) for one in states.values()} == {
                    id: one.version for id, one in states.items()
                }

    def race(self, store: Store, followers: list[_Follower]) -> None:
        """Let writers count shared records up, each with a record of its own in the same commit."""
        done = Event()
        with ThreadPoolExecutor(WRITERS + len(followers)) as threads:
            reading = [threads.submit(follower.follow, done) for follower in followers]
            writing = [threads.submit(self.write, store, number) for number in range(WRITERS)]
            try:
                for one in writing:
                    one.result()
            finally:
                done.set()
            for one in reading:
                one.result()

    def write(self, store: Store, number: int) -> None:
        """One writer's share."""
        mine = Pen(store)
        for round in range(ROUNDS):
            id = SHARED[(number + round) % len(SHARED)]

            def count(id: str = id, box: str = f"{number} {round}") -> None:
                record = store.get(PARCEL, [id])[id]
                change = changed(record, record.version, pieces=(record.pieces or 0) + 1)
                mine.commit(added(Box, box, label=box), change)

            self.until_done(count)

    @staticmethod
    def until_done(act: Callable[[], None]) -> None:
        """Try again as long as somebody else is faster."""
        while True:
            try:
                return act()
            except (Conflict, Busy):
                continue
