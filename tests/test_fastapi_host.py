"""The FastAPI host among the examples: records as they are, refusals with a status, retries that change nothing."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from crmcore import Busy, Opportunity, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crmcore import CRM

EXAMPLE = Path(__file__).parents[1] / "examples" / "fastapi_host.py"
WHO = {"X-Tenant": "acme", "X-Actor": "ana"}


@pytest.fixture(scope="module")
def host() -> Any:  # noqa: ANN401 - a module made of a file
    """The example, as a server imports it."""
    spec = importlib.util.spec_from_file_location("fastapi_host", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(host: Any, open_crm: Callable[..., CRM]) -> Iterator[TestClient]:  # noqa: ANN401 - as above
    """Somebody who asks it."""
    with TestClient(host.api(open_crm), headers=WHO, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def deal(client: TestClient) -> dict[str, Any]:
    """A deal it knows."""
    body = {"name": "Roof", "amount": {"amount": "12000", "currency": "EUR"}, "close_on": "2026-12-15"}
    told: dict[str, Any] = client.post("/deals", json=body).json()
    return told


def test_a_record_is_the_response(client: TestClient, deal: dict[str, Any]) -> None:
    """In the words of its field, with its version as the ETag."""
    answer = client.get(f"/deals/{deal['id']}")

    assert (answer.status_code, answer.headers["ETag"], answer.json()) == (200, '"1"', deal)
    assert deal["amount"] == {"amount": "12000.00", "currency": "EUR"}
    assert (deal["close_on"], deal["opened_at"], deal["probability"]) == ("2026-12-15", "2026-11-02T09:00:00Z", "0.1")


def test_openapi_shows_the_record(client: TestClient) -> None:
    """Under its name, with a type for every property, and so do pages and changes."""
    document = client.get("/openapi.json").json()
    schemas, deals = document["components"]["schemas"], document["paths"]["/deals"]
    shown = schemas["Opportunity"]

    assert shown["required"] == Opportunity.json_schema()["required"]
    assert shown["properties"]["amount"]["anyOf"] == [{"$ref": "#/components/schemas/Money"}, {"type": "null"}]
    assert shown["properties"]["status"]["enum"] == ["open", "won", "lost"]
    assert schemas["Page_Opportunity_"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Opportunity"}
    assert deals["post"]["responses"]["201"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Opportunity"
    }
    assert {"Money", "Change"} < schemas.keys()
    assert "HTTPValidationError" not in schemas
    assert {"404", "409", "412", "422", "503"} < deals["post"]["responses"].keys()


def test_deals_are_found_page_by_page(client: TestClient) -> None:
    """By a filter as JSON, in an order."""
    for number in range(5):
        client.post("/deals", json={"name": f"Roof {number}", "amount": number * 1000})
    large = json.dumps({"field": "amount", "op": ">=", "value": {"money": "1000", "currency": "USD"}})
    asked = {"where": large, "order_by": "-amount", "limit": 3}

    first = client.get("/deals", params=asked).json()
    second = client.get("/deals", params=asked | {"after": first["next"]}).json()

    assert [one["name"] for one in first["items"] + second["items"]] == ["Roof 4", "Roof 3", "Roof 2", "Roof 1"]
    assert second["next"] is None
    assert len(client.get("/deals").json()["items"]) == 5


def test_every_problem_of_a_body_is_told(client: TestClient, deal: dict[str, Any]) -> None:
    """With its path, as one answer."""
    body = {"name": None, "amount": "a lot", "close_on": "soon", "custom": {"x": 1}}
    answer = client.patch(f"/deals/{deal['id']}", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [problem["path"] for problem in answer.json()["problems"]] == ["name", "amount", "close_on", "custom.x"]
    assert client.get(f"/deals/{deal['id']}").json() == deal


@pytest.mark.parametrize(
    "body",
    [
        b'{"\\ud800": 1}',
        b'{"custom": {"\\ud800": 1}}',
        b'{"name": NaN}',
        b'{"self": 1, "desk": 2, "record": 3, "context": 4}',
        b'{"amount": {"amount": [], "currency": {}}}',
        b'{"name": ',
        b"[]",
    ],
)
def test_no_body_breaks_it(client: TestClient, deal: dict[str, Any], body: bytes) -> None:
    """Whatever it is, it is the client's fault."""
    for answer in (
        client.post("/deals", content=body, headers={"Content-Type": "application/json"}),
        client.patch(f"/deals/{deal['id']}", content=body, headers={"Content-Type": "application/json"}),
    ):
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (b"NaN", "application/json"),
        (b'{"to": NaN}', "application/json"),
        (b'{"to": ["\\ud800"]}', "application/json"),
        (b'"\\ud800"', "application/json"),
        (b"\xff\xfe", "text/plain"),
        (b"\xff\xfe", ""),
    ],
)
def test_what_no_answer_can_hold_is_not_repeated(
    client: TestClient, deal: dict[str, Any], body: bytes, type: str
) -> None:
    """What FastAPI refuses is told as what crmcore refuses is, without what was sent."""
    for path in ("/deals", f"/deals/{deal['id']}/advance"):
        answer = client.post(path, content=body, headers={"Content-Type": type})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert answer.json()["title"] == "Invalid"
        assert answer.json()["problems"]


@pytest.mark.parametrize("where", ["{", "[1]", '{"field": "nmae", "op": "set"}'])
def test_a_filter_that_is_none_is_refused(client: TestClient, where: str) -> None:
    """As a body is."""
    assert client.get("/deals", params={"where": where}).status_code == 422


def test_what_is_not_there_is_not_found(client: TestClient, deal: dict[str, Any]) -> None:
    """Nor is what another tenant has."""
    assert client.get("/deals/opportunity_9").json()["title"] == "NotFound"
    assert client.get(f"/deals/{deal['id']}", headers={"X-Tenant": "other"}).status_code == 404
    assert client.get("/deals/opportunity_9/history").status_code == 404
    assert client.get("/deals", headers={"X-Tenant": "other"}).json() == {"items": [], "next": None}


def test_a_move_there_is_not_is_refused(client: TestClient, deal: dict[str, Any]) -> None:
    """With those there are."""
    answer = client.post(f"/deals/{deal['id']}/advance", json={"to": "won"})

    assert (answer.status_code, answer.json()["title"]) == (409, "NotAllowed")
    assert answer.json()["possible"] == ["needs analysis", "proposal", "negotiation"]


def test_another_version_is_refused(client: TestClient, deal: dict[str, Any]) -> None:
    """Of whoever says which one they have seen; who does not changes the current one."""
    place, seen = f"/deals/{deal['id']}", {"If-Match": '"1"'}
    moved = client.post(f"{place}/advance", json={"to": "proposal"}, headers=seen)

    assert (moved.headers["ETag"], moved.json()["stage"]) == ('"2"', "proposal")
    assert client.patch(place, json={"close_on": "2026-12-31"}, headers=seen).status_code == 412
    assert client.post(f"{place}/advance", json={"to": "negotiation"}, headers=seen).status_code == 412
    assert client.patch(place, json={"close_on": "2026-12-31"}).headers["ETag"] == '"3"'
    assert client.patch(place, json={"name": "Attic"}, headers={"If-Match": '"3"'}).json()["name"] == "Attic"
    assert client.patch(place, json={"name": "Attic"}, headers={"If-Match": "3"}).status_code == 422


def test_a_version_among_the_fields_is_heeded(client: TestClient, deal: dict[str, Any]) -> None:
    """As a client sends it that gives back what it was given."""
    place = f"/deals/{deal['id']}"
    client.patch(place, json={"name": "Roof 2"})

    assert client.patch(place, json={"name": "Roof 3", "version": 1}).status_code == 409
    assert client.patch(place, json={"name": "Roof 3", "version": "x"}).status_code == 422
    assert client.patch(place, json={"name": "Roof 3", "version": 2}).json()["version"] == 3
    stale = client.patch(place, json={"name": "Roof 4", "version": None}, headers={"If-Match": '"2"'})
    assert stale.status_code == 412


@pytest.mark.parametrize("seen", [{}, {"If-Match": '"1"'}], ids=["any version", "one version"])
def test_a_retry_changes_nothing(client: TestClient, deal: dict[str, Any], seen: dict[str, str]) -> None:
    """The same key gives the first answer again; for something else it is refused."""
    place, opened, moved = f"/deals/{deal['id']}", {"Idempotency-Key": "k-1"}, {"Idempotency-Key": "k-2"} | seen
    added = [client.post("/deals", json={"name": "Door"}, headers=opened) for _ in range(2)]
    stages = [client.post(f"{place}/advance", json={"to": "proposal"}, headers=moved) for _ in range(2)]

    assert added[0].json() == added[1].json()
    assert [answer.headers["ETag"] for answer in stages] == ['"2"', '"2"']
    assert len(client.get(f"{place}/history").json()) == 2
    assert client.post("/deals", json={"name": "Window"}, headers=opened).status_code == 409
    assert len(client.get("/deals").json()["items"]) == 2


def test_history_says_who_did_what(client: TestClient, deal: dict[str, Any]) -> None:
    """As changes are told."""
    client.post(f"/deals/{deal['id']}/advance", json={"to": "proposal"}, headers={"X-Actor": "ben"})
    opened, moved = client.get(f"/deals/{deal['id']}/history").json()

    assert (opened["what"], opened["by"], opened["version"]) == ("opened", "ana", 1)
    assert (moved["what"], moved["by"], moved["sets"]["stage"]) == ("advanced", "ben", "proposal")


@pytest.mark.parametrize(("error", "status"), [(Busy("locked"), 503), (StoreError("secret"), 500)])
def test_trouble_within_is_not_told(
    host: Any,  # noqa: ANN401 - as above
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    error: StoreError,
    status: int,
) -> None:
    """But that there is some."""

    def trouble(*_: object, **__: object) -> None:
        raise error

    crm = client.app.state.crm  # type: ignore[attr-defined]
    monkeypatch.setattr(type(crm.opportunities), "get", trouble)
    answer = client.get("/deals/opportunity_1")

    assert answer.json() == {"title": type(error).__name__, "status": status}


def test_the_crm_is_closed_with_the_application(host: Any, open_crm: Callable[..., CRM]) -> None:  # noqa: ANN401
    """And opened with it."""
    app = host.api(open_crm)
    with TestClient(app, headers=WHO) as client:
        assert client.get("/deals").status_code == 200
    with pytest.raises(StoreError, match="closed"):
        app.state.crm.opportunities.count()


def test_who_asks_must_be_said(client: TestClient) -> None:
    """And for whom."""
    client.headers.pop("X-Actor")

    assert client.get("/deals").status_code == 422
