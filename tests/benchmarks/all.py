"""Every benchmark, one after the other, as one Markdown table.

``python tests/benchmarks/all.py`` needs the extra ``benchmarks`` and some minutes on a machine that does
nothing else; ``python tests/benchmarks/all.py store past`` runs some of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from side_by_side import HEAD

HERE = Path(__file__).parent


def main(wanted: list[str]) -> None:
    """Print the rows of each benchmark, with the command that makes them.

    Args:
        wanted: The names of benchmarks; empty for all.
    """
    names = [path.stem.removeprefix("bench_") for path in sorted(HERE.glob("bench_*.py"))]
    title, rule = HEAD.splitlines()
    print(f"{title} command |\n{rule}---|")
    for name in wanted or names:
        script = HERE / f"bench_{name}.py"
        done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True)
        for row in done.stdout.splitlines()[2:]:
            print(f"{row} `bench_{name}.py` |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
