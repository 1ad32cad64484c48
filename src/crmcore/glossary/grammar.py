"""Words for what is common to every kind of record: changes, time, keys, and the playbook."""

from __future__ import annotations

from crmcore.glossary.entry import Term

__all__ = ["GRAMMAR"]

GRAMMAR = (
    Term(
        "act",
        "Something that can be done, in the words of the field: qualify, advance, win. It takes a record and gives "
        "the change to it, and touches nothing itself.",
        "crmcore.kernel.act",
        see=("change", "context", "desk"),
    ),
    Term(
        "actor",
        "Who made a change.",
        "crmcore.kernel.Change.by",
        see=("change", "staff"),
    ),
    Term(
        "alias",
        "An id that leads to another record, since its own was merged into that one.",
        "crmcore.kernel.ports.Store.aliases",
        see=("merged record",),
    ),
    Term(
        "allocation",
        "Splitting money by weights so that the parts add up to the whole again, to the last cent.",
        "crmcore.Money.allocate",
        see=("money",),
    ),
    Term(
        "as-of",
        "The CRM as it was: what had happened by a day, as known now or as known on another day.",
        "crmcore.CRM.as_of",
        synonyms=("point in time", "time travel"),
        see=("late change", "moment"),
    ),
    Term(
        "audit trail",
        "Every change of a record, in the order it happened: who, when, why and what.",
        "crmcore.CRM.history",
        synonyms=("change history", "history"),
        see=("activity feed", "change", "provenance"),
    ),
    Term(
        "backdating",
        "Recording today what happened before, on the day it happened. It is one of the circumstances an act may be "
        "given, with who, why and under which key.",
        "crmcore.CRM.given",
        see=("late change", "occurrence time"),
    ),
    Term(
        "batch",
        "Several acts that are written together, in one commit: all of them or none.",
        "crmcore.CRM.batch",
        see=("bulk load", "commit", "what-if"),
    ),
    Term(
        "bulk load",
        "Bringing in many records from elsewhere in one commit, known by their ids there. The same rows again change "
        "nothing.",
        "crmcore.kernel.Desk.load",
        synonyms=("bulk import", "import"),
        see=("dry run", "external id", "load report"),
    ),
    Term(
        "business zone",
        "The time zone of a business: bare dates are days there.",
        "crmcore.Playbook.zone",
        synonyms=("time zone",),
        see=("playbook",),
    ),
    Term(
        "change",
        "What happened to one record, and the fields that it set; who did it, when and why. Nothing else is ever "
        "written.",
        "crmcore.kernel.Change",
        synonyms=("event",),
        see=("act", "commit", "log"),
    ),
    Term(
        "commit",
        "Changes that are written together, all or none, under one id.",
        "crmcore.kernel.ports.Commit",
        synonyms=("transaction",),
        see=("batch", "change", "undo"),
    ),
    Term(
        "conflict",
        "What a writer is told when a record has changed since they read it. Nothing is overwritten unseen.",
        "crmcore.Conflict",
        synonyms=("optimistic lock",),
        see=("version",),
    ),
    Term(
        "context",
        "All an act is told beside its record: what time it is, who acts and why, new ids, and the rules of its "
        "department.",
        "crmcore.kernel.Context",
        see=("act", "backdating"),
    ),
    Term(
        "CRM",
        "A business's contacts, deals and conversations in one place; here, the front door that all of it is read and "
        "written through.",
        "crmcore.CRM",
        synonyms=("customer relationship management",),
        see=("desk", "playbook", "store"),
    ),
    Term(
        "currency",
        "The currency of a business: amounts that name none are in it.",
        "crmcore.Playbook.currency",
        synonyms=("home currency",),
        see=("exchange rate", "money"),
    ),
    Term(
        "custom field",
        "A field that a business added to a kind of record, of a type and with limits that are checked.",
        "crmcore.CustomField",
        see=("playbook", "required field", "tag"),
    ),
    Term(
        "data subject",
        "A person, and everything that is kept about them, wherever it is kept: to be told on request, and be erased.",
        "crmcore.subject.Subject",
        synonyms=("subject access request",),
        see=("erasure", "personal field"),
    ),
    Term(
        "deletion",
        "Putting a record away: it is found no more, stays in the log, and can be brought back.",
        "crmcore.kernel.Desk.delete",
        synonyms=("soft delete",),
        see=("erasure", "restoring"),
    ),
    Term(
        "desk",
        "All records of one kind and what can be done with them, as in deal desk and service desk.",
        "crmcore.kernel.Desk",
        see=("act", "kind"),
    ),
    Term(
        "dry run",
        "Finding out what a bulk load or a lead conversion would do, while nothing is written.",
        "crmcore.kernel.loading.report.LoadReport.dry_run",
        see=("bulk load", "lead conversion", "what-if"),
    ),
    Term(
        "duplicate",
        "What a writer is told when another live record has a unique value already.",
        "crmcore.Duplicate",
        see=("merge proposal", "unique value"),
    ),
    Term(
        "erasure",
        "Scrubbing what is personal about somebody for good, from the log too. That it was done stays.",
        "crmcore.erasure.Erasure",
        synonyms=("right to be forgotten",),
        see=("data subject", "deletion", "personal field", "purge", "suppression"),
    ),
    Term(
        "exchange rate",
        "What one unit of a currency is worth in another from a day on.",
        "crmcore.kernel.rates.Rate",
        see=("currency", "money"),
    ),
    Term(
        "external id",
        "The id a record has in another system. No two live records share one of the same system.",
        "crmcore.kernel.Record.external",
        see=("bulk load", "upsert"),
    ),
    Term(
        "filter",
        "A question that a record matches or not, asked the same way in Python and in a database.",
        "crmcore.F",
        see=("exit criterion", "search"),
    ),
    Term(
        "fiscal year",
        "How a business divides its years into periods and quarters: shifted by months, or made of whole weeks.",
        "crmcore.kernel.fiscal.FiscalYear",
        see=("period", "playbook"),
    ),
    Term(
        "idempotency key",
        "A word the caller gives to an act, so that doing it again under the same word gives the first result again "
        "and writes nothing.",
        "crmcore.kernel.ports.Key",
        see=("act", "conflict"),
    ),
    Term(
        "kind",
        "What a record is: a lead, an order, or a sort of your own, with everything declared about its fields.",
        "crmcore.kernel.records.Kind",
        synonyms=("object type", "record type"),
        see=("own kind", "record"),
    ),
    Term(
        "late change",
        "A change that happened before something its record knew already. It sets only what nothing later has set.",
        "crmcore.kernel.Change.late",
        see=("backdating", "occurrence time", "recording time"),
    ),
    Term(
        "lifecycle",
        "The states a record can be in, and the moves between them. A move that is not listed is refused.",
        "crmcore.kernel.Lifecycle",
        synonyms=("state machine",),
        see=("deal status", "lead status"),
    ),
    Term(
        "load report",
        "What a bulk load did with every row: kept, changed, unchanged, proposed or rejected.",
        "crmcore.kernel.loading.report.LoadReport",
        see=("bulk load", "merge proposal", "rejection"),
    ),
    Term(
        "log",
        "Every change of every record, in the order it was learnt. It is only ever added to, but for erasures.",
        "crmcore.kernel.ports.Store.changes",
        synonyms=("change log",),
        see=("change", "erasure", "store"),
    ),
    Term(
        "merge proposal",
        "A hint that a record which was just brought in may be one that was there already.",
        "crmcore.kernel.loading.report.MergeProposal",
        synonyms=("duplicate candidate",),
        see=("bulk load", "merged record"),
    ),
    Term(
        "merged record",
        "A record that another one stands for since the two were merged.",
        "crmcore.kernel.Record.merged_into",
        see=("alias", "tag merge"),
    ),
    Term(
        "moment",
        "A point to look from on two clocks: what had happened by then, and what had been recorded by then.",
        "crmcore.kernel.ports.Moment",
        see=("as-of", "occurrence time", "recording time"),
    ),
    Term(
        "money",
        "An exact amount of one currency. Amounts of two currencies are never added without a rate.",
        "crmcore.Money",
        see=("allocation", "currency", "exchange rate"),
    ),
    Term(
        "occurrence time",
        "When something happened, which may be before it was recorded.",
        "crmcore.kernel.Change.at",
        synonyms=("valid time",),
        see=("backdating", "recording time"),
    ),
    Term(
        "own kind",
        "A kind of record that a business writes for itself: a class, and what can be done with it.",
        "crmcore.kernel.record",
        synonyms=("custom object",),
        see=("custom field", "kind"),
    ),
    Term(
        "period",
        "A day, week, month, quarter or year in a time zone. Its start belongs to it, its end does not.",
        "crmcore.kernel.calendar.Period",
        see=("fiscal year",),
    ),
    Term(
        "personal field",
        "A field about a person. What it holds never appears in a message.",
        "crmcore.kernel.fields.Field.personal",
        see=("data subject", "erasure"),
    ),
    Term(
        "playbook",
        "How a business works, as data: pipelines, custom fields, currency, zone, fiscal year. Each version stays in "
        "the log, for the changes made under it.",
        "crmcore.Playbook",
        see=("custom field", "playbook adoption", "sales rules"),
    ),
    Term(
        "playbook adoption",
        "Working by another playbook from now on. A stage with deals in it goes only if they are told where to move.",
        "crmcore.CRM.adopt",
        see=("playbook",),
    ),
    Term(
        "provenance",
        "Where each value of a record comes from: the change that set it, with who, when and why.",
        "crmcore.CRM.provenance",
        see=("audit trail", "result provenance"),
    ),
    Term(
        "purge",
        "Taking what was erased out of the bytes of the store's own files, where databases leave it.",
        "crmcore.CRM.purge",
        see=("erasure",),
    ),
    Term(
        "record",
        "One thing a business keeps: a lead, a deal, a note. It never changes itself; a change makes its next version.",
        "crmcore.kernel.Record",
        see=("change", "kind", "version"),
    ),
    Term(
        "recording time",
        "When a store learnt of something. It never runs backwards.",
        "crmcore.kernel.Change.recorded_at",
        synonyms=("transaction time",),
        see=("moment", "occurrence time"),
    ),
    Term(
        "reference",
        "A field that holds the id of another record, which must be there.",
        "crmcore.kernel.fields.Field.references",
        see=("record",),
    ),
    Term(
        "rejection",
        "A row that a bulk load did not take, with its place, the reason and a mend.",
        "crmcore.kernel.loading.report.Rejection",
        see=("load report",),
    ),
    Term(
        "required field",
        "A custom field that every record of a kind must have, or those that a filter names.",
        "crmcore.CustomField.required_when",
        see=("custom field", "stage requirement"),
    ),
    Term(
        "restoring",
        "Bringing a deleted record back, unless another has taken a unique value of it meanwhile.",
        "crmcore.kernel.Desk.restore",
        see=("deletion",),
    ),
    Term(
        "search",
        "Finding records of every kind by the beginnings of their words, the best first. Deleted ones are never found.",
        "crmcore.CRM.search",
        see=("filter",),
    ),
    Term(
        "store",
        "Where records and their changes are kept: in memory, in a SQLite file, or wherever somebody writes one for.",
        "crmcore.kernel.ports.Store",
        see=("log", "tenant"),
    ),
    Term(
        "tenant",
        "One of several businesses that share a store. None ever sees what another one has.",
        "crmcore.kernel.ports.Store.tenant",
        see=("store",),
    ),
    Term(
        "undo",
        "Taking a whole commit back, by a commit of its own: every field of every record in it becomes what it was, "
        "or none.",
        "crmcore.CRM.undo",
        see=("commit", "conversion reversal"),
    ),
    Term(
        "unique value",
        "A value that no two live records of a kind share.",
        "crmcore.kernel.fields.Field.unique",
        see=("duplicate", "external id"),
    ),
    Term(
        "upsert",
        "Adding a record known by its id in another system, or changing it when it is there already.",
        "crmcore.kernel.Desk.upsert",
        see=("bulk load", "external id"),
    ),
    Term(
        "verification",
        "Checking that everything a store holds adds up, the records against the log.",
        "crmcore.CRM.verify",
        see=("log", "store"),
    ),
    Term(
        "version",
        "How many changes made a record what it is. A change is taken only if it follows on the version that stands.",
        "crmcore.kernel.Record.version",
        see=("change", "conflict"),
    ),
    Term(
        "what-if",
        "Acting on the CRM and asking it for figures while nothing is written: what the pipeline would be if a deal "
        "were lost.",
        "crmcore.CRM.suppose",
        synonyms=("what-if analysis",),
        see=("batch", "dry run"),
    ),
)
