"""Commits: atomic, in order of version, and kept as they were given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import attrs
import pytest

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Closed, Conflict, Duplicate, Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.page import Query
from crmcore.kernel.ports import Key, Moment, Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, changed, holder, hour

__all__ = ["CommitLaws"]

FULL: dict[str, Any] = {
    "label": "Zoë \U0001f4e6 \"' %_\n\t",
    "code": "",
    "number": -(2**63),
    "note": "x" * 5_000,
    "status": "",
    "pieces": 2**63 - 1,
    "weight": Decimal("-12.340"),
    "price": Money.of_minor(-(2**63) + 1, "JPY"),
    "fragile": False,
    "due_on": date(1, 1, 1),
    "sent_at": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    "marks": ("b", "a", ""),
    "external.shop": "7",
    "custom.region": "north",
    "custom.rank": 3,
    "custom.big": True,
    "custom.rate": Decimal("0.10"),
    "custom.worth": Money("1.50", "EUR"),
    "custom.since": date(2026, 11, 21),
    "custom.seen_at": hour(1) + timedelta(microseconds=1),
    "custom.marks": ("x", "y"),
}
"""Every type of value, at its ends."""


def everything(store: Store) -> tuple[object, ...]:
    """All that can be read of two parcels and a box, to see that nothing was written."""
    ids = ("a", "b", "c")
    holders = [holder(store, PARCEL, "code", code) for code in ("A", "B", "C")]
    records = [store.get(kind, ids) for kind in (PARCEL, BOX)]
    return (records, holders, store.changes(), store.last()[1], store.aliases("a"), store.kept(Key("k", "f")))


class CommitLaws(Bench):
    """What ``commit`` and ``get`` promise."""

    def test_every_type_of_value_comes_back(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """What was written is read, also from the log, and after opening the store anew."""
        change = added(Parcel, "a", 3, **FULL)
        (written,) = pen.commit(change).records
        bare = pen.add("b")
        opened = self.again(store, tmp_path)

        assert opened.get(PARCEL, ["a", "b"]) == {"a": written, "b": bare}
        assert written == Parcel(
            id="a",
            **{name: value for name, value in FULL.items() if "." not in name},
            custom={name[7:]: value for name, value in FULL.items() if name.startswith("custom.")},
            external={"shop": "7"},
        )
        assert bare == Parcel(id="b", label="b")
        assert opened.changes(id="a")[0].sets == FULL

    def test_a_commit_is_one(self, store: Store, pen: Pen) -> None:
        """Its changes share id, time and playbook, and stand in the log in their order."""
        changes = [added(Parcel, "b", 5), added(Box, "a", 4), added(Parcel, "a", 3)]
        changes = [attrs.evolve(one, sets={"label": "x"}, by="ada", reason="why") for one in changes]
        done = pen.commit(*changes, playbook="hash")
        (first, *_) = log = store.changes()

        assert list(done.changes) == log
        assert [(one.kind, one.id, one.version, one.what, one.at) for one in log] == [
            ("parcel", "b", 1, "added", hour(5)),
            ("box", "a", 1, "added", hour(4)),
            ("parcel", "a", 1, "added", hour(3)),
        ]
        assert {(one.commit, one.recorded_at, one.playbook, one.by, one.reason, one.late) for one in log} == {
            (done.id, hour(100), "hash", "ada", "why", False)
        }
        assert first.seq < log[1].seq < log[2].seq
        assert [(type(one), one.id) for one in done.records] == [(Parcel, "b"), (Box, "a"), (Parcel, "a")]

    def test_several_changes_of_one_record_in_one_commit(self, store: Store, pen: Pen) -> None:
        """They follow each other by version, and each gives the record as it left it."""
        new = added(Parcel, "a", 1, label="first", pieces=1)
        second = changed(Parcel(id="a", label=""), 2, label="second")
        third = changed(Parcel(id="a", label="", version=2), 3, pieces=3)
        done = pen.commit(new, second, third)
        expected = [("first", 1, 1), ("second", 1, 2), ("second", 3, 3)]

        assert [(one.label, one.pieces, one.version) for one in done.records if isinstance(one, Parcel)] == expected
        assert store.get(PARCEL, ["a"])["a"] == done.records[-1]
        assert [one.version for one in store.changes(id="a")] == [1, 2, 3]

    def test_versions_follow_each_other(self, store: Store, pen: Pen) -> None:
        """A change that does not make the next version is a conflict, and nothing is written."""
        record = pen.change(pen.add("a"), 1, pieces=1)
        before = everything(store)
        for change, found in (
            (added(Parcel, "a", 2, label="again"), 2),
            (changed(record, 2, pieces=2, step=0), 2),
            (changed(record, 2, pieces=2, step=2), 2),
            (changed(record, 2, pieces=2, step=-3), 2),
            (changed(Parcel(id="b", label="b"), 2, pieces=2), 0),
        ):
            with pytest.raises(Conflict) as caught:
                pen.commit(change)
            assert (caught.value.kind, caught.value.id) == ("parcel", change.id)
            assert (caught.value.expected, caught.value.found) == (change.version - 1, found)
        assert everything(store) == before

    def test_a_bad_change_among_many_leaves_nothing(self, store: Store, pen: Pen) -> None:
        """Not the changes before it, no claim, no alias, no key."""
        record = pen.add("a", 5, code="A")
        before = everything(store)
        good = [changed(record, 6, code="B", merged_into="b"), added(Parcel, "b", 6, label="b", code="C")]
        late = attrs.evolve(changed(record, 4, pieces=1), version=3)
        bad = [
            (Conflict, changed(record, 7, pieces=1, step=2 + 1)),
            (Duplicate, added(Parcel, "c", 7, label="c", code="C")),
            (Invalid, added(Parcel, "c", 7, label="c", colour="red")),
            (Invalid, added(Parcel, "c", 7, pieces=1)),
            (Invalid, late),
        ]
        for error, change in bad:
            with pytest.raises(error):
                pen.commit(*good, change, added(Box, "a", 7, label="a"), key=Key("k", "f"))
            assert everything(store) == before
        pen.commit(*good, key=Key("k", "f"))

    def test_what_is_no_change_is_refused(self, store: Store, pen: Pen) -> None:
        """No changes at all, an unknown kind, a naive instant, a whole mapping: each is ``Invalid``."""
        good = added(Parcel, "a", label="a")
        naive = datetime(2026, 1, 1)  # noqa: DTZ001 - to be refused
        refused: list[list[Change[Any]]] = [
            [],
            [attrs.evolve(good, kind="stranger")],
            [attrs.evolve(good, at=naive)],
            [attrs.evolve(good, sets={"label": "a", "custom": {"region": "north"}})],
            [attrs.evolve(good, sets={"label": "a", "external": {"shop": "7"}})],
        ]
        for changes in refused:
            with pytest.raises(Invalid):
                pen.commit(*changes)
        with pytest.raises(Invalid):
            store.commit([good], id="commit", recorded_at=naive)
        with pytest.raises(Invalid):
            store.erase([attrs.evolve(good, kind="stranger")], id="commit", recorded_at=hour(1))
        assert (store.changes(), store.last()[1]) == ([], None)

    def test_the_log_never_runs_backwards(self, store: Store, pen: Pen) -> None:
        """When the clock does, the time of the last commit stands in."""
        record = pen.add("a")
        pen.clock.now = hour(90)
        for at in range(1, 4):
            record = pen.change(record, at, pieces=at)
        pen.clock.now = hour(102)
        pen.change(record, 4, pieces=4)

        times = [one.recorded_at for one in store.changes()]
        assert times == [hour(100)] * 4 + [hour(102)]

    def test_what_was_given_is_kept(self, store: Store, pen: Pen) -> None:
        """The caller's own mapping may change later; the log does not."""
        sets = {"label": "before"}
        pen.commit(attrs.evolve(added(Parcel, "a"), sets=sets))
        sets["label"] = "after"

        assert store.changes()[0].sets == {"label": "before"}
        assert store.get(PARCEL, ["a"])["a"].label == "before"

    def test_many_records_by_id(self, store: Store, pen: Pen) -> None:
        """Thousands at once, deleted ones too; ids that are unknown, doubled or of another kind do no harm."""
        ids = [f"p{number:04}" for number in range(1_201)]
        (*_, last) = pen.commit(*(added(Parcel, id, label=id) for id in ids)).records
        pen.change(last, 1, deleted_at=hour(1))
        unknown = [f"x{number}" for number in range(700)]
        moment = Moment(cut=store.last()[0])

        for when in (Moment(), moment):
            found = store.get(PARCEL, (id for pair in zip(ids, ids, strict=True) for id in (*pair, "p")), when)
            assert sorted(found) == ids
            assert sorted(store.get(PARCEL, [*unknown, *ids], when)) == ids
            assert all(found[id].id == id == found[id].label for id in ids)
            assert store.get(PARCEL, [], when) == {}
            assert store.get(BOX, ids, when) == {}

    def test_preparing_again_changes_nothing(self, store: Store, pen: Pen) -> None:
        """Kinds may be prepared as often as one likes, by any tenant."""
        record = pen.add("a", code="A")
        store.prepare(KINDS.values())
        store.for_tenant("other").prepare([PARCEL])
        store.prepare([])

        assert pen.now(record) == record
        assert holder(store, PARCEL, "code", "A") == "a"

    def test_a_closed_store_says_so(self, store: Store, pen: Pen) -> None:
        """Every method that reads or writes raises ``Closed``, of every tenant, and closing twice is fine."""
        record = pen.add("a")
        other = store.for_tenant("other")
        store.close()
        store.close()
        uses: list[Callable[[Store], object]] = [
            lambda one: one.prepare([PARCEL]),
            lambda one: one.get(PARCEL, ["a"]),
            lambda one: one.get(PARCEL, ["a"], Moment(at=hour(1))),
            lambda one: one.find(PARCEL, Query()),
            lambda one: one.find(PARCEL, Query(), Moment(cut=pen.cuts[0])),
            lambda one: one.count(PARCEL, Query()),
            lambda one: Pen(one).commit(changed(record)),
            lambda one: one.kept(Key("k", "f")),
            lambda one: one.changes(),
            lambda one: one.stretch(limit=1),
            lambda one: one.tip(),
            lambda one: one.cursors(),
            lambda one: one.move_cursor("erp", was="", now="x"),
            lambda one: holder(one, PARCEL, "code", "A"),
            lambda one: one.aliases("a"),
            lambda one: one.last(),
            lambda one: one.cut(hour(1)),
            lambda one: Pen(one).erase(record, note=None),
            lambda one: one.purge(),
            lambda one: one.secret(),
            lambda one: one.check(),
        ]
        for use in uses:
            for closed in (store, other, store.for_tenant("third")):
                with pytest.raises(Closed):
                    use(closed)

    def test_threads_race_without_losing_a_change(self, store: Store, pen: Pen) -> None:
        """Each reads, adds one, and tries again after a conflict: the sum is right."""
        pen.add("a", pieces=0)
        conflicts: list[Conflict] = []

        def count(name: str) -> None:
            mine = Pen(store)
            done = 0
            while done < 40:
                record = store.get(PARCEL, ["a"])["a"]
                change = changed(record, record.version, pieces=(record.pieces or 0) + 1)
                try:
                    mine.commit(attrs.evolve(change, by=name), added(Box, f"{name}{done}", label=name))
                except Conflict as conflict:
                    conflicts.append(conflict)
                else:
                    done += 1
                    assert len(store.find(BOX, Query(limit=1))) > 0

        threads = [Thread(target=count, args=(name,)) for name in ("x", "y")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (pen.find()[0].pieces, pen.find()[0].version) == (80, 81)
        assert [change.version for change in store.changes(id="a")] == list(range(1, 82))
        assert {type(conflict) for conflict in conflicts} <= {Conflict}

    def test_a_commit_may_rest_on_other_records(self, store: Store) -> None:
        """They must not have moved since they were read; nor must the log, when the commit rests on all of it."""
        pen = Pen(store)
        ground, gone = pen.add("ground"), ("parcel", "nowhere")
        end = store.last()[0]
        moved = pen.change(ground, label="moved")
        for unmoved in ({("parcel", "ground"): 1}, {gone: 1}, {("parcel", "ground"): 0}):
            with pytest.raises(Conflict):
                self.resting(store, "a", unmoved=unmoved)
        with pytest.raises(Conflict, match="something was written since"):
            self.resting(store, "a", end=end)
        assert store.get(PARCEL, ["a"]) == {}

        self.resting(store, "a", unmoved={("parcel", "ground"): moved.version, gone: 0}, end=store.last()[0])
        assert store.get(PARCEL, ["a"]).keys() == {"a"}

    @staticmethod
    def resting(store: Store, id: str, **ground: Any) -> None:  # noqa: ANN401 - the arguments of commit
        """Commit a new parcel that rests on something."""
        store.commit([added(Parcel, id, label=id)], id="c", recorded_at=hour(200), **ground)
