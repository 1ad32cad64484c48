"""What counts as nothing in a cell, whatever made the table: files, mappings or data frames."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

__all__ = ["is_missing", "unwrapped"]


def is_missing(cell: object) -> bool:
    """Whether a cell says that there is no value: None, text of blanks, NaN, NaT or NA.

    Args:
        cell: The cell.

    Example:
        >>> from crmcore.kernel.missing import is_missing
        >>> [is_missing(cell) for cell in (None, " ", float("nan"), 0, "0")]
        [True, True, True, False, False]
    """
    if isinstance(cell, str):
        return not cell.strip()
    if isinstance(cell, float):
        return cell != cell  # noqa: PLR0124 - NaN alone is not itself
    return cell is None or type(cell).__name__ in {"NaTType", "NAType"} or (isinstance(cell, Decimal) and cell.is_nan())


def unwrapped(cell: Any) -> Any:  # noqa: ANN401 - a cell is anything
    """A scalar of numpy or pandas as Python's own value.

    Args:
        cell: The cell.
    """
    if hasattr(cell, "to_pydatetime") and not is_missing(cell):
        return cell.to_pydatetime(warn=False)
    scalar = type(cell).__module__ == "numpy" and hasattr(cell, "item") and getattr(cell, "shape", ()) == ()
    return cell.item() if scalar else cell
