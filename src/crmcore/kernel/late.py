"""Acts in the past: what the record was then, and whether the past stays a possible one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Generic

import attrs

from crmcore.kernel.change import Change, applied, replay, state_of
from crmcore.kernel.errors import Invalid, NotAllowed, Problem
from crmcore.kernel.ports import Moment
from crmcore.kernel.records import Kind, R

__all__ = ["Following", "check_present", "following", "record_then"]


def check_present(moment: Moment) -> None:
    """Refuse to write into a view of the past.

    Args:
        moment: When the view reads.

    Raises:
        NotAllowed: It reads another moment than now.
    """
    if moment.past:
        message = "the past can't be changed; act on the CRM itself, with given(at=…) to backdate"
        raise NotAllowed(message, act="commit", possible=("given(at=…)",))


@attrs.frozen
class Following(Generic[R]):
    """A change that comes after a late one.

    Attributes:
        change: The change.
        was: The record it was made of.
        now: The record it would have been made of, had the late change been known.
    """

    change: Change[R]
    was: R
    now: R


def record_then(kind: Kind[R], changes: Sequence[Change[R]], record: R, at: datetime) -> R:
    """The record as it was at a past instant, carrying today's version for the optimistic lock.

    Args:
        kind: The kind of the record.
        changes: All its changes.
        record: The record as it stands.
        at: The instant.

    Raises:
        Invalid: The record was not there yet.
    """
    then = replay(kind, [change for change in changes if change.at <= at])
    if then is None:
        first = min(change.at for change in changes).isoformat()
        mend = "give a later time, or correct when it was created"
        raise Invalid([Problem("at", at.isoformat(), f"at or after {first}", mend)])
    return kind.cls(**{**state_of(then), "version": record.version})


def following(kind: Kind[R], changes: Sequence[Change[R]], late: Change[R]) -> Iterator[Following[R]]:
    """The changes of a record that come after a late one, in the order they happened.

    Args:
        kind: The kind of the record.
        changes: All its changes so far.
        late: The change to come, already read.
    """
    ordered = sorted(changes, key=lambda change: change.order)
    before = [change for change in ordered if change.order < late.order]
    was = replay(kind, before)
    if was is None:
        return
    now = applied(kind, was, late)
    for change in ordered[len(before) :]:
        yield Following(change, was, now)
        was, now = applied(kind, was, change), applied(kind, now, change)
