"""A made-up file of deals: the same for the same seed, on every machine."""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta

__all__ = ["COMMAND", "write_deals"]

STAGES = ("qualification", "proposal", "negotiation")
OWNERS = ("Ana Sousa", "Ben Okafor", "Chiara Russo", "Dmitri Orlov")
ACCOUNTS = ("Acme Ltd", "Blue Harbour", "Cobalt Labs", "Dune Logistics", "Elm & Sons", "Fjord Foods", "Granite Bank")
PRODUCTS = {"Starter": 1_200, "Team": 6_500, "Enterprise": 31_000}
FIRST_DAY = date(2026, 1, 5)
LAST_DAY = date(2026, 9, 30)

COMMAND = f"""pipeline deals.csv \\
    --id deal --stage stage --opened opened --closed closed --amount amount \\
    --owner owner --account account --product product \\
    --won won --lost lost --open {",".join(STAGES)} \\
    --currency EUR --as-of 2026-06-30 --by owner"""
"""The command that reads the file."""


def write_deals(path: str, *, seed: int, deals: int = 240) -> None:
    """Write a CSV file of deals that opened and closed in 2026.

    Args:
        path: The file to write.
        seed: The same seed gives the same file.
        deals: How many deals.

    Example:
        >>> from crmcore.testing.deals_file import write_deals
        >>> write_deals("deals.csv", seed=7, deals=1)
        >>> with open("deals.csv") as file:
        ...     file.readline().strip()
        'deal,stage,opened,closed,amount,owner,account,product'
    """
    chance = random.Random(seed)  # noqa: S311 - made-up data, no secret
    with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - pathlib costs import time
        writer = csv.writer(file)
        writer.writerow(["deal", "stage", "opened", "closed", "amount", "owner", "account", "product"])
        for number in range(1, deals + 1):
            writer.writerow([f"D-{number:04}", *_deal(chance)])


def _deal(chance: random.Random) -> list[str]:
    """One row: the better the owner and the smaller the product, the likelier it is won."""
    owner, product = chance.choice(OWNERS), chance.choice(list(PRODUCTS))
    opened = FIRST_DAY + timedelta(days=chance.randrange((LAST_DAY - FIRST_DAY).days))
    closed = opened + timedelta(days=5 + int(chance.expovariate(1 / 45)))
    amount = str(round(PRODUCTS[product] * chance.uniform(0.7, 1.4), 2))
    account = chance.choice([*ACCOUNTS, ""])
    if closed > LAST_DAY:
        known = amount if chance.random() < 0.8 else ""
        dated = opened.isoformat() if chance.random() < 0.95 else ""
        return [chance.choice(STAGES), dated, "", known, owner, account, product]
    won = chance.random() < 0.3 + 0.1 * OWNERS.index(owner) - 0.1 * list(PRODUCTS).index(product)
    return ["won" if won else "lost", opened.isoformat(), closed.isoformat(), amount, owner, account, product]
