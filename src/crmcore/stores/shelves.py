"""What a store in memory is made of: every record with its history, and what is derived from them."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.claims import Claim
from crmcore.kernel.ports import Commit
from crmcore.kernel.records import Kind, R, Record, kind_of
from crmcore.stores.standing import Standing
from crmcore.stores.word_index import WordIndex

__all__ = ["Claims", "Rooms", "Shelf", "Staged"]


@attrs.define(eq=False)
class Shelf(Generic[R]):
    """One record with its whole history."""

    standing: Standing[R]
    changes: list[Change[R]] = attrs.field(factory=list)
    states: list[R] = attrs.field(factory=list)
    horizons: list[datetime] = attrs.field(factory=list)

    def at(self, at: datetime | None, known: int | None) -> R | None:
        """The record at a moment; None when it was not there yet.

        Args:
            at: What had happened by then; None for everything.
            known: How many of its changes were known; None for all.
        """
        if at is None and known is None:
            return self.standing.record
        if self.standing.folded(at):
            happened = [change for change in self.changes[:known] if at is None or change.at <= at]
            return replay(kind_of(type(self.standing.record)), happened)
        end = len(self.changes) if known is None else known
        if at is not None:
            end = min(end, bisect.bisect_right(self.horizons, at))
        return self.states[end - 1] if end else None


@attrs.define(eq=False)
class Rooms:
    """What the stores of all tenants share."""

    lock: threading.RLock = attrs.field(factory=threading.RLock)
    kinds: dict[str, Kind[Any]] = attrs.field(factory=dict)
    log: list[tuple[str, Change[Any]]] = attrs.field(factory=list)
    shelves: dict[tuple[str, str], dict[str, Shelf[Any]]] = attrs.field(factory=dict)
    claims: dict[tuple[str, str, str, str], dict[str, bool]] = attrs.field(factory=dict)
    keys: dict[tuple[str, str], tuple[str, Commit]] = attrs.field(factory=dict)
    merged: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    words: dict[tuple[str, str], WordIndex] = attrs.field(factory=dict)
    cursors: dict[tuple[str, str], str] = attrs.field(factory=dict)
    secrets: dict[str, bytes] = attrs.field(factory=dict)
    closed: bool = False


@attrs.define(eq=False)
class Staged:
    """Records and changes on their way into a commit."""

    now: dict[tuple[str, str], Standing[Any]] = attrs.field(factory=dict)
    changes: list[Change[Any]] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)

    def leave(self, place: int, record: Record) -> None:
        """Let a change leave another record."""
        whole = self.changes[place].kind, record.id
        self.now[whole] = attrs.evolve(self.now[whole], record=record)
        self.records[place] = record


@attrs.define(eq=False)
class Claims:
    """Who holds what once a commit is through, on the side."""

    tenant: str
    present: Mapping[tuple[str, str, str, str], dict[str, bool]]
    changed: dict[tuple[str, str, str, str], dict[str, bool]] = attrs.field(factory=dict)

    def holders(self, kind: str, claim: Claim) -> dict[str, bool]:
        """The holders of a value, and whether they live; to be changed."""
        whole = (self.tenant, kind, *claim)
        if whole not in self.changed:
            self.changed[whole] = dict(self.present.get(whole, {}))
        return self.changed[whole]
