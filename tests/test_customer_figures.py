"""The figures of customers in a CRM: churn, recurring revenue, tenure, retention and value, as of any day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from crmcore import CRM, AsyncCRM, Contact, Invalid, MixedCurrency, Money, Opportunity, Playbook, Subscription
from crmcore.analytics import clv, retention
from crmcore.kernel.calendar import FiscalYear, period
from crmcore.kernel.rates import Rate, Rates
from crmcore.testing import TickingClock

RATES = Rates([Rate("USD", "EUR", "2020-01-01", "0.5")])
EURO = Playbook(currency="EUR", zone="Europe/Berlin", fiscal_year=FiscalYear(starts=4))


@pytest.fixture
def crm(open_crm: Callable[..., CRM]) -> CRM:
    """An empty CRM in euros, in Berlin; it is 2 November 2026, 10:00."""
    return open_crm(playbook=EURO)


def euros(amount: str | int) -> Money:
    """An amount in euros."""
    return Money(amount, "EUR")


def person(crm: CRM, name: str = "Ada") -> Contact:
    """Somebody who buys."""
    return crm.contacts.add(name=name)


def start(crm: CRM, on: str, amount: object = 10, **fields: object) -> Subscription:
    """A subscription known since its first day."""
    told = {"customer": person(crm)} | fields if "customer" not in fields else fields
    return crm.given(at=on).subscriptions.start(**told, amount=amount, started_on=on)  # type: ignore[arg-type]


def reprice(crm: CRM, record: Subscription, on: str, amount: object) -> Subscription:
    """The subscription at another price from a day on."""
    return crm.given(at=on).subscriptions.reprice(record, amount=amount)  # type: ignore[arg-type]


def order(crm: CRM, who: Contact, on: str, amount: object = 10, **fields: object) -> None:
    """An order known since its day."""
    crm.given(at=on).orders.add(customer=who, ordered_on=on, amount=amount, **fields)  # type: ignore[arg-type]


def won(crm: CRM, on: str, amount: object = 10, **fields: object) -> Opportunity:
    """A deal won on a day."""
    deal = crm.given(at=on).opportunities.add(name="Roof", amount=amount, **fields)  # type: ignore[arg-type]
    return crm.given(at=on).opportunities.win(deal)


def stretches(crm: CRM) -> list[tuple[object, ...]]:
    """From when until when each amount was in force."""
    columns = crm.analytics.subscriptions()
    return list(zip(*(columns[name] for name in ("start", "end", "amount", "interval")), strict=True))


# --- subscriptions as columns ---------------------------------------------------------------------------------------


def test_an_empty_crm_has_empty_columns(crm: CRM) -> None:
    """All of them, so that a notebook can go on."""
    assert crm.analytics.subscriptions() == {
        name: [] for name in ("subscription", "customer", "product", "amount", "interval", "start", "end")
    }
    assert crm.analytics.purchases() == {name: [] for name in ("purchase", "customer", "at", "amount")}


def test_each_price_is_a_row(crm: CRM) -> None:
    """From the day it began to hold, in the business's zone, to the day of the next."""
    plan = start(crm, "2026-01-10", 10)
    plan = reprice(crm, plan, "2026-03-31T22:30Z", 30)  # 1 April in Berlin
    reprice(crm, plan, "2026-05-01", 20)

    assert stretches(crm) == [
        (date(2026, 1, 10), date(2026, 4, 1), euros(10), "month"),
        (date(2026, 4, 1), date(2026, 5, 1), euros(30), "month"),
        (date(2026, 5, 1), None, euros(20), "month"),
    ]


def test_the_last_price_of_a_day_holds(crm: CRM) -> None:
    """And one changed before the first day served holds from that day."""
    plan = crm.given(at="2026-01-01").subscriptions.start(customer=person(crm), amount=1, started_on="2026-02-01")
    for amount, on in [(2, "2026-01-15"), (3, "2026-03-01T08:00Z"), (4, "2026-03-01T09:00Z")]:
        plan = reprice(crm, plan, on, amount)

    assert stretches(crm) == [
        (date(2026, 2, 1), date(2026, 3, 1), euros(2), "month"),
        (date(2026, 3, 1), None, euros(4), "month"),
    ]


def test_a_price_learnt_late_takes_its_place(crm: CRM) -> None:
    """Between those that were known."""
    plan = start(crm, "2026-01-01", 10)
    plan = reprice(crm, plan, "2026-05-01", 30)
    reprice(crm, plan, "2026-03-01", 20)

    assert [(start, amount) for start, _, amount, _ in stretches(crm)] == [
        (date(2026, 1, 1), euros(10)),
        (date(2026, 3, 1), euros(20)),
        (date(2026, 5, 1), euros(30)),
    ]


def test_the_end_cuts_what_comes_after_it(crm: CRM) -> None:
    """A price from a day on which nothing was served any more is no row; nor is a day more served."""
    plan = reprice(crm, start(crm, "2026-01-01", 10), "2026-05-01", 30)
    crm.subscriptions.end(plan, on="2026-04-15")
    never = start(crm, "2026-02-01", 5)
    crm.subscriptions.end(never, on="2026-02-01")

    assert stretches(crm) == [
        (date(2026, 1, 1), date(2026, 4, 15), euros(10), "month"),
        (date(2026, 2, 1), date(2026, 2, 1), euros(5), "month"),
    ]


def test_what_was_recorded_afterwards_holds_from_its_first_day(crm: CRM) -> None:
    """Whenever the CRM learnt of it; a view of the time before does not know it."""
    crm.subscriptions.start(customer=person(crm), amount=10, started_on="2020-01-01", interval="year")

    assert stretches(crm) == [(date(2020, 1, 1), None, euros(10), "year")]
    assert stretches(crm.as_of("2026-11-01")) == []


def test_the_columns_are_those_of_the_view(crm: CRM, clock: TickingClock) -> None:
    """What happened later, or was recorded later, is not in them; deleted ones are gone."""
    plan = start(crm, "2026-01-01", 10)
    clock.now += timedelta(days=1)
    reprice(crm, plan, "2026-03-01", 20)
    gone = start(crm, "2026-01-05", 7)
    crm.subscriptions.delete(gone)

    assert [amount for *_, amount, _ in stretches(crm)] == [euros(10), euros(20)]
    assert [amount for *_, amount, _ in stretches(crm.as_of("2026-02-28"))] == [euros(10), euros(7)]
    assert [amount for *_, amount, _ in stretches(crm.as_of("2026-04-01", known="2026-11-02"))] == [euros(10)]


# --- churn and movements --------------------------------------------------------------------------------------------


def test_revenue_is_what_was_in_force_then(crm: CRM) -> None:
    """At both ends of the period, whatever is paid today."""
    plan = start(crm, "2026-01-01", 10)
    for on, amount in [("2026-03-15", 30), ("2026-05-02", 5)]:
        plan = reprice(crm, plan, on, amount)
    march, may = crm.analytics.movements("2026-03"), crm.analytics.movements("2026-05")

    assert (march.start, march.expansion, march.end) == (euros(10), euros(20), euros(30))
    assert (may.start, may.contraction, may.end) == (euros(30), euros(25), euros(5))


def test_churn_of_customers_and_of_revenue(crm: CRM) -> None:
    """With the period and the as-of it was made with."""
    crm.subscriptions.end(start(crm, "2026-01-01", 30), on="2026-03-10")
    start(crm, "2026-02-01", 10)
    start(crm, "2026-03-12", 20)
    march = crm.analytics.churn("2026-03")

    assert (march.start, march.lost, march.joined, march.rate) == (2, 1, 1, 0.5)
    assert (march.gross_revenue_churn, march.movements and march.movements.new) == (0.75, euros(20))
    assert march.made.period == period("2026-03", zone="Europe/Berlin")
    assert march.made.at == datetime(2026, 11, 2, 22, 59, 59, 999999, tzinfo=UTC)
    assert "rate" in march.definitions


def test_churn_as_it_was(crm: CRM, clock: TickingClock) -> None:
    """An end that was not yet, or not yet known, is none; a period is looked at up to the as-of."""
    plan = start(crm, "2026-01-01")
    clock.now += timedelta(days=1)
    crm.given(at="2026-03-10").subscriptions.end(plan, on="2026-03-20")

    assert crm.analytics.churn("2026-03").lost == 1
    assert crm.as_of("2026-03-05").analytics.churn("2026-03").lost == 0
    assert crm.as_of("2026-03-15").analytics.churn("2026-03").lost == 0
    assert crm.as_of("2026-03-20").analytics.churn("2026-03").lost == 1
    assert crm.as_of("2026-03-31", known="2026-11-02").analytics.churn("2026-03").lost == 0
    with pytest.raises(Invalid, match="the first day of the period, or later"):
        crm.as_of("2026-02-28").analytics.churn("2026-03")


def test_periods_of_the_fiscal_year(crm: CRM) -> None:
    """By name, or as they are; each part of them, too."""
    crm.subscriptions.end(start(crm, "2026-01-01"), on="2026-05-10")
    year = crm.analytics.churn("FY2027-Q1", each="fiscal period", method="exposed_base", grace="30d")

    assert [part.lost for part in year.parts] == [0, 1, 0]
    assert (year.method, year.lost) == ("exposed_base", 1)
    assert crm.analytics.churn(period("2026-05", zone="Europe/Berlin")).lost == 1


def test_figures_for_each_product(crm: CRM) -> None:
    """By its name."""
    roof, wall = (crm.products.add(name=name) for name in ("Roof", "Wall"))
    start(crm, "2026-01-01", 10, product=roof.id)
    start(crm, "2026-01-01", 20, product=wall.id)
    start(crm, "2026-01-01", 40)
    found = crm.analytics.movements("2026-02", by="product")

    assert {name: group.end for name, group in found.groups.items()} == {
        "Roof": euros(10),
        "Wall": euros(20),
        None: euros(40),
    }
    assert list(crm.analytics.churn("2026-02", by="interval").groups) == ["month"]


def test_other_currencies_need_rates(crm: CRM) -> None:
    """Those of the playbook."""
    start(crm, "2026-01-01", Money(10, "USD"))
    start(crm, "2026-01-01", 10)
    with pytest.raises(MixedCurrency):
        crm.analytics.movements("2026-02")
    crm.adopt(attrs.evolve(EURO, rates=RATES))

    assert crm.analytics.movements("2026-02").end == euros(15)
    assert crm.analytics.churn("2026-02", currency="USD").made.currency == "USD"


# --- survival -------------------------------------------------------------------------------------------------------


def test_survival_of_customers(crm: CRM) -> None:
    """Who came back is followed until they first left; who is served is censored at the as-of."""
    ada = person(crm)
    crm.subscriptions.end(start(crm, "2026-01-01", customer=ada), on="2026-01-11")
    start(crm, "2026-02-01", customer=ada)
    crm.subscriptions.end(start(crm, "2026-01-01"), on="2026-01-31")
    start(crm, "2026-01-01")
    curve = crm.analytics.survival(unit="day")

    assert list(curve.times) == [10, 30, (date(2026, 11, 2) - date(2026, 1, 1)).days]
    assert (list(curve.events), list(curve.censored)) == ([1, 1, 0], [0, 0, 1])
    assert (curve.unit, curve.median) == ("days", 30)
    assert curve.made is not None
    assert curve.made.exclusions == {"customers who came back, told until they first left": 1}
    assert "as of 2026-11-02" in str(curve)


def test_survival_of_subscriptions(crm: CRM) -> None:
    """Each on its own, in any unit; one that served no day, or has not begun, is left out and counted."""
    ada = person(crm)
    crm.subscriptions.end(start(crm, "2026-01-01", customer=ada), on="2026-01-15")
    start(crm, "2026-10-19", customer=ada)
    crm.subscriptions.end(start(crm, "2026-02-01"), on="2026-02-01")
    crm.subscriptions.start(customer=ada, amount=1, started_on="2026-12-01")
    curve = crm.analytics.survival("subscription", unit="week")

    assert (list(curve.times), list(curve.events), list(curve.censored)) == ([2.0], [1], [1])
    assert curve.made is not None
    assert curve.made.exclusions == {
        "subscriptions that begin after the as-of": 1,
        "subscriptions that served no day": 1,
    }


def test_a_gap_that_may_be_short_ends_nothing(crm: CRM) -> None:
    """Such a customer is censored on the last day known to be served."""
    crm.subscriptions.end(start(crm, "2026-10-01"), on="2026-10-31")
    curve = crm.analytics.survival(unit="day", grace="30d")

    assert (list(curve.times), list(curve.events)) == ([29], [0])
    assert curve.made is not None
    assert curve.made.exclusions == {"customers in a gap too short so far to be an end": 1}
    assert list(crm.as_of("2026-10-20").analytics.survival(unit="day").times) == [19]


def test_somebody_else_can_not_be_followed(crm: CRM) -> None:
    """Nor counted in what is no unit."""
    with pytest.raises(Invalid, match="customer or subscription"):
        crm.analytics.survival("deal")  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="a unit of time"):
        crm.analytics.survival(unit="fortnight")


def test_tenures_can_be_shown() -> None:
    """As a table, and as rows."""
    rows = [{"customer": "ada", "start": "2026-01-01", "end": "2026-01-11"}, {"customer": "bob", "start": "2026-01-02"}]
    found = retention.tenures(rows, as_of="2026-01-31")

    assert repr(found) == "<Tenures: 2 customers, 1 ended>"
    assert found.to_dicts()[1] == {"customer": "bob", "duration": 29, "observed": False}
    assert [section.title for section in found.sections()] == ["Tenure", "Customers", "How it was made"]
    assert "running" in str(found)


# --- purchases ------------------------------------------------------------------------------------------------------


def test_orders_and_won_deals_without_one_are_purchases(crm: CRM) -> None:
    """On the day of the order, or that on which the deal was closed in the business's zone; by account or contact."""
    ada, acme = person(crm), crm.accounts.add(name="Acme")
    order(crm, ada, "2026-01-05", 15, opportunity=won(crm, "2026-01-04", 15, account=acme.id))
    by_account = won(crm, "2026-03-31T22:30Z", 50, account=acme.id, contact=ada.id)
    by_contact = won(crm, "2026-02-02", None, contact=ada.id)
    won(crm, "2026-02-02", 70)
    crm.opportunities.add(name="Open", amount=99, account=acme.id)
    columns = crm.analytics.purchases()
    rows = set(zip(columns["customer"], columns["at"], columns["amount"], strict=True))

    assert rows == {
        (ada.id, date(2026, 1, 5), euros(15)),
        (acme.id, date(2026, 4, 1), euros(50)),
        (ada.id, date(2026, 2, 2), None),
    }
    assert {by_account.id, by_contact.id} < set(columns["purchase"])


def test_purchases_as_they_were(crm: CRM, clock: TickingClock) -> None:
    """A deal counts until its order is known, and again when that is deleted."""
    deal = won(crm, "2026-01-04", 15, contact=person(crm).id)
    clock.now += timedelta(days=1)
    placed = crm.given(at="2026-02-01").orders.add(
        customer=person(crm), ordered_on="2026-02-01", amount=15, opportunity=deal
    )

    assert crm.analytics.purchases()["purchase"] == [placed.id]
    assert crm.as_of("2026-01-31").analytics.purchases()["purchase"] == [deal.id]
    assert crm.as_of("2026-02-01", known="2026-11-02").analytics.purchases()["purchase"] == [deal.id]
    crm.orders.delete(placed)
    assert crm.analytics.purchases()["purchase"] == [deal.id]


def test_retention_by_cohort(crm: CRM) -> None:
    """With what each spent, up to the as-of, or an end before it."""
    ada, bob = person(crm), person(crm, "Bob")
    for who, on, amount in [(ada, "2026-08-05", 10), (ada, "2026-10-06", 20), (bob, "2026-08-20", 30)]:
        order(crm, who, on, amount)
    won(crm, "2026-09-09", None, contact=bob.id)
    won(crm, "2026-09-09", 5)
    table = crm.analytics.retention()

    assert [cohort.name for cohort in table.cohorts] == ["2026-08"]
    assert table.cohorts[0].retention == (1.0, 0.5, 0.5)
    assert table.cohorts[0].revenue == (euros(40), euros(0), euros(20))
    assert table.made.exclusions == {
        "purchases without an amount, in no revenue": 1,
        "won deals without an account or contact, in no purchase": 1,
    }
    assert crm.as_of("2026-09-30").analytics.retention().cohorts[0].retention == (1.0, 0.5)
    assert crm.analytics.retention(end="2026-09-30", anchor="anniversary").cohorts[0].retention == (1.0,)
    assert len(crm.analytics.retention("quarter", partial=True).ages) == 2


def test_retention_in_another_currency(crm: CRM) -> None:
    """By the playbook's rates."""
    order(crm, person(crm), "2026-08-05", Money(10, "USD"))
    with pytest.raises(MixedCurrency):
        crm.analytics.retention()
    crm.adopt(attrs.evolve(EURO, rates=RATES))

    assert crm.analytics.retention().cohorts[0].revenue == (euros(5), euros(0), euros(0))


def test_all_of_it_can_be_awaited(crm: CRM) -> None:
    """Under the same names."""
    start(crm, "2026-01-01")
    order(crm, person(crm), "2026-08-05")

    async def figures() -> tuple[object, ...]:
        async with AsyncCRM.of(crm) as shared:
            then = shared.as_of("2026-09-30").analytics
            return (
                (await then.churn("2026-02")).start,
                (await then.movements("2026-02")).end,
                (await then.retention()).size,
                len((await then.survival()).times),
                len((await then.purchases())["at"]),
            )

    assert asyncio.run(figures()) == (1, euros(10), 1, 1, 1)


# --- customer lifetime value ----------------------------------------------------------------------------------------


def buyers(crm: CRM) -> list[Contact]:
    """Four of them, who bought seven times."""
    days = [["2026-01-05", "2026-02-02", "2026-03-20"], ["2026-01-20", "2026-02-11"], ["2026-02-02"], ["2026-02-09"]]
    found = []
    for bought in days:
        found.append(person(crm))
        for number, on in enumerate(bought, start=1):
            order(crm, found[-1], on, 10 * number)
    return found


def test_the_value_of_customers(crm: CRM) -> None:
    """By id, up to the day it is; the same as the pure functions give on the columns."""
    people = buyers(crm)
    won(crm, "2026-03-05", 40, contact=people[3].id)
    found = crm.analytics.clv(model="Pareto/NBD", unit="month", horizon="6 months", discount=0.2, margin="0.5")
    pure = clv.report(
        crm.analytics.purchases(),
        end="2026-11-02",
        currency="EUR",
        zone="Europe/Berlin",
        model="Pareto/NBD",
        unit="month",
        horizon="6 months",
        discount=0.2,
        margin="0.5",
    )

    assert found.values is not None
    assert {*found.values.customer} == {who.id for who in people}
    assert (found.totals["historical"], found.model, str(found.summary.unit)) == (euros(75), "Pareto/NBD", "month")
    assert (found.summary.end, found.totals) == (date(2026, 11, 2), pure.totals)
    assert found.to_dicts() == pure.to_dicts()


def test_deals_that_can_not_be_valued_are_counted(crm: CRM) -> None:
    """Without an amount they are no purchase, and without a party nobody's."""
    buyers(crm)
    won(crm, "2026-03-05", None, contact=person(crm).id)
    won(crm, "2026-03-05", 70)
    found = crm.analytics.clv("2026-10-31")

    assert (len(found.summary), found.totals["historical"]) == (4, euros(110))
    assert found.made.exclusions == {
        "won deals without an account or contact, in no purchase": 1,
        "won deals without an amount, in no spend and no purchase": 1,
    }


def test_the_value_as_it_was(crm: CRM, clock: TickingClock) -> None:
    """Orders that were not, or were not known, are in no figure; returns are taken off."""
    people = buyers(crm)
    clock.now += timedelta(days=1)
    order(crm, people[0], "2026-02-03", -4)
    then = crm.as_of("2026-02-10").analytics.clv()

    assert (then.summary.end, then.totals["historical"]) == (date(2026, 2, 10), euros(56))
    assert crm.as_of("2026-02-10", known="2026-11-02").analytics.clv().totals["historical"] == euros(60)
    assert crm.analytics.clv(returns="exclude").totals["historical"] == euros(110)


def test_value_in_another_currency(crm: CRM) -> None:
    """By the playbook's rates of the day."""
    order(crm, person(crm), "2026-08-05", Money(10, "USD"))
    with pytest.raises(MixedCurrency):
        crm.analytics.clv()
    crm.adopt(attrs.evolve(EURO, rates=RATES))

    assert crm.analytics.clv().totals["historical"] == euros(5)
    assert crm.analytics.clv(currency="USD").totals["historical"] == Money(10, "USD")


def test_an_empty_crm_has_no_value(crm: CRM) -> None:
    """Which is said."""
    found = crm.analytics.clv()

    assert (found.fit, found.values, found.totals["total"]) == (None, None, None)
    assert found.reasons["total"] == "there is no customer to value"
