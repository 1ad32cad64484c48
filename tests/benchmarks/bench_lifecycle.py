"""What a move of a lifecycle costs beside state machine libraries.

``python tests/benchmarks/bench_lifecycle.py`` walks a deal round four stages. Every library looks a move
up, asks the same guard and makes the same change. A state machine needs an object for each record;
crmcore needs none: its table is shared, and the record holds its state.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
from side_by_side import Line, cost, quickest, show, speed
from statemachine import State, StateMachine
from transitions import EventData, Machine

from crmcore import CRM, F, Money, Opportunity
from crmcore.kernel.change import Change, applied
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.kernel.records import kind_of
from crmcore.kernel.where import checked, predicate
from crmcore.sales.opportunity import advance

ROUNDS = 21
LAPS = 250
AT = datetime(2026, 11, 21, tzinfo=UTC)
STAGES = ("qualification", "needs analysis", "proposal", "negotiation")
MOVES = ("analyse", "propose", "negotiate", "restart")
ENDS = (*STAGES[1:], STAGES[0])
TABLE = Lifecycle(
    initial=STAGES[:1],
    moves={(start, move): end for start, move, end in zip(STAGES, MOVES, ENDS, strict=True)},
)

CRM_ = CRM(clock=lambda: AT, by="ada")
CONTEXT = CRM_.context("sales")
KIND = kind_of(Opportunity)
GUARD = predicate(checked(F.amount.is_set, KIND.types, currency="USD", at=AT, zone="UTC"))
FIRST = CRM_.opportunities.add(name="Roof", amount=Money("12000", "USD"), close_on="2026-12-15")
DEALS = [attrs.evolve(FIRST, stage=stage) for stage in STAGES]


# --- crmcore ----------------------------------------------------------------------------------------------------------


def moved(deal: Opportunity, move: str) -> Change[Opportunity]:
    """Look up, guard, change."""
    end = TABLE.after(deal.stage, move)
    if not GUARD(deal):
        raise AssertionError(move)
    return CONTEXT.changed(deal, move, stage=end)


def look_up() -> None:
    """The table alone."""
    for _ in range(LAPS):
        for stage, move in zip(STAGES, MOVES, strict=True):
            TABLE.after(stage, move)


def move_round() -> None:
    """Look-up, guard and change."""
    for _ in range(LAPS):
        for deal, move in zip(DEALS, MOVES, strict=True):
            moved(deal, move)


def advance_round() -> None:
    """The act itself, with pipeline, exit criteria and required fields as the playbook has them."""
    for _ in range(LAPS):
        for deal, end in zip(DEALS, ENDS, strict=True):
            advance(deal, CONTEXT, to=end)


def records_round() -> None:
    """The act, and the record after each change."""
    deal: Opportunity = FIRST
    for _ in range(LAPS):
        for end in ENDS:
            deal = applied(KIND, deal, advance(deal, CONTEXT, to=end))


# --- the others -------------------------------------------------------------------------------------------------------


class Model:
    """A deal as transitions wants it: an object with methods to be told, whose state changes."""

    state: str
    analyse: Callable[[], bool]
    propose: Callable[[], bool]
    negotiate: Callable[[], bool]
    restart: Callable[[], bool]

    def __init__(self) -> None:
        self.id, self.version, self.amount = FIRST.id, 1, FIRST.amount
        self.change: Change[Opportunity] | None = None

    def allowed(self, _: EventData | None = None) -> bool:
        """The guard."""
        return self.amount is not None

    def note(self, event: EventData) -> None:
        """The change."""
        self.version += 1
        self.change = change(self, event.event.name, self.state)


def change(deal: Any, what: str, stage: str) -> Change[Opportunity]:  # noqa: ANN401 - a model of either library
    """The change every library makes."""
    return Change(
        kind="opportunity", id=deal.id, version=deal.version, what=what, sets={"stage": stage}, at=AT, by="ada"
    )


def machine(model: Model, *, bare: bool = False) -> Machine:
    """A machine of transitions, with or without guard and change."""
    guarded: dict[str, Any] = {} if bare else {"conditions": "allowed"}
    table = [
        {"trigger": move, "source": start, "dest": end, **guarded}
        for start, move, end in zip(STAGES, MOVES, ENDS, strict=True)
    ]
    noted: dict[str, Any] = {} if bare else {"after_state_change": "note", "send_event": True}
    return Machine(model, states=list(STAGES), initial=STAGES[0], transitions=table, auto_transitions=False, **noted)


class DealMachine(StateMachine):
    """A deal as python-statemachine wants it: a machine of its own."""

    qualification = State(initial=True)
    needs_analysis = State()
    proposal = State()
    negotiation = State()
    analyse = qualification.to(needs_analysis, cond="allowed")
    propose = needs_analysis.to(proposal, cond="allowed")
    negotiate = proposal.to(negotiation, cond="allowed")
    restart = negotiation.to(qualification, cond="allowed")

    def __init__(self) -> None:
        self.id, self.version, self.amount = FIRST.id, 1, FIRST.amount
        self.change: Change[Opportunity] | None = None
        super().__init__()

    def allowed(self) -> bool:
        """The guard."""
        return self.amount is not None

    def after_transition(self, event: str, target: State) -> None:
        """The change."""
        self.version += 1
        self.change = change(self, str(event), target.id)


def rounds_of(deal: Any, laps: int) -> Callable[[], None]:  # noqa: ANN401 - a model of either library
    """The same walk, move by move."""

    def walk() -> None:
        for _ in range(laps):
            deal.analyse()
            deal.propose()
            deal.negotiate()
            deal.restart()

    return walk


# --- the table --------------------------------------------------------------------------------------------------------


def held(make: Callable[[], object], count: int) -> float:
    """The bytes one object keeps, out of many."""
    tracemalloc.start()
    kept = [make() for _ in range(count)]
    size = tracemalloc.get_traced_memory()[0] / len(kept)
    tracemalloc.stop()
    return size


def with_machine() -> Model:
    """A model that has a machine of its own, as the tutorial of transitions gives it."""
    model = Model()
    machine(model)
    return model


def lines() -> Iterator[Line]:
    """One line for each comparison."""
    bare, full, slow = Model(), Model(), DealMachine()
    machine(bare, bare=True)
    machine(full)
    few = LAPS // 10
    works = [look_up, move_round, advance_round, records_round]
    others = [rounds_of(bare, LAPS), rounds_of(full, LAPS), rounds_of(slow, few)]
    look, move, act, whole, plain, transitions, statemachine = quickest([*works, *others], ROUNDS)
    statemachine *= LAPS / few
    yield speed("`Lifecycle.after` alone", "transitions, neither guard nor change", look, plain, 5)
    yield speed("a move: look-up, guard, change", "transitions, the same", move, transitions, 5)
    yield speed("a move: look-up, guard, change", "python-statemachine, the same", move, statemachine, 50)
    yield speed("`advance`: also pipeline, exit criteria, required fields", "transitions, one guard", act, transitions)
    yield speed("… and python-statemachine", "python-statemachine, one guard", act, statemachine)
    yield speed("`advance` and the record after it", "transitions, one guard, one object", whole, transitions)
    record = held(lambda: attrs.evolve(FIRST, stage="proposal"), 1000)
    yield cost("the memory of a deal and its state", "transitions, a machine a deal", record, held(with_machine, 200))
    yield cost("the memory of a deal and its state", "python-statemachine", record, held(DealMachine, 200))


if __name__ == "__main__":
    show(lines())
