"""A CRM behind HTTP: routes give records back as they are, and every refusal has a status of its own.

Serve it with ``uvicorn fastapi_host:app``; run it as a script to see a few requests answered.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import attrs
from fastapi import Body, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Json

from crmcore import CRM, Busy, Conflict, CrmError, Invalid, NotAllowed, NotFound, Opportunity
from crmcore.kernel.change import Change
from crmcore.kernel.page import Page
from crmcore.kernel.where import from_data

STATUS = {NotFound: 404, NotAllowed: 409, Conflict: 409, Invalid: 422, Busy: 503}
"""What is none of these is an error of ours."""

TEXT = {"type": "string"}
PROBLEM = {"type": "object", "properties": {"path": TEXT, "expected": TEXT, "mend": TEXT}}
REFUSAL = {
    "type": "object",
    "properties": {
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "problems": {"type": "array", "items": PROBLEM},
        "possible": {"type": "array", "items": TEXT},
    },
    "required": ["title", "status"],
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": {"application/problem+json": {"schema": REFUSAL}}}
    for status, words in {
        404: "There is none",
        409: "Its state forbids it, or somebody else was quicker",
        412: "The client has seen another version",
        422: "Something can't be read",
        503: "Try again",
    }.items()
}
"""What OpenAPI says of refusals."""


def refused(request: Request, error: CrmError) -> JSONResponse:
    """What crmcore refuses, as a problem document (RFC 9457): what happened, and what is wrong with each field."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
    if "if-match" in request.headers and isinstance(error, Conflict) and isinstance(error.expected, int):
        status = 412  # the client has seen another version
    told: dict[str, Any] = {"title": type(error).__name__, "status": status}
    if status < 500:  # what went wrong within is for our log
        told["detail"] = str(error)
        problems = getattr(error, "problems", ())
        told["problems"] = [{"path": one.path, "expected": one.expected, "mend": one.mend} for one in problems]
        told["possible"] = list(getattr(error, "possible", ()))
    return JSONResponse(told, status, media_type="application/problem+json")


def unreadable(request: Request, error: RequestValidationError) -> JSONResponse:  # noqa: ARG001 - as handlers are called
    """What FastAPI refuses, told likewise; without what was sent, which JSON may not even hold."""
    told = [
        {"path": ".".join(map(str, one["loc"])), "expected": one["msg"], "mend": "send what /docs says"}
        for one in error.errors()
    ]
    whole = {"title": "Invalid", "status": 422, "detail": "the request can't be read", "problems": told, "possible": []}
    return JSONResponse(whole, 422, media_type="application/problem+json")


# --- what a request says beside its body ------------------------------------------------------------------------------


def crm_of(
    request: Request,
    x_tenant: Annotated[str, Header()],
    x_actor: Annotated[str, Header()],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> CRM:
    """The CRM under the circumstances of a request. Take tenant and actor from your login, in earnest."""
    crm: CRM = request.app.state.crm
    return crm.given(tenant=x_tenant, by=x_actor, key=idempotency_key)


def version_of(if_match: Annotated[str | None, Header(pattern=r'^"\d{1,9}"$')] = None) -> int | None:
    """The version the client has seen, as its ETag said."""
    return None if if_match is None else int(if_match.strip('"'))


Crm = Annotated[CRM, Depends(crm_of)]
Version = Annotated[int | None, Depends(version_of)]
Fields = Annotated[dict[str, Any], Body()]


def seen(crm: CRM, id: str, version: int | None) -> Opportunity | str:
    """A deal as the client has seen it, for an act to compare; without a version the current one."""
    return id if version is None else attrs.evolve(crm.opportunities.get(id), version=version)


def tagged(response: Response, deal: Opportunity) -> Opportunity:
    """A deal, its version told as the response's ETag."""
    response.headers["ETag"] = f'"{deal.version}"'
    return deal


# --- the routes: plain functions, which FastAPI runs in threads; one CRM serves them all ------------------------------


def find(
    crm: Crm,
    where: Json[Any] | None = None,
    order_by: str | None = None,
    limit: int = 20,
    after: str | None = None,
) -> Page[Opportunity]:
    """Some deals: a filter as JSON, a key field to sort by, and the ``next`` of the page before."""
    asked = None if where is None else from_data(where)
    return crm.opportunities.find(asked, order_by=order_by, limit=limit, after=after)


def get(crm: Crm, id: str, response: Response) -> Opportunity:
    """A deal."""
    return tagged(response, crm.opportunities.get(id))


def create(crm: Crm, fields: Fields, response: Response) -> Opportunity:
    """Open a deal. The same again with the same Idempotency-Key opens no other."""
    return tagged(response, crm.opportunities.add(**fields))


def update(crm: Crm, id: str, fields: Fields, version: Version, response: Response) -> Opportunity:
    """Change some fields of a deal; the version the client has seen may stand among them, too."""
    return tagged(
        response, crm.opportunities.update(id, **(fields if version is None else fields | {"version": version}))
    )


def advance(
    crm: Crm, id: str, to: Annotated[str, Body(embed=True)], version: Version, response: Response
) -> Opportunity:
    """Move a deal to another stage."""
    return tagged(response, crm.opportunities.advance(seen(crm, id, version), to=to))


def history(crm: Crm, id: str) -> tuple[Change[Opportunity], ...]:
    """Who did what to a deal, when, and what it set."""
    return crm.opportunities.history(id)


def api(opened: Callable[[], CRM]) -> FastAPI:
    """The application.

    Args:
        opened: Opens the CRM when the application starts; it is closed when the application ends.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with opened() as app.state.crm:
            yield

    app = FastAPI(title="Deals", lifespan=lifespan, responses=REFUSALS)
    app.exception_handler(CrmError)(refused)
    app.exception_handler(RequestValidationError)(unreadable)
    app.get("/deals")(find)
    app.post("/deals", status_code=201)(create)
    app.get("/deals/{id}")(get)
    app.patch("/deals/{id}")(update)
    app.post("/deals/{id}/advance")(advance)
    app.get("/deals/{id}/history")(history)
    return app


app = api(lambda: CRM("crm.db"))


if __name__ == "__main__":
    from fastapi.testclient import TestClient

    with TestClient(app, headers={"X-Tenant": "acme", "X-Actor": "ana"}) as client:
        deal = client.post("/deals", json={"name": "Roof", "amount": {"amount": "12000", "currency": "EUR"}}).json()
        print(deal["name"], deal["amount"], deal["stage"])

        place = f"/deals/{deal['id']}"
        print(client.post(f"{place}/advance", json={"to": "proposal"}, headers={"If-Match": '"1"'}).headers["ETag"])
        print(client.patch(place, json={"close_on": "2026-12-15"}, headers={"If-Match": '"1"'}).json()["detail"])

        wrong = client.patch(place, json={"close_on": "soon", "amount": "a lot"}).json()
        print(wrong["status"], [problem["path"] for problem in wrong["problems"]])

        large = {"field": "amount", "op": ">=", "value": {"money": "10000", "currency": "EUR"}}
        print([one["name"] for one in client.get("/deals", params={"where": json.dumps(large)}).json()["items"]])
        print([change["what"] for change in client.get(f"{place}/history").json()])
        print(*client.get("/openapi.json").json()["components"]["schemas"])
