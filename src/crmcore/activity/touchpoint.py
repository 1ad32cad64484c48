"""Touchpoints: every time a business and somebody it deals with are in touch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crmcore.activity.about import AboutDesk
from crmcore.kernel.acts import act
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.facts import id_of
from crmcore.kernel.fields import ANY, field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.records import Record, record

__all__ = ["DIRECTIONS", "Touchpoint", "TouchpointDesk", "log"]

DIRECTIONS = ("inbound", "outbound")
"""Who got in touch: they, or the business."""


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
    topic: str | None = field(default=None, key=True, personal=True)
    summary: str | None = field(default=None, personal=True)
    happened_at: datetime = field(key=True, by_act=True)


def log(
    context: Context[Any],
    record: Record | str,
    *,
    channel: str,
    direction: str | None = None,
    topic: str | None = None,
    summary: str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Touchpoint]:
    """Log that a business and somebody were in touch. The record it was with is left alone.

    Args:
        context: The circumstances; its time is when it happened.
        record: The record it was with, or about: of any kind, or its id.
        channel: How: ``"phone"``, ``"email"``, ``"meeting"``, ``"web"``.
        direction: ``"inbound"`` or ``"outbound"``; None when neither is meant.
        topic: What it was about.
        summary: What was said.
        custom: The fields this business added.
        external: Its ids in other systems, by the system's name.

    Raises:
        Invalid: The record is not there, a direction is none, or a field does not fit.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM()
        >>> lead = crm.leads.add(name="Ada Lovelace", company="Analytical Engines")
        >>> call = crm.given(at="2026-01-15T10:30Z").touchpoints.log(lead, channel="phone", direction="inbound")
        >>> [one.channel for one in crm.touchpoints.of(lead)]
        ['phone']
    """
    _check_direction(direction)
    told = {"channel": channel, "direction": direction, "topic": topic, "summary": summary}
    return context.created(
        Touchpoint, "logged", record=id_of(record), **told, happened_at=context.at, custom=custom, external=external
    )


def _check_direction(direction: object) -> None:
    if direction is not None and not (isinstance(direction, str) and direction in DIRECTIONS):
        raise Invalid([Problem("direction", direction, " or ".join(DIRECTIONS), "leave it out when neither is meant")])


_log = act(log)  # bound here, so that it keeps a type of its own and not that of the general add


class TouchpointDesk(AboutDesk[Touchpoint]):
    """The touchpoints."""

    happened = "happened_at"

    add = _log
    log = _log

    def check_update(self, record: Touchpoint, fields: Mapping[str, Any]) -> None:
        """Refuse what only acts write, and a direction that is none."""
        super().check_update(record, fields)
        _check_direction(fields.get("direction"))
