"""Brings deals read from a file into a CRM, in one commit: everything, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import attrs

from crmcore.crm import CRM
from crmcore.interchange.deals import Deal, Outcomes
from crmcore.kernel.change import Change, applied
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.late import record_then
from crmcore.kernel.records import Record
from crmcore.playbook import Playbook
from crmcore.sales import Opportunity, OpportunityDesk, Pipeline, SalesRules, Stage
from crmcore.sales.opportunity import advance, amend, import_deal, lose, reopen, win

__all__ = ["DealImport", "deals_playbook", "import_deals", "with_pipeline"]

NAMED = TypeVar("NAMED", bound=Record)

NOT_RECORDED = "not recorded"
"""Why a deal was lost, when the file does not say."""


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
        undated: How many do not say when they were opened; they count from the import on.
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

    Args:
        playbook: The playbook to enlarge.
        other: The playbook whose pipelines it takes up; of those it has by name, the other's stand.
    """
    names = {pipeline.name for pipeline in other.sales.pipelines}
    kept = [pipeline for pipeline in playbook.sales.pipelines if pipeline.name not in names]
    first = playbook.sales.pipelines[0].name in names
    pipelines = [*other.sales.pipelines, *kept] if first else [*kept, *other.sales.pipelines]
    reasons = dict.fromkeys([*playbook.sales.lost_reasons, *other.sales.lost_reasons])
    return attrs.evolve(playbook, sales=SalesRules(pipelines=pipelines, lost_reasons=reasons))


def import_deals(
    crm: CRM,
    deals: Sequence[Deal],
    *,
    pipeline: str | None = None,
    source: str = "csv",
    progress: Callable[[int, int], None] | None = None,
) -> DealImport:
    """Bring deals into a CRM. The same deals again change nothing.

    Args:
        crm: The CRM, whose playbook has the stages the deals are in.
        deals: The deals.
        pipeline: The pipeline they go through; default: the playbook's first.
        source: The name of the system they come from, under which their ids are kept.
        progress: Told how many deals are done, and of how many.

    Returns:
        What was done.

    Raises:
        Invalid: A known deal now says it was opened at another time, or a value does not fit: all of them.
        NotAllowed: A known deal would have an impossible past.
    """
    work = _Import(crm, source, pipeline)
    work.name(deals)
    for place, deal in enumerate(deals, start=1):
        work.take(deal)
        if progress is not None and (place % 500 == 0 or place == len(deals)):
            progress(place, len(deals))
    return work.done(deals)


@attrs.define(eq=False)
class _Import:
    """An import on its way."""

    crm: CRM
    source: str
    pipeline: str | None
    changes: list[Change[Any]] = attrs.field(factory=list)
    ids: dict[tuple[str, str], str] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    added: int = 0
    changed: int = 0
    context: Context[SalesRules] = attrs.field(init=False)
    desk: OpportunityDesk = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Take up the time and the rules once: the whole import happens at one instant."""
        self.context = self.crm.context("sales")
        self.desk = self.crm.opportunities

    # --- accounts, products and staff -------------------------------------------------------------------------------

    def name(self, deals: Iterable[Deal]) -> None:
        """Make sure of a record for every account, product and owner the deals name."""
        first: dict[tuple[str, str], datetime] = {}
        for deal in deals:
            at = deal.opened_at or self.context.at
            for field in ("account", "product", "owner"):
                name = getattr(deal, field)
                if name is not None:
                    first[field, name] = min(at, first.get((field, name), at))
        desks: dict[str, Desk[Any]] = {
            "account": self.crm.accounts,
            "product": self.crm.products,
            "owner": self.crm.staff,
        }
        for (field, name), at in first.items():
            self.ids[field, name] = self._named(desks[field], name, at)

    def _named(self, desk: Desk[NAMED], name: str, at: datetime) -> str:
        """The id of a record known by its name in the file; made when it is not there."""
        known = desk.external(self.source, name)
        if known is not None:
            return known.id
        context = attrs.evolve(self.context, at=at)
        made: Change[NAMED] = context.created(desk.kind.cls, "imported", name=name, external={self.source: name})
        self.changes.append(desk.ready(made))
        return made.id

    # --- deals ------------------------------------------------------------------------------------------------------

    def take(self, deal: Deal) -> None:
        """Note what a deal changes."""
        known = self.desk.external(self.source, deal.id)
        changes = self._new(deal) if known is None else self._differing(deal, known)
        self.added += known is None
        self.changed += known is not None and bool(changes)
        self.changes += changes

    def _fields(self, deal: Deal) -> dict[str, Any]:
        """What a deal's record should hold of it."""
        refers = {name: getattr(deal, name) for name in ("account", "owner", "product")}
        found = {name: None if value is None else self.ids[name, value] for name, value in refers.items()}
        return {**found, "amount": deal.amount, "close_on": deal.close_on}

    def _new(self, deal: Deal) -> list[Change[Any]]:
        """The changes that make a deal's record with its history."""
        opened = attrs.evolve(self.context, at=deal.opened_at or deal.closed_at or self.context.at)
        act = import_deal(
            opened,
            name=deal.id,
            pipeline=self.pipeline,
            stage=deal.stage,
            dated=deal.opened_at is not None,
            external={self.source: deal.id},
            **self._fields(deal),
        )
        made = self.desk.ready(act)
        if deal.closed_at is None:
            return [made]
        return [made, self.desk.ready(self._close(applied(self.desk.kind, None, made), deal.status, deal.closed_at))]

    def _close(self, record: Opportunity, status: str, at: datetime) -> Change[Opportunity]:
        context = attrs.evolve(self.context, at=at)
        return win(record, context) if status == "won" else lose(record, context, reason=NOT_RECORDED)

    def _differing(self, deal: Deal, known: Opportunity) -> list[Change[Any]]:
        """The changes between a deal's record and what the file now says."""
        told = {"opened": (known.opened_at, deal.opened_at)}
        if known.status != "open" and deal.status != "open":
            told |= {"outcome": (known.status, deal.status), "closed": (known.closed_at, deal.closed_at)}
        mend = "take the row out, or correct the deal in the CRM first"
        rewritten = [
            Problem(f"deal {deal.id}, {name}", str(now), f"{before} as it was recorded", mend)
            for name, (before, now) in told.items()
            if before != now
        ]
        try:
            return self._steps(deal, known) if not rewritten else []
        except NotAllowed as error:
            rewritten.append(Problem(f"deal {deal.id}", deal.status, "a possible move", f"{error}; {mend}"))
            return []
        finally:
            self.problems += rewritten

    def _steps(self, deal: Deal, known: Opportunity) -> list[Change[Any]]:
        """The acts that lead from the record to what the file says, each on top of the one before.

        A deal that was closed meanwhile is changed as of its closing, for the file tells what was true by then.
        """
        kind, reason = self.desk.kind, f"import from {self.source}"
        closing = known.status == "open" and deal.closed_at is not None
        view = self.crm.given(at=deal.closed_at if closing else None, reason=reason)
        record = known
        if closing and deal.closed_at is not None:
            record = record_then(kind, self.crm.store.changes(kind=kind.name, id=known.id), known, deal.closed_at)
        steps: list[Change[Any]] = []
        for act, arguments in self._plan(deal, record):
            change = view.opportunities.ready(act(record, view.context("sales"), **arguments))
            record = applied(kind, record, change)
            steps.append(change)
        return steps

    def _plan(self, deal: Deal, record: Opportunity) -> list[tuple[Callable[..., Change[Any]], dict[str, Any]]]:
        """Reopen, amend or update, advance, close: whatever applies, in this order."""
        plan: list[tuple[Callable[..., Change[Any]], dict[str, Any]]] = []
        fields = {name: value for name, value in self._fields(deal).items() if getattr(record, name) != value}
        if record.status != "open" and deal.status == "open":
            plan.append((reopen, {"stage": deal.stage}))
        elif record.status != "open":
            fields.pop("close_on", None)
            if "amount" in fields:
                plan.append((amend, {"amount": fields.pop("amount")}))
        elif deal.stage not in (None, record.stage):
            plan.append((advance, {"to": deal.stage}))
        if fields:
            plan.append((self.desk.revise, {"fields": fields}))
        if record.status == "open" and deal.status != "open":
            plan.append((win, {}) if deal.status == "won" else (lose, {"reason": NOT_RECORDED}))
        return plan

    def done(self, deals: Sequence[Deal]) -> DealImport:
        """Write everything, or nothing."""
        if self.problems:
            raise Invalid(self.problems)
        if self.changes:
            self.crm.commit(self.changes)
        return DealImport(
            deals=len(deals),
            added=self.added,
            changed=self.changed,
            unchanged=len(deals) - self.added - self.changed,
            without_account=sum(deal.account is None for deal in deals),
            without_amount=sum(deal.amount is None for deal in deals),
            undated=sum(deal.opened_at is None for deal in deals),
        )
