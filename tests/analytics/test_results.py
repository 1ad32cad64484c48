"""Results can be read, printed, put into a notebook, and handed on as rows."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from crmcore.analytics import PipelineReport, pipeline
from crmcore.kernel.errors import Invalid

DEALS = [
    {"id": 1, "status": "won", "opened_at": "2026-01-01", "closed_at": "2026-01-05", "amount": 1200, "owner": "<b>Ann"},
    {"id": 2, "status": "open", "opened_at": "2026-01-02", "amount": 300, "stage": "demo"},
]
VISITS = [
    {"deal": 1, "stage": "demo", "entered_at": "2026-01-01"},
    {"deal": 2, "stage": "demo", "entered_at": "2026-01-02"},
]


@pytest.fixture
def report() -> PipelineReport:
    """A report with every table."""
    return pipeline(DEALS, visits=VISITS, stages=["demo"], currency="EUR", by="owner", at="2026-01-07")


def test_a_report_prints_as_tables(report: PipelineReport) -> None:
    """Figures left out are dashes; nothing runs into the margin."""
    text = str(report)

    for line in [
        "Pipeline",
        "win rate                                    100.00%",
        "velocity                         300.00 EUR per day",
        "lost cycle days                                   –",
        "won cycle days         4.00 mean, 4.0 median, n 1",
        "By owner, in EUR",
        "owner deals open won lost win rate open value won value velocity per day",
        "<b>Ann 1 0 1 0 100.00% 0.00 1,200.00 300.00",
        "Stage conversion by cohort: 2 deals, 0 without stage history",
        "stage  reached  to next  overall",
        "demo         2   50.00%  100.00%",
        "won          1        –   50.00%",
        "Days in stage",
        "stage  median  mean of those left  left  still there",
        "demo     4.00                4.00     1            1",
        "as of 2026-01-07T23:59:59.999999+00:00; all time; zone UTC; in EUR",
    ]:
        assert any(" ".join(line.split()) == " ".join(found.split()) for found in text.splitlines()), (line, text)
    assert "by snapshot" not in text  # without a period it says what the cohort says
    assert "  lost cycle days: no lost deal has both an opening and a closing date" in text.splitlines()
    assert "(none)" in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_parts_print_shortly(report: PipelineReport) -> None:
    """What they are, and the figures."""
    assert repr(report.cohort) == "<StageConversion by cohort: demo 2 → won 1>"
    assert str(report.cohort).splitlines()[0] == "Stage conversion by cohort: 2 deals, 0 without stage history"
    assert repr(report) == "<PipelineReport at 2026-01-07: 2 deals, 1 open, 1 won, 0 lost, win rate 100.00%>"


def test_a_notebook_shows_tables_and_no_markup_of_the_data(report: PipelineReport) -> None:
    """A name is text, whatever it contains."""
    page = report._repr_html_()

    assert page.count("<table>") == 6
    assert "&lt;b&gt;Ann" in page
    assert "<b>" not in page


def test_rows_are_plain_values(report: PipelineReport) -> None:
    """One a group, amounts in major units with their currency."""
    rows = report.to_dicts()
    (whole,) = pipeline(DEALS, currency="EUR").to_dicts()

    assert [row["owner"] for row in rows] == ["<b>Ann", None]
    assert [str(row["won_value"]) for row in rows] == ["1200.00", "0.00"]
    assert (whole["deals"], whole["currency"], whole["won_cycle_days_mean"]) == (2, "EUR", 4)
    assert (whole["lost_cycle_days_mean"], whole["velocity"]) == (None, 300)
    assert report.cohort is not None
    assert report.cohort.to_dicts()[1] == {
        "basis": "cohort",
        "stage": "won",
        "reached": 1,
        "conversion": None,
        "overall": 0.5,
    }


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_made_of_the_rows(report: PipelineReport, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the library, when it is asked for."""
    module: Any = ModuleType(library)
    module.DataFrame = lambda rows, **_: rows
    monkeypatch.setitem(sys.modules, library, module)

    assert getattr(report, f"to_{library}")() == report.to_dicts()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_library_is_named(report: PipelineReport, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(Invalid, match=f"{library} installed; pip install {library}, or take to_dicts"):
        getattr(report, f"to_{library}")()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_real_frames(report: PipelineReport, library: str) -> None:
    """Where they are installed."""
    pytest.importorskip(library)
    frame = getattr(report, f"to_{library}")()

    assert list(frame["deals"]) == [1, 1]
    assert float(frame["won_value"].sum()) == 1200


def test_a_report_without_gaps_gives_no_reasons() -> None:
    """There is nothing to explain."""
    told = {"opened_at": "2026-01-01", "closed_at": "2026-01-05", "amount": 10, "account": "Acme"}
    deals = [
        {**told, "id": 1, "status": "won"},
        {**told, "id": 2, "status": "lost"},
        {**told, "id": 3, "status": "open", "closed_at": None, "probability": 0.5, "stage": "demo"},
    ]
    visits = [{"deal": id, "stage": "demo", "entered_at": "2026-01-01"} for id in (1, 2, 3)]
    report = pipeline(deals, visits=visits, stages=["demo"], currency="EUR", n_min=1)

    assert "Undefined" not in str(report)
    assert report.weighted_value is not None
