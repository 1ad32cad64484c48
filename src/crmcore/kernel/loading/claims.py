"""Unique values in a load: none may be another live record's, nor that of an earlier row."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.claims import Claim, claimed, claims_of
from crmcore.kernel.errors import Problem
from crmcore.kernel.outcome import Objection, outcome
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind

__all__ = ["clashes"]


def clashes(changes: Sequence[Change[Any]], kinds: Mapping[str, Kind[Any]], store: Store) -> Iterator[Objection]:
    """The changes that would take unique values others have, once all are written; the first of several may.

    A change that can't be written gives nothing up, so it is reckoned with that too.

    Args:
        changes: What is to be written, their values read.
        kinds: The kinds of the CRM.
        store: The store.
    """
    claiming: dict[str, list[Change[Any]]] = {}
    for change in changes:
        kind = kinds[change.kind]
        unique = {told.name for told in kind.unique}
        if any(path in unique or path.startswith("external.") for path in change.sets):
            claiming.setdefault(kind.name, []).append(change)
    for name, some in claiming.items():
        yield from _Claiming.of(kinds[name], some, store).objections()


@attrs.frozen
class _Claiming:
    """What records of a kind have, and would have."""

    kind: Kind[Any]
    before: Mapping[str, Mapping[Claim, bool]]
    after: Mapping[str, Sequence[Claim]]
    holders: Mapping[Claim, str]

    @classmethod
    def of(cls, kind: Kind[Any], changes: Sequence[Change[Any]], store: Store) -> _Claiming:
        """What changes claim."""
        fresh: dict[str, dict[str, Any]] = {}
        for change in changes:
            if change.version == 1 or change.id in fresh:
                fresh.setdefault(change.id, {}).update(change.sets)
        known = outcome(kind, [change for change in changes if change.id not in fresh], store)
        after = {id: _claimed(kind, sets) for id, sets in fresh.items()}
        after |= {id: [claim for claim, live in claims_of(kind, one).items() if live] for id, one in known.items()}
        before = {id: claims_of(kind, one) for id, one in store.get(kind, known).items()} if known else {}
        asked: dict[str, list[str]] = {}
        for claims in after.values():
            for path, value in claims:
                asked.setdefault(path, []).append(value)
        holders = {
            (path, value): id
            for path, values in asked.items()
            for value, id in store.holders(kind, path, values).items()
        }
        return cls(kind, before, after, holders)

    def objections(self) -> Iterator[Objection]:
        """The records that would take what others have."""
        takers: dict[Claim, list[str]] = {}
        for id, claims in self.after.items():
            for claim in claims:
                takers.setdefault(claim, []).append(id)
        refused: dict[str, tuple[Claim, str]] = {}
        for claim, ids in takers.items():
            holder = self.holders.get(claim)
            first = holder if holder is not None and (holder not in self.after or holder in ids) else ids[0]
            refused |= {id: (claim, first) for id in ids if id != first}
        todo = deque(refused)
        while todo:
            id = todo.popleft()
            for claim in self.before.get(id, ()):
                others = [one for one in takers.get(claim, ()) if one != id and one not in refused]
                refused |= dict.fromkeys(others, (claim, id))
                todo += others
        for id, (claim, holder) in refused.items():
            yield Objection(self._problem(claim, holder), (id,))

    def _problem(self, claim: Claim, holder: str) -> Problem:
        path, value = claim
        declared = self.kind.declared(path)
        shown = value if declared is not None and declared.unique and not declared.personal else "•••"
        mend = "take the row out, or change that record first"
        return Problem(path, shown, f"a value of its own, since {holder} has it", mend)


def _claimed(kind: Kind[Any], sets: Mapping[str, Any]) -> list[Claim]:
    """What a new record claims."""
    found = [(path, value) for path, value in sets.items() if path.startswith("external.")]
    named = ((told, sets.get(told.name)) for told in kind.unique)
    return [*found, *((told.name, claimed(told, value)) for told, value in named if value is not None)]
