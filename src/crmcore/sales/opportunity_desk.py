"""The desk of the deals: their acts, and what rows of elsewhere tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from crmcore.kernel.acts import act
from crmcore.kernel.change import Change, applied
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.late import Following, record_then
from crmcore.sales.opportunity import (
    ECONOMICS,
    Opportunity,
    add,
    advance,
    amend,
    import_deal,
    lose,
    reopen,
    win,
)
from crmcore.sales.opportunity_course import RECOUNTED, Course, begun, closed, steps
from crmcore.sales.pipeline import SalesRules

__all__ = ["OpportunityDesk"]

PATHS = {"reason": "lost_reason", "note": "lost_note", "to": "stage"}
"""The fields that arguments of acts are about."""


_add = act(add)  # bound here, so that it keeps a type of its own and not that of the general add


class OpportunityDesk(Desk[Opportunity]):
    """The deals."""

    department = "sales"
    recounts = RECOUNTED
    began = "opened_at"

    add = _add
    import_deal = act(import_deal)
    advance = act(advance)
    win = act(win)
    lose = act(lose)
    reopen = act(reopen)
    amend = act(amend)

    def check_update(self, record: Opportunity, fields: Mapping[str, Any]) -> None:
        """Refuse what only acts write, and to change the economics of a closed deal."""
        super().check_update(record, fields)
        frozen = sorted(ECONOMICS & fields.keys())
        if record.status != "open" and frozen:
            message = (
                f"{', '.join(frozen)} of {record.id} are frozen since it was {record.status}; possible: amend, reopen"
            )
            expected = f"as it was recorded, since the deal was {record.status}"
            problems = [Problem(name, "another value", expected, "amend it, or reopen the deal") for name in frozen]
            raise NotAllowed(message, act="update", possible=("amend", "reopen"), problems=problems)

    def joins(self, step: Following[Opportunity]) -> bool:
        """Whether a change of a deal could still have happened, had a late one before it been known."""
        was, now, change = step.was, step.now, step.change
        if not super().joins(step):
            return False
        if not ECONOMICS.isdisjoint(change.sets) and (was.status == "open") is not (now.status == "open"):
            return False
        to = change.sets.get("stage")
        if change.what != "advanced" or to in (now.stage, None) or now.stage == was.stage:
            return True
        rules: SalesRules = self.front.context("sales").rules
        return rules.pipeline(now.pipeline).allows(now.stage, to)

    # --- rows of elsewhere ------------------------------------------------------------------------------------------

    def stated(
        self, known: Opportunity | None, said: Mapping[str, Any], context: Context[SalesRules]
    ) -> Sequence[Change[Any]]:
        """What a row of elsewhere changes: a stage or an outcome with its dates becomes acts.

        A new deal is there since it was opened. A known one that was closed meanwhile is changed as of its closing,
        for the row tells what was true by then; but never before it was known to be open.
        """
        course = Course.of(said, context, known)
        try:
            return self._begun(course, said, context) if known is None else self._told(course, known, context)
        except (Invalid, NotAllowed) as error:
            found = error.problems or [Problem("stage", course.stage or course.status, "a possible move", str(error))]
            raise Invalid(attrs.evolve(one, path=PATHS.get(one.path, one.path)) for one in found) from error

    def _begun(self, course: Course, said: Mapping[str, Any], context: Context[SalesRules]) -> list[Change[Any]]:
        """The changes that make a deal's record with its history. Without a name it is called by its id elsewhere."""
        *_, id = (value for name, value in said.items() if name.startswith("external."))
        made = self.ready(begun(course, context, name=id))
        if course.closed_at is None:
            return [made]
        closing = attrs.evolve(context, at=course.closed_at)
        return [made, self.ready(closed(applied(self.kind, None, made), closing, course=course))]

    def _told(self, course: Course, known: Opportunity, context: Context[SalesRules]) -> list[Change[Any]]:
        """The changes between a deal's record and what is told of it, each on top of the one before."""
        if not steps(course, known, self.differing(known, course.fields), context.at, self.revise):
            return []
        history = self.front.store.changes(kind=self.kind.name, id=known.id)
        opened = [change.at for change in history if change.sets.get("status") == "open"]
        closing = course.closed_at if known.status == "open" else None
        at = self.front.backdated if closing is None else max(closing, *opened)
        then = attrs.evolve(context, at=at or context.at)
        record = known if at is None else record_then(self.kind, history, known, at)
        done: list[Change[Any]] = []
        for move, arguments in steps(course, record, self.differing(record, course.fields), min(opened), self.revise):
            change = self.ready(move(record, then, **arguments))
            if at is not None:
                self._check_past(change)
            record = applied(self.kind, record, change)
            done.append(change)
        return done
