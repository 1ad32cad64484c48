"""Accounts: the companies and households a business has a relationship with."""

from __future__ import annotations

from collections.abc import Mapping

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import EMPTY, Record, field, record
from crmcore.people.address import Address

__all__ = ["Account", "AccountDesk"]


@record("account")
class Account(Record):
    """A company, or a household, that a business sells to.

    Attributes:
        name: What it is called.
        number: Its account number; no two live accounts share it, whatever its capitals.
        parent: The id of the account it is part of.
        email: The e-mail address to write to.
        phone: The phone number to call.
        website: Its website.
        emails: Further e-mail addresses, by label: ``{"billing": "bills@acme.example"}``.
        phones: Further phone numbers, by label.
        addresses: Postal addresses, by label.
        source: Where it came from: ``"trade fair"``.
        owner: The id of the staff member who looks after it.

    Example:
        >>> from crmcore import CRM
        >>> CRM().accounts.add(name="Acme").name
        'Acme'
    """

    name: str = field(key=True, searchable=True)
    number: str | None = field(default=None, key=True, unique=True, folded=True, searchable=True)
    parent: str | None = field(default=None, key=True, references="account")
    email: str | None = field(default=None, key=True, searchable=True)
    phone: str | None = field(default=None, key=True, searchable=True)
    website: str | None = field(default=None)
    emails: Mapping[str, str] = field(default=EMPTY, searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, searchable=True)
    addresses: Mapping[str, Address] = field(default=EMPTY)
    source: str | None = field(default=None, key=True)
    owner: str | None = field(default=None, key=True, references="staff")


class AccountDesk(Desk[Account]):
    """The accounts."""

    department = "people"
