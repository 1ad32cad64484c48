"""Fiscal years: the ones businesses publish, and the laws of any."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from typing import get_args

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.fiscal import FiscalYear, Weekday

FISCAL_YEARS = st.builds(
    FiscalYear,
    starts=st.integers(1, 12),
    pattern=st.sampled_from(["months", "4-4-5", "4-5-4", "5-4-4"]),
    ends_on=st.sampled_from(get_args(Weekday)),
    rule=st.sampled_from(["last", "nearest"]),
    named_by=st.sampled_from(["end", "start"]),
)
DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


def last_day(fiscal: FiscalYear, year: int) -> date:
    """The last day of a fiscal year."""
    return fiscal.first_day(year + 1) - timedelta(days=1)


@pytest.mark.parametrize(
    ("starts", "named_by", "first"),
    [
        (1, "end", date(2026, 1, 1)),
        (1, "start", date(2026, 1, 1)),
        (4, "end", date(2025, 4, 1)),
        (4, "start", date(2026, 4, 1)),
        (7, "end", date(2025, 7, 1)),
    ],
)
def test_a_year_of_months_is_named_by_its_end_or_start(starts: int, named_by: str, first: date) -> None:
    """By default by the calendar year in which it ends."""
    assert FiscalYear(starts=starts, named_by=named_by).first_day(2026) == first  # type: ignore[arg-type]


def test_the_retail_calendar_is_the_published_one() -> None:
    """4-5-4, Saturday nearest 31 January, named by its start; 2017 and 2023 have 53 weeks."""
    retail = FiscalYear(starts=2, pattern="4-5-4", rule="nearest", named_by="start")
    firsts = {2017: date(2017, 1, 29), 2018: date(2018, 2, 4), 2023: date(2023, 1, 29), 2024: date(2024, 2, 4)}

    assert {year: retail.first_day(year) for year in firsts} == firsts
    assert retail.first_day(2024, 2) == date(2024, 3, 3)
    assert retail.first_day(2024, 3) == date(2024, 4, 7)


@pytest.mark.parametrize(
    ("starts", "year", "last"),
    [
        (10, 2017, date(2017, 9, 30)),
        (10, 2022, date(2022, 9, 24)),
        (10, 2023, date(2023, 9, 30)),
        (10, 2024, date(2024, 9, 28)),
        (8, 2022, date(2022, 7, 30)),
        (8, 2023, date(2023, 7, 29)),
        (8, 2024, date(2024, 7, 27)),
    ],
)
def test_years_that_end_on_the_last_saturday_of_a_month(starts: int, year: int, last: date) -> None:
    """As Apple's (September) and Cisco's (July) annual reports were dated."""
    assert last_day(FiscalYear(starts=starts, pattern="4-4-5"), year) == last


@pytest.mark.parametrize(("pattern", "weeks"), [("4-4-5", [4, 4, 5]), ("4-5-4", [4, 5, 4]), ("5-4-4", [5, 4, 4])])
def test_the_pattern_divides_each_quarter(pattern: str, weeks: list[int]) -> None:
    """And a 53rd week belongs to the last period."""
    fiscal = FiscalYear(starts=10, pattern=pattern)  # type: ignore[arg-type]
    firsts = [fiscal.first_day(2023, period) for period in range(1, 13)] + [fiscal.first_day(2024)]
    lengths = [(b - a).days // 7 for a, b in pairwise(firsts)]

    assert lengths == [*weeks * 3, *weeks[:2], weeks[2] + 1]


@given(FISCAL_YEARS, DAYS)
def test_every_day_lies_in_the_period_it_is_said_to(fiscal: FiscalYear, day: date) -> None:
    """From its first day up to the first day of the next."""
    year, period = fiscal.period_of(day)
    following = fiscal.first_day(year, period + 1) if period < 12 else fiscal.first_day(year + 1)

    assert fiscal.first_day(year, period) <= day < following


@given(FISCAL_YEARS, st.integers(1900, 2100))
def test_a_year_of_weeks_has_52_or_53_and_ends_by_its_rule(fiscal: FiscalYear, year: int) -> None:
    """On its weekday, and within a week of the closing month's last day."""
    last = last_day(fiscal, year)
    opening = FiscalYear(starts=fiscal.starts, named_by=fiscal.named_by).first_day(year + 1)
    distance = (last - (opening - timedelta(days=1))).days

    if fiscal.pattern == "months":
        assert distance == 0
    else:
        assert last.strftime("%A") == fiscal.ends_on
        assert (last - fiscal.first_day(year)).days + 1 in {52 * 7, 53 * 7}
        assert -6 <= distance <= 0 if fiscal.rule == "last" else -3 <= distance <= 3


@given(FISCAL_YEARS)
def test_it_is_plain_data_and_back(fiscal: FiscalYear) -> None:
    """Through JSON too."""
    assert FiscalYear(**json.loads(json.dumps(attrs.asdict(fiscal)))) == fiscal


def test_every_bad_choice_is_named() -> None:
    """With what there is to choose from."""
    with pytest.raises(Invalid, match="4-4-5") as error:
        FiscalYear(0, "445", "Sat", "first", "middle")  # type: ignore[arg-type]
    assert {problem.path for problem in error.value.problems} == {"starts", "pattern", "ends_on", "rule", "named_by"}
    with pytest.raises(Invalid, match="starts"):
        FiscalYear(starts=True)


@pytest.mark.parametrize(("year", "period"), [(2026, 0), (2026, 13), ("2026", 1), (0, 1), (10_000, 1), (10**30, 1)])
@pytest.mark.parametrize("pattern", ["months", "4-4-5"])
def test_there_is_no_such_period(year: int, period: int, pattern: str) -> None:
    """Outside the twelve, or outside the calendar."""
    with pytest.raises(Invalid):
        FiscalYear(pattern=pattern).first_day(year, period)  # type: ignore[arg-type]
