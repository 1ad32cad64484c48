"""A CSV file as rows of text, or one error that says what is wrong with it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from os import PathLike, fspath

import attrs

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["Row", "read_table"]

DELIMITERS = ",;\t|"
LONGEST_CELL = 100_000


@attrs.frozen
class Row:
    """One row of a table.

    Attributes:
        number: Its line in the file, the header being line 1.
        cells: The wanted cells by column, stripped of blanks around them.
    """

    number: int
    cells: dict[str, str]

    def problem(self, column: str, expected: str, mend: str) -> Problem:
        """What is wrong with one of its cells.

        Args:
            column: The column.
            expected: What would have been right.
            mend: What to do about it.
        """
        return Problem(f'row {self.number}, column "{column}"', self.cells[column], expected, mend)


def read_table(path: str | PathLike[str], columns: Sequence[str]) -> list[Row]:
    """The rows of a CSV file: UTF-8, with a header, separated by comma, semicolon, tab or bar.

    Args:
        path: The file.
        columns: The columns wanted; others are left out.

    Raises:
        Invalid: The file can't be read, is no CSV, lacks a column, or a row does not fit its header.

    Example:
        >>> from crmcore.interchange.table import read_table
        >>> _ = open("deals.csv", "w").write("id,stage\\n1,Won\\n")
        >>> read_table("deals.csv", ["id"])
        [Row(number=2, cells={'id': '1'})]
    """
    name = fspath(path)
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - pathlib costs import time
            return _rows(name, file, columns)
    except OSError as error:
        raise Invalid(
            [Problem("file", name, "a file that can be read", f"{error.strerror}; check the path")]
        ) from error
    except UnicodeDecodeError as error:
        mend = "export it as CSV in UTF-8"
        raise Invalid([Problem("file", name, "a CSV file in UTF-8", mend)]) from error


def _rows(name: str, file: Iterator[str], columns: Sequence[str]) -> list[Row]:
    first = next(file, "")
    delimiter = max(DELIMITERS, key=lambda mark: sum(column in first.split(mark) for column in columns))
    header = next(csv.reader([first], delimiter=delimiter), [])
    header = [cell.strip() for cell in header]
    _check_header(name, header, columns)
    places = [(column, header.index(column)) for column in dict.fromkeys(columns)]
    old = csv.field_size_limit(LONGEST_CELL)
    try:
        return list(_read(csv.reader(file, delimiter=delimiter, strict=True), places, len(header)))
    finally:
        csv.field_size_limit(old)


def _check_header(name: str, header: Sequence[str], columns: Sequence[str]) -> None:
    if not any(header):
        raise Invalid([Problem("file", name, "a CSV file with a header", "write the names of the columns in line 1")])
    problems = [
        Problem(f'column "{column}"', "no such column", f"one of {', '.join(header[:30])}", "correct its name")
        for column in dict.fromkeys(columns)
        if column not in header
    ]
    problems += [
        Problem(f'column "{column}"', "several such columns", "one", "rename the others")
        for column in dict.fromkeys(columns)
        if header.count(column) > 1
    ]
    if problems:
        raise Invalid(problems)


def _read(reader: Iterator[list[str]], places: Sequence[tuple[str, int]], width: int) -> Iterator[Row]:
    number, problems = 1, []
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(Problem(f"row {number}", str(error), "cells of a CSV file", "correct it at its source"))
            break
        if len(cells) == width:
            yield Row(number, {column: cells[place].strip() for column, place in places})
        elif cells:
            mend = "quote cells that hold the separator"
            problems.append(Problem(f"row {number}", f"{len(cells)} cells", f"{width}, as in the header", mend))
    if problems:
        raise Invalid(problems)
