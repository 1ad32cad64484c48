"""The system's clock, ids and chance: the only place that asks the machine for them."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

__all__ = ["SystemIds", "fresh_secret", "system_clock"]


def system_clock() -> datetime:
    """What time it is, in UTC."""
    return datetime.now(UTC)


def fresh_secret() -> bytes:
    """A secret that nobody can guess: 32 random bytes."""
    return os.urandom(32)


class SystemIds:
    """Makes ids: the kind, then a UUID of version 7, which sorts by the time it was made.

    Within a millisecond a counter goes up instead of chance, so ids made by one process always
    sort in the order they were made.

    Source: RFC 9562, sections 5.7 and 6.2 (method 1, fixed-length counter).

    Example:
        >>> from crmcore.system import SystemIds
        >>> ids = SystemIds()
        >>> ids("lead") < ids("lead")
        True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._millisecond = 0
        self._counter = 0

    def __call__(self, kind: str) -> str:
        """A new id for a kind of record."""
        with self._lock:
            now = time.time_ns() // 1_000_000
            if now > self._millisecond:
                self._millisecond, self._counter = now, int.from_bytes(os.urandom(2), "big") & 0x7FF
            elif self._counter < 0xFFF:
                self._counter += 1
            else:  # ahead of the clock, until it catches up
                self._millisecond, self._counter = self._millisecond + 1, 0
            millisecond, counter = self._millisecond, self._counter
        chance = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
        number = (millisecond << 80) | (7 << 76) | (counter << 64) | (2 << 62) | chance
        return f"{kind}_{number:032x}"
