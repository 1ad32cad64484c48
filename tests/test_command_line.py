"""The command line: what it prints for a person and for a pipe, and how it refuses."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import runpy
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import crmcore
from crmcore import CRM, Playbook
from crmcore.__main__ import main
from crmcore.interchange import deal_import
from crmcore.kernel.rates import Rate, Rates

HEADER = "id,stage,opened,closed,amount,owner,account,product"
ROWS = """\
D1,Won,2026-01-01,2026-01-31,300,Ada,Acme,Roof
D2,Lost,2026-01-01,2026-01-11,200,Ben,Acme,Roof
D3,Won,2026-02-01,2026-02-21,100,Ada,,Wall
D4,Proposal,2026-02-10,2026-12-24,50,Ben,Bolt,Wall
D5,Demo,,,,Ben,,
"""
COMMAND = (
    *("pipeline", "deals.csv", "--id", "id", "--stage", "stage", "--opened", "opened", "--closed", "closed"),
    *("--amount", "amount", "--owner", "owner", "--account", "account", "--product", "product"),
    *("--won", "Won", "--lost", "Lost", "--open", "Demo,Proposal", "--currency", "EUR"),
)
KEYS = {"deals", "won", "lost", "open", "unvalued", "win_rate", "won_value", "won_cycle_days", "velocity", "undated"}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CRMCORE_DATA", ROOT.parent / "shared" / "data"))
MAVEN = DATA / "maven_crm" / "sales_pipeline.csv"
MAVEN_COMMAND = (
    *("pipeline", str(MAVEN), "--id", "opportunity_id", "--stage", "deal_stage", "--opened", "engage_date"),
    *("--closed", "close_date", "--amount", "close_value", "--owner", "sales_agent", "--account", "account"),
    *("--product", "product", "--won", "Won", "--lost", "Lost", "--open", "Prospecting,Engaging"),
    *("--currency", "USD", "--date-format", "%m/%d/%Y"),
)


@attrs.frozen
class Run:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed, read."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    def line(self, start: str) -> str:
        """The line that starts with some words, its blanks made one."""
        lines = [" ".join(line.split()) for line in self.out.splitlines()]
        return next(line for line in lines if line.startswith(start))


Crmcore = Callable[..., Run]


def write(rows: str, header: str = HEADER) -> None:
    """Write the file of deals."""
    Path("deals.csv").write_text(f"{header}\n{rows}", "utf-8")


@pytest.fixture
def run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Crmcore:
    """Runs the pipeline command on a file of five deals, in this process."""
    write(ROWS)

    def run(*more: str, command: tuple[str, ...] = COMMAND) -> Run:
        code = main([*command, *more])
        return Run(code, *capsys.readouterr())

    return run


def process(*words: str, **environment: str) -> Run:
    """Run crmcore in a process of its own."""
    env = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-m", "crmcore", *words], env=env, capture_output=True, check=False, text=True
    )
    return Run(done.returncode, done.stdout, done.stderr)


# --- what it prints -------------------------------------------------------------------------------------------------


def test_a_pipe_gets_plain_text(run: Crmcore) -> None:
    """The figures, the stages, how it was made, and what to know of the import."""
    done = run()

    assert (done.code, done.err) == (0, "")
    assert [done.line(word) for word in ("deals", "open", "won", "lost", "win rate", "won value", "velocity")] == [
        "deals 5",
        "open 2",
        "won 2",
        "lost 1",
        "win rate 66.67%",
        "won value 400.00 EUR",
        "velocity 16.00 EUR per day",
    ]
    assert done.out.splitlines()[-3:] == [
        "5 deals in the file: 5 new, 0 changed, 0 the same.",
        "1 deals carry no opened date, so they count in no cycle.",
        "2 deals name no account; they are kept.",
    ]
    assert "\x1b" not in done.out


def test_only_what_is_missing_is_noted(run: Crmcore) -> None:
    """A whole file needs no notes, and a column that was not asked for can't be missing."""
    write(ROWS.partition("D2")[0])
    whole = run()
    write(ROWS.replace("D5,Demo,", "D5,Demo,2026-03-01"))
    without = run(command=(*COMMAND[:14], *COMMAND[18:]))

    assert whole.out.splitlines()[-1] == "1 deals in the file: 1 new, 0 changed, 0 the same."
    assert without.out.splitlines()[-1] == "5 deals in the file: 5 new, 0 changed, 0 the same."


def test_json_has_the_figures_as_numbers(run: Crmcore) -> None:
    """Amounts in major units, rates as fractions."""
    done = run("--json")
    found = done.json

    assert found.keys() >= KEYS
    assert {name: found[name] for name in KEYS} == {
        "deals": 5,
        "won": 2,
        "lost": 1,
        "open": 2,
        "unvalued": 1,
        "win_rate": pytest.approx(2 / 3),
        "won_value": 400,
        "won_cycle_days": {"mean": 25, "median": 25, "n": 2},
        "velocity": 16,
        "undated": 1,
    }
    assert (found["currency"], found["no_account"], found["stages"]) == ("EUR", 2, {"Demo": 5, "Proposal": 3, "won": 2})
    assert found["import"]["added"] == 5
    assert "groups" not in found


def test_json_has_every_key_when_there_is_nothing_to_report(run: Crmcore) -> None:
    """What is undefined is null."""
    write("")
    found = run("--json").json

    assert found.keys() >= KEYS
    assert (found["deals"], found["win_rate"], found["velocity"], found["won_value"]) == (0, None, None, 0)
    assert found["won_cycle_days"] == {"mean": None, "median": None, "n": 0}


def test_any_past_day_can_be_asked_for(run: Crmcore) -> None:
    """At its end; deals without an opening date are in none."""
    done = run("--as-of", "2026-02-10")
    found = run("--as-of", "2026-02-10", "--json").json

    assert (found["open"], found["won"], found["lost"], found["undated"]) == (2, 1, 1, 1)
    assert found["as_of"] == "2026-02-10T23:59:59.999999+00:00"
    assert "1 deals carry no opened date, so they are in no figure above.\nAmounts are the file's own;" in done.out


@pytest.mark.parametrize(("by", "keys"), [("owner", ["Ada", "Ben"]), ("account", ["Acme", "Bolt", None])])
def test_figures_for_each(run: Crmcore, by: str, keys: list[str | None]) -> None:
    """As a table, and as a list."""
    groups = run("--by", by, "--json").json["groups"]

    assert [group[by] for group in groups] == keys
    assert sum(group["deals"] for group in groups) == 5
    assert run("--by", by).line(f"By {by}").startswith(f"By {by}")


def test_definitions_can_be_asked_for(run: Crmcore) -> None:
    """They stand below the notes."""
    assert "win rate: Won deals / (won + lost deals), by count." in run("--definitions").out
    assert "win rate:" not in run().out


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_dates_words_and_separators_may_be_other_ones(run: Crmcore, mark: str) -> None:
    """A word that holds a comma is quoted; capitals make no difference; the zone moves the days."""
    rows = [["1", '"demo, held"', "3.2.26", "", "1"], ["2", "SIGNED", "1.2.26", "2.2.26", "2"]]
    write("".join(f"{mark.join(row)}\n" for row in rows), mark.join(["id", "stage", "opened", "closed", "amount"]))
    words = ("--won", "Signed, Won", "--lost", "Lost", "--open", '"Demo, held",Proposal', "--currency", "eur")
    how = ("--date-format", "%d.%m.%y", "--zone", "Europe/Berlin", "--as-of", "2026-02-02", "--json")
    found = run(*words, *how, command=COMMAND[:12]).json

    assert (found["won"], found["open"], found["as_of"]) == (1, 0, "2026-02-02T23:59:59.999999+01:00")


# --- a file to keep the deals in ------------------------------------------------------------------------------------


def log(db: str = "crm.db") -> int:
    """How many changes there are."""
    with CRM(db) as crm:
        return len(crm.store.changes())


def test_a_second_import_changes_nothing(run: Crmcore) -> None:
    """And says so."""
    run("--db", "crm.db")
    before = log()
    done = run("--db", "crm.db")

    assert done.line("5 deals in the file") == "5 deals in the file: 0 new, 0 changed, 5 the same."
    assert log() == before


def test_a_newer_file_makes_the_changes(run: Crmcore) -> None:
    """With what happened in between, when the file says it did."""
    run("--db", "crm.db")
    write(ROWS.replace("D4,Proposal,2026-02-10,2026-12-24", "D4,Lost,2026-02-10,2026-03-01") + "D6,Demo,,,,,,\n")
    done = run("--db", "crm.db", "--json")

    assert (done.json["import"]["added"], done.json["import"]["changed"]) == (1, 1)
    assert (done.json["lost"], done.json["open"]) == (2, 2)


def test_an_existing_crm_keeps_its_own_pipelines(run: Crmcore) -> None:
    """Its zone holds for the dates, and the past can be asked for although its playbook is younger."""
    with CRM("crm.db", playbook=Playbook(currency="USD", zone="America/New_York")) as crm:
        crm.opportunities.add(name="Own", amount=5)
    done = run("--db", "crm.db", "--as-of", "2026-01-31", "--json")
    with CRM("crm.db") as crm:
        names = [pipeline.name for pipeline in crm.playbook.sales.pipelines]
        opened = crm.opportunities.external("csv", "D1")

    assert (done.json["won"], done.json["lost"], done.json["open"]) == (1, 1, 0)
    assert done.json["as_of"] == "2026-01-31T23:59:59.999999-05:00"
    assert names == ["new business", "deals"]
    assert opened is not None
    assert str(opened.opened_at) == "2026-01-01 05:00:00+00:00"


def test_deals_of_several_files_come_together(run: Crmcore) -> None:
    """With the stages of both, in one pipeline."""
    run("--db", "crm.db")
    write("E1,Trial,2026-03-01,,1,,,\n")
    done = run("--db", "crm.db", "--open", "Trial", "--json")

    assert (done.json["deals"], done.json["import"]["deals"]) == (6, 1)
    assert list(done.json["stages"]) == ["Trial", "Demo", "Proposal", "won"]


def test_another_currency_needs_another_file_or_rates(run: Crmcore) -> None:
    """One report can't hold both; deals of other pipelines do not matter."""
    with CRM("crm.db", playbook=Playbook(currency="GBP")) as crm:
        crm.opportunities.add(name="Own", amount=5)
    run("--db", "crm.db")
    before = log()
    write("U1,Won,2026-01-01,2026-01-31,100,,,\n")
    refused = run("--db", "crm.db", "--currency", "USD")

    assert (refused.code, log()) == (1, before)
    assert refused.err == (
        "crmcore: --currency: got 'USD', expected EUR, as the deals that are there; "
        "convert the amounts first, or give another --db\n"
    )
    with CRM("crm.db") as crm:
        crm.adopt(attrs.evolve(crm.playbook, rates=Rates([Rate("EUR", "USD", "2026-01-01", 2)])))
    assert run("--db", "crm.db", "--currency", "USD", "--json").json["won_value"] == 900


# --- what it refuses ------------------------------------------------------------------------------------------------

WRONG = {
    "an unknown stage": ("D6,Done,2026-01-01,2026-01-02,1,,,", "or say what it means with --won, --lost or --open"),
    "no day": ("D6,Won,someday,2026-01-02,1,,,", "correct it, or say how it is written: --date-format"),
    "a day to come": ("D6,Won,2099-01-01,2099-01-02,1,,,", "a day that has been; correct the date, or say its --zone"),
    "a naive datetime": (
        "D6,Won,2026-01-01 09:00,2026-01-02,1,,,",
        "a time with its offset from UTC; leave the time out, or add the offset (%z in --date-format)",
    ),
    "no amount": ("D6,Won,2026-01-01,2026-01-02,a lot,,,", "row 7, column \"amount\": got 'a lot'"),
    "a negative amount": ("D6,Won,2026-01-01,2026-01-02,-1,,,", "expected a value of at least 0; check its sign"),
    "not a number": ("D6,Won,2026-01-01,2026-01-02,NaN,,,", "expected an amount such as 1250.50"),
    "a doubled id": ("D1,Won,2026-01-01,2026-01-02,1,,,", "row 2 has it too; take one of the rows out"),
    "closed before opened": ("D6,Won,2026-01-02,2026-01-01,1,,,", "expected a day not before 2026-01-02"),
    "too fine an amount": (
        "D6,Won,2026-01-01,2026-01-02,1.005,,,",
        "at most 2 decimals, as EUR has; correct it at its source",
    ),
    "another currency": ("D6,Won,2026-01-01,2026-01-02,1 USD,,,", "got '1 USD', expected an amount in EUR"),
    "too few cells": ("D6,Won", "row 7: got '2 cells', expected 8, as in the header"),
    "too many cells": ("D6,Won,2026-01-01,2026-01-02,1,,,,", "row 7: got '9 cells', expected 8"),
    "a 10 MB cell": (
        f"D6,Won,2026-01-01,2026-01-02,1,{'x' * 10_000_000},,",
        "row 7: got 'a longer cell', expected cells of at",
    ),
}


@pytest.mark.parametrize(("row", "wrong"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
def test_bad_rows_are_refused(run: Crmcore, row: str, wrong: str, kept: bool) -> None:
    """In one message on stderr; the file of deals is left as it was, or not even made."""
    if kept:
        run("--db", "crm.db")
    before = log() if kept else None
    write(f"{ROWS}{row}\n")
    done = run("--db", "crm.db")

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("crmcore: ")
    assert wrong in done.err
    assert len(done.err) < 1_000
    assert (log() if kept else None) == before
    assert Path("crm.db").exists() is kept


FILES = {
    "missing": (None, "No such file or directory"),
    "a folder": ("folder", "Is a directory"),
    "empty": (b"", "expected a CSV file with the columns id, stage, opened"),
    "JSON": (b'[{"id": 1}]', "expected a CSV file with the columns id, stage, opened"),
    "binary": (b"\x00\xff\xfe\x00", "expected a CSV file in UTF-8"),
    "another table": (b"id,name\n1,x\n", "column \"stage\": got 'no such column', expected one of id, name"),
}


@pytest.mark.parametrize(("content", "wrong"), FILES.values(), ids=FILES)
def test_a_file_that_holds_no_deals_is_refused(run: Crmcore, content: bytes | str | None, wrong: str) -> None:
    """Whatever it is."""
    Path("deals.csv").unlink()
    if content == "folder":
        Path("deals.csv").mkdir()
    elif isinstance(content, bytes):
        Path("deals.csv").write_bytes(content)
    done = run("--db", "crm.db")

    assert (done.code, done.out, Path("crm.db").exists()) == (1, "", False)
    assert wrong in done.err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("--as-of", "someday"), "--as-of: got 'someday'"),
        (("--as-of", "2026-01-01T09:00"), "--as-of: got "),
        (("--zone", "Mars"), "zone: got 'Mars'"),
        (("--currency", "XXQ"), "currency: got 'XXQ'"),
        (("--date-format", "%Q"), "date_format: got '%Q'"),
        (("--won", "Won,Lost"), "stage: got 'Lost', expected one meaning for each word"),
        (("--open", ""), "open: got (), expected at least one word"),
        (("--amount", "value"), "column \"value\": got 'no such column'"),
        (("--db", "nowhere/crm.db"), "nowhere/crm.db: unable to open database file"),
        (("--db", "."), "Is a directory"),
        (("--db", "deals.csv"), "deals.csv is no SQLite database"),
        (("--db", "postgresql://127.0.0.1:1/crm"), "PostgreSQL database crm on 127.0.0.1: "),
    ],
)
def test_bad_arguments_are_refused(run: Crmcore, words: tuple[str, ...], wrong: str) -> None:
    """Before anything is written."""
    done = run("--db", "crm.db", *words)

    assert (done.code, done.out, Path("crm.db").exists()) == (1, "", False)
    assert wrong in done.err
    assert Path("deals.csv").read_text("utf-8").startswith(HEADER)


def test_a_group_needs_its_column(run: Crmcore) -> None:
    """Or there is nothing to group by."""
    done = run("--by", "owner", command=(*COMMAND[:12], *COMMAND[18:]))

    assert (done.code, done.err) == (
        1,
        "crmcore: --by: got 'owner', expected a column the file is read by; add --owner and its column\n",
    )


def test_a_past_that_can_not_be_rewritten(run: Crmcore) -> None:
    """Leaves the file of deals as it was."""
    run("--db", "crm.db")
    before = log()
    write(ROWS.replace("D1,Won,2026-01-01", "D1,Won,2026-01-02") + "D6,Trial,,,,,,\n")
    done = run("--db", "crm.db", "--open", "Demo,Proposal,Trial")

    assert done.code == 1
    assert done.err.startswith("crmcore: row 2, column \"opened\": got '2026-01-02 00:00:00+00:00', expected 2026-01")
    assert log() == before


# --- stores in trouble ----------------------------------------------------------------------------------------------


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Connections that do not wait, and run these statements first."""
    connect, first = sqlite3.connect, list[str]()

    def hastily(*args: Any, **kwargs: Any) -> sqlite3.Connection:  # noqa: ANN401 - as connect
        connection = connect(*args, **kwargs | {"timeout": 0.05})
        for statement in first:
            connection.execute(statement)
        return connection

    monkeypatch.setattr(sqlite3, "connect", hastily)
    return first


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Another process is writing."""
    connection = sqlite3.connect("crm.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.close()


@contextlib.contextmanager
def changed(change: Callable[[bytes], bytes]) -> Iterator[None]:
    """The file is another one."""
    Path("crm.db").write_bytes(change(Path("crm.db").read_bytes()))
    yield


@contextlib.contextmanager
def newer() -> Iterator[None]:
    """A newer crmcore wrote it."""
    with contextlib.closing(sqlite3.connect("crm.db", isolation_level=None)) as connection:
        connection.execute("UPDATE crm_meta SET value = '999' WHERE name = 'format'")
    yield


TROUBLES: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[None]], str]] = {
    "locked": (locked, "another process is writing; try again"),
    # A file whose header asks for more to write it than this SQLite knows may be read only.
    "read-only": (lambda: changed(lambda old: old[:18] + b"\x03" + old[19:]), "readonly database"),
    "truncated": (lambda: changed(lambda old: old[: len(old) // 2]), "part of it is missing; restore it from a backup"),
    "no database": (lambda: changed(lambda _: b"deals" * 1_000), "is no SQLite database; check the path"),
    "newer": (newer, "upgrade crmcore"),
}


@pytest.mark.parametrize(("trouble", "wrong"), TROUBLES.values(), ids=TROUBLES)
def test_a_store_in_trouble_is_told(
    run: Crmcore,
    hasty: list[str],
    trouble: Callable[[], contextlib.AbstractContextManager[None]],
    wrong: str,
) -> None:
    """In one sentence, and nothing is written."""
    run("--db", "crm.db")
    write(ROWS.replace("D4,Proposal", "D4,Demo"))
    with trouble():
        before = Path("crm.db").read_bytes()
        done = run("--db", "crm.db")
        after = Path("crm.db").read_bytes()

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("crmcore: crm.db")
    assert wrong in done.err
    assert done.err.count("\n") == 1
    assert after == before


def test_a_full_disk_is_told(run: Crmcore, hasty: list[str]) -> None:
    """No deal is in the file afterwards."""
    hasty.append("PRAGMA max_page_count = 45")
    write("".join(f"E{number},Demo,2026-01-01,,1,,,\n" for number in range(2_000)))
    done = run("--db", "crm.db")
    hasty.clear()

    assert (done.code, done.out) == (1, "")
    assert "crm.db: database or disk is full; make room on the disk" in done.err
    with CRM("crm.db") as crm:
        assert (crm.opportunities.count(), crm.staff.count()) == (0, 0)


# --- the command itself ---------------------------------------------------------------------------------------------


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """That of the package."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert (caught.value.code, capsys.readouterr().out) == (0, f"crmcore {crmcore.__version__}\n")


@pytest.mark.parametrize("words", [["--help"], ["pipeline", "--help"], ["demo", "--help"]])
def test_it_explains_itself(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Each command, every option."""
    with pytest.raises(SystemExit):
        main(words)
    assert "usage: crmcore" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["pipeline"], ["pipeline", "deals.csv", "--id"], ["forecast"]])
def test_a_misused_command_shows_how_it_is_used(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And ends with 2, as commands do."""
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "usage: crmcore" in capsys.readouterr().err


def test_an_interrupted_command_leaves_quietly(run: Crmcore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written, and nothing is said."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deal_import, "import_deals", interrupt)
    done = run("--db", "crm.db")

    assert (done.code, done.out, done.err) == (130, "", "")
    assert log() == 0


def test_it_runs_as_a_module(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the arguments of the command line."""
    write(ROWS)
    monkeypatch.setattr(sys, "argv", ["crmcore", *COMMAND])

    with pytest.raises(SystemExit) as caught, pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("crmcore.__main__", run_name="__main__")
    assert caught.value.code == 0


def test_an_error_of_a_process_is_one_message(workplace: Path) -> None:
    """Without a traceback."""
    done = process(*COMMAND)

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "crmcore: file deals.csv: got 'No such file or directory', expected a file that can be read; check the path\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_leaves_is_no_trouble(workplace: Path, reader: str) -> None:
    """As in ``crmcore … | head -1``."""
    write("".join(f"D{number},Demo,2026-01-01,,1,Owner {number},,\n" for number in range(3_000)))
    command = f"{sys.executable} -m crmcore {' '.join(COMMAND)} --by owner | {reader}"
    done = subprocess.run(command, shell=True, capture_output=True, check=True, text=True)

    assert done.stdout in ("Pipeline\n", "")
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_is_full_is_told(workplace: Path) -> None:
    """Without a traceback."""
    write(ROWS)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        words = [sys.executable, "-m", "crmcore", *COMMAND]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False, text=True)

    assert (done.returncode, done.stderr) == (1, "crmcore: [Errno 28] No space left on device\n")


def test_letters_a_terminal_lacks_are_replaced(workplace: Path) -> None:
    """The others are printed."""
    write("D1,Won,2026-01-01,2026-01-02,1,Zoë,,\n")
    done = process(*COMMAND, "--by", "owner", PYTHONIOENCODING="ascii")
    as_json = process(*COMMAND, "--by", "owner", "--json", PYTHONIOENCODING="ascii")

    assert (done.code, done.line("Zo?").split()[1]) == (0, "1")
    assert as_json.json["groups"][0]["owner"] == "Zoë"


def test_a_host_may_have_replaced_the_output(run: Crmcore, monkeypatch: pytest.MonkeyPatch) -> None:
    """By something that is no text file, and breaks."""

    class Broken:
        """An output that takes nothing."""

        def write(self, text: str) -> int:
            """Refuse."""
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            """Do nothing."""

        def isatty(self) -> bool:
            """No terminal."""
            return False

        def fileno(self) -> int:
            """No file."""
            raise OSError

    monkeypatch.setattr(sys, "stdout", Broken())

    assert run().code == 1


# --- terminals ------------------------------------------------------------------------------------------------------


def terminal(*words: str, columns: int = 80, before: str = "pass", **environment: str) -> tuple[str, str]:
    """What stands on a terminal after a command, and every byte that was sent to it."""
    told = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
    env = {name: value for name, value in os.environ.items() if name not in told}
    env |= {"TERM": "xterm-256color", **environment}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    script = f"import sys; {before}; from crmcore.__main__ import main; sys.exit(main(sys.argv[1:]))"
    child = subprocess.Popen(
        [sys.executable, "-c", script, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env, close_fds=True
    )
    os.close(theirs)
    sent = bytearray()
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        while chunk := os.read(ours, 65_536):
            sent += chunk
    os.close(ours)
    assert child.wait() == 0, sent
    raw = sent.decode()
    shown = ESCAPES.sub("", raw.rpartition("\x1b[2K")[2]).replace("\r\n", "\n")
    return shown, raw


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_terminal_gets_tables_that_fit(workplace: Path, columns: int) -> None:
    """Nothing is cut off, and the progress bar has gone."""
    write(ROWS)
    shown, raw = terminal(*COMMAND, "--by", "owner", columns=columns)
    lines = [line.rstrip() for line in shown.splitlines()]

    assert max(map(len, lines)) <= columns
    assert "…" not in shown
    assert lines[0] == "Pipeline"
    assert "\x1b[1mPipeline" in raw
    assert "importing deals" in raw
    assert "importing deals" not in shown
    assert "16.00 EUR per day" in shown


def test_wide_tables_are_broken_into_even_parts(workplace: Path) -> None:
    """Each led by the names."""
    write(ROWS.replace("Ada", "Ada Augusta King Countess of Lovelace"))
    shown, _ = terminal(*COMMAND, "--by", "owner", columns=100)
    table = shown.partition("By owner")[2].partition("Stage")[0]

    assert table.count("Ada Augusta King Countess of Lovelace") == 2
    assert [line.split() for line in table.splitlines() if line.startswith("  owner")] == [
        ["owner", "deals", "open", "won", "lost"],
        ["owner", "win", "rate", "open", "value", "won", "value", "velocity", "per", "day"],
    ]


def test_very_long_names_are_folded(workplace: Path) -> None:
    """Not cut off."""
    write(ROWS.replace("Ada", "Ada" * 50))
    shown, _ = terminal(*COMMAND, "--by", "owner", columns=80)

    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "…" not in shown
    assert shown.count("Ada") >= 100


def test_colours_can_be_refused(workplace: Path) -> None:
    """By NO_COLOR; the tables stay."""
    write(ROWS)
    shown, raw = terminal(*COMMAND, NO_COLOR="1")

    assert not re.search(r"\x1b\[[0-9;]*m", raw)
    assert shown.startswith("Pipeline\n  deals")


def test_a_terminal_without_rich_gets_plain_text(workplace: Path) -> None:
    """And one line that says how to get more."""
    write(ROWS)
    shown, _ = terminal(*COMMAND, before="sys.modules['rich'] = None")

    assert shown.startswith("Pipeline\n  deals")
    assert shown.splitlines()[-1] == 'for tables and colours on a terminal: pip install "crmcore[cli]"'


def test_a_terminal_gets_json_when_it_asks(workplace: Path) -> None:
    """Below the progress bar, which has gone."""
    write(ROWS)
    shown, _ = terminal(*COMMAND, "--json")

    assert json.loads(shown)["deals"] == 5


def test_without_rich_the_hint_is_no_part_of_the_output(run: Crmcore, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON needs none."""
    monkeypatch.setitem(sys.modules, "rich", None)
    done, as_json = run(), run("--json")

    assert "pip install" not in done.out
    assert done.err == 'for tables and colours on a terminal: pip install "crmcore[cli]"\n'
    assert as_json.err == ""


def test_this_process_may_be_on_a_terminal(run: Crmcore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it draws, too."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")

    for environment in ("", "1"):
        monkeypatch.setenv("NO_COLOR", environment)
        done = run("--by", "owner")
        assert ("\x1b[1mPipeline" in done.out) is not bool(environment)
        assert "importing deals" in done.err


# --- a published table ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not MAVEN.exists(), reason="the data of Maven Analytics' CRM Sales Opportunities is not here")
def test_a_published_table_gives_the_known_figures(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Now, as of the middle of it, and a second time."""
    asked = [*MAVEN_COMMAND, "--db", "crm.db"]
    runs = []
    for more in (["--json"], ["--as-of", "2017-07-01"]):
        runs.append(Run(main([*asked, *more]), *capsys.readouterr()))
        changes = log()
    now, then = runs
    found = now.json

    assert [run.code for run in runs] == [0, 0]
    assert [found[name] for name in ("deals", "won", "lost", "open", "unvalued")] == [8_800, 4_238, 2_473, 2_089, 2_089]
    assert (found["undated"], found["no_account"], found["won_value"]) == (500, 1_425, 10_005_534)
    assert round(found["win_rate"], 5) == 0.63150
    assert (round(found["won_cycle_days"]["mean"], 2), found["won_cycle_days"]["median"]) == (51.78, 57)
    assert round(found["velocity"]) == 193_224
    assert CRM("crm.db").as_of("2017-07-01").analytics.pipeline(pipeline="deals").open == 1_706
    assert "500 deals carry no opened date" in then.out
    assert "1,425 deals name no account; they are kept." in then.out
    assert "8,800 deals in the file: 0 new, 0 changed, 8,800 the same." in then.out
    assert changes == found["import"]["deals"] + 4_238 + 2_473 + 85 + 7 + 30 + 1


def test_undated_deals_are_counted_where_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A closed one counts from its closing, an open one from the import."""
    file = tmp_path / "deals.csv"
    file.write_text("id,stage,opened,closed,amount\n1,won,,2026-01-05,5\n2,demo,,,7\n3,demo,2026-01-02,,8\n")
    asked = [
        "pipeline",
        str(file),
        *["--id", "id", "--stage", "stage", "--opened", "opened", "--closed", "closed", "--amount", "amount"],
    ]
    asked += [*["--won", "won", "--lost", "lost", "--open", "demo", "--currency", "EUR", "--as-of", "2026-02-01"]]

    assert main(asked) == 0
    shown = capsys.readouterr().out
    assert "2 deals carry no opened date, so 1 of them count in no cycle, and the others in no figure above." in shown
