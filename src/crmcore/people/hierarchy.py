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
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.outcome import is_late, outcome
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record

__all__ = ["check_parents"]

ALWAYS, EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LISTED = 6
"""How many accounts of a circle a message names."""

Part: TypeAlias = tuple[datetime, datetime, str]
"""From when, until when, and of which account another was part."""
Step: TypeAlias = tuple[str, datetime, datetime]
"""An account above another, from when, and until when."""


def check_parents(
    changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store
) -> dict[tuple[str, str], int]:
    """Refuse accounts that would be part of themselves, by way of others.

    Args:
        changes: What is to be written, of any kind, their values read.
        kinds: The kinds of the CRM.
        store: The store.

    Returns:
        The accounts above those that are moved, and their versions: while these stay, so does the answer.

    Raises:
        Invalid: Every such account.
    """
    kind = kinds["account"]
    moves = [change for change in changes if change.kind == kind.name and change.sets.get("parent") is not None]
    if not moves:
        return {}
    above = _Above(kind, store, changes, is_late(moves, store))
    above.look([change.sets["parent"] for change in moves])
    problems: list[Problem] = []
    told: set[str] = set()
    for change in moves:
        circle = () if change.id in told else above.circle(change)
        if circle:
            told |= {*circle}
            problems.append(_circular(circle))
    if problems:
        raise Invalid(problems)
    written = {change.id for change in changes}
    return {(kind.name, id): record.version for id, record in above.found.items() if id not in written}


@attrs.define
class _Above:
    """What stands above each account, once the changes are written."""

    kind: Kind[Any]
    store: Store
    changes: Sequence[Change[Any]]
    late: bool
    found: dict[str, Record] = attrs.field(factory=dict)
    after: Mapping[str, Any] = attrs.field(init=False)
    clear: set[str] = attrs.field(factory=set)
    """Accounts that are known to be part of no circle."""

    def __attrs_post_init__(self) -> None:
        self.after = {} if self.late else outcome(self.kind, self.changes, self.store)

    def look(self, ids: Iterable[str]) -> None:
        """Read accounts that were not read yet."""
        self.found |= self.store.get(self.kind, {*ids} - self.found.keys())

    def circle(self, moved: Change[Any]) -> tuple[str, ...]:
        """The accounts from a moved one upwards to itself; none when it does not come up again."""
        todo: list[Step] = [(moved.id, moved.at, EVER)]
        below: dict[Step, Step] = {}
        seen_twice = False
        while todo:
            step = todo.pop()
            for above in self._steps(step):
                if above[0] == moved.id:
                    return (*_way(step, below), moved.id)
                if above in below:
                    seen_twice = True
                else:
                    below[above] = step
                    todo.append(above)
        if not (self.late or seen_twice):
            self.clear |= {moved.id, *(id for id, _, _ in below)}
        return ()

    def _steps(self, step: Step) -> Iterator[Step]:
        """The accounts right above another, each for the time both hold."""
        id, since, until = step
        for begin, end, parent in self._parts(id):
            if parent not in self.clear and max(since, begin) < min(until, end):
                yield parent, max(since, begin), min(until, end)

    def _parts(self, id: str) -> Iterator[Part]:
        """Of which accounts another is part, and when."""
        self.look([id])
        if not self.late:
            record = self.after.get(id, self.found.get(id))
            if record is not None and record.parent is not None:
                yield ALWAYS, EVER, record.parent
            return
        known = [*self.store.changes(kind=self.kind.name, id=id), *(one for one in self.changes if one.id == id)]
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
