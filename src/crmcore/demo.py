"""The demo: a made-up company, from its dirty exports to last Friday's pipeline beside today's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from crmcore.analytics import PipelineReport
from crmcore.crm import CRM
from crmcore.kernel.change import Change
from crmcore.kernel.loading.report import LoadReport
from crmcore.playbook import Playbook
from crmcore.sales import Opportunity, Pipeline, SalesRules, Stage
from crmcore.testing import Company, CountingIds, TickingClock, company

__all__ = ["demo"]

SEED = 7
SHOWN = 3
"""How many examples of each thing are shown."""

LONGEST_BAR = 28
"""How many blocks the longest bar has."""

ZONE = "Europe/Berlin"
STAGES = (
    Stage("qualification", probability="0.2"),
    Stage("proposal", probability="0.45"),
    Stage("negotiation", probability="0.7"),
    Stage("won", kind="won"),
    Stage("lost", kind="lost"),
)
PLAYBOOK = Playbook(
    currency="EUR",
    zone=ZONE,
    sales=SalesRules(pipelines=(Pipeline("new business", STAGES),), lost_reasons=("not recorded", "price", "other")),
)


def _named(*names: str, **others: str) -> dict[str, str]:
    """The columns of a table: most are named like fields."""
    return {**dict(zip(names, names, strict=True)), **others}


DEALS: Mapping[str, Any] = {
    "key": "id",
    "columns": _named("name", "account", "owner", "product", "stage", "amount", opened_at="opened", closed_at="closed"),
    "create": ["owner", "product"],
}
LOADS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "accounts": (
        "accounts",
        {
            "key": "id",
            "columns": _named("name", "number", "parent", "phone", "website", "owner")
            | {"addresses.office.city": "city", "addresses.office.country": "country"},
            "create": ["owner"],
        },
    ),
    "contacts": (
        "contacts",
        {
            "key": "id",
            "columns": _named("name", "email", "phone", "account", "job_title", "source")
            | {"addresses.home.city": "city"},
            "at": "since",
        },
    ),
    "leads": ("leads", {"key": "id", "at": "captured"}),
    "deals": ("opportunities", DEALS),
    "orders": ("orders", {"key": "number", "columns": _named("number", "customer", "ordered_on", "amount")}),
    "subscriptions": ("subscriptions", {"key": "id", "create": ["product"]}),
    "touchpoints": ("touchpoints", {"key": "id", "at": "happened"}),
}
"""Which desk loads a table, and how."""

Progress = Callable[[str, int], AbstractContextManager[Callable[[int, int], None] | None]]
"""Shows how far a load is: told what is loaded, and how many rows there are."""


def demo(folder: Path, progress: Progress) -> Iterator[str]:
    """Make a company up, load what it exports into ``crm.db``, and look at it.

    Args:
        folder: Where to put the files.
        progress: Shows how far each load is.

    Yields:
        What to print, line by line.
    """
    made_up = company(SEED)
    made_up.write(folder)
    clock = TickingClock(_evening(made_up.last_friday), timedelta(milliseconds=1))
    with CRM(str(folder / "crm.db"), playbook=PLAYBOOK, clock=clock, new_id=CountingIds(), by="ana") as crm:
        yield from _loaded(crm, made_up, folder, progress)
        clock.now = _evening(made_up.today)
        with progress("deals", len(made_up.deals_week_later)) as told:
            later = crm.opportunities.load(str(folder / "deals_week_later.csv"), progress=told, **DEALS)
        yield f"  deals, {_day(made_up.today)}: {later.rows} rows: {_counts(later)}"
        yield from _pipelines(crm, made_up)
        yield from _moved(crm, made_up.last_friday)
        yield from _what_if(crm)
        yield from _history(crm)


def _evening(day: date) -> datetime:
    return datetime.combine(day, time(18), ZoneInfo(ZONE))


def _day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B %Y}"


# --- loading ----------------------------------------------------------------------------------------------------------


def _loaded(crm: CRM, made_up: Company, folder: Path, progress: Progress) -> Iterator[str]:
    """Load every table."""
    reports: dict[str, LoadReport] = {}
    for table, (desk, how) in LOADS.items():
        with progress(table, len(made_up.tables[table])) as told:
            reports[table] = getattr(crm, desk).load(str(folder / f"{table}.csv"), progress=told, **how)
    yield f"What a made-up company exported on {_day(made_up.last_friday)}, loaded into crm.db"
    for table, report in reports.items():
        yield f"  {table:<14} {report.rows:>4} rows: {_counts(report)}"
    rejected = [f"{table}.csv, {one}" for table, report in reports.items() for one in report.rejections]
    proposed = [f"{table}.csv, {one}" for table, report in reports.items() for one in report.proposals]
    yield from _some("Rejected", rejected)
    yield from _some("Kept, and proposed for merging", proposed)
    yield ""
    yield "The deals once more, and what that changes"


def _counts(report: LoadReport) -> str:
    return ", ".join(f"{count} {way}" for way, count in report.counts.items() if count)


def _some(title: str, lines: list[str]) -> Iterator[str]:
    """A few of many, spread over them."""
    yield ""
    yield f"{title}: {len(lines)} rows, such as"
    step = max(len(lines) // SHOWN, 1)
    yield from (f"  {line}" for line in lines[::step][:SHOWN])


# --- the pipeline -----------------------------------------------------------------------------------------------------


def _pipelines(crm: CRM, made_up: Company) -> Iterator[str]:
    """Last Friday's pipeline beside today's."""
    then, now = crm.as_of(made_up.last_friday), crm
    counts = [
        Counter(deal.stage for deal in view.opportunities.each() if deal.status == "open") for view in (then, now)
    ]
    most = max(max(count.values()) for count in counts)
    reports = [view.analytics.pipeline() for view in (then, now)]
    yield ""
    yield f"{'The pipeline':<18} {'last Friday':<{LONGEST_BAR + 6}} today"
    for stage in (one.name for one in STAGES if one.kind == "open"):
        bars = [f"{_bar(count[stage], most):<{LONGEST_BAR + 6}}" for count in counts]
        yield f"  {stage:<16} {' '.join(bars)}".rstrip()
    for name, figure in FIGURES.items():
        values = [f"{_said(figure(report)):<{LONGEST_BAR + 6}}" for report in reports]
        yield f"  {name:<16} {' '.join(values)}".rstrip()


def _bar(count: int, most: int) -> str:
    return f"{'█' * round(LONGEST_BAR * count / most)} {count}"


FIGURES: Mapping[str, Callable[[PipelineReport], object]] = {
    "open value": lambda report: report.open_value,
    "weighted value": lambda report: report.weighted_open_value,
    "won value": lambda report: report.won_value,
    "win rate": lambda report: report.win_rate,
}


def _said(figure: object) -> str:
    """A figure as a person writes it."""
    return f"{figure:.2%}" if isinstance(figure, (float, Decimal)) else str(figure)


def _moved(crm: CRM, friday: date) -> Iterator[str]:
    """What happened to deals since."""
    then = {deal.id: deal for deal in crm.as_of(friday).opportunities.each()}
    moves = [(then.get(deal.id), deal) for deal in crm.opportunities.each()]
    told = [(_move(was, deal), was, deal) for was, deal in moves if _move(was, deal)]
    yield ""
    yield f"Moved since: {', '.join(f'{often} {what}' for what, often in Counter(what for what, *_ in told).items())}"
    seen: set[str] = set()
    for what, was, deal in told:
        if what not in seen:
            seen.add(what)
            yield f"  {what}: {deal.name}, {_path(was, deal)}"


def _path(was: Opportunity | None, deal: Opportunity) -> str:
    """From where to where a deal went."""
    if was is None:
        return f"{deal.stage}, {deal.amount}"
    if was.stage == deal.stage:
        return f"{was.amount} → {deal.amount}"
    return f"{was.stage} → {deal.stage}, {deal.amount}"


def _move(was: Opportunity | None, deal: Opportunity) -> str:
    """What happened to a deal between two states."""
    if was is None:
        return "new"
    if was.stage != deal.stage:
        return "moved" if deal.status == "open" else deal.status
    return "" if was.amount == deal.amount else "revalued"


# --- what if, and history ---------------------------------------------------------------------------------------------


def _what_if(crm: CRM) -> Iterator[str]:
    """Win the largest open deals, in thought."""
    open_deals = [deal for deal in crm.opportunities.find(order_by="-amount", limit=200) if deal.status == "open"]
    with crm.suppose() as what_if:
        for deal in open_deals[:SHOWN]:
            what_if.opportunities.win(deal)
        now, then = (view.analytics.pipeline() for view in (crm, what_if))
    yield ""
    yield f"What if we win the {SHOWN} largest open deals? (nothing is written)"
    for name, figure in FIGURES.items():
        yield f"  {name:<16} {_said(figure(now))} → {_said(figure(then))}"


def _history(crm: CRM) -> Iterator[str]:
    """Everything that is known of the deal that was won last."""
    closed = (deal for deal in crm.opportunities.each() if deal.status == "won")
    deal = max(closed, key=lambda one: (one.closed_at, one.id))
    yield ""
    yield f"The history of {deal.name}"
    yield from (f"  {_told(change)}" for change in crm.history(deal))


def _told(change: Change[Opportunity]) -> str:
    """A change in one line: when it happened, what, who, and when we learnt it."""
    assert change.recorded_at is not None
    happened, learnt = (f"{at.astimezone(ZoneInfo(ZONE)):%Y-%m-%d}" for at in (change.at, change.recorded_at))
    sets = ", ".join(f"{name} {change.sets[name]}" for name in ("stage", "amount") if name in change.sets)
    return f"{happened}  {change.what:<9} by {change.by}: {sets} (learnt {learnt})"
