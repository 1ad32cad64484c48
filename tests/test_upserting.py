"""Upserting: the same said again changes nothing, whoever says it, and however it is said."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Contact, Duplicate, Invalid, Money, NotAllowed
from crmcore.kernel import EMPTY, Change, Context, Desk, Record, act, field, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crmcore.testing import TickingClock


@pytest.fixture
def said(crm: CRM) -> dict[str, dict[str, Any]]:
    """What each desk may be told, records among it."""
    acme, ben = crm.accounts.add(name="Acme"), crm.contacts.add(name="Ben")
    rope, ana = crm.products.add(name="Rope"), crm.staff.add(name="Ana")
    deal = crm.opportunities.add(name="Roof")
    line = {"product": rope, "price": "5"}
    return {
        "accounts": {"name": "Bolt", "parent": acme, "owner": ana, "emails": {"a": "a@b.example"}},
        "affiliations": {"contact": ben, "account": acme, "role": "buyer"},
        "contacts": {"name": "Ada", "account": acme, "role": "buyer", "since": "2026-01-01", "owner": ana},
        "leads": {"given_name": "Ada", "family_name": "King", "consents": {"email": "granted"}},
        "notes": {"record": acme, "text": "called"},
        "opportunities": {"name": "Roof", "account": acme, "contact": ben, "stage": "proposal", "pipeline": None},
        "orders": {"customer": acme, "ordered_on": "2026-10-31", "lines": [line], "amount": None, "opportunity": deal},
        "products": {"name": "Hook"},
        "staff": {"name": "Bo"},
        "subscriptions": {"customer": ben, "product": rope, "amount": 5, "started_on": "2026-01-01"},
        "tags": {"name": "VIP"},
        "touchpoints": {"record": ben, "channel": "phone", "direction": None},
    }


DESKS = (
    *("accounts", "affiliations", "contacts", "leads", "notes", "opportunities"),
    *("orders", "products", "staff", "subscriptions", "tags", "touchpoints"),
)


@pytest.mark.parametrize("plural", DESKS)
def test_the_same_again_changes_nothing(crm: CRM, said: dict[str, dict[str, Any]], plural: str) -> None:
    """References may be records or their ids."""
    desk: Desk[Any] = getattr(crm, plural)
    first = desk.upsert(("erp", "1"), **said[plural])
    end = crm.store.last()
    ids = {name: value.id if isinstance(value, Record) else value for name, value in said[plural].items()}

    assert desk.upsert(("erp", "1"), **said[plural]) == desk.upsert(("erp", "1"), **ids) == first
    assert crm.given(by="ana").desk(type(first)).upsert(("erp", "1"), **ids) == first
    assert crm.store.last() == end


def test_references_are_records_wherever_fields_are_given(crm: CRM) -> None:
    """In updates and in parts of records; one of another kind is none."""
    acme, rope = crm.accounts.add(name="Acme"), crm.products.add(name="Rope")
    bolt = crm.accounts.update(crm.accounts.add(name="Bolt"), parent=acme)
    order = crm.orders.add(customer=acme, ordered_on="2026-10-31", lines=[{"product": rope, "price": 5}])

    assert bolt.parent == acme.id
    assert order.lines[0].product == rope.id
    assert crm.orders.update(order, customer=bolt).customer == bolt.id
    with pytest.raises(Invalid, match=r"parent: .* the id of a live account"):
        crm.accounts.update(bolt, parent=rope)
    with pytest.raises(Invalid, match=r"name: .* expected text"):
        crm.accounts.update(bolt, name=rope)


# --- contacts ---------------------------------------------------------------------------------------------------------


def belonging(crm: CRM, contact: Contact) -> list[tuple[str, str | None, date | None]]:
    """Where somebody belongs, as what, and since when."""
    return [(one.account, one.role, one.since) for one in crm.affiliations.of(contact)]


def test_a_contact_told_of_at_another_account_belongs_to_that_too(crm: CRM) -> None:
    """And first of all; in one commit with everything else that is new."""
    acme, bolt = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bolt")
    ada = crm.contacts.upsert(("hs", "1"), name="Ada", account=acme, role="buyer")
    moved = crm.contacts.upsert(("hs", "1"), name="Ada King", account=bolt, since="2026-01-01")

    assert (moved.name, moved.account, moved.version) == ("Ada King", bolt.id, 2)
    assert crm.history(moved)[-1].what == "affiliated"
    assert belonging(crm, ada) == [(acme.id, "buyer", None), (bolt.id, None, date(2026, 1, 1))]
    assert crm.contacts.upsert(("hs", "1"), account=bolt.id) == moved
    back = crm.contacts.upsert(("hs", "1"), account=acme)
    assert (back.account, len(crm.affiliations.of(ada))) == (acme.id, 2)
    assert crm.verify()


def test_a_role_told_otherwise_is_corrected(crm: CRM) -> None:
    """The contact is left alone."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.upsert(("hs", "1"), name="Ada", account=acme, role="buyer")

    assert crm.contacts.upsert(("hs", "1"), account=acme, role="user", since="2026-01-01") == ada
    assert belonging(crm, ada) == [(acme.id, "user", date(2026, 1, 1))]
    with pytest.raises(Invalid, match=r"since: .* a day that has come"):
        crm.contacts.upsert(("hs", "1"), account=acme, since="2027-01-01")
    with pytest.raises(Invalid, match=r"role: .* an account along with it"):
        crm.contacts.upsert(("hs", "1"), role="user")
    with pytest.raises(Invalid, match=r"account: .* a record or its id"):
        crm.contacts.upsert(("hs", "1"), account=7)


def test_who_comes_back_does_so_now(crm: CRM, clock: TickingClock) -> None:
    """What has ended stays ended."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.upsert(("hs", "1"), name="Ada", account=acme)
    crm.contacts.leave(ada, acme)
    clock.now = "2026-11-05T09:00Z"
    crm.contacts.upsert(("hs", "1"), account=acme)

    assert [(one.since, one.until) for one in crm.affiliations.of(ada)] == [
        (None, date(2026, 11, 2)),
        (date(2026, 11, 5), None),
    ]


def test_a_contact_may_be_told_of_as_of_another_day(crm: CRM, clock: TickingClock) -> None:
    """They belong to the account since then; and what is said of them stands beside what came later."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.upsert(("hs", "1"), name="Ada")
    clock.now = "2026-11-05T09:00Z"
    crm.contacts.update(ada, name="Ada King")
    clock.now = "2026-11-06T09:00Z"
    late = crm.given(at="2026-11-03").contacts.upsert(("hs", "1"), name="Ada L", phone="1", account=acme)

    assert (late.name, late.phone, late.account) == ("Ada King", "1", acme.id)
    assert crm.as_of("2026-11-04").contacts.of(acme)[0].name == "Ada L"
    again = crm.given(at="2026-11-04").contacts.upsert(("hs", "1"), account=acme, role="buyer")
    assert (again, belonging(crm, ada)) == (late, [(acme.id, "buyer", None)])


# --- other desks ------------------------------------------------------------------------------------------------------


def test_what_only_acts_write_is_refused_when_it_is_told_otherwise(crm: CRM) -> None:
    """The refusal names them."""
    crm.opportunities.upsert(("erp", "1"), name="Roof", stage="proposal")
    with pytest.raises(NotAllowed, match="acts do: advance"):
        crm.opportunities.upsert(("erp", "1"), name="Roof", stage="negotiation")
    with pytest.raises(Invalid, match=r"nane: .* did you mean name"):
        crm.opportunities.upsert(("erp", "1"), nane="Roof")


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field()
    takes: int = field(default=1)


def plan(
    context: Context[None], *, city: str, hall: str, takes: int | None = None, external: Mapping[str, str] = EMPTY
) -> Change[Shoot]:
    """Plan a day."""
    told = {} if takes is None else {"takes": takes}
    return context.created(Shoot, "planned", place=f"{hall}, {city}", **told, external=external)


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    add = act(plan)  # type: ignore[assignment]


def test_arguments_that_are_no_fields_say_nothing_of_a_record_that_is_there(open_crm: Callable[..., CRM]) -> None:
    """And None nothing of a field that can't be missing."""
    shoots: Desk[Shoot] = open_crm(kinds={Shoot: ShootDesk}).desk(Shoot)

    def upserted(**rest: Any) -> Shoot:  # noqa: ANN401 - any field's value
        return shoots.upsert(("erp", "1"), city="Rome", hall="A", **rest)

    first = upserted()
    assert upserted(takes=None) == first
    assert upserted(takes=2).takes == 2


# --- races ------------------------------------------------------------------------------------------------------------


def test_of_two_who_add_it_at_once_the_second_updates(open_crm: Callable[..., CRM]) -> None:
    """Though neither saw it when they looked."""
    one, other = open_crm(), open_crm()
    looked = one.accounts.front.store.holders

    def slow(*arguments: Any, **rest: Any) -> Any:  # noqa: ANN401 - as the store has it
        found = looked(*arguments, **rest)
        if not other.accounts.exists():
            other.accounts.upsert(("hs", "1"), name="Acme", website="acme.example")
        return found

    one.store.holders = slow  # type: ignore[method-assign]
    acme = one.accounts.upsert(("hs", "1"), name="Acme Ltd")

    assert (acme.name, acme.website, acme.version) == ("Acme Ltd", "acme.example", 2)
    assert one.accounts.count() == 1


def test_a_unique_value_of_another_record_stays_a_duplicate(crm: CRM) -> None:
    """Whether the record is new or known."""
    crm.accounts.add(name="Acme", number="7")
    with pytest.raises(Duplicate, match="number"):
        crm.accounts.upsert(("hs", "1"), name="Bolt", number="7")
    crm.accounts.upsert(("hs", "1"), name="Bolt")
    with pytest.raises(Duplicate, match="number"):
        crm.accounts.upsert(("hs", "1"), number="7")


def test_an_upsert_under_a_key_gives_the_same_again(crm: CRM) -> None:
    """Of a new contact, of a known one, and of one whose account changes."""
    acme, amount = crm.accounts.add(name="Acme"), Money(5, "USD")
    first = crm.given(key="a").contacts.upsert(("hs", "1"), name="Ada", account=acme)
    assert crm.given(key="a").contacts.upsert(("hs", "1"), name="Ada", account=acme) == first
    bolt = crm.accounts.add(name="Bolt")
    moved = crm.given(key="b").contacts.upsert(("hs", "1"), account=bolt)
    crm.contacts.update(moved, phone="1")
    assert crm.given(key="b").contacts.upsert(("hs", "1"), account=bolt) == moved
    deal = crm.given(key="c").opportunities.upsert(("hs", "1"), name="Roof", amount=amount)
    assert crm.given(key="c").opportunities.upsert(("hs", "1"), name="Roof", amount=amount) == deal
