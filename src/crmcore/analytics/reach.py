"""Which stages each deal has reached, by an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.deals import WON

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from crmcore.analytics.deals import Deals
    from crmcore.analytics.scope import Scope
    from crmcore.analytics.visits import Visit

__all__ = ["NOWHERE", "Reach"]

NOWHERE = -1  # the depth of a deal that is not looked at


@attrs.frozen(eq=False, kw_only=True)
class Reach:
    """How deep deals have come: the place of the deepest open stage reached, or for won deals one more.

    Attributes:
        deals: The deals.
        present: Whether each is there at the as-of.
        still_open: The rows of those that closed only later: what they say of themselves is hindsight.
        told: Their visits up to the as-of.
        won: The depth of a won deal: the number of open stages.
        scope: Which instants count.
    """

    deals: Deals
    present: Sequence[bool]
    still_open: Collection[int]
    told: Sequence[Visit]
    won: int
    scope: Scope

    def both(self) -> tuple[list[int], list[int]]:
        """For the cohort and for the snapshot: the depth of each deal in it; -1 for the others.

        The cohort is the deals opened in the period, as of the as-of. The snapshot is the deals that were opened,
        entered a stage or closed in the period, as of its end.
        """
        by_now, scope = self._depths(self.scope.at), self.scope
        if scope.all_time:
            return by_now, by_now
        opened = [scope.holds(instant) for instant in self.deals.opened.micros]
        closed = [scope.holds(instant) for instant in self.deals.closed.micros]
        entering = {row for row, _, entered, *_ in self.told if scope.holds(entered)}
        by_end = self._depths(min(scope.at, scope.end - 1))
        rows = range(len(by_now))
        cohort = [by_now[row] if opened[row] else NOWHERE for row in rows]
        snapshot = [by_end[row] if opened[row] or closed[row] or row in entering else NOWHERE for row in rows]
        return cohort, snapshot

    def _depths(self, cut: int) -> list[int]:
        """By an instant: what the history shows by then; what a deal says of itself holds now, or from its closing."""
        depths = [0 if present else NOWHERE for present in self.present]
        for row, place, entered, *_ in self.told:
            if entered <= cut and NOWHERE < depths[row] < place:
                depths[row] = place
        deals = self.deals
        for row, (outcome, stage, closed) in enumerate(
            zip(deals.outcome, deals.place, deals.closed.micros, strict=True)
        ):
            says = self.won if outcome == WON else stage
            holds = cut == self.scope.at or (closed is not None and closed <= cut)
            if says is not None and holds and NOWHERE < depths[row] < says and row not in self.still_open:
                depths[row] = says
        return depths
