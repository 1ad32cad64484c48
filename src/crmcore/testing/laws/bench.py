"""The bench a store is tried on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from crmcore.kernel.errors import Closed
from crmcore.kernel.ports import Store
from crmcore.testing.specimens import KINDS, Pen
from crmcore.verification import verify

__all__ = ["Bench"]


class Bench:
    """Opens the store under test, and checks in the end that everything in it adds up.

    Attributes:
        durable: Whether a store opened again in the same folder finds what was written.
    """

    durable: ClassVar[bool] = False

    def open(self, folder: Path) -> Store:
        """Open a store.

        Args:
            folder: An empty folder of its own, the same one when it is opened again.
        """
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        """A store with room for both kinds."""
        self.opened = self.open(tmp_path)
        self.opened.prepare(KINDS.values())
        yield self.opened
        with contextlib.suppress(Closed):
            sound = verify(self.opened, KINDS)
            self.opened.close()
            assert sound, str(sound)

    @pytest.fixture
    def pen(self, store: Store) -> Pen:
        """Writes into the store."""
        return Pen(store)

    def again(self, store: Store, folder: Path) -> Store:
        """The store, opened anew if it is durable."""
        if self.durable:
            store.close()
            self.opened = self.open(folder)
            self.opened.prepare(KINDS.values())
        return self.opened
