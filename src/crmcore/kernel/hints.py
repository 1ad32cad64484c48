"""Type hints as declarations are read from them."""

from __future__ import annotations

import types
import typing
from typing import Any

__all__ = ["property_hints", "stripped"]


def stripped(hint: object) -> tuple[Any, bool]:
    """A type without ``| None``, and whether it had it.

    Args:
        hint: The type hint, resolved.

    Example:
        >>> from crmcore.kernel.hints import stripped
        >>> stripped(str | None)
        (<class 'str'>, True)
    """
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = [part for part in typing.get_args(hint) if part is not types.NoneType]
        if len(parts) == 1:
            return parts[0], True
    return hint, False


def property_hints(cls: type) -> dict[str, Any]:
    """What the properties of a class give, by name.

    Args:
        cls: The class.
    """
    found = {name: getattr(cls, name, None) for name in dir(cls)}
    return {
        name: typing.get_type_hints(member.fget).get("return")
        for name, member in found.items()
        if isinstance(member, property) and member.fget is not None
    }
