"""Does a file say what its own log says? Every column that is derived is derived again and compared.

Reads go by the derived columns, so a wrong one gives wrong answers although every body is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import attrs

from crmcore.kernel.change import Change
from crmcore.kernel.claims import claims_of
from crmcore.kernel.errors import Conflict, Corrupt, Invalid
from crmcore.kernel.keys import columns_of, microseconds
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.words import words_of
from crmcore.stores.codec import decode
from crmcore.stores.database import Database
from crmcore.stores.rows import standing_row
from crmcore.stores.schema import quoted, table_of
from crmcore.stores.sql_words import line
from crmcore.stores.standing import Standing, step

__all__ = ["differences"]

_TIMES = ("first", "horizon", "late_from", "late_until", "recorded_at", "deleted_at")


@attrs.frozen
class _Told:
    """What the log tells of one record.

    Attributes:
        standing: How it stands.
        recorded: When its last change was recorded, in microseconds.
        past: The record and the horizon after each change, in microseconds.
    """

    standing: Standing[Any]
    recorded: int
    past: tuple[tuple[Record, int], ...]


def differences(
    file: Database, tenant: str, kinds: Mapping[str, Kind[Any]], log: Sequence[Change[Any]]
) -> Iterator[str]:
    """Where a file differs from its log, one sentence each.

    Args:
        file: The file.
        tenant: Whose records.
        kinds: The kinds of record.
        log: Every change of the tenant.
    """
    mine: dict[tuple[str, str], list[Change[Any]]] = {}
    for change in log:
        mine.setdefault((change.kind, change.id), []).append(change)
    told: dict[tuple[str, str], _Told] = {}
    for (name, id), changes in mine.items():
        try:
            told[name, id] = _folded(kinds[name], changes)
        except (Conflict, Invalid) as error:
            yield f"the changes of {name} {id} do not follow each other: {error}"
    for name, kind in kinds.items():
        here = {id: one for (of, id), one in told.items() if of == name}
        yield from _past(file, tenant, kind, here)
        yield from _standing(file, tenant, kind, here)
    yield from _claims(file, tenant, kinds, told)
    yield from _aliases(file, tenant, told)
    yield from _words(file, tenant, kinds, told)


def _folded(kind: Kind[Any], changes: Sequence[Change[Any]]) -> _Told:
    """A record out of its changes, as a store makes it one by one."""
    standing: Standing[Any] | None = None
    past: list[tuple[Record, int]] = []
    for place, change in enumerate(changes):
        earlier = [one.sets for one in changes[:place] if one.order > change.order]
        standing, _ = step(kind, standing, change, lambda sets=earlier: sets)  # type: ignore[misc]
        past.append((standing.record, microseconds(standing.horizon)))
    recorded = cast("datetime", changes[-1].recorded_at)
    return _Told(cast("Standing[Any]", standing), microseconds(recorded), tuple(past))


def _past(file: Database, tenant: str, kind: Kind[Any], told: Mapping[str, _Told]) -> Iterator[str]:
    """Past states and horizons that differ from the fold of the changes up to them."""
    sql = "SELECT id, version, horizon, body FROM crm_change WHERE tenant = ? AND kind = ?"
    for id, version, horizon, body in file.rows(sql, (tenant, kind.name)):
        past = told[id].past if id in told else ()
        if not 1 <= version <= len(past):
            continue
        record, wanted = past[version - 1]
        if horizon != wanted:
            yield f"horizon of version {version} of {kind.name} {id} differs from its changes"
        if _read(kind, id, version, body) != record:
            yield f"version {version} of {kind.name} {id} differs from the fold of its changes"


def _read(kind: Kind[Any], id: str, version: int, body: str) -> Record | None:
    """The record a body holds; None when it can't be read, which the checksums report."""
    try:
        record: Record = decode(kind, id, version, body)
    except Corrupt:
        return None
    return record


def _standing(file: Database, tenant: str, kind: Kind[Any], told: Mapping[str, _Told]) -> Iterator[str]:
    """Columns that differ from what the record says."""
    names = ["id", "version", "schema", *_TIMES, *(name for field in kind.keys for name in columns_of(field))]
    sql = f"SELECT {', '.join(map(quoted, names))} FROM {table_of(kind)} WHERE tenant = ?"
    for row in file.rows(sql, (tenant,)):
        one = told.get(row[0])
        if one is None:
            continue
        wanted = standing_row(kind, one.standing, "", one.recorded)
        for name, value, right in zip(names, row, wanted, strict=False):
            if value != right and name != "schema":
                yield f"column {name} of {kind.name} {row[0]} differs from its changes"


def _claims(
    file: Database, tenant: str, kinds: Mapping[str, Kind[Any]], told: Mapping[tuple[str, str], _Told]
) -> Iterator[str]:
    """Unique values that are held by nobody, or by somebody who does not have them."""
    wanted = {
        (name, field, value, id, int(live))
        for (name, id), one in told.items()
        for (field, value), live in claims_of(kinds[name], one.standing.record).items()
    }
    sql = "SELECT kind, field, value, id, live FROM crm_claim WHERE tenant = ?"
    yield from _apart("unique value", wanted, file.rows(sql, (tenant,)))


def _aliases(file: Database, tenant: str, told: Mapping[tuple[str, str], _Told]) -> Iterator[str]:
    """Merged records that lead elsewhere than they say."""
    merged = {(id, one.standing.record.merged_into) for (_, id), one in told.items()}
    wanted = {(id, survivor) for id, survivor in merged if survivor is not None}
    yield from _apart("merged id", wanted, file.rows("SELECT id, survivor FROM crm_alias WHERE tenant = ?", (tenant,)))


def _words(
    file: Database, tenant: str, kinds: Mapping[str, Kind[Any]], told: Mapping[tuple[str, str], _Told]
) -> Iterator[str]:
    """Words that records are not found by, or are found by wrongly."""
    words = {(name, id): words_of(kinds[name], one.standing.record) for (name, id), one in told.items()}
    wanted = {(name, word, id) for (name, id), mine in words.items() for word in mine}
    yield from _apart("word", wanted, file.rows("SELECT kind, word, id FROM crm_word WHERE tenant = ?", (tenant,)))
    lines = {(*whole, line(mine)) for whole, mine in words.items() if mine}
    found = file.rows("SELECT kind, id, words FROM crm_words WHERE tenant = ?", (tenant,))
    yield from _apart("word line", lines, found)


def _apart(what: str, wanted: Iterable[tuple[Any, ...]], found: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    missing, stray = set(wanted) - set(found), set(found) - set(wanted)
    if missing:
        yield f"{len(missing)} {what}s of records are not in their table"
    if stray:
        yield f"{len(stray)} {what}s are in their table, but no record has them"
