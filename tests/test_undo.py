"""Undo: a commit is taken back whole, or the refusal says what stands against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, Conflict, Duplicate, Invalid, NotAllowed, NotFound, Pipeline, Playbook, SalesRules, Stage
from crmcore.kernel import ANY, EMPTY, Desk, Record, field, kind_of, part, record
from crmcore.kernel.change import state_of
from crmcore.people import Account

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock


def last(crm: CRM, record: Record) -> str:
    """The commit a record was changed by last."""
    return crm.history(record)[-1].commit


def bare(record: Record | None) -> dict[str, Any] | None:
    """A record without its version."""
    return None if record is None else {name: value for name, value in state_of(record).items() if name != "version"}


def test_an_update_is_taken_back(crm: CRM) -> None:
    """Every field of it, members too."""
    acme = crm.accounts.add(name="Acme", emails={"billing": "a@b.example"}, external={"erp": "7"})
    changed = crm.accounts.update(
        acme, name="Acme Ltd", number="A-1", emails={"billing": "c@d.example", "press": "e@f.example"}
    )
    (back,) = crm.undo(last(crm, changed))

    assert bare(back) == bare(acme)
    assert back.version == 3
    assert crm.history(back)[-1].what == "undone"
    assert crm.accounts.get(acme.id) == back


def test_what_a_commit_made_is_deleted(crm: CRM) -> None:
    """And undoing that brings it back."""
    acme = crm.accounts.add(name="Acme", number="A-1")
    (gone,) = crm.undo(last(crm, acme))

    assert gone.deleted_at is not None
    assert crm.accounts.count() == 0
    (again,) = crm.undo(last(crm, gone))
    assert bare(again) == bare(acme)


def test_deleted_and_restored_are_taken_back(crm: CRM) -> None:
    """They are changes like any other."""
    acme = crm.accounts.delete(crm.accounts.add(name="Acme"))
    (back,) = crm.undo(last(crm, acme))

    assert back.deleted_at is None
    (gone,) = crm.undo(last(crm, crm.accounts.restore(crm.accounts.delete(back.id).id)))
    assert gone.deleted_at is not None


def test_a_whole_batch_is_taken_back(crm: CRM) -> None:
    """Several changes of one record at once."""
    acme = crm.accounts.add(name="Acme")
    with crm.batch() as batch:
        one = batch.accounts.update(acme, name="Acme 1")
        batch.accounts.update(one, name="Acme 2", number="7")
        made = batch.opportunities.add(name="Roof", account=acme.id)
    undone = crm.undo(last(crm, made))

    assert {record.id for record in undone} == {acme.id, made.id}
    assert bare(crm.accounts.get(acme.id)) == bare(acme)
    assert not crm.opportunities.exists()


def test_a_late_change_is_taken_back(crm: CRM, clock: TickingClock) -> None:
    """Though something later stands beside it."""
    acme = crm.accounts.add(name="Acme")
    clock.now = "2026-11-05T09:00Z"
    acme = crm.accounts.update(acme, name="Acme Ltd")
    clock.now = "2026-11-06T09:00Z"
    late = crm.given(at="2026-11-03").accounts.update(acme.id, name="Acme SE", website="acme.example")
    assert (late.name, late.website) == ("Acme Ltd", "acme.example")

    (back,) = crm.undo(crm.store.changes(id=acme.id, kind="account")[-1].commit)
    assert bare(back) == bare(acme)


def test_what_was_changed_since_is_named(crm: CRM) -> None:
    """Who did it, what and when; nothing is taken back."""
    acme = crm.given(by="ben").accounts.add(name="Acme")
    commit = last(crm, acme)
    acme = crm.given(by="ana").accounts.update(acme, name="Acme Ltd")

    with pytest.raises(NotAllowed, match="updated by ana at 2026-11-02T09:00:00") as error:
        crm.undo(commit)
    assert error.value.act == "undo"
    assert [problem.path for problem in error.value.problems] == [f"account {acme.id}"]
    assert crm.accounts.get(acme.id) == acme
    crm.accounts.update(acme, name="x")
    with pytest.raises(NotAllowed, match="got 'updated at"):
        crm.undo(crm.history(acme)[1].commit)


def test_what_refers_to_it_is_named(crm: CRM) -> None:
    """By a field of its own, a reference to anything, or a tag."""
    acme = crm.accounts.add(name="Acme")
    deal = crm.opportunities.add(name="Roof", account=acme.id)
    note = crm.notes.add(acme, "called")

    with pytest.raises(NotAllowed) as error:
        crm.undo(last(crm, acme))
    assert {problem.path for problem in error.value.problems} == {f"opportunity {deal.id}", f"note {note.id}"}
    crm.notes.delete(note)
    crm.opportunities.delete(deal)
    assert crm.undo(last(crm, acme))[0].deleted_at is not None


def test_a_tag_in_use_is_named(crm: CRM) -> None:
    """Though the tag's commit put it on the first record too."""
    acme, bolt = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bolt")
    crm.tags.put("VIP", acme)
    commit = last(crm, crm.accounts.get(acme.id))
    crm.tags.put("vip", bolt)

    with pytest.raises(NotAllowed) as error:
        crm.undo(commit)
    assert [problem.path for problem in error.value.problems] == [f"account {bolt.id}"]


@part
class Stop:
    """A stop on a tour."""

    account: str | None = field(default=None, references="account")
    about: str | None = field(default=None, references=ANY)


@record("tour")
class Tour(Record):
    """A tour, with references in its parts only."""

    start: Stop | None = field(default=None)
    then: tuple[Stop, ...] = field(default=())
    stops: Mapping[str, Stop] = field(default=EMPTY)


@pytest.mark.parametrize("named", ["account", "about"])
def test_what_refers_to_it_in_a_part_is_named(open_crm: Callable[..., CRM], named: str) -> None:
    """A single part, one of several, or one by name; but not what the same commit made."""
    crm = open_crm(kinds=[Tour])
    tours: Desk[Tour] = crm.desk(Tour)
    with crm.batch() as batch:
        acme = batch.accounts.add(name="Acme")
        batch.desk(Tour).add(start={named: acme})
    stop = {named: acme.id}
    made = [tours.add(start=stop), tours.add(then=[{}, stop]), tours.add(stops={"noon": stop})]
    tours.add(start={})

    with pytest.raises(NotAllowed, match="refers to it") as error:
        crm.undo(last(crm, acme))
    assert {problem.path for problem in error.value.problems} == {f"tour {one.id}" for one in made}
    for one in made:
        tours.delete(one)
    assert len(crm.undo(last(crm, acme))) == 2


def test_an_order_of_a_product_is_named(crm: CRM) -> None:
    """Its lines refer to it."""
    acme, rope = crm.accounts.add(name="Acme"), crm.products.add(name="Rope")
    order = crm.orders.add(customer=acme, ordered_on="2026-10-31", lines=[{"product": rope, "price": 5}])

    with pytest.raises(NotAllowed, match="refers to it") as error:
        crm.undo(last(crm, rope))
    assert [problem.path for problem in error.value.problems] == [f"order {order.id}"]


def test_a_tag_into_which_another_was_merged_is_named(crm: CRM) -> None:
    """The other one would vanish with it; when the merge is taken back, it may go."""
    vip, other = crm.tags.add(name="VIP"), crm.tags.add(name="V.I.P.")
    crm.tags.merge(other, into=vip)

    with pytest.raises(NotAllowed, match="was merged into it") as error:
        crm.undo(last(crm, vip))
    assert [problem.path for problem in error.value.problems] == [f"tag {other.id}"]
    crm.undo(last(crm, other))
    assert crm.undo(last(crm, vip))[0].deleted_at is not None


def test_one_outside_is_found_among_many_inside(crm: CRM) -> None:
    """However many of a commit refer to what it made."""
    with crm.batch() as batch:
        acme = batch.accounts.add(name="Acme")
        for number in range(30):
            batch.opportunities.add(name=f"Roof {number}", account=acme)
    deal = crm.opportunities.add(name="Roof", account=acme.id)

    with pytest.raises(NotAllowed) as error:
        crm.undo(last(crm, acme))
    assert [problem.path for problem in error.value.problems] == [f"opportunity {deal.id}"]


def test_a_refusal_names_so_many(crm: CRM) -> None:
    """And how many more there are."""
    with crm.batch() as batch:
        made = [batch.accounts.add(name=f"Acme {number}") for number in range(30)]
    for account in made:
        crm.accounts.update(account, website="x.example")

    with pytest.raises(NotAllowed, match="10 reasons more") as error:
        crm.undo(crm.history(made[0])[0].commit)
    assert len(error.value.problems) == 20


def test_a_unique_value_taken_meanwhile_is_a_duplicate(crm: CRM) -> None:
    """Claims are taken again."""
    acme = crm.accounts.update(crm.accounts.add(name="Acme", number="7"), number=None)
    crm.accounts.add(name="Bolt", number="7")

    with pytest.raises(Duplicate):
        crm.undo(last(crm, acme))


def test_a_reference_that_is_gone_is_refused(crm: CRM) -> None:
    """It can't be given again."""
    acme = crm.accounts.add(name="Acme")
    deal = crm.opportunities.add(name="Roof", account=acme.id)
    deal = crm.opportunities.update(deal, account=None)
    crm.accounts.delete(acme)

    with pytest.raises(Invalid, match="the id of a live account"):
        crm.undo(last(crm, deal))


def test_an_erasure_stays(crm: CRM) -> None:
    """What was erased is gone, and what came before it can't be told."""
    ada = crm.contacts.add(name="Ada")
    ada = crm.contacts.update(ada, job_title="Countess")
    kind, at = kind_of(type(ada)), crm.context("").at
    erasure = crm.context("").changed(ada, "erased", name="[erased]", job_title=None)
    crm.store.erase([erasure], id="commit_x", recorded_at=at)

    with pytest.raises(NotAllowed, match="commit_x erased values"):
        crm.undo("commit_x")
    with pytest.raises(NotAllowed, match="erased at"):
        crm.undo(crm.store.changes(kind=kind.name, id=ada.id)[1].commit)


def test_a_playbook_is_not_undone(crm: CRM) -> None:
    """The one before is adopted again."""
    stages = [Stage("demo"), Stage("won", kind="won"), Stage("lost", kind="lost")]
    crm.adopt(Playbook(sales=SalesRules(pipelines=(Pipeline("sales", stages),))))

    with pytest.raises(NotAllowed, match="adopted a playbook; adopt"):
        crm.undo(crm.history("playbook")[-1].commit)


@pytest.mark.parametrize("commit", ["", " ", 7, None, "\x00"])
def test_no_commit_is_refused(crm: CRM, commit: Any) -> None:  # noqa: ANN401
    """With what was wrong."""
    with pytest.raises(Invalid, match="commit"):
        crm.undo(commit)


def test_an_unknown_commit_is_not_found(crm: CRM) -> None:
    """The message says where to take it from."""
    with pytest.raises(NotFound, match="take its id from a change"):
        crm.undo("commit_0")


def test_undo_happens_now(crm: CRM) -> None:
    """Not in the past, and not in a view of it."""
    acme = crm.accounts.add(name="Acme")
    with pytest.raises(NotAllowed, match="undo happens now"):
        crm.given(at="2026-11-01").undo(last(crm, acme))
    with pytest.raises(NotAllowed, match="the past can't be changed"):
        crm.as_of("2026-11-01").undo(last(crm, acme))


def test_undo_tries_again(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody writes something else meanwhile; but not for ever."""
    acme = crm.accounts.add(name="Acme")
    busy, commit = [1, 1], CRM.commit

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if busy and rest.get("end") is not None:
            busy.pop()
            self.accounts.add(name="Other")
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    assert crm.undo(last(crm, acme))[0].deleted_at is not None
    busy += [1] * 9
    with pytest.raises(Conflict):
        crm.undo(last(crm, acme))


def test_tenants_do_not_undo_each_other(open_crm: Callable[..., CRM]) -> None:
    """A commit of another one is not there."""
    mine, other = open_crm(tenant="mine"), open_crm(tenant="other")
    acme = mine.accounts.add(name="Acme")

    with pytest.raises(NotFound):
        other.undo(last(mine, acme))


fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Acme", "Bolt"]),
        "website": st.sampled_from([None, "x.example"]),
        "emails": st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, "a@b.example", "c@d.example"])),
        "addresses": st.dictionaries(st.sampled_from("ab"), st.sampled_from([None, {"city": "Rome"}])),
        "external": st.dictionaries(st.sampled_from(["erp", "shop"]), st.sampled_from([None, "1", "2"])),
    },
)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), fields), max_size=6), st.lists(st.tuples(st.integers(0, 1), fields)))
def test_undo_restores_every_field(before: list[Any], within: list[Any]) -> None:
    """Whatever a batch did; and undoing that does it again."""
    crm = CRM()
    accounts = [crm.accounts.add(name="Acme"), crm.accounts.add(name="Bolt")]

    def written(view: CRM, steps: list[Any]) -> None:
        for place, sets in steps:
            try:
                view.accounts.update(accounts[place].id, **sets)
            except Duplicate:
                continue

    def states() -> list[Any]:
        return [bare(crm.store.get(kind_of(Account), [one.id])[one.id]) for one in accounts]

    written(crm, before)
    old, end = states(), crm.store.last()
    with crm.batch() as batch:
        written(batch, within)
    new = states()
    if crm.store.last() == end:
        return
    crm.undo(crm.store.changes()[-1].commit)
    assert states() == old
    if old != new:
        crm.undo(crm.store.changes()[-1].commit)
        assert states() == new
    assert crm.verify()
