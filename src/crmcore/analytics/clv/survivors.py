"""How many customers are left after each renewal: what contractual models are fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf

from crmcore.analytics.calculus.engines import PLAIN
from crmcore.analytics.clv.rows import Rows, number
from crmcore.kernel.errors import Invalid, Problem

__all__ = ["read_survivors", "renewals"]


def read_survivors(survivors: object) -> Rows:
    """Customers by the renewal they left at, or up to which they are known to have stayed.

    Args:
        survivors: How many customers there were at first and after each renewal, shape ``(n,)``; or such a list for
            each of several cohorts, which may be of different age.

    Raises:
        Invalid: Numbers are missing, below 0 or rising; lists them.
    """
    cohorts = list(_cohorts(survivors))
    problems = [problem for path, counts in cohorts for problem in _problems(path, counts)]
    if problems or not cohorts:
        mend = "give them like [1000, 869, 743]"
        empty = Problem("survivors", "none", "how many customers there were at first and after each renewal", mend)
        raise Invalid(problems or [empty])
    held: dict[tuple[float, float], float] = {}
    for _, counts in cohorts:
        for key, customers in _ends(counts):
            held[key] = held.get(key, 0.0) + customers
    columns = tuple(zip(*held, strict=True))
    return Rows(columns, list(held.values()), sum(held.values()), PLAIN)


def _cohorts(survivors: object) -> Iterator[tuple[str, list[float]]]:
    """The cohorts, each with how to point at it."""
    if isinstance(survivors, str) or not isinstance(survivors, Iterable):
        return
    given = list(survivors)
    if given and all(isinstance(part, Iterable) and not isinstance(part, str) for part in given):
        yield from ((f"survivors[{i}]", list(map(number, part))) for i, part in enumerate(given))
    elif given:
        yield "survivors", list(map(number, given))


def _problems(path: str, counts: Sequence[float]) -> Iterator[Problem]:
    if not counts or counts[0] == 0:
        yield Problem(f"{path}[0]", "none", "how many customers there were at first", "leave out an empty cohort")
    for i, count in enumerate(counts):
        if not 0 <= count < inf:
            yield Problem(f"{path}[{i}]", count, "a number of customers, 0 or more", "correct it")
        elif i and count > counts[i - 1]:
            mend = "give who is left of the first, without those who joined"
            yield Problem(f"{path}[{i}]", count, f"at most as many as before, {counts[i - 1]:g}", mend)


def _ends(counts: Sequence[float]) -> Iterator[tuple[tuple[float, float], float]]:
    """A renewal, whether they left at it, and how many customers that is so of."""
    for t, (before, after) in enumerate(pairwise(counts), 1):
        if before > after:
            yield (float(t), 1.0), before - after
    if counts[-1]:
        yield (float(len(counts) - 1), 0.0), counts[-1]


def renewals(rows: Rows) -> list[tuple[int, float, float]]:
    """Each renewal that was up, how many customers renewed, and how many left.

    Args:
        rows: What ``read_survivors`` gave.
    """
    ends: dict[int, list[float]] = {}
    for t, left, customers in zip(*rows.columns, rows.weights, strict=True):
        ends.setdefault(round(t), [0.0, 0.0])[round(left)] += customers
    found, beyond = [], 0.0
    for t in range(max(ends), 0, -1):
        stayed, left = ends.get(t, (0.0, 0.0))
        beyond += stayed
        found.append((t, beyond, left))
        beyond += left
    return found[::-1]
