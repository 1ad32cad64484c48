"""The log-rank test: whether groups differ in how long they last."""

from __future__ import annotations

from functools import reduce
from operator import add, sub
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.calculus.special import chi_square_survival
from crmcore.analytics.results import Section, Tabular, written
from crmcore.analytics.survival.cells import ordered
from crmcore.analytics.survival.expected_events import group_events
from crmcore.analytics.survival.intake import read_named_subjects
from crmcore.analytics.survival.subjects import EXACT, listed
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmcore.analytics.calculus.engines import EngineName
    from crmcore.analytics.calculus.matrices import Matrix
    from crmcore.analytics.survival.subjects import Subjects

__all__ = ["GroupEvents", "LogRank", "log_rank"]


@attrs.frozen
class GroupEvents:
    """What the log-rank test saw of one group.

    Attributes:
        group: The group, as the data name it.
        n: How many are in it, by weight.
        observed: How many events it had.
        expected: How many it would have had, were there no difference between the groups.
    """

    group: object
    n: int
    observed: int
    expected: float


@attrs.frozen(kw_only=True, repr=False, str=False)
class LogRank(Tabular):
    """The result of a log-rank test.

    Attributes:
        statistic: Chi-square: how far observed events are from expected ones; None when nothing could be compared.
        degrees_of_freedom: One less than the groups that could be compared.
        p_value: The chance of such a statistic, or a larger one, were there no difference; None without a statistic.
        groups: Each group with its observed and expected events, in the order of their names.
        strata: Within how many strata groups were compared.
        engine: What did the counting: plain Python or numpy.
    """

    statistic: float | None
    degrees_of_freedom: int
    p_value: float | None
    groups: tuple[GroupEvents, ...]
    strata: int
    engine: EngineName

    @property
    def definitions(self) -> Mapping[str, str]:
        """What each figure means."""
        return DEFINITIONS

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why each undefined figure is undefined."""
        why = "at no event were there members of two groups at risk"
        return FrozenMap({} if self.degrees_of_freedom else {"statistic": why, "p_value": why})

    def to_dicts(self) -> list[dict[str, object]]:
        """One row a group."""
        return [attrs.asdict(group) for group in self.groups]

    def sections(self) -> list[Section]:
        """The test, and the groups."""
        facts = (
            ("chi-square", "–" if self.statistic is None else f"{self.statistic:.4f}"),
            ("degrees of freedom", written(self.degrees_of_freedom)),
            ("p value", "–" if self.p_value is None else f"{self.p_value:.4g}"),
            ("strata", written(self.strata)),
        )
        rows = tuple(
            (str(one.group), written(one.n), written(one.observed), written(one.expected)) for one in self.groups
        )
        whys = tuple((f"{name}: {why}",) for name, why in self.reasons.items())
        parts = [Section("Log-rank test", (), facts), Section("Groups", ("group", "n", "observed", "expected"), rows)]
        return [*parts, *([Section("Undefined, and why", (), whys)] if whys else [])]

    def __repr__(self) -> str:
        if self.statistic is None:
            return f"<LogRank: {len(self.groups)} groups, nothing to compare>"
        return f"<LogRank: chi-square {self.statistic:.4g}, df {self.degrees_of_freedom}, p {self.p_value:.3g}>"


DEFINITIONS = FrozenMap(
    {
        "expected": "Σ over event times, within each stratum, of events × the group's share of those at risk",
        "statistic": "(observed - expected)ᵀ V⁻ (observed - expected), V the hypergeometric covariance summed over "
        "event times and strata",
        "degrees_of_freedom": "the rank of V",
        "p_value": "the chance that chi-square with these degrees of freedom is larger",
    }
)


def log_rank(
    durations: Iterable[float],
    observed: Iterable[object],
    groups: Iterable[object],
    strata: Iterable[object] | None = None,
    *,
    entry: Iterable[float] | None = None,
    weights: Iterable[float] | None = None,
    engine: EngineName | None = None,
) -> LogRank:
    """The log-rank test for a difference in survival between two or more groups.

    Args:
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether each has ended: True or 1; False or 0 means still running when last seen (right-censored).
        groups: The group of each: text, a number or another hashable value.
        strata: The stratum of each; groups are compared only within strata. By default there is one.
        entry: How long each had lasted when it came under observation, in the same unit (left truncation); 0 for
            those watched from the start, and the default for all.
        weights: How many each row stands for: whole numbers from 0 to 1e100.
        engine: ``"python"`` or ``"numpy"``; by default numpy where it is installed and rows are many.

    Raises:
        Invalid: A cell is missing or impossible, columns differ in length, or there are not two groups.

    Source: N. Mantel, Evaluation of Survival Data and Two New Rank Order Statistics Arising in Its Consideration, 1966;
    R. Peto and J. Peto, Asymptotically Efficient Rank Invariant Test Procedures, 1972.

    Example:
        >>> from crmcore.analytics.survival import log_rank
        >>> test = log_rank([1, 2, 3, 8, 9, 10], [1, 1, 1, 1, 1, 0], ["monthly"] * 3 + ["yearly"] * 3)
        >>> test
        <LogRank: chi-square 5.052, df 1, p 0.0246>
        >>> [(group.group, group.observed, round(group.expected, 3)) for group in test.groups]
        [('monthly', 3, 1.15), ('yearly', 2, 3.85)]
    """
    given = {"durations": durations, "observed": observed, "entry": entry, "weights": weights}
    parted = {"groups": groups} if strata is None else {"groups": groups, "strata": strata}
    subjects, labels = read_named_subjects(given, parted, engine)
    subjects = _countable(subjects)
    names = ordered(set(labels["groups"]))
    if len(names) < 2:
        mend = "compare with another group"
        raise Invalid([Problem("groups", f"{len(names)} different", "two groups or more", mend)])
    samples = _samples(subjects, names, labels["groups"], labels.get("strata"))
    found = reduce(add, map(group_events, samples))
    statistic, rank = _quadratic_form(list(map(sub, found.observed, found.expected)), found.covariance)
    return LogRank(
        statistic=statistic if rank else None,
        degrees_of_freedom=rank,
        p_value=chi_square_survival(statistic, rank) if rank else None,
        groups=tuple(
            GroupEvents(name, sum(_number(stratum[j]) for stratum in samples), found.observed[j], found.expected[j])
            for j, name in enumerate(names)
        ),
        strata=len(samples),
        engine=subjects.engine,
    )


def _countable(subjects: Subjects) -> Subjects:
    """Subjects of whole numbers, in lists where doubles would not hold their sums."""
    if subjects.weights is None:
        return subjects
    weights = listed(subjects.weights)
    fraction = next((weight for weight in weights if weight % 1), None)
    if fraction is not None:
        raise Invalid([Problem("weights", fraction, "whole numbers", "give how many rows each stands for")])
    return subjects if sum(weights) < EXACT else subjects.in_lists()


def _number(subjects: Subjects) -> int:
    return len(subjects) if subjects.weights is None else sum(map(int, listed(subjects.weights)))


def _samples(
    subjects: Subjects, names: Sequence[object], groups: Sequence[object], strata: Sequence[object] | None
) -> list[Sequence[Subjects]]:
    """The subjects of each group in each stratum."""
    codes, size = _codes(groups, names), len(names)
    if strata is not None:
        codes = [size * layer + code for layer, code in zip(_codes(strata, ordered(set(strata))), codes, strict=True)]
    parts = subjects.parted(codes, size * len(set(strata or [None])))
    return [parts[first : first + size] for first in range(0, len(parts), size)]


def _codes(cells: Sequence[object], names: Sequence[object]) -> list[int]:
    """The place of each cell among the names."""
    return list(map({name: place for place, name in enumerate(names)}.__getitem__, cells))


TOLERANCE = 1e-10
"""The share of a variance that must be left for it to be told from rounding."""


def _quadratic_form(vector: Sequence[float], matrix: Matrix) -> tuple[float, int]:
    """xᵀ A⁻ x of a covariance matrix that may be singular, and its rank: by elimination, largest variance first."""
    rest, left = list(vector), [list(row) for row in matrix]
    whole = [row[i] for i, row in enumerate(matrix)]
    open_rows = {i for i, variance in enumerate(whole) if variance > 0}
    found, rank = 0.0, 0
    while open_rows:
        pivot = max(open_rows, key=lambda i: left[i][i] / whole[i])
        open_rows.remove(pivot)
        variance = left[pivot][pivot]
        if variance <= TOLERANCE * whole[pivot]:
            break
        found, rank = found + rest[pivot] ** 2 / variance, rank + 1
        for i in open_rows:
            factor = left[i][pivot] / variance
            rest[i] -= factor * rest[pivot]
            left[i] = [cell - factor * above for cell, above in zip(left[i], left[pivot], strict=True)]
    return found, rank
