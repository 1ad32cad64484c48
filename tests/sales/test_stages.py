"""Stage history: whole and contiguous, whatever was learnt late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crmcore import CRM, NotAllowed, Opportunity
from crmcore.kernel.change import Change, replay
from crmcore.kernel.records import kind_of
from crmcore.sales.stages import StageHistory, Visit, stage_history
from crmcore.testing import CountingIds, TickingClock

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
STAGES = ["qualification", "needs analysis", "proposal"]


def hour(number: float) -> datetime:
    """An instant: so many hours after the first one."""
    return START + timedelta(hours=number)


class Deals(RuleBasedStateMachine):
    """A deal that is moved, closed, reopened and renamed, now and in the past."""

    @initialize()
    def opened(self) -> None:
        """It is opened."""
        self.clock = TickingClock(START, timedelta())
        self.crm = CRM(clock=self.clock, new_id=CountingIds())
        self.deal = self.crm.opportunities.add(name="Roof", amount=5, close_on="2026-12-01")

    @rule(hours=st.integers(0, 5))
    def time_passes(self, hours: int) -> None:
        """Or not."""
        self.clock.now += timedelta(hours=hours)

    @rule(
        act=st.sampled_from(["advance", "win", "lose", "reopen", "price", "amend", "rename"]),
        to=st.sampled_from(STAGES),
        amount=st.integers(1, 9),
        ago=st.integers(0, 20),
    )
    def something_happens(self, act: str, to: str, amount: int, ago: int) -> None:
        """What is not possible is refused."""
        acts: dict[str, Callable[[CRM], Opportunity]] = {
            "advance": lambda crm: crm.opportunities.advance(self.deal.id, to=to),
            "win": lambda crm: crm.opportunities.win(self.deal.id),
            "lose": lambda crm: crm.opportunities.lose(self.deal.id, reason="price"),
            "reopen": lambda crm: crm.opportunities.reopen(self.deal.id, stage=to),
            "price": lambda crm: crm.opportunities.update(self.deal.id, amount=amount),
            "amend": lambda crm: crm.given(reason="x").opportunities.amend(self.deal.id, amount=amount),
            "rename": lambda crm: crm.opportunities.update(self.deal.id, name=f"to {to}"),
        }
        at = max(self.clock.now - timedelta(hours=ago), START)
        try:
            acts[act](self.crm.given(at=at))
        except NotAllowed:
            return

    @invariant()
    def the_history_is_whole(self) -> None:
        """Stays follow each other without gap, add up to the age, and end where the deal stands."""
        until = self.clock.now
        deal = self.crm.opportunities.get(self.deal.id)
        history = stage_history(self.crm.opportunities.history(deal))
        visits = history.visits

        assert [visit.left_at for visit in visits[:-1]] == [visit.entered_at for visit in visits[1:]]
        assert visits[-1].left_at is None
        assert history.age(until) == until - START
        assert sum((visit.duration(until) for visit in visits), timedelta()) == history.age(until)
        assert sum((history.time_in(stage, until) for stage in {visit.stage for visit in visits}), timedelta()) == (
            until - START
        )
        assert (visits[-1].stage, visits[-1].status) == (deal.stage, deal.status)
        assert all(one.stage != other.stage for one, other in zip(visits, visits[1:], strict=False))
        assert history.known

    @invariant()
    def the_deal_is_a_possible_one(self) -> None:
        """Whatever was learnt late."""
        deal = self.crm.opportunities.get(self.deal.id)

        assert (deal.closed_at is None) is (deal.status == "open")
        assert (deal.lost_reason is None) is (deal.status != "lost")
        assert deal.probability in {"won": {1}, "lost": {0}}.get(deal.status, {deal.stage_probability})
        assert self.crm.playbook.sales.pipeline(deal.pipeline).stage(deal.stage).kind == deal.status

    @invariant()
    def every_day_was_a_possible_one(self) -> None:
        """Each state of the past, as known now: closed deals have a day of closing, and keep their amount."""
        changes = self.crm.opportunities.history(self.deal)
        states = [replay(kind_of(Opportunity), changes[:end]) for end in range(1, len(changes) + 1)]

        for before, change, after in zip(states, changes[1:], states[1:], strict=False):
            assert before is not None
            assert after is not None
            assert (after.closed_at is None) is (after.status == "open")
            assert before.amount == after.amount or before.status == "open" or change.what == "amended"
            assert "open" in {before.status, after.status} or before.status == after.status


TestDeals = Deals.TestCase
TestDeals.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


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
    assert [visit.status for visit in stage_history(crm.history(deal)).visits] == ["open", "open", "lost", "open", "lost"]


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
