"""Which new records may be others that are there: by fields that are the same but for their spelling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.loading.intake import Intake, Spelling
from crmcore.kernel.reading import Reading
from crmcore.kernel.records import Kind, Record

__all__ = ["Resemblance", "resembling"]

Resemblance = tuple[int, str, str, str]
"""A row's place, its record, the record that may be the same, and the field they share."""

Spelt = tuple[Spelling, str]


def resembling(desk: Intake[Any], written: Mapping[int, Change[Any]]) -> list[Resemblance]:
    """The new records that may be others: stored ones, or those of earlier rows.

    Args:
        desk: The desk of the records.
        written: For each row that writes something, by its place, the first change of its record.
    """
    told = {place: list(_spelt(desk, change.sets.items())) for place, change in sorted(written.items())}
    asked = {spelt for place, values in told.items() if written[place].version == 1 for _, spelt in values}
    known = _stored(desk, asked) if asked else {}
    found: list[Resemblance] = []
    for place, values in told.items():
        change = written[place]
        others: dict[str, str] = {}
        for name, spelt in values:
            other = known.setdefault(spelt, change.id)
            if other != change.id:
                others.setdefault(other, name)
        if change.version == 1:
            found += [(place, change.id, other, name) for other, name in others.items()]
    return found


def _spelt(desk: Intake[Any], values: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Spelt]]:
    """The values that are compared, by field."""
    for name, value in values:
        spelling = desk.matching.get(name.partition(".")[0])
        spelt = spelling(value) if spelling is not None and isinstance(value, str) else None
        if spelling is not None and spelt is not None:
            yield name, (spelling, spelt)


def _stored(desk: Intake[Any], asked: set[Spelt]) -> dict[Spelt, str]:
    """The stored records that have values asked for."""
    found: dict[Spelt, str] = {}
    for name in (desk.kind.name, *desk.matching_kinds):
        kind = desk.front.kinds[name]
        for record in Reading(kind, desk.front).each():
            if not _ended(kind, record):
                for _, spelt in _spelt(desk, _values(desk, record)):
                    if spelt in asked:
                        found.setdefault(spelt, record.id)
    return found


def _ended(kind: Kind[Any], record: Record) -> bool:
    """Whether a record has become others, so that nothing can be merged into it."""
    return kind.lifecycle is not None and getattr(record, kind.lifecycle[0]) in kind.lifecycle[1].final


def _values(desk: Intake[Any], record: Record) -> Iterator[tuple[str, Any]]:
    """The values of a record that are compared."""
    for name in desk.matching:
        value = getattr(record, name, None)
        if isinstance(value, Mapping):
            yield from ((f"{name}.{label}", one) for label, one in value.items())
        else:
            yield name, value
