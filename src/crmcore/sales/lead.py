"""Leads: potential customers who have shown interest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crmcore.kernel.desk import Desk
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.records import EMPTY, Record, field, record
from crmcore.people import Address

__all__ = ["LIFECYCLE", "Lead", "LeadDesk"]

LIFECYCLE = Lifecycle(
    initial=("new",),
    moves={
        ("new", "work"): "working",
        ("new", "qualify"): "qualified",
        ("new", "disqualify"): "disqualified",
        ("working", "qualify"): "qualified",
        ("working", "disqualify"): "disqualified",
        ("working", "recycle"): "recycled",
        ("qualified", "convert"): "converted",
        ("qualified", "disqualify"): "disqualified",
        ("qualified", "recycle"): "recycled",
        ("disqualified", "recycle"): "recycled",
        ("recycled", "work"): "working",
        ("recycled", "qualify"): "qualified",
        ("recycled", "disqualify"): "disqualified",
    },
    final=("converted",),
)
"""What can happen to a lead."""


@record("lead", lifecycle=("status", LIFECYCLE))
class Lead(Record):
    """A potential customer who has shown interest.

    Attributes:
        status: ``"new"``, ``"working"``, ``"qualified"``, ``"converted"``, ``"disqualified"`` or ``"recycled"``.
        name: The person's full name.
        given_name: Their given name.
        family_name: Their family name.
        job_title: What they do at their company.
        company: The name of their company.
        website: Its website.
        email: The e-mail address to write to.
        phone: The phone number to call.
        emails: Further e-mail addresses, by label.
        phones: Further phone numbers, by label.
        addresses: Postal addresses, by label.
        source: Where they came from: ``"webinar"``.
        owner: The id of the staff member who works on it.
        consents: What they allow, by channel: ``"granted"`` or ``"withdrawn"``.
        disqualified_reason: Why it was disqualified.
        converted_at: When it was converted.
        account: The id of the account it became.
        contact: The id of the contact it became.
        opportunity: The id of the deal it became.
    """

    status: str = field(default="new", key=True, by_act=True)
    name: str | None = field(default=None, key=True, personal=True, searchable=True)
    given_name: str | None = field(default=None, personal=True)
    family_name: str | None = field(default=None, personal=True)
    job_title: str | None = field(default=None, personal=True)
    company: str | None = field(default=None, key=True, searchable=True)
    website: str | None = field(default=None)
    email: str | None = field(default=None, key=True, personal=True, searchable=True)
    phone: str | None = field(default=None, key=True, personal=True, searchable=True)
    emails: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    addresses: Mapping[str, Address] = field(default=EMPTY, personal=True)
    source: str | None = field(default=None, key=True)
    owner: str | None = field(default=None, key=True, references="staff")
    consents: Mapping[str, str] = field(default=EMPTY, by_act=True)
    disqualified_reason: str | None = field(default=None, by_act=True)
    converted_at: datetime | None = field(default=None, key=True, by_act=True)
    account: str | None = field(default=None, key=True, references="account", by_act=True)
    contact: str | None = field(default=None, key=True, references="contact", by_act=True)
    opportunity: str | None = field(default=None, key=True, references="opportunity", by_act=True)


class LeadDesk(Desk[Lead]):
    """The leads."""

    department = "sales"
