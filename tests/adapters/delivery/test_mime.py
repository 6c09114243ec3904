"""The bytes of a mail: headers as meant and no other, lines within limits, the same bytes for the same message."""

from __future__ import annotations

import binascii
import datetime as dt
import email
import email.policy
import re
from email.errors import MultipartInvariantViolationDefect
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import compat32

import hypothesis.strategies as st
import pytest
from hypothesis import given

from relight.delivery import OutgoingMessage, mime
from relight.delivery.headers import HeaderError, address_header, encoded_words, plain_header, text_header, uris_header
from relight.delivery.mime import build_mime
from tests.adapters.delivery.mail_kit import message

DATE = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
MEANT = [
    "Message-ID", "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post", "Date",
    "MIME-Version", "Content-Type",
]  # fmt: skip


def build(**changes: object) -> bytes:
    return build_mime(message(**changes), date=DATE)  # type: ignore[arg-type]


def parse(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def body(raw: bytes, kind: str) -> str:
    found = parse(raw).get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_the_head_is_pinned() -> None:
    """The head of a mail is these bytes, on every Python."""
    head = build().split(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    assert head == [
        "Message-ID: " + message().message_id,
        "From: Defne at Shop <defne@shop.example>",
        "To: =?utf-8?q?Ada_=C3=96rnek?= <ada@mail.example>",
        "Reply-To: help@shop.example",
        "Subject: =?utf-8?q?Panolar=C4=B1n_seni_bekliyor?=",
        "List-Unsubscribe: <https://mail.shop.example/u/" + "t" * 43 + ">,",
        " <mailto:unsubscribe@shop.example>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Date: Sun, 01 Mar 2026 09:00:00 +0000",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        ' boundary="=_' + head[-1].removeprefix(' boundary="=_').rstrip('"') + '"',
    ]


def test_text_comes_first_and_both_parts_come_back() -> None:
    """multipart/alternative, text then HTML, UTF-8; what was put in comes out."""
    raw = build()
    parts = list(parse(raw).iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert body(raw, "plain").strip() == message().text.strip()
    assert body(raw, "html").strip() == message().html.strip()


def test_equal_messages_make_equal_bytes() -> None:
    """Only Date differs between two attempts; the boundary derives from the key."""
    assert build() == build()
    assert build(key="k2") != build()
    later = build_mime(message(), date=DATE + dt.timedelta(hours=1))
    assert later.replace(b"10:00:00", b"09:00:00") == build()


def test_a_long_unsubscribe_link_survives() -> None:
    """A URL of 900 characters stands whole on one line, never as an encoded word; over 998 bytes it is refused."""
    link = "https://mail.shop.example/u/" + "x" * 872
    raw = build(list_unsubscribe=(link, "mailto:u@shop.example"))
    assert b"List-Unsubscribe: <" + link.encode() + b">,\r\n <mailto:u@shop.example>\r\n" in raw
    with pytest.raises(HeaderError, match="998"):
        build(list_unsubscribe=("https://mail.shop.example/" + "x" * 999,))


@pytest.mark.parametrize(
    "uri", ["https://a.example/a,b", "https://a.example/>", "https://a.example/\r\nBcc: x", "https://ş.example"]
)
def test_a_link_that_would_break_its_header_is_refused(uri: str) -> None:
    """Commas, brackets, controls and letters beyond ASCII must be percent-encoded."""
    with pytest.raises(HeaderError):
        uris_header("List-Unsubscribe", (uri,))


def test_one_click_needs_exactly_one_https_link() -> None:
    """Without an HTTPS link there is no List-Unsubscribe-Post; a transactional mail has neither."""
    assert "List-Unsubscribe-Post" not in parse(build(list_unsubscribe=("mailto:u@shop.example",)))
    plain = parse(build(list_unsubscribe=(), transactional=True, feedback_id="a:b:c:shop1"))
    assert "List-Unsubscribe" not in plain
    assert (plain["Auto-Submitted"], plain["Feedback-ID"]) == ("auto-generated", "a:b:c:shop1")


INJECTIONS = [
    "a\r\nBcc: x@y.example", "a\nBcc: x", "a\rBcc: x", "a\x00b", "a\x1fb", "a\x7fb", "a\x85b", "a\u2028b", "\ud800",
    "=?utf-8?q?hi=0D=0ABcc=3A_x=40y?=", "=?", "x" * 401,
]  # fmt: skip


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("field", ["subject", "to_name", "from_name", "to_address", "reply_to"])
def test_no_value_becomes_a_header(value: str, field: str) -> None:
    """Controls and encoded words in a value from data are refused in every header."""
    with pytest.raises(HeaderError):
        build(**{field: value})


@pytest.mark.parametrize("field", ["message_id", "feedback_id"])
def test_structured_headers_take_ascii_only(field: str) -> None:
    """Message-ID and Feedback-ID stand as they are or not at all."""
    for value in ("<ş@x>", "<a\r\nb@x>"):
        with pytest.raises(HeaderError):
            build(**{field: value})
    with pytest.raises(HeaderError):
        plain_header("X", "a\tb")


@given(st.text(max_size=150), st.text(max_size=60), st.text(max_size=300))
def test_any_text_leaves_whole_or_is_refused(subject: str, name: str, text: str) -> None:
    """Whatever the values: the headers are those meant, no encoded word is over 75 characters, no line over 998 bytes,
    and subject, name and body come back.
    """
    try:
        raw = build(subject=subject, to_name=name or None, text=text)
    except HeaderError:
        return
    assert parse(raw).keys() == MEANT
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    head = raw.split(b"\r\n\r\n")[0]
    assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ ]*\?=", head))
    assert _unfolded(parse(raw)["Subject"]) == _unfolded(subject)
    if name.strip():
        # The library keeps the blank between encoded words of a phrase, which RFC 2047 6.2 drops.
        assert _blankless(parse(raw)["To"].addresses[0].display_name) == _blankless(name)
    sent = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    assert body(raw, "plain").replace("\r\n", "\n").rstrip("\n") == sent.rstrip("\n")


def _unfolded(value: str) -> str:
    return " ".join(str(value).split())


def _blankless(value: str) -> str:
    return "".join(value.split())


@given(st.text(min_size=1, max_size=200), st.integers(min_value=20, max_value=75))
def test_encoded_words_cut_no_character(text: str, first: int) -> None:
    """Each encoded word is whole UTF-8 and within its room."""
    if re.search("[\ud800-\udfff]", text):
        return
    words = encoded_words(text, first)
    assert len(words[0]) <= first
    assert all(len(word) <= 75 for word in words)
    decoded = [str(email.header.make_header(email.header.decode_header(word.decode()))) for word in words]
    assert "".join(decoded) == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Example", b"To: Ada Example <a@b.example>\r\n"),
        ('Ada "the" Example, Jr.', b'To: "Ada \\"the\\" Example, Jr." <a@b.example>\r\n'),
        ("a <b@c.example>", b'To: "a <b@c.example>" <a@b.example>\r\n'),
        ("Şule", b"To: =?utf-8?b?xZ51bGU=?= <a@b.example>\r\n"),
        ("", b"To: a@b.example\r\n"),
    ],
)
def test_display_names(name: str, expected: bytes) -> None:
    """A name is atoms, a quoted string or encoded words; it never adds an address."""
    assert address_header("To", "a@b.example", name or None) == expected


def test_a_long_ascii_subject_folds_at_spaces() -> None:
    """A long subject is folded between words, and a word alone may be long."""
    folded = text_header("Subject", " ".join(["word"] * 40))
    assert all(len(line) <= 78 for line in folded.split(b"\r\n"))
    assert b"Subject: " + b"x" * 390 in text_header("Subject", "x" * 390)


def test_an_address_beyond_ascii_stands_as_utf8() -> None:
    """A local part beyond ASCII is written as UTF-8 (RFC 6532), never as an encoded word."""
    raw = build_mime(message(to_address="ışık@mail.example", to_name=None), date=DATE)
    assert "\r\nTo: ışık@mail.example\r\n".encode() in raw


def test_a_value_per_field() -> None:
    """A message is data: what is not given is not written."""
    bare = OutgoingMessage(
        occurrence_key="k", to_address="a@b.example", from_address="c@d.example", subject="s", html="h", text="t",
        message_id="<k@d.example>",
    )  # fmt: skip
    assert parse(build_mime(bare, date=DATE)).keys() == [
        "Message-ID", "From", "To", "Subject", "Date", "MIME-Version", "Content-Type",
    ]  # fmt: skip


def test_a_defect_of_missing_parts_is_none_of_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python up to 3.11.3 counts a multipart head that is parsed alone as a defect; every mail would be refused there."""

    class OlderParser(BytesHeaderParser):
        def parsebytes(self, text: bytes | bytearray, headersonly: bool = True) -> Message:  # noqa: FBT002 - the library's
            found = super().parsebytes(text, headersonly)
            found.defects.append(MultipartInvariantViolationDefect())
            return found

    monkeypatch.setattr(mime, "_PARSER", OlderParser(policy=compat32))
    head = b'Subject: x\r\nContent-Type: multipart/alternative;\r\n boundary="=_a"\r\n\r\n'
    mime._check_fields(head, ["Subject", "Content-Type"])
    with pytest.raises(HeaderError):
        mime._check_fields(head, ["Subject"])


@given(st.text(st.sampled_from("ab .=\tü\n\r"), max_size=200).map(lambda text: text + "x" * 70))
def test_lines_are_encoded_as_the_whole_would_be(text: str) -> None:
    """A body line by line is what the library makes of it in one piece, once that has seen a line end."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    whole = binascii.b2a_qp(b"\r\n" + lines.encode().replace(b"\n", b"\r\n"), istext=True)
    assert mime._quoted_printable(lines) == whole.removeprefix(b"\r\n")


def test_a_long_last_line_is_broken_with_crlf() -> None:
    """A body of one line without an end holds no bare line feed (RFC 5322 2.3)."""
    raw = build(html="<p>" + "word " * 60 + "</p>", text="word " * 60)
    assert not re.search(rb"(?<!\r)\n", raw)


@given(
    st.lists(st.tuples(st.sampled_from(["A", "Bc", "X-d"]),
                       st.text(st.sampled_from("ab: \t\r\n\x00ü"), max_size=12)), min_size=1, max_size=3)
)  # fmt: skip
def test_what_stands_alone_is_what_a_parser_finds(given: list[tuple[str, str]]) -> None:
    """No field that is taken without a parser is read by one as more, less or another."""
    fields = [(name, f"{name}:{value}\r\n".encode()) for name, value in given]
    if mime._stands_alone(fields):
        mime._check_fields(b"".join(field for _, field in fields) + b"\r\n", [name for name, _ in fields])


def test_an_ordinary_head_needs_no_parser() -> None:
    """The fields of a mail with a folded subject stand alone; one that holds another header does not."""
    fields = mime.header_fields(message(subject="word " * 40, from_name="Zoë"))
    assert mime._stands_alone(fields)
    assert not mime._stands_alone([*fields, ("X", b"X: a\r\nBcc: b\r\n")])
    assert not mime._stands_alone([*fields, ("X", b"X: a\r\n \r\n")])
