"""Required custom fields: which ones the records of a kind need, and which a change brings one into lacking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.where import AllOf, Filter, checked, predicate

__all__ = ["Requirement", "lacking", "requirements"]


@attrs.frozen
class Requirement:
    """A custom field that records of a kind need.

    Attributes:
        name: Its name, without ``custom.`` before it.
        whose: Which records need it, as a message says it.
        concerns: Whether a record is one of them.
    """

    name: str
    whose: str
    concerns: Callable[[Record], bool]

    def lacked(self, record: Record) -> bool:
        """Whether a record needs it and has no value, or a blank one.

        Args:
            record: The record.
        """
        value = record.custom.get(self.name)
        blank = value is None or value == () or (isinstance(value, str) and not value.strip())
        return blank and self.concerns(record)


def requirements(
    kind: Kind[Any], custom: Mapping[str, CustomField], *, currency: str, zone: str, at: datetime
) -> tuple[Requirement, ...]:
    """The custom fields that records of a kind need.

    Args:
        kind: The kind.
        custom: Its custom fields, by name.
        currency: What a bare number means where a condition is about money.
        zone: The time zone of the business.
        at: The instant that ``ago(…)`` counts from.

    Raises:
        Invalid: A condition asks for what the kind does not have: every problem at once.

    Example:
        >>> from datetime import datetime, timezone
        >>> from crmcore import F, Opportunity
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.kernel.custom_field import CustomField
        >>> from crmcore.kernel.requirement import lacking, requirements
        >>> custom = {"region": CustomField("text", required_when=F.amount >= 1_000)}
        >>> now = datetime(2026, 11, 2, tzinfo=timezone.utc)
        >>> [region] = requirements(kind_of(Opportunity), custom, currency="EUR", zone="UTC", at=now)
        >>> region.whose
        'every opportunity requires when amount is at least 1,000'
    """
    found: list[Requirement] = []
    problems: list[Problem] = []
    for name, told in custom.items():
        if told.needed:
            when = AllOf(()) if told.required_when is None else told.required_when
            try:
                _check_tagless(when)
                asked = checked(when, kind.types_for(when, custom), currency=currency, at=at, zone=zone)
            except Invalid as error:
                path = f"custom.{kind.name}.{name}.required_when"
                problems += [attrs.evolve(problem, path=f"{path}: {problem.path}") for problem in error.problems]
            else:
                found.append(Requirement(name, _whose(kind, told.required_when), predicate(asked)))
    if problems:
        raise Invalid(problems)
    return tuple(found)


def _check_tagless(when: Filter) -> None:
    """Refuse a condition that asks for tags by name: a playbook does not know what their names stand for."""
    if "tags" in when.fields:
        expected = "a field of the record: a playbook does not know the tags, whose names may change"
        raise Invalid([Problem("tags", "tags", expected, "declare a custom field for it, and ask about that")])


def _whose(kind: Kind[Any], when: Filter | None) -> str:
    """Which records need a field, in words."""
    return f"every {kind.name} requires" if when is None else f"every {kind.name} requires when {when}"


def lacking(before: Record | None, after: Record, required: Iterable[Requirement]) -> list[Problem]:
    """The custom fields that a change brings a record into lacking.

    A record that lacked one already, since it is older than the field, may be changed otherwise; and
    nothing is required of one that is deleted or merged into another.

    Args:
        before: The record without the change; None when the change makes it.
        after: The record with it.
        required: The custom fields that records of its kind need.

    Returns:
        One problem for each; they never show what a record holds.
    """
    if after.deleted_at is not None or after.merged_into is not None:
        return []
    missing = [told for told in required if told.lacked(after) and not (before is not None and told.lacked(before))]
    return [
        Problem(f"custom.{told.name}", None, f"a value, which {told.whose}", _mend(told.name, before))
        for told in missing
    ]


def _mend(name: str, before: Record | None) -> str:
    if before is None:
        return f"give custom={{{name!r}: …}}"
    return f"{'keep' if name in before.custom else 'first update'} custom.{name}"
