"""Catching up: a client that pages when it likes ends up with what the CRM has, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Account, Conflict, Contact, Invalid, Playbook
from crmcore.kernel import Record, kind_of, record
from crmcore.stores.memory import MemoryStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.syncing import Sync, Tombstone
from crmcore.testing import CountingIds, TickingClock

Known = dict[tuple[str, str], Any]


@record("shoot")
class Shoot(Record):
    """A day of filming."""


def whole(one: Record) -> tuple[str, str]:
    """A record by kind and id."""
    return kind_of(type(one)).name, one.id


def taken(known: Known, page: Sync) -> None:
    """What a client does with a page."""
    for stone in page.tombstones:
        known.pop((stone.kind, stone.id), None)
    known.update({whole(one): one for one in page.records})


def caught_up(crm: CRM, known: Known, cursor: str | None, limit: int = 100, **asked: Any) -> str:  # noqa: ANN401
    """Where a client is that has caught up."""
    while page := crm.sync(cursor, limit=limit, **asked):
        assert len(page.records) + len(page.tombstones) <= limit * 2
        taken(known, page)
        cursor = page.cursor
    return page.cursor


def live(crm: CRM) -> Known:
    """The live records of the business."""
    kinds = [cls for cls in crm._desks if kind_of(cls).name not in {"playbook", "suppression", "inbox_message"}]
    return {whole(one): one for cls in kinds for one in crm.desk(cls).each() if one.merged_into is None}


def stones(page: Sync) -> list[tuple[str, str, str | None]]:
    """The tombstones of a page, in short."""
    return [(stone.id, stone.why, stone.into) for stone in page.tombstones]


def test_a_client_begins_with_what_there_is(crm: CRM) -> None:
    """Each live record once, however often it was changed; nothing of what is gone."""
    acme = crm.accounts.add(name="Acme")
    for number in range(9):
        crm.accounts.update(acme.id, name=f"Acme {number}")
    crm.accounts.delete(crm.accounts.add(name="gone"))
    crm.contacts.add(name="Ada")
    for limit in (1, 2, 100):
        pages, cursor = [], None
        while page := crm.sync(cursor, limit=limit):
            pages.append(page)
            cursor = page.cursor
        assert [one.id for page in pages for one in page.records] == ["account_0001", "contact_0001"]
        assert not any(page.tombstones for page in pages)


def test_an_empty_crm_is_caught_up_with(crm: CRM) -> None:
    """And gone on from."""
    page = crm.sync()
    assert (bool(page), page.records, page.tombstones) == (False, (), ())
    crm.accounts.add(name="Acme")

    assert [one.name for one in crm.sync(page.cursor).records] == ["Acme"]


def test_what_is_gone_leaves_a_tombstone(crm: CRM) -> None:
    """Deleted, merged into another, erased; what is left of an erased record comes anew."""
    acme, zenith = crm.accounts.add(name="Acme"), crm.accounts.add(name="Zenith")
    ada, bob = crm.contacts.add(name="Ada"), crm.contacts.add(name="Bob")
    known: Known = {}
    cursor = caught_up(crm, known, None)
    context = crm.context("")
    crm.commit([context.changed(zenith, "merged", merged_into=acme.id, deleted_at=context.at)])
    crm.accounts.delete(acme)
    crm.erase(ada)
    crm.erase(bob)
    crm.contacts.delete(bob.id)
    page = crm.sync(cursor)

    assert sorted(stones(page)) == [
        ("account_0001", "deleted", None),
        ("account_0002", "merged", "account_0001"),
        ("contact_0001", "erased", None),
        ("contact_0002", "erased", None),
    ]
    assert [(one.id, one.to_data()["name"]) for one in page.records] == [("contact_0001", None)]
    taken(known, page)
    assert known == live(crm)
    crm.accounts.restore(acme.id)
    assert caught_up(crm, known, page.cursor) != page.cursor
    assert known == live(crm)
    assert ("account", acme.id) in known


def test_a_record_that_came_and_went_is_a_tombstone_alone(crm: CRM) -> None:
    """Which does no harm to who never knew it."""
    cursor = crm.sync().cursor
    crm.accounts.delete(crm.accounts.add(name="Acme"))
    page = crm.sync(cursor)

    assert (stones(page), page.records) == ([("account_0001", "deleted", None)], ())


def test_a_client_may_want_some_kinds(crm: CRM) -> None:
    """And gets nothing else, first or later."""
    crm.accounts.add(name="Acme")
    ada = crm.contacts.add(name="Ada")
    known: Known = {}
    cursor = caught_up(crm, known, None, 1, kinds=iter([Contact]))
    for number in range(5):
        crm.accounts.add(name=f"{number}")
    crm.contacts.update(ada, name="Ada L.")
    caught_up(crm, known, cursor, 2, kinds=["contact"])

    assert list(known.values()) == [crm.contacts.get(ada.id)]


def test_merged_records_are_not_live(crm: CRM) -> None:
    """Also when nobody deleted them, and there are pages of them."""
    for number in range(5):
        crm.accounts.add(name=f"{number}")
    for number in range(1, 5):
        merged = crm.accounts.get(f"account_000{number}")
        crm.commit([crm.context("").changed(merged, "merged", merged_into="account_0005")])
    known: Known = {}
    caught_up(crm, known, None, 1)

    assert list(known) == [("account", "account_0005")]


def test_kinds_that_change_midway_leave_no_gap_in_the_others(open_crm: Callable[..., CRM]) -> None:
    """Of those asked for until the end, every record comes."""
    crm = open_crm(kinds=[Shoot])
    for number in range(3):
        crm.accounts.add(name=f"{number}")
        crm.shoots.add()
    cursor = crm.sync(limit=2, kinds=[Account, Shoot]).cursor
    known: Known = {}
    caught_up(crm, known, cursor, 2, kinds=[Shoot])

    assert len(known) == 3


def test_a_page_is_data(crm: CRM) -> None:
    """Of JSON, each record with its kind."""
    crm.accounts.add(name="Acme")
    page = crm.sync()
    crm.accounts.delete("account_0001")
    first, second = (json.loads(json.dumps(one.to_data())) for one in (page, crm.sync(page.cursor)))

    assert [(one["kind"], one["id"], one["name"]) for one in first["records"]] == [("account", "account_0001", "Acme")]
    assert second["tombstones"] == [{"kind": "account", "id": "account_0001", "why": "deleted", "into": None}]
    assert first["cursor"] == page.cursor
    assert Tombstone.json_schema()["required"] == ["kind", "id", "why", "into"]


@pytest.mark.parametrize(
    "cursor",
    [
        "walking.",
        "walking.x",
        "walking.W10=",
        "walking.WzFd",
        "walking.é",
        "walking.WyJhIiwgMSwgIngiXQ==",
        "walking.Iiwi",
    ],
)
def test_half_a_cursor_is_none(crm: CRM, cursor: str) -> None:
    """Whatever is wrong with it."""
    crm.accounts.add(name="Acme")
    with pytest.raises(Invalid) as caught:
        crm.sync(cursor)
    assert caught.value.problems[0].path == "after"


# --- an offline client ------------------------------------------------------------------------------------------------


def test_a_queue_of_acts_is_replayed_once(crm: CRM) -> None:
    """Each under a key of its own; what others changed meanwhile is a conflict, however often it is sent."""
    acme, zenith = crm.accounts.add(name="Acme"), crm.accounts.add(name="Zenith")
    queue = [("k1", acme, "Acme Ltd"), ("k2", zenith, "Zenith Ltd")]
    crm.accounts.update(zenith, name="Zenith Inc")

    def replay() -> list[str]:
        refused = []
        for key, seen, name in queue:
            try:
                crm.given(key=key).accounts.update(seen.id, name=name, version=seen.version)
            except Conflict:
                refused.append(key)
        return refused

    assert replay() == replay() == replay() == ["k2"]
    assert crm.accounts.get(acme.id).version == 2
    assert [one.name for one in crm.accounts.find(order_by="name")] == ["Acme Ltd", "Zenith Inc"]


ACTS = ("add", "change", "delete", "restore", "merge", "undo", "erase", "tag", "note", "contact")


@pytest.mark.slow
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(ACTS), st.integers(0, 9)),
            st.tuples(st.just("sync"), st.integers(1, 4)),
        ),
        max_size=40,
    ),
    durable=st.booleans(),
    limit=st.integers(1, 9),
)
def test_a_client_ends_up_with_what_there_is(steps: list[tuple[str, int]], limit: int, *, durable: bool) -> None:
    """Whatever happens between its pages, however long they are, and wherever it begins."""
    store = SqliteStore(":memory:") if durable else MemoryStore()
    with CRM(store, clock=TickingClock("2026-11-02T09:00Z"), new_id=CountingIds()) as crm:
        crm.adopt(Playbook())
        known: Known = {}
        cursor: str | None = None
        for what, number in steps:
            if what == "sync":
                page = crm.sync(cursor, limit=number)
                taken(known, page)
                cursor = page.cursor
            else:
                done(crm, what, number)
        caught_up(crm, known, cursor, limit)
        assert known == live(crm)


def done(crm: CRM, what: str, number: int) -> None:  # noqa: C901 - one thing after another
    """Something happens in a CRM, if it can."""
    accounts, gone = list(crm.accounts.each()), list(crm.accounts.each(deleted=True))
    one = accounts[number % len(accounts)] if accounts else None
    context = crm.context("")
    if what == "add" or one is None:
        crm.accounts.add(name=f"{number}")
    elif what == "change":
        crm.accounts.update(one, name=f"{number} {one.version}")
    elif what == "delete":
        crm.accounts.delete(one)
    elif what == "restore" and gone and gone[0].merged_into is None:
        crm.accounts.restore(gone[0].id)
    elif what == "merge" and len(accounts) > 1:
        into = accounts[(number + 1) % len(accounts)].id
        crm.commit([context.changed(one, "merged", merged_into=into, deleted_at=context.at)])
    elif what == "undo":
        newest = crm.feed(limit=1)[0]
        if newest.what not in {"erased", "undone"}:
            crm.undo(newest.commit)
    elif what == "erase":
        crm.erase(one)
    elif what == "tag":
        crm.tags.put("VIP", one)
    elif what == "note":
        crm.notes.add(one, "x")
    else:
        crm.contacts.add(name="Ada")
