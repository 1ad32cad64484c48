"""How well a model describes customers: what they did beside what it expects, by count and after the calibration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import fsum
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.fitted_model import the_model
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.analytics.clv.unit import Unit
from crmcore.analytics.results import Section, Tabular, written
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CalibrationTable", "FrequencyTable", "calibration_table", "frequency_table"]


@attrs.frozen
class FrequencyTable(Tabular):
    """How many customers made how many repeat purchases, and how many were expected to; columns of one length.

    Attributes:
        x: How many repeat purchases; the last stands for that many and more.
        actual: How many customers made so many.
        expected: How many the model expects to.
    """

    x: tuple[int, ...]
    actual: tuple[int, ...]
    expected: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.x)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a number of purchases."""
        rows = zip(self.x, self.actual, self.expected, strict=True)
        return [{"x": x, "actual": actual, "expected": expected} for x, actual, expected in rows]

    def sections(self) -> Sequence[Section]:
        """The table."""
        return (_section("customers by repeat purchases", self.to_dicts(), self.x[-1]),)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The table as a picture: two bars for each number of purchases.

        Args:
            ax: The Axes to draw on; by default new ones.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.clv.validation_plots import draw_frequency

        return draw_frequency(self.x, self.actual, self.expected, ax)


@attrs.frozen
class CalibrationTable(Tabular):
    """Purchases in the holdout and those expected, by repeat purchases in the calibration; columns of one length.

    Attributes:
        x: How many repeat purchases in the calibration; the last stands for that many and more.
        customers: How many customers made so many.
        actual: Their mean number of purchases in the holdout; None where there are none.
        expected: What the model expects of them on average, given their history; None where there are none.
        T_holdout: How long the holdout lasts, in the model's unit.
    """

    x: tuple[int, ...]
    customers: tuple[int, ...]
    actual: tuple[float | None, ...]
    expected: tuple[float | None, ...]
    T_holdout: float

    def __len__(self) -> int:
        return len(self.x)

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a number of purchases."""
        names = ("x", "customers", "actual", "expected")
        rows = zip(self.x, self.customers, self.actual, self.expected, strict=True)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def sections(self) -> Sequence[Section]:
        """The table."""
        return (_section("mean purchases in the holdout", self.to_dicts(), self.x[-1]),)

    def plot(self, ax: Axes | None = None) -> Axes:
        """The table as a picture: a line for each of actual and expected.

        Args:
            ax: The Axes to draw on; by default new ones.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.clv.validation_plots import draw_calibration

        return draw_calibration(self.x, self.actual, self.expected, ax)


def frequency_table(model: Any, summary: CustomerSummary, *, last: int = 7) -> FrequencyTable:
    """Compare how many customers made 0, 1, 2, … repeat purchases with how many the model expects to.

    Args:
        model: A model of when customers buy, or a fit of one.
        summary: The customers, in the model's unit.
        last: The row that stands for so many repeat purchases and more.

    Raises:
        Invalid: The summary is in another unit than the model, or an argument is none.

    Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way, 2005, figure 2.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, CustomerSummary, frequency_table
        >>> customers = CustomerSummary.of({"x": [0, 2], "t_x": [0, 3], "T": [39, 39]}, unit="week")
        >>> table = frequency_table(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week"), customers, last=2)
        >>> table.actual, [round(count, 2) for count in table.expected]
        ((1, 0, 1), [1.15, 0.4, 0.45])
    """
    _check(last)
    known = the_model(model, "conditional_expected_purchases", _unit(summary))
    counts = Counter(min(x, last) for x in summary.x)
    ages = Counter(summary.T)
    expected = [
        fsum(chance * ages[age] for age, chance in zip(ages, known.pmf([x] * len(ages), list(ages)), strict=True))
        for x in range(last)
    ]
    return FrequencyTable(
        x=tuple(range(last + 1)),
        actual=tuple(counts[x] for x in range(last + 1)),
        expected=(*expected, max(0.0, len(summary) - fsum(expected))),
    )


def calibration_table(model: Any, summary: CustomerSummary, *, last: int = 7) -> CalibrationTable:
    """Compare purchases in the holdout with those expected of customers given what they did before.

    Args:
        model: A model of when customers buy, or a fit of one.
        summary: Customers summarized with a calibration end, in the model's unit.
        last: The row that stands for so many repeat purchases in the calibration and more.

    Raises:
        Invalid: The summary has no holdout or is in another unit than the model, or an argument is none.

    Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way, 2005, figure 4.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, calibration_table, summarize
        >>> orders = {"customer": ["ada", "ada", "bob"], "at": ["2026-01-05", "2026-03-30", "2026-01-12"]}
        >>> customers = summarize(orders, calibration_end="2026-02-22", end="2026-04-05")
        >>> table = calibration_table(BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week"), customers, last=1)
        >>> table.customers, table.actual, [row and round(row, 3) for row in table.expected]
        ((2, 0), (0.5, None), [0.126, None])
    """
    _check(last)
    known = the_model(model, "conditional_expected_purchases", _unit(summary))
    if summary.x_holdout is None or summary.T_holdout is None:
        mend = "summarize the transactions with calibration_end"
        raise Invalid([Problem("summary", "no holdout", "a summary with a holdout", mend)])
    ahead = known.conditional_expected_purchases(summary.T_holdout, summary.x, summary.t_x, summary.T)
    groups: list[list[int]] = [[] for _ in range(last + 1)]
    for row, x in enumerate(summary.x):
        groups[min(x, last)].append(row)
    return CalibrationTable(
        x=tuple(range(last + 1)),
        customers=tuple(map(len, groups)),
        actual=tuple(_mean(summary.x_holdout, rows) for rows in groups),
        expected=tuple(_mean(ahead, rows) for rows in groups),
        T_holdout=summary.T_holdout,
    )


def _check(last: object) -> None:
    if type(last) is not int or last < 1:
        raise Invalid([Problem("last", last, "a whole number of purchases, 1 or more", "say last=7")])


def _unit(summary: object) -> Unit | None:
    """The unit of the customers, if they are such."""
    if not isinstance(summary, CustomerSummary):
        mend = "give what summarize() made, or CustomerSummary.of(…)"
        raise Invalid([Problem("summary", type(summary).__name__, "a summary of customers", mend)])
    return summary.unit


def _mean(column: Sequence[float], rows: Sequence[int]) -> float | None:
    return fsum(column[row] for row in rows) / len(rows) if rows else None


def _section(title: str, rows: Sequence[dict[str, object]], last: int) -> Section:
    """A table whose last row stands for more than its number."""
    written_out = [(f"{row['x']}{'+' * (row['x'] == last)}", *map(written, list(row.values())[1:])) for row in rows]
    return Section(title, tuple(rows[0]), tuple(written_out))
