"""Repeat business: how many customers buy again, and after how long."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.quantiles import quantile
from crmcore.analytics.retention.purchases import read_purchases

if TYPE_CHECKING:
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["PurchaseInterval", "purchase_interval", "repeat_rate"]


@attrs.frozen
class PurchaseInterval:
    """How many days customers let pass from one purchase day to their next.

    Attributes:
        mean: The mean, in days.
        median: The median (type 7), in days.
        n: How many intervals these are of.
        customers: How many customers have one: those with two purchase days or more.
    """

    mean: float
    median: float
    n: int
    customers: int

    def __str__(self) -> str:
        """Mean, median and number."""
        return f"{self.mean:,.2f} days mean, {self.median:,.1f} median, n {self.n:,}"


def repeat_rate(
    purchases: Source,
    *,
    end: datetime | date | str | None = None,
    customer: str = "customer",
    at: str = "at",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> float | None:
    """The share of customers who bought on two days or more.

    Args:
        purchases: One row a purchase: records, mappings, a mapping of columns, a CSV path or a DataFrame. Leave
            returns out.
        end: The last instant looked at, a bare date meaning its end; by default all that is there.
        customer: The column of the customer.
        at: The column of the date or instant of the purchase. Purchases of one day are one.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Returns:
        Customers with two purchase days or more / customers with one or more, a fraction; None when nobody bought.

    Raises:
        Invalid: Everything that is wrong with the table: rows, columns and mends.

    Example:
        >>> from crmcore.analytics.retention import repeat_rate
        >>> rows = [("ada", "2026-01-05"), ("ada", "2026-02-05"), ("bob", "2026-01-09"), ("bob", "2026-01-09")]
        >>> repeat_rate([{"customer": who, "at": day} for who, day in rows])
        0.5
    """
    told = read_purchases(purchases, {"customer": customer, "at": at}, end=end, zone=zone, date_format=date_format)
    days = [len(days) for days in told.by_customer().values()]
    return sum(count > 1 for count in days) / len(days) if days else None


def purchase_interval(
    purchases: Source,
    *,
    end: datetime | date | str | None = None,
    customer: str = "customer",
    at: str = "at",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> PurchaseInterval | None:
    """How long customers take from one purchase day to their next, over all of them.

    Args:
        purchases: As ``repeat_rate`` takes them.
        end: As there.
        customer: As there.
        at: As there.
        zone: As there.
        date_format: As there.

    Returns:
        Mean and median days between consecutive purchase days of a customer; None when nobody bought on two days.

    Raises:
        Invalid: Everything that is wrong with the table: rows, columns and mends.

    Example:
        >>> from crmcore.analytics.retention import purchase_interval
        >>> rows = [("ada", "2026-01-05"), ("ada", "2026-01-15"), ("ada", "2026-02-14"), ("bob", "2026-01-09")]
        >>> print(purchase_interval([{"customer": who, "at": day} for who, day in rows]))
        20.00 days mean, 20.0 median, n 2
    """
    told = read_purchases(purchases, {"customer": customer, "at": at}, end=end, zone=zone, date_format=date_format)
    repeaters = [days for days in told.by_customer().values() if len(days) > 1]
    intervals = [after - before for days in repeaters for before, after in pairwise(days)]
    median = quantile(intervals, 0.5)
    if median is None:
        return None
    return PurchaseInterval(float(Fraction(sum(intervals), len(intervals))), median, len(intervals), len(repeaters))
