"""The store in memory keeps the contract."""

from __future__ import annotations

from pathlib import Path

from crmcore.stores.memory import MemoryStore
from crmcore.testing import StoreContract


class TestMemoryStore(StoreContract):
    """Nothing outlives it."""

    def open(self, folder: Path) -> MemoryStore:
        """A new one each time."""
        return MemoryStore()
