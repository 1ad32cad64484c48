"""The house stays in order: its rooms, its front door, what opening that door costs."""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import crmcore

ROOT = Path(__file__).parents[1]
TOP_LEVEL = {"CHANGELOG.md", "LICENSE", "README.md", "docs", "examples", "pyproject.toml", "src", "tests"}
HEAVY = {"asyncio", "cattrs", "csv", "dateutil", "http", "json", "numpy", "rich", "sqlite3", "statistics"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(crmcore.__path__, "crmcore."))


def run(*command: str) -> str:
    """What a command prints, run in the checkout and unmeasured (measuring loads modules of its own)."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(command, cwd=ROOT, env=quiet, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a git checkout")
def test_the_visible_top_level_is_fixed() -> None:
    """Nothing but these names lies in the open."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    names = {path.partition("/")[0] for path in listed if path}

    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_be_imported(name: str) -> None:
    """On its own, as documentation tools and type checkers do."""
    importlib.import_module(name)


def test_every_public_name_resolves() -> None:
    """The front door promises nothing it can't hand over."""
    assert len(crmcore.__all__) == len(set(crmcore.__all__))
    assert [name for name in crmcore.__all__ if not hasattr(crmcore, name)] == []


def test_importing_crmcore_loads_nothing_heavy() -> None:
    """It costs little more than ``import attrs``."""
    asked = "import attrs, sys; had = {*sys.modules}; import crmcore; print(*{*sys.modules} - had)"
    loaded = run(sys.executable, "-c", asked)

    assert HEAVY.isdisjoint(module.partition(".")[0] for module in loaded.split())


def test_the_version_is_said_once() -> None:
    """What the package says of itself is what it was built as."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert crmcore.__version__ == project["version"]
