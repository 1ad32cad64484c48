"""Forking while SQLite files are open: the parent keeps its connections, the child opens its own.

SQLite does not survive a fork. What it knows of its locks is copied, the locks are not: the child writes without
holding any, also through connections it opens itself to the same file, until the copied one is closed. A parent
that lets go of the file then takes the log from under the child, and what the child was told is written is lost.
So a fork waits until nobody is within a transaction, and the child closes what it was left before anything else.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

__all__ = ["Heirloom", "forget", "watch"]

PATIENCE = 10.0
"""How long a fork waits for a transaction of another thread to end, in seconds."""


class Heirloom(Protocol):
    """What a forked process is left and can't use as it is."""

    lock: threading.RLock

    def inherit(self) -> None:
        """In the child: let go of what is the parent's."""
        ...


_open: WeakSet[Heirloom] = WeakSet()
_still = threading.Lock()
_held: list[Heirloom] = []
_told: list[int] = []
"""The process in which we asked to be told of forks: once, for all that come of it."""


def watch(one: Heirloom) -> None:
    """Let a fork wait for it, and the child know of it.

    Args:
        one: What was opened.
    """
    with _still:
        _open.add(one)
        if not _told and hasattr(os, "register_at_fork"):
            os.register_at_fork(before=before, after_in_parent=after, after_in_child=inherit)
            _told.append(os.getpid())


def forget(one: Heirloom) -> None:
    """Let it be: it was closed.

    Args:
        one: What was closed.
    """
    with _still:
        _open.discard(one)


def before() -> None:
    """Before a fork: wait until nobody is within a transaction."""
    _still.acquire()
    _held.extend(one for one in _open if one.lock.acquire(timeout=PATIENCE))


def after() -> None:
    """After a fork, in the parent: go on."""
    while _held:
        _held.pop().lock.release()
    _still.release()


def inherit() -> None:
    """After a fork, in the child."""
    _held.clear()
    for one in _open:
        one.inherit()
    _still.release()
