"""Unique values in a load: none may be another live record's, nor that of an earlier row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.claims import Claim, claimed, claims_of
from crmcore.kernel.errors import Problem
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record

__all__ = ["Claims"]


@attrs.define(eq=False)
class Claims:
    """Who has which unique value, as far as a load knows.

    Attributes:
        kind: The kind of the records.
        store: The store.
        key: What the rows are known by, which is looked after elsewhere.
    """

    kind: Kind[Any]
    store: Store
    key: str
    _unique: frozenset[str] = attrs.field(init=False)
    _holders: dict[Claim, str | None] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Remember which fields are unique."""
        self._unique = frozenset(told.name for told in self.kind.unique)

    def of(self, path: str, value: Any) -> Claim | None:  # noqa: ANN401 - any field's value
        """A value as it is claimed; None when it need not be unique.

        Args:
            path: The field.
            value: Its value.
        """
        if value is None or path == self.key:
            return None
        if path in self._unique:
            return path, claimed(self.kind.fields[path], value)
        return (path, value) if path.startswith("external.") else None

    def look(self, path: str, values: Sequence[Any]) -> None:
        """Find the holders of a column's values, all at once.

        Args:
            path: The field.
            values: Its values.
        """
        asked = dict.fromkeys(claim[1] for value in values if (claim := self.of(path, value)) is not None)
        if asked:
            found = self.store.holders(self.kind, path, asked)
            self._holders |= {(path, value): id for value, id in found.items()}

    def taken(self, change: Change[Any]) -> Iterator[Problem]:
        """The values a change would take from others.

        Args:
            change: The change.
        """
        for path, claim in self._claimed(change):
            holder = self._holders.get(claim)
            if holder not in (None, change.id):
                declared = self.kind.declared(path)
                shown = "•••" if declared is not None and declared.personal else change.sets[path]
                mend = "take the row out, or change that record first"
                yield Problem(path, shown, f"a value of its own, since {holder} has it", mend)

    def take(self, change: Change[Any], before: Record | None) -> None:
        """Let a change have its values, and give those up that its record had.

        Args:
            change: The change.
            before: The record before it; None for a new one.
        """
        had = claims_of(self.kind, before)
        for path, claim in self._claimed(change):
            self._holders.update((old, None) for old in had if old[0] == path)
            self._holders[claim] = change.id

    def _claimed(self, change: Change[Any]) -> Iterator[tuple[str, Claim]]:
        """The values a change claims, by field."""
        for path, value in change.sets.items():
            if path in self._unique or path.startswith("external."):
                claim = self.of(path, value)
                if claim is not None:
                    yield path, claim
