"""Customer lifetime value: its parts, its discount, its units, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from math import exp, log1p
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore.analytics.calculus.engines import EngineName
from crmcore.analytics.clv import BGBB, BGNBD, MBGNBD, GammaGamma, like_rows as like_rows_module
from crmcore.analytics.clv.discount import Discount
from crmcore.analytics.clv.summarizing import summarize
from crmcore.analytics.clv.summary import CustomerSummary
from crmcore.analytics.clv.valuing import lifetime_value
from crmcore.kernel.errors import Invalid, MixedCurrency
from crmcore.kernel.money import Money

np = pytest.importorskip("numpy")

MODEL = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
ENGINES: tuple[EngineName, ...] = ("python", "numpy")
ORDERS = [
    {"customer": "ada", "at": "2026-01-05", "amount": "15.00"},
    {"customer": "ada", "at": "2026-02-02", "amount": "50.00"},
    {"customer": "ada", "at": "2026-03-02", "amount": "150.00"},
    {"customer": "bob", "at": "2026-02-09", "amount": "30.00"},
]


SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)
INFINITE = GammaGamma(p=2, q=0.9, v=10)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> EngineName:
    """Each engine in turn."""
    name: EngineName = request.param
    return name


@pytest.fixture
def customers() -> CustomerSummary:
    """Two customers, in euros and weeks."""
    return summarize(ORDERS, end="2026-03-30", unit="week", currency="EUR")


def in_small_steps(until: float, rate: float, expected: Callable[[float], float], steps: int = 2_000) -> float:
    """Purchases discounted each at the middle of a small step."""
    width = until / steps
    so_far = [expected(width * step) for step in range(1, steps + 1)]
    return sum(
        exp(-rate * width * (step + 0.5)) * (now - before)
        for step, (now, before) in enumerate(zip(so_far, [0.0, *so_far], strict=False))
    )


# --- the parts --------------------------------------------------------------------------------------------------------


def test_value_is_what_was_spent_and_what_is_to_come(customers: CustomerSummary, engine: EngineName) -> None:
    """15 + 50 + 150 is 215, and total is the sum of its parts, to the cent."""
    value = lifetime_value(MODEL, SPEND, customers, horizon="12 months", engine=engine)

    assert value.customer == ("ada", "bob")
    assert value.p_alive == (MODEL.p_alive(2, 8, 12), 1.0)
    assert value.historical == (Money("215.00", "EUR"), Money("30.00", "EUR"))
    assert value.total is not None
    for past, ahead, total in zip(value.historical, value.residual, value.total, strict=True):
        assert isinstance(ahead, Money)
        assert past + ahead == total
    spends = SPEND.expected_spend([2, 0], [100.0, 0.0])
    worth = lifetime_value(MODEL, 1, customers, horizon="12 months", engine=engine).residual_unrounded
    assert value.residual_unrounded == tuple(
        pytest.approx(count * each, rel=1e-14) for count, each in zip(worth, spends, strict=True)
    )
    assert value.reasons == {}


def test_expected_counts_purchases_whatever_the_discount(customers: CustomerSummary, engine: EngineName) -> None:
    """Those within the horizon, as the model expects them; only what they are worth is discounted."""
    plain = MODEL.conditional_expected_purchases("12 months", [2, 0], [8, 0], [12, 7])
    for terms in ({}, {"discount": None}, {"discount": Discount(annual=5)}, {"steps": "month"}):
        value = lifetime_value(MODEL, 1, customers, horizon="12 months", engine=engine, **terms)  # type: ignore[arg-type]
        assert value.expected == pytest.approx(plain, rel=1e-9)
        assert value.definitions["expected"] == "purchases expected within the horizon"
        if terms != {"discount": None}:
            assert (value.residual_unrounded[0] or 0) < (value.expected[0] or 0)


def test_purchases_to_come_are_discounted_continuously(customers: CustomerSummary, engine: EngineName) -> None:
    """Each from when it is made: the same as in very small steps."""
    value = lifetime_value(MODEL, 1, customers, horizon="12 months", engine=engine)

    weeks = 365.25 / 7
    rate = log1p(0.10) / weeks
    for found, row in zip(value.residual_unrounded, [(2, 8, 12), (0, 0, 7)], strict=True):
        steps = in_small_steps(weeks, rate, lambda t, row=row: MODEL.conditional_expected_purchases(t, *row))
        assert found == pytest.approx(steps, rel=1e-7)


def test_for_ever_is_dert(customers: CustomerSummary, engine: EngineName) -> None:
    """What a long horizon comes to."""
    value = lifetime_value(MODEL, 1, customers, engine=engine)

    rate = Discount(annual=0.10).rate(customers.unit)  # type: ignore[arg-type]
    assert value.expected == (pytest.approx(MODEL.dert(rate, 2, 8, 12)), pytest.approx(MODEL.dert(rate, 0, 0, 7)))
    assert value.residual_unrounded == value.expected
    assert "at its present value" in value.definitions["expected"]
    far = lifetime_value(MODEL, 1, customers, horizon="300 years", engine=engine)
    assert far.residual_unrounded == pytest.approx(value.expected, rel=1e-6)


def test_months_are_discounted_one_by_one(customers: CustomerSummary, engine: EngineName) -> None:
    """As a loop over months does, of 30.4375 days each, at 10 % a year."""
    value = lifetime_value(MODEL, 1, customers, horizon="3 months", steps="month", engine=engine)

    month = 30.4375 / 7
    made = [MODEL.conditional_expected_purchases(month * number, 2, 8, 12) for number in (1, 2, 3)]
    worth = [
        (now - before) / 1.1 ** (number / 12)
        for number, (before, now) in enumerate(zip([0, *made], made, strict=False), 1)
    ]
    assert value.residual_unrounded[0] == pytest.approx(sum(worth), rel=1e-12)
    assert value.expected[0] == pytest.approx(made[-1], rel=1e-12)
    assert (value.horizon, value.steps, value.discount) == ("3 months", "month", Discount(annual=0.10))


def test_without_a_discount_purchases_are_counted(customers: CustomerSummary, engine: EngineName) -> None:
    """A model's own units need no calendar then."""
    bare = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)

    for model, told in ((MODEL, customers), (bare, customers), (bare, customers.columns())):
        value = lifetime_value(model, 1, told, horizon=39, discount=None, engine=engine)
        assert value.expected[0] == pytest.approx(MODEL.conditional_expected_purchases(39, 2, 8, 12), rel=1e-9)


def test_margin_multiplies_spend_past_and_to_come(customers: CustomerSummary, engine: EngineName) -> None:
    """Rounded half-even to cents."""
    all_of_it, some = (
        lifetime_value(MODEL, 40, customers, horizon=52, margin=margin, engine=engine) for margin in (1, "0.333")
    )

    assert some.historical == (Money("71.60", "EUR"), Money("9.99", "EUR"))
    assert some.expected == all_of_it.expected
    assert some.residual_unrounded[0] == pytest.approx(0.333 * (all_of_it.residual_unrounded[0] or 0))
    assert some.definitions["historical"].startswith("margin of 0.333 × what all past purchases came to")
    assert all_of_it.definitions["historical"].startswith("what all past purchases came to")


def test_without_a_currency_the_past_is_exact_and_the_future_a_float(engine: EngineName) -> None:
    """As bare numbers are."""
    told = summarize(ORDERS, end="2026-03-30", unit="week")
    value = lifetime_value(MODEL, Money(40, "USD"), told, horizon=52, engine=engine)
    plain = lifetime_value(MODEL, "40", told, horizon=52, engine=engine)

    assert value.currency == "USD"
    assert value.historical == (Money("215.00", "USD"), Money("30.00", "USD"))
    assert plain.historical == (Decimal(215), Decimal(30))
    assert plain.residual == plain.residual_unrounded
    assert plain.total == (pytest.approx(215 + (plain.residual[0] or 0)), pytest.approx(30 + (plain.residual[1] or 0)))
    assert "customer lifetime value" in str(plain)


def test_opportunities_may_be_called_n(engine: EngineName) -> None:
    """As BG/BB calls them."""
    model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, unit="year")
    value = lifetime_value(model, 50, {"x": [2], "t_x": [3], "n": [6]}, horizon="5 years", engine=engine)

    assert value.expected == (pytest.approx(model.conditional_expected_purchases(5, 2, 3, 6), rel=1e-12),)


def test_a_fit_stands_for_its_model() -> None:
    """As what fit() found is at hand."""
    rows = {"x": [0, 1, 2, 0, 4], "t_x": [0, 3.5, 9, 0, 12], "T": [14, 14, 14, 9, 13]}
    fit = MBGNBD.fit(rows, unit="week")

    assert lifetime_value(fit, 1, rows, horizon=9).expected == lifetime_value(fit.model, 1, rows, horizon=9).expected


# --- what is undefined ------------------------------------------------------------------------------------------------


def test_what_was_spent_may_be_unknown(engine: EngineName) -> None:
    """Then so is the total."""
    value = lifetime_value(MODEL, 1, {"x": [0], "t_x": [0], "T": [1]}, horizon=52, engine=engine)

    assert value.historical is value.total is None
    assert list(value.reasons) == ["historical"]
    assert value.to_dicts() == [
        {"customer": 1, "p_alive": 1.0, "expected": value.expected[0], "historical": None,
         "residual": value.residual[0], "total": None}
    ]  # fmt: skip


def test_free_purchases_tell_nothing_of_spend(engine: EngineName) -> None:
    """Somebody who never paid is expected to spend as somebody unknown."""
    told = {"x": [2, 0], "t_x": [3, 0], "T": [9, 9], "mean": [0, 0]}
    free, unknown = lifetime_value(MODEL, SPEND, told, horizon=52, engine=engine).residual_unrounded
    count, other = lifetime_value(MODEL, 1, told, horizon=52, engine=engine).residual_unrounded

    assert (free or 0) / (count or 1) == pytest.approx((unknown or 0) / (other or 1)) == SPEND.population_mean
    with pytest.raises(Invalid, match="a mean spend above 0"):
        lifetime_value(MODEL, SPEND, {**told, "mean": [-5, 0]}, horizon=52, engine=engine)


def test_an_infinite_mean_of_spend_is_said(customers: CustomerSummary, engine: EngineName) -> None:
    """None, with the reason, and no number that means nothing."""
    value = lifetime_value(MODEL, INFINITE, customers, horizon=52, engine=engine)

    assert value.residual[0] is not None
    assert value.residual[1] is None
    assert (value.total or ())[1] is None
    assert list(value.reasons) == ["residual"]
    bare = lifetime_value(MODEL, INFINITE, attrs_without_currency(customers), horizon=52, engine=engine)
    assert (bare.total or ())[1] is None


def attrs_without_currency(summary: CustomerSummary) -> CustomerSummary:
    """The same in bare numbers."""
    import attrs

    return attrs.evolve(summary, currency=None)


class Endless:
    """A model whose purchases to come have no finite sum."""

    unit = MODEL.unit
    p_alive = MODEL.p_alive

    def dert(self, rate: float, x: Sequence[float], t_x: object, T: object) -> list[None]:  # noqa: N803
        """Infinite."""
        return [None] * len(x)


def test_infinite_purchases_are_said(customers: CustomerSummary, engine: EngineName) -> None:
    """None, with the reason."""
    value = lifetime_value(Endless(), 35, customers, engine=engine)  # type: ignore[arg-type]

    assert value.expected == value.residual_unrounded == value.residual == (None, None)
    assert list(value.reasons) == ["expected"]
    assert "infinite" in str(value)


@pytest.mark.parametrize(
    ("wrong", "paths"),
    [
        ({"margin": "much", "discount": 0.1, "steps": "week"}, ["discount", "steps", "margin"]),
        ({"margin": -1}, ["margin"]),
        ({"margin": 30}, ["margin"]),
        ({"discount": None}, ["horizon"]),
        ({"discount": Discount(annual=0)}, ["horizon"]),
        ({"steps": "month"}, ["horizon"]),
        ({"steps": "month", "horizon": "2 weeks"}, ["horizon"]),
        ({"steps": "month", "horizon": "6 weeks"}, ["horizon"]),
        ({"horizon": "soon"}, ["horizon"]),
        ({"engine": "abacus"}, ["engine"]),
        ({"spend": "much"}, ["spend"]),
        ({"spend": -1}, ["spend"]),
        ({"spend": Money(-1, "EUR")}, ["spend"]),
        ({"spend": 10**18}, ["spend"]),
        ({"model": 7}, ["model"]),
        ({"customers": {"x": [1], "t_x": [2], "T": [1]}}, ['customers row 1, column "t_x"']),
    ],
)
def test_wrong_arguments_of_a_valuation_are_named(wrong: dict[str, Any], paths: list[str]) -> None:
    """Each under its own name."""
    told = {"model": MODEL, "spend": 1, "customers": {"x": [0], "t_x": [0], "T": [1]}, **wrong}

    with pytest.raises(Invalid) as refused:
        lifetime_value(told.pop("model"), told.pop("spend"), told.pop("customers"), **told)

    assert [problem.path for problem in refused.value.problems] == paths


def test_a_model_without_a_unit_has_no_calendar(customers: CustomerSummary) -> None:
    """A discount by the year, months and "12 months" need one; nothing is assumed."""
    bare = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)

    for terms in (
        {"horizon": 52},
        {"horizon": "12 months", "discount": None},
        {"horizon": 52, "steps": "month", "discount": None},
    ):
        with pytest.raises(Invalid, match="unit: got None"):
            lifetime_value(bare, 1, customers, **terms)  # type: ignore[arg-type]


def test_a_history_in_another_unit_is_refused(customers: CustomerSummary) -> None:
    """It is converted by nobody but the caller."""
    daily = BGNBD(r=0.243, alpha=4.414 * 7, a=0.793, b=2.426, unit="day")

    with pytest.raises(Invalid, match="a history in the model's unit, day"):
        lifetime_value(daily, 1, customers, horizon=365)
    days = summarize(ORDERS, end="2026-03-30", unit="day", currency="EUR")
    assert lifetime_value(daily, 40, days, horizon="12 months").expected == pytest.approx(
        lifetime_value(MODEL, 40, customers, horizon="12 months").expected, rel=1e-9
    )


def test_spend_in_another_currency_is_refused(customers: CustomerSummary) -> None:
    """And a model of spend needs the means."""
    with pytest.raises(MixedCurrency, match="USD and EUR"):
        lifetime_value(MODEL, Money(35, "USD"), customers)
    with pytest.raises(Invalid, match="no column mean"):
        lifetime_value(MODEL, SPEND, {"x": [0], "t_x": [0], "T": [1]})


# --- shown ------------------------------------------------------------------------------------------------------------


def test_a_valuation_as_text(customers: CustomerSummary) -> None:
    """Sums above, the first customers below."""
    value = lifetime_value(MODEL, 40, customers, horizon="12 months")
    many = lifetime_value(MODEL, 40, {"x": [0] * 12, "t_x": [0] * 12, "T": [1] * 12})
    none = lifetime_value(MODEL, 40, {"x": [], "t_x": [], "T": []})

    assert repr(value) == "<LifetimeValue: 2 customers, horizon 12 months>"
    assert repr(many) == "<LifetimeValue: 12 customers, for ever>"
    assert "245.00 EUR" in str(value)
    assert "10.00% a year, continuous" in str(value)
    assert "purchases expected within the horizon" in str(value)
    monthly = lifetime_value(MODEL, 40, customers, horizon="12 months", steps="month")
    assert "10.00% a year, at the end of each month" in str(monthly)
    assert "none" in str(lifetime_value(MODEL, 40, customers, horizon="12 months", discount=None))
    assert "… and 2 more" in str(many)
    assert len(none) == 0
    assert "customers" in str(none)
    assert set(value.definitions) == {"p_alive", "expected", "historical", "residual", "total"}


# --- laws -------------------------------------------------------------------------------------------------------------

HISTORIES = st.lists(
    st.integers(0, 300).flatmap(
        lambda age: st.tuples(st.integers(0, 4), st.integers(0, age), st.just(age), st.floats(0.01, 99))
    ),
    max_size=12,
)
UNITS = st.sampled_from(["day", "week", "month"])


@settings(max_examples=25)
@given(HISTORIES, UNITS, st.sampled_from([1.0, 0.5, 1 / 3]), st.sampled_from([None, "1 year"]))
def test_both_engines_value_the_same(
    histories: list[tuple[int, int, int, float]], unit: str, grain: float, horizon: str | None
) -> None:
    """Whether ages are whole days or not."""
    model = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, unit=unit)
    days = model.unit.days  # type: ignore[union-attr]
    rows = [
        {"x": x if last else 0, "t_x": last * grain / days if x else 0, "T": age * grain / days, "mean": mean}
        for x, last, age, mean in histories
    ]
    told = CustomerSummary.of({name: [row[name] for row in rows] for name in ("x", "t_x", "T", "mean")}, unit=unit)

    plain, fast = (lifetime_value(model, SPEND, told, horizon=horizon, engine=engine) for engine in ENGINES)

    assert plain.p_alive == pytest.approx(fast.p_alive, rel=1e-9)
    assert plain.expected == pytest.approx(fast.expected, rel=1e-9, abs=1e-300)
    assert plain.residual_unrounded == pytest.approx(fast.residual_unrounded, rel=1e-9, abs=1e-300)


def test_histories_too_long_for_one_number_are_compared_as_they_are(
    customers: CustomerSummary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole number of 64 bits holds any real history."""
    expected = lifetime_value(MODEL, SPEND, customers, engine="numpy")

    monkeypatch.setattr(like_rows_module, "ROOM", 1)

    assert lifetime_value(MODEL, SPEND, customers, engine="numpy") == expected
