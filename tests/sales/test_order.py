"""Orders: what customers bought, as facts that add up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Contact, Duplicate, F, Invalid, MixedCurrency, Money, OrderLine, Playbook
from crmcore.kernel import Desk, Record, field, record
from crmcore.kernel.fields import part
from crmcore.kernel.frozen_map import EMPTY

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock


@pytest.fixture
def ada(crm: CRM) -> Contact:
    """A customer."""
    return crm.contacts.add(name="Ada")


def refused(act: Callable[[], object]) -> list[str]:
    """Where an act finds problems."""
    with pytest.raises(Invalid) as caught:
        act()
    return [problem.path for problem in caught.value.problems]


def line(price: str, quantity: str = "1", currency: str = "USD") -> OrderLine:
    """A line of an order."""
    return OrderLine(price=Money(price, currency), quantity=Decimal(quantity))


# --- placing ----------------------------------------------------------------------------------------------------------


def test_an_order_holds_what_it_is_added_with(crm: CRM, ada: Contact) -> None:
    """Records or ids, lines as parts or mappings."""
    acme, product = crm.accounts.add(name="Acme"), crm.products.add(name="Rope")
    deal = crm.opportunities.add(name="Ropes")
    order = crm.orders.add(
        customer=acme,
        ordered_on="2026-10-31",
        lines=[line("10.00", "3"), {"name": "Rope", "product": product.id, "price": "1.25", "quantity": "2.5"}],
        number="2026-17",
        opportunity=deal,
        external={"shop": "17"},
    )

    assert (order.customer, order.opportunity, order.number) == (acme.id, deal.id, "2026-17")
    assert order.ordered_on == date(2026, 10, 31)
    assert [one.amount for one in order.lines] == [Money("30.00", "USD"), Money("3.12", "USD")]
    assert order.amount == Money("33.12", "USD")
    assert crm.orders.add(customer=ada.id, ordered_on=date(2026, 11, 2), opportunity=deal.id, amount=5).lines == ()
    assert [change.what for change in crm.history(order)] == ["placed"]


def test_an_amount_that_is_given_stands(crm: CRM, ada: Contact) -> None:
    """A discount, or postage."""
    order = crm.orders.add(customer=ada, ordered_on="2026-10-31", lines=[line("10.00", "3")], amount="25")

    assert order.amount == Money("25.00", "USD")


def test_a_return_is_below_zero(crm: CRM, ada: Contact) -> None:
    """By its quantity, its price, or as a whole."""
    told: dict[str, Any] = {"customer": ada, "ordered_on": "2026-10-31"}

    assert crm.orders.add(**told, lines=[line("10.00", "-1")]).amount == Money("-10.00", "USD")
    assert crm.orders.add(**told, lines=[line("-10.00")]).amount == Money("-10.00", "USD")
    assert crm.orders.add(**told, amount=-10).amount == Money("-10.00", "USD")


def test_an_order_needs_lines_or_an_amount(crm: CRM, ada: Contact) -> None:
    """What was bought for nothing has an amount of 0."""
    assert refused(lambda: crm.orders.add(customer=ada, ordered_on="2026-10-31")) == ["amount"]
    assert refused(lambda: crm.orders.add(customer=ada, ordered_on="2026-10-31", lines=())) == ["amount"]
    assert not crm.orders.add(customer=ada, ordered_on="2026-10-31", amount=0).amount


def test_every_problem_of_an_order_is_told_at_once(crm: CRM, ada: Contact) -> None:
    """Those of its values, then those of the whole."""
    wrong: dict[str, Any] = {"customer": 5, "ordered_on": "then", "lines": [{"price": "x"}], "amount": "much"}
    assert refused(lambda: crm.orders.add(**wrong)) == ["customer", "ordered_on", "lines[0].price", "amount"]
    assert refused(lambda: crm.orders.add(customer=ada, ordered_on=None, amount=5)) == ["ordered_on"]  # type: ignore[arg-type]

    told: dict[str, Any] = {"customer": ada, "ordered_on": "2026-11-03", "lines": [line("1", "0"), line("1", "0.0")]}
    assert refused(lambda: crm.orders.add(**told)) == ["ordered_on", "lines[0].quantity", "lines[1].quantity"]
    with pytest.raises(MixedCurrency) as caught:
        crm.orders.add(**{**told, "lines": [line("1", "0"), line("1", currency="EUR")]})
    assert [one.path for one in caught.value.problems] == ["ordered_on", "lines[0].quantity", "currency"]


def test_an_order_is_of_one_currency(crm: CRM, ada: Contact) -> None:
    """Its lines and its amount, whichever that is."""
    told: dict[str, Any] = {"customer": ada, "ordered_on": "2026-10-31"}
    with pytest.raises(MixedCurrency, match="EUR and USD"):
        crm.orders.add(**told, lines=[line("1", currency="EUR")], amount=5)

    assert crm.orders.add(**told, lines=[line("5", currency="EUR")]).amount == Money("5", "EUR")


def test_today_is_that_of_the_business(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """In Auckland it is tomorrow already."""
    clock.now = datetime(2026, 11, 2, 20, tzinfo=UTC)
    crm = open_crm(playbook=Playbook(zone="Pacific/Auckland"))
    ada = crm.contacts.add(name="Ada")

    assert crm.orders.add(customer=ada, ordered_on="2026-11-03", amount=5).ordered_on == date(2026, 11, 3)
    assert refused(lambda: crm.orders.add(customer=ada, ordered_on="2026-11-04", amount=5)) == ["ordered_on"]


def test_no_two_live_orders_share_a_number(crm: CRM, ada: Contact) -> None:
    """As in the books."""
    crm.orders.add(customer=ada, ordered_on="2026-10-31", amount=5, number="1")
    with pytest.raises(Duplicate):
        crm.orders.add(customer=ada, ordered_on="2026-10-31", amount=5, number="1")


def test_the_customer_must_be_there(crm: CRM) -> None:
    """And be a contact or an account."""
    for customer in ("contact_0", "account_0", crm.products.add(name="Rope"), "nobody"):
        assert refused(lambda who=customer: crm.orders.add(customer=who, ordered_on="2026-10-31", amount=5)) == [
            "customer"
        ]  # type: ignore[misc]


def test_the_products_of_the_lines_must_be_there(crm: CRM, ada: Contact) -> None:
    """Each is told by its place; one that is gone since may stay."""
    rope = crm.products.add(name="Rope")
    told: dict[str, Any] = {"customer": ada, "ordered_on": "2026-10-31"}
    lines: list[Any] = [{"price": 1, "product": rope.id}, {"price": 1, "product": "product_0"}, {"price": 2}]
    assert refused(lambda: crm.orders.add(**told, lines=lines)) == ["lines[1].product"]

    order = crm.orders.add(**told, lines=lines[:1])
    crm.products.delete(rope)
    order = crm.orders.update(order, lines=[lines[2], lines[0]])
    assert [one.product for one in order.lines] == [None, rope.id]
    assert refused(lambda: crm.orders.add(**told, lines=lines[:1])) == ["lines[0].product"]
    assert refused(lambda: crm.orders.update(order, lines=[{"price": 1, "product": ada.id}])) == ["lines[0].product"]


def test_upsert_and_load_record_orders(crm: CRM, ada: Contact) -> None:
    """A row that is no order is left out."""
    order = crm.orders.upsert(("shop", "1"), customer=ada.id, ordered_on="2026-10-31", lines=[{"price": "5"}])
    assert crm.orders.upsert(("shop", "1"), lines=[{"price": "6"}]).amount == Money(6, "USD")
    rows = [
        {"id": "2", "customer": ada.id, "ordered_on": "2026-10-30", "amount": "7"},
        {"id": "3", "customer": ada.id, "ordered_on": "2026-11-30", "amount": "7"},
        {"id": "4", "customer": ada.id, "ordered_on": "2026-10-29", "amount": ""},
    ]
    report = crm.orders.load(rows, key="id", system="shop")

    assert len(report.rejections) == 2
    assert [one.external["shop"] for one in crm.orders.of(ada)] == ["2", "1"]
    assert order.id == crm.orders.of(ada)[-1].id


def test_a_line_whose_price_is_no_money_has_no_amount() -> None:
    """It is read when an order is made of it."""
    with pytest.raises(Invalid, match="price: got 5, expected an amount of money"):
        _ = OrderLine(price=5).amount  # type: ignore[arg-type]


# --- changing and reading ---------------------------------------------------------------------------------------------


def test_the_amount_follows_the_lines_while_it_is_their_sum(crm: CRM, ada: Contact) -> None:
    """One that was given otherwise stays."""
    told: dict[str, Any] = {"customer": ada, "ordered_on": "2026-10-31", "lines": [line("10")]}
    summed, given_ = crm.orders.add(**told), crm.orders.add(**told, amount=8)

    assert crm.orders.update(summed, lines=[line("10"), line("5")]).amount == Money(15, "USD")
    assert crm.orders.update(given_, lines=[line("10"), line("5")]).amount == Money(8, "USD")
    assert crm.orders.update(summed.id, lines=[line("1", currency="EUR")]).amount == Money(1, "EUR")
    assert crm.orders.update(summed.id, lines=[]).amount == Money(1, "EUR")
    assert crm.orders.update(summed.id, lines=[line("7", currency="EUR")], amount=Money(6, "EUR")).amount.minor == 600


def test_an_update_is_held_to_the_same(crm: CRM, ada: Contact) -> None:
    """Nothing of it is written."""
    order = crm.orders.add(customer=ada, ordered_on="2026-10-31", lines=[line("10")])
    for fields, path in (
        ({"ordered_on": "2026-11-03"}, "ordered_on"),
        ({"lines": [line("10", "0")]}, "lines[0].quantity"),
        ({"amount": Money(10, "EUR")}, "currency"),
        ({"lines": [line("1", currency="EUR")], "amount": 1}, "currency"),
        ({"lines": [line("1"), line("1", currency="EUR")]}, "currency"),
        ({"amount": None}, "amount"),
        ({"colour": "red"}, "colour"),
    ):
        assert refused(lambda told=fields: crm.orders.update(order, **told)) == [path]  # type: ignore[misc]
    assert crm.orders.get(order.id) == order


def test_the_orders_of_a_customer_come_oldest_first(crm: CRM, ada: Contact, clock: TickingClock) -> None:
    """Theirs alone, and as of any day."""
    then = clock.now
    clock.now += timedelta(days=1)
    for day in ("2026-10-30", "2026-09-30", "2026-10-15"):
        crm.orders.add(customer=ada, ordered_on=day, amount=1)
    crm.orders.add(customer=crm.contacts.add(name="Ben"), ordered_on="2026-09-30", amount=1)

    assert [one.ordered_on.isoformat() for one in crm.orders.of(ada)] == ["2026-09-30", "2026-10-15", "2026-10-30"]
    assert crm.orders.of(ada.id) == crm.orders.of(ada)
    assert crm.as_of(then).orders.of(ada) == ()
    assert crm.orders.count(F.amount >= 1) == 4
    with pytest.raises(Invalid):
        crm.orders.of(5)  # type: ignore[arg-type]


# --- references in parts ----------------------------------------------------------------------------------------------


@part
class Stop:
    """A stop on a tour."""

    account: str | None = field(default=None, references="account")


@record("tour")
class Tour(Record):
    """A sales tour."""

    start: Stop | None = field(default=None)
    stops: Mapping[str, Stop] = field(default=EMPTY)


def test_references_in_single_and_named_parts_are_checked_too(open_crm: Callable[..., CRM]) -> None:
    """Each is told by its place."""
    crm = open_crm(kinds=[Tour])
    tours: Desk[Tour] = crm.desk(Tour)
    acme = crm.accounts.add(name="Acme")
    wrong = {"account": "account_0"}
    assert refused(lambda: tours.add(start=wrong, stops={"noon": wrong})) == ["start.account", "stops.noon.account"]

    tour = tours.add(start={"account": acme.id}, stops={"noon": {"account": acme.id}})
    crm.accounts.delete(acme)
    assert tours.update(tour, start=None, stops={"one": {"account": acme.id}}).stops["one"].account == acme.id
    assert refused(lambda: tours.update(tour.id, start={"account": acme.id})) == ["start.account"]


# --- laws -------------------------------------------------------------------------------------------------------------

prices = st.integers(-(10**9), 10**9).map(lambda minor: Money.of_minor(minor, "USD"))
quantities = st.decimals("-1000", "1000", places=3).filter(bool)
bought = st.lists(st.builds(OrderLine, price=prices, quantity=quantities), min_size=1, max_size=8)


@given(bought)
def test_the_amount_is_the_sum_of_the_rounded_lines_to_the_cent(lines: list[OrderLine]) -> None:
    """Each line is its price times its quantity, rounded half to even once."""
    crm = CRM()
    order = crm.orders.add(customer=crm.contacts.add(name="Ada"), ordered_on="2020-01-01", lines=lines)

    cents = [(one.price.amount * one.quantity).quantize(Decimal("0.01"), ROUND_HALF_EVEN) for one in order.lines]
    assert order.amount.amount == sum(cents)
    assert order.amount == sum((one.amount for one in order.lines), start=Money(0, "USD"))
