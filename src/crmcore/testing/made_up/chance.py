"""Chance that falls the same way on every machine and under every Python."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

__all__ = ["Chance"]

T = TypeVar("T")


class Chance:
    """Draws made of ``random()`` alone, the one method whose sequence Python promises to keep.

    Only whole numbers come out: logarithms and printed floats may differ from machine to machine.

    Args:
        seed: The same seed gives the same draws.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - made-up data, no secret

    def below(self, limit: int) -> int:
        """A whole number from 0 to below the limit, each as likely."""
        return int(self._random() * limit)

    def skewed(self, mean: int) -> int:
        """A whole number of about that mean: many small ones, a few up to four times the mean."""
        return self.below(1 + self.below(4 * mean))

    def percent(self, share: int) -> bool:
        """True in so many cases of a hundred."""
        return self.below(100) < share

    def pick(self, things: Sequence[T]) -> T:
        """One of them, each as likely."""
        return things[self.below(len(things))]

    def shuffled(self, things: Iterable[T]) -> list[T]:
        """All of them, in any order."""
        deck = list(things)
        for last in range(len(deck) - 1, 0, -1):
            other = self.below(last + 1)
            deck[last], deck[other] = deck[other], deck[last]
        return deck
