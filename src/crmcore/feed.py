"""The feed: what happened in a business, newest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crmcore.bookkeeping import kinds_asked
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.page import LARGEST_PAGE, Page, check_limit
from crmcore.kernel.ports import Moment, Store
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.values import read_text

__all__ = ["newest"]

CURSOR = re.compile("[0-9]{1,18}")


def newest(
    store: Store,
    every: Mapping[str, Kind[Any]],
    moment: Moment,
    *,
    limit: int,
    after: str | None,
    kinds: Iterable[type[Record] | str] | None,
    by: str | None,
) -> Page[Change[Any]]:
    """One page of the log, the newest change first, without what the CRM keeps for itself.

    Pages follow the places of the log, so what is written meanwhile moves none of them.

    Args:
        store: The store, bound to a tenant.
        every: The kinds of the CRM, by name.
        moment: When to read: what had happened by then, and was known.
        limit: The most changes on the page, 1 to 10,000.
        after: The ``next`` of the page before.
        kinds: Only changes of these kinds: record classes, or their names; None for all.
        by: Only what this person did; None for everybody.

    Raises:
        Invalid: The limit is out of range, the cursor is none, or a kind is unknown.
    """
    check_limit(limit)
    names, actor = kinds_asked(every, kinds), None if by is None else read_text(by, path="by", empty=False)
    found: list[Change[Any]] = []
    for change in _backwards(store, None if after is None else _place(after), moment.cut, limit + 1):
        happened = moment.at is None or change.at <= moment.at
        if happened and change.kind in names and actor in (None, change.by):
            found.append(change)
            if len(found) > limit:
                break
    items = tuple(found[:limit])
    return Page(items, str(items[-1].seq) if len(found) > limit else None)


def _place(after: object) -> int:
    """The place in the log that a cursor holds."""
    if isinstance(after, str) and CURSOR.fullmatch(after):
        return int(after)
    raise Invalid(
        [Problem("after", type(after).__name__, "a cursor of the feed", "pass the `next` of the page before")]
    )


def _backwards(store: Store, place: int | None, cut: str | None, size: int) -> Iterator[Change[Any]]:
    """The log from a place back, read in runs that double: much of it may be asked for or nearly none."""
    while run := store.changes(before=place, upto=cut, limit=size, newest=True):
        yield from run
        place, size = run[-1].seq, min(size * 2, LARGEST_PAGE)
