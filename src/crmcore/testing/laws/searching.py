"""Searching: live records are found by the words they have now, and by no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmcore.kernel.errors import Conflict
from crmcore.kernel.ports import Store
from crmcore.kernel.words import words_in
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, changed, hour

__all__ = ["SearchLaws"]


def found(store: Store, text: str, *, limit: int = 10) -> list[str]:
    """The ids of the parcels and boxes a question finds."""
    return [id for _, id in store.search(list(KINDS.values()), words_in(text), limit=limit)]


def phones(**numbers: str | None) -> dict[str, Any]:
    """Phone numbers, as a change sets them."""
    return {f"phones.{label}": number for label, number in numbers.items()}


class SearchLaws(Bench):
    """What ``search`` promises."""

    def test_words_are_looked_for_by_their_beginning(self, store: Store, pen: Pen) -> None:
        """Capitals and accents make no difference; each word of the question must begin one of the record's."""
        pen.add("a", label="Ada Lovelace", marks=("Crème",))
        pen.add("b", label="Adam Smith", **phones(work="+44 20 7946 0018"))
        pen.add("c", label="")

        assert found(store, "ada") == found(store, "ÁDA") == ["a", "b"]
        assert found(store, "love ada") == found(store, "crem") == found(store, "ada lovelace creme") == ["a"]
        assert found(store, "79460018") == found(store, "7946") == found(store, "+44 20 7946 0018") == ["b"]
        assert found(store, "da") == found(store, "ada smithers") == found(store, "a ada lovelaces") == []

    def test_whole_words_come_first(self, store: Store, pen: Pen) -> None:
        """Then those of the kind named first, then by id; and no more than asked for."""
        for id, label in (("d", "roofs"), ("b", "roofer"), ("c", "roof tile"), ("a", "roofs tiles")):
            pen.add(id, label=label)
        pen.one(added(Box, "z", label="Roof"))
        pen.one(added(Box, "a", label="roofing"))

        assert found(store, "roof") == ["c", "z", "a", "b", "d", "a"]
        assert found(store, "roof", limit=3) == ["c", "z", "a"]
        assert found(store, "roof tile") == ["c", "a"]
        assert store.search([BOX, PARCEL], ["roof"], limit=3) == [("box", "z"), ("parcel", "c"), ("box", "a")]
        assert store.search([BOX], ["roof"], limit=9) == [("box", "z"), ("box", "a")]

    def test_deleted_and_merged_records_are_never_found(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Restored and unmerged ones are again, by what they say then."""
        a, b = pen.add("a", label="roof"), pen.add("b", label="roof")
        a, b = pen.change(a, 1, deleted_at=hour(1)), pen.change(b, 1, merged_into="a")
        assert found(store, "roof") == []
        a = pen.change(a, 2, label="gate")
        pen.one(added(Parcel, "c", 3, label="roof", deleted_at=hour(3)))
        opened = self.again(store, tmp_path)
        assert found(opened, "roof") == found(opened, "gate") == []

        pen = Pen(opened)
        pen.commit(changed(a, 4, deleted_at=None), changed(b, 4, merged_into=None))
        assert (found(opened, "roof"), found(opened, "gate")) == (["b"], ["a"])

    def test_words_follow_the_record(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """What it no longer says does not find it, be the change late or one of several in a commit."""
        record = pen.add("a", label="roof gate", marks=("red",), **phones(work="5550100"))
        record = pen.change(record, 5, label="gate", pieces=1, **phones(home="5550199"))
        assert [found(store, one) for one in ("roof", "gate", "red", "5550100", "5550199")] == [[], *[["a"]] * 4]

        record = pen.change(record, 3, label="late", marks=("blue",))
        pen.commit(
            changed(record, 6, **phones(work=None)),
            changed(record, 7, step=2, label="shed", **phones(home=None)),
        )
        pen.commit(added(Parcel, "b", label="one"), changed(Parcel(id="b", label="one"), 1, label="two"))
        opened = self.again(store, tmp_path)
        asked = ("gate", "late", "red", "blue", "555", "shed", "one", "two")
        assert [found(opened, one) for one in asked] == [[], [], [], ["a"], [], ["a"], [], ["b"]]

    def test_only_searchable_fields_are_looked_in(self, store: Store, pen: Pen) -> None:
        """Notes, codes and custom fields are not; a refused commit leaves nothing to find."""
        values: dict[str, Any] = {"note": "secret", "code": "K7", "custom.region": "north", "external.shop": "77"}
        record = pen.add("a", label="roof", **values)
        with pytest.raises(Conflict):
            pen.commit(changed(record, 1, label="gate"), changed(record, 1, label="shed"))

        assert [found(store, one) for one in ("secret", "k7", "north", "77", "new", "gate", "shed")] == [[]] * 7

    def test_erased_values_find_nothing(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Of no record, live or restored later."""
        record = pen.add("a", label="Ada", marks=("engine",), **phones(work="5550100"))
        record = pen.change(record, 1, label="Ada King")
        pen.erase(record, label="[erased]", marks=(), **phones(work=None))
        opened = self.again(store, tmp_path)

        assert [found(opened, one) for one in ("ada", "king", "engine", "555", "erased")] == [[], [], [], [], ["a"]]

    def test_each_tenant_finds_its_own(self, store: Store, pen: Pen) -> None:
        """The same id and the same words stand side by side."""
        there = Pen(store.for_tenant("there"))
        pen.add("a", label="roof")
        record = there.add("a", label="roof gate")
        there.add("b", label="roof")

        assert (found(store, "roof"), found(there.store, "roof")) == (["a"], ["a", "b"])
        assert (found(store, "gate"), found(there.store, "gate")) == ([], ["a"])
        there.change(record, 1, deleted_at=hour(1))
        assert (found(store, "roof"), found(there.store, "roof")) == (["a"], ["b"])
        assert found(store.for_tenant("empty"), "roof") == []

    def test_thousands_begin_alike(self, store: Store, pen: Pen) -> None:
        """The first by id are found all the same, whole words before, several words together."""
        labels = ["abacus", "abbey", "able"]
        many = [added(Parcel, f"p{n:04}", label=f"{labels[n % 3]} {n % 7}x {n:04} flat") for n in range(2_100)]
        pen.commit(*many, added(Parcel, "q", label="ab"), added(Parcel, "a", label="flats"))
        pen.one(added(Box, "b", label="ab abbot"))

        assert found(store, "ab", limit=4) == ["q", "b", "p0000", "p0001"]
        assert found(store, "ab", limit=1) == ["q"]
        assert found(store, "a", limit=3) == ["p0000", "p0001", "p0002"]
        assert found(store, "ab a", limit=4) == ["q", "b", "p0000", "p0001"]
        assert found(store, "ab 6x able", limit=2) == ["p0020", "p0041"]
        assert found(store, "able ab", limit=2) == ["p0002", "p0005"]
        assert found(store, "flat", limit=2) == ["p0000", "p0001"]
        assert found(store, "flat", limit=3_000)[-2:] == ["p2099", "a"]
        assert found(store, "flat ab", limit=2) == ["p0000", "p0001"]
        assert found(store, "a 2099") == ["p2099"]
        assert found(store, "a 2100") == []
