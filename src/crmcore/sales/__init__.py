"""Sales: leads, pipelines, opportunities, products, orders and subscriptions."""

from crmcore.sales.conversion import Conversion
from crmcore.sales.lead import Lead
from crmcore.sales.lead_desk import LeadDesk
from crmcore.sales.opportunity import Opportunity
from crmcore.sales.opportunity_desk import OpportunityDesk
from crmcore.sales.order import Order, OrderDesk, OrderLine
from crmcore.sales.pipeline import Pipeline, SalesRules, Stage
from crmcore.sales.product import Product, ProductDesk
from crmcore.sales.stages import StageHistory, Visit, stage_history
from crmcore.sales.subscription import Subscription, SubscriptionDesk

__all__ = [
    "Conversion",
    "Lead",
    "LeadDesk",
    "Opportunity",
    "OpportunityDesk",
    "Order",
    "OrderDesk",
    "OrderLine",
    "Pipeline",
    "Product",
    "ProductDesk",
    "SalesRules",
    "Stage",
    "StageHistory",
    "Subscription",
    "SubscriptionDesk",
    "Visit",
    "stage_history",
]
