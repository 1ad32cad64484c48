"""Affiliations: who belongs to which account when, and which account is theirs first of all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, Account, Affiliation, Conflict, Contact, Invalid, NotAllowed, NotFound, Playbook
from crmcore.testing import CountingIds, TickingClock

TODAY = date(2026, 11, 2)


@pytest.fixture
def ada(crm: CRM) -> Contact:
    """Somebody who belongs nowhere."""
    return crm.contacts.add(name="Ada")


@pytest.fixture
def acme(crm: CRM) -> Account:
    """An account."""
    return crm.accounts.add(name="Acme")


@pytest.fixture
def globex(crm: CRM) -> Account:
    """Another account."""
    return crm.accounts.add(name="Globex")


def refused(act: Callable[[], object]) -> list[str]:
    """Where an act finds problems."""
    with pytest.raises(Invalid) as caught:
        act()
    return [problem.path for problem in caught.value.problems]


def home(crm: CRM, contact: Contact) -> str | None:
    """The account a contact belongs to first of all."""
    return crm.contacts.get(contact.id).account


# --- coming and going -------------------------------------------------------------------------------------------------


def test_the_first_account_is_theirs_first_of_all(crm: CRM, ada: Contact, acme: Account, globex: Account) -> None:
    """Others come after it, unless told otherwise."""
    first = crm.contacts.affiliate(ada, acme, role="buyer", since="2024-05-01")
    assert (first.contact, first.account, first.role, first.since) == (ada.id, acme.id, "buyer", date(2024, 5, 1))
    assert home(crm, ada) == acme.id

    crm.contacts.affiliate(ada, globex)
    assert home(crm, ada) == acme.id
    initech = crm.accounts.add(name="Initech")
    crm.contacts.affiliate(ada.id, initech.id, primary=True)
    assert home(crm, ada) == initech.id
    assert crm.contacts.make_primary(ada.id, account=globex).account == globex.id
    assert [change.what for change in crm.history(ada)] == ["added", *["affiliated"] * 3, "reassigned"]


def test_leaving_keeps_what_was(crm: CRM, ada: Contact, acme: Account, globex: Account) -> None:
    """The next account that runs longest becomes the contact's."""
    initech = crm.accounts.add(name="Initech")
    crm.contacts.affiliate(ada, acme, since="2024-05-01")
    crm.contacts.affiliate(ada, globex, since="2025-05-01")
    crm.contacts.affiliate(ada, initech, since="2025-01-01")
    left = crm.contacts.leave(ada, acme, until="2026-10-01")

    assert (left.until, home(crm, ada)) == (date(2026, 10, 1), initech.id)
    assert crm.contacts.leave(ada, globex).until == TODAY
    assert home(crm, ada) == initech.id
    crm.contacts.leave(ada, initech)
    assert home(crm, ada) is None
    assert [one.account for one in crm.affiliations.of(ada)] == [acme.id, initech.id, globex.id]


def test_the_last_day_is_the_one_before_they_had_left(crm: CRM, ada: Contact, acme: Account) -> None:
    """And the first day is one of theirs."""
    crm.contacts.affiliate(ada, acme, since="2024-05-01")
    left = crm.contacts.leave(ada, acme, until="2024-06-01")

    on = {
        day: [one.name for one in crm.contacts.of(acme, on=day)] for day in ("2024-04-30", "2024-05-01", "2024-05-31")
    }
    assert on == {"2024-04-30": [], "2024-05-01": ["Ada"], "2024-05-31": ["Ada"]}
    assert crm.contacts.of(acme, on=date(2024, 6, 1)) == crm.contacts.of(acme) == ()
    assert [left.covers(day) for day in ("2024-04-30", "2024-05-01", "2024-05-31", "2024-06-01")] == [
        False,
        True,
        True,
        False,
    ]
    assert crm.affiliations.of(ada, on="2024-05-31") == (left,)
    assert crm.affiliations.of(ada.id, on="2024-06-01") == ()


def test_coming_back_is_a_second_affiliation(crm: CRM, ada: Contact, acme: Account) -> None:
    """From the day it is, unless it is known since when."""
    crm.contacts.affiliate(ada, acme)
    crm.contacts.leave(ada, acme, until="2025-01-01")
    again = crm.contacts.affiliate(ada, acme)

    assert (again.since, home(crm, ada)) == (TODAY, acme.id)
    assert crm.contacts.of(acme, on="2025-06-01") == ()
    assert len(crm.affiliations.of(ada)) == 2


def test_nobody_belongs_to_one_account_twice_at_a_time(crm: CRM, ada: Contact, acme: Account) -> None:
    """Now or in the past; where they meet for certain."""
    crm.contacts.affiliate(ada, acme, since="2025-01-01")
    assert refused(lambda: crm.contacts.affiliate(ada, acme)) == ["account"]
    assert refused(lambda: crm.affiliations.add(contact=ada, account=acme, since="2024-01-01", until="2025-01-02"))
    past = crm.affiliations.add(contact=ada, account=acme, since="2024-01-01", until="2025-01-01")
    unknown = crm.affiliations.add(contact=ada, account=acme, until="2023-01-01")

    assert (past.until, unknown.since) == (date(2025, 1, 1), None)
    assert refused(lambda: crm.affiliations.add(contact=ada, account=acme, until="2024-06-01")) == ["account"]
    assert refused(lambda: crm.affiliations.update(past, since="2022-06-01")) == ["account"]
    assert crm.affiliations.update(past, since="2023-06-01", role="buyer").role == "buyer"


def test_the_days_of_an_affiliation_are_in_order_and_have_come(crm: CRM, ada: Contact, acme: Account) -> None:
    """What never was is deleted instead."""
    for fields, path in (
        ({"since": "2026-11-03"}, "since"),
        ({"until": "2026-11-03"}, "until"),
        ({"since": "2025-01-01", "until": "2025-01-01"}, "until"),
        ({"since": "soon"}, "since"),
        ({"since": 5}, "since"),
    ):
        assert refused(lambda told=fields: crm.affiliations.add(contact=ada, account=acme, **told)) == [path]  # type: ignore[misc]
    found = crm.contacts.affiliate(ada, acme, since="2026-11-02")
    assert refused(lambda: crm.contacts.leave(ada, acme)) == ["until"]
    assert refused(lambda: crm.contacts.leave(ada, acme, until="2026-11-03")) == ["until"]
    assert refused(lambda: crm.affiliations.update(found, since="2026-11-03")) == ["since"]


def test_today_is_that_of_the_business(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """In Auckland it is tomorrow already."""
    clock.now = datetime(2026, 11, 2, 20, tzinfo=UTC)
    crm = open_crm(playbook=Playbook(zone="Pacific/Auckland"))
    acme = crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada", account=acme, since="2026-11-03")

    assert crm.contacts.of(acme) == (ada,)


def test_leaving_where_one_is_not_is_refused(crm: CRM, ada: Contact, acme: Account) -> None:
    """Also a second time."""
    crm.contacts.affiliate(ada, acme)
    found = crm.contacts.leave(ada, acme)
    with pytest.raises(NotAllowed, match="affiliate"):
        crm.contacts.leave(ada, acme)
    with pytest.raises(NotAllowed, match="has ended"):
        crm.affiliations.end(found)


def test_an_account_that_is_not_theirs_cannot_be_first(crm: CRM, ada: Contact, acme: Account) -> None:
    """Neither by make_primary nor by a past affiliation."""
    assert refused(lambda: crm.contacts.make_primary(ada, account=acme)) == ["account"]
    told: dict[str, Any] = {"contact": ada, "account": acme, "until": "2025-01-01", "primary": True}
    assert refused(lambda: crm.affiliations.add(**told)) == ["account"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"contact": "contact_0"}, "contact"),
        ({"account": "account_0"}, "account"),
        ({"contact": 5}, "contact"),
        ({"account": 5}, "account"),
        ({"account": None}, "account"),
        ({"role": 5}, "role"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    crm: CRM, ada: Contact, acme: Account, fields: dict[str, Any], path: str
) -> None:
    """As everywhere."""
    assert path in refused(lambda: crm.affiliations.add(**{"contact": ada, "account": acme, **fields}))
    assert path in refused(lambda: crm.affiliations.add(**{"contact": ada, "account": acme, "primary": True, **fields}))


def test_an_unknown_contact_is_refused(crm: CRM, acme: Account) -> None:
    """And so is a deleted one."""
    ben = crm.contacts.add(name="Ben")
    crm.contacts.delete(ben)

    assert refused(lambda: crm.contacts.affiliate(ben, acme)) == ["contact"]
    assert refused(lambda: crm.contacts.affiliate("contact_0", acme)) == ["contact"]
    with pytest.raises(Invalid):
        crm.contacts.affiliate(5, acme)  # type: ignore[arg-type]


# --- the desk of the affiliations -------------------------------------------------------------------------------------


def test_deleting_and_restoring_an_affiliation_moves_the_contact(
    crm: CRM, ada: Contact, acme: Account, globex: Account
) -> None:
    """As leaving and coming do."""
    first, _ = crm.contacts.affiliate(ada, acme), crm.contacts.affiliate(ada, globex)
    gone = crm.affiliations.delete(first)

    assert (type(gone), home(crm, ada)) == (Affiliation, globex.id)
    assert crm.affiliations.restore(gone).deleted_at is None
    assert home(crm, ada) == globex.id
    assert [change.what for change in crm.history(ada)][-2:] == ["disaffiliated", "affiliated"]
    past = crm.affiliations.end(first.id)
    crm.contacts.leave(ada, globex)
    crm.affiliations.restore(crm.affiliations.delete(past).id)
    assert home(crm, ada) is None


def test_only_acts_write_whose_and_until_when(crm: CRM, ada: Contact, acme: Account) -> None:
    """The refusal says which."""
    found = crm.contacts.affiliate(ada, acme)
    for fields in ({"until": TODAY}, {"contact": ada.id + "0"}, {"account": "account_0"}):
        with pytest.raises(NotAllowed) as caught:
            crm.affiliations.update(found, **fields)
        assert "end" in caught.value.possible


def test_an_affiliation_is_upserted_and_loaded(crm: CRM, ada: Contact, acme: Account, globex: Account) -> None:
    """Several of a contact in one file too; the first account becomes theirs."""
    found = crm.affiliations.upsert(("hr", "1"), contact=ada.id, account=acme.id, since="2024-01-01")
    assert (type(found), home(crm, ada)) == (Affiliation, acme.id)
    assert crm.affiliations.upsert(("hr", "1"), role="buyer", since="2024-02-01").role == "buyer"

    ben = crm.contacts.add(name="Ben")
    rows = [
        {"id": "2", "contact": ben.id, "account": globex.id, "since": "2025-01-01", "until": ""},
        {"id": "3", "contact": ben.id, "account": acme.id, "since": "2024-01-01", "until": "2025-01-01"},
        {"id": "4", "contact": ben.id, "account": acme.id, "since": "2026-01-01", "until": ""},
        {"id": "5", "contact": ada.id, "account": globex.id, "since": "2027-01-01", "until": ""},
    ]
    report = crm.affiliations.load(rows, key="id")
    assert len(report.rejections) == 1
    assert [one.account for one in crm.affiliations.of(ben)] == [acme.id, globex.id, acme.id]
    assert home(crm, ben) == globex.id
    assert crm.contacts.get(ben.id).version == 2
    crm.affiliations.load(rows, key="id")
    assert crm.contacts.get(ben.id).version == 2


def test_the_same_key_gives_the_same_affiliation(crm: CRM, ada: Contact, acme: Account) -> None:
    """When it begins, and when it ends."""
    for _ in range(2):
        keyed = [crm.given(key="k1").contacts.affiliate(ada, acme) for _ in range(2)]
        ended = [crm.given(key="k2").affiliations.end(keyed[0].id) for _ in range(2)]
        assert keyed[0] == keyed[1]
        assert ended[0] == ended[1]
        assert isinstance(ended[0], Affiliation)


def test_several_accounts_are_asked_for_in_turns(crm: CRM, acme: Account) -> None:
    """A file may tell of more contacts than one question holds."""
    rows = [{"id": str(number), "name": str(number), "account": acme.id} for number in range(600)]
    crm.contacts.load(rows, key="id")
    crm.commit([change for one in crm.affiliations.each() for change in crm.affiliations.propose(_ended, one)][:1200])

    assert crm.contacts.of(acme, on=TODAY) == ()
    assert crm.contacts.of(acme, on="2026-11-01") != ()


def _ended(affiliation: Affiliation, context: Any) -> Any:  # noqa: ANN401
    return context.changed(affiliation, "ended", until=TODAY)


# --- two at once, undo, the past --------------------------------------------------------------------------------------


def test_of_two_who_act_on_one_contact_the_second_looks_anew(crm: CRM, ada: Contact, acme: Account) -> None:
    """Both affiliate the contact with the same account: what one proposed before the other wrote is refused."""
    desk = crm.affiliations
    proposed = desk.propose(desk.opening, None, contact=ada.id, account=acme.id)
    crm.contacts.affiliate(ada, acme)

    assert {change.kind for change in proposed} == {"affiliation", "contact"}
    with pytest.raises(Exception, match="was changed by someone else"):
        crm.store.commit(proposed, id="commit_x", recorded_at=proposed[0].at)
    with pytest.raises(Conflict, match="was changed by someone else"):
        crm.commit(proposed)


def test_undo_puts_everything_back(crm: CRM, ada: Contact, acme: Account) -> None:
    """Or refuses, once they came back elsewhere."""
    crm.contacts.affiliate(ada, acme)
    left = crm.contacts.leave(ada, acme)
    crm.undo(crm.history(left)[-1].commit)

    assert home(crm, ada) == acme.id
    crm.contacts.leave(ada, acme)
    crm.contacts.affiliate(ada, acme)
    with pytest.raises(NotAllowed):
        crm.undo(crm.history(left)[-1].commit)


def test_who_worked_there_when_the_deal_was_won(crm: CRM, ada: Contact, acme: Account, clock: TickingClock) -> None:
    """By the days as known now, and as they were known then."""
    ben = crm.contacts.add(name="Ben")
    crm.contacts.affiliate(ada, acme, since="2024-01-01")
    clock.now += timedelta(days=10)
    won_on = clock.now.date()
    clock.now += timedelta(days=10)
    crm.contacts.leave(ada, acme)
    crm.contacts.affiliate(ben, acme, since="2026-11-05")

    assert [one.name for one in crm.contacts.of(acme, on=won_on)] == ["Ada", "Ben"]
    assert [one.name for one in crm.as_of(won_on).contacts.of(acme)] == ["Ada"]
    assert [one.name for one in crm.contacts.of(acme)] == ["Ben"]
    crm.contacts.delete(ben.id)
    assert crm.contacts.of(acme) == ()


def test_coming_and_going_may_be_told_late(
    crm: CRM, ada: Contact, acme: Account, globex: Account, clock: TickingClock
) -> None:
    """With given(at=…), at which the affiliations count that were known of then."""
    crm.contacts.affiliate(ada, acme, since="2024-01-01")
    clock.now = datetime(2026, 11, 20, tzinfo=UTC)
    late = crm.given(at="2026-11-10")
    late.contacts.affiliate(ada, globex, primary=True)
    assert (home(crm, ada), crm.as_of("2026-11-09").contacts.get(ada.id).account) == (globex.id, acme.id)
    assert late.contacts.leave(ada, acme).until == date(2026, 11, 10)
    assert refused(lambda: crm.given(at="2026-10-01").contacts.affiliate(ada, globex)) == ["at"]
    assert home(crm, ada) == globex.id


def test_what_is_told_late_leaves_nobody_astray(
    crm: CRM, ada: Contact, acme: Account, globex: Account, clock: TickingClock
) -> None:
    """Where that can't be told apart any more, the refusal says how to."""
    crm.contacts.affiliate(ada, acme)
    crm.contacts.affiliate(ada, globex, primary=True)
    clock.now = datetime(2026, 11, 10, tzinfo=UTC)
    crm.contacts.leave(ada, globex)
    clock.now = datetime(2026, 11, 20, tzinfo=UTC)

    with pytest.raises(Invalid, match="until="):
        crm.given(at="2026-11-05").contacts.leave(ada, acme)
    assert home(crm, ada) == acme.id
    assert crm.contacts.leave(ada, acme, until="2026-11-05").until == date(2026, 11, 5)


def test_a_batch_is_one_commit(crm: CRM, ada: Contact, acme: Account, globex: Account) -> None:
    """In which a contact may come and go."""
    with crm.batch() as batch:
        ben = batch.contacts.add(name="Ben", account=acme)
        batch.contacts.affiliate(ada, acme, since="2024-01-01")
        batch.contacts.leave(ada, acme)
        batch.contacts.affiliate(ada, globex)

    assert (home(crm, ada), crm.contacts.of(acme)) == (globex.id, (ben,))
    assert len({change.commit for change in crm.history(ada)[1:]}) == 1


def test_raw_changes_are_held_to_the_same(crm: CRM, ada: Contact, acme: Account) -> None:
    """Whoever writes them."""
    context = crm.context("people")

    assert refused(lambda: crm.commit([context.changed(ada, "moved", account=acme.id)])) == ["account"]
    joined = context.created(Affiliation, "affiliated", contact=ada.id, account=acme.id)
    crm.commit([joined])
    assert home(crm, ada) is None


# --- laws -------------------------------------------------------------------------------------------------------------

steps = st.one_of(
    st.tuples(st.just("affiliate"), st.integers(0, 1), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("leave"), st.integers(0, 1), st.integers(0, 2), st.just(False)),
    st.tuples(st.just("delete"), st.integers(0, 9), st.just(0), st.just(False)),
    st.tuples(st.just("restore"), st.integers(0, 9), st.just(0), st.just(False)),
    st.tuples(st.just("undo"), st.integers(1, 5), st.just(0), st.just(False)),
)


def done(crm: CRM, step: tuple[str, int, int, bool], people: list[str], accounts: list[str]) -> None:
    """A step of a story, if it is possible."""
    what, who, where, primary = step
    try:
        if what == "affiliate":
            crm.contacts.affiliate(people[who], accounts[where], primary=primary)
        elif what == "leave":
            crm.contacts.leave(people[who], accounts[where])
        elif what == "undo":
            crm.undo(crm.store.changes()[-who].commit)
        else:
            found = sorted(one.id for one in crm.affiliations.find(deleted=what == "restore"))
            getattr(crm.affiliations, what)(found[who % len(found)] if found else "affiliation_0")
    except (Invalid, NotAllowed, NotFound):
        return


@settings(max_examples=60)
@given(st.lists(st.tuples(steps, st.integers(0, 2)), max_size=25))
def test_a_contacts_account_is_one_they_belong_to(story: list[tuple[tuple[str, int, int, bool], int]]) -> None:
    """Or none; and nobody belongs to one account twice, whatever happens, at any time."""
    clock = TickingClock("2026-11-01T09:00Z", timedelta())
    crm = CRM(clock=clock, new_id=CountingIds())
    accounts = [crm.accounts.add(name=name).id for name in "abc"]
    people = [crm.contacts.add(name=name).id for name in "xy"]
    for step, days in story:
        clock.now += timedelta(days=days)
        done(crm, step, people, accounts)
        for contact in crm.contacts.find():
            running = [one.account for one in crm.affiliations.of(contact) if one.until is None]
            assert contact.account in {None, *running}
            assert len(running) == len({*running})
            assert (contact.account is None) is (not running)
    for day in range((clock.now.date() - date(2026, 11, 1)).days + 1):
        then = crm.as_of(date(2026, 11, 1) + timedelta(days=day))
        for contact in then.contacts.find():
            assert contact.account in {None, *(one.account for one in then.affiliations.of(contact))}
