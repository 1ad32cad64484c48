"""What holds for all subscriptions: a second method counts day by day, and laws tie the figures together."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any

import attrs
from hypothesis import given, strategies as st

from crmcore.analytics.retention import Churn, Movements, churn, cohorts, movements, reactivation
from crmcore.kernel.calendar import Period, add_months, instant

ORIGIN = date(2025, 12, 1)
LAST = 150  # days after the origin: all is known up to there
PERIODS = ["2026-01", "2026-02", "2026-W06", "2026-01-15", "2026-Q1"]
FIRSTS = {
    "2026-01": (31, 62),
    "2026-02": (62, 90),
    "2026-W06": (63, 70),
    "2026-01-15": (45, 46),
    "2026-Q1": (31, 121),
}
"""The first day of each period and the first after it, in days after the origin."""

Row = tuple[str, int, int | None, int]
"""Customer, first day served and first not served in days after the origin, cents a month."""


@st.composite
def served(draw: st.DrawFn) -> list[Row]:
    """A few subscriptions of a few customers, close enough to adjoin, overlap and leave gaps."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 10))):
        start = draw(st.integers(0, LAST - 20))
        length = draw(st.none() | st.integers(0, 60))
        end = None if length is None else start + length
        rows.append((draw(st.sampled_from("abcd")), start, end, draw(st.integers(0, 3)) * 333))
    return rows


def table(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as the analyses take them."""
    return [
        {
            "customer": customer,
            "start": ORIGIN + timedelta(start),
            "end": None if end is None else ORIGIN + timedelta(end),
            "amount": f"{cents / 100:.2f}",
        }
        for customer, start, end, cents in rows
    ]


@attrs.frozen
class Daily:
    """The second method: who is a customer on each day, and what each pays, day by day."""

    days: dict[str, list[bool]]
    pays: dict[str, list[int]]
    filled: dict[str, set[int]]

    @classmethod
    def of(cls, rows: list[Row], grace: int, known: int) -> Daily:
        """Mark every day, then fill the gaps that are too short, and those that are too young."""
        found = cls({}, {}, {})
        by_customer: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row[1] <= known and row[1] != row[2]:
                by_customer[row[0]].append(row)
        for customer, own in by_customer.items():
            pays = [
                sum(cents for _, start, end, cents in own if start <= day and (end is None or day < end))
                for day in range(known + 1)
            ]
            days = [
                any(start <= day and (end is None or day < end) for _, start, end, _ in own) for day in range(known + 1)
            ]
            filled: set[int] = set()
            run: list[int] = []
            before = False
            for day in range(known + 1):
                if days[day]:
                    filled |= set(run) if before and len(run) < grace else set()
                    run, before = [], True
                else:
                    run.append(day)
            filled |= set(run) if before and len(run) < grace else set()
            for day in sorted(filled):
                days[day], pays[day] = True, pays[day - 1]
            found.days[customer], found.pays[customer], found.filled[customer] = days, pays, filled
        return found

    def counts(self, first: int, after: int) -> dict[str, int]:
        """Sets on the two days, and steps from day to day up to the second."""
        at_start = {who for who, days in self.days.items() if days[first]}
        at_end = {who for who, days in self.days.items() if days[after]}
        ever = {who for who, days in self.days.items() if any(days[: first + 1])}
        steps = [
            (days[day - 1], days[day], any(days[:day]))
            for days in self.days.values()
            for day in range(first + 1, after + 1)
        ]
        return {
            "start": len(at_start),
            "end": len(at_end),
            "lost": len(at_start - at_end),
            "joined": len(at_end - ever),
            "reactivated": len((at_end - at_start) & ever),
            "leavings": steps.count((True, False, True)),
            "joinings": steps.count((False, True, False)),
            "returns": steps.count((False, True, True)),
        }

    def flows(self, first: int, after: int) -> dict[str, int]:
        """Each customer's two amounts, by definition."""
        found: dict[str, int] = defaultdict(int)
        for who, pays in self.pays.items():
            before, now, had = pays[first], pays[after], any(pays[: first + 1])
            found["start"] += before
            found["end"] += now
            found["new"] += now if not before and not had else 0
            found["reactivation"] += now if not before and had else 0
            found["churned"] += before if not now else 0
            if before and now:
                found["expansion"] += max(now - before, 0)
                found["contraction"] += max(before - now, 0)
            assert who in self.days
        return found


def counted(found: Churn) -> tuple[int, ...]:
    """Start, joined, reactivated, lost, end."""
    return found.start, found.joined, found.reactivated, found.lost, found.end


def as_told(rows: list[Row]) -> int:
    """The last day known of when none is said, at least that of the longest period."""
    return max([121, *(start for _, start, _, _ in rows)])


def active(rows: list[Row], day: int) -> set[str]:
    """A(t): the customers with a subscription whose first day is not after t, and its first day not served is."""
    return {who for who, start, end, _ in rows if start <= day and (end is None or day < end)}


@given(served(), st.sampled_from(PERIODS))
def test_it_is_the_definition(rows: list[Row], name: str) -> None:
    """Logo churn over [t0, t1) is |A(t0) without A(t1)| / |A(t0)|, and revenue is that of the two days."""
    t0, t1 = FIRSTS[name]
    base, later = active(rows, t0), active(rows, t1)
    before = {who for day in range(t0) for who in active(rows, day)}
    found = churn(table(rows), period=name, currency="EUR")
    mrr = [
        {who: sum(row[3] for row in rows if row[0] == who and active([row], day)) for who in "abcd"} for day in (t0, t1)
    ]

    assert (found.start, found.lost, found.end) == (len(base), len(base - later), len(later))
    assert found.rate == (len(base - later) / len(base) if base else None)
    assert found.joined == len(later - base - before)
    assert found.reactivated == len((later - base) & before)
    if found.movements is not None:
        minor = found.movements.minor
        assert (minor["start"], minor["end"]) == (sum(mrr[0].values()), sum(mrr[1].values()))
        pairs = [(mrr[0][who], mrr[1][who]) for who in "abcd" if mrr[0][who]]
        assert found.grr == (sum(map(min, pairs)) / minor["start"] if pairs else None)
        assert found.nrr == (sum(now for _, now in pairs) / minor["start"] if pairs else None)


@given(served(), st.sampled_from(PERIODS), st.sampled_from([0, 1, 5, 20, 45]))
def test_it_is_what_counting_day_by_day_gives(rows: list[Row], name: str, grace: int) -> None:
    """On both bases, with any grace."""
    first, after = FIRSTS[name]
    at = ORIGIN + timedelta(as_told(rows))
    daily = Daily.of(rows, grace, as_told(rows))
    want = daily.counts(first, after)

    by_set = churn(table(rows), period=name, grace=grace, as_of=at, currency="EUR")
    by_step = churn(table(rows), period=name, grace=grace, as_of=at, currency="EUR", method="exposed_base")

    assert counted(by_set) == tuple(want[key] for key in ("start", "joined", "reactivated", "lost", "end"))
    assert counted(by_step) == tuple(want[key] for key in ("start", "joinings", "returns", "leavings", "end"))
    moves, flows = by_set.movements, daily.flows(first, after)
    assert (moves is None) == (not rows)
    assert moves is None or {key: flows[key] for key in moves.minor} == moves.minor


@given(served(), st.sampled_from(PERIODS), st.sampled_from([0, 7]), st.sampled_from(["start_base", "exposed_base"]))
def test_the_laws_of_churn(rows: list[Row], name: str, grace: int, method: object) -> None:
    """Churn and retention are one, the counts re-add, rates are fractions, undefined is None."""
    found = churn(table(rows), period=name, grace=grace, currency="EUR", method=method)

    assert found.start + found.joined + found.reactivated - found.lost == found.end
    assert (found.rate is None) == (found.base == 0)
    if found.rate is not None and found.retention is not None and found.annualised is not None:
        assert found.rate + found.retention == 1
        assert 0 <= found.rate <= 1
        assert 0 <= found.annualised <= 1
        assert found.annualised >= found.rate or found.per_year < 1


@given(served(), st.sampled_from(PERIODS), st.sampled_from([0, 7]))
def test_the_laws_of_revenue(rows: list[Row], name: str, grace: int) -> None:
    """The identity to the cent; GRR is a fraction and never above NRR."""
    found = movements(table(rows), period=name, grace=grace, currency="EUR")
    minor = found.minor

    gains = minor["new"] + minor["reactivation"] + minor["expansion"]
    assert minor["start"] + gains - minor["contraction"] - minor["churned"] == minor["end"]
    assert all(amount >= 0 for amount in minor.values())
    assert all((minor[key] > 0) == (found.customers[key] > 0) for key in minor)
    assert (found.grr is None) == (minor["start"] == 0)
    if found.grr is not None and found.nrr is not None:
        assert 0 <= found.grr <= 1
        assert found.nrr >= found.grr


def figures(found: Churn | Movements) -> list[dict[str, object]]:
    """What the result says, with its parts."""
    return [*found.to_dicts(), *attrs.evolve(found, parts=()).to_dicts()]


@given(served(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_is_nothing(rows: list[Row], random: Random) -> None:
    """Of churn and of revenue."""
    mixed = random.sample(rows, len(rows))
    how: Any = {"period": "2026-Q1", "each": "month", "currency": "EUR", "grace": 7}

    assert figures(churn(table(mixed), **how)) == figures(churn(table(rows), **how))
    assert figures(movements(table(mixed), **how)) == figures(movements(table(rows), **how))


@given(served().filter(bool), st.data())
def test_a_subscription_may_be_told_in_two_rows(rows: list[Row], data: st.DataObject) -> None:
    """Where one ends the other starts."""
    place = data.draw(st.integers(0, len(rows) - 1))
    customer, start, end, cents = rows[place]
    cut = data.draw(st.integers(start, as_told(rows) if end is None else end))
    split = [*rows[:place], (customer, start, cut, cents), (customer, cut, end, cents), *rows[place + 1 :]]
    how: Any = {"period": "2026-Q1", "each": "month", "currency": "EUR", "grace": 7, "as_of": ORIGIN + timedelta(LAST)}

    assert figures(churn(table(split), **how)) == figures(churn(table(rows), **how))
    assert figures(movements(table(split), **how)) == figures(movements(table(rows), **how))


@given(served(), st.sampled_from([0, 7]))
def test_the_months_of_a_quarter_come_to_the_quarter(rows: list[Row], grace: int) -> None:
    """Ends meet starts, and what is counted by step adds up."""
    how: Any = {"period": "2026-Q1", "each": "month", "currency": "EUR", "grace": grace}
    by_step = churn(table(rows), method="exposed_base", **how)
    flows = movements(table(rows), **how)

    assert [part.end for part in by_step.parts[:-1]] == [part.start for part in by_step.parts[1:]]
    assert (by_step.parts[0].start, by_step.parts[-1].end) == (by_step.start, by_step.end)
    for name in ("joined", "reactivated", "lost"):
        assert sum(getattr(part, name) for part in by_step.parts) == getattr(by_step, name)
    assert [part.end for part in flows.parts[:-1]] == [part.start for part in flows.parts[1:]]
    net = sum(part.minor["end"] - part.minor["start"] for part in flows.parts)
    assert net == flows.minor["end"] - flows.minor["start"]


@given(served(), st.sampled_from([0, 7, 20]))
def test_a_later_as_of_turns_pending_customers_into_lost_or_kept_ones(rows: list[Row], grace: int) -> None:
    """And changes nothing else about those who were there."""
    how: Any = {"period": "2026-01", "grace": grace, "amount": None}
    young = churn(table(rows), as_of="2026-02-01", **how)
    old = churn(table(rows), as_of=ORIGIN + timedelta(LAST), **how)

    assert old.start == young.start
    assert old.pending == 0
    assert young.end - young.pending <= old.end <= young.end
    assert old.lost >= young.lost


@given(served())
def test_the_reactivated_are_those_of_the_exposed_base_who_were_gone_at_the_start(rows: list[Row]) -> None:
    """Reactivation and churn count the same people."""
    plain = [{key: value for key, value in row.items() if key != "amount"} for row in table(rows)]
    back = reactivation(plain, period="2026-02")
    daily = Daily.of(rows, 0, as_told(rows))
    gone = {who for who, days in daily.days.items() if any(days[:62]) and not days[62]}

    assert back.lapsed == len(gone)
    assert back.reactivated == len({who for who in gone if any(daily.days[who][63:91])})


# --- one identity over both: cohorts and churn ------------------------------------------------------------------------

MONTHS = 6


@st.composite
def whole_months(draw: st.DrawFn) -> dict[int, set[int]]:
    """In which months of 2026 each customer is served, from the first of the month to the first of another."""
    return {
        customer: draw(st.sets(st.integers(0, MONTHS - 1), min_size=1)) for customer in range(draw(st.integers(1, 8)))
    }


@given(whole_months())
def test_the_triangle_of_cohorts_agrees_with_churn(months: dict[int, set[int]]) -> None:
    """Where customers are served in whole calendar months, and every month served counts as activity.

    - who is active in a month is who is served on its first day, so classic retention of a cohort at age k is the
      retention of its customers over its first k months, which start with all of them: 1 - churn on the start base;
    - active at k = active at k - 1 + reactivated - lost, as churn counts them from the one month to the other.
    """
    firsts = {customer: min(served) for customer, served in months.items()}
    day = [add_months(date(2026, 1, 1), month) for month in range(MONTHS + 1)]
    activity = [{"customer": customer, "at": day[month]} for customer, served in months.items() for month in served]
    subscribed = [
        {"customer": customer, "start": day[month], "end": day[month + 1], "cohort": firsts[customer]}
        for customer, served in months.items()
        for month in served
    ]
    for cohort in cohorts(activity, end="2026-06-30").cohorts:
        first = int(cohort.name[-2:]) - 1
        own = [row for row in subscribed if row["cohort"] == first]
        for age in range(1, MONTHS - first):
            start, end = (instant(day[first + step], zone="UTC") for step in (0, age))
            since = churn(own, period=Period(start, end, "UTC", "since"))
            month = churn(subscribed, period=f"2026-{first + age:02}", by="cohort").groups[first]

            assert since.start == cohort.size
            assert since.retention is not None
            assert since.rate == since.lost / cohort.size
            assert cohort.active[age] == since.start - since.lost
            assert abs((cohort.retention[age] or 0) - since.retention) < 1e-15
            assert cohort.active[age - 1] == month.start
            assert cohort.active[age] == month.start + month.reactivated - month.lost == month.end
