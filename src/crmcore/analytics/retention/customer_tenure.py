"""Tenure: how long customers stayed, or have stayed so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.cells import checked_format
from crmcore.analytics.results import Provenance, Section, Tabular, written
from crmcore.analytics.retention.days import NEVER, day_at, days_in, end_of
from crmcore.analytics.retention.spells import Customers
from crmcore.analytics.retention.subscriptions import Subscriptions, check_names, draw, read_subscriptions
from crmcore.kernel import calendar
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["Tenures", "tenures"]

SHOWN = 10


@attrs.frozen(kw_only=True, repr=False, str=False)
class Tenures(Tabular):
    """How long each customer stayed, as survival analysis takes it: columns of one length.

    Attributes:
        customer: The customers, in the order in which they first stand in the table.
        durations: From the first day served to the first not served; of those still served, to the last
            day they are known to be, in days.
        observed: Whether the end was seen; otherwise it is right-censored.
        made: How it was made, and what was left out.
    """

    customer: Sequence[Any]
    durations: Sequence[int]
    observed: Sequence[bool]
    made: Provenance

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer."""
        rows = zip(self.customer, self.durations, self.observed, strict=True)
        return [{"customer": who, "duration": days, "observed": seen} for who, days, seen in rows]

    def sections(self) -> list[Section]:
        """How many there are, the first of them, and how it was made."""
        facts = (("customers", written(len(self.customer))), ("ended", written(sum(self.observed))))
        rows = zip(self.customer[:SHOWN], self.durations[:SHOWN], self.observed[:SHOWN], strict=True)
        cells = [(str(who), written(days), "ended" if seen else "running") for who, days, seen in rows]
        return [
            Section("Tenure", (), facts),
            Section("Customers", ("customer", "days", ""), tuple(cells)),
            Section("How it was made", (), ((str(self.made),),)),
        ]

    def __repr__(self) -> str:
        return f"<Tenures: {len(self.customer):,} customers, {sum(self.observed):,} ended>"


def tenures(
    subscriptions: Source,
    *,
    as_of: datetime | date | str,
    grace: timedelta | str | int = 0,
    customer: str = "customer",
    start: str = "start",
    end: str = "end",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> Tenures:
    """How long customers stayed: from the first day served until they left for the first time.

    Subscriptions of one customer that adjoin or overlap are one. Who left and came back is told until the first
    leaving. To follow subscriptions one by one, give the column of their ids as ``customer``.

    Args:
        subscriptions: One row a subscription: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        as_of: What is known, a bare date meaning its end: what starts later is left out, what ends later still runs.
        grace: A gap in a customer's service shorter than this is none: whole days as a number, ``"30d"``,
            ``"2 weeks"`` or a timedelta. One that has not lasted as long at the as-of has ended nothing.
        customer: The column of the customer.
        start: The column of the first day served; ``started_on`` is found too.
        end: The column of the first day not served, empty while it runs; ``ended_on`` is found too.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Example:
        >>> from crmcore.analytics.retention import tenures
        >>> from crmcore.analytics.survival import kaplan_meier
        >>> rows = [
        ...     {"customer": "ada", "start": "2026-01-01", "end": "2026-03-02"},
        ...     {"customer": "bob", "start": "2026-02-01", "end": None},
        ... ]
        >>> found = tenures(rows, as_of="2026-03-31")
        >>> found.durations, found.observed
        ((60, 58), (True, False))
        >>> kaplan_meier(found.durations, found.observed, unit="days").median
        60.0
    """
    check_names({"customer": customer, "start": start, "end": end})
    place = calendar.zone(zone)
    known = day_at(as_of, place, "as_of")
    told = read_subscriptions(
        draw(subscriptions, {"customer": customer, "start": start, "end": end}, None),
        zone=place, date_format=checked_format(date_format), currency=None, rates=None, rates_of=date.min,
    )  # fmt: skip
    rows = [row for row, first in enumerate(told.starts) if first <= known and first < told.ends[row]]
    found = Customers.of(told, rows, grace=days_in(grace, "grace"), known=known)
    firsts = [spells[0] for spells in found.spells]
    served = [gap - 1 if gap else known for gap in found.undecided]  # the last day known to be served
    return Tenures(
        customer=tuple(dict.fromkeys(told.customers[row] for row in rows)),
        durations=tuple(
            (last if after == NEVER else after) - first for (first, after), last in zip(firsts, served, strict=True)
        ),
        observed=tuple(after != NEVER for _, after in firsts),
        made=Provenance(
            at=end_of(known, place),
            at_given=True,
            period=None,
            zone=place.key,
            currency=None,
            exclusions=_exclusions(told, found, known),
        ),
    )


def _exclusions(told: Subscriptions, found: Customers, known: int) -> FrozenMap[str, int]:
    counts = {
        "subscriptions that begin after the as-of": sum(first > known for first in told.starts),
        "subscriptions that served no day": sum(map(int.__eq__, told.starts, told.ends)),
        "customers in a gap too short so far to be an end": sum(map(bool, found.undecided)),
        "customers who came back, told until they first left": sum(len(spells) > 1 for spells in found.spells),
    }
    return FrozenMap({what: count for what, count in counts.items() if count})
