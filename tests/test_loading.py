"""Bulk load: rows of elsewhere become records, every row is accounted for, and the same rows again change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, Conflict, F, Invalid, Money, NotAllowed, Pipeline, Playbook, SalesRules, Stage
from crmcore.kernel import Change, Context, Desk, Record, act, field, part, record
from crmcore.kernel.custom_field import CustomField
from crmcore.kernel.desk import Desk as KernelDesk
from crmcore.kernel.errors import Problem
from crmcore.kernel.frozen_map import EMPTY
from crmcore.kernel.loading.report import LoadReport, MergeProposal, Rejection
from crmcore.kernel.outcome import Objection
from crmcore.people import Address
from crmcore.people.spelling import email, phone
from crmcore.playbook import PlaybookVersion
from crmcore.testing import TickingClock

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
ADA = {"id": "C1", "name": "Ada Lovelace", "email": "ada@engines.example"}
SECRET = "ada.lovelace@secret.example"


def counts(report: LoadReport) -> tuple[int, ...]:
    """How many rows were kept, changed, unchanged, proposed and rejected; they are all rows."""
    assert sum(report.counts.values()) == report.rows
    return tuple(report.counts.values())


def rejected(report: LoadReport) -> list[tuple[int, str | None]]:
    """Rows that were not taken, and where they do not fit."""
    return [(one.row, one.column) for one in report.rejections]


def only(report: LoadReport) -> Rejection:
    """The one reason of the one row that was not taken."""
    (found,) = report.rejections
    return found


def end(crm: CRM) -> Any:  # noqa: ANN401
    """Where the log ends."""
    return crm.store.last()


@record("studio")
class Studio(Record):
    """A kind that needs nothing but a short name."""

    name: str = field(longest=10)


@part
class Scene:
    """A scene, and where it is shot."""

    place: str = field(references="studio")
    minutes: int | None = field(default=None)


@record("film")
class Film(Record):
    """A kind with a field of every type."""

    title: str = field(searchable=True, longest=40)
    seen: int | None = field(default=None, minimum=0)
    score: Decimal | None = field(default=None)
    cost: Money | None = field(default=None)
    good: bool | None = field(default=None)
    shown_on: date | None = field(default=None)
    ended_at: datetime | None = field(default=None)
    words: tuple[str, ...] | None = field(default=None)
    code: str | None = field(default=None, unique=True)
    sequel_of: str | None = field(default=None, references="film")
    about: str | None = field(default=None, references="*")
    studio: str | None = field(default=None, references="studio")
    made_by: str | None = field(default=None, references=("film", "studio"))
    opening: Scene | None = field(default=None)
    scenes: tuple[Scene, ...] | None = field(default=None)
    cast: Mapping[str, str] = field(default=EMPTY, references="studio")
    place: Address | None = field(default=None)
    takes: tuple[Address, ...] | None = field(default=None)


PLAYBOOK = Playbook(
    currency="EUR",
    zone="Europe/Berlin",
    custom={"contact": {"region": "text", "size": "integer"}, "film": {"region": "text"}},
)


@pytest.fixture
def films(open_crm: Callable[..., CRM]) -> CRM:
    """A CRM with films, in Berlin."""
    return open_crm(kinds=[Film, Studio], playbook=PLAYBOOK)


def film(crm: CRM, **cells: object) -> Film:
    """The record of a row about a film."""
    report = crm.films.load([{"id": "F1", "title": "Rain", **cells}], key="id")
    assert counts(report) == (1, 0, 0, 0, 0), report
    found = crm.films.external("csv", "F1")
    assert isinstance(found, Film)
    return found


# --- files and rows -------------------------------------------------------------------------------------------------


def test_a_file_becomes_records(crm: CRM, tmp_path: Path) -> None:
    """Known by their ids there, in one commit."""
    file = tmp_path / "people.csv"
    file.write_text("id;name;E-mail;shoe size\nC1; Ada Lovelace ;ada@engines.example;38\nC2;Bo;;\n", "utf-8")
    columns = {"name": "name", "email": "E-mail"}
    report = crm.contacts.load(file, key="id", columns=columns, system="hubspot")

    assert counts(report) == (2, 0, 0, 0, 0)
    assert (report.kind, report.ignored, report.dry_run) == ("contact", ("shoe size",), False)
    ada = crm.contacts.external("hubspot", "C1")
    assert ada is not None
    assert (ada.name, ada.email) == ("Ada Lovelace", "ada@engines.example")
    assert {change.commit for one in crm.contacts.find() for change in crm.history(one)} == {report.commit}
    assert counts(crm.contacts.load(str(file), key="id", columns=columns, system="hubspot")) == (0, 0, 2, 0, 0)


def test_rows_may_be_mappings_with_typed_values(films: CRM) -> None:
    """Ids may be whole numbers, and what is missing is said by None, NaN or nothing."""
    rows = [
        {"id": 7, "title": "Rain", "seen": 5, "cost": Money(3, "EUR"), "shown_on": date(2026, 1, 2)},
        {"id": 8, "title": "Snow", "seen": None, "score": float("nan"), "takes": [{"city": "Rome"}]},
    ]
    assert counts(films.films.load(iter(rows), key="id")) == (2, 0, 0, 0, 0)
    rain, snow = (films.films.external("csv", id) for id in ("7", "8"))

    assert isinstance(rain, Film)
    assert isinstance(snow, Film)
    assert (rain.seen, rain.cost, rain.shown_on) == (5, Money(3, "EUR"), date(2026, 1, 2))
    assert (snow.seen, snow.score, snow.takes) == (None, None, (Address(city="Rome"),))
    assert counts(films.films.load(rows, key="id")) == (0, 0, 2, 0, 0)


def test_no_rows_are_no_commit(crm: CRM, tmp_path: Path) -> None:
    """Neither from a file nor from a list."""
    (tmp_path / "none.csv").write_text("id,name\n")
    before = end(crm)

    for rows in ([], tmp_path / "none.csv"):
        report = crm.contacts.load(rows, key="id")
        assert (report.rows, report.commit) == (0, None)
        assert str(report) == "0 rows of contacts: nothing to do"
    assert end(crm) == before


def test_known_records_are_changed_where_a_row_says_otherwise(crm: CRM, clock: TickingClock) -> None:
    """An empty cell takes nothing away."""
    crm.contacts.load([{**ADA, "phone": "020 7946"}, {**ADA, "id": "C2", "email": "bo@x.example"}], key="id")
    clock.now += timedelta(days=1)
    rows = [{**ADA, "name": "Ada King", "phone": " "}, {**ADA, "id": "C2", "email": "bo@x.example", "phone": None}]
    report = crm.contacts.load(rows, key="id")
    ada = crm.contacts.external("csv", "C1")

    assert ada is not None
    assert counts(report) == (0, 1, 1, 0, 0)
    assert (ada.name, ada.phone, ada.version) == ("Ada King", "020 7946", 2)
    last = crm.contacts.history(ada)[-1]
    assert (last.what, last.sets, last.reason) == ("updated", {"name": "Ada King"}, "import from csv")
    given_reason = crm.given(reason="clean up").contacts.load([{**ADA, "name": "Ada L."}], key="id")
    assert (given_reason.changed, crm.contacts.history(ada)[-1].reason) == (1, "clean up")


def test_the_same_file_again_writes_nothing(crm: CRM) -> None:
    """Not one change."""
    rows = [{"id": str(n), "name": f"Acme {n}", "number": f"N{n}", "parent": str(n - 1) if n else ""} for n in range(9)]
    crm.accounts.load(rows, key="id")
    before = end(crm)
    report = crm.accounts.load(rows, key="id")

    assert counts(report) == (0, 0, 9, 0, 0)
    assert (end(crm), report.commit) == (before, None)


# --- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("seen", "42", 42),
        ("seen", "42.0", 42),
        ("score", "0.250", Decimal("0.250")),
        ("cost", "1250.5", Money("1250.50", "EUR")),
        ("cost", "usd 12", Money(12, "USD")),
        ("cost", "-12 JPY", Money(-12, "JPY")),
        ("good", "Yes", True),
        ("good", "0", False),
        ("good", True, True),
        ("shown_on", "2026-01-05", date(2026, 1, 5)),
        ("shown_on", "2026-01-05T23:30Z", date(2026, 1, 6)),
        ("ended_at", "2026-01-05", datetime(2026, 1, 4, 23, tzinfo=UTC)),
        ("ended_at", "2026-01-05T09:00+01:00", datetime(2026, 1, 5, 8, tzinfo=UTC)),
        ("words", "red; green;", ("red", "green")),
        ("words", ["red"], ("red",)),
        ("place.city", "Rome", None),
        ("custom.region", "north", None),
        ("custom", {"region": "north"}, None),
        ("external.imdb", "tt1", None),
    ],
)
def test_cells_are_read_as_their_field_holds_them(films: CRM, name: str, cell: object, value: object) -> None:
    """Text, and typed values."""
    found = film(films, **{name: cell})
    if name == "place.city":
        assert found.place == Address(city="Rome")
    elif name.startswith("custom"):
        assert found.custom == {"region": "north"}
    elif name.startswith("external"):
        assert found.external == {"csv": "F1", "imdb": "tt1"}
    else:
        assert getattr(found, name) == value


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("seen", "4.5"),
        ("seen", "1,250"),
        ("seen", "1_250"),
        ("cost", "1_000"),
        ("cost", "1e3"),
        ("score", "1e3"),
        ("seen", "9" * 40),
        ("seen", "-1"),
        ("seen", 7.5),
        ("score", "much"),
        ("cost", "1.200,50"),
        ("cost", "EUR 12 EUR"),
        ("cost", "12 XXX"),
        ("cost", "ten"),
        ("good", "maybe"),
        ("good", 1),
        ("shown_on", "31.02.2026"),
        ("shown_on", "2026-W01-1"),
        ("shown_on", datetime(2026, 1, 5, tzinfo=UTC)),
        ("ended_at", "2026-01-05T09:00"),
        ("ended_at", 5),
        ("title", "x" * 41),
        ("title", "a\x00b"),
        ("title", "\ud800"),
        ("title", b"Rain"),
        ("words", 5),
        ("takes", "here"),
        ("place", "Rome"),
        ("place.city", "a\x00"),
        ("custom.region", 5),
        ("custom.region", "a\x00"),
        ("custom", "north"),
        ("external.imdb", 5),
        ("sequel_of", ["F0"]),
        ("sequel_of", "F0"),
        ("sequel_of", "film_0099"),
        ("about", "nobody_1"),
    ],
)
def test_a_cell_that_does_not_fit_is_told_with_its_row_and_column(films: CRM, name: str, cell: object) -> None:
    """The other rows are taken."""
    rows = [{"id": "F0x", "title": "Snow"}, {"id": "F1", "title": "Rain", name: cell}]
    report = films.films.load(rows, key="id")

    assert counts(report) == (1, 0, 0, 0, 1)
    assert rejected(report) == [(2, name)]
    assert films.films.count() == 1


def test_dates_may_be_written_otherwise(films: CRM) -> None:
    """As strptime reads them."""
    rows = [
        {"id": "F1", "title": "Rain", "shown_on": "05.01.2026", "ended_at": "05.01.2026"},
        {"id": "F2", "title": "Snow", "shown_on": "2026-01-05"},
    ]
    report = films.films.load(rows, key="id", date_format="%d.%m.%Y")
    rain = films.films.first()

    assert rejected(report) == [(2, "shown_on")]
    assert only(report).expected == "a date such as 21.11.2026"
    assert isinstance(rain, Film)
    assert (rain.shown_on, rain.ended_at) == (date(2026, 1, 5), datetime(2026, 1, 4, 23, tzinfo=UTC))
    timed = [{"id": "F3", "title": "Hail", "ended_at": "05.01.2026 10:00 +0100"}]
    assert counts(films.films.load(timed, key="id", date_format="%d.%m.%Y %H:%M %z")) == (1, 0, 0, 0, 0)
    naive = [{"id": "F4", "title": "Fog", "ended_at": "05.01.2026 10:00"}]
    assert "offset" in only(films.films.load(naive, key="id", date_format="%d.%m.%Y %H:%M")).expected


def test_members_and_parts_have_dotted_names(crm: CRM) -> None:
    """A part that is known keeps what a row does not tell."""
    columns = {
        "name": "Name",
        "emails.work": "Work",
        "addresses.home.city": "City",
        "addresses.home.country": "Land",
        "consents.email": "Mail",
    }
    row = {"id": "C1", "Name": "Ada", "Work": "a@b.example", "City": "Rome", "Land": "IT", "Mail": "granted"}
    assert counts(crm.contacts.load([row], key="id", columns=columns)) == (1, 0, 0, 0, 0)
    moved = {**row, "City": "Pisa", "Land": "", "Work": ""}
    assert counts(crm.contacts.load([moved], key="id", columns=columns)) == (0, 1, 0, 0, 0)
    ada = crm.contacts.first()

    assert ada is not None
    assert ada.addresses == {"home": Address(city="Pisa", country="IT")}
    assert (ada.emails, ada.consents) == ({"work": "a@b.example"}, {"email": "granted"})


def test_a_part_that_does_not_fit_is_told_by_its_column(open_crm: Callable[..., CRM]) -> None:
    """Each field of it has one."""
    crm = open_crm()
    row = {"id": "C1", "name": "Ada", "addresses.home.city": 5}
    report = crm.contacts.load([row], key="id")

    assert rejected(report) == [(1, "addresses.home.city")]
    assert only(report).value == "•••"


def test_a_field_read_by_its_act_alone_is_read_as_the_act_takes_it(crm: CRM) -> None:
    """Role and first day of a contact at their account; text and date."""
    acme = crm.accounts.add(name="Acme", external={"csv": "A1"})
    rows = [
        {**ADA, "account": "A1", "role": "buyer", "since": "02.01.2024"},
        {"id": "C2", "name": "Bo", "account": acme.id, "role": "", "since": date(2024, 1, 2)},
    ]
    assert counts(crm.contacts.load(rows, key="id", date_format="%d.%m.%Y")) == (2, 0, 0, 0, 0)
    found = crm.affiliations.find(order_by="role").items

    assert [(one.account, one.role, one.since) for one in found] == [
        (acme.id, "buyer", date(2024, 1, 2)),
        (acme.id, None, date(2024, 1, 2)),
    ]
    assert {one.account for one in crm.contacts.find()} == {acme.id}
    assert counts(crm.contacts.load(rows, key="id", date_format="%d.%m.%Y")) == (0, 0, 2, 0, 0)


def test_what_acts_write_is_not_changed_by_rows(crm: CRM) -> None:
    """The row is told which acts do."""
    ada = crm.contacts.add(name="Ada")
    paper = {"id": "1", "customer": ada.id, "started_on": "2026-01-01", "amount": "5"}
    crm.subscriptions.load([paper], key="id")
    report = crm.subscriptions.load([{**paper, "amount": "6"}], key="id")

    assert [row for row, _ in rejected(report)] == [1]
    assert "acts do: delete, end, reinstate, renew, reprice" in only(report).mend


def test_a_row_that_tells_of_another_account_affiliates(crm: CRM) -> None:
    """A role told otherwise is corrected; the same rows again change nothing; as of another day too."""
    acme = crm.accounts.add(name="Acme", external={"csv": "A1"})
    bolt = crm.accounts.add(name="Bolt", external={"csv": "B1"})
    assert counts(crm.contacts.load([ADA], key="id")) == (1, 0, 0, 0, 0)
    for told in (
        {"account": "A1"},
        {"account": "B1", "role": "buyer", "since": "2026-01-01"},
        {"account": "B1", "role": "seller", "name": "Ada King"},
    ):
        assert counts(crm.contacts.load([{**ADA, **told}], key="id")) == (0, 1, 0, 0, 0)
        assert counts(crm.contacts.load([{**ADA, **told}], key="id")) == (0, 0, 1, 0, 0)

    ada = crm.contacts.external("csv", ADA["id"])
    assert ada is not None
    told_of = [(one.account, one.role, one.since) for one in crm.affiliations.of(ada)]
    assert (ada.name, ada.account) == ("Ada King", bolt.id)
    assert told_of == [(acme.id, None, None), (bolt.id, "seller", date(2026, 1, 1))]
    assert rejected(crm.contacts.load([{**ADA, "role": "buyer"}], key="id")) == [(1, "role")]
    late = crm.given(at=crm.history(ada)[0].at).contacts.load([{**ADA, "name": "Ada King", "account": "A1"}], key="id")
    assert counts(late) == (0, 1, 0, 0, 0)


# --- keys -----------------------------------------------------------------------------------------------------------


def test_every_row_has_a_key_of_its_own(crm: CRM) -> None:
    """An earlier row with the same one is named."""
    rows = [{"id": id, "name": "Acme"} for id in ("1", "", None, "1", " 1 ", 1, "a\x00", 1.5, "2")]
    report = crm.accounts.load(rows, key="id")

    assert counts(report) == (2, 0, 0, 0, 7)
    assert [(one.row, one.expected) for one in report.rejections] == [
        (2, "an id"),
        (3, "an id"),
        (4, "an id of its own; row 1 has it too"),
        (5, "an id of its own; row 1 has it too"),
        (6, "an id of its own; row 1 has it too"),
        (7, "text without NUL or lone surrogates"),
        (8, "text"),
    ]


def test_a_key_that_is_personal_is_not_shown(crm: CRM) -> None:
    """Where it is an e-mail address, for one."""
    row = {"email": SECRET, "name": "Ada"}
    report = crm.contacts.load([row, row], key="email")

    assert counts(report) == (1, 0, 0, 0, 1)
    assert SECRET not in str(report) + repr(report)


def test_a_row_about_a_deleted_record_offers_to_restore_it(crm: CRM) -> None:
    """A second one is not made, neither by load nor by upsert."""
    acme = crm.accounts.upsert(("csv", "A1"), name="Acme")
    crm.accounts.delete(acme)
    report = crm.accounts.load([{"id": "A1", "name": "Acme"}], key="id")

    assert rejected(report) == [(1, "id")]
    assert f"restore('{acme.id}')" in only(report).mend
    with pytest.raises(NotAllowed, match="deleted or merged; restore") as refused:
        crm.accounts.upsert(("csv", "A1"), name="Acme")
    assert refused.value.possible == ("restore",)
    crm.accounts.restore(acme.id)
    assert counts(crm.accounts.load([{"id": "A1", "name": "Acme"}], key="id")) == (0, 0, 1, 0, 0)


def test_an_upsert_names_other_systems_by_a_mapping(crm: CRM) -> None:
    """Whatever act makes the record."""
    with pytest.raises(Invalid, match="external"):
        crm.opportunities.upsert(("erp", "7"), name="Roof", external="erp")
    with pytest.raises(Invalid, match="give name"):
        crm.opportunities.upsert(("erp", "7"))


def test_values_of_their_own_are_not_shared(crm: CRM) -> None:
    """With a stored record, or an earlier row; what a row gives up a later one may have."""
    taken = crm.accounts.add(name="Acme", number="n1")
    rows = [
        {"id": "1", "name": "A", "number": "N1"},
        {"id": "2", "name": "B", "number": "N2"},
        {"id": "3", "name": "C", "number": "n2"},
        {"id": "4", "name": "D", "number": "N4", "external.erp": "9"},
        {"id": "5", "name": "E", "external.erp": "9"},
    ]
    report = crm.accounts.load(rows, key="id")

    assert counts(report) == (2, 0, 0, 0, 3)
    assert rejected(report) == [(1, "number"), (3, "number"), (5, "external.erp")]
    assert taken.id in report.rejections[0].expected
    renumbered = [{"id": "2", "name": "B", "number": "N3"}, {"id": "6", "name": "F", "number": "N2"}]
    assert counts(crm.accounts.load(renumbered, key="id")) == (1, 1, 0, 0, 0)


def test_a_personal_value_of_its_own_is_not_shown(crm: CRM) -> None:
    """Of staff, the e-mail address."""
    crm.staff.add(name="Ana", email=SECRET)
    report = crm.staff.load([{"id": "1", "name": "Ana B.", "email": SECRET}], key="id")

    assert rejected(report) == [(1, "email")]
    assert SECRET not in str(report)


# --- references -----------------------------------------------------------------------------------------------------


def test_a_reference_is_an_id_of_there_or_of_here(crm: CRM) -> None:
    """Of any kind the field may refer to."""
    acme = crm.accounts.add(name="Acme", external={"erp": "A1"})
    ada = crm.contacts.add(name="Ada", external={"erp": "C1"})
    cells = ["A1", "C1", acme.id, ada.id, acme]
    rows = [{"n": n, "customer": cell, "ordered_on": "2026-01-05", "amount": 5} for n, cell in enumerate(cells)]
    assert counts(crm.orders.load(rows, key="n", system="erp")) == (5, 0, 0, 0, 0)

    found = [crm.orders.external("erp", str(n)) for n in range(5)]
    assert [one and one.customer for one in found] == [acme.id, ada.id, acme.id, ada.id, acme.id]
    assert counts(crm.orders.load(rows, key="n", system="erp")) == (0, 0, 5, 0, 0)


def test_a_reference_that_leads_nowhere_is_told(crm: CRM) -> None:
    """Or to a deleted record, or to two; names of people are not shown."""
    crm.accounts.add(name="Acme", external={"csv": "7"})
    crm.contacts.add(name="Ada", external={"csv": "7"})
    gone = crm.contacts.delete(crm.contacts.add(name="Bo", external={"csv": "8"}))
    rows = [
        {"n": n, "customer": cell, "ordered_on": "2026-01-05", "amount": 5}
        for n, cell in enumerate(["7", "8", gone.id, "C9", "Ada Lovelace", "staff_0001"])
    ]
    report = crm.orders.load(rows, key="n")

    assert counts(report) == (0, 0, 0, 0, 6)
    assert [one.value for one in report.rejections] == ["•••", "•••", gone.id, "•••", "•••", "staff_0001"]
    mends = [one.mend for one in report.rejections]
    assert 'say which kind it is: kinds={"customer": "contact"}, or give one of contact_' in mends[0]
    assert all(f"restore('{gone.id}')" in mend for mend in mends[1:3])
    assert set(mends[3:]) == {"load the contacts and accounts first"}


def test_a_reference_to_a_merged_record_leads_to_what_it_became(crm: CRM) -> None:
    """It is one and the same."""
    acme, bcme = crm.accounts.add(name="Acme"), crm.accounts.add(name="Bcme", external={"csv": "B"})
    sets = {"merged_into": acme.id}
    crm.commit([Change(kind="account", id=bcme.id, version=2, what="merged", sets=sets, at=NOW)])
    row = {"id": "1", "name": "Roof", "account": bcme.id, "opened_at": "2026-01-05"}
    crm.opportunities.load([row], key="id")
    deal = crm.opportunities.first()

    assert deal is not None
    assert deal.account == acme.id
    again = crm.accounts.load([{"id": "B", "name": "Bcme"}], key="id")
    assert counts(again) == (0, 0, 0, 0, 1)


def test_rows_may_refer_to_rows_further_down(crm: CRM) -> None:
    """They are written in the right order."""
    rows = [{"id": str(n), "name": f"Acme {n}", "parent": str(n + 1) if n < 20 else ""} for n in range(21)]
    assert counts(crm.accounts.load(rows, key="id")) == (21, 0, 0, 0, 0)

    lowest = crm.accounts.external("csv", "0")
    assert lowest is not None
    assert len(crm.accounts.ancestors(lowest)) == 20
    assert counts(crm.accounts.load(rows, key="id")) == (0, 0, 21, 0, 0)


def test_a_row_may_wait_for_several(films: CRM) -> None:
    """And is taken after all of them, if that is what its cells are said to lead to."""
    rows = [
        {"id": "1", "title": "Three", "sequel_of": "2", "about": "3"},
        {"id": "2", "title": "Two", "sequel_of": "3"},
        {"id": "3", "title": "One"},
    ]
    assert rejected(films.films.load(rows, key="id", dry_run=True)) == [(1, "about")]
    assert counts(films.films.load(rows, key="id", kinds={"about": "film"})) == (3, 0, 0, 0, 0)
    third = films.films.external("csv", "1")
    assert isinstance(third, Film)
    assert [films.films.get(id or "").title for id in (third.sequel_of, third.about)] == ["Two", "One"]


def test_a_row_whose_parent_is_not_taken_is_not_either(crm: CRM) -> None:
    """It is told which row that is."""
    rows = [
        {"id": "1", "name": "A", "parent": "2"},
        {"id": "2", "name": "", "parent": ""},
        {"id": "3", "name": "C", "parent": "1"},
    ]
    report = crm.accounts.load(rows, key="id")

    assert rejected(report) == [(1, "parent"), (2, "name"), (3, "parent")]
    assert report.rejections[0].mend == "take row 2 up as well, which has it"


def test_parents_in_a_circle_are_refused(crm: CRM) -> None:
    """New ones, known ones, and both at once."""
    crm.accounts.load([{"id": n, "name": n} for n in "abcd"], key="id")
    rows = [
        {"id": "1", "name": "1", "parent": "2"},
        {"id": "2", "name": "2", "parent": "1"},
        {"id": "3", "name": "3", "parent": "3"},
        {"id": "4", "name": "4", "parent": "1"},
        {"id": "5", "name": "5", "parent": "a"},
    ]
    report = crm.accounts.load(rows, key="id")
    assert counts(report) == (1, 0, 0, 0, 4)
    assert {one.expected for one in report.rejections} == {"rows that do not refer to each other in a circle"}

    known = [{"id": "a", "name": "a", "parent": "5"}, {"id": "b", "name": "b", "parent": "c"}]
    known += [{"id": "c", "name": "c", "parent": "b"}, {"id": "d", "name": "d", "parent": "a"}]
    known += [{"id": "6", "name": "6", "parent": "b"}]
    report = crm.accounts.load(known, key="id")
    assert rejected(report) == [(1, "parent"), (2, "parent"), (3, "parent")]
    assert counts(report) == (1, 1, 0, 0, 3)
    assert crm.verify().violations == ()


def test_records_can_be_made_by_the_name_a_row_gives(crm: CRM) -> None:
    """In the same commit, once, since the first row that names them; only for rows that are taken."""
    rows = [
        {"id": "1", "name": "Acme", "owner": "Ana Berg", "at": "2026-03-01"},
        {"id": "2", "name": "Bcme", "owner": "Ana Berg", "at": "2026-02-01"},
        {"id": "3", "name": "", "owner": "Cy", "at": ""},
        {"id": "4", "name": "Dcme", "owner": "x" * 200_000, "at": ""},
    ]
    rows[1]["parent"] = "1"
    report = crm.accounts.load(rows, key="id", create=["owner"], at="at")
    (ana,) = crm.staff.find()

    assert (counts(report), report.created) == ((2, 0, 0, 0, 2), 1)
    assert (ana.name, ana.external) == ("Ana Berg", {"csv": "Ana Berg"})
    assert crm.history(ana)[0].at == datetime(2026, 2, 1, tzinfo=UTC)
    assert crm.history(ana)[0].commit == report.commit
    assert "1 records that rows name were made" in str(report)
    assert counts(crm.accounts.load(rows[:2], key="id", create=["owner"])) == (0, 0, 2, 0, 0)


def test_a_name_that_no_record_may_have_is_told(films: CRM) -> None:
    """With its row; the record is not made."""
    rows = [{"id": "1", "title": "Rain", "studio": "Ealing"}, {"id": "2", "title": "Snow", "studio": "Metro-Goldwyn"}]
    report = films.films.load(rows, key="id", create=["studio"])

    assert (rejected(report), report.created) == ([(2, "studio")], 1)
    assert films.studios.count() == 1


# --- when it was ----------------------------------------------------------------------------------------------------


def test_a_record_came_to_be_when_its_row_says(open_crm: Callable[..., CRM]) -> None:
    """A bare day is its start in the business's zone; without one it is now."""
    crm = open_crm(playbook=Playbook(zone="Europe/Berlin"))
    days = ["2026-01-05", "2026-01-05T12:00Z", datetime(2026, 1, 5, 12, tzinfo=UTC), date(2026, 1, 5), ""]
    rows = [{"id": str(n), "name": "Acme", "made": day} for n, day in enumerate(days)]
    report = crm.accounts.load(rows, key="id", at="made")
    first = [crm.history(crm.accounts.external("csv", str(n)) or "")[0] for n in range(5)]

    noon, start = datetime(2026, 1, 5, 12, tzinfo=UTC), datetime(2026, 1, 4, 23, tzinfo=UTC)
    assert [change.at for change in first] == [start, noon, noon, start, NOW]
    assert {change.recorded_at for change in first} == {NOW}
    assert report.ignored == ()
    assert counts(crm.accounts.load(rows, key="id", at="made")) == (0, 0, 5, 0, 0)


@pytest.mark.parametrize("day", ["2026-11-03", "soon", "2026-01-05T12:00", 5])
def test_a_time_that_has_not_been_is_refused(crm: CRM, day: object) -> None:
    """Or that is none."""
    report = crm.accounts.load([{"id": "1", "name": "Acme", "made": day}], key="id", at="made")

    assert rejected(report) == [(1, "made")]


def test_touchpoints_happened_when_their_rows_say(crm: CRM) -> None:
    """Their act takes the time of its circumstances."""
    ada = crm.contacts.add(name="Ada", external={"csv": "C1"})
    row = {"id": "T1", "record": "C1", "channel": "phone", "when": "2026-01-15T16:35+01:00"}
    assert counts(crm.touchpoints.load([row], key="id", at="when")) == (1, 0, 0, 0, 0)
    (found,) = crm.touchpoints.of(ada)

    assert found.happened_at == datetime(2026, 1, 15, 15, 35, tzinfo=UTC)
    assert rejected(crm.touchpoints.load([{"id": "T2", "record": "C1"}], key="id")) == [(1, "channel")]


def test_a_whole_load_may_be_backdated(crm: CRM, clock: TickingClock) -> None:
    """As every act may; then rows do not say when as well."""
    past = crm.given(at="2026-11-01T09:00Z")
    assert counts(past.accounts.load([{"id": "1", "name": "Acme"}], key="id")) == (1, 0, 0, 0, 0)
    clock.now += timedelta(days=5)
    crm.accounts.load([{"id": "1", "name": "Acme Ltd"}], key="id")
    late = crm.given(at="2026-11-02T09:00Z").accounts
    report = late.load([{"id": "1", "name": "Acme SE", "website": "acme.example"}], key="id")
    acme = crm.accounts.external("csv", "1")

    assert acme is not None
    assert counts(report) == (0, 1, 0, 0, 0)
    assert (acme.name, acme.website) == ("Acme Ltd", "acme.example")
    assert crm.as_of("2026-11-03").accounts.get(acme.id).name == "Acme SE"
    with pytest.raises(Invalid, match="leave one of them out"):
        past.accounts.load([{"id": "2", "name": "x", "made": "2026-01-05"}], key="id", at="made")


# --- merge proposals ------------------------------------------------------------------------------------------------


def test_a_new_record_that_may_be_another_is_kept_and_proposed(crm: CRM) -> None:
    """By its e-mail or phone, whatever their spelling."""
    stored = crm.contacts.add(name="Ada", email="Ada@Engines.example", phones={"work": "+44 (0)20 7946 0123"})
    rows = [
        {"id": "1", "name": "A. Lovelace", "email": " ada@engines.EXAMPLE"},
        {"id": "2", "name": "Ada L.", "phone": "020 7946 0123"},
        {"id": "3", "name": "Bo", "email": "bo@x.example", "phone": "123"},
        {"id": "4", "name": "Bo B.", "emails.home": "BO@x.example", "phone": "123"},
        {"id": "5", "name": "Ada", "email": "ada@engines.example", "phone": "0044 20 79460123"},
    ]
    report = crm.contacts.load(rows, key="id")
    new = {n: one.id for n in "12345" if (one := crm.contacts.external("csv", n)) is not None}

    assert counts(report) == (1, 0, 0, 4, 0)
    assert report.proposals == (
        MergeProposal(1, new["1"], stored.id, "email"),
        MergeProposal(2, new["2"], stored.id, "phone"),
        MergeProposal(4, new["4"], new["3"], "emails.home"),
        MergeProposal(5, new["5"], stored.id, "email"),
    )
    assert f"row 4: {new['4']} has the emails.home of {new['3']}" in str(report)
    assert counts(crm.contacts.load(rows, key="id")) == (0, 0, 5, 0, 0)


def test_leads_and_contacts_may_be_the_same_person(crm: CRM) -> None:
    """Unless the lead has become one already."""
    crm.leads.add(name="Ada", email="ada@engines.example")
    known = crm.contacts.load([{"id": "1", "name": "Ada", "email": "ada@engines.example"}], key="id")
    assert [one.other.partition("_")[0] for one in known.proposals] == ["lead"]

    lead = crm.leads.add(name="Bo", email="bo@x.example")
    crm.leads.convert(crm.leads.qualify(lead), opportunity=False)
    leads = crm.leads.load([{"id": "1", "name": "Bo", "email": "bo@x.example"}], key="id")
    assert [one.other.partition("_")[0] for one in leads.proposals] == ["contact"]


def test_what_a_known_record_becomes_counts_for_later_rows(crm: CRM) -> None:
    """It is proposed as another, and not itself proposed."""
    crm.contacts.load([ADA], key="id")
    rows = [{**ADA, "email": "new@engines.example"}, {"id": "C2", "name": "A", "email": "NEW@engines.example"}]
    report = crm.contacts.load(rows, key="id")

    assert counts(report) == (0, 1, 0, 1, 0)


def test_spellings_are_compared_plainly() -> None:
    """Too few digits tell nobody apart."""
    assert (email("  "), email(" A@B.example ")) == (None, "a@b.example")
    assert (phone("12 34 56"), phone("no")) == (None, None)
    assert phone("+1 212 555 0100") == phone("(212) 555-0100") == "125550100"
    assert phone("555 0100") == "5550100"


# --- how it goes ----------------------------------------------------------------------------------------------------


def test_one_row_that_does_not_fit_may_stop_it_all(crm: CRM) -> None:
    """Every problem is listed, and nothing written."""
    before = end(crm)
    rows = [{"id": "1", "name": "Acme"}, {"id": "2", "name": "", "owner": "nobody"}, {"name": "Ccme"}, 5]
    with pytest.raises(Invalid) as caught:
        crm.accounts.load(rows, key="id", on_error="raise")

    assert [one.path for one in caught.value.problems] == [
        'row 2, column "owner"',
        'row 3, column "id"',
        "row 4",
    ]
    assert end(crm) == before


def test_a_dry_run_tells_the_same_and_writes_nothing(crm: CRM) -> None:
    """Not even the records it would make for names."""
    rows = [{"id": "1", "name": "Acme", "owner": "Ana"}, {"id": "2"}]
    before = end(crm)
    dry = crm.accounts.load(rows, key="id", create=["owner"], dry_run=True)
    assert end(crm) == before

    wet = crm.accounts.load(rows, key="id", create=["owner"])
    assert (counts(dry), dry.rejections, dry.created) == (counts(wet), wet.rejections, wet.created)
    assert (dry.dry_run, dry.commit, wet.dry_run) == (True, None, False)
    assert repr(dry) == "LoadReport(account: 2 rows, 1 kept, 1 rejected, dry run)"
    assert "dry run: nothing was written" in str(dry)


@pytest.mark.parametrize(("rows", "told"), [(0, []), (3, [3]), (500, [500]), (1_001, [500, 1_000, 1_001])])
def test_progress_is_told_now_and_then(rows: int, told: list[int]) -> None:
    """And at the end."""
    seen: list[tuple[int, int]] = []
    CRM().accounts.load(
        [{"id": n, "name": "Acme"} for n in range(rows)], key="id", progress=lambda *so_far: seen.append(so_far)
    )

    assert seen == [(done, rows) for done in told]


def test_somebody_else_may_be_quicker(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load is planned anew: what they added is known, what they changed is read again."""
    acme = crm.accounts.upsert(("csv", "1"), name="Acme")
    meanwhile: list[Callable[[], object]] = [
        lambda: crm.accounts.update(acme.id, website="acme.example"),
        lambda: crm.accounts.upsert(("csv", "2"), name="Bcme"),
    ]
    commit = CRM.commit

    def slow(self: CRM, *arguments: Any, **rest: Any) -> Any:  # noqa: ANN401
        if meanwhile and len(arguments[0]) > 1:
            meanwhile.pop()()
        return commit(self, *arguments, **rest)

    monkeypatch.setattr(CRM, "commit", slow)
    rows = [{"id": "1", "name": "Acme Ltd"}, {"id": "2", "name": "Bcme Ltd"}, {"id": "3", "name": "Ccme"}]
    report = crm.accounts.load(rows, key="id")

    assert counts(report) == (1, 2, 0, 0, 0)
    assert crm.accounts.get(acme.id).website == "acme.example"


def test_it_is_not_tried_for_ever(crm: CRM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody is always quicker."""

    def never(*_: Any, **__: Any) -> None:  # noqa: ANN401
        raise Conflict("account", "account_1", expected=1, found=2)

    monkeypatch.setattr(CRM, "commit", never)
    with pytest.raises(Conflict):
        crm.accounts.load([{"id": "1", "name": "Acme"}], key="id")


def test_a_load_in_a_batch_is_part_of_it(crm: CRM) -> None:
    """And in a what-if it is thrown away."""
    with crm.batch() as batch:
        batch.accounts.load([{"id": "1", "name": "Acme"}], key="id")
        batch.opportunities.load([{"id": "1", "name": "Roof", "account": "1"}], key="id")
    with crm.suppose() as what_if:
        what_if.accounts.load([{"id": "2", "name": "Bcme"}], key="id")
        assert what_if.accounts.count() == 2

    assert (crm.accounts.count(), crm.opportunities.count()) == (1, 1)


def test_a_long_report_is_cut(crm: CRM) -> None:
    """The rest is in the report."""
    report = crm.accounts.load([{"id": str(n), "x" * 200: 1} for n in range(25)], key="id")

    assert "… and 5 more in .rejections" in str(report)
    assert len(str(report).splitlines()[1]) < 100
    assert str(report.rejections[0]) == 'row 1, column "name": got None, expected text; give name'


# --- required custom fields -----------------------------------------------------------------------------------------


def test_what_a_playbook_requires_is_asked_of_each_row(open_crm: Callable[..., CRM]) -> None:
    """Of new records, and where a known one would lose it."""
    needs = {"account": {"region": CustomField("text", required_when=F.source == "fair")}}
    crm = open_crm(playbook=Playbook(custom=needs))
    rows = [
        {"id": "1", "name": "A", "source": "fair", "custom.region": "north"},
        {"id": "2", "name": "B", "source": "fair"},
        {"id": "3", "name": "C", "source": "web"},
    ]
    report = crm.accounts.load(rows, key="id")
    assert rejected(report) == [(2, "custom.region")]
    report = crm.accounts.load([{"id": "3", "source": "fair"}, {"id": "1", "source": "fair"}], key="id")
    assert (counts(report), rejected(report)) == ((0, 0, 1, 0, 1), [(1, "custom.region")])


# --- what can't be loaded at all ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ({"key": "ID"}, 'column "ID"'),
        ({"key": ""}, "key"),
        ({"key": None}, "key"),
        ({"system": 5}, "system"),
        ({"system": "a\x00"}, "system"),
        ({"at": "made"}, 'column "made"'),
        ({"at": 5}, "at"),
        ({"columns": {"email": "mail"}}, 'column "mail"'),
        ({"columns": {"emial": "name"}}, "columns['emial']"),
        ({"columns": {"custom.nothing": "name"}}, "columns['custom.nothing']"),
        ({"columns": {"name.first": "name"}}, "columns['name.first']"),
        ({"columns": {"addresses.home.x": "name"}}, "columns['addresses.home.x']"),
        ({"columns": {"emails.": "name"}}, "columns['emails.']"),
        ({"columns": {"deleted_at": "name"}}, "columns['deleted_at']"),
        ({"columns": {"role.x": "name"}}, "columns['role.x']"),
        ({"columns": ["name"]}, "columns"),
        ({"columns": {"name": 5}}, "columns['name']"),
        ({"columns": {"external.csv": "name"}}, "columns['external.csv']"),
        ({"kinds": ["contact"]}, "kinds"),
        ({"kinds": {"owner": 5}}, "kinds['owner']"),
        ({"kinds": {"owner": "contact"}}, "kinds['owner']"),
        ({"kinds": {"name": "contact"}}, "kinds['name']"),
        ({"progress": "no"}, "progress"),
        ({"create": "account"}, "create"),
        ({"create": 5}, "create"),
        ({"create": ["name"]}, "create"),
        ({"create": ["account"]}, "create"),
        ({"date_format": "%H"}, "date_format"),
        ({"date_format": "%Y %Y"}, "date_format"),
        ({"date_format": 5}, "date_format"),
        ({"on_error": "ignore"}, "on_error"),
    ],
)
def test_a_load_that_makes_no_sense_is_refused(crm: CRM, how: dict[str, Any], path: str) -> None:
    """Before a row is looked at."""
    before = end(crm)
    with pytest.raises(Invalid) as caught:
        crm.contacts.load([{"id": "1", "name": "Ada"}], **{"key": "id", **how})

    assert [one.path for one in caught.value.problems] == [path]
    assert end(crm) == before


@pytest.mark.parametrize("rows", [None, 5, b"rows.csv", {"id": 1}])
def test_rows_are_rows(crm: CRM, rows: Any) -> None:  # noqa: ANN401
    """Or the path of a file."""
    with pytest.raises(Invalid, match="rows, or the path of a file"):
        crm.contacts.load(rows, key="id")


def test_a_row_that_is_none_is_told(crm: CRM, tmp_path: Path) -> None:
    """The others are taken."""
    report = crm.accounts.load([{"id": "1", "name": "A"}, None, ["2"], {5: "x", "id": "4", "name": "D"}], key="id")
    assert (counts(report), rejected(report), report.ignored) == ((2, 0, 0, 0, 2), [(2, None), (3, None)], ("5",))

    file = tmp_path / "accounts.csv"
    file.write_text("id,name\n7,A\n8\n9,C,x\n\n10,D\n")
    report = crm.accounts.load(file, key="id")
    assert (counts(report), rejected(report)) == ((2, 0, 0, 0, 2), [(3, None), (4, None)])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"id,name\n1,\xff\n", "UTF-8"),
        (b'id,name\n1,"Acme\n', "quotes must be closed"),
        (b"", "id"),
        (b"ID;name\n1;x\n", "id"),
        (b"id,name,name\n1,x,y\n", "several such columns"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused(crm: CRM, tmp_path: Path, content: bytes, why: str) -> None:
    """With the reason."""
    file = tmp_path / "accounts.csv"
    file.write_bytes(content)

    with pytest.raises(Invalid, match=why):
        crm.accounts.load(file, key="id")
    for path in (tmp_path / "none.csv", tmp_path, "a\x00b", "\ud800.csv"):
        with pytest.raises(Invalid, match="a file that can be read"):
            crm.accounts.load(path, key="id")


def test_a_view_of_the_past_takes_nothing_in(crm: CRM) -> None:
    """Nor does a key stand for a load, whose rows have keys of their own."""
    with pytest.raises(NotAllowed, match="past"):
        crm.as_of("2026-01-01").accounts.load([], key="id")
    with pytest.raises(NotAllowed, match="rows have keys of their own"):
        crm.given(key="k").accounts.load([], key="id")


# --- kinds of one's own ---------------------------------------------------------------------------------------------


@record("shoot")
class Shoot(Record):
    """A kind whose act takes what is no field."""

    place: str = field()
    days: int = field(by_act=True)
    wrapped: bool = field(default=False, by_act=True)


def plan(context: Context[Any], place: str, *, first: date, last: date, fee: Money | None = None) -> Change[Shoot]:
    """Plan a shoot. It keeps no ids of elsewhere."""
    return context.created(Shoot, "planned", place=place, days=(last - first).days)


def wild(context: Context[Any], **fields: Any) -> Change[Shoot]:  # noqa: ANN401
    """Plan a shoot of any fields."""
    return context.created(Shoot, "planned", **{"days": 1, **fields})


def stray(context: Context[Any], *, place: str, external: Mapping[str, str]) -> Change[Film]:
    """An act that makes another kind."""
    return context.created(Film, "added", title=place, external=external)


class PlainDesk(Desk[Shoot]):
    """Takes fixed arguments."""

    add = act(plan)  # type: ignore[assignment]


class WildDesk(Desk[Shoot]):
    """Takes any fields."""

    add = act(wild)  # type: ignore[assignment]


def idle(context: Context[Any], *, place: str, external: Mapping[str, str]) -> tuple[Change[Shoot], ...]:
    """An act that makes nothing."""
    return ()


class EmptyDesk(Desk[Shoot]):
    """Makes nothing."""

    add = act(idle)  # type: ignore[assignment]


class StrayDesk(Desk[Shoot]):
    """Makes others."""

    add = act(stray)  # type: ignore[assignment]


def shoots(desk: type[KernelDesk[Any]], **cells: object) -> LoadReport:
    """One row about a shoot, at such a desk."""
    crm = CRM(kinds={Shoot: desk, Film: Desk, Studio: Desk})
    report = crm.shoots.load([{"id": "S1", "place": "Rome", **cells}], key="id")
    assert crm.verify().violations == ()
    return report


def test_an_act_of_ones_own_says_what_rows_may_tell() -> None:
    """Arguments, or any field that is not for acts alone."""
    assert counts(shoots(WildDesk)) == (1, 0, 0, 0, 0)
    assert shoots(WildDesk, days="3", wrapped="yes").ignored == ("days", "wrapped")
    assert rejected(shoots(WildDesk, place="")) == [(1, "place")]
    refused = shoots(PlainDesk, first="2026-01-01", last="2026-01-03", fee="5 EUR", days="3")
    assert (rejected(refused), refused.ignored) == ([(1, "external")], ("days",))
    assert "an act that makes a shoot" in only(shoots(StrayDesk)).expected


# --- deals ----------------------------------------------------------------------------------------------------------

DEALS = {"name": "name", "stage": "stage", "status": "status", "opened_at": "opened", "closed_at": "closed"}


def told(crm: CRM, *rows: Mapping[str, object], **how: Any) -> LoadReport:  # noqa: ANN401
    """Rows about deals; what each leaves out is empty."""
    whole = [{"id": str(n), **dict.fromkeys(DEALS.values()), "amount": None, **row} for n, row in enumerate(rows)]
    return crm.opportunities.load(whole, **{"key": "id", "columns": {**DEALS, "amount": "amount"}, **how})


def story(crm: CRM, id: str = "0") -> list[str]:
    """What happened to a deal."""
    found = crm.opportunities.external("csv", id)
    assert found is not None
    return [f"{change.what} {change.at:%m-%d}" for change in crm.opportunities.history(found)]


def test_stages_and_outcomes_become_acts(crm: CRM, clock: TickingClock) -> None:
    """With the days the rows tell."""
    first = {"name": "Roof", "stage": "PROPOSAL", "opened": "2026-01-05", "closed": "2026-12-24"}
    assert counts(told(crm, first, {"status": "open"}, {"stage": "WON", "closed": "2026-03-01"})) == (
        *(3, 0, 0, 0),
        0,
    )
    roof = crm.opportunities.external("csv", "0")
    assert roof is not None
    assert (roof.stage, roof.status, roof.close_on) == ("proposal", "open", date(2026, 12, 24))
    assert (story(crm), story(crm, "1"), story(crm, "2")) == (
        ["imported 01-05"],
        ["imported 11-02"],
        ["imported 03-01", "won 03-01"],
    )
    named = crm.opportunities.external("csv", "1")
    assert (named and named.name, named and named.opened_at) == ("1", None)

    clock.now += timedelta(days=30)
    lost = {"name": "Roof", "status": "lost", "closed": "2026-11-20", "stage": "proposal"}
    assert counts(told(crm, lost)) == (0, 1, 0, 0, 0)
    assert story(crm)[-1] == "lost 11-20"
    assert counts(told(crm, lost)) == (0, 0, 1, 0, 0)
    assert counts(told(crm, {"name": "Roof", "stage": "needs analysis"})) == (0, 1, 0, 0, 0)
    assert story(crm)[-1] == "reopened 12-02"


def test_why_a_deal_was_lost_may_be_told(crm: CRM) -> None:
    """And be corrected; without it, nobody recorded it."""
    columns = {**DEALS, "lost_reason": "why", "lost_note": "note"}
    row = {"status": "lost", "closed": "2026-03-01", "why": "price", "note": None}
    rows = [row, {**row, "why": None}, {**row, "why": "weather"}]
    report = told(crm, *rows, columns=columns)
    assert rejected(report) == [(3, "why")]
    found = [crm.opportunities.external("csv", id) for id in "01"]
    assert [(one and one.lost_reason, one and one.lost_note) for one in found] == [
        ("price", None),
        ("other", "not recorded"),
    ]
    assert counts(told(crm, {**row, "why": "timing", "note": "too late"}, columns=columns)) == (0, 1, 0, 0, 0)
    assert story(crm)[-1] == "amended 11-02"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"stage": "lunch"}, "stage"),
        ({"status": "maybe"}, "status"),
        ({"status": "won"}, "closed"),
        ({"status": "lost", "stage": "won", "closed": "2026-03-01"}, "stage"),
        ({"opened": "2027-01-01"}, "opened"),
        ({"status": "won", "closed": "2027-01-01"}, "closed"),
        ({"status": "won", "opened": "2026-03-02", "closed": "2026-03-01"}, "closed"),
        ({"amount": -5}, "amount"),
    ],
)
def test_a_course_that_can_not_be_is_refused(crm: CRM, row: dict[str, object], column: str) -> None:
    """With the column that tells it."""
    assert rejected(told(crm, {"name": "Roof", **row})) == [(1, column)]


def test_a_deal_closed_on_the_day_it_was_opened_at_some_time_is_no_contradiction(crm: CRM) -> None:
    """A bare day may be any time of it."""
    row = {"opened": "2026-03-01T12:00Z", "status": "won", "closed": "2026-03-01"}
    assert counts(told(crm, row)) == (1, 0, 0, 0, 0)
    assert story(crm) == ["imported 03-01", "won 03-01"]


def test_a_deal_stays_in_its_pipeline(open_crm: Callable[..., CRM]) -> None:
    """No act moves it; the words of a row are stages of it."""
    ends = (Stage("Won", kind="won"), Stage("Lost", kind="lost"))
    lines = (Pipeline("new", [Stage("Demo"), *ends]), Pipeline("renewal", [Stage("Call"), *ends]))
    crm = open_crm(playbook=Playbook(sales=SalesRules(pipelines=lines, lost_reasons=("not recorded",))))
    columns = {**DEALS, "pipeline": "line"}
    row = {"line": "renewal", "stage": "call"}
    assert counts(told(crm, row, columns=columns)) == (1, 0, 0, 0, 0)

    assert counts(told(crm, {"line": None, "stage": "Call"}, columns=columns)) == (0, 0, 1, 0, 0)
    assert rejected(told(crm, {"line": "new"}, {"line": "old"}, columns=columns)) == [(1, "line"), (2, "line")]
    lost = {"line": None, "status": "lost", "closed": "2026-11-02"}
    assert counts(told(crm, lost, columns=columns)) == (0, 1, 0, 0, 0)


def test_the_column_that_says_when_a_deal_began_says_when_it_was_opened(crm: CRM) -> None:
    """By either name."""
    row = {"id": "1", "name": "Roof", "made": "2026-01-05", "stage": "proposal"}
    assert counts(crm.opportunities.load([row], key="id", at="made")) == (1, 0, 0, 0, 0)
    deal = crm.opportunities.first()
    assert deal is not None
    assert deal.opened_at == datetime(2026, 1, 5, tzinfo=UTC)


def test_a_deal_may_be_told_of_in_the_past(crm: CRM, clock: TickingClock) -> None:
    """Then what it says was so at that time."""
    told(crm, {"name": "Roof", "stage": "proposal", "opened": "2026-01-05"})
    clock.now += timedelta(days=9)
    crm.opportunities.update(crm.opportunities.first() or "", amount=5)
    past = crm.given(at="2026-11-05T09:00Z")
    assert counts(told(past, {"name": "Roof", "stage": "needs analysis"})) == (0, 1, 0, 0, 0)
    assert story(crm)[1:] == ["advanced 11-05", "updated 11-11"]


# --- references that might be others --------------------------------------------------------------------------------


def test_ids_there_may_be_the_same_in_several_tables(crm: CRM) -> None:
    """Touchpoints of one's own system are no targets of touchpoints, and what is known stays as it is."""
    crm.contacts.load([{"id": n, "name": n} for n in "12"], key="id")
    rows = [{"id": n, "record": n, "channel": "phone"} for n in "12"]
    for _ in range(2):
        report = crm.touchpoints.load(rows, key="id")
    assert counts(report) == (0, 0, 2, 0, 0)
    assert {crm.touchpoints.get(one.id).record.partition("_")[0] for one in crm.touchpoints.find()} == {"contact"}

    crm.leads.load([{"id": n, "name": n} for n in "12"], key="id")
    assert counts(crm.touchpoints.load(rows, key="id")) == (0, 0, 2, 0, 0)
    more = [{"id": "3", "record": "1", "channel": "phone"}]
    assert rejected(crm.touchpoints.load(more, key="id")) == [(1, "record")]
    assert counts(crm.touchpoints.load(more, key="id", kinds={"record": "lead"})) == (1, 0, 0, 0, 0)
    assert counts(crm.touchpoints.load(more, key="id")) == (0, 0, 1, 0, 0)


def test_an_unknown_reference_leads_to_no_row_that_happens_to_have_its_id(crm: CRM) -> None:
    """Unless the field refers to the kind of the rows."""
    crm.contacts.load([{"id": "1", "name": "Ada"}], key="id")
    rows = [{"id": "7", "record": "1", "channel": "phone"}, {"id": "8", "record": "7", "channel": "phone"}]
    report = crm.touchpoints.load(rows, key="id")
    assert (counts(report), rejected(report)) == ((1, 0, 0, 0, 1), [(2, "record")])


def test_a_row_and_a_record_with_the_same_id_are_told_apart(films: CRM) -> None:
    """By nobody: neither is guessed."""
    films.studios.add(name="Ealing", external={"csv": "2"})
    rows = [{"id": "1", "title": "Rain", "by": "2"}, {"id": "2", "title": "Snow", "by": ""}]
    report = films.films.load(rows, key="id", columns={"title": "title", "made_by": "by"})
    assert rejected(report) == [(1, "by")]
    assert "kinds=" in only(report).mend


def test_what_a_record_refers_to_may_be_gone(crm: CRM) -> None:
    """The same file again changes nothing."""
    acme = crm.accounts.upsert(("csv", "A1"), name="Acme")
    rows = [{"id": "1", "name": "Roof", "account": "A1"}, {"id": "2", "name": "Wall", "account": acme.id}]
    crm.opportunities.load(rows, key="id")
    crm.accounts.delete(acme.id)
    assert counts(crm.opportunities.load(rows, key="id")) == (0, 0, 2, 0, 0)


def test_ids_in_parts_and_names_of_members_are_looked_up_too(films: CRM) -> None:
    """As other references are."""
    ealing = films.studios.add(name="Ealing", external={"csv": "S1"})
    row = {"id": "1", "title": "Rain", "scenes": [{"place": "S1"}, {"place": ealing.id}], "cast.S1": "lead"}
    assert counts(films.films.load([row], key="id")) == (1, 0, 0, 0, 0)
    rain = films.films.external("csv", "1")
    assert isinstance(rain, Film)
    assert (rain.scenes, rain.cast) == ((Scene(place=ealing.id), Scene(place=ealing.id)), {ealing.id: "lead"})
    assert counts(films.films.load([row], key="id")) == (0, 0, 1, 0, 0)

    bad = {"id": "2", "title": "Snow", "scenes": [{"place": "S1"}, {"place": "S2"}], "cast": {"S3": "lead"}}
    assert rejected(films.films.load([bad], key="id")) == [(1, "scenes[1].place"), (1, "cast.S3")]
    misread = {"id": "2", "title": "Snow", "scenes": [{"place": "S1"}, {"place": 5}]}
    assert rejected(films.films.load([misread], key="id")) == [(1, "scenes[1].place")]


def test_a_part_may_be_told_field_by_field(films: CRM) -> None:
    """Its references among them; what a row says twice is noted."""
    ealing = films.studios.add(name="Ealing", external={"csv": "S1"})
    row = {"id": "1", "title": "Rain", "opening.place": "S1", "opening.minutes": "3"}
    assert counts(films.films.load([row], key="id")) == (1, 0, 0, 0, 0)
    assert counts(films.films.load([{**row, "opening.minutes": "4", "opening.place": ""}], key="id"))[1] == 1
    rain = films.films.external("csv", "1")
    assert isinstance(rain, Film)
    assert rain.opening == Scene(place=ealing.id, minutes=4)


def test_a_field_is_told_once(crm: CRM) -> None:
    """By the whole mapping or by one of its members."""
    row = {**ADA, "emails": {"work": "a@x.example"}, "emails.work": "b@x.example"}
    assert rejected(crm.contacts.load([row], key="id")) == [(1, "emails.work")]
    assert counts(crm.contacts.load([{**row, "emails.work": "a@x.example"}], key="id")) == (1, 0, 0, 0, 0)


# --- rows that can't be written together ----------------------------------------------------------------------------


def test_a_bad_row_does_not_stop_the_others(crm: CRM) -> None:
    """Affiliations that overlap: the first stays, in a dry run too."""
    crm.contacts.load([{"id": "C1", "name": "Ada"}], key="id")
    crm.accounts.load([{"id": "A1", "name": "Acme"}], key="id")
    days = [("2020-01-01", "2022-01-01"), ("2021-01-01", "2023-01-01"), ("2022-01-01", ""), ("", "2019-01-01")]
    days += [("2018-06-01", "2018-01-01"), ("", "2020-01-02")]
    rows = [
        {"id": str(n), "contact": "C1", "account": "A1", "since": since, "until": until}
        for n, (since, until) in enumerate(days)
    ]
    for dry_run in (True, False):
        report = crm.affiliations.load(rows, key="id", dry_run=dry_run)
        assert (counts(report), rejected(report)) == (
            (3, 0, 0, 0, 3),
            [(2, "account"), (5, "until"), (6, "account")],
        )
    again = crm.affiliations.load(rows, key="id")
    assert (counts(again), rejected(again)) == ((0, 0, 3, 0, 3), rejected(report))


def test_what_a_deal_needs_while_it_is_open_is_asked_of_its_row(open_crm: Callable[..., CRM]) -> None:
    """Though it was won since."""
    needs = {"opportunity": {"region": CustomField("text", required_when=F.status == "open")}}
    crm = open_crm(playbook=Playbook(custom=needs))
    won = {"status": "won", "opened": "2026-01-05", "closed": "2026-03-01"}
    columns = {**DEALS, "amount": "amount", "custom.region": "region"}
    report = told(crm, {**won, "region": None}, {**won, "region": "north"}, columns=columns)
    assert (counts(report), rejected(report)) == ((1, 0, 0, 0, 1), [(1, "region")])


def test_a_record_that_is_made_must_be_possible_too(open_crm: Callable[..., CRM]) -> None:
    """Else the rows that name it are not taken."""
    crm = open_crm(playbook=Playbook(custom={"account": {"region": CustomField("text", required=True)}}))
    rows = [{"id": "1", "name": "Roof", "account": "Acme"}, {"id": "2", "name": "Wall", "account": None}]
    report = crm.opportunities.load(rows, key="id", create=["account"])
    assert (counts(report), rejected(report), report.created) == ((1, 0, 0, 0, 1), [(1, "account")], 0)
    assert "custom.region should be a value, which every account requires" in only(report).expected


def test_a_product_that_is_not_there_is_told_of_its_row(crm: CRM) -> None:
    """And one that is, known by its id elsewhere, is found."""
    lamp = crm.products.add(name="Lamp", external={"csv": "P1"})
    acme = crm.accounts.add(name="Acme")
    rows = [
        {
            "id": product,
            "customer": acme.id,
            "ordered_on": "2026-01-05",
            "amount": 10,
            "lines": [{"product": product, "quantity": 1, "price": 10}],
        }
        for product in ("P1", "P2")
    ]
    report = crm.orders.load(rows, key="id")
    assert (counts(report), rejected(report)) == ((1, 0, 0, 0, 1), [(2, "lines[0].product")])
    (order,) = crm.orders.find()
    assert order.lines[0].product == lamp.id
    priced = {**rows[0], "lines": [{"product": "P1", "quantity": 1, "price": "ten"}]}
    assert rejected(crm.orders.load([priced], key="id")) == [(1, "lines[0].price")]


def test_a_change_of_the_past_may_lack_what_was_known_later(open_crm: Callable[..., CRM], clock: TickingClock) -> None:
    """Or not: it is asked as of any other change."""
    needs = {"account": {"region": CustomField("text", required_when=F.source == "fair")}}
    crm = open_crm(playbook=Playbook(custom=needs))
    crm.accounts.load([{"id": "1", "name": "A"}, {"id": "2", "name": "B"}], key="id")
    clock.now += timedelta(days=5)
    crm.accounts.load([{"id": "1", "source": "web", "custom.region": "north"}], key="id")
    past = crm.given(at="2026-11-03T09:00Z")
    rows = [{"id": "1", "source": "fair"}, {"id": "2", "website": "b.example"}]
    report = past.accounts.load(rows, key="id")
    assert (counts(report), rejected(report)) == ((0, 1, 0, 0, 1), [(1, "custom.region")])


def test_what_a_rejected_row_would_have_given_up_is_not_free(crm: CRM) -> None:
    """Whether it is rejected for its parent, or since another has what it asks for."""
    crm.accounts.load([{"id": n, "name": n, "number": n, "parent": ""} for n in "abcd"], key="id")
    rows = [
        {"id": "a", "number": "A1", "parent": "a"},
        {"id": "b", "number": "a", "parent": ""},
        {"id": "c", "number": "b", "parent": ""},
        {"id": "d", "number": "D1", "parent": ""},
    ]
    report = crm.accounts.load(rows, key="id")
    assert (counts(report), rejected(report)) == ((0, 1, 0, 0, 3), [(1, "parent"), (2, "number"), (3, "number")])


def test_two_records_may_swap(crm: CRM) -> None:
    """A commit gives up before it takes."""
    crm.accounts.load([{"id": n, "name": n, "number": n} for n in "ab"], key="id")
    assert counts(crm.accounts.load([{"id": "a", "number": "b"}, {"id": "b", "number": "a"}], key="id"))[1] == 2


def test_a_chain_that_is_turned_round_is_settled_at_once(crm: CRM) -> None:
    """Though each row that stays as it was makes the next one impossible; and it is quick."""
    rows = [{"id": str(n), "name": str(n), "parent": str(n + 1) if n < 599 else ""} for n in range(600)]
    crm.accounts.load(rows, key="id")
    turned = [{"id": str(n), "parent": str(n - 1)} for n in range(599, 0, -1)]
    assert counts(crm.accounts.load(turned, key="id")) == (0, 0, 0, 0, 599)
    crm.accounts.load([{"id": "top", "name": "top"}], key="id")
    assert counts(crm.accounts.load([*turned, {"id": "0", "parent": "top"}], key="id")) == (0, 600, 0, 0, 0)
    lowest = crm.accounts.external("csv", "599")
    assert lowest is not None
    assert len(crm.accounts.ancestors(lowest)) == 600


def test_a_row_beneath_one_that_is_left_out_is_left_out_too(films: CRM) -> None:
    """And so on."""
    films.films.add(title="Fog", code="X")
    rows = [
        {"id": "3", "title": "Three", "sequel_of": "2", "made_by": "1", "code": ""},
        {"id": "2", "title": "Two", "sequel_of": "1", "code": ""},
        {"id": "1", "title": "One", "sequel_of": "", "code": "X"},
        {"id": "4", "title": "Four", "sequel_of": "", "code": "Y"},
    ]
    report = films.films.load(rows, key="id")
    assert rejected(report) == [(1, "made_by"), (2, "sequel_of"), (3, "code")]
    assert films.films.count() == 2


def test_nothing_is_made_for_rows_that_are_left_out(films: CRM) -> None:
    """However late that turns out; and of the rows that stay it is there since the first."""
    films.films.add(title="Fog", code="X")
    rows = [
        {"id": "1", "title": "One", "studio": "Ealing", "code": "X", "at": "2026-01-01"},
        {"id": "2", "title": "Two", "studio": "Ufa", "code": "Y", "at": "2026-01-02"},
        {"id": "3", "title": "Three", "studio": " UFA", "code": "X", "at": "2026-01-01"},
    ]
    report = films.films.load(rows, key="id", create=["studio"], at="at")
    (ufa,) = films.studios.find()
    assert (rejected(report), report.created, ufa.name) == ([(1, "code"), (3, "code")], 1, "Ufa")
    assert films.history(ufa)[0].at == datetime(2026, 1, 1, 23, tzinfo=UTC)


def test_a_record_that_has_the_name_is_not_made_again(films: CRM) -> None:
    """Capitals and blanks make no difference; of two nobody knows which is meant."""
    ealing = films.studios.add(name="Ealing")
    for _ in range(2):
        films.studios.add(name="Ufa")
    rows = [
        {"id": "1", "title": "One", "studio": " EALING "},
        {"id": "2", "title": "Two", "studio": "ufa"},
        {"id": "3", "title": "Three", "studio": "Toho"},
    ]
    report = films.films.load(rows, key="id", create=["studio"])
    assert (counts(report), rejected(report), report.created) == ((2, 0, 0, 0, 1), [(2, "studio")], 1)
    one = films.films.external("csv", "1")
    assert isinstance(one, Film)
    assert one.studio == ealing.id
    assert counts(films.films.load([rows[0], rows[2]], key="id", create=["studio"])) == (0, 0, 2, 0, 0)


def test_an_objection_to_another_record_stops_the_load_when_no_row_speaks_of_it(
    crm: CRM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written then."""
    objection = Objection(Problem("name", None, "a better one", "give it"), ("account_0",))
    monkeypatch.setattr(CRM, "objections", lambda *_: [objection])
    with pytest.raises(Invalid, match="a better one"):
        crm.accounts.load([{"id": "1", "name": "Acme"}], key="id", dry_run=True)


# --- cells and rows of other libraries ------------------------------------------------------------------------------


def test_data_frames_are_rows(crm: CRM) -> None:
    """With their own numbers, times and ways to say nothing."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    when = [pandas.Timestamp("2026-01-05T12:00Z"), pandas.NaT]
    frame = pandas.DataFrame({"id": [1, 2], "name": ["A", "B"], "at": when, "website": [pandas.NA, float("nan")]})
    assert counts(crm.accounts.load(frame, key="id", at="at")) == (2, 0, 0, 0, 0)
    acme = crm.accounts.external("csv", "1")
    assert acme is not None
    assert crm.history(acme)[0].at == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert acme.website is None
    assert counts(crm.accounts.load(polars.DataFrame({"id": [1, 3], "name": ["A", "C"]}), key="id"))[0] == 1

    class Frame:
        def to_dict(self) -> None: ...

    with pytest.raises(Invalid, match="to_dict"):
        crm.accounts.load(Frame(), key="id")  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers(films: CRM) -> None:
    """As ids, and as values."""
    numpy = pytest.importorskip("numpy")
    row = {"id": numpy.int64(7), "title": "Rain", "seen": numpy.int32(5), "shown_on": numpy.datetime64("2026-01-05")}
    assert counts(films.films.load([row], key="id")) == (1, 0, 0, 0, 0)
    rain = films.films.external("csv", "7")
    assert isinstance(rain, Film)
    assert (rain.seen, rain.shown_on) == (5, date(2026, 1, 5))
    assert rejected(films.films.load([{**row, "id": 8, "seen": numpy.array([1])}], key="id")) == [(1, "seen")]


@pytest.mark.parametrize(
    "id", [10**5000, 10**20, True, 1.5, b"1", ["1"]], ids=["vast", "large", "bool", "float", "bytes", "list"]
)
def test_an_id_that_is_none_is_refused(crm: CRM, id: object) -> None:
    """With its row, and without its value."""
    report = crm.accounts.load([{"id": id, "name": "Acme"}], key="id")
    assert (rejected(report), only(report).value) == ([(1, "id")], "•••")


def test_a_decimal_that_is_no_number_says_nothing(films: CRM) -> None:
    """As NaN does."""
    assert film(films, score=Decimal("NaN")).score is None


def test_a_key_is_not_shown_since_it_may_be_personal(crm: CRM) -> None:
    """Nor what may be the name of somebody in a reference."""
    row = {"who": SECRET, "name": "Ada"}
    gone = crm.contacts.delete(crm.contacts.add(name="Bo", external={"csv": "bo9@x.example"}))
    report = crm.contacts.load([row, row, {"who": "bo9@x.example", "name": "Bo"}], key="who")
    assert [one.value for one in report.rejections] == ["•••", "•••"]
    assert gone.id in report.rejections[1].mend
    deals = crm.opportunities.load([{"id": "1", "name": "Roof", "contact": "ada.lovelace1815"}], key="id")
    assert "1815" not in str(deals)


# --- as it was recorded ---------------------------------------------------------------------------------------------


def test_when_it_was_is_not_told_otherwise(crm: CRM) -> None:
    """Of touchpoints by their field, of others by their first change."""
    ada = crm.contacts.load([{**ADA, "made": "2026-01-05"}], key="id", at="made")
    call = {"id": "T1", "record": "C1", "channel": "phone", "made": "2026-02-05"}
    assert counts(crm.touchpoints.load([call], key="id", at="made")) == counts(ada) == (1, 0, 0, 0, 0)
    for desk, row in ((crm.touchpoints, call), (crm.contacts, {**ADA, "made": "2026-01-05"})):
        assert counts(desk.load([row], key="id", at="made")) == (0, 0, 1, 0, 0)
        report = desk.load([{**row, "made": "2026-03-05"}], key="id", at="made")
        assert (rejected(report), "as it was recorded" in only(report).expected) == ([(1, "made")], True)


def test_what_is_frozen_is_told_by_its_column(crm: CRM) -> None:
    """Of a lead that was converted, and of a touchpoint."""
    crm.leads.load([{"id": "1", "name": "Ada", "company": "Engines"}], key="id")
    lead = crm.leads.external("csv", "1")
    assert lead is not None
    crm.leads.convert(crm.leads.qualify(lead), opportunity=False)
    report = crm.leads.load([{"id": "1", "Name": "Ada L."}], key="id", columns={"name": "Name"})
    assert rejected(report) == [(1, "Name")]


def test_a_playbook_is_not_loaded(crm: CRM) -> None:
    """It is adopted."""
    with pytest.raises(NotAllowed, match="adopt"):
        crm.desk(PlaybookVersion).load([], key="id")


def test_an_act_that_makes_nothing_is_told() -> None:
    """With its row."""
    assert "an act that makes a shoot" in only(shoots(EmptyDesk)).expected


# --- laws -----------------------------------------------------------------------------------------------------------

words = st.sampled_from(["", " ", "Ada", "ada@x.example", "ADA@x.example", "12345678", "a\x00", "\ud800", "C1", "no"])
cells = words | st.none() | st.integers(-3, 3) | st.just(float("nan")) | st.binary(max_size=1)
dirty = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["C1", "C2", "C3", "C4", "", None, 5])},
        optional=dict.fromkeys(["name", "email", "phone", "account", "owner", "emails.work", "since", "junk"], cells),
    )
    | st.integers(0, 1),
    max_size=6,
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], CRM]]:
    """Opens empty CRMs, in memory or in a file."""
    made: list[CRM] = []

    def open_one(stored: bool) -> CRM:
        made.append(CRM(":memory:" if stored else None, clock=TickingClock("2026-11-02T09:00Z", timedelta())))
        return made[-1]

    yield open_one
    for crm in made:
        crm.close()


@pytest.mark.slow
@settings(deadline=None)
@given(files=st.lists(dirty, min_size=1, max_size=3), stored=st.booleans(), create=st.booleans())
def test_every_row_is_accounted_for(
    opened: Callable[[bool], CRM], files: list[list[Any]], stored: bool, create: bool
) -> None:
    """Whatever its dirt; the same rows again change nothing, and the store stays sound."""
    crm = opened(stored)
    crm.accounts.add(name="Acme", external={"csv": "C1"})
    for rows in files:
        named = any(isinstance(row, Mapping) and "owner" in row for row in rows)
        how: dict[str, Any] = {"key": "id", "create": ["owner"] if create and named else []}
        before = crm.contacts.count()
        try:
            dry = crm.contacts.load(rows, dry_run=True, **how)
        except Invalid:
            with pytest.raises(Invalid):
                crm.contacts.load(rows, **how)
            continue
        report = crm.contacts.load(rows, **how)
        again = crm.contacts.load(rows, **how)

        assert counts(report) == counts(dry)
        assert crm.contacts.count() == before + report.kept + report.proposed
        taken = report.rows - report.rejected
        assert counts(again) == (0, 0, taken, 0, report.rejected)
        assert again.rejections == report.rejections
        assert len({one.row for one in report.proposals}) == report.proposed
    assert crm.verify().violations == ()


class Stamp:
    """An instant as pandas has it."""

    def to_pydatetime(self, *, warn: bool) -> datetime:
        """Python's own."""
        return datetime(2026, 1, 5, 12, tzinfo=UTC)


class Frame:
    """A data frame, as far as a load asks."""

    def __init__(self, rows: list[dict[str, Any]] | None) -> None:
        self.rows = rows

    def to_dict(self, how: str) -> list[dict[str, Any]]:
        """Its rows."""
        if self.rows is None:
            raise TypeError(how)
        return self.rows


def test_a_frame_is_its_rows(crm: CRM) -> None:
    """Whoever made it."""
    report = crm.accounts.load(Frame([{"id": "1", "name": "A", "at": Stamp()}]), key="id", at="at")  # type: ignore[arg-type]
    assert report.kept == 1
    with pytest.raises(Invalid, match="to_dict"):
        crm.accounts.load(Frame(None), key="id")  # type: ignore[arg-type]


def test_a_number_without_end_is_refused_at_once(crm: CRM) -> None:
    """However many digits there are before something that is none: they are read once."""
    start = time.process_time()
    report = crm.opportunities.load([{"id": "1", "name": "Roof", "amount": "9" * 50_000 + ",200.50"}], key="id")
    assert len(report.rejections) == 1
    assert time.process_time() - start < 2
