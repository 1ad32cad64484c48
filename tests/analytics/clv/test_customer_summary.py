"""A summary as a value: made elsewhere, shown, and handed on."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from crmcore.analytics.clv.summarizing import summarize
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.kernel.errors import Invalid

ORDERS = {
    "customer": ["ada", "ada", "bob"] + [f"c{number:02}" for number in range(10)],
    "at": ["2026-01-05", "2026-02-02", "2026-02-09"] + ["2026-01-05"] * 10,
    "amount": [15, 50, 30] + [1] * 10,
}


@pytest.fixture
def summary() -> CustomerSummary:
    """One with a calibration and spends."""
    return summarize(ORDERS, calibration_end="2026-02-15", end="2026-03-01", currency="EUR")


def test_it_says_what_it_is(summary: CustomerSummary) -> None:
    """Shortly, as text, and as rows."""
    assert repr(summary) == "<CustomerSummary at 2026-02-15: 12 customers, 1 repeat purchases, unit week>"
    assert "… and 2 more" in str(summary)
    assert "2.00 to 2026-03-01" in str(summary)
    assert summary.to_dicts()[0] == {
        "customer": "ada", "x": 1, "t_x": 4.0, "T": pytest.approx(41 / 7), "mean": 50.0, "spend": Decimal("65.00"),
        "x_holdout": 0, "spend_holdout": Decimal("0.00"),
    }  # fmt: skip
    assert list(summary.columns()) == ["customer", "x", "t_x", "T", "mean"]
    assert set(summary.definitions) == {"x", "t_x", "T", "mean", "spend", "x_holdout", "spend_holdout"}


def test_it_is_a_value(summary: CustomerSummary) -> None:
    """Equal to its like, hashable, and survives pickling."""
    again = summarize(ORDERS, calibration_end="2026-02-15", end="2026-03-01", currency="EUR")

    assert again == summary == pickle.loads(pickle.dumps(summary))
    assert hash(again) == hash(summary)
    assert summary.spend is summary.spend


@pytest.mark.parametrize(
    "rows",
    [
        {"customer": ["ada", "bob"], "x": [2, 0], "t_x": [30.43, 0], "T": [38.86, 38.86], "mean": [22.35, 0]},
        {"customer": ["ada", "bob"], "frequency": [2, 0], "recency": [30.43, 0], "T": [38.86, 38.86],
         "monetary_value": [22.35, float("nan")]},
        [{"customer": "ada", "x": "2", "t_x": "30.43", "T": "38.86", "mean": "22.35"},
         {"customer": "bob", "x": "0", "t_x": "0", "T": "38.86", "mean": ""}],
    ],
)  # fmt: skip
def test_a_summary_made_elsewhere(rows: object) -> None:
    """By the field's names, or those that lifetimes has."""
    summary = CustomerSummary.of(rows, unit="week", currency="USD")

    assert (summary.customer, summary.x, summary.t_x) == (("ada", "bob"), (2, 0), (30.43, 0.0))
    assert (summary.T, summary.mean) == ((38.86, 38.86), (22.35, None))
    assert summary.spend is summary.spend_holdout is summary.end is None
    assert repr(summary) == "<CustomerSummary: 2 customers, 2 repeat purchases, unit week>"


def test_a_summary_from_a_file_of_other_names(tmp_path: Path) -> None:
    """Each can be said; without customers they are numbered, and the unit may be unknown."""
    path = tmp_path / "summary.csv"
    path.write_text("n,last,age\n3,2,4\n0,0,1\n", "utf-8")

    summary = CustomerSummary.of(path, unit=None, x="n", t_x="last", T="age")

    assert (summary.customer, summary.x, summary.unit, summary.mean) == ((1, 2), (3, 0), None, None)
    assert "–" in str(summary)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"x": [1], "T": [2]}, 'a column "t_x"'),
        ({"x": [1], "t_x": [1], "T": [2], "m": [1]}, 'a column "monney"'),
        ({"x": [1.5], "t_x": [1], "T": [2]}, "row 1.*a whole number of repeat purchases"),
        ({"x": ["no"], "t_x": [1], "T": [2]}, "a whole number of repeat purchases"),
        ({"x": [1, 1], "t_x": [1, 3], "T": [2, 2]}, "row 2.*an age from 0 to T"),
        ({"x": [1, 1], "t_x": [1, 0], "T": [2, 2]}, "row 2.*0 where x is 0"),
        ({"x": [0], "t_x": [1], "T": [2]}, "0 where x is 0"),
        ({"x": [0], "t_x": [0], "T": [-1]}, "an age in units"),
        ({"x": [0, None], "t_x": [0, 0], "T": ["", 1]}, "(?s)row 1.*row 2"),
    ],
)
def test_rows_that_cannot_be_are_refused(rows: object, words: str) -> None:
    """With their numbers, all at once."""
    with pytest.raises(Invalid, match=words):
        CustomerSummary.of(rows, unit="week", **({"mean": "monney"} if "m" in rows else {}))


def test_an_unknown_currency_is_refused() -> None:
    """As everywhere."""
    with pytest.raises(Invalid, match="ISO 4217"):
        CustomerSummary.of({"x": [0], "t_x": [0], "T": [1]}, unit="week", currency="euro")


def test_a_history_in_opportunities() -> None:
    """BG/BB calls their number n."""
    assert CustomerSummary.of({"x": [2], "t_x": [3], "n": [6]}, unit="year").T == (6.0,)
    assert CustomerSummary.of({"x": [2], "t_x": [3], "n": [6], "T": [5]}, unit="year").T == (5.0,)


def test_a_mean_that_is_no_amount_is_refused() -> None:
    """A missing one is none, whatever else there is."""
    rows = {"x": [2, 2, 0], "t_x": [3, 3, 0], "T": [6, 6, 6]}

    with pytest.raises(Invalid, match="customers rows 1, 2, column \"mean\": got '12 EUR', expected an amount"):
        CustomerSummary.of({**rows, "mean": ["12 EUR", float("inf"), ""]}, unit="week")
    assert CustomerSummary.of({**rows, "mean": ["12", None, "9"]}, unit="week").mean == (12.0, None, None)
