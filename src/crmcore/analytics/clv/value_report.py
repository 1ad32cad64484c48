"""A customer base in one report: what its customers have brought in, and what they are expected to bring in yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import fsum
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.analytics.clv.discount import Discount
from crmcore.analytics.clv.exact import sum_of
from crmcore.analytics.clv.gamma_gamma import GammaGamma
from crmcore.analytics.clv.summarizing import summarize
from crmcore.analytics.clv.terms import Terms
from crmcore.analytics.clv.unit import Span, UnitName
from crmcore.analytics.clv.valuing import lifetime_value
from crmcore.analytics.results import Provenance, Section, Tabular, percent, written
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.clv.fit import Fit
    from crmcore.analytics.clv.lifetime_table import LifetimeValue
    from crmcore.analytics.clv.summary import CustomerSummary
    from crmcore.analytics.clv.transactions import Returns
    from crmcore.analytics.clv.transactions_model import TransactionsModel
    from crmcore.analytics.columns import Source

__all__ = ["MODELS", "ValueReport", "report"]

MODELS = ("MBG/NBD", "BG/NBD", "Pareto/NBD", "NBD")
"""The models of when customers buy that a report can be made with."""

SPEND = "Gamma-Gamma"
SHOWN = 10

NOBODY = "there is no customer to value"
UNPAID = "nobody has paid for a repeat purchase, so purchases to come are worth nothing"
TOTALS = ("expected", "historical", "residual", "total")


@attrs.frozen(kw_only=True, repr=False, str=False)
class ValueReport(Tabular):
    """The value of a customer base: who is still a customer, what they have spent, what they are expected to spend.

    Attributes:
        model: The model of when customers buy: ``"MBG/NBD"``.
        summary: What was known of each customer.
        fit: The model, fitted; None where there is no customer to fit it to.
        spend: Gamma-Gamma, the model of what a purchase comes to, fitted; None where nobody paid for a repeat
            purchase: purchases to come are then worth nothing.
        values: The value of each customer; None where there is no customer.
    """

    model: str
    summary: CustomerSummary
    fit: Fit[Any] | None
    spend: Fit[GammaGamma] | None
    values: LifetimeValue | None

    @property
    def made(self) -> Provenance:
        """How the report was made, and what was left out."""
        return self.summary.made

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know before using it, in words."""
        told = [f"{name}: {warning}" for name, fit in self._fits.items() for warning in fit.warnings]
        unpaid = self.fit is not None and self.spend is None
        return (*told, *([UNPAID] if unpaid else []))

    @property
    def _fits(self) -> dict[str, Fit[Any]]:
        """The fits by the names of their models."""
        fits = {self.model: self.fit, SPEND: self.spend}
        return {name: fit for name, fit in fits.items() if fit is not None}

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why what is None is so."""
        if self.values is None:
            return FrozenMap(dict.fromkeys(TOTALS, NOBODY))
        found = self.values.reasons
        why = next(iter(found.values()), "")  # what is made of something undefined is so for the same reason
        return FrozenMap({name: found.get(name, why) for name, total in self.totals.items() if total is None})

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return FrozenMap({**self.summary.definitions, **({} if self.values is None else self.values.definitions)})

    @property
    def totals(self) -> Mapping[str, Money | Decimal | float | None]:
        """The sums over all customers: ``expected``, ``historical``, ``residual``, ``total``; None where undefined."""
        return FrozenMap({name: _sum(getattr(self.values, name, None)) for name in TOTALS})

    def top(self, n: int = SHOWN) -> list[dict[str, object]]:
        """The customers of the highest total value, one row each; equal ones in the order of the transactions.

        Args:
            n: The most rows.

        Raises:
            Invalid: It is no number of rows.
        """
        if type(n) is not int or n < 0:
            raise Invalid([Problem("n", n, "a number of customers, 0 or more", "say n=10")])
        return sorted(self.to_dicts(), key=_rank)[:n]

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a customer."""
        return [] if self.values is None else self.values.to_dicts()

    def sections(self) -> list[Section]:
        """The sums, the models, the customers of the highest value, and how all of it was made."""
        facts = [("customers", written(len(self.summary))), ("model", self.model), ("unit", str(self.summary.unit))]
        facts += [] if self.values is None else _terms(self.values)
        facts += [(name, _shown(total)) for name, total in self.totals.items()]
        found = [Section("Customer lifetime value", (), tuple(facts))]
        found += _fitted(self._fits)
        rows = self.top()
        if rows:
            cells = tuple(tuple(map(_shown, row.values())) for row in rows)
            found.append(Section("Customers of the highest value", tuple(rows[0]), cells))
        whys = tuple((f"{name}: {why}",) for name, why in self.reasons.items())
        found += [Section("Undefined, and why", (), whys)] if whys else []
        found += [Section("To know", (), tuple((warning,) for warning in self.warnings))] if self.warnings else []
        return [*found, Section("How it was made", (), ((str(self.made),),))]

    def __repr__(self) -> str:
        total = _shown(self.totals["total"])
        return f"<ValueReport at {self.summary.end}: {len(self.summary):,} customers, total {total}>"


def _terms(values: LifetimeValue) -> list[tuple[str, str]]:
    """On what terms they were valued."""
    discount = values.discount
    return [
        ("horizon", "for ever" if values.horizon is None else str(values.horizon)),
        ("discount", "none" if discount is None else f"{percent(discount.annual)} a year"),
        ("margin", _shown(values.margin)),
    ]


def _fitted(fits: Mapping[str, Fit[Any]]) -> list[Section]:
    """The parameters of each model, then what stays finite at its boundary; and how well they fit, side by side."""
    if not fits:
        return []
    found = []
    for fit in fits.values():
        parameters, *_ = fit.sections()
        limits = ((name, f"{value:.6g}", "") for name, value in fit.limits.items())
        found.append(attrs.evolve(parameters, rows=(*parameters.rows, *limits)))
    rows = (
        ("customers", *(written(round(fit.customers)) for fit in fits.values())),
        ("log-likelihood", *(f"{fit.loglik:,.4f}" for fit in fits.values())),
        ("AIC", *(written(fit.aic) for fit in fits.values())),
        ("BIC", *(written(fit.bic) for fit in fits.values())),
        ("status", *(fit.status for fit in fits.values())),
    )
    return [*found, Section("How well they fit", ("", *fits), rows)]


def _shown(value: object) -> str:
    """A figure as a person reads it."""
    return f"{value:,f}" if isinstance(value, Decimal) else written(value)


def _sum(column: Sequence[Any] | None) -> Money | Decimal | float | None:
    """What a column comes to; None where any of it is undefined, or there is none."""
    if column is None or None in column:
        return None
    first, *others = column
    if isinstance(first, Money):
        return sum(others, start=first)
    return fsum(column) if isinstance(first, float) else sum_of(column)


def _rank(row: Mapping[str, Any]) -> tuple[bool, Any]:
    """The highest total first, those without one last."""
    return (True, 0) if row["total"] is None else (False, -row["total"])


def report(
    transactions: Source,
    *,
    end: date | datetime | str,
    unit: UnitName = "week",
    model: str = "MBG/NBD",
    horizon: Span | None = "12 months",
    discount: Discount | float | None = 0.10,
    margin: Decimal | float | str = 1,
    returns: Returns = "net",
    currency: str | None = None,
    zone: str | ZoneInfo = "UTC",
    customer: str = "customer",
    at: str = "at",
    amount: str = "amount",
    date_format: str | None = None,
) -> ValueReport:
    """Report on the value of a customer base: transactions summarized, models fitted to them, customers valued.

    It is ``summarize``, ``fit`` of the model, ``GammaGamma.fit`` and ``lifetime_value``, one after another.

    Args:
        transactions: One row a transaction: records, mappings, a mapping of columns, a CSV path or a DataFrame.
        end: The last day that counts.
        unit: What to count time in: "day", "week", "month", "year", or a timedelta.
        model: When customers buy: "MBG/NBD", "BG/NBD" (by which everybody who bought once is still a customer),
            "Pareto/NBD", or "NBD" (by which nobody leaves).
        horizon: How far to look ahead: "12 months", "1 year", a timedelta, or a number of units; None for ever.
        discount: The discount rate: a fraction a year, effective, or a Discount; None for none, which needs a horizon.
        margin: What is left of each unit of spend, a fraction; 1 leaves revenue.
        returns: What becomes of amounts below 0, as in ``summarize``.
        currency: The ISO 4217 code of amounts that are bare numbers.
        zone: The time zone whose days are counted.
        customer: The column of who bought.
        at: The column of the date or instant.
        amount: The column of amounts: Money, or numbers in major units.
        date_format: How dates are written as text, in the codes of ``strptime``; by default ISO 8601.

    Raises:
        MixedCurrency: Amounts are of several currencies.
        Invalid: Everything that is wrong with the table or an argument: rows, columns and mends.

    Example:
        >>> from crmcore.analytics import clv
        >>> days = {"ada": ["2026-01-05", "2026-01-26", "2026-02-09"], "bob": ["2026-01-12"], "cyd": ["2026-01-19"]}
        >>> orders = [{"customer": who, "at": day, "amount": 20} for who in days for day in days[who]]
        >>> found = clv.report(orders, end="2026-03-02", currency="EUR")
        >>> found.totals["historical"]
        Money('100.00', 'EUR')
        >>> [row["customer"] for row in found.top(1)]
        ['ada']
    """
    name, kind = _model(model)
    rate = _rate(discount)
    summary = summarize(
        transactions, end=end, unit=unit, returns=returns, currency=currency, zone=zone,
        customer=customer, at=at, amount=amount, date_format=date_format,
    )  # fmt: skip
    Terms.of(summary.unit, horizon=horizon, discount=rate, margin=margin, steps=None)  # wrong ones are for nobody, too
    if not len(summary):
        return ValueReport(model=name, summary=summary, fit=None, spend=None, values=None)
    if summary.mean is None:
        mend = 'say amount="…" with the name it has'
        raise Invalid([Problem("transactions columns", None, f'a column "{amount}" of amounts', mend)])
    fit: Fit[Any] = kind.fit(summary.columns(), unit=summary.unit)
    spend = _spend(summary.x, summary.mean)
    worth = 0 if spend is None else spend.model
    values = lifetime_value(fit.model, worth, summary, horizon=horizon, discount=rate, margin=margin)
    return ValueReport(model=name, summary=summary, fit=fit, spend=spend, values=values)


def _rate(discount: object) -> Discount | None:
    """A discount rate, or a fraction a year as one."""
    if discount is None or isinstance(discount, Discount):
        return discount
    try:
        return Discount(annual=discount)
    except Invalid as error:
        raise Invalid([attrs.evolve(problem, path="discount") for problem in error.problems]) from error


def _spend(x: Sequence[int], means: Sequence[float | None]) -> Fit[GammaGamma] | None:
    """Gamma-Gamma, fitted to those who paid for a repeat purchase: under it, nothing is ever free."""
    rows = [(count, mean) for count, mean in zip(x, means, strict=True) if mean is None or mean > 0]
    if all(mean is None for _, mean in rows):
        return None
    counts, paid = zip(*rows, strict=True)
    fit = GammaGamma.fit(x=counts, mean=paid)
    free = len(x) - len(rows)
    told = (f"customers whose repeat purchases were all free, who were left out: {free:,}",) if free else ()
    return attrs.evolve(fit, warnings=(*fit.warnings, *told))


def _model(asked: object) -> tuple[str, type[TransactionsModel]]:
    """A model by its name, whatever the case and the slashes."""
    from crmcore.analytics.clv.bgnbd import BGNBD, MBGNBD
    from crmcore.analytics.clv.nbd import NBD
    from crmcore.analytics.clv.pareto_nbd import ParetoNBD

    kinds: tuple[type[TransactionsModel], ...] = (MBGNBD, BGNBD, ParetoNBD, NBD)
    for name, kind in zip(MODELS, kinds, strict=True):
        if isinstance(asked, str) and _bare(asked) == _bare(name):
            return name, kind
    raise Invalid([Problem("model", asked, f"one of {', '.join(MODELS)}", f'say model="{MODELS[0]}"')])


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
