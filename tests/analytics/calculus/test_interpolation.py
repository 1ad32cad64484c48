"""Interpolation of smooth functions, and of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sin

import numpy as np
import pytest

from crmcore.analytics.calculus.engines import PLAIN, Engine, engine_for
from crmcore.analytics.calculus.interpolation import along


class Counted:
    """A function that counts where it is asked."""

    def __init__(self, function: object) -> None:
        self.function, self.asked = function, 0

    def __call__(self, points: Sequence[float]) -> list[float]:
        """Its values at some points."""
        self.asked += len(points)
        return [self.function(float(point)) for point in points]  # type: ignore[operator]


@pytest.mark.parametrize("engine", [PLAIN, engine_for(1, "numpy")], ids=["python", "numpy"])
@pytest.mark.parametrize(
    ("function", "most"),
    [
        pytest.param(lambda x: exp(x / 10), 12, id="smooth"),
        pytest.param(lambda x: 1 / (1 + 2 * x * x), 12 + 24 + 48, id="less smooth"),
        pytest.param(lambda x: sin(400 * x), 12 + 24 + 48 + 300, id="not smooth"),
    ],
)
def test_values_are_right(engine: Engine, function: object, most: int) -> None:
    """To 12 digits; smooth functions are asked but a few times."""
    counted = Counted(function)
    points = [i / 300 for i in range(300)]
    found = along(engine, lambda points: engine.column(counted(points)), engine.column(points))
    exact = [function(point) for point in points]  # type: ignore[operator]
    assert engine.plain(found) == pytest.approx(exact, rel=1e-12, abs=1e-12)
    assert counted.asked <= most


@pytest.mark.parametrize(("points", "asked"), [([0.5] * 100, 100), ([0.1, 0.2], 2), ([i / 40 for i in range(40)], 52)])
def test_few_or_equal_points_are_asked_for(points: list[float], asked: int) -> None:
    """Nothing is gained by interpolation, or there are too few to try on."""
    counted = Counted(lambda x: np.sign(x - 0.3) + 2.0)
    assert along(PLAIN, counted, points) == [np.sign(x - 0.3) + 2.0 for x in points]
    assert counted.asked == asked
