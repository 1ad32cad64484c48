"""Group commit: several threads share a transaction, and each gets what it would have got alone."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from crmcore.kernel.errors import Conflict, CrmError, Duplicate, Full, StoreError
from crmcore.kernel.ports import Commit, Key
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, PARCEL, Parcel, Pen, added, changed, hour
from crmcore.verification import verify


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store in a file, with one parcel, ``a``, that has the code A."""
    with contextlib.closing(SqliteStore(str(tmp_path / "crm.db"))) as store:
        store.prepare(KINDS.values())
        Pen(store).add("a", code="A", pieces=0)
        yield store


def write(store: SqliteStore, id: str, code: str = "", key: Key | None = None) -> Callable[[], Commit]:
    """A commit of one parcel, for a thread."""
    change = added(Parcel, id, label=id, code=code or id)
    return lambda: store.commit([change], id=f"commit of {id}", recorded_at=hour(200), key=key)


def together(store: SqliteStore, acts: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Let threads come while somebody is at work, so that what they bring is written in one transaction."""
    at_work, go = threading.Event(), threading.Event()

    def work() -> None:
        at_work.set()
        assert go.wait(20)

    with ThreadPoolExecutor(len(acts) + 1) as threads:
        first = threads.submit(store._file.transact, work)
        assert at_work.wait(20)
        futures = []
        for number, act in enumerate(acts, start=1):
            futures.append(threads.submit(act))
            while len(store._file._group._waiting) < number:
                time.sleep(0.001)
        go.set()
        first.result(20)
    return futures


def transactions(store: SqliteStore) -> list[str]:
    """The statements that begin and end transactions, from now on."""
    seen: list[str] = []
    store._file._connection.set_trace_callback(
        lambda sql: seen.append(sql) if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK")) else None
    )
    return seen


def test_those_who_come_meanwhile_share_a_transaction(store: SqliteStore) -> None:
    """Each gets its own commit; the disk is waited for once."""
    seen = transactions(store)
    done = [future.result() for future in together(store, [write(store, f"p{n}") for n in range(9)])]

    assert [commit.records[0].id for commit in done] == [f"p{n}" for n in range(9)]
    assert seen == ["BEGIN IMMEDIATE", "COMMIT"] * 2
    assert [change.id for change in store.changes()][1:] == [f"p{n}" for n in range(9)]
    assert verify(store, KINDS)


def test_who_fails_fails_alone(store: SqliteStore) -> None:
    """Nothing of it is written, and nothing of the others is missing."""
    stale = changed(Parcel(id="a", version=7, label=""), 1)
    acts = [
        write(store, "b"),
        write(store, "x", code="A"),
        lambda: store.commit([added(Parcel, "y", label="y"), stale], id="stale", recorded_at=hour(200)),
        write(store, "c"),
        write(store, "z", code="c"),
    ]
    b, x, y, c, z = together(store, acts)

    assert [type(one.exception()) for one in (b, x, y, c, z)] == [
        type(None),
        Duplicate,
        Conflict,
        type(None),
        Duplicate,
    ]
    assert [*store.get(PARCEL, "abcxyz")] == ["a", "b", "c"]
    assert verify(store, KINDS)


def test_the_same_key_in_one_transaction(store: SqliteStore) -> None:
    """The second is given what the first wrote."""
    key = Key("k", "f")
    first, second = (future.result() for future in together(store, [write(store, "b", key=key)] * 2))

    assert first == second
    assert len(store.changes()) == 2


def test_a_transaction_that_is_not_kept_fails_for_all(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for who was refused because of something that now is not there; each gets an error of its own."""
    rows, commits = store._file.rows, []

    def full(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if sql == "COMMIT":
            commits.append(sql)
            if len(commits) == 2:
                raise Full("no room on the disk")
        return rows(sql, values)

    monkeypatch.setattr(store._file, "rows", full)
    errors = [future.exception() for future in together(store, [write(store, "b"), write(store, "x", code="b")])]

    assert [type(error) for error in errors] == [Full] * 2
    assert errors[0] is not errors[1]
    assert [*store.get(PARCEL, "abcx")] == ["a"]
    assert verify(store, KINDS)
    write(store, "b")()


def test_a_transaction_that_sqlite_ends_fails_for_all(store: SqliteStore) -> None:
    """A full disk does that: what was done before in the same one is gone, and its callers are told."""

    def fatal() -> None:
        store._file.rows("ROLLBACK")
        raise Full("no room on the disk")

    b, dead, c = together(store, [write(store, "b"), lambda: store._file.transact(fatal), write(store, "c")])

    assert [type(one.exception()) for one in (b, dead, c)] == [Full] * 3
    assert [*store.get(PARCEL, "abc")] == ["a"]
    assert verify(store, KINDS)


def test_whoever_is_interrupted_tells_the_others(store: SqliteStore) -> None:
    """Nothing was written, and they may try again."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    b, who, c = together(store, [write(store, "b"), lambda: store._file.transact(interrupted), write(store, "c")])

    told = {type(one.exception()) for one in (b, who, c)}
    assert KeyboardInterrupt in told
    assert told <= {KeyboardInterrupt, StoreError}
    assert [*store.get(PARCEL, "abc")] == ["a"]
    write(store, "b")()


def test_who_is_interrupted_while_waiting_writes_nothing(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody does it for them afterwards."""
    group = store._file._group

    def wait_for(_: Callable[[], bool]) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(group._room, "wait_for", wait_for)
        with pytest.raises(KeyboardInterrupt):
            write(store, "b")()
    write(store, "c")()

    assert [*store.get(PARCEL, "abc")] == ["a", "c"]


def test_many_threads_lose_nothing(store: SqliteStore) -> None:
    """Sixteen count one parcel up and write their own; every count is there."""

    def count(number: int) -> int:
        pen, done = Pen(store), 0
        while done < 6:
            record = store.get(PARCEL, ["a"])["a"]
            try:
                change = changed(record, record.version, pieces=(record.pieces or 0) + 1)
                pen.commit(change, added(Parcel, f"{number} {done}", label="x"))
                done += 1
            except Conflict:
                pass
        return done

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(count, range(16))) == 96
    assert store.get(PARCEL, ["a"])["a"].pieces == 96
    assert verify(store, KINDS)


def test_other_processes_are_waited_for_by_all(tmp_path: Path) -> None:
    """And when that takes too long, all are told."""
    path = str(tmp_path / "crm.db")
    with contextlib.closing(SqliteStore(path, busy_seconds=0.05)) as store:
        store.prepare(KINDS.values())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            futures = together(store, [write(store, id) for id in "bc"])
            assert all(future.exception() is None for future in futures)
            other.execute("BEGIN IMMEDIATE")
            with ThreadPoolExecutor(4) as threads:
                errors = [one.exception() for one in [threads.submit(write(store, id)) for id in "defg"]]
            other.execute("ROLLBACK")
        assert all(isinstance(error, CrmError) for error in errors)
        assert [*store.get(PARCEL, "abcdefg")] == ["b", "c"]
