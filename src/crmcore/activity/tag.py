"""Tags: words of your own, put on records of any kind to filter and sort them by."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.fields import field
from crmcore.kernel.records import R, Record, record

__all__ = ["Tag", "merge", "put", "rename", "take"]


@record("tag")
class Tag(Record):
    """A word that is put on records of any kind.

    Attributes:
        name: The word. No two live tags share it, whatever their capitals.

    Example:
        >>> from crmcore import CRM
        >>> CRM().tags.add(name="VIP").name
        'VIP'
    """

    name: str = field(key=True, unique=True, folded=True, searchable=True, longest=100)


def put(record: R, context: Context[Any], *, tag: str, ids: AbstractSet[str]) -> Change[R]:
    """Put a tag on a record that does not have it.

    Args:
        record: The record.
        context: The circumstances.
        tag: The tag's id.
        ids: Every id the tag is known by.
    """
    return context.changed(record, "tagged", **({} if ids & record.tags.keys() else {f"tags.{tag}": True}))


def take(record: R, context: Context[Any], *, ids: AbstractSet[str]) -> Change[R]:
    """Take a tag from a record that has it.

    Args:
        record: The record.
        context: The circumstances.
        ids: Every id the tag is known by.
    """
    return context.changed(record, "untagged", **{f"tags.{id}": None for id in sorted(ids & record.tags.keys())})


def rename(tag: Tag, context: Context[Any], name: str) -> Change[Tag]:
    """Give a tag another name. It stays on its records.

    Args:
        tag: The tag.
        context: The circumstances.
        name: The new name.
    """
    return context.changed(tag, "renamed", **({} if isinstance(name, str) and name == tag.name else {"name": name}))


def merge(tag: Tag, context: Context[Any], *, into: str) -> Change[Tag]:
    """Merge a tag into another: its records count as the other's from now on.

    Args:
        tag: The tag that goes.
        context: The circumstances.
        into: The id of the tag that stays.
    """
    return context.changed(tag, "merged", merged_into=into, deleted_at=context.at)
