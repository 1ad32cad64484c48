"""A made-up company: what its systems export, with the dirt that real exports have and the truth about it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from os import PathLike
from pathlib import Path

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.testing.flaws import Flaw
from crmcore.testing.made_up import conversations, parties, pipeline, purchases
from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.naming import Names
from crmcore.testing.made_up.sheet import Sheet
from crmcore.testing.made_up.spoiling import planned, spoil

__all__ = ["Company", "company"]

TODAY = date(2026, 11, 18)
EARLIEST, LATEST = date(1970, 1, 1), date(9998, 12, 31)

ROWS = {
    "accounts": 40,
    "contacts": 120,
    "leads": 90,
    "deals": 140,
    "orders": 260,
    "subscriptions": 40,
    "touchpoints": 400,
}
"""How many rows each table has at size 1."""


@attrs.frozen(kw_only=True)
class Company:
    """What the systems of a made-up company export: tables of rows, every value as text.

    The tables were exported on the evening of last Friday, and the deals once more today. Every flaw is
    listed. A row without one is clean: what it refers to is in a clean row, its dates exist and are in order,
    its amounts are euros with a point, and no other clean row has its e-mail address or telephone number.
    Empty may be a parent, a contact's account and job title, one of e-mail and phone, and the end of a subscription.

    Attributes:
        seed: What the company was made from.
        last_friday: The day up to which the tables tell.
        today: The day up to which ``deals_week_later`` tells.
        accounts: Companies; a parent stands above its children, at most three deep.
        contacts: People, most of them at an account.
        leads: People who have shown interest; some work at an account.
        deals: Deals as they stood last Friday; ``closed`` is when open ones are expected to close.
        deals_week_later: The same deals today: some advanced, won, lost or worth something else, and new ones.
        orders: What accounts and contacts bought, at rates of their own.
        subscriptions: What they pay for again and again; ``ended_on`` is the first day not served.
        touchpoints: Conversations with contacts and leads.
        flaws: Everything wrong that was put in, by table and row.
    """

    seed: int
    last_friday: date
    today: date
    accounts: tuple[dict[str, str], ...] = attrs.field(repr=False)
    contacts: tuple[dict[str, str], ...] = attrs.field(repr=False)
    leads: tuple[dict[str, str], ...] = attrs.field(repr=False)
    deals: tuple[dict[str, str], ...] = attrs.field(repr=False)
    deals_week_later: tuple[dict[str, str], ...] = attrs.field(repr=False)
    orders: tuple[dict[str, str], ...] = attrs.field(repr=False)
    subscriptions: tuple[dict[str, str], ...] = attrs.field(repr=False)
    touchpoints: tuple[dict[str, str], ...] = attrs.field(repr=False)
    flaws: tuple[Flaw, ...] = attrs.field(repr=False)

    @property
    def tables(self) -> dict[str, tuple[dict[str, str], ...]]:
        """Every table by its name: those that others refer to first, ``deals_week_later`` last."""
        return {name: getattr(self, name) for name in (*ROWS, "deals_week_later")}

    def write(self, folder: str | PathLike[str]) -> None:
        """Write every table as a CSV file in UTF-8, named ``accounts.csv``, ``contacts.csv`` and so on.

        Args:
            folder: Where to; made if it is not there.

        Example:
            >>> from crmcore.testing import company
            >>> company(7).write("exports")
            >>> with open("exports/leads.csv", encoding="utf-8") as file:
            ...     file.readline().strip()
            'id,name,company,email,phone,source,captured'
        """
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, rows in self.tables.items():
            with (place / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(rows)


def company(seed: int, *, today: date = TODAY, size: int = 1) -> Company:
    """A made-up company with dirty data, the same for the same arguments on every machine.

    Args:
        seed: Which company: any whole number from 0.
        today: The day it is; last Friday is the one before.
        size: How many times 40 accounts, 120 contacts, 90 leads, 140 deals, 260 orders, 40 subscriptions and 400
            touchpoints. From about 45 on, some rows have no phone: no more numbers are kept for fiction.

    Raises:
        Invalid: The seed or the size is not such a number, or the day none from 1970 to 9998.

    Example:
        >>> from crmcore.testing import company
        >>> made_up = company(7)
        >>> made_up
        Company(seed=7, last_friday=datetime.date(2026, 11, 13), today=datetime.date(2026, 11, 18))
        >>> made_up.leads[20]["name"], made_up.leads[20]["phone"]
        ('Amara Papadakis', '+44 191 498 0809')
        >>> made_up.flaws[0]
        Flaw(table='accounts', row=19, column='id', what='same id', of=15)
    """
    _check(seed, today, size)
    chance = Chance(seed)
    friday = today - timedelta(days=(today.weekday() - 5) % 7 + 1)
    sheets = _sheets(chance, friday, today, size)
    flaws = [flaw for table, sheet in sheets.items() for flaw in spoil(chance, table, sheet)]
    flaws += [attrs.evolve(flaw, table="deals_week_later") for flaw in flaws if flaw.table == "deals"]
    later = pipeline.week_later(chance, sheets["accounts"].clean, sheets["deals"], friday, today, size=size)
    return Company(
        seed=seed,
        last_friday=friday,
        today=today,
        deals_week_later=tuple(later),
        flaws=tuple(flaws),
        **{table: tuple(sheet.rows) for table, sheet in sheets.items()},
    )


def _sheets(chance: Chance, friday: date, today: date, size: int) -> dict[str, Sheet]:
    """The tables of last Friday, still clean."""
    names = Names.drawn(chance)
    plans = {table: planned(chance, table, rows * size, size=size) for table, rows in ROWS.items()}
    accounts = parties.accounts(chance, names, plans["accounts"])
    firms = accounts.clean
    contacts = parties.contacts(chance, names, firms, friday, plans["contacts"])
    people = contacts.clean
    leads = parties.leads(chance, names, firms, friday, plans["leads"])
    return {
        "accounts": accounts,
        "contacts": contacts,
        "leads": leads,
        "deals": pipeline.deals(chance, firms, friday, today, plans["deals"], size=size),
        "orders": purchases.orders(chance, firms, people, friday, plans["orders"]),
        "subscriptions": purchases.subscriptions(chance, firms, people, friday, plans["subscriptions"]),
        "touchpoints": conversations.touchpoints(chance, people, leads.clean, friday, plans["touchpoints"]),
    }


def _check(seed: object, today: object, size: object) -> None:
    problems = list(_problems(seed, today, size))
    if problems:
        raise Invalid(problems)


def _problems(seed: object, today: object, size: object) -> Iterator[Problem]:
    if type(seed) is not int or seed < 0:
        yield Problem("seed", seed, "a whole number from 0", "give one, such as 7")
    if type(today) is not date or not EARLIEST <= today <= LATEST:
        yield Problem("today", today, "a day from 1970 to 9998", f"give a date, such as {TODAY}")
    if type(size) is not int or size < 1:
        yield Problem("size", size, "a whole number from 1", "give one, such as 10")
