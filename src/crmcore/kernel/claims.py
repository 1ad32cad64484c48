"""Claims: the unique values a record holds, so that no two live records share one."""

from __future__ import annotations

import unicodedata
from typing import Any, TypeAlias

from crmcore.kernel.fields import Field
from crmcore.kernel.keys import values_of
from crmcore.kernel.records import Kind, Record

__all__ = ["Claim", "claimed", "claims_of"]

Claim: TypeAlias = tuple[str, str]
"""A field and the value claimed in it."""


def claimed(field: Field, value: Any) -> str:  # noqa: ANN401 - any field's value
    """A value of a unique field as it is claimed.

    Args:
        field: The field.
        value: Its value.
    """
    text = " ".join(map(str, values_of(field, value)))
    if not field.folded:
        return text
    return unicodedata.normalize("NFC", " ".join(text.split()).casefold())


def claims_of(kind: Kind[Any], record: Record | None) -> dict[Claim, bool]:
    """The unique values a record has, each with whether it is held live.

    Args:
        kind: The kind of the record.
        record: The record; None claims nothing.
    """
    if record is None:
        return {}
    live = record.deleted_at is None and record.merged_into is None
    claims = {}
    for field in kind.unique:
        value = getattr(record, field.name)
        if value is not None:
            claims[field.name, claimed(field, value)] = live
    for system, external in record.external.items():
        claims[f"external.{system}", external] = live
    return claims
