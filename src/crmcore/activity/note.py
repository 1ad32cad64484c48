"""Notes: what somebody wrote down about a record."""

from __future__ import annotations

from datetime import datetime

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import ANY, Record, field, record

__all__ = ["Note", "NoteDesk"]


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


class NoteDesk(Desk[Note]):
    """The notes."""

    department = "activity"
