"""A model beside what customers did: by count, after the calibration, over time; against another, and resampled."""

from __future__ import annotations

import importlib.util
import random
from datetime import date
from itertools import combinations
from math import erfc, sqrt
from pathlib import Path
from types import ModuleType

import attrs
import pytest

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import BGNBD, NBD, SBG, BdW, ParetoNBD
from crmcore.analytics.clv.bootstrap_fit import bootstrap
from crmcore.analytics.clv.likelihood_ratio import lr_test
from crmcore.analytics.clv.summarizing import summarize
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.analytics.clv.tracked import tracking
from crmcore.analytics.clv.validation import calibration_table, frequency_table
from crmcore.kernel.errors import Invalid

pytest.importorskip("numpy")

MODEL = BGNBD(r=0.24259452, alpha=4.41360202, a=0.79292202, b=2.42590678, unit="week")
ORDERS = {"customer": ["ada", "ada", "bob"], "at": ["2026-01-05", "2026-01-13", "2026-01-12"]}


@pytest.fixture(scope="module")
def cdnow() -> dict[str, list[str]]:
    """The purchases of a tenth of CDNOW's customers of early 1997, until June 1998."""
    found = importlib.util.find_spec("lifetimes")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("lifetimes is not installed")
    path = Path(next(iter(found.submodule_search_locations))) / "datasets" / "CDNOW_sample.txt"
    rows = [line.split() for line in path.read_text("ascii").splitlines()]
    return {"customer": [row[1] for row in rows], "at": [row[2] for row in rows]}


@pytest.fixture(scope="module")
def summary(cdnow: dict[str, list[str]]) -> CustomerSummary:
    """The same, 39 weeks of calibration and 39 of holdout."""
    return summarize(cdnow, calibration_end="1997-09-30", end="1998-06-30", date_format="%Y%m%d")


# --- by count ---------------------------------------------------------------------------------------------------------


def test_customers_by_number_of_purchases(summary: CustomerSummary) -> None:
    """Everybody is somewhere, and expected somewhere."""
    table = frequency_table(MODEL, summary)

    assert table.actual == (1_411, 439, 214, 100, 62, 38, 29, 64)
    assert sum(table.expected) == pytest.approx(2_357, rel=1e-12)
    assert table.expected[0] == pytest.approx(sum(MODEL.pmf(0, age) for age in summary.T), rel=1e-12)
    assert len(table) == 8
    assert table.to_dicts()[7] == {"x": 7, "actual": 64, "expected": table.expected[7]}
    assert "7+" in str(table)


def test_customers_by_purchases_before_the_holdout(summary: CustomerSummary) -> None:
    """Their mean purchases in it, and those expected of them; together all that were made."""
    table = calibration_table(MODEL, summary)

    assert table.customers == (1_411, 439, 214, 100, 62, 38, 29, 64)
    assert sum((mean or 0) * many for mean, many in zip(table.actual, table.customers, strict=True)) == pytest.approx(
        1_882
    )
    expected = sum((mean or 0) * many for mean, many in zip(table.expected, table.customers, strict=True))
    assert expected == pytest.approx(sum(MODEL.conditional_expected_purchases(39, summary.x, summary.t_x, summary.T)))
    assert expected == pytest.approx(1_653.4, abs=0.5)
    assert (len(table), table.T_holdout) == (8, 39)
    assert "7+" in str(table)


def test_nobody_has_no_mean() -> None:
    """None, and no division by zero."""
    told = summarize(ORDERS, calibration_end="2026-01-12", end="2026-01-25")
    table = calibration_table(MODEL, told, last=2)

    assert table.actual == (0.5, None, None)
    assert table.expected[1:] == (None, None)
    assert "–" in str(table)


@pytest.mark.parametrize("last", [0, 1.5, None, True])
def test_the_last_row_is_a_number_of_purchases(last: int, summary: CustomerSummary) -> None:
    """1 or more."""
    for table in (frequency_table, calibration_table):
        with pytest.raises(Invalid, match="last"):
            table(MODEL, summary, last=last)


def test_a_table_needs_what_it_compares(summary: CustomerSummary) -> None:
    """A holdout, a model, and one unit for both."""
    with pytest.raises(Invalid, match="a summary with a holdout"):
        calibration_table(MODEL, attrs.evolve(summary, x_holdout=None))
    with pytest.raises(Invalid, match="a model that knows conditional_expected_purchases"):
        frequency_table(summary, summary)
    with pytest.raises(Invalid, match="a model that knows conditional_expected_purchases"):
        frequency_table(SBG(alpha=0.7, beta=1.2), summary)
    for table in (frequency_table, calibration_table):
        with pytest.raises(Invalid, match="a summary of customers"):
            table(MODEL, summary.columns())  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="unit, day"):
        frequency_table(attrs.evolve(MODEL, unit="day"), summary)


# --- over time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_cdnow_week_by_week(cdnow: dict[str, list[str]], summary: CustomerSummary, engine: EngineName) -> None:
    """78 weeks: as many purchases by the end of the calibration and of the holdout as the summary has."""
    fit = BGNBD.fit(summary)
    table = tracking(
        fit, cdnow, end="1998-06-30", calibration_end="1997-09-30", date_format="%Y%m%d", engine=engine
    )  # fmt: skip

    assert (len(table), table.customers, table.calibration_end) == (78, 2_357, date(1997, 9, 30))
    assert (table.end[38], table.cumulative_actual[38]) == (date(1997, 9, 30), 2_457)
    assert (table.end[77], table.cumulative_actual[77]) == (date(1998, 6, 30), 2_457 + 1_882)
    assert sum(table.actual) == table.cumulative_actual[-1]
    assert sum(table.expected) == pytest.approx(table.cumulative_expected[-1])
    until = [fit.model.expected_purchases(age) for age in summary.T]
    assert table.cumulative_expected[38] == pytest.approx(sum(until), rel=1e-12)
    assert repr(table) == "<Tracking: 2,357 customers over 78 periods of a week>"


def test_periods_of_another_length() -> None:
    """A period that is not over by the end is left out; the model's unit need not be theirs."""
    table = tracking(MODEL, ORDERS, end="2026-01-25", period="day")
    months = tracking(MODEL, ORDERS, end="2026-03-07", period="month")

    assert (len(table), table.period[-1], table.end[-1]) == (21, 21, date(2026, 1, 25))
    assert table.cumulative_actual[7:9] == (0, 1)
    assert table.cumulative_expected[-1] == pytest.approx(sum(MODEL.expected_purchases([20 / 7, 13 / 7])))
    assert months.end == (date(2026, 2, 4), date(2026, 3, 6))
    assert table.to_dicts()[8] == {
        "period": 9, "end": date(2026, 1, 13), "actual": 1, "expected": table.expected[8],
        "cumulative_actual": 1, "cumulative_expected": table.cumulative_expected[8],
    }  # fmt: skip


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_only_customers_won_in_time_are_followed(engine: EngineName) -> None:
    """By the calibration end, and in the cohort; returns are no purchases."""
    log = {
        "customer": ["old", "ada", "ada", "ada", "late"],
        "at": ["2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26"],
        "amount": [1, 1, -1, 1, 1],
    }

    table = tracking(MODEL, log, end="2026-02-01", calibration_end="2026-01-20", acquired="2026", engine=engine)

    assert (table.customers, table.actual) == (1, (0, 0, 1, 0))


def test_nobody_is_followed_nowhere() -> None:
    """An empty table, not an error."""
    table = tracking(MODEL, {"customer": [], "at": []}, end="2026-02-01")

    assert (table.customers, table.cumulative_actual[-1:], sum(table.expected)) == (0, (), 0)
    assert "repeat purchases" in str(table)


def test_a_model_to_follow_needs_a_unit() -> None:
    """And a period a day at least."""
    with pytest.raises(Invalid, match="a model that knows its unit"):
        tracking(attrs.evolve(MODEL, unit=None), ORDERS, end="2026-02-01")
    with pytest.raises(Invalid, match="a period of a day or more"):
        tracking(attrs.evolve(MODEL, unit="day"), ORDERS, end="2026-02-01", period=date.resolution / 2)


# --- against another, and resampled -----------------------------------------------------------------------------------

ROWS = {"x": [0, 1, 2, 5, 1], "t_x": [0, 3, 9, 9, 9], "T": [10.0] * 5}
WEIGHTS = [40, 30, 20, 10, 5]


SURVIVORS = [1000, 869, 743, 653, 593, 551, 517, 491]


def test_a_likelihood_ratio() -> None:
    """Twice the difference of the log-likelihoods, as improbable as χ² has it."""
    simple, full = SBG.fit(SURVIVORS), BdW.fit(SURVIVORS)

    found = lr_test(simple, full)
    assert found.statistic == pytest.approx(2 * (full.loglik - simple.loglik), rel=1e-12)
    assert (found.df, found.p_value) == (1, pytest.approx(erfc(sqrt(found.statistic / 2)), rel=1e-9))
    five = attrs.evolve(full, loglik=simple.loglik + 3.8414588206941 / 2)
    assert lr_test(simple, five).p_value == pytest.approx(0.05)
    assert lr_test(simple, attrs.evolve(full, loglik=simple.loglik - 1e-9)).p_value == 1


def test_what_is_no_special_case_is_refused() -> None:
    """The likelihood of NBD is that of counts and the others' that of times; a model is no fit, and no other's case."""
    fits = [kind.fit(ROWS, weights=WEIGHTS) for kind in (NBD, BGNBD, ParetoNBD)]
    simple, full = SBG.fit(SURVIVORS), BdW.fit(SURVIVORS)

    for restricted, other in [*combinations(fits, 2), (full, simple), (simple, simple)]:
        with pytest.raises(Invalid, match="of which it is a special case"):
            lr_test(restricted, other)
    for strange in (simple.model, None):
        with pytest.raises(Invalid, match="the fits of two models"):
            lr_test(strange, full)  # type: ignore[arg-type]


def test_fits_that_do_not_compare_are_refused() -> None:
    """To other survivors, or with a penalty that takes more than the parameter gives."""
    simple, full = SBG.fit(SURVIVORS), BdW.fit(SURVIVORS)

    with pytest.raises(Invalid, match="fit both models to the same survivors"):
        lr_test(SBG.fit([1000, 869, 743, 653, 593, 551, 518, 491]), full)
    with pytest.raises(Invalid, match="fit both without a penalty"):
        lr_test(simple, BdW.fit(SURVIVORS, penalty=1.0))


def test_a_bootstrap_spreads_as_the_standard_errors_do(summary: CustomerSummary) -> None:
    """Roughly, with few samples; the same seed gives the same."""
    fit = BGNBD.fit(summary)

    found = bootstrap(fit, 24, random.Random(7))

    assert len(found) == sum(found.statuses.values()) == 24
    for name, error in fit.se.items():
        assert found.se[name] == pytest.approx(error, rel=0.6)
        low, high = found.ci(0.9)[name]
        assert low < fit.params[name] < high
    assert bootstrap(fit, 2, seed=7).params["r"] == found.params["r"][:2]
    assert "24 samples" in str(found)
    assert [row["parameter"] for row in found.to_dicts()] == ["r", "alpha", "a", "b"]


def test_samples_of_nobody_are_refused() -> None:
    """A number of samples, a share, and a fit to customers."""
    fit = NBD.fit(ROWS, weights=WEIGHTS, unit="week")

    for n in (1, 2.0, None):
        with pytest.raises(Invalid, match="a whole number of samples"):
            bootstrap(fit, n, random.Random(1))  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="a share above 0"):
        bootstrap(fit, 2, random.Random(1)).ci(95)
    for strange in (attrs.evolve(fit, model=7), fit.model, SBG.fit(SURVIVORS), None):
        with pytest.raises(Invalid, match="the fit of a model to customers"):
            bootstrap(strange, 2, random.Random(1))  # type: ignore[arg-type]
    with pytest.raises(Invalid, match=r"a whole number, or random\.Random"):
        bootstrap(fit, 2, seed="seven")  # type: ignore[arg-type]


# --- as pictures ------------------------------------------------------------------------------------------------------


def test_each_table_draws_itself(pyplot: ModuleType, summary: CustomerSummary) -> None:
    """On the Axes it is given, or on new ones."""
    tables = (
        frequency_table(MODEL, summary),
        calibration_table(MODEL, summary),
        tracking(MODEL, ORDERS, end="2026-01-25"),
    )

    for table in tables:
        _, axes = pyplot.subplots()
        assert table.plot(axes) is axes
        assert table.plot() is not axes
    assert tables[2].plot(cumulative=True).get_title() != tables[2].plot().get_title()
