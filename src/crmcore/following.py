"""Following the log: every change once at least, those of each record in order, and where somebody has come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, overload
from urllib.parse import quote

import attrs

from crmcore.bookkeeping import kinds_asked
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.page import LARGEST_PAGE, check_limit
from crmcore.kernel.plain import plain
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind
from crmcore.kernel.values import LONGEST_NAME, read_text

__all__ = [
    "NOW",
    "Changes",
    "Consumers",
    "Lag",
    "batch_for",
    "changes_after",
    "check_cursor",
    "dedupe_key",
    "run_after",
]

NOW = "now"
"""Stands for the cursor of somebody who has read everything."""

BEGINNING = "-"
"""Where a consumer is kept to be that has read nothing."""

ANEW = "!"
"""Stands after the place of a consumer that was reset to where it was: a block that is open there must not move it."""


def dedupe_key(tenant: str, change: Change[Any]) -> str:
    """What a change is recognised by when it comes again: the same one has the same key, for good.

    It is made of tenant, kind, id, version and commit, so it does not change when values of the change are erased,
    and differs from that of a change which took the place of one that was lost with a disk. It holds neither blanks
    nor full stops: it can be the ``id`` of a CloudEvent, a ``webhook-id``, and a key for ``given``.

    Args:
        tenant: Whose change it is.
        change: The change.

    Example:
        >>> from datetime import datetime, UTC
        >>> from crmcore.following import dedupe_key
        >>> from crmcore.kernel import Change
        >>> at = datetime(2026, 11, 2, tzinfo=UTC)
        >>> change = Change(kind="note", id="note_1", version=2, what="updated", sets={}, at=at, commit="commit_7")
        >>> dedupe_key("acme.example", change)
        'acme%2Eexample/note/note_1/2/commit_7'
    """
    told = (tenant, change.kind, change.id, str(change.version), change.commit)
    return "/".join(quote(one, safe="").replace(".", "%2E") for one in told)


@attrs.frozen
class Changes(Sequence[Change[Any]]):
    """Some changes of the log, those of each record in their order.

    Attributes:
        items: The changes.
        cursor: Where to go on from: text for ``after=``, in a file or a database until then.
        tenant: Whose changes they are.
    """

    items: tuple[Change[Any], ...]
    cursor: str
    tenant: str = attrs.field(repr=False)

    def key(self, change: Change[Any]) -> str:
        """What a change is recognised by when it comes again, as ``dedupe_key`` says.

        Args:
            change: One of the changes.
        """
        return dedupe_key(self.tenant, change)

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it, each change with its key, personal values included."""
        items = [{"key": self.key(change), **plain(change)} for change in self.items]
        return {"items": items, "cursor": self.cursor}

    def __iter__(self) -> Iterator[Change[Any]]:
        """The changes, in order."""
        return iter(self.items)

    def __contains__(self, change: object) -> bool:
        """Whether a change is one of them."""
        return change in self.items

    def __len__(self) -> int:
        """How many there are: none when everything was read."""
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Change[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change[Any], ...]: ...
    def __getitem__(self, index: int | slice) -> Change[Any] | tuple[Change[Any], ...]:
        """One change by position, or several by a slice."""
        return self.items[index]


@attrs.frozen
class _Batch(Changes):
    """Changes that are handed out: whoever begins to go through them goes through all of them, or fails."""

    _ended: list[bool] = attrs.field(factory=list, init=False, eq=False, repr=False)

    def __iter__(self) -> Iterator[Change[Any]]:
        """The changes, in order."""
        place = len(self._ended)
        self._ended.append(False)
        yield from self.items
        self._ended[place] = True

    def check_ended(self) -> None:
        """Refuse to take changes for handled that nobody has come to."""
        if self._ended and not self._ended[-1]:  # the loop begun last: a look at some, or at all, may come before it
            message = "the block has left its batch in the middle; go through all of it, or leave it with an error"
            raise NotAllowed(message, act="follow")


def check_cursor(told: object, path: str) -> None:
    """Refuse what is no cursor at first sight.

    Args:
        told: What was given; None is fine.
        path: What it is called.

    Raises:
        Invalid: It is no text.
    """
    if not isinstance(told, str | None):
        mend = "pass the `cursor` of the page before, or None for the beginning"
        raise Invalid([Problem(path, type(told).__name__, "a cursor", mend)])


def run_after(
    store: Store, names: frozenset[str], after: str | None, limit: int
) -> tuple[tuple[Change[Any], ...], str]:
    """The next changes of some kinds, at least one while there are any, and where to go on from.

    Args:
        store: The store, bound to a tenant.
        names: The names of the kinds.
        after: The cursor to go on from; None for the beginning.
        limit: The most changes.
    """
    while True:
        stretch = store.stretch(after, limit=limit)
        found = tuple(change for change in stretch.changes if change.kind in names)
        if found or not stretch.changes:
            return found, stretch.cursor
        after = stretch.cursor


def changes_after(store: Store, names: frozenset[str], after: str | None, limit: int) -> Changes:
    """The next changes of the log.

    Args:
        store: The store, bound to a tenant.
        names: The names of the kinds.
        after: The cursor to go on from, or ``"now"``; None for the beginning.
        limit: The most changes.

    Raises:
        Invalid: The limit is out of range, or the cursor is none of this log.
    """
    check_limit(limit)
    check_cursor(after, "after")
    return Changes(*run_after(store, names, store.tip() if after == NOW else after, limit), store.tenant)


@contextmanager
def batch_for(
    consumer: str, store: Store, names: frozenset[str], *, start: str | None, limit: int
) -> Iterator[Changes]:
    """The next changes for a consumer, whose cursor moves on when the block has ended well, and not before.

    Args:
        consumer: Its name.
        store: The store, bound to a tenant.
        names: The names of the kinds.
        start: Where it begins when it is new: a cursor, or ``"now"``; None for the beginning.
        limit: The most changes.

    Yields:
        The changes.

    Raises:
        Conflict: Its cursor was moved meanwhile.
        NotAllowed: The block ended in the middle of them.
        Invalid: The name is none, the limit is out of range, or a cursor is none of this log.
    """
    name = _named(consumer)
    check_limit(limit)
    was = store.cursors().get(name) or _registered(store, name, start)
    place = _place(was)
    batch = _Batch(*run_after(store, names, place, limit), store.tenant)
    yield batch
    batch.check_ended()
    if batch.cursor != place:
        store.move_cursor(name, was=was, now=batch.cursor)


def _place(kept: str) -> str | None:
    """The cursor a consumer goes on from, of what is kept of it; None for the beginning."""
    place = kept.rstrip(ANEW)
    return None if place == BEGINNING else place


def _named(consumer: object) -> str:
    """A consumer's name."""
    return read_text(consumer, LONGEST_NAME, path="consumer", empty=False)


def _registered(store: Store, name: str, start: str | None) -> str:
    """Where a new consumer begins, once that is kept: nobody who begins now may begin later after a crash."""
    begun = _cursor(store, start, path="start")
    try:
        store.move_cursor(name, was="", now=begun)
    except Conflict as conflict:
        return str(conflict.found)  # somebody else has just begun under that name
    return begun


def _cursor(store: Store, told: str | None, *, path: str) -> str:
    """The cursor that somebody names, as it is kept.

    Raises:
        Invalid: It is none of this log.
    """
    check_cursor(told, path)
    if told is None:
        return BEGINNING
    if told == NOW:
        return store.tip()
    try:
        store.stretch(told, limit=1)
    except Invalid as error:
        raise Invalid([attrs.evolve(problem, path=path) for problem in error.problems]) from error
    return told


@attrs.frozen
class Lag:
    """How far a consumer is behind: what was committed, and that it has not handled to the end.

    Changes of the kinds the CRM keeps for itself do not count; those of every other kind do, also when the
    consumer asks for some of them only.

    Attributes:
        consumer: Its name.
        changes: How many changes there are after its cursor.
        oldest: When the first of them was recorded; None when there are none.
        age: How long ago that was; no time when there are none.
        at: When that was the case.
    """

    consumer: str
    changes: int
    oldest: datetime | None
    age: timedelta
    at: datetime

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it; its age in seconds."""
        told = {name: plain(getattr(self, name)) for name in ("consumer", "changes", "oldest", "at")}
        return {**told, "age": self.age.total_seconds()}


@attrs.frozen
class Consumers:
    """Those who follow the log under a name.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM()
        >>> acme = crm.accounts.add(name="Acme")
        >>> with crm.follow("crm-to-erp") as batch:
        ...     print(len(batch))
        1
        >>> crm.consumers.names(), crm.consumers.lag("crm-to-erp").changes
        (('crm-to-erp',), 0)
    """

    _store: Store
    _kinds: Mapping[str, Kind[Any]]
    _now: Callable[[], datetime]

    def names(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(sorted(self._store.cursors()))

    def cursor(self, consumer: str) -> str | None:
        """Where a consumer has come to, as ``changes(after=…)`` takes it; None at the beginning.

        Args:
            consumer: Its name.

        Raises:
            NotFound: Nobody follows under that name.
        """
        return _place(self._kept(consumer))

    def lag(self, consumer: str) -> Lag:
        """How far a consumer is behind. What it has not handled is read to be counted.

        Args:
            consumer: Its name.

        Raises:
            NotFound: Nobody follows under that name.
        """
        after, names = self.cursor(consumer), kinds_asked(self._kinds, None)
        count, oldest, now = 0, None, self._now()
        while True:
            found, after = run_after(self._store, names, after, LARGEST_PAGE)
            if not found:
                age = timedelta(0) if oldest is None else max(now - oldest, timedelta(0))
                return Lag(consumer, count, oldest, age, now)
            oldest = found[0].recorded_at if oldest is None else oldest
            count += len(found)

    def reset(self, consumer: str, to: str | None = None) -> None:
        """Let a consumer go on from elsewhere.

        Args:
            consumer: Its name.
            to: A cursor of ``changes``, or ``"now"`` to leave out what it has not handled; None for the beginning.

        Raises:
            NotFound: Nobody follows under that name.
            Invalid: The cursor is none of this log.
            Conflict: The consumer has moved on meanwhile.
        """
        was, now = self._kept(consumer), _cursor(self._store, to, path="to")
        self._store.move_cursor(consumer, was=was, now=was + ANEW if now == was.rstrip(ANEW) else now)

    def forget(self, consumer: str) -> None:
        """Forget where a consumer is; whoever follows under that name again is new.

        Args:
            consumer: Its name.

        Raises:
            NotFound: Nobody follows under that name.
            Conflict: The consumer has moved on meanwhile.
        """
        self._store.move_cursor(consumer, was=self._kept(consumer), now="")

    def _kept(self, consumer: str) -> str:
        """Where a consumer is, as it is kept."""
        found = self._store.cursors().get(_named(consumer))
        if found is None:
            raise NotFound("consumer", consumer, "crm.consumers.names() lists those there are")
        return found
