"""Finding many records: the question, its order, and one page of the answer.

The order is by one key field, missing values last, then by id; so it is total and the same in every
store. Descending, equal values stand by id descending too, which lets an index be walked backwards.
A page ends in a cursor that holds the last record's place in that order; the next page starts after
that place, whatever was inserted meanwhile.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, overload

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.fields import Field
from crmcore.kernel.keys import values_of
from crmcore.kernel.plain import items_schema, plain
from crmcore.kernel.records import Kind, R, Record
from crmcore.kernel.values import read_boolean
from crmcore.kernel.where import Filter

__all__ = ["Page", "Place", "Query", "Sort", "check_limit", "cut", "page_of", "place_of", "query"]

LARGEST_PAGE = 10_000

T = TypeVar("T")

Values: TypeAlias = tuple[int | str, ...]
Place: TypeAlias = tuple[Values | None, str]
"""A record's key values under the sort, None when missing or unsorted, and its id."""


@attrs.frozen
class Sort:
    """What records are sorted by.

    Attributes:
        field: A key field of the kind.
        descending: Largest first; missing values stay last.
    """

    field: Field
    descending: bool

    @property
    def text(self) -> str:
        """As ``order_by`` says it."""
        return f"-{self.field.name}" if self.descending else self.field.name


@attrs.frozen(kw_only=True)
class Query:
    """A question to a store.

    Attributes:
        where: The filter, already checked against the kind; None for every record.
        sort: The order before the id; None for the id alone.
        limit: The most records to return.
        after: The place the page starts after; None for the first page.
        deleted: Whether deleted records are asked for, instead of live ones.
    """

    where: Filter | None = None
    sort: Sort | None = None
    limit: int = 100
    after: Place | None = None
    deleted: bool = False


@attrs.frozen
class Page(Sequence[T], Generic[T]):
    """Some records of an answer, or changes, in order.

    Attributes:
        items: The records.
        next: Where the next page starts, for ``after=``; None when this is the last.
    """

    items: tuple[T, ...]
    next: str | None = None

    def to_data(self) -> dict[str, Any]:
        """It as JSON can hold it, personal values included."""
        return {"items": plain(self.items), "next": self.next}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # noqa: ANN401 - types of pydantic
        """For pydantic: a page, its items told as their type is."""
        return items_schema(cls, source, handler)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:  # noqa: ANN401 - as above
        """For pydantic: what that looks like, as an answer and as a part of a question."""
        return handler(schema["serialization"]["return_schema"])

    def __iter__(self) -> Iterator[T]:
        """The records, in order."""
        return iter(self.items)

    def __len__(self) -> int:
        """How many records this page has."""
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        """One record by position, or several by a slice."""
        return self.items[index]


def query(
    kind: Kind[Any],
    where: Filter | None,
    *,
    order_by: str | None = None,
    limit: int = 100,
    after: str | None = None,
    deleted: bool = False,
) -> Query:
    """A question to a store, checked.

    Args:
        kind: The kind of record asked for.
        where: The filter, already checked against the kind.
        order_by: A key field to sort by; ``"-amount"`` sorts largest first.
        limit: The most records on one page, 1 to 10,000.
        after: The ``next`` of the page before.
        deleted: Ask for deleted records instead of live ones.

    Raises:
        Invalid: The sort field is no key field, the limit is out of range, or the cursor is not one of this order.
    """
    sort = None if order_by is None else _sort(kind, order_by)
    check_limit(limit)
    place = None if after is None else _place_from(after, sort)
    return Query(where=where, sort=sort, limit=limit, after=place, deleted=read_boolean(deleted, path="deleted"))


def check_limit(limit: object) -> None:
    """Refuse a limit that no page has.

    Args:
        limit: The most items on one page.

    Raises:
        Invalid: It is not a whole number from 1 to 10,000.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise Invalid([Problem("limit", limit, f"1 to {LARGEST_PAGE:,}", "follow `next` for more, or use each()")])


def _sort(kind: Kind[Any], text: object) -> Sort:
    known = {field.name: field for field in kind.keys}
    name = text.removeprefix("-") if isinstance(text, str) else ""
    if name not in known:
        expected = f"a key field of {kind.name}: {', '.join(known) or 'it has none'}"
        raise Invalid([Problem("order_by", text, expected, "sort by one of them, or sort the result")])
    return Sort(known[name], str(text).startswith("-"))


def place_of(record: Record, sort: Sort | None) -> Place:
    """A record's place in an order.

    Args:
        record: The record.
        sort: The order.
    """
    value = None if sort is None else getattr(record, sort.field.name)
    return (None if sort is None or value is None else values_of(sort.field, value), record.id)


def _cursor(place: Place, sort: Sort | None) -> str:
    """A place in an order, as text a caller can keep."""
    whole = [None if sort is None else sort.text, *place]
    return base64.urlsafe_b64encode(json.dumps(whole, separators=(",", ":")).encode()).decode().rstrip("=")


def _place_from(text: str, sort: Sort | None) -> Place:
    """The place a cursor holds."""
    try:
        order, values, id = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        place = (None if values is None else tuple(values), id)
    except (ValueError, TypeError, AttributeError, RecursionError):
        order, place = None, ((), None)
    same = order == (None if sort is None else sort.text)
    typed = place[0] is None or (sort is not None and _typed(place[0], sort.field))
    if not (same and typed and isinstance(place[1], str)):
        mend = "pass the `next` of the page before, with the same order_by"
        raise Invalid([Problem("after", type(text).__name__, "a cursor of this question", mend)])
    return place


def _typed(values: Sequence[object], field: Field) -> bool:
    """Whether values are what a field's key columns hold."""
    wanted: tuple[type, ...] = (str,) if field.type in {"text", "date"} else (int,)
    return tuple(map(type, values)) == ((str, int) if field.type == "money" else wanted)


def page_of(records: Sequence[R], asked: Query) -> Page[R]:
    """One page out of every matching record.

    Args:
        records: The records that match, in any order.
        asked: The question; its filter is taken as applied.
    """
    places = {record.id: place_of(record, asked.sort) for record in records}
    down = asked.sort is not None and asked.sort.descending
    known = [record for record in records if places[record.id][0] is not None]
    missing = [record for record in records if places[record.id][0] is None]
    known.sort(key=lambda record: places[record.id], reverse=down)
    missing.sort(key=lambda record: record.id)
    ordered = [*known, *missing]
    if asked.after is not None:
        ordered = [record for record in ordered if _beyond(places[record.id], asked.after, down=down)]
    return cut(ordered[: asked.limit + 1], asked)


def _beyond(place: Place, after: Place, *, down: bool) -> bool:
    """Whether a place comes after another."""
    if place[0] is None or after[0] is None:
        return place[0] is None and (after[0] is not None or place[1] > after[1])
    return place < after if down else place > after


def cut(records: Sequence[R], asked: Query) -> Page[R]:
    """A page and its cursor.

    Args:
        records: Up to one record more than the limit, in order.
        asked: The question.
    """
    items = tuple(records[: asked.limit])
    more = len(records) > asked.limit
    return Page(items, _cursor(place_of(items[-1], asked.sort), asked.sort) if more else None)
