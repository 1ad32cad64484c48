"""Deals: they move as their pipeline says, and what is closed stays as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Conflict, F, Invalid, Money, NotAllowed, Opportunity, Pipeline, Playbook, SalesRules, Stage
from crmcore.sales.opportunity import advance, lose, win

if TYPE_CHECKING:
    from collections.abc import Callable

    from crmcore.testing import TickingClock

ENDS = (Stage("won", kind="won"), Stage("lost", kind="lost"))


def on(day: int, hour: int = 9) -> datetime:
    """An instant in November 2026."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def deal(crm: CRM, clock: TickingClock) -> Opportunity:
    """A deal opened on the 2nd; today is the 20th."""
    made = crm.opportunities.add(name="Roof", amount=12_000, close_on="2026-12-15")
    clock.now = on(20)
    return made


def whats(crm: CRM, deal: Opportunity) -> list[str]:
    """What happened to a deal, in order."""
    return [change.what for change in crm.history(deal)]


# --- opening ----------------------------------------------------------------------------------------------------------


def test_a_deal_starts_in_the_first_stage_of_the_first_pipeline(crm: CRM) -> None:
    """With that stage's probability."""
    deal = crm.opportunities.add(name="Roof")

    assert (deal.pipeline, deal.stage, deal.status) == ("new business", "qualification", "open")
    assert (deal.stage_probability, deal.probability) == (Decimal("0.1"), Decimal("0.1"))
    assert (deal.opened_at, deal.closed_at) == (on(2), None)


def test_a_deal_holds_what_it_is_opened_with(crm: CRM) -> None:
    """References, amount, day, custom fields and external ids."""
    account, owner = crm.accounts.add(name="Acme"), crm.staff.add(name="Ana")
    product = crm.products.add(name="Consulting day")
    deal = crm.opportunities.add(
        name="Roof",
        account=account.id,
        owner=owner.id,
        product=product.id,
        pipeline="new business",
        stage="proposal",
        amount=Money("12000", "EUR"),
        close_on=date(2026, 12, 15),
        probability_override="0.6",
        external={"hubspot": "7"},
    )

    assert (deal.account, deal.owner, deal.product) == (account.id, owner.id, product.id)
    assert (deal.stage, deal.amount, deal.close_on) == ("proposal", Money("12000", "EUR"), date(2026, 12, 15))
    assert (deal.probability, deal.external) == (Decimal("0.6"), {"hubspot": "7"})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": None}, "name"),
        ({"pipeline": "old business"}, "pipeline"),
        ({"pipeline": 5}, "pipeline"),
        ({"stage": "nowhere"}, "stage"),
        ({"stage": "won"}, "stage"),
        ({"stage": 5}, "stage"),
        ({"amount": -1}, "amount"),
        ({"amount": "much"}, "amount"),
        ({"close_on": "soon"}, "close_on"),
        ({"account": "account_none"}, "account"),
        ({"account": 5}, "account"),
        ({"probability_override": 50}, "probability_override"),
        ({"custom": {"region": "north"}}, "custom.region"),
        ({"custom": None}, "custom"),
        ({"external": {"hubspot": 7}}, "external.hubspot"),
        ({"external": "hubspot"}, "external"),
    ],
)
def test_a_deal_that_does_not_fit_is_not_opened(crm: CRM, fields: dict[str, Any], path: str) -> None:
    """Nothing is written."""
    with pytest.raises(Invalid) as error:
        crm.opportunities.add(**{"name": "Roof", **fields})

    assert [problem.path for problem in error.value.problems] == [path]
    assert crm.opportunities.count() == 0


def test_an_imported_deal_may_have_been_opened_nobody_knows_when(crm: CRM, clock: TickingClock) -> None:
    """It says so."""
    clock.now = on(20)
    dated = crm.given(at=on(3)).opportunities.import_deal(name="Roof", stage="proposal")
    undated = crm.opportunities.import_deal(name="Shed", dated=False)

    assert (dated.opened_at, dated.stage, whats(crm, dated)) == (on(3), "proposal", ["imported"])
    assert undated.opened_at is None


@pytest.mark.parametrize("fields", [{"status": "won"}, {"closed_at": "2026-11-02"}, {"colour": "red"}, {"context": 1}])
def test_a_deal_is_imported_with_what_it_could_be_opened_with(crm: CRM, fields: dict[str, Any]) -> None:
    """It is won or lost afterwards."""
    with pytest.raises(Invalid):
        crm.opportunities.import_deal(name="Roof", **fields)


def test_a_deal_that_starts_in_a_stage_has_what_that_requires(open_crm: Callable[..., CRM]) -> None:
    """All at once; an imported one is there already."""
    stages = [
        Stage("a"),
        Stage("b", requires=["close_on", "custom.region", "external.erp", "opened_at", "name"]),
        *ENDS,
    ]
    rules = SalesRules(pipelines=[Pipeline("x", stages)])
    crm = open_crm(playbook=Playbook(sales=rules, custom={"opportunity": {"region": "text"}}))
    full = {"close_on": "2026-12-15", "custom": {"region": "north"}, "external": {"erp": "7"}}

    with pytest.raises(Invalid) as error:
        crm.opportunities.add(name="Roof", stage="b")
    assert [problem.path for problem in error.value.problems] == ["close_on", "custom.region", "external.erp"]
    with pytest.raises(Invalid, match="names with their values"):
        crm.opportunities.add(name="Roof", stage="b", **{**full, "custom": 5})
    assert crm.opportunities.add(name="Roof", stage="b", **full).stage == "b"
    assert crm.opportunities.import_deal(name="Roof", stage="b").stage == "b"


# --- moving -----------------------------------------------------------------------------------------------------------


def test_a_deal_moves_forward_and_back(crm: CRM, deal: Opportunity) -> None:
    """Its probability is that of the stage it is in."""
    deal = crm.opportunities.advance(deal, to="proposal")
    assert (deal.stage, deal.probability) == ("proposal", Decimal("0.5"))
    deal = crm.opportunities.advance(deal, to="qualification")
    assert (deal.stage, deal.probability) == ("qualification", Decimal("0.1"))


def test_an_override_outlasts_moves_and_both_figures_are_kept(crm: CRM, deal: Opportunity) -> None:
    """Until it is taken back."""
    deal = crm.opportunities.update(deal, probability_override="0.33")
    deal = crm.opportunities.advance(deal, to="proposal")
    assert (deal.probability, deal.stage_probability, deal.probability_override) == (
        *(Decimal("0.33"), Decimal("0.5"), Decimal("0.33")),
    )
    assert crm.opportunities.update(deal, probability_override=None).probability == Decimal("0.5")


def test_the_probability_of_a_stage_that_has_none_is_unknown(crm: CRM) -> None:
    """Not zero."""
    crm.adopt(Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("a"), *ENDS])])))

    assert crm.opportunities.add(name="Roof").probability is None


def test_everything_that_stands_against_a_move_is_listed(crm: CRM) -> None:
    """Exit criteria of the stage it leaves, and what the next one requires."""
    deal = crm.opportunities.add(name="Roof", stage="proposal")

    with pytest.raises(NotAllowed) as error:
        crm.opportunities.advance(deal, to="negotiation")
    assert [problem.path for problem in error.value.problems] == ["exit criterion of proposal", "close_on"]
    assert "amount is set" in str(error.value)
    deal = crm.opportunities.update(deal, amount=1, close_on="2026-12-15")
    assert crm.opportunities.advance(deal, to="negotiation").stage == "negotiation"


def test_exit_criteria_hold_forward_only(crm: CRM) -> None:
    """Nothing keeps a deal from moving back."""
    deal = crm.opportunities.add(name="Roof", stage="proposal")

    assert crm.opportunities.advance(deal, to="needs analysis").stage == "needs analysis"


@pytest.mark.parametrize("to", ["nowhere", 5, None, ["proposal"]])
def test_a_move_to_an_unknown_stage_is_refused(crm: CRM, deal: Opportunity, to: Any) -> None:  # noqa: ANN401
    """With those there are."""
    with pytest.raises(Invalid, match="a stage of new business: qualification"):
        crm.opportunities.advance(deal, to=to)


def test_a_deal_is_closed_by_winning_or_losing(crm: CRM, deal: Opportunity) -> None:
    """Not by moving it to a closing stage."""
    with pytest.raises(NotAllowed, match=r"win\(\) closes a deal"):
        crm.opportunities.advance(deal, to="won")
    with pytest.raises(NotAllowed, match=r"lose\(\) closes a deal"):
        crm.opportunities.advance(deal, to="lost")


def test_a_move_to_where_it_is_is_none(crm: CRM, deal: Opportunity) -> None:
    """The refusal says what is possible."""
    with pytest.raises(NotAllowed) as error:
        crm.opportunities.advance(deal, to="qualification")

    assert error.value.possible == ("needs analysis", "proposal", "negotiation")


def test_a_pipeline_may_allow_some_moves_only(crm: CRM) -> None:
    """The others are refused with what is possible."""
    line = Pipeline("x", [Stage("a"), Stage("b"), Stage("c"), *ENDS], moves={"a": ["b"], "b": ["c", "a"]})
    crm.adopt(Playbook(sales=SalesRules(pipelines=[line])))
    deal = crm.opportunities.add(name="Roof")

    with pytest.raises(NotAllowed, match="from 'a' to 'c'; possible: b"):
        crm.opportunities.advance(deal, to="c")
    deal = crm.opportunities.advance(crm.opportunities.advance(deal, to="b"), to="c")
    assert crm.opportunities.advance(deal, to="a").stage == "a"


# --- closing ----------------------------------------------------------------------------------------------------------


def test_a_won_deal_is_certain_and_closed(crm: CRM, deal: Opportunity) -> None:
    """At the time it was won."""
    deal = crm.opportunities.win(deal)

    assert (deal.status, deal.stage, deal.probability, deal.closed_at) == ("won", "won", 1, on(20))


def test_a_lost_deal_is_worth_nothing_and_says_why(crm: CRM, deal: Opportunity) -> None:
    """Its reason is one of the playbook's."""
    deal = crm.opportunities.lose(deal, reason="price", note="20 % too much")

    assert (deal.status, deal.stage, deal.probability, deal.closed_at) == ("lost", "lost", 0, on(20))
    assert (deal.lost_reason, deal.lost_note) == ("price", "20 % too much")


@pytest.mark.parametrize(
    ("reason", "note", "path"),
    [
        ("bad luck", None, "reason"),
        (None, None, "reason"),
        (5, None, "reason"),
        (["price"], None, "reason"),
        ("other", None, "note"),
        ("other", "  ", "note"),
        ("other", 5, "note"),
        ("price", 5, "lost_note"),
    ],
)
def test_a_deal_is_not_lost_without_a_reason(
    crm: CRM,
    deal: Opportunity,
    reason: Any,  # noqa: ANN401 - as a caller might write it
    note: Any,  # noqa: ANN401
    path: str,
) -> None:
    """``other`` needs a note."""
    with pytest.raises(Invalid) as error:
        crm.opportunities.lose(deal, reason=reason, note=note)

    assert [problem.path for problem in error.value.problems] == [path]
    assert crm.opportunities.get(deal.id) == deal


def test_a_note_is_enough_for_another_reason(crm: CRM, deal: Opportunity) -> None:
    """It is kept."""
    assert crm.opportunities.lose(deal, reason="other", note="moved abroad").lost_note == "moved abroad"


def test_a_deal_is_not_won_before_its_stage_is_done(crm: CRM) -> None:
    """Nor without what winning requires: all at once."""
    stages = [Stage("a", exit_criteria=[F.close_on.is_set]), Stage("won", kind="won", requires=["amount"]), ENDS[1]]
    crm.adopt(Playbook(sales=SalesRules(pipelines=[Pipeline("x", stages)])))
    deal = crm.opportunities.add(name="Roof")

    with pytest.raises(NotAllowed) as error:
        crm.opportunities.win(deal)
    assert [problem.path for problem in error.value.problems] == ["exit criterion of a", "amount"]
    assert crm.opportunities.win(crm.opportunities.update(deal, amount=5, close_on="2026-12-01")).status == "won"


@pytest.mark.parametrize("act", ["advance", "win", "lose"])
@pytest.mark.parametrize("end", ["win", "lose"])
def test_a_closed_deal_only_opens_again_or_is_amended(crm: CRM, deal: Opportunity, act: str, end: str) -> None:
    """It is never won and lost."""
    acts = {
        "advance": lambda deal: crm.opportunities.advance(deal, to="proposal"),
        "win": crm.opportunities.win,
        "lose": lambda deal: crm.opportunities.lose(deal, reason="price"),
    }
    closed = acts[end](deal)

    with pytest.raises(NotAllowed) as error:
        acts[act](closed)
    assert error.value.possible == ("reopen", "amend")


@pytest.mark.parametrize("fields", [{"amount": 5}, {"amount": None}, {"product": None}, {"probability_override": 1}])
@pytest.mark.parametrize("end", ["win", "lose"])
def test_the_economics_of_a_closed_deal_are_frozen(crm: CRM, fields: dict[str, Any], end: str) -> None:
    """Amount, product, override."""
    product = crm.products.add(name="Day")
    deal = crm.opportunities.add(name="Roof", amount=12_000, product=product.id)
    closed = crm.opportunities.win(deal) if end == "win" else crm.opportunities.lose(deal, reason="price")

    with pytest.raises(NotAllowed, match="frozen since it was") as error:
        crm.opportunities.update(closed, **fields)
    assert error.value.possible == ("amend", "reopen")


def test_the_rest_of_a_closed_deal_may_change(crm: CRM, deal: Opportunity) -> None:
    """And saying again what stands already is no change."""
    won = crm.opportunities.win(deal)

    assert crm.opportunities.update(won, name="New roof", amount=12_000).name == "New roof"
    assert crm.opportunities.update(won.id, amount=Money("12000", "USD")).version == won.version + 1


def test_an_amendment_needs_a_reason_and_is_found_in_the_history(crm: CRM, deal: Opportunity) -> None:
    """The amendments are the changes called so."""
    won = crm.opportunities.win(deal)
    with pytest.raises(Invalid, match="reason: got None, expected why it is amended"):
        crm.opportunities.amend(won, amount=11_500)
    with pytest.raises(Invalid, match="reason: got ' ', expected text that is not empty"):
        crm.given(reason=" ").opportunities.amend(won, amount=11_500)

    amended = crm.given(reason="discount agreed", by="ana").opportunities.amend(won, amount=11_500)
    ledger = [change for change in crm.history(deal) if change.what == "amended"]
    assert (amended.amount, amended.closed_at, amended.status) == (Money("11500", "USD"), won.closed_at, "won")
    assert [(one.sets, one.reason, one.by) for one in ledger] == [
        ({"amount": Money("11500", "USD")}, "discount agreed", "ana")
    ]


def test_an_open_deal_is_not_amended(crm: CRM, deal: Opportunity) -> None:
    """Update does that."""
    with pytest.raises(NotAllowed, match="cannot amend from 'open'"):
        crm.given(reason="x").opportunities.amend(deal, amount=5)


@pytest.mark.parametrize("end", ["win", "lose"])
def test_a_deal_opens_again_explicitly(crm: CRM, deal: Opportunity, end: str) -> None:
    """It has no closing any more, but its history keeps it."""
    closed = crm.opportunities.win(deal) if end == "win" else crm.opportunities.lose(deal, reason="price", note="x")
    again = crm.opportunities.reopen(closed, stage="proposal")

    assert (again.status, again.stage, again.probability) == ("open", "proposal", Decimal("0.5"))
    assert (again.closed_at, again.lost_reason, again.lost_note) == (None, None, None)
    assert [change.sets["status"] for change in crm.history(deal) if "status" in change.sets][1:] == [
        *(closed.status, "open")
    ]
    assert crm.opportunities.update(again, amount=5).amount == Money("5", "USD")


def test_a_deal_opens_again_in_the_first_stage(crm: CRM, deal: Opportunity) -> None:
    """Unless another open one is named, whose requirements it meets."""
    lost = crm.opportunities.lose(crm.opportunities.update(deal, close_on=None), reason="price")

    with pytest.raises(Invalid, match="an open stage"):
        crm.opportunities.reopen(lost, stage="won")
    with pytest.raises(NotAllowed, match="a value, which negotiation requires"):
        crm.opportunities.reopen(lost, stage="negotiation")
    assert crm.opportunities.reopen(lost).stage == "qualification"


def test_an_open_deal_is_not_opened_again(crm: CRM, deal: Opportunity) -> None:
    """It is open."""
    with pytest.raises(NotAllowed, match="cannot reopen from 'open'"):
        crm.opportunities.reopen(deal)


@pytest.mark.parametrize(
    "fields",
    [
        {"stage": "won"},
        {"status": "won"},
        {"pipeline": "x"},
        {"closed_at": "2026-11-02"},
        {"opened_at": "2026-11-02"},
        {"stage_probability": 1},
        {"lost_reason": "price"},
        {"deleted_at": "2026-11-02"},
        {"merged_into": "opportunity_2"},
    ],
)
def test_what_acts_write_is_not_updated(crm: CRM, deal: Opportunity, fields: dict[str, Any]) -> None:
    """The refusal names the acts."""
    with pytest.raises((NotAllowed, Invalid)) as error:
        crm.opportunities.update(deal, **fields)
    assert crm.opportunities.get(deal.id) == deal
    if isinstance(error.value, NotAllowed):
        assert error.value.possible == ("advance", "amend", "delete", "lose", "reopen", "restore", "win")


# --- what is learnt late ----------------------------------------------------------------------------------------------


def test_a_move_may_be_entered_late(crm: CRM, deal: Opportunity) -> None:
    """Where it fits between what happened before and after."""
    now = crm.given(at=on(15)).opportunities.advance(deal, to="negotiation")
    late = crm.given(at=on(8)).opportunities.advance(now, to="proposal")

    assert (late.stage, late.version) == ("negotiation", 3)
    assert [(change.what, change.at.day, change.late) for change in crm.history(deal)] == [
        *(("opened", 2, False), ("advanced", 8, True), ("advanced", 15, False))
    ]
    assert crm.as_of(on(10)).opportunities.get(deal.id).stage == "proposal"
    assert crm.verify()


def test_a_late_act_sees_the_deal_as_it_was(crm: CRM, deal: Opportunity) -> None:
    """What is true today does not stand against it."""
    won = crm.opportunities.win(deal)

    assert crm.given(at=on(5)).opportunities.advance(won, to="proposal").status == "won"
    with pytest.raises(NotAllowed, match="cannot advance from 'won'"):
        crm.opportunities.advance(won.id, to="negotiation")


LATE: dict[str, Callable[[CRM, str], Opportunity]] = {
    "win": lambda crm, deal: crm.opportunities.win(deal),
    "lose": lambda crm, deal: crm.opportunities.lose(deal, reason="price"),
    "reopen": lambda crm, deal: crm.opportunities.reopen(deal),
    "advance": lambda crm, deal: crm.opportunities.advance(deal, to="negotiation"),
    "amend": lambda crm, deal: crm.given(reason="x").opportunities.amend(deal, amount=7),
    "update": lambda crm, deal: crm.opportunities.update(deal, amount=9),
    "rename": lambda crm, deal: crm.opportunities.update(deal, name="New roof"),
    "delete": lambda crm, deal: crm.opportunities.delete(deal),
    "restore": lambda crm, deal: crm.opportunities.restore(deal),
}


@pytest.mark.parametrize(
    ("before", "after", "late"),
    [
        ([], ["advance"], "win"),  # advancing a won deal
        ([], ["advance"], "lose"),
        ([], ["win"], "win"),  # winning it twice
        ([], ["win"], "lose"),
        ([], ["lose"], "win"),
        ([], ["update"], "win"),  # changing the amount of a won deal
        ([], ["rename", "update"], "lose"),
        (["win"], ["amend"], "reopen"),  # amending an open deal
        (["win"], ["reopen"], "reopen"),
        (["lose"], ["reopen"], "reopen"),
        ([], ["rename"], "delete"),  # renaming a deleted deal
        ([], ["delete"], "delete"),
        (["delete"], ["restore"], "restore"),
    ],
)
def test_a_late_act_is_refused_when_what_followed_would_not_have_been_possible(
    crm: CRM, deal: Opportunity, before: list[str], after: list[str], late: str
) -> None:
    """Nothing is written."""
    for day, act in enumerate([*before, *after], start=5):
        LATE[act](crm.given(at=on(day + 5 * (act in after))), deal.id)
    stands, told = crm.opportunities.find(), crm.history(deal)

    with pytest.raises(NotAllowed, match="which would not have been possible; give another time"):
        LATE[late](crm.given(at=on(8)), deal.id)
    assert (crm.opportunities.find(), crm.history(deal)) == (stands, told)
    assert crm.verify()


@pytest.mark.parametrize(
    ("after", "late"),
    [(["rename"], "win"), (["win"], "advance"), (["lose"], "update"), (["advance"], "update"), (["delete"], "rename")],
)
def test_a_late_act_is_taken_when_what_followed_stays_possible(
    crm: CRM, deal: Opportunity, after: list[str], late: str
) -> None:
    """Whatever the order in which things become known."""
    for day, act in enumerate(after, start=12):
        LATE[act](crm.given(at=on(day)), deal.id)

    LATE[late](crm.given(at=on(8)), deal.id)
    assert [change.at.day for change in crm.history(deal)] == [2, 8, 12]
    assert crm.verify()


def test_the_amount_of_a_won_deal_is_frozen_against_what_is_learnt_late(crm: CRM, deal: Opportunity) -> None:
    """An amount of an earlier day is kept for that day only."""
    won = crm.opportunities.win(deal)
    late = crm.given(at=on(5)).opportunities.update(won, amount=9)

    assert (late.amount, late.status) == (Money("12000", "USD"), "won")
    assert crm.as_of(on(6)).opportunities.get(deal.id).amount == Money("9", "USD")
    with pytest.raises(NotAllowed, match="frozen since it was won"):
        crm.given(at=on(20)).opportunities.update(late, amount=9)


def test_a_late_move_obeys_the_moves_the_pipeline_allows(crm: CRM, clock: TickingClock) -> None:
    """On both sides of it."""
    line = Pipeline("x", [Stage("a"), Stage("b"), Stage("c"), *ENDS], moves={"a": ["b"], "b": ["c"], "c": []})
    crm.adopt(Playbook(sales=SalesRules(pipelines=[line])))
    deal = crm.opportunities.add(name="Roof")
    clock.now = on(20)
    crm.given(at=on(10)).opportunities.advance(deal.id, to="b")

    with pytest.raises(NotAllowed, match="from 'a' to 'c'"):
        crm.given(at=on(5)).opportunities.advance(deal.id, to="c")
    crm.given(at=on(15)).opportunities.advance(deal.id, to="c")
    assert crm.given(at=on(5)).opportunities.advance(deal.id, to="b").stage == "c"  # it was there sooner
    with pytest.raises(NotAllowed, match=r"from 'b' to 'c'|from 'b' to 'a'"):
        crm.given(at=on(12)).opportunities.advance(deal.id, to="a")


def test_a_late_move_that_cuts_the_way_of_the_next_one_is_refused(crm: CRM, clock: TickingClock) -> None:
    """It would have come from a stage that does not lead there."""
    line = Pipeline("x", [Stage("a"), Stage("b"), Stage("c"), *ENDS], moves={"b": ["a"]})
    crm.adopt(Playbook(sales=SalesRules(pipelines=[line])))
    deal = crm.opportunities.add(name="Roof")
    clock.now = on(20)
    crm.given(at=on(10)).opportunities.advance(deal.id, to="c")

    with pytest.raises(NotAllowed, match="it was advanced after that"):
        crm.given(at=on(5)).opportunities.advance(deal.id, to="b")
    assert crm.given(at=on(15)).opportunities.advance(deal.id, to="b").stage == "b"
    remapped = Pipeline("x", [Stage("a"), *ENDS])
    crm.adopt(Playbook(sales=SalesRules(pipelines=[remapped])), remap={("x", "b"): "a"})
    assert whats(crm, deal) == ["opened", "advanced", "advanced", "remapped"]


def test_nothing_happens_to_a_deal_before_it_was_opened(crm: CRM, deal: Opportunity) -> None:
    """The refusal says when that was."""
    with pytest.raises(Invalid, match=r"at: got '2026-11-01T09:00:00.*expected at or after 2026-11-02T09:00:00"):
        crm.given(at=on(1)).opportunities.win(deal)


# --- which deal is meant ----------------------------------------------------------------------------------------------


def test_a_deal_read_at_an_earlier_moment_is_no_ground_to_act_on(crm: CRM, deal: Opportunity) -> None:
    """Though a late change gave it the version of today."""
    won = crm.given(at=on(10)).opportunities.win(deal)
    now = crm.given(at=on(5)).opportunities.update(won, name="New roof")
    then = crm.as_of(on(6)).opportunities.get(deal.id)
    assert (then.version, then.status) == (now.version, "open")

    with pytest.raises(NotAllowed, match="cannot advance from 'won'"):
        crm.opportunities.advance(then, to="proposal")
    assert crm.opportunities.get(deal.id) == now


def test_a_deal_somebody_made_up_is_no_ground_to_act_on(crm: CRM, deal: Opportunity) -> None:
    """Only id and version of what is passed count."""
    import attrs

    won = crm.opportunities.win(deal)

    with pytest.raises(NotAllowed, match="cannot advance from 'won'"):
        crm.opportunities.advance(attrs.evolve(won, status="open", stage="proposal"), to="negotiation")
    with pytest.raises(Conflict, match="you read version 1, it is now 2"):
        crm.opportunities.win(deal)


def test_acts_are_pure(crm: CRM, deal: Opportunity) -> None:
    """The same record and circumstances give the same change, and nothing is written."""
    context = crm.context("sales")

    assert advance(deal, context, to="proposal") == advance(deal, context, to="proposal")
    assert win(deal, context) == win(deal, context)
    assert lose(deal, context, reason="price") == lose(deal, context, reason="price")
    assert crm.opportunities.get(deal.id) == deal


# --- amending what closing froze -------------------------------------------------------------------------------------


def test_product_and_lost_reason_may_be_amended_too(crm: CRM) -> None:
    """What is left out stays as it was."""
    product = crm.products.add(name="Slate")
    lost = crm.opportunities.lose(crm.opportunities.add(name="Roof", amount=5), reason="price")
    corrected = crm.given(reason="misread the mail").opportunities
    amended = corrected.amend(lost, lost_reason="other", lost_note="moved away", product=product.id)

    assert (amended.lost_reason, amended.lost_note, amended.product) == ("other", "moved away", product.id)
    assert (amended.amount, amended.closed_at) == (lost.amount, lost.closed_at)


@pytest.mark.parametrize("amendment", [{}, {"lost_reason": "bad luck"}, {"lost_reason": "other"}])
def test_an_amendment_must_fit(crm: CRM, amendment: dict[str, str]) -> None:
    """It says something, and something the playbook knows."""
    lost = crm.opportunities.lose(crm.opportunities.add(name="Roof"), reason="price")

    with pytest.raises(Invalid):
        crm.given(reason="slip").opportunities.amend(lost, **amendment)


def test_a_won_deal_was_lost_for_no_reason(crm: CRM) -> None:
    """Only a lost deal has one to amend."""
    won = crm.opportunities.win(crm.opportunities.add(name="Roof"))

    with pytest.raises(Invalid, match="a lost deal"):
        crm.given(reason="slip").opportunities.amend(won, lost_reason="price")


def test_a_deal_whose_product_is_gone_can_be_closed(crm: CRM) -> None:
    """Saying again what it was about refers to nothing new."""
    slate = crm.products.add(name="Slate")
    deal = crm.opportunities.add(name="Roof", product=slate.id)
    crm.products.delete(slate)

    assert crm.opportunities.win(deal).product == slate.id
    with pytest.raises(Invalid, match="a live product"):
        crm.opportunities.add(name="Gate", product=slate.id)
