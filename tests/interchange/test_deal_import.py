"""Deals of a file come into a CRM with their history; the same again change nothing, newer ones what differs."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from crmcore import CRM, F, Invalid, Money, Opportunity, Pipeline, Playbook, SalesRules, Stage
from crmcore.interchange.deal_import import DealImport, deals_playbook, import_deals, with_pipeline
from crmcore.interchange.deals import DealColumns, Outcomes
from crmcore.testing import TickingClock

OUTCOMES = Outcomes(won="Won", lost="Lost", open=("Demo", "Proposal"))
PLAYBOOK = deals_playbook(OUTCOMES, currency="USD", zone="UTC")
START = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> TickingClock:
    """The time: at first, 1 June 2026."""
    return TickingClock("2026-06-01T00:00Z", timedelta())


@pytest.fixture(params=["memory", "file"])
def crm(request: pytest.FixtureRequest, clock: TickingClock, tmp_path: Path) -> Iterator[CRM]:
    """An empty CRM that works by the words of the file."""
    with CRM(None if request.param == "memory" else tmp_path / "crm.db", playbook=PLAYBOOK, clock=clock) as crm:
        yield crm


def day(text: str) -> datetime:
    """The start of a day in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


Row = Mapping[str, str]
HEADER = ("id", "stage", "opened", "closed", "amount", "owner", "account", "product")
COLUMNS = DealColumns(**{name: name for name in HEADER})


def deal(id: str = "D1", stage: str = "Demo", **told: object) -> Row:
    """A row: a deal in an open stage, or closed on 1 March 2026."""
    usual = {"opened": "2026-01-05", "closed": "2026-03-01" if stage in ("Won", "Lost") else ""}
    row = {"id": id, "stage": stage, **usual, **told}
    return {name: "" if row.get(name) is None else str(row[name]) for name in HEADER}


def bring(crm: CRM, rows: Sequence[Row], **how: Any) -> DealImport:  # noqa: ANN401 - as import_deals
    """Import a file of these deals."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "deals.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(rows)
        return import_deals(crm, path, COLUMNS, **how)


def known(crm: CRM, id: str = "D1") -> Opportunity:
    """The record of a deal."""
    found = crm.opportunities.external("csv", id)
    assert found is not None
    return found


def story(crm: CRM, id: str = "D1") -> list[tuple[str, str]]:
    """What happened to a deal, and on which day."""
    return [(change.what, f"{change.at:%Y-%m-%d}") for change in crm.opportunities.history(known(crm, id))]


def counts(done: DealImport) -> tuple[int, int, int]:
    """How many deals were new, changed and the same."""
    return done.added, done.changed, done.unchanged


def refused(crm: CRM, *deals: Row) -> str:
    """Why an import is refused; it leaves everything as it was."""
    before = crm.store.last()
    with pytest.raises(Invalid) as caught:
        bring(crm, deals)
    assert crm.store.last() == before
    return str(caught.value)


# --- new deals ------------------------------------------------------------------------------------------------------


def test_a_deal_comes_with_its_history(crm: CRM) -> None:
    """It happened when the file says, and is learnt now."""
    done = bring(crm, [deal(stage="Won", amount=900)])
    changes = crm.opportunities.history(known(crm))

    assert counts(done) == (1, 0, 0)
    assert story(crm) == [("imported", "2026-01-05"), ("won", "2026-03-01")]
    assert {change.recorded_at for change in changes} == {START}
    assert len({change.commit for change in changes}) == 1


@pytest.mark.parametrize(("at", "status"), [("2026-01-04", None), ("2026-01-05", "open"), ("2026-03-01", "lost")])
def test_any_past_day_can_be_asked_for(crm: CRM, at: str, status: str | None) -> None:
    """Before a deal was opened, there is none."""
    bring(crm, [deal(stage="Lost")])
    found = crm.as_of(at).opportunities.first()

    assert (found and found.status) == status


def test_before_the_import_nothing_was_known(crm: CRM) -> None:
    """Although it had happened."""
    bring(crm, [deal()])

    assert crm.as_of("2026-05-01").opportunities.count() == 1
    assert crm.as_of("2026-05-01", known="2026-05-01").opportunities.count() == 0


def test_a_record_holds_what_the_file_says(crm: CRM) -> None:
    """Names are the names of records."""
    told = {"amount": 5, "owner": "Ada", "account": "Acme", "product": "Roof", "closed": "2026-07-01"}
    bring(crm, [deal(stage="Proposal", **told)], source="hubspot")
    found = crm.opportunities.external("hubspot", "D1")

    assert found is not None
    assert (found.name, found.pipeline, found.stage, found.amount) == ("D1", "deals", "Proposal", Money(5, "USD"))
    assert (found.close_on, found.opened_at) == (date(2026, 7, 1), day("2026-01-05"))
    assert crm.accounts.get(found.account or "").name == "Acme"
    assert crm.products.get(found.product or "").name == "Roof"
    assert crm.staff.get(found.owner or "").name == "Ada"


def test_names_that_come_again_are_the_same_record(crm: CRM, clock: TickingClock) -> None:
    """In one file, and in the next; it is there since the first deal that names it."""
    bring(crm, [deal(account="Acme"), deal("D2", account="Acme", opened="2026-01-02")])
    clock.now += timedelta(days=1)
    bring(crm, [deal("D3", account="Acme")])

    (account,) = crm.accounts.find()
    assert crm.opportunities.count(F.account == account.id) == 3
    assert [change.at for change in crm.accounts.history(account)] == [day("2026-01-02")]


def test_a_lost_deal_says_that_the_reason_is_not_recorded(crm: CRM) -> None:
    """Rather than one that somebody made up."""
    bring(crm, [deal(stage="Lost")])

    assert (known(crm).stage, known(crm).lost_reason) == ("Lost", "not recorded")


def test_a_deal_without_dates_is_there_from_the_import_on(crm: CRM) -> None:
    """Or from its closing, when that is known."""
    done = bring(crm, [deal(opened=""), deal("D2", "Won", opened="")])

    assert done.undated == 2
    assert story(crm) == [("imported", "2026-06-01")]
    assert known(crm).opened_at is None
    assert story(crm, "D2") == [("imported", "2026-03-01"), ("won", "2026-03-01")]


def test_what_is_missing_is_counted_and_kept(crm: CRM) -> None:
    """Nothing is dropped."""
    done = bring(crm, [deal(account="Acme"), deal("D2", amount=1), deal("D3", opened="")])

    assert (done.deals, done.without_account, done.without_amount, done.undated) == (3, 2, 2, 1)
    assert crm.opportunities.count() == 3


def test_progress_is_told_now_and_then(crm: CRM) -> None:
    """And at the end."""
    told: list[tuple[int, int]] = []
    bring(crm, [deal(f"D{number}") for number in range(501)], progress=lambda *so_far: told.append(so_far))

    assert told == [(500, 501), (501, 501)]


# --- known deals ----------------------------------------------------------------------------------------------------


def test_the_same_deals_again_change_nothing(crm: CRM, clock: TickingClock) -> None:
    """The log does not grow."""
    deals = [
        deal(owner="Ada"),
        deal("D2", "Won", amount=1),
        deal("D3", "Lost"),
        deal("D4", opened=""),
    ]
    bring(crm, deals)
    before = crm.store.last()
    clock.now += timedelta(days=1)

    assert counts(bring(crm, deals)) == (0, 0, 4)
    assert crm.store.last() == before


def test_an_open_deal_moves_and_is_updated(crm: CRM, clock: TickingClock) -> None:
    """Now, for the file does not say when."""
    bring(crm, [deal(owner="Ada")])
    clock.now += timedelta(days=1)

    done = bring(crm, [deal(stage="Proposal", amount=7, owner="Ben", closed="2026-09-01")])

    assert counts(done) == (0, 1, 0)
    assert story(crm) == [("imported", "2026-01-05"), ("advanced", "2026-06-02"), ("updated", "2026-06-02")]
    assert (known(crm).stage, known(crm).amount) == ("Proposal", Money(7, "USD"))
    assert crm.staff.get(known(crm).owner or "").name == "Ben"
    assert crm.opportunities.history(known(crm))[-1].reason == "import from csv"


@pytest.mark.parametrize("status", ["won", "lost"])
def test_a_deal_closed_meanwhile_was_closed_then(crm: CRM, clock: TickingClock, status: str) -> None:
    """Not when we learnt of it; what the file says was true by then."""
    bring(crm, [deal(closed="2026-09-01")])
    clock.now += timedelta(days=30)

    done = bring(crm, [deal(stage=status.title(), closed="2026-06-15", amount=7)])

    assert counts(done) == (0, 1, 0)
    assert story(crm) == [("imported", "2026-01-05"), ("updated", "2026-06-15"), (status, "2026-06-15")]
    assert (known(crm).status, known(crm).closed_at, known(crm).amount) == (status, day("2026-06-15"), Money(7, "USD"))
    assert crm.as_of("2026-06-14").opportunities.get(known(crm).id).status == "open"


def test_a_deal_may_have_closed_before_it_was_imported_as_open(crm: CRM, clock: TickingClock) -> None:
    """The first file was old."""
    bring(crm, [deal()])
    clock.now += timedelta(days=1)
    bring(crm, [deal(stage="Won", closed="2026-04-01")])

    assert crm.as_of("2026-04-02").opportunities.get(known(crm).id).status == "won"
    assert crm.verify().violations == ()


def test_a_deal_may_have_closed_before_it_moved_on(crm: CRM, clock: TickingClock) -> None:
    """Closings are often dated back: it is closed right after its last move, and when it closed is kept."""
    bring(crm, [deal()])
    clock.now += timedelta(days=1)
    crm.opportunities.advance(known(crm), to="Proposal")
    clock.now += timedelta(days=1)
    crm.opportunities.update(known(crm), name="Roof")
    bring(crm, [deal(stage="Won")])

    assert story(crm)[1:] == [("advanced", "2026-06-02"), ("won", "2026-06-02"), ("updated", "2026-06-03")]
    assert (known(crm).closed_at, known(crm).name) == (day("2026-03-01"), "Roof")


def test_a_closed_deal_is_reopened(crm: CRM, clock: TickingClock) -> None:
    """In the stage the file says; that it was closed is not forgotten."""
    bring(crm, [deal(stage="Lost")])
    clock.now += timedelta(days=1)
    bring(crm, [deal(stage="Proposal", account="Acme")])

    assert story(crm)[-2:] == [("reopened", "2026-06-02"), ("updated", "2026-06-02")]
    assert (known(crm).status, known(crm).stage, known(crm).closed_at) == ("open", "Proposal", None)
    assert crm.as_of("2026-06-01").opportunities.get(known(crm).id).status == "lost"


def test_the_amount_of_a_closed_deal_is_amended(crm: CRM, clock: TickingClock) -> None:
    """With the reason that the file says so."""
    bring(crm, [deal(stage="Won", amount=7)])
    clock.now += timedelta(days=1)
    bring(crm, [deal(stage="Won", amount=8, owner="Ada")])

    assert story(crm)[-2:] == [("amended", "2026-06-02"), ("updated", "2026-06-02")]
    assert known(crm).amount == Money(8, "USD")


def test_what_a_file_does_not_say_stays(crm: CRM, clock: TickingClock) -> None:
    """An empty cell takes nothing away."""
    told = {"amount": 7, "owner": "Ada", "account": "Acme", "closed": "2026-09-01"}
    bring(crm, [deal(**told)])
    before = known(crm)
    clock.now += timedelta(days=1)

    assert counts(bring(crm, [deal(opened="")])) == (0, 0, 1)
    assert known(crm) == before


def test_a_deal_is_dated_once_the_file_says_when_it_was_opened(crm: CRM, clock: TickingClock) -> None:
    """It is there since the import, and from then on we know."""
    bring(crm, [deal(opened="")])
    clock.now += timedelta(days=10)
    bring(crm, [deal(stage="Proposal", opened="2026-05-20")])

    assert story(crm) == [("imported", "2026-06-01"), ("dated", "2026-06-01"), ("advanced", "2026-06-11")]
    assert known(crm).opened_at == day("2026-05-20")
    assert crm.as_of("2026-05-31").opportunities.count() == 0
    assert crm.as_of("2026-06-02").opportunities.get(known(crm).id).opened_at == day("2026-05-20")


def test_a_deal_is_not_dated_before_it_was_opened(crm: CRM, clock: TickingClock) -> None:
    """When that was after the import."""
    bring(crm, [deal(opened="")])
    clock.now += timedelta(days=10)
    bring(crm, [deal(opened="2026-06-05")])

    assert story(crm) == [("imported", "2026-06-01"), ("dated", "2026-06-05")]


def test_an_undated_deal_may_have_closed_before_the_import(crm: CRM, clock: TickingClock) -> None:
    """Its record begins closed; when it closed is kept."""
    bring(crm, [deal(opened="")])
    clock.now += timedelta(days=10)
    closed = deal(stage="Won", opened="2026-02-01", closed="2026-05-20", amount=7)
    bring(crm, [closed])
    found = known(crm)

    assert {at for _, at in story(crm)} == {"2026-06-01"}
    assert (found.status, found.opened_at, found.closed_at) == ("won", day("2026-02-01"), day("2026-05-20"))
    assert counts(bring(crm, [closed])) == (0, 0, 1)
    assert crm.verify().violations == ()


def test_a_reopened_deal_may_turn_out_to_be_closed_all_along(crm: CRM, clock: TickingClock) -> None:
    """It is closed again from when we took it to be open; when it closed is kept."""
    for stage in ("Won", "Demo", "Won"):
        bring(crm, [deal(stage=stage)])
        clock.now += timedelta(days=10)

    assert story(crm)[1:] == [("won", "2026-03-01"), ("reopened", "2026-06-11"), ("won", "2026-06-11")]
    assert known(crm).closed_at == day("2026-03-01")


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "wrong"),
    [
        (deal(), deal(opened="2026-01-06"), "column \"opened\": got '2026-01-06 00:00:00+00:00', expected 2026-01-05"),
        (deal(stage="Won"), deal(stage="Lost"), "column \"stage\": got 'lost', expected won as it was recorded"),
        (deal(stage="Won"), deal(stage="Won", closed="2026-03-02"), 'column "closed": got \'2026-03-02'),
        (
            deal(stage="Won"),
            deal(stage="Won", product="Roof"),
            'column "product": got ',
        ),
    ],
    ids=["opened", "outcome", "closed", "frozen"],
)
def test_the_past_is_not_rewritten(crm: CRM, clock: TickingClock, before: Row, now: Row, wrong: str) -> None:
    """Every such row is named, and nothing of the file is taken."""
    bring(crm, [before])
    clock.now += timedelta(days=1)
    message = refused(crm, deal("D2", account="New"), now)

    assert message.startswith(f"row 3, {wrong}")
    assert crm.accounts.count() == 0


def test_every_row_that_can_not_be_is_named_at_once(crm: CRM, clock: TickingClock) -> None:
    """With all that is wrong with it; the same with many of them is told once."""
    bring(crm, [deal(stage="Won"), *(deal(f"D{number}") for number in range(2, 9))])
    clock.now += timedelta(days=1)
    later = [deal(f"D{number}", opened="2026-01-06") for number in range(2, 9)]
    message = refused(crm, deal(stage="Lost", opened="2026-01-01"), *later)

    assert "3 problems" in message
    assert all(path in message for path in ('row 2, column "opened"', 'row 2, column "stage"'))
    assert 'rows 3, 4, 5, 6, 7 and 2 more, column "opened": got' in message


def test_a_playbook_may_refuse_a_deal(clock: TickingClock) -> None:
    """Its own conditions hold for imported deals too."""
    stages = [Stage("Demo", exit_criteria=(F.amount.is_set,)), Stage("Won", kind="won"), Stage("Lost", kind="lost")]
    rules = SalesRules(pipelines=(Pipeline("deals", stages),), lost_reasons=("not recorded",))
    crm = CRM(playbook=Playbook(sales=rules), clock=clock)

    assert "row 2, column \"exit criterion of Demo\": got 'Demo'" in refused(crm, deal(stage="Won"))


def test_a_pipeline_must_be_there(crm: CRM) -> None:
    """It is named once, not with every deal."""
    with pytest.raises(Invalid, match=r"^pipeline: got 'renewals', expected one of deals"):
        bring(crm, [deal(), deal("D2")], pipeline="renewals")


# --- playbooks ------------------------------------------------------------------------------------------------------

OWN = Playbook(currency="EUR", zone="Europe/Berlin")


def line(name: str, *stages: Stage) -> Pipeline:
    """A pipeline."""
    return Pipeline(name, [*stages, Stage("Won", kind="won"), Stage("Lost", kind="lost")])


def with_lines(*lines: Pipeline) -> Playbook:
    """A playbook with these pipelines."""
    return Playbook(sales=SalesRules(pipelines=lines))


def test_the_words_of_a_file_are_the_stages_of_one_pipeline() -> None:
    """Open, won and lost, in this order."""
    (only,) = PLAYBOOK.sales.pipelines

    assert [(stage.name, stage.kind) for stage in only.stages] == [
        ("Demo", "open"),
        ("Proposal", "open"),
        ("Won", "won"),
        ("Lost", "lost"),
    ]


def test_an_existing_playbook_keeps_all_it_had(clock: TickingClock) -> None:
    """The file's pipeline is added, and is not the default."""
    crm = CRM(playbook=OWN, clock=clock)
    own = crm.opportunities.add(name="Own", amount=5)
    clock.now += timedelta(days=1)
    bring(crm, [deal(stage="Lost")], pipeline="deals", playbook=with_pipeline(crm.playbook, PLAYBOOK))

    assert [pipeline.name for pipeline in crm.playbook.sales.pipelines] == ["new business", "deals"]
    assert (crm.playbook.currency, crm.playbook.zone) == ("EUR", "Europe/Berlin")
    assert set(OWN.sales.lost_reasons) < set(crm.playbook.sales.lost_reasons)
    assert crm.opportunities.advance(own, to="needs analysis").stage == "needs analysis"
    assert known(crm).pipeline == "deals"


def test_a_pipeline_that_has_every_stage_stays_as_it_is() -> None:
    """With its probabilities, its order and its other stages."""
    stages = (Stage("Proposal", probability="0.5"), Stage("Call"), Stage("Demo", probability="0.2"))
    own = with_lines(line("new", Stage("Lead")), line("deals", *stages))

    assert with_pipeline(own, PLAYBOOK).sales.pipelines == own.sales.pipelines
    assert with_pipeline(PLAYBOOK, PLAYBOOK) == PLAYBOOK


def test_a_pipeline_that_lacks_a_stage_keeps_those_it_has() -> None:
    """In the file's order, its own last of their kind."""
    own = with_lines(line("deals", Stage("Call"), Stage("Proposal", probability="0.5"), Stage("Signed", kind="won")))
    (joined,) = with_pipeline(own, PLAYBOOK).sales.pipelines

    assert [stage.name for stage in joined.stages] == ["Demo", "Proposal", "Call", "Won", "Signed", "Lost"]
    assert joined.stage("Proposal").probability == Decimal("0.5")


def test_a_stage_that_deals_are_in_can_not_become_another(clock: TickingClock) -> None:
    """The new playbook is refused, and nothing is written."""
    crm = CRM(playbook=with_lines(line("deals", Stage("DEMO"))), clock=clock)
    crm.opportunities.add(name="Own")
    clock.now += timedelta(days=1)
    before = crm.store.last()

    with pytest.raises(Invalid, match=r"deals\.DEMO: got '1 open deals'"):
        bring(crm, [deal()], playbook=with_pipeline(crm.playbook, PLAYBOOK))
    assert crm.store.last() == before


def test_a_playbook_is_not_adopted_when_a_deal_is_refused(crm: CRM, clock: TickingClock) -> None:
    """Everything or nothing."""
    bring(crm, [deal()])
    clock.now += timedelta(days=1)
    before = crm.store.last()
    larger = deals_playbook(Outcomes(won="Won", lost="Lost", open=("Demo", "Trial")), currency="USD", zone="UTC")

    with pytest.raises(Invalid):
        bring(
            crm,
            [deal(opened="2026-01-06"), deal("D2", stage="Trial")],
            playbook=with_pipeline(crm.playbook, larger),
        )
    assert crm.store.last() == before
    assert crm.playbook == PLAYBOOK


# --- laws -----------------------------------------------------------------------------------------------------------

days = st.none() | st.dates(day("2025-01-01").date(), day("2026-05-31").date())


@st.composite
def deals(draw: st.DrawFn) -> list[Row]:
    """Some deals as one file may tell of them."""
    found = []
    for id in draw(st.lists(st.sampled_from(["D1", "D2", "D3"]), unique=True)):
        stage = draw(st.sampled_from(["Demo", "Proposal", "won", "LOST"]))
        first, last = sorted([draw(days) or date(2025, 6, 1), draw(days) or date(2025, 6, 1)])
        found.append(
            deal(
                id,
                stage,
                opened=draw(st.sampled_from(["", first])),
                closed=last if stage in ("won", "LOST") else "",
                amount=draw(st.none() | st.integers(0, 9)),
                account=draw(st.sampled_from([None, "Acme", "Bolt"])),
                owner=draw(st.sampled_from([None, "Ada"])),
            )
        )
    return found


@settings(max_examples=60)
@given(st.lists(deals(), max_size=4))
def test_after_an_import_the_crm_says_what_the_file_says(files: list[list[Row]]) -> None:
    """Or the whole file was refused; the same again changes nothing, and the store stays sound."""
    clock = TickingClock(START, timedelta())
    with CRM(playbook=PLAYBOOK, clock=clock) as crm:
        for file in files:
            clock.now += timedelta(days=1)
            before = crm.store.last()
            try:
                bring(crm, file)
            except Invalid:
                assert crm.store.last() == before
                continue
            for told in file:
                found = known(crm, told["id"])
                assert found.stage.casefold() == told["stage"].casefold()
                assert found.closed_at == (day(told["closed"]) if told["closed"] else None)
                assert told["opened"] in ("", f"{found.opened_at:%Y-%m-%d}" if found.opened_at else None)
                assert not told["amount"] or found.amount == Money(told["amount"], "USD")
            after = crm.store.last()
            assert counts(bring(crm, file)) == (0, 0, len(file))
            assert crm.store.last() == after
        assert crm.verify().violations == ()
