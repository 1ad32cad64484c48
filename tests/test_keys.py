"""Idempotency keys: whatever is done again under its key gives the first result, and is done once.

One law, told once: ``test_done_again_under_its_key`` walks over every desk and everything that it writes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field as dataclass_field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, cast

import attrs
import pytest

from crmcore import CRM, Conflict, F, Invalid, Money, NotAllowed, NotFound, Pipeline, Playbook, SalesRules, Stage
from crmcore.desks import Desks, Opened
from crmcore.kernel import Change, Context, Desk, Record, act, field, kind_of, part, record
from crmcore.kernel.acting import once
from crmcore.kernel.ports import Commit, Key
from crmcore.people import Account, Contact
from crmcore.sales import Lead, Opportunity, Subscription
from crmcore.stores.memory import MemoryStore

OpenCRM = Callable[..., CRM]
Do = Callable[[CRM], Any]

DESKS = {name: opened for name, opened in vars(Desks).items() if isinstance(opened, Opened)}
USED = "the key 'k' was used for another request"

READING = frozenset(
    {
        *("ancestors", "children", "converted_into", "count", "each", "exists", "external", "find", "first", "get"),
        *("history", "ids", "named", "of", "subtree", "unmapped", "uses"),
    }
)
"""What a desk is asked."""

INNER = frozenset(
    {
        *(
            "along",
            "belonging",
            "beside",
            "check_update",
            "checked",
            "conversion",
            "differing",
            "ground",
            "joins",
            "load",
        ),
        *("needed", "opening", "originate", "perform", "propose", "ready", "restated", "revise", "stated"),
    }
)
"""What acts are made of; and ``load``, which takes no key."""


@attrs.frozen
class Case:
    """Something to be done under a key.

    Attributes:
        same: The same request, told in every way.
        others: Requests that are not the same.
    """

    same: tuple[Do, ...]
    others: tuple[Do, ...]


def case(*same: Do, other: Do | tuple[Do, ...]) -> Case:
    """A case, with one other request or several."""
    return Case(same, other if isinstance(other, tuple) else (other,))


# --- every desk -------------------------------------------------------------------------------------------------------

FIELDS: dict[str, Callable[[CRM], dict[str, Any]]] = {
    "accounts": lambda _: {"name": "Acme"},
    "affiliations": lambda crm: {"contact": person(crm).id, "account": firm(crm).id},
    "contacts": lambda _: {"name": "Ada"},
    "leads": lambda _: {"name": "Ada"},
    "notes": lambda crm: {"record": firm(crm).id, "text": "called"},
    "opportunities": lambda _: {"name": "Roof"},
    "orders": lambda crm: {"customer": firm(crm).id, "ordered_on": "2026-01-05", "amount": 5},
    "products": lambda _: {"name": "Rope"},
    "staff": lambda _: {"name": "Ana"},
    "subscriptions": lambda crm: {"customer": firm(crm).id, "amount": 5, "started_on": "2026-01-05"},
    "tags": lambda _: {"name": "VIP"},
    "touchpoints": lambda crm: {"record": firm(crm).id, "channel": "phone"},
}
"""What a record is made of."""

CHANGED: dict[str, dict[str, Any]] = {
    **{
        name: {"name": "New"}
        for name in ("accounts", "contacts", "leads", "opportunities", "products", "staff", "tags")
    },
    "affiliations": {"role": "buyer"},
    "notes": {"text": "called again"},
    "orders": {"number": "4711"},
    "subscriptions": {"external.erp2": "9"},
    "touchpoints": {"topic": "pricing"},
}
"""What is changed of it."""


def desk(crm: CRM, plural: str) -> Desk[Any]:
    """The desk of a view."""
    return cast("Desk[Any]", getattr(crm, plural))


def person(crm: CRM) -> Contact:
    """A contact."""
    return crm.contacts.add(name="Ada")


def firm(crm: CRM) -> Account:
    """An account."""
    return crm.accounts.add(name="Acme")


def added(crm: CRM, plural: str) -> Case:
    """A record is added."""
    fields = FIELDS[plural](crm)
    return case(
        lambda crm: desk(crm, plural).add(**fields),
        lambda crm: desk(crm, plural).add(**dict(reversed(fields.items()))),
        other=(
            lambda crm: desk(crm, plural).add(**fields, external={"erp": "8"}),
            lambda crm: crm.staff.add(name="Bo"),
        ),
    )


def updated(crm: CRM, plural: str) -> Case:
    """Its fields are changed."""
    one, new = desk(crm, plural).add(**FIELDS[plural](crm)), CHANGED[plural]
    return case(
        lambda crm: desk(crm, plural).update(one, **new),
        lambda crm: desk(crm, plural).update(one.id, **new),
        other=(
            lambda crm: desk(crm, plural).update(one, **new, external={"erp": "8"}),
            lambda crm: desk(crm, plural).delete(one),
        ),
    )


def upserted(crm: CRM, plural: str) -> Case:
    """It is added by its id in another system."""
    fields = FIELDS[plural](crm)
    return case(
        lambda crm: desk(crm, plural).upsert(("erp", "7"), **fields),
        other=lambda crm: desk(crm, plural).upsert(("erp", "8"), **fields),
    )


def upserted_again(crm: CRM, plural: str) -> Case:
    """It is changed by its id in another system."""
    desk(crm, plural).add(**FIELDS[plural](crm), external={"erp": "7"})
    new = CHANGED[plural]
    return case(
        lambda crm: desk(crm, plural).upsert(("erp", "7"), **new),
        other=lambda crm: desk(crm, plural).upsert(("erp", "7"), **new, external={"shop": "1"}),
    )


def deleted(crm: CRM, plural: str) -> Case:
    """It is deleted."""
    one = desk(crm, plural).add(**FIELDS[plural](crm))
    return case(
        lambda crm: desk(crm, plural).delete(one),
        lambda crm: desk(crm, plural).delete(one.id),
        other=(lambda crm: desk(crm, plural).restore(one.id), lambda crm: crm.accounts.delete(firm(crm.given()))),
    )


def restored(crm: CRM, plural: str) -> Case:
    """It comes back."""
    one = desk(crm, plural).delete(desk(crm, plural).add(**FIELDS[plural](crm)))
    return case(
        lambda crm: desk(crm, plural).restore(one),
        lambda crm: desk(crm, plural).restore(one.id),
        other=(lambda crm: desk(crm, plural).delete(one.id), lambda crm: crm.accounts.add(name="Bolt")),
    )


GENERAL: dict[str, Callable[[CRM, str], Case]] = {
    "add": added,
    "update": updated,
    "upsert": upserted,
    "upsert again": upserted_again,
    "delete": deleted,
    "restore": restored,
}


# --- each desk's own --------------------------------------------------------------------------------------------------


def affiliated(crm: CRM) -> tuple[Contact, Account]:
    """A contact and the account they belong to."""
    acme = firm(crm)
    return crm.contacts.add(name="Ada", account=acme), acme


def qualified(crm: CRM) -> Lead:
    """A lead that may be converted."""
    return crm.leads.qualify(crm.leads.add(name="Ada", company="Acme"))


def ended(crm: CRM) -> Case:
    """An affiliation ends."""
    ada, _ = affiliated(crm)
    (one,) = crm.affiliations.of(ada)
    return case(
        lambda crm: crm.affiliations.end(one),
        lambda crm: crm.affiliations.end(one.id),
        other=lambda crm: crm.affiliations.end(one, until="2026-10-01"),
    )


def joined(crm: CRM) -> Case:
    """A contact comes to an account."""
    ada, acme, bolt = person(crm), firm(crm), firm(crm)
    return case(
        lambda crm: crm.contacts.affiliate(ada, acme, role="buyer"),
        lambda crm: crm.contacts.affiliate(ada.id, acme.id, role="buyer"),
        other=(
            lambda crm: crm.contacts.affiliate(ada, acme),
            lambda crm: crm.contacts.affiliate(ada, bolt, role="buyer"),
        ),
    )


def left(crm: CRM) -> Case:
    """A contact leaves an account."""
    ada, acme = affiliated(crm)
    return case(
        lambda crm: crm.contacts.leave(ada, acme),
        lambda crm: crm.contacts.leave(ada.id, acme.id),
        other=(
            lambda crm: crm.contacts.leave(ada, acme, until="2026-10-01"),
            lambda crm: crm.contacts.leave(person(crm.given()), acme),
        ),
    )


def consented(crm: CRM, plural: str) -> Case:
    """Somebody allows to be written to."""
    one = getattr(crm, plural).add(name="Ada")
    return case(
        lambda crm: getattr(crm, plural).consent(one, channel="email", granted=True),
        lambda crm: getattr(crm, plural).consent(one.id, channel="email", granted=True),
        other=lambda crm: getattr(crm, plural).consent(one, channel="email", granted=False),
    )


def made_primary(crm: CRM) -> Case:
    """Another of a contact's accounts becomes the first."""
    ada, acme = affiliated(crm)
    bolt = crm.accounts.add(name="Bolt")
    crm.contacts.affiliate(ada, bolt)
    return case(
        lambda crm: crm.contacts.make_primary(ada.id, account=bolt),
        lambda crm: crm.contacts.make_primary(ada, account=bolt.id),
        other=lambda crm: crm.contacts.make_primary(ada.id, account=acme),
    )


def acted(name: str, *, on: Callable[[CRM], Any], other: str, **arguments: object) -> Callable[[CRM], Case]:
    """An act on one record, and another act."""
    plural, _, done = name.partition(".")

    def made(crm: CRM) -> Case:
        one = on(crm)
        return case(
            lambda crm: getattr(getattr(crm, plural), done)(one, **arguments),
            lambda crm: getattr(getattr(crm, plural), done)(one.id, **arguments),
            other=lambda crm: getattr(getattr(crm, plural), other)(one),
        )

    return made


def captured(crm: CRM) -> Case:
    """A lead is captured."""
    return case(
        lambda crm: crm.leads.capture(name="Ada", emails={"work": "a@b.example", "home": "a@c.example"}),
        lambda crm: crm.leads.capture(emails={"home": "a@c.example", "work": "a@b.example"}, name="Ada"),
        other=lambda crm: crm.leads.capture(name="Ada"),
    )


def converted(crm: CRM) -> Case:
    """A lead is converted into records there are, of which one stays as it is."""
    ada, acme = affiliated(crm)
    lead = qualified(crm)
    return case(
        lambda crm: crm.leads.convert(lead, contact=ada.id, account=acme, amount=5),
        lambda crm: crm.leads.convert(lead.id, contact=ada.id, account=acme.id, amount=5),
        other=(
            lambda crm: crm.leads.convert(lead.id, contact=ada.id, account=acme.id, amount=6),
            lambda crm: crm.leads.convert(lead.id),
        ),
    )


def reverted(crm: CRM) -> Case:
    """A conversion is taken back."""
    lead, other = qualified(crm), qualified(crm)
    crm.leads.convert(lead)
    crm.leads.convert(other)
    lead = crm.leads.get(lead.id)
    return case(
        lambda crm: crm.leads.revert_conversion(lead),
        lambda crm: crm.leads.revert_conversion(lead.id),
        other=(
            lambda crm: crm.leads.revert_conversion(other.id),
            lambda crm: crm.undo(crm.history(lead)[-2].commit),
        ),
    )


def disqualified(crm: CRM) -> Lead:
    """A lead that came to nothing."""
    return crm.leads.disqualify(crm.leads.add(name="Ada"), reason="no budget")


def deal(crm: CRM) -> Opportunity:
    """An open deal."""
    return crm.opportunities.add(name="Roof", amount=5)


def won(crm: CRM) -> Opportunity:
    """A deal that was won."""
    return crm.opportunities.win(deal(crm))


def amended(crm: CRM) -> Case:
    """A closed deal is corrected, which needs a reason."""
    one = won(crm)

    def amend(deal: Opportunity | str, amount: int) -> Do:
        return lambda crm: crm.given(reason="a typo", key="k").opportunities.amend(deal, amount=amount)

    return case(amend(one, 6), amend(one.id, 6), other=amend(one, 7))


def served(crm: CRM) -> Subscription:
    """A subscription that runs."""
    return crm.subscriptions.add(**FIELDS["subscriptions"](crm), renews_on="2027-01-05")


def imported(crm: CRM) -> Case:
    """A deal is brought in."""
    return case(
        lambda crm: crm.opportunities.import_deal(name="Roof"),
        other=lambda crm: crm.opportunities.import_deal(name="Wall"),
    )


def started(crm: CRM) -> Case:
    """A subscription starts."""
    fields = FIELDS["subscriptions"](crm)
    acme = crm.accounts.get(fields["customer"])
    return case(
        lambda crm: crm.subscriptions.start(**fields),
        lambda crm: crm.subscriptions.start(**{**fields, "customer": acme}),
        other=lambda crm: crm.subscriptions.start(**{**fields, "amount": 6}),
    )


def put(crm: CRM) -> Case:
    """A tag that is none yet is put on records, one of which has it."""
    acme, bolt = firm(crm), firm(crm)
    return case(
        lambda crm: crm.tags.put("m1", [acme, bolt.id]),
        lambda crm: crm.tags.put("M1", iter([acme.id, bolt.id])),
        lambda crm: crm.tags.put(crm.tags.named("m1"), [acme, bolt]),
        lambda crm: crm.tags.put(crm.tags.named("m1").id, [acme, bolt]),
        other=(
            lambda crm: crm.tags.put("m2", [acme, bolt]),
            lambda crm: crm.tags.put("m1", [acme]),
            lambda crm: crm.tags.take("m1", [acme, bolt]),
        ),
    )


def taken(crm: CRM) -> Case:
    """A tag is taken from records, one of which has it."""
    acme, bolt = firm(crm), firm(crm)
    crm.tags.put("other", bolt)
    crm.tags.put("m1", acme)
    tag = crm.tags.named("m1")
    return case(
        lambda crm: crm.tags.take(tag.id, [acme.id, bolt.id]),
        lambda crm: crm.tags.take(tag, [acme, bolt]),
        lambda crm: crm.tags.take("M1", [acme, bolt]),
        other=(lambda crm: crm.tags.take("other", [acme.id, bolt.id]), lambda crm: crm.tags.take("m1", acme.id)),
    )


def renamed(crm: CRM) -> Case:
    """A tag gets another name."""
    tag = crm.tags.add(name="x")
    return case(
        lambda crm: crm.tags.rename("x", "y"),
        lambda crm: crm.tags.rename("X", "y"),
        lambda crm: crm.tags.rename(tag, "y"),
        lambda crm: crm.tags.rename(tag.id, "y"),
        other=(lambda crm: crm.tags.rename("x", "z"), lambda crm: crm.tags.rename("w", "y")),
    )


def merged(crm: CRM) -> Case:
    """A tag is merged into another."""
    one, other = crm.tags.add(name="V.I.P."), crm.tags.add(name="VIP")
    crm.tags.add(name="third")
    return case(
        lambda crm: crm.tags.merge("V.I.P.", into="VIP"),
        lambda crm: crm.tags.merge("v.i.p.", into="vip"),
        lambda crm: crm.tags.merge(one, into=other.id),
        lambda crm: crm.tags.merge(one.id, into=other),
        other=(lambda crm: crm.tags.merge("third", into="VIP"), lambda crm: crm.tags.merge("V.I.P.", into="third")),
    )


def tag_deleted(crm: CRM) -> Case:
    """A tag is deleted by its name."""
    tag, _ = crm.tags.add(name="d"), crm.tags.add(name="e")
    return case(
        lambda crm: crm.tags.delete("d"),
        lambda crm: crm.tags.delete("D"),
        lambda crm: crm.tags.delete(tag),
        lambda crm: crm.tags.delete(tag.id),
        other=lambda crm: crm.tags.delete("e"),
    )


def logged(crm: CRM) -> Case:
    """A call is logged."""
    acme = firm(crm)
    return case(
        lambda crm: crm.touchpoints.log(acme, channel="phone"),
        lambda crm: crm.touchpoints.log(acme.id, channel="phone"),
        other=lambda crm: crm.touchpoints.log(acme, channel="email"),
    )


OWN: dict[str, Callable[[CRM], Case]] = {
    "affiliations.end": ended,
    "contacts.affiliate": joined,
    "contacts.consent": lambda crm: consented(crm, "contacts"),
    "contacts.leave": left,
    "contacts.make_primary": made_primary,
    "leads.capture": captured,
    "leads.consent": lambda crm: consented(crm, "leads"),
    "leads.convert": converted,
    "leads.disqualify": acted("leads.disqualify", on=qualified, other="qualify", reason="no budget"),
    "leads.qualify": acted("leads.qualify", on=lambda crm: crm.leads.add(name="Ada"), other="work"),
    "leads.recycle": acted("leads.recycle", on=disqualified, other="work"),
    "leads.revert_conversion": reverted,
    "leads.work": acted("leads.work", on=lambda crm: crm.leads.add(name="Ada"), other="qualify"),
    "opportunities.advance": acted("opportunities.advance", on=deal, other="win", to="proposal"),
    "opportunities.amend": amended,
    "opportunities.import_deal": imported,
    "opportunities.lose": acted("opportunities.lose", on=deal, other="win", reason="price"),
    "opportunities.reopen": acted("opportunities.reopen", on=won, other="win"),
    "opportunities.win": acted("opportunities.win", on=deal, other="reopen"),
    "subscriptions.end": acted("subscriptions.end", on=served, other="renew"),
    "subscriptions.reinstate": acted(
        "subscriptions.reinstate", on=lambda crm: crm.subscriptions.end(served(crm)), other="end"
    ),
    "subscriptions.renew": acted("subscriptions.renew", on=served, other="end"),
    "subscriptions.reprice": acted("subscriptions.reprice", on=served, other="end", amount=6),
    "subscriptions.start": started,
    "tags.delete, by name": tag_deleted,
    "tags.merge": merged,
    "tags.put": put,
    "tags.rename": renamed,
    "tags.take": taken,
    "touchpoints.log": logged,
}


def undone(crm: CRM) -> Case:
    """A commit is taken back."""
    acme = firm(crm)
    commit, other = crm.history(acme)[-1].commit, crm.history(firm(crm))[-1].commit
    return case(lambda crm: crm.undo(commit), other=lambda crm: crm.undo(other))


def committed(crm: CRM) -> Case:
    """Changes that were proposed are written."""
    changes, other = (
        crm.accounts.propose(crm.accounts.revise, firm(crm), fields={"name": "Acme Ltd"}) for _ in range(2)
    )
    return case(lambda crm: crm.commit(changes), other=lambda crm: crm.commit(other))


def adopted(crm: CRM) -> Case:
    """Another playbook is worked by, and deals are moved out of the stages it takes away."""
    deal(crm)
    ends = (Stage("won", kind="won"), Stage("lost", kind="lost"))
    book = Playbook(sales=SalesRules(pipelines=[Pipeline("new business", [Stage("opened"), *ends])]))
    remap = {("new business", "qualification"): "opened"}
    return case(
        lambda crm: crm.adopt(book, remap=remap),
        lambda crm: crm.adopt(Playbook.from_data(book.to_data()), remap=dict(remap)),
        other=(
            lambda crm: crm.adopt(book),
            lambda crm: crm.adopt(Playbook(currency="EUR"), remap=remap),
            lambda crm: crm.accounts.add(name="Bolt"),
        ),
    )


ALL: dict[str, Callable[[CRM], Case]] = {
    **{
        f"{plural}.{name}": lambda crm, plural=plural, make=make: make(crm, plural)  # type: ignore[misc]
        for plural in DESKS
        for name, make in GENERAL.items()
    },
    **OWN,
    "crm.adopt": adopted,
    "crm.undo": undone,
    "crm.commit": committed,
}


def test_every_method_that_writes_is_walked_over() -> None:
    """None is forgotten, and none that is gone is left."""
    general = {name.partition(" ")[0] for name in GENERAL}
    assert {name for name in vars(Desk) if not name.startswith("_")} - INNER - READING == general
    written = {
        f"{plural}.{name}"
        for plural, opened in DESKS.items()
        for name, _ in inspect.getmembers(opened.desk, inspect.isfunction)
        if not name.startswith("_") and name not in READING | INNER | general
    }
    assert written == {name for name in OWN if "," not in name}


@pytest.mark.parametrize("name", sorted(ALL))
def test_done_again_under_its_key(crm: CRM, name: str) -> None:
    """It gives the first result, whatever happened since, and is done once; anything else is a conflict."""
    one = ALL[name](crm)
    first = one.same[0](crm.given(key="k"))
    place = crm.store.last()[0]
    for request in one.same:
        assert request(crm.given(key="k")) == first
    assert crm.store.last()[0] == place

    move_on(crm)
    place = crm.store.last()[0]
    for request in one.same:
        assert request(crm.given(key="k")) == first
    assert crm.store.last()[0] == place
    for other in one.others:
        with pytest.raises(Conflict, match=USED):
            other(crm.given(key="k"))


def move_on(crm: CRM) -> None:
    """Change every record there is, live or deleted."""
    for opened in DESKS.values():
        of_kind = crm.desk(opened.cls)
        for one in (*of_kind.each(), *of_kind.each(deleted=True)):
            crm.commit([crm.context("").changed(one, "moved on")])


def test_a_playbook_is_adopted_once_though_another_was_since(crm: CRM) -> None:
    """The later one stays in force."""
    euro, pound = Playbook(currency="EUR"), Playbook(currency="GBP")
    crm.given(key="k").adopt(euro)
    crm.adopt(pound)

    assert crm.given(key="k").adopt(euro) == euro
    assert crm.playbook == pound
    assert len(crm.history("playbook")) == 2


def test_an_upsert_is_done_once_though_another_record_has_the_id_by_now(crm: CRM) -> None:
    """It gives the one it made, or changed, though that is gone."""
    acme = firm(crm)
    requests: list[Do] = [
        lambda crm: crm.contacts.upsert(("erp", "7"), name="Ada", account=acme, role="buyer"),
        lambda crm: crm.contacts.upsert(("erp", "7"), name="Bo"),
    ]
    first = [request(crm.given(key=str(number))) for number, request in enumerate(requests)]
    crm.contacts.delete(first[0].id)
    crm.contacts.add(name="Cy", external={"erp": "7"})

    assert [one.version for one in first] == [1, 2]
    assert [request(crm.given(key=str(number))) for number, request in enumerate(requests)] == first


# --- names of tags ----------------------------------------------------------------------------------------------------


def test_a_tag_is_meant_by_the_name_it_had(crm: CRM) -> None:
    """Though another has that name by now; that other one itself is another request."""
    acme = firm(crm)
    first = crm.given(key="k").tags.put("x", acme)
    crm.tags.rename("x", "y")
    other = crm.tags.add(name="x")

    assert crm.given(key="k").tags.put("x", acme) == first
    assert crm.given(key="k").tags.put("y", acme) == first
    for tag in (other, other.id, "z"):
        with pytest.raises(Conflict, match=USED):
            crm.given(key="k").tags.put(tag, acme)


def test_a_tag_is_meant_by_a_name_that_leads_to_another(crm: CRM) -> None:
    """As one that was merged does."""
    acme = firm(crm)
    crm.tags.put("V.I.P.", firm(crm))
    crm.tags.merge("V.I.P.", into=crm.tags.add(name="VIP"))
    crm.tags.add(name="Key")
    first = crm.given(key="k").tags.put("V.I.P.", acme)
    merged = crm.given(key="m").tags.merge("Key", into="V.I.P.")

    assert crm.given(key="k").tags.put("v.i.p.", acme.id) == first
    assert crm.given(key="m").tags.merge("key", into="v.i.p.") == merged
    assert merged.name == "VIP"


def test_a_merged_tag_is_not_restored_under_a_key_either(crm: CRM) -> None:
    """Undo is for that; one restored before it was merged gives what it gave."""
    tag, other = crm.tags.add(name="x"), crm.tags.add(name="y")
    crm.tags.delete(tag)
    first = crm.given(key="k").tags.restore(tag.id)
    crm.tags.merge(tag.id, into=other)

    assert crm.given(key="k").tags.restore(tag.id) == first
    with pytest.raises(NotAllowed, match="undo the commit that did"):
        crm.given(key="l").tags.restore(tag.id)


# --- batches, what-ifs, and acts that change nothing ------------------------------------------------------------------


def test_keys_are_for_acts_outside_of_a_batch(crm: CRM) -> None:
    """Within one they are refused, since what they stand for is written later, and otherwise."""
    with crm.batch() as batch:
        for view in (batch, batch.given(by="ana")):
            with pytest.raises(NotAllowed, match="single acts outside of a batch") as caught:
                view.given(key="k")
            assert caught.value.act == "batch"
        change = batch.context("").created(kind_of(Lead).cls, "captured", name="Ada")
        with pytest.raises(NotAllowed, match="outside of a batch"):
            batch.commit([change], Key("k", "f"))
        with batch.batch() as inner, pytest.raises(NotAllowed, match="outside of a batch"):
            inner.given(key="k")
        crm.given(key="k").leads.capture(name="Ada")
    assert crm.leads.count() == 1


def test_keys_hold_within_a_what_if(crm: CRM) -> None:
    """Also within one of a batch: they are thrown away with it."""
    with crm.suppose() as what_if:
        first = what_if.given(key="k").leads.capture(name="Ada")
        assert what_if.given(key="k").leads.capture(name="Ada") == first
    with crm.batch() as batch, batch.suppose() as what_if:
        assert what_if.given(key="k").leads.capture(name="Bo").name == "Bo"
    assert crm.given(key="k").leads.capture(name="Cy").name == "Cy"


def test_an_act_that_changes_nothing_does_not_use_its_key_up(crm: CRM) -> None:
    """It may be given to another."""
    acme = crm.tags.put("VIP", firm(crm))
    assert crm.given(key="k").tags.put("VIP", acme) == acme
    assert crm.given(key="k").accounts.update(acme, name="Acme") == acme
    assert crm.given(key="k").accounts.add(name="Bolt").name == "Bolt"


def test_a_key_handed_over_is_a_key(crm: CRM) -> None:
    """And goes before that of the circumstances."""
    acme = firm(crm)
    commit = crm.history(acme)[-1].commit
    first = crm.given(key="k").undo(commit, Key("l", "f"))
    assert crm.undo(commit, Key("l", "f")) == first
    with pytest.raises(Invalid, match="key: got 'str', expected an idempotency key"):
        crm.undo(commit, "k")  # type: ignore[arg-type]


# --- races ------------------------------------------------------------------------------------------------------------


def test_who_is_refused_for_what_was_done_under_the_same_key_is_given_that(
    crm: CRM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that is sent again while the first is under way."""
    ada, acme = affiliated(crm)
    commit = crm.history(firm(crm))[-1].commit
    crm.tags.add(name="x")
    requests: list[Do] = [
        lambda crm: crm.contacts.leave(ada, acme),
        lambda crm: crm.undo(commit),
        lambda crm: crm.tags.rename("x", "y"),
        lambda crm: crm.tags.delete("y"),
        lambda crm: crm.tags.put("new", acme.id),
        lambda crm: crm.accounts.delete(acme.id),
    ]
    for number, request in enumerate(requests):
        first = beaten(crm, request, f"k{number}", monkeypatch)
        assert request(crm.given(key=f"k{number}")) == first


def beaten(crm: CRM, request: Do, key: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """What a request gives when the same one is done just after its key was looked for."""
    store, looked = type(crm.store), [True]
    kept = store.kept

    def slow(self: MemoryStore, asked: Key) -> Commit | None:
        found = kept(self, asked)
        if looked:
            looked.clear()
            done.append(request(crm.given(key=key)))
        return found

    done: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(store, "kept", slow)
        assert request(crm.given(key=key)) == done[0]
    return done[0]


def test_a_refusal_stays_one() -> None:
    """When nothing was done under the key, or there is none."""

    def refused() -> None:
        raise NotFound("lead", "lead_1")

    with pytest.raises(NotFound):
        once(lambda: None, refused, lambda done: done)


# --- what counts of arguments -----------------------------------------------------------------------------------------


@part
class Take:
    """One take."""

    number: int = field()
    actor: str | None = field(default=None, references="contact")
    secret: str | None = field(default=None, personal=True)


@record("shoot")
class Shoot(Record):
    """A day in front of a camera."""

    place: str = field(personal=True)
    takes: tuple[Take, ...] = field(default=())


def film(shoot: Shoot, context: Context[None], *, takes: list[Take]) -> Change[Shoot]:
    """Film some takes."""
    return context.changed(shoot, "filmed", takes=tuple(takes))


def move(shoot: Shoot, context: Context[None], *, places: object) -> list[Change[Shoot]]:
    """Go elsewhere."""
    return [context.changed(shoot, "moved", place=str(places))]


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    film = act(film)
    move: Any = act(cast("Any", move))


@pytest.fixture
def shoots(open_crm: OpenCRM) -> tuple[Any, Shoot]:
    """A CRM with shoots, and one of them."""
    crm = open_crm(kinds={Shoot: ShootDesk})
    return crm, crm.shoots.add(place="Rome")


def test_personal_fields_of_parts_count(shoots: tuple[Any, Shoot]) -> None:
    """Though no repr shows them."""
    crm, rome = shoots
    ada = person(crm)
    once, twice = ([Take(number=1, actor=ada.id, secret=text)] for text in ("one", "two"))
    assert repr(once) == repr(twice)
    done = crm.given(key="k").shoots.film(rome, takes=once)

    assert crm.given(key="k").shoots.film(rome.id, takes=tuple(once)) == done
    with pytest.raises(Conflict, match=USED):
        crm.given(key="k").shoots.film(rome, takes=twice)


def test_an_act_that_gives_a_list_gives_several_again(shoots: tuple[Any, Shoot]) -> None:
    """In the same shape."""
    crm, rome = shoots
    done = crm.given(key="k").shoots.move(rome, places="Oslo")
    assert crm.given(key="k").shoots.move(rome, places="Oslo") == done
    assert isinstance(done, tuple)


@attrs.frozen
class Nothing:
    """A value of no parts."""


@dataclass
class Point:
    """A place, one part of it unshown."""

    x: int
    y: int = dataclass_field(repr=False)


@attrs.frozen
class Spot:
    """The same, by attrs."""

    x: int
    y: int = attrs.field(repr=False)


class Colour(Enum):
    """Some."""

    RED = 1
    BLUE = 2


DISTINCT: Mapping[str, object] = {
    "nothing": None,
    "no": False,
    "zero": 0,
    "a float": 0.0,
    "a text": "0",
    "bytes": b"0",
    "a decimal": Decimal(0),
    "money": Money(0, "USD"),
    "other money": Money(0, "EUR"),
    "a day": date(2026, 1, 5),
    "an instant": datetime(2026, 1, 5, tzinfo=UTC),
    "red": Colour.RED,
    "blue": Colour.BLUE,
    "no list": [],
    "a list": [0],
    "a list of lists": [[0]],
    "a set": {0},
    "no mapping": {},
    "a mapping": {0: 1},
    "one of texts": {"0": 1},
    "pairs": [(0, 1)],
    "a spot": Spot(0, 1),
    "another": Spot(0, 2),
    "a point": Point(0, 1),
    "another point": Point(0, 2),
    "a value of no parts": Nothing(),
    "a filter": F.amount >= 0,
    "another filter": F.amount >= 1,
    "many": range(3),
}


def test_different_values_are_told_apart() -> None:
    """Whatever their class, and whatever they show."""
    keys = {name: Key.of("k", value) for name, value in DISTINCT.items()}
    assert len({key.fingerprint for key in keys.values()}) == len(DISTINCT)
    assert keys == {name: Key.of("k", value) for name, value in DISTINCT.items()}


def test_equal_values_are_the_same(crm: CRM) -> None:
    """In any order where there is none; a record is its id."""
    acme = firm(crm)
    assert Key.of("k", {"a": {1, 2}, "b": [acme]}) == Key.of("k", {"b": (acme.id,), "a": {2, 1}})
    assert Key.of("k", {1, "a", (2, acme)}) == Key.of("k", {(2, acme.id), "a", 1})
    deep: object = "'\""
    for _ in range(100):
        deep = {"'\"": deep}
    assert Key.of("k", deep) == Key.of("k", deep)


class Unshown:
    """A value of a class of its own."""


class Broken(dict[str, int]):
    """A mapping that can't be read."""

    def items(self) -> NoReturn:
        """Nothing."""
        raise ZeroDivisionError


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (iter([1]), "list_iterator"),
        ((one for one in (1, 2)), "generator"),
        (map(str, [1]), "map"),
        (len, "builtin_function_or_method"),
        (person, "function"),
        (object(), "object"),
        (Unshown(), "Unshown"),
        (CIRCLE, "RecursionError"),
        (Broken(a=1), "ZeroDivisionError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_not_be_told_apart_is_refused(shoots: tuple[Any, Shoot], value: object, named: str) -> None:
    """Under a key; without one it is the act's own business."""
    crm, rome = shoots
    for places in (value, [value], {"a": (value,)}):
        with pytest.raises(Invalid, match=f"key: got '{named}', expected arguments that can be told from others"):
            crm.given(key="k").shoots.move(rome, places=places)
    assert crm.shoots.move(rome, places=[1])
    assert crm.given(key="k").shoots.add(place="Oslo").place == "Oslo"
