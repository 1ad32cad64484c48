"""What writing and reading a deal costs beside eventsourcing, the library that also keeps every change.

``python tests/benchmarks/bench_eventsourcing.py`` opens deals, gets, changes and saves each by its id, and
reads them by id, with the SQLite recorder of eventsourcing and with crmcore: files in memory, the durability
both have by default, a transaction for each deal. crmcore does more at each write: it checks values against
their declared types, keeps unique values apart, and keeps the whole record findable.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import attrs
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from side_by_side import Line, in_memory, seconds, show, speed

from crmcore import CRM, Money

ROUNDS = 15
DEALS = 100


class Deal(Aggregate):
    """A deal, its fields as JSON can hold them."""

    @event("Opened")
    def __init__(self, name: str, pipeline: str, amount: int, currency: str, close_on: str) -> None:
        self.name, self.pipeline, self.stage, self.status = name, pipeline, "qualification", "open"
        self.amount, self.currency, self.close_on = amount, currency, close_on

    @event("Advanced")
    def advance(self, to: str, by: str) -> None:
        """Move it a stage."""
        self.stage, self.by = to, by


@attrs.define(eq=False)
class Theirs:
    """Deals in eventsourcing."""

    app: Application[UUID]
    ids: list[UUID] = attrs.field(factory=list)

    def create(self) -> None:
        """Open deals, and save each."""
        self.ids = []
        for n in range(DEALS):
            deal = Deal(f"Roof {n}", "new business", 1_200_000, "USD", "2026-12-15")
            self.app.save(deal)
            self.ids.append(deal.id)

    def change(self) -> None:
        """Get, change, save."""
        for id in self.ids:
            deal: Deal = self.app.repository.get(id)
            deal.advance("needs analysis", by="ada")
            self.app.save(deal)

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            self.app.repository.get(id)


@attrs.define(eq=False)
class Ours:
    """Deals in crmcore."""

    crm: CRM
    ids: list[str] = attrs.field(factory=list)

    def create(self) -> None:
        """Open deals."""
        add = self.crm.opportunities.add
        self.ids = [add(name=f"Roof {n}", amount=Money("12000", "USD"), close_on="2026-12-15").id for n in range(DEALS)]

    def change(self) -> None:
        """Get, change, save."""
        for id in self.ids:
            self.crm.opportunities.advance(id, to="needs analysis")

    def read(self) -> None:
        """Get each."""
        for id in self.ids:
            self.crm.opportunities.get(id)


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    with in_memory() as folder, CRM(folder / "ours.db", by="ada") as crm:
        setting = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "theirs.db")}
        ours, theirs = Ours(crm), Theirs(Application(env=setting))
        wanted = {"create": None, "change": 2.5, "read": 3.0}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
        for _ in range(ROUNDS):
            for name, found in times.items():
                found.append((seconds(getattr(ours, name)), seconds(getattr(theirs, name))))
        theirs.app.close()
        told = {"create": "create", "change": "change by id: get, change, save", "read": "read by id, two changes old"}
        for name, found in times.items():
            mine, other = (min(each) for each in zip(*found, strict=True))
            yield speed(told[name], "eventsourcing", mine, other, wanted[name])


if __name__ == "__main__":
    show(lines())
