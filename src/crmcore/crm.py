"""The front door: one CRM, its desks, and the circumstances things are done under."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import chain
from os import PathLike, fsdecode
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

import attrs

from crmcore.activity import Note, NoteDesk, Tag, TagDesk, Touchpoint, TouchpointDesk
from crmcore.admission import check_changes, check_references
from crmcore.adoption import Playbooks, check_custom, remapped
from crmcore.kernel.calendar import instant, moment
from crmcore.kernel.change import Change
from crmcore.kernel.context import Clock, Context, NewId
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Conflict, Invalid, NotFound, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import EMPTY, Kind, R, Record, kind_named, kind_of
from crmcore.kernel.values import Border, read_text
from crmcore.kinds import Kinds, desks_of
from crmcore.people import Account, AccountDesk, Affiliation, AffiliationDesk, Contact, ContactDesk
from crmcore.playbook import Playbook
from crmcore.sales import (
    Lead,
    LeadDesk,
    Opportunity,
    OpportunityDesk,
    Order,
    OrderDesk,
    Product,
    ProductDesk,
    Subscription,
    SubscriptionDesk,
)
from crmcore.staff import Staff, StaffDesk
from crmcore.system import SystemIds, system_clock

if TYPE_CHECKING:
    from crmcore.figures import Figures
    from crmcore.verification import Verification

__all__ = ["CRM"]

D = TypeVar("D", bound=Desk[Any])

URL = re.compile(r"[a-z][a-z0-9+.-]*://")


@attrs.frozen(eq=False)
class _House:
    """What every view of one CRM shares."""

    clock: Clock
    new_id: NewId
    desks: Mapping[type[Record], type[Desk[Any]]]
    kinds: Mapping[str, Kind[Any]]
    playbooks: Playbooks


@attrs.frozen(kw_only=True)
class _Given:
    """The circumstances somebody gave."""

    by: str | None = None
    at: datetime | None = None
    key: str | None = None
    reason: str | None = None


class Opened(Generic[D]):
    """A desk of a CRM, found under its name.

    Args:
        cls: The record class.
        desk: The class of its desk.
    """

    def __init__(self, cls: type[Record], desk: type[D]) -> None:
        self._cls = cls
        self._desk = desk

    def __get__(self, crm: CRM, owner: type[CRM]) -> D:
        """The desk, of the CRM it is asked of."""
        return cast("D", crm.desk(self._cls))


class CRM:
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
        self._house = _House(clock, new_id or SystemIds(), desks, known, Playbooks(playbook or Playbook()))
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

    # --- desks ------------------------------------------------------------------------------------------------------

    accounts = Opened(Account, AccountDesk)
    """The companies and households."""
    affiliations = Opened(Affiliation, AffiliationDesk)
    """Who belongs to which account."""
    contacts = Opened(Contact, ContactDesk)
    """The people."""
    leads = Opened(Lead, LeadDesk)
    """The potential customers."""
    notes = Opened(Note, NoteDesk)
    """What was written down about records."""
    opportunities = Opened(Opportunity, OpportunityDesk)
    """The deals."""
    orders = Opened(Order, OrderDesk)
    """What customers bought."""
    products = Opened(Product, ProductDesk)
    """What is sold."""
    staff = Opened(Staff, StaffDesk)
    """Who works here."""
    subscriptions = Opened(Subscription, SubscriptionDesk)
    """What customers pay for again and again."""
    tags = Opened(Tag, TagDesk)
    """The words that are put on records."""
    touchpoints = Opened(Touchpoint, TouchpointDesk)
    """When somebody was in touch."""

    def desk(self, cls: type[R]) -> Desk[R]:
        """The desk of a record class.

        Args:
            cls: The class, one of those the CRM was opened with.

        Raises:
            Invalid: The CRM does not know it.
        """
        if not isinstance(cls, type) or cls not in self._house.desks:
            raise Invalid([Problem("kind", cls, "a kind of this CRM", "open it with CRM(kinds=[…])")])
        return self._house.desks[cls](kind_of(cls), self)

    def __getattr__(self, name: str) -> Desk[Any]:
        """The desk of a kind of your own, by its plural."""
        if not name.startswith("_"):
            for cls, desk in self._house.desks.items():
                if kind_of(cls).plural == name:
                    return desk(kind_of(cls), self)
        message = f"this CRM has no desk {name!r}; open it with CRM(kinds=[…])"
        raise AttributeError(message)

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
                there is not, or changes its type; or a change does not fit.
            Conflict: Another process adopted another playbook first, or wrote something meanwhile.
            NotAllowed: This is a view of the past.
        """
        check_present(self.moment)
        if not isinstance(playbook, Playbook):
            raise Invalid([Problem("playbook", type(playbook).__name__, "a Playbook", "read data with from_data()")])
        context = attrs.evolve(self.context("sales"), at=self._now())
        check_custom(playbook, self.store, self.kinds)
        self._admit(along)
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
    ) -> Commit:
        """Write changes whose values have been read. Acts call this; you seldom do.

        Args:
            changes: At least one change.
            key: An idempotency key.
            unmoved: Records the changes rest on, by kind and id, and the versions they must still have.

        Raises:
            NotAllowed: This is a view of the past.
            Invalid: There is nothing to write, or a record refers to one that is not there.
            Conflict: A record has moved on.
        """
        check_present(self.moment)
        if not changes:
            raise Invalid([Problem("changes", 0, "at least one change", "call it only when there is one")])
        self._admit(changes)
        if not self._house.playbooks.kept(self.store):
            self._house.playbooks.keep(self.store, self.playbook, attrs.evolve(self.context(""), at=self._now()))
        recorded_at = max([self._clock(), *(change.at for change in changes)])
        id = self._house.new_id("commit")
        playbook, ground = self.playbook.hash, {**(unmoved or {}), **self._house.playbooks.ground(self.store)}
        stale = next((change for change in changes if change.playbook not in ("", playbook)), None)
        if stale is not None:
            message = f"another playbook was adopted since {stale.kind} {stale.id} was {stale.what}; repeat the act"
            raise Conflict(stale.kind, stale.id, expected=stale.playbook, found=playbook, message=message)
        done = self.store.commit(changes, id=id, recorded_at=recorded_at, key=key, playbook=playbook, unmoved=ground)
        self._house.playbooks.wrote(self.store, done.changes)
        return done

    def _admit(self, changes: Sequence[Change[Any]]) -> None:
        """Refuse changes that can't be written."""
        check_changes(changes, self.kinds, self._clock, self._now)
        check_references(changes, self.kinds, self.store)

    # --- the whole --------------------------------------------------------------------------------------------------

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
