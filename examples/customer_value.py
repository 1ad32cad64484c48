"""From orders to what each customer is worth: who is still there, how often they will buy, for how much."""

from datetime import date, timedelta
from random import Random

import crmcore.analytics as an

START, END = date(2025, 1, 1), date(2026, 6, 30)
rng = Random(1)  # noqa: S311 - the customers are made up


def bought(customer: str) -> list[dict[str, object]]:
    """The orders of a customer who buys at a pace of their own, and one day no longer."""
    day = START + timedelta(rng.randrange(180))
    days_between, leaving = 1 / rng.gammavariate(1.2, 1 / 60), rng.betavariate(0.8, 2.5)
    usual = 1 / rng.gammavariate(4, 1 / 150)
    orders = []
    while day <= END:
        amount = round(rng.gammavariate(6, usual / 6), 2)
        orders.append({"customer": customer, "at": day, "amount": amount})
        if rng.random() < leaving:
            break
        day += timedelta(1 + int(rng.expovariate(1 / days_between)))
    return orders


orders = [order for number in range(1_500) for order in bought(f"c{number:04}")]

summary = an.clv.summarize(orders, unit="week", end=END, currency="EUR")
print(f"{len(orders):,} orders by {len(summary):,} customers, {summary.x.count(0):,} of whom never came back")

fit = an.clv.MBGNBD.fit(summary)
spend = an.clv.GammaGamma.fit(summary)
print(f"\n{fit}\n\n{spend!r}")

value = an.clv.lifetime_value(
    fit.model, spend.model, summary, horizon="12 months", discount=an.clv.Discount(annual=0.10), margin="0.35"
)
print("\nthe five whose purchases of the next 12 months are worth most, at a margin of 35 %, discounted at 10 % a year")
for row in sorted(value.to_dicts(), key=lambda row: row["residual"], reverse=True)[:5]:
    print(f"  {row['customer']}  P(alive) {row['p_alive']:.0%}  {row['expected']:4.1f} purchases  {row['residual']}")

left = sum(1 - chance for chance in value.p_alive)
silent = an.retention.lapsed(orders, as_of=END, after="180d")
print(f"\n{left:,.0f} customers are expected to have left; {silent.count:,} have been silent for 180 days")

triangle = an.retention.cohorts(orders, period="quarter", end=END).triangle("retention")
print(f"\n{triangle.title}")
for row in (triangle.headings, *triangle.rows):
    print("  " + " ".join(f"{cell:>9}" for cell in row))
