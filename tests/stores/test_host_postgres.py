"""A CRM on a PostgreSQL connection of the host's keeps the contract, and the host's work is its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Busy, Closed, Conflict, Duplicate, Invalid, NotFound, Playbook, StoreError
from crmcore.hosting import ddl, hosted, make_tables
from crmcore.kernel.ports import Store, Stretch
from crmcore.stores.host_connection import reach_of
from crmcore.stores.host_postgres import HostPostgresStore
from crmcore.testing import StoreContract
from crmcore.testing.specimens import KINDS, Box, Parcel

if TYPE_CHECKING:
    import psycopg

KINDS_OF_OURS = [kind.cls for kind in KINDS.values()]


class Followed(HostPostgresStore):
    """Its host commits before the log is followed: what is not committed can't be."""

    @contextlib.contextmanager
    def committed(self) -> Iterator[None]:
        """Between two transactions."""
        with self._file._pool.borrowed() as connection:
            connection.commit()
            yield

    def stretch(self, after: str | None = None, *, limit: int) -> Stretch:
        """What was committed."""
        with self.committed():
            return super().stretch(after, limit=limit)

    def tip(self) -> str:
        """The end of what was committed."""
        with self.committed():
            return super().tip()


class Hosted(StoreContract):
    """On a connection to a schema, which is there again when it is opened again."""

    __test__ = False
    examples = 2
    schemas: Callable[[str], str]

    @pytest.fixture(autouse=True)
    def _server(self, schemas: Callable[[str], str]) -> Iterator[None]:
        self.schemas = schemas
        with contextlib.ExitStack() as self.stack:
            yield

    def connect(self, folder: Path, **how: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - as psycopg takes it
        """A connection to the folder's schema, with tables for the specimens."""
        import psycopg

        connection = psycopg.connect(self.schemas(str(folder)), **how)
        self.stack.callback(connection.close)
        connection.execute("SET synchronous_commit = off")
        make_tables(connection, kinds=KINDS_OF_OURS)
        connection.commit()
        return connection


class TestAlone(Hosted):
    """In autocommit, with no transaction open: each commit is kept when it returns."""

    __test__ = True
    durable = True

    def open(self, folder: Path) -> Store:
        """The same schema again."""
        return hosted(self.connect(folder, autocommit=True))


class TestWithin(Hosted):
    """In transactions of the host's, which psycopg begins."""

    __test__ = True

    def open(self, folder: Path) -> Store:
        """A new connection each time."""
        return Followed(reach_of(self.connect(folder)))
