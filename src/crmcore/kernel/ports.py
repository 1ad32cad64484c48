"""The ports: what the library needs from the outside world, as protocols.

Records and changes are read in many ways and written in one: ``commit`` is atomic, and only ``erase``
touches what was written before. Any class with the methods of ``Store`` is a store;
``crmcore.testing.StoreContract`` proves that it behaves like one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, Self

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.fingerprint import fingerprint
from crmcore.kernel.page import Page, Query
from crmcore.kernel.records import Kind, R, Record

__all__ = ["NOW", "Commit", "Key", "Moment", "Purge", "Store", "Stretch"]


@attrs.frozen
class Moment:
    """A point to read a store at, on two clocks.

    Attributes:
        at: What had happened by then, inclusive; None for everything.
        cut: What the store had learnt by that cut of its log, as ``last`` and ``cut`` give it; None for everything.
    """

    at: datetime | None = None
    cut: str | None = None

    @property
    def past(self) -> bool:
        """Whether it is another than now."""
        return self.at is not None or self.cut is not None


NOW = Moment()
"""Everything that happened, as known now."""


@attrs.frozen
class Key:
    """An idempotency key: the same key and the same request give the first result again.

    Attributes:
        text: The caller's key.
        fingerprint: What was asked, hashed; another request under the same key is a conflict.
    """

    text: str
    fingerprint: str

    @classmethod
    def of(cls, text: str, request: object) -> Self:
        """The key of a request: the same arguments in another order are the same request; a record stands for its id.

        Args:
            text: The caller's key.
            request: What is asked, with all its arguments.

        Raises:
            Invalid: An argument can't be told from others: an iterator, a function, a value that holds itself.
        """
        return cls(text, fingerprint(request))


@attrs.frozen
class Commit:
    """What a commit wrote.

    Attributes:
        id: The commit's id.
        changes: Its changes as the log has them.
        records: For each change, its record as the change left it.
        cuts: Those just before it and just after it, when nobody else can have written between; else None.
    """

    id: str
    changes: tuple[Change[Any], ...]
    records: tuple[Record, ...]
    cuts: tuple[str, str] | None = attrs.field(default=None, eq=False, repr=False)


@attrs.frozen
class Stretch:
    """A stretch of the log, as somebody who follows it gets it.

    Attributes:
        changes: The changes, those of each record in their order.
        cursor: Where to go on from.
    """

    changes: tuple[Change[Any], ...]
    cursor: str


@attrs.frozen
class Purge:
    """What came of a purge: it is done, or waits for something. Written out it says which.

    Attributes:
        pending: What it waits for, and what to do then; None when it is done.

    Example:
        >>> from crmcore import CRM
        >>> print(CRM().purge())
        done
    """

    pending: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing that was erased is left in the store's own files."""
        return self.pending is None

    def __bool__(self) -> bool:
        """Whether it is done."""
        return self.done

    def __str__(self) -> str:
        """Done, or what it waits for."""
        return "done" if self.pending is None else f"pending: {self.pending}"


class Store(Protocol):
    """Where records and their changes are kept, for one tenant.

    Every method that reads or writes raises ``Closed`` after ``close``, and another ``StoreError``
    when the store is in trouble; what can't be read raises ``Corrupt``. Threads may share a store.

    A *cut* divides the log into what had been committed by then and what came later, for good: the same cut
    always gives the same changes, and never a record's version without those before it. Only the store that
    gave a cut can read it, and so it is with the cursors of ``stretch``.
    """

    @property
    def tenant(self) -> str:
        """The tenant whose data this store reads and writes."""
        ...

    def for_tenant(self, tenant: str) -> Self:
        """The same store, bound to another tenant; both are closed together.

        Args:
            tenant: The tenant.
        """
        ...

    def prepare(self, kinds: Iterable[Kind[Any]]) -> None:
        """Make room for kinds of record, once for all tenants; known ones are left as they are.

        Args:
            kinds: The kinds that will be read and written.
        """
        ...

    def get(self, kind: Kind[R], ids: Iterable[str], moment: Moment = NOW) -> dict[str, R]:
        """Records by id, deleted ones included; unknown ids are left out.

        Args:
            kind: The kind of record.
            ids: Their ids.
            moment: When to read.

        Raises:
            Corrupt: A stored body can't be trusted.
        """
        ...

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """One page of the records that match.

        Args:
            kind: The kind of record.
            asked: Filter, order and place.
            moment: When to read.

        Raises:
            Corrupt: A stored body can't be trusted.
        """
        ...

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """How many records match; order, limit and place are ignored.

        Args:
            kind: The kind of record.
            asked: The filter.
            moment: When to read.
        """
        ...

    def commit(
        self,
        changes: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        key: Key | None = None,
        playbook: str = "",
        unmoved: Mapping[tuple[str, str], int] | None = None,
        end: str | None = None,
    ) -> Commit:
        """Write changes, all or nothing.

        A late change, one that happened before something its record knows already, sets only what
        nothing later has set. Unique values are held by live records; those of deleted and merged
        ones may be taken, and a commit gives up what its records held before it takes anything, so
        two records may swap.

        Args:
            changes: At least one, their values read; several of the same record follow each other by version.
            id: The commit's id.
            recorded_at: The clock's time; the log never runs backwards, whatever the clock says.
            key: An idempotency key; seen before, the first result is returned and nothing is written or checked.
            playbook: The hash of the playbook in force.
            unmoved: Records the changes rest on, by kind and id, and the versions they must still have; 0 for one
                that must not be there.
            end: The cut that nothing may have been written after; None when something may.

        Raises:
            Conflict: A record is not at the version before its change, or one the changes rest on has moved on, or
                the log has; or the key was used for something else.
            Duplicate: A unique value is taken by another live record.
            Invalid: A change lies before its record was created, or is none that can be written.
            StoreError: The store could not write; nothing was written.
        """
        ...

    def kept(self, key: Key) -> Commit | None:
        """The commit made under an idempotency key, if there is one; erasing one of its records forgets it.

        Args:
            key: The key.

        Raises:
            Conflict: The key was used for something else.
        """
        ...

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
        """The log in the order it was written, or part of it.

        Args:
            after: Leave out what lies within this cut.
            upto: Leave out what came after this cut.
            before: Leave out this place in the log, a change's ``seq``, and all after it.
            kind: Only changes of this kind.
            id: Only changes of this record.
            commit: Only changes written by this commit.
            limit: The most changes to return.
            newest: The newest change first, instead of the oldest.

        Raises:
            Invalid: The log has changes of a kind the store was not prepared for, or a cut is none of its own.
        """
        ...

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed since, for those who follow the log: nothing is ever left out, or given twice.

        What others have written and not committed comes later, when it is. So does what this thread wrote in a
        transaction of the host's that is still open.

        Args:
            after: The ``cursor`` of the stretch before; None for the beginning.
            limit: The most changes to return, from 1 on.

        Raises:
            Invalid: The cursor is none of this log, or ahead of it, as after a backup was restored.
        """
        ...

    def tip(self) -> str:
        """The cursor of somebody who has read all there is now, as ``stretch`` takes it."""
        ...

    def cursors(self) -> dict[str, str]:
        """Where those who follow the log under a name have come to, by name. An overlay has followers of its own."""
        ...

    def move_cursor(self, consumer: str, *, was: str, now: str) -> None:
        """Keep where somebody who follows the log has come to, unless it is known otherwise meanwhile.

        Args:
            consumer: The name they follow under.
            was: Where they were, as ``cursors`` gave it; empty when it did not.
            now: Where they have come to: any text; empty to forget them.

        Raises:
            Conflict: They are elsewhere; nothing was moved.
        """
        ...

    def holders(self, kind: Kind[Any], field: str, values: Iterable[str], *, deleted: bool = False) -> dict[str, str]:
        """The ids of the records that have unique values, by value; values nobody has are left out.

        Args:
            kind: The kind of record.
            field: A unique field, or ``external.`` and a system's name.
            values: The values, as ``claims_of`` writes them.
            deleted: Ask among deleted and merged records instead, the one with the smallest id of several.
        """
        ...

    def search(self, kinds: Sequence[Kind[Any]], words: Sequence[str], *, limit: int) -> list[tuple[str, str]]:
        """Live records with words that begin with each of some others, as kind and id.

        Those that have most of the words as whole ones come first, then by the order of the kinds, then by id.
        Records that are deleted or merged, and values that were erased, are never found.

        Args:
            kinds: Where to look, each once.
            words: At least one word, as ``words_in`` reads a question; records have those ``words_of`` gives.
            limit: The most records to return, from 1 on.
        """
        ...

    def aliases(self, id: str) -> frozenset[str]:
        """Every id merged into a record, also by way of another, and its own.

        Args:
            id: The id of a record.
        """
        ...

    def last(self) -> tuple[str, datetime | None]:
        """The cut that holds all there is now, and when the newest change was recorded; None when there is none."""
        ...

    def cut(self, known: datetime, *, within: str | None = None) -> str:
        """The cut that holds what was recorded at or before a time.

        Args:
            known: The time.
            within: Leave out what came after this cut.
        """
        ...

    def erase(
        self,
        erasures: Sequence[Change[Any]],
        *,
        id: str,
        recorded_at: datetime,
        beside: Sequence[Change[Any]] = (),
        unsaid: Sequence[Change[Any]] = (),
        playbook: str = "",
        end: str | None = None,
    ) -> Commit:
        """Scrub values of records everywhere: records, log, claims, words, keys and columns. All or nothing.

        Each is a change of its own, and all of them are one commit. Afterwards every reading, of any moment, is the
        fold of the scrubbed log. The reasons of the records' changes go too, but for those of earlier erasures, known
        by the same ``what``. Where a field that holds members is set to an empty mapping, the names of its members go
        with them; of a field whose parts alone have personal fields, these go, and the rest of each part stays.

        Args:
            erasures: At least one change, of each record at most one, that sets the fields to scrub to what is left
                of them.
            id: The commit's id.
            recorded_at: The clock's time.
            beside: Changes of other records that are written in the same commit.
            unsaid: Changes of other records in the log whose reasons go, and nothing else of them.
            playbook: The hash of the playbook in force.
            end: The cut that nothing may have been written after; None when something may.

        Returns:
            The commit, its erasures first; when every value was scrubbed already it has no changes, and nothing was
            written.

        Raises:
            Conflict: A record is not at the version before its change, or not there; or the log has moved on.
            Duplicate: What is left of a unique field is taken.
            Invalid: A change is none that can be written, or a record that is erased is told of twice.
        """
        ...

    def purge(self) -> Purge:
        """Take what was erased out of the bytes of the store's own files, where databases leave it; for all tenants.

        It may write every file anew. What is beyond the store is not reached: backups, replicas, and on a server the
        write-ahead log.

        Returns:
            That it is done, or what it waits for: then bytes may be left, and it is to be done again.

        Raises:
            StoreError: The store could not do it, as when there is no room.
        """
        ...

    def secret(self, fresh: bytes | None = None) -> bytes | None:
        """The secret of the tenant, which it keeps for good: in no log, and given to nobody else.

        Args:
            fresh: What becomes the secret when there is none: 32 random bytes. None only asks.

        Returns:
            The secret; None when there is none.
        """
        ...

    def check(self) -> list[str]:
        """What is wrong inside the store, one sentence each; empty when all is well."""
        ...

    def close(self) -> None:
        """Let go of files and connections; further use raises ``Closed``."""
        ...
