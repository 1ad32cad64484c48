"""An overlay keeps the contract over any store, and leaves that as it was."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Closed, Conflict, CrmError, Duplicate, NotAllowed
from crmcore.kernel.fields import field
from crmcore.kernel.page import Page, Query
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, R, Record, kind_of, record
from crmcore.kernel.where import F
from crmcore.stores.memory import MemoryStore
from crmcore.stores.overlay import OverlayStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import StoreContract, StoreMachine
from crmcore.testing.specimens import BOX, KINDS, PARCEL, Box, Parcel, Pen, added, asked, changed, holder, hour
from crmcore.testing.steps import Step, hours, keys, several, tenants

BASES = ["memory", "sqlite"]


def opened(base: str, folder: Path) -> Store:
    """A base, ready for both kinds."""
    store: Store = MemoryStore() if base == "memory" else SqliteStore(str(folder / "crm.db"), durability="relaxed")
    store.prepare(KINDS.values())
    return store


def over(base: Store) -> OverlayStore:
    """An overlay, ready for both kinds."""
    overlay = OverlayStore(base)
    overlay.prepare(KINDS.values())
    return overlay


# --- the contract ---------------------------------------------------------------------------------------------------


class Alone(OverlayStore):
    """An overlay over a store that nobody else has."""

    def close(self) -> None:
        """Close both."""
        super().close()
        self._base.close()


class TestOverMemory(StoreContract):
    """Over an empty store in memory."""

    examples = 20

    def open(self, folder: Path) -> OverlayStore:
        """A new one each time."""
        return Alone(opened("memory", folder))


class TestOverSqlite(StoreContract):
    """Over an empty store in a file."""

    examples = 20

    def open(self, folder: Path) -> OverlayStore:
        """A new file each time."""
        return Alone(opened("sqlite", Path(tempfile.mkdtemp(dir=folder))))


class Tower:
    """A store that lays an overlay over itself now and then, so that what was written lies at any depth."""

    def __init__(self, base: Store) -> None:
        self.tenant, self.floors, self.lock = base.tenant, [base], Lock()

    def __getattr__(self, name: str) -> object:
        """Everything is asked of the top floor."""
        return getattr(self.floors[-1].for_tenant(self.tenant), name)

    def for_tenant(self, tenant: str) -> Tower:
        """The same tower."""
        other = Tower.__new__(Tower)
        vars(other).update({**vars(self), "tenant": tenant})
        return other

    def commit(self, changes: Sequence[Change[Any]], **told: Any) -> Commit:  # noqa: ANN401 - as a store takes them
        """On the top, and then perhaps beneath another."""
        with self.lock:
            top = self.floors[-1].for_tenant(self.tenant)
            done = top.commit(changes, **told)
            if done.changes[-1].seq % 3 == 1 and len(self.floors) < 4:
                self.floors.append(over(top))
            return done

    def cursors(self) -> dict[str, str]:
        """Of those who follow it, which no overlay may forget."""
        return self.floors[0].for_tenant(self.tenant).cursors()

    def move_cursor(self, consumer: str, **moved: str) -> None:
        """At the same place."""
        self.floors[0].for_tenant(self.tenant).move_cursor(consumer, **moved)

    def close(self) -> None:
        """Every floor."""
        for floor in reversed(self.floors):
            floor.close()


class TestTower(StoreContract):
    """Overlays over overlays over a store in memory."""

    examples = 20

    def open(self, folder: Path) -> Any:  # noqa: ANN401 - it is a store, though made by hand
        """A new one each time."""
        return Tower(opened("memory", folder))


class TestTowerOnSqlite(StoreContract):
    """Overlays over overlays over a store in a file."""

    examples = 10

    def open(self, folder: Path) -> Any:  # noqa: ANN401 - the same
        """A new file each time."""
        return Tower(opened("sqlite", Path(tempfile.mkdtemp(dir=folder))))


# --- any history ----------------------------------------------------------------------------------------------------


class LaidMachine(StoreMachine):
    """Whatever is done, split between a store and overlays over it at any points, others writing beneath."""

    base = "memory"

    def open(self, folder: Path) -> Store:
        """The ground floor."""
        self.floors = [opened(self.base, folder)]
        return self.floors[0]

    @precondition(lambda self: len(self.floors) < 4)
    @rule()
    def lay_over(self) -> None:
        """From here on, write to an overlay."""
        self.floors.append(over(self.floors[-1]))
        self.stores = {tenant: self.floors[-1].for_tenant(tenant) for tenant in self.stores}
        self.followed.clear()  # an overlay has followers of its own

    @precondition(lambda self: len(self.floors) > 1)
    @rule(tenant=tenants, floor=st.integers(1, 3), steps=several(1, -3), recorded=hours, key=st.none() | keys)
    def write_beneath(self, tenant: str, floor: int, steps: list[Step], recorded: datetime, key: Key | None) -> None:
        """Somebody else writes to a floor below, if it can be written there; the top does not see it."""
        store = self.floors[-1 - min(floor, len(self.floors) - 1)].for_tenant(tenant)
        with contextlib.suppress(CrmError):
            store.commit(beneath(store, steps), id="beneath", recorded_at=recorded, key=key)

    def teardown(self) -> None:
        """Close every floor."""
        super().teardown()
        for floor in self.floors:
            floor.close()


def beneath(store: Store, steps: Sequence[Step]) -> list[Change[Any]]:
    """The changes that some steps are, on top of what a store knows."""
    staged: list[Change[Any]] = []
    for step in steps:
        kind, id = step.whole
        known = [*store.changes(kind=kind, id=id), *(one for one in staged if (one.kind, one.id) == step.whole)]
        at = max((one.at for one in known), default=hour(10)) + timedelta(hours=step.after)
        told: dict[str, Any] = {"sets": {"label": "beneath", **step.sets}, "at": max(at, known[0].at) if known else at}
        staged.append(Change(kind=kind, id=id, version=len(known) + 1, what="changed", **told))
    return staged


@pytest.mark.slow
@pytest.mark.parametrize(("base", "examples"), [("memory", 30), ("sqlite", 10)])
def test_any_history_in_layers(base: str, examples: int) -> None:
    """An overlay reads like one store given everything, whatever others write beneath it."""

    class Machine(LaidMachine):
        pass

    Machine.base = base
    few = settings(max_examples=examples, stateful_step_count=30, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Machine, settings=few)


# --- the base stays as it is ----------------------------------------------------------------------------------------


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with three parcels, one of them changed, and a box."""
    store = opened(request.param, tmp_path)
    pen = Pen(store)
    pen.change(pen.add("a", 1, code="A", pieces=1, note="secret"), 5, pieces=2)
    pen.commit(added(Parcel, "b", 2, label="b", code="B", pieces=2), key=Key("k", "f"))
    pen.commit(added(Parcel, "c", 3, label="c", pieces=3), added(Box, "a", 3, label="box"))
    yield store
    store.close()


@pytest.fixture
def overlay(base: Store) -> Iterator[OverlayStore]:
    """An overlay over it."""
    with contextlib.closing(over(base)) as overlay:
        yield overlay


@pytest.fixture
def pen(overlay: OverlayStore) -> Pen:
    """Writes into the overlay."""
    return Pen(overlay)


def parcel(store: Store, id: str) -> Parcel:
    """A parcel as it stands."""
    return store.get(PARCEL, [id])[id]


def stir(overlay: OverlayStore) -> None:
    """Do to an overlay whatever can be done."""
    pen = Pen(overlay)
    a, b, c = (parcel(overlay, id) for id in "abc")
    pen.commit(changed(a, 6, code="B"), changed(b, 6, code="A", label="swapped"), key=Key("m", "f"))
    pen.change(c, 4, merged_into="a")
    pen.add("d", 4, deleted_at=hour(4), **{"external.shop": "7"})
    pen.erase(parcel(overlay, "a"), note=None, label="[erased]")
    with pytest.raises(Duplicate):
        pen.add("e", code="A")
    with pytest.raises(Conflict):
        pen.change(b, 7)
    elsewhere = Pen(overlay.for_tenant("there"))
    elsewhere.add("a", code="A")
    moments = (Moment(), Moment(hour(3)), Moment(cut=overlay.last()[0]))
    for store, moment in product((overlay, elsewhere.store), moments):
        assert store.find(PARCEL, asked(Parcel, F.pieces >= 0, order_by="-pieces"), moment) is not None
        assert store.count(PARCEL, asked(Parcel), moment) >= 0
        assert store.aliases("a") >= {"a"}
    overlay.prepare(KINDS.values())
    assert overlay.check() == []
    over(overlay).close()


def test_nothing_reaches_the_base(base: Store, overlay: OverlayStore, tmp_path: Path) -> None:
    """Not its log, and not a byte of its file."""
    files = [tmp_path / name for name in ("crm.db", "crm.db-wal") if (tmp_path / name).exists()]
    bytes, log, last = [file.read_bytes() for file in files], base.changes(), base.last()
    stir(overlay)
    overlay.close()

    assert [file.read_bytes() for file in files] == bytes
    assert (base.changes(), base.last(), base.for_tenant("there").changes()) == (log, last, [])
    assert (base.kept(Key("m", "f")), base.aliases("a")) == (None, {"a"})


def test_a_closed_overlay_leaves_its_base_open(base: Store, overlay: OverlayStore) -> None:
    """And only the overlay says that it is closed."""
    overlay.close()

    with pytest.raises(Closed):
        overlay.get(PARCEL, ["a"])
    assert parcel(base, "a").pieces == 2


# --- while the base moves on ----------------------------------------------------------------------------------------


def test_an_overlay_keeps_reading_its_snapshot(base: Store, overlay: OverlayStore) -> None:
    """By every method, and from the start as well as after a first reading."""
    later, mine = Pen(base), Pen(overlay)
    a, b = parcel(overlay, "a"), parcel(overlay, "b")
    before, log, end = mine.find(order_by="pieces"), overlay.changes(), overlay.last()
    later.clock.now = hour(200)
    for _ in log:
        later.ids("commit")  # those of the log are taken
    later.commit(changed(a, 8, code="X", pieces=9), key=Key("late", "f"))
    later.change(b, 8, deleted_at=hour(8))
    later.change(later.add("d", 8, code="D", pieces=0), 9, merged_into="c")

    for moment in (Moment(), Moment(hour(50)), Moment(cut=end[0]), Moment(hour(50), end[0])):
        assert mine.find(None, moment, order_by="pieces") == before
        assert overlay.get(PARCEL, ["a", "b", "d"], moment) == {"a": a, "b": b}
        assert overlay.count(PARCEL, asked(Parcel), moment) == 3
        assert overlay.count(PARCEL, asked(Parcel, deleted=True), moment) == 0
    assert (overlay.changes(), overlay.last(), overlay.changes(upto=overlay.cut(hour(500)))) == (log, end, log)
    assert overlay.changes(kind="parcel", id="d") == []
    assert [holder(overlay, PARCEL, "code", code) for code in "ABXD"] == ["a", "b", None, None]
    assert holder(overlay, PARCEL, "code", "B", deleted=True) is None
    assert overlay.aliases("c") == {"c"}
    assert overlay.kept(Key("late", "other")) is overlay.kept(Key("late", "f")) is None
    mine.add("d", 1, code="D")
    assert parcel(overlay, "d").label == "d"
    assert [change.id for change in overlay.changes(after=end[0])] == ["d"]


class Restless(MemoryStore):
    """A store that somebody else always writes to just before it is asked."""

    restless = False

    def find(self, kind: Kind[R], asked: Query, moment: Moment = NOW) -> Page[R]:
        """As ever, but others were faster."""
        self.disturb()
        return super().find(kind, asked, moment)

    def count(self, kind: Kind[Any], asked: Query, moment: Moment = NOW) -> int:
        """As ever, but others were faster."""
        self.disturb()
        return super().count(kind, asked, moment)

    def disturb(self) -> None:
        """Add parcels that come before all others."""
        if self.restless:
            Pen(self).commit(*(added(Parcel, f" {self.last()[0]} {number}", label="new") for number in range(3)))


def test_a_base_that_never_rests() -> None:
    """Is asked about the past in the end, rather than again and again."""
    base = Restless()
    base.prepare(KINDS.values())
    Pen(base).add("a")
    overlay, base.restless = over(base), True

    assert [one.id for one in Pen(overlay).find(limit=1)] == ["a"]
    assert overlay.count(PARCEL, asked(Parcel)) == 1
    assert Pen(overlay).find(limit=1).next is None


# --- searching ------------------------------------------------------------------------------------------------------


@record("clip")
class Clip(Record):
    """A kind that is searched."""

    title: str = field(searchable=True)


@record("film")
class Film(Record):
    """Another one."""

    title: str = field(searchable=True)


Acts: TypeAlias = list[tuple[Kind[Any], str, dict[str, Any]]]

SEARCHED = [kind_of(Clip), kind_of(Film)]
titles = st.lists(st.sampled_from(["ada", "adam", "byron", "b"]), max_size=2).map(" ".join)
told = st.fixed_dictionaries(
    {},
    optional={"title": titles, "deleted_at": st.sampled_from([None, hour(1)]), "merged_into": st.none() | st.just("x")},
)
acts = st.lists(st.tuples(st.sampled_from(SEARCHED), st.sampled_from("abcd"), told), max_size=12)


@pytest.mark.slow
@pytest.mark.parametrize("below", BASES)
@given(first=acts, second=acts, beneath=acts)
def test_a_search_finds_what_one_store_would_find(below: str, first: Acts, second: Acts, beneath: Acts) -> None:
    """In the same order, with any limit, though others write to the base."""
    whole = MemoryStore()
    base: Store = MemoryStore() if below == "memory" else SqliteStore(":memory:", durability="relaxed")
    for store in (whole, base):
        store.prepare(SEARCHED)
        tell(store, first)
    overlay = OverlayStore(base)
    overlay.prepare(SEARCHED)
    for store in (whole, overlay):
        tell(store, second)
    tell(base, beneath)

    for words, limit in product([["a"], ["ada"], ["b", "a"], ["x"]], (0, 1, 2, 9)):
        assert overlay.search(SEARCHED, words, limit=limit) == whole.search(SEARCHED, words, limit=limit)
        assert overlay.search(SEARCHED[1:], words, limit=limit) == whole.search(SEARCHED[1:], words, limit=limit)
    base.close()


def tell(store: Store, acts: Acts) -> None:
    """Commit some acts one by one."""
    for kind, id, sets in acts:
        known = store.get(kind, [id]).get(id)
        change = added(kind.cls, id, **{"title": "ada", **sets}) if known is None else changed(known, **sets)
        Pen(store).commit(change)


# --- what a batch is made of ----------------------------------------------------------------------------------------


def test_what_was_written_can_be_committed(base: Store, overlay: OverlayStore, pen: Pen) -> None:
    """As one commit, which leaves the base as the overlay is."""
    a = pen.change(parcel(overlay, "a"), 4, label="late", code="D")
    pen.change(pen.add("d", 6, code="A"), 7, pieces=7)
    log = overlay.changes()[5:]
    written = overlay.written

    assert [(one.id, one.version, one.what) for one in written] == [
        ("a", 3, "changed"),
        ("d", 1, "added"),
        ("d", 2, "changed"),
    ]
    assert {(one.seq, one.commit, one.recorded_at, one.late) for one in written} == {(0, "", None, False)}
    assert [attrs.evolve(one, seq=0, commit="", recorded_at=None, late=False) for one in log] == list(written)
    Pen(base).commit(*written)
    assert (parcel(base, "a"), parcel(base, "d")) == (a, parcel(overlay, "d"))
    assert [one.late for one in base.changes()[5:]] == [True, False, False]


def test_what_was_touched_must_not_move(base: Store, overlay: OverlayStore, pen: Pen) -> None:
    """Else all that was written is refused."""
    a = parcel(overlay, "a")
    pen.commit(added(Parcel, "d", label="d"), changed(a, 6, pieces=6))
    Pen(base).change(a, 6, pieces=7)

    with pytest.raises(Conflict):
        Pen(base).commit(*overlay.written)
    assert base.get(PARCEL, ["d"]) == {}


def test_what_commits_rested_on_is_told(base: Store, overlay: OverlayStore, pen: Pen) -> None:
    """Of records that were not written here; and whether one rested on the whole log."""
    there, start = overlay.for_tenant("there"), overlay.last()[0]
    ground = {("parcel", "a"): 2, ("parcel", "b"): 1, ("box", "none"): 0}
    told: dict[str, Any] = {"id": "commit", "recorded_at": hour(100)}
    with pytest.raises(Conflict):
        overlay.commit([added(Parcel, "d", label="d")], unmoved={("parcel", "c"): 2}, **told)
    assert (overlay.ground, overlay.end) == ({}, None)

    overlay.commit([added(Parcel, "d", label="d")], unmoved=ground, **told)
    pen.change(parcel(overlay, "b"), 6, pieces=6)
    overlay.commit([added(Parcel, "e", label="e")], unmoved={("parcel", "b"): 2}, key=Key("n", "f"), **told)
    assert overlay.ground == {("parcel", "a"): 2, ("box", "none"): 0}
    overlay.commit([added(Parcel, "e", label="e")], end=start, key=Key("n", "f"), **told)
    assert overlay.end is None

    for end in (start, base.last()[0]):
        with pytest.raises(Conflict):
            overlay.commit([added(Parcel, "f", label="f")], end=end, **told)
    overlay.commit([added(Parcel, "f", label="f")], end=overlay.last()[0], **told)
    assert (overlay.end, there.end, there.ground, there.written) == (base.last()[0], None, {}, ())


def test_an_erasure_is_no_part_of_a_batch(overlay: OverlayStore, pen: Pen) -> None:
    """It can't be committed, so what was written is not told without it."""
    pen.erase(parcel(overlay, "a"), note=None)

    with pytest.raises(NotAllowed):
        _ = overlay.written
    assert overlay.for_tenant("there").written == ()


@pytest.mark.parametrize("split", range(1, 6))
@pytest.mark.parametrize("base", BASES)
def test_late_changes_above_late_changes(base: str, split: int, tmp_path: Path) -> None:
    """They are as late, and matter as long, as if all had been written to one store."""
    hours = (10, 20, 15, 17, 25, 22)
    stores: list[Store] = [MemoryStore(), opened(base, tmp_path)]
    stores[0].prepare(KINDS.values())
    cuts = [[store.last()[0] for store in stores]]
    for number, at in enumerate(hours):
        if number == split:
            stores.append(over(stores[1]))
        for store in (stores[0], stores[-1]):
            sets: dict[str, Any] = {"label": str(at), "pieces": at} if number % 2 == 0 else {"pieces": at}
            known = store.get(PARCEL, ["a"]).get("a")
            Pen(store).commit(added(Parcel, "a", at, **sets) if known is None else changed(known, at, **sets))
        cuts.append([store.last()[0] for store in (stores[0], stores[-1])])

    whole, _, overlay = stores
    assert [change.late for change in overlay.changes()] == [change.late for change in whole.changes()]
    for at, (of_whole, of_overlay) in product(range(9, 27), cuts):
        expected = whole.get(PARCEL, ["a"], Moment(hour(at), of_whole))
        assert overlay.get(PARCEL, ["a"], Moment(hour(at), of_overlay)) == expected
    stores[1].close()


# --- erasure --------------------------------------------------------------------------------------------------------


def test_an_erasure_in_an_overlay_scrubs_what_lies_beneath(base: Store, overlay: OverlayStore, pen: Pen) -> None:
    """From the overlay's log and every moment of it; a key of the record is forgotten there."""
    pen.erase(parcel(overlay, "a"), note=None, code=None)
    pen.erase(parcel(overlay, "b"), code=None)
    first = base.cut(hour(100))

    assert base.get(PARCEL, ["a"], Moment(cut=first))["a"].note == "secret"
    read = [overlay.get(PARCEL, ["a"], Moment(cut=cut)) for cut in (first, overlay.last()[0])]
    assert "secret" not in repr([overlay.changes(), overlay.changes(id="a"), overlay.stretch(limit=9), read])
    assert overlay.kept(Key("k", "f")) is overlay.kept(Key("k", "other")) is None
    assert base.kept(Key("k", "f")) is not None
    with pytest.raises(Conflict):
        base.kept(Key("k", "other"))
    assert parcel(base, "a").note == "secret"


def test_an_erasure_in_the_base_reaches_the_overlay(base: Store, overlay: OverlayStore) -> None:
    """Unless the record was taken over before."""
    Pen(base).erase(parcel(base, "a"), note=None)

    assert parcel(overlay, "a").version == 2
    assert "secret" not in repr([overlay.changes(), parcel(overlay, "a")])


def test_those_who_had_a_value_before(base: Store, overlay: OverlayStore, pen: Pen) -> None:
    """The smallest id of deleted and merged ones, though the smallest in the base is another now."""
    mine = Pen(base)
    for id in "xyz":
        mine.change(mine.add(id, code="Q"), 1, **({"merged_into": "a"} if id == "y" else {"deleted_at": hour(1)}))
    with contextlib.closing(over(base)) as top:
        for id, rest in (("x", "y"), ("y", "z"), ("z", None)):
            Pen(top).change(parcel(top, id), 2, code=None)
            assert holder(top, PARCEL, "code", "Q", deleted=True) == rest
    assert holder(overlay, PARCEL, "code", "Q", deleted=True) is None
    pen.add("x", 1, code="Q")
    assert holder(overlay, PARCEL, "code", "Q") == "x"
    assert BOX.name not in {change.kind for change in overlay.written}
