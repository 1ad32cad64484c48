"""The words of records in a SQLite file: kept beside them, and searched.

They are kept twice. ``crm_word`` leads from a word to the records that have it: by a range of its key, words that
begin with some letters are found at once, if they are few. ``crm_words`` holds all words of a record in one text:
letters that thousands of words begin with are looked for there, record by record until there are enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set as AbstractSet
from typing import Any, TypeAlias

from crmcore.kernel.records import Kind
from crmcore.stores.sqlite_file import SqliteFile

__all__ = ["Moved", "find_words", "line", "move_words"]

Moved: TypeAlias = tuple[str, str, AbstractSet[str], AbstractSet[str]]
"""A record's kind and id, its words before, and its words now."""

FEW = 2_000
"""Up to so many words that begin alike, the records are found by them."""

_LAST = chr(0x10FFFF)
"""Comes after every letter."""

_BEGINS = "tenant = ? AND kind = ? AND word >= ? AND word < ?"


def line(words: Iterable[str]) -> str:
    """The words of a record as one text, a blank before and after each."""
    return f" {' '.join(sorted(words))} "


def move_words(file: SqliteFile, tenant: str, moved: Sequence[Moved]) -> None:
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
        file.many("INSERT OR IGNORE INTO crm_word VALUES (?, ?, ?, ?)", sorted(come))
    if bare:
        file.many("DELETE FROM crm_words WHERE tenant = ? AND kind = ? AND id = ?", bare)
    if said:
        file.many("INSERT OR REPLACE INTO crm_words VALUES (?, ?, ?, ?)", said)


def find_words(
    file: SqliteFile, tenant: str, kinds: Sequence[Kind[Any]], words: Sequence[str], limit: int
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


def _of_kind(file: SqliteFile, where: tuple[str, str], words: Sequence[str], limit: int) -> list[tuple[str, int]]:
    """The first records of a kind, each with how many words are whole ones."""
    count, rarest = min((_count(file, where, word), word) for word in words)
    if count <= FEW:
        return _ranked(file, where, words, limit, rarest) if count else []
    if len(words) == 1:
        return _common(file, where, rarest, limit)
    return _ranked(file, where, words, limit)


def _count(file: SqliteFile, where: tuple[str, str], letters: str) -> int:
    """How many words begin with some letters; of more than a few, one more than those."""
    sql = f"SELECT count(*) FROM (SELECT 1 FROM crm_word WHERE {_BEGINS} LIMIT {FEW + 1})"
    ((count,),) = file.rows(sql, (*where, letters, letters + _LAST))
    return int(count)


def _ranked(
    file: SqliteFile, where: tuple[str, str], words: Sequence[str], limit: int, rarest: str | None = None
) -> list[tuple[str, int]]:
    """The records that have every word, those with most whole ones first: among those with the rarest, or among all."""
    whole = " + ".join(["(instr(words, ?) > 0)"] * len(words))
    every = " AND ".join(["instr(words, ?) > 0"] * len(words))
    among = "" if rarest is None else f"AND id IN (SELECT id FROM crm_word WHERE {_BEGINS})"
    sql = f"""SELECT id, {whole} AS whole FROM crm_words WHERE tenant = ? AND kind = ? {among} AND {every}
        ORDER BY whole DESC, id LIMIT ?"""
    bounds = () if rarest is None else (*where, rarest, rarest + _LAST)
    values = (*(f" {word} " for word in words), *where, *bounds, *(f" {word}" for word in words), limit)
    return file.rows(sql, values)


def _common(file: SqliteFile, where: tuple[str, str], word: str, limit: int) -> list[tuple[str, int]]:
    """The records of one word that thousands begin with: in the order of their ids, until there are enough."""
    sql = "SELECT id, 1 FROM crm_word WHERE tenant = ? AND kind = ? AND word = ? ORDER BY id LIMIT ?"
    whole = file.rows(sql, (*where, word, limit))
    sql = """SELECT id, 0 FROM crm_words WHERE tenant = ? AND kind = ? AND instr(words, ?) > 0 AND instr(words, ?) = 0
        ORDER BY id LIMIT ?"""
    return whole + file.rows(sql, (*where, f" {word}", f" {word} ", limit - len(whole)))
