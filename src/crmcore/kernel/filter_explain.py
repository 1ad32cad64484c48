"""Why a record matches a filter or not, one sentence for each thing asked."""

from __future__ import annotations

import attrs

from crmcore.kernel.filter_python import predicate
from crmcore.kernel.filter_tree import Comparison, Filter, Leaf, Membership, Operator, TextMatch, in_words
from crmcore.kernel.filter_values import said
from crmcore.kernel.money import Money

__all__ = ["Explanation", "explain"]

_OPPOSITES: dict[Operator, Operator] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_TEXT_WORDS = {
    "contains": ("containing", "without"),
    "starts with": ("beginning with", "not beginning with"),
    "has": ("having", "not having"),
}


@attrs.frozen
class Explanation:
    """Whether a record matches, and why.

    Attributes:
        matches: Whether it matches.
        reasons: What was found for each thing the filter asks, from left to right.
    """

    matches: bool
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """The verdict, then the reasons."""
        return "\n  ".join(["matches" if self.matches else "does not match", *self.reasons])


def explain(filter: Filter, record: object) -> Explanation:
    """Why a record matches a filter or not.

    Args:
        filter: A checked filter.
        record: The record.

    Returns:
        The verdict, and a reason for each leaf. Reasons show the record's values.

    Raises:
        Invalid: The filter holds ``ago(…)``, or the record has no such fields or values of other types.

    Example:
        >>> from types import SimpleNamespace
        >>> from crmcore.kernel.money import Money
        >>> from crmcore.kernel.where import F, explain
        >>> deal = SimpleNamespace(amount=Money("500", "USD"), stage=None)
        >>> print(explain((F.amount >= Money("10000", "EUR")) | (F.stage == "won"), deal))
        does not match
          amount is 500.00 USD: another currency than EUR
          stage is missing
    """
    matches = predicate(filter)(record)
    return Explanation(matches, tuple(_reason(leaf, record) for leaf in filter.leaves))


def _reason(leaf: Leaf, record: object) -> str:
    value = _found(leaf.field, record)
    field = said(leaf.field)
    if value is None or value == ():
        return f"{field} is missing"
    return f"{field} is {said(value)}: {_finding(leaf, value, holds=predicate(leaf)(record))}"


def _found(field: str, record: object) -> object:
    whole, _, key = field.partition(".")
    held = getattr(record, whole)
    return held.get(key) if key else held


def _finding(leaf: Leaf, value: object, *, holds: bool) -> str:
    match leaf:
        case Comparison(value=Money() as asked) if isinstance(value, Money) and value.currency != asked.currency:
            return f"another currency than {asked.currency}"
        case Comparison(operator=operator):
            found = operator if holds else _OPPOSITES[operator]
            return in_words(found, leaf.value, equal="equal to ", other="other than ")
        case Membership():
            return f"{'one' if holds else 'none'} of ({said(leaf.values)})"
        case TextMatch():
            return f"{_TEXT_WORDS[leaf.operator][0 if holds else 1]} {said(leaf.text)}"
        case _:
            return "set"
