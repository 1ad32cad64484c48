"""What a purchase to come is worth today."""

from __future__ import annotations

from math import log1p

import attrs

from crmcore.analytics.clv.unit import DAYS_A_MONTH, DAYS_A_YEAR, Unit
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import number

__all__ = ["Discount"]


MOST = 10**6  # a year, as a fraction


def _fraction(value: object) -> float:
    """A rate of 0 or more."""
    told = number(value)
    if told is None or not 0 <= told <= MOST:
        raise Invalid([Problem("annual", value, "a fraction a year, 0 or more", "write 10 % a year as 0.10")])
    return float(told)


@attrs.frozen
class Discount:
    """A discount rate, which carries its own basis: a year of 365.25 days.

    Attributes:
        annual: By how much more money of today is worth than that of a year later; 0.10 for 10 % a year, effective.

    Raises:
        Invalid: It is no fraction of 0 or more.

    Example:
        >>> from crmcore.analytics.clv import Discount, Unit
        >>> round(Discount(annual=0.10).rate(Unit.of("week")), 6)
        0.001827
    """

    annual: float = attrs.field(kw_only=True, converter=_fraction)

    def rate(self, unit: Unit) -> float:
        """The continuous rate per unit: ln(1 + annual) × the unit's share of a year.

        Args:
            unit: The unit.
        """
        return log1p(self.annual) * unit.days / DAYS_A_YEAR

    def after_months(self, months: int) -> float:
        """What 1 of so many months later is worth today, discounted month by month.

        Args:
            months: How many, of 30.4375 days.
        """
        return float((1 + self.annual) ** (-months * DAYS_A_MONTH / DAYS_A_YEAR))
