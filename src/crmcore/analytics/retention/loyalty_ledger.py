"""A loyalty ledger: points earned, redeemed, adjusted and expired, and what each customer has left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.cells import Misfit, checked_format, flag, is_missing, read, read_instants, read_keys
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.results import Provenance, Section, Tabular, written
from crmcore.analytics.retention.days import NEVER, day_at, days_in, end_of, local_days
from crmcore.analytics.retention.subscriptions import check_names, read_days, rejected
from crmcore.kernel import calendar
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["LoyaltyAccount", "LoyaltyLedger", "loyalty"]

KINDS = ("earned", "redeemed", "adjusted", "expired")
TALLIES = (*KINDS, "balance")
MOST = 10**15  # points
_MONTHS = re.compile(r"(\d{1,4}) *(month|year)s?", re.ASCII)


@attrs.frozen(kw_only=True)
class LoyaltyAccount:
    """The points of one customer: earned + adjusted = balance + redeemed + expired.

    Attributes:
        earned: Points earned.
        redeemed: Points redeemed.
        adjusted: Points given or taken by hand, net.
        expired: Points that were not used in time.
        balance: Points left.
        expiring: How many of those expire next; 0 where none ever do.
        expires_on: The first day those can't be used; None where none ever expire.
    """

    earned: int
    redeemed: int
    adjusted: int
    expired: int
    balance: int
    expiring: int
    expires_on: date | None


@attrs.frozen(kw_only=True, repr=False, str=False)
class LoyaltyLedger(Tabular):
    """The points of all customers, as of one instant.

    Attributes:
        accounts: The account of each customer.
        made: How it was made.
    """

    accounts: Mapping[object, LoyaltyAccount]
    made: Provenance

    @property
    def total(self) -> Mapping[str, int]:
        """Points ``earned``, ``redeemed``, ``adjusted`` and ``expired`` by all, and the ``balance``."""
        accounts = self.accounts.values()
        return FrozenMap({name: sum(getattr(one, name) for one in accounts) for name in TALLIES})

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer.

        Example:
            >>> from crmcore.analytics.retention import loyalty
            >>> entries = [{"customer": "ada", "at": "2026-01-05", "what": "earned", "points": 100}]
            >>> (row,) = loyalty(entries).to_dicts()
            >>> row["customer"], row["balance"]
            ('ada', 100)
        """
        return [{"customer": customer, **attrs.asdict(account)} for customer, account in self.accounts.items()]

    def sections(self) -> list[Section]:
        """The totals, the accounts, and how they were made."""
        totals = tuple((name, written(points)) for name, points in self.total.items())
        rows = tuple(
            (str(customer), *(written(getattr(account, name)) for name in TALLIES))
            for customer, account in self.accounts.items()
        )
        listed = [Section("Accounts", ("customer", *TALLIES), rows)] if rows else []
        return [Section("Points", (), totals), *listed, Section("How it was made", (), ((str(self.made),),))]

    def __repr__(self) -> str:
        return f"<LoyaltyLedger: {len(self.accounts):,} accounts, balance {self.total['balance']:,}>"


def loyalty(
    entries: Source,
    *,
    as_of: datetime | date | str | None = None,
    expires_after: timedelta | str | int | None = None,
    customer: str = "customer",
    at: str = "at",
    what: str = "what",
    points: str = "points",
    expires_on: str = "expires_on",
    zone: str | ZoneInfo = "UTC",
    date_format: str | None = None,
) -> LoyaltyLedger:
    """A loyalty ledger: what became of every point, and what each customer has left.

    The points earned first are used first. What is earned on a bare date counts before what is redeemed on it. No
    balance is ever below 0, and no point is lost: earned + adjusted = balance + redeemed + expired.

    Args:
        entries: One row an entry: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        as_of: The last instant looked at, a bare date meaning its end; by default that of the last entry. Points that
            expire by then have.
        expires_after: How long points can be used, from the day they were earned: ``"12 months"``, ``"90d"``, a number
            of days or a timedelta; by default for ever.
        customer: The column of the customer.
        at: The column of the date or instant of the entry.
        what: The column that says what happened: ``earned``, ``redeemed``, ``adjusted`` (by hand, up or down) or
            ``expired`` (recorded elsewhere; it takes the oldest points).
        points: The column of the points, whole numbers; only those adjusted may be below 0.
        expires_on: The column of the first day on which points earned can't be used; where it is empty,
            ``expires_after`` holds.
        zone: The time zone whose days count.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        Invalid: Everything that is wrong with the table, among it the rows that take more points than there are.

    Example:
        >>> from crmcore.analytics.retention import loyalty
        >>> entries = [
        ...     {"customer": "ada", "at": "2025-01-10", "what": "earned", "points": 100},
        ...     {"customer": "ada", "at": "2025-06-01", "what": "earned", "points": 50},
        ...     {"customer": "ada", "at": "2025-07-01", "what": "redeemed", "points": 70},
        ... ]
        >>> ledger = loyalty(entries, as_of="2026-02-01", expires_after="12 months")
        >>> ada = ledger.accounts["ada"]
        >>> ada.earned, ada.redeemed, ada.expired, ada.balance
        (150, 70, 30, 50)
        >>> ada.expires_on.isoformat()
        '2026-06-01'
    """
    place = calendar.zone(zone)
    lasts = _lasting(expires_after)
    names = {"customer": customer, "at": at, "what": what, "points": points, "expires_on": expires_on}
    check_names(names)
    wanted = [Wanted(role, name, required=role != "expires_on") for role, name in names.items()]
    columns = columns_of(entries, wanted, "entries")
    told = _read(columns, lasts, place, checked_format(date_format))
    known = max(told.days, default=0) if as_of is None else day_at(as_of, place, "as_of")
    accounts = _accounts(told, columns, known)
    later = sum(day > known for day in told.days)
    made = Provenance(
        at=end_of(known, place) if known else None,
        at_given=as_of is not None,
        period=None,
        zone=place.key,
        currency=None,
        exclusions=FrozenMap({"entries after the as-of": later} if later else {}),
    )
    return LoyaltyLedger(accounts=accounts, made=made)


def _lasting(expires_after: timedelta | str | int | None) -> Callable[[int], int]:
    """From the day points are earned to the first on which they can't be used."""
    if expires_after is None:
        return lambda _: NEVER
    months = _MONTHS.fullmatch(expires_after.strip()) if isinstance(expires_after, str) else None
    if months is None:
        days = days_in(expires_after, "expires_after", least=1)
        return lambda day: min(day + days, NEVER)
    count = int(months[1]) * (12 if months[2] == "year" else 1)
    if not count:
        raise Invalid([Problem("expires_after", expires_after, "at least a day", 'say expires_after="12 months"')])
    return lambda day: _months_on(day, count)


def _months_on(day: int, months: int) -> int:
    try:
        return calendar.add_months(date.fromordinal(day), months).toordinal()
    except Invalid:  # beyond the calendar
        return NEVER


@attrs.frozen(eq=False)
class _Entries:
    """Entries as columns of one length, and the order they take effect in."""

    customers: list[Any]
    days: list[int]
    kinds: list[str]
    points: list[int]
    expiry: list[int]
    order: list[int]


def _read(columns: Columns, lasts: Callable[[int], int], zone: ZoneInfo, date_format: str | None) -> _Entries:
    problems: list[Problem] = []
    customers = read_keys(columns, "customer", problems)
    instants = read_instants(columns, "at", zone, date_format, problems).micros
    days = [day or 0 for day in local_days(instants, zone)]
    kinds = [kind or "" for kind in read(columns, "what", _kind, problems)]
    counts = read(columns, "points", _points, problems)
    points = [count or 0 for count in counts]
    expiry = read_days(columns, "expires_on", zone, date_format, problems, ending=True)
    rejected(columns, "customer", customers, "a customer", problems)
    rejected(columns, "at", instants, "the day of the entry", problems)
    rejected(columns, "points", counts, "how many points", problems)
    below = [row for row, kind in enumerate(kinds) if points[row] < 0 and kind != "adjusted"]
    flag(columns, "points", below, Misfit("0 or more", 'what="adjusted" takes points away by hand'), problems)
    early = [row for row, last in enumerate(expiry) if last is not None and last < days[row]]
    flag(columns, "expires_on", early, Misfit("a day not before the entry", "correct one of the two"), problems)
    if problems:
        raise Invalid(problems)
    until = [lasts(day) if last is None else last for day, last in zip(days, expiry, strict=True)]
    gives = [kind == "earned" or (kind == "adjusted" and points[row] > 0) for row, kind in enumerate(kinds)]
    keys = [(instant or 0, not give, last) for instant, give, last in zip(instants, gives, until, strict=True)]
    return _Entries(customers, days, kinds, points, until, sorted(range(len(days)), key=keys.__getitem__))


def _kind(cell: object) -> str | Misfit:
    found = cell.strip().casefold() if isinstance(cell, str) else ""
    return found if found in KINDS else Misfit(f"one of {', '.join(KINDS)}", "say what happened to the points")


def _points(cell: Any) -> int | Misfit | None:
    if is_missing(cell):
        return None
    found = number(cell)
    if found is None or not -MOST < found < MOST or found != int(found):
        return Misfit("a whole number of points", "round it, or count in smaller points")
    return int(found)


def _accounts(told: _Entries, columns: Columns, known: int) -> FrozenMap[object, LoyaltyAccount]:
    found: dict[object, _Account] = {}
    problems: list[Problem] = []
    for row in told.order:
        if told.days[row] <= known:
            account = found.setdefault(told.customers[row], _Account())
            account.lapse(told.days[row])
            short = account.enter(told.kinds[row], told.points[row], told.expiry[row])
            if short is not None:
                misfit = Misfit(f"at most {short:,}, the balance then", "correct it, or enter what was earned before")
                flag(columns, "points", [row], misfit, problems)
    if problems:
        raise Invalid(problems)
    ordered = sorted(found, key=lambda customer: (str(customer), type(customer).__name__))
    return FrozenMap({customer: found[customer].closed(known) for customer in ordered})


@attrs.define
class _Account:
    """An account while its entries are made: ``lots`` are the points left of each earning, the oldest first."""

    tally: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(KINDS, 0))
    lots: list[tuple[int, int]] = attrs.field(factory=list)
    next: int = NEVER

    def lapse(self, day: int) -> None:
        """Let go of what can't be used any more on a day."""
        if self.next <= day:
            self.tally["expired"] += sum(points for last, points in self.lots if last <= day)
            self.lots = [(last, points) for last, points in self.lots if last > day]
            self.next = min((last for last, _ in self.lots), default=NEVER)

    def enter(self, kind: str, points: int, last: int) -> int | None:
        """Make an entry; where it takes more than there is, nothing is changed and the balance is told."""
        if kind == "earned" or (kind == "adjusted" and points > 0):
            self.lots.append((last, points))
            self.next = min(self.next, last)
        else:
            balance = sum(points for _, points in self.lots)
            if abs(points) > balance:
                return balance
            self.lots = list(_after(self.lots, abs(points)))
        self.tally[kind] += points
        return None

    def closed(self, known: int) -> LoyaltyAccount:
        """The account as it stands at the end of a day."""
        self.lapse(known)
        left = [(last, points) for last, points in self.lots if points]
        first = min((last for last, _ in left), default=NEVER)
        return LoyaltyAccount(
            **self.tally,
            balance=sum(points for _, points in left),
            expiring=sum(points for last, points in left if last == first < NEVER),
            expires_on=date.fromordinal(first) if first < NEVER else None,
        )


def _after(lots: list[tuple[int, int]], points: int) -> Iterator[tuple[int, int]]:
    """What is left when points are taken, the oldest first."""
    for last, there in lots:
        taken = min(there, points)
        points -= taken
        if there > taken:
            yield last, there - taken
