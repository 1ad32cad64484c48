"""What a CRM keeps for itself, and which kinds of record somebody asks about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crmcore.inbox import InboxMessage
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import Kind, Record
from crmcore.people import Suppression
from crmcore.playbook import PlaybookVersion

__all__ = ["BOOKKEEPING", "kinds_asked"]

BOOKKEEPING: tuple[type[Record], ...] = (PlaybookVersion, Suppression, InboxMessage)
"""The kinds that say nothing of the business, but how the CRM works, and what it has done."""


def kinds_asked(every: Mapping[str, Kind[Any]], kinds: object, *, by_name: bool = False) -> frozenset[str]:
    """The names of the kinds somebody asks about; those the CRM keeps for itself are left out.

    Args:
        every: The kinds of the CRM, by name.
        kinds: Record classes, or their names; None for all.
        by_name: Whether those it keeps for itself may be asked about when they are named.

    Raises:
        Invalid: A kind is unknown.
    """
    classes = {name: kind.cls for name, kind in every.items() if by_name or kind.cls not in BOOKKEEPING}
    if kinds is None:
        return frozenset(name for name, cls in classes.items() if cls not in BOOKKEEPING)
    if isinstance(kinds, str) or not isinstance(kinds, Iterable):
        raise Invalid([Problem("kinds", kinds, "several kinds", 'write kinds=[Contact], or kinds=["contact"]')])
    asked = tuple(kinds)
    strangers = [one for one in asked if not any(one in told for told in classes.items())]
    if strangers:
        expected = f"one of {', '.join(classes)}"
        raise Invalid([Problem("kinds", one, expected, "name a kind of this CRM") for one in strangers])
    return frozenset(told[0] for told in classes.items() if any(one in told for one in asked))
