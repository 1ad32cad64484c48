"""What a desk needs of the front door it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.outcome import Objection
from crmcore.kernel.ports import Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.table import Named, Table
from crmcore.kernel.values import Border
from crmcore.kernel.where import Filter

__all__ = ["Front"]


class Front(Protocol):
    """A front door: a store, a playbook and the circumstances, as a desk sees them."""

    @property
    def store(self) -> Store:
        """The store, bound to the tenant."""
        ...

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """Every kind of record there is, by name."""
        ...

    @property
    def moment(self) -> Moment:
        """When to read."""
        ...

    @property
    def backdated(self) -> datetime | None:
        """The instant acts are backdated to; None for now."""
        ...

    def context(self, department: str) -> Context[Any]:
        """The circumstances an act of a department is done under."""
        ...

    def border(self, kind: Kind[Any]) -> Border:
        """How values of a kind are read."""
        ...

    def key(self, act: str, kind: str, arguments: object) -> Key | None:
        """The idempotency key of this call, if the caller gave one."""
        ...

    def resolved(self, where: Filter) -> Filter:
        """A filter that names no tags any more, but asks for them by id."""
        ...

    def linked(self, id: str) -> frozenset[str]:
        """The ids of every record that stands behind one: itself, what was merged into it, what was converted to it."""
        ...

    def suppose(self) -> AbstractContextManager[Front]:
        """The same front door over an overlay: what is written there is thrown away."""
        ...

    def undo(self, commit: str, key: Key | None = None) -> tuple[Record, ...]:
        """Take a commit back; once under an idempotency key."""
        ...

    def rows(self, path: str | Named, required: Iterable[str], wanted: Callable[[str], bool]) -> Table:
        """The columns of a file that must be there, and the others that are wanted."""
        ...

    def objections(self, changes: Sequence[Change[Any]]) -> Sequence[Objection]:
        """What speaks against writing changes, each with the records whose changes bring it about."""
        ...

    def commit(
        self,
        changes: Sequence[Change[Any]],
        key: Key | None = None,
        *,
        unmoved: Mapping[tuple[str, str], int] | None = None,
    ) -> Commit:
        """Write changes whose values have been read."""
        ...
