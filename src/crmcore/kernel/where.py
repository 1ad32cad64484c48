"""Filters: one language for lists, segments, guards, scores, routing and permissions.

``F.amount >= 10_000`` is a value. It can be kept, compared, sent as JSON and read aloud; checked
against a kind of record, it selects the same records in Python and in SQL. A comparison with a
missing value does not match, and ``~`` is the plain complement::

    F.stage != "lost"        open and won deals; a deal without a stage does not match
    ~(F.stage == "lost")     everything that is not lost, deals without a stage included

Text compares by code point; ``contains`` and ``starts_with`` fold the case of both sides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final, NoReturn

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.filter_check import checked
from crmcore.kernel.filter_data import from_data, to_data
from crmcore.kernel.filter_explain import Explanation, explain
from crmcore.kernel.filter_python import predicate, select
from crmcore.kernel.filter_tree import (
    AllOf,
    AnyOf,
    Comparison,
    Filter,
    Leaf,
    Membership,
    Not,
    Presence,
    TextMatch,
    no_truth,
)
from crmcore.kernel.filter_values import Ago, FieldType, Value, ago

__all__ = [
    "Ago",
    "AllOf",
    "AnyOf",
    "Comparison",
    "Explanation",
    "F",
    "FieldType",
    "Fields",
    "Filter",
    "Leaf",
    "Membership",
    "Namespace",
    "Not",
    "Presence",
    "Term",
    "TextMatch",
    "Value",
    "ago",
    "checked",
    "explain",
    "from_data",
    "predicate",
    "select",
    "to_data",
]


@attrs.frozen(eq=False)
class Term:
    """One field, about to be asked something: what ``F.amount`` is.

    Comparing it makes a filter.

    Attributes:
        name: The field's name.

    Example:
        >>> from crmcore.kernel.where import F
        >>> F.amount.between(1_000, 5_000) == (F.amount >= 1_000) & (F.amount <= 5_000)
        True
    """

    name: str

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, value: object) -> Comparison:  # type: ignore[override]
        """The value equals a constant."""
        return Comparison(self.name, "==", value)

    def __ne__(self, value: object) -> Comparison:  # type: ignore[override]
        """There is a value, and it differs from a constant."""
        return Comparison(self.name, "!=", value)

    def __lt__(self, value: Value | float) -> Comparison:
        """The value is below a constant."""
        return Comparison(self.name, "<", value)

    def __le__(self, value: Value | float) -> Comparison:
        """The value is a constant or below it."""
        return Comparison(self.name, "<=", value)

    def __gt__(self, value: Value | float) -> Comparison:
        """The value is above a constant."""
        return Comparison(self.name, ">", value)

    def __ge__(self, value: Value | float) -> Comparison:
        """The value is a constant or above it."""
        return Comparison(self.name, ">=", value)

    def between(self, low: Value | float, high: Value | float) -> AllOf:
        """From one constant to another, both included.

        Args:
            low: The lower end.
            high: The upper end.
        """
        return (self >= low) & (self <= high)

    def is_in(self, values: Iterable[Value | float]) -> Membership:
        """The value is one of several.

        Args:
            values: The constants.

        Raises:
            Invalid: They are no list, or a filter can't hold one of them.
        """
        return Membership(self.name, values)

    @property
    def is_set(self) -> Presence:
        """There is a value; ``~F.amount.is_set`` asks for its absence."""
        return Presence(self.name)

    def contains(self, text: str) -> TextMatch:
        """The text occurs in the value; among tags, one of them equals it. Case is folded.

        Args:
            text: What to look for.
        """
        return TextMatch(self.name, "contains", text)

    def starts_with(self, text: str) -> TextMatch:
        """The value begins with a text. Case is folded.

        Args:
            text: What to look for.
        """
        return TextMatch(self.name, "starts with", text)

    def __bool__(self) -> bool:
        """Refused, like that of a filter."""
        raise no_truth()

    def _bare(self, _: object = None) -> NoReturn:
        """A field alone is no question; mostly ``&`` was read before a comparison."""
        mend = "put each comparison in parentheses: (F.a == 1) & (F.b == 2); compare a yes-or-no field with True"
        raise Invalid([Problem(self.name, "a field alone beside & | ~", "a comparison", mend)])

    __and__ = __rand__ = __or__ = __ror__ = __invert__ = _bare


class Namespace:
    """The fields below ``F.custom`` or ``F.external``.

    Example:
        >>> from crmcore.kernel.where import F
        >>> str(F.custom.region == "north")
        'custom.region is north'
        >>> str(F.custom["sales region"].is_set)
        '"custom.sales region" is set'
    """

    __slots__ = ("_namespace",)

    def __init__(self, name: str) -> None:
        self._namespace = name

    def __getattr__(self, key: str) -> Term:
        """The field of that name."""
        return self[_public(key)]

    def __getitem__(self, key: str) -> Term:
        """The field of that name, whatever characters it has."""
        return Term(f"{self._namespace}.{key}")


class Fields:
    """The start of every filter; use it as ``F``.

    Attributes:
        custom: The fields a business declared in its playbook.
        external: The record's ids in other systems, by the system's name.

    Example:
        >>> from crmcore.kernel.where import F
        >>> F.amount.is_set == F["amount"].is_set
        True
        >>> str(F.external.hubspot.is_set)
        'external.hubspot is set'
    """

    __slots__ = ()

    custom: ClassVar = Namespace("custom")
    external: ClassVar = Namespace("external")

    def __getattr__(self, name: str) -> Term:
        """The field of that name."""
        return self[_public(name)]

    def __getitem__(self, name: str) -> Term:
        """The field of that name, whatever other meaning the name has."""
        return Term(name)


def _public(name: str) -> str:
    """A field's name; what begins with an underscore is Python's and no field."""
    if name.startswith("_"):
        raise AttributeError(name)
    return name


F: Final = Fields()
"""The builder: ``F.amount >= 10_000``, ``F.custom.region == "north"``, ``F["amount"].is_set``."""
