"""The front door: one CRM, its desks, and the circumstances things are done under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from os import PathLike, fsdecode
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from crmcore.adoption import Playbooks, check_custom, check_remap, in_force, remapped
from crmcore.circumstances import Given, House, said
from crmcore.erasing import Erasing
from crmcore.kernel.acting import kept, once
from crmcore.kernel.change import Change
from crmcore.kernel.context import Clock, NewId
from crmcore.kernel.errors import Conflict, Invalid, NotFound, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.late import check_present
from crmcore.kernel.page import Page
from crmcore.kernel.ports import NOW, Key, Moment, Store
from crmcore.kernel.records import Record, kind_named, kind_of
from crmcore.kernel.values import read_text
from crmcore.kinds import Kinds, desks_of
from crmcore.outbox import Outbox
from crmcore.playbook import Playbook
from crmcore.receiving import Receiving
from crmcore.system import SystemIds, system_clock

if TYPE_CHECKING:
    from crmcore.figures import Figures
    from crmcore.verification import Verification

__all__ = ["CRM"]

URL = re.compile(r"[a-z][a-z0-9+.-]*://")


class CRM(Erasing, Receiving, Outbox):
    """A CRM: desks over a store, under a playbook.

    Args:
        store: Where to keep it: a path for a SQLite file, ``postgresql://…`` for a server, a store, or None for
            memory.
        playbook: How the business works; default: the one the store works by, or the standard one.
        kinds: Record classes of your own, each with its desk class or alone.
        clock: Tells the time; default: the system's.
        new_id: Makes ids; default: UUIDs of version 7.
        by: Who acts, unless ``given`` says otherwise.
        tenant: Whose data it is.
        connection: Instead of a store, a connection that you open, use beside it, and close: of sqlite3, psycopg,
            Django or SQLAlchemy. Within a transaction of yours it commits nothing, and never undoes what is yours.

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
        connection: Any = None,  # noqa: ANN401 - of one driver or framework or another
    ) -> None:
        desks = desks_of(kinds, taken=dir(type(self)))
        known = {kind.name: kind for kind in map(kind_of, desks)}
        self._desks = desks
        self._house = House(clock, new_id or SystemIds(), known, Playbooks(playbook or Playbook()))
        tenant = read_text(tenant, path="tenant", empty=False)
        self._given = Given(by=said(by, "by"))
        self.store: Store = _opened(store, connection).for_tenant(tenant)
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

    # --- the playbook -----------------------------------------------------------------------------------------------

    def adopt(self, playbook: Playbook, *, remap: Mapping[tuple[str, str], str] | None = None) -> Playbook:
        """Work by another playbook from now on. The old one stays in the log, for the changes made under it.

        Args:
            playbook: The new playbook.
            remap: For a stage that is taken away, ``{(pipeline, old stage): new stage}`` moves its open deals.

        Raises:
            Invalid: A stage that deals are in is taken away and not remapped, a custom field is of a kind
                there is not, changes its type, or is required by an unfit condition.
            Conflict: Another process adopted another playbook first, or wrote something meanwhile.
            NotAllowed: This is a view of the past.
        """
        check_present(self.moment)
        if not isinstance(playbook, Playbook):
            raise Invalid([Problem("playbook", type(playbook).__name__, "a Playbook", "read data with from_data()")])
        moved = check_remap(remap)
        key = self.key("adopt", "playbook", (playbook.hash, moved))
        once(lambda: kept(self.store, key), lambda: self._adopted(playbook, moved, key), lambda first: first)
        return playbook

    def _adopted(self, playbook: Playbook, remap: Mapping[tuple[str, str], str], key: Key | None) -> None:
        """Work by another playbook; where others write all the time, while nobody does."""
        was = in_force(self.store, NOW)
        try:
            self._adopt(playbook, remap, key)
        except Conflict as conflict:
            if conflict.kind != "log":
                raise
            with self._alone():
                if in_force(self.store, NOW) != was:
                    raise
                self._adopt(playbook, remap, key)

    def _adopt(self, playbook: Playbook, remap: Mapping[tuple[str, str], str], key: Key | None) -> None:
        """Work by another playbook, as long as nothing is written meanwhile."""
        end, now = self._place()  # the cut first: what is adopted after it is a conflict, before it lies in the past
        context = attrs.evolve(self.context("sales"), at=now)
        check_custom(playbook, self.store, self.kinds)
        deals = chain(self.opportunities.each(), self.opportunities.each(deleted=True))
        moves = remapped(deals, playbook, remap, context)
        self._house.playbooks.keep(self.store, playbook, context, moves, end=end, key=key)

    def on(self, connection: Any) -> Self:  # noqa: ANN401 - of one driver or framework or another
        """The same CRM on another connection of yours to the same database: that of a request, say.

        It costs nothing: the tables were looked at when the CRM was opened.

        Args:
            connection: The connection, as ``CRM(connection=…)`` takes it.

        Raises:
            Invalid: It is none, or this CRM was not opened on one to such a database.
            StoreError: It can't be used.

        Example:
            >>> import sqlite3
            >>> from crmcore import CRM
            >>> from crmcore.hosting import make_tables
            >>> first, second = (sqlite3.connect("host.db") for _ in range(2))
            >>> make_tables(first)
            >>> first.commit()
            >>> crm = CRM(connection=first)
            >>> crm.on(second).accounts.count()
            0
            >>> first.close(), second.close()
            (None, None)
        """
        from crmcore.hosting import moved

        return self._view(store=moved(self.store, connection))

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
        return {name: change for name, change in found.items() if change.sets[name] not in (None, EMPTY)}

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


def _opened(store: Store | str | PathLike[str] | None, connection: object) -> Store:
    """The store somebody named."""
    if connection is not None:
        return _hosted(store, connection)
    if store is None:
        from crmcore.stores.memory import MemoryStore

        return MemoryStore()
    if not isinstance(store, (str, PathLike)):
        return _a_store(store)
    path = fsdecode(store)
    if URL.match(path):
        return _at_server(path)
    if not path or "\x00" in path:
        raise Invalid([Problem("store", path, "the path of a file", "leave it out to keep all in memory")])
    from crmcore.stores.sqlite import SqliteStore

    return SqliteStore(path)


def _hosted(store: object, connection: object) -> Store:
    """The store on a connection of somebody's."""
    if store is not None:
        mend = "give the connection alone: it says where the store is"
        raise Invalid([Problem("store", type(store).__name__, "a store or a connection", mend)])
    from crmcore.hosting import hosted

    return hosted(connection)


def _at_server(url: str) -> Store:
    """The store at an address."""
    scheme = url.partition("://")[0]
    if scheme not in {"postgresql", "postgres"}:
        mend = "use a file path, or pass a store of your own"
        raise Invalid([Problem("store", scheme, "a path or postgresql://", mend)])
    from crmcore.stores.postgres import PostgresStore

    return PostgresStore(url)


def _a_store(store: Store) -> Store:
    if callable(getattr(store, "for_tenant", None)) and not isinstance(store, type):
        return store
    raise Invalid([Problem("store", type(store).__name__, "a path or a store", "leave it out to keep all in memory")])
