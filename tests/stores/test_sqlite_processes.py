"""Several processes and one SQLite file: killed in the middle, or racing for the same records."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, PARCEL
from crmcore.verification import verify

HERE = Path(__file__).parent
WRITERS, ROUNDS = 8, 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize(("durability", "kills"), [("full", 50), ("relaxed", 150)])
def test_a_killed_writer_loses_nothing_it_was_told_is_written(tmp_path: Path, durability: str, kills: int) -> None:
    """Nor does it leave half a commit; the next one to open the file goes on."""
    run = [sys.executable, str(HERE / "killed_writers.py"), str(tmp_path), str(kills), durability]
    found = json.loads(subprocess.run(run, check=True, capture_output=True, text=True).stdout)

    assert found["wrong"] == []
    assert found["kills"] == kills
    assert found["acknowledged"] > kills / 2


def test_racing_writers_lose_no_update(tmp_path: Path) -> None:
    """Each reads, adds 1 and tries again after a conflict: the sums are right. The file is new to all of them."""
    path = tmp_path / "crm.db"
    script = str(HERE / "racing_writer.py")
    racing = [
        subprocess.Popen(
            [sys.executable, script, str(path), str(number), str(ROUNDS)], stdout=subprocess.PIPE, text=True
        )
        for number in range(WRITERS)
    ]
    again = [int(process.communicate()[0]) for process in racing]

    assert [process.returncode for process in racing] == [0] * WRITERS
    with closing(SqliteStore(str(path))) as store:
        store.prepare(KINDS.values())
        records = store.get(PARCEL, ["a", "b", "c"])
        assert sum(record.pieces or 0 for record in records.values()) == WRITERS * ROUNDS
        for id, record in records.items():
            log = store.changes(id=id)
            assert [change.version for change in log] == list(range(1, record.version + 1))
            assert [change.sets["pieces"] for change in log] == list(range(record.version))
        writers = Counter(change.by for change in store.changes() if change.by is not None)
        assert writers == {str(number): ROUNDS for number in range(WRITERS)}
        assert verify(store, KINDS)
    assert sum(again) > 0, "nobody met anybody"
