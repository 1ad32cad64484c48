"""The plan of a load: what its rows speak of is looked up at once, then every row becomes the changes it means.

A row that others of the same table refer to is planned before them. When all are planned, whatever would speak
against writing them is asked, and the rows that bring it about are left out, until nothing does.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.loading.claims import clashes
from crmcore.kernel.loading.intake import Intake, value_at
from crmcore.kernel.loading.references import Links, Named, Reference, gone
from crmcore.kernel.loading.sheet import Sheet, masked
from crmcore.kernel.outcome import Objection
from crmcore.kernel.pointing import pointed, pointed_before, repointed
from crmcore.kernel.records import Record

__all__ = ["Planning"]

STEP = 500
"""After how many rows progress is told."""

Progress = Callable[[int, int], object]


@attrs.define(eq=False)
class Planning:
    """A load that is being planned. Rows are known by their places in the table, from 0.

    Attributes:
        desk: The desk.
        sheet: The rows.
        context: The circumstances.
        known: The records that rows are about, and were there before.
        rows: What the rows that are taken change, in the order they are written.
        changes: Everything that would be written.
    """

    desk: Intake[Any]
    sheet: Sheet
    context: Context[Any]
    links: Links
    known: dict[int, Record] = attrs.field(factory=dict)
    rows: dict[int, list[Change[Any]]] = attrs.field(factory=dict)
    changes: Sequence[Change[Any]] = ()
    _places: dict[str, int] = attrs.field(factory=dict)
    """The row of each key."""
    _leaning: dict[int, list[tuple[int, Reference]]] = attrs.field(factory=dict)
    """The rows that refer to each row of a new record."""
    _naming: dict[int, list[Named]] = attrs.field(factory=dict)
    """The records that each row has made."""

    @classmethod
    def of(cls, desk: Intake[Any], sheet: Sheet, context: Context[Any]) -> Planning:
        """A load to be planned.

        Args:
            desk: The desk.
            sheet: The rows.
            context: The circumstances.
        """
        return cls(desk, sheet, context, Links.of(desk.front, sheet, context))

    def run(self, progress: Progress | None = None) -> None:
        """Plan every row, and leave out what can't be written.

        Args:
            progress: Told how far it is.
        """
        self._identify()
        said = [self.sheet.said(place, self.known.get(place)) for place in range(self.sheet.table.size)]
        self.links.look(said)
        total = len(said)
        for count, place in enumerate(self._ordered(said), start=1):
            self._take(place, said[place])
            if progress is not None and count % STEP == 0 and count < total:
                progress(count, total)
        self._settle()
        if progress is not None and total:
            progress(total, total)

    @property
    def made(self) -> list[Change[Any]]:
        """The changes that make the records which rows that are taken name, since the first of these."""
        since: dict[Named, list[Change[Any]]] = {}
        for place, some in self._naming.items():
            for named in some if place in self.rows else ():
                since.setdefault(named, []).extend(self.rows[place])
        return [self.links.made(named, min((one.at for one in some), default=None)) for named, some in since.items()]

    @functools.cached_property
    def _revising(self) -> Context[Any]:
        """The circumstances of rows about known records."""
        return attrs.evolve(self.context, reason=self.context.reason or f"import from {self.sheet.source.system}")

    # --- looking up -------------------------------------------------------------------------------------------------

    def _identify(self) -> None:
        """Which rows are of known records, deleted ones, or the same as earlier rows."""
        front, kind, source = self.desk.front, self.desk.kind, self.sheet.source
        numbers = self.sheet.table.numbers
        for place, key in enumerate(self.sheet.keys):
            first = self._places.setdefault(key, place) if key else place
            if first != place:
                expected = f"an id of its own; row {numbers[first]} has it too"
                problem = Problem(source.key, masked(key), expected, "take one of the rows out")
                self.sheet.faults.add(place, problem)
        held = front.store.holders(kind, source.field, self._places)
        records = front.store.get(kind, held.values())
        lost = front.store.holders(kind, source.field, [key for key in self._places if key not in held], deleted=True)
        self.known = {self._places[key]: records[id] for key, id in held.items()}
        for key, id in lost.items():
            self.sheet.faults.add(self._places[key], gone(source.key, key, id))

    def _row(self, reference: Reference) -> int | None:
        """The row of a new record that a cell may lead to; None when it leads to no row of the table."""
        place = self._places.get(reference.cell) if self.desk.kind.name in reference.kinds else None
        return None if place in self.known or self.links.lost(reference) else place

    def _ordered(self, said: Sequence[Mapping[str, Any]]) -> Iterator[int]:
        """Every row, after those of the same table it refers to."""
        waits: dict[int, int] = {}
        waiters: dict[int, list[int]] = {}
        for place, one in enumerate(said):
            for reference in self.links.references(one):
                target = self._row(reference)
                if target is not None and self.sheet.keys[place]:
                    waits[place] = waits.get(place, 0) + 1
                    waiters.setdefault(target, []).append(place)
        ready = deque(place for place in range(len(said)) if place not in waits)
        while ready:
            place = ready.popleft()
            yield place
            for other in waiters.pop(place, ()):
                waits[other] -= 1
                if not waits[other]:
                    ready.append(other)
        for place in sorted({other for others in waiters.values() for other in others}):
            expected = "rows that do not refer to each other in a circle"
            self.sheet.faults.add(place, Problem("row", "a circle", expected, "leave one reference out"))

    # --- row by row -------------------------------------------------------------------------------------------------

    def _take(self, place: int, said: Mapping[str, Any]) -> None:
        """Plan what a row changes, or note why it can't."""
        known = self.known.get(place)
        self._check_began(place, known)
        told = self._linked(place, said)
        if place in self.sheet.faults:
            return
        try:
            changes = list(self.desk.stated(known, told, self._circumstances(place, known)))
            self._check_own(known, changes)
        except (Invalid, NotAllowed) as error:
            for problem in error.problems or [Problem("row", None, "what the record allows", str(error))]:
                self._object(place, problem)
        else:
            self.rows[place] = changes

    def _check_began(self, place: int, known: Record | None) -> None:
        """Note when a known record is said to have come to be at another time than it was recorded."""
        at, field = self.sheet.times[place], self.desk.happened
        if at is None or known is None:
            return
        if field is not None:
            began: Any = value_at(known, field)
        else:
            first, *_ = self.desk.front.store.changes(kind=self.desk.kind.name, id=known.id, limit=1)
            began = first.at
        if began != at:
            expected = f"{began.isoformat()}, as it was recorded"
            problem = Problem(self.sheet.source.at or "", at.isoformat(), expected, "correct the row")
            self.sheet.faults.add(place, problem)

    def _linked(self, place: int, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a row says, the cells that refer to other records replaced by their ids."""
        ids: dict[str, str] = {}
        problems = 0
        for reference in self.links.references(said):
            found = self._led(place, reference)
            if isinstance(found, Problem):
                self._object(place, found)
                problems += 1
            else:
                ids[reference.path] = found
        if not ids or problems:
            return said
        return dict(repointed(self.desk.kind, name, value, ids) for name, value in said.items())

    def _led(self, place: int, reference: Reference) -> str | Problem:
        """The id of the record a cell leads to, or why there is none. What the row's record refers to stays so."""
        known, row = self.known.get(place), self._row(reference)
        live, lost = self.links.found(reference), self.links.lost(reference)
        if known is not None:
            of_old = [one for one in (reference.cell, *live, *lost) if self._refers(known, reference.path, one)]
            if len({*of_old}) == 1:
                return of_old[0]
        if row is not None:
            if row not in self.rows:
                return self._missing(reference, row)
            self._leaning.setdefault(row, []).append((place, reference))
            live = (*live, self.rows[row][0].id)
        if len(live) == 1:
            return live[0]
        if live:
            return self.links.ambiguous(reference, live)
        if lost:
            return gone(reference.path, reference.cell, lost[0])
        return self._made(place, reference) if self.links.makes(reference) else self.links.unknown(reference)

    def _refers(self, known: Record, path: str, id: str) -> bool:
        """Whether a record refers to another already, in that field."""
        return pointed_before(self.desk.kind, known, path, id)

    def _missing(self, reference: Reference, row: int) -> Problem:
        """What is wrong with a cell that leads to a row which is not taken."""
        mend = f"take row {self.sheet.table.numbers[row]} up as well, which has it"
        return Problem(reference.path, masked(reference.cell), "the id of a row that is taken", mend)

    def _made(self, place: int, reference: Reference) -> str | Problem:
        """The id of a record that is made as a cell names it."""
        try:
            named = self.links.make(reference)
        except Invalid as error:
            return attrs.evolve(error.problems[0], path=reference.path, value=masked(reference.cell))
        self._naming.setdefault(place, []).append(named)
        return self.links.made(named).id

    def _circumstances(self, place: int, known: Record | None) -> Context[Any]:
        """The circumstances of a row."""
        if known is not None:
            return self._revising
        at = self.sheet.times[place]
        return self.context if at is None else attrs.evolve(self.context, at=at)

    def _check_own(self, known: Record | None, changes: Sequence[Change[Any]]) -> None:
        """Refuse an act that makes another kind."""
        name, made = self.desk.kind.name, changes[0].kind if changes else None
        if known is None and made != name:
            mend = f"give {name} a desk with acts of its own"
            raise Invalid([Problem("row", made, f"an act that makes a {name}", mend)])

    def _object(self, place: int, problem: Problem) -> None:
        """Note what is wrong with a row, said of its column."""
        path = problem.path if problem.path == "row" else self.sheet.column(problem.path)
        self.sheet.faults.add(place, attrs.evolve(problem, path=path))

    # --- all together -----------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Leave out the rows that bring about what can't be, until all the others can."""
        front = self.desk.front
        while True:
            mine = [*self.made, *(change for changes in self.rows.values() for change in changes)]
            self.changes = [*mine, *self.desk.along(mine, self.context)]
            found = front.objections(self.changes) or [*clashes(self.changes, front.kinds, front.store)]
            if not found:
                return
            owners = {change.id: place for place, some in self.rows.items() for change in some}
            for objection in found:
                self._heed(objection, owners)

    def _heed(self, objection: Objection, owners: Mapping[str, int]) -> None:
        """Leave out the rows that an objection concerns; when it is to another record, those that refer to it."""
        problem = objection.problem
        mine = dict.fromkeys(owners[id] for id in objection.ids if id in owners)
        for place in mine:
            self._object(place, problem)
            self._leave_out(place)
        for place, path in () if mine else self._referring({*objection.ids}):
            kind = objection.ids[0].rpartition("_")[0]
            expected = f"a {kind} that can be so; its {problem.path} should be {problem.expected}"
            self._object(place, attrs.evolve(problem, path=path, value="•••", expected=expected))
            mine[place] = None
            self._leave_out(place)
        if not mine:
            raise Invalid([problem])

    def _referring(self, ids: set[str]) -> list[tuple[int, str]]:
        """The rows that refer to some records, each with the field."""
        kinds = self.desk.front.kinds
        return [
            (place, path)
            for place, changes in self.rows.items()
            for change in changes
            for name, value in change.sets.items()
            for path, id, _ in pointed(kinds[change.kind], name, value)
            if id in ids
        ]

    def _leave_out(self, place: int) -> None:
        """Take a row out again, and those that refer to the record it would have made."""
        todo = [place]
        while todo:
            row = todo.pop()
            self.rows.pop(row, None)
            for other, reference in self._leaning.pop(row, ()):
                if other in self.rows:
                    self._object(other, self._missing(reference, row))
                    todo.append(other)
