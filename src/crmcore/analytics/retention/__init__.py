"""Churn, retention and recurring revenue: who stays, who leaves, who comes back, and what it is worth.

Names load when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.analytics.retention.churn_rate import churn
    from crmcore.analytics.retention.churn_result import Churn
    from crmcore.analytics.retention.cohort_result import Cohort, CohortTable
    from crmcore.analytics.retention.cohort_table import cohorts
    from crmcore.analytics.retention.customer_tenure import Tenures, tenures
    from crmcore.analytics.retention.inactivity import Lapsed, Silence, lapsed
    from crmcore.analytics.retention.loyalty_ledger import LoyaltyAccount, LoyaltyLedger, loyalty
    from crmcore.analytics.retention.recurring_revenue import grr, movements, nrr, quick_ratio
    from crmcore.analytics.retention.repeat_business import PurchaseInterval, purchase_interval, repeat_rate
    from crmcore.analytics.retention.revenue_result import Movements
    from crmcore.analytics.retention.win_back import Reactivation, reactivation

__all__ = [
    "Churn",
    "Cohort",
    "CohortTable",
    "Lapsed",
    "LoyaltyAccount",
    "LoyaltyLedger",
    "Movements",
    "PurchaseInterval",
    "Reactivation",
    "Silence",
    "Tenures",
    "churn",
    "cohorts",
    "grr",
    "lapsed",
    "loyalty",
    "movements",
    "nrr",
    "purchase_interval",
    "quick_ratio",
    "reactivation",
    "repeat_rate",
    "tenures",
]

_HOMES = {
    "Churn": "churn_result",
    "Cohort": "cohort_result",
    "CohortTable": "cohort_result",
    "Lapsed": "inactivity",
    "LoyaltyAccount": "loyalty_ledger",
    "LoyaltyLedger": "loyalty_ledger",
    "Movements": "revenue_result",
    "PurchaseInterval": "repeat_business",
    "Reactivation": "win_back",
    "Silence": "inactivity",
    "Tenures": "customer_tenure",
    "churn": "churn_rate",
    "cohorts": "cohort_table",
    "grr": "recurring_revenue",
    "lapsed": "inactivity",
    "loyalty": "loyalty_ledger",
    "movements": "recurring_revenue",
    "nrr": "recurring_revenue",
    "purchase_interval": "repeat_business",
    "quick_ratio": "recurring_revenue",
    "reactivation": "win_back",
    "repeat_rate": "repeat_business",
    "tenures": "customer_tenure",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
