"""What is said and done about other records: which record is meant, and what there is about it."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from crmcore.kernel.change import replay
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import NotFound
from crmcore.kernel.facts import id_of
from crmcore.kernel.front import Front
from crmcore.kernel.ports import Commit
from crmcore.kernel.records import Kind, R, Record, kind_named
from crmcore.kernel.where import F

__all__ = ["AboutDesk", "standing", "stood"]


def standing(front: Front, record: Record | str) -> Record:
    """The record that stands for another at the moment a front door reads: itself, or what it was merged into.

    Args:
        front: The front door.
        record: A record of any kind, or its id.

    Raises:
        Invalid: It is neither.
        NotFound: There was none with that id.
    """
    id = id_of(record)
    kind = kind_named(id, front.kinds)
    if kind is None:
        raise NotFound("record", id)
    found: Record | None = front.store.get(kind, [id], front.moment).get(id)
    if found is None:
        raise NotFound(kind.name, id)
    return found if found.merged_into is None else standing(front, found.merged_into)


def stood(front: Front, id: str, done: Commit) -> Record:
    """The record that stood for another when a commit was written.

    Args:
        front: The front door.
        id: The id of a record that was there.
        done: The commit.
    """
    kind = cast("Kind[Any]", kind_named(id, front.kinds))
    known = front.store.changes(kind=kind.name, id=id, before=done.changes[-1].seq + 1)
    found = cast("Record", replay(kind, known))
    return found if found.merged_into is None else stood(front, found.merged_into, done)


class AboutDesk(Desk[R]):
    """Records that are each about another record.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    department = "activity"

    happened: ClassVar[str]
    """The field that says when."""

    def of(self, record: Record | str) -> tuple[R, ...]:
        """Everything about a record, newest first, also about those merged into it or converted to it.

        Args:
            record: A record of any kind, or its id.

        Raises:
            Invalid: It is neither.
            NotFound: There was none with that id.
        """
        ids = self.front.linked(standing(self.front, record).id)
        return tuple(self.each(F.record.is_in(sorted(ids)), order_by=f"-{self.happened}"))
