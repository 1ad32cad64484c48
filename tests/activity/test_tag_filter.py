"""Tags in filters: named by people, asked for by id."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, F, Invalid, Problem
from crmcore.activity.tag_filter import with_tags
from crmcore.kernel.where import Filter, from_data, to_data
from crmcore.testing import CountingIds, TickingClock

IDS = {"vip": ("tag_1", "tag_7"), "late": ("tag_2",)}


def ids_of(name: str) -> tuple[str, ...]:
    """The ids of two tags; one is known by two of them."""
    if name not in IDS:
        raise Invalid([Problem("tags", name, "a tag there is", "…")])
    return IDS[name]


VIP = F["tags.tag_1"].is_set | F["tags.tag_7"].is_set
LATE = F["tags.tag_2"].is_set


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (F.tags.contains("late"), LATE),
        (F.tags.contains("vip"), VIP),
        (~F.tags.contains("late"), ~LATE),
        (F.tags.contains("late") | F.name.is_set, LATE | F.name.is_set),
        (
            (F.amount > 5) & ~(F.tags.contains("late") | F.stage.is_in(["a"])),
            (F.amount > 5) & ~(LATE | F.stage.is_in(["a"])),
        ),
    ],
)
def test_names_become_ids(written: Filter, meant: Filter) -> None:
    """Wherever they stand; all else stays."""
    assert with_tags(written, ids_of) == meant


def test_a_filter_without_tags_is_left_as_it_is() -> None:
    """Not even looked at twice."""
    asked = (F.amount > 5) & F["tags.tag_1"].is_set

    assert with_tags(asked, ids_of) is asked


def test_every_problem_is_named() -> None:
    """Unknown tags, and what can't be asked of tags."""
    asked = F.tags.contains("vpi") & ~F.tags.contains("latte") & (F.tags == "vip") & F.tags.is_set

    with pytest.raises(Invalid) as caught:
        with_tags(asked & F.tags.starts_with("v") & F.tags.contains("vip"), ids_of)
    assert [problem.value for problem in caught.value.problems] == [
        "vpi",
        "latte",
        "tags is vip",
        "tags is set",
        "tags starts with v",
    ]
    with pytest.raises(Invalid, match="a filter"):
        with_tags(True, ids_of)  # type: ignore[arg-type]


def test_records_are_found_by_the_names_of_their_tags(crm: CRM) -> None:
    """In any capitals, joined with all else, on every way of asking."""
    acme, babbage, zuse = (crm.accounts.add(name=name, source="fair") for name in ("Acme", "Babbage", "Zuse"))
    crm.tags.put("VIP", [acme, babbage])
    crm.tags.put("region:north", babbage.id)
    vip, north = F.tags.contains("vip"), F.tags.contains("Region:North")

    def found(where: Filter) -> list[str]:
        names = [one.name for one in crm.accounts.find(where, order_by="name")]
        assert names == [one.name for one in crm.accounts.each(where, order_by="name")]
        assert len(names) == crm.accounts.count(where)
        assert bool(names) is crm.accounts.exists(where)
        return names

    assert found(vip) == ["Acme", "Babbage"]
    assert found(vip & north) == ["Babbage"]
    assert found(vip & ~north) == ["Acme"]
    assert found(~vip) == ["Zuse"]
    assert found(~vip | north) == ["Babbage", "Zuse"]
    assert found(vip & (F.name == "Acme") & (F.source == "fair")) == ["Acme"]
    assert found((F.name == "Acme") & north) == []
    assert crm.contacts.count(vip) == 0
    assert zuse.tags == {}


def test_a_saved_filter_keeps_the_name(crm: CRM) -> None:
    """It is looked up when it is asked."""
    saved = to_data(F.tags.contains("VIP") & (F.name == "Acme"))
    assert saved == {
        "all": [{"field": "tags", "op": "contains", "value": "VIP"}, {"field": "name", "op": "==", "value": "Acme"}]
    }
    crm.tags.put("vip", crm.accounts.add(name="Acme"))

    assert crm.accounts.count(from_data(saved)) == 1
    crm.tags.merge("vip", into=crm.tags.add(name="Key account"))
    assert crm.accounts.count(from_data(saved)) == 1


@pytest.mark.parametrize(
    ("name", "mend"), [("vipp", r"did you mean VIP\?"), ("Nord", "find.. shows those there are"), ("x" * 5000, "find")]
)
def test_an_unknown_tag_is_refused(crm: CRM, name: str, mend: str) -> None:
    """Naming near ones."""
    crm.tags.add(name="VIP")

    with pytest.raises(Invalid, match=mend):
        crm.accounts.find(F.tags.contains(name))
    with pytest.raises(Invalid, match="text that is not empty"):
        crm.accounts.find(F.tags.contains(" "))


def test_links_are_those_of_the_moment_asked(crm: CRM, clock: TickingClock) -> None:
    """Names are those of now."""
    acme, late = crm.accounts.add(name="Acme"), crm.accounts.add(name="Late")
    clock.now = "2026-11-03T09:00Z"
    crm.tags.put("VIP", acme)
    clock.now = "2026-11-04T09:00Z"
    crm.tags.take("VIP", acme.id)
    crm.tags.put("VIP", late)
    crm.tags.rename("VIP", "Key account")
    key = F.tags.contains("key account")

    def names(day: str) -> list[str]:
        view = crm.as_of(day)
        assert [one.name for one in view.accounts.each() if view.tags.of(one)] == [
            one.name for one in view.accounts.find(key)
        ]
        assert view.tags.uses("Key account") == view.accounts.count(key)
        return [one.name for one in view.accounts.find(key)]

    assert [names(f"2026-11-0{day}") for day in (2, 3, 4)] == [[], ["Acme"], ["Late"]]
    with pytest.raises(Invalid):
        crm.as_of("2026-11-03").accounts.find(F.tags.contains("VIP"))


NAMES = ("vip", "late", "north")
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.one_of(
        st.sampled_from(NAMES).map(lambda name: F.tags.contains(name.upper())),
        st.sampled_from("ab").map(lambda name: F.name == name),
        st.just(F.source.is_set),
    ),
    lambda parts: st.one_of(
        parts.map(lambda part: ~part),
        st.tuples(parts, parts).map(lambda two: two[0] & two[1]),
        st.tuples(parts, parts).map(lambda two: two[0] | two[1]),
    ),
    max_leaves=6,
)
RECORDS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["fair", None]), st.sets(st.sampled_from(NAMES))), max_size=6
)


def truth(data: Any, name: str, source: str | None, tags: set[str]) -> bool:  # noqa: ANN401
    """What a filter means, read from its data."""
    match data:
        case {"all": parts}:
            return all(truth(part, name, source, tags) for part in parts)
        case {"any": parts}:
            return any(truth(part, name, source, tags) for part in parts)
        case {"not": part}:
            return not truth(part, name, source, tags)
        case {"field": "tags", "value": tag}:
            return tag.lower() in tags
        case {"field": "name", "value": value}:
            return bool(name == value)
        case _:
            return source is not None


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[CRM]]:
    """A CRM in memory and one in a file, which every example has a tenant of its own in."""
    ids = {"new_id": CountingIds(), "clock": TickingClock("2026-11-02T09:00Z")}
    with CRM(**ids) as memory, CRM(tmp_path_factory.mktemp("tags") / "crm.db", **ids) as file:
        yield [memory, file]


TENANTS = (f"tenant {number}" for number in itertools.count())


@pytest.mark.slow
@given(records=RECORDS, asked=FILTERS, merged=st.booleans())
def test_memory_and_sqlite_find_the_same(stores: list[CRM], records: list[Any], asked: Filter, merged: bool) -> None:
    """Which is what the filter says, also when a tag goes by two ids."""
    tenant = next(TENANTS)
    matching = [place for place, told in enumerate(records) if truth(to_data(asked), *told)]
    for crm in (store.given(tenant=tenant) for store in stores):
        with crm.batch() as batch:
            for name in NAMES:
                batch.tags.add(name=name)
                batch.tags.add(name=f"{name}2")
            ids = [batch.accounts.add(name=name, source=source).id for name, source, _ in records]
            for place, (_, _, tags) in enumerate(records):
                for tag in sorted(tags):
                    batch.tags.put(f"{tag}2" if merged and place % 2 else tag, ids[place])
        if merged:
            for name in NAMES:
                crm.tags.merge(f"{name}2", into=name)

        assert [one.id for one in crm.accounts.find(asked)] == [ids[place] for place in matching]
