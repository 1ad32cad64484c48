"""Weibull and exponential lifetimes: the exact optimum, in any unit, and what has none."""

from __future__ import annotations

from collections.abc import Callable
from math import gamma, isfinite, log, sqrt
from typing import Literal

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from crmcore.analytics.survival import Exponential, Weibull, exponential, weibull, weibull_profile
from crmcore.kernel.errors import Invalid, NotConverged

Rows = Callable[[str], list[dict[str, str]]]

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
Engine = Literal["python", "numpy"]

STAYS = st.lists(
    st.tuples(st.floats(0.01, 1e4), st.booleans(), st.floats(0, 0.9), st.integers(0, 3)), min_size=2, max_size=15
)


@ENGINES
def test_waltons_flies(engine: Engine, published: Rows) -> None:
    """The optimum to 15 digits, by mpmath; published: 55.73 and 3.45, log-likelihood -672.062."""
    rows = published("waltons_dataset.csv")
    durations, observed = [float(row["T"]) for row in rows], [int(row["E"]) for row in rows]
    fit = weibull(durations, observed, engine=engine)

    assert dict(fit.parameters) == pytest.approx({"scale": 55.7330784648371845, "shape": 3.45051034751227}, rel=1e-13)
    assert fit.loglik == pytest.approx(-672.062187271282857, rel=1e-13)
    assert dict(fit.se) == pytest.approx({"scale": 1.32650157, "shape": 0.24332357}, rel=1e-7)
    assert (fit.n, fit.events, fit.status, fit.engine) == (163, 156, "converged", engine)
    flat = exponential(durations, observed, engine=engine)
    assert flat.mean == pytest.approx(51.83974358974359, rel=1e-14)
    assert flat.loglik == pytest.approx(-771.9125085120206, rel=1e-13)
    assert flat.se["rate"] == pytest.approx(flat.model.rate / sqrt(156))
    assert flat.aic > fit.aic
    assert flat.bic == pytest.approx(log(163) + 2 * 771.9125085120206)


@ENGINES
@pytest.mark.parametrize("late", [False, True])
def test_a_second_method_finds_the_same_optimum(engine: Engine, late: bool) -> None:
    """Both parameters at once, by mpmath with 30 digits, and its Hessian."""
    chance = np.random.default_rng(4)
    durations = (chance.weibull(1.4, 40) * 10).tolist()
    observed = (chance.random(40) < 0.7).tolist()
    weights = chance.integers(1, 4, 40).tolist()
    entry = [t * 0.6 * (k % 2) if late else 0.0 for k, t in enumerate(durations)]
    fit = weibull(durations, observed, entry, weights=weights, engine=engine)

    with mpmath.workdps(30):
        rows = [tuple(map(mpmath.mpf, row)) for row in zip(durations, map(int, observed), entry, weights, strict=True)]

        def log_density(t: mpmath.mpf, scale: mpmath.mpf, shape: mpmath.mpf) -> mpmath.mpf:
            return mpmath.log(shape / scale) + (shape - 1) * mpmath.log(t / scale)

        def loglik(scale: mpmath.mpf, shape: mpmath.mpf) -> mpmath.mpf:
            return mpmath.fsum(
                w * (d * log_density(t, scale, shape) - (t / scale) ** shape + (e / scale) ** shape)
                for t, d, e, w in rows
            )

        def slopes(*at: mpmath.mpf) -> list[mpmath.mpf]:
            return [mpmath.diff(loglik, at, order) for order in ((1, 0), (0, 1))]

        best = mpmath.findroot(slopes, (fit.model.scale, fit.model.shape), tol=1e-40)
        hessian = mpmath.matrix(2, 2)
        hessian[0, 0], hessian[1, 1] = (mpmath.diff(loglik, tuple(best), order) for order in ((2, 0), (0, 2)))
        hessian[0, 1] = hessian[1, 0] = mpmath.diff(loglik, tuple(best), (1, 1))
        cov = -(hessian**-1)

    assert [fit.model.scale, fit.model.shape] == pytest.approx(list(map(float, best)), rel=1e-11)
    assert fit.loglik == pytest.approx(float(loglik(*best)), rel=1e-13)
    assert [cell for row in fit.cov for cell in row] == pytest.approx(
        [float(cov[i, j]) for i in (0, 1) for j in (0, 1)], rel=1e-9
    )


@given(STAYS, st.sampled_from([1e-90, 1 / 7, 365.25, 1e90]))
def test_engines_units_order_and_weights_agree(stays: list[tuple[float, bool, float, int]], unit: float) -> None:
    """The scale is in the unit; the shape has none."""
    durations, observed = [t for t, _, _, _ in stays], [e for _, e, _, _ in stays]
    counts = [w for _, _, _, w in stays]
    try:
        fit = weibull(durations, observed, weights=counts, engine="python")
    except (Invalid, NotConverged):
        assume(False)
    fast = weibull([t * unit for t in durations[::-1]], observed[::-1], weights=counts[::-1], engine="numpy")
    split = weibull(*zip(*[(t, e) for t, e, _, w in stays for _ in range(w)], strict=True))  # type: ignore[misc]

    for other, factor in ((fast, unit), (split, 1.0)):
        assert other.model.shape == pytest.approx(fit.model.shape, rel=1e-9)
        assert other.model.scale == pytest.approx(fit.model.scale * factor, rel=1e-9)
        assert other.se["scale"] == pytest.approx(fit.se["scale"] * factor, rel=1e-7)
        assert other.loglik == pytest.approx(fit.loglik - fit.events * log(factor), rel=1e-9, abs=1e-9)


@ENGINES
@given(STAYS)
def test_there_is_a_finite_fit_or_a_typed_error(engine: Engine, stays: list[tuple[float, bool, float, int]]) -> None:
    """Late or not; no slope is left at what was found."""
    durations = [t for t, _, _, _ in stays]
    entry = [t * part if t * part < t else 0 for t, _, part, _ in stays]
    try:
        fit = weibull(durations, [e for _, e, _, _ in stays], entry, engine=engine)
        flat = exponential(durations, [e for _, e, _, _ in stays], entry, engine=engine)
    except (Invalid, NotConverged):
        return
    numbers = [
        *fit.parameters.values(),
        *fit.se.values(),
        fit.loglik,
        fit.median,
        fit.bic,
        flat.loglik,
        flat.model.rate,
    ]
    assert all(map(isfinite, numbers))
    assert fit.loglik >= flat.loglik - 1e-9 * abs(flat.loglik)  # an exponential is a Weibull of shape 1


@ENGINES
def test_late_entry_is_no_time_under_observation(engine: Engine) -> None:
    """The exponential is events over time watched; a censored duration of 0 adds nothing to either."""
    fit = exponential([5, 8, 10], [1, 0, 1], [0, 6, 5], engine=engine)

    assert fit.model.rate == 2 / 12
    assert (
        weibull([0, 2, 3, 5], [0, 1, 1, 0], engine=engine).model == weibull([2, 3, 5], [1, 1, 0], engine=engine).model
    )
    assert exponential([0, 4], [1, 1], engine=engine).model.rate == 0.5


@ENGINES
def test_what_has_no_best_shape_is_refused(engine: Engine) -> None:
    """Whether it rises without bound, or towards 0."""
    with pytest.raises(NotConverged, match="every event lies at the longest duration"):
        weibull([3, 3, 2], [1, 1, 0], engine=engine)
    with pytest.raises(NotConverged, match="the shape tends to 0"):
        weibull([1.001, 1.002, 100], [1, 1, 0], [1, 1, 1], engine=engine)


@ENGINES
def test_what_no_double_holds_is_refused(engine: Engine) -> None:
    """Of next to nothing that ended in next to ever: a scale, a standard error, a rate."""
    with pytest.raises(NotConverged, match="beyond what a double can hold"):
        weibull([2, 2, 1e100], [1, 0, 0], weights=[1e-100, 1e-100, 1], engine=engine)
    with pytest.raises(NotConverged, match="beyond what a double can hold"):
        weibull([1e-100, 1e100, 1e100], [1, 0, 1], weights=[1e-100] * 3, engine=engine)
    with pytest.raises(NotConverged, match="every event lies at the longest duration"):
        weibull([1e-100, 1e100], [1, 1], weights=[1e-100, 1e100], engine=engine)
    with pytest.raises(NotConverged, match="don't tell the scale from the shape"):
        weibull([2, 1e50, 1, 2], [1, 0, 1, 0], [0, 1e20, 0.5, 1], weights=[1, 1, 1e100, 1e100], engine=engine)
    with pytest.raises(Invalid, match="events per unit; look for weights far from all others"):
        exponential([0, 1e-100], [1, 0], weights=[1e100, 1e-100], engine=engine)


@ENGINES
def test_what_can_not_be_fitted_is_refused(engine: Engine) -> None:
    """Each with its mend."""
    for fit in (weibull, exponential):
        with pytest.raises(Invalid, match="no event"):
            fit([1, 2], [0, 0], engine=engine)
        with pytest.raises(Invalid, match="no event"):
            fit([], [], engine=engine)
        with pytest.raises(Invalid, match="give them in another unit"):
            fit([1e-200, 2], [1, 0], engine=engine)
        with pytest.raises(Invalid, match="give them in another unit"):
            fit([1, 1e200], [1, 0], engine=engine)
    with pytest.raises(Invalid, match=r"an event at 0.*take the exponential"):
        weibull([0, 2], [1, 1], engine=engine)
    with pytest.raises(Invalid, match="all of them 0"):
        exponential([0, 0], [1, 1], engine=engine)


def test_a_shape_that_never_settles_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than run on."""
    monkeypatch.setattr(weibull_profile, "MOST", 2)
    with pytest.raises(NotConverged, match="did not settle"):
        weibull([1, 2, 5], [1, 1, 1])


def test_published_parameters_make_a_model() -> None:
    """No fit is needed."""
    model = Weibull(scale=10, shape=2)

    assert model.survival([0, 10, 20]) == pytest.approx([1, 0.36787944117144233, 0.01831563888873418])
    assert model.survival(1e308) == 0
    assert model.survival(model.median) == pytest.approx(0.5)
    assert model.mean == pytest.approx(10 * gamma(1.5))
    assert Weibull(scale=1, shape=0.001).mean is None
    assert Weibull(scale=1, shape=1e-9).mean is None
    flat = Exponential(rate=0.5)
    assert (flat.mean, flat.median, flat.survival(2)) == (
        2,
        pytest.approx(2 * log(2)),
        pytest.approx(0.36787944117144233),
    )
    assert flat.survival(iter([0])) == [1]


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), True, "1", 1e-301])
def test_a_parameter_is_above_0(wrong: float) -> None:
    """And a number."""
    with pytest.raises(Invalid, match="shape: got"):
        Weibull(scale=1, shape=wrong)
    with pytest.raises(Invalid, match="rate: got"):
        Exponential(rate=wrong)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "soon", None, 10**400])
def test_a_time_is_a_number_from_0_on(wrong: float) -> None:
    """For one or for many."""
    for t in (wrong, [1, wrong]):
        with pytest.raises(Invalid, match=r"a finite time from 0 on|a time as a number"):
            Weibull(scale=1, shape=1).survival(t)


def test_it_prints_as_tables() -> None:
    """The parameters, and what follows from them."""
    fit = weibull([2, 3, 5, 8, 10], [1, 1, 1, 1, 0], unit="months")
    assert "inverse information" in fit.definitions["se"]
    text = str(fit)

    assert "Weibull lifetimes" in text
    assert "  shape       1.59264  0.662" in text.splitlines()
    assert "5.55 months" in text
    assert repr(fit).startswith("<LifetimeFit: Weibull(scale=6.98")
    assert fit.survival([1, 2]) == fit.model.survival([1, 2])
    assert fit.mean == fit.model.mean
    assert fit.to_dicts()[0] == {"parameter": "scale", "estimate": fit.model.scale, "se": fit.se["scale"]}
    assert "  median            13.86" in str(exponential([10, 30], [1, 1])).splitlines()
