"""The demo says the same on every run, and the README shows what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crmcore import CRM
from crmcore.__main__ import main
from crmcore.testing import company

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


def test_it_keeps_its_files_where_it_is_told_to(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exports as they were, and a CRM that can be opened."""
    told = demo(capsys, "--folder", "kept")
    assert told.endswith("The files and crm.db are in kept.")

    files = {file.name for file in Path("kept").glob("*.csv")}
    assert files == {f"{table}.csv" for table in company(7).tables}
    with CRM("kept/crm.db") as crm:
        assert crm.opportunities.count() > 130
        assert crm.verify()


def test_every_row_is_accounted_for(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was put in wrong is what is rejected or proposed for merging."""
    told, made_up = demo(capsys), company(7)
    flawed = [flaw for flaw in made_up.flaws if flaw.table != "deals_week_later"]
    doubled = sum(flaw.what == "duplicate" for flaw in flawed)

    assert f"Rejected: {len(flawed) - doubled} rows" in told
    assert f"proposed for merging: {doubled} rows" in told
    for table, rows in made_up.tables.items():
        if table != "deals_week_later":
            (line,) = re.findall(rf"^  {table} +{len(rows)} rows: (.*)$", told, re.MULTILINE)
            assert sum(map(int, re.findall(r"\d+", line))) == len(rows)
