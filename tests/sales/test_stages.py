"""Stage history: whole and contiguous, whatever was learnt late."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings, strategies as st

from crmcore import CRM, NotAllowed, Opportunity
from crmcore.kernel.change import Change, replay
from crmcore.kernel.records import kind_of
from crmcore.sales.stages import StageHistory, Visit, stage_history
from crmcore.testing import CountingIds, TickingClock

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
STAGES = ["qualification", "needs analysis", "proposal"]


def hour(number: float) -> datetime:
    """An instant: so many hours after the first one."""
    return START + timedelta(hours=number)


ACTS: dict[str, Callable[[CRM, str, str, int], Opportunity]] = {
    "advance": lambda crm, deal, stage, _: crm.opportunities.advance(deal, to=stage),
    "win": lambda crm, deal, *_: crm.opportunities.win(deal),
    "lose": lambda crm, deal, *_: crm.opportunities.lose(deal, reason="price"),
    "reopen": lambda crm, deal, stage, _: crm.opportunities.reopen(deal, stage=stage),
    "price": lambda crm, deal, _, amount: crm.opportunities.update(deal, amount=amount),
    "amend": lambda crm, deal, _, amount: crm.given(reason="x").opportunities.amend(deal, amount=amount),
}
STEPS = st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(STAGES), st.integers(1, 9), st.integers(0, 9))


@st.composite
def lived(draw: st.DrawFn) -> tuple[CRM, Opportunity]:
    """A deal to which things happened, learnt in any order; what was not possible was refused."""
    crm = CRM(clock=TickingClock(hour(20), timedelta()), new_id=CountingIds())
    deal = crm.given(at=START).opportunities.add(name="Roof", amount=5)
    for act, stage, amount, at in draw(st.lists(STEPS, max_size=8)):
        with contextlib.suppress(NotAllowed):
            deal = ACTS[act](crm.given(at=hour(at)), deal.id, stage, amount)
    return crm, deal


@settings(max_examples=200)
@given(lived())
def test_the_stage_history_of_a_deal_is_whole(case: tuple[CRM, Opportunity]) -> None:
    """Stays follow each other without a gap, add up to the age, and end where the deal stands."""
    crm, deal = case
    history, until = stage_history(crm.opportunities.history(deal)), hour(20)
    visits = history.visits

    assert [visit.left_at for visit in visits[:-1]] == [visit.entered_at for visit in visits[1:]]
    assert visits[-1].left_at is None
    assert sum((visit.duration(until) for visit in visits), timedelta()) == history.age(until) == until - START
    times = [history.time_in(stage, until) for stage in {visit.stage for visit in visits}]
    assert sum(times, timedelta()) == history.age(until)
    assert (visits[-1].stage, visits[-1].status) == (deal.stage, deal.status)
    assert all(one.stage != other.stage for one, other in pairwise(visits))
    assert history.known


@settings(max_examples=200)
@given(lived())
def test_a_deal_is_a_possible_one_whatever_was_learnt_late(case: tuple[CRM, Opportunity]) -> None:
    """As it stands, and on every day of its past as it is known now."""
    crm, deal = case
    changes = crm.opportunities.history(deal)
    states = [replay(kind_of(Opportunity), changes[:end]) for end in range(1, len(changes) + 1)]

    assert deal == crm.opportunities.get(deal.id) == states[-1]
    for one in states:
        assert one is not None
        assert (one.closed_at is None) is (one.status == "open")
        assert (one.lost_reason is None) is (one.status != "lost")
        assert one.probability == {"won": 1, "lost": 0}.get(one.status, one.stage_probability)
        assert crm.playbook.sales.pipeline(one.pipeline).stage(one.stage).kind == one.status
    for (before, after), change in zip(pairwise(states), changes[1:], strict=True):
        assert before is not None
        assert after is not None
        assert before.amount == after.amount or before.status == "open" or change.what == "amended"
        assert "open" in {before.status, after.status} or change.what == "amended"
        assert change.what != "reopened" or before.status != "open"
    assert crm.verify()


@given(st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 100)), min_size=1), st.integers(-10, 120))
def test_stays_add_up_to_the_age_at_any_instant(moves: list[tuple[str, int]], at: int) -> None:
    """Also at one in the midst of them, and before the first."""
    changes = [
        Change(
            kind="opportunity",
            id="opportunity_1",
            version=version,
            what="advanced",
            sets={"stage": stage, "status": "open"},
            at=hour(number),
        )
        for version, (stage, number) in enumerate(moves, start=1)
    ]
    history = stage_history(changes)
    opened = min(number for _, number in moves)

    assert history.age(hour(at)) == timedelta(hours=max(at - opened, 0))
    assert all(visit.duration(hour(at)) >= timedelta() for visit in history.visits)


@given(st.permutations(range(4)))
def test_the_order_in_which_changes_are_given_does_not_matter(order: list[int]) -> None:
    """They are read in the order they happened."""
    stages = ["qualification", "proposal", "proposal", "negotiation"]
    changes = [
        Change(
            kind="opportunity",
            id="opportunity_1",
            version=number + 1,
            what="advanced",
            sets={"stage": stages[number], "status": "open"},
            at=hour(number),
        )
        for number in order
    ]
    assume(changes)

    assert [visit.stage for visit in stage_history(changes).visits] == ["qualification", "proposal", "negotiation"]


def test_a_stay_that_goes_on_lasts_until_now() -> None:
    """One that is over lasts no longer than it did."""
    over = Visit("proposal", "open", hour(0), hour(5))
    on = Visit("proposal", "open", hour(5))

    assert (over.duration(hour(9)), over.duration(hour(3)), over.duration(hour(-1))) == (
        *(timedelta(hours=5), timedelta(hours=3), timedelta()),
    )
    assert on.duration(hour(9)) == timedelta(hours=4)


def test_the_last_open_stage_is_where_a_deal_was_lost(crm: CRM) -> None:
    """Also when it was lost before."""
    deal = crm.opportunities.add(name="Roof")
    deal = crm.opportunities.lose(crm.opportunities.advance(deal, to="proposal"), reason="price")
    assert stage_history(crm.history(deal)).last_open_stage == "proposal"
    deal = crm.opportunities.lose(crm.opportunities.reopen(deal, stage="needs analysis"), reason="price")
    assert stage_history(crm.history(deal)).last_open_stage == "needs analysis"
    assert [visit.status for visit in stage_history(crm.history(deal)).visits] == [
        "open",
        "open",
        "lost",
        "open",
        "lost",
    ]


def test_a_backdated_move_divides_a_stay(crm: CRM, clock: TickingClock) -> None:
    """The history is derived anew."""
    deal = crm.opportunities.add(name="Roof")
    clock.now = hour(10)
    deal = crm.opportunities.advance(deal, to="proposal")
    crm.given(at=hour(4)).opportunities.advance(deal, to="needs analysis")
    history = stage_history(crm.history(deal))

    assert [(visit.stage, visit.entered_at) for visit in history.visits] == [
        *(("qualification", hour(0)), ("needs analysis", hour(4)), ("proposal", hour(10)))
    ]
    assert history.time_in("needs analysis", hour(12)) == timedelta(hours=6)


def test_of_an_imported_deal_the_stages_before_are_not_known(crm: CRM) -> None:
    """It says so."""
    history = stage_history(crm.history(crm.opportunities.import_deal(name="Roof", stage="proposal")))

    assert not history.known
    assert [visit.stage for visit in history.visits] == ["proposal"]


def test_a_remapped_deal_moves_to_its_new_stage(crm: CRM) -> None:
    """As by any other move."""
    from crmcore import Pipeline, Playbook, SalesRules, Stage

    ends = [Stage("won", kind="won"), Stage("lost", kind="lost")]
    crm.adopt(Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("a"), Stage("b"), *ends])])))
    deal = crm.opportunities.add(name="Roof")
    crm.adopt(Playbook(sales=SalesRules(pipelines=[Pipeline("x", [Stage("b"), *ends])])), remap={("x", "a"): "b"})

    assert [(visit.stage, visit.status) for visit in stage_history(crm.history(deal)).visits] == [
        *(("a", "open"), ("b", "open"))
    ]


@pytest.mark.parametrize("until", [hour(0), hour(9)])
def test_nothing_is_known_of_no_changes(until: datetime) -> None:
    """No stay, no age, no stage."""
    history = stage_history([])

    assert history == StageHistory((), known=False)
    assert (history.age(until), history.time_in("proposal", until), history.last_open_stage) == (
        *(timedelta(), timedelta(), None),
    )
