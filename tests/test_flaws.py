"""Flaws: what is wrong with a record as a whole is refused, whoever writes it, and also when the past changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Account, Invalid, Money
from crmcore.kernel import Desk, Record, field, record
from crmcore.kernel.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock


@record("hall")
class Hall(Record):
    """A hall that sells seats."""

    seats: int = field()
    sold: int = field(default=0)

    def flaws(self) -> Iterable[Problem]:
        """It sells no more than it has."""
        if self.sold > self.seats:
            yield Problem("sold", self.sold, f"at most {self.seats}", "sell fewer")


@record("hut")
class Hut(Record):
    """A record that calls a field what others call their rules."""

    flaws: str = field()  # type: ignore[assignment]


@pytest.fixture
def halls(open_crm: Callable[..., CRM]) -> Desk[Hall]:
    """The desk of the halls."""
    return open_crm(kinds=[Hall, Hut]).desk(Hall)


def test_a_rule_of_ones_own_kind_is_held_by_every_way_to_write(halls: Desk[Hall]) -> None:
    """Adding, updating, upserting, loading, batches and bare commits."""
    crm: Any = halls.front
    one = halls.add(seats=2, sold=2)
    bare = halls.propose(halls.revise, one, fields={"sold": 3})

    def batched() -> None:
        with crm.batch() as batch:
            batch.halls.update(one, seats=3, sold=3)
            batch.halls.update(one.id, seats=2)

    for way in (
        lambda: halls.add(seats=1, sold=2),
        lambda: halls.update(one, seats=1),
        lambda: halls.upsert(("erp", "1"), seats=1, sold=2),
        lambda: crm.commit(bare),
        batched,
    ):
        with pytest.raises(Invalid, match=r"sold: got ., expected at most .; sell fewer"):
            way()
    assert halls.find().items == (one,)


def test_rows_with_a_flaw_are_left_out(halls: Desk[Hall]) -> None:
    """New ones and known ones; the others are taken."""
    known = halls.add(seats=2, sold=2, external={"csv": "1"})
    rows = [{"id": "1", "seats": "1", "sold": ""}, {"id": "2", "seats": "1", "sold": "2"}, {"id": "3", "seats": "4"}]
    report = halls.load(rows, key="id")

    assert [(one.row, one.column) for one in report.rejections] == [(1, "sold"), (2, "sold")]
    assert (halls.get(known.id), halls.count()) == (known, 2)


def test_what_was_flawed_before_may_be_changed_otherwise(halls: Desk[Hall]) -> None:
    """Such as a record that is older than the rule; and nothing is asked of a deleted one."""
    context = halls.front.context("")
    older = halls.ready(context.created(Hall, "added", seats=1, sold=2))
    halls.front.store.commit([older], id="commit_old", recorded_at=context.at)
    old = halls.update(older.id, sold=3)
    assert halls.restore(halls.delete(old)).sold == 3
    fine = halls.update(old.id, seats=5)
    with pytest.raises(Invalid, match="sell fewer"):
        halls.update(fine, seats=1)


def test_a_late_change_never_leads_into_a_flaw(halls: Desk[Hall], clock: TickingClock) -> None:
    """At any time since, though all is well by now."""
    crm: Any = halls.front
    one = halls.add(seats=2)
    clock.now = "2026-11-04T09:00Z"
    halls.update(one, sold=2)
    clock.now = "2026-11-05T09:00Z"
    halls.update(one.id, sold=0)

    late = crm.given(at="2026-11-03").halls
    with pytest.raises(Invalid, match="sold: got 2, expected at most 1"):
        late.update(one.id, seats=1)
    assert late.update(one.id, seats=3).seats == 3


def test_a_field_may_be_called_flaws(halls: Desk[Hall]) -> None:
    """Then the kind has no rules."""
    crm: Any = halls.front
    assert crm.huts.add(flaws="leaks").flaws == "leaks"


def test_contacts_and_leads_keep_something_to_call_them_by(crm: CRM, clock: TickingClock) -> None:
    """Though what is taken away late was not the last of it then."""
    told = {"name": "Ada", "email": "ada@engines.example"}
    ada, lead = crm.contacts.add(**told), crm.leads.add(**told)
    clock.now = "2026-11-05T09:00Z"
    crm.contacts.update(ada, name=None)
    crm.leads.update(lead, name=None)
    clock.now = "2026-11-06T09:00Z"

    for desk, one in ((crm.contacts, ada), (crm.leads, lead)):
        with pytest.raises(Invalid, match=r"to call the contact by|to know the lead by"):
            desk.update(one.id, email=None)
        late: Any = crm.given(at="2026-11-03").desk(type(one))
        with pytest.raises(Invalid, match=r"to call the contact by|to know the lead by"):
            late.update(one.id, email=None)
        assert late.update(one.id, phones={"home": "1"}).phones == {"home": "1"}
        assert late.update(one.id, email=None).email is None


def test_an_order_keeps_one_currency(crm: CRM, clock: TickingClock) -> None:
    """Though its amount was set after the time that lines are told of."""
    acme = crm.accounts.add(name="Acme")
    order = crm.orders.add(customer=acme, ordered_on="2026-10-31", lines=[{"price": 5}])
    clock.now = "2026-11-05T09:00Z"
    crm.orders.update(order, amount=4)
    clock.now = "2026-11-06T09:00Z"

    late = crm.given(at="2026-11-03").orders
    with pytest.raises(Invalid, match="one currency in an order"):
        late.update(order.id, lines=[{"price": Money("9", "EUR")}])
    assert late.update(order.id, lines=[{"price": 9}]).amount == Money(4, "USD")


def test_a_record_without_rules_has_no_flaws() -> None:
    """Whatever it holds."""
    assert [*Account(id="account_1", name="").flaws()] == []
