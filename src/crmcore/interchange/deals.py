"""Deals from a CSV file: each row becomes a record with its history.

Opened and closed are when they happened (``at``), although they are learnt only now (``recorded_at``);
so the pipeline can be read as of any day the file tells about. Rows are known by their id in the file:
reading the same file again changes nothing, reading a newer one makes the changes between the two.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from os import PathLike
from typing import Any

import attrs

from crmcore.interchange.table import Row, read_table
from crmcore.kernel.calendar import instant
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.instants import local_day
from crmcore.kernel.money import Money

__all__ = ["Deal", "DealColumns", "Outcomes", "read_deals"]

AMOUNT = re.compile(r"(?:([A-Za-z]{3}) ?)?([^A-Za-z]+?)(?: ?([A-Za-z]{3}))?")


@attrs.frozen(kw_only=True)
class DealColumns:
    """Which column of the file holds what.

    Attributes:
        id: The deal's id in the file.
        stage: The stage it is in.
        opened: The day or instant it was opened.
        closed: The day or instant it was won or lost; of an open deal, when it is expected to be.
        amount: What it is worth.
        owner: The name of who works on it.
        account: The name of who would buy.
        product: The name of what it is about.
    """

    id: str
    stage: str
    opened: str
    closed: str
    amount: str
    owner: str | None = None
    account: str | None = None
    product: str | None = None

    @property
    def wanted(self) -> list[str]:
        """The columns to read."""
        return [column for column in attrs.astuple(self) if column is not None]


def _texts(values: Iterable[str] | str) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else tuple(values)


@attrs.frozen(kw_only=True)
class Outcomes:
    """What the words in the stage column mean.

    Attributes:
        won: The words for a won deal.
        lost: The words for a lost deal.
        open: The names of the open stages, in order.
    """

    won: tuple[str, ...] = attrs.field(converter=_texts)
    lost: tuple[str, ...] = attrs.field(converter=_texts)
    open: tuple[str, ...] = attrs.field(converter=_texts)

    def __attrs_post_init__(self) -> None:
        """Check that no word means two things."""
        words = [*self.won, *self.lost, *self.open]
        twice = sorted({word for word in words if words.count(word) > 1})
        empty = [name for name in ("won", "lost", "open") if not getattr(self, name) or "" in getattr(self, name)]
        problems = [Problem("stage", word, "one meaning for each word", "name it once") for word in twice]
        problems += [Problem(name, getattr(self, name), "at least one word", f"give --{name}") for name in empty]
        if problems:
            raise Invalid(problems)

    def status(self, word: str) -> str | None:
        """``"won"``, ``"lost"`` or ``"open"``; None for an unknown word.

        Args:
            word: What the stage column says.
        """
        return next((name for name in ("won", "lost", "open") if word in getattr(self, name)), None)


@attrs.frozen(kw_only=True)
class Deal:
    """One deal as the file tells of it.

    Attributes:
        id: Its id in the file.
        stage: The open stage it is in; None once it is closed.
        status: ``"open"``, ``"won"`` or ``"lost"``.
        opened_at: When it was opened; None when the file does not say.
        closed_at: When it was closed; None while it is open.
        close_on: When an open deal is expected to close.
        amount: What it is worth; None when the file does not say.
        owner: The name of who works on it.
        account: The name of who would buy.
        product: The name of what it is about.
    """

    id: str
    stage: str | None
    status: str
    opened_at: datetime | None
    closed_at: datetime | None
    close_on: date | None
    amount: Money | None
    owner: str | None
    account: str | None
    product: str | None


class _Misfit(Exception):  # noqa: N818 - it never leaves this file
    """A cell does not fit; carries what was expected and the mend."""


@attrs.define(eq=False)
class _Reader:
    """Reads rows, remembering every problem."""

    columns: DealColumns
    outcomes: Outcomes
    currency: str
    date_format: str | None
    zone: str
    now: datetime
    problems: list[Problem] = attrs.field(factory=list)
    foreign: set[str] = attrs.field(factory=set)
    when: Callable[[str], datetime | None] = attrs.field(init=False)
    money: Callable[[str], Money | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Remember what cells were read as, for dates and amounts repeat."""
        self.when, self.money = functools.cache(self._when), functools.cache(self._money)

    def cell(self, row: Row, column: str, read: Callable[[str], Any]) -> Any:  # noqa: ANN401 - what read gives
        """A cell as read, or None and a problem more."""
        try:
            return read(row.cells[column])
        except _Misfit as misfit:
            self.problems.append(row.problem(column, *misfit.args))
            return None

    def deal(self, row: Row) -> Deal:
        """The deal of a row."""
        names = self.columns
        status = self.cell(row, names.stage, self._status)
        opened = self._past(row, names.opened)
        closed = None if status == "open" else self._past(row, names.closed)
        if status in ("won", "lost"):
            self._check_closed(row, status, opened, closed)
        expected = self.cell(row, names.closed, self.when) if status == "open" else None
        return Deal(
            id=self.cell(row, names.id, _identity),
            stage=row.cells[names.stage] if status == "open" else None,
            status=status or "open",
            opened_at=opened,
            closed_at=closed,
            close_on=None if expected is None else local_day(expected, self.zone),
            amount=self.cell(row, names.amount, self.money),
            owner=_named(row, names.owner),
            account=_named(row, names.account),
            product=_named(row, names.product),
        )

    def _past(self, row: Row, column: str) -> datetime | None:
        """A cell that says when something happened."""
        at: datetime | None = self.cell(row, column, self.when)
        if at is not None and at > self.now:
            self.problems.append(row.problem(column, "a day that has been", "correct the date"))
        return at

    def _check_closed(self, row: Row, status: str, opened: datetime | None, closed: datetime | None) -> None:
        """A closed deal has a date, not before it was opened."""
        column = self.columns.closed
        if not row.cells[column]:
            self.problems.append(row.problem(column, f"a date, for the deal is {status}", "fill it in"))
        if opened is not None and closed is not None and closed < opened:
            self.problems.append(row.problem(column, "a day not before it was opened", "correct one of the dates"))

    def _status(self, word: str) -> str:
        found = self.outcomes.status(word)
        if found is None:
            known = ", ".join([*self.outcomes.won, *self.outcomes.lost, *self.outcomes.open])
            raise _Misfit(f"one of {known}", "say what it means with --won, --lost or --open")
        return found

    def _when(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            given = text if self.date_format is None else _by_format(text, self.date_format)
        except ValueError:
            raise _Misfit(f"a date such as {self.date_format}", "correct it, or give another --date-format") from None
        try:
            return instant(given, zone=self.zone)
        except Invalid as error:
            problem = error.problems[0]
            raise _Misfit(problem.expected, f"{problem.mend}; or give --date-format") from None

    def _money(self, text: str) -> Money | None:
        if not text:
            return None
        parts = AMOUNT.fullmatch(text)
        before, number, after = parts.groups() if parts else (None, text, None)
        code = (before or after or self.currency).upper()
        try:
            amount = Decimal(number.strip())
            money = Money(amount, code)
        except (InvalidOperation, ValueError):
            raise _Misfit("an amount such as 1250.50", "write it without separators and signs") from None
        if amount < 0:
            raise _Misfit("an amount of at least 0", "check its sign")
        if code != self.currency:
            self.foreign.add(code)
        return money


def _by_format(text: str, pattern: str) -> datetime | date:
    found = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is given later
    return found if found.tzinfo is not None or "%H" in pattern or "%I" in pattern else found.date()


def _identity(text: str) -> str:
    if not text:
        raise _Misfit("an id", "fill it in")
    return text


def _named(row: Row, column: str | None) -> str | None:
    return None if column is None else row.cells[column] or None


def read_deals(
    path: str | PathLike[str],
    columns: DealColumns,
    outcomes: Outcomes,
    *,
    currency: str,
    now: datetime,
    date_format: str | None = None,
    zone: str = "UTC",
) -> list[Deal]:
    """The deals of a CSV file.

    Args:
        path: The file.
        columns: Which column holds what.
        outcomes: What the words in the stage column mean.
        currency: The currency of the amounts.
        now: What time it is; nothing in the file may have happened later.
        date_format: How dates are written, as in ``strptime``; default: ISO 8601.
        zone: The time zone of the dates.

    Raises:
        Invalid: Rows are wrong: every problem with its row and column.
        MixedCurrency: Amounts name another currency.
    """
    reader = _Reader(columns, outcomes, currency, date_format, zone, now)
    rows = read_table(path, columns.wanted)
    deals = [reader.deal(row) for row in rows]
    problems = [*reader.problems, *_doubled(rows, columns.id)]
    if problems:
        raise Invalid(problems)
    if reader.foreign:
        mend = "convert them first, or import each currency by itself"
        found = ", ".join(sorted(reader.foreign))
        raise MixedCurrency([Problem(f'column "{columns.amount}"', found, f"amounts in {currency}", mend)])
    return deals


def _doubled(rows: Sequence[Row], column: str) -> Iterable[Problem]:
    """Rows whose id an earlier row has."""
    first: dict[str, int] = {}
    for row in rows:
        id = row.cells[column]
        if id and first.setdefault(id, row.number) != row.number:
            yield row.problem(column, f"an id of its own; row {first[id]} has it too", "take one of the rows out")
