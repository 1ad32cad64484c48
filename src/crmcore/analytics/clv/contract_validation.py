"""How well a contractual model describes customers: the share that is left after each renewal, and that expected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.contractual import ContractModel
from crmcore.analytics.clv.fitted_model import the_model
from crmcore.analytics.clv.survivors import read_survivors, renewals
from crmcore.analytics.results import Section, Tabular, percent, written
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SurvivorTable", "survivor_table"]

FARTHEST = 10_000


@attrs.frozen
class SurvivorTable(Tabular):
    """The share of customers that is left after each renewal, and that expected; columns of one length.

    Attributes:
        model: What the model is called: ``"SBG"``.
        t: After which renewal; 0 is the beginning.
        actual: The share that is left, of all cohorts that were seen at that renewal; None after the last.
        expected: The share the model expects to be left.
    """

    model: str
    t: tuple[int, ...]
    actual: tuple[float | None, ...]
    expected: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.t)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a renewal."""
        rows = zip(self.t, self.actual, self.expected, strict=True)
        return [{"t": t, "actual": actual, "expected": expected} for t, actual, expected in rows]

    def sections(self) -> Sequence[Section]:
        """The table."""
        rows = zip(self.t, self.actual, self.expected, strict=True)
        cells = tuple((written(t), percent(actual), percent(expected)) for t, actual, expected in rows)
        return (Section(f"customers left, actual and by {self.model}", ("t", "actual", "expected"), cells),)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The table as a picture: a mark for what was seen, a line for what is expected.

        Args:
            ax: The Axes to draw on, beside the lines of other models; by default new ones.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.clv.validation_plots import draw_survivors

        return draw_survivors(self.t, self.actual, self.expected, ax, model=self.model)


def survivor_table(model: Any, survivors: object, *, until: int | None = None) -> SurvivorTable:
    """Compare the share of customers left after each renewal with that expected.

    Args:
        model: SBG or BdW, or a fit of one.
        survivors: How many customers there were at first and after each renewal, as ``fit`` takes them.
        until: The last renewal to tell, which may lie ahead; by default the last that was seen.

    Raises:
        Invalid: It is no such model, numbers of customers can't be, or ``until`` is no whole number up to 10,000.

    Source: P. S. Fader and B. G. S. Hardie, How to project customer retention, 2007, figure 4.

    Example:
        >>> from crmcore.analytics.clv.contractual import SBG
        >>> from crmcore.analytics.clv.contract_validation import survivor_table
        >>> print(survivor_table(SBG(alpha=0.668, beta=3.806), [1000, 869, 743], until=3))
        customers left, actual and by SBG
          t   actual  expected
          0  100.00%   100.00%
          1   86.90%    85.07%
          2   74.30%    74.69%
          3        –    66.98%
    """
    known = the_model(model, "survival")
    if not isinstance(known, ContractModel):
        expected = "a model of customers under contract"
        raise Invalid([Problem("model", type(known).__name__, expected, "give SBG(…) or BdW(…), or the fit of one")])
    shares = [stayed / (stayed + left) for _, stayed, left in renewals(read_survivors(survivors))]
    last = len(shares) if until is None else until
    if type(last) is not int or not 0 <= last <= FARTHEST:
        expected = f"a whole number of renewals, 0 to {FARTHEST:,}"
        raise Invalid([Problem("until", until, expected, "leave it out for the last that was seen")])
    seen = list(accumulate(shares, mul, initial=1.0))
    return SurvivorTable(
        model=type(known).__name__,
        t=tuple(range(last + 1)),
        actual=tuple(seen[t] if t < len(seen) else None for t in range(last + 1)),
        expected=tuple(known.survival(list(range(last + 1)))),
    )
