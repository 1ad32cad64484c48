"""What the statements of a SQL store are sent to, whatever the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

__all__ = ["Database"]

T = TypeVar("T")


class Database(Protocol):
    """A database that takes statements one by one, in its own transactions."""

    @property
    def path(self) -> str:
        """Where it is, as an error names it."""
        ...

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row a statement gives.

        Args:
            sql: One statement.
            values: What its question marks stand for.

        Raises:
            StoreError: The database refused.
        """
        ...

    def many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many sets of values.

        Args:
            sql: One statement.
            values: What its question marks stand for, each time.

        Raises:
            StoreError: The database refused.
        """
        ...

    def writing(self, *, alone: bool = False) -> AbstractContextManager[None]:
        """A write transaction: everything inside, or nothing.

        Args:
            alone: Whether nobody else may write meanwhile.
        """
        ...

    def transact(self, act: Callable[[], T], *, alone: bool = False) -> T:
        """What an act gives that reads and writes, in a write transaction: again, or with others', as the engine likes.

        Args:
            act: The act; what it gives rests on nothing but what it reads.
            alone: Whether nobody else may write meanwhile.
        """
        ...

    def reading(self) -> AbstractContextManager[None]:
        """A read transaction: every statement inside sees the same state."""
        ...

    def close(self) -> None:
        """Let go of it; further use raises ``Closed``."""
        ...
