"""From transactions to one row a customer: published tables, every rule, both engines."""

from __future__ import annotations

import csv
import importlib.util
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import purchase_days as purchase_days_module
from crmcore.analytics.clv.summarizing import summarize
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.analytics.clv.transactions import Returns
from crmcore.kernel.calendar import period
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money

np = pytest.importorskip("numpy")

ENGINES: tuple[EngineName, ...] = ("python", "numpy")
Rows = list[dict[str, Any]]


def published(name: str) -> Path:
    """A file of published data, as it lies in the package that brings it."""
    found = importlib.util.find_spec("lifetimes")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("lifetimes is not installed")
    return Path(next(iter(found.submodule_search_locations))) / "datasets" / name


def cdnow() -> dict[str, list[str]]:
    """The purchases of a tenth of CDNOW's customers of early 1997, until June 1998."""
    rows = [line.split() for line in published("CDNOW_sample.txt").read_text("ascii").splitlines()]
    return {"customer": [row[1] for row in rows], "at": [row[2] for row in rows], "amount": [row[4] for row in rows]}


def orders(*told: tuple[str, str, object]) -> Rows:
    """Rows of customer, date and amount."""
    return [{"customer": customer, "at": at, "amount": amount} for customer, at, amount in told]


def columns(summary: CustomerSummary) -> list[object]:
    """All that a summary says, but for the engine's traces."""
    return [summary.to_dicts(), summary.T_holdout, summary.unit, summary.currency, summary.end, summary.made]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Each engine in turn."""
    name: EngineName = request.param
    return name


# --- published tables -------------------------------------------------------------------------------------------------


def test_cdnow_is_as_published(engine: EngineName) -> None:
    """Every figure of the table of 2,357 customers that Fader and Hardie publish, to its last digit."""
    summary = summarize(
        cdnow(), calibration_end="1997-09-30", end="1998-06-30", date_format="%Y%m%d", currency="USD", engine=engine
    )

    with published("cdnow_customers_summary_with_transactions.csv").open(encoding="ascii") as file:
        table = list(csv.DictReader(file))
    assert (len(summary), sum(summary.x), sum(summary.x_holdout or ())) == (2_357, 2_457, 1_882)
    assert len(table) == 2_357
    assert summary.mean is not None
    for row, x, t_x, age, mean in zip(table, summary.x, summary.t_x, summary.T, summary.mean, strict=True):
        assert int(row["x"]) == x
        assert (abs(float(row["t_x"]) - t_x), abs(float(row["T"]) - age)) < (0.0051, 0.0051)
        assert abs(float(row["zbar"]) - (mean or 0)) < 0.0051
    assert summary.T_holdout == 39
    assert summary.unit.name == "week" if summary.unit else False


def test_cdnow_without_amounts_has_the_same_customers() -> None:
    """Eight of them began with something free: that is a purchase all the same."""
    told = cdnow()
    bare = {name: told[name] for name in ("customer", "at")}

    with_amounts, without = (summarize(table, end="1997-09-30", date_format="%Y%m%d") for table in (told, bare))

    assert (without.customer, without.x, without.t_x) == (with_amounts.customer, with_amounts.x, with_amounts.t_x)
    assert without.mean is without.spend is None


# --- the cases that others get wrong, by their numbers ----------------------------------------------------------------


def test_case_10_recency_is_age_at_the_last_purchase(engine: EngineName) -> None:
    """Not the time since then, which is RFM's word: a first and only purchase has none."""
    summary = summarize(
        orders(("ada", "2026-01-05", 1), ("ada", "2026-01-19", 1), ("bob", "2026-01-05", 1)),
        end="2026-03-02", unit="week", engine=engine,
    )  # fmt: skip

    assert summary.t_x == (2.0, 0.0)
    assert summary.T == (8.0, 8.0)


def test_case_11_a_first_purchase_on_the_last_day_is_known_for_no_time(engine: EngineName) -> None:
    """It stays in the table, with T = 0."""
    summary = summarize(orders(("ada", "2026-03-02", 7)), end="2026-03-02", engine=engine)

    assert (summary.x, summary.t_x, summary.T, summary.mean) == ((0,), (0.0,), (0.0,), (None,))


@pytest.mark.parametrize("customers", [1, 30])
def test_case_12_one_customer_or_none_who_came_back(customers: int, engine: EngineName) -> None:
    """Nothing divides by zero, and no mean is made up."""
    told = orders(*((f"c{number}", "2026-01-05", 9) for number in range(customers)))

    summary = summarize(told, end="2026-02-02", engine=engine)

    assert set(summary.x) == {0}
    assert set(summary.mean or ()) == {None}
    assert set(summary.T) == {4.0}


def test_case_13_the_end_may_lie_long_after_the_last_purchase(engine: EngineName) -> None:
    """It is what the caller says: the last day in the data tells nothing about silence."""
    told = orders(("ada", "2026-01-05", 1), ("ada", "2026-01-12", 1))

    assert summarize(told, end="2026-12-28", engine=engine).T == (51.0,)
    with pytest.raises(TypeError):
        summarize(told)  # type: ignore[call-arg]


def test_case_14_an_unsorted_log_gives_the_same(engine: EngineName) -> None:
    """And what is bought on one day is one purchase."""
    told = orders(
        ("ada", "2026-02-01", 30), ("ada", "2026-01-05", 10), ("ada", "2026-02-01", 20), ("ada", "2026-01-05", 5)
    )  # fmt: skip

    for log in (told, told[::-1]):
        summary = summarize(log, end="2026-03-02", unit="day", engine=engine)
        assert (summary.x, summary.t_x, summary.mean) == ((1,), (27.0,), (50.0,))
        assert summary.spend == (Decimal(65),)


def test_case_15_returns_are_no_purchases(engine: EngineName) -> None:
    """A day that they bring to nothing is none, but what was paid back counts as spend."""
    told = orders(
        ("ada", "2026-01-05", 100), ("ada", "2026-01-12", -40), ("ada", "2026-01-19", 30), ("ada", "2026-01-19", -30),
        ("ada", "2026-01-26", 50), ("ada", "2026-01-26", -20),
    )  # fmt: skip

    net = summarize(told, end="2026-02-02", engine=engine)
    exclude = summarize(told, end="2026-02-02", returns="exclude", engine=engine)

    assert (net.x, net.t_x, net.mean, net.spend) == ((1,), (3.0,), (30.0,), (Decimal(90),))
    assert net.made.exclusions == {"days that returns bring to 0 or less": 2}
    assert (exclude.x, exclude.t_x, exclude.mean, exclude.spend) == ((2,), (3.0,), (40.0,), (Decimal(180),))
    assert exclude.made.exclusions == {"returns left out": 3}
    with pytest.raises(Invalid, match="rows 2, 4, 6"):
        summarize(told, end="2026-02-02", returns="error", engine=engine)


def test_case_15_a_first_day_that_comes_to_nothing_is_no_beginning(engine: EngineName) -> None:
    """The first purchase is the next day's; who has none is left out and counted."""
    told = orders(
        ("ada", "2026-01-05", 10), ("ada", "2026-01-05", -10), ("ada", "2026-01-12", 20), ("bob", "2026-01-12", -5)
    )  # fmt: skip

    summary = summarize(told, end="2026-01-19", engine=engine)

    assert (summary.customer, summary.T, summary.spend) == (("ada",), (1.0,), (Decimal(20),))
    assert summary.made.exclusions == {"days that returns bring to 0 or less": 2, "customers without a purchase": 1}


def test_case_15_a_free_order_is_a_purchase(engine: EngineName) -> None:
    """Nothing came back, so it is no return."""
    told = orders(("ada", "2026-01-05", 0), ("ada", "2026-01-12", 0))

    for returns in get_args(Returns):
        summary = summarize(told, end="2026-01-19", returns=returns, engine=engine)
        assert (summary.x, summary.mean, summary.made.exclusions) == ((1,), (0.0,), {})


def test_case_16_months_and_years_are_a_grid_of_days(engine: EngineName) -> None:
    """A month is 30.4375 days, a year twelve of them, a week exact sevenths."""
    told = orders(("ada", "2024-01-01", 1), ("ada", "2024-01-04", 1))
    ages = {
        unit: summarize(told, end="2026-01-01", unit=unit, engine=engine)
        for unit in ("day", "week", "month", "year", timedelta(days=14))
    }

    assert [summary.T[0] for summary in ages.values()] == [731, 731 / 7, 731 / 30.4375, 731 / 365.25, 731 / 14]
    assert ages["week"].t_x == (3 / 7,)


def test_case_17_null_customers_are_refused_by_row(engine: EngineName) -> None:
    """All of them at once, with bad dates and amounts; no row vanishes silently."""
    told = [
        {"customer": None, "at": "2026-01-05", "amount": 1},
        {"customer": "ada", "at": "05.01.2026", "amount": 1},
        {"customer": "ada", "at": None, "amount": 1},
        {"customer": "ada", "at": "2026-01-05", "amount": "ten"},
        {"customer": " ", "at": "2026-01-05", "amount": None},
    ]

    with pytest.raises(Invalid) as refused:
        summarize(told, end="2026-02-02", engine=engine)

    assert [problem.path for problem in refused.value.problems] == [
        'transactions rows 1, 5, column "customer"',
        'transactions row 2, column "at"',
        'transactions row 3, column "at"',
        'transactions row 4, column "amount"',
        'transactions row 5, column "amount"',
    ]


def test_case_18_customers_older_than_the_log_can_be_left_out(engine: EngineName) -> None:
    """A log that begins in 2024, fitted to those won in 2025: whoever was seen before is older."""
    told = orders(
        ("old", "2024-12-30", 1), ("old", "2025-02-01", 1), ("new", "2025-02-01", 1), ("later", "2026-01-01", 1)
    )  # fmt: skip

    summary = summarize(told, end="2026-02-01", acquired="2025", engine=engine)

    assert summary.customer == ("new",)
    assert summary.made.exclusions == {"customers acquired outside 2025": 2}
    assert columns(summarize(told, end="2026-02-01", acquired=period("2025", zone="UTC"), engine=engine)) == columns(
        summary
    )


# --- calibration and end ----------------------------------------------------------------------------------------------


def test_a_holdout_is_counted_beside_the_calibration(engine: EngineName) -> None:
    """Up to and with the end; who first bought in it is left out and counted, as is what came after the end."""
    told = orders(
        ("ada", "2026-01-05", 10), ("ada", "2026-02-02", 20), ("ada", "2026-02-03", 30), ("ada", "2026-03-02", 40),
        ("ada", "2026-03-03", 50), ("bob", "2026-02-03", 60), ("ada", "2026-02-09", -5), ("cid", "2026-03-09", 1),
    )  # fmt: skip

    summary = summarize(told, calibration_end="2026-02-02", end="2026-03-02", engine=engine)

    assert (summary.customer, summary.x, summary.t_x, summary.T) == (("ada",), (1,), (4.0,), (4.0,))
    assert (summary.x_holdout, summary.spend, summary.spend_holdout) == ((2,), (Decimal(30),), (Decimal(65),))
    assert (summary.T_holdout, summary.calibration_end) == (4.0, date(2026, 2, 2))
    assert summary.made.exclusions == {
        "transactions after the end": 2,
        "days that returns bring to 0 or less": 1,
        "customers who first bought after the calibration end": 1,
    }
    assert "cid" not in str(summary)


def test_days_are_those_of_the_zone(engine: EngineName) -> None:
    """Half past eleven at night in London is the next day in Berlin."""
    told = [
        {"customer": 1, "at": datetime(2026, 1, 5, 23, 30, tzinfo=UTC)},
        {"customer": 1, "at": datetime(2026, 1, 6, 1, 0, tzinfo=UTC)},
    ]

    assert summarize(told, end="2026-01-31", engine=engine).x == (1,)
    assert summarize(told, end="2026-01-31", zone="Europe/Berlin", engine=engine).x == (0,)
    end = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)
    assert summarize(told, end=end, engine=engine).end == date(2026, 1, 5)
    assert summarize(told, end=end, zone="Europe/Berlin", engine=engine).end == date(2026, 1, 6)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"end": None, "unit": "fortnight", "acquired": "someday"}, ["end", "unit", "acquired"]),
        ({"end": "2026-02-02", "calibration_end": "2026-02-02"}, ["calibration_end"]),
        ({"end": "2026-02-02", "calibration_end": "soon"}, ["calibration_end"]),
        ({"end": "2026-02-02", "unit": None}, ["unit"]),
        ({"end": np.datetime64("NaT")}, ["end"]),
        ({"end": "2026-02-02", "returns": "keep", "customer": 7, "amount": 1}, ["customer", "amount", "returns"]),
        ({"end": "2026-02-02", "engine": "abacus"}, ["engine"]),
        ({"end": "2026-02-02", "zone": "Mars"}, ["zone"]),
        ({"end": "2026-02-02", "date_format": "%d"}, ["date_format"]),
        ({"end": "2026-02-02", "currency": "euros"}, ["currency"]),
        ({"end": "2026-02-02", "customer": "Kunde"}, ["transactions columns"]),
    ],
)
def test_wrong_arguments_are_named(wrong: Mapping[str, Any], paths: list[str]) -> None:
    """Each under its own name, all that can be seen at once."""
    with pytest.raises(Invalid) as refused:
        summarize(orders(("ada", "2026-01-05", 1)), **wrong)

    assert [problem.path for problem in refused.value.problems] == paths


# --- amounts ----------------------------------------------------------------------------------------------------------


def test_money_brings_its_currency(engine: EngineName) -> None:
    """Spend is exact, and the currency is said."""
    told = orders(("ada", "2026-01-05", Money("0.10", "EUR")), ("ada", "2026-01-06", Money("0.20", "EUR")))

    summary = summarize(told, end="2026-01-31", engine=engine)

    assert (summary.currency, summary.spend, summary.made.currency) == ("EUR", (Decimal("0.30"),), "EUR")


def test_several_currencies_are_refused() -> None:
    """Also that of bare numbers beside Money of another."""
    told = orders(("ada", "2026-01-05", Money(1, "EUR")), ("ada", "2026-01-06", Money(1, "USD")))

    with pytest.raises(MixedCurrency, match="EUR, USD"):
        summarize(told, end="2026-01-31")
    with pytest.raises(MixedCurrency, match="EUR, GBP"):
        summarize(told[:1], end="2026-01-31", currency="GBP")


def test_bare_numbers_beside_money_are_refused() -> None:
    """Nobody could say what they are in."""
    with pytest.raises(Invalid, match="an amount with its currency"):
        summarize(orders(("ada", "2026-01-05", Money(1, "EUR")), ("ada", "2026-01-06", 1)), end="2026-01-31")


@pytest.mark.parametrize(
    ("end", "day"),
    [
        (date(2026, 3, 2), 2),
        (datetime(2026, 3, 2, 23, 30), 2),
        (datetime(2026, 3, 2, 15, tzinfo=UTC), 3),
        (np.datetime64("2026-03-02T23:30:00", "ns"), 2),
        (np.datetime64("2026-03-02"), 2),
    ],
)
def test_the_end_may_be_what_a_table_of_any_library_holds(end: date | datetime, day: int) -> None:
    """The day it stands for in the zone: it is often the latest date of the table itself."""
    summary = summarize([{"customer": "ada", "at": "2026-03-01"}], unit="day", end=end, zone="Asia/Tokyo")

    assert (summary.end, summary.T) == (date(2026, 3, day), (day - 1,))


def test_a_number_says_why_it_is_no_amount() -> None:
    """It can't be read, or it is beyond all amounts."""
    with pytest.raises(Invalid, match="expected an amount; write it like"):
        summarize([{"customer": "ada", "at": "2026-01-05", "amount": "$12"}], end="2026-03-02")
    with pytest.raises(Invalid, match=r"expected an amount below 10\^18; check for a slipped decimal point"):
        summarize([{"customer": "ada", "at": "2026-01-05", "amount": 1e30}], end="2026-03-02")


@pytest.mark.parametrize("kind", ["float16", "float32", "longdouble"])
def test_floats_of_other_sizes_are_meant_as_written(kind: str, engine: EngineName) -> None:
    """1.1 held in fewer bits is no 1.100000023841858."""
    table = {
        "customer": np.array([1, 1]), "at": np.array(["2026-01-05", "2026-01-06"], "datetime64[D]"),
        "amount": np.array([1.1, 335.5], kind),
    }  # fmt: skip

    assert summarize(table, end="2026-03-02", currency="EUR", engine=engine).spend == (Decimal("336.60"),)


@pytest.mark.parametrize("amounts", [("0.1", "0.2"), (0.1, 0.2), (Decimal("0.1"), Decimal("0.2"))])
def test_numbers_are_summed_exactly(amounts: tuple[object, object], engine: EngineName) -> None:
    """0.1 + 0.2 is 0.3, however they are written."""
    told = orders(("ada", "2026-01-05", amounts[0]), ("ada", "2026-01-06", amounts[1]))

    assert str((summarize(told, end="2026-01-31", engine=engine).spend or ())[0]) == "0.30"


def test_fine_numbers_keep_all_their_decimals(engine: EngineName) -> None:
    """As many as the finest has."""
    told = orders(("ada", "2026-01-05", "1.005"), ("ada", "2026-01-06", "2.5"), ("ada", "2026-01-07", 1))

    summary = summarize(told, end="2026-01-31", engine=engine)

    assert str((summary.spend or ())[0]) == "4.505"
    assert summary.mean == (1.75,)


@pytest.mark.parametrize(
    "amount", ["1e18", "-1e18", "0." + "0" * 30 + "1", "1e-999999999", float("inf"), "1,5", "nan", True, b"1"]
)
def test_numbers_that_are_no_amounts_are_refused(amount: object) -> None:
    """Too large, too fine, or none at all."""
    with pytest.raises(Invalid, match="row 1"):
        summarize(orders(("ada", "2026-01-05", amount)), end="2026-01-31")


def test_amounts_are_as_fine_as_their_currency() -> None:
    """A tenth of a cent is refused where cents are the finest."""
    with pytest.raises(Invalid, match="at most 2 decimals"):
        summarize(orders(("ada", "2026-01-05", "0.001")), end="2026-01-31", currency="EUR")
    assert summarize(orders(("ada", "2026-01-05", 300)), end="2026-01-31", currency="JPY").spend == (Decimal(300),)


def test_large_amounts_are_summed_exactly_with_numpy_too() -> None:
    """Where floats would no longer be exact, plain Python takes over."""
    told = orders(("ada", "2026-01-05", "90071992547409.93"), ("ada", "2026-01-06", "0.01"))

    plain, fast = (summarize(told, end="2026-01-31", engine=engine) for engine in ENGINES)

    assert columns(plain) == columns(fast)
    assert fast.spend == (Decimal("90071992547409.94"),)


# --- tables of any kind -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("returns", ["net", "exclude"])
def test_an_empty_table_is_an_empty_summary(engine: EngineName, returns: Returns) -> None:
    """With no rows, and as many columns."""
    for told in ([], {"customer": [], "at": [], "amount": []}, {"customer": [], "at": []}):
        summary = summarize(told, end="2026-01-31", engine=engine, returns=returns)
        assert len(summary) == 0
        assert summary.to_dicts() == []
        assert "customers" in str(summary)
    empty = {"customer": np.array([], int), "at": np.array([], "datetime64[D]"), "amount": np.array([], float)}
    assert len(summarize(empty, end="2026-01-31", engine=engine, returns=returns)) == 0


class Frame:
    """A table with typed columns, as data frames have."""

    def __init__(self, **columns: object) -> None:
        self.columns = list(columns)
        self._held: dict[str, Any] = dict(columns)

    def __getitem__(self, name: str) -> Series:
        return Series(self._held[name])

    def __len__(self) -> int:
        return len(self._held[self.columns[0]])


class Series:
    """A column of such a table."""

    def __init__(self, array: Any) -> None:  # noqa: ANN401 - numpy's
        self.dtype, self._array = array.dtype, array

    def to_numpy(self) -> object:
        """As an array."""
        return self._array

    def tolist(self) -> list[Any]:
        """As a list."""
        found: list[Any] = self._array.tolist()
        return found


DAYS = np.array(["2026-01-05", "2026-02-02", "2026-02-02", "2026-02-09"], "datetime64[D]")
TYPED: list[dict[str, Any]] = [
    {"customer": np.array([7, 7, 7, 3]), "at": DAYS, "amount": np.array([10.5, 20.25, 1, 3])},
    {
        "customer": np.array([7, 7, 7, 3_000_000], "uint32"),
        "at": DAYS.astype("datetime64[ns]"),
        "amount": np.array([1] * 4),
    },
    {"customer": np.array([7, 7, 7, -3], "int8"), "at": DAYS, "amount": np.array([10.125, -20.25, 1, 0])},
    {"customer": np.array([7, 7, 7, 3]), "at": DAYS, "amount": np.array([0.1234567, 1, 1, 1])},
    {"customer": np.array([7, 7, 7, 3]), "at": DAYS, "amount": np.array([1e15, 1, 1, 1])},
    {"customer": np.array([7, 7, 7, 3]), "at": DAYS, "amount": np.array([1e13 + 0.01, 1e13, 9e12, 9e12] * 1)},
    {"customer": np.array(["a", "a", "a", "b"]), "at": DAYS.tolist(), "amount": np.array(["1", "2", "3", "4"])},
    {"customer": np.array([7, 7, 7, 3]), "at": DAYS},
]


@pytest.mark.parametrize("told", TYPED)
@pytest.mark.parametrize("currency", [None, "EUR"])
@pytest.mark.parametrize("returns", ["net", "exclude", "error"])
def test_typed_columns_say_the_same_as_cells(told: dict[str, Any], currency: str | None, returns: Returns) -> None:
    """Read at once or cell by cell, by numpy or plain Python: the same table, or the same problems."""
    ways = [
        (told, "numpy"),
        (told, "python"),
        (Frame(**{name: np.asarray(column) for name, column in told.items()}), "numpy"),
        ({name: np.asarray(column).tolist() for name, column in told.items()}, "python"),
    ]

    found: list[object] = []
    for table, engine in ways[: 2 if told["at"].__class__ is list else 3]:
        try:
            found.append(columns(summarize(table, end="2026-03-02", currency=currency, returns=returns, engine=engine)))  # type: ignore[arg-type]
        except Invalid as refused:
            found.append(refused.problems)

    assert all(one == found[0] for one in found)


def test_missing_and_impossible_dates_of_typed_columns_are_refused() -> None:
    """Numpy reads none of them; the reading cell by cell names the rows."""
    for wrong in ("NaT", "99999-01-01"):
        days = np.array(["2026-01-05", wrong], "datetime64[D]")
        with pytest.raises(Invalid, match="row 2"):
            summarize({"customer": np.array([1, 2]), "at": days}, end="2026-01-31", engine="numpy")


def test_typed_columns_of_different_lengths_are_refused() -> None:
    """With the names of the short ones."""
    told = {"customer": np.array([1, 2]), "at": DAYS[:2], "amount": np.array([1.0])}

    with pytest.raises(Invalid, match='column "amount": got'):
        summarize(told, end="2026-01-31", engine="numpy")


def test_typed_and_other_columns_of_different_lengths_are_refused() -> None:
    """The typed ones are looked at again."""
    told = {"customer": ["a", "b"], "at": DAYS[:2], "amount": np.array([1.0, 2.0])}
    assert len(summarize(told, end="2026-02-28", engine="numpy")) == 2

    with pytest.raises(Invalid, match='column "customer": got'):
        summarize({**told, "customer": ["a"]}, end="2026-02-28", engine="numpy")


def test_small_tables_need_no_numpy() -> None:
    """Typed or not, they are done before numpy would have begun."""
    told = {"customer": np.array([1, 2]), "at": DAYS[:2]}

    assert columns(summarize(told, end="2026-02-28")) == columns(summarize(told, end="2026-02-28", engine="python"))


def test_keys_that_leave_no_room_for_rows_are_sorted_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole number of 64 bits holds customer, day and row of any table; if not, the order is looked for."""
    told = orders(("a", "2026-01-05", 1), ("b", "2026-01-05", 2), ("a", "2026-01-05", 4), ("a", "2026-01-02", 8))
    expected = columns(summarize(told, end="2026-01-31", engine="numpy"))

    monkeypatch.setattr(purchase_days_module, "ROOM", 1)

    assert columns(summarize(told, end="2026-01-31", engine="numpy")) == expected


def test_customers_far_apart_in_number_are_told_apart() -> None:
    """Ids need not be small, nor close to each other; the order stays that of the rows."""
    told = {"customer": np.array([10**15, 3, 10**15, 5]), "at": DAYS}

    assert summarize(told, end="2026-03-02", engine="numpy").customer == (10**15, 3, 5)


# --- laws -------------------------------------------------------------------------------------------------------------

AMOUNTS = st.one_of(st.integers(-50, 50), st.decimals(-50, 50, places=2), st.floats(-50, 50, width=16), st.just(0))
LOGS = st.lists(
    st.fixed_dictionaries(
        {
            "customer": st.sampled_from(["ada", "bob", "cid", "dee", 1, 2]),
            "at": st.dates(date(1996, 12, 25), date(1997, 2, 10)),
            "amount": AMOUNTS,
        }
    ),
    max_size=40,
)
ENDS = st.sampled_from(["1996-12-24", "1997-01-05", "1997-01-31", "1997-02-28"])


@given(
    LOGS,
    ENDS,
    st.sampled_from([None, "1996-12-31", "1997-01-04"]),
    st.sampled_from(["net", "exclude"]),
    st.sampled_from([None, "1997-01"]),
)
def test_both_engines_say_the_same(
    log: Rows, end: str, cut: str | None, returns: Returns, acquired: str | None
) -> None:
    """To the last digit and the last exclusion."""
    if cut is not None and cut >= end:
        cut = None

    plain, fast = (
        summarize(log, end=end, calibration_end=cut, returns=returns, acquired=acquired, engine=engine)  # type: ignore[arg-type]
        for engine in ENGINES
    )

    assert columns(plain) == columns(fast)


@given(LOGS, st.sampled_from(["net", "exclude"]), st.randoms(use_true_random=False))
def test_a_summary_is_what_its_rules_say(log: Rows, returns: Returns, chance: random.Random) -> None:
    """Worked out once more, customer by customer; the order of the rows does not matter."""
    shuffled = chance.sample(log, len(log))
    summary = summarize(shuffled, end="1997-02-28", unit="day", returns=returns)
    found = {row["customer"]: row for row in summary.to_dicts()}

    kept = [row for row in log if returns == "net" or row["amount"] >= 0]
    for who in {row["customer"] for row in kept}:
        days: dict[date, list[Decimal]] = {}
        for row in kept:
            if row["customer"] == who:
                days.setdefault(row["at"], []).append(Decimal(str(row["amount"])))
        bought = sorted(day for day, amounts in days.items() if sum(amounts) > 0 or min(amounts) >= 0)
        assert (who in found) == bool(bought)
        if bought:
            first, *repeats = bought
            row = found[who]
            assert (row["x"], row["T"]) == (len(repeats), (date(1997, 2, 28) - first).days)
            assert row["t_x"] == (bought[-1] - first).days
            assert row["spend"] == sum(map(sum, days.values()))
            means = sum((sum(days[day]) for day in repeats), Decimal(0)) / len(repeats) if repeats else None
            assert row["mean"] == (None if means is None else pytest.approx(float(means), abs=1e-12))
    assert sum(summary.made.exclusions.values()) >= len({row["customer"] for row in kept}) - len(found)


@given(LOGS)
def test_weeks_are_days_over_seven(log: Rows) -> None:
    """Another unit changes nothing but the numbers it counts in."""
    days, weeks = (summarize(log, end="1997-02-28", unit=unit) for unit in ("day", "week"))

    assert [age / 7 for age in days.T] == list(weeks.T)
    assert (days.x, days.mean, days.spend) == (weeks.x, weeks.mean, weeks.spend)
