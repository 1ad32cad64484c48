"""Maxima in positive parameters: inside, at the boundary, nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, nan

import pytest
from hypothesis import given, settings, strategies as st

from crmcore.analytics.calculus.maximum import Evaluate, Evaluation, maximum
from crmcore.kernel.errors import NotConverged


def by_logs(value: object) -> Evaluate:
    """An objective given with its derivatives by the logarithms: ``value(*logs) -> value, gradient, hessian``."""

    def evaluate(point: Sequence[float]) -> Evaluation:
        found, slope, bend = value(*map(log, point))  # type: ignore[operator]
        size = range(len(point))
        gradient = [slope[i] / point[i] for i in size]
        hessian = [[(bend[i][j] - (slope[i] if i == j else 0)) / (point[i] * point[j]) for j in size] for i in size]
        return Evaluation(found, gradient, hessian)

    return evaluate


@given(st.floats(-15, 15), st.floats(-15, 15), st.floats(1e-2, 1e6), st.floats(-0.99, 0.99))
@settings(max_examples=60)
def test_a_maximum_inside(u: float, v: float, size: float, tilt: float) -> None:
    """A quadratic in the logarithms is reached wherever it lies, however long and narrow; no step is wasted."""

    def ridge(x: float, y: float) -> tuple[float, list[float], list[list[float]]]:
        a, b = x - u, y - v
        slope = [-size * (a + tilt * b), -size * (b + tilt * a)]
        return (a * slope[0] + b * slope[1]) / 2, slope, [[-size, -size * tilt], [-size * tilt, -size]]

    found = maximum(by_logs(ridge), [[1.0, 1.0]], little=1e-9)
    assert found.status == "converged"
    assert [log(value) for value in found.point] == pytest.approx([u, v], abs=1e-6)
    assert found.held == found.ran == (False, False)
    assert found.spread is not None
    assert found.spread[0][0] == pytest.approx(1 / (size * (1 - tilt**2)), rel=1e-6)
    assert found.iterations <= 14


def to_infinity(gain: float) -> Evaluate:
    """Rises for ever with the first parameter, less and less; the second, beside it, is best at twice the first."""

    def value(x: float, y: float) -> tuple[float, list[float], list[list[float]]]:
        left, off = gain * exp(-x), y - x - log(2)
        return -left - off * off, [left + 2 * off, -2 * off], [[-left - 2, 2.0], [2.0, -2.0]]

    return by_logs(value)


@pytest.mark.parametrize("gain", [0.01, 1.0, 1e4])
def test_a_ratio_at_the_boundary(gain: float) -> None:
    """Both parameters run, one is held, the other is at its best; quickly, and without a standard error for either."""
    found = maximum(to_infinity(gain), [[1.0, 1.0]], far=1e12)
    assert found.status == "boundary"
    assert max(found.point) == pytest.approx(1e12)
    assert found.point[1] / found.point[0] == pytest.approx(2, rel=1e-6)
    assert found.ran == (True, True)
    assert sum(found.held) == 1
    assert found.at.value == pytest.approx(0, abs=1e-6)
    assert found.iterations <= 40


def test_a_parameter_that_runs_to_nothing() -> None:
    """Is held at the lower bound, while the other has its maximum."""

    def value(x: float, y: float) -> tuple[float, list[float], list[list[float]]]:
        return -exp(x) - (y - 1) ** 2, [-exp(x), -2 * (y - 1)], [[-exp(x), 0.0], [0.0, -2.0]]

    found = maximum(by_logs(value), [[1.0, 1.0]])
    assert found.status == "boundary"
    assert found.held == found.ran == (True, False)
    assert found.point == pytest.approx((1e-8, exp(1)))


def test_what_the_data_do_not_tell() -> None:
    """Only the product of the parameters matters: any of them will do, and no error is told."""

    def value(x: float, y: float) -> tuple[float, list[float], list[list[float]]]:
        off = x + y - 1
        return -off * off, [-2 * off, -2 * off], [[-2.0, -2.0], [-2.0, -2.0]]

    found = maximum(by_logs(value), [[1.0, 1.0]])
    assert found.status == "unidentified"
    assert found.spread is None
    assert found.point[0] * found.point[1] == pytest.approx(exp(1))


def test_the_highest_of_two_maxima() -> None:
    """Where a start leads nowhere, the next is tried; a proper maximum ends the search."""

    def value(x: float) -> tuple[float, list[float], list[list[float]]]:
        return -exp(-x) - 5, [exp(-x)], [[-exp(-x)]]  # rises to −5 for ever

    def evaluate(point: Sequence[float]) -> Evaluation:
        if point[0] < 1:
            return by_logs(lambda x: (-((x + 2) ** 2), [-2 * (x + 2)], [[-2.0]]))(point)
        return by_logs(value)(point)

    found = maximum(evaluate, [[20.0], [0.5]])
    assert found.status == "converged"
    assert found.point[0] == pytest.approx(exp(-2))
    assert maximum(evaluate, [[20.0]]).status == "boundary"
    assert maximum(evaluate, [[20.0], [30.0], [0.5]]).status == "boundary"  # two lead to the same


def test_a_saddle_is_left() -> None:
    """Where the curvature is wrong, the step still leads upwards."""

    def value(x: float) -> tuple[float, list[float], list[list[float]]]:
        return -(x**4) + 8 * x * x, [-4 * x**3 + 16 * x], [[-12 * x * x + 16]]

    found = maximum(by_logs(value), [[1.01]])
    assert found.status == "converged"
    assert log(found.point[0]) == pytest.approx(2)


@pytest.mark.parametrize("error", [OverflowError, ZeroDivisionError, ValueError, None])
def test_no_step_leads_where_nothing_can_be_worked_out(error: type[Exception] | None) -> None:
    """Beyond 2, the objective raises, or is no number: the maximum at 1.9 is found all the same."""

    def evaluate(point: Sequence[float]) -> Evaluation:
        (x,) = point
        if x > 2:
            if error is not None:
                raise error
            return Evaluation(nan, [nan], [[nan]])
        return Evaluation(log(x) - x / 1.9, [1 / x - 1 / 1.9], [[-1 / (x * x)]])

    assert maximum(evaluate, [[3.0], [0.1]]).point == pytest.approx((1.9,))
    with pytest.raises(NotConverged, match="at any start"):
        maximum(evaluate, [[3.0]])


def test_an_infinite_slope_is_no_place() -> None:
    """Nothing is climbed from there."""
    with pytest.raises(NotConverged):
        maximum(lambda _: Evaluation(1.0, [inf], [[-1.0]]), [[1.0]])


def test_a_value_that_contradicts_its_slope_ends_the_climb() -> None:
    """No step makes it rise: it stays where it is, and says so by its status alone."""
    found = maximum(lambda point: Evaluation(-abs(point[0] - 1), [1.0], [[-1.0]]), [[1.0]])
    assert found.point == (1.0,)
    assert found.status in {"converged", "unidentified"}
