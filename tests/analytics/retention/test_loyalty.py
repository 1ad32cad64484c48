"""The loyalty ledger: no point is lost, none is made up, and the oldest are used first."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import Invalid
from crmcore.analytics.retention import LoyaltyAccount, loyalty


def entries(*made: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Entries: customer, day, what happened, points, and perhaps when they expire."""
    return [dict(zip(("customer", "at", "what", "points", "expires_on"), one, strict=False)) for one in made]


def account(made: list[dict[str, Any]], **options: object) -> LoyaltyAccount:
    """Ada's account."""
    return loyalty(made, **options).accounts["ada"]


def tallies(found: LoyaltyAccount) -> tuple[int, ...]:
    """Earned, redeemed, adjusted, expired, balance."""
    return found.earned, found.redeemed, found.adjusted, found.expired, found.balance


YEAR = entries(
    ("ada", "2025-01-31", "earned", 100),
    ("ada", "2025-06-01", "earned", 50),
    ("ada", "2025-07-01", "Redeemed", 70),
    ("ada", "2025-08-01", "adjusted", -10),
    ("ada", "2025-09-01", "adjusted", 5),
)


def test_the_oldest_points_are_used_first() -> None:
    """Of the hundred of January twenty are left, and expire in January."""
    assert tallies(account(YEAR)) == (150, 70, -5, 0, 75)
    before = account(YEAR, as_of="2026-01-30", expires_after="12 months")
    after = account(YEAR, as_of="2026-01-31", expires_after="1 year")

    assert (before.balance, before.expiring, before.expires_on) == (75, 20, date(2026, 1, 31))
    assert (after.balance, after.expired, after.expires_on) == (55, 20, date(2026, 6, 1))


def test_points_are_redeemed_before_they_expire() -> None:
    """Not from those that have."""
    made = entries(("ada", "2025-01-01", "earned", 100), ("ada", "2025-01-31", "redeemed", 100))

    assert account(made, expires_after=31).balance == 0
    with pytest.raises(Invalid, match="at most 0, the balance then"):
        loyalty(made, expires_after="30d")


def test_an_own_day_of_expiry_comes_before_the_rule() -> None:
    """And may come in any order."""
    made = entries(
        ("ada", "2025-01-01", "earned", 10, None),
        ("ada", "2025-01-02", "earned", 20, "2025-02-01"),
        ("ada", "2025-01-03", "earned", 30, "9999-12-31"),
    )
    found = account(made, as_of="2025-03-01", expires_after="12 months")

    assert tallies(found) == (60, 0, 0, 20, 40)
    assert found.expires_on == date(2026, 1, 1)
    last = account(made, as_of="2026-03-01", expires_after="12 months")
    assert (last.balance, last.expiring, last.expires_on) == (30, 0, None)


def test_on_a_bare_date_earning_comes_first() -> None:
    """Whatever the order of the rows."""
    made = entries(("ada", "2025-01-01", "redeemed", 5), ("ada", "2025-01-01", "earned", 5))

    assert account(made).balance == 0


def test_an_expiry_recorded_elsewhere_takes_the_oldest() -> None:
    """It is counted as expired."""
    made = entries(("ada", "2025-01-01", "earned", 5), ("ada", "2026-01-01", "expired", 3))

    assert tallies(account(made)) == (5, 0, 0, 3, 2)


def test_the_balance_at_an_earlier_day() -> None:
    """Later entries are left out, and told."""
    ledger = loyalty(YEAR, as_of="2025-06-30")

    assert tallies(ledger.accounts["ada"]) == (150, 0, 0, 0, 150)
    assert ledger.made.exclusions == {"entries after the as-of": 3}
    assert loyalty(YEAR).made.at_given is False


def test_a_ledger_is_read_as_tables() -> None:
    """The totals, and each account."""
    ledger = loyalty(YEAR + entries(("bob", "2025-01-01", "earned", 7)))

    assert list(ledger.accounts) == ["ada", "bob"]
    assert ledger.total == {"earned": 157, "redeemed": 70, "adjusted": -5, "expired": 0, "balance": 82}
    assert [one["balance"] for one in ledger.to_dicts()] == [75, 7]
    assert repr(ledger) == "<LoyaltyLedger: 2 accounts, balance 82>"
    assert "bob" in str(ledger)
    empty = loyalty([])
    assert (empty.total["balance"], empty.made.at, "Accounts" in str(empty)) == (0, None, False)


def test_every_row_that_takes_too_much_is_told() -> None:
    """The balance then is what could have been taken."""
    with pytest.raises(Invalid) as refused:
        loyalty(entries(
            ("ada", "2025-01-01", "earned", 10), ("ada", "2025-01-02", "redeemed", 11),
            ("ada", "2025-01-03", "adjusted", -4), ("ada", "2025-01-04", "redeemed", 7),
        ))  # fmt: skip

    assert [(problem.path, problem.expected) for problem in refused.value.problems] == [
        ('entries row 2, column "points"', "at most 10, the balance then"),
        ('entries row 4, column "points"', "at most 6, the balance then"),
    ]


def test_everything_wrong_with_the_table_is_told_at_once() -> None:
    """By row and column."""
    with pytest.raises(Invalid) as refused:
        loyalty(entries(
            ("ada", "2025-01-01", "won", 1), ("ada", "2025-01-01", 7, 1), ("ada", "2025-01-01", "earned", 1.5),
            ("ada", "2025-01-01", "earned", None), ("ada", None, "earned", 1), (None, "2025-01-01", "earned", 1),
            ("ada", "2025-01-01", "redeemed", -1), ("ada", "2025-01-01", "earned", 1, "2024-01-01"),
            ("ada", "2025-01-01", "earned", "many"), ("ada", "2025-01-01", "earned", 10**16),
        ))  # fmt: skip

    paths = sorted(problem.path for problem in refused.value.problems)
    assert paths == sorted([
        'entries row 1, column "what"', 'entries row 2, column "what"', 'entries row 3, column "points"',
        'entries row 4, column "points"', 'entries row 5, column "at"', 'entries row 6, column "customer"',
        'entries row 7, column "points"', 'entries row 8, column "expires_on"', 'entries row 9, column "points"',
        'entries row 10, column "points"',
    ])  # fmt: skip


@pytest.mark.parametrize("lasts", [0, "0 months", "for ever", -3, timedelta(hours=1)])
def test_points_last_a_day_or_more(lasts: object) -> None:
    """Whole days, or months."""
    with pytest.raises(Invalid, match="expires_after"):
        loyalty(YEAR, expires_after=lasts)


def test_points_may_outlast_the_calendar() -> None:
    """They then never expire."""
    for lasts in ("9999 years", 999_999):
        assert account(entries(("ada", "9990-01-01", "earned", 1)), expires_after=lasts).expires_on is None


@st.composite
def made_entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries, some of which take more than there is."""
    rows: list[dict[str, Any]] = []
    day = date(2025, 1, 1)
    for _ in range(draw(st.integers(0, 15))):
        day += timedelta(draw(st.integers(1, 20)))
        rows.append(
            {"customer": draw(st.sampled_from("ab")), "at": day, "what": "earned", "points": draw(st.integers(0, 50))}
        )
        what, sign = draw(st.sampled_from([("redeemed", 1), ("adjusted", -1), ("expired", 1), ("adjusted", 1)]))
        points = draw(st.integers(0, 20))
        rows.append(
            {"customer": draw(st.sampled_from("ab")), "at": day + timedelta(1), "what": what, "points": sign * points}
        )
    return rows


def one_by_one(rows: list[dict[str, Any]], lasts: int | None, end: date) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The second method: every point is a token with its own last day; entries that take too much are left out."""
    kept: list[dict[str, Any]] = []
    tokens: dict[str, list[date]] = {}
    tally: dict[str, dict[str, int]] = {}
    for row in sorted(rows, key=lambda row: (row["at"], row["what"] != "earned", row["points"] < 0)):
        who, day, points = row["customer"], row["at"], row["points"]
        if day > end:
            continue
        own, told = (
            tokens.setdefault(who, []),
            tally.setdefault(who, dict.fromkeys(("earned", "redeemed", "adjusted", "expired"), 0)),
        )
        told["expired"] += sum(token <= day for token in own)
        own[:] = [token for token in own if token > day]
        if row["what"] == "earned" or (row["what"] == "adjusted" and points > 0):
            own += [date.max if lasts is None else day + timedelta(lasts)] * points
        elif abs(points) > len(own):
            continue
        else:
            del own[: abs(points)]
        told[row["what"]] += points
        kept.append(row)
    for who, own in tokens.items():
        tally[who]["expired"] += sum(token <= end for token in own)
        tally[who]["balance"] = sum(token > end for token in own)
    return kept, tally


@given(made_entries(), st.none() | st.integers(1, 90), st.integers(0, 400), st.randoms(use_true_random=False))
def test_no_point_is_lost(rows: list[dict[str, Any]], lasts: int | None, later: int, random: Random) -> None:
    """It is what moving point by point gives, in any order of the rows; the points of every account add up."""
    end = date(2025, 1, 1) + timedelta(later)
    kept, tally = one_by_one(rows, lasts, end)

    ledger = loyalty(random.sample(kept, len(kept)), as_of=end, expires_after=lasts)

    assert {*ledger.accounts} == {row["customer"] for row in kept}
    for who, one in ledger.accounts.items():
        assert {name: getattr(one, name) for name in tally[who]} == tally[who]
        assert one.earned + one.adjusted == one.balance + one.redeemed + one.expired
        assert one.balance >= one.expiring >= 0
