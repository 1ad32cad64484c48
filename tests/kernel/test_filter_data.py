"""Filters as JSON-able data, and back."""

from __future__ import annotations

import json
import operator
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.kernel.money import Money
from crmcore.kernel.where import (
    Ago,
    AnyOf,
    Comparison,
    F,
    Filter,
    Membership,
    Not,
    Presence,
    TextMatch,
    ago,
    from_data,
    to_data,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def problems(error: pytest.ExceptionInfo[Invalid]) -> list[str]:
    """Where each problem lies."""
    return [problem.path for problem in error.value.problems]


# --- as data --------------------------------------------------------------------------------------------------------


def test_data_is_what_the_documents_say() -> None:
    """Saved lists outlive a version of the library."""
    asked = (F.amount >= Money("10000", "EUR")) & ~F.stage.is_in(["won"]) | F.won_at.between(ago(hours=36), NOON)
    data = {
        "any": [
            {
                "all": [
                    {"field": "amount", "op": ">=", "value": {"money": "10000.00", "currency": "EUR"}},
                    {"not": {"field": "stage", "op": "in", "values": ["won"]}},
                ]
            },
            {
                "all": [
                    {"field": "won_at", "op": ">=", "value": {"ago": 36, "unit": "hours"}},
                    {"field": "won_at", "op": "<=", "value": {"instant": "2026-11-21T12:00:00+00:00"}},
                ]
            },
        ]
    }

    assert to_data(asked) == data
    assert from_data(data) == asked


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (None, ["filter"]),
        ([], ["filter"]),
        ({}, ["filter"]),
        ({"field": "a", "op": "set", "extra": 1}, ["filter"]),
        ({1: 2}, ["filter"]),
        ({"all": {}}, ["filter.all"]),
        ({"any": [{}, {"not": 7}, {"field": "a", "op": "set"}]}, ["filter.any[0]", "filter.any[1].not"]),
        ({"field": 7, "op": "set"}, ["filter"]),
        ({"field": "a", "op": "unset"}, ["filter.op"]),
        ({"field": "a", "op": "==", "values": [1]}, ["filter.op"]),
        ({"field": "a", "op": "in", "values": "DE"}, ["filter.values"]),
        ({"field": "a", "op": "in", "values": [1, None, [], {}]}, [f"filter.values[{index}]" for index in (1, 2, 3)]),
        ({"field": "a", "op": ["=="], "value": 1}, ["filter"]),
        ({"field": "a", "op": "~", "value": 1}, ["filter"]),
        ({"field": "a", "op": "contains", "value": 1}, ["filter"]),
        ({"field": "a", "op": "==", "value": {"decimal": "ten"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"decimal": 10}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"money": "1", "currency": "EURO"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"date": "yesterday"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"date": "2026-01-01", "zone": "UTC"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"instant": "2026-01-01T00:00"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"ago": 1, "unit": "years"}}, ["filter.value"]),
        ({"field": "a", "op": "==", "value": {"ago": True, "unit": "days"}}, ["filter.value"]),
    ],
)
def test_malformed_data_is_refused_with_its_place(data: object, paths: list[str]) -> None:
    """Every problem of it, and never by another error."""
    with pytest.raises(Invalid) as error:
        from_data(data)

    assert problems(error) == paths


def test_data_too_deep_is_refused() -> None:
    """Long before Python's own limit."""
    data: object = {"field": "a", "op": "set"}
    for _ in range(5_000):
        data = {"not": data}

    with pytest.raises(Invalid, match="100 levels"):
        from_data(data)


names = st.sampled_from(["stage", "seats", "won_at", "custom.région", "external.a b"])
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=5)
constants = st.one_of(
    texts,
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.builds(Money.of_minor, st.integers(-(2**62), 2**62), st.sampled_from(["EUR", "JPY", "KWD"])),
    st.dates(),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()),
    st.builds(Ago, st.integers(-(10**6), 10**6)),
)
leaves = st.one_of(
    st.builds(Comparison, names, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), constants),
    st.builds(Membership, names, st.lists(constants, max_size=3)),
    st.builds(Presence, names, st.booleans()),
    st.builds(TextMatch, names, st.sampled_from(["contains", "starts with", "has"]), texts),
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(operator.and_, inner, inner),
        st.builds(operator.or_, inner, inner),
        st.builds(Not, inner),
        st.builds(AnyOf, st.lists(inner, max_size=3)),
    ),
    max_leaves=8,
)


@given(filters)
def test_data_holds_any_filter(asked: Filter) -> None:
    """There and back through JSON it is the same filter, and hashes alike."""
    back = from_data(json.loads(json.dumps(to_data(asked))))

    assert back == asked
    assert hash(back) == hash(asked)
    assert str(back) == str(asked)
    assert back.fields == asked.fields


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["==", "in", "a", "set"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["all", "any", "not", "field", "op", "value", "values", "decimal", "money", "currency", "ago", "unit"]
            ),
            inner,
            max_size=3,
        )
        | st.fixed_dictionaries({"field": st.just("a"), "op": inner, "value": inner})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=12,
)


@given(json_values)
def test_any_data_gives_a_filter_or_invalid(data: object) -> None:
    """Never another error."""
    try:
        asked = from_data(data)
    except Invalid:
        return
    assert from_data(to_data(asked)) == asked
