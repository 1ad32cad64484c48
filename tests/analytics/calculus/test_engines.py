"""Engines: one formula, the same figures."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from crmcore.analytics.calculus.engines import BLOCK, FEW, PLAIN, Engine, engine_for
from crmcore.kernel.errors import Invalid


@pytest.fixture(params=["python", "numpy"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Plain Python, then numpy."""
    return engine_for(0, request.param)


def test_both_do_the_same(engine: Engine) -> None:
    """Column by column."""
    left, right = engine.column([1.0, 2.0, 3.0]), engine.column([4.0, 5.0, 6.0])
    assert engine.plain(engine.one(lambda m, a, b: m.exp(a) * 0 + a * b, left, right)) == [4.0, 10.0, 18.0]
    assert engine.sums(lambda _, a, b: (a, a * b), left, right) == [6.0, 32.0]
    assert engine.sums(lambda _, a: (a, a), engine.column([])) == []
    assert engine.dot(left, right) == 32.0
    assert engine.span(right) == (4.0, 6.0)
    assert engine.plain(engine.added([0, 2, 0], left)) == [4.0, 0.0, 2.0]
    assert engine.plain(engine.added([], engine.column([]))) == []
    assert engine.plain(engine.taken(right, [2, 2, 0])) == [6.0, 6.0, 4.0]
    flags = engine.one(lambda _, a: a > 1, left)
    assert [engine.plain(column) for column in engine.kept(flags, left, right)] == [[2.0, 3.0], [5.0, 6.0]]
    double = engine.mean(lambda m, node, a: m.exp(node) * a, ((0.0, 0.0), (0.5, 1.5)), left)
    assert engine.plain(double) == [2.0, 4.0, 6.0]
    assert engine.plain(engine.mean(lambda _, node, a: node * a, ((0.0,), (1.0,)), engine.column([]))) == []


@pytest.mark.parametrize("rows", [FEW - 1, FEW, FEW + 1, BLOCK, BLOCK + 1])
def test_blocks_leave_nothing_out(engine: Engine, rows: int) -> None:
    """However many rows there are."""
    column = engine.column(list(map(float, range(rows))))
    assert engine.sums(lambda _, a: (a, 0 * a + 1), column) == [rows * (rows - 1) / 2, rows]
    assert engine.plain(engine.one(lambda _, a: 2 * a, column)) == [2.0 * i for i in range(rows)]


def test_several_columns_at_once(engine: Engine) -> None:
    """A formula may give more than one figure."""
    once, twice = engine.columns(lambda _, a: (a, 2 * a), engine.column([1.0, 2.0]))
    assert (engine.plain(once), engine.plain(twice)) == ([1.0, 2.0], [2.0, 4.0])


@pytest.mark.parametrize("rows", [10, 10_000])
def test_numpy_is_taken_where_it_pays(rows: int) -> None:
    """Where it is installed and there are many rows; or where it is asked for."""
    assert engine_for(rows).name == ("python" if rows == 10 else "numpy")
    assert engine_for(rows, "python") is PLAIN
    assert engine_for(rows, "numpy").m is np


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain Python serves any number of rows; asking for numpy says how to install it."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert engine_for(10_000) is PLAIN
    with pytest.raises(Invalid, match=r"crmcore\[fast\]"):
        engine_for(10, "numpy")


@pytest.mark.parametrize("asked", ["scipy", ["numpy"], 1])
def test_other_engines_are_refused(asked: object) -> None:
    """With those there are."""
    with pytest.raises(Invalid, match='"python" or "numpy"'):
        engine_for(10, asked)  # type: ignore[arg-type]
