"""Customer lifetime value: who is still a customer, how often they will buy, for how much.

Names load when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.analytics.clv.bgnbd import BGNBD, MBGNBD
    from crmcore.analytics.clv.fit import Fit
    from crmcore.analytics.clv.history_matrix import HistoryMatrix, expected_purchases_matrix, p_alive_matrix
    from crmcore.analytics.clv.nbd import NBD
    from crmcore.analytics.clv.pareto_nbd import ParetoNBD
    from crmcore.analytics.clv.prediction import Prediction

__all__ = [
    "BGNBD",
    "MBGNBD",
    "NBD",
    "Fit",
    "HistoryMatrix",
    "ParetoNBD",
    "Prediction",
    "expected_purchases_matrix",
    "p_alive_matrix",
]

_HOMES = {
    "BGNBD": "bgnbd",
    "Fit": "fit",
    "HistoryMatrix": "history_matrix",
    "MBGNBD": "bgnbd",
    "NBD": "nbd",
    "ParetoNBD": "pareto_nbd",
    "Prediction": "prediction",
    "expected_purchases_matrix": "history_matrix",
    "p_alive_matrix": "history_matrix",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
