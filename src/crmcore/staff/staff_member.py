"""Staff profiles: who owns deals and accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.fields import field
from crmcore.kernel.reach import reached_by
from crmcore.kernel.records import Record, record

__all__ = ["Staff", "StaffDesk"]


@record("staff", plural="staff")
class Staff(Record):
    """Somebody who works here.

    Attributes:
        name: Their name.
        email: Their work e-mail; no two live profiles share one, in whatever capitals.

    Example:
        >>> from crmcore import CRM
        >>> CRM().staff.add(name="Ana", email="ana@acme.example").version
        1
    """

    name: str = field(key=True, personal=True, searchable=True)
    email: str | None = field(default=None, key=True, unique=True, folded=True, personal=True)


class StaffDesk(Desk[Staff]):
    """The staff profiles."""

    department = "staff"

    def _added(self, context: Context[Any], *, fields: Mapping[str, Any]) -> Change[Staff]:
        """Add a profile: the act behind ``add`` and ``upsert``."""
        return super()._added(context, fields=reached_by(self.kind, fields))

    def revise(
        self, record: Staff, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[Staff]:
        """Change fields of a profile: the act behind ``update``."""
        return super().revise(record, context, fields=reached_by(self.kind, fields), version=version)
