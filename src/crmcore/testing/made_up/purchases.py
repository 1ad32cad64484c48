"""Orders and subscriptions: some customers buy every week, some once, and some silently stop."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate

import attrs

from crmcore.testing.made_up.chance import Chance
from crmcore.testing.made_up.sheet import Plan, Row, Sheet, euros

__all__ = ["orders", "subscriptions"]

GOODS = {"Support hour": 9_500, "Seat pack": 18_000, "Training day": 64_000, "Onboarding workshop": 120_000}
"""What is ordered piece by piece, and its price in cents."""

PLANS = {"Starter": 4_900, "Team": 19_000, "Enterprise": 90_000}
"""What is subscribed to, and its monthly price in cents."""

INTERVALS = {"month": 1, "quarter": 3, "year": 10}
"""How many months each interval costs."""

HORIZON = 730
"""How many days back orders go."""


@attrs.frozen
class Buyer:
    """A customer who buys at a rate of their own from a first day on, until a last one."""

    id: str
    rate: int
    first: date
    days: int


def orders(chance: Chance, companies: Sequence[Row], people: Sequence[Row], until: date, plan: Plan) -> Sheet:
    """Orders by day: each falls to a buyer by rate and time, on any day of theirs."""
    shoppers = [person for person in people if chance.percent(50)]
    buyers = [_buyer(chance, customer, until) for customer in (*companies, *shoppers)]
    reach = list(accumulate(buyer.rate * buyer.days for buyer in buyers))
    bought = [buyers[bisect_right(reach, chance.below(reach[-1]))] for _ in range(plan.rows)]
    days = sorted(((buyer.first + timedelta(days=chance.below(buyer.days))).isoformat(), buyer.id) for buyer in bought)
    return Sheet([_order(chance, number, customer, day) for number, (day, customer) in enumerate(days, 1)], plan)


def _buyer(chance: Chance, customer: Row, until: date) -> Buyer:
    """Rates differ by orders of magnitude; half of the buyers have stopped by now."""
    first = until - timedelta(days=30 + chance.below(HORIZON - 30))
    first = max(first, date.fromisoformat(customer.get("since", first.isoformat())))
    days = (until - first).days + 1
    return Buyer(
        customer["id"], 1 + chance.below(12) * chance.below(12) * chance.below(12), first, _lasting(chance, days)
    )


def _lasting(chance: Chance, days: int) -> int:
    return 1 + chance.below(days) if chance.percent(50) else days


def _order(chance: Chance, number: int, customer: str, day: str) -> Row:
    product, quantity = chance.pick(tuple(GOODS)), 1 + chance.skewed(2)
    return {
        "number": f"O-{100_000 + number}",
        "customer": customer,
        "ordered_on": day,
        "product": product,
        "quantity": str(quantity),
        "amount": euros(GOODS[product] * quantity * (100 - 5 * chance.below(3)) // 100),
    }


def subscriptions(chance: Chance, companies: Sequence[Row], people: Sequence[Row], until: date, plan: Plan) -> Sheet:
    """Subscriptions by the day they started: two of three companies have one, the others are people's."""
    customers = [*chance.shuffled(companies)[: 2 * len(companies) // 3], *chance.shuffled(people)][: plan.rows]
    rows = [_subscription(chance, customer["id"], *_term(chance, until)) for customer in customers]
    rows.sort(key=lambda row: row["started_on"])
    return Sheet([{**row, "id": f"S-{number:04}"} for number, row in enumerate(rows, 1)], plan)


def _term(chance: Chance, until: date) -> tuple[str, str]:
    """The first day served and, for one in three, the first day not served."""
    days = 1 + chance.below(900)
    started = until - timedelta(days=days)
    ended = started + timedelta(days=1 + chance.below(days))
    return started.isoformat(), ended.isoformat() if chance.percent(33) else ""


def _subscription(chance: Chance, customer: str, started: str, ended: str) -> Row:
    product, interval = chance.pick(tuple(PLANS)), chance.pick(tuple(INTERVALS))
    return {
        "id": "",
        "customer": customer,
        "product": product,
        "amount": euros(PLANS[product] * INTERVALS[interval]),
        "interval": interval,
        "started_on": started,
        "ended_on": ended,
    }
