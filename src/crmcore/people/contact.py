"""Contacts: the people a business deals with."""

from __future__ import annotations

from collections.abc import Mapping

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import EMPTY, Record, field, record
from crmcore.people.address import Address

__all__ = ["Contact", "ContactDesk"]


@record("contact")
class Contact(Record):
    """A person a business deals with.

    Attributes:
        name: Their full name.
        given_name: Their given name.
        family_name: Their family name.
        job_title: What they do at their account.
        account: The id of the account they belong to first of all; kept by ``affiliate`` and ``leave``.
        email: The e-mail address to write to.
        phone: The phone number to call.
        emails: Further e-mail addresses, by label: ``{"home": "ada@home.example"}``.
        phones: Further phone numbers, by label.
        addresses: Postal addresses, by label.
        source: Where they came from: ``"webinar"``.
        owner: The id of the staff member who looks after them.
        consents: What they allow, by channel: ``"granted"`` or ``"withdrawn"``.
    """

    name: str | None = field(default=None, key=True, personal=True, searchable=True)
    given_name: str | None = field(default=None, personal=True)
    family_name: str | None = field(default=None, personal=True)
    job_title: str | None = field(default=None, personal=True)
    account: str | None = field(default=None, key=True, references="account", by_act=True)
    email: str | None = field(default=None, key=True, personal=True, searchable=True)
    phone: str | None = field(default=None, key=True, personal=True, searchable=True)
    emails: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    addresses: Mapping[str, Address] = field(default=EMPTY, personal=True)
    source: str | None = field(default=None, key=True)
    owner: str | None = field(default=None, key=True, references="staff")
    consents: Mapping[str, str] = field(default=EMPTY, by_act=True)


class ContactDesk(Desk[Contact]):
    """The contacts."""

    department = "people"
