"""The reading half of a desk: records by id, by filter, page by page, now or at a moment, and their history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Generic

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid, NotFound, Problem
from crmcore.kernel.filter_tree import a_filter
from crmcore.kernel.front import Front
from crmcore.kernel.page import LARGEST_PAGE, Page, Query, query
from crmcore.kernel.ports import NOW
from crmcore.kernel.records import Kind, R
from crmcore.kernel.values import read_text
from crmcore.kernel.where import F, Filter, checked

__all__ = ["Reading"]

WHOLE = 2**62
"""A page that holds everything."""


class Reading(Generic[R]):
    """The records of one kind, to look at.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    department: ClassVar[str] = ""
    """Whose rules its acts are told."""

    def __init__(self, kind: Kind[R], front: Front) -> None:
        self.kind = kind
        self.front = front

    def __repr__(self) -> str:
        """What it holds."""
        return f"<desk of {self.kind.plural}>"

    def _id(self, record: R | str) -> str:
        """The id of a record of this kind."""
        if isinstance(record, self.kind.cls):
            return record.id
        if isinstance(record, str):
            return read_text(record, path="id")
        mend = f"use the desk of that kind, or pass a {self.kind.name}"
        raise Invalid([Problem("record", type(record).__name__, f"a {self.kind.name} or its id", mend)])

    def get(self, id: str) -> R:
        """The record with an id; a merged one gives the record it was merged into.

        Args:
            id: The id.

        Raises:
            NotFound: There is none, or it was deleted.
        """
        record = self._any(id)
        if record.merged_into is not None:
            return self.get(record.merged_into)
        if record.deleted_at is not None:
            raise NotFound(self.kind.name, id, "it was deleted; restore() brings it back")
        return record

    def _any(self, id: str) -> R:
        """The record with an id, deleted or not."""
        found = self.front.store.get(self.kind, [read_text(id, path="id")], self.front.moment)
        if id not in found:
            raise NotFound(self.kind.name, id)
        return found[id]

    def find(
        self,
        where: Filter | None = None,
        *,
        order_by: str | None = None,
        limit: int = 100,
        after: str | None = None,
        deleted: bool = False,
    ) -> Page[R]:
        """One page of the records that match.

        Args:
            where: A filter such as ``F.amount >= 10_000``; None for all.
            order_by: A key field to sort by; ``"-amount"`` sorts largest first. Missing values come last.
            limit: The most records on the page, 1 to 10,000.
            after: The ``next`` of the page before.
            deleted: Look among deleted records instead of live ones.

        Raises:
            Invalid: The filter or the order does not fit this kind, or the cursor is not one of ours.
        """
        asked = self._query(where, order_by=order_by, limit=limit, after=after, deleted=deleted)
        return self.front.store.find(self.kind, asked, self.front.moment)

    def _query(self, where: Filter | None, **rest: Any) -> Query:  # noqa: ANN401 - the arguments of find
        return query(self.kind, None if where is None else self.checked(where), **rest)

    def checked(self, where: Filter) -> Filter:
        """A filter checked against this kind, its values read.

        Args:
            where: The filter.

        Raises:
            Invalid: It asks for unknown fields, or compares what can't be compared.
        """
        border = self.front.border(self.kind)
        where = self.front.resolved(a_filter(where))
        types = self.kind.types_for(where, border.custom)
        now = self.front.moment.at or self.front.context(self.department).at
        return checked(where, types, currency=border.currency, at=now, zone=border.zone)

    def each(self, where: Filter | None = None, *, order_by: str | None = None, deleted: bool = False) -> Iterator[R]:
        """Every record that matches, page after page.

        Args:
            where: A filter; None for all.
            order_by: A key field to sort by.
            deleted: Look among deleted records instead of live ones.
        """
        if self.front.moment != NOW:  # a page of the past costs as much as all of it
            asked = self._query(where, order_by=order_by, deleted=deleted)
            yield from self.front.store.find(self.kind, attrs.evolve(asked, limit=WHOLE), self.front.moment)
            return
        after: str | None = None
        while True:
            page = self.find(where, order_by=order_by, limit=LARGEST_PAGE, after=after, deleted=deleted)
            yield from page
            after = page.next
            if after is None:
                return

    def first(self, where: Filter | None = None, *, order_by: str | None = None) -> R | None:
        """The first record that matches; None when none does.

        Args:
            where: A filter; None for all.
            order_by: A key field to sort by.
        """
        return next(iter(self.find(where, order_by=order_by, limit=1)), None)

    def exists(self, where: Filter | None = None) -> bool:
        """Whether any record matches.

        Args:
            where: A filter; None for all.
        """
        return self.first(where) is not None

    def count(self, where: Filter | None = None) -> int:
        """How many records match.

        Args:
            where: A filter; None for all.
        """
        return self.front.store.count(self.kind, self._query(where), self.front.moment)

    def external(self, system: str, id: str) -> R | None:
        """The record known by an id in another system; None when there is none.

        Args:
            system: The other system's name.
            id: The record's id there.
        """
        field, value = f"external.{read_text(system, path='system')}", read_text(id, path="id")
        if self.front.moment != NOW:
            return self.first(F[field] == value)
        own = self.front.store.holders(self.kind, field, [value]).get(value)
        return None if own is None else self.front.store.get(self.kind, [own]).get(own)

    def history(self, record: R | str) -> tuple[Change[R], ...]:
        """Every change of a record, in the order it happened.

        Args:
            record: The record, or its id.

        Raises:
            NotFound: There never was one.
        """
        moment, id = self.front.moment, self._id(record)
        store = self.front.store
        known = store.changes(kind=self.kind.name, id=id, upto=moment.cut)
        if not known and (moment.cut is None or not store.changes(kind=self.kind.name, id=id, limit=1)):
            raise NotFound(self.kind.name, id)
        happened = [change for change in known if moment.at is None or change.at <= moment.at]
        return tuple(sorted(happened, key=lambda change: change.order))
