"""The CRM domain as a library: every term a tested object, every change kept, every number reproducible.

Names load when they are first used, so that importing crmcore costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from crmcore.activity import Note, Tag, Touchpoint
    from crmcore.async_crm import AsyncCRM
    from crmcore.crm import CRM
    from crmcore.kernel.custom_field import CustomField
    from crmcore.kernel.errors import (
        Busy,
        Closed,
        Conflict,
        Corrupt,
        CrmError,
        Duplicate,
        Full,
        Invalid,
        MixedCurrency,
        NotAllowed,
        NotConverged,
        NotFound,
        Problem,
        ReadOnly,
        SchemaTooNew,
        StoreError,
    )
    from crmcore.kernel.money import Money
    from crmcore.kernel.where import F, ago
    from crmcore.people import Account, Address, Affiliation, Contact
    from crmcore.playbook import Playbook
    from crmcore.sales import (
        Lead,
        Opportunity,
        Order,
        OrderLine,
        Pipeline,
        Product,
        SalesRules,
        Stage,
        Subscription,
    )
    from crmcore.staff import Staff

_ERRORS = (
    "Busy Closed Conflict Corrupt CrmError Duplicate Full Invalid MixedCurrency NotAllowed NotConverged NotFound "
    "Problem ReadOnly SchemaTooNew StoreError"
)
_HOMES = {
    "crmcore.activity": "Note Tag Touchpoint",
    "crmcore.async_crm": "AsyncCRM",
    "crmcore.crm": "CRM",
    "crmcore.kernel.custom_field": "CustomField",
    "crmcore.kernel.errors": _ERRORS,
    "crmcore.kernel.money": "Money",
    "crmcore.kernel.where": "F ago",
    "crmcore.people": "Account Address Affiliation Contact",
    "crmcore.playbook": "Playbook",
    "crmcore.sales": "Lead Opportunity Order OrderLine Pipeline Product SalesRules Stage Subscription",
    "crmcore.staff": "Staff",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "CRM",
    "Account",
    "Address",
    "Affiliation",
    "AsyncCRM",
    "Busy",
    "Closed",
    "Conflict",
    "Contact",
    "Corrupt",
    "CrmError",
    "CustomField",
    "Duplicate",
    "F",
    "Full",
    "Invalid",
    "Lead",
    "MixedCurrency",
    "Money",
    "NotAllowed",
    "NotConverged",
    "NotFound",
    "Note",
    "Opportunity",
    "Order",
    "OrderLine",
    "Pipeline",
    "Playbook",
    "Problem",
    "Product",
    "ReadOnly",
    "SalesRules",
    "SchemaTooNew",
    "Staff",
    "Stage",
    "StoreError",
    "Subscription",
    "Tag",
    "Touchpoint",
    "ago",
]


def __getattr__(name: str) -> object:
    """A public name, loaded when it is first asked for."""
    if name not in _HOME_OF:
        message = f"module 'crmcore' has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted([*__all__, "__version__"])
