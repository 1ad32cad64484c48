"""What PostgreSQL and its driver say, in our words."""

from __future__ import annotations

import importlib
from typing import Any

from crmcore.kernel.errors import Busy, Corrupt, CrmError, Full, Invalid, Problem, ReadOnly, StoreError

__all__ = ["Again", "Lost", "driver", "quiet", "told", "translated"]


class Again(Busy):
    """Another writer was in the way; nothing was written, and the same may work at once."""


class Lost(Busy):
    """The connection was lost before the end; nothing was written."""


HINT = 'PostgreSQL needs psycopg: pip install "crmcore[postgres]"'

_AGAIN = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "23505",  # unique violation: somebody else was faster, as the next look shows
    "42P07",  # the table is there already, for the same reason
    "42710",  # … or the index
}
_KINDS: dict[str, tuple[type[StoreError], str]] = {
    "55P03": (Busy, "another writer is at work; try again, or raise busy_seconds"),
    "57014": (Busy, "the server's time limit ended the statement; try again, or raise it"),
    "53300": (Busy, "the server has no connection left; try again, or ask for fewer"),
    "57P03": (Busy, "the server is starting or stopping; try again"),
    "53100": (Full, "make room on the server's disk; nothing of the act was written"),
    "25006": (ReadOnly, "open the server that takes writes"),
    "42501": (ReadOnly, "ask for the rights on the schema and its tables"),
    "XX001": (Corrupt, "restore the database from a backup"),
    "XX002": (Corrupt, "an index is damaged: REINDEX it, or restore the database from a backup"),
}
_ELSE = StoreError, "see the cause below"
_LOST = "the connection was lost and nothing was written; try again"


def driver() -> Any:  # noqa: ANN401 - a module
    """The driver, imported when it is first needed.

    Raises:
        StoreError: It is not installed.
    """
    try:
        return importlib.import_module("psycopg")
    except ImportError as error:
        raise StoreError(HINT) from error


def translated(error: Exception, where: str, *, lost: bool = False) -> CrmError:
    """A driver's error as one of ours, saying where and what to do; values are in neither.

    Args:
        error: What the driver raised.
        where: The database.
        lost: Whether the connection is gone.
    """
    code: str = getattr(error, "sqlstate", None) or ""
    if isinstance(error, UnicodeEncodeError) or code.startswith("22") or type(error).__name__ == "DataError":
        return Invalid([Problem("value", "•••", "text and numbers that PostgreSQL can hold", "clean it at its source")])
    if code == "54000":  # the limit of an index
        expected = "at most some 2,600 bytes in a field that is a key or unique"
        return Invalid([Problem("value", "•••", expected, "shorten it, or take key=True and unique=True away")])
    if lost:
        return Lost(f"{where}: {told(error)}; {_LOST}")
    if code in _AGAIN:
        return Again(f"{where}: {told(error)}; another writer was faster: try again")
    kind, mend = _KINDS.get(code, _ELSE)
    return kind(f"{where}: {told(error)}; {mend}")


def quiet(error: Exception) -> Exception:
    """What a driver says, without the lines that quote rows and values.

    Args:
        error: What the driver raised.
    """
    return error if told(error) == str(error) else type(error)(told(error))


def told(error: Exception) -> str:
    """The first line of what a driver says; details may hold values."""
    primary: str | None = getattr(getattr(error, "diag", None), "message_primary", None)
    return primary or str(error).partition("\n")[0]
