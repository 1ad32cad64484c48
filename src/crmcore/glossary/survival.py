"""Words for survival: how long something lasts when some of it has not ended yet."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["SURVIVAL"]

SURVIVAL = (
    Term(
        "baseline hazard",
        "The hazard of somebody whose covariates are all at their means, summed up over time. Cox regression tells by "
        "what that of others is multiplied.",
        "crmcore.analytics.survival.BaselineHazard",
        see=("Cox regression", "cumulative hazard"),
    ),
    Term(
        "concordance",
        "Of pairs of whom it is known who had the event first, the share in which it was the one of higher hazard; "
        "equal hazards count half. 0.5 is no better than chance.",
        "crmcore.analytics.survival.CoxFit.concordance",
        synonyms=("Harrell's C",),
        see=("Cox regression",),
    ),
    Term(
        "Cox regression",
        "What makes some last longer than others: each covariate multiplies the hazard by a factor that stays the same "
        "over time. It does not say how long anybody lasts without its baseline.",
        "crmcore.analytics.survival.cox",
        synonyms=("Cox proportional hazards model", "proportional hazards regression"),
        see=("baseline hazard", "concordance", "hazard ratio"),
    ),
    Term(
        "cumulative hazard",
        "The hazard summed up to a time, where the hazard is the rate at which what has lasted so far ends next.",
        "crmcore.analytics.survival.CumulativeHazard.cumulative_hazard",
        synonyms=("integrated hazard",),
        see=("Nelson-Aalen estimate", "survival function"),
    ),
    Term(
        "exponential lifetime",
        "A lifetime whose hazard is always the same: what has lasted long is no nearer to its end.",
        "crmcore.analytics.survival.exponential",
        see=("Weibull lifetime",),
    ),
    Term(
        "hazard ratio",
        "By what one unit more of a covariate multiplies the hazard: 1 is no effect, 2 is twice the rate of ending.",
        "crmcore.analytics.survival.CoxFit.hazard_ratio",
        see=("Cox regression",),
    ),
    Term(
        "Kaplan-Meier curve",
        "The survival function as the data show it: at each time at which something ended, the share of the risk set "
        "that did not, multiplied up.",
        "crmcore.analytics.survival.kaplan_meier",
        synonyms=("Kaplan-Meier estimate", "product-limit estimate"),
        see=("median survival", "right-censored", "risk set", "survival function"),
    ),
    Term(
        "left truncation",
        "That some came under observation only after they had lasted a while, so that those who ended before are not "
        "among them. They are at risk from their entry on, and not before.",
        "crmcore.analytics.survival.subjects.Subjects.entry",
        synonyms=("delayed entry", "late entry"),
        see=("right-censored", "risk set"),
    ),
    Term(
        "log-rank test",
        "Whether groups differ in how long they last: the events of each beside those it would have had without a "
        "difference.",
        "crmcore.analytics.survival.log_rank",
        synonyms=("Mantel-Cox test",),
        see=("Kaplan-Meier curve", "p value"),
    ),
    Term(
        "Nelson-Aalen estimate",
        "The cumulative hazard as the data show it: at each time at which something ended, the share of the risk set "
        "that did, added up.",
        "crmcore.analytics.survival.nelson_aalen",
        see=("cumulative hazard", "risk set"),
    ),
    Term(
        "p value",
        "The chance of a difference as large as the one found, or larger, if in truth there were none.",
        "crmcore.analytics.survival.LogRank.p_value",
        see=("log-rank test",),
    ),
    Term(
        "restricted mean",
        "The mean lifetime up to a horizon: the area under the survival curve, which is known even where not all have "
        "ended.",
        "crmcore.analytics.survival.SurvivalCurve.restricted_mean",
        synonyms=("restricted mean survival time", "RMST"),
        see=("Kaplan-Meier curve", "median survival"),
    ),
    Term(
        "right-censored",
        "Last seen still running: how long it lasts in the end is not known, only that it is longer.",
        "crmcore.analytics.survival.SurvivalCurve.censored",
        synonyms=("censored",),
        see=("Kaplan-Meier curve", "left truncation"),
    ),
    Term(
        "risk set",
        "Those who could have ended at a time: under observation just before it, and not ended or censored earlier.",
        "crmcore.analytics.survival.SurvivalCurve.at_risk",
        synonyms=("number at risk",),
        see=("left truncation", "right-censored"),
    ),
    Term(
        "survival function",
        "The share that lasts longer than a time.",
        "crmcore.analytics.survival.SurvivalCurve.survival",
        synonyms=("survival curve",),
        see=("cumulative hazard", "Kaplan-Meier curve"),
    ),
    Term(
        "Weibull lifetime",
        "A lifetime whose hazard rises with time where its shape is above 1, and falls where it is below.",
        "crmcore.analytics.survival.weibull",
        see=("exponential lifetime",),
    ),
)
