"""Cells read as what they mean: instants, shares, names; what can't be read becomes a problem.

A column is read once per distinct value, since most columns repeat themselves. Missing is
None, an empty text, NaN, NaT or NA, whatever the source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from crmcore.kernel.errors import Invalid, Problem, shown
from crmcore.kernel.missing import is_missing, unwrapped

if TYPE_CHECKING:
    from datetime import tzinfo

    from crmcore.analytics.columns import Columns

__all__ = [
    "DAY",
    "Instants",
    "Misfit",
    "checked_format",
    "elapsed",
    "flag",
    "instant_at",
    "is_missing",
    "micros",
    "read",
    "read_instants",
    "read_keys",
    "share",
    "unwrapped",
    "words",
]

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000  # microseconds
LAST_OF_DAY = time(23, 59, 59, 999_999, fold=1)  # the later one where clocks go back at midnight
# What the clocks of every zone can show. Dates beyond stand for "always" and "never".
FIRST = (datetime(1, 1, 2, tzinfo=UTC) - EPOCH) // MICROSECOND
LAST = (datetime(9999, 12, 30, tzinfo=UTC) - EPOCH) // MICROSECOND
CLOCK_CODES = ("%H", "%I", "%M", "%S", "%f", "%c", "%X", "%s")
TOLD_APART = 10  # different values of a column
FINEST_SHARE = 30  # digits after the point


@attrs.frozen
class Misfit:
    """What a cell should have been, and how to mend it; stands in the place of its value."""

    expected: str
    mend: str


@attrs.frozen
class Instants:
    """A column of instants.

    Attributes:
        micros: Microseconds since 1970 in UTC; None where there is none.
        bare: Whether every one was a bare date, which stands for the end of its day.
    """

    micros: list[int | None]
    bare: bool

    def latest(self) -> int | None:
        """The last instant of the column."""
        return max([micro for micro in self.micros if micro is not None], default=None)


def micros(instant: datetime) -> int:
    """An aware instant as microseconds since 1970, within what every zone's clocks can show."""
    found = (instant - EPOCH) // MICROSECOND
    return found if FIRST <= found <= LAST else max(FIRST, min(found, LAST))


def instant_at(micros: int) -> datetime:
    """Microseconds since 1970 as an instant in UTC."""
    return EPOCH + timedelta(microseconds=min(micros, LAST))


def elapsed(start: int, end: int, *, start_bare: bool, end_bare: bool) -> int:
    """Microseconds from one instant to another, negative if they are the wrong way round.

    Between two bare dates these are whole days of 24 hours, though a day of the zone may have 23 or 25. After a
    bare date, whose event lies somewhere before the end of its day, an earlier instant of that day is no time at all.
    """
    length = end - start
    if start_bare and end_bare:
        return round(length / DAY) * DAY
    return 0 if start_bare and -DAY < length < 0 else length


def read(
    columns: Columns,
    role: str,
    convert: Callable[[Any], T | Misfit | None],
    problems: list[Problem],
    *,
    each: type | None = None,
) -> list[T | None]:
    """A column with every cell converted; misfits become problems, grouped by what was found.

    Args:
        columns: The table.
        role: Which column; an absent one is all missing.
        convert: What reads a cell.
        problems: Where misfits are added.
        each: A type whose cells are converted one by one, because they are too varied to pay for a look-up.
    """
    cells = columns.cells.get(role)
    if cells is None:
        return [None] * columns.length
    values = _converted(cells, convert, each)
    if Misfit not in set(map(type, values)):
        return values  # type: ignore[return-value] # no misfit is among them
    rows_of: dict[Misfit, dict[str, list[int]]] = {}
    for row, value in enumerate(values):
        if isinstance(value, Misfit):
            rows_of.setdefault(value, {}).setdefault(shown(cells[row]), []).append(row)
    for misfit, found in rows_of.items():
        together = [sorted(chain(*found.values()))]  # a thousand dates in a wrong format are one problem
        for rows in together if len(found) > TOLD_APART else found.values():
            flag(columns, role, rows, misfit, problems)
    return [None if isinstance(value, Misfit) else value for value in values]


def _converted(
    cells: Sequence[Any], convert: Callable[[Any], T | Misfit | None], each: type | None
) -> list[T | Misfit | None]:
    kinds = set(map(type, cells)) - {type(None)}
    if each is not None and any(issubclass(kind, each) for kind in kinds):
        return [convert(cell) for cell in cells]
    if kinds == {float}:
        cells = [None if cell != cell else cell for cell in cells]  # noqa: PLR0124 - every NaN is a value of its own
    # 1, 1.0 and True are one key of a dict but not one value: a mixed column is looked up with its types.
    looked_up = cells if len(kinds) <= 1 else list(zip(map(type, cells), cells, strict=True))
    try:
        known: dict[Any, T | Misfit | None] = dict.fromkeys(looked_up)
    except TypeError:
        return [convert(cell) for cell in cells]
    for key in known:
        known[key] = convert(key if looked_up is cells else key[1])
    return list(map(known.__getitem__, looked_up))


def flag(columns: Columns, role: str, rows: Sequence[int], misfit: Misfit, problems: list[Problem]) -> None:
    """Add one problem for some rows whose cells don't fit the rest of their row."""
    if rows:
        cells = columns.cells.get(role)
        found = None if cells is None else cells[rows[0]]
        problems.append(Problem(columns.place(role, rows), found, misfit.expected, misfit.mend))


# --- instants -------------------------------------------------------------------------------------------------------


@attrs.define
class _Clock:
    """Reads instants, and remembers whether one of them was more than a date."""

    zone: tzinfo
    date_format: str | None
    timed: bool = False

    def read(self, cell: Any) -> int | Misfit | None:
        if is_missing(cell):
            return None
        if isinstance(cell, str):
            cell = self._parsed(cell.strip())
        if isinstance(cell, datetime):
            self.timed = True
            cell = cell.to_pydatetime(warn=False) if hasattr(cell, "to_pydatetime") else cell
            return micros(cell if cell.utcoffset() is not None else cell.replace(tzinfo=self.zone))
        if isinstance(cell, date):
            return micros(datetime.combine(cell, LAST_OF_DAY, self.zone))
        return (
            cell if isinstance(cell, Misfit) else Misfit("a date or an instant", "give a date, a datetime or ISO text")
        )

    def _parsed(self, text: str) -> date | Misfit:
        try:
            if self.date_format is None:
                return datetime.fromisoformat(text) if len(text) > 10 else date.fromisoformat(text)
            found = datetime.strptime(text, self.date_format)  # noqa: DTZ007 - the zone is added by the caller
        except ValueError:
            expected = f"a date like {self.date_format}" if self.date_format else "a date in ISO 8601, as 2026-11-13"
            return Misfit(expected, 'rewrite it, or say how dates are written: date_format="%m/%d/%Y"')
        return found if any(code in self.date_format for code in CLOCK_CODES) else found.date()


def checked_format(date_format: str | None) -> str | None:
    """A way to write dates that can be read.

    Raises:
        Invalid: It is no format of ``strptime``, or leaves the year out.
    """
    import re

    if date_format is None:
        return None
    expected, mend = "codes of strptime, that of a year among them", 'such as "%m/%d/%Y"'
    try:
        sample = datetime(2001, 2, 3, tzinfo=UTC).strftime(date_format)
        if sample != datetime(2029, 2, 3, tzinfo=UTC).strftime(date_format):  # 28 years later the weekdays are the same
            expected = "codes of strptime, each once"
            datetime.strptime(sample, date_format)  # noqa: DTZ007 - read to see whether it can be
            return date_format
    except (TypeError, ValueError, re.error) as error:
        raise Invalid([Problem("date_format", date_format, expected, mend)]) from error
    raise Invalid([Problem("date_format", date_format, expected, mend)])


def read_instants(
    columns: Columns, role: str, zone: tzinfo, date_format: str | None, problems: list[Problem]
) -> Instants:
    """A column of dates or instants.

    Args:
        columns: The table.
        role: Which column.
        zone: Where bare dates and naive instants are read.
        date_format: How text is written, in the codes of ``strptime``; None means ISO 8601.
        problems: Where misfits are added.
    """
    clock = _Clock(zone, date_format)
    cells = columns.cells.get(role, [])
    # Equality ignores `fold`: the two 2:30s of an autumn night would be looked up as one.
    timed = any(issubclass(kind, datetime) for kind in set(map(type, cells)))
    folded = timed and any(getattr(cell, "fold", 0) for cell in cells)
    return Instants(read(columns, role, clock.read, problems, each=datetime if folded else None), not clock.timed)


# --- numbers and names ----------------------------------------------------------------------------------------------


def share(cell: Any) -> tuple[int, int] | Misfit | None:
    """A fraction from 0 to 1, exactly: numerator and denominator."""
    cell = unwrapped(cell)
    if is_missing(cell):
        return None
    misfit = Misfit("a fraction from 0 to 1", "write 50 % as 0.5")
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal | str):
        return misfit
    try:
        number = Decimal(float.__repr__(cell) if isinstance(cell, float) else cell)
    except (InvalidOperation, ValueError):
        return misfit
    if not (number.is_finite() and 0 <= number <= 1):
        return misfit
    if int(number.as_tuple().exponent) < -FINEST_SHARE:
        return Misfit(f"at most {FINEST_SHARE} digits after the point", "round it")
    return number.as_integer_ratio()


def words(cell: object) -> str | Misfit | None:
    """A name, without the blanks around it."""
    if is_missing(cell):
        return None
    return cell.strip() if isinstance(cell, str) else Misfit("a name as text", "give it as text")


def read_keys(columns: Columns, role: str, problems: list[Problem]) -> list[Any]:
    """A column that rows are matched or grouped by: text, numbers, whatever is hashable."""
    cells = columns.cells.get(role, [])
    if set(map(type, cells)) == {str} and all(map(str.strip, cells)):
        return cells  # ids and names are all different; there is nothing to look up
    return read(columns, role, _key, problems)


def _key(cell: Any) -> object:
    if is_missing(cell):
        return None
    try:
        hash(cell)
    except TypeError:
        return Misfit("a name, a number or another hashable value", "give text, or the id")
    return cell
