"""What tests of analyses share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


@pytest.fixture
def pyplot() -> Iterator[ModuleType]:
    """Pictures without a window; every figure is closed, and no style was changed."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    style = matplotlib.rcParams.copy()
    yield plt
    plt.close("all")
    assert matplotlib.rcParams == style


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra ``plot`` had not been installed."""
    import sys

    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, name, None)
