"""SendGrid's event webhook: who signed it, what it says, and what follows."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from relight.base.errors import RejectError
from relight.base.instants import SECOND
from relight.delivery.sendgrid_events import (
    POST_BYTES_MAX,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SignatureError,
    load_keys,
    read_events,
    read_reports,
    verify,
)
from relight.messages.addresses import address_hash

PRIVATE = ec.generate_private_key(ec.SECP256R1())
#: Order of the curve P-256.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def public_text(key: Any = PRIVATE) -> str:
    kinds = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(key.public_key().public_bytes(*kinds)).decode()


KEYS = load_keys([public_text()])


def post(body: bytes, timestamp: str = "1780000000") -> dict[str, str]:
    signature = PRIVATE.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    return {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIMESTAMP_HEADER: timestamp}


@pytest.mark.recorded
@pytest.mark.skipif("RELIGHT_DATA" not in os.environ, reason="RELIGHT_DATA is not set")
def test_the_published_vector() -> None:
    """The published post verifies, its five invalid cases fail, and the malleated signature verifies and is no second
    report: its id is the same.
    """
    vector = json.loads((Path(os.environ["RELIGHT_DATA"]) / "sendgrid" / "webhook_vector.json").read_text())
    seen: dict[str, bool] = {}
    ids = set()
    for case in vector["cases"]:
        given = vector | case
        keys = load_keys([given["public_key"]])
        body = given["payload"].encode()
        seen[case["name"]] = verify(keys, given["signature"], given["timestamp"], body)
        assert seen[case["name"]] is case["valid"], case["name"]
        if case["valid"]:
            headers = {SIGNATURE_HEADER: given["signature"], TIMESTAMP_HEADER: given["timestamp"]}
            (event,) = read_events(headers, body, keys)
            ids.add(event.id)
            assert (event.word, event.suppress, event.cause) == ("dropped", "all", "provider_bounced")
            assert event.provider_id == "LRzXl_NHStOGhQ4kofSm_A"
    assert list(seen.values()).count(False) == 5
    assert len(ids) == 1


def test_a_post_is_signed_or_refused() -> None:
    """Every byte is signed; a malleated signature verifies too, which is why no signature is an identity."""
    body = b'[{"event": "delivered", "sg_event_id": "e1"}]\r\n'
    headers = post(body)
    assert [one.id for one in read_events({k.lower(): v for k, v in headers.items()}, body, KEYS)] == ["e1"]
    r, s = decode_dss_signature(base64.b64decode(headers[SIGNATURE_HEADER]))
    twin = base64.b64encode(encode_dss_signature(r, ORDER - s)).decode()
    assert verify(KEYS, twin, headers[TIMESTAMP_HEADER], body)
    for changed, sent in (
        ({}, body), ({**headers, TIMESTAMP_HEADER: "1780000001"}, body), (headers, body[:-2]),
        ({**headers, SIGNATURE_HEADER: "AAAA"}, body), ({**headers, SIGNATURE_HEADER: "ş"}, body),
        ({**headers, TIMESTAMP_HEADER: "ş"}, body), ({**headers, SIGNATURE_HEADER: ""}, body),
    ):  # fmt: skip
        with pytest.raises(SignatureError):
            read_events(changed, sent, KEYS)
    other = load_keys([public_text(ec.generate_private_key(ec.SECP256R1()))])
    with pytest.raises(SignatureError):
        read_events(headers, body, other)


def test_a_window_is_kept_where_it_is_asked_for() -> None:
    """With a window an old or future timestamp is refused; without one any age is taken, since copies are told apart."""
    body = b"[]"
    now = 1_780_000_000 * SECOND
    for age, is_taken in ((0, True), (299, True), (301, False), (-301, False)):
        headers = post(body, str(1_780_000_000 - age))
        assert read_events(headers, body, KEYS) == []
        if is_taken:
            assert read_events(headers, body, KEYS, now=now, window=300 * SECOND) == []
        else:
            with pytest.raises(SignatureError, match="window"):
                read_events(headers, body, KEYS, now=now, window=300 * SECOND)
    for odd in ("soon", "9" * 40):
        with pytest.raises(SignatureError, match="window"):
            read_events(post(body, odd), body, KEYS, now=now, window=300 * SECOND)


def test_what_is_no_list_of_reports_is_refused() -> None:
    """A signed post that is no list of objects is refused; one over the size is refused before anything is verified."""
    for body in (b"", b"{}", b"[1]", b"[", b"null", b'"x"', b"[" * 100_000):
        with pytest.raises(RejectError):
            read_events(post(body), body, KEYS)
    with pytest.raises(RejectError, match="bytes"):
        read_events({}, b" " * (POST_BYTES_MAX + 1), KEYS)


@pytest.mark.parametrize("text", ["", "AAAA", "no key", base64.b64encode(b"x" * 91).decode()])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    """What is no P-256 key is refused at the start; so is none at all."""
    with pytest.raises(ValueError, match="key"):
        load_keys([text])
    with pytest.raises(ValueError, match="anybody could post"):
        load_keys([])


def test_other_kinds_of_keys_are_refused_and_pem_is_taken() -> None:
    """A key of another curve or kind is no key of the webhook; PEM lines around a right one do no harm."""
    for other in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)):
        with pytest.raises(ValueError, match="P-256"):
            load_keys([public_text(other)])
    pem = PRIVATE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert len(load_keys([pem.decode(), public_text()]).keys) == 2


def report(**fields: Any) -> Any:
    base = {"email": "Ada@mail.example", "timestamp": 1_780_000_000, "sg_event_id": "e1", "relight_key": "k1"}
    (found,) = read_reports(json.dumps([{**base, **fields}]).encode())
    return found


@pytest.mark.parametrize(
    ("fields", "cause", "suppress"),
    [
        ({"event": "processed"}, "provider_accepted", ""),
        ({"event": "deferred", "response": "421 busy"}, "provider_accepted", ""),
        ({"event": "delivered"}, "provider_delivered", ""),
        ({"event": "DELIVERED"}, "provider_delivered", ""),
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "provider_bounced", "all"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"}, "provider_bounced", "all"),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "INVALID ADDRESS"}, "provider_bounced", "all"),
        ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, "provider_bounced", ""),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Mailbox Unavailable"}, "provider_bounced", ""),
        ({"event": "bounce", "type": "bounce", "bounce_classification": "Reputation", "status": "5.7.1"}, "provider_bounced", ""),
        ({"event": "bounce", "type": "blocked", "status": "5.1.1"}, "provider_bounced", ""),
        ({"event": "dropped", "reason": "Bounced Address"}, "provider_bounced", "all"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "provider_bounced", "marketing"),
        ({"event": "dropped", "reason": "Spam Reporting Address"}, "provider_bounced", "marketing"),
        ({"event": "dropped", "reason": "Spam Content"}, "provider_bounced", ""),
        ({"event": "spamreport"}, "recipient_complained", "marketing"),
        ({"event": "unsubscribe"}, "", "marketing"),
        ({"event": "group_unsubscribe", "asm_group_id": 7}, "", ""),
        ({"event": "group_resubscribe"}, "", ""),
        ({"event": "open"}, "", ""),
        ({"event": "click", "url": "https://shop.example/x"}, "", ""),
        ({"event": "account_status_change"}, "", ""),
        ({"event": "a new word"}, "", ""),
        ({"event": 7}, "", ""),
        ({}, "", ""),
    ],
)  # fmt: skip
def test_every_word_has_its_meaning(fields: dict[str, Any], cause: str, suppress: str) -> None:
    """The provider's words become ours; a block never suppresses an address, and an unknown word does nothing."""
    found = report(**fields)
    assert (found.cause, found.suppress) == (cause, suppress)
    assert found.withdraws is (fields.get("event") == "group_unsubscribe")
    assert (found.key, found.address, found.at) == ("k1", address_hash("ada@mail.example"), 1_780_000_000 * SECOND)


def test_a_report_is_known_by_its_id_or_by_what_it_says() -> None:
    """Copies are one; without an id, or with one too long, a report is what it says, whatever the order of its fields."""
    twice = json.dumps([{"event": "open", "sg_event_id": "e1"}] * 3).encode()
    assert [one.id for one in read_reports(twice)] == ["e1"]
    a = read_reports(b'[{"event": "open", "email": "a@b.example"}]')[0]
    b = read_reports(b'[{"email": "a@b.example", "event": "open"}]')[0]
    c = read_reports(b'[{"email": "c@b.example", "event": "open"}]')[0]
    assert a.id == b.id != c.id
    assert report(event="open", sg_event_id="x" * 101).id != "x" * 101
    assert report(event="open", timestamp="soon").at == report(event="open", timestamp=1e99).at == 0
    assert report(event="open", sg_machine_open=True).by_machine
    assert report(event="bounce", reason="a\nb" + "x" * 900).text.isprintable()
