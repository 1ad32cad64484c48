"""What holds for BG/NBD and MBG/NBD whatever the parameters and the data."""

from __future__ import annotations

import math
import sys
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st

from crmcore.analytics.clv import BGNBD, MBGNBD, Fit

kinds = st.sampled_from([BGNBD, MBGNBD])
usual = st.floats(-3, 3).map(lambda power: 10.0**power)
extreme = st.floats(-25, 25).map(lambda power: 10.0**power)
parameters = st.one_of(st.tuples(usual, usual, usual, usual), st.tuples(extreme, extreme, extreme, extreme))
times = st.one_of(st.just(0.0), st.just(1e12), st.floats(-12, 12).map(lambda power: 10.0**power))


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, float, float]:
    """Any that can be."""
    x = draw(st.one_of(st.integers(0, 5), st.sampled_from([100, 1000, 1_000_000])))
    age = draw(times)
    t_x = draw(st.one_of(st.just(age), st.floats(0, 1).map(lambda share: age * share))) if x else 0.0
    return (x, t_x, age) if t_x else (0, 0.0, age)


@given(kinds, parameters, histories(), times, times, st.integers(0, 2000))
@example(BGNBD, (1e-25, 1e-25, 1e-25, 1e25), (1_000_000, 1e12, 1e12), 1e12, 1e-12, 2000)
@example(BGNBD, (1e25, 1e25, 1e25, 1e-25), (1_000_000, 1e-12, 1e12), 1e12, 1e12, 1)
@example(MBGNBD, (1e25, 1e-25, 1e-25, 1e-25), (0, 0.0, 0.0), 1e12, 0.0, 0)
@example(MBGNBD, (1.0, 1.0, 1.0, 1.0), (3, 1.0, 2.0), 1.0, 1e-12, 3)
@settings(max_examples=60)
def test_figures_are_finite(  # noqa: PLR0917 - drawn
    kind: type[BGNBD],
    parameters: tuple[float, float, float, float],
    history: tuple[int, float, float],
    t: float,
    rate: float,
    n: int,
) -> None:
    """On any legal input: never NaN, never infinite; probabilities between 0 and 1, counts from 0 on."""
    model = kind(*parameters)
    chances = [model.p_alive(*history), model.p_alive(*history, ahead=t), model.pmf(n, t)]
    assert all(0 <= chance <= 1 for chance in chances), chances
    amounts = [
        model.conditional_expected_purchases(t, *history),
        model.expected_purchases(t),
        model.discounted_expected_purchases(rate, t, *history),
        model.dert(rate, *history),
        model.expected_residual_lifetime(*history),
    ]
    assert all(amount is None or (0 <= amount < math.inf) for amount in amounts), amounts
    assert amounts[0] is not None
    assert chances[1] <= chances[0] * (1 + 1e-9)


@given(kinds, st.tuples(usual, usual, usual, usual), st.lists(histories(), min_size=1, max_size=8), usual)
@settings(max_examples=40)
def test_engines_agree_on_predictions(
    kind: type[BGNBD],
    parameters: tuple[float, float, float, float],
    rows: list[tuple[int, float, float]],
    t: float,
) -> None:
    """Plain Python and numpy, to 1e-9; one by one or all at once."""
    model = kind(*parameters)
    x, t_x, age = map(list, zip(*rows, strict=True))
    for told in (
        lambda *row: model.p_alive(*row),
        lambda *row: model.p_alive(*row, ahead=t),
        lambda *row: model.conditional_expected_purchases(t, *row),
        lambda *row: model.discounted_expected_purchases(0.01, t, *row),
        lambda *row: model.dert(0.01, *row),
        lambda *row: model.dert(0, *row),
        lambda *row: model.expected_residual_lifetime(*row),
    ):
        plain = told(x, t_x, age)
        assert list(told(np.array(x), np.array(t_x), np.array(age))) == near(plain)
        assert [told(*row) for row in rows] == near(plain)


def near(values: list[float | None]) -> list[Any]:
    """The same to 1e-9; None where None."""
    return [value if value is None else pytest.approx(value, rel=1e-9, abs=1e-30) for value in values]


@given(kinds, st.tuples(usual, usual, usual, usual), histories(), usual, st.floats(0.01, 100))
@settings(max_examples=40)
def test_predictions_do_not_depend_on_the_unit(
    kind: type[BGNBD],
    parameters: tuple[float, float, float, float],
    history: tuple[int, float, float],
    t: float,
    scale: float,
) -> None:
    """Weeks or days: the same figures."""
    r, alpha, a, b = parameters
    x, t_x, age = history
    one, other = kind(r, alpha, a, b), kind(r, alpha * scale, a, b)
    assume(age * scale <= 1e12)
    row = (x, t_x * scale, max(age * scale, t_x * scale))
    assert other.p_alive(*row) == near([one.p_alive(*history)])[0]
    assert (
        other.conditional_expected_purchases(t * scale, *row)
        == near([one.conditional_expected_purchases(t, *history)])[0]
    )
    assert other.dert(0.1 / scale, *row) == near([one.dert(0.1, *history)])[0]


@pytest.mark.parametrize(("many", "furthest"), [(50, 1e6), (1000, 20.0)])
def test_smooth_columns_are_right_everywhere(many: int, furthest: float) -> None:
    """Where many ages are asked for, those between are interpolated: to 1e-11 of asking for each."""
    model = BGNBD(0.24, 0.01, 0.8, 2.4)
    age = [furthest ** (i / many) for i in range(many)]
    for told in (
        lambda *row: model.conditional_expected_purchases(39, *row),
        lambda *row: model.dert(0.01, *row),
        lambda *row: model.p_alive(*row, ahead=5),
    ):
        plain = told([0] * many, [0] * many, age)
        assert list(told(np.zeros(many), 0, np.array(age))) == pytest.approx(plain, rel=1e-11)
        for i in (0, 1, many // 2, many - 1):
            assert plain[i] == pytest.approx(told(0, 0, age[i]), rel=1e-11)


def test_large_groups_and_small_ones_at_once() -> None:
    """A thousand customers of one kind, by interpolation, and a few others."""
    age = [20 + i / 100 for i in range(1000)]
    x, t_x = [0] * 1000 + [1, 2], [0] * 1000 + [5, 6]
    model = MBGNBD(0.5, 6.0, 0.9, 1.6)
    found = model.conditional_expected_purchases(39, np.array(x), np.array(t_x), np.array([*age, 30, 40]))
    for i in (0, 500, 999, 1000, 1001):
        row = (x[i], t_x[i], [*age, 30, 40][i])
        assert found[i] == pytest.approx(model.conditional_expected_purchases(39, *row), rel=1e-11)


# --- fits -------------------------------------------------------------------------------------------------------------


def same(one: Fit[Any], other: Fit[Any], *, rel: float = 1e-9) -> None:
    """The same fit."""
    assert one.params == pytest.approx(other.params, rel=rel)
    assert one.loglik == pytest.approx(other.loglik, rel=1e-12)
    assert one.status == other.status
    assert dict(one.se) == pytest.approx(dict(other.se), rel=1e-6)
    assert one.customers == pytest.approx(other.customers)


@pytest.fixture(scope="module")
def rows() -> list[tuple[int, float, float]]:
    """Four hundred customers, made up."""
    made = MBGNBD(0.8, 6.0, 0.9, 2.5, unit="week").simulate(400, Random(11), T=39)
    return [(x, round(t, 1) or 0.1 * (x > 0), age) for x, t, age in zip(made.x, made.t_x, made.T, strict=True)]


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
def test_order_grouping_and_engine_change_nothing(kind: type[BGNBD], rows: list[tuple[int, float, float]]) -> None:
    """Rows in any order, one by one or weighted, in plain Python or with numpy."""
    columns = dict(zip(("x", "t_x", "T"), map(list, zip(*rows, strict=True)), strict=True))
    fit = kind.fit(columns, engine="python")
    assert fit.status == "converged"
    shuffled = rows.copy()
    Random(3).shuffle(shuffled)
    same(kind.fit([dict(zip(("x", "t_x", "T"), row, strict=True)) for row in shuffled]), fit)
    grouped = {row: rows.count(row) for row in rows}
    named = dict(zip(("x", "t_x", "T"), zip(*grouped, strict=True), strict=True))
    same(kind.fit(named, weights=list(grouped.values())), fit)
    same(kind.fit({**named, "n": list(grouped.values())}, weights="n", engine="numpy"), fit)
    same(kind.fit(columns, engine="numpy"), fit)
    same(kind.fit(**{name: np.array(column) for name, column in columns.items()}), fit)


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
def test_fits_do_not_depend_on_the_unit(kind: type[BGNBD], rows: list[tuple[int, float, float]]) -> None:
    """Days instead of weeks: alpha is seven times as large, and the likelihood that of densities per day."""
    x, t_x, age = map(list, zip(*rows, strict=True))
    weeks = kind.fit(x=x, t_x=t_x, T=age)
    days = kind.fit(x=x, t_x=[7 * t for t in t_x], T=[7 * t for t in age])
    assert days.model.alpha == pytest.approx(7 * weeks.model.alpha, rel=1e-9)
    for name in ("r", "a", "b"):
        assert days.params[name] == pytest.approx(weeks.params[name], rel=1e-9)
    assert days.loglik == pytest.approx(weeks.loglik - sum(x) * math.log(7), rel=1e-12)
    error, as_days = weeks.se["alpha"], days.se["alpha"]
    assert error is not None
    assert as_days == pytest.approx(7 * error, rel=1e-6)


def test_fits_without_numpy(monkeypatch: pytest.MonkeyPatch, rows: list[tuple[int, float, float]]) -> None:
    """Nothing of it is needed."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    x, t_x, age = map(list, zip(*rows * 20, strict=True))
    fit = BGNBD.fit(x=x, t_x=t_x, T=age)
    assert (fit.engine, fit.customers) == ("python", 8000)
    assert len(fit.model.conditional_expected_purchases(39, x, t_x, age)) == 8000


# --- customers made up ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BGNBD, MBGNBD])
def test_customers_made_up_are_as_the_model_has_them(kind: type[BGNBD]) -> None:
    """Their mean, and how many of them buy nothing, once, twice."""
    model = kind(0.8, 6.0, 0.9, 2.5, unit="week")
    made = model.simulate(20_000, Random(5), T=39)
    assert (len(made.x), set(made.T), made.unit) == (20_000, {39.0}, model.unit)
    assert sum(made.x) / 20_000 == pytest.approx(model.expected_purchases(39), rel=0.05)
    for n in (0, 1, 2):
        chance = model.pmf(n, 39)
        assert made.x.count(n) / 20_000 == pytest.approx(chance, abs=4 * math.sqrt(chance / 20_000))
    assert all((x == 0) == (t == 0) and t <= 39 for x, t in zip(made.x, made.t_x, strict=True))


def test_chance_comes_from_the_caller() -> None:
    """The same seed, the same customers; none where none are asked for."""
    model = BGNBD(0.8, 6.0, 0.9, 2.5)
    assert model.simulate(50, Random(1)) == model.simulate(50, Random(1)) != model.simulate(50, Random(2))
    assert model.simulate(0, Random(1)).x == ()
    assert sum(BGNBD(1e-25, 1.0, 1.0, 1.0).simulate(20, Random(1)).x) == 0
