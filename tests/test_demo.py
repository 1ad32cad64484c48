"""The demo says the same on every run, and the README shows what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crmcore.__main__ import main
from crmcore.testing import deals_file

README = Path(__file__).parents[1] / "README.md"
FENCE = re.compile(r"^```bash$.*?^```$.*?^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def demo(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the demo prints, blanks at the ends of lines aside."""
    assert main(["demo", *words]) == 0
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_two_runs_are_equal(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To the last character, and nothing is left behind."""
    assert demo(capsys) == demo(capsys)
    assert list(workplace.iterdir()) == []


def test_the_readme_shows_the_real_output(capsys: pytest.CaptureFixture[str]) -> None:
    """In the first block of text after the first block of commands."""
    shown = FENCE.search(README.read_text("utf-8"))

    assert shown is not None, "README.md has no ```text block after its first ```bash block"
    assert "\n".join(line.rstrip() for line in shown[1].splitlines()).strip("\n") == demo(capsys).strip("\n")


def test_it_shows_the_command_it_runs(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which does the same to the same file."""
    deals_file.write_deals("deals.csv", seed=7)
    command, _, report = demo(capsys).partition("\n\n")
    assert command.startswith("$ crmcore pipeline deals.csv \\\n")

    assert main(command.removeprefix("$ crmcore ").replace("\\\n", "").split()) == 0
    assert "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) == report


def test_it_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Alone, without the command."""
    found = json.loads(demo(capsys, "--json"))

    assert found["deals"] == found["open"] + found["won"] + found["lost"] > 0
    assert [group["owner"] for group in found["groups"]] == sorted(deals_file.OWNERS)


def test_another_seed_makes_another_file(workplace: Path) -> None:
    """And the same seed the same."""
    files = []
    for seed in (7, 7, 8):
        deals_file.write_deals("deals.csv", seed=seed, deals=30)
        files.append(Path("deals.csv").read_bytes())

    assert files[0] == files[1] != files[2]
    assert all(file.count(b"\n") == 31 for file in files)
