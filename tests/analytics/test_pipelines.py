"""The figures of a pipeline, on small tables whose every figure can be checked by hand."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from crmcore.analytics import PipelineReport, pipeline
from crmcore.kernel.calendar import Period
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money
from crmcore.kernel.rates import Rate, Rates

# id, status, opened, closed, amount, probability, owner, account
TABLE = """
1 won  2026-01-05 2026-01-25 900 -   ann  acme
2 won  2026-01-10 2026-03-01 300 -   ben  bolt
3 won  2026-02-01 2026-02-15 -   -   ann  acme
4 lost 2026-01-08 2026-01-18 500 -   ann  -
5 lost -          2026-02-20 100 0.9 ben  bolt
6 open 2026-02-10 2026-12-01 400 0.5 ann  -
7 open 2026-03-02 -          200 -   -    acme
8 open -          -          -   0.2 ben  bolt
"""
NAMES = ("id", "status", "opened_at", "closed_at", "amount", "probability", "owner", "account")
DEALS: list[dict[str, Any]] = [
    {name: None if cell == "-" else cell for name, cell in zip(NAMES, line.split(), strict=True)}
    for line in TABLE.strip().splitlines()
]


def euros(amount: str) -> Money:
    """An amount in the currency of the tests."""
    return Money(amount, "EUR")


@pytest.fixture(scope="module")
def report() -> PipelineReport:
    """The pipeline of the table."""
    return pipeline(DEALS, currency="EUR")


def test_deals_are_counted_by_what_became_of_them(report: PipelineReport) -> None:
    """Each once; what is missing is counted beside."""
    assert (report.deals, report.open, report.won, report.lost) == (8, 3, 3, 2)
    assert (report.unvalued, report.unweighted, report.undated, report.no_account) == (1, 1, 2, 2)


def test_values_add_up_what_is_valued(report: PipelineReport) -> None:
    """A lost deal weighs nothing, whatever probability it still carries; a won one its amount."""
    assert report.open_value == euros("600")
    assert report.weighted_open_value == euros("200")
    assert report.weighted_value == euros("1400")
    assert report.won_value == euros("1200")
    assert report.lost_value == euros("600")
    assert report.average_won == euros("600")


def test_win_rate_is_of_closed_deals(report: PipelineReport) -> None:
    """By count and by value are two figures."""
    assert report.win_rate == 3 / 5
    assert report.win_rate_by_value == 1200 / 1800


def test_cycles_are_of_deals_with_both_dates(report: PipelineReport) -> None:
    """Won and lost apart: 20, 50 and 14 days; 10 days."""
    assert report.won_cycle_days is not None
    assert report.lost_cycle_days is not None
    assert (report.won_cycle_days.mean, report.won_cycle_days.median, report.won_cycle_days.n) == (28, 20, 3)
    assert (report.lost_cycle_days.mean, report.lost_cycle_days.median, report.lost_cycle_days.n) == (10, 10, 1)


def test_velocity_is_value_per_day(report: PipelineReport) -> None:
    """Exactly, and rounded to cents beside it."""
    assert report.velocity_exact == Fraction(1200, 28)
    assert report.velocity == euros("42.86")
    assert report.open_velocity_exact == 3 * Fraction(3, 5) * 600 / 28
    assert report.open_velocity == euros("38.57")


def test_the_report_says_how_it_was_made(report: PipelineReport) -> None:
    """As of the latest instant in the data: an open deal's expected closing is none."""
    assert report.at == datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    assert not report.made.at_given
    assert (report.period, report.currency, report.made.zone) == (None, "EUR", "UTC")
    assert report.made.exclusions == {"won deals without an amount, in no value": 1}
    assert str(report.made) == (
        "as of 2026-03-02T23:59:59.999999+00:00 (the latest instant in the data); all time; zone UTC; in EUR; "
        "1 won deals without an amount, in no value"
    )


def test_every_figure_is_defined_in_words(report: PipelineReport) -> None:
    """Beside the figure, not in a manual."""
    private = {"by", "definitions", "group", "groups", "made", "n_min", "reasons", "at", "period", "currency"}
    figures = {name for name in dir(report) if not name.startswith(("_", "to_")) and name not in private}

    assert figures - {"sections", "valued_won", "velocity_exact", "open_velocity_exact"} == set(report.definitions)


def test_nothing_is_undefined_without_a_reason() -> None:
    """An empty pipeline has zero deals, and says of everything else why it is None."""
    empty = pipeline([])
    undefined = {name for name in (*empty.definitions, "at") if getattr(empty, name) is None}

    assert (empty.deals, empty.no_account) == (0, None)
    assert undefined | {"reached", "time_in_stage"} == {name for name in empty.reasons if "exact" not in name}
    assert all(empty.reasons.values())
    assert str(empty.made) == "no instant in the data; all time; zone UTC"
    assert empty.made.local is None
    assert repr(empty) == "<PipelineReport: 0 deals, 0 open, 0 won, 0 lost, win rate –>"


@pytest.mark.parametrize(
    ("deals", "figure", "why"),
    [
        ([{"status": "open", "amount": 5}], "win_rate", "no deal was won or lost"),
        ([{"status": "open", "amount": 5}], "average_won", "no won deal has an amount"),
        ([{"status": "won", "amount": 5}], "velocity", "no won deal has both an opening and a closing date"),
        ([{"status": "lost", "amount": 5}], "won_cycle_days", "no won deal has both an opening and a closing date"),
        ([{"status": "won", "amount": 5}], "lost_cycle_days", "no lost deal has both an opening and a closing date"),
        ([{"status": "won", "amount": 0}], "win_rate_by_value", "the values of won and lost deals are 0, or one"),
        ([{"status": "won", "amount": 2}, {"status": "lost", "amount": -1}], "win_rate_by_value", "is negative"),
        ([{"status": "won", "opened_at": "2026-01-01", "closed_at": "2026-01-02"}], "open_velocity", "has an amount"),
        (
            [{"status": "won", "amount": 5, "opened_at": "2026-01-01", "closed_at": "2026-01-01"}],
            "velocity",
            "the mean won cycle is 0 days",
        ),
        (
            [
                {
                    "status": "won",
                    "amount": 10**15,
                    "opened_at": "2026-01-01T00:00:00+00:00",
                    "closed_at": "2026-01-01T00:00:00.000001+00:00",
                }
            ],
            "velocity",
            "or so short that money can't hold the value per day",
        ),
    ],
)
def test_an_undefined_figure_is_none(deals: list[dict[str, Any]], figure: str, why: str) -> None:
    """Never 0, never NaN."""
    report = pipeline(deals, currency="EUR")

    assert getattr(report, figure) is None
    assert why in report.reasons[figure]


def test_no_amounts_and_no_currency_leave_every_value_undefined() -> None:
    """There is no zero without a currency."""
    report = pipeline([{"status": "won"}, {"status": "open"}])

    assert report.win_rate == 1
    assert (report.open_value, report.won_value, report.weighted_value, report.average_won) == (None,) * 4
    assert (report.velocity, report.open_velocity, report.win_rate_by_value) == (None,) * 3
    assert report.reasons["won_value"] == "the deals have no amounts, and no currency= was given"


# --- as of, period --------------------------------------------------------------------------------------------------


def test_what_happened_later_is_not_looked_at() -> None:
    """A deal closed later was open; what probability it had then, nobody can say from here."""
    report = pipeline(DEALS, currency="EUR", at="2026-02-01")

    assert (report.open, report.won, report.lost) == (4, 1, 1)  # open: 2, 3, 5 and 8
    assert report.open_value == euros("400")
    assert (report.weighted_open_value, report.weighted_value, report.unweighted) == (None, None, 3)
    assert report.reasons["weighted_value"] == "no open deal has both an amount and a probability"
    assert report.made.at_given
    assert report.made.exclusions == {
        "deals opened after the as-of": 2,
        "deals closed after the as-of, counted as open": 3,
    }


def test_a_period_restricts_closed_deals() -> None:
    """What is open is open now, whenever it was opened."""
    report = pipeline([*DEALS, {"status": "won", "amount": 7}], currency="EUR", period="2026-02")

    assert (report.open, report.won, report.lost) == (3, 1, 1)
    assert (report.won_value, report.lost_value) == (None, euros("100"))
    assert report.reasons["won_value"] == "no won deal has an amount"
    assert report.reasons["win_rate_by_value"] == "no won deal has an amount, or no lost one"
    assert report.made.exclusions == {
        "deals closed outside the period": 3,
        "closed deals without a closing date": 1,
        "won deals without an amount, in no value": 1,
    }
    assert "period 2026-02" in str(report.made)


def test_a_deal_closed_on_the_last_day_belongs_to_the_period() -> None:
    """In the zone of the business, whether it is told as a date or as an instant."""
    deals = [
        {"status": "won", "closed_at": date(2026, 9, 30)},
        {"status": "won", "closed_at": datetime(2026, 9, 30, 21, 59, tzinfo=UTC)},
        {"status": "won", "closed_at": datetime(2026, 9, 30, 22, 0, tzinfo=UTC)},
    ]

    assert pipeline(deals, period="2026-Q3", zone="Europe/Berlin").won == 2
    assert pipeline(deals, period="2026-Q4", zone="Europe/Berlin").won == 1


def test_a_period_may_be_any() -> None:
    """One of the caller's own."""
    week = Period(datetime(2026, 1, 20, tzinfo=UTC), datetime(2026, 1, 27, tzinfo=UTC), "UTC", "launch week")

    assert pipeline(DEALS, currency="EUR", period=week).won_value == euros("900")


def test_undated_deals_can_be_dropped() -> None:
    """They are counted as left out."""
    report = pipeline(DEALS, currency="EUR", undated="drop")

    assert (report.deals, report.lost, report.undated) == (6, 1, 0)
    assert report.made.exclusions["deals without an opening date"] == 2


# --- days and zones -------------------------------------------------------------------------------------------------


def test_bare_dates_are_calendar_days_apart() -> None:
    """Though the last Sunday of March has 23 hours in Berlin."""
    deals = [{"status": "won", "opened_at": "2026-03-28", "closed_at": "2026-03-30"}]
    report = pipeline(deals, zone="Europe/Berlin")

    assert report.won_cycle_days is not None
    assert report.won_cycle_days.mean == 2
    assert repr(report).startswith("<PipelineReport at 2026-03-30: 1 deals")


def test_instants_are_days_of_24_hours_apart() -> None:
    """Naive ones are read in the zone, both 2:30s of an autumn night too."""
    first = datetime(2026, 10, 25, 2, 30, fold=0)
    deals = [
        {"status": "won", "opened_at": first, "closed_at": first.replace(fold=1)},
        {"status": "won", "opened_at": "2026-03-28T12:00", "closed_at": "2026-03-30T12:00:00+02:00"},
    ]
    cycle = pipeline(deals, zone="Europe/Berlin").won_cycle_days

    assert cycle is not None
    assert cycle.exact_mean == (Fraction(1, 24) + Fraction(47, 24)) / 2


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    """Though Python calls the two equal: in one column, in any subclass."""

    class Stamp(datetime):
        """As pandas has one."""

    for kind in (datetime, Stamp):
        first = kind(2026, 10, 25, 2, 30)
        opened = [first, kind(2026, 10, 25, 2, 30, fold=1)]
        deals = [{"status": "won", "opened_at": at, "closed_at": "2026-10-25T02:00:00+00:00"} for at in opened]
        cycle = pipeline(deals, zone="Europe/Berlin").won_cycle_days

        assert cycle is not None
        assert cycle.exact_mean == Fraction(1, 24)


def test_a_deal_closed_on_the_day_it_was_opened_took_no_time() -> None:
    """A bare date is some time of its day: an instant of the same day is not before it."""
    deals = [{"status": "won", "opened_at": "2026-03-28", "closed_at": datetime(2026, 3, 28, 9, tzinfo=UTC)}]
    cycle = pipeline(deals).won_cycle_days

    assert cycle is not None
    assert cycle.mean == 0


def test_the_end_of_the_calendar_is_no_trouble() -> None:
    """As a date that stands for never."""
    deals = [{"status": "open", "opened_at": "9999-12-31"}, {"status": "open", "opened_at": "0001-01-01"}]

    assert pipeline(deals, zone="Asia/Tokyo").deals == 2
    assert pipeline(deals, zone="America/New_York").open == 2
    assert str(pipeline(deals, zone="Asia/Tokyo", at=datetime.max.replace(tzinfo=UTC)))
    assert str(pipeline([{"status": "open", "opened_at": datetime(1, 1, 1)}], zone="Asia/Tokyo"))


# --- money ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount", [12, 12.0, "12", " 12.00 ", Decimal(12), Money(12, "EUR"), Decimal("12.000")], ids=repr
)
def test_an_amount_may_be_written_in_many_ways(amount: object) -> None:
    """In major units."""
    assert pipeline([{"status": "won", "amount": amount}], currency="EUR").won_value == euros("12")


def test_money_brings_its_currency() -> None:
    """One currency needs no argument."""
    assert pipeline([{"status": "won", "amount": Money(12, "JPY")}]).won_value == Money(12, "JPY")


def test_several_currencies_need_rates() -> None:
    """The message names them."""
    deals = [{"status": "won", "amount": Money(1, code)} for code in ("USD", "EUR", "JPY")]

    with pytest.raises(MixedCurrency, match="got 'EUR, JPY, USD', expected one currency; give rates="):
        pipeline(deals)
    with pytest.raises(MixedCurrency, match="got 'EUR, USD'"):
        pipeline(deals[:1], currency="EUR")


def test_rates_are_those_of_the_closing_day_or_the_as_of() -> None:
    """In the zone of the business, each deal rounded to cents."""
    rates = Rates([Rate("USD", "EUR", date(2026, 1, 1), "0.8"), Rate("USD", "EUR", date(2026, 2, 1), "0.9")])
    dollars = Money("100", "USD")
    deals = [
        {"status": "won", "closed_at": datetime(2026, 1, 31, 22, 59, tzinfo=UTC), "amount": dollars},
        {"status": "won", "closed_at": datetime(2026, 1, 31, 23, 1, tzinfo=UTC), "amount": dollars},
        {"status": "open", "closed_at": "2026-01-15", "amount": dollars, "probability": 1},
        {"status": "lost", "amount": euros("5")},
        {"status": "lost"},
    ]
    report = pipeline(deals, at="2026-02-03", zone="Europe/Berlin", currency="EUR", rates=rates)

    assert (report.won_value, report.open_value, report.lost_value) == (euros("170"), euros("90"), euros("5"))
    with pytest.raises(Invalid, match="currency: got None, expected the currency to convert to; say currency="):
        pipeline(deals, rates=rates)
    with pytest.raises(Invalid, match=r'deals row 1, column "amount": got .*100.*JPY'):
        pipeline([{"status": "won", "amount": Money(100, "JPY")}], currency="EUR", rates=rates)


def test_what_does_not_count_needs_no_rate() -> None:
    """A deal of another period, in a currency of its own."""
    deals = [
        {"status": "won", "closed_at": "2015-01-01", "amount": Money(5, "JPY")},
        {"status": "won", "closed_at": "2026-01-01", "amount": euros("5")},
    ]

    assert pipeline(deals, period="2026").won_value == euros("5")


def test_a_probability_may_be_written_in_many_ways() -> None:
    """Exactly: one tenth is one tenth."""
    for probability in (0.1, "0.1", Decimal("0.1"), " 0.10 "):
        report = pipeline([{"status": "open", "amount": 30, "probability": probability}], currency="EUR")

        assert report.weighted_value == euros("3")


def test_weights_are_rounded_half_even_one_by_one() -> None:
    """So that the parts re-add: half of 1, 3, 5 and 7 cents is 0, 2, 2 and 4."""
    deals = [{"status": "open", "amount": f"0.0{cents}", "probability": 0.5} for cents in (1, 3, 5, 7)]

    assert pipeline(deals, currency="EUR").weighted_open_value == euros("0.08")


def test_lost_deals_weigh_nothing() -> None:
    """Ten open at one half, five won, five lost, 100 each: 1,000, not 1,500."""
    deals = [{"status": "open", "amount": 100, "probability": 0.5}] * 10
    deals += [{"status": status, "amount": 100, "probability": 0.5} for status in ("won", "lost") for _ in range(5)]

    assert pipeline(deals, currency="EUR").weighted_value == euros("1000")


# --- groups ---------------------------------------------------------------------------------------------------------


def test_groups_have_the_same_figures() -> None:
    """Deals without an owner are under None, never dropped."""
    report = pipeline(DEALS, currency="EUR", by="owner")
    ann, ben, nobody = report.groups.values()

    assert list(report.groups) == ["ann", "ben", None]
    assert (ann.group, ann.won, ann.won_value, ann.by) == ("ann", 2, euros("900"), None)
    assert (ben.lost, ben.velocity, nobody.open) == (1, euros("6"), 1)
    assert report.by == "owner"


def test_any_column_can_group() -> None:
    """By its own name; a deal that is not there at the as-of makes no group."""
    deals = [
        {"status": "open", "region": "north", "opened_at": "2026-01-01"},
        {"status": "open", "region": "south", "opened_at": "2026-03-01"},
    ]

    assert list(pipeline(deals, by="region", at="2026-02-01").groups) == ["north"]
    assert pipeline(deals[:0], by="region").groups == {}


def test_a_report_is_a_value() -> None:
    """Equal, hashable, picklable, frozen."""
    report = pipeline(DEALS, currency="EUR", by="account")

    assert pickle.loads(pickle.dumps(report)) == report
    assert hash(report) == hash(pipeline(DEALS, currency="EUR", by="account"))
    with pytest.raises(AttributeError):
        report.won = 0  # type: ignore[misc]


# --- published data -------------------------------------------------------------------------------------------------

MAVEN = Path(os.environ.get("CRMCORE_DATA", "data")) / "maven_crm" / "sales_pipeline.csv"
MAVEN_COLUMNS: Mapping[str, Any] = {
    "id": "opportunity_id",
    "stage": "deal_stage",
    "opened_at": "engage_date",
    "closed_at": "close_date",
    "amount": "close_value",
    "owner": "sales_agent",
    "stages": ["Prospecting", "Engaging"],
    "date_format": "%m/%d/%Y",
    "currency": "USD",
}

# Rows in the shape of that table.
SAMPLE = """\
opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A1,Ann,GTX,Acme,Won,10/20/2016,3/1/2017,1054
A2,Ben,MG,Bolt,Won,1/2/2017,1/9/2017,550
A3,Ann,GTX,,Lost,1/5/2017,1/19/2017,0
A4,Ben,GTX,,Engaging,2/1/2017,,
A5,Ann,MG,Acme,Prospecting,,,
"""


def test_a_table_in_the_shape_of_the_published_one(tmp_path: Path) -> None:
    """Stages say what is won and lost; dates are American; open deals have no amount."""
    path = tmp_path / "sales_pipeline.csv"
    path.write_text(SAMPLE, "utf-8")
    report = pipeline(path, by="product", **MAVEN_COLUMNS)

    assert (report.won, report.lost, report.open, report.unvalued, report.undated) == (2, 1, 2, 2, 1)
    assert report.won_cycle_days is not None
    assert (report.won_cycle_days.mean, report.won_cycle_days.median) == (69.5, 69.5)
    assert report.velocity == Money("23.08", "USD")  # 1604 / 69.5
    assert report.reached == {"Prospecting": 5, "Engaging": 3, "won": 2}
    assert report.no_account == 2
    assert list(report.groups) == ["GTX", "MG"]


@pytest.mark.skipif(not MAVEN.exists(), reason="CRMCORE_DATA does not lead to Maven Analytics' CRM Sales Opportunities")
def test_the_published_table() -> None:
    """Maven Analytics, CRM Sales Opportunities: 8,800 deals of a fictitious hardware seller."""
    report = pipeline(MAVEN, by="owner", **MAVEN_COLUMNS)

    assert (report.deals, report.won, report.lost, report.open) == (8800, 4238, 2473, 2089)
    assert report.win_rate == pytest.approx(0.63150, abs=5e-6)
    assert report.won_value == Money("10005534", "USD")
    assert report.average_won == Money("2360.91", "USD")
    assert (report.unvalued, report.undated, report.no_account) == (2089, 500, 1425)
    assert report.won_cycle_days is not None
    assert report.lost_cycle_days is not None
    assert (round(report.won_cycle_days.mean, 2), report.won_cycle_days.median) == (51.78, 57)
    assert (round(report.lost_cycle_days.mean, 2), report.lost_cycle_days.median) == (41.48, 14)
    assert report.velocity is not None
    assert round(report.velocity.amount) == 193_224
    assert sum(group.won_value for group in report.groups.values() if group.won_value) == report.won_value
