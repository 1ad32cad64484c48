"""The Kaplan-Meier curve: published, exact, and never anything but a share."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import exp, isfinite, sqrt
from statistics import fmean, pstdev

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.survival import SurvivalCurve, kaplan_meier
from crmcore.kernel.errors import Invalid

Rows = Callable[[str], list[dict[str, str]]]

# E. A. Gehan's trial of 6-mercaptopurine in leukaemia: weeks of remission, as printed in every textbook of the field.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]

STAYS = st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 29)), min_size=1, max_size=40)


def columns(stays: list[tuple[int, bool, int]]) -> tuple[list[int], list[bool], list[int]]:
    """Durations, events and entries before them."""
    return (
        [time for time, _, _ in stays],
        [event for _, event, _ in stays],
        [min(e, max(0, t - 1)) for t, _, e in stays],
    )


def exactly(durations: list[int], observed: list[bool], entry: list[int]) -> dict[int, tuple[Fraction, Fraction]]:
    """S and Greenwood's sum at each duration, by fractions and one risk set after the other."""
    survival, total, found = Fraction(1), Fraction(0), {}
    rows = list(zip(durations, observed, entry, strict=True))
    for time in sorted(set(durations)):
        at_risk = sum(t >= time and (e < time or e == 0) for t, _, e in rows)
        events = sum(t == time and event for t, event, _ in rows)
        survival *= Fraction(at_risk - events, at_risk)
        total += Fraction(events, at_risk * (at_risk - events)) if at_risk > events else 0
        found[time] = (survival, total)
    return found


def figures(curve: SurvivalCurve) -> list[float]:
    """Every number of a curve."""
    kinds = (
        curve.times,
        curve.survival,
        curve.se,
        curve.lower,
        curve.upper,
        curve.at_risk,
        curve.events,
        curve.censored,
    )
    return [value for kind in kinds for value in kind]


# --- published --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_gehans_trial_as_printed(engine: str) -> None:
    """J. D. Kalbfleisch and R. L. Prentice; standard errors by Greenwood's formula."""
    curve = kaplan_meier(TREATED, RELAPSED, engine=engine, unit="weeks")  # type: ignore[arg-type]
    rows = [row for row in curve.to_dicts() if row["events"]]

    assert [(row["time"], round(row["survival"], 3)) for row in rows] == [
        (6, 0.857), (7, 0.807), (10, 0.753), (13, 0.69), (16, 0.627), (22, 0.538), (23, 0.448),
    ]  # fmt: skip
    assert [(row["at_risk"], row["events"]) for row in rows] == [
        (21, 3), (17, 1), (15, 1), (12, 1), (11, 1), (7, 1), (6, 1),
    ]  # fmt: skip
    assert [row["se"] for row in rows] == pytest.approx(
        [0.07636035483212125, 0.0869352851800572, 0.09634965299432051, 0.10681470777500983, 0.11405386525675254,
         0.128233751693034, 0.13459145675576045], rel=1e-13,
    )  # fmt: skip
    assert [(round(row["lower"], 4), round(row["upper"], 4)) for row in rows] == [
        (0.6197, 0.9516), (0.5631, 0.9228), (0.5032, 0.8894), (0.4316, 0.8491), (0.3675, 0.8049), (0.2678, 0.7468),
        (0.1881, 0.6801),
    ]  # fmt: skip
    assert (curve.median, curve.engine, curve.unit) == (23, engine, "weeks")
    assert curve.censored == [1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 2, 1, 1]


def test_waltons_flies(published: Rows) -> None:
    """S by exact fractions to the last digit, and the log-log interval at 60 days."""
    rows = published("waltons_dataset.csv")
    curve = kaplan_meier([row["T"] for row in rows], [row["E"] for row in rows])
    at_60 = list(curve.times).index(60)

    assert curve.survival_at([6, 13, 26, 33, 45, 60, 69, 75]) == pytest.approx(
        [0.9938650306748467, 0.9506901840490798, 0.858090490797546, 0.8025306748466258, 0.6728911042944785,
         0.3115236593955919, 0.014340509102144787, 0.0], rel=1e-13,
    )  # fmt: skip
    assert curve.se[at_60] == pytest.approx(0.036517780096876055, rel=1e-12)
    assert (curve.lower[at_60], curve.upper[at_60]) == pytest.approx((0.24165949355139502, 0.38375862020448953))
    assert curve.median == 56


def test_lung_cancer_by_sex(published: Rows) -> None:
    """The medians printed with R's survival package."""
    rows = published("lung.csv")
    medians = [
        kaplan_meier([row["time"] for row in some], [row["status"] for row in some]).median
        for some in (rows, [row for row in rows if row["sex"] == "1"], [row for row in rows if row["sex"] == "2"])
    ]

    assert medians == [310, 270, 426]


def test_lung_cancer_as_printed(published: Rows) -> None:
    """The restricted mean and its standard error; the median with its log-log limits, and with those on log S."""
    rows = published("lung.csv")
    curve = kaplan_meier([row["time"] for row in rows], [row["status"] for row in rows])
    men = [row for row in rows if row["sex"] == "1"]
    of_men = kaplan_meier([row["time"] for row in men], [row["status"] for row in men])
    log_limits = [
        next(
            time
            for time, s, se in zip(curve.times, curve.survival, curve.se, strict=True)
            if s * exp(z * se / s) <= 0.5
        )
        for z in (-1.959964, 1.959964)
    ]

    assert (curve.median, curve.median_ci, log_limits) == (310, (284, 361), [285, 363])
    assert (round(curve.restricted_mean().mean, 1), round(curve.restricted_mean().se or 0, 1)) == (376.3, 19.7)
    assert (round(of_men.restricted_mean().mean), round(of_men.restricted_mean().se or 0, 1)) == (326, 22.9)


# --- exact ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
@given(STAYS)
def test_it_is_the_product_of_the_shares_that_survive(engine: str, stays: list[tuple[int, bool, int]]) -> None:
    """With those who came late at risk only from then on; the standard error is Greenwood's."""
    durations, observed, entry = columns(stays)
    curve = kaplan_meier(durations, observed, entry, engine=engine)  # type: ignore[arg-type]
    exact = exactly(durations, observed, entry)

    assert curve.times == sorted(set(durations))
    assert curve.survival == pytest.approx([float(s) for s, _ in exact.values()], rel=1e-12, abs=0)
    assert curve.se == pytest.approx([float(s) * sqrt(v) for s, v in exact.values()], rel=1e-12, abs=0)
    assert curve.median == next((time for time, (s, _) in exact.items() if s <= Fraction(1, 2)), None)
    assert curve.engine == engine


@pytest.mark.parametrize("engine", ["python", "numpy"])
@given(STAYS)
def test_everybody_is_somewhere(engine: str, stays: list[tuple[int, bool, int]]) -> None:
    """Ended, censored, or still at risk at the next time."""
    durations, observed, _ = columns(stays)
    curve = kaplan_meier(durations, observed, engine=engine)  # type: ignore[arg-type]

    left = [n - d - c for n, d, c in zip(curve.at_risk, curve.events, curve.censored, strict=True)]
    assert left == [*curve.at_risk[1:], 0]
    assert curve.at_risk[0] == len(stays)
    assert sum(curve.events) == sum(observed)


@pytest.mark.parametrize("engine", ["python", "numpy"])
@pytest.mark.parametrize("n", [2, 6, 10, 48, 98, 198, 1_000])
def test_one_half_is_reached_exactly(engine: str, n: int) -> None:
    """Even where a product of floats falls just above it."""
    assert kaplan_meier(range(n), [1] * n, engine=engine).median == n // 2 - 1  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_one_half_is_reached_by_many_factors(engine: str) -> None:
    """With censoring at every time nothing cancels, and thousands of factors are multiplied."""
    n = 3_000
    durations = [k // 2 for k in range(n)]
    curve = kaplan_meier(durations, [k % 2 == 0 for k in range(n)], engine=engine)  # type: ignore[arg-type]
    survival = Fraction(1)
    for at_risk in range(n, 0, -2):
        survival *= Fraction(at_risk - 1, at_risk)
        if survival <= Fraction(1, 2):
            break

    assert curve.median == (n - at_risk) / 2


def test_one_half_is_told_from_what_is_a_little_more() -> None:
    """By whole numbers, where floats see no difference; after as many factors as one likes."""
    assert kaplan_meier([1, 2], [1, 0], weights=[5 * 10**17, 5 * 10**17]).median == 1
    assert kaplan_meier([1, 2], [1, 0], weights=[5 * 10**17 - 64, 5 * 10**17 + 64]).median is None
    # 70/71 × 71/72 × … × 139/140, none of which cancels as it stands
    left, at_risk = 10**9, []
    for k in range(70, 140):
        at_risk.append((left * (k + 1), left * k))
        left = left * k // (k + 2) - 1
    behind = [*(n for n, _ in at_risk[1:]), 0]
    rows = [(k, n - s, s - later) for k, ((n, s), later) in enumerate(zip(at_risk, behind, strict=True))]
    weights = [weight for _, ended, censored in rows for weight in (ended, censored)]
    curve = kaplan_meier([k for k, _, _ in rows for _ in "ab"], [1, 0] * 70, weights=weights, engine="python")

    assert curve.median == 69


def test_near_one_half_fractions_of_weights_count_as_one_half() -> None:
    """0.1 and 0.2 are no binary fractions: what is meant is reached."""
    assert kaplan_meier([1, 2, 3], [1, 1, 1], weights=[0.1, 0.2, 0.3]).median == 2


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_nothing_ended(engine: str) -> None:
    """S stays at 1, and there is no median."""
    curve = kaplan_meier([3, 4, 4], [0, 0, 0], engine=engine)  # type: ignore[arg-type]

    assert curve.survival == curve.lower == curve.upper == [1, 1]
    assert curve.se == [0, 0]
    assert (curve.median, curve.median_ci) == (None, (None, None))
    assert curve.reasons["median"] == "the curve stays above one half"
    assert curve.restricted_mean() == curve.restricted_mean(4)
    assert (curve.restricted_mean(3.5).mean, curve.restricted_mean().se) == (3.5, 0)


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_nobody_was_followed(engine: str) -> None:
    """An empty curve, and S is 1."""
    curve = kaplan_meier([], [], engine=engine)  # type: ignore[arg-type]

    assert (len(curve.times), curve.survival_at(3), curve.median, curve.to_dicts()) == (0, 1, None, [])
    assert curve.restricted_mean().mean == 0
    assert "subjects                        0" in str(curve)


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_what_ends_at_once_counts(engine: str) -> None:
    """A duration of 0 with an event lowers the curve from its start; a zero has no sign."""
    curve = kaplan_meier([0.0, -0.0, 0.5, 2], [1, 0, 1, 0], [0, 0, 0, 1], engine=engine)  # type: ignore[arg-type]

    assert list(curve.times) == [0, 0.5, 2]
    assert str(curve.times[0]) == "0.0"
    assert curve.at_risk == [3, 1, 1]
    assert curve.survival_at([0, 0.4]) == [2 / 3, 2 / 3]


def test_what_ends_counts_before_what_is_censored_then() -> None:
    """Who was last seen at a time was at risk at it."""
    assert kaplan_meier([5, 5], [1, 0]).survival == [0.5]


@pytest.mark.parametrize("engine", ["python", "numpy"])
def test_a_first_risk_set_that_dies_out_is_said(engine: str) -> None:
    """Under left truncation; S is 0 for those who come later too."""
    curve = kaplan_meier([2, 8, 9], [1, 1, 0], [0, 3, 3], engine=engine)  # type: ignore[arg-type]

    assert curve.survival == curve.lower == curve.upper == [0, 0, 0]
    assert curve.at_risk == [1, 2, 1]
    assert "all who were at risk at 2 ended there" in curve.warnings[0]
    assert curve.warnings[0] in str(curve)


def test_a_curve_that_reaches_0_needs_no_warning() -> None:
    """At its end."""
    curve = kaplan_meier([1, 2, 3], [1, 1, 1])

    assert curve.warnings == ()
    assert curve.median_ci == (1, None)  # as long as somebody survives, the upper limit lies above one half
    assert curve.reasons == {
        "median_ci.upper": "the upper confidence limit stays above one half as long as there are survivors"
    }


# --- laws -------------------------------------------------------------------------------------------------------------

TIMES = st.one_of(st.sampled_from([0.0, 5e-324, 1e-300, 1.0, 1e15, 1e300]), st.floats(0, 1.7e308))
WEIGHTS = st.one_of(st.just(0.0), st.sampled_from([1e-100, 1e100, 1 / 3, 1.0]), st.floats(1e-6, 1e6))
WEIGHED = st.lists(st.tuples(TIMES, st.booleans(), st.floats(0, 1, exclude_max=True), WEIGHTS), max_size=12)


@pytest.mark.parametrize("engine", ["python", "numpy"])
@given(WEIGHED, st.sampled_from([0.5, 0.95, 1 - 1e-15, 1e-15]))
def test_no_figure_is_anything_but_a_number(
    engine: str, stays: list[tuple[float, bool, float, float]], level: float
) -> None:
    """For times and weights of any size; S falls, and its limits hold it and stay shares."""
    durations, observed = [time for time, _, _, _ in stays], [event for _, event, _, _ in stays]
    entry = [time * part if time * part < time else 0.0 for time, _, part, _ in stays]
    weights = [weight for _, _, _, weight in stays]
    curve = kaplan_meier(durations, observed, entry, weights=weights, level=level, engine=engine)  # type: ignore[arg-type]
    mean = curve.restricted_mean()

    assert all(map(isfinite, [*figures(curve), mean.mean, mean.se or 0.0]))
    assert sorted(curve.survival, reverse=True) == list(curve.survival)
    for share, lower, upper in zip(curve.survival, curve.lower, curve.upper, strict=True):
        assert 0 <= lower <= share + 1e-12
        assert share - 1e-12 <= upper <= 1


@pytest.mark.parametrize("engine", ["python", "numpy"])
@given(STAYS, st.lists(st.integers(0, 3), min_size=40, max_size=40), st.sampled_from([1e-9, 0.7, 3.0, 1e12]))
def test_a_weight_is_so_many_rows(
    engine: str, stays: list[tuple[int, bool, int]], counts: list[int], unit: float
) -> None:
    """In any order of rows, in any unit of time, and in any unit of weight."""
    durations, observed, entry = columns(stays)
    counts = counts[: len(stays)]
    rows = zip(durations, observed, entry, counts, strict=True)
    many = sorted((t, o, e) for t, o, e, n in rows for _ in range(n))
    weighed = kaplan_meier(durations, observed, entry, weights=counts, engine=engine)  # type: ignore[arg-type]
    split = kaplan_meier(*([row[k] for row in many] for k in range(3)), engine=engine)  # type: ignore[arg-type]
    times, starts = ([unit * time for time in column] for column in (durations, entry))
    scaled = kaplan_meier(times, observed, starts, weights=[n / 8 for n in counts], engine=engine)  # type: ignore[arg-type]

    assert figures(weighed) == figures(split)
    assert (weighed.median, weighed.median_ci) == (split.median, split.median_ci)
    assert scaled.survival == pytest.approx(list(weighed.survival), rel=1e-12)
    assert scaled.at_risk == [n / 8 for n in weighed.at_risk]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_without_censoring_the_restricted_mean_is_the_mean(durations: list[int]) -> None:
    """And its standard error that of a mean."""
    found = kaplan_meier(durations, [True] * len(durations)).restricted_mean()

    assert found.mean == pytest.approx(fmean(durations))
    assert found.se == pytest.approx(pstdev(durations) / sqrt(len(durations)), abs=1e-12)


def test_the_restricted_mean_of_gehans_trial() -> None:
    """The area under the curve up to a horizon, by hand to 10 weeks: 6 + 0.857 + 3 × 0.807."""
    curve = kaplan_meier(TREATED, RELAPSED)

    assert curve.restricted_mean(10).mean == pytest.approx(6 + 18 / 21 + 3 * 18 / 21 * 16 / 17, rel=1e-14)
    assert curve.restricted_mean().until == 35
    assert kaplan_meier([1, 2], [1, 1]).restricted_mean(9).mean == 1.5  # S is 0 from 2 on


def test_a_standard_error_that_no_float_holds_is_none() -> None:
    """Of next to nobody, for next to ever."""
    assert kaplan_meier([0, 1e300], [1, 0], weights=[1e-100, 1e-100]).restricted_mean().se is None


@pytest.mark.parametrize("until", [36, -1, float("inf"), float("nan"), "soon", [5, 6]])
def test_a_horizon_that_was_not_watched_is_refused(until: float) -> None:
    """What lies beyond is not known."""
    with pytest.raises(Invalid):
        kaplan_meier(TREATED, RELAPSED).restricted_mean(until)


# --- shown ------------------------------------------------------------------------------------------------------------


def test_it_prints_as_a_table() -> None:
    """The median with its unit, and a row for each time at which something ended."""
    curve = kaplan_meier(TREATED, RELAPSED, unit="weeks")
    text = str(curve)

    assert repr(curve) == "<SurvivalCurve: 21 subjects, 9 events, median 23.00>"
    assert "median                     23.00 weeks" in text
    assert "  6          21       3         1    0.8571  0.0764  0.6197  0.9516" in text.splitlines()
    assert "Greenwood" in curve.definitions["se"]
    assert curve == kaplan_meier(TREATED, RELAPSED, unit="weeks")
    assert hash(curve) == hash(kaplan_meier(TREATED, RELAPSED, unit="weeks"))


def test_a_long_table_is_cut() -> None:
    """What it holds is in to_dicts."""
    curve = kaplan_meier(range(1, 101), [1] * 100, weights=[0.5] * 100)

    assert "Survival at the first 40 of 100 times" in str(curve)
    assert len(curve.to_dicts()) == 100


def test_times_between_and_beyond() -> None:
    """One for one, many for many; after the last duration S stays what it was."""
    curve = kaplan_meier([1, 2, 3], [1, 0, 0])

    assert curve.survival_at(0.99) == 1
    assert curve.survival_at((1, 2.5, 1e9)) == [2 / 3] * 3
    for wrong in ("soon", float("nan"), None, 10**400):
        with pytest.raises(Invalid, match="expected a time as a number"):
            curve.survival_at(wrong)  # type: ignore[call-overload]


@pytest.mark.parametrize("level", [0, 1, 95, True, "0.95", None])
def test_a_level_is_a_fraction(level: float) -> None:
    """Of confidence."""
    with pytest.raises(Invalid, match=r"write 95 % as 0\.95"):
        kaplan_meier([1], [1], level=level)
