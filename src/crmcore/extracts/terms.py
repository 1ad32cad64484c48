"""Subscriptions as columns: a row for each stretch at one price, as it was in force then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from crmcore.extracts.source import Source, histories, names_of
from crmcore.kernel.calendar import today
from crmcore.kernel.change import Change
from crmcore.sales import Subscription

__all__ = ["term_columns"]

TERMS = ("amount", "interval")
COLUMNS = ("subscription", "customer", "product", *TERMS, "start", "end")


def term_columns(crm: Source) -> dict[str, list[Any]]:
    """Every subscription as one row for each stretch at one amount and interval.

    The first stretch begins on the first day served; a later one on the day its price was changed, in the business's
    zone. The last ends with the subscription.

    Args:
        crm: The CRM, or a view of its past.
    """
    zone, standing = crm.playbook.zone, list(crm.subscriptions.each())
    told = histories(crm, "subscription", [one.id for one in standing if one.version > 1])
    rows = [row for one in standing for row in _stretches(one, told.get(one.id, ()), zone)]
    cells = map(list, zip(*rows, strict=True)) if rows else ([] for _ in COLUMNS)
    columns: dict[str, list[Any]] = dict(zip(COLUMNS, cells, strict=True))
    columns["product"] = names_of(crm, crm.products, columns["product"])
    return columns


def _stretches(one: Subscription, changes: Sequence[Change[Any]], zone: str) -> Iterator[tuple[object, ...]]:
    """The rows of one subscription."""
    terms = _terms(one, changes, zone)
    ended = one.ended_on
    for start, after in pairwise((*terms, None)):
        assert start is not None
        if ended is None or start < ended or start == one.started_on:
            end = after if ended is None or (after is not None and after < ended) else ended
            yield (one.id, one.customer, one.product, *terms[start], start, end)


def _terms(one: Subscription, changes: Sequence[Change[Any]], zone: str) -> dict[date, tuple[object, ...]]:
    """What was paid and how often, by the day it began to hold."""
    found: dict[date, tuple[object, ...]] = {}
    held: dict[str, object] = {}
    for change in sorted(changes, key=lambda change: change.order):
        set_now = {name: change.sets[name] for name in TERMS if name in change.sets}
        if set_now:
            first = not held
            held |= set_now
            on = one.started_on if first else max(today(change.at, zone), one.started_on)
            found[on] = tuple(held[name] for name in TERMS)
    return found or {one.started_on: (one.amount, one.interval)}
