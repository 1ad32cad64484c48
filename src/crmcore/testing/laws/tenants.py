"""Tenants: one store, and nobody sees or touches another's data."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmcore.kernel.errors import Conflict
from crmcore.kernel.ports import Key, Moment, Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Parcel, Pen, added, asked, changed, holder, hour
from crmcore.verification import verify

__all__ = ["TenantLaws"]

KEY = Key("k", "f")


class TenantLaws(Bench):
    """What ``for_tenant`` promises."""

    @pytest.fixture
    def there(self, store: Store, pen: Pen) -> Pen:
        """Another tenant's pen; both have a parcel with the same id, code and key."""
        there = Pen(store.for_tenant("there"))
        pen.commit(added(Parcel, "a", 1, label="here", code="A", **{"external.shop": "7"}), key=KEY)
        there.commit(added(Parcel, "a", 2, label="there", code="A", **{"external.shop": "7"}), key=KEY)
        return there

    def test_a_store_knows_its_tenant(self, store: Store) -> None:
        """As it was told; the one it came from keeps its own."""
        other = store.for_tenant("Ärger & Söhne")

        assert other.tenant == "Ärger & Söhne"
        assert other.for_tenant(store.tenant).tenant == store.tenant != other.tenant

    def test_the_same_ids_and_values_live_side_by_side(self, store: Store, pen: Pen, there: Pen) -> None:
        """Each reads its own, by every method."""
        for mine, label, at in ((pen, "here", 1), (there, "there", 2)):
            record = mine.store.get(PARCEL, ["a"])["a"]
            (change,) = mine.store.changes()
            kept = mine.store.kept(KEY)
            assert (record.label, change.sets["label"], change.at) == (label, label, hour(at))
            assert kept is not None
            assert kept.records == (record,)
            assert holder(mine.store, PARCEL, "code", "A") == holder(mine.store, PARCEL, "external.shop", "7") == "a"
            for moment in (Moment(), Moment(at=hour(9)), Moment(cut=store.last()[0])):
                assert list(mine.find(None, moment)) == [mine.now(record, moment)] == [record]
                assert mine.store.count(PARCEL, asked(Parcel), moment) == 1
            assert bool(verify(mine.store, KINDS))

    def test_an_empty_tenant_has_nothing(self, store: Store, pen: Pen, there: Pen) -> None:
        """Whatever the others have."""
        empty = store.for_tenant("")
        pen.change(pen.add("b"), 1, merged_into="a")

        for moment in (Moment(), Moment(at=hour(9)), Moment(cut=store.last()[0])):
            assert empty.get(PARCEL, ["a", "b"], moment) == {}
            assert list(Pen(empty).find(None, moment)) == []
            assert empty.count(PARCEL, asked(Parcel), moment) == empty.count(PARCEL, asked(Parcel, deleted=True)) == 0
        assert (empty.changes(), empty.kept(KEY), holder(empty, PARCEL, "code", "A")) == ([], None, None)
        assert empty.kept(Key("k", "other")) is None
        assert empty.aliases("a") == there.store.aliases("a") == {"a"} != store.aliases("a")
        assert empty.check() == []

    def test_what_one_writes_the_other_keeps(self, store: Store, pen: Pen, there: Pen, tmp_path: Path) -> None:
        """Changes, deletions, erasures, conflicts."""
        theirs = there.store.get(PARCEL, ["a"])["a"]
        record = pen.change(pen.now(theirs), 5, label="changed", code="B")
        there.one(added(Parcel, "c", label="c", code="B"))
        with pytest.raises(Conflict):
            there.commit(changed(record, 6, label="stolen"))
        pen.erase(pen.change(record, 7, deleted_at=hour(7)), label="[erased]", code=None)
        pen.commit(added(Parcel, "d", label="d"), key=Key("mine", "f"))
        opened = self.again(store, tmp_path)
        other = opened.for_tenant("there")

        assert other.get(PARCEL, ["a", "d"]) == {"a": theirs}
        assert [change.id for change in other.changes()] == ["a", "c"]
        assert (holder(other, PARCEL, "code", "A"), holder(other, PARCEL, "code", "B")) == ("a", "c")
        assert other.kept(KEY) is not None
        assert opened.kept(KEY) is other.kept(Key("mine", "f")) is None

    def test_a_cut_fits_every_tenant(self, store: Store, pen: Pen, there: Pen) -> None:
        """Whoever took it."""
        between, log, theirs = there.store.last()[0], store.changes(), there.store.changes()
        pen.add("b")
        there.add("b")

        for cut in (between, store.last()[0], there.store.last()[0]):
            assert (store.changes(upto=cut) == log) == (there.store.changes(upto=cut) == theirs) == (cut == between)
        assert (store.changes(upto=between), there.store.changes(upto=between)) == (log, theirs)
        assert [change.id for change in there.store.changes(after=between)] == ["b"]

    def test_kinds_are_prepared_for_all(self, store: Store) -> None:
        """A tenant that comes later finds room."""
        late = Pen(store.for_tenant("late"))
        late.add("a")

        assert late.store.get(BOX, ["a"]) == {}
        assert late.store.count(PARCEL, asked(Parcel)) == 1
