"""The outbox: what was committed is told to others, by the log itself, so that nothing is ever lost between the two."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from crmcore.bookkeeping import kinds_asked
from crmcore.circumstances import Circumstances
from crmcore.kernel.errors import NotAllowed
from crmcore.kernel.ports import NOW
from crmcore.kernel.records import Record

if TYPE_CHECKING:
    from crmcore.following import Changes, Consumers
    from crmcore.syncing import Sync

__all__ = ["Outbox"]


class Outbox(Circumstances):
    """A CRM that is followed by others."""

    def changes(
        self, after: str | None = None, *, limit: int = 100, kinds: Iterable[type[Record] | str] | None = None
    ) -> Changes:
        """The next changes after a cursor, for readers who keep it themselves: every one, those of a record in order.

        Following cursor by cursor, nobody misses a change or gets one twice. A page without changes says that there
        are no more for now; a page may be shorter than the limit.

        Args:
            after: The ``cursor`` of the page before, or ``"now"`` for what is still to come; None for the beginning.
            limit: The most changes, 1 to 10,000.
            kinds: Only changes of these kinds: record classes, or their names. None for all but what the CRM keeps for
                itself: playbooks, suppressions and the inbox, which can be asked for by name.

        Raises:
            Invalid: The limit is out of range, a kind is unknown, or the cursor is none of this log: it is another
                one, or was restored from a backup since.
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.add(name="Acme")
            >>> page = crm.changes()
            >>> [change.what for change in page]
            ['added']
            >>> acme = crm.accounts.update(acme, name="Acme Ltd")
            >>> [change.what for change in crm.changes(page.cursor)]
            ['updated']
        """
        from crmcore.following import changes_after

        self._check_now("changes")
        return changes_after(self.store, kinds_asked(self.kinds, kinds, by_name=True), after, limit)

    def follow(
        self,
        consumer: str,
        *,
        limit: int = 100,
        kinds: Iterable[type[Record] | str] | None = None,
        start: str | None = None,
    ) -> AbstractContextManager[Changes]:
        """The next changes for a consumer, whose cursor the store keeps and moves on when the block has ended well.

        When the block ends with an error, or the process ends in it, the same changes come again: each is handed out
        once at least, and those of a record in order. What comes again has the same ``key``. A block that does not
        handle all of them must end with an error. An empty batch says that there are no more for now.

        Args:
            consumer: Its name: one for each place that changes are handed to.
            limit: The most changes at a time, 1 to 10,000: so many may come again.
            kinds: As of ``changes``. The cursor passes over the others.
            start: Where it begins, when it is new: a cursor, or ``"now"``; None for the beginning.

        Yields:
            The changes, as ``changes`` gives them.

        Raises:
            Conflict: As the block ends: somebody else follows under that name and was quicker, so what was handed out
                here was handed out there too. Or the consumer was reset meanwhile.
            Invalid: As of ``changes``, or the name is empty. After a backup was restored, ``consumers.reset`` it.
            NotAllowed: This is a view of the past, a what-if, or a batch. Or, as the block ends: it broke off going
                through the changes.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme = crm.accounts.add(name="Acme")
            >>> for attempt in range(3):
            ...     with crm.follow("crm-to-erp") as batch:
            ...         print(len(batch), "to hand over")
            1 to hand over
            0 to hand over
            0 to hand over
        """
        from crmcore.following import batch_for

        self._check_now("follow")
        if self._supposed:
            message = "what is supposed, or not committed yet, is told to nobody; follow the CRM itself"
            raise NotAllowed(message, act="follow", possible=("changes",))
        names = kinds_asked(self.kinds, kinds, by_name=True)
        return batch_for(consumer, self.store, names, start=start, limit=limit)

    @property
    def consumers(self) -> Consumers:
        """Those who follow under a name: how far behind they are, and letting them begin anew."""
        from crmcore.following import Consumers

        return Consumers(self.store, self.kinds, self._clock)

    def sync(
        self, after: str | None = None, *, limit: int = 100, kinds: Iterable[type[Record] | str] | None = None
    ) -> Sync:
        """What a client that was away takes in: records that are new or were changed, and tombstones of those gone.

        Asked again and again until it is false, it brings a client to the records of the CRM as they are, from
        wherever it was. Whatever of it comes twice does no harm.

        Args:
            after: The ``cursor`` of the page before; None for a client that knows nothing yet.
            limit: The most changes it stands for, or records to begin with, 1 to 10,000.
            kinds: As of ``changes``; the same ones each time.

        Raises:
            Invalid: As of ``changes``. After a backup was restored, the client throws away all and begins anew.
            NotAllowed: This is a view of the past.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> acme, zenith = crm.accounts.add(name="Acme"), crm.accounts.add(name="Zenith")
            >>> page = crm.sync()
            >>> [record.name for record in page.records]
            ['Acme', 'Zenith']
            >>> _ = crm.accounts.delete(acme)
            >>> page = crm.sync(page.cursor)
            >>> [stone.why for stone in page.tombstones], bool(crm.sync(page.cursor))
            (['deleted'], False)
        """
        from crmcore.syncing import caught_up

        self._check_now("sync")
        return caught_up(self.store, self.kinds, kinds_asked(self.kinds, kinds, by_name=True), after, limit)

    def _check_now(self, act: str) -> None:
        """Refuse to follow a view of the past."""
        if self.moment != NOW:
            message = "the past is not followed; follow the CRM itself, or look at the feed() of this view"
            raise NotAllowed(message, act=act, possible=("feed",))
