"""The log: everything that was committed, in order, from any place on."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from crmcore.kernel.change import Change
from crmcore.kernel.ports import Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import Box, Parcel, Pen, added, hour

__all__ = ["LogLaws"]


class LogLaws(Bench):
    """What ``changes``, ``last`` and ``cut`` promise."""

    @pytest.fixture
    def log(self, store: Store, pen: Pen) -> list[Change[Any]]:
        """The log of nine commits."""
        for number in range(3):
            parcel = pen.add(f"p{number}", number)
            pen.one(added(Box, f"p{number}", number, label="box"))
            pen.change(parcel, number + 1, pieces=number)
        return store.changes()

    def test_any_part_of_the_log(self, store: Store, log: list[Change[Any]]) -> None:
        """After a place, up to a place, of a kind, of a record, so many: in any combination."""
        ends = [None, -1, 0, log[3].seq, log[-1].seq, log[-1].seq + 5]
        limits = [None, 0, 1, 100]
        for after, upto, kind, id, limit in product(ends, ends, (None, "parcel", "x"), (None, "p1", "x"), limits):
            found = store.changes(after=after or 0, upto=upto, kind=kind, id=id, limit=limit)
            expected = [
                change
                for change in log
                if change.seq > (after or 0)
                and (upto is None or change.seq <= upto)
                and kind in (None, change.kind)
                and id in (None, change.id)
            ]
            assert found == expected[:limit]
        assert store.changes(after=-1) == log

    def test_a_reader_follows_the_log(self, store: Store, pen: Pen, log: list[Change[Any]]) -> None:
        """From each change's place on, it misses none and gets none twice."""
        followed: list[Change[Any]] = []
        while batch := store.changes(after=followed[-1].seq if followed else 0, limit=2):
            followed += batch
        pen.add("p9")

        assert followed == log
        assert [change.id for change in store.changes(after=followed[-1].seq)] == ["p9"]

    def test_the_end_of_the_log(self, store: Store, pen: Pen) -> None:
        """Its place and time; nothing when nothing was written."""
        assert store.last() == (0, None)
        assert store.changes() == []
        pen.commit(added(Parcel, "a", label="a"), added(Parcel, "b", label="b"))
        newest = store.changes()[-1]

        assert store.last() == (newest.seq, hour(100)) == (newest.seq, newest.recorded_at)

    def test_the_place_a_time_had_reached(self, store: Store, log: list[Change[Any]]) -> None:
        """The last change recorded at or before it, all changes of one instant included."""
        tick = timedelta(microseconds=1)
        assert store.cut(hour(100) - tick) == 0
        for change in log:
            assert change.recorded_at is not None
            assert store.cut(change.recorded_at) == store.cut(change.recorded_at + tick) == change.seq
        assert store.cut(hour(10_000)) == log[-1].seq

    def test_the_place_an_instant_of_several_commits_had_reached(self, store: Store, pen: Pen) -> None:
        """The last of them."""
        assert store.cut(hour(100)) == 0
        pen.clock.step = timedelta(0)
        for id in ("a", "b"):
            pen.commit(added(Parcel, id, label=id), added(Box, id, label=id))

        assert store.cut(hour(100)) == store.last()[0] == store.changes()[-1].seq
