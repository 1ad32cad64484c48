"""The parts of the exam, in the order they are sat."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from crmcore.testing.exam.findings import Findings, Step

__all__ = ["PARTS", "Part"]

Sitting = Callable[[int, Path, int, Step], Findings]
"""Given how many repetitions, an empty folder of its own, a seed and what to tell about progress."""


@attrs.frozen(kw_only=True)
class Part:
    """One part: something that must hold, and ways to do the same that must be seen to fail.

    A subject may leave databases of the standard kinds in its folder, as ``*.db``: the last part verifies them.
    Other files, and those that are damaged on purpose, have another ending.

    Attributes:
        name: What it is called.
        module: The module of this package that has it: its subject and its controls, each called with
            ``(count, folder, seed, step)``.
        subject: The function of the module that must not fail.
        controls: How each control is broken, and the function of the module that does so.
        unit: What is repeated: ``"crashes"``.
        wrong: What a failure is: ``"lost or torn"``.
        count: How many repetitions there are in full.
        control_count: How many repetitions a control has, always: enough to be caught.
        needs: What must be there, by the names of ``crmcore.testing.exam.needs``.
        slices: In how many pieces it is done and kept, so that a run that is stopped goes on where it was.
        kept: Whether its result is good for the next run too.
    """

    name: str
    module: str
    subject: str = "subject"
    controls: Mapping[str, str]
    unit: str
    wrong: str
    count: int
    control_count: int
    needs: tuple[str, ...] = ()
    slices: int = 1
    kept: bool = True

    @property
    def slug(self) -> str:
        """Its name as ``--only`` takes it."""
        return re.sub(r"\W+", "-", self.name).lower()

    def function(self, name: str) -> Sitting:
        """A function of its module.

        Args:
            name: The function's name.
        """
        found: Any = getattr(import_module(f"crmcore.testing.exam.{self.module}"), name)
        return found  # type: ignore[no-any-return]


PARTS: tuple[Part, ...] = (
    Part(
        name="kill -9",
        module="killed",
        controls={"told too early": "early", "no batches": "torn"},
        unit="crashes",
        wrong="lost or torn",
        count=1_000,
        control_count=20,
        needs=("fork",),
        slices=10,
    ),
    Part(
        name="power loss",
        module="power",
        controls={"synchronous=NORMAL": "normal", "synchronous=OFF": "off"},
        unit="crash points",
        wrong="lost or broken",
        count=10_000,
        control_count=50,
        needs=("apsw",),
        slices=10,
    ),
    Part(
        name="race",
        module="race",
        controls={"blind writes": "blind"},
        unit="updates by 16 writers",
        wrong="lost",
        count=16_000,
        control_count=320,
        needs=("fork",),
    ),
    Part(
        name="race, PostgreSQL",
        module="race",
        subject="subject_postgres",
        controls={"blind writes": "blind_postgres"},
        unit="updates by 16 writers",
        wrong="lost",
        count=16_000,
        control_count=160,
        needs=("fork", "server"),
    ),
    Part(
        name="cut off",
        module="cutoff",
        controls={"no keys": "keyless"},
        unit="connections ended",
        wrong="lost or duplicated",
        count=1_000,
        control_count=21,
        needs=("fork", "own server"),
        slices=5,
    ),
    Part(
        name="server crash",
        module="cutoff",
        subject="restarted",
        controls={"synchronous_commit=off": "relaxed"},
        unit="immediate restarts",
        wrong="lost or duplicated",
        count=20,
        control_count=1,
        needs=("fork", "own server"),
        slices=2,
    ),
    Part(
        name="consumer",
        module="consumer",
        controls={"dealt with too late": "early"},
        unit="crashes",
        wrong="missed or out of order",
        count=1_000,
        control_count=30,
        needs=("fork",),
        slices=5,
    ),
    Part(
        name="consumer, PostgreSQL",
        module="consumer",
        subject="subject_postgres",
        controls={"dealt with too late": "early_postgres"},
        unit="crashes",
        wrong="missed or out of order",
        count=1_000,
        control_count=30,
        needs=("fork", "server"),
        slices=5,
    ),
    Part(
        name="faults",
        module="faults",
        controls={"raw errors": "untranslated", "errors that quote": "talkative", "no transactions": "loose"},
        unit="calls under faults",
        wrong="gone wrong",
        count=7_000,
        control_count=20,
    ),
    Part(
        name="faults, PostgreSQL",
        module="server_faults",
        controls={"raw errors": "untranslated"},
        unit="calls under faults",
        wrong="gone wrong",
        count=3_500,
        control_count=40,
        needs=("fork", "server"),
    ),
    Part(
        name="malformed",
        module="malformed",
        controls={"raw errors": "untyped", "slow": "slow", "hungry": "hungry", "text in statements": "injected"},
        unit="inputs",
        wrong="misread",
        count=1_000_000,
        control_count=100,
        slices=5,
    ),
    Part(
        name="replay is now",
        module="replay",
        controls={"a change is gone": "forgetful"},
        unit="databases",
        wrong="with differences",
        count=100,
        control_count=1,
        kept=False,
    ),
)
"""Every part; the last one looks at what the others have left."""
