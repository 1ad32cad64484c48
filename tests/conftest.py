"""What every test shares."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from crmcore import CRM
from crmcore.stores.memory import MemoryStore
from crmcore.testing import CountingIds, TickingClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Properties are about right and wrong; speed is measured elsewhere, and a busy machine is no failure.
settings.register_profile("crmcore", deadline=None, max_examples=50)
settings.load_profile("crmcore")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Histories on every store are slow: the test kit, which has them, knows no marks of ours."""
    for item in items:
        if getattr(item, "originalname", None) == "test_any_history":
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, so that a ``crm.db`` left behind harms nobody."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clock() -> TickingClock:
    """A clock that stands still until a test moves it: Monday, 2 November 2026, 09:00 UTC."""
    return TickingClock("2026-11-02T09:00Z", timedelta())


@pytest.fixture(params=["memory", "sqlite"])
def open_crm(request: pytest.FixtureRequest, tmp_path: Path, clock: TickingClock) -> Iterator[Callable[..., CRM]]:
    """Opens a CRM over one store, again and again, in memory and in a file."""
    shared = MemoryStore()
    opened: list[CRM] = []
    ids = CountingIds()

    def open_crm(**circumstances: Any) -> CRM:  # noqa: ANN401 - as CRM takes them
        store = shared if request.param == "memory" else tmp_path / "crm.db"
        opened.append(CRM(store, **{"clock": clock, "new_id": ids, **circumstances}))
        return opened[-1]

    yield open_crm
    for crm in opened:
        crm.close()


@pytest.fixture
def crm(open_crm: Callable[..., CRM]) -> CRM:
    """An empty CRM under the standard playbook, in memory and in a file."""
    return open_crm()
