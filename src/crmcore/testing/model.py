"""A store as a few dictionaries: what every other one is measured against.

It knows nothing of records, claims tables or windows: a state is what is left of the fields when
the changes are laid over one another in the order they happened.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Conflict, CrmError, Duplicate, Invalid
from crmcore.kernel.ports import NOW, Commit, Moment
from crmcore.kernel.records import Record

__all__ = ["Model", "flat"]

State: TypeAlias = dict[str, Any]
Whole: TypeAlias = tuple[str, str]

DEFAULTS: Mapping[str, State] = {"parcel": {"status": "new", "marks": (), "stops": ()}, "box": {}}
UNIQUE = ("code", "number", "external.shop")


def flat(record: Record) -> State:
    """A record's version and fields, members opened, without what is missing."""
    state = attrs.asdict(record, recurse=False)
    for name in ("custom", "external", "tags", "phones", "depots"):
        if name not in state:
            continue
        state |= {f"{name}.{key}": value for key, value in state.pop(name).items()}
    return {name: value for name, value in state.items() if value is not None and name != "id"}


def fold(changes: Iterable[Change[Any]]) -> State:
    """What some changes of one record add up to."""
    ordered = sorted(changes, key=lambda change: (change.at, change.version))
    state = {**DEFAULTS[ordered[0].kind], "version": max(change.version for change in ordered)}
    for name, value in [item for change in ordered for item in change.sets.items()]:
        if isinstance(value, Mapping):  # an erasure left nothing of all its members
            state = {other: one for other, one in state.items() if not other.startswith(f"{name}.")}
        else:
            state[name] = value
    return {name: value for name, value in state.items() if value is not None}


def said(state: State) -> list[str]:
    """The words of a record in the fields that are searched."""
    if "deleted_at" in state or "merged_into" in state:
        return []
    phones = [value for name, value in state.items() if name.startswith("phones.")]
    text = " ".join([state.get("label", ""), *state.get("marks", ()), *phones])
    plain = [one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one)]
    return re.findall("[a-z0-9]+", "".join(plain))


@attrs.define
class Model:
    """One tenant's changes, and the commits made under a key.

    Attributes:
        log: Every change, as it stands in the log.
        keys: By key: the fingerprint and what was committed.
        cuts: By cut, how much of the log lies within it.
    """

    log: list[Change[Any]] = attrs.field(factory=list)
    keys: dict[str, tuple[str, Commit]] = attrs.field(factory=dict)
    cuts: dict[str, int] = attrs.field(factory=dict)

    def of(self, kind: str, id: str) -> list[Change[Any]]:
        """The changes of one record."""
        return [change for change in self.log if (change.kind, change.id) == (kind, id)]

    def states(self, moment: Moment = NOW, more: Sequence[Change[Any]] = ()) -> dict[Whole, State]:
        """Every record at a moment, or with more changes."""
        known: dict[Whole, list[Change[Any]]] = {}
        for change in [*self.known(moment.cut), *more]:
            if moment.at is None or change.at <= moment.at:
                known.setdefault((change.kind, change.id), []).append(change)
        return {whole: fold(changes) for whole, changes in known.items()}

    def known(self, cut: str | None) -> list[Change[Any]]:
        """The changes within a cut."""
        return self.log if cut is None else self.log[: self.cuts[cut]]

    def refusal(self, changes: Sequence[Change[Any]]) -> type[CrmError] | None:
        """Why a commit can't be written; None when it can."""
        known: dict[Whole, list[Change[Any]]] = {}
        for change in changes:
            mine = known.setdefault((change.kind, change.id), self.of(change.kind, change.id))
            if change.version != len(mine) + 1:
                return Conflict
            if mine and change.at < mine[0].at:
                return Invalid
            mine.append(change)
        claims = self.claims(self.states(more=changes))
        return Duplicate if any(len(holders) > 1 for (*_, live), holders in claims.items() if live) else None

    def claims(self, states: Mapping[Whole, State]) -> dict[tuple[str, str, Any, bool], list[str]]:
        """Who has which unique value, live or not, by id."""
        holders: dict[tuple[str, str, Any, bool], list[str]] = {}
        for (kind, id), state in sorted(states.items()):
            live = "deleted_at" not in state and "merged_into" not in state
            for field in UNIQUE:
                if field in state:
                    holders.setdefault((kind, field, state[field], live), []).append(id)
        return holders

    def aliases(self, id: str) -> set[str]:
        """Every id merged into one, and itself."""
        survivor = {one: state.get("merged_into") for (_, one), state in self.states().items()}
        found = {id}
        for _ in survivor:
            found |= {one for one, into in survivor.items() if into in found}
        return found

    def search(self, kinds: Sequence[str], words: Sequence[str], limit: int) -> list[Whole]:
        """Live records by the words they have, as kind and id."""
        ranked = []
        for (kind, id), state in self.states().items():
            mine = said(state) if kind in kinds else []
            if all(any(one.startswith(word) for one in mine) for word in words):
                ranked.append((-sum(word in mine for word in words), kinds.index(kind), id))
        return [(kinds[place], id) for _, place, id in sorted(ranked)[:limit]]

    def late(self, change: Change[Any]) -> bool:
        """Whether a change happened before something its record knew already."""
        return any(one.at > change.at for one in self.of(change.kind, change.id))

    def erase(self, erasure: Change[Any]) -> None:
        """Scrub what an erasure sets out of its record's changes."""
        commits = {one.commit for one in self.of(erasure.kind, erasure.id)}
        self.log = [self.scrubbed(change, erasure) for change in self.log]
        self.keys = {key: kept for key, kept in self.keys.items() if kept[1].id not in commits}

    def is_scrubbed(self, erasure: Change[Any]) -> bool:
        """Whether an erasure would take nothing away."""
        known = self.of(erasure.kind, erasure.id)
        return [self.scrubbed(change, erasure) for change in known] == known

    def scrubbed(self, change: Change[Any], erasure: Change[Any]) -> Change[Any]:
        """A change without what an erasure takes away."""
        if (change.kind, change.id) != (erasure.kind, erasure.id):
            return change
        sets = {
            name: erasure.sets[name] if name in erasure.sets and value is not None else value
            for name, value in change.sets.items()
            if name in erasure.sets or name.partition(".")[0] not in erasure.sets
        }
        return attrs.evolve(change, sets=sets, reason=change.reason if change.what == "erased" else None)
