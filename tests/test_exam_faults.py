"""Two parts of the exam in small: faults that meet every method of the port, and malformed inputs."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from crmcore.kernel.errors import CrmError, Invalid
from crmcore.testing.exam import borders, calls, canary, file_faults, malformed, mutation, scene
from crmcore.testing.exam.borders import Border
from crmcore.testing.exam.canary import CANARY, Outcome, misconduct, outcome
from crmcore.testing.exam.child import Child
from crmcore.testing.exam.faults import cases, loose, sat, subject, talkative, untranslated
from crmcore.testing.exam.guard import Guard
from crmcore.testing.exam.scene import FileStore

forking = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


def ignore(_: int) -> None:
    """Takes no notice of progress."""


# --- faults -----------------------------------------------------------------------------------------------------------


def test_every_method_of_the_port_has_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one needs one; and a call that nothing is the matter with is answered."""
    assert calls.without_call() == []
    assert {*calls.CALLS} == {*calls.methods()}
    monkeypatch.setattr(calls, "CALLS", {})
    assert calls.without_call()[0] == "Store.tenant is tried under no fault: give it a call"


@forking
def test_faults_meet_calls(tmp_path: Path) -> None:
    """Nobody is misled, in this process and in others."""
    steps: list[int] = []
    count = 3 * len(file_faults.FAULTS)
    found = subject(count, tmp_path, 1, steps.append)
    assert found.failures == ()
    assert (found.checked, sum(steps)) == (count, count)
    assert int(found.said.partition(" ")[0]) > 3


def test_faults_without_those_that_need_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are left out where there are none."""
    monkeypatch.setattr("crmcore.testing.exam.faults.FAULTS", file_faults.FAULTS[:1])
    assert subject(2, tmp_path, 1, ignore).failures == ()


@pytest.mark.parametrize("control", [untranslated, talkative, loose], ids=["untranslated", "talkative", "loose"])
def test_a_flawed_store_is_caught(tmp_path: Path, control: Callable[..., Any]) -> None:
    """Whatever its flaw."""
    found = control(8, tmp_path, 1, ignore)
    assert found.checked == 8
    assert found.failures


class Forgetful(FileStore):
    """Knows nobody."""

    def get(self, *_: Any) -> dict[str, Any]:  # noqa: ANN401
        """Nobody."""
        return {}


class Blind(FileStore):
    """Finds nothing wrong."""

    def check(self) -> list[str]:
        """Nothing."""
        return []


class Chatty(FileStore):
    """Tells what is wrong, and of whom."""

    def check(self) -> list[str]:
        """Too much."""
        return [CANARY]


class Touchy(FileStore):
    """Closes itself when anything goes wrong, and writes into a file it refuses."""

    def __init__(self, path: str) -> None:
        try:
            super().__init__(path)
        except CrmError:
            with Path(path).open("ab") as file:
                file.write(b".")
            raise

    def commit(self, *args: Any, **rest: Any) -> Any:  # noqa: ANN401
        """Write, or close."""
        try:
            return super().commit(*args, **rest)
        except CrmError:
            self.close()
            raise


class Undying(FileStore):
    """Is never closed."""

    def last(self) -> tuple[str, None]:
        """As if it were open."""
        return "0", None


@pytest.mark.parametrize(
    ("store", "fault", "method", "said"),
    [
        (Forgetful, "another thread", "get", "gave a wrong answer"),
        (Forgetful, "closed", "get", "was answered"),
        (Blind, "garbage page", "check", "found nothing wrong"),
        (Chatty, "garbage page", "check", "showed a personal value"),
        (Touchy, "newer format", "get", "changed a file that was refused"),
        (Touchy, "locked", "commit", "closed the store"),
        (Undying, "closed", "last", "after close last was answered"),
    ],
)
def test_what_must_not_be_is_told(store: type[FileStore], fault: str, method: str, said: str) -> None:
    """Each wrong end has its words."""
    wrong, _ = sat([*cases(3, [fault], [method])], 1, ignore, store)
    assert said in str(wrong)


def test_a_fault_that_never_bites_is_told() -> None:
    """Else it would show nothing."""
    harmless = cases(len(calls.every_call()), ["no page left"], ["tenant"])
    wrong, raised = sat([*harmless], 1, ignore)
    assert (wrong, raised) == ([f"no page left made 0 of {len(calls.every_call())} calls fail"], 0)


def befallen(fault: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes wrong when a fault meets a call that asks nothing of the file, wherever the fault is possible."""
    struck = next(attrs.evolve(one, possible=lambda: True) for one in file_faults.FAULTS if one.name == fault)
    monkeypatch.setattr("crmcore.testing.exam.faults.FAULTS", (struck,))
    return sat([*cases(1, methods=["tenant"])], 1, ignore)[0]


@pytest.mark.parametrize("administrator", [True, False])
def test_rights_are_given_up_and_taken_back(monkeypatch: pytest.MonkeyPatch, *, administrator: bool) -> None:
    """By those who have them all."""
    users: list[int] = []
    monkeypatch.setattr(file_faults, "is_administrator", lambda: administrator)
    monkeypatch.setattr(os, "seteuid", users.append, raising=False)
    assert befallen("read-only", monkeypatch) == []
    assert users == ([file_faults.NOBODY, 0] if administrator else [])


def test_a_small_disk_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is mounted for it, and afterwards no more."""
    commands: list[str] = []
    monkeypatch.setattr(scene.subprocess, "run", lambda command, **_: commands.append(command[0]))
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=20, f_frsize=4096), raising=False)
    assert befallen("full disk", monkeypatch) == []
    assert commands == ["mount", "umount"]


@forking
def test_a_child_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hang for good."""
    monkeypatch.setattr(file_faults, "PATIENCE", 0.01)
    reader, writer = os.pipe()
    monkeypatch.setattr(Child, "kill", lambda self: os.close(self.pipe))
    assert isinstance(file_faults.heard(Child(0, reader)).error, TimeoutError)
    os.close(writer)


def test_all_of_an_error_is_looked_at() -> None:
    """Its causes too."""

    def fail() -> None:
        try:
            int(CANARY)
        except ValueError as error:
            raise Invalid([]) from error

    assert [*misconduct(outcome(fail))] == ["showed a personal value in Invalid"]
    assert [*misconduct(Outcome(1))] == []
    assert canary.outcome(lambda: 5).answer == 5


# --- malformed inputs -------------------------------------------------------------------------------------------------


def test_malformed_inputs_are_refused(tmp_path: Path) -> None:
    """Everywhere, and soon."""
    steps: list[int] = []
    found = malformed.subject(2_500, tmp_path, 1, steps.append)
    assert found.failures == ()
    assert found.checked == sum(steps) >= 2_500
    assert int(found.said.partition(" ")[0].replace(",", "")) > 100


def test_what_a_reading_writes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place where inputs are only read may not write."""

    def writing(world: borders.World) -> tuple[Border, ...]:
        def add(_: str) -> object:
            return world.crm.store.for_tenant("x").move_cursor("x", was="", now="")

        world.crm.accounts.add(name="Acme")
        return (Border("adding", 1, ["x"], mutation.mutated_text, add),)

    monkeypatch.setattr(malformed, "borders", writing)
    assert "something was written" in malformed.subject(2, tmp_path, 1, ignore).failures


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (malformed.untyped, "raised ValueError"),
        (malformed.slow, "took "),
        (malformed.hungry, "MB for an input"),
        (malformed.injected, "a statement asked for action"),
    ],
    ids=["untyped", "slow", "hungry", "injected"],
)
def test_a_flawed_border_is_caught(tmp_path: Path, control: Callable[..., Any], said: str) -> None:
    """Raw errors, long work, much memory, and the text of strangers in statements."""
    found = control(100, tmp_path, 1, ignore)
    assert said in str(found.failures)


def read_by(read: Callable[[Any], object], *, closely: bool = False) -> list[str]:
    """What is wrong with one reading."""
    border = Border("things", 1, ["x"], mutation.mutated_text, read)
    return [*malformed._wrong(border, malformed.Limits(10**9, 10**8), "y", closely=closely)]


def test_what_a_reading_tells_is_looked_at() -> None:
    """Values of people must not be in it; nor in an error."""
    assert read_by(lambda _: f"row 7: {CANARY}") == ["told a personal value"]
    assert read_by(lambda _: int(CANARY), closely=True)[-1] == "showed a personal value in ValueError"
    assert read_by(lambda _: 5) == []


def test_large_inputs_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is in proportion."""
    limits = malformed.Limits(1, 1)
    border = Border("things", 1, ["x"], mutation.mutated_text, lambda _: time.sleep(0))
    assert [*malformed._wrong(border, limits, "x" * 10**7, closely=True)] == []
    assert malformed._shown([10**5000]) == "list"
    assert malformed._shown("x" * 1_000).endswith("x'")
    assert malformed._place(ValueError()) == ""


def test_memory_is_measured_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who traces already goes on doing so."""
    import tracemalloc

    tracemalloc.start()
    try:
        border = Border("things", 1, ["x"], mutation.mutated_text, lambda _: bytearray(10**6))
        assert malformed._measured(border, "x") >= 10**6
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_sizes() -> None:
    """Letters, digits and items."""
    assert mutation.size_of("abc") == 4
    assert mutation.size_of({"a": ["b", 8, None, {1}]}) == 11


def test_mutations_repeat() -> None:
    """The same seed gives the same inputs, and most are not what they were made of."""
    data = {"all": [{"field": "name", "op": "==", "value": 5}, []], "x": (1, 2)}
    made = [malformed._shown(mutation.mutated_data(chance, data)) for chance in map(Random, range(500))]
    assert made == [malformed._shown(mutation.mutated_data(chance, data)) for chance in map(Random, range(500))]
    assert sum(one != repr(data) for one in made) > 400


def test_a_guard_lets_our_statements_pass() -> None:
    """And no others."""
    guard = Guard(frozenset({"crm_account"}))
    asked = [
        (sqlite3.SQLITE_SELECT, None, None),
        (sqlite3.SQLITE_READ, "crm_account", "id"),
        (sqlite3.SQLITE_FUNCTION, None, "count"),
        (sqlite3.SQLITE_READ, "sqlite_master", "sql"),
        (sqlite3.SQLITE_FUNCTION, None, "load_extension"),
        (sqlite3.SQLITE_ATTACH, "x", None),
    ]
    assert [guard(*one, "main", None) for one in asked] == [sqlite3.SQLITE_OK] * 3 + [sqlite3.SQLITE_DENY] * 3
    assert (guard.asked, len(guard.violations)) == (6, 3)


def test_without_the_driver_addresses_are_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since nobody can reach them."""
    monkeypatch.setattr(borders, "find_spec", lambda _: None)
    with borders.nobody_there():
        pass
    if "psycopg" in sys.modules:
        assert sys.modules["psycopg"].__name__ == "psycopg"
