"""Words for those a business deals with, and those who work for it."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["PEOPLE"]

PEOPLE = (
    Term(
        "account",
        "A company or a household that a business sells to. It brings together the people who belong to it, and may be "
        "part of a larger account.",
        "crmcore.Account",
        synonyms=("company",),
        see=("account hierarchy", "account number", "affiliation"),
    ),
    Term(
        "account hierarchy",
        "The tree that accounts form by being part of others: each is part of at most one, and none of itself.",
        "crmcore.people.AccountDesk.subtree",
        synonyms=("account tree",),
        see=("account", "parent account"),
    ),
    Term(
        "account number",
        "What people call an account by in letters and on the phone. No two live accounts share one.",
        "crmcore.Account.number",
        see=("account", "unique value"),
    ),
    Term(
        "address",
        "Where post reaches a person or a company: street, city, postal code, region and country.",
        "crmcore.Address",
        synonyms=("postal address",),
        see=("account", "contact"),
    ),
    Term(
        "affiliation",
        "A contact's belonging to an account: as what, from which day and until when. One that has ended stays as "
        "history.",
        "crmcore.Affiliation",
        see=("account", "contact", "primary account", "role"),
    ),
    Term(
        "consent",
        "What a person allows or no longer allows, channel by channel: granted or withdrawn.",
        "crmcore.Contact.consents",
        synonyms=("opt-in", "permission to contact"),
        see=("channel", "contact"),
    ),
    Term(
        "contact",
        "A person a business deals with, whether they buy, may buy one day, or have a say in it.",
        "crmcore.Contact",
        synonyms=("person",),
        see=("account", "affiliation", "lead"),
    ),
    Term(
        "owner",
        "The member of staff who works on a deal or a lead, or looks after a contact or an account.",
        "crmcore.Opportunity.owner",
        synonyms=("record owner",),
        see=("staff",),
    ),
    Term(
        "parent account",
        "The account another one is part of, as a group is of its subsidiaries.",
        "crmcore.Account.parent",
        see=("account hierarchy",),
    ),
    Term(
        "primary account",
        "The account a contact belongs to first of all, when there are several.",
        "crmcore.Contact.account",
        see=("affiliation",),
    ),
    Term(
        "role",
        "As what a contact belongs to an account: buyer, adviser, managing director.",
        "crmcore.Affiliation.role",
        see=("affiliation",),
    ),
    Term(
        "staff",
        "Those who work for the business, each with a profile: they own deals, leads, contacts and accounts.",
        "crmcore.Staff",
        synonyms=("staff profile",),
        see=("actor", "owner"),
    ),
    Term(
        "suppression",
        "What an erasure leaves of an e-mail address, a phone number or an id elsewhere: a keyed hash, so that who was "
        "erased is not taken in again.",
        "crmcore.people.Suppression",
        see=("bulk load", "erasure"),
    ),
)
