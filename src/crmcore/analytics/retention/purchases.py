"""The table of purchases, read: who bought on which day, and for how much."""

from __future__ import annotations

from datetime import date, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, cast

import attrs

from crmcore.analytics.amounts import in_one_currency, read_amounts
from crmcore.analytics.cells import checked_format, read_keys
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.results import Provenance
from crmcore.analytics.retention.days import day_at, end_of
from crmcore.analytics.retention.purchase_days import PurchaseDays
from crmcore.analytics.retention.subscriptions import check_names, read_days, rejected
from crmcore.kernel import calendar
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source
    from crmcore.kernel.rates import Rates

__all__ = ["Purchases", "purchases_in", "read_purchases"]

TABLE = "purchases"


@attrs.frozen(eq=False)
class Purchases:
    """Purchases up to an end, as columns of one length.

    Attributes:
        customers: Every customer once.
        codes: Who bought: the place among the customers.
        days: On which day.
        minor: For how much, in minor units; None where it is not known, and for all where nobody asked.
        made: How results are made of them.
        known: The last day that is known of.
    """

    customers: list[Any]
    codes: list[int]
    days: list[int]
    minor: list[int | None] | None
    made: Provenance
    known: int

    def only(self, rows: list[int]) -> Purchases:
        """Some of them."""
        return attrs.evolve(
            self,
            codes=[self.codes[row] for row in rows],
            days=[self.days[row] for row in rows],
            minor=None if self.minor is None else [self.minor[row] for row in rows],
        )

    def by_customer(self) -> dict[object, list[int]]:
        """The purchase days of each customer, each day once, in order."""
        return {self.customers[code]: days for code, days in PurchaseDays.of(self.codes, self.days)}


def read_purchases(
    source: Source,
    names: Mapping[str, str | None],
    *,
    end: datetime | date | str | None,
    path: str = "end",
    zone: str | ZoneInfo,
    date_format: str | None,
    currency: str | None = None,
    rates: Rates | None = None,
) -> Purchases:
    """Read a table of purchases.

    Args:
        source: The table.
        names: What each column is called, by role: ``customer``, ``at`` and, where revenue is asked for, ``amount``.
        end: The last instant that is looked at, a bare date meaning its end; None for all there is.
        path: What the caller calls it.
        zone: The time zone whose days count.
        date_format: How text dates are written; None means ISO 8601.
        currency: What bare amounts are in.
        rates: Dated exchange rates; those of the day of a purchase hold.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with the table.
    """
    check_names(names, optional=("amount",), rates=rates)
    wanted = [Wanted(role, name, required=True) for role, name in names.items() if name is not None]
    columns = columns_of(source, wanted, TABLE)
    return purchases_in(
        columns, end=end, path=path, zone=calendar.zone(zone), date_format=date_format, currency=currency, rates=rates
    )


def purchases_in(
    columns: Columns,
    *,
    end: datetime | date | str | None,
    path: str = "end",
    zone: ZoneInfo,
    date_format: str | None,
    currency: str | None = None,
    rates: Rates | None = None,
) -> Purchases:
    """Read purchases from their columns, as ``read_purchases`` does."""
    format_ = checked_format(date_format)
    problems: list[Problem] = []
    keys = read_keys(columns, "customer", problems)
    days = read_days(columns, "at", zone, format_, problems)
    rejected(columns, "customer", keys, "a customer", problems)
    rejected(columns, "at", days, "the day of the purchase", problems)
    amounts = read_amounts(columns, "amount", currency, problems) if "amount" in columns.cells else None
    if problems:
        raise Invalid(problems)
    bought = cast("list[int]", days)
    minor: list[int | None] | None = None
    if amounts is not None:
        minor, currency = in_one_currency(columns, amounts, currency, rates, lambda row: date.fromordinal(bought[row]))
    latest = max(bought, default=0)
    known = latest if end is None else day_at(end, zone, path)
    made = Provenance(
        at=end_of(known, zone) if known else None,
        at_given=end is not None,
        period=None,
        zone=zone.key,
        currency=None if minor is None else currency,
    )
    numbered = dict(zip(dict.fromkeys(keys), count()))
    told = Purchases(list(numbered), list(map(numbered.__getitem__, keys)), bought, minor, made, known)
    return told if latest <= known else _until(told, known)


def _until(told: Purchases, known: int) -> Purchases:
    rows = [row for row, day in enumerate(told.days) if day <= known]
    exclusions = FrozenMap({"purchases after the end": len(told.days) - len(rows)})
    return attrs.evolve(told.only(rows), made=attrs.evolve(told.made, exclusions=exclusions))
