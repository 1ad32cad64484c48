"""What the exam shows: a progress bar on a terminal, and one line a part."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

import attrs

from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.part import Part

__all__ = ["Outcome", "progress", "tell"]

SHOWN = 5
"""How many failures are shown in full."""

NAME = 22
"""How wide the names of parts are."""


@attrs.frozen
class Outcome:
    """What came of a part.

    Attributes:
        part: The part.
        found: What was found of its subject, and of each of its controls.
        seconds: How long it took, in seconds.
        kept: Whether all of it is known from an earlier run.
    """

    part: Part
    found: Findings
    controls: Mapping[str, Findings]
    seconds: float
    kept: bool = False

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and each control did."""
        return not self.found.failures and all(control.failures for control in self.controls.values())

    def __str__(self) -> str:
        """One line; below it the first failures, if there are any."""
        part, found = self.part, self.found
        said = f"{found.checked:,} {part.unit}, {len(found.failures):,} {part.wrong}"
        controls = "; ".join(_control(part, how, control) for how, control in self.controls.items())
        kept = ", kept from an earlier run" if self.kept else ""
        line = (
            f"{part.name:{NAME}}{', '.join(filter(None, (said, found.said)))}; {controls}   {self.seconds:.0f} s{kept}"
        )
        shown = [f"    {' '.join(failure.split())}" for failure in found.failures[:SHOWN]]
        return "\n".join([line, *shown])


def _control(part: Part, how: str, found: Findings) -> str:
    caught = "caught" if found.failures else "NOT CAUGHT"
    return f"control ({how}): {len(found.failures):,} {part.wrong}, {caught}"


def tell(line: object) -> None:
    """Print a line.

    Args:
        line: The line.
    """
    print(line, flush=True)  # noqa: T201 - a command line prints


@contextmanager
def progress(what: str, total: int) -> Iterator[Step]:
    """A progress bar on a terminal, nothing anywhere else; it is drawn without a thread, since parts fork.

    Args:
        what: What is being done.
        total: How many repetitions there are to do.
    """
    if not (sys.stderr.isatty() and find_spec("rich")):
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task(what, total=total)

        def step(more: int) -> None:
            bar.update(task, advance=more, refresh=True)

        yield step
