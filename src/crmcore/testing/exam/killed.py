"""Writers that are killed in the middle of their work: what they were told is written is there, and nothing by half."""

from __future__ import annotations

import time
from functools import partial
from itertools import count as counted
from pathlib import Path
from random import Random

from crmcore.crm import CRM
from crmcore.testing.exam.child import Child, Told, start
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.rounds import look, work

__all__ = ["early", "subject", "torn", "write"]

CRASHES_PER_FILE = 10
TENANTS = ("left", "right")
SECONDS = 0.012
"""The longest a writer lives after its first word."""


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Kill writers that work as they should."""
    return _killed(count, folder, seed, step)


def early(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Kill writers that say it is done before it is."""
    return _killed(count, folder, seed, step, early=True)


def torn(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """Kill writers whose rounds are several commits."""
    return _killed(count, folder, seed, step, torn=True)


def _killed(count: int, folder: Path, seed: int, step: Step, *, early: bool = False, torn: bool = False) -> Findings:
    chance = Random(seed)  # noqa: S311 - when to kill, no secret
    told: dict[str, dict[str, int]] = {}
    known: set[str] = set()
    faults: list[str] = []
    acknowledged = unheard = 0
    for crash in range(count):
        if crash % CRASHES_PER_FILE == 0:
            told, known = {tenant: {} for tenant in TENANTS}, set()
        path, tenant, writer = folder / f"{crash // CRASHES_PER_FILE}.db", TENANTS[crash % 2], f"writer {crash}"
        child = start(partial(write, path, tenant, writer, early=early, torn=torn))
        said = _said(child, chance.uniform(0, SECONDS), wait=(seed + crash) % 3 > 0)
        acknowledged += said
        told[tenant][writer] = said
        wrong, found = _found(path, told)
        unheard += found[tenant][writer] - said
        told = found
        new = [fault for fault in wrong if fault not in known]
        known.update(new)
        if new:
            faults.append(f"crash {crash}: {'; '.join(new)}")
        step(1)
    return Findings(count, tuple(faults), f"{acknowledged:,} acknowledged, {max(unheard, 0):,} written unheard")


def write(path: Path, tenant: str, writer: str, told: Told, *, early: bool = False, torn: bool = False) -> None:
    """Work until somebody ends it.

    Args:
        path: The file.
        tenant: Whose data.
        writer: Who works.
        told: Told a dot for each round that is done.
        early: Whether it is told too early.
        torn: Whether rounds are several commits.
    """
    with CRM(path, tenant=tenant) as crm:
        work(crm, writer, counted(), lambda: told(b"."), early=early, torn=torn)


def _said(child: Child, seconds: float, *, wait: bool) -> int:
    """How many rounds a child says are done before it is killed, some time after its first word or its start."""
    first = child.word() if wait else b""
    time.sleep(seconds)
    return len(first + child.kill())


def _found(path: Path, told: dict[str, dict[str, int]]) -> tuple[list[str], dict[str, dict[str, int]]]:
    """What is wrong in a file, and how many rounds are there from now on, by tenant and writer."""
    with CRM(path) as crm:
        seen = {tenant: look(crm.given(tenant=tenant), mine) for tenant, mine in told.items()}
    faults = [f"{tenant}, {fault}" for tenant, one in seen.items() for fault in one.faults]
    return faults, {tenant: dict(one.rounds) for tenant, one in seen.items()}
