"""Loads a file of deals into a CRM: all of it, or nothing.

What the words of the file mean is the playbook's to say, and the rows are read, planned and written by
``crm.opportunities.load``. Here is only what a file of deals is beside that: a currency and a zone of its own,
and a playbook that is adopted when every row fits it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import TypeVar

import attrs

from crmcore.crm import CRM
from crmcore.interchange.deals import DealColumns, Outcomes
from crmcore.kernel.calendar import zone as zone_of
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.loading.cells import Cells, check_date_format
from crmcore.kernel.loading.report import LoadReport, Rejection
from crmcore.kernel.money import Money
from crmcore.kernel.table import Table
from crmcore.playbook import Playbook
from crmcore.sales import Pipeline, SalesRules, Stage
from crmcore.sales.opportunity_course import NOT_RECORDED
from crmcore.tables import read_columns

__all__ = ["DealImport", "deals_playbook", "import_deals", "with_pipeline"]

T = TypeVar("T")

NAMED = ("account", "owner", "product")
"""What a file tells by name; it is made when there is none."""

PIPELINE = "the pipeline"
"""The column of the pipeline, which no file has."""

LISTED = 5
"""How many rows with the same fault a message names."""


@attrs.frozen(kw_only=True)
class DealImport:
    """What an import did.

    Attributes:
        deals: How many deals the file has.
        added: How many of them were new.
        changed: How many were known and differed.
        unchanged: How many were known and the same.
        without_account: How many name no account; they are kept.
        without_amount: How many have no amount; they are kept, and count as unvalued while open.
        undated: How many do not say when they were opened; they count from their closing, or while they are open
            from the import.
    """

    deals: int
    added: int
    changed: int
    unchanged: int
    without_account: int
    without_amount: int
    undated: int


def deals_playbook(outcomes: Outcomes, *, currency: str, zone: str, name: str = "deals") -> Playbook:
    """A playbook for deals of a file: its words as the stages of one pipeline.

    Args:
        outcomes: What the words in the stage column mean.
        currency: The currency of the amounts.
        zone: The time zone of the dates.
        name: What the pipeline is called.
    """
    stages = [
        *(Stage(word) for word in outcomes.open),
        *(Stage(word, kind="won", forecast="closed") for word in outcomes.won),
        *(Stage(word, kind="lost", forecast="omitted") for word in outcomes.lost),
    ]
    sales = SalesRules(pipelines=(Pipeline(name, stages),), lost_reasons=(NOT_RECORDED, "other"))
    return Playbook(currency=currency, zone=zone, sales=sales)


def with_pipeline(playbook: Playbook, other: Playbook) -> Playbook:
    """A playbook that can also hold the deals of another: its pipelines and lost reasons are added.

    A pipeline of the same name stays as it is when it has every stage of the other; if not, its stages and
    what they say are kept, in the order of the other, and those the other does not have come last of their kind.

    Args:
        playbook: The playbook to enlarge.
        other: The playbook whose pipelines it takes up.

    Returns:
        The enlarged playbook; an equal one when it had everything already.
    """
    lines = {line.name: line for line in playbook.sales.pipelines}
    for line in other.sales.pipelines:
        lines[line.name] = _joined(lines.get(line.name, line), line)
    reasons = dict.fromkeys([*playbook.sales.lost_reasons, *other.sales.lost_reasons])
    return attrs.evolve(playbook, sales=SalesRules(pipelines=tuple(lines.values()), lost_reasons=tuple(reasons)))


def _joined(known: Pipeline, other: Pipeline) -> Pipeline:
    """A pipeline with the stages of another, in its order, and then its own."""
    own = {(stage.name, stage.kind): stage for stage in known.stages}
    if all((stage.name, stage.kind) in own for stage in other.stages):
        return known
    wanted = [own.get((stage.name, stage.kind), stage) for stage in other.stages]
    taken = {stage.name.casefold() for stage in wanted}
    stages = [*wanted, *(stage for stage in known.stages if stage.name.casefold() not in taken)]
    ordered = sorted(stages, key=lambda stage: ("open", "won", "lost").index(stage.kind))
    return attrs.evolve(known, stages=tuple(ordered))


def import_deals(
    crm: CRM,
    path: str | PathLike[str],
    columns: DealColumns,
    *,
    pipeline: str | None = None,
    playbook: Playbook | None = None,
    currency: str | None = None,
    zone: str | None = None,
    date_format: str | None = None,
    source: str = "csv",
    progress: Callable[[int, int], None] | None = None,
) -> DealImport:
    r"""Bring the deals of a CSV file into a CRM. The same file again changes nothing.

    Each row becomes a record with its history: opened and closed are when they happened, although they are learnt
    only now. A deal known by its id is changed to what the file now says: updated, advanced, closed, reopened,
    amended. What the file does not say stays as it is. Several files may come from one source.

    Args:
        crm: The CRM.
        path: The file: UTF-8, with a header.
        columns: Which column holds what; the words in the stage column are stages of the pipeline.
        pipeline: The pipeline they go through; default: the playbook's first.
        playbook: A playbook to adopt first, as ``with_pipeline`` makes it; default: the CRM's own.
        currency: The currency of the amounts; default: the business's.
        zone: The time zone of the dates; default: the business's.
        date_format: How dates are written, as in ``strptime``; default: ISO 8601.
        source: The name of the system they come from, under which their ids are kept.
        progress: Told how many deals are done, and of how many.

    Returns:
        What was done.

    Raises:
        Invalid: Rows do not fit, among them known deals that say they were opened or closed at another time: every
            problem with its rows and column. Nothing was written. Or the pipeline is unknown.
        MixedCurrency: Amounts name another currency; nothing was written.
        NotAllowed: The CRM is a view of the past.

    Example:
        >>> from pathlib import Path
        >>> from crmcore import CRM
        >>> from crmcore.interchange.deal_import import deals_playbook, import_deals
        >>> from crmcore.interchange.deals import DealColumns, Outcomes
        >>> _ = Path("deals.csv").write_text("ID,Stage,From,To,Value\n41,Won,2026-01-12,2026-02-20,12000\n")
        >>> outcomes = Outcomes(won="Won", lost="Lost", open="Demo")
        >>> crm = CRM(playbook=deals_playbook(outcomes, currency="EUR", zone="Europe/Berlin"))
        >>> columns = DealColumns(id="ID", stage="Stage", opened="From", closed="To", amount="Value")
        >>> import_deals(crm, "deals.csv", columns).added
        1
    """
    book = playbook or crm.playbook
    line = book.sales.pipeline(pipeline)
    cells = _checked(Cells(currency or book.currency, zone or book.zone, date_format))
    table = _read(path, columns, pipeline)
    stageless, foreign = _stageless(table, columns, line), _foreign(table, columns, cells)
    if (cells.currency, cells.zone) != (book.currency, book.zone):
        table = _translated(table, columns, line, cells)
    load = functools.partial(_load, table=table, columns=columns, source=source, date_format=date_format)
    if stageless or foreign or book != crm.playbook:
        with crm.suppose() as rehearsal:
            rehearsal.adopt(book)
            rejections = [*load(rehearsal, dry_run=True).rejections, *stageless]
        if rejections:
            raise Invalid(_told([*rejections, *foreign], columns))
        if foreign:
            raise MixedCurrency(_told(foreign, columns))
        crm.adopt(book)
    try:
        report = load(crm, progress=progress)
    except Invalid as error:
        raise Invalid([*_told(load(crm, dry_run=True).rejections, columns)] or error.problems) from error
    return DealImport(
        deals=report.rows,
        added=report.kept,
        changed=report.changed,
        unchanged=report.unchanged,
        without_account=_blanks(table, columns.account),
        without_amount=_blanks(table, columns.amount),
        undated=_blanks(table, columns.opened),
    )


def _checked(cells: Cells) -> Cells:
    """The same, if cells can be read that way."""
    problems: list[Problem] = []
    for check in (
        lambda: Money.of_minor(0, cells.currency),
        lambda: zone_of(cells.zone),
        lambda: check_date_format(cells.date_format),
    ):
        try:
            check()
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(problems)
    return cells


def _load(
    crm: CRM,
    *,
    table: Table,
    columns: DealColumns,
    source: str,
    date_format: str | None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> LoadReport:
    """Load the rows, or find out what is wrong with them."""
    return crm.opportunities.load(
        table,
        key=columns.id,
        columns={**columns.fields, "pipeline": PIPELINE},
        system=source,
        create=[name for name in NAMED if name in columns.fields],
        date_format=date_format,
        on_error="reject" if dry_run else "raise",
        dry_run=dry_run,
        progress=progress,
    )


# --- the rows ---------------------------------------------------------------------------------------------------------


def _read(path: str | PathLike[str], columns: DealColumns, pipeline: str | None) -> Table:
    """The rows of a file, and beside them the pipeline they go through."""
    table = read_columns(path, [columns.id, *columns.fields.values()], lambda _: False)
    return attrs.evolve(table, columns={**table.columns, PIPELINE: [pipeline] * len(table.numbers)})


def _translated(table: Table, columns: DealColumns, line: Pipeline, cells: Cells) -> Table:
    """The rows with amounts and dates read in the file's currency and zone; what can't be is left to the load."""
    money, instant, day = (_once(read) for read in (cells.money, cells.instant, cells.day))
    is_open = {stage.name.casefold(): stage.kind == "open" for stage in line.stages}
    ends = zip(_texts(table, columns.stage), _texts(table, columns.closed), strict=True)
    read = {
        columns.opened: [instant(cell) for cell in _texts(table, columns.opened)],
        columns.closed: [(day if is_open.get(stage.casefold()) else instant)(cell) for stage, cell in ends],
        columns.amount: [money(cell) for cell in _texts(table, columns.amount)],
    }
    return attrs.evolve(table, columns={**table.columns, **read})


def _texts(table: Table, column: str) -> Iterator[str]:
    """The cells of a column, which are text in a file."""
    return (str(cell).strip() for cell in table.columns[column])


def _once(read: Callable[[str], T]) -> Callable[[str], T | str]:
    """What reads every text once, and leaves it as it is when it can't."""

    @functools.cache
    def one(cell: str) -> T | str:
        try:
            return read(cell)
        except Invalid:
            return cell

    return one


def _blanks(table: Table, column: str | None) -> int:
    """In how many rows a column says nothing."""
    return len(table.numbers) if column is None else sum(not cell for cell in _texts(table, column))


def _stageless(table: Table, columns: DealColumns, line: Pipeline) -> list[Rejection]:
    """The rows that do not say which stage their deal is in."""
    known = ", ".join(stage.name for stage in line.stages)
    cells = zip(table.numbers, _texts(table, columns.stage), strict=True)
    told = (columns.stage, None, f"a stage of {line.name}: {known}", "fill it in")
    return [Rejection(number, *told) for number, cell in cells if not cell]


def _foreign(table: Table, columns: DealColumns, cells: Cells) -> list[Rejection]:
    """The rows whose amounts are in other currencies."""
    money = _once(cells.money)
    told = (f"an amount in {cells.currency}", "convert it first, or import each currency by itself")
    return [
        Rejection(number, columns.amount, cell, *told)
        for number, cell in zip(table.numbers, _texts(table, columns.amount), strict=True)
        if isinstance(found := money(cell), Money) and found.currency != cells.currency
    ]


def _told(rejections: Iterable[Rejection], columns: DealColumns) -> Iterator[Problem]:
    """What is wrong with the rows; the same with many of them is told once, and what people are called never."""
    rows: dict[Rejection, list[int]] = {}
    for one in rejections:
        column = columns.stage if one.column == "status" else one.column
        value = "•••" if column is not None and column == columns.owner else one.value
        rows.setdefault(attrs.evolve(one, row=0, column=column, value=value), []).append(one.row)
    for one, numbers in rows.items():
        path = _listed(numbers) if one.column is None else f'{_listed(numbers)}, column "{one.column}"'
        yield attrs.evolve(one.problem, path=path)


def _listed(numbers: Sequence[int]) -> str:
    """Which rows."""
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    more = f" and {len(numbers) - LISTED:,} more" if len(numbers) > LISTED else ""
    return f"rows {', '.join(map(str, numbers[:LISTED]))}{more}"
