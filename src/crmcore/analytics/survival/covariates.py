"""What a Cox regression reads: subjects with covariates, scaled, and parted by stratum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import fsum, sqrt
from operator import mul
from typing import TYPE_CHECKING, Any

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.cells import Misfit, flag
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.survival.cells import (
    check_entry,
    ordered,
    read_events,
    read_names,
    read_numbers,
    read_weights,
)
from crmcore.analytics.survival.design import Design, Roles, Scale, Stratum, Table
from crmcore.analytics.survival.subjects import span, those
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.columns import Source
    from crmcore.analytics.survival.subjects import Column

__all__ = ["read_covariates", "read_design"]

NARROWEST, WIDEST = 1e-100, 1e100
"""How far apart the values of a covariate may lie: the squares of what is beyond are no doubles."""

UNEQUAL = 1e9
"""How much heavier a row may be than another: what the lighter says must not be lost in rounding."""

FARTHEST = 1e200
"""How far from 0 a covariate to predict with may lie: its multiple by a coefficient must be a double."""


def read_design(rows: Source, roles: Roles, engine: EngineName | None) -> Design:
    """Read subjects with their covariates, scale them and part them.

    Args:
        rows: Any table.
        roles: The names of its columns.
        engine: What will work on them; by default numpy where it is installed and there are many rows.

    Raises:
        Invalid: A cell is missing or impossible, a covariate is constant, or there is no event.
    """
    table = _read(rows, roles, engine)
    events = int(sum(table.observed))
    problems = (
        [] if events else [Problem(f'column "{roles.observed}"', "no event", "at least one", "follow for longer")]
    )
    low, high = (1.0, 1.0) if table.weights is None or not len(table) else span(table.weights)
    if high > UNEQUAL * low:
        expected = f"weights of which none is more than {UNEQUAL:g} times another"
        problems.append(Problem(f'column "{roles.weights}"', high / low, expected, "make those of next to no weight 0"))
    problems += [
        problem
        for name, column in zip(roles.covariates, table.covariates, strict=True)
        for problem in _unfit(name, column)
    ]
    if problems:
        raise Invalid(problems)
    weight = 1.0 if table.weights is None else fsum(table.weights) / len(table)
    if table.engine == "numpy":
        from crmcore.analytics.survival.cox_arrays import arranged

        scales, strata = arranged(table, weight)
    else:
        scales, strata = _arranged(table, weight)
    return Design(table.engine, roles.covariates, scales, strata, len(table), events, weight, low / weight)


def _unfit(name: str, column: Column) -> Iterator[Problem]:
    """What is wrong with a covariate as a whole."""
    if not len(column):
        return
    low, high = span(column)
    if low == high:
        yield Problem(f'column "{name}"', f"{low:g} in every row", "values that differ", "leave the covariate out")
    elif not NARROWEST <= high - low <= WIDEST:
        expected = f"values that lie {NARROWEST:g} to {WIDEST:g} apart"
        yield Problem(f'column "{name}"', high - low, expected, "give the covariate in another unit")


# --- reading --------------------------------------------------------------------------------------------------------


def _read(rows: Source, roles: Roles, engine: EngineName | None) -> Table:
    direct = _direct(rows, roles, engine)
    if direct is not None:
        return direct
    names = (*roles.numbers, roles.observed, *filter(None, (roles.strata,)))
    columns = columns_of(rows, [Wanted(name, name, required=True) for name in names], "rows")
    problems: list[Problem] = []
    found = _cells(columns, roles, problems)
    if roles.entry is not None and not problems:
        check_entry(columns, roles.entry, found[roles.duration], found[roles.entry], problems)
    if problems:
        raise Invalid(problems)
    if roles.weights is not None:
        kept = list(map(bool, found[roles.weights]))
        found = {name: those(cells, kept) for name, cells in found.items()}
    chosen = engine_for(columns.length, engine)
    column, flags = chosen.column, found[roles.observed]
    return Table(
        chosen.name,
        column(found[roles.duration]),
        flags if chosen.name == "python" else column(flags).astype(bool),
        None if roles.entry is None else column(found[roles.entry]),
        None if roles.weights is None else column(found[roles.weights]),
        None if roles.strata is None else found[roles.strata],
        [column(found[name]) for name in roles.covariates],
    )


def _cells(columns: Columns, roles: Roles, problems: list[Problem]) -> dict[str, list[Any]]:
    """Every column, read as what it is."""
    found: dict[str, list[Any]] = {name: read_numbers(columns, name, problems) for name in roles.covariates}
    found[roles.duration] = read_numbers(columns, roles.duration, problems, lowest=0)
    found[roles.observed] = read_events(columns, roles.observed, problems)
    if roles.entry is not None:
        found[roles.entry] = read_numbers(columns, roles.entry, problems, lowest=0)
    if roles.weights is not None:
        found[roles.weights] = read_weights(columns, roles.weights, problems)
    if roles.strata is not None:
        found[roles.strata] = read_names(columns, roles.strata, problems)
    return found


def _direct(rows: Source, roles: Roles, engine: EngineName | None) -> Table | None:
    """Columns that are arrays already, or can be made such at once; None when they can't."""
    if isinstance(rows, str) or not (isinstance(rows, Mapping) or hasattr(rows, "columns")):
        return None
    table: Any = rows
    if roles.duration not in table or not hasattr(table[roles.duration], "__len__"):
        return None
    if engine_for(len(table[roles.duration]), engine).name == "python":
        return None
    from crmcore.analytics.survival.cox_arrays import table_of

    return table_of(table, roles)


def read_covariates(rows: Source, names: Sequence[str]) -> list[list[float]]:
    """Covariates alone, a column each, to predict with.

    Args:
        rows: Any table.
        names: The covariates.

    Raises:
        Invalid: A column or a cell is missing, or no number.
    """
    columns = columns_of(rows, [Wanted(name, name, required=True) for name in names], "rows")
    problems: list[Problem] = []
    found = [read_numbers(columns, name, problems) for name in names]
    for name, cells in zip(names, found, strict=True):
        beyond = [row for row, cell in enumerate(cells) if abs(cell) > FARTHEST]
        misfit = Misfit(f"a number from {-FARTHEST:g} to {FARTHEST:g}", "fit the covariate in another unit")
        flag(columns, name, beyond, misfit, problems)
    if problems:
        raise Invalid(problems)
    return found


# --- arranging ------------------------------------------------------------------------------------------------------


def _arranged(table: Table, weight: float) -> tuple[tuple[Scale, ...], tuple[Stratum, ...]]:
    weights = [1.0] * len(table) if table.weights is None else [one / weight for one in table.weights]
    scaled = [_scaled(column, weights) for column in table.covariates]
    rows_of: dict[object, list[int]] = {}
    for row, name in enumerate(table.strata or [None] * len(table)):
        rows_of.setdefault(name, []).append(row)
    strata = []
    for name in ordered(rows_of):
        rows = sorted(rows_of[name], key=table.durations.__getitem__, reverse=True)
        durations, observed, entry, some = (
            column and [column[row] for row in rows]
            for column in (table.durations, table.observed, table.entry, weights)
        )
        strata.append(
            Stratum(name, durations, observed, entry, some, [[column[row] for row in rows] for _, column in scaled])
        )
    return tuple(scale for scale, _ in scaled), tuple(strata)


def _scaled(column: Sequence[float], weights: Sequence[float]) -> tuple[Scale, list[float]]:
    """Differences from one of the values first: a large mean would take digits from a small spread."""
    origin = column[0]
    beside = [value - origin for value in column]
    total = fsum(weights)
    mean = fsum(map(mul, weights, beside)) / total
    spread = sqrt(fsum(weight * (value - mean) ** 2 for weight, value in zip(weights, beside, strict=True)) / total)
    spread = spread or 1.0  # what differs has no weight to speak of: there is no information on it
    return Scale(origin + mean, spread), [(value - mean) / spread for value in beside]
