"""Standard Webhooks: signed as the specification and its library sign, and verified as they verify."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from crmcore import CRM, Invalid
from crmcore.interchange.envelopes import envelope
from crmcore.interchange.webhooks import secret_text, sign, verify

AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
SECRET, OTHER = secret_text(b"s" * 32), secret_text(b"t" * 24)
SENT = sign("{}", id="evt_17", at=AT, secrets=SECRET)


def refused(path: str, **changed: Any) -> None:  # noqa: ANN401 - the arguments of verify
    """What is not believed, and why."""
    told: dict[str, Any] = {"body": "{}", "headers": SENT, "now": AT, "secrets": SECRET, **changed}
    with pytest.raises(Invalid) as caught:
        verify(told.pop("body"), told.pop("headers"), **told)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert SECRET[6:] not in str(caught.value)


def test_the_published_vector() -> None:
    """Of the reference implementations: libraries/javascript/src/webhook.test.ts."""
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign(
        '{"test": 2432232314}',
        id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=at,
        secrets="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert verify(b'{"test": 2432232314}', headers, now=at, secrets="MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_message_is_believed() -> None:
    """As text or bytes, whatever capitals its headers have, within the tolerance in either direction."""
    headers = {name.title(): value for name, value in SENT.items()}
    for off in (-300, -1, 0, 300):
        now = AT + timedelta(seconds=off)
        assert (
            verify("{}", headers, now=now, secrets=SECRET) == verify(b"{}", SENT, now=now, secrets=SECRET) == "evt_17"
        )
    assert verify("{}", SENT, now=AT + timedelta(days=1), secrets=SECRET, tolerance=timedelta(days=1)) == "evt_17"


def test_what_was_changed_is_not_believed() -> None:
    """The body, the id, the time, the secret, or the signature."""
    refused("webhook-signature", body="{} ")
    refused("webhook-signature", body=b"")
    refused("webhook-signature", headers={**SENT, "webhook-id": "evt_18"})
    refused("webhook-signature", headers={**SENT, "webhook-timestamp": str(int(AT.timestamp()) + 1)})
    refused("webhook-signature", secrets=OTHER)
    for junk in ("v1,", "v1", ",", "x y z", "v1,é", "v1,\ud800", SENT["webhook-signature"][:-1]):
        refused("webhook-signature", headers={**SENT, "webhook-signature": junk})
    refused("webhook-signature", headers={**SENT, "webhook-signature": SENT["webhook-signature"].replace("v1", "v1a")})


def test_an_id_ends_where_it_says() -> None:
    """Else the time of one message and the beginning of its body could be taken for the end of another's id."""
    seconds = str(int(AT.timestamp()))
    sent = sign(f"{seconds}.5", id="evt", at=AT, secrets=SECRET)
    refused("webhook-id", body="5", headers={**sent, "webhook-id": f"evt.{seconds}"})


def test_what_is_late_or_early_is_not_believed() -> None:
    """It may have been sent before, by whomever."""
    for off in (-301, 301, 10**6):
        refused("webhook-timestamp", now=AT + timedelta(seconds=off))
    refused("webhook-timestamp", now=AT + timedelta(seconds=2), tolerance=timedelta(seconds=1))
    for junk in ("x", "1e9", "nan", "inf", "-1", "²", "9" * 30, "1.5"):
        refused("webhook-timestamp", headers={**SENT, "webhook-timestamp": junk})
    refused("now", now=AT.replace(tzinfo=None))
    refused("tolerance", tolerance=300)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(name: str) -> None:
    """Or that is empty, or none."""
    refused(name, headers={one: value for one, value in SENT.items() if one != name})
    refused(name, headers={**SENT, name: ""})
    refused(name, headers={**SENT, name: 5, 5: "x"})
    refused("headers", headers=[*SENT.items()])


def test_secrets_are_replaced_without_a_gap() -> None:
    """While both are signed with, who has either believes; and who takes either believes."""
    both = sign("{}", id="evt_17", at=AT, secrets=[SECRET, OTHER])
    assert both["webhook-signature"].count("v1,") == 2
    for secret in (SECRET, OTHER):
        assert verify("{}", both, now=AT, secrets=secret)
        assert verify("{}", sign("{}", id="a", at=AT, secrets=secret), now=AT, secrets=iter([OTHER, SECRET]))
    refused("webhook-signature", headers=both, secrets=secret_text(b"u" * 24))


def test_other_signatures_are_passed_over() -> None:
    """Of other versions, and of other secrets."""
    mixed = f"v1a,abc v2,abc v1,abc {SENT['webhook-signature']} v1,abc"
    assert verify("{}", {**SENT, "webhook-signature": mixed}, now=AT, secrets=SECRET) == "evt_17"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_é", "whsec_a", "whsec_!", None, 5, b"x"])
def test_what_is_no_secret_is_refused(secret: Any) -> None:  # noqa: ANN401 - anything
    """On either side, and never shown."""
    for secrets in ([secret], [SECRET, secret], secret):
        refused("secrets", secrets=secrets)
        with pytest.raises(Invalid):
            sign("{}", id="a", at=AT, secrets=secrets)


def test_a_secret_to_sign_with_is_long_enough() -> None:
    """24 to 64 bytes; one of somebody else's is taken as it is."""
    for key in (b"", b"x" * 23, b"x" * 65, "x" * 30, None):
        with pytest.raises(Invalid, match="secrets"):
            secret_text(key)  # type: ignore[arg-type]
    short = "whsec_" + base64.b64encode(b"short").decode()
    with pytest.raises(Invalid, match="24 to 64 bytes"):
        sign("{}", id="a", at=AT, secrets=short)
    with pytest.raises(Invalid, match="at least one"):
        sign("{}", id="a", at=AT, secrets=[])
    assert Webhook(short).sign("a", AT, "{}")
    headers = {"webhook-id": "a", "webhook-timestamp": SENT["webhook-timestamp"]}
    assert verify("{}", {**headers, "webhook-signature": Webhook(short).sign("a", AT, "{}")}, now=AT, secrets=short)


@pytest.mark.parametrize("id", ["", "a.b", "a b", "é", "a\n", 5, None])
def test_an_id_fits_a_header(id: Any) -> None:  # noqa: ANN401 - anything
    """And says where it ends."""
    with pytest.raises(Invalid) as caught:
        sign("{}", id=id, at=AT, secrets=SECRET)
    assert [problem.path for problem in caught.value.problems] == ["id"]


def test_what_is_signed_is_bytes_at_a_time() -> None:
    """Or text; an instant has an offset."""
    for body in (None, 5, {}):
        refused("body", body=body)
    with pytest.raises(Invalid) as caught:
        sign("{}", id="a", at=AT.replace(tzinfo=None), secrets=SECRET)
    assert caught.value.problems[0].path == "at"


@given(body=st.text(st.characters(exclude_categories=["Cs"])), key=st.binary(min_size=24, max_size=64))
def test_the_library_of_the_specification_agrees(body: str, key: bytes) -> None:
    """Both ways: it believes what is signed here, and what it signs is believed here."""
    secret, now = secret_text(key), datetime.now(UTC)
    ours = sign(body, id="evt_17", at=now, secrets=[OTHER, secret])
    Webhook(secret).verify(body, ours, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + " ", ours, json_parse=False)
    theirs = Webhook(secret).sign("evt_17", AT, body)
    headers = {"webhook-id": "evt_17", "webhook-timestamp": str(int(AT.timestamp())), "webhook-signature": theirs}

    assert verify(body, headers, now=AT, secrets=secret) == "evt_17"


def test_a_change_is_sent_and_received_once(crm: CRM) -> None:
    """From one CRM to another: followed, put into an envelope, signed, verified, handled."""
    other = CRM(clock=lambda: AT)
    crm.accounts.add(name="Acme")
    for _ in range(2):
        crm.follow("other").__enter__()
        with crm.follow("again") as batch:
            messages = [envelope(crm, change).structured() for change in batch]
            keys = [batch.key(change) for change in batch]
        for key, message in zip(keys, messages, strict=True):
            headers = sign(message.body, id=key, at=AT, secrets=SECRET)
            id = verify(message.body, {**headers, **message.headers}, now=AT, secrets=SECRET)
            assert other.receive("crm", id, lambda there: there.accounts.add(name="Acme"))
            assert not other.receive("crm", id, lambda there: there.accounts.add(name="Acme"))

    assert other.accounts.count() == 1
