"""The Kaplan-Meier median: published, exact at one half, and right about what has not ended."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from crmcore.analytics import median_survival
from crmcore.kernel.errors import Invalid

# E. A. Gehan's trial of 6-mercaptopurine in leukaemia: weeks of remission, as printed in every textbook of the field.
TREATED = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

STAYS = st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=60)


def median(stays: list[tuple[int, bool]]) -> float | None:
    """The median of pairs."""
    return median_survival([length for length, _ in stays], [ended for _, ended in stays])


def test_the_published_medians() -> None:
    """23 weeks with the drug, 8 without."""
    assert median_survival(TREATED, list(map(bool, RELAPSED))) == 23
    assert median_survival(PLACEBO, [True] * 21) == 8


@pytest.mark.parametrize("n", range(2, 200, 2))
def test_exactly_one_half_is_reached(n: int) -> None:
    """Even where the product of floats falls just above it."""
    assert median([(day, True) for day in range(n)]) == n // 2 - 1


def test_unfinished_stays_push_the_median_out() -> None:
    """Leaving them out would say 2."""
    assert median([(1, True), (2, True), (3, True), (9, False), (9, False), (9, False)]) == 3
    assert median([(1, True), (2, True), (9, False), (9, False), (9, False)]) is None


def test_nothing_has_no_median() -> None:
    """And nothing that has ended has none either."""
    assert median([]) is None
    assert median([(5, False)]) is None


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_without_censoring_it_is_the_lower_middle(lengths: list[int]) -> None:
    """The first length by which half have ended."""
    assert median([(length, True) for length in lengths]) == sorted(lengths)[(len(lengths) - 1) // 2]


@given(STAYS)
def test_going_on_longer_never_shortens_it(stays: list[tuple[int, bool]]) -> None:
    """A stay that goes on says only that it is at least so long."""
    before = median(stays)
    after = median([(length if ended else length + 10, ended) for length, ended in stays])

    assert after is None or (before is not None and after >= before)


@given(STAYS)
def test_the_order_of_stays_does_not_matter(stays: list[tuple[int, bool]]) -> None:
    """Not even among ties."""
    assert median(sorted(stays)) == median(stays) == median(stays[::-1])


def test_two_lengths_are_refused() -> None:
    """Each stay has ended or not."""
    with pytest.raises(Invalid, match="column \"observed\": got '1 cells', expected 2"):
        median_survival([1, 2], [True])
    with pytest.raises(Invalid, match='row 2, column "durations": got nan'):
        median_survival([1, float("nan")], [True, True])
