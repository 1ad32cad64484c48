"""Survival: how long something lasts when some of it has not ended yet.

Subscriptions, customers, deals in a stage, cases in a queue: each is followed for a duration, at whose end either the
event was seen (it ended) or only the watching stopped (it is right-censored). Names load when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.analytics.survival.cox_fit import BaselineHazard, CoxFit, LikelihoodRatio
    from crmcore.analytics.survival.cumulative_hazard import CumulativeHazard, nelson_aalen
    from crmcore.analytics.survival.group_plot import plot_survival
    from crmcore.analytics.survival.lifetimes import Exponential, Weibull
    from crmcore.analytics.survival.log_rank_test import GroupEvents, LogRank, log_rank
    from crmcore.analytics.survival.parametric import LifetimeFit, exponential, weibull
    from crmcore.analytics.survival.product_limit import kaplan_meier
    from crmcore.analytics.survival.proportional_hazards import cox
    from crmcore.analytics.survival.survival_curve import RestrictedMean, SurvivalCurve

__all__ = [
    "BaselineHazard",
    "CoxFit",
    "CumulativeHazard",
    "Exponential",
    "GroupEvents",
    "LifetimeFit",
    "LikelihoodRatio",
    "LogRank",
    "RestrictedMean",
    "SurvivalCurve",
    "Weibull",
    "cox",
    "exponential",
    "kaplan_meier",
    "log_rank",
    "median_survival",
    "nelson_aalen",
    "plot_survival",
    "weibull",
]

_HOMES = {
    "BaselineHazard": "cox_fit",
    "CoxFit": "cox_fit",
    "CumulativeHazard": "cumulative_hazard",
    "Exponential": "lifetimes",
    "GroupEvents": "log_rank_test",
    "LifetimeFit": "parametric",
    "LikelihoodRatio": "cox_fit",
    "LogRank": "log_rank_test",
    "RestrictedMean": "survival_curve",
    "SurvivalCurve": "survival_curve",
    "Weibull": "lifetimes",
    "cox": "proportional_hazards",
    "exponential": "parametric",
    "kaplan_meier": "product_limit",
    "log_rank": "log_rank_test",
    "median_survival": "product_limit",
    "nelson_aalen": "cumulative_hazard",
    "plot_survival": "group_plot",
    "weibull": "parametric",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
