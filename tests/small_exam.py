"""The exam with as few repetitions as its controls need to be caught; run by test_exam.py."""

from __future__ import annotations

import sys

import attrs

from crmcore.testing.exam.__main__ import main
from crmcore.testing.exam.part import PARTS

ENOUGH = {
    "kill-9": 15,
    "power-loss": 20,
    "race": 96,
    "race-postgresql": 64,
    "cut-off": 2,
    "consumer": 25,
    "consumer-postgresql": 15,
}

if __name__ == "__main__":
    sys.exit(
        main(parts=[attrs.evolve(part, control_count=ENOUGH.get(part.slug, part.control_count)) for part in PARTS])
    )
