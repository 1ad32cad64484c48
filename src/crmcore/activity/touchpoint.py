"""Touchpoints: every time a business and somebody it deals with are in touch."""

from __future__ import annotations

from datetime import datetime

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import ANY, Record, field, record

__all__ = ["Touchpoint", "TouchpointDesk"]


@record("touchpoint")
class Touchpoint(Record):
    """One contact with a lead, a contact, an account, or about any other record.

    Attributes:
        record: The id of the record it was with, or about.
        channel: How: ``"phone"``, ``"email"``, ``"meeting"``, ``"web"``.
        direction: ``"inbound"`` or ``"outbound"``; None when neither is meant.
        topic: What it was about.
        summary: What was said.
        happened_at: When it happened.
    """

    record: str = field(key=True, references=ANY)
    channel: str = field(key=True)
    direction: str | None = field(default=None, key=True)
    topic: str | None = field(default=None, key=True)
    summary: str | None = field(default=None, personal=True)
    happened_at: datetime = field(key=True, by_act=True)


class TouchpointDesk(Desk[Touchpoint]):
    """The touchpoints."""

    department = "activity"
