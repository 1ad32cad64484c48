"""Customer lifetime value: what customers have brought in, and what they are expected to bring in yet."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from crmcore.analytics.calculus.engines import Engine, EngineName, engine_for
from crmcore.analytics.clv.discount import Discount
from crmcore.analytics.clv.fit import Fit
from crmcore.analytics.clv.fitted_model import the_model
from crmcore.analytics.clv.lifetime_table import LifetimeValue
from crmcore.analytics.clv.like_rows import like_rows
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.analytics.clv.terms import Terms
from crmcore.analytics.clv.unit import Span, Unit
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.money import Money, number

if TYPE_CHECKING:
    from crmcore.analytics.columns import Source

__all__ = ["PurchaseModel", "SpendModel", "lifetime_value"]

TEN_PERCENT = Discount(annual=0.10)
LARGEST = 10**18


class PurchaseModel(Protocol):
    """A model of when customers buy: BG/NBD, MBG/NBD, Pareto/NBD or BG/BB."""

    @property
    def unit(self) -> Unit | None:
        """What it counts time in."""
        ...

    def p_alive(self, x: Any, t_x: Any, T: Any) -> Any:
        """The probability that each customer is still one."""
        ...

    def conditional_expected_purchases(self, t: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Purchases within a time."""
        ...

    def dert(self, rate: Any, x: Any, t_x: Any, T: Any) -> Any:
        """All purchases to come, discounted."""
        ...

    def discounted_expected_purchases(self, rate: Any, horizon: Any, x: Any, t_x: Any, T: Any) -> Any:
        """Purchases within a time, discounted."""
        ...


class SpendModel(Protocol):
    """A model of what a purchase comes to: Gamma-Gamma."""

    def expected_spend(self, x: Any, mean: Any) -> Any:
        """What a purchase of each customer is expected to come to."""
        ...


Spend: TypeAlias = SpendModel | Fit[Any] | Money | Decimal | int | str | float
"""A model of what a purchase comes to or a fit of one, or what every purchase does."""


def lifetime_value(
    model: PurchaseModel | Fit[Any],
    spend: Spend,
    customers: CustomerSummary | Source,
    *,
    horizon: Span | None = None,
    discount: Discount | None = TEN_PERCENT,
    margin: Decimal | float | str = 1,
    steps: Literal["month"] | None = None,
    engine: EngineName | None = None,
) -> LifetimeValue:
    """Customer lifetime value (CLV): past spend, and the present value of the purchases to come.

    The residual value of a customer is margin × expected spend × expected purchases, each purchase discounted from
    when it is made to the end of the observation; ``margin`` multiplies past spend, too.

    Args:
        model: When customers buy: BG/NBD, MBG/NBD, Pareto/NBD or BG/BB, or a fit of one.
        spend: What a purchase comes to: Gamma-Gamma or a fit of it, or one amount in major units for all. Customers
            whose repeat purchases were all free, or of unknown spend, are expected to spend as those without any.
        customers: What ``summarize`` gave, or any table that ``CustomerSummary.of`` takes, in the model's unit.
        horizon: How far to look ahead: "12 months", "1 year", a timedelta, or a number of the model's units; None for
            ever.
        discount: The discount rate; None for none, which needs a horizon.
        margin: What is left of each unit of spend, a fraction from 0 to 1; 1 leaves revenue.
        steps: With "month", purchases are discounted at the end of the month they fall in, of 30.4375 days; the horizon
            is then whole months. By default they are discounted continuously.
        engine: "python" or "numpy"; by default numpy where it is installed and pays.

    Raises:
        MixedCurrency: ``spend`` is Money of another currency than the customers'.
        Invalid: Everything that is wrong with the arguments: above all a model without a unit of time, where the
            discount or the horizon is one of the calendar, or a summary in another unit than the model's.

    Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis,
        2005.

    Example:
        >>> from crmcore.analytics.clv import BGNBD, lifetime_value
        >>> model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
        >>> customers = {"customer": ["ada"], "x": [2], "t_x": [30.43], "T": [38.86]}
        >>> value = lifetime_value(model, 35, customers, horizon="12 months")
        >>> round(value.expected[0], 4), round(value.residual[0], 2)
        (1.5631, 52.36)
    """
    known: PurchaseModel = the_model(model, "dert")
    table = customers if isinstance(customers, CustomerSummary) else CustomerSummary.of(customers, unit=known.unit)
    the_model(known, "dert", table.unit)
    terms = Terms.of(known.unit, horizon=horizon, discount=discount, margin=margin, steps=steps)
    currency, amounts = _spends(spend, table)
    chosen = engine_for(len(table), engine)
    rows, places = like_rows(table, chosen)
    expected, worth = _purchases(known, terms, rows)
    spends = _spends_each(amounts, table, _each(rows[0], places, chosen), chosen)
    residual = _product(_each(worth, places, chosen), spends, float(terms.margin), chosen)
    return LifetimeValue(
        customer=table.customer,
        p_alive=_listed(known.p_alive(*rows), places, chosen),
        expected=_listed(expected, places, chosen),
        residual_unrounded=residual,
        spent=table.spent,
        margin=terms.margin,
        currency=currency,
        horizon=horizon,
        discount=discount,
        steps=steps,
    )


def _spends(spend: Spend, table: CustomerSummary) -> tuple[str | None, SpendModel | float]:
    """The currency of what a purchase comes to, and the model of it, or the amount."""
    if isinstance(spend, Money):
        if table.currency not in {None, spend.currency}:
            found = f"{spend.currency} and {table.currency}"
            raise MixedCurrency([Problem("spend", found, "amounts of one currency", "convert one with Rates first")])
        return spend.currency, _amount(spend.amount)
    spend = getattr(spend, "model", spend)
    if hasattr(spend, "expected_spend"):
        if table.mean is None:
            mend = "summarize transactions with amounts, or give spend as an amount"
            raise Invalid([Problem("customers", "no column mean", "the mean repeat spend of each customer", mend)])
        return table.currency, spend
    return table.currency, _amount(spend)


def _amount(spend: object) -> float:
    amount = number(spend)
    if amount is None or not 0 <= amount < LARGEST:
        mend = "give a GammaGamma, or what a purchase comes to, in major units"
        raise Invalid([Problem("spend", spend, "a model of spend, or an amount of 0 or more, below 10^18", mend)])
    return float(amount)


def _purchases(model: PurchaseModel, terms: Terms, rows: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """The purchases expected of each history, and their present value."""
    if terms.horizon is None:
        worth = model.dert(terms.rate, *rows)
        return worth, worth
    if terms.months:
        return _by_month(model, terms, rows)
    expected = model.conditional_expected_purchases(terms.horizon, *rows)
    if not terms.rate:
        return expected, expected
    return expected, model.discounted_expected_purchases(terms.rate, terms.horizon, *rows)


def _by_month(model: PurchaseModel, terms: Terms, rows: tuple[Any, Any, Any]) -> tuple[list[float], list[float]]:
    made, worth = [0.0] * len(rows[0]), [0.0] * len(rows[0])
    for until, factor in terms.months:
        so_far = list(model.conditional_expected_purchases(until, *rows))
        worth = [value + factor * (now - before) for value, now, before in zip(worth, so_far, made, strict=True)]
        made = so_far
    return made, worth


def _spends_each(spend: SpendModel | float, table: CustomerSummary, x: Any, engine: Engine) -> Any:
    """What a purchase of each customer is expected to come to."""
    if isinstance(spend, float):
        return engine.column([spend]) if engine.name == "numpy" else [spend] * len(table)
    # Repeat purchases that were all free tell nothing of what one comes to when it is paid for.
    if engine.name == "numpy":
        means = engine.m.nan_to_num(engine.m.array(table.mean, float))
        return spend.expected_spend(x * (means != 0), means)
    means = [mean or 0.0 for mean in table.mean or ()]
    return spend.expected_spend([count if mean else 0 for count, mean in zip(x, means, strict=True)], means)


# --- columns in lists or arrays ---------------------------------------------------------------------------------------


def _each(column: Any, places: Any, engine: Engine) -> Any:
    """The figure of each customer from that of each history."""
    if engine.name == "numpy":
        return engine.m.asarray(column, float)[places]
    return [column[place] for place in places]


def _listed(column: Any, places: Any, engine: Engine) -> tuple[Any, ...]:
    """The same as Python's own values: like ones are one object."""
    if engine.name == "numpy":
        return tuple(engine.m.array(list(column), object)[places].tolist())
    return tuple(column[place] for place in places)


def _product(worth: Any, spends: Any, margin: float, engine: Engine) -> tuple[float | None, ...]:
    """None where a part is."""
    if engine.name == "python":
        pairs = zip(worth, spends, strict=True)
        return tuple(None if None in {count, amount} else count * amount * margin for count, amount in pairs)
    column = worth * engine.m.asarray(spends, float) * margin
    undefined = engine.m.isnan(column)
    if undefined.any():
        column = column.astype(object)
        column[undefined] = None
    return tuple(column.tolist())
