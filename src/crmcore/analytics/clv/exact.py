"""Amounts worked with exactly: all of them Money of one currency, or all numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, Inexact
from typing import TypeAlias

import attrs

from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.money import Money, no_number, number

__all__ = ["Amount", "Exact", "quotient", "read_exact", "sum_of"]

Amount: TypeAlias = Money | Decimal | int | str | float
"""Money, or a number in major units; a float counts as its shortest text."""

DIGITS = 200
LARGEST = 100  # digits before or after the point: what whole numbers can still be made of
SUMS = Context(prec=DIGITS, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[Inexact])
SHARES = Context(prec=28, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


@attrs.frozen
class Exact:
    """Amounts of one kind.

    Attributes:
        values: In major units.
        currency: Their ISO 4217 code; None for numbers.
    """

    values: tuple[Decimal, ...]
    currency: str | None

    def made(self, value: Decimal) -> Money | Decimal:
        """An amount of this kind; money is rounded half-even to minor units.

        Args:
            value: In major units.
        """
        return value if self.currency is None else Money.rounded(value, self.currency, rounding=ROUND_HALF_EVEN)


def read_exact(given: Mapping[str, object]) -> Exact:
    """Amounts of one kind, or everything that is wrong with them.

    Args:
        given: The amounts, by what the caller calls them.

    Raises:
        MixedCurrency: They are of several currencies.
        Invalid: One is no amount, or some are Money and others bare numbers.
    """
    codes = sorted({value.currency for value in given.values() if isinstance(value, Money)})
    problems, values = [], []
    for path, value in given.items():
        told = value.amount if isinstance(value, Money) else number(value)
        if told is None or (told and abs(told.adjusted()) > LARGEST):
            problems.append(no_number(path, value))
        elif codes and not isinstance(value, Money):
            problems.append(Problem(path, value, f"Money, as the others are of {codes[0]}", "say which currency it is"))
        else:
            values.append(told)
    if problems:
        raise Invalid(problems)
    if len(codes) > 1:
        mend = "convert them with Rates first, or take one currency at a time"
        raise MixedCurrency([Problem(", ".join(list(given)[:3]), ", ".join(codes), "amounts of one currency", mend)])
    return Exact(tuple(values), codes[0] if codes else None)


def sum_of(values: Iterable[Decimal]) -> Decimal:
    """A sum without rounding.

    Args:
        values: What to add.

    Raises:
        Invalid: The amounts are so far apart that their sum has more than 200 digits.
    """
    found = Decimal(0)
    try:
        for value in values:
            found = SUMS.add(found, value)
    except Inexact as error:
        expected = f"amounts that add up within {DIGITS} digits"
        raise Invalid([Problem("amounts", "too far apart", expected, "check for a slipped decimal point")]) from error
    return found


def quotient(top: Decimal, bottom: Decimal) -> Decimal | None:
    """A fraction to 28 significant digits; None where it would be of nothing.

    Args:
        top: What is divided.
        bottom: By what.
    """
    return SHARES.divide(top, bottom) if bottom else None
