"""Money: whole minor units of one currency.

An amount is held as an integer count of the currency's minor unit (cents), so
sums and comparisons are integer arithmetic and re-add exactly. Nothing is ever
rounded unless the caller names the rounding mode, one of those of ``decimal``
(``ROUND_HALF_EVEN`` and its siblings).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, ROUND_05UP, ROUND_DOWN, Context, Decimal
from typing import TYPE_CHECKING, ClassVar, final

import attrs

from crmcore.kernel.currency import MINOR_UNITS, units_of, unknown
from crmcore.kernel.errors import Invalid, MixedCurrency, Problem
from crmcore.kernel.plain import Plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Money"]

_HIGHEST = 2**63 - 1
_LOWEST = -_HIGHEST
_INEXACT: tuple[type, ...] = (float, Decimal)
_WEIGHT_SPAN = 400  # digits: holds every float exactly
_ROUNDINGS = (
    "ROUND_CEILING",
    "ROUND_DOWN",
    "ROUND_FLOOR",
    "ROUND_HALF_DOWN",
    "ROUND_HALF_EVEN",
    "ROUND_HALF_UP",
    "ROUND_UP",
    "ROUND_05UP",
)
# Independent of the caller's decimal context. ROUND_05UP keeps a cut-off tail visible in the last digit, so that one
# inexact step followed by the rounding asked for is as right as rounding the exact value once.
WIDE = Context(prec=200, rounding=ROUND_05UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])


def number(value: object) -> Decimal | None:
    """The exact Decimal of a number or its text; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = float.__repr__(value)  # NumPy's subclass has a repr of its own
    try:
        found = Decimal(value if isinstance(value, str | Decimal) else operator.index(value))  # type: ignore[arg-type]
    except (ArithmeticError, TypeError, ValueError):
        return None
    return found if found.is_finite() else None


def no_number(path: str, value: object) -> Problem:
    """What is wrong with a number that is none."""
    mend = "write it like '12000.00': a point before the decimals, no thousands separators, no currency sign"
    return Problem(path, value, "a finite number: Decimal, int or decimal text", mend)


def whole(scaled: Decimal, rounding: str) -> int:
    """A count of minor units rounded to a whole one."""
    if rounding not in _ROUNDINGS:
        expected = f"one of {', '.join(_ROUNDINGS)}"
        raise Invalid([Problem("rounding", rounding, expected, "import it from decimal")])
    if not _LOWEST - 1 < scaled < _HIGHEST + 1:  # before int(): a huge exponent would fill the memory
        raise Invalid([_too_large(scaled)])
    return int(scaled.to_integral_value(rounding, WIDE))


def mixed(codes: Iterable[str]) -> MixedCurrency:
    """Amounts of these currencies met."""
    found = " and ".join(sorted(codes))
    mend = "convert them with Rates, or give total() a currency, rates, a day and a rounding"
    return MixedCurrency([Problem("currency", found, "amounts of one currency", mend)])


def _too_large(minor: object) -> Problem:
    mend = "check for a slipped decimal point or the wrong unit"
    return Problem("amount", minor, "fewer than 2**63 minor units", mend)


def _scaled(amount: object, currency: object) -> Decimal:
    """An amount as a count of minor units, not yet whole."""
    value, units = number(amount), units_of(currency)
    if value is None or units is None:
        problems = [no_number("amount", amount)] if value is None else []
        raise Invalid(problems + ([unknown(currency)] if units is None else []))
    return value.scaleb(units, WIDE)


def _exact(amount: object, currency: str) -> int:
    """An amount as whole minor units; a finer one is refused."""
    scaled = _scaled(amount, currency)
    minor = whole(scaled, ROUND_DOWN)
    if minor != scaled:
        expected = f"at most {MINOR_UNITS[currency]} decimals, as {currency} has"
        mend = "round it explicitly: Money.rounded(amount, currency, rounding=ROUND_HALF_EVEN)"
        raise Invalid([Problem("amount", amount, expected, mend)])
    return minor


def _compared(compare: Callable[[int, int], bool]) -> Callable[[Money, Money], bool]:
    """An order comparison of amounts of one currency."""

    def method(self: Money, other: Money) -> bool:
        if other.__class__ is not Money:
            return NotImplemented
        if self.currency != other.currency:
            raise mixed((self.currency, other.currency))
        return compare(self.minor, other.minor)

    return method


@final
@attrs.frozen(init=False, eq=False, repr=False, weakref_slot=False)
class Money(Plain):
    """An amount of one currency, exact to its minor unit.

    Adds, subtracts, negates, compares and sums (``sum()`` works); multiplies by
    whole numbers. As with numbers, zero is false. Amounts of different
    currencies are unequal; adding or ordering them raises MixedCurrency.

    Args:
        amount: In major units (euros, not cents): Decimal, int or decimal text. A float at
            run time is read through its shortest text.
        currency: ISO 4217 code, active or withdrawn.

    Attributes:
        minor: The amount in whole minor units (cents), below 2**63 in size.
        currency: ISO 4217 code.

    Raises:
        Invalid: Not a finite number, finer than the minor unit, too large, or an unknown currency.

    Example:
        >>> from crmcore.kernel.money import Money
        >>> Money("12000", "EUR") + Money("0.50", "EUR")
        Money('12000.50', 'EUR')
        >>> print(sum([Money(1000, "JPY"), Money(234, "JPY")]))
        1,234 JPY
    """

    minor: int
    currency: str

    __tells__: ClassVar[tuple[str, ...]] = ("amount", "currency")

    def __init__(self, amount: Decimal | int | str, currency: str) -> None:
        _set_minor(self, _exact(amount, currency))
        _set_currency(self, str.__str__(currency))

    @staticmethod
    def of_minor(minor: int, currency: str) -> Money:
        """An amount given in whole minor units.

        Args:
            minor: In minor units: cents for EUR, yen for JPY.
            currency: ISO 4217 code.

        Raises:
            Invalid: Not a whole number, too large, or an unknown currency.

        Example:
            >>> from crmcore.kernel.money import Money
            >>> Money.of_minor(1200050, "EUR")
            Money('12000.50', 'EUR')
        """
        if type(minor) is int and type(currency) is str and currency in MINOR_UNITS:
            return _made(minor, currency)
        problems = [] if units_of(currency) is not None else [unknown(currency)]
        if number(minor) is None or not hasattr(minor, "__index__"):
            mend = "give major units to Money(amount, currency) instead"
            problems.append(Problem("minor", minor, "a whole number of minor units", mend))
        if problems:
            raise Invalid(problems)
        return _made(operator.index(minor), str.__str__(currency))

    @staticmethod
    def rounded(amount: Decimal | int | str, currency: str, *, rounding: str) -> Money:
        """An amount rounded to the currency's minor unit.

        Args:
            amount: In major units, however fine.
            currency: ISO 4217 code.
            rounding: A rounding mode of ``decimal``.

        Raises:
            Invalid: Not a finite number, too large, an unknown currency or rounding mode.

        Example:
            >>> from decimal import ROUND_HALF_EVEN
            >>> from crmcore.kernel.money import Money
            >>> Money.rounded("10.125", "EUR", rounding=ROUND_HALF_EVEN)
            Money('10.12', 'EUR')
        """
        return _made(whole(_scaled(amount, currency), rounding), str.__str__(currency))

    @staticmethod
    def from_data(data: object) -> Money:
        """The amount that ``to_data`` told.

        Args:
            data: Such as ``{"amount": "12000.50", "currency": "EUR"}``; money is itself.

        Raises:
            Invalid: It is no such object, or as ``Money`` raises.

        Example:
            >>> from crmcore.kernel.money import Money
            >>> Money.from_data({"amount": "12000.50", "currency": "EUR"})
            Money('12000.50', 'EUR')
        """
        if isinstance(data, Money):
            return data
        if not isinstance(data, Mapping) or data.keys() != {"amount", "currency"}:
            mend = 'write {"amount": "12000.00", "currency": "EUR"}'
            raise Invalid([Problem("money", type(data).__name__, "an amount and its currency, no more", mend)])
        return Money(data["amount"], data["currency"])

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with the currency's decimals.

        Example:
            >>> from crmcore.kernel.money import Money
            >>> Money("12", "EUR").amount
            Decimal('12.00')
        """
        return Decimal(self.minor).scaleb(-MINOR_UNITS[self.currency], WIDE)

    def times(self, factor: Decimal | int | str, *, rounding: str) -> Money:
        """The amount times any number: a discount, a tax, a probability.

        Args:
            factor: The number to multiply by; a share is a fraction (0.19, not 19).
            rounding: A rounding mode of ``decimal``.

        Raises:
            Invalid: The factor is no finite number, the rounding mode is unknown, or the result is too large.

        Example:
            >>> from decimal import ROUND_HALF_UP
            >>> from crmcore.kernel.money import Money
            >>> Money("99.99", "EUR").times("0.19", rounding=ROUND_HALF_UP)
            Money('19.00', 'EUR')
        """
        value = number(factor)
        if value is None:
            raise Invalid([no_number("factor", factor)])
        return _made(whole(WIDE.multiply(self.minor, value), rounding), self.currency)

    def ratio(self, other: Money) -> Decimal | None:
        """This amount as a fraction of another, to 28 significant digits.

        Args:
            other: The amount that counts as 1.

        Returns:
            The fraction; None where the other amount is zero.

        Raises:
            MixedCurrency: The amounts are of different currencies.

        Example:
            >>> from crmcore.kernel.money import Money
            >>> Money("30", "EUR").ratio(Money("120", "EUR"))
            Decimal('0.25')
        """
        if other.__class__ is not Money:
            raise Invalid([Problem("other", other, "Money", "divide .amount where plain numbers are meant")])
        if self.currency != other.currency:
            raise mixed((self.currency, other.currency))
        return Context(prec=28).divide(self.minor, other.minor) if other.minor else None

    def allocate(self, weights: Iterable[Decimal | int | str]) -> tuple[Money, ...]:
        """Split the amount by weights without losing a minor unit.

        By largest remainder: each share is cut towards zero, then the minor units
        left over go one each to the shares cut most (the earlier on a tie). The
        shares sum to the amount, and each is within one minor unit of exact.

        Args:
            weights: One per share, in any unit: 0 or more, not all 0. To split as other amounts are
                split, give their ``minor``.

        Raises:
            Invalid: A weight is negative or no finite number, or all are 0.

        Source:
            Largest remainder method (Hamilton, 1792).

        Example:
            >>> from crmcore.kernel.money import Money
            >>> Money("100.00", "EUR").allocate([1, 1, 1])
            (Money('33.34', 'EUR'), Money('33.33', 'EUR'), Money('33.33', 'EUR'))
        """
        shares = _whole_weights(list(weights))
        size, everything = abs(self.minor), sum(shares)
        parts = [divmod(size * share, everything) for share in shares]
        left = size - sum(part for part, _ in parts)
        favoured = set(sorted(range(len(parts)), key=lambda i: -parts[i][1])[:left])
        sign = -1 if self.minor < 0 else 1
        return tuple(_made(sign * (part + (i in favoured)), self.currency) for i, (part, _) in enumerate(parts))

    def __add__(self, other: Money) -> Money:
        if other.__class__ is not Money:
            return NotImplemented
        if self.currency != other.currency:
            raise mixed((self.currency, other.currency))
        return _made(self.minor + other.minor, self.currency)

    def __radd__(self, other: int) -> Money:
        return self if other.__class__ is int and other == 0 else NotImplemented  # what sum() starts with

    def __sub__(self, other: Money) -> Money:
        if other.__class__ is not Money:
            return NotImplemented
        if self.currency != other.currency:
            raise mixed((self.currency, other.currency))
        return _made(self.minor - other.minor, self.currency)

    def __mul__(self, count: int) -> Money:
        if isinstance(count, _INEXACT):
            mend = "the result may need rounding: use .times(factor, rounding=ROUND_HALF_EVEN)"
            raise Invalid([Problem("factor", count, "a whole number", mend)])
        return _made(self.minor * count, self.currency) if isinstance(count, int) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return _made(-self.minor, self.currency)

    def __pos__(self) -> Money:
        return self

    def __abs__(self) -> Money:
        return _made(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.minor == other.minor and self.currency == other.currency

    def __hash__(self) -> int:
        return hash((self.minor, self.currency))

    __lt__ = _compared(operator.lt)
    __le__ = _compared(operator.le)
    __gt__ = _compared(operator.gt)
    __ge__ = _compared(operator.ge)

    def __repr__(self) -> str:
        return f"Money('{self.amount:f}', {self.currency!r})"

    def __str__(self) -> str:
        return f"{self.amount:,f} {self.currency}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> tuple[object, ...]:
        return (Money.of_minor, (self.minor, self.currency))


# A frozen attrs class refuses setattr; its slots do not; names of our own spare _made the look-ups.
_new = object.__new__
_set_minor: Callable[[Money, int], None] = Money.__dict__["minor"].__set__
_set_currency: Callable[[Money, str], None] = Money.__dict__["currency"].__set__


def _made(minor: int, currency: str) -> Money:
    """Money of a currency known to be right."""
    if not _LOWEST <= minor <= _HIGHEST:
        raise Invalid([_too_large(minor)])
    money = _new(Money)
    _set_minor(money, minor)
    _set_currency(money, currency)
    return money


def _weight(given: object) -> Decimal | None:
    """A weight that can be shared by exactly; None where it can't."""
    value = number(given)
    if value is None or value < 0 or abs(value.adjusted()) + len(value.as_tuple().digits) > _WEIGHT_SPAN:
        return None
    return value


def _whole_weights(given: list[object]) -> list[int]:
    """Weights as whole numbers in the same proportions."""
    weights = [_weight(weight) for weight in given]
    problems = [
        Problem(f"weights[{i}]", given[i], "a number from 0 to 1e300", "give 0 for no share")
        for i, weight in enumerate(weights)
        if weight is None
    ]
    if not problems and not any(weights):
        problems = [Problem("weights", given, "at least one weight above 0", "give [1] * n for n equal shares")]
    if problems:
        raise Invalid(problems)
    ratios = [weight.as_integer_ratio() for weight in weights if weight is not None]
    common = math.lcm(*(bottom for _, bottom in ratios))
    return [top * (common // bottom) for top, bottom in ratios]
