"""No text of a stranger becomes part of a statement: SQLite is asked, before it prepares one, what it would touch."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, CrmError, F, Money
from crmcore.kernel.where import Filter, ago, from_data, to_data
from crmcore.playbook import Playbook
from crmcore.testing.exam.borders import CUSTOM, World
from crmcore.testing.exam.mutation import CLASSICS, VALUES

TEXTS = (
    st.sampled_from(CLASSICS) | st.text(max_size=20) | st.sampled_from(["name", "amount", "stage", "close_on", "id"])
)
TEXTS |= st.builds("{}{}".format, st.sampled_from(["custom.", "external.", "-", "emails.", "tags."]), TEXTS)
ANYTHING = st.sampled_from(VALUES) | TEXTS | st.integers() | st.floats() | st.dates() | st.just(Money(5, "EUR"))
LEAVES: tuple[Callable[[Any, Any, Any], Any], ...] = (
    lambda field, value, _: field == value,
    lambda field, value, _: (field != value) & F.name.is_set,
    lambda field, value, _: ~(field < value),
    lambda field, value, _: (field >= value) | (F.amount > 5),
    lambda field, value, other: field.is_in([value, other]),
    lambda field, value, other: field.between(value, other),
    lambda field, value, _: field.contains(value) & ~field.starts_with(value),
    lambda field, *_: field.is_set,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A business in a guarded file; in the end nothing else than its own tables was touched."""
    with World.of(tmp_path_factory.mktemp("guarded")) as world:
        yield world
        assert world.guard.asked > 0
        assert world.guard.violations == []


@st.composite
def built(draw: st.DrawFn) -> Filter:
    """A filter as a program builds it, of whatever names and values."""
    name, value = draw(TEXTS), draw(ANYTHING)
    field: Any = draw(st.sampled_from([F[name], F.custom[name], F.external[name], F.amount, F.name, F.custom.a_money]))
    return draw(st.sampled_from(LEAVES))(field, value, draw(ANYTHING))  # type: ignore[no-any-return]


def asked_of(crm: CRM, where: Any) -> None:  # noqa: ANN401 - anything
    """Ask every question that takes a filter, now and at another moment."""
    for one in (crm, crm.as_of("2026-11-01")):
        for desk in (one.opportunities, one.contacts):
            for ask in (desk.find, desk.count, desk.exists):
                with contextlib.suppress(CrmError):
                    ask(where)


@settings(max_examples=150)
@given(data=st.data())
def test_filters_of_any_names_and_values(world: World, data: st.DataObject) -> None:
    """As a program builds them."""
    with contextlib.suppress(CrmError):
        asked_of(world.crm, data.draw(built()))


SOUND = to_data((F.amount >= 1_000) & ~F.name.contains("x") & (F.created_at > ago(days=3)) & (F.stage == "open"))


def bent(data: Any, draw: st.DrawFn) -> Any:  # noqa: ANN401 - anything JSON holds
    """Data with other names and values here and there."""
    if draw(st.integers(0, 4)) == 0:
        return draw(ANYTHING)
    if isinstance(data, dict):
        return {(name if draw(st.integers(0, 5)) else draw(TEXTS)): bent(one, draw) for name, one in data.items()}
    return [bent(one, draw) for one in data] if isinstance(data, list | tuple) else data


@settings(max_examples=150)
@given(data=st.data())
def test_filters_of_any_data(world: World, data: st.DataObject) -> None:
    """As a browser sends them."""
    with contextlib.suppress(CrmError):
        asked_of(world.crm, from_data(bent(SOUND, data.draw)))


@st.composite
def cursors(draw: st.DrawFn) -> str:
    """Places in an order, as somebody forges them."""
    whole = [
        draw(st.sampled_from([None, "name", "-amount"]) | TEXTS),
        draw(st.lists(TEXTS | st.integers())),
        draw(TEXTS),
    ]
    text = json.dumps(whole, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@settings(max_examples=150)
@given(name=TEXTS, text=TEXTS | cursors(), words=TEXTS)
def test_orders_places_and_questions(world: World, name: str, text: str, words: str) -> None:
    """Of every kind, of the feed and of the search."""
    crm = world.crm
    for order in (name, "name", "-amount", None):
        for after in (text, None):
            with contextlib.suppress(CrmError):
                crm.opportunities.find(order_by=order, after=after, limit=2)
            with contextlib.suppress(CrmError):
                crm.contacts.find(order_by=order, after=after, limit=2)
    for ask in (
        lambda: crm.search(words),
        lambda: crm.search(f"roof {words}", kinds=[name]),
        lambda: crm.feed(after=text),
        lambda: crm.feed(kinds=[name], by=words),
        lambda: crm.history(name),
        lambda: crm.contacts.get(name),
        lambda: crm.contacts.external(name, words),
        lambda: crm.given(tenant=name).opportunities.count(),
        lambda: crm.given(key=name).contacts.update("contact_0002", source=words),
        lambda: crm.store.stretch(text, limit=2),
        lambda: crm.store.changes(upto=text),
        lambda: crm.undo(text),
    ):
        with contextlib.suppress(CrmError):
            ask()


@pytest.mark.slow
@settings(max_examples=60)
@given(name=TEXTS, value=ANYTHING, text=TEXTS)
def test_what_is_written(world: World, name: str, value: object, text: str) -> None:
    """Fields, custom fields, ids elsewhere, tags, notes, reasons, whatever they are called."""
    crm = world.crm.given(by=None, reason=text if text.strip() and text.isprintable() and len(text) < 99 else None)
    for write in (
        lambda: crm.opportunities.add(**{"name": text, name: value}),
        lambda: crm.opportunities.add(name=text, custom={name: value, "a_text": text}, external={name: text}),
        lambda: crm.contacts.add(name=text, emails={name: "a@b.c"}, phones={"home": f"1 {text}"}),
        lambda: crm.contacts.upsert((name, text), name=text),
        lambda: crm.contacts.load([{"id": text, "name": name, name: text}], key="id", system=name),
        lambda: crm.tags.put(text, crm.contacts.first() or ""),
        lambda: crm.notes.add("contact_0002", text),
        lambda: crm.adopt(Playbook(currency="EUR", custom={"opportunity": CUSTOM, name: {text: "text"}})),
        lambda: crm.adopt(
            Playbook(currency="EUR", custom={"opportunity": {**CUSTOM, name: "text"}, "contact": CUSTOM})
        ),
    ):
        with contextlib.suppress(CrmError):
            write()


def test_the_guard_would_see_it(world: World) -> None:
    """A text that is pasted into a statement, as ours never is."""
    before = [*world.guard.violations]
    for text in ("' UNION SELECT sql, 1, 1, 1 FROM sqlite_master --", "' OR load_extension('x') --"):
        world.store.ask(f"SELECT id, 1, 1, 1 FROM crm_account WHERE id = '{text}'")
    assert len(world.guard.violations) >= len(before) + 2
    world.guard.violations[:] = before
