"""What is said and done about other records: which record is meant, and what there is about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, NotFound, Problem
from crmcore.kernel.front import Front
from crmcore.kernel.records import R, Record, kind_named
from crmcore.kernel.values import read_text
from crmcore.kernel.where import F

__all__ = ["AboutDesk", "id_of", "standing"]


def id_of(record: object) -> str:
    """The id of a record of any kind.

    Args:
        record: The record, or its id.

    Raises:
        Invalid: It is neither.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.activity.about import id_of
        >>> acme = CRM().accounts.add(name="Acme")
        >>> id_of(acme) == id_of(acme.id) == acme.id
        True
    """
    if isinstance(record, Record):
        return record.id
    if isinstance(record, str):
        return read_text(record, path="record", empty=False)
    raise Invalid([Problem("record", type(record).__name__, "a record or its id", "pass one")])


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


class AboutDesk(Desk[R]):
    """Records that are each about another record.

    Args:
        kind: The kind.
        front: The front door it belongs to.
    """

    department = "activity"

    happened: ClassVar[str]
    """The field that says when."""

    def revise(
        self, record: R, context: Context[Any], *, fields: Mapping[str, Any], version: int | None = None
    ) -> Change[R]:
        """Change fields of a record; the record it is about may be given whole, as when it was added."""
        told = {**fields, "record": id_of(fields["record"])} if "record" in fields else fields
        return super().revise(record, context, fields=told, version=version)

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
