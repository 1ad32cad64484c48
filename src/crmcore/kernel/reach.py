"""How people and companies are reached: what an e-mail address and a phone number must have.

Only the plain is asked: an e-mail address has one ``@`` with something on both sides and no blanks,
a phone number has a digit. Both are kept as they were written, without the blanks around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import Kind

__all__ = ["reached_by"]

EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
PHONE = re.compile(r".*\d.*", re.DOTALL)
WAYS = {"email": EMAIL, "emails": EMAIL, "phone": PHONE, "phones": PHONE}
EXPECTED = {
    EMAIL: ("an e-mail address: one @ with something on both sides, no blanks", "write it like ada@engines.example"),
    PHONE: ("a phone number, which has a digit", "write it like +44 20 7946 0000"),
}


def reached_by(kind: Kind[Any], fields: Mapping[str, Any], also: Iterable[Problem] = ()) -> dict[str, Any]:
    """Fields with their e-mail addresses and phone numbers checked, and the blanks around these taken away.

    Args:
        kind: The kind they are fields of.
        fields: The fields as they were given; those that hold members may be whole mappings.
        also: What else is wrong with them.

    Raises:
        Invalid: One is no e-mail address or phone number, or something else is wrong: every problem at once.

    Example:
        >>> from crmcore.kernel import kind_of
        >>> from crmcore.people import Contact
        >>> from crmcore.kernel.reach import reached_by
        >>> reached_by(kind_of(Contact), {"email": " ada@engines.example ", "phones": {"home": "020 1 "}})
        {'email': 'ada@engines.example', 'phones': {'home': '020 1'}}
    """
    found = {name: _stripped(value) if name.partition(".")[0] in WAYS else value for name, value in fields.items()}
    problems = [*also, *_unreachable(kind, found)]
    if problems:
        raise Invalid(problems)
    return found


def _stripped(value: object) -> object:
    if isinstance(value, Mapping):
        return {label: _stripped(one) if isinstance(one, str) else one for label, one in value.items()}
    return value.strip() if isinstance(value, str) else value


def _unreachable(kind: Kind[Any], fields: Mapping[str, Any]) -> Iterator[Problem]:
    """The e-mail addresses and phone numbers that are none; what is no text is left to the border."""
    for name, given in fields.items():
        form = WAYS.get(name.partition(".")[0])
        declared = None if form is None else kind.declared(name)
        if form is None or declared is None:
            continue
        each = {f"{name}.{label}": one for label, one in given.items()} if isinstance(given, Mapping) else {name: given}
        for path, value in each.items():
            if isinstance(value, str) and not form.fullmatch(value):
                yield Problem(path, "•••" if declared.personal else value, *EXPECTED[form])
