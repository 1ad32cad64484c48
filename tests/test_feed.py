"""The feed: what happened, newest first, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Account, Contact, F, Invalid, Playbook
from crmcore.kernel import Change, Record, record
from crmcore.playbook import PlaybookVersion
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock


def walked(crm: CRM, **asked: Any) -> Iterator[Change[Any]]:  # noqa: ANN401 - as feed takes them
    """The feed, page after page."""
    page = crm.feed(**asked)
    yield from page
    while page.next is not None:
        page = crm.feed(**asked, after=page.next)
        yield from page


def told(crm: CRM, **asked: Any) -> list[str]:  # noqa: ANN401
    """What happened, in short."""
    return [f"{change.id} {change.what}" for change in crm.feed(**asked)]


def test_the_newest_comes_first(crm: CRM) -> None:
    """Of every kind but the playbook; deleted and restored show as such."""
    acme = crm.accounts.add(name="Acme")
    deal = crm.opportunities.add(name="Roof", account=acme.id)
    crm.notes.add(deal, "Call back.")
    crm.opportunities.advance(deal, to="proposal")
    crm.tags.put("VIP", acme)
    crm.accounts.restore(crm.accounts.delete(acme.id))
    crm.adopt(Playbook(currency="EUR"))

    assert told(crm) == [
        "account_0001 restored",
        "account_0001 deleted",
        "account_0001 tagged",
        "tag_0001 added",
        "opportunity_0001 advanced",
        "note_0001 written",
        "opportunity_0001 opened",
        "account_0001 added",
    ]
    assert crm.feed().next is None


def test_a_line_says_when_what_and_who(crm: CRM) -> None:
    """And nothing personal."""
    ada = crm.given(by="ana").contacts.add(name="Ada Lovelace", email="ada@engines.example")
    crm.given(at="2026-10-30T23:59Z").notes.add(ada, "Likes tea.")

    assert [str(change) for change in crm.feed()] == [
        "2026-10-30 23:59 UTC note_0001 was written",
        "2026-11-02 09:00 UTC contact_0001 was added by ana",
    ]


def test_an_empty_crm_has_no_news(crm: CRM) -> None:
    """Nor has one with a playbook only."""
    assert crm.feed().items == ()
    crm.adopt(Playbook(currency="EUR"))
    assert (crm.feed().items, crm.feed().next) == ((), None)


def test_pages_stay_while_others_write(crm: CRM) -> None:
    """What comes in stands before the first page."""
    for number in range(7):
        crm.accounts.add(name=f"{number}")
    first = crm.feed(limit=3)
    crm.accounts.update("account_0001", name="new")
    crm.accounts.add(name="new")
    second = crm.feed(limit=3, after=first.next)
    third = crm.feed(limit=3, after=second.next)

    assert [change.id[-1] for page in (first, second, third) for change in page] == list("7654321")
    assert third.next is None
    assert len(crm.feed(limit=7).items) == 7
    assert len(crm.feed(limit=9)) == 9
    assert crm.feed(limit=9).next is None


@record("shoot")
class Shoot(Record):
    """A day of filming."""


def test_kinds_and_people_can_be_asked_for(open_crm: Callable[..., CRM]) -> None:
    """Kinds by class or name."""
    crm = open_crm(kinds=[Shoot])
    ana, ben = crm.given(by="ana"), crm.given(by="ben")
    acme = ana.accounts.add(name="Acme")
    ben.contacts.add(name="Ada")
    crm.shoots.add()
    ben.accounts.update(acme, name="Acme Ltd")

    assert told(crm, kinds=[Account]) == told(crm, kinds=["account"]) == ["account_0001 updated", "account_0001 added"]
    assert told(crm, kinds=iter([Contact, "shoot"])) == ["shoot_0001 added", "contact_0001 added"]
    assert told(crm, by="ben") == ["account_0001 updated", "contact_0001 added"]
    assert told(crm, by="ben", kinds=[Contact]) == ["contact_0001 added"]
    assert told(crm, by="eve") == told(crm, kinds=[]) == []
    assert told(crm, by="ana", limit=1) == ["account_0001 added"]


def test_a_view_shows_its_moment(crm: CRM, clock: TickingClock) -> None:
    """What had happened by then, of what was known by then."""
    acme = crm.accounts.add(name="Acme")
    clock.now = "2026-11-05T09:00Z"
    crm.accounts.update(acme, name="Acme Ltd")
    crm.given(at="2026-11-03T09:00Z").touchpoints.log(acme.id, channel="phone")

    assert told(crm.as_of("2026-11-04")) == ["touchpoint_0001 logged", "account_0001 added"]
    assert told(crm.as_of("2026-11-04", known="2026-11-04")) == told(crm.as_of(known="2026-11-04"))
    assert told(crm.as_of(known="2026-11-04")) == ["account_0001 added"]
    assert len(told(crm.as_of(known="2026-11-05"))) == 3
    assert told(crm.as_of("2026-11-01")) == []
    assert [page.id for page in walked(crm.as_of("2026-11-04"), limit=1)] == ["touchpoint_0001", "account_0001"]


def test_tenants_have_news_of_their_own(crm: CRM) -> None:
    """However many the others write."""
    other = crm.given(tenant="other")
    for number in range(30):
        (crm if number % 10 else other).accounts.add(name=f"{number}")

    assert len(list(walked(other, limit=2))) == 3
    assert len(list(walked(crm, limit=2))) == 27


def test_erased_values_are_gone(crm: CRM) -> None:
    """Also from what was told before."""
    ada = crm.contacts.add(name="Ada Lovelace")
    erasure = crm.context("").changed(ada, "erased", name="[erased]")
    crm.store.erase([erasure], id="commit_e", recorded_at=crm.context("").at)

    assert told(crm) == ["contact_0001 erased", "contact_0001 added"]
    assert "Lovelace" not in str([dict(change.sets) for change in crm.feed()])


def test_a_what_if_tells_its_own(crm: CRM) -> None:
    """On top of what is."""
    crm.accounts.add(name="Acme")
    with crm.suppose() as what_if:
        what_if.contacts.add(name="Ada")
        assert told(what_if) == ["contact_0001 added", "account_0001 added"]

    assert told(crm) == ["account_0001 added"]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        *[({"limit": limit}, "limit") for limit in (0, -1, 10_001, True, "5", 2.5, None)],
        *[({"after": after}, "after") for after in ("", "x", "-1", "１", 5, b"5", "9" * 30)],
        *[
            ({"kinds": kinds}, "kinds")
            for kinds in ("account", Account, 5, ["acount"], [Record, 5], [[]], ["playbook"])
        ],
        ({"kinds": [PlaybookVersion]}, "kinds"),
        *[({"by": by}, "by") for by in ("", 5, "\x00")],
    ],
)
def test_what_does_not_fit_is_refused(crm: CRM, asked: dict[str, Any], path: str) -> None:
    """By name."""
    crm.accounts.add(name="Acme")

    with pytest.raises(Invalid) as caught:
        crm.feed(**asked)
    assert {problem.path for problem in caught.value.problems} == {path}


def test_a_cursor_of_another_question_is_refused(crm: CRM) -> None:
    """It is no place in the log."""
    for number in range(3):
        crm.accounts.add(name=f"{number}")
    cursor = crm.accounts.find(F.name.is_set, order_by="name", limit=1).next

    with pytest.raises(Invalid, match="a cursor of the feed"):
        crm.feed(after=cursor)


STEPS = st.lists(
    st.tuples(st.sampled_from(["account", "contact", "other"]), st.sampled_from(["ana", None])), max_size=40
)


@given(
    steps=STEPS,
    limit=st.integers(1, 9),
    kinds=st.sampled_from([None, ["account"], [Contact, Account]]),
    by=st.sampled_from([None, "ana"]),
)
def test_page_by_page_it_is_the_log_backwards(
    steps: list[tuple[str, str | None]], limit: int, kinds: list[Any] | None, by: str | None
) -> None:
    """Whatever is left out, however long the pages are."""
    crm = CRM(MemoryStore(), clock=TickingClock("2026-11-02T09:00Z"), new_id=CountingIds())
    for what, actor in steps:
        view = crm.given(by=actor, tenant="other" if what == "other" else None)
        (view.contacts if what == "contact" else view.accounts).add(name="x")
    wanted = {"account", "contact"} if kinds != ["account"] else {"account"}
    log = [one for one in crm.store.changes() if one.kind in wanted and by in (None, one.by)]

    assert list(walked(crm, limit=limit, kinds=kinds, by=by)) == log[::-1]


def test_a_page_does_not_read_the_whole_log(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only as much of its end as it needs."""
    for number in range(100):
        crm.accounts.add(name=f"{number}")
    read: list[int] = []
    changes = type(crm.store).changes

    def counted(self: Any, **asked: Any) -> list[Change[Any]]:  # noqa: ANN401
        found = changes(self, **asked)
        read.append(len(found))
        return found

    monkeypatch.setattr(type(crm.store), "changes", counted)
    page = crm.feed(limit=5)
    assert (len(page), sum(read)) == (5, 6)
    assert len(crm.feed(kinds=[Contact])) == 0
    assert len(read) < 10
