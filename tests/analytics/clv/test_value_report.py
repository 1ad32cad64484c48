"""The report on a customer base: its sums, its best customers, what it says of itself."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from crmcore import Invalid, MixedCurrency, Money
from crmcore.analytics import clv
from crmcore.analytics.clv.discount import Discount

DAYS = {
    "ada": ["2026-01-05", "2026-02-02", "2026-03-20"],
    "bob": ["2026-01-20", "2026-02-11"],
    "cyd": ["2026-02-02"],
    "dan": ["2026-02-09"],
}
ORDERS = [
    {"customer": who, "at": day, "amount": 10 * number}
    for who, days in DAYS.items()
    for number, day in enumerate(days, start=1)
]
END = "2026-03-31"


def test_it_is_its_parts_one_after_another() -> None:
    """Summary, fits and values are those of the functions on their own."""
    found = clv.report(ORDERS, end=END, currency="EUR")
    summary = clv.summarize(ORDERS, end=END, unit="week", currency="EUR")
    fit, spend = clv.MBGNBD.fit(summary), clv.GammaGamma.fit(summary)
    values = clv.lifetime_value(fit.model, spend.model, summary, horizon="12 months", discount=Discount(annual=0.1))

    assert found.fit is not None
    assert found.spend is not None
    assert (found.fit.params, found.spend.params) == (fit.params, spend.params)
    assert found.to_dicts() == values.to_dicts()
    assert found.totals["historical"] == Money(110, "EUR")
    told = {"MBG/NBD": fit.warnings, "Gamma-Gamma": spend.warnings}
    assert found.warnings == tuple(f"{name}: {warning}" for name in told for warning in told[name])
    assert (found.made, found.reasons) == (summary.made, values.reasons)
    assert {"x", "p_alive", "total"} <= {*found.definitions}


@pytest.mark.parametrize("name", ["MBG/NBD", "bg/nbd", "ParetoNBD", "nbd"])
def test_a_model_is_known_by_its_name(name: str) -> None:
    """Whatever the case and the slash."""
    found = clv.report(ORDERS, end=END, model=name)

    assert found.model.replace("/", "").casefold() == name.replace("/", "").casefold()
    assert repr(found).startswith("<ValueReport at 2026-03-31: 4 customers, total ")


def test_sums_re_add() -> None:
    """Those of bare numbers, too."""
    found = clv.report(ORDERS, end=END)
    rows = found.to_dicts()

    assert found.totals["historical"] == Decimal(110)
    assert found.totals["expected"] == pytest.approx(sum(row["expected"] for row in rows))  # type: ignore[misc]
    money = clv.report(ORDERS, end=END, currency="EUR").totals
    assert money["total"] == money["historical"] + money["residual"]  # type: ignore[operator]


def test_the_best_come_first() -> None:
    """As many as are asked for."""
    found = clv.report(ORDERS, end=END)
    totals = [row["total"] for row in found.top()]

    assert totals == sorted(totals, reverse=True)  # type: ignore[type-var]
    assert [row["customer"] for row in found.top(2)] == ["ada", "bob"]
    for wrong in (-1, 1.5, True):
        with pytest.raises(Invalid, match="a number of customers"):
            found.top(wrong)  # type: ignore[arg-type]


def test_what_is_infinite_comes_last() -> None:
    """Where a purchase comes to an infinite mean, say; the reason is given."""
    plain = clv.report(ORDERS, end=END)
    assert plain.values is not None
    worth = (None, *plain.values.residual_unrounded[1:])
    found = attrs.evolve(plain, values=attrs.evolve(plain.values, residual_unrounded=worth))

    assert (found.totals["total"], found.totals["historical"]) == (None, Decimal(110))
    assert [row["customer"] for row in found.top()][-1] == "ada"
    assert found.reasons == dict.fromkeys(
        ["residual", "total"], "the mean of what a purchase comes to is infinite (q ≤ 1)"
    )
    assert "Undefined, and why" in str(found)


def test_any_horizon() -> None:
    """Also none: then there must be a discount."""
    ever = clv.report(ORDERS, end=END, model="NBD", horizon=None)

    assert ever.totals["expected"] > clv.report(ORDERS, end=END, model="NBD").totals["expected"]  # type: ignore[operator]
    assert "for ever" in str(ever)
    with pytest.raises(Invalid, match="a horizon"):
        clv.report(ORDERS, end=END, horizon=None, discount=None)


def test_it_says_how_it_was_made() -> None:
    """Its models, its terms, its end."""
    found = clv.report(ORDERS, end=END, discount=None, margin="0.4")
    text = str(found)

    assert [section.title for section in found.sections()] == [
        "Customer lifetime value",
        "MBGNBD by maximum likelihood",
        "GammaGamma by maximum likelihood",
        "How well they fit",
        "Customers of the highest value",
        "To know",
        "How it was made",
    ]
    assert all(warning in text for warning in found.warnings)
    assert "as of 2026-03-31T23:59:59.999999+00:00" in text
    assert [" ".join(line.split()) for line in text.splitlines()][2:7] == [
        "model MBG/NBD",
        "unit week",
        "horizon 12 months",
        "discount none",
        "margin 0.4",
    ]


@pytest.mark.parametrize(
    "orders",
    [[order for order in ORDERS if order["customer"] in {"cyd", "dan"}], [{**order, "amount": 0} for order in ORDERS]],
    ids=["nobody came back", "nothing was paid"],
)
def test_nobody_has_paid_twice(orders: list[dict[str, object]]) -> None:
    """Then purchases to come are worth nothing, and the report says so."""
    found = clv.report(orders, end=END, currency="EUR")

    assert found.spend is None
    assert found.totals["residual"] == Money(0, "EUR")
    assert found.totals["total"] == found.totals["historical"]
    assert "nobody has paid for a repeat purchase" in found.warnings[-1]
    assert "nobody has paid for a repeat purchase" in str(found)


def test_each_model_is_shown_once() -> None:
    """Its parameters, what stays finite at its boundary, and its fit beside the other's."""
    found = clv.report(ORDERS, end=END)
    assert found.fit is not None
    assert found.spend is not None
    _, purchases, spend, fits, *_ = found.sections()

    assert [name for name, *_ in purchases.rows] == [*found.fit.params, *found.fit.limits]
    assert [name for name, *_ in spend.rows] == [*found.spend.params, *found.spend.limits]
    assert found.spend.status == "boundary"
    assert fits.headings == ("", "MBG/NBD", "Gamma-Gamma")
    assert fits.rows[0] == ("customers", "4", "2")
    assert fits.rows[-1] == ("status", found.fit.status, found.spend.status)


def test_free_purchases() -> None:
    """Who got all repeats for nothing is left out of the model of spend, and expected to spend as one without any."""
    free = [{"customer": "eve", "at": day, "amount": 0} for day in ("2026-01-05", "2026-02-02", "2026-03-20")]
    found = clv.report([*ORDERS, *free], end=END, discount=None)
    rows = {row["customer"]: row for row in found.to_dicts()}

    assert found.spend is not None
    assert found.spend.warnings[-1] == "customers whose repeat purchases were all free, who were left out: 1"
    assert rows["eve"]["residual"] == pytest.approx(found.spend.model.expected_spend(0, 0) * rows["eve"]["expected"])
    assert rows["eve"]["expected"] == rows["ada"]["expected"]
    assert found.summary.mean is not None
    assert found.summary.mean[-1] == 0


def test_nobody_at_all() -> None:
    """There is nothing to fit a model to, which is no error."""
    found = clv.report([], end=END)

    assert (found.fit, found.spend, found.values, found.to_dicts(), found.top()) == (None, None, None, [], [])
    assert {*found.totals.values()} == {None}
    assert {*found.reasons.values()} == {"there is no customer to value"}
    assert "there is no customer to value" in str(found)
    assert found.warnings == ()


def test_what_it_refuses() -> None:
    """An unknown model, no amounts, several currencies, a discount that is none."""
    with pytest.raises(Invalid, match="one of MBG/NBD, BG/NBD, Pareto/NBD, NBD"):
        clv.report(ORDERS, end=END, model="Cox")
    with pytest.raises(Invalid, match='a column "amount" of amounts'):
        clv.report([{"customer": 1, "at": "2026-01-05"}], end=END)
    with pytest.raises(MixedCurrency):
        clv.report([*ORDERS, {**ORDERS[0], "amount": Money(1, "USD")}], end=END, currency="EUR")
    for orders in (ORDERS, []):
        with pytest.raises(Invalid, match="discount: got -1, expected a fraction a year"):
            clv.report(orders, end=END, discount=-1)
        with pytest.raises(Invalid, match="margin: got '30%'"):
            clv.report(orders, end=END, margin="30%")
        with pytest.raises(Invalid, match="horizon: got 'soon'"):
            clv.report(orders, end=END, horizon="soon")


def test_sums_are_exact() -> None:
    """However far apart the amounts."""
    rows = [{"customer": who, "at": "2026-01-05", "amount": amount} for who, amount in enumerate(["9e17", "1e-29"])]

    assert clv.report(rows, end=END).totals["historical"] == Decimal("900000000000000000.00000000000000000000000000001")
