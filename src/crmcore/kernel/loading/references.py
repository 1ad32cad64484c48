"""What rows refer to: records of here, by the ids they have here or in the system the rows come from, or by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Problem
from crmcore.kernel.fields import ANY
from crmcore.kernel.front import Front
from crmcore.kernel.loading.sheet import Sheet, masked
from crmcore.kernel.loading.source import Source
from crmcore.kernel.pointing import pointed, pointing
from crmcore.kernel.ports import Store
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import Kind, Record, kind_named
from crmcore.kernel.values import read

__all__ = ["Links", "Named", "Reference", "gone"]

Named: TypeAlias = tuple[str, str]
"""A kind, and what a record of it is called, without regard to capitals and blanks."""


@attrs.frozen
class Reference:
    """A cell that refers to another record.

    Attributes:
        path: Where it stands: a field, or a place in one.
        cell: What it says.
        kinds: The kinds that record may be of.
    """

    path: str
    cell: str
    kinds: tuple[str, ...]

    @property
    def field(self) -> str:
        """The field, without the place in a list."""
        return re.sub(r"\[\d+\]", "", self.path)


@attrs.define(eq=False)
class Links:
    """The records that the references of rows lead to.

    Attributes:
        front: The front door.
        kind: The kind of the rows.
        source: How the rows are to be understood.
        context: The circumstances.
    """

    front: Front
    kind: Kind[Any]
    source: Source
    context: Context[Any]
    _fields: frozenset[str]
    _live: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = attrs.field(factory=dict)
    _lost: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = attrs.field(factory=dict)
    _named: dict[str, dict[str, list[str]]] = attrs.field(factory=dict)
    _made: dict[Named, Change[Any]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, front: Front, sheet: Sheet, context: Context[Any]) -> Links:
        """The links of a sheet.

        Args:
            front: The front door.
            sheet: The sheet.
            context: The circumstances.
        """
        fields = {column.path.partition(".")[0] for column in sheet.columns} & pointing(sheet.kind).keys()
        return cls(front, sheet.kind, sheet.source, context, frozenset(fields))

    def references(self, said: Mapping[str, Any]) -> Iterator[Reference]:
        """The cells of a row that refer to other records.

        Args:
            said: What the row says, by field.
        """
        for name, value in said.items() if self._fields else ():
            if name.partition(".")[0] in self._fields:
                for path, cell, kinds in pointed(self.kind, name, value):
                    found = Reference(path, cell, kinds)
                    named = self.source.kinds.get(found.field) if self.source.kinds else None
                    yield found if named is None else Reference(path, cell, (named,))

    def look(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Find what rows refer to, all at once.

        Args:
            rows: What each says, by field.
        """
        asked: dict[tuple[str, ...], dict[str, None]] = {}
        called: dict[str, set[str]] = {}
        for said in rows:
            for one in self.references(said):
                asked.setdefault(one.kinds, {})[one.cell] = None
                if self.makes(one):
                    called.setdefault(one.kinds[0], set()).add(one.cell)
        for kinds, cells in asked.items():
            self._live[kinds], self._lost[kinds] = self._led(kinds, cells)
        for name, names in called.items():
            if not names <= self._live[name,].keys():
                self._named[name] = _names(self.front, name)

    def found(self, reference: Reference) -> tuple[str, ...]:
        """The ids of the live records that a cell may lead to.

        Args:
            reference: The cell.
        """
        live = self._live[reference.kinds].get(reference.cell, ())
        if live or not self.makes(reference):
            return live
        return tuple(self._named[reference.kinds[0]].get(_folded(reference.cell), ()))

    def lost(self, reference: Reference) -> tuple[str, ...]:
        """The ids of the deleted records that a cell may lead to.

        Args:
            reference: The cell.
        """
        return self._lost[reference.kinds].get(reference.cell, ())

    def _led(
        self, kinds: tuple[str, ...], cells: Collection[str]
    ) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
        """The live and the deleted records that cells lead to: by their ids here, else by those of the other system.

        Where a reference may be of any kind, ids of the other system never lead to the kind of the rows.
        """
        every = self.front.kinds if ANY in kinds else {name: self.front.kinds[name] for name in kinds}
        live, lost = _by_own_id(self.front.store, every, cells)
        rest = [cell for cell in cells if cell not in live and cell not in lost]
        others = [kind for kind in every.values() if ANY not in kinds or kind is not self.kind]
        for found, deleted in ((live, False), (lost, True)):
            asked = [cell for cell in rest if cell not in live]
            for kind in others if asked else ():
                held = self.front.store.holders(kind, self.source.field, asked, deleted=deleted)
                for cell, id in held.items():
                    found[cell] = (*found.get(cell, ()), id)
        return live, lost

    # --- records that rows name -------------------------------------------------------------------------------------

    def makes(self, reference: Reference) -> bool:
        """Whether the record a cell names is made when it is not there.

        Args:
            reference: The cell.
        """
        return reference.path in self.source.create

    def make(self, reference: Reference) -> Named:
        """Plan a record that is called as a cell says.

        Args:
            reference: The cell.

        Raises:
            Invalid: It can't be called so.
        """
        kind, name = self.front.kinds[reference.kinds[0]], reference.cell
        named = (kind.name, _folded(name))
        if named not in self._made:
            made: Change[Any] = self.context.created(kind.cls, "imported")
            sets = {"name": name, self.source.field: name}
            self._made[named] = evolved(made, sets=read(kind, sets, border=self.front.border(kind), new=True))
        return named

    def made(self, named: Named, at: datetime | None = None) -> Change[Any]:
        """The change that makes a planned record.

        Args:
            named: As ``make`` gave it.
            at: Since when it is there; None for now.
        """
        return evolved(self._made[named], at=at or self.context.at)

    # --- what is wrong ----------------------------------------------------------------------------------------------

    def unknown(self, reference: Reference) -> Problem:
        """What is wrong with a cell that leads nowhere.

        Args:
            reference: The cell.
        """
        some = " or ".join(self.front.kinds[name].plural for name in reference.kinds if name != ANY) or "records"
        expected = f"the id of one of the {some}, here or in {self.source.system}"
        mend = f"load the {some.replace(' or ', ' and ')} first"
        return Problem(reference.path, masked(reference.cell), expected, mend)

    def ambiguous(self, reference: Reference, ids: Iterable[str]) -> Problem:
        """What is wrong with a cell that may lead to several records.

        Args:
            reference: The cell.
            ids: Their ids.
        """
        kind = kind_named(next(iter(ids)), self.front.kinds)
        several = len({kind_named(id, self.front.kinds) for id in ids}) > 1
        say = f'say which kind it is: kinds={{"{reference.field}": "{kind and kind.name}"}}, or ' if several else ""
        mend = f"{say}give one of {', '.join(ids)} instead"
        return Problem(reference.path, masked(reference.cell), "what leads to one record", mend)


def _names(front: Front, name: str) -> dict[str, list[str]]:
    """The live records of a kind by what they are called."""
    found: dict[str, list[str]] = {}
    for record in Reading(front.kinds[name], front).each():
        found.setdefault(_folded(record.name), []).append(record.id)
    return found


def _folded(name: str) -> str:
    """A name as it is compared with others."""
    return " ".join(name.split()).casefold()


def _by_own_id(
    store: Store, kinds: Mapping[str, Kind[Any]], cells: Iterable[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """The live and the deleted records whose ids here cells are."""
    asked: dict[str, list[str]] = {}
    for cell in cells:
        kind = kind_named(cell, kinds) if "_" in cell else None
        if kind is not None:
            asked.setdefault(kind.name, []).append(cell)
    live: dict[str, tuple[str, ...]] = {}
    lost: dict[str, tuple[str, ...]] = {}
    for name, ids in asked.items():
        for id, record in store.get(kinds[name], ids).items():
            now = _survivor(store, kinds[name], record)
            (live if now.deleted_at is None else lost)[id] = (now.id,)
    return live, lost


def _survivor(store: Store, kind: Kind[Any], record: Record) -> Record:
    """What a record was merged into; itself when it was not."""
    while record.merged_into is not None:
        record = store.get(kind, [record.merged_into])[record.merged_into]
    return record


def gone(path: str, cell: object, id: str) -> Problem:
    """What is wrong with an id whose record was deleted.

    Args:
        path: Where it stands.
        cell: The id.
        id: The id of the record here.
    """
    mend = f"it was deleted or merged: restore({id!r}) brings it back, then load again; or take the row out"
    return Problem(path, masked(cell), "the id of a live record", mend)
