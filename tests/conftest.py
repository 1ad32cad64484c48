"""What every test shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pathlib import Path

# Properties are about right and wrong; speed is measured elsewhere, and a busy machine is no failure.
settings.register_profile("crmcore", deadline=None)
settings.load_profile("crmcore")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, so that a ``crm.db`` left behind harms nobody."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
