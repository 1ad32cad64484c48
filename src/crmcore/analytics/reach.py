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

    def cohort(self) -> list[int]:
        """The depth at the as-of of each deal opened in the period; -1 for the others."""
        depths = self._depths(self.scope.at)
        if self.scope.all_time:
            return depths
        opened = map(self.scope.holds, self.deals.opened.micros)
        return [depth if counts else NOWHERE for depth, counts in zip(depths, opened, strict=True)]

    def snapshot(self) -> list[int]:
        """The depth at the period's end of each deal that was opened, entered a stage or closed in it; or -1."""
        if self.scope.all_time:
            return self._depths(self.scope.at)
        holds = self.scope.holds
        entering = {row for row, _, entered, *_ in self.told if holds(entered)}
        depths = self._depths(min(self.scope.at, self.scope.end - 1))
        dates = zip(depths, self.deals.opened.micros, self.deals.closed.micros, strict=True)
        return [
            depth if row in entering or holds(opened) or holds(closed) else NOWHERE
            for row, (depth, opened, closed) in enumerate(dates)
        ]

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
