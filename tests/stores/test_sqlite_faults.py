"""A SQLite file in trouble: one error of ours, nothing half-written, and the store usable or closed afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse  # noqa: F401 - before a test gives up the right to read where it lies
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmcore.kernel.errors import (
    Busy,
    Closed,
    Corrupt,
    CrmError,
    Full,
    Invalid,
    ReadOnly,
    SchemaTooNew,
    StoreError,
)
from crmcore.kernel.page import Query
from crmcore.kernel.ports import Key, Moment, Store
from crmcore.kernel.where import F
from crmcore.stores.codec import encode_sets
from crmcore.stores.schema import FORMAT
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, asked, changed, holder, hour
from crmcore.verification import verify

PAGE = 4096
IDS = [f"p{number:02}" for number in range(40)]
KEY = Key("k", "f")
CURSOR = f"50.{zlib.crc32(b'commit_0002'):08x}"
"""The cursor of somebody who has read half of the log."""


def opened(path: Path, *, busy_seconds: float = 0.05) -> SqliteStore:
    """The store in a file, with room for both kinds."""
    store = SqliteStore(str(path), durability="relaxed", busy_seconds=busy_seconds)
    OPENED.append(store)
    try:
        store.prepare(KINDS.values())
    except BaseException:
        store.close()
        raise
    return store


OPENED: list[SqliteStore] = []
"""The stores of a test; whatever happens to them, they are closed when it ends."""


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test leaves open."""
    yield
    while OPENED:
        OPENED.pop().close()


def fill(store: Store) -> None:
    """Forty parcels of three versions, the last one late, and a box under a key."""
    pen = Pen(store)
    pen.commit(*(added(Parcel, id, label=id, code=f"code {id}", note="x" * 300) for id in IDS))
    pen.commit(*(changed(Parcel(id=id, label=""), 10, pieces=1, label="later") for id in IDS))
    pen.commit(*(changed(Parcel(id=id, label=""), 5, step=2, pieces=2, status="late") for id in IDS))
    pen.commit(added(Box, "b", label="box"), key=KEY)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with all that, closed."""
    path = tmp_path / "crm.db"
    with contextlib.closing(opened(path)) as store:
        fill(store)
    return path


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody else's connection to the file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def uses(store: Store) -> list[Callable[[], object]]:
    """Every way to use a store, the writing ones last."""
    pen, moment = Pen(store), Moment(hour(7))
    first, second, third = (Parcel(id=id, version=3, label="") for id in IDS[:3])
    return [
        lambda: store.prepare(KINDS.values()),
        lambda: store.get(PARCEL, IDS),
        lambda: store.get(PARCEL, IDS, moment),
        lambda: store.get(PARCEL, IDS, Moment(cut="50")),
        lambda: pen.find(F.pieces > 1, order_by="-pieces"),
        lambda: pen.find(F.marks.contains("x"), moment),
        lambda: store.count(PARCEL, asked(Parcel, F.label > "a")),
        store.changes,
        lambda: store.changes(after="50", upto="60", newest=True),
        lambda: store.stretch(limit=50),
        lambda: store.stretch(CURSOR, limit=50),
        lambda: store.kept(KEY),
        lambda: holder(store, PARCEL, "code", "code p01"),
        lambda: store.aliases("p01"),
        store.last,
        lambda: store.cut(hour(101)),
        lambda: store.cut(hour(101), within="90"),
        store.check,
        lambda: verify(store, KINDS),
        lambda: pen.change(first, 11, code="z"),
        lambda: pen.change(second, 6, code="zz"),
        lambda: pen.erase(third, code=None),
    ]


def tried(path: Path) -> list[CrmError]:
    """What opening and using a file raises; anything but an error of ours is raised on."""
    errors: list[CrmError] = []
    try:
        store = opened(path)
    except CrmError as error:
        return [error]
    with contextlib.closing(store):
        for use in uses(store):
            try:
                use()
            except CrmError as error:
                errors.append(error)
    return errors


def whole(path: Path) -> bool:
    """Whether everything in a file adds up."""
    with contextlib.closing(opened(path)) as store:
        return bool(verify(store, KINDS))


# --- locked ---------------------------------------------------------------------------------------------------------


def test_a_locked_file_is_busy_and_then_free_again(path: Path, raw: sqlite3.Connection) -> None:
    """The writer waits as long as it was told, then says so; readers go on, and so does the store."""
    store = opened(path)
    before = store.changes()
    raw.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(Busy) as caught:
        Pen(store).add("new")
    assert time.monotonic() - start < 5
    with pytest.raises(Busy):
        Pen(store).erase(Parcel(id="p00", version=3, label=""), note=None)
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert store.changes() == before
    assert len(store.get(PARCEL, IDS)) == 40

    raw.execute("ROLLBACK")
    assert Pen(store).add("new").version == 1
    assert verify(store, KINDS)
    store.close()


def test_a_file_can_be_busy_from_the_start(tmp_path: Path) -> None:
    """When another process holds it alone, opening it is refused, and works later."""
    path = tmp_path / "crm.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (id)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy):
            opened(path)
    assert opened(path).last() == ("0", None)


# --- read-only ------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(path: Path) -> Iterator[Path]:
    """A copy of the file, to be used without the rights of an administrator."""
    if not hasattr(os, "geteuid"):
        pytest.skip("rights are another matter here")
    folder = Path(tempfile.mkdtemp(prefix="crmcore-"))
    copy = folder / "crm.db"
    shutil.copy(path, copy)
    administrator = os.geteuid() == 0
    folder.chmod(0o777)
    copy.chmod(0o666)
    if administrator:
        os.seteuid(65534)
    try:
        yield copy
    finally:
        if administrator:
            os.seteuid(0)
        folder.chmod(0o777)
        shutil.rmtree(folder)


def set_mode(path: Path, mode: int) -> None:
    """Set rights as their owner would."""
    user = os.geteuid()
    if user == 65534:
        os.seteuid(0)
    path.chmod(mode)
    os.seteuid(user)


def check_reading_only(path: Path) -> None:
    """Everything can be read, nothing written."""
    store = opened(path)
    before = store.changes()
    for write in (
        lambda: Pen(store).add("new"),
        lambda: Pen(store).erase(Parcel(id="p00", version=3, label=""), note=None),
    ):
        with pytest.raises(ReadOnly):
            write()
    assert store.changes() == before
    assert len(store.get(PARCEL, IDS)) == store.count(PARCEL, asked(Parcel)) == 40
    assert store.get(PARCEL, ["p01"], Moment(hour(7)))["p01"].pieces == 2
    assert verify(store, KINDS)
    store.close()


@pytest.mark.parametrize(("folder", "file"), [(0o777, 0o444), (0o555, 0o666), (0o555, 0o444)])
def test_what_may_not_be_written_can_be_read(guarded: Path, folder: int, file: int) -> None:
    """A file, or its folder: an archive, a mounted image."""
    set_mode(guarded, file)
    set_mode(guarded.parent, folder)
    check_reading_only(guarded)


def test_a_log_that_can_not_be_written_back_is_no_archive(guarded: Path) -> None:
    """What stands beside the file would be missed."""
    guarded.with_name("crm.db-wal").write_bytes(b"left by a process that was killed")
    set_mode(guarded.parent, 0o555)
    with pytest.raises(StoreError, match="folder"):
        opened(guarded)


def test_a_log_beside_the_file_is_never_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where SQLite finds another word for it."""

    class Refusing:
        def execute(self, *_: object) -> None:
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorcode = sqlite3.SQLITE_READONLY
            raise error

        def close(self) -> None: ...

    path.with_name("crm.db-wal").write_bytes(b"left by a process that was killed")
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: Refusing())
    with pytest.raises(ReadOnly, match="open a copy"):
        opened(path)


def test_a_new_file_needs_a_folder_that_takes_it(guarded: Path) -> None:
    """The error says where to look."""
    set_mode(guarded.parent, 0o555)
    with pytest.raises(StoreError, match="folder"):
        opened(guarded.with_name("other.db"))


def test_a_file_that_may_not_be_read(guarded: Path) -> None:
    """The error says so."""
    set_mode(guarded, 0o000)
    with pytest.raises(StoreError, match="right to read"):
        opened(guarded)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_connection_that_only_reads(path: Path, monkeypatch: pytest.MonkeyPatch, journal: str) -> None:
    """Whatever keeps SQLite from writing, the error is the same; an older journal is left as it is."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
    connect = sqlite3.connect

    def read_only(database: str, **rest: object) -> sqlite3.Connection:
        return connect(f"file:{database}?mode=ro", **{**rest, "uri": True})  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", read_only)
    check_reading_only(path)


# --- full -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_takes_nothing_of_the_act(path: Path, raw: sqlite3.Connection) -> None:
    """Neither what fitted nor what did not; when there is room again, the store goes on."""
    store = opened(path)
    before = store.changes()
    ((pages,),) = store._file.rows("PRAGMA page_count")
    store._file.rows(f"PRAGMA max_page_count={pages + 3}")
    large = [added(Parcel, f"n{number}", label="new", note="y" * 2_000) for number in range(50)]
    with pytest.raises(Full):
        Pen(store).commit(*large)
    with pytest.raises(Full):
        Pen(store).commit(*large, key=Key("n", "f"))
    assert store.changes() == before
    assert store.get(PARCEL, ["n0"]) == {}
    assert verify(store, KINDS)

    store._file.rows("PRAGMA max_page_count=100000")
    Pen(store).commit(*large, key=Key("n", "f"))
    assert raw.execute("SELECT count(*) FROM crm_parcel").fetchone() == (90,)
    store.close()
    assert whole(path)


LIMITED = """
import resource, sys
from crmcore.kernel.errors import StoreError
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing.specimens import KINDS, Parcel, Pen, added

store = SqliteStore(sys.argv[1], durability="relaxed")
store.prepare(KINDS.values())
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
done = 0
try:
    while True:
        Pen(store).commit(*(added(Parcel, f"{done}_{n}", label="new", note="y" * 500) for n in range(10)))
        done += 1
except StoreError as error:
    print(type(error).__name__, done, len(store.changes()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_a_limit_on_the_size_of_files(path: Path) -> None:
    """SQLite calls it an I/O error; what was committed before is there."""
    run = [sys.executable, "-c", LIMITED, str(path)]
    name, done, changes = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()

    assert name in {"StoreError", "Full"}
    assert int(done) > 0
    assert int(changes) == 121 + 10 * int(done)
    assert whole(path)


# --- damaged --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 50, 99, 100, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, 0.5, -PAGE, -1])
def test_a_truncated_file_is_corrupt(path: Path, kept: float) -> None:
    """Wherever it was cut, be it one byte short."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(Corrupt, match=r"crm\.db"):
        opened(path)


def test_a_file_may_be_short_while_its_log_is_not_written_back(tmp_path: Path) -> None:
    """A process killed while it does so leaves the new first page and an old end; nothing is lost."""
    path, crashed = tmp_path / "crm.db", tmp_path / "crashed.db"
    store = opened(path)
    fill(store)
    expected = store.changes()
    log = path.with_name("crm.db-wal").read_bytes()
    pages = {int.from_bytes(log[at : at + 4], "big"): at + 24 for at in range(32, len(log), PAGE + 24)}
    crashed.write_bytes(log[pages[1] : pages[1] + PAGE])
    crashed.with_name("crashed.db-wal").write_bytes(log)
    store.close()

    found = opened(crashed)
    assert found.changes() == expected
    assert verify(found, KINDS)
    found.close()


@pytest.mark.parametrize("torn", [1, 512, PAGE - 512])
def test_a_power_cut_while_the_file_is_made_is_taken_back(tmp_path: Path, torn: int) -> None:
    """What SQLite left beside it says that nothing was there."""
    made, path = tmp_path / "made.db", tmp_path / "crm.db"
    connection = sqlite3.connect(made, isolation_level=None)
    connection.executescript("PRAGMA cache_spill = 1; PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (a);")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 3_000,)] * 50)
    journal = made.with_name("made.db-journal").read_bytes()
    connection.close()
    assert journal
    path.write_bytes(b"SQLite format 3\x00".ljust(PAGE, b"\x07")[:torn])
    path.with_name("crm.db-journal").write_bytes(journal)

    with contextlib.closing(opened(path)) as store:
        fill(store)
        assert verify(store, KINDS)


def test_a_garbage_page_is_noticed(path: Path, tmp_path: Path) -> None:
    """Whichever page it is: only errors of ours, and verifying tells."""
    data, chance = path.read_bytes(), random.Random(7)
    damaged = tmp_path / "damaged.db"
    for start in range(0, len(data), PAGE):
        keep = 100 if start == 0 else 0  # the header is another matter
        garbage = chance.randbytes(PAGE - keep)
        damaged.write_bytes(data[: start + keep] + garbage + data[start + PAGE :])
        try:
            sound = whole(damaged)
        except CrmError:
            sound = False
        assert not sound, start // PAGE
        tried(damaged)


@pytest.mark.slow
def test_damaged_bytes_raise_our_errors_only(path: Path, tmp_path: Path) -> None:
    """A few bytes anywhere, or a stretch of them."""
    data, chance = path.read_bytes(), random.Random(11)
    damaged, errors = tmp_path / "damaged.db", []
    for number in range(120):
        copy = bytearray(data)
        for _ in range(3):
            place, length = chance.randrange(len(copy)), 1 if number % 2 else 40
            copy[place : place + length] = chance.randbytes(length)
        damaged.write_bytes(copy[: len(data)])
        errors += tried(damaged)

    assert {type(error) for error in errors} <= {Corrupt, Invalid, StoreError, SchemaTooNew, ReadOnly}
    assert Corrupt in {type(error) for error in errors}


@pytest.mark.parametrize(
    "content",
    [b"x", b"just a text\n" * 500, b"PK\x03\x04" + bytes(5_000), bytes(PAGE), b"SQLite format 3\x00" + bytes(5_000)],
)
def test_what_is_no_database(path: Path, content: bytes) -> None:
    """The error says to check the path, and the file stays as it was."""
    path.write_bytes(content)
    with pytest.raises(Corrupt, match=r"crm\.db"):
        opened(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    """As ``mktemp`` makes it."""
    path = tmp_path / "crm.db"
    path.touch()
    with contextlib.closing(opened(path)) as store:
        assert Pen(store).add("a").version == 1


@pytest.mark.parametrize("found", [str(FORMAT + 1), "10", "9" * 5_000, "", "two", "02", None])
def test_a_format_nobody_knows_here_is_refused(path: Path, raw: sqlite3.Connection, found: str | None) -> None:
    """Before anything is read or written: a newer one, or none."""
    if found is None:
        raw.execute("DELETE FROM crm_meta")
    else:
        raw.execute("UPDATE crm_meta SET value = ?", (found,))
    raw.close()
    before = path.read_bytes()
    newer = found is not None and found[:1] in set("123456789")
    with pytest.raises(SchemaTooNew if newer else Corrupt, match="upgrade crmcore" if newer else "which format"):
        opened(path)
    assert path.read_bytes() == before


# --- altered behind our back ----------------------------------------------------------------------------------------

BAD_BODIES = ["body || ' '", "replace(body, 'x', 'y')", "x'00ff'", "CAST(x'22ff' AS TEXT)", "''", "7"]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_an_altered_record_is_corrupt(path: Path, raw: sqlite3.Connection, body: str) -> None:
    """Wherever it is read, also before it is changed; its past and other records can still be read."""
    raw.execute(f"UPDATE crm_parcel SET body = {body} WHERE id = 'p01'")
    store = opened(path)
    before = store.last()
    for use in (
        lambda: store.get(PARCEL, ["p00", "p01"]),
        lambda: store.find(PARCEL, asked(Parcel, F.pieces >= 0)),
        lambda: store.count(PARCEL, asked(Parcel, F.marks.contains("x"))),
        lambda: Pen(store).change(Parcel(id="p01", version=3, label=""), 11, pieces=4),
        lambda: Pen(store).erase(Parcel(id="p01", version=3, label=""), note=None),
    ):
        with pytest.raises(Corrupt):
            use()
    found = verify(store, KINDS)

    assert store.last() == before
    assert store.get(PARCEL, ["p01"], Moment(hour(20)))["p01"].label == "later"
    assert store.get(PARCEL, ["p00"])["p00"].label == "later"
    assert not found
    assert any("p01" in violation for violation in found.violations) or "no text" in str(found)
    store.close()


@pytest.mark.parametrize("body", BAD_BODIES)
def test_an_altered_state_of_the_log_is_corrupt(path: Path, raw: sqlite3.Connection, body: str) -> None:
    """When the past is read, or a result given again."""
    raw.execute(f"UPDATE crm_change SET body = {body} WHERE id IN ('p01', 'b')")
    store = opened(path)
    for use in (
        lambda: store.get(PARCEL, ["p01"], Moment(hour(1))),
        lambda: Pen(store).find(None, Moment(cut="60")),
        lambda: store.kept(KEY),
    ):
        with pytest.raises(Corrupt):
            use()

    assert not verify(store, KINDS)
    assert len(store.get(PARCEL, IDS)) == 40
    store.close()


@pytest.mark.parametrize(
    "altered",
    [
        "sets = replace(sets, '2', '3')",
        "sets = ''",
        "sets = x'00'",
        "sets = CAST(x'22ff' AS TEXT)",
        '"at" = "at" + 1',
        '"at" = 1 << 62',
        "\"at\" = 'noon'",
        "what = 'other'",
        "kind = 'box'",
        "version = 9",
        "\"by\" = 'somebody else'",
        "recorded_at = 0",
        "seal = 0",
    ],
)
def test_an_altered_change_is_corrupt(path: Path, raw: sqlite3.Connection, altered: str) -> None:
    """In the log and wherever it is needed; what does not need it can still be read."""
    raw.execute(f"UPDATE crm_change SET {altered} WHERE id = 'p01' AND version = 3")
    store = opened(path)
    for use in (
        lambda: store.changes(),
        lambda: store.changes(id="p01"),
        lambda: Pen(store).commit(changed(Parcel(id="p01", version=3, label=""), 6, pieces=4, note="x")),
    ):
        if "kind" in altered and use is not store.changes:
            continue
        with pytest.raises(Corrupt):
            use()

    assert not verify(store, KINDS)
    assert len(store.get(PARCEL, IDS)) == 40
    store.close()


@pytest.mark.parametrize("altered", ["sets = replace(sets, '2', '3')", "what = 'other'", "late = 0", "reason = 'x'"])
def test_a_past_is_not_folded_from_altered_changes(path: Path, raw: sqlite3.Connection, altered: str) -> None:
    """One change of one record is enough."""
    raw.execute(f"UPDATE crm_change SET {altered} WHERE id = 'p01' AND version = 3")
    with contextlib.closing(opened(path)) as store:
        for use in (
            lambda: store.get(PARCEL, IDS, Moment(hour(7))),
            lambda: store.count(PARCEL, asked(Parcel), Moment(hour(7), "200")),
        ):
            with pytest.raises(Corrupt):
                use()


def test_missing_rows_are_noticed(path: Path, raw: sqlite3.Connection) -> None:
    """Of the log or of the records, by verifying; by a reading that needs them, at once."""
    raw.execute("DELETE FROM crm_change WHERE id = 'p01' AND version = 1")
    raw.execute("DELETE FROM crm_parcel WHERE id = 'p02'")
    raw.execute("DELETE FROM crm_change WHERE id IN ('p03', 'b')")
    raw.execute("DELETE FROM crm_claim WHERE id = 'p04'")
    store = opened(path)
    with pytest.raises(Corrupt, match=r"p01.* do not add up"):
        store.get(PARCEL, ["p01"], Moment(hour(7)))
    found = str(verify(store, KINDS))

    assert "parcel p01 has versions [2, 3]" in found
    assert "parcel p02 has changes but no record" in found
    assert "1 of the 39 records of parcel have no changes" in found
    assert "1 of the 1 records of box have no changes" in found
    assert "code of parcel p04 is held by None" in found
    store.close()


@pytest.mark.parametrize("altered", ["horizon = 1 << 62", "first = 'noon'", "late_from = 1 << 62"])
def test_a_record_with_impossible_times_is_corrupt(path: Path, raw: sqlite3.Connection, altered: str) -> None:
    """When it is to be changed."""
    raw.execute(f"UPDATE crm_parcel SET {altered} WHERE id = 'p01'")
    with contextlib.closing(opened(path)) as store, pytest.raises(Corrupt):
        Pen(store).change(Parcel(id="p01", version=3, label=""), 11, pieces=4)


def test_an_impossible_time_at_the_end_of_the_log(path: Path, raw: sqlite3.Connection) -> None:
    """Neither the end nor a cut can be told."""
    raw.execute("UPDATE crm_change SET recorded_at = 1 << 62 WHERE seq > 60")
    with contextlib.closing(opened(path)) as store:
        for use in (store.last, lambda: store.cut(hour(101)), lambda: Pen(store).add("new")):
            with pytest.raises(Corrupt):
                use()


# --- what no file can hold ------------------------------------------------------------------------------------------

HALF = "\ud800"


@pytest.mark.parametrize("path", ["", "crm\x00.db", f"{HALF}.db"])
def test_what_is_no_path(path: str) -> None:
    """An empty one would be a file that is gone when it is closed."""
    with pytest.raises(Invalid, match="path"):
        SqliteStore(path)


def test_where_no_file_can_be(tmp_path: Path) -> None:
    """In a folder that is not there, or where a folder is."""
    with pytest.raises(StoreError, match="folder"):
        SqliteStore(str(tmp_path / "nowhere" / "crm.db"))
    with pytest.raises(StoreError, match=r"check the path|unable to open"):
        SqliteStore(str(tmp_path))


def test_an_unknown_durability() -> None:
    """The error lists the known ones."""
    with pytest.raises(Invalid, match="relaxed"):
        SqliteStore(":memory:", durability="none")  # type: ignore[arg-type]


UNREAD: list[dict[str, Any]] = [
    {"label": HALF},
    {"marks": ("x", HALF)},
    {"marks": 7},
    {"code": HALF},
    {"pieces": 2**63},
    {"pieces": -(10**30)},
    {"number": 10**5_000},
    {"weight": 0.5},
    {"price": "12 EUR"},
    {"due_on": "2026-01-01"},
    {"sent_at": 5},
    {"note": object()},
    {"custom.rate": float("nan")},
    {"custom.rate": object()},
    {"external.shop": HALF},
]
"""What a parcel can't have."""


def test_values_nobody_read_at_the_border() -> None:
    """A store that is handed them says ``Invalid`` and keeps nothing."""
    store = opened(Path(":memory:"))
    for sets in UNREAD:
        with pytest.raises(Invalid):
            Pen(store).commit(added(Box, "b", label="b"), added(Parcel, "a", **{"label": "a", **sets}))
        assert (store.last(), store.get(BOX, ["b"])) == (("0", None), {})
    record = Pen(store).change(Pen(store).add("a"), 20, label="later")
    with pytest.raises(Invalid):
        Pen(store).change(record, 15, label=HALF)  # what a late change sets is kept, though the record never has it
    assert store.get(PARCEL, ["a"]) == {"a": record}
    store.close()


def test_names_that_are_no_text() -> None:
    """Of records, tenants, commits and keys: asked for, they are ``Invalid``; NUL is a letter like others."""
    store = opened(Path(":memory:"))
    for use in (
        lambda: store.get(PARCEL, [HALF]),
        lambda: store.get(PARCEL, ["a", HALF], Moment(hour(1))),
        lambda: store.get(PARCEL, [2**70]),  # type: ignore[list-item]
        lambda: store.changes(id=HALF),
        lambda: store.changes(after=str(2**70)),
        lambda: store.changes(before=2**70),
        lambda: store.stretch(f"{2**70}.00000000", limit=1),
        lambda: holder(store, PARCEL, "code", HALF),
        lambda: store.aliases(HALF),
        lambda: store.kept(Key(HALF, "f")),
        lambda: store.find(PARCEL, Query(after=(None, HALF))),
        lambda: store.for_tenant(HALF).last() and store.for_tenant(HALF).changes(),
        lambda: Pen(store.for_tenant(HALF)).add("a"),
        lambda: Pen(store).add(HALF),
        lambda: Pen(store).commit(added(Parcel, "a", label="a"), key=Key(HALF, "f")),
        lambda: Pen(store).commit(added(Parcel, "a", label="a"), playbook=HALF),
        lambda: Pen(store).commit(attrs.evolve(added(Parcel, "a", label="a"), reason=HALF)),
    ):
        with pytest.raises(Invalid):
            use()
    assert store.last() == ("0", None)
    nul = Pen(store).add("a\x00b", label="\x00")
    assert store.get(PARCEL, ["a", "a\x00b", "a\x00c"]) == {"a\x00b": nul}
    store.close()


def test_what_json_can_not_hold_is_refused() -> None:
    """Should a value ever get past the border."""
    with pytest.raises(Invalid):
        encode_sets(PARCEL, {"price": "free"})


def test_no_error_quotes_what_is_stored(path: Path, raw: sqlite3.Connection) -> None:
    """SQLite's own does, where bytes are no text: it shows the whole body."""
    raw.execute("UPDATE crm_parcel SET body = CAST(CAST('Ada Lovelace' AS BLOB) || x'ff' AS TEXT) WHERE id = 'p01'")
    store = opened(path)
    with pytest.raises(Corrupt, match="no text") as caught:
        store.get(PARCEL, ["p01"])
    assert "Ada" not in "".join(traceback.format_exception(caught.value))
    store.close()


def test_a_closed_file_is_not_purged(path: Path) -> None:
    """But closed, like for everything else."""
    store = opened(path)
    store.close()
    with pytest.raises(Closed):
        store.purge()


def test_a_store_closed_within_a_transaction_is_closed(path: Path) -> None:
    """What was begun is undone."""
    store = opened(path)

    def end() -> None:
        with store._file.writing():
            store.close()
            store.last()

    with pytest.raises(Closed):
        end()
    assert whole(path)
