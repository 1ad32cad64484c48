"""What type checkers see is checked once more from outside, as a host's own run would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEAL = "crmcore.sales.opportunity.Opportunity"
SNIPPET = """
from crmcore import CRM
from crmcore.sales import OpportunityDesk

crm = CRM()
reveal_type(OpportunityDesk.advance)
reveal_type(crm.opportunities.add(name="Roof"))
reveal_type(crm.opportunities.find()[0].amount)
crm.opportunities.lose("opportunity_1", resaon="price")
"""


@pytest.mark.slow
def test_a_host_sees_the_types(tmp_path: Path) -> None:
    """In a project of its own, by the marker in the package."""
    (tmp_path / "host.py").write_text(SNIPPET, "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "--no-incremental"]
    # The checkout stands for the installed package: an editable one may be put where mypy does not look.
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    place = {**quiet, "MYPYPATH": str(ROOT / "src")}
    ran = subprocess.run([*command, "host.py"], cwd=tmp_path, env=place, capture_output=True, text=True, check=False)
    told = [line.split(": ", 2)[2] for line in ran.stdout.splitlines() if line.startswith("host.py")]

    assert told[:3] == [
        f'Revealed type is "def (crmcore.kernel.desk.Desk[{DEAL}], {DEAL} | str, *, to: str) -> {DEAL}"',
        f'Revealed type is "{DEAL}"',
        'Revealed type is "crmcore.kernel.money.Money | None"',
    ], ran.stdout + ran.stderr
    assert told[3].startswith('Unexpected keyword argument "resaon"')
    assert len(told) == 4
