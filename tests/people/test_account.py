"""Accounts: their numbers, how they are reached, and the hierarchy, which never leads in a circle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Account, Duplicate, Invalid, NotFound
from crmcore.testing import CountingIds, TickingClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crmcore.kernel import Change


def named(accounts: Sequence[Account]) -> list[str]:
    """The names of accounts, in order."""
    return [account.name for account in accounts]


def tree(crm: CRM) -> dict[str, Account]:
    """Acme, with North and South; North has Oslo."""
    acme = crm.accounts.add(name="Acme")
    north = crm.accounts.add(name="North", parent=acme.id)
    south = crm.accounts.add(name="South", parent=acme.id)
    oslo = crm.accounts.add(name="Oslo", parent=north.id)
    return {one.name: one for one in (acme, north, south, oslo)}


def moves(crm: CRM, *pairs: tuple[Account, Account]) -> list[Change[Any]]:
    """The changes that put accounts beneath others, none of them written."""
    desk = crm.accounts
    return [desk.propose(desk.revise, one, fields={"parent": above.id})[0] for one, above in pairs]


# --- numbers and ways to reach them -----------------------------------------------------------------------------------


def test_no_two_live_accounts_share_a_number(crm: CRM) -> None:
    """Whatever its capitals; a deleted one gives it up."""
    acme = crm.accounts.add(name="Acme", number="A-1")
    with pytest.raises(Duplicate):
        crm.accounts.add(name="Acme again", number="a-1")
    crm.accounts.delete(acme)

    assert crm.accounts.add(name="Acme again", number="a-1").number == "a-1"
    with pytest.raises(Duplicate):
        crm.accounts.restore(acme.id)


def test_an_account_is_reached_as_written_without_the_blanks_around(crm: CRM) -> None:
    """When added, upserted or updated."""
    acme = crm.accounts.add(name="Acme", email=" info@acme.example", phones={"front desk": "+44 20 1 "})
    again = crm.accounts.upsert(("erp", "7"), name="Globex", email="info@globex.example ")

    assert (acme.email, acme.phones) == ("info@acme.example", {"front desk": "+44 20 1"})
    assert again.email == "info@globex.example"
    assert crm.accounts.update(acme, email="info@acme.example ").version == acme.version
    assert (
        crm.accounts.update(acme, emails={"billing": " bills@acme.example"}).emails["billing"] == "bills@acme.example"
    )


def test_what_is_no_address_or_number_is_refused_and_shown(crm: CRM) -> None:
    """Every one at once; an account's are not personal."""
    acme = crm.accounts.add(name="Acme")
    wrong = {"email": "acme", "phone": "none", "emails": {"billing": "a b@c.example"}}
    for act in (lambda: crm.accounts.add(name="Globex", **wrong), lambda: crm.accounts.update(acme, **wrong)):
        with pytest.raises(Invalid) as caught:
            act()
        assert [problem.path for problem in caught.value.problems] == ["email", "phone", "emails.billing"]
        assert caught.value.problems[0].value == "acme"


@pytest.mark.parametrize(
    ("field", "value"), [("email", 5), ("emails", "x@y.example"), ("phones", 5), ("phones", {"home": 5})]
)
def test_what_is_no_text_is_refused_too(crm: CRM, field: str, value: object) -> None:
    """As everywhere."""
    with pytest.raises(Invalid) as caught:
        crm.accounts.add(name="Acme", **{field: value})

    assert caught.value.problems[0].path.startswith(field)


# --- the hierarchy ----------------------------------------------------------------------------------------------------


def test_a_hierarchy_is_read_up_and_down(crm: CRM) -> None:
    """Children by name, ancestors nearest first, the subtree level by level, from records and ids."""
    tree(crm)
    known = {one.name: one for one in crm.accounts.find()}

    assert named(crm.accounts.children(known["Acme"])) == ["North", "South"]
    assert named(crm.accounts.children(known["Oslo"].id)) == []
    assert named(crm.accounts.ancestors(known["Oslo"])) == ["North", "Acme"]
    assert named(crm.accounts.subtree(known["Acme"].id)) == ["Acme", "North", "South", "Oslo"]
    with pytest.raises(NotFound):
        crm.accounts.subtree("account_0")
    with pytest.raises(Invalid):
        crm.accounts.children(5)  # type: ignore[arg-type]


def test_a_deleted_account_ends_the_hierarchy_in_both_directions(crm: CRM) -> None:
    """What was beneath it keeps saying so."""
    known = tree(crm)
    crm.accounts.delete(known["North"])

    assert named(crm.accounts.ancestors(known["Oslo"])) == []
    assert named(crm.accounts.subtree(known["Acme"])) == ["Acme", "South"]


def test_the_hierarchy_of_the_past_is_read_as_it_was(crm: CRM, clock: TickingClock) -> None:
    """Before a subsidiary was sold."""
    known = tree(crm)
    then = clock.now
    clock.now += timedelta(days=3)
    crm.accounts.update(known["North"], parent=None)

    assert named(crm.as_of(then).accounts.subtree(known["Acme"])) == ["Acme", "North", "South", "Oslo"]
    assert named(crm.as_of(then).accounts.ancestors(known["Oslo"])) == ["North", "Acme"]
    assert named(crm.accounts.subtree(known["Acme"])) == ["Acme", "South"]


def test_an_account_cannot_be_part_of_itself(crm: CRM) -> None:
    """The message shows the circle."""
    known = tree(crm)
    with pytest.raises(Invalid) as caught:
        crm.accounts.update(known["Acme"], parent=known["Oslo"].id)

    shown = " → ".join(known[name].id for name in ("Acme", "Oslo", "North", "Acme"))
    assert [(problem.path, problem.value) for problem in caught.value.problems] == [("parent", known["Oslo"].id)]
    assert shown in str(caught.value)
    with pytest.raises(Invalid):
        crm.accounts.update(known["Acme"], parent=known["Acme"].id)
    assert crm.accounts.get(known["Acme"].id).version == 1


def test_a_long_circle_is_shown_in_part(crm: CRM) -> None:
    """Its beginning and its end."""
    chain = [crm.accounts.add(name="0")]
    for step in range(1, 9):
        chain.append(crm.accounts.add(name=str(step), parent=chain[-1].id))

    with pytest.raises(Invalid, match="…"):
        crm.accounts.update(chain[0], parent=chain[-1].id)


def test_accounts_moved_together_are_checked_together(crm: CRM) -> None:
    """Two that swap places are fine; two that go beneath each other are not, and neither is what hangs on them."""
    known = tree(crm)
    swap = moves(crm, (known["North"], known["Oslo"]), (known["Oslo"], known["Acme"]))
    crm.commit(swap)
    assert named(crm.accounts.ancestors(known["North"])) == ["Oslo", "Acme"]

    first, second, third = (crm.accounts.add(name=name) for name in ("a", "b", "c"))
    with pytest.raises(Invalid) as caught:
        crm.commit(moves(crm, (third, first), (first, second), (second, first)))
    assert len(caught.value.problems) == 1


def test_a_batch_moves_accounts_or_none(crm: CRM) -> None:
    """A circle at its end leaves all as it was."""
    first, second = crm.accounts.add(name="a"), crm.accounts.add(name="b")

    def circle() -> None:
        with crm.batch() as batch:
            batch.accounts.update(first, parent=second.id)
            batch.accounts.update(second, parent=first.id)

    with pytest.raises(Invalid):
        circle()
    assert [account.parent for account in crm.accounts.find()] == [None, None]


def test_undo_does_not_lead_in_a_circle(crm: CRM) -> None:
    """What was moved away meanwhile stays there."""
    above = crm.accounts.add(name="above")
    below = crm.accounts.add(name="below", parent=above.id)
    freed = crm.accounts.update(below, parent=None)
    crm.accounts.update(above, parent=below.id)

    with pytest.raises(Invalid, match="→"):
        crm.undo(crm.history(freed)[-1].commit)


def test_two_who_move_accounts_beneath_each_other_are_not_both_right(crm: CRM) -> None:
    """The second rests on accounts that have moved."""
    first, second = crm.accounts.add(name="a"), crm.accounts.add(name="b")
    change = moves(crm, (first, second))
    crm.accounts.update(second, parent=first.id)

    with pytest.raises(Invalid, match="→"):
        crm.commit(change)


def test_a_load_may_set_parents_among_its_own_rows(crm: CRM) -> None:
    """In any order; rows that lead in a circle are left out."""
    rows = [
        {"id": "3", "name": "Oslo", "parent": "2"},
        {"id": "2", "name": "North", "parent": "1"},
        {"id": "1", "name": "Acme", "parent": ""},
        {"id": "8", "name": "Snake", "parent": "9"},
        {"id": "9", "name": "Tail", "parent": "8"},
    ]
    report = crm.accounts.load(rows, key="id")

    assert len(report.rejections) == 2
    oslo = crm.accounts.external("csv", "3")
    assert oslo is not None
    assert named(crm.accounts.ancestors(oslo)) == ["North", "Acme"]


def test_an_unknown_parent_is_refused(crm: CRM) -> None:
    """As any reference."""
    with pytest.raises(Invalid, match="a live account"):
        crm.accounts.add(name="Acme", parent="account_0")


# --- moved in the past ------------------------------------------------------------------------------------------------


def at(day: int) -> datetime:
    """An instant in November 2026."""
    return datetime(2026, 11, day, 9, tzinfo=UTC)


def test_a_move_in_the_past_is_checked_for_all_the_time_it_holds(crm: CRM, clock: TickingClock) -> None:
    """Up to the next move of the same account, and no longer."""
    first, second = crm.accounts.add(name="a"), crm.accounts.add(name="b")
    clock.now = at(10)
    crm.accounts.update(first.id, parent=second.id)
    clock.now = at(12)
    crm.accounts.update(first.id, parent=None)
    clock.now = at(20)

    with pytest.raises(Invalid, match="→"):
        crm.given(at=at(5)).accounts.update(second.id, parent=first.id)
    with pytest.raises(Invalid, match="→"):
        crm.given(at=at(11)).accounts.update(second.id, parent=first.id)
    assert crm.given(at=at(13)).accounts.update(second.id, parent=first.id).parent == first.id


def test_a_move_in_the_past_that_a_later_one_undid_is_fine(crm: CRM, clock: TickingClock) -> None:
    """Even where today's hierarchy runs the other way."""
    first, second, third = (crm.accounts.add(name=name) for name in "abc")
    clock.now = at(10)
    crm.accounts.update(first.id, parent=third.id)
    clock.now = at(11)
    crm.accounts.update(second.id, parent=first.id)
    clock.now = at(20)

    moved = crm.given(at=at(5)).accounts.update(first.id, parent=second.id)
    assert moved.parent == third.id
    assert named(crm.as_of(at(6)).accounts.ancestors(first.id)) == ["b"]


# --- laws -------------------------------------------------------------------------------------------------------------

places = st.integers(min_value=0, max_value=5)
commits = st.lists(st.tuples(places, st.none() | places), min_size=1, max_size=3, unique_by=lambda move: move[0])


def climb(parents: dict[str, str | None], id: str) -> bool:
    """Whether the way up from an account ends."""
    seen: set[str] = set()
    up: str | None = id
    while up is not None and up not in seen:
        seen.add(up)
        up = parents[up]
    return up is None


@given(st.lists(st.tuples(commits, st.integers(min_value=0, max_value=3)), max_size=12))
def test_the_hierarchy_has_no_circle_whatever_is_moved_when(
    story: list[tuple[list[tuple[int, int | None]], int]],
) -> None:
    """Several at a time, now or in the past: what is refused would have made one, and no past has one."""
    clock = TickingClock("2026-11-01T09:00Z", timedelta())
    crm = CRM(clock=clock, new_id=CountingIds())
    accounts = [crm.accounts.add(name=str(number)).id for number in range(6)]
    for commit, ago in story:
        clock.now += timedelta(days=1)
        when = max(at(1), clock.now - timedelta(days=ago))
        known = crm if when == clock.now else crm.given(at=when)
        fields = [(accounts[one], None if above is None else accounts[above]) for one, above in commit]
        desk = known.accounts
        changes = [
            change for id, parent in fields for change in desk.propose(desk.revise, id, fields={"parent": parent})
        ]
        try:
            _ = changes and known.commit(changes)
        except Invalid:
            now = {one.id: one.parent for one in crm.accounts.find()} | dict(fields)
            assert ago > 0 or not all(climb(now, id) for id in accounts)
    for day in range((clock.now - at(1)).days + 1):
        then = {one.id: one.parent for one in crm.as_of(at(1) + timedelta(days=day)).accounts.find()}
        assert all(climb(then, id) for id in accounts)


@given(st.lists(st.tuples(places, places), max_size=15))
def test_who_is_above_whom_agrees_in_both_directions(story: list[tuple[int, int]]) -> None:
    """An account is in the subtree of each of its ancestors, and of no other but itself."""
    crm = CRM(new_id=CountingIds())
    accounts = [crm.accounts.add(name=str(number)).id for number in range(6)]
    for one, above in story:
        try:
            crm.accounts.update(accounts[one], parent=accounts[above])
        except Invalid:
            continue
    for top in accounts:
        below = {one.id for one in crm.accounts.subtree(top)}
        assert below == {id for id in accounts if id == top or top in {one.id for one in crm.accounts.ancestors(id)}}
        assert len(crm.accounts.subtree(top)) == len(below)
