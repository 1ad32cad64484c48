"""The account hierarchy: accounts that are part of others form trees, at every moment and whoever writes.

Whatever is written is checked together, for a file may move several accounts of one tree at once. A change
of the past is checked for all the time it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Problem
from crmcore.kernel.outcome import Objection, is_late, outcome
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record

__all__ = ["circular"]

ALWAYS, EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LISTED = 6
"""How many accounts of a circle a message names."""

Part: TypeAlias = tuple[datetime, datetime, str]
"""From when, until when, and of which account another was part."""
Step: TypeAlias = tuple[str, datetime, datetime]
"""An account above another, from when, and until when."""


def circular(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> Iterator[Objection]:
    """The accounts that would be part of themselves, by way of others: one objection for each circle.

    Args:
        changes: What is to be written, of any kind, their values read.
        kinds: The kinds of the CRM.
        store: The store.
    """
    kind = kinds["account"]
    return _Above.of(changes, kind, store).circles() if _moves(changes, kind) else iter(())


def _moves(changes: Iterable[Change[Any]], kind: Kind[Any]) -> list[Change[Any]]:
    """The changes that make an account part of another."""
    return [change for change in changes if change.kind == kind.name and change.sets.get("parent") is not None]


@attrs.define
class _Above:
    """What stands above each account, once the changes are written."""

    kind: Kind[Any]
    store: Store
    changes: dict[str, list[Change[Any]]]
    moves: Sequence[Change[Any]]
    late: bool
    after: dict[str, Any]
    found: dict[str, Record] = attrs.field(factory=dict)
    clear: dict[str, datetime] = attrs.field(factory=dict)
    """Since when accounts are known to be part of no circle, nor beneath one."""

    @classmethod
    def of(cls, changes: Sequence[Change[Any]], kind: Kind[Any], store: Store) -> _Above:
        """What stands above the accounts that changes move."""
        moves = _moves(changes, kind)
        mine: dict[str, list[Change[Any]]] = {}
        for change in changes if moves else ():
            if change.kind == kind.name:
                mine.setdefault(change.id, []).append(change)
        late = is_late(moves, store)
        made = cls(kind, store, mine, moves, late, {} if late or not moves else outcome(kind, changes, store))
        made.look(change.sets["parent"] for change in moves)
        return made

    def look(self, ids: Iterable[str]) -> None:
        """Read accounts that are not known yet; what is made here is not in the store."""
        asked = {id for id in ids if id not in self.found and id not in self.after and not self._made(id)}
        self.found |= self.store.get(self.kind, asked) if asked else {}

    def _made(self, id: str) -> bool:
        """Whether an account is new."""
        return id in self.changes and self.changes[id][0].version == 1

    def circles(self) -> Iterator[Objection]:
        """Every circle; those whose moves make it are taken to stay where they were when the rest is looked at."""
        since = {change.id: change.at if self.late else ALWAYS for change in reversed(self.moves)}
        moved, todo = {*since}, [*since]
        while todo:
            id = todo.pop()
            circle = self.circle(id, since[id])
            to_blame = [one for one in circle[1:] if one in moved]
            if to_blame:
                yield Objection(_circular(circle), tuple(to_blame))
                moved -= {*to_blame}
                self._stay(to_blame)
                todo += [id, *to_blame]

    def _stay(self, ids: Iterable[str]) -> None:
        """Take accounts not to be moved."""
        for id in ids:
            self.changes.pop(id, None)
            self.after.pop(id, None)

    def circle(self, id: str, at: datetime) -> tuple[str, ...]:
        """A circle an account is part of since some time, or beneath one; none when there is none.

        An account has one parent at a time, so that two ways up from it never meet at the same time.
        """
        first: Step = (id, at, EVER)
        todo = [first]
        below: dict[Step, Step] = {}
        while todo:
            step = todo.pop()
            for above in self._steps(step):
                if above in below or above[0] == id:
                    way = _way(step, below)
                    return (*way[way.index(above[0]) :], above[0])
                below[above] = step
                todo.append(above)
        for one, since, until in (first, *below):
            if until == EVER:
                self.clear[one] = min(since, self.clear.get(one, EVER))
        return ()

    def _steps(self, step: Step) -> Iterator[Step]:
        """The accounts right above another, each for the time both hold."""
        id, since, until = step
        for begin, end, parent in self._parts(id):
            above = max(since, begin), min(until, end)
            if above[0] < above[1] and above[0] < self.clear.get(parent, EVER):
                yield parent, *above

    def _parts(self, id: str) -> Iterator[Part]:
        """Of which accounts another is part, and when."""
        self.look([id])
        if not self.late:
            record = self.after.get(id, self.found.get(id))
            if record is not None and record.parent is not None:
                yield ALWAYS, EVER, record.parent
            return
        known = [*(() if self._made(id) else self.store.changes(kind=self.kind.name, id=id)), *self.changes.get(id, ())]
        moves = sorted((one for one in known if "parent" in one.sets), key=lambda one: one.order)
        ends = [*(one.at for one in moves[1:]), EVER]
        for move, end in zip(moves, ends, strict=False):
            if move.sets["parent"] is not None:
                yield move.at, end, move.sets["parent"]


def _way(last: Step, below: Mapping[Step, Step]) -> tuple[str, ...]:
    """The accounts from the lowest to the highest of a way up."""
    way = [last]
    while way[-1] in below:
        way.append(below[way[-1]])
    return tuple(id for id, _, _ in reversed(way))


def _circular(circle: Sequence[str]) -> Problem:
    shown = " → ".join(circle if len(circle) <= LISTED else (*circle[: LISTED - 1], "…", circle[-1]))
    return Problem("parent", circle[1], f"an account that is not part of this one, as in {shown}", "choose another")
