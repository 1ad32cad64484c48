"""An index of words in memory: which records have which words, and which words begin with some letters."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence, Set as AbstractSet
from heapq import nsmallest

import attrs

__all__ = ["WordIndex"]


@attrs.define(eq=False)
class WordIndex:
    """The words of one kind's live records.

    Example:
        >>> from crmcore.stores.word_index import WordIndex
        >>> index = WordIndex()
        >>> index.move("contact_1", set(), {"ada", "lovelace"})
        >>> index.find(["love"], limit=10)
        [(0, 'contact_1')]
    """

    _ids: dict[str, set[str]] = attrs.field(factory=dict)
    _ordered: list[str] = attrs.field(factory=list)
    _fresh: set[str] = attrs.field(factory=set)

    def move(self, id: str, old: AbstractSet[str], new: AbstractSet[str]) -> None:
        """Let a record have other words.

        Args:
            id: The record's id.
            old: The words it has had.
            new: The words it has now.
        """
        for word in old - new:
            self._drop(word, id)
        for word in new - old:
            if word not in self._ids:
                self._ids[word] = set()
                self._fresh.add(word)
            self._ids[word].add(id)

    def _drop(self, word: str, id: str) -> None:
        """Take a word away from a record; a word nobody has is forgotten."""
        self._ids[word].remove(id)
        if not self._ids[word]:
            del self._ids[word]
            if word in self._fresh:
                self._fresh.remove(word)
            else:
                del self._ordered[bisect_left(self._ordered, word)]

    def find(self, words: Sequence[str], *, limit: int) -> list[tuple[int, str]]:
        """Records with words that begin with each of some others: how many are whole ones, and the id.

        Args:
            words: At least one word.
            limit: The most records to return; those with most whole words come first, then by id.
        """
        self._put_in_order()
        ranges = sorted((self._beginning(word) for word in words), key=lambda mine: sum(map(len, mine)))
        found: set[str] = set().union(*ranges[0])
        for mine in ranges[1:]:
            found.intersection_update(set().union(*mine))
        whole = [self._ids[word] for word in words if word in self._ids]
        ranked = nsmallest(limit, ((-sum(id in ids for ids in whole), id) for id in found))
        return [(-rank, id) for rank, id in ranked]

    def _put_in_order(self) -> None:
        """Order the words that have come since, by merging them with those in order."""
        if self._fresh:
            self._ordered += self._fresh
            self._ordered.sort()
            self._fresh.clear()

    def _beginning(self, letters: str) -> list[set[str]]:
        """The ids of records by each word that begins with some letters."""
        start, end = (bisect_left(self._ordered, edge) for edge in (letters, letters + chr(0x10FFFF)))
        return [self._ids[word] for word in self._ordered[start:end]]
