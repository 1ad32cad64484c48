"""Malformed inputs: whatever comes in, an error of ours comes out, soon, and no statement does what nobody meant."""

from __future__ import annotations

import time
import tracemalloc
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

import attrs

from crmcore.kernel.errors import CrmError
from crmcore.testing.exam.borders import Border, World, borders
from crmcore.testing.exam.canary import CANARY, misconduct, outcome
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.mutation import INJECTIONS, mutated_text, size_of

__all__ = ["Limits", "hungry", "injected", "read_all", "slow", "subject", "untyped"]

SECOND = 1_000_000_000
LOOKED_INTO = 40
"""Of one in so many readings the memory is measured, and all that an error shows is looked at."""
TOLD = 1_000
"""Progress is told every so many inputs."""


@attrs.frozen
class Limits:
    """How much a reading may take: many times what a good one does, and more the more there is to read.

    Attributes:
        nanoseconds: Of work, for an input of no size.
        bytes: At the most at a time, for an input of no size.
    """

    nanoseconds: int
    bytes: int

    @classmethod
    def of(cls, border: Border) -> Limits:
        """The limits at a border.

        Args:
            border: The border.
        """
        good = max(min(_timed(border, one)[0] for _ in range(3)) for one in border.examples)
        large = max(_measured(border, one) for one in border.examples)
        return cls(20 * good + SECOND // 50, 20 * large + 20_000_000)

    def time_for(self, size: int) -> int:
        """How long an input may take, in nanoseconds.

        Args:
            size: Its size.
        """
        return self.nanoseconds + 5_000 * size

    def room_for(self, size: int) -> int:
        """How many bytes an input may take.

        Args:
            size: Its size.
        """
        return self.bytes + 200 * size


def _timed(border: Border, input: Any) -> tuple[int, object, Exception | None]:  # noqa: ANN401 - anything
    """How long a reading takes this thread, in nanoseconds, what it gives, and what it raises."""
    start = time.thread_time_ns()
    try:
        found = border.read(input)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is asked
        return time.thread_time_ns() - start, None, error
    return time.thread_time_ns() - start, found, None


def _measured(border: Border, input: Any) -> int:  # noqa: ANN401 - anything
    """How many bytes a reading takes at the most at a time."""
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start(1)
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        outcome(lambda: border.read(input))
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


def _wrong(border: Border, limits: Limits, input: Any, *, closely: bool) -> Iterator[str]:  # noqa: ANN401 - anything
    """What is wrong with a reading.

    Args:
        border: The border.
        limits: Its limits.
        input: The input.
        closely: Whether to look closely.
    """
    taken, found, error = _timed(border, input)
    if error is not None and not isinstance(error, CrmError):
        yield f"raised {type(error).__name__}{_place(error)}"
    if isinstance(found, str) and CANARY in found:
        yield "told a personal value"
    if taken > limits.nanoseconds:
        size = size_of(input)
        best = min(taken, *(_timed(border, input)[0] for _ in range(2)))
        if best > limits.time_for(size):
            yield f"took {best // 1_000_000} ms for an input of size {size}"
    if closely:
        yield from misconduct(outcome(lambda: border.read(input)))
        used = _measured(border, input)
        if used > limits.bytes and used > limits.room_for(size_of(input)):
            yield f"took {used // 1_000_000} MB for an input of size {size_of(input)}"


def _place(error: Exception) -> str:
    """Where an error was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def read_all(places: Sequence[Border], count: int, seed: int, step: Step) -> tuple[list[str], Counter[str]]:
    """What is wrong with so many inputs, and how many of them were at which border.

    Args:
        places: The borders.
        count: How many inputs.
        seed: Where chance begins.
        step: Told of progress.
    """
    limits = [Limits.of(border) for border in places]
    shares = [*accumulate(border.share for border in places)]
    chance, wrong = Random(seed), dict[str, str]()  # noqa: S311
    done, told, readings = Counter[str](), 0, 0
    while (read := done.total()) < count:
        if read - told >= TOLD:
            step(read - told)
            told = read
        place = bisect(shares, chance.randrange(shares[-1]))
        border = places[place]
        input = border.mutated(chance, chance.choice(border.examples))
        readings += 1
        for one in _wrong(border, limits[place], input, closely=readings % LOOKED_INTO == 1):
            wrong.setdefault(f"{border.name}: {one}", f"seed {seed}, input {read:,}: {_shown(input)}")
        done[border.name] += border.inputs
    step(done.total() - told)
    return [f"{what} ({where})" for what, where in wrong.items()], done


def _shown(input: object) -> str:
    """An input as a failure shows it."""
    try:
        text = ascii(input)
    except (ValueError, RecursionError):
        text = type(input).__name__
    return text if len(text) <= 300 else f"{text[:200]} … {text[-50:]}"


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Malformed inputs at every border.

    Args:
        count: How many.
        folder: Where files may be.
        seed: Where chance begins.
        step: Told of progress.
    """
    with World.of(folder) as world:
        before = world.crm.store.last()
        wrong, done = read_all(borders(world), count, seed, step)
        if world.crm.store.last() != before:
            wrong.append("something was written")
    return Findings(
        done.total(), (*wrong, *world.guard.violations), f"{world.guard.asked:,} questions of the authorizer"
    )


# --- controls -------------------------------------------------------------------------------------------------------


def _control(good: str, read: Callable[[str], object]) -> Callable[[int, Path, int, Step], Findings]:
    """A sitting at one flawed border."""

    def sitting(count: int, folder: Path, seed: int, step: Step) -> Findings:
        del folder
        border = Border("texts", 1, [good], mutated_text, read)
        wrong, done = read_all([border], count, seed, step)
        return Findings(done.total(), tuple(wrong))

    return sitting


def _slowly(text: str) -> None:
    """Take long over texts of four letters."""
    until = time.thread_time() + (len(text) == 4) / 33
    while time.thread_time() < until:
        pass


untyped = _control("1200", int)
slow = _control("north", _slowly)
hungry = _control("north", lambda text: bytes(200_000_000 * (text != "north")))


def injected(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """The texts of strangers as part of statements, under the same guard.

    Args:
        count: How many.
        folder: Where files may be.
        seed: Where chance begins.
        step: Told of progress.
    """
    chance = Random(seed)  # noqa: S311
    with World.of(folder) as world:
        for number in range(count):
            turn, meant = divmod(number, 2)
            text = INJECTIONS[turn % len(INJECTIONS)] if meant else mutated_text(chance, "acme")
            world.store.ask(f"SELECT id, 1, 1, 1 FROM crm_account WHERE tenant = '{text}'")  # noqa: S608
            step(1)
    return Findings(count, tuple(world.guard.violations))
