"""Tags in filters: ``F.tags.contains("VIP")`` names a tag, and records hold the ids of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_tree import a_filter
from crmcore.kernel.where import AllOf, AnyOf, F, Filter, Leaf, Not, TextMatch

__all__ = ["with_tags"]

IdsOf = Callable[[str], Iterable[str]]
"""Gives the ids that a tag's name stands for."""


def with_tags(where: Filter, ids_of: IdsOf) -> Filter:
    """A filter that asks for tags by id where it asked for them by name.

    Args:
        where: The filter as written.
        ids_of: Gives the ids a name stands for, of the tag and of those merged into it; Invalid for an unknown one.

    Returns:
        The filter without names of tags; the filter itself when it asks for none.

    Raises:
        Invalid: A tag is unknown, or tags are asked for anything but ``contains``: every such problem.

    Example:
        >>> from crmcore import F
        >>> from crmcore.activity.tag_filter import with_tags
        >>> asked = F.tags.contains("VIP") & ~(F.stage == "lost")
        >>> str(with_tags(asked, {"VIP": ["tag_1", "tag_7"]}.__getitem__))
        '(tags.tag_1 is set or tags.tag_7 is set) and not (stage is lost)'
    """
    if "tags" not in a_filter(where).fields:
        return where
    problems: list[Problem] = []
    found = _with_tags(where, ids_of, problems)
    if problems:
        raise Invalid(problems)
    return found


def _with_tags(where: Filter, ids_of: IdsOf, problems: list[Problem]) -> Filter:
    if isinstance(where, Leaf):
        return _leaf(where, ids_of, problems) if where.field == "tags" else where
    parts = tuple(_with_tags(part, ids_of, problems) for part in where.parts)
    if isinstance(where, Not):
        return Not(*parts)
    return AllOf(parts) if isinstance(where, AllOf) else AnyOf(parts)


def _leaf(leaf: Leaf, ids_of: IdsOf, problems: list[Problem]) -> Filter:
    """Any of the ids that a tag is known by."""
    if not (isinstance(leaf, TextMatch) and leaf.operator in {"contains", "has"}):
        problems.append(Problem("tags", str(leaf), "a tag", 'write F.tags.contains("VIP")'))
        return leaf
    try:
        asked = tuple(F[f"tags.{id}"].is_set for id in sorted(ids_of(leaf.text)))
    except Invalid as error:
        problems += error.problems
        return leaf
    return asked[0] if len(asked) == 1 else AnyOf(asked)
