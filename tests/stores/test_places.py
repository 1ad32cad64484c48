"""Who follows a log with one writer is told when it is not the one they have read."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from crmcore.kernel.errors import Invalid
from crmcore.kernel.ports import Store
from crmcore.stores.memory import MemoryStore
from crmcore.stores.overlay import OverlayStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, Pen


def opened(name: str) -> Store:
    """An empty store, ready for both kinds."""
    store: Store = SqliteStore(":memory:") if name == "sqlite" else MemoryStore()
    store.prepare(KINDS.values())
    if name == "overlay":
        store = OverlayStore(store)
        store.prepare(KINDS.values())
    return store


@pytest.mark.parametrize("name", ["memory", "sqlite", "overlay"])
def test_a_cursor_of_another_log_is_refused(name: str) -> None:
    """Of one that is longer, and of one where something else stands at the place; the error says what to do."""
    here, there = opened(name), opened(name)
    Pen(here).add("a")
    other = Pen(there)
    other.ids("commit")
    for id in "ab":
        other.add(id)
        cursor = there.stretch(limit=9).cursor
        with pytest.raises(Invalid, match="start from the beginning"):
            here.stretch(cursor, limit=9)
    assert [one.id for one in here.stretch(None, limit=9).changes] == ["a"]
    for store in (here, there):
        store.close()


def test_a_restored_file_is_another_log(tmp_path: Path) -> None:
    """What was read before the backup was made still counts; what was read since is told to be gone."""
    path, backup = tmp_path / "crm.db", tmp_path / "backup.db"
    with contextlib.closing(SqliteStore(str(path))) as store, contextlib.closing(sqlite3.connect(path)) as connection:
        store.prepare(KINDS.values())
        pen = Pen(store)
        pen.add("a")
        early = store.stretch(limit=9).cursor
        connection.execute("VACUUM INTO ?", (str(backup),))
        pen.add("b")
        late = store.stretch(limit=9).cursor
    with contextlib.closing(SqliteStore(str(backup))) as store:
        store.prepare(KINDS.values())
        with pytest.raises(Invalid, match="restored from a backup"):
            store.stretch(late, limit=9)
        Pen(store).add("c")
        with pytest.raises(Invalid, match="restored from a backup"):
            store.stretch(late, limit=9)
        assert [one.id for one in store.stretch(early, limit=9).changes] == ["c"]
