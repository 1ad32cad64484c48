"""``crmcore churn SUBSCRIPTIONS.csv``: who leaves in a period, and the revenue that goes with them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from crmcore.commands.reporting import add_column, add_reading, in_flags, plain, provenance

if TYPE_CHECKING:
    from crmcore.analytics.retention import Churn, Movements

__all__ = ["add_to"]

FLAGS = {
    **{name: name for name in ("customer", "start", "end", "amount", "interval", "period", "method", "grace")},
    **{name: name for name in ("each", "by", "currency", "zone")},
    "as_of": "as-of",
    "year": "period",
    "fiscal": "period",
    "date_format": "date-format",
}
UNITS = ("day", "week", "month", "quarter", "year")
COUNTS = ("start", "joined", "reactivated", "lost", "end", "only_inside", "left_and_returned", "pending", "base")
RATES = ("rate", "retention", "annualised", "gross_revenue_churn", "net_revenue_churn", "grr", "nrr")
AMOUNTS = ("start", "new", "reactivation", "expansion", "contraction", "churned", "end")


def add_to(parser: ArgumentParser) -> None:
    """What the command takes.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("file", metavar="SUBSCRIPTIONS.csv", help="UTF-8, with a header; a row for each price")
    columns = parser.add_argument_group("columns, by their names in the header")
    add_column(columns, "customer", "who is served")
    add_column(columns, "start", "the first day served")
    add_column(columns, "end", "the first day not served; empty while it runs")
    add_column(columns, "amount", "what is paid for each interval; without it, no revenue", required=False)
    add_column(columns, "interval", "week, month, quarter or year; without it, a month", required=False)
    add_column(columns, "by", "also for each value of it", required=False)
    periods = "such as 2026, 2026-Q3, 2026-11 or 2026-W47"
    parser.add_argument("--period", metavar="PERIOD", required=True, help=periods)
    parser.add_argument("--each", choices=UNITS, help="also for each of them that it has")
    methods = ["start_base", "exposed_base"]
    parser.add_argument(
        "--method", choices=methods, default=methods[0], help="what the rate is of; default: %(default)s"
    )
    parser.add_argument("--grace", metavar="DAYS", default="0d", help="a shorter gap is none: 30d, 2w; default: 0d")
    parser.add_argument("--as-of", metavar="DATE", help="what is known at the end of that day; default: all there is")
    add_reading(parser)
    parser.set_defaults(run=_churn)


def _churn(given: Namespace) -> int:
    from crmcore.analytics.retention import churn
    from crmcore.terminal import show, show_data

    with in_flags(FLAGS, given):
        found = churn(
            given.file,
            period=given.period,
            method=given.method,
            grace=given.grace,
            each=given.each,
            by=given.by,
            as_of=given.as_of,
            customer=given.customer,
            start=given.start,
            end=given.end,
            amount=given.amount,
            interval=given.interval,
            currency=given.currency,
            zone=given.zone,
            date_format=given.date_format,
        )
    if given.json:
        show_data(_data(found))
    else:
        show(found, [], definitions=given.definitions)
    return 0


def _data(churn: Churn) -> dict[str, Any]:
    """Churn as JSON holds it."""
    told: dict[str, Any] = {**_figures(churn), "method": churn.method}
    if churn.parts:
        told["parts"] = [_figures(part) for part in churn.parts]
    if churn.groups:
        groups = [(plain(key), _figures(group)) for key, group in churn.groups.items()]
        told["groups"] = [{"group" if churn.by in row else str(churn.by): key, **row} for key, row in groups]
    return {**told, **provenance(churn.made), "reasons": dict(churn.reasons), "definitions": dict(churn.definitions)}


def _figures(churn: Churn) -> dict[str, Any]:
    period = churn.made.period
    figures = {name: getattr(churn, name) for name in (*COUNTS, *RATES)}
    revenue = None if churn.movements is None else _revenue(churn.movements)
    return {"period": period and period.name, **figures, "revenue": revenue}


def _revenue(moves: Movements) -> dict[str, Any]:
    amounts = {name: plain(getattr(moves, name)) for name in AMOUNTS}
    ratios = ("quick_ratio", "quick_ratio_without_reactivation")
    return {**amounts, **{name: getattr(moves, name) for name in ratios}, "customers": dict(moves.customers)}
