"""An overlay: a store that reads through to another one, and keeps whatever is written to itself.

Laid over a store, it shows what that held just then, and its own changes on top; the other store, its
base, is never written. A record is taken over from the base with its whole history when it is about to
be changed here, or once it was changed there: of the ids taken over the base is not believed any more,
of all others it is asked as things stand, so that its indexes serve as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from datetime import datetime
from typing import Any, Self, TypeAlias, TypeVar

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Conflict, NotAllowed
from crmcore.kernel.page import Page, Query, page_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, R
from crmcore.kernel.where import F
from crmcore.kernel.words import fit, words_of
from crmcore.stores.memory import MemoryStore, selected
from crmcore.stores.standing import Standing

__all__ = ["OverlayStore"]

T = TypeVar("T")
Whole: TypeAlias = tuple[str, str]

TRIES = 3
"""How often a question is put to a base that others write to meanwhile, before it is asked about the past."""

EVERYTHING = 2**62
"""A page that holds everything."""


@attrs.define(eq=False)
class _Sheet:
    """What the overlays of all tenants share, beside what they have written.

    Attributes:
        place: Where the base's log ended when the overlay was laid over it.
        recorded: When that was recorded.
        taken: By tenant and kind, the ids of which the base is not believed any more.
        seen: By tenant, how far the base's log was read since.
        rewritten: Changes of the base that an erasure scrubbed here, by place.
        forgotten: The commits whose keys erasures made forgotten here, by tenant and id.
        ground: By tenant, the records that commits rested on, and their versions.
        whole: The tenants of which a commit rested on all of the log.
    """

    place: int
    recorded: datetime | None
    taken: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    seen: dict[str, int] = attrs.field(factory=dict)
    rewritten: dict[int, Change[Any]] = attrs.field(factory=dict)
    forgotten: set[tuple[str, str]] = attrs.field(factory=set)
    ground: dict[str, dict[Whole, int]] = attrs.field(factory=dict)
    whole: set[str] = attrs.field(factory=set)


class OverlayStore(MemoryStore):
    """Reads through to another store and keeps everything written to itself, in memory.

    It goes on showing what the base held when it was made, whatever others write there; only what
    is erased in the base is gone here too, unless it was taken over before. Closing it leaves the
    base open. Threads may share it.

    Args:
        base: The store beneath, prepared for the kinds that will be used; preparing an overlay leaves it alone.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.stores.overlay import OverlayStore
        >>> crm = CRM()
        >>> acme = crm.accounts.add(name="Acme")
        >>> what_if = CRM(OverlayStore(crm.store))
        >>> what_if.accounts.update(acme, name="Acme Ltd").name
        'Acme Ltd'
        >>> crm.accounts.get(acme.id).name
        'Acme'
    """

    def __init__(self, base: Store) -> None:
        super().__init__(base.tenant)
        self._base = base
        self._sheet = _Sheet(*base.last())

    def for_tenant(self, tenant: str) -> Self:
        """The same overlay, bound to another tenant."""
        other = object.__new__(type(self))
        other.tenant, other._rooms, other._sheet = tenant, self._rooms, self._sheet
        other._base = self._base.for_tenant(tenant)
        return other

    # --- what a batch is made of ------------------------------------------------------------------------------------

    @property
    def written(self) -> tuple[Change[Any], ...]:
        """Everything this tenant wrote, in order, ready to be committed to the base.

        Raises:
            NotAllowed: Something was erased, which no commit can do.
        """
        with self._open() as rooms:
            if any(tenant == self.tenant for tenant, _ in self._sheet.forgotten):
                message = "an erasure can't be committed with other changes; erase on the store itself"
                raise NotAllowed(message, act="erase")
            mine = [change for tenant, change in rooms.log if tenant == self.tenant]
        return tuple(evolved(change, seq=0, commit="", recorded_at=None, late=False) for change in mine)

    @property
    def ground(self) -> dict[Whole, int]:
        """What the base must not have moved on from for ``written`` to be right, as ``commit`` takes ``unmoved``.

        Those are the records that commits here rested on; of those written here, the versions see to it.
        """
        mine = {(change.kind, change.id) for change in self.written}
        return {
            whole: version for whole, version in self._sheet.ground.get(self.tenant, {}).items() if whole not in mine
        }

    @property
    def end(self) -> int | None:
        """Where the base's log must still end for ``written`` to be right; None when no commit rested on all of it."""
        return self._sheet.place if self.tenant in self._sheet.whole else None

    # --- the base ---------------------------------------------------------------------------------------------------

    def _taken(self, kind: Kind[Any]) -> set[str]:
        """The ids of which the base is not believed any more."""
        return self._sheet.taken.setdefault((self.tenant, kind.name), set())

    def _take(self, kind: Kind[Any], ids: Iterable[str]) -> None:
        """Take records over from the base, as they were when the overlay was made, with their history."""
        taken = self._taken(kind)
        fresh = [id for id in ids if id not in taken]
        for id in self._base.get(kind, fresh) if fresh else ():
            known = self._base.changes(kind=kind.name, id=id, upto=self._sheet.place)
            if known:
                self._shelve(kind, known)
            taken.add(id)

    def _follow(self) -> bool:
        """Take over what was changed in the base since this was last asked; whether anything was."""
        end, since = self._base.last()[0], self._sheet.seen.get(self.tenant, self._sheet.place)
        if end == since:
            return False
        moved: dict[str, dict[str, None]] = {}
        for change in self._base.changes(after=since, upto=end):
            moved.setdefault(change.kind, {})[change.id] = None
        for name in moved.keys() & self._rooms.kinds.keys():
            self._take(self._rooms.kinds[name], moved[name])
        self._sheet.seen[self.tenant] = end
        return True

    def _asked(self, ask: Callable[[Moment], T], moment: Moment) -> T:
        """What the base says of records that were not taken over.

        It is asked as things stand there, and again when they have moved on meanwhile.
        """
        if moment.seq is not None and moment.seq < self._sheet.place:
            return ask(moment)
        for _ in range(TRIES):
            found = ask(Moment(moment.at))
            if not self._follow():
                return found
        return ask(Moment(moment.at, self._sheet.place))

    # --- reading ----------------------------------------------------------------------------------------------------

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id; unknown ids are left out."""
        with self._open():
            wanted, shelves, taken = list(ids), self._shelves(kind), self._taken(kind)
            rest = [id for id in wanted if id not in shelves and id not in taken]
            below = self._asked(lambda when: self._base.get(kind, rest, when), moment) if rest else {}
            own = super().get(kind, wanted, moment)
        return {id: record for id, record in below.items() if id not in taken} | own

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match."""
        with self._open():
            below = self._untaken(kind, attrs.evolve(asked, limit=asked.limit + 1), moment)
            return page_of([*below, *self._matching(kind, asked, moment)], asked)

    def _untaken(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> list[R]:
        """One page of the records of the base that match and were not taken over."""
        taken = self._taken(kind)

        def page(when: Moment) -> Page[R]:
            return self._base.find(kind, attrs.evolve(asked, limit=asked.limit + len(taken)), when)

        return [record for record in self._asked(page, moment) if record.id not in taken]

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """How many records match."""

        def below(when: Moment) -> int:
            taken = self._base.get(kind, self._taken(kind), when)
            return self._base.count(kind, asked, when) - len(selected(taken.values(), asked))

        with self._open():
            return self._asked(below, moment) + super().count(kind, asked, moment)

    def changes(
        self,
        *,
        after: int = 0,
        upto: int | None = None,
        kind: str | None = None,
        id: str | None = None,
        commit: str | None = None,
        limit: int | None = None,
    ) -> list[Change[Any]]:
        """The log in the order it was written: the base's, and on from there."""
        whole: dict[str, Any] = {"kind": kind, "id": id, "commit": commit, "limit": limit}
        with self._open() as rooms:
            place = self._sheet.place
            if kind is not None and id in rooms.shelves.get((self.tenant, kind), {}):
                return super().changes(after=after, upto=upto, **whole)
            below = self._base.changes(after=after, upto=place if upto is None else min(upto, place), **whole)
            own = super().changes(after=after - place, upto=None if upto is None else upto - place, **whole)
            scrubbed = self._sheet.rewritten
            return [*(scrubbed.get(change.seq, change) for change in below), *own][:limit]

    def last(self) -> tuple[int, datetime | None]:
        """The place and the recording time of the newest change."""
        with self._open() as rooms:
            return super().last() if rooms.log else (self._sheet.place, self._sheet.recorded)

    def cut(self, known: datetime) -> int:
        """The last place in the log that was recorded at or before a time."""
        with self._open():
            own = super().cut(known)
            return self._sheet.place + own if own else min(self._base.cut(known), self._sheet.place)

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one."""
        with self._open():
            return super().kept(key) or self._kept_below(key)

    def _kept_below(self, key: Key) -> Commit | None:
        """The same, of the base."""
        try:
            found = self._base.kept(key)
        except Conflict as conflict:
            other = self._base.kept(Key(key.text, str(conflict.found)))
            if self._remembered(other) is None:
                return None
            raise
        return self._remembered(found)

    def _remembered(self, found: Commit | None) -> Commit | None:
        """A commit of the base, unless it came later, or its key was forgotten here."""
        if found is None or found.changes[-1].seq > self._sheet.place:
            return None
        return None if (self.tenant, found.id) in self._sheet.forgotten else found

    def holders(self, kind: Kind[Any], field: str, values: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
        """The ids of the records that have unique values, by value."""
        wanted = list(values)
        with self._open():
            found = self._base.holders(kind, field, wanted, deleted=deleted)
            self._follow()
            taken = self._taken(kind)
            stale = [value for value, id in found.items() if id in taken]
            found = {value: id for value, id in found.items() if id not in taken}
            if deleted and stale:
                found |= self._gone_holders(kind, field, stale)
            own = super().holders(kind, field, wanted, deleted=deleted)
        return found | {value: min(id, found.get(value, id)) for value, id in own.items()}

    def _gone_holders(self, kind: Kind[Any], field: str, values: Sequence[str]) -> dict[str, str]:
        """The deleted and merged records of the base that had unique values, though one with a smaller id was taken."""
        found: dict[str, str] = {}
        gone = Query(where=F[field].is_set, deleted=True, limit=EVERYTHING)
        merged = Query(where=F[field].is_set & F.merged_into.is_set, limit=EVERYTHING)
        for record in (*self._untaken(kind, gone), *self._untaken(kind, merged)):
            gave_up = {value for (name, value), live in claims_of(kind, record).items() if name == field and not live}
            found |= {value: min(record.id, found.get(value, record.id)) for value in gave_up.intersection(values)}
        return found

    def search(self, kinds: Sequence[Kind[Any]], words: Sequence[str], *, limit: int) -> list[tuple[str, str]]:
        """Live records with words that begin with each of some others, as kind and id."""

        def below(_: Moment) -> list[Whole]:
            return self._base.search(kinds, words, limit=limit + sum(len(self._taken(kind)) for kind in kinds))

        with self._open():
            met = self._asked(below, NOW) + super().search(kinds, words, limit=limit)
            ranked = [
                (-whole, place, record.id)
                for place, kind in enumerate(kinds)
                for record in self.get(kind, {id for name, id in met if name == kind.name}).values()
                if (whole := fit(words_of(kind, record), words)) is not None
            ]
        return [(kinds[place].name, id) for _, place, id in sorted(ranked)[:limit]]

    def _merged(self, survivor: str) -> AbstractSet[str]:
        """The ids merged into a record, not by way of another."""
        below = self._base.aliases(survivor) - {survivor}
        records = (
            [one for kind in self._rooms.kinds.values() for one in self.get(kind, below).values()] if below else []
        )
        return super()._merged(survivor) | {one.id for one in records if one.merged_into == survivor}

    # --- writing ----------------------------------------------------------------------------------------------------

    def commit(
        self,
        changes: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        key: Key | None = None,
        playbook: str = "",
        unmoved: Mapping[Whole, int] | None = None,
        end: int | None = None,
    ) -> Commit:
        """Write changes, all or nothing, to the overlay alone."""
        told: dict[str, Any] = {"recorded_at": recorded_at, "key": key, "playbook": playbook}
        with self._open() as rooms:
            before = len(rooms.log)
            done = super().commit(changes, id=id, unmoved=unmoved, end=end, **told)
            if len(rooms.log) > before:
                self._sheet.ground.setdefault(self.tenant, {}).update(unmoved or {})
                self._sheet.whole |= set() if end is None else {self.tenant}
            return done

    def _staged(self, changes: Sequence[Change[Any]], id: str, recorded_at: datetime, playbook: str) -> Any:  # noqa: ANN401
        """What a commit would leave, once its records were taken over."""
        ids: dict[str, dict[str, None]] = {}
        for change in changes:
            ids.setdefault(change.kind, {})[change.id] = None
        for name, wanted in ids.items():
            self._take(self._rooms.kinds[name], wanted)
        return super()._staged(changes, id, recorded_at, playbook)

    def _claim(self, now: Mapping[Whole, Standing[Any]]) -> None:
        """Take claims, once those who hold them in the base were taken over."""
        wanted: dict[Whole, list[str]] = {}
        for (name, _), standing in now.items():
            for (field, value), live in claims_of(self._rooms.kinds[name], standing.record).items():
                if live:
                    wanted.setdefault((name, field), []).append(value)
        for (name, field), values in wanted.items():
            kind = self._rooms.kinds[name]
            self._take(kind, self.holders(kind, field, values).values())
        super()._claim(now)

    def erase(self, erasure: Change[Any], *, id: str, recorded_at: datetime, playbook: str = "") -> Commit:
        """Scrub values of one record everywhere in the overlay, as a change of its own; the base keeps them."""
        with self._open() as rooms:
            if erasure.kind in rooms.kinds:
                self._take(rooms.kinds[erasure.kind], [erasure.id])
            return super().erase(erasure, id=id, recorded_at=recorded_at, playbook=playbook)

    def _relog(self, change: Change[Any]) -> None:
        """Put a scrubbed change in its old place in the log, or beside the base's."""
        place = self._sheet.place
        if change.seq > place:
            self._rooms.log[change.seq - place - 1] = (self.tenant, change)
        else:
            self._sheet.rewritten[change.seq] = change
        self._sheet.forgotten.add((self.tenant, change.commit))

    def check(self) -> list[str]:
        """What is wrong inside the base."""
        with self._open():
            return self._base.check()
