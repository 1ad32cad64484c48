"""What a load did: a count of every row, and why those that were not taken were not."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from crmcore.kernel.errors import LISTED, Problem, shown

__all__ = ["LoadReport", "MergeProposal", "Rejection"]


@attrs.frozen
class Rejection:
    """A row that was not taken, and one reason why.

    Attributes:
        row: The line of the file it starts on, the header being line 1; without a file its place, counted from 1.
        column: The column that does not fit, or what else of the row; None for the row as a whole.
        value: What was found there; masked where it is about a person.
        expected: What would have been right.
        mend: What to do about it.
    """

    row: int
    column: str | None
    value: object = attrs.field(repr=shown)
    expected: str
    mend: str

    @property
    def problem(self) -> Problem:
        """The same as a problem of the whole input."""
        place = f"row {self.row}" if self.column is None else f'row {self.row}, column "{self.column}"'
        return Problem(place, self.value, self.expected, self.mend)

    def __str__(self) -> str:
        """One line: where, what was found, what was expected, the mend."""
        return str(self.problem)


@attrs.frozen
class MergeProposal:
    """A new record that may be one there is already.

    Attributes:
        row: The row it came from.
        id: Its id.
        other: The id of the record it may be.
        field: The field they share, but for its spelling.
    """

    row: int
    id: str
    other: str
    field: str

    def __str__(self) -> str:
        """One line."""
        return f"row {self.row}: {self.id} has the {self.field} of {self.other}"


@attrs.frozen(kw_only=True, repr=False)
class LoadReport:
    """What a load did. Every row is counted once: kept, changed, unchanged, proposed or rejected.

    Attributes:
        kind: The kind of record.
        plural: Several of them.
        rows: How many rows there were.
        kept: How many became new records.
        changed: How many were of known records and differed.
        unchanged: How many were of known records and said what is so.
        proposed: How many became new records that may be others; they are kept as well, and may be merged.
        rejected: How many were not taken.
        rejections: Why those were not taken, in the order of the rows; a row may have several reasons.
        proposals: Which new records may be which others.
        created: How many records were made of others, since rows name them.
        ignored: The columns that were not read.
        dry_run: Whether nothing was written, though it would have been.
        commit: The id of the commit that wrote it; None when nothing was written.

    Example:
        >>> from crmcore import CRM
        >>> crm = CRM()
        >>> report = crm.accounts.load([{"id": "7", "name": "Acme"}, {"id": "8", "name": " "}], key="id")
        >>> report
        LoadReport(account: 2 rows, 1 kept, 1 rejected)
        >>> print(report)
        2 rows of accounts: 1 kept, 1 rejected
          row 2, column "name": got None, expected text; give name
    """

    kind: str
    plural: str
    rows: int
    kept: int = 0
    changed: int = 0
    unchanged: int = 0
    proposed: int = 0
    rejected: int = 0
    rejections: tuple[Rejection, ...] = ()
    proposals: tuple[MergeProposal, ...] = ()
    created: int = 0
    ignored: tuple[str, ...] = ()
    dry_run: bool = False
    commit: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many rows went which way; they add up to all of them."""
        ways = ("kept", "changed", "unchanged", "proposed", "rejected")
        return {name: getattr(self, name) for name in ways}

    def _counted(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)

    def __repr__(self) -> str:
        """The counts in one line."""
        dry = ", dry run" if self.dry_run else ""
        counted = self._counted()
        return f"LoadReport({self.kind}: {self.rows:,} rows{counted and ', '}{counted}{dry})"

    def __str__(self) -> str:
        """The counts, then what needs somebody's eye."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        dry = " (dry run: nothing was written)" if self.dry_run else ""
        yield f"{self.rows:,} rows of {self.plural}: {self._counted() or 'nothing to do'}{dry}"
        if self.created:
            yield f"  {self.created:,} records that rows name were made"
        if self.ignored:
            yield f"  columns not read: {', '.join(map(_plain, self.ignored))}"
        for told, what in ((self.rejections, "rejections"), (self.proposals, "proposals")):
            yield from (f"  {one}" for one in told[:LISTED])
            if len(told) > LISTED:
                yield f"  … and {len(told) - LISTED:,} more in .{what}"


def _plain(name: str) -> str:
    """The name of a column, cut to a readable length."""
    return shown(name)[1:-1]
