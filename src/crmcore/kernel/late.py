"""Acts in the past: what the record was then, and whether the past stays a possible one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import attrs

from crmcore.kernel.change import Change, replay
from crmcore.kernel.errors import NotAllowed
from crmcore.kernel.records import Kind, R

__all__ = ["next_move", "record_then"]


def record_then(kind: Kind[R], changes: Sequence[Change[R]], record: R, at: datetime) -> R:
    """The record as it was at a past instant, carrying today's version for the optimistic lock.

    Args:
        kind: The kind of the record.
        changes: All its changes.
        record: The record as it stands.
        at: The instant.

    Returns:
        The past state; the record as it stands when nothing had happened by then.
    """
    then = replay(kind, [change for change in changes if change.at <= at])
    return record if then is None else attrs.evolve(then, version=record.version)


def next_move(kind: Kind[R], changes: Sequence[Change[R]], late: Change[Any]) -> tuple[R, R] | None:
    """The states a late change stands between: right after it, and after the next change of the same fields.

    Args:
        kind: The kind of the record.
        changes: All its changes so far.
        late: The change to come, already read.

    Returns:
        Both states, or None when nothing after it touches what it sets.

    Raises:
        NotAllowed: It deletes the record before something that happened to it.
    """
    after = sorted((change for change in changes if change.order > late.order), key=lambda change: change.order)
    if after and late.sets.get("deleted_at") is not None:
        message = f"cannot delete {kind.name} {late.id} at {late.at.isoformat()}: it was {after[0].what} after that"
        raise NotAllowed(message, act="delete", possible=("delete it at a later time",))
    touching = next((change for change in after if not change.sets.keys().isdisjoint(late.sets)), None)
    if touching is None:
        return None
    known = [*changes, late]
    here = replay(kind, [change for change in known if change.order <= late.order])
    there = replay(kind, [change for change in known if change.order <= touching.order])
    return None if here is None or there is None else (here, there)
