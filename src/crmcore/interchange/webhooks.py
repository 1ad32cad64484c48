"""Standard Webhooks: messages signed so that who gets them knows who sent them, and that they are not sent anew.

Values only: the host sends and receives, tells the time, and makes secrets from chance of its own.

Source: Standard Webhooks specification 1.0.0, its symmetric signatures: HMAC-SHA256 of ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from crmcore.interchange.headers import by_name
from crmcore.kernel.errors import Invalid, Problem
from crmcore.kernel.instants import utc

__all__ = ["TOLERANCE", "secret_text", "sign", "verify"]

TOLERANCE = timedelta(minutes=5)
"""How far the time of a message may be from the receiver's."""

LEAST, MOST = 24, 64
"""Bytes of a secret that is signed with."""

PREFIX = "whsec_"
HIDDEN = "•••"

_ID = re.compile(r"[!-\-/-~]+", re.ASCII)  # what a header takes, but for full stops
_SECONDS = re.compile("[0-9]{1,11}", re.ASCII)


def secret_text(key: bytes) -> str:
    """A secret as it is handed to the other side.

    Args:
        key: 24 to 64 bytes by chance: ``secrets.token_bytes(32)``; another one for each place that is sent to.

    Raises:
        Invalid: They are fewer or more.

    Example:
        >>> from crmcore.interchange.webhooks import secret_text
        >>> secret_text(bytes(24))
        'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    if not isinstance(key, bytes):
        raise _no_secret("bytes by chance")
    return PREFIX + base64.b64encode(_strong(key)).decode()


def sign(body: bytes | str, *, id: str, at: datetime, secrets: str | Iterable[str]) -> dict[str, str]:
    """The headers of a message that is sent, with a signature for each secret.

    While a secret is replaced, sign with the new one and the old one until the receiver has the new one.

    Args:
        body: The body, exactly as it is sent.
        id: The message's id, the same however often it is sent: the ``key`` of a change. Without full stops.
        at: When it is sent, anew each time.
        secrets: The secret, or several, as ``secret_text`` gives them.

    Raises:
        Invalid: The id holds what a header does not take, the time is naive, or a secret is none.

    Example:
        >>> from datetime import datetime, UTC
        >>> from crmcore.interchange.webhooks import secret_text, sign
        >>> at = datetime(2026, 11, 21, 9, tzinfo=UTC)
        >>> headers = sign('{"stage":"won"}', id="default/order/1", at=at, secrets=secret_text(bytes(24)))
        >>> headers["webhook-timestamp"], headers["webhook-signature"][:3]
        ('1795251600', 'v1,')
    """
    if not isinstance(id, str) or not _ID.fullmatch(id):
        mend = "percent-encode it; the key of a change is"
        raise Invalid([Problem("id", type(id).__name__, "printable ASCII without blanks and full stops", mend)])
    seconds = str(int(utc(at, "at").timestamp()))
    content = _content(id, seconds, body)
    signed = " ".join(_signature(_strong(key), content) for key in _keys(secrets))
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": signed}


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    now: datetime,
    secrets: str | Iterable[str],
    tolerance: timedelta = TOLERANCE,
) -> str:
    """The id of a message, once it is sure that somebody who has a secret has sent it just now.

    With the id ``CRM.receive`` handles it once, for it may well come again.

    Args:
        body: The body, exactly as it came.
        headers: Its headers; capitals in their names make no difference.
        now: What time it is.
        secrets: The secret, or several while one is replaced; any of them will do.
        tolerance: How far the message's time may be from now, in either direction.

    Raises:
        Invalid: A header is missing or unreadable, the time is too far from now, no signature fits, or a secret is
            none.

    Example:
        >>> from datetime import datetime, UTC
        >>> from crmcore.interchange.webhooks import secret_text, sign, verify
        >>> at, secret = datetime(2026, 11, 21, 9, tzinfo=UTC), secret_text(bytes(24))
        >>> verify("{}", sign("{}", id="evt_17", at=at, secrets=secret), now=at, secrets=secret)
        'evt_17'
    """
    known = by_name(headers)
    id, seconds, signed = (_header(known, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature"))
    if "." in id:  # else it might end with the time and the beginning of another message's body
        raise Invalid([Problem("webhook-id", HIDDEN, "an id without full stops", "send Standard Webhooks")])
    if not _SECONDS.fullmatch(seconds):
        raise Invalid([Problem("webhook-timestamp", HIDDEN, "seconds since 1970", "send a whole number")])
    if abs(utc(now, "now").timestamp() - int(seconds)) > _seconds(tolerance):
        mend = "send it anew, or set the clocks"
        raise Invalid([Problem("webhook-timestamp", seconds, f"a time within {tolerance} of now", mend)])
    content = _content(id, seconds, body)
    wanted = [_signature(key, content).encode() for key in _keys(secrets)]
    given = [one.encode("utf-8", "replace") for one in signed.split()]
    fits = [hmac.compare_digest(one, other) for one in wanted for other in given]  # all of them, whichever fits
    if not any(fits):
        mend = "check that both sides have the same secret, and that the body is as it was sent"
        raise Invalid([Problem("webhook-signature", HIDDEN, "one that fits", mend)])
    return id


def _content(id: str, seconds: str, body: bytes | str) -> bytes:
    """What is signed."""
    if isinstance(body, str):
        body = body.encode("utf-8", "replace")
    if not isinstance(body, bytes):
        raise Invalid([Problem("body", type(body).__name__, "bytes or text", "give the body as it is sent")])
    return f"{id}.{seconds}.".encode("utf-8", "replace") + body


def _signature(key: bytes, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def _keys(secrets: str | Iterable[str]) -> Iterator[bytes]:
    """The bytes of secrets, at least one."""
    told = [secrets] if isinstance(secrets, str) else list(secrets) if isinstance(secrets, Iterable) else []
    if not told:
        raise _no_secret("at least one")
    for secret in told:
        yield _key(secret)


def _key(secret: object) -> bytes:
    """The bytes of a secret. Of others it may have any length, and lack its prefix and its padding."""
    text = secret.removeprefix(PREFIX) if isinstance(secret, str) else ""
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise _no_secret(f"{PREFIX} and base64")
    return key


def _strong(key: bytes) -> bytes:
    """A key that may be signed with."""
    if not LEAST <= len(key) <= MOST:
        raise _no_secret(f"{LEAST} to {MOST} bytes")
    return key


def _no_secret(expected: str) -> Invalid:
    return Invalid([Problem("secrets", HIDDEN, expected, "make it with secret_text(secrets.token_bytes(32))")])


def _seconds(tolerance: object) -> float:
    """A tolerance in seconds."""
    if not isinstance(tolerance, timedelta):
        mend = "write timedelta(minutes=5)"
        raise Invalid([Problem("tolerance", type(tolerance).__name__, "a timedelta", mend)])
    return tolerance.total_seconds()


def _header(known: Mapping[str, object], name: str) -> str:
    """A header that must be there."""
    value = known.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid([Problem(name, None, "a header with a value", "send Standard Webhooks")])
    return value
