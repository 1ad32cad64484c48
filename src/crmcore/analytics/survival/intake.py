"""Columns of subjects taken in, by plain Python or by numpy, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.survival.risk_sets import RiskSets, counted
from crmcore.analytics.survival.subjects import (
    Subjects,
    check_entry,
    read_events,
    read_numbers,
    read_weights,
    those,
)
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.survival.subjects import Column

__all__ = ["read_subjects", "risk_sets"]


def read_subjects(
    durations: Iterable[float],
    observed: Iterable[object],
    entry: Iterable[float] | None = None,
    weights: Iterable[float] | None = None,
    engine: EngineName | None = None,
) -> Subjects:
    """Take in columns of subjects, and say everything that is wrong with them.

    Args:
        durations: How long each was followed, in any one unit.
        observed: Whether the event was seen at the end.
        entry: When each came under observation, in the same unit.
        weights: How many subjects each row stands for.
        engine: What will work on them; by default numpy where it is installed and there are many rows.

    Raises:
        Invalid: A cell is missing or impossible, or the columns differ in length; names the rows.
    """
    given = {"durations": durations, "observed": observed, "entry": entry, "weights": weights}
    table = {name: _held(column) for name, column in given.items() if column is not None}
    chosen = engine_for(len(table["durations"]), engine)
    if chosen.name == "numpy":
        from crmcore.analytics.survival.arrays import subjects_of

        found = subjects_of(table)
        if found is not None:
            return found
    columns = columns_of(table, [Wanted(name, name) for name in table], "subjects")
    return _checked(columns, chosen.name, chosen.column)


def _held(column: Any) -> Any:
    """A column whose length is known."""
    return column if hasattr(column, "__len__") or not isinstance(column, Iterable) else list(column)


def _checked(columns: Columns, engine: EngineName, column: Callable[[Sequence[float]], Column]) -> Subjects:
    problems: list[Problem] = []
    durations = read_numbers(columns, "durations", problems, lowest=0)
    observed = read_events(columns, "observed", problems)
    entry = read_numbers(columns, "entry", problems, lowest=0) if "entry" in columns.cells else None
    weights = read_weights(columns, "weights", problems) if "weights" in columns.cells else None
    if not problems and entry is not None:
        check_entry(columns, "entry", durations, entry, problems)
    if problems:
        raise Invalid(problems)
    kept = None if weights is None else list(map(bool, weights))

    def held(cells: list[Any]) -> Column:
        return column(cells if kept is None else those(cells, kept))

    flags = held(observed)
    return Subjects(
        engine,
        held(durations),
        flags if engine == "python" else flags.astype(bool),
        None if entry is None else held(entry),
        None if weights is None else held(weights),
    )


def risk_sets(subjects: Subjects) -> RiskSets:
    """The risk sets of subjects.

    Args:
        subjects: Those who were followed.
    """
    if subjects.engine == "numpy":
        from crmcore.analytics.survival.arrays import risk_sets_of

        found = risk_sets_of(subjects)
        if found is not None:
            return found
    return counted(subjects)
