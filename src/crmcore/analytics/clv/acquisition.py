"""What a customer costs to win, and how soon that comes back."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from crmcore.analytics.clv.exact import Amount, quotient, read_exact, sum_of
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import Money

__all__ = ["acquisition_cost", "clv_to_cac", "customer_profit", "payback"]


def acquisition_cost(cost: Amount, customers: int) -> Money | Decimal | None:
    """Customer acquisition cost (CAC): what acquisition cost in a period / the customers first won in it.

    Args:
        cost: All that was spent on acquisition in the period: Money, or a number in major units.
        customers: How many customers were first won in it.

    Returns:
        Money rounded half-even to minor units, or a Decimal; None where no customer was won.

    Raises:
        Invalid: The cost is no amount, or the customers no whole number of 0 or more.

    Example:
        >>> from crmcore.analytics.clv import acquisition_cost
        >>> from crmcore.kernel.money import Money
        >>> acquisition_cost(Money("12000", "EUR"), 48)
        Money('250.00', 'EUR')
    """
    if type(customers) is not int or customers < 0:
        raise Invalid([Problem("customers", customers, "a whole number, 0 or more", "count those first won")])
    told = read_exact({"cost": cost})
    share = quotient(told.values[0], Decimal(customers))
    return None if share is None else told.made(share)


def clv_to_cac(clv: Amount | None, cac: Amount | None) -> Decimal | None:
    """CLV:CAC: how many times its acquisition cost a customer is worth.

    Args:
        clv: Customer lifetime value: Money, or a number in major units.
        cac: Acquisition cost of a customer, likewise.

    Returns:
        The quotient to 28 significant digits; None where the cost is 0, or either is None.

    Raises:
        MixedCurrency: They are of different currencies.
        Invalid: One is no amount.

    Example:
        >>> from crmcore.analytics.clv import clv_to_cac
        >>> from crmcore.kernel.money import Money
        >>> clv_to_cac(Money("900", "EUR"), Money("250", "EUR"))
        Decimal('3.6')
    """
    if clv is None or cac is None:
        return None
    return quotient(*read_exact({"clv": clv, "cac": cac}).values)


def payback(cac: Amount | None, margins: Amount | Iterable[Amount]) -> int | None:
    """Payback time: after how many months what a customer brings in has covered what winning them cost.

    Args:
        cac: Acquisition cost of a customer: Money, or a number in major units.
        margins: What is left of a customer's revenue each month: one amount for every month, or that of the first,
            the second, ….

    Returns:
        In whole months: the first at whose end the sum of the margins is at least the cost; None where it never is
        within the months given, or the cost is None.

    Raises:
        MixedCurrency: They are of different currencies.
        Invalid: One is no amount.

    Example:
        >>> from crmcore.analytics.clv import payback
        >>> payback(250, 30), payback(250, [100, 0, 100, 100]), payback(250, [100])
        (9, 4, None)
    """
    if cac is None:
        return None
    if isinstance(margins, Money | str) or not isinstance(margins, Iterable):
        cost, margin = read_exact({"cac": cac, "margins": margins}).values
        return _steady(cost, margin)
    monthly = {f"margins[{month}]": margin for month, margin in enumerate(margins)}
    left, *earned = read_exact({"cac": cac, **monthly}).values
    for month, margin in enumerate([Decimal(0), *earned]):
        left = sum_of((left, margin.copy_negate()))
        if left <= 0:
            return month
    return None


def _steady(cost: Decimal, margin: Decimal) -> int | None:
    """How many times a margin must come to cover a cost."""
    if cost <= 0:
        return 0
    if margin <= 0:
        return None
    (top, bottom), (over, under) = cost.as_integer_ratio(), margin.as_integer_ratio()
    return -(-top * under // (bottom * over))  # rounded up, exactly


def customer_profit(revenue: Amount, cost_of_goods: Amount, cost_to_serve: Amount) -> Money | Decimal:
    """Customer profit: revenue − cost of goods − cost to serve.

    Args:
        revenue: What the customer paid in a period: Money, or a number in major units.
        cost_of_goods: What the things sold had cost.
        cost_to_serve: What serving the customer cost.

    Raises:
        MixedCurrency: They are of different currencies.
        Invalid: One is no amount.

    Example:
        >>> from crmcore.analytics.clv import customer_profit
        >>> from crmcore.kernel.money import Money
        >>> customer_profit(Money("1000", "EUR"), Money("600", "EUR"), Money("150", "EUR"))
        Money('250.00', 'EUR')
    """
    told = read_exact({"revenue": revenue, "cost_of_goods": cost_of_goods, "cost_to_serve": cost_to_serve})
    paid, *costs = told.values
    return told.made(sum_of((paid, *map(Decimal.copy_negate, costs))))
