"""CloudEvents: what is written is what the specification and its Python SDK read, and the other way round."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.bindings.http import HTTPMessage
from cloudevents.core.v1.event import CloudEvent as Theirs
from hypothesis import given, strategies as st

from crmcore.interchange.cloudevents import CloudEvent, HttpMessage
from crmcore.kernel.errors import Invalid

AT = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)
EVENT = CloudEvent(
    id="acme/order/1",
    source="/shop?x=%20",
    type="order.placed",
    subject='Größe 😀 "50%"',
    time=AT,
    datacontenttype="application/json",
    dataschema="https://shop.example/schema#order",
    extensions={"sequence": "0000000001", "partitionkey": "order_1", "retries": 3, "test": True},
    data={"order": "A-1", "lines": [1, None, "ä"]},
)


def sent(event: CloudEvent) -> list[HttpMessage]:
    """An event over HTTP, in both ways."""
    return [event.structured(), event.binary()]


def problems(**attributes: Any) -> list[str]:  # noqa: ANN401 - anything
    """The attributes that are refused."""
    whole: dict[str, Any] = {"id": "1", "source": "/shop", "type": "order.placed", **attributes}
    with pytest.raises(Invalid) as caught:
        CloudEvent(**whole)
    assert "SECRET" not in str(caught.value)
    return [problem.path for problem in caught.value.problems]


# --- written ----------------------------------------------------------------------------------------------------------


def test_the_json_format() -> None:
    """Attributes and extensions side by side, the data as it is."""
    assert json.loads(json.dumps(EVENT.to_data())) == {
        "specversion": "1.0",
        "id": "acme/order/1",
        "source": "/shop?x=%20",
        "type": "order.placed",
        "subject": 'Größe 😀 "50%"',
        "time": "2026-11-21T09:00:00.123456Z",
        "datacontenttype": "application/json",
        "dataschema": "https://shop.example/schema#order",
        "sequence": "0000000001",
        "partitionkey": "order_1",
        "retries": 3,
        "test": True,
        "data": {"order": "A-1", "lines": [1, None, "ä"]},
    }


def test_structured_over_http() -> None:
    """One body with everything."""
    message = EVENT.structured()

    assert message.headers == {"content-type": "application/cloudevents+json; charset=utf-8"}
    assert json.loads(message.body) == EVENT.to_data()


def test_binary_over_http() -> None:
    """Attributes in headers, percent-encoded as the specification has it; the data alone is the body."""
    message = EVENT.binary()

    assert message.headers == {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "acme/order/1",
        "ce-source": "/shop?x=%2520",
        "ce-type": "order.placed",
        "ce-subject": "Gr%C3%B6%C3%9Fe%20%F0%9F%98%80%20%2250%25%22",
        "ce-time": "2026-11-21T09:00:00.123456Z",
        "ce-dataschema": "https://shop.example/schema#order",
        "ce-sequence": "0000000001",
        "ce-partitionkey": "order_1",
        "ce-retries": "3",
        "ce-test": "true",
    }
    assert json.loads(message.body) == EVENT.data
    euro = CloudEvent(id="1", source="/", type="t", subject="Euro € 😀").binary()
    assert euro.headers["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"  # the example of the specification


def test_nothing_optional_need_be_there() -> None:
    """No data, no media type; data without one is JSON."""
    bare = CloudEvent(id="1", source="/shop", type="order.placed")
    data = CloudEvent(id="1", source="/shop", type="order.placed", data=[])

    assert bare.to_data() == {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.placed"}
    assert bare.binary().body == b""
    assert "content-type" not in bare.binary().headers
    assert (data.binary().body, data.binary().headers["content-type"]) == (b"[]", "application/json")
    for message in sent(bare):
        assert CloudEvent.from_http(message.headers, message.body) == bare


@pytest.mark.parametrize("data", [b"\x00\xff", "text", '"', {"a": 1}, [1.5], 0, False, "", b""], ids=repr)
@pytest.mark.parametrize("type", [None, "application/json", "application/vnd.acme+json; charset=utf-8", "text/plain"])
def test_data_of_any_kind(data: object, type: str | None) -> None:
    """Goes there and back; over HTTP text that is no JSON becomes bytes, as nobody says how to read it."""
    if type == "text/plain" and not isinstance(data, (str, bytes)):
        assert problems(datacontenttype=type, data=data) == ["data"]
        return
    event = CloudEvent(id="1", source="/shop", type="order.placed", datacontenttype=type, data=data)
    told = json.loads(json.dumps(event.to_data()))
    back = CloudEvent.from_http(event.structured().headers, event.structured().body)

    assert back == CloudEvent.from_data(told) == CloudEvent.from_data(json.dumps(told)) == event
    assert ("data_base64" in told) is isinstance(data, bytes)
    if type == "text/plain" or isinstance(data, bytes):
        body = data if isinstance(data, bytes) else data.encode() if isinstance(data, str) else None
        assert body is None or event.binary().body == body


def test_its_data_is_not_shown() -> None:
    """Written out, for it may be personal."""
    event = CloudEvent(id="1", source="/shop", type="t", data={"name": "SECRET"})

    assert "SECRET" not in f"{event!r} {event.structured()!r} {event.binary()!r}"


@pytest.mark.parametrize("data", [float("nan"), object(), {1j: 1}, "\ud800"])
def test_what_json_can_not_hold_is_refused(data: object) -> None:
    """When it is written."""
    event = CloudEvent(id="1", source="/shop", type="t", data=data)
    for write in (event.structured, event.binary):
        with pytest.raises(Invalid) as caught:
            write()
        assert caught.value.problems[0].path == "data"


# --- rules ------------------------------------------------------------------------------------------------------------


def test_rules_are_checked_all_at_once() -> None:
    """Of every attribute."""
    assert problems(id="", source="", type="") == ["id", "source", "type"]
    assert problems(id=None, source=5, type=b"x") == ["id", "source", "type"]
    assert problems(subject="", dataschema="", datacontenttype="") == ["subject", "datacontenttype", "dataschema"]
    assert problems(subject="SECRET\n", id="\x7fSECRET") == ["id", "subject"]
    assert problems(source="a b SECRET", dataschema="<SECRET>") == ["source", "dataschema"]
    assert (
        problems(extensions={"Sequence": "1", "a_b": "1", "": "1", "id": "1", "data": "1", 5: "1"})
        == ["extensions"] * 6
    )
    assert problems(extensions={"a": None, "b": 1.5, "c": 2**31, "d": "", "e": "\x00SECRET"}) == list("abcde")
    assert problems(extensions=["a"]) == ["extensions"]
    assert problems(id="\ufffe", type="\ufdd0", subject="\U0010ffff") == ["id", "type", "subject"]
    assert problems(source="%zz", dataschema="/schema") == ["source", "dataschema"]
    for junk in ("SECRET", "text/ä", "text/plain charset=utf-8", "text/plain; a=é", 5, "text/plain;\n"):
        assert problems(datacontenttype=junk) == ["datacontenttype"]
    for time in ("2026-11-21T09:00:00Z", AT.date(), AT.replace(tzinfo=None), 5):
        assert problems(time=time) == ["time"]


def test_an_event_within_an_event_is_not_taken_for_it() -> None:
    """It is sent in the envelope of the other."""
    event = CloudEvent(
        id="1", source="/", type="t", datacontenttype="Application/CloudEvents+json", data=EVENT.to_data()
    )

    assert CloudEvent.from_http(event.structured().headers, event.structured().body) == event
    with pytest.raises(Invalid, match="structured"):
        event.binary()


# --- read -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", sent(EVENT), ids=["structured", "binary"])
def test_what_is_written_is_read(message: HttpMessage) -> None:
    """In both ways, whatever capitals the headers have; over headers extensions become text."""
    headers = {name.title(): value for name, value in message.headers.items()}
    back = CloudEvent.from_http(headers, message.body)

    assert back.data == EVENT.data
    assert {name: str(value).lower() for name, value in back.extensions.items()} == {
        name: str(value).lower() for name, value in EVENT.extensions.items()
    }
    assert all(
        getattr(back, name) == getattr(EVENT, name)
        for name in ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema")
    )


def test_headers_of_older_senders_are_read() -> None:
    """In double quotes, with lower-case percent-encoding, and with what need not be encoded."""
    headers = {"ce-id": '"a \\"b\\" \\\\"', "ce-source": "%2f%73hop", "ce-type": "t", "ce-specversion": "1.0"}
    event = CloudEvent.from_http({**headers, "ce-subject": "%e2%82%ac"}, b"")

    assert (event.id, event.source, event.subject) == ('a "b" \\', "/shop", "€")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T09:00:00Z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21t09:00:00z", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("2026-11-21T09:00:00.1Z", datetime(2026, 11, 21, 9, 0, 0, 100_000, tzinfo=UTC)),
        ("2026-11-21T09:00:00.123456789+01:30", datetime(2026, 11, 21, 7, 30, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_times_are_read(text: str, expected: datetime) -> None:
    """As RFC 3339 writes them."""
    data = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", "time": text}

    assert CloudEvent.from_data(data).time == expected


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"specversion": None}, "specversion"),
        ({"id": None}, "id"),
        ({"time": "2026-11-21"}, "time"),
        ({"time": "2026-11-21T09:00:00"}, "time"),
        ({"time": "2026-13-21T09:00:00Z"}, "time"),
        ({"time": 5}, "time"),
        ({"data_base64": "é"}, "data_base64"),
        ({"data_base64": "a"}, "data_base64"),
        ({"data_base64": 5}, "data_base64"),
        ({"extra": {}}, "extra"),
        ({"data": 1, "data_base64": "AA=="}, "data_base64"),
    ],
)
def test_what_breaks_a_rule_is_no_event(changed: dict[str, Any], path: str) -> None:
    """By name."""
    data = {"specversion": "1.0", "id": "1", "source": "/", "type": "t", **changed}
    with pytest.raises(Invalid) as caught:
        CloudEvent.from_data(data)
    assert [problem.path for problem in caught.value.problems] == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '{"a": NaN}', b"\xff", None, {5}, "[" * 100_000])
def test_what_is_no_json_is_no_event(text: Any) -> None:  # noqa: ANN401 - anything
    """Nor what is no object."""
    with pytest.raises(Invalid):
        CloudEvent.from_data(text)


@pytest.mark.parametrize(
    ("headers", "body", "path"),
    [
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", "content-type"),
        ({"content-type": "application/cloudevents+avro"}, b"", "content-type"),
        ({"content-type": "application/cloudevents+json"}, b"{", "event"),
        ({}, b"", "specversion"),
        (None, b"", "headers"),
        ([("ce-id", "1")], b"", "headers"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t", "ce-data": "x"}, b"", "ce-data"),
        ({"ce-specversion": "1.0", "ce-id": "%C0%A0"}, b"", "ce-id"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t"}, b"{", "body"),
        ({"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/", "ce-type": "t", "ce-a_b": "x"}, b"", "extensions"),
    ],
)
def test_what_is_no_message_of_one_event_is_refused(headers: Any, body: bytes, path: str) -> None:  # noqa: ANN401
    """By name."""
    with pytest.raises(Invalid) as caught:
        CloudEvent.from_http(headers, body)
    assert [problem.path for problem in caught.value.problems] == [path]


# --- the SDK of the specification -------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
names = st.from_regex("[a-z][a-z0-9]{0,8}", fullmatch=True).filter(
    lambda name: name not in CloudEvent.__slots__ and name != "specversion"  # type: ignore[attr-defined]
)


@given(
    id=texts,
    subject=st.none() | texts,
    time=st.none() | times,
    extensions=st.dictionaries(names, texts, max_size=3),
    data=st.dictionaries(texts, values, max_size=3),
)
def test_the_sdk_reads_what_is_written_and_writes_what_is_read(
    id: str, subject: str | None, time: datetime | None, extensions: dict[str, str], data: dict[str, Any]
) -> None:
    """In both ways over HTTP, the same event comes out."""
    kept: dict[str, Any] = {"id": id, "subject": subject, "time": time, "extensions": extensions, "data": data}
    ours = CloudEvent(source="/shop", type="order.placed", datacontenttype="application/json", **kept)
    told = {"source": "/shop", "type": "order.placed", "id": id, "specversion": "1.0", **extensions}
    told |= {"subject": subject, "time": time, "datacontenttype": "application/json"}
    known = {name: value for name, value in told.items() if value is not None}
    known.setdefault("time", AT)  # which theirs would set to now
    theirs = Theirs(dict(known), data)

    for message in sent(ours):
        read = http.from_http_event(HTTPMessage(dict(message.headers), message.body))
        attributes = {**read.get_attributes()}
        if time is None:
            attributes["time"] = AT
        assert (attributes, read.get_data()) == (known, data)
    for message in (http.to_structured_event(theirs), http.to_binary_event(theirs)):
        back = CloudEvent.from_http(message.headers, message.body)
        assert back == CloudEvent(
            source="/shop", type="order.placed", datacontenttype="application/json", **{**kept, "time": known["time"]}
        )


def test_times_of_other_zones_are_told_in_utc() -> None:
    """The same instant."""
    there = AT.astimezone(timezone(timedelta(hours=9)))
    event = CloudEvent(id="1", source="/", type="t", time=there)

    assert event.to_data()["time"] == "2026-11-21T09:00:00.123456Z"
