"""Claims: no two live records share a unique value; merged ids are found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmcore.kernel.errors import Duplicate
from crmcore.kernel.ports import Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, PARCEL, Box, Parcel, Pen, added, changed, holder, hour

__all__ = ["ClaimLaws"]


def external(**ids: str | None) -> dict[str, Any]:
    """Ids in other systems, as a change sets them."""
    return {f"external.{system}": id for system, id in ids.items()}


class ClaimLaws(Bench):
    """What is promised of unique values, external ids and merged records."""

    def test_a_unique_value_is_taken_once(self, store: Store, pen: Pen) -> None:
        """A second record can't be added with it nor be given it, and the error names the holder."""
        pen.add("a", code="A", number=1)
        free = pen.add("b", code="B", number=2)
        before = store.changes()
        for change, field in (
            (added(Parcel, "c", label="c", code="A"), "code"),
            (added(Parcel, "c", label="c", number=1), "number"),
            (changed(free, 1, code="A"), "code"),
        ):
            with pytest.raises(Duplicate) as caught:
                pen.commit(change)
            assert (caught.value.kind, caught.value.id) == ("parcel", change.id)
            assert (caught.value.field, caught.value.holder) == (field, "a")
        with pytest.raises(Duplicate):
            pen.commit(added(Parcel, "c", label="c", code="C"), added(Parcel, "d", label="d", code="C"))

        assert store.changes() == before
        assert (holder(store, PARCEL, "code", "A"), holder(store, PARCEL, "code", "C")) == ("a", None)
        assert holder(store, PARCEL, "number", "2") == "b"

    def test_a_value_is_unique_within_its_field_and_kind(self, store: Store, pen: Pen) -> None:
        """Another field, another kind and another spelling are free; a missing value is none."""
        pen.add("a", code="1", number=1)
        pen.one(added(Box, "a", label="box", code="1"))
        for id, code in (("b", "1 "), ("c", "01"), ("d", None), ("e", None), ("f", "x"), ("g", "X")):
            pen.add(id, code=code)

        assert (holder(store, PARCEL, "code", "1"), holder(store, BOX, "code", "1")) == ("a", "a")
        assert (holder(store, PARCEL, "code", "x"), holder(store, PARCEL, "code", "X")) == ("f", "g")

    def test_a_value_is_given_up(self, store: Store, pen: Pen) -> None:
        """With another value or none, it is free for others; its own record may keep it."""
        record = pen.add("a", code="A")
        record = pen.change(record, 1, code="A", pieces=1)
        record = pen.change(record, 2, code="B")
        pen.add("b", code="A")
        pen.change(record, 3, code=None)
        pen.add("c", code="B")

        assert (holder(store, PARCEL, "code", "A"), holder(store, PARCEL, "code", "B")) == ("b", "c")

    def test_two_records_swap_values(self, store: Store, pen: Pen) -> None:
        """In one commit, whichever comes first; a value may also be handed on."""
        one, two = pen.add("a", code="A"), pen.add("b", code="B")
        pen.commit(changed(one, 1, code="B"), changed(two, 1, code="A"))
        assert (holder(store, PARCEL, "code", "A"), holder(store, PARCEL, "code", "B")) == ("b", "a")

        pen.commit(added(Parcel, "c", 2, label="c", code="A"), changed(pen.now(two), 2, code=None))
        assert holder(store, PARCEL, "code", "A") == "c"

    def test_only_the_end_of_a_commit_counts(self, store: Store, pen: Pen) -> None:
        """What a record held in between is not taken."""
        pen.add("a", code="A")
        new = Parcel(id="b", label="b")
        pen.commit(added(Parcel, "b", label="b", code="A"), changed(new, 1, code="B"))

        assert (holder(store, PARCEL, "code", "A"), holder(store, PARCEL, "code", "B")) == ("a", "b")

    def test_deleting_frees_and_restoring_takes_again(self, store: Store, pen: Pen) -> None:
        """A restored record finds its value taken, or has it back."""
        deleted = pen.change(pen.add("b", code="A"), 1, deleted_at=hour(1))
        assert holder(store, PARCEL, "code", "A") is None
        assert holder(store, PARCEL, "code", "A", deleted=True) == "b"
        taker = pen.add("a", 2, code="A")
        deleted = pen.change(deleted, 2, pieces=1)
        pen.add("c", 2, code="A", deleted_at=hour(2))

        with pytest.raises(Duplicate) as caught:
            pen.change(deleted, 3, deleted_at=None)
        assert caught.value.holder == "a"
        assert pen.now(deleted) == deleted

        pen.change(taker, 4, deleted_at=hour(4))
        assert holder(store, PARCEL, "code", "A", deleted=True) == "a"
        pen.change(deleted, 5, deleted_at=None)
        assert holder(store, PARCEL, "code", "A") == "b"
        assert holder(store, PARCEL, "code", "A", deleted=True) == "a"

    def test_a_late_change_takes_only_what_it_still_sets(self, store: Store, pen: Pen) -> None:
        """A value that a later change has replaced is not held."""
        record = pen.change(pen.add("a", code="A"), 5, code="B")
        record = pen.change(record, 3, code="C", number=3)
        pen.add("b", code="C")

        assert (record.code, record.number) == ("B", 3)
        assert [holder(store, PARCEL, "code", code) for code in "ABC"] == [None, "a", "b"]
        assert holder(store, PARCEL, "number", "3") == "a"

    def test_external_ids_are_unique_in_their_system(self, store: Store, pen: Pen) -> None:
        """Of live records; and they lead back to the record."""
        record = pen.add("a", **external(shop="7", till="7"))
        with pytest.raises(Duplicate) as caught:
            pen.add("b", **external(shop="7"))
        assert caught.value.field == "external.shop"
        pen.add("b", **external(post="7"))
        pen.change(record, 1, **external(till=None))

        assert record.external == {"shop": "7", "till": "7"}
        assert pen.now(record).external == {"shop": "7"}
        systems = ("shop", "till", "post", "none")
        assert [holder(store, PARCEL, f"external.{one}", "7") for one in systems] == ["a", None, "b", None]

    def test_merged_ids_lead_to_the_survivor(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Also by way of another; the merged record's values are free; unmerging takes it back."""
        a, b, c = (pen.add(id, code=id.upper()) for id in "abc")
        a = pen.change(a, 1, merged_into="b")
        b = pen.change(b, 2, merged_into="c")
        opened = self.again(store, tmp_path)
        pen = Pen(opened)

        assert opened.aliases("c") == {"a", "b", "c"}
        assert opened.aliases("b") == {"a", "b"}
        assert opened.aliases("a") == {"a"}
        assert opened.aliases("unknown") == {"unknown"}
        assert holder(opened, PARCEL, "code", "A") is None
        pen.change(c, 3, code="A")

        with pytest.raises(Duplicate):
            pen.change(a, 4, merged_into=None)
        pen.change(b, 4, merged_into=None)
        assert opened.aliases("c") == {"c"}
        a = pen.change(a, 5, merged_into="c", code=None)
        assert opened.aliases("c") == {"a", "c"}
        assert opened.aliases("b") == {"b"}
        pen.change(a, 6, merged_into="a")
        assert opened.aliases("a") == {"a"}
