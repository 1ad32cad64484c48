"""What a part of the exam found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import attrs

__all__ = ["Findings", "Step"]

Step = Callable[[int], None]
"""Told how many more repetitions are done."""

_NUMBER = re.compile(r"\d[\d,]*")


@attrs.frozen
class Findings:
    """What came of some repetitions.

    Attributes:
        checked: How many repetitions there were.
        failures: What went wrong, one sentence each.
        said: Figures for the line of the part: ``"1,840 acknowledged"``. Counts, since those of several runs are added.

    Example:
        >>> from crmcore.testing.exam.findings import Findings
        >>> Findings(100, (), "1,840 acknowledged") + Findings(100, ("1 lost",), "160 acknowledged")
        Findings(checked=200, failures=('1 lost',), said='2,000 acknowledged')
    """

    checked: int
    failures: tuple[str, ...]
    said: str = ""

    def __add__(self, other: Findings) -> Findings:
        """Both together."""
        return Findings(self.checked + other.checked, self.failures + other.failures, _sum(self.said, other.said))


def _sum(one: str, other: str) -> str:
    """Two sentences of the same words as one, its numbers added; otherwise both."""
    if _NUMBER.sub("", one) != _NUMBER.sub("", other):
        return ", ".join(filter(None, (one, other)))
    numbers: Iterator[str] = (found[0] for found in _NUMBER.finditer(other))
    return _NUMBER.sub(lambda found: f"{_read(found[0]) + _read(next(numbers)):,}", one)


def _read(number: str) -> int:
    return int(number.replace(",", ""))
