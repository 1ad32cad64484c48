"""Loss of power at any moment: what somebody was told is written is there, nothing by half, and the file is sound."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from random import Random

from crmcore.crm import CRM
from crmcore.kernel.errors import CrmError
from crmcore.testing.exam.disk import Durability, left
from crmcore.testing.exam.findings import Findings, Step
from crmcore.testing.exam.rounds import look, work

__all__ = ["normal", "off", "subject"]

SITTINGS = (range(6), range(6, 36))
"""The rounds that are recorded before the file is closed, and those after: SQLite writes its log back in the second."""

WRITER = "writer"


def subject(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """As the store does it: ``synchronous=FULL``."""
    return _failed(count, folder, seed, step, "full")


def normal(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """With ``synchronous=NORMAL``, which may lose the last commits."""
    return _failed(count, folder, seed, step, "relaxed")


def off(count: int, folder: Path, seed: int, step: Step) -> Findings:
    """With ``synchronous=OFF``, which may break the file; what is merely lost does not count."""
    found = _failed(count, folder, seed, step, "off")
    return Findings(count, tuple(fault for fault in found.failures if "lost: " not in fault), found.said)


def _failed(count: int, folder: Path, seed: int, step: Step, durability: Durability) -> Findings:
    from crmcore.testing.exam.recording import recorded  # needs APSW

    chance = Random(seed)  # noqa: S311 - where the power fails, no secret
    sittings = [partial(work, writer=WRITER, rounds=rounds) for rounds in SITTINGS]
    ops = recorded(folder / "recording.db", durability, sittings)
    points = sorted(chance.choices(range(len(ops) + 1), k=count))
    faults: list[str] = []
    for point, (told, files) in zip(points, left(ops, points, chance), strict=True):
        fault = _fault(folder, {name.replace("recording", "left"): content for name, content in files.items()}, told)
        if fault:
            faults.append(f"at operation {point}: {fault}")
        step(1)
    return Findings(count, tuple(faults), "")


def _fault(folder: Path, files: Mapping[str, bytes], told: int) -> str:
    """What is wrong with the files that were left, after the store has opened them."""
    for old in folder.glob("left.db*"):
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        with CRM(folder / "left.db") as crm:
            return "; ".join(look(crm, {WRITER: told}).faults)
    except CrmError as error:
        return f"broken: {error}"
