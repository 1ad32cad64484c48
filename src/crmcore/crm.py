"""The front door: one CRM, its desks, and the circumstances things are done under."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import chain
from os import PathLike, fsdecode
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from crmcore.activity.tag_filter import with_tags
from crmcore.admission import check_changes, check_references, check_required
from crmcore.adoption import Playbooks, check_custom, remapped
from crmcore.desks import Desks
from crmcore.kernel.calendar import instant, moment
from crmcore.kernel.change import Change
from crmcore.kernel.context import Clock, Context, NewId
from crmcore.kernel.desk import TRIES
from crmcore.kernel.errors import Conflict, Duplicate, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.page import Page
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import EMPTY, Kind, Record, kind_named, kind_of
from crmcore.kernel.values import Border, read_text
from crmcore.kernel.where import Filter
from crmcore.kinds import Kinds, desks_of
from crmcore.playbook import Playbook, PlaybookVersion
from crmcore.system import SystemIds, system_clock

if TYPE_CHECKING:
    from crmcore.figures import Figures
    from crmcore.kernel.table import Named, Table
    from crmcore.stores.overlay import OverlayStore
    from crmcore.verification import Verification

__all__ = ["CRM"]

URL = re.compile(r"[a-z][a-z0-9+.-]*://")


@attrs.frozen(eq=False)
class _House:
    """What every view of one CRM shares."""

    clock: Clock
    new_id: NewId
    kinds: Mapping[str, Kind[Any]]
    playbooks: Playbooks


@attrs.frozen(kw_only=True)
class _Given:
    """The circumstances somebody gave."""

    by: str | None = None
    at: datetime | None = None
    key: str | None = None
    reason: str | None = None


class CRM(Desks):
    """A CRM: desks over a store, under a playbook.

    Args:
        store: Where to keep it: a path for a SQLite file, a store, or None for memory.
        playbook: How the business works; default: the one the store works by, or the standard one.
        kinds: Record classes of your own, each with its desk class or alone.
        clock: Tells the time; default: the system's.
        new_id: Makes ids; default: UUIDs of version 7.
        by: Who acts, unless ``given`` says otherwise.
        tenant: Whose data it is.

    Raises:
        Invalid: The playbook takes away stages that deals are in; ``adopt`` with a remap moves them.
        StoreError: The store can't be opened.

    Example:
        >>> from crmcore import CRM, F, Money
        >>> crm = CRM()
        >>> deal = crm.opportunities.add(name="Roof", amount=Money("12000", "USD"))
        >>> crm.opportunities.advance(deal, to="proposal").stage
        'proposal'
        >>> crm.opportunities.count(F.amount >= 10_000)
        1
    """

    def __init__(
        self,
        store: Store | str | PathLike[str] | None = None,
        *,
        playbook: Playbook | None = None,
        kinds: Kinds = (),
        clock: Clock = system_clock,
        new_id: NewId | None = None,
        by: str | None = None,
        tenant: str = "default",
    ) -> None:
        desks = desks_of(kinds, taken=dir(type(self)))
        known = {kind.name: kind for kind in map(kind_of, desks)}
        self._desks = desks
        self._house = _House(clock, new_id or SystemIds(), known, Playbooks(playbook or Playbook()))
        tenant = read_text(tenant, path="tenant", empty=False)
        self._given = _Given(by=_said(by, "by"))
        self.store: Store = _opened(store).for_tenant(tenant)
        self.moment: Moment = NOW
        try:
            self.store.prepare(known.values())
            if playbook is not None:
                self.adopt(playbook)
        except BaseException:
            if store is None or isinstance(store, (str, PathLike)):
                self.store.close()
            raise

    @property
    def analytics(self) -> Figures:
        """The figures: pipeline and, in time, every other."""
        from crmcore.figures import Figures

        return Figures(self)

    # --- circumstances ----------------------------------------------------------------------------------------------

    def given(
        self,
        *,
        by: str | None = None,
        at: datetime | date | str | None = None,
        key: str | None = None,
        reason: str | None = None,
        tenant: str | None = None,
    ) -> Self:
        """The same CRM under other circumstances. What is left out stays as it was, except the key.

        Args:
            by: Who acts.
            at: When it happened, if not now; a bare date is its end in the business's zone, or now if it is today.
            key: An idempotency key: the same key and the same arguments give the first result again.
            reason: Why.
            tenant: Whose data it is.

        Raises:
            Invalid: The time is naive, unreadable, or in the future; or a text is empty or none.
        """
        was = self._given
        given = _Given(
            by=was.by if by is None else _said(by, "by"),
            at=was.at if at is None else self._past(at),
            key=_said(key, "key"),
            reason=was.reason if reason is None else _said(reason, "reason"),
        )
        if tenant is None:
            return self._view(_given=given)
        return self._view(_given=given, store=self.store.for_tenant(read_text(tenant, path="tenant", empty=False)))

    def _past(self, at: datetime | date | str) -> datetime:
        """An instant that has been."""
        zone, now = self.playbook.zone, self._now()
        start = instant(at, zone=zone)
        if start > now:
            mend = "leave it out for now; what is to come belongs into close_on, tasks and forecasts"
            raise Invalid([Problem("at", start.isoformat(), "an instant that has been", mend)])
        return min(moment(at, zone=zone), now)

    def as_of(self, at: datetime | date | str | None = None, *, known: datetime | date | str | None = None) -> Self:
        """The same CRM as it was: a view to read from.

        Args:
            at: What had happened by then; a bare date means its end in the business's zone. None for everything.
            known: What had been recorded by then; None for everything known now.

        Raises:
            Invalid: A time is naive or unreadable.
        """
        zone = self.playbook.zone
        seq = None if known is None else self.store.cut(moment(known, zone=zone))
        return self._view(moment=Moment(None if at is None else moment(at, zone=zone), seq))

    def _view(self, **changes: object) -> Self:
        """The same CRM, but for what changes."""
        other = object.__new__(type(self))
        vars(other).update(vars(self) | changes)
        return other

    @property
    def backdated(self) -> datetime | None:
        """The instant acts are backdated to; None for now."""
        return self._given.at

    def _clock(self) -> datetime:
        """The clock's time."""
        return instant(self._house.clock(), zone="UTC")

    def _now(self) -> datetime:
        """The clock's time, but never before anything the store knows, so that now is never late."""
        return self._place()[1]

    def _place(self) -> tuple[int, datetime]:
        """Where the log ends, and what time it is."""
        seq, last = self.store.last()
        return seq, self._clock() if last is None else max(self._clock(), last)

    def context(self, department: str) -> Context[Any]:
        """The circumstances an act of a department is done under.

        Args:
            department: As in ``Desk.department``; its rules are the playbook's part of that name.
        """
        seq, now = self._place()
        self._house.playbooks.look(self.store, seq)
        playbook = self.playbook
        return Context(
            at=self._given.at or now,
            rules=getattr(playbook, department, None) if department else None,
            new_id=self._house.new_id,
            currency=playbook.currency,
            zone=playbook.zone,
            custom=playbook.custom,
            playbook=playbook.hash,
            by=self._given.by,
            reason=self._given.reason,
        )

    @property
    def kinds(self) -> Mapping[str, Kind[Any]]:
        """Every kind of record there is, by name."""
        return self._house.kinds

    def border(self, kind: Kind[Any]) -> Border:
        """How values of a kind are read.

        Args:
            kind: The kind.
        """
        playbook = self.playbook
        return Border(currency=playbook.currency, zone=playbook.zone, custom=playbook.custom.get(kind.name, EMPTY))

    def resolved(self, where: Filter) -> Filter:
        """A filter that asks for tags by id where it named them.

        Args:
            where: The filter as written.

        Raises:
            Invalid: It names a tag there is not.
        """
        return with_tags(where, self.tags.ids)

    def linked(self, id: str) -> frozenset[str]:
        """The ids of every record that stands behind one: its own, those merged into it, and leads that became it.

        Args:
            id: The id of a record.
        """
        ids = self.store.aliases(id)
        leads = self.leads.converted_into(ids)
        return ids.union(*(self.store.aliases(lead.id) for lead in leads))

    # --- the playbook -----------------------------------------------------------------------------------------------

    @property
    def playbook(self) -> Playbook:
        """How the business works: the version in force at the moment this view reads."""
        return self._house.playbooks.of(self.store, self.moment)

    def adopt(
        self,
        playbook: Playbook,
        *,
        remap: Mapping[tuple[str, str], str] | None = None,
        along: Sequence[Change[Any]] = (),
    ) -> Playbook:
        """Work by another playbook from now on. The old one stays in the log, for the changes made under it.

        Args:
            playbook: The new playbook.
            remap: For a stage that is taken away, ``{(pipeline, old stage): new stage}`` moves its open deals.
            along: Changes whose values have been read, to be written in the same commit.

        Raises:
            Invalid: A stage that deals are in is taken away and not remapped, a custom field is of a kind
                there is not, changes its type, or is required by an unfit condition; or a change does not fit.
            Conflict: Another process adopted another playbook first, or wrote something meanwhile.
            NotAllowed: This is a view of the past.
        """
        check_present(self.moment)
        if not isinstance(playbook, Playbook):
            raise Invalid([Problem("playbook", type(playbook).__name__, "a Playbook", "read data with from_data()")])
        context = attrs.evolve(self.context("sales"), at=self._now())
        check_custom(playbook, self.store, self.kinds)
        self._admit(along, playbook)
        end = self.store.last()[0]
        deals = chain(self.opportunities.each(), self.opportunities.each(deleted=True))
        moves = remapped(deals, playbook, remap or {}, context)
        self._house.playbooks.keep(self.store, playbook, context, [*moves, *along], end)
        return playbook

    # --- writing ----------------------------------------------------------------------------------------------------

    def key(self, act: str, kind: str, arguments: object) -> Key | None:
        """The idempotency key of a call, if the caller gave one.

        Args:
            act: The act's name.
            kind: The kind of record.
            arguments: Everything it was called with.
        """
        if self._given.key is None:
            return None
        return Key.of(self._given.key, (act, kind, arguments, self._given.at, self._given.reason))

    def commit(
        self,
        changes: Sequence[Change[Any]],
        key: Key | None = None,
        *,
        unmoved: Mapping[tuple[str, str], int] | None = None,
        end: int | None = None,
    ) -> Commit:
        """Write changes whose values have been read. Acts call this; you seldom do.

        Args:
            changes: At least one change.
            key: An idempotency key.
            unmoved: Records the changes rest on, by kind and id, and the versions they must still have.
            end: Where the log must still end, when they rest on all of it.

        Raises:
            NotAllowed: This is a view of the past.
            Invalid: There is nothing to write, a record refers to one that is not there, or would come to lack a
                custom field it needs.
            Conflict: A record has moved on.
        """
        check_present(self.moment)
        if not changes:
            raise Invalid([Problem("changes", 0, "at least one change", "call it only when there is one")])
        self._admit(changes, self.playbook)
        if not self._house.playbooks.kept(self.store):
            self._house.playbooks.keep(self.store, self.playbook, attrs.evolve(self.context(""), at=self._now()))
            end = None if end is None else end + 1
        recorded_at = max([self._clock(), *(change.at for change in changes)])
        id = self._house.new_id("commit")
        playbook, ground = self.playbook.hash, {**(unmoved or {}), **self._house.playbooks.ground(self.store)}
        stale = next((change for change in changes if change.playbook not in ("", playbook)), None)
        if stale is not None:
            message = f"another playbook was adopted since {stale.kind} {stale.id} was {stale.what}; repeat the act"
            raise Conflict(stale.kind, stale.id, expected=stale.playbook, found=playbook, message=message)
        written: dict[str, Any] = {"recorded_at": recorded_at, "key": key, "playbook": playbook}
        done = self.store.commit(changes, id=id, unmoved=ground, end=end, **written)
        self._house.playbooks.wrote(self.store, done.changes)
        return done

    @contextmanager
    def batch(self) -> Iterator[Self]:
        """Several acts as one commit: all of them are written when the block ends, or none.

        Within the block the CRM it gives reads what was done in it; nobody else does. An error leaves
        everything as it was.

        Yields:
            The CRM to act on.

        Raises:
            Conflict: A record that was changed in it, or that it rests on, was changed meanwhile.
            NotAllowed: This is a view of the past, a key was given, or a playbook was adopted within.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> with crm.batch() as batch:
            ...     acme = batch.accounts.add(name="Acme")
            ...     deal = batch.opportunities.add(name="Roof", account=acme.id)
            >>> crm.history(acme)[0].commit == crm.history(deal)[0].commit
            True
        """
        if self._given.key is not None:
            message = "a batch has no idempotency key, since its acts make new ids each time; give keys to single acts"
            raise NotAllowed(message, act="batch", possible=("given(key=…)",))
        with self.suppose() as within:
            overlay = cast("OverlayStore", within.store)
            start = overlay.last()[0]
            yield within
            written = [change for change in overlay.written if change.kind != kind_of(PlaybookVersion).name]
            if within.playbook != self.playbook:
                message = "a playbook can't be adopted in a batch; adopt() it before"
                raise NotAllowed(message, act="adopt", possible=("adopt",))
            if overlay.last()[0] - start != len(overlay.written):
                message = "a batch belongs to one tenant; give each tenant a batch of its own"
                raise NotAllowed(message, act="batch", possible=("batch",))
            if written:
                self.commit(written, unmoved=overlay.ground, end=overlay.end)

    @contextmanager
    def suppose(self) -> Iterator[Self]:
        """What if: the CRM it gives can be acted on and asked for figures like this one; nothing is written.

        Yields:
            The CRM to act on; it is closed when the block ends.

        Raises:
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> deal = crm.opportunities.add(name="Roof", amount=12_000)
            >>> with crm.suppose() as what_if:
            ...     _ = what_if.opportunities.win(deal)
            ...     what_if.analytics.pipeline().won_value
            Money('12000.00', 'USD')
            >>> crm.opportunities.get(deal.id).status
            'open'
        """
        from crmcore.stores.overlay import OverlayStore

        check_present(self.moment)
        overlay = OverlayStore(self.store)
        overlay.prepare(self.kinds.values())
        house = attrs.evolve(self._house, playbooks=Playbooks(self._house.playbooks.first))
        try:
            yield self._view(store=overlay, _house=house)
        finally:
            overlay.close()

    def undo(self, commit: str) -> tuple[Record, ...]:
        """Take a commit back: every field of every record in it becomes what it was.

        A record the commit made is deleted. Undoing an undo does it again.

        Args:
            commit: The id of the commit, as every change has it: ``crm.history(record)[-1].commit``.

        Returns:
            The records as they now stand.

        Raises:
            NotFound: There is no such commit.
            NotAllowed: A record in it was changed since, or refers to what it made: all of them. Or this CRM is
                a view of the past, or backdated.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.add(name="Acme")
            >>> acme = crm.accounts.update(acme, name="Acme Ltd")
            >>> crm.undo(crm.history(acme)[-1].commit)[0].name
            'Acme'
        """
        check_present(self.moment)
        if self.backdated is not None:
            raise NotAllowed("undo happens now; take it back without given(at=…)", act="undo")
        id, tries = read_text(commit, path="commit", empty=False), TRIES
        while True:
            tries -= 1
            try:
                return self._undone(id)
            except Conflict as conflict:
                if not tries or isinstance(conflict, Duplicate):
                    raise

    def _undone(self, commit: str) -> tuple[Record, ...]:
        """Take a commit back, as long as nothing is written meanwhile."""
        from crmcore.undo import undoing

        end = self.store.last()[0]
        changes = undoing(commit, self.store, self.kinds, self.context(""))
        ready = [self.desk(self.kinds[change.kind].cls).ready(change) for change in changes]
        return self.commit(ready, end=end).records

    def _admit(self, changes: Sequence[Change[Any]], playbook: Playbook) -> None:
        """Refuse changes that can't be written."""
        check_changes(changes, self.kinds, self._clock, self._now)
        check_references(changes, self.kinds, self.store)
        check_required(changes, self.kinds, self.store, playbook)

    # --- the whole --------------------------------------------------------------------------------------------------

    def search(
        self, text: str, *, kinds: Iterable[str | type[Record]] | None = None, limit: int = 20
    ) -> tuple[Record, ...]:
        """The live records that each word of a question begins a word of, in the fields their kind is searched by.

        Capitals and accents make no difference; a phone number is found however it is grouped. Those that have
        most of the words as whole ones come first, then by the order of the kinds, then by id.

        Args:
            text: The question: ``"ada"``, ``"ada@engines.example"``, ``"020 7946 0018"``.
            kinds: Where to look, by name or class; default: every kind with searchable fields.
            limit: The most records to return, 1 to 10,000.

        Raises:
            Invalid: The question holds no word or is too long, a kind is not one to search, or the limit is out of
                range.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> ada = crm.contacts.add(name="Ada Lovelace", phone="+44 20 7946 0018")
            >>> crm.search("love") == crm.search("020 7946 0018") == (ada,)
            True
        """
        from crmcore.searching import search

        return search(self, text, kinds, limit)

    def history(self, record: Record | str) -> tuple[Change[Any], ...]:
        """Every change of a record, in the order it happened: who, when, why, what.

        Args:
            record: The record, or its id.

        Raises:
            NotFound: The id names no kind of this CRM.
        """
        if isinstance(record, Record):
            return self.desk(type(record)).history(record)
        id = read_text(record, path="record")
        kind = kind_named(id, self.kinds)
        if kind is None:
            raise NotFound("record", id)
        return self.desk(kind.cls).history(id)

    def provenance(self, record: Record | str) -> Mapping[str, Change[Any]]:
        """Where every value of a record comes from: by field, the change that set it, with who, when and why.

        Args:
            record: The record, or its id.

        Raises:
            NotFound: There is no such record.
        """
        found: dict[str, Change[Any]] = {}
        for change in self.history(record):
            found.update(dict.fromkeys(change.sets, change))
        return {name: change for name, change in found.items() if change.sets[name] is not None}

    def feed(
        self,
        *,
        limit: int = 50,
        after: str | None = None,
        kinds: Iterable[type[Record] | str] | None = None,
        by: str | None = None,
    ) -> Page[Change[Any]]:
        """What happened, newest first: one page of the changes of every record, as the store learnt them.

        Args:
            limit: The most changes on the page, 1 to 10,000.
            after: The ``next`` of the page before; what is written meanwhile moves no page.
            kinds: Only changes of these kinds: record classes, or their names; None for all.
            by: Only what this person did; None for everybody.

        Raises:
            Invalid: The limit is out of range, the cursor is none, or a kind is unknown.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM(by="ana")
            >>> acme = crm.given(at="2026-01-15T10:30Z").accounts.add(name="Acme")
            >>> print(*crm.feed())
            2026-01-15 10:30 UTC account_... was added by ana
        """
        from crmcore.feed import newest

        return newest(self.store, self.kinds, self.moment, limit=limit, after=after, kinds=kinds, by=by)

    def rows(self, path: str | Named, required: Iterable[str], wanted: Callable[[str], bool]) -> Table:
        """The columns of a CSV file, as a load takes them in.

        Args:
            path: The file.
            required: The columns that must be there.
            wanted: Which other columns are read.
        """
        from crmcore.tables import read_columns

        return read_columns(path, required, wanted)

    def verify(self) -> Verification:
        """Check that everything stored adds up: bodies, versions, claims, and the log against the records."""
        from crmcore.verification import verify

        return verify(self.store, self.kinds)

    def close(self) -> None:
        """Let go of the store; further use raises ``Closed``."""
        self.store.close()

    def __enter__(self) -> Self:
        """Itself; it is closed when the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def _said(text: str | None, path: str) -> str | None:
    """A circumstance somebody gave, as text that can be stored."""
    return None if text is None else read_text(text, path=path, empty=False)


def _opened(store: Store | str | PathLike[str] | None) -> Store:
    """The store somebody named."""
    if store is None:
        from crmcore.stores.memory import MemoryStore

        return MemoryStore()
    if not isinstance(store, (str, PathLike)):
        return _a_store(store)
    path = fsdecode(store)
    if URL.match(path):
        mend = "use a file path, or pass a store of your own; PostgreSQL comes in a later version"
        raise Invalid([Problem("store", path.split("://")[0], "a path", mend)])
    if not path or "\x00" in path:
        raise Invalid([Problem("store", path, "the path of a file", "leave it out to keep all in memory")])
    from crmcore.stores.sqlite import SqliteStore

    return SqliteStore(path)


def _a_store(store: Store) -> Store:
    if callable(getattr(store, "for_tenant", None)) and not isinstance(store, type):
        return store
    raise Invalid([Problem("store", type(store).__name__, "a path or a store", "leave it out to keep all in memory")])
