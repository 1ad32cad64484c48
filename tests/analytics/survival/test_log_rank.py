"""The log-rank test: published, exact, and without a figure where nothing can be compared."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.survival import log_rank
from crmcore.kernel.errors import Invalid

Rows = Callable[[str], list[dict[str, str]]]

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
Engine = Literal["python", "numpy"]

TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

STAYS = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.sampled_from("abc"), st.integers(0, 1)), min_size=2, max_size=30
).filter(lambda stays: len({group for _, _, group, _ in stays}) > 1)
EXTRAS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), min_size=30, max_size=30)


@ENGINES
def test_gehans_trial_as_printed(engine: Engine) -> None:
    """Chi-square 16.79 on one degree of freedom: J. D. Kalbfleisch and R. L. Prentice."""
    groups = ["6-MP"] * 21 + ["placebo"] * 21
    test = log_rank(TREATED + PLACEBO, RELAPSED + [1] * 21, groups, engine=engine)

    assert test.statistic == pytest.approx(16.792940989216532, rel=1e-13)
    assert (test.degrees_of_freedom, test.engine, test.strata) == (1, engine, 1)
    assert test.p_value == pytest.approx(4.168809e-05, rel=1e-6)
    assert [(one.group, one.n, one.observed) for one in test.groups] == [("6-MP", 21, 9), ("placebo", 21, 21)]
    assert [round(one.expected, 2) for one in test.groups] == [19.25, 10.75]


@ENGINES
def test_breast_cancer_by_grade_and_by_therapy(engine: Engine, published: Rows) -> None:
    """Three groups and two; as lifelines says too."""
    rows = published("gbsg2.csv")
    times, ended = [row["time"] for row in rows], [row["cens"] for row in rows]

    by_grade = log_rank(times, ended, [row["tgrade"] for row in rows], engine=engine)
    assert (by_grade.statistic, by_grade.degrees_of_freedom) == (pytest.approx(21.09443458750, rel=1e-11), 2)
    by_therapy = log_rank(times, ended, [row["horTh"] for row in rows], engine=engine)
    assert by_therapy.statistic == pytest.approx(8.564780853539, rel=1e-11)


@ENGINES
def test_waltons_flies_and_lung_cancer(engine: Engine, published: Rows) -> None:
    """To the last digit but one of exact fractions."""
    flies, lung = published("waltons_dataset.csv"), published("lung.csv")
    by_strain = log_rank(*([row[name] for row in flies] for name in ("T", "E", "group")), engine=engine)
    by_sex = log_rank(*([row[name] for row in lung] for name in ("time", "status", "sex")), engine=engine)

    assert by_strain.statistic == pytest.approx(122.24912557300617, rel=1e-13)
    assert by_sex.statistic == pytest.approx(10.32674195488564, rel=1e-13)


def by_fractions(
    stays: list[tuple[int, bool, str, int]], since: list[int] | None = None
) -> tuple[dict[str, Fraction], Fraction | None]:
    """Expected events, and the statistic of two groups."""
    starts = dict(enumerate(since or []))
    groups = sorted({group for _, _, group, _ in stays})
    expected = dict.fromkeys(groups, Fraction(0))
    variance = Fraction(0)
    for stratum in {s for _, _, _, s in stays}:
        rows = [(*stay, starts.get(row, 0)) for row, stay in enumerate(stays) if stay[3] == stratum]
        for time in {t for t, event, *_ in rows if event}:
            at_risk = [group for t, _, group, _, start in rows if t >= time and (start < time or not start)]
            n, d = len(at_risk), sum(t == time and event for t, event, *_ in rows)
            for group in groups:
                expected[group] += Fraction(d * at_risk.count(group), n)
            one = Fraction(at_risk.count(groups[0]), n)
            variance += d * one * (1 - one) * Fraction(n - d, max(n - 1, 1))
    seen = sum(event for _, event, group, _ in stays if group == groups[0])
    return expected, (seen - expected[groups[0]]) ** 2 / variance if variance else None


@ENGINES
@given(stays=STAYS)
def test_expected_events_are_each_groups_share_of_those_at_risk(
    engine: Engine, stays: list[tuple[int, bool, str, int]]
) -> None:
    """Within strata; of two groups the statistic is the square of a difference over its variance."""
    test = log_rank(*([stay[k] for stay in stays] for k in range(4)), engine=engine)
    expected, statistic = by_fractions(stays)

    assert [one.expected for one in test.groups] == pytest.approx([float(e) for e in expected.values()], rel=1e-12)
    assert sum(one.observed for one in test.groups) == sum(event for _, event, _, _ in stays)
    assert test.degrees_of_freedom < len(test.groups)
    if len(test.groups) == 2:
        assert test.statistic == (None if statistic is None else pytest.approx(float(statistic), rel=1e-11, abs=1e-25))
    assert test.p_value is None or 0 <= test.p_value <= 1


@ENGINES
@given(stays=STAYS, extras=EXTRAS)
def test_who_comes_late_is_at_risk_from_then_on_and_a_weight_is_so_many_rows(
    engine: Engine, stays: list[tuple[int, bool, str, int]], extras: list[tuple[int, int]]
) -> None:
    """Left truncation and weights, by fractions over the rows a weight stands for."""
    since = [min(start, max(0, stay[0] - 1)) for stay, (start, _) in zip(stays, extras, strict=False)]
    counts = [count for _, (_, count) in zip(stays, extras, strict=False)]
    many = [stay for stay, count in zip(stays, counts, strict=True) for _ in range(count)]
    late = [start for start, count in zip(since, counts, strict=True) for _ in range(count)]
    columns = [[stay[k] for stay in stays] for k in range(4)]
    if len({group for _, _, group, _ in many}) < 2:
        with pytest.raises(Invalid, match="two groups or more"):
            log_rank(*columns, entry=since, weights=counts, engine=engine)
        return
    test = log_rank(*columns, entry=since, weights=counts, engine=engine)
    split = log_rank(*([stay[k] for stay in many] for k in range(4)), entry=late, engine=engine)
    expected, statistic = by_fractions(many, late)

    assert [one.expected for one in test.groups] == pytest.approx([float(e) for e in expected.values()], rel=1e-12)
    assert [(one.n, one.observed) for one in test.groups] == [(one.n, one.observed) for one in split.groups]
    assert (test.strata, test.degrees_of_freedom) == (split.strata, split.degrees_of_freedom)
    assert test.statistic == (None if split.statistic is None else pytest.approx(split.statistic, rel=1e-10, abs=1e-20))
    if len(test.groups) == 2 and statistic is not None:
        assert test.statistic == pytest.approx(float(statistic), rel=1e-11, abs=1e-25)


def test_weights_whose_sums_are_no_doubles_are_counted_in_plain_python() -> None:
    """Whole ones; fractions are refused."""
    columns = [1, 2, 3, 4], [1, 1, 1, 0], list("abab")
    test = log_rank(*columns, weights=[2.0**60, 1, 2.0**60, 2], entry=[0, 0, 1, 1], engine="numpy")

    assert (test.engine, [one.n for one in test.groups]) == ("python", [2**61, 3])
    with pytest.raises(Invalid, match=r"weights: got 0\.5, expected whole numbers"):
        log_rank(*columns, weights=[1, 1, 0.5, 1])
    with pytest.raises(Invalid, match='row 2, column "entry"'):
        log_rank(*columns, entry=[0, 3, 0, 0])


@ENGINES
@given(stays=STAYS)
def test_neither_order_nor_names_nor_units_matter(engine: Engine, stays: list[tuple[int, bool, str, int]]) -> None:
    """The test is about who ended before whom."""
    test = log_rank(*([stay[k] for stay in stays] for k in range(4)), engine=engine)
    again = log_rank(
        [t * 1e9 for t, _, _, _ in stays[::-1]],
        [e for _, e, _, _ in stays[::-1]],
        [{"a": 3, "b": 1, "c": 2}[g] for _, _, g, _ in stays[::-1]],
        [f"stratum {s}" for _, _, _, s in stays[::-1]],
        engine=engine,
    )

    assert again.degrees_of_freedom == test.degrees_of_freedom
    assert (again.statistic or 0.0) == pytest.approx(test.statistic or 0.0, rel=1e-10, abs=1e-20)


def test_groups_that_meet_in_no_stratum_are_counted_apart() -> None:
    """Two comparisons of two groups have two degrees of freedom, not three."""
    durations, observed = [1, 2, 3, 4, 5, 6, 7, 8], [1] * 8
    test = log_rank(durations, observed, list("ababcdcd"), [1, 1, 1, 1, 2, 2, 2, 2])

    assert test.degrees_of_freedom == 2
    apart = [log_rank(durations[k : k + 4], [1] * 4, list("abab")).statistic for k in (0, 4)]
    assert test.statistic == pytest.approx(sum(part for part in apart if part), rel=1e-12)


@ENGINES
def test_without_a_common_risk_set_there_is_no_statistic(engine: Engine) -> None:
    """And the reason is given."""
    test = log_rank([1, 2], [0, 1], ["a", "b"], engine=engine)

    assert (test.statistic, test.p_value, test.degrees_of_freedom) == (None, None, 0)
    assert test.reasons["p_value"] == "at no event were there members of two groups at risk"
    assert repr(test) == "<LogRank: 2 groups, nothing to compare>"
    assert "statistic: at no event" in str(test)
    assert log_rank([1, 2], [0, 0], ["a", "b"], engine=engine).statistic is None


def test_what_is_wrong_is_said() -> None:
    """Rows, columns and mends, all at once."""
    with pytest.raises(Invalid) as caught:
        log_rank([1, -1, None], [1, 2, 0], ["a", None, "b"])
    with pytest.raises(Invalid, match="two groups or more"):
        log_rank([1, 2], [1, 1], ["a", "a"])
    with pytest.raises(Invalid, match="another hashable value"):
        log_rank([1, 2, 3], [1, 1, 1], ["a", [], None])
    with pytest.raises(Invalid, match='row 2, column "groups"'):
        log_rank([1, 2], [1, 1], ["a", None])

    assert [problem.path for problem in caught.value.problems] == [
        'subjects row 2, column "durations"', 'subjects row 3, column "durations"', 'subjects row 2, column "observed"',
        'subjects row 2, column "groups"',
    ]  # fmt: skip


def test_it_prints_as_tables() -> None:
    """The test, and the groups in order of their names, whatever these are."""
    test = log_rank([1, 2, 3, 4], [1, 1, 1, 0], [2, "x", 10, 2])

    assert [one.group for one in test.groups] == [10, 2, "x"]  # by their text: numbers and text have no order
    assert test.to_dicts()[2] == {"group": "x", "n": 1, "observed": 1, "expected": pytest.approx(0.25 + 1 / 3)}
    assert "  degrees of freedom       2" in str(test).splitlines()
    assert "covariance" in test.definitions["statistic"]
    assert repr(test) == "<LogRank: chi-square 0.4386, df 2, p 0.803>"
