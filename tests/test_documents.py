"""Everything the documents promise is run: pages, docstrings and examples.

Each page is one test, since its blocks build on one another; each docstring is one test and
must run alone. A block that can't run is not marked ``python``.
"""

from __future__ import annotations

import ast
import doctest
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
NEVER_RUN = re.compile(r"^\s*[`~]{3,} *(?!python$).*\b(?:py|python3?|pycon|doctest)\b.*$", re.MULTILINE)


def named(path: Path) -> str:
    """The path as a person would say it."""
    return path.relative_to(ROOT).as_posix()


def docstrings(path: Path) -> Iterator[doctest.DocTest]:
    """Every docstring of a source file that has an example."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text, line = ast.get_docstring(node, clean=False) or "", node.body[0].lineno if node.body else 0
            test = doctest.DocTestParser().get_doctest(text, {}, f"{named(path)}:{line}", str(path), line - 1)
            if test.examples:
                yield test


DOCSTRINGS = [test for path in sorted(ROOT.glob("src/**/*.py")) for test in docstrings(path)]


@pytest.fixture
def stage(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module for a document's code to live in, so that its classes can be found by name; pictures have no window."""
    module = ModuleType("document")
    monkeypatch.setitem(sys.modules, "document", module)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield module
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_runs_from_top_to_bottom(page: Path, stage: ModuleType) -> None:
    """Its Python blocks run in order, in one namespace and a fresh directory."""
    document = Sybil([PythonCodeBlockParser(doctest_optionflags=FLAGS)]).parse(page)
    document.namespace = vars(stage)

    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_is_spelled_python(page: Path) -> None:
    """A fence marked in another way would never run."""
    assert not NEVER_RUN.findall(page.read_text("utf-8"))


@pytest.mark.parametrize("example", DOCSTRINGS, ids=lambda test: test.name)
def test_a_docstring_runs_alone(example: doctest.DocTest, stage: ModuleType) -> None:
    """It brings its own imports, and prints what it says."""
    example.globs = vars(stage)
    report: list[str] = []

    doctest.DocTestRunner(optionflags=FLAGS | doctest.FAIL_FAST).run(example, out=report.append)

    if report:
        pytest.fail("".join(report), pytrace=False)


@pytest.mark.parametrize("example", EXAMPLES, ids=named)
def test_an_example_runs(example: Path, workplace: Path) -> None:
    """As a script, from anywhere."""
    runpy.run_path(str(example), run_name="__main__")
