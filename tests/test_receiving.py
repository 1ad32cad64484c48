"""Receiving: a message of another system is handled once, with all it does in one commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from crmcore import CRM, AsyncCRM, Conflict, F, Invalid, NotAllowed, NotFound
from crmcore.inbox import InboxMessage
from crmcore.testing import TickingClock


def placed(crm: CRM) -> None:
    """What a shop's order does here."""
    acme = crm.accounts.add(name="Acme", email="shop@acme.example")
    crm.opportunities.add(name="Roof", account=acme)


def never(crm: CRM) -> None:
    """What must not happen."""
    pytest.fail("this was handled")


def test_a_message_is_handled_once(open_crm: Callable[..., CRM]) -> None:
    """However often it comes, in whichever process; others have ids of their own."""
    crm = open_crm()
    assert crm.receive("shop", "evt_1", placed) is True
    for one in (crm, open_crm(), crm.given(by="ana"), crm.given(at="2026-11-01")):
        assert one.receive("shop", "evt_1", never) is False
    assert crm.receive("erp", "evt_1", lambda crm: None) is True
    assert crm.receive("shop", "evt_2", lambda crm: None) is True
    assert crm.given(tenant="other").receive("shop", "evt_1", lambda crm: None) is True

    assert (crm.accounts.count(), crm.opportunities.count()) == (1, 1)
    assert sorted((one.source, one.message) for one in crm.inbox.find()) == [
        ("erp", "evt_1"),
        ("shop", "evt_1"),
        ("shop", "evt_2"),
    ]


def test_what_it_did_is_one_commit(crm: CRM) -> None:
    """That it was handled belongs to it, with who and when; feeds say nothing of it."""
    crm.given(by="shop").receive("shop", "evt_1", placed)
    noted = crm.inbox.first(F.message == "evt_1")
    assert noted is not None
    (change,) = crm.history(noted)

    assert (change.what, change.by) == ("received", "shop")
    assert [one.kind for one in crm.store.changes(commit=change.commit)] == ["inbox_message", "account", "opportunity"]
    assert [one.kind for one in crm.feed()] == ["opportunity", "account"]


def test_what_changes_nothing_is_remembered(crm: CRM) -> None:
    """It was handled all the same."""
    assert crm.receive("shop", "evt_1", lambda crm: crm.accounts.count())
    assert not crm.receive("shop", "evt_1", never)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(),
        KeyboardInterrupt(),
        Conflict("account", "x", expected=1, found=2),
        NotFound("account", "x"),
        NotAllowed("no", act="x"),
        Invalid([]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_after_an_error_it_may_come_again(crm: CRM, error: BaseException) -> None:
    """Nothing of it was written."""

    def fails(crm: CRM) -> None:
        placed(crm)
        raise error

    with pytest.raises(type(error)):
        crm.receive("shop", "evt_1", fails)
    assert (crm.accounts.count(), crm.inbox.count()) == (0, 0)
    assert crm.receive("shop", "evt_1", placed)
    assert crm.accounts.count() == 1


def test_of_those_that_come_at_once_one_wins(open_crm: Callable[..., CRM]) -> None:
    """Also where the other would trip over what the first one did."""
    crm, other = open_crm(), open_crm()

    def slow(within: CRM) -> None:
        assert other.receive("shop", "evt_1", placed)
        placed(within)

    def refused(within: CRM) -> None:
        assert other.receive("shop", "evt_2", placed)
        within.accounts.get("account_9999")

    assert crm.receive("shop", "evt_1", slow) is False
    assert crm.receive("shop", "evt_2", refused) is False
    assert crm.accounts.count() == 2


def test_one_that_comes_just_after_another_is_not_handled(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it was not there yet when it was looked for."""
    crm.receive("shop", "evt_1", placed)
    looks = iter([False])
    received = CRM._received
    monkeypatch.setattr(CRM, "_received", lambda crm, noted: next(looks, received(crm, noted)))

    assert crm.receive("shop", "evt_1", never) is False
    assert [one.what for one in crm.store.changes(kind="inbox_message")] == ["received"]


def test_threads_race_for_a_message(crm: CRM) -> None:
    """One of them handles each."""
    crm.accounts.add(name="first")
    start, won = Barrier(4), list[int]()

    def take() -> None:
        start.wait()
        won.extend(number for number in range(5) if crm.receive("shop", f"evt_{number}", placed))

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == list(range(5))
    assert crm.accounts.count() == 6


def test_a_record_that_moved_meanwhile_is_a_conflict(open_crm: Callable[..., CRM]) -> None:
    """The message may come again, and is handled then."""
    crm, other = open_crm(), open_crm()
    acme = crm.accounts.add(name="Acme")

    def rename(within: CRM) -> None:
        within.accounts.update(acme.id, name="Acme Ltd")
        if crm.accounts.get(acme.id).version == 1:
            other.accounts.update(acme.id, name="Acme Inc")

    with pytest.raises(Conflict):
        crm.receive("shop", "evt_1", rename)
    assert crm.receive("shop", "evt_1", rename)
    assert crm.accounts.get(acme.id).name == "Acme Ltd"


def test_what_is_taken_back_may_be_handled_again(crm: CRM) -> None:
    """Undo takes it back that the message was handled."""
    crm.receive("shop", "evt_1", placed)
    (noted,) = crm.inbox.find()
    for _ in range(2):
        crm.undo(crm.history(noted)[-1].commit)
        assert (crm.accounts.count(), crm.inbox.count()) == (0, 0)
        assert crm.receive("shop", "evt_1", placed)
        assert not crm.receive("shop", "evt_1", never)

    assert [one.what for one in crm.history(noted)] == ["received", "undone", "received", "undone", "received"]


def test_what_happened_earlier_is_handled_now(crm: CRM, clock: TickingClock) -> None:
    """What is backdated is what it did; so it is handled once, also after it was taken back."""
    then = clock.now
    clock.now += timedelta(hours=1)
    assert crm.given(at=then).receive("shop", "evt_1", placed)
    (noted,) = crm.inbox.find()
    assert (crm.history(noted)[0].at, crm.history(crm.accounts.find()[0])[0].at) == (clock.now, then)
    clock.now += timedelta(hours=1)
    crm.undo(crm.history(noted)[0].commit)
    clock.now += timedelta(hours=1)
    assert crm.given(at=then).receive("shop", "evt_1", placed)
    assert not crm.given(at=then).receive("shop", "evt_1", never)


def test_it_outlives_an_erasure(crm: CRM) -> None:
    """Who was erased does not come back by a message that was handled."""
    crm.receive("shop", "evt_1", lambda crm: crm.contacts.add(name="Ada", email="ada@engines.example"))
    crm.erase(crm.contacts.find()[0])

    assert not crm.receive("shop", "evt_1", never)
    assert "ada" not in repr(crm.store.changes(kind="inbox_message"))


def test_it_may_be_part_of_a_batch_or_a_what_if(crm: CRM) -> None:
    """It is handled when the batch is written."""
    with crm.suppose() as what_if:
        assert what_if.receive("shop", "evt_1", placed)
        assert not what_if.receive("shop", "evt_1", never)
    with crm.batch() as batch:
        assert batch.receive("shop", "evt_1", placed)
        assert batch.receive("shop", "evt_2", lambda crm: None)
        assert crm.inbox.count() == 0

    assert not crm.receive("shop", "evt_1", never)
    assert len({one.commit for one in crm.store.changes(kind="inbox_message")}) == 1


def test_sources_and_messages_are_told_apart(crm: CRM) -> None:
    """Wherever one ends and the other begins."""
    told = [("a", "b c"), ("a b", "c"), ("1 a", "b"), ("1", "a b"), ("A", "b c"), ("ä", "b")]
    assert all(crm.receive(source, message, lambda crm: None) for source, message in told)
    assert not any(crm.receive(source, message, never) for source, message in told)


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        *[((source, "1", never), "source") for source in ("", " ", 5, None, "\x00", "x" * 101)],
        *[(("shop", message, never), "message") for message in ("", 5, None, "\ud800", "x" * 1_001)],
        *[(("shop", "1", handle), "handle") for handle in (None, "f", 5)],
    ],
)
def test_what_does_not_fit_is_refused(crm: CRM, asked: tuple[Any, Any, Any], path: str) -> None:
    """By name."""
    with pytest.raises(Invalid) as caught:
        crm.receive(*asked)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_what_is_to_be_awaited_is_not_done(crm: CRM) -> None:
    """Nor is what is to be gone through: it is refused, and the message may come again."""

    async def later(crm: CRM) -> None:
        never(crm)

    class Promise:
        def __await__(self) -> Any:  # noqa: ANN401
            yield

    def one_by_one(crm: CRM) -> Iterator[None]:
        never(crm)
        yield

    async def as_they_come(crm: CRM) -> AsyncIterator[None]:
        never(crm)
        yield

    unbegun = (one_by_one, as_they_come, lambda crm: map(never, [crm]))
    for handle in (later, lambda crm: Promise(), lambda crm: AsyncCRM.of(crm).accounts.count(), *unbegun):
        with pytest.raises(Invalid, match="done when it returns"):
            crm.receive("shop", "evt_1", handle)
    assert crm.receive("shop", "evt_1", placed)


def test_a_message_is_its_own_key(crm: CRM) -> None:
    """And the past receives none."""
    with pytest.raises(NotAllowed, match="key"):
        crm.given(key="k").receive("shop", "evt_1", never)
    with pytest.raises(NotAllowed, match="past"):
        crm.as_of("2026-11-01").receive("shop", "evt_1", never)


def test_only_receiving_writes_the_inbox(crm: CRM) -> None:
    """Its desk is there to be read."""
    crm.receive("shop", "evt_1", placed)
    desk, (noted,) = crm.desk(InboxMessage), crm.inbox.find()
    writes: list[Callable[[], object]] = [
        lambda: desk.add(source="shop", message="2"),
        lambda: desk.update(noted, message="2"),
        lambda: desk.delete(noted),
        lambda: desk.restore(noted.id),
        lambda: desk.upsert(("erp", "7"), source="shop"),
        lambda: desk.load([], key="id"),
    ]
    for write in writes:
        with pytest.raises(NotAllowed, match="possible: receive") as caught:
            write()
        assert caught.value.possible == ("receive",)
