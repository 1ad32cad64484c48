"""What the columns of a table say: which field each one tells of, and its cells read once a column."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.instants import instant
from crmcore.kernel.loading.cells import Cells, check_date_format, is_blank
from crmcore.kernel.loading.intake import Intake, arguments_of
from crmcore.kernel.money import Money
from crmcore.kernel.records import Field, Record, part_of
from crmcore.kernel.table import Table
from crmcore.kernel.values import Border, read, read_boolean, read_text

__all__ = ["Column", "Faults", "Source", "bound", "check_source", "read_column", "read_instants", "text_of", "wanted"]

TYPES: tuple[tuple[type, str], ...] = (
    (Money, "money"),
    (datetime, "instant"),
    (date, "date"),
    (Decimal, "decimal"),
    (bool, "boolean"),
    (int, "integer"),
)
"""What a parameter that is no field takes: the first of these among its types, else text."""

Fault = Callable[[int, Problem], None]
"""Told of a row, by its place in the table, and what is wrong with it."""


@attrs.frozen(kw_only=True)
class Source:
    """How the rows of a load are to be understood.

    Attributes:
        key: The column with each record's id in the other system.
        system: The other system's name.
        columns: The column of each field; None for columns named like fields.
        at: The column that says when a record came to be.
        create: The fields whose records are made when they are not there.
        date_format: How dates are written, as in ``strptime``; None for ISO 8601.
        also: The columns of fields that are read whatever ``columns`` says.
    """

    key: str
    system: str
    columns: Mapping[str, str] | None = None
    also: Mapping[str, str] = attrs.field(factory=dict)
    at: str | None = None
    create: frozenset[str] = frozenset()
    date_format: str | None = None

    @property
    def required(self) -> list[str]:
        """The columns that must be there."""
        named = [] if self.columns is None else self.columns.values()
        return list(dict.fromkeys([self.key, *named, *self.also.values(), *([] if self.at is None else [self.at])]))


@attrs.frozen
class Column:
    """A column, and what it tells of.

    Attributes:
        path: The field, or the member of one, it sets: ``"emails.work"``.
        name: What the column is called.
        told: What is declared of the value.
        part: The field of the part it tells of, when ``path`` holds a part.
        own: Whether ``path`` is a field of the kind, rather than an argument of the act that makes a record.
    """

    path: str
    name: str
    told: Field
    part: str | None = None
    own: bool = True


class Faults(dict[int, list[Problem]]):
    """What is wrong with rows, by their place in the table."""

    def add(self, place: int, problem: Problem) -> None:
        """Note one thing.

        Args:
            place: The row.
            problem: What is wrong with it; its path is the column.
        """
        self.setdefault(place, []).append(problem)


def _accepted(desk: Intake[Any]) -> dict[str, Field | None]:
    """What rows may tell of: fields and whole mappings with None, other arguments of the act with what they take."""
    kind, pure = desk.kind, desk.opening
    every = {**kind.fields, **kind.members}
    free = {name: None for name, told in every.items() if not told.by_act} | {"custom": None}
    if pure is None:
        return {**free, **dict.fromkeys(desk.recounts)}
    arguments = arguments_of(pure)
    rest = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in arguments.values())
    named = {name: None for name in arguments if name in every or name == "custom"}
    strange = {
        name: _argument(pure, name)
        for name, one in arguments.items()
        if name not in {*every, "custom"} and one.kind is not inspect.Parameter.VAR_KEYWORD
    }
    return {**(free if rest else {}), **named, **strange, **dict.fromkeys(desk.recounts)}


def _argument(pure: Callable[..., Any], name: str) -> Field:
    """What an argument that is no field takes, as a field would be declared."""
    hint = typing.get_type_hints(pure).get(name, str)
    types = typing.get_args(hint) or (hint,)
    type = next((word for cls, word in TYPES if cls in types), "text")
    return Field(name=name, type=type, optional=True, required=False)  # type: ignore[arg-type]


def _told(path: str, desk: Intake[Any], border: Border, accepted: Mapping[str, Field | None]) -> Column | None:
    """What a dotted name leads to; None when rows may not tell of it."""
    head, dot, rest = path.partition(".")
    if head not in accepted:
        return None
    argument = accepted[head]
    if argument is not None:
        return None if dot else Column(path, "", argument, own=False)
    if head == "custom":
        return _custom(path, rest, border) if dot else Column(path, "", _whole("custom"))
    declared = desk.kind.members.get(head) or desk.kind.fields[head]
    return _within(path, declared) if dot else Column(path, "", declared)


def _within(path: str, declared: Field) -> Column | None:
    """What a dotted name leads to within a field that holds members, a part, or both."""
    head, _, rest = path.partition(".")
    label, _, field = rest.rpartition(".") if declared.members else ("", "", rest)
    told = part_of(declared.part).get(field) if declared.type == "part" else None  # type: ignore[arg-type]
    if told is not None and bool(label) is declared.members:
        masked = attrs.evolve(told, personal=told.personal or declared.personal)
        return Column(f"{head}.{label}" if label else head, "", masked, field)
    if not (declared.members and rest) or (declared.type == "part" and "." in rest):
        return None
    return Column(path, "", attrs.evolve(declared, members=False))


def _whole(name: str) -> Field:
    return Field(name=name, type="text", optional=True, required=False, members=True)


def _custom(path: str, name: str, border: Border) -> Column | None:
    declared = border.custom.get(name)
    if declared is None:
        return None
    return Column(path, "", Field(name=name, type=declared.type, optional=True, required=False))


def wanted(desk: Intake[Any], source: Source, border: Border) -> Callable[[str], bool]:
    """Which columns of a file are read beside the required ones.

    Args:
        desk: The desk of the records.
        source: How the rows are to be understood.
        border: Which custom fields there are.
    """
    accepted = _accepted(desk)
    return lambda name: source.columns is None and _told(name, desk, border, accepted) is not None


def bound(desk: Intake[Any], table: Table, source: Source, border: Border) -> tuple[Column, ...]:
    """The columns of a table, each with the field it tells of.

    Args:
        desk: The desk of the records.
        table: The table.
        source: How its rows are to be understood.
        border: Which custom fields there are.

    Raises:
        Invalid: A column is missing, a field is unknown or written by acts only, or a name in ``create`` is none of
            a record that needs nothing but a name: all at once.
    """
    accepted = _accepted(desk)
    alike = {name: name for name in table.columns if name != source.at}
    named = alike if source.columns is None else source.columns
    columns = [
        attrs.evolve(told, name=name)
        for path, name in {**named, **source.also}.items()
        if (told := _told(path, desk, border, accepted)) is not None
    ]
    problems = [*_missing(table, source), *_unknown(desk, source, border, accepted)]
    problems += _uncreatable(desk, source, columns)
    if problems:
        raise Invalid(problems)
    return tuple(columns)


def _missing(table: Table, source: Source) -> Iterator[Problem]:
    """The columns that should be there."""
    known = ", ".join([*table.columns, *table.others])
    for name in source.required if table.headed else ():
        if name not in table.columns:
            yield Problem(f'column "{name}"', "no such column", f"one of {known}", "correct its name")


def _unknown(
    desk: Intake[Any], source: Source, border: Border, accepted: Mapping[str, Field | None]
) -> Iterator[Problem]:
    """The fields that rows can't tell of."""
    import difflib

    for path in source.columns or ():
        if _told(path, desk, border, accepted) is None:
            known = [*accepted, *(f"custom.{name}" for name in border.custom)]
            near = difflib.get_close_matches(path, known, n=1)
            mend = f"did you mean {near[0]}?" if near else f"take it out; known: {', '.join(known)}"
            yield Problem(f"columns[{path!r}]", path, f"a field that rows of {desk.kind.plural} may tell of", mend)


def _uncreatable(desk: Intake[Any], source: Source, columns: Sequence[Column]) -> Iterator[Problem]:
    """The fields whose records can't be made by name alone."""
    known = {column.path: column.told.references for column in columns}
    for path in sorted(source.create if known else ()):
        references = known.get(path, ())
        kind = desk.front.kinds.get(references[0]) if len(references) == 1 else None
        needed = [] if kind is None else [told.name for told in kind.fields.values() if told.required]
        if needed != ["name"]:
            expected = "a field read from a column, whose records need nothing but a name"
            yield Problem("create", path, expected, "take it out, and load those records first")


def check_source(given: Mapping[str, object]) -> None:
    """Refuse arguments of a load that are of no use, before a row is read.

    Args:
        given: The arguments by name.

    Raises:
        Invalid: A name is no text, a date format no format, or a mapping no mapping: all at once.
    """
    problems: list[Problem] = []
    for name in ("key", "system", "at"):
        value = given[name]
        if value is not None or name != "at":
            problems += _refused(functools.partial(read_text, value, path=name, empty=False))
    columns, create = given["columns"], given["create"]
    if columns is not None and not (isinstance(columns, Mapping) and _texts(columns, columns.values())):
        expected, mend = "the column of each field", 'write {"email": "E-mail"}'
        problems.append(Problem("columns", type(columns).__name__, expected, mend))
    if isinstance(create, str) or not isinstance(create, typing.Iterable) or not _texts(create):
        problems.append(Problem("create", create, "names of fields", 'write ["account"]'))
    on_error, progress = given["on_error"], given["progress"]
    if not (isinstance(on_error, str) and on_error in {"reject", "raise"}):
        problems.append(Problem("on_error", on_error, '"reject" or "raise"', "choose one of them"))
    if not (progress is None or callable(progress)):
        problems.append(Problem("progress", type(progress).__name__, "a function", "give one that takes two numbers"))
    problems += _refused(functools.partial(check_date_format, given["date_format"]))
    problems += _refused(functools.partial(read_boolean, given["dry_run"], path="dry_run"))
    if problems:
        raise Invalid(problems)


def _texts(*several: typing.Iterable[object]) -> bool:
    return all(isinstance(one, str) for each in several for one in each)


def _refused(check: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        check()
    except Invalid as error:
        return error.problems
    return ()


# --- cells ------------------------------------------------------------------------------------------------------------


def read_column(
    column: Column, cells: Sequence[object], *, desk: Intake[Any], border: Border, source: Source, fault: Fault
) -> list[Any]:
    """The values of a column; None where a cell says nothing, or does not fit.

    Args:
        column: The column.
        cells: Its cells.
        desk: The desk of the records.
        border: How values are read.
        source: How the rows are to be understood.
        fault: Told of every cell that does not fit.
    """
    if column.told.references and not column.told.members:
        return _each(column, cells, _referred, fault)
    if _is_plain_text(column, desk):
        plain = _clean(column.told, cells)
        if plain is not None:
            return plain
    convert = Cells(border.currency, border.zone, source.date_format).reader(column.told.type)

    def one(cell: Any) -> Any:  # noqa: ANN401 - a cell is anything
        value = convert(cell) if convert is not None and isinstance(cell, str) else cell
        if not column.own or column.part is not None:
            return value
        read_as = read(desk.kind, {column.path: value}, border=border)
        return read_as if column.told.members else read_as[column.path]

    return _each(column, cells, one, fault)


def _is_plain_text(column: Column, desk: Intake[Any]) -> bool:
    """Whether a column holds texts of which only length and letters are asked."""
    state = desk.kind.lifecycle is not None and desk.kind.lifecycle[0] == column.path
    plain = column.own and column.part is None and column.told.type == "text"
    return plain and column.path in desk.kind.fields and not state


def read_instants(
    name: str, cells: Sequence[object], border: Border, source: Source, fault: Fault
) -> list[datetime | None]:
    """The values of a column that says when.

    Args:
        name: The column.
        cells: Its cells.
        border: The time zone of bare days.
        source: How dates are written.
        fault: Told of every cell that does not fit.
    """
    convert = Cells(border.currency, border.zone, source.date_format).instant

    def one(cell: Any) -> datetime:  # noqa: ANN401 - a cell is anything
        return convert(cell) if isinstance(cell, str) else instant(cell, zone=border.zone)

    return _each(Column(name, name, Field(name=name, type="instant", optional=True, required=False)), cells, one, fault)


def _referred(cell: object) -> str:
    """What a cell says of another record: its id here or elsewhere."""
    return cell.id if isinstance(cell, Record) else text_of(cell)


def text_of(cell: object) -> str:
    """An id as text, though a data frame may hold it as a whole number.

    Args:
        cell: The cell.

    Raises:
        Invalid: It is neither.
    """
    return read_text(str(cell) if type(cell) is int else cell, path="id")


def _clean(told: Field, cells: Sequence[object]) -> list[str | None] | None:
    """A column of text in one go; None when a cell needs a closer look."""
    try:
        found = [cell.strip() or None for cell in cells]  # type: ignore[attr-defined]
        read_text("".join(cell for cell in found if cell is not None), longest=told.longest * len(found) + 1)
    except (AttributeError, TypeError, Invalid):
        return None
    kept = [cell for cell in found if cell is not None]
    return found if max(map(len, kept), default=0) <= told.longest else None


def _each(column: Column, cells: Sequence[object], one: Callable[[Any], Any], fault: Fault) -> list[Any]:
    """Each cell read, every text once."""
    known: dict[str, Any] = {}
    found: list[Any] = []
    for place, cell in enumerate(cells):
        value = None
        if not is_blank(cell):
            text = cell.strip() if isinstance(cell, str) else None
            try:
                if text is None:
                    value = one(cell)
                elif text in known:
                    value = known[text]
                else:
                    value = known[text] = one(text)
            except Invalid as error:
                for problem in error.problems:
                    value_shown = "•••" if column.told.personal else problem.value
                    fault(place, attrs.evolve(problem, path=column.name, value=value_shown))
        found.append(value)
    return found
