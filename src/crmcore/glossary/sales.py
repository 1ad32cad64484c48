"""Words for selling: from the first interest to what was bought."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["SALES"]

SALES = (
    Term(
        "amendment",
        "A correction of a closed deal, whose amount and product are frozen otherwise. It is a change of its own, and "
        "what stood there before stays in the history.",
        "crmcore.sales.opportunity.amend",
        see=("amount", "opportunity"),
    ),
    Term(
        "amount",
        "What a deal is worth as money; it may be unknown. Closing the deal freezes it.",
        "crmcore.Opportunity.amount",
        synonyms=("deal value",),
        see=("amendment", "money", "open value", "unvalued deal"),
    ),
    Term(
        "billing interval",
        "How often a subscription is paid: every week, month, quarter or year.",
        "crmcore.Subscription.interval",
        see=("recurring amount", "subscription"),
    ),
    Term(
        "cancellation",
        "Ending a subscription on a day, which may lie ahead: the first one not served.",
        "crmcore.sales.subscription.end",
        see=("reinstatement", "subscription"),
    ),
    Term(
        "close date",
        "The day a deal is expected to close. When it did close is another figure, kept beside it.",
        "crmcore.Opportunity.close_on",
        synonyms=("expected close date",),
        see=("opportunity",),
    ),
    Term(
        "conversion mapping",
        "Which custom field of a contact, an account or a deal takes up which custom field of the lead it came from. "
        "Fields of the same name and type need none.",
        "crmcore.SalesRules.conversion",
        synonyms=("field mapping",),
        see=("custom field", "lead conversion"),
    ),
    Term(
        "conversion reversal",
        "Taking a lead conversion back: what it made goes and what it filled is empty again, as long as nobody has "
        "changed or used any of it since.",
        "crmcore.sales.LeadDesk.revert_conversion",
        see=("lead conversion", "undo"),
    ),
    Term(
        "customer",
        "The contact or account that bought, as an order names it, or that pays, as a subscription does. It is a part "
        "somebody plays, not a kind of record.",
        "crmcore.Order.customer",
        synonyms=("buyer", "client"),
        see=("account", "contact", "order", "subscription"),
    ),
    Term(
        "deal age",
        "How long ago a deal was opened: exactly the sum of its stays in stages.",
        "crmcore.sales.StageHistory.age",
        see=("sales cycle", "stage history"),
    ),
    Term(
        "deal status",
        "Whether a deal is open, won or lost. It follows from the kind of its stage, as the playbook in force has it.",
        "crmcore.Opportunity.status",
        see=("lost deal", "stage", "won deal"),
    ),
    Term(
        "disqualification",
        "The judgement that a lead will not buy, with the reason for it.",
        "crmcore.sales.lead.disqualify",
        see=("qualification", "recycling"),
    ),
    Term(
        "exit criterion",
        "What must be true of a deal before it may move forward from its stage, written as a filter.",
        "crmcore.Stage.exit_criteria",
        see=("filter", "stage", "stage requirement"),
    ),
    Term(
        "forecast category",
        "How firmly a stage's deals are counted on: omitted, pipeline, best case, most likely, commit or closed.",
        "crmcore.Stage.forecast",
        see=("probability", "stage"),
    ),
    Term(
        "lead",
        "A potential customer who has shown interest. It may be qualified, and in the end becomes a contact.",
        "crmcore.Lead",
        see=("contact", "lead conversion", "lead source", "lead status", "qualification"),
    ),
    Term(
        "lead capture",
        "Taking a lead in: somebody has shown interest, and can be known by a name, a company, an e-mail or a phone.",
        "crmcore.sales.lead.capture",
        see=("lead", "lead source"),
    ),
    Term(
        "lead conversion",
        "The step in which a qualified lead becomes a contact, with an account and a deal where wanted: all at once, "
        "once only. Existing records are filled where they are empty and never overwritten.",
        "crmcore.sales.LeadDesk.convert",
        synonyms=("conversion",),
        see=("conversion mapping", "conversion reversal", "lead", "qualification"),
    ),
    Term(
        "lead source",
        "Where a lead came from: a webinar, a trade fair, a referral.",
        "crmcore.Lead.source",
        synonyms=("source",),
        see=("lead",),
    ),
    Term(
        "lead status",
        "Where a lead stands: new, working, qualified, converted, disqualified or recycled.",
        "crmcore.Lead.status",
        see=("lead", "lifecycle"),
    ),
    Term(
        "lost deal",
        "A deal that was closed without a sale, for a reason that is kept. Its probability is 0.",
        "crmcore.sales.opportunity.lose",
        synonyms=("closed lost",),
        see=("deal status", "lost reason", "win rate"),
    ),
    Term(
        "lost reason",
        "Why a deal was lost: one of the reasons the playbook lists.",
        "crmcore.Opportunity.lost_reason",
        synonyms=("loss reason",),
        see=("lost deal", "playbook"),
    ),
    Term(
        "opportunity",
        "A possible sale on its way through a pipeline: open until it is won or lost.",
        "crmcore.Opportunity",
        synonyms=("deal", "sales opportunity"),
        see=("amount", "deal status", "pipeline", "probability", "stage"),
    ),
    Term(
        "order",
        "What a customer bought on a day, as a recorded fact; an amount below zero is a return.",
        "crmcore.Order",
        synonyms=("purchase",),
        see=("customer", "order line", "order number", "subscription"),
    ),
    Term(
        "order line",
        "One item of an order: what was bought, how many, and the price of one.",
        "crmcore.OrderLine",
        synonyms=("line item",),
        see=("order", "product"),
    ),
    Term(
        "order number",
        "What people call an order by. No two live orders share one.",
        "crmcore.Order.number",
        see=("order", "unique value"),
    ),
    Term(
        "pipeline",
        "The stages of one way of selling, in order: some open, and at least one each for won and lost.",
        "crmcore.Pipeline",
        synonyms=("sales pipeline",),
        see=("opportunity", "pipeline report", "stage"),
    ),
    Term(
        "probability",
        "How likely a deal is won, from 0 to 1: 1 when won, 0 when lost, else what its stage says, unless somebody "
        "has set it by hand.",
        "crmcore.Opportunity.probability",
        synonyms=("win probability",),
        see=("probability override", "stage", "weighted value"),
    ),
    Term(
        "probability override",
        "A probability that somebody set by hand for one deal. It stands beside the stage's and goes before it.",
        "crmcore.Opportunity.probability_override",
        see=("probability",),
    ),
    Term(
        "product",
        "A product or service that is on offer.",
        "crmcore.Product",
        see=("order line", "product code"),
    ),
    Term(
        "product code",
        "A product's number in the catalogue. No two live products share one.",
        "crmcore.Product.code",
        synonyms=("SKU",),
        see=("product", "unique value"),
    ),
    Term(
        "purchase history",
        "Every order of a customer, oldest first.",
        "crmcore.sales.OrderDesk.of",
        see=("customer", "interaction history", "order"),
    ),
    Term(
        "qualification",
        "The judgement that a lead is worth a sales conversation. Only a qualified lead can be converted.",
        "crmcore.sales.lead.qualify",
        see=("disqualification", "lead conversion"),
    ),
    Term(
        "recurring amount",
        "What a customer pays at each interval of a subscription.",
        "crmcore.Subscription.amount",
        see=("billing interval", "repricing", "subscription"),
    ),
    Term(
        "recycling",
        "Putting a lead aside that is not ready now and may be later.",
        "crmcore.sales.lead.recycle",
        synonyms=("recycle",),
        see=("disqualification", "lead"),
    ),
    Term(
        "reinstatement",
        "Taking the end of a subscription back, as if it had gone on.",
        "crmcore.sales.subscription.reinstate",
        see=("cancellation", "subscription"),
    ),
    Term(
        "renewal",
        "Going on with a subscription for another term.",
        "crmcore.sales.subscription.renew",
        see=("renewal date", "subscription"),
    ),
    Term(
        "renewal date",
        "The day the next term of a subscription begins, if it is renewed.",
        "crmcore.Subscription.renews_on",
        see=("renewal",),
    ),
    Term(
        "reopening",
        "Opening a closed deal again. That it was closed stays in its history.",
        "crmcore.sales.opportunity.reopen",
        see=("lost deal", "won deal"),
    ),
    Term(
        "repricing",
        "Changing what a subscription costs from a moment on, upwards or downwards.",
        "crmcore.sales.subscription.reprice",
        see=("recurring amount", "subscription"),
    ),
    Term(
        "sales rules",
        "How a business sells: its pipelines, its reasons for losing, and where the custom fields of leads go.",
        "crmcore.SalesRules",
        see=("conversion mapping", "lost reason", "pipeline", "playbook"),
    ),
    Term(
        "stage",
        "One step of a pipeline, of the kind open, won or lost. An open one says what it takes to get in and out, and "
        "which share of its deals is won.",
        "crmcore.Stage",
        synonyms=("pipeline stage", "sales stage"),
        see=("exit criterion", "forecast category", "pipeline", "stage requirement"),
    ),
    Term(
        "stage history",
        "Every stay of a deal in a stage, in order and without gaps, worked out from its changes.",
        "crmcore.sales.stage_history",
        see=("stage visit", "time in stage"),
    ),
    Term(
        "stage move",
        "Moving a deal to another open stage, forward or back, as far as the pipeline allows it.",
        "crmcore.sales.opportunity.advance",
        synonyms=("advance",),
        see=("exit criterion", "stage", "stage requirement"),
    ),
    Term(
        "stage requirement",
        "A field that must have a value before a deal may enter a stage.",
        "crmcore.Stage.requires",
        see=("exit criterion", "stage"),
    ),
    Term(
        "stage visit",
        "One stay of a deal in one stage, from the moment it came to the moment it left.",
        "crmcore.sales.Visit",
        see=("stage history", "time in stage"),
    ),
    Term(
        "subscription",
        "Something a customer pays for at every interval. Its end is the first day not served.",
        "crmcore.Subscription",
        see=("cancellation", "customer", "order", "recurring amount", "renewal"),
    ),
    Term(
        "won deal",
        "A deal that was closed with a sale. Its probability is 1, and its amount is frozen.",
        "crmcore.sales.opportunity.win",
        synonyms=("closed won",),
        see=("amendment", "deal status", "win rate"),
    ),
)
