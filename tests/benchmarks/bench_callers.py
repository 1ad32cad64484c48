"""What many callers at once gain, and what awaiting costs.

``python tests/benchmarks/bench_callers.py`` adds contacts to a file on the disk, each safe before its caller goes on:
by one caller, by 8 and by 32 in threads of their own, who share transactions. Since a flush of this disk may be quick,
the same once more with a disk that takes 8 milliseconds longer for each. Then an event loop awaits what a plain
program just calls, one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from peers import people
from side_by_side import Line, cost, in_memory, quickest, seconds, show, speed

from crmcore import CRM, AsyncCRM
from crmcore.stores.sqlite import SqliteStore

CONTACTS = 192
CALLERS = (1, 8, 32)
ROUNDS = 5
FLUSH = 0.008
"""Seconds that a slow disk takes longer."""


@contextlib.contextmanager
def opened(path: Path, *, slow: bool) -> Iterator[CRM]:
    """A CRM in a file that is flushed at every commit; on a slow disk, later."""
    store = SqliteStore(str(path))
    plain = store._file.rows

    def rows(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if sql == "COMMIT":
            time.sleep(FLUSH)
        return plain(sql, values)

    with CRM(store) as crm:
        crm.contacts.add(name="Ada")
        if slow:
            store._file.rows = rows  # type: ignore[method-assign]
        yield crm


def shared(crm: CRM, callers: int) -> None:
    """Add contacts, shared among callers."""
    parts = [people(CONTACTS // callers, since=number * CONTACTS // callers) for number in range(callers)]

    def write(part: list[dict[str, str]]) -> None:
        for one in part:
            crm.contacts.add(**one)

    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(write, parts))


def crowded(folder: Path, *, slow: bool) -> list[float]:
    """The least seconds for each number of callers."""
    with opened(folder / f"{slow}.db", slow=slow) as crm:
        works = [lambda callers=callers: shared(crm, callers) for callers in CALLERS]  # type: ignore[misc]
        return quickest(works, 2 if slow else ROUNDS)


def awaited(folder: Path) -> dict[str, tuple[float, float]]:
    """The least seconds of acts awaited and of acts called."""
    found: dict[str, list[tuple[float, float]]] = {"add": [], "get by id": []}
    with CRM(folder / "plain.db") as plain, CRM(folder / "async.db") as behind:
        runner = asyncio.Runner()

        async def add(crm: AsyncCRM) -> list[str]:
            return [(await crm.contacts.add(**one)).id for one in people(CONTACTS)]

        async def get(crm: AsyncCRM, ids: list[str]) -> None:
            for id in ids:
                await crm.contacts.get(id)

        with runner:
            crm = AsyncCRM.of(behind)
            runner.run(add(crm))
            ids = [one.id for one in behind.contacts.find()]
            for _ in range(ROUNDS):
                mine = seconds(lambda: runner.run(add(crm)))
                other = seconds(lambda: [plain.contacts.add(**one) for one in people(CONTACTS)])
                found["add"].append((mine, other))
                mine = seconds(lambda: runner.run(get(crm, ids)))
                found["get by id"].append((mine, seconds(lambda: [behind.contacts.get(id) for id in ids])))
            runner.run(crm.close())
    return {name: (min(one for one, _ in each), min(two for _, two in each)) for name, each in found.items()}


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with tempfile.TemporaryDirectory() as folder:
        for slow, where in ((False, "on the disk"), (True, f"a flush {FLUSH * 1000:g} ms longer")):
            alone, *rest = crowded(Path(folder), slow=slow)
            for callers, taken in zip(CALLERS[1:], rest, strict=True):
                what = f"{CONTACTS} durable creates by {callers} callers, {where}"
                yield speed(what, "1 caller", taken, alone, 10 if slow and callers == 32 else None)
    with in_memory() as folder:
        for what, (mine, other) in awaited(folder).items():
            yield cost(f"{what}, awaited, one after the other, file in memory", "the same called", mine, other)


if __name__ == "__main__":
    show(lines())
