"""Flaws, put into clean rows on purpose and written down."""

from __future__ import annotations

from collections.abc import Callable

from crmcore.testing.flaws import (
    BAD_AMOUNT,
    BAD_DATE,
    DUPLICATE,
    NOTHING_TO_CALL_IT_BY,
    SAME_ID,
    UNKNOWN_REFERENCE,
    Flaw,
)
from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.naming import respelt
from crmcore.testing.made_up.sheet import Plan, Sheet

__all__ = ["planned", "spoil"]

PLANS = {
    "accounts": [(SAME_ID, "id"), (UNKNOWN_REFERENCE, "parent"), (NOTHING_TO_CALL_IT_BY, "name")] * 2,
    "contacts": [
        *[(DUPLICATE, "email"), (DUPLICATE, "phone")] * 3,
        *[(SAME_ID, "id"), (BAD_DATE, "since"), (UNKNOWN_REFERENCE, "account"), (NOTHING_TO_CALL_IT_BY, "name")] * 2,
    ],
    "leads": [
        *[(DUPLICATE, "email"), (DUPLICATE, "phone")] * 2,
        *[(SAME_ID, "id"), (BAD_DATE, "captured"), (NOTHING_TO_CALL_IT_BY, "name")] * 2,
    ],
    "deals": [
        *[(SAME_ID, "id"), (UNKNOWN_REFERENCE, "account"), (BAD_AMOUNT, "amount")] * 2,
        *[(BAD_DATE, "opened"), (BAD_DATE, "closed")],
    ],
    "orders": [
        *[(SAME_ID, "number"), (UNKNOWN_REFERENCE, "customer"), (BAD_DATE, "ordered_on"), (BAD_AMOUNT, "amount")] * 2
    ],
    "subscriptions": [
        *[(SAME_ID, "id"), (UNKNOWN_REFERENCE, "customer"), (BAD_AMOUNT, "amount")] * 2,
        *[(BAD_DATE, "started_on"), (BAD_DATE, "ended_on")],
    ],
    "touchpoints": [(SAME_ID, "id"), (UNKNOWN_REFERENCE, "record"), (BAD_DATE, "happened")] * 2,
}
"""What goes wrong in each table of the default size, and in which column."""

ALWAYS_CLEAN = 10
"""The first rows of every table are clean, so that later ones can repeat or refer to them."""

DATES = ("31.02.2026", "2026-13-01", "soon")
AMOUNTS = ("1.200,50", "n/a")
OWN = ("id", "source", "since", "captured")
"""What the second row about a person has for itself."""


def planned(chance: Chance, table: str, rows: int, *, size: int) -> Plan:
    """Which rows of a table get what flaw in which column."""
    positions = chance.shuffled(range(ALWAYS_CLEAN, rows))
    return Plan(rows, dict(zip(positions, PLANS[table] * size, strict=False)))


def spoil(chance: Chance, table: str, sheet: Sheet) -> list[Flaw]:
    """Put into a table what is planned, and say what was put where."""
    flaws = []
    for position, (what, column) in sorted(sheet.plan.flaws.items()):
        of = SPOILERS[what](chance, sheet, position, column)
        flaws.append(Flaw(table, position + 2, column, what, None if of is None else of + 2))
    return flaws


def _duplicate(chance: Chance, sheet: Sheet, position: int, column: str) -> int:
    """The same person again, known by another spelling of their e-mail or phone alone."""
    of = _earlier(chance, sheet, position, column)
    row, first = sheet.rows[position], sheet.rows[of]
    own = {name: row[name] for name in OWN if name in row}
    row.update(first | own | {"email": "", "phone": ""})
    row["name"] = chance.pick((first["name"], first["name"].upper()))
    spellings = _shouted(first["email"]) if column == "email" else respelt(first["phone"])
    row[column] = chance.pick(spellings)
    return of


def _shouted(email: str) -> tuple[str, ...]:
    return email.upper(), f" {email}", f"{email.capitalize()} ", email.title()


def _same_id(chance: Chance, sheet: Sheet, position: int, column: str) -> int:
    of = _earlier(chance, sheet, position, column)
    sheet.rows[position][column] = sheet.rows[of][column]
    return of


def _earlier(chance: Chance, sheet: Sheet, position: int, column: str) -> int:
    """An earlier row that is clean and has something in the column, as the first row is and has."""
    earlier = chance.below(position)
    while earlier in sheet.plan.flaws or not sheet.rows[earlier][column]:
        earlier = chance.below(position)
    return earlier


def _bad_date(chance: Chance, sheet: Sheet, position: int, column: str) -> None:
    sheet.rows[position][column] = chance.pick(DATES)


def _bad_amount(chance: Chance, sheet: Sheet, position: int, column: str) -> None:
    sheet.rows[position][column] = chance.pick(AMOUNTS)


def _unknown_reference(chance: Chance, sheet: Sheet, position: int, column: str) -> None:
    letter = "C" if column == "record" else "A"
    sheet.rows[position][column] = f"{letter}-{900_000 + chance.below(100_000)}"


def _nothing_to_call_it_by(_: Chance, sheet: Sheet, position: int, __: str) -> None:
    row = sheet.rows[position]
    row.update({name: "" for name in ("name", "company", "email", "phone") if name in row})


SPOILERS: dict[str, Callable[[Chance, Sheet, int, str], int | None]] = {
    DUPLICATE: _duplicate,
    SAME_ID: _same_id,
    BAD_DATE: _bad_date,
    BAD_AMOUNT: _bad_amount,
    UNKNOWN_REFERENCE: _unknown_reference,
    NOTHING_TO_CALL_IT_BY: _nothing_to_call_it_by,
}
