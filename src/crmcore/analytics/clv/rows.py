"""Rows a model is fitted to, or predicts for: read, checked, like ones taken together with their weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.calculus.engines import Engine, EngineName, engine_for
from crmcore.analytics.clv.numeric_cells import number
from crmcore.analytics.columns import LISTED, Columns, Wanted, columns_of
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.missing import unwrapped

if TYPE_CHECKING:
    from typing import TypeGuard

    from crmcore.analytics.clv.summary import CustomerSummary
    from crmcore.analytics.columns import Source

__all__ = ["Rows", "Rule", "distinct", "gathered", "number", "numbers", "read_columns", "read_rows", "vector", "whole"]

ALIASES: Mapping[str, str] = {"x": "frequency", "t_x": "recency", "n": "n_periods", "mean": "monetary_value"}
"""What columns are called elsewhere."""

TABLE = "customers"


@attrs.frozen
class Rule:
    """What a row of a model's history is.

    Attributes:
        names: The columns: ``x``, ``t_x``, ``T``.
        legal: Whether a row can be, for numbers and for whole arrays alike; false for NaN.
        why: What is expected of a row that can't.
    """

    names: tuple[str, ...]
    legal: Callable[..., Any]
    why: Callable[..., str]


@attrs.frozen
class Rows:
    """What a model is fitted to.

    Attributes:
        columns: The distinct rows, column by column, as the engine holds them.
        weights: How many customers each stands for.
        customers: How many customers there are in all.
        engine: What carries out formulas on them.
    """

    columns: tuple[Any, ...]
    weights: Any
    customers: float
    engine: Engine

    def __len__(self) -> int:
        return len(self.columns[0])


def whole(number: Any) -> Any:
    """Whether a number from 0 to 2⁵² is whole: adding 2⁵² leaves no room for a fraction.

    Args:
        number: A number, or an array of them.
    """
    return (number + 4503599627370496.0) - 4503599627370496.0 == number


def vector(column: Any) -> Any:
    """A column of numbers of numpy or pandas as an array; None for anything else.

    Args:
        column: The column.
    """
    if getattr(getattr(column, "dtype", None), "kind", None) not in {"i", "u", "f"}:
        return None
    array = column.to_numpy() if hasattr(column, "to_numpy") else column
    return array if array.ndim == 1 and array.dtype.kind in {"i", "u", "f"} else None


def is_summary(source: object) -> TypeGuard[CustomerSummary]:
    """Whether a table is what ``summarize`` gives.

    Args:
        source: The table.
    """
    return hasattr(source, "calibration_end")


# --- reading ----------------------------------------------------------------------------------------------------------


def read_rows(
    source: Source | None,
    given: Mapping[str, object],
    rule: Rule,
    *,
    weights: object = None,
    engine: EngineName | None = None,
) -> Rows:
    """The rows a model is fitted to, from a summary, from any table, or from columns.

    Args:
        source: A summary, or any table with the columns; None when they are given one by one.
        given: Columns that are given one by one, by name.
        rule: What a row is.
        weights: How many customers each row stands for: numbers, or the name of a column; default: 1.
        engine: What to calculate with; default: numpy for its own arrays, and where it is installed and rows are many.

    Raises:
        Invalid: A column is missing, or rows are wrong; lists them.
    """
    return gathered(read_columns(source, given, rule, weights=weights), rule, engine)


def gathered(columns: Columns, rule: Rule, engine: EngineName | None = None, *, together: bool = True) -> Rows:
    """The rows a model is fitted to.

    Args:
        columns: What ``read_columns`` gave.
        rule: What a row is.
        engine: What to calculate with; default: numpy for its own arrays, and where it is installed and rows are many.
        together: Whether like rows are taken together, which pays where many are.

    Raises:
        Invalid: Rows are wrong; lists them.
    """
    held = vector(columns.cells[rule.names[0]]) is not None
    chosen = engine_for(columns.length, "numpy" if held and engine is None else engine)
    cells = [numbers(columns.cells[name], chosen) for name in rule.names]
    shares = numbers(columns.cells["weights"], chosen) if "weights" in columns.cells else None
    if together:
        found, amounts = _gathered(cells, shares, chosen)
    else:
        found, amounts = cells, _ones(columns.length, chosen) if shares is None else shares
    if not _fit(rule, found) or not (shares is None or _fit(WEIGHT, [shares])):
        raise Invalid(_problems(columns, rule, cells, shares))
    customers = float(sum(amounts) if chosen.name == "python" else amounts.sum())
    if not customers > 0:
        raise Invalid([Problem(columns.table, "none", "at least one customer", "give those to fit the model to")])
    return Rows(tuple(found), amounts, customers, chosen)


def read_columns(
    source: Source | None, given: Mapping[str, object], rule: Rule, *, weights: object = None, also: Sequence[str] = ()
) -> Columns:
    """A model's columns as they are.

    Args:
        source: A summary, or any table with the columns; None when they are given one by one.
        given: Columns that are given one by one, by name.
        rule: What a row is.
        weights: How many customers each row stands for: numbers, or the name of a column.
        also: Other columns, taken where they are there.

    Raises:
        Invalid: A column is missing, or columns differ in length.
    """
    named = isinstance(weights, str)
    beside = {**given, **({} if weights is None or named else {"weights": weights})}
    if source is None:
        missing = [*(name for name in rule.names if name not in beside), *(["weights"] if named else [])]
        if missing:
            expected, mend = "a column of numbers", "give a summary or a table, or all columns one by one"
            raise Invalid([Problem(name, weights if name == "weights" else None, expected, mend) for name in missing])
        return _drawn(beside, [Wanted(name, name, required=True) for name in beside])
    table: Any = source.columns() if is_summary(source) else source
    known = _names(table)
    wanted = [Wanted(name, _called(name, known), required=True) for name in rule.names]
    wanted += [Wanted("weights", str(weights), required=True)] if named else []
    found = _drawn(table, [*wanted, *(Wanted(name, name) for name in also)])
    if not beside:
        return found
    more = _drawn(beside, [Wanted(name, name, required=True) for name in beside])
    if more.length != found.length:
        expected = f"{found.length:,}, one a row"
        raise Invalid([Problem(", ".join(beside), f"{more.length:,} values", expected, "give one a customer")])
    return attrs.evolve(found, names={**found.names, **more.names}, cells={**found.cells, **more.cells})


def _drawn(table: Any, wanted: Sequence[Wanted]) -> Columns:
    """Columns out of a table; those of numpy and pandas as arrays, when all that are required are."""
    named = isinstance(table, Mapping) or (hasattr(table, "columns") and hasattr(table, "dtypes"))
    needed = [column for column in wanted if column.required]
    arrays = {column.role: vector(table[column.name]) for column in needed if named and column.name in table}
    lengths = {-1 if array is None else len(array) for array in arrays.values()}
    if len(arrays) < len(needed) or len(lengths) != 1 or -1 in lengths:
        found = columns_of(table, wanted, TABLE)
        return found if found.length else attrs.evolve(found, cells={column.role: [] for column in wanted})
    (length,) = lengths
    others = columns_of(table, [column for column in wanted if not column.required], TABLE).cells
    if any(len(cells) != length for cells in others.values()):
        return columns_of(table, wanted, TABLE)
    names = {column.role: column.name for column in wanted}
    return Columns(TABLE, names, {**arrays, **others}, length, range(1, length + 1), "row")


def _names(table: Any) -> set[str]:
    """What the columns of a table are called, as far as can be told without reading it."""
    if isinstance(table, Mapping):
        return set(table)
    if hasattr(table, "columns"):
        return set(map(str, table.columns))
    if isinstance(table, Sequence) and table and isinstance(table[0], Mapping):
        return set(table[0])
    return set()


def _called(name: str, known: set[str]) -> str:
    """What a column is called: by its name, or as elsewhere."""
    alias = ALIASES.get(name, name)
    return alias if name not in known and alias in known else name


def numbers(cells: Any, engine: Engine) -> Any:
    """A column of floats as an engine holds them; NaN where a cell is no number.

    Args:
        cells: The column.
        engine: What is to hold it.
    """
    array = vector(cells)
    if array is not None:
        return engine.column(array if engine.name == "numpy" else array.astype(float).tolist())
    kinds = set(map(type, cells))
    return engine.column(cells if kinds == {float} else list(map(float if kinds <= {float, int} else number, cells)))


# --- checking ---------------------------------------------------------------------------------------------------------

WEIGHT = Rule(("weights",), lambda weight: weight >= 0, lambda _: "a number of customers, 0 or more")


def _fit(rule: Rule, columns: Sequence[Any]) -> bool:
    """Whether all rows can be."""
    if hasattr(columns[0], "dtype"):
        finite = all(bool((abs(column) < inf).all()) for column in columns)
        return finite and bool(rule.legal(*columns).all())
    finite = all(isfinite(sum(column)) or all(map(isfinite, column)) for column in columns)
    return finite and all(map(rule.legal, *columns))


def _problems(columns: Columns, rule: Rule, cells: Sequence[Any], shares: Any) -> list[Problem]:
    """What is wrong with which rows."""
    checks = [(rule, cells), *([] if shares is None else [(WEIGHT, [shares])])]
    return [problem for rule, cells in checks for problem in _misfits(columns, rule, cells)]


def _misfits(columns: Columns, rule: Rule, cells: Sequence[Any]) -> Iterator[Problem]:
    wrong: dict[str, list[int]] = {}
    for i, row in enumerate(zip(*cells, strict=True)):
        why = _why(rule, row)
        if why:
            wrong.setdefault(why, []).append(i)
    for why, rows in wrong.items():
        shown = "; ".join(
            ", ".join(f"{name} {unwrapped(columns.cells[name][row])!r}" for name in rule.names) for row in rows[:LISTED]
        )
        yield Problem(columns.place(rule.names[0], rows), shown, why, "correct these rows, or leave them out")


def _why(rule: Rule, row: Sequence[float]) -> str:
    """What is expected of a row that can't be; empty for one that can."""
    for name, cell in zip(rule.names, row, strict=True):
        if not isfinite(cell):
            return f"a number as {name}"
    return "" if rule.legal(*row) else rule.why(*row)


def _ones(rows: int, engine: Engine) -> Any:
    return engine.m.ones(rows) if engine.name == "numpy" else [1.0] * rows


# --- taking like rows together ----------------------------------------------------------------------------------------


def distinct(cells: Sequence[Any], engine: Engine) -> tuple[Sequence[Any], Any]:
    """The distinct rows, column by column, and which of them each row is.

    Args:
        cells: The columns.
        engine: What to calculate with.
    """
    if engine.name == "numpy":
        columns, order, first = _sorted([engine.column(column) for column in cells], engine.m)
        inverse = engine.m.empty(len(order), engine.m.intp)
        inverse[order] = first.cumsum() - 1
        return [column[order[first]] for column in columns], inverse
    places: dict[tuple[float, ...], int] = {}
    inverse = [places.setdefault(row, len(places)) for row in zip(*cells, strict=True)]
    return list(zip(*places, strict=True)) or [() for _ in cells], inverse


def _gathered(cells: Sequence[Any], shares: Any, engine: Engine) -> tuple[Sequence[Any], Any]:
    """The distinct rows, column by column, and what they weigh."""
    if engine.name == "numpy":
        m = engine.m
        columns, order, first = _sorted(cells, m)
        starts = m.flatnonzero(first)
        amounts = m.diff(starts, append=len(order)) * 1.0 if shares is None else _added(m, shares[order], starts)
        return [column[order[starts]] for column in columns], amounts
    held: dict[tuple[float, ...], float] = {}
    if shares is None:
        held = Counter(zip(*cells, strict=True))  # type: ignore[assignment] # whole numbers are weights, too
    else:
        for row, share in zip(zip(*cells, strict=True), shares, strict=True):
            held[row] = held.get(row, 0.0) + share
    return list(zip(*held, strict=True)) or [() for _ in cells], list(map(float, held.values()))


def _added(m: Any, shares: Any, starts: Any) -> Any:
    return m.add.reduceat(shares, starts) if len(starts) else shares


def _sorted(columns: Sequence[Any], m: Any) -> tuple[Sequence[Any], Any, Any]:
    """The columns, an order in which like rows follow each other, and which rows of it are unlike the one before.

    They are ordered by a hash of their bits. That two hashes are alike by chance could only keep like rows apart.
    """
    columns = [column + 0.0 for column in columns]  # no -0.0, whose bits differ from those of 0.0
    code = m.zeros(len(columns[0]), m.uint64)
    for column in columns:
        code = (code ^ (code >> m.uint64(32))) * m.uint64(0x9E3779B97F4A7C15) + column.view(m.uint64)
    order = m.argsort(code)
    first = m.ones(len(order), bool)
    first[1:] = False
    for column in columns:
        ordered = column[order]
        first[1:] |= ordered[1:] != ordered[:-1]
    return columns, order, first
