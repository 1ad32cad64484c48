"""The days on which customers bought: what one buys on a day is one purchase."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, repeat
from operator import sub
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["PurchaseDays"]

T = TypeVar("T")


@attrs.frozen(eq=False)
class PurchaseDays:
    """Every customer's purchase days, each once: those of one customer stand together, in order.

    Attributes:
        who: The number of each customer who bought.
        days: The days of them all.
        starts: Where those of each customer begin.
        ends: Where they end.
    """

    who: list[int]
    days: list[int]
    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, codes: Sequence[int], days: Sequence[int]) -> PurchaseDays:
        """Purchase days from purchases in any order.

        Args:
            codes: Who bought, by number.
            days: When.
        """
        origin, last = min(days, default=0), max(days, default=0)
        bits = (last - origin).bit_length()
        mask = (1 << bits) - 1
        # One small number for a customer and a day: pairs would take five times as long to sort.
        numbers = [(code << bits) + day - origin for code, day in zip(codes, days, strict=True)]
        ordered = sorted(set(numbers))
        places = dict(zip([key >> bits for key in ordered], count(1)))
        ends = list(places.values())
        return cls(list(places), [(key & mask) + origin for key in ordered], [0, *ends[:-1]] if ends else [], ends)

    @property
    def firsts(self) -> list[int]:
        """The first day of each customer."""
        return list(map(self.days.__getitem__, self.starts))

    @property
    def lasts(self) -> list[int]:
        """The last day of each customer."""
        return [self.days[end - 1] for end in self.ends]

    def spread(self, cells: Iterable[T]) -> Iterator[T]:
        """A cell of each customer, repeated for each of the customer's days."""
        return chain.from_iterable(map(repeat, cells, map(sub, self.ends, self.starts)))

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        """Each customer, and the days."""
        for code, start, end in zip(self.who, self.starts, self.ends, strict=True):
            yield code, self.days[start:end]
