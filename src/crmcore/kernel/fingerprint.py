"""Fingerprints of requests: the same one again is known by it, any other told apart, and no value can be read off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set as AbstractSet
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from numbers import Number
from typing import Any

import attrs

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import Record

__all__ = ["fingerprint"]

PLAIN = (str, bytes, Number, range, date, time, timedelta, tzinfo, Enum, type(None))
"""Values whose repr shows all there is of them."""


def fingerprint(request: object) -> str:
    """What a request is known by: that of equal arguments in another order is the same.

    A record stands for its id, whatever its version; of other values everything counts, personal fields included.

    Args:
        request: What is asked, with all its arguments.

    Raises:
        Invalid: A value among them can't be told from others: an iterator, a function, one that holds itself.
    """
    from hashlib import sha256

    try:
        asked = repr(_plain(request)).encode("utf-8", "backslashreplace")
    except Invalid:
        raise
    except Exception as error:  # arguments may be of any class, even one that can't be shown
        raise _untold(error) from error
    return sha256(asked).hexdigest()


def _plain(value: object) -> object:
    """A value as lists, mappings and plain values: nothing is left out that a repr would keep to itself."""
    match value:
        case Record():
            return value.id
        case Mapping():
            items = ((repr(_plain(name)), _plain(one)) for name, one in value.items())
            return dict(sorted(items, key=lambda item: item[0]))
        case AbstractSet():
            return (sorted(map(_plain, value), key=repr),)
        case _ if isinstance(value, PLAIN):
            return value
        case Sequence():
            return [*map(_plain, value)]
        case _:
            return type(value).__qualname__, {name: _plain(getattr(value, name)) for name in _declared(value)}


def _declared(value: Any) -> list[str]:  # noqa: ANN401 - of any class
    """The names of the fields of an attrs value or a dataclass."""
    cls = type(value)
    if attrs.has(cls):
        return [one.name for one in attrs.fields(cls)]
    if not hasattr(cls, "__dataclass_fields__"):
        raise _untold(value)
    return [*cls.__dataclass_fields__]


def _untold(found: object) -> Invalid:
    """What to say of a value that can't be told from others."""
    mend = "give plain values, lists or attrs classes, or leave given(key=…) out"
    return Invalid([Problem("key", type(found).__name__, "arguments that can be told from others", mend)])
