"""Exchange rates by day, and totals across currencies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Context, Decimal
from itertools import pairwise
from typing import TypeAlias, overload

import attrs

from crmcore.kernel.calendar import day
from crmcore.kernel.currency import minor_units, units_of, unknown
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.money import WIDE, Money, mixed, number, whole

__all__ = ["Rate", "Rates", "total"]

_DIGITS = 40  # two rates and an amount multiply exactly within WIDE
_ONE = Decimal(1)
_Exchange: TypeAlias = tuple[date, Decimal, Decimal]  # its day, what to multiply and what to divide by


@attrs.frozen
class Rate:
    """What one unit of a currency is worth in another from a day on.

    Attributes:
        base: ISO 4217 code of the currency that is priced.
        quote: ISO 4217 code of the currency it is priced in.
        on: The day the rate was set; it holds until the pair's next one. ISO text is read.
        value: Units of ``quote`` for one unit of ``base``, above 0. Numbers and decimal text are read.

    Raises:
        Invalid: Everything that is wrong with it.

    Example:
        >>> from datetime import date
        >>> from decimal import Decimal
        >>> from crmcore.kernel.rates import Rate
        >>> Rate("EUR", "USD", date(2026, 1, 2), Decimal("1.08")).value
        Decimal('1.08')
    """

    base: str
    quote: str
    on: date
    value: Decimal

    def __attrs_post_init__(self) -> None:
        codes = {"base": self.base, "quote": self.quote}
        problems = [unknown(code, path) for path, code in codes.items() if units_of(code) is None]
        if self.base == self.quote:
            problems.append(Problem("quote", self.quote, "another currency than the base", "leave this rate out"))
        try:
            object.__setattr__(self, "on", day(self.on))
        except Invalid as error:
            problems += [attrs.evolve(problem, path="on") for problem in error.problems]
        value = number(self.value)
        if value is None or value <= 0 or abs(value.adjusted()) + len(value.as_tuple().digits) > _DIGITS:
            mend = "write the price of one base unit, like '1.08'"
            problems.append(Problem("value", self.value, f"a number above 0 of at most {_DIGITS} digits", mend))
        if problems:
            raise Invalid(problems)
        object.__setattr__(self, "value", value)


def _ordered(given: Iterable[Rate]) -> tuple[Rate, ...]:
    """Rates by pair and day, each once."""
    rates = list(given)
    problems = [
        Problem(f"rates[{i}]", rate, "a Rate", "make it one: Rate(base, quote, on, value)")
        for i, rate in enumerate(rates)
        if rate.__class__ is not Rate
    ]
    if problems:
        raise Invalid(problems)
    ordered = sorted(set(rates), key=lambda rate: (rate.base, rate.quote, rate.on))
    problems = [
        Problem(f"{b.base} to {b.quote} on {b.on}", (a.value, b.value), "one rate per pair and day", "keep one of them")
        for a, b in pairwise(ordered)
        if (a.base, a.quote, a.on) == (b.base, b.quote, b.on)
    ]
    if problems:
        raise Invalid(problems)
    return tuple(ordered)


@attrs.frozen
class Rates:
    """Dated exchange rates, as one immutable value.

    The rate of a pair on a day is the latest one set on or before it. A pair
    quoted the other way round is inverted; of both directions the later counts
    (the direct one on a tie). A pair quoted in neither goes through one common
    currency: the one whose older leg is the latest (by code on a tie). Rates are
    multiplied and divided exactly, and the result is rounded once.

    Attributes:
        rates: The rates by pair and day, each once.

    Raises:
        Invalid: A pair has two values on one day, or an element is no Rate.

    Example:
        >>> from datetime import date
        >>> from decimal import ROUND_HALF_EVEN, Decimal
        >>> from crmcore.kernel.money import Money
        >>> from crmcore.kernel.rates import Rate, Rates
        >>> rates = Rates([Rate("EUR", "USD", date(2026, 1, 2), Decimal("1.08"))])
        >>> rates.convert(Money("100", "USD"), "EUR", on=date(2026, 1, 5), rounding=ROUND_HALF_EVEN)
        Money('92.59', 'EUR')
    """

    rates: tuple[Rate, ...] = attrs.field(converter=_ordered)
    _by_pair: dict[tuple[str, str], tuple[list[date], list[Decimal]]] = attrs.field(init=False, eq=False, repr=False)

    @_by_pair.default
    def _table(self) -> dict[tuple[str, str], tuple[list[date], list[Decimal]]]:
        table: dict[tuple[str, str], tuple[list[date], list[Decimal]]] = {}
        for rate in self.rates:
            days, values = table.setdefault((rate.base, rate.quote), ([], []))
            days.append(rate.on)
            values.append(rate.value)
        return table

    def convert(self, money: Money, to: str, *, on: date, rounding: str) -> Money:
        """An amount in another currency at the rate of a day.

        Args:
            money: The amount.
            to: ISO 4217 code of the currency wanted.
            on: The day whose rate counts: a date or ISO text.
            rounding: A rounding mode of ``decimal``.

        Raises:
            Invalid: No rate leads from one currency to the other on that day, or the result is too large.

        Example:
            >>> from decimal import ROUND_HALF_EVEN
            >>> from crmcore.kernel.money import Money
            >>> from crmcore.kernel.rates import Rate, Rates
            >>> rates = Rates.from_dicts([{"base": "EUR", "quote": "JPY", "on": "2026-01-02", "value": "182.5"}])
            >>> rates.convert(Money("12.34", "EUR"), "JPY", on="2026-02-01", rounding=ROUND_HALF_EVEN)
            Money('2252', 'JPY')
        """
        if money.currency == to:
            return money
        shift = minor_units(to) - minor_units(money.currency)
        _, multiplier, divisor = self._exchange(money.currency, to, day(on))
        value = WIDE.divide(WIDE.multiply(money.minor, multiplier), divisor)
        return Money.of_minor(whole(value.scaleb(shift, WIDE), rounding), to)

    def between(self, base: str, quote: str, *, on: date) -> Decimal:
        """What one unit of a currency is worth in another on a day.

        Args:
            base: ISO 4217 code of the currency that is priced.
            quote: ISO 4217 code of the currency it is priced in.
            on: The day whose rate counts: a date or ISO text.

        Returns:
            Units of ``quote`` for one unit of ``base``, to 28 significant digits.

        Raises:
            Invalid: No rate leads from one currency to the other on that day.

        Example:
            >>> from datetime import date
            >>> from decimal import Decimal
            >>> from crmcore.kernel.rates import Rate, Rates
            >>> rates = Rates([Rate("EUR", "USD", date(2026, 1, 2), Decimal("1.25"))])
            >>> rates.between("USD", "EUR", on=date(2026, 1, 9))
            Decimal('0.8')
        """
        if base == quote:
            return _ONE
        _, multiplier, divisor = self._exchange(base, quote, day(on))
        return Context(prec=28).divide(multiplier, divisor)

    def to_dicts(self) -> list[dict[str, str]]:
        """The rates as plain data, for JSON and tables.

        Example:
            >>> from datetime import date
            >>> from decimal import Decimal
            >>> from crmcore.kernel.rates import Rate, Rates
            >>> Rates([Rate("EUR", "USD", date(2026, 1, 2), Decimal("1.08"))]).to_dicts()
            [{'base': 'EUR', 'quote': 'USD', 'on': '2026-01-02', 'value': '1.08'}]
        """
        return [
            {"base": rate.base, "quote": rate.quote, "on": rate.on.isoformat(), "value": str(rate.value)}
            for rate in self.rates
        ]

    @staticmethod
    def from_dicts(rows: Iterable[Mapping[str, object]]) -> Rates:
        """The rates that ``to_dicts`` wrote, or a table like it.

        Args:
            rows: Mappings with ``base``, ``quote``, ``on`` and ``value``; other keys are left alone.

        Raises:
            Invalid: Everything that is wrong, row by row.

        Example:
            >>> from crmcore.kernel.rates import Rates
            >>> rates = Rates.from_dicts([{"base": "EUR", "quote": "USD", "on": "2026-01-02", "value": "1.08"}])
            >>> Rates.from_dicts(rates.to_dicts()) == rates
            True
        """
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise Invalid([Problem("rates", type(rows).__name__, "a list of mappings", "give what to_dicts() gives")])
        rates, problems = [], []
        for i, row in enumerate(rows):
            try:
                rates.append(_rate(row))
            except Invalid as error:
                problems += [attrs.evolve(problem, path=f"rates[{i}].{problem.path}") for problem in error.problems]
        if problems:
            raise Invalid(problems)
        return Rates(rates)

    def _exchange(self, base: str, quote: str, on: date) -> _Exchange:
        found = self._quoted(base, quote, on) or self._crossed(base, quote, on)
        if found is None:
            expected = "a rate on or before the day: direct, inverse, or through one common currency"
            problem = Problem("rates", f"none for {base} to {quote} on {on}", expected, "add it to the Rates")
            raise Invalid([problem])
        return found

    def _quoted(self, base: str, quote: str, on: date) -> _Exchange | None:
        """The pair's own rate, in either direction."""
        direct, inverse = self._latest((base, quote), on), self._latest((quote, base), on)
        if direct and (not inverse or direct[0] >= inverse[0]):
            return (*direct, _ONE)
        return (inverse[0], _ONE, inverse[1]) if inverse else None

    def _latest(self, pair: tuple[str, str], on: date) -> tuple[date, Decimal] | None:
        days, values = self._by_pair.get(pair, ((), ()))
        i = bisect_right(days, on)
        return (days[i - 1], values[i - 1]) if i else None

    def _crossed(self, base: str, quote: str, on: date) -> _Exchange | None:
        """The rate through the common currency that is most up to date."""
        crossings: list[_Exchange] = []
        for pivot in sorted(self._partners(base) & self._partners(quote)):
            first, second = self._quoted(base, pivot, on), self._quoted(pivot, quote, on)
            if first and second:
                multiplier, divisor = WIDE.multiply(first[1], second[1]), WIDE.multiply(first[2], second[2])
                crossings.append((min(first[0], second[0]), multiplier, divisor))
        return max(crossings, key=lambda crossing: crossing[0], default=None)

    def _partners(self, currency: str) -> set[str]:
        """The currencies that share a rate with this one."""
        return {code for pair in self._by_pair if currency in pair for code in pair} - {currency}


def _rate(row: Mapping[str, object]) -> Rate:
    if not isinstance(row, Mapping):
        raise Invalid([Problem("row", row, "a mapping with base, quote, on and value", "give what to_dicts() gives")])
    return Rate(row.get("base"), row.get("quote"), row.get("on"), row.get("value"))  # type: ignore[arg-type]


@overload
def total(
    moneys: Iterable[Money],
    *,
    currency: str,
    rates: Rates | None = None,
    on: date | None = None,
    rounding: str | None = None,
) -> Money: ...
@overload
def total(
    moneys: Iterable[Money],
    *,
    currency: None = None,
    rates: Rates | None = None,
    on: date | None = None,
    rounding: str | None = None,
) -> Money | None: ...
def total(
    moneys: Iterable[Money],
    *,
    currency: str | None = None,
    rates: Rates | None = None,
    on: date | None = None,
    rounding: str | None = None,
) -> Money | None:
    """The sum of amounts, converted where they are of several currencies.

    Each amount is converted and rounded by itself, so that a table of the
    converted amounts re-adds to the total.

    Args:
        moneys: The amounts.
        currency: ISO 4217 code of the total; by default that of the amounts.
        rates: Exchange rates; without them all amounts must be of one currency.
        on: The day whose rates count. Needed with ``rates``.
        rounding: A rounding mode of ``decimal``. Needed with ``rates``.

    Returns:
        The sum; of no amounts zero where a currency was given, else None.

    Raises:
        MixedCurrency: Several currencies and no rates.
        Invalid: ``rates`` without a currency, a day and a rounding; a rate is missing; an element is no Money.

    Example:
        >>> from crmcore.kernel.money import Money
        >>> from crmcore.kernel.rates import total
        >>> total([Money("10", "EUR"), Money("2.50", "EUR")])
        Money('12.50', 'EUR')
        >>> total([], currency="EUR")
        Money('0.00', 'EUR')
    """
    if rates is not None:
        to, day_of_rates, mode = _terms(currency, on, rounding)
        moneys = (rates.convert(_money(i, money), to, on=day_of_rates, rounding=mode) for i, money in enumerate(moneys))
    sums = {} if currency is None else {currency: 0}
    for i, money in enumerate(moneys):
        code = _money(i, money).currency
        sums[code] = sums.get(code, 0) + money.minor
    if len(sums) > 1:
        raise mixed(sums)
    return next((Money.of_minor(minor, code) for code, minor in sums.items()), None)


def _money(i: int, given: Money) -> Money:
    if given.__class__ is not Money:
        raise Invalid([Problem(f"moneys[{i}]", given, "Money", "leave missing amounts out, make numbers Money")])
    return given


def _terms(currency: str | None, on: date | None, rounding: str | None) -> tuple[str, date, str]:
    """What a conversion needs to know, or everything that is missing."""
    if currency is None or on is None or rounding is None:
        given = {"currency": currency, "on": on, "rounding": rounding}
        missing = [name for name, value in given.items() if value is None]
        raise Invalid([Problem(name, None, "a value, since rates are given", f"pass {name}=") for name in missing])
    return currency, on, rounding
