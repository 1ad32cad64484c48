"""What reading the past costs beside reading the present.

``python tests/benchmarks/bench_past.py`` reads 10,000 deals as they stand now and as they stood before their
last changes, each with 6 and with 30 changes, in memory and in SQLite: records of equal size both times.
Then each deal is told a change that happened long before: where a late change may matter, the past is no stored
state any more but the fold of what had happened by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from side_by_side import Line, cost, in_memory, quickest, show

from crmcore import CRM
from crmcore.kernel.change import Change
from crmcore.kernel.ports import Store
from crmcore.stores.memory import MemoryStore
from crmcore.stores.sqlite import SqliteStore

DEALS = 10_000
ROUNDS = 7
BATCH = 2_000
IDS = [f"opportunity_{n:06}" for n in range(DEALS)]
START = datetime(2026, 1, 5, tzinfo=UTC)
STAGES = ("needs analysis", "qualification")


class Days:
    """A clock that a story sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """What time it is."""
        return self.now


def company(store: Store, versions: int) -> tuple[CRM, datetime]:
    """A CRM in which every deal was changed once a day, and the evening before the last day."""
    clock = Days()
    crm = CRM(store, clock=clock, by="ada")
    for version in range(1, versions + 1):
        clock.now = START + timedelta(days=version)
        context = crm.context("sales")
        for start in range(0, DEALS, BATCH):
            crm.commit([one(crm, id, version, context.at) for id in IDS[start : start + BATCH]])
    return crm, START + timedelta(days=versions - 1, hours=12)


def one(crm: CRM, id: str, version: int, at: datetime) -> Change[object]:
    """One change of one deal: it is opened, then moved to and fro."""
    sets = {"stage": STAGES[version % 2], "status": "open", "stage_probability": "0.25"}
    if version == 1:
        sets |= {"name": f"Roof {id}", "pipeline": "new business", "amount": 12_000, "close_on": "2026-12-15"}
    what = "opened" if version == 1 else "advanced"
    return crm.opportunities.ready(Change(kind="opportunity", id=id, version=version, what=what, sets=sets, at=at))


def tell_late(crm: CRM, versions: int) -> datetime:
    """Change every deal a second time on the second day, long after; gives a moment at which that matters."""
    deals, at = crm.opportunities, START + timedelta(days=2, hours=1)
    for start in range(0, DEALS, BATCH):
        told = [
            Change(kind="opportunity", id=id, version=versions + 1, what="updated", sets={"close_on": at.date()}, at=at)
            for id in IDS[start : start + BATCH]
        ]
        crm.commit([deals.ready(change) for change in told])
    return START + timedelta(days=versions - 1, hours=12)


def compared(crm: CRM, then: datetime, what: str, most: float | None = None) -> Line:
    """The past beside the present."""
    past = crm.as_of(then)
    assert sum(1 for _ in past.opportunities.each()) == DEALS
    assert next(past.opportunities.each()) != next(crm.opportunities.each())
    before, now = quickest([lambda: list(past.opportunities.each()), lambda: list(crm.opportunities.each())], ROUNDS)
    return cost(what, "the same deals now", before, now, most)


def lines() -> Iterator[Line]:
    """One line for each store and depth."""
    for versions in (6, 30):
        with in_memory() as folder:
            stores = {"memory": MemoryStore(), "SQLite": SqliteStore(str(folder / "past.db"), durability="relaxed")}
            for name, store in stores.items():
                crm, then = company(store, versions)
                yield compared(crm, then, f"{DEALS:,} deals of {versions} changes as of yesterday, {name}", 3)
                if versions == 6:
                    then = tell_late(crm, versions)
                    yield compared(crm, then, f"the same, and of each a late change in force then, {name}")
                crm.close()


if __name__ == "__main__":
    show(lines())
