"""Histories in periods: what BG/BB knows of a customer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crmcore.analytics.clv.rows import Rule, whole
from crmcore.analytics.clv.unit import Unit, units_in
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["AHEAD", "COUNT", "PERIODS", "history", "in_periods", "whole_periods"]

LONGEST = 100_000
"""Periods a history may have, or purchases be counted in: every one of them is looked at."""

NEAR = 1e-9


def _legal(x: Any, t_x: Any, n: Any) -> Any:
    numbers = whole(x) & whole(t_x) & whole(n) & (n <= LONGEST)
    return numbers & (x >= 0) & (x <= t_x) & (t_x <= n) & ((x == 0) == (t_x == 0))


def _why(x: float, t_x: float, n: float) -> str:
    if not (whole(x) and whole(t_x) and whole(n) and 0 <= n <= LONGEST):
        return "whole numbers: of purchases as x, of periods as t_x and n"
    if not x <= t_x <= n:
        return "x ≤ t_x ≤ n: at most one purchase a period, the last in period t_x of n"
    return "t_x = 0 where x = 0, and only there: t_x is the period of the last purchase"


PERIODS = Rule(("x", "t_x", "n"), _legal, _why)
COUNT = Rule(
    ("n", "t"),
    lambda n, t: (n >= 0) & whole(n) & (n <= LONGEST) & (t >= 0) & whole(t) & (t <= LONGEST),
    lambda *_: "a whole number of purchases as n, and of periods as t",
)
AHEAD = Rule((), lambda: True, lambda: "")


def history(x: object, t_x: object, n: object, *others: object) -> Mapping[str, object]:
    """The columns of a history, each by either of its names.

    Args:
        x: In how many periods they bought.
        t_x: The period of the last purchase.
        n: How many periods there were.
        others: The same by other names.
    """
    told = (other if value is None else value for value, other in zip((x, t_x, n), others, strict=True))
    return dict(zip(PERIODS.names, told, strict=True))


def whole_periods(path: str, periods: list[float]) -> list[float]:
    """Numbers of periods, if they are whole, and not too many to look at each.

    Args:
        path: What the caller calls them.
        periods: The numbers, shape ``(n,)``.

    Raises:
        Invalid: One of them is not.
    """
    strange = [time for time in periods if not (whole(time) and time <= LONGEST)]
    if strange:
        expected = f"a whole number of periods, at most {LONGEST:,}"
        raise Invalid([Problem(path, strange[0], expected, "count in the model's periods, such as 1")])
    return periods


def in_periods(unit: Unit | None, span: Any, path: str) -> Any:
    """A number of periods, of a span that is one; anything else as it is.

    Args:
        unit: How long a period is.
        span: Text such as ``"5 years"``, a timedelta, a number or a column.
        path: What the caller calls it.

    Raises:
        Invalid: It is a span, and nobody said how long a period is.
    """
    if not isinstance(span, str | timedelta):
        return span
    periods = units_in(unit, span, path)
    return round(periods) if abs(periods - round(periods)) < NEAR * periods else periods
