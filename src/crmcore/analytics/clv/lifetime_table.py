"""The lifetime value of customers, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from math import fsum
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.exact import sum_of
from crmcore.analytics.results import Section, Tabular, percent, written
from crmcore.kernel.currency import minor_units
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import WIDE, Money

if TYPE_CHECKING:
    from crmcore.analytics.clv.discount import Discount
    from crmcore.analytics.clv.summary import Spent
    from crmcore.analytics.clv.unit import Span

__all__ = ["LifetimeValue"]

SHOWN = 10

ALIVE = "the probability that the customer is still one at the end of the observation"
WITHIN = "purchases expected within the horizon"
FOREVER = "purchases to come, each at its present value: without an end, their number may be infinite"
AHEAD = "what a purchase is expected to come to × the present value of the purchases to come"


@attrs.frozen(kw_only=True, repr=False, str=False)
class LifetimeValue(Tabular):
    """Customer lifetime value, one row a customer; columns of one length.

    Where there is a currency, ``historical``, ``residual`` and ``total`` are Money, rounded half-even to minor units;
    sums of totals are those of their parts. A figure that is undefined is None, and ``reasons`` says why;
    ``definitions`` says what each column means on the terms it was made.

    Attributes:
        customer: The customers.
        p_alive: The probability that each is still one at the end of the observation.
        expected: Purchases expected within the horizon, whatever the discount. Without a horizon, all to come, each at
            its present value; None where that is infinite.
        residual_unrounded: Margin × what the purchases to come are worth today, in major units.
        spent: What customers have spent; None where that is not known.
        margin: What is left of each unit of spend.
        currency: The ISO 4217 code of amounts; None for bare numbers.
        horizon: How far ahead was looked; None for ever.
        discount: At which discount; None for none.
        steps: "month" where purchases are discounted month by month.
    """

    customer: tuple[Any, ...]
    p_alive: tuple[float, ...]
    expected: tuple[float | None, ...]
    residual_unrounded: tuple[float | None, ...]
    spent: Spent | None
    margin: Decimal
    currency: str | None
    horizon: Span | None
    discount: Discount | None
    steps: str | None

    def __len__(self) -> int:
        return len(self.customer)

    def __repr__(self) -> str:
        ahead = "for ever" if self.horizon is None else f"horizon {self.horizon}"
        return f"<LifetimeValue: {len(self):,} customers, {ahead}>"

    @cached_property
    def historical(self) -> tuple[Money | Decimal, ...] | None:
        """Margin × what all past purchases came to; None where that is not known."""
        if self.spent is None:
            return None
        spends = self.spent.exact()
        if self.margin != 1:
            spends = tuple(WIDE.multiply(spend, self.margin) for spend in spends)
        code = self.currency
        if code is None:
            return spends
        return tuple(Money.rounded(spend, code, rounding=ROUND_HALF_EVEN) for spend in spends)

    @cached_property
    def residual(self) -> tuple[Money | float | None, ...]:
        """Margin × what the purchases to come are worth today."""
        code = self.currency
        if code is None:
            return self.residual_unrounded
        scale = 10 ** minor_units(code)
        return tuple(
            None if value is None else Money.of_minor(round(value * scale), code) for value in self.residual_unrounded
        )

    @cached_property
    def total(self) -> tuple[Money | float | None, ...] | None:
        """Historical + residual; None where the past is not known."""
        if self.historical is None:
            return None
        pairs: Any = zip(self.historical, self.residual, strict=True)
        if self.currency is None:
            return tuple(None if ahead is None else float(past) + ahead for past, ahead in pairs)
        return tuple(None if ahead is None else past + ahead for past, ahead in pairs)

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each column means."""
        share = "" if self.margin == 1 else f"margin of {self.margin} × "
        found = {
            "p_alive": ALIVE,
            "expected": FOREVER if self.horizon is None else WITHIN,
            "historical": f"{share}what all past purchases came to, less what was returned",
            "residual": f"{share}{AHEAD}",
            "total": "historical + residual",
        }
        return FrozenMap(found)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why what is undefined is so, by column."""
        found = {}
        if None in self.expected:
            found["expected"] = "purchases to come are infinite: some customers would stay for ever"
        if any(
            value is None and count is not None
            for value, count in zip(self.residual_unrounded, self.expected, strict=True)
        ):
            found["residual"] = "the mean of what a purchase comes to is infinite (q ≤ 1)"
        if self.spent is None:
            found["historical"] = "the customers were given without what they spent"
        return FrozenMap(found)

    def _columns(self) -> dict[str, Sequence[Any]]:
        nothing = [None] * len(self)
        return {
            "customer": self.customer,
            "p_alive": self.p_alive,
            "expected": self.expected,
            "historical": self.historical or nothing,
            "residual": self.residual,
            "total": self.total or nothing,
        }

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer."""
        columns = self._columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def sections(self) -> Sequence[Section]:
        """The sums, and the first customers."""
        columns = self._columns()
        sums = [("customers", written(len(self)))]
        sums += [(name, written(_sum(columns[name]))) for name in list(columns)[1:]]
        first = [tuple(map(written, row)) for row in zip(*(column[:SHOWN] for column in columns.values()), strict=True)]
        more = [(f"… and {len(self) - SHOWN:,} more", *[""] * (len(columns) - 1))] if len(self) > SHOWN else []
        terms = (
            ("horizon", "for ever" if self.horizon is None else str(self.horizon)),
            ("discount", self._discounted()),
        )
        return (
            Section("customer lifetime value, in all", (), (*sums, *terms, *self.reasons.items())),
            Section("customers", tuple(columns), (*first, *more)),
            Section("what it means", (), tuple(self.definitions.items())),
        )

    def _discounted(self) -> str:
        if self.discount is None:
            return "none"
        how = "continuous" if self.steps is None else f"at the end of each {self.steps}"
        return f"{percent(self.discount.annual)} a year, {how}"


def _sum(column: Sequence[Any]) -> Money | Decimal | float | None:
    """What a column comes to; None where any of it is undefined."""
    if None in column or not column:
        return None
    if isinstance(column[0], float):
        return fsum(column)
    found: Money | Decimal = sum(column) if isinstance(column[0], Money) else sum_of(column)
    return found
