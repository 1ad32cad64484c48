"""Conversion: once, whole, without a loss, and back."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from crmcore import (
    CRM,
    Account,
    Address,
    Conflict,
    Contact,
    CustomField,
    F,
    Invalid,
    Lead,
    Money,
    NotAllowed,
    NotFound,
    Playbook,
    SalesRules,
)
from crmcore.kernel.change import state_of
from crmcore.sales import Conversion

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock


CUSTOM = {
    "lead": {"region": "text", "size": "integer", "shoe": "text", "territory": "text"},
    "contact": {"region": "text", "size": "text"},
    "account": {"area": "text"},
    "opportunity": {"size": "integer"},
}
RULES = Playbook(custom=CUSTOM, sales=SalesRules(conversion={"territory": "account.area"}))


@pytest.fixture
def lead(crm: CRM) -> Lead:
    """A qualified lead."""
    crm.adopt(RULES)
    captured = crm.leads.capture(
        name="Ada Lovelace",
        job_title="Countess",
        company="Analytical Engines",
        website="engines.example",
        email="ada@engines.example",
        emails={"home": "ada@home.example"},
        phone="+44 20 7946 0018",
        addresses={"home": {"city": "London"}},
        source="webinar",
        consents={"email": "granted"},
        custom={"region": "north", "size": 7, "shoe": "38", "territory": "west"},
    )
    return crm.leads.qualify(captured)


def bare(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any record
    """A record without its version."""
    return {name: value for name, value in state_of(record).items() if name != "version"}


# --- what it makes ----------------------------------------------------------------------------------------------------


def test_a_lead_becomes_an_account_a_contact_and_a_deal(crm: CRM, lead: Lead) -> None:
    """In one commit, each with what the lead knew."""
    account, contact, deal = crm.leads.convert(lead, amount=Money("12000", "USD"), close_on="2026-12-15")

    assert account is not None
    assert deal is not None
    assert (account.name, account.website, account.source) == ("Analytical Engines", "engines.example", "webinar")
    assert (contact.name, contact.job_title, contact.account) == ("Ada Lovelace", "Countess", account.id)
    assert (contact.email, contact.emails) == ("ada@engines.example", {"home": "ada@home.example"})
    assert (contact.phone, contact.addresses) == ("+44 20 7946 0018", {"home": Address(city="London")})
    assert contact.consents == {"email": "granted"}
    assert (deal.name, deal.account, deal.contact) == ("Analytical Engines", account.id, contact.id)
    assert (deal.amount, deal.stage, deal.status) == (Money("12000", "USD"), "qualification", "open")
    became = crm.leads.get(lead.id)
    assert (became.status, became.account, became.contact, became.opportunity) == (
        "converted",
        account.id,
        contact.id,
        deal.id,
    )
    assert became.converted_at == crm.history(became)[-1].at
    assert crm.affiliations.count((F.contact == contact.id) & (F.account == account.id)) == 1
    commits = {crm.history(record)[-1].commit for record in (account, contact, deal, became)}
    assert len(commits) == 1
    assert {crm.history(record)[0].reason for record in (account, contact, deal)} == {f"conversion of {lead.id}"}


def test_custom_fields_go_where_they_are_declared(crm: CRM, lead: Lead) -> None:
    """By the playbook's word, or by name and type; what has no place stays on the lead, and is named."""
    account, contact, deal = crm.leads.convert(lead)

    assert account is not None
    assert deal is not None
    assert (account.custom, contact.custom, deal.custom) == ({"area": "west"}, {"region": "north"}, {"size": 7})
    assert crm.leads.unmapped(lead.id) == ("shoe",)
    assert crm.leads.get(lead.id).custom["shoe"] == "38"


def test_a_lead_without_a_company_becomes_a_contact(crm: CRM) -> None:
    """And a deal, if one is wanted."""
    lead = crm.leads.qualify(crm.leads.capture(email="ada@home.example"))
    account, contact, deal = crm.leads.convert(lead, opportunity=False)

    assert (account, contact.account, deal) == (None, None, None)
    other = crm.leads.qualify(crm.leads.capture(name="Bob"))
    made = crm.leads.convert(other, name="Bob's roof").opportunity
    assert made is not None
    assert (made.name, made.account) == ("Bob's roof", None)


def test_a_company_alone_is_nobody_to_talk_to(crm: CRM) -> None:
    """The contact needs a name, an e-mail or a phone."""
    lead = crm.leads.qualify(crm.leads.capture(company="Acme"))

    with pytest.raises(Invalid, match="to call the contact by"):
        crm.leads.convert(lead)
    assert (crm.accounts.count(), crm.leads.get(lead.id).status) == (0, "qualified")
    contact = crm.contacts.add(name="Wile")
    account, same, _ = crm.leads.convert(lead, contact=contact)
    assert account is not None
    assert (same.id, same.account) == (contact.id, account.id)


def test_a_lead_must_be_qualified(crm: CRM) -> None:
    """The refusal says what is possible."""
    with pytest.raises(NotAllowed, match="cannot convert from 'new'; possible: work, qualify, disqualify"):
        crm.leads.convert(crm.leads.capture(name="Ada"))


# --- existing targets -------------------------------------------------------------------------------------------------


def test_existing_targets_are_filled_where_they_are_empty(crm: CRM, lead: Lead) -> None:
    """And never overwritten; what differs is kept beside it."""
    acme = crm.accounts.add(name="Acme", source="fair")
    ada = crm.contacts.add(name="A. Lovelace", email="a@other.example", emails={"home": "x@y.example"})
    account, contact, _ = crm.leads.convert(lead, account=acme, contact=ada.id)

    assert account is not None
    assert (account.id, account.name, account.source, account.website) == (acme.id, "Acme", "fair", "engines.example")
    assert (contact.id, contact.name, contact.job_title) == (ada.id, "A. Lovelace", "Countess")
    assert (contact.email, contact.phone) == ("a@other.example", "+44 20 7946 0018")
    assert contact.emails == {"home": "x@y.example", "lead": "ada@engines.example", "home 2": "ada@home.example"}
    assert contact.account == acme.id


def test_a_contact_brings_its_account(crm: CRM, lead: Lead) -> None:
    """Unless another one is given."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme.id)
    before = crm.affiliations.count()
    account, contact, _ = crm.leads.convert(lead, contact=ada.id)

    assert account is not None
    assert (account.id, contact.id, contact.account) == (acme.id, ada.id, acme.id)
    assert (crm.accounts.count(), crm.affiliations.count()) == (1, before)


def test_another_account_is_joined_beside_the_first(crm: CRM, lead: Lead) -> None:
    """The contact stays at home in its own."""
    acme, bolt = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bolt")
    ada = crm.contacts.add(name="Ada", account=acme.id)
    _, contact, _ = crm.leads.convert(lead, contact=ada.id, account=bolt)

    assert contact.account == acme.id
    assert crm.affiliations.exists((F.contact == ada.id) & (F.account == bolt.id))


def test_nothing_to_fill_leaves_a_target_as_it_is(crm: CRM) -> None:
    """But its history tells of the conversion."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme.id)
    ada = crm.contacts.get(ada.id)
    lead = crm.leads.qualify(crm.leads.capture(name="Ada L."))
    account, contact, _ = crm.leads.convert(lead, contact=ada, opportunity=False)

    assert account is not None
    assert (bare(account), bare(contact)) == (bare(acme), bare(ada))
    assert crm.history(contact)[-1].what == crm.history(account)[-1].what == "converted"


def test_of_two_consents_the_less_permissive_stays(crm: CRM) -> None:
    """Whichever side said so."""
    ada = crm.contacts.add(name="Ada", consents={"email": "granted", "phone": "withdrawn", "sms": "granted"})
    said = {"email": "withdrawn", "phone": "granted", "post": "granted", "sms": "granted"}
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", consents=said))
    contact = crm.leads.convert(lead, contact=ada).contact

    assert contact.consents == {"email": "withdrawn", "phone": "withdrawn", "post": "granted", "sms": "granted"}


@pytest.mark.parametrize(
    ("targets", "error"),
    [
        ({"account": "account_0"}, NotFound),
        ({"contact": "contact_0"}, NotFound),
        ({"account": 7}, Invalid),
        ({"contact": Account(id="account_1", name="x")}, Invalid),
        ({"pipeline": "nowhere"}, Invalid),
        ({"stage": "won"}, Invalid),
        ({"amount": "much"}, Invalid),
        ({"amount": -1}, Invalid),
        ({"close_on": "soon"}, Invalid),
        ({"name": "x\x00"}, Invalid),
    ],
)
def test_what_does_not_fit_writes_nothing(
    crm: CRM, lead: Lead, targets: dict[str, Any], error: type[Exception]
) -> None:
    """All or nothing."""
    before = crm.store.last()
    with pytest.raises(error):
        crm.leads.convert(lead, **targets)
    assert crm.store.last() == before


def test_a_target_that_moved_on_is_a_conflict(crm: CRM, lead: Lead) -> None:
    """As for any record that was read."""
    acme = crm.accounts.add(name="Acme")
    crm.accounts.update(acme, name="Acme Ltd")

    with pytest.raises(Conflict):
        crm.leads.convert(lead, account=acme)
    account = crm.leads.convert(lead, account=acme.id).account
    assert account is not None
    assert account.name == "Acme Ltd"


def test_what_is_gone_is_not_carried_over(crm: CRM, lead: Lead) -> None:
    """Merged tags go to those that stand for them; deleted ones, and an owner who left, go nowhere."""
    ben = crm.staff.add(name="Ben")
    crm.leads.update(lead.id, owner=ben.id)
    for word in ("V.I.P.", "old", "kept"):
        crm.tags.put(word, lead.id)
    crm.tags.add(name="VIP")
    crm.tags.merge("V.I.P.", into="VIP")
    crm.tags.delete("old")
    crm.staff.delete(ben)
    account, contact, deal = crm.leads.convert(lead.id)

    assert account is not None
    assert deal is not None
    assert [tag.name for tag in crm.tags.of(contact)] == ["kept", "VIP"]
    assert (account.owner, contact.owner, deal.owner) == (None, None, None)


def test_a_contact_whose_account_is_gone_is_at_home_nowhere(crm: CRM, lead: Lead) -> None:
    """The lead's company is a new one."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme.id)
    crm.accounts.delete(acme)
    account = crm.leads.convert(lead, contact=ada.id).account

    assert account is not None
    assert account.name == "Analytical Engines"


def test_who_comes_back_does_so_now(crm: CRM, lead: Lead) -> None:
    """The time between stays."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme.id, since="2024-01-01")
    crm.contacts.leave(ada, acme, until="2025-01-01")
    crm.leads.convert(lead, contact=ada.id, account=acme)

    assert crm.contacts.of(acme, on="2025-06-01") == ()
    assert [one.id for one in crm.contacts.of(acme)] == [ada.id]


def test_a_backdated_conversion_meets_its_targets_as_they_were(crm: CRM, clock: TickingClock) -> None:
    """Their fields and to whom they belonged; a contact that was not there yet is refused."""
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", phone="1111111", account=acme.id, since="2025-01-01")
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", phone="2222222"))
    clock.now = "2026-11-10T09:00Z"
    crm.contacts.leave(ada, acme, until="2026-11-10")
    crm.contacts.update(ada.id, phone=None)
    bob = crm.contacts.add(name="Bob")
    clock.now = "2026-11-20T09:00Z"

    with pytest.raises(Invalid, match="at: got"):
        crm.given(at="2026-11-05").leads.convert(lead, contact=bob.id, opportunity=False)
    crm.given(at="2026-11-05").leads.convert(lead, contact=ada.id, account=acme.id, opportunity=False)
    now = crm.contacts.get(ada.id)
    assert (now.phone, now.phones, now.account) == (None, {"lead": "2222222"}, None)
    assert (crm.affiliations.count(), crm.contacts.of(acme)) == (1, ())


def test_labels_that_are_taken_are_numbered(crm: CRM) -> None:
    """On and on."""
    ada = crm.contacts.add(name="Ada", emails={"home": "a@x.example", "home 2": "b@x.example"})
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", emails={"home": "c@x.example"}))

    assert crm.leads.convert(lead, contact=ada).contact.emails["home 3"] == "c@x.example"


def test_the_same_address_is_not_kept_twice(crm: CRM) -> None:
    """In whatever spelling."""
    ada = crm.contacts.add(name="Ada", email="ada@x.example", phone="+44 20 7946 0123")
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", email="Ada@X.example", phone="020 7946 0123"))
    contact = crm.leads.convert(lead, contact=ada).contact

    assert (contact.emails, contact.phones) == ({}, {})


@pytest.mark.parametrize("told", [{"name": "x"}, {"amount": 5}, {"pipeline": "x"}, {"stage": "x"}, {"close_on": "x"}])
def test_without_a_deal_nothing_is_said_of_it(crm: CRM, lead: Lead, told: dict[str, Any]) -> None:
    """It would be lost."""
    with pytest.raises(Invalid, match="a deal to say it of"):
        crm.leads.convert(lead, opportunity=False, **told)


def test_a_reason_stands_beside_where_values_come_from(crm: CRM, lead: Lead) -> None:
    """Neither hides the other."""
    contact = crm.given(reason="they called").leads.convert(lead).contact
    assert crm.provenance(contact)["email"].reason == f"conversion of {lead.id}: they called"


def test_custom_fields_do_not_hide_each_other(crm: CRM) -> None:
    """What the playbook sends somewhere has the place; what is not taken, or does not fit, is named."""
    fields = {"a": "text", "b": "text", "c": "text", "d": CustomField("text", choices=("x", "y")), "e": "text"}
    theirs = {"b": "text", "d": CustomField("text", choices=("x",))}
    sent = {"a": "contact.b", "c": "contact.b", "e": "contact.nowhere"}
    crm.adopt(Playbook(custom={"lead": fields, "contact": theirs}, sales=SalesRules(conversion=sent)))
    custom = {"a": "1", "b": "2", "c": "3", "d": "y", "e": "5"}
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", custom=custom))

    assert crm.leads.unmapped(lead) == ("b", "c", "d", "e")
    assert crm.leads.convert(lead).contact.custom == {"b": "1"}


@pytest.mark.parametrize("act", ["affiliate", "leave", "delete", "update"])
def test_a_contact_that_others_act_on_meanwhile_is_a_conflict(
    crm: CRM, lead: Lead, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """Or is met as it is then: what is written never contradicts itself."""
    acme, bolt = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bolt")
    ada = crm.contacts.add(name="Ada", account=acme.id)
    if act == "leave":
        crm.contacts.affiliate(ada, bolt)
    acts: dict[str, Any] = {
        "affiliate": lambda: crm.contacts.affiliate(ada, bolt),
        "leave": lambda: crm.contacts.leave(ada, bolt),
        "delete": lambda: crm.contacts.delete(ada.id),
        "update": lambda: crm.contacts.update(ada.id, job_title="Countess"),
    }
    meanwhile, commit = [acts[act]], CRM.commit

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if meanwhile:
            meanwhile.pop()()
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    with contextlib.suppress(Invalid, NotFound):
        crm.leads.convert(lead.id, contact=ada.id, account=bolt)
    monkeypatch.undo()
    if act != "delete":
        crm.leads.convert(lead.id, contact=ada.id, account=bolt)
        running = crm.affiliations.each((F.contact == ada.id) & (F.account == bolt.id) & ~F.until.is_set)
        assert len([*running]) == 1
    assert crm.leads.get(lead.id).status == ("qualified" if act == "delete" else "converted")
    assert crm.verify()


# --- once -------------------------------------------------------------------------------------------------------------


def test_to_convert_twice_is_to_convert_once(crm: CRM, lead: Lead) -> None:
    """With the record as it was, as it is, or its id."""
    first = crm.leads.convert(lead, amount=100)
    before = crm.store.last()

    for again in (lead, crm.leads.get(lead.id), lead.id):
        assert crm.leads.convert(again, amount=100) == first
    assert crm.store.last() == before


def test_converted_into_others_is_said(crm: CRM, lead: Lead) -> None:
    """Rather than taken for done."""
    first = crm.leads.convert(lead)
    other = crm.contacts.add(name="Other")

    assert crm.leads.convert(lead, contact=first.contact.id) == first
    with pytest.raises(NotAllowed, match=f"was converted into contact {first.contact.id}"):
        crm.leads.convert(lead, contact=other)


def test_a_key_gives_the_first_result_again(crm: CRM, lead: Lead) -> None:
    """Even when the records have moved on; another request under it is a conflict."""
    first = crm.given(key="k").leads.convert(lead.id, amount=100)
    crm.contacts.update(first.contact, name="Ada King")

    assert crm.given(key="k").leads.convert(lead.id, amount=100).contact == first.contact
    with pytest.raises(Conflict, match="the key 'k' was used"):
        crm.given(key="k").leads.convert(lead.id, amount=200)


def test_racing_conversions_yield_one(open_crm: Callable[..., CRM]) -> None:
    """Every racer gets the same records."""
    crm = open_crm()
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", company="Acme"))
    crms, found = [open_crm() for _ in range(4)], []
    start = threading.Barrier(len(crms))

    def race(one: CRM) -> None:
        start.wait()
        found.append(one.leads.convert(lead))

    racers = [threading.Thread(target=race, args=(one,)) for one in crms]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(found) == len(crms)
    assert len({tuple(record.id for record in one if record is not None) for one in found}) == 1
    assert (crm.contacts.count(), crm.accounts.count(), crm.opportunities.count()) == (1, 1, 1)


def test_the_loser_of_a_race_gets_what_the_winner_made(crm: CRM, lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was quicker between its reading and its writing."""
    quicker: list[Conversion] = []
    commit = CRM.commit

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if not quicker:
            monkeypatch.undo()
            quicker.append(self.leads.convert(lead))
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    assert crm.leads.convert(lead) == quicker[0]


def test_a_lead_that_was_only_changed_meanwhile_is_a_conflict(crm: CRM, lead: Lead) -> None:
    """It is not converted, so there is nothing to give back."""
    crm.leads.update(lead, job_title="Duchess")

    with pytest.raises(Conflict):
        crm.leads.convert(lead)


def test_a_dry_run_writes_nothing(crm: CRM, lead: Lead) -> None:
    """And shows what would be."""
    before = crm.store.last()
    account, contact, deal = crm.leads.convert(lead, amount=100, dry_run=True)

    assert account is not None
    assert deal is not None
    assert (account.name, contact.name, deal.amount) == ("Analytical Engines", "Ada Lovelace", Money("100", "USD"))
    assert (crm.store.last(), crm.contacts.count(), crm.leads.get(lead.id)) == (before, 0, lead)


def test_a_converted_lead_stays_as_it_is(crm: CRM, lead: Lead) -> None:
    """It is the record of what was known then."""
    crm.leads.convert(lead)

    with pytest.raises(NotAllowed, match="was converted and stays as it is"):
        crm.leads.update(lead.id, name="x")
    with pytest.raises(NotAllowed, match="possible: nothing, it is final"):
        crm.leads.disqualify(lead.id, reason="x")
    assert crm.leads.update(lead.id, name=lead.name).status == "converted"


# --- back -------------------------------------------------------------------------------------------------------------


def test_a_conversion_can_be_taken_back(crm: CRM, lead: Lead) -> None:
    """What it made is gone, what it filled is as it was, and it can be done again."""
    ada = crm.contacts.add(name="Ada", emails={"home": "x@y.example"})
    account, contact, deal = crm.leads.convert(lead, contact=ada)
    back = crm.leads.revert_conversion(lead.id)

    assert account is not None
    assert deal is not None
    assert bare(back) == bare(lead)
    assert bare(crm.contacts.get(contact.id)) == bare(ada)
    for desk, record in ((crm.accounts, account), (crm.opportunities, deal)):
        with pytest.raises(NotFound, match="deleted"):
            desk.get(record.id)
    assert crm.affiliations.count() == 0
    assert crm.leads.convert(back).contact.id != contact.id


def test_a_conversion_that_was_done_again_can_be_taken_back(crm: CRM, lead: Lead) -> None:
    """To undo the undoing is to convert."""
    crm.leads.convert(lead)
    back = crm.leads.revert_conversion(lead.id)
    crm.undo(crm.history(back)[-1].commit)
    assert crm.leads.get(lead.id).status == "converted"
    assert bare(crm.leads.revert_conversion(lead.id)) == bare(lead)


def test_consent_of_a_converted_lead_is_the_contacts(crm: CRM, lead: Lead) -> None:
    """So that it is not said where nobody looks."""
    contact = crm.leads.convert(lead).contact
    with pytest.raises(NotAllowed, match=r"recorded at contact_.*; possible: contacts\.consent"):
        crm.leads.consent(lead.id, channel="email", granted=False)
    assert crm.contacts.consent(contact, channel="email", granted=False).consents["email"] == "withdrawn"


def test_what_was_changed_since_is_named(crm: CRM, lead: Lead) -> None:
    """And the conversion stays."""
    _, contact, _ = crm.leads.convert(lead)
    crm.given(by="ana").contacts.update(contact, name="Ada King")

    with pytest.raises(NotAllowed, match=f"contact {contact.id}.*updated by ana") as error:
        crm.leads.revert_conversion(lead.id)
    assert len(error.value.problems) == 1
    assert crm.leads.get(lead.id).status == "converted"


def test_what_refers_to_it_since_is_named(crm: CRM, lead: Lead) -> None:
    """An order, a note or a touchpoint of what would be gone."""
    account, contact, _ = crm.leads.convert(lead)
    assert account is not None
    order = crm.orders.add(customer=account.id, ordered_on="2026-11-01", amount=5)
    note = crm.notes.add(contact, "called")

    with pytest.raises(NotAllowed) as error:
        crm.leads.revert_conversion(lead.id)
    assert {problem.path for problem in error.value.problems} == {f"order {order.id}", f"note {note.id}"}


def test_only_a_converted_lead_can_be_taken_back(crm: CRM, lead: Lead) -> None:
    """And only the lead one has read."""
    with pytest.raises(NotAllowed, match="is qualified, not converted; possible: convert"):
        crm.leads.revert_conversion(lead)
    crm.leads.convert(lead)
    with pytest.raises(Conflict):
        crm.leads.revert_conversion(lead)
    assert crm.leads.revert_conversion(crm.leads.get(lead.id)).status == "qualified"


# --- nothing is lost --------------------------------------------------------------------------------------------------

labels = st.sampled_from(["home", "work", "lead", "home 2"])
emails = st.sampled_from(["a@x.example", "b@x.example", "c@x.example"])
phones = st.sampled_from(["1111111", "2222222"])
places = st.builds(Address, city=st.sampled_from(["Rome", "Ostia"]))
said = st.dictionaries(st.sampled_from(["email", "phone"]), st.sampled_from(["granted", "withdrawn"]))
parties: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Ada", "Bob"]),
    "email": st.none() | emails,
    "phone": st.none() | phones,
    "job_title": st.sampled_from([None, "Countess"]),
    "emails": st.dictionaries(labels, emails),
    "phones": st.dictionaries(labels, phones),
    "addresses": st.dictionaries(labels, places),
    "consents": said,
}


def reached(record: Lead | Contact) -> set[object]:
    """Every way to reach somebody."""
    found = {record.email, record.phone, *record.emails.values(), *record.phones.values(), *record.addresses.values()}
    return found - {None}


@settings(max_examples=60)
@given(st.fixed_dictionaries(parties), st.none() | st.fixed_dictionaries(parties), st.booleans(), st.booleans())
def test_no_conversion_loses_anything(
    told: dict[str, Any], known: dict[str, Any] | None, company: bool, tagged: bool
) -> None:
    """Ways to reach somebody, tags, custom fields, consents, touchpoints; nothing known is overwritten; and back."""
    crm = CRM(playbook=RULES)
    contact = None if known is None else crm.contacts.add(**known)
    custom = {"region": "north", "shoe": "38"}
    lead = crm.leads.capture(**told, company="Acme" if company else None, custom=custom)
    if tagged:
        crm.tags.put("VIP", lead.id)
    touch = crm.touchpoints.log(lead.id, channel="phone")
    lead = crm.leads.qualify(lead.id)
    became = crm.leads.convert(lead, contact=contact).contact

    assert reached(became) == reached(lead) | (set() if contact is None else reached(contact))
    assert became.tags.keys() >= lead.tags.keys()
    assert {*became.custom, *crm.leads.unmapped(lead.id)} >= {*custom}
    for channel, word in lead.consents.items():
        was = None if contact is None else contact.consents.get(channel)
        assert became.consents[channel] == ("withdrawn" if "withdrawn" in (word, was) else "granted")
    assert touch in crm.touchpoints.of(became)
    if contact is not None:
        for name, value in attrs.asdict(contact, recurse=False).items():
            if name in {"emails", "phones", "addresses"}:
                assert value.items() <= getattr(became, name).items()
            elif value is not None and name not in {"version", "consents", "tags", "custom"}:
                assert getattr(became, name) == value
    back = crm.leads.revert_conversion(lead.id)
    assert bare(back) == bare(lead)
    if contact is not None:
        assert bare(crm.contacts.get(contact.id)) == bare(contact)
    assert crm.verify()


def test_a_key_takes_the_record_or_its_id(crm: CRM) -> None:
    """They mean the same request."""
    ada, bolt = crm.contacts.add(name="Ada"), crm.accounts.add(name="Bolt")
    lead = crm.leads.qualify(crm.leads.capture(name="A.", company="Bolt"))
    made = crm.given(key="k").leads.convert(lead.id, contact=ada, account=bolt)

    assert crm.given(key="k").leads.convert(lead.id, contact=ada.id, account=bolt.id) == made
    assert crm.given(key="t").touchpoints.log(ada, channel="x") == crm.given(key="t").touchpoints.log(
        ada.id, channel="x"
    )
