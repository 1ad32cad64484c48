"""Churn: the share of customers who stop being customers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from crmcore.analytics.retention.churn_result import Churn
from crmcore.analytics.retention.observation import Observation, Question, observe
from crmcore.analytics.retention.recurring_revenue import movements_of
from crmcore.analytics.retention.spells import Customers, moves_of
from crmcore.kernel.calendar import Period, Unit
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.rates import Rates

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source
    from crmcore.analytics.retention.days import Span
    from crmcore.analytics.retention.revenue_result import Movements

__all__ = ["churn"]

Method = Literal["start_base", "exposed_base"]


def churn(
    subscriptions: Source,
    *,
    period: Period | str,
    method: Method = "start_base",
    grace: timedelta | str | int = 0,
    each: Unit | None = None,
    by: str | None = None,
    as_of: datetime | date | str | None = None,
    customer: str = "customer",
    start: str = "start",
    end: str = "end",
    amount: str | None = "amount",
    interval: str | None = "interval",
    currency: str | None = None,
    rates: Rates | None = None,
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> Churn:
    """Churn over a period: how many customers left, as a share, and what revenue went with them.

    Customers are looked at on two days: the first of the period, and the first after it, which is the first of the
    next. Whoever is served on the one and not on the other is lost. What starts on the first day of a period is in its
    start; what starts, or is not served any more, on the first day after it happens in the period. Subscriptions of
    one customer that adjoin or overlap are one, and churn is dated at the first day not served.

    Args:
        subscriptions: One row a subscription: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        period: What to look at: ``"2026-03"``, ``"2026-Q1"``, or a Period.
        method: ``"start_base"``: of the customers at the start, the share that are none at the end. Those who come and
            go in between do not count. ``"exposed_base"``: how often somebody left / how many were there or came;
            who comes back and leaves again is lost twice.
        grace: A gap in a customer's service shorter than this is none: whole days as a number, ``"30d"``,
            ``"2 weeks"`` or a timedelta. A gap that has not lasted as long at the as-of is undecided: the customer
            counts, and is told among ``pending``.
        each: Also for every ``"month"`` (week, quarter, …) of the period, in ``parts``.
        by: Also for each value of this column, in ``groups``.
        as_of: What is known, a bare date meaning its end: what starts later is left out, what ends later still runs,
            and a period whose first day after lies beyond it is looked at up to it. By default the first day after
            the period, or the latest first day served in the data if that is later.
        customer: The column of the customer.
        start: The column of the first day served; ``started_on`` is found too.
        end: The column of the first day not served, empty while it runs; ``ended_on`` is found too.
        amount: The column of amounts, for the churn of revenue: Money, or numbers in ``currency``, in major units;
            None leaves revenue out.
        interval: The column that says what the amount is paid for, as in ``movements``.
        currency: The ISO 4217 code to report in, and of amounts that are bare numbers.
        rates: Dated exchange rates, as in ``movements``.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Source: C. Gold, Fighting Churn with Data, 2020, chapter 2 (the start base); Stripe, Calculating subscriber churn
        rate in Billing (the exposed base).

    Example:
        >>> from crmcore.analytics.retention import churn
        >>> march = churn(
        ...     [
        ...         {"customer": "ada", "start": "2026-01-01", "end": None},
        ...         {"customer": "bob", "start": "2026-02-01", "end": "2026-03-20"},
        ...         {"customer": "cyd", "start": "2026-03-12", "end": None},
        ...     ],
        ...     period="2026-03",
        ... )
        >>> march
        <Churn 2026-03: 1 lost of 2, 50.00%>
        >>> march.retention, march.joined, march.end
        (0.5, 1, 2)
    """
    if method not in ("start_base", "exposed_base"):
        raise Invalid([Problem("method", method, "start_base or exposed_base", 'say method="start_base"')])
    names = {"customer": customer, "start": start, "end": end, "amount": amount, "interval": interval}
    asked = Question(
        period=period, each=each, by=by, as_of=as_of, grace=grace, names=names,
        currency=currency, rates=rates, zone=zone, date_format=date_format,
    )  # fmt: skip
    seen = observe(subscriptions, asked)
    groups = {key: _churn_of(seen, some, method, group=key) for key, some in seen.groups().items()}
    return _churn_of(seen, seen.customers(), method, groups=groups)


def _churn_of(
    seen: Observation,
    customers: Customers,
    method: Method,
    *,
    group: object = None,
    groups: dict[object, Churn] | None = None,
) -> Churn:
    revenue = None if seen.told.monthly is None else movements_of(seen, customers, group=group)
    parts = tuple(
        _lost(seen, customers, span, method, revenue and revenue.parts[i], group=group)
        for i, span in enumerate(seen.spans)
    )
    more: _More = {"group": group, "by": seen.by if groups else None, "groups": FrozenMap(groups or {}), "parts": parts}
    return _lost(seen, customers, seen.span, method, revenue, **more)


class _More(TypedDict, total=False):
    group: object
    by: str | None
    groups: FrozenMap[object, Churn]
    parts: tuple[Churn, ...]


def _lost(
    seen: Observation,
    customers: Customers,
    span: Span,
    method: Method,
    revenue: Movements | None,
    **more: Unpack[_More],
) -> Churn:
    moves = moves_of(customers, span)
    by_set = method == "start_base"
    return Churn(
        method=method,
        start=moves.start,
        joined=moves.joined if by_set else moves.joinings,
        reactivated=moves.reactivated if by_set else moves.returns,
        lost=moves.lost if by_set else moves.leavings,
        end=moves.end,
        only_inside=moves.only_inside,
        left_and_returned=moves.left_and_returned,
        pending=moves.pending,
        per_year=span.per_year,
        movements=revenue,
        made=seen.made_over(span),
        **more,
    )
