"""Sits one part of the exam: its subject in slices, then its controls."""

from __future__ import annotations

import shutil
import time
import traceback
from collections.abc import Iterator
from functools import reduce
from operator import add
from pathlib import Path

import attrs

from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.part import Part
from crmcore.testing.exam.results import Results
from crmcore.testing.exam.screen import Outcome, progress

__all__ = ["Run"]


@attrs.frozen
class _Slice:
    """A piece of a part: a function, how many repetitions, and from which seed on."""

    name: str
    function: str
    count: int
    seed: int


@attrs.frozen
class Run:
    """One run of the exam.

    Attributes:
        folder: Where it keeps what it does.
        seed: What chance is drawn from.
        results: What is known already.
    """

    folder: Path
    seed: int
    results: Results

    def sat(self, part: Part, count: int) -> Outcome:
        """What comes of a part.

        Args:
            part: The part.
            count: How many repetitions its subject has.
        """
        if not part.kept:
            self.forget(part)
        slices = list(_slices(part, count, self.seed))
        kept = all(self.results.get(self._name(part, one)) for one in slices)
        found: dict[str, list[tuple[Findings, float]]] = {}
        with progress(part.name, sum(one.count for one in slices)) as step:
            for one in slices:
                found.setdefault(one.name, []).append(self._done(part, one, step))
        findings = {name: reduce(add, (one for one, _ in pieces)) for name, pieces in found.items()}
        seconds = sum(taken for pieces in found.values() for _, taken in pieces)
        return Outcome(part, findings.pop("subject"), findings, seconds, kept)

    def forget(self, part: Part) -> None:
        """Forget what is known of a part.

        Args:
            part: The part.
        """
        self.results.forget(f"{part.name}/")
        shutil.rmtree(self.folder / part.slug, ignore_errors=True)

    def _name(self, part: Part, one: _Slice) -> str:
        return f"{part.name}/{one.name}/{one.seed}"

    def _done(self, part: Part, one: _Slice, step: Step) -> tuple[Findings, float]:
        """What comes of a slice: as known, or else by doing it."""
        name = self._name(part, one)
        known = self.results.get(name)
        if known is not None:
            step(one.count)
            return known
        folder = self.folder / part.slug / f"{one.function}-{one.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.monotonic()
        try:
            found = part.function(one.function)(one.count, folder, one.seed, step)
        except Exception as error:  # noqa: BLE001 - a part that can't be sat is not passed, and others go on
            traceback.print_exc()
            failures = (f"it could not be done: {type(error).__name__}: {error}",) if one.name == "subject" else ()
            return Findings(0, failures), time.monotonic() - start
        self.results.put(name, found, time.monotonic() - start)
        return found, time.monotonic() - start


def _slices(part: Part, count: int, seed: int) -> Iterator[_Slice]:
    """The pieces of a part, one after another."""
    slices = min(part.slices, count)
    for number in range(slices):
        yield _Slice("subject", part.subject, len(range(number, count, slices)), seed + number)
    for how, function in part.controls.items():
        yield _Slice(how, function, part.control_count, seed)
