"""Sales: pipelines, opportunities and products."""

from crmcore.sales.opportunity import Opportunity, OpportunityDesk
from crmcore.sales.pipeline import Pipeline, SalesRules, Stage
from crmcore.sales.product import Product, ProductDesk
from crmcore.sales.stages import StageHistory, Visit, stage_history

__all__ = [
    "Opportunity",
    "OpportunityDesk",
    "Pipeline",
    "Product",
    "ProductDesk",
    "SalesRules",
    "Stage",
    "StageHistory",
    "Visit",
    "stage_history",
]
