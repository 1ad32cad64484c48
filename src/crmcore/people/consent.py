"""Consent: what people allow, by channel. Every word of it is a change with its time and its actor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crmcore.kernel.errors import Problem
from crmcore.kernel.values import LONGEST_NAME, read_boolean, read_text

__all__ = ["CONSENTS", "consented", "misread"]

CONSENTS = ("granted", "withdrawn")
"""What somebody can have said."""


def consented(channel: str, *, granted: bool) -> tuple[str, dict[str, str]]:
    """What happened when somebody granted or withdrew a consent, and what that sets.

    Args:
        channel: The channel: ``"email"``, ``"phone"``.
        granted: Whether they grant it.

    Raises:
        Invalid: The channel is empty, or it is not said whether they grant it.
    """
    named = read_text(channel, LONGEST_NAME, path="channel", empty=False)
    said_yes = read_boolean(granted, path="granted")
    what, said = ("opted in", "granted") if said_yes else ("opted out", "withdrawn")
    return what, {f"consents.{named}": said}


def misread(consents: object) -> Iterator[Problem]:
    """What is wrong with consents that are given as a whole.

    Args:
        consents: What was given, by channel.
    """
    for channel, said in consents.items() if isinstance(consents, Mapping) else ():
        if not (isinstance(said, str) and said in CONSENTS):
            mend = "leave it out while they have not said"
            yield Problem(f"consents.{channel}", said, " or ".join(map(repr, CONSENTS)), mend)
