"""Words for figures: each as it is worked out, so that two people get the same number."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["FIGURES"]

FIGURES = (
    Term(
        "average won amount",
        "The value of the won deals, divided by the number of those that have an amount.",
        "crmcore.analytics.PipelineReport.average_won",
        synonyms=("average deal size",),
        see=("sales velocity", "won deal"),
    ),
    Term(
        "bottleneck",
        "The open stage that the smallest share of its deals gets past, among those enough deals have reached.",
        "crmcore.analytics.PipelineReport.bottleneck",
        see=("stage conversion",),
    ),
    Term(
        "breakdown",
        "The same figures for each owner, account or product on its own.",
        "crmcore.analytics.PipelineReport.groups",
        see=("pipeline report",),
    ),
    Term(
        "cohort",
        "The deals that were opened in a period, followed to the as-of; here with their stage conversion.",
        "crmcore.analytics.PipelineReport.cohort",
        see=("as-of", "snapshot", "stage conversion"),
    ),
    Term(
        "median survival",
        "The time by which half of all stays have ended, with those that have not ended yet taken into account as "
        "Kaplan and Meier do. None when half is not reached.",
        "crmcore.analytics.median_survival",
        synonyms=("Kaplan-Meier median",),
        see=("time in stage",),
    ),
    Term(
        "open value",
        "The sum of the amounts of open deals. Deals without an amount are counted beside it and not as 0.",
        "crmcore.analytics.PipelineReport.open_value",
        synonyms=("pipeline value",),
        see=("unvalued deal", "weighted value"),
    ),
    Term(
        "open velocity",
        "Sales velocity with open deals in the place of closed ones: what the pipeline as it is would win in a day.",
        "crmcore.analytics.PipelineReport.open_velocity",
        see=("sales velocity",),
    ),
    Term(
        "pipeline report",
        "The figures of a pipeline as of an instant: value, win rate, cycle, velocity and stages, each with its "
        "definition and, where it is undefined, the reason.",
        "crmcore.analytics.pipeline",
        see=("as-of", "breakdown", "pipeline", "result provenance"),
    ),
    Term(
        "quantile",
        "The value below which a given share of a sample lies. Between two of its values a straight line is drawn, "
        "which is known as type 7.",
        "crmcore.analytics.quantile",
        see=("sales cycle",),
    ),
    Term(
        "reached stage",
        "A stage that a deal has entered, or gone beyond. A won deal has reached every one, a lost deal those its "
        "history shows, and at least the first.",
        "crmcore.analytics.PipelineReport.reached",
        see=("stage conversion", "stage history"),
    ),
    Term(
        "result provenance",
        "How a figure was made: as of when, for which period, in which zone and currency, and what was left out.",
        "crmcore.analytics.Provenance",
        see=("pipeline report", "provenance"),
    ),
    Term(
        "sales cycle",
        "How many days won deals took from opened to closed, as mean and median; that of lost deals stands beside it.",
        "crmcore.analytics.CycleDays",
        synonyms=("cycle", "sales cycle length"),
        see=("deal age", "sales velocity"),
    ),
    Term(
        "sales velocity",
        "What a pipeline wins in a day: deals closed × win rate × average won amount / mean won cycle in days.",
        "crmcore.analytics.PipelineReport.velocity",
        synonyms=("velocity",),
        see=("average won amount", "open velocity", "sales cycle", "win rate"),
    ),
    Term(
        "snapshot",
        "The deals that were opened, moved or closed in a period, as of its end; here with their stage conversion.",
        "crmcore.analytics.PipelineReport.snapshot",
        see=("cohort", "stage conversion"),
    ),
    Term(
        "stage conversion",
        "Of the deals that reached a stage, the share that reached the next one. It is told of a cohort or of a "
        "snapshot, never of both mixed.",
        "crmcore.analytics.StageConversion",
        see=("bottleneck", "cohort", "reached stage", "snapshot"),
    ),
    Term(
        "time in stage",
        "How many days deals spend in a stage, all their stays in it added up. A stay that goes on counts as not "
        "ended yet.",
        "crmcore.analytics.TimeInStage",
        see=("median survival", "stage history"),
    ),
    Term(
        "undated deal",
        "A deal without an opening date. It counts everywhere but in cycles and in the cohort of a period.",
        "crmcore.analytics.PipelineReport.undated",
        see=("cohort", "sales cycle"),
    ),
    Term(
        "unvalued deal",
        "An open deal without an amount. It is in no value and no average, and is counted beside them.",
        "crmcore.analytics.PipelineReport.unvalued",
        see=("amount", "open value"),
    ),
    Term(
        "weighted value",
        "The sum of amount times probability: a won deal counts its amount, a lost one 0.",
        "crmcore.analytics.PipelineReport.weighted_value",
        synonyms=("weighted pipeline",),
        see=("open value", "probability"),
    ),
    Term(
        "win rate",
        "Won deals divided by won and lost deals, by count, each deal once, in the period of its last closing.",
        "crmcore.analytics.PipelineReport.win_rate",
        synonyms=("close rate",),
        see=("lost deal", "win rate by value", "won deal"),
    ),
    Term(
        "win rate by value",
        "The value of the won deals divided by that of the won and lost ones.",
        "crmcore.analytics.PipelineReport.win_rate_by_value",
        see=("win rate",),
    ),
)
