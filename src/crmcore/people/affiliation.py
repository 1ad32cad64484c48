"""Affiliations: who belongs to which account, as what, and from when to when."""

from __future__ import annotations

from datetime import date

from crmcore.kernel.desk import Desk
from crmcore.kernel.records import Record, field, record

__all__ = ["Affiliation", "AffiliationDesk"]


@record("affiliation")
class Affiliation(Record):
    """A contact's belonging to an account.

    Attributes:
        contact: The id of the contact.
        account: The id of the account.
        role: As what: ``"buyer"``.
        since: The first day; None when nobody knows.
        until: The first day they no longer belonged to it; None while they do.
    """

    contact: str = field(key=True, references="contact", by_act=True)
    account: str = field(key=True, references="account", by_act=True)
    role: str | None = field(default=None, key=True)
    since: date | None = field(default=None, key=True)
    until: date | None = field(default=None, key=True, by_act=True)


class AffiliationDesk(Desk[Affiliation]):
    """The affiliations."""

    department = "people"
