"""Batches and suppositions: several acts at once, or not at all, or only in thought."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from crmcore import (
    CRM,
    Closed,
    Conflict,
    Duplicate,
    F,
    Invalid,
    Money,
    NotAllowed,
    NotFound,
    Pipeline,
    Playbook,
    SalesRules,
    Stage,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER = Playbook(
    sales=SalesRules(pipelines=(Pipeline("p", [Stage("a"), Stage("won", kind="won"), Stage("no", kind="lost")]),))
)


# --- batch ------------------------------------------------------------------------------------------------------------


def test_a_batch_is_one_commit(crm: CRM) -> None:
    """What was done in it refers to each other, and is there with the versions it had within."""
    with crm.batch() as batch:
        acme = batch.accounts.add(name="Acme")
        deal = batch.opportunities.add(name="Roof", account=acme.id, amount=100)
        deal = batch.opportunities.advance(deal, to="proposal")
        assert crm.accounts.count() == 0
        assert batch.opportunities.count(F.account == acme.id) == 1
        assert [change.what for change in batch.history(deal)] == ["opened", "advanced"]

    assert crm.accounts.get(acme.id) == acme
    assert crm.opportunities.get(deal.id) == deal
    assert len({change.commit for change in (*crm.history(acme), *crm.history(deal))}) == 1
    assert crm.verify()


def test_an_error_leaves_everything_as_it_was(crm: CRM) -> None:
    """Whatever happened before it."""
    acme = crm.accounts.add(name="Acme")
    before = crm.store.last()

    def work() -> None:
        with crm.batch() as batch:
            batch.accounts.update(acme, name="Acme Ltd")
            batch.opportunities.add(name="")

    with pytest.raises(Invalid):
        work()
    assert (crm.store.last(), crm.accounts.get(acme.id)) == (before, acme)


def test_an_empty_batch_writes_nothing(crm: CRM) -> None:
    """Not even a playbook."""
    with crm.batch():
        pass
    assert crm.store.last() == ("0", None)


def test_a_batch_says_who_and_why(crm: CRM) -> None:
    """As given, outside or within."""
    with crm.given(by="ana", reason="fair").batch() as batch:
        acme = batch.accounts.add(name="Acme")
        bolt = batch.given(by="ben", at="2026-11-01").accounts.add(name="Bolt")
    ((one,), (two,)) = crm.history(acme), crm.history(bolt)

    assert (one.by, one.reason) == ("ana", "fair")
    assert (two.by, two.reason, two.at.day) == ("ben", "fair", 1)


def test_what_moved_on_meanwhile_is_a_conflict(crm: CRM) -> None:
    """And nothing of the batch is written."""
    acme = crm.accounts.add(name="Acme")

    def work() -> None:
        with crm.batch() as batch:
            batch.accounts.update(acme, name="Acme Ltd")
            batch.accounts.add(name="Bolt")
            crm.accounts.update(acme, name="Acme SE")

    with pytest.raises(Conflict):
        work()
    assert [account.name for account in crm.accounts.find()] == ["Acme SE"]


def test_a_value_taken_meanwhile_is_a_duplicate(crm: CRM) -> None:
    """So is one taken before, at once."""
    crm.accounts.add(name="Acme", number="1")

    def work(number: str) -> None:
        with crm.batch() as batch:
            batch.accounts.add(name="Bolt", number=number)
            crm.accounts.add(name="Core", number="2")

    with pytest.raises(Duplicate):
        work("1")
    with pytest.raises(Duplicate):
        work("2")
    assert crm.accounts.count() == 2


def test_two_records_may_swap_a_value(crm: CRM) -> None:
    """In one batch, though each holds what the other takes."""
    one, two = crm.accounts.add(name="1", number="1"), crm.accounts.add(name="2", number="2")
    with crm.batch() as batch:
        batch.accounts.update(one.id, number=None)
        batch.accounts.update(two.id, number="1")
        batch.accounts.update(one.id, number="2")

    assert (crm.accounts.get(one.id).number, crm.accounts.get(two.id).number) == ("2", "1")


def test_a_reference_deleted_meanwhile_is_refused(crm: CRM) -> None:
    """What is written is checked when it is written."""
    acme = crm.accounts.add(name="Acme")

    def work() -> None:
        with crm.batch() as batch:
            batch.opportunities.add(name="Roof", account=acme.id)
            crm.accounts.delete(acme)

    with pytest.raises(Invalid, match="the id of a live account"):
        work()


def test_batches_nest(crm: CRM) -> None:
    """The inner one is part of the outer one, or is thrown away alone."""
    with crm.batch() as outer:
        acme = outer.accounts.add(name="Acme")
        with outer.batch() as inner:
            inner.accounts.update(acme, name="Acme Ltd")
        assert outer.accounts.get(acme.id).name == "Acme Ltd"
        with pytest.raises(Invalid), outer.batch() as inner:
            inner.accounts.add(name=inner.accounts.add(name="Bolt"))
        assert crm.accounts.count() == 0

    assert [account.name for account in crm.accounts.find()] == ["Acme Ltd"]
    assert len({change.commit for change in crm.history(acme)}) == 1


def test_a_batch_takes_no_key(crm: CRM) -> None:
    """Nor do the acts within; single acts outside of it do."""
    with pytest.raises(NotAllowed, match="a batch has no idempotency key"), crm.given(key="k").batch():
        pass
    with crm.batch() as batch, pytest.raises(NotAllowed, match="give keys to single acts outside of a batch"):
        batch.given(key="k")


def test_a_playbook_is_not_adopted_in_a_batch(crm: CRM) -> None:
    """It comes before."""

    def work() -> None:
        with crm.batch() as batch:
            batch.adopt(OTHER)
            batch.accounts.add(name="Acme")

    with pytest.raises(NotAllowed, match="can't be adopted in a batch"):
        work()
    assert crm.store.last() == ("0", None)


def test_a_conversion_within_a_batch(crm: CRM) -> None:
    """Acts that touch several records do too; and to take it back."""
    lead = crm.leads.qualify(crm.leads.capture(name="Ada", company="Acme"))
    with crm.batch() as batch:
        contact = batch.leads.convert(lead).contact
        batch.notes.add(contact, "converted")
    assert crm.leads.convert(lead).contact.id == contact.id
    commit = crm.history(lead)[-1].commit
    assert len(crm.undo(commit)) == 6
    assert crm.leads.get(lead.id).status == "qualified"


def test_a_batch_belongs_to_one_tenant(crm: CRM) -> None:
    """What was done for another one would be lost."""

    def work() -> None:
        with crm.batch() as batch:
            batch.accounts.add(name="Acme")
            batch.given(tenant="other").accounts.add(name="Bolt")

    with pytest.raises(NotAllowed, match="a batch belongs to one tenant"):
        work()
    assert crm.store.last() == ("0", None)


def test_an_undo_within_a_batch(crm: CRM) -> None:
    """Into an empty store; and beside others, who make it a conflict."""
    with crm.batch() as batch:
        acme = batch.accounts.add(name="Acme")
        batch.undo(batch.history(acme)[0].commit)
    assert crm.accounts.count() == 0

    def work() -> None:
        with crm.batch() as batch:
            bolt = batch.accounts.add(name="Bolt")
            batch.undo(batch.history(bolt)[0].commit)
            crm.accounts.add(name="Core")

    with pytest.raises(Conflict):
        work()


def test_a_batch_in_the_past_is_refused(crm: CRM) -> None:
    """A view of the past is read only."""
    with pytest.raises(NotAllowed, match="the past can't be changed"), crm.as_of("2026-11-01").batch():
        pass


# --- suppose ----------------------------------------------------------------------------------------------------------


def test_a_supposition_is_thrown_away(crm: CRM) -> None:
    """Figures are those of what is supposed."""
    deal = crm.opportunities.add(name="Roof", amount=12_000)
    before = crm.store.last()
    with crm.suppose() as what_if:
        what_if.opportunities.win(deal)
        what_if.opportunities.add(name="Gate", amount=1)
        assert what_if.analytics.pipeline().won_value == Money("12000", "USD")
        assert what_if.opportunities.count() == 2
        assert what_if.search("gate")
        assert crm.analytics.pipeline().won_value == Money(0, "USD")

    assert (crm.store.last(), crm.opportunities.find().items) == (before, (deal,))
    with pytest.raises(Closed):
        what_if.opportunities.count()


def test_a_supposition_may_adopt_another_playbook(crm: CRM) -> None:
    """Nobody else works by it."""
    with crm.suppose() as what_if:
        what_if.adopt(OTHER)
        assert what_if.opportunities.add(name="Roof").stage == "a"
    assert crm.playbook != OTHER
    assert crm.opportunities.add(name="Roof").stage == "qualification"


def test_a_supposition_may_be_asked_about_its_past(crm: CRM) -> None:
    """And undone."""
    acme = crm.accounts.add(name="Acme")
    with crm.suppose() as what_if:
        changed = what_if.accounts.update(acme, name="Acme Ltd")
        assert what_if.as_of("2026-11-01").accounts.count() == 0
        what_if.undo(what_if.history(changed)[-1].commit)
        assert what_if.accounts.get(acme.id).name == "Acme"
        assert what_if.verify()


def test_suppositions_do_not_know_each_other(crm: CRM) -> None:
    """Two of them at a time."""
    with crm.suppose() as one, crm.suppose() as other:
        made = one.accounts.add(name="Acme")
        with pytest.raises(NotFound):
            other.accounts.get(made.id)


def test_the_file_stays_as_it_is(workplace: Path) -> None:
    """To the byte."""
    with CRM("crm.db") as crm:
        deal = crm.opportunities.add(name="Roof")
    before = (workplace / "crm.db").read_bytes()
    with CRM("crm.db") as crm, crm.suppose() as what_if:
        what_if.opportunities.lose(deal, reason="price")
        what_if.leads.convert(what_if.leads.qualify(what_if.leads.capture(name="Ada")))
        what_if.opportunities.delete(deal.id)
    assert (workplace / "crm.db").read_bytes() == before


def test_a_store_of_ones_own_is_overlaid_too(open_crm: Callable[..., CRM]) -> None:
    """And every tenant of it."""
    crm = open_crm(tenant="north")
    acme = crm.accounts.add(name="Acme")
    with crm.suppose() as what_if:
        assert what_if.accounts.get(acme.id) == acme
        assert what_if.given(tenant="south").accounts.count() == 0


def test_provenance_says_where_every_value_comes_from(crm: CRM) -> None:
    """By field: the change that set it."""
    ada = crm.given(by="ana").contacts.add(name="Ada", emails={"home": "a@b.example"})
    ada = crm.given(by="ben", reason="fair").contacts.update(ada, job_title="Countess", emails={"home": "c@d.example"})
    found: dict[str, Any] = dict(crm.provenance(ada))

    assert {name: change.by for name, change in found.items()} == {
        "name": "ana",
        "emails.home": "ben",
        "job_title": "ben",
    }
    assert found["job_title"].reason == "fair"
    ada = crm.contacts.update(ada, job_title=None)
    assert "job_title" not in crm.provenance(ada.id)
