"""Work done in threads and awaited: what an event loop hands over so as never to stand still itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, suppress
from contextvars import copy_context
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

from crmcore.kernel.errors import Closed, Invalid, Problem

__all__ = ["Once", "Threads"]

T = TypeVar("T")

CLOSED = "this CRM was closed; open it again"


class Once(Generic[T]):
    """Something that is made when it is first asked for, once, whichever thread asks.

    Args:
        make: Makes it; asked again when it failed.

    Attributes:
        made: What was made; None until then.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self.made: T | None = None
        self._make = make
        self._lock = Lock()

    def __call__(self) -> T:
        """What is made."""
        with self._lock:
            if self.made is None:
                self.made = self._make()
            return self.made


class Threads:
    """A few threads that work is handed to; they start when there is work.

    Whoever awaits work that has begun waits for its end, also when cancelled, so nothing goes on behind
    anybody's back. Work that has not begun is dropped. Context variables are those of the one who awaits.

    Args:
        size: The most there are, from 1 on.

    Raises:
        Invalid: The size is none.
    """

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise Invalid([Problem("threads", size, "a whole number from 1 on", "allow one at least")])
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="crmcore")
        self._ended = False

    async def do(self, work: Callable[[], T], *, surely: bool = False) -> T:
        """What work gives that is done in a thread.

        Args:
            work: The work.
            surely: Whether it is done although it had not begun when its awaiting was cancelled.

        Raises:
            Closed: The threads have ended.
        """
        job = self._submitted(work)
        end = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(end)
        except asyncio.CancelledError:
            if not surely:
                job.cancel()  # in vain once it has begun
            while not end.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([end])
            raise

    def _submitted(self, work: Callable[[], T]) -> Future[T]:
        """Work that was handed over."""
        try:
            if not self._ended:
                return self._pool.submit(copy_context().run, _carried, work)
        except RuntimeError as error:  # they were ended meanwhile, by another event loop
            raise Closed(CLOSED) from error
        raise Closed(CLOSED)

    async def items(self, begin: Callable[[], tuple[Iterable[T], int]]) -> AsyncGenerator[T, None]:
        """What an iterator gives, each step and its closing done in a thread.

        Args:
            begin: Makes it, and says how many to take at a time.
        """

        def begun() -> tuple[Iterable[T], int]:
            iterable, size = begin()
            return iter(iterable), size

        def taken() -> tuple[list[T], Exception | None]:
            some: list[T] = []
            try:
                some.extend(islice(iterator, size))
            except Exception as error:  # noqa: BLE001 - told after what came before it
                return some, error
            return some, None

        iterator, size = await self.do(begun)
        try:
            while True:
                some, trouble = await self.do(taken)
                for one in some:
                    yield one
                if trouble is not None:
                    raise trouble
                if len(some) < size:
                    return
        finally:
            with suppress(Closed):
                await self.do(getattr(iterator, "close", _nothing), surely=True)

    @asynccontextmanager
    async def within(self, begin: Callable[[], AbstractContextManager[T]]) -> AsyncIterator[T]:
        """A block that is entered and left in threads; one that is cancelled is left with that error.

        Args:
            begin: Makes what is entered.
        """
        stack = ExitStack()
        try:
            yield await self.do(lambda: stack.enter_context(begin()))
        except BaseException as error:
            told = type(error), error, error.__traceback__
            if not await self.do(lambda: stack.__exit__(*told), surely=True):
                raise
        else:
            await self.do(stack.close, surely=True)

    async def end(self, last: Callable[[], object]) -> None:
        """Do the last work, and let the threads end.

        Args:
            last: The last work; not done again when they have ended.
        """
        if not self._ended:
            try:
                await self.do(last, surely=True)
            finally:
                self._ended = True
                self._pool.shutdown(wait=False)


def _carried(work: Callable[[], T]) -> T:
    """What work gives; an error that no future can carry is told as one that it can."""
    try:
        return work()
    except StopIteration as error:
        raise RuntimeError("StopIteration was raised; a loop would have ended where it should not") from error


def _nothing() -> None:
    """What there is to close of an iterator that has no end to it."""
