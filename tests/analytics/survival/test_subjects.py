"""What survival functions take in: numbers and yes or no, in any column; and what they say of the rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from crmcore.analytics.survival import exponential, kaplan_meier, nelson_aalen
from crmcore.kernel.errors import Invalid

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
Engine = Literal["python", "numpy"]


@ENGINES
@pytest.mark.parametrize(
    ("durations", "observed"),
    [
        ([1, 2.0, 3], [True, False, 1]),
        (["1", " 2 ", "3.0"], ["yes", "No", "TRUE"]),
        ([Decimal(1), "2", 3], [1.0, "0", Decimal(1)]),
        (np.array([1, 2, 3], np.int16), np.array([1, 0, 1], np.int8)),
        (np.array([1.0, 2.0, 3.0]), np.array([True, False, True])),
        (pd.Series([1, 2, 3], dtype="Int64"), pd.Series([True, False, True], dtype="boolean")),
        (range(1, 4), (np.True_, np.False_, np.True_)),
    ],
    ids=["numbers", "text", "mixed", "short", "arrays", "series", "ranges"],
)
def test_numbers_are_read_wherever_they_stand(
    engine: Engine,
    durations: Any,  # noqa: ANN401 - a column of any kind
    observed: Any,  # noqa: ANN401
) -> None:
    """As the same numbers."""
    curve = kaplan_meier(durations, observed, engine=engine)

    assert (curve.times, curve.events, curve.engine) == ([1, 2, 3], [1, 0, 1], engine)
    assert kaplan_meier(iter(durations), iter(observed), engine=engine) == curve


@ENGINES
def test_everything_wrong_is_said_at_once(engine: Engine) -> None:
    """With its rows, and a mend."""
    with pytest.raises(Invalid) as caught:
        kaplan_meier([1, None, -3, "soon", float("inf"), 10**400], [1, 1, 2, 0, 0, None], [0, 0, 0, 0, -1, 0],
                     weights=[1, 1, 1, -1, 1, float("nan")], engine=engine)  # fmt: skip
    lines = str(caught.value).splitlines()

    assert any('row 2, column "durations": got None, expected a number; fill it in' in line for line in lines)
    assert any('row 3, column "durations": got -3, expected a number from 0 on' in line for line in lines)
    assert any("row 4, column \"durations\": got 'soon', expected a finite number" in line for line in lines)
    assert any('row 5, column "entry": got -1' in line for line in lines)
    assert any('row 4, column "weights": got -1' in line for line in lines)
    assert any('row 3, column "observed": got 2, expected 1 where the event was seen' in line for line in lines)


@ENGINES
def test_entry_lies_before_the_end(engine: Engine) -> None:
    """Who was never watched says nothing; 0 is no late entry."""
    with pytest.raises(Invalid, match=r'rows 2, 3, column "entry": got 2, expected less than the duration'):
        nelson_aalen([0, 2, 1], [1, 1, 1], [0, 2, 3], engine=engine)


@ENGINES
@pytest.mark.parametrize("weight", [1e-101, 1e101])
def test_weights_have_bounds(engine: Engine, weight: float) -> None:
    """Beyond which they would count for nothing, or for everything."""
    with pytest.raises(Invalid, match='row 2, column "weights"'):
        kaplan_meier([1, 2], [1, 1], weights=[1, weight], engine=engine)


@ENGINES
def test_rows_of_no_weight_are_not_there(engine: Engine) -> None:
    """Not even their times."""
    curve = kaplan_meier([1, 2, 3], [1, 1, 0], [0, 1, 0], weights=[0, 2, 1], engine=engine)

    assert (curve.times, curve.at_risk, curve.survival) == ([2, 3], [3, 1], [1 / 3, 1 / 3])


@ENGINES
def test_columns_are_of_one_length(engine: Engine) -> None:
    """And are columns."""
    with pytest.raises(Invalid, match="subjects column \"observed\": got '1 cells', expected 2"):
        kaplan_meier([1, 2], [1], engine=engine)
    with pytest.raises(Invalid, match='subjects column "durations"'):
        kaplan_meier("12", [1, 0], engine=engine)  # type: ignore[arg-type]
    for nothing in (1, None, np.array(1)):
        with pytest.raises(Invalid, match=r'column "observed": got .*, expected a column of cells'):
            kaplan_meier([1, 2], nothing, engine=engine)  # type: ignore[arg-type]
        with pytest.raises(Invalid, match=r'column "durations": got .*, expected a column of cells'):
            kaplan_meier(nothing, [1, 2], engine=engine)  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="expected a finite number"):
        kaplan_meier([[1], [2]], [1, 0], engine=engine)  # type: ignore[list-item]


def test_numpy_is_taken_where_it_pays() -> None:
    """And the result says so."""
    assert kaplan_meier([1], [1]).engine == "python"
    assert kaplan_meier(range(5_000), [1] * 5_000).engine == "numpy"
    assert exponential(range(5_000), [1] * 5_000).engine == "numpy"
    with pytest.raises(Invalid, match='"python" or "numpy"'):
        kaplan_meier([1], [1], engine="fortran")  # type: ignore[arg-type]


def test_weights_that_do_not_add_up_in_doubles_are_counted_in_plain_python() -> None:
    """Where subjects come late, and what is taken away again must leave nothing."""
    curve = kaplan_meier([1, 2, 3], [1, 1, 1], [0, 0, 2], weights=[0.1, 0.2, 1e50], engine="numpy")

    assert curve.engine == "python"
    assert curve.at_risk == [pytest.approx(0.3), 0.2, 1e50]
    assert kaplan_meier([1, 2], [1, 1], weights=[0.1, 0.2], engine="numpy").engine == "numpy"
