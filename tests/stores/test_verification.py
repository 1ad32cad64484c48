"""Verifying: what does not add up in a store is told, one sentence each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.stores.memory import MemoryStore
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, hour
from crmcore.verification import Verification, verify


class Doctored(MemoryStore):
    """Tells its log as if the clock had run backwards, for each record and from one to the next."""

    def changes(self, **part: Any) -> list[Change[Any]]:  # noqa: ANN401 - as the store takes it
        """Each change an hour before the one before it."""
        return [
            attrs.evolve(change, recorded_at=hour(100) - timedelta(hours=place))
            for place, change in enumerate(super().changes(**part))
        ]


def test_a_sound_store_says_so() -> None:
    """In one line, and it is true."""
    store = MemoryStore()
    assert str(verify(store, {})) == "0 records and 0 changes checked: all is well"
    store.prepare(KINDS.values())
    pen = Pen(store)
    pen.change(pen.add("a"), 1, pieces=1)
    found = verify(store, KINDS)

    assert found == Verification(1, 2, ())
    assert found


def test_a_log_that_runs_backwards_is_told() -> None:
    """At each version of a record; what is recorded of several may come in any order."""
    store = Doctored()
    store.prepare(KINDS.values())
    pen = Pen(store)
    for id in "abc":
        pen.add(id)
    assert verify(store, KINDS)
    pen.change(pen.change(pen.now(Parcel(id="b", label="b")), 1, pieces=1), 2, pieces=2)
    found = verify(store, KINDS)

    assert not found
    assert found.violations == tuple(f"the log runs backwards at version {n} of parcel b" for n in (2, 3))
    assert str(found).startswith("3 records and 5 changes checked: 2 violations\n  the log")


def test_kinds_left_out_are_not_looked_at() -> None:
    """Only their changes are counted."""
    store = MemoryStore()
    store.prepare(KINDS.values())
    Pen(store).add("a")

    assert verify(store, {}) == Verification(1, 1, ())
    assert verify(store, {"parcel": PARCEL}) == Verification(1, 1, ())
