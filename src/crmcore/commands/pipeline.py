"""``crmcore pipeline DEALS.csv``: a file of deals as a pipeline, as of any day."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

import crmcore

if TYPE_CHECKING:
    from crmcore.analytics import PipelineReport
    from crmcore.crm import CRM
    from crmcore.interchange.deal_import import DealImport
    from crmcore.interchange.deals import Outcomes

__all__ = ["add_to"]

PIPELINE = "deals"
"""What the pipeline of an imported file is called."""

MENDS = {
    "or say how it is written": "or say how it is written: --date-format",
    "(%z in the format)": "(%z in --date-format)",
    "correct the date": "correct the date, or say its --zone",
    "round it explicitly: Money.rounded(amount, currency, rounding=ROUND_HALF_EVEN)": "correct it at its source",
    "choose one of them": "correct it, or say what it means with --won, --lost or --open",
}
"""What mends of a load are on the command line."""


def add_to(parser: ArgumentParser) -> None:
    """What the command takes.

    Args:
        parser: The parser of the command.
    """
    parser.add_argument("file", metavar="DEALS.csv", help="UTF-8, with a header")
    columns = parser.add_argument_group("columns, by their names in the header")
    for name, what in {
        "id": "the deal's id",
        "stage": "the stage it is in",
        "opened": "when it was opened",
        "closed": "when it was won or lost, or is expected to be",
        "amount": "what it is worth",
    }.items():
        columns.add_argument(f"--{name}", metavar="COLUMN", required=True, help=what)
    for name, what in {"owner": "who works on it", "account": "who would buy", "product": "what it is about"}.items():
        columns.add_argument(f"--{name}", metavar="COLUMN", help=what)
    words = parser.add_argument_group("words in the stage column, separated by commas")
    words.add_argument("--won", metavar="WORDS", required=True, type=_words, help="a won deal")
    words.add_argument("--lost", metavar="WORDS", required=True, type=_words, help="a lost deal")
    words.add_argument("--open", metavar="STAGES", required=True, type=_words, help="the open stages, in order")
    money = "of the amounts, as in ISO 4217"
    parser.add_argument("--currency", metavar="USD", required=True, type=str.upper, help=money)
    parser.add_argument("--date-format", metavar="F", help="such as %%m/%%d/%%Y; default: ISO 8601")
    zones = "of the dates, such as Europe/Berlin; default: that of the --db, or UTC"
    parser.add_argument("--zone", metavar="ZONE", help=zones)
    parser.add_argument("--as-of", metavar="DATE", help="the pipeline as it was at the end of that day")
    parser.add_argument("--by", choices=["owner", "account", "product"], help="also for each of them")
    parser.add_argument("--db", metavar="FILE", help="keep the deals in this SQLite file; default: in memory")
    parser.add_argument("--definitions", action="store_true", help="also say what each figure means")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=_pipeline)


def _words(text: str) -> tuple[str, ...]:
    """Words separated by commas; one that holds a comma stands in quotes."""
    import csv

    return tuple(word.strip() for word in next(csv.reader([text], skipinitialspace=True), ()))


def _pipeline(given: Namespace) -> int:
    """Bring the deals of the file into a CRM, report."""
    from crmcore.crm import CRM
    from crmcore.interchange.deals import Outcomes

    outcomes = Outcomes(won=given.won, lost=given.lost, open=given.open)
    zone = given.zone or _zone(given.db)
    at = _checked(given, zone)
    if given.db is not None and not os.path.exists(given.db):  # noqa: PTH110 - pathlib costs import time
        with CRM() as rehearsal:
            _import(rehearsal, given, outcomes, zone)  # a file that is refused leaves no database behind
    with CRM(given.db) as crm:
        done = _import(crm, given, outcomes, zone)
        report = crm.as_of(at).analytics.pipeline(pipeline=PIPELINE, by=given.by, currency=given.currency)
    _print(given, report, done)
    return 0


def _zone(db: str | None) -> str:
    """The time zone of a CRM that is there already."""
    from crmcore.crm import CRM

    if db is None or not os.path.exists(db):  # noqa: PTH110 - pathlib costs import time
        return "UTC"
    with CRM(db) as crm:
        return crm.playbook.zone


def _checked(given: Namespace, zone: str) -> datetime | None:
    """The instant to look back from; what would fail after the import fails before it."""
    from crmcore.kernel.calendar import moment

    if given.by is not None and getattr(given, given.by) is None:
        mend = f"add --{given.by} and its column"
        raise crmcore.Invalid([crmcore.Problem("--by", given.by, "a column the file is read by", mend)])
    try:
        return None if given.as_of is None else moment(given.as_of, zone=zone)
    except crmcore.Invalid as error:
        raise crmcore.Invalid([attrs.evolve(problem, path="--as-of") for problem in error.problems]) from error


def _import(crm: CRM, given: Namespace, outcomes: Outcomes, zone: str) -> DealImport:
    """Bring the deals of the file into a CRM."""
    from crmcore.interchange import deal_import
    from crmcore.interchange.deals import DealColumns
    from crmcore.terminal import progress

    playbook = deal_import.deals_playbook(outcomes, currency=given.currency, zone=zone, name=PIPELINE)
    if crm.store.last()[1] is not None:
        playbook = deal_import.with_pipeline(crm.playbook, playbook)
        _check_currency(crm, given.currency)
    columns = DealColumns(**{field.name: getattr(given, field.name) for field in attrs.fields(DealColumns)})
    how = {"currency": given.currency, "zone": zone, "date_format": given.date_format, "playbook": playbook}
    try:
        with progress("importing deals") as told:
            return deal_import.import_deals(crm, given.file, columns, pipeline=PIPELINE, progress=told, **how)
    except crmcore.Invalid as error:
        raise type(error)(map(_by_flag, error.problems)) from error


def _by_flag(problem: crmcore.Problem) -> crmcore.Problem:
    """A problem whose mend names the flag, where there is one."""
    mend = problem.mend
    for said, meant in MENDS.items():
        mend = mend.replace(said, meant)
    return attrs.evolve(problem, mend=mend)


def _check_currency(crm: CRM, currency: str) -> None:
    """Without rates, one report can't hold deals of two currencies."""
    amount = crmcore.F.amount
    other = (crmcore.F.pipeline == PIPELINE) & amount.is_set & ~(amount >= crmcore.Money(0, currency))
    found = None if crm.playbook.rates.rates else crm.opportunities.first(other)
    if found is not None and found.amount is not None:
        expected = f"{found.amount.currency}, as the deals that are there"
        problem = crmcore.Problem("--currency", currency, expected, "convert the amounts first, or give another --db")
        raise crmcore.MixedCurrency([problem])


def _print(given: Namespace, report: PipelineReport, done: DealImport) -> None:
    from crmcore.terminal import show, show_json

    if given.json:
        show_json(report, done)
    else:
        show(report, _notes(given, report, done), definitions=given.definitions)


def _notes(given: Namespace, report: PipelineReport, done: DealImport) -> list[str]:
    """What a reader must know of the import to read the figures right."""
    counts = f"{done.added:,} new, {done.changed:,} changed, {done.unchanged:,} the same"
    notes = [f"{done.deals:,} deals in the file: {counts}."]
    if done.undated:
        notes.append(f"{done.undated:,} deals carry no opened date, {_undated(report.undated, done.undated)}.")
    if given.as_of:
        notes.append("Amounts are the file's own; how they stood on that day it does not say.")
    if done.without_account and given.account:
        notes.append(f"{done.without_account:,} deals name no account; they are kept.")
    return notes


def _undated(inside: int, undated: int) -> str:
    """What it means for the figures that deals are undated."""
    if inside >= undated:
        return "so they count in no cycle"
    if not inside:
        return "so they are in no figure above"
    return f"so {inside:,} of them count in no cycle, and the others in no figure above"
