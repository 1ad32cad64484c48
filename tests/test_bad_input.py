"""Junk in place of every argument of everything that can be done: only errors of ours come out, and nothing is written.

One law, told once: ``test_junk_is_refused`` walks over every desk and every public method of it, and of the CRM,
calls it as it should be called, then with each argument replaced by each piece of junk, missing, or unknown.
"""

from __future__ import annotations

import collections
import contextlib
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest

from crmcore import CRM, CrmError, F, Invalid, Money, Playbook
from crmcore.desks import Desks, Opened
from crmcore.kernel import Desk, kind_of
from crmcore.kernel.custom_field import FIELD_TYPES
from crmcore.kernel.records import Field, Kind, Record, part_of
from crmcore.stores.memory import MemoryStore
from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import CountingIds, TickingClock

SECRET = "SECRET"
"""What every personal field holds, and no message may show."""

DESKS = {name: opened for name, opened in vars(Desks).items() if isinstance(opened, Opened)}
CUSTOM = {f"a_{type}": type for type in FIELD_TYPES}
PLAYBOOK = Playbook(currency="EUR", zone="Europe/Berlin", custom={kind_of(o.cls).name: CUSTOM for o in DESKS.values()})

# --- a business with one of everything --------------------------------------------------------------------------------


@attrs.define
class World:
    """A business, and what calls are made with."""

    crm: CRM
    count: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))

    def new(self, plural: str) -> Any:
        """A new record, every personal field filled."""
        return getattr(self.crm, plural).add(**ADDED[plural](self))

    def name(self, word: str) -> str:
        """A name nobody else has."""
        return f"{word} {next(self.count)}"

    def gone(self, plural: str) -> Any:
        """A deleted record."""
        return getattr(self.crm, plural).delete(self.new(plural))

    def stale(self, plural: str) -> Any:
        """A record as it was before somebody changed it."""
        old = self.new(plural)
        self.crm.tags.put("seen", old)
        return old

    def stranger(self, plural: str) -> Any:
        """A record of another tenant."""
        return World(self.crm.given(tenant="other"), self.count).new(plural)

    def lead(self) -> Any:
        """A lead that was qualified."""
        return self.crm.leads.qualify(self.new("leads"))

    def customer(self) -> Any:
        """A contact with an account."""
        return self.crm.contacts.add(**PERSON, account=self.new("accounts"))

    def lost(self) -> Any:
        """A deal that was lost."""
        return self.crm.opportunities.lose(self.new("opportunities"), reason="price")


PERSON: dict[str, Any] = {
    "name": f"{SECRET} Lovelace",
    "given_name": SECRET,
    "family_name": SECRET,
    "job_title": SECRET,
    "email": f"{SECRET}@engines.example",
    "phone": f"{SECRET} 020 7946 0018",
    "emails": {"work": f"{SECRET}@work.example"},
    "phones": {"work": f"{SECRET} 020 7946 0019"},
    "addresses": {"home": {"street": SECRET, "city": SECRET}},
}

ADDED: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts": lambda w: {"name": "Acme"},
    "affiliations": lambda w: {"contact": w.new("contacts"), "account": w.new("accounts")},
    "contacts": lambda w: PERSON,
    "leads": lambda w: {**PERSON, "company": "Engines"},
    "notes": lambda w: {"record": w.new("accounts"), "text": SECRET},
    "opportunities": lambda w: {"name": "Roof", "amount": 100},
    "orders": lambda w: {"customer": w.new("accounts"), "ordered_on": "2026-01-05", "lines": [{"price": 5}]},
    "products": lambda w: {"name": "Rope"},
    "staff": lambda w: {"name": SECRET, "email": f"{SECRET}{next(w.count)}@acme.example"},
    "subscriptions": lambda w: {"customer": w.new("accounts"), "amount": 10, "started_on": "2026-01-05"},
    "tags": lambda w: {"name": w.name("tag")},
    "touchpoints": lambda w: {"record": w.new("accounts"), "channel": "phone", "summary": SECRET},
}

CALLS: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts.ancestors": lambda w: {"account": w.new("accounts")},
    "accounts.children": lambda w: {"account": w.new("accounts")},
    "accounts.subtree": lambda w: {"account": w.new("accounts")},
    "affiliations.end": lambda w: {"affiliation": w.new("affiliations")},
    "affiliations.of": lambda w: {"contact": w.customer()},
    "contacts.affiliate": lambda w: {"contact": w.new("contacts"), "account": w.new("accounts")},
    "contacts.consent": lambda w: {"contact": w.new("contacts"), "channel": "email", "granted": True},
    "contacts.leave": lambda w: (lambda one: {"contact": one, "account": one.account})(w.customer()),
    "contacts.make_primary": lambda w: (lambda one: {"contact": one, "account": one.account})(w.customer()),
    "contacts.of": lambda w: {"account": w.new("accounts")},
    "leads.capture": lambda w: ADDED["leads"](w),
    "leads.consent": lambda w: {"lead": w.new("leads"), "channel": "email", "granted": True},
    "leads.convert": lambda w: {"lead": w.lead()},
    "leads.disqualify": lambda w: {"lead": w.lead(), "reason": "no money"},
    "leads.qualify": lambda w: {"lead": w.new("leads")},
    "leads.recycle": lambda w: {"lead": w.lead()},
    "leads.revert_conversion": lambda w: {"lead": (lambda one: (w.crm.leads.convert(one), one.id)[1])(w.lead())},
    "leads.unmapped": lambda w: {"lead": w.new("leads")},
    "leads.work": lambda w: {"lead": w.new("leads")},
    "notes.of": lambda w: {"record": w.new("accounts")},
    "opportunities.advance": lambda w: {"deal": w.new("opportunities"), "to": "proposal"},
    "opportunities.amend": lambda w: {"deal": w.lost(), "amount": 5},
    "opportunities.import_deal": lambda w: {"name": "Roof"},
    "opportunities.lose": lambda w: {"deal": w.new("opportunities"), "reason": "price"},
    "opportunities.reopen": lambda w: {"deal": w.lost()},
    "opportunities.win": lambda w: {"deal": w.new("opportunities")},
    "orders.of": lambda w: {"customer": w.new("accounts")},
    "subscriptions.end": lambda w: {"subscription": w.new("subscriptions")},
    "subscriptions.of": lambda w: {"customer": w.new("accounts")},
    "subscriptions.reinstate": lambda w: {"subscription": w.crm.subscriptions.end(w.new("subscriptions"))},
    "subscriptions.renew": lambda w: {"subscription": w.new("subscriptions"), "until": "2027-01-05"},
    "subscriptions.reprice": lambda w: {"subscription": w.new("subscriptions"), "amount": 11},
    "subscriptions.start": lambda w: ADDED["subscriptions"](w),
    "tags.ids": lambda w: {"tag": w.new("tags")},
    "tags.merge": lambda w: {"tag": w.new("tags"), "into": w.new("tags")},
    "tags.named": lambda w: {"tag": w.new("tags")},
    "tags.of": lambda w: {"record": w.new("accounts")},
    "tags.put": lambda w: {"tag": w.name("tag"), "record": w.new("accounts")},
    "tags.rename": lambda w: {"tag": w.new("tags"), "name": w.name("tag")},
    "tags.take": lambda w: {"tag": w.new("tags"), "record": w.new("accounts")},
    "tags.uses": lambda w: {"tag": w.new("tags")},
    "touchpoints.log": lambda w: ADDED["touchpoints"](w),
    "touchpoints.of": lambda w: {"record": w.new("accounts")},
    "crm.adopt": lambda w: {"playbook": PLAYBOOK},
    "crm.as_of": lambda w: {},
    "crm.batch": lambda w: {},
    "crm.commit": lambda w: {"changes": w.crm.accounts.propose(_rename, w.new("accounts"))},
    "crm.desk": lambda w: {"cls": kind_of(DESKS["accounts"].cls).cls},
    "crm.feed": lambda w: {},
    "crm.given": lambda w: {},
    "crm.history": lambda w: {"record": w.new("contacts")},
    "crm.provenance": lambda w: {"record": w.new("contacts")},
    "crm.search": lambda w: {"text": SECRET},
    "crm.suppose": lambda w: {},
    "crm.undo": lambda w: {"commit": w.crm.history(w.new("contacts"))[-1].commit},
    "crm.verify": lambda w: {},
}
"""A valid call of every method that not every desk has."""

GENERAL: dict[str, Callable[[World, str], dict[str, Any]]] = {
    "add": lambda w, plural: ADDED[plural](w),
    "count": lambda w, plural: {},
    "delete": lambda w, plural: {"record": w.new(plural)},
    "each": lambda w, plural: {},
    "exists": lambda w, plural: {},
    "external": lambda w, plural: {"system": "shop", "id": "1"},
    "find": lambda w, plural: {},
    "first": lambda w, plural: {},
    "get": lambda w, plural: {"id": w.new(plural).id},
    "history": lambda w, plural: {"record": w.new(plural)},
    "load": lambda w, plural: {"rows": [{"id": str(next(w.count)), **_row(ADDED[plural](w))}], "key": "id"},
    "restore": lambda w, plural: {"record": w.gone(plural)},
    "update": lambda w, plural: {"record": w.new(plural)},
    "upsert": lambda w, plural: {"external": ("shop", str(next(w.count))), **_row(ADDED[plural](w))},
}
"""A valid call of every method that every desk has."""

INNER = frozenset(
    "along backdated border check_update checked close commit context conversion converted_into differing ground joins "
    "key kinds linked opening originate perform propose ready resolved revise rows stated"
)
"""What only the parts of crmcore call of each other, or what takes no argument."""


def _rename(record: Any, context: Any) -> Any:
    return context.changed(record, "renamed", name="Other")


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with ids instead of records."""
    return {name: one.id if isinstance(one, Record) else one for name, one in fields.items()}


# --- junk -------------------------------------------------------------------------------------------------------------


class Hostile:
    """Refuses whatever is asked of it."""

    def _refuse(self, *_: object) -> NoReturn:
        message = "hands off"
        raise RuntimeError(message)

    __repr__ = __str__ = __bool__ = __eq__ = __hash__ = __len__ = _refuse  # type: ignore[assignment]


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def _circular() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["a"] = found
    return found


PLAIN: dict[str, Callable[[str], object]] = {
    "none": lambda m: None,
    "ellipsis": lambda m: ...,
    "not implemented": lambda m: NotImplemented,
    "empty": lambda m: "",
    "blank": lambda m: " ",
    "text": lambda m: f"{m}nobody knows",
    "nul": lambda m: f"{m}\x00",
    "surrogate": lambda m: f"{m}\ud800",
    "long": lambda m: m + "x" * 200_001,
    "seven": lambda m: 7,
    "minus one": lambda m: -1,
    "huge": lambda m: 2**70,
    "enormous": lambda m: 10**5000,
    "float": lambda m: 1.5,
    "nan": lambda m: float("nan"),
    "infinity": lambda m: float("inf"),
    "decimal nan": lambda m: Decimal("NaN"),
    "signalling nan": lambda m: Decimal("sNaN"),
    "decimal": lambda m: Decimal("1e999999"),
    "true": lambda m: True,
    "bytes": lambda m: b"x",
    "object": lambda m: object(),
    "list": lambda m: [],
    "dict": lambda m: {},
    "a dict": lambda m: {"a": m + "1"},
    "numbered dict": lambda m: {1: 2},
    "nameless dict": lambda m: {"": m, None: m},
    "nul dict": lambda m: {"a\x00": m},
    "long dict": lambda m: {"a" * 500: m},
    "dotted dict": lambda m: {"a.b": m},
    "a list": lambda m: [m, None],
    "pair": lambda m: (m, m),
    "mixed": lambda m: [object(), 7, b"x", {}],
    "set": lambda m: {m, "b"},
    "iterator": lambda m: iter([m]),
    "class": lambda m: int,
    "record class": lambda m: Record,
    "lambda": lambda m: lambda *_: None,
    "module": lambda m: collections,
    "naive": lambda m: datetime(2026, 1, 5, 12),
    "date": lambda m: date(2026, 1, 5),
    "last date": lambda m: date.max,
    "first date": lambda m: date.min,
    "last instant": lambda m: datetime.max.replace(tzinfo=UTC),
    "first instant": lambda m: datetime.min.replace(tzinfo=UTC),
    "duration": lambda m: timedelta(days=1),
    "other money": lambda m: Money(5, "JPY"),
    "filter": lambda m: F.name == "x",
    "unfit filter": lambda m: (F.nothing > 5) & F.custom.x.is_set,
    "field": lambda m: F.name,
    "hostile": lambda m: Hostile(),
    "nested": lambda m: _nested(5_000),
    "circular": lambda m: _circular(),
    "unknown id": lambda m: "contact_99999",
    "id of no kind": lambda m: "x_1",
    "path": lambda m: Path("nowhere"),
}
"""Junk by name, made of a mark that texts begin with."""

WORLDLY: dict[str, Callable[[World, str], object]] = {
    "account": lambda w, _: w.new("accounts"),
    "contact": lambda w, _: w.new("contacts"),
    "note": lambda w, _: w.new("notes").id,
    "another": lambda w, plural: w.new(plural),
    "deleted": lambda w, plural: w.gone(plural),
    "deleted id": lambda w, plural: w.gone(plural).id,
    "stale": lambda w, plural: w.stale(plural),
    "stranger": lambda w, plural: w.stranger(plural),
    "stranger id": lambda w, plural: w.stranger(plural).id,
}
"""Junk that is made of a business, for a desk."""


# --- every call -------------------------------------------------------------------------------------------------------


def methods() -> Iterator[tuple[str, str]]:
    """Every public method of every desk, and of the CRM."""
    for plural, opened in DESKS.items():
        yield from ((plural, name) for name in _public(opened.desk))
    yield from (("crm", name) for name in _public(CRM))


def _public(cls: type) -> Iterator[str]:
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        if not name.startswith("_") and inspect.isfunction(member) and name not in INNER:
            yield name


METHODS = sorted(methods())


def test_every_method_has_a_valid_call() -> None:
    """And no call is left over of a method that is gone."""
    general = {name for _, name in METHODS if hasattr(Desk, name)}
    special = {f"{plural}.{name}" for plural, name in METHODS if name not in general}
    assert (GENERAL.keys(), CALLS.keys(), ADDED.keys()) == (general, special, DESKS.keys())
