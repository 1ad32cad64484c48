"""What a filter costs beside the comprehension a programmer would write by hand, and what SQL makes of it.

``python tests/benchmarks/bench_filter.py`` selects from the same 10,000 records with the filter, its
predicate and a comprehension, and asks SQLite which index it would search for filters of a CRM's deals.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
from side_by_side import Line, cost, quickest, show

from crmcore import CRM
from crmcore.kernel.money import Money
from crmcore.kernel.where import F, FieldType, Filter, checked, predicate, select

RECORDS = 10_000
ROUNDS = 21
NOW = datetime(2026, 11, 21, tzinfo=UTC)
MONTH_AGO = NOW - timedelta(days=30)
HALF = Decimal("0.5")
YEAR_END = date(2026, 12, 31)
COUNTRIES = frozenset({"DE", "FR", "IT"})
FIELDS: dict[str, FieldType] = {
    "stage": "text",
    "name": "text",
    "country": "text",
    "amount": "money",
    "probability": "decimal",
    "seats": "integer",
    "close_on": "date",
    "touched_at": "instant",
    "custom.region": "text",
}


@attrs.frozen(kw_only=True)
class Deal:
    """A record as the library keeps them."""

    stage: str | None
    name: str | None
    country: str | None
    amount: Money | None
    probability: Decimal | None
    seats: int | None
    close_on: date | None
    touched_at: datetime | None
    custom: dict[str, str]


def deal(chance: random.Random) -> Deal:
    """A record of which every tenth value is missing."""
    values = {
        "stage": chance.choice(["new", "open", "won", "lost"]),
        "name": chance.choice(["Acme Ltd", "Analytical Engines", "Bolt"]),
        "country": chance.choice(["DE", "FR", "IT", "ES", "PL"]),
        "amount": Money.of_minor(chance.randrange(2_000_000), chance.choice(["EUR", "EUR", "EUR", "USD"])),
        "probability": Decimal(chance.randrange(100)) / 100,
        "seats": chance.randrange(100),
        "close_on": date(2026, 7, 1) + timedelta(days=chance.randrange(365)),
        "touched_at": NOW - timedelta(minutes=chance.randrange(90 * 24 * 60)),
    }
    region = {"region": chance.choice(["north", "south"])} if chance.random() < 0.9 else {}
    return Deal(**{name: value if chance.random() < 0.9 else None for name, value in values.items()}, custom=region)


CASES: dict[str, tuple[Filter, Callable[[list[Deal]], list[Deal]]]] = {
    "text equals": (
        F.stage == "open",
        lambda deals: [d for d in deals if d.stage == "open"],
    ),
    "is set": (
        F.amount.is_set,
        lambda deals: [d for d in deals if d.amount is not None],
    ),
    "money at least": (
        F.amount >= 10_000,
        lambda deals: [
            d for d in deals if d.amount is not None and d.amount.currency == "EUR" and d.amount.minor >= 1_000_000
        ],
    ),
    "money between": (
        F.amount.between(5_000, 15_000),
        lambda deals: [
            d
            for d in deals
            if d.amount is not None and d.amount.currency == "EUR" and 500_000 <= d.amount.minor <= 1_500_000
        ],
    ),
    "one of": (
        F.country.is_in(["DE", "FR", "IT"]),
        lambda deals: [d for d in deals if d.country in COUNTRIES],
    ),
    "decimal and integer": (
        (F.probability >= 0.5) & (F.seats < 50),
        lambda deals: [
            d
            for d in deals
            if d.probability is not None and d.probability >= HALF and d.seats is not None and d.seats < 50
        ],
    ),
    "date or instant": (
        (F.close_on <= "2026-12-31") | (F.touched_at < MONTH_AGO),
        lambda deals: [
            d
            for d in deals
            if (d.close_on is not None and d.close_on <= YEAR_END)
            or (d.touched_at is not None and d.touched_at < MONTH_AGO)
        ],
    ),
    "text contains": (
        F.name.contains("Engine"),
        lambda deals: [d for d in deals if d.name is not None and "engine" in d.name.casefold()],
    ),
    "custom and not": (
        (F.custom.region == "north") & ~(F.stage == "lost"),
        lambda deals: [d for d in deals if d.custom.get("region") == "north" and d.stage != "lost"],
    ),
    "a segment of five": (
        (F.stage != "lost")
        & (F.amount >= 2_000)
        & (F.probability > 0.2)
        & F.country.is_in(["DE", "FR", "IT"])
        & (F.touched_at > MONTH_AGO),
        lambda deals: [
            d
            for d in deals
            if d.stage is not None
            and d.stage != "lost"
            and d.amount is not None
            and d.amount.currency == "EUR"
            and d.amount.minor >= 200_000
            and d.probability is not None
            and d.probability > FIFTH
            and d.country in COUNTRIES
            and d.touched_at is not None
            and d.touched_at > MONTH_AGO
        ],
    ),
}
FIFTH = Decimal("0.2")


def in_python() -> Iterator[Line]:
    """One line for each filter in Python, and one for the dearest of their predicates."""
    chance = random.Random(20261121)
    deals = [deal(chance) for _ in range(RECORDS)]
    dearest = (0.0, 1.0)
    for label, (asked, by_hand) in CASES.items():
        where = checked(asked, FIELDS, currency="EUR", at=None, zone="UTC")
        matches = predicate(where)
        assert select(where, deals) == by_hand(deals)
        base, selected, tested = quickest(
            [
                lambda by_hand=by_hand: by_hand(deals),
                lambda where=where: select(where, deals),
                lambda matches=matches: list(filter(matches, deals)),
            ],
            ROUNDS,
        )
        dearest = max(dearest, (tested, base), key=lambda pair: pair[0] / pair[1])
        yield cost(f"`select` of {RECORDS:,}: {label}", "a comprehension", selected, base, 1.3)
    yield cost(f"`predicate` of {RECORDS:,}: the dearest of these", "a comprehension", *dearest)


def in_sql() -> Iterator[Line]:
    """One line for each filter that SQL can ask: the index it searches, as SQLite explains it."""
    crm = CRM(":memory:")
    owner = crm.staff.add(name="Ana Sousa").id
    for number in range(500):
        crm.opportunities.add(name=f"Roof {number}", amount=number * 100, owner=owner if number % 7 else None)
    file, said = crm.store._file._connection, []
    for field, what, asked in [
        ("stage", "F.stage == …", F.stage == "proposal"),
        ("amount", "F.amount.between(…)", F.amount.between(10_000, 20_000)),
        ("owner", "F.owner == …", F.owner == owner),
        ("close_on", "F.close_on <= …", F.close_on <= "2026-12-31"),
    ]:
        file.set_trace_callback(said.append)
        crm.opportunities.count(asked)
        crm.opportunities.find(asked)
        file.set_trace_callback(None)
        plans = {plan_of(file, sql) for sql in said if 'FROM "crm_opportunity"' in sql}
        yield Line(
            f"`{what}` in SQLite",
            "its query plan",
            f"searches {', '.join(sorted(plans))}",
            "its index",
            plans == {f"ix_crm_opportunity_{field}"},
        )
        said.clear()


def plan_of(file: sqlite3.Connection, sql: str) -> str:
    """The index SQLite searches for a statement."""
    steps = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {sql}")]
    return next((step.split("INDEX ")[1].split()[0] for step in steps if "USING INDEX" in step), "; ".join(steps))


if __name__ == "__main__":
    show([*in_python(), *in_sql()])
