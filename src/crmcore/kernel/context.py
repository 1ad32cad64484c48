"""What an act is told of the world: when, who, why, new ids, and its department's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.records import R, kind_of

__all__ = ["Clock", "Context", "NewId", "Rules"]

Rules = TypeVar("Rules")

Clock = Callable[[], datetime]
"""Tells the time: an aware datetime."""

NewId = Callable[[str], str]
"""Makes a new id for a kind: text that begins with the kind."""


@attrs.frozen(kw_only=True)
class Context(Generic[Rules]):
    """The circumstances of an act. Everything an act knows beside its record comes through here.

    Attributes:
        at: When it happens.
        rules: The department's part of the playbook.
        new_id: Makes ids for new records.
        currency: The business's own currency.
        zone: The time zone of the business.
        custom: The custom fields of each kind, by name.
        playbook: The hash of the playbook whose rules these are.
        by: Who acts.
        reason: Why, in the actor's words.
    """

    at: datetime
    rules: Rules
    new_id: NewId
    currency: str
    zone: str
    custom: Mapping[str, Mapping[str, CustomField]] = EMPTY
    playbook: str = ""
    by: str | None = None
    reason: str | None = None

    def created(self, cls: type[R], what: str, /, **sets: Any) -> Change[R]:  # noqa: ANN401 - any field's value
        """The change that makes a new record.

        Args:
            cls: The record class.
            what: What happened, as a past participle: ``"opened"``.
            sets: Its fields.
        """
        kind = kind_of(cls).name
        return Change(
            kind=kind,
            id=self.new_id(kind),
            version=1,
            what=what,
            sets=sets,
            at=self.at,
            by=self.by,
            reason=self.reason,
            playbook=self.playbook,
        )

    def changed(self, record: R, what: str, /, **sets: Any) -> Change[R]:  # noqa: ANN401 - any field's value
        """The next change of a record.

        Args:
            record: The record as it stands.
            what: What happened, as a past participle: ``"advanced"``.
            sets: The fields that get new values.
        """
        return Change(
            kind=kind_of(type(record)).name,
            id=record.id,
            version=record.version + 1,
            what=what,
            sets=sets,
            at=self.at,
            by=self.by,
            reason=self.reason,
            playbook=self.playbook,
        )
