"""Public names: loaded when asked for, the same object on every access, never in a module's way."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import crmcore
import crmcore.kernel

PACKAGES = [
    importlib.import_module(name)
    for name in [
        "crmcore",
        *(found.name for found in pkgutil.iter_modules(crmcore.__path__, "crmcore.") if found.ispkg),
    ]
]
LAZY = [crmcore, crmcore.kernel]


@pytest.mark.parametrize(("package", "name"), [(package, name) for package in LAZY for name in package.__all__])
def test_a_name_is_the_same_object_on_every_access(package: ModuleType, name: str) -> None:
    """Also after every module of the package has been imported."""
    vars(package).pop(name, None)
    assert name in dir(package)
    first = getattr(package, name)
    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "__main__":
            importlib.import_module(f"{package.__name__}.{module.name}")

    assert getattr(package, name) is first


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_public_name_is_also_a_module(package: ModuleType) -> None:
    """Importing the module would put it in the name's place; a package may be the name itself."""
    modules = {module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg}

    assert modules.isdisjoint(getattr(package, "__all__", ()))


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_another_name_is_refused(package: ModuleType) -> None:
    """As by any module."""
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'Leed'"):
        package.Leed


def test_the_front_door_lists_its_names() -> None:
    """Loaded or not, with the version."""
    assert {*crmcore.__all__, "__version__"} == set(dir(crmcore))
