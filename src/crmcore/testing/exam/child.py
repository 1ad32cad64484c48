"""Child processes that say what they do through a pipe, and may be killed at any point."""

from __future__ import annotations

import os
import selectors
import signal
import traceback
from collections.abc import Callable

import attrs

__all__ = ["Child", "Told", "start"]

CHUNK = 65_536

PATIENCE = 10
"""Seconds to wait for a word."""

Told = Callable[[bytes], object]
"""What a child says goes here."""


@attrs.frozen
class Child:
    """A process that was started to do something.

    Attributes:
        pid: Its id.
        pipe: Where its words are read.
    """

    pid: int
    pipe: int

    def word(self) -> bytes:
        """Its next words, waited for; nothing when it has ended, or says nothing for long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipe, selectors.EVENT_READ)
            return os.read(self.pipe, CHUNK) if selector.select(PATIENCE) else b""

    def rest(self) -> bytes:
        """All it says until it ends.

        Raises:
            ChildProcessError: It ended because something went wrong in it.
        """
        said = b"".join(iter(lambda: os.read(self.pipe, CHUNK), b""))
        os.close(self.pipe)
        status = os.waitpid(self.pid, 0)[1]
        if status not in (0, signal.SIGKILL):
            message = f"a child process failed, see its words above: {os.waitstatus_to_exitcode(status)}"
            raise ChildProcessError(message)
        return said

    def kill(self) -> bytes:
        """End it on the spot; gives back what it had still said."""
        os.kill(self.pid, signal.SIGKILL)
        return self.rest()


def start(work: Callable[[Told], object]) -> Child:
    """Start a process. There must be no other threads.

    Args:
        work: What it does, told where to say things.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        _run(work, writer)
    os.close(writer)
    return Child(pid, reader)


def _run(work: Callable[[Told], object], writer: int) -> None:
    """Be the child."""
    code = 1
    try:
        work(lambda said: os.write(writer, said))
        code = 0
    except Exception:  # noqa: BLE001 - told here, since nobody above is left to tell it
        traceback.print_exc()
    finally:
        os._exit(code)
