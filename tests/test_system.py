"""The system's clock and ids: in UTC, and always in the order they were made."""

from __future__ import annotations

import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest
from hypothesis import given, strategies as st

from crmcore.system import SystemIds, system_clock


def test_the_system_clock_tells_utc() -> None:
    """And runs forward, or stands."""
    one, other = system_clock(), system_clock()

    assert one.tzinfo is UTC
    assert timedelta() <= other - one < timedelta(minutes=1)


def test_an_id_is_its_kind_and_a_uuid_of_version_7() -> None:
    """With the time in front."""
    id = SystemIds()("opportunity")
    number = uuid.UUID(id.removeprefix("opportunity_"))

    assert (number.version, number.variant) == (7, uuid.RFC_4122)
    assert abs((number.int >> 80) / 1000 - system_clock().timestamp()) < 60


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 5_000))
def test_ids_sort_in_the_order_they_were_made(clock: list[int], burst: int) -> None:
    """Whatever the clock does, and however many fall into one millisecond."""
    times = iter([*clock, *itertools.repeat(clock[-1], burst), *clock])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", lambda: next(times) * 1_000_000)
        ids = SystemIds()
        made = [ids("lead") for _ in range(2 * len(clock) + burst)]

    assert made == sorted(set(made))
    assert all(uuid.UUID(id.removeprefix("lead_")).version == 7 for id in made)


def test_the_clock_catching_up_with_borrowed_milliseconds_changes_nothing() -> None:
    """More ids than a millisecond holds borrow from the next one."""
    times = iter([*itertools.repeat(1, 5_000), 2, 2, 3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.time_ns", lambda: next(times) * 1_000_000)
        patch.setattr("os.urandom", lambda count: b"\x00" * count)
        ids = SystemIds()
        made = [ids("lead") for _ in range(5_003)]

    assert made == sorted(set(made))


def test_threads_share_one_order() -> None:
    """No id is made twice."""
    ids = SystemIds()
    with ThreadPoolExecutor(4) as pool:
        made = [*pool.map(lambda _: ids("lead"), range(2_000))]

    assert len(set(made)) == 2_000
