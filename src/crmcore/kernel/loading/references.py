"""What rows refer to: records of here, by the ids they have here or in the system the rows come from."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Problem
from crmcore.kernel.front import Front
from crmcore.kernel.loading.columns import Column, Source
from crmcore.kernel.records import ANY, Kind, Record, kind_named
from crmcore.kernel.values import read

__all__ = ["Links", "gone", "masked"]

ID = re.compile(r"[\w.:/-]*\d[\w.:/-]*", re.ASCII)
"""What an id looks like: one word with a digit."""

Named = tuple[str, str]
"""A kind, and what a record of it is called in the other system."""


@attrs.define(eq=False)
class Links:
    """The records that the cells of references lead to.

    Attributes:
        front: The front door.
        source: How the rows are to be understood.
        context: The circumstances.
        found: The id of each cell's record, or why it can't be referred to, by field and cell.
    """

    front: Front
    source: Source
    context: Context[Any]
    found: dict[str, dict[str, str | Problem]] = attrs.field(factory=dict)
    _made: dict[Named, Change[Any]] = attrs.field(factory=dict)
    _since: dict[Named, datetime] = attrs.field(factory=dict)

    def look(self, column: Column, cells: Iterable[str | None]) -> None:
        """Find the records of a column, all at once.

        Args:
            column: The column.
            cells: Its cells.
        """
        asked = dict.fromkeys(cell for cell in cells if cell is not None)
        self.found[column.path] = _found(self.front, column, asked, self.source.system)

    def makes(self, column: Column) -> bool:
        """Whether the records of a column are made when they are not there.

        Args:
            column: The column.
        """
        return column.path in self.source.create

    def make(self, column: Column, cell: str) -> Named:
        """Plan a record that is called as a cell says.

        Args:
            column: The column.
            cell: The cell.

        Raises:
            Invalid: It can't be called so.
        """
        kind = self.front.kinds[column.told.references[0]]
        named = (kind.name, cell)
        if named not in self._made:
            made: Change[Any] = self.context.created(kind.cls, "imported")
            sets = {"name": cell, f"external.{self.source.system}": cell}
            values = read(kind, sets, border=self.front.border(kind), new=True)
            self._made[named] = evolved(made, sets=values)
        return named

    def id_of(self, named: Named) -> str:
        """The id of a planned record.

        Args:
            named: As ``make`` gave it.
        """
        return self._made[named].id

    def use(self, named: Iterable[Named], at: datetime) -> None:
        """Take planned records to be there, since a row that is taken refers to them.

        Args:
            named: As ``make`` gave them.
            at: Since when.
        """
        for one in named:
            self._since[one] = min(at, self._since.get(one, at))

    @property
    def changes(self) -> list[Change[Any]]:
        """The changes that make the planned records that are used."""
        return [evolved(self._made[named], at=at) for named, at in self._since.items()]

    def unknown(self, column: Column, cell: str) -> Problem:
        """What is wrong with a cell that leads nowhere.

        Args:
            column: The column.
            cell: The cell.
        """
        some = [self.front.kinds[name].plural for name in column.told.references if name != ANY] or ["records"]
        expected = f"the id of one of the {' or '.join(some)}, here or in {self.source.system}"
        return Problem(column.name, masked(cell), expected, f"load the {' and '.join(some)} first")


def _found(front: Front, column: Column, cells: Collection[str], system: str) -> dict[str, str | Problem]:
    """The ids of the records that cells refer to, or why they can't be referred to; what is nowhere is left out."""
    told = column.told
    named = front.kinds if told.references == (ANY,) else {name: front.kinds[name] for name in told.references}
    found = _by_own_id(front, column, named, cells)
    rest = [cell for cell in cells if cell not in found]
    there = _held(front, named.values(), rest, system, deleted=False)
    lost = _held(front, named.values(), [cell for cell in rest if cell not in there], system, deleted=True)
    for cell, ids in there.items():
        found[cell] = ids[0] if len(ids) == 1 else _ambiguous(column, cell, ids)
    return found | {cell: gone(column.name, masked(cell), ids[0]) for cell, ids in lost.items()}


def _by_own_id(
    front: Front, column: Column, kinds: Mapping[str, Kind[Any]], cells: Iterable[str]
) -> dict[str, str | Problem]:
    """What cells refer to that are ids of here."""
    asked: dict[str, list[str]] = {}
    for cell in cells:
        kind = kind_named(cell, kinds) if "_" in cell else None
        if kind is not None:
            asked.setdefault(kind.name, []).append(cell)
    found: dict[str, str | Problem] = {}
    for name, ids in asked.items():
        for id, record in front.store.get(kinds[name], ids).items():
            now = _survivor(front, kinds[name], record)
            found[id] = now.id if now.deleted_at is None else gone(column.name, masked(id), now.id)
    return found


def _survivor(front: Front, kind: Kind[Any], record: Record) -> Record:
    """What a record was merged into; itself when it was not."""
    while record.merged_into is not None:
        record = front.store.get(kind, [record.merged_into])[record.merged_into]
    return record


def _held(
    front: Front, kinds: Iterable[Kind[Any]], cells: Collection[str], system: str, *, deleted: bool
) -> dict[str, list[str]]:
    """The records that are known by ids of the other system."""
    found: dict[str, list[str]] = {}
    for kind in kinds if cells else ():
        for cell, id in front.store.holders(kind, f"external.{system}", cells, deleted=deleted).items():
            found.setdefault(cell, []).append(id)
    return found


def masked(cell: str) -> str:
    """A cell as a message may show it: an id, but not what may be somebody's name or address."""
    return cell if ID.fullmatch(cell) else "•••"


def gone(path: str, cell: object, id: str) -> Problem:
    """What is wrong with an id whose record was deleted.

    Args:
        path: Where it stands.
        cell: The id, as a message may show it.
        id: The id of the record here.
    """
    mend = f"it was deleted or merged: restore({id!r}) brings it back, then load again; or take the row out"
    return Problem(path, cell, "the id of a live record", mend)


def _ambiguous(column: Column, cell: str, ids: Iterable[str]) -> Problem:
    return Problem(column.name, masked(cell), "the id of one record", f"give one of {', '.join(ids)} instead")
