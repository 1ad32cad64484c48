"""What the commands that report on a table have in common: their options, their errors, their JSON."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

import crmcore

if TYPE_CHECKING:
    from crmcore.analytics.results import Provenance

__all__ = ["add_column", "add_reading", "in_flags", "plain", "provenance"]

CURRENCY = "USD"
"""What amounts are in unless somebody says, as in a new CRM."""

MENDS = {
    ", grace=30 or grace=timedelta(days=30)": "",
    ", or give a number of the model's own units": ", or forever",
    ", or say amount=None": "",
    " or .replace(tzinfo=zone('Europe/Berlin'))": "",
    "2026-11-21, FY2026, FY2026-Q2 or FY2026-P03": "2026-11-21",
    "pass fiscal=FiscalYear(starts=4), or as the playbook has it": "say a year, quarter or month of the calendar",
    "round it explicitly: Money.rounded(amount, currency, rounding=ROUND_HALF_EVEN)": "correct it at its source",
}
"""What mends of the library are on the command line."""

CALENDAR = "a period of the calendar, since a file says nothing of fiscal years"

_ARGUMENT = re.compile(r'\b([a-z_]+)=("[^"]*"|\w+)')


def add_column(group: Any, flag: str, what: str, *, required: bool = True) -> None:  # noqa: ANN401 - a private class of argparse
    """An option that names a column.

    Args:
        group: The options it belongs to.
        flag: What it is called, without its dashes.
        what: What the column holds.
        required: Whether it must be given.
    """
    group.add_argument(f"--{flag}", metavar="COLUMN", required=required, help=what)


def add_reading(parser: ArgumentParser) -> None:
    """How cells are read, and how the figures are printed.

    Args:
        parser: The parser of the command.
    """
    money = "what amounts are in, as in ISO 4217; default: %(default)s"
    parser.add_argument("--currency", metavar="CODE", default=CURRENCY, type=str.upper, help=money)
    parser.add_argument("--date-format", metavar="F", help="such as %%m/%%d/%%Y; default: ISO 8601")
    zones = "whose days count, such as Europe/Berlin; default: UTC"
    parser.add_argument("--zone", metavar="ZONE", default="UTC", help=zones)
    parser.add_argument("--definitions", action="store_true", help="also say what each figure means")
    parser.add_argument("--json", action="store_true", help="print JSON")


@contextmanager
def in_flags(flags: Mapping[str, str], given: Namespace) -> Iterator[None]:
    """Errors that name options instead of arguments, and show what was given there.

    Args:
        flags: The option of each argument, without its dashes.
        given: The options.

    Raises:
        Invalid: What the block raised.
    """
    try:
        yield
    except crmcore.Invalid as error:
        raise type(error)(_by_flag(problem, flags, given) for problem in error.problems) from error


def _by_flag(problem: crmcore.Problem, flags: Mapping[str, str], given: Namespace) -> crmcore.Problem:
    def option(match: re.Match[str]) -> str:
        name, value = match[1], match[2].replace("…", "COLUMN")
        shown = value if " " in value else value.strip('"')
        return f"--{flags[name]} {shown}" if name in flags else match[0]

    mend = problem.mend
    for said, meant in MENDS.items():
        mend = mend.replace(said, meant)
    told = attrs.evolve(problem, mend=_ARGUMENT.sub(option, mend))
    if problem.path not in flags:
        return told
    flag = flags[problem.path]
    expected = CALENDAR if problem.path == "fiscal" else problem.expected
    return attrs.evolve(told, path=f"--{flag}", value=getattr(given, flag.replace("-", "_")), expected=expected)


def plain(value: Any) -> Any:  # noqa: ANN401 - any figure
    """A figure as JSON holds it: exact amounts as text, everything else as a number, a text, a list or an object."""
    if isinstance(value, crmcore.Money):
        return str(value.amount)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def provenance(made: Provenance) -> dict[str, Any]:
    """How figures were made, as JSON holds it.

    Args:
        made: How they were made.
    """
    return {
        "as_of": None if made.local is None else made.local.isoformat(),
        "zone": made.zone,
        "currency": made.currency,
        "exclusions": dict(made.exclusions),
    }
