"""Instants, days and periods: nothing naive, nothing lost between two periods, in any zone."""

from __future__ import annotations

import itertools
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.calendar import (
    FiscalYear,
    Period,
    Unit,
    add_months,
    day,
    instant,
    moment,
    monthly,
    period,
    period_of,
    periods,
    today,
    zone,
)
from crmcore.kernel.errors import Invalid

BERLIN = "Europe/Berlin"
# Summer time at midnight, twice an hour before midnight, by half an hour, across the date line, and none.
ZONES = st.sampled_from(
    [BERLIN, "America/Sao_Paulo", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut", "UTC"],
)
FISCAL_YEARS = st.builds(
    FiscalYear,
    starts=st.integers(1, 12),
    pattern=st.sampled_from(["months", "4-4-5", "5-4-4"]),
    rule=st.sampled_from(["last", "nearest"]),
)
UNITS = st.sampled_from(get_args(Unit))
DAYS = st.dates(date(1970, 1, 1), date(2100, 12, 31))
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-21T09:00+01:00", datetime(2026, 11, 21, 8, tzinfo=UTC)),
        ("2026-11-21 09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        (datetime(2026, 7, 1, tzinfo=ZoneInfo(BERLIN)), datetime(2026, 6, 30, 22, tzinfo=UTC)),
    ],
)
def test_an_instant_is_itself_in_utc(value: datetime | str, expected: datetime) -> None:
    """Looking back from it or not."""
    assert instant(value, zone=BERLIN) == moment(value, zone=BERLIN) == expected
    assert instant(value, zone=BERLIN).tzinfo is UTC


@pytest.mark.parametrize("value", ["2026-10-25", date(2026, 10, 25)])
def test_a_bare_day_is_its_start_or_its_end(value: date | str) -> None:
    """In the zone, where this one has 25 hours."""
    assert instant(value, zone=BERLIN) == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert moment(value, zone=BERLIN) == datetime(2026, 10, 25, 22, 59, 59, 999999, tzinfo=UTC)


def test_a_day_whose_midnight_is_skipped_starts_after_the_gap() -> None:
    """São Paulo went from 23:59 to 01:00; Samoa left a whole day out."""
    assert instant("2018-11-04", zone="America/Sao_Paulo") == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert instant("2011-12-30", zone="Pacific/Apia") == instant("2011-12-31", zone="Pacific/Apia")


class Stamp(datetime):
    """An instant of another library."""


def test_an_instant_of_another_library_becomes_a_plain_one() -> None:
    """So that what is stored is what the standard library reads."""
    found = instant(Stamp(2026, 11, 21, 9, tzinfo=timezone(timedelta(hours=1))), zone=BERLIN)

    assert type(found) is datetime
    assert found == datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.mark.parametrize("value", [datetime(2026, 11, 21, 9), "2026-11-21T09:00", "20261121"], ids=str)
@pytest.mark.parametrize("read", [instant, moment])
def test_a_naive_instant_is_refused(read: type, value: datetime | str) -> None:
    """The mend is an offset."""
    with pytest.raises(Invalid, match=r"naive.*add the offset"):
        read(value, zone=BERLIN)


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "2026-11", "\ud800", None, 20261121, []], ids=ascii)
@pytest.mark.parametrize("read", [instant, moment])
def test_what_is_no_instant_is_refused(read: type, value: str) -> None:
    """Showing how to write one."""
    with pytest.raises(Invalid, match="2026-11-21T09:00"):
        read(value, zone=BERLIN)


@pytest.mark.parametrize(
    "value",
    [datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), "0001-01-01T00:00+01:00", "0001-01-01"],
    ids=str,
)
def test_an_instant_beyond_the_calendar_is_refused(value: datetime | str) -> None:
    """As one error of ours."""
    with pytest.raises(Invalid, match="years 1 to 9999"):
        instant(value, zone=BERLIN)
    with pytest.raises(Invalid, match="years 1 to 9999"):
        moment(date.max, zone=BERLIN)


def test_a_day_is_a_date_or_its_text() -> None:
    """The day of an instant needs a zone."""
    assert day("2026-11-21") == day(date(2026, 11, 21)) == date(2026, 11, 21)
    assert today(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), BERLIN) == date(2026, 11, 22)
    assert today(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), ZoneInfo("UTC")) == date(2026, 11, 21)


@pytest.mark.parametrize(
    "value",
    [datetime(2026, 11, 21, tzinfo=UTC), "2026-11-21T00:00Z", "21.11.2026", "2026-02-30", "20261121", None, 5],
    ids=str,
)
def test_what_is_no_day_is_refused(value: date) -> None:
    """Instants among them."""
    with pytest.raises(Invalid, match="2026-11-21'"):
        day(value)


def test_today_needs_an_aware_now() -> None:
    """Which is an instant, and within reach."""
    with pytest.raises(Invalid, match="naive"):
        today(datetime(2026, 11, 21), BERLIN)
    with pytest.raises(Invalid, match="aware datetime"):
        today("2026-11-21", BERLIN)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="years 1 to 9999"):
        today(datetime.max.replace(tzinfo=UTC), BERLIN)


def test_a_zone_goes_by_its_iana_name() -> None:
    """A ZoneInfo is itself."""
    assert zone(BERLIN) is zone(ZoneInfo(BERLIN))


@pytest.mark.parametrize("name", ["", "Europe", "Europe/Bonn", "../etc/passwd", "\ud800", None, 1, UTC], ids=ascii)
def test_an_unknown_zone_is_refused(name: str) -> None:
    """Folders, paths and fixed offsets included."""
    with pytest.raises(Invalid, match="IANA"):
        zone(name)


@given(DAYS, st.integers(-1200, 1200))
def test_months_are_added_to_the_anchor(anchor: date, months: int) -> None:
    """Same day of the month, or the last one of a shorter month."""
    found = add_months(anchor, months)

    assert found.year * 12 + found.month == anchor.year * 12 + anchor.month + months
    assert found.day == anchor.day or (found.day < anchor.day and (found + timedelta(days=1)).day == 1)
    assert anchor.day > 28 or add_months(found, -months) == anchor


@given(DAYS, st.integers(1, 24))
def test_a_series_of_months_never_drifts(anchor: date, every: int) -> None:
    """Each day is counted from the anchor, so a short month leaves no trace."""
    series = list(itertools.islice(monthly(anchor, every=every), 13))

    assert series == [add_months(anchor, every * i) for i in range(13)]
    assert series[12].day == anchor.day or anchor.day == 29


def test_the_end_of_january_comes_back() -> None:
    """In a leap year and out of one."""
    assert [add_months("2028-01-31", n) for n in (1, 2, 13)] == [
        date(2028, 2, 29),
        date(2028, 3, 31),
        date(2029, 2, 28),
    ]
    assert add_months("9999-11-30", 1) == date(9999, 12, 30)


@pytest.mark.parametrize(
    ("start", "months"), [("2026-01-31", 1.5), ("2026-01-31", 10**6), ("2026-01-31", -(10**30)), ("x", 1)]
)
def test_months_that_lead_nowhere_are_refused(start: str, months: int) -> None:
    """Fractions, and what lies beyond the calendar."""
    with pytest.raises(Invalid):
        add_months(start, months)


@pytest.mark.parametrize("every", [0, -1, 0.5])
def test_a_series_goes_forward(every: int) -> None:
    """Refused when asked for, not when read."""
    with pytest.raises(Invalid, match="at least 1"):
        monthly("2026-01-31", every=every)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-11-21", date(2026, 11, 21), date(2026, 11, 21)),
        ("2026-W47", date(2026, 11, 16), date(2026, 11, 22)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("FY2026-P03", date(2025, 6, 1), date(2025, 6, 30)),
        ("FY2026-Q2", date(2025, 7, 1), date(2025, 9, 30)),
        ("FY2026", date(2025, 4, 1), date(2026, 3, 31)),
    ],
)
def test_a_name_says_which_days(name: str, first: date, last: date) -> None:
    """From the start of the first up to the end of the last."""
    found = period(name, zone=BERLIN, fiscal=FiscalYear(starts=4))

    assert found.start == instant(first, zone=BERLIN)
    assert found.end == moment(last, zone=BERLIN) + timedelta(microseconds=1)
    assert (first in found, last in found) == (True, True)
    assert (first - timedelta(days=1) in found, last + timedelta(days=1) in found) == (False, False)
    assert found.calendar_days == (last - first).days + 1
    assert str(found) == f"{name} (Europe/Berlin)"


@pytest.mark.parametrize(
    "name",
    [
        *["2026-13", "2026-00", "2026-Q0", "2026-Q5", "2025-W53", "2026-W00", "2026-02-30", "2026-1", "26"],
        *["2026-P03", "FY2026-03", "FY2026-P13", "2026-q3", "20261121", "2026-11-21T00:00Z", "", "now", None, 2026],
    ],
    ids=str,
)
def test_what_names_no_period_is_refused(name: str) -> None:
    """Showing how to write one."""
    with pytest.raises(Invalid, match="2026-Q3, 2026-11"):
        period(name, zone=BERLIN, fiscal=FiscalYear())


@pytest.mark.parametrize("name", ["0000", "0000-05", "9999", "9999-12-31", "9999-W52", "FY0000"])
def test_a_period_lies_within_the_calendar(name: str) -> None:
    """With its end."""
    with pytest.raises(Invalid, match="years 1 to 9999"):
        period(name, zone="UTC", fiscal=FiscalYear())


def test_a_fiscal_period_needs_a_fiscal_year() -> None:
    """By name and by unit."""
    with pytest.raises(Invalid, match="FiscalYear"):
        period("FY2026", zone=BERLIN)
    with pytest.raises(Invalid, match="FiscalYear"):
        period_of("2026-11-21", "fiscal quarter", zone=BERLIN)


@given(INSTANTS, UNITS, ZONES, FISCAL_YEARS)
def test_the_periods_of_a_unit_tile_time(at: datetime, unit: Unit, tz: str, fiscal: FiscalYear) -> None:
    """Every instant lies in one; the next begins where it ends."""
    found = period_of(at, unit, zone=tz, fiscal=fiscal)

    assert at in found
    assert found.next().start == found.end
    assert found.previous().end == found.start
    assert found.next().previous() == found.previous().next() == found


@given(DAYS, UNITS, ZONES, FISCAL_YEARS)
def test_a_name_reads_back(value: date, unit: Unit, tz: str, fiscal: FiscalYear) -> None:
    """As the same period; so does a pickle."""
    found = period_of(value, unit, zone=tz, fiscal=fiscal)

    assert period(found.name, zone=tz, fiscal=fiscal) == found == pickle.loads(pickle.dumps(found))
    assert (found.fiscal is None) == (not unit.startswith("fiscal"))


@given(st.integers(1971, 2100), ZONES, FISCAL_YEARS)
def test_a_fiscal_year_is_tiled_by_its_parts(year: int, tz: str, fiscal: FiscalYear) -> None:
    """By four quarters, by twelve periods, by its days."""
    whole = period(f"FY{year}", zone=tz, fiscal=fiscal)

    for first, last, count in [("Q1", "Q4", 4), ("P01", "P12", 12)]:
        ends = [period(f"FY{year}-{part}", zone=tz, fiscal=fiscal) for part in (first, last)]
        parts = periods(*ends)
        assert len(parts) == count
        assert (parts[0].start, parts[-1].end) == (whole.start, whole.end)
        assert all(a.end == b.start for a, b in itertools.pairwise(parts))
        assert sum(part.calendar_days for part in parts) == whole.calendar_days


@pytest.mark.parametrize(("name", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_may_have_23_or_25_hours(name: str, hours: int) -> None:
    """It is one day of the calendar all the same."""
    found = period(name, zone=BERLIN)

    assert found.days * 24 == pytest.approx(hours)
    assert found.calendar_days == 1


def test_where_a_day_shows_twice_its_first_midnight_divides() -> None:
    """St John's went back over midnight in 2006: at 00:01 on the 29th it was 23:01 on the 28th again."""
    again = datetime(2006, 10, 29, 3, tzinfo=UTC)

    assert today(again, "America/St_Johns") == date(2006, 10, 28)
    assert period_of(again, "day", zone="America/St_Johns").name == "2006-10-29"


def test_a_skipped_day_is_empty() -> None:
    """Samoa went from the 29th straight to the 31st of December 2011; the periods still tile."""
    skipped = period("2011-12-30", zone="Pacific/Apia")

    assert skipped.start == skipped.end
    assert skipped.days == 0
    assert skipped.previous().end == skipped.next().start
    assert period_of(skipped.start, "day", zone="Pacific/Apia").name == "2011-12-31"


def test_any_stretch_of_time_can_be_a_period() -> None:
    """Counting the days that start in it; it has no neighbours."""
    launch = Period(
        datetime(2026, 11, 21, 12, tzinfo=UTC),
        datetime(2026, 11, 23, 18, tzinfo=ZoneInfo(BERLIN)),
        BERLIN,
        "launch",
    )

    assert launch.end == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert datetime(2026, 11, 22, tzinfo=UTC) in launch
    assert date(2026, 11, 21) not in launch
    assert launch.calendar_days == 2
    assert launch.days == pytest.approx(2 + 5 / 24)
    with pytest.raises(Invalid, match="the name of a period"):
        launch.next()
    with pytest.raises(Invalid, match="the bounds its name says"):
        Period(launch.start, launch.end, BERLIN, "2026-11").previous()


def test_every_problem_of_a_period_is_named() -> None:
    """Naive bounds, an unknown zone; an end before the start."""
    with pytest.raises(Invalid) as error:
        Period(datetime(2026, 1, 1), "2027", "Bonn", "x")  # type: ignore[arg-type]
    assert [problem.path for problem in error.value.problems] == ["start", "end", "zone"]
    with pytest.raises(Invalid, match="swap"):
        Period(datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), BERLIN, "x")


def test_what_is_asked_of_a_period_is_an_instant_or_a_day() -> None:
    """Naive ones are refused here too."""
    with pytest.raises(Invalid, match="naive"):
        datetime(2026, 1, 1) in period("2026", zone=BERLIN)


def test_a_row_of_periods_has_both_its_ends() -> None:
    """Of one unit, zone and fiscal year, forwards."""
    first, last = period("2026-11", zone=BERLIN), period("2027-02", zone=BERLIN)

    assert [month.name for month in periods(first, last)] == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert periods(first, first) == (first,)
    with pytest.raises(Invalid, match="swap"):
        periods(last, first)
    for other in [period("2027-Q1", zone=BERLIN), period("2027-02", zone="UTC")]:
        with pytest.raises(Invalid, match="a month like 2026-11"):
            periods(first, other)


def test_an_unknown_unit_is_refused() -> None:
    """Listing those there are."""
    with pytest.raises(Invalid, match="fiscal quarter"):
        period_of("2026-11-21", "fortnight", zone=BERLIN)  # type: ignore[arg-type]
