"""Predictions: scalars or columns in, the same shape out; a summary in, a table by customer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import attrs

from crmcore.analytics.calculus.engines import PLAIN, engine_for
from crmcore.analytics.clv.rows import Rule, distinct, number, read_columns
from crmcore.analytics.results import Section, Tabular, written
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["Figure", "Prediction", "is_table", "predicted"]

Figure = Callable[..., Any]
"""Gives a column for columns: ``figure(engine, *columns)``."""

SHOWN = 10


@attrs.frozen
class Prediction(Tabular):
    """What a model expects of each customer.

    Attributes:
        name: The figure: ``"p_alive"``, ``"conditional_expected_purchases"``, …
        customer: The customers, shape ``(n,)``.
        values: The figure of each, shape ``(n,)``; None where it is infinite or undefined.
    """

    name: str
    customer: Sequence[Any]
    values: Sequence[float | None]

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"<Prediction of {self.name}: {len(self):,} customers>"

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer."""
        return [
            {"customer": customer, self.name: value}
            for customer, value in zip(self.customer, self.values, strict=True)
        ]

    def sections(self) -> Sequence[Section]:
        """The first customers."""
        rows = [
            (str(customer), written(value))
            for customer, value in zip(self.customer[:SHOWN], self.values[:SHOWN], strict=True)
        ]
        if len(self) > SHOWN:
            rows.append((f"… and {len(self) - SHOWN:,} more", ""))
        return (Section(self.name, ("customer", self.name), tuple(rows)),)


def predicted(
    name: str,
    figure: Figure,
    history: Mapping[str, object],
    rule: Rule,
    *,
    also: Mapping[str, object] | None = None,
    cheap: bool = False,
) -> Any:  # noqa: ANN401 - the shape that came in
    """Work out a figure for one customer, for columns of them, or for a summary.

    Args:
        name: What the figure is called.
        figure: Gives it for columns: those of ``also``, then those of ``history``; may give None.
        history: What is known of each customer, by the names of the rule. The first may be a summary or a table.
        rule: What a row of the history is.
        also: What else the figure depends on: times ahead, rates, counts; each 0 or more.
        cheap: Whether the figure costs less than finding like rows.

    Raises:
        Invalid: A value does not fit, or columns differ in length.
    """
    others = dict(also or {})
    source = next(iter(history.values()), None)
    if not is_table(source):
        return _shaped(figure, {**others, **history}, rule, cheap=cheap)
    columns = read_columns(source, {}, rule, also=("customer",))  # type: ignore[arg-type] # checked there
    customers = columns.cells.get("customer", range(1, columns.length + 1))
    told = {name: columns.cells[name] for name in rule.names}
    return Prediction(name, customers, _shaped(figure, {**others, **told}, rule, cheap=cheap))


def is_table(value: object) -> bool:
    """Whether a value is a summary or a table, not a number or a column.

    Args:
        value: What was given.
    """
    held = isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)
    return held or isinstance(value, Mapping) or hasattr(value, "columns")


def _shaped(figure: Figure, given: Mapping[str, object], rule: Rule, *, cheap: bool) -> Any:  # noqa: ANN401
    """The figure in the shape of the first column among what is given; of one customer where there is none."""
    shape = next((value for value in given.values() if _is_column(value)), None)
    if shape is None:
        cells = [[number(value)] for value in given.values()]
        _check(list(given), cells, rule)
        return _plain(figure(PLAIN, *cells)[0])
    rows = _length(given)
    vector = hasattr(shape, "__array__")
    engine = engine_for(rows, "numpy" if vector else None)
    cells = [_column(value, rows) for value in given.values()]
    if cheap and vector:
        columns = [engine.column(cell) for cell in cells]
        _check(list(given), columns, rule)
        return _as(shape, engine.m.asarray(figure(engine, *columns)))
    found, inverse = distinct(cells, engine)
    _check(list(given), found, rule)
    values = list(map(_plain, engine.plain(figure(engine, *map(engine.column, found))))) if rows else []
    if vector:
        dtype = object if None in values else float
        return _as(shape, engine.m.asarray(values, dtype)[inverse])
    return _as(shape, [values[place] for place in inverse])


def _is_column(value: object) -> bool:
    sized = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return sized or getattr(value, "shape", ()) != ()


def _length(given: Mapping[str, object]) -> int:
    """The one length of all columns."""
    lengths = {name: len(value) for name, value in given.items() if _is_column(value)}  # type: ignore[arg-type]
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{length:,} of {name}" for name, length in lengths.items())
        raise Invalid([Problem("columns", found, "columns of one length", "give one value a customer")])
    return next(iter(lengths.values()))


def _column(value: Any, rows: int) -> Any:  # noqa: ANN401 - a number, or a column of any library
    """As many numbers as there are rows."""
    if not _is_column(value):
        return [number(value)] * rows
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return value if kind in {"i", "u", "f"} else list(map(number, value))


def _check(names: Sequence[str], columns: Sequence[Any], rule: Rule) -> None:
    """Refuse numbers that can't be."""
    problems = []
    for name, column in zip(names, columns, strict=True):
        strange = [cell for cell in column if not 0 <= cell < float("inf")] if not _fine(column) else []
        if strange:
            expected = "a number, 0 or more"
            problems.append(Problem(name, strange[0], expected, f"correct {len(strange):,} of {len(column):,}"))
    history = columns[len(columns) - len(rule.names) :]
    if not problems:
        rows = [row for row in zip(*history, strict=True) if not rule.legal(*row)] if not _legal(rule, history) else []
        if rows:
            found = ", ".join(f"{name} {float(cell):g}" for name, cell in zip(rule.names, rows[0], strict=True))
            mend = f"correct {len(rows):,} of {len(history[0]):,}"
            problems.append(Problem(rule.names[0], found, rule.why(*rows[0]), mend))
    if problems:
        raise Invalid(problems)


def _fine(column: Any) -> bool:  # noqa: ANN401 - numbers of any library
    """Whether all are 0 or more, and finite."""
    if hasattr(column, "min"):
        return not len(column) or bool(column.min() >= 0 and column.max() < float("inf"))
    return all(0 <= cell < float("inf") for cell in column)


def _legal(rule: Rule, history: Sequence[Any]) -> bool:
    if not history:
        return True
    if hasattr(history[0], "min"):
        return bool(rule.legal(*history).all())
    return all(map(rule.legal, *history))


def _as(shape: Any, values: Any) -> Any:  # noqa: ANN401 - a column of any library
    """Values as the column that came in: a tuple, a list, an array or a pandas Series with its index."""
    if isinstance(shape, tuple):
        return tuple(values)
    if hasattr(shape, "index") and hasattr(shape, "to_numpy"):
        return type(shape)(values, index=shape.index)
    return values


def _plain(value: float | None) -> float | None:
    """A figure; None where it is infinite or undefined."""
    return float(value) if value is not None and isfinite(value) else None
