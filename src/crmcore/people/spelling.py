"""How people spell the ways to reach them, so that two spellings of one can be told to be the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from crmcore.kernel.frozen_map import FrozenMap

__all__ = ["SPELLINGS", "email", "phone"]

LEAST_DIGITS = 7
"""Shorter numbers are extensions or short codes, which many people share."""

COMPARED_DIGITS = 9
"""How many digits two numbers are compared by, the last ones: prefixes are often left out."""


_NO_DIGITS = re.compile(r"\D+", re.ASCII)


def email(address: str) -> str | None:
    """An e-mail address as it is compared: without capitals and the blanks around it.

    Args:
        address: The address.

    Returns:
        None when there is nothing to compare.

    Example:
        >>> from crmcore.people.spelling import email
        >>> email(" Ada@Engines.example")
        'ada@engines.example'
    """
    return address.strip().casefold() or None


def phone(number: str) -> str | None:
    """A telephone number as it is compared: its last nine digits, without what a call from abroad puts before them.

    Args:
        number: The number.

    Returns:
        None when it has too few digits to tell anybody apart.

    Example:
        >>> from crmcore.people.spelling import phone
        >>> phone("+44 (0)20 7946 0123") == phone("020 7946 0123") == phone("0044-2079460123")
        True
    """
    digits = _NO_DIGITS.sub("", number.replace("(0)", "")).lstrip("0")
    return digits[-COMPARED_DIGITS:] if len(digits) >= LEAST_DIGITS else None


SPELLINGS: Mapping[str, Callable[[str], str | None]] = FrozenMap(
    {"email": email, "emails": email, "phone": phone, "phones": phone}
)
"""The ways to reach somebody, by field, and how each is compared."""
