"""A fit: its errors, intervals and criteria, how it is shown, and what a penalty does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from crmcore.analytics.calculus.engines import PLAIN
from crmcore.analytics.calculus.maximum import Evaluate, Evaluation
from crmcore.analytics.clv import BGNBD, MBGNBD, Fit
from crmcore.analytics.clv.bgnbd_likelihood import likelihood, starts
from crmcore.analytics.clv.fit import Sought, fitted
from crmcore.analytics.clv.rows import Rows, read_rows
from crmcore.analytics.clv.tails import tails
from crmcore.analytics.clv.transactions_model import HISTORY
from crmcore.kernel.errors import Invalid


@pytest.fixture(scope="module")
def columns() -> dict[str, Any]:
    """Five hundred customers, made up."""
    made = BGNBD(0.8, 6.0, 0.9, 2.5, unit="week").simulate(500, Random(8), T=39)
    return {"x": made.x, "t_x": made.t_x, "T": made.T}


@pytest.fixture(scope="module")
def fit(columns: dict[str, Any]) -> Fit[BGNBD]:
    """Fitted."""
    return BGNBD.fit(columns)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("point", [(0.8, 0.2, 0.9, 2.5), (3.0, 1.5, 0.1, 0.2), (1e3, 2e2, 40.0, 7.0)])
def test_the_derivatives_of_the_likelihood(columns: dict[str, Any], first: int, point: Sequence[float]) -> None:
    """Beside differences, along each parameter."""
    rows = read_rows(columns, {}, HISTORY)
    evaluate = likelihood(rows, tails(rows.engine, rows.columns[0], rows.weights), 39.0, first)
    check_derivatives(evaluate, point)


def check_derivatives(evaluate: Evaluate, point: Sequence[float]) -> None:
    """Gradient and Hessian beside differences of the value and of the gradient."""
    here = evaluate(point)
    for i, value in enumerate(point):
        step = 1e-5 * value
        beside = [[*point[:i], value + way * step, *point[i + 1 :]] for way in (-1, 1)]
        before, after = map(evaluate, beside)
        slope = (after.value - before.value) / (2 * step)
        assert here.gradient[i] == pytest.approx(slope, rel=1e-5, abs=1e-6 * abs(here.value) / value)
        for j, other in enumerate(point):
            bend = (after.gradient[j] - before.gradient[j]) / (2 * step)
            scale = abs(here.hessian[i][i] * here.hessian[j][j]) ** 0.5 + 1 / (value * other)
            assert here.hessian[i][j] == pytest.approx(bend, rel=1e-5, abs=1e-5 * scale)
            assert here.hessian[i][j] == pytest.approx(here.hessian[j][i], rel=1e-9)


def test_criteria(fit: Fit[BGNBD]) -> None:
    """Akaike's and Bayes's, for four parameters and five hundred customers."""
    assert fit.aic == pytest.approx(8 - 2 * fit.loglik)
    assert fit.bic == pytest.approx(4 * math.log(500) - 2 * fit.loglik)


def test_intervals_are_above_nothing(fit: Fit[BGNBD]) -> None:
    """Symmetric on the logarithm, wider for a higher level."""
    narrow, usual = fit.ci(0.5), fit.ci()
    for name, value in fit.params.items():
        low, high = usual[name] or (0, 0)
        inner = narrow[name] or (0, 0)
        assert 0 < low < inner[0] < value < inner[1] < high
        assert math.sqrt(low * high) == pytest.approx(value)
        assert math.log(high / value) == pytest.approx(1.959963984540054 * (fit.se[name] or 0) / value)
    for level in (0, 1, 95, -0.1, float("nan"), "wide"):
        with pytest.raises(Invalid, match="a share above 0 and below 1"):
            fit.ci(level)  # type: ignore[arg-type]


def test_the_covariance_is_that_of_the_errors(fit: Fit[BGNBD]) -> None:
    """In the order of the parameters; definite."""
    cov = np.array(fit.cov, float)
    assert np.sqrt(np.diag(cov)).tolist() == pytest.approx(list(fit.se.values()))
    assert (np.linalg.eigvalsh(cov) > 0).all()
    assert np.allclose(cov, cov.T)


def test_how_it_is_shown(fit: Fit[BGNBD]) -> None:
    """In a line, as tables, as rows."""
    assert repr(fit).startswith("<Fit of BGNBD(r=")
    assert "converged" in repr(fit)
    assert [row["parameter"] for row in fit.to_dicts()] == ["r", "alpha", "a", "b"]
    assert fit.to_dicts()[0] == {"parameter": "r", "value": fit.model.r, "se": fit.se["r"]}
    parameters, facts = fit.sections()
    assert parameters.title == "BGNBD by maximum likelihood"
    assert ("status", "converged") in facts.rows
    assert "log-likelihood" in str(fit)


def test_how_a_boundary_is_shown() -> None:
    """With its limits and a note; a dash for what has no error; no interval."""
    fit = MBGNBD.fit(x=[5] * 40, t_x=[38] * 40, T=[40] * 40)
    assert fit.status != "converged"
    text = str(fit)
    assert "–" in text
    assert "note" in text
    if fit.status == "boundary":
        assert "r/alpha" in text
    assert None in fit.ci().values()
    assert None in fit.cov[0]


def test_an_interval_without_end_is_none(fit: Fit[BGNBD]) -> None:
    """Where an error is so large that its factor can't be worked out."""
    import attrs

    vague = attrs.evolve(fit, se={**fit.se, "r": 1e6 * fit.model.r})
    assert vague.ci()["r"] is None


def test_a_penalty_draws_parameters_towards_1(columns: dict[str, Any], fit: Fit[BGNBD]) -> None:
    """More, the larger it is; the likelihood is told without it."""
    last = fit
    for penalty in (0.01, 1.0, 1e4):
        found = BGNBD.fit(columns, penalty=penalty)
        assert found.status == "converged"
        assert sum(math.log(value) ** 2 for value in found.params.values()) < sum(
            math.log(value) ** 2 for value in last.params.values()
        )
        assert found.loglik < last.loglik
        last = found
    assert list(last.params.values()) == pytest.approx([1.0] * 4, rel=0.02)
    rows = read_rows(columns, {}, HISTORY)
    evaluate = likelihood(rows, tails(rows.engine, rows.columns[0], rows.weights), 1.0, 0)
    assert evaluate(list(last.params.values())).value == pytest.approx(last.loglik, rel=1e-12)


def test_a_penalty_is_part_of_the_maximum() -> None:
    """On the parameter in the caller's unit, 2p: where −(p − 5)² − w·ln(2p)² is highest, its slope is 0."""
    rows = Rows(([0.0],), [1.0], 1.0, PLAIN)

    def evaluate(point: Sequence[float]) -> Evaluation:
        return Evaluation(-((point[0] - 5) ** 2), [-2 * (point[0] - 5)], [[-2.0]])

    sought = Sought(names=("p",), evaluate=evaluate, starts=[[1.0]], scales=(2.0,), model=lambda p: Named(p))
    found = fitted(sought, rows, penalty=3.0, warnings=["by hand"])
    half = found.params["p"] / 2
    assert 2 * (half - 5) + 6 * math.log(2 * half) / half == pytest.approx(0, abs=1e-9)
    assert found.loglik == pytest.approx(-((half - 5) ** 2))
    assert found.warnings == ("by hand",)
    plain = fitted(sought, rows)
    assert plain.params["p"] == pytest.approx(10)
    assert dict(plain.se) == {"p": pytest.approx(2 * math.sqrt(0.5))}


class Named:
    """A model of one parameter."""

    def __init__(self, p: float) -> None:
        self.p = p


def test_a_start_for_any_counts() -> None:
    """Above 0, whether many buy again, everybody, or nobody."""
    for bought in ([40.0, 20.0, 5.0], [100.0, 100.0], [100.0] * 30, []):
        assert all(0 < value < math.inf for start in starts(bought, 100.0) for value in start)
