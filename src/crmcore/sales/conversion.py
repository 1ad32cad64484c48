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
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.instants import today
from crmcore.kernel.loading.intake import Spelling, value_at
from crmcore.kernel.records import R, Record, kind_of
from crmcore.kernel.values import Border, read
from crmcore.people import Account, Affiliation, Contact
from crmcore.people.affiliation import affiliate
from crmcore.people.spelling import SPELLINGS
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
    affiliations: Collection[Affiliation] = (),
    opportunity: Mapping[str, Any] | None = EMPTY,
) -> tuple[Change[Any], ...]:
    """Convert a qualified lead.

    Args:
        lead: The lead.
        context: The circumstances.
        account: The account it belongs to; None for a new one named like the lead's company, if it has one.
        contact: The contact it is; None for a new one.
        affiliations: Those the contact has, or had.
        opportunity: What to open a deal with, as ``opportunity.add`` takes it; None for no deal.

    Returns:
        The changes of account, contact, affiliation, deal and, last, of the lead.

    Raises:
        NotAllowed: The lead is not qualified.
        Invalid: There is nothing to call the contact by.
    """
    status = LIFECYCLE.after(lead.status, "convert")
    said = f": {context.reason}" if context.reason else ""
    because = attrs.evolve(context, reason=f"conversion of {lead.id}{said}")
    firm = _account(lead, because, account)
    firm_id = None if firm is None else firm.id
    person = _contact(lead, because, contact, firm_id)
    joining = None if firm_id is None else _joining(because, person.id, firm_id, affiliations)
    told = None if opportunity is None else {"account": firm_id, "contact": person.id, **opportunity}
    deal = None if told is None else _deal(lead, because, told)
    became = {"account": firm_id, "contact": person.id, "opportunity": None if deal is None else deal.id}
    done = context.changed(lead, "converted", status=status, converted_at=context.at, **became)
    return tuple(change for change in (firm, person, joining, deal, done) if change is not None)


def _account(lead: Lead, context: Context[SalesRules], account: Account | None) -> Change[Account] | None:
    """The change that makes the account, or fills it where it is empty."""
    if account is None and lead.company is None:
        return None
    known = {"name": lead.company, "website": lead.website, "source": lead.source, "owner": lead.owner}
    return _filled(Account, account, context, known | _custom(lead, context, Account))


def _contact(lead: Lead, context: Context[SalesRules], contact: Contact | None, account: str | None) -> Change[Contact]:
    """The change that makes the contact, or fills it where it is empty."""
    if contact is None and not any((lead.name, lead.email, lead.phone, lead.emails, lead.phones)):
        mend = "update the lead with one of them first"
        raise Invalid([Problem("name", None, "a name, e-mail or phone to call the contact by", mend)])
    shared = ("name", "given_name", "family_name", "job_title", "source", "owner", *REACHED)
    known: dict[str, Any] = {name: getattr(lead, name) for name in shared} | {"account": account}
    known |= {f"tags.{tag}": True for tag in lead.tags} | _custom(lead, context, Contact)
    known |= _reached(lead, contact or NOBODY) | _consents(lead, contact or NOBODY)
    return _filled(Contact, contact, context, known)


def _joining(
    context: Context[SalesRules], contact: str, account: str, affiliations: Collection[Affiliation]
) -> Change[Affiliation] | None:
    """The change that makes a contact belong to an account; None when they do. Who comes back does so now."""
    known = [one for one in affiliations if one.account == account]
    if any(one.until is None for one in known):
        return None
    since = today(context.at, context.zone) if known else None
    return affiliate(context, contact=contact, account=account, since=since)


def _filled(cls: type[R], record: R | None, context: Context[SalesRules], known: Mapping[str, Any]) -> Change[R]:
    """The change that makes a record, or fills it where it is empty.

    Also when nothing is missing: so who changes the record meanwhile meets a conflict, and its history tells.
    """
    told = {name: value for name, value in known.items() if value is not None}
    if record is None:
        return context.created(cls, "converted", **told)
    news = {name for name in told if name.startswith("consents.") or value_at(record, name) is None}
    return context.changed(record, "converted", **{name: told[name] for name in told if name in news})


def _reached(lead: Lead, contact: Contact) -> dict[str, Any]:
    """Ways to reach a lead that its contact has not, each under its own label, or one with a number."""
    found: dict[str, Any] = {}
    for single, several in REACHED.items():
        main, known = getattr(lead, single), getattr(contact, several)
        told = ([("lead", main)] if main is not None else []) + [*getattr(lead, several).items()]
        has = [getattr(contact, single) or main, *known.values()]
        found |= _added(several, told, known, has, SPELLINGS[single])
    return found | _added("addresses", [*lead.addresses.items()], contact.addresses, contact.addresses.values())


def _added(
    field: str,
    told: Collection[tuple[str, Any]],
    known: Mapping[str, Any],
    has: Collection[Any],
    spelling: Spelling = lambda _: None,
) -> dict[str, Any]:
    """Members to add, by dotted name: those that are there in no spelling."""
    found: dict[str, Any] = {}
    present = [spelling(one) or one for one in has if one is not None]
    for label, value in told:
        spelt = spelling(value) or value
        if spelt not in present:
            free = next(one for one in _labels(label) if one not in known and f"{field}.{one}" not in found)
            found[f"{field}.{free}"] = value
            present.append(spelt)
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
    return {f"custom.{home}": lead.custom[name] for home, name in _carried(lead, context, target).items()}


def _carried(lead: Lead, context: Context[SalesRules], target: type[Record]) -> dict[str, str]:
    """The custom fields of a target that take up one of a lead: by their name, the lead's."""
    kind = kind_of(target)
    border = Border(currency=context.currency, zone=context.zone, custom=context.custom.get(kind.name, EMPTY))
    found: dict[str, str] = {}
    for name, value in lead.custom.items():
        home = _home(name, context, kind.name)
        if home is not None and home not in found:
            try:
                read(kind, {f"custom.{home}": value}, border=border)
            except Invalid:  # other choices, or a narrower range: it stays on the lead
                continue
            found[home] = name
    return found


def _home(name: str, context: Context[SalesRules], kind: str) -> str | None:
    """The custom field of a kind for one of a lead: where the playbook sends it, or the one named and typed alike.

    What the playbook sends somewhere has that place for itself.
    """
    sent = context.rules.conversion
    whole, _, home = sent.get(name, f"{kind}.{name}").partition(".")
    if whole != kind or (name not in sent and f"{kind}.{name}" in sent.values()):
        return None
    mine, theirs = context.custom.get("lead", EMPTY).get(name), context.custom.get(kind, EMPTY).get(home)
    return home if mine is not None and theirs is not None and mine.type == theirs.type else None


def unmapped(lead: Lead, context: Context[SalesRules]) -> tuple[str, ...]:
    """The custom fields of a lead that nothing it becomes has a place for: they stay on the lead alone.

    Args:
        lead: The lead.
        context: The circumstances.
    """
    carried = {name for target in TARGETS for name in _carried(lead, context, target).values()}
    return tuple(name for name in lead.custom if name not in carried)


def _deal(lead: Lead, context: Context[SalesRules], told: Mapping[str, Any]) -> Change[Opportunity]:
    """The change that opens the deal."""
    name = lead.company or lead.name or lead.email or lead.phone or "deal"
    custom = {field.removeprefix("custom."): value for field, value in _custom(lead, context, Opportunity).items()}
    given = {field: value for field, value in told.items() if value is not None}
    return opened(context, **{"name": name, "owner": lead.owner, "custom": custom, **given})
