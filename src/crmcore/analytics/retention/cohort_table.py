"""Cohorts: customers who began in the same period, and how many of them are active at each age."""

from __future__ import annotations

from datetime import date, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, get_args

import attrs

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.retention.cohort_arrays import counted_at_once, fits
from crmcore.analytics.retention.cohort_counts import CohortCounts, counted
from crmcore.analytics.retention.cohort_grid import Anchor, Grid, Unit
from crmcore.analytics.retention.cohort_result import Cohort, CohortTable
from crmcore.analytics.retention.purchases import Purchases, read_purchases
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source
    from crmcore.kernel.rates import Rates

__all__ = ["cohorts"]

MOST_CELLS = 5_000_000


def cohorts(
    purchases: Source,
    *,
    end: datetime | date | str,
    period: Unit = "month",
    anchor: Anchor = "calendar",
    partial: bool = False,
    customer: str = "customer",
    at: str = "at",
    amount: str | None = None,
    currency: str | None = None,
    rates: Rates | None = None,
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
    engine: EngineName | None = None,
) -> CohortTable:
    """A cohort table: of the customers who first bought in the same period, how many buy at each age.

    A cell is None while its age is not over at the end for every customer of the cohort (right-censored): nobody can
    say yet how many will be active. It is never 0 for that reason.

    Args:
        purchases: One row a purchase: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        end: The last instant looked at, a bare date meaning its end. Later purchases are left out.
        period: How long a period is: ``"day"``, ``"week"`` (from Monday), ``"month"``, ``"quarter"`` or ``"year"``.
        anchor: ``"calendar"``: ages are counted from the cohort's own period to another of the calendar.
            ``"anniversary"``: in whole periods from each customer's own first day, months being counted from it, so
            that a customer of 31 January is a month old on 28 February and two on 31 March.
        partial: Whether to show an age as soon as it has begun for every customer of the cohort; such a cell still
            rises.
        customer: The column of the customer.
        at: The column of the date or instant of the purchase.
        amount: The column of amounts, for revenue: Money, or numbers in ``currency``, in major units. An amount below
            0 is a return: it is taken off the revenue of its day, and is no purchase.
        currency: The ISO 4217 code to report in, and of amounts that are bare numbers.
        rates: Dated exchange rates; those of the day of a purchase hold.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.
        engine: "python" or "numpy", which give the same; by default numpy where it is installed and pays.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with the table or an argument, or the table would have millions of cells.

    Example:
        >>> from crmcore.analytics.retention import cohorts
        >>> rows = [("ada", "2026-01-05"), ("ada", "2026-03-09"), ("bob", "2026-01-20"), ("cyd", "2026-02-02")]
        >>> table = cohorts([{"customer": who, "at": day} for who, day in rows], end="2026-03-31")
        >>> table.cohorts[0].retention
        (1.0, 0.0, 0.5)
        >>> table.cohorts[0].rolling
        (1.0, 0.5, 0.5)
        >>> table.cohorts[1].retention
        (1.0, 0.0, None)
    """
    _check(end, period, anchor, partial)
    names = {"customer": customer, "at": at, "amount": amount}
    told = read_purchases(purchases, names, end=end, zone=zone, date_format=date_format, currency=currency, rates=rates)
    grid = Grid(period, anchor)
    found = _counted(told, grid, engine)
    rows = _rows(found, grid, told, partial=partial)
    made = attrs.evolve(told.made, exclusions=FrozenMap({**told.made.exclusions, **found.exclusions}))
    return CohortTable(unit=period, anchor=anchor, partial=partial, cohorts=rows, made=made)


def _check(end: object, period: object, anchor: object, partial: object) -> None:
    units = get_args(Unit)
    wrong = [
        (end is None, "end", end, "the last day that is looked at", 'say end="2026-03-31"'),
        (period not in units, "period", period, f"one of {', '.join(units)}", 'say period="month"'),
        (anchor not in get_args(Anchor), "anchor", anchor, "calendar or anniversary", 'say anchor="calendar"'),
        (not isinstance(partial, bool), "partial", partial, "True or False", "say partial=False"),
    ]
    problems = [Problem(path, value, expected, mend) for is_wrong, path, value, expected, mend in wrong if is_wrong]
    if problems:
        raise Invalid(problems)


def _counted(told: Purchases, grid: Grid, asked: EngineName | None) -> CohortCounts:
    engine = engine_for(len(told.days), asked)
    if engine.name == "numpy" and fits(told):
        return counted_at_once(engine.m, told, grid)
    return counted(told, grid)


def _rows(found: CohortCounts, grid: Grid, told: Purchases, *, partial: bool) -> tuple[Cohort, ...]:
    """The cohorts, the oldest first, all with as many cells as the longest has ages to show."""
    shown = {number: grid.shown(day, told.known, partial=partial) for number, day in found.latest.items()}
    width = max(shown.values(), default=0)
    if width * len(shown) > MOST_CELLS:
        mend = f"give a longer period than a {grid.unit}, or check the earliest dates"
        expected = f"a table of at most {MOST_CELLS:,} cells"
        raise Invalid([Problem("period", f"{width * len(shown):,} cells", expected, mend)])
    currency = None if told.minor is None else told.made.currency
    return tuple(
        _cohort(found, grid, number, shown[number], width=width, currency=currency) for number in sorted(shown)
    )


def _cohort(found: CohortCounts, grid: Grid, number: int, shown: int, *, width: int, currency: str | None) -> Cohort:
    cells = [(number, age) for age in range(shown)]
    hidden = (None,) * (width - shown)
    stopped = accumulate((found.last.get(cell, 0) for cell in cells[:-1]), initial=0) if cells else ()
    spent = None
    if currency is not None:
        spent = (*(Money.of_minor(found.spent.get(cell, 0), currency) for cell in cells), *hidden)
    return Cohort(
        grid.name(found.latest[number]),
        found.sizes[number],
        (*(found.active.get(cell, 0) for cell in cells), *hidden),
        (*(found.sizes[number] - gone for gone in stopped), *hidden),
        spent,
    )
