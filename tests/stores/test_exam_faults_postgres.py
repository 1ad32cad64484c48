"""A part of the exam in small: faults on PostgreSQL that meet every method of the port."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from crmcore.kernel.ports import Commit
from crmcore.testing.exam import server_faults
from crmcore.testing.exam.calls import every_call
from crmcore.testing.exam.canary import CANARY
from crmcore.testing.exam.server_faults import FAULTS, ServerStore


@pytest.fixture(autouse=True)
def _server(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exam is sat on the server of the tests."""
    monkeypatch.setattr(server_faults, "address", lambda _: server)


def ignore(_: int) -> None:
    """Takes no notice of progress."""


def test_faults_meet_calls(tmp_path: Path) -> None:
    """Nobody is misled, and nothing is left on the server."""
    steps: list[int] = []
    count = 4 * len(FAULTS)
    found = server_faults.subject(count, tmp_path, 1, steps.append)
    assert found.failures == ()
    assert (found.checked, sum(steps)) == (count, count)
    assert not list(tmp_path.iterdir())


def test_connections_are_lost_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any statement of a call."""
    monkeypatch.setattr(server_faults, "FAULTS", (fault("connection lost"),))
    found = server_faults.subject(20, tmp_path, 1, ignore)
    assert found.failures == ()
    assert int(found.said.partition(" ")[0]) > 3


def test_raw_errors_are_caught(tmp_path: Path) -> None:
    """The driver's own."""
    found = server_faults.untranslated(2 * len(FAULTS), tmp_path, 1, ignore)
    assert "raised UndefinedTable" in str(found.failures)


def test_a_fault_that_never_bites_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would show nothing."""
    monkeypatch.setattr(server_faults, "FAULTS", (attrs.evolve(fault("another thread"), harmless=False),))
    count = len(every_call())
    found = server_faults.subject(count, tmp_path, 1, ignore)
    assert found.failures == (f"another thread made 0 of {count} calls fail",)


class Flawed(ServerStore):
    """Gives other answers each time, quotes people, and says it has written what it has not."""

    def get(self, *_: Any) -> dict[str, Any]:  # noqa: ANN401
        """Somebody else."""
        return {"other": object()}

    def check(self) -> list[str]:
        """Whom it is about."""
        return [CANARY, str(object())]

    def commit(self, *_: Any, **__: Any) -> Commit:  # noqa: ANN401
        """Nothing is written."""
        return Commit("c", (), ())


def fault(name: str) -> server_faults.Fault:
    """The fault of a name."""
    return next(one for one in FAULTS if one.name == name)


@pytest.mark.parametrize(
    ("name", "method", "said"),
    [
        ("another thread", "get", "gave a wrong answer"),
        ("another thread", "commit", "was not written although it said so"),
        ("no schema", "check", "showed a personal value"),
    ],
)
def test_what_must_not_be_is_told(server: str, tmp_path: Path, name: str, method: str, said: str) -> None:
    """Each wrong end has its words."""
    with server_faults.Sitting.at(server, tmp_path, 1, Flawed) as sitting:
        sitting.fill()
        wrong = [sitting.tried(fault(name), called)[0] for called in every_call() if called.method == method]
    assert said in str(wrong)
