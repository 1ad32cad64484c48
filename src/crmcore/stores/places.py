"""Places in a log that has one writer at a time: its cuts, and the cursors of those who follow it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Conflict, Invalid, Problem

__all__ = ["START", "cursor_of", "follow_from", "outrun", "place_in", "tip_of"]

START = "0"
"""The cursor of somebody who has read nothing."""

_CUT = re.compile("0|[1-9][0-9]{0,17}", re.ASCII)
_CURSOR = re.compile(r"([1-9][0-9]{0,17})\.([0-9a-f]{8})", re.ASCII)


def place_in(cut: str) -> int:
    """The last place within a cut.

    Args:
        cut: The cut.

    Raises:
        Invalid: It is none.
    """
    if isinstance(cut, str) and _CUT.fullmatch(cut):
        return int(cut)
    raise Invalid([Problem("cut", type(cut).__name__, "a cut of this log", "take it from last() or cut()")])


def cursor_of(change: Change[Any]) -> str:
    """The cursor of somebody who has read up to a change: its place, and a mark of what stands there.

    Args:
        change: The change.
    """
    return f"{change.seq}.{_mark(change.commit)}"


def tip_of(newest: Sequence[Change[Any]]) -> str:
    """The cursor of somebody who has read everything.

    Args:
        newest: The newest change, if there is any.
    """
    return cursor_of(newest[0]) if newest else START


def outrun(consumer: str, was: str, found: str) -> Conflict:
    """What to say when a consumer's cursor is not where it was.

    Args:
        consumer: The name of the consumer.
        was: Where it was.
        found: Where it is.
    """
    message = f"consumer {consumer!r} was moved meanwhile: somebody else follows under that name, or has reset it"
    return Conflict("consumer", consumer, expected=was, found=found, message=message)


def _mark(commit: str) -> str:
    return f"{zlib.crc32(commit.encode()):08x}"


def follow_from(cursor: str | None, commit_at: Callable[[int], str | None]) -> int:
    """The last place that somebody has read.

    Args:
        cursor: Their cursor; None when they have read nothing.
        commit_at: Tells which commit wrote a place of the log; None when nothing stands there.

    Raises:
        Invalid: It is no cursor, or what it was given for is not in this log.
    """
    if cursor is None or cursor == START:
        return 0
    found = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    if found is None:
        mend = "pass the `cursor` of the stretch before, or None for the beginning"
        raise Invalid([Problem("after", type(cursor).__name__, "a cursor of this log", mend)])
    place = int(found[1])
    commit = commit_at(place)
    if commit is None or _mark(commit) != found[2]:
        mend = "this is another log, or was restored from a backup since: start from the beginning"
        raise Invalid([Problem("after", cursor, "a cursor of this log", mend)])
    return place
