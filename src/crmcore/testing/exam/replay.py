"""Replay is now: every database the exam has left behind is what its own log says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from crmcore.crm import CRM
from crmcore.kernel.errors import CrmError
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.server import OwnServer, Schema, address, asking

__all__ = ["forgetful", "subject"]

TENANTS = "SELECT DISTINCT tenant FROM crm_change"


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:  # noqa: ARG001 - all, whatever the count
    """Verify every tenant of every database that subjects of the run have left; if all is well, the servers' are gone.

    Files stay.
    """
    run = folder.parents[1]
    files, schemas = sorted(run.glob("*/subject*/**/*.db")), _schemas(run, "*/subject*/**/*.schema")
    faults: list[str] = []
    for file in files:
        faults += _left_in(file)
        step(1)
    for name, schema in schemas.items():
        faults += [f"{name} is gone; begin anew with --fresh"] if schema is None else _left_on(schema)
        step(1)
    if not faults:
        _clear(run)
    return Findings(len(files) + len(schemas), tuple(faults))


def forgetful(count: int, folder: Path, seed: int, step: Step) -> Findings:  # noqa: ARG001 - one is enough
    """Verify a database whose log has lost its last change."""
    file = folder / "forgetful.db"
    with CRM(file) as crm:
        crm.accounts.update(crm.accounts.add(name="Acme"), name="Acme Ltd")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM crm_change WHERE seq = (SELECT max(seq) FROM crm_change)")
    step(1)
    return Findings(1, tuple(_left_in(file)))


def _schemas(run: Path, pattern: str) -> dict[str, Schema | None]:
    """The schemas that files tell of, by name; None for one that is on no server of the run."""
    names = [path.stem for path in sorted(run.glob(pattern))]
    if not names:
        return {}
    own = OwnServer(run)
    servers = dict.fromkeys([address(run), *([own.address] if own.home.exists() else [])])
    return {name: next((one for one in (Schema(at, name) for at in servers) if one.there()), None) for name in names}


def _left_in(file: Path) -> list[str]:
    """What is wrong in a file."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            tenants = [row[0] for row in connection.execute(TENANTS)]
    except sqlite3.Error as error:
        return [f"{file}: {error}"]
    return _faults(str(file), str(file), tenants)


def _left_on(schema: Schema) -> list[str]:
    """What is wrong in a schema."""
    with asking(schema.address) as connection:
        tenants = [row[0] for row in connection.execute(TENANTS)]
    return _faults(schema.name, schema.address, tenants)


def _faults(name: str, where: str, tenants: Iterable[str]) -> list[str]:
    """What is wrong in a database, which is told by its name: an address may hold a password."""
    try:
        with CRM(where) as crm:
            found = {tenant: crm.given(tenant=tenant).verify() for tenant in tenants}
    except CrmError as error:
        return [f"{name}: {error}"]
    return [f"{name}, {tenant}: {sound}" for tenant, sound in found.items() if not sound]


def _clear(run: Path) -> None:
    """Leave nothing on a server."""
    for schema in _schemas(run, "*/*/**/*.schema").values():
        if schema is not None:
            schema.drop()
    for path in run.glob("*/*/**/*.schema"):
        path.unlink()
    OwnServer(run).remove()
