"""Filters as SQL: the same records as in Python, through an index where there is one."""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.where import (
    AllOf,
    AnyOf,
    Comparison,
    F,
    FieldType,
    Filter,
    Membership,
    Not,
    Presence,
    TextMatch,
    checked,
    explain,
    predicate,
    select,
)
from crmcore.stores.filter_sql import Column, SqlFilter, sql_of

SCALE = 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST = 2**63 - 1
FIELDS: dict[str, FieldType] = {
    "stage": "text",
    "seats": "integer",
    "rate": "decimal",
    "amount": "money",
    "active": "boolean",
    "close_on": "date",
    "won_at": "instant",
    "tags": "texts",
    "custom.region": "text",
    "external.hubspot": "text",
}
COLUMNS = {name: Column(name, type, SCALE) for name, type in FIELDS.items() if "." not in name and type != "texts"}


# --- rows, and a table of them --------------------------------------------------------------------------------------

words = st.sampled_from(["", "won", "Won", "wonder", "lost", "straße", "STRASSE", "é", "\U0001f600", "\uffff"])
integers = st.integers(-3, 3) | st.sampled_from([-LARGEST - 1, -LARGEST, LARGEST - 1, LARGEST])
decimals = st.integers(-3_000, 3_000).map(lambda thousandths: Decimal(thousandths).scaleb(-SCALE))
moneys = st.builds(
    Money.of_minor, st.integers(-3, 3) | st.sampled_from([-LARGEST, LARGEST]), st.sampled_from(["EUR", "USD", "JPY"])
)
days = st.dates(date(2026, 1, 1), date(2026, 1, 4)) | st.sampled_from([date.min, date.max])
instants = st.sampled_from([EPOCH, EPOCH - timedelta(microseconds=1), datetime(1, 1, 2, tzinfo=UTC)]) | st.datetimes(
    datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 0, 1), timezones=st.just(UTC)
)
held: dict[FieldType, st.SearchStrategy[object]] = {
    "text": words,
    "integer": integers,
    "decimal": decimals,
    "money": moneys,
    "boolean": st.booleans(),
    "date": days,
    "instant": instants,
}
mappings = st.dictionaries(st.sampled_from(["region", "hubspot"]), st.none() | words, max_size=2)
rows = st.builds(
    SimpleNamespace,
    **{name: st.none() | held[column.type] for name, column in COLUMNS.items()},
    tags=st.none() | st.lists(words, max_size=2).map(tuple),
    custom=mappings,
    external=mappings,
)


def laid_down(row: SimpleNamespace) -> tuple[int | str | None, ...]:
    """A row as its columns hold it."""
    return (
        row.stage,
        row.seats,
        None if row.rate is None else int(row.rate * 10**SCALE),
        None if row.amount is None else row.amount.minor,
        None if row.amount is None else row.amount.currency,
        None if row.active is None else int(row.active),
        None if row.close_on is None else row.close_on.isoformat(),
        None if row.won_at is None else (row.won_at - EPOCH) // timedelta(microseconds=1),
    )


def table(rows: Sequence[SimpleNamespace] = ()) -> sqlite3.Connection:
    """The rows in SQLite, numbered from 0."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE deal (id INTEGER PRIMARY KEY, stage TEXT, seats INTEGER, rate INTEGER, amount INTEGER, "
        "amount_currency TEXT, active INTEGER, close_on TEXT, won_at INTEGER)"
    )
    numbered = [(number, *laid_down(row)) for number, row in enumerate(rows)]
    connection.executemany(f"INSERT INTO deal VALUES ({', '.join('?' * 9)})", numbered)
    return connection


def found(connection: sqlite3.Connection, asked: SqlFilter) -> set[int]:
    """The numbers of the rows a condition selects."""
    return {number for (number,) in connection.execute(f"SELECT id FROM deal WHERE {asked.text}", asked.params)}


# --- filters, and what they mean ------------------------------------------------------------------------------------

numbers = st.integers(-4, 4) | st.sampled_from([2**63, -(2**63), -(2**63) - 1, 10**30, LARGEST])
fine = st.sampled_from(
    ["0.0005", "-0.0005", "0.001", "2.5", "1E+30", "-1E-30", "9223372036854775.807", "9223372036854775.8075"]
)
constants: dict[FieldType, st.SearchStrategy[object]] = {
    **held,
    "integer": numbers | fine.map(Decimal),
    "decimal": numbers | decimals | fine.map(Decimal),
}


def leaves_of(name: str) -> st.SearchStrategy[Filter]:
    """Everything that may be asked of a field."""
    type = FIELDS[name]
    if type == "texts":
        return st.builds(TextMatch, st.just(name), st.just("contains"), words) | st.just(Presence(name))
    order = ["==", "!="] if type == "boolean" else ["==", "!=", "<", "<=", ">", ">="]
    options = [
        st.builds(Comparison, st.just(name), st.sampled_from(order), constants[type]),
        st.builds(Membership, st.just(name), st.lists(constants[type], max_size=3)),
        st.just(Presence(name)),
    ]
    if type == "text":
        options.append(st.builds(TextMatch, st.just(name), st.sampled_from(["contains", "starts with"]), words))
    return st.one_of(options)


filters = st.recursive(
    st.sampled_from(sorted(FIELDS)).flatmap(leaves_of),
    lambda inner: st.one_of(
        st.builds(operator.and_, inner, inner),
        st.builds(operator.or_, inner, inner),
        st.builds(operator.invert, inner),
        st.builds(AllOf, st.lists(inner, max_size=3)),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
    ),
    max_leaves=10,
)

COMPARED = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def means(asked: Filter, row: SimpleNamespace) -> bool:  # noqa: C901, PLR0911 - one case for each shape
    """What a filter says of a row, read word by word."""
    match asked:
        case AllOf(parts):
            return all(means(part, row) for part in parts)
        case AnyOf(parts):
            return any(means(part, row) for part in parts)
        case Not(part):
            return not means(part, row)
    whole, _, key = asked.field.partition(".")
    value = getattr(row, whole).get(key) if key else getattr(row, whole)
    if value is None or value == ():
        return False
    match asked:
        case Comparison(_, symbol, Money() as money):
            return value.currency == money.currency and COMPARED[symbol](value.minor, money.minor)
        case Comparison(_, symbol, constant):
            return COMPARED[symbol](value, constant)
        case Membership(_, members):
            return any(value == member for member in members)
        case TextMatch(_, "contains", text):
            return text.casefold() in value.casefold()
        case TextMatch(_, "starts with", text):
            return value.casefold().startswith(text.casefold())
        case TextMatch(_, "has", text):
            return text.casefold() in [item.casefold() for item in value]
        case _:
            return True


def check(asked: Filter) -> Filter:
    """The filter, checked against the fields above."""
    return checked(asked, FIELDS, currency="EUR", at=None, zone="UTC")


# --- laws -----------------------------------------------------------------------------------------------------------


@given(filters, st.lists(rows, max_size=6), st.sets(st.sampled_from(sorted(COLUMNS))))
def test_python_and_sql_select_the_same(asked: Filter, rows: list[SimpleNamespace], kept: set[str]) -> None:
    """Whatever is asked, whatever is missing, and whichever fields have columns."""
    where = check(asked)
    expected = {number for number, row in enumerate(rows) if means(where, row)}
    matches = predicate(where)
    selected = sql_of(where, {name: COLUMNS[name] for name in kept})
    with closing(table(rows)) as connection:
        in_sql = found(connection, selected)

    assert {number for number, row in enumerate(rows) if matches(row)} == expected
    assert select(where, rows) == [rows[number] for number in sorted(expected)]
    assert {number for number, row in enumerate(rows) if explain(where, row).matches} == expected
    assert {number for number in in_sql if matches(rows[number])} == expected
    assert in_sql == expected or not selected.exact


@given(filters, st.lists(rows, max_size=6))
def test_a_filter_and_its_complement_part_the_records(asked: Filter, rows: list[SimpleNamespace]) -> None:
    """Each record matches just one of them: in Python, and in SQL where both are exact."""
    where = check(asked)
    both = [sql_of(where, COLUMNS), sql_of(Not(where), COLUMNS)]
    with closing(table(rows)) as connection:
        inside, outside = (found(connection, part) for part in both)

    assert len(select(where, rows)) + len(select(Not(where), rows)) == len(rows)
    assert inside | outside == set(range(len(rows)))
    assert not inside & outside or not all(part.exact for part in both)


@given(
    st.sampled_from(["seats", "rate"]),
    st.sampled_from(list(COMPARED)),
    numbers | fine.map(Decimal),
    st.lists(rows, max_size=6),
)
def test_numbers_no_column_can_hold_compare_exactly(
    name: str, symbol: str, constant: int | Decimal, rows: list[SimpleNamespace]
) -> None:
    """Finer than the scale, or larger than 64 bits: the condition is exact, and the driver never overflows."""
    where = check(Comparison(name, symbol, constant))
    asked = sql_of(where, COLUMNS)
    with closing(table(rows)) as connection:
        assert asked.exact
        assert found(connection, asked) == {number for number, row in enumerate(rows) if means(where, row)}


# --- what is asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "text", "params"),
    [
        (F.stage == "won", '"stage" = ?', ("won",)),
        (F.stage != "won", '"stage" <> ?', ("won",)),
        (F.amount >= 10, '"amount" >= ? AND "amount_currency" = ?', (1000, "EUR")),
        (~(F.amount >= 10), '("amount" >= ? AND "amount_currency" = ?) IS NOT TRUE', (1000, "EUR")),
        (F.amount > 10, '"amount" >= ? AND "amount_currency" = ?', (1001, "EUR")),
        (F.rate > Decimal("0.0005"), '"rate" >= ?', (1,)),
        (F.rate < Decimal("0.0005"), '"rate" <= ?', (0,)),
        (F.rate <= Decimal("0.5"), '"rate" <= ?', (500,)),
        (F.rate == Decimal("0.0005"), "1 = 0", ()),
        (F.rate != Decimal("0.0005"), '"rate" IS NOT NULL', ()),
        (F.seats < 2**70, '"seats" IS NOT NULL', ()),
        (F.seats > 2**70, "1 = 0", ()),
        (F.seats >= -(2**70), '"seats" IS NOT NULL', ()),
        (F.seats <= -(2**70), "1 = 0", ()),
        (F.active == True, '"active" = ?', (1,)),  # noqa: E712 - the builder compares
        (F.close_on < "2026-11-13", '"close_on" < ?', ("2026-11-13",)),
        (F.won_at >= EPOCH + timedelta(seconds=1), '"won_at" >= ?', (1_000_000,)),
        (F.stage.is_in(["won", "lost"]), '"stage" IN (?, ?)', ("won", "lost")),
        (F.seats.is_in([1, 2**70, Decimal("0.5")]), '"seats" IN (?)', (1,)),
        (F.seats.is_in([]), "1 = 0", ()),
        (~F.seats.is_in([]), "1 = 1", ()),
        (
            F.amount.is_in([1, 2, Money("3", "USD")]),
            '("amount" IN (?, ?) AND "amount_currency" = ? OR "amount" IN (?) AND "amount_currency" = ?)',
            (100, 200, "EUR", 300, "USD"),
        ),
        (F.stage.is_set & ~F.amount.is_set, '"stage" IS NOT NULL AND "amount" IS NULL', ()),
        (
            (F.seats == 1) & ((F.seats == 2) | (F.seats == 3)),
            '"seats" = ? AND ("seats" = ? OR "seats" = ?)',
            (1, 2, 3),
        ),
        (AllOf(()), "1 = 1", ()),
        (~AllOf(()) | (F.seats == 1), '"seats" = ?', (1,)),
        (AnyOf(()) & (F.seats == 1), "1 = 0", ()),
    ],
    ids=str,
)
def test_conditions(asked: Filter, text: str, params: tuple[object, ...]) -> None:
    """As a person would write them: parameters bound, nulls wrapped beneath NOT only."""
    assert sql_of(check(asked), COLUMNS) == SqlFilter(text, params, exact=True)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (F.stage.contains("w"), "1 = 1"),
        (F.tags.contains("w"), "1 = 1"),
        (F.custom.region.is_set, "1 = 1"),
        (~F.custom.region.is_set, "1 = 1"),
        ((F.stage == "won") & F.stage.contains("w"), '"stage" = ?'),
        ((F.stage == "won") | F.stage.contains("w"), "1 = 1"),
        ((F.stage == "won") | (F.seats == 1) & F.tags.is_set, '("stage" = ? OR "seats" = ?)'),
        (~((F.stage == "won") & F.tags.is_set), "1 = 1"),
        (F.seats.is_in(range(501)) & (F.stage == "won"), '"stage" = ?'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_has_no_column_widens_the_condition(asked: Filter, text: str) -> None:
    """It selects more, says so, and the store asks again."""
    made = sql_of(check(asked), COLUMNS)

    assert (made.text, made.exact) == (text, False)


def test_a_part_that_holds_for_all_decides_any_of() -> None:
    """Everything, or something unknown, is everything."""
    assert sql_of(AllOf(()) | F.custom.region.is_set, COLUMNS) == SqlFilter("1 = 1", (), exact=True)


@pytest.mark.parametrize(
    ("asked", "column"),
    [
        (F.amount >= 5, Column("amount", "money")),
        (F.won_at >= date(2026, 1, 1), Column("won_at", "instant")),
        (F.close_on >= EPOCH, Column("close_on", "date")),
        (F.active == 1, Column("active", "boolean")),
        (F.seats.is_in([1, True]), Column("seats", "integer")),
    ],
)
def test_unchecked_constants_are_refused(asked: Filter, column: Column) -> None:
    """They would compare in another way than in Python."""
    with pytest.raises(Invalid, match="check the filter first"):
        sql_of(asked, {column.name: column})


def test_only_declared_names_become_columns() -> None:
    """A name is the only text that reaches a statement."""
    for name in ('a" OR 1 = 1 --', "", "Amount", "a b", "é", "1a", "a\n"):
        with pytest.raises(Invalid):
            Column(name, "text")
    with pytest.raises(Invalid):
        Column("tags", "texts")


def test_hostile_values_are_only_parameters() -> None:
    """Nothing a user types becomes part of a statement."""
    hostile = ["' OR 1 = 1 --", '"; DROP TABLE deal; --', "?", "%s", "\\", "1 = 1", "\n"]
    empty = dict.fromkeys(COLUMNS) | {"tags": None, "custom": {}, "external": {}}
    rows = [SimpleNamespace(**(empty | {"stage": text})) for text in hostile]
    with closing(table(rows)) as connection:
        for number, text in enumerate(hostile):
            asked = sql_of(check((F.stage == text) & ~(F.stage != text) & F.stage.is_in([text])), COLUMNS)
            assert text == "?" or text not in asked.text
            assert found(connection, asked) == {number}


def nested(levels: int, leaf: Filter) -> Filter:
    """A filter whose condition has that many open parentheses, each after as much as there can be."""
    asked: Filter = leaf
    for _ in range(levels):
        asked = (F.seats == 2) | (F.seats == 3) & asked
    return asked


def test_the_largest_conditions_are_taken_by_the_database() -> None:
    """And what is larger is asked in Python."""
    many = AnyOf([F.amount == cents for cents in range(125)])
    long = AnyOf([F.seats.is_in(range(500)) for _ in range(20)])
    deep = AnyOf([nested(9, F.amount == 1), *[~(F.seats == 1)] * 100, nested(8, ~(F.amount == 1))])
    for asked in (many, long, deep):
        made = sql_of(check(asked), COLUMNS)
        with closing(table()) as connection:
            assert found(connection, made) == set()
        assert made.exact

    for asked in (many | (F.seats == 1), long | (F.seats == 1), nested(11, F.seats == 1)):
        assert sql_of(check(asked), COLUMNS) == SqlFilter("1 = 1", (), exact=False)


def test_a_condition_is_safe_beside_and() -> None:
    """A store adds its own, such as the tenant, and nothing may slip past it."""
    asked = sql_of((F.stage == "won") | (F.stage == "lost"), COLUMNS)
    empty = dict.fromkeys(COLUMNS) | {"tags": None, "custom": {}, "external": {}}
    with closing(table([SimpleNamespace(**(empty | {"stage": "won"}))])) as connection:
        assert found(connection, attrs.evolve(asked, text=f"id < 0 AND {asked.text} AND id < 0")) == set()


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (F.stage == "won", "by_stage"),
        (F.stage.is_in(["won", "lost"]), "by_stage"),
        (~F.stage.is_set, "by_stage"),
        (F.amount.between(10, 20), "by_amount"),
        (F.amount >= 10, "by_amount"),
        ((F.won_at > EPOCH) & F.tags.is_set, "by_won_at"),
        ((F.stage == "won") | (F.amount == 10), "MULTI-INDEX OR"),
    ],
    ids=str,
)
def test_conditions_use_their_index(asked: Filter, index: str) -> None:
    """Equality, lists, ranges and absence."""
    made = sql_of(check(asked), COLUMNS)
    with closing(table()) as connection:
        for name, columns in (("stage", "stage"), ("amount", "amount_currency, amount"), ("won_at", "won_at")):
            connection.execute(f"CREATE INDEX by_{name} ON deal ({columns})")
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM deal WHERE {made.text}", made.params).fetchall()

    assert index in plan[0][3]
    assert "SCAN" not in " ".join(step[3] for step in plan)
