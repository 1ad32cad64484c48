"""Records and changes to try a store with: two small kinds that hold every type of value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.fields import field, part
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.money import Money
from crmcore.kernel.page import Page, Query, query
from crmcore.kernel.ports import NOW, Commit, Key, Moment, Store
from crmcore.kernel.records import Kind, R, Record, kind_of, record
from crmcore.kernel.where import Filter, checked
from crmcore.testing.clock import CountingIds, TickingClock

__all__ = [
    "BOX",
    "KINDS",
    "PARCEL",
    "Box",
    "Parcel",
    "Pen",
    "Place",
    "added",
    "asked",
    "changed",
    "holder",
    "hour",
    "walked",
]

START = datetime(2026, 1, 1, tzinfo=UTC)


@part
class Place:
    """A part with a field of most types."""

    town: str = field()
    since: date | None = field(default=None)
    fee: Money | None = field(default=None)
    share: Decimal | None = field(default=None)
    host: str | None = field(default=None, personal=True)


@record("parcel")
class Parcel(Record):
    """A kind with a field of every type, most of them keys."""

    label: str = field(key=True, searchable=True)
    code: str | None = field(default=None, key=True, unique=True)
    number: int | None = field(default=None, unique=True)
    note: str | None = field(default=None, personal=True)
    status: str = field(default="new")
    pieces: int | None = field(default=None, key=True)
    weight: Decimal | None = field(default=None, key=True, scale=3)
    price: Money | None = field(default=None, key=True)
    fragile: bool | None = field(default=None, key=True)
    due_on: date | None = field(default=None, key=True)
    sent_at: datetime | None = field(default=None, key=True)
    marks: tuple[str, ...] = field(default=(), searchable=True)
    phones: Mapping[str, str] = field(default=EMPTY, personal=True, searchable=True)
    to: Place | None = field(default=None, personal=True)
    stops: tuple[Place, ...] = field(default=())
    depots: Mapping[str, Place] = field(default=EMPTY)


@record("box", plural="boxes")
class Box(Record):
    """A kind without keys."""

    label: str = field(searchable=True)
    code: str | None = field(default=None, unique=True)


PARCEL, BOX = kind_of(Parcel), kind_of(Box)
KINDS: dict[str, Kind[Any]] = {PARCEL.name: PARCEL, BOX.name: BOX}


def hour(number: int) -> datetime:
    """An instant: so many hours after the first one."""
    return START + timedelta(hours=number)


def added(cls: type[Record], id: str, at: int = 0, **sets: Any) -> Change[Any]:  # noqa: ANN401 - any field's value
    """The change that makes a record."""
    return Change(kind=kind_of(cls).name, id=id, version=1, what="added", sets=sets, at=hour(at))


def changed(record: Record, at: int = 0, *, step: int = 1, what: str = "changed", **sets: Any) -> Change[Any]:  # noqa: ANN401
    """The next change of a record; with another step, one that does not follow."""
    kind = kind_of(type(record)).name
    return Change(kind=kind, id=record.id, version=record.version + step, what=what, sets=sets, at=hour(at))


def asked(cls: type[Record], where: Filter | None = None, **rest: Any) -> Query:  # noqa: ANN401 - the arguments of query
    """A question, its filter checked against the kind."""
    kind = kind_of(cls)
    types = {**kind.types, "custom.region": "text", "external.shop": "text"}
    ready = None if where is None else checked(where, types, currency="EUR", at=START, zone="UTC")
    return query(kind, ready, **rest)


@attrs.define
class Pen:
    """Writes into a store, telling it time and ids.

    Attributes:
        store: The store.
        clock: When commits are recorded.
        ids: The ids of commits.
        cuts: The cut of the log after each commit.
    """

    store: Store
    clock: TickingClock = attrs.field(factory=lambda: TickingClock(hour(100), timedelta(hours=1)))
    ids: CountingIds = attrs.field(factory=CountingIds)
    cuts: list[str] = attrs.field(factory=list)

    def commit(self, *changes: Change[Any], key: Key | None = None, playbook: str = "") -> Commit:
        """Commit changes."""
        told: dict[str, Any] = {"recorded_at": self.clock(), "key": key, "playbook": playbook}
        return self._marked(self.store.commit(changes, id=self.ids("commit"), **told))

    def _marked(self, done: Commit) -> Commit:
        """A commit, once the cut after it is remembered."""
        self.cuts.append(self.store.last()[0])
        return done

    def add(self, id: str, at: int = 0, **sets: Any) -> Parcel:  # noqa: ANN401 - any field's value
        """Add a parcel."""
        return cast("Parcel", self.one(added(Parcel, id, at, **{"label": id, **sets})))

    def change(self, record: R, at: int = 0, **sets: Any) -> R:  # noqa: ANN401 - any field's value
        """Change a record."""
        return cast("R", self.one(changed(record, at, **sets)))

    def one(self, change: Change[Any]) -> Any:  # noqa: ANN401 - a record of the change's kind
        """Commit one change, and give back the record."""
        return self.commit(change).records[0]

    def erase(self, record: Record, at: int = 50, reason: str | None = None, **left: Any) -> Commit:  # noqa: ANN401
        """Erase values of a record."""
        return self.erase_all(attrs.evolve(changed(record, at, what="erased", **left), reason=reason))

    def erase_all(self, *erasures: Change[Any], **rest: Any) -> Commit:  # noqa: ANN401 - the arguments of Store.erase
        """Erase values of several records."""
        return self._marked(self.store.erase(erasures, id=self.ids("commit"), recorded_at=self.clock(), **rest))

    def now(self, record: R, moment: Moment = NOW) -> R:
        """A record as the store has it."""
        return self.store.get(kind_of(type(record)), [record.id], moment)[record.id]

    def find(self, where: Filter | None = None, moment: Moment = NOW, **rest: Any) -> Page[Parcel]:  # noqa: ANN401
        """One page of parcels."""
        return self.store.find(PARCEL, asked(Parcel, where, **rest), moment)


def holder(store: Store, kind: Kind[Any], field: str, value: str, *, deleted: bool = False) -> str | None:
    """The id of the record that has a unique value."""
    return store.holders(kind, field, [value], deleted=deleted).get(value)


def walked(pen: Pen, where: Filter | None = None, moment: Moment = NOW, *, limit: int, **rest: Any) -> list[Parcel]:  # noqa: ANN401
    """Every record of an answer, page after page."""
    page = pen.find(where, moment, limit=limit, **rest)
    found = list(page)
    while page.next is not None:
        assert len(page) == limit
        assert len(found) < 1_000, "the pages never end"
        page = pen.find(where, moment, limit=limit, **{**rest, "after": page.next})
        found += page
    return found
