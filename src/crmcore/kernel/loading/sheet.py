"""The sheet of a load: every cell of a table read once, column by column, and what each row says of its record."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import Field, part_of
from crmcore.kernel.instants import instant
from crmcore.kernel.loading.cells import Cells
from crmcore.kernel.loading.columns import Column, bound
from crmcore.kernel.loading.intake import Intake, value_at
from crmcore.kernel.loading.source import Source
from crmcore.kernel.missing import is_missing, unwrapped
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.table import Table
from crmcore.kernel.values import LARGEST_INTEGER, Border, read, read_text

__all__ = ["Faults", "Sheet", "masked"]

OURS = re.compile(r"[a-z][a-z0-9_]*_[0-9a-f]*\d[0-9a-f]*", re.ASCII)
"""What an id of here looks like."""

Read = tuple[Column, Sequence[Any]]
"""A column and its values; None where a cell says nothing."""

Fault = Callable[[int, Problem], None]
"""Told of a row, by its place in the table, and what is wrong with it."""


class Faults(dict[int, list[Problem]]):
    """What is wrong with rows, by their place in the table."""

    def add(self, place: int, problem: Problem) -> None:
        """Note one thing.

        Args:
            place: The row.
            problem: What is wrong with it; its path is the column.
        """
        self.setdefault(place, []).append(problem)


def masked(cell: object) -> object:
    """An id as a message may show it: one of here, but none of elsewhere, which may be somebody's name or address.

    Args:
        cell: The id.
    """
    return cell if cell is None or (isinstance(cell, str) and OURS.fullmatch(cell)) else "•••"


@attrs.frozen(eq=False)
class Sheet:
    """The rows of a table, read. They are known by their places, from 0.

    Attributes:
        kind: The kind of the records.
        table: The table.
        source: How it is to be understood.
        border: How values are read.
        faults: What is wrong with rows.
        keys: What each row is known by; empty where it can't be.
        times: When each row's record came to be; None where that is not told.
    """

    kind: Kind[Any]
    table: Table
    source: Source
    border: Border
    faults: Faults
    keys: Sequence[str]
    times: Sequence[datetime | None]
    _plain: Sequence[Read]
    _parts: Mapping[str, Sequence[Read]]

    @classmethod
    def of(cls, desk: Intake[Any], table: Table, source: Source, now: datetime) -> Self:
        """The rows of a table for the records of a desk.

        Args:
            desk: The desk.
            table: The table.
            source: How it is to be understood.
            now: What time it is.

        Raises:
            Invalid: A column or a field is unknown.
        """
        border, faults = desk.front.border(desk.kind), Faults()
        plain: list[Read] = []
        parts: dict[str, list[Read]] = {}
        for column in bound(desk, table, source, border):
            read_one = _reader(column, desk.kind, border, source)
            values = _clean(column, table, desk.kind) or _each(column, table.cells(column.name), read_one, faults.add)
            (plain if column.part is None else parts.setdefault(column.path, [])).append((column, values))
        keys = [_key(cell, source.key, place, faults.add) for place, cell in enumerate(table.cells(source.key))]
        times = (
            [None] * table.size if source.at is None else _times(table.cells(source.at), source, border, now, faults)
        )
        return cls(desk.kind, table, source, border, faults, keys, times, plain, parts)

    @property
    def columns(self) -> Iterator[Column]:
        """The columns that are read."""
        yield from (column for each in (self._plain, *self._parts.values()) for column, _ in each)

    def column(self, path: str) -> str:
        """What the column that tells of a field is called; the field itself when none does.

        Args:
            path: The field, or a place in it: ``"lines[0].price"``.
        """
        names = {self.source.field: self.source.key}
        names |= {f"{one.path}.{one.part}" if one.part else one.path: one.name for one in self.columns}
        whole = path
        while whole not in names and ("." in whole or "[" in whole):
            whole = whole[: max(whole.rfind("."), whole.rfind("["))]
        return names.get(whole, whole) + path[len(whole) :]

    def said(self, place: int, known: Record | None) -> dict[str, Any]:
        """What a row says, by field; what it says twice is noted.

        Args:
            place: The row.
            known: The record it is about; None for a new one.
        """
        said: dict[str, Any] = {}
        for column, values in self._plain:
            value = values[place]
            if value is not None:
                for path, one in value.items() if column.told.members else ((column.path, value),):
                    if said.setdefault(path, one) != one:
                        problem = Problem(column.name, "•••", "what another column says too", "leave one of them out")
                        self.faults.add(place, problem)
        for path, columns in self._parts.items():
            told = {column.part: values[place] for column, values in columns if values[place] is not None}
            if told:
                said |= self._part(place, path, {**_held(said.get(path, known and value_at(known, path))), **told})
        said[self.source.field] = self.keys[place]
        return said

    def _part(self, place: int, path: str, told: Mapping[Any, Any]) -> Mapping[str, Any]:
        """A part of which a row tells some fields; those it does not tell stay as they are."""
        try:
            return read(self.kind, {path: told}, border=self.border)
        except Invalid as error:
            for problem in error.problems:
                self.faults.add(place, attrs.evolve(problem, path=self.column(problem.path)))
            return {}


def _held(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any part
    """The fields of a part; none without one."""
    return {} if value is None else {name: getattr(value, name) for name in part_of(type(value))}  # type: ignore[arg-type]


# --- keys and times ---------------------------------------------------------------------------------------------------


def _key(cell: object, name: str, place: int, fault: Fault) -> str:
    """What a row is known by; empty when it can't be."""
    try:
        found = "" if is_missing(cell) else _text_of(cell).strip()
    except Invalid as error:
        for problem in error.problems:
            fault(place, attrs.evolve(problem, path=name, value=masked(cell)))
        return ""
    if not found:
        fault(place, Problem(name, None, "an id", "fill it in"))
    return found


def _times(
    cells: Sequence[object], source: Source, border: Border, now: datetime, faults: Faults
) -> list[datetime | None]:
    """When each row's record came to be."""
    convert = Cells(border.currency, border.zone, source.date_format).instant

    def one(cell: Any) -> datetime:  # noqa: ANN401 - a cell is anything
        return convert(cell) if isinstance(cell, str) else instant(cell, zone=border.zone)

    name = source.at or ""
    column = Column(name, name, Field(name=name, type="instant", optional=True, required=False))
    times: list[datetime | None] = _each(column, cells, one, faults.add)
    for place, at in enumerate(times):
        if at is not None and at > now:
            faults.add(place, Problem(name, at.isoformat(), "an instant that has been", "correct the date"))
    return times


# --- cells ------------------------------------------------------------------------------------------------------------


def _reader(column: Column, kind: Kind[Any], border: Border, source: Source) -> Callable[[Any], Any]:
    """What reads a cell of a column."""
    if column.told.references and not column.told.members:
        return _referred
    convert = Cells(border.currency, border.zone, source.date_format).reader(column.told.type)

    def one(cell: Any) -> Any:  # noqa: ANN401 - a cell is anything
        value = convert(cell) if convert is not None and isinstance(cell, str) else cell
        if not column.own or column.part is not None:
            return value
        read_as = read(kind, {column.path: value}, border=border)
        return read_as if column.told.members else read_as[column.path]

    return one


def _is_plain_text(column: Column, kind: Kind[Any]) -> bool:
    """Whether a column holds texts of which only length and letters are asked."""
    told = kind.fields.get(column.path) if column.own and column.part is None else None
    state = kind.lifecycle is not None and kind.lifecycle[0] == column.path
    return told is not None and told.type == "text" and not told.references and not state


def _referred(cell: object) -> str:
    """What a cell says of another record: its id here or elsewhere."""
    return cell.id if isinstance(cell, Record) else _text_of(cell)


def _text_of(cell: object) -> str:
    """An id as text, though it may be a whole number."""
    plain = unwrapped(cell)
    return read_text(str(plain) if type(plain) is int and abs(plain) < LARGEST_INTEGER else plain, path="id")


def _clean(column: Column, table: Table, kind: Kind[Any]) -> list[str | None] | None:
    """A column of plain text in one go; None when it is none, or a cell needs a closer look."""
    if not _is_plain_text(column, kind):
        return None
    longest = column.told.longest
    try:
        found = [cell.strip() or None for cell in table.cells(column.name)]  # type: ignore[attr-defined]
        read_text("".join(cell for cell in found if cell is not None), longest=longest * len(found) + 1)
    except (AttributeError, TypeError, Invalid):
        return None
    kept = [cell for cell in found if cell is not None]
    return found if max(map(len, kept), default=0) <= longest else None


def _each(column: Column, cells: Sequence[object], one: Callable[[Any], Any], fault: Fault) -> list[Any]:
    """Each cell read, every text once."""
    known: dict[str, Any] = {}
    found: list[Any] = []
    for place, cell in enumerate(cells):
        value = None
        if not is_missing(cell):
            text = cell.strip() if isinstance(cell, str) else None
            try:
                if text is None:
                    value = one(unwrapped(cell))
                elif text in known:
                    value = known[text]
                else:
                    value = known[text] = one(text)
            except Invalid as error:
                for problem in error.problems:
                    fault(place, _placed(problem, column, cell))
        found.append(value)
    return found


def _placed(problem: Problem, column: Column, cell: object) -> Problem:
    """A problem with a cell, said of its column, and of the place within it; of somebody's without the value."""
    within = problem.path.removeprefix(column.path) if problem.path.startswith(column.path) else ""
    shown = problem.value if not column.told.references else masked(cell)
    return attrs.evolve(problem, path=column.name + within, value="•••" if column.told.personal else shown)
