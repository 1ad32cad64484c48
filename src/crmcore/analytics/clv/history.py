"""What a customer's history can be, and what predictions are asked about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmcore.analytics.clv.rows import Rule, whole

__all__ = ["AHEAD", "COUNT", "HISTORY", "LONGEST", "either", "given"]

LONGEST = 1e12
"""Units: beyond any customer's life."""

MOST = 1_000_000
"""Purchases: beyond any customer's, and few enough to count one by one."""


def _legal(x: Any, t_x: Any, T: Any) -> Any:
    counted = (x >= 0) & (x <= MOST) & whole(x)
    return counted & (t_x >= 0) & (t_x <= T) & (T <= LONGEST) & ((x == 0) == (t_x == 0))


def _why(x: float, t_x: float, T: float) -> str:
    if not (0 <= x <= MOST and whole(x)):
        return f"a whole number of repeat purchases as x, from 0 to {MOST:,}"
    if not 0 <= t_x <= T <= LONGEST:
        return "0 ≤ t_x ≤ T: t_x is the age at the last purchase, T the age at the end"
    return "t_x = 0 where x = 0, and only there: t_x is the age at the last repeat purchase"


HISTORY = Rule(("x", "t_x", "T"), _legal, _why)
COUNT = Rule(
    ("n",), lambda n: (n >= 0) & (n <= MOST) & whole(n), lambda _: f"a whole number of purchases, from 0 to {MOST:,}"
)
AHEAD = Rule((), lambda: True, lambda: "")


def either(value: object, other: object) -> object:
    """What is given, by one name or by the other.

    Args:
        value: By its own.
        other: By that from elsewhere.
    """
    return other if value is None else value


def given(**columns: object) -> Mapping[str, object]:
    """The columns that are given.

    Args:
        columns: By name; None where one is not.
    """
    return {name: column for name, column in columns.items() if column is not None}
