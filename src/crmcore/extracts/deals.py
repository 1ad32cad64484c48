"""Deals as columns, and the stages they stood in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from crmcore.extracts.source import Source, histories, names_of
from crmcore.kernel.desk import Desk
from crmcore.sales import Opportunity, Pipeline, stage_history

if TYPE_CHECKING:
    from crmcore.analytics import StageOrder

__all__ = ["deal_columns", "line_of", "visit_columns"]


def line_of(crm: Source, name: str, deals: Iterable[Opportunity]) -> Pipeline:
    """A pipeline as it was; as it is now, where deals were dated back into what was not there yet.

    Args:
        crm: The CRM, or a view of its past.
        name: What the pipeline is called.
        deals: The deals in it.
    """
    for line in crm.playbook.sales.pipelines:
        stages = {stage.name for stage in line.open_stages}
        if line.name == name and all(deal.status != "open" or deal.stage in stages for deal in deals):
            return line
    return crm.as_of().playbook.sales.pipeline(name)


def deal_columns(crm: Source, deals: list[Opportunity]) -> dict[str, list[Any]]:
    """Deals as columns, with the names of who and what they refer to.

    Args:
        crm: The CRM.
        deals: The deals.
    """
    plain = ("id", "status", "stage", "opened_at", "closed_at", "amount", "probability")
    columns: dict[str, list[Any]] = {name: [getattr(deal, name) for deal in deals] for name in plain}
    desks: dict[str, Desk[Any]] = {"owner": crm.staff, "account": crm.accounts, "product": crm.products}
    for name, desk in desks.items():
        columns[name] = names_of(crm, desk, [getattr(deal, name) for deal in deals])
    return columns


def visit_columns(crm: Source, deals: list[Opportunity], order: StageOrder) -> dict[str, list[Any]]:
    """The stays of deals in stages, as columns; without those in stages that were taken away since.

    Deals whose history is not known have none.

    Args:
        crm: The CRM, or a view of its past.
        deals: The deals.
        order: The stages.
    """
    columns: dict[str, list[Any]] = {"deal": [], "stage": [], "entered_at": [], "left_at": []}
    for id, changes in histories(crm, "opportunity", [deal.id for deal in deals]).items():
        history = stage_history(changes)
        for visit in history.visits if history.known else ():
            if order.outcome(visit.stage) is None:
                continue
            columns["deal"].append(id)
            columns["stage"].append(visit.stage)
            columns["entered_at"].append(visit.entered_at)
            columns["left_at"].append(visit.left_at)
    return columns
