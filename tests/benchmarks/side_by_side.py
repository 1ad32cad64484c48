"""What every benchmark shares: two ways of doing the same, timed in turns, and a line of the table.

Seconds of one machine mean little elsewhere; how two ways compare in the same run means more. So works are
timed in turns, round by round, and only ratios are printed: of the least seconds of each, since whatever else
the machine does only ever adds to them.
"""

from __future__ import annotations

import contextlib
import gc
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import attrs

__all__ = ["HEAD", "Line", "Work", "cost", "in_memory", "quickest", "seconds", "show", "speed"]

HEAD = "| crmcore | beside | ratio | target | met |\n|---|---|---|---|---|"

Work = Callable[[], object]


@attrs.frozen
class Line:
    """One comparison.

    Attributes:
        what: What crmcore does.
        beside: What it is compared with.
        found: How the two compare.
        target: What it should be; empty without one.
        met: Whether it is; None without a target.
    """

    what: str
    beside: str
    found: str
    target: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        """A row of the table."""
        met = {True: "yes", False: "no", None: ""}[self.met]
        return f"| {self.what} | {self.beside} | {self.found} | {self.target} | {met} |"


def speed(what: str, beside: str, ours: float, theirs: float, least: float | None = None) -> Line:
    """How many times as fast crmcore is, and the least it should be.

    Args:
        what: What crmcore does.
        beside: What it is compared with.
        ours: Seconds it takes.
        theirs: Seconds the other takes.
        least: The target.
    """
    ratio = theirs / ours
    target, met = ("", None) if least is None else (f"≥ {least:g}x", ratio >= least)
    return Line(what, beside, f"{_short(ratio)}x as fast", target, met)


def cost(what: str, beside: str, ours: float, theirs: float, most: float | None = None) -> Line:
    """How many times as much crmcore takes, and the most it should.

    Args:
        what: What crmcore does.
        beside: What it is compared with.
        ours: Seconds, or bytes, it takes.
        theirs: What the other takes.
        most: The target.
    """
    ratio = ours / theirs
    target, met = ("", None) if most is None else (f"≤ {most:g}x", ratio <= most)
    return Line(what, beside, f"{_short(ratio)}x as much", target, met)


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.{3 if ratio >= 1 else 2}g}"


def seconds(work: Work) -> float:
    """How long one call takes, with the garbage of others swept up before."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quickest(works: Sequence[Work], rounds: int) -> list[float]:
    """The least seconds of each work, timed in turns.

    Args:
        works: What to time.
        rounds: How many times each is run.
    """
    times = [[seconds(work) for work in works] for _ in range(rounds)]
    return [min(each) for each in zip(*times, strict=True)]


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that is kept in memory where the system has such, so that no disk is timed."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder)


def show(lines: Iterable[Line]) -> None:
    """Print a Markdown table, each row as soon as it is known.

    Args:
        lines: Its rows.
    """
    print(HEAD)
    for line in lines:
        print(line, flush=True)
