"""Deals as they stood last Friday, and as they stand today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TypeAlias

from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.parties import OWNERS
from crmcore.testing.made_up.sheet import Plan, Row, Sheet, euros, working_day

__all__ = ["PRODUCTS", "deals", "week_later"]

PRODUCTS = {"Starter": 120_000, "Team": 650_000, "Enterprise": 3_100_000}
"""What each costs, in cents."""

Deal: TypeAlias = tuple[str, str, str]
"""Stage, owner and product."""

PAIRS = tuple((owner, product) for owner in OWNERS for product in PRODUCTS)

STANDING = {"qualification": 13, "proposal": 27, "negotiation": 10}
"""How many of 140 deals are open, by stage: they pile up in proposal, the bottleneck."""

AGES = {"qualification": (2, 40), "proposal": (20, 240), "negotiation": (30, 160)}
"""For how many days open deals have been open, by stage: at least, and how many days the rest spread over."""

OCCASIONS = ("new business", "extension", "renewal", "second site")
CLOSED = 6
"""How many of 140 deals are closed, by owner and product."""

WINS = dict(zip(OWNERS, (64, 53, 42, 20, 31), strict=True))
"""How many of a hundred deals each owner wins."""

EASE = {"Starter": 14, "Team": 0, "Enterprise": -14}
"""How many more or fewer of a hundred are won, by product."""

MOVES = {
    "qualification": ("proposal",) * 4,
    "proposal": ("negotiation", "lost", "lost", "proposal", "proposal", "proposal", "proposal"),
    "negotiation": ("won", "won", "won", "lost"),
}
"""Where deals go within the week, per 140 of them: few leave proposal; one that stays is worth something else."""

NEW = 6
"""How many new deals a week brings, per 140 deals."""


def deals(chance: Chance, companies: Sequence[Row], friday: date, today: date, plan: Plan, *, size: int) -> Sheet:
    """Deals, in the order in which they were opened."""
    deals = [*_open(chance, size), *_closed(chance, size)]
    rows = [_row(chance, deal, chance.pick(companies), friday, today) for deal in deals]
    return Sheet(_numbered(sorted(rows, key=lambda row: row["opened"]), 1), plan)


def week_later(
    chance: Chance, companies: Sequence[Row], was: Sheet, friday: date, today: date, *, size: int
) -> list[Row]:
    """The same deals, exported today: what is wrong with them still is, and some of the others have moved."""
    rows = [dict(row) for row in was.rows]
    sound = chance.shuffled(row for position, row in enumerate(rows) if position not in was.plan.flaws)
    standing = {stage: [row for row in sound if row["stage"] == stage] for stage in MOVES}
    days = _working_days(friday, today)
    for stage, goals in MOVES.items():
        for row, goal in zip(standing[stage], goals * size, strict=False):
            _move(chance, row, goal, days)
    new = [
        {**_row(chance, ("qualification", *chance.pick(PAIRS)), chance.pick(companies), friday, today), "opened": day}
        for day in sorted(chance.pick(days) for _ in range(NEW * size))
    ]
    return rows + _numbered(new, len(rows) + 1)


def _open(chance: Chance, size: int) -> Iterator[Deal]:
    """Most of the open deals wait in one stage."""
    return ((stage, *chance.pick(PAIRS)) for stage, times in STANDING.items() for _ in range(times * size))


def _closed(chance: Chance, size: int) -> Iterator[Deal]:
    """Of the closed ones: the better the owner and the smaller the product, the more are won."""
    tally = chance.below(100)
    for owner, product in PAIRS:
        for _ in range(CLOSED * size):
            tally += WINS[owner] + EASE[product]
            yield "won" if tally >= 100 else "lost", owner, product
            tally %= 100


def _move(chance: Chance, row: Row, goal: str, days: Sequence[str]) -> None:
    before = row["amount"]
    while row["stage"] == goal and row["amount"] == before:
        row["amount"] = _amount(chance, row["product"])
    if goal in {"won", "lost"}:
        row["closed"] = chance.pick(days)
    row["stage"] = goal


def _row(chance: Chance, deal: Deal, company: Row, friday: date, today: date) -> Row:
    """One deal, still without an id."""
    stage, owner, product = deal
    if stage in AGES:
        least, spread = AGES[stage]
        opened = friday - timedelta(days=least + chance.below(spread))
        closed = today + timedelta(days=7 + chance.below(100))
    else:
        closed = friday - timedelta(days=chance.below(300))
        opened = closed - timedelta(days=10 + chance.skewed(40))
    return {
        "id": "",
        "name": f"{company['name']}: {product}, {chance.pick(OCCASIONS)}",
        "account": company["id"],
        "owner": owner,
        "product": product,
        "stage": stage,
        "opened": working_day(opened).isoformat(),
        "closed": working_day(closed).isoformat(),
        "amount": _amount(chance, product),
    }


def _amount(chance: Chance, product: str) -> str:
    """Within 30 % of the price, to ten euros."""
    return euros(PRODUCTS[product] * (70 + chance.below(61)) // 100_000 * 1_000)


def _numbered(rows: Iterable[Row], first: int) -> list[Row]:
    return [{**row, "id": f"D-{number:04}"} for number, row in enumerate(rows, first)]


def _working_days(friday: date, today: date) -> list[str]:
    """The working days after the one up to the other; today, if there is none."""
    days = [friday + timedelta(days=number) for number in range(1, (today - friday).days + 1)]
    return [day.isoformat() for day in days if day == working_day(day)] or [today.isoformat()]
