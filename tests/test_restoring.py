"""Restoring: what comes back must refer to what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crmcore import CRM, Invalid
from crmcore.kernel import Desk, Record, field, record

if TYPE_CHECKING:
    from collections.abc import Callable


@record("visit")
class Visit(Record):
    """A visit, which may follow another one."""

    place: str = field()
    after: str | None = field(default=None, references="visit")


def merged(desk: Desk[Visit], one: Visit, into: Visit) -> None:
    """Merge a visit into another."""
    context = desk.front.context("")
    change = context.changed(one, "merged", merged_into=into.id, deleted_at=context.at)
    desk.front.commit([desk.ready(change)])


def test_what_refers_to_something_deleted_does_not_come_back(crm: CRM) -> None:
    """Not by restore, nor by undo, nor in parts; first the other, then it."""
    acme, rope = crm.accounts.add(name="Acme"), crm.products.add(name="Rope")
    call = crm.touchpoints.log(acme, channel="phone")
    order = crm.orders.add(customer=acme, ordered_on="2026-10-31", lines=[{"product": rope, "price": 5}])
    for desk, one in ((crm.touchpoints, call), (crm.orders, order), (crm.accounts, acme), (crm.products, rope)):
        desk.delete(one)  # type: ignore[attr-defined]

    with pytest.raises(Invalid, match=f"record: got '{acme.id}', expected the id of a live account; restore {acme.id}"):
        crm.touchpoints.restore(call.id)
    with pytest.raises(Invalid, match=r"(?s)customer: .*lines\[0\].product: "):
        crm.orders.restore(order.id)
    with pytest.raises(Invalid, match=r"record: .* restore account_"):
        crm.undo(crm.history(call)[-1].commit)
    crm.accounts.restore(acme.id)
    assert crm.touchpoints.restore(call.id).record == acme.id
    crm.products.restore(rope.id)
    assert crm.orders.restore(order.id).lines[0].product == rope.id


def test_what_was_deleted_together_comes_back_together(crm: CRM) -> None:
    """By undoing the commit."""
    acme = crm.accounts.add(name="Acme")
    note = crm.notes.add(acme, "called")
    with crm.batch() as batch:
        batch.notes.delete(note)
        batch.accounts.delete(acme)
    crm.undo(crm.history(acme)[-1].commit)

    assert [one.id for one in crm.notes.of(acme)] == [note.id]


def test_a_tag_that_is_gone_keeps_nobody_away(crm: CRM) -> None:
    """It is shown again when it comes back itself."""
    acme = crm.tags.put("VIP", crm.accounts.add(name="Acme"))
    (vip,) = crm.tags.of(acme)
    crm.accounts.delete(acme)
    crm.tags.delete(vip)
    assert crm.tags.of(crm.accounts.restore(acme.id)) == ()
    vip = crm.tags.restore(vip.id)
    assert crm.tags.of(acme) == (vip,)


def test_a_reference_to_what_was_merged_leads_on(open_crm: Callable[..., CRM]) -> None:
    """As long as what it was merged into is there; one may be merged into what is live only."""
    visits: Desk[Visit] = open_crm(kinds=[Visit]).desk(Visit)
    one, other = visits.add(place="Rome"), visits.add(place="Oslo")
    then = visits.delete(visits.add(place="Bonn", after=one))
    merged(visits, one, other)
    assert visits.restore(then.id).after == one.id
    visits.delete(then.id)
    visits.delete(other)
    with pytest.raises(Invalid, match=f"after: .* restore {one.id} first"):
        visits.restore(then.id)
    with pytest.raises(Invalid, match=r"merged_into: .* the id of a live visit"):
        merged(visits, visits.add(place="Kiel"), other)


def test_of_a_kind_that_is_known_no_more_nothing_is_asked(open_crm: Callable[..., CRM]) -> None:
    """Nobody could restore it."""
    crm = open_crm(kinds=[Visit])
    note = crm.notes.delete(crm.notes.add(crm.desk(Visit).add(place="Rome"), "went well"))
    assert open_crm().notes.restore(note.id).text == "went well"


def test_a_record_restored_and_deleted_again_is_gone(crm: CRM) -> None:
    """In one batch, whose end is what counts."""
    acme = crm.accounts.add(name="Acme")
    note = crm.notes.delete(crm.notes.add(acme, "called"))
    with crm.batch() as batch:
        batch.notes.delete(batch.notes.restore(note.id))
        batch.accounts.delete(acme)
    assert crm.notes.count() == 0
