"""The names of the package: loaded when asked for, and always the same object."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from crmcore.analytics import retention

MODULES = [module.name for module in pkgutil.iter_modules(retention.__path__)]


@pytest.mark.parametrize("name", retention.__all__)
def test_a_name_is_the_same_object_on_every_access(name: str) -> None:
    """Also after every module of the package has been imported."""
    vars(retention).pop(name, None)
    first = getattr(retention, name)
    for module in MODULES:
        importlib.import_module(f"crmcore.analytics.retention.{module}")

    assert getattr(retention, name) is first
    assert getattr(retention, name).__name__ == name


def test_no_name_is_also_a_module() -> None:
    """Importing the module would put it in the name's place."""
    assert not {*retention.__all__} & {*MODULES}


def test_the_names_are_listed() -> None:
    """For completion in a shell."""
    assert {*retention.__all__} <= {*dir(retention)}
    assert retention.__all__ == sorted(retention.__all__)


def test_another_name_is_refused() -> None:
    """As by any module."""
    with pytest.raises(AttributeError, match="no attribute 'churm'"):
        retention.churm


def test_no_analysis_loads_numpy_or_matplotlib() -> None:
    """They are there for those who ask."""
    names = "; ".join(f"import crmcore.analytics.retention.{module}" for module in MODULES)
    asked = f"import sys; {names}; print(*({{'numpy', 'matplotlib', 'pandas'}} & {{*sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout

    assert loaded.split() == []
