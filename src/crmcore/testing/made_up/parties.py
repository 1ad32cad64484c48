"""Accounts, contacts and leads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.naming import Names, plain
from crmcore.testing.made_up.sheet import Plan, Row, Sheet
from crmcore.testing.made_up.words import CITIES, LEGAL_FORMS

__all__ = ["OWNERS", "accounts", "contacts", "leads"]

OWNERS = ("Ana Sousa", "Ben Okafor", "Chiara Russo", "Dmitri Orlov", "Elif Şahin")
SOURCES = ("webinar", "trade fair", "referral", "web form", "partner", "advert")
JOB_TITLES = (
    "Managing Director", "Head of Purchasing", "Buyer", "Operations Manager", "Office Manager", "Head of IT",
    "Finance Director", "Accountant", "Marketing Manager", "Project Manager", "Engineer", "Head of Sales",
)  # fmt: skip
MAIL_PROVIDERS = ("mail.example", "post.example", "inbox.example")
LEVELS = (1, 1, 2, 1, 1, 3, 1, 2, 1, 1)
"""How deep each account stands in its group, again and again; those one level above it stand earlier."""


def accounts(chance: Chance, names: Names, plan: Plan) -> Sheet:
    """Companies, some of them parts of an earlier one."""
    rows: list[Row] = []
    standing: dict[int, list[str]] = {1: [], 2: [], 3: []}
    for position in range(plan.rows):
        level = LEVELS[position % len(LEVELS)]
        rows.append(_account(chance, names, position + 1, chance.pick(standing[level - 1]) if level > 1 else ""))
        if position not in plan.flaws:
            standing[level].append(rows[-1]["id"])
    return Sheet(rows, plan)


def _account(chance: Chance, names: Names, number: int, parent: str) -> Row:
    city, country = chance.pick(CITIES)
    name = next(names.companies)
    return {
        "id": f"A-{number:04}",
        "name": f"{name} {LEGAL_FORMS[country]}",
        "number": str(20_000 + 7 * number),
        "parent": parent,
        "phone": next(names.phones[0]),
        "website": f"https://www.{plain(name)}.example",
        "city": city,
        "country": country,
        "owner": chance.pick(OWNERS),
    }


def contacts(chance: Chance, names: Names, companies: Sequence[Row], until: date, plan: Plan) -> Sheet:
    """People, in the order in which they came to be known: most at a company, the first companies have more of them."""
    days = _days(chance, plan.rows, until, back=1_100)
    return Sheet([_contact(chance, names, number, companies, day) for number, day in enumerate(days, 1)], plan)


def _contact(chance: Chance, names: Names, number: int, companies: Sequence[Row], since: str) -> Row:
    company = companies[chance.below(1 + chance.below(len(companies)))] if chance.percent(80) else None
    domain = company["website"].removeprefix("https://www.") if company else chance.pick(MAIL_PROVIDERS)
    name, email, phone = _person(names, domain, 1, number)
    return {
        "id": f"C-{number:04}",
        "name": name,
        "email": email,
        "phone": phone,
        "account": company["id"] if company else "",
        "job_title": chance.pick(JOB_TITLES) if company else "",
        "city": company["city"] if company else chance.pick(CITIES)[0],
        "source": chance.pick(SOURCES),
        "since": since,
    }


def leads(chance: Chance, names: Names, companies: Sequence[Row], until: date, plan: Plan) -> Sheet:
    """People who have shown interest, in that order; some work at companies that are accounts already."""
    days = _days(chance, plan.rows, until, back=270)
    return Sheet([_lead(chance, names, number, companies, day) for number, day in enumerate(days, 1)], plan)


def _lead(chance: Chance, names: Names, number: int, companies: Sequence[Row], captured: str) -> Row:
    company = _company(chance, names, companies)
    name, email, phone = _person(names, company[1], 2, number)
    return {
        "id": f"L-{number:04}",
        "name": name,
        "company": company[0],
        "email": email,
        "phone": phone,
        "source": chance.pick(SOURCES),
        "captured": captured,
    }


def _company(chance: Chance, names: Names, companies: Sequence[Row]) -> tuple[str, str]:
    """The name and domain of a lead's company: one of the accounts, or a new one."""
    if chance.percent(15):
        known = chance.pick(companies)
        return known["name"], known["website"].removeprefix("https://www.")
    name = next(names.companies)
    return f"{name} {LEGAL_FORMS[chance.pick(CITIES)[1]]}", f"{plain(name)}.example"


def _person(names: Names, domain: str, stream: int, number: int) -> tuple[str, str, str]:
    """Name, e-mail and phone: some have no e-mail, some no phone, none has neither, and the first has both."""
    name, phone = next(names.people), next(names.phones[stream])
    email = names.mailboxes.open(name, domain)
    if number % 13 == 7 and phone:
        return name, "", phone
    return name, email, phone if number % 5 != 3 else ""


def _days(chance: Chance, count: int, until: date, *, back: int) -> list[str]:
    """So many days of so many up to the last one, in order."""
    return sorted((until - timedelta(days=chance.below(back))).isoformat() for _ in range(count))
