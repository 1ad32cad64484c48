"""Pages: a total order, cut into pages that neither skip nor repeat a record."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.fields import field
from crmcore.kernel.money import Money
from crmcore.kernel.page import LARGEST_PAGE, Page, cut, page_of, place_of, query
from crmcore.kernel.records import Record, kind_of, record

CANARY = "ada.lovelace@engines.example"


@record("shoot")
class Shoot(Record):
    """A day of filming, with a key of every type."""

    place: str | None = field(default=None, key=True, personal=True)
    takes: int | None = field(default=None, key=True)
    rating: Decimal | None = field(default=None, key=True)
    fee: Money | None = field(default=None, key=True)
    insured: bool | None = field(default=None, key=True)
    on: date | None = field(default=None, key=True)
    begins_at: datetime | None = field(default=None, key=True)
    notes: str | None = field(default=None)


@record("plain")
class Plain(Record):
    """A kind without keys."""


SHOOT = kind_of(Shoot)
KEYS = [key.name for key in SHOOT.keys]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "place": st.sampled_from(["", "Oslo", "Rome", "Zürich"]),
    "takes": st.integers(-1, 1),
    "rating": st.decimals(-1, 1, places=1),
    "fee": st.builds(Money.of_minor, st.integers(-1, 1), st.sampled_from(["EUR", "USD"])),
    "insured": st.booleans(),
    "on": st.dates(date(2026, 1, 1), date(2026, 1, 3)),
    "begins_at": st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2), timezones=st.just(UTC)),
}


@st.composite
def shoots(draw: st.DrawFn) -> list[Shoot]:
    """Shoots with values missing and values shared."""
    ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=12))
    return [
        Shoot(id=f"shoot_{id:02}", **{name: draw(st.none() | values) for name, values in VALUES.items()}) for id in ids
    ]


ORDERS = st.none() | st.sampled_from([sign + name for name in KEYS for sign in ("", "-")])


def walked(records: list[Shoot], order_by: str | None, limit: int) -> list[Shoot]:
    """Every record, page by page."""
    found: list[Shoot] = []
    after = None
    while True:
        page = page_of(records, query(SHOOT, None, order_by=order_by, limit=limit, after=after))
        found += page
        after = page.next
        if after is None:
            return found


@given(shoots(), ORDERS, st.integers(1, 5))
def test_pages_hold_every_record_once(records: list[Shoot], order_by: str | None, limit: int) -> None:
    """In one order, however large the pages are."""
    found = walked(records, order_by, limit)

    assert sorted(one.id for one in found) == sorted(one.id for one in records)
    assert found == list(page_of(records, query(SHOOT, None, order_by=order_by, limit=99)))


@given(shoots(), st.sampled_from(KEYS))
def test_descending_is_ascending_backwards_with_what_is_missing_last(records: list[Shoot], name: str) -> None:
    """So an index can be walked backwards."""
    up, down = walked(records, name, 99), walked(records, f"-{name}", 99)
    known = [one for one in up if getattr(one, name) is not None]
    missing = up[len(known) :]

    assert down == [*reversed(known), *missing]
    assert all(getattr(one, name) is None for one in missing)
    assert [one.id for one in missing] == sorted(one.id for one in missing)


@given(shoots(), st.sampled_from(["place", "takes", "rating", "insured", "on", "begins_at"]))
def test_values_stand_in_their_own_order(records: list[Shoot], name: str) -> None:
    """Text by code point; equal values by id."""
    found = [(getattr(one, name), one.id) for one in walked(records, name, 3) if getattr(one, name) is not None]

    assert found == sorted(found)


@pytest.mark.slow
@given(shoots(), shoots(), ORDERS, st.integers(1, 4))
def test_the_next_page_starts_after_the_last_record_whatever_came_meanwhile(
    records: list[Shoot], more: list[Shoot], order_by: str | None, limit: int
) -> None:
    """No record of the first page comes again, none after it is lost."""
    asked = query(SHOOT, None, order_by=order_by, limit=limit)
    first = page_of(records, asked)
    known = {one.id for one in records}
    later = [*records, *(one for one in more if one.id not in known)]
    rest = page_of(later, query(SHOOT, None, order_by=order_by, limit=99, after=first.next)) if first.next else ()
    seen = {one.id for one in first}

    assert seen.isdisjoint(one.id for one in rest)
    assert first.next is None or known <= seen | {one.id for one in rest}


def test_a_page_is_a_sequence() -> None:
    """Of its records."""
    one, other = Shoot(id="shoot_1"), Shoot(id="shoot_2")
    page = Page((one, other))

    assert (len(page), page[0], page[-1], page[:1], list(page)) == (2, one, other, (one,), [one, other])
    assert other in page
    assert list(reversed(page)) == [other, one]
    assert page.next is None
    assert not Page(())


def test_a_page_that_is_cut_says_where_the_next_one_starts() -> None:
    """The last page does not."""
    asked = query(SHOOT, None, limit=1)
    one, other = Shoot(id="shoot_1"), Shoot(id="shoot_2")

    assert cut([one], asked).next is None
    assert cut([one, other], asked).items == (one,)
    assert query(SHOOT, None, after=cut([one, other], asked).next).after == place_of(one, None)


def test_a_question_is_read_as_asked() -> None:
    """Order, limit, place, deleted."""
    asked = query(SHOOT, None, order_by="-takes", limit=7, deleted=True)

    assert asked.sort is not None
    assert (asked.sort.field.name, asked.sort.descending, asked.limit, asked.deleted) == ("takes", True, 7, True)
    assert query(SHOOT, None).sort is None


@pytest.mark.parametrize("order_by", ["notes", "colour", "", "-", "--takes", "takes ", 5, ["takes"], b"takes"])
def test_only_key_fields_are_sorted_by(order_by: Any) -> None:  # noqa: ANN401 - what a caller might give
    """The message lists them."""
    with pytest.raises(Invalid, match="a key field of shoot: place, takes, rating"):
        query(SHOOT, None, order_by=order_by)


def test_a_kind_without_keys_is_not_sorted() -> None:
    """And says so."""
    with pytest.raises(Invalid, match="it has none"):
        query(kind_of(Plain), None, order_by="id")


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1, "10", 1.5, True, None])
def test_a_limit_is_a_number_in_range(limit: Any) -> None:  # noqa: ANN401
    """And not True."""
    with pytest.raises(Invalid, match="1 to 10,000"):
        query(SHOOT, None, limit=limit)


def cursor(value: object) -> str:
    """Anything, written as a cursor is."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "after",
    [
        *("", "!", "abc", "é", "\ud800", "=" * 9, 5, b"bytes", ["a"]),
        *map(cursor, [None, 5, "ab", [], [None], [None, None], [None, 5], [[1], "x", "y"], [5, "shoot_1"]]),
        *map(cursor, [[["text"], "shoot_1"], [[True], "shoot_1"], [[1.5], "shoot_1"], [[], "shoot_1"], [{}, "a"]]),
        cursor([[[1]], "shoot_1"]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_cursor_of_another_question_is_refused(after: Any) -> None:  # noqa: ANN401
    """Or of no question at all; what it holds is not shown, for it may be personal."""
    with pytest.raises(Invalid, match="a cursor of this question"):
        query(SHOOT, None, order_by="takes", after=after)


def test_a_cursor_with_a_value_needs_its_order() -> None:
    """Without one the place would be meaningless; and the value is not shown."""
    records = [Shoot(id=f"shoot_{number}", place=CANARY) for number in range(3)]
    after = page_of(records, query(SHOOT, None, order_by="place", limit=1)).next
    assert after is not None

    with pytest.raises(Invalid) as error:
        query(SHOOT, None, after=after)
    assert after not in str(error.value)
    with pytest.raises(Invalid):
        query(SHOOT, None, order_by="fee", after=after)
