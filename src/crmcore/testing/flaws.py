"""What goes wrong in exports."""

from __future__ import annotations

import attrs

__all__ = [
    "BAD_AMOUNT",
    "BAD_DATE",
    "DUPLICATE",
    "NOTHING_TO_CALL_IT_BY",
    "SAME_ID",
    "UNKNOWN_REFERENCE",
    "Flaw",
]

DUPLICATE = "duplicate"
"""The row is an earlier one in another spelling, under an id of its own."""

SAME_ID = "same id"
"""The row has the id of an earlier one, and is about something else."""

BAD_DATE = "bad date"
"""There is no such day."""

BAD_AMOUNT = "bad amount"
"""No amount can be read there, or not without guessing."""

UNKNOWN_REFERENCE = "unknown reference"
"""The id of a row that is in no table."""

NOTHING_TO_CALL_IT_BY = "nothing to call it by"
"""No name, e-mail or phone."""


@attrs.frozen
class Flaw:
    """Something wrong that was put into a row on purpose.

    Attributes:
        table: The table: ``"contacts"``.
        row: The line of its CSV file; the header is line 1.
        column: Where it is wrong.
        what: What is wrong: ``"duplicate"``, ``"same id"``, ``"bad date"``, ``"bad amount"``, ``"unknown reference"``
            or ``"nothing to call it by"``.
        of: The line of the earlier row that a duplicate or an id repeats.
    """

    table: str
    row: int
    column: str
    what: str
    of: int | None = None
