"""What is personal in a kind of record, as its class declares it, and what an erasure leaves of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import attrs

from crmcore.kernel.fields import Field, part_of
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.reach import WAYS
from crmcore.kernel.records import Kind

__all__ = ["ERASED", "blanked", "in_part", "is_person", "left_of", "personal_fields"]

ERASED = "[erased]"
"""What is left of a text that can't be missing."""

_LEFT: dict[str, Any] = {"text": ERASED, "texts": (), "parts": ()}


@cache
def personal_fields(kind: Kind[Any]) -> tuple[Field, ...]:
    """The fields of a kind that hold something personal, themselves or in their parts; custom ones left out.

    Args:
        kind: The kind.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.kernel.personal import personal_fields
        >>> from crmcore.people import Account
        >>> [told.name for told in personal_fields(kind_of(Account))]
        ['addresses']
    """
    every = (*kind.fields.values(), *kind.members.values())
    return tuple(told for told in every if told.personal or in_part(told))


def in_part(told: Field) -> bool:
    """Whether a field is personal only in fields of the parts it holds.

    Args:
        told: The field.
    """
    return not told.personal and told.part is not None and bool(_personal(told.part))


def _personal(part: type) -> tuple[Field, ...]:
    """The personal fields of a part."""
    return tuple(told for told in part_of(part).values() if told.personal)


@cache
def is_person(kind: Kind[Any]) -> bool:
    """Whether records of a kind are people: they have an e-mail address or a phone number, and that is personal.

    Args:
        kind: The kind.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.kernel.personal import is_person
        >>> from crmcore.people import Account, Contact
        >>> is_person(kind_of(Contact)), is_person(kind_of(Account))
        (True, False)
    """
    return any(told.personal and told.name in WAYS for told in personal_fields(kind))


def left_of(cls: type, told: Field) -> Any:  # noqa: ANN401 - any field's value
    """What an erasure leaves of a field: its default where it has one, or else a text that says so.

    Args:
        cls: The class of the record or part.
        told: The field.
    """
    default = attrs.fields_dict(cls)[told.name].default
    if told.members:
        return EMPTY
    return _LEFT.get(told.type) if told.required or isinstance(default, attrs.Factory) else default  # type: ignore[arg-type]


def blanked(value: Any) -> Any:  # noqa: ANN401 - a part
    """A part, or several, without what is personal in it.

    Args:
        value: The part, or a tuple of parts.

    Example:
        >>> from crmcore import Address
        >>> from crmcore.kernel.personal import blanked
        >>> blanked(Address(city="London")).city is None
        True
    """
    if isinstance(value, tuple):
        return tuple(map(blanked, value))
    cls = type(value)
    known = [told for told in _personal(cls) if getattr(value, told.name) is not None]
    return attrs.evolve(value, **{told.name: left_of(cls, told) for told in known})
