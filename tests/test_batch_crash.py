"""Batches of processes that are killed: each is there as a whole, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "stores" / "killed_batches.py"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork")


def killed(folder: Path, kills: int, how: str) -> dict[str, Any]:
    """What killed writers leave."""
    run = [sys.executable, str(SCRIPT), str(folder), str(kills), how]
    found: dict[str, Any] = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    return found


@pytest.mark.slow
def test_a_killed_batch_is_whole_or_was_never(tmp_path: Path) -> None:
    """Those that were acknowledged are there; of every other, all the changes it announced or none."""
    found = killed(tmp_path, 40, "together")

    assert found["wrong"] == []
    assert found["kills"] == 40
    assert found["acknowledged"] > 5
    assert found["begun"] > found["acknowledged"], "none was killed while it was written"


def test_acts_that_are_no_batch_are_found_torn(tmp_path: Path) -> None:
    """The same acts, each a commit of its own: what looks at the files sees it."""
    found = killed(tmp_path, 10, "one by one")

    assert any(" of " in fault for fault in found["wrong"])
