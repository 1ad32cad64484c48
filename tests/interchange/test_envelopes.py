"""Envelopes: what a change tells others; nothing personal unless it is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.bindings.http import HTTPMessage

from crmcore import CRM, CustomField, Invalid, Money, Playbook
from crmcore.interchange.envelopes import envelope
from crmcore.kernel import Change

CUSTOM = {"contact": {"region": "text", "health": CustomField("text", personal=True)}}
SECRET = "SECRET"


@pytest.fixture
def told(crm: CRM) -> list[Change[Any]]:
    """A contact with something personal everywhere, an account with a home, a deal."""
    crm.adopt(Playbook(currency="EUR", custom=CUSTOM))
    ana = crm.given(by="ana", reason=f"said {SECRET}")
    ada = ana.contacts.add(
        name=SECRET,
        emails={f"{SECRET} private": "ada@engines.example"},
        source="fair",
        custom={"region": "north", "health": SECRET},
        external={"shop": SECRET},
    )
    ana.contacts.consent(ada, channel="email", granted=True)
    ana.accounts.add(name="Acme", addresses={"main": {"city": SECRET}}, external={"erp": "A-1"})
    ana.opportunities.add(name="Roof", amount=Money("12.50", "EUR"), close_on="2026-12-15")
    return list(crm.changes())


def test_a_change_in_its_envelope(crm: CRM, told: list[Change[Any]]) -> None:
    """Who, what, when, which record and its place in its order; and what all readers understand."""
    event = envelope(crm, told[-1])

    assert event.to_data() == {
        "specversion": "1.0",
        "id": crm.changes().key(told[-1]),
        "source": "/crm/default",
        "type": "opportunity.opened",
        "subject": "opportunity_0001",
        "time": "2026-11-02T09:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "0000000001",
        "partitionkey": "opportunity_0001",
        "recordedtime": "2026-11-02T09:00:00Z",
        "data": {
            "kind": "opportunity",
            "id": "opportunity_0001",
            "version": 1,
            "what": "opened",
            "by": "ana",
            "commit": told[-1].commit,
            "late": False,
            "fields": list(told[-1].sets),
            "values": event.data["values"],
        },
    }
    values = event.data["values"]
    assert (values["amount"], values["close_on"]) == ({"amount": "12.50", "currency": "EUR"}, "2026-12-15")
    assert values.keys() == told[-1].sets.keys()


def test_nothing_personal_is_told_unless_it_is_asked_for(crm: CRM, told: list[Change[Any]]) -> None:
    """Neither values, nor what people call members, nor reasons, nor who somebody is elsewhere; that it was set is."""
    for change in told:
        for shown in ("none", "impersonal"):
            event = envelope(crm, change, values=shown)  # type: ignore[arg-type]
            message = event.structured()
            assert SECRET.encode() not in message.body + repr(event.binary().headers).encode()
            assert ("values" in event.data) is (shown == "impersonal")
            assert "reason" not in event.data
    ada, acme = envelope(crm, told[0]), envelope(crm, told[2])

    assert set(ada.data["fields"]) == {"name", "emails", "source", "custom.region", "custom.health", "external"}
    assert ada.data["values"] == {"source": "fair", "custom.region": "north"}
    assert acme.data["values"] == {"name": "Acme", "external.erp": "A-1"}
    assert "addresses" in acme.data["fields"]


def test_everything_is_told_where_it_is_asked_for(crm: CRM, told: list[Change[Any]]) -> None:
    """With the reason."""
    data = envelope(crm, told[0], values="all").data

    assert data["reason"] == f"said {SECRET}"
    assert data["values"]["name"] == data["values"]["custom.health"] == SECRET
    assert data["values"][f"emails.{SECRET} private"] == "ada@engines.example"
    assert data["fields"] == [*told[0].sets]


def test_a_field_that_is_not_declared_any_more_is_personal(crm: CRM, told: list[Change[Any]]) -> None:
    """For it may have been."""
    crm.adopt(Playbook(currency="EUR"))

    assert envelope(crm, told[0]).data["values"] == {"source": "fair"}


def test_an_erasure_says_what_to_throw_away(crm: CRM, told: list[Change[Any]]) -> None:
    """By name."""
    crm.erase(told[0].id)
    (event,) = [envelope(crm, one) for one in crm.changes() if one.what == "erased" and one.kind == "contact"]

    assert event.type == "contact.erased"
    assert {"name", "emails", "custom.health"} <= {*event.data["fields"]}
    assert not {"name", "emails", "custom.health"} & event.data["values"].keys()


def test_types_and_sources_are_the_hosts_to_choose(crm: CRM, told: list[Change[Any]]) -> None:
    """Types hold no blanks; a tenant's name is encoded."""
    event = envelope(crm, told[1], source="https://crm.acme.example", prefix="com.acme.")
    there = crm.given(tenant="Ä & B/C")
    there.accounts.add(name="Acme")

    assert (event.type, event.source) == ("com.acme.contact.opted_in", "https://crm.acme.example")
    assert envelope(there, there.changes()[0]).source == "/crm/%C3%84%20%26%20B%2FC"


def test_what_was_not_committed_has_no_recorded_time(crm: CRM) -> None:
    """It may still be put into an envelope."""
    acme = crm.accounts.add(name="Acme")

    assert "recordedtime" not in envelope(crm, crm.context("").changed(acme, "updated", name="x")).extensions


def test_versions_sort_as_text(crm: CRM) -> None:
    """As the specification asks of a sequence."""
    acme = crm.accounts.add(name="Acme")
    for number in range(11):
        crm.accounts.update(acme.id, name=f"{number}")
    found = [envelope(crm, change).extensions["sequence"] for change in crm.changes()]

    assert found == sorted(map(str, found))
    assert len({*found}) == 12


def test_the_sdk_of_the_specification_reads_them(crm: CRM, told: list[Change[Any]]) -> None:
    """Both ways."""
    for change in told:
        event = envelope(crm, change)
        for message in (event.structured(), event.binary()):
            read = http.from_http_event(HTTPMessage(dict(message.headers), message.body))
            assert (read.get_id(), read.get_time(), read.get_data()) == (event.id, event.time, event.data)
            assert json.dumps(read.get_extension("sequence")) == json.dumps(event.extensions["sequence"])


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"values": "some"}, "values"),
        ({"values": None}, "values"),
        ({"source": "a b"}, "source"),
        ({"prefix": None}, "prefix"),
        ({"prefix": "\n"}, "type"),
    ],
)
def test_what_does_not_fit_is_refused(crm: CRM, told: list[Change[Any]], asked: dict[str, Any], path: str) -> None:
    """By name."""
    with pytest.raises(Invalid) as caught:
        envelope(crm, told[0], **asked)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_what_is_no_change_of_this_crm_is_refused(crm: CRM, told: list[Change[Any]]) -> None:
    """By its kind."""
    for stranger in (None, "x", Change(**{**vars(told[0]), "kind": "shoot"})):
        with pytest.raises(Invalid) as caught:
            envelope(crm, stranger)  # type: ignore[arg-type]
        assert caught.value.problems[0].path == "change"
