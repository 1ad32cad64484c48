"""Errors: one tree, messages that say what to do, attributes that survive pickling."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel import errors
from crmcore.kernel.errors import (
    Busy,
    Conflict,
    Corrupt,
    CrmError,
    Duplicate,
    Invalid,
    MixedCurrency,
    NotAllowed,
    NotConverged,
    NotFound,
    Problem,
    StoreError,
)

PROBLEM = Problem("amount", "abc", "a number", "write 12000")
EVERY = [
    NotFound("lead", "lead_1"),
    Conflict("lead", "lead_1", expected=1, found=3),
    Duplicate("staff", "staff_1", field="email", holder="staff_2"),
    NotAllowed("cannot win", act="win", possible=["reopen"], problems=[PROBLEM]),
    Invalid([PROBLEM]),
    MixedCurrency([PROBLEM]),
    NotConverged("no optimum", iterations=3, last=(1.0, 2.0)),
    Busy("locked"),
    Corrupt("damaged"),
]


def test_every_error_is_a_crm_error() -> None:
    """Whoever catches CrmError has caught them all."""
    own = [getattr(errors, name) for name in errors.__all__ if name != "Problem"]

    assert all(issubclass(error, CrmError) for error in own)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (NotFound, LookupError),
        (Duplicate, Conflict),
        (Invalid, ValueError),
        (MixedCurrency, Invalid),
        (NotConverged, ArithmeticError),
        *(
            (getattr(errors, name), StoreError)
            for name in ["Busy", "Full", "ReadOnly", "Corrupt", "SchemaTooNew", "Closed"]
        ),
    ],
)
def test_errors_are_also_what_python_calls_them(error: type[Exception], base: type[Exception]) -> None:
    """So that code that knows nothing of crmcore can catch them."""
    assert issubclass(error, base)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_and_copying(error: CrmError) -> None:
    """With its message and every attribute."""
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_a_problem_says_where_what_and_how_to_mend_it() -> None:
    """In one line."""
    assert str(PROBLEM) == "amount: got 'abc', expected a number; write 12000"


def test_invalid_lists_every_problem() -> None:
    """One alone stands for itself; several are counted, and at most twenty shown."""
    many = Invalid(Problem(f"row {row}", None, "a name", "give it") for row in range(1_025))

    assert str(Invalid([PROBLEM])) == str(PROBLEM)
    assert str(Invalid([PROBLEM, PROBLEM])).splitlines()[0] == "2 problems"
    assert str(many).splitlines()[0] == "1,025 problems"
    assert str(many).splitlines()[-1].strip() == "… and 1,005 more, in .problems"
    assert len(many.problems) == 1_025


def test_not_found_says_where_to_look() -> None:
    """Kind, id and mend."""
    assert str(EVERY[0]) == "no lead with id 'lead_1'; check the id, or look with find()"


def test_a_conflict_names_both_versions() -> None:
    """What was read, what stands now, what to do."""
    error = Conflict("lead", "lead_1", expected=1, found=3)

    assert str(error).startswith("lead lead_1 was changed by someone else: you read version 1, it is now 3;")
    assert (error.kind, error.id, error.expected, error.found) == ("lead", "lead_1", 1, 3)


def test_a_duplicate_names_the_holder_but_not_the_value() -> None:
    """The value may be personal."""
    error = Duplicate("staff", "staff_1", field="email", holder="staff_2")

    assert str(error).startswith("email of staff staff_1 is already taken by staff staff_2;")
    assert (error.field, error.holder) == ("email", "staff_2")


def test_a_refusal_carries_what_is_possible_and_why() -> None:
    """Every reason is also in the message."""
    error = NotAllowed("cannot win", act="win", possible=["reopen"], problems=[PROBLEM])

    assert (error.act, error.possible, error.problems) == ("win", ("reopen",), (PROBLEM,))
    assert str(error) == f"cannot win\n  {PROBLEM}"


def test_no_convergence_keeps_where_it_stopped() -> None:
    """For a second attempt from there."""
    error = NotConverged("no optimum", iterations=3, last=(1.0, 2.0))

    assert (error.iterations, error.last) == (3, (1.0, 2.0))


class Hostile:
    """Something that can't even be shown."""

    def __repr__(self) -> str:
        """Fails."""
        raise RuntimeError


def test_a_value_that_cannot_be_shown_is_named_by_its_type() -> None:
    """A message never fails."""
    assert str(Problem("x", Hostile(), "y", "z")) == "x: got <Hostile>, expected y; z"
    assert "<int>" in str(Problem("x", 10**5_000, "y", "z"))


@given(st.text())
def test_a_long_value_is_cut(text: str) -> None:
    """And every message can be printed anywhere."""
    line = str(Problem("x", text, "y", "z"))

    assert len(line) <= errors.SHOWN + len("x: got , expected y; z")
    line.encode("utf-8")


def test_a_message_can_be_written_anywhere() -> None:
    """Also when it names what somebody misspelt with half a character."""
    error = Invalid([Problem("custom.\ud800", "\udfff", "a custom field", "take it out")])

    assert str(error).encode() == rb"custom.\ud800: got '\udfff', expected a custom field; take it out"
