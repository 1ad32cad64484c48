"""Envelopes: what a change tells others, and what it keeps from them."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import quote

from crmcore.crm import CRM
from crmcore.following import dedupe_key
from crmcore.interchange.cloudevents import CloudEvent
from crmcore.kernel.change import Change
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.personal import in_part, is_person
from crmcore.kernel.plain import plain
from crmcore.kernel.records import Kind

__all__ = ["Shown", "envelope"]

Shown: TypeAlias = Literal["none", "impersonal", "all"]
"""Which values an envelope holds: none; those that are not personal; or all, with the reason somebody gave."""

DIGITS = 10
"""Of a version, so that versions sort as text."""


def envelope(
    crm: CRM,
    change: Change[Any],
    *,
    values: Shown = "impersonal",
    source: str | None = None,
    prefix: str = "",
) -> CloudEvent:
    """A change as a CloudEvent.

    Its ``id`` is the change's ``dedupe_key``, its ``type`` the kind and what happened: ``opportunity.advanced``,
    ``contact.opted_in``. The extensions are those of the specification: ``sequence`` is the version, which orders the
    events of one ``subject``, ``partitionkey`` keeps them together, and ``recordedtime`` says when the CRM learnt it.

    The data names every field that was set. Personal values are left out unless they are asked for, and with them the
    names that people gave to members, as in ``emails.work``: who may see them is for the receiver to ask by id. After
    an erasure the type ends in ``erased``, and the fields are those to throw away.

    Args:
        crm: The CRM it comes from, by which it is known what is personal.
        change: The change, as ``changes`` or ``follow`` give it.
        values: Which values it holds.
        source: Where it happened, as a URI or the path of one; default: ``/crm/`` and the tenant.
        prefix: What the type begins with: ``"com.acme."``.

    Raises:
        Invalid: The change is of no kind of this CRM, the values are none of the three, the source is no URI, or the
            prefix is no text.

    Example:
        >>> from crmcore import CRM
        >>> from crmcore.interchange.envelopes import envelope
        >>> crm = CRM(by="ana")
        >>> ada = crm.contacts.add(name="Ada Lovelace", source="fair")
        >>> event = envelope(crm, crm.changes()[0])
        >>> event.type, event.source, event.extensions["sequence"]
        ('contact.added', '/crm/default', '0000000001')
        >>> event.data["fields"], event.data["values"]
        (['name', 'source'], {'source': 'fair'})
    """
    if not isinstance(change, Change) or change.kind not in crm.kinds:
        found = getattr(change, "kind", type(change).__name__)
        raise Invalid([Problem("change", found, "a change of this CRM", "take it from changes() or follow()")])
    if values not in get_args(Shown):
        raise Invalid([Problem("values", values, " or ".join(get_args(Shown)), "choose one of them")])
    if not isinstance(prefix, str):
        raise Invalid([Problem("prefix", type(prefix).__name__, "text", 'write prefix="com.acme."')])
    tenant = crm.store.tenant
    return CloudEvent(
        id=dedupe_key(tenant, change),
        source=f"/crm/{quote(tenant, safe='')}" if source is None else source,
        type=f"{prefix}{change.kind}.{change.what.replace(' ', '_')}",
        subject=change.id,
        time=change.at,
        datacontenttype="application/json",
        extensions={
            "sequence": f"{change.version:0{DIGITS}d}",
            "partitionkey": change.id,
            **({} if change.recorded_at is None else {"recordedtime": plain(change.recorded_at)}),
        },
        data=_data(crm, change, values),
    )


def _data(crm: CRM, change: Change[Any], values: Shown) -> dict[str, Any]:
    """What an event says of a change."""
    told = {"kind": change.kind, "id": change.id, "version": change.version, "what": change.what, "by": change.by}
    told |= {"commit": change.commit, "late": change.late}
    kind = crm.kinds[change.kind]
    custom = crm.playbook.custom.get(kind.name, EMPTY)
    personal = {name for name in change.sets if values != "all" and _personal(kind, name, custom)}
    told["fields"] = list(dict.fromkeys(_named(name) if name in personal else name for name in change.sets))
    if values == "all":
        told |= {"reason": change.reason}
    if values != "none":
        told["values"] = {name: plain(value) for name, value in change.sets.items() if name not in personal}
    return told


def _personal(kind: Kind[Any], name: str, custom: Any) -> bool:  # noqa: ANN401 - custom fields by name
    """Whether a field is about a person, be it in a part; one that nobody declares any more may have been."""
    whole, _, member = name.partition(".")
    if whole == "custom":
        return member not in custom or custom[member].personal
    told = kind.declared(name)
    return told is None or told.personal or in_part(told) or (whole == "external" and is_person(kind))


def _named(name: str) -> str:
    """The name of a personal field, without what people call its members."""
    whole = name.partition(".")[0]
    return name if whole == "custom" else whole
