"""Conversion: a qualified lead becomes a contact, an account and a deal, in one step that can be taken back.

Existing records are filled where they are empty and never overwritten. What would not fit beside them is
kept: another e-mail address, phone number or postal address under a label of its own, of two
consents the less permissive one. Touchpoints and notes stay where they are, linked through the lead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import EMPTY, Record, kind_of
from crmcore.people import Account, Affiliation, Contact
from crmcore.sales.lead import LIFECYCLE, Lead
from crmcore.sales.opportunity import Opportunity, add as opened
from crmcore.sales.pipeline import SalesRules

__all__ = ["Conversion", "convert", "unmapped"]

NOBODY = Contact(id="")
"""A contact that is empty everywhere."""

REACHED = {"email": "emails", "phone": "phones"}
"""Where another address or number goes when there is one already."""

TARGETS: tuple[type[Record], ...] = (Contact, Account, Opportunity)
"""What a lead's custom fields may be carried to."""


class Conversion(NamedTuple):
    """What a lead became.

    Attributes:
        account: The account; None when the lead names no company.
        contact: The contact.
        opportunity: The deal; None when none was wanted.
    """

    account: Account | None
    contact: Contact
    opportunity: Opportunity | None


def convert(
    lead: Lead,
    context: Context[SalesRules],
    *,
    account: Account | None = None,
    contact: Contact | None = None,
    affiliated: bool = False,
    opportunity: Mapping[str, Any] | None = EMPTY,
) -> tuple[Change[Any], ...]:
    """Convert a qualified lead.

    Args:
        lead: The lead.
        context: The circumstances.
        account: The account it belongs to; None for a new one named like the lead's company, if it has one.
        contact: The contact it is; None for a new one.
        affiliated: Whether the contact belongs to the account already.
        opportunity: What to open a deal with, as ``opportunity.add`` takes it; None for no deal.

    Returns:
        The changes of account, contact, affiliation, deal and, last, of the lead.

    Raises:
        NotAllowed: The lead is not qualified.
        Invalid: There is nothing to call the contact by.
    """
    status = LIFECYCLE.after(lead.status, "convert")
    because = context if context.reason else attrs.evolve(context, reason=f"conversion of {lead.id}")
    firm = _account(lead, because, account)
    firm_id = _id(firm, account)
    person = _contact(lead, because, contact, firm_id)
    person_id = _id(person, contact)
    joins = firm_id is not None and not affiliated
    joining = because.created(Affiliation, "affiliated", contact=person_id, account=firm_id) if joins else None
    told = None if opportunity is None else {"account": firm_id, "contact": person_id, **opportunity}
    deal = None if told is None else _deal(lead, because, told)
    became = {"account": firm_id, "contact": person_id, "opportunity": _id(deal, None)}
    done = context.changed(lead, "converted", status=status, converted_at=context.at, **became)
    return tuple(change for change in (firm, person, joining, deal, done) if change is not None)


def _id(change: Change[Any] | None, record: Record | None) -> str | None:
    """The id of what was made, or was there."""
    return change.id if change is not None else None if record is None else record.id


def _account(lead: Lead, context: Context[SalesRules], account: Account | None) -> Change[Account] | None:
    """The change that makes the account, or fills it where it is empty."""
    if account is None and lead.company is None:
        return None
    known = {"name": lead.company, "website": lead.website, "source": lead.source, "owner": lead.owner}
    return _filled(Account, account, context, known | _custom(lead, context, Account))


def _contact(
    lead: Lead, context: Context[SalesRules], contact: Contact | None, account: str | None
) -> Change[Contact] | None:
    """The change that makes the contact, or fills it where it is empty."""
    if contact is None and not any((lead.name, lead.email, lead.phone, lead.emails, lead.phones)):
        mend = "update the lead with one of them first"
        raise Invalid([Problem("name", None, "a name, e-mail or phone to call the contact by", mend)])
    shared = ("name", "given_name", "family_name", "job_title", "source", "owner", *REACHED)
    known: dict[str, Any] = {name: getattr(lead, name) for name in shared} | {"account": account}
    known |= {f"tags.{tag}": True for tag in lead.tags} | _custom(lead, context, Contact)
    known |= _reached(lead, contact or NOBODY) | _consents(lead, contact or NOBODY)
    return _filled(Contact, contact, context, known)


def _filled(
    cls: type[Record], record: Record | None, context: Context[SalesRules], known: Mapping[str, Any]
) -> Change[Any] | None:
    """The change that makes a record, or fills it where it is empty; None when nothing is missing."""
    told = {name: value for name, value in known.items() if value is not None}
    if record is None:
        return context.created(cls, "converted", **told)
    news = {name: value for name, value in told.items() if name.startswith("consents.") or _at(record, name) is None}
    return context.changed(record, "converted", **news) if news else None


def _at(record: Record, name: str) -> object:
    """The value under a field's name or dotted name."""
    whole, dot, member = name.partition(".")
    value = getattr(record, whole)
    return value.get(member) if dot else value


def _reached(lead: Lead, contact: Contact) -> dict[str, Any]:
    """Ways to reach a lead that its contact has not, each under its own label, or one with a number."""
    found: dict[str, Any] = {}
    for single, several in REACHED.items():
        main = getattr(lead, single)
        told = [("lead", main)] if main is not None else []
        has = [getattr(contact, single) or main, *getattr(contact, several).values()]
        found |= _added(several, [*told, *getattr(lead, several).items()], getattr(contact, several), has)
    has = [*contact.addresses.values()]
    return found | _added("addresses", [*lead.addresses.items()], contact.addresses, has)


def _added(field: str, told: Collection[tuple[str, Any]], known: Mapping[str, Any], has: list[Any]) -> dict[str, Any]:
    """Members to add, by dotted name."""
    found: dict[str, Any] = {}
    for label, value in told:
        if value not in has:
            free = next(one for one in _labels(label) if one not in known and f"{field}.{one}" not in found)
            found[f"{field}.{free}"] = value
            has.append(value)
    return found


def _labels(label: str) -> Iterator[str]:
    """A label, and the same with a number, and so on."""
    yield label
    number = 2
    while True:
        yield f"{label} {number}"
        number += 1


def _consents(lead: Lead, contact: Contact) -> dict[str, Any]:
    """What a lead allows, where its contact has not said so or allows more."""
    return {
        f"consents.{channel}": said
        for channel, said in lead.consents.items()
        if channel not in contact.consents or (said, contact.consents[channel]) == ("withdrawn", "granted")
    }


def _custom(lead: Lead, context: Context[SalesRules], target: type[Record]) -> dict[str, Any]:
    """The custom fields of a lead that a target has a place for, by dotted name."""
    homes = ((name, value, _home(name, context, target)) for name, value in lead.custom.items())
    return {f"custom.{home}": value for _, value, home in homes if home is not None}


def _home(name: str, context: Context[SalesRules], target: type[Record]) -> str | None:
    """The custom field of a target that takes up one of a lead: the playbook's, or the one named and typed alike."""
    kind = kind_of(target).name
    wanted = context.rules.conversion.get(name)
    if wanted is not None:
        whole, _, field = wanted.partition(".")
        return field if whole == kind else None
    mine, theirs = (context.custom.get(one, EMPTY).get(name) for one in ("lead", kind))
    return name if mine is not None and theirs is not None and mine.type == theirs.type else None


def unmapped(lead: Lead, context: Context[SalesRules]) -> tuple[str, ...]:
    """The custom fields of a lead that nothing it becomes has a place for: they stay on the lead alone.

    Args:
        lead: The lead.
        context: The circumstances.
    """
    return tuple(name for name in lead.custom if all(_home(name, context, one) is None for one in TARGETS))


def _deal(lead: Lead, context: Context[SalesRules], told: Mapping[str, Any]) -> Change[Opportunity]:
    """The change that opens the deal."""
    name = lead.company or lead.name or lead.email or lead.phone or "deal"
    custom = {field.removeprefix("custom."): value for field, value in _custom(lead, context, Opportunity).items()}
    given = {field: value for field, value in told.items() if value is not None}
    return opened(context, **{"name": name, "owner": lead.owner, "custom": custom, **given})
