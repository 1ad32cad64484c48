"""What holds for every pipeline."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, strategies as st

from crmcore import Money
from crmcore.analytics import PipelineReport, pipeline

STAGES = ["lead", "demo", "offer"]
START = datetime(2026, 1, 1, tzinfo=UTC)
ADDITIVE = ("deals", "open", "won", "lost", "unvalued", "unweighted", "undated", "no_account", "valued_won")
ADDITIVE_VALUES = ("open_value", "weighted_open_value", "weighted_value", "won_value", "lost_value")


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Deals and their stage history, with skips, returns, gaps and missing cells."""
    deals: list[dict[str, Any]] = []
    visits: list[dict[str, Any]] = []
    for id in range(draw(st.integers(0, 12))):
        opened = START + timedelta(hours=draw(st.integers(0, 2000)))
        moves = draw(st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 500)), max_size=4))
        at = opened
        for stage, hours in moves:
            visits.append({"deal": id, "stage": stage, "entered_at": at})
            at += timedelta(hours=hours)
        status = draw(st.sampled_from(["open", "won", "lost"]))
        deals.append(
            {
                "id": id,
                "status": status,
                "stage": moves[-1][0] if moves else None,
                "opened_at": draw(st.sampled_from([opened, None])),
                "closed_at": None if status == "open" else draw(st.sampled_from([at, None])),
                "amount": draw(st.none() | st.decimals(0, 10**6, places=2)),
                "probability": draw(st.none() | st.floats(0, 1).map(lambda share: round(share, 3))),
                "owner": draw(st.sampled_from(["ann", "ben", None])),
                "account": draw(st.sampled_from(["acme", None])),
            }
        )
    return deals, visits


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "period": st.sampled_from(["2026-01", "2026-02", "2026-Q1"]),
        "at": st.sampled_from(["2026-01-15", "2026-02-28"]),
        "undated": st.just("drop"),
    },
)
WORLDS = st.tuples(pipelines(), OPTIONS)


def reported(world: tuple[Any, dict[str, Any]], **options: object) -> PipelineReport:
    """The report on a drawn pipeline."""
    (deals, visits), drawn = world
    return pipeline(deals, visits=visits, stages=STAGES, currency="EUR", **drawn, **options)


@given(WORLDS)
def test_fewer_deals_reach_each_further_stage(world: object) -> None:
    """And the stage conversions multiply to the overall one."""
    report = reported(world)
    for conversion in (report.cohort, report.snapshot):
        assert conversion is not None
        reached = [step.reached for step in conversion.steps]
        shares = [step.conversion for step in conversion.steps[:-1]]

        assert reached == sorted(reached, reverse=True)
        assert reached[0] == conversion.deals
        if all(share is not None for share in shares):
            assert conversion.overall == pytest.approx(math.prod(share or 0 for share in shares))


@given(WORLDS)
def test_groups_add_up_to_the_whole(world: object) -> None:
    """To the cent."""
    report = reported(world, by="owner")
    groups = list(report.groups.values())

    for name in ADDITIVE:
        assert sum(getattr(group, name) for group in groups) == getattr(report, name) or not world[0][0]
    for name in ADDITIVE_VALUES:
        known = [value for group in groups if (value := getattr(group, name)) is not None]
        whole = getattr(report, name)
        if name != "weighted_value" or len(known) == len(groups):  # a sum of two kinds is unknown if one of them is
            assert (sum(known) or Money(0, "EUR")) == (whole or Money(0, "EUR"))
    for basis in ("cohort", "snapshot"):
        assert sum(getattr(group, basis).deals for group in groups) == getattr(report, basis).deals
        for i, step in enumerate(getattr(report, basis).steps):
            assert sum(getattr(group, basis).steps[i].reached for group in groups) == step.reached
    for i, time in enumerate(report.time_in_stage):
        times = [group.time_in_stage[i] for group in groups if group.time_in_stage]
        assert (sum(t.n for t in times), sum(t.censored for t in times)) == (time.n, time.censored)


@given(WORLDS, st.integers())
def test_the_order_of_rows_does_not_matter(world: object, seed: int) -> None:
    """Not to the last bit of any figure."""
    (deals, visits), options = world
    mixed_deals, mixed_visits = deals.copy(), visits.copy()
    random.Random(seed).shuffle(mixed_deals)
    random.Random(seed + 1).shuffle(mixed_visits)

    assert reported(((mixed_deals, mixed_visits), options), by="account") == reported(world, by="account")


@pytest.mark.slow
@given(WORLDS)
def test_every_share_is_a_share(world: object) -> None:
    """Or undefined, and then there is a reason."""
    report = reported(world)

    for name in ("win_rate", "win_rate_by_value"):
        share = getattr(report, name)
        assert 0 <= share <= 1 if share is not None else name in report.reasons
    assert report.deals == report.open + report.won + report.lost
    assert all(math.isfinite(value) for value in attrs.astuple(report) if isinstance(value, float))


@given(WORLDS, st.decimals(0, 10**6, places=2))
def test_a_lost_deal_adds_nothing_to_the_weighted_value(world: object, amount: object) -> None:
    """Whatever its probability once was."""
    (deals, visits), options = world
    lost = {"id": "x", "status": "lost", "amount": amount, "probability": 0.9, "opened_at": START, "closed_at": START}
    before, after = reported(world), reported((([*deals, lost], visits), options))

    assert after.weighted_value == before.weighted_value


@given(WORLDS)
def test_velocity_is_the_product_of_the_four_levers(world: object) -> None:
    """Deals closed × win rate × average won amount / cycle, where every won deal is valued."""
    report = reported(world)
    if report.velocity_exact is not None and report.valued_won == report.won and report.won_cycle_days:
        assert report.win_rate is not None
        assert report.won_value is not None
        average = float(report.won_value.amount) / report.won
        expected = (report.won + report.lost) * report.win_rate * average / report.won_cycle_days.mean

        assert float(report.velocity_exact) == pytest.approx(expected)


@given(pipelines())
def test_time_in_stage_adds_up_to_the_age_of_deals(drawn: object) -> None:
    """From the first stage entered to the closing."""
    deals, visits = drawn
    until = START + timedelta(hours=9000)
    closed = [{"id": deal["id"], "status": "lost", "opened_at": START, "closed_at": until} for deal in deals]
    times = pipeline(closed, visits=visits, stages=STAGES).time_in_stage
    entered: dict[int, datetime] = {}
    for visit in visits:
        entered[visit["deal"]] = min(visit["entered_at"], entered.get(visit["deal"], until))

    assert sum(time.n for time in times) == len({(visit["deal"], visit["stage"]) for visit in visits})
    assert sum((time.mean_days or 0) * time.n for time in times) == pytest.approx(
        sum((until - first) / timedelta(days=1) for first in entered.values())
    )
