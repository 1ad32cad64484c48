"""Accounts: the companies and households a business has a relationship with."""

from __future__ import annotations

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import Record, field, record

__all__ = ["Account", "AccountDesk"]


@record("account")
class Account(Record):
    """A company, or a household, that a business sells to.

    Attributes:
        name: What it is called.
        owner: The id of the staff member who looks after it.

    Example:
        >>> from crmcore import CRM
        >>> CRM().accounts.add(name="Acme").name
        'Acme'
    """

    name: str = field(key=True, searchable=True)
    owner: str | None = field(default=None, key=True, references="staff")


class AccountDesk(Desk[Account]):
    """The accounts."""

    department = "people"
