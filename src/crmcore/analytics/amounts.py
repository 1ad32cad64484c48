"""A column of amounts as whole minor units of one currency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN
from typing import TYPE_CHECKING, Any, cast

from crmcore.analytics.cells import Misfit, flag, is_missing, read, unwrapped
from crmcore.kernel.currency import minor_units
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.money import Money

if TYPE_CHECKING:
    from datetime import date

    from crmcore.analytics.columns import Columns
    from crmcore.kernel.rates import Rates

__all__ = ["in_one_currency", "read_amounts", "scale_of"]

DIGITS = 14
SHORT = 10**DIGITS

Amount = int | Money | None


def scale_of(currency: str) -> int:
    """How many minor units make one major unit: 100 for EUR, 1 for JPY."""
    scale: int = 10 ** minor_units(currency)
    return scale


def read_amounts(columns: Columns, role: str, currency: str | None, problems: list[Problem]) -> list[Amount]:
    """Amounts of the given currency in minor units, those of another as they are.

    Args:
        columns: The table.
        role: Which column.
        currency: What a bare number is in, an ISO 4217 code; None refuses bare numbers.
        problems: Where misfits are added.
    """
    scale = 0 if currency is None else scale_of(currency)

    def amount(cell: Any) -> Amount | Misfit:
        if isinstance(cell, Money):
            return cell.minor if cell.currency == currency else cell
        cell = cell.strip() if isinstance(cell, str) else unwrapped(cell)
        if is_missing(cell):
            return None
        if currency is None:
            return Misfit("an amount with its currency", 'give Money, or say currency="EUR"')
        return int(cell) * scale if _is_short(cell) else _exact(cell, currency)

    return cast("list[Amount]", read(columns, role, amount, problems, each=Money))


def _is_short(cell: Any) -> bool:
    """Whether it is a whole amount that no currency's minor units can make overflow."""
    if isinstance(cell, str):
        return len(cell) <= DIGITS and cell.isdecimal() and cell.isascii()
    return type(cell) in (int, float) and -SHORT < cell < SHORT and cell == int(cell)


def _exact(cell: Any, currency: str) -> int | Misfit:
    try:
        return Money(cell, currency).minor
    except Invalid as error:
        (problem, *_) = error.problems
        return Misfit(problem.expected, problem.mend)


def in_one_currency(
    columns: Columns,
    amounts: Sequence[Amount],
    currency: str | None,
    rates: Rates | None,
    day_of: Callable[[int], date],
) -> tuple[list[int | None], str | None]:
    """Every amount in minor units of one currency.

    Args:
        columns: The table, to say where an amount can't be converted; its column is ``amount``.
        amounts: As ``read_amounts`` found them.
        currency: The ISO 4217 code to arrive at; None takes the one there is.
        rates: Dated exchange rates, needed where there are several currencies.
        day_of: The day whose rate holds for a row.

    Returns:
        The amounts and their currency; the currency is None only where there are no amounts.

    Raises:
        MixedCurrency: There are several currencies and no rates.
        Invalid: No ``currency`` says which one to convert to, or a rate is missing.
    """
    foreign = {amount.currency for amount in amounts if isinstance(amount, Money)}
    if not foreign:
        return cast("list[int | None]", list(amounts)), currency
    if currency is None and len(foreign) == 1:
        (currency,) = foreign
    if foreign == {currency}:
        return [amount.minor if isinstance(amount, Money) else amount for amount in amounts], currency
    if rates is None:
        found = ", ".join(sorted(foreign | ({currency} if currency else set())))
        mend = 'give rates=Rates(…) and currency="…", or one currency at a time'
        raise MixedCurrency(
            [Problem(f'{columns.table} column "{columns.names["amount"]}"', found, "one currency", mend)]
        )
    if currency is None:
        expected = "the currency to convert to"
        raise Invalid([Problem("currency", None, expected, f'say currency="{min(foreign)}" or another')])
    return _converted(columns, amounts, currency, rates, day_of), currency


def _converted(
    columns: Columns, amounts: Sequence[Amount], currency: str, rates: Rates, day_of: Callable[[int], date]
) -> list[int | None]:
    """Each amount is rounded half-even, so that the sums of any parts re-add."""
    problems: list[Problem] = []
    converted: list[int | None] = []
    for row, amount in enumerate(amounts):
        if not isinstance(amount, Money):
            converted.append(amount)
            continue
        try:
            converted.append(rates.convert(amount, currency, on=day_of(row), rounding=ROUND_HALF_EVEN).minor)
        except Invalid as error:
            for problem in error.problems:
                flag(columns, "amount", [row], Misfit(problem.expected, problem.mend), problems)
    if problems:
        raise Invalid(problems)
    return converted
