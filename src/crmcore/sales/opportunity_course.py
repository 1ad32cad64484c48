"""The course of a deal as rows of elsewhere tell it: a stage or an outcome, with their dates, become acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.instants import local_day, midnight
from crmcore.kernel.loading.intake import called_with
from crmcore.kernel.records import kind_of
from crmcore.sales.opportunity import Opportunity, add, advance, amend, import_deal, lose, reopen, win
from crmcore.sales.pipeline import Pipeline, SalesRules, Stage

__all__ = ["NOT_RECORDED", "RECOUNTED", "Course", "Step", "begun", "closed", "steps"]

RECOUNTED = ("stage", "status", "opened_at", "closed_at", "lost_reason", "lost_note")
"""What only acts write of a deal, and rows of elsewhere tell."""

NOT_RECORDED = "not recorded"
"""Why a deal was lost, when nobody says."""

MEND = "take the row out, or correct the deal in the CRM first"

Step = tuple[Callable[..., Change[Any]], Mapping[str, Any]]
"""An act and its arguments."""


@attrs.frozen(kw_only=True)
class Course:
    """What a row tells of a deal.

    Attributes:
        fields: Its plain fields, as they are to be.
        pipeline: The pipeline it goes through; None for the playbook's first.
        stage: The open stage it is in, or was in last; None when that is not told.
        status: ``"open"``, ``"won"`` or ``"lost"``; None when that is not told.
        opened_at: When it was opened; None when that is not told.
        closed_at: When it was closed; None when it was not, or that is not told.
        lost_reason: Why it was lost; None when that is not told.
        lost_note: What else there is to say about that.
    """

    fields: Mapping[str, Any]
    pipeline: str | None
    stage: str | None
    status: str | None
    opened_at: datetime | None
    closed_at: datetime | None
    lost_reason: str | None
    lost_note: str | None

    @classmethod
    def of(cls, said: Mapping[str, Any], context: Context[SalesRules], known: Opportunity | None) -> Course:
        """What a row tells of a deal.

        The closing of an open deal is when it is expected to close.

        Args:
            said: What the row says, by field.
            context: The circumstances.
            known: The deal as it is known; None for a new one.

        Raises:
            Invalid: It can't be so: every problem at once.
        """
        told = dict(said)
        rest = {name: told.pop(name, None) for name in RECOUNTED}
        line = told.pop("pipeline", None) if known is None else _same(told.pop("pipeline", None), known)
        stage = _stage(context.rules.pipeline(line), rest["stage"])
        status: str | None = rest["status"] or (None if stage is None else stage.kind)
        ended = status in {"won", "lost"} or (status is None and known is not None and known.status != "open")
        if not ended and rest["closed_at"] is not None:
            told.setdefault("close_on", local_day(rest["closed_at"], context.zone))
            rest["closed_at"] = None
        opened: datetime | None = rest["opened_at"] or (None if known is None else known.opened_at)
        rest["closed_at"] = _closing(rest["closed_at"], opened, context.zone)
        problems = [
            *_contrary(stage, status),
            *_undated(status, rest["closed_at"], known),
            *_misdated(context, rest["opened_at"], opened, rest["closed_at"]),
            *_rewritten(known, status, rest["opened_at"], rest["closed_at"]),
        ]
        if problems:
            raise Invalid(problems)
        rest["stage"] = stage.name if stage is not None and stage.kind == "open" else None
        return cls(fields=told, pipeline=line, **rest | {"status": status})


def _same(pipeline: str | None, known: Opportunity) -> str:
    """The pipeline of a known deal, which does not change."""
    if pipeline not in (None, known.pipeline):
        raise Invalid([Problem("pipeline", pipeline, f"{known.pipeline}, as it was recorded", MEND)])
    return known.pipeline


def _stage(pipeline: Pipeline, name: str | None) -> Stage | None:
    """A stage by its name, in any capitals."""
    if name is None:
        return None
    alike = [stage for stage in pipeline.stages if stage.name.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else pipeline.stage(name)


def _closing(closed_at: datetime | None, opened: datetime | None, zone: str) -> datetime | None:
    """When a deal was closed; of a bare day on which it was opened at some time, that time."""
    if closed_at is None or opened is None or closed_at >= opened:
        return closed_at
    return opened if closed_at == midnight(local_day(opened, zone), zone) else closed_at


def _contrary(stage: Stage | None, status: str | None) -> Iterator[Problem]:
    """A stage and an outcome that can't both be. An open stage is the last one of a closed deal."""
    if stage is not None and stage.kind not in ("open", status):
        yield Problem("stage", stage.name, f"a stage of a deal that is {status}", "correct one of them")


def _undated(status: str | None, closed_at: datetime | None, known: Opportunity | None) -> Iterator[Problem]:
    """A closing nobody knows when."""
    if status in {"won", "lost"} and closed_at is None and (known is None or known.status == "open"):
        yield Problem("closed_at", None, f"a date, for the deal is {status}", "fill it in")


def _misdated(
    context: Context[Any], opened_at: datetime | None, opened: datetime | None, closed_at: datetime | None
) -> Iterator[Problem]:
    """Times that are yet to come, or the wrong way round."""
    for name, at in (("opened_at", opened_at), ("closed_at", closed_at)):
        if at is not None and at > context.at:
            yield Problem(name, at.isoformat(), "a day that has been", "correct the date")
    if closed_at is not None and opened is not None and closed_at < opened:
        expected = f"a day not before {opened.isoformat()}"
        yield Problem("closed_at", closed_at.isoformat(), expected, "correct one of the dates")


def _rewritten(
    known: Opportunity | None, status: str | None, opened_at: datetime | None, closed_at: datetime | None
) -> Iterator[Problem]:
    """When a known deal was opened or closed, and how it ended, told otherwise than it was recorded."""
    if known is None:
        return
    told: dict[str, tuple[object, object]] = {"opened_at": (known.opened_at, opened_at)}
    if known.status != "open" and status != "open":
        told |= {"status": (known.status, status), "closed_at": (known.closed_at, closed_at)}
    for name, (before, now) in told.items():
        if None not in (before, now) and before != now:
            yield Problem(name, str(now), f"{before} as it was recorded", MEND)


def begun(course: Course, context: Context[SalesRules], *, name: str) -> Change[Opportunity]:
    """The change that makes the record of a deal, at the time it was opened.

    Args:
        course: What is told of it.
        context: The circumstances.
        name: What it is called, when that is not told.

    Raises:
        Invalid: It can't be opened so.
    """
    at = course.opened_at or course.closed_at or context.at
    given = called_with(add, kind_of(Opportunity), {"name": name, **course.fields})
    return import_deal(
        attrs.evolve(context, at=at),
        pipeline=course.pipeline,
        stage=course.stage,
        dated=course.opened_at is not None,
        **given,
    )


def closed(deal: Opportunity, context: Context[SalesRules], *, course: Course) -> Change[Opportunity]:
    """Win or lose a deal on the day a row tells, though it may be known for a shorter time.

    Args:
        deal: The deal.
        context: The circumstances.
        course: What is told of it.
    """
    change = win(deal, context) if course.status == "won" else lose(deal, context, **_loss(course, context.rules))
    return attrs.evolve(change, sets={**change.sets, "closed_at": course.closed_at})


def _loss(course: Course, rules: SalesRules) -> dict[str, Any]:
    """Why a deal was lost, as far as anybody knows."""
    if course.lost_reason is not None:
        return {"reason": course.lost_reason, "note": course.lost_note}
    if NOT_RECORDED not in rules.lost_reasons and "other" in rules.lost_reasons:
        return {"reason": "other", "note": course.lost_note or NOT_RECORDED}
    return {"reason": NOT_RECORDED, "note": course.lost_note}


def steps(course: Course, deal: Opportunity, fields: Mapping[str, Any], since: datetime, revise: Any) -> list[Step]:  # noqa: ANN401 - an act
    """Date, reopen, amend, advance, update, close: whatever leads from a deal to what is told of it, in this order.

    Args:
        course: What is told of it.
        deal: The deal.
        fields: Its plain fields that are told otherwise.
        since: Since when it is known to be open.
        revise: The act that updates fields.
    """
    plan: list[Step] = []
    rest = dict(fields)
    if deal.opened_at is None and course.opened_at is not None:
        plan.append((_dated, {"opened_at": course.opened_at, "at": max(course.opened_at, since)}))
    if deal.status != "open" and course.status == "open":
        plan.append((reopen, {"stage": course.stage}))
    elif deal.status != "open":
        amended = _amended(course, deal) | ({"amount": rest.pop("amount")} if "amount" in rest else {})
        plan += [(amend, amended)] if amended else []
    elif course.status in (None, "open") and course.stage not in (None, deal.stage):
        plan.append((advance, {"to": course.stage}))
    if rest:
        plan.append((revise, {"fields": rest}))
    if deal.status == "open" and course.status in {"won", "lost"}:
        plan.append((closed, {"course": course}))
    return plan


def _amended(course: Course, deal: Opportunity) -> dict[str, Any]:
    """Why a deal was lost, told otherwise."""
    told = {"lost_reason": course.lost_reason, "lost_note": course.lost_note}
    return {name: value for name, value in told.items() if value not in (None, getattr(deal, name))}


def _dated(deal: Opportunity, context: Context[Any], *, opened_at: datetime, at: datetime) -> Change[Opportunity]:
    """Say when a deal was opened, which nobody knew before."""
    return attrs.evolve(context, at=at).changed(deal, "dated", opened_at=opened_at)
