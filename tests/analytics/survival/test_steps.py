"""Steps: a sequence of Python's own numbers, whatever holds them."""

from __future__ import annotations

import numpy as np
import pytest

from crmcore.analytics import survival
from crmcore.analytics.survival.steps import Steps


@pytest.mark.parametrize("cells", [[1.0, 0.5, 0.25, 0.0], np.array([1.0, 0.5, 0.25, 0.0])], ids=["list", "array"])
def test_they_are_a_sequence(cells: object) -> None:
    """Of floats, equal to any other of the same."""
    steps = Steps(cells)

    assert (len(steps), steps[1], steps[-1], 0.5 in steps) == (4, 0.5, 0.0, True)
    assert type(steps[1]) is float
    assert [type(value) for value in steps] == [float] * 4
    assert isinstance(steps[1:], Steps)
    assert steps[1:] == [0.5, 0.25, 0]
    assert steps == Steps([1.0, 0.5, 0.25, 0.0])
    assert steps != [1.0]
    assert steps != 1
    assert hash(steps) == hash(Steps([1, 0.5, 0.25, 0]))
    assert repr(steps) == "<4 steps: 1, 0.5, 0.25, …>"
    assert repr(steps[:2]) == "<2 steps: 1, 0.5>"


def test_numpy_takes_them_as_they_are() -> None:
    """Without a copy where it made them, unless one is asked for."""
    held = np.array([1.0, 0.5])

    assert np.asarray(Steps(held)) is held
    assert np.array(Steps(held), copy=True) is not held
    assert (np.asarray(Steps([1.0, 0.5])) == held).all()


def test_they_cant_be_changed() -> None:
    """As all of a result."""
    with pytest.raises(TypeError):
        Steps([1.0])[0] = 2.0  # type: ignore[index]


def test_the_names_of_the_package() -> None:
    """Loaded when asked for, listed, and no others."""
    assert set(survival.__all__) <= set(dir(survival))
    assert all(getattr(survival, name).__name__ == name for name in survival.__all__)
    with pytest.raises(AttributeError, match="no attribute 'kaplan'"):
        survival.kaplan
