"""What a model expects for every history a customer of one age can have: repeat purchases by recency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.bgbb import BGBB
from crmcore.analytics.clv.fit import Fit
from crmcore.analytics.clv.transactions_model import TransactionsModel
from crmcore.analytics.clv.unit import Span, Unit, units_in
from crmcore.analytics.results import Section, Tabular
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HistoryMatrix", "expected_purchases_matrix", "p_alive_matrix"]

STEPS = 52
WRITTEN = 10  # rows and columns of a matrix as text


@attrs.frozen(kw_only=True, repr=False, str=False)
class HistoryMatrix(Tabular):
    """A figure for every history of customers of one age: x repeat purchases, the last of them at t_x.

    Attributes:
        name: The figure: ``"p_alive"`` or ``"conditional_expected_purchases"``.
        x: The repeat purchases of each column.
        t_x: The age at the last purchase of each row, in the model's unit.
        values: The figures, row by row; None where no customer can have such a history.
        one_time: The figure for customers without a repeat purchase, whose t_x is 0.
        T: The age of all of them, in the model's unit.
        t: The time ahead that purchases are expected in, in the model's unit; None for P(alive).
        unit: What time is counted in; None where nobody said.
    """

    name: str
    x: tuple[int, ...]
    t_x: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]
    one_time: float
    T: float
    t: float | None
    unit: Unit | None

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a history, those of one-time buyers first."""
        histories = [(0, 0.0), *((x, t_x) for t_x in self.t_x for x in self.x)]
        figures = [self.one_time, *(value for row in self.values for value in row)]
        return [
            {"x": x, "t_x": t_x, "T": self.T, self.name: value}
            for (x, t_x), value in zip(histories, figures, strict=True)
            if value is not None
        ]

    def sections(self) -> Sequence[Section]:
        """A part of the matrix, the latest purchases on top."""
        across, down = -(-len(self.x) // WRITTEN), -(-len(self.t_x) // WRITTEN)
        part = list(zip(self.t_x, self.values, strict=True))[down - 1 :: down]
        rows = [
            (f"{t_x:,.2f}", *("–" if value is None else f"{value:.3f}" for value in row[::across]))
            for t_x, row in reversed(part)
        ]
        title = f"{self.name} at T = {self.T:g}, t_x downwards, x to the right; one-time buyers: {self.one_time:.3f}"
        return (Section(title, ("t_x", *map(str, self.x[::across])), tuple(rows)),)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The matrix as a picture: x to the right, t_x upwards.

        Args:
            ax: The Axes to draw on; by default new ones.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.clv.matrix_plot import draw_matrix

        share = self.t is None
        one_time = f"{self.one_time:.0%}" if share else f"{self.one_time:.2g}"
        what = "P(alive)" if self.t is None else f"Purchases expected in {self._time(self.t)}"
        return draw_matrix(
            self.values,
            self.t_x,
            ax,
            title=f"{what} at an age of {self._time(self.T)}\n(one-time buyers, x = 0: {one_time})",
            label="P(alive)" if share else "purchases expected",
            unit=f"{self.unit}s" if self.unit else "",
            share=share,
        )

    def _time(self, time: float) -> str:
        return f"{time:.4g} {self.unit}s" if self.unit else f"{time:.4g}"

    def __repr__(self) -> str:
        return f"<HistoryMatrix of {self.name}: x 1 to {self.x[-1]}, t_x to {self.t_x[-1]:g}, T {self.T:g}>"


def p_alive_matrix(model: TransactionsModel | BGBB | Fit[Any], T: Span, *, max_x: int = 20) -> HistoryMatrix:
    """P(alive) for every history that customers of one age can have.

    Args:
        model: A model of when customers buy, or the fit of one.
        T: The age of the customers, in the model's unit, or as text: ``"39 weeks"``; in opportunities for BG/BB.
        max_x: The most repeat purchases to look at.

    Raises:
        Invalid: It is no such model, or an argument does not fit.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, p_alive_matrix
        >>> matrix = p_alive_matrix(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week"), 39, max_x=12)
        >>> matrix
        <HistoryMatrix of p_alive: x 1 to 12, t_x to 39, T 39>
        >>> round(matrix.values[25][1], 3)  # x = 2, t_x = 19.5
        0.531
    """
    found = _model(model)
    return _matrix("p_alive", found, T, max_x, found.p_alive)


def expected_purchases_matrix(
    model: TransactionsModel | BGBB | Fit[Any],
    t: Span,
    T: Span,
    *,
    max_x: int = 20,
) -> HistoryMatrix:
    """The purchases expected in a time ahead, for every history that customers of one age can have.

    Args:
        model: A model of when customers buy, or the fit of one.
        t: The time ahead, in the model's unit, or as text: ``"12 months"``.
        T: The age of the customers, likewise; in opportunities for BG/BB.
        max_x: The most repeat purchases to look at.

    Raises:
        Invalid: It is no such model, or an argument does not fit.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, expected_purchases_matrix
        >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> matrix = expected_purchases_matrix(model, t="3 months", T="39 weeks", max_x=12)
        >>> round(matrix.one_time, 3)
        0.07
    """
    found = _model(model)
    ahead = units_in(found.unit, t, "t")

    def figure(x: Any, t_x: Any, age: Any) -> Any:
        return found.conditional_expected_purchases(ahead, x, t_x, age)

    return attrs.evolve(_matrix("conditional_expected_purchases", found, T, max_x, figure), t=ahead)


def _model(model: object) -> TransactionsModel | BGBB:
    found = model.model if isinstance(model, Fit) else model
    if not isinstance(found, TransactionsModel | BGBB):
        expected = "a model of when customers buy"
        raise Invalid(
            [Problem("model", type(model).__name__, expected, "give BGNBD(…), ParetoNBD(…), or the fit of one")]
        )
    return found


def _matrix(
    name: str,
    model: TransactionsModel | BGBB,
    T: Span,
    max_x: int,
    figure: Callable[[Any, Any, Any], Any],
) -> HistoryMatrix:
    if type(max_x) is not int or not 0 < max_x <= 1000:
        expected = "a whole number of purchases from 1 to 1,000"
        raise Invalid([Problem("max_x", max_x, expected, "say max_x=20")])
    age = units_in(model.unit, T, "T")
    counts, ages = tuple(range(1, max_x + 1)), _ages(model, age)
    histories = [(x, t_x) for t_x in ages for x in counts]
    legal = [history for history in histories if model.RULE.legal(*history, age)]
    values = figure([x for x, _ in legal], [t_x for _, t_x in legal], [age] * len(legal))
    known = dict(zip(legal, values, strict=True))
    return HistoryMatrix(
        name=name,
        x=counts,
        t_x=ages,
        values=tuple(tuple(known.get((x, t_x)) for x in counts) for t_x in ages),
        one_time=figure(0, 0, age),
        T=age,
        t=None,
        unit=model.unit,
    )


def _ages(model: TransactionsModel | BGBB, age: float) -> tuple[float, ...]:
    """The ages at a last purchase: of a model in opportunities each of them, else evenly spaced ones."""
    if isinstance(model, BGBB):
        return tuple(float(opportunity) for opportunity in range(1, int(age) + 1))
    return tuple(age * step / STEPS for step in range(1, STEPS + 1))
