"""How Sphinx builds these pages: ``sphinx-build -W -n docs OUT``."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import typing
from importlib.metadata import version as installed
from typing import TYPE_CHECKING

import attrs

import crmcore

if TYPE_CHECKING:
    from types import ModuleType

    from sphinx.application import Sphinx

project = "crmcore"
author = copyright = "crmcore contributors"
version = release = installed("crmcore")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"crmcore {version}"
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Source"]
napoleon_use_ivar = True  # "Attributes:" describes fields that autodoc already lists


def imported() -> list[str]:
    """Import every module, its type-checking imports too, so that every annotation can be linked."""
    names = [found.name for found in pkgutil.walk_packages(crmcore.__path__, "crmcore.") if not found.ispkg]
    modules = [importlib.import_module(name) for name in names]
    left = [(module, statement) for module in modules for statement in type_checking(module)]
    while left:
        waiting = [(module, statement) for module, statement in left if not ran(module, statement)]
        if len(waiting) == len(left):
            module, statement = waiting[0]
            raise ImportError(f"{module.__name__}: {ast.unparse(statement)}")
        left = waiting
    return names


def type_checking(module: ModuleType) -> list[ast.stmt]:
    """What only a type checker runs of a module."""
    nodes = ast.parse(inspect.getsource(module)).body
    return [
        statement
        for node in nodes
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
    ]


def ran(module: ModuleType, statement: ast.stmt) -> bool:
    """Run a statement; False where it needs one of another module that has not been run yet."""
    try:
        exec(compile(ast.Module([statement], []), module.__name__, "exec"), vars(module))  # noqa: S102 - our own source
    except (ImportError, NameError):
        return False
    return True


def resolve(cls: type) -> None:
    """Give the constructor that attrs wrote the types that its fields name, seen from where they were named."""
    told = cls.__init__.__annotations__
    types = {each.alias: each.type for each in attrs.fields(attrs.resolve_types(cls))}
    told.update({name: types[name] for name, type_ in told.items() if name in types and isinstance(type_, str)})


MODULES = imported()
NAMED = [(module, name, thing) for module in MODULES for name, thing in vars(sys.modules[module]).items()]
for _, _, thing in NAMED:
    if isinstance(thing, type) and attrs.has(thing):
        resolve(thing)

nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!crmcore\b).*\..*"),  # other projects: the pages are built without a network
    ("py:.*", r"crmcore\..*\._\w+"),  # a private name that shows through, as a base or in a union
]
nitpick_ignore = [  # type variables stand in signatures, not on pages
    (role, shown)
    for module, name, thing in NAMED
    if isinstance(thing, typing.TypeVar | typing.ParamSpec)
    for shown in (name, f"{module}.{name}")
    for role in ("py:class", "py:obj")
]


def modules_of(match: re.Match[str]) -> str:
    """One section per module of a package."""
    inside = [name for name in MODULES if name.rpartition(".")[0] == match["package"]]
    return "\n".join(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n```\n" for name in inside)


def expand(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Write the sections a page asks for with ``<!-- modules of crmcore.kernel -->``."""
    source[0] = re.sub(r"^<!-- modules of (?P<package>[\w.]+) -->$", modules_of, source[0], flags=re.MULTILINE)


def keep_colons(_app: Sphinx, what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from reading "When it was won: in UTC" as something of the type "When it was won"."""
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "\\ ")
    if "Returns:" in lines:
        lines.insert(lines.index("Returns:") + 1, "    \\ ")


def setup(app: Sphinx) -> None:
    """Hand the hooks to Sphinx."""
    app.connect("source-read", expand)
    app.connect("autodoc-process-docstring", keep_colons, priority=0)
