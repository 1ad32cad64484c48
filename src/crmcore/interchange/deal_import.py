"""Brings deals read from a file into a CRM, in one commit: everything, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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

Step = tuple[Callable[..., Change[Any]], Mapping[str, Any]]
"""An act and its arguments."""

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
            all such deals. Nothing was written. Or the pipeline is unknown, or lacks a stage a deal is in.
        NotAllowed: The CRM is a view of the past.
        Duplicate: Two of the deals have the same id.
    """
    work = _Import(crm, source, pipeline, playbook or crm.playbook)
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
    playbook: Playbook
    changes: list[Change[Any]] = attrs.field(factory=list)
    ids: dict[tuple[str, str], str] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    added: int = 0
    changed: int = 0
    context: Context[SalesRules] = attrs.field(init=False)
    desk: OpportunityDesk = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Take up the time and the rules once: the whole import happens at one instant."""
        self.context = attrs.evolve(self.crm.context("sales"), rules=self.playbook.sales)
        self.desk = self.crm.opportunities
        self.playbook.sales.pipeline(self.pipeline)

    # --- accounts, products and staff -------------------------------------------------------------------------------

    def name(self, deals: Iterable[Deal]) -> None:
        """Make sure of a record for every account, product and owner the deals name."""
        first: dict[tuple[str, str], datetime] = {}
        for deal in deals:
            at = deal.opened_at or deal.closed_at or self.context.at
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
        """Note what a deal changes, or why it can't."""
        known = self.desk.external(self.source, deal.id)
        try:
            changes = self._new(deal) if known is None else self._differing(deal, known)
        except (Invalid, NotAllowed) as error:
            found = error.problems or [Problem("stage", deal.stage or deal.status, "a possible move", str(error))]
            self.problems += [attrs.evolve(one, path=f"deal {deal.id}, {one.path}") for one in found]
            return
        self.added += known is None
        self.changed += known is not None and bool(changes)
        self.changes += changes

    def _fields(self, deal: Deal) -> dict[str, Any]:
        """What the file says of a deal, beside its stage."""
        refers = {name: getattr(deal, name) for name in ("account", "owner", "product")}
        said = {name: self.ids[name, value] for name, value in refers.items() if value is not None}
        plain = {"amount": deal.amount, "close_on": deal.close_on}
        return said | {name: value for name, value in plain.items() if value is not None}

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
        closing = attrs.evolve(self.context, at=deal.closed_at)
        return [made, self.desk.ready(_close(applied(self.desk.kind, None, made), closing, deal=deal))]

    def _differing(self, deal: Deal, known: Opportunity) -> list[Change[Any]]:
        """The changes between a deal's record and what the file now says, each on top of the one before.

        A deal that was closed meanwhile is changed as of its closing, for the file tells what was true by then;
        but never before we knew it to be open, which is at an import where nobody knew when that began.
        """
        _check_times(deal, known)
        if not self._plan(deal, known, self.context.at):
            return []
        kind, reason = self.desk.kind, f"import from {self.source}"
        history = self.crm.store.changes(kind=kind.name, id=known.id)
        opened = [change.at for change in history if change.sets.get("status") == "open"]
        closing = deal.closed_at if known.status == "open" else None
        at = None if closing is None else max(closing, *opened)
        view = self.crm.given(at=at, reason=reason)
        context = attrs.evolve(self.context, at=at or self.context.at, reason=reason)
        record = known if at is None else record_then(kind, history, known, at)
        steps: list[Change[Any]] = []
        for act, arguments in self._plan(deal, record, min(opened)):
            change = view.opportunities.ready(act(record, context, **arguments))
            record = applied(kind, record, change)
            steps.append(change)
        return steps

    def _plan(self, deal: Deal, record: Opportunity, begun: datetime) -> list[Step]:
        """Date, reopen, amend, advance, update, close: whatever applies, in this order."""
        plan: list[Step] = []
        fields = {name: value for name, value in self._fields(deal).items() if getattr(record, name) != value}
        if record.opened_at is None and deal.opened_at is not None:
            plan.append((_date, {"opened_at": deal.opened_at, "at": max(deal.opened_at, begun)}))
        if record.status != "open" and deal.status == "open":
            plan.append((reopen, {"stage": deal.stage}))
        elif record.status != "open" and "amount" in fields:
            plan.append((amend, {"amount": fields.pop("amount")}))
        elif record.status == "open" and deal.stage not in (None, record.stage):
            plan.append((advance, {"to": deal.stage}))
        if fields:
            plan.append((self.desk.revise, {"fields": fields}))
        if record.status == "open" and deal.status != "open":
            plan.append((_close, {"deal": deal}))
        return plan

    def done(self, deals: Sequence[Deal]) -> DealImport:
        """Write everything, or nothing."""
        if self.problems:
            raise Invalid(self.problems)
        if self.playbook != self.crm.playbook:
            self.crm.adopt(self.playbook, along=self.changes)
        elif self.changes:
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


def _check_times(deal: Deal, known: Opportunity) -> None:
    """Refuse to rewrite when a deal was opened or closed, and how it ended."""
    told: dict[str, tuple[object, object]] = {}
    if known.opened_at is not None and deal.opened_at is not None:
        told["opened"] = (known.opened_at, deal.opened_at)
    if known.status != "open" and deal.status != "open":
        told |= {"outcome": (known.status, deal.status), "closed": (known.closed_at, deal.closed_at)}
    mend = "take the row out, or correct the deal in the CRM first"
    problems = [
        Problem(name, str(now), f"{before} as it was recorded", mend)
        for name, (before, now) in told.items()
        if before != now
    ]
    if problems:
        raise Invalid(problems)


def _date(record: Opportunity, context: Context[Any], *, opened_at: datetime, at: datetime) -> Change[Opportunity]:
    """Say when a deal was opened, which nobody knew before."""
    return attrs.evolve(context, at=at).changed(record, "dated", opened_at=opened_at)


def _close(record: Opportunity, context: Context[SalesRules], *, deal: Deal) -> Change[Opportunity]:
    """Win or lose a deal on the day the file says, though it may be known for a shorter time."""
    change = win(record, context) if deal.status == "won" else lose(record, context, reason=NOT_RECORDED)
    return attrs.evolve(change, sets={**change.sets, "closed_at": deal.closed_at})
