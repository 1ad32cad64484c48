"""Erasure: what is kept about a person is told, and erased from everywhere; who was erased does not come back."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, Address, Conflict, Contact, CustomField, F, Invalid, NotAllowed, NotFound, Playbook
from crmcore.erasure import SAID_ONCE, Erasure
from crmcore.kernel import Change, Context, Record, field, record
from crmcore.kernel.fields import part
from crmcore.kernel.ports import Commit
from crmcore.people import Suppression
from crmcore.people.suppression import Mark, digest
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock

CANARY = "Canarina Bellflower"
MAIL = "canary@flowers.example"
NUMBER = "+44 20 7946 0777"
KEPT = CustomField("text")
PERSONAL = CustomField("text", personal=True)
CUSTOM = {
    "contact": {"diet": PERSONAL, "region": KEPT, "nickname": PERSONAL},
    "lead": {"diet": PERSONAL},
    "opportunity": {"buyer_likes": PERSONAL, "why": KEPT},
    "note": {"mood": PERSONAL},
}
PLAYBOOK = Playbook(custom=CUSTOM)


def shown(crm: CRM) -> str:
    """Everything a CRM shows of its log, as one text."""
    log = crm.store.changes()
    records = [[one.to_data() for one in crm.desk(kind.cls).each()] for kind in crm.kinds.values()]
    gone = [[one.to_data() for one in crm.desk(kind.cls).each(deleted=True)] for kind in crm.kinds.values()]
    followed = crm.store.stretch(limit=9_999).changes
    told = [[one.to_data() for one in some] for some in (log, followed, crm.feed(limit=9_999))]
    return json.dumps([told, records, gone]) + repr(log)


def merged(contact: Contact, context: Context[Any], *, into: str) -> Change[Contact]:
    """A contact merged into another, as a merge would write it."""
    return context.changed(contact, "merged", merged_into=into, deleted_at=context.at)


def merge(crm: CRM, loser: Contact, into: Contact) -> None:
    """Merge two contacts."""
    crm.commit(crm.contacts.propose(merged, loser, into=into.id))


# --- everything goes ------------------------------------------------------------------------------------------------

PERSON: dict[str, Any] = {
    "name": CANARY,
    "given_name": "Canarina",
    "family_name": "Bellflower",
    "job_title": "Canarina's chief",
    "email": MAIL,
    "phone": NUMBER,
    "emails": {"Canarina home": f"home.{MAIL}"},
    "phones": {"Canarina home": "020 7946 0778"},
    "addresses": {"Canarina home": Address(street="12 Canarina Street", city="Bellflower")},
    "external": {"hub": "Canarina-1"},
}
BITS = [*PERSON, "custom"]
NAMED = {"name", "email", "phone", "emails", "phones"}


def told(bits: Sequence[str], number: int, diet: bool = True) -> dict[str, Any]:
    """Some of what there is to know of a person."""
    known = {bit: PERSON[bit] for bit in bits if bit in PERSON}
    if "external" in known:
        known["external"] = {"hub": f"Canarina-{number}"}
    if "custom" in bits and diet:
        known["custom"] = {"diet": "Canarina eats flowers"}
    return known if NAMED & known.keys() else {**known, "email": f"{number}.{MAIL}"}


some = st.lists(st.sampled_from(BITS), unique=True, max_size=len(BITS))
flags = st.lists(st.booleans(), min_size=9, max_size=9)


def grown(crm: CRM, person: Sequence[str], again: Sequence[str], loser: Sequence[str], yes: Sequence[bool]) -> Contact:
    """A business in which a person has left traces everywhere."""
    lead = crm.leads.capture(**told(person, 1))
    crm.given(reason="Canarina asked").touchpoints.log(lead, channel="phone", topic="Canarina", summary="Canarina said")
    lead = crm.given(key="Canarina's key", reason="Canarina is keen").leads.qualify(lead)
    opened = {"opportunity": yes[0], **({"amount": 100} if yes[0] else {})}
    _, ada, deal = crm.given(reason="Canarina signs").leads.convert(lead, **opened)
    ada = crm.contacts.update(ada, **{key: value for key, value in told(again, 2).items() if key != "external"})
    if yes[1]:
        merge(crm, crm.contacts.add(**told(loser, 3)), ada)
    if yes[2]:
        note = crm.notes.add(ada, "Canarina likes roofs", custom={"mood": "Canarina smiles"})
        note = crm.notes.update(note, text="Canarina loves roofs")
        note = crm.notes.delete(note) if yes[3] else note
    if deal is not None:
        likes = {"buyer_likes": "Canarina likes red", "why": f"sold to {CANARY}" if "name" in person else "sold"}
        deal = crm.opportunities.update(deal, custom=likes)
        if "name" in person:
            crm.notes.add(deal, f"Call {CANARY.upper()}, not the boss")
            crm.given(reason=f"{CANARY}'s boss said no").opportunities.lose(deal, reason="price")
        if yes[4]:
            crm.given(by="bob").orders.add(customer=ada, ordered_on="2026-01-05", lines=[{"price": 5}])
    if yes[5]:
        ada = crm.contacts.update(ada, name=None, email=f"new.{MAIL}")
    if yes[6]:
        crm.contacts.delete(ada)
    return ada


@pytest.mark.slow
@settings(max_examples=25)
@given(person=some, again=some, loser=some, yes=flags, file=st.booleans())
def test_nothing_personal_is_left(
    person: list[str], again: list[str], loser: list[str], yes: list[bool], *, file: bool
) -> None:
    """In no reading at any moment, in no column, no search and no export; all the rest is as it was."""
    with tempfile.TemporaryDirectory() as folder:
        clock, ids = TickingClock("2026-11-02T09:00Z", timedelta(seconds=1)), CountingIds()
        path = str(Path(folder) / "crm.db")
        with CRM(path if file else None, playbook=PLAYBOOK, clock=clock, new_id=ids, by="ana") as crm:
            bystander = crm.contacts.add(name="Rose", email="rose@flowers.example", custom={"diet": "none"})
            ada = grown(crm, person, again, loser, yes)
            before, cuts = crm.store.changes(), [crm.store.last()[0]]
            assert "anar" in shown(crm)
            erasure = crm.given(reason="asked on 2 November").erase(ada if yes[7] else ada.id)
            log = crm.store.changes()
            cuts.append(crm.store.last()[0])

            assert erasure
            for text in (shown(crm), str(erasure), repr(erasure), json.dumps(crm.subject(ada).to_data())):
                assert "anar" not in text.lower()
            for word in ("canarina", "bellflower", MAIL, "79460777"):
                assert not crm.search(word)
            for at in {change.at for change in log}:
                view = crm.as_of(at)
                past = [one for kind in crm.kinds.values() for one in view.desk(kind.cls).each()]
                assert "anar" not in json.dumps([one.to_data() for one in past])
            assert "anar" not in json.dumps([dict(one.sets)["name"] for one in log if "name" in one.sets])
            kept = ("kind", "id", "version", "what", "at", "by", "seq", "commit", "recorded_at", "late", "playbook")
            for old, new in zip(before, log, strict=False):
                assert all(getattr(old, name) == getattr(new, name) for name in kept)
                assert all(old.sets.get(name) == new.sets.get(name) for name in ("amount", "status", "stage", "source"))
            assert crm.contacts.get(bystander.id) == bystander
            assert crm.store.kept(crm.given(key="Canarina's key").key("qualify", "lead", 1)) is None  # type: ignore[arg-type]
            assert [one.reason for one in log[len(before) :]] == ["asked on 2 November"] * (len(log) - len(before))
            assert crm.verify(), str(crm.verify())

            assert not crm.erase(ada)
            assert crm.store.changes() == log
            assert crm.purge()
            if file:
                for each in Path(folder).iterdir():
                    assert b"anar" not in each.read_bytes().lower(), each


def test_a_file_holds_the_bytes_until_it_is_purged(tmp_path: Path) -> None:
    """The control: without a purge they are there; and while somebody reads the old state it is pending."""
    path, name = tmp_path / "crm.db", CANARY.encode()

    def found() -> int:
        return sum(each.read_bytes().count(name) for each in tmp_path.iterdir())

    from crmcore.stores.sqlite import SqliteStore

    with CRM(SqliteStore(str(path), busy_seconds=0.05)) as crm, closing(sqlite3.connect(path)) as reader:
        many = [crm.contacts.add(name=f"{CANARY} {number}", job_title=CANARY * 500) for number in range(20)]
        crm.store.purge()
        assert found() > 0
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM crm_contact").fetchone() == (20,)
        for ada in many:
            crm.erase(ada)
        assert found() > 0
        purged = crm.purge()
        assert not purged
        assert "somebody still reads what was there before" in str(purged)
        reader.execute("COMMIT")
        assert found() > 0
        assert crm.purge().done
        assert found() == 0
        assert crm.verify()

        reader.execute("BEGIN IMMEDIATE")
        assert crm.purge().pending == "another process is writing; purge again later"
        reader.execute("ROLLBACK")
        with crm.store._file.writing():  # type: ignore[attr-defined]
            assert crm.purge().pending == "a transaction is open; purge again once it has ended"


# --- whom and what --------------------------------------------------------------------------------------------------


@pytest.fixture
def crm(open_crm: Callable[..., CRM]) -> CRM:
    """A CRM in which people work, in memory and in a file."""
    return open_crm(playbook=PLAYBOOK, by="ana")


def test_a_lead_and_a_loser_are_the_person(crm: CRM) -> None:
    """Whichever is erased, all of them are."""
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", email="ada@x.example"))
    ada = crm.leads.convert(lead).contact
    loser = crm.contacts.add(name="A. Lovelace", email="al@x.example")
    merge(crm, loser, ada)
    stranger = crm.leads.capture(name="Ada", email="other@x.example")

    for one in (lead, loser, ada):
        subject = crm.subject(one)
        assert subject.id == ada.id
        assert [held.record.id for held in subject.holdings if held.role == "own"] == [ada.id, loser.id, lead.id]
    erasure = crm.erase(lead.id)
    assert erasure.subject == ada.id
    assert erasure.records.keys() >= {ada.id, loser.id, lead.id}
    assert crm.leads.get(stranger.id) == stranger


def test_a_person_without_a_conversion_is_just_that(crm: CRM) -> None:
    """A lead that became nobody."""
    lead = crm.leads.capture(name="Ada", company="Ada & Sons", website="engines.example")
    crm.erase(lead)
    lead = crm.leads.get(lead.id)
    assert (lead.name, lead.company, lead.website) == (None, None, "engines.example")


def test_who_works_here_is_erased_without_what_they_look_after(crm: CRM) -> None:
    """Contacts and deals have their own people; notes about the person go."""
    ana = crm.staff.add(name="Ana Silva", email="ana@acme.example")
    contact = crm.contacts.add(name="Rose", owner=ana.id)
    deal = crm.opportunities.add(name="Roof", owner=ana.id, custom={"buyer_likes": "red"})
    note = crm.notes.add(ana, "On leave.")
    erasure = crm.erase(ana)

    assert erasure.records == {ana.id: ("email", "name"), note.id: ("text",)}
    assert (crm.staff.get(ana.id).name, crm.staff.get(ana.id).email) == ("[erased]", None)
    assert crm.contacts.get(contact.id) == contact
    assert crm.opportunities.get(deal.id) == deal


def test_of_what_is_no_person_the_declared_goes(crm: CRM) -> None:
    """Of an account its addresses, whose fields are personal, and what was said about it; its people stay."""
    home = Address(street="1 High St", city="London")
    acme = crm.accounts.add(name="Acme", email="info@acme.example", addresses={"main": home, "old": home})
    acme = crm.accounts.update(acme, addresses={"old": None})
    ada = crm.contacts.add(name="Ada", account=acme)
    note = crm.notes.add(acme, "Closed in August.")
    deal = crm.opportunities.add(name="Acme roof", account=acme.id, custom={"buyer_likes": "red"})
    erasure = crm.erase(acme)

    assert erasure.records == {acme.id: ("addresses",), note.id: ("text",)}
    assert erasure.suppressed == 0
    now = crm.accounts.get(acme.id)
    assert (now.name, now.email, now.addresses) == ("Acme", "info@acme.example", {"main": Address()})
    assert crm.contacts.get(ada.id).name == "Ada"
    assert crm.opportunities.get(deal.id) == deal
    assert not crm.erase(acme)
    assert "London" not in repr(crm.store.changes()) + json.dumps([one.to_data() for one in crm.store.changes()])
    assert crm.accounts.add(name="Acme 2", email="info@acme.example").version == 1


def test_free_text_in_which_the_person_is_named(crm: CRM) -> None:
    """Goes from what is dealt with them; where they are not named it stays, and so do choices and keys."""
    ada = crm.contacts.add(name="Price", email="ada@x.example", external={"hub": "7"})
    deal = crm.opportunities.add(name="Roof for PRICE", contact=ada.id, external={"erp": "deal of ada@x.example"})
    other = crm.opportunities.add(name="Pricey roof", contact=ada.id, external={"erp": "8"})
    deal = crm.opportunities.lose(deal, reason="price", note="Price has no money")
    calls = [crm.notes.add(other, text) for text in ("Price called", "The roof leaks", "pricey!")]
    stranger = crm.opportunities.add(name="Price list")
    erasure = crm.erase(ada)

    assert erasure.records == {
        ada.id: ("email", "external", "name"),
        deal.id: ("external", "lost_note", "lost_reason", "name"),
        calls[0].id: ("text",),
    }
    now = crm.opportunities.get(deal.id)
    assert (now.name, now.lost_note, now.status, dict(now.external)) == ("[erased]", None, "lost", {})
    assert crm.opportunities.get(other.id) == other
    assert crm.opportunities.get(stranger.id) == stranger
    assert [one.text for one in crm.notes.of(other)].count("[erased]") == 1


def test_short_names_are_not_looked_for(crm: CRM) -> None:
    """They stand in many texts."""
    bo = crm.contacts.add(name="Bo")
    deal = crm.opportunities.add(name="Bo", contact=bo.id)
    assert crm.erase(bo).records == {bo.id: ("name",)}
    assert crm.opportunities.get(deal.id).name == "Bo"


def test_a_custom_field_that_was_ever_personal_is_erased(crm: CRM) -> None:
    """Whatever later playbooks say of it, or whether they know it at all."""
    ada = crm.contacts.add(name="Ada", custom={"diet": "fish", "region": "north", "nickname": "Countess"})
    crm.adopt(Playbook(custom={"contact": {"diet": KEPT, "region": KEPT}}))
    assert crm.erase(ada).records == {ada.id: ("custom.diet", "custom.nickname", "name")}
    assert crm.contacts.get(ada.id).custom == {"region": "north"}


def test_reasons_go_with_the_act_they_were_given_for(crm: CRM) -> None:
    """Also from the account and the deal it made; those of a load stay, but for the person's own."""
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", company="Engines", email="ada@x.example"))
    done = crm.given(reason="she is ill, so hurry").leads.convert(lead)
    assert done.account is not None
    crm.given(reason="a good year").accounts.update(done.account, website="x.example")
    rows = [{"id": str(number), "name": f"Person {number:03}"} for number in range(SAID_ONCE + 1)]
    crm.given(reason="from the fair").contacts.load(rows, key="id")
    erasure = crm.erase(done.contact)
    person = crm.contacts.external("csv", "7")
    assert person is not None
    of_load = crm.erase(person)

    reasons = [change.reason for change in crm.store.changes()]
    assert "she is ill" not in str(reasons)
    assert reasons.count("a good year") == 1
    assert reasons.count("from the fair") == SAID_ONCE
    assert (erasure.reasons, of_load.reasons) == (3, 0)
    assert "3 reasons of other changes" in str(erasure)


def test_where_only_a_reason_is_left_it_goes(crm: CRM) -> None:
    """What is said of somebody who was erased is erased as well, and told at their record."""
    ada = crm.contacts.add(name="Ada")
    crm.erase(ada)
    crm.given(reason="Ada came back").touchpoints.log(ada, channel="phone")
    erasure = crm.erase(ada)

    assert (erasure.records, erasure.reasons) == ({ada.id: ()}, 1)
    assert f"{ada.id}: its reasons" in str(erasure)
    assert [change.what for change in crm.history(ada)] == ["added", "erased", "erased"]
    crm.given(reason="Ada again").contacts.update(ada.id, source="fair")
    assert (crm.erase(ada).reasons, crm.erase(ada).commit) == (0, None)
    assert "Ada" not in repr(crm.store.changes())


@part
class Guest:
    """Somebody at a dinner."""

    who: str | None = field(default=None, references="contact")
    wish: str | None = field(default=None, personal=True)
    seat: int = field()


@record("dinner")
class Dinner(Record):
    """A host's own kind, with people in parts."""

    host: str = field(default="", personal=True)
    guests: tuple[Guest, ...] = field(default=())
    toast: str | None = field(default=None)


@record("patient")
class Patient(Record):
    """A host's own kind of person."""

    number: str = field(unique=True, personal=True)
    phone: str | None = field(default=None, personal=True)


def test_own_kinds_are_erased_as_they_declare(open_crm: Callable[..., CRM]) -> None:
    """In parts only what is personal goes; two people who must have a unique value may both be erased."""
    crm = open_crm(kinds=[Dinner, Patient])
    ada = crm.contacts.add(name="Ada")
    one, two = Guest(who=ada.id, wish="fish", seat=1), Guest(wish="salt", seat=2)
    dinner = crm.desk(Dinner).add(host="Charles", guests=[one, two], toast="to Ada!")
    other = crm.desk(Dinner).add(host="Mary", guests=[two], toast="to Ada!")
    crm.erase(ada)
    now = crm.desk(Dinner).get(dinner.id)
    assert (now.host, now.toast, now.guests) == ("", None, (Guest(who=ada.id, seat=1), Guest(seat=2)))
    assert crm.desk(Dinner).get(other.id) == other

    ill = [crm.desk(Patient).add(number=number, phone=f"020 7946 000{number}") for number in "12"]
    assert [crm.erase(one).suppressed for one in ill] == [1, 1]
    assert [crm.desk(Patient).get(one.id).number for one in ill] == [f"[erased] {one.id}" for one in ill]
    assert [bool(crm.erase(one)) for one in ill] == [False, False]


# --- they do not come back ------------------------------------------------------------------------------------------


@pytest.fixture
def gone(crm: CRM) -> Contact:
    """Somebody who was erased."""
    ada = crm.contacts.add(
        name="Ada", email="Ada@Engines.example", phones={"home": "020 7946 0018"}, external={"hub": "7"}
    )
    crm.contacts.update(ada, email="new@engines.example")
    assert crm.erase(ada).suppressed == 4
    return ada


WAYS: list[Callable[[CRM], object]] = [
    lambda crm: crm.contacts.add(name="x", email="ada@engines.EXAMPLE"),
    lambda crm: crm.contacts.add(name="x", emails={"work": "new@engines.example"}),
    lambda crm: crm.leads.capture(name="x", phone="+44 (0)20 7946 0018"),
    lambda crm: crm.leads.add(name="x", phones={"a": "0044 20 7946 0018"}),
    lambda crm: crm.contacts.upsert(("hub", "7"), name="x"),
    lambda crm: crm.contacts.upsert(("hub", "8"), name="x", email="ada@engines.example"),
    lambda crm: crm.contacts.update(crm.contacts.add(name="x"), email="ada@engines.example"),
    lambda crm: crm.contacts.load([{"id": "1", "email": "ada@engines.example"}], key="id", on_error="raise"),
]


@pytest.mark.parametrize("way", WAYS, ids=map(str, range(len(WAYS))))
def test_who_was_erased_is_not_taken_in_again(crm: CRM, gone: Contact, way: Callable[[CRM], object]) -> None:
    """By whatever way, and however the address is spelled; the message names how to lift it, and nothing personal."""
    with pytest.raises(Invalid) as caught:
        way(crm)
    text = str(caught.value)
    assert "that was not erased" in text
    assert 'crm.given(reason="…").unsuppress(' in text
    assert "ngines" not in text.lower()
    assert "0018" not in text


def test_a_load_reports_them_and_takes_the_rest(crm: CRM, gone: Contact) -> None:
    """By their columns."""
    rows = [
        {"id": "7", "name": "Ada"},
        {"id": "8", "name": "Ada", "E-mail": "ada@engines.example"},
        {"id": "9", "name": "Rose", "E-mail": "rose@x.example"},
    ]
    report = crm.contacts.load(rows, key="id", system="hub", columns={"name": "name", "email": "E-mail"})
    assert (report.kept, report.rejected) == (1, 2)
    assert [(one.row, one.column, one.value) for one in report.rejections] == [(1, "id", "•••"), (2, "E-mail", "•••")]
    again = crm.contacts.load(rows, key="id", system="hub", columns={"name": "name", "email": "E-mail"})
    assert (again.unchanged, again.rejected) == (1, 2)


def test_others_are_taken_in(crm: CRM, gone: Contact) -> None:
    """Companies, other ids, short numbers, and what was there already may change."""
    crm.accounts.add(name="Engines", email="ada@engines.example", external={"hub": "7"})
    crm.leads.capture(name="x", external={"hub": "7"})
    crm.contacts.add(name="x", phone="0018", external={"other": "7"})
    crm.contacts.update(gone.id, source="fair")
    with crm.batch() as batch, pytest.raises(Invalid):
        batch.contacts.add(name="x", email="ada@engines.example")


def test_a_suppression_is_lifted_with_a_reason(crm: CRM, gone: Contact) -> None:
    """Once; and the next erasure brings it back."""
    known: list[dict[str, Any]] = [
        {"email": " ADA@engines.example"},
        {"phone": "020-7946-0018"},
        {"external": ("contact", "hub", "7")},
    ]
    because = crm.given(reason="became a customer again")
    for one in known:
        assert crm.suppressed(**one)
        with pytest.raises(Invalid, match="reason"):
            crm.unsuppress(**one)
        lifted = because.unsuppress(**one)
        assert isinstance(lifted, Suppression)
        assert not crm.suppressed(**one)
        with pytest.raises(NotFound):
            because.unsuppress(**one)
    assert [change.reason for change in crm.history(lifted)][-1] == "became a customer again"

    back = crm.contacts.add(name="Ada", email="ada@engines.example", external={"hub": "7"})
    assert crm.erase(back).suppressed == 2
    assert crm.suppressed(email="ada@engines.example")


def test_lifting_under_a_key_happens_once(crm: CRM, gone: Contact) -> None:
    """The same key gives the first result again; the key's fingerprint tells nothing."""
    because = crm.given(reason="back", key="k")
    first = because.unsuppress(email="ada@engines.example")
    assert because.unsuppress(email="ada@engines.example") == first
    with pytest.raises(Conflict):
        because.unsuppress(email="new@engines.example")


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"email": "a@b.c", "phone": "020 7946 0018"},
        {"email": 7},
        {"email": ""},
        {"email": "a@b.c\x00"},
        {"phone": "12"},
        {"external": "7"},
        {"external": ("contact", "hub")},
        {"external": ("contact", "hub", 7)},
    ],
    ids=repr,
)
def test_what_nobody_is_known_by_is_refused(crm: CRM, known: dict[str, Any]) -> None:
    """Without telling what it was."""
    for ask in (crm.suppressed, crm.given(reason="x").unsuppress):
        with pytest.raises(Invalid) as caught:
            ask(**known)
        assert "a@b.c" not in str(caught.value)


def test_a_suppression_is_written_by_erasures_alone(crm: CRM, gone: Contact) -> None:
    """And lifted with a reason; nobody was suppressed where nobody was erased."""
    suppression = next(iter(crm.desk(Suppression).each()))
    for write in (
        lambda: crm.desk(Suppression).delete(suppression),
        lambda: crm.desk(Suppression).add(way="email", hash="x"),
        lambda: crm.desk(Suppression).update(suppression, hash="x"),
    ):
        with pytest.raises(NotAllowed):
            write()
    other = crm.given(tenant="other")
    assert not other.suppressed(email="ada@engines.example")
    with pytest.raises(NotFound):
        other.given(reason="x").unsuppress(email="ada@engines.example")


def test_each_tenant_has_a_key_of_its_own(crm: CRM) -> None:
    """So the same address has another hash for each; without the key nobody can try."""
    there = crm.given(tenant="there")
    hashes = []
    for one in (crm, there):
        one.erase(one.contacts.add(email="ada@engines.example"))
        hashes.append({suppression.hash for suppression in one.desk(Suppression).each()})
        secret = one.store.secret()
        assert secret is not None
        assert len(secret) == 32
        assert hashes[-1] == {digest(secret, Mark("email", "ada@engines.example"))}
        assert secret.hex() not in shown(one)
        assert repr(secret) not in shown(one)
    assert hashes[0].isdisjoint(hashes[1])
    assert crm.contacts.count() == there.contacts.count() == 1


def test_another_tenant_is_left_alone(crm: CRM) -> None:
    """Their records, their keys, their log."""
    there = crm.given(tenant="there")
    theirs = there.contacts.add(name="Ada", email="ada@engines.example")
    log = there.store.changes()
    crm.erase(crm.contacts.add(name="Ada", email="ada@engines.example"))
    assert there.store.changes() == log
    assert there.contacts.get(theirs.id) == theirs
    assert there.contacts.add(name="Ada 2", email="ada@engines.example").version == 1


# --- its place among the other acts -----------------------------------------------------------------------------------


def test_an_erasure_can_not_be_undone(crm: CRM) -> None:
    """Neither itself, nor what happened to the person before; both are told why."""
    ada = crm.contacts.add(name="Ada")
    first = crm.history(ada)[0].commit
    erasure = crm.erase(ada)
    assert erasure.commit is not None
    with pytest.raises(NotAllowed, match="erased values, which are gone"):
        crm.undo(erasure.commit)
    with pytest.raises(NotAllowed) as caught:
        crm.undo(first)
    assert f"contact {ada.id}" in str(caught.value)
    assert "what was erased is gone" in str(caught.value)
    ada = crm.contacts.update(ada.id, source="fair")
    crm.undo(crm.history(ada)[-1].commit)
    assert crm.contacts.get(ada.id).source is None


def test_an_erasure_is_a_commit_of_its_own(crm: CRM) -> None:
    """Not of a batch, not of the past, under no key."""
    ada = crm.contacts.add(name="Ada")
    with crm.batch() as batch:
        for act in (lambda: batch.erase(ada), batch.purge):
            with pytest.raises(NotAllowed):
                act()
    past = crm.as_of("2026-11-02")
    for act in (lambda: past.erase(ada), lambda: past.subject(ada), past.purge, lambda: past.unsuppress(email="a@b.c")):
        with pytest.raises(NotAllowed):
            act()
    for given_ in (crm.given(at="2026-11-01"), crm.given(key="k")):
        with pytest.raises(NotAllowed, match="an erasure is a commit of its own"):
            given_.erase(ada)
    with pytest.raises(NotFound):
        crm.erase("contact_nobody")
    assert crm.contacts.get(ada.id) == ada


def test_supposing_somebody_were_erased(crm: CRM) -> None:
    """In thought only: neither the records nor the suppressions nor the key are written."""
    ada = crm.contacts.add(name="Ada", email="ada@x.example")
    log = crm.store.changes()
    with crm.suppose() as what_if:
        assert what_if.erase(ada)
        assert what_if.contacts.get(ada.id).name is None
        assert what_if.suppressed(email="ada@x.example")
        assert what_if.purge()
        assert not what_if.erase(ada)
    assert crm.store.changes() == log
    assert crm.store.secret() is None
    assert crm.contacts.get(ada.id) == ada


def test_followers_learn_of_it(crm: CRM) -> None:
    """As of any change; and who begins anew gets the scrubbed log."""
    ada = crm.contacts.add(name="Ada", email="ada@x.example")
    cursor = crm.store.stretch(limit=99).cursor
    erasure = crm.erase(ada)
    news = crm.store.stretch(cursor, limit=99).changes
    assert (news[0].id, news[0].what, sorted(news[0].sets)) == (ada.id, "erased", ["email", "name"])
    assert {one.commit for one in news} == {erasure.commit}
    assert "Ada" not in json.dumps([one.to_data() for one in crm.store.stretch(limit=99).changes])
    assert crm.provenance(ada.id) == {}


class Restless(MemoryStore):
    """Somebody writes a note just before an erasure, so many times."""

    times = 0
    crm: CRM

    def erase(self, erasures: Sequence[Change[Any]], **told: Any) -> Commit:  # noqa: ANN401 - as the store takes it
        """An erasure that somebody else was quicker than."""
        if self.times:
            self.times -= 1
            self.crm.notes.add(next(self.crm.contacts.each()), "Ada called")
        return super().erase(erasures, **told)


@pytest.mark.parametrize(("times", "lost"), [(1, False), (4, False), (5, True)])
def test_what_is_written_meanwhile_is_erased_too(times: int, *, lost: bool) -> None:
    """It is tried again; time and again, until it is given up."""
    crm = CRM(Restless())
    ada, store = crm.contacts.add(name="Ada"), crm.store
    assert isinstance(store, Restless)
    store.crm, store.times = crm, times
    if lost:
        with pytest.raises(Conflict):
            crm.erase(ada)
    assert crm.erase(ada).records.keys() > {ada.id}
    assert "called" not in json.dumps([one.to_data() for one in store.changes()])


# --- what it tells ----------------------------------------------------------------------------------------------------


def test_what_is_kept_is_told(crm: CRM) -> None:
    """As plain data: every record with its history, and which of its fields are personal."""
    ada = crm.contacts.add(name="Ada", email="ada@x.example", custom={"diet": "fish"})
    ada = crm.contacts.update(ada, email="new@x.example")
    deal = crm.opportunities.add(name="Roof", contact=ada.id, amount=10)
    note = crm.notes.add(ada, "Prefers letters.")
    crm.notes.add(deal, "Roof leaks.")
    crm.notes.add(deal, "Call Ada.")
    subject = crm.subject(ada)
    data = json.loads(json.dumps(subject.to_data()))

    assert data["subject"] == ada.id
    assert [(one["role"], one["kind"], one["personal"]) for one in data["records"]] == [
        ("own", "contact", ["name", "email", "custom.diet"]),
        ("about", "note", ["text"]),
        ("dealing", "opportunity", []),
        ("near", "note", ["text"]),
    ]
    assert [one["sets"].get("email") for one in data["records"][0]["history"]] == ["ada@x.example", "new@x.example"]
    assert data["records"][1]["record"]["text"] == note.text
    assert data["records"][2]["record"]["amount"] == {"amount": "10.00", "currency": "USD"}
    assert "Ada" not in repr(subject)
    assert "ada@" not in repr(subject)


def test_an_erasure_reads_well(crm: CRM) -> None:
    """Who was erased when and by whom, and what; nothing that is personal."""
    ada = crm.contacts.add(name="Ada", emails={"Ada's": "ada@x.example"}, custom={"diet": "fish"})
    erasure = crm.given(reason="asked").erase(ada)
    assert isinstance(erasure, Erasure)
    assert repr(erasure) == f"Erasure({ada.id}: 3 fields of 1 records)"
    assert str(erasure) == (
        f"{ada.id} was erased at 2026-11-02 09:00 UTC by ana: 3 fields of 1 records, in {erasure.commit}\n"
        f"  {ada.id}: custom.diet, emails, name\n"
        "  1 addresses, numbers or ids may not come back; unsuppress() allows one again"
    )
    nothing = crm.erase(ada)
    assert (repr(nothing), bool(nothing)) == (f"Erasure({ada.id}: nothing to erase)", False)
    assert str(nothing) == f"{ada.id}: nothing to erase, nothing was written"
    anonymous = CRM()
    person = anonymous.contacts.add(name="Ada")
    assert "by" not in str(anonymous.erase(person)).split(":")[0].split()
    assert erasure.to_data()["records"] == {ada.id: ["custom.diet", "emails", "name"]}


def test_filters_and_figures_go_on(crm: CRM) -> None:
    """Deals keep their amounts and stages, and lead to the person who has no name any more."""
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", email="ada@x.example"))
    _, ada, deal = crm.leads.convert(lead, amount=12_000)
    assert deal is not None
    deal = crm.opportunities.advance(deal, to="proposal")
    before = crm.analytics.pipeline()
    crm.erase(ada)
    assert crm.analytics.pipeline() == before
    assert [one.name for one in crm.opportunities.find(F.contact == ada.id)] == ["[erased]"]
    assert crm.contacts.get(ada.id).account is None
