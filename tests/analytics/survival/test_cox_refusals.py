"""What no Cox regression can be fitted to is said, with names: rows, columns, and what separates."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.survival import CoxFit, ascent, cox
from crmcore.analytics.survival.partial_likelihood import Point
from crmcore.analytics.survival.partial_likelihood_plain import PlainLikelihood
from crmcore.kernel.errors import Invalid, NotConverged

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
Engine = Literal["python", "numpy"]

N = 600


def table() -> dict[str, Any]:
    """Subjects with two covariates that are all right."""
    chance = np.random.default_rng(7)
    return {
        "t": (1 + chance.exponential(size=N) * 9).tolist(),
        "e": (chance.random(N) < 0.6).tolist(),
        "x": chance.normal(size=N).tolist(),
        "y": chance.integers(0, 2, N).tolist(),
    }


def fitted(rows: Any, covariates: list[str], **options: Any) -> CoxFit:  # noqa: ANN401 - any table
    """A regression on columns t and e."""
    return cox(rows, duration="t", observed="e", covariates=covariates, **options)


@ENGINES
def test_missing_numbers_are_refused_by_row(engine: Engine) -> None:
    """NaN, None and blanks alike, in every column at once."""
    rows = table()
    rows["x"][3] = rows["x"][11] = float("nan")
    rows["y"][5] = None
    rows["t"][7] = ""
    with pytest.raises(Invalid) as caught:
        fitted(rows, ["x", "y"], engine=engine)

    assert [problem.path for problem in caught.value.problems] == [
        'rows rows 4, 12, column "x"', 'rows row 6, column "y"', 'rows row 8, column "t"',
    ]  # fmt: skip


@ENGINES
def test_constant_columns_are_named(engine: Engine) -> None:
    """All of them."""
    rows = table() | {"one": [1] * N, "two": [2.5] * N}
    with pytest.raises(Invalid) as caught:
        fitted(rows, ["one", "x", "two"], engine=engine)

    assert [(problem.path, problem.value) for problem in caught.value.problems] == [
        ('column "one"', "1 in every row"), ('column "two"', "2.5 in every row"),
    ]  # fmt: skip


@ENGINES
def test_collinear_columns_are_named_with_what_they_are_made_of(engine: Engine) -> None:
    """And with nothing else."""
    rows = table()
    rows["free"] = np.random.default_rng(1).normal(size=N).tolist()
    rows["sum"] = [2 * x - 3 * y + 1 for x, y in zip(rows["x"], rows["y"], strict=True)]
    with pytest.raises(Invalid, match='column "sum": got \'one made up of "x", "y"\', expected a covariate'):
        fitted(rows, ["x", "free", "y", "sum"], engine=engine)


@ENGINES
def test_a_column_that_differs_only_between_strata_is_named(engine: Engine) -> None:
    """Within a stratum it says nothing."""
    rows = table() | {"region": [k % 2 for k in range(N)]}
    with pytest.raises(Invalid, match="column \"region\": got 'none that differ'"):
        fitted(rows | {"twin": rows["region"]}, ["x", "region"], strata="twin", engine=engine)


@ENGINES
@pytest.mark.parametrize("spread", [1e101, 1e-101])
def test_values_that_lie_too_far_apart_or_too_close_are_refused(engine: Engine, spread: float) -> None:
    """Their squares are no doubles."""
    rows = table()
    with pytest.raises(Invalid, match="give the covariate in another unit"):
        fitted(rows | {"x": [x * spread for x in rows["x"]]}, ["x"], engine=engine)


@ENGINES
def test_without_an_event_there_is_nothing_to_fit(engine: Engine) -> None:
    """Nor without rows."""
    with pytest.raises(Invalid, match="column \"e\": got 'no event'"):
        fitted(table() | {"e": [False] * N}, ["x"], engine=engine)
    for nothing in ({"t": [], "e": [], "x": []}, [], {}):
        with pytest.raises(Invalid, match="no event"):
            fitted(nothing, ["x"], engine=engine)
    with pytest.raises(Invalid, match="no event"):
        fitted({"t": [1, 2], "e": [1, 0], "x": [1, 2], "w": [0, 1]}, ["x"], weights="w", engine=engine)


@ENGINES
@pytest.mark.parametrize("sign", [1, -1])
def test_complete_separation_is_labelled(engine: Engine, sign: int) -> None:
    """The other covariates are at their limits, and the likelihood at its own."""
    rows = table()
    # Whoever has the flag ends before all others, and all of those are followed to the end.
    order = sorted(range(N), key=rows["t"].__getitem__)
    flag = [0] * N
    for place, row in enumerate(order):
        flag[row] = sign * (place < N // 3)
        rows["e"][row] = place < N // 3
    fit = fitted(rows | {"flag": flag}, ["x", "flag"], engine=engine)
    within = fitted(
        {name: [cells[row] for row in order[: N // 3]] for name, cells in rows.items()}, ["x"], engine=engine
    )

    assert fit.status == "boundary"
    assert (fit.coef["flag"], fit.se["flag"], fit.p["flag"], fit.hazard_ratio["flag"]) == (None, None, None, None)
    assert fit.hazard_ratio_ci["flag"] == (None, None)
    assert f'"flag" tends to {"plus" if sign > 0 else "minus"} infinity' in fit.warnings[0]
    assert fit.reasons["coef.flag"] == "the coefficient grows without bound"
    assert fit.coef["x"] == pytest.approx(within.coef["x"], rel=1e-6)
    assert fit.se["x"] == pytest.approx(within.se["x"], rel=1e-6)
    assert fit.loglik == pytest.approx(within.loglik, abs=1e-6)
    assert fit.baseline == ()
    assert fit.likelihood_ratio.p_value < 1e-20
    assert "–" in str(fit)
    with pytest.raises(Invalid, match=r"coef\.flag: got None, expected a finite coefficient; fit again without"):
        fit.partial_hazard([{"x": 1, "flag": 1}])


def test_two_covariates_that_separate_only_together_are_labelled() -> None:
    """Neither does alone, and neither has a coefficient."""
    fit = fitted({"t": [1, 2, 3, 4, 5], "e": [1] * 5, "x": [5.0, 1, 4, 0, 1], "y": [0.0, 3, -1, 2, 0]}, ["x", "y"])

    assert fit.status == "boundary"
    assert [fit.coef["x"], fit.coef["y"], len(fit.warnings)] == [None, None, 2]
    assert fit.loglik == pytest.approx(0, abs=1e-8)


@ENGINES
@pytest.mark.parametrize("entry", [None, "since"])
def test_separation_is_labelled_even_where_no_digits_are_left(engine: Engine, entry: str | None) -> None:
    """Told by small differences of a covariate within strata, whose spread between them is large."""
    rows = {
        "t": [1, 2, 3, 4, 2, 3], "e": [1, 0, 0, 0, 1, 0], "s": list("aabbbb"), "since": [0, 0.5, 1, 1, 0.5, 1],
        "x": [100.0, 99.9, 3.0, 2.5, 3.001, 2.0],
    }  # fmt: skip
    fit = fitted(rows, ["x"], strata="s", entry=entry, engine=engine)

    assert (fit.status, fit.coef["x"]) == ("boundary", None)
    assert fit.loglik == pytest.approx(0, abs=1e-3)


@ENGINES
@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.booleans(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
        min_size=3,
        max_size=12,
    )
)
def test_a_coefficient_is_without_bound_where_something_separates(
    engine: Engine, stays: list[tuple[int, bool, int, int, int]]
) -> None:
    """Whoever has an event is, of all at risk, the one farthest along some direction: then, and only then."""
    rows = {
        "t": [t for t, *_ in stays], "e": [e for _, e, *_ in stays], "x": [x for _, _, x, _, _ in stays],
        "y": [y for _, _, _, y, _ in stays], "since": [min(since, t - 1) for t, _, _, _, since in stays],
    }  # fmt: skip
    beside = {
        (x - a, y - b)
        for t, e, x, y, _ in stays
        for other, _, a, b, since in stays
        if e and other >= t and min(since, other - 1) < t
    }
    ways = {
        way
        for p in range(-9, 10)
        for q in range(-9, 10)
        for way in [(p, q)]
        if all(p * a + q * b >= 0 for a, b in beside) and any(p * a + q * b > 0 for a, b in beside)
    }
    try:
        fit = fitted(rows, ["x", "y"], entry="since", engine=engine)
    except Invalid:
        return

    assert fit.status == ("boundary" if ways else "converged")
    for place, name in enumerate("xy"):
        assert (fit.coef[name] is None) == any(way[place] for way in ways)


def test_a_hazard_ratio_that_no_float_holds_is_none() -> None:
    """With the reason; the coefficient stands."""
    rows = table()
    rows["x"] = [1e-6 * (place - t) for place, t in zip(rows["x"], rows["t"], strict=True)]
    fit = fitted(rows, ["x"])

    assert fit.coef["x"] is not None
    assert fit.coef["x"] > 710
    assert (fit.hazard_ratio["x"], fit.hazard_ratio_ci["x"]) == (None, (None, None))
    assert "larger unit" in fit.reasons["hazard_ratio.x"]
    assert fit.partial_hazard([{"x": 1e3}]) == [None]
    assert fit.survival_at(3, [{"x": 1e3}]) == [0]


def test_what_predicts_needs_its_columns() -> None:
    """And, with strata, the name of one."""
    rows = table() | {"s": ["north", "south"] * (N // 2)}
    fit = fitted(rows, ["x"], strata="s")

    assert [one.stratum for one in fit.baseline] == ["north", "south"]
    assert fit.survival_at(5, [{"x": 0}], stratum="north") != fit.survival_at(5, [{"x": 0}], stratum="south")
    with pytest.raises(Invalid, match="expected one of north, south; say whose baseline is meant"):
        fit.survival_at(5, [{"x": 0}])
    with pytest.raises(Invalid, match='a column "x"'):
        fit.partial_hazard([{"y": 0}])
    with pytest.raises(Invalid, match="expected a number"):
        fit.partial_hazard([{"x": None}])
    with pytest.raises(Invalid, match=r"expected a number from -1e\+200 to 1e\+200; fit the covariate in another unit"):
        fit.log_partial_hazard([{"x": 1e300}])
    with pytest.raises(Invalid, match=r"stratum: got \['north'\], expected one of north, south"):
        fit.survival_at(5, [{"x": 0}], stratum=["north"])
    with pytest.raises(Invalid, match=r"t: got \[5, 6\], expected a time as a number"):
        fit.survival_at([5, 6], [{"x": 0}], stratum="north")  # type: ignore[arg-type]
    assert fit.survival_at(5, [], stratum="north") == []


def test_where_there_is_one_baseline_no_stratum_is_asked_for() -> None:
    """Named or not; and none is taken for another."""
    rows = table()
    alone, named = fitted(rows, ["x"]), fitted(rows | {"s": ["north"] * N}, ["x"], strata="s")

    assert alone.survival_at(5, [{"x": 0}]) == named.survival_at(5, [{"x": 0}])
    assert named.survival_at(5, [{"x": 0}]) == named.survival_at(5, [{"x": 0}], stratum="north")
    with pytest.raises(Invalid, match="expected one of north"):
        named.survival_at(5, [{"x": 0}], stratum="south")
    with pytest.raises(Invalid, match="expected none: there are no strata"):
        alone.survival_at(5, [{"x": 0}], stratum="south")


def test_arguments_are_checked() -> None:
    """All of them at once."""
    with pytest.raises(Invalid) as caught:
        cox([], duration=1, observed="e", covariates=["x", 2], ties="exact")  # type: ignore[arg-type, list-item]
    assert [problem.path for problem in caught.value.problems] == ["duration", "covariates", "ties"]
    with pytest.raises(Invalid, match="say covariates="):
        fitted(table(), [])
    with pytest.raises(Invalid, match="covariates: got None, expected the name of a column"):
        fitted(table(), None)  # type: ignore[arg-type]
    assert fitted(table() | {"calls": table()["x"]}, "calls").coef == {"calls": fitted(table(), ["x"]).coef["x"]}
    with pytest.raises(Invalid, match="expected each column once"):
        fitted(table(), ["x", "t", "x"])
    with pytest.raises(Invalid, match='expected a column "plan"'):
        fitted(table(), ["plan"])


@ENGINES
def test_tables_of_any_kind(engine: Engine) -> None:
    """A frame, a mapping, records: the same figures; what is odd in one is said as in the other."""
    rows = table()
    fit = fitted(rows, ["x", "y"], engine=engine)
    frame = pd.DataFrame(rows)

    assert fitted(frame, ["x", "y"], engine=engine) == fit
    assert fitted(frame.to_dict("records"), ["x", "y"], engine=engine) == fit
    frame["since"], frame["w"] = frame["t"], 1e200
    with pytest.raises(Invalid, match="expected less than the duration"):
        fitted(frame, ["x"], entry="since", engine=engine)
    with pytest.raises(Invalid, match="scale all weights alike"):
        fitted(frame, ["x"], weights="w", engine=engine)
    with pytest.raises(Invalid, match='a column "t"'):
        fitted(frame.rename(columns={"t": "T"}), ["x"], engine=engine)
    with pytest.raises(Invalid):
        fitted({"t": iter([1.0]), "e": [1]}, ["x"], engine=engine)


def test_a_likelihood_that_never_settles_is_refused() -> None:
    """As is one whose slope leads nowhere."""
    with pytest.raises(NotConverged, match="found no maximum") as caught:
        ascent.climb(lambda beta: Point(beta[0], [1.0], [[1.0]]), ["x"], 1.0)
    assert caught.value.iterations == ascent.MOST
    with pytest.raises(NotConverged, match="far from all others") as caught:
        ascent.climb(lambda beta: Point(-2.0 if beta[0] else -1.0, [1.0], [[1.0]]), ["x"], 1.0)
    assert caught.value.iterations == 1


@ENGINES
def test_what_no_double_holds_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of which some are nothing beside others; a variance, or a baseline, that is infinite."""
    rows = {"t": [1, 2, 3, 1.5], "e": [1, 1, 0, 1], "x": [0, 0, 0, 1.0], "w": [1e-91, 1e-91, 1e-91, 1e-100]}
    fit = fitted(rows, ["x"], weights="w", engine=engine)
    assert fit.hazard_ratio["x"] == pytest.approx(3, rel=1e-8)  # (3 + εh) × (2 + εh) beside εh
    with pytest.raises(Invalid, match=r'column "w": got .*, expected weights of which none is more than 1e\+09 times'):
        fitted(rows | {"w": [1e-90, 1e-91, 1e-91, 1e-100]}, ["x"], weights="w", engine=engine)
    few = {name: cells[:20] for name, cells in table().items()} | {"w": [1e-100] * 20}
    few["x"] = [4e-101 * x for x in few["x"]]
    few["y"] = [x + 8e-106 * y for x, y in zip(few["x"], few["y"], strict=True)]
    with pytest.raises(NotConverged, match="a covariate, or a weight, far from all others"):
        fitted(few, ["x", "y"], weights="w", engine=engine)
    monkeypatch.setattr(PlainLikelihood, "hazard", lambda *_: None)
    with pytest.raises(NotConverged, match="a covariate, or a weight, far from all others"):
        fitted(rows, ["x"], weights="w", engine=engine)


def test_information_that_vanishes_altogether_is_a_limit() -> None:
    """As when a step leads so far that nothing is left of it."""
    found = ascent.climb(
        lambda beta: Point(beta[0], [1.0, 0.0], [[0.0 if beta[0] else 1.0, 0.0], [0.0, 1.0]]), ["x", "y"], 1.0
    )

    assert (found.unbounded, found.cov) == ((0,), [[None, None], [None, 1.0]])


def test_information_that_vanishes_between_two_is_a_limit_of_one() -> None:
    """As well as of the one that moves."""
    nothing, shared = [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], [[1.0, 0, 0], [0, 1.0, 1.0], [0, 1.0, 1.0]]
    found = ascent.climb(
        lambda beta: Point(beta[0], [1.0, 0.0, 0.0], shared if any(beta) else nothing), ["x", "y", "z"], 1.0
    )

    assert (found.unbounded, found.cov[2]) == ((0, 1), [None, None, 1.0])
