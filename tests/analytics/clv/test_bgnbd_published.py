"""BG/NBD and MBG/NBD beside what was published, and beside their exact maxima.

Exact values were worked out by Newton's method in 34 digits on the summary of CDNOW in the lifetimes wheel: 2,357
customers, 39 weeks, with t_x and T rounded to hundredths of a week.
"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import BGNBD, MBGNBD, Fit

ROUNDED = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
"""P. S. Fader, B. G. S. Hardie and K. L. Lee, 2005, Table 2."""


@pytest.fixture(scope="module")
def cdnow() -> dict[str, list[float]]:
    """The sample of CDNOW, summarized."""
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0], "datasets", "cdnow_customers_summary.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {"x": "frequency", "t_x": "recency", "T": "T"}
    return {name: [float(row[column]) for row in rows] for name, column in names.items()}


EXACT: list[tuple[type[BGNBD], dict[str, float], float, dict[str, float]]] = [
    (
        BGNBD,
        {"r": 0.2425929072044659, "alpha": 4.413531561205426, "a": 0.7928861480987686, "b": 2.425753436493621},
        -9582.425560567363,
        {"r": 0.01255731958, "alpha": 0.3782214155, "a": 0.1857191431, "b": 0.7053457551},
    ),
    (
        MBGNBD,
        {"r": 0.5248379836655951, "alpha": 6.182992019672097, "a": 0.8913561553315358, "b": 1.613999334730501},
        -9582.132684899904,
        {"r": 0.0832640646123, "alpha": 0.695597932848, "a": 0.154785311401, "b": 0.537472360539},
    ),
]


@pytest.mark.parametrize(("kind", "params", "loglik", "errors"), EXACT, ids=["BGNBD", "MBGNBD"])
@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_the_exact_maximum(  # noqa: PLR0917 - parametrized
    cdnow: dict[str, list[float]],
    kind: type[BGNBD],
    params: dict[str, float],
    loglik: float,
    errors: dict[str, float],
    engine: EngineName,
) -> None:
    """Parameters to 1e-10, the log-likelihood to 1e-13, standard errors to 1e-6; in a handful of steps."""
    fit: Fit[Any] = kind.fit(cdnow, unit="week", engine=engine)
    assert fit.params == pytest.approx(params, rel=1e-10)
    assert fit.loglik == pytest.approx(loglik, rel=1e-13)
    assert dict(fit.se) == pytest.approx(errors, rel=1e-6)
    assert (fit.status, fit.warnings, dict(fit.limits), fit.customers) == ("converged", (), {}, 2357)
    assert fit.iterations <= 8
    assert (fit.engine, str(fit.model.unit)) == (engine, "week")


def test_the_published_fits(cdnow: dict[str, list[float]]) -> None:
    """To every printed digit: Fader, Hardie and Lee 2005, Table 2; MBG/NBD as BTYDplus prints it."""
    fit = BGNBD.fit(cdnow)
    assert {name: round(value, 3) for name, value in fit.params.items()} == {
        "r": 0.243,
        "alpha": 4.414,
        "a": 0.793,
        "b": 2.426,
    }
    assert round(fit.loglik, 1) == -9582.4
    modified = MBGNBD.fit(cdnow)
    assert {name: round(value, 3) for name, value in modified.params.items()} == {
        "r": 0.525,
        "alpha": 6.183,
        "a": 0.891,
        "b": 1.614,
    }


def test_the_published_predictions(cdnow: dict[str, list[float]]) -> None:
    """Of the authors' spreadsheet, as the tests of lifetimes have them: E[Y(39) | 2, 30.43, 38.86], E[X(t)]."""
    model = BGNBD.fit(cdnow, unit="week").model
    assert round(model.conditional_expected_purchases(39, 2, 30.43, 38.86), 3) == 1.226
    assert model.conditional_expected_purchases(39, 2, 30.43, 38.86) == pytest.approx(1.225910452122699, rel=1e-10)
    assert model.p_alive(2, 30.43, 38.86) == pytest.approx(0.7266091515506477, rel=1e-10)
    published = {0.1429: 0.0078, 1.0: 0.0532, 3.0: 0.1506, 31.8571: 1.0405, 32.0: 1.0437, 78.0: 1.8576}
    for t, expected in published.items():
        # the spreadsheet's solver stopped a little beside the maximum
        assert model.expected_purchases(t) == pytest.approx(expected, rel=3e-4, abs=5e-5)


def test_the_published_probabilities() -> None:
    """Of the manual of R's BTYD, at the rounded parameters."""
    assert ROUNDED.conditional_expected_purchases(39, 2, 30.43, 38.86) == pytest.approx(1.2260281747671444, rel=1e-12)
    assert round(ROUNDED.pmf(0, 39), 7) == 0.5737864
    assert ROUNDED.pmf(10, 2) == pytest.approx(1.07869e-07, rel=5e-6)
    assert [round(chance, 10) for chance in ROUNDED.pmf(list(range(11, 21)), 30)] == [
        0.0019995214,
        0.0015170236,
        0.0011633150,
        0.0009003148,
        0.0007023638,
        0.0005517902,
        0.0004361913,
        0.0003467171,
        0.0002769613,
        0.0002222260,
    ]


def test_the_customer_base_as_a_whole(cdnow: dict[str, list[float]]) -> None:
    """What all of them are expected to buy in the next 39 weeks, and what they bought in the first."""
    model = BGNBD.fit(cdnow).model
    assert sum(cdnow["x"]) == 2457
    expected = model.conditional_expected_purchases(39, **cdnow)
    assert sum(expected) == pytest.approx(1653.423259804015, rel=1e-10)


def test_discounted_expected_residual_transactions() -> None:
    """By E[k/p·eᶻ·E₍k+1₎(z)] and by a double integral: 5.156379826; Fader and Hardie's rate, 0.0027 a week."""
    assert ROUNDED.dert(0.0027, 2, 30.43, 38.86) == pytest.approx(5.156379826, rel=2e-10)
