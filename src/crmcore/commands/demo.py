"""``crmcore demo``: a made-up company, its exports loaded, its pipeline then and now."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, Namespace

__all__ = ["add_to"]


def add_to(parser: ArgumentParser) -> None:
    """What the command takes.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("--folder", metavar="FOLDER", help="keep the files there; default: throw them away")
    parser.set_defaults(run=_demo)


def _demo(given: Namespace) -> int:
    """Make a company up, load it, and look at it."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from crmcore.demo import demo
    from crmcore.terminal import progress

    with contextlib.ExitStack() as stack:
        folder = given.folder or stack.enter_context(TemporaryDirectory())
        for line in demo(Path(folder), lambda table, rows: progress(f"loading {table}", rows)):
            print(line)
    if given.folder:
        print(f"\nThe files and crm.db are in {given.folder}.")
    return 0
