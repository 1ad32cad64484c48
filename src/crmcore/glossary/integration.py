"""Words of integration: how a CRM and other systems tell each other what happened."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["INTEGRATION"]

INTEGRATION: tuple[Term, ...] = (
    Term(
        "at-least-once delivery",
        "Every change is handed to a consumer until one block of it has ended well: none is lost, some may come twice.",
        "crmcore.CRM.follow",
        see=("consumer", "dedupe key", "outbox"),
    ),
    Term(
        "change feed",
        "The changes from a cursor on, page by page, for readers who keep the cursor themselves.",
        "crmcore.CRM.changes",
        synonyms=("change data capture",),
        see=("change", "consumer", "log"),
    ),
    Term(
        "CloudEvent",
        "A change in the envelope of CloudEvents 1.0, which brokers, gateways and functions of every make take.",
        "crmcore.interchange.cloudevents.CloudEvent",
        see=("change feed", "webhook signature"),
    ),
    Term(
        "consumer",
        "Whoever follows the log under a name; the store keeps the cursor.",
        "crmcore.following.Consumers",
        see=("at-least-once delivery", "consumer lag"),
    ),
    Term(
        "consumer lag",
        "How far a consumer is behind: how many changes there are after its cursor, and how long ago the first was.",
        "crmcore.following.Lag",
        see=("consumer",),
    ),
    Term(
        "dedupe key",
        "What a change is recognised by when it comes again: tenant, kind, id, version and commit.",
        "crmcore.following.dedupe_key",
        synonyms=("deduplication key",),
        see=("at-least-once delivery", "idempotency key"),
    ),
    Term(
        "inbox",
        "Handling messages of other systems once: what is done for one, and that it was done, are one commit.",
        "crmcore.CRM.receive",
        see=("idempotency key", "inbox message"),
    ),
    Term(
        "inbox message",
        "A message of another system that was handled.",
        "crmcore.inbox.InboxMessage",
        see=("inbox",),
    ),
    Term(
        "offline sync",
        "Bringing a client that was away up to date: the records that were changed as they are now, and tombstones.",
        "crmcore.CRM.sync",
        see=("change feed", "tombstone"),
    ),
    Term(
        "outbox",
        "What was committed and is still to be told to others. The log itself is the outbox, so that a crash loses "
        "nothing between writing and telling.",
        "crmcore.outbox.Outbox",
        synonyms=("transactional outbox",),
        see=("at-least-once delivery", "change feed", "log"),
    ),
    Term(
        "tombstone",
        "What a client is told of a record that was deleted, merged into another, or erased.",
        "crmcore.syncing.Tombstone",
        see=("deletion", "erasure", "offline sync"),
    ),
    Term(
        "webhook signature",
        "What tells the receiver of a webhook who sent it, and that it was not changed or sent anew: an HMAC of its "
        "id, time and body.",
        "crmcore.interchange.webhooks.sign",
        see=("CloudEvent",),
    ),
)
