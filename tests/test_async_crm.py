"""The front door for asyncio: the same CRM, awaited; its event loop never waits for a store."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, AsyncCRM, Closed, Conflict, F, Invalid, Lead, Money, NotAllowed, NotFound, Opportunity
from crmcore.async_crm import AsyncCall, AsyncPart
from crmcore.kernel import Change, Context, Desk, Record, act, field, record
from crmcore.stores.memory import MemoryStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import CountingIds, TickingClock
from crmcore.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterator
    from pathlib import Path

SECONDS = 30.0
"""How long a test waits for what should come at once."""


# --- a kind of one's own ----------------------------------------------------------------------------------------------


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(key=True)
    takes: int = field(default=0)


def film(shoot: Shoot, context: Context[None], *, takes: int) -> Change[Shoot]:
    """Film some takes."""
    return context.changed(shoot, "filmed", takes=shoot.takes + takes)


class ShootDesk(Desk[Shoot]):
    """The shoots."""

    film = act(film)
    steps: list[tuple[str, int]]

    def countdown(self, start: int) -> Iterator[int]:
        """Count down, and write down in which thread; from 0 on it fails."""
        try:
            for number in range(start, 0, -1):
                self.steps.append(("gave", threading.get_ident()))
                yield number
            raise Invalid([])
        finally:
            self.steps.append(("closed", threading.get_ident()))

    def stop(self) -> None:
        """End somebody else's loop."""
        raise StopIteration

    def told(self) -> str:
        """What the caller's context says."""
        return CALLER.get()

    def wait(self, gate: threading.Event) -> bool:
        """Wait."""
        return gate.wait(SECONDS)


CALLER = ContextVar("caller", default="nobody")


# --- stores -----------------------------------------------------------------------------------------------------------


class Watched:
    """A store that must not be touched by an event loop's own thread, and that can be held up as it commits."""

    def __init__(self, store: Any, gates: dict[str, threading.Event] | None = None) -> None:  # noqa: ANN401 - any store
        self._store = store
        self._gates = {} if gates is None else gates
        self.calls: list[str] = []

    def for_tenant(self, tenant: str) -> Watched:
        """The same for another tenant."""
        self._check("for_tenant")
        other = Watched(self._store.for_tenant(tenant), self._gates)
        other.calls = self.calls
        return other

    def hold(self) -> tuple[threading.Event, threading.Event]:
        """Stop the next commit: the first event says that it has begun, the second lets it go on."""
        self._gates.update(begun=threading.Event(), go=threading.Event())
        return self._gates["begun"], self._gates["go"]

    def _check(self, name: str) -> None:
        with contextlib.suppress(RuntimeError):
            pytest.fail(f"{name} was called on the thread of {asyncio.get_running_loop()}")
        self.calls.append(name)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
            self._check(name)
            if name == "commit" and self._gates:
                self._gates["begun"].set()
                assert self._gates["go"].wait(SECONDS)
            return found(*args, **kwargs)

        return called


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    """An empty store, in memory and in a file."""
    kept = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "crm.db"), durability="relaxed")
    yield Watched(kept)
    kept.close()


async def soon(true: Callable[[], bool]) -> None:
    """Wait until something is true, without keeping the loop."""
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - it is a thread that makes it true
            await asyncio.sleep(0.001)


def crm_threads() -> set[threading.Thread]:
    """The threads that work for a CRM."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("crmcore")}


# --- the same CRM -----------------------------------------------------------------------------------------------------


def test_desks_acts_and_figures_are_awaited_under_their_names(store: Watched) -> None:
    """With the arguments they have, and what they give."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            lead = await crm.leads.capture(name="Ada Lovelace", email="ada@engines.example", company="Engines")
            lead = await crm.leads.qualify(lead)
            account, contact, deal = await crm.leads.convert(lead, name="Engine", amount=Money("12000", "USD"))
            assert (await crm.leads.get(lead.id)).status == "converted"
            assert await crm.opportunities.find(F.amount > 10, order_by="amount") == (
                await crm.run(lambda plain: plain.opportunities.find(F.amount > 10, order_by="amount"))
            )
            assert [change.what for change in await crm.history(deal)] == ["opened"]
            assert await crm.search("ada") == (contact, await crm.leads.get(lead.id))
            assert (await crm.analytics.pipeline()).open_value == Money("12000", "USD")
            assert await crm.accounts.count() == await crm.contacts.count() == 1
            assert (await crm.playbook).currency == await crm.playbook.currency == "USD"
            assert (await crm.accounts.get(account.id)) == account
            await crm.undo((await crm.history(account))[-1].commit)
            with pytest.raises(NotFound):
                await crm.accounts.get(account.id)
            assert await crm.verify()

    asyncio.run(main())


def test_it_writes_what_the_plain_one_writes() -> None:
    """Change by change, when both are told the same time and ids."""
    stores = MemoryStore(), MemoryStore()

    def circumstances() -> dict[str, Any]:
        return {"clock": TickingClock("2026-11-02T09:00Z"), "new_id": CountingIds(), "kinds": {Shoot: ShootDesk}}

    with CRM(stores[0], by="ana", **circumstances()) as crm:
        rome = crm.shoots.film(crm.shoots.add(place="Rome"), takes=3)
        crm.given(at="2026-01-05", reason="found").accounts.add(name="Acme")
        with crm.batch() as batch:
            batch.shoots.delete(batch.shoots.add(place="Oslo"))
        crm.shoots.upsert(("erp", "7"), place="Bern")
        whole = crm.store.changes()

    async def main() -> None:
        async with AsyncCRM(stores[1], by="ana", **circumstances()) as crm:
            assert await crm.shoots.film(await crm.shoots.add(place="Rome"), takes=3) == rome
            await crm.given(at="2026-01-05", reason="found").accounts.add(name="Acme")
            async with crm.batch() as batch:
                await batch.shoots.delete(await batch.shoots.add(place="Oslo"))
            await crm.shoots.upsert(("erp", "7"), place="Bern")
            assert await crm.store.changes() == whole

    asyncio.run(main())


def test_every_desk_is_there(store: Watched) -> None:
    """Those of one's own kinds too, by their plural and by their class."""

    async def main() -> None:
        async with AsyncCRM(store, kinds={Shoot: ShootDesk}) as crm:
            for kind in (await crm.kinds).values():
                if kind.name != "playbook":
                    assert await getattr(crm, kind.plural).count() == await crm.desk(kind.cls).count() == 0
            shoot = await crm.desk(Shoot).film(await crm.shoots.add(place="Rome"), takes=2)
            assert shoot.takes == 2

    asyncio.run(main())


def test_what_there_is_not_is_refused_when_it_is_awaited() -> None:
    """In the plain CRM's words; what only a protocol asks for is refused at once."""

    async def main() -> None:
        async with AsyncCRM() as crm:
            with pytest.raises(AttributeError, match="this CRM has no desk 'leeds'"):
                await crm.leeds.count()
            with pytest.raises(AttributeError, match=r"AsyncPart\.__len__ is no part of a CRM"):
                crm.leads.__len__()
            with pytest.raises(AttributeError):
                crm._secret
            with pytest.raises(Invalid, match="a kind of this CRM"):
                await crm.desk(Shoot).count()
            with pytest.raises(Invalid, match="amount"):
                await crm.opportunities.add(name="Roof", amount="much")

    asyncio.run(main())


def test_it_says_what_it_is_without_looking() -> None:
    """Nothing is opened for that."""
    crm = AsyncCRM("nowhere/crm.db")
    shown = [repr(crm), repr(crm.given(by="ana")), repr(crm.leads.capture), repr(crm.desk(Lead))]

    assert shown == ["<async CRM>", "<async CRM>", "<async crm.leads.capture>", "<async crm.desk(Lead)>"]


# --- opening and views ------------------------------------------------------------------------------------------------


def test_it_opens_when_something_is_first_awaited(workplace: Path) -> None:
    """Once, whoever comes first; nothing is done for one that is never used."""

    def there() -> list[str]:
        return [path.name for path in workplace.glob("*.db")]

    async def main() -> None:
        async with AsyncCRM("crm.db"):
            assert there() == ["crm.db"]
        crm = await AsyncCRM("crm.db")
        await crm.close()
        unused = AsyncCRM("unused.db", kinds="none")
        await unused.close()
        late = AsyncCRM("late.db")
        await asyncio.gather(*(late.accounts.add(name=f"A{number}") for number in range(20)))
        assert await late.accounts.count() == 20
        await late.close()

    asyncio.run(main())
    assert sorted(there()) == ["crm.db", "late.db"]


def test_what_can_not_be_opened_leaves_nothing_behind(workplace: Path) -> None:
    """The error is the plain CRM's, and comes where it is opened."""

    async def main() -> None:
        crm = AsyncCRM("nowhere/crm.db")
        with pytest.raises(Exception, match="check that its folder exists"):
            await crm.leads.count()
        (workplace / "nowhere").mkdir()
        assert await crm.leads.count() == 0
        await crm.close()
        with pytest.raises(Invalid, match="mysql"):
            async with AsyncCRM("mysql://host/crm"):
                pytest.fail("it opened")

    before = crm_threads()
    asyncio.run(main())
    assert_ended(before)


def test_views_are_made_out_when_they_are_used_and_then_stay(store: Watched) -> None:
    """``given`` and ``as_of`` touch nothing themselves."""
    clock = TickingClock("2026-11-02T09:00Z")

    async def main() -> None:
        async with AsyncCRM(store, clock=clock) as crm:
            deal = await crm.given(by="ana", reason="call").opportunities.add(name="Roof", amount=5)
            (change,) = await crm.history(deal)
            assert (change.by, change.reason) == ("ana", "call")
            calls = len(store.calls)
            now = crm.as_of(known="2026-11-02")
            before = crm.as_of("2026-11-01")
            wrong = crm.given(at="yesterday").given(by="ana")
            assert len(store.calls) == calls
            assert await now.opportunities.count() == 1
            await crm.opportunities.add(name="Door")
            assert await now.opportunities.count() == 1
            assert await crm.as_of(known="2026-11-02").opportunities.count() == 2
            assert await before.opportunities.count() == 0
            assert (await before.analytics.pipeline()).open == 0
            with pytest.raises(NotAllowed):
                await before.opportunities.add(name="Window")
            with pytest.raises(Invalid, match="yesterday"):
                await wrong.opportunities.count()
            with pytest.raises(Invalid, match="yesterday"):
                await crm.given(at="yesterday")
            bob = await crm.given(tenant="bob")
            assert await bob.opportunities.count() == 0

    asyncio.run(main())


def test_a_plain_crm_is_shared_and_stays_open(store: Watched) -> None:
    """Whoever opened it closes it."""
    crm = CRM(store)  # type: ignore[arg-type]

    async def main() -> None:
        async with AsyncCRM.of(crm, threads=2) as shared:
            await shared.accounts.add(name="Acme")

    asyncio.run(main())
    asyncio.run(main())
    assert crm.accounts.count() == 2


def test_what_lives_on_the_store_is_never_handed_out(store: Watched) -> None:
    """A desk that is awaited is the same desk, to be awaited; what gives one after another is not awaited."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            for part in (crm.leads, crm.analytics, crm.leads.count):
                assert await part is part
            assert isinstance(crm.leads, AsyncPart)
            with pytest.raises(TypeError, match=r"write: async for one in crm.leads.each\(…\)"):
                await crm.leads.each()
            with pytest.raises(TypeError, match="not iterable"):
                await anext(crm.leads.count())

    asyncio.run(main())


# --- the loop and the threads -----------------------------------------------------------------------------------------


def test_the_event_loop_never_touches_the_store(store: Watched) -> None:
    """Whatever is done, opening and closing included: the store would fail this test."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            view = crm.given(by="ana", at="2026-01-05", tenant="bob")
            await view.accounts.add(name="Acme")
            async with crm.given(tenant="bob").batch() as batch:
                await batch.opportunities.add(name="Roof", amount=5)
            async with crm.suppose() as what_if:
                await what_if.leads.capture(name="Ada")
            async for _ in crm.as_of("2026-02-01", known="2026-02-01").given(tenant="bob").accounts.each():
                break
            await crm.analytics.pipeline()
            await crm.adopt(await crm.playbook)
            await crm.feed()
        await crm.close()
        with pytest.raises(Closed):
            await crm.accounts.count()

    asyncio.run(main())
    assert {"for_tenant", "prepare", "get", "find", "commit", "last", "close"} <= {*store.calls}


def test_the_loop_goes_on_while_a_store_is_slow(store: Watched) -> None:
    """Other tasks have their turn."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            await crm.accounts.add(name="Acme")
            begun, go = store.hold()
            slow = asyncio.create_task(crm.accounts.add(name="Bolt"))
            await soon(begun.is_set)
            assert not slow.done()
            go.set()
            assert (await slow).name == "Bolt"

    asyncio.run(main())


def test_calls_are_coroutines(store: Watched) -> None:
    """Fit for tasks, groups and timeouts, and warned of when nobody awaits them."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(crm.accounts.add(name=f"A{number}")) for number in range(5)]
            assert await asyncio.gather(*(crm.accounts.get(task.result().id) for task in tasks)) == [
                task.result() for task in tasks
            ]
            async with asyncio.timeout(SECONDS):
                assert await asyncio.wait_for(crm.accounts.count(), SECONDS) == 5
            with pytest.warns(RuntimeWarning, match=r"coroutine 'crm.accounts.add' was never awaited"):
                crm.accounts.add(name="Acme")
            call = crm.accounts.add(name="Acme")
            assert repr(call) == "<async call of crm.accounts.add>"
            with pytest.raises(ZeroDivisionError):
                call.throw(ZeroDivisionError())
            with pytest.raises(RuntimeError, match="cannot reuse"):
                await call
            unused = crm.accounts.add(name="Acme")
            await unused.aclose()
            assert await crm.accounts.count() == 5

    asyncio.run(main())


@pytest.mark.parametrize("size", [0, -1, True, "8", 1.5])
def test_the_number_of_threads_is_checked(size: Any) -> None:  # noqa: ANN401 - anything
    """There is one at least."""
    with pytest.raises(Invalid, match="threads"):
        AsyncCRM(threads=size)


def test_no_more_threads_work_than_were_allowed() -> None:
    """What is beyond waits for its turn, and even one is enough for any number of blocks."""

    async def main() -> None:
        async with AsyncCRM(threads=1) as crm:

            async def one(number: int) -> None:
                async with crm.batch() as batch, crm.suppose() as what_if:
                    await asyncio.gather(batch.accounts.add(name=f"A{number}"), what_if.accounts.add(name="none"))
                    async for _ in crm.accounts.each():
                        await asyncio.sleep(0)

            await asyncio.gather(*(retried(lambda number=number: one(number)) for number in range(5)))  # type: ignore[misc]
            assert await crm.accounts.count() == 5
            assert len(crm_threads() - before) == 1

    before = crm_threads()
    asyncio.run(main())
    assert_ended(before)


def test_the_context_of_the_caller_goes_along() -> None:
    """As far as the thread, and no change comes back."""

    async def main() -> None:
        async with AsyncCRM(kinds={Shoot: ShootDesk}) as crm:
            CALLER.set("ana")
            assert await crm.shoots.told() == "ana"
            await crm.run(lambda _: CALLER.set("bob"))
            assert CALLER.get() == "ana"

    asyncio.run(main())


def test_an_error_that_would_end_a_loop_is_told_as_another() -> None:
    """A future could not carry it, and would be waited for in vain."""

    async def main() -> None:
        async with AsyncCRM(kinds={Shoot: ShootDesk}) as crm:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await crm.shoots.stop()

    asyncio.run(main())


def assert_ended(before: set[threading.Thread]) -> None:
    """Every thread that was started since has ended."""
    for thread in crm_threads() - before:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_closing_ends_the_threads(store: Watched) -> None:
    """For all views; what comes later is refused."""

    async def main() -> None:
        crm = AsyncCRM(store)
        ana = crm.given(by="ana")
        await asyncio.gather(*(ana.accounts.count() for _ in range(10)))
        await ana.close()
        await crm.close()
        with pytest.raises(Closed):
            await crm.accounts.count()
        with pytest.raises(Closed):
            async with crm:
                pytest.fail("it opened")

    before = crm_threads()
    asyncio.run(main())
    assert_ended(before)


# --- one after another ------------------------------------------------------------------------------------------------


def test_records_are_walked_through(store: Watched) -> None:
    """All of them, in order, also more than are handed over at a time."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            async with crm.batch() as batch:
                for number in range(250):
                    await batch.accounts.add(name=f"{number:03}")
            names = [account.name async for account in crm.accounts.each(order_by="name")]
            assert names == [f"{number:03}" for number in range(250)]
            assert [one.name async for one in crm.accounts.find(F.name < "002", order_by="name")] == ["000", "001"]
            assert [one async for one in crm.accounts.each(F.name == "none")] == []

    asyncio.run(main())


def test_other_iterators_are_asked_for_one_at_a_time() -> None:
    """In threads; their errors come where they belong, and leaving early closes them there."""
    mine = threading.get_ident()

    async def main() -> None:
        async with AsyncCRM(kinds={Shoot: ShootDesk}) as crm:
            steps = ShootDesk.steps = []
            numbers = []
            with pytest.raises(Invalid):  # noqa: PT012 - which of them come before is what is tested
                async for number in crm.shoots.countdown(3):
                    numbers.append(number)
                    assert [name for name, _ in steps] == ["gave"] * len(numbers)
            assert numbers == [3, 2, 1]
            assert steps[-1][0] == "closed"

            steps.clear()
            async with aclosing(crm.shoots.countdown(3)) as countdown:
                assert await anext(countdown) == 3
                assert steps[1:] == []
            assert [name for name, _ in steps] == ["gave", "closed"]
            assert [one async for one in countdown] == []

            steps.clear()
            async for number in crm.shoots.countdown(3):
                assert number == 3
                break
            await soon(lambda: len(steps) == 2)
            assert all(thread != mine for _, thread in steps)

    asyncio.run(main())


def test_what_came_before_an_error_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though several are handed over at a time."""

    async def main() -> None:
        async with AsyncCRM() as crm:
            for number in range(5):
                await crm.accounts.add(name=f"{number}")
            monkeypatch.setattr("crmcore.kernel.reading.LARGEST_PAGE", 2)
            find, pages = Desk.find, []

            def fragile(self: Desk[Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as find
                pages.append(1)
                if len(pages) == 3:
                    raise Conflict("account", "account_1", expected=1, found=2)
                return find(self, *args, **kwargs)

            monkeypatch.setattr(Desk, "find", fragile)
            seen = []
            with pytest.raises(Conflict):  # noqa: PT012 - as above
                async for account in crm.accounts.each(order_by="name"):
                    seen.append(account.name)  # noqa: PERF401 - a comprehension would lose them
            assert seen == ["0", "1", "2", "3"]

    asyncio.run(main())


def test_an_iteration_may_outlive_its_crm() -> None:
    """It ends with what a closed CRM says."""

    async def main() -> None:
        async with AsyncCRM(kinds={Shoot: ShootDesk}) as crm:
            ShootDesk.steps = []
            countdown = crm.shoots.countdown(3)
            assert await anext(countdown) == 3
        with pytest.raises(Closed):
            await anext(countdown)
        await countdown.aclose()

    asyncio.run(main())


# --- cancellation -----------------------------------------------------------------------------------------------------


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Wait for a task that was cancelled."""
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


def test_an_act_that_has_begun_is_done_though_its_task_is_cancelled(store: Watched) -> None:
    """The task ends when it is done, however often it is cancelled, so whoever reads then knows."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            await crm.playbook
            begun, go = store.hold()
            task = asyncio.create_task(crm.accounts.add(name="Acme"))
            await soon(begun.is_set)
            for _ in range(3):
                task.cancel()
                await asyncio.sleep(0.01)
                assert not task.done()
            go.set()
            await cancelled(task)
            assert await crm.accounts.count(F.name == "Acme") == 1

    asyncio.run(main())


def test_an_error_of_a_cancelled_act_disturbs_nobody(store: Watched) -> None:
    """It was cancelled; nothing was written."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            acme = await crm.accounts.add(name="Acme", external={"erp": "1"})
            begun, go = store.hold()
            task = asyncio.create_task(crm.accounts.update(acme, name="Acme Ltd"))
            await soon(begun.is_set)
            store._gates.clear()
            await crm.accounts.update(acme, name="Acme Inc")
            task.cancel()
            go.set()
            await cancelled(task)
            assert (await crm.accounts.get(acme.id)).name == "Acme Inc"

    asyncio.run(main())
    gc.collect()


def test_an_act_that_has_not_begun_is_never_done() -> None:
    """Its task ends at once."""

    async def main() -> None:
        async with AsyncCRM(threads=1, kinds={Shoot: ShootDesk}) as crm:
            gate = threading.Event()
            busy = asyncio.create_task(crm.shoots.wait(gate))
            await asyncio.sleep(0.01)
            task = asyncio.create_task(crm.accounts.add(name="Acme"))
            await asyncio.sleep(0.01)
            task.cancel()
            await cancelled(task)
            gate.set()
            assert await busy
            assert await crm.accounts.count() == 0

    asyncio.run(main())


def test_a_timeout_waits_for_what_has_begun() -> None:
    """So it may come late, but never while something is going on."""

    async def main() -> None:
        async with AsyncCRM(kinds={Shoot: ShootDesk}) as crm:
            gate = threading.Event()
            asyncio.get_running_loop().call_later(0.05, gate.set)
            start = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await crm.shoots.wait(gate)
            assert time.monotonic() - start > 0.04

    asyncio.run(main())


@pytest.mark.parametrize("block", ["batch", "suppose"])
def test_a_block_that_is_cancelled_writes_nothing(store: Watched, block: str) -> None:
    """Between two acts, or in the midst of one; and it is of no use any more."""

    async def main(pause: Callable[[AsyncCRM], Coroutine[Any, Any, object]]) -> None:
        async with AsyncCRM(store, kinds={Shoot: ShootDesk}) as crm:
            inside: list[AsyncCRM] = []
            reached = asyncio.Event()

            async def work() -> None:
                async with getattr(crm, block)() as within:
                    inside.append(within)
                    await within.accounts.add(name="Acme")
                    reached.set()
                    await pause(within)
                    await within.accounts.add(name="Bolt")

            task = asyncio.create_task(work())
            await reached.wait()
            await asyncio.sleep(0.01)
            task.cancel()
            gate.set()
            await cancelled(task)
            assert await crm.accounts.count() == 0
            with pytest.raises(Closed):
                await inside[0].accounts.count()

    async def between(crm: AsyncCRM) -> None:
        await asyncio.sleep(SECONDS)

    gate = threading.Event()
    asyncio.run(main(between))
    store._store = MemoryStore()
    gate.clear()
    asyncio.run(main(lambda crm: crm.shoots.wait(gate)))


def test_a_batch_that_is_cancelled_as_it_ends_is_written_whole(store: Watched) -> None:
    """Its commit has begun, and is waited for."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            await crm.contacts.add(name="Ada")

            async def work() -> None:
                async with crm.batch() as batch:
                    await batch.accounts.add(name="Acme")
                    await batch.accounts.add(name="Bolt")

            begun, go = store.hold()
            task = asyncio.create_task(work())
            await soon(begun.is_set)
            task.cancel()
            await asyncio.sleep(0.01)
            go.set()
            await cancelled(task)
            assert await crm.accounts.count() == 2

    asyncio.run(main())


def test_a_block_that_is_cancelled_as_it_begins_is_left_again() -> None:
    """In its thread."""
    steps = []
    go, begun = threading.Event(), threading.Event()

    @contextlib.contextmanager
    def block() -> Iterator[None]:
        begun.set()
        assert go.wait(SECONDS)
        try:
            yield
        finally:
            steps.append(threading.get_ident())

    async def main() -> None:
        threads = Threads(1)

        async def work() -> None:
            async with threads.within(block):
                pytest.fail("the block was entered")

        task = asyncio.create_task(work())
        await soon(begun.is_set)
        task.cancel()
        await asyncio.sleep(0.01)
        go.set()
        await cancelled(task)
        await threads.end(lambda: None)

    asyncio.run(main())
    assert len(steps) == 1
    assert steps[0] != threading.get_ident()


def test_a_block_may_swallow_an_error() -> None:
    """As any block may."""

    async def main() -> None:
        threads = Threads(1)
        async with threads.within(lambda: contextlib.suppress(ZeroDivisionError)):
            1 / 0
        await threads.end(lambda: None)

    asyncio.run(main())


def test_errors_in_blocks_come_out_as_they_are(store: Watched) -> None:
    """Those of the block, and those of its end."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            acme = await crm.accounts.add(name="Acme")

            async def failing() -> None:
                async with crm.batch() as batch:
                    await batch.accounts.delete(acme)
                    1 / 0

            async def late() -> None:
                async with crm.batch() as batch:
                    await batch.accounts.update(acme, name="Acme Ltd")
                    await crm.accounts.update(acme, name="Acme Inc")

            with pytest.raises(ZeroDivisionError):
                await failing()
            with pytest.raises(Conflict):
                await late()
            with pytest.raises(NotAllowed, match="a batch has no idempotency key"):
                async with crm.given(key="k").batch():
                    pytest.fail("it began")
            with pytest.raises(NotAllowed):
                async with crm.as_of("2026-01-01").suppose():
                    pytest.fail("it began")
            assert (await crm.accounts.get(acme.id)).name == "Acme Inc"

    asyncio.run(main())


def test_an_idempotency_key_makes_it_safe_to_repeat(store: Watched) -> None:
    """Whether the cancelled one was done or not."""

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            await crm.playbook
            begun, go = store.hold()
            task = asyncio.create_task(crm.given(key="form-1").accounts.add(name="Acme"))
            await soon(begun.is_set)
            task.cancel()
            go.set()
            await cancelled(task)
            again = await crm.given(key="form-1").accounts.add(name="Acme")
            assert [account async for account in crm.accounts.each()] == [again]

    asyncio.run(main())


# --- many at once -----------------------------------------------------------------------------------------------------


async def retried(work: Callable[[], Awaitable[object]]) -> None:
    """Do something again until nobody else was quicker."""
    while True:
        with contextlib.suppress(Conflict):
            await work()
            return


def test_no_update_is_lost_though_fifty_race(store: Watched) -> None:
    """By id, an act is done on the record as it stands; by record, whoever is late is told so."""

    async def main() -> None:
        async with AsyncCRM(store, kinds={Shoot: ShootDesk}) as crm:
            shoot = await crm.shoots.add(place="Rome")

            async def by_record() -> None:
                now = await crm.shoots.get(shoot.id)
                await crm.shoots.update(now, takes=now.takes + 1)

            by_id = [retried(lambda: crm.shoots.film(shoot.id, takes=1)) for _ in range(25)]
            await asyncio.gather(*by_id, *(retried(by_record) for _ in range(25)))
            end = await crm.shoots.get(shoot.id)
            assert (end.takes, end.version) == (50, 51)
            assert await crm.verify()

    asyncio.run(main())


def test_blocks_of_several_tasks_do_not_meet(store: Watched) -> None:
    """Each sees its own; the slower of two that meet in a record is told so."""

    async def main() -> None:
        async with AsyncCRM(store, kinds={Shoot: ShootDesk}) as crm:
            shoot = await crm.shoots.add(place="Rome")

            async def work() -> None:
                async with crm.batch() as batch:
                    now = await batch.shoots.film(shoot.id, takes=1)
                    await asyncio.sleep(0)
                    assert (await batch.shoots.get(shoot.id)).takes == now.takes
                    await batch.shoots.add(place=f"Set {now.takes}")

            await asyncio.gather(*(retried(work) for _ in range(8)))
            assert (await crm.shoots.get(shoot.id)).takes == 8
            assert await crm.shoots.count() == 9

    asyncio.run(main())


def test_nothing_is_held_while_nothing_is_done(tmp_path: Path) -> None:
    """Within blocks and iterations, others may read and write the file between any two steps."""
    store = SqliteStore(str(tmp_path / "crm.db"), durability="relaxed")

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            deals = [await crm.opportunities.add(name=name) for name in ("Roof", "Door")]

            def free() -> bool:
                """Whether this thread, which does none of the work, may have the file."""
                taken = store._file.lock.acquire(timeout=SECONDS)
                store._file.lock.release()
                return taken and not store._file._connection.in_transaction

            async with crm.suppose() as what_if, crm.batch() as batch:
                assert free()
                await batch.opportunities.win(deals[0])
                await what_if.opportunities.lose(deals[1], reason="price")
                assert free()
                async for deal in batch.opportunities.each():
                    assert isinstance(deal, Opportunity)
                    assert free()
            assert free()

    asyncio.run(main())


def test_it_serves_one_event_loop_after_another(store: Watched) -> None:
    """It belongs to none of them."""
    crm = AsyncCRM(store)

    async def work() -> int:
        await crm.accounts.add(name="Acme")
        count: int = await crm.accounts.count()
        return count

    assert [asyncio.run(work()) for _ in range(3)] == [1, 2, 3]
    asyncio.run(crm.close())


def test_run_gives_a_function_the_plain_crm(store: Watched) -> None:
    """With the view it is asked of, and with its arguments."""

    def opened(crm: CRM, name: str, *, amount: int) -> Opportunity:
        return crm.opportunities.add(name=name, amount=amount)

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            deal = await crm.given(by="ana").run(opened, "Roof", amount=5)
            assert (await crm.run(CRM.history, deal))[0].by == "ana"
            async with crm.batch() as batch:
                await batch.run(lambda plain: [plain.accounts.add(name=name) for name in "ab"])
            assert await crm.accounts.count() == 2

    asyncio.run(main())


def test_what_has_not_begun_is_no_result(store: Watched) -> None:
    """A function that would go on later, on the event loop, is refused."""

    async def later(_: CRM) -> None: ...

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            for work in (later, lambda plain: plain.accounts.each(), lambda plain: map(plain.accounts.get, [])):
                with pytest.raises(Invalid, match=r"work: got .* done when it returns"):
                    await crm.run(work)

    asyncio.run(main())


def test_it_is_copied_like_any_other() -> None:
    """A copy is the same CRM."""
    crm = AsyncCRM()

    async def main() -> None:
        await copy(crm).accounts.add(name="Acme")
        assert await copy(crm.accounts).count() == 1
        await crm.close()

    asyncio.run(main())


def test_another_event_loop_may_close_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even as a call is handed over."""
    crm = AsyncCRM()

    def ended(*_: object) -> None:
        raise RuntimeError("cannot schedule new futures after shutdown")

    async def main() -> None:
        await crm.accounts.count()
        with monkeypatch.context() as patch:
            patch.setattr(ThreadPoolExecutor, "submit", ended)
            with pytest.raises(Closed):
                await crm.accounts.count()
        await crm.close()

    asyncio.run(main())


def test_a_call_waits_for_nothing_but_its_own(store: Watched) -> None:
    """What is backdated, of another tenant or in the past runs beside the rest."""
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)

    async def main() -> None:
        async with AsyncCRM(store) as crm:
            views = [crm.given(at=at), crm.given(tenant="bob"), crm.given(by="ana")]
            await asyncio.gather(*(view.accounts.add(name="Acme") for view in views for _ in range(5)))
            past = await crm.as_of("2026-01-05").accounts.count()
            assert (past, await views[1].accounts.count(), await crm.accounts.count()) == (5, 5, 10)

    asyncio.run(main())


def test_what_it_hands_out_is_typed_as_it_says() -> None:
    """A call is a coroutine and an iterator at once."""
    crm = AsyncCRM()
    call = crm.leads.count()
    call.close()

    assert isinstance(call, AsyncCall)
    assert asyncio.iscoroutine(call)
