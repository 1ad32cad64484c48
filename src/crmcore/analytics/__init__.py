"""The numbers: pure functions on columns, in the field's terms; no store is needed.

Every result says how it was made. Names load when they are first asked for: functions, and the packages ``clv``,
``retention`` and ``survival``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crmcore.analytics import clv, retention, survival
    from crmcore.analytics.pipeline_report import CycleDays, PipelineReport
    from crmcore.analytics.pipelines import pipeline
    from crmcore.analytics.quantiles import quantile
    from crmcore.analytics.results import Provenance
    from crmcore.analytics.stages import Stage, StageConversion, StageOrder, StageStep, TimeInStage
    from crmcore.analytics.survival import median_survival

__all__ = [
    "CycleDays",
    "PipelineReport",
    "Provenance",
    "Stage",
    "StageConversion",
    "StageOrder",
    "StageStep",
    "TimeInStage",
    "clv",
    "median_survival",
    "pipeline",
    "quantile",
    "retention",
    "survival",
]

_PACKAGES = {"clv", "retention", "survival"}

_HOMES = {
    "CycleDays": "pipeline_report",
    "PipelineReport": "pipeline_report",
    "Provenance": "results",
    "Stage": "stages",
    "StageConversion": "stages",
    "StageOrder": "stages",
    "StageStep": "stages",
    "TimeInStage": "stages",
    "median_survival": "survival",
    "pipeline": "pipelines",
    "quantile": "quantiles",
}


def __getattr__(name: str) -> object:
    if name in _PACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
