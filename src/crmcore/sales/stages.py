"""Stage history: how long a deal was where, derived from its changes, so that backdating is safe."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from crmcore.kernel.change import Change
from crmcore.sales.opportunity import Opportunity

__all__ = ["StageHistory", "Visit", "stage_history"]


@attrs.frozen
class Visit:
    """One stay of a deal in one stage.

    Attributes:
        stage: The stage.
        status: The stage's kind: ``"open"``, ``"won"`` or ``"lost"``.
        entered_at: When the deal came.
        left_at: When it left; None while it is there.
    """

    stage: str
    status: str
    entered_at: datetime
    left_at: datetime | None = None

    def duration(self, until: datetime) -> timedelta:
        """How long it lasted, as far as an instant.

        Args:
            until: When to look.
        """
        return max(min(self.left_at or until, until) - self.entered_at, timedelta())


@attrs.frozen
class StageHistory:
    """Every stay of a deal, in order: each begins when the one before ends.

    Attributes:
        visits: The stays.
        known: Whether the stages before the last are known; an imported deal brings only that.
    """

    visits: tuple[Visit, ...]
    known: bool

    def age(self, until: datetime) -> timedelta:
        """How long ago the deal was opened: exactly the sum of its stays.

        Args:
            until: When to look.
        """
        return sum((visit.duration(until) for visit in self.visits), timedelta())

    def time_in(self, stage: str, until: datetime) -> timedelta:
        """How long the deal was in a stage, over all its stays there.

        Args:
            stage: The stage.
            until: When to look.
        """
        return sum((visit.duration(until) for visit in self.visits if visit.stage == stage), timedelta())

    @property
    def last_open_stage(self) -> str | None:
        """The last open stage it was in: for a lost deal, where it was lost."""
        return next((visit.stage for visit in reversed(self.visits) if visit.status == "open"), None)


def stage_history(changes: Iterable[Change[Opportunity]]) -> StageHistory:
    """The stage history of one deal.

    Args:
        changes: Its changes, in any order.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.sales import stage_history
        >>> crm = CRM()
        >>> deal = crm.opportunities.add(name="Roof", amount=12_000)
        >>> deal = crm.opportunities.advance(deal, to="proposal")
        >>> history = stage_history(crm.opportunities.history(crm.opportunities.lose(deal, reason="price")))
        >>> [visit.stage for visit in history.visits], history.last_open_stage
        (['qualification', 'proposal', 'lost'], 'proposal')
    """
    ordered = sorted(changes, key=lambda change: change.order)
    visits: list[Visit] = []
    for change in ordered:
        stage = change.sets.get("stage")
        if stage is None or (visits and visits[-1].stage == stage):
            continue
        if visits:
            visits[-1] = attrs.evolve(visits[-1], left_at=change.at)
        visits.append(Visit(stage, change.sets["status"], change.at))
    return StageHistory(tuple(visits), known=bool(ordered) and ordered[0].what != "imported")
