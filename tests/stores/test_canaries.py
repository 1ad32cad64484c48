"""Canaries: personal values that no error, message, warning or log may show, whatever goes wrong around them."""

from __future__ import annotations

import base64
import contextlib
import inspect
import logging
import sqlite3
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from crmcore import CRM, CrmError, F, Money, Playbook
from crmcore.kernel.change import Change
from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Corrupt, Invalid, StoreError
from crmcore.kernel.personal import personal_fields
from crmcore.kernel.records import Record, kind_of
from crmcore.stores.rows import checksum
from crmcore.testing import CountingIds, TickingClock
from crmcore.testing.specimens import hour

SIGNS = ("zqx", "90071199", "1923-04-05", "1923, 4, 5")
"""What is in every canary, and in nothing else."""

PERSON: dict[str, Any] = {
    "name": "Zqx Name",
    "given_name": "Zqx Given",
    "family_name": "Zqx Family",
    "job_title": "Zqx Title",
    "email": "zqx.mail@zqx.example",
    "phone": "+44 zqx 0991",
    "emails": {"home": "zqx.home@zqx.example"},
    "phones": {"home": "zqx 7"},
    "addresses": {"home": {"street": "Zqx Street 1", "city": "Zqx City"}},
    "external": {"erp": "zqx-4711"},
}
CUSTOM = {
    "a_text": "zqx custom",
    "a_number": 90071199254,
    "a_day": "1923-04-05",
    "a_sum": Money("900711.99", "EUR"),
    "a_list": ["zqx one"],
    "a_choice": "x",
}
TYPES = {"a_text": "text", "a_number": "integer", "a_day": "date", "a_sum": "money", "a_list": "texts"}
DECLARED: dict[str, CustomField] = {name: CustomField(type, personal=True) for name, type in TYPES.items()}  # type: ignore[arg-type]
DECLARED["a_choice"] = CustomField("text", choices=("x", "y"), personal=True)

PLUMBING = frozenset(dir(Desk)) - {"add", "get", "find", "first", "exists", "count", "each", "update", "upsert"}
PLUMBING -= {"delete", "restore", "history", "external", "load"}
"""What a desk has for those who build on it."""

SAID: tuple[Any, ...] = (
    *(
        "zqx",
        "zqx\x00",
        "zqx\ud800",
        "zqx " * 50_000,
        ["zqx"],
        b"zqx",
        90071199254,
        {"home": "zqx"},
        {"": "zqx", "a": 5},
    ),
    *(
        {"home": {"street": "zqx\x00", "nope": "zqx"}},
        {"home": ["zqx"]},
        {"a_day": "zqx", "a_number": "zqx", "no": "zqx"},
    ),
    *({"a_sum": "zqx", "a_list": "zqx", "a_text": ["zqx"], "a_choice": "zqx"}, {"erp": "zqx\x00"}, {"erp": ["zqx"]}),
    *(("erp", "zqx-4711"), ("erp", "zqx\x00"), "zqx.mail@zqx.example"),
)
"""What somebody may say where something personal belongs, or an id."""

Call = Callable[[], object]


def filled(store: Any) -> CRM:  # noqa: ANN401 - as CRM takes it
    """A CRM full of canaries."""
    playbook = Playbook(currency="EUR", custom=dict.fromkeys(("contact", "lead", "account", "opportunity"), DECLARED))
    clock = TickingClock("2026-11-02T09:00Z")
    crm = CRM(store, playbook=playbook, clock=clock, new_id=CountingIds(), by="ana").given(reason="zqx asked")
    acme = crm.accounts.add(name="Acme", addresses={"hq": {"street": "Zqx Street 2"}})
    ada = crm.contacts.add(**PERSON, account=acme, custom=CUSTOM)
    crm.contacts.add(name="Zqx Other", email="zqx.other@zqx.example")
    crm.leads.capture(name="Zqx Lead", email="zqx.lead@zqx.example", company="Acme", source="web", custom=CUSTOM)
    crm.opportunities.add(name="Roof", account=acme.id, amount=100, custom=CUSTOM)
    crm.notes.add(ada, "Zqx note")
    crm.touchpoints.log(ada, channel="phone", direction="inbound", topic="Zqx topic", summary="Zqx summary")
    crm.staff.add(name="Zqx Staff", email="zqx.staff@zqx.example")
    crm.tags.put("vip", ada)
    return crm


def records(crm: CRM) -> list[Record]:
    """Some records of every kind."""
    return [one for kind in crm.kinds.values() for one in crm.desk(kind.cls).find(limit=2)]


# --- what a text tells ----------------------------------------------------------------------------------------------


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and all that stand behind it, shown by Python or not."""
    seen: list[BaseException] = []
    left = [error]
    while left:
        one = left.pop()
        if one is not None and one not in seen:
            seen.append(one)
            left += [one.__cause__, one.__context__]
    yield from seen


def told(error: BaseException) -> str:
    """All that a log would hold of an error."""
    parts = ["".join(traceback.TracebackException.from_exception(error, capture_locals=False).format_exception_only())]
    for one in chain(error):
        problems = getattr(one, "problems", ())
        parts += [str(one), repr(one), *map(str, problems), *map(repr, problems), *getattr(one, "__notes__", ())]
    return "\n".join(parts)


def leaks(text: str) -> bool:
    """Whether a text holds a canary, in whatever letters."""
    return any(sign in text.casefold() for sign in SIGNS)


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing is logged or warned of within that holds a canary."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.getMessage()} {record.exc_info}")

    ear, root = Ear(), logging.getLogger()
    level = root.level
    root.addHandler(ear)
    root.setLevel(1)
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
    assert not [one for one in (*said, *(str(one.message) for one in warned)) if leaks(one)]


def leaking(calls: Iterator[tuple[str, Call]]) -> tuple[Counter[str], dict[str, str]]:
    """The errors that calls raise, and those that show a canary, by the call's name."""
    raised, shown = Counter[str](), dict[str, str]()
    for name, call in calls:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is asked
            raised[type(error).__name__] += 1
            if leaks(told(error)):
                shown.setdefault(f"{name}: {type(error).__name__}", told(error))
    return raised, shown


# --- records --------------------------------------------------------------------------------------------------------


def test_what_is_written_out_shows_no_personal_value() -> None:
    """Neither of records, nor of changes, pages, commits and what is kept about somebody."""
    crm = filled(None)
    ada = crm.contacts.find(F.name == "Zqx Name").items[0]
    assert "name='•••'" in repr(ada)
    assert "custom=<a_text, a_number, a_day, a_sum, a_list, a_choice>, external=<erp>" in repr(ada)
    page = crm.contacts.find(order_by="name", limit=1)
    shown: list[object] = [*records(crm), *crm.store.changes(), page, crm.feed(), crm.search("zqx"), crm.subject(ada)]
    shown += [crm.provenance(ada), crm.history(ada), crm.store.stretch(limit=99), crm, crm.contacts, crm.verify()]
    assert len(shown) > 20
    for one in shown:
        for text in (repr(one), str(one)):
            assert not leaks(text), type(one)


# --- every method of every desk ---------------------------------------------------------------------------------------


def methods(desk: Any) -> list[str]:  # noqa: ANN401 - of any kind
    """What people do at a desk."""
    public = [name for name in dir(type(desk)) if not name.startswith("_") and name not in PLUMBING]
    return [name for name in public if callable(getattr(desk, name))]


def desk_calls(crm: CRM) -> Iterator[tuple[str, Call]]:
    """Every method with each argument bad in turn."""
    known = records(crm)
    junk = [None, 5, "", "nope", [], {}, object(), *known[:3], [known[1]]]
    named = {kind_of(type(one)).name: one.id for one in reversed(known)}
    for kind in crm.kinds.values():
        desk: Any = crm.desk(kind.cls)
        personal = {told.name for told in personal_fields(kind)} | {"custom", "external", "nmae"}
        for method in methods(desk):
            call = getattr(desk, method)
            arguments = inspect.signature(call).parameters.values()
            plain = [one.name for one in arguments if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
            good = [named.get(kind.name if place == 0 else name, "x") for place, name in enumerate(plain)]
            rest = [one.name for one in arguments if one.kind is one.KEYWORD_ONLY]
            if any(one.kind is one.VAR_KEYWORD for one in arguments):
                rest += [*kind.fields, *kind.members, "custom", "nmae"]
            for place in range(len(plain)):
                theirs = plain[place] in personal or (place == 0 and kind.name != "tag")  # tags are nobody's names
                for bad in (*SAID, *junk) if theirs else junk:
                    unnamed = [*good[:place], bad, *good[place + 1 :]]
                    yield f"{kind.name}.{method}", lambda call=call, unnamed=unnamed: _exhausted(call(*unnamed))  # type: ignore[misc]
            for name in dict.fromkeys(rest):
                for bad in SAID if name in personal else junk:
                    yield f"{kind.name}.{method}", lambda call=call, good=good, told={name: bad}: call(*good, **told)  # type: ignore[misc]


def _exhausted(found: object) -> object:
    return list(found) if isinstance(found, Iterator) else found


def front_calls(crm: CRM) -> Iterator[tuple[str, Call]]:
    """The questions and circumstances of the front door."""
    for bad in SAID:
        for method in ("search", "history", "provenance", "undo", "erase", "subject"):
            yield method, lambda method=method, bad=bad: getattr(crm, method)(bad)  # type: ignore[misc]
        for name in ("reason", "by"):
            yield f"given {name}", lambda told={name: bad}: crm.given(**told).contacts.add(**told)  # type: ignore[misc]
        yield "feed", lambda bad=bad: crm.feed(after=bad)  # type: ignore[misc]
        for field in (
            F.name,
            F.email,
            F.custom.a_day,
            F.custom.a_number,
            F.external.erp,
            F.addresses,
            F.nmae,
            F.version,
        ):
            for ask in (field.__eq__, field.__gt__, field.is_in, getattr(field, "contains", field.__eq__)):
                yield "find", lambda ask=ask, bad=bad: crm.contacts.find(ask(bad))  # type: ignore[misc]
        for row in (
            {"id": "C1", "name": bad, "phone": bad, "email": bad},
            {"id": bad, "name": "Zqx", "addresses.home.street": bad},
            {"id": "C2", "custom.a_day": bad, "custom.a_choice": bad},
        ):
            yield "load", lambda row=row: _loaded(crm, row)  # type: ignore[misc]
        yield "batch", lambda bad=bad: _batched(crm, bad)  # type: ignore[misc]
    cursor = crm.contacts.find(order_by="name", limit=1).next
    assert cursor is not None
    assert leaks(base64.urlsafe_b64decode(cursor + "==").decode())
    for order in ("name", "email", None, "nope"):
        for after in (cursor, cursor[:-4], f"{cursor}zz", "zqx", 5):
            yield "cursor", lambda order=order, after=after: crm.contacts.find(order_by=order, after=after)  # type: ignore[misc, arg-type]


def _loaded(crm: CRM, row: Mapping[str, Any]) -> None:
    """Bring in a row that is rejected, and then one that must not be."""
    for rows in ([row, {**row, "name": "Zqx Other"}], [{**row, "id": "zqx-9", "email": "zqx"}]):
        report = crm.contacts.load(rows, key="id")
        if leaks(f"{report} {report!r} {report.problems}"):
            raise RuntimeError(f"{report} {report!r} {report.problems}")
    crm.contacts.load([row], key="id", on_error="raise")


def _batched(crm: CRM, bad: Any) -> None:  # noqa: ANN401 - anything
    with crm.batch() as batch:
        batch.contacts.add(name="Zqx Batch", external={"erp": "zqx-4711"})
        batch.contacts.add(name=bad)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str | None, int]:
    """Where a store is, and how many calls go to it: one in so many."""
    if request.param == "memory":
        return None, 1
    return (str(tmp_path / "crm.db"), 5) if request.param == "sqlite" else (request.getfixturevalue("url"), 13)


@pytest.mark.slow
@pytest.mark.parametrize("calls", [desk_calls, front_calls])
def test_no_error_shows_a_personal_value(
    store: tuple[str | None, int], calls: Callable[[CRM], Iterator[tuple[str, Call]]]
) -> None:
    """Whatever method is given whatever it should not."""
    where, one_in = store
    with filled(where) as crm, silence():
        raised, shown = leaking(islice(calls(crm), None, None, one_in))
    assert shown == {}
    assert raised["Invalid"] > 50
    if calls is desk_calls:
        assert {"Invalid", "NotFound", "NotAllowed"} <= raised.keys()


# --- what drivers say -------------------------------------------------------------------------------------------------


def refused(*calls: Call, kind: type[CrmError] = CrmError) -> list[BaseException]:
    """What calls raise: errors of one kind, and no canary in what they tell."""
    errors: list[BaseException] = []
    with silence():
        for call in calls:
            with pytest.raises(kind) as caught:
                call()
            assert not leaks(told(caught.value)), told(caught.value)
            errors.append(caught.value)
    return errors


def test_what_is_hidden_by_python_is_found_here() -> None:
    """An error that Python leaves out of a traceback; or else the tests of this file would find nothing."""

    def hiding() -> None:
        try:
            int("zqx")
        except ValueError:
            raise Invalid([]) from None

    with pytest.raises(Invalid) as caught:
        hiding()
    assert leaks(told(caught.value))
    assert not leaks("".join(traceback.format_exception_only(caught.value)))


def contacts(crm: CRM, number: int) -> Call:
    """Brings in so many contacts."""
    rows = [{"name": f"Zqx row {place}", "email": f"zqx{place}@zqx.example"} for place in range(number)]
    return lambda: crm.contacts.load(rows, key="email", columns={"name": "name", "email": "email"})


def test_a_server_that_refuses_quotes_no_row(url: str) -> None:
    """PostgreSQL tells of whole rows in what it says beside: of a check, of a column, of a COPY."""
    import psycopg

    with filled(url) as crm, psycopg.connect(url, autocommit=True) as host:
        ada = crm.contacts.find(F.name == "Zqx Name").items[0]
        acts: list[Call] = [
            lambda: crm.contacts.update(ada.id, phone="zqx 8"),
            lambda: crm.contacts.add(name="Zqx new"),
            contacts(crm, 3),
            contacts(crm, 300),
            lambda: crm.erase(ada.id),
        ]
        for damage, mend in (
            ("ADD CONSTRAINT host CHECK (version > 99) NOT VALID", "DROP CONSTRAINT host"),
            ("ADD COLUMN host TEXT NOT NULL DEFAULT 'x'", "DROP COLUMN host"),
            ("ALTER name TYPE VARCHAR(40)", "ALTER name TYPE TEXT"),
        ):
            host.execute("DROP VIEW IF EXISTS contacts")
            host.execute(f"ALTER TABLE crm_contact {damage}")  # type: ignore[arg-type]
            if "DEFAULT" in damage:
                host.execute("ALTER TABLE crm_contact ALTER host DROP DEFAULT")
            if "VARCHAR" in damage:
                acts = [lambda: crm.contacts.add(name="Zqx " * 20)]
            errors = refused(*acts)
            assert all(isinstance(one, Invalid if "VARCHAR" in damage else StoreError) for one in errors)
            if "CHECK" in damage:
                assert all(isinstance(one.__cause__, psycopg.errors.CheckViolation) for one in errors)
            host.execute(f"ALTER TABLE crm_contact {mend}")  # type: ignore[arg-type]
        assert crm.verify()


def test_a_file_that_refuses_quotes_no_row(tmp_path: Path) -> None:
    """Neither a host's own index, nor a trigger, nor a table that is gone."""
    path = str(tmp_path / "crm.db")
    with filled(path) as crm, contextlib.closing(sqlite3.connect(path, isolation_level=None)) as host:
        for damage in (
            "CREATE UNIQUE INDEX host ON crm_contact (tenant) WHERE version = 1 AND name > 'Zqx Ot'",
            "CREATE TRIGGER host BEFORE INSERT ON crm_contact BEGIN SELECT RAISE(ABORT, 'not now'); END",
            "DROP TABLE crm_word",
        ):
            host.execute(damage)
            refused(lambda: crm.contacts.add(name="Zqx new"), contacts(crm, 3), kind=StoreError)
            host.execute("DROP INDEX IF EXISTS host")
            host.execute("DROP TRIGGER IF EXISTS host")


BODIES = (
    '{"name":["zqx"],"addresses":{"home":"zqx"}}',
    '{"name":"Zqx","custom":{"a_day":{"date":"zqx 1923-04-05"}}}',
    '{"name":"Zqx","custom":{"a_day":{"zqx":"zqx"}}}',
    '{"name":"Zqx","emails":"zqx"}',
    '{"name":"Zqx',
    "zqx",
)


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_what_can_not_be_read_is_not_quoted(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Bodies and changes that somebody has damaged, with the right checksum and without."""
    store = str(tmp_path / "crm.db") if where == "sqlite" else request.getfixturevalue("url")
    with filled(store) as crm, contextlib.closing(_host(store)) as host:
        ada = crm.contacts.find(F.name == "Zqx Name").items[0]
        for body in BODIES:
            for sum in (checksum(ada.id, ada.version, body), 0):
                host.execute(f"UPDATE crm_contact SET body = '{body}', checksum = {sum} WHERE id = '{ada.id}'")
                calls: list[Call] = [
                    lambda: crm.contacts.get(ada.id),
                    lambda: crm.contacts.update(ada.id, phone="zqx 8"),
                    lambda: [*crm.contacts.each()],
                    lambda: crm.search("zqx name"),
                ]
                if sum == 0 or body != BODIES[0]:
                    refused(*calls, kind=Corrupt)
                assert not leaks(str(crm.verify()))
        host.execute(f"UPDATE crm_change SET sets = '{BODIES[4]}' WHERE id = '{ada.id}'")
        refused(lambda: crm.history(ada.id), lambda: crm.feed(), lambda: crm.erase(ada.id), kind=Corrupt)


def _host(store: str) -> Any:  # noqa: ANN401 - a connection of either driver
    if not store.startswith("postgresql"):
        return sqlite3.connect(store, isolation_level=None)
    import psycopg

    return psycopg.connect(store, autocommit=True)


def test_changes_that_can_not_be_written_are_not_quoted(store: tuple[str | None, int]) -> None:
    """Those of somebody who goes past the desks."""
    bad: tuple[dict[str, Any], ...] = (
        *({"name": "zqx\ud800"}, {"name": "zqx\x00"}, {"name": object()}, {"addresses.home": "zqx"}, {"emails": "zqx"}),
        *({"custom.a_day": {"zqx"}}, {"name": ["zqx"]}, {"external.erp": ["zqx"]}, {"email": 90071199254}),
    )
    with filled(store[0]) as crm, silence():
        ada = crm.contacts.find(F.name == "Zqx Name").items[0]

        def writes() -> Iterator[tuple[str, Call]]:
            for sets in bad:
                for id, version in ((ada.id, ada.version + 1), ("contact_x", 1)):
                    told: dict[str, Any] = {"kind": "contact", "what": "updated", "at": hour(9_000), "sets": sets}
                    change = Change(id=id, version=version, **told)
                    yield f"{id}: {sets}", lambda one=change: crm.store.commit([one], id="c", recorded_at=one.at)  # type: ignore[misc]

        raised, shown = leaking(writes())
    assert shown == {}
    assert raised.keys() <= {"Invalid", "Conflict"}
    assert store[0] is None or raised["Invalid"] > 3
