"""The borders: every place where inputs of strangers come in, with examples of what should."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import attrs

from crmcore.crm import CRM
from crmcore.kernel.custom_field import FIELD_TYPES
from crmcore.kernel.money import Money
from crmcore.kernel.ports import Key, Moment
from crmcore.kernel.records import Kind, kind_of
from crmcore.kernel.values import Border as Reading, read
from crmcore.kernel.where import F, ago, from_data, to_data
from crmcore.people import Contact
from crmcore.playbook import Playbook
from crmcore.sales import Opportunity
from crmcore.stores.codec import decode, decode_sets, encode, encode_sets
from crmcore.testing.clock import CountingIds, TickingClock
from crmcore.testing.exam.canary import CANARY
from crmcore.testing.exam.guard import Guard, GuardedStore
from crmcore.testing.exam.mutation import mutated_data, mutated_text

__all__ = ["Border", "World", "borders"]

CUSTOM = {f"a_{type}": type for type in FIELD_TYPES}
ROWS = 20
"""So many rows are loaded at once."""
NOBODY = "nobody is there"


@attrs.frozen
class Border:
    """A place where inputs come in.

    Attributes:
        name: What they are.
        share: How many of a thousand readings are here.
        examples: Inputs as they should be.
        mutated: Makes one of them into what somebody might send.
        read: Takes one in.
        inputs: How many inputs there are in one reading.
    """

    name: str
    share: int
    examples: Sequence[Any]
    mutated: Callable[[Random, Any], Any]
    read: Callable[[Any], object]
    inputs: int = 1


@attrs.frozen
class World:
    """A small business that inputs are for.

    Attributes:
        crm: The business.
        store: Its store.
        folder: Where files may be.
        guard: The guard over its file.
    """

    crm: CRM
    store: GuardedStore
    folder: Path
    guard: Guard

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path) -> Iterator[World]:
        """A business with a few records of some kinds.

        Args:
            folder: Where its file is.
        """
        clock = TickingClock("2026-11-02T09:00Z", timedelta(minutes=1))
        playbook = Playbook(currency="EUR", custom={"opportunity": CUSTOM, "contact": CUSTOM})
        store = GuardedStore(str(folder / "crm.db"))
        with CRM(store, playbook=playbook, clock=clock, new_id=CountingIds()) as crm:
            acme = crm.accounts.add(name="Acme")
            for number in range(8):
                name = f"Roof {number}"
                custom = {"a_text": f"t{number}", "a_integer": number}
                crm.opportunities.add(name=name, account=acme.id, amount=number * 1_000, custom=custom)
                crm.contacts.add(name=f"{CANARY} {number}", account=acme.id, email=f"a{number}@engines.example")
            yield cls(crm, store, folder, store.guarded())


def borders(world: World) -> tuple[Border, ...]:
    """Every border of a business.

    Args:
        world: The business.
    """
    return (*_stored(world), *_asked(world), *_said(world), *_pointed(world), *_opened(world))


# --- what stores hold -------------------------------------------------------------------------------------------------


def _stored(world: World) -> Iterator[Border]:
    """Bodies and changes, as somebody may have altered them."""
    kinds: tuple[Kind[Any], ...] = (kind_of(Contact), kind_of(Opportunity))
    records = [(kind, record) for kind in kinds for record in world.crm.desk(kind.cls).find(limit=2)]
    changes = [(kind, change) for kind, one in records for change in world.crm.history(one)]
    bodies = [(kind, encode(kind, record)) for kind, record in records]
    sets = [(kind, encode_sets(kind, change.sets)) for kind, change in changes]
    yield Border("bodies", 200, bodies, _altered, lambda one: decode(one[0], "x", 1, one[1]))
    yield Border("changes", 100, sets, _altered, lambda one: decode_sets(*one))


def _altered(chance: Random, stored: tuple[Kind[Any], str]) -> tuple[Kind[Any], str]:
    """A text altered value by value, or letter by letter."""
    kind, text = stored
    if chance.random() < 0.5:
        with contextlib.suppress(ValueError, RecursionError):  # what JSON can't hold
            return kind, json.dumps(mutated_data(chance, json.loads(text)), ensure_ascii=False, default=str)
    return kind, mutated_text(chance, text)


# --- what is asked ----------------------------------------------------------------------------------------------------


def _asked(world: World) -> Iterator[Border]:
    """Filters, sort orders, questions."""
    deals, crm = world.crm.opportunities, world.crm
    filters = (
        (F.amount >= 1_000) & (F.stage == "open") & ~(F.close_on < "2026-12-01"),
        F.custom.a_text.is_in(["t1", "t2"]) | F.custom.a_money.between(Money(1, "EUR"), Money(5, "EUR")),
        F.name.contains("oof") & F.tags.contains("vip") & F.custom.a_texts.is_set,
        (F.created_at > ago(days=3)) & (F.probability <= 0.5) & (F.custom.a_instant < datetime(2026, 1, 1, tzinfo=UTC)),
    )
    yield Border(
        "filters", 150, [to_data(one) for one in filters], mutated_data, lambda data: deals.find(from_data(data))
    )
    built = [[name, "==", value] for name, value in (("name", "x"), ("amount", 5), ("close_on", "2026-12-01"))]
    yield Border("built filters", 100, built, mutated_data, lambda parts: deals.find(_built(parts)))
    yield Border("custom names", 60, [*CUSTOM], mutated_text, lambda name: deals.find(F.custom[name] == "t1"))
    orders = [{"order_by": "-amount", "limit": 5, "deleted": False}]
    yield Border("orders", 40, orders, mutated_data, lambda given: deals.find(None, **_known(given)))
    yield Border("questions", 30, ["roof 3", "a3@engines.example", "+44 20 7946 0018"], mutated_text, crm.search)


def _built(parts: Any) -> Any:  # noqa: ANN401 - anything
    """A filter as a program builds it."""
    name, operator, value = [*parts, "name", "==", "x"][:3] if isinstance(parts, list) else (parts, "in", parts)
    match operator:
        case "==":
            return F[name] == value
        case "in":
            return F[name].is_in(value) | F.custom[name].contains(value)
        case _:
            return ~(F[name] > value) & F[name].is_set


def _known(given: Any) -> dict[str, Any]:  # noqa: ANN401 - anything
    """The arguments that there are."""
    return {name: value for name, value in _named(given).items() if name in {"order_by", "limit", "deleted"}}


def _named(given: Any) -> dict[str, Any]:  # noqa: ANN401 - anything
    """Arguments by name."""
    return {str(name): value for name, value in given.items()} if isinstance(given, dict) else {"custom": given}


# --- what is said -----------------------------------------------------------------------------------------------------


def _said(world: World) -> Iterator[Border]:
    """Fields, cells of tables, playbooks."""
    playbook = world.crm.playbook
    reading = Reading(currency="EUR", zone="UTC", custom=playbook.custom["contact"])
    deal = {"name": "Roof", "amount": "12.50", "close_on": "2026-12-01", "custom": {"a_text": "x", "a_decimal": "0.5"}}
    person = {
        "name": CANARY,
        "email": "ada@engines.example",
        "emails": {"work": CANARY},
        "addresses": {"home": {"street": CANARY, "city": CANARY}},
        "custom": {"a_date": "2026-12-01", "a_texts": ["x"], "a_boolean": True},
    }
    said = [(kind_of(Opportunity), deal), (kind_of(Contact), person)]
    yield Border(
        "fields",
        120,
        said,
        lambda chance, one: (one[0], mutated_data(chance, one[1])),
        lambda one: read(one[0], _named(one[1]), border=reading, new=True),
    )
    row = {"id": "1", "name": "Roof", "amount": "1,200.50", "close_on": "2026-12-01", "custom.a_decimal": "0.5"}
    yield Border("cells", 2, [row], _table, partial(_loaded, world), ROWS * len(row))
    yield Border(
        "files", 2, [",".join(row) + "\n" + ",".join(map(repr, row.values()))], _text_of, partial(_filed, world)
    )
    yield Border("playbooks", 3, [playbook.to_data()], mutated_data, Playbook.from_data)
    named = [{"opportunity": {name: type}} for name, type in CUSTOM.items()]
    yield Border("custom fields", 10, named, mutated_data, lambda custom: Playbook(custom=custom))


def _table(chance: Random, row: dict[str, str]) -> list[dict[str, object]]:
    """Rows of which every cell is one that somebody might send."""
    return [{name: _cell(chance, text) for name, text in row.items()} for _ in range(ROWS)]


def _cell(chance: Random, text: str) -> object:
    return mutated_text(chance, text) if chance.random() < 0.9 else mutated_data(chance, text)


def _loaded(world: World, rows: list[dict[str, object]]) -> object:
    return str(world.crm.opportunities.load(rows, key="id", dry_run=True).rejections)


def _text_of(chance: Random, text: str) -> bytes:
    return mutated_text(chance, text).encode("utf-8", chance.choice(["surrogatepass", "ignore"]))


def _filed(world: World, content: bytes | str) -> object:
    path = world.folder / "rows.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(world.crm.opportunities.load(path, key="id", dry_run=True).rejections)


# --- what points somewhere --------------------------------------------------------------------------------------------


def _pointed(world: World) -> Iterator[Border]:
    """Cursors, cuts, keys, ids, times."""
    crm, store = world.crm, world.crm.store
    deals, kind = crm.opportunities, kind_of(Opportunity)
    pages = [deals.find(limit=3).next, deals.find(limit=3, order_by="-amount").next]
    ids = [deal.id for deal in deals.find(limit=2)]
    cut = store.last()[0]
    yield Border("cursors", 50, pages, mutated_text, lambda text: deals.find(limit=3, order_by="-amount", after=text))
    yield Border("feed cursors", 20, [crm.feed(limit=3).next], mutated_text, lambda text: crm.feed(after=text))
    yield Border("cuts", 20, [cut], mutated_text, lambda text: store.get(kind, ids, Moment(None, text)))
    yield Border(
        "stretches", 20, [store.stretch(limit=3).cursor], mutated_text, lambda text: store.stretch(text, limit=3)
    )
    request = {"name": "Roof", "amount": Money(5, "EUR"), "tags": ["a", 1]}
    yield Border("keys", 20, ["order 17"], mutated_text, lambda text: crm.given(key=text))
    yield Border("kept keys", 10, ["order 17"], mutated_text, lambda text: store.kept(Key(text, "")))
    yield Border("requests", 20, [request], mutated_data, lambda asked: Key.of("order 17", asked))
    yield Border("ids", 20, ids, mutated_text, crm.history)
    yield Border("references", 10, ids, mutated_text, lambda text: deals.find(F.account == text))
    yield Border("external ids", 10, ids, mutated_text, lambda text: deals.external(text, text))
    times = ["2026-11-02T10:00+01:00", "2026-11-02"]
    yield Border("times", 15, times, mutated_text, lambda text: crm.given(at=text))
    yield Border("times of views", 15, times, mutated_text, lambda text: crm.as_of(text, known=text))
    tenants = ["acme"]
    yield Border("tenants", 10, tenants, mutated_text, lambda text: crm.given(tenant=text, by=text, reason=text))


# --- what is opened ---------------------------------------------------------------------------------------------------


def _opened(world: World) -> Iterator[Border]:
    """Addresses and paths."""
    address = "postgresql://ana:secret@db.example:5432/crm?sslmode=require&options=-csearch_path%3Dcrm"
    yield Border("addresses", 10, [address], mutated_text, _reached)
    yield Border("paths", 1, ["crm.db"], mutated_text, partial(_at_path, world))


def _reached(address: str) -> object:
    """A store at an address, where nobody answers; what is none is not taken for the path of a file."""
    with nobody_there():
        return CRM(address if "://" in address else f"postgresql://{address}")


def _at_path(world: World, name: str) -> None:
    """A new file, in a folder of its own."""
    folder = world.folder / "new"
    folder.mkdir(exist_ok=True)
    try:
        with CRM(f"{folder}/{name.replace('/', '_')}"):
            pass
    finally:
        for left in folder.iterdir():
            left.unlink()


@contextlib.contextmanager
def nobody_there() -> Iterator[None]:
    """The driver of PostgreSQL, but no server answers it."""
    known = import_module("psycopg") if find_spec("psycopg") else None
    if known is None:
        yield
        return

    def connect(**_: object) -> None:
        raise known.OperationalError(NOBODY)

    sys.modules["psycopg"] = SimpleNamespace(Error=known.Error, conninfo=known.conninfo, connect=connect)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules["psycopg"] = known
