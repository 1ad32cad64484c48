"""A CSV file as rows of text, or one error that says what is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import chain
from os import PathLike, fspath
from typing import TYPE_CHECKING, TextIO

import attrs

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["Faults", "Row", "read_table"]

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


def read_table(path: str | PathLike[str], columns: Sequence[str]) -> list[Row]:
    r"""The rows of a CSV file: UTF-8, with a header, separated by comma, semicolon, tab or bar.

    Args:
        path: The file.
        columns: The columns wanted; others are left out.

    Raises:
        Invalid: The file can't be read, is no CSV, lacks a column, or a row does not fit its header.

    Example:
        >>> from pathlib import Path
        >>> from crmcore.interchange.table import read_table
        >>> _ = Path("deals.csv").write_text("id,stage\n1,Won\n")
        >>> read_table("deals.csv", ["id"])
        [Row(number=2, cells={'id': '1'})]
    """
    name = fspath(path)
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - pathlib costs import time
            return _rows(f"file {name}", file, list(dict.fromkeys(columns)))
    except UnicodeDecodeError as error:
        mend = "export it as CSV in UTF-8"
        raise Invalid([Problem(f"file {name}", "bytes that are not UTF-8", "a CSV file in UTF-8", mend)]) from error
    except OSError as error:
        raise Invalid([Problem(f"file {name}", error.strerror, "a file that can be read", "check the path")]) from error


def _rows(where: str, file: TextIO, columns: Sequence[str]) -> list[Row]:
    first = file.readline()
    try:
        delimiter = max(DELIMITERS, key=lambda mark: len({*columns}.intersection(_header(first, mark))))
        reader = csv.reader(chain([first], file), delimiter=delimiter, strict=True)
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise Invalid([_broken(1, error)]) from error
    _check_header(where, first, header, columns)
    return _read(reader, [(column, header.index(column)) for column in columns], len(header))


def _header(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _broken(number: int, error: csv.Error) -> Problem:
    mend = "correct it at its source: quotes must be closed, and doubled inside quotes"
    return Problem(f"row {number}", str(error), "cells of a CSV file", mend)


def _check_header(where: str, first: str, header: Sequence[str], columns: Sequence[str]) -> None:
    """Every wanted column is there, once."""
    if not {*columns} & {*header}:
        expected = f"a CSV file with the columns {', '.join(columns)} named in its first line"
        raise Invalid([Problem(where, first.strip(), expected, "check that it is the right file, and the names")])
    known = ", ".join(header)
    known = known if len(known) <= LONGEST_LIST else f"{known[:LONGEST_LIST]}…"
    problems = [
        Problem(f'column "{column}"', "no such column", f"one of {known}", "correct its name")
        if column not in header
        else Problem(f'column "{column}"', "several such columns", "one", "rename the others")
        for column in columns
        if header.count(column) != 1
    ]
    if problems:
        raise Invalid(problems)


def _read(reader: Reader, places: Sequence[tuple[str, int]], width: int) -> list[Row]:
    """The rows below the header, all of them, or every row that does not fit it."""
    rows: list[Row] = []
    problems: list[Problem] = []
    start = reader.line_num + 1
    try:
        for cells in reader:
            if len(cells) == width:
                rows.append(Row(start, {column: cells[place].strip() for column, place in places}))
            elif cells:
                mend = "quote cells that hold the separator"
                problems.append(Problem(f"row {start}", f"{len(cells)} cells", f"{width}, as in the header", mend))
            start = reader.line_num + 1
    except csv.Error as error:
        problems.append(_broken(start, error))
    if problems:
        raise Invalid(problems)
    return rows
