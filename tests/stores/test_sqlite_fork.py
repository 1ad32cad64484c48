"""Forking while a SQLite file is open: what a child is told is written stays written, whatever its parent does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crmcore.kernel.errors import Closed, StoreError
from crmcore.stores import sqlite_fork
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, Pen
from crmcore.verification import verify

FORKED = """
import os, sys
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, Pen
from crmcore.verification import verify

store = SqliteStore(sys.argv[1])
store.prepare(KINDS.values())
Pen(store).add("before")
held, gone = os.pipe(), os.pipe()
child = os.fork()
if not child:
    os.close(held[1])
    os.read(held[0], 1)
    code = 1
    try:
        Pen(store).add("child")
        code = 0 if verify(store, KINDS) else 2
    finally:
        os._exit(code)
os.close(held[0])
if sys.argv[2] == "closes":
    store.close()
else:
    Pen(store).add("parent")
os.write(held[1], b".")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
if sys.argv[2] != "closes":
    Pen(store).add("after")
"""


def opened(path: Path | str) -> SqliteStore:
    """A store with room for both kinds."""
    store = SqliteStore(str(path), durability="relaxed", busy_seconds=0.05)
    store.prepare(KINDS.values())
    return store


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize(("parent", "there"), [("closes", "before child"), ("writes", "after before child parent")])
def test_what_a_child_writes_is_kept(tmp_path: Path, parent: str, there: str) -> None:
    """Although its parent has let go of the file, or writes too."""
    path = tmp_path / "crm.db"
    run = [sys.executable, "-W", "error", "-c", FORKED, str(path), parent]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")
    store = opened(path)
    assert sorted(change.id for change in store.changes()) == there.split()
    assert verify(store, KINDS)
    store.close()


def test_a_child_opens_a_connection_of_its_own(tmp_path: Path) -> None:
    """The one it was left is closed first; a file it can't reach is an error, until it can."""
    path = tmp_path / "crm.db"
    store = opened(path)
    sqlite_fork.before()
    sqlite_fork.inherit()
    hidden = path.rename(tmp_path / "hidden")
    path.mkdir()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"crm\.db"):
            store.last()
    path.rmdir()
    hidden.rename(path)
    assert Pen(store).add("a").version == 1
    store.close()


def test_a_parent_goes_on(tmp_path: Path) -> None:
    """With the connection it has."""
    store = opened(tmp_path / "crm.db")
    connection = store._file._connection
    sqlite_fork.before()
    sqlite_fork.after()
    assert Pen(store).add("a").version == 1
    assert store._file._connection is connection
    store.close()


def test_what_is_in_memory_is_copied() -> None:
    """So the child goes on with its copy."""
    store = opened(":memory:")
    sqlite_fork.before()
    sqlite_fork.inherit()
    assert Pen(store).add("a").version == 1
    store.close()


def test_within_a_transaction_of_the_parent_a_child_is_shut_out(tmp_path: Path) -> None:
    """Letting go would spoil it."""
    store = opened(tmp_path / "crm.db")
    connection = store._file._connection

    def forked() -> None:
        with store._file.writing():
            store._file.inherit()
            store.last()

    with pytest.raises(Closed):
        forked()
    assert connection.in_transaction
    connection.close()
    with pytest.raises(Closed):
        store.last()


def test_a_closed_store_stays_closed(tmp_path: Path) -> None:
    """Also in a child, and when it was closed there."""
    store, other = opened(tmp_path / "crm.db"), opened(tmp_path / "crm.db")
    store.close()
    sqlite_fork.before()
    sqlite_fork.inherit()
    other.close()
    for one in (store, other):
        with pytest.raises(Closed):
            one.last()


def test_where_there_are_no_forks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to be told of them."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    monkeypatch.setattr(sqlite_fork, "_told", [])
    opened(tmp_path / "crm.db").close()
    assert sqlite_fork._told == []


def test_we_are_told_of_forks_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many files are opened."""
    asked: list[object] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: asked.append(hooks), raising=False)
    monkeypatch.setattr(sqlite_fork, "_told", [])
    for name in ("a.db", "b.db"):
        opened(tmp_path / name).close()
    assert len(asked) == 1
