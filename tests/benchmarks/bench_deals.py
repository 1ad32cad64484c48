"""What a file of deals costs from end to end, beside reading the rows and putting them into one table.

``python tests/benchmarks/bench_deals.py`` reads a CSV file of 8,800 deals, brings them into a CRM with their
histories, accounts, products and owners, and reports on the pipeline; in memory and in SQLite. Beside it stand
the csv module and one ``executemany`` of the bare rows: no types, no checks, no history, no report. The file is
Maven Analytics' CRM Sales Opportunities where ``CRMCORE_DATA`` leads to it, else the sound deals of a made-up company,
as many of them.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
from side_by_side import Line, cost, in_memory, quickest, show

from crmcore import CRM
from crmcore.interchange.deal_import import deals_playbook, import_deals
from crmcore.interchange.deals import DealColumns, Outcomes
from crmcore.testing import company

DEALS = 8_800
SIZE = 67
"""A made-up company of this size has so many sound deals."""

ROUNDS = 5
NOW = datetime(2026, 11, 21, tzinfo=UTC)
MAVEN = Path(os.environ.get("CRMCORE_DATA", "data")) / "maven_crm" / "sales_pipeline.csv"


@attrs.frozen
class Told:
    """A file and what must be known to read it."""

    path: Path
    columns: DealColumns
    outcomes: Outcomes
    date_format: str | None

    def into(self, crm: CRM) -> None:
        """Bring its deals into a CRM."""
        import_deals(crm, self.path, self.columns, date_format=self.date_format)


def maven() -> Told:
    """Maven Analytics, CRM Sales Opportunities: deals of a fictitious hardware seller."""
    columns = DealColumns(
        id="opportunity_id",
        stage="deal_stage",
        opened="engage_date",
        closed="close_date",
        amount="close_value",
        owner="sales_agent",
        account="account",
        product="product",
    )
    return Told(MAVEN, columns, Outcomes(won="Won", lost="Lost", open=("Prospecting", "Engaging")), "%m/%d/%Y")


def made_up(folder: Path) -> Told:
    """As many deals of a made-up company, without those that something is wrong with."""
    made, path = company(7, size=SIZE), folder / "deals.csv"
    flawed = {flaw.row for flaw in made.flaws if flaw.table == "deals"}
    sound = [row for line, row in enumerate(made.deals, start=2) if line not in flawed][:DEALS]
    assert len(sound) == DEALS
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sound[0])
        writer.writeheader()
        writer.writerows(sound)
    same = {name: name for name in ("id", "stage", "opened", "closed", "amount", "owner", "account", "product")}
    stages = ("qualification", "proposal", "negotiation")
    return Told(path, DealColumns(**same), Outcomes(won="won", lost="lost", open=stages), None)


def fresh(folder: Path) -> Path:
    """A file name nobody used yet."""
    return folder / f"{len(list(folder.iterdir()))}.db"


def whole(told: Told, store: Callable[[], Path | None]) -> None:
    """Read, bring in, report."""
    with CRM(store(), playbook=deals_playbook(told.outcomes, currency="USD", zone="UTC"), clock=lambda: NOW) as crm:
        told.into(crm)
        crm.analytics.pipeline()


def bare(told: Told, path: Path) -> None:
    """Read the rows, put them into one table."""
    with told.path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = FULL")
    store.execute(f"CREATE TABLE deal ({', '.join(head)}, PRIMARY KEY ({head[0]}))")
    store.execute("BEGIN")
    store.executemany(f"INSERT INTO deal VALUES ({', '.join('?' * len(head))})", rows)
    store.execute("COMMIT")
    store.close()


def lines() -> Iterator[Line]:
    """One line for each store."""
    with in_memory() as folder:
        told = maven() if MAVEN.exists() else made_up(folder)
        deals = f"{'Maven, ' if MAVEN.exists() else 'made up, '}{DEALS:,} deals"
        memory, sqlite, rows = quickest(
            [
                lambda: whole(told, lambda: None),
                lambda: whole(told, lambda: fresh(folder)),
                lambda: bare(told, fresh(folder)),
            ],
            ROUNDS,
        )
        beside = "csv and executemany of the rows"
        yield cost(f"{deals}: read, import, report, in memory", beside, memory, rows)
        yield cost(f"{deals}: read, import, report, in SQLite", beside, sqlite, rows)


if __name__ == "__main__":
    show(lines())
