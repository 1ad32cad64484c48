"""Stages: who reached which, from a stage history or without one, and how long deals stay."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from crmcore.analytics import PipelineReport, StageOrder, pipeline
from crmcore.kernel.errors import Invalid

STAGES = ["lead", "demo", "offer"]
DEALS = [
    {"id": 1, "status": "won", "opened_at": "2026-01-01", "closed_at": "2026-01-31"},
    {"id": 2, "status": "lost", "opened_at": "2026-01-01", "closed_at": "2026-02-10"},
    {"id": 3, "status": "open", "opened_at": "2026-02-01", "stage": "Offer"},
    {"id": 4, "status": "open", "opened_at": "2026-02-05", "stage": "lead"},
    {"id": 5, "status": "lost", "opened_at": "2026-02-06", "closed_at": "2026-02-07"},
]
VISITS = [
    {"deal": 1, "stage": "lead", "entered_at": "2026-01-01", "left_at": "2026-01-05"},
    {"deal": 1, "stage": "offer", "entered_at": "2026-01-05"},  # demo was skipped; it ends with the deal
    {"deal": 2, "stage": "lead", "entered_at": "2026-01-01"},
    {"deal": 2, "stage": "demo", "entered_at": "2026-01-11"},
    {"deal": 2, "stage": "lead", "entered_at": "2026-01-13"},  # back again
    {"deal": 2, "stage": "lost", "entered_at": "2026-02-10"},
    {"deal": 3, "stage": "lead", "entered_at": "2026-02-01"},
    {"deal": 3, "stage": "demo", "entered_at": "2026-02-03"},
    {"deal": 9, "stage": "demo", "entered_at": "2026-02-03"},  # of a deal that is not in the table
]


def reached(report: PipelineReport) -> list[int]:
    """How many reached each stage, and won."""
    return list(report.reached.values())


def test_who_reached_a_stage_reached_all_before_it() -> None:
    """Lost deals stay in what they reached: that is where they were lost."""
    report = pipeline(DEALS, visits=VISITS, stages=STAGES)

    assert dict(report.reached) == {"lead": 5, "demo": 3, "offer": 2, "won": 1}
    assert report.cohort is not None
    assert (report.cohort.basis, report.cohort.deals, report.cohort.without_history) == ("cohort", 5, 2)
    assert [step.conversion for step in report.cohort.steps] == [3 / 5, 2 / 3, 1 / 2, None]
    assert report.cohort.overall == 1 / 5
    assert report.made.exclusions == {"visits of deals that are not in the table": 1}


def test_without_a_history_a_lost_deal_reached_the_first_stage() -> None:
    """An open one the stage it is in; a won one all of them."""
    report = pipeline(DEALS, stages=STAGES)

    assert reached(report) == [5, 2, 2, 1]
    assert report.cohort is not None
    assert report.cohort.without_history == 5


def test_a_lost_deal_may_say_where_it_was_lost() -> None:
    """Where the status is a column of its own, the stage is the last one before the loss."""
    assert reached(pipeline([{"status": "lost", "stage": "demo"}], stages=STAGES)) == [1, 1, 0, 0]


def test_cohort_and_snapshot_are_never_mixed() -> None:
    """Opened in January, up to now; moved in January, up to its end."""
    report = pipeline(DEALS, visits=VISITS, stages=STAGES, period="2026-01")

    assert report.cohort is not None
    assert report.snapshot is not None
    assert [step.reached for step in report.cohort.steps] == [2, 2, 1, 1]
    assert [step.reached for step in report.snapshot.steps] == [2, 2, 1, 1]

    later = pipeline(DEALS, visits=VISITS, stages=STAGES, period="2026-02")

    assert later.cohort is not None
    assert later.snapshot is not None
    assert [step.reached for step in later.cohort.steps] == [3, 1, 1, 0]
    assert [step.reached for step in later.snapshot.steps] == [4, 2, 1, 0]  # deal 2, closed in it, too
    assert (later.snapshot.basis, later.snapshot.without_history) == ("snapshot", 2)


def test_a_snapshot_looks_no_further_than_the_period() -> None:
    """A deal won later had not reached the end by then; what an open deal says of itself holds now, not then."""
    deals = [
        {"id": 1, "status": "won", "opened_at": "2026-01-01", "closed_at": "2026-03-01"},
        {"id": 2, "status": "open", "opened_at": "2026-01-01", "stage": "offer"},
    ]
    visits = [
        {"deal": 1, "stage": "demo", "entered_at": "2026-01-10"},
        {"deal": 1, "stage": "offer", "entered_at": "2026-02-10"},
    ]
    report = pipeline(deals, visits=visits, stages=STAGES, period="2026-01")

    assert report.cohort is not None
    assert report.snapshot is not None
    assert [step.reached for step in report.cohort.steps] == [2, 2, 2, 1]
    assert [step.reached for step in report.snapshot.steps] == [2, 1, 0, 0]


def test_an_as_of_cuts_the_history() -> None:
    """Later visits are counted as not looked at; a deal won later had not reached the end."""
    report = pipeline(DEALS, visits=VISITS, stages=STAGES, at="2026-01-12")

    assert reached(report) == [2, 2, 1, 0]
    assert report.made.exclusions == {
        "deals opened after the as-of": 3,
        "deals closed after the as-of, counted as open": 2,
        "visits of deals that are not in the table": 1,
        "visits entered after the as-of": 3,
    }


def test_time_in_stage_adds_up_the_visits_of_a_deal() -> None:
    """What is still running counts as at least so long."""
    lead, demo, offer = pipeline(DEALS, visits=VISITS, stages=STAGES, at="2026-02-13").time_in_stage

    # lead: 4 days, 10 + 28 days, 2 days
    assert (lead.stage, lead.n, lead.censored, lead.median_days) == ("lead", 3, 0, 4)
    assert lead.mean_days == pytest.approx(44 / 3)
    # demo: 2 days, and 10 so far
    assert (demo.n, demo.censored, demo.median_days, demo.mean_days) == (1, 1, 2, 2)
    assert (offer.n, offer.censored, offer.median_days) == (1, 0, 26)


def test_a_stage_nobody_left_has_no_median() -> None:
    """And says why."""
    visits = [{"deal": 3, "stage": "lead", "entered_at": "2026-02-01"}]
    report = pipeline(DEALS, visits=visits, stages=STAGES)

    assert [(time.median_days, time.mean_days, time.censored) for time in report.time_in_stage] == [
        (None, None, 1),
        (None, None, 0),
        (None, None, 0),
    ]
    assert report.reasons["time_in_stage.lead.median_days"].startswith("fewer than half")
    assert report.reasons["time_in_stage.demo.mean_days"] == "no deal has left the stage"


def test_a_closed_deal_without_a_closing_date_has_no_last_length() -> None:
    """Nothing says when it left."""
    visits = [
        {"deal": 1, "stage": "lead", "entered_at": "2026-01-01"},
        {"deal": 1, "stage": "demo", "entered_at": "2026-01-03"},
    ]
    lead, demo, _ = pipeline([{"id": 1, "status": "lost"}], visits=visits, stages=STAGES).time_in_stage

    assert (lead.mean_days, lead.n) == (2, 1)
    assert (demo.n, demo.censored) == (0, 0)


def test_dates_and_instants_may_meet() -> None:
    """A bare date is some time of its day."""
    nine = datetime(2026, 1, 5, 9, tzinfo=UTC)
    deals = [{"id": 1, "status": "open"}]
    left = [
        {"deal": 1, "stage": "lead", "entered_at": nine.replace(day=1), "left_at": "2026-01-05"},
        {"deal": 1, "stage": "demo", "entered_at": nine, "left_at": "2026-01-06"},
    ]
    entered = [{"deal": 1, "stage": "lead", "entered_at": "2026-01-05", "left_at": nine}]

    assert pipeline(deals, visits=left, stages=STAGES).time_in_stage[0].mean_days == 4
    assert pipeline(deals, visits=entered, stages=STAGES).time_in_stage[0].mean_days == 0


def test_groups_have_their_own_stages() -> None:
    """And their own times."""
    deals = [{**deal, "owner": "ann" if deal["id"] in (1, 3) else "ben"} for deal in DEALS]
    groups = pipeline(deals, visits=VISITS, stages=STAGES, by="owner").groups

    assert reached(groups["ann"]) == [2, 2, 2, 1]
    assert reached(groups["ben"]) == [3, 1, 0, 0]
    assert groups["ben"].time_in_stage[0].mean_days == 38


def test_the_bottleneck_is_where_the_smallest_share_gets_past() -> None:
    """Among stages that enough deals reached; the first on a tie."""
    deals = [{"status": "open", "stage": stage} for stage in ["lead"] * 4 + ["demo"] * 3 + ["offer"] * 3]

    assert pipeline(deals, stages=STAGES, n_min=3).bottleneck == "offer"  # none of 3
    assert pipeline(deals, stages=STAGES, n_min=4).bottleneck == "demo"  # 3 of 6
    assert pipeline(deals, stages=STAGES).bottleneck == "lead"  # 6 of 10
    assert pipeline(deals[:2], stages=STAGES).reasons["bottleneck"] == "no open stage was reached by 10 deals"
    assert pipeline(deals).reasons["bottleneck"] == "the order of the stages was not given (stages=)"


def test_there_is_no_bottleneck_where_nobody_knows_where_deals_were_lost() -> None:
    """Without stage history every lost deal counts as lost in the first stage."""
    deals = [{"id": i, "status": "lost"} for i in range(12)]
    visits = [{"deal": i, "stage": "lead", "entered_at": "2026-01-01"} for i in range(6)]

    report = pipeline(deals, stages=STAGES)
    assert report.bottleneck is None
    assert "no stage history to say where" in report.reasons["bottleneck"]
    assert pipeline(deals, stages=STAGES, visits=visits).bottleneck == "lead"


def test_snapshot_and_cohort_are_both_shown_where_they_differ() -> None:
    """With a period they are of other deals."""
    deals = [{"status": "won", "opened_at": "2026-01-10", "closed_at": "2026-02-10"}]

    assert "by snapshot" in str(pipeline(deals, stages=STAGES, period="2026-02"))


def test_a_stage_nobody_reached_has_no_conversion() -> None:
    """0/0 is not 0."""
    report = pipeline([{"status": "open"}], stages=STAGES)

    assert report.cohort is not None
    assert [step.conversion for step in report.cohort.steps] == [0, None, None, None]
    assert report.reasons["cohort.demo.conversion"] == "no deal reached the stage"
    assert pipeline([], stages=STAGES).reasons["cohort.lead.conversion"] == "no deal reached the stage"


# --- the order of stages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages",
    [
        StageOrder(["demo"], won=["signed"], lost=["dead", "junk"]),
        StageOrder("demo", won="signed", lost=("dead", "junk")),
        [
            SimpleNamespace(name=name, kind=kind)
            for name, kind in [("demo", "open"), ("signed", "won"), ("dead", "lost"), ("junk", "lost")]
        ],
    ],
    ids=["order", "texts", "stages"],
)
def test_stages_say_what_closes_a_deal(stages: object) -> None:
    """By names of the caller's own; capitals make no difference."""
    deals = [{"stage": stage} for stage in ("Demo", "SIGNED", "signed", "dead", "junk")]
    report = pipeline(deals, stages=stages)

    assert (report.open, report.won, report.lost) == (1, 2, 2)


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ([], "at least one open stage"),
        (["demo", "Demo"], "stages: got 'demo', expected each name once"),
        (["won"], "each name once"),
        ([1], "stages: got 1, expected the name of a stage"),
        ("demo", "expected the open stages in order"),
        (7, "expected the open stages in order"),
        ([SimpleNamespace(name="demo", kind="opened")], "a stage of kind open, won or lost"),
        ([SimpleNamespace(name="demo", kind="open"), "offer"], "got 'offer', expected a stage of kind"),
    ],
)
def test_what_makes_no_order_is_refused(stages: object, said: str) -> None:
    """With the mend."""
    with pytest.raises(Invalid) as error:
        pipeline(DEALS, stages=stages)

    assert said in str(error.value)


def test_a_name_that_is_no_stage_has_no_place() -> None:
    """Nor an outcome."""
    order = StageOrder(STAGES)

    assert (order.place("offer"), order.place("won"), order.place("x")) == (2, None, None)
    assert (order.outcome("offer"), order.outcome("won"), order.outcome("x")) == ("open", "won", None)
