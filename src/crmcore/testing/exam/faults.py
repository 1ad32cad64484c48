"""Faults: whatever befalls a file, and whatever is asked of the store on it meanwhile, nobody is misled.

Every fault meets every method of the port. What comes out is the right answer or an error of ours, which shows no
personal value; nothing is half-written; and afterwards the store goes on, or is closed.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Closed, ReadOnly, StoreError
from crmcore.stores.sqlite_file import SqliteFile
from crmcore.testing.exam.calls import Called, every_call, without_call
from crmcore.testing.exam.canary import Outcome, misconduct, outcome
from crmcore.testing.exam.file_faults import FAULTS, Fault
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.scene import FileStore, Scene, Stage, pen_for
from crmcore.testing.specimens import KINDS
from crmcore.verification import verify

__all__ = ["cases", "loose", "sat", "subject", "talkative", "untranslated"]

Log = Sequence[Change[Any]]

AFTERWARDS = "afterwards"
"""The tenant for whom something is written when the trouble is over."""

CHILD = """
import json, sys
from crmcore.testing.exam.faults import cases, sat
seed, numbers = int(sys.argv[1]), set(json.loads(sys.stdin.read()))
print(json.dumps(sat([case for case in cases(max(numbers) + 1) if case.number in numbers], seed, lambda _: None)))
"""
"""A process of its own for what befalls a whole one."""


@attrs.frozen
class Case:
    """A call under a fault.

    Attributes:
        number: Which of a run it is.
        fault: The fault.
        called: The call.
    """

    number: int
    fault: Fault
    called: Called

    def __str__(self) -> str:
        """What is done under what."""
        return f"{self.called.method} under {self.fault.name} (case {self.number})"


def cases(count: int, faults: Sequence[str] = (), methods: Sequence[str] = ()) -> Iterator[Case]:
    """So many cases: every pair of a fault and a call comes once before one comes again.

    Args:
        count: How many.
        faults: The names of faults; none for every one.
        methods: The names of methods; none for every one.
    """
    befalling = [fault for fault in FAULTS if fault.possible() and fault.name in (faults or {fault.name})]
    calls = [called for called in every_call() if called.method in (methods or {called.method})]
    for number in range(count):
        turn, place = divmod(number, len(befalling))
        yield Case(number, befalling[place], calls[(turn + place) % len(calls)])


# --- what is right ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Right:
    """What is right of a call: its answer when nothing is wrong, and the logs it may leave.

    Attributes:
        answer: The answer.
        before: The log before it.
        after: The log after it.
    """

    answer: object
    before: Log
    after: Log


@attrs.define
class Key:
    """What is right of every call, found out when it is first asked.

    Attributes:
        stage: Where it is found out.
    """

    stage: Stage
    _known: dict[tuple[Called, int], Right] = attrs.field(factory=dict)

    def of(self, case: Case) -> Right:
        """What is right in a case.

        Args:
            case: The case.
        """
        whole = (case.called, case.fault.hour)
        if whole not in self._known:
            with Scene.of(attrs.evolve(self.stage, store=FileStore), "") as scene:
                store = scene.open()
                before = store.changes()
                answer = case.called.call(pen_for(store, case.fault.hour))
                self._known[whole] = Right(answer, before, scene.open().changes())
        return self._known[whole]


# --- one case -------------------------------------------------------------------------------------------------------


def tried(case: Case, stage: Stage, seed: int, right: Right) -> tuple[list[str], bool]:
    """What goes wrong in a case, and whether an error was raised.

    Args:
        case: The case.
        stage: Where it is played.
        seed: Where chance begins.
        right: What is right of the call.
    """
    with Scene.of(stage, f"{seed} {case.number}", small=case.fault.small) as scene:
        found, store = _played(case, scene)
        wrong = [*misconduct(found, case.fault.errors), *_answered(case, found, right)]
        if case.fault.left in {"whole", "closed"} and store is not None:
            wrong += _afterwards(case, scene, store, right.after if found.error is None else right.before)
        elif case.fault.left == "untouched" and scene.path.read_bytes() != scene.found:
            wrong.append("changed a file that was refused")
    return [f"{case}: {one}" for one in wrong], found.error is not None


def _played(case: Case, scene: Scene) -> tuple[Outcome, FileStore | None]:
    """What comes of a call while there is trouble, and the store; None when it can't even be opened."""
    with contextlib.ExitStack() as trouble:
        opened = outcome(lambda: trouble.enter_context(case.fault.trouble(scene)))
        if opened.error is not None:
            return opened, None
        store = scene.opened[-1]
        return case.fault.by(lambda: case.called.call(pen_for(store, case.fault.hour)), scene), store


def _answered(case: Case, found: Outcome, right: Right) -> Iterator[str]:
    """What is wrong with an answer."""
    fault, method = case.fault, case.called.method
    if found.error is not None:
        return
    if method == "check" and not fault.harmless and found.answer:
        yield from misconduct(attrs.evolve(found, told=str(found.answer)))
    elif method == "check" and fault.left == "damaged":
        yield "found nothing wrong"
    elif fault.left == "closed" and not fault.harmless and method not in {"tenant", "close"}:
        yield "was answered"
    elif found.answer != right.answer:
        yield "gave a wrong answer"


def _afterwards(case: Case, scene: Scene, store: FileStore, log: Log) -> Iterator[str]:
    """What is wrong when the trouble is over: the store goes on or is closed, and the file is whole."""
    yield from _goes_on(case, store)
    again = scene.open()
    if again.changes() != log:
        yield "left something half-written"
    yield from (f"left a file that is not whole: {one}" for one in verify(again, KINDS).violations)
    yield from _writes(again)


def _goes_on(case: Case, store: FileStore) -> Iterator[str]:
    """What is wrong with a store: it can write, or only ever read; then it is closed for good."""
    went_on = outcome(store.last)
    if case.fault.left == "closed" or isinstance(went_on.error, Closed):
        if case.fault.left != "closed" and case.called.method != "close":
            yield "closed the store"
    else:
        yield from (f"afterwards last {one}" for one in misconduct(went_on, ()))
        yield from _writes(store)
        store.close()
    yield from (f"after close last {one}" for one in _closed(outcome(store.last)))


def _closed(found: Outcome) -> Iterator[str]:
    yield from misconduct(found, (Closed,)) if found.error is not None else ("was answered",)


def _writes(store: FileStore) -> Iterator[str]:
    """What is wrong with how a store writes when nothing is wrong; what was opened read-only stays so."""
    written = outcome(lambda: pen_for(store.for_tenant(AFTERWARDS), 300).add(f"a{store.last()[0]}"))
    yield from (f"afterwards commit {one}" for one in misconduct(written, (ReadOnly,)))


# --- all of them ----------------------------------------------------------------------------------------------------


def sat(wanted: Sequence[Case], seed: int, step: Step, store: type[FileStore] = FileStore) -> tuple[list[str], int]:
    """What goes wrong in some cases, and how many errors were raised.

    Args:
        wanted: The cases.
        seed: Where chance begins.
        step: Told of progress.
        store: What opens a file.
    """
    wrong: list[str] = []
    raised: Counter[str] = Counter()
    met = Counter(case.fault for case in wanted)
    with Stage.set(store) as stage:
        key = Key(stage)
        for case in wanted:
            found, error = tried(case, stage, seed, key.of(case))
            wrong += found
            raised[case.fault.name] += error
            step(1)
    for fault, often in met.items():
        if often >= len(every_call()) and bool(raised[fault.name]) is fault.harmless:
            wrong.append(f"{fault.name} made {raised[fault.name]} of {often} calls fail")
    return wrong, raised.total()


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Every fault meets every method.

    Args:
        count: How many cases.
        folder: Not used: what is to be refused to others lies where others may look.
        seed: Where chance begins.
        step: Told of progress.
    """
    del folder
    every = [*cases(count)]
    wrong, raised = sat([case for case in every if not case.fault.alone], seed, step)
    apart = [case.number for case in every if case.fault.alone]
    if apart:
        run = [sys.executable, "-c", CHILD, str(seed)]
        rest: dict[str, Any] = {"input": json.dumps(apart), "check": True, "stdout": subprocess.PIPE, "text": True}
        more, others = json.loads(subprocess.run(run, **rest).stdout)  # noqa: PLW1510, S603 - a program of ours
        wrong, raised = wrong + more, raised + others
        step(len(apart))
    return Findings(count, (*without_call(), *wrong), f"{raised:,} errors of ours")


# --- controls -------------------------------------------------------------------------------------------------------


class RawFile(SqliteFile):
    """A file whose errors are the driver's."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives."""
        return self._connection.execute(sql, values).fetchall()


class TalkativeFile(SqliteFile):
    """A file whose errors say what could not be written."""

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many sets of values."""
        told = [*values]
        try:
            super().many(sql, told)
        except StoreError as error:
            raise type(error)(f"{error}: {told}") from error


class LooseFile(SqliteFile):
    """A file without transactions."""

    @contextlib.contextmanager
    def writing(self, **_: bool) -> Iterator[None]:
        """Everything inside, or whatever was written by then."""
        yield


class Untranslated(FileStore):
    """Its errors are the driver's."""

    file = RawFile


class Talkative(FileStore):
    """Its errors tell too much."""

    file = TalkativeFile


class Loose(FileStore):
    """It writes bit by bit."""

    file = LooseFile


def _control(store: type[FileStore], faults: Sequence[str]) -> Callable[[int, Path, int, Step], Findings]:
    """A sitting of a flawed store: of those faults that show the flaw."""

    def sitting(count: int, folder: Path, seed: int, step: Step) -> Findings:
        del folder
        wrong, _ = sat([*cases(count, faults, ["commit"])], seed, step, store)
        return Findings(count, tuple(wrong))

    return sitting


untranslated = _control(Untranslated, ["locked"])
talkative = _control(Talkative, ["no page left"])
loose = _control(Loose, ["no page left"])
