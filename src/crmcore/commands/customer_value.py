"""``crmcore clv ORDERS.csv``: what each customer has brought in, and is expected to bring in yet."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import date
from typing import TYPE_CHECKING, Any

import crmcore
from crmcore.commands.reporting import add_column, add_reading, in_flags, plain, provenance

if TYPE_CHECKING:
    from crmcore.analytics.clv.fit import Fit
    from crmcore.analytics.clv.value_report import ValueReport

__all__ = ["add_to"]

FLAGS = {
    **{name: name for name in ("customer", "amount", "unit", "end", "horizon", "discount", "margin", "returns")},
    **{name: name for name in ("model", "currency", "zone")},
    "at": "date",
    "date_format": "date-format",
}


def add_to(parser: ArgumentParser) -> None:
    """What the command takes.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("file", metavar="ORDERS.csv", help="UTF-8, with a header")
    columns = parser.add_argument_group("columns, by their names in the header")
    add_column(columns, "customer", "who bought")
    add_column(columns, "date", "when")
    add_column(columns, "amount", "for how much; below 0 for a return")
    parser.add_argument("--end", metavar="DATE", help="the last day that counts; default: the last one in the file")
    units = ["day", "week", "month", "year"]
    parser.add_argument("--unit", choices=units, default="week", help="what to count time in; default: %(default)s")
    models = "when customers buy: MBG/NBD, BG/NBD, Pareto/NBD or NBD; default: %(default)s"
    parser.add_argument("--model", metavar="MODEL", default="MBG/NBD", help=models)
    horizons = "how far to look ahead, or forever; default: %(default)s"
    parser.add_argument("--horizon", metavar="SPAN", default="12 months", help=horizons)
    rates = "a fraction a year; default: %(default)s"
    parser.add_argument("--discount", metavar="RATE", type=_rate, default=0.1, help=rates)
    margins = "what is left of each unit of spend, a fraction; default: 1"
    parser.add_argument("--margin", metavar="SHARE", default="1", help=margins)
    returns = "amounts below 0: taken off, left out, or refused; default: %(default)s"
    parser.add_argument("--returns", choices=["net", "exclude", "error"], default="net", help=returns)
    add_reading(parser)
    parser.set_defaults(run=_clv)


def _rate(text: str) -> float | str:
    """A number; what is none is refused with the other problems."""
    try:
        return float(text)
    except ValueError:
        return text


def _clv(given: Namespace) -> int:
    from crmcore.analytics.clv.value_report import report
    from crmcore.terminal import show, show_data

    with in_flags(FLAGS, given):
        found = report(
            given.file,
            end=_last_day(given) if given.end is None else given.end,
            unit=given.unit,
            model=given.model,
            horizon=None if given.horizon.casefold() == "forever" else given.horizon,
            discount=given.discount,
            margin=given.margin,
            returns=given.returns,
            customer=given.customer,
            at=given.date,
            amount=given.amount,
            currency=given.currency,
            zone=given.zone,
            date_format=given.date_format,
        )
    if given.json:
        show_data({**_data(found), "end_given": given.end is not None})
    else:
        notes = (
            [] if given.end is not None else [f"{found.summary.end} is the last date in the file; --end says another."]
        )
        show(found, notes, definitions=given.definitions)
    return 0


def _last_day(given: Namespace) -> date:
    """The last day in the file."""
    from crmcore.analytics.clv.transactions import EPOCH_DAY, read_transactions
    from crmcore.kernel.calendar import zone

    told = read_transactions(
        given.file,
        {"customer": given.customer, "at": given.date, "amount": given.amount},
        returns="net",
        currency=given.currency,
        zone=zone(given.zone),
        date_format=given.date_format,
        engine="python",
    )
    if not len(told):
        expected = "the last day that counts, since no order says one"
        raise crmcore.Invalid([crmcore.Problem("end", None, expected, "say --end 2026-06-30")])
    return date.fromordinal(max(told.days) + EPOCH_DAY)


def _data(found: ValueReport) -> dict[str, Any]:
    """The report as JSON holds it."""
    values = found.values
    return {
        "customers": len(found.summary),
        "unit": str(found.summary.unit),
        "end": plain(found.summary.end),
        "horizon": values and values.horizon,
        "discount": values and values.discount and values.discount.annual,
        "margin": values and plain(values.margin),
        "totals": plain(found.totals),
        "model": found.fit and {"name": found.model, **_fit(found.fit)},
        "spend": found.spend and {"name": "Gamma-Gamma", **_fit(found.spend)},
        "warnings": list(found.warnings),
        "values": plain(found.to_dicts()),
        **provenance(found.made),
        "reasons": dict(found.reasons),
        "definitions": dict(found.definitions),
    }


def _fit(fit: Fit[Any]) -> dict[str, Any]:
    """A fitted model as JSON holds it."""
    figures = ("status", "loglik", "aic", "bic", "customers", "iterations")
    return {
        "parameters": {name: {"value": value, "se": fit.se[name]} for name, value in fit.params.items()},
        **{name: getattr(fit, name) for name in figures},
        "limits": dict(fit.limits),
        "warnings": list(fit.warnings),
    }
