"""Opportunities, which salespeople also call deals: a possible sale on its way through a pipeline."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from types import EllipsisType
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.fields import field
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.money import Money
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.values import read_boolean
from crmcore.kernel.where import checked, predicate
from crmcore.sales.pipeline import Pipeline, SalesRules, Stage, not_allowed

__all__ = [
    "ECONOMICS",
    "LIFECYCLE",
    "Opportunity",
    "add",
    "advance",
    "amend",
    "import_deal",
    "lose",
    "remap",
    "reopen",
    "win",
]

LIFECYCLE = Lifecycle(
    initial=("open",),
    moves={
        ("open", "advance"): "open",
        ("open", "win"): "won",
        ("open", "lose"): "lost",
        ("won", "reopen"): "open",
        ("lost", "reopen"): "open",
        ("won", "amend"): "won",
        ("lost", "amend"): "lost",
    },
)
"""What can happen to a deal."""

ECONOMICS = frozenset({"amount", "product", "probability_override"})
"""What closing freezes."""


@record("opportunity", plural="opportunities", lifecycle=("status", LIFECYCLE))
class Opportunity(Record):
    """A possible sale: a deal.

    Attributes:
        name: What it is called.
        pipeline: The pipeline it goes through.
        stage: Where it stands there.
        status: ``"open"``, ``"won"`` or ``"lost"``: the kind of its stage.
        account: The id of the account that would buy.
        contact: The id of the contact it is talked about with first of all, or who would buy.
        owner: The id of the staff member who works on it.
        product: The id of the product it is mainly about.
        amount: What it is worth; None while unknown.
        close_on: The day it is expected to close.
        opened_at: When it was opened; None when nobody knows.
        closed_at: When it was won or lost; None while it is open.
        stage_probability: The share of deals won from its stage, as the playbook in force said when that was recorded.
        probability_override: What somebody set by hand instead.
        lost_reason: Why it was lost, one of the playbook's reasons.
        lost_note: What else there is to say about that.
    """

    name: str = field(searchable=True)
    pipeline: str = field(by_act=True)
    stage: str = field(key=True, by_act=True)
    status: str = field(default="open", key=True, by_act=True)
    account: str | None = field(default=None, key=True, references="account")
    contact: str | None = field(default=None, key=True, references="contact")
    owner: str | None = field(default=None, key=True, references="staff")
    product: str | None = field(default=None, key=True, references="product")
    amount: Money | None = field(default=None, key=True, minimum=0)
    close_on: date | None = field(default=None, key=True)
    opened_at: datetime | None = field(default=None, by_act=True)
    closed_at: datetime | None = field(default=None, by_act=True)
    stage_probability: Decimal | None = field(default=None, by_act=True, minimum=0, maximum=1)
    probability_override: Decimal | None = field(default=None, minimum=0, maximum=1)
    lost_reason: str | None = field(default=None, by_act=True)
    lost_note: str | None = field(default=None, by_act=True)

    @property
    def probability(self) -> Decimal | None:
        """How likely it is won, 0 to 1: 1 when won, 0 when lost, else the override, else its stage's."""
        if self.status != "open":
            return Decimal(self.status == "won")
        return self.stage_probability if self.probability_override is None else self.probability_override


def add(
    context: Context[SalesRules],
    *,
    name: str,
    account: str | None = None,
    contact: str | None = None,
    owner: str | None = None,
    product: str | None = None,
    pipeline: str | None = None,
    stage: str | None = None,
    amount: Money | Decimal | int | str | None = None,
    close_on: date | str | None = None,
    probability_override: Decimal | str | None = None,
    custom: Mapping[str, Any] = EMPTY,
    external: Mapping[str, str] = EMPTY,
) -> Change[Opportunity]:
    """Open a deal.

    Args:
        context: The circumstances.
        name: What it is called.
        account: The id of the account that would buy.
        contact: The id of the contact it is talked about with first of all, or who would buy.
        owner: The id of the staff member who works on it.
        product: The id of the product it is mainly about.
        pipeline: The pipeline it goes through; default: the playbook's first.
        stage: The open stage it starts in; default: the pipeline's first.
        amount: What it is worth; a bare number is in the business's currency.
        close_on: The day it is expected to close.
        probability_override: How likely it is won, 0 to 1, when the stage's own figure is not believed.
        custom: Custom fields.
        external: Its ids in other systems.

    Raises:
        Invalid: The pipeline or stage is unknown, the stage is not open or requires more, or a value does not fit.
    """
    through = context.rules.pipeline(pipeline)
    starts = _open_stage(through, stage)
    fields = {
        "name": name,
        "account": account,
        "contact": contact,
        "owner": owner,
        "product": product,
        "amount": amount,
        "close_on": close_on,
        "probability_override": probability_override,
        "custom": custom,
        "external": external,
    }
    problems = [*_not_given(fields, starts)]
    if problems:
        raise Invalid(problems)
    return _made(context, "opened", fields, through, starts)


GIVEN = frozenset(inspect.signature(add).parameters)
"""What a deal may be opened with."""


def _made(
    context: Context[SalesRules], what: str, fields: Mapping[str, Any], pipeline: Pipeline, stage: Stage
) -> Change[Opportunity]:
    """The change that makes a deal."""
    opened = {"pipeline": pipeline.name, "opened_at": context.at, **_entered(stage)}
    return context.created(Opportunity, what, **{**opened, **fields})


def _not_given(fields: Mapping[str, Any], stage: Stage) -> Iterable[Problem]:
    """The fields a stage requires that a new deal is not given."""
    for name in stage.requires:
        whole, dot, part = name.partition(".")
        value = fields.get(whole, name)  # what is not given here is known otherwise
        if (value.get(part) if dot and isinstance(value, Mapping) else value) is None:
            yield Problem(
                name, None, f"a value, which {stage.name} requires", f"give {name}, or start in another stage"
            )


def _open_stage(pipeline: Pipeline, name: str | None) -> Stage:
    """An open stage by its name, or the first."""
    stage = pipeline.open_stages[0] if name is None else pipeline.stage(name)
    if stage.kind != "open":
        raise Invalid([Problem("stage", name, "an open stage", "leave it out for the first one; win and lose close")])
    return stage


def import_deal(
    context: Context[SalesRules],
    /,
    *,
    name: str,
    pipeline: str | None = None,
    stage: str | None = None,
    dated: bool = True,
    **fields: Any,  # noqa: ANN401 - as add
) -> Change[Opportunity]:
    """Take over a deal from elsewhere, of whose stages only the last is known, whatever that requires.

    Args:
        context: The circumstances; its time is when the deal was opened.
        name: What it is called.
        pipeline: The pipeline it goes through; default: the playbook's first.
        stage: The open stage it is in; default: the pipeline's first.
        dated: Whether it is known when it was opened.
        fields: As in ``add``.

    Raises:
        Invalid: As ``add``.
    """
    strangers = sorted(fields.keys() - GIVEN)
    if strangers:
        raise Invalid([Problem(one, "a value", "a field as add takes it", "take it out") for one in strangers])
    through = context.rules.pipeline(pipeline)
    undated = {} if read_boolean(dated, path="dated") else {"opened_at": None}
    return _made(context, "imported", {"name": name, **fields, **undated}, through, _open_stage(through, stage))


def _entered(stage: Stage) -> dict[str, Any]:
    """What coming into a stage sets."""
    return {"stage": stage.name, "status": stage.kind, "stage_probability": stage.probability}


def advance(deal: Opportunity, context: Context[SalesRules], *, to: str) -> Change[Opportunity]:
    """Move a deal to another open stage, forward or back.

    Args:
        deal: The deal.
        context: The circumstances.
        to: The stage.

    Raises:
        NotAllowed: The deal is closed, the pipeline has no such move, or criteria are not met: all at once.
        Invalid: The pipeline has no such stage.
    """
    LIFECYCLE.after(deal.status, "advance")
    pipeline = context.rules.pipeline(deal.pipeline)
    stage = pipeline.stage(to)
    if stage.kind != "open" or to == deal.stage or not pipeline.allows(deal.stage, to):
        possible = [
            one.name for one in pipeline.open_stages if one.name != deal.stage and pipeline.allows(deal.stage, one.name)
        ]
        instead = f"; {'win' if stage.kind == 'won' else 'lose'}() closes a deal" if stage.kind != "open" else ""
        message = f"cannot advance {deal.id} from {deal.stage!r} to {to!r}; possible: {', '.join(possible)}{instead}"
        raise NotAllowed(message, act="advance", possible=possible)
    forward = pipeline.order(to) > pipeline.order(deal.stage)
    problems = [*(_unmet(deal, context, pipeline) if forward else ()), *_unfilled(deal, stage)]
    if problems:
        raise not_allowed(f"advance to {to!r}", deal.id, problems)
    return context.changed(deal, "advanced", **_entered(stage))


def _unmet(deal: Opportunity, context: Context[SalesRules], pipeline: Pipeline) -> Iterable[Problem]:
    """The exit criteria of its stage that a deal does not meet."""
    custom = context.custom.get("opportunity", EMPTY)
    for criterion in pipeline.stage(deal.stage).exit_criteria:
        types = kind_of(Opportunity).types_for(criterion, custom)
        asked = checked(criterion, types, currency=context.currency, at=context.at, zone=context.zone)
        if not predicate(asked)(deal):
            path = f"exit criterion of {deal.stage}"
            yield Problem(path, deal.stage, str(asked), "meet it, or change the playbook")


def _unfilled(deal: Opportunity, stage: Stage) -> Iterable[Problem]:
    """The fields a stage requires that a deal does not have."""
    for name in stage.requires:
        whole, dot, part = name.partition(".")
        value = getattr(deal, whole)
        if (value.get(part) if dot else value) is None:
            yield Problem(name, None, f"a value, which {stage.name} requires", f"update {name} first")


def win(deal: Opportunity, context: Context[SalesRules]) -> Change[Opportunity]:
    """Win a deal: it is closed, and its economics are frozen.

    Args:
        deal: The deal.
        context: The circumstances; its time is when the deal was won.

    Raises:
        NotAllowed: The deal is closed, or its stage's exit criteria or what winning requires are not met: all at once.
    """
    LIFECYCLE.after(deal.status, "win")
    pipeline = context.rules.pipeline(deal.pipeline)
    stage = pipeline.closing("won")
    problems = [*_unmet(deal, context, pipeline), *_unfilled(deal, stage)]
    if problems:
        raise not_allowed("win", deal.id, problems)
    return context.changed(deal, "won", **_closed(deal, context, stage))


def lose(
    deal: Opportunity, context: Context[SalesRules], *, reason: str, note: str | None = None
) -> Change[Opportunity]:
    """Lose a deal: it is closed, its economics are frozen, and it is kept why.

    Args:
        deal: The deal.
        context: The circumstances; its time is when the deal was lost.
        reason: One of the playbook's reasons.
        note: What else there is to say; required when the reason is ``"other"``.

    Raises:
        NotAllowed: The deal is closed.
        Invalid: The reason is not one of the playbook's, or the note is missing.
    """
    LIFECYCLE.after(deal.status, "lose")
    _check_loss(context, reason, note)
    stage = context.rules.pipeline(deal.pipeline).closing("lost")
    return context.changed(deal, "lost", **_closed(deal, context, stage), lost_reason=reason, lost_note=note)


def _check_loss(context: Context[SalesRules], reason: object, note: object) -> None:
    """Refuse a reason the playbook does not know, and another reason without a note."""
    known = context.rules.lost_reasons
    if not (isinstance(reason, str) and reason in known):
        mend = "choose one, or add it to the playbook"
        raise Invalid([Problem("reason", reason, f"one of {', '.join(known)}", mend)])
    if reason == "other" and not (isinstance(note, str) and note.strip()):
        raise Invalid([Problem("note", note, 'a note, which "other" requires', "say why in the note")])


def _closed(deal: Opportunity, context: Context[Any], stage: Stage) -> dict[str, Any]:
    """What closing sets. It says the economics again, so that nothing learnt late can move them."""
    return {**_entered(stage), "closed_at": context.at, **{name: getattr(deal, name) for name in sorted(ECONOMICS)}}


def reopen(deal: Opportunity, context: Context[SalesRules], *, stage: str | None = None) -> Change[Opportunity]:
    """Open a closed deal again. Its history keeps that it was closed.

    Args:
        deal: The deal.
        context: The circumstances.
        stage: The open stage it comes back to; default: the pipeline's first.

    Raises:
        NotAllowed: The deal is open, or misses what the stage requires: all at once.
        Invalid: The stage is unknown or not open.
    """
    LIFECYCLE.after(deal.status, "reopen")
    pipeline = context.rules.pipeline(deal.pipeline)
    back = _open_stage(pipeline, stage)
    problems = [*_unfilled(deal, back)]
    if problems:
        raise not_allowed(f"reopen to {back.name!r}", deal.id, problems)
    return context.changed(deal, "reopened", **_entered(back), closed_at=None, lost_reason=None, lost_note=None)


def remap(deal: Opportunity, context: Context[SalesRules], *, to: Stage) -> Change[Opportunity]:
    """Move an open deal out of a stage that is taken away.

    Args:
        deal: The deal.
        context: The circumstances.
        to: The stage of the new playbook.
    """
    return context.changed(deal, "remapped", **_entered(to))


def amend(
    deal: Opportunity,
    context: Context[SalesRules],
    *,
    amount: Money | Decimal | int | str | EllipsisType | None = ...,
    product: str | EllipsisType | None = ...,
    lost_reason: str | EllipsisType = ...,
    lost_note: str | EllipsisType | None = ...,
) -> Change[Opportunity]:
    """Correct a closed deal. The amendments are the deal's changes called ``"amended"``.

    Args:
        deal: The deal.
        context: The circumstances; it must give a reason.
        amount: What it was worth. What is left out stays as it is, here and below.
        product: The id of the product it was mainly about.
        lost_reason: Why it was lost, one of the playbook's reasons.
        lost_note: What else there is to say about that.

    Raises:
        NotAllowed: The deal is open, where ``update`` does this.
        Invalid: No reason for the amendment is given, nothing is amended, or the lost reason does not fit.
    """
    LIFECYCLE.after(deal.status, "amend")
    told = {"amount": amount, "product": product, "lost_reason": lost_reason, "lost_note": lost_note}
    sets = {name: value for name, value in told.items() if value is not ...}
    if not (context.reason or "").strip():
        raise Invalid([Problem("reason", context.reason, "why it is amended", 'use crm.given(reason="…")')])
    if not sets:
        raise Invalid([Problem("amendment", None, f"one of {', '.join(told)}", "say what it should have been")])
    if not sets.keys().isdisjoint({"lost_reason", "lost_note"}):
        _check_reason(deal, context, {"lost_reason": deal.lost_reason, "lost_note": deal.lost_note} | sets)
    return context.changed(deal, "amended", **sets)


def _check_reason(deal: Opportunity, context: Context[SalesRules], said: Mapping[str, Any]) -> None:
    """Refuse a reason for a loss that was none, or a reason the playbook does not know."""
    if deal.status != "lost":
        raise Invalid([Problem("lost_reason", deal.status, "a lost deal", "leave it out")])
    _check_loss(context, said["lost_reason"], said["lost_note"])
