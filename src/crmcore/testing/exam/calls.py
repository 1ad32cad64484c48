"""Every method of the store port, called as it should be: what faults are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import attrs

from crmcore.kernel.fields import field
from crmcore.kernel.ports import Key, Moment, Purge, Store
from crmcore.kernel.records import Record, kind_of, record
from crmcore.kernel.where import F
from crmcore.testing.exam.canary import CANARY
from crmcore.testing.specimens import KINDS, PARCEL, Box, Parcel, Pen, Place, added, asked, changed, hour

__all__ = ["CALLS", "Call", "Called", "every_call", "fill", "methods", "without_call"]

Call = Callable[[Pen], object]
"""Uses a store; of what it gives, only what is the same on every store."""

IDS = [f"p{number:02}" for number in range(12)]
KEY = Key("kept", "what was asked")
SECRET = b"s" * 32
LARGE = 20
"""So many records of a page each are sure to need room."""


@record("crate")
class Crate(Record):
    """A kind that a store has not seen yet."""

    label: str = field(key=True, searchable=True)


def fill(store: Store) -> None:
    """Give a store parcels of three versions, the last one late, one of them merged, and a box under a key.

    Every personal field holds the canary.

    Args:
        store: An empty store, prepared for the specimens.
    """
    pen, whose = Pen(store), Place(town=CANARY, since=date(1990, 1, 1))
    personal: dict[str, Any] = {"note": f"{CANARY} {'x' * 300}", "phones.home": CANARY, "to": whose}
    pen.commit(*(added(Parcel, id, label=id, code=f"code {id}", marks=(id,), **personal) for id in IDS))
    pen.commit(*(changed(_parcel(id, 1), 10, pieces=1, label="later") for id in IDS))
    pen.commit(*(changed(_parcel(id, 2), 5, pieces=2, status="late") for id in IDS))
    pen.commit(changed(_parcel(IDS[-1], 3), 11, merged_into=IDS[-2]))
    pen.commit(added(Box, "b", label="box"), key=KEY)
    store.move_cursor("erp", was="", now="begun")


def _parcel(id: str, version: int) -> Parcel:
    return Parcel(id=id, version=version, label="")


def _added(pen: Pen) -> object:
    large = [added(Parcel, f"n{number}", label="new", note=f"{CANARY} {'y' * 2_000}") for number in range(LARGE)]
    return pen.commit(*large).records


def _changed(pen: Pen) -> object:
    changes = [changed(_parcel("p01", 3), 12, code="z", note=CANARY), changed(_parcel("p02", 3), 6, code="zz")]
    return pen.commit(*changes, key=Key("new", "what is asked")).records


def _grounded(pen: Pen) -> object:
    ground = {(PARCEL.name, "p04"): 3, (PARCEL.name, "nobody"): 0}
    done = pen.store.commit(
        [changed(_parcel("p03", 3), 12, pieces=9)],
        id=pen.ids("commit"),
        recorded_at=pen.clock(),
        unmoved=ground,
        end=pen.store.last()[0],
    )
    return done.records


def _erased(pen: Pen) -> object:
    left: dict[str, Any] = {"note": None, "to": None, "phones.home": None}
    return pen.erase(_parcel("p05", 3), **left).records


def _moved(pen: Pen) -> None:
    pen.store.move_cursor("erp", was=pen.store.cursors()["erp"], now="moved")


def _known(pen: Pen) -> Moment:
    return Moment(hour(7), pen.store.cut(hour(102)))


CALLS: Mapping[str, tuple[Call, ...]] = {
    "tenant": (lambda pen: pen.store.tenant,),
    "for_tenant": (lambda pen: pen.store.for_tenant("other").get(PARCEL, IDS),),
    "prepare": (lambda pen: pen.store.prepare(KINDS.values()), lambda pen: pen.store.prepare([kind_of(Crate)])),
    "get": (
        lambda pen: pen.store.get(PARCEL, IDS),
        lambda pen: pen.store.get(PARCEL, IDS, Moment(hour(7))),
        lambda pen: pen.store.get(PARCEL, IDS, _known(pen)),
    ),
    "find": (
        lambda pen: pen.find(F.pieces > 1, order_by="-pieces", limit=5),
        lambda pen: pen.find(F.marks.contains("p03") | F.label.contains("LAT")),
        lambda pen: pen.find(F.label > "a", Moment(hour(7))),
    ),
    "count": (
        lambda pen: pen.store.count(PARCEL, asked(Parcel, F.label > "a")),
        lambda pen: pen.store.count(PARCEL, asked(Parcel, F.marks.contains("p03")), Moment(hour(7))),
    ),
    "commit": (_added, _changed, _grounded),
    "kept": (lambda pen: pen.store.kept(KEY), lambda pen: pen.store.kept(Key("nobody's", ""))),
    "changes": (
        lambda pen: pen.store.changes(),
        lambda pen: pen.store.changes(kind=PARCEL.name, id="p01"),
        lambda pen: pen.store.changes(after=pen.store.last()[0]),
    ),
    "stretch": (lambda pen: pen.store.stretch(limit=100).changes,),
    "tip": (lambda pen: pen.store.stretch(pen.store.tip(), limit=100).changes,),
    "cursors": (lambda pen: [*pen.store.cursors()],),
    "move_cursor": (_moved,),
    "holders": (lambda pen: pen.store.holders(PARCEL, "code", ["code p01", "nobody's"]),),
    "search": (lambda pen: pen.store.search([PARCEL], ["p0"], limit=5),),
    "aliases": (lambda pen: pen.store.aliases(IDS[-2]),),
    "last": (lambda pen: pen.store.last(),),
    "cut": (lambda pen: pen.store.cut(hour(101)),),
    "erase": (_erased,),
    "purge": (lambda pen: isinstance(pen.store.purge(), Purge),),
    "secret": (lambda pen: pen.store.secret(), lambda pen: pen.store.secret(SECRET)),
    "check": (lambda pen: pen.store.check(),),
    "close": (lambda pen: pen.store.close(),),
}
"""Calls of every method, by its name."""


@attrs.frozen
class Called:
    """A call with its name.

    Attributes:
        method: The method of the port.
        call: The call.
    """

    method: str
    call: Call


def methods() -> tuple[str, ...]:
    """The names of everything the store port has, in its order."""
    bases = (base for base in Store.__mro__ if base.__module__.startswith("crmcore"))
    return tuple(dict.fromkeys(name for base in bases for name in vars(base) if not name.startswith("_")))


def without_call() -> list[str]:
    """What the port has and nobody calls here: one sentence each."""
    return [f"Store.{name} is tried under no fault: give it a call" for name in methods() if name not in CALLS]


def every_call() -> tuple[Called, ...]:
    """Every call of what the port has."""
    return tuple(Called(name, call) for name in methods() for call in CALLS.get(name, ()))
