"""What is said and done about other records: which record is meant, and what there is about it."""

from __future__ import annotations

from typing import ClassVar

from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import NotFound
from crmcore.kernel.facts import id_of
from crmcore.kernel.front import Front
from crmcore.kernel.ports import Moment
from crmcore.kernel.records import R, Record, kind_named
from crmcore.kernel.where import F

__all__ = ["AboutDesk", "standing"]


def standing(front: Front, record: Record | str, moment: Moment | None = None) -> Record:
    """The record that stands for another at the moment a front door reads: itself, or what it was merged into.

    Args:
        front: The front door.
        record: A record of any kind, or its id.
        moment: Another moment.

    Raises:
        Invalid: It is neither.
        NotFound: There was none with that id.
    """
    id = id_of(record)
    kind = kind_named(id, front.kinds)
    if kind is None:
        raise NotFound("record", id)
    found: Record | None = front.store.get(kind, [id], moment or front.moment).get(id)
    if found is None:
        raise NotFound(kind.name, id)
    return found if found.merged_into is None else standing(front, found.merged_into, moment)


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
