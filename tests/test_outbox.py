"""The outbox: who follows a CRM misses nothing, whatever crashes when, and gets nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Account, AsyncCRM, Conflict, Contact, Invalid, NotAllowed, NotFound, Playbook
from crmcore.following import Changes, dedupe_key
from crmcore.inbox import InboxMessage
from crmcore.kernel import Change
from crmcore.playbook import PlaybookVersion
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock


def told(changes: Changes | list[Change[Any]]) -> list[str]:
    """What happened, in short."""
    return [f"{change.id} {change.what}" for change in changes]


class Crash(Exception):
    """The process ends here."""


def crash(error: type[BaseException] = Crash) -> None:
    """End it."""
    raise error


def erased(crm: CRM, contact: Contact) -> None:
    """Erase a contact's name."""
    context = crm.context("")
    erasure = context.changed(contact, "erased", name="[erased]")
    crm.store.erase([erasure], id="commit_e", recorded_at=context.at)


# --- changes: for those who keep their cursor themselves --------------------------------------------------------------


def test_a_reader_goes_on_where_it_was(crm: CRM) -> None:
    """From page to page, until one is empty; and on from there when something happens."""
    assert told(crm.changes()) == []
    acme = crm.accounts.add(name="Acme")
    crm.contacts.add(name="Ada")
    crm.accounts.update(acme, name="Acme Ltd")
    first = crm.changes(limit=3)  # the playbook, which was written down first, is one of three
    second = crm.changes(first.cursor, limit=2)
    third = crm.changes(second.cursor)

    assert told(first) == ["account_0001 added", "contact_0001 added"]
    assert told(second) == [f"{second[0].id} updated"] == ["account_0001 updated"]
    assert (len(third), third.cursor, bool(third)) == (0, second.cursor, False)
    crm.accounts.delete(acme.id)
    assert told(crm.changes(third.cursor)) == ["account_0001 deleted"]
    assert first[:1] == first.items[:1]


def test_a_reader_may_begin_now(crm: CRM) -> None:
    """It gets what is still to come."""
    crm.accounts.add(name="Acme")
    page = crm.changes("now")
    crm.accounts.add(name="Zenith")

    assert told(page) == []
    assert told(crm.changes(page.cursor)) == ["account_0002 added"]


def test_a_reader_may_ask_for_some_kinds(crm: CRM) -> None:
    """A page is empty only when there are no more of them, however few they are among many others."""
    for number in range(7):
        crm.accounts.add(name=f"{number}")
    crm.contacts.add(name="Ada")
    crm.accounts.add(name="last")
    page = crm.changes(limit=2, kinds=iter([Contact]))

    assert told(page) == told(crm.changes(kinds=["contact"])) == ["contact_0001 added"]
    assert told(crm.changes(page.cursor, limit=2, kinds=["contact"])) == []
    assert len(crm.changes(kinds=[Account, "contact"])) == 9


def test_what_the_crm_keeps_for_itself_is_asked_for_by_name(crm: CRM) -> None:
    """Playbooks, suppressions and the inbox are no business of others, unless they say so."""
    crm.receive("shop", "1", lambda crm: crm.accounts.add(name="Acme"))
    crm.adopt(Playbook(currency="EUR"))

    assert told(crm.changes()) == ["account_0001 added"]
    assert [change.kind for change in crm.changes(kinds=[PlaybookVersion])] == ["playbook", "playbook"]
    assert [change.kind for change in crm.changes(kinds=["inbox_message", Account])] == ["inbox_message", "account"]
    assert told(crm.changes(kinds=[])) == []


def test_an_erasure_reaches_those_who_follow(crm: CRM) -> None:
    """Who has not come to the changes never sees what is gone; who has is told that it is."""
    ada = crm.contacts.add(name="Ada Lovelace")
    page = crm.changes()
    keys = [page.key(change) for change in page]
    erased(crm, ada)
    anew, rest = crm.changes(), crm.changes(page.cursor)

    assert told(rest) == ["contact_0001 erased"]
    assert told(anew) == ["contact_0001 added", "contact_0001 erased"]
    assert "Lovelace" not in json.dumps(anew.to_data())
    assert [anew.key(change) for change in anew][:1] == keys


def test_a_page_is_data(crm: CRM) -> None:
    """Of JSON, with the key of each change; and its cursor is text."""
    crm.accounts.add(name="Acme")
    page = crm.changes()
    data = json.loads(json.dumps(page.to_data()))

    assert data["cursor"] == page.cursor
    assert [(one["id"], one["sets"], one["key"]) for one in data["items"]] == [
        ("account_0001", {"name": "Acme"}, page.key(page[0]))
    ]


def test_the_past_is_not_followed(crm: CRM) -> None:
    """Its feed tells what had happened."""
    past = crm.as_of("2026-11-01")
    for ask in (past.changes, lambda: past.follow("erp"), past.sync):
        with pytest.raises(NotAllowed, match="the past is not followed") as caught:
            ask()
        assert caught.value.possible == ("feed",)


def test_keys_tell_changes_apart(crm: CRM) -> None:
    """Of other tenants, records, versions, and of a change that took the place of a lost one."""
    crm.accounts.add(name="Acme")
    page = crm.changes()
    change = page[0]
    other: dict[str, Any] = {"kind": "x", "id": "x", "version": 2, "commit": "x"}
    others = [Change(**{**vars(change), name: value}) for name, value in other.items()]
    keys = [page.key(change), dedupe_key("x", change), *map(page.key, others)]
    tricky = [dedupe_key("a", Change(**{**vars(change), "kind": "b/c"})), dedupe_key("a/b", change)]

    assert len({*keys, *tricky}) == 8
    assert page.key(Change(**{**vars(change), "sets": {}, "reason": "x", "seq": 99})) == keys[0]
    assert not any(character in dedupe_key("a.b c\né", change) for character in ". \né")


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        *[({"limit": limit}, "limit") for limit in (0, -1, 10_001, True, "5", None)],
        *[({"after": after}, "after") for after in ("", "x", "-", "-1", 5, b"5", "9" * 30, "walking.x")],
        *[({"kinds": kinds}, "kinds") for kinds in ("account", 5, ["acount"], [[]])],
    ],
)
def test_what_does_not_fit_is_refused(crm: CRM, asked: dict[str, Any], path: str) -> None:
    """By name, by all who follow."""
    crm.accounts.add(name="Acme")
    begun = {"start" if name == "after" else name: value for name, value in asked.items()}
    for ask, said in ((crm.changes, path), (crm.sync, path), (lambda **one: crm.follow("erp", **one).__enter__(), "")):
        with pytest.raises(Invalid) as caught:
            ask(**(asked if said else begun))
        assert {problem.path for problem in caught.value.problems} == {said or ("start" if path == "after" else path)}
    assert crm.consumers.names() == ()


# --- follow: cursors that the store keeps -----------------------------------------------------------------------------


def test_a_consumer_goes_on_where_its_last_block_ended(open_crm: Callable[..., CRM]) -> None:
    """In whichever process that was."""
    crm, other = open_crm(), open_crm()
    for number in range(3):
        crm.accounts.add(name=f"{number}")
    got: list[list[str]] = []
    for one in (crm, other, crm):
        with one.follow("erp", limit=3) as batch:  # the first of all is the playbook's
            got.append(told(batch))

    assert got == [["account_0001 added", "account_0002 added"], ["account_0003 added"], []]


def test_a_block_that_fails_gets_the_same_changes_again(crm: CRM) -> None:
    """With the same keys, as often as it fails; other consumers are none the wiser."""
    crm.accounts.add(name="Acme")
    keys: list[list[str]] = []
    for error in (RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit):
        with pytest.raises(error), crm.follow("erp") as batch:  # noqa: PT012 - the end of the block is what fails
            keys.append([batch.key(change) for change in batch])
            crash(error)
    with crm.follow("shop") as batch:
        keys.append([batch.key(change) for change in batch])
    with crm.follow("erp") as batch:
        keys.append([batch.key(change) for change in batch])

    assert keys == [keys[0]] * 6
    assert crm.changes(crm.consumers.cursor("erp")).items == ()


def test_a_block_that_breaks_off_has_not_handled_its_batch(crm: CRM) -> None:
    """It is told so; what it went through to the end, took by place or did not look at is handled."""
    for number in range(3):
        crm.accounts.add(name=f"{number}")
    for looked in (0, 1):
        with pytest.raises(NotAllowed, match="in the middle"), crm.follow("erp") as batch:  # noqa: PT012 - as it ends
            assert [len(told(batch)) for _ in range(looked)] == [3] * looked
            for change in batch:
                if change.id == "account_0003":
                    break
    with crm.follow("erp", limit=1) as batch:
        assert any(change.what == "added" for change in batch)
        assert told(batch) == ["account_0001 added"]
    with crm.follow("erp", limit=1) as batch:
        assert batch[0].id == "account_0002"
        assert batch[0] in batch
    with crm.follow("erp", limit=1) as batch:
        pass

    assert crm.consumers.lag("erp").changes == 0


def test_of_two_under_one_name_one_moves_the_cursor(crm: CRM) -> None:
    """The other is told that both got the same; nothing is skipped."""
    crm.adopt(Playbook())
    with crm.follow("erp", start="now"):
        for number in range(4):
            crm.accounts.add(name=f"{number}")
    named = pytest.raises(Conflict, match="somebody else follows under that name")
    with named, crm.follow("erp", limit=3) as slow, crm.follow("erp", limit=2) as quick:
        assert told(quick) == told(slow)[:2]
    with crm.follow("erp") as batch:
        assert told(batch) == ["account_0003 added", "account_0004 added"]


def test_a_new_consumer_begins_where_it_says(crm: CRM) -> None:
    """At the beginning, now, or at a cursor; once it is known that is where it is."""
    crm.accounts.add(name="Acme")
    cursor = crm.changes().cursor
    for _ in range(2):
        with pytest.raises(Crash), crm.follow("late", start="now") as batch:  # noqa: PT012 - as above
            crm.accounts.add(name="Zenith")
            crash()
    with crm.follow("late", start="now") as late, crm.follow("all") as every, crm.follow("some", start=cursor) as some:
        pass

    assert told(late) == told(some) == ["account_0002 added", "account_0003 added"]
    assert len(every) == 3
    assert told(batch) == ["account_0002 added"]


def test_two_who_begin_at_once_begin_at_the_same_place(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the one who was quicker."""
    crm.accounts.add(name="Acme")
    tip = type(crm.store).tip

    def overtaken(store: Any) -> str:  # noqa: ANN401 - of either kind
        monkeypatch.undo()
        with crm.follow("erp"):
            pass
        return tip(store)

    monkeypatch.setattr(type(crm.store), "tip", overtaken)
    with crm.follow("erp", start="now") as batch:
        assert told(batch) == []
    assert crm.consumers.lag("erp").changes == 0


def test_a_consumer_may_want_some_kinds(crm: CRM) -> None:
    """Its cursor passes over the others, also when none was wanted."""
    crm.accounts.add(name="Acme")
    crm.contacts.add(name="Ada")
    for wanted in (["contact_0001 added"], []):
        with crm.follow("mail", kinds=[Contact]) as batch:
            assert told(batch) == wanted

    assert crm.consumers.lag("mail").changes == 0


def test_an_empty_crm_is_followed(crm: CRM) -> None:
    """From the beginning on, whatever is written then."""
    for _ in range(2):
        with crm.follow("erp") as batch:
            assert told(batch) == []
    crm.accounts.add(name="Acme")
    with crm.follow("erp") as batch:
        assert told(batch) == ["account_0001 added"]


def test_what_is_not_so_is_told_to_nobody(crm: CRM) -> None:
    """Neither what is supposed, nor what a batch has not committed; both can be looked at."""
    crm.accounts.add(name="Acme")
    for within in (crm.suppose, crm.batch):
        with within() as view:
            view.accounts.add(name="Zenith")
            with pytest.raises(NotAllowed, match="told to nobody"):
                view.follow("erp")
            assert [change.what for change in view.changes()] == ["added", "added"]
            assert len(view.sync().records) == 2


def test_tenants_are_followed_apart(crm: CRM) -> None:
    """Under the same names."""
    other = crm.given(tenant="other")
    crm.accounts.add(name="Acme")
    with crm.follow("erp") as mine, other.follow("erp") as theirs:
        pass
    other.accounts.add(name="Zenith")

    assert (len(mine), len(theirs)) == (1, 0)
    assert (crm.consumers.lag("erp").changes, other.consumers.lag("erp").changes) == (0, 1)
    crm.consumers.forget("erp")
    assert (crm.consumers.names(), other.consumers.names()) == ((), ("erp",))


def test_a_consumer_writes_what_follows_from_a_change_once(crm: CRM) -> None:
    """Into the CRM itself, under the key of the change."""
    ada = crm.contacts.add(name="Ada")
    for error in (True, False):
        with contextlib.suppress(Crash), crm.follow("welcome", kinds=[Contact]) as batch:
            for change in batch:
                crm.given(key=batch.key(change)).notes.add(change.id, "Write to them.")
            if error:
                crash()

    assert len(list(crm.notes.of(ada))) == 1


@pytest.mark.parametrize("name", ["", " ", "\x00", "x" * 101, 5, None])
def test_a_consumer_has_a_name(crm: CRM, name: Any) -> None:  # noqa: ANN401 - anything
    """That a store can keep."""
    uses: list[Callable[[], object]] = [
        lambda: crm.follow(name).__enter__(),
        lambda: crm.consumers.lag(name),
        lambda: crm.consumers.reset(name),
        lambda: crm.consumers.forget(name),
        lambda: crm.consumers.cursor(name),
    ]
    for use in uses:
        with pytest.raises(Invalid) as caught:
            use()
        assert caught.value.problems[0].path == "consumer"


# --- consumers --------------------------------------------------------------------------------------------------------


def test_lag_says_how_much_waits_and_since_when(crm: CRM, clock: TickingClock) -> None:
    """Changes of the business after the cursor, and the age of the first of them."""
    with crm.follow("erp") as batch:
        assert told(batch) == []
    lag = crm.consumers.lag("erp")
    assert (lag.changes, lag.oldest, lag.age, lag.consumer) == (0, None, timedelta(0), "erp")
    crm.receive("shop", "1", lambda crm: None)
    clock.now = clock.now + timedelta(minutes=5)
    recorded = clock.now
    acme = crm.accounts.add(name="Acme")
    clock.now = clock.now + timedelta(hours=2)
    crm.accounts.update(acme, name="Acme Ltd")
    lag = crm.consumers.lag("erp")

    assert (lag.changes, lag.oldest, lag.age, lag.at) == (2, recorded, timedelta(hours=2), clock.now)
    assert json.loads(json.dumps(lag.to_data())) == {
        "consumer": "erp",
        "changes": 2,
        "oldest": "2026-11-02T09:05:00Z",
        "age": 7200.0,
        "at": "2026-11-02T11:05:00Z",
    }


def test_long_lags_are_counted_in_pieces(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a clock that was set back makes no lag negative."""
    monkeypatch.setattr("crmcore.following.LARGEST_PAGE", 2)
    with crm.follow("erp"):
        for number in range(5):
            crm.accounts.add(name=f"{number}")

    assert crm.consumers.lag("erp").changes == 5
    behind = CRM(crm.store, clock=TickingClock("2026-11-01T09:00Z"))
    assert behind.consumers.lag("erp").age == timedelta(0)


def test_a_consumer_is_let_begin_anew(crm: CRM) -> None:
    """From the beginning, from now, or from a cursor; also when it would begin elsewhere as a new one."""
    crm.accounts.add(name="Acme")
    cursor = crm.changes().cursor
    crm.accounts.add(name="Zenith")
    with crm.follow("erp", start="now"):
        pass
    lags = []
    for to in (None, "now", cursor):
        crm.consumers.reset("erp", to)
        lags.append(crm.consumers.lag("erp").changes)
    assert lags == [2, 0, 1]
    assert crm.consumers.cursor("erp") == cursor
    crm.consumers.reset("erp")
    assert crm.consumers.cursor("erp") is None
    with crm.follow("erp", start="now") as batch:
        assert len(batch) == 2

    for junk in ("", "x", 5):
        with pytest.raises(Invalid) as caught:
            crm.consumers.reset("erp", junk)
        assert caught.value.problems[0].path == "to"


def test_a_consumer_that_is_reset_in_its_block_is_told(crm: CRM) -> None:
    """It does not go past where it was set."""
    crm.accounts.add(name="Acme")
    with crm.follow("erp"):
        pass
    crm.accounts.add(name="Zenith")
    with pytest.raises(Conflict), crm.follow("erp"):
        crm.consumers.reset("erp")

    assert crm.consumers.lag("erp").changes == 2


@pytest.mark.parametrize("read", [0, 1], ids=["the beginning", "a cursor"])
def test_a_consumer_that_is_reset_to_where_it_is_gets_all_of_it_again(crm: CRM, read: int) -> None:
    """As often as that happens; then it goes on as ever."""
    for name in ("Acme", "Zenith"):
        crm.accounts.add(name=name)
    for _ in range(read):
        with crm.follow("erp", limit=1):
            pass
    for often in (1, 2):
        with pytest.raises(Conflict), crm.follow("erp") as batch:  # noqa: PT012 - as it ends
            told(batch)
            place = crm.consumers.cursor("erp")
            for _ in range(often):
                crm.consumers.reset("erp", place)
                assert crm.consumers.cursor("erp") == place
        assert crm.consumers.lag("erp").changes == 2 - read
    with crm.follow("erp") as batch:
        assert len(batch) == 2 - read
    with crm.follow("erp") as batch:
        assert not batch
    crm.consumers.reset("erp", "now")
    crm.consumers.reset("erp", "now")
    with crm.follow("erp") as batch:
        assert not batch
    crm.consumers.forget("erp")


def test_consumers_are_listed_and_forgotten(crm: CRM) -> None:
    """Those there are; others are not found."""
    for name in ("shop", "erp"):
        with crm.follow(name):
            pass
    assert crm.consumers.names() == ("erp", "shop")
    crm.consumers.forget("erp")
    assert crm.consumers.names() == ("shop",)
    for use in (crm.consumers.cursor, crm.consumers.lag, crm.consumers.reset, crm.consumers.forget):
        with pytest.raises(NotFound, match="names"):
            use("erp")


def test_a_log_that_was_restored_is_noticed(open_crm: Callable[..., CRM]) -> None:
    """A consumer that has read on refuses to go on; it is reset, and goes on."""
    crm = open_crm()
    crm.accounts.add(name="Acme")
    crm.store.move_cursor("erp", was="", now="99.00000000")

    with pytest.raises(Invalid, match="backup"), crm.follow("erp"):
        pytest.fail("there is nothing to hand out")
    crm.consumers.reset("erp")
    with crm.follow("erp") as batch:
        assert len(batch) == 1


# --- any history, any crash -------------------------------------------------------------------------------------------


@st.composite
def days(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What happens, in order: writing, and blocks that crash at some point, or end."""
    step = st.tuples(
        st.sampled_from(["add", "change", "note", "block", "block", "crash", "lost", "told"]), st.integers(0, 5)
    )
    return draw(st.lists(step, max_size=40))


@given(steps=days(), limit=st.integers(1, 4))
def test_whatever_crashes_when_nothing_is_lost(steps: list[tuple[str, int]], limit: int) -> None:
    """Each change is handled once at least, those of a record in order, and by their keys once."""
    store = MemoryStore()
    crm = CRM(store, clock=TickingClock("2026-11-02T09:00Z"), new_id=CountingIds())
    accounts: list[str] = []
    handled: list[tuple[str, Change[Any]]] = []
    for what, number in [*steps, *[("block", 9)] * 50]:
        if what == "add" or (what in {"change", "note"} and not accounts):
            accounts.append(crm.accounts.add(name="x").id)
        elif what == "change":
            crm.accounts.update(accounts[number % len(accounts)], name=f"x{len(handled)}")
        elif what == "note":
            crm.notes.add(accounts[number % len(accounts)], "x")
        else:
            block(crm, what, number, limit, handled)

    log = [change for change in store.changes() if change.kind != "playbook"]
    first = list(dict.fromkeys(handled))
    assert [change for _, change in first] == log
    assert len({key for key, _ in first}) == len(log)
    places = {change.seq: place for place, change in enumerate(log)}
    furthest = -1
    for _, change in handled:
        assert places[change.seq] <= furthest + 1, "something was skipped"
        furthest = max(furthest, places[change.seq])


def block(crm: CRM, what: str, number: int, limit: int, handled: list[tuple[str, Change[Any]]]) -> None:
    """A block: it crashes among the changes, before or after its cursor is moved, or ends."""
    move = crm.store.move_cursor

    def moved(consumer: str, *, was: str, now: str) -> None:
        if what == "told" and was != "":
            move(consumer, was=was, now=now)
        if was != "":
            crash()
        move(consumer, was=was, now=now)

    if what in {"lost", "told"}:
        crm.store.move_cursor = moved  # type: ignore[method-assign]
    with contextlib.suppress(Crash), crm.follow("erp", limit=limit) as batch:
        for place, change in enumerate(batch):
            if what == "crash" and place == number:
                crash()
            handled.append((batch.key(change), change))
    crm.store.move_cursor = move  # type: ignore[method-assign]


# --- asyncio ----------------------------------------------------------------------------------------------------------


def test_an_event_loop_follows_too(crm: CRM) -> None:
    """A block that fails gets the same again."""
    crm.accounts.add(name="Acme")
    got: list[int] = []

    async def main() -> None:
        async with AsyncCRM.of(crm) as shared:
            for error in (True, False, False):
                with contextlib.suppress(Crash):
                    async with shared.follow("erp", limit=5, kinds=[Account]) as batch:
                        got.append(len(batch))
                        if error:
                            crash()
            assert (await shared.consumers.lag("erp")).changes == 0
            assert not isinstance(await shared.consumers, type(crm.consumers))
            assert await shared.receive("shop", "1", lambda crm: crm.accounts.add(name="Zenith"))
            assert len(await shared.changes()) == 2
            assert not await shared.sync((await shared.sync()).cursor)

    asyncio.run(main())
    assert got == [1, 1, 0]
    assert InboxMessage in crm._desks
