"""The names of the package: loaded when asked for, and always the same object."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import crmcore.analytics as an

MODULES = [module.name for module in pkgutil.iter_modules(an.__path__)]
PACKAGES = [module.name for module in pkgutil.iter_modules(an.__path__) if module.ispkg]


@pytest.mark.parametrize("name", an.__all__)
def test_a_name_is_the_same_object_on_every_access(name: str) -> None:
    """Also after every module of the package has been imported."""
    vars(an).pop(name, None)
    first = getattr(an, name)
    for module in MODULES:
        importlib.import_module(f"crmcore.analytics.{module}")

    assert getattr(an, name) is first
    assert getattr(an, name).__name__.rpartition(".")[2] == name


def test_no_name_is_also_a_module() -> None:
    """Importing the module would put it in the name's place; a package is itself the name."""
    assert not set(an.__all__) & set(MODULES) - set(PACKAGES)


def test_the_names_are_listed() -> None:
    """For completion in a shell."""
    assert set(an.__all__) <= set(dir(an))
    assert an.__all__ == sorted(an.__all__)


def test_another_name_is_refused() -> None:
    """As by any module."""
    with pytest.raises(AttributeError, match="no attribute 'pipelyne'"):
        an.pipelyne


def test_importing_the_package_loads_no_analysis() -> None:
    """Nor anything they need."""
    asked = "import sys, crmcore.analytics; print(*(name for name in sys.modules if name.startswith('crmcore.a')))"
    loaded = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True).stdout

    assert loaded.split() == ["crmcore.analytics"]
