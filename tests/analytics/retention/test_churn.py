"""Churn: who counts when, on small tables worked by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from crmcore import Invalid, Money
from crmcore.analytics.retention import Churn, churn, movements
from crmcore.kernel.calendar import FiscalYear, Period, period


def rows(*served: tuple[str, str, str | None]) -> list[dict[str, Any]]:
    """Subscriptions: customer, first day served, first day not served."""
    return [{"customer": customer, "start": start, "end": end} for customer, start, end in served]


BASE = rows(
    ("ada", "2026-01-01", None),
    ("bob", "2026-02-01", "2026-03-20"),
    ("cyd", "2026-03-02", None),
    ("dan", "2025-01-01", "2025-06-01"),
    ("dan", "2026-03-10", None),
    ("eve", "2026-03-05", "2026-03-15"),
    ("fay", "2026-01-01", "2026-03-05"),
    ("fay", "2026-03-25", None),
    ("gus", "2026-04-02", None),
)


def counts(found: Churn) -> tuple[int, ...]:
    """Start, joined, reactivated, lost, end."""
    return found.start, found.joined, found.reactivated, found.lost, found.end


def test_on_the_start_base_customers_are_compared_at_the_ends() -> None:
    """Who comes and goes in between is told beside, and in no rate."""
    found = churn(BASE, period="2026-03")

    assert counts(found) == (3, 1, 1, 1, 4)
    assert (found.only_inside, found.left_and_returned, found.pending) == (1, 1, 0)
    assert found.rate == 1 / 3
    assert found.retention == 1 - 1 / 3
    assert found.made.period == period("2026-03", zone="UTC")
    assert found.reasons.keys() == {"gross_revenue_churn", "net_revenue_churn", "grr", "nrr"}
    assert found.definitions.keys() >= {"rate", *attrs.fields_dict(Churn)} - {
        *("method", "movements", "group", "by", "groups", "parts", "made", "per_year")
    }


def test_on_the_exposed_base_every_leaving_counts() -> None:
    """Those who joined are in both, and who comes back and leaves again is lost twice.

    Source: Stripe, Calculating subscriber churn rate in Billing.
    """
    found = churn(BASE, period="2026-03", method="exposed_base")

    assert counts(found) == (3, 2, 2, 3, 4)  # bob, eve and fay left; eve and cyd came, dan and fay came back
    assert found.base == 7
    assert found.rate == 3 / 7


@pytest.mark.parametrize("method", ["start_base", "exposed_base"])
def test_customers_are_looked_at_on_the_first_day_and_on_the_first_after_it(
    method: Literal["start_base", "exposed_base"],
) -> None:
    """What happens on the first day happened before the period; what happens on the first day after it, in it."""

    def march(*served: tuple[str, str, str | None]) -> tuple[int, ...]:
        return counts(churn(rows(*served), period="2026-03", method=method))

    assert march(("ada", "2026-03-01", None)) == (1, 0, 0, 0, 1)
    assert march(("ada", "2026-04-01", None)) == (0, 1, 0, 0, 1)
    assert march(("ada", "2026-01-01", "2026-03-01")) == (0, 0, 0, 0, 0)
    assert march(("ada", "2026-01-01", "2026-04-01")) == (1, 0, 0, 1, 0)
    assert march(("ada", "2025-01-01", "2025-06-01"), ("ada", "2026-04-01", None)) == (0, 0, 1, 0, 1)


def test_the_end_of_a_period_is_the_start_of_the_next() -> None:
    """Month by month, and a month of no period in between."""
    found = [churn(BASE, period=f"2026-{month:02}") for month in range(1, 5)]

    assert [(one.start, one.end) for one in found] == [(2, 3), (3, 3), (3, 4), (4, 5)]


def test_half_of_a_month_comes_to_nearly_all_of_a_year() -> None:
    """The annualised rate stands beside that of the period."""
    table = rows(("ada", "2026-01-01", None), ("bob", "2026-01-01", "2026-03-20"))

    assert churn(table, period="2026-03").annualised == pytest.approx(1 - 0.5**12, abs=1e-15)
    assert churn(table, period="2025-Q1").annualised is None
    assert churn(table, period="2026-W12").annualised == pytest.approx(1 - 0.5 ** (365.25 / 7), abs=1e-15)
    assert churn(table[1:], period="2026-03").annualised == 1
    assert churn(table[:1], period="2026-03").annualised == 0
    assert churn(table, period="2026-03").per_year == 12


def test_a_fiscal_quarter_and_a_period_of_ones_own_know_their_part_of_a_year() -> None:
    """Whole months exactly, anything else by its days."""
    fiscal = period("FY2026-Q1", zone="UTC", fiscal=FiscalYear(starts=4))
    half = Period(datetime(2026, 1, 31, tzinfo=UTC), datetime(2026, 2, 28, tzinfo=UTC), "UTC", "own")
    days = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC), "UTC", "own")

    assert churn(BASE, period=fiscal).per_year == 4
    assert churn(BASE, period=half).per_year == 12
    assert churn(BASE, period=days).per_year == 36.525


def test_nobody_to_lose_is_no_rate() -> None:
    """Never 0, and the reason is told."""
    found = churn([], period="2026-03")

    assert (found.rate, found.retention, found.annualised, found.base) == (None, None, None, 0)
    assert found.reasons["rate"] == "there was no customer to lose"
    assert found.movements is None
    assert "nobody" not in str(found)
    assert repr(found) == "<Churn 2026-03: 0 lost of 0, –>"


@pytest.mark.parametrize("grace", [21, "21d", "3w", "3 weeks", "21 days", timedelta(21)])
def test_a_gap_shorter_than_the_grace_is_none(grace: object) -> None:
    """Twenty days are shorter than twenty-one; as long is not shorter."""
    assert churn(BASE, period="2026-03", grace=grace).left_and_returned == 0
    assert churn(BASE, period="2026-03", grace=20).left_and_returned == 1


def test_grace_looks_past_the_end_of_the_period() -> None:
    """Who is back soon after it has not left."""
    table = rows(("ada", "2026-01-01", "2026-03-25"), ("ada", "2026-04-05", None))

    assert churn(table, period="2026-03", grace=12).lost == 0
    assert churn(table, period="2026-03", grace=11).lost == 1
    table = rows(("ada", "2026-01-01", "2026-04-01"), ("ada", "2026-04-15", None))
    assert [churn(table, period="2026-03", grace=days).lost for days in (14, 15)] == [1, 0]


def test_a_gap_too_young_to_tell_is_pending() -> None:
    """The customer counts until the gap has lasted as long as the grace at the as-of."""
    table = rows(("ada", "2026-01-01", "2026-03-25"))

    young = churn(table, period="2026-03", grace=14)
    assert (young.lost, young.end, young.pending) == (0, 1, 1)
    assert churn(table, period="2026-03", grace=14, as_of="2026-04-06").pending == 1
    old = churn(table, period="2026-03", grace=14, as_of="2026-04-07")
    assert (old.lost, old.end, old.pending) == (1, 0, 0)
    assert churn(table, period="2026-02", grace=14, as_of="2026-04-06").pending == 0
    last = rows(("ada", "2026-01-01", "2026-04-01"))
    assert [churn(last, period=f"2026-{month}", grace=14).pending for month in ("02", "03", "04")] == [0, 1, 0]


def test_what_is_not_known_at_the_as_of_is_not_looked_at() -> None:
    """A later start is left out, a later end has not come, a period is looked at up to the as-of."""
    table = rows(("ada", "2026-01-01", "2026-03-25"), ("bob", "2026-03-12", None), ("cyd", "2026-01-01", "2026-03-05"))

    found = churn(table, period="2026-03", as_of="2026-03-10")

    assert counts(found) == (2, 0, 0, 1, 1)
    assert found.per_year == 365.25 / 9
    assert found.made.exclusions == {
        "subscriptions that begin after the as-of": 1,
        "ends after the as-of, taken as running": 1,
        "days of the period, that of the as-of and later, not looked at": 22,
    }
    assert found.made.at_given
    assert counts(churn(table, period="2026-03", as_of="2026-03-25")) == (2, 1, 0, 2, 1)


def test_on_its_first_day_a_period_has_no_rate_of_a_year() -> None:
    """Everybody is still there, and no time has passed."""
    found = churn(BASE, period="2026-03", as_of="2026-03-01")

    assert (counts(found), found.rate, found.per_year, found.annualised) == ((3, 0, 0, 0, 3), 0, None, None)
    assert found.reasons["annualised"] == "the as-of is the first day of the period"
    assert churn(BASE, period="2026-03", as_of="2026-03-01", method="exposed_base").lost == 0


def test_a_whole_period_takes_the_state_on_the_first_day_after_it() -> None:
    """Which is not known at the end of its last day; by default it is."""
    table = rows(("ada", "2026-01-01", "2026-04-01"))

    early = churn(table, period="2026-03", as_of="2026-03-31")
    assert (early.lost, early.per_year) == (0, 365.25 / 30)
    assert early.made.exclusions["days of the period, that of the as-of and later, not looked at"] == 1
    for whole in (churn(table, period="2026-03", as_of="2026-04-01"), churn(table, period="2026-03")):
        assert (whole.lost, whole.per_year, whole.made.exclusions) == (1, 12, {})


def test_the_as_of_is_told() -> None:
    """The first day after the period, or the latest first day in the data."""
    assert churn(BASE[:-1], period="2026-03").made.local == datetime(2026, 4, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    later = churn(BASE, period="2026-03").made
    assert (later.local.date() if later.local else None, later.at_given) == (date(2026, 4, 2), False)


def test_adjoining_and_overlapping_subscriptions_are_one() -> None:
    """A customer with two and one ended has not left."""
    table = rows(("ada", "2026-01-01", "2026-03-10"), ("ada", "2026-03-10", "2026-03-12"), ("ada", "2026-02-01", None))

    assert counts(churn(table, period="2026-03", method="exposed_base")) == (1, 0, 0, 0, 1)


def test_what_served_no_day_is_left_out() -> None:
    """And told."""
    found = churn(rows(("ada", "2026-01-05", "2026-01-05")), period="2026-01")

    assert counts(found) == (0, 0, 0, 0, 0)
    assert found.made.exclusions == {"subscriptions that served no day": 1}


def test_days_are_those_of_the_zone() -> None:
    """An instant late in the evening is the next day further east."""
    table = [{"customer": 1, "start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, 23, tzinfo=UTC)}]

    assert churn(table, period="2026-03").lost == 1
    assert churn(table, period="2026-03", zone="Europe/Berlin").lost == 0
    assert churn(table, period=period("2026-04", zone="Europe/Berlin"), zone="Europe/Berlin").lost == 1


def test_a_period_that_starts_at_noon_starts_with_the_next_day() -> None:
    """The days of a period are those that start in it."""
    noon = Period(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 4, 12, tzinfo=UTC), "UTC", "own")
    table = rows(
        ("ada", "2026-01-01", "2026-03-02"), ("bob", "2026-01-01", "2026-03-05"), ("cyd", "2026-01-01", "2026-03-06")
    )  # fmt: skip

    assert counts(churn(table, period=noon)) == (2, 0, 0, 1, 1)


def test_a_date_for_never_is_no_end() -> None:
    """As databases write it."""
    assert churn(rows(("ada", "2026-01-01", "9999-12-31")), period="2026-03").end == 1


def test_each_month_of_a_quarter() -> None:
    """The end of one is the start of the next."""
    found = churn(BASE, period="2026-Q1", each="month")

    assert [part.made.period.name for part in found.parts if part.made.period] == ["2026-01", "2026-02", "2026-03"]
    assert [counts(part) for part in found.parts] == [(2, 1, 0, 0, 3), (3, 0, 0, 0, 3), (3, 1, 1, 1, 4)]
    assert [row["period"] for row in found.to_dicts()] == ["2026-01", "2026-02", "2026-03"]
    assert "Period by period" in str(found)


def test_parts_that_have_not_begun_are_left_out() -> None:
    """And one that has is looked at up to the as-of."""
    found = churn(BASE, period="2026-Q1", each="month", as_of="2026-02-11")

    assert [part.start for part in found.parts] == [2, 3]
    assert found.parts[1].per_year == 36.525


def test_groups_stand_side_by_side() -> None:
    """Each customer in every group it has subscriptions in, the nameless one last."""
    table = [
        {"customer": "ada", "start": "2026-01-01", "end": "2026-03-10", "plan": "s"},
        {"customer": "ada", "start": "2026-03-10", "end": None, "plan": "m"},
        {"customer": "bob", "start": "2026-01-01", "end": None, "plan": None},
    ]
    found = churn(table, period="2026-03", by="plan")

    assert list(found.groups) == ["m", "s", None]
    assert found.groups["s"].lost == 1
    assert (found.lost, found.start) == (0, 2)
    assert [row["plan"] for row in found.to_dicts()] == ["m", "s", None]
    assert "By plan" in str(found)
    assert "(none)" in str(found)


def test_a_group_may_be_called_what_a_figure_is() -> None:
    """Its rows say both."""
    table = [{**one, "amount": 10, "currency": one["customer"], "period": "p1"} for one in BASE[:2]]

    flows = movements(table, period="2026-03", by="currency", currency="EUR").to_dicts()
    assert [(row["group"], row["currency"]) for row in flows] == [("ada", "EUR"), ("bob", "EUR")]
    (row,) = churn(table, period="2026-03", by="period", currency="EUR").to_dicts()
    assert (row["group"], row["period"]) == ("p1", "2026-03")


def test_revenue_is_told_where_there_are_amounts() -> None:
    """Gross and net, beside the customers."""
    table = [
        {"customer": "ada", "start": "2026-01-01", "end": "2026-03-10", "amount": Money(60, "EUR")},
        {"customer": "ada", "start": "2026-03-10", "end": None, "amount": Money(90, "EUR")},
        {"customer": "bob", "start": "2026-01-01", "end": "2026-03-02", "amount": Money(40, "EUR")},
    ]
    found = churn(table, period="2026-03")

    assert (found.gross_revenue_churn, found.net_revenue_churn) == (0.4, pytest.approx(0.1))
    assert (found.grr, found.nrr) == (0.6, 0.9)
    assert "Recurring revenue a month" in str(found)
    assert found.reasons == {}
    assert churn(table, period="2026-03", amount=None).movements is None
    assert (
        churn(table, period="2025-01").reasons["gross_revenue_churn"] == "there was no recurring revenue at the start"
    )
    quarter = churn(table, period="2026-Q1", each="month")
    assert [part.gross_revenue_churn for part in quarter.parts] == [0, 0, 0.4]


def test_any_table_will_do(tmp_path: Path) -> None:
    """Rows, columns, a file, a frame."""
    pandas = pytest.importorskip("pandas")
    columns = {name: [one[name] for one in BASE] for name in BASE[0]}
    path = tmp_path / "subscriptions.csv"
    pandas.DataFrame(columns).to_csv(path, index=False)
    frame = pandas.DataFrame({**columns, **{name: pandas.to_datetime(columns[name]) for name in ("start", "end")}})

    for table in (columns, path, str(path), frame, iter(BASE)):
        assert counts(churn(table, period="2026-03")) == (3, 1, 1, 1, 4)


@attrs.frozen
class Subscription:
    """As the records of a CRM are."""

    customer: str
    started_on: date
    ended_on: date | None
    amount: Money
    interval: str


def test_records_of_subscriptions_are_read_as_they_are() -> None:
    """Their days have other names."""
    table = [
        Subscription("c1", date(2026, 1, 1), None, Money(120, "EUR"), "year"),
        Subscription("c2", date(2026, 1, 1), date(2026, 4, 1), Money(10, "EUR"), "month"),
    ]
    found = churn(table, period="2026-03")

    assert (found.start, found.lost, found.grr) == (2, 1, 0.5)


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"method": "naive"}, "method"),
        ({"period": "2026-13"}, "period"),
        ({"grace": -1}, "grace"),
        ({"grace": "soon"}, "grace"),
        ({"grace": timedelta(hours=5)}, "grace"),
        ({"grace": 1.5}, "grace"),
        ({"each": "fortnight"}, "each"),
        ({"each": "week"}, "each"),
        ({"each": "year"}, "each"),
        ({"as_of": "2026-02-28"}, "as_of"),
        ({"as_of": 5}, "as_of"),
        ({"by": 3}, "by"),
        ({"rates": 3}, "rates"),
        ({"customer": None}, "customer"),
        ({"zone": "Mars"}, "zone"),
        ({"date_format": "%"}, "date_format"),
        ({"by": "colour"}, "subscriptions columns"),
        ({"start": "begin"}, "subscriptions columns"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(options: dict[str, Any], path: str) -> None:
    """Where it is wrong, and what would be right."""
    with pytest.raises(Invalid) as refused:
        churn(BASE, **{"period": "2026-03", **options})

    assert [problem.path for problem in refused.value.problems] == [path]


def test_a_period_may_last_to_the_end_of_the_calendar() -> None:
    """There is no first day after it: the last there is stands for it."""
    ever = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 12, tzinfo=UTC), "UTC", "ever")
    latest = datetime.max.replace(tzinfo=UTC)

    assert counts(churn(BASE, period=ever)) == (2, 2, 1, 0, 5)
    assert churn(BASE, period="2026-03", as_of=latest, zone="Pacific/Kiritimati").end == 4


def test_a_day_that_a_zone_never_had_is_no_part() -> None:
    """Samoa went from 29 to 31 December 2011."""
    found = churn(rows(("ada", "2011-12-01", "2011-12-30")), period="2011-12", each="day", zone="Pacific/Apia")

    assert (len(found.parts), sum(part.lost for part in found.parts), found.lost) == (30, 1, 1)


def test_a_period_without_a_day_is_refused() -> None:
    """Nothing can be counted in it."""
    short = Period(datetime(2026, 3, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=UTC), "UTC", "an hour")

    with pytest.raises(Invalid, match="a period of a day or more"):
        churn(BASE, period=short)


def test_everything_wrong_with_a_table_is_told_at_once() -> None:
    """By row, and no customer's name."""
    table = [
        {"customer": "ada", "start": "2026-01-01", "end": "2025-01-01"},
        {"customer": None, "start": "2026-01-01", "end": None},
        {"customer": "bob", "start": "", "end": None},
        {"customer": "bob", "start": "soon", "end": "later"},
    ]
    with pytest.raises(Invalid) as refused:
        churn(table, period="2026-03")

    assert [problem.path for problem in refused.value.problems] == [
        'subscriptions row 4, column "start"',
        'subscriptions row 4, column "end"',
        'subscriptions row 2, column "customer"',
        'subscriptions row 3, column "start"',
        'subscriptions row 1, column "end"',
    ]
    assert "bob" not in str(refused.value)


def test_a_table_without_ends_is_refused() -> None:
    """A column by another name would make everybody stay for ever."""
    with pytest.raises(Invalid, match='a column "end" or "ended_on"') as refused:
        churn([{"customer": 1, "from": "2026-01-01", "churned": None}], period="2026-03")

    assert len(refused.value.problems) == 2
