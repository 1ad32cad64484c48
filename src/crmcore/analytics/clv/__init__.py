"""Customer lifetime value: who is still a customer, how often they will buy, for how much.

Names load when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.analytics.clv.acquisition import acquisition_cost, clv_to_cac, customer_profit, payback
    from crmcore.analytics.clv.bgbb import BGBB
    from crmcore.analytics.clv.bgnbd import BGNBD, MBGNBD
    from crmcore.analytics.clv.bootstrap_fit import Bootstrap, bootstrap
    from crmcore.analytics.clv.contract_validation import SurvivorTable, survivor_table
    from crmcore.analytics.clv.contractual import SBG, BdW
    from crmcore.analytics.clv.discount import Discount
    from crmcore.analytics.clv.fit import Fit
    from crmcore.analytics.clv.gamma_gamma import GammaGamma
    from crmcore.analytics.clv.history_matrix import HistoryMatrix, expected_purchases_matrix, p_alive_matrix
    from crmcore.analytics.clv.lifetime_table import LifetimeValue
    from crmcore.analytics.clv.likelihood_ratio import LikelihoodRatio, lr_test
    from crmcore.analytics.clv.nbd import NBD
    from crmcore.analytics.clv.pareto_nbd import ParetoNBD
    from crmcore.analytics.clv.past_spend import historical
    from crmcore.analytics.clv.prediction import Prediction
    from crmcore.analytics.clv.summarizing import summarize
    from crmcore.analytics.clv.summary import CustomerSummary
    from crmcore.analytics.clv.tracked import Tracking, tracking
    from crmcore.analytics.clv.unit import Unit
    from crmcore.analytics.clv.validation import CalibrationTable, FrequencyTable, calibration_table, frequency_table
    from crmcore.analytics.clv.value_report import ValueReport, report
    from crmcore.analytics.clv.valuing import lifetime_value

__all__ = [
    "BGBB",
    "BGNBD",
    "MBGNBD",
    "NBD",
    "SBG",
    "BdW",
    "Bootstrap",
    "CalibrationTable",
    "CustomerSummary",
    "Discount",
    "Fit",
    "FrequencyTable",
    "GammaGamma",
    "HistoryMatrix",
    "LifetimeValue",
    "LikelihoodRatio",
    "ParetoNBD",
    "Prediction",
    "SurvivorTable",
    "Tracking",
    "Unit",
    "ValueReport",
    "acquisition_cost",
    "bootstrap",
    "calibration_table",
    "clv_to_cac",
    "customer_profit",
    "expected_purchases_matrix",
    "frequency_table",
    "historical",
    "lifetime_value",
    "lr_test",
    "p_alive_matrix",
    "payback",
    "report",
    "summarize",
    "survivor_table",
    "tracking",
]

_HOMES = {
    "BGBB": "bgbb",
    "BGNBD": "bgnbd",
    "BdW": "contractual",
    "Bootstrap": "bootstrap_fit",
    "CalibrationTable": "validation",
    "CustomerSummary": "summary",
    "Discount": "discount",
    "Fit": "fit",
    "FrequencyTable": "validation",
    "GammaGamma": "gamma_gamma",
    "HistoryMatrix": "history_matrix",
    "LifetimeValue": "lifetime_table",
    "LikelihoodRatio": "likelihood_ratio",
    "MBGNBD": "bgnbd",
    "NBD": "nbd",
    "ParetoNBD": "pareto_nbd",
    "Prediction": "prediction",
    "SBG": "contractual",
    "SurvivorTable": "contract_validation",
    "Tracking": "tracked",
    "Unit": "unit",
    "ValueReport": "value_report",
    "acquisition_cost": "acquisition",
    "bootstrap": "bootstrap_fit",
    "calibration_table": "validation",
    "clv_to_cac": "acquisition",
    "customer_profit": "acquisition",
    "expected_purchases_matrix": "history_matrix",
    "frequency_table": "validation",
    "historical": "past_spend",
    "lifetime_value": "valuing",
    "lr_test": "likelihood_ratio",
    "p_alive_matrix": "history_matrix",
    "payback": "acquisition",
    "report": "value_report",
    "summarize": "summarizing",
    "survivor_table": "contract_validation",
    "tracking": "tracked",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
