"""Columns of subjects taken in, by plain Python or by numpy, and counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.survival.cells import check_entry, read_events, read_names, read_numbers, read_weights
from crmcore.analytics.survival.risk_sets import RiskSets, counted
from crmcore.analytics.survival.subjects import Subjects, those
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from crmcore.analytics.survival.subjects import Column

__all__ = ["read_named_subjects", "read_subjects", "risk_sets"]


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
    return read_named_subjects(given, {}, engine)[0]


def read_named_subjects(
    given: Mapping[str, object], names: Mapping[str, object], engine: EngineName | None
) -> tuple[Subjects, dict[str, list[Any]]]:
    """Take in columns of subjects, and columns of what they are named by.

    Args:
        given: ``durations``, ``observed``, ``entry`` and ``weights``; the last two may be None.
        names: Columns of names, such as that of their group.
        engine: What will work on them.

    Raises:
        Invalid: A cell is missing or impossible, or the columns differ in length; names the rows.
    """
    table = {
        name: _held(column) for name, column in given.items() if column is not None or name in ("durations", "observed")
    }
    named = {name: _held(column) for name, column in names.items()}
    chosen = engine_for(len(table["durations"]), engine)
    found = _direct(table, named) if chosen.name == "numpy" else None
    wanted = table | named if found is None else named
    columns = columns_of(table | named, [Wanted(name, name) for name in wanted], "subjects")
    problems: list[Problem] = []
    subjects = _read(columns, chosen.name, chosen.column, problems) if found is None else found
    labels = {name: read_names(columns, name, problems) for name in named}
    if problems:
        raise Invalid(problems)
    if subjects.weights is None:
        return subjects, labels
    kept = chosen.one(lambda _, weight: weight > 0, subjects.weights)
    return subjects.those(kept), {name: those(column, kept) for name, column in labels.items()}


def _held(column: Any) -> Any:
    """A column whose length is known; a text, which is refused as a column, for what is none."""
    try:
        return column if hasattr(column, "__len__") and len(column) >= 0 else list(column)
    except TypeError:
        return str(column)


def _direct(table: Mapping[str, Any], named: Mapping[str, Any]) -> Subjects | None:
    """Subjects that can be had as arrays at once; None when they can't."""
    from crmcore.analytics.survival.arrays import subjects_of

    rows = len(table["durations"])
    return subjects_of(table) if all(len(column) == rows for column in named.values()) else None


def _read(
    columns: Columns, engine: EngineName, column: Callable[[Sequence[float]], Column], problems: list[Problem]
) -> Subjects:
    durations = read_numbers(columns, "durations", problems, lowest=0)
    observed = read_events(columns, "observed", problems)
    entry = read_numbers(columns, "entry", problems, lowest=0) if "entry" in columns.cells else None
    weights = read_weights(columns, "weights", problems) if "weights" in columns.cells else None
    if not problems and entry is not None:
        check_entry(columns, "entry", durations, entry, problems)
    return Subjects(
        engine,
        column(durations),
        observed if engine == "python" else column(observed).astype(bool),
        None if entry is None else column(entry),
        None if weights is None else column(weights),
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
