"""Words for the value of customers: what they have brought in, and what they are expected to bring in yet."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["VALUE"]

VALUE = (
    Term(
        "acquisition cost",
        "What acquisition cost in a period, divided by the number of customers first won in it.",
        "crmcore.analytics.clv.acquisition_cost",
        synonyms=("CAC", "customer acquisition cost"),
        see=("CLV to CAC", "payback time"),
    ),
    Term(
        "age at the end",
        "How long a customer has been known: from the first purchase to the end of the observation, in units of time. "
        "Models write it T.",
        "crmcore.analytics.clv.CustomerSummary.T",
        synonyms=("T",),
        see=("customer summary", "recency"),
    ),
    Term(
        "BG/NBD",
        "A model of when customers buy: at a steady rate of their own, until one leaves, unseen, right after a repeat "
        "purchase. A one-time buyer cannot have left yet.",
        "crmcore.analytics.clv.BGNBD",
        synonyms=("beta-geometric/NBD",),
        see=("customer lifetime value", "Pareto/NBD", "probability alive"),
    ),
    Term(
        "CLV to CAC",
        "How many times its acquisition cost a customer is worth.",
        "crmcore.analytics.clv.clv_to_cac",
        synonyms=("CLV:CAC", "LTV:CAC"),
        see=("acquisition cost", "customer lifetime value"),
    ),
    Term(
        "customer lifetime value",
        "What a customer is worth: the historical value of past purchases and the residual value of those to come, "
        "each known by its own name, and their total.",
        "crmcore.analytics.clv.lifetime_value",
        synonyms=("CLV", "LTV"),
        see=("customer summary", "discount rate", "Gamma-Gamma", "historical value", "residual value"),
    ),
    Term(
        "customer profit",
        "Revenue less cost of goods less cost to serve.",
        "crmcore.analytics.clv.customer_profit",
        see=("customer lifetime value",),
    ),
    Term(
        "customer summary",
        "One row a customer: how often and how recently one bought again, how long one is known, and what one spends. "
        "It is all that models of customer lifetime value are fitted to.",
        "crmcore.analytics.clv.CustomerSummary",
        synonyms=("RFM summary",),
        see=("age at the end", "frequency", "mean repeat spend", "recency"),
    ),
    Term(
        "DERT",
        "Discounted expected residual transactions: all the purchases a customer is expected to make yet, each counted "
        "at its present value.",
        "crmcore.analytics.clv.BGNBD.dert",
        synonyms=("discounted expected residual transactions",),
        see=("discount rate", "residual value"),
    ),
    Term(
        "discount rate",
        "By how much more money of today is worth than that of a year later. It carries its basis with it, and is "
        "converted to the unit a model counts in.",
        "crmcore.analytics.clv.Discount",
        see=("DERT", "residual value"),
    ),
    Term(
        "frequency",
        "How many days with a purchase came after the first one: repeat purchases, not all. Models write it x.",
        "crmcore.analytics.clv.CustomerSummary.x",
        synonyms=("repeat purchases",),
        see=("customer summary", "recency"),
    ),
    Term(
        "Gamma-Gamma",
        "A model of what a purchase of a customer comes to, which leans towards the mean of all customers the fewer "
        "purchases one has made.",
        "crmcore.analytics.clv.GammaGamma",
        see=("mean repeat spend", "residual value"),
    ),
    Term(
        "historical value",
        "The sum of past purchases, exact.",
        "crmcore.analytics.clv.historical",
        synonyms=("historical CLV",),
        see=("customer lifetime value", "residual value"),
    ),
    Term(
        "holdout",
        "The time after the calibration end, on which a model shows what it is worth: what customers bought in it is "
        "not looked at when the model is fitted.",
        "crmcore.analytics.clv.CustomerSummary.T_holdout",
        see=("customer summary", "tracking"),
    ),
    Term(
        "mean repeat spend",
        "What a day with a repeat purchase comes to on average, the first purchase left out. A customer without a "
        "repeat purchase has none.",
        "crmcore.analytics.clv.CustomerSummary.mean",
        synonyms=("monetary value",),
        see=("frequency", "Gamma-Gamma"),
    ),
    Term(
        "Pareto/NBD",
        "A model of when customers buy: at a steady rate of their own, for an unseen lifetime that may end at any "
        "moment, whether they have come back or not.",
        "crmcore.analytics.clv.ParetoNBD",
        see=("BG/NBD", "customer lifetime value", "probability alive"),
    ),
    Term(
        "payback time",
        "After how many months what a customer brings in has covered what winning them cost.",
        "crmcore.analytics.clv.payback",
        synonyms=("CAC payback",),
        see=("acquisition cost",),
    ),
    Term(
        "probability alive",
        "The probability that somebody who need not give notice is still a customer, given when and how often they "
        "bought.",
        "crmcore.analytics.clv.BGNBD.p_alive",
        synonyms=("P(alive)",),
        see=("BG/NBD", "Pareto/NBD"),
    ),
    Term(
        "recency",
        "Age at the last purchase: from the first to the last, in units of time, not the time since. Models write it "
        "t_x. That of RFM is another figure, the days since the last purchase.",
        "crmcore.analytics.clv.CustomerSummary.t_x",
        see=("age at the end", "frequency"),
    ),
    Term(
        "residual value",
        "What the purchases expected of a customer within a horizon are worth today: margin times what each is "
        "expected to come to times how many, discounted.",
        "crmcore.analytics.clv.LifetimeValue.residual_unrounded",
        synonyms=("predicted CLV", "residual CLV"),
        see=("customer lifetime value", "DERT", "discount rate", "Gamma-Gamma"),
    ),
    Term(
        "tracking",
        "The repeat purchases of customers period by period, beside those a model expects from the day each was won.",
        "crmcore.analytics.clv.tracking",
        see=("holdout",),
    ),
)
