"""Notes: what somebody wrote down about a record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crmcore.activity.about import AboutDesk
from crmcore.kernel.acts import act
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.facts import id_of
from crmcore.kernel.fields import ANY, field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.records import Record, record

__all__ = ["Note", "NoteDesk", "add"]


@record("note")
class Note(Record):
    """Something written down about a record.

    Attributes:
        record: The id of the record it is about.
        text: What was written.
        written_at: When it was written.
    """

    record: str = field(key=True, references=ANY)
    text: str = field(personal=True, searchable=True)
    written_at: datetime = field(key=True, by_act=True)


def add(
    context: Context[Any],
    record: Record | str,
    text: str,
    *,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Note]:
    """Write something down about a record, which is left alone.

    Args:
        context: The circumstances; its time is when it was written.
        record: The record it is about: of any kind, or its id.
        text: What to write.
        custom: The fields this business added.
        external: Its ids in other systems, by the system's name.

    Raises:
        Invalid: The record is not there, or a field does not fit.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM()
        >>> acme = crm.accounts.add(name="Acme")
        >>> note = crm.notes.add(acme, "Closed in August.")
        >>> [one.text for one in crm.notes.of(acme)]
        ['Closed in August.']
    """
    return context.created(
        Note, "written", record=id_of(record), text=text, written_at=context.at, custom=custom, external=external
    )


_add = act(add)  # bound here, so that it keeps a type of its own and not that of the general add


class NoteDesk(AboutDesk[Note]):
    """The notes."""

    happened = "written_at"

    add = _add
