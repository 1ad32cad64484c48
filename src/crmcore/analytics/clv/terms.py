"""How far ahead customers are valued, and at what discount, in the unit a model counts time in."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.clv.discount import Discount
from crmcore.analytics.clv.unit import DAYS_A_MONTH, Unit, units_in
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import number

if TYPE_CHECKING:
    from crmcore.analytics.clv.unit import Span

__all__ = ["Terms"]

NEAR = 1e-9
NO_DISCOUNT = Discount(annual=0.0)


@attrs.frozen
class Terms:
    """The terms of a valuation.

    Attributes:
        rate: The continuous discount rate per unit of the model.
        horizon: How many units to look ahead; None for ever.
        months: Where purchases are discounted month by month: the end of each, in units, and what 1 is worth then.
        margin: What is left of each unit of spend.
    """

    rate: float
    horizon: float | None
    months: tuple[tuple[float, float], ...]
    margin: Decimal

    @classmethod
    def of(
        cls,
        unit: Unit | None,
        *,
        horizon: Span | None,
        discount: Discount | None,
        margin: object,
        steps: object,
    ) -> Terms:
        """The terms a caller asks for.

        Args:
            unit: The model's unit.
            horizon: How far to look ahead; None for ever.
            discount: The discount; None for none.
            margin: What is left of each unit of spend.
            steps: "month" or None.

        Raises:
            Invalid: Everything that is wrong with them.
        """
        asked = NO_DISCOUNT if discount is None else discount
        share = number(margin)
        wrong = [
            (not isinstance(asked, Discount), "discount", discount, "a Discount", "say Discount(annual=0.10)"),
            (steps not in {None, "month"}, "steps", steps, "month, or None", "leave it out"),
            (
                share is None or not 0 <= share <= 1,
                "margin",
                margin,
                "a fraction of spend, 0 to 1",
                "write 30 % as 0.3",
            ),
        ]
        problems = [Problem(path, value, expected, mend) for is_wrong, path, value, expected, mend in wrong if is_wrong]
        if problems:
            raise Invalid(problems)
        assert share is not None
        return _worked_out(unit, horizon, asked, share, monthly=steps == "month")


def _worked_out(
    unit: Unit | None, horizon: Span | None, discount: Discount, margin: Decimal, *, monthly: bool
) -> Terms:
    if unit is None and (discount.annual or monthly):
        what = "a discount is by the year" if discount.annual else "months are counted"
        mend = 'give the model its unit, as in unit="week", or say discount=None'
        raise Invalid([Problem("unit", None, f"a unit of the model, since {what}", mend)])
    if horizon is None and (monthly or not discount.annual):
        expected = "a horizon, to discount month by month" if monthly else "a horizon, where nothing is discounted"
        raise Invalid([Problem("horizon", None, expected, 'say horizon="12 months"')])
    length = None if horizon is None else units_in(unit, horizon)
    rate = discount.rate(unit) if unit else 0.0
    if not monthly:
        return Terms(rate, length, (), margin)
    assert unit is not None
    assert length is not None
    count = length * unit.days / DAYS_A_MONTH
    if not (round(count) and abs(count - round(count)) < NEAR * count):
        expected = "a whole number of months, of 30.4375 days"
        raise Invalid([Problem("horizon", horizon, expected, 'say horizon="12 months"')])
    month = DAYS_A_MONTH / unit.days
    ends = [(number * month, discount.after_months(number)) for number in range(1, round(count) + 1)]
    return Terms(rate, length, tuple(ends), margin)
