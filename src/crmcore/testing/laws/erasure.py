"""Erasure: a value is gone from everywhere and from every moment."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmcore.kernel.change import Change, replay
from crmcore.kernel.errors import Conflict, CrmError, Duplicate, Invalid
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.ports import Key, Moment, Purge, Store
from crmcore.kernel.where import F
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, Place, added, changed, holder, hour

__all__ = ["ErasureLaws"]

LEFT: dict[str, Any] = {"label": "[erased]", "code": None, "note": None, "external.shop": None, "custom.region": None}
PRIVATE = "ada@engines.example"


def erased(record: Any, at: int = 50, **left: Any) -> Change[Any]:  # noqa: ANN401 - a record, any field's value
    """The change that erases values of a record."""
    return changed(record, at, what="erased", **left)


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

    # --- several records, members, parts ----------------------------------------------------------------------------

    def test_several_records_are_erased_in_one_commit(
        self, store: Store, pen: Pen, subject: Parcel, tmp_path: Path
    ) -> None:
        """Each by a change of its own, with what is written beside them."""
        box = pen.one(added(Box, "a", 20, label=PRIVATE, code=PRIVATE))
        pen.one(attrs.evolve(changed(box, 21, label=f"{PRIVATE} 2"), reason=PRIVATE))
        told = [erased(subject, **LEFT), erased(pen.now(box), label="[erased]", code=None)]
        done = pen.erase_all(*told, beside=[added(Box, "beside", 50, label="kept")])
        opened = self.again(store, tmp_path)

        assert [(one.kind, one.id, one.what) for one in done.changes] == [
            *((one.kind, one.id, "erased") for one in told),
            ("box", "beside", "added"),
        ]
        assert {one.commit for one in done.changes} == {done.id}
        assert list(done.changes) == opened.changes()[-3:]
        assert done.records == tuple(Pen(opened).now(one) for one in done.records)
        assert done.cuts in (None, (pen.cuts[-2], pen.cuts[-1]))
        assert PRIVATE not in repr(opened.changes())
        assert not opened.search([PARCEL, BOX], ["ada"], limit=9)
        assert holder(opened, BOX, "code", PRIVATE) is None

    def test_what_is_erased_together_is_erased_or_not(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """A stale one, one that is not there, a value that is taken, or something wrong beside: nothing is erased."""
        box, other = (
            pen.one(added(Box, "a", label=PRIVATE, code=PRIVATE)),
            pen.one(added(Box, "b", code="[x]", label="")),
        )
        before = store.changes()
        mine, end = erased(subject, **LEFT), store.last()[0]
        refused: list[tuple[type[CrmError], list[Change[Any]], dict[str, Any]]] = [
            (Conflict, [mine, erased(Box(id="a", version=7, label=""), label="")], {}),
            (Conflict, [mine, erased(Box(id="nobody", version=1, label=""), label="")], {}),
            (Duplicate, [mine, erased(box, code="[x]")], {}),
            (Conflict, [mine], {"beside": [changed(other, 9, step=3, label="x")]}),
            (Conflict, [mine], {"end": pen.cuts[0]}),
            (Invalid, [], {}),
            (Invalid, [], {"beside": [changed(other, 9, label="x")]}),
            (Invalid, [mine, mine], {}),
            (Invalid, [mine], {"beside": [changed(subject, 9, label="x")]}),
            (Invalid, [erased(subject, phones={"home": PRIVATE})], {}),
            (Invalid, [mine], {"beside": [added(Parcel, "z", label="z", phones=EMPTY)]}),
        ]
        for error, told, rest in refused:
            with pytest.raises(error):
                pen.erase_all(*told, **rest)
        assert store.changes() == before
        assert pen.erase_all(mine, end=end).changes

    def test_one_that_is_clean_is_erased_with_others(self, store: Store, pen: Pen, subject: Parcel) -> None:
        """As long as there is something to erase at all; else nothing is written, nor what was to be beside it."""
        box = pen.one(added(Box, "a", label="box"))
        done = pen.erase_all(erased(box), erased(subject, **LEFT))
        assert [one.version for one in done.changes] == [2, 5]
        before = store.changes()
        told = [erased(pen.now(box), 51), erased(pen.now(subject), 51, **LEFT)]
        again = pen.erase_all(*told, beside=[added(Box, "c", 51, label="c")])
        assert (again.changes, again.records, store.changes()) == ((), (), before)

    def test_reasons_of_others_go_as_well(self, store: Store, pen: Pen, subject: Parcel, tmp_path: Path) -> None:
        """And with them the keys their commits were made under; all else of them stays."""
        box = pen.one(added(Box, "a", label="box"))
        because = attrs.evolve(changed(box, 40, label="box 2"), reason=PRIVATE, by="ben")
        pen.commit(because, key=Key("ada", "f"))
        kept = attrs.evolve(changed(pen.now(box), 41, label="box 3"), reason="kept")
        pen.commit(kept, key=Key("kept", "f"))
        mine, before = [one for one in store.changes() if one.reason == PRIVATE], store.changes(kind="box")
        pen.erase_all(erased(subject, **LEFT), unsaid=mine)
        opened = self.again(store, tmp_path)

        assert [change.reason for change in before] == [None, PRIVATE, "kept"]
        assert opened.changes(kind="box") == [attrs.evolve(one, reason=None) for one in before[:2]] + before[2:]
        assert Pen(opened).now(box).version == 3
        assert opened.kept(Key("ada", "other")) is None
        assert opened.kept(Key("kept", "f")) is not None
        assert PRIVATE not in repr(opened.changes())

    def test_only_a_reason_may_go(self, store: Store, pen: Pen) -> None:
        """Then the erasure changes nothing of its record."""
        record, box = pen.add("a", pieces=3), pen.one(added(Box, "a", label="box"))
        pen.commit(attrs.evolve(changed(box, 1, label="box 2"), reason=PRIVATE))
        reason = store.changes()[-1]
        done = pen.erase_all(erased(record), unsaid=[reason])

        assert done.records == (Parcel(id="a", version=2, label="a", pieces=3),)
        assert store.changes()[2].reason is None
        assert pen.erase_all(erased(done.records[0]), unsaid=[reason]).changes == ()

    def test_members_go_with_what_they_are_called(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """At every moment, when nothing of the field is left; a late change does not bring one back."""
        called: dict[str, Any] = {f"phones.{PRIVATE}": "020 1", "phones.home": PRIVATE, "custom.region": PRIVATE}
        record = pen.add("a", 10, **called)
        record = pen.change(record, 20, **{f"phones.{PRIVATE}": None, "phones.work": "020 2"})
        pen.erase_all(erased(record, phones=EMPTY, custom=EMPTY))
        opened = self.again(store, tmp_path)

        for at, cut in product((None, 10, 20, 60), (None, *pen.cuts)):
            found = opened.get(PARCEL, ["a"], Moment(None if at is None else hour(at), cut))
            assert all(one.phones == one.custom == EMPTY for one in found.values())
        log = opened.changes()
        assert [sorted(change.sets) for change in log] == [["label"], [], ["custom", "phones"]]
        assert PRIVATE not in "".join(name for change in log for name in change.sets)
        pen = Pen(opened, clock=pen.clock, ids=pen.ids)
        home: dict[str, Any] = {"phones.home": "020 3"}
        late = pen.change(pen.now(record), 30, **home)
        assert replay(PARCEL, opened.changes(id="a")) == late
        assert late.phones == EMPTY
        assert pen.change(late, 60, **home).phones == {"home": "020 3"}

    def test_of_parts_only_what_is_personal_goes(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Where the field itself is not: every one keeps the rest, at every moment."""
        first, second = Place(town="Rome", host=PRIVATE), Place(town="Ostia", host=PRIVATE)
        record = pen.add("a", 10, stops=(first, second), to=first, **{"depots.east": first, "depots.west": second})
        record = pen.change(record, 20, stops=(second,), **{"depots.east": second, "depots.west": None})
        left: dict[str, Any] = {"depots.east": Place(town="Ostia"), "depots.west": None}
        pen.erase_all(erased(record, stops=(Place(town="Ostia"),), to=None, **left))
        opened = self.again(store, tmp_path)

        then, now = (opened.get(PARCEL, ["a"], Moment(at))["a"] for at in (hour(10), None))
        rome, ostia = Place(town="Rome"), Place(town="Ostia")
        assert (then.stops, then.depots, then.to) == ((rome, ostia), {"east": rome, "west": ostia}, None)
        assert (now.stops, now.depots, now.to) == ((ostia,), {"east": ostia}, None)
        assert [change.sets.get("stops") for change in opened.changes()] == [(rome, ostia), (ostia,), (ostia,)]

    # --- the bytes, and the secret ----------------------------------------------------------------------------------

    def test_a_purge_leaves_everything_readable(self, store: Store, pen: Pen, subject: Parcel, tmp_path: Path) -> None:
        """And is done when nobody is in the way."""
        pen.erase(subject, **LEFT)
        before = store.changes(), pen.now(subject), store.search([PARCEL], ["other"], limit=9)
        purged = next(filter(None, (store.purge() for _ in range(50))), Purge("others read on and on"))

        assert (purged.done, purged.pending, bool(purged), str(purged)) == (True, None, True, "done")
        opened = self.again(store, tmp_path)
        assert (opened.changes(), Pen(opened).now(subject), opened.search([PARCEL], ["other"], limit=9)) == before
        assert opened.get(PARCEL, ["a"], Moment(hour(25)))["a"].label == "[erased]"

    def test_a_secret_is_kept_for_good(self, store: Store, tmp_path: Path) -> None:
        """Nobody has one at first; the first one given stays; every tenant has its own."""
        other = store.for_tenant("other")
        assert store.secret() is None
        assert (store.secret(b"a" * 32), store.secret(b"b" * 32), store.secret()) == (b"a" * 32,) * 3
        assert other.secret() is None
        assert other.secret(b"b" * 32) == b"b" * 32
        opened = self.again(store, tmp_path)
        assert opened.secret() == b"a" * 32
        assert opened.changes() == []
