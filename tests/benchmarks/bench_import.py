"""What starting costs: whole processes that import crmcore, beside one that imports attrs.

``python tests/benchmarks/bench_import.py`` starts each process in turns. A process that opens a CRM loads what
it needs for that: the desks, the codec, the playbook and its lifecycle tables.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from side_by_side import Line, cost, quickest, show

ROUNDS = 25
PROGRAMS = (
    "import attrs",
    "import crmcore",
    "from crmcore import CRM; CRM()",
    "from crmcore import CRM; CRM(':memory:')",
)


def started(program: str) -> None:
    """Start Python, run, end."""
    subprocess.run([sys.executable, "-c", program], check=True)


def lines() -> Iterator[Line]:
    """One line for each program."""
    attrs, bare, memory, sqlite = quickest([lambda program=program: started(program) for program in PROGRAMS], ROUNDS)
    beside = "a process that says `import attrs`"
    yield cost("a process that says `import crmcore`", beside, bare, attrs, 1.5)
    yield cost("a process that says `CRM()`", beside, memory, attrs)
    yield cost("a process that opens a new SQLite database", beside, sqlite, attrs)


if __name__ == "__main__":
    show(lines())
