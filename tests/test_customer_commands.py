"""The commands on files of orders and subscriptions: what they print for a person and a pipe, how they refuse."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from crmcore.__main__ import main
from crmcore.analytics import clv, retention

SUBSCRIPTIONS = """\
Customer,Start,End,Monthly,Plan,Every
ada,2026-01-01,2026-03-10,50,basic,month
ada,2026-03-10,,80,pro,month
bob,2026-02-01,2026-03-20,30,basic,month
cyd,2026-03-12,,60,basic,quarter
"""
ORDERS = """\
Customer,Date,Total
ada,2026-01-05,15
ada,2026-02-02,50
ada,2026-03-20,150
bob,2026-01-20,30
bob,2026-02-11,40
cyd,2026-02-02,12.50
cyd,2026-02-25,-2.50
dan,2026-02-09,8
"""
CHURN = (
    *("churn", "subscriptions.csv", "--customer", "Customer", "--start", "Start", "--end", "End"),
    *("--amount", "Monthly", "--period", "2026-03"),
)
COHORTS = ("cohorts", "orders.csv", "--customer", "Customer", "--date", "Date", "--end", "2026-03-31")
CLV = ("clv", "orders.csv", "--customer", "Customer", "--date", "Date", "--amount", "Total")


@attrs.frozen
class Run:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed, read; NaN and infinity are none of JSON."""
        found: dict[str, Any] = json.loads(self.out, parse_constant=pytest.fail)
        return found

    def line(self, start: str) -> str:
        """The line that starts with some words, its blanks made one."""
        lines = [" ".join(line.split()) for line in self.out.splitlines()]
        return next(line for line in lines if line.startswith(start))


Crmcore = Callable[..., Run]


@pytest.fixture
def run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> Crmcore:
    """Runs a command in this process, beside a file of subscriptions and one of orders."""
    Path("subscriptions.csv").write_text(SUBSCRIPTIONS, "utf-8")
    Path("orders.csv").write_text(ORDERS, "utf-8")

    def run(*words: str) -> Run:
        code = main(words)
        return Run(code, *capsys.readouterr())

    return run


# --- churn ----------------------------------------------------------------------------------------------------------


def test_churn_for_a_person(run: Crmcore) -> None:
    """The figures, the revenue, and how they were made."""
    done = run(*CHURN)

    assert (done.code, done.err) == (0, "")
    assert [done.line(word) for word in ("start", "lost", "rate", "nrr", "churned", "expansion")] == [
        "start 2",
        "lost 1",
        "rate 50.00%",
        "nrr 100.00%",
        "churned 30.00 USD 1",
        "expansion 30.00 USD 1",
    ]
    assert done.out.splitlines()[-1].strip().startswith("as of 2026-04-01T23:59:59.999999+00:00; period 2026-03;")


def test_churn_for_a_pipe(run: Crmcore) -> None:
    """Amounts as text, rates as numbers, the rest of it beside."""
    found = run(*CHURN, "--interval", "Every", "--currency", "eur", "--json").json
    revenue = found["revenue"]

    assert {name: found[name] for name in ("period", "method", "start", "lost", "rate", "currency", "zone")} == {
        "period": "2026-03",
        "method": "start_base",
        "start": 2,
        "lost": 1,
        "rate": 0.5,
        "currency": "EUR",
        "zone": "UTC",
    }
    assert (revenue["new"], revenue["end"], revenue["quick_ratio"]) == ("20.00", "100.00", pytest.approx(5 / 3))
    assert revenue["customers"]["new"] == 1
    assert (found["as_of"], found["exclusions"]) == ("2026-04-01T23:59:59.999999+00:00", {})
    assert "rate" in found["definitions"]


def test_churn_in_parts_and_groups(run: Crmcore) -> None:
    """Each with the figures of the whole."""
    words = [*CHURN[:-1], "2026-Q1", "--each", "month", "--by", "Plan", "--method", "exposed_base", "--grace", "1d"]
    found = run(*words, "--json").json

    assert [(part["period"], part["lost"]) for part in found["parts"]] == [
        ("2026-01", 0),
        ("2026-02", 0),
        ("2026-03", 1),
    ]
    assert [(group["Plan"], group["end"]) for group in found["groups"]] == [("basic", 1), ("pro", 1)]
    assert run(*words).line("basic").startswith("basic")


def test_churn_without_amounts(run: Crmcore) -> None:
    """Of customers alone; what is undefined is null, and says why."""
    found = run(*CHURN[:8], "--period", "2025-12", "--as-of", "2026-01-01", "--json").json

    assert (found["revenue"], found["currency"], found["grr"], found["rate"]) == (None, None, None, None)
    assert found["reasons"]["rate"] == "there was no customer to lose"
    assert found["joined"] == 1


# --- cohorts --------------------------------------------------------------------------------------------------------


def test_cohorts_for_a_person(run: Crmcore) -> None:
    """A triangle, and one of revenue where there are amounts."""
    done = run(*COHORTS, "--amount", "Total", "--currency", "EUR", "--definitions")

    assert done.line("2026-01") == "2026-01 2 100.00% 100.00% 50.00%"
    assert "Revenue by month of the first purchase and months since, in EUR" in done.out
    assert "size: How many customers a cohort has." in done.out
    assert "Revenue" not in run(*COHORTS).out


def test_cohorts_for_a_pipe(run: Crmcore) -> None:
    """What is not over is null."""
    found = run(*COHORTS, "--amount", "Total", "--json").json
    plain = run(*COHORTS, "--period", "quarter", "--anchor", "anniversary", "--partial", "--json").json

    assert [cohort["cohort"] for cohort in found["cohorts"]] == ["2026-01", "2026-02"]
    assert found["cohorts"][1] == {
        "cohort": "2026-02",
        "size": 2,
        "active": [2, 0, None],
        "retention": [1.0, 0.0, None],
        "rolling": [1.0, 0.0, None],
        "revenue": ["18.00", "0.00", None],
    }
    assert (found["customers"], found["retention"], found["currency"]) == (4, [1.0, 0.5, 0.5], "USD")
    assert (plain["period"], plain["anchor"], plain["cohorts"][0]["revenue"]) == ("quarter", "anniversary", None)


# --- customer lifetime value ----------------------------------------------------------------------------------------


def test_value_for_a_person(run: Crmcore) -> None:
    """The sums, the models and how well they fit, the best customers, how it was made, and where the end is from."""
    done = run(*CLV, "--currency", "EUR")

    assert (done.code, done.err) == (0, "")
    assert [done.line(word) for word in ("customers", "model", "historical", "horizon", "discount")] == [
        "customers 4",
        "model MBG/NBD",
        "historical 303.00 EUR",
        "horizon 12 months",
        "discount 10.00% a year",
    ]
    assert "MBGNBD by maximum likelihood" in done.out
    assert "GammaGamma by maximum likelihood" in done.out
    assert done.line("status").startswith("status ")
    assert done.line("ada").startswith("ada ")
    assert done.out.splitlines()[-1] == "2026-03-20 is the last date in the file; --end says another."
    assert "is the last date" not in run(*CLV, "--end", "2026-03-31").out


def test_value_for_a_pipe(run: Crmcore) -> None:
    """Every customer; what was paid as text, what is expected as numbers; the same as the library gives."""
    words = ("--end", "2026-03-31", "--unit", "day", "--model", "bg/nbd", "--horizon", "1 year", "--discount", "0.2")
    found = run(*CLV, *words, "--margin", "0.5", "--json").json
    told = clv.report(
        "orders.csv",
        end="2026-03-31",
        unit="day",
        model="BG/NBD",
        horizon="1 year",
        discount=0.2,
        margin="0.5",
        customer="Customer",
        at="Date",
        amount="Total",
        currency="USD",
    )
    assert told.fit is not None
    assert told.values is not None

    assert {name: found[name] for name in ("customers", "unit", "end", "horizon", "discount", "margin")} == {
        "customers": 4,
        "unit": "day",
        "end": "2026-03-31",
        "horizon": "1 year",
        "discount": 0.2,
        "margin": "0.5",
    }
    assert found["model"]["name"] == "BG/NBD"
    assert {name: told["value"] for name, told in found["model"]["parameters"].items()} == told.fit.params
    assert (found["model"]["status"], found["end_given"]) == (told.fit.status, True)
    assert [row["customer"] for row in found["values"]] == ["ada", "bob", "cyd", "dan"]
    assert [row["p_alive"] for row in found["values"]] == list(told.values.p_alive)
    assert (found["currency"], found["values"][0]["historical"]) == ("USD", "107.50")
    assert found["totals"]["historical"] == "151.50"


def test_value_for_ever(run: Crmcore) -> None:
    """There is no horizon then."""
    found = run(*CLV, "--horizon", "Forever", "--json").json

    assert (found["horizon"], found["end"], found["end_given"]) == (None, "2026-03-20", False)


def test_value_of_nobody(run: Crmcore) -> None:
    """Is undefined, and says why."""
    Path("orders.csv").write_text("Customer,Date,Total\n", "utf-8")
    found = run(*CLV, "--end", "2026-03-31", "--json").json
    refused = run(*CLV)

    assert (found["customers"], found["model"], found["spend"], found["values"]) == (0, None, None, [])
    assert (found["totals"]["total"], found["reasons"]["total"]) == (None, "there is no customer to value")
    assert refused.err == (
        "crmcore: --end: got None, expected the last day that counts, since no order says one; say --end 2026-06-30\n"
    )


def test_a_published_table_gives_the_published_figures(run: Crmcore) -> None:
    """CDNOW's 2,357 customers: P. S. Fader and B. G. S. Hardie, and the vignette of CLVTools on the raw log."""
    (place,) = importlib.util.find_spec("lifetimes").submodule_search_locations  # type: ignore[union-attr, misc]
    rows = [line.split() for line in (Path(place) / "datasets" / "CDNOW_sample.txt").read_text("utf-8").splitlines()]
    lines = [f"{row[1]},{row[2]},{row[4]}\n" for row in rows if len(row) == 5]
    Path("orders.csv").write_text("".join(["Customer,Date,Total\n", *lines]), "utf-8")
    words = ("--date-format", "%Y%m%d", "--end", "1997-09-30", "--model", "BG/NBD", "--json")
    found = run(*CLV, *words).json
    model, spend = found["model"], found["spend"]
    parameters = {name: round(told["value"], 4) for name, told in model["parameters"].items()}

    assert (found["customers"], model["status"], spend["customers"]) == (2_357, "converged", 946)
    assert parameters == {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
    assert (round(model["loglik"], 3), round(spend["loglik"], 2)) == (-9582.429, -4055.92)
    assert [round(told["value"], 2) for told in spend["parameters"].values()] == [6.25, 3.74, 15.44]


# --- what they refuse -----------------------------------------------------------------------------------------------

WRONG = {
    "a column that is not there": ((*CHURN[:3], "Who", *CHURN[4:]), 'expected a column "Who"'),
    "the option of a column": ((*COHORTS[:5], "Day", *COHORTS[6:]), "say --date COLUMN with the name it has"),
    "no file": (("churn", "none.csv", *CHURN[2:]), "subscriptions: got 'none.csv', expected a CSV file in UTF-8"),
    "no period": ((*CHURN[:-1], "2026-3"), "--period: got '2026-3'"),
    "another name of a period": ((*CHURN[:-1], "2026-3"), "2026-W47, 2026-11-21\n"),
    "no part of it": ((*CHURN, "--each", "year"), "--each: got 'year', expected a unit that 2026-03 divides into"),
    "a fiscal year": ((*CHURN[:-1], "FY2026"), "--period: got 'FY2026', expected a period of the calendar, since"),
    "another fiscal year": ((*CHURN[:-1], "FY2026"), "; say a year, quarter or month of the calendar\n"),
    "no year": ((*CHURN[:-1], "9999"), "--period: got '9999', expected a day within the years 1 to 9999"),
    "no length of time": ((*CHURN, "--grace", "long"), "at least 0; say --grace 30d\n"),
    "no day": ((*CHURN, "--as-of", "someday"), "--as-of: got 'someday'"),
    "too early a day": ((*CHURN, "--as-of", "2025-01-01"), "--as-of: got '2025-01-01'"),
    "no dates": ((*CHURN[:5], "Plan", *CHURN[6:]), "say how dates are written: --date-format %m/%d/%Y"),
    "no zone": ((*CHURN, "--zone", "Mars"), "--zone: got 'Mars'"),
    "no currency": ((*CHURN, "--currency", "XXQ"), "--currency: got 'XXQ'"),
    "no format": ((*COHORTS, "--date-format", "%Q"), "--date-format: got '%Q'"),
    "no end": ((*COHORTS[:-1], "someday"), "--end: got 'someday'"),
    "no end of value": ((*CLV, "--end", "someday"), "--end: got 'someday'"),
    "an empty end": ((*CLV, "--end", ""), "--end: got ''"),
    "the last day there is": ((*CLV, "--end", "9999-12-31"), "--end: got '9999-12-31', expected a day within"),
    "no offset": ((*CLV, "--end", "2026-03-31T12:00"), "got '2026-03-31T12:00', expected an instant with an offset"),
    "no other offset": ((*CLV, "--end", "2026-03-31T12:00"), "add the offset ('+01:00', 'Z')\n"),
    "no model": ((*CLV, "--model", "Cox"), "--model: got 'Cox', expected one of MBG/NBD, BG/NBD, Pareto/NBD, NBD"),
    "no horizon": ((*CLV, "--horizon", "long"), 'say "12 months", "52 weeks" or "1 year", or forever\n'),
    "a bare horizon": ((*CLV, "--horizon", "52"), "--horizon: got '52', expected a length of time above 0"),
    "no end of time": ((*CLV, "--horizon", "forever", "--discount", "0"), 'say --horizon "12 months"'),
    "no discount": ((*CLV, "--discount", "-1"), "--discount: got -1.0"),
    "a discount in per cent": ((*CLV, "--discount", "10%"), "--discount: got '10%', expected a fraction a year"),
    "too fine an amount": ((*CLV, "--currency", "JPY"), "expected at most 0 decimals, as JPY has; correct it at its"),
    "no margin": ((*CLV, "--margin", "much"), "--margin: got 'much'"),
    "a return": ((*CLV, "--returns", "error"), "say --returns net"),
    "no amounts": ((*CLV[:-1], "Customer"), 'column "Customer"'),
}


@pytest.mark.parametrize(("words", "wrong"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(run: Crmcore, words: tuple[str, ...], wrong: str) -> None:
    """A line a problem, in the words of the command line."""
    done = run(*words)

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("crmcore: ")
    assert wrong in done.err


def test_a_row_without_an_amount_is_refused(run: Crmcore) -> None:
    """Another column can't be meant."""
    Path("orders.csv").write_text("Customer,Date,Total\nada,2026-01-05,\n", "utf-8")

    assert run(*CLV).err == ("crmcore: transactions line 2, column \"Total\": got '', expected an amount; give it\n")
    assert run(*COHORTS, "--amount", "Total").code == 0


def test_options_are_checked_where_there_is_no_order(run: Crmcore) -> None:
    """As where there are some."""
    Path("orders.csv").write_text("Customer,Date,Total\n", "utf-8")

    for flag, value in [("--margin", "much"), ("--horizon", "soon"), ("--discount", "-1"), ("--model", "Cox")]:
        done = run(*CLV, "--end", "2026-03-31", flag, value)
        assert (done.code, done.err.startswith(f"crmcore: {flag}: got")) == (1, True)


def test_the_last_date_may_be_that_of_a_return(run: Crmcore) -> None:
    """Of one that is left out, too: until then the others are known not to have bought."""
    Path("orders.csv").write_text("Customer,Date,Total\nada,2026-01-05,9\nada,2026-03-20,-9\n", "utf-8")
    found = run(*CLV, "--returns", "exclude", "--json").json

    assert (found["end"], found["totals"]["historical"]) == ("2026-03-20", "9.00")


@pytest.mark.parametrize("drawn", [False, True])
def test_a_terminal_obeys_no_cell(run: Crmcore, monkeypatch: pytest.MonkeyPatch, *, drawn: bool) -> None:
    """A name may hold control characters, which would colour, move or clear what is shown."""
    Path("orders.csv").write_text("Customer,Date,Total\n\x1b[2J\x9bada,2026-01-05,9\n", "utf-8")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: drawn)
    monkeypatch.setenv("NO_COLOR", "1")
    done = run(*CLV)

    assert "\ufffd[2J\ufffdada" in done.out
    assert not {"\x1b", "\x9b"} & {*done.out}
    assert run(*CLV, "--json").json["values"][0]["customer"] == "\x1b[2J\x9bada"


@pytest.mark.parametrize("command", ["churn", "cohorts", "clv"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What it is for, and every option; and ends with 2 when it is misused."""
    with pytest.raises(SystemExit):
        main([command, "--help"])
    told = capsys.readouterr().out
    assert f"usage: crmcore {command}" in told
    assert "\n\nA CSV file of " in told
    assert "default: USD" in told
    with pytest.raises(SystemExit) as caught:
        main([command])
    assert caught.value.code == 2


def test_figures_are_those_of_the_library(run: Crmcore) -> None:
    """The command adds nothing of its own."""
    names = {"customer": "Customer", "start": "Start", "end": "End", "amount": "Monthly"}
    told = retention.churn("subscriptions.csv", period="2026-03", currency="USD", **names)  # type: ignore[arg-type]

    assert run(*CHURN).out == f"{told}\n"
