"""The demo: a made-up company, from its dirty exports to last Friday's pipeline beside today's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs

from crmcore.crm import CRM
from crmcore.kernel.money import Money
from crmcore.playbook import Playbook
from crmcore.sales import Opportunity, Pipeline, SalesRules, Stage
from crmcore.testing import Company, CountingIds, TickingClock, company

__all__ = ["Demo", "Table"]

SEED = 7
SAMPLES = 3
"""How many rejections, proposals and moves are shown."""

LARGEST = 3
"""How many deals the what-if wins."""

BAR = 30
"""How many blocks the longest bar has."""

STAGES = (
    Stage("qualification", probability="0.2"),
    Stage("proposal", probability="0.45"),
    Stage("negotiation", probability="0.7"),
    Stage("won", kind="won"),
    Stage("lost", kind="lost"),
)
PLAYBOOK = Playbook(
    currency="EUR",
    zone="Europe/Berlin",
    sales=SalesRules(pipelines=(Pipeline("new business", STAGES),), lost_reasons=("not recorded", "price", "other")),
)

LOADS: Mapping[str, dict[str, Any]] = {
    "accounts": {
        "columns": {"addresses.office.city": "city", "addresses.office.country": "country"},
        "create": ["owner"],
    },
    "contacts": {"columns": {"addresses.home.city": "city"}, "at": "since"},
    "leads": {"at": "captured"},
    "deals": {
        "columns": {"opened_at": "opened", "closed_at": "closed"},
        "create": ["owner", "product"],
    },
    "orders": {"key": "number", "create": ["product"]},
    "subscriptions": {"create": ["product"]},
    "touchpoints": {"at": "happened"},
}
"""How each table is loaded, beside the columns that are named like fields."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int, int], None] | None]]
"""Shows how far a load is: told its name and the number of rows."""


@attrs.frozen
class Loaded:
    """What came of one table.

    Attributes:
        table: The table.
        report: What the load did.
    """

    table: str
    report: LoadReport


def opened(path: str, of: Company, at: datetime) -> CRM:
    """A CRM in a file, at a time of the company's.

    Args:
        path: The file.
        of: The company; the same one gives the same ids.
        at: When it is.
    """
    clock = TickingClock(at.isoformat(), timedelta(milliseconds=1))
    return CRM(path, playbook=PLAYBOOK, clock=clock, new_id=CountingIds(), by=f"import of seed {of.seed}")
