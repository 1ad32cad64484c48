"""Money: exact, closed under its arithmetic, never silently rounded or mixed."""

from __future__ import annotations

import copy
import decimal
import pickle
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.currency import MINOR_UNITS, minor_units
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money

CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))
MINORS = st.integers(-(10**15), 10**15)
MONEYS = st.builds(Money.of_minor, MINORS, CURRENCIES)
EUROS = st.builds(Money.of_minor, MINORS, st.just("EUR"))
WEIGHTS = st.lists(
    st.one_of(st.integers(0, 10**6), st.decimals(0, 1000, places=3), st.floats(0, 1e300)),
    min_size=1,
    max_size=20,
).filter(any)


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[str]:
    """Where the problems were found."""
    return [problem.path for problem in error.value.problems]


@pytest.mark.parametrize(
    ("currency", "units"),
    [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XCG", 2), ("SLE", 2), ("ZWG", 2), ("BGN", 2), ("ITL", 0)],
)
def test_currencies_divide_as_iso_4217_says(currency: str, units: int) -> None:
    """Active and withdrawn codes are known."""
    assert minor_units(currency) == units


def test_the_table_is_that_of_2026() -> None:
    """165 active currencies have a minor unit; the withdrawn come on top."""
    withdrawn = {"DEM", "FRF", "ITL", "ESP", "HRK", "BGN", "ANG", "SLL", "ZWL"}

    assert len(MINOR_UNITS) == 165 + 49
    assert withdrawn <= MINOR_UNITS.keys()
    assert MINOR_UNITS.keys().isdisjoint({"XAU", "XDR", "XTS", "XXX"})


@pytest.mark.parametrize(
    ("code", "mend"), [("eur", "write 'EUR'"), ("EURO", "capitals"), ("XAU", "such as"), (978, "such as")]
)
def test_an_unknown_currency_is_refused_with_a_mend(code: str, mend: str) -> None:
    """Lower case, names, metals, numbers."""
    with pytest.raises(Invalid, match=mend):
        minor_units(code)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12000.00", "EUR", 1_200_000),
        (12000, "EUR", 1_200_000),
        (Decimal("12.5"), "EUR", 1250),
        ("12.000", "EUR", 1200),
        ("-0.01", "EUR", -1),
        ("1.2e3", "JPY", 1200),
        ("0E+999999999", "EUR", 0),
        (0.1, "EUR", 10),
        (1e6, "KWD", 10**9),
        (2**63 - 1, "JPY", 2**63 - 1),
    ],
)
def test_amounts_are_read_exactly(amount: Decimal | int | str, currency: str, minor: int) -> None:
    """From Decimals, ints, text, and the shortest text of floats."""
    assert Money(amount, currency) == Money.of_minor(minor, currency)


class Shown(float):
    """A float whose repr is no number, as NumPy's is."""

    def __repr__(self) -> str:
        return f"float64({float(self)})"


class Index:
    """A whole number of another library."""

    def __index__(self) -> int:
        return 7


class Code(str):
    """Text of another library."""

    __slots__ = ()


def test_numbers_and_text_of_other_libraries_are_read() -> None:
    """What is held is plain all the same."""
    money = Money(Shown(0.5), Code("EUR"))  # type: ignore[arg-type]

    assert money == Money("0.50", "EUR")
    assert type(money.currency) is str
    assert Money(Index(), "JPY") == Money(7, "JPY")  # type: ignore[arg-type]
    assert Money.of_minor(Index(), Code("JPY")) == Money(7, "JPY")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "amount",
    ["", "abc", "12,000.00", "12 €", "NaN", "-inf", float("nan"), float("inf"), Decimal("sNaN"), None, True, [], 1j],
    ids=repr,
)
def test_what_is_no_finite_number_is_refused(amount: Decimal) -> None:
    """With one error that names the amount."""
    with pytest.raises(Invalid, match="a finite number") as error:
        Money(amount, "EUR")
    assert problems(error) == ["amount"]


@pytest.mark.parametrize(
    "amount",
    [2**63, -(2**63), "1e999999999999", 10**5000, "9" * 5000],
    ids=["one more", "one less", "exponent", "int", "digits"],
)
def test_what_is_out_of_range_is_refused(amount: int | str) -> None:
    """At once, however large it is."""
    with pytest.raises(Invalid, match=r"fewer than 2\*\*63"):
        Money(amount, "JPY")


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("0.001", "EUR"), ("0.5", "JPY"), ("1e-999999999999", "EUR"), ("0." + "9" * 999, "EUR")],
    ids=["cents", "yen", "exponent", "digits"],
)
def test_what_is_finer_than_the_minor_unit_is_refused(amount: str, currency: str) -> None:
    """The mend says how to round."""
    with pytest.raises(Invalid, match=r"Money\.rounded"):
        Money(amount, currency)


def test_all_problems_come_at_once() -> None:
    """A bad amount does not hide a bad currency."""
    with pytest.raises(Invalid) as error:
        Money("x", "eur")
    assert problems(error) == ["amount", "currency"]
    with pytest.raises(Invalid) as error:
        Money.of_minor("12", "")  # type: ignore[arg-type]
    assert problems(error) == ["currency", "minor"]


@pytest.mark.parametrize("minor", [1.0, "1", Decimal(1), True, None, 2**63], ids=repr)
def test_minor_units_are_whole_numbers(minor: int) -> None:
    """Anything else was meant for the constructor."""
    with pytest.raises(Invalid):
        Money.of_minor(minor, "EUR")


@given(MONEYS)
def test_the_text_reads_back(money: Money) -> None:
    """As source, as amount, as pickle, as copy."""
    assert eval(repr(money)) == money
    assert Money(str(money.amount), money.currency) == money
    assert pickle.loads(pickle.dumps(money)) == money
    assert copy.copy(money) == copy.deepcopy(money) == money
    assert Money(str(money).removesuffix(f" {money.currency}").replace(",", ""), money.currency) == money


def test_it_is_written_for_people_and_for_python() -> None:
    """Grouped and with its code; as a call; under a format."""
    money = Money(-12000, "EUR")

    assert str(money) == "-12,000.00 EUR"
    assert repr(money) == "Money('-12000.00', 'EUR')"
    assert f"{Money(5, 'JPY'):>8}|" == "   5 JPY|"
    assert repr(Money.of_minor(1, "CLF")) == "Money('0.0001', 'CLF')"


def test_it_is_frozen_and_small() -> None:
    """Two slots, none of which can be set."""
    money = Money(1, "EUR")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        money.minor = 5  # type: ignore[misc]
    assert not hasattr(money, "__dict__")


@given(st.lists(EUROS), st.randoms(use_true_random=False))
def test_a_sum_does_not_depend_on_the_order(moneys: list[Money], random: object) -> None:
    """And is that of the minor units."""
    shuffled = list(moneys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert sum(shuffled, Money(0, "EUR")) == sum(moneys, Money(0, "EUR"))
    assert sum([Money(0, "EUR"), *moneys]) == Money.of_minor(sum(money.minor for money in moneys), "EUR")


@given(EUROS, EUROS, st.integers(-100, 100))
def test_it_is_an_ordered_group(a: Money, b: Money, count: int) -> None:
    """What is added can be taken away; multiples and order agree with the minor units."""
    assert a + b - b == a == +a == b - (b - a)
    assert -a == Money.of_minor(-a.minor, "EUR")
    assert a * count == count * a == Money.of_minor(a.minor * count, "EUR")
    assert abs(a) == (a if a >= Money(0, "EUR") else -a)
    assert bool(a) == (a.minor != 0)
    assert (a < b, a <= b, a > b, a >= b) == (
        a.minor < b.minor,
        a.minor <= b.minor,
        a.minor > b.minor,
        a.minor >= b.minor,
    )
    assert (a == b) == (a.minor == b.minor)
    assert a != b or hash(a) == hash(b)


@pytest.mark.parametrize(
    "act",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        max,
        lambda a, b: a.ratio(b),
        lambda a, b: sum([a, b]),
    ],
    ids=["add", "subtract", "compare", "max", "ratio", "sum"],
)
def test_currencies_do_not_mix(act: object) -> None:
    """The error names both."""
    with pytest.raises(MixedCurrency, match="EUR and USD"):
        act(Money(1, "USD"), Money(1, "EUR"))  # type: ignore[operator]


def test_equal_amounts_of_different_currencies_are_unequal() -> None:
    """Not even nothing is the same; and money is no number."""
    assert Money(0, "EUR") != Money(0, "USD")
    assert Money(1, "JPY") != 1
    assert len({Money(1, "EUR"), Money(1, "USD"), Money("1.00", "EUR")}) == 2


@pytest.mark.parametrize(
    "act",
    [
        lambda money: money + 1,
        lambda money: 1 + money,
        lambda money: money - 1,
        lambda money: money < 1,
        lambda money: money * "2",
        lambda money: money * money,
    ],
    ids=["add", "add to", "subtract", "compare", "times text", "times money"],
)
def test_money_and_numbers_do_not_add_or_compare(act: object) -> None:
    """Python says so."""
    with pytest.raises(TypeError):
        act(Money(1, "EUR"))  # type: ignore[operator]


@pytest.mark.parametrize("factor", [0.5, Decimal("0.5"), Shown(0.5)], ids=["float", "Decimal", "NumPy"])
def test_a_product_that_needs_rounding_says_how(factor: float) -> None:
    """The operator takes whole numbers alone."""
    with pytest.raises(Invalid, match=r"\.times\(factor"):
        Money(1, "EUR") * factor  # type: ignore[operator]


def test_arithmetic_stays_in_range() -> None:
    """The largest amount has no successor."""
    with pytest.raises(Invalid, match=r"fewer than 2\*\*63"):
        Money.of_minor(2**63 - 1, "EUR") + Money.of_minor(1, "EUR")


@given(MONEYS, st.decimals(-1000, 1000, allow_nan=False))
def test_a_product_is_the_exact_one_rounded_once(money: Money, factor: Decimal) -> None:
    """However many digits the factor has."""
    product = money.times(factor, rounding=ROUND_HALF_EVEN)

    assert product.minor == round(Fraction(money.minor) * Fraction(factor))
    assert product.currency == money.currency


@pytest.mark.parametrize(
    ("factor", "rounding", "minor"),
    [
        ("0.5", ROUND_HALF_EVEN, 0),
        ("0.5", ROUND_HALF_UP, 1),
        ("0.5" + "0" * 300 + "1", ROUND_HALF_EVEN, 1),
        ("1e-999999999", ROUND_UP, 1),
        ("1e-999999999", ROUND_DOWN, 0),
        (0.1, ROUND_CEILING, 1),
    ],
)
def test_the_rounding_is_the_callers(factor: str, rounding: str, minor: int) -> None:
    """And sees the smallest remainder."""
    assert Money.of_minor(1, "EUR").times(factor, rounding=rounding) == Money.of_minor(minor, "EUR")


@pytest.mark.parametrize("factor", ["x", None, float("nan")])
def test_a_factor_is_a_number(factor: str) -> None:
    """A finite one."""
    with pytest.raises(Invalid, match="factor"):
        Money(1, "EUR").times(factor, rounding=ROUND_HALF_EVEN)


def test_a_rounding_mode_has_to_exist() -> None:
    """The error lists them."""
    with pytest.raises(Invalid, match="ROUND_HALF_EVEN"):
        Money.rounded("1.005", "EUR", rounding="HALF_UP")


@given(st.decimals(-(10**12), 10**12, allow_nan=False), CURRENCIES)
def test_rounding_gives_the_nearest_amount(amount: Decimal, currency: str) -> None:
    """Ties to even, in minor units."""
    minor = round(Fraction(amount) * 10 ** minor_units(currency))

    assert Money.rounded(amount, currency, rounding=ROUND_HALF_EVEN) == Money.of_minor(minor, currency)


def test_the_callers_decimal_context_does_not_matter() -> None:
    """Neither its precision nor its traps."""
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps[decimal.Inexact] = True
        money = Money("123456.78", "EUR")

        assert str(money.times("1.01", rounding=ROUND_HALF_EVEN)) == "124,691.35 EUR"
        assert str(money.amount) == "123456.78"
        assert money.ratio(Money("3", "EUR")) == Decimal("41152.26")


def test_a_ratio_is_a_fraction_or_undefined() -> None:
    """Of nothing there is no share; of no money neither."""
    assert Money(30, "EUR").ratio(Money(120, "EUR")) == Decimal("0.25")
    assert Money(30, "EUR").ratio(Money(0, "EUR")) is None
    with pytest.raises(Invalid, match="other"):
        Money(30, "EUR").ratio(5)  # type: ignore[arg-type]


@given(MONEYS, WEIGHTS)
def test_shares_add_up_and_are_fair(money: Money, weights: list[Decimal]) -> None:
    """Each is within one minor unit of exact, on the money's own side of zero, and nothing goes to weight 0."""
    shares = money.allocate(weights)
    exact = [Fraction(str(weight)) for weight in weights]

    assert sum(share.minor for share in shares) == money.minor
    for share, weight in zip(shares, exact, strict=True):
        assert abs(share.minor - money.minor * weight / sum(exact)) < 1
        assert share.minor * money.minor >= 0
        assert weight or not share


@given(MONEYS, st.integers(1, 30))
def test_equal_shares_differ_by_one_unit_and_the_earlier_gets_it(money: Money, count: int) -> None:
    """Largest first, in size."""
    sizes = [abs(share.minor) for share in money.allocate([1] * count)]

    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


def test_the_largest_remainder_gets_the_unit() -> None:
    """Not the first, and not the largest weight."""
    shares = Money("0.10", "EUR").allocate(["0.55", "0.28", "0.17"])

    assert [share.minor for share in shares] == [5, 3, 2]
    assert Money("-0.10", "EUR").allocate([1, 2]) == (Money("-0.03", "EUR"), Money("-0.07", "EUR"))


@pytest.mark.parametrize(
    ("weights", "paths"),
    [
        ([], ["weights"]),
        ([0, "0.0"], ["weights"]),
        ([1, -1, None], ["weights[1]", "weights[2]"]),
        (["1e999999999", 1], ["weights[0]"]),
        ([float("inf")], ["weights[0]"]),
    ],
)
def test_weights_that_divide_nothing_are_refused(weights: list[int], paths: list[str]) -> None:
    """All at once, each by its place."""
    with pytest.raises(Invalid) as error:
        Money(1, "EUR").allocate(weights)
    assert problems(error) == paths
