"""The playbook: how a business works, as data that means the same for ever."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from threading import Thread
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, Conflict, F, Invalid, Money, NotAllowed, NotFound, Pipeline, Playbook, SalesRules, Stage, ago
from crmcore.adoption import in_force
from crmcore.kernel.calendar import FiscalYear
from crmcore.kernel.ports import NOW
from crmcore.kernel.rates import Rate, Rates
from crmcore.playbook import PlaybookVersion
from crmcore.sales.pipeline import FORECASTS
from crmcore.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = (Stage("won", kind="won"), Stage("lost", kind="lost"))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12).filter(
    str.strip
)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
CHANCES = st.decimals(Decimal("0.01"), Decimal("0.99"), places=2)
FILTERS = st.recursive(
    st.sampled_from(
        [
            F.amount.is_set,
            ~F.close_on.is_set,
            F.amount >= 10_000,
            F.amount < Money("5", "EUR"),
            F.probability > Decimal("0.50"),
            F.opened_at > ago(days=30),
            F.close_on <= "2026-12-31",
            F.name.contains("roof"),
            F.stage.is_in(["a", "b"]),
            F.external.erp.starts_with("7"),
            F.custom.region == "north",
        ]
    ),
    lambda some: (
        st.builds(lambda a, b: a & b, some, some) | st.builds(lambda a, b: a | b, some, some) | some.map(lambda a: ~a)
    ),
    max_leaves=4,
)
TYPES = st.sampled_from(["text", "integer", "decimal", "money", "boolean", "date", "instant", "texts"])


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    """A pipeline with everything a stage may ask for."""
    names = draw(st.lists(NAMES, min_size=3, max_size=6, unique_by=str.casefold))
    won, lost, *open_names = names
    stages = [
        Stage(
            name,
            probability=draw(st.none() | CHANCES),
            forecast=draw(st.sampled_from(FORECASTS)),
            requires=draw(
                st.lists(st.sampled_from(["amount", "close_on", "custom.region", "external.erp"]), unique=True)
            ),
            exit_criteria=draw(st.lists(FILTERS, max_size=2)),
            max_age_days=draw(st.none() | st.integers(1, 999)),
        )
        for name in open_names
    ]
    ends = [Stage(won, kind="won", probability=draw(st.sampled_from([None, 1]))), Stage(lost, kind="lost")]
    ways = st.dictionaries(st.sampled_from(open_names), st.lists(st.sampled_from(open_names), unique=True))
    return Pipeline(draw(NAMES), [*stages, *ends], moves=draw(st.none() | ways))


@st.composite
def playbooks(draw: st.DrawFn) -> Playbook:
    """A playbook of any business."""
    days = st.lists(st.dates(), unique=True, max_size=3)
    rates = [Rate("EUR", "USD", day, draw(CHANCES)) for day in draw(days)]
    more = draw(st.dictionaries(NAMES.filter(lambda name: name != "region"), TYPES, max_size=3))
    return Playbook(
        currency=draw(CURRENCIES),
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        fiscal_year=draw(st.builds(FiscalYear, starts=st.integers(1, 12))),
        rates=Rates(rates),
        sales=SalesRules(
            pipelines=draw(st.lists(pipelines(), min_size=1, max_size=2, unique_by=lambda line: line.name)),
            lost_reasons=draw(st.lists(NAMES, min_size=1, unique=True, max_size=3)),
        ),
        custom={"opportunity": {"region": "text", **more}},
    )


@settings(max_examples=60)
@given(playbooks())
def test_a_playbook_survives_the_way_through_json(book: Playbook) -> None:
    """With every filter in it; and its text and hash stay the same."""
    again = Playbook.from_data(json.loads(json.dumps(book.to_data())))

    assert again == book
    assert (again.text, again.hash) == (book.text, book.hash)
    assert json.loads(book.text) == book.to_data()


@settings(max_examples=30)
@given(playbooks())
def test_a_crm_opened_again_works_by_the_playbook_it_was_left_with(book: Playbook) -> None:
    """It is in the store."""
    store = MemoryStore()
    CRM(store, playbook=book)

    assert CRM(store).playbook == book
    assert in_force(store, NOW) == book


def test_the_text_holds_everything() -> None:
    """A default of ours may change one day; what was meant then does not."""
    data = Playbook().to_data()

    assert data["currency"] == "USD"
    assert [stage["name"] for stage in data["sales"]["pipelines"][0]["stages"]][-2:] == ["won", "lost"]
    assert data["sales"]["pipelines"][0]["stages"][2]["exit_criteria"] == [{"field": "amount", "op": "set"}]
    assert len(Playbook().hash) == 16
    assert Playbook().hash == Playbook().hash != Playbook(currency="EUR").hash


def test_data_may_leave_out_what_has_a_default() -> None:
    """When a person writes it."""
    assert Playbook.from_data({}) == Playbook()
    assert Playbook.from_data({"zone": "Europe/Berlin"}).zone == "Europe/Berlin"


STAGE = {"name": "a"}
LINE = {"name": "x", "stages": [STAGE, {"name": "won", "kind": "won"}, {"name": "lost", "kind": "lost"}]}


def with_stage(**stage: Any) -> dict[str, Any]:  # noqa: ANN401 - what a person might write
    """The data of a playbook with one stage like this."""
    return {"sales": {"pipelines": [{**LINE, "stages": [{**STAGE, **stage}, *LINE["stages"][1:]]}]}}


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (None, "playbook"),
        ([], "playbook"),
        ("EUR", "playbook"),
        ({"curency": "EUR"}, "playbook"),
        ({"currency": 5}, "playbook.currency: value"),
        ({"currency": "euro"}, "playbook: currency"),
        ({"zone": "Berlin"}, "playbook: zone"),
        ({"zone": None}, "playbook.zone: value"),
        ({"fiscal_year": {"starts": 13}}, "playbook.fiscal_year: starts"),
        ({"fiscal_year": {"starts": "1"}}, "playbook.fiscal_year.starts: value"),
        ({"rates": 5}, "playbook.rates: rates"),
        ({"rates": "EUR"}, "playbook.rates: rates"),
        ({"sales": {"pipelines": "x"}}, "playbook.sales.pipelines: value"),
        ({"sales": 5}, "playbook.sales"),
        ({"sales": {"pipelines": []}}, "playbook.sales: pipelines"),
        ({"sales": {"pipelines": [{"name": "x"}]}}, "playbook.sales.pipelines[0].stages"),
        ({"sales": {"pipelines": [LINE, LINE]}}, "playbook.sales: pipelines"),
        ({"sales": {"lost_reasons": [5]}}, "playbook.sales.lost_reasons[0]: value"),
        (with_stage(probability="much"), "playbook.sales.pipelines[0].stages[0].probability: value"),
        (with_stage(probability="2"), "playbook.sales.pipelines[0]: pipeline x, stage a.probability"),
        (with_stage(kind="maybe"), "playbook.sales.pipelines[0].stages[0].kind"),
        (with_stage(max_age_days=True), "playbook.sales.pipelines[0].stages[0].max_age_days: value"),
        (with_stage(exit_criteria=[{"amount": 5}]), "playbook.sales.pipelines[0].stages[0].exit_criteria[0]: filter"),
        (with_stage(requires=["colour"]), "playbook: pipeline x, stage a: colour"),
        ({"custom": 5}, "playbook.custom"),
        ({"custom": {"opportunity": ["region"]}}, "playbook.custom['opportunity']"),
        ({"custom": {"opportunity": {"region": "words"}}}, "playbook.custom['opportunity']['region']: type"),
        ({"custom": {"opportunity": {"": "text"}}}, "playbook: custom.opportunity."),
    ],
)
def test_data_that_is_no_playbook_is_refused(data: Any, path: str) -> None:  # noqa: ANN401
    """With where it goes wrong."""
    with pytest.raises(Invalid) as error:
        Playbook.from_data(data)

    assert [problem.path for problem in error.value.problems] == [path]


def test_every_problem_in_the_data_is_listed() -> None:
    """At once, as far as it can be read."""
    with pytest.raises(Invalid) as error:
        Playbook.from_data({"currency": 5, "zone": 5, "sales": {"lost_reasons": [1, 2]}})

    assert len(error.value.problems) == 4


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.sampled_from([*LINE, *STAGE, "sales", "pipelines"]), some)
    ),
    max_leaves=8,
)


@given(ANYTHING, st.sampled_from(["currency", "zone", "fiscal_year", "rates", "sales", "custom", "x"]))
def test_any_data_is_read_or_refused(data: object, name: str) -> None:
    """Never another error."""
    for whole in (data, {name: data}, {"sales": {"pipelines": data}}, with_stage(exit_criteria=data)):
        try:
            book = Playbook.from_data(whole)
        except Invalid:
            continue
        assert Playbook.from_data(book.to_data()) == book


@pytest.mark.parametrize(
    ("parts", "paths"),
    [
        ({"currency": "euro"}, ["currency"]),
        ({"currency": None}, ["currency"]),
        ({"zone": "Berlin"}, ["zone"]),
        ({"zone": 5}, ["zone", "zone"]),
        ({"fiscal_year": 4}, ["fiscal_year"]),
        ({"rates": []}, ["rates"]),
        ({"sales": []}, ["sales"]),
        ({"custom": []}, ["custom"]),
        ({"custom": {"opportunity": "region"}}, ["custom"]),
        ({"custom": {"opportunity": {"region": "words"}}}, ["custom.opportunity.region"]),
        ({"custom": {"opportunity": {5: "text"}}}, ["custom.opportunity.5"]),
        ({"custom": {"opportunity": {"x" * 101: "text"}}}, ["custom.opportunity." + "x" * 101]),
        ({"currency": "euro", "zone": "Berlin", "rates": 1}, ["rates", "currency", "zone"]),
    ],
)
def test_a_playbook_that_makes_no_sense_is_refused(parts: dict[str, Any], paths: list[str]) -> None:
    """When it is made, with every problem."""
    with pytest.raises(Invalid) as error:
        Playbook(**parts)

    assert [problem.path for problem in error.value.problems] == paths


# --- in a CRM ---------------------------------------------------------------------------------------------------------


def test_a_new_crm_works_by_the_standard_playbook(open_crm: Callable[..., CRM]) -> None:
    """It is written down before the first change."""
    crm = open_crm()
    assert crm.playbook == Playbook()
    with pytest.raises(NotFound):
        crm.history("playbook")
    acme = crm.accounts.add(name="Acme")

    assert [change.what for change in crm.history("playbook")] == ["adopted"]
    assert crm.history(acme)[0].playbook == Playbook().hash


def test_a_crm_opened_with_another_playbook_adopts_it(open_crm: Callable[..., CRM]) -> None:
    """The old one stays in the log."""
    one, other = Playbook(currency="EUR"), Playbook(currency="CHF")
    open_crm(playbook=one).accounts.add(name="Acme")
    assert open_crm().playbook == one
    crm = open_crm(playbook=other)
    assert open_crm().playbook == crm.playbook == other

    assert [change.sets["hash"] for change in crm.history("playbook")] == [one.hash, other.hash]


def test_a_crm_opened_with_a_playbook_without_a_stage_in_use_is_refused(open_crm: Callable[..., CRM]) -> None:
    """Adopt with a remap does it."""
    bare = Playbook(sales=SalesRules(pipelines=[Pipeline("new business", [Stage("open"), *ENDS])]))
    open_crm().opportunities.add(name="Roof")

    with pytest.raises(Invalid, match=r"new business.qualification"):
        open_crm(playbook=bare)
    assert open_crm().playbook == Playbook()
    open_crm().adopt(bare, remap={("new business", "qualification"): "open"})
    assert open_crm(playbook=bare).opportunities.count(F.stage == "open") == 1


def test_custom_fields_belong_to_kinds_there_are(crm: CRM) -> None:
    """And keep their type."""
    crm.adopt(Playbook(custom={"opportunity": {"region": "text"}}))

    with pytest.raises(Invalid, match=r"custom.oportunity: got 'oportunity', expected one of account, affiliation"):
        crm.adopt(Playbook(custom={"oportunity": {"region": "text"}}))
    with pytest.raises(Invalid, match=r"custom.opportunity.region: got 'integer', expected text, as it was"):
        crm.adopt(Playbook(custom={"opportunity": {"region": "integer"}}))
    crm.adopt(Playbook(custom={"opportunity": {"region": "text", "size": "integer"}, "account": {"tier": "text"}}))
    assert crm.accounts.add(name="Acme", custom={"tier": "gold"}).custom == {"tier": "gold"}


def test_a_custom_field_that_was_taken_away_keeps_its_values(crm: CRM) -> None:
    """They can't be asked for or written any more."""
    crm.adopt(Playbook(custom={"account": {"tier": "text"}}))
    acme = crm.accounts.add(name="Acme", custom={"tier": "gold"})
    crm.adopt(Playbook())

    assert crm.accounts.update(acme, name="Acme Ltd").custom == {"tier": "gold"}
    with pytest.raises(Invalid, match="a custom field declared in the playbook"):
        crm.accounts.update(acme.id, custom={"tier": "silver"})
    with pytest.raises(Invalid, match="a field filters may ask about"):
        crm.accounts.find(F.custom.tier == "gold")


def test_only_adopting_writes_a_playbook(crm: CRM) -> None:
    """Its desk is there to be read."""
    crm.adopt(Playbook(currency="EUR"))
    desk = crm.desk(PlaybookVersion)
    kept = desk.get("playbook")
    writes: list[Callable[[], object]] = [
        lambda: desk.add(hash="x", text="{}"),
        lambda: desk.update(kept, text="{}"),
        lambda: desk.update("playbook", version=1, text="{}"),
        lambda: desk.delete(kept),
        lambda: desk.restore("playbook"),
        lambda: desk.upsert(("erp", "7"), text="{}"),
    ]

    for write in writes:
        with pytest.raises(NotAllowed, match="possible: adopt") as error:
            write()
        assert error.value.possible == ("adopt",)
    assert kept.hash == crm.playbook.hash
    assert desk.history("playbook") == crm.history("playbook")


def test_two_who_adopt_at_once_do_not_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same playbook is no conflict; another one is."""
    store = MemoryStore()
    crm = CRM(store)
    crm.adopt(Playbook())
    one, other = Playbook(currency="EUR"), Playbook(currency="CHF")
    stale = crm.context("").changed(crm.desk(PlaybookVersion).get("playbook"), "adopted", hash="x", text="{}")
    crm.adopt(one)
    monkeypatch.setattr("crmcore.adoption._adoption", lambda *_: stale)

    crm.adopt(one)
    with pytest.raises(Conflict):
        crm.adopt(other)
    assert CRM(store).playbook == one


def test_what_another_process_adopts_holds_here_too(open_crm: Callable[..., CRM]) -> None:
    """From the next act on: no deal gets into a stage that is gone."""
    line = Pipeline("x", [Stage("a"), Stage("b"), *ENDS])
    here = open_crm(playbook=Playbook(sales=SalesRules(pipelines=[line])))
    deal = here.opportunities.add(name="Roof")
    there = open_crm()
    bare = Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("b"), *ENDS])]))
    there.adopt(bare, remap={("x", "a"): "b"})

    assert here.opportunities.add(name="Shed").stage == "b"
    with pytest.raises(Invalid, match="a stage of x: b, won, lost"):
        here.opportunities.advance(deal.id, to="a")
    assert here.playbook == there.playbook == bare
    assert here.history(here.opportunities.win(deal.id))[-1].playbook == bare.hash


def test_what_another_process_writes_between_act_and_commit_is_not_taken_for_our_own(
    open_crm: Callable[..., CRM],
) -> None:
    """The act rested on rules that are none any more: it is refused, and the next one looks again."""
    here, there = open_crm(), open_crm()
    acme = here.accounts.add(name="Acme")
    change = here.context("").changed(acme, "renamed", name="Acme Ltd")
    there.adopt(Playbook(currency="EUR"))
    with pytest.raises(Conflict, match="playbook"):
        here.commit([change])
    assert here.context("").currency == "EUR"
    with pytest.raises(Conflict, match="another playbook was adopted since"):
        here.commit([change])

    assert here.opportunities.add(name="Roof", amount=5).amount == Money("5", "EUR")


@pytest.mark.parametrize("book", [None, "EUR", {"currency": "EUR"}, 0, Playbook])
def test_only_a_playbook_is_adopted(crm: CRM, book: Any) -> None:  # noqa: ANN401 - what a caller might pass
    """Data is read first."""
    with pytest.raises(Invalid, match=r"read data with from_data\(\)"):
        crm.adopt(book)
    if book is not None:
        with pytest.raises(Invalid, match="a Playbook"):
            CRM(playbook=book)


def test_an_adoption_says_who_and_why(crm: CRM) -> None:
    """As every change does."""
    crm.given(by="ana", reason="new year").adopt(Playbook(currency="EUR"))

    assert [(change.by, change.reason) for change in crm.history("playbook")] == [("ana", "new year")]


def test_a_playbook_is_frozen() -> None:
    """A changed one is another value."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Playbook().currency = "EUR"
    assert attrs.evolve(Playbook(), currency="EUR") == Playbook(currency="EUR")


def test_a_custom_field_does_not_come_back_as_something_else(crm: CRM) -> None:
    """Records may still hold what it was."""
    crm.adopt(Playbook(custom={"account": {"rank": "text"}}))
    crm.accounts.add(name="Acme", custom={"rank": "A"})
    crm.adopt(Playbook())

    with pytest.raises(Invalid, match="text, as it was"):
        crm.adopt(Playbook(custom={"account": {"rank": "integer"}}))
    assert crm.adopt(Playbook(custom={"account": {"rank": "text"}})) == crm.playbook


def test_no_deal_stays_behind_in_a_stage_that_is_taken_away(open_crm: Callable[..., CRM]) -> None:
    """Whoever writes while a playbook is adopted: either the deal is moved, or it is not opened there."""
    ends = (Stage("won", kind="won"), Stage("lost", kind="lost"))
    books = [
        Playbook(sales=SalesRules(pipelines=[Pipeline("new", [Stage(name), *ends])])) for name in ("demo", "offered")
    ]
    here, there = open_crm(playbook=books[0]), open_crm()
    refused: list[Exception] = []

    def write() -> None:
        for number in range(60):
            try:
                there.opportunities.add(
                    name=f"Roof {number}", stage=there.playbook.sales.pipeline().open_stages[0].name
                )
            except (Conflict, Invalid) as error:
                refused.append(error)

    writer = Thread(target=write)
    writer.start()
    turn = 0
    while writer.is_alive() or turn % 2 == 0:
        old, new = ("demo", "offered") if turn % 2 == 0 else ("offered", "demo")
        with contextlib.suppress(Conflict):
            here.adopt(books[(turn + 1) % 2], remap={("new", old): new})
            turn += 1
    writer.join()

    stage = here.playbook.sales.pipeline().open_stages[0].name
    assert here.opportunities.count(F.stage == stage) == here.opportunities.count() == 60 - len(refused)
    assert here.verify()


def test_adopting_rests_on_everything_that_was_read(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written while it reads makes it a conflict."""
    from crmcore import crm as front

    def slow(*arguments: Any) -> Any:  # noqa: ANN401
        crm.accounts.add(name="Acme")
        return []

    monkeypatch.setattr(front, "remapped", slow)
    crm.accounts.add(name="Bcme")
    with pytest.raises(Conflict, match="something was written since"):
        crm.adopt(Playbook(currency="EUR"))


def test_what_others_write_meanwhile_does_not_hide_what_they_adopt(open_crm: Callable[..., CRM]) -> None:
    """An act whose commit does not follow what it last saw is looked behind by the next one."""
    here, there = open_crm(), open_crm()
    acme = here.accounts.add(name="Acme")
    change = here.context("").changed(acme, "renamed", name="Acme Ltd")
    there.accounts.add(name="Bcme")
    here.commit([change])
    there.adopt(Playbook(currency="EUR"))

    assert here.context("").currency == "EUR"
