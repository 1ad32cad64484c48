"""A table of rows as a system exports it, and where something in it is to go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TypeAlias

import attrs

__all__ = ["Plan", "Row", "Sheet", "euros", "working_day"]

Row: TypeAlias = dict[str, str]


@attrs.frozen
class Plan:
    """How many rows a table gets; by position from 0, what is to go wrong in which column."""

    rows: int
    flaws: Mapping[int, tuple[str, str]]


@attrs.frozen
class Sheet:
    """The rows of a table, still clean, and the plan of what is to go wrong."""

    rows: list[Row]
    plan: Plan

    @property
    def clean(self) -> list[Row]:
        """The rows that stay clean, so that others may refer to them."""
        return [row for position, row in enumerate(self.rows) if position not in self.plan.flaws]


def euros(cents: int) -> str:
    """An amount as exports write it: ``"1200.50"``."""
    return f"{cents // 100}.{cents % 100:02}"


def working_day(day: date) -> date:
    """The day itself, or the Monday after it."""
    return day + timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0)
