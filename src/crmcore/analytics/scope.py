"""Which instants an analysis looks at: up to an as-of, and in a period."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from crmcore.analytics.cells import micros

if TYPE_CHECKING:
    from datetime import datetime

    from crmcore.kernel.calendar import Period

__all__ = ["Scope"]

FOREVER = 1 << 63  # microseconds: before and after any instant


@attrs.frozen
class Scope:
    """Which instants count, in microseconds since 1970.

    Attributes:
        at: The as-of: nothing later is looked at.
        start: The first instant of the period.
        end: The first instant after it.
        all_time: Whether no period was asked for.
    """

    at: int
    start: int
    end: int
    all_time: bool

    @classmethod
    def of(cls, at: datetime | None, period: Period | None) -> Scope:
        """What an as-of and a period come to; without any instant in the data, everything counts."""
        until = FOREVER if at is None else micros(at)
        if period is None:
            return cls(until, -FOREVER, FOREVER, all_time=True)
        return cls(until, micros(period.start), micros(period.end), all_time=False)

    def holds(self, instant: int | None) -> bool:
        """Whether something happened in the period, and by the as-of."""
        return instant is not None and self.start <= instant < self.end and instant <= self.at
