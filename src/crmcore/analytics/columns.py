"""Columns from wherever they are: records, mappings, a mapping of columns, a CSV file, any DataFrame.

Nothing is interpreted here: a cell stays what it was (``crmcore.analytics.cells`` reads it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import attrs

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from os import PathLike
    from typing import TypeAlias

    Source: TypeAlias = Iterable[object] | Mapping[str, Iterable[object]] | PathLike[str] | str

__all__ = ["Columns", "Wanted", "columns_of"]

DOUBLE = 8  # bytes of one of Python's floats
LISTED = 10  # rows named in a message; beyond that their number says more


@attrs.frozen
class Wanted:
    """A column an analysis asks for.

    Attributes:
        role: What it is to the analysis, such as ``opened_at``; also its usual name.
        name: What it is called in the data.
        required: Whether the analysis is pointless without it.
        mend: What to do when it is not there; by default, say what it is called.
    """

    role: str
    name: str
    required: bool = False
    mend: str = attrs.field()

    @mend.default
    def _say_its_name(self) -> str:
        return f'say {self.role}="…" with the name it has'


@attrs.frozen
class Columns:
    """Columns of one length.

    Attributes:
        table: What the caller knows them as: ``deals``, ``visits``.
        names: What each column is called in the data, by role.
        cells: The cells of each column that is there, by role.
        length: How many rows.
        numbers: What a person calls each row: its number, or its line in a file.
        unit: Whether those are a "row" or a "line".
    """

    table: str
    names: Mapping[str, str]
    cells: Mapping[str, list[Any]]
    length: int
    numbers: Sequence[int]
    unit: str

    def place(self, role: str, rows: Sequence[int]) -> str:
        """Where some cells are, as a person would point at them."""
        return f'{self.table} {_listed(self.unit, [self.numbers[row] for row in rows])}, column "{self.names[role]}"'


def _listed(unit: str, numbers: Sequence[int]) -> str:
    shown = ", ".join(f"{number:,}" for number in numbers[:LISTED])
    more = f" and {len(numbers) - LISTED:,} more" if len(numbers) > LISTED else ""
    return f"{unit}{'' if len(numbers) == 1 else 's'} {shown}{more}"


def columns_of(source: Source, wanted: Sequence[Wanted], table: str) -> Columns:
    """Draw the columns an analysis wants out of whatever holds them.

    Args:
        source: Records or mappings (any iterable of them), a mapping of columns, the path of a CSV
            file, or any DataFrame.
        wanted: The columns; one that is not required and has its usual name may be absent.
        table: What to call the data in a message.

    Raises:
        Invalid: It can't be read as a table, or a column is missing.

    Example:
        >>> from crmcore.analytics.columns import Wanted, columns_of
        >>> columns_of([{"id": 1, "stage": "demo"}], [Wanted("stage", "stage")], "deals").cells
        {'stage': ['demo']}
    """
    names = {column.name for column in wanted}
    unit = "row"
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        drawn, unit = _csv(cast("str | PathLike[str]", source), table), "line"
    elif isinstance(source, Mapping):
        drawn = _mapping(source, names, table)
    elif hasattr(source, "columns"):
        drawn = _frame(source, names, table)
    else:
        drawn = _records(source, names, table)
    problems = [*_absent(drawn, wanted, table), *_uneven(drawn, wanted, table)]
    if problems:
        raise Invalid(problems)
    cells = {column.role: drawn.cells[column.name] for column in wanted if column.name in drawn.cells}
    headings = {column.role: column.name for column in wanted}
    return Columns(table, headings, cells, len(drawn.numbers), drawn.numbers, unit)


@attrs.frozen
class _Drawn:
    """What was found: the wanted columns among it, every name there is, and a number for each row."""

    cells: Mapping[str, list[Any]]
    known: Sequence[str]
    numbers: Sequence[int]


def _absent(drawn: _Drawn, wanted: Sequence[Wanted], table: str) -> Iterator[Problem]:
    import difflib

    for column in wanted:
        usual = column.name == column.role and not column.required
        if column.name not in drawn.cells and drawn.known and not usual:
            near = difflib.get_close_matches(column.name, drawn.known, n=1)
            mend = f"did you mean {near[0]!r}?" if near else column.mend
            yield Problem(f"{table} columns", ", ".join(drawn.known), f'a column "{column.name}"', mend)


def _uneven(drawn: _Drawn, wanted: Sequence[Wanted], table: str) -> Iterator[Problem]:
    rows = len(drawn.numbers)
    for name in dict.fromkeys(column.name for column in wanted):
        if name in drawn.cells and len(drawn.cells[name]) != rows:
            found, expected = f"{len(drawn.cells[name]):,} cells", f"{rows:,}, as in the longest column"
            yield Problem(f'{table} column "{name}"', found, expected, "give None where there is no value")


# --- records ------------------------------------------------------------------------------------------------------


def _records(source: object, names: Iterable[str], table: str) -> _Drawn:
    if not isinstance(source, Iterable):
        raise Invalid([_no_table(table, source)])
    items: list[Any] = list(source)
    strange = {kind for kind in set(map(type, items)) if kind.__module__ == "builtins" and kind is not dict}
    if strange:
        row = next(i for i, item in enumerate(items) if type(item) in strange)
        raise Invalid([_no_table(f"{table} row {row + 1:,}", items[row], "a record or a mapping")])
    columns = {name: [_field(item, name) for item in items] for name in names}
    cells = {
        name: [None if cell is _ABSENT else cell for cell in column]
        for name, column in columns.items()
        if any(cell is not _ABSENT for cell in column)
    }
    return _Drawn(cells, _fields(items[0]) if items else (), range(1, len(items) + 1))


_ABSENT = object()


def _field(item: Any, name: str) -> object:
    if isinstance(item, dict):
        return item.get(name, _ABSENT)
    if hasattr(item, "keys"):  # a mapping, or a database row that only looks like one
        return item[name] if name in item.keys() else _ABSENT  # noqa: SIM118 - `in` would search a row's values
    return getattr(item, name, _ABSENT)


def _fields(item: Any) -> list[str]:
    names = item.keys() if hasattr(item, "keys") else dir(item)
    return [str(name) for name in names if not str(name).startswith("_")]


def _no_table(where: str, found: object, expected: str = "a table") -> Problem:
    mend = "give records or mappings, a mapping of columns, the path of a CSV file, or a DataFrame"
    return Problem(where, found, expected, mend)


# --- columns and frames ---------------------------------------------------------------------------------------------


def _mapping(source: Mapping[str, Iterable[object]], names: Iterable[str], table: str) -> _Drawn:
    cells = {name: _cells(source[name], f'{table} column "{name}"') for name in names if name in source}
    rows = max(map(len, cells.values()), default=len(source))  # with nothing wanted in it, it is at least not empty
    return _Drawn(cells, [str(name) for name in source], range(1, 1 + rows))


def _frame(frame: Any, names: set[str], table: str) -> _Drawn:
    known = list(getattr(frame, "column_names", frame.columns))
    twice = [name for name in names if known.count(name) > 1]
    if twice:
        raise Invalid([Problem(f"{table} columns", twice[0], "one column of this name", "rename or drop the other")])
    cells = {name: _cells(frame[name], f'{table} column "{name}"') for name in names if name in known}
    return _Drawn(cells, [str(name) for name in known], range(1, 1 + len(frame)))


def _cells(column: Any, where: str) -> list[Any]:
    """A column as a list of Python's own values."""
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    if kind == "M":
        return _instants(column)
    if kind == "f" and column.dtype.itemsize != DOUBLE:
        return _floats(column)
    for method in ("to_list", "tolist", "to_pylist"):
        if hasattr(column, method):
            return list(getattr(column, method)())
    if isinstance(column, str) or not isinstance(column, Iterable):
        mend = "give a list; to pass a single record, put it into a list: [record]"
        raise Invalid([Problem(where, column, "a column of cells", mend)])
    return list(column)


def _floats(column: Any) -> list[float]:
    """Through their shortest text: 1.1 held in half the bits is meant as 1.1."""
    array = column.to_numpy() if hasattr(column, "to_numpy") else column
    found: list[float] = array.astype(str).astype("float64").tolist()
    return found


def _instants(column: Any) -> list[datetime | None]:
    """As datetimes: numpy's own nanoseconds would come out as bare integers."""
    aware = getattr(column.dtype, "tz", None) is not None
    if aware:
        column = getattr(column, "dt", column).tz_convert(None)
    array = column.to_numpy() if hasattr(column, "to_numpy") else column
    found: list[datetime | None] = array.astype("datetime64[us]").tolist()
    return [cell and cell.replace(tzinfo=UTC) for cell in found] if aware else found


# --- files ----------------------------------------------------------------------------------------------------------


def _csv(path: PathLike[str] | str, table: str) -> _Drawn:
    header, body, numbers = _lines(path, table)
    ragged: dict[int, list[int]] = {}
    for row, number in zip(body, numbers, strict=True):
        if len(row) != len(header):
            ragged.setdefault(len(row), []).append(number)
    expected, mend = f"{len(header):,}, as in the first line", "look for a stray or missing separator or quote"
    problems = [
        Problem(f"{table} {_listed('line', lines)}", f"{count:,} cells", expected, mend)
        for count, lines in ragged.items()
    ]
    problems += [
        Problem(f"{table} line 1", name, "each name once", "rename or drop the other")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if problems:
        raise Invalid(problems)
    columns = map(list, zip(*body, strict=True)) if body else ([] for _ in header)
    return _Drawn(dict(zip(header, columns, strict=True)), header, numbers)


def _lines(path: PathLike[str] | str, table: str) -> tuple[list[str], list[list[str]], list[int]]:
    """The names of the columns, the rows, and the line of the file each row ends on."""
    import csv
    from pathlib import Path

    body, numbers = [], []
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=head.count))
            header = next(reader, [])
            for row in reader:
                if row:
                    body.append(row)
                    numbers.append(reader.line_num)
    except (OSError, ValueError, csv.Error) as error:
        mend = f"check the path and the file ({error})"
        raise Invalid([Problem(table, str(path), "a CSV file in UTF-8", mend)]) from error
    if not header:
        raise Invalid([Problem(table, str(path), "the names of the columns in the first line", "add them")])
    return header, body, numbers
