"""CSV files as rows of text, or one error that says what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from os import fspath
from typing import TYPE_CHECKING, TextIO, TypeVar

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.table import Named, Table

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["Faults", "Row", "read_columns", "read_table"]

T = TypeVar("T")

DELIMITERS = ",;\t|"
LISTED = 5
"""How many rows with the same fault a message names."""

LONGEST_LIST = 400
"""How many characters of a header a message shows."""


@attrs.frozen
class Row:
    """One row of a table.

    Attributes:
        number: The line of the file it starts on, the header being line 1.
        cells: The wanted cells by column, stripped of blanks around them.
    """

    number: int
    cells: dict[str, str]


@attrs.frozen
class Faults:
    """What is wrong with the cells of a table; the same fault in many rows is told once."""

    rows: dict[tuple[str, str, str, str], list[int]] = attrs.field(factory=dict)

    def add(self, row: Row, column: str, expected: str, mend: str, *, secret: bool = False) -> None:
        """Note a cell that does not fit.

        Args:
            row: Its row.
            column: Its column.
            expected: What would have been right.
            mend: What to do about it.
            secret: Whether the message must not show the cell.
        """
        value = "•••" if secret else row.cells[column]
        self.rows.setdefault((column, value, expected, mend), []).append(row.number)

    @property
    def problems(self) -> list[Problem]:
        """One problem a fault, with the rows that have it."""
        return [
            Problem(f'{_listed(numbers)}, column "{column}"', value, expected, mend)
            for (column, value, expected, mend), numbers in self.rows.items()
        ]


def _listed(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    more = f" and {len(numbers) - LISTED:,} more" if len(numbers) > LISTED else ""
    return f"rows {', '.join(map(str, numbers[:LISTED]))}{more}"


def read_table(path: str | Named, columns: Sequence[str]) -> list[Row]:
    r"""The rows of a CSV file: UTF-8, with a header, separated by comma, semicolon, tab or bar.

    Args:
        path: The file.
        columns: The columns wanted; others are left out.

    Raises:
        Invalid: The file can't be read, is no CSV, lacks a column, or a row does not fit its header.

    Example:
        >>> from pathlib import Path
        >>> from crmcore.tables import read_table
        >>> _ = Path("deals.csv").write_text("id,stage\n1,Won\n")
        >>> read_table("deals.csv", ["id"])
        [Row(number=2, cells={'id': '1'})]
    """
    names = list(dict.fromkeys(columns))

    def rows(where: str, file: TextIO) -> list[Row]:
        reader, header = _begun(file, {*names}.__contains__)
        _check_header(where, header, names)
        numbers, found, misfits = _read(reader, len(header))
        if misfits:
            raise Invalid(attrs.evolve(problem, path=f"row {number}") for number, problem in misfits.items())
        places = [(column, header.index(column)) for column in names]
        return [
            Row(number, {column: cells[place].strip() for column, place in places})
            for number, cells in zip(numbers, found, strict=True)
        ]

    return _opened(path, rows)


def read_columns(path: str | Named, required: Iterable[str], wanted: Callable[[str], bool]) -> Table:
    r"""The columns of a CSV file, as a load takes them in. Rows that do not fit the header are kept apart.

    Args:
        path: The file.
        required: The columns that must be there.
        wanted: Which other columns are read.

    Raises:
        Invalid: The file can't be read, is no CSV, or lacks a column.

    Example:
        >>> from pathlib import Path
        >>> from crmcore.tables import read_columns
        >>> _ = Path("accounts.csv").write_text("id,name,x\n1,Acme,\n")
        >>> read_columns("accounts.csv", ["id"], {"name"}.__contains__)
        Table(columns={'id': ('1',), 'name': ('Acme',)}, numbers=[2], others=('x',), misfits={}, headed=True)
    """
    names = list(dict.fromkeys(required))

    def table(where: str, file: TextIO) -> Table:
        reader, header = _begun(file, lambda name: name in names or wanted(name))
        asked = [*names, *(name for name in dict.fromkeys(header) if name not in names and wanted(name))]
        _check_header(where, header, asked)
        numbers, found, misfits = _read(reader, len(header))
        whole = list(zip(*found, strict=True)) or [()] * len(header)
        others = tuple(name for name in header if name not in asked)
        return Table({name: whole[header.index(name)] for name in asked}, numbers, others, misfits)

    return _opened(path, table)


def _opened(path: str | Named, read: Callable[[str, TextIO], T]) -> T:
    """What is read from a file."""
    name = fspath(path)
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - pathlib costs import time
            return read(f"file {name}", file)
    except UnicodeDecodeError as error:
        mend = "export it as CSV in UTF-8"
        raise Invalid([Problem(f"file {name}", "bytes that are not UTF-8", "a CSV file in UTF-8", mend)]) from error
    except Invalid:
        raise
    except (OSError, ValueError) as error:  # a path with NUL is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise Invalid([Problem(f"file {name}", found, "a file that can be read", "check the path")]) from error


def _begun(file: TextIO, wanted: Callable[[str], bool]) -> tuple[Reader, list[str]]:
    """A reader past the header, and the header."""
    first = file.readline()
    try:
        delimiter = max(DELIMITERS, key=lambda mark: sum(map(wanted, {*_header(first, mark)})))
        reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
        return reader, [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise Invalid([attrs.evolve(_broken(error), path="row 1")]) from error


def _header(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _broken(error: csv.Error) -> Problem:
    mend = "correct it at its source: quotes must be closed, and doubled inside quotes"
    return Problem("row", str(error), "cells of a CSV file", mend)


def _check_header(where: str, header: Sequence[str], columns: Sequence[str]) -> None:
    """Every wanted column is there, once."""
    known = ", ".join(header)
    known = known if len(known) <= LONGEST_LIST else f"{known[:LONGEST_LIST]}…"
    if not {*columns} & {*header}:
        expected = f"a CSV file with the columns {', '.join(columns)} named in its first line"
        raise Invalid([Problem(where, known, expected, "check that it is the right file, and the names")])
    problems = [
        Problem(f'column "{column}"', "no such column", f"one of {known}", "correct its name")
        if column not in header
        else Problem(f'column "{column}"', "several such columns", "one", "rename the others")
        for column in columns
        if header.count(column) != 1
    ]
    if problems:
        raise Invalid(problems)


def _read(reader: Reader, width: int) -> tuple[list[int], list[list[str]], dict[int, Problem]]:
    """The rows below the header with the lines they start on, and those that do not fit it."""
    numbers: list[int] = []
    rows: list[list[str]] = []
    misfits: dict[int, Problem] = {}
    start = reader.line_num + 1
    try:
        for cells in reader:
            if len(cells) == width:
                rows.append(cells)
                numbers.append(start)
            elif cells:
                mend = "quote cells that hold the separator"
                misfits[start] = Problem("row", f"{len(cells)} cells", f"{width}, as in the header", mend)
            start = reader.line_num + 1
    except csv.Error as error:
        raise Invalid(
            attrs.evolve(problem, path=f"row {number}")
            for number, problem in {**misfits, start: _broken(error)}.items()
        ) from error
    return numbers, rows, misfits
