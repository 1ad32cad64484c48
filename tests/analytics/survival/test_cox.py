"""Cox regression: the published tables, the exact optimum, and the same whoever counts, in whatever order and unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, isfinite, log
from typing import Any, Literal

import mpmath
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from crmcore.analytics.survival import CoxFit, cox, kaplan_meier, log_rank, proportional_hazards
from crmcore.analytics.survival.design import Stratum
from crmcore.analytics.survival.partial_likelihood_arrays import FastLikelihood
from crmcore.analytics.survival.partial_likelihood_plain import PlainLikelihood
from crmcore.kernel.errors import Invalid, NotConverged

Rows = Callable[[str], list[dict[str, str]]]
Table = dict[str, list[float]]

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
TIES = pytest.mark.parametrize("ties", ["efron", "breslow"])
Engine = Literal["python", "numpy"]
Ties = Literal["efron", "breslow"]

ROSSI = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


def fitted(table: Any, covariates: list[str], **options: Any) -> CoxFit:  # noqa: ANN401 - any table
    """A regression on columns t and e."""
    return cox(table, duration="t", observed="e", covariates=covariates, **options)


def random_table(seed: int, n: int, *, ties: bool, entry: bool = False) -> Table:
    """Subjects with three covariates that matter differently."""
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(3, n))
    t = chance.exponential(size=n) * np.exp(-(0.8 * x[0] - 0.5 * x[1])) * 10 + 0.01
    c = chance.exponential(size=n) * 12 + 0.01
    table = {"t": np.minimum(t, c), "e": t <= c, "x": x[0], "y": 30 + 9 * x[1], "z": (x[2] > 0.5).astype(float)}
    if ties:
        table["t"] = np.ceil(table["t"])
    table["s"] = chance.integers(0, 3, n)
    table["w"] = chance.integers(0, 3, n)
    table["since"] = np.where(chance.random(n) < 0.5, chance.random(n) * table["t"], 0) if entry else np.zeros(n)
    return {name: column.tolist() for name, column in table.items()}


# --- published --------------------------------------------------------------------------------------------------------


@ENGINES
def test_the_recidivism_of_released_prisoners(engine: Engine, published: Rows) -> None:
    """J. Fox, Cox Proportional-Hazards Regression for Survival Data: Efron's ties, as printed."""
    rows = published("rossi.csv")
    fit = cox(rows, duration="week", observed="arrest", covariates=ROSSI, engine=engine)

    assert [round(fit.coef[name], 3) for name in ROSSI] == [-0.379, -0.057, 0.314, -0.15, -0.434, -0.085, 0.091]
    assert [round(fit.hazard_ratio[name], 3) for name in ROSSI] == [0.684, 0.944, 1.369, 0.861, 0.648, 0.919, 1.096]
    assert round(fit.loglik, 3) == -658.748
    assert round(fit.likelihood_ratio.statistic, 2) == 33.27
    assert fit.likelihood_ratio.degrees_of_freedom == 7
    assert fit.likelihood_ratio.p_value == pytest.approx(2.362e-05, rel=1e-3)
    assert fit.concordance == pytest.approx(0.6402938, abs=1e-4)
    assert (fit.n, fit.events, fit.status, fit.warnings, fit.engine) == (432, 114, "converged", (), engine)


EXACT = {
    "efron": (
        {"fin": -0.3794221668712084, "age": -0.05743774301376174, "race": 0.3138997859492957,
         "wexp": -0.14979569722278444, "mar": -0.43370387669025123,
         "paro": -0.08487108299083626, "prio": 0.09149707935112095},
        {"fin": 0.19137948071280914, "age": 0.02199947062795412, "race": 0.30799277639293765,
         "wexp": 0.21222429615816388, "mar": 0.38186805748492186,
         "paro": 0.19575667192092316, "prio": 0.028648550073470593},
        -658.7476594460861,
    ),
    "breslow": (
        {"fin": -0.3790218877950281, "age": -0.05724592536355606, "race": 0.31412976506824797,
         "wexp": -0.1511145996274607, "mar": -0.4327825725490526,
         "paro": -0.08498283575160553, "prio": 0.09111154050046535},
        {"fin": 0.19136442585901942, "age": 0.021983185751471353, "race": 0.308017279578757,
         "wexp": 0.21212316079631963, "mar": 0.38179493506430984,
         "paro": 0.19574820732321205, "prio": 0.028631253066824815},
        -659.1206056773283,
    ),
}  # fmt: skip
"""The optimum to 16 digits, by another program of the field."""


@ENGINES
@TIES
def test_the_exact_optimum(engine: Engine, ties: Ties, published: Rows) -> None:
    """Of either way of taking ties."""
    fit = cox(published("rossi.csv"), duration="week", observed="arrest", covariates=ROSSI, ties=ties, engine=engine)
    coef, se, loglik = EXACT[ties]

    assert dict(fit.coef) == pytest.approx(coef, rel=1e-11)
    assert dict(fit.se) == pytest.approx(se, rel=1e-9)
    assert fit.loglik == pytest.approx(loglik, rel=1e-13)


def test_lung_cancer_by_sex(published: Rows) -> None:
    """-0.531, with a standard error of 0.1672, as printed with R's survival package."""
    fit = cox(published("lung.csv"), duration="time", observed="status", covariates=["sex"])

    assert (round(fit.coef["sex"], 3), round(fit.se["sex"], 4)) == (-0.531, 0.1672)


# --- a second method --------------------------------------------------------------------------------------------------


def by_definition(table: Table, names: list[str], beta: Sequence[Any], ties: Ties, *, entry: bool) -> mpmath.mpf:
    """The partial likelihood, written straight down, in mpmath."""
    size = range(len(table["t"]))
    risk = [mpmath.exp(sum(b * mpmath.mpf(table[name][i]) for b, name in zip(beta, names, strict=True))) for i in size]
    total = mpmath.mpf(0)
    for time in {t for t, event in zip(table["t"], table["e"], strict=True) if event}:
        ended = [i for i in size if table["t"][i] == time and table["e"][i]]
        there = [i for i in size if table["t"][i] >= time and not (entry and table["since"][i] >= time)]
        own = mpmath.fsum(risk[i] for i in ended)
        all_of_them = mpmath.fsum(risk[i] for i in there)
        total += sum(mpmath.log(risk[i]) for i in ended)
        for k in range(len(ended)):
            part = mpmath.mpf(k) / len(ended) if ties == "efron" else 0
            total -= mpmath.log(all_of_them - part * own)
    return total


@pytest.mark.parametrize("entry", [False, True])
@TIES
def test_a_second_method_finds_the_same_optimum(ties: Ties, entry: bool) -> None:
    """The definition, climbed by mpmath with 30 digits."""
    table = random_table(5, 30, ties=True, entry=entry)
    options: dict[str, Any] = {"entry": "since"} if entry else {}
    fit = fitted(table, ["x", "z"], ties=ties, **options)

    with mpmath.workdps(25):

        def slopes(*beta: mpmath.mpf) -> list[mpmath.mpf]:
            return [
                mpmath.diff(lambda *b: by_definition(table, ["x", "z"], b, ties, entry=entry), beta, order)
                for order in ((1, 0), (0, 1))
            ]

        found = mpmath.findroot(slopes, (fit.coef["x"], fit.coef["z"]), tol=1e-30, verify=False)
        loglik = by_definition(table, ["x", "z"], list(found), ties, entry=entry)

    assert [fit.coef["x"], fit.coef["z"]] == pytest.approx(list(map(float, found)), rel=1e-9)
    assert fit.loglik == pytest.approx(float(loglik), rel=1e-12)


def test_without_ties_the_score_test_at_no_effect_is_the_log_rank_test() -> None:
    """The likelihood ratio of a weak effect is near to both."""
    table = random_table(8, 400, ties=False)
    fit = fitted(table, ["z"])
    test = log_rank(table["t"], table["e"], table["z"])

    assert test.statistic is not None
    assert fit.likelihood_ratio.statistic == pytest.approx(test.statistic, abs=0.1)


def test_the_baseline_of_covariates_that_do_not_matter_is_nelson_and_aalens() -> None:
    """And survival follows from it."""
    table = random_table(8, 300, ties=True)
    fit = fitted(table, ["x", "z"], ties="breslow")
    curve = kaplan_meier(table["t"], table["e"])

    (baseline,) = fit.baseline
    assert baseline.times == [row["time"] for row in curve.to_dicts() if row["events"]]
    at_mean = [dict(fit.means)]
    assert fit.log_partial_hazard(at_mean) == [0]
    assert fit.partial_hazard(at_mean) == [1]
    (share,) = fit.survival_at(baseline.times[3], at_mean)
    assert share == pytest.approx(exp(-baseline.cumulative_hazard[3]))
    assert fit.survival_at(0, at_mean) == [1]


# --- laws -------------------------------------------------------------------------------------------------------------


def close(one: CoxFit, other: CoxFit, *, rel: float = 1e-9) -> bool:
    """Whether two fits are the same."""
    assert one.status == other.status
    assert dict(one.coef) == pytest.approx(dict(other.coef), rel=rel, abs=1e-11)
    assert dict(one.se) == pytest.approx(dict(other.se), rel=rel)
    assert one.loglik == pytest.approx(other.loglik, rel=rel)
    assert one.concordance == pytest.approx(other.concordance, rel=rel)
    for here, there in zip(one.baseline, other.baseline, strict=True):
        assert here.stratum == there.stratum
        assert list(here.cumulative_hazard) == pytest.approx(list(there.cumulative_hazard), rel=rel)
    return True


OPTIONS = [{}, {"strata": "s"}, {"entry": "since"}, {"weights": "w"}, {"strata": "s", "entry": "since", "weights": "w"}]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "plain")
@pytest.mark.parametrize("tied", [False, True])
@TIES
def test_both_engines_say_the_same(options: dict[str, Any], tied: bool, ties: Ties) -> None:
    """With strata large enough for arrays, and others."""
    table = random_table(2, 1_200, ties=tied, entry=True)
    plain = fitted(table, ["x", "y", "z"], ties=ties, engine="python", **options)
    fast = fitted(table, ["x", "y", "z"], ties=ties, engine="numpy", **options)
    held = {name: np.array(column) for name, column in table.items()}
    arrays = fitted(held, ["x", "y", "z"], ties=ties, engine="numpy", **options)

    assert (plain.engine, fast.engine) == ("python", "numpy")
    assert close(plain, fast)
    assert close(fast, arrays, rel=1e-12)


@pytest.mark.parametrize("n", [40, 400])
@ENGINES
def test_neither_order_nor_units_matter(engine: Engine, n: int) -> None:
    """Coefficients are per unit of the covariate, and hazards are compared, not timed."""
    table = random_table(3, n, ties=True, entry=True)
    fit = fitted(table, ["x", "y"], entry="since", strata="s", engine=engine)
    turned = {name: column[::-1] for name, column in table.items()}
    turned |= {"y": [1e6 + 1e-3 * y for y in turned["y"]], "x": [-1e9 * x for x in turned["x"]]}
    turned |= {name: [t * 1e-200 for t in turned[name]] for name in ("t", "since")}
    again = fitted(turned, ["x", "y"], entry="since", strata="s", engine=engine)

    assert again.coef["y"] == pytest.approx(fit.coef["y"] * 1e3, rel=1e-7)  # a large origin has taken digits
    assert again.coef["x"] == pytest.approx(fit.coef["x"] / -1e9, rel=1e-7)
    assert again.loglik == pytest.approx(fit.loglik, rel=1e-8)
    assert again.concordance == fit.concordance


@ENGINES
def test_a_whole_weight_is_so_many_rows(engine: Engine) -> None:
    """With Breslow's ties; a common factor of weights changes only how sure one is."""
    table = random_table(4, 500, ties=True)
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    split = [row for row in rows for _ in range(int(row["w"]))]
    weighed = fitted(rows, ["x", "z"], weights="w", ties="breslow", engine=engine)
    scaled = fitted([row | {"w": row["w"] * 1e-90} for row in rows], ["x", "z"], weights="w", engine=engine)
    efron = fitted(rows, ["x", "z"], weights="w", engine=engine)

    assert close(weighed, fitted(split, ["x", "z"], ties="breslow", engine=engine), rel=1e-8)
    assert dict(scaled.coef) == pytest.approx(dict(efron.coef), rel=1e-9)
    assert scaled.se["x"] == pytest.approx(efron.se["x"] * 1e45, rel=1e-9)


@ENGINES
@settings(max_examples=60)
@example(
    [(0, False, 0, 0.0, 0)] * 3
    + [(0, False, 1, 0.0, 0), (0, True, 0, 36.0, 0), (1, False, 0, 0.0, 0), (1, True, 0, 1.0, 0)]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.integers(-3, 3), st.floats(-1e3, 1e3), st.integers(0, 4)),
        min_size=1,
        max_size=14,
    )
)
def test_there_is_a_finite_fit_or_a_typed_error(engine: Engine, stays: list[tuple[int, bool, int, float, int]]) -> None:
    """For any subjects: no NaN, no infinity, nothing that escapes."""
    table = {name: [stay[k] for stay in stays] for k, name in enumerate(["t", "e", "x", "y"])}
    table["since"] = [min(stay[4], max(0, stay[0] - 1)) for stay in stays]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proportional_hazards, "WORTH_IT", 1)
            fit = fitted(table, ["x", "y"], entry="since", engine=engine)
    except (Invalid, NotConverged):
        return
    numbers = [
        *fit.coef.values(),
        *fit.se.values(),
        *fit.p.values(),
        *fit.hazard_ratio.values(),
        fit.loglik,
        fit.concordance,
    ]
    assert all(value is None or isfinite(value) for value in numbers)
    assert fit.loglik <= 1e-9
    assert fit.loglik >= fit.loglik_null - 1e-9
    assert (fit.status == "boundary") == (None in fit.coef.values()) == bool(fit.warnings)
    assert fit.concordance is None or 0 <= fit.concordance <= 1


def test_concordance_by_every_pair() -> None:
    """Counted one by one: an event, and one at risk then who lasted longer or was censored at that time."""
    table = random_table(6, 60, ties=True, entry=True)
    for engine in ("python", "numpy"):
        fit = fitted(table, ["z", "x"], entry="since", weights="w", engine=engine)
        risks = fit.log_partial_hazard(table)
        good = every = 0.0
        rows = list(zip(table["t"], table["e"], table["since"], table["w"], risks, strict=True))
        for t, event, _, w, risk in rows:
            for other, ended, since, weight, theirs in rows:
                if event and (since < t or since == 0) and (other > t or (other == t and not ended)):
                    every += w * weight
                    good += w * weight * ((risk > theirs) + (risk == theirs) / 2)
        assert fit.concordance == pytest.approx(good / every, rel=1e-12)


def stratum(table: Table, names: list[str]) -> Stratum:
    """The subjects of a table, longest duration first, in arrays."""
    order = np.argsort(-np.array(table["t"]), kind="stable")
    columns = {name: np.array(column)[order] for name, column in table.items()}
    covariates = [columns[name] for name in names]
    return Stratum(None, columns["t"], columns["e"] > 0, columns["since"], np.ones(len(order)), covariates)


@TIES
def test_a_giant_who_comes_late_hides_nobody(ties: Ties) -> None:
    """What was added and taken away again is added up anew where nothing else would be left."""
    table = random_table(9, 400, ties=True, entry=True)
    table["x"][7], table["t"][7], table["since"][7] = 60.0, 200.0, 30.0
    held = stratum(table, ["x", "z"])
    plain, fast = PlainLikelihood(held.in_lists(), ties), FastLikelihood(held, ties)
    with mpmath.workdps(50):
        exact = by_definition(table, ["x", "z"], (0.7, 0.2), ties, entry=True)
    for likelihood in (plain, fast):
        point = likelihood.at([0.7, 0.2])
        assert point.loglik == pytest.approx(float(exact), rel=1e-9)
        assert point.score == pytest.approx(plain.at([0.7, 0.2]).score, rel=1e-9)
        assert likelihood.hazard([0.7, 0.2])[1] == pytest.approx(plain.hazard([0.7, 0.2])[1], rel=1e-9)


@ENGINES
def test_hazards_that_underflow_are_no_likelihood(engine: Engine) -> None:
    """A step so long is not taken."""
    table = random_table(9, 400, ties=False)
    table["x"] = [2.0 * (t <= 1) for t in table["t"]]
    held = stratum(table, ["x"])

    likelihood = PlainLikelihood(held.in_lists(), "efron") if engine == "python" else FastLikelihood(held, "efron")

    assert likelihood.at([1e4]).loglik == -inf
    assert likelihood.hazard([1e4]) is None


def test_where_all_end_at_once_there_is_no_concordance() -> None:
    """And the reason is given."""
    fit = fitted({"t": [1, 1, 1], "e": [1, 1, 1], "x": [1, 2, 4]}, ["x"])

    assert fit.concordance is None
    assert fit.reasons == {"concordance": "of no pair is it known who had the event first"}


def test_ties_that_all_end_at_once_are_efrons_product() -> None:
    """Of three who end together: S (S - s/3) (S - 2s/3), at no effect 5 × (5 - 1) × (5 - 2)."""
    table = {"t": [1, 1, 1, 2, 2], "e": [1, 1, 1, 0, 0], "x": [1, 2, 4, 3, 2]}

    assert fitted(table, ["x"]).loglik_null == pytest.approx(-log(5 * 4 * 3))
    assert fitted(table, ["x"], ties="breslow").loglik_null == pytest.approx(-3 * log(5))


# --- shown ------------------------------------------------------------------------------------------------------------


def test_it_prints_as_tables(published: Rows) -> None:
    """A row for each covariate, and the fit as a whole."""
    fit = cox(published("rossi.csv"), duration="week", observed="arrest", covariates=ROSSI)
    text = str(fit)

    assert "  fin         -0.3794   0.1914   -1.983   0.04742        0.6843  0.4702  0.9957" in text.splitlines()
    assert "likelihood ratio 33.2659 on 7, p 2.362e-05" in " ".join(text.split())
    assert "Cox, ties efron, converged after 6 steps, limits at 0.95" in text
    assert repr(fit).startswith("<CoxFit: 432 subjects, 114 events, converged; hazard ratios fin 0.6843, age 0.9442")
    assert fit.to_dicts()[0]["hazard_ratio"] == pytest.approx(exp(fit.coef["fin"] or 0))
    assert fit.hazard_ratio_ci["fin"] == pytest.approx((0.4702, 0.9957), abs=1e-4)
    assert fit.aic == pytest.approx(14 + 2 * 658.7476594)
    assert fit.cov[0][0] == pytest.approx((fit.se["fin"] or 0) ** 2)
    assert fit.reasons == {}
    assert fit.definitions["hazard_ratio"] == "exp(coef)"
    assert fit == cox(published("rossi.csv"), duration="week", observed="arrest", covariates=ROSSI)
