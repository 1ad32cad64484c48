"""The log: everything that was committed, in order, from any cut on."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid
from crmcore.kernel.ports import Moment, Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import KINDS, PARCEL, Box, Parcel, Pen, added, hour

__all__ = ["LogLaws"]

JUNK: Any = ["", " ", "-1", "x", "1;--", "9" * 30, "1.zz", "\ud800", "²", 7, b"1", ["1"]]
"""What no cut and no cursor is."""


class LogLaws(Bench):
    """What ``changes``, ``stretch``, ``last`` and ``cut`` promise."""

    @pytest.fixture
    def log(self, store: Store, pen: Pen) -> list[Change[Any]]:
        """The log of nine commits."""
        for number in range(3):
            parcel = pen.add(f"p{number}", number)
            pen.one(added(Box, f"p{number}", number, label="box"))
            pen.change(parcel, number + 1, pieces=number)
        return store.changes()

    def test_any_part_of_the_log(self, store: Store, log: list[Change[Any]], pen: Pen) -> None:
        """After and up to cuts, before a place, of a kind, a record or a commit, so many: in any combination."""
        ends = {None: None, pen.cuts[0]: 1, pen.cuts[3]: 4, pen.cuts[-1]: 9}
        befores, limits = (None, log[0].seq, log[5].seq, log[-1].seq + 1), (None, 0, 1, 100)
        kinds, ids = (None, "parcel", "x"), (None, "p1", "x")
        for after, upto, before, kind, id, limit in product(ends, ends, befores, kinds, ids, limits):
            expected = [
                change
                for change in log[ends[after] or 0 : ends[upto]]
                if kind in (None, change.kind) and id in (None, change.id) and (before is None or change.seq < before)
            ]
            asked: dict[str, Any] = {"after": after, "upto": upto, "before": before, "kind": kind, "id": id}
            assert store.changes(**asked, limit=limit) == expected[:limit]
            assert store.changes(**asked, limit=limit, newest=True) == expected[::-1][:limit]
        for change in log:
            assert store.changes(commit=change.commit) == [change]

    def test_a_reader_follows_the_log(self, store: Store, pen: Pen, log: list[Change[Any]]) -> None:
        """From stretch to stretch, however long they are, it misses none and gets none twice."""
        cursors = []
        for limit in (1, 2, 4, 9, 100):
            stretch = store.stretch(limit=limit)
            followed = [*stretch.changes]
            while stretch.changes:
                assert len(stretch.changes) <= limit
                assert followed == log[: len(followed)]
                stretch = store.stretch(stretch.cursor, limit=limit)
                followed += stretch.changes
            assert followed == log
            assert store.stretch(stretch.cursor, limit=limit) == stretch
            cursors.append(stretch.cursor)
        pen.add(f"p{len(log)}")

        for cursor in cursors:
            assert [change.id for change in store.stretch(cursor, limit=5).changes] == ["p9"]

    def test_a_reader_may_begin_before_there_is_anything(self, store: Store, pen: Pen) -> None:
        """And keep its place while nothing is written."""
        cursor = store.stretch(limit=3).cursor
        assert store.stretch(cursor, limit=3).changes == ()
        pen.add("a")

        assert [change.id for change in store.stretch(cursor, limit=3).changes] == ["a"]

    @pytest.mark.usefixtures("log")
    def test_each_tenant_is_followed_alone(self, store: Store) -> None:
        """What others write is not in it."""
        other = store.for_tenant("other")
        other.prepare(KINDS.values())
        cursor = store.stretch(limit=100).cursor
        there = Pen(other)
        there.add("theirs")

        assert store.stretch(cursor, limit=100).changes == ()
        assert [change.id for change in other.stretch(limit=100).changes] == ["theirs"]

    @pytest.mark.usefixtures("log")
    def test_a_cursor_of_another_log_is_refused(self, store: Store) -> None:
        """Whatever somebody says it is; and so is a cut."""
        for junk in JUNK:
            with pytest.raises(Invalid):
                store.stretch(junk, limit=1)
            for ask in (
                lambda cut=junk: store.changes(after=cut),
                lambda cut=junk: store.changes(upto=cut),
                lambda cut=junk: store.get(PARCEL, ["p0"], Moment(cut=cut)),
                lambda cut=junk: store.cut(hour(100), within=cut),
            ):
                with pytest.raises(Invalid):
                    ask()

    def test_the_end_of_the_log(self, store: Store, pen: Pen) -> None:
        """The cut that holds everything, and its time; nothing when nothing was written."""
        empty, recorded = store.last()
        assert (recorded, store.changes(), store.changes(upto=empty)) == (None, [], [])
        pen.commit(added(Parcel, "a", label="a"), added(Parcel, "b", label="b"))
        cut, recorded = store.last()

        assert recorded == hour(100) == store.changes()[-1].recorded_at
        assert store.changes(upto=cut) == store.changes(after=empty) == store.changes()
        assert store.changes(upto=empty) == store.changes(after=cut) == []

    def test_what_a_time_had_reached(self, store: Store, log: list[Change[Any]], pen: Pen) -> None:
        """The changes recorded at or before it, all those of one instant included."""
        tick = timedelta(microseconds=1)
        assert store.changes(upto=store.cut(hour(100) - tick)) == []
        for place, change in enumerate(log):
            assert change.recorded_at is not None
            for known in (change.recorded_at, change.recorded_at + tick):
                assert store.changes(upto=store.cut(known)) == log[: place + 1]
                assert store.changes(upto=store.cut(known, within=pen.cuts[3])) == log[: min(place + 1, 4)]
        assert store.changes(upto=store.cut(hour(10_000))) == log

    def test_what_an_instant_of_several_commits_had_reached(self, store: Store, pen: Pen) -> None:
        """All of them."""
        assert store.changes(upto=store.cut(hour(100))) == []
        pen.clock.step = timedelta(0)
        for id in ("a", "b"):
            pen.commit(added(Parcel, id, label=id), added(Box, id, label=id))

        assert store.changes(upto=store.cut(hour(100))) == store.changes()
        assert len(store.changes()) == 4
