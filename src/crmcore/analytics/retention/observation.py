"""Subscriptions as an analysis looks at them: up to an as-of, over a period, in groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.cells import checked_format
from crmcore.analytics.columns import Columns
from crmcore.analytics.results import Provenance
from crmcore.analytics.retention.days import NEVER, Span, day_at, days_in, end_of, span_of, spans_of
from crmcore.analytics.retention.spells import Customers
from crmcore.analytics.retention.subscriptions import Subscriptions, check_names, draw, read_subscriptions
from crmcore.kernel import calendar
from crmcore.kernel.calendar import Period, Unit
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.rates import Rates

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["Observation", "Question", "observe"]


@attrs.frozen(kw_only=True)
class Question:
    """What is asked of a table of subscriptions; ``churn`` and ``movements`` say what each part means."""

    period: Period | str
    each: Unit | None
    by: str | None
    as_of: datetime | date | str | None
    grace: timedelta | str | int
    names: Mapping[str, str | None]
    currency: str | None
    rates: Rates | None
    zone: str | ZoneInfo
    date_format: str | None


@attrs.frozen(eq=False)
class Observation:
    """Subscriptions up to an as-of.

    Attributes:
        told: The subscriptions.
        rows: Those that had begun at the as-of, and served a day or more.
        span: The period, as far as it is known.
        spans: The shorter periods it is cut into; empty when none were asked for.
        grace: How many days a gap lasts at least.
        known: The last day that is known of.
        by: What the groups are.
        made: How results are made of it.
    """

    told: Subscriptions
    rows: list[int]
    span: Span
    spans: tuple[Span, ...]
    grace: int
    known: int
    by: str | None
    made: Provenance

    def customers(self, rows: Iterable[int] | None = None) -> Customers:
        """The customers of some rows; of all by default."""
        return Customers.of(self.told, self.rows if rows is None else rows, grace=self.grace, known=self.known)

    def groups(self) -> dict[object, Customers]:
        """The customers of each group, in the order of the groups' names, the nameless one last."""
        if self.by is None:
            return {}
        rows_of: dict[object, list[int]] = {}
        for row in self.rows:
            rows_of.setdefault(self.told.group[row], []).append(row)
        ordered = sorted(rows_of, key=lambda key: (key is None, str(key), type(key).__name__))
        return {key: self.customers(rows_of[key]) for key in ordered}

    def made_over(self, span: Span) -> Provenance:
        """How a result for one of the spans is made."""
        return attrs.evolve(self.made, period=span.period)


def observe(subscriptions: Source | Columns, question: Question) -> Observation:
    """Read subscriptions and lay the question over them.

    Args:
        subscriptions: The table, or its columns as ``draw`` drew them.
        question: What is asked.

    Raises:
        MixedCurrency: Amounts are of several currencies, and no ``rates`` were given.
        Invalid: Everything that is wrong with the table or the question.
    """
    _check(question)
    zone = calendar.zone(question.zone)
    span = span_of(question.period, zone)
    grace = days_in(question.grace, "grace")
    known = None if question.as_of is None else _known(question.as_of, span, zone)
    format_ = checked_format(question.date_format)
    columns = subscriptions if isinstance(subscriptions, Columns) else draw(subscriptions, question.names, question.by)
    told = read_subscriptions(
        columns,
        zone=zone,
        date_format=format_,
        currency=question.currency,
        rates=question.rates,
        rates_of=date.fromordinal(span.first),
    )
    latest = max(told.starts, default=0)
    until = max(span.after, latest) if known is None else known
    made = Provenance(
        at=end_of(until, zone),
        at_given=known is not None or until > latest,
        period=span.period,
        zone=zone.key,
        currency=None if told.monthly is None else told.currency,
        exclusions=FrozenMap(_exclusions(told, until, span, cut=known is not None)),
    )
    rows = [row for row, start in enumerate(told.starts) if start <= until and start < told.ends[row]]
    seen = attrs.evolve(span, after=min(span.after, until))
    spans = spans_of(span, question.each, until)
    return Observation(told, rows, seen, spans, grace, until, question.by, made)


def _check(question: Question) -> None:
    """What is wrong with the question that no table is needed to see."""
    if not isinstance(question.by, str | None):
        raise Invalid([Problem("by", question.by, "the name of a column", 'say by="plan"')])
    check_names(question.names, optional=("amount", "interval"), rates=question.rates)


def _known(as_of: datetime | date | str, span: Span, zone: ZoneInfo) -> int:
    known = day_at(as_of, zone, "as_of")
    if known < span.first:
        first = date.fromordinal(span.first).isoformat()
        raise Invalid(
            [Problem("as_of", as_of, f"{first}, the first day of the period, or later", "ask for an earlier one")]
        )
    return known


def _exclusions(told: Subscriptions, known: int, span: Span, *, cut: bool) -> dict[str, int]:
    counts = {
        "subscriptions that begin after the as-of": sum(start > known for start in told.starts),
        "subscriptions that served no day": sum(map(int.__eq__, told.starts, told.ends)),
        "ends after the as-of, taken as running": sum(known < end < NEVER for end in told.ends) if cut else 0,
        "days of the period, that of the as-of and later, not looked at": max(span.after - known, 0),
        "subscriptions without an amount, in no revenue": (told.monthly or []).count(None),
    }
    return {what: count for what, count in counts.items() if count}
