"""The store in a SQLite file keeps the contract."""

from __future__ import annotations

from pathlib import Path

from crmcore.stores.sqlite import SqliteStore
from crmcore.testing import StoreContract


class TestSqliteStore(StoreContract):
    """In a file, which is there again when it is opened again."""

    durable = True

    def open(self, folder: Path) -> SqliteStore:
        """A file; the contract is about what is written, not about power cuts."""
        return SqliteStore(str(folder / "crm.db"), durability="relaxed")


class TestSqliteInMemory(StoreContract):
    """Without a file."""

    examples = 10

    def open(self, folder: Path) -> SqliteStore:
        """A new one each time."""
        return SqliteStore(":memory:")
