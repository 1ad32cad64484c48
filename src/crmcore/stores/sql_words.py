"""The words of records in a SQLite file: kept beside them, and searched.

They are kept twice. ``crm_word`` leads from a word to the records that have it: by a range of its key, words that
begin with some letters are found at once, if they are few. ``crm_words`` holds all words of a record in one text:
letters that thousands of words begin with are looked for there, record by record until there are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set as AbstractSet
from typing import Any, TypeAlias

from crmcore.kernel.records import Kind
from crmcore.stores.database import Database

__all__ = ["Moved", "find_words", "line", "move_words"]

Moved: TypeAlias = tuple[str, str, AbstractSet[str], AbstractSet[str]]
"""A record's kind and id, its words before, and its words now."""

FEW = 2_000
"""Up to so many words that begin alike, the records are found by them."""

_LAST = chr(0x10FFFF)
"""Comes after every letter."""

_BEGINS = "tenant = ? AND kind = ? AND word >= ? AND word < ?"
_BEGUN, _WHOLE = " {}".format, " {} ".format

_Where: TypeAlias = tuple[str, str]
"""Tenant and kind."""
_Found: TypeAlias = tuple[str, int]
"""A record's id, and how many words are whole ones."""


def line(words: Iterable[str]) -> str:
    """The words of a record as one text, a blank before and after each."""
    return f" {' '.join(sorted(words))} "


def move_words(file: Database, tenant: str, moved: Sequence[Moved]) -> None:
    """Let records have other words.

    Args:
        file: The file.
        tenant: Whose records.
        moved: The records whose words have changed.
    """
    gone = [(tenant, kind, word, id) for kind, id, old, new in moved for word in old - new]
    come = [(tenant, kind, word, id) for kind, id, old, new in moved for word in new - old]
    bare = [(tenant, kind, id) for kind, id, old, new in moved if not new]
    said = [(tenant, kind, id, line(new)) for kind, id, old, new in moved if new]
    if gone:
        file.many("DELETE FROM crm_word WHERE tenant = ? AND kind = ? AND word = ? AND id = ?", gone)
    if come:
        file.many("INSERT INTO crm_word VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", sorted(come))
    if bare:
        file.many("DELETE FROM crm_words WHERE tenant = ? AND kind = ? AND id = ?", bare)
    if said:
        new = "ON CONFLICT (tenant, kind, id) DO UPDATE SET words = excluded.words"
        file.many(f"INSERT INTO crm_words VALUES (?, ?, ?, ?) {new}", said)


def find_words(
    file: Database, tenant: str, kinds: Sequence[Kind[Any]], words: Sequence[str], limit: int
) -> list[tuple[str, str]]:
    """Live records with words that begin with each of some others, as kind and id.

    Args:
        file: The file.
        tenant: Whose records.
        kinds: Where to look.
        words: At least one word.
        limit: The most records to return.
    """
    with file.reading():
        found = [
            (-whole, place, id)
            for place, kind in enumerate(kinds)
            for id, whole in _of_kind(file, (tenant, kind.name), words, limit)
        ]
    return [(kinds[place].name, id) for _, place, id in sorted(found)[:limit]]


def _of_kind(file: Database, where: _Where, words: Sequence[str], limit: int) -> list[_Found]:
    """The first records of a kind, each with how many words are whole ones."""
    count, rarest = min((_count(file, (*where, word, word + _LAST), _BEGINS), word) for word in words)
    if count <= FEW:
        return _best(file, where, words, limit, (_BEGINS, (*where, rarest, rarest + _LAST)))
    whole = f"tenant = ? AND kind = ? AND word IN ({', '.join('?' * len(words))})"
    if _count(file, (*where, *words), whole) <= FEW:
        found = _best(file, where, words, limit, (whole, (*where, *words)))
    elif len(words) == 1:
        found = file.rows(f"SELECT id, 1 FROM crm_word WHERE {whole} ORDER BY id LIMIT ?", (*where, *words, limit))
    else:
        return _best(file, where, words, limit)
    return found + _others(file, where, words, limit - len(found))


def _count(file: Database, values: Sequence[str], condition: str) -> int:
    """How many rows of words meet a condition; of more than a few, one more than those."""
    some = f"SELECT 1 FROM crm_word WHERE {condition} LIMIT {FEW + 1}"
    ((count,),) = file.rows(f"SELECT count(*) FROM ({some}) AS few", values)
    return int(count)


def _best(
    file: Database, where: _Where, words: Sequence[str], limit: int, among: tuple[str, Sequence[str]] | None = None
) -> list[_Found]:
    """The records that have every word, most whole ones first: among those with some words, or among all."""
    whole = " + ".join(["(instr(words, ?) > 0)"] * len(words))
    every = " AND ".join(["instr(words, ?) > 0"] * len(words))
    condition, values = among or ("", ())
    named = condition and f"AND id IN (SELECT id FROM crm_word WHERE {condition})"
    sql = f"""SELECT id, {whole} AS whole FROM crm_words WHERE tenant = ? AND kind = ? {named} AND {every}
        ORDER BY whole DESC, id LIMIT ?"""
    return file.rows(sql, (*map(_WHOLE, words), *where, *values, *map(_BEGUN, words), limit))


def _others(file: Database, where: _Where, words: Sequence[str], limit: int) -> list[_Found]:
    """The records that have every word but none as a whole one: in the order of their ids, until there are enough."""
    every = " AND ".join(["instr(words, ?) > 0 AND instr(words, ?) = 0"] * len(words))
    sql = f"SELECT id, 0 FROM crm_words WHERE tenant = ? AND kind = ? AND {every} ORDER BY id LIMIT ?"
    values = [form(word) for word in words for form in (_BEGUN, _WHOLE)]
    return file.rows(sql, (*where, *values, limit))
