"""Transactions read for customer value: who bought, on which day, for how much."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import compress, count
from typing import TYPE_CHECKING, Any, Literal, get_args

import attrs

from crmcore.analytics.amounts import read_amounts
from crmcore.analytics.calculus.engines import PLAIN, Engine, EngineName, engine_for
from crmcore.analytics.cells import DAY, Misfit, checked_format, flag, instant_at, read, read_instants, read_keys
from crmcore.analytics.clv.typed_columns import EXACT, Amounts, typed_columns
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.kernel.currency import minor_units
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.missing import is_missing, unwrapped
from crmcore.kernel.money import WIDE, Money, number

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from crmcore.analytics.columns import Source

__all__ = ["EPOCH_DAY", "Returns", "Transactions", "listed", "read_transactions"]

EPOCH_DAY = 719_163
"""The ordinal of 1 January 1970."""

TABLE = "transactions"
USUAL_DIGITS = 2
MOST_DIGITS = 30
LARGEST = 10**18
SHORT = 15  # digits: a float tells so many apart
NEAR = 1e12

Returns = Literal["net", "exclude", "error"]
"""What becomes of returns: amounts below 0."""


@attrs.frozen(eq=False)
class Transactions:
    """Transactions, a cell each, in lists or, for numpy, in arrays.

    Attributes:
        customers: Every customer once, in the order in which they first stand.
        codes: Who bought, as a place among the customers.
        days: When, in days of the zone since 1970.
        amounts: For how much.
        engine: What carries out what follows.
        excluded: How many were left out as returns.
    """

    customers: Sequence[Any]
    codes: Any
    days: Any
    amounts: Amounts
    engine: Engine
    excluded: int = 0

    def __len__(self) -> int:
        return len(self.codes)

    def only(self, kept: Any) -> Transactions:
        """Those of the rows that are marked.

        Args:
            kept: A mark for each.
        """

        def marked(column: Any) -> Any:
            return column[kept] if self.engine.name == "numpy" else list(compress(column, kept))

        cells = self.amounts.cells
        amounts = attrs.evolve(self.amounts, cells=None if cells is None else marked(cells))
        return attrs.evolve(self, codes=marked(self.codes), days=marked(self.days), amounts=amounts)


def read_transactions(
    source: Source,
    names: Mapping[str, str | None],
    *,
    returns: Returns,
    currency: str | None,
    zone: ZoneInfo,
    date_format: str | None,
    engine: EngineName | None,
) -> Transactions:
    """Read transactions, or say everything that is wrong with them.

    Args:
        source: Wherever they are.
        names: What the columns ``customer``, ``at`` and ``amount`` are called; None for no amounts.
        returns: What becomes of amounts below 0.
        currency: The ISO 4217 code of bare numbers.
        zone: Whose days are counted, and where bare dates and naive instants are read.
        date_format: How text is written, in the codes of ``strptime``; None means ISO 8601.
        engine: The engine asked for.
    """
    _check(names, returns)
    checked_format(date_format)
    digits = None if currency is None else minor_units(currency)
    wanted = [Wanted(role, name, required=role != "amount") for role, name in names.items() if name is not None]
    typed, chosen = typed_columns(source, wanted, digits, engine)
    columns = columns_of(source, [column for column in wanted if column.role not in typed], TABLE)
    problems: list[Problem] = []
    customers, codes = typed.get("customer") or _codes(columns, problems)
    days = typed["at"] if "at" in typed else _days(columns, zone, date_format, problems)
    amounts: Amounts = typed.get("amount") or _amounts(columns, currency, problems)
    if len({len(column) for column in (codes, days, amounts.cells) if column is not None}) > 1:
        columns_of(source, wanted, TABLE)  # says which column is too short
    if returns == "error" and amounts.cells is not None:
        told = columns if "amount" in columns.cells else columns_of(source, wanted, TABLE)
        refused = [row for row, amount in enumerate(amounts.cells) if amount is not None and amount < 0]
        flag(
            told,
            "amount",
            refused,
            Misfit("no return: an amount of 0 or more", 'say returns="net" or "exclude"'),
            problems,
        )
    if problems:
        raise Invalid(problems)
    found = Transactions(
        customers, codes, days,
        attrs.evolve(amounts, currency=amounts.currency or currency),
        chosen or engine_for(columns.length, engine),
    )  # fmt: skip
    return _without_returns(_carried(found)) if returns == "exclude" else _carried(found)


def _check(names: Mapping[str, str | None], returns: object) -> None:
    wrong = [
        Problem(role, name, "the name of a column", "give text")
        for role, name in names.items()
        if not isinstance(name, str) and (name is not None or role != "amount")
    ]
    if returns not in get_args(Returns):
        wrong.append(Problem("returns", returns, "net, exclude or error", 'say returns="net"'))
    if wrong:
        raise Invalid(wrong)


def _carried(found: Transactions) -> Transactions:
    """The columns as the engine holds them; where sums would not be exact in numpy, plain Python takes over."""
    if found.engine.name == "python":
        return found
    np, cells = found.engine.m, found.amounts.cells
    exact = _is_exact(found.amounts, np)
    engine: Engine = found.engine if exact else PLAIN
    hold = np.asarray if exact else listed
    codes, days, held = (None if column is None else hold(column) for column in (found.codes, found.days, cells))
    return attrs.evolve(found, codes=codes, days=days, amounts=attrs.evolve(found.amounts, cells=held), engine=engine)


def listed(column: Any) -> list[Any]:
    """A column as Python's own values.

    Args:
        column: The column.
    """
    found: list[Any] = column.tolist() if hasattr(column, "tolist") else column
    return found


def _is_exact(amounts: Amounts, np: Any) -> bool:
    """Whether every sum of them, and a major unit for each, is exact as a float."""
    cells = amounts.cells
    if cells is None:
        return True
    size = sum(map(abs, cells)) if isinstance(cells, list) else np.abs(cells).sum(dtype=float)
    return bool(size + len(cells) * 10**amounts.digits < EXACT)


def _without_returns(found: Transactions) -> Transactions:
    cells = found.amounts.cells
    if cells is None:
        return found
    kept = found.only(cells >= 0 if found.engine.name == "numpy" else [cell >= 0 for cell in cells])
    return attrs.evolve(kept, excluded=len(found) - len(kept))


# --- cell by cell -----------------------------------------------------------------------------------------------------


def _codes(columns: Columns, problems: list[Problem]) -> tuple[list[Any], list[int]]:
    """Every customer once, and the place of each row's among them."""
    cells = columns.cells.get("customer", [])
    if set(map(type, cells)) != {int}:  # whole numbers are all keys
        cells = read_keys(columns, "customer", problems)
    _flag_missing(columns, "customer", cells, Misfit("who bought", "give the customer, or leave the row out"), problems)
    numbered: defaultdict[Any, int] = defaultdict(count().__next__)
    codes = list(map(numbered.__getitem__, cells))
    return list(numbered), codes


def _days(columns: Columns, zone: ZoneInfo, date_format: str | None, problems: list[Problem]) -> list[int]:
    """The day of each row in the zone, counted from 1970."""
    told = read_instants(columns, "at", zone, date_format, problems).micros
    _flag_missing(columns, "at", told, Misfit("when it was bought", "give the date, or leave the row out"), problems)
    day_of = {micro: _day(micro or 0, zone) for micro in set(told)}
    return list(map(day_of.__getitem__, told))


def _day(micro: int, zone: ZoneInfo) -> int:
    return micro // DAY if zone.key == "UTC" else instant_at(micro).astimezone(zone).toordinal() - EPOCH_DAY


def _amounts(columns: Columns, currency: str | None, problems: list[Problem]) -> Amounts:
    cells = columns.cells.get("amount")
    if cells is None:
        return Amounts(None)
    as_money = currency is not None or Money in set(map(type, cells))
    found = _money(columns, currency, problems) if as_money else _numbers(columns, problems)
    _flag_missing(columns, "amount", found.cells, Misfit("an amount", "give it, or say amount=None"), problems)
    return found


def _money(columns: Columns, currency: str | None, problems: list[Problem]) -> Amounts:
    """Amounts of one currency in its minor units."""
    amounts = read_amounts(columns, "amount", currency, problems)
    foreign = {amount.currency for amount in amounts if isinstance(amount, Money)}
    codes = sorted(foreign | ({currency} if currency else set()))
    if len(codes) > 1:
        where = f'{TABLE} column "{columns.names["amount"]}"'
        mend = "convert them with Rates first, or take the transactions of one currency at a time"
        raise MixedCurrency([Problem(where, ", ".join(codes), "one currency", mend)])
    cells = [amount.minor if isinstance(amount, Money) else amount for amount in amounts]
    return Amounts(cells, minor_units(codes[0]), codes[0])


def _numbers(columns: Columns, problems: list[Problem]) -> Amounts:
    """Bare numbers in parts as fine as the finest needs."""
    misfits: list[Problem] = []
    parts = _Parts(USUAL_DIGITS)
    cells = read(columns, "amount", parts.of, misfits)
    if parts.finest > parts.digits:
        misfits, parts = [], _Parts(parts.finest)
        cells = read(columns, "amount", parts.of, misfits)
    problems += misfits
    return Amounts(cells, parts.digits)


@attrs.define
class _Parts:
    """Reads numbers as whole parts of 1, and remembers how fine they would have to be."""

    digits: int
    finest: int = 0

    def of(self, cell: Any) -> int | Misfit | None:
        cell = cell.strip() if isinstance(cell, str) else unwrapped(cell)
        if is_missing(cell):
            return None
        short = type(cell) is float or (type(cell) is str and len(cell) <= SHORT)
        if short and (parts := _hundredths(cell)) is not None:
            return parts * int(10 ** (self.digits - USUAL_DIGITS))
        value = number(cell)
        if value is None:
            return Misfit("an amount", "write it like '12000.00', without a currency sign")
        if abs(value) >= LARGEST:
            return Misfit("an amount below 10^18", "check for a slipped decimal point")
        decimals = -int(value.normalize(WIDE).as_tuple().exponent)
        if decimals > MOST_DIGITS:
            return Misfit(f"an amount of at most {MOST_DIGITS} decimals", "round it")
        self.finest = max(self.finest, decimals)
        return int(value.scaleb(self.digits, WIDE))


def _hundredths(cell: float | str) -> int | None:
    """A short number in hundredths, where it is a whole number of them: no other short one has the same float."""
    try:
        value = float(cell)
    except ValueError:
        return None
    if not 0 < abs(value) < NEAR:  # 0 may be what is left of a number too small for a float
        return None
    parts: int = round(value * 100)
    return parts if parts / 100 == value else None


def _flag_missing(
    columns: Columns, role: str, values: Sequence[object], misfit: Misfit, problems: list[Problem]
) -> None:
    """A row without a cell is refused; one whose cell can't be read has been so already."""
    if None in values:
        cells = columns.cells[role]
        missing = [row for row, value in enumerate(values) if value is None and is_missing(cells[row])]
        flag(columns, role, missing, misfit, problems)
