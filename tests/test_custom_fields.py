"""Custom fields: declared in the playbook, typed, required of some records, on every kind."""

from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Account, Conflict, F, Invalid, Money, Opportunity, Playbook, ago
from crmcore.inbox import InboxMessage
from crmcore.kernel import Change, Record, field, kind_of, record
from crmcore.kernel.change import evolved, replay
from crmcore.kernel.custom_field import FIELD_TYPES, CustomField
from crmcore.kinds import DESKS
from crmcore.playbook import OURS, PlaybookVersion
from crmcore.testing import CountingIds, TickingClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.kernel.where import Filter


def under(custom: dict[str, Any], kind: str = "account") -> Playbook:
    """A playbook with custom fields for one kind."""
    return Playbook(custom={kind: custom})


def refused(act: Callable[[], object]) -> list[tuple[str, str, str]]:
    """What an act is refused for: path, expected, mend."""
    with pytest.raises(Invalid) as error:
        act()
    return [(problem.path, problem.expected, problem.mend) for problem in error.value.problems]


# --- declaring --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "parts", "paths"),
    [
        ("words", {}, ["type"]),
        (None, {}, ["type"]),
        (["text"], {}, ["type"]),
        ("words", {"required": 1, "choices": [5], "label": ""}, ["type", "required", "choices", "label"]),
        ("text", {"required": "yes"}, ["required"]),
        ("text", {"required": F.name == "x"}, ["required"]),
        ("text", {"required_when": True}, ["required_when"]),
        ("text", {"required_when": F.name}, ["required_when"]),
        ("text", {"required": True, "required_when": F.name == "x"}, ["required_when"]),
        ("text", {"choices": "north"}, ["choices"]),
        ("text", {"choices": {"north", "south"}}, ["choices"]),
        ("text", {"choices": 5}, ["choices"]),
        ("text", {"choices": ["north", "", " ", 5, "a\x00", "x" * 1_001]}, ["choices"] * 5),
        ("text", {"choices": ["north", "south", "north"]}, ["choices"]),
        ("integer", {"choices": ["1"]}, ["choices"]),
        ("text", {"label": ""}, ["label"]),
        ("text", {"label": "\ud800"}, ["label"]),
        ("text", {"label": "x" * 101}, ["label"]),
        ("text", {"longest": 0}, ["longest"]),
        ("text", {"longest": True}, ["longest"]),
        ("text", {"minimum": 1, "maximum": 2}, ["minimum", "maximum"]),
        ("integer", {"longest": 5}, ["longest"]),
        ("integer", {"minimum": "1"}, ["minimum"]),
        ("integer", {"minimum": 2**63}, ["minimum"]),
        ("integer", {"minimum": 5, "maximum": 4}, ["maximum"]),
        ("money", {"minimum": 100}, ["minimum"]),
        ("decimal", {"minimum": Decimal("0.5")}, ["minimum"]),
        ("text", {"choices": ["abc", "abcd"], "longest": 3}, ["choices"]),
        ("texts", {"choices": ["abcd"], "longest": 0}, ["longest"]),
        ("text", {"personal": "yes"}, ["personal"]),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(type: Any, parts: dict[str, Any], paths: list[str]) -> None:  # noqa: ANN401
    """When it is declared, with every problem."""
    with pytest.raises(Invalid) as error:
        CustomField(type, **parts)

    assert [problem.path for problem in error.value.problems] == paths


def test_the_type_alone_stands_for_a_field() -> None:
    """The playbook holds the field either way, and is the same playbook."""
    short, long = under({"tier": "text"}), under({"tier": CustomField("text")})

    assert short.custom["account"]["tier"] == CustomField("text")
    assert (short, short.text, short.hash) == (long, long.text, long.hash)
    assert short.to_data()["custom"] == {"account": {"tier": "text"}}


FULL = CustomField(
    "text", required_when=(F.name == "x") | (F.custom.rank >= 5), choices=["a", "b"], label="Tier", longest=9
)


def test_a_playbook_with_custom_fields_survives_the_way_through_json() -> None:
    """Conditions, choices and limits included."""
    book = under({"tier": FULL, "rank": CustomField("integer", required=True, minimum=0, maximum=9), "since": "date"})
    again = Playbook.from_data(json.loads(json.dumps(book.to_data())))

    assert again == book
    assert (again.text, again.hash) == (book.text, book.hash)
    assert book.requiring == {"account"}


def test_what_an_older_playbook_said_is_still_read() -> None:
    """A type alone; and a person may leave out what has a default."""
    old = Playbook.from_data({"custom": {"account": {"tier": "text", "rank": {"type": "integer", "required": True}}}})

    assert old.custom["account"] == {"tier": CustomField("text"), "rank": CustomField("integer", required=True)}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, ""),
        (5, ""),
        ([], ""),
        ({}, ".type"),
        ("words", ": type"),
        ({"type": "words"}, ".type"),
        ({"type": "text", "color": "red"}, ""),
        ({"type": "text", "required": "no"}, ".required: value"),
        ({"type": "text", "required_when": {"name": 5}}, ".required_when: filter"),
        ({"type": "text", "choices": "ab"}, ": choices"),
        ({"type": "text", "choices": {"a": 1}}, ": choices"),
        ({"type": "text", "choices": [5]}, ".choices[0]: value"),
        ({"type": "text", "longest": 0}, ": longest"),
        ({"type": "text", "longest": "9"}, ".longest: value"),
    ],
)
def test_data_that_is_no_custom_field_is_refused(data: Any, path: str) -> None:  # noqa: ANN401
    """With where it goes wrong."""
    found = refused(lambda: Playbook.from_data({"custom": {"account": {"tier": data}}}))

    assert [problem[0] for problem in found] == [f"playbook.custom['account']['tier']{path}"]


def test_a_condition_asks_for_what_the_kind_has() -> None:
    """Ours are checked when the playbook is made: every problem at once."""
    wrong = {
        "tier": CustomField("text", required_when=F.status == "won"),
        "rank": CustomField("integer", required_when=F.custom.teir == "gold"),
        "since": CustomField("date", required_when=F.name > 5),
        "fine": CustomField("date", required_when=F.custom.since < ago(days=30)),
    }
    found = refused(lambda: under(wrong))

    assert [problem[0] for problem in found] == [
        "custom.account.tier.required_when: status",
        "custom.account.rank.required_when: custom.teir",
        "custom.account.since.required_when: name",
    ]
    assert found[1][2] == "did you mean custom.tier?"


def test_a_condition_can_not_ask_for_tags_by_name() -> None:
    """A playbook does not know them; what to do instead is said."""
    found = refused(lambda: under({"why": CustomField("text", required_when=~F.tags.contains("vip"))}, "opportunity"))

    assert found == [
        (
            "custom.opportunity.why.required_when: tags",
            "a field of the record: a playbook does not know the tags, whose names may change",
            "declare a custom field for it, and ask about that",
        )
    ]


def test_every_kind_of_ours_is_checked_when_a_playbook_is_made() -> None:
    """A new kind takes its place beside the others, unless it is the CRM's own bookkeeping."""
    assert {*OURS} == DESKS.keys() - {PlaybookVersion, InboxMessage}


# --- values -----------------------------------------------------------------------------------------------------------

VALUES = {
    "text": "north",
    "integer": 3,
    "decimal": Decimal("0.5"),
    "money": Money("1.50", "USD"),
    "boolean": False,
    "date": date(2026, 11, 2),
    "instant": "2026-11-02T09:00Z",
    "texts": ("a", "b"),
}


def test_fields_of_every_type_are_kept_found_and_remembered(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """In both stores: now, in history and as of then."""
    crm = open_crm(playbook=under({type: type for type in FIELD_TYPES}))
    acme = crm.accounts.add(name="Acme", custom=VALUES)
    clock.now += timedelta(days=1)
    bare = crm.accounts.update(acme, custom=dict.fromkeys(VALUES))

    then = crm.as_of("2026-11-02").accounts.get(acme.id)
    assert (bare.custom, then) == ({}, acme)
    assert {*acme.custom} == {*VALUES}
    assert crm.history(acme)[0].sets["custom.money"] == Money("1.50", "USD")
    assert crm.as_of("2026-11-02").accounts.count((F.custom.integer == 3) & F.custom.texts.contains("a")) == 1
    assert crm.accounts.count(F.custom.integer == 3) == 0
    assert crm.verify()


def test_a_value_is_one_of_the_choices(crm: CRM) -> None:
    """Each of several texts, too; whoever wrote another before keeps it."""
    choices = ["north", "south"]
    crm.adopt(under({"region": CustomField("text", choices=choices), "served": CustomField("texts", choices=choices)}))
    acme = crm.accounts.add(name="Acme", custom={"region": "north", "served": ["south", "north"]})

    wrong: list[dict[str, Any]] = [{"region": "North"}, {"region": ""}, {"served": ["north", "east"]}]
    for custom in wrong:
        ((path, expected, mend),) = refused(partial(crm.accounts.update, acme, custom=custom))
        assert (path, expected) == (f"custom.{next(iter(custom))}", "one of north, south")
        assert mend == "choose one of them, or add it to the playbook"
    crm.adopt(under({"region": CustomField("text", choices=["south", "west"]), "served": "texts"}))
    acme = crm.accounts.update(acme.id, name="Acme Ltd", custom={"served": ["east"]})
    assert acme.custom == {"region": "north", "served": ("east",)}
    with pytest.raises(Invalid, match="one of south, west"):
        crm.accounts.update(acme, custom={"region": "north"})
    assert crm.accounts.update(acme, custom={"region": "west"}).custom["region"] == "west"


def test_a_value_is_within_its_limits(crm: CRM) -> None:
    """As a field of the kind itself would be."""
    limits = {
        "code": CustomField("text", longest=3),
        "codes": CustomField("texts", longest=3),
        "rank": CustomField("integer", minimum=1, maximum=5),
        "share": CustomField("decimal", minimum=0, maximum=1),
        "budget": CustomField("money", minimum=0),
    }
    crm.adopt(under(limits))
    wrong = {"code": "abcd", "codes": ["a", "abcd"], "rank": 6, "share": "1.1", "budget": -1}

    found = refused(lambda: crm.accounts.add(name="Acme", custom=wrong))
    assert [problem[0] for problem in found] == [f"custom.{name}" for name in wrong]
    right = {"code": "abc", "codes": ["abc"], "rank": 5, "share": 1, "budget": 0}
    assert {*crm.accounts.add(name="Acme", custom=right).custom} == {*right}


def test_a_personal_value_is_never_shown(open_crm: Callable[..., CRM]) -> None:
    """In no message, nor in a repr; the value is there all the same."""
    born = CustomField("date", personal=True)
    size = CustomField("text", personal=True, choices=["small", "large"])
    crm = open_crm(playbook=under({"born": born, "size": size, "rank": "integer"}, "contact"))
    ada = crm.contacts.add(name="Ada", custom={"born": "1815-12-10", "size": "small"})

    assert ada.custom["born"] == date(1815, 12, 10)
    assert "1815" not in repr(ada)
    assert "custom=<born, size>" in repr(ada)
    for custom in ({"born": "1815-12"}, {"size": "huge"}, {"bron": "1815-12"}, {"siez": "huge"}):
        with pytest.raises(Invalid) as error:
            crm.contacts.update(ada, custom=custom)
        assert not any(word in str(error.value) for word in ("1815", "huge"))
    with pytest.raises(Invalid, match=r"custom.rank: got 'high', expected a whole number"):
        crm.contacts.update(ada, custom={"rank": "high"})
    assert Playbook.from_data(crm.playbook.to_data()).custom["contact"]["born"] == born


# --- required ---------------------------------------------------------------------------------------------------------


def test_a_required_field_is_required_of_new_records(crm: CRM) -> None:
    """Blank is no value; with the reason and the mend."""
    crm.adopt(under({"tier": CustomField("text", required=True), "marks": CustomField("texts", required=True)}))
    blank: list[dict[str, Any]] = [{}, {"tier": None}, {"tier": " ", "marks": []}, {"tier": "", "marks": ()}]

    for custom in blank:
        assert refused(partial(crm.accounts.add, name="Acme", custom=custom)) == [
            ("custom.marks", "a value, which every account requires", "give custom={'marks': …}"),
            ("custom.tier", "a value, which every account requires", "give custom={'tier': …}"),
        ]
    assert crm.accounts.count() == 0
    assert crm.accounts.add(name="Acme", custom={"tier": "gold", "marks": ["a"]}).version == 1
    assert crm.contacts.add(name="Ada").version == 1


def test_no_value_is_a_value(crm: CRM) -> None:
    """Zero and no are values."""
    crm.adopt(under({"rank": CustomField("integer", required=True), "agreed": CustomField("boolean", required=True)}))

    assert crm.accounts.add(name="Acme", custom={"rank": 0, "agreed": False}).custom == {"rank": 0, "agreed": False}


def test_a_required_value_can_be_replaced_but_not_taken_away(crm: CRM) -> None:
    """An update that says something else goes through."""
    crm.adopt(under({"tier": CustomField("text", required=True)}))
    acme = crm.accounts.add(name="Acme", custom={"tier": "gold"})

    found = refused(lambda: crm.accounts.update(acme, name="Acme Ltd", custom={"tier": None}))
    assert found == [("custom.tier", "a value, which every account requires", "keep custom.tier")]
    assert crm.accounts.update(acme, custom={"tier": "silver"}).custom == {"tier": "silver"}


def test_a_record_older_than_the_field_may_be_changed_otherwise(crm: CRM) -> None:
    """Once it has a value, it keeps one."""
    acme = crm.accounts.add(name="Acme")
    crm.adopt(under({"tier": CustomField("text", required=True)}))
    acme = crm.accounts.update(acme, name="Acme Ltd")
    acme = crm.accounts.update(acme, custom={"tier": "gold"})

    with pytest.raises(Invalid, match=r"custom.tier: got None, expected a value, which every account requires"):
        crm.accounts.update(acme, custom={"tier": None})


def test_a_field_is_required_of_the_records_that_match(open_crm: Callable[..., CRM]) -> None:
    """Coming to match without a value is refused, whichever act leads there."""
    needs = CustomField("text", required_when=(F.status == "won") & (F.amount >= 10_000), choices=["post", "mail"])
    crm = open_crm(playbook=Playbook(currency="EUR", custom={"opportunity": {"invoice by": needs}}))
    small = crm.opportunities.add(name="Shed", amount=500)
    roof = crm.opportunities.add(name="Roof", amount=12_000)

    assert crm.opportunities.win(small).status == "won"
    assert refused(lambda: crm.opportunities.win(roof)) == [
        (
            "custom.invoice by",
            "a value, which every opportunity requires when status is won and amount is at least 10,000",
            "first update custom.invoice by",
        )
    ]
    assert crm.opportunities.get(roof.id) == roof
    roof = crm.opportunities.update(roof, custom={"invoice by": "mail"})
    roof = crm.opportunities.win(roof)
    assert crm.opportunities.count(F.custom["invoice by"] == "mail") == 1
    assert [change.what for change in crm.history(roof)] == ["opened", "updated", "won"]


def test_one_custom_field_may_ask_for_another(crm: CRM) -> None:
    """Both may come at once."""
    crm.adopt(under({"public": "boolean", "ticker": CustomField("text", required_when=F.custom.public == True)}))  # noqa: E712
    acme = crm.accounts.add(name="Acme")

    found = refused(lambda: crm.accounts.update(acme, custom={"public": True}))
    assert found[0][1] == "a value, which every account requires when custom.public is yes"
    acme = crm.accounts.update(acme, custom={"public": True, "ticker": "ACM"})
    assert crm.accounts.update(acme, custom={"public": False, "ticker": None}).custom == {"public": False}


def test_nothing_is_required_of_a_deleted_record(crm: CRM) -> None:
    """It comes back as it was."""
    crm.adopt(under({"left": CustomField("text", required_when=F.deleted_at.is_set), "tier": "text"}))
    acme = crm.accounts.delete(crm.accounts.add(name="Acme"))
    crm.adopt(under({"left": "text", "tier": CustomField("text", required=True)}))

    assert crm.accounts.restore(acme).deleted_at is None


def test_a_new_stage_of_a_playbook_may_ask_for_more(crm: CRM) -> None:
    """Adopting changes no record; what comes next is under the new playbook."""
    acme = crm.accounts.add(name="Acme")
    book = under({"tier": CustomField("text", required_when=F.name == "Acme Ltd")})

    assert crm.adopt(book) == crm.playbook
    assert crm.accounts.get(acme.id) == acme
    with pytest.raises(Invalid, match="every account requires when name is"):
        crm.accounts.update(acme, name="Acme Ltd")


def test_the_changes_of_a_commit_are_checked_in_their_order(crm: CRM) -> None:
    """Each is one step; those of records of other kinds are none of its business."""
    crm.adopt(under({"tier": CustomField("text", required_when=F.name == "B")}))
    context = crm.context("")
    made = context.created(Account, "added", name="A")
    acme = Account(id=made.id, name="A")
    named = context.changed(acme, "renamed", name="B")
    tiered = context.changed(acme, "tiered", **{"custom.tier": "gold"})
    more = context.created(Account, "added", name="C"), context.created(Account, "added", name="B")

    found = refused(lambda: crm.commit([made, named, *more]))
    assert [problem[2] for problem in found] == ["first update custom.tier", "give custom={'tier': …}"]
    later = context.changed(Account(id=made.id, version=2, name="A"), "renamed", name="B")
    records = crm.commit([made, tiered, later]).records
    assert (records[-1].custom, records[-1].version) == ({"tier": "gold"}, 3)


def test_a_stale_change_is_a_conflict(crm: CRM) -> None:
    """Whatever it would have lacked."""
    crm.adopt(under({"tier": CustomField("text", required=True)}))
    acme = crm.accounts.add(name="Acme", custom={"tier": "gold"})
    stale = crm.context("").changed(acme, "cleared", **{"custom.tier": None})
    crm.accounts.update(acme, name="Acme Ltd")

    with pytest.raises(Conflict):
        crm.commit([stale])


def test_a_batch_and_a_what_if_are_held_to_it_too(crm: CRM) -> None:
    """Step by step; nothing of it is written."""
    crm.adopt(under({"tier": CustomField("text", required=True)}))
    with crm.suppose() as what_if:
        acme = what_if.accounts.add(name="Acme", custom={"tier": "gold"})
        with pytest.raises(Invalid, match="keep custom"):
            what_if.accounts.update(acme, custom={"tier": None})
    with pytest.raises(Invalid, match=r"custom.tier"), crm.batch() as batch:
        batch.accounts.add(name="Acme")

    assert crm.accounts.count() == 0
    with crm.batch() as batch:
        batch.accounts.update(batch.accounts.add(name="Acme", custom={"tier": "gold"}), custom={"tier": "silver"})
    assert crm.accounts.count(F.custom.tier == "silver") == 1


def test_undoing_takes_no_required_value_away(crm: CRM) -> None:
    """But a record may be undone as a whole."""
    acme = crm.accounts.add(name="Acme")
    crm.adopt(under({"tier": CustomField("text", required=True)}))
    acme = crm.accounts.update(acme, custom={"tier": "gold"})
    bond = crm.accounts.add(name="Bond", custom={"tier": "gold"})

    with pytest.raises(Invalid, match="keep custom"):
        crm.undo(crm.history(acme)[-1].commit)
    assert crm.undo(crm.history(bond)[-1].commit)[0].deleted_at is not None


def test_a_late_change_leaves_no_lack_behind(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """Neither then, nor at any time since, nor now."""
    asks = {"status": CustomField("text", required_when=F.name == "big"), "size": "integer"}
    crm = open_crm(playbook=under(asks))
    acme = crm.accounts.add(name="small")  # 2 November
    clock.now += timedelta(days=2)
    acme = crm.accounts.update(acme, custom={"status": "ok"})  # 4 November
    clock.now += timedelta(days=2)
    acme = crm.accounts.update(acme, name="small again")  # 6 November
    clock.now += timedelta(days=2)

    with pytest.raises(Invalid, match=r"custom.status"):  # there was none on the 3rd
        crm.given(at="2026-11-03").accounts.update(acme.id, name="big")
    assert crm.given(at="2026-11-03").accounts.update(acme.id, custom={"size": 3}).custom == {"status": "ok", "size": 3}
    assert crm.given(at="2026-11-05").accounts.update(acme.id, name="big").name == "small again"
    with pytest.raises(Invalid, match=r"keep custom.status|first update"):  # it was big on the 5th
        crm.given(at="2026-11-04T10:00Z").accounts.update(acme.id, custom={"status": None})
    with pytest.raises(Invalid, match="at or after"):
        crm.commit([crm.given(at="2026-11-01").context("").changed(crm.accounts.get(acme.id), "x", name="big")])
    assert crm.as_of("2026-11-05").accounts.count((F.name == "big") & ~F.custom.status.is_set) == 0


def test_a_condition_may_look_back_from_the_act(crm: CRM, clock: TickingClock) -> None:
    """What becomes true with time alone stops no act."""
    asks = CustomField("text", required_when=F.opened_at < ago(days=30))
    crm.adopt(under({"why so long": asks}, "opportunity"))
    roof = crm.opportunities.add(name="Roof")
    clock.now += timedelta(days=31)

    roof = crm.opportunities.update(roof, name="New roof", custom={"why so long": "rain"})
    with pytest.raises(Invalid, match="opened_at is before 30 days ago"):
        crm.opportunities.update(roof, custom={"why so long": None})


# --- kinds of a host's own --------------------------------------------------------------------------------------------


@record("shoot")
class Shoot(Record):
    """A day of filming."""

    place: str = field(key=True)
    wrapped: bool = field(default=False)


def test_kinds_of_your_own_have_custom_fields_too(open_crm: Callable[..., CRM]) -> None:
    """Their conditions are checked when the playbook is adopted."""
    asks = CustomField("text", required_when=F.wrapped == True, label="Reel")  # noqa: E712
    crm = open_crm(kinds=[Shoot], playbook=under({"reel": asks}, "shoot"))
    rome = crm.shoots.add(place="Rome")

    with pytest.raises(Invalid, match="which every shoot requires when wrapped is yes"):
        crm.shoots.update(rome, wrapped=True)
    rome = crm.shoots.update(rome, wrapped=True, custom={"reel": "7b"})
    assert crm.shoots.first(F.custom.reel == "7b") == rome
    wrong = under({"reel": CustomField("text", required_when=F.rapped.is_set)}, "shoot")
    found = refused(lambda: crm.adopt(wrong))
    assert found[0][0] == "custom.shoot.reel.required_when: rapped"
    assert crm.playbook.custom["shoot"]["reel"] == asks
    assert open_crm(kinds=[Shoot]).playbook == crm.playbook


def test_a_requirement_may_come_and_go_but_not_the_type(crm: CRM) -> None:
    """Records may hold the old one."""
    for told in ("text", CustomField("text", required=True), CustomField("text", choices=["a"]), "text"):
        crm.adopt(under({"tier": told}))

    with pytest.raises(Invalid, match=r"custom.account.tier: got 'texts', expected text, as it was"):
        crm.adopt(under({"tier": CustomField("texts")}))


# --- the law ----------------------------------------------------------------------------------------------------------

CONDITIONS: list[tuple[Filter, Callable[[Opportunity], bool]]] = [
    (F.name == "B", lambda deal: deal.name == "B"),
    (F.amount.is_set, lambda deal: deal.amount is not None),
    (~F.custom.tier.is_set, lambda deal: "tier" not in deal.custom),
    ((F.custom.region == "x") & ~(F.name == "A"), lambda deal: deal.custom.get("region") == "x" and deal.name != "A"),
]
NEEDS = st.sampled_from([None, True, *range(len(CONDITIONS))])
FILLED = {"region": "x", "tier": "x"}
SETS: list[dict[str, Any]] = [
    {"name": "A"},
    {"name": "B"},
    {"amount": 5},
    {"amount": None},
    {"custom": FILLED},
    *({"custom": {name: value}} for name in FILLED for value in ("x", "", None)),
    {"name": "B", "custom": {"region": None}},
    {"amount": None, "custom": {"tier": ""}},
    {"deleted_at": "2026-11-02"},
    {"deleted_at": None},
]
STEPS = st.lists(st.tuples(st.sampled_from(SETS), st.sampled_from([0, 0, 2, 4, 8, 16, 32])), max_size=8)
"""What a change sets, and how many hours ago it happened."""


def needing(need: int | None) -> CustomField:
    """A field that no record needs, or all, or those under a condition."""
    always = need is True
    condition = None if always or need is None else CONDITIONS[need][0]
    return CustomField("text", required=always, required_when=condition)


def lacks(deal: Opportunity, name: str, need: int | None) -> bool:
    """Whether a deal lacks a field, said again in other words."""
    if need is None or (deal.custom.get(name) or "").strip():
        return False
    return need is True or CONDITIONS[need][1](deal)


@pytest.mark.slow
@given(
    st.sampled_from([None, "crm.db"]),
    st.sampled_from([{}, FILLED]),
    STEPS,
    st.fixed_dictionaries({"region": NEEDS, "tier": NEEDS}),
    STEPS,
)
def test_no_change_brings_a_record_into_lacking_a_required_field(
    file: str | None, filled: dict[str, str], early: list[Any], needs: dict[str, Any], steps: list[Any]
) -> None:
    """A change is refused just when, at some time, the record would lack what it would not lack without it."""
    clock = TickingClock("2026-11-02T09:00Z", timedelta(hours=1))
    with (
        tempfile.TemporaryDirectory() as folder,
        CRM(None if file is None else Path(folder, file), clock=clock, new_id=CountingIds()) as crm,
    ):
        crm.adopt(under(dict.fromkeys(needs, "text"), "opportunity"))
        deal = crm.opportunities.add(name="C", custom=filled)
        for sets, hours in early:
            deal = written(crm, meant(crm, deal, sets, hours))
        crm.adopt(under({name: needing(need) for name, need in needs.items()}, "opportunity"))
        for sets, hours in steps:
            change = meant(crm, deal, sets, hours)
            expected = any(
                with_it.deleted_at is None and lacks(with_it, name, need) and not lacks(without, name, need)
                for without, with_it in lives(crm, change)
                for name, need in needs.items()
            )
            if expected:
                assert {path for path, *_ in refused(partial(crm.commit, [change]))} <= {
                    f"custom.{name}" for name in needs
                }
            else:
                deal = written(crm, change)
        assert crm.verify()


def meant(crm: CRM, deal: Opportunity, sets: dict[str, Any], hours: int) -> Change[Any]:
    """A change of a deal that happened some hours ago, but not before the deal was there."""
    context = crm.context("")
    at = max(context.at - timedelta(hours=hours), crm.history(deal)[0].at)
    return crm.opportunities.ready(evolved(context.changed(deal, "changed", **sets), at=at))


def written(crm: CRM, change: Change[Any]) -> Opportunity:
    """The deal after a change."""
    (after,) = crm.commit([change]).records
    return cast("Opportunity", after)


def lives(crm: CRM, change: Change[Any]) -> list[tuple[Opportunity, Opportunity]]:
    """The deal without a change and with it, at every time from when it happened on."""
    kind, known = kind_of(Opportunity), crm.history(change.id)
    times = sorted({change.order, *(one.order for one in known if one.order > change.order)})
    return [
        (
            cast("Opportunity", replay(kind, [one for one in known if one.order <= time])),
            cast("Opportunity", replay(kind, [one for one in (*known, change) if one.order <= time])),
        )
        for time in times
    ]
