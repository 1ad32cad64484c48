"""sBG and BdW: published fits, closed forms beside sums of another kind, and what happens at the boundaries."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from operator import mul
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from crmcore import Invalid
from crmcore.analytics.clv import SBG, BdW
from crmcore.analytics.clv.renewal_likelihood import log_retention_bdw

# M. J. A. Berry and G. S. Linoff, Data Mining Techniques, 2004: the share of customers left after each year, in tenths
# of a per cent, as Fader and Hardie 2007 print them
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]

Exact = Any  # a number of mpmath

Model = type[SBG] | type[BdW]

FITS: list[tuple[Model, list[int], dict[str, tuple[float, float]], float]] = [
    (
        SBG,
        REGULAR[:5],
        {"alpha": (0.7636650625645526, 0.09679524764), "beta": (1.295830272182502, 0.2106257443)},
        -1401.559423577445,
    ),
    (
        SBG,
        REGULAR[:8],
        {"alpha": (0.7040772984735162, 0.06559896423403722), "beta": (1.182043026209476, 0.15247563167590946)},
        -1680.265188463287,
    ),
    (
        SBG,
        HIGH_END[:5],
        {"alpha": (1.280976380367425, 0.5534679684), "beta": (7.79038409526386, 3.808722342)},
        -1225.134907041612,
    ),
    (
        SBG,
        HIGH_END[:8],
        {"alpha": (0.6680883511064462, 0.1037349311495645), "beta": (3.806094964058267, 0.7855316917757072)},
        -1611.158147391156,
    ),
    (
        BdW,
        REGULAR[:5],
        {
            "alpha": (0.5230293129088435, 0.3090380647),
            "beta": (0.8942826589103322, 0.524819761),
            "c": (1.196398711359017, 0.3740861476),
        },
        -1401.383051678618,
    ),
    (
        BdW,
        REGULAR[:8],
        {
            "alpha": (0.4556139893716381, 0.1670414275),
            "beta": (0.7793255083879559, 0.2827099174),
            "c": (1.28345128578329, 0.2980950712),
        },
        -1679.602832907178,
    ),
    (
        BdW,
        HIGH_END[:5],
        {
            "alpha": (0.2593357315111664, 0.120169291),
            "beta": (1.722551488086686, 0.7769416441),
            "c": (1.584361515022858, 0.353023297),
        },
        -1222.749318240822,
    ),
    (
        BdW,
        HIGH_END[:8],
        {
            "alpha": (0.21425333928085, 0.05957970644),
            "beta": (1.426574874860084, 0.3814086147),
            "c": (1.723564848744528, 0.3010432817),
        },
        -1605.314213214193,
    ),
]
"""Maxima worked out to 34 digits with mpmath, standard errors from its derivatives."""


@pytest.mark.parametrize(("model", "survivors", "params", "loglik"), FITS)
def test_fits_are_exact(
    model: Model, survivors: list[int], params: dict[str, tuple[float, float]], loglik: float
) -> None:
    """Parameters to 1e-8 of the maximum, its log-likelihood to 1e-10, standard errors to 1e-6."""
    fit = model.fit(survivors)
    assert fit.status == "converged"
    assert fit.warnings == ()
    assert fit.loglik == pytest.approx(loglik, rel=1e-10)
    for name, (value, error) in params.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-8)
        assert fit.se[name] == pytest.approx(error, rel=1e-6)


def test_published_parameters_are_found() -> None:
    """To every digit printed: Fader and Hardie 2007 for sBG, Fader and others 2018 for BdW."""
    assert {name: round(value, 3) for name, value in SBG.fit(REGULAR[:8]).params.items()} == {
        "alpha": 0.704,
        "beta": 1.182,
    }
    assert {name: round(value, 3) for name, value in SBG.fit(HIGH_END[:8]).params.items()} == {
        "alpha": 0.668,
        "beta": 3.806,
    }
    assert round(SBG.fit(REGULAR[:8]).loglik, 1) == -1680.3
    assert round(SBG.fit(HIGH_END[:8]).loglik, 1) == -1611.2
    # the paper prints 1.722; the maximum is 1.72255
    found = BdW.fit(HIGH_END[:5]).params
    assert (round(found["alpha"], 3), round(found["c"], 3)) == (0.259, 1.584)
    assert found["beta"] == pytest.approx(1.722, abs=1e-3)


def test_standard_errors_come_from_the_curvature() -> None:
    """The second derivatives taken by mpmath, of the likelihood written out."""
    counts = HIGH_END[:8]

    def loglik(alpha: Exact, beta: Exact) -> Exact:
        lost = sum(
            (before - after) * mpmath.log(alpha / (alpha + beta + t))
            for t, (before, after) in enumerate(pairwise(counts))
        )
        return lost + sum(a * mpmath.log((beta + t) / (alpha + beta + t)) for t, a in enumerate(counts[1:]))

    fit = SBG.fit(counts)
    with mpmath.workdps(40):
        at = fit.model.alpha, fit.model.beta
        second = [
            [mpmath.diff(loglik, at, (int(i == 0) + int(j == 0), int(i == 1) + int(j == 1))) for j in (0, 1)]
            for i in (0, 1)
        ]
        cov = (-mpmath.matrix(second)) ** -1
        assert fit.se["alpha"] == pytest.approx(float(mpmath.sqrt(cov[0, 0])), rel=1e-8)
        assert fit.cov[0][1] == pytest.approx(float(cov[0, 1]), rel=1e-8)


def test_forecasts_follow_the_published_curve() -> None:
    """sBG, calibrated on seven years, is within two points of the share left in year 12."""
    for counts in (REGULAR, HIGH_END):
        model = SBG.fit(counts[:8]).model
        assert model.survival(12) == pytest.approx(counts[12] / 1000, abs=0.02)


# --- figures ----------------------------------------------------------------------------------------------------------

positive = st.floats(1e-3, 1e3) | st.sampled_from([0.1, 0.5, 1.0, 1.0000001, 2.0])


@given(alpha=positive, beta=positive, t=st.integers(1, 300))
def test_sbg_is_a_product_of_retention_rates(alpha: float, beta: float, t: int) -> None:
    """S(t), its steps and what leaves at each fit together, and with the definition."""
    model = SBG(alpha=alpha, beta=beta)
    product = 1.0
    for i in range(t - 1):
        product *= (beta + i) / (alpha + beta + i)
    last = (beta + t - 1) / (alpha + beta + t - 1)
    assert model.survival(t) == pytest.approx(product * last, rel=1e-10)
    assert model.retention_rate(t) == pytest.approx(last, rel=1e-13)
    assert model.churn_rate(t) == pytest.approx(1 - last, rel=1e-10, abs=1e-15)
    assert model.pmf(t) == pytest.approx(product * (1 - last), rel=1e-9, abs=1e-300)


@given(alpha=positive, beta=positive, c=st.floats(0.05, 20), t=st.integers(1, 500))
@settings(max_examples=60)
def test_bdw_is_a_ratio_of_beta_functions(alpha: float, beta: float, c: float, t: int) -> None:
    """B(alpha, beta + tᶜ) / B(alpha, beta), beside mpmath with 150 digits."""
    model = BdW(alpha=alpha, beta=beta, c=c)
    with mpmath.workdps(150):
        exact = [
            mpmath.exp(
                mpmath.loggamma(beta + mpmath.mpf(i) ** c)
                + mpmath.loggamma(mpmath.mpf(alpha) + beta)
                - mpmath.loggamma(beta)
                - mpmath.loggamma(mpmath.mpf(alpha) + beta + mpmath.mpf(i) ** c)
            )
            for i in (t - 1, t)
        ]
        kept = float(exact[1] / exact[0])
        left = float((exact[0] - exact[1]) / exact[0])
        survival = float(exact[1])
    assert model.survival(t) == pytest.approx(survival, rel=1e-10, abs=1e-300)
    assert model.retention_rate(t) == pytest.approx(kept, rel=1e-10)
    assert model.churn_rate(t) == pytest.approx(left, rel=1e-9, abs=1e-300)


@given(alpha=positive, beta=positive, t=st.integers(0, 10**15))
def test_bdw_with_c_1_is_sbg(alpha: float, beta: float, t: int) -> None:
    """Everywhere."""
    assert BdW(alpha=alpha, beta=beta, c=1).survival(t) == pytest.approx(
        SBG(alpha=alpha, beta=beta).survival(t), rel=1e-11, abs=1e-300
    )


@pytest.mark.parametrize("alpha", [0.008, 0.3, 0.704, 1.0, 1.0000001, 2.5, 40.0])
@pytest.mark.parametrize("rate", [1e-9, 1e-5, 0.001, 0.1, 3.0])
def test_discounted_lifetimes_are_the_published_2f1(alpha: float, rate: float) -> None:
    """Fader and Hardie 2010: DEL and DERL by ₂F₁, also where its series takes a billion terms."""
    beta, n = 1.182, 5
    model = SBG(alpha=alpha, beta=beta)
    with mpmath.workdps(40):
        a, b, z = mpmath.mpf(alpha), mpmath.mpf(beta), 1 / (1 + mpmath.mpf(rate))
        del_ = mpmath.hyp2f1(1, b, a + b, z)
        derl = (b + n - 1) / (a + b + n - 1) * mpmath.hyp2f1(1, b + n, a + b + n, z)
    assert model.expected_discounted_lifetime(rate) == pytest.approx(float(del_), rel=1e-12)
    assert model.expected_residual_lifetime(n, rate) == pytest.approx(float(derl), rel=1e-12)
    as_bdw = BdW(alpha=alpha, beta=beta, c=1)
    assert as_bdw.expected_discounted_lifetime(rate) == pytest.approx(float(del_), rel=1e-12)
    assert as_bdw.expected_residual_lifetime(n, rate) == pytest.approx(float(derl), rel=1e-12)


@given(
    alpha=st.floats(1e-3, 50),
    beta=st.floats(1e-3, 50),
    c=st.floats(0.2, 5),
    rate=st.floats(0.05, 2),
    n=st.integers(1, 50),
)
@settings(max_examples=15, deadline=None)
def test_lifetimes_of_bdw_are_direct_sums(alpha: float, beta: float, c: float, rate: float, n: int) -> None:
    """Σ S(t) / (1 + rate)ᵗ term by term, and what is left of it after n."""
    model = BdW(alpha=alpha, beta=beta, c=c)
    steps = range(n + 800)
    survival = model.survival(list(steps))
    present = [math.exp(-t * math.log1p(rate)) for t in steps]
    whole = sum(map(mul, survival, present))
    assert model.expected_discounted_lifetime(rate) == pytest.approx(whole, rel=1e-11)
    if survival[n - 1] > 1e-250:
        rest = sum(map(mul, survival[n:], present)) / survival[n - 1]
        assert model.expected_residual_lifetime(n, rate) == pytest.approx(rest, rel=1e-10)


def test_undiscounted_lifetimes_may_be_infinite() -> None:
    """They are finite above alpha 1 for sBG, above alpha · c 1 for BdW."""
    assert SBG(alpha=1, beta=3).expected_discounted_lifetime(0) is None
    assert SBG(alpha=1, beta=3).expected_residual_lifetime(4) is None
    assert SBG(alpha=1.5, beta=3).expected_discounted_lifetime(0) == 7.0
    assert SBG(alpha=1.5, beta=3).expected_residual_lifetime(4) == pytest.approx(6 / 0.5, rel=1e-14)
    assert BdW(alpha=0.5, beta=3, c=2).expected_discounted_lifetime(0) is None
    assert BdW(alpha=0.5, beta=3, c=2).expected_residual_lifetime(1) is None
    assert BdW(alpha=1.5, beta=3, c=1).expected_discounted_lifetime(0) == pytest.approx(7.0, rel=1e-13)
    assert BdW(alpha=1.0000001, beta=1, c=1).expected_discounted_lifetime(0) == pytest.approx(
        SBG(alpha=1.0000001, beta=1).expected_discounted_lifetime(0), rel=1e-12
    )
    # so slow that it is not over when numbers end
    assert BdW(alpha=101, beta=1e9, c=0.01).expected_discounted_lifetime(0) is None


def log_survival(alpha: Exact, beta: Exact, c: Exact, t: int) -> Exact:
    """Written out; from numbers of a hundred digits on, as the power it then is."""
    whole = mpmath.loggamma(alpha + beta) - mpmath.loggamma(beta)
    if t > 1 and c * mpmath.log(t) > 230:
        return whole - alpha * c * mpmath.log(t)
    u = mpmath.mpf(t) ** c if t else mpmath.mpf(0)
    return whole + mpmath.loggamma(beta + u) - mpmath.loggamma(alpha + beta + u)


def test_powers_too_large_to_be_written_keep_their_digits() -> None:
    """With c at 900, 2ᶜ is a number of 271 digits, and 3ᶜ one of 430."""
    model = BdW(alpha=0.01, beta=3, c=900)
    with mpmath.workdps(50):
        exact = [float(mpmath.exp(log_survival(mpmath.mpf(0.01), mpmath.mpf(3), 900, t))) for t in range(5)]
    assert model.survival(list(range(5))) == pytest.approx(exact, rel=1e-12)
    kept = [after / before for before, after in pairwise(exact)]
    assert model.retention_rate([1, 2, 3, 4]) == pytest.approx(kept, rel=1e-12)


SHAPES = [(0.26, 1.7, 1.58), (1e6, 4e6, 1.0), (3.0, 0.2, 0.1), (0.01, 3.0, 900.0)]


@pytest.mark.parametrize("point", SHAPES)
@pytest.mark.parametrize("t", [1, 2, 3])
def test_derivatives_of_retention_are_right(point: tuple[float, float, float], t: int) -> None:
    """First and second, beside those mpmath takes, also where tᶜ is too large to be written."""

    def retention(alpha: Exact, beta: Exact, c: Exact) -> Exact:
        return log_survival(alpha, beta, c, t) - log_survival(alpha, beta, c, t - 1)

    value, slope, bend = log_retention_bdw(point, t)
    with mpmath.workdps(60):
        assert value == pytest.approx(float(retention(*map(mpmath.mpf, point))), rel=1e-10)
        for i in range(3):
            once = [int(k == i) for k in range(3)]
            assert slope[i] == pytest.approx(float(mpmath.diff(retention, point, tuple(once))), rel=1e-8, abs=1e-18)
            for j in range(3):
                twice = tuple(count + (k == j) for k, count in enumerate(once))
                assert bend[i][j] == pytest.approx(float(mpmath.diff(retention, point, twice)), rel=1e-7, abs=1e-18)


def test_median_lifetime() -> None:
    """The first renewal after which at most half are left."""
    model = SBG(alpha=0.668, beta=3.806)
    assert model.median_lifetime == 7
    assert model.survival(7) <= 0.5 < model.survival(6)
    assert SBG(alpha=9, beta=1).median_lifetime == 1
    assert SBG(alpha=1, beta=1).median_lifetime == 1
    assert SBG(alpha=0.001, beta=1).median_lifetime is None
    slow = BdW(alpha=0.3, beta=2, c=0.3)
    assert slow.median_lifetime == 8699
    assert slow.survival(8699) <= 0.5 < slow.survival(8698)


def test_figures_keep_the_shape_they_are_asked_in() -> None:
    """A number, a list, a tuple, an array."""
    model = SBG(alpha=0.668, beta=3.806)
    assert isinstance(model.survival(3), float)
    assert model.survival([0, 1]) == [1.0, model.survival(1)]
    assert model.retention_rate((1, 2)) == (model.retention_rate(1), model.retention_rate(2))
    found = model.expected_residual_lifetime(np.array([1, 2]), 0.1)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [model.expected_residual_lifetime(n, 0.1) for n in (1, 2)]


@pytest.mark.parametrize("figure", ["retention_rate", "churn_rate", "pmf", "survival"])
@pytest.mark.parametrize("t", [-1, 0.5, "soon", None, 1e16])
def test_renewals_are_whole_numbers(figure: str, t: object) -> None:
    """Anything else is refused."""
    with pytest.raises(Invalid):
        getattr(SBG(alpha=1, beta=1), figure)(t)


def test_rates_and_tenures_are_checked() -> None:
    """A rate below 0, a renewal before the first."""
    model = BdW(alpha=1, beta=1, c=1)
    with pytest.raises(Invalid):
        model.expected_discounted_lifetime(-0.1)
    with pytest.raises(Invalid, match="number of a renewal"):
        model.expected_residual_lifetime(0, 0.1)
    with pytest.raises(Invalid):
        model.retention_rate(0)


wide = st.floats(-49, 49).map(lambda power: 10.0**power)


@given(alpha=wide, beta=wide, c=wide, t=st.integers(1, 10**15), rate=st.sampled_from([0.0, 1e-6, 0.1, 1e6]))
@settings(max_examples=15, deadline=None)
def test_no_figure_is_nan_or_infinite(alpha: float, beta: float, c: float, t: int, rate: float) -> None:
    """For parameters of any size: shares from 0 to 1, lifetimes from 0 on or None."""
    for model in (SBG(alpha=alpha, beta=beta), BdW(alpha=alpha, beta=beta, c=c)):
        for figure in (model.survival, model.retention_rate, model.churn_rate, model.pmf):
            assert 0 <= figure(t) <= 1
        for lifetime in (model.expected_discounted_lifetime(rate), model.expected_residual_lifetime(t, rate)):
            assert lifetime is None or 0 <= lifetime < float("inf")
        assert model.median_lifetime is None or model.median_lifetime >= 1


def test_simulated_customers_leave_as_the_model_has_it() -> None:
    """Shares of ten thousand within a point; the same seed gives the same."""
    for model in (SBG(alpha=0.668, beta=3.806), BdW(alpha=0.259, beta=1.722, c=1.584)):
        counts = model.simulate(10_000, random.Random(1), renewals=8)
        assert counts[0] == 10_000
        assert [count / 10_000 for count in counts] == pytest.approx(model.survival(list(range(9))), abs=0.01)
        assert counts == model.simulate(10_000, random.Random(1), renewals=8)
    with pytest.raises(Invalid):
        SBG(alpha=1, beta=1).simulate(-1, random.Random(1))


# --- fits at the boundary ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SBG, BdW])
def test_case_2_constant_churn_is_a_boundary_with_a_finite_limit(model: Model) -> None:
    """Where customers do not differ, alpha and beta run to infinity and their ratio is the churn rate."""
    fit = model.fit([1000, 800, 640, 512, 409.6])
    assert fit.status == "boundary"
    assert fit.limits["alpha/(alpha+beta)"] == pytest.approx(0.2, rel=1e-7)
    assert "limits" in fit.warnings[0]
    assert fit.se["alpha"] is None
    assert fit.model.survival(3) == pytest.approx(0.512, rel=1e-6)


def test_case_2_churn_that_rises_with_tenure_is_a_boundary_of_sbg() -> None:
    """No churn that rises: the nearest is constant churn; BdW fits it."""
    rising = [1000, 950, 850, 700, 500, 280]
    assert SBG.fit(rising).status == "boundary"
    fit = BdW.fit(rising)
    assert fit.model.c > 1
    assert fit.loglik > SBG.fit(rising).loglik + 50


@pytest.mark.parametrize("model", [SBG, BdW])
@pytest.mark.parametrize(
    ("survivors", "limit"),
    [([1000, 1000, 1000], 0.0), ([1000, 0], 1.0), ([1000, 0, 0], 1.0), ([1, 0], 1.0), ([1, 1], 0.0)],
)
def test_case_12_nobody_or_everybody_leaves(model: Model, survivors: list[int], limit: float) -> None:
    """Or there is but one customer: no exception, a label, and the share that leaves."""
    fit = model.fit(survivors)
    assert fit.status in {"boundary", "unidentified"}
    assert fit.model.churn_rate(1) == pytest.approx(limit, abs=1e-6)
    assert fit.loglik == pytest.approx(0, abs=1e-5)
    assert all(error is None for error in fit.se.values())


@pytest.mark.parametrize("survivors", [[1000], [1000, 800], [[100], [200]]])
def test_case_12_too_few_renewals_are_unidentified(survivors: list[Any]) -> None:
    """One renewal tells the share that left there, and nothing of how customers differ."""
    for model in (SBG, BdW):
        fit = model.fit(survivors)
        assert fit.status == "unidentified"
        assert all(error is None for error in fit.se.values())
    assert SBG.fit([1000, 800]).model.survival(1) == pytest.approx(0.8, rel=1e-6)


counts = st.lists(st.integers(0, 500), min_size=1, max_size=8).map(
    lambda drops: [sum(drops[i:]) for i in range(len(drops))]
)


@given(survivors=counts.filter(lambda each: each[0] > 0))
@settings(max_examples=20, deadline=None)
def test_no_legal_survivors_fail(survivors: list[int]) -> None:
    """Any falling numbers are fitted or labelled; what is found is finite."""
    for model in (SBG, BdW):
        fit = model.fit(survivors)
        assert fit.status in {"converged", "boundary", "unidentified"}
        assert all(0 < value < float("inf") for value in fit.params.values())
        assert -float("inf") < fit.loglik <= 1e-9
        assert all(0 <= share <= 1 for share in fit.model.survival(list(range(10))))


# --- input ------------------------------------------------------------------------------------------------------------


def test_cohorts_of_different_age_are_fitted_together() -> None:
    """In any order, split or added up: the same customers give the same fit."""
    whole = SBG.fit(HIGH_END[:8])
    halves = SBG.fit([[count * 0.25 for count in HIGH_END[:8]], [count * 0.75 for count in HIGH_END[:8]]])
    assert halves.params == pytest.approx(whole.params, rel=1e-9)
    assert halves.loglik == pytest.approx(whole.loglik, rel=1e-12)
    mixed = [HIGH_END[:8], [500, 440, 380], [300]]
    fit, turned = SBG.fit(mixed), SBG.fit(mixed[::-1])
    assert fit.customers == 1800
    assert fit.params == pytest.approx(turned.params, rel=1e-9)
    # the young cohort tells of the first two renewals alone
    assert fit.params != pytest.approx(whole.params, rel=1e-3)


def test_survivors_are_taken_from_any_sequence() -> None:
    """Lists, tuples, arrays of numpy, text with numbers."""
    expected = SBG.fit(HIGH_END[:5]).params
    for given_as in (
        tuple(HIGH_END[:5]),
        np.array(HIGH_END[:5]),
        list(map(str, HIGH_END[:5])),
        np.array([HIGH_END[:5]]),
    ):
        assert SBG.fit(given_as).params == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("survivors", "message"),
    [
        ([], "survivors: got 'none'"),
        ("1000", "survivors: got 'none'"),
        (7, "survivors: got 'none'"),
        ([[]], "how many customers there were at first"),
        ([0, 0], "how many customers there were at first"),
        ([100, 120], "at most as many as before, 100"),
        ([100, None, -1], "0 or more"),
        ([[100, 90], [50, 60]], r"survivors\[1\]\[1\]"),
    ],
)
def test_survivors_that_cannot_be_are_refused(survivors: object, message: str) -> None:
    """All that is wrong, at once, and where."""
    with pytest.raises(Invalid, match=message):
        SBG.fit(survivors)


def test_every_wrong_number_is_listed() -> None:
    """Not just the first."""
    with pytest.raises(Invalid) as caught:
        SBG.fit([100, 120, 90, float("nan"), -1])
    assert [problem.path for problem in caught.value.problems] == ["survivors[1]", "survivors[3]", "survivors[4]"]


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_parameters_are_above_0(value: float) -> None:
    """And finite."""
    with pytest.raises(Invalid):
        SBG(alpha=value, beta=1)
    with pytest.raises(Invalid):
        BdW(alpha=1, beta=1, c=value)


def test_a_penalty_draws_parameters_towards_1() -> None:
    """And is told apart from the log-likelihood."""
    plain, drawn = SBG.fit(HIGH_END[:8]), SBG.fit(HIGH_END[:8], penalty=0.01)
    assert 1 < drawn.model.beta < plain.model.beta
    assert drawn.loglik < plain.loglik
