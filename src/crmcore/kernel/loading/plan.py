"""The plan of a load: columns are read once each, what they speak of is looked up at once, then row by row.

A row that others of the same table refer to is planned before them. What does not fit is noted with its row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import attrs

from crmcore.kernel.change import Change, applied
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.loading.cells import is_blank
from crmcore.kernel.loading.claims import Claims
from crmcore.kernel.loading.columns import Column, Faults, Source, bound, read_column, read_instants, text_of
from crmcore.kernel.loading.intake import Intake, value_at
from crmcore.kernel.loading.references import Links, gone, masked
from crmcore.kernel.loading.report import LoadReport, MergeProposal, Rejection
from crmcore.kernel.loading.resemblance import resembling
from crmcore.kernel.loading.trees import circling
from crmcore.kernel.records import ANY, Record, part_of
from crmcore.kernel.requirement import Requirement, lacking, requirements
from crmcore.kernel.table import Table
from crmcore.kernel.values import Border, read

__all__ = ["Plan", "Planning"]

STEP = 500
"""After how many rows progress is told."""

Progress = Callable[[int, int], object]
Read = tuple[Column, Sequence[Any]]
"""A column and its values; None where a cell says nothing."""


@attrs.frozen
class Plan:
    """What a load would do.

    Attributes:
        changes: What would be written, in this order.
        report: What would become of every row.
    """

    changes: list[Change[Any]]
    report: LoadReport


@attrs.define(eq=False)
class Planning:
    """A load that is being planned. Rows are known by their places in the table, from 0."""

    desk: Intake[Any]
    table: Table
    source: Source
    border: Border
    opening: Context[Any]
    revising: Context[Any]
    links: Links
    claims: Claims
    faults: Faults = attrs.field(factory=Faults)
    names: dict[str, str] = attrs.field(factory=dict)
    plain: list[Read] = attrs.field(factory=list)
    parts: dict[str, list[Read]] = attrs.field(factory=dict)
    references: list[Read] = attrs.field(factory=list)
    keys: list[str] = attrs.field(factory=list)
    times: list[datetime | None] = attrs.field(factory=list)
    places: dict[str, int] = attrs.field(factory=dict)
    known: dict[int, Record] = attrs.field(factory=dict)
    ids: dict[int, str] = attrs.field(factory=dict)
    rows: dict[int, list[Change[Any]]] = attrs.field(factory=dict)
    _contexts: dict[datetime, Context[Any]] = attrs.field(factory=dict)
    _required: dict[datetime, tuple[Requirement, ...]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, desk: Intake[Any], table: Table, source: Source, context: Context[Any]) -> Self:
        """A load to be planned, its columns read.

        Args:
            desk: The desk.
            table: The rows.
            source: How they are to be understood.
            context: The circumstances.

        Raises:
            Invalid: A column or a field is unknown.
        """
        border = desk.front.border(desk.kind)
        revising = attrs.evolve(context, reason=context.reason or f"import from {source.system}")
        links = Links(desk.front, source, context)
        claims = Claims(desk.kind, desk.front.store, f"external.{source.system}")
        made = cls(desk, table, source, border, context, revising, links, claims)
        made._read(bound(desk, table, source, border))
        return made

    def plan(self, progress: Progress | None = None) -> Plan:
        """Look everything up, plan row by row, sum up.

        Args:
            progress: Told how far it is.
        """
        self._identify()
        for column, cells in self.references:
            self.links.look(column, cells)
        for column, values in self.plain:
            self.claims.look(column.path, values)
        total = self._size
        for count, place in enumerate(self._ordered(), start=1):
            self._take(place)
            if progress is not None and count % STEP == 0 and count < total:
                progress(count, total)
        self._check_trees()
        if progress is not None and total:
            progress(total, total)
        return self._summed_up()

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def _size(self) -> int:
        """How many rows there are to plan."""
        return len(self.table.numbers)

    def _cells(self, name: str) -> Sequence[object]:
        """The cells of a column."""
        return self.table.columns.get(name, (None,) * self._size)

    def _read(self, columns: Sequence[Column]) -> None:
        """Every column, once."""
        told: dict[str, Any] = {"border": self.border, "source": self.source, "fault": self.faults.add}
        for column in columns:
            values = read_column(column, self._cells(column.name), desk=self.desk, **told)
            self.names[column.path if column.part is None else f"{column.path}.{column.part}"] = column.name
            if column.part is not None:
                self.parts.setdefault(column.path, []).append((column, values))
            else:
                refers = column.told.references and not column.told.members
                (self.references if refers else self.plain).append((column, values))
        self.keys = [self._key(place, cell) for place, cell in enumerate(self._cells(self.source.key))]
        at = self.source.at
        self.times = [None] * self._size if at is None else self._times(at)

    def _key(self, place: int, cell: object) -> str:
        """What a row is known by; empty when it can't be."""
        try:
            found = "" if is_blank(cell) else text_of(cell).strip()
        except Invalid as error:
            self._note(place, self.source.key, error.problems)
            return ""
        if not found:
            self.faults.add(place, Problem(self.source.key, None, "an id", "fill it in"))
        return found

    def _times(self, name: str) -> list[datetime | None]:
        """When each row's record came to be."""
        times = read_instants(name, self._cells(name), self.border, self.source, self.faults.add)
        for place, at in enumerate(times):
            if at is not None and at > self.opening.at:
                self.faults.add(place, Problem(name, at.isoformat(), "an instant that has been", "correct the date"))
        return times

    def _note(self, place: int, column: str, problems: Iterable[Problem]) -> None:
        """Note what is wrong with a cell of a column, whose values may be personal elsewhere."""
        told = [one for one, _ in (*self.plain, *self.references) if one.name == column]
        masked = any(one.told.personal for one in told)
        for problem in problems:
            self.faults.add(place, attrs.evolve(problem, path=column, value="•••" if masked else problem.value))

    # --- looking up -------------------------------------------------------------------------------------------------

    def _identify(self) -> None:
        """Which rows are of known records, deleted ones, or the same as earlier rows."""
        store, kind, field = self.desk.front.store, self.desk.kind, f"external.{self.source.system}"
        for place, key in enumerate(self.keys):
            first = self.places.setdefault(key, place) if key else place
            if first != place:
                expected = f"an id of its own; row {self.table.numbers[first]} has it too"
                self._note(place, self.source.key, [Problem("key", key, expected, "take one of the rows out")])
        held = store.holders(kind, field, self.places)
        records = store.get(kind, held.values())
        lost = store.holders(kind, field, [key for key in self.places if key not in held], deleted=True)
        for key, id in held.items():
            self.known[self.places[key]], self.ids[self.places[key]] = records[id], id
        for key, id in lost.items():
            self._note(self.places[key], self.source.key, [gone("key", key, id)])

    def _ordered(self) -> Iterator[int]:
        """Every row, after those of the same table it refers to."""
        waits: dict[int, int] = {}
        waiters: dict[int, list[int]] = {}
        for column, cells in self.references:
            if not {self.desk.kind.name, ANY}.isdisjoint(column.told.references):
                for place, cell in enumerate(cells):
                    target = None if cell in self.links.found[column.path] else self.places.get(cell)
                    if target is not None and self.keys[place]:
                        waits[place] = waits.get(place, 0) + 1
                        waiters.setdefault(target, []).append(place)
        ready = deque(place for place in range(self._size) if place not in waits)
        while ready:
            place = ready.popleft()
            yield place
            for other in waiters.pop(place, ()):
                waits[other] -= 1
                if not waits[other]:
                    ready.append(other)
        for place in sorted({other for others in waiters.values() for other in others}):
            expected = "rows that do not refer to each other in a circle"
            self.faults.add(place, Problem("row", "a circle", expected, "leave one reference out"))

    # --- row by row -------------------------------------------------------------------------------------------------

    def _take(self, place: int) -> None:
        """Plan what a row changes, or note why it can't."""
        made: list[tuple[str, str]] = []
        said = self._said(place, made)
        if place in self.faults:
            return
        known = self.known.get(place)
        try:
            changes = list(self.desk.stated(known, said, self._circumstances(place, known)))
        except (Invalid, NotAllowed) as error:
            self._refuse(place, error)
            return
        problems = [*self._strangers(changes), *self._clashes(changes), *self._lacked(known, changes)]
        for problem in problems:
            self.faults.add(place, attrs.evolve(problem, path=self._column(problem.path)))
        if not problems:
            self._accept(place, known, changes, made)

    def _said(self, place: int, made: list[tuple[str, str]]) -> dict[str, Any]:
        """What a row says, by field."""
        said: dict[str, Any] = {}
        for column, values in self.plain:
            value = values[place]
            if value is not None:
                said.update(value if column.told.members else {column.path: value})
        for column, values in self.references:
            if values[place] is not None:
                found = self._referred(column, values[place], made)
                if isinstance(found, Problem):
                    self.faults.add(place, found)
                else:
                    said[column.path] = found
        for path, columns in self.parts.items():
            told = {column.part: values[place] for column, values in columns if values[place] is not None}
            if told:
                said |= self._part(place, path, told)
        said[self.claims.key] = self.keys[place]
        return said

    def _referred(self, column: Column, cell: str, made: list[tuple[str, str]]) -> str | Problem:
        """The id of the record a cell leads to, or why there is none."""
        found = self.links.found[column.path].get(cell)
        if found is not None:
            return found
        own = {self.desk.kind.name, ANY}.isdisjoint(column.told.references)
        place = None if own else self.places.get(cell)
        if place is not None:
            row = f"take row {self.table.numbers[place]} up as well, which has it"
            missing = Problem(column.name, masked(cell), "the id of a row that is taken", row)
            return self.ids.get(place, missing)
        if not self.links.makes(column):
            return self.links.unknown(column, cell)
        try:
            named = self.links.make(column, cell)
        except Invalid as error:
            return attrs.evolve(error.problems[0], path=column.name)
        made.append(named)
        return self.links.id_of(named)

    def _part(self, place: int, path: str, told: Mapping[str | None, Any]) -> dict[str, Any]:
        """A part of which a row tells some fields; a known one keeps the others."""
        known = self.known.get(place)
        before: Any = None if known is None else value_at(known, path)
        cls: type = type(before)
        kept = {} if before is None else {name: getattr(before, name) for name in part_of(cls)}
        try:
            return read(self.desk.kind, {path: {**kept, **told}}, border=self.border)
        except Invalid as error:
            self._refuse(place, error)
            return {}

    def _circumstances(self, place: int, known: Record | None) -> Context[Any]:
        """The circumstances of a row."""
        at = self.times[place]
        if known is not None:
            return self.revising
        if at is None:
            return self.opening
        if at not in self._contexts:
            self._contexts[at] = attrs.evolve(self.opening, at=at)
        return self._contexts[at]

    def _refuse(self, place: int, error: Invalid | NotAllowed) -> None:
        """Note why a row can't be taken."""
        found = error.problems or [Problem("row", None, "what the record allows", str(error))]
        for problem in found:
            self.faults.add(place, attrs.evolve(problem, path=self._column(problem.path)))

    def _column(self, path: str) -> str:
        """The column that tells of a field; the field itself when none does."""
        return self.names.get(path, path)

    def _strangers(self, changes: Sequence[Change[Any]]) -> Iterator[Problem]:
        """What is wrong when an act makes another kind."""
        if changes and changes[0].kind != self.desk.kind.name:
            mend = f"give {self.desk.kind.name} a desk with acts of its own"
            yield Problem("row", changes[0].kind, f"an act that makes a {self.desk.kind.name}", mend)

    def _clashes(self, changes: Sequence[Change[Any]]) -> Iterator[Problem]:
        """The values that other records have and may not be shared."""
        for change in changes:
            if change.kind == self.desk.kind.name:
                yield from self.claims.taken(change)

    def _lacked(self, known: Record | None, changes: Sequence[Change[Any]]) -> list[Problem]:
        """The custom fields that a row would bring its record into lacking."""
        mine = [change for change in changes if change.kind == self.desk.kind.name]
        if not mine or not any(told.needed for told in self.border.custom.values()):
            return []
        after = known
        for change in mine:
            after = applied(self.desk.kind, after, change)
        assert after is not None
        return lacking(known, after, self._needs(mine[-1].at))

    def _needs(self, at: datetime) -> tuple[Requirement, ...]:
        """The custom fields that records need at an instant."""
        if at not in self._required:
            business = {"currency": self.border.currency, "zone": self.border.zone}
            self._required[at] = requirements(self.desk.kind, self.border.custom, at=at, **business)
        return self._required[at]

    def _accept(
        self, place: int, known: Record | None, changes: list[Change[Any]], made: Sequence[tuple[str, str]]
    ) -> None:
        """Take a row up."""
        self.rows[place] = changes
        self.ids.setdefault(place, changes[0].id if changes else "")
        self.links.use(made, min((change.at for change in changes), default=self.opening.at))
        for change in changes:
            if change.kind == self.desk.kind.name:
                self.claims.take(change, known)

    def _check_trees(self) -> None:
        """Refuse known records that would come to stand above themselves."""
        for path in self.desk.trees:
            above = {
                change.id: change.sets[path]
                for place, changes in self.rows.items()
                for change in changes
                if change.id == self.ids[place] and path in change.sets
            }
            moved = {self.ids[place]: place for place in self.known if self.ids[place] in above}
            for id in circling(self.desk.kind, self.desk.front.store, path, above, moved):
                del self.rows[moved[id]]
                problem = Problem(self._column(path), above[id], "a record that is not beneath this one", "cut it")
                self.faults.add(moved[id], problem)

    # --- the sum ----------------------------------------------------------------------------------------------------

    def _summed_up(self) -> Plan:
        """What would be written, and what would become of every row."""
        rejections = self._rejections()
        fresh = {place for place in self.rows if place not in self.known}
        proposals = self._proposals()
        proposed = len({one.row for one in proposals})
        changed = sum(bool(changes) for place, changes in self.rows.items() if place in self.known)
        made = self.links.changes
        report = LoadReport(
            kind=self.desk.kind.name,
            plural=self.desk.kind.plural,
            rows=self._size + len(self.table.misfits),
            kept=len(fresh) - proposed,
            changed=changed,
            unchanged=len(self.rows) - len(fresh) - changed,
            proposed=proposed,
            rejected=len(self.faults) + len(self.table.misfits),
            rejections=rejections,
            proposals=proposals,
            created=len(made),
            ignored=self._ignored(),
        )
        return Plan([*made, *(change for changes in self.rows.values() for change in changes)], report)

    def _rejections(self) -> tuple[Rejection, ...]:
        """Every reason against a row, in the order of the rows."""
        numbers = self.table.numbers
        every = [(number, problem) for number, problem in self.table.misfits.items()]
        every += [(numbers[place], problem) for place, problems in self.faults.items() for problem in problems]
        return tuple(
            Rejection(number, None if one.path == "row" else one.path, one.value, one.expected, one.mend)
            for number, one in sorted(every, key=lambda each: each[0])
        )

    def _proposals(self) -> tuple[MergeProposal, ...]:
        """The new records that may be others."""
        if not self.desk.matching:
            return ()
        written = {place: changes[0] for place, changes in self.rows.items() if changes}
        return tuple(MergeProposal(self.table.numbers[place], *rest) for place, *rest in resembling(self.desk, written))

    def _ignored(self) -> tuple[str, ...]:
        """The columns nobody read."""
        read_ones = {*self.names.values(), self.source.key, self.source.at}
        return tuple(name for name in (*self.table.columns, *self.table.others) if name not in read_ones)
