"""The account of a load: what became of every row."""

from __future__ import annotations

from collections.abc import Collection

from crmcore.kernel.loading.plan import Planning
from crmcore.kernel.loading.report import LoadReport, MergeProposal, Rejection
from crmcore.kernel.loading.resemblance import resembling
from crmcore.kernel.loading.sheet import Sheet

__all__ = ["accounted"]


def accounted(planning: Planning) -> LoadReport:
    """What became, or would become, of every row.

    Args:
        planning: The load, planned.
    """
    desk, sheet, rows, known = planning.desk, planning.sheet, planning.rows, planning.known
    table = sheet.table
    fresh = len(rows.keys() - known.keys())
    changed = sum(bool(changes) for place, changes in rows.items() if place in known)
    proposals = _proposals(planning)
    proposed = len({one.row for one in proposals})
    return LoadReport(
        kind=desk.kind.name,
        plural=desk.kind.plural,
        rows=table.size + len(table.misfits),
        kept=fresh - proposed,
        changed=changed,
        unchanged=len(rows) - fresh - changed,
        proposed=proposed,
        rejected=len(sheet.faults) + len(table.misfits),
        rejections=_rejections(sheet),
        proposals=proposals,
        created=len(planning.made),
        ignored=_ignored(sheet),
    )


def _rejections(sheet: Sheet) -> tuple[Rejection, ...]:
    """Every reason against a row, in the order of the rows."""
    numbers = sheet.table.numbers
    every = [*sheet.table.misfits.items()]
    every += [(numbers[place], problem) for place, problems in sheet.faults.items() for problem in problems]
    return tuple(
        Rejection(number, None if one.path == "row" else one.path, one.value, one.expected, one.mend)
        for number, one in sorted(every, key=lambda each: each[0])
    )


def _proposals(planning: Planning) -> tuple[MergeProposal, ...]:
    """The new records that may be others."""
    if not planning.desk.matching:
        return ()
    written = {place: changes[0] for place, changes in planning.rows.items() if changes}
    numbers = planning.sheet.table.numbers
    return tuple(MergeProposal(numbers[place], *rest) for place, *rest in resembling(planning.desk, written))


def _ignored(sheet: Sheet) -> tuple[str, ...]:
    """The columns nobody read."""
    read: Collection[str | None] = {*(one.name for one in sheet.columns), sheet.source.key, sheet.source.at}
    return tuple(name for name in (*sheet.table.columns, *sheet.table.others) if name not in read)
