"""Header fields of a mail as bytes (RFC 5322, 2047, 6532), written here and not by the standard library.

The library folds a long URL into encoded words, which mailbox providers ignore in List-Unsubscribe, and on some
versions writes encoded words over 75 characters. Here URL headers stand as they are, and the same value gives the same
bytes on every Python.
"""

from __future__ import annotations

import base64
import re

from relight.base.errors import RejectError

#: Characters of a line that a folded header aims at (RFC 5322 2.1.1).
LINE_CHARACTERS_AIM = 78
#: Bytes of a line that no mail may pass, without CR LF (RFC 5322 2.1.1).
LINE_BYTES_MAX = 998
#: Characters of one encoded word (RFC 2047 2).
ENCODED_WORD_CHARACTERS_MAX = 75
#: Characters of a subject or name.
HEADER_TEXT_CHARACTERS_MAX = 400

_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_ATOM_TEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
#: Printable ASCII without what would end a URI in a list of them.
_URI = re.compile(r"[!#-+\--;=?-\[\]-~]*")
_SPACE = 0x20
#: Each byte as Q writes it; the characters that take one place there, and the places that a byte takes elsewise.
_Q_TABLE = [bytes([b]) if b in _Q_PLAIN else b"_" if b == _SPACE else b"=%02X" % b for b in range(256)]
_Q_SINGLE = frozenset(map(chr, _Q_PLAIN)) | {" "}
_Q_ESCAPED = 3
_PREFIX_Q, _PREFIX_B, _SUFFIX = b"=?utf-8?q?", b"=?utf-8?b?", b"?="


class HeaderError(RejectError):
    """A value may not stand in a header."""


def check_header_text(name: str, value: str) -> str:
    """Return the value; raises HeaderError for controls, encoded words and lone surrogates (CVE-2024-6923)."""
    found = _REFUSED.search(value)
    if found:
        raise HeaderError(f"{name}: a control character (U+{ord(found[0]):04X}) may not stand in a header")
    if "=?" in value:
        raise HeaderError(f"{name}: '=?' may not stand in a header")
    if len(value) > HEADER_TEXT_CHARACTERS_MAX:
        raise HeaderError(f"{name}: more than {HEADER_TEXT_CHARACTERS_MAX} characters")
    return value


def text_header(name: str, value: str) -> bytes:
    """Return an unstructured field (Subject): folded ASCII, else encoded words of at most 75 characters."""
    check_header_text(name, value)
    if value.isascii():
        return _fold_words(name, [word.encode("ascii") for word in value.split(" ")])
    return _fold_words(name, encoded_words(value, LINE_CHARACTERS_AIM - len(name) - 2))


def address_header(name: str, address: str, display: str | None) -> bytes:
    """Return From, To or Reply-To: `"Name" <address>`. A non-ASCII local part stands as UTF-8 (RFC 6532)."""
    check_header_text(name, address)
    bracketed = f"<{address}>".encode()
    if not display:
        return _fold_words(name, [address.encode()])
    check_header_text(name, display)
    if not display.isascii():
        words = encoded_words(display, LINE_CHARACTERS_AIM - len(name) - 2)
    elif _ATOM_TEXT.fullmatch(display) and display == " ".join(display.split()):
        words = [word.encode("ascii") for word in display.split(" ")]
    else:
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        words = [word.encode("ascii") for word in f'"{quoted}"'.split(" ")]
    return _fold_words(name, [*words, bracketed])


def plain_header(name: str, value: str) -> bytes:
    """Return a structured field that must stand as it is: Message-ID, Feedback-ID, Date; ASCII only."""
    if not value.isascii() or _REFUSED.search(value):
        raise HeaderError(f"{name}: only printable ASCII may stand here")
    return _checked(name, f"{name}: {value}\r\n".encode("ascii"))


def uris_header(name: str, uris: tuple[str, ...]) -> bytes:
    """Return a list of URIs in angle brackets, broken only after a comma between two of them (RFC 2369)."""
    for uri in uris:
        if not _URI.fullmatch(uri):
            raise HeaderError(f"{name}: a URI of printable ASCII without ',' and '<' is needed (percent-encode them)")
    line = f"{name}:"
    lines: list[str] = []
    for number, uri in enumerate(uris):
        item = f" <{uri}>" + ("," if number < len(uris) - 1 else "")
        if number and len(line) + len(item) > LINE_CHARACTERS_AIM:
            lines.append(line)
            line = ""
        line += item
    return _checked(name, "".join(f"{one}\r\n" for one in (*lines, line)).encode("ascii"))


def encoded_words(text: str, first: int) -> list[bytes]:
    """Return encoded words (RFC 2047) of at most 75 characters, the first one at most `first`; no character is cut.

    Q where it is shorter, else B.
    """
    raw = text.encode("utf-8")
    q_length = sum(map(len, map(_Q_TABLE.__getitem__, raw)))
    as_q = q_length <= -(-len(raw) // 3) * 4
    words: list[bytes] = []
    room = _room(first, as_q=as_q)
    chunk = b""
    used = 0
    for character in text:
        piece = character.encode("utf-8")
        cost = len(piece) if not as_q else 1 if character in _Q_SINGLE else _Q_ESCAPED * len(piece)
        if used + cost > room:
            words.append(_word(chunk, as_q=as_q))
            chunk, used, room = b"", 0, _room(ENCODED_WORD_CHARACTERS_MAX, as_q=as_q)
        chunk += piece
        used += cost
    words.append(_word(chunk, as_q=as_q))
    return words


def _room(characters: int, *, as_q: bool) -> int:
    """Return how much one word holds: characters of Q, or bytes that B encodes."""
    inner = min(characters, ENCODED_WORD_CHARACTERS_MAX) - len(_PREFIX_Q) - len(_SUFFIX)
    return inner if as_q else inner // 4 * 3


def _q(raw: bytes) -> bytes:
    return b"".join(map(_Q_TABLE.__getitem__, raw))


def _word(raw: bytes, *, as_q: bool) -> bytes:
    return _PREFIX_Q + _q(raw) + _SUFFIX if as_q else _PREFIX_B + base64.b64encode(raw) + _SUFFIX


def _fold_words(name: str, words: list[bytes]) -> bytes:
    line, lines = f"{name}:".encode("ascii"), []
    for number, word in enumerate(words):
        if number and len(line) + 1 + len(word) > LINE_CHARACTERS_AIM and word:
            lines.append(line)
            line = b""
        line += b" " + word
    return _checked(name, b"".join(one + b"\r\n" for one in (*lines, line)))


def _checked(name: str, field: bytes) -> bytes:
    if len(field) > LINE_BYTES_MAX and any(len(line) > LINE_BYTES_MAX for line in field.split(b"\r\n")):
        raise HeaderError(f"{name}: a line of more than {LINE_BYTES_MAX} bytes")
    return field
