"""The command line: ``python -m crmcore.testing.exam``."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from crmcore.testing.exam.needs import NEEDS
from crmcore.testing.exam.part import PARTS, Part
from crmcore.testing.exam.results import Results
from crmcore.testing.exam.screen import NAME, tell
from crmcore.testing.exam.server import OwnServer
from crmcore.testing.exam.sitting import Run

__all__ = ["main"]

SHARE = 10
"""Without ``--full``, one in so many repetitions is done."""


def main(arguments: Sequence[str] | None = None, parts: Sequence[Part] = PARTS) -> int:
    """Sit the exam.

    Args:
        arguments: What stands after the command; default: the command line's.
        parts: The parts there are.

    Returns:
        The exit code: 0 when every part was passed, 1 when one was not, 130 when interrupted.
    """
    given = _parser(parts).parse_args(arguments)
    chosen = [part for part in parts if not given.only or part.slug in given.only]
    amount = str(given.count) if given.count else "full" if given.full else "tenth"
    folder = given.folder / f"{amount}-{given.seed}"
    if given.fresh and not given.only:
        shutil.rmtree(folder, ignore_errors=True)
        OwnServer(folder).remove()
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of each connection that is lost
    run = Run(folder, given.seed, Results.read(folder / "results.json"))
    if given.fresh:
        for part in chosen:
            run.forget(part)
    try:
        return _sit(run, chosen, given)
    except KeyboardInterrupt:
        tell("stopped; the same command goes on from here")
        return 130


def _parser(parts: Sequence[Part]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crmcore.testing.exam",
        description="Put what a store promises to the test. Each part has controls that are broken and must be caught.",
    )
    names = [part.slug for part in parts]
    parser.add_argument("--full", action="store_true", help="all repetitions; without it a tenth of them")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names, help=f"only these: {', '.join(names)}")
    parser.add_argument("--seed", type=int, default=1, help="what chance is drawn from (default: %(default)s)")
    parser.add_argument("--count", type=_count, help="so many repetitions of each part instead")
    parser.add_argument(
        "--folder", type=Path, default=Path("crmcore-exam"), help="where databases and results are kept"
    )
    parser.add_argument("--fresh", action="store_true", help="forget the results of an earlier run")
    return parser


def _count(text: str) -> int:
    """A number of repetitions."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _sit(run: Run, parts: Sequence[Part], given: argparse.Namespace) -> int:
    """Sit parts, telling of each; gives the exit code."""
    start = time.monotonic()
    passed = failed = skipped = 0
    for part in parts:
        lacking = next(filter(None, (NEEDS[need]() for need in part.needs)), None)
        if lacking:
            skipped += 1
            tell(f"{part.name:{NAME}}skipped: {lacking}")
            continue
        outcome = run.sat(part, given.count or (part.count if given.full else -(-part.count // SHARE)))
        passed += outcome.passed
        failed += not outcome.passed
        tell(outcome)
    rest = f", {skipped} skipped" if skipped else ""
    tell(f"{passed} passed, {failed} failed{rest}   {time.monotonic() - start:.0f} s")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
