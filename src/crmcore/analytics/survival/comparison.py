"""The log-rank test: whether groups differ in how long they last."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.calculus.engines import EngineName, engine_for
from crmcore.analytics.calculus.special import chi_square_survival
from crmcore.analytics.columns import Columns, Wanted, columns_of
from crmcore.analytics.results import Section, Tabular, written
from crmcore.analytics.survival.subjects import ordered, read_events, read_names, read_numbers
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crmcore.analytics.calculus.matrices import Matrix

__all__ = ["GroupEvents", "LogRank", "log_rank"]


@attrs.frozen
class GroupEvents:
    """What the log-rank test saw of one group.

    Attributes:
        group: The group, as the data name it.
        n: How many are in it.
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
    engine: EngineName | None = None,
) -> LogRank:
    """The log-rank test for a difference in survival between two or more groups.

    Args:
        durations: How long each was followed, 0 or more, in any one unit.
        observed: Whether each has ended: True or 1; False or 0 means still running when last seen (right-censored).
        groups: The group of each: text, a number or another hashable value.
        strata: The stratum of each; groups are compared only within strata. By default there is one.
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
    given = {"durations": durations, "observed": observed, "groups": groups, "strata": strata}
    table = {name: column for name, column in given.items() if column is not None}
    columns = columns_of(table, [Wanted(name, name) for name in table], "subjects")
    chosen = engine_for(columns.length, engine)
    samples, names = _samples(columns)
    counted = [(_count_fast if chosen.name == "numpy" else _count)(stratum) for stratum in samples]
    expected = [sum(one.expected[j] for one in counted) for j in range(len(names))]
    seen = [sum(one.observed[j] for one in counted) for j in range(len(names))]
    covariance = [[sum(one.covariance[i][j] for one in counted) for j in range(len(names))] for i in range(len(names))]
    beyond = [events - mean for events, mean in zip(seen, expected, strict=True)]
    statistic, rank = _quadratic_form(beyond, covariance)
    return LogRank(
        statistic=statistic if rank else None,
        degrees_of_freedom=rank,
        p_value=chi_square_survival(statistic, rank) if rank else None,
        groups=tuple(
            GroupEvents(name, sum(len(stratum[j][0]) for stratum in samples), seen[j], expected[j])
            for j, name in enumerate(names)
        ),
        strata=len(samples),
        engine=chosen.name,
    )


Sample = tuple[list[float], list[float]]
"""The durations of a group, and those of them that ended with an event."""


def _samples(columns: Columns) -> tuple[list[list[Sample]], list[object]]:
    """The samples of each group in each stratum, and the names of the groups."""
    problems: list[Problem] = []
    durations = read_numbers(columns, "durations", problems, lowest=0)
    observed = read_events(columns, "observed", problems)
    groups = read_names(columns, "groups", problems)
    strata = read_names(columns, "strata", problems) if "strata" in columns.cells else [None] * len(groups)
    if problems:
        raise Invalid(problems)
    names = ordered(set(groups))
    if len(names) < 2:
        raise Invalid(
            [Problem("groups", f"{len(names)} different", "two groups or more", "compare with another group")]
        )
    found: dict[object, dict[object, Sample]] = {}
    for duration, event, group, stratum in zip(durations, observed, groups, strata, strict=True):
        sample = found.setdefault(stratum, {}).setdefault(group, ([], []))
        sample[0].append(duration)
        if event:
            sample[1].append(duration)
    nobody: Sample = ([], [])
    return [[found[stratum].get(name, nobody) for name in names] for stratum in ordered(found)], names


# --- counting -------------------------------------------------------------------------------------------------------


@attrs.frozen
class _Counted:
    """What one stratum adds to the test, by group."""

    observed: list[int]
    expected: list[float]
    covariance: Matrix


def _count(samples: Sequence[Sample]) -> _Counted:
    size = range(len(samples))
    expected = [0.0] * len(samples)
    covariance = [[0.0] * len(samples) for _ in size]
    followed = [sorted(durations) for durations, _ in samples]
    for time, events in sorted(Counter(time for _, ended in samples for time in ended).items()):
        at_risk = [len(durations) - bisect_left(durations, time) for durations in followed]
        n = sum(at_risk)
        shares = [some / n for some in at_risk]
        spread = events * (n - events) / (n - 1) if n > 1 else 0.0
        for i in size:
            expected[i] += events * shares[i]
            for j in size:
                covariance[i][j] += spread * shares[i] * ((i == j) - shares[j])
    return _Counted([len(ended) for _, ended in samples], expected, covariance)


def _count_fast(samples: Sequence[Sample]) -> _Counted:
    import numpy as np

    times, events = np.unique(np.concatenate([ended for _, ended in samples]), return_counts=True)
    followed = [np.sort(np.asarray(durations, float)) for durations, _ in samples]
    at_risk = np.array([len(durations) - durations.searchsorted(times) for durations in followed])
    n = at_risk.sum(axis=0)
    shares = at_risk / n
    spread = events * (n - events) / np.maximum(n - 1, 1)
    covariance = np.diag(shares @ spread) - (shares * spread) @ shares.T
    return _Counted([len(ended) for _, ended in samples], (shares @ events).tolist(), covariance.tolist())


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
