"""``crmcore cohorts ORDERS.csv``: of the customers who began together, how many come back at each age."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from crmcore.commands.reporting import add_column, add_reading, in_flags, plain, provenance

if TYPE_CHECKING:
    from crmcore.analytics.retention import CohortTable

__all__ = ["add_to"]

FLAGS = {
    **{name: name for name in ("customer", "amount", "end", "period", "anchor", "currency", "zone")},
    "at": "date",
    "date_format": "date-format",
}
UNITS = ("day", "week", "month", "quarter", "year")


def add_to(parser: ArgumentParser) -> None:
    """What the command takes.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("file", metavar="ORDERS.csv", help="UTF-8, with a header")
    columns = parser.add_argument_group("columns, by their names in the header")
    add_column(columns, "customer", "who bought")
    add_column(columns, "date", "when")
    add_column(columns, "amount", "for how much; without it, no revenue", required=False)
    parser.add_argument("--end", metavar="DATE", required=True, help="the last day that counts")
    parser.add_argument("--period", choices=UNITS, default="month", help="how long one is; default: %(default)s")
    anchors = "ages by the calendar, or from each customer's first day; default: %(default)s"
    parser.add_argument("--anchor", choices=["calendar", "anniversary"], default="calendar", help=anchors)
    parser.add_argument("--partial", action="store_true", help="also ages that are not over, which still rise")
    add_reading(parser)
    parser.set_defaults(run=_cohorts)


def _cohorts(given: Namespace) -> int:
    from crmcore.analytics.retention import cohorts
    from crmcore.terminal import show, show_data

    with in_flags(FLAGS, given):
        table = cohorts(
            given.file,
            end=given.end,
            period=given.period,
            anchor=given.anchor,
            partial=given.partial,
            customer=given.customer,
            at=given.date,
            amount=given.amount,
            currency=given.currency,
            zone=given.zone,
            date_format=given.date_format,
        )
    if given.json:
        show_data(_data(table))
    else:
        show(table, [], definitions=given.definitions)
    return 0


def _data(table: CohortTable) -> dict[str, Any]:
    """Cohorts as JSON holds them."""
    rows = ("size", "active", "retention", "rolling", "revenue")
    return {
        "period": table.unit,
        "anchor": table.anchor,
        "customers": table.size,
        "retention": plain(table.retention),
        "rolling": plain(table.rolling),
        "cohorts": [
            {"cohort": cohort.name, **{name: plain(getattr(cohort, name)) for name in rows}} for cohort in table.cohorts
        ],
        **provenance(table.made),
        "definitions": dict(table.definitions),
    }
