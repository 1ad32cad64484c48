"""Tags: put on records of any kind, renamed, merged, counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crmcore import CRM, Account, Conflict, Contact, Duplicate, F, Invalid, NotAllowed, NotFound, Opportunity, Tag
from crmcore.kernel import Record, record
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock


def names(crm: CRM, one: Record | str) -> list[str]:
    """The names of a record's tags."""
    return [tag.name for tag in crm.tags.of(one)]


@pytest.fixture
def acme(crm: CRM) -> Account:
    """An account."""
    return crm.accounts.add(name="Acme")


# --- on records -------------------------------------------------------------------------------------------------------


def test_a_tag_is_put_on_records_of_any_kind(crm: CRM, acme: Account) -> None:
    """In one commit, which makes the tag too; it is in their history."""
    ada, deal = crm.contacts.add(name="Ada"), crm.opportunities.add(name="Roof")
    acme, ada, deal = crm.tags.put("VIP", [acme, ada.id, deal])

    assert isinstance(ada, Contact)
    assert {acme.version, ada.version, deal.version} == {2}
    assert [names(crm, one) for one in (acme, ada, deal)] == [["VIP"]] * 3
    assert [one.what for one in crm.history(deal)] == ["opened", "tagged"]
    tag = crm.tags.named("vip")
    assert len({crm.history(one)[-1].commit for one in (acme, ada, deal, tag)}) == 1
    assert acme.tags == {tag.id: True}


def test_a_record_that_has_the_tag_is_left_alone(crm: CRM, acme: Account) -> None:
    """Whatever the capitals; and one that does not have it is left alone by take."""
    once = crm.tags.put("VIP", acme)
    twice = crm.tags.put("vip", once)
    other = crm.tags.put("Vip", [once, once.id, crm.accounts.add(name="Babbage")])

    assert twice == once
    assert [one.version for one in other] == [2, 2]
    assert crm.tags.count() == 1
    gone = crm.tags.take("VIP", once)
    assert (gone.version, names(crm, gone), crm.history(gone)[-1].what) == (3, [], "untagged")
    assert crm.tags.take("VIP", gone) == gone
    assert crm.tags.put("VIP", []) == ()


def test_no_record_makes_no_tag(crm: CRM) -> None:
    """Nor does a refused one."""
    assert crm.tags.put("VIP", []) == ()
    with pytest.raises(NotFound):
        crm.tags.put("VIP", "account_9")
    with pytest.raises(NotFound):
        crm.tags.put("VIP", "nothing_9")
    with pytest.raises(NotAllowed, match="is deleted"):
        crm.tags.put("VIP", crm.accounts.delete(crm.accounts.add(name="Acme")))

    assert crm.tags.count() == 0


def test_a_stale_record_is_refused_whole(crm: CRM, acme: Account) -> None:
    """An id means the current one."""
    other = crm.accounts.add(name="Babbage")
    crm.accounts.update(acme, name="Acme Ltd")

    with pytest.raises(Conflict):
        crm.tags.put("VIP", [other, acme])
    assert crm.tags.count() == 0
    assert names(crm, other) == []
    assert crm.tags.put("VIP", acme.id).version == 3


@pytest.mark.parametrize("given", [5, None, object(), [5], [None, "account_0001"], "", [""]])
def test_what_is_no_record_is_refused(crm: CRM, acme: Account, given: Any) -> None:  # noqa: ANN401
    """All of them at once."""
    with pytest.raises(Invalid, match="record: "):
        crm.tags.put("VIP", given)
    with pytest.raises(Invalid) as caught:
        crm.tags.put("VIP", [5, acme, None])
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("tag", ["", "  ", 5, None, b"vip", "a\x00", "\ud800", "x" * 101])
def test_what_is_no_name_is_refused(crm: CRM, acme: Account, tag: Any) -> None:  # noqa: ANN401
    """By every act."""
    known = crm.tags.add(name="known")
    for act in (
        lambda: crm.tags.put(tag, acme),
        lambda: crm.tags.take(tag, acme),
        lambda: crm.tags.rename(known, tag),
        lambda: crm.tags.rename(tag, "new"),
        lambda: crm.tags.merge(tag, into=known),
        lambda: crm.tags.merge(known, into=tag),
        lambda: crm.tags.uses(tag),
        lambda: crm.tags.named(tag),
        lambda: crm.tags.ids(tag),
        lambda: crm.tags.delete(tag),
    ):
        with pytest.raises(Invalid):
            act()

    assert crm.tags.find().items == (known,)


def test_a_tag_is_known_by_itself_its_name_and_its_id(crm: CRM, acme: Account) -> None:
    """A tag that was deleted, or comes from elsewhere, is not put."""
    tag = crm.tags.add(name="VIP")
    acme = crm.tags.put(tag, acme)
    acme = crm.tags.put(tag.id, acme)

    assert (names(crm, acme), crm.tags.count()) == (["VIP"], 1)
    assert crm.tags.named(tag) == crm.tags.named("vip ") == crm.tags.named(tag.id) == tag
    with pytest.raises(Invalid, match="a tag there is"):
        crm.tags.put(Tag(id="tag_9", name="VIP"), acme)
    crm.tags.delete("vip")
    with pytest.raises(Invalid, match="a tag there is"):
        crm.tags.put(tag, acme)


def test_an_act_can_be_backdated(crm: CRM, clock: TickingClock, acme: Account) -> None:
    """The record had the tag then."""
    clock.now = "2026-11-05T09:00Z"
    crm.given(at="2026-11-03T09:00Z").tags.put("VIP", acme.id)

    assert [names(crm.as_of(f"2026-11-0{day}"), acme.id) for day in (2, 3)] == [[], ["VIP"]]
    assert crm.as_of("2026-11-03", known="2026-11-04").tags.of(acme) == ()
    with pytest.raises(NotAllowed, match="the past can't be changed"):
        crm.as_of("2026-11-03").tags.put("VIP", acme.id)


def test_a_key_tags_once(crm: CRM, acme: Account) -> None:
    """And gives the first result again."""
    other = crm.tags.put("VIP", crm.accounts.add(name="Babbage"))
    first = crm.given(key="k").tags.put("VIP", [acme, other])
    crm.tags.take("VIP", acme.id)

    assert crm.given(key="k").tags.put("VIP", [acme, other]) == first
    assert names(crm, acme) == []
    with pytest.raises(Conflict, match="another request"):
        crm.given(key="k").tags.put("Key", [acme, other])


def test_racing_writers_make_one_tag(open_crm: Callable[..., CRM]) -> None:
    """Whoever comes second finds it."""
    crm = open_crm()
    ids = [crm.accounts.add(name=f"{number}").id for number in range(8)]
    threads = [threading.Thread(target=crm.tags.put, args=("VIP", id)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert crm.tags.count() == 1
    assert crm.tags.uses("VIP") == 8


def test_somebody_quicker_every_time_is_told(crm: CRM, acme: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end."""

    def slow(*_: object, **__: object) -> None:
        raise Conflict("account", acme.id, expected=1, found=2)

    monkeypatch.setattr(CRM, "commit", slow)
    with pytest.raises(Conflict):
        crm.tags.put("VIP", acme.id)


# --- tags themselves --------------------------------------------------------------------------------------------------


def test_renaming_keeps_every_link(crm: CRM, acme: Account) -> None:
    """The old name is free."""
    acme = crm.tags.put("VIP", acme)
    key = crm.tags.rename("vip", "Key account")

    assert names(crm, acme) == ["Key account"]
    assert crm.accounts.get(acme.id) == acme
    assert crm.tags.rename(key, "Key account") == key
    assert crm.tags.rename(key.id, "KEY ACCOUNT").version == 3
    assert crm.history(key)[1].what == "renamed"
    with pytest.raises(Conflict):
        crm.tags.rename(key, "VIP")
    crm.tags.add(name="VIP")
    with pytest.raises(Duplicate):
        crm.tags.rename("key account", "vip")


def test_merged_tags_count_as_one(crm: CRM, acme: Account) -> None:
    """Records keep their links; the merged name leads to the tag that stays."""
    both = crm.tags.put("V.I.P.", crm.tags.put("VIP", crm.accounts.add(name="Both")))
    acme = crm.tags.put("V.I.P.", acme)
    old, vip = crm.tags.named("V.I.P."), crm.tags.named("VIP")

    assert crm.tags.merge("V.I.P.", into="VIP") == vip
    assert crm.tags.get(old.id) == vip
    assert crm.tags.find().items == (vip,)
    assert crm.accounts.get(acme.id) == acme
    assert names(crm, acme) == names(crm, both) == ["VIP"]
    assert crm.tags.uses("VIP") == crm.accounts.count(F.tags.contains("vip")) == 2
    assert crm.tags.put("v.i.p.", acme) == acme
    assert crm.tags.take("VIP", both).tags == crm.tags.take("V.I.P.", acme).tags == {}
    assert crm.tags.put("V.I.P.", acme.id).tags == {vip.id: True}
    assert crm.tags.ids("vip") == {old.id, vip.id}


def test_merging_again_changes_nothing(crm: CRM) -> None:
    """Whoever it is asked by; and nothing is merged into itself."""
    a, b, c = (crm.tags.add(name=name) for name in "abc")
    crm.tags.merge(a, into=b)
    end = crm.store.last()

    assert crm.tags.merge(a, into=b) == crm.tags.merge("a", into="b") == crm.tags.merge(a.id, into=b) == b
    assert crm.store.last() == end
    for one, into in [(b, a), ("b", "a"), (b, b), ("b", "B"), (b.id, a.id)]:
        with pytest.raises(NotAllowed, match="can't be merged into itself"):
            crm.tags.merge(one, into=into)
    with pytest.raises(NotAllowed, match=f"was merged into {b.id}"):
        crm.tags.merge(a, into=c)
    assert crm.tags.merge(b, into=c) == c
    assert crm.tags.merge("a", into="c") == c
    assert crm.tags.ids("a") == {a.id, b.id, c.id}
    with pytest.raises(NotAllowed, match="the past"):
        crm.as_of("2026-11-02").tags.merge("a", into="c")
    with pytest.raises(Conflict):
        crm.tags.merge(attrs_old(crm, c), into=crm.tags.add(name="d"))


def attrs_old(crm: CRM, tag: Tag) -> Tag:
    """A tag as it was before somebody renamed it."""
    crm.tags.rename(tag.id, f"{tag.name} once")
    return tag


def test_two_merges_that_race_make_no_circle(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second rests on a tag that is gone."""
    a, b = crm.tags.add(name="a"), crm.tags.add(name="b")
    commit, quicker = CRM.commit, [True]

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if quicker:
            quicker.clear()
            self.tags.merge(b, into=a)
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    with pytest.raises(NotAllowed):
        crm.tags.merge(a, into=b)
    assert [tag.name for tag in crm.tags.find()] == ["a"]


@pytest.mark.parametrize("late", [False, True])
def test_a_tag_deleted_meanwhile_is_not_put(
    open_crm: Callable[..., CRM], monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    """Its name makes a new one; a tag itself is unknown by then."""
    crm, other = open_crm(), open_crm()
    acme, vip = crm.accounts.add(name="Acme"), crm.tags.add(name="VIP")
    busy = [vip]
    place = crm.store if late else crm
    commit = place.commit

    def slow(*arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if busy:
            other.tags.delete(busy.pop())
        return commit(*arguments, **rest)

    monkeypatch.setattr(place, "commit", slow)
    (tag,) = crm.tags.of(crm.tags.put("vip", acme))
    assert (tag.id, tag.name) != (vip.id, "VIP")
    busy.append(tag)
    with pytest.raises(Invalid, match="a tag there is"):
        crm.tags.put(tag, crm.accounts.add(name="Bolt"))


def test_a_merged_name_is_free(crm: CRM, acme: Account) -> None:
    """Once a tag has it, it means that one."""
    crm.tags.put("V.I.P.", acme)
    crm.tags.merge("V.I.P.", into=crm.tags.add(name="VIP"))
    fresh = crm.tags.add(name="v.i.p.")

    assert crm.tags.named("V.I.P.") == fresh
    assert crm.accounts.count(F.tags.contains("V.I.P.")) == 0
    assert crm.accounts.count(F.tags.contains("VIP")) == 1
    crm.tags.merge(fresh, into=crm.tags.add(name="other"))
    assert crm.tags.named("V.I.P.").name == "other"


def test_a_deleted_tag_shows_nowhere(crm: CRM, acme: Account) -> None:
    """Nor do those merged into it; restoring brings all of it back."""
    acme = crm.tags.put("V.I.P.", acme)
    vip = crm.tags.add(name="VIP")
    crm.tags.merge("V.I.P.", into=vip)
    old = next(iter(crm.tags.find(deleted=True)))
    deleted = crm.tags.delete("VIP")

    assert names(crm, acme) == []
    for name in ("VIP", "V.I.P."):
        with pytest.raises(Invalid):
            crm.tags.uses(name)
        with pytest.raises(Invalid):
            crm.accounts.find(F.tags.contains(name))
    with pytest.raises(NotAllowed, match="was merged into"):
        crm.tags.restore(old)
    with pytest.raises(NotAllowed, match="is deleted"):
        crm.tags.delete(deleted.id)
    assert crm.tags.restore(deleted).name == "VIP"
    assert names(crm, acme) == ["VIP"]
    assert crm.tags.uses("v.i.p.") == 1


def test_a_deleted_name_is_free(crm: CRM, acme: Account) -> None:
    """The new tag is another one."""
    acme = crm.tags.put("VIP", acme)
    old = crm.tags.delete("VIP")
    crm.tags.put("vip", crm.accounts.add(name="Babbage"))

    assert (crm.tags.uses("VIP"), names(crm, acme)) == (1, [])
    with pytest.raises(Duplicate):
        crm.tags.restore(old.id)


def test_a_merge_can_be_undone(crm: CRM, acme: Account) -> None:
    """Both tags are what they were."""
    crm.tags.put("V.I.P.", acme)
    crm.tags.merge("V.I.P.", into=crm.tags.add(name="VIP"))
    old = next(iter(crm.tags.find(deleted=True)))
    crm.undo(crm.history(old)[-1].commit)

    assert names(crm, acme) == ["V.I.P."]
    assert (crm.tags.uses("V.I.P."), crm.tags.uses("VIP")) == (1, 0)


def test_namespaces_are_plain_names(crm: CRM, acme: Account) -> None:
    """Found by how they begin."""
    for name in ("region:north", "Region:south", "vip"):
        acme = crm.tags.put(name, acme)

    asked = crm.tags.find(F.name.starts_with("region:"), order_by="name")
    assert [tag.name for tag in asked] == ["Region:south", "region:north"]
    assert names(crm, acme) == ["region:north", "Region:south", "vip"]


@record("shoot")
class Shoot(Record):
    """A day of filming."""


def test_uses_counts_live_records(open_crm: Callable[..., CRM]) -> None:
    """Of all kinds, also of one's own, or of one."""
    crm = open_crm(kinds=[Shoot])
    acme, ada, rome = crm.accounts.add(name="Acme"), crm.contacts.add(name="Ada"), crm.shoots.add()
    acme, *_ = crm.tags.put("VIP", [acme, ada, rome])

    assert crm.tags.uses("VIP") == 3
    assert [crm.tags.uses("vip", kind=kind) for kind in (Account, Contact, Opportunity, Shoot)] == [1, 1, 0, 1]
    crm.accounts.delete(acme)
    assert crm.tags.uses("VIP") == 2
    for kind in (Record, "contact", 5):
        with pytest.raises(Invalid, match="a kind of this CRM"):
            crm.tags.uses("VIP", kind=kind)


def test_of_needs_a_record(crm: CRM, acme: Account) -> None:
    """One there is, or was."""
    crm.tags.put("VIP", acme)
    crm.accounts.delete(acme.id)

    assert names(crm, acme.id) == ["VIP"]
    for id in ("account_9", "nothing_9"):
        with pytest.raises(NotFound):
            crm.tags.of(id)


# --- counts -----------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "c", "d"])
PICKED = st.sets(st.integers(0, 4), min_size=1)


@attrs.define(eq=False)
class Word:
    """A tag, as plainly as can be."""

    name: str
    on: set[str] = attrs.field(factory=set)
    into: Word | None = None
    deleted: bool = False

    @property
    def alive(self) -> bool:
        """Whether it is seen."""
        return self.into is None and not self.deleted

    @property
    def last(self) -> Word:
        """What stands for it."""
        return self if self.into is None else self.into.last


class Tagging(RuleBasedStateMachine):
    """Puts, takes, renames, merges, deletes and restores, and counts with a model of sets."""

    def __init__(self) -> None:
        super().__init__()
        self.crm = CRM(MemoryStore(), clock=TickingClock("2026-11-02T09:00Z"), new_id=CountingIds())
        accounts = [self.crm.accounts.add(name=f"{number}").id for number in range(3)]
        self.records = [*accounts, *(self.crm.contacts.add(name=f"{number}").id for number in range(2))]
        self.words: list[Word] = []

    def ids(self, picked: set[int]) -> set[str]:
        """Some of the records."""
        return {self.records[one] for one in picked}

    def meant(self, name: str) -> Word | None:
        """The tag a name means: the live one, else the one that lost it last in a merge, if what stayed is live."""
        live = [word for word in self.words if word.name == name and word.alive]
        merged = [word.last for word in self.words if word.name == name and word.into is not None]
        return next((word for word in [*live, *merged[-1:]] if word.alive), None)

    @rule(name=WORDS, case=st.sampled_from([str.lower, str.upper]), picked=PICKED)
    def put(self, name: str, case: Callable[[str], str], picked: set[int]) -> None:
        """Make the tag if need be."""
        self.crm.tags.put(case(name), self.ids(picked))
        word = self.meant(name)
        if word is None:
            word = Word(name)
            self.words.append(word)
        word.on |= self.ids(picked)

    @rule(name=WORDS, picked=PICKED)
    def take(self, name: str, picked: set[int]) -> None:
        """Refuse an unknown tag."""
        word = self.meant(name)
        if word is None:
            with pytest.raises(Invalid):
                self.crm.tags.take(name, self.ids(picked))
        else:
            self.crm.tags.take(name, self.ids(picked))
            word.on -= self.ids(picked)

    @rule(name=WORDS, new=WORDS)
    def rename(self, name: str, new: str) -> None:
        """Refuse a name that a live tag has."""
        word, taken = self.meant(name), [one for one in self.words if one.name == new and one.alive]
        if word is not None and taken in ([], [word]):
            self.crm.tags.rename(name, new)
            word.name = new
        else:
            with pytest.raises((Duplicate, Invalid)):
                self.crm.tags.rename(name, new)

    @rule(name=WORDS, into=WORDS)
    def merge(self, name: str, into: str) -> None:
        """Of live tags."""
        word, other = (
            next((one for one in self.words if one.name == text and one.alive), None) for text in (name, into)
        )
        if word is not None and other is not None and word is not other:
            self.crm.tags.merge(name, into=into)
            other.on |= word.on
            word.into = other
            self.words.remove(word)  # the last to lose its name stands last
            self.words.append(word)

    @rule(name=WORDS)
    def delete(self, name: str) -> None:
        """A live tag."""
        word = next((one for one in self.words if one.name == name and one.alive), None)
        if word is not None:
            self.crm.tags.delete(name)
            word.deleted = True

    @rule(name=WORDS)
    def restore(self, name: str) -> None:
        """The only one of that name, if no live tag took it."""
        gone = [word for word in self.words if word.name == name and word.deleted]
        taken = any(word.name == name and word.alive for word in self.words)
        deleted = [
            tag for tag in self.crm.tags.find(deleted=True) if tag.merged_into is None and tag.name.lower() == name
        ]
        assert len(deleted) == len(gone)
        if len(gone) == 1 and not taken:
            self.crm.tags.restore(deleted[0])
            gone[0].deleted = False

    @invariant()
    def counts_are_exact(self) -> None:
        """Of every tag, over all kinds and one, and of every record."""
        tags, live = self.crm.tags, [word for word in self.words if word.alive]
        assert sorted(tag.name.lower() for tag in tags.find()) == sorted(word.name for word in live)
        for word in live:
            accounts = {id for id in word.on if id.startswith("account")}
            assert tags.uses(word.name) == len(word.on)
            assert tags.uses(word.name, kind=Account) == len(accounts)
            assert {one.id for one in self.crm.accounts.find(F.tags.contains(word.name))} == accounts
        for id in self.records:
            assert {tag.name.lower() for tag in tags.of(id)} == {word.name for word in live if id in word.on}


@pytest.mark.slow
def test_counts_are_exact_whatever_was_done() -> None:
    """As many as a model of sets says."""
    run_state_machine_as_test(Tagging)
