"""The inbox: which messages of other systems were handled, so that none is handled twice."""

from __future__ import annotations

from typing import Any, NoReturn

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import NotAllowed
from crmcore.kernel.fields import field
from crmcore.kernel.records import Record, record
from crmcore.kernel.values import LONGEST_NAME, read_text

__all__ = ["InboxDesk", "InboxMessage", "received"]

LONGEST_MESSAGE = 1_000
"""The longest id of a message, in characters."""


@record("inbox_message", plural="inbox")
class InboxMessage(Record):
    """A message of another system that was handled. What it did stands in the same commit.

    Attributes:
        source: The system it came from.
        message: Its id there.
    """

    source: str = field(key=True, by_act=True, longest=LONGEST_NAME)
    message: str = field(key=True, by_act=True, longest=LONGEST_MESSAGE)


def received(context: Context[Any], source: str, message: str) -> Change[InboxMessage]:
    """Take note of a message. The same one is the same record whoever takes note of it, so one of several does.

    Args:
        context: The circumstances.
        source: The system it came from.
        message: Its id there.

    Raises:
        Invalid: One of them is no text, or empty.
    """
    source = read_text(source, LONGEST_NAME, path="source", empty=False)
    message = read_text(message, LONGEST_MESSAGE, path="message", empty=False)
    noted = context.created(InboxMessage, "received", source=source, message=message)
    return attrs.evolve(noted, id=_id(source, message))


def _id(source: str, message: str) -> str:
    """The id of a message's record."""
    from hashlib import sha256

    told = f"{len(source)} {source} {message}"  # its length tells where the source ends
    return f"inbox_message_{sha256(told.encode()).hexdigest()[:32]}"


class InboxDesk(Desk[InboxMessage]):
    """The messages that were handled: to be read, for ``CRM.receive`` alone writes them.

    Example:
        >>> from crmcore import CRM, F
        >>> crm = CRM()
        >>> crm.receive("shop", "evt_17", lambda crm: crm.accounts.add(name="Acme"))
        True
        >>> [told.message for told in crm.inbox.find(F.source == "shop")]
        ['evt_17']
    """

    def originate(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        message = "a message is taken note of as it is handled; possible: receive"
        raise NotAllowed(message, act="add", possible=("receive",))

    def perform(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        self.originate()

    def load(self, *_: object, **__: object) -> NoReturn:
        """Refused."""
        self.originate()
