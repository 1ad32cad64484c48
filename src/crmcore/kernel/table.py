"""A table: rows of elsewhere by their columns, as a load takes them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, Self, TypeAlias, cast

import attrs

from crmcore.kernel.errors import Invalid, Problem

__all__ = ["Named", "Rows", "Table", "path_of"]

Rows: TypeAlias = "Iterable[Mapping[str, object]] | Table"
"""Rows as mappings of a column's name to its value, or column by column."""


class Named(Protocol):
    """The path of a file, as ``pathlib`` has it."""

    def __fspath__(self) -> str:
        """The path as text."""
        ...


def path_of(rows: object) -> str | Named | None:
    """The path of the file that rows are given by; None when they are given themselves.

    Args:
        rows: What was given.
    """
    if isinstance(rows, str):
        return rows
    return cast("Named", rows) if hasattr(type(rows), "__fspath__") else None


@attrs.frozen
class Table:
    """Rows of elsewhere, column by column.

    Attributes:
        columns: The wanted columns by name, each with one cell a row.
        numbers: What each row is known by: the line of a file it starts on, or its place, counted from 1.
        others: The names of the other columns.
        misfits: Rows that are none, by what they are known by.
        headed: Whether it says which columns it has, though it may have no rows.
    """

    columns: Mapping[str, Sequence[object]]
    numbers: Sequence[int]
    others: tuple[str, ...] = ()
    misfits: Mapping[int, Problem] = attrs.field(factory=dict)
    headed: bool = True

    @property
    def size(self) -> int:
        """How many rows there are, without the misfits."""
        return len(self.numbers)

    def cells(self, name: str) -> Sequence[object]:
        """The cells of a column; nothing but None when there is no such column.

        Args:
            name: The column.
        """
        return self.columns.get(name, (None,) * self.size)

    @classmethod
    def of(cls, rows: object) -> Self:
        """Rows given as mappings, as a data frame, or as a table already.

        Args:
            rows: The rows. What one does not have, it says nothing of.

        Raises:
            Invalid: They can't be gone through.
        """
        if isinstance(rows, cls):
            return rows
        rows = _unframed(rows)
        if isinstance(rows, (bytes, Mapping)) or not isinstance(rows, Iterable):
            mend = "give the path of a CSV file, or a list of mappings"
            raise Invalid([Problem("rows", type(rows).__name__, "rows, or the path of a file", mend)])
        good: list[Mapping[str, object]] = []
        numbers: list[int] = []
        misfits: dict[int, Problem] = {}
        for number, row in enumerate(rows, start=1):
            if isinstance(row, Mapping):
                good.append(row)
                numbers.append(number)
            else:
                found = type(row).__name__
                misfits[number] = Problem("row", found, "a mapping of column names to values", "give a dict")
        names = dict.fromkeys(name for row in good for name in row)
        columns = {name: [row.get(name) for row in good] for name in names if isinstance(name, str)}
        others = tuple(str(name) for name in names if not isinstance(name, str))
        return cls(columns, numbers, others, misfits, headed=bool(names))


def _unframed(rows: object) -> object:
    """The rows of a data frame as mappings, as pandas and polars tell them; others as they are."""
    for name, arguments in (("to_dicts", ()), ("to_dict", ("records",))):
        told = getattr(type(rows), name, None)
        if told is not None:
            try:
                return told(rows, *arguments)
            except (TypeError, ValueError) as error:
                mend = 'give its rows, as to_dict("records") does'
                raise Invalid([Problem("rows", type(rows).__name__, "rows, or the path of a file", mend)]) from error
    return rows
