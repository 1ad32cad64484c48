"""Staff profiles: who owns deals and accounts."""

from __future__ import annotations

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import Record, field, record

__all__ = ["Staff", "StaffDesk"]


@record("staff", plural="staff")
class Staff(Record):
    """Somebody who works here.

    Attributes:
        name: Their name.
        email: Their work e-mail; no two live profiles share one.

    Example:
        >>> from crmcore import CRM
        >>> CRM().staff.add(name="Ana", email="ana@acme.example").version
        1
    """

    name: str = field(key=True, personal=True, searchable=True)
    email: str | None = field(default=None, key=True, unique=True, personal=True)


class StaffDesk(Desk[Staff]):
    """The staff profiles."""

    department = "staff"
