"""The log of a PostgreSQL store, which several write to at once: cuts, cursors, and what a commit rests on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Busy, Conflict, Invalid
from crmcore.kernel.ports import Moment
from crmcore.stores import postgres_tables
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.postgres_cut import Cursor, Cut
from crmcore.testing.specimens import KINDS, PARCEL, Box, Parcel, Pen, added, changed, hour
from crmcore.verification import verify

if TYPE_CHECKING:
    import psycopg

Opened = Callable[..., PostgresStore]


@pytest.fixture
def opened(url: str) -> Iterator[Opened]:
    """Opens stores in one schema, all closed when the test ends."""
    with contextlib.ExitStack() as closing:

        def opened(**rest: Any) -> PostgresStore:  # noqa: ANN401 - as PostgresStore takes them
            store = PostgresStore(url, durability="relaxed", **rest)
            closing.callback(store.close)
            store.prepare(KINDS.values())
            return store

        yield opened


@pytest.fixture
def store(opened: Opened) -> PostgresStore:
    """A store with one parcel, ``a``."""
    store = opened()
    Pen(store).add("a", pieces=1)
    return store


@pytest.fixture
def other(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody else's connection to the schema."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


class Slow:
    """A store whose commits stop right before their end, until they are let through."""

    def __init__(self, store: PostgresStore) -> None:
        self.store, self.written, self.go = store, threading.Event(), threading.Event()
        keep = store._file._keep

        def held(connection: Any) -> None:  # noqa: ANN401 - the driver's
            store._file._flush(connection)
            self.written.set()
            assert self.go.wait(20)
            keep(connection)

        store._file._keep = held  # type: ignore[method-assign]

    @contextlib.contextmanager
    def at_work(self, work: Callable[[Pen], object]) -> Iterator[Future[object]]:
        """Something that has been written and is not committed within the block."""
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(work, Pen(self.store))
            try:
                assert self.written.wait(20)
                yield future
            finally:
                self.go.set()


# --- who follows the log --------------------------------------------------------------------------------------------


def test_who_is_slow_comes_later(opened: Opened, store: PostgresStore) -> None:
    """A follower that has passed their places in the log gets them once they are committed, and no cut moves."""
    slow = Slow(opened())
    with slow.at_work(lambda pen: pen.add("slow")) as future:
        Pen(store).add("quick")
        first = store.stretch(limit=10)
        cut, known = store.last()[0], store.cut(hour(9_999))
        assert [change.id for change in first.changes] == ["a", "quick"]
    future.result()
    second = store.stretch(first.cursor, limit=10)

    assert [change.id for change in second.changes] == ["slow"]
    assert second.changes[0].seq < first.changes[1].seq
    for one in (cut, known):
        assert [change.id for change in store.changes(upto=one)] == ["a", "quick"]
        assert [change.id for change in store.changes(after=one)] == ["slow"]
        assert store.get(PARCEL, ["slow"], Moment(cut=one)) == {}
    assert verify(store, KINDS)


def test_pages_of_a_stretch_are_of_one_instant(opened: Opened, store: PostgresStore) -> None:
    """What is committed between two pages comes after them all, whatever its place."""
    slow = Slow(opened())
    with slow.at_work(lambda pen: pen.add("slow")):
        for id in "bcd":
            Pen(store).add(id)
        page = store.stretch(limit=2)
    ids = []
    while page.changes:
        ids.append([change.id for change in page.changes])
        page = store.stretch(page.cursor, limit=2)

    assert ids == [["a", "b"], ["c", "d"], ["slow"]]


def test_what_is_not_committed_is_given_to_nobody_who_follows(store: PostgresStore) -> None:
    """Not even within the transaction that wrote it, which sees it by every other method."""
    before = store.stretch(limit=9)
    with contextlib.suppress(ZeroDivisionError), store._file.writing():
        store._write(store._staged([added(Parcel, "b", label="b")], "c", hour(200), ""))
        store._file.rows("SELECT 1")
        cut = store.last()[0]
        assert store.stretch(before.cursor, limit=9).changes == ()
        assert [change.id for change in store.changes(upto=cut)] == ["a", "b"]
        assert store.changes(after=cut) == []
        store._write(store._staged([added(Parcel, "c", label="c")], "d", hour(200), ""))
        assert [change.id for change in store.changes(after=cut)] == ["c"]
        assert [change.id for change in store.changes(upto=cut)] == ["a", "b"]
        raise ZeroDivisionError
    assert [change.id for change in store.changes(upto=cut)] == ["a"]


def test_a_cut_of_a_transaction_stays_when_it_is_committed(store: PostgresStore) -> None:
    """Also when others have begun and ended meanwhile."""
    with store._file.writing():
        store._write(store._staged([added(Parcel, "b", label="b")], "c", hour(200), ""))
        with ThreadPoolExecutor(1) as thread:
            thread.submit(Pen(store).add, "x").result()
        cut = store.last()[0]
        seen = store.changes(upto=cut)
        store._write(store._staged([added(Parcel, "c", label="c")], "d", hour(200), ""))

    assert [change.id for change in seen] == ["a", "b", "x"]
    assert store.changes(upto=cut) == seen
    assert [change.id for change in store.changes(after=cut)] == ["c"]


def test_an_idle_follower_keeps_its_cursor(store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Whatever others do in the database."""
    cursor = store.stretch(limit=5).cursor
    other.execute("SELECT pg_current_xact_id()")

    assert store.stretch(cursor, limit=5).cursor == cursor


# --- what a commit rests on -----------------------------------------------------------------------------------------


def test_ground_does_not_move_before_the_commit(opened: Opened, store: PostgresStore) -> None:
    """Who would change it waits until what rests on it is written."""
    slow, record = Slow(opened()), store.get(PARCEL, ["a"])["a"]

    def rest(pen: Pen) -> object:
        told: dict[str, Any] = {"id": "c", "recorded_at": hour(300), "unmoved": {("parcel", "a"): 1}}
        return pen.store.commit([added(Box, "b", label="on a")], **told)

    with slow.at_work(rest) as future, ThreadPoolExecutor(1) as thread:
        moving = thread.submit(Pen(store).change, record, 1, pieces=2)
        with pytest.raises(TimeoutError):
            moving.result(0.3)
        slow.go.set()
        future.result()
        assert moving.result().version == 2  # type: ignore[attr-defined]
    box, moved = store.changes()[1:]
    assert (box.id, moved.id) == ("b", "a")


def test_what_must_not_be_there_does_not_come(opened: Opened, store: PostgresStore) -> None:
    """As long as the commit that rests on it is not through."""
    slow = Slow(opened())

    def rest(pen: Pen) -> object:
        told: dict[str, Any] = {"id": "c", "recorded_at": hour(300), "unmoved": {("parcel", "n"): 0}}
        return pen.store.commit([added(Box, "b", label="without n")], **told)

    with slow.at_work(rest) as future, ThreadPoolExecutor(1) as thread:
        coming = thread.submit(Pen(store).add, "n")
        with pytest.raises(TimeoutError):
            coming.result(0.3)
        slow.go.set()
        future.result()
        assert coming.result().version == 1


def test_who_rests_on_all_of_the_log_waits_for_those_at_work(opened: Opened, store: PostgresStore) -> None:
    """And is refused when they have written."""
    slow, end = Slow(opened()), store.last()[0]
    with slow.at_work(lambda pen: pen.add("slow")) as future, ThreadPoolExecutor(1) as thread:
        told: dict[str, Any] = {"id": "c", "recorded_at": hour(300), "end": end}
        resting = thread.submit(store.commit, [added(Box, "b", label="b")], **told)
        with pytest.raises(TimeoutError):
            resting.result(0.3)
        slow.go.set()
        future.result()
        with pytest.raises(Conflict, match="something was written since"):
            resting.result()


def test_commits_of_the_same_records_in_any_order_do_not_wait_in_a_circle(store: PostgresStore) -> None:
    """Each writes them in the same order."""
    ids = [f"p{number}" for number in range(6)]
    Pen(store).commit(*(added(Parcel, id, label=id, pieces=0) for id in ids))

    def work(number: int) -> int:
        done = 0
        while done < 8:
            records = list(store.get(PARCEL, ids).values())
            records = records[::-1] if number % 2 else records
            try:
                told = [changed(one, one.version, pieces=(one.pieces or 0) + 1) for one in records]
                Pen(store).commit(*told)
                done += 1
            except (Conflict, Busy):
                pass
        return done

    before = _deadlocks(store)
    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 32
    assert {one.pieces for one in store.get(PARCEL, ids).values()} == {32}
    assert _deadlocks(store) == before
    assert verify(store, KINDS)


def _deadlocks(store: PostgresStore) -> int:
    sql = "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(store._file.rows(sql)[0][1])


# --- another cluster ------------------------------------------------------------------------------------------------


def test_a_log_restored_elsewhere_goes_on(opened: Opened, store: PostgresStore, other: psycopg.Connection[Any]) -> None:
    """Rows of the other cluster lie in every cut, though their transactions seem to be in the future here."""
    Pen(store).add("b")
    old = "1:900000001:900000001:"
    other.execute("UPDATE crm_change SET txid = CASE id WHEN 'a' THEN '900000000' ELSE '900000005' END::xid8")
    other.execute("UPDATE crm_meta SET value = 'another' WHERE name = 'cluster'")
    assert store.changes(upto=store.last()[0]) == []
    here = opened()
    Pen(here).add("c")

    assert [change.id for change in here.changes(upto=here.last()[0])] == ["a", "b", "c"]
    assert [change.id for change in here.stretch(limit=9).changes] == ["a", "b", "c"]
    assert [change.id for change in here.stretch(old, limit=9).changes] == ["b", "c"]
    assert opened().last()[0].startswith("2:")
    assert verify(here, KINDS)


def test_two_who_open_a_restored_log_at_once_make_one_generation(
    opened: Opened, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second finds that it was done while it waited."""
    moved = iter([True, False])
    monkeypatch.setattr(postgres_tables, "_moved", lambda _: next(moved))
    opened()

    assert [*moved] == []
    assert store.last()[0].startswith("1:")


def test_an_interrupted_rollback_closes_the_connection(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets it in the middle of a transaction; and the interruption goes on."""
    import psycopg

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    held: list[Any] = []

    def work() -> None:
        with store._file.writing():
            held.append(store._file._within())
            monkeypatch.setattr(psycopg.Connection, "execute", interrupted)
            raise ZeroDivisionError

    with pytest.raises(KeyboardInterrupt):
        work()
    monkeypatch.undo()

    assert held[0].closed
    assert Pen(store).add("b").version == 1


def test_a_cursor_from_the_future_is_refused(store: PostgresStore) -> None:
    """As after a backup was restored."""
    cursor = store.stretch(limit=9).cursor
    for ahead in (f"1:{10**12}:{10**12}:", f"7:{cursor[2:]}", f"0>1:1:{10**12}:>3"):
        with pytest.raises(Invalid, match="restored from a backup"):
            store.stretch(ahead, limit=1)


# --- their text -----------------------------------------------------------------------------------------------------


numbers = st.integers(0, 10**17)


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """Any cut."""
    ids = sorted(draw(st.sets(numbers, min_size=2, max_size=6)))
    snapshot = f"{ids[0]}:{ids[-1]}:{','.join(map(str, ids[:-1] if draw(st.booleans()) else ids[1:-1]))}"
    own, known = draw(st.none() | st.tuples(numbers, numbers)), draw(st.none() | st.integers(-(10**17), 10**17))
    return Cut(draw(st.integers(1, 9_999)), snapshot, own, known)


@given(cut=cuts(), other=cuts(), place=numbers)
def test_cuts_and_cursors_come_back_from_their_text(cut: Cut, other: Cut, place: int) -> None:
    """Whatever they hold."""
    assert Cut.read(str(cut)) == cut
    for cursor in (Cursor(), Cursor(cut), Cursor(cut, other, place), Cursor(None, other, place)):
        assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    ["1:5:3:", "1:3:5:9", "1:3:5:4,4", "1:3:5:2", "0:3:5:", "1:3:5:,", "1:3:5:4@", "1:3:5:4+1", "5", "1:3:5:4>", "x"],
)
def test_what_is_no_snapshot_is_no_cut(text: str) -> None:
    """The server is not even asked."""
    for read in (Cut.read, Cursor.read):
        with pytest.raises(Invalid):
            read(text)


def test_a_transaction_of_its_own_is_among_the_running_ones() -> None:
    """Once a later one has ended; before that it is beyond the snapshot."""
    assert Cut.taken(1, "5:9:7", 6, 40) == Cut(1, "5:9:6,7", (6, 40))
    assert Cut.taken(1, "5:9:6,7", 6, None) == Cut(1, "5:9:6,7")
    assert Cut.taken(1, "5:9:7", 9, 40) == Cut(1, "5:9:7", (9, 40))
    assert Cut.taken(1, "5:5:", None, None) == Cut(1, "5:5:")
