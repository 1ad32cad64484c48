"""How the figures of a step function are printed: a row for each time at which something ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmcore.analytics.results import Section, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["event_table"]

PRINTED = 40
"""Rows of a printed table."""

ESTIMATES = frozenset({"survival", "cumulative_hazard", "se", "lower", "upper"})


def event_table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Section:
    """The rows in which there are events, the first ones where they are many.

    Args:
        title: What the table shows.
        columns: The names of its columns, ``events`` among them.
        rows: What ``to_dicts`` gives.
    """
    ended = [row for row in rows if row["events"]]
    if len(ended) > PRINTED:
        title = f"{title} at the first {PRINTED} of {len(ended):,} times"
    cells = tuple(tuple(_cell(name, row[name]) for name in columns) for row in ended[:PRINTED])
    return Section(title, tuple(name.replace("_", " ") for name in columns), cells)


def _cell(name: str, value: object) -> str:
    if name in ESTIMATES:
        return f"{value:.4f}"
    return f"{value:,.6g}" if isinstance(value, float) else written(value)
