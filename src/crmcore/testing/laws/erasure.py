"""Erasure: a value is gone from everywhere and from every moment."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmcore.kernel.change import replay
from crmcore.kernel.errors import Conflict, Duplicate, Invalid
from crmcore.kernel.ports import Key, Moment, Store
from crmcore.kernel.where import F
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, changed, holder, hour

__all__ = ["ErasureLaws"]

LEFT: dict[str, Any] = {"label": "[erased]", "code": None, "note": None, "external.shop": None, "custom.region": None}
PRIVATE = "ada@engines.example"


class ErasureLaws(Bench):
    """What ``erase`` promises."""

    @pytest.fixture
    def subject(self, pen: Pen) -> Parcel:
        """A parcel with a secret in many places, a late change and a reason."""
        values = {"label": PRIVATE, "code": PRIVATE, "external.shop": PRIVATE, "custom.region": PRIVATE, "pieces": 1}
        pen.commit(added(Parcel, "other", label="other"), added(Parcel, "a", 10, **values), key=Key("k", "f"))
        record = Parcel(id="a", label="")
        pen.commit(attrs.evolve(changed(record, 20, note=PRIVATE, pieces=2), reason=PRIVATE, by="ben"))
        late: dict[str, Any] = {"note": f"late {PRIVATE}", "code": f"old {PRIVATE}", "label": PRIVATE, "pieces": 9}
        pen.commit(changed(record, 15, step=2, **late))
        return pen.one(changed(record, 30, step=3, code=f"new {PRIVATE}", fragile=True))  # type: ignore[no-any-return]

    def test_the_values_are_gone(self, store: Store, pen: Pen, subject: Parcel, tmp_path: Path) -> None:
        """From the record, the log, the claims and the keys; numbers, times and names stay."""
        before = store.changes()
        done = pen.erase(subject, **LEFT)
        opened = self.again(store, tmp_path)
        log = opened.changes()

        assert PRIVATE not in repr(log)
        assert list(done.changes) == log[-1:]
        assert [change.reason for change in log] == [None] * 6
        kept = attrs.fields_dict(type(log[0])).keys() - {"sets", "reason"}
        for old, new in zip(before, log, strict=False):
            assert all(getattr(old, name) == getattr(new, name) for name in kept)
            assert old.sets.keys() == new.sets.keys()
        assert done.records == (opened.get(PARCEL, ["a"])["a"],)
        assert done.records[0] == Parcel(id="a", version=5, label="[erased]", pieces=2, fragile=True)
        holders = [holder(opened, PARCEL, "code", f"{age}{PRIVATE}") for age in ("", "old ", "new ")]
        assert [*holders, holder(opened, PARCEL, "external.shop", PRIVATE)] == [None] * 4
        assert opened.kept(Key("k", "another")) is None
        for deleted, name in product((False, True), ("label", "code")):
            assert not Pen(opened).find(F[name].contains("engines"), deleted=deleted)

    def test_every_moment_is_the_fold_of_the_scrubbed_log(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """Also as it was known then."""
        pen.erase(subject, **LEFT)
        assert len(store.changes(id="a", upto=pen.cuts[2])) == 3
        for at, cut in product((None, 9, 10, 15, 20, 30, 60), (None, *pen.cuts)):
            moment = Moment(None if at is None else hour(at), cut)
            known = [one for one in store.changes(id="a", upto=cut) if at is None or one.at <= hour(at)]
            state = replay(PARCEL, known)
            assert store.get(PARCEL, ["a"], moment) == ({} if state is None else {"a": state})
            assert PRIVATE not in repr(state) + repr(pen.find(None, moment))

    def test_a_second_erasure_writes_nothing(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """Not even with its own reason, which is kept; until there is something to erase again."""
        pen.erase(subject, reason="asked on 3 May", **LEFT)
        log, now = store.changes(), pen.now(subject)
        for record in (subject, now):
            done = pen.erase(record, reason="asked again", **LEFT)
            assert (done.changes, done.records, store.changes()) == ((), (), log)
        assert store.changes()[-1].reason == "asked on 3 May"

        fresh = pen.change(now, 60, note=PRIVATE)
        assert pen.erase(fresh, 61, **LEFT).records[0].version == 7
        assert PRIVATE not in repr(store.changes())
        assert [change.reason for change in store.changes(id="a")][4:] == ["asked on 3 May", None, None]

    def test_a_late_erasure_erases_as_well(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """What was set after its instant too."""
        done = pen.erase(subject, 12, **LEFT)

        assert done.changes[0].late
        assert done.records[0] == pen.now(subject)
        assert PRIVATE not in repr(store.changes()) + repr(pen.now(subject, Moment(hour(25))))
        assert holder(store, PARCEL, "code", f"new {PRIVATE}") is None
        assert not pen.find(F.code.is_set)

    def test_an_erased_value_is_free(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """Another record may take it; and what is left must be free itself."""
        pen.erase(subject, **LEFT)
        other = pen.add("b", code=f"new {PRIVATE}", note="x")
        taken = pen.add("c", code="[erased]")
        before = store.changes()
        with pytest.raises(Duplicate):
            pen.erase(other, code="[erased]")

        assert store.changes() == before
        assert (pen.now(other), pen.now(taken)) == (other, taken)

    def test_nothing_may_be_left(self, store: Store, pen: Pen) -> None:
        """Even of a field that every new record must be given, or that has a default."""
        record = pen.add("a", label=PRIVATE, status=PRIVATE, marks=(PRIVATE,))
        pen.erase(record, label=None, status=None, marks=())
        now = pen.now(record)

        assert [now.label, now.status, *now.marks] == [None, None]
        assert PRIVATE not in repr(store.changes()) + repr(now) + repr(pen.now(record, Moment(hour(1))))

    def test_an_erasure_must_follow_the_record(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """A stale one, one of an unknown record or field: nothing is written or erased."""
        before = store.changes(), store.get(PARCEL, ["a"])
        with pytest.raises(Conflict):
            pen.erase(Parcel(id="a", version=2, label=""), **LEFT)
        for version in (0, 1):
            with pytest.raises(Conflict) as caught:
                pen.erase(Box(id="a", version=version, label="box"), label="[erased]")
            assert (caught.value.id, caught.value.expected, caught.value.found) == ("a", version, 0)
        with pytest.raises(Invalid):
            pen.erase(subject, colour=None, **LEFT)

        assert (store.changes(), store.get(PARCEL, ["a"])) == before
        assert store.get(BOX, ["a"]) == {}
        assert store.kept(Key("k", "f")) is not None

    def test_other_records_keep_their_values(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """Of the same kind, of another kind with the same id, of another tenant; also what they say of it."""
        store.for_tenant("other").prepare(KINDS.values())
        stranger = Pen(store.for_tenant("other"))
        theirs = stranger.commit(added(Parcel, "a", 10, label=PRIVATE, code=PRIVATE), key=Key("k", "f"))
        box = pen.one(added(Box, "a", label=PRIVATE, code=PRIVATE))
        beside = pen.add("b", label=PRIVATE)
        pen.erase(subject, **LEFT)

        assert (pen.now(box), pen.now(beside)) == (box, beside)
        assert holder(store, BOX, "code", PRIVATE) == "a"
        assert store.get(PARCEL, ["other"])["other"].label == "other"
        assert stranger.store.kept(Key("k", "f")) == theirs
        assert stranger.store.changes() == list(theirs.changes)
        assert stranger.store.get(PARCEL, ["a"])["a"].label == PRIVATE
