"""Cells of a file of deals: how they are read, and that each one that does not fit is named with row and column."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from crmcore import CRM, Invalid, MixedCurrency, Money, Opportunity, Playbook
from crmcore.interchange.deal_import import deals_playbook, import_deals, with_pipeline
from crmcore.interchange.deals import DealColumns, Outcomes
from crmcore.testing import TickingClock

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HEADER = ("id", "stage", "opened", "closed", "amount", "owner", "account", "product")
COLUMNS = DealColumns(**{name: name for name in HEADER})
OUTCOMES = Outcomes(won="Won", lost="Lost", open=("Demo", "Proposal"))
ROW: Mapping[str, str] = {
    "id": "D1",
    "stage": "Won",
    "opened": "2026-01-05",
    "closed": "2026-02-01",
    "amount": "1250.50",
    "owner": "Ada",
    "account": "Acme",
    "product": "Roof",
}

PLAYBOOK = deals_playbook(OUTCOMES, currency="USD", zone="UTC")

Read = Callable[..., list[Opportunity]]


def brought(file: Path, columns: DealColumns = COLUMNS, playbook: Playbook = PLAYBOOK, **how: Any) -> CRM:  # noqa: ANN401
    """A CRM with the deals of a file."""
    crm = CRM(playbook=playbook, clock=TickingClock(NOW, timedelta()))
    import_deals(crm, file, columns, pipeline="deals", **how)
    return crm


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The deals of a file of rows, each row the usual one but for what is said."""

    def read(*rows: Mapping[str, str], **how: Any) -> list[Opportunity]:  # noqa: ANN401 - as brought
        file = tmp_path / "deals.csv"
        lines = [HEADER, *([(ROW | row)[name] for name in HEADER] for row in rows)]
        file.write_text("".join(",".join(f'"{cell}"' for cell in line) + "\n" for line in lines), "utf-8")
        crm = brought(file, **how)
        found = [crm.opportunities.external("csv", (ROW | row)["id"]) for row in rows]
        return [deal for deal in found if deal is not None]

    return read


def complaint(read: Read, *rows: Mapping[str, str], **how: Any) -> str:  # noqa: ANN401 - as brought
    """What is wrong with these rows."""
    with pytest.raises(Invalid) as caught:
        read(*rows, **how)
    return str(caught.value)


def day(text: str) -> datetime:
    """The start of a day in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- what is read ---------------------------------------------------------------------------------------------------


def test_empty_cells_say_nothing(read: Read) -> None:
    """A deal without dates, amount and names is a deal."""
    (deal,) = read({"stage": "Demo", **dict.fromkeys(HEADER[2:], "")})

    assert (deal.stage, deal.opened_at, deal.close_on, deal.amount) == ("Demo", None, None, None)
    assert (deal.owner, deal.account, deal.product) == (None, None, None)


def test_columns_that_are_not_named_are_not_read(read: Read) -> None:
    """Whatever they hold."""
    columns = DealColumns(id="id", stage="stage", opened="opened", closed="closed", amount="amount")
    (deal,) = read({"owner": "\x00"}, columns=columns)

    assert (deal.owner, deal.account, deal.product) == (None, None, None)


@pytest.mark.parametrize(("word", "status", "stage"), [("LOST", "lost", "Lost"), (" demo ", "open", "Demo")])
def test_capitals_make_no_difference(read: Read, word: str, status: str, stage: str) -> None:
    """The stage is called as the outcomes call it."""
    (deal,) = read({"stage": word, "closed": "2026-02-01"})

    assert (deal.status, deal.stage) == (status, stage)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1250.5", Money("1250.50", "USD")),
        ("0", Money(0, "USD")),
        ("+7", Money(7, "USD")),
        ("USD 12", Money(12, "USD")),
        ("12 usd", Money(12, "USD")),
        ("USD12", Money(12, "USD")),
    ],
)
def test_amounts_may_name_their_currency(read: Read, text: str, amount: Money) -> None:
    """When it is the one given."""
    assert read({"amount": text})[0].amount == amount


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("01/05/2026", "%m/%d/%Y"),
        ("5.1.26", "%d.%m.%y"),
        ("20260105", "%Y%m%d"),
        ("2026-01-05T01:00+01:00", None),
        ("2026-01-05T00:00Z", None),
        ("5 Jan 2026 02:00 +0200", "%d %b %Y %H:%M %z"),
        ("2026-01-05 12 AM +0000", "%Y-%m-%d %I %p %z"),
    ],
)
def test_dates_are_read_as_they_are_written(read: Read, text: str, pattern: str | None) -> None:
    """ISO 8601, or by a format; a time brings its offset."""
    assert read({"opened": text, "closed": text}, date_format=pattern)[0].opened_at == day("2026-01-05")


def abroad(zone: str, currency: str = "EUR") -> Playbook:
    """A playbook of a business elsewhere, which takes up the deals of the file."""
    return with_pipeline(Playbook(zone=zone, currency=currency), PLAYBOOK)


@pytest.mark.parametrize("own", ["America/New_York", "Pacific/Auckland"])
def test_a_bare_day_is_its_start_in_the_zone(read: Read, own: str) -> None:
    """And an expected day is that day there, wherever the business is."""
    rows = {}, {"id": "D2", "stage": "Demo", "closed": "2026-12-01"}
    closed, opened = read(*rows, playbook=abroad(own), zone="America/New_York", currency="USD")

    assert (closed.opened_at, closed.closed_at) == (
        datetime(2026, 1, 5, 5, tzinfo=UTC),
        datetime(2026, 2, 1, 5, tzinfo=UTC),
    )
    assert opened.close_on == date(2026, 12, 1)


def test_a_bare_amount_is_in_the_currency_of_the_file(read: Read) -> None:
    """Whatever that of the business is."""
    assert read({}, playbook=abroad("UTC"), currency="USD")[0].amount == Money("1250.50", "USD")
    assert read({}, playbook=abroad("UTC"))[0].amount == Money("1250.50", "EUR")


@pytest.mark.parametrize("opened", ["2026-02-01T17:30Z", "2026-02-01T00:00Z", "2026-02-01"])
def test_a_deal_may_close_on_the_day_it_was_opened(read: Read, opened: str) -> None:
    """Although that day, bare, begins before the time it was opened at."""
    (deal,) = read({"opened": opened, "closed": "2026-02-01"})

    assert deal.closed_at == deal.opened_at
    assert deal.closed_at is not None


# --- what is refused ------------------------------------------------------------------------------------------------

BAD = [
    ({"stage": "Demonstration"}, "stage", "a stage of deals: Demo, Proposal, Won, Lost; choose one of them"),
    ({"stage": " "}, "stage", "a stage of deals: Demo, Proposal, Won, Lost; fill it in"),
    ({"id": ""}, "id", "an id; fill it in"),
    ({"id": "D\x00"}, "id", "text without NUL or lone surrogates; clean it at its source"),
    (
        {"opened": "05/01/2026"},
        "opened",
        "a date such as 2026-11-21; correct it, or say how it is written",
    ),
    ({"opened": "2026-02-30"}, "opened", "a date such as 2026-11-21"),
    ({"closed": "soon"}, "closed", "a date such as 2026-11-21"),
    ({"closed": "soon", "stage": "Demo"}, "closed", "a date such as 2026-11-21"),
    ({"opened": "2026-01-05T09:00"}, "opened", "a day, or a time with its offset from UTC; leave the time out, or add"),
    ({"closed": "2026-01-05 09:00:00"}, "closed", "a day, or a time with its offset from UTC"),
    (
        {"opened": "2026-11-22", "closed": "", "stage": "Demo"},
        "opened",
        "a day that has been; correct the date",
    ),
    ({"closed": "2026-11-21T12:00:01Z"}, "closed", "a day that has been"),
    ({"closed": ""}, "closed", "a date, for the deal is won; fill it in"),
    ({"stage": "Lost", "closed": "", "account": ""}, "closed", "a date, for the deal is lost; fill it in"),
    ({"closed": "2026-01-04"}, "closed", "a day not before 2026-01-05T00:00:00+00:00; correct one of the dates"),
    (
        {"opened": "2026-02-01T10:00Z", "closed": "2026-02-01T09:59Z"},
        "closed",
        "a day not before 2026-02-01T10:00:00+00:00",
    ),
    ({"amount": "1,250.50"}, "amount", "an amount such as 1250.50, or 1250.50 EUR; write it without separators"),
    ({"amount": "$12"}, "amount", "an amount such as 1250.50"),
    ({"amount": "a lot"}, "amount", "an amount such as 1250.50"),
    ({"amount": "NaN"}, "amount", "an amount such as 1250.50"),
    ({"amount": "inf"}, "amount", "an amount such as 1250.50"),
    ({"amount": "USD"}, "amount", "an amount such as 1250.50"),
    ({"amount": "-1"}, "amount", "a value of at least 0; check its sign"),
    ({"amount": "1.005"}, "amount", "at most 2 decimals, as USD has"),
    ({"amount": "1e3"}, "amount", "an amount such as 1250.50"),
    ({"amount": "9" * 20}, "amount", "fewer than 2**63 minor units"),
    ({"amount": "12 ZZZ"}, "amount", "ISO 4217"),
    ({"account": "x" * 100_001}, "account", "at most 100,000 characters; shorten it"),
    ({"product": "\x00"}, "product", "text without NUL"),
]


@pytest.mark.parametrize(
    ("row", "column", "wrong"), BAD, ids=[f"{column} {row[column][:30]!r} {len(row)}" for row, column, _ in BAD]
)
def test_a_cell_that_does_not_fit_is_named(read: Read, row: dict[str, str], column: str, wrong: str) -> None:
    """With its row, its column, what was found, what was expected and the mend."""
    message = complaint(read, {"id": "first"}, row)

    assert message.startswith(f'row 3, column "{column}": got ')
    assert "problems" not in message
    assert f", expected {wrong}" in message or (wrong == "ISO 4217" and wrong in message)


def test_names_of_people_stay_out_of_messages(read: Read) -> None:
    """An owner is personal."""
    message = complaint(read, {"owner": "Ada\x00Lovelace"})

    assert "row 2, column \"owner\": got '•••'" in message
    assert "Ada" not in message


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("2026-01-05", "%m/%d/%Y", "a date such as 11/21/2026; correct it, or say how it is written"),
        ("13/01/2026", "%m/%d/%Y", "a date such as 11/21/2026"),
        ("01/05/2026 09:00", "%m/%d/%Y %H:%M", "a day, or a time with its offset from UTC; leave the time out, or add"),
        ("01/05/2026 00:00", "%m/%d/%Y %H:%M", "a day, or a time with its offset from UTC"),
    ],
)
def test_a_date_in_another_form_is_refused(read: Read, text: str, pattern: str, expected: str) -> None:
    """The message shows how a date looks."""
    assert f"expected {expected}" in complaint(read, {"opened": text}, date_format=pattern)


def test_an_id_must_not_come_twice(read: Read) -> None:
    """Each row that repeats one is named, with the first that had it."""
    message = complaint(read, {}, {"id": "D2"}, {}, {"id": " D1 "})

    assert message.startswith('rows 4, 5, column "id": got ')
    assert message.endswith("expected an id of its own; row 2 has it too; take one of the rows out")


def test_everything_wrong_is_told_at_once(read: Read) -> None:
    """In one error."""
    message = complaint(
        read, {"stage": "", "opened": "?", "amount": "?"}, {"id": "D2", "amount": "5 EUR", "stage": "?"}
    )

    assert "5 problems" in message
    assert all(f'row 2, column "{column}"' in message for column in ("stage", "opened", "amount"))
    assert all(f'row 3, column "{column}"' in message for column in ("stage", "amount"))


def test_amounts_of_another_currency_are_refused(read: Read) -> None:
    """With the rows they are in, as a matter of its own kind."""
    with pytest.raises(MixedCurrency) as caught:
        read({"amount": "5 EUR"}, {"id": "D2"}, {"id": "D3", "amount": "EUR 5"}, {"id": "D4", "amount": "5 EUR"})

    expected = "expected an amount in USD; convert it first, or import each currency by itself"
    assert str(caught.value).splitlines()[1:] == [
        f"  rows 2, 5, column \"amount\": got '5 EUR', {expected}",
        f"  row 4, column \"amount\": got 'EUR 5', {expected}",
    ]


def test_arguments_are_checked_before_rows(read: Read) -> None:
    """All of them at once."""
    message = complaint(read, {"stage": "?"}, currency="XXQ", zone="Mars/Olympus", date_format="%Q")

    assert "3 problems" in message
    assert all(path in message for path in ("currency: got 'XXQ'", "zone: got 'Mars/Olympus'", "date_format: got '%Q'"))


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ({"won": ()}, "won: got (), expected at least one word, none of them empty; give --won"),
        ({"open": ("Demo", "")}, "open: got ('Demo', ''), expected at least one word"),
        ({"lost": "won"}, "stage: got 'won', expected one meaning for each word; name it once"),
        ({"open": ("Demo", "demo")}, "stage: got 'demo', expected one meaning"),
    ],
)
def test_words_have_one_meaning_each(words: dict[str, Any], wrong: str) -> None:
    """And there is one for every outcome."""
    with pytest.raises(Invalid) as caught:
        Outcomes(**{"won": "Won", "lost": "Lost", "open": "Demo"} | words)
    assert wrong in str(caught.value)


cells = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [*ROW.values(), "Demo", "NaN", "-1", "2026-13-01"]
)


@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(HEADER, cells)), max_size=3))
def test_any_cells_are_deals_or_one_typed_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    """Nothing else ever comes out."""
    file = tmp_path_factory.mktemp("deals") / "deals.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([HEADER, *(row.values() for row in rows)])

    with contextlib.suppress(Invalid):
        assert brought(file).opportunities.count() <= len(rows)
