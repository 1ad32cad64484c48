"""Pipelines: stages as data, checked when they are made, kept with the playbook's history."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, F, Invalid, Pipeline, Playbook, SalesRules, Stage
from crmcore.sales.pipeline import not_allowed

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = (Stage("won", kind="won"), Stage("lost", kind="lost"))
CALLS = Pipeline("calls", [Stage("called", probability="0.2"), Stage("met", probability="0.6"), *ENDS])


def renewals(*stages: str, **rest: Any) -> Playbook:  # noqa: ANN401 - as Pipeline takes them
    """A playbook with one pipeline of these open stages."""
    line = Pipeline("renewals", [*map(Stage, stages), *ENDS], **rest)
    return Playbook(sales=SalesRules(pipelines=[line]))


def problems(make: Callable[[], object]) -> dict[str, str]:
    """What is expected instead, by where the problem is."""
    with pytest.raises(Invalid) as error:
        make()
    return {problem.path: problem.expected for problem in error.value.problems}


def test_a_pipeline_has_stages_in_order() -> None:
    """Found by name, counted from the first."""
    assert [stage.name for stage in CALLS.open_stages] == ["called", "met"]
    assert (CALLS.order("called"), CALLS.order("lost")) == (0, 3)
    assert CALLS.stage("met").probability == Decimal("0.6")
    assert (CALLS.closing("won").name, CALLS.closing("lost").name) == ("won", "lost")


def test_a_stage_is_known_by_its_name() -> None:
    """An unknown one is refused with those there are."""
    with pytest.raises(Invalid, match="a stage of calls: called, met, won, lost"):
        CALLS.stage("meet")


def test_moves_may_be_restricted() -> None:
    """A stage left out may move to any."""
    line = Pipeline("calls", CALLS.stages, moves={"met": ["called"]})

    assert line.allows("called", "met")
    assert line.allows("met", "called")
    assert not Pipeline("calls", CALLS.stages, moves={"called": []}).allows("called", "met")
    assert CALLS.allows("called", "met")


@pytest.mark.parametrize(
    ("stages", "path"),
    [
        ([], "pipeline x, stages"),
        ([Stage("a"), Stage("won", kind="won")], "pipeline x, stages"),
        ([Stage("a"), Stage("a"), *ENDS], "pipeline x, stages"),
        ([Stage(""), *ENDS], "pipeline x, stages"),
        ([Stage("a", kind="maybe"), Stage("b"), *ENDS], "pipeline x, stage a.kind"),
        ([Stage("a", forecast="sure"), *ENDS], "pipeline x, stage a.forecast"),
        ([Stage("a", probability=0), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability="1"), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability=25), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability="a quarter"), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability=float("nan")), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability=True), *ENDS], "pipeline x, stage a.probability"),
        ([Stage("a", probability=Decimal("sNaN")), *ENDS], "pipeline x, stage a.probability"),
        ([Stage({}), *ENDS], "pipeline x, stages"),
        ([Stage("a"), Stage("b", kind="won", probability="0.9"), ENDS[1]], "pipeline x, stage b.probability"),
        ([Stage("a"), ENDS[0], Stage("b", kind="lost", probability=1)], "pipeline x, stage b.probability"),
        ([Stage("a", max_age_days=0), *ENDS], "pipeline x, stage a.max_age_days"),
        ([Stage("a", max_age_days="30"), *ENDS], "pipeline x, stage a.max_age_days"),
        ([Stage("a", max_age_days=True), *ENDS], "pipeline x, stage a.max_age_days"),
        ([Stage("a", requires=[5]), *ENDS], "pipeline x, stage a.requires"),
        ([Stage("a", exit_criteria=["amount > 5"]), *ENDS], "pipeline x, stage a.exit_criteria"),
        (["a", "b"], "pipeline x, stages"),
        ("abc", "stages"),
        (None, "stages"),
    ],
)
def test_a_pipeline_that_makes_no_sense_is_refused(stages: Any, path: str) -> None:  # noqa: ANN401
    """When it is made, with where the problem is."""
    assert path in problems(lambda: Pipeline("x", stages))


def test_won_and_lost_may_say_their_probability() -> None:
    """If it is 1, or 0."""
    ends = [Stage("won", kind="won", probability="1.0"), Stage("lost", kind="lost", probability=0)]

    assert Pipeline("x", [Stage("a", probability=0.5, max_age_days=30), *ends]).closing("won").probability == 1


def test_moves_lead_between_open_stages() -> None:
    """Other names are refused, each."""
    found = problems(lambda: Pipeline("x", [Stage("a"), *ENDS], moves={"a": ["b", "won"], 5: ["a"]}))

    assert found == {"pipeline x, moves": "an open stage"}
    with pytest.raises(Invalid, match="3 problems"):
        Pipeline("x", [Stage("a"), *ENDS], moves={"a": ["b", "won"], 5: ["a"]})


@pytest.mark.parametrize("name", ["", None, 5, "x" * 101, "a\x00"])
def test_a_pipeline_is_named_by_text(name: Any) -> None:  # noqa: ANN401
    """That can be stored."""
    assert [path.rpartition(", ")[2] for path in problems(lambda: Pipeline(name, CALLS.stages))] == ["name"]


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({"pipelines": []}, "pipelines"),
        ({"pipelines": [CALLS, CALLS]}, "pipelines"),
        ({"pipelines": ["calls"]}, "pipelines"),
        ({"pipelines": 5}, "pipelines"),
        ({"lost_reasons": []}, "lost_reasons"),
        ({"lost_reasons": ["price", "price"]}, "lost_reasons"),
        ({"lost_reasons": [""]}, "lost_reasons"),
        ({"lost_reasons": [None]}, "lost_reasons"),
        ({"lost_reasons": "price"}, "lost_reasons"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: dict[str, Any], path: str) -> None:
    """No pipeline, two of a name, no reason to lose."""
    assert list(problems(lambda: SalesRules(**rules))) == [path]


def test_the_first_pipeline_is_the_default() -> None:
    """Another is found by its name."""
    other = Pipeline("renewals", CALLS.stages)
    rules = SalesRules(pipelines=[CALLS, other])

    assert (rules.pipeline(), rules.pipeline("renewals")) == (CALLS, other)
    with pytest.raises(Invalid, match="one of calls, renewals"):
        rules.pipeline("new business")


def test_the_standard_pipeline_is_sound() -> None:
    """No open stage is sure to be won or lost."""
    line = SalesRules().pipeline()

    assert [stage.name for stage in line.open_stages] == ["qualification", "needs analysis", "proposal", "negotiation"]
    assert all(stage.probability is not None and 0 < stage.probability < 1 for stage in line.open_stages)
    assert [stage.forecast for stage in line.stages][-2:] == ["closed", "omitted"]


def test_a_refusal_names_every_condition() -> None:
    """At once."""
    error = not_allowed("advance", "opportunity_1", [])

    assert (str(error), error.act, error.problems) == ("cannot advance opportunity_1 yet", "advance", ())


# --- pipelines in the playbook, and its history -----------------------------------------------------------------------


def test_a_stage_in_use_is_not_taken_away(crm: CRM) -> None:
    """Every such stage is named, with how many deals are in it, and nothing is written."""
    crm.adopt(renewals("offered", "agreed", "signed"))
    for stage in ("offered", "offered", "agreed"):
        crm.opportunities.add(name="Roof", stage=stage)
    before = crm.playbook

    with pytest.raises(Invalid) as error:
        crm.adopt(renewals("signed"))
    assert {problem.path: problem.value for problem in error.value.problems} == {
        "renewals.offered": "2 open deals",
        "renewals.agreed": "1 open deals",
    }
    assert "remap={('renewals', old stage): new stage}" in str(error.value)
    assert crm.playbook == before


def test_a_remap_moves_the_deals_in_the_same_commit(crm: CRM) -> None:
    """With the stage's kind and probability, so that the stage history stays whole."""
    crm.adopt(renewals("offered", "signed"))
    deal = crm.opportunities.add(name="Roof")
    crm.given(by="ana", reason="simpler").adopt(renewals("signed"), remap={("renewals", "offered"): "signed"})

    now = crm.opportunities.get(deal.id)
    last = crm.history(deal)[-1]
    assert (now.stage, now.status, now.version) == ("signed", "open", 2)
    assert (last.what, last.by, last.reason) == ("remapped", "ana", "simpler")
    assert last.commit == crm.history("playbook")[-1].commit
    assert crm.verify()


def test_a_remap_must_lead_to_an_open_stage(crm: CRM) -> None:
    """Of the same pipeline of the new playbook."""
    crm.adopt(renewals("offered", "signed"))
    crm.opportunities.add(name="Roof")

    for target in ("won", "nowhere", None):
        with pytest.raises(Invalid, match="an open stage it still has"):
            crm.adopt(renewals("signed"), remap={("renewals", "offered"): target})
    with pytest.raises(Invalid, match="keep the pipeline 'renewals'"):
        crm.adopt(Playbook(sales=SalesRules(pipelines=[CALLS])), remap={("renewals", "offered"): "called"})


def test_a_stage_that_becomes_a_closing_one_is_taken_away(crm: CRM) -> None:
    """A deal is never open in a stage where deals are won."""
    crm.adopt(renewals("offered", "signed"))
    deal = crm.opportunities.add(name="Roof", stage="signed")
    line = Pipeline("renewals", [Stage("offered"), Stage("signed", kind="won"), ENDS[1]])

    with pytest.raises(Invalid, match="1 open deals"):
        crm.adopt(Playbook(sales=SalesRules(pipelines=[line])))
    assert crm.opportunities.win(deal).stage == "won"
    with pytest.raises(Invalid, match=r"1 won deals.*keep the stage 'won'"):
        crm.adopt(Playbook(sales=SalesRules(pipelines=[line])))
    whole = Pipeline("renewals", [*line.stages, ENDS[0]])
    assert crm.adopt(Playbook(sales=SalesRules(pipelines=[whole]))) == crm.playbook


def test_a_deleted_deal_is_moved_too(crm: CRM) -> None:
    """It may come back."""
    crm.adopt(renewals("offered", "signed"))
    deal = crm.opportunities.delete(crm.opportunities.add(name="Roof"))
    with pytest.raises(Invalid, match="1 open deals"):
        crm.adopt(renewals("signed"))

    crm.adopt(renewals("signed"), remap={("renewals", "offered"): "signed"})
    assert crm.opportunities.restore(deal.id).stage == "signed"


def test_a_remap_happens_now_whatever_the_circumstances(crm: CRM, clock: Any) -> None:  # noqa: ANN401
    """A playbook can't be adopted in the past."""
    crm.adopt(renewals("offered", "signed"))
    deal = crm.opportunities.add(name="Roof")
    clock.now = "2026-11-09T09:00Z"
    crm.given(at="2026-11-03").adopt(renewals("signed"), remap={("renewals", "offered"): "signed"})

    assert [change.at for change in crm.history(deal)][-1] == clock.now
    assert not crm.history(deal)[-1].late


def test_history_is_read_with_the_version_in_force(crm: CRM, clock: Any) -> None:  # noqa: ANN401
    """A probability said today does not change what was said last week."""
    old = Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("a", probability="0.3"), *ENDS])]))
    new = Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("a", probability="0.4"), *ENDS])]))
    crm.adopt(old)
    deal = crm.opportunities.add(name="Roof")
    clock.now = "2026-11-09T09:00Z"
    crm.adopt(new)

    assert crm.as_of("2026-11-04").playbook == old
    assert crm.as_of("2025-01-01").playbook == old
    assert crm.as_of("2026-11-09").playbook == new == crm.playbook
    assert crm.opportunities.get(deal.id).probability == Decimal("0.3")
    assert crm.history(deal)[0].playbook == old.hash


def test_adopting_the_playbook_in_force_writes_nothing(crm: CRM) -> None:
    """However often."""
    book = renewals("offered")
    crm.adopt(book)
    crm.adopt(book)

    assert [change.what for change in crm.history("playbook")] == ["adopted"]


# --- what stages may ask for ------------------------------------------------------------------------------------------


def test_stages_ask_for_what_deals_have() -> None:
    """Unknown fields are refused when the playbook is made: all at once."""
    stages = [
        Stage("a", requires=["close_date", "custom.region", "not a name"]),
        Stage("b", exit_criteria=[F.custom.size > 5, F.amount == "much"]),
    ]

    with pytest.raises(Invalid) as error:
        Playbook(sales=SalesRules(pipelines=[Pipeline("x", [*stages, *ENDS])]))
    assert [problem.path for problem in error.value.problems] == [
        "pipeline x, stage a: close_date",
        "pipeline x, stage a: custom.region",
        "pipeline x, stage a: field",
        "pipeline x, stage b: custom.size",
        "pipeline x, stage b: amount",
    ]


def test_stages_may_ask_for_custom_fields(open_crm: Callable[..., CRM]) -> None:
    """And for ids in other systems."""
    stages = [
        Stage("a", exit_criteria=[F.custom.region == "north"]),
        Stage("b", requires=["custom.region", "external.erp", "amount"]),
    ]
    rules = SalesRules(pipelines=[Pipeline("x", [*stages, *ENDS])])
    crm = open_crm(playbook=Playbook(sales=rules, custom={"opportunity": {"region": "text"}}))
    deal = crm.opportunities.add(name="Roof")

    with pytest.raises(Exception, match=r"cannot advance to 'b' .* yet") as error:
        crm.opportunities.advance(deal, to="b")
    assert [problem.path for problem in error.value.problems] == [
        *("exit criterion of a", "custom.region", "external.erp", "amount")
    ]
    deal = crm.opportunities.update(deal, custom={"region": "north"}, external={"erp": "7"}, amount=5)
    assert crm.opportunities.advance(deal, to="b").stage == "b"


def test_stages_differ_by_more_than_capitals() -> None:
    """No report could tell them apart."""
    with pytest.raises(Invalid, match="names that differ by more than capitals"):
        Pipeline("new", [Stage("Demo"), Stage("demo"), *ENDS])


@pytest.mark.parametrize(
    "conversion",
    [7, {"region": "lead.region"}, {"region": "account"}, {"region": "account."}, {7: "account.x"}, {"x": 7}],
)
def test_custom_fields_of_leads_go_somewhere(conversion: Any) -> None:  # noqa: ANN401
    """To a contact, an account or a deal."""
    with pytest.raises(Invalid, match="conversion"):
        SalesRules(conversion=conversion)


def test_where_custom_fields_go_is_kept_with_the_playbook() -> None:
    """As plain data."""
    playbook = Playbook(sales=SalesRules(conversion={"region": "account.territory"}))

    assert Playbook.from_data(playbook.to_data()) == playbook
