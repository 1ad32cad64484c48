"""Following the log under a name: where each consumer has come to is kept, and moved by one at a time."""

from __future__ import annotations

import contextlib
from itertools import permutations
from pathlib import Path
from threading import Thread

import pytest

from crmcore.kernel.errors import Conflict
from crmcore.kernel.ports import Store
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import KINDS, Pen

__all__ = ["FollowLaws"]

NAMES = ["erp", "ERP", "erp ", "Ärger & Söhne", "%", "erp%", "'; --"]


class FollowLaws(Bench):
    """What ``tip``, ``cursors`` and ``move_cursor`` promise."""

    def test_who_begins_at_the_tip_gets_what_comes_later(self, store: Store, pen: Pen) -> None:
        """All of it, and nothing of what was there."""
        begun = [store.tip()]
        for number in range(3):
            pen.add(f"p{number}")
            begun.append(store.tip())

        for place, cursor in enumerate(begun):
            assert [one.id for one in store.stretch(cursor, limit=9).changes] == ["p0", "p1", "p2"][place:]

    def test_the_tip_is_that_of_every_tenant(self, store: Store, pen: Pen) -> None:
        """Whoever wrote last."""
        other = Pen(store.for_tenant("other"))
        other.store.prepare(KINDS.values())
        pen.add("a")
        theirs, mine = other.store.tip(), store.tip()
        other.add("b")
        pen.add("c")

        assert [one.id for one in other.store.stretch(theirs, limit=9).changes] == ["b"]
        assert [one.id for one in store.stretch(mine, limit=9).changes] == ["c"]

    def test_nobody_follows_a_new_store(self, store: Store) -> None:
        """Nor does anybody who was forgotten, also when nobody knew them."""
        assert store.cursors() == {}
        store.move_cursor("erp", was="", now="")
        assert store.cursors() == {}
        store.move_cursor("erp", was="", now="somewhere")
        store.move_cursor("erp", was="somewhere", now="")
        assert store.cursors() == {}
        store.move_cursor("erp", was="", now="elsewhere")
        assert store.cursors() == {"erp": "elsewhere"}

    def test_where_somebody_is_outlives_the_store(self, store: Store, pen: Pen, tmp_path: Path) -> None:
        """Whatever their name, and whatever text it is."""
        pen.add("a")
        places = {name: f"{store.tip()} '{name}' " * 20 for name in NAMES}
        for name, place in places.items():
            store.move_cursor(name, was="", now=place)

        assert self.again(store, tmp_path).cursors() == places

    def test_nobody_is_moved_from_where_they_are_not(self, store: Store) -> None:
        """Of two who were at the same place, one moves; nothing is moved for the other."""
        store.move_cursor("erp", was="", now="a")
        store.move_cursor("shop", was="", now="a")
        for was, now in [("", "b"), ("b", "c"), ("A", "b"), ("a ", "b"), ("", "")]:
            with pytest.raises(Conflict) as caught:
                store.move_cursor("erp", was=was, now=now)
            assert (caught.value.kind, caught.value.id) == ("consumer", "erp")
            assert (caught.value.expected, caught.value.found) == (was, "a")
        store.move_cursor("erp", was="a", now="b")
        with pytest.raises(Conflict):
            store.move_cursor("erp", was="a", now="b")

        assert store.cursors() == {"erp": "b", "shop": "a"}

    def test_threads_race_for_every_step(self, store: Store) -> None:
        """Of those who are at the same place one goes on, whoever they are; nobody skips anything."""
        store.move_cursor("erp", was="", now="0")
        steps: list[str] = []

        def walk() -> None:
            while (was := store.cursors()["erp"]) != "40":
                now = str(int(was) + 1)
                with contextlib.suppress(Conflict):
                    store.move_cursor("erp", was=was, now=now)
                    steps.append(now)

        threads = [Thread(target=walk) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(map(int, steps)) == list(range(1, 41))

    def test_every_tenant_has_consumers_of_its_own(self, store: Store) -> None:
        """Also under the same names."""
        stores = {name: store.for_tenant(name) for name in ("", "left", "right")}
        for name, one in stores.items():
            one.move_cursor("erp", was="", now=f"place of {name}")
        for (name, one), (other, _) in permutations(stores.items(), 2):
            with pytest.raises(Conflict):
                one.move_cursor("erp", was=f"place of {other}", now="x")
            assert one.cursors() == {"erp": f"place of {name}"}
        assert store.cursors() == {}
