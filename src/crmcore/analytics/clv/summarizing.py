"""From transactions to one row a customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from crmcore.analytics.clv.purchase_days import NEVER, Histories, PurchaseDays, histories, purchase_days
from crmcore.analytics.clv.summary import CustomerSummary, Spent
from crmcore.analytics.clv.transactions import EPOCH_DAY, Returns, Transactions, listed, read_transactions
from crmcore.analytics.clv.unit import Unit, UnitName
from crmcore.analytics.results import Provenance
from crmcore.kernel import calendar
from crmcore.kernel.calendar import Period
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.missing import is_missing, unwrapped

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.columns import Source

__all__ = ["Window", "acquired_in", "summarize"]

T = TypeVar("T")


def summarize(
    transactions: Source,
    *,
    end: date | datetime | str,
    unit: UnitName = "week",
    calibration_end: date | datetime | str | None = None,
    acquired: Period | str | None = None,
    returns: Returns = "net",
    currency: str | None = None,
    zone: str | ZoneInfo = "UTC",
    customer: str = "customer",
    at: str = "at",
    amount: str | None = "amount",
    date_format: str | None = None,
    engine: EngineName | None = None,
) -> CustomerSummary:
    """Summarize transactions for customer lifetime value: x, t_x, T and spend of each customer.

    What a customer buys on one day of ``zone`` is one purchase. x counts the days with a purchase after the first,
    t_x and T are whole days divided by the length of a unit. A customer whose first purchase lies after the
    calibration end is left out, as is whatever lies after ``end``; ``made.exclusions`` counts both.

    Args:
        transactions: One row a transaction: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        end: The last day that counts: a date, or an instant, which stands for its day in ``zone``.
        unit: What to count time in: "day", "week", "month" (30.4375 days), "year" (365.25 days), or a timedelta.
        calibration_end: The last day of the calibration; what comes after it, up to ``end``, is the holdout.
        acquired: Only customers whose first purchase lies in this period, such as ``"1997-Q1"``. Where customers may
            be older than the table, a period that begins later than the table leaves out those already seen.
        returns: What becomes of amounts below 0. With "net", a day that comes to 0 or less through them is no
            purchase, though it counts as spend: a customer's first purchase is then a later day, and whoever has none
            is left out. With "exclude" they are left out, with "error" refused. An amount of 0 is a free purchase.
        currency: The ISO 4217 code of amounts that are bare numbers.
        zone: The time zone whose days are counted, and in which bare dates and naive instants are read.
        customer: The column of who bought.
        at: The column of the date or instant.
        amount: The column of amounts: Money, or numbers in major units; it may be absent, and None says to ignore it.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.
        engine: "python" or "numpy", which give the same; by default numpy where it is installed and pays.

    Raises:
        MixedCurrency: Amounts are of several currencies.
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Source: P. S. Fader and B. G. S. Hardie, Creating an RFM Summary Using Excel, 2008.

    Example:
        >>> from crmcore.analytics.clv import summarize
        >>> orders = [
        ...     {"customer": "ada", "at": "2026-01-05", "amount": 15},
        ...     {"customer": "ada", "at": "2026-02-02", "amount": 50},
        ...     {"customer": "bob", "at": "2026-02-09", "amount": 30},
        ... ]
        >>> summary = summarize(orders, unit="week", end="2026-03-02")
        >>> summary.x, summary.t_x, summary.T
        ((1, 0), (4.0, 0.0), (8.0, 3.0))
        >>> summary.mean, summary.spend
        ((50.0, None), (Decimal('65.00'), Decimal('30.00')))
    """
    place = calendar.zone(zone)
    window = Window.of(end, calibration_end, unit, acquired, place)
    told = read_transactions(
        transactions, {"customer": customer, "at": at, "amount": amount},
        returns=returns, currency=currency, zone=place, date_format=date_format, engine=engine,
    )  # fmt: skip
    bought = purchase_days(told, window.end.toordinal() - EPOCH_DAY)
    horizon = window.cut.toordinal() - EPOCH_DAY - bought.start
    found = histories(bought, horizon)
    who = acquired_in(window.acquired, found, bought)
    scale = 10**told.amounts.digits
    read_off = partial(_columns_at_once, bought.engine.m) if bought.engine.name == "numpy" else _columns
    columns = read_off(found, who, horizon, window.unit.days, scale)
    spends, holdout = told.amounts.cells is not None, calibration_end is not None
    x = _plain(columns["x"])
    return CustomerSummary(
        customer=_picked(told.customers, who),
        x=x,
        t_x=_plain(columns["t_x"]),
        T=_plain(columns["T"]),
        mean=_plain(columns["mean"]) if spends else None,
        unit=window.unit,
        currency=told.amounts.currency,
        end=window.end,
        calibration_end=window.cut if holdout else None,
        x_holdout=_plain(columns["x_holdout"]) if holdout else None,
        T_holdout=(window.end - window.cut).days / window.unit.days if holdout else None,
        spent=Spent(_plain(columns["spent"]), told.amounts.digits) if spends else None,
        spent_holdout=Spent(_plain(columns["spent_holdout"]), told.amounts.digits) if spends and holdout else None,
        made=Provenance(
            at=calendar.moment(window.end, zone=place),
            at_given=True,
            period=None,
            zone=place.key,
            currency=told.amounts.currency,
            exclusions=_excluded(told, bought, found, found.started - len(x), window),
        ),
    )


@attrs.frozen
class Window:
    """Which days count, and in what they are counted.

    Attributes:
        end: The last day that counts.
        cut: The last day of the calibration; the end without one.
        unit: What time is counted in.
        acquired: When the first purchase must have been; None for any time.
    """

    end: date
    cut: date
    unit: Unit
    acquired: Period | None

    @classmethod
    def of(cls, end: object, calibration_end: object, unit: object, acquired: object, zone: ZoneInfo) -> Window:
        """The window a caller asks for.

        Args:
            end: The last day that counts.
            calibration_end: The last day of the calibration; None for none.
            unit: What to count time in.
            acquired: A period or its name; None for any time.
            zone: The time zone.

        Raises:
            Invalid: Everything that is wrong with them.
        """
        problems: list[Problem] = []
        cut = end if calibration_end is None else calibration_end
        until = _sound(problems, "end", lambda: _day_of(end, zone))
        calibrated = until if cut is end else _sound(problems, "calibration_end", lambda: _day_of(cut, zone))
        counted = _sound(problems, "unit", lambda: _unit_of(unit))
        cohort = _sound(problems, "acquired", lambda: _period_of(acquired, zone))
        if until and calibrated and calibration_end is not None and calibrated >= until:
            problems.append(
                Problem("calibration_end", calibrated, f"a day before {until}, the end", "move one of them")
            )
        if problems:
            raise Invalid(problems)
        return cls(cast("date", until), cast("date", calibrated), cast("Unit", counted), cohort)


def _sound(problems: list[Problem], path: str, read: Callable[[], T]) -> T | None:
    """What an argument says; what is wrong with it is noted under its name."""
    try:
        return read()
    except Invalid as error:
        problems += [attrs.evolve(problem, path=path) for problem in error.problems]
        return None


def _day_of(value: Any, zone: ZoneInfo) -> date:
    """The day a date or an instant stands for, whatever library it is of; a naive one is of the zone."""
    of_numpy = getattr(getattr(value, "dtype", None), "kind", "") == "M"
    told = value.astype("datetime64[us]").item() if of_numpy else unwrapped(value)
    told = None if is_missing(told) else told
    if isinstance(told, datetime) and told.tzinfo is None:
        return told.date()
    return calendar.today(calendar.moment(cast("date", told), zone=zone), zone)


def _unit_of(value: object) -> Unit:
    if value is None:
        raise Invalid([Problem("unit", None, "a unit of time", 'say unit="week"')])
    return Unit.of(cast("UnitName", value))


def _period_of(value: object, zone: ZoneInfo) -> Period | None:
    return value if value is None or isinstance(value, Period) else calendar.period(cast("str", value), zone=zone)


def acquired_in(cohort: Period | None, found: Histories, bought: PurchaseDays) -> Any:
    """The customers with a purchase by the calibration end, the first of them in a period.

    Args:
        cohort: The period; None for any time.
        found: What customers did.
        bought: Their purchase days.
    """
    offset = bought.start + EPOCH_DAY
    many, at_once = bought.customers, bought.engine.name == "numpy"
    if cohort is None and found.started == many:
        return slice(None) if at_once else range(many)
    days = set(found.first.tolist() if at_once else found.first) - {NEVER}
    good = {day for day in days if cohort is None or date.fromordinal(day + offset) in cohort}
    if at_once:
        return bought.engine.m.flatnonzero(bought.engine.m.isin(found.first, list(good)))
    return [code for code, day in enumerate(found.first) if day in good]


def _columns(found: Histories, who: list[int], horizon: int, days: float, scale: int) -> dict[str, Sequence[Any]]:
    """The columns of the summary."""
    first, last, x, repeat = found.first, found.last, found.x, found.repeat
    return {
        "x": [x[code] for code in who],
        "t_x": [(last[code] - first[code]) / days for code in who],
        "T": [(horizon - first[code]) / days for code in who],
        "mean": [repeat[code] / (x[code] * scale) if x[code] else None for code in who],
        "spent": [found.spent[code] for code in who],
        "x_holdout": [found.x_holdout[code] for code in who],
        "spent_holdout": [found.spent_holdout[code] for code in who],
    }


def _columns_at_once(
    np: Any, found: Histories, who: Any, horizon: int, days: float, scale: int
) -> dict[str, Sequence[Any]]:
    """The same of arrays."""
    first, x = found.first[who], found.x[who]
    mean = (found.repeat[who] / (x.clip(1) * scale)).astype(object)
    mean[x == 0] = None
    return {
        "x": x,
        "t_x": _ages(np, found.last[who] - first, days),
        "T": _ages(np, horizon - first, days),
        "mean": mean,
        "spent": found.spent[who].astype("int64"),
        "x_holdout": found.x_holdout[who],
        "spent_holdout": found.spent_holdout[who].astype("int64"),
    }


def _ages(np: Any, ages: Any, days: float) -> Any:
    """Ages in units; where the days are few, like ones are one object: quicker to make, and smaller to hold."""
    longest = int(ages.max(initial=0))
    if longest >= len(ages):
        return ages / days
    return (np.arange(longest + 1) / days).astype(object)[ages]


def _plain(column: Any) -> tuple[Any, ...]:
    return tuple(listed(column))


def _picked(customers: Sequence[Any], who: Any) -> tuple[Any, ...]:
    return tuple(customers[who] if isinstance(who, slice) else map(customers.__getitem__, who))


def _excluded(
    told: Transactions, bought: PurchaseDays, found: Histories, outside: int, window: Window
) -> Mapping[str, int]:
    """What was left out, or read otherwise than it stands, in words."""
    counts = {
        "transactions after the end": bought.after,
        "returns left out": told.excluded,
        "days that returns bring to 0 or less": found.unpaid,
        "customers who first bought after the calibration end": found.late,
        "customers without a purchase": found.seen - found.started - found.late,
        f"customers acquired outside {window.acquired.name if window.acquired else 'all time'}": outside,
    }
    return FrozenMap({what: count for what, count in counts.items() if count})
