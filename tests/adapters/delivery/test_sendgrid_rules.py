"""The stand-in refuses what SendGrid refuses: each row of its limits, and each shape its description asks for."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from sendgrid.helpers.mail import (
    Category,
    CustomArg,
    From,
    Header,
    Mail,
    MailSettings,
    ReplyTo,
    SandBoxMode,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from relight.delivery.sendgrid_payload import build_payload, headers_of
from relight.delivery.sendgrid_rules import SendRequest, is_sandboxed, read_request, recipients_of
from tests.adapters.delivery.mail_kit import message

NOW = 1_780_000_000
BATCHES = frozenset({"b-1"})
GOOD: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "ada@mail.example", "name": "Ada"}], "custom_args": {"relight_key": "k1"}}],
    "from": {"email": "defne@shop.example", "name": "Defne"},
    "reply_to": {"email": "help@shop.example"},
    "subject": "Panoların",
    "content": [{"type": "text/plain", "value": "a"}, {"type": "text/html", "value": "<p>a</p>"}],
    "headers": {"List-Unsubscribe": "<https://x.example/u>"},
    "categories": ["welcome"],
    "custom_args": {"relight_key": "k1"},
    "send_at": NOW + 72 * 3600,
    "batch_id": "b-1",
    "asm": {"group_id": 1, "groups_to_display": list(range(25))},
    "ip_pool_name": "p" * 64,
    "mail_settings": {"sandbox_mode": {"enable": False}},
    "tracking_settings": {"subscription_tracking": {"enable": False}},
}

Change = Callable[[dict[str, Any]], object]


def refusals(change: Change) -> list[tuple[str | None, str]]:
    payload = copy.deepcopy(GOOD)
    change(payload)
    found = read_request(json.dumps(payload).encode(), now_seconds=NOW, batch_ids=BATCHES)
    return [(one.field, one.message) for one in found] if isinstance(found, list) else []


def put(path: str, value: Any) -> Change:
    def change(payload: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        place: Any = payload
        for name in parents:
            place = place[int(name)] if isinstance(place, list) else place.setdefault(name, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value

    return change


def boxes(count: int, name: str = "p") -> list[dict[str, str]]:
    return [{"email": f"{name}{n}@mail.example"} for n in range(count)]


#: One row of the provider's limits -> a request just beyond it, and the field that is named.
ROWS: dict[str, tuple[Change, str | None]] = {
    "personalizations": (put("personalizations", [{"to": boxes(1, f"q{n}-")} for n in range(1001)]), "personalizations"),
    "recipients of a personalization": (put("personalizations.0.to", boxes(1001)), "personalizations.0.to"),
    "recipients together": (
        put("personalizations", [{"to": boxes(500, f"q{n}-"), "cc": boxes(1, f"c{n}-")} for n in range(2)]),
        "personalizations",
    ),
    "an address twice": (put("personalizations.0.cc", [{"email": "ADA@mail.example"}]), "personalizations"),
    "custom_args that are no text": (put("custom_args.n", 7), None),
    "custom_args too long": (put("custom_args.n", "x" * 9_986), "custom_args"),
    "substitutions": (put("personalizations.0.substitutions", {"-x-": "y" * 9_998}), "personalizations.0.substitutions"),
    "eleven categories": (put("categories", [f"c{n}" for n in range(11)]), "categories"),
    "a category twice": (put("categories", ["a", "a"]), "categories"),
    "a long category": (put("categories", ["c" * 256]), "categories.0"),
    "send_at beyond 72 h": (put("send_at", NOW + 72 * 3600 + 1), "send_at"),
    "a personalization's send_at": (put("personalizations.0.send_at", NOW + 72 * 3600 + 1), "personalizations.0.send_at"),
    "a batch_id that was not given out": (put("batch_id", "b-2"), "batch_id"),
    "reply_to_list beside reply_to": (put("reply_to_list", boxes(1)), "reply_to_list"),
    "reply_to_list too long": (put("reply_to_list", boxes(1001)), "reply_to_list"),
    "asm without its group": (put("asm", {"groups_to_display": [1]}), "asm"),
    "asm with 26 groups": (put("asm.groups_to_display", list(range(26))), "asm.groups_to_display"),
    "a short ip_pool_name": (put("ip_pool_name", "p"), "ip_pool_name"),
    "a long ip_pool_name": (put("ip_pool_name", "p" * 65), "ip_pool_name"),
    "a comma in a name": (put("personalizations.0.to.0.name", "Ada, Ms"), "personalizations.0.to.0.name"),
    "a semicolon in a name": (put("personalizations.0.to.0.name", "Ada; Ms"), "personalizations.0.to.0.name"),
    "from beyond ASCII": (put("from.email", "ışık@shop.example"), "from.email"),
    "html before text": (put("content", GOOD["content"][::-1]), "content"),
    "an empty text": (put("content.0.value", ""), "content.0.value"),
    "an envelope sender": (put("return_path", "b@bounce.example"), None),
    **{
        f"header {name}": (put(f"headers.{name}", "x"), f"headers.{name}")
        for name in ("x-sg-id", "X-SG-EID", "Received", "DKIM-Signature", "Content-Type", "Content-Transfer-Encoding",
                     "To", "From", "Subject", "Reply-To", "CC", "BCC")
    },
    "such a header in a personalization": (put("personalizations.0.headers", {"To": "x"}), "personalizations.0.headers.To"),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_each_limit_is_kept(row: str) -> None:
    """One step beyond a limit is refused, and the field is named as the provider names it."""
    change, field = ROWS[row]
    assert [where for where, _ in refusals(change)] == [field]


SHAPES: dict[str, tuple[Change, str | None]] = {
    "no personalizations": (lambda p: p.pop("personalizations"), None),
    "none of them": (put("personalizations", []), "personalizations"),
    "no from": (lambda p: p.pop("from"), None),
    "no to": (put("personalizations", [{"subject": "x"}]), "personalizations.0"),
    "an empty to": (put("personalizations.0.to", []), "personalizations.0.to"),
    "no subject": (lambda p: p.pop("subject"), "subject"),
    "an empty subject": (put("subject", ""), "subject"),
    "no content": (lambda p: p.pop("content"), "content"),
    "a type twice": (put("content", [*GOOD["content"], GOOD["content"][1]]), "content"),
    "an address that is none": (put("personalizations.0.to.0.email", "ada"), "personalizations.0.to.0.email"),
    "a number for a name": (put("personalizations.0.to.0.name", 7), "personalizations.0.to.0.name"),
    "a sandbox that is no boolean": (put("mail_settings.sandbox_mode.enable", "true"), "mail_settings.sandbox_mode.enable"),
    "an attachment without a name": (put("attachments", [{"content": "eA=="}]), "attachments.0"),
    "an attachment of another kind": (put("attachments", [{"content": "eA==", "filename": "a", "disposition": "x"}]), "attachments.0.disposition"),
    "bypassing two ways": (put("mail_settings", {"bypass_list_management": {"enable": True}, "bypass_spam_management": {"enable": True}}), "mail_settings"),
    "a header of two lines": (put("headers.X-A", "a\r\nBcc: x"), "headers.X-A"),
    "substitutions in a dynamic template": (
        lambda p: p.update(template_id="d-1", personalizations=[{"to": boxes(1), "substitutions": {"a": "b"}}]),
        "personalizations.0.substitutions",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_is_checked(shape: str) -> None:
    """What the API description requires is required."""
    change, field = SHAPES[shape]
    found = refusals(change)
    assert [where for where, _ in found] == [field], found


def test_what_is_within_the_limits_is_taken() -> None:
    """A request that stands exactly at its limits is taken, as are a thousand recipients and a template's own text."""
    assert refusals(lambda _: None) == []
    assert refusals(put("personalizations", [{"to": boxes(1, f"q{n}-")} for n in range(1000)])) == []
    assert refusals(put("personalizations.0.substitutions", {"-x-": "y" * 9_997})) == []
    assert refusals(lambda p: (p.pop("content"), p.pop("subject"), p.update(template_id="d-1"))) == []


def test_what_is_no_json_is_a_bad_request() -> None:
    """Bytes that are no JSON get the provider's plainest answer."""
    for body in (b"", b"{", b"[" * 100_000, b"\xff"):
        found = read_request(body, now_seconds=NOW)
        assert isinstance(found, list)
        assert found[0].field is None


def test_what_we_send_is_taken() -> None:
    """Our own requests pass: UTF-8, text first, one recipient, opaque arguments, no tracking of subscriptions."""
    sent = build_payload(message(category="welcome", to_name="Ada, Ms; x", feedback_id="a:b:c:shop1"))
    found = read_request(sent, now_seconds=NOW)
    assert isinstance(found, SendRequest), found
    assert recipients_of(found) == ["ada@mail.example"]
    assert "Panoların" in sent.decode("utf-8")
    assert [part.type for part in found.content] == ["text/plain", "text/html"]
    assert found.custom_args == {"relight_key": "k1"}
    assert found.categories == ["welcome"]
    assert found.personalizations[0].to[0].name == "Ada Ms x"
    assert found.headers == {
        "List-Unsubscribe": ", ".join(f"<{uri}>" for uri in message().list_unsubscribe),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "a:b:c:shop1",
    }
    tracking = found.tracking_settings
    assert tracking is not None
    assert tracking.subscription_tracking is not None
    assert tracking.subscription_tracking.enable is False
    assert not is_sandboxed(found)
    sandboxed = read_request(build_payload(message(), sandbox=True), now_seconds=NOW)
    assert isinstance(sandboxed, SendRequest)
    assert is_sandboxed(sandboxed)


def test_the_package_builds_the_same() -> None:
    """A request is, field for field, what the sendgrid package makes of the same mail by its public helpers."""
    one = message(category="welcome", feedback_id="a:b:c:shop1", transactional=True)
    mail = Mail(
        from_email=From(one.from_address, one.from_name), to_emails=To(one.to_address, one.to_name),
        subject=one.subject, plain_text_content=one.text, html_content=one.html,
    )  # fmt: skip
    mail.reply_to = ReplyTo(one.reply_to)
    for name, value in headers_of(one).items():
        mail.add_header(Header(name, value))
    mail.add_custom_arg(CustomArg("relight_key", one.occurrence_key))
    mail.add_category(Category("welcome"))
    mail.tracking_settings = TrackingSettings(subscription_tracking=SubscriptionTracking(enable=False))
    mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))
    assert json.loads(build_payload(one, sandbox=True)) == mail.get()
    assert json.loads(build_payload(message("k2"))).keys().isdisjoint({"categories", "mail_settings"})


def test_a_mail_about_keys_leaves_as_any_other() -> None:
    """What looks like an API key may stand in a mail: the package's own look would break the sender (I13)."""
    found = read_request(build_payload(message(text="SG.abc.def is how a key looks")), now_seconds=NOW)
    assert isinstance(found, SendRequest), found
