"""The front door for asyncio: the same CRM, its desks and acts, each awaited while a thread does the work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import wraps
from os import PathLike
from types import CoroutineType, MethodType, TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from crmcore.crm import CRM
from crmcore.figures import Figures
from crmcore.following import Changes, Consumers
from crmcore.kernel.ports import Store
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import Record
from crmcore.receiving import done
from crmcore.threads import Once, Threads

__all__ = ["AsyncCRM", "AsyncCall", "AsyncPart"]

P = ParamSpec("P")
T = TypeVar("T")

AHEAD = 100
"""How many records of ``each`` are handed over at a time. It has read a page of them anyway."""

_LIVE = (Reading, Figures, Consumers, MethodType)
"""What works on a store, and so is no value to hand to an event loop."""


class AsyncCall(Coroutine[Any, Any, Any], AsyncIterator[Any]):
    """A method of a CRM, called: await it, make a task of it, or walk through what it gives with ``async for``.

    Args:
        threads: Where it is done.
        name: What it is called, for warnings.
        called: Does it, and says how much of what it gives to take at a time.
    """

    def __init__(self, threads: Threads, name: str, called: Callable[[], tuple[Any, int]]) -> None:
        # What it holds must not hold it: then a loop left early is closed at once, not when garbage is collected.
        self._result = cast("CoroutineType[Any, Any, Any]", _awaited(threads, name, called))
        self._result.__qualname__ = name  # for Python to say what was never awaited
        self._items = threads.items(called)

    def __repr__(self) -> str:
        """What is called."""
        return f"<async call of {self._result.__qualname__}>"

    def __await__(self) -> Generator[Any, Any, Any]:
        """What the method gives."""
        return self._result.__await__()

    def send(self, value: Any, /) -> Any:  # noqa: ANN401 - the protocol of coroutines
        """Go on, as an event loop asks."""
        return self._result.send(value)

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - the protocol of coroutines
        """Go on with an error, as an event loop asks."""
        return self._result.throw(*error)

    def close(self) -> None:
        """Leave it."""
        self._result.close()

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        """The next one it gives."""
        self._result.close()
        return self._items.__anext__()

    async def aclose(self) -> None:
        """Take no more of what it gives; ``contextlib.aclosing`` calls this."""
        self._result.close()
        await self._items.aclose()


async def _awaited(threads: Threads, name: str, called: Callable[[], tuple[Any, int]]) -> Any:  # noqa: ANN401 - of any method
    """What a method gives."""
    value, _ = await threads.do(called)
    if isinstance(value, Iterator):
        raise TypeError(f"{name}() gives one after another; write: async for one in {name}(…)")
    return value


class AsyncPart:
    """A part of a CRM: a desk, the figures, one of their methods. What it has, and what its methods give, is awaited.

    Args:
        threads: Where that is done.
        name: What it is called.
        reach: Finds it.
    """

    __slots__ = ("_name", "_reach", "_threads")

    def __init__(self, threads: Threads, name: str, reach: Callable[[], Any]) -> None:
        self._threads = threads
        self._name = name
        self._reach = reach

    def __repr__(self) -> str:
        """What it is called."""
        return f"<async {self._name}>"

    def __getattr__(self, name: str) -> AsyncPart:
        """A part of it."""
        if name.startswith("_"):
            raise _no_part(self, name)
        return AsyncPart(self._threads, f"{self._name}.{name}", lambda: getattr(self._reach(), name))

    def __call__(self, /, *args: Any, **kwargs: Any) -> AsyncCall:  # noqa: ANN401 - as the method takes them
        """A call of it."""
        reach = self._reach

        def called() -> tuple[Any, int]:
            method = reach()
            return method(*args, **kwargs), AHEAD if getattr(method, "__func__", None) is Reading.each else 1

        return AsyncCall(self._threads, self._name, called)

    def __await__(self) -> Generator[Any, Any, Any]:
        """Its value, as of ``crm.playbook``; what has none stays what it is."""
        return self._value().__await__()

    async def _value(self) -> Any:  # noqa: ANN401 - any attribute's value
        value = await self._threads.do(self._reach)
        return self if isinstance(value, _LIVE) else value


def _no_part(whole: object, name: str) -> AttributeError:
    """What to say of what is private, or asked for by a protocol: it is no part of anything."""
    return AttributeError(f"{type(whole).__name__}.{name} is no part of a CRM")


def _view(method: Callable[Concatenate[CRM, P], CRM]) -> Callable[Concatenate[AsyncCRM, P], AsyncCRM]:
    """A method that gives the same CRM seen otherwise, with the arguments it has."""

    @wraps(method)
    def seen(crm: AsyncCRM, /, *args: P.args, **kwargs: P.kwargs) -> AsyncCRM:
        return crm._seen(Once(lambda: method(crm._reach(), *args, **kwargs)))  # noqa: SLF001 - it is ours

    return seen


class AsyncCRM:
    """A CRM for asyncio: the same desks, acts and figures under the same names, with the same arguments, awaited.

    There is one CRM behind it, whose work is done in a few threads, so that the event loop never waits for a
    disk or a server. ``crm.leads.capture(…)``, ``crm.analytics.pipeline()``, the desks and acts of kinds of your
    own: each is awaited, and runs in one thread from beginning to end. What gives one after another, as ``each``
    does, is walked through with ``async for``.

    Nothing is opened or looked at before something is awaited, so ``given`` and ``as_of`` are not: they are made out
    when what they give is first used, and then stay as they are. ``await crm.given(at=…)`` does it at once, to
    see errors early; ``await crm`` opens it.

    Cancelled, an act that has not begun is never done, and one that has begun is waited for: either way the cancelled
    task ends when its thread is done with it, all or nothing is written, and reading tells which. ``given(key=…)``
    makes it safe to repeat. A ``batch()`` cancelled before its end writes nothing. A timeout is thus late by what is
    under way.

    For type checkers, opening, views, blocks and ``run`` have exact types, and desks take and give anything.
    ``await crm.run(lambda crm: crm.leads.get(id))`` is a ``Lead`` to them, and a misspelt argument in it an error.

    Args:
        store: As ``CRM`` takes it.
        threads: The most calls worked on at a time, from 1 on. A file of SQLite does one after another anyhow; for a
            server, as many as it is given connections.
        opened: The other arguments of ``CRM``.

    Raises:
        Invalid: There are no threads. What ``CRM`` raises comes when it is opened.

    Example:
        >>> import asyncio
        >>> from crmcore import AsyncCRM, F
        >>> async def main() -> None:
        ...     async with AsyncCRM() as crm:
        ...         deal = await crm.opportunities.add(name="Roof", amount=12_000)
        ...         deal = await crm.given(by="ana").opportunities.advance(deal, to="proposal")
        ...         async for one in crm.opportunities.each(F.amount >= 10_000):
        ...             print(one.name, one.stage)
        >>> asyncio.run(main())
        Roof proposal
    """

    def __init__(
        self,
        store: Store | str | PathLike[str] | None = None,
        *,
        threads: int = 8,
        **opened: Any,  # noqa: ANN401 - as CRM takes them
    ) -> None:
        crm = Once(lambda: CRM(store, **opened))

        def last() -> None:
            if crm.made is not None:
                crm.made.close()

        self._threads = Threads(threads)
        self._reach: Callable[[], CRM] = crm
        self._last: Callable[[], object] = last

    @classmethod
    def of(cls, crm: CRM, *, threads: int = 8) -> Self:
        """A CRM that is open already, awaited. It stays open when this one is closed.

        Args:
            crm: The CRM; others may go on using it as it is.
            threads: The most calls worked on at a time, from 1 on.

        Raises:
            Invalid: There are no threads.

        Example:
            >>> import asyncio
            >>> from crmcore import CRM, AsyncCRM
            >>> crm = CRM()
            >>> async def main() -> None:
            ...     async with AsyncCRM.of(crm) as shared:
            ...         await shared.accounts.add(name="Acme")
            >>> asyncio.run(main())
            >>> crm.accounts.count()
            1
        """
        made = cls(threads=threads)
        vars(made).update(_reach=lambda: crm, _last=lambda: None)
        return made

    def _seen(self, crm: Callable[[], CRM]) -> Self:
        """The same CRM, seen otherwise."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _reach=crm)
        return other

    def __repr__(self) -> str:
        """What it is, without looking."""
        return "<async CRM>"

    def __getattr__(self, name: str) -> AsyncPart:
        """A desk, the figures, or any other part of the CRM."""
        if name.startswith("_"):
            raise _no_part(self, name)
        reach = self._reach
        return AsyncPart(self._threads, f"crm.{name}", lambda: getattr(reach(), name))

    def __await__(self) -> Generator[Any, Any, Self]:
        """Itself, once it is open, or the view made out."""
        return self._opened().__await__()

    async def _opened(self) -> Self:
        await self._threads.do(self._reach)
        return self

    # --- views and blocks -------------------------------------------------------------------------------------------

    given = _view(CRM.given)
    as_of = _view(CRM.as_of)

    def desk(self, cls: type[Record]) -> AsyncPart:
        """The desk of a record class.

        Args:
            cls: The class, one of those the CRM was opened with; ``Invalid`` when something of another is awaited.
        """
        return AsyncPart(self._threads, f"crm.desk({cls.__name__})", lambda: self._reach().desk(cls))

    def batch(self) -> AbstractAsyncContextManager[Self]:
        """Several acts as one commit, as ``CRM.batch``: all of them are written when the block ends, or none.

        Example:
            >>> import asyncio
            >>> from crmcore import AsyncCRM
            >>> async def main() -> None:
            ...     async with AsyncCRM() as crm:
            ...         async with crm.batch() as batch:
            ...             acme = await batch.accounts.add(name="Acme")
            ...             deal = await batch.opportunities.add(name="Roof", account=acme)
            ...         print((await crm.history(acme))[0].commit == (await crm.history(deal))[0].commit)
            >>> asyncio.run(main())
            True
        """
        return self._block(CRM.batch)

    def suppose(self) -> AbstractAsyncContextManager[Self]:
        """What if, as ``CRM.suppose``: what is done in the block is never written."""
        return self._block(CRM.suppose)

    def follow(
        self,
        consumer: str,
        *,
        limit: int = 100,
        kinds: Iterable[type[Record] | str] | None = None,
        start: str | None = None,
    ) -> AbstractAsyncContextManager[Changes]:
        """The next changes for a consumer, as ``CRM.follow``: its cursor moves on when the block has ended well.

        Example:
            >>> import asyncio
            >>> from crmcore import AsyncCRM
            >>> async def main() -> None:
            ...     async with AsyncCRM() as crm:
            ...         await crm.accounts.add(name="Acme")
            ...         async with crm.follow("crm-to-erp") as batch:
            ...             print([change.what for change in batch])
            >>> asyncio.run(main())
            ['added']
        """
        return self._threads.within(lambda: self._reach().follow(consumer, limit=limit, kinds=kinds, start=start))

    @asynccontextmanager
    async def _block(self, begin: Callable[[CRM], AbstractContextManager[CRM]]) -> AsyncIterator[Self]:
        async with self._threads.within(lambda: begin(self._reach())) as crm:
            yield self._seen(lambda: crm)

    # --- anything, with types ---------------------------------------------------------------------------------------

    async def run(self, work: Callable[Concatenate[CRM, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function of the plain CRM gives: several steps in one thread, and exact types.

        Args:
            work: The function. It is told the CRM, which is not to be kept.
            args: Its other positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            Invalid: It has not done all when it returns: what it gives is to be awaited, or gone through.

        Example:
            >>> import asyncio
            >>> from crmcore import CRM, AsyncCRM
            >>> def open_value(crm: CRM, owner: str) -> str:
            ...     return str(crm.given(by=owner).analytics.pipeline().open_value)
            >>> async def main() -> None:
            ...     async with AsyncCRM() as crm:
            ...         deal = await crm.run(lambda crm: crm.opportunities.add(name="Roof", amount=12_000))
            ...         print(await crm.run(open_value, "ana"))
            >>> asyncio.run(main())
            12,000.00 USD
        """
        return await self._threads.do(lambda: done(work(self._reach(), *args, **kwargs), "work"))

    # --- the end ----------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Let go of the store and the threads, for all views; further use raises ``Closed``."""
        await self._threads.end(self._last)

    async def __aenter__(self) -> Self:
        """Itself, opened; it is closed when the block ends."""
        try:
            return await self
        except BaseException:
            await self.close()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()
