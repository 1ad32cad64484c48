"""Words for what is said and done around records."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["ACTIVITY"]

ACTIVITY = (
    Term(
        "activity feed",
        "What happened in a business, newest first: the changes of every record, page by page.",
        "crmcore.CRM.feed",
        synonyms=("feed",),
        see=("audit trail", "change"),
    ),
    Term(
        "channel",
        "The way a business and somebody are in touch: phone, e-mail, a meeting, the web.",
        "crmcore.Touchpoint.channel",
        see=("consent", "touchpoint"),
    ),
    Term(
        "direction",
        "Who got in touch: inbound when the other side did, outbound when the business did.",
        "crmcore.Touchpoint.direction",
        see=("touchpoint",),
    ),
    Term(
        "interaction history",
        "Every touchpoint with somebody, newest first, with those of records that were merged into theirs and of the "
        "leads that became them.",
        "crmcore.activity.TouchpointDesk.of",
        synonyms=("timeline",),
        see=("lead conversion", "merged record", "touchpoint"),
    ),
    Term(
        "note",
        "Something written down about a record of any kind.",
        "crmcore.Note",
        see=("touchpoint",),
    ),
    Term(
        "tag",
        "A word put on records of any kind, to find and sort them by. Capitals make no difference to it.",
        "crmcore.Tag",
        see=("custom field", "filter", "tag merge"),
    ),
    Term(
        "tag merge",
        "Making one tag of two: the records of the one count as the other's from then on.",
        "crmcore.activity.TagDesk.merge",
        see=("merged record", "tag"),
    ),
    Term(
        "topic",
        "What a business and somebody were in touch about.",
        "crmcore.Touchpoint.topic",
        see=("touchpoint",),
    ),
    Term(
        "touchpoint",
        "One time that a business and somebody were in touch, over whatever channel. When it happened and when it was "
        "recorded are two things.",
        "crmcore.Touchpoint",
        synonyms=("interaction",),
        see=("channel", "direction", "interaction history", "topic"),
    ),
)
