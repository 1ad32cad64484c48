"""Search across kinds: one question, and the records that are found by its words, best first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.front import Front
from crmcore.kernel.page import LARGEST_PAGE, Query
from crmcore.kernel.ports import NOW, Store
from crmcore.kernel.reading import WHOLE
from crmcore.kernel.records import Kind, Record
from crmcore.kernel.values import read_text
from crmcore.kernel.words import fit, searchable, words_in, words_of

__all__ = ["search"]

LONGEST_QUESTION = 200
"""The longest question, in characters."""

Named = str | type[Record]


def search(front: Front, text: str, kinds: Iterable[Named] | None = None, limit: int = 20) -> tuple[Record, ...]:
    """The live records that each word of a question begins a word of.

    Those that have most of the words as whole ones come first, then by the order of the kinds, then by id.
    At another moment than now, the records are those of that moment, and so are their words; that reads
    every record of the kinds.

    Args:
        front: The front door.
        text: The question.
        kinds: Where to look, by name or class; default: every kind with searchable fields.
        limit: The most records to return, 1 to 10,000.

    Raises:
        Invalid: The question holds no word, is no clean text or too long, a kind is not one to search, or the limit
            is out of range.
    """
    words = _asked(text)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise Invalid([Problem("limit", limit, f"1 to {LARGEST_PAGE:,}", "ask for fewer, or narrow the question")])
    where = _kinds(front, kinds)
    if front.moment == NOW:
        return _present(front.store, where, words, limit)
    return _past(front, where, words, limit)


def _asked(text: str) -> tuple[str, ...]:
    """The words of a question."""
    words = words_in(read_text(text, LONGEST_QUESTION, path="text"))
    if not words:
        raise Invalid([Problem("text", text, "at least one letter or digit", "say what to look for")])
    return words


def _kinds(front: Front, named: Iterable[Named] | None) -> list[Kind[Any]]:
    """The kinds to look in, each once."""
    known = {name: kind for name, kind in front.kinds.items() if searchable(kind)}
    if named is None:
        return list(known.values())
    if isinstance(named, str | type):
        named = [named]
    if not isinstance(named, Iterable):
        raise Invalid([Problem("kinds", named, "names or classes of kinds", "give a list, or leave it out for all")])
    found = [(one, _kind(one, known)) for one in named]
    expected, mend = f"one of {', '.join(known) or 'none'}", "name a kind with a field(searchable=True)"
    problems = [Problem("kinds", one, expected, mend) for one, kind in found if kind is None]
    if problems or not found:
        raise Invalid(problems or [Problem("kinds", "none", expected, "leave it out for all")])
    return list(dict.fromkeys(kind for _, kind in found if kind is not None))


def _kind(named: object, known: Mapping[str, Kind[Any]]) -> Kind[Any] | None:
    """The kind somebody named, if it is one to search."""
    if isinstance(named, str):
        return known.get(named)
    return next((kind for kind in known.values() if kind.cls is named), None)


def _present(store: Store, kinds: Sequence[Kind[Any]], words: Sequence[str], limit: int) -> tuple[Record, ...]:
    """The records as they stand now; what was changed while they were read, and fits no more, is left out."""
    found = store.search(kinds, words, limit=limit)
    records: dict[tuple[str, str], Record] = {}
    for kind in kinds:
        ids = [id for name, id in found if name == kind.name]
        for id, record in store.get(kind, ids).items():
            if fit(words_of(kind, record), words) is not None:
                records[kind.name, id] = record
    return tuple(records[whole] for whole in found if whole in records)


def _past(front: Front, kinds: Sequence[Kind[Any]], words: Sequence[str], limit: int) -> tuple[Record, ...]:
    """The records as they stood at the front's moment."""
    ranked = []
    for place, kind in enumerate(kinds):
        for record in front.store.find(kind, Query(limit=WHOLE), front.moment):
            whole = fit(words_of(kind, record), words)
            if whole is not None:
                ranked.append(((-whole, place, record.id), record))
    return tuple(record for _, record in sorted(ranked, key=lambda one: one[0])[:limit])
