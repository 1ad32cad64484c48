"""Junk in place of every argument of everything that can be done: only errors of ours come out, and nothing is written.

One law, told once: ``test_junk_is_refused`` walks over every desk and every public method of it, and of the CRM,
calls it as it should be called, then with each argument replaced by each piece of junk, missing, or unknown.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial, reduce
from pathlib import Path
from typing import Any, NoReturn, Self

import attrs
import pytest

from crmcore import CRM, CrmError, F, Invalid, Money, NotFound, Pipeline, Playbook, Problem, SalesRules, Stage
from crmcore.desks import Desks, Opened
from crmcore.kernel import Change, Context, Desk, kind_of
from crmcore.kernel.custom_field import FIELD_TYPES
from crmcore.kernel.fields import part_of
from crmcore.kernel.ports import Store
from crmcore.kernel.records import Kind, Record
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
    known: dict[str, object] = attrs.field(factory=dict)

    @classmethod
    def over(cls, store: Store) -> Self:
        """A new business in a store."""
        clock = TickingClock("2026-11-02T09:00Z", timedelta())
        crm = CRM(store, playbook=PLAYBOOK, clock=clock, new_id=CountingIds())
        return cls(crm.given(by="ana", reason="fair"))

    def new(self, plural: str) -> Record:
        """A new record, every personal field filled."""
        return getattr(self.crm, plural).add(**ADDED[plural](self))

    def once(self, name: str, make: Callable[[World, str], object], plural: str) -> object:
        """What is made of it the first time, and kept."""
        if name not in self.known:
            self.known[name] = make(self, plural)
        return self.known[name]

    def name(self, word: str) -> str:
        """A name nobody else has."""
        return f"{word} {next(self.count)}"

    def gone(self, plural: str) -> Record:
        """A deleted record."""
        return getattr(self.crm, plural).delete(self.new(plural))

    def erased(self) -> str:
        """The e-mail address of somebody who was erased."""
        email = f"erased{next(self.count)}@engines.example"
        if self.crm.backdated is None:
            self.crm.erase(self.crm.contacts.add(email=email))
        return email

    def stale(self, plural: str) -> Record:
        """A record as it was before somebody changed it."""
        old = self.new(plural)
        self.crm.tags.put("seen", old)
        return old

    def stranger(self, plural: str) -> Record:
        """A record of another tenant."""
        return World(self.crm.given(tenant="other"), self.count).new(plural)

    def lead(self) -> Record:
        """A lead that was qualified."""
        return self.crm.leads.qualify(self.new("leads"))

    def customer(self) -> Record:
        """A contact with an account."""
        return self.crm.contacts.add(**_person(self), account=self.new("accounts"))

    def homeless(self) -> dict[tuple[str, str], str]:
        """Where a deal goes whose stage is taken away."""
        deal = self.new("opportunities")
        return {(deal.pipeline, deal.stage): "first"}

    def belonging(self) -> dict[str, Any]:
        """A contact and their account."""
        contact = self.customer()
        return {"contact": contact, "account": contact.account}

    def converted(self) -> str:
        """A lead that was converted."""
        lead = self.lead()
        self.crm.leads.convert(lead)
        return lead.id

    def lost(self) -> Record:
        """A deal that was lost."""
        return self.crm.opportunities.lose(self.new("opportunities"), reason="price")


STAGES = [Stage("first"), Stage("won", kind="won"), Stage("lost", kind="lost")]
OTHER = attrs.evolve(PLAYBOOK, sales=SalesRules(pipelines=(Pipeline("new business", STAGES),)))
"""A playbook without the stages that deals are in."""


def _person(world: World) -> dict[str, Any]:
    """Somebody else each time, for who is erased is not taken in again."""
    number = next(world.count)
    return {
        "name": f"{SECRET} Lovelace",
        "given_name": SECRET,
        "family_name": SECRET,
        "job_title": SECRET,
        "email": f"{SECRET}{number}@engines.example",
        "phone": f"{SECRET} 1 {number:09}",
        "emails": {"work": f"{SECRET}{number}@work.example"},
        "phones": {"work": f"{SECRET} 2 {number + 500_000:09}"},
        "addresses": {"home": {"street": SECRET, "city": SECRET}},
    }


ADDED: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts": lambda w: {"name": "Acme"},
    "affiliations": lambda w: {"contact": w.new("contacts"), "account": w.new("accounts")},
    "contacts": _person,
    "leads": lambda w: {**_person(w), "company": "Engines"},
    "notes": lambda w: {"record": w.new("accounts"), "text": SECRET},
    "opportunities": lambda w: {"name": "Roof", "amount": 100},
    "orders": lambda w: {"customer": w.new("accounts"), "ordered_on": "2026-01-05", "lines": [{"price": 5}]},
    "products": lambda w: {"name": "Rope"},
    "staff": lambda w: {"name": SECRET, "email": f"{SECRET}{next(w.count)}@acme.example"},
    "subscriptions": lambda w: {"customer": w.new("accounts"), "amount": 10, "started_on": "2026-01-05"},
    "tags": lambda w: {"name": w.name("tag")},
    "touchpoints": lambda w: {"record": w.new("accounts"), "channel": "phone", "topic": SECRET, "summary": SECRET},
}

CALLS: dict[str, Callable[[World], dict[str, Any]]] = {
    "accounts.ancestors": lambda w: {"account": w.new("accounts")},
    "accounts.children": lambda w: {"account": w.new("accounts")},
    "accounts.subtree": lambda w: {"account": w.new("accounts")},
    "affiliations.end": lambda w: {"affiliation": w.new("affiliations")},
    "affiliations.of": lambda w: {"contact": w.customer()},
    "contacts.affiliate": lambda w: {"contact": w.new("contacts"), "account": w.new("accounts")},
    "contacts.consent": lambda w: {"contact": w.new("contacts"), "channel": "email", "granted": True},
    "contacts.leave": lambda w: w.belonging(),
    "contacts.make_primary": lambda w: w.belonging(),
    "contacts.of": lambda w: {"account": w.new("accounts")},
    "leads.capture": lambda w: ADDED["leads"](w),
    "leads.consent": lambda w: {"lead": w.new("leads"), "channel": "email", "granted": True},
    "leads.convert": lambda w: {"lead": w.lead()},
    "leads.disqualify": lambda w: {"lead": w.lead(), "reason": "no money"},
    "leads.qualify": lambda w: {"lead": w.new("leads")},
    "leads.recycle": lambda w: {"lead": w.lead()},
    "leads.revert_conversion": lambda w: {"lead": w.converted()},
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
    "crm.adopt": lambda w: {"playbook": OTHER, "remap": w.homeless()},
    "crm.as_of": lambda w: {},
    "crm.batch": lambda w: {},
    "crm.changes": lambda w: {},
    "crm.commit": lambda w: {"changes": w.crm.accounts.propose(_rename, w.new("accounts"))},
    "crm.desk": lambda w: {"cls": kind_of(DESKS["accounts"].cls).cls},
    "crm.erase": lambda w: {"record": w.new("notes")},
    "crm.feed": lambda w: {},
    "crm.follow": lambda w: {"consumer": "erp"},
    "crm.given": lambda w: {},
    "crm.history": lambda w: {"record": w.new("contacts")},
    "crm.provenance": lambda w: {"record": w.new("contacts")},
    "crm.purge": lambda w: {},
    "crm.receive": lambda w: {"source": "shop", "message": w.name("message"), "handle": lambda crm: None},
    "crm.search": lambda w: {"text": SECRET},
    "crm.subject": lambda w: {"record": w.new("contacts")},
    "crm.suppose": lambda w: {},
    "crm.suppressed": lambda w: {"email": "ada@engines.example"},
    "crm.sync": lambda w: {},
    "crm.undo": lambda w: {"commit": w.crm.history(w.new("contacts"))[-1].commit},
    "crm.unsuppress": lambda w: {"email": w.erased()},
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

NEITHER = {"leads.convert": "name"}
"""An argument named like a personal field that is about something else."""

BETWEEN = {"crm.commit": {"unmoved", "end"}}
"""Arguments that only desks give."""

INNER = frozenset(
    [
        "along",
        "belonging",
        "border",
        "check_update",
        "checked",
        "close",
        "on",  # takes a host's connection, which this CRM has none of: tests/stores/test_host_sqlite.py
        "context",
        "conversion",
        "converted_into",
        "differing",
        "ground",
        "joins",
        "key",
        "linked",
        "objections",
        "originate",
        "perform",
        "propose",
        "ready",
        "resolved",
        "restated",
        "revise",
        "rows",
        "stated",
    ]
)
"""What the parts of crmcore ask of each other; and ``close``, after which nothing else can be tried."""


def _rename(record: Record, context: Context[None]) -> Change[Record]:
    return context.changed(record, "renamed", name="Other")


def _row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with ids instead of records."""
    return {name: one.id if isinstance(one, Record) else one for name, one in fields.items()}


# --- junk -------------------------------------------------------------------------------------------------------------


@attrs.frozen
class Slot:
    """A place that junk is put into."""

    path: str
    personal: bool = attrs.field(default=False, kw_only=True)
    wrapped: Callable[[Any], Any] = lambda junk: junk

    @property
    def argument(self) -> str:
        """The argument it is in."""
        return self.path.partition(".")[0]


class Hostile:
    """Refuses whatever is asked of it."""

    def _refuse(self, *_: object) -> NoReturn:
        message = "hands off"
        raise RuntimeError(message)

    __repr__ = __str__ = __bool__ = __eq__ = __hash__ = __len__ = _refuse  # type: ignore[assignment]


CIRCULAR: dict[str, Any] = {}
CIRCULAR["a"] = CIRCULAR
NESTED: list[Any] = reduce(lambda inner, _: [inner], range(5_000), [])


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
    "module": lambda m: itertools,
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
    "nested": lambda m: NESTED,
    "circular": lambda m: CIRCULAR,
    "unknown id": lambda m: "contact_99999",
    "id of no kind": lambda m: "x_1",
    "path": lambda m: Path("nowhere"),
}
"""Junk by name, made of a mark that texts begin with."""

CALLABLE = frozenset({"class", "record class"})
"""Junk that can be called: its own errors are those of the caller."""

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


def junk(slot: Slot, plural: str) -> Iterator[tuple[str, Callable[[World], object]]]:
    """Every piece of junk for a place, by name: texts for a personal field hold the mark."""
    mark = SECRET if slot.personal else "x"
    yield from ((label, lambda _, make=make: make(mark)) for label, make in PLAIN.items())
    yield from ((label, lambda world, told=(label, make): world.once(*told, plural)) for label, make in WORLDLY.items())


# --- every call -------------------------------------------------------------------------------------------------------


@attrs.frozen
class Method:
    """Something that can be done: at a desk, or with the CRM itself."""

    plural: str
    name: str

    def __str__(self) -> str:
        return f"{self.plural}.{self.name}"

    @property
    def kind(self) -> Kind[Any] | None:
        """The kind of the desk."""
        return None if self.plural == "crm" else kind_of(DESKS[self.plural].cls)

    @property
    def general(self) -> bool:
        """Whether every desk has it."""
        return self.kind is not None and hasattr(Desk, self.name)

    def of(self, crm: CRM) -> Callable[..., Any]:
        """The method, bound."""
        return getattr(crm if self.kind is None else getattr(crm, self.plural), self.name)

    def arguments(self, world: World) -> dict[str, Any]:
        """The arguments of a valid call."""
        return dict(GENERAL[self.name](world, self.plural) if self.general else CALLS[str(self)](world))

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """What it takes."""
        cls = CRM if self.kind is None else DESKS[self.plural].desk
        return dict([*inspect.signature(getattr(cls, self.name)).parameters.items()][1:])

    def call(self, crm: CRM, arguments: Mapping[str, Any]) -> object:
        """What a call gives, all of it asked for."""
        given = dict(arguments)
        positional = [name for name, one in self.parameters.items() if one.kind is one.POSITIONAL_ONLY]
        found = self.of(crm)(*[given.pop(name) for name in positional if name in given], **given)
        if isinstance(found, CRM):
            return [found.contacts.find(), found.playbook]
        if isinstance(found, contextlib.AbstractContextManager):
            with found as within:
                return repr(within)
        return list(found) if isinstance(found, Iterator) else found


def _methods() -> Iterator[Method]:
    """Every public method of every desk, and of the CRM."""
    for plural, cls in {**{name: one.desk for name, one in DESKS.items()}, "crm": CRM}.items():
        for name in dir(cls):
            public = inspect.isfunction(inspect.getattr_static(cls, name)) and not name.startswith("_")
            if public and name not in INNER:
                yield Method(plural, name)


METHODS = tuple(_methods())


def test_every_method_has_a_valid_call() -> None:
    """And no call is left over of a method that is gone; every personal field is filled with the mark."""
    assert {one.name for one in METHODS if one.general} == GENERAL.keys()
    assert {str(one) for one in METHODS if not one.general} == CALLS.keys()
    assert DESKS.keys() == ADDED.keys()
    for method in METHODS:
        world = World.over(MemoryStore())
        method.call(world.crm, method.arguments(world))
    world = World.over(MemoryStore())
    for plural, opened in DESKS.items():
        kind, filled = kind_of(opened.cls), ADDED[plural](world)
        personal = [name for name, told in {**kind.fields, **kind.members}.items() if told.personal]
        assert [name for name in personal if SECRET not in repr(filled[name])] == []
        assert SECRET not in repr(world.new(plural))


def slots(method: Method) -> Iterator[Slot]:
    """Every place in a call: its arguments, and what is in those that hold several values."""
    for name, one in method.parameters.items():
        kind = method.kind
        if one.kind is one.VAR_KEYWORD:
            assert kind is not None
            for field in (*kind.fields, *sorted(kind.mappings), "id", "version"):
                yield from _within(field, kind)
        elif one.kind is not one.VAR_POSITIONAL and name not in BETWEEN.get(str(method), ()):
            yield from _within(name, None if NEITHER.get(str(method)) == name else kind)


def _within(name: str, kind: Kind[Any] | None) -> Iterator[Slot]:
    """An argument, and what is in it."""
    told = None if kind is None else kind.declared(name)
    personal = told is not None and told.personal
    yield Slot(name, personal=personal)
    if name == "remap":
        yield Slot("remap.stage", lambda junk: {("new business", "qualification"): junk})
    for field in CUSTOM if name == "custom" else ():
        yield Slot(f"custom.{field}", lambda junk, field=field: {field: junk})
    if told is not None and told.members:
        yield Slot(f"{name}.a", lambda junk: {"a": junk}, personal=personal)
    for part in () if told is None or told.part is None else part_of(told.part):
        held = (lambda one: {"a": one}) if told.members else (lambda one: [{"price": 1}, one])
        yield Slot(f"{name}.{part}", lambda junk, part=part, held=held: held({part: junk}), personal=personal)


CIRCUMSTANCES: dict[str, Callable[[World], tuple[World, CRM]]] = {
    "now": lambda w: (w, w.crm),
    "keyed": lambda w: (w, w.crm.given(key=w.name("key"))),
    "backdated": lambda w: (World(w.crm.given(at="2026-02-01"), w.count), w.crm.given(at="2026-03-01")),
    "past": lambda w: (w, w.crm.as_of("2026-12-01")),
}
"""Where records are made, and where junk is put in."""


def faults_of(method: Method, world: World, *, circumstances: str = "now", every: int = 1) -> Iterator[str]:
    """What goes wrong when junk is put into the calls of a method: every so many of them are tried."""
    arguments: dict[str, Any] = {}
    past, crm = CIRCUMSTANCES[circumstances](world)
    before = world.crm.store.last()
    for slot, label, make in itertools.islice(_pieces(method), every - 1, None, every):
        if not arguments or before != world.crm.store.last():  # what was refused left the records as they were
            past, crm = CIRCUMSTANCES[circumstances](world)
            arguments = method.arguments(past)
        told = {**arguments, slot.argument: slot.wrapped(make(past))}
        before = world.crm.store.last()
        fault = fault_of(world, partial(method.call, crm, told))
        if fault:
            yield f"{method}({slot.path}={label}), {circumstances}: {fault}"


def _pieces(method: Method) -> Iterator[tuple[Slot, str, Callable[[World], object]]]:
    """Every piece of junk for every place in the calls of a method."""
    for slot in slots(method):
        for label, make in junk(slot, "contacts" if method.kind is None else method.plural):
            if not (slot.path in {"handle", "progress"} and label in CALLABLE):
                yield slot, label, make


def fault_of(world: World, call: Callable[[], Any], *, python: bool = False) -> str:
    """What is wrong with how a call ended; nothing, if all is well."""
    before = world.crm.store.last()
    try:
        shown = repr(call())
    except CrmError as error:
        shown = told_by(error)
        if world.crm.store.last() != before:
            return f"it was refused and written: {error}"
    except Exception as error:  # noqa: BLE001 - the very question
        if not (python and type(error) is TypeError):
            return f"{type(error).__name__}: {error}"
        shown = told_by(error)
    return f"it shows what is personal: {shown}" if SECRET in shown else ""


def told_by(error: BaseException | None) -> str:
    """Everything an error shows, and those it comes from."""
    if error is None:
        return ""
    rest = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{error} {error!r} {getattr(error, 'problems', ())!r} {told_by(rest)}"


@pytest.mark.slow
@pytest.mark.parametrize("plural", [*DESKS, "crm"])
def test_junk_is_refused(plural: str) -> None:
    """Whatever stands in place of an argument: errors are ours, nothing is written, nothing personal is shown."""
    found: list[str] = []
    for method in METHODS:
        if method.plural == plural:
            world = World.over(MemoryStore())
            found += faults_of(method, world)
            assert world.crm.verify()
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize(("circumstances", "every"), [("keyed", 23), ("backdated", 37), ("past", 61)])
def test_junk_is_refused_under_other_circumstances(circumstances: str, every: int) -> None:
    """Under an idempotency key, backdated, and in a view of the past: a sample."""
    found: list[str] = []
    for method in METHODS:
        world = World.over(MemoryStore())
        found += faults_of(method, world, circumstances=circumstances, every=every)
        assert world.crm.verify()
    assert found == []


def test_junk_is_refused_over_a_file(tmp_path: Path) -> None:
    """A sample."""
    with contextlib.closing(SqliteStore(str(tmp_path / "crm.db"), durability="relaxed")) as store:
        world = World.over(store)
        found = [fault for method in METHODS for fault in faults_of(method, world, every=37)]
        assert found == []
        assert world.crm.verify()


def test_missing_and_unknown_arguments_are_refused() -> None:
    """By Python where a signature says what it takes, by us where any field may be given."""
    world, found = World.over(MemoryStore()), []
    for method in METHODS:
        arguments = method.arguments(world)
        anything = any(one.kind is one.VAR_KEYWORD for one in method.parameters.values())
        calls = {name: {other: arguments[other] for other in arguments if other != name} for name in arguments}
        calls["nonsense"] = {**arguments, "nonsense": SECRET}
        for name, told in calls.items():
            python = name in method.parameters or (name == "nonsense" and not anything)
            fault = fault_of(world, partial(method.call, world.crm, told), python=python)
            found += [f"{method} and {name}: {fault}"] if fault else []
        fault = fault_of(world, partial(method.of(world.crm), *["x"] * 30), python=True)
        found += [f"{method} and too many: {fault}"] if fault else []
    assert found == []
    assert world.crm.verify()


def test_the_law_sees_what_it_looks_for() -> None:
    """Errors of others, a refusal that writes, and what is personal in a message, a cause or a record."""
    world = World.over(MemoryStore())

    def written() -> None:
        world.new("accounts")
        raise NotFound("account", "x")

    def caused() -> None:
        try:
            int(SECRET)
        except ValueError as error:
            raise NotFound("account", "x") from error

    def refused(**told: object) -> None:
        raise Invalid([Problem("name", told["name"], "another", "mend it")])

    assert fault_of(world, lambda: world.crm.contacts.get("x")) == ""
    assert fault_of(world, lambda: {}["x"]).startswith("KeyError")
    assert fault_of(world, lambda: len(7)).startswith("TypeError")  # type: ignore[arg-type]
    assert fault_of(world, written).startswith("it was refused and written")
    for call in (caused, partial(refused, name=SECRET), lambda: [SECRET]):
        assert fault_of(world, call).startswith("it shows what is personal")


# --- rows of elsewhere ------------------------------------------------------------------------------------------------


def columns_of(plural: str) -> Iterator[Slot]:
    """Every column that rows of a desk may have."""
    kind = kind_of(DESKS[plural].cls)
    yield Slot("id", personal=False)
    for name, told in {**kind.fields, **kind.members}.items():
        paths = [name, *([f"{name}.a"] if told.members else [])]
        paths += [f"{name}.a.{part}" for part in ([] if told.part is None else part_of(told.part))]
        yield from (Slot(path, personal=told.personal) for path in paths)
    yield from (Slot(f"custom.{name}", personal=False) for name in CUSTOM)


def rows_of(world: World, plural: str, column: Slot) -> list[dict[str, object]]:
    """A row for each piece of junk in a column."""
    base, unique = _row(ADDED[plural](world)), [told.name for told in kind_of(DESKS[plural].cls).unique]
    rows = []
    for number, (_, make) in enumerate(junk(column, plural)):
        own = {name: f"{SECRET}{number}@acme.example" for name in unique if name in base}
        rows.append({"id": f"{column.path} {number}", **base, **own, column.path: make(world)})
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("plural", DESKS)
def test_rows_of_junk_are_accounted_for(plural: str) -> None:
    """In every column, of new records and of known ones; a load that is to reject none writes nothing."""
    for column in columns_of(plural):
        world = World.over(MemoryStore())
        desk, rows = getattr(world.crm, plural), rows_of(world, plural, column)
        check_strict(world, desk, rows)
        check_counted(desk, rows)
        check_counted(desk, rows)
        assert world.crm.verify()


@pytest.mark.parametrize("plural", DESKS)
def test_rows_that_are_none_are_accounted_for(plural: str) -> None:
    """Junk in place of a whole row."""
    world = World.over(MemoryStore())
    desk, rows = getattr(world.crm, plural), [{"id": "6"}, *(make(world) for _, make in junk(Slot("row"), plural))]
    check_strict(world, desk, rows)
    check_counted(desk, [*rows, {"id": "7", **_row(ADDED[plural](world))}])
    check_counted(desk, rows)


def check_strict(world: World, desk: Desk[Any], rows: list[Any]) -> None:
    """A load that is to reject no row takes all of them, or none."""
    before = world.crm.store.last()
    if desk.load(rows, key="id", dry_run=True).rejected:
        with pytest.raises(Invalid) as refused:
            desk.load(rows, key="id", on_error="raise")
        assert SECRET not in told_by(refused.value)
    assert world.crm.store.last() == before


def check_counted(desk: Desk[Any], rows: list[Any]) -> None:
    """A load tells of every row what became of it, and of none what is personal."""
    report = desk.load(rows, key="id")
    assert (report.rows, sum(report.counts.values())) == (len(rows), len(rows))
    assert len({one.row for one in report.rejections}) == report.rejected
    assert SECRET not in f"{report} {report!r} {report.rejections!r} {report.proposals!r}"
