"""The contract of stores, each call awaited through an ``AsyncCRM``; and the same on a server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from crmcore import CRM, AsyncCRM, Conflict
from crmcore.async_crm import AsyncPart
from crmcore.stores.memory import MemoryStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import StoreContract


class Loop:
    """An event loop that runs in a thread of its own."""

    running: asyncio.AbstractEventLoop


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    """It runs as long as these tests do."""
    Loop.running = asyncio.new_event_loop()
    thread = threading.Thread(target=Loop.running.run_forever)
    thread.start()
    yield
    Loop.running.call_soon_threadsafe(Loop.running.stop)
    thread.join()
    Loop.running.close()


def waited(call: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever is awaited
    """What something gives that is awaited in that loop."""
    return asyncio.run_coroutine_threadsafe(call, Loop.running).result()


class Awaited:
    """A store as an asyncio host has it: nothing of it is touched but by awaiting it."""

    def __init__(self, crm: AsyncCRM, store: AsyncPart) -> None:
        self._crm = crm
        self._store = store

    @property
    def tenant(self) -> Any:  # noqa: ANN401 - a text
        """The tenant, asked for like the rest."""

        async def tenant() -> Any:  # noqa: ANN401 - as above
            return await self._store.tenant

        return waited(tenant())

    def for_tenant(self, tenant: str) -> Awaited:
        """The same for another tenant, whatever it is called."""
        here = self._store
        return Awaited(self._crm, AsyncPart(here._threads, "store", lambda: here._reach().for_tenant(tenant)))

    def close(self) -> None:
        """Close it, threads and all."""
        waited(self._crm.close())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the methods of a store
        method = getattr(self._store, name)
        return lambda *args, **kwargs: waited(method(*args, **kwargs))


def awaited(store: Any) -> Any:  # noqa: ANN401 - a store, and what has the methods of one
    """A store that is awaited."""
    crm = AsyncCRM(store, threads=2)
    return Awaited(crm, crm.store)


class TestMemoryAwaited(StoreContract):
    """In memory."""

    examples = 3

    def open(self, folder: Path) -> Any:  # noqa: ANN401 - it has the methods of a store
        """A new one each time."""
        return awaited(MemoryStore())


class TestSqliteAwaited(StoreContract):
    """Without a file; those that read and write it are no other statements."""

    examples = 3

    def open(self, folder: Path) -> Any:  # noqa: ANN401 - as above
        """A new one each time."""
        return awaited(SqliteStore(":memory:"))


def test_many_tasks_share_a_server(url: str) -> None:
    """No update is lost, cancelled or not, and no connection is held while nothing is done."""

    async def main() -> None:
        async with AsyncCRM(url, threads=8) as crm:
            deal = await crm.opportunities.add(name="Roof", amount=0)
            pool = (await crm.store)._file._pool

            async def raised() -> None:
                while True:
                    with contextlib.suppress(Conflict):
                        now = await crm.opportunities.get(deal.id)
                        await crm.opportunities.update(now, amount=now.amount.amount + 1)
                        return

            async with crm.suppose() as what_if, crm.batch() as batch:
                await what_if.opportunities.win(deal)
                await batch.accounts.add(name="Acme")
                async for _ in crm.opportunities.each():
                    assert pool._out == 0
            tasks = [asyncio.create_task(raised()) for _ in range(30)]
            await asyncio.sleep(0.05)
            for task in tasks[::3]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert pool._out == 0
            end = await crm.opportunities.get(deal.id)
            assert 20 <= end.amount.amount == end.version - 1
            assert await crm.accounts.count() == 1
            assert await crm.verify()

    asyncio.run(main())
    with CRM(url) as crm:
        assert crm.accounts.count() == 1
