"""Touchpoints: logged on any record, and found again from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from crmcore import CRM, Conflict, F, Invalid, NotAllowed, NotFound
from crmcore.activity.about import id_of
from crmcore.activity.touchpoint import log

if TYPE_CHECKING:
    from crmcore.testing import TickingClock


def test_a_touchpoint_is_logged_on_a_record_of_any_kind(crm: CRM) -> None:
    """Given as itself or by its id; what it was and when is kept."""
    lead, acme = crm.leads.add(name="Ada"), crm.accounts.add(name="Acme")
    call = crm.touchpoints.log(lead, channel="phone", direction="inbound", topic="pricing", summary="Asked for a quote")
    visit = crm.touchpoints.log(acme.id, channel="meeting")
    about = crm.touchpoints.log(call, channel="email", direction="outbound")

    assert (call.record, call.channel, call.direction, call.topic) == (lead.id, "phone", "inbound", "pricing")
    assert call.happened_at == datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert (visit.record, visit.direction, about.record) == (acme.id, None, call.id)
    assert [one.what for one in crm.history(call)] == ["logged"]
    assert "quote" not in repr(call)


def test_logging_leaves_the_record_alone(crm: CRM) -> None:
    """So a record that was read before can be acted on after."""
    acme = crm.accounts.add(name="Acme")
    older = crm.accounts.update(acme, name="Acme Ltd")
    crm.touchpoints.log(acme, channel="phone")

    assert crm.accounts.get(acme.id).version == older.version == 2
    assert crm.accounts.update(older, name="Acme SE").version == 3


def test_add_means_log(crm: CRM) -> None:
    """So that loading and upsert make true touchpoints, and know them again."""
    acme = crm.accounts.add(name="Acme")
    crm.touchpoints.add(acme, channel="web", external={"site": "1"})
    first = crm.touchpoints.upsert(("pbx", "7"), record=acme, channel="phone")
    again = crm.touchpoints.upsert(("pbx", "7"), record=acme, channel="phone", topic="late delivery")

    assert first.happened_at is not None
    assert (again.id, again.version, again.topic) == (first.id, 2, "late delivery")
    assert crm.touchpoints.count() == 2
    assert crm.touchpoints.update(again, channel="chat").record == acme.id


def test_the_circumstances_say_when(crm: CRM, clock: TickingClock) -> None:
    """A call of last week can be logged today, also on a record that was added today."""
    acme = crm.accounts.add(name="Acme")
    call = crm.given(at="2026-10-26T15:00Z").touchpoints.log(acme, channel="phone")
    mail = crm.touchpoints.log(acme, channel="email")

    assert call.happened_at == datetime(2026, 10, 26, 15, tzinfo=UTC)
    assert crm.touchpoints.of(acme) == (mail, call)
    clock.now = "2026-11-03T09:00Z"
    crm.touchpoints.log(acme, channel="phone")
    assert crm.as_of("2026-11-02").touchpoints.of(acme) == (mail, call)
    with pytest.raises(NotAllowed):
        crm.touchpoints.update(call, happened_at=mail.happened_at)


def test_of_finds_every_touchpoint_of_a_record(crm: CRM) -> None:
    """Newest first, deleted ones left out, whatever the state of the record."""
    acme, other = crm.accounts.add(name="Acme"), crm.accounts.add(name="Babbage")
    logged = [
        crm.given(at=f"2026-10-{day:02}T10:00Z").touchpoints.log(acme, channel="phone") for day in (3, 1, 9, 4, 9)
    ]
    crm.touchpoints.log(other, channel="phone")
    crm.touchpoints.delete(logged[0])

    assert [one.happened_at.day for one in crm.touchpoints.of(acme)] == [9, 9, 4, 1]
    assert set(crm.touchpoints.of(acme.id)) == set(logged[1:])
    crm.accounts.delete(acme)
    assert len(crm.touchpoints.of(acme)) == 4
    assert crm.touchpoints.count(F.record == acme.id) == 4


def test_of_follows_merged_records(crm: CRM) -> None:
    """What was merged brings its touchpoints along, and leads to the record that stayed."""
    a, b, c = (crm.contacts.add(name=name) for name in "abc")
    calls = [crm.touchpoints.log(one, channel="phone") for one in (a, b, c)]
    for one, into in ((a, b), (b, c)):
        merge = crm.context("").changed(one, "merged", merged_into=into.id, deleted_at=crm.context("").at)
        crm.commit([crm.contacts.ready(merge)])

    assert set(crm.touchpoints.of(c)) == set(crm.touchpoints.of(a.id)) == set(calls)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"direction": ["inbound"]}, "direction"),
        ({"channel": 5}, "channel"),
        ({"channel": " "}, "channel"),
        ({"channel": None}, "channel"),
        ({"topic": "a\x00"}, "topic"),
        ({"summary": "\ud800"}, "summary"),
        ({"custom": {"size": 5}}, "custom.size"),
        ({"external": 5}, "external"),
    ],
)
def test_what_does_not_fit_is_refused(crm: CRM, given: dict[str, Any], path: str) -> None:
    """With the field's name, and never what a personal field was given."""
    acme = crm.accounts.add(name="Acme")

    with pytest.raises(Invalid) as caught:
        crm.touchpoints.log(acme, **{"channel": "phone", **given})

    assert [problem.path for problem in caught.value.problems] == [path]
    assert "ud800" not in str(caught.value)
    assert crm.touchpoints.count() == 0


def test_an_update_keeps_directions_true(crm: CRM) -> None:
    """As logging does."""
    call = crm.touchpoints.log(crm.accounts.add(name="Acme"), channel="phone")

    with pytest.raises(Invalid, match="direction: got 'up', expected inbound or outbound"):
        crm.touchpoints.update(call, direction="up")
    assert crm.touchpoints.update(call, direction="outbound").direction == "outbound"


@pytest.mark.parametrize("record", ["account_9", "nothing_1", "", "a\x00b", 5, None, ["account_0001"], object()])
def test_a_record_that_is_not_there_is_refused(crm: CRM, record: Any) -> None:  # noqa: ANN401
    """Whether it is logged on or asked for."""
    with pytest.raises(Invalid):
        crm.touchpoints.log(record, channel="phone")
    with pytest.raises((Invalid, NotFound)):
        crm.touchpoints.of(record)


def test_a_deleted_record_takes_no_touchpoints(crm: CRM) -> None:
    """It is no longer there."""
    acme = crm.accounts.delete(crm.accounts.add(name="Acme"))

    with pytest.raises(Invalid, match="the id of a live account"):
        crm.touchpoints.log(acme, channel="phone")


def test_a_key_logs_once(crm: CRM) -> None:
    """Another call under the same key is refused."""
    acme = crm.accounts.add(name="Acme")
    first = crm.given(key="k").touchpoints.log(acme.id, channel="phone")

    assert crm.given(key="k").touchpoints.log(acme.id, channel="phone") == first
    with pytest.raises(Conflict):
        crm.given(key="k").touchpoints.log(acme.id, channel="email")
    assert crm.touchpoints.count() == 1


def test_the_act_is_pure(crm: CRM) -> None:
    """It can be tried without a store."""
    change = log(crm.context("activity"), "lead_7", channel="phone")

    assert (change.sets["record"], change.sets["happened_at"]) == ("lead_7", change.at)
    assert id_of("lead_7") == "lead_7"
