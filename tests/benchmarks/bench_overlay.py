"""What reading through an overlay costs beside reading the store beneath it.

``python tests/benchmarks/bench_overlay.py`` lays an overlay over 10,000 deals and changes ten of them there; then
pages, counts and single records are read both ways, in memory and in SQLite, also once somebody else has written
to the store beneath. The last lines say what acts cost that are committed together instead of one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from side_by_side import Line, Work, cost, in_memory, quickest, show, speed

from crmcore import CRM, F
from crmcore.kernel.ports import Store
from crmcore.sales import Opportunity
from crmcore.stores.memory import MemoryStore
from crmcore.stores.overlay import OverlayStore
from crmcore.stores.sqlite import SqliteStore

DEALS = 10_000
TOUCHED = 10
ACTS = 100
ROUNDS = 15
NOW = datetime(2026, 11, 21, tzinfo=UTC)
BIG = F.amount >= 9_000


def company(store: Store) -> CRM:
    """A CRM with many deals."""
    crm = CRM(store, clock=lambda: NOW, by="ada")
    rows = ({"name": f"Roof {n}", "amount": n, "close_on": "2026-12-15"} for n in range(DEALS))
    while batch := list(islice(rows, 2_000)):
        with crm.batch() as within:
            for row in batch:
                within.opportunities.add(**row)
    return crm


def supposed(crm: CRM, deals: Sequence[Opportunity]) -> CRM:
    """The same CRM beneath an overlay in which some deals are worth more."""
    what_if = CRM(OverlayStore(crm.store), clock=lambda: NOW, by="ada")
    for deal in deals:
        what_if.opportunities.update(deal, amount=deal.amount.amount + 5_000)
    return what_if


def reads(crm: CRM, ids: Sequence[str]) -> list[Work]:
    """A page in order, every deal that matches, a count, a hundred records by id."""
    desk = crm.opportunities
    return [
        lambda: desk.find(BIG, order_by="-amount", limit=100),
        lambda: list(desk.each(BIG)),
        lambda: desk.count(BIG),
        lambda: [desk.get(id) for id in ids],
    ]


def compared(name: str, crm: CRM) -> Iterator[Line]:
    """Reading through an overlay beside reading the store."""
    deals = list(islice(crm.opportunities.each(), 0, DEALS, DEALS // TOUCHED))
    ids = [deal.id for deal in islice(crm.opportunities.each(), 50, 150)]
    what_if = supposed(crm, deals)
    assert what_if.opportunities.count(BIG) > crm.opportunities.count(BIG)
    shown = ("a page of 100, in order", "every deal of a tenth", "a count", "100 records by id")
    for beneath in ("", ", once others have written beneath"):
        if beneath:
            crm.opportunities.update(deals[0], name="Roof, renewed")
        works = zip(reads(what_if, ids), reads(crm, ids), strict=True)
        for what, (ours, theirs) in zip(shown, works, strict=True):
            through, plain = quickest([ours, theirs], ROUNDS)
            line = f"{what}, through an overlay with {TOUCHED} of {DEALS:,} deals changed{beneath}, {name}"
            yield cost(line, "the store itself", through, plain, None if beneath else 2)


def together(name: str, crm: CRM) -> Iterator[Line]:
    """Acts in a batch beside acts one by one."""
    deals = list(islice(crm.opportunities.each(), ACTS))

    def one_by_one() -> None:
        for deal in deals:
            crm.opportunities.update(deal.id, name="Roof, one by one")
            crm.opportunities.update(deal.id, name=deal.name)

    def batch() -> None:
        with crm.batch() as within:
            for deal in deals:
                within.opportunities.update(deal.id, name="Roof, in a batch")
                within.opportunities.update(deal.id, name=deal.name)

    ours, theirs = quickest([batch, one_by_one], 5)
    yield speed(f"{2 * ACTS} acts in a batch, {name}", "one by one", ours, theirs)


def lines() -> Iterator[Line]:
    """The lines of each store."""
    with in_memory() as folder:
        stores = {"memory": MemoryStore(), "SQLite": SqliteStore(str(folder / "overlay.db"))}
        for name, store in stores.items():
            with company(store) as crm:
                yield from compared(name, crm)
                yield from together(name, crm)


if __name__ == "__main__":
    show(lines())
