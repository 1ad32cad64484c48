"""Cuts of a log that several write to at once: a snapshot of who had committed, as PostgreSQL tells it.

A place in the log says nothing there: it is drawn before the commit, so a lower one may turn up later.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Self

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.stores.places import START

__all__ = ["Cursor", "Cut"]

_NUMBER = "0|[1-9][0-9]{0,17}"
_CUT = re.compile(
    rf"(?P<generation>[1-9][0-9]{{0,3}}):(?P<snapshot>(?:{_NUMBER}):(?:{_NUMBER}):(?:[0-9,]*))"
    rf"(?:\+(?P<mine>{_NUMBER})\.(?P<upto>{_NUMBER}))?(?:@(?P<known>-?(?:{_NUMBER})))?",
    re.ASCII,
)


def _stranger(path: str, value: object) -> Invalid:
    mend = "take it from the store: last(), cut() or a stretch's cursor"
    return Invalid([Problem(path, type(value).__name__, f"a {path} of this log", mend)])


@attrs.frozen
class Cut:
    """What had been committed by some instant, for good.

    Attributes:
        generation: The cluster the log was in: rows of earlier ones lie within, rows of later ones do not.
        snapshot: Which transactions had ended: ``xmin:xmax:running``.
        own: The transaction that took the cut, and the last place that had been drawn by then, by whomever; None when
            it had written nothing.
        known: Only what was recorded by then, in microseconds; None for everything.
    """

    generation: int
    snapshot: str
    own: tuple[int, int] | None = None
    known: int | None = None

    @classmethod
    def taken(cls, generation: int, snapshot: str, mine: int | None, upto: int | None) -> Self:
        """The cut of now.

        Within a transaction that has written, PostgreSQL takes that one for ended once a later one has: it is put among
        the running ones, and what it wrote is told by place.

        Args:
            generation: The cluster's.
            snapshot: The current one.
            mine: The transaction's own id, if it has one.
            upto: The last place that was drawn, if any was.
        """
        low, high, running = snapshot.split(":")
        if mine is not None and mine < int(high):
            ids = sorted({mine, *map(int, filter(None, running.split(",")))})
            snapshot = f"{low}:{high}:{','.join(map(str, ids))}"
        return cls(generation, snapshot, None if mine is None or upto is None else (mine, upto))

    @classmethod
    def read(cls, text: str) -> Self:
        """A cut out of its text.

        Args:
            text: The text.

        Raises:
            Invalid: It is none.
        """
        found = _CUT.fullmatch(text) if isinstance(text, str) else None
        if found is None or not _in_order(found["snapshot"]):
            raise _stranger("cut", text)
        own = None if found["mine"] is None else (int(found["mine"]), int(found["upto"]))
        known = None if found["known"] is None else int(found["known"])
        return cls(int(found["generation"]), found["snapshot"], own, known)

    def __str__(self) -> str:
        """The text it is read from."""
        own = "" if self.own is None else "+{}.{}".format(*self.own)
        return f"{self.generation}:{self.snapshot}{own}" + ("" if self.known is None else f"@{self.known}")

    @property
    def low(self) -> int:
        """The oldest transaction that was running."""
        return int(self.snapshot.split(":")[0])

    @property
    def high(self) -> int:
        """The first transaction that had not begun."""
        return int(self.snapshot.split(":")[1])

    def within(self) -> tuple[str, list[Any]]:
        """The condition that a row of the log lies within it."""
        ended, values = "pg_visible_in_snapshot(x.txid, ?::pg_snapshot)", [self.generation, self.generation]
        told: list[Any] = [self.snapshot]
        if self.own is not None:
            ended = f"({ended} OR x.txid = ?::text::xid8 AND x.seq <= ?)"
            told += self.own
        text = f"(x.generation < ? OR x.generation = ? AND {ended})"
        if self.known is None:
            return text, [*values, *told]
        return f"({text} AND x.recorded_at <= ?)", [*values, *told, self.known]

    def beyond(self) -> tuple[str, list[Any]]:
        """The condition that a row of the log came after it."""
        text, values = self.within()
        if self.known is not None:
            return f"NOT {text}", values
        return f"(x.generation, x.txid) >= (?, ?::text::xid8) AND NOT {text}", [self.generation, self.low, *values]


@attrs.frozen
class Cursor:
    """How far somebody has read who follows the log.

    What lies between two cuts is read in the order of its places; afterwards the later cut is where it goes on from.

    Attributes:
        old: The cut up to which everything was read; None when nothing was.
        new: The cut that is being read up to; None when that is finished.
        place: The last place read of what lies between them.
    """

    old: Cut | None = None
    new: Cut | None = None
    place: int = 0

    @classmethod
    def read(cls, text: str | None) -> Self:
        """A cursor out of its text.

        Args:
            text: The text; None for the beginning.

        Raises:
            Invalid: It is none.
        """
        if text is None or text == START:
            return cls()
        if not isinstance(text, str):
            raise _stranger("cursor", text)
        old, *rest = text.split(">")
        if rest and (len(rest) != 2 or not re.fullmatch(_NUMBER, rest[1], re.ASCII)):
            raise _stranger("cursor", text)
        first = None if old == START else Cut.read(old)
        return cls(first, Cut.read(rest[0]), int(rest[1])) if rest else cls(first)

    def __str__(self) -> str:
        """The text it is read from."""
        old = START if self.old is None else str(self.old)
        return old if self.new is None else f"{old}>{self.new}>{self.place}"


def _in_order(snapshot: str) -> bool:
    """Whether a snapshot is one: its running transactions lie between its ends, in order."""
    low, high, running = snapshot.split(":")
    try:
        ids = [int(one) for one in running.split(",")] if running else []
    except ValueError:
        return False
    return all(a < b for a, b in pairwise([int(low) - 1, *ids, int(high)])) if ids else int(low) <= int(high)
