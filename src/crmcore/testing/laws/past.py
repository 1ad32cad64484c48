"""The past: what was true then, as known now and as known then."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from crmcore.kernel.change import replay
from crmcore.kernel.errors import Invalid
from crmcore.kernel.page import page_of
from crmcore.kernel.ports import Moment, Store
from crmcore.kernel.where import F
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import PARCEL, Parcel, Pen, added, asked, changed, hour, walked

__all__ = ["PastLaws"]

TICK = timedelta(microseconds=1)
FOREVER = hour(1_000_000)


class PastLaws(Bench):
    """What ``moment`` promises, and what late changes do."""

    def test_a_record_as_it_was(self, store: Store, pen: Pen) -> None:
        """From the instant of a change on, it shows; before the first the record is not there."""
        first = pen.add("a", 10, pieces=1)
        second = pen.change(first, 20, pieces=2)
        third = pen.change(second, 20, pieces=3)
        states = {hour(10): first, hour(20) - TICK: first, hour(20): third, FOREVER: third}

        assert {at: pen.now(first, Moment(at)) for at in states} == states
        assert store.get(PARCEL, ["a"], Moment(hour(10) - TICK)) == {}

    def test_a_record_as_it_was_known(self, store: Store, pen: Pen) -> None:
        """Up to a place in the log, whatever happened later."""
        empty = store.last()[0]
        states = [pen.add("a", 10)]
        for pieces in range(4):
            states.append(pen.change(states[-1], 11 + pieces, pieces=pieces))

        assert [pen.now(states[0], Moment(cut=cut)) for cut in pen.cuts] == states
        assert store.get(PARCEL, ["a"], Moment(cut=empty)) == {}
        assert pen.now(states[0], Moment(hour(11), pen.cuts[3])) == states[1]
        assert pen.now(states[0], Moment(FOREVER, pen.cuts[1])) == states[1]

    def test_a_late_change_sets_what_nothing_later_set(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Now, and in the past since its time; what was known before stays known so."""
        first = pen.add("a", 10, pieces=1, label="one", **{"custom.region": "north"})
        second = pen.change(first, 20, pieces=2, **{"custom.region": "south"})
        late = pen.change(second, 15, pieces=9, note="late", **{"custom.region": "east", "custom.rank": 1})
        (*_, before, place) = pen.cuts
        opened = self.again(store, tmp_path)
        pen = Pen(opened)

        assert (late.version, late.pieces, late.note, late.custom) == (3, 2, "late", {"region": "south", "rank": 1})
        assert pen.now(late) == pen.now(late, Moment(FOREVER)) == pen.now(late, Moment(FOREVER, place)) == late
        then = pen.now(late, Moment(hour(15)))
        assert (then.version, then.pieces, then.note, then.custom) == (3, 9, "late", {"region": "east", "rank": 1})
        assert pen.now(late, Moment(hour(15) - TICK)) == pen.now(late, Moment(hour(15), before)) == first
        assert pen.now(late, Moment(hour(20), before)) == pen.now(late, Moment(cut=before)) == second
        assert [change.late for change in opened.changes()] == [False, False, True]

    def test_late_changes_in_one_commit_and_in_any_order(self, pen: Pen) -> None:
        """Each sees what the ones before it in the commit have set; the same instant is not late."""
        record = pen.change(pen.add("a", 10), 20, label="at 20")
        done = pen.commit(
            changed(record, 15, label="at 15", pieces=15, note="at 15"),
            changed(record, 12, step=2, label="at 12", pieces=12, status="at 12"),
            changed(record, 30, step=3, note="at 30"),
            changed(record, 30, step=4, code="at 30"),
            changed(record, 25, step=5, note="at 25", status="at 25"),
        )
        now = done.records[-1]

        assert [change.late for change in done.changes] == [True, True, False, False, True]
        assert isinstance(now, Parcel)
        assert (now.label, now.pieces, now.note, now.status, now.code) == ("at 20", 15, "at 30", "at 25", "at 30")

    def test_a_late_deletion_and_restoring(self, store: Store, pen: Pen) -> None:
        """Being deleted is a field like others."""
        record = pen.change(pen.add("a", 10), 20, pieces=1)
        gone = pen.change(record, 15, deleted_at=hour(15))
        back = pen.change(gone, 17, deleted_at=None)
        live = {at: pen.now(back, Moment(hour(at))).deleted_at is None for at in (14, 15, 16, 17, 20)}

        assert (gone.deleted_at, back.deleted_at) == (hour(15), None)
        assert live == {14: True, 15: False, 16: False, 17: True, 20: True}
        assert [store.count(PARCEL, asked(Parcel), Moment(hour(at))) for at in (14, 15, 17)] == [1, 0, 1]

    def test_nothing_happens_before_a_record_is_there(self, store: Store, pen: Pen) -> None:
        """At the instant it came to be, something may."""
        record = pen.add("a", 10)
        with pytest.raises(Invalid):
            pen.commit(changed(record, 9, pieces=1))
        record = pen.change(record, 10, pieces=2)
        with pytest.raises(Invalid):
            pen.change(pen.change(record, 20, pieces=3), 9, pieces=1)

        assert len(store.changes()) == 3

    def test_every_moment_is_the_fold_of_what_was_known(self, store: Store, pen: Pen) -> None:
        """For several records, with late changes and without, at and between all their times."""
        histories = {
            "a": (5, 7, 9),
            "b": (5, 9, 7, 7),
            "c": (3, 3, 8, 4, 6, 4),
            "d": (6, 2_000, 7, 2_001),
            "e": (5, 20, 10, 30, 25),
        }
        empty = store.last()[0]
        for id, (birth, *rest) in histories.items():
            record = pen.add(id, birth, pieces=0, label=id)
            for number, at in enumerate(rest):
                sets = {"pieces": number} if number % 2 else {"label": f"{id} {number}", "status": str(at)}
                record = pen.change(record, at, **sets)
        log = store.changes()
        instants = {change.at + shift for change in log for shift in (-TICK, timedelta(0), TICK)}
        for when, (count, cut) in product((None, *sorted(instants)), [(None, None), *enumerate([empty, *pen.cuts])]):
            known = [one for one in log[:count] if when is None or one.at <= when]
            expected = {id: replay(PARCEL, [one for one in known if one.id == id]) for id in histories}
            assert store.get(PARCEL, histories, Moment(when, cut)) == {id: one for id, one in expected.items() if one}

    def test_finding_in_the_past(self, store: Store, pen: Pen) -> None:
        """The filter, the order and the page are those of the moment."""
        records = [pen.add(f"p{number}", number, pieces=number % 3, code=f"c{number}") for number in range(9)]
        middle = store.last()[0]
        pen.commit(*(changed(one, 20, pieces=5, code=None) for one in records[:5]))
        records = [pen.now(one) for one in records]
        pen.commit(*(changed(one, 8 + number, label="late") for number, one in enumerate(records[:4])))
        pen.change(records[8], 10, deleted_at=hour(10))
        cuts = (None, middle, pen.cuts[-3], store.last()[0])
        for at, cut, deleted in product((None, hour(3), hour(9), hour(10), hour(30)), cuts, (False, True)):
            moment = Moment(at, cut)
            states = store.get(PARCEL, [one.id for one in records], moment).values()
            pool = [one for one in states if (one.deleted_at is not None) is deleted]
            for where, match in (
                (None, pool),
                (F.pieces > 0, [one for one in pool if (one.pieces or 0) > 0]),
                (F.label == "late", [one for one in pool if one.label == "late"]),
            ):
                for order in (None, "-pieces", "code"):
                    expected = page_of(match, asked(Parcel, order_by=order, limit=100))
                    found = walked(pen, where, moment, order_by=order, deleted=deleted, limit=2)
                    assert found == list(expected)
                assert store.count(PARCEL, asked(Parcel, where, deleted=deleted), moment) == len(match)

    def test_a_change_leaves_what_was_before_it(self, store: Store, pen: Pen) -> None:
        """No reading of an earlier instant, and none of what was known, is altered."""
        record = pen.change(pen.add("a", 10, pieces=1), 20, pieces=2)
        pen.commit(added(Parcel, "b", 12, label="b"))
        moments = [Moment(hour(at), cut) for at in (10, 12, 15) for cut in (None, store.last()[0])]
        before = [store.get(PARCEL, ["a", "b"], moment) for moment in moments]
        pen.change(record, 16, pieces=3, label="late")

        assert [store.get(PARCEL, ["a", "b"], moment) for moment in moments] == before
