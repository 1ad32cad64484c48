"""Lifecycles: a table of moves, checked when it is built, drawn from what it holds."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid, NotAllowed
from crmcore.kernel.lifecycle import Lifecycle
from crmcore.sales.opportunity import LIFECYCLE

CASE = Lifecycle(
    initial=["new"],
    moves={
        ("new", "assign"): "in progress",
        ("in progress", "solve"): "solved",
        ("in progress", "close"): "closed",
        ("solved", "close"): "closed",
        ("solved", "reopen"): "in progress",
    },
    final=["closed"],
)


def test_a_move_leads_to_one_state() -> None:
    """What the table says."""
    assert CASE.after("new", "assign") == "in progress"
    assert CASE.after("solved", "reopen") == "in progress"


def test_a_move_the_table_does_not_list_is_refused_with_what_is_possible() -> None:
    """The error carries every possible move."""
    with pytest.raises(NotAllowed, match="cannot close from 'new'; possible: assign") as error:
        CASE.after("new", "close")

    assert (error.value.act, error.value.possible) == ("close", ("assign",))


def test_a_final_state_says_so() -> None:
    """Nothing leads out of it."""
    with pytest.raises(NotAllowed, match="nothing, it is final"):
        CASE.after("closed", "reopen")


@given(st.sampled_from(CASE.states), st.sampled_from(CASE.states))
def test_the_moves_between_two_states_lead_from_one_to_the_other(before: str, after: str) -> None:
    """All of them, and no other."""
    between = CASE.between(before, after)

    assert between == {move for move in CASE.possible(before) if CASE.after(before, move) == after}


def test_states_stand_in_the_order_the_table_names_them() -> None:
    """Initial ones first, each once."""
    assert CASE.states == ("new", "in progress", "solved", "closed")


def test_the_table_may_be_given_in_any_form() -> None:
    """And compares by content."""
    again = Lifecycle(initial=("new",), moves=dict(CASE.moves), final=frozenset({"closed"}))

    assert again == CASE
    assert hash(again) == hash(CASE)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"initial": ["a"], "moves": {("a", "go"): "b"}}, "got 'b', expected a way out"),
        ({"initial": ["a"], "moves": {("b", "go"): "a"}, "final": ["a"]}, "got 'b', expected a state some move leads"),
        ({"initial": [], "moves": {}}, "at least one state"),
        ({"initial": ["a"], "moves": {}, "final": ["a", "z"]}, "got 'z', expected a state of the table"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_when_it_is_built(table: dict[str, object], problem: str) -> None:
    """Dead ends, unreachable states, no start, unknown final states."""
    with pytest.raises(Invalid, match=problem):
        Lifecycle(**table)


def test_every_problem_of_a_table_is_listed() -> None:
    """At once."""
    with pytest.raises(Invalid) as error:
        Lifecycle(initial=["a"], moves={("b", "go"): "c"}, final=["z"])

    assert [problem.value for problem in error.value.problems] == ["b", "c", "a", "c", "z"]


def test_a_table_is_drawn_as_mermaid() -> None:
    """Starts, moves and ends; a name of two words becomes one."""
    assert CASE.to_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> new",
        "    new --> in_progress: assign",
        "    in_progress --> solved: solve",
        "    in_progress --> closed: close",
        "    solved --> closed: close",
        "    solved --> in_progress: reopen",
        "    closed --> [*]",
    ]


def test_the_lifecycle_of_a_deal() -> None:
    """What can happen to it, as the documents draw it."""
    assert LIFECYCLE.possible("open") == ("advance", "win", "lose")
    assert LIFECYCLE.possible("won") == LIFECYCLE.possible("lost") == ("reopen", "amend")
