"""Two tenants never see or change each other's data, whatever both do: each is as if it were alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self, TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from crmcore import CRM, CrmError, F, Playbook
from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Record
from crmcore.stores.memory import MemoryStore
from crmcore.stores.postgres import PostgresStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import CountingIds

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
NAMES = ("Acme", "Ada Lovelace", "Roof")
TAGS = ("vip", "new", "old")
REGIONS = ("north", "south", "")
SMALL = st.integers(0, 2)

Act: TypeAlias = Callable[[CRM, int, int], object]
"""Something a tenant does, by two small numbers."""


def nth(crm: CRM, desk: str, number: int, *, deleted: bool = False) -> Any:  # noqa: ANN401 - a record of any kind
    """One of the records of a kind, if there are any."""
    found = getattr(crm, desk).find(limit=5, deleted=deleted).items
    return found[number % len(found)] if found else "nobody"


def batched(crm: CRM, n: int, m: int) -> None:
    """Two acts in one commit."""
    with crm.batch() as batch:
        acme = batch.accounts.add(name=NAMES[n])
        batch.contacts.add(name=NAMES[m], account=acme)


def supposed(crm: CRM, n: int, m: int) -> object:
    """What would be, if."""
    with crm.suppose() as what_if:
        what_if.contacts.add(name="What if")
        what_if.opportunities.win(nth(crm, "opportunities", n))
        return what_if.contacts.count(), what_if.analytics.pipeline().won_value, what_if.search("what")


def adopted(crm: CRM, n: int, m: int) -> object:
    """Another playbook, with fields that are called alike."""
    custom = {"contact": {"region": CustomField("text", required=n == 2, choices=("north", "south")[: m + 1])}}
    return crm.adopt(Playbook(currency=("EUR", "USD", "JPY")[n], custom=custom)).hash


ACTS: dict[str, Act] = {
    "add an account": lambda crm, n, m: crm.accounts.add(name=NAMES[n], number=f"{m}"),
    "add a contact": lambda crm, n, m: crm.contacts.add(name=NAMES[n], email=f"{m}@x.example"),
    "affiliate": lambda crm, n, m: crm.contacts.affiliate(nth(crm, "contacts", n), nth(crm, "accounts", m)),
    "add from a region": lambda crm, n, m: crm.contacts.add(name=NAMES[n], custom={"region": REGIONS[m]}),
    "add staff": lambda crm, n, m: crm.staff.add(name=NAMES[n], email=f"{m}@staff.example"),
    "capture": lambda crm, n, m: crm.leads.capture(name=NAMES[n], company=NAMES[m], source="web"),
    "convert": lambda crm, n, m: crm.leads.convert(nth(crm, "leads", n)),
    "sell": lambda crm, n, m: crm.opportunities.add(name=NAMES[n], amount=1_000 * (m + 1)),
    "advance": lambda crm, n, m: crm.opportunities.advance(nth(crm, "opportunities", n), to="proposal"),
    "win": lambda crm, n, m: crm.opportunities.win(nth(crm, "opportunities", n)),
    "note": lambda crm, n, m: crm.notes.add(nth(crm, "contacts", n), f"Note {m}"),
    "log": lambda crm, n, m: crm.touchpoints.log(nth(crm, "contacts", n), channel="phone", direction="inbound"),
    "tag": lambda crm, n, m: crm.tags.put(TAGS[n], nth(crm, "contacts", m)),
    "untag": lambda crm, n, m: crm.tags.take(TAGS[n], nth(crm, "contacts", m)),
    "rename a tag": lambda crm, n, m: crm.tags.rename(TAGS[n], TAGS[m]),
    "merge tags": lambda crm, n, m: crm.tags.merge(TAGS[n], into=TAGS[m]),
    "update": lambda crm, n, m: crm.contacts.update(nth(crm, "contacts", n), name=NAMES[m]),
    "upsert": lambda crm, n, m: crm.contacts.upsert(("erp", f"{n}"), name=NAMES[m]),
    "load": lambda crm, n, m: str(crm.contacts.load([{"id": f"{n}", "name": NAMES[m]}, {"id": "9"}], key="id")),
    "delete": lambda crm, n, m: crm.contacts.delete(nth(crm, "contacts", n)),
    "restore": lambda crm, n, m: crm.contacts.restore(nth(crm, "contacts", n, deleted=True)),
    "undo": lambda crm, n, m: crm.undo(["commit_0", *(one.commit for one in crm.feed(limit=3))][-1]),
    "under a key": lambda crm, n, m: crm.given(key=f"key {n}").accounts.add(name=NAMES[m]),
    "backdated": lambda crm, n, m: crm.given(at=START - timedelta(n + 1)).contacts.update(
        nth(crm, "contacts", m), job_title="X"
    ),
    "batch": batched,
    "suppose": supposed,
    "adopt": adopted,
    "erase": lambda crm, n, m: repr(crm.erase(nth(crm, "contacts", n))),
    "follow": lambda crm, n, m: crm.store.move_cursor("erp", was=crm.store.cursors().get("erp", ""), now=f"{n}{m}"),
    "search": lambda crm, n, m: crm.search(NAMES[n], limit=m + 1),
    "look": lambda crm, n, m: [*crm.contacts.find(F.name == NAMES[n], order_by="-email"), crm.contacts.count()],
    "look for tags": lambda crm, n, m: [*crm.contacts.find(F.tags.contains(TAGS[n]))],
    "look back": lambda crm, n, m: crm.as_of(
        START + timedelta(minutes=n), known=START + timedelta(minutes=9)
    ).contacts.count(),
    "page": lambda crm, n, m: [*crm.contacts.find(limit=1, after=crm.contacts.find(limit=1).next)],
}
AROUND = ("begin a batch", "begin to suppose", "end", "throw away")
STEPS = st.tuples(st.booleans(), st.sampled_from([*ACTS, *AROUND]), SMALL, SMALL)

Step: TypeAlias = tuple[bool, str, int, int]


class Stopped(Exception):
    """Somebody thinks better of a batch."""


@attrs.define
class Sitting:
    """What one tenant does, and what comes of it.

    Attributes:
        crm: What it sees.
        within: The batch, or the what-if, it is in.
        view: What it sees of that.
        outcomes: What came of its acts.
    """

    crm: CRM
    within: Any = None
    view: CRM | None = None
    outcomes: list[object] = attrs.field(factory=list)

    def take(self, name: str, n: int, m: int) -> None:
        """Do something."""
        try:
            self.outcomes.append((name, self._done(name, n, m)))
        except CrmError as error:
            self.outcomes.append((name, type(error), str(error)))

    def _done(self, name: str, n: int, m: int) -> object:
        if name in ACTS:
            return ACTS[name](self.view or self.crm, n, m)
        if name.startswith("begin") and self.within is None:
            self.within = self.crm.batch() if name.endswith("batch") else self.crm.suppose()
            self.view = self.within.__enter__()
        elif not name.startswith("begin"):
            self.leave(thrown=name == "throw away")
        return None

    def leave(self, *, thrown: bool = False) -> None:
        """Leave the batch, or the what-if."""
        within, self.within, self.view = self.within, None, None
        if within is not None:
            with contextlib.suppress(Stopped):
                within.__exit__(*((Stopped, Stopped(), None) if thrown else (None, None, None)))


def played(store: Store, story: Iterable[tuple[int, Step]], names: tuple[str, str]) -> list[tuple[object, object]]:
    """What comes of a story for each tenant, and all that each can read in the end.

    Every step has its own time, and each tenant counts its ids, so that all is the same for one who is alone.
    """
    now, ids, acting = START, (CountingIds(), CountingIds()), 0
    crm = CRM(store, clock=lambda: now, new_id=lambda kind: ids[acting](kind), by="ana", tenant=names[0])
    sittings = crm, crm.given(tenant=names[1])
    both = tuple(Sitting(one) for one in sittings)
    for place, (second, *step) in story:
        now, acting = START + timedelta(minutes=place), int(second)
        both[acting].take(*step)  # type: ignore[arg-type]
    now, found = START + timedelta(days=1), []
    for acting, one in enumerate(both):  # noqa: B007 - ids are made for it
        one.take("end", 0, 0)
        found.append((one.outcomes, dict(readable(one.crm))))
    return found


def unplaced(changes: Iterable[Any]) -> list[object]:
    """Changes without their places in the log, which tenants share; of a suppression without what is drawn by lot."""
    return [attrs.evolve(one, seq=0, sets={} if one.kind == "suppression" else one.sets) for one in changes]


def readable(crm: CRM) -> Iterator[tuple[str, object]]:
    """All that a tenant can read."""
    ids: list[str] = []
    for kind in crm.kinds.values():
        desk: Any = crm.desk(kind.cls)
        records: list[Record] = [*desk.each(), *desk.each(deleted=True)]
        ids += [one.id for one in records]
        if kind.name != "suppression":
            yield kind.name, (records, [*crm.as_of(START + timedelta(minutes=5)).desk(kind.cls).each()], desk.count())
    yield "histories", {id: unplaced(crm.history(id)) for id in ids}
    yield "feed", unplaced(crm.feed(limit=999))
    yield "log", unplaced(crm.store.stretch(limit=999).changes)
    yield "searches", [crm.search(text) for text in (*NAMES, "note", "1", "what")]
    yield "tags", {tag.name: crm.tags.uses(tag) for tag in crm.tags.each()}
    yield "elsewhere", [crm.contacts.external(system, f"{number}") for system in ("erp", "csv") for number in range(3)]
    yield "linked", {id: crm.linked(id) for id in ids}
    yield "playbook", crm.playbook.hash
    yield "followers", crm.store.cursors()
    yield "unclaimed", [crm.store.holders(kind, "email", ["1@x.example"]) for kind in crm.kinds.values()]
    found = crm.verify()
    yield "sound", (found.records, found.changes, found.violations)


NUMBERS = count()


def check(store: Store, story: list[Step]) -> None:
    """Play a story for both at once, and for each alone, in memory."""
    number = next(NUMBERS)
    names, told = (f"one {number}", f"two {number}"), [*enumerate(story)]
    together = played(store, told, names)
    for acting in (0, 1):
        mine = [(place, step) for place, step in told if step[0] == bool(acting)]
        alone = played(MemoryStore(), mine, names)
        assert together[acting] == alone[acting]
        assert not alone[1 - acting][0][1:]  # type: ignore[index]


CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
STORIES = st.lists(STEPS, min_size=2, max_size=40)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=CHECKS)
@given(story=STORIES)
def test_two_tenants_in_memory(story: list[Step]) -> None:
    """In one store, under the same names, ids and keys."""
    check(MemoryStore(), story)


@pytest.mark.slow
@settings(max_examples=30, suppress_health_check=CHECKS)
@given(story=STORIES)
def test_two_tenants_in_a_file(story: list[Step]) -> None:
    """In one SQLite database."""
    with contextlib.closing(SqliteStore(":memory:")) as store:
        check(store, story)


@pytest.mark.slow
@pytest.mark.parametrize("row_security", [False, True])
@settings(max_examples=6, suppress_health_check=CHECKS)
@given(story=STORIES)
def test_two_tenants_on_a_server(lent: Callable[[str], str], story: list[Step], *, row_security: bool) -> None:
    """In one schema, with those of every other story."""
    with contextlib.closing(PostgresStore(lent(""), durability="relaxed", row_security=row_security)) as store:
        check(store, story)


def test_a_store_that_mixes_tenants_up_is_caught() -> None:
    """By this very test."""

    class Mixed(MemoryStore):
        def for_tenant(self, tenant: str) -> Self:
            """The same for everybody."""
            return super().for_tenant("everybody")

    story: list[Step] = [(False, "add staff", 0, 0), (True, "look", 1, 0)]
    check(MemoryStore(), story)
    with pytest.raises(AssertionError):
        check(Mixed(), story)
