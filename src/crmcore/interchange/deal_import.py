"""Brings deals read from a file into a CRM, in one commit: everything, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from crmcore.crm import CRM
from crmcore.interchange.deals import Deal, Outcomes
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.loading.columns import Source
from crmcore.kernel.loading.load import planned
from crmcore.kernel.loading.report import Rejection
from crmcore.kernel.table import Table
from crmcore.playbook import Playbook
from crmcore.sales import Pipeline, SalesRules, Stage
from crmcore.sales.opportunity_course import NOT_RECORDED

__all__ = ["DealImport", "deals_playbook", "import_deals", "with_pipeline"]

COLUMNS = {
    "stage": "stage",
    "status": "outcome",
    "opened_at": "opened",
    "closed_at": "closed",
    "close_on": "close_on",
    "amount": "amount",
    "owner": "owner",
    "account": "account",
    "product": "product",
    "pipeline": "pipeline",
}
"""What messages call each field of a deal."""

ROW = {"id": "id", **COLUMNS}


@attrs.frozen(kw_only=True)
class DealImport:
    """What an import did.

    Attributes:
        deals: How many deals the file has.
        added: How many of them were new.
        changed: How many were known and differed.
        unchanged: How many were known and the same.
        without_account: How many name no account; they are kept.
        without_amount: How many have no amount; they are kept, and count as unvalued while open.
        undated: How many do not say when they were opened; they count from their closing, or while they are open
            from the import.
    """

    deals: int
    added: int
    changed: int
    unchanged: int
    without_account: int
    without_amount: int
    undated: int


def deals_playbook(outcomes: Outcomes, *, currency: str, zone: str, name: str = "deals") -> Playbook:
    """A playbook for deals of a file: its words as the stages of one pipeline.

    Args:
        outcomes: What the words in the stage column mean.
        currency: The currency of the amounts.
        zone: The time zone of the dates.
        name: What the pipeline is called.
    """
    stages = [
        *(Stage(word) for word in outcomes.open),
        *(Stage(word, kind="won", forecast="closed") for word in outcomes.won),
        *(Stage(word, kind="lost", forecast="omitted") for word in outcomes.lost),
    ]
    sales = SalesRules(pipelines=(Pipeline(name, stages),), lost_reasons=(NOT_RECORDED, "other"))
    return Playbook(currency=currency, zone=zone, sales=sales)


def with_pipeline(playbook: Playbook, other: Playbook) -> Playbook:
    """A playbook that can also hold the deals of another: its pipelines and lost reasons are added.

    A pipeline of the same name stays as it is when it has every stage of the other; if not, its stages and
    what they say are kept, in the order of the other, and those the other does not have come last of their kind.

    Args:
        playbook: The playbook to enlarge.
        other: The playbook whose pipelines it takes up.

    Returns:
        The enlarged playbook; an equal one when it had everything already.
    """
    lines = {line.name: line for line in playbook.sales.pipelines}
    for line in other.sales.pipelines:
        lines[line.name] = _joined(lines.get(line.name, line), line)
    reasons = dict.fromkeys([*playbook.sales.lost_reasons, *other.sales.lost_reasons])
    return attrs.evolve(playbook, sales=SalesRules(pipelines=tuple(lines.values()), lost_reasons=tuple(reasons)))


def _joined(known: Pipeline, other: Pipeline) -> Pipeline:
    """A pipeline with the stages of another, in its order, and then its own."""
    own = {(stage.name, stage.kind): stage for stage in known.stages}
    if all((stage.name, stage.kind) in own for stage in other.stages):
        return known
    wanted = [own.get((stage.name, stage.kind), stage) for stage in other.stages]
    taken = {stage.name.casefold() for stage in wanted}
    stages = [*wanted, *(stage for stage in known.stages if stage.name.casefold() not in taken)]
    ordered = sorted(stages, key=lambda stage: ("open", "won", "lost").index(stage.kind))
    return attrs.evolve(known, stages=tuple(ordered))


def import_deals(
    crm: CRM,
    deals: Sequence[Deal],
    *,
    pipeline: str | None = None,
    playbook: Playbook | None = None,
    source: str = "csv",
    progress: Callable[[int, int], None] | None = None,
) -> DealImport:
    """Bring deals into a CRM. The same deals again change nothing.

    A deal known by its id is changed to what the file now says: updated, advanced, closed, reopened,
    amended. What the file does not say stays as it is. Several files may come from one source.

    Args:
        crm: The CRM.
        deals: The deals.
        pipeline: The pipeline they go through; default: the playbook's first.
        playbook: A playbook to adopt with them, as ``with_pipeline`` makes it; default: the CRM's own.
        source: The name of the system they come from, under which their ids are kept.
        progress: Told how many deals are done, and of how many.

    Returns:
        What was done.

    Raises:
        Invalid: A known deal says it was opened or closed at another time, or would have an impossible past:
            all such deals; or two of the deals have the same id. Nothing was written. Or the pipeline is unknown,
            or lacks a stage a deal is in.
        NotAllowed: The CRM is a view of the past.
    """
    book = playbook or crm.playbook
    book.sales.pipeline(pipeline)
    plan = planned(
        crm.opportunities,
        Table.of(_row(deal, pipeline) for deal in deals),
        Source(key="id", system=source, columns=COLUMNS, create=frozenset({"account", "owner", "product"})),
        attrs.evolve(crm.context("sales"), rules=book.sales),
        progress,
    )
    if plan.report.rejections:
        raise Invalid(_told(deals, one) for one in plan.report.rejections)
    if book != crm.playbook:
        crm.adopt(book, along=plan.changes)
    elif plan.changes:
        crm.commit(plan.changes, unmoved=crm.opportunities.ground(plan.changes))
    return DealImport(
        deals=len(deals),
        added=plan.report.kept,
        changed=plan.report.changed,
        unchanged=plan.report.unchanged,
        without_account=sum(deal.account is None for deal in deals),
        without_amount=sum(deal.amount is None for deal in deals),
        undated=sum(deal.opened_at is None for deal in deals),
    )


def _row(deal: Deal, pipeline: str | None) -> dict[str, Any]:
    """A deal as a row of a load."""
    return {name: pipeline if field == "pipeline" else getattr(deal, field) for field, name in ROW.items()}


def _told(deals: Sequence[Deal], rejection: Rejection) -> Problem:
    """Why a deal can't be taken."""
    path = f"deal {deals[rejection.row - 1].id}, {rejection.column}"
    return attrs.evolve(rejection.problem, path=path)
