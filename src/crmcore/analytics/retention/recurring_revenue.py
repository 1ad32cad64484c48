"""Recurring revenue: the movements of a period, and the rates that are read off them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict, Unpack

from crmcore.analytics.retention.observation import Observation, Question, observe
from crmcore.analytics.retention.revenue_result import FLOWS, Movements
from crmcore.analytics.retention.spells import Customers, worth_on
from crmcore.kernel.calendar import Period, Unit
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.rates import Rates

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source
    from crmcore.analytics.retention.days import Span

__all__ = ["HowMoved", "grr", "movements", "movements_of", "nrr", "quick_ratio"]


class HowMoved(TypedDict, total=False):
    """The arguments of ``movements``."""

    period: Period | str
    each: Unit | None
    by: str | None
    as_of: datetime | date | str | None
    grace: timedelta | str | int
    customer: str
    start: str
    end: str
    amount: str
    interval: str
    currency: str | None
    rates: Rates | None
    zone: str | ZoneInfo
    date_format: str | None


def movements(
    subscriptions: Source,
    *,
    period: Period | str,
    each: Unit | None = None,
    by: str | None = None,
    as_of: datetime | date | str | None = None,
    grace: timedelta | str | int = 0,
    customer: str = "customer",
    start: str = "start",
    end: str = "end",
    amount: str = "amount",
    interval: str = "interval",
    currency: str | None = None,
    rates: Rates | None = None,
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> Movements:
    """Monthly recurring revenue (MRR) in movement: new, reactivation, expansion, contraction, churned.

    Each customer's MRR on the first day of the period is compared with that on the first day after it, all its
    subscriptions added up, so each is in one movement, and the end of one period is the start of the next. What is in
    force on the first day of the period is in its start. An amount a month is rounded half-even to minor units: a
    year's / 12, a quarter's / 3, a week's × 52.1775 / 12.

    Args:
        subscriptions: One row a stretch of service at one price: records, mappings, a mapping of columns, a CSV
            path or a DataFrame. A new price is a new row that starts where the last ends.
        period: What to look at: ``"2026-03"``, ``"2026-Q1"``, or a Period.
        each: Also for every ``"month"`` (week, quarter, …) of the period, in ``parts``; the ends of one are the
            starts of the next.
        by: Also for each value of this column, in ``groups``.
        as_of: What is known, a bare date meaning its end: what starts later is left out, what ends later still runs,
            and a period whose first day after lies beyond it is looked at up to it. By default the first day after
            the period, or the latest first day served in the data if that is later.
        grace: A gap in a customer's service shorter than this is none, and the MRR before it goes on in it:
            whole days as a number, ``"30d"``, ``"2 weeks"`` or a timedelta.
        customer: The column of the customer.
        start: The column of the first day served; ``started_on`` is found too.
        end: The column of the first day not served, empty while it runs; ``ended_on`` is found too.
        amount: The column of amounts: Money, or numbers in ``currency``, in major units; 0 or more.
        interval: The column that says what the amount is paid for: ``week``, ``month``, ``quarter`` or ``year``;
            without it, a month.
        currency: The ISO 4217 code to report in, and of amounts that are bare numbers.
        rates: Dated exchange rates. Those of the first day of the period hold throughout, so that a change of rates
            is no movement.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Source: Stripe, Billing metric definitions (MRR, and the movements of its growth).

    Example:
        >>> from crmcore.analytics.retention import movements
        >>> march = movements(
        ...     [
        ...         {"customer": "ada", "start": "2026-01-01", "end": "2026-03-10", "amount": 50},
        ...         {"customer": "ada", "start": "2026-03-10", "end": None, "amount": 80},
        ...         {"customer": "bob", "start": "2026-02-01", "end": "2026-04-01", "amount": 30},
        ...         {"customer": "cyd", "start": "2026-03-12", "end": None, "amount": 20},
        ...     ],
        ...     period="2026-03",
        ...     currency="EUR",
        ... )
        >>> march
        <Movements 2026-03: 80.00 EUR to 100.00 EUR, nrr 100.00%>
        >>> print(march.new, march.expansion, march.churned, march.grr, sep="; ")
        20.00 EUR; 30.00 EUR; 30.00 EUR; 0.625
    """
    if not isinstance(amount, str):
        raise Invalid([Problem("amount", amount, "the name of a column", 'say amount="amount"')])
    names: dict[str, str | None] = {
        "customer": customer, "start": start, "end": end, "amount": amount, "interval": interval,
    }  # fmt: skip
    asked = Question(
        period=period, each=each, by=by, as_of=as_of, grace=grace, names=names,
        currency=currency, rates=rates, zone=zone, date_format=date_format,
    )  # fmt: skip
    seen = observe(subscriptions, asked)
    if seen.told.monthly is None and seen.told.customers:
        mend = 'say amount="…" with the name it has'
        raise Invalid([Problem("subscriptions columns", None, f'a column "{amount}" of amounts', mend)])
    groups = {key: movements_of(seen, some, group=key) for key, some in seen.groups().items()}
    return movements_of(seen, seen.customers(), groups=groups)


def movements_of(
    seen: Observation,
    customers: Customers,
    *,
    group: object = None,
    groups: dict[object, Movements] | None = None,
) -> Movements:
    """The movements of some customers, over the period and each part of it."""
    parts = tuple(_moved(seen, customers, span, group=group) for span in seen.spans)
    by = seen.by if groups else None
    return _moved(seen, customers, seen.span, group=group, by=by, groups=FrozenMap(groups or {}), parts=parts)


class _More(TypedDict, total=False):
    group: object
    by: str | None
    groups: FrozenMap[object, Movements]
    parts: tuple[Movements, ...]


def _moved(seen: Observation, customers: Customers, span: Span, **more: Unpack[_More]) -> Movements:
    minor = dict.fromkeys(("start", *FLOWS, "end"), 0)
    counts = dict(minor)
    for served, spells in zip(customers.served, customers.spells, strict=True):
        before, now = worth_on(served, spells, span.first), worth_on(served, spells, span.after)
        for name, amount in (("start", before), ("end", now)):
            minor[name] += amount
            counts[name] += amount > 0
        if before != now:
            name = _movement(before, now, had=any(worth and start <= span.first for start, _, worth in served))
            minor[name] += abs(now - before)
            counts[name] += 1
    return Movements(minor=FrozenMap(minor), customers=FrozenMap(counts), made=seen.made_over(span), **more)


def _movement(before: int, now: int, *, had: bool) -> str:
    """Which movement a change is."""
    if not before:
        return "reactivation" if had else "new"
    if not now:
        return "churned"
    return "expansion" if now > before else "contraction"


def grr(subscriptions: Source | Movements, **how: Unpack[HowMoved]) -> float | None:
    """Gross revenue retention: what is left of the start's recurring revenue, expansion not counted.

    Args:
        subscriptions: What ``movements`` takes, or what it gave.
        **how: The arguments of ``movements``, ``period`` first of all.

    Returns:
        Σ min(MRR at the start, MRR at the end) / Σ MRR at the start, a fraction from 0 to 1; None when there was no
        recurring revenue at the start.

    Raises:
        MixedCurrency: As ``movements`` does.
        Invalid: As ``movements`` does, or there is no ``period``.

    Example:
        >>> from crmcore.analytics.retention import grr
        >>> rows = [
        ...     {"customer": "ada", "start": "2026-01-01", "end": None, "amount": 60},
        ...     {"customer": "bob", "start": "2026-01-01", "end": "2026-02-20", "amount": 40},
        ... ]
        >>> grr(rows, period="2026-02", currency="EUR")
        0.6
    """
    return _moves(subscriptions, how).grr


def nrr(subscriptions: Source | Movements, **how: Unpack[HowMoved]) -> float | None:
    """Net revenue retention: what the customers of the start pay at the end, expansion counted.

    Args:
        subscriptions: What ``movements`` takes, or what it gave.
        **how: The arguments of ``movements``, ``period`` first of all.

    Returns:
        MRR at the end of the customers of the start / MRR at the start, a fraction that may be above 1; None when
        there was no recurring revenue at the start.

    Raises:
        MixedCurrency: As ``movements`` does.
        Invalid: As ``movements`` does, or there is no ``period``.

    Source: ChurnZero, Churnopedia, Net Revenue Retention: from 27,000 to 35,000 less 5,000 lost is 111 %.

    Example:
        >>> from crmcore.analytics.retention import nrr
        >>> rows = [
        ...     {"customer": "ada", "start": "2026-01-01", "end": "2026-02-10", "amount": 22},
        ...     {"customer": "ada", "start": "2026-02-10", "end": None, "amount": 30},
        ...     {"customer": "bob", "start": "2026-01-01", "end": "2026-02-20", "amount": 5},
        ... ]
        >>> round(nrr(rows, period="2026-02", currency="EUR"), 2)
        1.11
    """
    return _moves(subscriptions, how).nrr


def quick_ratio(
    subscriptions: Source | Movements, *, reactivation: bool = True, **how: Unpack[HowMoved]
) -> float | None:
    """The quick ratio of growth: recurring revenue that came / recurring revenue that went.

    Args:
        subscriptions: What ``movements`` takes, or what it gave.
        reactivation: Whether customers who came back count among what came.
        **how: The arguments of ``movements``, ``period`` first of all.

    Returns:
        (new + reactivation + expansion) / (contraction + churned); None when nothing went: no number says how many
        times nothing came in.

    Raises:
        MixedCurrency: As ``movements`` does.
        Invalid: As ``movements`` does, or there is no ``period``.

    Source: M. Hamid, The quick ratio of SaaS companies, 2015.

    Example:
        >>> from crmcore.analytics.retention import quick_ratio
        >>> rows = [
        ...     {"customer": "ada", "start": "2026-02-03", "end": None, "amount": 40},
        ...     {"customer": "bob", "start": "2026-01-01", "end": "2026-02-20", "amount": 10},
        ... ]
        >>> quick_ratio(rows, period="2026-02", currency="EUR")
        4.0
        >>> quick_ratio(rows[:1], period="2026-02", currency="EUR") is None
        True
    """
    moves = _moves(subscriptions, how)
    return moves.quick_ratio if reactivation else moves.quick_ratio_without_reactivation


def _moves(subscriptions: Source | Movements, how: HowMoved) -> Movements:
    if isinstance(subscriptions, Movements):
        if how:
            mend = "leave them out, or give the subscriptions"
            raise Invalid([Problem(", ".join(how), "given", "no arguments beside Movements", mend)])
        return subscriptions
    if "period" not in how:
        raise Invalid([Problem("period", None, "a period", 'say period="2026-03"')])
    return movements(subscriptions, **how)
