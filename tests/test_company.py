"""The made-up company: the same for a seed everywhere, dirty where it says so, and clean everywhere else."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings, strategies as st

from crmcore.kernel.errors import Invalid
from crmcore.testing import Company, Flaw, company
from crmcore.testing.made_up.naming import respelt
from crmcore.testing.made_up.words import FAMILY, GIVEN, STEMS, TRADES

COLUMNS = {
    "accounts": "id,name,number,parent,phone,website,city,country,owner",
    "contacts": "id,name,email,phone,account,job_title,city,source,since",
    "leads": "id,name,company,email,phone,source,captured",
    "deals": "id,name,account,owner,product,stage,opened,closed,amount",
    "deals_week_later": "id,name,account,owner,product,stage,opened,closed,amount",
    "orders": "number,customer,ordered_on,product,quantity,amount",
    "subscriptions": "id,customer,product,amount,interval,started_on,ended_on",
    "touchpoints": "id,record,channel,direction,topic,happened",
}
ROWS = {
    "accounts": 40,
    "contacts": 120,
    "leads": 90,
    "deals": 140,
    "orders": 260,
    "subscriptions": 40,
    "touchpoints": 400,
}
KINDS = {
    "accounts": {"same id", "unknown reference", "nothing to call it by"},
    "contacts": {"duplicate", "same id", "bad date", "unknown reference", "nothing to call it by"},
    "leads": {"duplicate", "same id", "bad date", "nothing to call it by"},
    "deals": {"same id", "bad date", "bad amount", "unknown reference"},
    "orders": {"same id", "bad date", "bad amount", "unknown reference"},
    "subscriptions": {"same id", "bad date", "bad amount", "unknown reference"},
    "touchpoints": {"same id", "bad date", "unknown reference"},
}
OPTIONAL = {"parent", "account", "job_title", "email", "phone", "ended_on"}
OPEN = {"qualification", "proposal", "negotiation"}
SEVEN = "89035ab6ea579373c403e038532f82fd177de27bd03128e5ad30a06495276bba"
"""What company(7) has been from the first; another value means that every made-up company has changed."""

FICTION = re.compile(
    r"\+44 (20 7946 0|(113|114|121|131|161) 496 0|191 498 0|808 157 0|909 879 0|3069 990|7700 900)\d{3}"
    r"|\+1 [2-9]\d\d 555 01\d\d"
)

seeds = st.integers(0, 2**70)
days = st.dates(date(1970, 1, 1), date(9998, 12, 31))


def digest(made_up: Company) -> str:
    """A fingerprint of all that a company is."""
    told = json.dumps(attrs.asdict(made_up), default=str, sort_keys=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def clean(made_up: Company, table: str) -> list[dict[str, str]]:
    """The rows of a table that have no flaw."""
    lines = {flaw.row for flaw in made_up.flaws if flaw.table == table}
    return [row for line, row in enumerate(made_up.tables[table], 2) if line not in lines]


def ids(made_up: Company, *tables: str) -> set[str]:
    """The ids of clean rows."""
    return {row["id"] for table in tables for row in clean(made_up, table)}


def flawed(made_up: Company, what: str) -> list[tuple[Flaw, dict[str, str]]]:
    """The flaws of one sort, each with its row."""
    return [(flaw, made_up.tables[flaw.table][flaw.row - 2]) for flaw in made_up.flaws if flaw.what == what]


def digits(phone: str) -> str:
    """The last nine digits of a telephone number."""
    return re.sub(r"\D", "", phone)[-9:]


# --- the same everywhere --------------------------------------------------------------------------------------------


def test_a_seed_makes_one_company_for_good() -> None:
    """On every machine, under every Python."""
    assert digest(company(7)) == SEVEN


@pytest.mark.parametrize("hashes", ["0", "1", "4711"])
def test_it_does_not_depend_on_the_process(hashes: str, tmp_path: Path) -> None:
    """Whatever order sets have there."""
    script = "import sys; from crmcore.testing import company; company(8, size=2).write(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "there")],
        env={**os.environ, "PYTHONHASHSEED": hashes},
        check=True,
    )
    company(8, size=2).write(tmp_path / "here")

    here, there = ({path.name: path.read_bytes() for path in (tmp_path / each).iterdir()} for each in ("here", "there"))
    assert here == there


def test_another_seed_makes_another_company() -> None:
    """In every table."""
    assert len({digest(company(seed)) for seed in range(6)}) == 6
    assert all(company(1).tables[table] != company(2).tables[table] for table in COLUMNS)


# --- its shape ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3])
def test_every_table_has_its_columns_and_rows(size: int) -> None:
    """A size multiplies the rows."""
    made_up = company(7, size=size)

    assert {name: ",".join(rows[0]) for name, rows in made_up.tables.items()} == COLUMNS
    assert {name: len(rows) for name, rows in made_up.tables.items()} == {
        **{name: count * size for name, count in ROWS.items()},
        "deals_week_later": 146 * size,
    }
    assert all({*row} == {*rows[0]} for rows in made_up.tables.values() for row in rows)
    assert all(type(value) is str for rows in made_up.tables.values() for row in rows for value in row.values())


def test_it_is_written_as_files(tmp_path: Path) -> None:
    """Line by line what the tables say, accents and commas included; a flaw's row is its line."""
    made_up = company(7)
    made_up.write(tmp_path / "some" / "where")
    made_up.write(str(tmp_path / "some" / "where"))
    files = sorted((tmp_path / "some" / "where").iterdir())

    assert [file.name for file in files] == sorted(f"{name}.csv" for name in COLUMNS)
    for file in files:
        with file.open(encoding="utf-8", newline="") as opened:
            assert tuple(csv.DictReader(opened)) == made_up.tables[file.stem]
        assert len(file.read_text("utf-8").splitlines()) == len(made_up.tables[file.stem]) + 1
    for flaw in made_up.flaws:
        line = (tmp_path / "some" / "where" / f"{flaw.table}.csv").read_text("utf-8").splitlines()[flaw.row - 1]
        assert next(csv.reader([line])) == list(made_up.tables[flaw.table][flaw.row - 2].values())


def test_it_prints_in_one_line() -> None:
    """Without its thousand rows."""
    assert len(repr(company(7))) < 120


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 7, "size": 0}, "size"),
        ({"seed": 7, "size": 1.0}, "size"),
        ({"seed": 7, "today": "2026-11-18"}, "today"),
        ({"seed": 7, "today": datetime(2026, 11, 18)}, "today"),
        ({"seed": 7, "today": date(1, 1, 1)}, "today"),
        ({"seed": 7, "today": date.max}, "today"),
    ],
)
def test_what_makes_no_company_is_refused(bad: dict[str, object], path: str) -> None:
    """By name."""
    with pytest.raises(Invalid) as caught:
        company(**bad)  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == [path]


def test_everything_wrong_is_said_at_once() -> None:
    """Not one thing after the other."""
    with pytest.raises(Invalid) as caught:
        company(None, today=None, size=None)  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == ["seed", "today", "size"]


# --- its flaws ------------------------------------------------------------------------------------------------------


@given(seeds, st.integers(1, 3))
@settings(max_examples=30)
def test_about_one_row_in_twenty_is_flawed(seed: int, size: int) -> None:
    """Each at most once, and at least twice in every way that its table can have."""
    made_up = company(seed, size=size)
    lines = [(flaw.table, flaw.row) for flaw in made_up.flaws]
    found = Counter((flaw.table, flaw.what) for flaw in made_up.flaws)

    assert len(lines) == len({*lines})
    assert 0.04 < len(lines) / sum(len(rows) for rows in made_up.tables.values()) < 0.07
    kinds = {**KINDS, "deals_week_later": KINDS["deals"]}
    assert {*found} == {(table, what) for table, all_kinds in kinds.items() for what in all_kinds}
    assert min(found.values()) == 2 * size


@given(seeds)
@settings(max_examples=30)
def test_a_duplicate_is_another_spelling_of_an_earlier_clean_row(seed: int) -> None:
    """Of its e-mail or of its phone, and never the same spelling."""
    made_up = company(seed)
    for flaw, row in flawed(made_up, "duplicate"):
        assert flaw.of is not None
        first = made_up.tables[flaw.table][flaw.of - 2]
        assert flaw.of < flaw.row
        assert first in clean(made_up, flaw.table)
        assert row["id"] == f"{flaw.table[0].upper()}-{flaw.row - 1:04}"
        assert row["name"].casefold() == first["name"].casefold()
        assert row[flaw.column] != first[flaw.column]
        if flaw.column == "email":
            assert row["email"].strip().lower() == first["email"]
        else:
            assert flaw.column == "phone"
            assert row["phone"] in respelt(first["phone"])
            assert digits(row["phone"]) == digits(first["phone"])


def test_phones_are_spelt_as_people_spell_them() -> None:
    """With the country in two zeros, with the trunk's zero, in brackets."""
    assert respelt("+44 20 7946 0018") == ("0044 20 7946 0018", "020 7946 0018", "(020) 7946-0018")
    assert respelt("+44 7700 900018") == ("0044 7700 900018", "07700 900018", "(07700) 900018")
    assert respelt("+1 212 555 0118") == ("001 212 555 0118", "212 555 0118", "(212) 555-0118")


@given(seeds)
@settings(max_examples=30)
def test_the_other_flaws_are_real(seed: int) -> None:
    """No date, no amount, no such row, nothing to call it by, an id that an earlier row has."""
    made_up = company(seed)
    for flaw, row in flawed(made_up, "same id"):
        assert flaw.of is not None
        assert flaw.of < flaw.row
        assert row[flaw.column] == made_up.tables[flaw.table][flaw.of - 2][flaw.column]
    for flaw, row in flawed(made_up, "bad date"):
        with pytest.raises(ValueError):
            datetime.fromisoformat(row[flaw.column])
    for flaw, row in flawed(made_up, "bad amount"):
        with pytest.raises(InvalidOperation):
            Decimal(row[flaw.column])
    known = {row.get("id", "") for rows in made_up.tables.values() for row in rows}
    for flaw, row in flawed(made_up, "unknown reference"):
        assert row[flaw.column] not in {*known, ""}
    for _, row in flawed(made_up, "nothing to call it by"):
        assert (row["name"], row.get("email", ""), row.get("phone", "")) == ("", "", "")


def test_every_spelling_occurs() -> None:
    """So that a reader of exports meets each."""
    made_up = company(7, size=10)
    phones = [row["phone"] for flaw, row in flawed(made_up, "duplicate") if flaw.column == "phone"]

    assert {"00", "01", "(0"} <= {phone[:2] for phone in phones}
    assert {row[flaw.column] for flaw, row in flawed(made_up, "bad date")} == {"31.02.2026", "2026-13-01", "soon"}
    assert {row[flaw.column] for flaw, row in flawed(made_up, "bad amount")} == {"1.200,50", "n/a"}


# --- clean rows -----------------------------------------------------------------------------------------------------


@given(seeds)
@settings(max_examples=30)
def test_a_clean_row_looks_like_no_other(seed: int) -> None:
    """In its id, its e-mail address, the last nine digits of its phone, and a small company's people in their names."""
    made_up = company(seed)
    for table in COLUMNS:
        key = next(iter(made_up.tables[table][0]))
        found = [row[key] for row in clean(made_up, table)]
        assert len(found) == len({*found})
    everybody = [row for table in ("accounts", "contacts", "leads") for row in clean(made_up, table)]
    for column in ("email", "name"):
        found = [row[column].casefold() for row in everybody if row.get(column)]
        assert len(found) == len({*found})
    phones = [digits(row["phone"]) for row in everybody if row["phone"]]
    assert len(phones) == len({*phones})
    numbers = [row["number"] for row in made_up.accounts]
    assert len(numbers) == len({*numbers})


@given(seeds)
@settings(max_examples=30)
def test_clean_rows_are_clean(seed: int) -> None:
    """Nothing required is missing, nothing has blanks around it, addresses and numbers belong to nobody."""
    made_up = company(seed)
    for table in COLUMNS:
        for row in clean(made_up, table):
            assert all(value or column in OPTIONAL for column, value in row.items())
            assert all(value == value.strip() for value in row.values())
            assert not row.get("email") or re.fullmatch(r"[a-z]+(\.[a-z]+)+\d*@[a-z-]+\.example", row["email"])
            assert not row.get("phone") or FICTION.fullmatch(row["phone"])
            assert "since" not in row or row["email"] or row["phone"]
            assert "captured" not in row or row["email"] or row["phone"]
            assert "amount" not in row or re.fullmatch(r"[1-9]\d*\.\d\d", row["amount"])
            assert "quantity" not in row or int(row["quantity"]) >= 1
            assert "website" not in row or re.fullmatch(r"https://www\.[a-z-]+\.example", row["website"])


@given(seeds)
@settings(max_examples=30)
def test_clean_rows_refer_to_clean_rows(seed: int) -> None:
    """Whatever is rejected, they can be loaded."""
    made_up = company(seed)
    accounts, contacts = ids(made_up, "accounts"), ids(made_up, "contacts")

    assert {row["parent"] for row in clean(made_up, "accounts")} <= {*accounts, ""}
    assert {row["account"] for row in clean(made_up, "contacts")} <= {*accounts, ""}
    assert {row["account"] for table in ("deals", "deals_week_later") for row in clean(made_up, table)} <= accounts
    buyers = {row["customer"] for table in ("orders", "subscriptions") for row in clean(made_up, table)}
    assert buyers <= accounts | contacts
    assert buyers & accounts
    assert buyers & contacts
    talked_to = {row["record"] for row in clean(made_up, "touchpoints")}
    assert talked_to <= contacts | ids(made_up, "leads")
    assert talked_to & contacts
    assert talked_to & ids(made_up, "leads")


@given(seeds)
@settings(max_examples=30)
def test_accounts_stand_in_trees(seed: int) -> None:
    """Three deep, and a parent stands in an earlier row."""
    depths = {"": 0}
    for row in clean(company(seed), "accounts"):
        depths[row["id"]] = depths[row["parent"]] + 1

    assert {*depths.values()} == {0, 1, 2, 3}


@pytest.mark.slow
@given(seeds, days)
@settings(max_examples=60)
def test_dates_are_in_order(seed: int, today: date) -> None:
    """Nothing is later than its export, nothing ends before it begins, nobody acts before they are known."""
    made_up = company(seed, today=today)
    friday = made_up.last_friday

    assert friday.weekday() == 4
    assert timedelta(0) < today - friday <= timedelta(7)
    for table, until in (("deals", friday), ("deals_week_later", today)):
        for row in clean(made_up, table):
            assert date.fromisoformat(row["opened"]) <= until
            assert row["opened"] <= row["closed"]
            assert (date.fromisoformat(row["closed"]) > today) == (row["stage"] in OPEN)
            assert row["stage"] in OPEN or date.fromisoformat(row["closed"]) <= until
    known = (row for table in ("contacts", "leads") for row in clean(made_up, table))
    since = {row["id"]: row.get("since") or row["captured"] for row in known}
    for row in clean(made_up, "orders"):
        assert since.get(row["customer"], "") <= row["ordered_on"] <= friday.isoformat()
    for row in clean(made_up, "subscriptions"):
        assert row["started_on"] < friday.isoformat()
        assert row["ended_on"] == "" or row["started_on"] < row["ended_on"] <= friday.isoformat()
    for row in clean(made_up, "touchpoints"):
        at = datetime.fromisoformat(row["happened"])
        assert since[row["record"]] <= at.date().isoformat() <= friday.isoformat()
        assert at.weekday() < 5
        assert 8 <= at.hour < 18
    assert max(since.values()) <= friday.isoformat()


@pytest.mark.parametrize(
    ("day", "offset"),
    [("2026-03-27", "+01:00"), ("2026-03-30", "+02:00"), ("2026-10-23", "+02:00"), ("2026-10-26", "+01:00")],
)
def test_times_say_their_offset(day: str, offset: str) -> None:
    """Summer time begins and ends on a Sunday."""
    told = {
        row["happened"][-6:]
        for seed in range(4)
        for row in clean(company(seed, size=4), "touchpoints")
        if row["happened"].startswith(day)
    }
    assert told == {offset}


# --- the story ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_the_better_owner_and_the_smaller_product_win_more(seed: int) -> None:
    """Also in a small company."""
    closed = [row for row in company(seed).deals if row["stage"] in {"won", "lost"}]

    def won(column: str, value: str) -> float:
        outcomes = [row["stage"] == "won" for row in closed if row[column] == value]
        return sum(outcomes) / len(outcomes)

    assert won("owner", "Ana Sousa") > won("owner", "Chiara Russo") > won("owner", "Dmitri Orlov")
    assert won("product", "Starter") > won("product", "Enterprise")


@pytest.mark.parametrize("seed", range(12))
def test_deals_wait_in_one_stage(seed: int) -> None:
    """More of them, and for longer."""
    made_up = company(seed)
    stages = Counter(row["stage"] for row in made_up.deals)
    opened: dict[str, list[str]] = {stage: [] for stage in OPEN}
    for row in clean(made_up, "deals"):
        opened.get(row["stage"], []).append(row["opened"])

    assert stages["proposal"] > stages["qualification"] + stages["negotiation"]
    middle = {stage: sorted(found)[len(found) // 2] for stage, found in opened.items()}
    assert middle["proposal"] < middle["qualification"]


@given(seeds, days)
@settings(max_examples=30)
def test_a_week_later_some_deals_have_moved(seed: int, today: date) -> None:
    """In a way that deals can, in rows of the same place; what was flawed still is, in the same way."""
    made_up = company(seed, today=today)
    seen: set[str] = set()
    for was, row in zip(made_up.deals, made_up.deals_week_later, strict=False):
        changed = {column for column in was if was[column] != row[column]}
        assert row in clean(made_up, "deals_week_later") or not changed
        if changed:
            assert was["stage"] in OPEN
            seen.add(row["stage"] if "stage" in changed else "amount")
            assert changed in ({"amount"}, {"stage"}, {"stage", "closed"})
            assert ("closed" in changed) == (row["stage"] in {"won", "lost"})
    new = made_up.deals_week_later[len(made_up.deals) :]

    assert seen == {"proposal", "negotiation", "won", "lost", "amount"}
    assert len(new) == 6
    assert all(made_up.last_friday.isoformat() < row["opened"] <= today.isoformat() for row in new)
    assert {row["stage"] for row in new} == {"qualification"}
    assert [attrs.evolve(flaw, table="deals_week_later") for flaw in made_up.flaws if flaw.table == "deals"] == [
        flaw for flaw in made_up.flaws if flaw.table == "deals_week_later"
    ]


@pytest.mark.parametrize("seed", range(6))
def test_customers_buy_at_rates_of_their_own(seed: int) -> None:
    """Some once, some again and again, so that value and recency have something to find."""
    bought = Counter(row["customer"] for row in clean(company(seed), "orders"))

    assert len(bought) > 30
    assert min(bought.values()) == 1
    assert max(bought.values()) > 3 * sum(bought.values()) / len(bought)


@pytest.mark.parametrize("seed", range(6))
def test_some_subscriptions_have_ended(seed: int) -> None:
    """Most run, at every interval."""
    subscriptions = clean(company(seed), "subscriptions")
    ended = sum(row["ended_on"] != "" for row in subscriptions)

    assert 0 < ended < len(subscriptions) / 2 + 4
    assert {row["interval"] for row in subscriptions} == {"month", "quarter", "year"}


# --- what it is made of ---------------------------------------------------------------------------------------------


def test_a_large_company_runs_out_of_phones_and_of_nothing_else() -> None:
    """Since no more are kept for fiction; e-mail addresses are numbered."""
    made_up = company(7, size=45)
    contacts = clean(made_up, "contacts")
    emails = [row["email"] for table in ("contacts", "leads") for row in clean(made_up, table) if row["email"]]
    phones = [digits(row["phone"]) for table in ("accounts", "contacts", "leads") for row in clean(made_up, table)]

    assert contacts[0]["phone"]
    assert contacts[-1]["phone"] == ""
    assert all(row["email"] or row["phone"] for row in contacts)
    assert len(emails) == len({*emails})
    assert max(Counter(phone for phone in phones if phone).values()) == 1
    assert len({row["name"] for row in clean(made_up, "accounts")}) == len(clean(made_up, "accounts"))


def test_words_are_there_once() -> None:
    """So that names made of them are."""
    assert all(len(words) == len({*words}) for words in (GIVEN, FAMILY, STEMS, TRADES))
