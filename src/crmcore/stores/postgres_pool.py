"""A few connections that threads take turns with."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from crmcore.kernel.errors import Busy, Closed

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["Pool"]


class Pool:
    """Connections, opened when they are needed and kept for the next one who asks.

    Args:
        connect: Opens one.
        size: The most there are at a time.
        busy_seconds: How long to wait for one.
        where: The database, as an error names it.
    """

    def __init__(self, connect: Callable[[], Connection[Any]], *, size: int, busy_seconds: float, where: str) -> None:
        self._connect, self._size, self._busy_seconds, self._where = connect, size, busy_seconds, where
        self._idle: list[Connection[Any]] = []
        self._out = 0
        self._closed = False
        self._room = threading.Condition()
        self._process = os.getpid()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Connection[Any]]:
        """A connection nobody else has meanwhile.

        Raises:
            Busy: All are in use for longer than we wait.
            Closed: The pool was closed.
        """
        kept = self._take()
        try:
            connection = kept or self._connect()
        except BaseException:
            self._leave(None)
            raise
        try:
            yield connection
        finally:
            self._leave(connection)

    def _take(self) -> Connection[Any] | None:
        """A kept connection that still stands, or room for another."""
        self._forked()
        with self._room:
            free = self._room.wait_for(lambda: self._closed or self._out < self._size, self._busy_seconds)
            if self._closed:
                raise Closed(f"{self._where} was closed; open it again")
            if not free:
                raise Busy(f"{self._where}: all {self._size} connections are in use; try again, or allow more")
            self._out += 1
            while self._idle:
                kept = self._idle.pop()
                if not _spoken_to(kept):
                    return kept
                kept.close()
        return None

    def _forked(self) -> None:
        """In another process, leave the connections to the one that opened them."""
        if self._process != os.getpid():
            self._process, self._room, self._out, self._idle = os.getpid(), threading.Condition(), 0, []

    def _leave(self, connection: Connection[Any] | None) -> None:
        """Keep a connection for the next one, unless it is broken, or was left in the middle of something."""
        with self._room:
            self._out -= 1
            if connection is not None and (self._closed or connection.info.transaction_status):  # closed, or not idle
                connection.close()
            elif connection is not None:
                self._idle.append(connection)
            self._room.notify()

    def close(self) -> None:
        """Close what is idle now, and the rest when it is given back."""
        with self._room:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._room.notify_all()


def _spoken_to(connection: Connection[Any]) -> bool:
    """Whether the server has said something to an idle connection: it does so when it ends one."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
