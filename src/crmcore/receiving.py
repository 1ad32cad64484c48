"""Receiving: messages of other systems are handled once, however often they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar

import attrs

from crmcore.inbox import InboxMessage, received
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from crmcore.kernel.late import check_present
from crmcore.kernel.records import kind_of
from crmcore.writing import Writing

__all__ = ["Receiving", "done"]

T = TypeVar("T")


class Receiving(Writing):
    """A CRM that other systems send messages to."""

    def receive(self, source: str, message: str, handle: Callable[[Self], object]) -> bool:
        """Handle a message of another system once: what is done for it, and that it was done, are one commit.

        A message that was handled does nothing when it comes again, nor when it comes several times at once: one of
        them wins. An error leaves everything as it was, so that the message may come again. ``crm.inbox`` holds those
        that were handled; undoing the commit of one lets it be handled again.

        Args:
            source: The system it comes from.
            message: Its id there, the same each time it comes.
            handle: Does what is to be done, with the CRM it is told, which is not to be kept. What it does elsewhere is
                done again when the message comes again after an error.

        Returns:
            Whether it was handled now; False when it had been.

        Raises:
            Invalid: The source or the message is empty, or ``handle`` is no function, or one that has not done all when
                it returns: what it gives is to be awaited, or gone through.
            Conflict: A record that was changed, or that it rests on, was changed meanwhile.
            NotAllowed: This is a view of the past, or a key was given, which the message is already.

        Example:
            >>> from crmcore import CRM
            >>> crm = CRM()
            >>> def order_placed(crm: CRM) -> None:
            ...     crm.accounts.upsert(("shop", "C-7"), name="Acme")
            >>> crm.receive("shop", "evt_17", order_placed), crm.receive("shop", "evt_17", order_placed)
            (True, False)
        """
        check_present(self.moment)
        if not callable(handle):
            raise Invalid([Problem("handle", type(handle).__name__, "a function of the CRM", "pass the function")])
        noted = received(self._now_handled(), source, message)
        if self._received(noted):
            return False
        try:
            with self.batch() as within:
                within.commit([within._anew(noted)])  # noqa: SLF001 - this class's own
                done(handle(within), "handle")
        except (Conflict, Invalid, NotAllowed, NotFound):
            if not self._received(noted):
                raise
            return False  # the same message came twice at once, and the other one was quicker
        return True

    def _now_handled(self) -> Context[Any]:
        """The circumstances of taking note of a message: it is handled now, whenever what it tells of happened."""
        return attrs.evolve(self.context(""), at=self._now())

    def _noted(self, noted: Change[InboxMessage]) -> InboxMessage | None:
        """The record of a message, if there is one."""
        return self.store.get(kind_of(InboxMessage), [noted.id]).get(noted.id)

    def _received(self, noted: Change[InboxMessage]) -> bool:
        """Whether a message was handled, and that was not taken back."""
        found = self._noted(noted)
        return found is not None and found.deleted_at is None

    def _anew(self, noted: Change[InboxMessage]) -> Change[InboxMessage]:
        """What is noted of a message; of one that was taken back, that it was handled again.

        Raises:
            Conflict: It was handled meanwhile.
        """
        found = self._noted(noted)
        if found is None:
            return noted
        if found.deleted_at is None:
            raise Conflict(noted.kind, noted.id, expected=0, found=found.version)
        return self._now_handled().changed(found, "received", deleted_at=None)


def done(given: T, path: str) -> T:
    """What a function gave, once it is sure that it has done all.

    Args:
        given: What it gave.
        path: What the function is called.

    Raises:
        Invalid: It is to be awaited, or gone through, so it may not even have begun.
    """
    if isinstance(given, (Awaitable, Iterator, AsyncIterator)):
        if isinstance(given, Coroutine):
            given.close()
        mend = "give a plain function, neither async nor a generator; AsyncCRM calls it in a thread"
        raise Invalid([Problem(path, type(given).__name__, "a function that is done when it returns", mend)])
    return given
