"""Engines: one formula, carried out by plain Python or by numpy.

A formula is written once, ``formula(m, …)``, with ``m`` for ``math`` or ``numpy`` and with what both know: ``+ - * /``,
powers, ``abs``, ``m.log``, ``m.log1p``, ``m.exp``, ``m.expm1``. It is then called for each row, or once for many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import compress, islice
from operator import mul
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.calculus.quadrature import Nodes

__all__ = ["BLOCK", "PLAIN", "Column", "Engine", "EngineName", "engine_for"]

Column: TypeAlias = Any
"""A list of floats, or an array."""

EngineName: TypeAlias = Literal["python", "numpy"]

BLOCK = 32_768
"""Cells numpy works on at once, so that what lies between stays in the cache."""

FEW = 256
"""Rows whose figures plain Python holds at once, for the same reason."""

WORTH_IT = 5_000
"""Rows from which on loading numpy and moving the columns pays."""


class Engine(Protocol):
    """What carries out formulas on columns."""

    @property
    def name(self) -> EngineName:
        """``"python"`` or ``"numpy"``."""
        ...

    @property
    def m(self) -> Any:
        """What formulas are given: ``math`` or ``numpy``."""
        ...

    def column(self, cells: Sequence[float]) -> Column:
        """Numbers as this engine holds them."""
        ...

    def columns(self, formula: Callable[..., Any], *columns: Column) -> Sequence[Column]:
        """The columns a formula gives, when it gives several figures."""
        ...

    def one(self, formula: Callable[..., Any], *columns: Column) -> Column:
        """The column a formula gives, when it gives one figure."""
        ...

    def sums(self, formula: Callable[..., Any], *columns: Column) -> list[float]:
        """The sum of each of the figures a formula gives; nothing when there are no rows."""
        ...

    def mean(self, formula: Callable[..., Any], nodes: Nodes, *columns: Column) -> Column:
        """The column of Σ w·formula(m, node, …), for a formula that gives one figure."""
        ...

    def dot(self, left: Column, right: Column) -> float:
        """The sum of the products of two columns."""
        ...

    def kept(self, flags: Column, *columns: Column) -> list[Column]:
        """Of columns, the rows where a flag is true."""
        ...

    def added(self, places: Column, amounts: Column) -> Column:
        """Amounts added up by their place: a whole number from 0 on."""
        ...

    def taken(self, column: Column, places: Column) -> Column:
        """The cells at some places."""
        ...

    def span(self, column: Column) -> tuple[float, float]:
        """The least and the largest of a column."""
        ...

    def plain(self, column: Column) -> list[float]:
        """A column as Python's own floats."""
        ...


class Plain:
    """Plain Python."""

    name: EngineName = "python"
    m = math

    def column(self, cells: Sequence[float]) -> list[float]:
        """Numbers as a list."""
        return list(cells)

    def columns(self, formula: Callable[..., Any], *columns: Column) -> Sequence[Column]:
        """Row by row."""
        return list(zip(*map(partial(formula, math), *columns), strict=True)) or [()] * 16

    def one(self, formula: Callable[..., Any], *columns: Column) -> Column:
        """Row by row."""
        return list(map(partial(formula, math), *columns))

    def sums(self, formula: Callable[..., Any], *columns: Column) -> list[float]:
        """Row by row, block by block."""
        rows = map(partial(formula, math), *columns)
        parts: list[list[float]] = []
        while block := list(islice(rows, FEW)):
            parts.append(list(map(sum, zip(*block, strict=True))))
        return list(map(sum, zip(*parts, strict=True)))

    def mean(self, formula: Callable[..., Any], nodes: Nodes, *columns: Column) -> Column:
        """Row by row, node by node."""
        pairs = list(zip(*nodes, strict=True))
        return [sum(weight * formula(math, node, *row) for node, weight in pairs) for row in zip(*columns, strict=True)]

    def dot(self, left: Column, right: Column) -> float:
        """One product after the other."""
        found: float = sum(map(mul, left, right))
        return found

    def kept(self, flags: Column, *columns: Column) -> list[Column]:
        """Row by row."""
        return [list(compress(column, flags)) for column in columns]

    def added(self, places: Column, amounts: Column) -> Column:
        """One after the other."""
        found = [0.0] * (int(max(places, default=-1)) + 1)
        for place, amount in zip(places, amounts, strict=True):
            found[int(place)] += amount
        return found

    def taken(self, column: Column, places: Column) -> Column:
        """One after the other."""
        return [column[place] for place in places]

    def span(self, column: Column) -> tuple[float, float]:
        """One after the other."""
        return min(column), max(column)

    def plain(self, column: Column) -> list[float]:
        """As it is."""
        return list(column)


PLAIN = Plain()


class Vectors:
    """numpy: whole columns at once, as far as they fit into the cache.

    Args:
        numpy: The module.
    """

    name: EngineName = "numpy"

    def __init__(self, numpy: Any) -> None:
        self.m = numpy

    def column(self, cells: Sequence[float]) -> Column:
        """Numbers as an array of doubles."""
        return self.m.asarray(cells, float)

    def columns(self, formula: Callable[..., Any], *columns: Column) -> Sequence[Column]:
        """All rows at once."""
        found: Sequence[Column] = formula(self.m, *columns)
        return found

    def one(self, formula: Callable[..., Any], *columns: Column) -> Column:
        """Block by block."""
        if len(columns[0]) <= BLOCK:
            return formula(self.m, *columns)
        return self.m.concatenate([formula(self.m, *block) for block in _blocks(columns)])

    def sums(self, formula: Callable[..., Any], *columns: Column) -> list[float]:
        """Block by block, each pairwise."""
        parts = [self.m.array(formula(self.m, *block)).sum(axis=1).tolist() for block in _blocks(columns)]
        return parts[0] if len(parts) == 1 else list(map(sum, zip(*parts, strict=True)))

    def mean(self, formula: Callable[..., Any], nodes: Nodes, *columns: Column) -> Column:
        """All nodes of some rows at once."""
        m = self.m
        places, weights = map(m.asarray, nodes)
        blocks = _blocks(columns, max(1, BLOCK // len(places)))
        found = [m.einsum("i,ij->j", weights, formula(m, places[:, None], *block)) for block in blocks]
        return m.concatenate(found or [m.empty(0)])

    def dot(self, left: Column, right: Column) -> float:
        """Without BLAS, whose order of summing depends on the machine."""
        return float(self.m.sum(left * right))

    def kept(self, flags: Column, *columns: Column) -> list[Column]:
        """All at once."""
        return [column[flags] for column in columns]

    def added(self, places: Column, amounts: Column) -> Column:
        """All at once."""
        return self.m.bincount(self.m.asarray(places, self.m.intp), amounts)

    def taken(self, column: Column, places: Column) -> Column:
        """All at once."""
        return column[places]

    def span(self, column: Column) -> tuple[float, float]:
        """All at once."""
        return float(column.min()), float(column.max())

    def plain(self, column: Column) -> list[float]:
        """As a list."""
        found: list[float] = self.m.asarray(column, float).tolist()
        return found


def _blocks(columns: Sequence[Column], size: int = BLOCK) -> Iterator[Sequence[Column]]:
    """Some rows after the others."""
    rows = len(columns[0])
    if 0 < rows <= size:
        return iter([columns])
    return ([column[start : start + size] for column in columns] for start in range(0, rows, size))


def engine_for(rows: int, asked: EngineName | None = None) -> Engine:
    """The engine for so many rows.

    Args:
        rows: How many rows there are.
        asked: The one that is asked for; default: numpy where it is installed and there are many rows.

    Raises:
        Invalid: It is none, or numpy is not installed; says how to install it.

    Example:
        >>> from crmcore.analytics.calculus.engines import engine_for
        >>> engine_for(10).name
        'python'
    """
    if asked not in (None, "python", "numpy"):
        raise Invalid([Problem("engine", asked, '"python" or "numpy"', "choose one, or leave it out")])
    if asked == "python" or (asked is None and rows < WORTH_IT):
        return PLAIN
    try:
        import numpy as np
    except ImportError as error:
        if asked is None:
            return PLAIN
        mend = 'pip install "crmcore[fast]", or leave engine out'
        raise Invalid([Problem("engine", "numpy is not installed", "numpy", mend)]) from error
    return Vectors(np)
