"""What models of purchases take, give back in the same shape, and refuse."""

from __future__ import annotations

import contextlib
import math
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from crmcore.analytics.calculus.engines import engine_for
from crmcore.analytics.clv import BGNBD, MBGNBD, Prediction
from crmcore.analytics.clv.rows import distinct, number, vector
from crmcore.analytics.clv.unit import Unit
from crmcore.kernel.errors import Invalid

MODEL = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
ONE = MODEL.conditional_expected_purchases(39, 2, 30.43, 38.86)
NEW = MODEL.conditional_expected_purchases(39, 0, 0, 38.86)
HISTORY = {"x": [2, 0], "t_x": [30.43, 0.0], "T": [38.86, 38.86]}


def near(values: object) -> object:
    """To 1e-12."""
    return pytest.approx(values, rel=1e-12)


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_numbers_give_a_number() -> None:
    """Of whatever kind they are."""
    for x in (2, 2.0, np.int64(2), np.float64(2), Decimal(2), True + 1):
        found = MODEL.conditional_expected_purchases(39, x, 30.43, 38.86)
        assert type(found) is float
        assert found == near(ONE)


def test_columns_give_columns_of_their_kind() -> None:
    """A list, a tuple, an array, a Series with its index; numbers stand for all rows."""
    expected = MODEL.conditional_expected_purchases
    listed = expected(39, [2, 0], [30.43, 0], 38.86)
    assert type(listed) is list
    assert listed == near([ONE, NEW])
    assert expected(39, (2, 0), [30.43, 0], 38.86) == tuple(listed)
    array = expected(39, np.array([2, 0]), np.array([30.43, 0]), 38.86)
    assert isinstance(array, np.ndarray)
    assert array.dtype == float
    assert array.tolist() == near(listed)
    series = expected(39, pd.Series([2, 0], index=["ada", "bob"]), pd.Series([30.43, 0]), 38.86)
    assert isinstance(series, pd.Series)
    assert series.to_dict() == near({"ada": ONE, "bob": NEW})
    assert expected([39, 78], 2, 30.43, 38.86)[0] == near(ONE)
    assert expected(np.array([39.0, 78.0]), 2, 30.43, 38.86)[0] == near(ONE)
    assert MODEL.expected_purchases((1, 2)) == tuple(MODEL.expected_purchases([1, 2]))
    assert MODEL.pmf(np.array([0, 1]), 39).tolist() == near(MODEL.pmf([0, 1], 39))


def test_nothing_gives_nothing() -> None:
    """An empty column, an empty column; an empty table, a table without rows."""
    assert MODEL.p_alive([], [], []) == []
    assert MODEL.p_alive((), [], 39) == ()
    assert MODEL.p_alive(np.array([]), np.array([]), np.array([])).shape == (0,)
    assert MODEL.conditional_expected_purchases(39, [], [], []) == []
    assert len(MODEL.p_alive({"x": [], "t_x": [], "T": []})) == 0
    assert MODEL.p_alive(pd.Series([], dtype=float), [], []).to_list() == []


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(HISTORY, id="columns"),
        pytest.param({**HISTORY, "customer": ["ada", "bob"]}, id="columns with names"),
        pytest.param({"frequency": [2, 0], "recency": [30.43, 0.0], "T": [38.86, 38.86]}, id="as elsewhere"),
        pytest.param([{"x": 2, "t_x": 30.43, "T": 38.86}, {"x": 0, "t_x": 0, "T": 38.86}], id="records"),
        pytest.param(pd.DataFrame(HISTORY), id="frame"),
        pytest.param(pd.DataFrame({**HISTORY, "customer": ["ada", "bob"]}), id="frame with names"),
        pytest.param({name: np.array(column) for name, column in HISTORY.items()}, id="arrays"),
        pytest.param({**HISTORY, "x": ["2", "0"]}, id="text"),
    ],
)
def test_a_table_gives_a_table_by_customer(table: Any) -> None:  # noqa: ANN401 - any table
    """Its customers by name, or by number where they have none."""
    found = MODEL.conditional_expected_purchases("39 weeks", table)
    assert isinstance(found, Prediction)
    assert list(found.values) == near([ONE, NEW])
    assert {type(row[found.name]) for row in found.to_dicts()} == {float}
    named = "customer" in (table if isinstance(table, dict) else getattr(table, "columns", ()))
    assert list(found.customer) == (["ada", "bob"] if named else [1, 2])
    assert found.to_dicts()[1] == {"customer": found.customer[1], found.name: near(NEW)}
    for other in (MODEL.p_alive(table), MODEL.dert(0.01, table), MODEL.expected_residual_lifetime(table)):
        assert len(other) == 2


def test_a_summary_gives_a_table(tmp_path: Path) -> None:
    """And is fitted in its own unit; so is a file."""
    made = MODEL.simulate(300, Random(4), T=39)
    found = MODEL.p_alive(made)
    assert len(found) == len(made.x)
    assert found.customer == list(made.customer)
    fit = BGNBD.fit(made)
    assert fit.model.unit == Unit.of("week")
    assert BGNBD.fit(made, unit="day").model.unit == Unit.of("day")
    path = tmp_path / "customers.csv"
    rows = zip(made.x, made.t_x, made.T, strict=True)
    path.write_text("frequency,recency,T\n" + "\n".join(",".join(map(str, row)) for row in rows))
    assert BGNBD.fit({"frequency": made.x, "recency": made.t_x, "T": made.T}).params == near(fit.params)
    with pytest.raises(Invalid, match='a column "x"'):
        BGNBD.fit(path)
    path.write_text(path.read_text().replace("frequency,recency", "x,t_x"))
    assert BGNBD.fit(path).params == near(fit.params)
    frame = pd.DataFrame({"x": made.x, "t_x": made.t_x, "T": made.T, "unit": 1})
    assert BGNBD.fit(frame).params == near(fit.params)
    assert BGNBD.fit(frame).model.unit is None


def test_a_table_shows_its_first_customers() -> None:
    """And how many more there are; None stands for what is infinite."""
    history = {"x": [0] * 12, "t_x": [0] * 12, "T": [39] * 12}
    found = MODEL.dert(0, history)
    assert repr(found) == "<Prediction of dert: 12 customers>"
    assert set(found.values) == {None}
    (section,) = found.sections()
    assert section.rows[0] == ("1", "–")
    assert section.rows[-1] == ("… and 2 more", "")
    assert len(MODEL.p_alive({**HISTORY}).sections()[0].rows) == 2
    assert "p_alive" in str(MODEL.p_alive(HISTORY))


def test_none_where_a_figure_is_infinite() -> None:
    """In columns of every kind."""
    assert MODEL.dert([0, 0.01], 2, 30, 39)[0] is None
    array = MODEL.dert(np.array([0, 0.01]), 2, 30, 39)
    assert (array.dtype, array[0]) == (object, None)
    assert MODEL.expected_residual_lifetime(np.array([2]), [30], [39]).tolist() == [None]


def test_time_ahead_may_be_told_by_the_calendar() -> None:
    """In a model that knows its unit."""
    assert MODEL.conditional_expected_purchases("273 days", 2, 30.43, 38.86) == near(ONE)
    assert MODEL.conditional_expected_purchases(timedelta(weeks=39), 2, 30.43, 38.86) == near(ONE)
    with pytest.raises(Invalid, match="unit"):
        BGNBD(0.243, 4.414, 0.793, 2.426).conditional_expected_purchases("39 weeks", 2, 30.43, 38.86)


# --- refusals ---------------------------------------------------------------------------------------------------------

NOT_A_HISTORY: list[tuple[Any, Any, Any, str]] = [
    (float("nan"), 30, 39, "a whole number of repeat purchases as x"),
    (None, 30, 39, "x None"),
    ("two", 30, 39, "x 'two'"),
    (True, 30, 39, "x True"),
    (-1, 30, 39, "a whole number"),
    (2.5, 30, 39, "a whole number"),
    (2_000_000, 30, 39, "from 0 to 1,000,000"),
    (2, 40, 39, "t_x is the age at the last purchase"),
    (2, -1, 39, "t_x is the age"),
    (2, float("nan"), 39, "t_x is the age"),
    (2, 30, float("inf"), "T the age at the end"),
    (2, 30, 2e12, "T the age at the end"),
    (0, 3, 39, "t_x = 0 where x = 0"),
    (2, 0, 39, "t_x = 0 where x = 0"),
]


@pytest.mark.parametrize(("x", "t_x", "age", "message"), NOT_A_HISTORY)
def test_histories_that_cannot_be_are_refused(x: object, t_x: object, age: object, message: str) -> None:
    """One by one, in columns, and in fits, which point at the rows."""
    with pytest.raises(Invalid, match=message):
        MODEL.p_alive(x, t_x, age)
    with pytest.raises(Invalid, match="correct 1 of 2"):
        MODEL.conditional_expected_purchases(39, [1, x], [1, t_x], [39, age])
    with pytest.raises(Invalid, match="customers row 2"):
        BGNBD.fit(x=[1, x], t_x=[1, t_x], T=[39, age])
    with pytest.raises(Invalid, match="customers row 2"):
        BGNBD.fit(x=[1, x], t_x=[1, t_x], T=[39, age], engine="numpy")


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Rows by what is wrong with them; weights beside."""
    with pytest.raises(Invalid) as caught:
        BGNBD.fit(x=[1, -1, 2, -2, "a"], t_x=[1, 1, 50, 1, 1], T=[39] * 5, weights=[1, 1, 1, -1, 1])
    problems = caught.value.problems
    assert [problem.path for problem in problems] == [
        'customers rows 2, 4, column "x"',
        'customers row 3, column "x"',
        'customers row 5, column "x"',
        'customers row 4, column "weights"',
    ]
    assert "x -1, t_x 1, T 39" in str(problems[0])
    with pytest.raises(Invalid) as caught:
        MODEL.discounted_expected_purchases(-1, float("nan"), 2, 50, 39)
    assert [problem.path for problem in caught.value.problems] == ["rate", "horizon", "x, t_x, T"]
    with pytest.raises(Invalid) as caught:
        BGNBD(r=0, alpha="a", a=math.inf, b=-1)  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == ["r", "alpha", "a", "b"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": [1, 2], "t_x": [1], "T": [39, 39]}, "cells"),
        ({"x": [1], "t_x": [1]}, "T"),
        ({}, "x"),
        ({"x": [], "t_x": [], "T": []}, "at least one customer"),
        ({"x": 1, "t_x": 1, "T": 39}, "a column of cells"),
        ({"x": [1], "t_x": [1], "T": [39], "weights": [0]}, "at least one customer"),
        ({"x": [1], "t_x": [1], "T": [39], "weights": [float("nan")]}, "a number as weights"),
        ({"x": [1], "t_x": [1], "T": [39], "weights": [1, 2]}, "cells"),
        ({"x": [1], "t_x": [1], "T": [39], "weights": "n"}, "n"),
        ({"x": [1], "t_x": [1], "T": [39], "penalty": -1}, "penalty"),
        ({"x": [1], "t_x": [1], "T": [39], "penalty": "much"}, "penalty"),
        ({"x": [1], "t_x": [1], "T": [39], "engine": "scipy"}, "engine"),
        ({"x": [1], "t_x": [1], "T": [39], "unit": "fortnight"}, "unit"),
        ({"x": np.array([[1]]), "t_x": [1], "T": [39]}, "a number as x"),
        ({"summary": [1, 2]}, "a record or a mapping"),
        ({"summary": 7}, "a table"),
        ({"summary": {"x": [1], "t_x": [1], "T": [39]}, "weights": [1, 2]}, "1, one a row"),
        ({"summary": {"x": [1], "t_x": [1], "T": [39]}, "weights": "n"}, '"n"'),
        ({"summary": pd.DataFrame({"x": [1], "t_x": [1]})}, '"T"'),
    ],
)
def test_fits_to_what_is_no_table_are_refused(given: dict[str, Any], message: str) -> None:
    """With what is missing or too much."""
    with pytest.raises(Invalid, match=message):
        MBGNBD.fit(**given)


def test_predictions_of_what_does_not_fit_are_refused() -> None:
    """Lengths that differ, counts and times that can't be."""
    with pytest.raises(Invalid, match="2 of x, 1 of t_x"):
        MODEL.p_alive([1, 2], [1], 39)
    with pytest.raises(Invalid, match="a whole number of purchases"):
        MODEL.pmf(1.5, 39)
    with pytest.raises(Invalid, match="a whole number of purchases"):
        MODEL.pmf(-1, 39)
    with pytest.raises(Invalid, match="t -1"):
        MODEL.expected_purchases(-1)
    with pytest.raises(Invalid, match="t None"):
        MODEL.expected_purchases([None])
    with pytest.raises(Invalid, match=r"ahead inf"):
        MODEL.p_alive(2, 30, 39, ahead=float("inf"))
    with pytest.raises(Invalid, match="t -2"):
        MODEL.conditional_expected_purchases(np.array([1.0, -2.0]), 2, 30, 39)
    with pytest.raises(Invalid, match="rate 'high'"):
        MODEL.dert("high", 2, 30, 39)
    with pytest.raises(Invalid, match="x None"):
        MODEL.p_alive()
    with pytest.raises(Invalid, match='column "T"'):
        MODEL.p_alive({"x": [1], "t_x": [1]})
    with pytest.raises(Invalid, match="1 cells"):
        MODEL.p_alive({**{name: np.array(column) for name, column in HISTORY.items()}, "customer": ["ada"]})
    for n, rng, end in (
        (-1, Random(1), 39),
        (3, None, 39),
        (3, Random(1), 0),
        (3, Random(1), "x"),
        (3.5, Random(1), 1),
    ):
        with pytest.raises(Invalid, match="n, rng, T"):
            MODEL.simulate(n, rng, T=end)  # type: ignore[arg-type]


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=2),
    st.decimals(),
    st.dates(),
    st.lists(st.one_of(st.none(), st.floats(), st.text(max_size=2), st.lists(st.integers(), max_size=2)), max_size=3),
    st.sampled_from(
        [np.array([1.0, 2.0]), np.array([[1.0]]), np.array(["a"]), pd.Series([1, None]), {}, {"x": 1}, object]
    ),
)


@given(anything, anything, anything, anything)
@settings(max_examples=100)
def test_whatever_is_given_there_is_a_figure_or_one_refusal(x: object, t_x: object, age: object, ahead: object) -> None:
    """Never another error."""
    for ask in (
        lambda: MODEL.p_alive(x, t_x, age, ahead=ahead),
        lambda: MODEL.dert(ahead, x, t_x, age),
        lambda: MODEL.pmf(x, ahead),
        lambda: BGNBD.fit(x=x, t_x=t_x, T=age, weights=ahead),
        lambda: BGNBD.fit(x, weights=ahead),
    ):
        with contextlib.suppress(Invalid):
            ask()


# --- reading ----------------------------------------------------------------------------------------------------------


def test_cells_as_numbers() -> None:
    """What is none is NaN, whatever it is."""
    assert [number(cell) for cell in (1, "2.5", Decimal(3), np.float32(4))] == [1, 2.5, 3, 4]
    for cell in (None, "", "x", True, float("nan"), pd.NA, pd.NaT, [1], object(), 10**400):
        assert math.isnan(number(cell)), cell


def test_columns_of_numbers_stay_as_they_are() -> None:
    """Those of numpy and pandas; nothing else is taken for one."""
    assert vector(np.array([1, 2])) is not None
    assert vector(pd.Series([1.0, 2.0])) is not None
    assert vector(pd.Series([1, 2], dtype="Int64")) is not None
    for column in ([1, 2], np.array([[1]]), np.array(["a"]), pd.Series([1, None], dtype=object), 3, np.float64(3)):
        assert vector(column) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, -0.0, 1 / 7, 2.5]), st.floats(0, 2)), max_size=40))
@settings(max_examples=60)
def test_like_rows_are_taken_together(rows: list[tuple[int, float, float]]) -> None:
    """Each once, and every row is found again; by either engine."""
    cells = [[float(row[i]) for row in rows] for i in range(3)]
    for name in ("python", "numpy"):
        engine = engine_for(1, name)  # type: ignore[arg-type]
        columns, places = distinct(list(map(engine.column, cells)), engine)
        again = [engine.plain(engine.taken(engine.column(column), places)) for column in columns]
        assert [list(map(float, column)) for column in again] == cells
        assert len(columns[0]) == len(set(zip(*cells, strict=True)))
