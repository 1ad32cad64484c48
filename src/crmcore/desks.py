"""The desks of a CRM, each under its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from crmcore.activity import Note, NoteDesk, Tag, TagDesk, Touchpoint, TouchpointDesk
from crmcore.kernel.desk import Desk
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.records import R, Record, kind_of
from crmcore.people import Account, AccountDesk, Affiliation, AffiliationDesk, Contact, ContactDesk
from crmcore.sales import (
    Lead,
    LeadDesk,
    Opportunity,
    OpportunityDesk,
    Order,
    OrderDesk,
    Product,
    ProductDesk,
    Subscription,
    SubscriptionDesk,
)
from crmcore.staff import Staff, StaffDesk

if TYPE_CHECKING:
    from crmcore.kernel.front import Front

__all__ = ["Desks", "Opened"]

D = TypeVar("D", bound=Desk[Any])


class Opened(Generic[D]):
    """A desk of a CRM, found under its name.

    Args:
        cls: The record class.
        desk: The class of its desk.
    """

    def __init__(self, cls: type[Record], desk: type[D]) -> None:
        self.cls = cls
        self.desk = desk

    def __get__(self, crm: Desks, owner: type[Desks]) -> D:
        """The desk, of the CRM it is asked of."""
        return cast("D", crm.desk(self.cls))


class Desks:
    """A CRM as its desks: ours under their names, a host's own under their plurals."""

    _desks: Mapping[type[Record], type[Desk[Any]]]

    accounts = Opened(Account, AccountDesk)
    """The companies and households."""
    affiliations = Opened(Affiliation, AffiliationDesk)
    """Who belongs to which account."""
    contacts = Opened(Contact, ContactDesk)
    """The people."""
    leads = Opened(Lead, LeadDesk)
    """The potential customers."""
    notes = Opened(Note, NoteDesk)
    """What was written down about records."""
    opportunities = Opened(Opportunity, OpportunityDesk)
    """The deals."""
    orders = Opened(Order, OrderDesk)
    """What customers bought."""
    products = Opened(Product, ProductDesk)
    """What is sold."""
    staff = Opened(Staff, StaffDesk)
    """Who works here."""
    subscriptions = Opened(Subscription, SubscriptionDesk)
    """What customers pay for again and again."""
    tags = Opened(Tag, TagDesk)
    """The words that are put on records."""
    touchpoints = Opened(Touchpoint, TouchpointDesk)
    """When somebody was in touch."""

    def desk(self, cls: type[R]) -> Desk[R]:
        """The desk of a record class.

        Args:
            cls: The class, one of those the CRM was opened with.

        Raises:
            Invalid: The CRM does not know it.
        """
        if not isinstance(cls, type) or cls not in self._desks:
            raise Invalid([Problem("kind", cls, "a kind of this CRM", "open it with CRM(kinds=[…])")])
        return self._desks[cls](kind_of(cls), cast("Front", self))

    def __getattr__(self, name: str) -> Desk[Any]:
        """The desk of a kind of your own, by its plural."""
        if not name.startswith("_"):
            for cls, desk in self._desks.items():
                if kind_of(cls).plural == name:
                    return desk(kind_of(cls), cast("Front", self))
        message = f"this CRM has no desk {name!r}; open it with CRM(kinds=[…])"
        raise AttributeError(message)
