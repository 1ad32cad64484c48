"""Tail counts: how many customers bought more than j times, from which counting models are fitted."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from crmcore.analytics.calculus.engines import Engine

__all__ = ["tails"]


def tails(engine: Engine, counts: Any, weights: Any) -> list[float]:
    """How many customers have a count above j, for j = 0, 1, … up to the largest.

    With them, Σ ln Γ(r + x) − ln Γ(r) over all customers is Σ tails[j] · ln(r + j): no special function is needed.

    Args:
        engine: What the columns are held by.
        counts: Whole numbers, shape ``(n,)``.
        weights: How many customers each stands for, shape ``(n,)``.

    Example:
        >>> from crmcore.analytics.calculus.engines import PLAIN
        >>> from crmcore.analytics.clv.tails import tails
        >>> tails(PLAIN, [0.0, 1.0, 3.0], [5.0, 2.0, 1.0])
        [3.0, 1.0, 1.0]
    """
    held: list[float] = engine.plain(engine.added(counts, weights))
    return list(accumulate(held[:0:-1]))[::-1]
