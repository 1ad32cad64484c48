"""What columns are drawn from: a CRM, or a view of its past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any, Protocol

from crmcore.kernel.calendar import today
from crmcore.kernel.change import Change
from crmcore.kernel.context import Context
from crmcore.kernel.desk import Desk
from crmcore.kernel.ports import Moment, Store
from crmcore.people import AccountDesk
from crmcore.playbook import Playbook
from crmcore.sales import OpportunityDesk, OrderDesk, ProductDesk, SubscriptionDesk
from crmcore.staff import StaffDesk

__all__ = ["Source", "histories", "last_day", "names_of"]


class Source(Protocol):
    """A CRM, or a view of its past."""

    @property
    def opportunities(self) -> OpportunityDesk:
        """The deals."""
        ...

    @property
    def orders(self) -> OrderDesk:
        """The orders."""
        ...

    @property
    def subscriptions(self) -> SubscriptionDesk:
        """The subscriptions."""
        ...

    @property
    def accounts(self) -> AccountDesk:
        """The accounts."""
        ...

    @property
    def products(self) -> ProductDesk:
        """The products."""
        ...

    @property
    def staff(self) -> StaffDesk:
        """The staff profiles."""
        ...

    @property
    def playbook(self) -> Playbook:
        """How the business works."""
        ...

    def as_of(self) -> Source:
        """The same CRM as it is now."""
        ...

    def context(self, department: str) -> Context[Any]:
        """The circumstances of an act; here, what time it is."""
        ...

    @property
    def store(self) -> Store:
        """The store."""
        ...

    @property
    def moment(self) -> Moment:
        """When to read."""
        ...


def last_day(crm: Source) -> date:
    """The day a view reads at, in the business's zone: that of its as-of, or today.

    Args:
        crm: The CRM, or a view of its past.
    """
    now = crm.context("sales").at  # and with it, what another process adopted meanwhile
    return today(crm.moment.at or now, crm.playbook.zone)


def names_of(crm: Source, desk: Desk[Any], ids: Iterable[str | None]) -> list[str | None]:
    """Records' names by id, deleted ones' too; namesakes are told apart by their ids.

    Args:
        crm: The CRM.
        desk: The desk of the records.
        ids: Their ids; None stays None.
    """
    asked = list(ids)
    found = crm.store.get(desk.kind, {id for id in asked if id is not None})
    names = {id: str(getattr(record, "name", id)) for id, record in found.items()}
    often = Counter(names.values())
    shown = {id: name if often[name] == 1 else f"{name} ({id})" for id, name in names.items()}
    return [None if id is None else shown.get(id, id) for id in asked]


def histories(crm: Source, kind: str, ids: Iterable[str]) -> dict[str, list[Change[Any]]]:
    """What a view knows to have happened to some records, by id, in the order the store learnt it.

    Args:
        crm: The CRM, or a view of its past.
        kind: Their kind.
        ids: Their ids.
    """
    moment, asked = crm.moment, set(ids)
    found: dict[str, list[Change[Any]]] = {}
    for change in crm.store.changes(kind=kind, upto=moment.cut) if asked else ():
        if change.id in asked and (moment.at is None or change.at <= moment.at):
            found.setdefault(change.id, []).append(change)
    return found
