"""The canary: a personal value that no error may show, and what comes of a call."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

import attrs

from crmcore.kernel.errors import CrmError

__all__ = ["CANARY", "Outcome", "misconduct", "outcome"]

CANARY = "Zephyrine Quillfeather"
"""What every personal field holds in the exam."""


@attrs.frozen
class Outcome:
    """What came of a call.

    Attributes:
        answer: What it gave.
        error: What it raised; None when it gave an answer.
        told: All that a log would show of the error, its causes included.
    """

    answer: object = None
    error: Exception | None = None
    told: str = ""


def outcome(call: Callable[[], object]) -> Outcome:
    """What comes of a call.

    Args:
        call: The call.
    """
    try:
        return Outcome(call())
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is asked
        return Outcome(None, error, _told(error))


def _told(error: Exception) -> str:
    return "\n".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])


def misconduct(found: Outcome, allowed: tuple[type[CrmError], ...] = (CrmError,)) -> Iterator[str]:
    """What an error should not be, in a few words.

    Args:
        found: What came of a call.
        allowed: The errors that may come out.
    """
    if found.error is not None and not isinstance(found.error, allowed):
        yield f"raised {type(found.error).__name__}, not one of {', '.join(one.__name__ for one in allowed) or 'none'}"
    if CANARY in found.told or CANARY.encode("unicode_escape").decode() in found.told:
        yield f"showed a personal value in {type(found.error).__name__}"
