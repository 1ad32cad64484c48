"""The Nelson-Aalen estimate: published, exact under either way of taking ties."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isfinite, sqrt
from typing import Literal

import mpmath
import pytest
from hypothesis import given, strategies as st

from crmcore.analytics.survival import nelson_aalen
from crmcore.kernel.errors import Invalid

Rows = Callable[[str], list[dict[str, str]]]
Ties = Literal["breslow", "fleming-harrington"]

ENGINES = pytest.mark.parametrize("engine", ["python", "numpy"])
TIES = pytest.mark.parametrize("ties", ["breslow", "fleming-harrington"])

STAYS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=40)


def exactly(stays: list[tuple[int, bool]], ties: Ties) -> list[tuple[Fraction, Fraction]]:
    """H and its variance at each duration, by fractions."""
    hazard, variance, found = Fraction(0), Fraction(0), []
    for time in sorted({time for time, _ in stays}):
        at_risk = sum(t >= time for t, _ in stays)
        events = sum(t == time and event for t, event in stays)
        if ties == "breslow":
            hazard, variance = hazard + Fraction(events, at_risk), variance + Fraction(events, at_risk**2)
        else:
            hazard += sum(Fraction(1, at_risk - k) for k in range(events))
            variance += sum(Fraction(1, (at_risk - k) ** 2) for k in range(events))
        found.append((hazard, variance))
    return found


@ENGINES
def test_waltons_flies(engine: Literal["python", "numpy"], published: Rows) -> None:
    """Both ways of taking ties, as two programs of the field print them by default."""
    rows = published("waltons_dataset.csv")
    durations, observed = [row["T"] for row in rows], [row["E"] for row in rows]
    at_once = nelson_aalen(durations, observed, engine=engine)
    one_by_one = nelson_aalen(durations, observed, ties="fleming-harrington", engine=engine)

    assert at_once.hazard_at([33, 60, 69, 75]) == pytest.approx(
        [0.21733914892585127, 1.093932886118863, 2.923491902707955, 3.923491902707955], rel=1e-13
    )
    assert one_by_one.hazard_at([33, 60, 69, 75]) == pytest.approx(
        [0.2192276955050927, 1.1594393835150418, 4.021337029536772, 5.021337029536772], rel=1e-13
    )


@ENGINES
@TIES
@given(stays=STAYS)
def test_it_is_the_sum_of_the_shares_that_ended(
    engine: Literal["python", "numpy"], ties: Ties, stays: list[tuple[int, bool]]
) -> None:
    """Its limits hold it, and nothing is below 0."""
    found = nelson_aalen([t for t, _ in stays], [e for _, e in stays], ties=ties, engine=engine)
    exact = exactly(stays, ties)

    assert found.cumulative_hazard == pytest.approx([float(h) for h, _ in exact], rel=1e-12, abs=0)
    assert found.variance == pytest.approx([float(v) for _, v in exact], rel=1e-12, abs=0)
    assert found.se == pytest.approx([sqrt(v) for _, v in exact], rel=1e-12, abs=0)
    for hazard, lower, upper in zip(found.cumulative_hazard, found.lower, found.upper, strict=True):
        assert 0 <= lower <= hazard <= upper < float("inf")


@pytest.mark.parametrize(
    ("low", "high"), [(0, 100), (10**6, 10**6 + 70), (10**9, 10**9 + 5_000), (3, 10**6), (40, 200)]
)
def test_many_events_at_one_time_one_by_one(low: int, high: int) -> None:
    """A million terms are not added up, and no digit is lost."""
    found = nelson_aalen([1, 2], [1, 0], weights=[high - low, low], ties="fleming-harrington")
    first = mpmath.harmonic(high) - mpmath.harmonic(low)
    second = mpmath.zeta(2, low + 1) - mpmath.zeta(2, high + 1)

    assert found.cumulative_hazard[0] == pytest.approx(float(first), rel=1e-12)
    with mpmath.workdps(40):
        second = mpmath.zeta(2, low + 1) - mpmath.zeta(2, high + 1)
    assert found.variance[0] == pytest.approx(float(second), rel=1e-12)


def test_one_by_one_needs_whole_weights() -> None:
    """Half an event can't come after another."""
    with pytest.raises(Invalid, match="give whole weights"):
        nelson_aalen([1, 2], [1, 0], weights=[0.5, 1], ties="fleming-harrington")
    with pytest.raises(Invalid, match='say ties="breslow"'):
        nelson_aalen([1, 2], [1, 0], ties="efron")  # type: ignore[arg-type]


@ENGINES
@given(
    st.lists(st.tuples(st.floats(0, 1.7e308), st.booleans(), st.sampled_from([0, 1e-100, 1 / 3, 1, 1e100])), max_size=9)
)
def test_no_figure_is_anything_but_a_number(
    engine: Literal["python", "numpy"], stays: list[tuple[float, bool, float]]
) -> None:
    """For times and weights of any size."""
    found = nelson_aalen(
        *([stay[k] for stay in stays] for k in (0, 1)), weights=[w for _, _, w in stays], engine=engine
    )

    kinds = (found.cumulative_hazard, found.variance, found.se, found.lower, found.upper)
    assert all(isfinite(value) for kind in kinds for value in kind)


def test_it_prints_as_a_table() -> None:
    """With how ties were taken."""
    found = nelson_aalen([1, 1, 2, 3], [1, 1, 1, 0], unit="months")

    assert repr(found) == "<CumulativeHazard: 3 events, 1 by 3>"
    assert repr(nelson_aalen([], [])) == "<CumulativeHazard: 0 events>"
    assert "  1           4       2         0             0.5000  0.3536  0.1250  1.9992" in str(found).splitlines()
    assert "Nelson-Aalen, ties breslow" in str(found)
    assert found.unit == "months"
    assert found.definitions["variance"] == "Σ events / at risk²"
    assert "1/(n - 1)" in nelson_aalen([1], [1], ties="fleming-harrington").definitions["cumulative_hazard"]
    assert found.to_dicts()[1]["cumulative_hazard"] == 1
