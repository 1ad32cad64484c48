"""Dirty input is refused once, with every row, column and mend; missing is missing, however it is written."""

from __future__ import annotations

import contextlib
import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics import pipeline
from crmcore.kernel.errors import CrmError, Invalid
from crmcore.kernel.money import Money

STAGES = ["lead", "demo"]
ONE = [{"id": 1, "status": "open", "opened_at": "2026-01-01"}]

NaTType = type("NaTType", (), {})  # what pandas writes for no instant …
NAType = type("NAType", (), {"__bool__": lambda self: 1 / 0})  # … and for no value, which can't even be compared


def refused(deals: object, **options: object) -> list[str]:
    """The problems, one text each."""
    with pytest.raises(Invalid) as error:
        pipeline(deals, **options)
    return [str(problem) for problem in error.value.problems]


def test_everything_wrong_is_said_at_once() -> None:
    """Rows with the same trouble share a line."""
    deals = [
        {"id": 1, "status": "open", "amount": "12.345", "probability": 50, "opened_at": "1/2/2026"},
        {"id": 2, "status": "Closed Won", "amount": "1,000", "probability": "50%", "opened_at": 20260102},
        {"id": 2, "status": "open", "amount": True, "probability": True, "stage": 7},
        {"id": 4, "status": None, "amount": "12.345", "probability": "1e-40", "stage": "dmeo"},
        {"id": [5], "status": "won", "amount": math.inf, "opened_at": "2026-01-02", "closed_at": "2026-01-01"},
    ]
    found = refused(deals, currency="EUR", stages=STAGES)

    for said in [
        "deals row 2, column \"status\": got 'Closed Won', expected open, won or lost; correct it; where",
        'deals row 4, column "status": got None',
        "deals rows 1, 4, column \"amount\": got '12.345', expected at most 2 decimals",
        "deals row 2, column \"amount\": got '1,000', expected a finite number",
        'deals row 3, column "amount": got True',
        'deals row 5, column "amount": got inf',
        'deals row 1, column "probability": got 50, expected a fraction from 0 to 1; write 50 % as 0.5',
        "deals row 2, column \"probability\": got '50%'",
        'deals row 3, column "probability": got True',
        "deals row 4, column \"probability\": got '1e-40', expected at most 30 digits after the point",
        "deals row 1, column \"opened_at\": got '1/2/2026', expected a date in ISO 8601, as 2026-11-13; rewrite it, or",
        'deals row 2, column "opened_at": got 20260102, expected a date or an instant',
        "deals row 5, column \"closed_at\": got '2026-01-01', expected a date after the deal was opened",
        'deals row 3, column "stage": got 7, expected a name as text',
        "deals row 4, column \"stage\": got 'dmeo', expected one of the stages lead, demo; name it in stages=",
        'deals row 5, column "id": got [5], expected a name, a number',
        'deals row 3, column "id": got 2, expected each deal once',
    ]:
        assert any(line.startswith(said) for line in found), (said, found)
    assert len(found) == 17


@pytest.mark.parametrize("missing", [None, "", "  ", math.nan, Decimal("NaN"), Decimal("sNaN"), NaTType(), NAType()])
def test_missing_is_missing_however_it_is_written(missing: object) -> None:
    """In every column that may lack a value."""
    columns = ("id", "stage", "opened_at", "closed_at", "amount", "probability", "owner", "account", "product")
    deals = [{"status": "open", **dict.fromkeys(columns, missing)}] * 2
    report = pipeline(deals, currency="EUR", stages=STAGES, by="owner")

    assert (report.open, report.undated, report.unvalued, report.unweighted, report.no_account) == (2, 2, 2, 2, 2)
    assert list(report.groups) == [None]


def test_equal_values_of_several_types_are_told_apart() -> None:
    """1 and 1.0 are an amount, True is not."""
    with pytest.raises(Invalid, match='row 3, column "amount": got True'):
        pipeline([{"status": "won", "amount": amount} for amount in (1, 1.0, True)], currency="EUR")
    assert pipeline([{"status": "won", "amount": amount} for amount in (1, 1.0)], currency="EUR").won_value == Money(
        2, "EUR"
    )


def test_numpy_scalars_are_numbers() -> None:
    """Where they are installed; and whatever else wraps one in that way."""
    scalar = type("int64", (), {"__module__": "numpy", "item": lambda self: 3})()
    deals = [{"status": "open", "amount": scalar, "probability": 1}]

    assert pipeline(deals, currency="EUR").weighted_value == Money(3, "EUR")


def test_pandas_instants_are_instants() -> None:
    """In a list, too."""
    pandas = pytest.importorskip("pandas")
    stamps = [pandas.Timestamp("2026-01-01T00:00:00.000000001Z"), pandas.Timestamp("2026-01-03", tz="UTC"), pandas.NaT]
    frame = pandas.DataFrame({"status": ["won"] * 3, "opened_at": stamps[:1] * 3, "closed_at": stamps[1:2] * 3})
    deals = [{"status": "won", "opened_at": stamps[0], "closed_at": stamp} for stamp in stamps[1:]]

    for source, n in ((deals, 1), (frame, 3)):
        cycle = pipeline(source).won_cycle_days
        assert cycle is not None
        assert (cycle.mean, cycle.n) == (2, n)


def test_a_date_format_may_have_a_time() -> None:
    """Then text is an instant."""
    deals = [{"status": "won", "opened_at": "1.2.2026 08:00", "closed_at": "2.2.2026 20:00"}]
    cycle = pipeline(deals, date_format="%d.%m.%Y %H:%M").won_cycle_days

    assert cycle is not None
    assert cycle.mean == 1.5
    assert "expected a date like %d.%m.%Y; rewrite" in refused(deals, date_format="%d.%m.%Y")[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"zone": "Mars"}, "zone: got 'Mars'"),
        ({"currency": "EURO"}, "got 'EURO'"),
        ({"at": "yesterday"}, "got 'yesterday'"),
        ({"period": "Q3"}, "got 'Q3'"),
        ({"period": 2026}, "got 2026"),
        ({"by": "region"}, 'expected a column "region"'),
        ({"by": "owner"}, 'expected a column "owner"'),
        ({"by": ["owner"]}, "by: got ['owner']"),
        ({"rates": 1.1}, "rates: got 1.1"),
        ({"undated": []}, "undated: got [], expected keep or drop"),
        ({"n_min": 1.5}, "n_min: got 1.5"),
        ({"visits": []}, "stages: got None, expected the open stages in order, for visits"),
        ({"owner": 5}, "owner: got 5, expected the name of a column"),
        ({"closed_at": "close_date"}, 'expected a column "close_date"; say closed_at="…"'),
        ({"status": "state"}, "did you mean 'status'?"),
        ({"date_format": "%Y%Y"}, "date_format: got '%Y%Y', expected codes of strptime, each once"),
        ({"date_format": "%d.%m."}, "date_format: got '%d.%m.', expected codes of strptime, that of a year among them"),
        ({"date_format": 7}, "date_format: got 7"),
    ],
)
def test_a_wrong_argument_is_refused(options: dict[str, Any], said: str) -> None:
    """With the mend."""
    assert said in refused(ONE, **options)[0]


def test_a_table_must_say_what_became_of_deals() -> None:
    """By status, or by stages in order."""
    said = "expected a column that says open, won or lost"

    assert said in refused([{"id": 1}])[0]
    assert said in refused([{"id": 1, "stage": "lead"}])[0]
    assert "expected one of the stages lead, demo, won, lost" in refused([{"stage": "x"}], stages=STAGES)[0]


@pytest.mark.parametrize("source", [{"amount": [1]}, {"worth": [1]}, {"worth": []}, [{"worth": 1}]])
def test_a_table_of_something_else_is_no_empty_pipeline(source: object) -> None:
    """It is the wrong table, or its columns have other names."""
    assert "expected a column that says open, won or lost" in refused(source, currency="EUR")[0]


def test_a_thousand_wrong_dates_are_one_problem() -> None:
    """The first one shows what is wrong."""
    deals = [{"status": "open", "opened_at": f"{month}/{day}/2026"} for month in range(1, 13) for day in range(1, 29)]
    (said,) = refused(deals)

    assert "rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 326 more, column \"opened_at\": got '1/1/2026'" in said


def test_a_bare_number_needs_a_currency() -> None:
    """Which one, nobody can guess."""
    assert (
        'expected an amount with its currency; give Money, or say currency="EUR"'
        in refused([{"status": "won", "amount": 5}])[0]
    )


VISIT = {"deal": 1, "stage": "lead", "entered_at": "2026-01-05"}


@pytest.mark.parametrize(
    ("visits", "said"),
    [
        ([{**VISIT, "deal": None}], 'visits row 1, column "deal": got None, expected a value'),
        ([{**VISIT, "stage": ""}], "visits row 1, column \"stage\": got '', expected a value"),
        ([{**VISIT, "entered_at": None}], 'visits row 1, column "entered_at": got None, expected a value'),
        ([{**VISIT, "stage": "x"}], "column \"stage\": got 'x', expected one of the stages lead, demo, won, lost"),
        ([{**VISIT, "stage": 5}], 'column "stage": got 5, expected a name as text'),
        ([{**VISIT, "left_at": "2026-01-04"}], "\"left_at\": got '2026-01-04', expected a date after entered_at"),
        (
            [{**VISIT, "left_at": "2026-01-09"}, {**VISIT, "stage": "demo", "entered_at": "2026-01-08"}],
            "column \"left_at\": got '2026-01-09', expected a date before the deal entered its next stage",
        ),
        ([{**VISIT, "deal": 2}], "column \"entered_at\": got '2026-01-05', expected a date before the deal was closed"),
        ([{"deal": 1}], 'visits columns: got \'deal\', expected a column "stage"; add it, or rename'),
    ],
)  # fmt: skip
def test_a_dirty_history_is_refused(visits: list[dict[str, Any]], said: str) -> None:
    """Deal 2 was closed before it entered any stage."""
    deals = [*ONE, {"id": 2, "status": "lost", "opened_at": "2026-01-01", "closed_at": "2026-01-02"}]

    assert said in refused(deals, visits=visits, stages=STAGES)[0]


CELLS = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["open", "won", "lost", "lead", "2026-01-01", "9999-12-31", "0.5", "1e999999999"]),
    st.lists(st.integers(), max_size=1),
    st.builds(Money.of_minor, st.integers(-(10**9), 10**9), st.sampled_from(["EUR", "JPY"])),
    st.just(SimpleNamespace()),
)
COLUMNS = ("id", "status", "stage", "opened_at", "closed_at", "amount", "probability", "owner")


@pytest.mark.slow
@given(
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, CELLS)), max_size=4),
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(("deal", "stage", "entered_at", "left_at"), CELLS))),
    st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]),
)
def test_whatever_comes_in_only_our_errors_come_out(deals: object, visits: object, zone: str) -> None:
    """A report or an error of ours, and every figure can be shown."""
    with contextlib.suppress(CrmError):
        report = pipeline(deals, visits=visits, stages=STAGES, zone=zone, currency="EUR", by="id")

        assert str(report)
        assert report.to_dicts()
