"""The figures of customers against a second reckoning: from the records as they were on each day, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, AsyncCRM, Contact, Invalid, MixedCurrency, Money, Playbook
from crmcore.analytics.retention import tenures
from crmcore.kernel.calendar import today
from crmcore.kernel.rates import Rate, Rates
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock

RATES = Rates([Rate("USD", "EUR", "2020-01-01", "0.5"), Rate("USD", "EUR", "2026-02-01", "0.8")])
EURO = Playbook(currency="EUR", zone="Europe/Berlin", rates=RATES)
FIRST = date(2026, 1, 1)
MONTHLY = {"week": Fraction("52.1775") / 12, "month": Fraction(1), "quarter": Fraction(1, 3), "year": Fraction(1, 12)}


def opened() -> CRM:
    """An empty CRM in euros, in Berlin; it is 2 November 2026, 10:00."""
    return CRM(clock=TickingClock("2026-11-02T09:00Z", timedelta()), new_id=CountingIds(), playbook=EURO)


@pytest.fixture
def crm(open_crm: Callable[..., CRM]) -> CRM:
    """The same on both stores."""
    return open_crm(playbook=EURO)


def euros(amount: str | int) -> Money:
    """An amount in euros."""
    return Money(amount, "EUR")


# --- recurring revenue and churn ------------------------------------------------------------------------------------


@attrs.frozen
class Course:
    """What becomes of a subscription."""

    who: int
    start: int
    interval: str
    amount: int
    prices: list[tuple[int, int]]
    lasts: int | None


courses = st.lists(
    st.builds(
        Course,
        who=st.integers(0, 2),
        start=st.integers(0, 80),
        interval=st.sampled_from([*MONTHLY]),
        amount=st.integers(1, 40),
        prices=st.lists(st.tuples(st.integers(0, 60 * 24), st.integers(1, 40)), max_size=3),
        lasts=st.none() | st.integers(0, 90),
    ),
    max_size=5,
)


def lived(crm: CRM, people: list[Contact], course: Course) -> None:
    """A subscription that takes its course, each act known at once."""
    on = FIRST + timedelta(days=course.start)
    ended = None if course.lasts is None else on + timedelta(days=course.lasts)
    plan = crm.given(at=f"{on}T00:00+01:00").subscriptions.start(
        customer=people[course.who], amount=course.amount, interval=course.interval, started_on=on
    )
    for hours, amount in sorted(course.prices):
        at = f"{on + timedelta(days=hours // 24)}T{hours % 24:02}:30Z"  # by night it is a day later in Berlin
        if ended is None or on + timedelta(days=hours // 24 + 1) < ended:
            plan = crm.given(at=at).subscriptions.reprice(plan, amount=amount)
    if ended is not None:
        crm.given(at=f"{ended}T12:00Z").subscriptions.end(plan, on=ended)


def worth(crm: CRM, day: date) -> dict[str, int]:
    """What each customer was worth a month on a day, in cents, by the records as they stood at its end."""
    found: dict[str, int] = {}
    for one in crm.as_of(day).subscriptions.each():
        if one.serves(day):
            found[one.customer] = found.get(one.customer, 0) + round(one.amount.minor * MONTHLY[one.interval])
    return found


@given(courses)
def test_movements_are_what_the_records_of_both_days_say(told: list[Course]) -> None:
    """Each customer in one of them, to the cent; and so the end of each month is the start of the next."""
    crm = opened()
    people = [crm.contacts.add(name=name) for name in ("Ada", "Bob", "Cyd")]
    for course in told:
        lived(crm, people, course)
    began: dict[str, date] = {}
    for course in sorted(told, key=lambda course: course.start):
        if course.lasts != 0:
            began.setdefault(people[course.who].id, FIRST + timedelta(days=course.start))
    quarter = crm.analytics.movements("2026-Q1", each="month")
    churned = crm.analytics.churn("2026-Q1", each="month")

    for moves, left in zip(quarter.parts, churned.parts, strict=True):
        assert moves.made.period is not None
        first, after = (today(at, "Europe/Berlin") for at in (moves.made.period.start, moves.made.period.end))
        before, now = worth(crm, first), worth(crm, after)
        change = {who: now.get(who, 0) - before.get(who, 0) for who in {*before, *now}}
        by_hand = {
            "start": sum(before.values()),
            "new": sum(change[who] for who in now if who not in before and began[who] > first),
            "reactivation": sum(change[who] for who in now if who not in before and began[who] <= first),
            "expansion": sum(change[who] for who in before if who in now and change[who] > 0),
            "contraction": -sum(change[who] for who in before if who in now and change[who] < 0),
            "churned": sum(before[who] for who in before if who not in now),
            "end": sum(now.values()),
        }
        assert {name: getattr(moves, name).minor for name in by_hand} == by_hand
        assert (left.start, left.end, left.lost) == (len(before), len(now), len({*before} - {*now}))
        assert left.joined == len([who for who in now if began[who] > first])
        assert left.rate == (left.lost / len(before) if before else None)
    assert [part.end for part in quarter.parts[:-1]] == [part.start for part in quarter.parts[1:]]


# --- tenure ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60), st.none() | st.integers(0, 30)), max_size=6),
    st.integers(0, 12),
    st.integers(0, 80),
)
def test_tenure_is_what_walking_from_day_to_day_finds(
    told: list[tuple[int, int, int | None]], grace: int, known: int
) -> None:
    """Until a gap has lasted as long as the grace; to the last day known to be served where none has."""
    days = [FIRST + timedelta(days=number) for number in range(200)]
    rows = [
        {"customer": who, "start": days[on], "end": None if lasts is None else days[on + lasts]}
        for who, on, lasts in told
    ]
    by_hand = {}
    for who in dict.fromkeys(who for who, on, lasts in told if on <= known and lasts != 0):
        served = {
            day
            for one, on, lasts in told
            if one == who
            for day in range(on, known + 1 if lasts is None else min(on + lasts, known + 1))
        }
        first, last = min(served), min(served)
        for day in range(first, known + 1):
            if day in served:
                last = day
            elif day - last >= max(grace, 1):
                by_hand[who] = (last + 1 - first, True)
                break
        else:
            by_hand[who] = (last - first, False)
    found = tenures(rows, as_of=days[known], grace=grace)

    assert dict(zip(found.customer, zip(found.durations, found.observed, strict=True), strict=True)) == by_hand


# --- what becomes of subscriptions afterwards -----------------------------------------------------------------------


def start(crm: CRM, on: str, amount: int = 10, **fields: Any) -> Any:  # noqa: ANN401 - as the desk takes them
    """A subscription known since its first day."""
    told = fields if "customer" in fields else {"customer": crm.contacts.add(name="Ada"), **fields}
    return crm.given(at=on).subscriptions.start(amount=amount, started_on=on, **told)


def lost(crm: CRM, months: str = "2026-03 2026-04 2026-05") -> list[int]:
    """How many were lost in each month."""
    return [crm.analytics.churn(month).lost for month in months.split()]


def test_who_is_reinstated_was_never_lost(crm: CRM) -> None:
    """As if it had gone on, gap included; a view of the time before still says so."""
    plan = crm.given(at="2026-03-20").subscriptions.end(start(crm, "2026-01-01"), on="2026-03-20")
    crm.given(at="2026-05-10").subscriptions.reinstate(plan)

    assert lost(crm) == [0, 0, 0]
    assert lost(crm.as_of("2026-05-09")) == [1, 0, 0]
    assert crm.analytics.movements("2026-04").start == euros(10)


def test_an_end_learnt_late_counts_on_its_day(crm: CRM, clock: TickingClock) -> None:
    """Not on that on which it was learnt; what was believed until then stays known."""
    plan = start(crm, "2026-01-01")
    clock.now += timedelta(days=1)
    crm.subscriptions.end(plan, on="2026-04-15")

    assert lost(crm) == [0, 1, 0]
    assert lost(crm.as_of(known="2026-11-02")) == [0, 0, 0]


def test_what_is_undone_or_deleted_counts_no_more(crm: CRM) -> None:
    """Nor does a price that was taken back, from then on."""
    plan = start(crm, "2026-01-01")
    crm.given(at="2026-04-15").subscriptions.end(plan, on="2026-04-15")
    assert lost(crm) == [0, 1, 0]
    crm.undo(crm.feed(limit=1)[0].commit)
    assert lost(crm) == [0, 0, 0]

    crm.given(at="2026-02-10").subscriptions.reprice(plan.id, amount=25)
    crm.undo(crm.feed(limit=1)[0].commit)
    columns = crm.analytics.subscriptions()
    assert list(zip(columns["start"], columns["amount"], strict=True)) == [
        (date(2026, 1, 1), euros(10)),
        (date(2026, 2, 10), euros(25)),
        (date(2026, 11, 2), euros(10)),
    ]

    gone = start(crm, "2026-01-01", 50)
    crm.subscriptions.delete(gone)
    assert crm.analytics.movements("2026-06").start == euros(25)
    crm.subscriptions.restore(gone.id)
    assert crm.analytics.movements("2026-06").start == euros(75)


def test_an_erased_customer_still_counts(crm: CRM) -> None:
    """What they paid, and that they left, say nothing of who they were."""
    ada = crm.contacts.add(name="Ada")
    plan = start(crm, "2026-01-01", customer=ada)
    crm.given(at="2026-02-01").orders.add(customer=ada, ordered_on="2026-02-01", amount=30)
    crm.given(at="2026-03-20").subscriptions.end(plan, on="2026-03-20")
    before = (lost(crm), crm.analytics.clv().totals, crm.analytics.survival(unit="day").median)
    crm.erase(ada)

    assert (lost(crm), crm.analytics.clv().totals, crm.analytics.survival(unit="day").median) == before
    assert before[0] == [1, 0, 0]
    assert before[2] == 78
    assert "Ada" not in str(crm.analytics.clv())


def test_what_if(crm: CRM) -> None:
    """A customer left, another price, another order: nothing of it is written."""
    ada = crm.contacts.add(name="Ada")
    plan, dear = start(crm, "2026-01-01", customer=ada), start(crm, "2026-01-01", 30)
    with crm.suppose() as what_if:
        what_if.given(at="2026-10-05").subscriptions.end(plan, on="2026-10-05")
        what_if.given(at="2026-10-05").subscriptions.reprice(dear, amount=50)
        what_if.orders.add(customer=ada, ordered_on="2026-10-05", amount=5)
        moves = what_if.analytics.movements("2026-10")
        assert (moves.churned, moves.expansion, moves.end) == (euros(10), euros(20), euros(50))
        assert what_if.analytics.churn("2026-10").rate == 0.5
        assert what_if.analytics.clv().totals["historical"] == euros(5)
        assert what_if.analytics.retention().size == 1

    assert crm.analytics.churn("2026-10").rate == 0.0
    assert crm.analytics.clv().values is None


def test_another_tenant_has_figures_of_its_own(crm: CRM) -> None:
    """And its own playbook: dollars, by default."""
    start(crm, "2026-01-01")
    crm.given(at="2026-01-05").orders.add(customer=crm.contacts.add(name="Ada"), ordered_on="2026-01-05", amount=30)
    other = crm.given(tenant="other")
    start(other, "2026-01-01", 7)

    assert (crm.analytics.movements("2026-02").end, other.analytics.movements("2026-02").end) == (
        euros(10),
        Money(7, other.playbook.currency),
    )
    assert (len(crm.analytics.clv().summary), len(other.analytics.clv().summary)) == (1, 0)
    assert (crm.analytics.retention().size, other.analytics.retention().size) == (1, 0)


# --- customer lifetime value ----------------------------------------------------------------------------------------

purchases = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 90),
        st.integers(1, 9_999),
        st.sampled_from(["EUR", "USD"]),
        st.sampled_from(["order", "deal", "deal and order"]),
    ),
    max_size=8,
)


@settings(max_examples=20)
@given(purchases)
def test_what_customers_have_brought_in_re_adds(told: list[tuple[int, int, int, str, str]]) -> None:
    """Each order once, each deal without one, at the rate of its day; by customer, and by cohort."""
    crm = opened()
    people = [crm.contacts.add(name=name) for name in ("Ada", "Bob", "Cyd")]
    paid: dict[str, Decimal] = {}
    for who, day, cents, currency, source in told:
        on, amount = FIRST + timedelta(days=day), Money.of_minor(cents, currency)
        then, deal = crm.given(at=on), None
        if "deal" in source:
            deal = then.opportunities.win(then.opportunities.add(name="Roof", amount=amount, contact=people[who]))
        if "order" in source:
            then.orders.add(customer=people[who], ordered_on=on, amount=amount, opportunity=deal)
        rate = Decimal(1) if currency == "EUR" else Decimal("0.5" if on < date(2026, 2, 1) else "0.8")
        price = (amount.amount * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        paid[people[who].id] = paid.get(people[who].id, Decimal()) + price
    rows = crm.analytics.clv("2026-06-30").to_dicts()
    table = crm.analytics.retention(end="2026-06-30")

    assert {row["customer"]: row["historical"] for row in rows} == {who: euros(str(paid[who])) for who in paid}
    assert table.size == len(paid)
    revenue = [cell for cohort in table.cohorts for cell in cohort.revenue or () if cell is not None]
    assert sum(revenue, start=euros(0)) == euros(str(sum(paid.values(), start=Decimal())))


def test_a_return_is_not_the_order_of_a_deal(crm: CRM) -> None:
    """The deal still counts, less what came back."""
    ada = crm.contacts.add(name="Ada")
    deal = crm.given(at="2026-01-04").opportunities.add(name="Roof", amount=50, contact=ada)
    deal = crm.given(at="2026-01-04").opportunities.win(deal)
    back = crm.given(at="2026-02-01").orders.add(customer=ada, ordered_on="2026-02-01", amount=-20, opportunity=deal)
    assert crm.analytics.purchases()["purchase"] == [back.id, deal.id]
    assert crm.analytics.clv().totals["historical"] == euros(30)

    sold = crm.given(at="2026-01-04").orders.add(customer=ada, ordered_on="2026-01-04", amount=50, opportunity=deal)
    assert crm.analytics.purchases()["purchase"] == [back.id, sold.id]
    assert crm.analytics.clv().totals["historical"] == euros(30)


def test_currencies_without_rates(crm: CRM) -> None:
    """Can't be added, and one currency of them can't be asked for either."""
    order = crm.given(at="2026-02-03").orders.add
    for amount in (euros(10), Money(10, "USD")):
        order(customer=crm.contacts.add(name="Ada"), ordered_on="2026-02-03", amount=amount)
    assert crm.analytics.clv().totals["historical"] == euros(18)
    assert crm.as_of("2026-02-03").analytics.clv().totals["historical"] == euros(18)
    crm.adopt(attrs.evolve(EURO, rates=Rates([])))

    for figure in (crm.analytics.clv, crm.analytics.retention):
        with pytest.raises(MixedCurrency):
            figure()
        with pytest.raises(MixedCurrency):
            figure(currency="USD")
        with pytest.raises(Invalid, match="got '', expected an ISO 4217 currency"):
            figure(currency="")


def test_nothing_is_known_of_days_to_come(crm: CRM) -> None:
    """Nobody would seem to buy on them; the day of the as-of is the last."""
    crm.given(at="2026-01-05").orders.add(customer=crm.contacts.add(name="Ada"), ordered_on="2026-01-05", amount=30)
    then = crm.as_of("2026-03-31")

    for figure in (then.analytics.clv, then.analytics.retention):
        assert figure(end="2026-03-31").made.local.date() == date(2026, 3, 31)
        with pytest.raises(Invalid) as caught:
            figure(end="2026-04-01")
        assert str(caught.value) == (
            "end: got '2026-04-01', expected 2026-03-31, the day of the as-of, or an earlier one; leave it out"
        )
        with pytest.raises(Invalid, match="end: got 'someday'"):
            figure(end="someday")
    with pytest.raises(Invalid, match="2026-11-02, the day of the as-of"):
        crm.analytics.clv("2026-11-03")


def test_value_and_columns_can_be_awaited(crm: CRM) -> None:
    """As all the others."""
    start(crm, "2026-01-01")
    crm.given(at="2026-01-05").orders.add(customer=crm.contacts.add(name="Ada"), ordered_on="2026-01-05", amount=30)

    async def figures() -> tuple[object, ...]:
        async with AsyncCRM.of(crm) as shared:
            return (await shared.analytics.clv()).totals["historical"], (await shared.analytics.subscriptions())[
                "amount"
            ]

    assert asyncio.run(figures()) == (euros(30), [euros(10)])


# --- how often the store is asked -----------------------------------------------------------------------------------


class Counted(MemoryStore):
    """A store that counts what it is asked."""

    asked = 0

    def changes(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - as the port takes them
        """Count."""
        Counted.asked += 1
        return super().changes(*args, **named)


@contextmanager
def asking() -> Iterator[list[int]]:
    """How often the log is read meanwhile."""
    before, told = Counted.asked, [0]
    yield told
    told[0] = Counted.asked - before


@pytest.mark.parametrize("figure", ["subscriptions", "purchases", "survival", "clv", "retention"])
def test_the_log_is_not_read_once_a_record(figure: str) -> None:
    """As often for 2 customers as for 20, today and as of a day."""
    told = []
    for count in (2, 20):
        crm = CRM(Counted(), clock=TickingClock("2026-11-02T09:00Z", timedelta()), playbook=EURO)
        for _ in range(count):
            who = crm.contacts.add(name="Ada")
            plan = start(crm, "2026-01-01", customer=who)
            crm.given(at="2026-02-01").subscriptions.reprice(plan, amount=20)
            then = crm.given(at="2026-02-03")
            then.opportunities.win(then.opportunities.add(name="Roof", amount=9, contact=who))
        for view in (crm, crm.as_of("2026-05-31")):
            with asking() as times:
                getattr(view.analytics, figure)()
            told.append(times[0])

    assert told[:2] == told[2:]
