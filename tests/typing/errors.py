"""What a type checker must conclude about the errors; read by mypy, never run."""

from __future__ import annotations

from typing import assert_type

from crmcore.kernel.errors import Invalid, NotAllowed, Problem


def bad_input_lists_its_problems(error: Invalid) -> None:
    """Whoever catches it can walk through them."""
    assert_type(error.problems, tuple[Problem, ...])


def a_refusal_names_what_is_possible(error: NotAllowed) -> None:
    """By name, to offer it."""
    assert_type(error.possible, tuple[str, ...])
