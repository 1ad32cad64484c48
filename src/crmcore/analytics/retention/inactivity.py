"""Lapsed customers: those who have not bought for longer than a rule allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.quantiles import quantile
from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.analytics.retention.days import days_in
from crmcore.analytics.retention.purchases import read_purchases
from crmcore.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["Lapsed", "Rule", "Silence", "lapsed", "rule_of"]

SHOWN = 20


@attrs.frozen
class Silence:
    """How long one customer has not bought.

    Attributes:
        customer: Who.
        last: The day of the last purchase.
        days: Days since then.
        allowed: How many there may be before the customer counts as lapsed.
        interval: The customer's own median days between purchase days; None when the rule does not ask for it, or
            the customer bought on one day only.
    """

    customer: object
    last: date
    days: int
    allowed: float
    interval: float | None

    @property
    def lapsed(self) -> bool:
        """Whether the silence is longer than allowed."""
        return self.days > self.allowed


@attrs.frozen(kw_only=True, repr=False, str=False)
class Lapsed(Tabular):
    """Customers and their silence, as of one instant.

    Attributes:
        silences: That of each customer, the longest first.
        after: The fewest days that are allowed to anybody.
        times: How many of its own median intervals a customer is allowed; None when that is no part of the rule.
        made: How it was made.
    """

    silences: tuple[Silence, ...]
    after: int
    times: float | None
    made: Provenance

    @property
    def customers(self) -> tuple[object, ...]:
        """Those who have lapsed, the longest silent first."""
        return tuple(silence.customer for silence in self.silences if silence.lapsed)

    @property
    def count(self) -> int:
        """How many have lapsed."""
        return len(self.customers)

    @property
    def share(self) -> float | None:
        """Lapsed customers / all who ever bought, a fraction; None when nobody did."""
        return self.count / len(self.silences) if self.silences else None

    @property
    def rule(self) -> str:
        """The rule in words."""
        also = "" if self.times is None else f" and {self.times:g} own median intervals"
        return f"more than {self.after:,} days{also} without a purchase"

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer.

        Example:
            >>> from crmcore.analytics.retention import lapsed
            >>> (row,) = lapsed([{"customer": "ada", "at": "2026-01-05"}], as_of="2026-03-01", after="30d").to_dicts()
            >>> row["customer"], row["days"], row["lapsed"]
            ('ada', 55, True)
        """
        return [{**attrs.asdict(silence), "lapsed": silence.lapsed} for silence in self.silences]

    def sections(self) -> list[Section]:
        """The figures, and those who have been silent longest."""
        figures = (
            ("customers", written(len(self.silences))),
            ("lapsed", written(self.count)),
            ("share", percent(self.share)),
            ("rule", self.rule),
        )
        rows = tuple(map(_line, self.silences[:SHOWN]))
        headings = ("customer", "last purchase", "days", "allowed", "lapsed")
        listed = [Section("The longest silent", headings, rows)] if rows else []
        return [Section("Lapsed", (), figures), *listed, Section("How it was made", (), ((str(self.made),),))]

    def __repr__(self) -> str:
        return f"<Lapsed: {self.count:,} of {len(self.silences):,}, {percent(self.share)}>"


def _line(one: Silence) -> tuple[str, ...]:
    lapsed = "yes" if one.lapsed else "no"
    return str(one.customer), one.last.isoformat(), written(one.days), f"{one.allowed:g}", lapsed


@attrs.frozen
class Rule:
    """How many days of silence a customer is allowed.

    Attributes:
        after: The fewest days.
        times: How many of its own median intervals.
    """

    after: int
    times: float | None

    def allowed(self, days: Sequence[int]) -> tuple[float, float | None]:
        """How many days these purchase days allow, and the customer's own median interval."""
        if self.times is None:
            return self.after, None
        interval = quantile([after - before for before, after in pairwise(days)], 0.5)
        return (self.after, None) if interval is None else (max(self.after, self.times * interval), interval)


def rule_of(after: timedelta | str | int, times: float | None) -> Rule:
    """The rule of two arguments.

    Raises:
        Invalid: One of them is none.
    """
    if times is not None and not (isinstance(times, int | float) and not isinstance(times, bool) and 0 < times < 1e6):
        raise Invalid([Problem("times", times, "how many median intervals are allowed, above 0", "say times=2")])
    return Rule(days_in(after, "after"), times)


def lapsed(
    purchases: Source,
    *,
    as_of: datetime | date | str,
    after: timedelta | str | int = "365d",
    times: float | None = None,
    customer: str = "customer",
    at: str = "at",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> Lapsed:
    """Who has lapsed: the customers silent for longer than a plain rule allows.

    Where nobody gives notice, churn is not seen but inferred. This is the transparent way; ``clv`` has the models
    that say how probable it is.

    Args:
        purchases: One row a purchase: records, mappings, a mapping of columns, a CSV path or a DataFrame. Leave
            returns out.
        as_of: The instant to look back from, a bare date meaning its end. Later purchases are not looked at.
        after: The fewest days of silence that are allowed: whole days as a number, ``"90d"``, ``"12 weeks"`` or a
            timedelta. More than that is lapsed.
        times: Also allow so many of the customer's own median intervals between purchase days, where that is longer.
        customer: The column of the customer.
        at: The column of the date or instant of the purchase. Purchases of one day are one.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Example:
        >>> from crmcore.analytics.retention import lapsed
        >>> rows = [("ada", "2026-01-01"), ("ada", "2026-01-31"), ("ada", "2026-03-02"), ("bob", "2026-03-02")]
        >>> orders = [{"customer": who, "at": day} for who, day in rows]
        >>> lapsed(orders, as_of="2026-04-11", after="30d").customers
        ('ada', 'bob')
        >>> lapsed(orders, as_of="2026-04-11", after="30d", times=2).customers
        ('bob',)
    """
    if as_of is None:
        raise Invalid([Problem("as_of", as_of, "the day to look back from", 'say as_of="2026-03-31"')])
    rule = rule_of(after, times)
    names = {"customer": customer, "at": at}
    told = read_purchases(purchases, names, end=as_of, path="as_of", zone=zone, date_format=date_format)
    silences = [
        Silence(who, date.fromordinal(days[-1]), told.known - days[-1], *rule.allowed(days))
        for who, days in told.by_customer().items()
    ]
    silences.sort(key=lambda one: (-one.days, str(one.customer), type(one.customer).__name__))
    return Lapsed(silences=tuple(silences), after=rule.after, times=times, made=told.made)
