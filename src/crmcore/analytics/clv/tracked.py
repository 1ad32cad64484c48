"""Purchases period by period: those that were made beside those a model expects."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from math import ceil, fsum
from operator import sub
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.fitted_model import the_model
from crmcore.analytics.clv.purchase_days import NEVER, PurchaseDays, histories, purchase_days
from crmcore.analytics.clv.summarizing import Window, acquired_in
from crmcore.analytics.clv.transactions import EPOCH_DAY, Returns, listed, read_transactions
from crmcore.analytics.clv.unit import Unit, UnitName
from crmcore.analytics.results import Section, Tabular, written
from crmcore.kernel import calendar
from crmcore.kernel.calendar import Period
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from matplotlib.axes import Axes

    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.columns import Source

__all__ = ["Tracking", "tracking"]


@attrs.frozen
class Tracking(Tabular):
    """Repeat purchases period by period; columns of one length.

    Attributes:
        period: 1 for the period that begins with the first purchase of all, 2 for the next.
        end: The last day of each.
        actual: Repeat purchases made in it.
        expected: Repeat purchases the model expects in it.
        cumulative_actual: Those made until its end.
        cumulative_expected: Those expected until its end.
        customers: How many customers are followed.
        calibration_end: The last day the model was calibrated on; None where that was not said.
        unit: How long a period is.
    """

    period: tuple[int, ...]
    end: tuple[date, ...]
    actual: tuple[int, ...]
    expected: tuple[float, ...]
    cumulative_actual: tuple[int, ...]
    cumulative_expected: tuple[float, ...]
    customers: int
    calibration_end: date | None
    unit: Unit

    def __len__(self) -> int:
        return len(self.period)

    def __repr__(self) -> str:
        return f"<Tracking: {self.customers:,} customers over {len(self)} periods of a {self.unit}>"

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a period."""
        names = ("period", "end", "actual", "expected", "cumulative_actual", "cumulative_expected")
        columns = (getattr(self, name) for name in names)
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def sections(self) -> Sequence[Section]:
        """The table."""
        rows = self.to_dicts()
        headings = ("period", "end", "actual", "expected", "cumulative_actual", "cumulative_expected")
        return (Section("repeat purchases", headings, tuple(tuple(map(written, row.values())) for row in rows)),)

    def plot(self, ax: Axes | None = None, *, cumulative: bool = False) -> Axes:
        """The table as a picture: a line for each of actual and expected.

        Args:
            ax: The Axes to draw on; by default new ones.
            cumulative: Whether to draw those made until each day, and not those of each period.

        Returns:
            The Axes.

        Raises:
            Invalid: matplotlib is not installed.
        """
        from crmcore.analytics.clv.validation_plots import draw_tracking

        title = "Repeat purchases until each day" if cumulative else f"Repeat purchases of each {self.unit}"
        made = self.cumulative_actual if cumulative else self.actual
        expected = self.cumulative_expected if cumulative else self.expected
        return draw_tracking(
            self.end, made, expected, ax, title=title, unit=str(self.unit), calibration_end=self.calibration_end
        )


def tracking(
    model: Any,
    transactions: Source,
    *,
    end: date | datetime | str,
    calibration_end: date | datetime | str | None = None,
    period: UnitName | None = None,
    acquired: Period | str | None = None,
    returns: Returns = "net",
    zone: str | ZoneInfo = "UTC",
    customer: str = "customer",
    at: str = "at",
    amount: str | None = "amount",
    date_format: str | None = None,
    engine: EngineName | None = None,
) -> Tracking:
    """Follow the repeat purchases of customers, and those a model expects, from the day each was won.

    The first period begins with the first purchase of all. A period that does not end by ``end`` is left out.

    Args:
        model: A model of when customers buy, with its unit, or a fit of one.
        transactions: As ``summarize`` takes them.
        end: The last day that counts: a date, or an instant, which stands for its day in ``zone``.
        calibration_end: Only customers won by then are followed; by default all.
        period: How long a period is; by default the model's unit.
        acquired: Only customers whose first purchase lies in this period, such as ``"1997-Q1"``.
        returns: What becomes of amounts below 0, as in ``summarize``.
        zone: The time zone whose days are counted, and in which bare dates and naive instants are read.
        customer: The column of who bought.
        at: The column of the date or instant.
        amount: The column of amounts; it may be absent, and None says to ignore it.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.
        engine: "python" or "numpy", which give the same; by default numpy where it is installed and pays.

    Raises:
        Invalid: The model has no unit, or everything that is wrong with the table or an argument.

    Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting Your Customers" the Easy Way, 2005, figure 3.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, tracking
        >>> orders = {"customer": ["ada", "ada", "bob"], "at": ["2026-01-05", "2026-01-13", "2026-01-12"]}
        >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> table = tracking(model, orders, end="2026-01-25")
        >>> table.cumulative_actual, [round(count, 3) for count in table.cumulative_expected]
        ((0, 1, 1), [0.046, 0.142, 0.241])
    """
    known = the_model(model, "expected_purchases")
    if known.unit is None:
        mend = 'give the model its unit, as in unit="week"'
        raise Invalid([Problem("model", "no unit", "a model that knows its unit of time", mend)])
    place = calendar.zone(zone)
    window = Window.of(end, calibration_end, known.unit if period is None else period, acquired, place)
    told = read_transactions(
        transactions, {"customer": customer, "at": at, "amount": amount},
        returns=returns, currency=None, zone=place, date_format=date_format, engine=engine,
    )  # fmt: skip
    bought = purchase_days(told, window.end.toordinal() - EPOCH_DAY)
    births, repeats = _lives(bought, window)
    ends = _ends(min(births), window, bought.start) if births else []
    made = [bisect_right(repeats, day) for day in ends]
    expected = _expected(known, Counter(births), ends)
    return Tracking(
        period=tuple(range(1, len(ends) + 1)),
        end=tuple(date.fromordinal(day + bought.start + EPOCH_DAY) for day in ends),
        actual=tuple(map(sub, made, [0, *made])),
        expected=tuple(map(sub, expected, [0.0, *expected])),
        cumulative_actual=tuple(made),
        cumulative_expected=tuple(expected),
        customers=len(births),
        calibration_end=window.cut if calibration_end is not None else None,
        unit=window.unit,
    )


def _lives(bought: PurchaseDays, window: Window) -> tuple[list[int], list[int]]:
    """The days on which customers were won, and those of their repeat purchases, in order."""
    found = histories(bought, window.cut.toordinal() - EPOCH_DAY - bought.start)
    first = listed(found.first)
    who = acquired_in(window.acquired, found, bought)
    births = [NEVER] * len(first)
    for code in range(len(first)) if isinstance(who, slice) else listed(who):
        births[code] = first[code]
    days = zip(*map(listed, (bought.codes, bought.days, bought.paid)), strict=True)
    repeats = [day for code, day, paid in days if paid and births[code] not in {NEVER, day}]
    return [day for day in births if day != NEVER], sorted(repeats)


def _ends(start: int, window: Window, offset: int) -> list[int]:
    """The last day of each period that ends in time."""
    if window.unit.days < 1:
        raise Invalid([Problem("period", str(window.unit), "a period of a day or more", 'say period="week"')])
    days = window.end.toordinal() - EPOCH_DAY - offset - start + 1
    return [start + ceil(number * window.unit.days) - 1 for number in range(1, int(days / window.unit.days) + 1)]


def _expected(model: Any, births: Counter[int], ends: Sequence[int]) -> list[float]:
    """Repeat purchases expected until each day of customers won on given days."""
    ages = sorted({end - birth for end in ends for birth in births if birth <= end})
    told = model.expected_purchases([age / model.unit.days for age in ages]) if ages else []
    of_age = dict(zip(ages, told, strict=True))
    return [fsum(many * of_age[end - birth] for birth, many in births.items() if birth <= end) for end in ends]
