"""Tags: words of your own, put on records of any kind to filter and sort them by."""

from __future__ import annotations

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import Record, field, record

__all__ = ["Tag", "TagDesk"]


@record("tag")
class Tag(Record):
    """A word that is put on records of any kind.

    Attributes:
        name: The word. No two live tags share it, whatever their capitals.

    Example:
        >>> from crmcore import CRM
        >>> CRM().tags.add(name="VIP").name
        'VIP'
    """

    name: str = field(key=True, unique=True, folded=True, searchable=True, longest=100)


class TagDesk(Desk[Tag]):
    """The tags."""

    department = "activity"
