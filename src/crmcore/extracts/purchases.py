"""Purchases as columns: orders, and won deals that no order refers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.extracts.source import Source
from crmcore.kernel.calendar import today
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money
from crmcore.kernel.where import F

if TYPE_CHECKING:
    from crmcore.kernel.rates import Rates

__all__ = ["Purchases", "purchases_of"]

COLUMNS = ("purchase", "customer", "at", "amount")
PARTYLESS = "won deals without an account or contact, in no purchase"
UNVALUED = "won deals without an amount, in no spend and no purchase"


@attrs.frozen
class Purchases:
    """What customers bought.

    Attributes:
        columns: ``purchase`` (the id of the order or deal), ``customer``, ``at`` (the day) and ``amount`` (Money; None
            where a deal says none), one row a purchase.
        exclusions: What was left out, in words, with counts.
    """

    columns: Mapping[str, list[Any]]
    exclusions: Mapping[str, int]

    def valued(self, currency: str, rates: Rates | None) -> Purchases:
        """Those with an amount, in one currency.

        Args:
            currency: The ISO 4217 code.
            rates: Dated exchange rates; those of the day of a purchase hold.

        Raises:
            MixedCurrency: Amounts are of other currencies, and there are no rates.
            Invalid: There is no such currency, or no rate for a day.
        """
        from crmcore.analytics.amounts import in_one_currency, read_amounts
        from crmcore.analytics.columns import Wanted, columns_of

        told = columns_of(self.columns, [Wanted("amount", "amount")], "purchases")
        amounts = read_amounts(told, "amount", currency, [])
        days = self.columns["at"]
        minor, _ = in_one_currency(told, amounts, currency, rates, days.__getitem__)
        kept = [row for row, amount in enumerate(minor) if amount is not None]
        columns = {name: [cells[row] for row in kept] for name, cells in self.columns.items()}
        columns["amount"] = [Money.of_minor(minor[row] or 0, currency) for row in kept]
        unvalued = len(minor) - len(kept)
        counts = {**self.exclusions, **({UNVALUED: unvalued} if unvalued else {})}
        return Purchases(FrozenMap(columns), FrozenMap(counts))


def purchases_of(crm: Source) -> Purchases:
    """Every order on its day; and every won deal that no order refers to, on the day it was closed.

    A return is an order that does not stand for the deal it refers to. A deal was bought by its account, or without
    one by its contact; one without either is left out.

    Args:
        crm: The CRM, or a view of its past.
    """
    zone, orders = crm.playbook.zone, list(crm.orders.each())
    ordered = {one.opportunity for one in orders if one.amount.minor >= 0}
    won = [deal for deal in crm.opportunities.each(F.status == "won") if deal.id not in ordered]
    rows: list[tuple[object, ...]] = [(one.id, one.customer, one.ordered_on, one.amount) for one in orders]
    rows += [
        (deal.id, party, today(deal.closed_at, zone), deal.amount)
        for deal in won
        if (party := deal.account or deal.contact) is not None and deal.closed_at is not None
    ]
    cells = map(list, zip(*rows, strict=True)) if rows else ([] for _ in COLUMNS)
    columns: dict[str, list[Any]] = dict(zip(COLUMNS, cells, strict=True))
    left_out = len(orders) + len(won) - len(rows)
    return Purchases(FrozenMap(columns), FrozenMap({PARTYLESS: left_out} if left_out else {}))
