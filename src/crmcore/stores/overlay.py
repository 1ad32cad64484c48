"""An overlay: a store that reads through to another one, and keeps whatever is written to itself.

Laid over a store, it shows what that held just then, and its own changes on top; the other store, its
base, is never written. A record is taken over from the base with its whole history when it is about to
be changed here, or once it was changed there: of the ids taken over the base is not believed any more,
of all others it is asked as things stand, so that its indexes serve as ever.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, Self, TypeAlias, TypeVar

import attrs

from crmcore.kernel.change import Change, evolved
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Conflict, NotAllowed
from crmcore.kernel.page import Page, Query, page_of
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store, Stretch
from crmcore.kernel.records import Kind, R
from crmcore.kernel.where import F
from crmcore.kernel.words import fit, words_of
from crmcore.stores.memory import MemoryStore, selected
from crmcore.stores.places import START, cursor_of, follow_from
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
        cut: The cut of the base's log when the overlay was laid over it.
        recorded: When that was recorded.
        taken: By tenant and kind, the ids of which the base is not believed any more.
        seen: By tenant, the cut up to which the base's log was read since.
        rewritten: Changes of the base that an erasure scrubbed here, by tenant and place.
        forgotten: The commits whose keys erasures made forgotten here, by tenant and id.
        ground: By tenant, the records that commits rested on, and their versions.
        whole: The tenants of which a commit rested on all of the log.
        floors: By tenant, the last place of the base's log; what is written here stands above it.
    """

    cut: str
    recorded: datetime | None
    taken: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    seen: dict[str, str] = attrs.field(factory=dict)
    rewritten: dict[tuple[str, int], Change[Any]] = attrs.field(factory=dict)
    forgotten: set[tuple[str, str]] = attrs.field(factory=set)
    ground: dict[str, dict[Whole, int]] = attrs.field(factory=dict)
    whole: set[str] = attrs.field(factory=set)
    floors: dict[str, int] = attrs.field(factory=dict)


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
    def writers(self) -> frozenset[str]:
        """The tenants that wrote here."""
        with self._open() as rooms:
            return frozenset(tenant for tenant, _ in rooms.log)

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
    def end(self) -> str | None:
        """The cut of the base that ``written`` rests on; None when no commit rested on all of its log."""
        return self._sheet.cut if self.tenant in self._sheet.whole else None

    # --- the base ---------------------------------------------------------------------------------------------------

    def _taken(self, kind: Kind[Any]) -> set[str]:
        """The ids of which the base is not believed any more."""
        return self._sheet.taken.setdefault((self.tenant, kind.name), set())

    def _take(self, kind: Kind[Any], ids: Iterable[str]) -> None:
        """Take records over from the base, as they were when the overlay was made, with their history."""
        taken = self._taken(kind)
        fresh = [id for id in ids if id not in taken]
        for id in self._base.get(kind, fresh) if fresh else ():
            known = self._base.changes(kind=kind.name, id=id, upto=self._sheet.cut)
            if known:
                self._shelve(kind, known)
            taken.add(id)

    def _follow(self) -> bool:
        """Take over what was changed in the base since this was last asked; whether anything was."""
        end, since = self._base.last()[0], self._sheet.seen.get(self.tenant, self._sheet.cut)
        if end == since:
            return False
        moved: dict[str, dict[str, None]] = {}
        for change in self._base.changes(after=since, upto=end):
            moved.setdefault(change.kind, {})[change.id] = None
        for name in moved.keys() & self._rooms.kinds.keys():
            self._take(self._rooms.kinds[name], moved[name])
        self._sheet.seen[self.tenant] = end
        return bool(moved)

    def _asked(self, ask: Callable[[Moment], T], moment: Moment) -> T:
        """What the base says of records that were not taken over.

        It is asked as things stand there, and again when they have moved on meanwhile.
        """
        if moment.cut is not None and self._own(moment.cut) is None:
            return ask(moment)
        for _ in range(TRIES):
            found = ask(Moment(moment.at))
            if not self._follow():
                return found
        return ask(Moment(moment.at, self._sheet.cut))

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

    # --- the log ----------------------------------------------------------------------------------------------------

    def _own(self, cut: str) -> int | None:
        """How many of the changes here lie within a cut; None for a cut of the base."""
        count, _, below = cut.partition("+") if isinstance(cut, str) else ("", "", "")
        return int(count) if below == self._sheet.cut and count.isascii() and count.isdecimal() else None

    def _reach(self, cut: str) -> int:
        """How much of what was written here lies within a cut."""
        return self._own(cut) or 0

    def _known(self, shelf: Any, cut: str) -> int:  # noqa: ANN401 - of the memory store
        """How many changes of a record lie within a cut, those of the base among them."""
        own, (first, *_) = self._own(cut), shelf.changes
        if own is None:
            return len(self._base.changes(upto=cut, kind=first.kind, id=first.id))
        return bisect.bisect_right(shelf.changes, self._floor() + own, key=lambda change: change.seq)

    def _floor(self) -> int:
        """The last place of the base's log."""
        if self.tenant not in self._sheet.floors:
            newest = self._base.changes(upto=self._sheet.cut, newest=True, limit=1)
            self._sheet.floors[self.tenant] = newest[0].seq if newest else 0
        return self._sheet.floors[self.tenant]

    def _end(self) -> int:
        """The last place of the log."""
        return self._floor() + len(self._rooms.log)

    def changes(
        self,
        *,
        after: str | None = None,
        upto: str | None = None,
        before: int | None = None,
        kind: str | None = None,
        id: str | None = None,
        commit: str | None = None,
        limit: int | None = None,
        newest: bool = False,
    ) -> list[Change[Any]]:
        """The log in the order it was written, or part of it: the base's, and on from there."""
        asked: dict[str, Any] = {"before": before, "kind": kind, "id": id, "commit": commit}
        asked |= {"limit": limit, "newest": newest}
        with self._open() as rooms:
            own = super().changes(after=after, upto=upto, **asked)
            if kind is not None and id in rooms.shelves.get((self.tenant, kind), {}):
                return own
            ends = [self._sheet.cut if cut is None or self._own(cut) is not None else cut for cut in (after, upto)]
            below = self._base.changes(after=None if after is None else ends[0], upto=ends[1], **asked)
            below = [self._sheet.rewritten.get((self.tenant, change.seq), change) for change in below]
            return ([*own, *below] if newest else [*below, *own])[:limit]

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed since."""
        with self._open():
            log = self.changes()
            place = follow_from(after, {change.seq: change.commit for change in log}.get)
        found = tuple(islice((change for change in log if change.seq > place), limit))
        return Stretch(found, cursor_of(found[-1]) if found else after or START)

    def last(self) -> tuple[str, datetime | None]:
        """The cut that holds all there is now, and when the newest change was recorded."""
        with self._open() as rooms:
            recorded = rooms.log[-1][1].recorded_at if rooms.log else self._sheet.recorded
            return self._cut(len(rooms.log)), recorded

    def _cut(self, own: int) -> str:
        """The cut that holds all of the base, and so many changes of those written here."""
        return f"{own}+{self._sheet.cut}"

    def cut(self, known: datetime, *, within: str | None = None) -> str:
        """The cut that holds what was recorded at or before a time."""
        with self._open() as rooms:
            own = len(rooms.log) if within is None else self._own(within)
            if own is not None and (count := self._recorded(known, own)):
                return self._cut(count)
            return self._base.cut(known, within=self._sheet.cut if own is not None else within)

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
        if found is None or not self._base.changes(commit=found.id, upto=self._sheet.cut, limit=1):
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
        end: str | None = None,
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

    def erase(self, erasures: Sequence[Change[Any]], *, unsaid: Sequence[Change[Any]] = (), **told: Any) -> Commit:  # noqa: ANN401
        """Scrub values of records everywhere in the overlay, all or nothing; the base keeps them."""
        with self._open() as rooms:
            for one in (*erasures, *unsaid):
                if one.kind in rooms.kinds:
                    self._take(rooms.kinds[one.kind], [one.id])
            return super().erase(erasures, unsaid=unsaid, **told)

    def _relog(self, change: Change[Any]) -> None:
        """Put a scrubbed change in its old place in the log, or beside the base's."""
        place = change.seq - self._floor()
        if place > 0:
            self._rooms.log[place - 1] = (self.tenant, change)
        else:
            self._sheet.rewritten[self.tenant, change.seq] = change
        self._sheet.forgotten.add((self.tenant, change.commit))

    def secret(self, fresh: bytes | None = None) -> bytes | None:
        """The secret of the tenant: that of the base, or one of its own."""
        with self._open():
            return self._base.secret() or super().secret(fresh)

    def check(self) -> list[str]:
        """What is wrong inside the base."""
        with self._open():
            return self._base.check()
