"""Words for staying and leaving: churn, retention, recurring revenue, repeat business, loyalty."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["RETENTION"]

RETENTION = (
    Term(
        "annualised churn",
        "What the churn of a period would come to if it held for a year: 1 - (1 - churn) ^ periods a year. It stands "
        "beside the churn rate and never in its place.",
        "crmcore.analytics.retention.Churn.annualised",
        see=("churn",),
    ),
    Term(
        "churn",
        "The share of customers who stop being customers in a period: those lost, divided by those there were at its "
        "start. None when there was nobody to lose.",
        "crmcore.analytics.retention.churn",
        synonyms=("attrition", "churn rate", "customer churn", "logo churn"),
        see=("annualised churn", "gross revenue churn", "lapsed customer", "pending churn", "retention rate"),
    ),
    Term(
        "churned revenue",
        "The recurring revenue of customers who have none any more at the end of a period.",
        "crmcore.analytics.retention.Movements.churned",
        synonyms=("churned MRR",),
        see=("churn", "contraction", "revenue movement"),
    ),
    Term(
        "classic retention",
        "Of the customers of a cohort, the share who buy at an age: in exactly that period since their first purchase.",
        "crmcore.analytics.retention.Cohort.retention",
        see=("cohort table", "retention rate", "rolling retention"),
    ),
    Term(
        "cohort table",
        "Cohorts of customers downwards and their ages to the right: how many buy, and what they spend. A cell is "
        "empty where its age is not over.",
        "crmcore.analytics.retention.cohorts",
        synonyms=("cohort analysis", "retention triangle"),
        see=("classic retention", "customer cohort", "rolling retention"),
    ),
    Term(
        "contraction",
        "What customers who stay pay less at the end of a period than at its start.",
        "crmcore.analytics.retention.Movements.contraction",
        synonyms=("contraction MRR", "downgrade"),
        see=("churned revenue", "expansion", "revenue movement"),
    ),
    Term(
        "customer cohort",
        "The customers whose first purchase falls in the same period, followed from there.",
        "crmcore.analytics.retention.Cohort",
        see=("cohort table",),
    ),
    Term(
        "expansion",
        "What customers who stay pay more at the end of a period than at its start.",
        "crmcore.analytics.retention.Movements.expansion",
        synonyms=("expansion MRR",),
        see=("contraction", "net revenue retention", "revenue movement"),
    ),
    Term(
        "gross revenue churn",
        "The recurring revenue lost to leaving and to lower prices, divided by that of the start.",
        "crmcore.analytics.retention.Churn.gross_revenue_churn",
        synonyms=("gross MRR churn",),
        see=("churn", "gross revenue retention", "net revenue churn"),
    ),
    Term(
        "gross revenue retention",
        "What is left of the recurring revenue of the start, expansion not counted: for each customer the smaller of "
        "its amounts at start and end, summed, divided by the start. It is never above 1.",
        "crmcore.analytics.retention.grr",
        synonyms=("GRR",),
        see=("gross revenue churn", "net revenue retention"),
    ),
    Term(
        "lapsed customer",
        "A customer who has not bought for longer than a rule allows: a number of days, or a multiple of the "
        "customer's own median interval.",
        "crmcore.analytics.retention.lapsed",
        see=("churn", "purchase interval", "reactivation rate"),
    ),
    Term(
        "loyalty account",
        "The points of one customer: earned + adjusted = balance + redeemed + expired.",
        "crmcore.analytics.retention.LoyaltyAccount",
        synonyms=("points balance",),
        see=("loyalty ledger",),
    ),
    Term(
        "loyalty ledger",
        "What became of every point customers earned. The oldest are used first, and no balance is below 0.",
        "crmcore.analytics.retention.loyalty",
        synonyms=("loyalty points",),
        see=("loyalty account",),
    ),
    Term(
        "monthly recurring revenue",
        "What running subscriptions are worth a month: a year's amount / 12, a quarter's / 3, a week's × 52.1775 / 12.",
        "crmcore.analytics.retention.Movements.end",
        synonyms=("MRR", "recurring revenue"),
        see=("recurring amount", "revenue movement", "subscription"),
    ),
    Term(
        "net revenue churn",
        "Gross revenue churn less what customers of the start pay more. It may be below 0.",
        "crmcore.analytics.retention.Churn.net_revenue_churn",
        synonyms=("net MRR churn",),
        see=("gross revenue churn", "net revenue retention"),
    ),
    Term(
        "net revenue retention",
        "What the customers of the start pay at the end, divided by what they paid at the start. Customers who came or "
        "came back in between are not among them.",
        "crmcore.analytics.retention.nrr",
        synonyms=("NDR", "net dollar retention", "NRR"),
        see=("expansion", "gross revenue retention", "net revenue churn"),
    ),
    Term(
        "new revenue",
        "The recurring revenue at the end of a period of customers who never had any before it.",
        "crmcore.analytics.retention.Movements.new",
        synonyms=("new MRR",),
        see=("reactivated revenue", "revenue movement"),
    ),
    Term(
        "pending churn",
        "Customers in a gap that has not lasted as long as the grace yet. They count until it has.",
        "crmcore.analytics.retention.Churn.pending",
        see=("churn",),
    ),
    Term(
        "purchase interval",
        "How many days customers let pass from one purchase day to their next, as mean and median.",
        "crmcore.analytics.retention.purchase_interval",
        synonyms=("purchase gap",),
        see=("lapsed customer", "repeat rate"),
    ),
    Term(
        "quick ratio",
        "Recurring revenue that came, divided by what went: (new + reactivation + expansion) / (contraction + "
        "churned). None when nothing went.",
        "crmcore.analytics.retention.quick_ratio",
        see=("churned revenue", "new revenue", "revenue movement"),
    ),
    Term(
        "reactivated revenue",
        "The recurring revenue at the end of a period of customers who had some before, but none at its start.",
        "crmcore.analytics.retention.Movements.reactivation",
        synonyms=("reactivation MRR",),
        see=("new revenue", "reactivation rate", "revenue movement"),
    ),
    Term(
        "reactivation rate",
        "Of the customers who had lapsed at the start of a period, the share who came back in it. None when nobody "
        "had.",
        "crmcore.analytics.retention.reactivation",
        synonyms=("reactivation", "win-back rate"),
        see=("lapsed customer",),
    ),
    Term(
        "repeat rate",
        "Customers who bought on two days or more, divided by those who bought at all.",
        "crmcore.analytics.retention.repeat_rate",
        synonyms=("repeat purchase rate",),
        see=("purchase interval",),
    ),
    Term(
        "retention rate",
        "The share of customers a period keeps: exactly 1 - churn.",
        "crmcore.analytics.retention.Churn.retention",
        synonyms=("customer retention",),
        see=("churn", "classic retention"),
    ),
    Term(
        "revenue movement",
        "What recurring revenue did between the start and the end of a period, customer by customer: new, "
        "reactivation, expansion, contraction or churned. Together they lead from the one to the other, to the cent.",
        "crmcore.analytics.retention.movements",
        synonyms=("MRR movement",),
        see=(
            "churned revenue",
            "contraction",
            "expansion",
            "monthly recurring revenue",
            "new revenue",
            "reactivated revenue",
        ),
    ),
    Term(
        "rolling retention",
        "Of the customers of a cohort, the share who buy at an age or later, as far as is seen. It may still rise.",
        "crmcore.analytics.retention.Cohort.rolling",
        synonyms=("unbounded retention",),
        see=("classic retention", "cohort table"),
    ),
)
