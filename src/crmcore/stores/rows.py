"""Rows: records and changes as the tables of a SQL store hold them, each under a checksum, and back."""

from __future__ import annotations

import functools
import operator
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crmcore.kernel.change import Change
from crmcore.kernel.errors import Corrupt, Invalid, Problem
from crmcore.kernel.keys import columns_of, from_microseconds, microseconds, values_of
from crmcore.kernel.records import Kind, R, Record
from crmcore.stores.codec import decode, decode_sets, encode_sets
from crmcore.stores.schema import quoted, table_of
from crmcore.stores.standing import Standing

__all__ = [
    "LOG",
    "SCHEMA",
    "WRITE_CHANGE",
    "change_of",
    "change_row",
    "checksum",
    "instant_of",
    "keep_standing",
    "kept_row",
    "key_values",
    "keyed_alike",
    "record_of",
    "seal",
    "standing_row",
    "write_standing",
]

SCHEMA = 1
"""The version of the bodies written."""

LOG = 'seq, commit_id, kind, id, version, what, "at", recorded_at, "by", reason, late, playbook, sets'
"""The columns a change is read from, as ``change_row`` gives them; the column ``seal`` is their checksum."""

_SEALED = "\n".join(["%s"] * 14)

WRITE_CHANGE = f"""INSERT INTO crm_change ({LOG}, seal, tenant, horizon, "schema", body, checksum)
    VALUES ({", ".join("?" * 19)})"""
"""The statement that writes a change: its row, its seal, and what the table adds."""


def checksum(id: str, version: int, body: str) -> int:
    """The checksum of a record."""
    return zlib.crc32(f"{id} {version} {body}".encode())


def seal(tenant: str, told: Sequence[Any]) -> int:
    """The checksum of a change."""
    return zlib.crc32((_SEALED % (tenant, *told)).encode("utf-8", "backslashreplace"))


def change_row(kind: Kind[Any], change: Change[Any], stamp: datetime) -> tuple[Any, ...]:
    """A change as the log's columns hold it."""
    times = microseconds(change.at), microseconds(stamp)
    sets = encode_sets(kind, change.sets)
    return (
        *(change.seq, change.commit, change.kind, change.id, change.version, change.what, *times),
        *(change.by, change.reason, int(change.late), change.playbook, sets),
    )


def record_of(kind: Kind[R], where: str, row: Sequence[Any]) -> R:
    """The record a row holds.

    Args:
        kind: Its kind.
        where: The store, as an error names it.
        row: Its id, version, body and checksum.

    Raises:
        Corrupt: The row is not as it was written.
    """
    id, version, body, sum = row
    if checksum(id, version, body) != sum:
        message = f"the body of {kind.name} {id} in {where} does not match its checksum; restore a backup"
        raise Corrupt(message)
    return decode(kind, id, version, body)


def change_of(kinds: Mapping[str, Kind[Any]], where: str, tenant: str, row: Sequence[Any]) -> Change[Any]:
    """The change a row of the log holds.

    Args:
        kinds: The known kinds.
        where: The store, as an error names it.
        tenant: Whose log it is.
        row: The columns of ``LOG``, and the seal.

    Raises:
        Corrupt: The row is not as it was written.
        Invalid: It is of an unknown kind.
    """
    *columns, sum = row
    seq, commit, kind, id, version, what, at, recorded, by, reason, late, playbook, sets = columns
    if seal(tenant, columns) != sum:
        message = f"the change at place {seq} in {where} does not match its checksum; restore a backup"
        raise Corrupt(message)
    known = kinds.get(kind)
    if known is None:
        mend = f"open the CRM with the class of {kind} among its kinds"
        raise Invalid([Problem("kind", kind, f"one of {', '.join(kinds)}", mend)])
    return Change(
        kind=kind,
        id=id,
        version=version,
        what=what,
        sets=decode_sets(known, sets),
        at=from_microseconds(at),
        by=by,
        reason=reason,
        seq=seq,
        commit=commit,
        recorded_at=from_microseconds(recorded),
        late=bool(late),
        playbook=playbook,
    )


@functools.cache
def write_standing(kind: Kind[Any]) -> str:
    """The statement that puts down how a record of a kind stands."""
    names = [name for field in kind.keys for name in columns_of(field)]
    columns = ["tenant", "id", "version", "schema", "first", "horizon", "late_from", "late_until"]
    columns += ["recorded_at", "deleted_at", *names, "body", "checksum"]
    new = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in columns[2:])
    return f"""INSERT INTO {table_of(kind)} ({", ".join(map(quoted, columns))})
        VALUES ({", ".join("?" * len(columns))}) ON CONFLICT (tenant, id) DO UPDATE SET {new}"""


@functools.cache
def keep_standing(kind: Kind[Any]) -> str:
    """The statement that puts down how a record stands whose key columns stay as they are: no index is touched."""
    columns = ["version", "schema", "first", "horizon", "late_from", "late_until", "recorded_at", "body", "checksum"]
    new = ", ".join(f"{quoted(name)} = ?" for name in columns)
    return f"UPDATE {table_of(kind)} SET {new} WHERE tenant = ? AND id = ?"


@functools.cache
def _keyed(kind: Kind[Any]) -> Callable[[Record], Any]:
    return operator.attrgetter("deleted_at", *(field.name for field in kind.keys))


def keyed_alike(kind: Kind[Any], before: Record, after: Record) -> bool:
    """Whether two states of a record have the same values in all columns that an index is made of."""
    keyed = _keyed(kind)
    return bool(keyed(before) == keyed(after))


def kept_row(tenant: str, now: Standing[Any], body: str, recorded: int) -> tuple[Any, ...]:
    """How a record stands, as ``keep_standing`` takes it."""
    record = now.record
    return (
        *(record.version, SCHEMA, *_times(now), recorded),
        *(body, checksum(record.id, record.version, body), tenant, record.id),
    )


def _times(now: Standing[Any]) -> tuple[int | None, ...]:
    window = (None, None) if now.window is None else tuple(map(microseconds, now.window))
    return microseconds(now.first), microseconds(now.horizon), *window


def standing_row(kind: Kind[Any], now: Standing[Any], body: str, recorded: int) -> tuple[Any, ...]:
    """How a record stands, as ``write_standing`` takes it after the tenant."""
    record = now.record
    deleted = None if record.deleted_at is None else microseconds(record.deleted_at)
    told = (record.id, record.version, SCHEMA, *_times(now), recorded, deleted, *key_values(kind, record))
    return (*told, body, checksum(record.id, record.version, body))


def key_values(kind: Kind[Any], record: Record) -> list[int | str | None]:
    """What a record's key columns hold."""
    found: list[int | str | None] = []
    for field in kind.keys:
        value = getattr(record, field.name)
        found += [None] * len(columns_of(field)) if value is None else values_of(field, value)
    return found


def instant_of(count: int) -> datetime:
    """An instant out of a row."""
    try:
        return from_microseconds(count)
    except (OverflowError, TypeError) as error:
        message = "a time in the file is none; restore it from a backup"
        raise Corrupt(message) from error
