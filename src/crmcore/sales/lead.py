"""Leads: potential customers who have shown interest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import NotAllowed, Problem
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.reach import reached_by
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.values import read_text
from crmcore.people import Address
from crmcore.people.consent import consented, misread
from crmcore.people.contact import called
from crmcore.sales.pipeline import SalesRules

__all__ = ["LIFECYCLE", "Lead", "capture", "consent", "disqualify", "qualify", "recycle", "work"]

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

NAMING = ("name", "company", "email", "phone", "emails", "phones")
"""The fields a lead can be known by."""


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

    def flaws(self) -> Iterator[Problem]:
        """What is wrong with it as a whole: there must be something to know it by."""
        return _unknown({name: getattr(self, name) for name in NAMING})


def capture(  # noqa: D417 - the others are those of Lead
    context: Context[SalesRules],
    *,
    name: str | None = None,
    given_name: str | None = None,
    family_name: str | None = None,
    job_title: str | None = None,
    company: str | None = None,
    website: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    emails: Mapping[str, str] = EMPTY,
    phones: Mapping[str, str] = EMPTY,
    addresses: Mapping[str, Address | Mapping[str, str]] = EMPTY,
    source: str | None = None,
    owner: str | None = None,
    consents: Mapping[str, str] = EMPTY,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Lead]:
    """Capture a lead: somebody has shown interest. Its arguments are the attributes of ``Lead``.

    Args:
        context: The circumstances.
        name: The person's full name; default: given and family name.
        custom: Custom fields.
        external: Its ids in other systems.

    Raises:
        Invalid: There is nothing to call them by, or a value does not fit.
    """
    fields: dict[str, Any] = {
        "name": called(name, given_name, family_name),
        "given_name": given_name,
        "family_name": family_name,
        "job_title": job_title,
        "company": company,
        "website": website,
        "email": email,
        "phone": phone,
        "emails": emails,
        "phones": phones,
        "addresses": addresses,
        "source": source,
        "owner": owner,
        "consents": consents,
        "custom": custom,
        "external": external,
    }
    problems = [*_unknown(fields), *misread(consents)]
    return context.created(Lead, "captured", **reached_by(kind_of(Lead), fields, also=problems))


def _unknown(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong when there is nothing to know a lead by."""
    known = (one.strip() if isinstance(one, str) else one for one in map(fields.__getitem__, NAMING))
    if all(one is None or (isinstance(one, str | Mapping) and not one) for one in known):
        yield Problem("name", None, "a name, company, e-mail or phone to know the lead by", "give one of them")


def consent(lead: Lead, context: Context[SalesRules], *, channel: str, granted: bool) -> Change[Lead]:
    """Record that a lead grants or withdraws the consent to be written to, or called, over a channel.

    Args:
        lead: The lead.
        context: The circumstances; its time is when they said so.
        channel: The channel: ``"email"``, ``"phone"``.
        granted: Whether they grant it.

    Raises:
        NotAllowed: The lead was converted: the contact it became says so now.
        Invalid: The channel is empty, or it is not said whether they grant it.
    """
    if lead.status == "converted":
        message = f"{lead.id} was converted; what they allow is recorded at {lead.contact}; possible: contacts.consent"
        raise NotAllowed(message, act="consent", possible=("contacts.consent",))
    what, sets = consented(channel, granted=granted)
    return context.changed(lead, what, **sets)


def work(lead: Lead, context: Context[SalesRules]) -> Change[Lead]:
    """Begin to work on a lead.

    Args:
        lead: The lead.
        context: The circumstances.

    Raises:
        NotAllowed: It is not new or recycled.
    """
    return context.changed(lead, "worked", status=LIFECYCLE.after(lead.status, "work"))


def qualify(lead: Lead, context: Context[SalesRules]) -> Change[Lead]:
    """Qualify a lead: it is worth a sales conversation.

    Args:
        lead: The lead.
        context: The circumstances.

    Raises:
        NotAllowed: It is qualified, converted or disqualified already.
    """
    return context.changed(lead, "qualified", status=LIFECYCLE.after(lead.status, "qualify"))


def disqualify(lead: Lead, context: Context[SalesRules], *, reason: str) -> Change[Lead]:
    """Disqualify a lead: it will not buy.

    Args:
        lead: The lead.
        context: The circumstances.
        reason: Why.

    Raises:
        NotAllowed: It is converted or disqualified already.
        Invalid: The reason is empty.
    """
    status, said = LIFECYCLE.after(lead.status, "disqualify"), read_text(reason, path="reason", empty=False)
    return context.changed(lead, "disqualified", status=status, disqualified_reason=said)


def recycle(lead: Lead, context: Context[SalesRules]) -> Change[Lead]:
    """Recycle a lead: not now, perhaps later.

    Args:
        lead: The lead.
        context: The circumstances.

    Raises:
        NotAllowed: It is new, converted or recycled already.
    """
    status = LIFECYCLE.after(lead.status, "recycle")
    return context.changed(lead, "recycled", status=status, disqualified_reason=None)
