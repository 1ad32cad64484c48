"""The figures of a CRM: drawn from the store as of any day, and handed to the analytics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crmcore import (
    CRM,
    Invalid,
    MixedCurrency,
    Money,
    NotFound,
    Opportunity,
    Pipeline,
    Playbook,
    SalesRules,
    Stage,
)
from crmcore.analytics import PipelineReport
from crmcore.kernel.calendar import FiscalYear
from crmcore.kernel.rates import Rate, Rates
from crmcore.testing import TickingClock

CLOSED = [Stage("signed", kind="won"), Stage("gone", kind="lost")]
NEW = Pipeline("new", [Stage("demo", probability="0.25"), Stage("offer", probability="0.5"), *CLOSED])
RENEWALS = Pipeline("renewals", [Stage("due"), *CLOSED])
RULES = SalesRules(pipelines=(NEW, RENEWALS), lost_reasons=("price",))
RATES = Rates([Rate("USD", "EUR", "2026-01-01", "0.9"), Rate("USD", "EUR", "2026-03-01", "0.8")])


@pytest.fixture
def clock() -> TickingClock:
    """The time: at first, 1 June 2026."""
    return TickingClock("2026-06-01T00:00Z", timedelta())


@pytest.fixture(params=["memory", "file"])
def crm(request: pytest.FixtureRequest, clock: TickingClock, tmp_path: Path) -> Iterator[CRM]:
    """An empty CRM with two pipelines, in euros."""
    store = None if request.param == "memory" else tmp_path / "crm.db"
    with CRM(store, playbook=Playbook(currency="EUR", sales=RULES), clock=clock) as crm:
        yield crm


def euros(amount: str | int) -> Money:
    """An amount in euros."""
    return Money(amount, "EUR")


def deal(crm: CRM, opened: str, **fields: object) -> Opportunity:
    """A deal opened on a day."""
    return crm.given(at=opened).opportunities.add(**{"name": "deal", "amount": 100} | fields)


def win(crm: CRM, record: Opportunity, closed: str) -> Opportunity:
    """The deal, won on a day."""
    return crm.given(at=closed).opportunities.win(record)


def lose(crm: CRM, record: Opportunity, closed: str) -> Opportunity:
    """The deal, lost on a day."""
    return crm.given(at=closed).opportunities.lose(record, reason="price")


def counts(report: PipelineReport) -> tuple[int, int, int]:
    """How many deals are open, won and lost."""
    return report.open, report.won, report.lost


# --- now, and as of any day -----------------------------------------------------------------------------------------


def test_an_empty_crm_has_an_empty_pipeline(crm: CRM) -> None:
    """Counts are 0, rates are unknown."""
    report = crm.analytics.pipeline()

    assert (report.deals, report.win_rate, report.velocity, report.open_value) == (0, None, None, euros(0))


def test_the_pipeline_of_today(crm: CRM) -> None:
    """What is open, what was won, how fast; the closing stages may have any name."""
    win(crm, deal(crm, "2026-01-01", amount=300), "2026-01-31")
    lose(crm, deal(crm, "2026-01-01"), "2026-02-01")
    deal(crm, "2026-03-01", stage="offer")
    deal(crm, "2026-03-01", amount=None)
    report = crm.analytics.pipeline()

    assert counts(report) == (2, 1, 1)
    assert (report.win_rate, report.won_value, report.velocity) == (0.5, euros(300), euros(10))
    assert report.won_cycle_days is not None
    assert report.won_cycle_days.mean == 30
    assert (report.open_value, report.weighted_open_value, report.unvalued) == (euros(100), euros(50), 1)
    assert report.at == datetime(2026, 6, 1, tzinfo=UTC)


def test_the_pipeline_as_it_was(crm: CRM) -> None:
    """Deals closed later were open, deals opened later were not there."""
    win(crm, deal(crm, "2026-01-01"), "2026-01-31")
    deal(crm, "2026-03-01")

    assert [counts(crm.as_of(at).analytics.pipeline()) for at in ("2025-12-31", "2026-01-30", "2026-01-31")] == [
        (0, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
    ]
    assert crm.as_of("2026-01-30").analytics.pipeline().made.local == datetime(
        2026, 1, 30, 23, 59, 59, 999999, tzinfo=UTC
    )


def test_the_pipeline_as_it_was_known(crm: CRM, clock: TickingClock) -> None:
    """What was recorded later was not known, whenever it happened."""
    record = deal(crm, "2026-01-01")
    clock.now += timedelta(days=1)
    win(crm, record, "2026-02-01")

    assert counts(crm.as_of("2026-03-01").analytics.pipeline()) == (0, 1, 0)
    assert counts(crm.as_of("2026-03-01", known="2026-06-01").analytics.pipeline()) == (1, 0, 0)
    assert counts(crm.as_of(known="2026-06-01").analytics.pipeline()) == (1, 0, 0)


def test_deleted_deals_count_nowhere(crm: CRM) -> None:
    """Until the day they were deleted."""
    record = deal(crm, "2026-01-01")
    crm.opportunities.delete(record)

    assert crm.analytics.pipeline().deals == 0
    assert crm.as_of("2026-05-01").analytics.pipeline().deals == 1


# --- groups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("by", "plural"), [("owner", "staff"), ("account", "accounts"), ("product", "products")])
def test_figures_for_each(crm: CRM, by: str, plural: str) -> None:
    """By name, the nameless last."""
    for name, amount in [("Bolt", 1), ("Acme", 2), ("Acme, again", 3)]:
        record = getattr(crm, plural).add(name=name)
        deal(crm, "2026-01-01", amount=amount, **{by: record.id})
    deal(crm, "2026-01-01", amount=4)
    report = crm.analytics.pipeline(by=by)

    assert {key: group.open_value for key, group in report.groups.items()} == {
        "Acme": euros(2),
        "Acme, again": euros(3),
        "Bolt": euros(1),
        None: euros(4),
    }
    assert list(report.groups)[-1] is None
    assert report.by == by


def test_namesakes_are_told_apart(crm: CRM) -> None:
    """By their ids."""
    one, other = (crm.staff.add(name="Ada") for _ in range(2))
    for record in (one, other, crm.staff.add(name="Ben")):
        deal(crm, "2026-01-01", owner=record.id)

    assert set(crm.analytics.pipeline(by="owner").groups) == {f"Ada ({one.id})", f"Ada ({other.id})", "Ben"}


def test_deals_without_an_account_are_counted(crm: CRM) -> None:
    """They are in every figure."""
    deal(crm, "2026-01-01", account=crm.accounts.add(name="Acme").id)
    deal(crm, "2026-01-01")

    assert (crm.analytics.pipeline().no_account, crm.analytics.pipeline().deals) == (1, 2)


def test_a_group_that_is_none_is_refused(crm: CRM) -> None:
    """The message names the column."""
    with pytest.raises(Invalid, match="region"):
        crm.analytics.pipeline(by="region")


# --- pipelines, periods, currencies ---------------------------------------------------------------------------------


def test_each_pipeline_is_reported_by_itself(crm: CRM) -> None:
    """The first one, unless another is named."""
    deal(crm, "2026-01-01")
    deal(crm, "2026-01-01", pipeline="renewals", amount=7)

    assert (crm.analytics.pipeline().open_value, crm.analytics.pipeline().deals) == (euros(100), 1)
    assert crm.analytics.pipeline(pipeline="renewals").open_value == euros(7)
    assert list(crm.analytics.pipeline(pipeline="renewals").reached) == ["due", "won"]
    with pytest.raises(Invalid, match="one of new, renewals"):
        crm.analytics.pipeline(pipeline="upsell")


def test_a_period_restricts_what_was_closed(crm: CRM) -> None:
    """The open deals are those of the as-of, whenever they were opened."""
    win(crm, deal(crm, "2026-01-01"), "2026-03-31")
    lose(crm, deal(crm, "2026-01-01"), "2026-04-01")
    deal(crm, "2026-01-01")

    assert counts(crm.analytics.pipeline(period="2026-Q1")) == (1, 1, 0)
    assert counts(crm.analytics.pipeline(period="2026-Q2")) == (1, 0, 1)
    with pytest.raises(Invalid, match="the name of a period"):
        crm.analytics.pipeline(period="Q1")


def test_a_fiscal_period_is_the_playbooks(clock: TickingClock) -> None:
    """In its zone, too."""
    playbook = Playbook(zone="Europe/Berlin", fiscal_year=FiscalYear(starts=4), sales=RULES)
    with CRM(playbook=playbook, clock=clock) as crm:
        win(crm, deal(crm, "2026-01-01"), "2026-03-31T21:59Z")
        win(crm, deal(crm, "2026-01-01"), "2026-03-31T22:00Z")
        last, first = (crm.analytics.pipeline(period=period) for period in ("FY2026", "FY2027-Q1"))

    assert (last.won, first.won) == (1, 1)
    assert first.period is not None
    assert first.period.start == datetime(2026, 3, 31, 22, tzinfo=UTC)


def test_currencies_do_not_mix(crm: CRM) -> None:
    """Unless the playbook has rates; then closed deals are worth what they were, open ones what they are."""
    win(crm, deal(crm, "2026-01-01", amount=Money(100, "USD")), "2026-02-01")
    deal(crm, "2026-01-01", amount=Money(100, "USD"))
    deal(crm, "2026-01-01", amount=Money(1, "EUR"))

    with pytest.raises(MixedCurrency):
        crm.analytics.pipeline()
    crm.adopt(Playbook(currency="EUR", sales=RULES, rates=RATES))
    report = crm.analytics.pipeline()

    assert (report.won_value, report.open_value) == (euros(90), euros(81))
    assert crm.analytics.pipeline(currency="USD").open_value == Money("101.25", "USD")


def test_a_currency_must_be_one(crm: CRM) -> None:
    """Of ISO 4217."""
    with pytest.raises(Invalid, match="XXQ"):
        crm.analytics.pipeline(currency="XXQ")


# --- stages ---------------------------------------------------------------------------------------------------------


def test_stage_history_becomes_time_in_stage(crm: CRM) -> None:
    """Each deal's stays, up to the as-of; a lost deal has reached what its history shows."""
    won = deal(crm, "2026-01-01")
    crm.given(at="2026-01-11").opportunities.advance(won.id, to="offer")
    win(crm, crm.opportunities.get(won.id), "2026-01-15")
    lose(crm, deal(crm, "2026-01-01"), "2026-01-05")
    report = crm.as_of("2026-02-01").analytics.pipeline()
    demo, offer = report.time_in_stage

    assert report.reached == {"demo": 2, "offer": 1, "won": 1}
    assert (demo.stage, demo.mean_days, demo.n) == ("demo", 7, 2)
    assert (offer.stage, offer.mean_days, offer.n) == ("offer", 4, 1)
    assert [time.n for time in crm.as_of("2026-01-12").analytics.pipeline().time_in_stage] == [2, 0]


def test_imported_deals_have_no_stage_history(crm: CRM) -> None:
    """The report says how many."""
    crm.opportunities.import_deal(name="theirs", stage="offer")
    report = crm.analytics.pipeline()

    assert report.cohort is not None
    assert (report.cohort.without_history, report.time_in_stage) == (1, ())


def test_stages_that_were_taken_away_are_left_out(crm: CRM, clock: TickingClock) -> None:
    """The past is read by the playbook that was in force."""
    record = deal(crm, "2026-05-01")
    crm.given(at="2026-05-11").opportunities.advance(record.id, to="offer")
    clock.now += timedelta(days=10)
    fewer = Pipeline("new", [Stage("call"), NEW.stage("offer"), *CLOSED])
    crm.adopt(Playbook(currency="EUR", sales=SalesRules(pipelines=(fewer, RENEWALS))))
    now, then = (view.analytics.pipeline() for view in (crm, crm.as_of("2026-06-05")))

    assert [(time.stage, time.n) for time in now.time_in_stage] == [("call", 0), ("offer", 0)]
    assert [(time.stage, time.n) for time in then.time_in_stage] == [("demo", 1), ("offer", 0)]


def test_deals_dated_back_to_before_their_pipeline(crm: CRM, clock: TickingClock) -> None:
    """Are read by the playbook that knows it, and its stages."""
    deal(crm, "2026-05-01")
    clock.now += timedelta(days=1)
    upsell = Pipeline("upsell", [Stage("idea"), *CLOSED])
    more = Pipeline("new", [*NEW.stages[:2], Stage("trial"), *CLOSED])
    crm.adopt(Playbook(currency="EUR", sales=SalesRules(pipelines=(more, upsell))))
    deal(crm, "2026-02-01", pipeline="upsell")
    deal(crm, "2026-02-01", stage="trial")
    then = crm.as_of("2026-03-01").analytics

    assert list(then.pipeline(pipeline="upsell").reached) == ["idea", "won"]
    assert then.pipeline(pipeline="upsell").open == 1
    assert list(then.pipeline().reached) == ["demo", "offer", "trial", "won"]


def test_names_are_found_for_deleted_records_too(crm: CRM) -> None:
    """A deal does not lose its account with it."""
    account = crm.accounts.add(name="Acme")
    deal(crm, "2026-01-01", account=account.id)
    crm.accounts.delete(account)

    assert list(crm.analytics.pipeline(by="account").groups) == ["Acme"]
    with pytest.raises(NotFound):
        crm.accounts.get(account.id)


def test_deals_of_other_pipelines_are_counted(open_crm: Callable[..., CRM]) -> None:
    """The report says what it leaves out."""
    ends = (Stage("won", kind="won"), Stage("lost", kind="lost"))
    lines = [Pipeline("new", [Stage("demo"), *ends]), Pipeline("renewals", [Stage("offered"), *ends])]
    crm = open_crm(playbook=Playbook(sales=SalesRules(pipelines=lines)))
    crm.opportunities.add(name="Roof")
    crm.opportunities.add(name="Roof again", pipeline="renewals")

    assert crm.analytics.pipeline().made.exclusions == {"deals in other pipelines": 1}
    assert "1 deals in other pipelines" in str(crm.analytics.pipeline(pipeline="renewals"))
