"""What customers have spent: the part of their value that is known."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from crmcore.analytics.clv.exact import Amount, read_exact, sum_of
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import Money

__all__ = ["historical"]


def historical(amounts: Iterable[Amount]) -> Money | Decimal:
    """Historical customer lifetime value: the sum of past purchases, exact.

    Args:
        amounts: What was paid each time, Money or numbers in major units; returns are negative.

    Returns:
        Money where the amounts are; otherwise a Decimal, which for no amounts at all is 0.

    Raises:
        MixedCurrency: Amounts are of several currencies.
        Invalid: Some are no amounts; lists them.

    Example:
        >>> from crmcore.analytics.clv import historical
        >>> historical([15, 50, 150])
        Decimal('215')
    """
    if isinstance(amounts, str) or not isinstance(amounts, Iterable):
        raise Invalid([Problem("amounts", amounts, "a list of amounts", "put a single one into a list: [amount]")])
    told = read_exact({f"amounts[{place}]": amount for place, amount in enumerate(amounts)})
    return told.made(sum_of(told.values))
