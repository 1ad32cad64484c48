"""Many threads over one CRM: nothing is lost, nothing is done twice, and no error is anybody else's."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest

from crmcore import CRM, Conflict, CrmError, F, Playbook
from crmcore.kernel.errors import Busy, Duplicate
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.sqlite import SqliteStore

THREADS, ROUNDS = 6, 4

Task: TypeAlias = Callable[["Team", int, int], None]


@attrs.define(eq=False)
class Team:
    """Threads over one CRM, and what they say they have done.

    Attributes:
        crm: The CRM.
        shared: The id of a deal that all of them change.
        done: How often what was done.
    """

    crm: CRM
    shared: str
    done: Counter[str] = attrs.field(factory=Counter)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def tell(self, what: str) -> None:
        """Say that something was done."""
        with self._lock:
            self.done[what] += 1

    def insist(self, what: str, act: Callable[[], object]) -> None:
        """Do something until nobody is in the way."""
        while True:
            try:
                act()
            except (Conflict, Busy) as error:
                if isinstance(error, Duplicate):
                    raise
            else:
                return self.tell(what)


def add(team: Team, thread: int, round: int) -> None:
    """Acts of one's own, each under circumstances of its own."""
    mine = team.crm.given(by=f"thread {thread}", reason=f"round {round}")
    ada = mine.contacts.add(name=f"Ada {thread} {round}", external={"erp": f"{thread}.{round}"})
    mine.notes.add(ada, f"Said {thread}")
    deal = mine.given(at=mine.history(ada)[0].at).opportunities.add(name=f"Deal {thread}", amount=round + 1)
    mine.opportunities.advance(deal, to="proposal")
    assert {change.by for change in mine.history(deal)} == {f"thread {thread}"}
    assert mine.contacts.external("erp", f"{thread}.{round}") == mine.contacts.get(ada.id)
    team.tell("added")


def compete(team: Team, thread: int, round: int) -> None:
    """Change what all of them change: each adds 1 to what it read."""

    def one_more() -> None:
        deal = team.crm.opportunities.get(team.shared)
        team.crm.opportunities.update(deal, amount=(0 if deal.amount is None else int(deal.amount.amount)) + 1)

    team.insist("one more", one_more)


def repeat(team: Team, thread: int, round: int) -> None:
    """Send the same request as all of them: it is done once."""
    team.insist("repeated", lambda: team.crm.given(key=f"request {round}").accounts.add(name=f"Once {round}"))


def tag(team: Team, thread: int, round: int) -> None:
    """Put a tag of the same name, which is made once."""
    team.insist("tagged", lambda: team.crm.tags.put(f"tag {round}", team.shared))


def batch(team: Team, thread: int, round: int) -> None:
    """Several acts in one commit."""

    def several() -> None:
        with team.crm.batch() as batch:
            acme = batch.accounts.add(name=f"Batch {thread} {round}")
            batch.contacts.add(name=f"Bo {thread} {round}", account=acme)

    team.insist("batched", several)


def suppose(team: Team, thread: int, round: int) -> None:
    """Think about what is not."""
    with team.crm.suppose() as what_if:
        for _ in range(2):
            what_if.accounts.add(name=f"Never {thread}")
        assert what_if.accounts.count(F.name == f"Never {thread}") == 2
        assert what_if.analytics.pipeline() is not None
    assert team.crm.accounts.count(F.name == f"Never {thread}") == 0
    team.tell("supposed")


def adopt(team: Team, thread: int, round: int) -> None:
    """Work by another playbook, while the others work."""
    if round % 3 == 0:
        custom = {"contact": {f"field_{thread}_{round}": "text"}}
        team.insist("adopted", lambda: team.crm.adopt(Playbook(custom=custom)))


def look(team: Team, thread: int, round: int) -> None:
    """Read in every way."""
    crm = team.crm
    assert crm.opportunities.get(team.shared).version <= len(crm.history(team.shared))
    everybody = [one.id for one in crm.contacts.each()]
    assert len(everybody) == len(set(everybody)) <= crm.contacts.count()
    assert len(crm.feed(limit=5)) == 5
    assert {type(one).__name__ for one in crm.search("bo")} <= {"Contact"}
    before = crm.as_of(crm.history(team.shared)[0].at)
    assert (before.opportunities.get(team.shared).version, before.contacts.count()) == (1, 0)
    team.tell("looked")


def undo(team: Team, thread: int, round: int) -> None:
    """Take back what one has just done."""
    made = team.crm.given(tenant=f"tenant {thread}").accounts.add(name="Gone")
    mine = team.crm.given(tenant=f"tenant {thread}")
    mine.undo(mine.history(made)[0].commit)
    assert (mine.accounts.count(), len(mine.feed())) == (0, 2 * (round + 1))
    team.tell("undone")


TASKS: tuple[Task, ...] = (add, compete, repeat, tag, batch, suppose, adopt, look, undo)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CRM]:
    """A CRM over each store."""
    store: Any = None
    if request.param == "sqlite":
        store = SqliteStore(str(tmp_path / "crm.db"), durability="relaxed", busy_seconds=60)
    elif request.param == "postgresql":
        store = PostgresStore(request.getfixturevalue("url"), durability="relaxed", busy_seconds=60, connections=4)
    with CRM(store) as crm:
        yield crm
    if store is not None:
        store.close()


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns a hundred times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_one_crm_serves_many_threads(crm: CRM) -> None:
    """All they do is there in the end, once, and everything adds up."""
    team = Team(crm, crm.opportunities.add(name="Shared", amount=0).id)

    def work(thread: int) -> None:
        for round in range(ROUNDS):
            for task in (*TASKS[thread:], *TASKS[:thread]):  # each begins elsewhere
                task(team, thread, round)

    with ThreadPoolExecutor(THREADS) as threads:
        for future in [threads.submit(partial(work, thread)) for thread in range(THREADS)]:
            future.result()

    every = THREADS * ROUNDS
    adopted = team.done.pop("adopted")
    assert team.done == dict.fromkeys(
        ("added", "one more", "repeated", "tagged", "batched", "supposed", "looked", "undone"), every
    )
    shared = crm.opportunities.get(team.shared)
    assert shared.amount is not None
    assert (int(shared.amount.amount), len(shared.tags), crm.tags.count()) == (every, ROUNDS, ROUNDS)
    assert (crm.contacts.count(), crm.notes.count(), crm.opportunities.count()) == (2 * every, every, every + 1)
    assert crm.accounts.count(F.name.starts_with("Once")) == ROUNDS
    assert crm.accounts.count() == every + ROUNDS
    versions = [change.version for change in crm.history("playbook")]
    assert versions == list(range(1, adopted + 2))  # and the standard one before
    assert crm.verify()
    assert all(crm.given(tenant=f"tenant {thread}").verify() for thread in range(THREADS))


@pytest.mark.usefixtures("hasty")
def test_a_crm_that_is_closed_meanwhile_says_so(crm: CRM) -> None:
    """To everybody who is at work, and in our words."""
    told: list[str] = []

    def work(thread: int) -> None:
        try:
            while True:
                crm.contacts.add(name=f"Ada {thread}")
                crm.contacts.count()
        except CrmError as error:
            told.append(type(error).__name__)

    with ThreadPoolExecutor(THREADS) as threads:
        working = [threads.submit(work, thread) for thread in range(THREADS)]
        threading.Event().wait(0.2)
        crm.close()
        for future in working:
            future.result()
    assert told == ["Closed"] * THREADS


# --- what the threads above meet now and then, one step after the other -----------------------------------------------


def test_what_others_adopt_during_a_batch_is_a_conflict(crm: CRM) -> None:
    """Its acts were done by another playbook; nobody adopted one in it."""

    def meanwhile() -> None:
        with crm.batch() as batch:
            batch.accounts.add(name="Acme")
            crm.adopt(Playbook(currency="EUR"))

    with pytest.raises(Conflict, match="another playbook was adopted"):
        meanwhile()
    assert crm.accounts.count() == 0


def test_of_two_who_adopt_at_once_one_is_told(crm: CRM) -> None:
    """Who looked at the time first, and writes last, does not adopt into the past, where it would say nothing."""
    now, quicker = datetime(2099, 1, 1, tzinfo=UTC), [Playbook(currency="EUR")]

    def clock() -> datetime:
        nonlocal now
        mine, now = now, now + timedelta(seconds=1)
        while quicker:
            slow.adopt(quicker.pop())
        return mine

    slow = CRM(crm.store, clock=clock)
    with pytest.raises(Conflict):
        slow.adopt(Playbook(currency="JPY"))
    assert slow.playbook.currency == "EUR"
    slow.adopt(Playbook(currency="JPY"))
    assert (slow.playbook.currency, CRM(crm.store).playbook.currency) == ("JPY", "JPY")


def test_a_record_that_has_not_moved_is_acted_on_though_a_playbook_was_adopted(crm: CRM) -> None:
    """Whoever gave it has looked at it as it is; only who moved it would be overwritten unseen."""
    deal = crm.opportunities.add(name="Roof", amount=1)
    asked = count()

    def clock() -> datetime:
        if next(asked) == 1:  # the act has looked at the playbook, and is about to be written
            crm.adopt(Playbook(currency="EUR"))
        return datetime.now(UTC)

    moved = CRM(crm.store, clock=clock).opportunities.advance(deal, to="proposal")
    assert crm.history(moved)[-1].playbook == crm.playbook.hash
    with pytest.raises(Conflict, match="you read version 1"):
        crm.opportunities.advance(deal, to="proposal")
