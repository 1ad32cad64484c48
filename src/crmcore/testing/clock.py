"""Time and identity for tests and documents: the same on every run.

Hand them to ``CRM`` in the place of the system's, and everything it says can be written down.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import attrs

from crmcore.kernel.calendar import instant

__all__ = ["CountingIds", "TickingClock"]


def _instant(now: datetime | str) -> datetime:
    return instant(now, zone="UTC")


@attrs.define
class TickingClock:
    """A clock that moves on by one step whenever it is asked.

    Attributes:
        now: What it says next: an aware datetime, or text such as ``"2026-11-21T09:00Z"``. Set it to let time pass.
        step: How far it moves on.

    Example:
        >>> from datetime import timedelta
        >>> from crmcore.testing import TickingClock
        >>> clock = TickingClock("2026-11-21T09:00Z", timedelta(minutes=5))
        >>> f"{clock():%H:%M}", f"{clock():%H:%M}"
        ('09:00', '09:05')
        >>> clock.now += timedelta(days=7)
        >>> f"{clock():%d %B, %H:%M}"
        '28 November, 09:10'
    """

    now: datetime = attrs.field(converter=_instant)
    step: timedelta = timedelta(seconds=1)

    def __call__(self) -> datetime:
        """What time it is."""
        now = self.now
        self.now += self.step
        return now


class CountingIds:
    """Makes ids that count each kind from 1; up to 9,999 they sort in that order.

    Example:
        >>> from crmcore.testing import CountingIds
        >>> ids = CountingIds()
        >>> ids("lead"), ids("lead"), ids("account")
        ('lead_0001', 'lead_0002', 'account_0001')
    """

    def __init__(self) -> None:
        self._made: Counter[str] = Counter()

    def __call__(self, kind: str) -> str:
        """A new id for a kind of record."""
        self._made[kind] += 1
        return f"{kind}_{self._made[kind]:04}"
