"""The table of subscriptions, read: who is served from which day to which, and for how much a month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.amounts import in_one_currency, read_amounts
from crmcore.analytics.cells import LAST, Misfit, flag, is_missing, read, read_instants, read_keys
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.retention.days import NEVER, local_days
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["Subscriptions", "check_names", "draw", "read_days", "read_subscriptions", "rejected"]

TABLE = "subscriptions"
ALSO = {"start": "started_on", "end": "ended_on"}
"""What the days are called in records of subscriptions."""

MONTHLY = {
    "week": (521_775, 120_000),
    "month": (1, 1),
    "quarter": (1, 3),
    "year": (1, 12),
}
"""By what an amount is multiplied and divided to be one a month: a year has 52.1775 weeks."""

SPELLINGS = {
    **{interval: interval for interval in MONTHLY},
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
    "annual": "year",
    "annually": "year",
}


@attrs.frozen(eq=False)
class Subscriptions:
    """Subscriptions as columns of one length.

    Attributes:
        customers: Who is served.
        starts: The first day served.
        ends: The first day not served; ``NEVER`` while it runs.
        monthly: What each is worth a month, in minor units; None where a subscription says no amount, and None for
            all where the table has none.
        currency: The currency of the amounts.
        group: What each is grouped by; empty when nothing was asked for.
    """

    customers: list[Any]
    starts: list[int]
    ends: list[int]
    monthly: list[int | None] | None
    currency: str | None
    group: list[object]


def check_names(names: Mapping[str, str | None], optional: tuple[str, ...] = (), *, rates: object = None) -> None:
    """Refuse names of columns that are no text, and rates that are none.

    Raises:
        Invalid: One of them is not what it should be.
    """
    problems = [
        Problem(role, name, "the name of a column", "give text")
        for role, name in names.items()
        if not isinstance(name, str) and (name is not None or role not in optional)
    ]
    if not isinstance(rates, Rates | None):
        problems.append(Problem("rates", rates, "exchange rates", "give Rates([Rate(…), …])"))
    if problems:
        raise Invalid(problems)


def draw(source: Source, names: Mapping[str, str | None], by: str | None) -> Columns:
    """The columns of a table of subscriptions.

    Args:
        source: The table.
        names: What each column is called, by role; None for one that is not wanted.
        by: What to group by.

    Raises:
        Invalid: It is no table, or a column is missing.
    """
    wanted = [Wanted(role, name, required=role == "customer") for role, name in names.items() if name is not None]
    wanted += [Wanted(alias, alias) for role, alias in ALSO.items() if names[role] == role]
    if by is not None:
        wanted.append(Wanted("group", by, required=True, mend='say by="…" with the name of a column'))
    return columns_of(source, wanted, TABLE)


def read_subscriptions(
    columns: Columns,
    *,
    zone: ZoneInfo,
    date_format: str | None,
    currency: str | None,
    rates: Rates | None,
    rates_of: date,
) -> Subscriptions:
    """Read subscriptions.

    Args:
        columns: As ``draw`` drew them.
        zone: The zone whose days count.
        date_format: How text dates are written; None means ISO 8601.
        currency: What bare amounts are in, and what all are converted to.
        rates: Dated exchange rates.
        rates_of: The day whose rates hold for all.

    Raises:
        MixedCurrency: Amounts of several currencies, and no rates.
        Invalid: Everything that is wrong with the table.
    """
    first, last = _roles(columns)
    problems: list[Problem] = []
    customers = read_keys(columns, "customer", problems)
    starts = read_days(columns, first, zone, date_format, problems)
    ends = read_days(columns, last, zone, date_format, problems, ending=True)
    rejected(columns, "customer", customers, "a customer", problems)
    rejected(columns, first, starts, "the first day served", problems)
    _check_order(columns, last, starts, ends, problems)
    amounts = read_amounts(columns, "amount", currency, problems) if "amount" in columns.cells else None
    intervals = None if amounts is None else _intervals(columns, amounts, problems)
    group = read_keys(columns, "group", problems) if "group" in columns.cells else []
    if problems:
        raise Invalid(problems)
    monthly: list[int | None] | None = None
    if amounts is not None:
        minor, currency = in_one_currency(columns, amounts, currency, rates, lambda _: rates_of)
        monthly = _monthly(columns, minor, intervals)
    days = [day or 0 for day in starts], [NEVER if day is None else day for day in ends]
    return Subscriptions(customers, *days, monthly, currency, group)


def _roles(columns: Columns) -> tuple[str, str]:
    """Which columns hold the first day served and the first not served."""
    found, problems = [], []
    for role, alias in ALSO.items():
        found.append(alias if alias in columns.cells and role not in columns.cells else role)
        if found[-1] not in columns.cells and columns.length:
            mend = f'say {role}="…" with the name it has'
            mend += ", None in it for those that still run" if role == "end" else ""
            problems.append(Problem(f"{TABLE} columns", None, f'a column "{role}" or "{alias}"', mend))
    if problems:
        raise Invalid(problems)
    return found[0], found[1]


def read_days(
    columns: Columns,
    role: str,
    zone: ZoneInfo,
    date_format: str | None,
    problems: list[Problem],
    *,
    ending: bool = False,
) -> list[int | None]:
    """A column of dates or instants as days; of endings, a date that stands for never is ``NEVER``."""
    micros = read_instants(columns, role, zone, date_format, problems).micros
    days = local_days(micros, zone)
    if not ending:
        return days
    return [NEVER if micro is not None and micro >= LAST else day for micro, day in zip(micros, days, strict=True)]


def rejected(columns: Columns, role: str, values: Sequence[object], expected: str, problems: list[Problem]) -> None:
    """Say in which rows a cell is missing that every row needs; those that could not be read are told of already."""
    if None in values:
        cells = columns.cells[role]
        rows = [row for row, value in enumerate(values) if value is None and is_missing(cells[row])]
        flag(columns, role, rows, Misfit(expected, "fill it in, or drop the row"), problems)


def _check_order(
    columns: Columns, role: str, starts: list[int | None], ends: list[int | None], problems: list[Problem]
) -> None:
    early = [
        row
        for row, (start, end) in enumerate(zip(starts, ends, strict=True))
        if start is not None and end is not None and end < start
    ]
    flag(columns, role, early, Misfit("a day not before the first day served", "correct one of the two"), problems)


def _intervals(columns: Columns, amounts: Sequence[object], problems: list[Problem]) -> list[str | None] | None:
    """What each amount is paid for; None where there is no such column."""
    if "interval" not in columns.cells:
        return None
    misfit = Misfit(f"one of {', '.join(MONTHLY)}", "say how often the amount is paid")

    def interval(cell: object) -> str | Misfit | None:
        found = SPELLINGS.get(cell.strip().casefold()) if isinstance(cell, str) else None
        return None if is_missing(cell) else found or misfit

    found = read(columns, "interval", interval, problems)
    cells = columns.cells["interval"]
    silent = [row for row, told in enumerate(found) if told is None and is_missing(cells[row])]
    flag(columns, "interval", [row for row in silent if amounts[row] is not None], misfit, problems)
    return found


def _monthly(columns: Columns, minor: list[int | None], intervals: list[str | None] | None) -> list[int | None]:
    """Amounts a month, each rounded half-even to minor units, so that the parts of any sum re-add."""
    negative = [row for row, amount in enumerate(minor) if amount is not None and amount < 0]
    if negative:
        problems: list[Problem] = []
        flag(columns, "amount", negative, Misfit("0 or more", "leave credits and refunds out"), problems)
        raise Invalid(problems)
    if intervals is None:
        return minor
    return [
        None if amount is None else _a_month(amount, *MONTHLY[str(interval)])
        for amount, interval in zip(minor, intervals, strict=True)
    ]


def _a_month(amount: int, times: int, parts: int) -> int:
    """An amount that is not below 0, multiplied and divided, and rounded half-even."""
    whole, rest = divmod(amount * times, parts)
    return whole + (2 * rest + whole % 2 > parts)
