"""Cells read as numbers."""

from __future__ import annotations

from math import nan

from crmcore.kernel.missing import is_missing, unwrapped

__all__ = ["number"]


def number(cell: object) -> float:
    """A cell as a float; NaN when it is no number.

    Args:
        cell: The cell.
    """
    plain = unwrapped(cell)
    if is_missing(plain) or isinstance(plain, bool):
        return nan
    try:
        return float(plain)
    except (TypeError, ValueError, OverflowError):
        return nan
