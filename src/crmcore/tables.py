"""CSV files as columns of text, or one error that says what is wrong with them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from os import fspath
from typing import TYPE_CHECKING, TextIO

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.table import Named, Table

if TYPE_CHECKING:
    from _csv import Reader

__all__ = ["read_columns"]

DELIMITERS = ",;\t|"

LONGEST_LIST = 400
"""How many characters of a header a message shows."""


def read_columns(path: str | Named, required: Iterable[str], wanted: Callable[[str], bool]) -> Table:
    r"""The columns of a CSV file: UTF-8, with a header, separated by comma, semicolon, tab or bar.

    Rows that do not fit the header are kept apart.

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

    name = fspath(path)
    try:
        with open(name, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - pathlib costs import time
            return _table(f"file {name}", file, names, wanted)
    except UnicodeDecodeError as error:
        mend = "export it as CSV in UTF-8"
        raise Invalid([Problem(f"file {name}", "bytes that are not UTF-8", "a CSV file in UTF-8", mend)]) from error
    except Invalid:
        raise
    except (OSError, ValueError) as error:  # a path with NUL is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise Invalid([Problem(f"file {name}", found, "a file that can be read", "check the path")]) from error


def _table(where: str, file: TextIO, names: Sequence[str], wanted: Callable[[str], bool]) -> Table:
    """What a file holds."""
    reader, header = _begun(file, lambda name: name in names or wanted(name))
    asked = [*names, *(name for name in dict.fromkeys(header) if name not in names and wanted(name))]
    _check_header(where, header, asked)
    numbers, found, misfits = _read(reader, len(header))
    whole = list(zip(*found, strict=True)) or [()] * len(header)
    others = tuple(name for name in header if name not in asked)
    return Table({name: whole[header.index(name)] for name in asked}, numbers, others, misfits)


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
    if "field limit" in str(error):
        most = f"at most {csv.field_size_limit():,} characters"
        return Problem("row", "a longer cell", f"cells of {most}", "shorten it at its source, or close its quote")
    mend = "correct it at its source: quotes must be closed, and doubled inside quotes"
    return Problem("row", str(error), "cells of a CSV file", mend)


def _check_header(where: str, header: Sequence[str], columns: Sequence[str]) -> None:
    """Every wanted column is there, once. What is no header may tell of people, and is not shown."""
    if not {*columns} & {*header}:
        found = f"{len(header):,} other columns"
        expected = f"a CSV file with the columns {', '.join(columns)} named in its first line"
        raise Invalid([Problem(where, found, expected, "check that it is the right file, and the names")])
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
