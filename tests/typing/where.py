"""What a type checker must conclude about filters; read by mypy, never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from crmcore.kernel.where import AllOf, AnyOf, Comparison, F, Filter, Membership, Term, predicate, select


def the_builder_makes_filters() -> None:
    """Comparing a field gives a filter, not a truth value."""
    assert_type(F.stage == "open", Comparison)
    assert_type(F.amount >= 10_000, Comparison)
    assert_type(F.custom.region, Term)
    assert_type(F.stage.is_in(["won", "lost"]), Membership)
    assert_type((F.stage == "open") & (F.amount > 0.5), AllOf)
    assert_type((F.stage == "open") | (F.amount > 0.5), AnyOf)
    assert_type(~(F.stage == "open"), Filter)


def selecting_keeps_the_type(filter: Filter, records: tuple[bytes, ...]) -> None:
    """What comes out is what went in."""
    assert_type(select(filter, records), list[bytes])
    assert_type(predicate(filter), Callable[[object], bool])
