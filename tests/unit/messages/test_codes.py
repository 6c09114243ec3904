"""A code in the place of its placeholder."""

from __future__ import annotations

from markupsafe import escape

from relight.messages.codes import CODE_PLACEHOLDER, with_code
from relight.templates.html_text import html_to_text
from tests.adapters.stores.examples import make_message


def test_the_placeholder_passes_through_a_letter_unchanged() -> None:
    """S6: neither escaping nor the text made from HTML touches it."""
    assert str(escape(CODE_PLACEHOLDER)) == CODE_PLACEHOLDER
    assert CODE_PLACEHOLDER in html_to_text(f"<p>{'word ' * 15}{CODE_PLACEHOLDER}</p>")


def test_a_message_without_pool_keeps_what_it_says() -> None:
    """S6: without a code nothing is replaced, whatever the text says."""
    message = make_message(1)
    assert with_code(message, "") is message
