"""Deals from a CSV file: each row becomes a record with its history.

Opened and closed are when they happened (``at``), although they are learnt only now (``recorded_at``);
so the pipeline can be read as of any day the file tells about. A bare day is its start in the zone given,
a time must say its offset, and an empty cell says nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from os import PathLike
from typing import TypeVar

import attrs

from crmcore.analytics.cells import checked_format
from crmcore.kernel.calendar import instant, zone as zone_of
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.instants import local_day, midnight
from crmcore.kernel.money import Money, number as number_of
from crmcore.kernel.values import read_text
from crmcore.tables import Faults, Row, read_table

__all__ = ["Deal", "DealColumns", "Outcomes", "read_deals"]

T = TypeVar("T")

AMOUNT = re.compile(r"(?:([A-Za-z]{3}) ?)?([^A-Za-z]+?)(?: ?([A-Za-z]{3}))?")
A_DAY = datetime(2026, 11, 21, tzinfo=UTC)
"""Shows how dates are written."""


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
    """What the words in the stage column mean. Capitals make no difference.

    Attributes:
        won: The words for a won deal.
        lost: The words for a lost deal.
        open: The names of the open stages, in order.

    Raises:
        Invalid: A word has two meanings, or won, lost or open has no word.

    Example:
        >>> from crmcore.interchange.deals import Outcomes
        >>> outcomes = Outcomes(won="Won", lost="Lost", open=["Demo", "Proposal"])
        >>> outcomes.status("WON"), outcomes.stage("proposal")
        ('won', 'Proposal')
    """

    won: tuple[str, ...] = attrs.field(converter=_texts)
    lost: tuple[str, ...] = attrs.field(converter=_texts)
    open: tuple[str, ...] = attrs.field(converter=_texts)

    def __attrs_post_init__(self) -> None:
        """Check that every word means one thing."""
        folded = [word.casefold() for word in self.words]
        problems = [
            Problem("stage", word, "one meaning for each word", "name it once")
            for place, word in enumerate(self.words)
            if word.casefold() in folded[:place]
        ]
        problems += [
            Problem(status, words, "at least one word, none of them empty", f"give --{status}")
            for status, words in attrs.asdict(self).items()
            if not words or "" in words
        ]
        if problems:
            raise Invalid(problems)

    @property
    def words(self) -> tuple[str, ...]:
        """Every word."""
        return (*self.won, *self.lost, *self.open)

    def status(self, word: str) -> str | None:
        """``"won"``, ``"lost"`` or ``"open"``; None for an unknown word.

        Args:
            word: What the stage column says.
        """
        stage = self.stage(word)
        return next((status for status, words in attrs.asdict(self).items() if stage in words), None)

    def stage(self, word: str) -> str | None:
        """The stage a word means, as it is written here; None for an unknown word.

        Args:
            word: What the stage column says.
        """
        return next((stage for stage in self.words if stage.casefold() == word.casefold()), None)


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


class _Misfit(Exception):
    """A cell does not fit; carries what was expected and the mend."""


@attrs.define(eq=False)
class _Reader:
    """Reads rows, remembering everything that is wrong with them."""

    columns: DealColumns
    outcomes: Outcomes
    currency: str
    date_format: str | None
    zone: str
    now: datetime
    faults: Faults = attrs.field(factory=Faults)
    foreign: Faults = attrs.field(factory=Faults)
    first: dict[str, int] = attrs.field(factory=dict)
    status: Callable[[str], str] = attrs.field(init=False)
    text: Callable[[str], str | None] = attrs.field(init=False)
    when: Callable[[str], datetime | None] = attrs.field(init=False)
    money: Callable[[str], Money | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Remember what cells were read as, for words, names, dates and amounts repeat."""
        self.status, self.text = functools.cache(self._status), functools.cache(_text)
        self.when, self.money = functools.cache(self._when), functools.cache(self._money)

    def cell(self, row: Row, column: str | None, read: Callable[[str], T]) -> T | None:
        """A cell as read; None, and a fault more, when it does not fit."""
        if column is None:
            return None
        try:
            return read(row.cells[column])
        except _Misfit as misfit:
            self.faults.add(row, column, *misfit.args, secret=column == self.columns.owner)
            return None

    def deal(self, row: Row) -> Deal:
        """The deal of a row."""
        names = self.columns
        status = self.cell(row, names.stage, self.status) or "open"
        opened = self._past(row, names.opened)
        closed = None if status == "open" else self._closed(row, status, opened)
        expected = self.cell(row, names.closed, self.when) if status == "open" else None
        return Deal(
            id=self._identity(row),
            stage=self.outcomes.stage(row.cells[names.stage]) if status == "open" else None,
            status=status,
            opened_at=opened,
            closed_at=closed,
            close_on=None if expected is None else local_day(expected, self.zone),
            amount=self._amount(row),
            owner=self.cell(row, names.owner, self.text),
            account=self.cell(row, names.account, self.text),
            product=self.cell(row, names.product, self.text),
        )

    def _identity(self, row: Row) -> str:
        """An id that no row before has."""
        column = self.columns.id
        id = self.cell(row, column, _required)
        if id is None:
            return ""
        first = self.first.setdefault(id, row.number)
        if first != row.number:
            self.faults.add(row, column, f"an id of its own; row {first} has it too", "take one of the rows out")
        return id

    def _past(self, row: Row, column: str) -> datetime | None:
        """When something happened."""
        at = self.cell(row, column, self.when)
        if at is not None and at > self.now:
            self.faults.add(row, column, "a day that has been", "correct the date, or say its --zone")
            return None
        return at

    def _closed(self, row: Row, status: str, opened: datetime | None) -> datetime | None:
        """When a deal was closed: it must say so, and not before it was opened."""
        column = self.columns.closed
        closed = self._past(row, column)
        if not row.cells[column]:
            self.faults.add(row, column, f"a date, for the deal is {status}", "fill it in")
        if closed is None or opened is None or closed >= opened:
            return closed
        if closed == midnight(local_day(opened, self.zone), self.zone):
            return opened  # a bare day, the one it was opened on at some time
        self.faults.add(row, column, f"a day not before {row.cells[self.columns.opened]}", "correct one of the dates")
        return None

    def _amount(self, row: Row) -> Money | None:
        column = self.columns.amount
        amount = self.cell(row, column, self.money)
        if amount is not None and amount.currency != self.currency:
            mend = "convert it first, or import each currency by itself"
            self.foreign.add(row, column, f"an amount in {self.currency}", mend)
        return amount

    def _status(self, word: str) -> str:
        found = self.outcomes.status(word)
        if found is None:
            known = ", ".join(self.outcomes.words)
            raise _Misfit(f"one of {known}", "say what it means with --won, --lost or --open")
        return found

    def _when(self, text: str) -> datetime | None:
        if not text:
            return None
        example = A_DAY.strftime(self.date_format or "%Y-%m-%d")
        try:
            given = text if self.date_format is None else _by_format(text, self.date_format)
        except ValueError:
            raise _Misfit(f"a date such as {example}", "correct it, or give another --date-format") from None
        try:
            return instant(given, zone=self.zone)
        except Invalid as error:
            if isinstance(error.problems[0].value, datetime):
                mend = "leave the time out, or add the offset (%z in --date-format)"
                raise _Misfit("a day, or a time with its offset from UTC", mend) from None
            raise _Misfit(f"a date such as {example}", "correct it, or say how it is written: --date-format") from None

    def _money(self, text: str) -> Money | None:
        if not text:
            return None
        parts = AMOUNT.fullmatch(text)
        before, number, after = parts.groups() if parts else (None, text, None)
        amount = number_of(number.strip())
        if amount is None:
            raise _Misfit("an amount such as 1250.50", "write it without separators, a point before the decimals")
        if amount < 0:
            raise _Misfit("an amount of at least 0", "check its sign")
        try:
            return Money(amount, (before or after or self.currency).upper())
        except Invalid as error:
            raise _Misfit(error.problems[0].expected, "correct it at its source") from None


def _by_format(text: str, pattern: str) -> datetime | date:
    found = datetime.strptime(text, pattern)  # noqa: DTZ007 - a time without an offset is refused later
    return found if found.tzinfo is not None or _timed(pattern) else found.date()


@functools.cache
def _timed(pattern: str) -> bool:
    """Whether dates written so say the time of day."""
    return A_DAY.strftime(pattern) != A_DAY.replace(hour=13, minute=14, second=15, microsecond=16).strftime(pattern)


def _text(text: str) -> str | None:
    try:
        return read_text(text) or None
    except Invalid as error:
        raise _Misfit(error.problems[0].expected, error.problems[0].mend) from None


def _required(text: str) -> str:
    found = _text(text)
    if found is None:
        raise _Misfit("an id", "fill it in")
    return found


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
        Invalid: Rows are wrong: every problem with its rows and column.
        MixedCurrency: Amounts name another currency.
    """
    _check(lambda: Money.of_minor(0, currency), lambda: zone_of(zone), lambda: checked_format(date_format))
    reader = _Reader(columns, outcomes, currency, date_format, zone, now)
    deals = [reader.deal(row) for row in read_table(path, columns.wanted)]
    if reader.faults.rows:
        raise Invalid([*reader.faults.problems, *reader.foreign.problems])
    if reader.foreign.rows:
        raise MixedCurrency(reader.foreign.problems)
    return deals


def _check(*checks: Callable[[], object]) -> None:
    """Find everything that is wrong with the arguments before a row is read."""
    problems: list[Problem] = []
    for check in checks:
        try:
            check()
        except Invalid as error:
            problems += error.problems
    if problems:
        raise Invalid(problems)
