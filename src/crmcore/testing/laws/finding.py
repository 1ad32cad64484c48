"""Finding: the same records as in Python, in a total order, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from crmcore.kernel.money import Money
from crmcore.kernel.page import page_of
from crmcore.kernel.ports import NOW, Moment, Store
from crmcore.kernel.where import F, Filter, select
from crmcore.testing.laws.bench import Bench
from crmcore.testing.specimens import BOX, PARCEL, Box, Parcel, Pen, added, asked, hour, walked

__all__ = ["FindLaws"]

SPREADS: dict[str, Sequence[object]] = {
    "label": ["", "A", "Z", "a", "é", "\uffff", "\U00010000", "\U0001f4e6"],
    "pieces": [-(2**63), -1, 0, 1, 10, 2**63 - 1],
    "weight": [Decimal(text) for text in ("-9223372036854775.808", "-0.001", "0", "0.5", "0.501", "10")],
    "price": [Money.of_minor(*pair) for pair in ((-2, "EUR"), (5, "EUR"), (2**63 - 1, "EUR"), (-9, "JPY"), (1, "USD"))],
    "fragile": [False, True],
    "due_on": [date(1, 1, 1), date(999, 12, 31), date(2026, 2, 1), date(2026, 10, 1), date(9999, 12, 31)],
    "sent_at": [hour(-17_000_000), hour(0), hour(0) + timedelta(microseconds=1), hour(1)],
}
"""Values of each key field, in order."""

FILTERS: Sequence[Filter] = (
    F.label >= "a",
    F.label != "A",
    F.label.is_in(["A", "Z", "nobody"]),
    F.label.starts_with("É"),
    F.code.is_set,
    ~F.code.is_set,
    F.pieces < 1,
    ~(F.pieces < 1),
    F.pieces.between(0, 10) & F.fragile.is_set,
    (F.pieces == 1) | (F.weight > Decimal("0.5")),
    F.price >= 0,
    F.price < Money(1, "JPY"),
    F.price != Money.of_minor(5, "EUR"),
    F.fragile == False,  # noqa: E712 - a question, not a comparison
    F.due_on > date(2026, 2, 1),
    F.sent_at <= hour(0),
    F.marks.contains("a"),
    F.status == "new",
    ~(F.status == "new") & (F.pieces >= 0),
    F.number.is_in([1, 3]) | F.note.is_set,
    F.custom.region == "north",
    ~(F.custom.region == "north") & (F.label > ""),
    F.external.shop.is_set,
    (F.external.shop == "7") | (F.pieces == 10),
    F.id.is_in(["p03", "p05"]),
    F.version == 2,
)
"""Some that an index can answer, some that it can't, some in between."""


class FindLaws(Bench):
    """What ``find`` and ``count`` promise."""

    @pytest.fixture
    def parcels(self, pen: Pen) -> list[Parcel]:
        """Twenty-two parcels with many ties and gaps, two of them deleted."""
        made = [pen.add(f"p{number:02}", **_sets(number)) for number in range(22)]
        for number in (4, 9, 20):
            made[number] = pen.change(made[number], 1, code=f"code {number}", note="late")
        for number in (3, 15):
            made[number] = pen.change(made[number], 2, deleted_at=hour(2))
        return made

    def test_a_filter_selects_what_it_does_in_python(self, store: Store, pen: Pen, parcels: list[Parcel]) -> None:
        """Live or deleted, now or at a moment; and the count agrees."""
        end = Moment(at=hour(50), cut=store.last()[0])
        for where, deleted, moment in product(FILTERS, (False, True), (NOW, end)):
            ready = asked(Parcel, where, deleted=deleted, limit=1)
            pool = [parcel for parcel in parcels if (parcel.deleted_at is not None) is deleted]
            expected = pool if ready.where is None else select(ready.where, pool)
            assert walked(pen, where, moment, deleted=deleted, limit=3) == expected, str(where)
            assert store.count(PARCEL, ready, moment) == len(expected), str(where)

    def test_every_filter_tells_records_apart(self, parcels: list[Parcel]) -> None:
        """None of those above matches all or nothing, or it would show little."""
        for where in FILTERS:
            ready = asked(Parcel, where).where
            assert ready is not None
            assert 0 < len(select(ready, parcels)) < len(parcels), str(where)

    def test_records_come_in_order(self, pen: Pen, parcels: list[Parcel]) -> None:
        """By any key field, up or down, missing values last, ties by id; any size of page gives the same."""
        end = Moment(cut=pen.store.last()[0])
        live = [parcel for parcel in parcels if parcel.deleted_at is None]
        for name, down, moment in product(SPREADS, (False, True), (NOW, end)):
            places = [(SPREADS[name].index(value), one) for one in live if (value := getattr(one, name)) is not None]
            places.sort(key=lambda place: (place[0], place[1].id), reverse=down)
            expected = [one for _, one in places] + [one for one in live if getattr(one, name) is None]
            for limit in (1, 2, 5, 100):
                assert walked(pen, None, moment, order_by=f"-{name}" if down else name, limit=limit) == expected, name

    def test_a_filter_and_an_order_together(self, pen: Pen, parcels: list[Parcel]) -> None:
        """Whether or not an index can answer the filter, pages are full until the last."""
        for where, order in product(FILTERS, ("pieces", "-price")):
            ready = asked(Parcel, where, order_by=order, limit=10_000)
            live = [parcel for parcel in parcels if parcel.deleted_at is None]
            expected = page_of(live if ready.where is None else select(ready.where, live), ready)
            assert walked(pen, where, order_by=order, limit=2) == list(expected), str(where)

    def test_without_an_order_the_id_decides(self, pen: Pen) -> None:
        """Compared by code point."""
        ids = ["a", "B", "b", "aa", "a\uffff", "a\U00010000", "é", " "]
        for id in ids:
            pen.add(id)

        assert [one.id for one in walked(pen, limit=3)] == sorted(ids)

    def test_pages_hold_when_records_come_and_go(self, pen: Pen) -> None:
        """The next page starts after the place of the last, whatever was written meanwhile."""
        parcels = [pen.add(f"p{number}", pieces=number // 2 if number < 8 else None) for number in range(12)]
        for order, before, beyond in (("pieces", -1, 3), ("-pieces", 5, 0)):
            page = pen.find(order_by=order, limit=4)
            rest = walked(pen, order_by=order, limit=100)[4:]
            pen.add(f"a{order}", pieces=before)
            met = pen.add(f"z{order}", pieces=beyond)
            pen.change(page[3], 5, label="changed")
            gone = pen.change(next(one for one in rest if one in parcels), 5, deleted_at=hour(5))

            found = walked(pen, order_by=order, limit=3, after=page.next)
            assert {one.id for one in found} == {one.id for one in [*rest, met]} - {gone.id}
            assert len(found) == len(rest)
            parcels = found

    def test_deleted_records_are_apart(self, store: Store, pen: Pen) -> None:
        """They are found when asked for, and no longer once restored."""
        kept, gone = pen.add("a"), pen.add("b")
        gone = pen.change(gone, 1, deleted_at=hour(1))
        deleted = asked(Parcel, deleted=True)

        assert list(pen.find()) == [kept]
        assert list(pen.find(deleted=True)) == [gone]
        assert (store.count(PARCEL, asked(Parcel)), store.count(PARCEL, deleted)) == (1, 1)
        back = pen.change(gone, 2, deleted_at=None)
        assert list(pen.find()) == [kept, back]
        assert store.count(PARCEL, deleted) == len(pen.find(deleted=True)) == 0

    @pytest.mark.usefixtures("parcels")
    def test_a_count_looks_at_the_filter_alone(self, store: Store, pen: Pen) -> None:
        """Limit, order and place are ignored."""
        page = pen.find(order_by="pieces", limit=3)
        for moment in (NOW, Moment(at=hour(50))):
            for where, number in ((None, 20), (F.label > "", None), (F.marks.contains("a"), None)):
                whole = store.count(PARCEL, asked(Parcel, where), moment)
                part = asked(Parcel, where, order_by="pieces", limit=3, after=page.next)
                assert store.count(PARCEL, part, moment) == whole == (number or whole)

    def test_nothing_to_find(self, store: Store, pen: Pen) -> None:
        """An empty page, and no next one."""
        empty = store.last()[0]
        for moment in (NOW, Moment(at=hour(1)), Moment(cut=empty)):
            page = pen.find(F.label == "a", moment, order_by="label")
            assert (list(page), page.next, store.count(PARCEL, asked(Parcel), moment)) == ([], None, 0)

    def test_kinds_are_apart(self, store: Store, pen: Pen) -> None:
        """The same id may be a parcel and a box; a kind without keys is found as well."""
        pen.add("a")
        pen.commit(*(added(Box, id, label=id * 2) for id in "abc"))

        assert [one.id for one in pen.find()] == ["a"]
        assert [one.id for one in store.find(BOX, asked(Box, F.label > "aa"))] == ["b", "c"]
        assert store.count(BOX, asked(Box)) == 3


def _sets(number: int) -> dict[str, Any]:
    """What one of the parcels sets: every value of every field somewhere, and gaps everywhere."""
    sets: dict[str, Any] = {
        name: values[number % len(values)] for name, values in SPREADS.items() if (number + len(name)) % 4
    }
    sets |= {"label": SPREADS["label"][number % 7], "marks": ("a", "b")[: number % 3]}
    sets |= {"status": "sent"} if number % 5 == 0 else {"number": number}
    return sets | ({"custom.region": ("north", "south")[number % 2]} if number % 3 else {"external.shop": str(number)})
