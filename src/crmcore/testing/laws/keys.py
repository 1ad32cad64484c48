"""Idempotency keys: the same request under the same key is done once."""

from __future__ import annotations

from pathlib import Path

import pytest

from crmcore.kernel.errors import Conflict, Duplicate
from crmcore.kernel.ports import Key, Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import Box, Parcel, Pen, added, changed

__all__ = ["KeyLaws"]

KEY = Key("k", "same")


class KeyLaws(Bench):
    """What ``key`` and ``kept`` promise."""

    def test_the_first_result_is_given_again(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """With the records as they then stood, though versions have moved on, and nothing is written."""
        request = [added(Parcel, "a", label="a", code="A"), added(Box, "b", label="b")]
        request.append(changed(Parcel(id="a", label=""), 1, pieces=1))
        first = pen.commit(*request, key=KEY)
        pen.change(first.records[-1], 2, label="later", code=None)
        opened = self.again(store, tmp_path)
        log = opened.changes()
        again = Pen(opened).commit(*request, key=KEY)

        assert again == first == opened.kept(KEY)
        assert [one.version for one in again.records] == [1, 1, 2]
        assert opened.changes() == log

    def test_another_request_under_the_same_key_is_refused(self, store: Store, pen: Pen) -> None:
        """Whether it is committed or only asked for."""
        pen.commit(added(Parcel, "a", label="a"), key=KEY)
        other = Key("k", "other")

        with pytest.raises(Conflict) as caught:
            pen.commit(added(Parcel, "b", label="b"), key=other)
        assert (caught.value.kind, caught.value.id) == ("key", "k")
        with pytest.raises(Conflict):
            store.kept(other)
        assert len(store.changes()) == 1

    def test_a_key_is_looked_at_first(self, store: Store, pen: Pen) -> None:
        """Before versions and claims, and before anything is checked."""
        first = pen.commit(added(Parcel, "a", label="a", code="A"), key=KEY)

        assert pen.commit(key=KEY) == first
        assert pen.commit(added(Parcel, "b", label="b", code="A"), key=KEY) == first
        assert len(store.changes()) == 1

    def test_a_refused_commit_keeps_no_key(self, store: Store, pen: Pen) -> None:
        """The request may be tried again."""
        pen.add("a", code="A")
        with pytest.raises(Duplicate):
            pen.commit(added(Parcel, "b", label="b", code="A"), key=KEY)

        assert store.kept(KEY) is None
        assert pen.commit(added(Parcel, "b", label="b", code="B"), key=KEY) == store.kept(KEY)

    def test_keys_are_told_apart(self, store: Store, pen: Pen) -> None:
        """By every character."""
        texts = ["k", "K", "k ", "", "ключ", "k%", "k_"]
        done = [pen.commit(added(Parcel, f"p{n}", label=text), key=Key(text, "f")) for n, text in enumerate(texts)]

        assert [store.kept(Key(text, "f")) for text in texts] == done
        assert store.kept(Key("k\u0301", "f")) is None
