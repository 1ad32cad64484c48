"""Predictions: scalars or columns in, the same shape out; a summary in, a table by customer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import attrs

from crmcore.analytics.calculus.engines import PLAIN, Column, Engine, engine_for
from crmcore.analytics.clv.rows import Rule, distinct, number, numbers, read_columns
from crmcore.analytics.results import Section, Tabular, written
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.missing import unwrapped

__all__ = ["Figure", "Prediction", "is_table", "predicted"]

Figure = Callable[..., Any]
"""Gives a column for columns: ``figure(engine, *columns)``."""

SHOWN = 10

MOST = 1e12
"""More than any time, rate or count there is."""


@attrs.frozen
class Prediction(Tabular):
    """What a model expects of each customer.

    Attributes:
        name: The figure: ``"p_alive"``, ``"conditional_expected_purchases"``, …
        customer: The customers, shape ``(n,)``.
        values: The figure of each, shape ``(n,)``; None where it is infinite or undefined.

    Example:
        >>> from crmcore.analytics.clv import BGNBD
        >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> history = {"customer": ["ada", "bob"], "x": [2, 0], "t_x": [30.43, 0], "T": [38.86, 38.86]}
        >>> model.conditional_expected_purchases("39 weeks", history).to_dicts()[0]
        {'customer': 'ada', 'conditional_expected_purchases': 1.2260281747671444}
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
            {"customer": customer, self.name: value} for customer, value in zip(self.customer, self.values, strict=True)
        ]

    def sections(self) -> Sequence[Section]:
        """The first customers."""
        shown = zip(self.customer[:SHOWN], self.values[:SHOWN], strict=True)
        rows = [(str(customer), written(value)) for customer, value in shown]
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
) -> Any:
    """Work out a figure for one customer, for columns of them, or for a summary.

    Args:
        name: What the figure is called.
        figure: Gives it for columns: those of ``also``, then those of ``history``; may give None.
        history: What is known of each customer, by the names of the rule. The first may be a summary or a table.
        rule: What a row of the history is.
        also: What else the figure depends on: times ahead, rates, counts; each 0 or more.
        cheap: Whether the figure costs less than finding like rows, or finds them itself.

    Raises:
        Invalid: A value does not fit, or columns differ in length.
    """
    others = dict(also or {})
    source = next(iter(history.values()), None)
    if not is_table(source):
        return _shaped(figure, others, history, rule, cheap=cheap)
    columns = read_columns(source, {}, rule, also=("customer",))  # type: ignore[arg-type] # checked there
    customers = columns.cells.get("customer", range(1, columns.length + 1))
    told = {name: columns.cells[name] for name in rule.names}
    values = _shaped(figure, others, told, rule, cheap=cheap)
    return Prediction(name, customers, values.tolist() if hasattr(values, "tolist") else values)


def is_table(value: object) -> bool:
    """Whether a value is a summary or a table, not a number or a column.

    Args:
        value: What was given.
    """
    held = isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)
    return held or isinstance(value, Mapping) or hasattr(value, "columns")


def _shaped(
    figure: Figure, also: Mapping[str, object], history: Mapping[str, object], rule: Rule, *, cheap: bool
) -> Any:
    """The figure in the shape of the first column among what is given; of one customer where there is none."""
    given = {**also, **history}
    shape = next((value for value in given.values() if _is_column(value)), None)
    if shape is None:
        cells = [[number(value)] for value in given.values()]
        _check(PLAIN, given, cells, len(also), rule)
        return _told(figure(PLAIN, *cells)[0])
    rows = _length(given)
    engine = engine_for(rows, "numpy" if hasattr(shape, "__array__") else None)
    if not rows:
        return _as(shape, engine.column([]))
    columns = [
        numbers(value, engine) if _is_column(value) else engine.column([number(value)] * rows)
        for value in given.values()
    ]
    _check(engine, given, columns, len(also), rule)
    if cheap:
        return _as(shape, _all_told(engine, figure(engine, *columns)))
    found, places = distinct(columns, engine)
    return _as(shape, engine.taken(_all_told(engine, figure(engine, *map(engine.column, found))), places))


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


# --- checking ---------------------------------------------------------------------------------------------------------


def _check(engine: Engine, given: Mapping[str, object], columns: Sequence[Column], others: int, rule: Rule) -> None:
    """Refuse numbers that can't be."""
    amounts = zip(list(given.items())[:others], columns, strict=False)
    problems = [
        _problem({name: value}, [column], AMOUNT)
        for (name, value), column in amounts
        if not _all(engine, AMOUNT, column)
    ]
    history = columns[others:]
    if history and not _all(engine, rule, *history):
        problems.append(_problem(dict(list(given.items())[others:]), history, rule))
    if problems:
        raise Invalid(problems)


AMOUNT = Rule((), lambda value: (value >= 0) & (value <= MOST), lambda _: f"a number from 0 to {MOST:g}")


def _all(engine: Engine, rule: Rule, *columns: Column) -> bool:
    """Whether all rows can be."""
    found = engine.one(lambda _, *cells: rule.legal(*cells), *columns)
    return bool(found.all()) if engine.name == "numpy" else all(found)


def _problem(given: Mapping[str, object], columns: Sequence[Column], rule: Rule) -> Problem:
    """What is wrong with the first row that can't be, and how many there are."""
    rows = list(zip(*columns, strict=True))
    bad = [i for i, row in enumerate(rows) if not rule.legal(*row)]
    found = ", ".join(f"{name} {_cell(value, bad[0])!r}" for name, value in given.items())
    return Problem(", ".join(given), found, rule.why(*rows[bad[0]]), f"correct {len(bad):,} of {len(rows):,}")


def _cell(value: Any, row: int) -> object:
    """What the caller gave for a row."""
    if not _is_column(value):
        return unwrapped(value)
    return unwrapped((value.iloc if hasattr(value, "iloc") else value)[row])


# --- giving back ------------------------------------------------------------------------------------------------------


def _as(shape: Any, values: Any) -> Any:
    """Values as the column that came in: a tuple, a list, an array or a pandas Series with its index."""
    if isinstance(shape, tuple):
        return tuple(values)
    if hasattr(shape, "index") and hasattr(shape, "to_numpy"):
        return type(shape)(values, index=shape.index)
    if hasattr(shape, "__array__"):
        return values
    return values.tolist() if hasattr(values, "tolist") else values


def _told(value: float | None) -> float | None:
    """A figure; None where it is infinite or undefined."""
    return float(value) if value is not None and isfinite(value) else None


def _all_told(engine: Engine, values: Column) -> Column:
    """The same of a column."""
    if engine.name == "numpy":
        m = engine.m
        if hasattr(values, "dtype") and bool(m.isfinite(values).all()):
            return values
        return m.array([_told(value) for value in values], object)
    return list(map(_told, values))
