"""CloudEvents 1.0: the envelope that brokers, gateways and functions of every make take, written and read.

Values only: the host sends them. ``envelope`` in ``crmcore.interchange.envelopes`` puts a change into one.

Source: CloudEvents specification 1.0.2 with its JSON event format and HTTP protocol binding.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import NoneType
from typing import Any, NoReturn, Self
from urllib.parse import quote, unquote_to_bytes

import attrs

from crmcore.interchange.headers import by_name
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.frozen_map import EMPTY, FrozenMap
from crmcore.kernel.instants import instant
from crmcore.kernel.plain import plain

__all__ = ["CloudEvent", "HttpMessage"]

JSON = "application/json"
STRUCTURED = "application/cloudevents"
HIDDEN = "•••"

_TEXTS = ("id", "source", "type", "subject", "datacontenttype", "dataschema")
_REQUIRED = ("id", "source", "type")
_ATTRIBUTES = frozenset({"specversion", "time", "data", "data_base64", *_TEXTS})
_NAME = re.compile("[a-z0-9]{1,100}")
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_NO_TEXT = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_NONCHARACTERS}]")
_URI = re.compile(r"(?:[\w\-.~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.", re.ASCII)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+(?:\s*;[ -~]*)?", re.ASCII)
_IS_JSON = re.compile(r"[\w!#$&^.-]+/(?:[\w!#$&^.-]+\+)?json(?:\s*;.*)?", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?P<part>\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _frozen(extensions: object) -> Mapping[str, str | int | bool]:
    if not isinstance(extensions, Mapping):
        mend = "write {name: value}"
        raise Invalid([Problem("extensions", type(extensions).__name__, "attributes by name", mend)])
    return FrozenMap(extensions)


@attrs.frozen
class HttpMessage:
    """What goes over HTTP, in either direction.

    Attributes:
        headers: The headers, their names in lower case.
        body: The body.
    """

    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class CloudEvent:
    """An event in its envelope. Written out it does not show its data, which may be personal.

    Attributes:
        id: Its id: with the source it is the same for the same event only.
        source: Where it happened: a URI, or the path of one.
        type: What happened.
        subject: What it happened to.
        time: When it happened.
        datacontenttype: The media type of its data, as ``text/plain``; None for JSON.
        dataschema: The URI of the schema of its data, whole.
        extensions: Further attributes, by name: text, whole numbers of 32 bits, or booleans.
        data: What JSON holds, or of another media type text or bytes; None for nothing.

    Raises:
        Invalid: An attribute breaks a rule of the specification: every one that does.

    Example:
        >>> from crmcore.interchange.cloudevents import CloudEvent
        >>> event = CloudEvent(id="1", source="/shop", type="order.placed", data={"order": "A-1"})
        >>> event.to_data()["data"]
        {'order': 'A-1'}
        >>> CloudEvent.from_data(event.to_data()) == event
        True
    """

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str | int | bool] = attrs.field(default=EMPTY, converter=_frozen)
    data: Any = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        """Check it once, when it is made."""
        problems = [*self._text_problems(), *self._time_problems(), *self._extension_problems()]
        problems += self._data_problems()
        if problems:
            raise Invalid(problems)

    def _text_problems(self) -> Iterator[Problem]:
        for name in _TEXTS:
            value: object = getattr(self, name)
            if value is not None or name in _REQUIRED:
                yield from _misread(name, value)
        for name in ("source", "dataschema"):
            value = getattr(self, name)
            if isinstance(value, str) and value and not _URI.fullmatch(value):
                yield Problem(name, HIDDEN, "a URI, or the path of one", "percent-encode what URIs do not take")
            elif name == "dataschema" and isinstance(value, str) and value and not _SCHEME.match(value):
                yield Problem(name, HIDDEN, "a whole URI", "begin it with https:// or urn:")
        type: object = self.datacontenttype
        if isinstance(type, str) and type and not (_MEDIA_TYPE.fullmatch(type) or _NO_TEXT.search(type)):
            yield Problem("datacontenttype", HIDDEN, "a media type", "write it as application/json")

    def _extension_problems(self) -> Iterator[Problem]:
        for name, value in self.extensions.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _ATTRIBUTES:
                mend = "rename the extension"
                yield Problem("extensions", name, "a name of lower-case letters and digits that is not taken", mend)
            elif isinstance(value, str):
                yield from _misread(name, value)
            elif not isinstance(value, int) or not -(2**31) <= value < 2**31:
                yield Problem(name, HIDDEN, "text, a whole number of 32 bits, or a boolean", "write it as text")

    def _time_problems(self) -> Iterator[Problem]:
        time: object = self.time
        if time is not None and (not isinstance(time, datetime) or time.utcoffset() is None):
            yield Problem("time", type(time).__name__, "a datetime with an offset", "say where its clock hung")

    def _data_problems(self) -> Iterator[Problem]:
        if not isinstance(self.data, (str, bytes, NoneType)) and not _holds_json(self.datacontenttype):
            mend = "write it as text, or leave datacontenttype out"
            yield Problem("data", type(self.data).__name__, "text or bytes, for its media type is not JSON", mend)

    # --- as JSON ----------------------------------------------------------------------------------------------------

    def _attributes(self) -> dict[str, str | int | bool]:
        """Every attribute that is there, by name."""
        told = {name: getattr(self, name) for name in _TEXTS}
        told["time"] = plain(self.time)
        every = {"specversion": "1.0", **told, **self.extensions}
        return {name: value for name, value in every.items() if value is not None}

    def to_data(self) -> dict[str, Any]:
        """It as an object of JSON, as the JSON event format has it: personal values included, if it has any."""
        if self.data is None:
            return self._attributes()
        if isinstance(self.data, bytes):
            return {**self._attributes(), "data_base64": base64.b64encode(self.data).decode()}
        return {**self._attributes(), "data": self.data}

    @classmethod
    def from_data(cls, data: Mapping[str, Any] | str | bytes) -> Self:
        """An event out of the JSON event format.

        Args:
            data: The object, or its JSON text.

        Raises:
            Invalid: It is no event of CloudEvents 1.0.
        """
        told = data if isinstance(data, Mapping) else _loaded(data, "event")
        if not isinstance(told, Mapping):
            raise Invalid([Problem("event", type(told).__name__, "an object", "send one event at a time")])
        known = {name: value for name, value in told.items() if value is not None}
        if "data" in known and "data_base64" in known:
            mend = "send one of them"
            raise Invalid([Problem("data_base64", HIDDEN, "either data or data_base64", mend)])
        if "data_base64" in known:
            known["data"] = _decoded(known.pop("data_base64"))
        return cls._of(known)

    @classmethod
    def _of(cls, told: dict[str, Any]) -> Self:
        """An event of its attributes and data."""
        version = told.pop("specversion", None)
        if version != "1.0":
            raise Invalid([Problem("specversion", version, "'1.0'", "send CloudEvents 1.0")])
        time = told.pop("time", None)
        own = {name: told.pop(name, None) for name in ("data", *_TEXTS)}
        return cls(**own, time=None if time is None else _time(time), extensions=told)

    # --- over HTTP --------------------------------------------------------------------------------------------------

    def structured(self) -> HttpMessage:
        """It as one message of HTTP whose body holds everything."""
        return HttpMessage({"content-type": f"{STRUCTURED}+json; charset=utf-8"}, _dumped(self.to_data()))

    def binary(self) -> HttpMessage:
        """It as one message of HTTP whose headers hold the attributes, and whose body is the data.

        Raises:
            Invalid: Its data can't be written, or is an event in its envelope, which would be taken for this one.
        """
        told = self._attributes()
        if (self.datacontenttype or "").lower().startswith(STRUCTURED):
            mend = "send it as structured()"
            raise Invalid([Problem("datacontenttype", HIDDEN, "a media type that is no event's", mend)])
        type = told.pop("datacontenttype", None if self.data is None else JSON)
        headers = {f"ce-{name}": _header(value) for name, value in told.items()}
        return HttpMessage(headers if type is None else {**headers, "content-type": str(type)}, self._body())

    def _body(self) -> bytes:
        """The data as a body."""
        if self.data is None:
            return b""
        if isinstance(self.data, bytes):
            return self.data
        if isinstance(self.data, str) and not _holds_json(self.datacontenttype):
            return self.data.encode()
        return _dumped(self.data)

    @classmethod
    def from_http(cls, headers: Mapping[str, str], body: bytes) -> Self:
        """An event out of a message of HTTP, in whichever of the two ways it was sent.

        Args:
            headers: The headers; capitals in their names make no difference.
            body: The body.

        Raises:
            Invalid: It is no event of CloudEvents 1.0, or several.
        """
        known = {name: str(value) for name, value in by_name(headers).items()}
        type = known.get("content-type")
        if type is not None and type.lower().startswith(STRUCTURED):
            if not type.lower().startswith(f"{STRUCTURED}+json"):
                mend = "send one event at a time, as JSON"
                raise Invalid([Problem("content-type", type, f"{STRUCTURED}+json", mend)])
            return cls.from_data(body)
        told: dict[str, Any] = {
            name.removeprefix("ce-"): _unescaped(name, value) for name, value in known.items() if name[:3] == "ce-"
        }
        if "data" in told:
            raise Invalid([Problem("ce-data", HIDDEN, "the data as the body", "send no such header")])
        if type is not None:
            told["datacontenttype"] = type
        if body:
            told["data"] = _loaded(body, "body") if _holds_json(type) else body
        return cls._of(told)


def _misread(name: str, value: object) -> Iterator[Problem]:
    """What is wrong with an attribute that is text."""
    if not isinstance(value, str) or not value:
        yield Problem(name, None if value is None else HIDDEN, "text that is not empty", f"give {name}")
    elif _NO_TEXT.search(value):
        yield Problem(name, HIDDEN, "text without control characters and what is no character", "take them out")


def _holds_json(type: object) -> bool:
    """Whether data of a media type is JSON."""
    return type is None or (isinstance(type, str) and _IS_JSON.fullmatch(type) is not None)


def _dumped(value: object) -> bytes:
    """A value as JSON text."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid([Problem("data", type(value).__name__, "what JSON can hold", "give plain values")]) from error


def _loaded(text: object, path: str) -> Any:  # noqa: ANN401 - any value of JSON
    """The value that JSON text holds."""
    try:
        return json.loads(text, parse_constant=_no_number)  # type: ignore[arg-type]
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid([Problem(path, type(text).__name__, "JSON", "send it as UTF-8")]) from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _decoded(text: object) -> bytes:
    """The bytes that base64 text holds."""
    try:
        return base64.b64decode(text, validate=True)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise Invalid([Problem("data_base64", type(text).__name__, "base64", "encode the bytes")]) from error


def _time(value: object) -> datetime:
    """An instant as RFC 3339 writes it; digits beyond the microsecond are cut off."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        part = found["part"] or ""
        try:
            return instant(found[0].upper().replace(part, part[:7].ljust(7, "0") if part else ""), zone="UTC")
        except Invalid:
            pass
    mend = "write it as 2026-11-21T09:00:00Z"
    raise Invalid([Problem("time", value if isinstance(value, str) else type(value).__name__, "an instant", mend)])


def _header(value: str | int | bool) -> str:  # noqa: FBT001 - an attribute's value
    """An attribute as a header holds it."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(one if "!" <= one <= "~" and one not in '"%' else quote(one, safe="") for one in text)


def _unescaped(name: str, value: str) -> str:
    """An attribute out of a header."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeError as error:
        raise Invalid([Problem(name, HIDDEN, "UTF-8, percent-encoded", "encode it anew")]) from error
