"""Subscriptions: from their first day to the first not served, term by term."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Contact, F, Invalid, Money, NotAllowed, Subscription
from crmcore.kernel.calendar import add_months

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock


@pytest.fixture
def ada(crm: CRM) -> Contact:
    """A customer."""
    return crm.contacts.add(name="Ada")


@pytest.fixture
def monthly(crm: CRM, ada: Contact) -> Subscription:
    """Begun on 31 January, paid by the month, with a term of one."""
    return crm.subscriptions.start(customer=ada, amount="12.50", started_on="2026-01-31", renews_on="2026-02-28")


def refused(act: Callable[[], object]) -> list[str]:
    """Where an act finds problems."""
    with pytest.raises(Invalid) as caught:
        act()
    return [problem.path for problem in caught.value.problems]


# --- starting ---------------------------------------------------------------------------------------------------------


def test_a_subscription_holds_what_it_is_started_with(crm: CRM, ada: Contact) -> None:
    """Records or ids; by the month unless said otherwise; it may begin in the future."""
    product = crm.products.add(name="Newsletter")
    found = crm.subscriptions.start(
        customer=ada,
        product=product,
        amount=Money("120", "EUR"),
        interval="year",
        started_on=date(2026, 12, 1),
        renews_on="2027-12-01",
        external={"billing": "1"},
    )

    assert (found.customer, found.product, found.amount) == (ada.id, product.id, Money("120", "EUR"))
    assert (found.interval, found.started_on, found.renews_on, found.ended_on) == (
        "year",
        date(2026, 12, 1),
        date(2027, 12, 1),
        None,
    )
    plain = crm.subscriptions.start(customer=ada.id, product=product.id, amount=5, started_on="2026-01-01")
    assert (plain.interval, plain.renews_on, plain.external) == ("month", None, {})
    assert [change.what for change in crm.history(plain)] == ["started"]


def test_every_problem_is_told_at_once(crm: CRM, ada: Contact) -> None:
    """Those of its values, then those of its days."""
    wrong: dict[str, Any] = {"customer": 5, "amount": -1, "started_on": "then", "interval": 5, "renews_on": 5}
    found = refused(lambda: crm.subscriptions.start(**wrong))
    assert sorted(found) == ["amount", "customer", "interval", "renews_on", "started_on"]

    told: dict[str, Any] = {"customer": ada, "amount": 1, "started_on": "2026-01-31"}
    disordered = {"renews_on": "2026-01-31", "ended_on": "2026-01-30", "interval": "fortnight"}
    assert refused(lambda: crm.subscriptions.add(**told, **disordered)) == ["renews_on", "ended_on", "interval"]
    assert refused(lambda: crm.subscriptions.start(**{**told, "customer": "contact_0"})) == ["customer"]
    assert refused(lambda: crm.subscriptions.start(**{**told, "product": "product_0"})) == ["product"]


def test_one_that_has_ended_is_added(crm: CRM, ada: Contact) -> None:
    """Also by upsert and load."""
    told: dict[str, Any] = {"amount": 1, "started_on": "2026-01-31", "ended_on": "2026-03-01"}
    crm.subscriptions.add(customer=ada, **told)
    crm.subscriptions.upsert(("billing", "1"), customer=ada.id, **told)
    rows = [
        {"id": "2", "customer": ada.id, "amount": "1", "started_on": "2026-02-01", "interval": "week", "ended_on": ""},
        {"id": "3", "customer": ada.id, "amount": "1", "started_on": "2026-02-01", "interval": "era", "ended_on": ""},
    ]
    report = crm.subscriptions.load(rows, key="id")

    assert len(report.rejections) == 1
    assert [one.ended_on for one in crm.subscriptions.of(ada)] == [date(2026, 3, 1), date(2026, 3, 1), None]
    with pytest.raises(NotAllowed, match="reinstate"):
        crm.subscriptions.upsert(("billing", "1"), ended_on=None)


def test_the_subscriptions_of_a_customer_come_oldest_first(crm: CRM, ada: Contact) -> None:
    """Theirs alone."""
    acme = crm.accounts.add(name="Acme")
    for customer, day in ((ada, "2026-03-01"), (ada, "2026-01-01"), (acme, "2026-02-01")):
        crm.subscriptions.start(customer=customer, amount=1, started_on=day)

    assert [one.started_on.isoformat() for one in crm.subscriptions.of(ada)] == ["2026-01-01", "2026-03-01"]
    assert len(crm.subscriptions.of(acme.id)) == 1


# --- in force ---------------------------------------------------------------------------------------------------------


def test_it_serves_from_its_first_day_to_the_first_not_served(crm: CRM, monthly: Subscription) -> None:
    """Half-open, and without an end for ever."""
    assert [monthly.serves(day) for day in ("2026-01-30", "2026-01-31", "2099-01-01")] == [False, True, True]
    ended = crm.subscriptions.end(monthly, on="2026-06-01")
    assert [ended.serves(day) for day in (date(2026, 5, 31), date(2026, 6, 1))] == [True, False]
    with pytest.raises(Invalid):
        ended.serves("soon")


def test_it_ends_once(crm: CRM, monthly: Subscription) -> None:
    """At any day from its first; today unless said otherwise."""
    assert refused(lambda: crm.subscriptions.end(monthly, on="2026-01-30")) == ["on"]
    assert refused(lambda: crm.subscriptions.end(monthly, on="soon")) == ["on"]
    ended = crm.subscriptions.end(monthly)
    assert ended.ended_on == date(2026, 11, 2)
    with pytest.raises(NotAllowed, match="reinstate"):
        crm.subscriptions.end(ended, on="2026-12-01")
    back = crm.subscriptions.reinstate(ended)
    assert (back.ended_on, back.renews_on) == (None, monthly.renews_on)
    with pytest.raises(NotAllowed, match="no end"):
        crm.subscriptions.reinstate(back)
    assert crm.subscriptions.end(back, on="2026-01-31").serves("2026-01-31") is False


def test_it_may_end_on_a_day_to_come(crm: CRM, monthly: Subscription) -> None:
    """Until then it renews and can be repriced."""
    ending = crm.subscriptions.end(monthly, on="2026-12-31")
    assert crm.subscriptions.reprice(ending, amount=15).amount == Money(15, "USD")
    renewed = crm.subscriptions.renew(ending.id)
    assert renewed.renews_on == date(2026, 3, 31)
    renewed = crm.subscriptions.renew(renewed, until="2026-12-31")
    with pytest.raises(NotAllowed, match="before it would renew"):
        crm.subscriptions.renew(renewed)


def test_its_price_changes_from_now_on(crm: CRM, monthly: Subscription, clock: TickingClock) -> None:
    """What it was before is kept."""
    clock.now = datetime(2026, 11, 5, tzinfo=UTC)
    assert crm.subscriptions.reprice(monthly, amount="15").amount == Money(15, "USD")
    assert crm.as_of("2026-11-04").subscriptions.get(monthly.id).amount == Money("12.50", "USD")
    assert refused(lambda: crm.subscriptions.reprice(monthly.id, amount=-1)) == ["amount"]
    crm.subscriptions.end(monthly.id)
    with pytest.raises(NotAllowed, match="has ended"):
        crm.subscriptions.reprice(monthly.id, amount=1)


def test_only_acts_write_its_terms(crm: CRM, monthly: Subscription) -> None:
    """The refusal names them."""
    with pytest.raises(NotAllowed) as caught:
        crm.subscriptions.update(monthly, amount=1)
    assert {"end", "reinstate", "renew", "reprice"} <= {*caught.value.possible}


# --- renewal ----------------------------------------------------------------------------------------------------------


def test_terms_are_counted_from_the_first_day(crm: CRM, monthly: Subscription) -> None:
    """31 January renews on 28 February, and on 31 March."""
    days = []
    for _ in range(3):
        monthly = crm.subscriptions.renew(monthly)
        days.append(monthly.renews_on)

    assert days == [date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)]


@pytest.mark.parametrize(
    ("interval", "due", "after"),
    [
        ("week", "2026-02-07", "2026-02-14"),
        ("week", "2026-02-09", "2026-02-14"),
        ("month", "2026-02-15", "2026-02-28"),
        ("quarter", "2026-04-30", "2026-07-31"),
        ("quarter", "2026-06-15", "2026-07-31"),
        ("year", "2027-01-31", "2028-01-31"),
        ("year", "2026-06-15", "2027-01-31"),
    ],
)
def test_a_term_lasts_to_the_next_whole_interval(crm: CRM, ada: Contact, interval: str, due: str, after: str) -> None:
    """Also when one was cut short."""
    told: dict[str, Any] = {"customer": ada, "amount": 1, "interval": interval, "started_on": "2026-01-31"}
    found = crm.subscriptions.start(**told, renews_on=due)

    assert crm.subscriptions.renew(found).renews_on == date.fromisoformat(after)


def test_a_term_may_be_of_any_length(crm: CRM, ada: Contact, monthly: Subscription) -> None:
    """Beyond the last one; the first must be said."""
    assert crm.subscriptions.renew(monthly, until="2026-06-15").renews_on == date(2026, 6, 15)
    for until in ("2026-06-15", "2026-01-01", "soon"):
        assert refused(lambda day=until: crm.subscriptions.renew(monthly.id, until=day)) == ["until"]  # type: ignore[misc]
    endless = crm.subscriptions.start(customer=ada, amount=1, started_on="2026-01-31")
    assert refused(lambda: crm.subscriptions.renew(endless)) == ["until"]
    assert refused(lambda: crm.subscriptions.renew(endless, until="2026-01-31")) == ["until"]
    assert crm.subscriptions.renew(endless, until="2027-01-31").renews_on == date(2027, 1, 31)
    assert crm.subscriptions.count(F.renews_on >= "2027-01-01") == 1


def test_what_has_ended_is_not_renewed(crm: CRM, ada: Contact) -> None:
    """With a term or without."""
    for told in ({"renews_on": "2026-02-28"}, {}):
        found = crm.subscriptions.add(customer=ada, amount=1, started_on="2026-01-31", ended_on="2026-02-28", **told)  # type: ignore[arg-type]
        with pytest.raises(NotAllowed, match="reinstate"):
            crm.subscriptions.renew(found, until="2026-03-31")


@pytest.mark.parametrize("interval", ["week", "month", "quarter", "year"])
def test_a_term_ends_with_the_calendar(crm: CRM, ada: Contact, interval: str) -> None:
    """After the year 9999 there is no day to renew on."""
    told: dict[str, Any] = {"started_on": date(2026, 1, 31), "renews_on": date.max, "interval": interval}
    found = crm.subscriptions.add(customer=ada, amount=1, **told)
    with pytest.raises(Invalid, match="9999"):
        crm.subscriptions.renew(found)


# --- told late --------------------------------------------------------------------------------------------------------


def test_what_is_told_late_must_fit_what_came_after(crm: CRM, monthly: Subscription, clock: TickingClock) -> None:
    """An end before a renewal would have prevented it; a note of another field would not."""
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    crm.subscriptions.renew(monthly)
    crm.subscriptions.update(monthly.id, external={"billing": "1"})
    clock.now = datetime(2026, 11, 20, tzinfo=UTC)
    with pytest.raises(NotAllowed, match="renewed"):
        crm.given(at="2026-11-05").subscriptions.end(monthly.id)
    assert crm.given(at="2026-11-15").subscriptions.end(monthly.id).ended_on == date(2026, 11, 15)


def test_a_late_end_passes_what_does_not_rest_on_it(crm: CRM, monthly: Subscription, clock: TickingClock) -> None:
    """Such as a deleted and restored record, or another product."""
    product = crm.products.add(name="Newsletter")
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    crm.subscriptions.update(monthly, product=product.id)
    clock.now = datetime(2026, 11, 20, tzinfo=UTC)

    assert crm.given(at="2026-11-05").subscriptions.end(monthly.id).ended_on == date(2026, 11, 5)


# --- laws -------------------------------------------------------------------------------------------------------------


@given(
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.sampled_from(["month", "quarter", "year"]),
    st.integers(1, 24),
)
def test_renewing_again_and_again_is_counting_from_the_first_day(began: date, interval: str, times: int) -> None:
    """No day is lost in short months."""
    months = {"month": 1, "quarter": 3, "year": 12}[interval]
    crm = CRM()
    told: dict[str, Any] = {"customer": crm.contacts.add(name="Ada"), "amount": 1, "interval": interval}
    found = crm.subscriptions.start(**told, started_on=began, renews_on=add_months(began, months))
    for _ in range(times):
        found = crm.subscriptions.renew(found)

    assert found.renews_on == add_months(began, months * (times + 1))


@given(
    st.dates(date(2020, 1, 1), date(2021, 1, 1)),
    st.integers(1, 1000),
    st.sampled_from(["week", "month", "quarter", "year"]),
)
def test_a_renewal_is_the_first_whole_interval_after_the_one_due(began: date, days: int, interval: str) -> None:
    """Whenever that was."""
    crm, due = CRM(), began + timedelta(days=days)
    told: dict[str, Any] = {"customer": crm.contacts.add(name="Ada"), "amount": 1, "interval": interval}
    after = crm.subscriptions.renew(crm.subscriptions.start(**told, started_on=began, renews_on=due)).renews_on

    months = {"month": 1, "quarter": 3, "year": 12}.get(interval)
    whole = (
        (began + timedelta(days=7 * times) if months is None else add_months(began, months * times))
        for times in range(200)
    )
    assert after == next(one for one in whole if one > due)
