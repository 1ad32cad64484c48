"""What a random history is made of: changes to come, and questions to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from crmcore.kernel.money import Money
from crmcore.kernel.ports import Key
from crmcore.kernel.where import F, Filter
from crmcore.testing.model import Whole
from crmcore.testing.specimens import PARCEL, Place, hour

__all__ = [
    "CODES",
    "IDS",
    "POOL",
    "TENANTS",
    "TOO_EARLY",
    "Question",
    "Step",
    "hours",
    "keys",
    "questions",
    "searches",
    "several",
    "skips",
    "tenants",
]

TENANTS = ("here", "there")
POOL: Sequence[Whole] = [*(("parcel", f"p{number}") for number in range(5)), ("box", "b0"), ("box", "b1")]
IDS = tuple(id for _, id in POOL)
CODES = ("A", "B")
TOO_EARLY = -50

tenants = st.sampled_from([*TENANTS, TENANTS[0]])
hours = st.integers(0, 30).map(hour)
keys = st.builds(Key, st.sampled_from("klmn"), st.sampled_from("fffg"))
skips = st.sampled_from([0] * 30 + [-1, 1])
codes = st.sampled_from([None, *CODES])

BOXES: dict[str, st.SearchStrategy[Any]] = {
    "label": st.sampled_from(["", "a", "b", "B", "é", "ab B"]),
    "code": codes,
    "deleted_at": st.sampled_from([None, None, None, hour(5)]),
    "merged_into": st.sampled_from([None] * 12 + [*IDS]),
    "external.shop": codes,
    "custom.region": st.sampled_from([None, "north", "south"]),
    "tags.tag_1": st.sampled_from([None, True]),
}
PARCELS = BOXES | {
    "number": st.sampled_from([None, 1, 2]),
    "note": st.sampled_from([None, "secret"]),
    "status": st.sampled_from(["new", "sent"]),
    "pieces": st.sampled_from([None, -1, 0, 1]),
    "weight": st.sampled_from([None, Decimal("-0.5"), Decimal("0.125"), Decimal(2)]),
    "price": st.sampled_from([None, Money(1, "EUR"), Money(2, "EUR"), Money(1, "JPY")]),
    "fragile": st.sampled_from([None, False, True]),
    "due_on": st.sampled_from([None, date(2026, 1, 1), date(2026, 12, 31)]),
    "sent_at": st.none() | hours,
    "marks": st.sampled_from([(), ("x",), ("x", "y")]),
    "phones.work": st.sampled_from([None, "1", "2"]),
    "depots.east": st.sampled_from([None, Place(town="Rome"), Place(town="Ostia", fee=Money("2.50", "EUR"))]),
    "to": st.sampled_from([None, Place(town="Bari", since=date(2026, 2, 1), share=Decimal("0.5"))]),
    "stops": st.sampled_from([(), (Place(town="Rome"), Place(town="Bari"))]),
}
SETS = {
    "parcel": st.fixed_dictionaries({}, optional=PARCELS),
    "box": st.fixed_dictionaries({}, optional=BOXES),
}


@attrs.frozen
class Step:
    """One change to come: of which record, how long after what it knows, and what it sets.

    Attributes:
        whole: The record's kind and id.
        sets: What it sets.
        after: Hours after the record's latest change, but not before its first; from ``TOO_EARLY`` down, before that.
        skip: Versions left out; 0 for the one that follows.
    """

    whole: Whole
    sets: Mapping[str, Any]
    after: int = 1
    skip: int = 0


def several(*after: int) -> st.SearchStrategy[list[Step]]:
    """Changes for one commit, each some hours after what its record knows."""
    step = st.sampled_from(POOL).flatmap(
        lambda whole: st.builds(Step, st.just(whole), SETS[whole[0]], st.sampled_from(after), skips)
    )
    return st.lists(step, min_size=1, max_size=5)


ASKED: Sequence[Filter] = (
    F.label >= "b",
    F.label.starts_with("É"),
    F.code.is_set,
    F.code == "A",
    F.number.is_in([1, 3]),
    F.note.is_set,
    F.status == "new",
    F.status != "new",
    F.pieces > 0,
    F.weight <= Decimal("0.125"),
    F.price >= 1,
    F.price < Money(2, "EUR"),
    F.fragile == True,  # noqa: E712 - a question, not a comparison
    F.due_on > date(2026, 1, 1),
    F.sent_at <= hour(10),
    F.marks.contains("y"),
    F.custom.region == "north",
    F.external.shop.is_set,
    F.id > "p0",
    F.version >= 3,
)
filters: st.SearchStrategy[Filter] = st.recursive(
    st.sampled_from(ASKED),
    lambda inner: (
        st.builds(lambda a, b: a & b, inner, inner)
        | st.builds(lambda a, b: a | b, inner, inner)
        | inner.map(lambda one: ~one)
    ),
    max_leaves=4,
)


@attrs.frozen
class Question:
    """What to find.

    Attributes:
        where: The filter.
        order: The order.
        limit: The most records on a page.
        deleted: Whether deleted records are asked for.
        past: Where in the log's times to look, by chance; None for now.
    """

    where: Filter | None
    order: str | None
    limit: int
    deleted: bool
    past: int | None


questions = st.lists(
    st.builds(
        Question,
        st.none() | filters,
        st.sampled_from([None, *(f"{sign}{field.name}" for field in PARCEL.keys for sign in ("", "-"))]),
        st.integers(1, 3),
        st.sampled_from([False, False, False, True]),
        st.none() | st.integers(0, 99),
    ),
    min_size=1,
    max_size=6,
)

searches = st.lists(
    st.tuples(
        st.permutations(["parcel", "box"]).flatmap(lambda names: st.sampled_from([names, names[:1]])),
        st.lists(
            st.sampled_from(["a", "b", "ab", "e", "x", "1", "new", "erased"]), min_size=1, max_size=2, unique=True
        ),
        st.integers(1, 8),
    ),
    min_size=1,
    max_size=6,
)
"""What to search for: in which kinds, by which words, and the most records."""
